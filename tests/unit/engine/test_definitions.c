/* define: durable before it is told, refused when this build lacks something; plans come back. */
#include "world.h"

#include "definitions.h"

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 4);
    world_open(&world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

struct told {
    uint32_t count;
    enum skald_status status;
    bool is_new;
    char message[600], version[100];
    struct sk_digest digest;
};

static void on_defined(void *context, const struct sk_define_reply *reply)
{
    struct told *told = context;
    told->count += 1;
    told->status = reply->status;
    told->is_new = reply->is_new;
    told->digest = reply->digest;
    snprintf(told->version, sizeof told->version, "%.*s", SK_STR_ARGS(reply->version));
    if (reply->error != NULL)
        snprintf(told->message, sizeof told->message, "%s", reply->error->message);
}

static struct told define(const char *yaml)
{
    struct told told = { 0 };
    sk_engine_define(world.engine, sk_str_of(yaml), SK_STR("t.yaml"), on_defined, &told);
    assert_int_equal(0, told.count);
    world_run(&world);
    assert_int_equal(1, told.count);
    return told;
}

static void twice_is_once(void **state)
{
    (void)state;
    struct told told = define(single_yaml);
    assert_int_equal(SKALD_OK, told.status);
    assert_true(told.is_new);
    assert_string_equal("1", told.version);
    assert_false(define(single_yaml).is_new);
    world_crash(&world);
    world_open(&world);
    assert_false(define(single_yaml).is_new);
    (void)world_start(&world, "single", "s", "{}");
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "s").state);
}

static void another_text_under_one_version_conflicts(void **state)
{
    (void)state;
    (void)define(single_yaml);
    struct told told =
        define("saga: {id: single, name: Other, version: '1'}\nsteps:\n"
               "  - {id: a, name: A, type: function, action: {function: {name: a}}}\n");
    assert_int_equal(SKALD_E_CONFLICT, told.status);
}

static void the_latest_is_the_one_defined_last(void **state)
{
    (void)state;
    (void)define(single_yaml);
    (void)define("saga: {id: single, name: Two, version: '2'}\nsteps:\n"
                 "  - {id: a, name: A, type: function, action: {function: {name: second}}}\n");
    (void)world_start(&world, "single", "s-1", "{}");
    assert_string_equal("second", world.invoker.calls[0].name);
    struct answer answer = { 0 };
    struct sk_start_request request = { .definition = SK_STR("single"),
                                        .version = SK_STR("1"),
                                        .id = SK_STR("s-2") };
    sk_engine_start(world.engine, &request, world_on_answer, &answer);
    world_run(&world);
    assert_string_equal("only", world.invoker.calls[1].name);
}

static void refuses_what_the_build_lacks(void **state)
{
    (void)state;
    struct told told =
        define("saga: {id: h, name: H, version: '1'}\nsteps:\n"
               "  - {id: a, name: A, type: message, action: {message: {topic: q}}}\n");
    assert_int_equal(SKALD_E_UNSUPPORTED, told.status);
    assert_non_null(strstr(told.message, "message"));
    assert_int_equal(SKALD_E_NOT_FOUND, world_start(&world, "h", "x", "{}").status);
}

static void invalid_ones_say_all(void **state)
{
    (void)state;
    struct told told = define("saga: {id: h}\nsteps: []\n");
    assert_int_equal(SKALD_E_INVALID, told.status);
    assert_non_null(strstr(told.message, "errors in all"));
}

static void a_child_must_be_there(void **state)
{
    (void)state;
    struct told told = define(parent_yaml);
    assert_int_equal(SKALD_E_INVALID, told.status);
    assert_non_null(strstr(told.message, "single"));
    (void)define(single_yaml);
    assert_int_equal(SKALD_OK, define(parent_yaml).status);
}

static void a_child_with_a_pivot_needs_its_own_undo(void **state)
{
    (void)state;
    (void)define(
        "saga: {id: single, name: P, version: '1'}\nsteps:\n"
        "  - {id: a, name: A, type: function, pivot: true, action: {function: {name: a}}}\n");
    struct told told = define(parent_yaml);
    assert_int_equal(SKALD_E_INVALID, told.status);
    assert_non_null(strstr(told.message, "pivot"));
}

static void on_plan(void *context, enum skald_status status, const struct sk_plan *plan,
                    const skald_error *error)
{
    (void)error;
    struct told *told = context;
    told->count += 1;
    told->status = status;
    if (plan != NULL) told->digest = plan->digest;
}

static void plans_are_found(void **state)
{
    (void)state;
    struct told defined = define(single_yaml), asked = { 0 };
    world_crash(&world);
    world_open(&world);
    sk_engine_plan(world.engine, NULL, SK_STR("single"), SK_STR(""), on_plan, &asked);
    assert_int_equal(0, asked.count);
    world_run(&world);
    assert_int_equal(SKALD_OK, asked.status);
    assert_true(sk_digest_equal(&defined.digest, &asked.digest));
    sk_engine_plan(world.engine, &defined.digest, SK_STR(""), SK_STR(""), on_plan, &asked);
    world_run(&world);
    assert_int_equal(2, asked.count);
    sk_engine_plan(world.engine, NULL, SK_STR("none"), SK_STR(""), on_plan, &asked);
    world_run(&world);
    assert_int_equal(SKALD_E_NOT_FOUND, asked.status);
}

static void free_with_everything_under_way(void **state)
{
    (void)state;
    (void)define(single_yaml);
    world_crash(&world);
    for (int turns = 0; turns < 30; turns++) {
        world_open(&world);
        struct told told[3] = { { 0 } };
        struct answer answers[3] = { 0 };
        sk_engine_define(world.engine, sk_str_of(parent_yaml), SK_STR(""), on_defined, &told[0]);
        sk_engine_plan(world.engine, NULL, SK_STR("single"), SK_STR(""), on_plan, &told[1]);
        sk_engine_plan(world.engine, NULL, SK_STR("none"), SK_STR(""), on_plan, &told[2]);
        struct sk_start_request request = { .definition = SK_STR("single"),
                                            .idempotency_key = SK_STR("k") };
        sk_engine_start(world.engine, &request, world_on_answer, &answers[0]);
        sk_engine_start(world.engine, &request, world_on_answer, &answers[1]);
        sk_engine_wait(world.engine, SK_STR("nobody"), 1000, world_on_answer, &answers[2]);
        for (int i = 0; i < turns && world.runtime.first != NULL; i++) {
            struct post *first = world.runtime.first;
            world.runtime.first = first->next;
            if (world.runtime.first == NULL) world.runtime.last = &world.runtime.first;
            first->fn(first->context);
            free(first);
        }
        world_crash(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(twice_is_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_text_under_one_version_conflicts, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_latest_is_the_one_defined_last, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_the_build_lacks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(invalid_ones_say_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_child_must_be_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_child_with_a_pivot_needs_its_own_undo, set_up, tear_down),
        cmocka_unit_test_setup_teardown(plans_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(free_with_everything_under_way, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The n-th allocation fails, for every n: nothing crashes or leaks, what was acknowledged comes
 * true, and once there is memory again every saga ends. As support/alloc_fail.h, but the store and
 * the test's own world are spared: the memory store has no other place to put its data.
 */
#include "world.h"

#include "definitions.h"

void *__real_sk_alloc(size_t size);
void *__real_sk_realloc(void *pointer, size_t size);
void *__wrap_sk_alloc(size_t size);
void *__wrap_sk_realloc(void *pointer, size_t size);

static struct world world;
static int countdown = -1; /* < 0: nothing fails */
static int failing_count;  /* how many in a row */
static bool was_hit;

static bool fails_now(void)
{
    if (countdown < 0 || world.is_in_store) return false;
    if (countdown > 0) {
        countdown -= 1;
        return false;
    }
    was_hit = true;
    failing_count -= 1;
    if (failing_count == 0) countdown = -1;
    return true;
}

void *__wrap_sk_alloc(size_t size)
{
    return fails_now() ? NULL : __real_sk_alloc(size);
}

void *__wrap_sk_realloc(void *pointer, size_t size)
{
    return fails_now() ? NULL : __real_sk_realloc(pointer, size);
}

static void arm(int n, int count)
{
    countdown = n;
    failing_count = count;
    was_hit = false;
}

static void judge(const char *id, const struct answer *answer, enum sk_saga_state end)
{
    assert_int_equal(1, answer->count);
    struct answer read = world_get(&world, id);
    if (answer->status == SKALD_OK) assert_int_equal(SKALD_OK, read.status);
    if (read.status == SKALD_OK) assert_int_equal(end, read.state);
    if (read.status != SKALD_OK) assert_int_equal(SKALD_E_NOT_FOUND, read.status);
}

/* Each in a world of its own: what was used before is used again without any allocation. */
static void each_of(const char *definition, const char *prefix, int count, enum sk_saga_state end)
{
    int n = 0;
    for (was_hit = true; was_hit && n < 3000; n++) {
        char id[32];
        world_init(&world, 4);
        world_open(&world);
        world_define(&world, single_yaml);
        world_define(&world, parent_yaml);
        world_define(&world, order_yaml);
        world_define(&world, locked_yaml);
        snprintf(id, sizeof id, "%s-%d", prefix, n);
        struct answer answer = { 0 };
        struct sk_start_request request = { .definition = sk_str_of(definition),
                                            .id = sk_str_of(id),
                                            .input = SK_STR("{\"account\":1}") };
        arm(n, count);
        sk_engine_start(world.engine, &request, world_on_answer, &answer);
        world_run(&world);
        world_advance(&world, 500);
        countdown = -1;
        world_advance(&world, 120000);
        judge(id, &answer, end);
        world_release(&world);
    }
    assert_true(n > 20 && n < 3000);
}

struct text {
    char bytes[32768];
    size_t size;
};

static void on_export(void *context, enum skald_status status, struct sk_str text,
                      const skald_error *error)
{
    struct text *out = context;
    (void)error;
    if (status != SKALD_OK || text.size > sizeof out->bytes) return;
    memcpy(out->bytes, text.data, text.size);
    out->size = text.size;
}

/* Exported with too little memory, then imported with too little: told so, and nothing is left. */
static void a_saga_that_moves(void **state)
{
    (void)state;
    static struct text text;
    world_init(&world, 4);
    world_open(&world);
    world_define(&world, order_yaml);
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "moved", "{}");
    int n = 0;
    for (text.size = 0; text.size == 0 && n < 3000; n++) {
        arm(n, 1);
        sk_engine_export(world.engine, SK_STR("moved"), on_export, &text);
        world_run(&world);
        countdown = -1;
    }
    assert_true(n > 5);
    world_release(&world);
    world_init(&world, 4);
    world_open(&world);
    struct answer answer = { .status = SKALD_E_MEMORY };
    for (n = 0; answer.status != SKALD_OK && n < 3000; n++) {
        answer = (struct answer){ 0 };
        arm(n, 1);
        sk_engine_import(world.engine, (struct sk_str){ text.bytes, text.size }, SK_STR("ada"),
                         world_on_answer, &answer);
        world_run(&world);
        world_advance(&world, 500);
        countdown = -1;
        world_advance(&world, 120000);
        assert_int_equal(1, answer.count);
        struct answer read = world_get(&world, "moved");
        assert_int_equal(answer.status == SKALD_OK ? SKALD_OK : SKALD_E_NOT_FOUND, read.status);
    }
    assert_true(n > 20 && n < 3000);
    assert_int_equal(0, world.invoker.calls_count);
    world_release(&world);
}

static void a_saga_that_completes(void **state)
{
    (void)state;
    each_of("order", "a", 1, SK_SAGA_COMPLETED);
    each_of("order", "b", 7, SK_SAGA_COMPLETED);
}

static void a_saga_with_a_child(void **state)
{
    (void)state;
    each_of("parent", "c", 1, SK_SAGA_COMPLETED);
}

static void a_saga_with_locks(void **state)
{
    (void)state;
    each_of("locked", "d", 1, SK_SAGA_COMPLETED);
}

/* Opening: it fails, or it works; a second try works. */
static void opening(void **state)
{
    (void)state;
    world_init(&world, 4);
    world.invoker.is_manual = true;
    world_open(&world);
    world_define(&world, order_yaml);
    (void)world_start(&world, "order", "o-1", "{}");
    world_crash(&world);
    world.invoker.is_manual = false;
    int n = 0;
    for (; n < 2000; n++) {
        arm(n, 1);
        skald_error error;
        if (sk_engine_new(&world.options, &world.engine, &error) == SKALD_OK) {
            world.opened_count = 0;
            world_open_engine(&world);
            world_advance(&world, 20000);
            assert_int_equal(1, world.opened_count);
            countdown = -1;
            if (world.opened_status == SKALD_OK && n > 0) {
                assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "o-1").state);
            }
            world_crash(&world);
        }
        countdown = -1;
        world.invoker.calls_count = 0;
        if (!was_hit) break;
    }
    assert_true(n > 10);
    world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_saga_that_moves),
        cmocka_unit_test(a_saga_that_completes),
        cmocka_unit_test(a_saga_with_a_child),
        cmocka_unit_test(a_saga_with_locks),
        cmocka_unit_test(opening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What the engine's own limits answer: commands waiting for one saga, inputs, outputs and
 * definitions. */
#include "world.h"

#include "definitions.h"

static const char waiter_yaml[] = "saga: {id: waiter, name: Waiter, version: '1'}\n"
                                  "steps:\n"
                                  "  - {id: go, name: Go, type: wait, wait: {signal: go}}\n";

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 8);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

static void give(enum sk_command_kind kind, const char *id, struct answer *answer)
{
    struct sk_command command = { .kind = kind,
                                  .step = SK_STEP_NONE,
                                  .item = -1,
                                  .id = sk_str_of(id),
                                  .name = SK_STR("noise"),
                                  .who = SK_STR("ann"),
                                  .why = SK_STR("test") };
    sk_engine_command(world.engine, SK_STR("w-1"), &command, SK_STR(""), world_on_answer, answer);
}

/* A saga that is being read takes no command yet: they wait in its queue. */
static void a_full_queue_still_takes_a_cancel(void **state)
{
    (void)state;
    struct answer answers[4] = { { 0 } };
    world.options.jobs_max = 2;
    world_open(&world);
    world_define(&world, waiter_yaml);
    assert_int_equal(SK_SAGA_RUNNING, world_start(&world, "waiter", "w-1", "{}").state);
    world_crash(&world);
    world_open(&world);
    give(SK_COMMAND_SIGNAL, "1", &answers[0]);
    give(SK_COMMAND_SIGNAL, "2", &answers[1]);
    give(SK_COMMAND_SIGNAL, "3", &answers[2]);
    give(SK_COMMAND_CANCEL, "4", &answers[3]);
    world_run(&world);
    assert_int_equal(SKALD_OK, answers[0].status);
    assert_int_equal(SKALD_OK, answers[1].status);
    assert_int_equal(SKALD_E_AGAIN, answers[2].status);
    assert_int_equal(SKALD_OK, answers[3].status);
    assert_int_equal(SK_SAGA_CANCELLED, world_get(&world, "w-1").state);
}

static void sizes(void **state)
{
    (void)state;
    world.options.input_size_max = 16;
    world.options.output_size_max = 8;
    world.invoker.is_manual = true;
    world_open(&world);
    world_define(&world, order_yaml);
    assert_int_equal(SKALD_E_TOO_LARGE,
                     world_start(&world, "order", "s-1", "{\"a\": \"0123456789\"}").status);
    assert_int_equal(SK_SAGA_RUNNING, world_start(&world, "order", "s-2", "{\"a\": 1}").state);
    world_answer(&world, 0, SK_OUTCOME_SUCCEEDED, "{\"a\":1}");
    world_run(&world);
    int charge = world_call(&world, "charge", 0);
    assert_true(charge > 0);
    world_answer(&world, (uint32_t)charge, SK_OUTCOME_SUCCEEDED, "{\"a\":123456}");
    world_run(&world);
    world_advance(&world, 60000); /* unknown: asked again */
    assert_true(world_call(&world, "charge", 1) > charge);
}

static void on_define(void *context, const struct sk_define_reply *reply)
{
    *(enum skald_status *)context = reply->status;
}

static void a_large_definition(void **state)
{
    (void)state;
    enum skald_status status = SKALD_OK;
    world.options.definition_size_max = 100;
    world_open(&world);
    sk_engine_define(world.engine, sk_str_of(order_yaml), SK_STR("order.yaml"), on_define, &status);
    world_run(&world);
    assert_int_equal(SKALD_E_TOO_LARGE, status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_queue_still_takes_a_cancel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_definition, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

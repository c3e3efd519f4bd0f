/* An answer by token whose outcome a function is asked about (verdict.c): the command is held, and
 * nobody who gave it is forgotten, whatever happens meanwhile. */
#include "world.h"

#include <string.h>

static const char judged[] =
    "saga: { id: judged, name: Judged, version: \"1\" }\n"
    "steps:\n"
    "  - { id: pay, name: Pay, type: function, action: { function: { name: pay } },\n"
    "      retry_policy: { type: fixed_delay, max_attempts: 3, initial_delay: 1s,\n"
    "                      decide: judge } }\n";

static int set_up(void **state)
{
    static struct world world;
    memset(&world, 0, sizeof world);
    *state = &world;
    world_init(&world, 1);
    world.invoker.is_manual = true;
    world_open(&world);
    world_define(&world, judged);
    (void)world_start(&world, "judged", "s-1", "{}");
    world_answer(&world, 0, SK_OUTCOME_PENDING, "");
    world_run(&world);
    return 0;
}

static int tear_down(void **state)
{
    world_release(*state);
    return 0;
}

static void complete(struct world *world, enum sk_outcome_class class_, struct answer *answer)
{
    struct sk_outcome outcome = { .class_ = class_, .code = SK_STR("odd") };
    memset(answer, 0, sizeof *answer);
    sk_engine_complete(world->engine, SK_STR("s-1"), SK_STR("pay"),
                       sk_str_of(world->invoker.calls[0].token), &outcome, world_on_answer, answer);
    world_run(world);
}

static void waits_for_the_verdict(void **state)
{
    struct world *world = *state;
    struct answer answer;
    complete(world, SK_OUTCOME_FAILED, &answer);
    assert_false(answer.is_there);
    int asked = world_call(world, "judge", 0);
    assert_true(asked > 0);
    assert_int_equal(SK_OPERATION_DECISION, world->invoker.calls[asked].operation);
    world_answer(world, (uint32_t)asked, SK_OUTCOME_SUCCEEDED, "true");
    world_run(world);
    assert_int_equal(1, answer.count);
    assert_int_equal(SKALD_OK, answer.status);
    world_advance(world, 1500);
    assert_true(world_call(world, "pay", 1) > 0); /* a clear no, and yet once more */
}

static void no_answer_is_no_verdict(void **state)
{
    struct world *world = *state;
    struct answer answer;
    complete(world, SK_OUTCOME_FAILED, &answer);
    world_answer(world, (uint32_t)world_call(world, "judge", 0), SK_OUTCOME_UNKNOWN, "");
    world_run(world);
    assert_int_equal(1, answer.count);
    world_advance(world, 60000);
    assert_int_equal(-1, world_call(world, "judge", 1));
    assert_int_equal(-1, world_call(world, "pay", 1)); /* by the lists a clear no stands */
}

static void held_when_the_engine_stops(void **state)
{
    struct world *world = *state;
    struct answer answer;
    complete(world, SK_OUTCOME_FAILED, &answer);
    sk_engine_stop(world->engine, 0, NULL, NULL);
    world_advance(world, 60000);
    assert_int_equal(1, answer.count);
    assert_int_equal(SKALD_E_CLOSED, answer.status);
}

static void held_when_the_shard_is_lost(void **state)
{
    struct world *world = *state;
    struct answer answer, signalled = { 0 };
    complete(world, SK_OUTCOME_FAILED, &answer);
    world->store.fate = FATE_FENCED;
    world->store.fates_count = 1;
    struct sk_command suspend = {
        .kind = SK_COMMAND_SUSPEND, .id = SK_STR("c-1"), .who = SK_STR("ada"), .why = SK_STR("test")
    };
    sk_engine_command(world->engine, SK_STR("s-1"), &suspend, SK_STR(""), world_on_answer,
                      &signalled);
    world_run(world);
    world_advance(world, 60000);
    assert_int_equal(1, answer.count);
    assert_int_not_equal(SKALD_OK, answer.status);
}

static void a_crash_leaves_nothing(void **state)
{
    struct world *world = *state;
    struct answer answer;
    complete(world, SK_OUTCOME_FAILED, &answer);
    world_crash(world); /* what is left of the job is the sanitizer's to find */
    assert_false(answer.is_there);
    world_open(world);
    world_run(world);
    complete(world, SK_OUTCOME_SUCCEEDED, &answer);
    assert_int_equal(SKALD_OK, answer.status);
    assert_int_equal(SK_SAGA_COMPLETED, answer.state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(waits_for_the_verdict, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_answer_is_no_verdict, set_up, tear_down),
        cmocka_unit_test_setup_teardown(held_when_the_engine_stops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(held_when_the_shard_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crash_leaves_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

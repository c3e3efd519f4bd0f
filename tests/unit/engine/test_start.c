/* Starts: accepted, run, answered only when durable; ids, keys, replays, refusals. */
#include "world.h"

#include "definitions.h"

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 8);
    world_open(&world);
    world_define(&world, order_yaml);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

static void runs_to_completion(void **state)
{
    (void)state;
    struct answer answer = world_start(&world, "order", "o-1", "{\"n\":1}");
    assert_int_equal(SKALD_OK, answer.status);
    assert_string_equal("o-1", answer.id);
    assert_false(answer.is_replayed);
    answer = world_get(&world, "o-1");
    assert_int_equal(SK_SAGA_COMPLETED, answer.state);
    assert_int_equal(3, world.invoker.calls_count);
    assert_string_equal("o-1/reserve/action", world.invoker.calls[0].key);
    assert_int_equal(SK_SAGA_COMPLETED, world_stored_state(&world, "o-1"));
    assert_int_equal(world_stored_events(&world, "o-1"), world.events_count);
}

static void undoes_in_reverse(void **state)
{
    (void)state;
    world.invoker.fails = "ship";
    (void)world_start(&world, "order", "o-2", "{}");
    assert_int_equal(SK_SAGA_COMPENSATED, world_get(&world, "o-2").state);
    assert_int_equal(5, world.invoker.calls_count);
    assert_string_equal("refund", world.invoker.calls[3].name);
    assert_string_equal("release", world.invoker.calls[4].name);
}

static void effects_leave_only_when_durable(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    world.store.is_holding = true;
    struct sk_start_request request = { .definition = SK_STR("order"), .id = SK_STR("o-3") };
    sk_engine_start(world.engine, &request, world_on_answer, &answer);
    world_run(&world);
    assert_false(answer.is_there);
    assert_int_equal(0, world.invoker.calls_count);
    world_unhold(&world, false);
    assert_true(answer.is_there);
    assert_int_equal(3, world.invoker.calls_count);
    for (uint32_t i = 0; i < 3; i++) assert_true(world.invoker.calls[i].was_durable);
    assert_int_equal(1, world.store.in_flight_max);
}

static void same_id_is_the_same_start(void **state)
{
    (void)state;
    (void)world_start(&world, "order", "o-4", "{\"a\":1,\"b\":2}");
    struct answer answer = world_start(&world, "order", "o-4", "{ \"b\": 2, \"a\": 1 }");
    assert_int_equal(SKALD_OK, answer.status);
    assert_true(answer.is_replayed);
    assert_int_equal(SK_SAGA_COMPLETED, answer.state);
    answer = world_start(&world, "order", "o-4", "{\"a\":2}");
    assert_int_equal(SKALD_E_CONFLICT, answer.status);
    assert_int_equal(3, world.invoker.calls_count);
}

static void two_at_once_with_one_key_are_one(void **state)
{
    (void)state;
    struct answer answers[3] = { 0 };
    struct sk_start_request request = { .definition = SK_STR("order"),
                                        .idempotency_key = SK_STR("k-1") };
    for (int i = 0; i < 2; i++)
        sk_engine_start(world.engine, &request, world_on_answer, &answers[i]);
    world_run(&world);
    assert_int_equal(SKALD_OK, answers[0].status);
    assert_int_equal(SKALD_OK, answers[1].status);
    assert_string_equal(answers[0].id, answers[1].id);
    assert_true(answers[0].is_replayed != answers[1].is_replayed);
    assert_int_equal(3, world.invoker.calls_count);
    world_crash(&world);
    world_open(&world);
    sk_engine_start(world.engine, &request, world_on_answer, &answers[2]);
    world_run(&world);
    assert_true(answers[2].is_replayed);
    assert_string_equal(answers[0].id, answers[2].id);
}

static void drawn_ids_differ(void **state)
{
    (void)state;
    struct answer a = world_start(&world, "order", "", "{}");
    struct answer b = world_start(&world, "order", "", "{}");
    assert_int_equal(SKALD_OK, a.status);
    assert_int_equal(36, strlen(a.id));
    assert_string_not_equal(a.id, b.id);
}

static void refusals(void **state)
{
    (void)state;
    assert_int_equal(SKALD_E_NOT_FOUND, world_start(&world, "nothing", "x", "{}").status);
    assert_int_equal(SKALD_E_ARGUMENT, world_start(&world, "order", "has.dot", "{}").status);
    assert_int_not_equal(SKALD_OK, world_start(&world, "order", "x", "{").status);
    assert_int_equal(SKALD_E_NOT_FOUND, world_get(&world, "x").status);
    assert_int_equal(0, world.store.batches_count);
}

static void on_open(void *context, enum skald_status status, const skald_error *error)
{
    (void)context, (void)status, (void)error;
}

static void too_early(void **state)
{
    (void)state;
    world_crash(&world);
    skald_error error;
    assert_int_equal(SKALD_OK, sk_engine_new(&world.options, &world.engine, &error));
    assert_int_equal(SKALD_E_CLOSED, world_start(&world, "order", "x", "{}").status);
    sk_engine_open(world.engine, on_open, NULL);
    struct answer answer = { 0 };
    struct sk_start_request request = { .definition = SK_STR("order"), .id = SK_STR("x") };
    sk_engine_start(world.engine, &request, world_on_answer, &answer);
    world_run(&world);
    assert_int_equal(SKALD_E_AGAIN, answer.status);
}

static void slots_and_pending(void **state)
{
    (void)state;
    world_crash(&world);
    world.options.sagas_max = 1;
    world.options.pending_max = 1;
    world.invoker.is_manual = true;
    world_open(&world);
    assert_int_equal(SK_SAGA_RUNNING, world_start(&world, "order", "s-1", "{}").state);
    assert_int_equal(SK_SAGA_PENDING, world_start(&world, "order", "s-2", "{}").state);
    struct answer answer = world_start(&world, "order", "s-3", "{}");
    assert_int_equal(SKALD_E_AGAIN, answer.status);
    assert_true(answer.retry_after_ms > 0);
    for (uint32_t i = 0; i < 3; i++) {
        world_answer(&world, i, SK_OUTCOME_SUCCEEDED, "{}");
        world_run(&world);
    }
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "s-1").state);
    assert_int_equal(SK_SAGA_RUNNING, world_get(&world, "s-2").state);
}

static void priority_goes_first(void **state)
{
    (void)state;
    static const int32_t priorities[] = { 0, 1, 9, 5 };
    static const char *const order[] = { "0", "9", "5", "1" };
    world_crash(&world);
    world.options.sagas_max = 1;
    world.invoker.is_manual = true;
    world_open(&world);
    struct answer answers[4] = { 0 };
    for (size_t i = 0; i < 4; i++) {
        char id[4];
        snprintf(id, sizeof id, "%d", priorities[i]);
        struct sk_start_request request = { .definition = SK_STR("order"),
                                            .id = sk_str_of(id),
                                            .priority = priorities[i] };
        sk_engine_start(world.engine, &request, world_on_answer, &answers[i]);
        world_run(&world);
    }
    for (uint32_t i = 0; i < 12; i++) { /* three steps each */
        assert_int_equal(i + 1, world.invoker.calls_count);
        assert_string_equal(order[i / 3], world.invoker.calls[i].saga);
        world_answer(&world, i, SK_OUTCOME_SUCCEEDED, "{}");
        world_run(&world);
    }
}

/* S5: its id would be that of another saga, and participants would take its keys for repeats. */
static void a_key_whose_saga_goes_begins_no_other_under_its_id(void **state)
{
    (void)state;
    struct sk_start_request request = { .definition = SK_STR("order"),
                                        .idempotency_key = SK_STR("k-1") };
    struct answer first = { 0 }, removed = { 0 }, again = { 0 };
    sk_engine_start(world.engine, &request, world_on_answer, &first);
    world_run(&world);
    assert_int_equal(SKALD_OK, first.status);
    world.store.is_holding = true;
    sk_engine_remove(world.engine, sk_str_of(first.id), world_on_answer, &removed);
    world_run(&world);
    request.input = SK_STR("{\"n\":2}");
    sk_engine_start(world.engine, &request, world_on_answer, &again); /* finds the key */
    world_run(&world);
    assert_false(removed.is_there || again.is_there);
    world_unhold(&world, false);
    assert_int_equal(SKALD_OK, removed.status);
    assert_int_equal(SKALD_E_AGAIN, again.status);
    memset(&again, 0, sizeof again);
    sk_engine_start(world.engine, &request, world_on_answer, &again);
    world_run(&world);
    assert_int_equal(SKALD_OK, again.status);
    assert_string_not_equal(first.id, again.id);
}

/* What the store said of a key, held back: it has none. */
static struct {
    struct sk_store_ops ops;
    const struct sk_store_ops *inner;
    sk_read_done *done;
    void *context;
} lookup;

static void hold_lookup(struct sk_store *store, const struct sk_read *read, sk_read_done *done,
                        void *context)
{
    if (read->kind != SK_READ_START_KEY) {
        lookup.inner->read(store, read, done, context);
        return;
    }
    assert_null(lookup.done);
    lookup.done = done;
    lookup.context = context;
}

static void tell_lookup(void)
{
    sk_read_done *done = lookup.done;
    struct sk_rows rows = { .status = SKALD_OK };
    lookup.done = NULL;
    done(lookup.context, &rows);
    world_run(&world);
}

static void own_all(bool own)
{
    for (uint32_t i = 0; i < 8; i++) sk_engine_own(world.engine, i, own);
    world_advance(&world, 5000);
}

/* Whoever has served the shard meanwhile may have used the key: what was looked up before is worth
 * nothing, and who asked is told to ask again. */
static void a_key_that_was_looked_up_before_its_shard_went_begins_nothing(void **state)
{
    (void)state;
    struct sk_start_request request = { .definition = SK_STR("order"),
                                        .idempotency_key = SK_STR("k-1") };
    lookup.inner = world.store.base.ops;
    lookup.ops = *lookup.inner;
    lookup.ops.read = hold_lookup;
    lookup.done = NULL;
    for (int comes_back = 0; comes_back < 2; comes_back++) {
        struct answer answer = { 0 };
        world.store.base.ops = &lookup.ops;
        sk_engine_start(world.engine, &request, world_on_answer, &answer);
        world_run(&world);
        assert_non_null(lookup.done);
        assert_false(answer.is_there);
        own_all(false);
        if (comes_back) own_all(true);
        tell_lookup();
        assert_int_equal(SKALD_E_AGAIN, answer.status);
        own_all(true);
        assert_int_equal(1, answer.count);
        assert_int_equal(0, world.invoker.calls_count);
        world.store.base.ops = lookup.inner;
    }
    struct answer again = { 0 };
    sk_engine_start(world.engine, &request, world_on_answer, &again);
    world_run(&world);
    assert_int_equal(SKALD_OK, again.status);
    assert_false(again.is_replayed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_to_completion, set_up, tear_down),
        cmocka_unit_test_setup_teardown(undoes_in_reverse, set_up, tear_down),
        cmocka_unit_test_setup_teardown(effects_leave_only_when_durable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(same_id_is_the_same_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_at_once_with_one_key_are_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_whose_saga_goes_begins_no_other_under_its_id, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_key_that_was_looked_up_before_its_shard_went_begins_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drawn_ids_differ, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_early, set_up, tear_down),
        cmocka_unit_test_setup_teardown(slots_and_pending, set_up, tear_down),
        cmocka_unit_test_setup_teardown(priority_goes_first, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

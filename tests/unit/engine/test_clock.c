/*
 * The wall clock is moved, forward and back, while sagas fly, wait and lie in the store: their
 * history never goes back, nothing that was acknowledged is lost, and every timer fires, once.
 */
#include "world.h"

#include "definitions.h"

enum { HOUR_MS = 3600 * 1000, MINUTE_MS = 60 * 1000 };

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 8);
    world_open(&world);
    world_define(&world, order_yaml);
    world_define(&world, waiting_yaml);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

struct history {
    uint32_t count;
    int64_t first_at_ms, last_at_ms;
    bool goes_back;
};

static void on_events(void *context, struct sk_rows *rows)
{
    struct history *history = context;
    for (uint32_t i = 0; i < rows->events_count; i++) {
        int64_t at_ms = rows->events[i].at_ms;
        if (history->count == 0) history->first_at_ms = at_ms;
        if (history->count > 0 && at_ms < history->last_at_ms) history->goes_back = true;
        history->last_at_ms = at_ms;
        history->count += 1;
    }
}

static void on_head(void *context, struct sk_rows *rows)
{
    struct sk_read *events = context;
    assert_int_equal(1, rows->heads_count);
    events->shard = rows->heads[0].shard;
    events->no = rows->heads[0].no;
}

static struct history history_of(const char *id)
{
    struct history history = { 0 };
    struct sk_read events = { .kind = SK_READ_EVENTS };
    struct sk_read head = { .kind = SK_READ_HEAD, .id = sk_str_of(id) };
    world.store.inner->ops->read(world.store.inner, &head, on_head, &events);
    world_run(&world);
    world.store.inner->ops->read(world.store.inner, &events, on_events, &history);
    world_run(&world);
    assert_true(history.count > 0);
    return history;
}

static void forward_while_flying(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "f-1", "{}");
    world_move_clock(&world, HOUR_MS);
    world_advance(&world, 10);
    world.invoker.is_manual = false;
    world_answer(&world, 0, SK_OUTCOME_SUCCEEDED, "{}");
    world_advance(&world, MINUTE_MS);
    /* An hour is more than the saga may take: it ends, wholly done or wholly undone. */
    enum sk_saga_state end = world_get(&world, "f-1").state;
    assert_true(end == SK_SAGA_COMPLETED || end == SK_SAGA_TIMED_OUT);
    assert_false(history_of("f-1").goes_back);
}

static void forward_while_waiting(void **state)
{
    (void)state;
    (void)world_start(&world, "waiting", "w-1", "{}");
    world_move_clock(&world, HOUR_MS);
    world_advance(&world, MINUTE_MS);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "w-1").state);
    assert_int_equal(1, world.invoker.calls_count);
    assert_false(history_of("w-1").goes_back);
}

static void back_while_flying(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "b-1", "{}");
    world_move_clock(&world, -HOUR_MS);
    world.invoker.is_manual = false;
    world_answer(&world, 0, SK_OUTCOME_SUCCEEDED, "{}");
    world_advance(&world, MINUTE_MS);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "b-1").state);
    assert_int_equal(3, world.invoker.calls_count);
    assert_false(history_of("b-1").goes_back);
}

static void back_over_a_restart(void **state)
{
    (void)state;
    (void)world_start(&world, "waiting", "r-1", "{}");
    world_advance(&world, 5 * MINUTE_MS);
    world_crash(&world);
    world_move_clock(&world, -HOUR_MS);
    world_open(&world);
    assert_int_equal(SK_SAGA_RUNNING, world_get(&world, "r-1").state);
    /* It waits for an instant of engine time, so the hour comes on top; it is not lost. */
    world_advance(&world, HOUR_MS);
    assert_int_equal(SK_SAGA_RUNNING, world_get(&world, "r-1").state);
    world_advance(&world, 6 * MINUTE_MS);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "r-1").state);
    assert_int_equal(1, world.invoker.calls_count);
    assert_false(history_of("r-1").goes_back);
}

/* Starts between jumps, to and fro, with a crash now and then. */
static void to_and_fro(void **state)
{
    (void)state;
    static const int64_t jumps_ms[] = { HOUR_MS,   -HOUR_MS, 24 * HOUR_MS, -12 * HOUR_MS,
                                        MINUTE_MS, -1,       7000,         -MINUTE_MS };
    enum { JUMPS = sizeof jumps_ms / sizeof jumps_ms[0] };
    char id[16];
    for (int i = 0; i < JUMPS; i++) {
        snprintf(id, sizeof id, "t-%d", i);
        (void)world_start(&world, i % 2 == 0 ? "order" : "waiting", id, "{}");
        world_move_clock(&world, jumps_ms[i]);
        if (i % 3 == 2) {
            world_crash(&world);
            world_open(&world);
        }
        world_advance(&world, MINUTE_MS);
    }
    world_advance(&world, 48 * (int64_t)HOUR_MS);
    for (int i = 0; i < JUMPS; i++) {
        snprintf(id, sizeof id, "t-%d", i);
        enum sk_saga_state end = world_get(&world, id).state;
        assert_true(end == SK_SAGA_COMPLETED || end == SK_SAGA_TIMED_OUT);
        assert_false(history_of(id).goes_back);
    }
}

/* The pause of a store that was away is over, and the clock is set back before the turn ends: the
 * part is tried again all the same, for nobody would ask another time. */
static void back_as_a_pause_ends(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    struct sk_start_request request = { .definition = SK_STR("order"), .id = SK_STR("p-1") };
    world.store.fate = FATE_PASSING;
    world.store.fates_count = 1;
    sk_engine_start(world.engine, &request, world_on_answer, &answer);
    world_run(&world);
    assert_int_equal(1, world_notices(&world, "store.degraded"));
    struct sk_runtime_timer *next = NULL;
    for (struct sk_runtime_timer *timer = world.runtime.timers; timer != NULL;
         timer = timer->next) {
        if (timer->is_armed && (next == NULL || timer->at_ms < next->at_ms)) next = timer;
    }
    assert_non_null(next);
    world.runtime.now_ms = next->at_ms;
    next->is_armed = false;
    next->fn(next->context);
    world_move_clock(&world, -50);
    world_run(&world);
    assert_int_equal(SKALD_OK, answer.status);
    assert_true(answer.is_there);
    assert_int_equal(1, world_notices(&world, "store.recovered"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(forward_while_flying, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forward_while_waiting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(back_while_flying, set_up, tear_down),
        cmocka_unit_test_setup_teardown(back_over_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(to_and_fro, set_up, tear_down),
        cmocka_unit_test_setup_teardown(back_as_a_pause_ends, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Batches: one command for many sagas, durably, told once, cancelled, over a crash. */
#include "world.h"

#include "definitions.h"
#include "engine/bulk.h"

static struct world world;

static const char waiter_yaml[] = "saga: {id: waiter, name: Waiter, version: '1'}\n"
                                  "steps:\n"
                                  "  - {id: w, name: W, type: wait, wait: {signal: go}}\n";

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 8);
    world_open(&world);
    world_define(&world, waiter_yaml);
    world_define(&world, single_yaml);
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
    bool is_replayed;
    struct sk_bulk_view view;
};

static void on_bulk(void *context, enum skald_status status, const skald_error *error,
                    const struct sk_bulk_view *view, bool is_replayed)
{
    struct told *told = context;
    told->count += 1;
    told->status = status;
    told->is_replayed = is_replayed;
    assert_true((status == SKALD_OK) == (view != NULL));
    assert_true((status == SKALD_OK) == (error == NULL));
    if (view != NULL) told->view = *view;
}

static struct sk_bulk_request request_of(const char *id, enum sk_command_kind kind)
{
    return (struct sk_bulk_request){ .id = sk_str_of(id),
                                     .kind = kind,
                                     .by = SK_STR("ada"),
                                     .reason = SK_STR("a recall"),
                                     .filter = { .definition_id = SK_STR("waiter") } };
}

static struct told start_bulk(const struct sk_bulk_request *request)
{
    struct told told = { 0 };
    sk_engine_bulk_start(world.engine, request, on_bulk, &told);
    assert_int_equal(0, told.count);
    world_run(&world);
    assert_int_equal(1, told.count);
    return told;
}

static struct sk_bulk_view view_of(const char *id)
{
    struct sk_bulk_view view;
    assert_true(sk_engine_bulk_get(world.engine, sk_str_of(id), &view));
    return view;
}

static void start_waiters(int count)
{
    for (int i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "w-%d", i);
        (void)world_start(&world, "waiter", id, "{}");
    }
    world_advance(&world, 10);
}

static uint32_t count_in(enum sk_saga_state state, int count)
{
    uint32_t found = 0;
    for (int i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "w-%d", i);
        found += world_stored_state(&world, id) == state ? 1 : 0;
    }
    return found;
}

static void all_that_match_are_told(void **state)
{
    (void)state;
    start_waiters(600);
    (void)world_start(&world, "single", "other", "{}");
    struct sk_bulk_request request = request_of("b-1", SK_COMMAND_CANCEL);
    struct told told = start_bulk(&request);
    assert_int_equal(SKALD_OK, told.status);
    assert_int_equal(SK_BULK_RUNNING, told.view.state);
    world_advance(&world, 5000);
    struct sk_bulk_view view = view_of("b-1");
    assert_int_equal(SK_BULK_FINISHED, view.state);
    assert_true(view.has_matched);
    assert_int_equal(600, view.matched);
    assert_int_equal(600, view.seen);
    assert_int_equal(600, view.done);
    assert_int_equal(600, count_in(SK_SAGA_CANCELLED, 600));
    assert_int_equal(SK_SAGA_COMPLETED, world_stored_state(&world, "other"));
    assert_true(view.finished_at_ms > 0);
}

static void the_same_again_is_the_same_batch(void **state)
{
    (void)state;
    start_waiters(3);
    struct sk_bulk_request request = request_of("b-1", SK_COMMAND_SUSPEND);
    assert_false(start_bulk(&request).is_replayed);
    world_advance(&world, 2000);
    struct told again = start_bulk(&request);
    assert_true(again.is_replayed);
    assert_int_equal(SK_BULK_FINISHED, again.view.state);
    request.reason = SK_STR("another");
    assert_int_equal(SKALD_E_CONFLICT, start_bulk(&request).status);
    uint32_t events = world_stored_events(&world, "w-0");
    request =
        request_of("b-2", SK_COMMAND_SUSPEND); /* another batch: nothing to suspend any more */
    (void)start_bulk(&request);
    world_advance(&world, 2000);
    assert_int_equal(3, view_of("b-2").done);
    assert_int_equal(events, world_stored_events(&world, "w-0"));
}

static void what_cannot_be_done_is_counted_by_reason(void **state)
{
    (void)state;
    start_waiters(5);
    struct sk_bulk_request request = request_of("b-1", SK_BULK_DELETE);
    (void)start_bulk(&request);
    world_advance(&world, 2000);
    struct sk_bulk_view view = view_of("b-1");
    assert_int_equal(5, view.seen);
    assert_int_equal(0, view.done);
    assert_int_equal(5, view.refused[SK_BULK_WRONG_STATE]);
    assert_true(view.last_error.size > 0);
    request = request_of("b-2", SK_COMMAND_CANCEL);
    (void)start_bulk(&request);
    world_advance(&world, 2000);
    request = request_of("b-3", SK_BULK_DELETE);
    (void)start_bulk(&request);
    world_advance(&world, 2000);
    assert_int_equal(5, view_of("b-3").done);
    assert_int_equal(5, count_in((enum sk_saga_state)0, 5));
}

static void later_sagas_are_not_meant(void **state)
{
    (void)state;
    start_waiters(2);
    struct sk_bulk_request request = request_of("b-1", SK_COMMAND_CANCEL);
    world.store.is_holding = true;
    struct told told = { 0 };
    sk_engine_bulk_start(world.engine, &request, on_bulk, &told);
    world_run(&world);
    assert_int_equal(0, told.count); /* not durable, not told */
    world_advance(&world, 1000);
    world_unhold(&world, false);
    world_run(&world);
    (void)world_start(&world, "waiter", "late", "{}");
    world_advance(&world, 2000);
    assert_int_equal(2, view_of("b-1").done);
    assert_int_equal(SK_SAGA_RUNNING, world_stored_state(&world, "late"));
}

static void it_goes_on_after_a_crash(void **state)
{
    (void)state;
    start_waiters(600);
    struct sk_bulk_request request = request_of("b-1", SK_COMMAND_CANCEL);
    (void)start_bulk(&request);
    for (int i = 0; i < 5; i++) {
        world_crash(&world);
        world_unhold(&world, false);
        world_open(&world);
        world_advance(&world, 1001);
    }
    world_advance(&world, 5000);
    struct sk_bulk_view view = view_of("b-1");
    assert_int_equal(SK_BULK_FINISHED, view.state);
    assert_int_equal(600, count_in(SK_SAGA_CANCELLED, 600));
    assert_true(view.done >= 600);
    assert_true(start_bulk(&request).is_replayed);
    assert_int_equal(SK_COMMAND_CANCEL, view.kind);
    assert_true(sk_str_is(view.by, "ada"));
}

/* Whom it had told before the crash it tells again, as the same command. */
static void who_is_told_again_hears_the_same(void **state)
{
    (void)state;
    start_waiters(600);
    struct sk_bulk_request request = request_of("b-1", SK_COMMAND_CANCEL);
    (void)start_bulk(&request);
    world.store.is_holding = true;
    for (int i = 0; i < 3; i++) { /* some are told and durable, its page is not at its end */
        world_advance(&world, 1);
        world_unhold(&world, true);
    }
    uint32_t cancelled = count_in(SK_SAGA_CANCELLED, 600);
    assert_true(cancelled > 0 && cancelled < 256);
    world_crash(&world);
    world_unhold(&world, false);
    world_open(&world);
    world_advance(&world, 10000);
    struct sk_bulk_view view = view_of("b-1");
    assert_int_equal(SK_BULK_FINISHED, view.state);
    assert_int_equal(0, view.failed);
    for (int i = 0; i < SK_BULK_REFUSALS_COUNT; i++) assert_int_equal(0, view.refused[i]);
    assert_int_equal(600, count_in(SK_SAGA_CANCELLED, 600));
}

static void a_cancelled_one_tells_nobody_any_more(void **state)
{
    (void)state;
    start_waiters(600);
    struct sk_bulk_request request = request_of("b-1", SK_COMMAND_CANCEL);
    struct told told = { 0 };
    sk_engine_bulk_start(world.engine, &request, on_bulk, &told);
    struct told cancelled = { 0 };
    sk_engine_bulk_cancel(world.engine, SK_STR("b-1"), on_bulk, &cancelled);
    world_run(&world);
    world_advance(&world, 5000);
    assert_int_equal(1, cancelled.count);
    assert_int_equal(SK_BULK_CANCELLED, view_of("b-1").state);
    assert_int_equal(600, count_in(SK_SAGA_RUNNING, 600));
    world_crash(&world);
    world_open(&world);
    world_advance(&world, 5000);
    assert_int_equal(SK_BULK_CANCELLED, view_of("b-1").state);
    assert_int_equal(600, count_in(SK_SAGA_RUNNING, 600));
    struct told none = { 0 };
    sk_engine_bulk_cancel(world.engine, SK_STR("nope"), on_bulk, &none);
    world_run(&world);
    assert_int_equal(SKALD_E_NOT_FOUND, none.status);
}

/* Law 2: whoever asks again before the first request is durable is not told that it is taken. */
static void nobody_is_told_before_it_is_durable(void **state)
{
    (void)state;
    start_waiters(3);
    struct sk_bulk_request request = request_of("b-1", SK_COMMAND_SUSPEND);
    struct told told = { 0 }, again = { 0 };
    struct sk_bulk_view view;
    sk_engine_bulk_start(world.engine, &request, on_bulk, &told);
    sk_engine_bulk_start(world.engine, &request, on_bulk, &again);
    assert_false(sk_engine_bulk_get(world.engine, SK_STR("b-1"), &view));
    world_run(&world);
    assert_int_equal(SKALD_OK, told.status);
    assert_int_equal(SKALD_E_AGAIN, again.status);
    assert_true(start_bulk(&request).is_replayed);
}

/* Nor that it is over: another node could go on with it. */
static void its_end_is_shown_once_it_is_durable(void **state)
{
    (void)state;
    start_waiters(3);
    struct sk_bulk_request request = request_of("b-1", SK_COMMAND_CANCEL);
    (void)start_bulk(&request);
    world.store.is_holding = true;
    for (int i = 0; i < 20 && view_of("b-1").done < 3; i++) {
        world_advance(&world, 100);
        world_unhold(&world, true);
    }
    assert_int_equal(3, view_of("b-1").done);
    world_advance(&world, 5000);
    assert_int_equal(SK_BULK_RUNNING, view_of("b-1").state);
    assert_int_equal(0, view_of("b-1").finished_at_ms);
    struct told cancelled = { 0 };
    sk_engine_bulk_cancel(world.engine, SK_STR("b-1"), on_bulk, &cancelled);
    world_run(&world);
    assert_int_equal(0, cancelled.count);
    world_unhold(&world, false);
    world_run(&world);
    assert_int_equal(SK_BULK_FINISHED, view_of("b-1").state);
    assert_int_equal(1, cancelled.count);
    assert_int_equal(SK_BULK_FINISHED, cancelled.view.state);
}

static void it_survives_what_the_store_does(void **state)
{
    (void)state;
    static const enum fate fates[] = { FATE_PASSING, FATE_NOT_KNOWN_DONE, FATE_NOT_KNOWN_LOST,
                                       FATE_BROKEN, FATE_FENCED };
    for (size_t i = 0; i < sizeof fates / sizeof fates[0]; i++) {
        char id[8];
        snprintf(id, sizeof id, "b-%zu", i);
        start_waiters(50);
        struct sk_bulk_request request =
            request_of(id, i % 2 == 0 ? SK_COMMAND_SUSPEND : SK_COMMAND_RESUME);
        (void)start_bulk(&request);
        world.store.fate = fates[i];
        world.store.fates_count = 2;
        world_advance(&world, 20000);
        assert_int_equal(SK_BULK_FINISHED, view_of(id).state);
        assert_int_equal(50, count_in(i % 2 == 0 ? SK_SAGA_SUSPENDED : SK_SAGA_RUNNING, 50));
    }
}

static bool count_one(void *context, const struct sk_bulk_view *view)
{
    uint32_t *counts = context;
    counts[0] += 1;
    if (view->state == SK_BULK_RUNNING) counts[1] += 1;
    return true;
}

static void so_many_run_at_once(void **state)
{
    (void)state;
    start_waiters(1);
    struct told told[SK_BULKS_RUNNING_MAX + 1] = { 0 };
    char ids[SK_BULKS_RUNNING_MAX + 1][8];
    for (int i = 0; i <= SK_BULKS_RUNNING_MAX; i++) {
        snprintf(ids[i], sizeof ids[i], "b-%d", i);
        struct sk_bulk_request request = request_of(ids[i], SK_COMMAND_SUSPEND);
        sk_engine_bulk_start(world.engine, &request, on_bulk, &told[i]);
    }
    world_run(&world);
    assert_int_equal(SKALD_OK, told[0].status);
    assert_int_equal(SKALD_E_LIMIT, told[SK_BULKS_RUNNING_MAX].status);
    world_advance(&world, 5000);
    uint32_t counts[2] = { 0 };
    sk_engine_bulk_each(world.engine, count_one, counts);
    assert_int_equal(SK_BULKS_RUNNING_MAX, counts[0]);
    assert_int_equal(0, counts[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(all_that_match_are_told),
        TEST(the_same_again_is_the_same_batch),
        TEST(what_cannot_be_done_is_counted_by_reason),
        TEST(later_sagas_are_not_meant),
        TEST(it_goes_on_after_a_crash),
        TEST(who_is_told_again_hears_the_same),
        TEST(a_cancelled_one_tells_nobody_any_more),
        TEST(nobody_is_told_before_it_is_durable),
        TEST(its_end_is_shown_once_it_is_durable),
        TEST(it_survives_what_the_store_does),
        TEST(so_many_run_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Finished sagas leave the store: asked for, by age, by number; never too early. */
#include "world.h"

#include "definitions.h"

enum { MINUTE = 60000, HOUR = 3600000 };

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 8);
    world.options.idempotency_window_ms = HOUR;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

static void open_world(void)
{
    world_open(&world);
    world_define(&world, single_yaml);
    world_define(&world, parent_yaml);
    world_define(&world, locked_yaml);
    world_define(&world, order_yaml);
}

static struct answer remove_saga(const char *id)
{
    struct answer answer = { 0 };
    sk_engine_remove(world.engine, sk_str_of(id), world_on_answer, &answer);
    world_run(&world);
    assert_true(answer.is_there);
    assert_int_equal(1, answer.count);
    return answer;
}

static struct sk_engine_stats stats(void)
{
    struct sk_engine_stats now;
    sk_engine_stats(world.engine, &now);
    return now;
}

static void sum_tallies(void *context, struct sk_rows *rows)
{
    int64_t *sum = context;
    for (uint32_t i = 0; i < rows->tallies_count; i++) *sum += rows->tallies[i].n;
}

static int64_t tallied(void)
{
    int64_t sum = 0;
    struct sk_read read = { .kind = SK_READ_TALLIES };
    world.store.inner->ops->read(world.store.inner, &read, sum_tallies, &sum);
    world_run(&world);
    return sum;
}

/* ---- asked for ------------------------------------------------------------------------------- */

static void a_finished_saga_goes_and_may_come_again(void **state)
{
    (void)state;
    open_world();
    (void)world_start(&world, "single", "a", "{}");
    (void)world_start(&world, "single", "b", "{}");
    assert_int_equal(2, tallied());
    assert_int_equal(SKALD_OK, remove_saga("a").status);
    assert_int_equal(0, world_stored_state(&world, "a"));
    assert_int_equal(0, world_stored_events(&world, "a"));
    assert_int_equal(SKALD_E_NOT_FOUND, world_get(&world, "a").status);
    assert_int_equal(SKALD_E_NOT_FOUND, remove_saga("a").status);
    assert_int_equal(1, tallied());
    assert_int_equal(1, stats().removed);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "b").state);
    struct answer again = world_start(&world, "single", "a", "{\"n\":2}");
    assert_int_equal(SKALD_OK, again.status);
    assert_false(again.is_replayed);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "a").state);
    assert_int_equal(2, tallied());
}

static void one_that_is_not_finished_stays(void **state)
{
    (void)state;
    open_world();
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "a", "{}");
    struct answer answer = remove_saga("a");
    assert_int_equal(SKALD_E_STATE, answer.status);
    assert_non_null(strstr(answer.message, "not ended"));
    assert_int_equal(SK_SAGA_RUNNING, world_get(&world, "a").state);
    assert_int_equal(SKALD_E_NOT_FOUND, remove_saga("none").status);
}

static void a_child_stays_while_its_parent_runs(void **state)
{
    (void)state;
    open_world();
    world.invoker.is_manual = true;
    (void)world_start(&world, "parent", "p", "{}");
    world_answer(&world, 0, SK_OUTCOME_SUCCEEDED, "1");
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "p.child").state);
    struct answer answer = remove_saga("p.child");
    assert_int_equal(SKALD_E_STATE, answer.status);
    assert_non_null(strstr(answer.message, "above"));
    /* It is as it was: its parent can still have it undone. */
    world_advance(&world, 1000);
    world_answer(&world, (uint32_t)world_call(&world, "after", 0), SK_OUTCOME_FAILED, "");
    world_advance(&world, 1000);
    world_answer(&world, (uint32_t)world_call(&world, "undo-only", 0), SK_OUTCOME_SUCCEEDED, "1");
    world_advance(&world, 1000);
    assert_int_equal(SK_SAGA_COMPENSATED, world_get(&world, "p").state);
    assert_int_equal(SK_SAGA_COMPENSATED, world_get(&world, "p.child").state);
    assert_int_equal(SKALD_OK, remove_saga("p.child").status);
    assert_int_equal(SKALD_OK, remove_saga("p").status);
    assert_int_equal(0, tallied());
}

static void who_asks_meanwhile_finds_it_gone(void **state)
{
    (void)state;
    open_world();
    (void)world_start(&world, "single", "a", "{}");
    world.store.is_holding = true;
    struct answer removed = { 0 }, got = { 0 };
    sk_engine_remove(world.engine, SK_STR("a"), world_on_answer, &removed);
    world_run(&world);
    sk_engine_get(world.engine, SK_STR("a"), world_on_answer, &got);
    world_run(&world);
    assert_false(removed.is_there); /* not durable yet */
    assert_false(got.is_there);
    world_unhold(&world, false);
    world_run(&world);
    assert_int_equal(SKALD_OK, removed.status);
    assert_int_equal(SKALD_E_NOT_FOUND, got.status);
}

static void a_removal_survives_what_the_store_does(void **state)
{
    (void)state;
    static const enum fate fates[] = { FATE_PASSING, FATE_NOT_KNOWN_DONE, FATE_NOT_KNOWN_LOST,
                                       FATE_BROKEN };
    open_world();
    for (size_t i = 0; i < sizeof fates / sizeof fates[0]; i++) {
        (void)world_start(&world, "single", "a", "{}");
        world.store.fate = fates[i];
        world.store.fates_count = 1;
        struct answer answer = { 0 };
        sk_engine_remove(world.engine, SK_STR("a"), world_on_answer, &answer);
        world_run(&world);
        world_advance(&world, 10000);
        assert_int_equal(SKALD_OK, answer.status);
        assert_int_equal(0, world_stored_state(&world, "a"));
        assert_int_equal(0, tallied());
    }
    (void)world_start(&world, "single", "a", "{}");
    world.store.fate = FATE_FENCED;
    world.store.fates_count = 1;
    assert_int_equal(SKALD_E_AGAIN, remove_saga("a").status);
    world_advance(&world, 10000);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "a").state);
    (void)world_start(&world, "single", "c", "{}");
    world.store.fate = FATE_REFUSED;
    world.store.fates_count = 1;
    assert_int_not_equal(SKALD_OK, remove_saga("c").status);
    world_advance(&world, 10000);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "c").state);
    assert_int_equal(2, tallied());
}

static void a_crash_leaves_it_whole_or_gone(void **state)
{
    (void)state;
    open_world();
    (void)world_start(&world, "single", "a", "{}");
    world.store.is_holding = true;
    struct answer answer = { 0 };
    sk_engine_remove(world.engine, SK_STR("a"), world_on_answer, &answer);
    world_run(&world);
    world_crash(&world);
    world_unhold(&world, false); /* committed after all */
    world_open(&world);
    assert_false(answer.is_there);
    assert_int_equal(SKALD_E_NOT_FOUND, world_get(&world, "a").status);
}

/* ---- by age ---------------------------------------------------------------------------------- */

static void old_ones_go_and_young_ones_stay(void **state)
{
    (void)state;
    world.options.retention_ms = 2 * HOUR;
    open_world();
    for (int i = 0; i < 200; i++) {
        char id[16];
        snprintf(id, sizeof id, "old-%d", i);
        (void)world_start(&world, "single", id, "{}");
    }
    world_advance(&world, HOUR);
    (void)world_start(&world, "single", "young", "{}");
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "running", "{}");
    assert_int_equal(202, tallied());
    world_advance(&world, HOUR - 2 * MINUTE);
    assert_int_equal(202, tallied());
    world_advance(&world, 5 * MINUTE);
    assert_int_equal(2, tallied());
    assert_int_equal(200, stats().retention_removed);
    assert_true(stats().retention_at_ms > 0);
    assert_int_equal(0, world_stored_state(&world, "old-7"));
    assert_int_equal(SK_SAGA_COMPLETED, world_stored_state(&world, "young"));
    assert_int_equal(SK_SAGA_COMPENSATING, world_stored_state(&world, "running"));
}

static void the_idempotency_window_goes_before_age(void **state)
{
    (void)state;
    world.options.retention_ms = MINUTE;
    open_world();
    (void)world_start(&world, "single", "a", "{}");
    world_advance(&world, HOUR - 2 * MINUTE);
    assert_int_equal(1, tallied());
    assert_true(world_start(&world, "single", "a", "{}").is_replayed);
    world_advance(&world, 5 * MINUTE);
    assert_int_equal(0, tallied());
}

/* Not from memory: only their heads are read. */
static void old_ones_go_after_a_restart(void **state)
{
    (void)state;
    world.options.retention_ms = 2 * HOUR;
    open_world();
    (void)world_start(&world, "parent", "p", "{}");
    (void)world_start(&world, "single", "a", "{}");
    assert_int_equal(3, tallied());
    world_crash(&world);
    world_open(&world);
    uint32_t calls = world.invoker.calls_count;
    world_advance(&world, 2 * HOUR + 5 * MINUTE);
    assert_int_equal(0, tallied());
    assert_int_equal(calls, world.invoker.calls_count);
}

static void a_failed_saga_stays_for_a_person(void **state)
{
    (void)state;
    world.options.retention_ms = 2 * HOUR;
    open_world();
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "a", "{}");
    const char *const names[] = { "reserve", "charge", "release" };
    for (int i = 0; i < 3; i++) {
        world_advance(&world, 100);
        int call = world_call(&world, names[i], 0);
        assert_true(call >= 0);
        world_answer(&world, (uint32_t)call, i == 0 ? SK_OUTCOME_SUCCEEDED : SK_OUTCOME_FAILED,
                     "1");
    }
    assert_int_equal(SK_SAGA_FAILED, world_get(&world, "a").state);
    world_advance(&world, 10 * HOUR);
    assert_int_equal(SK_SAGA_FAILED, world_stored_state(&world, "a"));
    assert_int_equal(SKALD_OK, remove_saga("a").status); /* but a person may */
}

static void a_child_waits_for_its_parent(void **state)
{
    (void)state;
    world.options.retention_ms = 2 * HOUR;
    open_world();
    world.invoker.is_manual = true;
    (void)world_start(&world, "parent", "p", "{}");
    world_answer(&world, 0, SK_OUTCOME_SUCCEEDED, "1");
    struct sk_command suspend = { .kind = SK_COMMAND_SUSPEND,
                                  .step = SK_STEP_NONE,
                                  .item = -1,
                                  .who = SK_STR("ada"),
                                  .why = SK_STR("to see") };
    struct answer answer = { 0 };
    sk_engine_command(world.engine, SK_STR("p"), &suspend, SK_STR(""), world_on_answer, &answer);
    world_run(&world);
    world_advance(&world, 5 * HOUR);
    assert_int_equal(SK_SAGA_COMPLETED, world_stored_state(&world, "p.child"));
    suspend.kind = SK_COMMAND_FORCE_COMPLETE;
    answer = (struct answer){ 0 };
    sk_engine_command(world.engine, SK_STR("p"), &suspend, SK_STR(""), world_on_answer, &answer);
    world_run(&world);
    assert_int_equal(SKALD_OK, answer.status);
    world_advance(&world, HOUR);
    assert_int_equal(SK_SAGA_COMPLETED, world_stored_state(&world, "p.child"));
    world_advance(&world, 2 * HOUR);
    assert_int_equal(0, tallied());
}

/* ---- by number ------------------------------------------------------------------------------- */

static void start_many(const char *definition, const char *prefix, int count)
{
    for (int i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "%s-%d", prefix, i);
        (void)world_start(&world, definition, id, "{}");
        world_advance(&world, 10);
    }
}

static void the_oldest_go_when_there_are_too_many(void **state)
{
    (void)state;
    world.options.retention_max = 100;
    open_world();
    start_many("single", "s", 150);
    start_many("order", "o", 20);
    world_advance(&world, HOUR / 2);
    assert_int_equal(170, tallied());
    world_advance(&world, HOUR);
    assert_int_equal(100, tallied());
    assert_int_equal(0, world_stored_state(&world, "s-69"));
    assert_int_equal(SK_SAGA_COMPLETED, world_stored_state(&world, "s-70"));
}

static void so_many_of_each_definition_stay(void **state)
{
    (void)state;
    world.options.retention_max_per_definition = 10;
    open_world();
    start_many("single", "s", 90);
    start_many("order", "o", 12);
    start_many("locked", "l", 3);
    world_advance(&world, HOUR + 5 * MINUTE);
    assert_int_equal(23, tallied());
    assert_int_equal(0, world_stored_state(&world, "s-79"));
    assert_int_equal(SK_SAGA_COMPLETED, world_stored_state(&world, "s-80"));
    assert_int_equal(0, world_stored_state(&world, "o-1"));
    assert_int_equal(SK_SAGA_COMPLETED, world_stored_state(&world, "o-2"));
}

static void without_settings_everything_is_kept(void **state)
{
    (void)state;
    open_world();
    start_many("single", "s", 3);
    world_advance(&world, 1000 * (int64_t)HOUR);
    assert_int_equal(3, tallied());
}

/* ---- cursors --------------------------------------------------------------------------------- */

static const struct sk_store_ops *inner_ops;
static struct sk_cursor_row cursor = { { "reader", 6 }, 0 };

struct cursor_read {
    sk_read_done *done;
    void *context;
};

static void add_cursor(void *context, struct sk_rows *rows)
{
    struct cursor_read read = *(struct cursor_read *)context;
    free(context);
    rows->cursors = &cursor;
    rows->cursors_count = 1;
    read.done(read.context, rows);
}

static void read_with_cursor(struct sk_store *store, const struct sk_read *read, sk_read_done *done,
                             void *context)
{
    if (read->kind != SK_READ_CURSOR) {
        inner_ops->read(store, read, done, context);
        return;
    }
    struct cursor_read *passed = malloc(sizeof *passed);
    *passed = (struct cursor_read){ done, context };
    inner_ops->read(store, read, add_cursor, passed);
}

/* A reader of the stream who stands before its last event would never see it. */
static void one_that_was_not_read_to_its_end_stays(void **state)
{
    (void)state;
    open_world();
    struct sk_store_ops ops = *world.store.base.ops;
    inner_ops = world.store.base.ops;
    ops.read = read_with_cursor;
    world.store.base.ops = &ops;
    (void)world_start(&world, "single", "s-1", "{}");
    uint32_t events = world_stored_events(&world, "s-1");
    cursor.position = events - 1;
    assert_int_equal(SKALD_E_STATE, remove_saga("s-1").status);
    assert_int_equal(SK_SAGA_COMPLETED, world_stored_state(&world, "s-1"));
    cursor.position = events;
    assert_int_equal(SKALD_OK, remove_saga("s-1").status);
    assert_int_equal(0, world_stored_state(&world, "s-1"));
    world.store.base.ops = inner_ops;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_finished_saga_goes_and_may_come_again),
        TEST(one_that_is_not_finished_stays),
        TEST(a_child_stays_while_its_parent_runs),
        TEST(who_asks_meanwhile_finds_it_gone),
        TEST(a_removal_survives_what_the_store_does),
        TEST(a_crash_leaves_it_whole_or_gone),
        TEST(old_ones_go_and_young_ones_stay),
        TEST(the_idempotency_window_goes_before_age),
        TEST(old_ones_go_after_a_restart),
        TEST(a_failed_saga_stays_for_a_person),
        TEST(a_child_waits_for_its_parent),
        TEST(the_oldest_go_when_there_are_too_many),
        TEST(one_that_was_not_read_to_its_end_stays),
        TEST(so_many_of_each_definition_stay),
        TEST(without_settings_everything_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

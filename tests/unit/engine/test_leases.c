/* Leases on a shared store: how long a node sends, counted from when, and never in the margin. */
#include "workers.h"

#include "definitions.h"

enum { LEASE_MS = 15000, MARGIN_MS = 3000 };

static struct world world;

/* Renewals wait here until the test lets them through. */
static struct {
    struct sk_store_ops ops;
    const struct sk_store_ops *inner;
    bool is_holding;
    bool is_waiting; /* one is */
    uint32_t shard;
    uint64_t epoch;
    int64_t expires_at_ms;
    sk_take_done *done;
    void *context;
} renewals;

static void hold_renewal(struct sk_store *store, uint32_t shard, uint64_t epoch,
                         int64_t expires_at_ms, sk_take_done *done, void *context)
{
    if (!renewals.is_holding || expires_at_ms == 0) { /* 0: given back */
        renewals.inner->renew(store, shard, epoch, expires_at_ms, done, context);
        return;
    }
    assert_false(renewals.is_waiting);
    renewals.is_waiting = true;
    renewals.shard = shard;
    renewals.epoch = epoch;
    renewals.expires_at_ms = expires_at_ms;
    renewals.done = done;
    renewals.context = context;
}

static void let_through(void)
{
    assert_true(renewals.is_waiting);
    renewals.is_waiting = false;
    renewals.inner->renew(&world.store.base, renewals.shard, renewals.epoch, renewals.expires_at_ms,
                          renewals.done, renewals.context);
    world_run(&world);
}

/* So do takes, while they are held back. */
static struct {
    bool is_holding;
    uint32_t count; /* that reached the store */
    uint32_t shard;
    uint64_t epoch;
    int64_t expires_at_ms;
    char owner[32];
    sk_take_done *done; /* NULL: none waits */
    void *context;
} takes;

static void hold_take(struct sk_store *store, uint32_t shard, uint64_t epoch, struct sk_str owner,
                      int64_t expires_at_ms, sk_take_done *done, void *context)
{
    if (!takes.is_holding) {
        takes.count += 1;
        renewals.inner->take(store, shard, epoch, owner, expires_at_ms, done, context);
        return;
    }
    assert_null(takes.done);
    takes.shard = shard;
    takes.epoch = epoch;
    takes.expires_at_ms = expires_at_ms;
    takes.done = done;
    takes.context = context;
    snprintf(takes.owner, sizeof takes.owner, "%.*s", SK_STR_ARGS(owner));
}

static void let_take_through(void)
{
    sk_take_done *done = takes.done;
    assert_non_null(done);
    takes.done = NULL;
    takes.is_holding = false;
    takes.count += 1;
    renewals.inner->take(&world.store.base, takes.shard, takes.epoch, sk_str_of(takes.owner),
                         takes.expires_at_ms, done, takes.context);
    world_run(&world);
}

static void on_taken(void *context, enum skald_status status, const struct sk_shard_row *row,
                     const skald_error *error)
{
    (void)context, (void)row, (void)error;
    assert_int_equal(SKALD_OK, status);
}

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 1);
    world.options.lease_ms = LEASE_MS;
    world.options.lease_margin_ms = MARGIN_MS;
    world.invoker.is_manual = true;
    world.store.base.is_shared = true;
    renewals.inner = world.store.base.ops;
    renewals.ops = *renewals.inner;
    renewals.ops.renew = hold_renewal;
    renewals.ops.take = hold_take;
    memset(&takes, 0, sizeof takes);
    renewals.is_waiting = false;
    renewals.is_holding = true;
    world.store.base.ops = &renewals.ops;
    world_open(&world);
    world_define(&world, single_yaml);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (renewals.is_waiting) let_through();
    if (takes.done != NULL) let_take_through();
    renewals.is_holding = false;
    world.store.base.ops = renewals.inner;
    world_release(&world);
    return 0;
}

/* What is decided in the margin is durable and waits; it leaves when the lease is longer again. */
static void nothing_leaves_in_the_margin(void **state)
{
    (void)state;
    world_advance(&world, LEASE_MS - MARGIN_MS - 1);
    (void)world_start(&world, "single", "l-1", "{}");
    assert_int_equal(1, world.invoker.calls_count);
    world_advance(&world, 1);
    (void)world_start(&world, "single", "l-2", "{}");
    world_advance(&world, 500);
    assert_true(world_stored_events(&world, "l-2") > 0);
    assert_int_equal(1, world.invoker.calls_count);
    let_through(); /* asked for at LEASE_MS / 3 */
    assert_int_equal(2, world.invoker.calls_count);
    assert_string_equal("l-2", world.invoker.calls[1].saga);
}

/* The store may have counted from the moment before it was asked. */
static void a_lease_counts_from_the_question(void **state)
{
    (void)state;
    int64_t asked_ms = LEASE_MS / 3;
    world_advance(&world, asked_ms + 5000);
    let_through();
    world_advance(&world, LEASE_MS - MARGIN_MS - 5000 - 1);
    (void)world_start(&world, "single", "l-1", "{}");
    assert_int_equal(1, world.invoker.calls_count);
    world_advance(&world, 1);
    (void)world_start(&world, "single", "l-2", "{}");
    assert_int_equal(1, world.invoker.calls_count);
    let_through();
    assert_int_equal(2, world.invoker.calls_count);
}

/* It was asked before the shard was given away and taken again: it says nothing of this term. */
static void an_answer_of_an_earlier_term_says_nothing(void **state)
{
    (void)state;
    world_advance(&world, LEASE_MS / 3);
    assert_true(renewals.is_waiting);
    sk_engine_own(world.engine, 0, false);
    renewals.inner->take(&world.store.base, 0, 1, SK_STR("other"), 0, on_taken, NULL);
    world_run(&world);
    sk_engine_own(world.engine, 0, true);
    world_advance(&world, 2000);
    assert_int_equal(SKALD_OK, world_start(&world, "single", "l-1", "{}").status);
    uint32_t lost = world_notices(&world, "lease.lost");
    let_through(); /* "fenced" */
    assert_int_equal(lost, world_notices(&world, "lease.lost"));
    assert_int_equal(SKALD_OK, world_get(&world, "l-1").status);
}

static void open_anew_and_hold_its_take(void)
{
    skald_error error;
    world_advance(&world, LEASE_MS / 3);
    world_crash(&world);
    let_through(); /* nobody listens */
    renewals.is_holding = false;
    world_advance(&world, 2 * LEASE_MS); /* the dead one's lease is over */
    takes.is_holding = true;
    takes.count = 0;
    assert_int_equal(SKALD_OK, sk_engine_new(&world.options, &world.engine, &error));
    world_open_engine(&world);
    assert_non_null(takes.done);
    assert_int_equal(0, takes.epoch);
}

/* H1: of a store with a history it knows nothing: it is refused, and told what there is. */
static void a_first_take_learns_the_epoch_and_serves(void **state)
{
    (void)state;
    (void)world_start(&world, "single", "l-1", "{}");
    open_anew_and_hold_its_take();
    assert_int_equal(1, world.opened_count);
    let_take_through();
    assert_int_equal(2, world.opened_count);
    assert_int_equal(2, takes.count);
    assert_int_equal(SKALD_OK, world_get(&world, "l-1").status);
    assert_int_equal(SKALD_OK, world_start(&world, "single", "l-2", "{}").status);
}

/* What it has learnt is for the next time. */
static void who_is_not_to_own_the_shard_meanwhile_leaves_it(void **state)
{
    (void)state;
    open_anew_and_hold_its_take();
    sk_engine_own(world.engine, 0, false);
    let_take_through();
    world_advance(&world, 5000);
    assert_int_equal(1, takes.count);
    assert_int_equal(SKALD_E_AGAIN, world_start(&world, "single", "l-1", "{}").status);
    sk_engine_own(world.engine, 0, true);
    world_run(&world);
    assert_int_equal(2, takes.count);
    assert_int_equal(SKALD_OK, world_start(&world, "single", "l-1", "{}").status);
}

/* Nor does an answer behind which no commit stands: somebody else may know better by now. */
static void nobody_is_answered_from_memory_after_the_lease(void **state)
{
    (void)state;
    (void)world_start(&world, "single", "l-1", "{}");
    world_advance(&world, LEASE_MS - MARGIN_MS - 1);
    assert_int_equal(SKALD_OK, world_get(&world, "l-1").status);
    assert_int_equal(SKALD_E_NOT_FOUND, world_get(&world, "l-9").status);
    struct answer watcher = { 0 };
    sk_engine_wait(world.engine, SK_STR("l-1"), 1000, world_on_answer, &watcher);
    world_advance(&world, 2000);
    assert_int_equal(SKALD_E_AGAIN, watcher.status);
    assert_int_equal(SKALD_E_AGAIN, world_get(&world, "l-1").status);
    assert_int_equal(SKALD_E_AGAIN, world_get(&world, "l-9").status);
    assert_int_equal(SKALD_E_AGAIN, world_start(&world, "single", "l-1", "{}").status); /* again */
    assert_int_equal(SKALD_OK, world_start(&world, "single", "l-2", "{}").status); /* committed */
    let_through();
    assert_int_equal(SKALD_OK, world_get(&world, "l-1").status);
    assert_int_equal(SKALD_E_NOT_FOUND, world_get(&world, "l-9").status);
}

/* Its taking was durable too late: somebody else may have the saga, and no worker is to begin. */
static void no_task_is_given_out_after_the_lease(void **state)
{
    (void)state;
    struct worker worker;
    world_define(&world, packing_yaml);
    (void)world_start(&world, "packing", "t-1", "{}");
    const struct sk_poll_request request = { .max = 1, .wait_ms = 60000, .lease_ms = 60000 };
    world.store.is_holding = true;
    worker_poll(world.engine, &worker, request, worker_on_tasks);
    world_advance(&world, LEASE_MS - MARGIN_MS);
    world_unhold(&world, false);
    world_advance(&world, 10);
    assert_int_equal(1, worker.told_count);
    assert_int_equal(0, worker.tasks_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_leaves_in_the_margin, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_is_answered_from_memory_after_the_lease, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_task_is_given_out_after_the_lease, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lease_counts_from_the_question, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_first_take_learns_the_epoch_and_serves, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_is_not_to_own_the_shard_meanwhile_leaves_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_answer_of_an_earlier_term_says_nothing, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

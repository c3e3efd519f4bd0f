/* Messages between shards: child sagas, locks; exactly once through crashes. */
#include "world.h"

#include "definitions.h"

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 8);
    world_open(&world);
    world_define(&world, single_yaml);
    world_define(&world, parent_yaml);
    world_define(&world, locked_yaml);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

static void count_rows(void *context, struct sk_rows *rows)
{
    *(uint32_t *)context += rows->messages_count + rows->consumed_count;
}

/* Message rows and remembered ids, in all shards. */
static uint32_t leftovers(void)
{
    uint32_t count = 0;
    for (uint32_t shard = 0; shard < 8; shard++) {
        enum sk_read_kind kinds[] = { SK_READ_MESSAGES, SK_READ_CONSUMED };
        for (int i = 0; i < 2; i++) {
            struct sk_read read = { .kind = kinds[i], .shard = shard };
            world.store.inner->ops->read(world.store.inner, &read, count_rows, &count);
            world_run(&world);
        }
    }
    return count;
}

static void a_child_runs_and_answers(void **state)
{
    (void)state;
    (void)world_start(&world, "parent", "p-1", "{}");
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "p-1").state);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "p-1.child").state);
    assert_int_equal(2, world.invoker.calls_count);
    assert_string_equal("p-1.child/only/action", world.invoker.calls[0].key);
    assert_int_equal(0, leftovers());
}

static void a_failed_parent_undoes_its_child(void **state)
{
    (void)state;
    world.invoker.fails = "after";
    (void)world_start(&world, "parent", "p-2", "{}");
    world_advance(&world, 1000);
    assert_int_equal(SK_SAGA_COMPENSATED, world_get(&world, "p-2").state);
    assert_int_equal(SK_SAGA_COMPENSATED, world_get(&world, "p-2.child").state);
    assert_int_equal(0, leftovers());
}

static void a_failed_child_is_a_clear_no(void **state)
{
    (void)state;
    world.invoker.fails = "only";
    (void)world_start(&world, "parent", "p-3", "{}");
    world_advance(&world, 1000);
    assert_int_equal(SK_SAGA_COMPENSATED, world_get(&world, "p-3").state);
    assert_int_equal(-1, world_call(&world, "after", 0));
}

static void a_cancelled_parent_cancels_its_child(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "parent", "p-4", "{}");
    world_run(&world);
    assert_int_equal(1, world.invoker.calls_count);
    struct sk_command cancel = {
        .kind = SK_COMMAND_CANCEL, .id = SK_STR("c"), .who = SK_STR("me"), .why = SK_STR("so")
    };
    struct answer answer = { 0 };
    sk_engine_command(world.engine, SK_STR("p-4"), &cancel, SK_STR(""), world_on_answer, &answer);
    world_run(&world);
    assert_int_equal(SKALD_OK, answer.status);
    world_answer(&world, 0, SK_OUTCOME_SUCCEEDED, "{}");
    world_run(&world);
    assert_int_equal(2, world.invoker.calls_count);
    assert_string_equal("undo-only", world.invoker.calls[1].name);
    world_answer(&world, 1, SK_OUTCOME_SUCCEEDED, "{}");
    world_advance(&world, 1000);
    assert_int_equal(SK_SAGA_CANCELLED, world_get(&world, "p-4").state);
    assert_int_equal(0, leftovers());
}

/* However the engine dies on the way, the child ran once and the parent heard of it once. */
static void crashes_lose_no_message(void **state)
{
    (void)state;
    for (int turns = 0; turns < 80; turns++) {
        char id[16], child[32];
        snprintf(id, sizeof id, "m-%d", turns);
        snprintf(child, sizeof child, "m-%d.child", turns);
        struct answer answer = { 0 };
        struct sk_start_request request = { .definition = SK_STR("parent"), .id = sk_str_of(id) };
        sk_engine_start(world.engine, &request, world_on_answer, &answer);
        for (int i = 0; i < turns && world.runtime.first != NULL; i++) {
            struct post *first = world.runtime.first;
            world.runtime.first = first->next;
            if (world.runtime.first == NULL) world.runtime.last = &world.runtime.first;
            first->fn(first->context);
            free(first);
        }
        world_crash(&world);
        world_open(&world);
        world_advance(&world, 100000);
        struct answer read = world_get(&world, id);
        if (answer.is_there) assert_int_equal(SKALD_OK, read.status);
        if (read.status == SKALD_OK) {
            assert_int_equal(SK_SAGA_COMPLETED, read.state);
            assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, child).state);
        }
        assert_int_equal(0, leftovers());
        world.invoker.calls_count = 0;
    }
}

static void locks_are_held_one_at_a_time(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "locked", "l-1", "{\"account\":7}");
    world_run(&world);
    assert_int_equal(1, world.invoker.calls_count);
    (void)world_start(&world, "locked", "l-2", "{\"account\":7}");
    (void)world_start(&world, "locked", "l-3", "{\"account\":8}");
    world_run(&world);
    assert_int_equal(1, world.invoker.calls_count);
    assert_int_equal(SK_SAGA_PENDING, world_get(&world, "l-2").state);
    for (uint32_t i = 0; i < 3; i++) {
        world_answer(&world, i, SK_OUTCOME_SUCCEEDED, "{}");
        world_run(&world);
        assert_int_equal(i < 2 ? i + 2 : 3, world.invoker.calls_count);
    }
    assert_string_not_equal(world.invoker.calls[1].saga, world.invoker.calls[2].saga);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "l-2").state);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "l-3").state);
    world_run(&world);
    assert_int_equal(0, leftovers());
}

static void locks_survive_a_crash(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "locked", "l-1", "{\"account\":7}");
    (void)world_start(&world, "locked", "l-2", "{\"account\":7}");
    world_run(&world);
    world_crash(&world);
    world_open(&world);
    world_run(&world);
    assert_int_equal(2, world.invoker.calls_count); /* l-1 redriven, l-2 still waits */
    assert_string_equal("l-1", world.invoker.calls[1].saga);
    world.invoker.is_manual = false;
    world_answer(&world, 1, SK_OUTCOME_SUCCEEDED, "{}");
    world_advance(&world, 1000);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "l-2").state);
    assert_int_equal(0, leftovers());
}

static void idle_locks_lose_their_rows(void **state)
{
    (void)state;
    (void)world_start(&world, "locked", "l-1", "{\"account\":7}");
    assert_true(world_stored_events(&world, "@lock/global") > 0);
    world_advance(&world, 120000);
    assert_int_equal(0, world_stored_events(&world, "@lock/global"));
    (void)world_start(&world, "locked", "l-2", "{\"account\":7}");
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "l-2").state);
    assert_true(world_stored_events(&world, "@lock/global") > 0);
    assert_int_equal(0, leftovers());
}

/* The grants of locks are held up while this says so. */
static bool are_grants_late;

static enum sk_carriage carry(void *context, uint32_t from, uint32_t to, struct sk_str id)
{
    (void)context, (void)from, (void)to;
    return are_grants_late && sk_str_starts(id, SK_STR("@lock/")) ? SK_CARRY_LATER : SK_CARRY_NOW;
}

/* A lock's grant is on its way until the saga that asked has given up, the lock has been removed
 * and its next life has come to the same seq: the next grant is another message. */
static void a_lock_that_begins_anew_repeats_no_id(void **state)
{
    (void)state;
    world_crash(&world);
    world.options.carry = carry;
    world_open(&world);
    are_grants_late = true;
    (void)world_start(&world, "locked", "l-1", "{\"account\":7}");
    assert_int_equal(SK_SAGA_PENDING, world_get(&world, "l-1").state);
    world_advance(&world, 150000); /* lock_timeout, and two sweeps */
    assert_int_equal(SK_SAGA_TIMED_OUT, world_get(&world, "l-1").state);
    assert_int_equal(0, world_stored_events(&world, "@lock/account-7"));
    (void)world_start(&world, "locked", "l-2", "{\"account\":7}");
    world_advance(&world, 1000);
    assert_int_equal(0, world_notices(&world, "saga.refused"));
    are_grants_late = false;
    world_advance(&world, 5000);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "l-2").state);
    world_advance(&world, 60000);
    assert_int_equal(0, leftovers());
    world.options.carry = NULL;
}

static void a_lost_shard_gets_its_messages_later(void **state)
{
    (void)state;
    uint32_t shard = sk_engine_shard_of(world.engine, SK_STR("p-9.child"));
    if (shard == sk_engine_shard_of(world.engine, SK_STR("p-9"))) return;
    sk_engine_own(world.engine, shard, false);
    world_run(&world);
    (void)world_start(&world, "parent", "p-9", "{}");
    world_advance(&world, 5000);
    assert_int_equal(0, world.invoker.calls_count);
    assert_int_equal(1, leftovers());
    sk_engine_own(world.engine, shard, true);
    world_advance(&world, 2000);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "p-9").state);
    world_advance(&world, 60000);
    assert_int_equal(0, leftovers());
}

/* A child's start and its cancel wait together: they arrive in the order of their events. */
static void messages_that_waited_keep_their_order(void **state)
{
    (void)state;
    uint32_t shard = sk_engine_shard_of(world.engine, SK_STR("o-1.child"));
    assert_int_not_equal(shard, sk_engine_shard_of(world.engine, SK_STR("o-1")));
    sk_engine_own(world.engine, shard, false);
    (void)world_start(&world, "parent", "o-1", "{}");
    struct sk_command cancel = {
        .kind = SK_COMMAND_CANCEL, .id = SK_STR("c"), .who = SK_STR("me"), .why = SK_STR("so")
    };
    struct answer answer = { 0 };
    sk_engine_command(world.engine, SK_STR("o-1"), &cancel, SK_STR(""), world_on_answer, &answer);
    world_run(&world);
    assert_int_equal(SKALD_OK, answer.status);
    assert_int_equal(2, leftovers());
    sk_engine_own(world.engine, shard, true);
    world_advance(&world, 60000);
    assert_int_equal(SK_SAGA_CANCELLED, world_get(&world, "o-1").state);
    assert_int_equal(SK_SAGA_CANCELLED, world_get(&world, "o-1.child").state);
    assert_int_equal(0, leftovers());
}

/* ---- what the parts hold --------------------------------------------------------------------- */

static const struct sk_store_ops *inner_ops;
static char deleted[64][80];
static uint32_t deleted_count, consumed_count, forgotten_count;

static bool is_deleted(struct sk_str id)
{
    for (uint32_t i = 0; i < deleted_count; i++)
        if (sk_str_is(id, deleted[i])) return true;
    return false;
}

/* An id is forgotten in a later batch than the one that deletes its row. */
static void watch(struct sk_store *store, struct sk_batch *batch, sk_batch_done *done,
                  void *context)
{
    for (uint32_t i = 0; i < batch->parts_count; i++) {
        const struct sk_part *part = &batch->parts[i];
        consumed_count += part->consumed_count;
        forgotten_count += part->consumed_gone_count;
        for (uint32_t k = 0; k < part->consumed_gone_count; k++)
            assert_true(is_deleted(part->consumed_gone[k]));
    }
    for (uint32_t i = 0; i < batch->parts_count; i++) {
        const struct sk_part *part = &batch->parts[i];
        for (uint32_t k = 0; k < part->messages_gone_count; k++)
            snprintf(deleted[deleted_count++], sizeof deleted[0], "%.*s",
                     SK_STR_ARGS(part->messages_gone[k]));
    }
    inner_ops->submit(store, batch, done, context);
}

/* Between the two parts lies a crash: what was consumed must be known as long as it may come. */
static void consumed_is_remembered_until_it_is_deleted(void **state)
{
    (void)state;
    struct sk_store_ops watching = *world.store.base.ops;
    inner_ops = world.store.base.ops;
    watching.submit = watch;
    world.store.base.ops = &watching;
    deleted_count = consumed_count = forgotten_count = 0;
    (void)world_start(&world, "parent", "r-1", "{}");
    world_advance(&world, 60000);
    world.store.base.ops = inner_ops;
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "r-1").state);
    assert_int_equal(2, deleted_count); /* the child's start and its end */
    assert_int_equal(2, consumed_count);
    assert_int_equal(2, forgotten_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_child_runs_and_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_parent_undoes_its_child, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_child_is_a_clear_no, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_parent_cancels_its_child, set_up, tear_down),
        cmocka_unit_test_setup_teardown(crashes_lose_no_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(locks_are_held_one_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(locks_survive_a_crash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(idle_locks_lose_their_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lock_that_begins_anew_repeats_no_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_shard_gets_its_messages_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(messages_that_waited_keep_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(consumed_is_remembered_until_it_is_deleted, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What cannot be read back: it is named, nothing is gone on with, and the others are served. */
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

/* The disk breaks while the shards are loaded: nobody else would open it anew. */
static void broken_while_opening(void **state)
{
    static const enum sk_read_kind kinds[] = { SK_READ_MESSAGES, SK_READ_CONSUMED, SK_READ_ACTIVE,
                                               SK_READ_EVENTS };
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "o-1", "{}");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        world_crash(&world);
        world.store.breaking_read = kinds[i];
        world.store.is_breaking = true;
        world.store.reopens_count = 0;
        skald_error error;
        assert_int_equal(SKALD_OK, sk_engine_new(&world.options, &world.engine, &error));
        world_open_engine(&world);
        world_advance(&world, 20000);
        assert_int_equal(1, world.store.reopens_count);
        assert_true(sk_engine_is_ready(world.engine));
    }
    world.invoker.is_manual = false;
    world_crash(&world);
    world_open(&world);
    world_advance(&world, 60000);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "o-1").state);
}

/* Pages that are damaged stay so: the opening fails, and does not go on for ever. */
static void damaged_while_opening(void **state)
{
    static const enum sk_read_kind kinds[] = { SK_READ_MESSAGES, SK_READ_CONSUMED, SK_READ_RECORDS,
                                               SK_READ_ACTIVE };
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint32_t opened_count = world.opened_count;
        world_crash(&world);
        world.store.breaking_read = kinds[i];
        world.store.is_damaged = true;
        skald_error error;
        assert_int_equal(SKALD_OK, sk_engine_new(&world.options, &world.engine, &error));
        world_open_engine(&world);
        world_advance(&world, 1000);
        assert_int_equal(opened_count + 1, world.opened_count);
        assert_int_equal(SKALD_E_CORRUPT, world.opened_status);
        assert_false(sk_engine_is_ready(world.engine));
    }
    world_crash(&world);
    world.store.is_damaged = false;
    world_open(&world);
    assert_int_equal(SKALD_OK, world.opened_status);
}

static void history_without_its_end(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "o-2", "{}");
    world_answer(&world, 0, SK_OUTCOME_SUCCEEDED, "{}");
    world_run(&world);
    uint32_t events_count = world_stored_events(&world, "o-2");
    uint32_t calls_count = world.invoker.calls_count;
    world_crash(&world);
    world.store.loses_last_event = true;
    world_open(&world);
    world_advance(&world, 1000);
    assert_true(world_notices(&world, "saga.unreadable") > 0);
    assert_int_equal(calls_count, world.invoker.calls_count);
    world.invoker.is_manual = false;
    assert_int_equal(SKALD_OK, world_start(&world, "order", "o-3", "{}").status);
    world_advance(&world, 60000);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "o-3").state);
    for (int i = 0; i < 3; i++) { /* told at once, each time */
        struct answer answer = { 0 };
        sk_engine_get(world.engine, SK_STR("o-2"), world_on_answer, &answer);
        world_advance(&world, 1);
        assert_true(answer.is_there);
        assert_int_equal(SKALD_E_CORRUPT, answer.status);
    }
    world.store.loses_last_event = false; /* somebody has mended the file */
    assert_int_equal(events_count, world_stored_events(&world, "o-2"));
    world_advance(&world, 120000);
    assert_true(sk_saga_state_is_end(world_get(&world, "o-2").state)); /* its time-out has passed */
}

/* Whoever has taken over the shard removes it between two reads of ours: that is no damage. */
static void removed_between_two_reads(void **state)
{
    (void)state;
    (void)world_start(&world, "order", "o-4", "{}");
    world_crash(&world);
    world_open(&world);
    world.store.vanishes = true;
    struct answer answer = world_get(&world, "o-4");
    assert_true(answer.is_there && world.store.has_vanished);
    assert_int_equal(SKALD_E_NOT_FOUND, answer.status);
    assert_int_equal(0, world_notices(&world, "saga.unreadable"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(broken_while_opening, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_while_opening, set_up, tear_down),
        cmocka_unit_test_setup_teardown(history_without_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(removed_between_two_reads, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a sibling takes, tells and keeps (B1, B3, B4, B5 of engine/sibling.c): the moments between
 * two owners of a shard, which come about in a world of many faults only, are set up from the
 * inside. */
#include "world.h"

#include "engine/engine_private.h"

#include "engine/group.h"

static struct world world;
static struct sk_engine *one, *other;
static uint32_t letters_count; /* posted to the other */
static struct sk_runtime counted;
static struct sk_runtime_ops counted_ops;

static enum skald_status count_letter(struct sk_runtime *runtime, sk_runtime_fn *fn, void *context)
{
    (void)runtime;
    letters_count += 1;
    return world.runtime.base.ops->post(&world.runtime.base, fn, context);
}

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 8);
    world_open_pair(&world);
    one = world.engine;
    other = world.sibling;
    counted_ops = (struct sk_runtime_ops){ .post = count_letter };
    counted.ops = &counted_ops;
    sk_group_set_runtime(world.group, 1, &counted);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

static struct sk_shard *a_shard_of(struct sk_engine *engine)
{
    for (uint32_t i = 0; i < engine->shards_count; i++)
        if (sk_shard_is_serving(&engine->shards[i])) return &engine->shards[i];
    return NULL;
}

/* A key whose home is served by `one`. */
static struct sk_shard *home_of(char key[static 32])
{
    for (int i = 0; i < 100; i++) {
        snprintf(key, 32, "@lock/key-%d", i);
        struct sk_shard *home = sk_shard_of(one, sk_str_of(key));
        if (sk_shard_is_serving(home)) return home;
    }
    return NULL;
}

static void ask_for_lock(const char *key, uint32_t home, const char *id)
{
    struct sk_message message = { .kind = SK_MESSAGE_LOCK_REQUEST,
                                  .id = sk_str_of(id),
                                  .from = SK_STR("s-1"),
                                  .to = sk_str_of(key) };
    assert_true(sk_sibling_hand(a_shard_of(other), home, &message));
    world_run(&world);
}

/* B1: what was handed over for another serving of the shard comes again, in its order. */
static void what_is_meant_for_another_serving_is_dropped(void **state)
{
    (void)state;
    char key[32];
    const struct sk_shard *home = home_of(key);
    struct sk_serving *known = &other->servings[home->index];
    const struct sk_serving right = *known;
    assert_int_equal(home->epoch, right.epoch);
    known->epoch = right.epoch + 1;
    ask_for_lock(key, home->index, "s-1/2/5/0/1");
    assert_int_equal(0, world_stored_events(&world, key));
    *known = right;
    known->link = right.link + 1;
    ask_for_lock(key, home->index, "s-1/2/5/0/1");
    assert_int_equal(0, world_stored_events(&world, key));
    *known = right;
    ask_for_lock(key, home->index, "s-1/2/5/0/1");
    assert_int_equal(2, world_stored_events(&world, key)); /* asked for and granted */
}

/* B3: who may have lost the shard without knowing does not know its successor's rows. */
static void no_row_is_said_to_be_gone_after_the_lease(void **state)
{
    (void)state;
    struct sk_shard *from = a_shard_of(one);
    letters_count = 0;
    sk_sibling_consumed(a_shard_of(other), from->index, 0, SK_STR("s-1/2/5/0/1"));
    world_run(&world);
    assert_int_equal(1, letters_count); /* there is no such row: forget it */
    from->lease_until_us = 1;
    sk_sibling_consumed(a_shard_of(other), from->index, 0, SK_STR("s-1/2/5/0/1"));
    world_run(&world);
    assert_int_equal(1, letters_count);
    from->lease_until_us = INT64_MAX;
}

/* B4: whom a sibling tells of a later epoch has lost the shard, whatever the store has said. */
static void who_hears_of_a_later_epoch_gives_the_shard_up(void **state)
{
    (void)state;
    const struct sk_shard *shard = a_shard_of(one);
    uint32_t before = world_notices(&world, "lease.lost");
    sk_engine_own(other, shard->index, true);
    world_run(&world);
    assert_true(sk_shard_is_serving(&other->shards[shard->index]));
    assert_false(sk_shard_is_held(shard));
    assert_int_equal(before + 1, world_notices(&world, "lease.lost"));
}

/* B5: its successor has handed it over as well, and it may be done with and forgotten by now. */
static void a_late_message_of_an_earlier_owner_is_dropped(void **state)
{
    (void)state;
    char key[32];
    const struct sk_shard *home = home_of(key);
    const struct sk_shard *from = a_shard_of(other);
    struct sk_serving *known = &one->servings[from->index];
    known->epoch = from->epoch + 1;
    ask_for_lock(key, home->index, "s-1/2/5/0/1");
    assert_int_equal(0, world_stored_events(&world, key));
    known->epoch = from->epoch;
    ask_for_lock(key, home->index, "s-1/2/5/0/1");
    assert_int_equal(2, world_stored_events(&world, key));
    assert_int_equal(0, HASH_COUNT(home->inbox)); /* forgotten: there is no such row */
}

/* B5: else the next late word of the one before would be taken. */
static void only_the_owner_that_is_known_has_things_forgotten(void **state)
{
    (void)state;
    char key[32];
    const struct sk_shard *home = home_of(key);
    struct sk_shard *from = a_shard_of(other);
    struct sk_serving *known = &one->servings[from->index];
    known->epoch = from->epoch - 1; /* it has not been heard of yet */
    ask_for_lock(key, home->index, "s-1/2/5/0/1");
    assert_int_equal(2, world_stored_events(&world, key));
    assert_int_equal(1, HASH_COUNT(home->inbox));
    known->epoch = from->epoch;
    sk_sibling_forget(from, home->index, 0, SK_STR("s-1/2/5/0/1"));
    world_run(&world);
    assert_int_equal(0, HASH_COUNT(home->inbox));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_meant_for_another_serving_is_dropped, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_row_is_said_to_be_gone_after_the_lease, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_hears_of_a_later_epoch_gives_the_shard_up, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_late_message_of_an_earlier_owner_is_dropped, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(only_the_owner_that_is_known_has_things_forgotten, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

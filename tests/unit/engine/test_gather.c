/* One question to all engines of a process: all tell, or nobody waits for ever. */
#include "world.h"

#include "definitions.h"
#include "engine/gather.h"
#include "support/alloc_fail.h"

static struct world world;
struct gathered {
    uint32_t done_count, parts_count;
    enum skald_status status;
    uint32_t owned[2];
    char texts[2][16];
};

static struct sk_gather_part *silent; /* has not told yet */

static void on_done(void *context, enum skald_status status, const skald_error *error,
                    struct sk_gather_part *const *parts, uint32_t count)
{
    struct gathered *gathered = context;
    gathered->done_count += 1;
    gathered->status = status;
    gathered->parts_count = count;
    assert_true((status == SKALD_OK) == (error == NULL));
    assert_true((status == SKALD_OK) == (parts != NULL));
    for (uint32_t i = 0; parts != NULL && i < count; i++) {
        assert_int_equal(i, parts[i]->member);
        gathered->owned[i] = *(uint32_t *)parts[i]->told;
        snprintf(gathered->texts[i], sizeof gathered->texts[i], "%.*s",
                 SK_STR_ARGS(parts[i]->question.text));
    }
}

static void count_shards(struct sk_gather_part *part)
{
    struct sk_engine_stats stats;
    uint32_t *told = SK_ARENA_NEW(&part->arena, uint32_t);
    sk_engine_stats(part->engine, &stats);
    if (told != NULL) *told = stats.shards_owned + (uint32_t)part->question.number;
    part->told = told;
    sk_gather_tell(part);
}

static void say_nothing(struct sk_gather_part *part)
{
    if (part->member == 1) {
        silent = part;
    } else {
        count_shards(part);
    }
}

static struct gathered gather(sk_gather_look *look)
{
    struct gathered gathered = { 0 };
    char text[] = "words";
    struct sk_gather_question question = { 100, sk_str_of(text) };
    sk_engine_gather(world.engine, look, &question, on_done, &gathered);
    memset(text, 'x', sizeof text - 1); /* it was copied */
    if (world.group != NULL) assert_int_equal(0, gathered.done_count);
    world_run(&world);
    return gathered;
}

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 7);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

static void all_tell(void **state)
{
    (void)state;
    world_open_pair(&world);
    struct gathered gathered = gather(count_shards);
    assert_int_equal(1, gathered.done_count);
    assert_int_equal(SKALD_OK, gathered.status);
    assert_int_equal(2, gathered.parts_count);
    assert_int_equal(104, gathered.owned[0]);
    assert_int_equal(103, gathered.owned[1]);
    assert_string_equal("words", gathered.texts[0]);
    assert_string_equal("words", gathered.texts[1]);
}

static void who_is_alone_is_asked_at_once(void **state)
{
    (void)state;
    world_open(&world);
    struct gathered gathered = { 0 };
    sk_engine_gather(world.engine, count_shards, NULL, on_done, &gathered);
    assert_int_equal(1, gathered.done_count);
    assert_int_equal(1, gathered.parts_count);
    assert_int_equal(7, gathered.owned[0]);
}

static void a_member_that_is_gone_is_not_waited_for(void **state)
{
    (void)state;
    world_open_pair(&world);
    sk_engine_free(world.sibling);
    world.sibling = NULL;
    struct gathered gathered = gather(count_shards);
    assert_int_equal(1, gathered.done_count);
    assert_int_equal(SKALD_E_AGAIN, gathered.status);
}

static void nor_one_that_goes_meanwhile(void **state)
{
    (void)state;
    struct gathered gathered = { 0 };
    world_open_pair(&world);
    sk_engine_gather(world.engine, say_nothing, NULL, on_done, &gathered);
    world_run(&world);
    assert_int_equal(0, gathered.done_count);
    sk_engine_free(world.sibling);
    world.sibling = NULL;
    world_run(&world);
    assert_int_equal(1, gathered.done_count);
    assert_int_equal(SKALD_E_AGAIN, gathered.status);
}

static void nor_one_that_says_nothing(void **state)
{
    (void)state;
    struct gathered gathered = { 0 };
    world_open_pair(&world);
    sk_engine_gather(world.engine, say_nothing, NULL, on_done, &gathered);
    world_advance(&world, SK_GATHER_WAIT_MS - 1);
    assert_int_equal(0, gathered.done_count);
    world_advance(&world, 1);
    assert_int_equal(1, gathered.done_count);
    assert_int_equal(SKALD_E_AGAIN, gathered.status);
    sk_gather_tell(silent); /* too late */
    world_run(&world);
    assert_int_equal(1, gathered.done_count);
}

static void an_asker_that_is_gone_hears_nothing(void **state)
{
    (void)state;
    struct gathered gathered = { 0 };
    world_open_pair(&world);
    sk_engine_gather(world.engine, say_nothing, NULL, on_done, &gathered);
    world_run(&world);
    sk_engine_free(world.engine);
    world.engine = NULL;
    sk_gather_tell(silent);
    world_run(&world);
    assert_int_equal(0, gathered.done_count);
}

static void the_asker_goes_while_its_own_part_is_out(void **state)
{
    (void)state;
    struct gathered gathered = { 0 };
    world_open_pair(&world);
    sk_engine_gather(world.sibling, say_nothing, NULL, on_done, &gathered);
    world_run(&world);
    sk_engine_free(world.sibling);
    world.sibling = NULL;
    world_run(&world);
    assert_int_equal(0, gathered.done_count);
}

/* Whatever fails, there is one answer, and it is not a half. */
static void without_memory(void **state)
{
    (void)state;
    world_open_pair(&world);
    int failures = 0;
    for (int n = 0;; n++) {
        struct gathered gathered = { 0 };
        struct sk_gather_question question = { 100, SK_STR("words") };
        skt_alloc_fail_at(n);
        sk_engine_gather(world.engine, count_shards, &question, on_done, &gathered);
        world_advance(&world, SK_GATHER_WAIT_MS);
        bool was_hit = skt_alloc_fail_hit();
        skt_alloc_fail_off();
        assert_int_equal(1, gathered.done_count);
        if (gathered.status == SKALD_OK) assert_int_equal(104, gathered.owned[0]);
        if (gathered.status == SKALD_OK) assert_int_equal(103, gathered.owned[1]);
        failures += gathered.status != SKALD_OK;
        if (!was_hit) break;
    }
    assert_true(failures >= 4);
}

static void on_figures(void *context, enum skald_status status, const skald_error *error,
                       const struct sk_engine_stats *stats)
{
    assert_int_equal(SKALD_OK, status);
    assert_null(error);
    *(struct sk_engine_stats *)context = *stats;
}

static void figures_are_those_of_all(void **state)
{
    (void)state;
    struct sk_engine_stats all = { 0 }, one, other;
    world_open_pair(&world);
    world_define(&world, single_yaml);
    char id[8];
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "f-%d", i);
        (void)world_start(&world, "single", id, "{}"); /* some of them on an errand */
    }
    sk_engine_stats_all(world.engine, on_figures, &all);
    world_run(&world);
    sk_engine_stats(world.engine, &one);
    sk_engine_stats(world.sibling, &other);
    assert_int_equal(20, all.started);
    assert_true(one.started > 0 && other.started > 0);
    assert_int_equal(one.events + other.events, all.events);
    assert_int_equal(7, all.shards_owned);
    assert_true(all.own_us_max >= one.own_us_max && all.own_us_max >= other.own_us_max);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_tell, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_alone_is_asked_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_member_that_is_gone_is_not_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nor_one_that_goes_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nor_one_that_says_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_asker_that_is_gone_hears_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_asker_goes_while_its_own_part_is_out, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(figures_are_those_of_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

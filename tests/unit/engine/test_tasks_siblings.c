/* Workers that poll at one engine of a group get the tasks of all, each task once. */
#include "workers.h"

#include "definitions.h"
#include "engine/engine_private.h"
#include "engine/group.h"
#include "support/alloc_fail.h"

enum { SAGAS_MAX = 40 };

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 8);
    world_open_pair(&world);
    world_define(&world, packing_yaml);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

static uint32_t given[SAGAS_MAX]; /* by the number in the saga's id */

static void on_tasks(void *context, enum skald_status status, const skald_error *error,
                     const struct sk_task_given *tasks, uint32_t count)
{
    worker_on_tasks(context, status, error, tasks, count);
    for (uint32_t i = 0; i < count; i++) {
        struct sk_str id = tasks[i].saga_id;
        uint64_t number = SAGAS_MAX;
        if (id.data[0] != 't') continue;
        assert_true(sk_str_to_u64(sk_str_sub(id, 2, id.size), &number) && number < SAGAS_MAX);
        given[number] += 1;
    }
}

static void poll(struct sk_engine *engine, struct worker *worker, uint32_t max, int64_t wait_ms)
{
    const struct sk_poll_request request = { .max = max, .wait_ms = wait_ms, .lease_ms = 600000 };
    worker_poll(engine, worker, request, on_tasks);
}

/* The first id from `from` on that this member serves. */
static int id_of_member(uint32_t member, int from, char *out, size_t size)
{
    for (int i = from;; i++) {
        snprintf(out, size, "t-%d", i);
        uint32_t shard = sk_engine_shard_of(world.engine, sk_str_of(out));
        if (sk_group_member_of(world.group, shard) == member) return i;
    }
}

static int start_at(uint32_t member, int from)
{
    char id[16];
    int number = id_of_member(member, from, id, sizeof id);
    assert_true(number < SAGAS_MAX);
    assert_int_equal(SKALD_OK, world_start(&world, "packing", id, "{}").status);
    return number;
}

static int fresh(void **state)
{
    memset(given, 0, sizeof given);
    return set_up(state);
}

static void a_poll_that_does_not_wait_gets_a_siblings_task(void **state)
{
    (void)state;
    struct worker worker;
    int number = start_at(1, 0);
    poll(world.engine, &worker, 1, 0);
    world_advance(&world, 10);
    assert_int_equal(1, worker.told_count);
    assert_int_equal(1, worker.tasks_count);
    assert_int_equal(1, given[number]);
    assert_int_equal(1, worker.attempt);
}

static void and_learns_at_once_when_nobody_has_any(void **state)
{
    (void)state;
    struct worker worker;
    poll(world.engine, &worker, 1, 0);
    world_advance(&world, 10);
    assert_int_equal(1, worker.told_count);
    assert_int_equal(0, worker.tasks_count);
}

static void a_poll_that_waits_is_told_when_a_sibling_has_one(void **state)
{
    (void)state;
    struct worker worker;
    poll(world.engine, &worker, 1, 60000);
    world_advance(&world, 1000);
    assert_int_equal(0, worker.told_count);
    int number = start_at(1, 0);
    world_advance(&world, 10);
    assert_int_equal(1, worker.tasks_count);
    assert_int_equal(1, given[number]);
}

/* Many workers on both sides, more tasks than one offer tells of: each is given once. */
static void each_task_goes_to_one_worker(void **state)
{
    (void)state;
    struct worker workers[30];
    for (int i = 0; i < 10; i++) poll(world.engine, &workers[i], 1, 60000);
    for (int i = 10; i < 12; i++) poll(world.sibling, &workers[i], 2, 60000);
    world_advance(&world, 100);
    for (int i = 0; i < 14; i++) (void)start_at((uint32_t)(i % 3 != 0), i == 0 ? 0 : i);
    for (int i = 0; i < SAGAS_MAX; i++) assert_true(given[i] <= 1);
    world_advance(&world, 100);
    for (int i = 12; i < 30; i++) poll(world.engine, &workers[i], 1, 1000);
    world_advance(&world, 2000);
    uint32_t told = 0, sum = 0;
    for (int i = 0; i < 30; i++) told += workers[i].tasks_count;
    for (int i = 0; i < SAGAS_MAX; i++) {
        assert_true(given[i] <= 1);
        sum += given[i];
    }
    struct sk_engine_stats stats;
    uint32_t started = 0;
    sk_engine_stats(world.engine, &stats);
    started += (uint32_t)stats.started;
    sk_engine_stats(world.sibling, &stats);
    started += (uint32_t)stats.started;
    assert_int_equal(started, sum);
    assert_int_equal(started, told);
}

static void one_poll_brings_what_there_is_anywhere(void **state)
{
    (void)state;
    struct worker worker;
    int next = 0;
    for (int i = 0; i < 5; i++) next = start_at((uint32_t)i % 2, next) + 1;
    poll(world.engine, &worker, 4, 0);
    world_advance(&world, 10);
    assert_int_equal(4, worker.tasks_count);
    poll(world.sibling, &worker, 10, 0);
    world_advance(&world, 10);
    assert_int_equal(1, worker.tasks_count);
    for (int i = 0; i < SAGAS_MAX; i++) assert_true(given[i] <= 1);
}

/* Of several that are there one is believed to be the sibling's, and is gone. */
static void a_poll_that_does_not_wait_is_not_content_with_one_source(void **state)
{
    (void)state;
    struct worker worker;
    char id[16];
    int own = start_at(0, 0), last = start_at(0, own + 1), far = start_at(1, 0);
    poll(world.engine, &worker, 1, 0);
    world_advance(&world, 10);
    assert_int_equal(1, given[own]); /* and next time it is the sibling's turn */
    snprintf(id, sizeof id, "t-%d", far);
    struct answer answer = { 0 };
    struct sk_command cancel = { .kind = SK_COMMAND_CANCEL, .step = SK_STEP_NONE, .item = -1 };
    sk_engine_command(world.sibling, sk_str_of(id), &cancel, SK_STR(""), world_on_answer, &answer);
    world_run(&world);
    assert_int_equal(SKALD_OK, answer.status);
    poll(world.engine, &worker, 1, 0);
    world_move_clock(&world, 50); /* the wait ends before the sibling has answered */
    world_advance(&world, 10);
    assert_int_equal(1, worker.told_count);
    assert_int_equal(1, given[last]);
}

/* A turn of the loop that takes long: what a sibling says and the end of the wait are there at
 * once. */
static void what_is_heard_late_is_given_before_the_wait_ends(void **state)
{
    (void)state;
    struct worker worker;
    int number = start_at(1, 0);
    poll(world.engine, &worker, 1, 0);
    world_move_clock(&world, 50);
    world_advance(&world, 10);
    assert_int_equal(1, worker.told_count);
    assert_int_equal(1, given[number]);
}

/* J3: the own tasks never end, and still a sibling's turn comes. */
static void own_tasks_do_not_starve_a_siblings(void **state)
{
    (void)state;
    struct worker worker;
    int far = start_at(1, 0);
    int next = 0;
    for (int i = 0; i < 4; i++) next = start_at(0, next) + 1;
    for (int i = 0; i < 3 && given[far] == 0; i++) {
        poll(world.engine, &worker, 1, 1000);
        world_advance(&world, 2000);
        assert_int_equal(1, worker.tasks_count);
    }
    assert_int_equal(1, given[far]);
}

static void count_queue(void *context, const struct sk_queue_view *view)
{
    (void)view;
    *(uint32_t *)context += 1;
}

static uint32_t queues_of(struct sk_engine *engine)
{
    uint32_t count = 0;
    sk_engine_queues(engine, count_queue, &count);
    assert_int_equal(count, HASH_COUNT(engine->task_queues));
    return count;
}

/* Interest in each other's tasks keeps no queue for ever. */
static void a_queue_goes_when_nobody_uses_it(void **state)
{
    (void)state;
    struct worker one, other;
    poll(world.engine, &one, 1, 500);
    poll(world.sibling, &other, 1, 500);
    world_advance(&world, 100);
    assert_int_equal(1, queues_of(world.engine));
    assert_int_equal(1, queues_of(world.sibling));
    world_advance(&world, 1000);
    assert_int_equal(0, queues_of(world.engine));
    assert_int_equal(0, queues_of(world.sibling));
}

/* It hangs up while the sibling's taking is being made durable. */
static void what_nobody_was_told_of_comes_back(void **state)
{
    (void)state;
    struct worker gone, next;
    int number = start_at(1, 0);
    world.store.is_holding = true;
    poll(world.engine, &gone, 1, 60000);
    world_advance(&world, 10);
    sk_engine_poll_cancel(world.engine, gone.number);
    world_unhold(&world, false);
    world_advance(&world, 1500);
    assert_int_equal(1, gone.told_count);
    assert_int_equal(0, gone.tasks_count);
    poll(world.engine, &next, 1, 1000);
    world_advance(&world, 2000);
    assert_int_equal(1, next.tasks_count);
    assert_int_equal(2, next.attempt);
    assert_int_equal(1, given[number]);
}

/* The sibling's store takes nothing for a while: nobody spins, and the poll goes on waiting. */
static void a_sibling_in_trouble_is_asked_again_later(void **state)
{
    (void)state;
    struct worker worker;
    int number = start_at(1, 0);
    char id[16], other[16];
    snprintf(id, sizeof id, "t-%d", number);
    uint32_t shard = sk_engine_shard_of(world.engine, sk_str_of(id));
    for (int i = 1000;; i++) { /* another one of the same shard */
        snprintf(other, sizeof other, "x-%d", i);
        if (sk_engine_shard_of(world.engine, sk_str_of(other)) == shard) break;
    }
    struct answer answer = { 0 };
    struct sk_start_request request = { .definition = SK_STR("packing"), .id = sk_str_of(other) };
    world.store.fate = FATE_PASSING;
    world.store.fates_count = 8;
    sk_engine_start(world.sibling, &request, world_on_answer, &answer);
    world_advance(&world, 50);
    poll(world.engine, &worker, 1, 60000);
    world_advance(&world, 100);
    assert_int_equal(0, worker.told_count);
    assert_true(world.store.fates_count > 0);
    uint64_t order = world.engine->next_order;
    world_advance(&world, 400);
    assert_true(world.engine->next_order - order < 100);
    world_advance(&world, 55000);
    assert_int_equal(0, world.store.fates_count);
    assert_int_equal(1, worker.tasks_count);
}

static void nor_is_it_lost_when_the_askers_engine_goes(void **state)
{
    (void)state;
    struct worker gone, next;
    (void)start_at(1, 0);
    world.store.is_holding = true;
    poll(world.engine, &gone, 1, 60000);
    world_advance(&world, 10);
    sk_engine_free(world.engine);
    world.engine = NULL;
    world_unhold(&world, false);
    world_advance(&world, 1500);
    assert_int_equal(0, gone.told_count);
    poll(world.sibling, &next, 1, 1000);
    world_advance(&world, 2000);
    assert_int_equal(1, next.tasks_count);
    assert_int_equal(2, next.attempt);
}

static void a_poll_outlives_the_sibling_that_it_asked(void **state)
{
    (void)state;
    struct worker worker;
    (void)start_at(1, 0);
    world.store.is_holding = true;
    poll(world.engine, &worker, 1, 1000);
    world_advance(&world, 10);
    sk_engine_free(world.sibling);
    world.sibling = NULL;
    world_unhold(&world, false);
    world_advance(&world, 2000);
    assert_int_equal(1, worker.told_count);
    assert_int_equal(0, worker.tasks_count);
}

/* A sibling that comes up anew hears who waits. */
static void a_sibling_that_comes_back_is_told(void **state)
{
    (void)state;
    struct worker worker;
    skald_error error;
    int number = start_at(1, 0);
    sk_engine_free(world.sibling);
    world_run(&world);
    poll(world.engine, &worker, 1, 60000);
    world_advance(&world, 100);
    assert_int_equal(SKALD_OK, sk_engine_new(&world.options, &world.sibling, &error));
    struct sk_engine *first = world.engine;
    world.engine = world.sibling;
    world_open_engine(&world);
    world.engine = first;
    world_advance(&world, 100);
    assert_int_equal(1, worker.tasks_count);
    assert_int_equal(1, given[number]);
}

static void on_answer(void *context, enum skald_status status, const skald_error *error,
                      const struct sk_task_given *tasks, uint32_t count)
{
    (void)status, (void)error, (void)tasks;
    struct worker *worker = context;
    worker->told_count += 1;
    worker->tasks_count = count;
}

/* Whatever fails, the worker is answered once, and who comes when there is memory again gets the
 * task, unless it was told already. */
static void without_memory(void **state)
{
    bool was_hit = true;
    uint32_t given_count = 0;
    for (int n = 0; was_hit; n++) {
        struct worker worker = { 0 }, next = { 0 };
        struct sk_poll_request request = {
            .queue = SK_STR("packers"), .worker = SK_STR("ada"), .wait_ms = 500, .lease_ms = 600000
        };
        (void)start_at(1, 0);
        world.store.is_holding = true; /* the store's memory is not meant */
        skt_alloc_fail_at(n);
        (void)sk_engine_poll(world.engine, &request, on_answer, &worker);
        world_advance(&world, 100);
        was_hit = skt_alloc_fail_hit();
        skt_alloc_fail_off();
        world_unhold(&world, false);
        world_advance(&world, 2000);
        assert_int_equal(1, worker.told_count);
        given_count += worker.tasks_count;
        if (worker.tasks_count == 0) {
            request.wait_ms = 60000;
            (void)sk_engine_poll(world.engine, &request, on_answer, &next);
            world_advance(&world, 60000);
            assert_int_equal(1, next.tasks_count);
        }
        (void)tear_down(state);
        (void)fresh(state);
    }
    assert_true(given_count > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_poll_that_does_not_wait_gets_a_siblings_task, fresh,
                                        tear_down),
        cmocka_unit_test_setup_teardown(and_learns_at_once_when_nobody_has_any, fresh, tear_down),
        cmocka_unit_test_setup_teardown(a_poll_that_waits_is_told_when_a_sibling_has_one, fresh,
                                        tear_down),
        cmocka_unit_test_setup_teardown(each_task_goes_to_one_worker, fresh, tear_down),
        cmocka_unit_test_setup_teardown(one_poll_brings_what_there_is_anywhere, fresh, tear_down),
        cmocka_unit_test_setup_teardown(a_poll_that_does_not_wait_is_not_content_with_one_source,
                                        fresh, tear_down),
        cmocka_unit_test_setup_teardown(what_is_heard_late_is_given_before_the_wait_ends, fresh,
                                        tear_down),
        cmocka_unit_test_setup_teardown(own_tasks_do_not_starve_a_siblings, fresh, tear_down),
        cmocka_unit_test_setup_teardown(a_queue_goes_when_nobody_uses_it, fresh, tear_down),
        cmocka_unit_test_setup_teardown(what_nobody_was_told_of_comes_back, fresh, tear_down),
        cmocka_unit_test_setup_teardown(a_sibling_in_trouble_is_asked_again_later, fresh,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nor_is_it_lost_when_the_askers_engine_goes, fresh,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_poll_outlives_the_sibling_that_it_asked, fresh,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_sibling_that_comes_back_is_told, fresh, tear_down),
        cmocka_unit_test_setup_teardown(without_memory, fresh, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

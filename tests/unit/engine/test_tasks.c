/* Workers that poll for tasks: one task, one worker at a time; what did not reach a worker comes
 * back. */
#include "workers.h"

#include "definitions.h"
#include "engine/engine_private.h"

#include <malloc.h>

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 8);
    world_open(&world);
    world_define(&world, packing_yaml);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

static void begin_poll(struct worker *worker, const char *name, uint32_t max)
{
    const struct sk_poll_request request = {
        .worker = sk_str_of(name), .max = max, .wait_ms = 1000, .lease_ms = 60000
    };
    worker_poll(world.engine, worker, request, worker_on_tasks);
}

static void each_task_goes_to_one_worker(void **state)
{
    (void)state;
    struct worker workers[3];
    (void)world_start(&world, "packing", "t-1", "{}");
    (void)world_start(&world, "packing", "t-2", "{}");
    begin_poll(&workers[0], "ada", 1);
    begin_poll(&workers[1], "bob", 10);
    begin_poll(&workers[2], "eve", 10);
    world_advance(&world, 2000);
    for (int i = 0; i < 3; i++) assert_int_equal(1, workers[i].told_count);
    assert_int_equal(1, workers[0].tasks_count);
    assert_int_equal(1, workers[1].tasks_count);
    assert_int_equal(0, workers[2].tasks_count);
    assert_string_not_equal(workers[0].saga, workers[1].saga);
}

/* It hangs up while its taking is being made durable: nobody waits for its lease to pass. */
static void what_no_worker_got_comes_back(void **state)
{
    (void)state;
    struct worker gone, next;
    (void)world_start(&world, "packing", "t-1", "{}");
    world.store.is_holding = true;
    begin_poll(&gone, "ada", 1);
    world_advance(&world, 10);
    sk_engine_poll_cancel(world.engine, gone.number);
    world_unhold(&world, false);
    world_advance(&world, 1500); /* the pause before its next attempt */
    assert_int_equal(1, gone.told_count);
    assert_int_equal(0, gone.tasks_count);
    begin_poll(&next, "bob", 1);
    world_advance(&world, 2000);
    assert_int_equal(1, next.tasks_count);
    assert_int_equal(2, next.attempt);
    assert_string_equal("t-1", next.saga);
}

/* After a crash the index of what is on offer is made from the sagas. */
static void an_offer_survives_a_crash(void **state)
{
    (void)state;
    struct worker worker;
    (void)world_start(&world, "packing", "t-1", "{}");
    world_crash(&world);
    world_open(&world);
    begin_poll(&worker, "ada", 1);
    world_advance(&world, 100);
    assert_int_equal(1, worker.tasks_count);
    assert_int_equal(1, worker.attempt);
}

/* The shard is given up while a part of it is with the store: its tasks are no longer on offer. */
static void a_shard_that_is_given_up_offers_nothing(void **state)
{
    (void)state;
    struct worker worker;
    uint32_t shard = sk_engine_shard_of(world.engine, SK_STR("t-1"));
    (void)world_start(&world, "packing", "t-1", "{}");
    struct sk_command suspend = {
        .kind = SK_COMMAND_SUSPEND, .id = SK_STR("s"), .who = SK_STR("me"), .why = SK_STR("so")
    };
    struct answer answer = { 0 };
    char other[32] = "";
    for (int i = 2; other[0] == '\0' || sk_engine_shard_of(world.engine, sk_str_of(other)) != shard;
         i++)
        snprintf(other, sizeof other, "t-%d", i);
    (void)world_start(&world, "packing", other, "{}");
    world.store.is_holding = true;
    sk_engine_command(world.engine, sk_str_of(other), &suspend, SK_STR(""), world_on_answer,
                      &answer);
    world_run(&world);
    sk_engine_own(world.engine, shard, false);
    begin_poll(&worker, "ada", 1);
    world_advance(&world, 100);
    assert_int_equal(0, worker.told_count); /* it waits for what others may offer */
    world_advance(&world, 2000);
    assert_int_equal(1, worker.told_count);
    assert_int_equal(0, worker.tasks_count);
    world_unhold(&world, false);
    sk_engine_own(world.engine, shard, true);
    world_advance(&world, 2000);
    begin_poll(&worker, "ada", 1);
    world_advance(&world, 100);
    assert_int_equal(1, worker.tasks_count);
    assert_string_equal("t-1", worker.saga);
}

/* The loop was late: when it gives the first queue's task the saga's time is over, which withdraws
 * the task of the next queue and ends that queue. What is read after it was freed makes no
 * sense. */
static void giving_a_task_may_end_the_queue_that_is_next(void **state)
{
    (void)state;
    struct worker worker;
    world_define(&world, "saga: {id: pair, name: Pair, version: '1', timeout: 10s}\n"
                         "steps:\n"
                         "  - {id: pack, name: Pack, type: task, action: {task: packers},"
                         " compensation: {type: skip}}\n"
                         "  - {id: sign, name: Sign, type: task, action: {task: signers},"
                         " compensation: {type: skip}}\n");
    (void)world_start(&world, "pair", "p-1", "{}");
    const struct sk_task_queue *first = world.engine->task_queues;
    assert_true(sk_str_is(first->name, "packers"));
    assert_true(sk_str_is(((const struct sk_task_queue *)first->hh.next)->name, "signers"));
    (void)mallopt(M_PERTURB, 0x5a); /* a sanitizer looks by itself */
    begin_poll(&worker, "ada", 1);
    world.runtime.now_ms += 20000; /* and no timer fired */
    world_advance(&world, 0);
    (void)mallopt(M_PERTURB, 0);
    assert_int_equal(1, HASH_COUNT(world.engine->task_queues));
    world_advance(&world, 120000);
    assert_int_equal(1, worker.told_count);
    assert_int_equal(0, HASH_COUNT(world.engine->task_queues));
    assert_int_equal(SK_SAGA_TIMED_OUT, world_get(&world, "p-1").state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_task_goes_to_one_worker, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_no_worker_got_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_offer_survives_a_crash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_shard_that_is_given_up_offers_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(giving_a_task_may_end_the_queue_that_is_next, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

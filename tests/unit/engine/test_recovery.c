/* Crashes at any time, take-overs, parked sagas, graceful stops: law 3 and law 10. */
#include "world.h"

#include "definitions.h"

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

static void redrives_what_flew(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "c-1", "{}");
    assert_int_equal(1, world.invoker.calls_count);
    world_crash(&world);
    assert_true(world.invoker.calls[0].is_cancelled);
    world.invoker.is_manual = false;
    world_open(&world);
    world_run(&world);
    assert_string_equal(world.invoker.calls[0].key, world.invoker.calls[1].key);
    assert_int_equal(world.invoker.calls[0].attempt, world.invoker.calls[1].attempt);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "c-1").state);
}

static void nothing_acknowledged_is_lost(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    world.store.is_holding = true;
    struct sk_start_request request = { .definition = SK_STR("order"), .id = SK_STR("c-2") };
    sk_engine_start(world.engine, &request, world_on_answer, &answer);
    world_run(&world);
    sk_engine_free(world.engine); /* the batch is still with the store */
    world.engine = NULL;
    world_unhold(&world, false); /* it commits, and its done finds nobody */
    assert_false(answer.is_there);
    assert_int_equal(0, world.invoker.calls_count);
    world_open(&world);
    world_run(&world);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "c-2").state);
}

/* The engine dies after each number of loop turns; the next one always ends the saga. */
static void dies_after_every_turn(void **state)
{
    (void)state;
    for (int turns = 0; turns < 60; turns++) {
        char id[16];
        snprintf(id, sizeof id, "t-%d", turns);
        struct answer answer = { 0 };
        struct sk_start_request request = { .definition = SK_STR("order"), .id = sk_str_of(id) };
        sk_engine_start(world.engine, &request, world_on_answer, &answer);
        for (int i = 0; i < turns && world.runtime.first != NULL; i++) {
            struct post *first = world.runtime.first;
            world.runtime.first = first->next;
            if (world.runtime.first == NULL) world.runtime.last = &world.runtime.first;
            first->fn(first->context);
            free(first);
        }
        bool was_told = answer.is_there;
        world_crash(&world);
        world_open(&world);
        world_advance(&world, 60000);
        struct answer read = world_get(&world, id);
        if (was_told) assert_int_equal(SKALD_OK, read.status);
        if (read.status == SKALD_OK) assert_int_equal(SK_SAGA_COMPLETED, read.state);
        world.invoker.calls_count = 0;
    }
}

static void parked_sagas_wake_from_the_store(void **state)
{
    (void)state;
    (void)world_start(&world, "waiting", "w-1", "{}");
    assert_int_equal(0, world.invoker.calls_count);
    world_crash(&world);
    world_advance(&world, 60000);
    world_open(&world);
    struct sk_engine_stats stats;
    sk_engine_stats(world.engine, &stats);
    assert_int_equal(0, stats.sagas_active); /* not in memory */
    world_advance(&world, 600000);
    assert_int_equal(1, world.invoker.calls_count);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "w-1").state);
}

static void parked_sagas_leave_memory(void **state)
{
    (void)state;
    world_crash(&world);
    world.options.cache_sagas_max = 4;
    world_open(&world);
    char id[16];
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof id, "e-%d", i);
        (void)world_start(&world, "waiting", id, "{}");
    }
    world_run(&world);
    struct sk_engine_stats stats;
    sk_engine_stats(world.engine, &stats);
    assert_true(stats.sagas_active <= 5);
    world_advance(&world, 700000);
    assert_int_equal(50, world.invoker.calls_count);
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof id, "e-%d", i);
        assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, id).state);
    }
}

/* Nothing is written: whoever asks for what is over, or was never there, fills no memory. */
static void what_is_read_leaves_memory(void **state)
{
    (void)state;
    char id[16];
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof id, "r-%d", i);
        (void)world_start(&world, "order", id, "{}");
    }
    world_run(&world);
    world_crash(&world);
    world.options.cache_sagas_max = 4;
    world_open(&world);
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof id, "r-%d", i);
        assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, id).state);
    }
    struct sk_engine_stats stats;
    sk_engine_stats(world.engine, &stats);
    assert_true(stats.sagas_cached <= 8);
    struct answer answers[50] = { 0 };
    for (int i = 0; i < 50; i++) { /* all at once */
        snprintf(id, sizeof id, "r-%d", i);
        sk_engine_get(world.engine, sk_str_of(id), world_on_answer, &answers[i]);
    }
    world_run(&world);
    for (int i = 0; i < 50; i++) assert_int_equal(SKALD_OK, answers[i].status);
    sk_engine_stats(world.engine, &stats);
    assert_true(stats.sagas_cached <= 8);
}

static void on_stopped(void *context, enum skald_status status, const skald_error *error)
{
    (void)error;
    struct world *self = context;
    self->stopped_count += 1;
    self->stopped_status = status;
}

static void stops_gracefully(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "s-1", "{}");
    struct answer waiting = { 0 };
    sk_engine_wait(world.engine, SK_STR("s-1"), 600000, world_on_answer, &waiting);
    sk_engine_stop(world.engine, 10000, on_stopped, &world);
    world_advance(&world, 1000);
    assert_int_equal(0, world.stopped_count);
    assert_int_equal(SKALD_E_CLOSED, world_start(&world, "order", "s-2", "{}").status);
    world_answer(&world, 0, SK_OUTCOME_SUCCEEDED, "{}");
    world_run(&world);
    assert_int_equal(1, world.stopped_count);
    assert_int_equal(SKALD_OK, world.stopped_status);
    assert_int_equal(SKALD_E_CLOSED, waiting.status);
    world_crash(&world);
    world.invoker.is_manual = false;
    world_open(&world);
    world_run(&world);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "s-1").state);
    /* The outcome that came while stopping is durable: the first step was not asked again. */
    assert_int_equal(-1, world_call(&world, "reserve", 1));
}

static void stops_when_the_grace_is_over(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "s-3", "{}");
    sk_engine_stop(world.engine, 2000, on_stopped, &world);
    world_advance(&world, 2500);
    assert_int_equal(1, world.stopped_count);
    assert_true(world.invoker.calls[0].is_cancelled);
}

static void deadline_passed_before_durable(void **state)
{
    (void)state;
    world.store.fate = FATE_PASSING;
    world.store.fates_count = 8;
    struct answer answer = { 0 };
    struct sk_start_request request = { .definition = SK_STR("order"), .id = SK_STR("l-1") };
    sk_engine_start(world.engine, &request, world_on_answer, &answer);
    world_advance(&world, 60000);
    assert_int_equal(SKALD_E_AGAIN, answer.status); /* the store was away for too long */
    assert_int_equal(1, answer.count);
    assert_true(world_start(&world, "order", "l-1", "").is_replayed); /* so it is asked again */
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "l-1").state);
    assert_int_equal(2, world.invoker.calls[0].attempt); /* the first was never sent */
    assert_int_equal(3, world.invoker.calls_count);
}

static void pending_answers_need_their_token(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "k-1", "{}");
    world_answer(&world, 0, SK_OUTCOME_PENDING, "");
    world_run(&world);
    struct sk_outcome outcome = { .class_ = SK_OUTCOME_SUCCEEDED,
                                  .output = SK_STR("{\"late\":1}") };
    struct answer answer = { 0 };
    sk_engine_complete(world.engine, SK_STR("k-1"), SK_STR("reserve"), SK_STR("abc.def"), &outcome,
                       world_on_answer, &answer);
    world_run(&world);
    assert_int_equal(SKALD_E_ARGUMENT, answer.status);
    struct sk_str token = sk_str_of(world.invoker.calls[0].token);
    assert_true(token.size > 20 && token.size < 100);
    sk_engine_complete(world.engine, SK_STR("k-1"), SK_STR("charge"), token, &outcome,
                       world_on_answer, &answer);
    world_run(&world);
    assert_int_equal(SKALD_E_ARGUMENT, answer.status);
    sk_engine_complete(world.engine, SK_STR("k-1"), SK_STR("reserve"), token, &outcome,
                       world_on_answer, &answer);
    world_run(&world);
    assert_int_equal(SKALD_OK, answer.status);
    assert_int_equal(2, world.invoker.calls_count);
    sk_engine_complete(world.engine, SK_STR("k-1"), SK_STR("reserve"), token, &outcome,
                       world_on_answer, &answer);
    world_run(&world);
    assert_int_equal(SKALD_OK, answer.status); /* the same again */
}

static void waits_for_the_end(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "z-1", "{}");
    struct answer slow = { 0 }, quick = { 0 };
    sk_engine_wait(world.engine, SK_STR("z-1"), 60000, world_on_answer, &slow);
    sk_engine_wait(world.engine, SK_STR("z-1"), 100, world_on_answer, &quick);
    world_advance(&world, 200);
    assert_int_equal(SK_SAGA_RUNNING, quick.state);
    assert_false(slow.is_there);
    for (uint32_t i = 0; i < 3; i++) {
        world_answer(&world, i, SK_OUTCOME_SUCCEEDED, "{}");
        world_run(&world);
    }
    assert_int_equal(SK_SAGA_COMPLETED, slow.state);
    assert_int_equal(1, slow.count);
}

static void two_nodes_share_a_store(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "n-1", "{}");
    uint32_t shard = sk_engine_shard_of(world.engine, SK_STR("n-1"));
    sk_engine_own(world.engine, shard, false);
    world_run(&world);
    assert_true(world.invoker.calls[0].is_cancelled);
    struct answer answer = { 0 };
    sk_engine_get(world.engine, SK_STR("n-1"), world_on_answer, &answer);
    world_run(&world);
    assert_int_equal(SKALD_E_AGAIN, answer.status);
    world.invoker.is_manual = false;
    sk_engine_own(world.engine, shard, true);
    world_advance(&world, 2000);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "n-1").state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(redrives_what_flew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_acknowledged_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dies_after_every_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parked_sagas_wake_from_the_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parked_sagas_leave_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_read_leaves_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stops_gracefully, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stops_when_the_grace_is_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deadline_passed_before_durable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pending_answers_need_their_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(waits_for_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_nodes_share_a_store, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

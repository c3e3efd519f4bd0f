/* Each of a part's six results; nothing acknowledged is lost, nothing is done twice. */
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

static void start(const char *id, struct answer *answer)
{
    struct sk_start_request request = { .definition = SK_STR("order"),
                                        .id = sk_str_of(id),
                                        .input = SK_STR("{}") };
    sk_engine_start(world.engine, &request, world_on_answer, answer);
    world_run(&world);
}

static uint32_t shards_degraded(void)
{
    struct sk_engine_stats stats;
    sk_engine_stats(world.engine, &stats);
    return stats.shards_degraded;
}

static void passing_is_retried(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    world.store.fate = FATE_PASSING;
    world.store.fates_count = 3;
    start("p-1", &answer);
    assert_false(answer.is_there);
    assert_int_equal(1, shards_degraded());
    assert_int_equal(0, world.invoker.calls_count);
    world_advance(&world, 2000);
    assert_int_equal(SKALD_OK, answer.status);
    assert_int_equal(0, shards_degraded());
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "p-1").state);
    assert_int_equal(1, world_notices(&world, "store.degraded"));
    assert_int_equal(1, world_notices(&world, "store.recovered"));
}

/* Results have reserved room; new starts and signals are told to come again. */
static void degraded_refuses_only_the_new(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "d-1", "{}");
    world.store.fate = FATE_PASSING;
    world.store.fates_count = 3;
    world_answer(&world, 0, SK_OUTCOME_SUCCEEDED, "{}");
    world_run(&world);
    assert_int_equal(1, shards_degraded());
    struct answer answer = { 0 };
    start("d-1", &answer); /* known: answered, not refused */
    struct sk_command signal = { .kind = SK_COMMAND_SIGNAL,
                                 .name = SK_STR("s"),
                                 .id = SK_STR("1") };
    struct answer refused = { 0 };
    sk_engine_command(world.engine, SK_STR("d-1"), &signal, SK_STR(""), world_on_answer, &refused);
    world_run(&world);
    assert_int_equal(SKALD_E_AGAIN, refused.status);
    assert_true(refused.retry_after_ms > 0);
    struct sk_command cancel = {
        .kind = SK_COMMAND_CANCEL, .id = SK_STR("c"), .who = SK_STR("me"), .why = SK_STR("so")
    };
    struct answer cancelled = { 0 };
    sk_engine_command(world.engine, SK_STR("d-1"), &cancel, SK_STR(""), world_on_answer,
                      &cancelled);
    world_advance(&world, 5000);
    assert_int_equal(SKALD_OK, cancelled.status);
    assert_true(answer.is_replayed);
    world.invoker.is_manual = false;
    for (uint32_t i = 1; i < world.invoker.calls_count; i++) {
        if (!world.invoker.calls[i].is_answered)
            world_answer(&world, i, SK_OUTCOME_SUCCEEDED, "{}");
    }
    world_run(&world);
    assert_int_equal(SK_SAGA_CANCELLED, world_get(&world, "d-1").state);
}

/* Also one whose id leads to the degraded shard. */
static void degraded_takes_no_new_saga(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "d-1", "{}");
    uint32_t shard = sk_engine_shard_of(world.engine, SK_STR("d-1"));
    world.store.fate = FATE_PASSING;
    world.store.fates_count = 3;
    world_answer(&world, 0, SK_OUTCOME_SUCCEEDED, "{}");
    world_run(&world);
    assert_int_equal(1, shards_degraded());
    char id[16] = "d-2";
    for (int i = 2; sk_engine_shard_of(world.engine, sk_str_of(id)) != shard; i++)
        snprintf(id, sizeof id, "d-%d", i);
    struct answer refused = { 0 };
    start(id, &refused);
    assert_int_equal(SKALD_E_AGAIN, refused.status);
    assert_true(refused.retry_after_ms > 0);
    world_advance(&world, 5000);
    assert_int_equal(0, shards_degraded());
    assert_int_equal(SKALD_E_NOT_FOUND, world_get(&world, id).status);
    struct answer accepted = { 0 };
    start(id, &accepted);
    assert_int_equal(SKALD_OK, accepted.status);
}

static void not_known_but_done(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    world.store.fate = FATE_NOT_KNOWN_DONE;
    world.store.fates_count = 1;
    start("n-1", &answer);
    assert_int_equal(SKALD_OK, answer.status);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "n-1").state);
    assert_int_equal(3, world.invoker.calls_count);
}

static void not_known_and_lost(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    world.store.fate = FATE_NOT_KNOWN_LOST;
    world.store.fates_count = 1;
    start("n-2", &answer);
    world_advance(&world, 1000);
    assert_int_equal(SKALD_OK, answer.status);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "n-2").state);
    assert_int_equal(3, world.invoker.calls_count);
}

static void fenced_drops_and_takes_again(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "f-1", "{}");
    world.store.fate = FATE_FENCED;
    world.store.fates_count = 1;
    world.store.fate_saga = "f-1";
    struct answer waiting = { 0 };
    sk_engine_wait(world.engine, SK_STR("f-1"), 600000, world_on_answer, &waiting);
    world_answer(&world, 0, SK_OUTCOME_SUCCEEDED, "{}");
    world_run(&world);
    assert_true(waiting.is_there);
    assert_int_equal(SKALD_E_FENCED, waiting.status);
    world.invoker.is_manual = false;
    world_advance(&world, 5000);
    /* Its outcome was lost with the shard's memory: the attempt is redriven under the same key. */
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "f-1").state);
    assert_string_equal(world.invoker.calls[0].key, world.invoker.calls[1].key);
    assert_int_equal(1, world_notices(&world, "lease.lost"));
}

enum { MANY = 24 };

/* Sagas with the ids <prefix>-0 and on, whose first calls wait for their answers. */
static void start_many(const char *prefix)
{
    char id[16];
    world.invoker.is_manual = true;
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "%s-%d", prefix, i);
        assert_int_equal(SKALD_OK, world_start(&world, "order", id, "{}").status);
    }
}

/* All later calls succeed: of those sagas number 5 is held, and all others complete. */
static void number_five_alone_is_suspended(const char *prefix)
{
    char id[16];
    world.invoker.is_manual = false;
    for (uint32_t i = MANY; i < world.invoker.calls_count; i++) {
        if (!world.invoker.calls[i].is_answered)
            world_answer(&world, i, SK_OUTCOME_SUCCEEDED, "{}");
    }
    world_advance(&world, 5000);
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "%s-%d", prefix, i);
        struct answer answer = world_get(&world, id);
        assert_int_equal(i == 5 ? SK_SAGA_SUSPENDED : SK_SAGA_COMPLETED, answer.shown);
    }
}

static void refused_suspends_the_culprit_alone(void **state)
{
    (void)state;
    start_many("r");
    world.store.fate = FATE_REFUSED;
    world.store.fates_count = 10; /* every part that holds it, however small */
    world.store.fate_saga = "r-5";
    for (uint32_t i = 0; i < MANY; i++) world_answer(&world, i, SK_OUTCOME_SUCCEEDED, "{}");
    for (int turn = 0; turn < 200 && world_notices(&world, "saga.refused") == 0; turn++)
        world_advance(&world, 1);
    world.store.fates_count = 0;
    number_five_alone_is_suspended("r");
    assert_true(world_notices(&world, "saga.refused") >= 1);
    struct sk_command resume = {
        .kind = SK_COMMAND_RESUME, .id = SK_STR("c"), .who = SK_STR("me"), .why = SK_STR("mended")
    };
    struct answer resumed = { 0 };
    sk_engine_command(world.engine, SK_STR("r-5"), &resume, SK_STR(""), world_on_answer, &resumed);
    world_advance(&world, 5000);
    assert_int_equal(SKALD_OK, resumed.status);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "r-5").state);
}

static void refused_start_is_answered(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    world.store.fate = FATE_REFUSED;
    world.store.fates_count = 1;
    start("x-1", &answer);
    world_advance(&world, 1000);
    assert_int_equal(SKALD_E_INTERNAL, answer.status);
    assert_int_equal(0, world_stored_state(&world, "x-1"));
    assert_int_equal(SKALD_OK, world_start(&world, "order", "x-2", "{}").status);
}

static void broken_reopens_and_verifies(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    world.store.fate = FATE_BROKEN;
    world.store.fates_count = 1;
    world.store.reopens_failing = 2;
    start("b-1", &answer);
    assert_false(answer.is_there);
    world_advance(&world, 20000);
    assert_int_equal(3, world.store.reopens_count);
    assert_int_equal(SKALD_OK, answer.status);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "b-1").state);
}

static void keep_status(void *context, struct sk_rows *rows)
{
    *(enum skald_status *)context = rows->status;
}

/* While it is reopened nothing is retried: who waits is told so all the same, and who reads is told
 * to come again. */
static void broken_tries_nobodys_patience(void **state)
{
    (void)state;
    struct answer answer = { 0 };
    world.store.fate = FATE_BROKEN;
    world.store.fates_count = 1;
    world.store.reopens_failing = 4;
    start("b-4", &answer);
    world_advance(&world, 9000);
    assert_false(answer.is_there);
    enum skald_status seen = SKALD_OK;
    world.store.is_broken = true;
    struct sk_read read = { .kind = SK_READ_SHARDS, .limit = 1 };
    sk_engine_read(world.engine, &read, keep_status, &seen);
    world_advance(&world, 3000);
    assert_int_equal(SKALD_E_AGAIN, answer.status);
    assert_int_equal(SKALD_E_AGAIN, seen);
    assert_true(world_notices(&world, "store.degraded") > 2);
    world_advance(&world, 40000);
    assert_int_equal(5, world.store.reopens_count);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "b-4").state);
}

static void broken_for_good_stops_serving(void **state)
{
    (void)state;
    struct answer answer = { 0 }, late = { 0 };
    world.store.fate = FATE_BROKEN;
    world.store.fates_count = 1;
    world.store.reopens_failing = 100;
    start("b-2", &answer);
    world_advance(&world, 28000);
    assert_int_equal(SKALD_E_AGAIN, answer.status);
    start("b-5", &late);
    world_advance(&world, 32000);
    assert_int_equal(SKALD_E_IO, late.status);
    assert_int_equal(1, world_notices(&world, "store.broken"));
    assert_int_equal(SKALD_E_CLOSED, world_start(&world, "order", "b-3", "{}").status);
    assert_false(sk_engine_is_ready(world.engine));
}

/* A part with which the handle breaks each time: it is found, and only its saga is held. */
static void broken_each_time_suspends_the_culprit_alone(void **state)
{
    (void)state;
    start_many("c");
    world.store.fate = FATE_BROKEN;
    world.store.fates_count = 1000;
    world.store.fate_saga = "c-5";
    for (uint32_t i = 0; i < MANY; i++) world_answer(&world, i, SK_OUTCOME_SUCCEEDED, "{}");
    for (int turn = 0; turn < 1000 && world_notices(&world, "saga.refused") == 0; turn++)
        world_advance(&world, 10);
    assert_int_equal(1, world_notices(&world, "saga.refused"));
    assert_in_range(world.store.reopens_count, 5, 15);
    world.store.fates_count = 0; /* its suspension can be written */
    number_five_alone_is_suspended("c");
    assert_int_equal(0, shards_degraded());
}

/* Nor can the suspension be written: the others go on all the same, in its shard, too. */
static void broken_each_time_for_good(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "e-1", "{}");
    uint32_t shard = sk_engine_shard_of(world.engine, SK_STR("e-1"));
    world.store.fate = FATE_BROKEN;
    world.store.fates_count = UINT32_MAX;
    world.store.fate_saga = "e-1";
    world_answer(&world, 0, SK_OUTCOME_SUCCEEDED, "{}");
    world_advance(&world, 20000);
    world.invoker.is_manual = false;
    uint32_t reopens = world.store.reopens_count;
    assert_int_equal(0, shards_degraded());
    char id[16] = "e-2";
    for (int i = 2; sk_engine_shard_of(world.engine, sk_str_of(id)) != shard; i++)
        snprintf(id, sizeof id, "e-%d", i);
    assert_int_equal(SKALD_OK, world_start(&world, "order", id, "{}").status);
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, id).state);
    assert_int_equal(SKALD_E_INTERNAL, world_get(&world, "e-1").status);
    world_advance(&world, 60000);
    assert_true(world.store.reopens_count - reopens <= 15); /* with each sweep only */
    world.store.fates_count = 0;
    world_advance(&world, 60000);
    assert_int_equal(SK_SAGA_SUSPENDED, world_get(&world, "e-1").shown);
}

/* Nothing can be written for a while: that is nobody's fault. */
static void broken_for_all_suspends_nobody(void **state)
{
    (void)state;
    world.store.fate = FATE_BROKEN;
    world.store.fates_count = 40;
    struct answer answer = { 0 };
    start("a-1", &answer);
    for (int turn = 0; turn < 1000 && world.store.fates_count > 0; turn++)
        world_advance(&world, 1000);
    world_advance(&world, 10000);
    assert_int_equal(0, world_notices(&world, "saga.refused"));
    assert_int_equal(SK_SAGA_COMPLETED, world_get(&world, "a-1").state);
}

/* Commands that come while a batch is with the store go into the next one, in one piece. */
static void one_batch_out_one_filling(void **state)
{
    (void)state;
    static struct answer answers[40];
    memset(answers, 0, sizeof answers);
    world.store.is_holding = true;
    uint32_t before = world.store.batches_count;
    char id[16];
    start("q-0", &answers[0]);
    for (int i = 1; i < 40; i++) {
        snprintf(id, sizeof id, "q-%d", i);
        start(id, &answers[i]);
    }
    assert_int_equal(before + 1, world.store.batches_count);
    world_unhold(&world, true);
    assert_true(answers[0].is_there);
    assert_false(answers[1].is_there);
    assert_int_equal(before + 2, world.store.batches_count);
    world_unhold(&world, false);
    for (int i = 0; i < 40; i++) assert_int_equal(SKALD_OK, answers[i].status);
    assert_int_equal(1, world.store.in_flight_max);
}

/* A reader of a saga that never rests is answered after two parts at most. */
static void reads_are_of_the_durable_state(void **state)
{
    (void)state;
    world.invoker.is_manual = true;
    (void)world_start(&world, "order", "g-1", "{}");
    uint32_t durable = world_stored_events(&world, "g-1");
    world.store.is_holding = true;
    world_answer(&world, 0, SK_OUTCOME_SUCCEEDED, "{}");
    world_run(&world);
    struct answer read = { 0 };
    sk_engine_get(world.engine, SK_STR("g-1"), world_on_answer, &read);
    world_run(&world);
    assert_false(read.is_there);
    world_unhold(&world, true);
    assert_true(read.is_there);
    assert_true(read.seq > durable);
    assert_int_equal(world_stored_events(&world, "g-1"), read.seq);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(passing_is_retried, set_up, tear_down),
        cmocka_unit_test_setup_teardown(degraded_refuses_only_the_new, set_up, tear_down),
        cmocka_unit_test_setup_teardown(degraded_takes_no_new_saga, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_known_but_done, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_known_and_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fenced_drops_and_takes_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_suspends_the_culprit_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_start_is_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_reopens_and_verifies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_tries_nobodys_patience, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_for_good_stops_serving, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_each_time_suspends_the_culprit_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(broken_each_time_for_good, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_for_all_suspends_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_batch_out_one_filling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_are_of_the_durable_state, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

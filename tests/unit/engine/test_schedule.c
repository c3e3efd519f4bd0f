/* Schedules: instants, overlap, what was missed, pauses, over crashes; in virtual time. */
#include "world.h"

#include "base/time.h"
#include "definitions.h"
#include "engine/schedule.h"

enum { SECOND = 1000, MINUTE = 60000, HOUR = 3600000 };

static struct world world;

static const char waiter_yaml[] = "saga: {id: waiter, name: Waiter, version: '1'}\n"
                                  "steps:\n"
                                  "  - {id: w, name: W, type: wait, wait: {signal: go}}\n";

static int set_up(void **state)
{
    (void)state;
    world_init(&world, 8);
    world_open(&world);
    world_define(&world, waiter_yaml);
    world_define(&world, single_yaml);
    /* To a whole hour, so that the instants are known. */
    world_advance(&world, HOUR - world.runtime.now_ms % HOUR);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_release(&world);
    return 0;
}

struct told {
    uint32_t count;
    enum skald_status status;
    char message[SKALD_ERROR_MESSAGE_SIZE];
    bool is_replayed;
    struct sk_schedule_view view;
};

static void on_schedule(void *context, enum skald_status status, const skald_error *error,
                        const struct sk_schedule_view *view, bool is_replayed)
{
    struct told *told = context;
    told->count += 1;
    told->status = status;
    told->is_replayed = is_replayed;
    if (error != NULL) snprintf(told->message, sizeof told->message, "%s", error->message);
    if (view != NULL) told->view = *view;
    assert_true((status == SKALD_OK) == (view != NULL));
}

static struct sk_schedule_request request_of(const char *cron, const char *definition)
{
    return (struct sk_schedule_request){ .id = SK_STR("s"),
                                         .cron = sk_str_of(cron),
                                         .definition = sk_str_of(definition) };
}

static struct told make(const struct sk_schedule_request *request)
{
    struct told told = { 0 };
    sk_engine_schedule(world.engine, request, on_schedule, &told);
    assert_int_equal(0, told.count);
    world_run(&world);
    assert_int_equal(1, told.count);
    return told;
}

static struct told act(const char *id, enum sk_schedule_act what)
{
    struct told told = { 0 };
    sk_engine_schedule_act(world.engine, sk_str_of(id), what, on_schedule, &told);
    world_run(&world);
    assert_int_equal(1, told.count);
    return told;
}

static struct sk_schedule_view view_of(const char *id)
{
    struct sk_schedule_view view;
    assert_true(sk_engine_schedule_get(world.engine, sk_str_of(id), &view));
    return view;
}

struct counts {
    uint32_t all, active;
};

static void count_heads(void *context, struct sk_rows *rows)
{
    struct counts *counts = context;
    for (uint32_t i = 0; i < rows->heads_count; i++) {
        counts->all += 1;
        if (rows->heads[i].ended_at_ms == 0) counts->active += 1;
    }
}

static struct counts sagas(void)
{
    struct counts counts = { 0 };
    struct sk_read read = { .kind = SK_READ_LIST };
    world.store.inner->ops->read(world.store.inner, &read, count_heads, &counts);
    world_run(&world);
    return counts;
}

static void send_signal(struct sk_str saga)
{
    struct answer answer = { 0 };
    struct sk_command signal = { .kind = SK_COMMAND_SIGNAL,
                                 .id = SK_STR("x"),
                                 .step = SK_STEP_NONE,
                                 .item = -1,
                                 .name = SK_STR("go") };
    sk_engine_command(world.engine, saga, &signal, SK_STR(""), world_on_answer, &answer);
    world_run(&world);
    assert_int_equal(SKALD_OK, answer.status);
}

static void each_instant_starts_one(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("*/10 * * * *", "single");
    request.input = SK_STR("{\"at\":\"{{ .timestamp }}\",\"n\":\"{{ .context.run }}\","
                           "\"of\":\"{{ .context.schedule }}\"}");
    int64_t from_ms = world.runtime.now_ms;
    assert_int_equal(SKALD_OK, make(&request).status);
    world_advance(&world, 9 * MINUTE);
    assert_int_equal(0, sagas().all);
    world_advance(&world, MINUTE + SECOND);
    assert_int_equal(1, sagas().all);
    world_advance(&world, 50 * MINUTE);
    assert_int_equal(6, sagas().all);
    struct sk_schedule_view view = view_of("s");
    assert_int_equal(6, view.runs);
    assert_int_equal(0, view.failed);
    assert_int_equal(from_ms + HOUR, view.last_at_ms);
    int64_t next[5];
    assert_int_equal(5, sk_schedule_next(world.engine, &view, next, 5));
    assert_int_equal(from_ms + HOUR + 10 * MINUTE, next[0]);
    assert_int_equal(from_ms + HOUR + 50 * MINUTE, next[4]);
    char id[64], wanted[128], instant[SK_TIME_TEXT_SIZE];
    snprintf(id, sizeof id, "%.*s", SK_STR_ARGS(view.last_saga));
    struct answer last = world_get(&world, id);
    assert_int_equal(SK_SAGA_COMPLETED, last.state);
    sk_time_format(from_ms + HOUR, instant);
    snprintf(wanted, sizeof wanted, "s@%s", instant);
    struct sk_start_request again = { .definition = SK_STR("single"),
                                      .idempotency_key = sk_str_of(wanted),
                                      .input = SK_STR("{}") };
    struct answer answer = { 0 };
    sk_engine_start(world.engine, &again, world_on_answer, &answer);
    world_run(&world);
    assert_int_equal(SKALD_E_CONFLICT, answer.status); /* that key has a saga, with its input */
}

static void once_at_an_instant(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("", "single");
    request.at_ms = world.runtime.now_ms + 90 * SECOND;
    (void)make(&request);
    world_advance(&world, 89 * SECOND);
    assert_int_equal(0, sagas().all);
    world_advance(&world, 2 * SECOND);
    assert_int_equal(1, sagas().all);
    assert_int_equal(SK_SCHEDULE_DONE, view_of("s").state);
    world_advance(&world, 100 * (int64_t)HOUR);
    assert_int_equal(1, sagas().all);
    int64_t next;
    struct sk_schedule_view view = view_of("s");
    assert_int_equal(0, sk_schedule_next(world.engine, &view, &next, 1));
}

static void overlap_is_skipped_or_allowed(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("* * * * *", "waiter");
    (void)make(&request);
    request.id = SK_STR("t");
    request.overlap = SK_OVERLAP_ALLOW;
    (void)make(&request);
    world_advance(&world, 5 * MINUTE + SECOND);
    assert_int_equal(1 + 5, sagas().active);
    assert_int_equal(4, view_of("s").skipped);
    assert_int_equal(5, view_of("t").runs);
    send_signal(view_of("s").last_saga);
    world_advance(&world, MINUTE);
    assert_int_equal(2, view_of("s").runs);
}

static void overlap_queues_the_latest(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("* * * * *", "waiter");
    request.overlap = SK_OVERLAP_QUEUE;
    (void)make(&request);
    world_advance(&world, 3 * MINUTE + 10 * SECOND);
    struct sk_schedule_view view = view_of("s");
    assert_int_equal(1, sagas().all);
    assert_int_equal(1, view.skipped);
    assert_true(view.queued_at_ms > 0);
    send_signal(view.last_saga);
    world_advance(&world, 2 * SECOND);
    assert_int_equal(2, sagas().all);
    assert_int_equal(1, sagas().active);
    assert_int_equal(0, view_of("s").queued_at_ms);
    assert_int_equal(2, view_of("s").runs);
}

static void overlap_cancels_the_running_one(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("* * * * *", "waiter");
    request.overlap = SK_OVERLAP_CANCEL;
    (void)make(&request);
    world_advance(&world, MINUTE + SECOND);
    char first[64];
    snprintf(first, sizeof first, "%.*s", SK_STR_ARGS(view_of("s").last_saga));
    world_advance(&world, MINUTE + 5 * SECOND);
    assert_int_equal(2, sagas().all);
    assert_int_equal(1, sagas().active);
    assert_int_equal(SK_SAGA_CANCELLED, world_get(&world, first).state);
    assert_int_equal(0, view_of("s").skipped);
}

/* Away for `ms`. */
static void be_down(int64_t ms)
{
    world_crash(&world);
    world.runtime.now_ms += ms;
    world_open(&world);
    world_advance(&world, 10 * SECOND);
}

static void only_the_latest_missed_is_made_up(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("*/10 * * * *", "single");
    (void)make(&request);
    world_advance(&world, 11 * MINUTE);
    assert_int_equal(1, sagas().all);
    be_down(5 * HOUR);
    assert_int_equal(2, sagas().all);
    be_down(400 * 24 * (int64_t)HOUR);
    assert_int_equal(3, sagas().all);
    assert_true(world.runtime.now_ms - view_of("s").last_at_ms < 11 * MINUTE);
}

static void a_window_is_made_up(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("*/10 * * * *", "single");
    request.catch_up_ms = HOUR;
    (void)make(&request);
    world_advance(&world, 11 * MINUTE);
    be_down(5 * HOUR);
    assert_int_equal(1 + 6, sagas().all);
    assert_int_equal(7, view_of("s").runs);
}

static void an_instant_missed_by_a_single_one_is_made_up(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("", "single");
    request.at_ms = world.runtime.now_ms + MINUTE;
    (void)make(&request);
    be_down(HOUR);
    assert_int_equal(1, sagas().all);
    assert_int_equal(SK_SCHEDULE_DONE, view_of("s").state);
    be_down(HOUR);
    assert_int_equal(1, sagas().all);
}

static void a_crash_at_the_instant_starts_it_once(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("* * * * *", "single");
    (void)make(&request);
    for (uint32_t i = 1; i <= 8; i++) {
        int64_t left_ms = MINUTE - world.runtime.now_ms % MINUTE;
        world_advance(&world, left_ms - 1);
        world.store.is_holding = true; /* the start is submitted and not answered */
        world_advance(&world, 2);
        world_crash(&world);
        world_unhold(&world, false);
        world_open(&world);
        world_advance(&world, 5 * SECOND);
        assert_int_equal(i, sagas().all);
    }
}

static void paused_and_resumed(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("*/10 * * * *", "single");
    (void)make(&request);
    world_advance(&world, 11 * MINUTE);
    assert_int_equal(SK_SCHEDULE_PAUSED, act("s", SK_SCHEDULE_PAUSE).view.state);
    be_down(HOUR);
    assert_int_equal(1, sagas().all);
    assert_int_equal(SK_SCHEDULE_ACTIVE, act("s", SK_SCHEDULE_RESUME).view.state);
    world_advance(&world, SECOND);
    assert_int_equal(1, sagas().all); /* nothing is made up */
    world_advance(&world, 10 * MINUTE);
    assert_int_equal(2, sagas().all);
}

/* Law 2: a pause that could still be lost is not shown. */
static void a_pause_is_shown_once_it_is_durable(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("*/10 * * * *", "single");
    struct sk_schedule_view view;
    struct told told = { 0 };
    (void)make(&request);
    world.store.is_holding = true;
    sk_engine_schedule_act(world.engine, SK_STR("s"), SK_SCHEDULE_PAUSE, on_schedule, &told);
    world_run(&world);
    assert_true(sk_engine_schedule_get(world.engine, SK_STR("s"), &view));
    assert_int_equal(SK_SCHEDULE_ACTIVE, view.state);
    assert_int_equal(0, told.count);
    world_unhold(&world, false);
    world_run(&world);
    assert_int_equal(SK_SCHEDULE_PAUSED, told.view.state);
    assert_true(sk_engine_schedule_get(world.engine, SK_STR("s"), &view));
    assert_int_equal(SK_SCHEDULE_PAUSED, view.state);
}

static void triggered_now(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("0 0 1 1 *", "waiter");
    (void)make(&request);
    struct told told = act("s", SK_SCHEDULE_TRIGGER);
    assert_int_equal(SKALD_OK, told.status);
    assert_int_equal(1, told.view.runs);
    assert_true(told.view.last_saga.size > 0);
    world_advance(&world, SECOND);
    assert_int_equal(SKALD_OK, act("s", SK_SCHEDULE_TRIGGER).status);
    assert_int_equal(2, sagas().active);
    request = request_of("0 0 1 1 *", "nowhere");
    request.id = SK_STR("u");
    (void)make(&request);
    assert_int_equal(SKALD_E_NOT_FOUND, act("u", SK_SCHEDULE_TRIGGER).status);
}

static void deleted_for_good(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("* * * * *", "single");
    (void)make(&request);
    assert_int_equal(SKALD_OK, act("s", SK_SCHEDULE_DELETE).status);
    assert_int_equal(SKALD_E_NOT_FOUND, act("s", SK_SCHEDULE_DELETE).status);
    be_down(HOUR);
    assert_int_equal(0, sagas().all);
    struct sk_schedule_view view;
    assert_false(sk_engine_schedule_get(world.engine, SK_STR("s"), &view));
    assert_int_equal(SKALD_OK, make(&request).status);
}

static void the_same_again_and_another(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("* * * * *", "single");
    struct told told = { 0 }, early = { 0 };
    struct sk_schedule_view view;
    sk_engine_schedule(world.engine, &request, on_schedule, &told);
    sk_engine_schedule(world.engine, &request, on_schedule, &early); /* not durable yet */
    assert_false(sk_engine_schedule_get(world.engine, request.id, &view));
    world_run(&world);
    assert_int_equal(SKALD_OK, told.status);
    assert_int_equal(SKALD_E_AGAIN, early.status);
    assert_false(told.is_replayed);
    assert_true(make(&request).is_replayed);
    be_down(1);
    assert_true(make(&request).is_replayed);
    request.overlap = SK_OVERLAP_ALLOW;
    assert_int_equal(SKALD_E_CONFLICT, make(&request).status);
}

static void what_is_wrong_is_told(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("61 * * * *", "single");
    struct told told = make(&request);
    assert_int_equal(SKALD_E_SYNTAX, told.status);
    assert_non_null(strstr(told.message, "minute"));
    request = request_of("* * * * *", "single");
    request.input = SK_STR("{\"a\":\"{{ .output.x }}\"}");
    told = make(&request);
    assert_int_not_equal(SKALD_OK, told.status);
    assert_non_null(strstr(told.message, "input"));
    request = request_of("* * * * *", "nowhere"); /* may be defined later */
    assert_int_equal(SKALD_OK, make(&request).status);
    world_advance(&world, 2 * MINUTE + SECOND);
    assert_int_equal(2, view_of("s").failed);
    assert_true(view_of("s").last_error.size > 0);
}

static void it_survives_what_the_store_does(void **state)
{
    (void)state;
    static const enum fate fates[] = { FATE_PASSING, FATE_NOT_KNOWN_DONE, FATE_NOT_KNOWN_LOST,
                                       FATE_BROKEN, FATE_FENCED };
    struct sk_schedule_request request = request_of("* * * * *", "single");
    (void)make(&request);
    for (uint32_t i = 0; i < 5; i++) {
        world_advance(&world, MINUTE - world.runtime.now_ms % MINUTE - 1);
        world.store.fate = fates[i];
        world.store.fates_count = 2;
        world_advance(&world, 45 * SECOND);
        assert_int_equal(i + 1, sagas().all);
    }
}

/* Until just before its first instant; from then on the store holds what it is given. */
static void make_and_hold(const struct sk_schedule_request *request)
{
    (void)make(request);
    world_advance(&world, MINUTE - world.runtime.now_ms % MINUTE - 1);
    world.store.is_holding = true;
}

/* C4: the store is away for longer than a start is asked for again; its saga is there in the
 *     end. */
static void no_other_instant_before_the_begun_one_is_settled(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("* * * * *", "waiter");
    make_and_hold(&request);
    world_advance(&world, 2);
    world_unhold(&world, true); /* that it is begun */
    world_advance(&world, 1);   /* its start is held */
    world.store.fate = FATE_PASSING;
    world.store.fates_count = UINT32_MAX;
    world_unhold(&world, false);
    world_advance(&world, HOUR);
    assert_int_equal(0, sagas().all);
    assert_true(view_of("s").last_error.size > 0);
    world.store.fates_count = 0;
    world_advance(&world, 3 * MINUTE);
    assert_int_equal(1, sagas().all);
    assert_int_equal(1, view_of("s").runs);
    send_signal(view_of("s").last_saga);
    world_advance(&world, MINUTE);
    assert_int_equal(2, view_of("s").runs);
}

/* C4, over a crash behind which another instant is the latest. */
static void what_is_begun_is_settled_after_a_crash(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("* * * * *", "waiter");
    make_and_hold(&request);
    world_advance(&world, 2);
    world_unhold(&world, true); /* that it is begun */
    world_advance(&world, 1);
    world_unhold(&world, true); /* its start */
    assert_int_equal(1, sagas().active);
    world_crash(&world);
    world.store.fate = FATE_PASSING; /* what was to be written of it is not */
    world.store.fates_count = 1;
    world_unhold(&world, false);
    world_advance(&world, 3 * MINUTE);
    world_open(&world);
    world_advance(&world, 5 * SECOND);
    assert_int_equal(1, sagas().all);
    assert_int_equal(1, view_of("s").runs);
}

/* What is begun becomes durable in one part with sagas, and the engine stops. */
static void what_is_begun_when_the_engine_stops_is_left_to_the_next_life(void **state)
{
    (void)state;
    struct sk_schedule_request request = request_of("* * * * *", "waiter");
    struct answer answer = { 0 };
    make_and_hold(&request);
    for (int i = 0, made = 0; made < 4; i++) {
        char id[16];
        snprintf(id, sizeof id, "beside-%d", i);
        uint32_t shard = sk_engine_shard_of(world.engine, sk_str_of(id));
        if (shard != sk_engine_shard_of(world.engine, request.id)) continue;
        struct sk_start_request start = { .definition = SK_STR("waiter"), .id = sk_str_of(id) };
        sk_engine_start(world.engine, &start, world_on_answer, &answer);
        world_run(&world);
        if (made++ == 0) world_advance(&world, 2); /* on its way alone; the instant has come */
    }
    sk_engine_stop(world.engine, 2000, NULL, NULL);
    world_unhold(&world, false);
    world_advance(&world, MINUTE);
    world_crash(&world);
    world_open(&world);
    world_advance(&world, 2 * SECOND);
    assert_int_equal(5, sagas().all);
    assert_int_equal(1, view_of("s").runs);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(each_instant_starts_one),
        TEST(once_at_an_instant),
        TEST(overlap_is_skipped_or_allowed),
        TEST(overlap_queues_the_latest),
        TEST(overlap_cancels_the_running_one),
        TEST(only_the_latest_missed_is_made_up),
        TEST(a_window_is_made_up),
        TEST(an_instant_missed_by_a_single_one_is_made_up),
        TEST(a_crash_at_the_instant_starts_it_once),
        TEST(paused_and_resumed),
        TEST(a_pause_is_shown_once_it_is_durable),
        TEST(triggered_now),
        TEST(deleted_for_good),
        TEST(the_same_again_and_another),
        TEST(what_is_wrong_is_told),
        TEST(it_survives_what_the_store_does),
        TEST(no_other_instant_before_the_begun_one_is_settled),
        TEST(what_is_begun_is_settled_after_a_crash),
        TEST(what_is_begun_when_the_engine_stops_is_left_to_the_next_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

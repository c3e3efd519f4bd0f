/*
 * test_stored.c: histories from a store or a file that no rules have made: each ends as an error,
 * and none as a broken invariant.
 */
#include "play.h"

static const char steps[] =
    SKT_STEP("a", SKT_UNDO) "  - { id: w, name: W, type: wait, wait: { signal: go } }\n"
                            "  - { id: e, name: E, type: service, foreach: { items: \"{{ "
                            ".input.list }}\", var: it, action: { service: { name: shop, path: /e "
                            "} } } }\n";

static struct skt_play *play_new(void)
{
    static const struct sk_start start = { .id = { "s", 1 },
                                           .input = { "{\"list\":[1,2]}", 14 },
                                           .context = { "{}", 2 } };
    struct skt_play *play = skt_play_new(skt_plan_of("", steps), &start);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    return play;
}

/* All events of the play, then this one. */
static enum skald_status restore(const struct skt_play *play, struct sk_event event)
{
    struct sk_saga saga;
    struct sk_buf data;
    enum skald_status status = SKALD_OK;
    sk_buf_init(&data, 0);
    assert_true(sk_saga_init(&saga, play->plan));
    for (uint32_t i = 0; i < play->events_count; i++) {
        struct sk_event before = play->events[i];
        sk_buf_clear(&data);
        sk_event_encode(&before, &data);
        assert_int_equal(sk_saga_restore(&saga, &before, sk_buf_view(&data)), SKALD_OK);
    }
    event.seq = saga.seq + 1;
    if (event.at_ms == 0) event.at_ms = saga.at_ms;
    sk_buf_clear(&data);
    sk_event_encode(&event, &data);
    status = sk_saga_restore(&saga, &event, sk_buf_view(&data));
    sk_saga_release(&saga);
    sk_buf_release(&data);
    return status;
}

static void test_what_cannot_be(void **state)
{
    (void)state;
    struct skt_play *play = play_new();
    const struct sk_event resumed = { .type = SK_EVENT_SAGA_RESUMED, .step = SK_STEP_NONE };
    assert_int_equal(restore(play, resumed), SKALD_OK);
    struct sk_event event = resumed;
    event.type = (enum sk_event_type)127;
    assert_int_equal(restore(play, event), SKALD_E_VERSION);
    event = resumed;
    event.at_ms = 1; /* before the one before */
    assert_int_equal(restore(play, event), SKALD_E_CORRUPT);
    event.at_ms = INT64_MAX;
    assert_int_equal(restore(play, event), SKALD_E_CORRUPT);
    event = resumed;
    event.when_ms = INT64_MAX;
    assert_int_equal(restore(play, event), SKALD_E_CORRUPT);
    event.when_ms = -1;
    assert_int_equal(restore(play, event), SKALD_E_CORRUPT);
    event = (struct sk_event){ .type = SK_EVENT_STEP_COMPLETED, .item = -1, .body = SK_STR("{") };
    assert_int_equal(restore(play, event), SKALD_E_CORRUPT);
    event.body = SK_STR("{}");
    assert_int_equal(restore(play, event), SKALD_OK);
    event = (struct sk_event){ .type = SK_EVENT_SAGA_COMPLETED,
                               .step = SK_STEP_NONE,
                               .extra = SK_STR("{") };
    assert_int_equal(restore(play, event), SKALD_E_CORRUPT);
    skt_play_free(play);
}

static struct sk_event waiting(uint32_t step, enum sk_wait_for what)
{
    return (struct sk_event){ .type = SK_EVENT_STEP_WAITING,
                              .step = step,
                              .item = -1,
                              .attempt = 1,
                              .kind = (uint32_t)what };
}

static void test_what_a_kind_of_step_cannot_do(void **state)
{
    (void)state;
    struct skt_play *play = play_new();
    assert_int_equal(restore(play, waiting(0, SK_FOR_BACKOFF)), SKALD_OK);
    assert_int_equal(restore(play, waiting(0, SK_FOR_ANSWER)), SKALD_OK);
    assert_int_equal(restore(play, waiting(0, SK_FOR_SIGNAL)), SKALD_E_CORRUPT);
    assert_int_equal(restore(play, waiting(0, SK_FOR_WORKER)), SKALD_E_CORRUPT);
    struct sk_event verify = {
        .type = SK_EVENT_VERIFY_STARTED, .step = 0, .item = -1, .extra = SK_STR("GET /\n")
    };
    assert_int_equal(restore(play, verify), SKALD_E_CORRUPT);
    skt_answer(play, 0, SK_OUTCOME_SUCCEEDED); /* now the signal is waited for */
    assert_int_equal(restore(play, waiting(1, SK_FOR_SIGNAL)), SKALD_E_CORRUPT); /* not pending */
    assert_int_equal(restore(play, waiting(1, SK_FOR_BACKOFF)), SKALD_E_CORRUPT);
    assert_int_equal(restore(play, waiting(1, SK_FOR_HUMAN)), SKALD_OK);
    skt_play_free(play);
}

/* A compensation that began to wait for nothing that a compensation can wait for. */
static void test_what_cannot_be_sent(void **state)
{
    (void)state;
    struct skt_play *play = play_new();
    skt_answer(play, 0, SK_OUTCOME_SUCCEEDED);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_SUSPEND)), SKALD_OK);
    struct sk_event event = {
        .type = SK_EVENT_COMPENSATION_STARTED, .step = 0, .item = -1, .attempt = 1
    };
    event.extra = SK_STR("POST http://shop/a\n");
    assert_int_equal(restore(play, event), SKALD_OK);
    event.extra = SK_STR("");
    assert_int_equal(restore(play, event), SKALD_E_CORRUPT);
    event.kind = SK_FOR_TIMER;
    assert_int_equal(restore(play, event), SKALD_E_CORRUPT);
    skt_play_free(play);
}

static void test_items_that_are_not_there(void **state)
{
    (void)state;
    struct skt_play *play = play_new();
    struct sk_event event = { .type = SK_EVENT_STEP_STARTED, .step = 2, .item = -1, .number = 2 };
    event.body = SK_STR("[1,2]");
    assert_int_equal(restore(play, event), SKALD_OK);
    event.body = SK_STR("[1,2,3]");
    assert_int_equal(restore(play, event), SKALD_E_CORRUPT);
    event.body = SK_STR("{\"a\":1,\"b\":2}");
    assert_int_equal(restore(play, event), SKALD_E_CORRUPT);
    skt_play_free(play);
}

static enum skald_status restore_start(const struct sk_start *start)
{
    struct sk_plan *plan = skt_plan_of("", steps);
    struct sk_buf record, data;
    struct sk_saga saga;
    sk_buf_init(&record, 0);
    sk_buf_init(&data, 0);
    sk_start_encode(start, &record);
    struct sk_event event = { .seq = 1,
                              .at_ms = SKT_NOW_MS,
                              .type = SK_EVENT_SAGA_ACCEPTED,
                              .step = SK_STEP_NONE,
                              .item = -1,
                              .extra = sk_buf_view(&record) };
    sk_event_encode(&event, &data);
    assert_true(sk_saga_init(&saga, plan));
    enum skald_status status = sk_saga_restore(&saga, &event, sk_buf_view(&data));
    sk_saga_release(&saga);
    sk_buf_release(&record);
    sk_buf_release(&data);
    sk_plan_free(plan);
    return status;
}

static void test_starts_that_do_not_fit(void **state)
{
    (void)state;
    static const struct sk_digest children[5] = { { { 1 } } };
    struct sk_start start = { .id = SK_STR("s") };
    assert_int_equal(restore_start(&start), SKALD_OK);
    start.children = children;
    start.children_count = 3;
    assert_int_equal(restore_start(&start), SKALD_OK);
    start.children_count = 2; /* of three steps */
    assert_int_equal(restore_start(&start), SKALD_E_CORRUPT);
    start.children_count = 0;
    start.context = SK_STR("{");
    assert_int_equal(restore_start(&start), SKALD_E_CORRUPT);
    start.context = SK_STR("");
    start.timeout_ms = INT64_MAX;
    assert_int_equal(restore_start(&start), SKALD_E_CORRUPT);
    start.timeout_ms = 0;
    start.id = SK_STR("a b");
    assert_int_equal(restore_start(&start), SKALD_E_CORRUPT);
}

/* It folds, and no rules have made it: what they decide next does not follow. */
static void test_a_history_that_cannot_go_on(void **state)
{
    (void)state;
    struct skt_play *play = play_new();
    skt_answer(play, 0, SK_OUTCOME_RETRYABLE);
    struct sk_unit *unit = &play->saga.steps[0].units[0];
    assert_int_equal(unit->action.state, SK_CALL_PAUSED);
    unit->action.line = SK_STR(""); /* nothing that could be sent again */
    play->saga.is_restored = true;
    play->now_ms += 3600000;
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_WAKE)), SKALD_E_CORRUPT);
    assert_true(play->decision.failed && play->decision.is_corrupt);
    skt_play_free(play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_cannot_be),
        cmocka_unit_test(test_what_a_kind_of_step_cannot_do),
        cmocka_unit_test(test_what_cannot_be_sent),
        cmocka_unit_test(test_items_that_are_not_there),
        cmocka_unit_test(test_starts_that_do_not_fit),
        cmocka_unit_test(test_a_history_that_cannot_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

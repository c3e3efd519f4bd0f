/*
 * test_decide.c: the doors of decide that no operator uses: starts, outcomes, completions, signals
 * and messages, right and wrong.
 */
#include "play.h"

static const char steps[] =
    SKT_STEP("a",
             SKT_UNDO) "  - { id: w, name: W, type: wait, wait: { signal: go } }\n" SKT_STEP("z",
                                                                                             "");

static struct sk_command outcome_of(enum sk_command_kind kind, uint32_t step, int32_t item,
                                    enum sk_operation operation, const struct sk_outcome *outcome)
{
    struct sk_command command = skt_command(kind);
    command.step = step;
    command.item = item;
    command.operation = operation;
    command.attempt = 1;
    command.outcome = outcome;
    return command;
}

static void test_before_the_start(void **state)
{
    (void)state;
    struct sk_plan *plan = skt_plan_of("", steps);
    struct sk_saga saga;
    struct sk_decision decision;
    struct sk_rules rules = { .takeups_max = 3 };
    assert_true(sk_saga_init(&saga, plan));
    sk_decision_init(&decision);
    assert_true(sk_saga_wake_at(&saga) == INT64_MAX);
    for (int kind = SK_COMMAND_ADMIT; kind < SK_COMMANDS_COUNT; kind++) {
        struct sk_command command = skt_command((enum sk_command_kind)kind);
        assert_int_equal(sk_saga_decide(&saga, &command, 5, &rules, &decision, NULL),
                         SKALD_E_NOT_FOUND);
    }
    assert_int_equal(decision.events_count, 0);
    sk_decision_release(&decision);
    sk_saga_release(&saga);
    sk_plan_free(plan);
}

static void test_a_start_happens_once(void **state)
{
    (void)state;
    struct skt_play *play = skt_play_new(skt_plan_of("", steps), NULL);
    struct sk_start start = { .id = SK_STR("other") };
    struct sk_command command = skt_command(SK_COMMAND_START);
    command.start = &start;
    uint64_t seq = play->saga.seq;
    assert_int_equal(skt_do(play, command), SKALD_OK);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_SWEEP)), SKALD_OK);
    assert_true(play->saga.seq == seq);
    assert_true(sk_str_is(play->saga.start.id, "s"));
    skt_play_free(play);
}

static void test_time_never_goes_back(void **state)
{
    (void)state;
    struct skt_play *play = skt_play_new(skt_plan_of("", steps), NULL);
    int64_t at = play->saga.at_ms;
    play->now_ms -= 3600000;
    skt_answer(play, 0, SK_OUTCOME_SUCCEEDED);
    assert_int_equal(play->saga.at_ms, at);
    skt_play_free(play);
}

static void test_the_same_entropy_gives_the_same_bytes(void **state)
{
    (void)state;
    static const char jittery[] =
        "  - { id: a, name: A, type: service, retry_policy: { type: fixed_delay, max_attempts: 3, "
        "initial_delay: 10s, jitter: full }, action: { service: { name: shop, path: /a } }, "
        "compensation: { type: skip } }\n";
    int64_t wakes[3];
    for (int i = 0; i < 3; i++) {
        struct skt_play *play = skt_play_new(skt_plan_of("", jittery), NULL);
        struct sk_outcome outcome = { .class_ = SK_OUTCOME_RETRYABLE, .code = SK_STR("busy") };
        struct sk_command command =
            outcome_of(SK_COMMAND_OUTCOME, 0, -1, SK_OPERATION_ACTION, &outcome);
        command.start_seq = skt_unit(play, 0)->action.start_seq;
        command.entropy = i == 2 ? 99 : 7;
        assert_int_equal(skt_do(play, command), SKALD_OK);
        wakes[i] = sk_saga_wake_at(&play->saga);
        skt_play_free(play);
    }
    assert_true(wakes[0] == wakes[1]);
    assert_true(wakes[0] != wakes[2]);
}

static void test_outcomes_of_nothing(void **state)
{
    (void)state;
    struct skt_play *play = skt_play_new(skt_plan_of("", steps), NULL);
    struct sk_outcome yes = { .class_ = SK_OUTCOME_SUCCEEDED, .is_answered = true };
    static const struct {
        uint32_t step;
        int32_t item;
        enum sk_operation operation;
        enum skald_status expected;
    } rows[] = {
        { 9, -1, SK_OPERATION_ACTION, SKALD_E_NOT_FOUND },
        { SK_STEP_NONE, -1, SK_OPERATION_ACTION, SKALD_E_NOT_FOUND },
        { 0, 0, SK_OPERATION_ACTION, SKALD_E_NOT_FOUND },
        { 0, -1, SK_OPERATION_HOOK, SKALD_OK },
        { 0, -1, SK_OPERATION_POLL, SKALD_OK },
        { 0, -1, SK_OPERATION_VERIFY, SKALD_OK },
        { 0, -1, SK_OPERATION_COMPENSATION, SKALD_OK },
        { 2, -1, SK_OPERATION_ACTION, SKALD_OK }, /* has not started */
    };
    uint64_t seq = play->saga.seq;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_command command =
            outcome_of(SK_COMMAND_OUTCOME, rows[i].step, rows[i].item, rows[i].operation, &yes);
        command.start_seq = 77;
        assert_int_equal(skt_do(play, command), rows[i].expected);
        assert_true(play->saga.seq == seq);
    }
    skt_play_free(play);
}

static void test_completions(void **state)
{
    (void)state;
    struct skt_play *play = skt_play_new(skt_plan_of("", steps), NULL);
    struct sk_outcome one = { .class_ = SK_OUTCOME_SUCCEEDED,
                              .output = SK_STR("{\"a\":1,\"b\":2}"),
                              .is_answered = true };
    struct sk_outcome same = one, other = one,
                      no = { .class_ = SK_OUTCOME_FAILED,
                             .code = SK_STR("no"),
                             .is_answered = true };
    same.output = SK_STR("{\"b\":2,\"a\":1}");
    other.output = SK_STR("{\"a\":2}");
    skt_answer(play, 0, SK_OUTCOME_PENDING);
    static const struct {
        uint32_t step;
        enum sk_operation operation;
        enum skald_status expected;
    } wrong[] = {
        { 7, SK_OPERATION_ACTION, SKALD_E_NOT_FOUND },
        { 0, SK_OPERATION_VERIFY, SKALD_E_ARGUMENT },
        { 0, SK_OPERATION_POLL, SKALD_E_ARGUMENT },
        { 0, SK_OPERATION_HOOK, SKALD_E_ARGUMENT },
        { 0, SK_OPERATION_COMPENSATION, SKALD_E_CONFLICT },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(skt_do(play, outcome_of(SK_COMMAND_COMPLETE, wrong[i].step, -1,
                                                 wrong[i].operation, &one)),
                         wrong[i].expected);
    struct sk_command command = outcome_of(SK_COMMAND_COMPLETE, 0, -1, SK_OPERATION_ACTION, &one);
    assert_int_equal(skt_do(play, command), SKALD_OK);
    assert_int_equal(skt_unit(play, 0)->state, SK_STEP_COMPLETED);
    uint64_t seq = play->saga.seq;
    command.outcome = &same; /* the same value, written otherwise */
    assert_int_equal(skt_do(play, command), SKALD_OK);
    command.outcome = &other;
    assert_int_equal(skt_do(play, command), SKALD_E_CONFLICT);
    command.outcome = &no;
    assert_int_equal(skt_do(play, command), SKALD_E_CONFLICT);
    assert_true(play->saga.seq == seq);
    skt_play_free(play);
}

static void test_completions_with_no(void **state)
{
    (void)state;
    struct skt_play *play = skt_play_new(skt_plan_of("", SKT_STEP("a", SKT_UNDO)), NULL);
    struct sk_outcome no = { .class_ = SK_OUTCOME_FAILED,
                             .code = SK_STR("no"),
                             .is_answered = true };
    struct sk_outcome other = no;
    other.code = SK_STR("other");
    skt_answer(play, 0, SK_OUTCOME_PENDING);
    struct sk_command command = outcome_of(SK_COMMAND_COMPLETE, 0, -1, SK_OPERATION_ACTION, &no);
    uint64_t before = play->saga.seq;
    command.attempt = 2; /* of an attempt that this history does not have: not lost, ask again */
    assert_int_equal(skt_do(play, command), SKALD_E_AGAIN);
    command.attempt = 1;
    command.round = 1;
    assert_int_equal(skt_do(play, command), SKALD_E_AGAIN);
    command.round = 0;
    assert_true(play->saga.seq == before);
    assert_int_equal(skt_unit(play, 0)->state, SK_STEP_WAITING);
    command.attempt = 1;
    assert_int_equal(skt_do(play, command), SKALD_OK);
    assert_int_equal(play->saga.state, SK_SAGA_COMPENSATED);
    uint64_t seq = play->saga.seq;
    assert_int_equal(skt_do(play, command), SKALD_OK);
    assert_true(play->saga.seq == seq); /* the same no again */
    command.outcome = &other;
    assert_int_equal(skt_do(play, command), SKALD_OK);
    assert_int_equal(play->events[play->events_count - 1].type, SK_EVENT_STEP_LATE);
    skt_play_free(play);
}

/* A token of an earlier round answers nothing of this one. */
static void test_completions_of_an_earlier_round(void **state)
{
    (void)state;
    struct skt_play *play =
        skt_play_new(skt_plan_of(", recovery: forward", SKT_STEP("a", "")), NULL);
    struct sk_outcome yes = { .class_ = SK_OUTCOME_SUCCEEDED, .is_answered = true };
    skt_answer(play, 0, SK_OUTCOME_FAILED); /* parked for a human */
    struct sk_command retry = skt_command(SK_COMMAND_RETRY);
    assert_int_equal(skt_do(play, retry), SKALD_OK);
    assert_int_equal(skt_unit(play, 0)->action.round, 1);
    skt_answer(play, 0, SK_OUTCOME_PENDING);
    struct sk_command command = outcome_of(SK_COMMAND_COMPLETE, 0, -1, SK_OPERATION_ACTION, &yes);
    command.round = 0;
    assert_int_equal(skt_do(play, command), SKALD_OK); /* late: recorded */
    assert_int_equal(skt_unit(play, 0)->state, SK_STEP_WAITING);
    command.round = 1;
    assert_int_equal(skt_do(play, command), SKALD_OK);
    assert_int_equal(skt_unit(play, 0)->state, SK_STEP_COMPLETED);
    skt_play_free(play);
}

static void test_signals(void **state)
{
    (void)state;
    struct skt_play *play = skt_play_new(skt_plan_of("", steps), NULL);
    struct sk_command command = skt_command(SK_COMMAND_SIGNAL);
    command.name = SK_STR("go");
    assert_int_equal(skt_do(play, command), SKALD_E_ARGUMENT);
    command.name = (struct sk_str){ NULL, 0 };
    command.id = SK_STR("1");
    assert_int_equal(skt_do(play, command), SKALD_E_ARGUMENT);
    command.name = SK_STR("go");
    assert_int_equal(skt_do(play, command), SKALD_OK);
    assert_int_equal(play->saga.signals_stored, 1);
    skt_answer(play, 0, SK_OUTCOME_SUCCEEDED);
    assert_int_equal(play->saga.signals_stored, 0);
    assert_int_equal(skt_unit(play, 1)->state, SK_STEP_COMPLETED);
    skt_answer(play, 2, SK_OUTCOME_SUCCEEDED);
    assert_int_equal(skt_do(play, command), SKALD_OK); /* the same id, after the end */
    command.id = SK_STR("2");
    assert_int_equal(skt_do(play, command), SKALD_E_STATE);
    skt_play_free(play);
}

/* While the engine closes, what arrives is recorded and nothing new begins. */
static void test_while_closing(void **state)
{
    (void)state;
    struct skt_play *play =
        skt_play_new(skt_plan_of("", SKT_STEP("a", SKT_UNDO) SKT_STEP("z", "")), NULL);
    play->rules.starts_nothing = true;
    skt_answer(play, 0, SK_OUTCOME_SUCCEEDED);
    assert_int_equal(play->saga.steps[1].state, SK_STEP_PENDING);
    assert_int_equal(play->saga.state, SK_SAGA_RUNNING);
    play->rules.starts_nothing = false;
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_RECOVER)), SKALD_OK);
    assert_int_equal(play->saga.steps[1].state, SK_STEP_RUNNING);
    play->rules.starts_nothing = true;
    skt_answer(play, 1, SK_OUTCOME_FAILED);
    assert_int_equal(play->saga.state, SK_SAGA_COMPENSATING);
    assert_false(sk_saga_is_flying(&play->saga));
    play->rules.starts_nothing = false;
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_RECOVER)), SKALD_OK);
    assert_int_equal(skt_unit(play, 0)->undo.state, SK_CALL_FLYING);
    skt_play_free(play);
}

/* ---- messages -------------------------------------------------------------------------------- */

static const char child_steps[] =
    "  - { id: c, name: C, type: saga, action: { saga: { definition: leaf } } }\n" SKT_STEP("z",
                                                                                            "");

static enum skald_status tell(struct skt_play *play, enum sk_message_kind kind, struct sk_str body)
{
    struct sk_message message = {
        .kind = kind, .id = SK_STR("m/1"), .from = SK_STR("x"), .to = SK_STR("s"), .body = body
    };
    struct sk_command command = skt_command(SK_COMMAND_MESSAGE);
    command.message = &message;
    return skt_do(play, command);
}

static void ended(struct sk_buf *out, uint64_t state, uint32_t step, int32_t item, uint32_t round)
{
    sk_buf_clear(out);
    sk_put_u64(out, state);
    sk_put_u64(out, step);
    sk_put_i64(out, item);
    sk_put_u64(out, round);
    sk_put_str(out, SK_STR("5"));
    sk_put_str(out, SK_STR("code"));
    sk_put_str(out, SK_STR("message"));
}

static void test_messages_that_mean_nothing(void **state)
{
    (void)state;
    struct skt_play *play = skt_play_new(skt_plan_of("", child_steps), NULL);
    struct sk_buf body;
    sk_buf_init(&body, 0);
    uint64_t seq = play->saga.seq;
    assert_int_equal(play->decision.messages_count, 1);
    assert_int_equal(play->decision.messages[0].kind, SK_MESSAGE_CHILD_START);
    assert_true(sk_str_is(play->decision.messages[0].to, "s.c"));
    static const struct {
        uint64_t state;
        uint32_t step;
        int32_t item;
        uint32_t round;
    } rows[] = {
        { SK_SAGA_RUNNING, 0, -1, 0 }, /* not an end */
        { 99, 0, -1, 0 },              /* no state */
        { SK_SAGA_COMPLETED, 9, -1, 0 } /* no step */,
        { SK_SAGA_COMPLETED, 0, 3, 0 },  /* no item */
        { SK_SAGA_COMPLETED, 0, -1, 1 }, /* another child */
        { SK_SAGA_COMPLETED, 1, -1, 0 }, /* has no child */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ended(&body, rows[i].state, rows[i].step, rows[i].item, rows[i].round);
        assert_int_equal(tell(play, SK_MESSAGE_CHILD_ENDED, sk_buf_view(&body)), SKALD_OK);
        assert_true(play->saga.seq == seq);
    }
    ended(&body, SK_SAGA_COMPLETED, 0, -1, 0);
    for (size_t size = 0; size < body.size; size++) /* damaged */
        assert_int_equal(tell(play, SK_MESSAGE_CHILD_ENDED,
                              sk_str_sub(sk_buf_view(&body), 0, size)),
                         SKALD_OK);
    static const enum sk_message_kind others[] = { SK_MESSAGE_CHILD_START, SK_MESSAGE_LOCK_REQUEST,
                                                   SK_MESSAGE_LOCK_RELEASE, SK_MESSAGE_LOCK_GRANTED,
                                                   SK_MESSAGE_CHILD_COMPENSATE };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(tell(play, others[i], SK_STR("k")), SKALD_OK);
    assert_true(play->saga.seq == seq);
    assert_int_equal(tell(play, SK_MESSAGE_CHILD_ENDED, sk_buf_view(&body)), SKALD_OK);
    assert_true(sk_str_is(play->saga.steps[0].output, "5"));
    seq = play->saga.seq;
    assert_int_equal(tell(play, SK_MESSAGE_CHILD_ENDED, sk_buf_view(&body)), SKALD_OK); /* again */
    assert_true(play->saga.seq == seq);
    sk_buf_release(&body);
    skt_play_free(play);
}

/* What the parent's commands do, by the child's state; told twice is told once, or answered
 * again. */
static void test_the_parents_commands(void **state)
{
    (void)state;
    struct sk_start start = { .id = SK_STR("s"), .parent = SK_STR("p"), .parent_item = -1 };
    struct skt_play *play = skt_play_new(skt_plan_of("", SKT_STEP("a", SKT_UNDO)), &start);
    assert_int_equal(tell(play, SK_MESSAGE_CHILD_CANCEL, SK_STR("")), SKALD_OK);
    assert_int_equal(play->saga.state, SK_SAGA_CANCELLED);
    assert_int_equal(play->decision.messages_count, 1); /* the parent is told */
    assert_int_equal(play->decision.messages[0].kind, SK_MESSAGE_CHILD_ENDED);
    assert_true(sk_str_is(play->decision.messages[0].to, "p"));
    assert_int_equal(tell(play, SK_MESSAGE_CHILD_CANCEL, SK_STR("")), SKALD_OK);
    assert_int_equal(play->decision.events_count, 0);
    assert_int_equal(tell(play, SK_MESSAGE_CHILD_COMPENSATE, SK_STR("")), SKALD_OK);
    assert_int_equal(play->decision.messages_count, 1); /* told again, under another id */
    skt_play_free(play);

    play = skt_play_new(skt_plan_of("", SKT_STEP("a", SKT_UNDO)), &start);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    skt_answer(play, 0, SK_OUTCOME_SUCCEEDED);
    assert_int_equal(tell(play, SK_MESSAGE_CHILD_CANCEL, SK_STR("")), SKALD_OK);
    assert_int_equal(play->saga.state, SK_SAGA_COMPLETED);
    assert_int_equal(tell(play, SK_MESSAGE_CHILD_COMPENSATE, SK_STR("")), SKALD_OK);
    assert_int_equal(play->saga.state, SK_SAGA_COMPENSATING);
    assert_int_equal(play->saga.reason, SK_REASON_PARENT);
    assert_int_equal(tell(play, SK_MESSAGE_CHILD_COMPENSATE, SK_STR("")), SKALD_OK);
    assert_int_equal(play->decision.events_count, 0);
    skt_play_free(play);
}

/* A child that goes forward only is not stopped by its parent. */
static void test_a_forward_child(void **state)
{
    (void)state;
    struct sk_start start = { .id = SK_STR("s"), .parent = SK_STR("p"), .parent_item = -1 };
    struct skt_play *play =
        skt_play_new(skt_plan_of(", recovery: forward", SKT_STEP("a", "")), &start);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    assert_int_equal(tell(play, SK_MESSAGE_CHILD_CANCEL, SK_STR("")), SKALD_OK);
    assert_int_equal(play->decision.events_count, 0);
    assert_int_equal(play->saga.state, SK_SAGA_RUNNING);
    skt_play_free(play);
}

/* A grant that comes after the key was given up is given back once more. */
static void test_a_late_grant(void **state)
{
    (void)state;
    static const struct sk_str keys[] = { { "k", 1 } };
    struct sk_start start = { .id = SK_STR("s"), .lock_keys = keys, .lock_keys_count = 1 };
    struct skt_play *play = skt_play_new(skt_plan_of("", SKT_STEP("a", "")), &start);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    assert_int_equal(play->decision.messages[0].kind, SK_MESSAGE_LOCK_REQUEST);
    assert_true(sk_str_is(play->decision.messages[0].to, "@lock/k"));
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK); /* asked already */
    assert_int_equal(play->decision.events_count, 0);
    skt_advance(play, 30000);
    assert_int_equal(play->saga.state, SK_SAGA_TIMED_OUT);
    assert_int_equal(play->decision.messages[0].kind, SK_MESSAGE_LOCK_RELEASE);
    assert_int_equal(tell(play, SK_MESSAGE_LOCK_GRANTED, SK_STR("k")), SKALD_OK);
    assert_int_equal(play->saga.state, SK_SAGA_TIMED_OUT);
    assert_int_equal(play->decision.messages_count, 1);
    assert_int_equal(play->decision.messages[0].kind, SK_MESSAGE_LOCK_RELEASE);
    skt_play_free(play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_the_start),
        cmocka_unit_test(test_a_start_happens_once),
        cmocka_unit_test(test_time_never_goes_back),
        cmocka_unit_test(test_the_same_entropy_gives_the_same_bytes),
        cmocka_unit_test(test_outcomes_of_nothing),
        cmocka_unit_test(test_completions),
        cmocka_unit_test(test_completions_with_no),
        cmocka_unit_test(test_completions_of_an_earlier_round),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_while_closing),
        cmocka_unit_test(test_messages_that_mean_nothing),
        cmocka_unit_test(test_the_parents_commands),
        cmocka_unit_test(test_a_forward_child),
        cmocka_unit_test(test_a_late_grant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

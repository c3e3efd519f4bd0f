/*
 * test_commands.c: every command of an operator in every state: the table "Commands by state" of
 * docs/internals/semantics.md, a row a command, a column a state.
 *
 * A cell is the state shown afterwards (P pending, R running, U compensating, C completed, D
 * compensated, F failed, X cancelled, T timed out, S suspended), or '-': refused, SKALD_E_STATE,
 * and nothing happened.
 */
#include "play.h"

static const char steps[] =
    "  - { id: a, name: A, type: service, timeout: 5s, retry_policy: { type: fixed_delay, "
    "max_attempts: 3, initial_delay: 1h }, action: { service: { name: shop, path: /a } }, "
    "compensation: { type: automatic } }\n"
    "  - { id: p, name: P, type: service, pivot: true, action: { service: { name: shop, path: /p } "
    "}, compensation: { type: automatic } }\n"
    "  - { id: z, name: Z, type: service, action: { service: { name: shop, path: /z } }, "
    "compensation: { type: automatic } }\n";
enum { A, P, Z };

/* ---- the columns ----------------------------------------------------------------------------- */

static struct skt_play *pending(void)
{
    struct sk_start start = { .id = SK_STR("s") };
    return skt_play_new(skt_plan_of("", steps), &start);
}
static struct skt_play *running(void)
{
    struct skt_play *play = pending();
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    return play;
}
static struct skt_play *backing_off(void)
{
    struct skt_play *play = running();
    skt_answer(play, A, SK_OUTCOME_RETRYABLE);
    return play;
}
static struct skt_play *frozen(void)
{
    struct skt_play *play = running();
    skt_answer(play, A, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *past_pivot(void)
{
    struct skt_play *play = frozen();
    skt_answer(play, P, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *parked(void)
{
    struct skt_play *play = past_pivot();
    skt_answer(play, Z, SK_OUTCOME_FAILED);
    return play;
}
static struct skt_play *compensating(void)
{
    struct skt_play *play = frozen();
    skt_answer(play, P, SK_OUTCOME_FAILED);
    return play;
}
static struct skt_play *undo_pausing(void)
{
    struct skt_play *play = compensating();
    skt_reply(play, A, -1, SK_OPERATION_COMPENSATION, SK_OUTCOME_RETRYABLE, "busy", "");
    return play;
}
static struct skt_play *completed(void)
{
    struct skt_play *play = past_pivot();
    skt_answer(play, Z, SK_OUTCOME_SUCCEEDED);
    return play;
}
static struct skt_play *compensated(void)
{
    struct skt_play *play = running();
    skt_answer(play, A, SK_OUTCOME_FAILED);
    return play;
}
static struct skt_play *failed(void)
{
    struct skt_play *play = compensating();
    skt_reply(play, A, -1, SK_OPERATION_COMPENSATION, SK_OUTCOME_FAILED, "no", "");
    return play;
}
static struct skt_play *cancelled(void)
{
    struct skt_play *play = backing_off();
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_CANCEL)), SKALD_OK);
    return play;
}
static struct skt_play *timed_out(void)
{
    struct skt_play *play = backing_off();
    skt_advance(play, 5 * 60 * 1000);
    return play;
}
static struct skt_play *held(struct skt_play *play)
{
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_SUSPEND)), SKALD_OK);
    return play;
}
static struct skt_play *held_pending(void)
{
    return held(pending());
}
static struct skt_play *held_running(void)
{
    return held(running());
}
static struct skt_play *held_compensating(void)
{
    return held(compensating());
}

static const struct {
    const char *name;
    struct skt_play *(*make)(void);
    char state;
} columns[] = {
    { "pending", pending, 'P' },
    { "running", running, 'R' },
    { "backing off", backing_off, 'R' },
    { "pivot in flight", frozen, 'R' },
    { "past the pivot", past_pivot, 'R' },
    { "waiting for a human", parked, 'R' },
    { "compensating", compensating, 'U' },
    { "undo pausing", undo_pausing, 'U' },
    { "completed", completed, 'C' },
    { "compensated", compensated, 'D' },
    { "failed", failed, 'F' },
    { "cancelled", cancelled, 'X' },
    { "timed out", timed_out, 'T' },
    { "held while pending", held_pending, 'S' },
    { "held while running", held_running, 'S' },
    { "held while compensating", held_compensating, 'S' },
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

/* ---- the rows -------------------------------------------------------------------------------- */

static const struct {
    enum sk_command_kind kind;
    uint32_t step;
    bool past_pivot;
    const char *cells;
    enum sk_event_type note; /* what the history says of it, with who and why */
} rows[] = {
    { SK_COMMAND_CANCEL, SK_STEP_NONE, false, "XUXR--UU-----XUU", SK_EVENT_OPERATOR_CANCEL },
    { SK_COMMAND_FORCE_CANCEL, SK_STEP_NONE, false, "XUX---UU--U--XUU",
      SK_EVENT_OPERATOR_FORCE_CANCEL },
    { SK_COMMAND_FORCE_CANCEL, SK_STEP_NONE, true, "XUXUUUUU--U--XUU",
      SK_EVENT_OPERATOR_FORCE_CANCEL },
    { SK_COMMAND_FORCE_COMPLETE, SK_STEP_NONE, false, "-CCCCCCC--C---CC",
      SK_EVENT_OPERATOR_FORCE_COMPLETE },
    { SK_COMMAND_RETRY, SK_STEP_NONE, false, "--R--R-U--U-----", SK_EVENT_OPERATOR_RETRY },
    { SK_COMMAND_RETRY, A, false, "--R----U--U-----", SK_EVENT_OPERATOR_RETRY },
    { SK_COMMAND_SKIP_STEP, A, false, "--R----D--------", SK_EVENT_OPERATOR_SKIP_STEP },
    { SK_COMMAND_SKIP_STEP, Z, false, "-RRR-C--------S-", SK_EVENT_OPERATOR_SKIP_STEP },
    { SK_COMMAND_SUSPEND, SK_STEP_NONE, false, "SSSSSSSS-----SSS", SK_EVENT_OPERATOR_SUSPEND },
    { SK_COMMAND_RESUME, SK_STEP_NONE, false, "PRRRRRUU-----PRU", SK_EVENT_OPERATOR_RESUME },
    { SK_COMMAND_SIGNAL, SK_STEP_NONE, false, "PRRRRR-------SS-", SK_EVENT_SIGNAL_RECEIVED },
};

static char shown(const struct skt_play *play)
{
    return "?PRCUDFXTS"[sk_saga_shown_state(&play->saga)];
}

static void judge_note(const struct skt_play *play, uint32_t from, enum sk_event_type type)
{
    if (from == play->events_count) return; /* idempotent: suspended already, running already */
    const struct sk_event *event = &play->events[from];
    assert_int_equal(event->type, type);
    assert_true(sk_str_is(event->extra, "id-1"));
    if (type == SK_EVENT_SIGNAL_RECEIVED) return;
    assert_true(sk_str_is(event->text, "ann"));
    assert_true(sk_str_is(event->note, "test"));
}

static void judge(size_t r, size_t c)
{
    struct skt_play *play = columns[c].make();
    struct sk_command command = skt_command(rows[r].kind);
    command.step = rows[r].step;
    command.is_past_pivot_allowed = rows[r].past_pivot;
    command.id = SK_STR("id-1");
    command.name = SK_STR("go");
    assert_int_equal(shown(play), columns[c].state);
    uint32_t before = play->events_count;
    char cell = rows[r].cells[c];
    enum skald_status status = skt_do(play, command);
    bool is_right = cell == '-' ? status == SKALD_E_STATE && shown(play) == columns[c].state
                                : status == SKALD_OK && shown(play) == cell;
    if (!is_right)
        fail_msg("%s%s while %s: %s, then %c; expected %c", sk_command_name(rows[r].kind),
                 rows[r].past_pivot ? " --past-pivot" : "", columns[c].name,
                 skald_status_name(status), shown(play), cell);
    if (cell == '-') {
        assert_int_equal(play->events_count, before);
        assert_true(strlen(play->error.message) > 10);
    } else {
        judge_note(play, before, rows[r].note);
        before = play->events_count;
        assert_int_equal(skt_do(play, command), SKALD_OK); /* the same id: once only */
        bool left_a_trace = before > 0 && play->saga.command_ids_count > 0;
        if (left_a_trace) assert_int_equal(play->events_count, before);
    }
    struct sk_saga again;
    skt_refold(play, &again);
    sk_saga_release(&again);
    skt_play_free(play);
}

static void test_every_command_in_every_state(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        assert_int_equal(strlen(rows[r].cells), COLUMNS);
        for (size_t c = 0; c < COLUMNS; c++) judge(r, c);
    }
}

/* ---- what the commands leave behind ---------------------------------------------------------- */

static void test_a_frozen_cancel_is_a_wish(void **state)
{
    (void)state;
    struct skt_play *play = frozen();
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_CANCEL)), SKALD_OK);
    assert_int_equal(play->saga.wish, SK_REASON_CANCEL);
    assert_int_equal(play->saga.state, SK_SAGA_RUNNING);
    skt_answer(play, P, SK_OUTCOME_SUCCEEDED);
    assert_true(play->saga.is_past_pivot); /* overtaken */
    skt_answer(play, Z, SK_OUTCOME_SUCCEEDED);
    assert_int_equal(play->saga.state, SK_SAGA_COMPLETED);
    assert_int_equal(play->saga.wish, SK_REASON_CANCEL); /* for those who ask what came of it */
    skt_play_free(play);
}

static void test_force_complete_lists(void **state)
{
    (void)state;
    struct skt_play *play = undo_pausing();
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_FORCE_COMPLETE)), SKALD_OK);
    assert_true(play->saga.is_forced);
    assert_int_equal(play->saga.reason, SK_REASON_FORCED);
    assert_int_equal(skt_unit(play, A)->undo_state, SK_UNDO_RESIDUE);
    assert_int_equal(play->saga.residue_count, 1);
    assert_int_equal(sk_saga_open(&play->saga), 0);
    assert_true(sk_saga_is_over(&play->saga));
    skt_play_free(play);
}

static void test_a_parked_step_is_retried_in_a_new_round(void **state)
{
    (void)state;
    struct skt_play *play = parked();
    assert_int_equal(play->saga.residue_count, 0);
    struct sk_command command = skt_command(SK_COMMAND_RETRY);
    command.step = Z;
    command.body = SK_STR("{\"edited\":true}");
    assert_int_equal(skt_do(play, command), SKALD_OK);
    const struct sk_call *call = &skt_unit(play, Z)->action;
    assert_int_equal(call->round, 1);
    assert_int_equal(call->attempt, 1);
    assert_true(sk_str_is(call->body, "{\"edited\":true}"));
    struct sk_buf key;
    sk_buf_init(&key, 0);
    sk_saga_key(&play->saga, Z, -1, SK_OPERATION_ACTION, call->round, &key);
    assert_string_equal(sk_buf_text(&key), "s/z/action/r2");
    sk_buf_release(&key);
    skt_play_free(play);
}

static void test_commands_that_name_nothing(void **state)
{
    (void)state;
    struct skt_play *play = running();
    struct sk_command command = skt_command(SK_COMMAND_SKIP_STEP);
    command.step = 3;
    assert_int_equal(skt_do(play, command), SKALD_E_NOT_FOUND);
    command.step = SK_STEP_NONE;
    assert_int_equal(skt_do(play, command), SKALD_E_NOT_FOUND);
    command.step = A;
    command.item = 0;
    assert_int_equal(skt_do(play, command), SKALD_E_NOT_FOUND);
    command = skt_command(SK_COMMAND_RETRY);
    command.step = 3;
    assert_int_equal(skt_do(play, command), SKALD_E_STATE);
    command = skt_command(SK_COMMANDS_COUNT);
    assert_int_equal(skt_do(play, command), SKALD_E_ARGUMENT);
    skt_play_free(play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_command_in_every_state),
        cmocka_unit_test(test_a_frozen_cancel_is_a_wish),
        cmocka_unit_test(test_force_complete_lists),
        cmocka_unit_test(test_a_parked_step_is_retried_in_a_new_round),
        cmocka_unit_test(test_commands_that_name_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_fold.c: evolve, cell by cell: which event may find a unit in which state and where it moves
 * it, which saga event may find which saga state, and that everything else is SKALD_E_CORRUPT.
 *
 * The states of a unit as letters: p pending, r running, w waiting, c completed, f failed, s
 * skipped, u compensating, d compensated (undone), x compensation_failed.
 */
#include "play.h"

static const char letters[] = "prwcfsudx";

struct unit_row {
    enum sk_event_type type;
    uint32_t kind;
    const char *allowed; /* from these states */
    char to;             /* '=' = stays; '!' = stays, but an undo that had begun has failed */
    const char *line;    /* its request line, or NULL */
};

static const struct unit_row unit_rows[] = {
    { SK_EVENT_STEP_STARTED, SK_FOR_NOTHING, "prwf", 'r', "POST /\n" },
    { SK_EVENT_STEP_STARTED, SK_FOR_NOTHING, "", 'r', NULL },
    { SK_EVENT_STEP_STARTED, SK_FOR_NOTHING, "", 'r', "POST/\n" },
    { SK_EVENT_STEP_STARTED, SK_FOR_TIMER, "prwf", 'w', NULL },
    { SK_EVENT_STEP_STARTED, SK_FOR_SIGNAL, "prwf", 'w', NULL },
    { SK_EVENT_STEP_STARTED, SK_FOR_CHILD, "prwf", 'w', " child\n" },
    { SK_EVENT_STEP_STARTED, SK_FOR_COUNT, "", 'w', NULL },
    { SK_EVENT_STEP_COMPLETED, 0, "rwfsx", 'c', NULL },
    { SK_EVENT_STEP_FAILED, SK_OUTCOME_FAILED, "prwx", 'f', NULL },
    { SK_EVENT_STEP_UNKNOWN, 0, "rw", 'r', NULL },
    { SK_EVENT_STEP_RETRYING, 0, "prwf", 'r', "POST /\n" },
    { SK_EVENT_STEP_RETRYING, 0, "", 'r', NULL },
    { SK_EVENT_STEP_REDRIVEN, 0, "prwf", 'r', "POST /\n" },
    { SK_EVENT_STEP_REDRIVEN, 0, "", 'r', NULL },
    { SK_EVENT_STEP_WAITING, SK_FOR_BACKOFF, "prwf", 'w', NULL },
    { SK_EVENT_STEP_WAITING, SK_FOR_ANSWER, "prwf", 'w', NULL },
    { SK_EVENT_STEP_WAITING, SK_FOR_HUMAN, "prwf", 'w', NULL },
    { SK_EVENT_STEP_WAITING, SK_FOR_COUNT, "", 'w', NULL },
    { SK_EVENT_STEP_SKIPPED, SK_SKIP_OPERATOR, "prwf", 's', NULL },
    { SK_EVENT_STEP_LATE, SK_LATE_RECORDED, "prwcfsudx", '=', NULL },
    { SK_EVENT_STEP_LATE, SK_LATE_RESIDUE, "prwcfsudx", '=', NULL },
    { SK_EVENT_STEP_LATE, SK_LATE_REOPENS, "prwcfsudx", '=', NULL },
    { SK_EVENT_STEP_LATE, SK_LATE_RESIDUE + 1, "", '=', NULL },
    { SK_EVENT_VERIFY_STARTED, 0, "rwcfsudx", '=', "GET /\n" },
    { SK_EVENT_VERIFY_STARTED, 0, "", '=', NULL },
    { SK_EVENT_VERIFY_COMPLETED, SK_HAPPENED, "rwcfsudx", '=', NULL },
    { SK_EVENT_VERIFY_FAILED, 0, "rwcfsudx", '=', NULL },
    { SK_EVENT_COMPENSATION_STARTED, 0, "cfsux", 'u', "POST /\n" },
    { SK_EVENT_COMPENSATION_STARTED, 0, "", 'u', NULL },
    { SK_EVENT_COMPENSATION_STARTED, SK_FOR_CHILD, "cfsux", 'u', NULL },
    { SK_EVENT_COMPENSATION_COMPLETED, 0, "fux", 'd', NULL },
    { SK_EVENT_COMPENSATION_FAILED, 0, "cfsux", 'x', NULL },
    { SK_EVENT_COMPENSATION_FAILED, 1, "cfsux", 'x', NULL },
    { SK_EVENT_COMPENSATION_UNKNOWN, 0, "u", '=', NULL },
    { SK_EVENT_COMPENSATION_RETRYING, 0, "cfsux", 'u', "POST /\n" },
    { SK_EVENT_COMPENSATION_RETRYING, 0, "", 'u', NULL },
    { SK_EVENT_COMPENSATION_SKIPPED, SK_UNDO_SKIP_NOT_DECLARED, "prwcfsudx", '=', NULL },
    { SK_EVENT_COMPENSATION_SKIPPED, SK_UNDO_SKIP_ONLY_COMPLETED, "prwcfsudx", '!', NULL },
    { SK_EVENT_COMPENSATION_SKIPPED, SK_UNDO_SKIP_OPERATOR, "prwcfsudx", '!', NULL },
    { SK_EVENT_COMPENSATION_SKIPPED, SK_UNDO_SKIP_UNSETTLED, "cfsux", 'x', NULL },
    { SK_EVENT_COMPENSATION_SKIPPED, SK_UNDO_SKIP_UNSETTLED + 1, "", '=', NULL },
    { SK_EVENT_COMPENSATION_WAITING, SK_FOR_BACKOFF, "u", '=', NULL },
    { SK_EVENT_COMPENSATION_WAITING, SK_FOR_SWEEP, "u", '=', NULL },
    { SK_EVENT_COMPENSATION_WAITING, SK_FOR_COUNT, "", '=', NULL },
};

static enum sk_step_state state_of(char letter)
{
    return (enum sk_step_state)(strchr(letters, letter) - letters);
}

static void judge_unit(const struct skt_play *play, const struct unit_row *row, char from)
{
    struct sk_saga saga;
    skt_refold(play, &saga);
    struct sk_unit *unit = &saga.steps[0].units[0];
    unit->state = saga.steps[0].state = state_of(from);
    unit->action.line = unit->verify.line = unit->undo.line = (struct sk_str){ NULL, 0 };
    struct sk_event event = { .seq = saga.seq + 1,
                              .at_ms = SKT_NOW_MS + 5,
                              .type = row->type,
                              .step = 0,
                              .item = -1,
                              .attempt = 1,
                              .kind = row->kind };
    if (row->line != NULL) event.extra = sk_str_of(row->line);
    bool is_allowed = strchr(row->allowed, from) != NULL;
    enum skald_status status = sk_saga_evolve(&saga, &event);
    if ((status == SKALD_OK) != is_allowed || (!is_allowed && status != SKALD_E_CORRUPT))
        fail_msg("%s (kind %u) from %s: %s", sk_event_type_name(row->type), row->kind,
                 sk_step_state_name(state_of(from)), skald_status_name(status));
    if (is_allowed) {
        char to = row->to;
        if (to == '!') to = from == 'u' ? 'x' : '=';
        assert_int_equal(unit->state, state_of(to == '=' ? from : to));
        assert_int_equal(saga.seq, event.seq);
        assert_int_equal(saga.at_ms, event.at_ms);
    }
    sk_saga_release(&saga);
}

static void test_every_state_meets_every_event(void **state)
{
    (void)state;
    struct skt_play *play = skt_play_new(skt_plan_of("", SKT_STEP("a", SKT_UNDO)), NULL);
    assert_int_equal(strlen(letters), SK_STEP_STATES_COUNT);
    for (size_t r = 0; r < sizeof unit_rows / sizeof unit_rows[0]; r++)
        for (const char *from = letters; *from != '\0'; from++)
            judge_unit(play, &unit_rows[r], *from);
    skt_play_free(play);
}

/* Every event of a step is in the table above. */
static void test_the_table_is_whole(void **state)
{
    (void)state;
    for (uint32_t n = SK_EVENT_STEP_STARTED; n <= SK_EVENT_COMPENSATION_WAITING; n++) {
        if (!sk_event_type_known(n)) continue;
        bool found = false;
        for (size_t r = 0; r < sizeof unit_rows / sizeof unit_rows[0]; r++)
            found = found || (uint32_t)unit_rows[r].type == n;
        if (!found) fail_msg("%s is not judged", sk_event_type_name((enum sk_event_type)n));
    }
}

/* ---- the saga -------------------------------------------------------------------------------- */

struct saga_row {
    enum sk_event_type type;
    uint32_t kind;
    /* P pending, R running, C completed, U compensating, D compensated, F failed, X cancelled,
     * T timed out: from these */
    const char *allowed;
    char to;
};
static const char saga_letters[] = "?PRCUDFXT";

static const struct saga_row saga_rows[] = {
    { SK_EVENT_SAGA_ACCEPTED, 0, "", '=' }, /* only as the first */
    { SK_EVENT_SAGA_STARTED, 0, "P", 'R' },
    { SK_EVENT_SAGA_COMPLETED, 0, "RUF", 'C' },
    { SK_EVENT_SAGA_COMPLETED, SK_REASON_FORCED, "RUF", 'C' },
    { SK_EVENT_SAGA_COMPLETED, SK_REASONS_COUNT, "", 'C' },
    { SK_EVENT_SAGA_COMPENSATING, SK_REASON_STEP, "RCDFXT", 'U' },
    { SK_EVENT_SAGA_COMPENSATING, SK_REASONS_COUNT, "", 'U' },
    { SK_EVENT_SAGA_COMPENSATED, 0, "U", 'D' },
    { SK_EVENT_SAGA_FAILED, 0, "U", 'F' },
    { SK_EVENT_SAGA_CANCELLED, SK_REASON_CANCEL, "PU", 'X' },
    { SK_EVENT_SAGA_TIMED_OUT, SK_REASON_LOCK_TIMEOUT, "PU", 'T' },
    { SK_EVENT_SAGA_SUSPENDED, 0, "PRU", '=' },
    { SK_EVENT_SAGA_RESUMED, 0, "PRCUDFXT", '=' },
    { SK_EVENT_SAGA_ALERTED, 0, "PRCUDFXT", '=' },
    { SK_EVENT_SAGA_SNAPSHOT, 0, "PRCUDFXT", '=' },
    { SK_EVENT_SIGNAL_RECEIVED, 0, "PRCUDFXT", '=' },
    { SK_EVENT_OPERATOR_CANCEL, 1, "PRCUDFXT", '=' },
    { SK_EVENT_OPERATOR_RETRY, 0, "PRCUDFXT", '=' },
    { SK_EVENT_OPERATOR_SUSPEND, 0, "PRCUDFXT", '=' },
    { SK_EVENT_HOOK_STARTED, 1, "", '=' },   /* that nothing called for */
    { SK_EVENT_LOCK_REQUESTED, 0, "", '=' }, /* of a key that is not the saga's */
    { SK_EVENT_LOCK_GRANTED, 0, "", '=' },
    { SK_EVENT_LOCK_RELEASED, 0, "", '=' },
};

static void judge_saga(const struct skt_play *play, const struct saga_row *row, char from)
{
    struct sk_saga saga;
    skt_refold(play, &saga);
    saga.state = (enum sk_saga_state)(strchr(saga_letters, from) - saga_letters);
    struct sk_event event = { .seq = saga.seq + 1,
                              .type = row->type,
                              .step = SK_STEP_NONE,
                              .item = -1,
                              .kind = row->kind,
                              .text = SK_STR("name"),
                              .extra = SK_STR("id") };
    bool is_allowed = strchr(row->allowed, from) != NULL;
    enum skald_status status = sk_saga_evolve(&saga, &event);
    if (status != (is_allowed ? SKALD_OK : SKALD_E_CORRUPT))
        fail_msg("%s (kind %u) from %c: %s", sk_event_type_name(row->type), row->kind, from,
                 skald_status_name(status));
    char to = is_allowed && row->to != '=' ? row->to : from;
    if (is_allowed) assert_int_equal(saga_letters[saga.state], to);
    sk_saga_release(&saga);
}

static void test_every_saga_state_meets_every_event(void **state)
{
    (void)state;
    struct skt_play *play = skt_play_new(skt_plan_of("", SKT_STEP("a", SKT_UNDO)), NULL);
    for (size_t r = 0; r < sizeof saga_rows / sizeof saga_rows[0]; r++)
        for (const char *from = saga_letters + 1; *from != '\0'; from++)
            judge_saga(play, &saga_rows[r], *from);
    skt_play_free(play);
}

/* ---- columns --------------------------------------------------------------------------------- */

static const char two_steps[] =
    SKT_STEP("a", SKT_UNDO) "  - { id: e, name: E, type: service, foreach: { items: \"{{ "
                            ".input.list }}\", var: it, "
                            "parallel: 2, action: { service: { name: shop, path: /e } }, "
                            "compensation: { type: automatic } "
                            "} }\n";

static void refuse(const struct skt_play *play, struct sk_event event)
{
    struct sk_saga saga;
    skt_refold(play, &saga);
    if (event.seq == 0) event.seq = saga.seq + 1;
    assert_int_equal(sk_saga_evolve(&saga, &event), SKALD_E_CORRUPT);
    sk_saga_release(&saga);
}

static void test_columns_that_cannot_be(void **state)
{
    (void)state;
    struct sk_start start = { .id = SK_STR("s"), .input = SK_STR("{\"list\":[1,2]}") };
    struct skt_play *play = skt_play_new(skt_plan_of("", two_steps), &start);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    skt_answer(play, 0, SK_OUTCOME_SUCCEEDED);
    uint64_t seq = play->saga.seq;
    refuse(play, (struct sk_event){ .seq = seq, .type = SK_EVENT_SAGA_RESUMED });
    refuse(play, (struct sk_event){ .seq = seq + 2, .type = SK_EVENT_SAGA_RESUMED });
    for (uint32_t n = SK_EVENT_STEP_STARTED; n <= SK_EVENT_COMPENSATION_WAITING; n++) {
        enum sk_event_type type = (enum sk_event_type)n;
        if (!sk_event_type_known(n)) continue;
        refuse(play, (struct sk_event){ .type = type, .step = SK_STEP_NONE, .item = -1 });
        refuse(play, (struct sk_event){ .type = type, .step = 2, .item = -1 });
        refuse(play, (struct sk_event){ .type = type, .step = 0, .item = 0 }); /* no foreach */
        refuse(play, (struct sk_event){ .type = type, .step = 0, .item = 7 });
        refuse(play, (struct sk_event){ .type = type, .step = 1, .item = 2 }); /* no such item */
        bool is_whole =
            n == SK_EVENT_STEP_COMPLETED || n == SK_EVENT_STEP_FAILED || n == SK_EVENT_STEP_SKIPPED;
        if (!is_whole) refuse(play, (struct sk_event){ .type = type, .step = 1, .item = -1 });
    }
    /* a list of items that is too long, and one whose count is not its own */
    refuse(play, (struct sk_event){ .type = SK_EVENT_STEP_COMPLETED,
                                    .step = 0,
                                    .item = -1,
                                    .text = SK_STR("no such signal") });
    skt_play_free(play);
}

static void test_items_that_cannot_be(void **state)
{
    (void)state;
    struct skt_play *play = skt_play_new(skt_plan_of("", two_steps), NULL);
    struct sk_event event = {
        .type = SK_EVENT_STEP_STARTED, .step = 1, .item = -1, .number = 2, .body = SK_STR("[1,2]")
    };
    struct sk_saga saga;
    skt_refold(play, &saga);
    event.seq = saga.seq + 1;
    assert_int_equal(sk_saga_evolve(&saga, &event), SKALD_OK);
    assert_int_equal(saga.steps[1].units_count, 2);
    event.seq++;
    assert_int_equal(sk_saga_evolve(&saga, &event), SKALD_E_CORRUPT); /* once only */
    sk_saga_release(&saga);
    event.seq = 0;
    event.number = 3; /* more than there are */
    refuse(play, event);
    event.number = SK_ITEMS_MAX + 1;
    refuse(play, event);
    skt_play_free(play);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void look(void *context, const struct sk_effect *effect)
{
    struct sk_buf key;
    sk_buf_init(&key, 0);
    struct sk_request request = sk_saga_request(context, effect, &key);
    assert_true(request.target.size < 10000);
    sk_buf_release(&key);
}

/* The n-th event with one bit flipped, on top of the ones before it. */
static bool folds_damaged(const struct skt_play *play, uint32_t n, size_t bit)
{
    struct sk_buf bytes;
    struct sk_saga saga;
    sk_buf_init(&bytes, 0);
    struct sk_event event = play->events[n];
    sk_event_encode(&event, &bytes);
    if (bit >= bytes.size * 8) {
        sk_buf_release(&bytes);
        return false;
    }
    bytes.data[bit / 8] ^= (char)(1 << bit % 8);
    assert_true(sk_saga_init(&saga, play->plan));
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(sk_saga_evolve(&saga, &play->events[i]), SKALD_OK);
    enum skald_status status = SKALD_E_CORRUPT;
    if (sk_event_decode(sk_buf_view(&bytes), &event)) status = sk_saga_evolve(&saga, &event);
    sk_buf_release(&bytes); /* the saga keeps nothing of it */
    if (status == SKALD_OK) {
        sk_saga_react(&saga, 0, UINT64_MAX, look, &saga);
        (void)sk_saga_wake_at(&saga);
        (void)sk_saga_open(&saga);
    } else {
        assert_int_equal(status, SKALD_E_CORRUPT);
    }
    sk_saga_release(&saga);
    return true;
}

static void test_damaged_events(void **state)
{
    (void)state;
    struct sk_start start = { .id = SK_STR("s"), .input = SK_STR("{\"list\":[1,2]}") };
    struct skt_play *play = skt_play_new(skt_plan_of("", two_steps), &start);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    skt_answer(play, 0, SK_OUTCOME_UNKNOWN);
    skt_advance(play, 5000);
    skt_answer(play, 0, SK_OUTCOME_SUCCEEDED);
    skt_reply(play, 1, 0, SK_OPERATION_ACTION, SK_OUTCOME_PENDING, "", "");
    skt_reply(play, 1, 1, SK_OPERATION_ACTION, SK_OUTCOME_FAILED, "no", "");
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_CANCEL)), SKALD_OK);
    skt_reply(play, 1, 0, SK_OPERATION_COMPENSATION, SK_OUTCOME_RETRYABLE, "busy", "");
    skt_advance(play, 3600000);
    for (uint32_t n = 0; n < play->events_count; n++)
        for (size_t bit = 0; folds_damaged(play, n, bit);) bit++;
    skt_play_free(play);
}

static void test_the_first_event(void **state)
{
    (void)state;
    struct sk_plan *plan = skt_plan_of("", SKT_STEP("a", SKT_UNDO));
    struct sk_saga saga;
    assert_true(sk_saga_init(&saga, plan));
    struct sk_event event = { .seq = 1, .type = SK_EVENT_SAGA_STARTED, .step = SK_STEP_NONE };
    assert_int_equal(sk_saga_evolve(&saga, &event), SKALD_E_CORRUPT);
    event.type = SK_EVENT_SAGA_ACCEPTED;
    assert_int_equal(sk_saga_evolve(&saga, &event), SKALD_E_CORRUPT); /* no start record */
    sk_saga_release(&saga);
    sk_plan_free(plan);
}

static void test_command_ids_are_bounded(void **state)
{
    (void)state;
    struct skt_play *play = skt_play_new(skt_plan_of("", SKT_STEP("a", SKT_UNDO)), NULL);
    char id[16];
    for (int i = 0; i < SK_COMMAND_IDS_MAX + 6; i++) {
        struct sk_command command =
            skt_command(i % 2 == 0 ? SK_COMMAND_SUSPEND : SK_COMMAND_RESUME);
        snprintf(id, sizeof id, "c%d", i);
        command.id = sk_str_of(id);
        assert_int_equal(skt_do(play, command), SKALD_OK);
        uint64_t seq = play->saga.seq;
        assert_int_equal(skt_do(play, command), SKALD_OK); /* once only */
        assert_int_equal(play->saga.seq, seq);
    }
    assert_int_equal(play->saga.command_ids_count, SK_COMMAND_IDS_MAX);
    assert_true(sk_str_is(play->saga.command_ids[0], "c6")); /* the oldest went */
    struct sk_saga again;
    skt_refold(play, &again);
    sk_saga_release(&again);
    skt_play_free(play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_state_meets_every_event),
        cmocka_unit_test(test_the_table_is_whole),
        cmocka_unit_test(test_every_saga_state_meets_every_event),
        cmocka_unit_test(test_columns_that_cannot_be),
        cmocka_unit_test(test_items_that_cannot_be),
        cmocka_unit_test(test_damaged_events),
        cmocka_unit_test(test_the_first_event),
        cmocka_unit_test(test_command_ids_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

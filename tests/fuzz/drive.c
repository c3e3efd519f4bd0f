/* drive.c: see drive.h. */
#include "drive.h"

#include "core/explain.h"
#include "core/preview.h"

enum { EFFECTS_MAX = 64, TASKS_MAX = 16, ANSWERS_MAX = 256 };

struct effects {
    struct sk_effect items[EFFECTS_MAX];
    uint32_t count;
};

static void keep_effect(void *context, const struct sk_effect *effect)
{
    struct effects *effects = context;
    if (effects->count < EFFECTS_MAX) effects->items[effects->count++] = *effect;
}

struct tasks {
    struct sk_task_view items[TASKS_MAX];
    uint32_t count;
};

static void keep_task(void *context, const struct sk_task_view *task)
{
    struct tasks *tasks = context;
    if (tasks->count < TASKS_MAX) tasks->items[tasks->count++] = *task;
}

/* ---- looking --------------------------------------------------------------------------------- */

static void check_requests(const struct sk_saga *saga)
{
    struct effects effects = { .count = 0 };
    sk_saga_react(saga, 0, UINT64_MAX, keep_effect, &effects);
    for (uint32_t i = 0; i < effects.count; i++) {
        struct sk_buf key, upstream;
        sk_buf_init(&key, 0);
        sk_buf_init(&upstream, 0);
        struct sk_request request = sk_saga_request(saga, &effects.items[i], &key);
        FUZZ_CHECK(sk_str_find(request.target, '\n') == request.target.size, "two lines");
        sk_saga_upstream(saga, &effects.items[i], &upstream);
        sk_buf_release(&key);
        sk_buf_release(&upstream);
    }
}

void fuzz_look_at(const struct sk_saga *saga, int64_t now_ms)
{
    struct sk_rules rules = { .takeups_max = 3, .takeup_pause_ms = 30000 };
    struct sk_explanation explanation;
    struct sk_preview preview;
    struct sk_buf json;
    struct tasks tasks = { .count = 0 };
    check_requests(saga);
    sk_saga_tasks(saga, keep_task, &tasks);
    (void)sk_saga_wake_at(saga);
    (void)sk_saga_open(saga);
    (void)sk_saga_is_working(saga);
    FUZZ_CHECK(sk_saga_state_name(sk_saga_shown_state(saga)) != NULL, "a state without a name");
    FUZZ_CHECK(sk_saga_explain(saga, now_ms, &rules, &explanation), "memory");
    /* Codes from a damaged store may be any bytes; whoever shows them makes text of them. */
    FUZZ_CHECK(saga->is_restored || sk_utf8_valid(explanation.sentence), "it is no text");
    sk_explanation_release(&explanation);
    sk_buf_init(&json, 0);
    FUZZ_CHECK(sk_saga_preview(saga, SK_COMMAND_CANCEL, true, now_ms, &rules, &preview), "memory");
    sk_preview_json(&preview, saga->plan, &json);
    fuzz_check_json(sk_buf_view(&json), "the preview");
    sk_preview_release(&preview);
    sk_buf_release(&json);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void copy_state(const struct sk_saga *from, struct sk_saga *to)
{
    struct sk_buf state;
    sk_buf_init(&state, 0);
    sk_saga_encode(from, &state);
    FUZZ_CHECK(!state.failed && sk_saga_init(to, from->plan), "memory");
    enum skald_status status = sk_saga_decode(to, sk_buf_view(&state));
    FUZZ_CHECK(status == SKALD_OK, "its own state: %s", skald_status_name(status));
    sk_buf_release(&state);
}

void fuzz_drive_init(struct fuzz_drive *drive, struct sk_saga *saga, uint64_t chance)
{
    *drive = (struct fuzz_drive){ .saga = saga,
                                  .chance = { chance },
                                  .now_ms = FUZZ_NOW_MS,
                                  .rules = { .takeups_max = 3,
                                             .takeup_pause_ms = 30000,
                                             .verify_timeout_ms = 10000,
                                             .attempt_timeout_ms = 10000,
                                             .history_max = 5000 } };
    if (saga->at_ms > drive->now_ms) drive->now_ms = saga->at_ms;
    sk_decision_init(&drive->decision);
    if (saga->seq == 0)
        FUZZ_CHECK(sk_saga_init(&drive->mirror, saga->plan), "memory");
    else
        copy_state(saga, &drive->mirror);
}

void fuzz_drive_release(struct fuzz_drive *drive)
{
    sk_decision_release(&drive->decision);
    sk_saga_release(&drive->mirror);
}

static void check_same(const struct sk_saga *a, const struct sk_saga *b)
{
    struct sk_buf one, two;
    sk_buf_init(&one, 0);
    sk_buf_init(&two, 0);
    sk_saga_encode(a, &one);
    sk_saga_encode(b, &two);
    FUZZ_CHECK(sk_str_equal(sk_buf_view(&one), sk_buf_view(&two)), "replay differs");
    sk_buf_release(&one);
    sk_buf_release(&two);
}

static void replay(struct fuzz_drive *drive)
{
    for (uint32_t i = 0; i < drive->decision.events_count; i++) {
        const struct sk_decided *decided = &drive->decision.events[i];
        struct sk_event event = decided->event;
        struct sk_str data = sk_str_sub(sk_buf_view(&drive->decision.data), decided->data_offset,
                                        decided->data_size);
        struct sk_buf json;
        sk_buf_init(&json, 0);
        FUZZ_CHECK(sk_event_decode(data, &event), "event %llu", (unsigned long long)event.seq);
        if (drive->on_event != NULL) drive->on_event(drive->context, &event, data);
        if (event.type != SK_EVENT_SAGA_SNAPSHOT) {
            sk_event_json(&event, &json);
            fuzz_check_json(sk_buf_view(&json), sk_event_type_name(event.type));
        }
        enum skald_status status = sk_saga_evolve(&drive->mirror, &event);
        FUZZ_CHECK(status == SKALD_OK, "%s: %s", sk_event_type_name(event.type),
                   skald_status_name(status));
        sk_buf_release(&json);
    }
    if (drive->decision.events_count > 0) check_same(drive->saga, &drive->mirror);
}

enum skald_status fuzz_drive_do(struct fuzz_drive *drive, const struct sk_command *command)
{
    skald_error error = { 0 };
    sk_decision_clear(&drive->decision);
    enum skald_status status = sk_saga_decide(drive->saga, command, drive->now_ms, &drive->rules,
                                              &drive->decision, &error);
    drive->is_corrupt = status == SKALD_E_CORRUPT && drive->saga->is_restored;
    if (drive->is_corrupt) return status;
    FUZZ_CHECK(status != SKALD_E_MEMORY && status != SKALD_E_CORRUPT, "%s: %s",
               sk_command_name(command->kind), skald_status_name(status));
    if (status != SKALD_OK) fuzz_check_error(status, &error, sk_command_name(command->kind));
    replay(drive);
    return status;
}

enum skald_status fuzz_drive_start(struct fuzz_drive *drive, struct sk_str input)
{
    struct sk_start start = { .id = SK_STR("s"),
                              .input = input,
                              .context = SK_STR("{\"user\":\"ada\"}"),
                              .definition = drive->saga->plan->digest };
    struct sk_command command = {
        .kind = SK_COMMAND_START, .step = SK_STEP_NONE, .item = -1, .start = &start
    };
    return fuzz_drive_do(drive, &command);
}

/* ---- chance ---------------------------------------------------------------------------------- */

static const struct sk_outcome *draw_outcome(struct fuzz_chance *chance, struct sk_outcome *out)
{
    static const char *const outputs[] = {
        "",      "{\"ok\":true,\"id\":\"7\"}", "null",
        "[1,2]", "{\"happened\":true}",        "{\"happened\":false}"
    };
    static const char *const codes[] = { "timeout", "card_declined", "http_500", "503" };
    /* Mostly a success, or nothing ever gets far. */
    uint32_t kind = fuzz_draw(chance, 8);
    *out = (struct sk_outcome){ .class_ = kind < 4 ? SK_OUTCOME_SUCCEEDED
                                                   : (enum sk_outcome_class)(kind - 3) };
    out->is_answered = out->class_ != SK_OUTCOME_UNKNOWN;
    if (out->class_ == SK_OUTCOME_SUCCEEDED) {
        out->output = sk_str_of(outputs[fuzz_draw(chance, 6)]);
    } else if (out->class_ != SK_OUTCOME_PENDING) {
        out->code = sk_str_of(codes[fuzz_draw(chance, 4)]);
        out->message = SK_STR("it did not work");
        out->has_error_code = fuzz_draw(chance, 2) == 0;
    }
    return out;
}

static void answer(struct fuzz_drive *drive, const struct sk_effect *effect)
{
    struct sk_outcome outcome;
    struct sk_command command = { .kind = SK_COMMAND_OUTCOME,
                                  .step = effect->step,
                                  .item = effect->item,
                                  .operation = effect->operation,
                                  .attempt = effect->attempt,
                                  .round = effect->round,
                                  .start_seq = effect->start_seq,
                                  .entropy = drive->chance.state,
                                  .outcome = draw_outcome(&drive->chance, &outcome) };
    (void)fuzz_drive_do(drive, &command);
}

static void take_task(struct fuzz_drive *drive, const struct sk_task_view *task)
{
    struct sk_outcome outcome;
    struct sk_command command = { .kind = task->is_leased ? SK_COMMAND_COMPLETE : SK_COMMAND_TAKE,
                                  .step = task->step,
                                  .item = task->item,
                                  .operation = task->operation,
                                  .attempt = task->attempt,
                                  .round = task->round,
                                  .lease_ms = 5000,
                                  .who = SK_STR("worker") };
    if (task->is_leased) command.outcome = draw_outcome(&drive->chance, &outcome);
    (void)fuzz_drive_do(drive, &command);
}

/* Locks are granted, children end. */
static void deliver(struct fuzz_drive *drive, const struct sk_message *sent)
{
    struct sk_message message = { .id = SK_STR("m"), .from = sent->to, .to = sent->from };
    struct sk_command command = {
        .kind = SK_COMMAND_MESSAGE, .step = SK_STEP_NONE, .item = -1, .message = &message
    };
    if (sent->kind != SK_MESSAGE_LOCK_REQUEST) return;
    char key[256];
    struct sk_str name = sk_str_sub(sent->to, sizeof "@lock/" - 1, sent->to.size);
    if (name.size > sizeof key) return;
    memcpy(key, name.data, name.size); /* the decision that holds it is cleared */
    message.kind = SK_MESSAGE_LOCK_GRANTED;
    message.body = (struct sk_str){ key, name.size };
    message.from = SK_STR("@lock/x");
    message.to = SK_STR("s");
    (void)fuzz_drive_do(drive, &command);
}

static void command_by_chance(struct fuzz_drive *drive)
{
    static const enum sk_command_kind kinds[] = {
        SK_COMMAND_ADMIT,        SK_COMMAND_RECOVER,        SK_COMMAND_SWEEP, SK_COMMAND_CANCEL,
        SK_COMMAND_FORCE_CANCEL, SK_COMMAND_FORCE_COMPLETE, SK_COMMAND_RETRY, SK_COMMAND_SKIP_STEP,
        SK_COMMAND_SUSPEND,      SK_COMMAND_RESUME,         SK_COMMAND_SIGNAL
    };
    static const char *const names[] = { "approved", "go", "" };
    struct fuzz_chance *chance = &drive->chance;
    uint32_t steps_count = drive->saga->plan->steps_count;
    struct sk_command command = { .kind = kinds[fuzz_draw(chance, sizeof kinds / sizeof kinds[0])],
                                  .step = SK_STEP_NONE,
                                  .item = -1,
                                  .who = SK_STR("ada"),
                                  .why = SK_STR("chance"),
                                  .name = sk_str_of(names[fuzz_draw(chance, 3)]),
                                  .is_past_pivot_allowed = fuzz_draw(chance, 2) == 0 };
    char id[16];
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof id; i++) id[i] = digits[fuzz_draw(chance, 16)];
    command.id = (struct sk_str){ id, sizeof id };
    bool is_of_step = command.kind == SK_COMMAND_SKIP_STEP ||
                      (command.kind == SK_COMMAND_RETRY && fuzz_draw(chance, 2) == 0);
    if (is_of_step) command.step = fuzz_draw(chance, steps_count);
    if (is_of_step && fuzz_draw(chance, 3) == 0) command.item = (int32_t)fuzz_draw(chance, 3);
    if (command.kind == SK_COMMAND_SIGNAL || fuzz_draw(chance, 4) == 0)
        command.body = SK_STR("{\"edited\":[1]}");
    /* A signal without a name is refused before it comes here. */
    if (command.kind == SK_COMMAND_SIGNAL && command.name.size == 0) command.name = SK_STR("go");
    (void)fuzz_drive_do(drive, &command);
}

static void wake(struct fuzz_drive *drive)
{
    struct sk_command command = { .kind = SK_COMMAND_WAKE, .step = SK_STEP_NONE, .item = -1 };
    int64_t at_ms = sk_saga_wake_at(drive->saga);
    if (at_ms != INT64_MAX && at_ms > drive->now_ms) drive->now_ms = at_ms;
    (void)fuzz_drive_do(drive, &command);
}

void fuzz_drive_run(struct fuzz_drive *drive, uint32_t turns)
{
    for (uint32_t turn = 0; turn < turns && !drive->is_corrupt; turn++) {
        struct effects effects = { .count = 0 };
        struct tasks tasks = { .count = 0 };
        uint32_t what = fuzz_draw(&drive->chance, 12);
        sk_saga_react(drive->saga, 0, UINT64_MAX, keep_effect, &effects);
        sk_saga_tasks(drive->saga, keep_task, &tasks);
        if (what < 7 && effects.count > 0)
            answer(drive, &effects.items[fuzz_draw(&drive->chance, effects.count)]);
        else if (what < 9 && tasks.count > 0)
            take_task(drive, &tasks.items[fuzz_draw(&drive->chance, tasks.count)]);
        else if (what < 10)
            wake(drive);
        else
            command_by_chance(drive);
        if (!drive->is_corrupt && drive->decision.messages_count > 0)
            deliver(drive, &drive->decision.messages[0]);
    }
    if (!drive->is_corrupt) fuzz_look_at(drive->saga, drive->now_ms);
}

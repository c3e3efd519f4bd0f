/*
 * evolve.c: the fold. The only file that writes a saga's state; one case per event type.
 *
 * Events come from our own decide (then a refusal here is a broken invariant, asserted by the
 * caller) or from a store (then it is damage, SKALD_E_CORRUPT). Step states move only along the
 * table below.
 */
#include "core/core_private.h"

#define TO(state) (1u << SK_STEP_##state)
/*  PENDING --> RUNNING <--> WAITING --> COMPLETED --> COMPENSATING --> COMPENSATED
 *     |           |            |           ^               |  ^
 *     +--> SKIPPED+--> FAILED <+-----------+ verify        v  | retry, repaired child
 *              \---------\--- maybe ---> COMPENSATING   COMPENSATION_FAILED             */
static const uint32_t unit_next[SK_STEP_STATES_COUNT] = {
    [SK_STEP_PENDING] = TO(RUNNING) | TO(WAITING) | TO(SKIPPED) | TO(FAILED),
    [SK_STEP_RUNNING] = TO(RUNNING) | TO(WAITING) | TO(COMPLETED) | TO(FAILED) | TO(SKIPPED),
    [SK_STEP_WAITING] = TO(RUNNING) | TO(WAITING) | TO(COMPLETED) | TO(FAILED) | TO(SKIPPED),
    [SK_STEP_COMPLETED] = TO(COMPENSATING) | TO(COMPENSATION_FAILED),
    [SK_STEP_FAILED] = TO(COMPLETED) | TO(COMPENSATING) | TO(COMPENSATED) |
                       TO(COMPENSATION_FAILED) | TO(SKIPPED) | TO(RUNNING) | TO(WAITING),
    [SK_STEP_SKIPPED] = TO(COMPLETED) | TO(COMPENSATING) | TO(COMPENSATION_FAILED),
    [SK_STEP_COMPENSATING] = TO(COMPENSATING) | TO(COMPENSATED) | TO(COMPENSATION_FAILED),
    [SK_STEP_COMPENSATED] = 0u,
    [SK_STEP_COMPENSATION_FAILED] = TO(COMPENSATING) | TO(COMPENSATED) | TO(COMPENSATION_FAILED),
};

struct fold {
    struct sk_saga *saga;
    const struct sk_event *event;
    struct sk_step_run *run; /* of event->step, or NULL */
    struct sk_unit *unit;    /* of (step, item), or NULL */
    const struct sk_step *step;
    bool bad;
};

static struct sk_str keep(struct fold *f, struct sk_str s)
{
    return s.size == 0 ? (struct sk_str){ NULL, 0 } : sk_arena_copy(&f->saga->arena, s);
}

/* The only place that changes a unit's state; the step's state follows. */
static void move(struct fold *f, enum sk_step_state to)
{
    if (f->unit == NULL || (unit_next[f->unit->state] >> to & 1u) == 0u) {
        f->bad = true;
        return;
    }
    f->unit->state = to;
    if (!sk_step_is_foreach(f->step)) f->run->state = to;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void keep_error(struct fold *f)
{
    f->unit->error_code = keep(f, f->event->text);
    f->unit->error_message = keep(f, f->event->note);
}

static void keep_request(struct fold *f, struct sk_call *call)
{
    if (f->event->extra.size > 0) call->line = keep(f, f->event->extra);
    if (f->event->extra.size > 0) call->body = keep(f, f->event->body);
}

/* An attempt is due from this event on. */
static void fly(struct fold *f, struct sk_call *call)
{
    const struct sk_event *e = f->event;
    if (e->round != call->round) {
        call->had_unknown = false;
        call->last_was_no = false;
    }
    call->state = SK_CALL_FLYING;
    call->what = SK_FOR_NOTHING;
    call->attempt = e->attempt;
    call->round = e->round;
    call->start_seq = e->seq;
    call->deadline_ms = e->when_ms;
    call->due_at_ms = 0;
    keep_request(f, call);
}

static void land(struct sk_call *call)
{
    call->state = SK_CALL_IDLE;
    call->what = SK_FOR_NOTHING;
    call->due_at_ms = 0;
}

static void pause_call(struct sk_call *call, enum sk_call_state state, uint32_t what,
                       int64_t due_at_ms)
{
    call->state = state;
    call->what = (enum sk_wait_for)what;
    call->due_at_ms = due_at_ms;
}

/* ---- saga ------------------------------------------------------------------------------------ */

static void fold_accepted(struct fold *f)
{
    struct sk_saga *saga = f->saga;
    struct sk_str bytes = sk_arena_copy(&saga->arena, f->event->extra);
    if (saga->arena.failed) return;
    if (!sk_start_decode(bytes, &saga->arena, &saga->start)) {
        f->bad = true;
        return;
    }
    saga->start.input = keep(f, f->event->body);
    saga->created_at_ms = f->event->at_ms;
    saga->acquire_deadline_ms = f->event->when_ms;
    saga->locks_count = saga->start.lock_keys_count;
    saga->locks = SK_ARENA_ARRAY(&saga->arena, struct sk_lock_wish, saga->locks_count);
    if (saga->locks == NULL) return;
    for (uint32_t i = 0; i < saga->locks_count; i++) {
        saga->locks[i].key = saga->start.lock_keys[i];
        for (uint32_t k = 0; k < saga->start.inherited_keys_count; k++)
            if (sk_str_equal(saga->start.inherited_keys[k], saga->locks[i].key))
                saga->locks[i].state = SK_LOCK_INHERITED;
    }
}

static void fold_compensating(struct fold *f)
{
    struct sk_saga *saga = f->saga;
    if (saga->state == SK_SAGA_PENDING || saga->state == SK_SAGA_COMPENSATING) f->bad = true;
    saga->state = SK_SAGA_COMPENSATING;
    saga->reason = (enum sk_reason)f->event->kind;
    saga->wish = SK_REASON_NONE;
    saga->ended_at_ms = 0;
    saga->retry_after_locks = false;
}

static void fold_end(struct fold *f, enum sk_saga_state state)
{
    struct sk_saga *saga = f->saga;
    if (sk_saga_state_is_end(saga->state) &&
        !(saga->state == SK_SAGA_FAILED && state == SK_SAGA_COMPLETED))
        f->bad = true;
    saga->state = state;
    saga->ended_at_ms = f->event->at_ms;
    saga->is_suspended = false;
    saga->wish = SK_REASON_NONE;
    if (state == SK_SAGA_COMPLETED) saga->output = keep(f, f->event->body);
    if (state == SK_SAGA_COMPLETED && f->event->kind == SK_REASON_FORCED) saga->is_forced = true;
    if (f->event->kind != SK_REASON_NONE) saga->reason = (enum sk_reason)f->event->kind;
    if (!saga->is_forced || state != SK_SAGA_COMPLETED) return;
    saga->residue_count += (uint32_t)f->event->number;
}

static void fold_alerted(struct fold *f)
{
    if ((f->event->flags & SK_ALERT_WISH_TIMEOUT) != 0u) f->saga->wish = SK_REASON_TIMEOUT;
    if ((f->event->flags & SK_ALERT_TIMEOUT_SEEN) != 0u) f->saga->timeout_alerted = true;
    if (f->unit != NULL) f->unit->has_warned = true;
}

static void fold_lock(struct fold *f, enum sk_lock_state to)
{
    struct sk_saga *saga = f->saga;
    for (uint32_t i = 0; i < saga->locks_count; i++) {
        if (!sk_str_equal(saga->locks[i].key, f->event->text)) continue;
        saga->locks[i].state = to;
        if (to == SK_LOCK_ASKED && f->event->when_ms != 0)
            saga->lock_deadline_ms = f->event->when_ms;
        return;
    }
    f->bad = true;
}

static void fold_signal(struct fold *f)
{
    struct sk_saga *saga = f->saga;
    struct sk_signal *signal = SK_ARENA_NEW(&saga->arena, struct sk_signal);
    if (signal == NULL) return;
    signal->name = keep(f, f->event->text);
    signal->id = keep(f, f->event->extra);
    signal->data = keep(f, f->event->body);
    struct sk_signal **at = &saga->signals;
    while (*at != NULL) at = &(*at)->next;
    *at = signal;
    saga->signals_stored++;
}

static void fold_signal_consumed(struct fold *f)
{
    if (f->event->text.size == 0) return;
    for (struct sk_signal *s = f->saga->signals; s != NULL; s = s->next) {
        if (s->is_consumed || !sk_str_equal(s->id, f->event->text)) continue;
        s->is_consumed = true;
        f->saga->signals_stored--;
        return;
    }
    f->bad = true;
}

static void fold_command(struct fold *f)
{
    struct sk_saga *saga = f->saga;
    if (f->event->extra.size == 0) return;
    if (saga->command_ids == NULL)
        saga->command_ids = SK_ARENA_ARRAY(&saga->arena, struct sk_str, SK_COMMAND_IDS_MAX);
    if (saga->command_ids == NULL) return;
    if (saga->command_ids_count == SK_COMMAND_IDS_MAX) {
        memmove(saga->command_ids, saga->command_ids + 1,
                (SK_COMMAND_IDS_MAX - 1) * sizeof *saga->command_ids);
        saga->command_ids_count--;
    }
    saga->command_ids[saga->command_ids_count++] = keep(f, f->event->extra);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void fold_items(struct fold *f)
{
    struct sk_step_run *run = f->run;
    uint64_t count = f->event->number;
    if (!sk_step_is_foreach(f->step) || run->units != NULL || count > SK_ITEMS_MAX) {
        f->bad = true;
        return;
    }
    run->items = keep(f, f->event->body);
    run->units = SK_ARENA_ARRAY(&f->saga->arena, struct sk_unit, (size_t)count);
    run->units_count = run->units == NULL ? 0 : (uint32_t)count;
    struct sk_json_iter it = sk_json_walk(run->items);
    for (uint32_t i = 0; i < run->units_count; i++) {
        if (!sk_json_next(&it)) f->bad = true;
        run->units[i].item = it.value;
    }
    run->state = SK_STEP_RUNNING;
    run->first_start_seq = f->event->seq;
    run->first_start_at_ms = f->event->at_ms;
    if (f->step->is_detached) run->is_settled = true;
}

static void fold_step_started(struct fold *f)
{
    const struct sk_event *e = f->event;
    if (f->unit == NULL) {
        if (e->item == -1)
            fold_items(f);
        else
            f->bad = true;
        return;
    }
    struct sk_unit *unit = f->unit;
    bool waits = e->kind != SK_FOR_NOTHING;
    move(f, waits ? SK_STEP_WAITING : SK_STEP_RUNNING);
    if (unit->first_start_seq == 0) {
        unit->first_start_seq = e->seq;
        unit->first_start_at_ms = e->at_ms;
    }
    if (f->run->first_start_seq == 0) {
        f->run->first_start_seq = e->seq;
        f->run->first_start_at_ms = e->at_ms;
    }
    if (sk_step_is_foreach(f->step) && f->run->units_next <= (uint32_t)e->item)
        f->run->units_next = (uint32_t)e->item + 1;
    if (f->step->is_detached) f->run->is_settled = true;
    fly(f, &unit->action);
    if (!waits) return;
    pause_call(&unit->action,
               e->kind == SK_FOR_TIMER || e->kind == SK_FOR_POLL ? SK_CALL_PAUSED : SK_CALL_PENDING,
               e->kind, e->when2_ms);
    unit->action.wait_until_ms = e->when_ms;
    unit->action.deadline_ms = 0;
}

static void fold_retrying(struct fold *f)
{
    move(f, SK_STEP_RUNNING);
    if (f->bad) return;
    fly(f, &f->unit->action);
    f->unit->action.redrives = 0;
    if (f->step->kind != SK_KIND_WAIT) f->saga->retries_count++;
}

static void fold_redriven(struct fold *f)
{
    move(f, SK_STEP_RUNNING);
    if (f->bad) return;
    uint32_t redrives = f->unit->action.redrives;
    fly(f, &f->unit->action);
    f->unit->action.redrives = redrives + 1;
    if (f->step->kind == SK_KIND_WAIT) return;
    f->unit->maybe = true;
    f->unit->action.had_unknown = true;
    f->unit->unanswered_until_ms = later(f->unit->unanswered_until_ms, f->event->when2_ms);
}

static void fold_waiting(struct fold *f)
{
    const struct sk_event *e = f->event;
    move(f, SK_STEP_WAITING);
    if (f->bad) return;
    struct sk_call *call = &f->unit->action;
    if ((e->flags & SK_MARK_MAYBE_CLEARED) != 0u) f->unit->maybe = false;
    call->last_was_no = (e->flags & SK_MARK_CLEAR_NO) != 0u;
    enum sk_call_state state = SK_CALL_PAUSED;
    if (e->kind == SK_FOR_ANSWER) state = SK_CALL_PENDING;
    if (e->kind == SK_FOR_HUMAN) state = SK_CALL_PARKED;
    pause_call(call, state, e->kind, e->when_ms);
    if (e->text.size > 0) keep_error(f);
}

static void fold_unknown(struct fold *f)
{
    if (f->unit == NULL || !sk_unit_is_busy(f->unit)) {
        f->bad = true;
        return;
    }
    f->unit->maybe = true;
    f->unit->action.had_unknown = true;
    f->unit->action.last_was_no = false;
    f->unit->unanswered_until_ms = later(f->unit->unanswered_until_ms, f->event->when_ms);
    keep_error(f);
    land(&f->unit->action);
}

static void count_item(struct fold *f, bool was_settled)
{
    if (sk_step_is_foreach(f->step) && !was_settled) f->run->units_done++;
}

static bool is_item_settled(const struct sk_unit *unit)
{
    return unit->state != SK_STEP_PENDING && !sk_unit_is_busy(unit);
}

/* A foreach step's output: the items' outputs in order, or {ok, output | error} with continue_on_error. */
static void compose_output(struct fold *f)
{
    struct sk_buf text;
    sk_buf_init(&text, 0);
    struct sk_json_writer w = sk_json_writer_of(&text);
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < f->run->units_count; i++) {
        const struct sk_unit *unit = &f->run->units[i];
        if (!f->step->may_fail) {
            sk_json_put_raw(&w, unit->output);
            continue;
        }
        bool ok = unit->state == SK_STEP_COMPLETED || unit->state == SK_STEP_SKIPPED;
        sk_json_begin_object(&w);
        sk_json_key(&w, "ok");
        sk_json_put_bool(&w, ok);
        sk_json_key(&w, ok ? "output" : "error");
        if (ok) {
            sk_json_put_raw(&w, unit->output);
        } else {
            sk_json_begin_object(&w);
            sk_json_key(&w, "code");
            sk_json_put_str(&w, unit->error_code);
            sk_json_key(&w, "message");
            sk_json_put_str(&w, unit->error_message);
            sk_json_end_object(&w);
        }
        sk_json_end_object(&w);
    }
    sk_json_end_array(&w);
    if (text.failed) f->saga->arena.failed = true;
    f->run->output = keep(f, sk_buf_view(&text));
    sk_buf_release(&text);
}

static void fold_completed(struct fold *f)
{
    if (f->unit == NULL) { /* a foreach step as a whole */
        if (!sk_step_is_foreach(f->step) || f->event->item != -1) f->bad = true;
        if (f->bad) return;
        compose_output(f);
        f->run->state = SK_STEP_COMPLETED;
        f->run->is_settled = true;
        if (f->step->is_pivot) f->saga->is_past_pivot = true;
        return;
    }
    bool was_settled = is_item_settled(f->unit);
    move(f, SK_STEP_COMPLETED);
    f->unit->maybe = false;
    f->unit->output = keep(f, f->event->body);
    f->unit->error_code = f->unit->error_message = (struct sk_str){ NULL, 0 };
    land(&f->unit->action);
    land(&f->unit->verify);
    count_item(f, was_settled);
    fold_signal_consumed(f);
    if (sk_step_is_foreach(f->step)) return;
    f->run->output = f->unit->output;
    f->run->is_settled = true;
    if (f->step->is_pivot && f->saga->state == SK_SAGA_RUNNING) f->saga->is_past_pivot = true;
}

/* Of a failed step with continue_on_error: {"error": {"code","message"}}. */
static void error_output(struct fold *f)
{
    struct sk_buf text;
    sk_buf_init(&text, 0);
    struct sk_json_writer w = sk_json_writer_of(&text);
    sk_json_begin_object(&w);
    sk_json_key(&w, "error");
    sk_json_begin_object(&w);
    sk_json_key(&w, "code");
    sk_json_put_str(&w, f->event->text);
    sk_json_key(&w, "message");
    sk_json_put_str(&w, f->event->note);
    sk_json_end_object(&w);
    sk_json_end_object(&w);
    if (text.failed) f->saga->arena.failed = true;
    f->run->output = keep(f, sk_buf_view(&text));
    sk_buf_release(&text);
}

static void note_first_error(struct fold *f)
{
    struct sk_saga *saga = f->saga;
    if (saga->state != SK_SAGA_RUNNING || saga->error_step != SK_STEP_NONE) return;
    if (f->step->may_fail || f->step->is_detached) return;
    saga->error_step = f->event->step;
    saga->error_code = keep(f, f->event->text);
    saga->error_message = keep(f, f->event->note);
}

static void fold_failed(struct fold *f)
{
    note_first_error(f);
    if (f->unit == NULL) { /* a foreach step as a whole, or its items could not be read */
        if (!sk_step_is_foreach(f->step) || f->event->item != -1) f->bad = true;
        f->run->state = SK_STEP_FAILED;
        if (f->step->may_fail || f->step->is_detached) f->run->is_settled = true;
        if (f->step->may_fail) error_output(f);
        return;
    }
    bool was_settled = is_item_settled(f->unit);
    move(f, SK_STEP_FAILED);
    if ((f->event->flags & SK_MARK_MAYBE_CLEARED) != 0u) f->unit->maybe = false;
    if ((f->event->flags & SK_MARK_CHILD_FAILED) != 0u) f->unit->child_failed = true;
    f->unit->action.last_was_no = (f->event->flags & SK_MARK_CLEAR_NO) != 0u;
    keep_error(f);
    land(&f->unit->action);
    land(&f->unit->verify);
    count_item(f, was_settled);
    if (sk_step_is_foreach(f->step)) {
        if (!f->step->may_fail) f->run->is_failing = true;
        return;
    }
    if (f->step->may_fail || f->step->is_detached) f->run->is_settled = true;
    if (f->step->may_fail) error_output(f);
}

static void fold_skipped(struct fold *f)
{
    if (f->unit == NULL) {
        f->run->state = SK_STEP_SKIPPED;
        f->run->is_settled = true;
        return;
    }
    bool was_settled = is_item_settled(f->unit);
    move(f, SK_STEP_SKIPPED);
    f->unit->output = keep(f, f->event->body);
    f->unit->unanswered_until_ms = later(f->unit->unanswered_until_ms, f->event->when_ms);
    land(&f->unit->action);
    land(&f->unit->verify);
    count_item(f, was_settled);
    if (sk_step_is_foreach(f->step)) return;
    f->run->output = f->unit->output;
    f->run->is_settled = true;
}

static void fold_late(struct fold *f)
{
    if (f->unit == NULL) {
        f->bad = true;
        return;
    }
    f->saga->late_count++;
    f->unit->late_attempt = f->event->attempt;
    f->unit->late_round = f->event->round;
    switch ((enum sk_late_meaning)f->event->kind) {
    case SK_LATE_RECORDED: break;
    case SK_LATE_MAYBE_AGAIN:
    case SK_LATE_UNDO_DUE:
    case SK_LATE_REOPENS:
        f->unit->maybe = true;
        f->unit->undo_state = SK_UNDO_OPEN;
        f->unit->output = keep(f, f->event->body);
        if (f->unit->first_start_seq == 0) f->unit->first_start_seq = f->event->seq;
        break;
    case SK_LATE_RESIDUE: f->saga->residue_count++; break;
    }
}

static void fold_verify(struct fold *f)
{
    const struct sk_event *e = f->event;
    if (f->unit == NULL) {
        f->bad = true;
        return;
    }
    if (e->type == SK_EVENT_VERIFY_STARTED) {
        fly(f, &f->unit->verify);
        return;
    }
    land(&f->unit->verify);
    if (e->type == SK_EVENT_VERIFY_COMPLETED) {
        f->unit->maybe = false;
        f->unit->unanswered_until_ms = 0;
        f->unit->verify.attempt = 0;
        return;
    }
    if (e->when_ms != 0)
        pause_call(&f->unit->verify, SK_CALL_PAUSED, SK_FOR_BACKOFF, e->when_ms);
    else
        f->unit->verify_gave_up = true;
}

/* ---- undoing --------------------------------------------------------------------------------- */

/* The step's own state once its units' undo is settled. */
static void settle_undo(struct fold *f)
{
    if (!sk_step_is_foreach(f->step)) return;
    bool failed = false;
    for (uint32_t i = 0; i < f->run->units_count; i++) {
        const struct sk_unit *unit = &f->run->units[i];
        if (!sk_unit_undo_is_settled(f->saga, f->event->step, unit)) return;
        failed = failed || unit->state == SK_STEP_COMPENSATION_FAILED;
    }
    f->run->state = failed ? SK_STEP_COMPENSATION_FAILED : SK_STEP_COMPENSATED;
}

static void fold_undo_started(struct fold *f)
{
    move(f, SK_STEP_COMPENSATING);
    if (f->bad) return;
    if (sk_step_is_foreach(f->step)) f->run->state = SK_STEP_COMPENSATING;
    f->unit->undo_state = SK_UNDO_OPEN;
    f->unit->undo.redrives = 0;
    fly(f, &f->unit->undo);
    if (f->event->kind == SK_FOR_CHILD)
        pause_call(&f->unit->undo, SK_CALL_PENDING, SK_FOR_CHILD, 0);
}

static void fold_undo_retrying(struct fold *f)
{
    move(f, SK_STEP_COMPENSATING);
    if (f->bad) return;
    uint32_t redrives = f->event->flags != 0u ? f->unit->undo.redrives + 1u : 0u;
    bool had_unknown = f->unit->undo.had_unknown || f->event->flags != 0u;
    fly(f, &f->unit->undo);
    f->unit->undo.redrives = redrives;
    f->unit->undo.had_unknown = had_unknown;
}

static void fold_undo_waiting(struct fold *f)
{
    const struct sk_event *e = f->event;
    if (f->unit == NULL || f->unit->state != SK_STEP_COMPENSATING) {
        f->bad = true;
        return;
    }
    enum sk_call_state state = SK_CALL_PAUSED;
    if (e->kind == SK_FOR_ANSWER) state = SK_CALL_PENDING;
    if (e->kind == SK_FOR_SWEEP) state = SK_CALL_PARKED;
    if (e->kind == SK_FOR_SWEEP) f->unit->takeups++;
    if ((e->flags & SK_MARK_SECOND_POLICY) != 0u) {
        f->unit->undo_second_policy = true;
        f->unit->undo.attempt = 0;
    }
    pause_call(&f->unit->undo, state, e->kind, e->when_ms);
    if (e->text.size > 0) keep_error(f);
}

static void fold_undo_completed(struct fold *f)
{
    move(f, SK_STEP_COMPENSATED);
    if (f->bad) return;
    land(&f->unit->undo);
    f->unit->undo_state = SK_UNDO_DONE;
    f->unit->maybe = false;
    f->unit->child_failed = false;
    settle_undo(f);
}

static void fold_undo_failed(struct fold *f)
{
    move(f, SK_STEP_COMPENSATION_FAILED);
    if (f->bad) return;
    land(&f->unit->undo);
    keep_error(f);
    f->unit->undo.last_was_no = (f->event->flags & SK_MARK_CLEAR_NO) != 0u;
    f->unit->undo_state = f->event->kind != 0u ? SK_UNDO_RESIDUE : SK_UNDO_FAILED;
    if (f->event->kind != 0u) f->saga->residue_count++;
    settle_undo(f);
}

static void fold_undo_skipped(struct fold *f)
{
    if (f->unit == NULL) {
        f->bad = true;
        return;
    }
    land(&f->unit->undo);
    switch ((enum sk_undo_skip_cause)f->event->kind) {
    case SK_UNDO_SKIP_NOT_DECLARED: f->unit->undo_state = SK_UNDO_SKIPPED; break;
    case SK_UNDO_SKIP_ONLY_COMPLETED:
    case SK_UNDO_SKIP_OPERATOR:
        f->unit->undo_state = SK_UNDO_RESIDUE;
        f->saga->residue_count++;
        break;
    case SK_UNDO_SKIP_UNSETTLED:
        f->unit->undo_state = SK_UNDO_FAILED;
        move(f, SK_STEP_COMPENSATION_FAILED);
        break;
    }
    settle_undo(f);
}

static void fold_undo_unknown(struct fold *f)
{
    if (f->unit == NULL) {
        f->bad = true;
        return;
    }
    land(&f->unit->undo);
    f->unit->undo.had_unknown = true;
    keep_error(f);
}

/* An operator takes up a failed compensation again: see operate.c. */
static void fold_retry(struct fold *f)
{
    fold_command(f);
    if (f->saga->state == SK_SAGA_FAILED && f->unit == NULL) f->saga->retry_after_locks = true;
    if (f->unit == NULL) return;
    if (f->unit->undo_state == SK_UNDO_FAILED) {
        f->unit->undo_state = SK_UNDO_OPEN;
        f->unit->takeups = 0;
        f->unit->undo_second_policy = false;
        f->unit->verify_gave_up = false;
    }
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static void fold_saga_event(struct fold *f)
{
    struct sk_saga *saga = f->saga;
    switch (f->event->type) {
    case SK_EVENT_SAGA_ACCEPTED: fold_accepted(f); break;
    case SK_EVENT_SAGA_STARTED:
        if (saga->state != SK_SAGA_PENDING) f->bad = true;
        saga->state = SK_SAGA_RUNNING;
        saga->started_at_ms = f->event->at_ms;
        saga->deadline_ms = f->event->when_ms;
        break;
    case SK_EVENT_SAGA_COMPLETED: fold_end(f, SK_SAGA_COMPLETED); break;
    case SK_EVENT_SAGA_COMPENSATING: fold_compensating(f); break;
    case SK_EVENT_SAGA_COMPENSATED: fold_end(f, SK_SAGA_COMPENSATED); break;
    case SK_EVENT_SAGA_FAILED: fold_end(f, SK_SAGA_FAILED); break;
    case SK_EVENT_SAGA_CANCELLED: fold_end(f, SK_SAGA_CANCELLED); break;
    case SK_EVENT_SAGA_TIMED_OUT: fold_end(f, SK_SAGA_TIMED_OUT); break;
    case SK_EVENT_SAGA_SUSPENDED:
        saga->is_suspended = true;
        saga->suspend_reason = keep(f, f->event->text);
        break;
    case SK_EVENT_SAGA_RESUMED: saga->is_suspended = false; break;
    case SK_EVENT_SAGA_ALERTED: fold_alerted(f); break;
    case SK_EVENT_SAGA_SNAPSHOT: saga->snapshot_seq = f->event->seq; break;
    case SK_EVENT_LOCK_REQUESTED: fold_lock(f, SK_LOCK_ASKED); break;
    case SK_EVENT_LOCK_GRANTED: fold_lock(f, SK_LOCK_HELD); break;
    case SK_EVENT_LOCK_RELEASED: fold_lock(f, SK_LOCK_RELEASED); break;
    case SK_EVENT_SIGNAL_RECEIVED: fold_signal(f); break;
    case SK_EVENT_OPERATOR_CANCEL:
        fold_command(f);
        if (f->event->kind != 0u) saga->wish = SK_REASON_CANCEL;
        break;
    case SK_EVENT_OPERATOR_RETRY: fold_retry(f); break;
    default: fold_command(f); break; /* the other operators' commands only leave their id */
    }
}

static void fold_step_event(struct fold *f)
{
    switch (f->event->type) {
    case SK_EVENT_STEP_STARTED: fold_step_started(f); break;
    case SK_EVENT_STEP_COMPLETED: fold_completed(f); break;
    case SK_EVENT_STEP_FAILED: fold_failed(f); break;
    case SK_EVENT_STEP_UNKNOWN: fold_unknown(f); break;
    case SK_EVENT_STEP_RETRYING: fold_retrying(f); break;
    case SK_EVENT_STEP_REDRIVEN: fold_redriven(f); break;
    case SK_EVENT_STEP_WAITING: fold_waiting(f); break;
    case SK_EVENT_STEP_SKIPPED: fold_skipped(f); break;
    case SK_EVENT_STEP_LATE: fold_late(f); break;
    case SK_EVENT_VERIFY_STARTED:
    case SK_EVENT_VERIFY_COMPLETED:
    case SK_EVENT_VERIFY_FAILED: fold_verify(f); break;
    case SK_EVENT_COMPENSATION_STARTED: fold_undo_started(f); break;
    case SK_EVENT_COMPENSATION_COMPLETED: fold_undo_completed(f); break;
    case SK_EVENT_COMPENSATION_FAILED: fold_undo_failed(f); break;
    case SK_EVENT_COMPENSATION_UNKNOWN: fold_undo_unknown(f); break;
    case SK_EVENT_COMPENSATION_RETRYING: fold_undo_retrying(f); break;
    case SK_EVENT_COMPENSATION_SKIPPED: fold_undo_skipped(f); break;
    case SK_EVENT_COMPENSATION_WAITING: fold_undo_waiting(f); break;
    default: break; /* hooks: observed, not folded */
    }
}

static bool is_step_event(enum sk_event_type type)
{
    return type >= SK_EVENT_STEP_STARTED && type <= SK_EVENT_COMPENSATION_WAITING;
}

enum skald_status sk_saga_evolve(struct sk_saga *saga, const struct sk_event *event)
{
    if (event->seq != saga->seq + 1) return SKALD_E_CORRUPT;
    if ((event->seq == 1) != (event->type == SK_EVENT_SAGA_ACCEPTED)) return SKALD_E_CORRUPT;
    struct fold f = { .saga = saga, .event = event };
    if (event->step != SK_STEP_NONE) {
        if (event->step >= saga->plan->steps_count) return SKALD_E_CORRUPT;
        f.step = &saga->plan->steps[event->step];
        f.run = &saga->steps[event->step];
        f.unit = sk_saga_unit(saga, event->step, event->item);
    }
    bool is_step = is_step_event(event->type);
    if (is_step && f.step == NULL) return SKALD_E_CORRUPT;
    if (is_step)
        fold_step_event(&f);
    else
        fold_saga_event(&f);
    if (f.bad) return SKALD_E_CORRUPT;
    if (saga->arena.failed) return SKALD_E_MEMORY;
    saga->seq = event->seq;
    saga->at_ms = event->at_ms;
    return SKALD_OK;
}

/* fold_step.c: what the events of steps, items and verifies do to a saga's state. */
#include "core/fold.h"

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void fold_items(struct fold *f)
{
    struct sk_step_run *run = f->run;
    uint64_t count = f->event->number;
    if (!sk_step_is_foreach(f->step) || run->units != NULL || count > SK_ITEMS_MAX) {
        f->bad = true;
        return;
    }
    run->items = sk_fold_keep(f, f->event->body);
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

static void note_first_start(struct fold *f)
{
    if (f->unit->first_start_seq == 0) {
        f->unit->first_start_seq = f->event->seq;
        f->unit->first_start_at_ms = f->event->at_ms;
    }
    if (f->run->first_start_seq == 0) {
        f->run->first_start_seq = f->event->seq;
        f->run->first_start_at_ms = f->event->at_ms;
    }
}

void sk_fold_step_started(struct fold *f)
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
    bool is_leased = e->kind == SK_FOR_LEASE;
    bool waits = e->kind != SK_FOR_NOTHING && !is_leased;
    sk_fold_move(f, waits ? SK_STEP_WAITING : SK_STEP_RUNNING);
    note_first_start(f);
    if (f->step->is_detached) f->run->is_settled = true;
    sk_fold_fly(f, &unit->action);
    if (is_leased) sk_fold_lease(f, &unit->action);
    if (!waits) return;
    sk_fold_pause(&unit->action,
                  e->kind == SK_FOR_TIMER || e->kind == SK_FOR_POLL ? SK_CALL_PAUSED
                                                                    : SK_CALL_PENDING,
                  e->kind, e->when2_ms);
    unit->action.wait_until_ms = e->when_ms;
    unit->action.deadline_ms = 0;
}

void sk_fold_retrying(struct fold *f)
{
    bool is_offered = f->event->kind == SK_FOR_WORKER; /* another round of a task */
    sk_fold_move(f, is_offered ? SK_STEP_WAITING : SK_STEP_RUNNING);
    if (f->bad) return;
    if (is_offered) {
        sk_fold_fly(f, &f->unit->action);
        sk_fold_pause(&f->unit->action, SK_CALL_PAUSED, SK_FOR_WORKER, 0);
        return;
    }
    note_first_start(f); /* one that waited for a human before it could be sent at all */
    sk_fold_fly(f, &f->unit->action);
    f->unit->action.redrives = 0;
    if (f->event->kind == SK_FOR_LEASE) sk_fold_lease(f, &f->unit->action);
    if (f->step->kind != SK_KIND_WAIT) f->saga->retries_count++;
}

void sk_fold_redriven(struct fold *f)
{
    sk_fold_move(f, SK_STEP_RUNNING);
    if (f->bad) return;
    uint32_t redrives = f->unit->action.redrives;
    sk_fold_fly(f, &f->unit->action);
    f->unit->action.redrives = redrives + 1;
    if (f->step->kind == SK_KIND_WAIT) return;
    f->unit->maybe = true;
    f->unit->action.had_unknown = true;
    f->unit->unanswered_until_ms = later(f->unit->unanswered_until_ms, f->event->when2_ms);
}

/* An idempotent participant's no answers every attempt under the key: the round may be raised. */
static void clear_by_no(struct sk_unit *unit)
{
    unit->maybe = false;
    unit->action.had_unknown = false;
}

/* A task is offered, or its lease is moved. */
static void fold_task_waiting(struct fold *f)
{
    struct sk_call *call = &f->unit->action;
    if (f->event->kind == SK_FOR_LEASE) {
        if (!sk_call_is_leased(call)) f->bad = true;
        sk_fold_lease(f, call);
        return;
    }
    if (f->step->is_detached) f->run->is_settled = true;
    call->deadline_ms = 0;
    sk_fold_pause(call, SK_CALL_PAUSED, SK_FOR_WORKER, f->event->when_ms);
}

void sk_fold_waiting(struct fold *f)
{
    const struct sk_event *e = f->event;
    bool is_leased = e->kind == SK_FOR_LEASE;
    sk_fold_move(f, is_leased ? SK_STEP_RUNNING : SK_STEP_WAITING);
    if (f->bad) return;
    if (is_leased || e->kind == SK_FOR_WORKER) {
        fold_task_waiting(f);
        return;
    }
    struct sk_call *call = &f->unit->action;
    if ((e->flags & SK_MARK_MAYBE_CLEARED) != 0u) clear_by_no(f->unit);
    call->last_was_no = (e->flags & SK_MARK_CLEAR_NO) != 0u;
    enum sk_call_state state = SK_CALL_PAUSED;
    if (e->kind == SK_FOR_ANSWER) state = SK_CALL_PENDING;
    if (e->kind == SK_FOR_HUMAN) state = SK_CALL_PARKED;
    if (e->kind == SK_FOR_REDRIVE && f->step->kind != SK_KIND_WAIT) {
        f->unit->maybe = true; /* it was found without outcome */
        call->had_unknown = true;
        f->unit->unanswered_until_ms = later(f->unit->unanswered_until_ms, call->deadline_ms);
    }
    sk_fold_pause(call, state, e->kind, e->when_ms);
    sk_fold_land(&f->unit->verify); /* it was answered otherwise: what its verify says is moot */
    if (e->text.size > 0) sk_fold_error(f);
}

void sk_fold_unknown(struct fold *f)
{
    if (f->unit == NULL || !sk_unit_is_busy(f->unit)) {
        f->bad = true;
        return;
    }
    sk_fold_move(f, SK_STEP_RUNNING); /* what follows is decided now, or by its verify */
    if (f->bad) return;
    f->unit->maybe = true;
    f->unit->action.had_unknown = true;
    f->unit->action.last_was_no = false;
    f->unit->unanswered_until_ms = later(f->unit->unanswered_until_ms, f->event->when_ms);
    sk_fold_error(f);
    sk_fold_land(&f->unit->action);
}

/* A foreach step's output: the items' outputs in order, or {ok, output | error} with
 * continue_on_error. */
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
    f->run->output = sk_fold_keep(f, sk_buf_view(&text));
    sk_buf_release(&text);
}

/* A wait takes a signal from the store of its saga. */
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

void sk_fold_completed(struct fold *f)
{
    if (f->unit == NULL) { /* a foreach step as a whole */
        if (!sk_step_is_foreach(f->step) || f->event->item != -1) f->bad = true;
        if (f->bad) return;
        compose_output(f);
        f->run->state = SK_STEP_COMPLETED;
        f->run->is_settled = true;
        sk_fold_want_hooks(f, SK_HOOK_ON_SUCCESS);
        if (f->step->is_pivot && f->saga->state == SK_SAGA_RUNNING) f->saga->is_past_pivot = true;
        return;
    }
    sk_fold_move(f, SK_STEP_COMPLETED);
    f->unit->maybe = f->unit->maybe_before = false;
    f->unit->output = sk_fold_keep(f, f->event->body);
    f->unit->error_code = f->unit->error_message = (struct sk_str){ NULL, 0 };
    sk_fold_land(&f->unit->action);
    sk_fold_land(&f->unit->verify);
    fold_signal_consumed(f);
    if (sk_step_is_foreach(f->step)) return;
    f->run->output = f->unit->output;
    f->run->is_settled = true;
    sk_fold_want_hooks(f, SK_HOOK_ON_SUCCESS);
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
    f->run->output = sk_fold_keep(f, sk_buf_view(&text));
    sk_buf_release(&text);
}

static void note_first_error(struct fold *f)
{
    struct sk_saga *saga = f->saga;
    if (saga->state != SK_SAGA_RUNNING || saga->error_step != SK_STEP_NONE) return;
    if (f->step->may_fail || f->step->is_detached) return;
    saga->error_step = f->event->step;
    saga->error_code = sk_fold_keep(f, f->event->text);
    saga->error_message = sk_fold_keep(f, f->event->note);
}

void sk_fold_failed(struct fold *f)
{
    note_first_error(f);
    if (f->unit == NULL) { /* a foreach step as a whole, or its items could not be read */
        if (!sk_step_is_foreach(f->step) || f->event->item != -1) f->bad = true;
        f->run->state = SK_STEP_FAILED;
        if (f->step->may_fail || f->step->is_detached) f->run->is_settled = true;
        if (f->step->may_fail) error_output(f);
        sk_fold_want_hooks(f, SK_HOOK_ON_FAILURE);
        return;
    }
    sk_fold_move(f, SK_STEP_FAILED);
    if ((f->event->flags & SK_MARK_MAYBE_CLEARED) != 0u) clear_by_no(f->unit);
    if ((f->event->flags & SK_MARK_CHILD_FAILED) != 0u) f->unit->child_failed = true;
    f->unit->action.last_was_no = (f->event->flags & SK_MARK_CLEAR_NO) != 0u;
    sk_fold_error(f);
    sk_fold_land(&f->unit->action);
    sk_fold_land(&f->unit->verify);
    if (sk_step_is_foreach(f->step)) {
        if (!f->step->may_fail) f->run->is_failing = true;
        return;
    }
    if (f->step->may_fail || f->step->is_detached) f->run->is_settled = true;
    if (f->step->may_fail) error_output(f);
    sk_fold_want_hooks(f, SK_HOOK_ON_FAILURE);
}

void sk_fold_skipped(struct fold *f)
{
    if (f->unit == NULL) { /* a foreach step as a whole */
        if (!sk_step_is_foreach(f->step) || f->event->item != -1) f->bad = true;
        f->run->output = sk_fold_keep(f, f->event->body);
        f->run->state = SK_STEP_SKIPPED;
        f->run->is_settled = true;
        return;
    }
    sk_fold_move(f, SK_STEP_SKIPPED);
    f->unit->output = sk_fold_keep(f, f->event->body);
    f->unit->unanswered_until_ms = later(f->unit->unanswered_until_ms, f->event->when_ms);
    sk_fold_land(&f->unit->action);
    sk_fold_land(&f->unit->verify);
    if (sk_step_is_foreach(f->step)) return;
    f->run->output = f->unit->output;
    f->run->is_settled = true;
}

static void note_late(struct fold *f)
{
    struct sk_buf lates;
    sk_buf_init(&lates, 0);
    sk_buf_append_str(&lates, f->unit->lates);
    sk_put_u64(&lates, f->event->attempt);
    sk_put_u64(&lates, f->event->round);
    if (lates.failed) f->saga->arena.failed = true;
    f->unit->lates = sk_fold_keep(f, sk_buf_view(&lates));
    sk_buf_release(&lates);
}

void sk_fold_late(struct fold *f)
{
    if (f->unit == NULL) {
        f->bad = true;
        return;
    }
    f->saga->late_count++;
    note_late(f);
    bool is_success = f->event->flags == (uint32_t)SK_OUTCOME_SUCCEEDED;
    if (is_success && sk_unit_is_busy(f->unit) && f->event->round < f->unit->action.round)
        f->unit->maybe_before = true;
    switch ((enum sk_late_meaning)f->event->kind) {
    case SK_LATE_RECORDED: break;
    case SK_LATE_MAYBE_AGAIN:
    case SK_LATE_UNDO_DUE:
    case SK_LATE_REOPENS:
        f->unit->maybe = true;
        f->unit->undo_state = SK_UNDO_OPEN;
        f->unit->output = sk_fold_keep(f, f->event->body);
        if (f->unit->first_start_seq == 0) f->unit->first_start_seq = f->event->seq;
        break;
    case SK_LATE_RESIDUE:
        f->saga->residue_count++;
        if (f->unit->undo_state == SK_UNDO_OPEN) f->unit->undo_state = SK_UNDO_RESIDUE;
        break;
    }
}

void sk_fold_verify(struct fold *f)
{
    const struct sk_event *e = f->event;
    if (f->unit == NULL || f->unit->state == SK_STEP_PENDING) {
        f->bad = true;
        return;
    }
    if (e->type == SK_EVENT_VERIFY_STARTED) {
        sk_fold_fly(f, &f->unit->verify);
        return;
    }
    sk_fold_land(&f->unit->verify);
    if (e->type == SK_EVENT_VERIFY_COMPLETED) {
        f->unit->maybe = f->unit->maybe_before = false;
        f->unit->unanswered_until_ms = 0;
        f->unit->verify.attempt = 0;
        bool was_named_as_unsettled = f->unit->state == SK_STEP_COMPENSATION_FAILED;
        if (was_named_as_unsettled && e->kind == SK_NOT_HAPPENED) sk_fold_move(f, SK_STEP_FAILED);
        return;
    }
    if (e->when_ms != 0)
        sk_fold_pause(&f->unit->verify, SK_CALL_PAUSED, SK_FOR_BACKOFF, e->when_ms);
    else
        f->unit->verify_gave_up = true;
}

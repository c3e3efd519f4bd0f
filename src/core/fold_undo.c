/* fold_undo.c: what the events of compensations do to a saga's state. */
#include "core/fold.h"

void sk_fold_conclude_list(struct sk_step_run *run)
{
    bool failed = false, undone = run->state == SK_STEP_COMPENSATING;
    for (uint32_t i = 0; i < run->units_count; i++) {
        failed = failed || run->units[i].state == SK_STEP_COMPENSATION_FAILED;
        undone = undone || run->units[i].state == SK_STEP_COMPENSATED;
    }
    if (failed || undone) run->state = failed ? SK_STEP_COMPENSATION_FAILED : SK_STEP_COMPENSATED;
}

void sk_fold_settle_undo(struct fold *f)
{
    if (!sk_step_is_foreach(f->step) || f->saga->state != SK_SAGA_COMPENSATING) return;
    if (f->unit != NULL && f->run->state == SK_STEP_RUNNING) return; /* its own end comes first */
    for (uint32_t i = 0; i < f->run->units_count; i++) {
        const struct sk_unit *unit = &f->run->units[i];
        bool is_open = !sk_unit_undo_is_settled(f->saga, f->event->step, unit) ||
                       unit->state == SK_STEP_COMPENSATING; /* settled for the order alone */
        /* A late success: it is not undone any more. */
        if (is_open && f->run->state == SK_STEP_COMPENSATED) f->run->state = SK_STEP_COMPENSATING;
        if (is_open) return;
    }
    sk_fold_conclude_list(f->run);
}

void sk_fold_undo_started(struct fold *f)
{
    sk_fold_move(f, SK_STEP_COMPENSATING);
    if (f->bad) return;
    if (sk_step_is_foreach(f->step)) f->run->state = SK_STEP_COMPENSATING;
    f->unit->undo_state = SK_UNDO_OPEN;
    f->unit->undo.redrives = 0;
    sk_fold_fly(f, &f->unit->undo);
    if (f->event->kind == SK_FOR_LEASE) sk_fold_lease(f, &f->unit->undo);
    if (f->event->kind == SK_FOR_CHILD)
        sk_fold_pause(&f->unit->undo, SK_CALL_PENDING, SK_FOR_CHILD, 0);
}

void sk_fold_undo_retrying(struct fold *f)
{
    sk_fold_move(f, SK_STEP_COMPENSATING);
    if (f->bad) return;
    uint32_t redrives = f->event->flags != 0u ? f->unit->undo.redrives + 1u : 0u;
    bool had_unknown = f->unit->undo.had_unknown || f->event->flags != 0u;
    sk_fold_fly(f, &f->unit->undo);
    if (f->event->kind == SK_FOR_LEASE) sk_fold_lease(f, &f->unit->undo);
    f->unit->undo.redrives = redrives;
    f->unit->undo.had_unknown = had_unknown;
}

/* A task is offered, or its lease is moved. */
static void fold_task_waiting(struct fold *f)
{
    struct sk_call *undo = &f->unit->undo;
    if (f->event->kind == SK_FOR_LEASE) {
        if (!sk_call_is_leased(undo)) f->bad = true;
        sk_fold_lease(f, undo);
        return;
    }
    sk_fold_move(f, SK_STEP_COMPENSATING);
    if (f->bad) return;
    if (sk_step_is_foreach(f->step)) f->run->state = SK_STEP_COMPENSATING;
    f->unit->undo_state = SK_UNDO_OPEN;
    undo->deadline_ms = 0;
    sk_fold_pause(undo, SK_CALL_PAUSED, SK_FOR_WORKER, 0);
}

void sk_fold_undo_waiting(struct fold *f)
{
    const struct sk_event *e = f->event;
    if (f->unit != NULL && (e->kind == SK_FOR_WORKER || e->kind == SK_FOR_LEASE)) {
        fold_task_waiting(f);
        return;
    }
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
    if (e->kind == SK_FOR_REDRIVE) f->unit->undo.had_unknown = true;
    sk_fold_pause(&f->unit->undo, state, e->kind, e->when_ms);
    if (e->text.size > 0) sk_fold_error(f);
}

void sk_fold_undo_completed(struct fold *f)
{
    sk_fold_move(f, SK_STEP_COMPENSATED);
    if (f->bad) return;
    sk_fold_land(&f->unit->undo);
    f->unit->undo_state = SK_UNDO_DONE;
    f->unit->maybe = false;
    f->unit->child_failed = false;
}

void sk_fold_undo_failed(struct fold *f)
{
    sk_fold_move(f, SK_STEP_COMPENSATION_FAILED);
    if (f->bad) return;
    sk_fold_land(&f->unit->undo);
    sk_fold_error(f);
    f->unit->undo.last_was_no = (f->event->flags & SK_MARK_CLEAR_NO) != 0u;
    f->unit->undo_state = f->event->kind != 0u ? SK_UNDO_RESIDUE : SK_UNDO_FAILED;
    if (f->event->kind != 0u) f->saga->residue_count++;
    sk_fold_want_hooks(f, SK_HOOK_ON_COMPENSATION_FAILURE);
}

void sk_fold_undo_skipped(struct fold *f)
{
    if (f->unit == NULL) {
        f->bad = true;
        return;
    }
    sk_fold_land(&f->unit->undo);
    switch ((enum sk_undo_skip_cause)f->event->kind) {
    case SK_UNDO_SKIP_NOT_DECLARED: f->unit->undo_state = SK_UNDO_SKIPPED; break;
    case SK_UNDO_SKIP_ONLY_COMPLETED:
    case SK_UNDO_SKIP_OPERATOR:
        f->unit->undo_state = SK_UNDO_RESIDUE;
        f->saga->residue_count++;
        sk_fold_land(&f->unit->verify); /* moot, where it is still on the wire */
        /* It had begun and will not be done. */
        if (f->unit->state == SK_STEP_COMPENSATING) sk_fold_move(f, SK_STEP_COMPENSATION_FAILED);
        break;
    case SK_UNDO_SKIP_UNSETTLED:
        f->unit->undo_state = SK_UNDO_FAILED;
        sk_fold_move(f, SK_STEP_COMPENSATION_FAILED);
        break;
    }
}

void sk_fold_undo_unknown(struct fold *f)
{
    if (f->unit == NULL || f->unit->state != SK_STEP_COMPENSATING) {
        f->bad = true;
        return;
    }
    sk_fold_land(&f->unit->undo);
    f->unit->undo.had_unknown = true;
    sk_fold_error(f);
}

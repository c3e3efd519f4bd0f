/* saga.c: the saga as a whole: its states, its locks and its signals. */
#include "model_private.h"

#include <stdlib.h>
#include <string.h>

/* ---- beginning ------------------------------------------------------------------------------- */

bool on_saga_accepted(struct model *model, const struct fact *fact)
{
    model->acquire_deadline_ms = fact->event->when_ms;
    if (fact->event->when_ms != 0 && fact->event->when_ms < fact->event->at_ms)
        return model_no(model, "its time to wait for a slot is over before it begins");
    return true;
}

static bool has_all_locks(const struct model *model)
{
    for (unsigned i = 0; i < model->locks_count; i++)
        if (!model->locks[i].is_held && !model->locks[i].is_inherited) return false;
    return true;
}

bool on_saga_started(struct model *model, const struct fact *fact)
{
    const struct model_event *event = fact->event;
    if (model->state != PENDING) return model_no(model, "it starts and was not pending");
    if (model->is_suspended) return model_no(model, "it starts while it is suspended");
    if (!has_all_locks(model)) return model_no(model, "it starts without its lock keys");
    int64_t deadline_ms = model->timeout_ms > 0 ? event->at_ms + model->timeout_ms : 0;
    if (event->when_ms != deadline_ms)
        return model_no(model, "its time-out is %lld ms away, by the definition %lld",
                        (long long)(event->when_ms - event->at_ms), (long long)model->timeout_ms);
    model->state = RUNNING;
    model->started_ms = event->at_ms;
    model->deadline_ms = deadline_ms;
    return true;
}

/* ---- completed ------------------------------------------------------------------------------- */

static bool is_everything_settled(const struct model *model)
{
    for (unsigned i = 0; i < model->steps_count; i++)
        if (!is_settled(model, &model->steps[i])) return false;
    return true;
}

static bool complete_forced(struct model *model)
{
    if (!model->asked.force_complete) return model_no(model, "no operator forced it");
    for (unsigned i = 0; i < model->steps_count; i++) {
        const struct step *step = &model->steps[i];
        for (unsigned k = 0; k < step->units_count; k++)
            if (is_active(&step->units[k])) return model_no(model, "a step is left under way");
    }
    for (unsigned i = 0; i < model->steps_count; i++) /* the answer to a question is moot */
        for (unsigned k = 0; k < model->steps[i].units_count; k++)
            end_verify(&model->steps[i].units[k]);
    model->state = COMPLETED;
    model->reason = REASON_FORCED;
    model->is_forced = true;
    model->waits_for_locks = false;
    model->asked.force_complete = false;
    return true;
}

bool on_saga_completed(struct model *model, const struct fact *fact)
{
    if (model->is_suspended) return model_no(model, "it completes while it is suspended");
    if (fact->event->kind == REASON_FORCED) {
        if (!complete_forced(model)) return false;
    } else {
        if (model->state != RUNNING) return model_no(model, "it completes and did not run");
        if (!is_everything_settled(model))
            return model_no(model, "it completes before all its steps are settled");
        model->state = COMPLETED;
    }
    if (!model->is_past_pivot) model->wish = REASON_NONE; /* else it was overtaken, for good */
    return call_for_hooks(model, fact, ON_SUCCESS, model->definition->hooks_success);
}

/* ---- undoing --------------------------------------------------------------------------------- */

/* A step was given up that may not fail. */
static bool has_lost_step(const struct model *model)
{
    for (unsigned i = 0; i < model->steps_count; i++) {
        const struct step_definition *definition = model->steps[i].definition;
        if (model->steps[i].result == GAVE_UP && !definition->is_async && !definition->may_fail)
            return true;
    }
    return false;
}

static bool is_one_way(const struct model *model)
{
    return model->is_past_pivot || model->definition->is_forward;
}

static bool turn_for_step(struct model *model)
{
    if (!has_lost_step(model)) return model_no(model, "undone for a step, and none failed");
    return true;
}

static bool turn_for_cancel(struct model *model, const struct fact *fact)
{
    bool is_forced = model->asked.force_cancel, is_wished = model->wish == REASON_CANCEL;
    if (is_forced != (fact->event->flags != 0))
        return model_no(model, "undone by force, or not, other than was asked");
    if (is_forced) return true;
    if (is_frozen(model)) return model_no(model, "cancelled while a pivot is open");
    if (!model->asked.cancel && !is_wished)
        return model_no(model, "cancelled, and nobody asked for it");
    return true;
}

static bool turn_for_timeout(struct model *model, const struct fact *fact)
{
    if (model->deadline_ms == 0 || fact->event->at_ms < model->deadline_ms)
        return model_no(model, "undone for its time-out before that has passed");
    if (is_one_way(model)) return model_no(model, "timed out where it only goes forward");
    if (is_frozen(model)) return model_no(model, "timed out while a pivot is open");
    return true;
}

static bool turn_back(struct model *model, const struct fact *fact)
{
    uint32_t cause = fact->event->kind;
    if (model->wish != REASON_NONE && cause != (uint32_t)model->wish && cause == REASON_STEP)
        return model_no(model, "the reason that was recorded first wins");
    bool is_fine = cause == REASON_STEP      ? turn_for_step(model)
                   : cause == REASON_CANCEL  ? turn_for_cancel(model, fact)
                   : cause == REASON_TIMEOUT ? turn_for_timeout(model, fact)
                                             : model_no(model, "undone for no reason");
    if (!is_fine) return false;
    model->reason = (enum reason)cause;
    return true;
}

static bool has_failed_child(const struct model *model)
{
    for (unsigned i = 0; i < model->steps_count; i++) {
        const struct step *step = &model->steps[i];
        for (unsigned k = 0; k < step->units_count; k++)
            if (step->definition->way == BY_CHILD && step->units[k].undone == UNDO_FAILED)
                return true;
    }
    return false;
}

static bool reopen(struct model *model, const struct fact *fact)
{
    bool is_late = model->asked.late_reopens;
    bool is_retry = model->asked.retry_failed && model->state == FAILED;
    bool is_repair = has_failed_child(model) && model->state == FAILED;
    bool is_forced = model->asked.force_failed && model->state == FAILED; /* waits for no keys */
    if (!is_late && !is_retry && !is_repair && !is_forced)
        return model_no(model, "an ended saga is undone again, and nothing asked for it");
    if (is_retry && !is_forced && !is_late && !is_repair && !has_all_locks(model))
        return model_no(model, "it goes on without its lock keys");
    if (fact->event->kind != (uint32_t)model->reason)
        return model_no(model, "the reason of its end is kept");
    model->asked.late_reopens = model->asked.retry_failed = model->waits_for_locks = false;
    model->asked.force_failed = false;
    return true;
}

bool on_saga_compensating(struct model *model, const struct fact *fact)
{
    if (model->is_suspended) return model_no(model, "undoing begins while it is suspended");
    switch (model->state) {
    case RUNNING:
        if (!turn_back(model, fact)) return false;
        break;
    case COMPLETED:
        if (fact->event->kind != REASON_PARENT || !model->has_parent)
            return model_no(model, "only its parent undoes what has completed");
        model->reason = REASON_PARENT;
        break;
    case PENDING: return model_no(model, "there is nothing to undo yet");
    case COMPENSATING: return model_no(model, "it is undone already");
    case COMPENSATED:
    case FAILED:
    case CANCELLED:
    case TIMED_OUT:
        if (!reopen(model, fact)) return false;
        break;
    }
    model->is_undo_forced = fact->event->flags != 0;
    model->wish = REASON_NONE;
    model->asked.cancel = model->asked.force_cancel = false;
    model->state = COMPENSATING;
    return true;
}

/* ---- ends ------------------------------------------------------------------------------------ */

static bool has_undo_failed(const struct model *model)
{
    for (unsigned i = 0; i < model->steps_count; i++)
        for (unsigned k = 0; k < model->steps[i].units_count; k++)
            if (model->steps[i].units[k].undone == UNDO_FAILED) return true;
    return false;
}

static bool end_undone(struct model *model, const struct fact *fact, enum saga_state state)
{
    static const enum saga_state ends[] = { [REASON_STEP] = COMPENSATED,
                                            [REASON_CANCEL] = CANCELLED,
                                            [REASON_TIMEOUT] = TIMED_OUT,
                                            [REASON_PARENT] = COMPENSATED };
    if (model->is_suspended) return model_no(model, "it ends while it is suspended");
    if (model->state != COMPENSATING) return model_no(model, "it ends undone and was not undone");
    if (!is_all_undone(model)) return model_no(model, "it ends before everything is undone");
    bool is_failed = has_undo_failed(model);
    if (is_failed != (state == FAILED))
        return model_no(model, is_failed ? "an undo of it failed, and it does not say so"
                                         : "it fails, and everything is undone");
    if (state != FAILED && (model->reason > REASON_PARENT || ends[model->reason] != state))
        return model_no(model, "its end has another name than its reason");
    model->state = state;
    return call_for_hooks(model, fact, ON_FAILURE, model->definition->hooks_failure);
}

static bool end_before_start(struct model *model, const struct fact *fact, enum saga_state state,
                             enum reason reason)
{
    if (model->is_suspended) return model_no(model, "it ends while it is suspended");
    model->state = state;
    model->reason = reason;
    model->asked.cancel = model->asked.force_cancel = false;
    return call_for_hooks(model, fact, ON_FAILURE, model->definition->hooks_failure);
}

bool on_saga_compensated(struct model *model, const struct fact *fact)
{
    return end_undone(model, fact, COMPENSATED);
}

bool on_saga_failed(struct model *model, const struct fact *fact)
{
    return end_undone(model, fact, FAILED);
}

bool on_saga_cancelled(struct model *model, const struct fact *fact)
{
    if (model->state != PENDING) return end_undone(model, fact, CANCELLED);
    if (!model->asked.cancel && !model->asked.force_cancel)
        return model_no(model, "cancelled, and nobody asked for it");
    return end_before_start(model, fact, CANCELLED, REASON_CANCEL);
}

bool on_saga_timed_out(struct model *model, const struct fact *fact)
{
    const struct model_event *event = fact->event;
    if (model->state != PENDING) return end_undone(model, fact, TIMED_OUT);
    bool is_lock = event->kind == REASON_LOCK;
    int64_t until_ms = is_lock ? model->lock_deadline_ms : model->acquire_deadline_ms;
    if (!is_lock && event->kind != REASON_ACQUIRE)
        return model_no(model, "a pending saga waits for a slot or a lock");
    if (until_ms == 0 || event->at_ms < until_ms)
        return model_no(model, "timed out before its time");
    return end_before_start(model, fact, TIMED_OUT, (enum reason)event->kind);
}

/* ---- held ------------------------------------------------------------------------------------ */

bool on_saga_suspended(struct model *model, const struct fact *fact)
{
    struct model_text code = fact->event->text;
    size_t size = code.size < sizeof model->held_for ? code.size : sizeof model->held_for - 1;
    bool is_anew = model->asked.suspend && !model_text_is(code, model->held_for);
    if (model->is_suspended && !is_anew) return model_no(model, "it is suspended already");
    if (is_end(model->state)) return model_no(model, "it has ended");
    if (size > 0) memcpy(model->held_for, code.data, size);
    model->held_for[size] = '\0';
    model->is_suspended = true;
    model->asked.suspend = false;
    return true;
}

bool on_saga_resumed(struct model *model, const struct fact *fact)
{
    const struct wishes *asked = &model->asked;
    if (!model->is_suspended) return model_no(model, "it is not suspended");
    bool is_asked = asked->resume || asked->cancel || asked->force_cancel || asked->force_complete;
    bool is_parents = model->has_parent && model_text_is(fact->event->text, "parent");
    if (!is_asked && !is_parents) return model_no(model, "nobody asked for it");
    model->is_suspended = false;
    model->asked.resume = false;
    return true;
}

bool on_saga_alerted(struct model *model, const struct fact *fact)
{
    struct model_text code = fact->event->text;
    bool is_timeout =
        model_text_is(code, "saga_timeout") || model_text_is(code, "saga_timeout_waits_for_pivot");
    if (!is_timeout) return true;
    if (model->deadline_ms == 0 || fact->event->at_ms < model->deadline_ms)
        return model_no(model, "alerted for a time-out that has not passed");
    bool is_wish = model_text_is(code, "saga_timeout_waits_for_pivot");
    if (is_wish != (model->state == RUNNING && is_frozen(model)))
        return model_no(model, "a time-out is recorded as a wish while a pivot is open, only then");
    if (is_wish && model->wish == REASON_NONE) model->wish = REASON_TIMEOUT;
    if (!is_wish && model->is_alerted_timeout) return model_no(model, "alerted a second time");
    model->is_alerted_timeout = true;
    return true;
}

bool on_saga_snapshot(struct model *model, const struct fact *fact)
{
    if (fact->event->seq - model->snapshot_seq < 256)
        return model_no(model, "a snapshot after less than 256 events");
    model->snapshot_seq = fact->event->seq;
    return true;
}

/* ---- locks ----------------------------------------------------------------------------------- */

static struct lock *find_lock(struct model *model, struct model_text key)
{
    for (unsigned i = 0; i < model->locks_count; i++)
        if (model_text_is(key, model->locks[i].key)) return &model->locks[i];
    return NULL;
}

bool on_lock_requested(struct model *model, const struct fact *fact)
{
    const struct model_event *event = fact->event;
    struct lock *lock = find_lock(model, event->text);
    if (lock == NULL) return model_no(model, "it is not one of its keys");
    if (lock->is_inherited) return model_no(model, "an ancestor holds it");
    if (lock->is_asked || lock->is_held) return model_no(model, "it was asked for");
    if (model->state != PENDING && !(model->state == FAILED && model->asked.retry_failed))
        return model_no(model, "keys are asked for before the start, or by a retry");
    for (struct lock *other = model->locks; other < lock; other++)
        if (!other->is_held && !other->is_inherited)
            return model_no(model, "keys are asked for in order, one after the other");
    int64_t wait_ms = model->definition->lock_timeout_ms;
    bool is_first = model->lock_deadline_ms == 0 && wait_ms > 0 && model->state == PENDING;
    int64_t until_ms = is_first ? event->at_ms + wait_ms : 0;
    if (event->when_ms != until_ms)
        return model_no(model, "lock_timeout is counted from the first key that is asked for");
    if (is_first) model->lock_deadline_ms = until_ms;
    if (model->state == FAILED) model->waits_for_locks = true;
    lock->is_asked = lock->was_asked = true;
    return true;
}

bool on_lock_granted(struct model *model, const struct fact *fact)
{
    struct lock *lock = find_lock(model, fact->event->text);
    if (lock == NULL || !lock->is_asked) return model_no(model, "it was not asked for");
    if (lock->is_held) return model_no(model, "it is held already");
    lock->is_held = true;
    return true;
}

bool on_lock_released(struct model *model, const struct fact *fact)
{
    struct lock *lock = find_lock(model, fact->event->text);
    /* It is said again when the grant comes after the end. */
    if (lock == NULL || !lock->was_asked) return model_no(model, "it was not asked for");
    bool is_kept = model->state == FAILED && model->definition->holds_locks;
    if (!is_end(model->state)) return model_no(model, "given back before the end");
    if (is_kept) return model_no(model, "given back though lock_on_failed says hold");
    lock->is_asked = lock->is_held = false;
    return true;
}

/* ---- signals --------------------------------------------------------------------------------- */

static char *copy(struct model_text text)
{
    char *kept = calloc(1, text.size + 1);
    if (text.size > 0) memcpy(kept, text.data, text.size);
    return kept;
}

bool on_signal_received(struct model *model, const struct fact *fact)
{
    const struct model_event *event = fact->event;
    if (is_end(model->state) || model->state == COMPENSATING)
        return model_no(model, "no signal is taken in any more");
    for (unsigned i = 0; i < model->signals_count; i++)
        if (model_text_is(event->extra, model->signals[i].id))
            return model_no(model, "a signal with this id was there");
    if (model->signals_count == model->signals_room) {
        model->signals_room = model->signals_room == 0 ? 8 : model->signals_room * 2;
        model->signals = realloc(model->signals, model->signals_room * sizeof *model->signals);
    }
    model->signals[model->signals_count++] =
        (struct signal){ .name = copy(event->text), .id = copy(event->extra) };
    return true;
}

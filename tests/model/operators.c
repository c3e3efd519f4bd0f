/* operators.c: what people ask for, by the table of commands and states. A command that is refused
 * leaves no event; so each event says: it was allowed here. */
#include "model_private.h"

bool on_operator_cancel(struct model *model, const struct fact *fact)
{
    bool is_frozen_now = model->state == RUNNING && is_frozen(model);
    bool is_recorded = fact->event->kind != 0;
    bool is_parents = model->has_parent && model_text_is(fact->event->text, "parent");
    if (is_parents && is_end(model->state)) return true; /* noted, and nothing else */
    if (is_end(model->state)) return model_no(model, "cancel of a saga that has ended");
    if (model->state == RUNNING && (model->is_past_pivot || model->definition->is_forward))
        return model_no(model, "cancel where the saga only goes forward");
    if (is_recorded != is_frozen_now)
        return model_no(model, "a cancel is recorded while a pivot is open, and only then");
    if (is_recorded) {
        if (model->wish == REASON_NONE) model->wish = REASON_CANCEL;
        if (model->is_suspended) model->asked.resume = true;
        return true;
    }
    if (model->state != COMPENSATING) model->asked.cancel = true;
    if (model->is_suspended) model->asked.resume = true;
    return true;
}

static void grant_all(struct model *model, bool undos)
{
    for (unsigned i = 0; i < model->steps_count; i++) {
        struct step *step = &model->steps[i];
        for (unsigned k = 0; k < step->units_count; k++) {
            struct unit *unit = &step->units[k];
            enum stage stage = unit->undo.stage;
            bool waits = stage == PAUSED || stage == SWEEP || stage == REDRIVE;
            if (undos && unit->undone == UNDO_OPEN && waits) unit->undo.is_granted = true;
            if (undos && unit->verify.stage == PAUSED) unit->verify.is_granted = true;
        }
    }
}

bool on_operator_force_cancel(struct model *model, const struct fact *fact)
{
    (void)fact;
    if (is_end(model->state) && model->state != FAILED)
        return model_no(model, "force-cancel of a saga that has ended");
    if (model->state == COMPENSATING) grant_all(model, true);
    if (model->state == FAILED) model->asked.force_failed = true;
    model->asked.force_cancel = model->state != FAILED && model->state != COMPENSATING;
    if (model->state == COMPENSATING) model->is_undo_forced = true;
    if (model->is_suspended) model->asked.resume = true;
    return true;
}

bool on_operator_force_complete(struct model *model, const struct fact *fact)
{
    (void)fact;
    if (model->state == PENDING) return model_no(model, "force-complete before it began");
    if (is_end(model->state) && model->state != FAILED)
        return model_no(model, "force-complete of a saga that has ended");
    model->asked.force_complete = true;
    return true;
}

/* ---- retry ----------------------------------------------------------------------------------- */

static bool retry_undo(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    if (unit == NULL) return model_no(model, "a foreach is undone item by item");
    if (model->state == FAILED) {
        if (unit->undone != UNDO_FAILED) return model_no(model, "its undo did not fail");
        unit->undone = UNDO_OPEN;
        unit->had_undo_failed = true;
        unit->undo.stage = NOT_BEGUN;
        unit->undo.is_granted = true;
        unit->takeups = 0;
        unit->undo_second_policy = unit->verify_gave_up = false;
        unit->verify.stage = NOT_BEGUN;
        return true;
    }
    if (unit->undo.stage != PAUSED && unit->undo.stage != SWEEP)
        return model_no(model, "its undo does not wait");
    unit->undo.is_granted = true;
    return true;
}

static bool retry_action(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    if (unit == NULL) return model_no(model, "a foreach is tried again item by item");
    bool is_verified = unit->verify.stage == PAUSED || unit->verify.stage == SETTLED;
    bool waits = unit->action.stage == PAUSED || unit->action.stage == HUMAN ||
                 unit->action.stage == WAITING || (unit->action.stage == BETWEEN && is_verified);
    if (unit->result != OPEN || !waits) return model_no(model, "it does not wait to be tried");
    unit->action.is_granted = unit->verify.is_granted = true;
    return true;
}

bool on_operator_retry(struct model *model, const struct fact *fact)
{
    bool is_of_undo = fact->event->kind == 1;
    if (model->is_suspended) return model_no(model, "retry of a suspended saga");
    if (model->state == PENDING) return model_no(model, "retry before it began");
    if (is_end(model->state) && model->state != FAILED)
        return model_no(model, "retry of a saga that has ended");
    if (model->state == FAILED && !model->asked.force_failed) model->asked.retry_failed = true;
    if (fact->step == NULL) {
        if (model->state == FAILED) return true;
        grant_all(model, true);
        return true;
    }
    if (is_of_undo || model->state == COMPENSATING) return retry_undo(model, fact);
    if (model->state == FAILED) return true;
    return retry_action(model, fact);
}

/* ---- the others ------------------------------------------------------------------------------ */

static bool skip_undo(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    if (unit == NULL) {
        fact->step->is_skip_granted = true;
        return true;
    }
    enum stage stage = unit->undo.stage;
    if (stage == OUT || stage == LEASED) return model_no(model, "its undo is in flight");
    if (unit->undone != UNDO_OPEN) return model_no(model, "its undo was settled");
    unit->is_skip_granted = true;
    return true;
}

bool on_operator_skip_step(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    if (fact->step == NULL) return model_no(model, "no step is named");
    if (model->state == COMPENSATING) return skip_undo(model, fact);
    if (model->state != RUNNING) return model_no(model, "skip-step where the saga does not run");
    if (unit == NULL) {
        if (fact->step->is_list_known) return model_no(model, "its items are skipped one by one");
        fact->step->is_skip_granted = true;
        return true;
    }
    enum stage stage = unit->action.stage;
    if (unit->result != OPEN) return model_no(model, "it was settled");
    if (stage == OUT || stage == LEASED || unit->verify.stage == OUT)
        return model_no(model, "it is in flight");
    unit->is_skip_granted = true;
    return true;
}

bool on_operator_suspend(struct model *model, const struct fact *fact)
{
    (void)fact;
    if (is_end(model->state)) return model_no(model, "suspend of a saga that has ended");
    model->asked.suspend = true;
    return true;
}

bool on_operator_resume(struct model *model, const struct fact *fact)
{
    (void)fact;
    if (!model->is_suspended) return model_no(model, "it is not suspended: nothing changes");
    model->asked.resume = true;
    return true;
}

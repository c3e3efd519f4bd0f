/* rest.c: between two decisions nothing is owed: what follows at once has followed; and at the end
 * nothing waits without something to wait for (law 11). */
#include "model_private.h"

static bool step_rests(struct model *model, const struct step *step)
{
    const char *id = step->definition->id;
    if (step->is_begun || step->result != OPEN || !are_dependencies_settled(model, step))
        return true;
    return model_no(model, "step %s could begin and does not", id);
}

static bool forward_unit_rests(struct model *model, const struct step *step,
                               const struct unit *unit, int64_t now_ms)
{
    const char *id = step->definition->id;
    const struct call *call = &unit->action;
    if (call->is_granted) return model_no(model, "an operator retried %s, and nothing came", id);
    if (unit->is_skip_granted)
        return model_no(model, "an operator skipped %s, and nothing came", id);
    if (unit->result != OPEN) return true;
    if (call->stage == BETWEEN) {
        bool is_asked = unit->verify.stage == OUT || unit->verify.stage == PAUSED;
        bool must_ask = !is_asked && !is_loose(unit, now_ms);
        if (!step->definition->has_verify)
            return model_no(model, "an attempt of %s ended and nothing followed", id);
        if (must_ask && !model->is_suspended)
            return model_no(model, "the verify of %s could be asked and is not", id);
    }
    return true;
}

static bool running_rests(struct model *model, int64_t now_ms)
{
    bool is_everything = true;
    for (unsigned i = 0; i < model->steps_count; i++) {
        const struct step *step = &model->steps[i];
        if (!model->is_suspended && !step_rests(model, step)) return false;
        is_everything = is_everything && is_settled(model, step);
        for (unsigned k = 0; k < step->units_count; k++)
            if (!forward_unit_rests(model, step, &step->units[k], now_ms)) return false;
        bool is_lost =
            step->result == GAVE_UP && !step->definition->may_fail && !step->definition->is_async;
        if (is_lost && !model->is_suspended)
            return model_no(model, "step %s failed and nothing is undone", step->definition->id);
    }
    if (is_everything && !model->is_suspended)
        return model_no(model, "every step is settled and the saga does not complete");
    return true;
}

static bool undo_unit_rests(struct model *model, const struct step *step, const struct unit *unit,
                            int64_t now_ms)
{
    const char *id = step->definition->id;
    enum stage stage = unit->action.stage;
    bool is_child = step->definition->way == BY_CHILD;
    /* Where nothing is declared its verify is asked on, and settles it. */
    bool is_asked_on = stage == BETWEEN && unit->verify.stage == PAUSED &&
                       step->definition->undo.how == UNDO_UNSAID;
    bool is_awaited = stage == OUT || stage == LEASED || (stage == WAITING && is_child) ||
                      unit->verify.stage == OUT || is_asked_on;
    if (is_active(unit) && !is_awaited)
        return model_no(model, "step %s goes on in a saga that is undone", id);
    if (model->is_suspended || !is_undo_turn(model, step, unit)) return true;
    if (unit->undo.is_granted && unit->undo.stage != OFFERED)
        return model_no(model, "an operator retried the undo of %s, and nothing came", id);
    if (unit->undo.stage != NOT_BEGUN) {
        if (unit->undo.stage != BETWEEN) return true;
        return model_no(model, "an attempt to undo %s ended and nothing followed", id);
    }
    bool is_asked = unit->verify.stage == OUT || unit->verify.stage == PAUSED;
    if (is_asked || is_loose(unit, now_ms)) return true;
    return model_no(model, "step %s could be undone and is not", id);
}

static bool compensating_rests(struct model *model, int64_t now_ms)
{
    for (unsigned i = 0; i < model->steps_count; i++) {
        const struct step *step = &model->steps[i];
        for (unsigned k = 0; k < step->units_count; k++)
            if (!undo_unit_rests(model, step, &step->units[k], now_ms)) return false;
    }
    if (!model->is_suspended && is_all_undone(model))
        return model_no(model, "everything is undone and the saga does not end");
    return true;
}

static bool requests_rest(struct model *model)
{
    const struct wishes *asked = &model->asked;
    if (asked->suspend) return model_no(model, "an operator suspended it, and nothing came");
    if (asked->resume) return model_no(model, "an operator resumed it, and nothing came");
    if (asked->cancel || asked->force_cancel)
        return model_no(model, "an operator cancelled it, and nothing came");
    if (asked->force_complete) return model_no(model, "an operator completed it, and nothing came");
    if (asked->late_reopens) return model_no(model, "a late success reopens it, and nothing came");
    return true;
}

static bool rests(struct model *model, int64_t now_ms)
{
    if (!requests_rest(model)) return false;
    if (model->state == RUNNING) return running_rests(model, now_ms);
    if (model->state == COMPENSATING) return compensating_rests(model, now_ms);
    return true;
}

const char *model_rest(struct model *model, int64_t now_ms)
{
    return rests(model, now_ms) ? NULL : model->problem;
}

static bool waits_for_something(const struct unit *unit)
{
    switch (unit->action.stage) {
    case ACCEPTED:
    case OFFERED:
    case WAITING:
    case HUMAN: return true;
    default: return false;
    }
}

const char *model_end_check(struct model *model, int64_t now_ms)
{
    if (!rests(model, now_ms)) return model->problem;
    if (is_end(model->state)) {
        if (open_hooks(model) == 0) return NULL;
        model_no(model, "it has ended and a hook has not");
        return model->problem;
    }
    if (model->is_suspended) return NULL;
    for (unsigned i = 0; i < model->steps_count; i++)
        for (unsigned k = 0; k < model->steps[i].units_count; k++)
            if (waits_for_something(&model->steps[i].units[k])) return NULL;
    model_no(model, "it has not ended and waits for nothing");
    return model->problem;
}

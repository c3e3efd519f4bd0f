/* rules.c: questions about the state of a saga, each a sentence of the semantics page. */
#include "model_private.h"

#include <math.h>

bool is_end(enum saga_state state)
{
    return state != PENDING && state != RUNNING && state != COMPENSATING;
}

/* Completed, skipped, failed where that may be, or begun where nobody waits for it. A step that was
 * skipped before its turn is settled once its turn would have come. */
bool is_settled(const struct model *model, const struct step *step)
{
    if (step->result == SKIPPED) return are_dependencies_settled(model, step);
    if (step->definition->is_async) return step->is_begun;
    if (step->result == DONE) return true;
    return step->result == GAVE_UP && step->definition->may_fail;
}

bool are_dependencies_settled(const struct model *model, const struct step *step)
{
    for (unsigned i = 0; i < step->definition->dependencies_count; i++)
        if (!is_settled(model, &model->steps[step->definition->dependencies[i]])) return false;
    return true;
}

bool must_succeed(const struct model *model, const struct step *step)
{
    if (step->definition->is_async || step->definition->may_fail) return false;
    if (model->definition->is_forward) return true;
    return model->is_past_pivot && step->definition->is_after_pivot;
}

bool is_flying(const struct call *call)
{
    return call->stage == OUT;
}

static bool is_open_pivot(const struct step *step, const struct unit *unit)
{
    if (unit->result != OPEN) return false;
    enum stage stage = unit->action.stage;
    bool is_child_out = stage == WAITING && step->definition->way == BY_CHILD;
    return unit->maybe || is_child_out || stage == OUT || stage == ACCEPTED || stage == LEASED ||
           stage == REDRIVE;
}

/* A pivot with items is settled when its last item is, not before somebody has said so. */
static bool are_all_items_done(const struct step *step)
{
    bool is_running = step->definition->is_foreach && step->is_list_known && step->result == OPEN &&
                      !step->is_failing;
    for (unsigned i = 0; is_running && i < step->units_count; i++)
        if (step->units[i].result == OPEN) return false;
    return is_running;
}

bool is_frozen(const struct model *model)
{
    int pivot = model->definition->pivot;
    if (pivot == NO_STEP || model->is_past_pivot || model->definition->is_forward) return false;
    const struct step *step = &model->steps[pivot];
    for (unsigned i = 0; i < step->units_count; i++)
        if (is_open_pivot(step, &step->units[i])) return true;
    return are_all_items_done(step);
}

bool is_active(const struct unit *unit)
{
    return unit->result == OPEN && unit->action.stage != NOT_BEGUN;
}

unsigned attempts_max(const struct model *model, const struct policy *policy)
{
    unsigned most = policy->growth == NEVER_AGAIN ? 1 : policy->attempts_max;
    return model->attempts_max > 0 && model->attempts_max < most ? model->attempts_max : most;
}

bool is_loose(const struct unit *unit, int64_t now_ms)
{
    return unit->loose_until_ms != 0 && now_ms < unit->loose_until_ms + SKEW_MS;
}

/* The least time before attempt n = 2, 3, …: jitter first, then the cap. */
int64_t least_pause_ms(const struct policy *policy, uint32_t next_attempt)
{
    double ms = (double)policy->initial_ms;
    uint32_t n = next_attempt < 2 ? 0 : next_attempt - 2;
    if (policy->growth == GROWS_BY_FACTOR) ms *= pow(policy->multiplier, n);
    if (policy->growth == GROWS_BY_SUM) ms += (double)policy->increment_ms * n;
    if (policy->jitter == JITTER_FULL) ms = 0;
    if (policy->jitter == JITTER_QUARTER) ms *= 0.75;
    if (policy->max_ms > 0 && ms > (double)policy->max_ms) ms = (double)policy->max_ms;
    return ms > 9e15 ? INT64_C(9000000000000000) : (int64_t)floor(ms);
}

int32_t item_of(const struct step *step, const struct unit *unit)
{
    return step->definition->is_foreach ? (int32_t)(unit - step->units) : -1;
}

bool may_work(const struct model *model, const struct step *step)
{
    if (model->state == RUNNING) return true;
    return model->state == COMPLETED && !model->is_forced && step->definition->is_async;
}

/* ---- what is to be undone -------------------------------------------------------------------- */

bool is_to_undo(const struct model *model, const struct step *step, const struct unit *unit)
{
    if (model->state != COMPENSATING || unit->undone != UNDO_OPEN) return false;
    if (unit->child_failed) return true; /* it is named as not undone when its turn comes */
    return (unit->result == DONE || unit->maybe) && step->definition->undo.how != UNDO_NOTHING;
}

/* Its undo is under way: nobody else may begin where one goes at a time. */
static bool is_being_undone(const struct unit *unit)
{
    if (unit->undone != UNDO_OPEN) return false;
    return unit->undo.stage != NOT_BEGUN && unit->undo.stage != SWEEP;
}

/* For the order it counts as settled. */
static bool is_undo_settled(const struct model *model, const struct step *step,
                            const struct unit *unit)
{
    if (unit->undone == UNDO_OPEN && unit->undo.stage == SWEEP) return true;
    return !is_to_undo(model, step, unit) && !is_active(unit);
}

static bool is_step_undo_settled(const struct model *model, const struct step *step)
{
    for (unsigned i = 0; i < step->units_count; i++)
        if (!is_undo_settled(model, step, &step->units[i])) return false;
    return true;
}

/* Among the items of its own step: descending, so many at a time. */
static bool is_items_turn(const struct model *model, const struct step *step,
                          const struct unit *unit)
{
    unsigned busy = 0;
    for (const struct unit *other = step->units; other < step->units + step->units_count; other++) {
        if (other == unit || is_undo_settled(model, step, other)) continue;
        if (other > unit || is_being_undone(other)) busy += 1;
    }
    return busy < step->definition->parallel;
}

static bool is_step_turn_sequential(const struct model *model, const struct step *step)
{
    for (unsigned i = 0; i < model->steps_count; i++) {
        const struct step *other = &model->steps[i];
        if (other == step) continue;
        bool is_later = other->first_start > step->first_start;
        if (is_later && !is_step_undo_settled(model, other)) return false;
        for (unsigned k = 0; k < other->units_count; k++)
            if (is_being_undone(&other->units[k])) return false;
    }
    return true;
}

/* Everything that depends on it, however far, is settled. */
static bool is_step_turn_parallel(const struct model *model, const struct step *step)
{
    unsigned place = (unsigned)(step - model->steps);
    for (unsigned i = 0; i < model->steps_count; i++) {
        const struct step *other = &model->steps[i];
        if (other->definition->is_ancestor[place] && !is_step_undo_settled(model, other))
            return false;
    }
    return true;
}

bool is_undo_turn(const struct model *model, const struct step *step, const struct unit *unit)
{
    if (!is_to_undo(model, step, unit)) return false;
    if (is_active(unit)) return false; /* awaited */
    if (!is_items_turn(model, step, unit)) return false;
    return model->definition->is_parallel_undo ? is_step_turn_parallel(model, step)
                                               : is_step_turn_sequential(model, step);
}

bool is_all_undone(const struct model *model)
{
    for (unsigned i = 0; i < model->steps_count; i++) {
        const struct step *step = &model->steps[i];
        for (unsigned k = 0; k < step->units_count; k++) {
            const struct unit *unit = &step->units[k];
            if (is_active(unit) || is_to_undo(model, step, unit)) return false;
        }
    }
    return true;
}

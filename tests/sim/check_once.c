/*
 * check_once.c: laws 5 and 8 in a history. Undone is what was done or may have been, and once: a
 * second time only behind a late success. At the end of an undone saga nothing is forgotten: what
 * was done or may have been is undone, or left by right (nothing declared, `skip`, best effort, a
 * person's word), or has failed, and then the saga has, too.
 */
#include "past.h"

#include "core/core_private.h"

static const char *const name = "undone once";

void sim_judge_once(struct sim_past *past, const struct sk_event *event)
{
    const struct sim_unit_past *unit = sim_past_unit(past, event);
    bool is_offer = event->type == SK_EVENT_COMPENSATION_WAITING && event->kind == SK_FOR_WORKER;
    bool begins = event->type == SK_EVENT_COMPENSATION_STARTED || is_offer;
    if (unit == NULL || (!begins && event->type != SK_EVENT_COMPENSATION_COMPLETED)) return;
    past->world->checks->judged[SIM_CHECK_ONCE] += 1;
    if (begins && unit->begun == 0) sim_past_fail(past, name, event, "it was never started");
    if (begins && !sim_may_stand(unit) && !unit->has_failed_child) {
        sim_past_fail(past, name, event,
                      unit->undo == SIM_UNDO_DONE ? "it is undone already"
                                                  : "it was not done, and could not have been");
    }
    if (!begins && unit->undo == SIM_UNDO_DONE) sim_past_fail(past, name, event, "it was undone");
    if (!begins && unit->undo == SIM_UNDO_NONE && !unit->has_failed_child)
        sim_past_fail(past, name, event, "nobody began to undo it");
}

static bool is_left_by_right(const struct sk_step *step, const struct sim_unit_past *unit)
{
    if (step->kind == SK_KIND_WAIT || step->compensation.type == SK_UNDO_SKIP) return true;
    if (step->compensation.type == SK_UNDO_NONE && unit->is_done && !sk_undoes_child(step))
        return true;
    return unit->undo == SIM_UNDO_LEFT || unit->undo == SIM_UNDO_DONE;
}

static void judge_unit(const struct sim_past *past, const struct sk_saga *saga,
                       const struct sim_unit_past *unit)
{
    const struct sk_step *step = &past->plan->steps[unit->step];
    if (unit->begun == 0 || (!sim_may_stand(unit) && !unit->has_failed_child)) return;
    past->world->checks->judged[SIM_CHECK_ONCE] += 1;
    if (is_left_by_right(step, unit)) return;
    if (saga->state == SK_SAGA_FAILED && unit->undo == SIM_UNDO_FAILED) return;
    sim_fail(past->world, name, past->row->head.id, "it ended %s; %.*s, item %d, %s, %s",
             sk_saga_state_name(saga->state), SK_STR_ARGS(step->id), unit->item,
             unit->is_done    ? "was done"
             : unit->is_maybe ? "may have been done"
                              : "has a child that failed",
             unit->undo == SIM_UNDO_FAILED  ? "and its undo has failed"
             : unit->undo == SIM_UNDO_BEGUN ? "and its undo never ended"
                                            : "and nobody undid it");
}

void sim_judge_once_end(struct sim_past *past, const struct sk_saga *saga)
{
    bool is_undone = saga->state == SK_SAGA_COMPENSATED || saga->state == SK_SAGA_CANCELLED ||
                     saga->state == SK_SAGA_TIMED_OUT || saga->state == SK_SAGA_FAILED;
    if (!is_undone) return;
    for (uint32_t s = 0; s < past->plan->steps_count; s++) {
        for (uint32_t i = 0; i < past->units_count[s]; i++)
            judge_unit(past, saga, &past->units[s][i]);
    }
}

/* Law 8. Whatever fails, everything else that stands was at least tried. */
void sim_judge_goes_on(struct sim_past *past, const struct sk_saga *saga)
{
    if (past->undo_failures == 0 || !sk_saga_state_is_end(saga->state)) return;
    if (saga->state == SK_SAGA_COMPLETED) return;
    past->world->checks->judged[SIM_CHECK_GOES_ON] += 1;
    for (uint32_t s = 0; s < past->plan->steps_count; s++) {
        for (uint32_t i = 0; i < past->units_count[s]; i++) {
            const struct sim_unit_past *unit = &past->units[s][i];
            const struct sk_step *step = &past->plan->steps[s];
            bool is_declared = step->compensation.type == SK_UNDO_CUSTOM ||
                               step->compensation.type == SK_UNDO_AUTOMATIC;
            if (!is_declared || !sim_may_stand(unit) || unit->undo != SIM_UNDO_NONE) continue;
            sim_fail(past->world, "a failing undo stops no other", past->row->head.id,
                     "an undo failed, and nobody tried to undo %.*s, item %d",
                     SK_STR_ARGS(step->id), unit->item);
        }
    }
}

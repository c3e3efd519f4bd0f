/*
 * check_law6.c: law 6 in a history. An undo, and the question whether a maybe step happened, begin
 * only when every attempt has been answered, or the latest deadline of those that were not has
 * passed by the allowance for clocks that differ. The other half, what really arrives, is judged
 * where it arrives (participants.c).
 */
#include "past.h"

#include "base/limits.h"

void sim_judge_law6(struct sim_past *past, const struct sk_event *event)
{
    const struct sim_unit_past *unit = sim_past_unit(past, event);
    bool is_undo = event->type == SK_EVENT_COMPENSATION_STARTED;
    if (unit == NULL || (!is_undo && event->type != SK_EVENT_VERIFY_STARTED)) return;
    if (!sim_has_participant(&past->plan->steps[event->step])) return;
    past->world->checks->judged[SIM_CHECK_LAW6] += 1;
    if (is_undo && unit->is_flying)
        sim_past_fail(past, "no undo before its action", event, "its action is on the wire");
    if (unit->unanswered_ms == 0) return;
    if (event->at_ms >= unit->unanswered_ms + SK_SKEW_ALLOWANCE_MS) return;
    sim_past_fail(past, "no undo before its action", event,
                  "an attempt without answer could still arrive in time");
}

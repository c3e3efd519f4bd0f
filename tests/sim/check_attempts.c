/*
 * check_attempts.c: attempts in a history are counted one by one, and there are not more of them
 * than the policy grants: of actions before a pivot, of compensations (and of each time they are
 * taken up again). Without limit are actions that must succeed; with an operator's word more.
 */
#include "past.h"

static const char *const name = "attempts within policy";

static uint32_t most_of(const struct sk_retry_policy *policy)
{
    return policy->type == SK_RETRY_NONE ? 1 : policy->max_attempts;
}

static bool is_bound(const struct sim_past *past, const struct sk_step *step)
{
    bool must_succeed = past->plan->is_forward || step->is_pivot || step->is_after_pivot;
    return sim_has_participant(step) && !must_succeed;
}

static void judge_action(const struct sim_past *past, const struct sim_unit_past *unit,
                         const struct sk_event *event)
{
    const struct sk_step *step = &past->plan->steps[event->step];
    if (!sim_has_participant(step) || event->kind == SK_FOR_WORKER) return;
    past->world->checks->judged[SIM_CHECK_ATTEMPTS] += 1;
    bool is_redriven = event->type == SK_EVENT_STEP_REDRIVEN;
    uint32_t next = event->round > unit->round ? 1 : unit->attempt + (is_redriven ? 0 : 1);
    if (event->attempt != next) sim_past_fail(past, name, event, "not the next attempt");
    uint32_t most = most_of(&step->retry);
    if (past->max_attempts > 0 && past->max_attempts < most) most = past->max_attempts;
    if (past->operators == 0 && is_bound(past, step) && event->attempt > most)
        sim_past_fail(past, name, event, "an attempt beyond the policy");
}

static void judge_undo(const struct sim_past *past, const struct sim_unit_past *unit,
                       const struct sk_event *event)
{
    enum { TAKEUPS_MAX = 3 };
    const struct sk_compensation *compensation = &past->plan->steps[event->step].compensation;
    if (past->operators > 0 || event->flags != 0) return; /* a redrive is the same attempt */
    past->world->checks->judged[SIM_CHECK_ATTEMPTS] += 1;
    if (unit->takeups > TAKEUPS_MAX) sim_past_fail(past, name, event, "taken up too often");
    uint32_t most = most_of(&compensation->retry);
    if (compensation->on_failure == SK_ON_FAILURE_RETRY &&
        most_of(&compensation->on_failure_retry) > most)
        most = most_of(&compensation->on_failure_retry);
    bool is_first = event->type == SK_EVENT_COMPENSATION_STARTED;
    if (is_first || unit->undo_attempts < most + unit->takeups) return;
    sim_past_fail(past, name, event, "an attempt beyond the policy");
}

void sim_judge_attempt(struct sim_past *past, const struct sk_event *event)
{
    const struct sim_unit_past *unit = sim_past_unit(past, event);
    if (unit == NULL) return;
    switch (event->type) {
    case SK_EVENT_STEP_STARTED:
    case SK_EVENT_STEP_RETRYING:
    case SK_EVENT_STEP_REDRIVEN: judge_action(past, unit, event); return;
    case SK_EVENT_COMPENSATION_STARTED:
    case SK_EVENT_COMPENSATION_RETRYING: judge_undo(past, unit, event); return;
    default: return;
    }
}

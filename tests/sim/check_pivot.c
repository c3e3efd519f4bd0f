/*
 * check_pivot.c: nothing is undone past a pivot unless a force-cancel or the parent says so, and no
 * step starts while a saga compensates (C5), least of all a pivot.
 */
#include "check.h"

struct direction {
    bool is_past_pivot, is_undoing, may_undo;
};

static void judge(struct sim_world *world, const struct sim_row *row, const struct sk_saga *saga,
                  const struct sk_event *event, struct direction *d)
{
    if (event->type == SK_EVENT_OPERATOR_FORCE_CANCEL) d->may_undo = true;
    if (event->type == SK_EVENT_SAGA_COMPENSATING) {
        if (event->kind == SK_REASON_PARENT) d->may_undo = true;
        if (d->is_past_pivot && !d->may_undo) {
            sim_fail(world, "nothing undone past a pivot", row->head.id,
                     "event %llu begins undoing past the pivot", (unsigned long long)event->seq);
        }
        d->is_undoing = true;
    }
    if (sk_saga_state_is_end(saga->state) && event->type == SK_EVENT_SAGA_COMPLETED)
        d->is_undoing = false;
    if (event->type == SK_EVENT_STEP_STARTED && d->is_undoing) {
        sim_fail(world, "nothing undone past a pivot", row->head.id,
                 "event %llu starts a step while undoing", (unsigned long long)event->seq);
    }
    if (event->type == SK_EVENT_COMPENSATION_STARTED && !d->is_undoing) {
        sim_fail(world, "nothing undone past a pivot", row->head.id,
                 "event %llu undoes in a saga that goes forward", (unsigned long long)event->seq);
    }
    bool is_pivot = saga->plan->pivot != SK_STEP_NONE && event->step == saga->plan->pivot;
    /* Not one of which a late success, or its verify, tells when the saga was undone already. */
    if (is_pivot && event->type == SK_EVENT_STEP_COMPLETED && event->item < 0 && !d->is_undoing)
        d->is_past_pivot = true;
}

void sim_check_pivot(struct sim_world *world, const struct sim_row *row, const struct sk_saga *saga)
{
    struct direction direction = { 0 };
    if (saga->plan->pivot != SK_STEP_NONE) world->checks->judged[SIM_CHECK_PIVOT] += 1;
    for (uint32_t i = 0; i < row->events_count; i++) {
        struct sk_event event = sim_event_of(&row->events[i]);
        judge(world, row, saga, &event, &direction);
    }
}

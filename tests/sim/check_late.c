/*
 * check_late.c: law 12 in a history. The first answer to each attempt that nobody waits for any
 * more is recorded, at most so many a saga, and means what the page says: a late success of a step
 * that was settled as not-happened makes its undo due, or stands in the residue; any other changes
 * nothing.
 */
#include "past.h"

#include "base/limits.h"
#include "core/core_private.h"

static const char *const name = "late answers";

static enum sk_late_meaning expected(const struct sim_past *past, const struct sim_unit_past *unit,
                                     const struct sk_event *event)
{
    bool is_settled_as_not_happened = (unit->is_failed || unit->is_skipped) && !unit->is_maybe &&
                                      !unit->is_done && !unit->has_failed_child &&
                                      unit->undo == SIM_UNDO_NONE;
    if (event->flags != SK_OUTCOME_SUCCEEDED) return SK_LATE_RECORDED;
    bool is_settled = unit->is_failed || unit->is_skipped || unit->is_done;
    if (!is_settled && unit->undo == SIM_UNDO_NONE) { /* still tried: an earlier no was none */
        const struct sk_step *step = &past->plan->steps[event->step];
        if (unit->is_maybe || !sim_has_participant(step)) return SK_LATE_RECORDED;
        if (past->state == SK_SAGA_RUNNING) return SK_LATE_MAYBE_AGAIN;
        return past->state == SK_SAGA_COMPENSATING ? SK_LATE_UNDO_DUE : SK_LATE_RECORDED;
    }
    if (!is_settled_as_not_happened) return SK_LATE_RECORDED;
    switch (past->state) {
    case SK_SAGA_RUNNING: return past->is_past_pivot ? SK_LATE_RESIDUE : SK_LATE_MAYBE_AGAIN;
    case SK_SAGA_COMPENSATING: return SK_LATE_UNDO_DUE;
    case SK_SAGA_COMPLETED: return SK_LATE_RESIDUE;
    case SK_SAGA_COMPENSATED:
    case SK_SAGA_FAILED:
    case SK_SAGA_CANCELLED:
    case SK_SAGA_TIMED_OUT: return past->is_past_pivot ? SK_LATE_RESIDUE : SK_LATE_REOPENS;
    case SK_SAGA_PENDING:
    case SK_SAGA_SUSPENDED:
    case SK_SAGA_STATES_COUNT: break;
    }
    return SK_LATE_RECORDED;
}

/* Was an answer to this attempt recorded before? */
static bool is_repeated(const struct sim_past *past, const struct sk_event *event)
{
    for (uint32_t i = 0; i < past->row->events_count; i++) {
        const struct sk_event_row *row = &past->row->events[i];
        if (row->seq >= event->seq) break;
        if (row->type == SK_EVENT_STEP_LATE && row->step == event->step &&
            row->item == event->item && row->attempt == event->attempt &&
            row->round == event->round)
            return true;
    }
    return false;
}

void sim_judge_late(struct sim_past *past, const struct sk_event *event)
{
    if (event->type != SK_EVENT_STEP_LATE) return;
    const struct sim_unit_past *unit = sim_past_unit(past, event);
    past->world->checks->judged[SIM_CHECK_LATE] += 1;
    if (unit == NULL || unit->begun == 0) sim_past_fail(past, name, event, "of what never began");
    if (past->lates >= SK_LATE_EVENTS_MAX) sim_past_fail(past, name, event, "too many of them");
    if (is_repeated(past, event)) sim_past_fail(past, name, event, "recorded before");
    if (event->kind != (uint32_t)expected(past, unit, event))
        sim_past_fail(past, name, event, "it means something else");
}

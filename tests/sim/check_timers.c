/*
 * check_timers.c: no timer early, by the engine's time as the events tell it: pauses, polls, waits
 * and their time-outs, pending answers, leases, questions asked again, hooks, and the two bounds of
 * a pending saga. check_policy.c judges the pauses of whole steps also for being late.
 */
#include "past.h"

#include "core/core_private.h"

static const char *const name = "no timer early";

static void judge_instant(const struct sim_past *past, const struct sk_event *event,
                          int64_t until_ms, const char *what)
{
    if (until_ms == 0) return;
    past->world->checks->judged[SIM_CHECK_TIMERS] += 1;
    if (event->at_ms < until_ms) sim_past_fail(past, name, event, what);
}

static void judge_action(const struct sim_past *past, const struct sim_unit_past *unit,
                         const struct sk_event *event)
{
    bool is_pause = unit->waits == SK_FOR_BACKOFF || unit->waits == SK_FOR_TIMER;
    switch (event->type) {
    case SK_EVENT_STEP_RETRYING:
        if (past->operators == 0 && (is_pause || unit->waits == SK_FOR_POLL))
            judge_instant(past, event, unit->until_ms, "its pause is not over");
        return;
    case SK_EVENT_STEP_COMPLETED:
        if (past->operators == 0 && unit->waits == SK_FOR_TIMER)
            judge_instant(past, event, unit->until_ms, "it has not waited long enough");
        return;
    case SK_EVENT_STEP_FAILED:
        if (sk_str_is(event->text, "timeout") &&
            past->plan->steps[event->step].kind == SK_KIND_WAIT)
            judge_instant(past, event, unit->given_up_ms, "its time-out has not passed");
        return;
    case SK_EVENT_STEP_UNKNOWN:
        if (sk_str_is(event->text, "pending_timeout"))
            judge_instant(past, event, unit->until_ms, "its time for an answer has not passed");
        if (sk_str_is(event->text, "lease_expired"))
            judge_instant(past, event, unit->deadline_ms, "its lease has not passed");
        return;
    case SK_EVENT_VERIFY_STARTED:
        judge_instant(past, event, unit->verify_until_ms, "its pause is not over");
        return;
    case SK_EVENT_COMPENSATION_STARTED:
    case SK_EVENT_COMPENSATION_RETRYING:
        if (past->operators == 0)
            judge_instant(past, event, unit->undo_until_ms, "its pause is not over");
        return;
    default: return;
    }
}

/* A pending saga ends by its time to be admitted or by its time to get its keys. */
static void judge_end(const struct sim_past *past, const struct sk_event *event)
{
    if (event->type != SK_EVENT_SAGA_TIMED_OUT || past->state != SK_SAGA_PENDING) return;
    if (event->kind == SK_REASON_ACQUIRE_TIMEOUT)
        judge_instant(past, event, past->accept_until_ms, "it could still have got a slot");
    if (event->kind == SK_REASON_LOCK_TIMEOUT)
        judge_instant(past, event, past->locks_until_ms, "it could still have got its keys");
}

/* The last word of the hook before: when it may be tried again. */
static int64_t hook_until(const struct sim_past *past, const struct sk_event *event)
{
    for (uint32_t i = past->row->events_count; i > 0; i--) {
        const struct sk_event_row *row = &past->row->events[i - 1];
        if (row->seq >= event->seq || row->type != SK_EVENT_HOOK_FAILED) continue;
        struct sk_event before = sim_event_of(row);
        if (before.number == event->number && before.kind == event->kind &&
            before.flags == event->flags && before.step == event->step &&
            before.item == event->item)
            return before.when_ms;
    }
    return 0;
}

void sim_judge_timer(struct sim_past *past, const struct sk_event *event)
{
    const struct sim_unit_past *unit = sim_past_unit(past, event);
    if (event->type == SK_EVENT_HOOK_STARTED) {
        if (event->attempt > 1)
            judge_instant(past, event, hook_until(past, event), "its pause is not over");
    } else if (unit != NULL) {
        judge_action(past, unit, event);
    } else {
        judge_end(past, event);
    }
}

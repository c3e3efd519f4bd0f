/*
 * check_policy.c: time and policy in a history. Times never go back; no pause ends early; a saga is
 * not undone for a time-out that has not passed; no attempt beyond the policy, where one is bound
 * by it. While nothing disturbs the world, pauses also end in time.
 */
#include "check.h"

enum { LATE_MS = 2000, SETTLING_MS = 60000 };

struct pause {
    int64_t action_until_ms, undo_until_ms; /* 0 = none runs */
};

struct policy_state {
    struct pause units[64];
    int64_t at_ms, deadline_ms;
    int64_t steady_from_ms; /* from then on nothing is an excuse for being late */
    bool has_operator;      /* who may do what the policy does not */
    bool was_suspended;
};

static _Noreturn void fail(struct sim_world *world, const struct sim_row *row,
                           const struct sk_event *event, const char *what)
{
    sim_fail(world, "time and policy", row->head.id, "event %llu, %s: %s",
             (unsigned long long)event->seq, sk_event_type_name(event->type), what);
}

static bool is_bound(const struct sk_saga *saga, const struct sk_step *step)
{
    return !saga->plan->is_forward && saga->plan->pivot == SK_STEP_NONE &&
           step->kind != SK_KIND_WAIT && step->kind != SK_KIND_SAGA;
}

/* A pause that ran until `until_ms` has ended with this event. */
static void judge_pause(struct sim_world *world, const struct sim_row *row,
                        const struct sk_event *event, const struct policy_state *state,
                        int64_t *until_ms)
{
    int64_t until = *until_ms;
    *until_ms = 0;
    if (event->at_ms < until) fail(world, row, event, "before its time");
    if (until < state->steady_from_ms || state->was_suspended) return;
    if (world->profile.faults[SIM_FAULT_CLOCK_JUMP] > 0) return; /* nobody knows what time it was */
    if (event->at_ms > until + LATE_MS) fail(world, row, event, "long after its time");
}

static void judge_step(struct sim_world *world, const struct sim_row *row,
                       const struct sk_saga *saga, const struct sk_event *event,
                       struct policy_state *state)
{
    const struct sk_step *step = &saga->plan->steps[event->step];
    struct pause *pause = &state->units[event->step];
    bool is_single = event->item < 0 && step->items == NULL;
    if (!is_single) return;
    switch (event->type) {
    case SK_EVENT_STEP_WAITING:
        pause->action_until_ms = event->kind == SK_FOR_BACKOFF ? event->when_ms : 0;
        return;
    case SK_EVENT_COMPENSATION_WAITING:
        pause->undo_until_ms = event->kind == SK_FOR_LEASE ? 0 : event->when_ms;
        return;
    case SK_EVENT_STEP_STARTED:
        pause->action_until_ms = event->kind == SK_FOR_TIMER ? event->when2_ms : 0;
        return;
    case SK_EVENT_STEP_COMPLETED:
        if (step->kind == SK_KIND_WAIT && pause->action_until_ms != 0)
            judge_pause(world, row, event, state, &pause->action_until_ms);
        return;
    case SK_EVENT_STEP_RETRYING: {
        if (pause->action_until_ms != 0)
            judge_pause(world, row, event, state, &pause->action_until_ms);
        uint32_t most = step->retry.type == SK_RETRY_NONE ? 1 : step->retry.max_attempts;
        uint32_t narrowed = saga->start.max_attempts;
        if (narrowed > 0 && narrowed < most) most = narrowed;
        if (is_bound(saga, step) && event->attempt > most)
            fail(world, row, event, "an attempt beyond the policy");
        return;
    }
    case SK_EVENT_COMPENSATION_RETRYING:
    case SK_EVENT_COMPENSATION_STARTED:
        if (pause->undo_until_ms != 0) judge_pause(world, row, event, state, &pause->undo_until_ms);
        return;
    default: return;
    }
}

static void judge(struct sim_world *world, const struct sim_row *row, const struct sk_saga *saga,
                  const struct sk_event *event, struct policy_state *state)
{
    world->checks->judged[SIM_CHECK_POLICY] += 1;
    if (event->at_ms < state->at_ms) fail(world, row, event, "time went back");
    state->at_ms = event->at_ms;
    if (event->type >= SK_EVENT_OPERATOR_CANCEL) {
        bool goes_on =
            event->type == SK_EVENT_OPERATOR_SUSPEND || event->type == SK_EVENT_OPERATOR_RESUME;
        state->has_operator = state->has_operator || !goes_on;
    }
    if (event->type == SK_EVENT_SAGA_SUSPENDED) state->was_suspended = true;
    if (event->type == SK_EVENT_SAGA_STARTED) state->deadline_ms = event->when_ms;
    if (event->type == SK_EVENT_SAGA_COMPENSATING && event->kind == SK_REASON_TIMEOUT &&
        event->at_ms < state->deadline_ms)
        fail(world, row, event, "before the saga's time-out");
    if (state->has_operator || event->step >= saga->plan->steps_count || event->step >= 64) return;
    judge_step(world, row, saga, event, state);
}

static int64_t steady_from_ms(const struct sim_world *world)
{
    const struct sim_profile *p = &world->profile;
    bool is_disturbed = p->crash_gap_us + p->stop_gap_us + p->pause_gap_us + p->move_gap_us > 0 ||
                        p->store_passing + p->store_not_known + p->store_broken + p->store_slow > 0;
    for (uint32_t i = 0; i < SIM_FAULTS_COUNT; i++) is_disturbed |= p->faults[i] > 0;
    if (!is_disturbed) return SIM_EPOCH_MS;
    return SIM_EPOCH_MS + p->chaos_us / SIM_MS + SETTLING_MS;
}

void sim_check_policy(struct sim_world *world, const struct sim_row *row,
                      const struct sk_saga *saga)
{
    struct policy_state state = { .steady_from_ms = steady_from_ms(world) };
    for (uint32_t i = 0; i < row->events_count; i++) {
        struct sk_event event = sim_event_of(&row->events[i]);
        judge(world, row, saga, &event, &state);
    }
}

/*
 * check_tasks.c: tasks in a history. A task is taken only while it is on offer, so by one worker at
 * a time; a lease is moved only while it is held, and only forward; it is lost only when its time
 * is over. What is given to workers is judged where it is given (workers.c).
 */
#include "check.h"

#include <stdio.h>

struct task_state {
    bool is_offered;
    int64_t lease_ms; /* 0 = nobody has it */
};

static _Noreturn void fail(struct sim_world *world, const struct sim_row *row,
                           const struct sk_event *event, const char *what)
{
    sim_fail(world, "tasks", row->head.id, "event %llu, %s: %s", (unsigned long long)event->seq,
             sk_event_type_name(event->type), what);
}

static struct task_state *state_of(struct sim_map *states, const struct sk_event *event,
                                   bool is_undo)
{
    char text[64];
    int size = snprintf(text, sizeof text, "%u/%d/%d", event->step, event->item, is_undo);
    struct sk_str key = { text, (size_t)size };
    struct task_state *state = sim_map_get(states, key);
    if (state != NULL) return state;
    state = SK_ARENA_NEW(states->arena, struct task_state);
    sim_map_put(states, key, state);
    return state;
}

static void judge_waiting(struct sim_world *world, const struct sim_row *row,
                          const struct sk_event *event, struct task_state *state)
{
    bool is_moved = event->kind == SK_FOR_LEASE;
    if (is_moved && state->lease_ms == 0) fail(world, row, event, "no lease to move");
    if (is_moved && event->when_ms <= state->lease_ms) fail(world, row, event, "moved back");
    state->lease_ms = is_moved ? event->when_ms : 0;
    state->is_offered = event->kind == SK_FOR_WORKER;
}

static void judge_taking(struct sim_world *world, const struct sim_row *row,
                         const struct sk_event *event, struct task_state *state)
{
    world->checks->judged[SIM_CHECK_TASKS] += 1;
    if (!state->is_offered) fail(world, row, event, "taken and not on offer");
    if (event->when_ms <= event->at_ms) fail(world, row, event, "a lease that is over");
    state->is_offered = false;
    state->lease_ms = event->when_ms;
}

static void judge(struct sim_world *world, const struct sim_row *row, const struct sk_event *event,
                  struct sim_map *states)
{
    bool is_undo = event->type >= SK_EVENT_COMPENSATION_STARTED &&
                   event->type <= SK_EVENT_COMPENSATION_WAITING;
    struct task_state *state = state_of(states, event, is_undo);
    switch (event->type) {
    case SK_EVENT_STEP_WAITING:
    case SK_EVENT_COMPENSATION_WAITING: judge_waiting(world, row, event, state); return;
    case SK_EVENT_STEP_STARTED:
    case SK_EVENT_STEP_RETRYING:
    case SK_EVENT_COMPENSATION_STARTED:
    case SK_EVENT_COMPENSATION_RETRYING:
        if (event->kind == SK_FOR_LEASE) judge_taking(world, row, event, state);
        if (event->kind == SK_FOR_WORKER) state->is_offered = true; /* another round */
        return;
    case SK_EVENT_STEP_UNKNOWN:
    case SK_EVENT_COMPENSATION_UNKNOWN:
        if (sk_str_is(event->text, "lease_expired") && event->at_ms < state->lease_ms)
            fail(world, row, event, "before its time");
        state->lease_ms = 0;
        return;
    case SK_EVENT_STEP_COMPLETED:
    case SK_EVENT_STEP_FAILED:
    case SK_EVENT_STEP_SKIPPED:
    case SK_EVENT_COMPENSATION_COMPLETED:
    case SK_EVENT_COMPENSATION_FAILED:
    case SK_EVENT_COMPENSATION_SKIPPED: *state = (struct task_state){ 0 }; return;
    default: return;
    }
}

void sim_check_tasks(struct sim_world *world, const struct sim_row *row, const struct sk_saga *saga)
{
    struct sk_arena arena;
    struct sim_map states;
    if ((saga->plan->kinds >> SK_KIND_TASK & 1u) == 0) return;
    sk_arena_init(&arena);
    sim_map_init(&states, &arena);
    for (uint32_t i = 0; i < row->events_count; i++) {
        struct sk_event event = sim_event_of(&row->events[i]);
        if (event.step < saga->plan->steps_count) judge(world, row, &event, &states);
    }
    sk_arena_release(&arena);
}

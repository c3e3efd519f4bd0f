/*
 * check_hooks.c: hooks in a history, from the definition's lists and the rules in words. Every end
 * of a step, a saga or a compensation calls for each hook of its list once; none else runs; each
 * ends once, at most five attempts later; what is said to be done was there at the participant; and
 * a hook changes nothing: the judges of everything else look at histories that are full of them.
 */
#include "check.h"

#include <stdio.h>

enum { ATTEMPTS_MAX = 5, WANTED_ROOM = 16 };

struct wanted {
    uint64_t cause;
    uint32_t on, index, step;
    int32_t item;
    uint32_t attempts;
    bool is_over;
};

struct hooks_state {
    struct sim_world *world;
    const struct sim_row *row;
    const struct sk_plan *plan;
    struct sk_arena arena;
    struct wanted *items;
    uint32_t count, room;
};

static _Noreturn void fail(const struct hooks_state *state, const struct sk_event *event,
                           const char *what)
{
    sim_fail(state->world, "hooks", state->row->head.id, "event %llu, %s: %s",
             (unsigned long long)event->seq, sk_event_type_name(event->type), what);
}

static void make_room(struct hooks_state *state)
{
    uint32_t room = state->room == 0 ? WANTED_ROOM : 2 * state->room;
    struct wanted *items = SK_ARENA_ARRAY(&state->arena, struct wanted, room);
    if (state->count > 0) memcpy(items, state->items, state->count * sizeof *items);
    state->items = items;
    state->room = room;
}

static void want(struct hooks_state *state, const struct sk_event *event, uint32_t on,
                 const struct sk_hooks *hooks)
{
    for (uint32_t i = 0; i < hooks->count; i++) {
        if (state->count == state->room) make_room(state);
        state->items[state->count++] = (struct wanted){
            .cause = event->seq, .on = on, .index = i, .step = event->step, .item = event->item
        };
    }
}

/* A foreach calls for its hooks as a whole, an undo for each item. */
static void want_of_step(struct hooks_state *state, const struct sk_event *event)
{
    const struct sk_step *step = &state->plan->steps[event->step];
    bool is_whole = event->item < 0;
    if (event->type == SK_EVENT_STEP_COMPLETED && is_whole)
        want(state, event, SK_HOOK_ON_SUCCESS, &step->on_success);
    if (event->type == SK_EVENT_STEP_FAILED && is_whole)
        want(state, event, SK_HOOK_ON_FAILURE, &step->on_failure);
    if (event->type == SK_EVENT_COMPENSATION_FAILED)
        want(state, event, SK_HOOK_ON_COMPENSATION_FAILURE, &step->on_compensation_failure);
}

static struct wanted *find(struct hooks_state *state, const struct sk_event *event)
{
    for (uint32_t i = 0; i < state->count; i++) {
        struct wanted *w = &state->items[i];
        if (w->cause == event->number && w->on == event->kind && w->index == event->flags &&
            w->step == event->step && w->item == event->item)
            return w;
    }
    fail(state, event, "of a hook that nothing called for");
}

static void judge_completed(const struct hooks_state *state, const struct sk_event *event)
{
    char key[512];
    int size = snprintf(key, sizeof key, "%.*s/hook/%llu/%u", SK_STR_ARGS(state->row->head.id),
                        (unsigned long long)event->number, event->flags);
    if (sim_map_get(&state->world->books->hooks, (struct sk_str){ key, (size_t)size }) == NULL)
        fail(state, event, "its request never arrived");
}

static void judge_hook(struct hooks_state *state, const struct sk_event *event)
{
    struct wanted *w = find(state, event);
    state->world->checks->judged[SIM_CHECK_HOOKS] += 1;
    if (w->is_over) fail(state, event, "it had ended");
    if (event->type == SK_EVENT_HOOK_STARTED) {
        bool is_next = event->attempt == w->attempts + 1;
        if (!is_next && event->attempt != w->attempts) fail(state, event, "an attempt too many");
        if (event->attempt > ATTEMPTS_MAX) fail(state, event, "beyond the policy");
        w->attempts = event->attempt;
        return;
    }
    if (event->type == SK_EVENT_HOOK_COMPLETED) judge_completed(state, event);
    w->is_over = event->type == SK_EVENT_HOOK_COMPLETED || event->when_ms == 0;
}

static void judge(struct hooks_state *state, const struct sk_event *event)
{
    switch (event->type) {
    case SK_EVENT_SAGA_COMPLETED:
        want(state, event, SK_HOOK_ON_SUCCESS, &state->plan->on_success);
        return;
    case SK_EVENT_SAGA_COMPENSATED:
    case SK_EVENT_SAGA_FAILED:
    case SK_EVENT_SAGA_CANCELLED:
    case SK_EVENT_SAGA_TIMED_OUT:
        want(state, event, SK_HOOK_ON_FAILURE, &state->plan->on_failure);
        return;
    case SK_EVENT_HOOK_STARTED:
    case SK_EVENT_HOOK_COMPLETED:
    case SK_EVENT_HOOK_FAILED: judge_hook(state, event); return;
    default: break;
    }
    if (event->step < state->plan->steps_count) want_of_step(state, event);
}

void sim_check_hooks(struct sim_world *world, const struct sim_row *row, const struct sk_saga *saga)
{
    struct hooks_state state = { .world = world, .row = row, .plan = saga->plan };
    sk_arena_init(&state.arena);
    for (uint32_t i = 0; i < row->events_count; i++) {
        struct sk_event event = sim_event_of(&row->events[i]);
        judge(&state, &event);
    }
    for (uint32_t i = 0; i < state.count; i++) {
        if (state.items[i].is_over) continue;
        sim_fail(world, "hooks", row->head.id, "hook %u that event %llu called for never ended",
                 state.items[i].index, (unsigned long long)state.items[i].cause);
    }
    sk_arena_release(&state.arena);
}

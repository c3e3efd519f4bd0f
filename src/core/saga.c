/* saga.c: a saga's life as an object, and the questions every file of the core asks of it. */
#include "core/core_private.h"

/* For the texts of a small saga: with its steps it then lies in one piece. */
enum { TEXTS_SIZE = 1536, KEPT_SIZE_MAX = 16 * 1024 };

bool sk_saga_init(struct sk_saga *saga, const struct sk_plan *plan)
{
    struct sk_arena arena;
    sk_arena_init(&arena);
    return sk_saga_init_in(saga, plan, &arena);
}

bool sk_saga_init_in(struct sk_saga *saga, const struct sk_plan *plan, struct sk_arena *arena)
{
    *saga = (struct sk_saga){ .plan = plan, .state = SK_SAGA_PENDING, .error_step = SK_STEP_NONE };
    sk_arena_clear(arena);
    saga->arena = *arena;
    sk_arena_init(arena);
    size_t a_step = sizeof(struct sk_step_run) + sizeof(struct sk_unit);
    sk_arena_reserve(&saga->arena, plan->steps_count * a_step + TEXTS_SIZE);
    saga->steps = SK_ARENA_ARRAY(&saga->arena, struct sk_step_run, plan->steps_count);
    struct sk_unit *units = SK_ARENA_ARRAY(&saga->arena, struct sk_unit, plan->steps_count);
    for (uint32_t i = 0; units != NULL && i < plan->steps_count; i++) {
        if (sk_step_is_foreach(&plan->steps[i])) continue;
        saga->steps[i].units = &units[i];
        saga->steps[i].units_count = 1;
    }
    return !saga->arena.failed;
}

void sk_saga_release(struct sk_saga *saga)
{
    sk_arena_release(&saga->arena);
    *saga = (struct sk_saga){ 0 };
}

void sk_saga_give_back(struct sk_saga *saga, struct sk_arena *arena)
{
    if (arena->head == NULL && saga->arena.bytes <= KEPT_SIZE_MAX) {
        *arena = saga->arena;
        sk_arena_init(&saga->arena);
    }
    sk_saga_release(saga);
}

enum sk_saga_state sk_saga_shown_state(const struct sk_saga *saga)
{
    return saga->is_suspended ? SK_SAGA_SUSPENDED : saga->state;
}

bool sk_line_is_whole(struct sk_str line)
{
    size_t end = sk_str_find(line, '\n');
    return sk_str_find(line, ' ') < end && end < line.size;
}

bool sk_unit_may_have_happened(const struct sk_unit *unit)
{
    return unit->maybe || unit->state == SK_STEP_COMPLETED || unit->state == SK_STEP_COMPENSATING ||
           unit->state == SK_STEP_COMPENSATION_FAILED || unit->child_failed;
}

struct sk_call *sk_unit_call(struct sk_unit *unit, enum sk_operation operation)
{
    switch (operation) {
    case SK_OPERATION_ACTION:
    case SK_OPERATION_POLL: return &unit->action;
    case SK_OPERATION_COMPENSATION: return &unit->undo;
    case SK_OPERATION_VERIFY: return &unit->verify;
    case SK_OPERATION_HOOK:
    case SK_OPERATION_DECISION: break;
    }
    return NULL;
}

bool sk_step_must_succeed(const struct sk_saga *saga, uint32_t step)
{
    const struct sk_step *s = sk_step_of(saga, step);
    if (saga->state != SK_SAGA_RUNNING || s->may_fail || s->is_detached) return false;
    return saga->plan->is_forward || (saga->is_past_pivot && s->is_after_pivot);
}

bool sk_saga_is_frozen(const struct sk_saga *saga)
{
    uint32_t pivot = saga->plan->pivot;
    if (pivot == SK_STEP_NONE || saga->is_past_pivot || saga->state != SK_SAGA_RUNNING)
        return false;
    const struct sk_step_run *run = &saga->steps[pivot];
    /* Of a foreach all items are done, and only the event that says so is missing. */
    bool is_done = sk_step_is_foreach(sk_step_of(saga, pivot)) && run->state == SK_STEP_RUNNING &&
                   !run->is_failing && run->units_done == run->units_count;
    if (is_done) return true;
    for (uint32_t i = 0; i < run->units_count; i++) {
        const struct sk_unit *unit = &run->units[i];
        if (!sk_unit_is_busy(unit)) continue;
        if (unit->maybe || unit->action.state == SK_CALL_FLYING ||
            unit->action.state == SK_CALL_PENDING)
            return true;
    }
    return false;
}

static bool declares_nothing_to_undo(const struct sk_step *step)
{
    return step->compensation.type == SK_UNDO_SKIP;
}

bool sk_unit_undo_is_settled(const struct sk_saga *saga, uint32_t step, const struct sk_unit *unit)
{
    if (sk_unit_is_busy(unit)) return false;
    if (!sk_unit_may_have_happened(unit)) return true;
    if (unit->undo_state != SK_UNDO_OPEN) return true;
    if (unit->undo.state == SK_CALL_PARKED)
        return true; /* exhausted: counts as settled for the order */
    return declares_nothing_to_undo(sk_step_of(saga, step)) && !unit->child_failed;
}

bool sk_step_undo_is_settled(const struct sk_saga *saga, uint32_t step)
{
    const struct sk_step_run *run = &saga->steps[step];
    if (run->state == SK_STEP_RUNNING && run->units_count == 0) return true;
    for (uint32_t i = 0; i < run->units_count; i++)
        if (!sk_unit_undo_is_settled(saga, step, &run->units[i])) return false;
    return true;
}

uint32_t sk_saga_open(const struct sk_saga *saga)
{
    uint32_t open = 0;
    if (!sk_saga_state_is_end(saga->state)) return 0;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        const struct sk_step_run *run = &saga->steps[s];
        for (uint32_t i = 0; i < run->units_count; i++) {
            const struct sk_unit *unit = &run->units[i];
            if (sk_unit_is_busy(unit) || sk_call_is_busy(&unit->undo)) open++;
        }
    }
    if (saga->retry_after_locks) open++;
    open += sk_hooks_open(saga);
    return open;
}

bool sk_saga_is_over(const struct sk_saga *saga)
{
    return sk_saga_state_is_end(saga->state) && sk_saga_open(saga) == 0;
}

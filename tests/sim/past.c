/* past.c: the notes that events make, in the words of docs/internals/semantics.md. */
#include "past.h"

#include "core/core_private.h" /* the numbers in the events: marks, causes, meanings */

#include <stdio.h>

void sim_past_init(struct sim_past *past, struct sim_world *world, const struct sim_row *row,
                   const struct sk_plan *plan)
{
    *past = (struct sim_past){ .world = world, .row = row, .plan = plan };
    sk_arena_init(&past->arena);
    past->units = SK_ARENA_ARRAY(&past->arena, struct sim_unit_past *, plan->steps_count);
    past->units_count = SK_ARENA_ARRAY(&past->arena, uint32_t, plan->steps_count);
}

void sim_past_release(struct sim_past *past)
{
    sk_arena_release(&past->arena);
}

void sim_past_fail(const struct sim_past *past, const char *checker, const struct sk_event *event,
                   const char *what)
{
    sim_fail(past->world, checker, past->row->head.id, "event %llu, %s%s%.*s: %s",
             (unsigned long long)event->seq, sk_event_type_name(event->type),
             event->step < past->plan->steps_count ? " of " : "",
             event->step < past->plan->steps_count ? (int)past->plan->steps[event->step].id.size
                                                   : 0,
             event->step < past->plan->steps_count ? past->plan->steps[event->step].id.data : "",
             what);
}

static void add_room(struct sim_past *past, uint32_t step, uint32_t count)
{
    uint32_t before = past->units_count[step], capacity = before == 0 ? 4 : before * 2;
    while (capacity < count) capacity *= 2;
    struct sim_unit_past *units = SK_ARENA_ARRAY(&past->arena, struct sim_unit_past, capacity);
    for (uint32_t i = 0; i < before; i++) units[i] = past->units[step][i];
    for (uint32_t i = before; i < capacity; i++) {
        units[i].step = step;
        units[i].item = (int32_t)i - 1;
    }
    past->units[step] = units;
    past->units_count[step] = capacity;
}

struct sim_unit_past *sim_past_unit(struct sim_past *past, const struct sk_event *event)
{
    if (event->step >= past->plan->steps_count) return NULL;
    if (past->plan->steps[event->step].items != NULL && event->item < 0) return NULL;
    uint32_t place = (uint32_t)(event->item + 1);
    if (place >= past->units_count[event->step]) add_room(past, event->step, place + 1);
    return &past->units[event->step][place];
}

/* ---- actions --------------------------------------------------------------------------------- */

static void unanswered(struct sim_unit_past *unit, int64_t deadline_ms)
{
    if (deadline_ms > unit->unanswered_ms) unit->unanswered_ms = deadline_ms;
}

static void fly(struct sim_unit_past *unit, const struct sk_event *event)
{
    unit->is_flying = true;
    unit->is_pending = false;
    unit->attempt = event->attempt;
    unit->round = event->round;
    unit->deadline_ms = event->when_ms;
    unit->waits = SK_FOR_NOTHING;
    unit->until_ms = 0;
}

static void land(struct sim_unit_past *unit)
{
    unit->is_flying = unit->is_pending = false;
    unit->waits = SK_FOR_NOTHING;
    unit->until_ms = unit->given_up_ms = 0;
}

static void add_start(struct sim_unit_past *unit, const struct sk_event *event)
{
    if (unit->begun == 0) unit->begun = event->seq;
    unit->is_failed = unit->is_skipped = false;
    fly(unit, event);
    if (event->kind == SK_FOR_NOTHING || event->kind == SK_FOR_LEASE) return;
    unit->is_flying = false; /* waits, polls, children */
    unit->waits = (enum sk_wait_for)event->kind;
    unit->until_ms = event->when2_ms;
    unit->given_up_ms = event->when_ms;
}

static void add_waiting(struct sim_unit_past *unit, const struct sk_step *step,
                        const struct sk_event *event)
{
    if (event->kind == SK_FOR_LEASE) { /* moved */
        unit->deadline_ms = event->when_ms;
        return;
    }
    if ((event->flags & SK_MARK_MAYBE_CLEARED) != 0) unit->is_maybe = false;
    if (event->kind == SK_FOR_REDRIVE && sim_has_participant(step)) {
        unit->is_maybe = true;
        unanswered(unit, unit->deadline_ms);
    }
    int64_t given_up_ms = unit->given_up_ms;
    land(unit);
    unit->given_up_ms = given_up_ms;
    unit->is_pending = event->kind == SK_FOR_ANSWER;
    unit->waits = (enum sk_wait_for)event->kind;
    unit->until_ms = event->when_ms;
}

/* A no that proves nothing is an answer, too: then the event names no instant. A crash and a lost
 * worker are none, whatever it names, and a pending answer is one. */
static void add_unknown(struct sim_unit_past *unit, const struct sk_event *event)
{
    bool is_silence = sk_str_is(event->text, "crashed") || sk_str_is(event->text, "lease_expired");
    unit->is_maybe = true;
    if (!unit->is_pending && (is_silence || event->when_ms != 0))
        unanswered(unit, unit->deadline_ms);
    land(unit);
}

static void add_failed(struct sim_unit_past *unit, const struct sk_event *event)
{
    if ((event->flags & SK_MARK_MAYBE_CLEARED) != 0) unit->is_maybe = false;
    if ((event->flags & SK_MARK_CHILD_FAILED) != 0) unit->has_failed_child = true;
    unit->is_failed = true;
    land(unit);
}

static void add_late(struct sim_past *past, struct sim_unit_past *unit,
                     const struct sk_event *event)
{
    past->lates += 1;
    unit->lates += 1;
    bool is_again = event->kind == SK_LATE_MAYBE_AGAIN || event->kind == SK_LATE_UNDO_DUE ||
                    event->kind == SK_LATE_REOPENS;
    if (is_again) {
        unit->is_maybe = true;
        unit->undo = SIM_UNDO_NONE;
    }
    if (event->kind == SK_LATE_RESIDUE && unit->undo == SIM_UNDO_NONE) unit->undo = SIM_UNDO_LEFT;
}

static void add_of_action(struct sim_past *past, struct sim_unit_past *unit,
                          const struct sk_event *event)
{
    const struct sk_step *step = &past->plan->steps[event->step];
    switch (event->type) {
    case SK_EVENT_STEP_STARTED: add_start(unit, event); return;
    case SK_EVENT_STEP_RETRYING:
        if (unit->begun == 0) unit->begun = event->seq;
        if (event->kind == SK_FOR_WORKER)
            land(unit);
        else
            fly(unit, event);
        return;
    case SK_EVENT_STEP_REDRIVEN:
        if (sim_has_participant(step)) {
            unit->is_maybe = true;
            unanswered(unit, unit->deadline_ms);
        }
        fly(unit, event);
        return;
    case SK_EVENT_STEP_WAITING: add_waiting(unit, step, event); return;
    case SK_EVENT_STEP_UNKNOWN: add_unknown(unit, event); return;
    case SK_EVENT_STEP_COMPLETED:
        unit->is_done = true;
        unit->is_maybe = unit->is_failed = false;
        land(unit);
        return;
    case SK_EVENT_STEP_FAILED:
        unit->verify_until_ms = 0; /* what is still to be asked then is asked anew */
        add_failed(unit, event);
        return;
    case SK_EVENT_STEP_SKIPPED:
        unit->is_skipped = true;
        if (event->when_ms != 0) unanswered(unit, event->when_ms);
        land(unit);
        return;
    case SK_EVENT_STEP_LATE: add_late(past, unit, event); return;
    case SK_EVENT_VERIFY_STARTED: unit->verify_until_ms = 0; return;
    case SK_EVENT_VERIFY_FAILED: unit->verify_until_ms = event->when_ms; return;
    case SK_EVENT_VERIFY_COMPLETED:
        unit->is_maybe = false;
        unit->unanswered_ms = 0;
        return;
    default: return;
    }
}

/* ---- compensations --------------------------------------------------------------------------- */

static void add_undo_start(struct sim_unit_past *unit, const struct sk_event *event)
{
    unit->undo = SIM_UNDO_BEGUN;
    unit->undo_attempt = event->attempt;
    unit->undo_until_ms = 0;
    if (event->type == SK_EVENT_COMPENSATION_STARTED) unit->undo_attempts = 0;
    if (event->flags == 0) unit->undo_attempts += 1; /* a redrive is the same again */
}

static void add_undo_waiting(struct sim_unit_past *unit, const struct sk_event *event)
{
    if (event->kind == SK_FOR_LEASE) return;
    unit->undo = SIM_UNDO_BEGUN;
    unit->undo_until_ms = event->when_ms;
    if (event->kind == SK_FOR_SWEEP) unit->takeups += 1;
    if ((event->flags & SK_MARK_SECOND_POLICY) != 0) unit->undo_attempts = 0;
}

static void add_of_undo(struct sim_past *past, struct sim_unit_past *unit,
                        const struct sk_event *event)
{
    switch (event->type) {
    case SK_EVENT_COMPENSATION_STARTED:
    case SK_EVENT_COMPENSATION_RETRYING: add_undo_start(unit, event); return;
    case SK_EVENT_COMPENSATION_WAITING: add_undo_waiting(unit, event); return;
    case SK_EVENT_COMPENSATION_COMPLETED:
        unit->undo = SIM_UNDO_DONE;
        unit->is_done = unit->is_maybe = unit->has_failed_child = false;
        return;
    case SK_EVENT_COMPENSATION_FAILED:
        unit->undo = event->kind != 0 ? SIM_UNDO_LEFT : SIM_UNDO_FAILED;
        past->undo_failures += 1;
        return;
    case SK_EVENT_COMPENSATION_SKIPPED:
        unit->undo = event->kind == SK_UNDO_SKIP_UNSETTLED ? SIM_UNDO_FAILED : SIM_UNDO_LEFT;
        return;
    case SK_EVENT_OPERATOR_RETRY:
        if (unit->undo != SIM_UNDO_FAILED) return;
        unit->undo = SIM_UNDO_NONE;
        unit->takeups = 0;
        return;
    default: return;
    }
}

/* ---- the saga -------------------------------------------------------------------------------- */

/* What pauses ends when the undoing begins, or goes on by force; what is still to be asked is asked
 * at once. */
static void end_pauses(struct sim_past *past)
{
    for (uint32_t s = 0; s < past->plan->steps_count; s++) {
        for (uint32_t i = 0; i < past->units_count[s]; i++) past->units[s][i].verify_until_ms = 0;
    }
}

static uint32_t narrowed(struct sim_past *past, const struct sk_event *event)
{
    struct sk_start start;
    return sk_start_decode(event->extra, &past->arena, &start) ? start.max_attempts : 0;
}

static void add_of_saga(struct sim_past *past, const struct sk_event *event)
{
    switch (event->type) {
    case SK_EVENT_SAGA_ACCEPTED:
        past->state = SK_SAGA_PENDING;
        past->accept_until_ms = event->when_ms;
        past->max_attempts = narrowed(past, event);
        return;
    case SK_EVENT_SAGA_STARTED:
        past->state = SK_SAGA_RUNNING;
        past->started_at_ms = event->at_ms;
        return;
    case SK_EVENT_SAGA_COMPLETED:
        past->state = SK_SAGA_COMPLETED;
        past->is_forced = past->is_forced || event->kind == SK_REASON_FORCED;
        return;
    case SK_EVENT_SAGA_COMPENSATING:
        past->state = SK_SAGA_COMPENSATING;
        past->undoing_since = event->seq;
        end_pauses(past);
        return;
    case SK_EVENT_SAGA_COMPENSATED: past->state = SK_SAGA_COMPENSATED; return;
    case SK_EVENT_SAGA_FAILED: past->state = SK_SAGA_FAILED; return;
    case SK_EVENT_SAGA_CANCELLED: past->state = SK_SAGA_CANCELLED; return;
    case SK_EVENT_SAGA_TIMED_OUT: past->state = SK_SAGA_TIMED_OUT; return;
    case SK_EVENT_LOCK_REQUESTED:
        if (event->when_ms != 0) past->locks_until_ms = event->when_ms;
        return;
    case SK_EVENT_OPERATOR_FORCE_CANCEL:
        past->has_force_cancel = true;
        end_pauses(past);
        return;
    default: return;
    }
}

void sim_past_add(struct sim_past *past, const struct sk_event *event)
{
    struct sim_unit_past *unit = sim_past_unit(past, event);
    bool is_step = event->step < past->plan->steps_count;
    bool is_pivot = is_step && past->plan->pivot == event->step;
    bool is_undo = event->type >= SK_EVENT_COMPENSATION_STARTED &&
                   event->type <= SK_EVENT_COMPENSATION_WAITING;
    if (event->type >= SK_EVENT_OPERATOR_CANCEL && event->type != SK_EVENT_OPERATOR_SUSPEND &&
        event->type != SK_EVENT_OPERATOR_RESUME)
        past->operators += 1;
    if (is_pivot && event->type == SK_EVENT_STEP_COMPLETED && event->item < 0 &&
        past->state == SK_SAGA_RUNNING)
        past->is_past_pivot = true;
    if (unit == NULL) {
        add_of_saga(past, event);
        return;
    }
    if (is_undo || event->type == SK_EVENT_OPERATOR_RETRY)
        add_of_undo(past, unit, event);
    else
        add_of_action(past, unit, event);
}

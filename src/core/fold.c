/* fold.c: the moves that every part of the fold makes: a unit's state along its table, a call's
 * life. */
#include "core/fold.h"

#define TO(state) (1u << SK_STEP_##state)
/*  PENDING --> RUNNING <--> WAITING --> COMPLETED --> COMPENSATING --> COMPENSATED
 *     |           |            |           ^               |  ^
 *     +--> SKIPPED+--> FAILED <+-----------+ verify        v  | retry, repaired child
 *              \---------\--- maybe ---> COMPENSATING   COMPENSATION_FAILED --> COMPLETED | FAILED
 * (the last by a verify that an operator's retry asked again)                                    */
static const uint32_t unit_next[SK_STEP_STATES_COUNT] = {
    [SK_STEP_PENDING] = TO(RUNNING) | TO(WAITING) | TO(SKIPPED) | TO(FAILED),
    [SK_STEP_RUNNING] = TO(RUNNING) | TO(WAITING) | TO(COMPLETED) | TO(FAILED) | TO(SKIPPED),
    [SK_STEP_WAITING] = TO(RUNNING) | TO(WAITING) | TO(COMPLETED) | TO(FAILED) | TO(SKIPPED),
    [SK_STEP_COMPLETED] = TO(COMPENSATING) | TO(COMPENSATION_FAILED),
    [SK_STEP_FAILED] = TO(COMPLETED) | TO(COMPENSATING) | TO(COMPENSATED) |
                       TO(COMPENSATION_FAILED) | TO(SKIPPED) | TO(RUNNING) | TO(WAITING),
    [SK_STEP_SKIPPED] = TO(COMPLETED) | TO(COMPENSATING) | TO(COMPENSATION_FAILED),
    [SK_STEP_COMPENSATING] = TO(COMPENSATING) | TO(COMPENSATED) | TO(COMPENSATION_FAILED),
    [SK_STEP_COMPENSATED] = 0u,
    [SK_STEP_COMPENSATION_FAILED] =
        TO(COMPENSATING) | TO(COMPENSATED) | TO(COMPENSATION_FAILED) | TO(COMPLETED) | TO(FAILED),
};

struct sk_str sk_fold_keep(struct fold *f, struct sk_str s)
{
    return s.size == 0 ? (struct sk_str){ NULL, 0 } : sk_arena_copy(&f->saga->arena, s);
}

static uint32_t settled(const struct sk_unit *unit)
{
    return unit->state != SK_STEP_PENDING && !sk_unit_is_busy(unit);
}

/* The only place that changes a unit's state; the step's state, or its count of settled items,
 * follows. */
void sk_fold_move(struct fold *f, enum sk_step_state to)
{
    if (f->unit == NULL || (unit_next[f->unit->state] >> to & 1u) == 0u) {
        f->bad = true;
        return;
    }
    uint32_t before = settled(f->unit);
    f->unit->state = to;
    if (!sk_step_is_foreach(f->step)) {
        f->run->state = to;
        return;
    }
    f->run->units_done = f->run->units_done - before + settled(f->unit);
    if (to != SK_STEP_SKIPPED && f->run->units_next <= (uint32_t)f->event->item)
        f->run->units_next = (uint32_t)f->event->item + 1; /* items start in order */
}

void sk_fold_error(struct fold *f)
{
    f->unit->error_code = sk_fold_keep(f, f->event->text);
    f->unit->error_message = sk_fold_keep(f, f->event->note);
}

static void keep_request(struct fold *f, struct sk_call *call)
{
    if (f->event->extra.size > 0) call->line = sk_fold_keep(f, f->event->extra);
    if (f->event->extra.size > 0) call->body = sk_fold_keep(f, f->event->body);
}

/* An attempt is due from this event on. */
void sk_fold_fly(struct fold *f, struct sk_call *call)
{
    const struct sk_event *e = f->event;
    if (e->round != call->round) {
        call->had_unknown = false;
        call->last_was_no = false;
    }
    call->state = SK_CALL_FLYING;
    call->what = SK_FOR_NOTHING;
    call->attempt = e->attempt;
    call->round = e->round;
    call->start_seq = e->seq;
    call->deadline_ms = e->when_ms;
    call->due_at_ms = 0;
    keep_request(f, call);
    bool waits = e->kind != SK_FOR_NOTHING &&
                 e->kind != SK_FOR_LEASE; /* a timer, a signal or a child sends nothing itself */
    if (!waits && !f->saga->arena.failed && !sk_line_is_whole(call->line)) f->bad = true;
}

void sk_fold_lease(struct fold *f, struct sk_call *call)
{
    call->deadline_ms = f->event->when_ms;
    sk_fold_pause(call, SK_CALL_PENDING, SK_FOR_LEASE, f->event->when_ms);
}

void sk_fold_land(struct sk_call *call)
{
    call->state = SK_CALL_IDLE;
    call->what = SK_FOR_NOTHING;
    call->due_at_ms = 0;
}

void sk_fold_pause(struct sk_call *call, enum sk_call_state state, uint32_t what, int64_t due_at_ms)
{
    call->state = state;
    call->what = (enum sk_wait_for)what;
    call->due_at_ms = due_at_ms;
}

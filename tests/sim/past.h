/*
 * past.h: what a history says of each unit (a step, or an item of a foreach) up to an event, taken
 * from the events alone: the core's own fold is one of those that are judged. The judges of one
 * event after the other look at the past as it is before their event.
 */
#ifndef SIM_PAST_H
#define SIM_PAST_H

#include "check.h"

/* How an undo stands. */
enum sim_undo { SIM_UNDO_NONE, SIM_UNDO_BEGUN, SIM_UNDO_DONE, SIM_UNDO_FAILED, SIM_UNDO_LEFT };

struct sim_unit_past {
    uint32_t step;
    int32_t item;
    uint64_t begun; /* seq of the first start, or offer */
    bool is_done, is_maybe, is_failed, is_skipped, has_failed_child;
    bool is_flying;          /* an attempt is due or on the wire */
    bool is_pending;         /* accepted: answered, for law 6 */
    uint32_t attempt, round; /* of the action, the last */
    int64_t deadline_ms;     /* of the attempt that flies */
    int64_t unanswered_ms;   /* latest deadline of the attempts without answer */
    enum sk_wait_for waits;  /* of the action … */
    int64_t until_ms;        /* … 0 = not for a time */
    int64_t given_up_ms;     /* a wait's own time-out; 0 = none */
    enum sim_undo undo;
    uint32_t undo_attempt, undo_attempts, takeups; /* undo_attempts: in this round, all */
    int64_t undo_until_ms, verify_until_ms;
    uint32_t lates;
};

struct sim_past {
    struct sim_world *world;
    const struct sim_row *row;
    const struct sk_plan *plan;
    struct sk_arena arena;
    struct sim_unit_past **units; /* by step: one for the step itself, then its items */
    uint32_t *units_count;
    enum sk_saga_state state; /* by the events */
    uint64_t undoing_since;   /* seq; 0 = never */
    bool is_past_pivot, is_forced, has_force_cancel;
    uint32_t operators; /* commands that may do what no policy says */
    uint32_t lates, undo_failures;
    int64_t accept_until_ms, locks_until_ms;
    int64_t started_at_ms;
    uint32_t max_attempts; /* the start narrows its definition; 0 = does not */
};

void sim_past_init(struct sim_past *past, struct sim_world *world, const struct sim_row *row,
                   const struct sk_plan *plan);
void sim_past_release(struct sim_past *past);
/* NULL: the event is of no unit (of the saga, or of a foreach as a whole). */
struct sim_unit_past *sim_past_unit(struct sim_past *past, const struct sk_event *event);
/* The event is past now. */
void sim_past_add(struct sim_past *past, const struct sk_event *event);

/* Does its participant hear of it? Waits and children have no participant. */
static inline bool sim_has_participant(const struct sk_step *step)
{
    return step->kind != SK_KIND_WAIT && step->kind != SK_KIND_SAGA;
}
/* Nothing stands of it, or something may. */
static inline bool sim_may_stand(const struct sim_unit_past *unit)
{
    return unit->is_done || unit->is_maybe;
}

/* Ends the run: "event 7, step.started: <what>". */
_Noreturn void sim_past_fail(const struct sim_past *past, const char *checker,
                             const struct sk_event *event, const char *what);

/* check.c: all judges of one event, which is past then. */
void sim_past_judge(struct sim_past *past, const struct sk_event *event);
/* check_once.c, check_law6.c, check_late.c, check_timers.c, check_attempts.c: one event each. */
void sim_judge_once(struct sim_past *past, const struct sk_event *event);
void sim_judge_law6(struct sim_past *past, const struct sk_event *event);
void sim_judge_late(struct sim_past *past, const struct sk_event *event);
void sim_judge_timer(struct sim_past *past, const struct sk_event *event);
void sim_judge_attempt(struct sim_past *past, const struct sk_event *event);
/* … and the whole, at its end: check_once.c, check_undo_goes_on.c. */
void sim_judge_once_end(struct sim_past *past, const struct sk_saga *saga);
void sim_judge_goes_on(struct sim_past *past, const struct sk_saga *saga);

#endif

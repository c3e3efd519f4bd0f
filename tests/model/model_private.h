/* model_private.h: what the files of the model share. */
#ifndef MODEL_PRIVATE_H
#define MODEL_PRIVATE_H

#include "model.h"

/* ---- the definition, as read by definition.c ------------------------------------------------- */

enum { NO_STEP = -1, SKEW_MS = 2000, REDRIVES_MAX = 5, LATE_MAX = 100 };

enum growth { GROWS_NOT, GROWS_BY_FACTOR, GROWS_BY_SUM, NEVER_AGAIN };
enum jitter { JITTER_NONE, JITTER_QUARTER, JITTER_FULL };
struct policy {
    enum growth growth;
    unsigned attempts_max;
    int64_t initial_ms, max_ms, increment_ms;
    double multiplier;
    enum jitter jitter;
    bool has_opinions; /* lists of errors or a function: it may give up early, or try a no again */
};

enum way { BY_CALL, BY_TASK, BY_WAIT, BY_CHILD };
enum waiting { WAITS_TIME = 3, WAITS_SIGNAL = 4, WAITS_POLL = 5, WAITS_CHILD = 6 };

enum undoing { UNDO_UNSAID, UNDO_NOTHING, UNDO_CALL, UNDO_TASK, UNDO_CHILD };
struct compensation {
    enum undoing how;
    bool only_completed;
    bool tries_again;   /* by a second policy, before it counts as failed */
    bool stands;        /* what cannot be undone is left, and listed as residue */
    int64_t timeout_ms; /* -1: cannot be told without a template */
    struct policy policy, second_policy;
    unsigned hooks; /* notifications of its failure */
};

struct step_definition {
    char *id;
    enum way way;
    int *dependencies;
    unsigned dependencies_count;
    bool *is_ancestor; /* by place: must come before, at whatever distance */
    bool is_async, may_fail, is_pivot, is_after_pivot, is_idempotent, has_verify, has_condition,
        is_foreach;
    unsigned parallel;
    int64_t timeout_ms;                          /* of an attempt; -1 as above */
    int64_t verify_timeout_ms;                   /* 0 = the default, -1 as above */
    int64_t step_timeout_ms, pending_timeout_ms; /* 0 = none */
    struct policy policy;
    struct compensation undo;
    enum waiting waiting; /* BY_WAIT */
    char *signal;
    int64_t wait_timeout_ms; /* of a signal, a poll; 0 = none */
    int64_t interval_ms;     /* of a poll */
    unsigned hooks_success, hooks_failure;
};

struct model_definition {
    struct step_definition *steps;
    unsigned steps_count;
    int pivot; /* or NO_STEP */
    bool is_forward, is_parallel_undo, is_best_effort, holds_locks;
    int64_t timeout_ms, lock_timeout_ms;
    unsigned hooks_success, hooks_failure;
};

/* ---- the state ------------------------------------------------------------------------------- */

enum saga_state {
    PENDING,
    RUNNING,
    COMPLETED,
    COMPENSATING,
    COMPENSATED,
    FAILED,
    CANCELLED,
    TIMED_OUT
};
enum reason {
    REASON_NONE,
    REASON_STEP,
    REASON_CANCEL,
    REASON_TIMEOUT,
    REASON_PARENT,
    REASON_FORCED,
    REASON_ACQUIRE,
    REASON_LOCK
};

/* Where a call stands. An action: an attempt of it. */
enum stage {
    NOT_BEGUN,
    OUT,      /* due or on the wire */
    ACCEPTED, /* the participant will answer later */
    OFFERED,  /* a task that nobody has taken */
    LEASED,
    PAUSED,  /* until the next attempt */
    WAITING, /* for a time, a signal, a poll, a child */
    HUMAN,
    REDRIVE, /* the same attempt again, once the saga is resumed */
    SWEEP,   /* an undo that is used up, taken up again later */
    BETWEEN, /* an attempt has just ended unknown; or verify decides */
    SETTLED
};
struct call {
    enum stage stage;
    uint32_t attempt, round, redrives;
    int64_t deadline_ms, until_ms;
    bool had_loose;   /* an attempt of this round got no answer */
    bool last_was_no; /* the last answer of this round was a clear no */
    bool is_granted;  /* an operator lets it be tried now */
};

enum result { OPEN, DONE, GAVE_UP, SKIPPED };
enum undone { UNDO_OPEN, UNDONE, UNDO_LEFT, UNDO_FAILED, UNDO_RESIDUE };

struct unit {
    enum result result;
    enum undone undone;
    bool maybe;
    bool maybe_by_other_key; /* an attempt of an earlier round has happened after all */
    struct call action, verify, undo;
    bool verify_gave_up;
    bool was_verified_no; /* verify said: it has not happened; a retry or a failure follows */
    bool child_failed;
    bool undo_second_policy;
    bool is_undo_begun;   /* in earnest: an attempt or an offer of it was made */
    bool had_undo_failed; /* opened again by an operator, and not begun yet */
    unsigned takeups;
    int64_t loose_until_ms, first_start_ms;
    uint64_t first_start;
    bool is_skip_granted;
    bool is_waking_late; /* step.late has asked for its undo */
    bool failed_with_class_no;
};

struct step {
    const struct step_definition *definition;
    struct unit *units;
    unsigned units_count;
    bool is_begun;      /* offered or started, or settled without */
    bool is_list_known; /* foreach: its items are */
    enum result result; /* of the whole */
    bool is_failing;    /* foreach: an item failed that may not */
    bool is_skip_granted;
    uint64_t first_start;
};

struct hook {
    uint64_t cause;
    int step;
    int32_t item;
    uint32_t on, place;
    uint32_t attempt, redrives;
    enum stage stage; /* NOT_BEGUN, OUT, PAUSED, SETTLED */
    int64_t until_ms, deadline_ms;
};
enum { ON_SUCCESS = 1, ON_FAILURE = 2, ON_UNDO_FAILURE = 3 };

struct lock {
    char *key;
    bool is_inherited, is_asked, is_held, was_asked;
};

struct signal {
    char *name, *id;
    bool is_taken;
};

/* What an operator (or the parent) has asked for and the same decision must now do. */
struct wishes {
    bool cancel, force_cancel, force_complete, suspend, resume, retry_failed, force_failed,
        late_reopens;
};

struct model {
    const struct model_definition *definition;
    struct model_rules rules;
    int64_t timeout_ms;
    unsigned attempts_max; /* of the start; 0 = the definition's */
    bool has_parent;
    struct step *steps;
    unsigned steps_count;
    enum saga_state state;
    enum reason reason, wish;
    bool is_suspended, is_past_pivot, is_forced, is_alerted_timeout;
    bool is_undo_forced;
    uint64_t seq, snapshot_seq;
    int64_t at_ms, started_ms, deadline_ms, acquire_deadline_ms, lock_deadline_ms;
    struct lock *locks;
    unsigned locks_count;
    bool waits_for_locks; /* a retry of a failed saga takes them again */
    struct signal *signals;
    unsigned signals_count, signals_room;
    struct hook *hooks;
    unsigned hooks_count, hooks_room;
    unsigned late_count, residue;
    struct wishes asked;
    char held_for[64]; /* why it is suspended: under another name it may be so anew */
    char problem[512];
};

/* The event being taken in, its names resolved. */
struct fact {
    const struct model_event *event;
    int place_of_step; /* NO_STEP = none */
    struct step *step;
    struct unit *unit; /* NULL: the saga, or a foreach as a whole */
};

/* Writes down the law that is broken; always false. */
bool model_no(struct model *model, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool model_text_is(struct model_text text, const char *literal);

/* rules.c: questions about the state */
bool is_end(enum saga_state state);
bool is_settled(const struct model *model, const struct step *step);
bool are_dependencies_settled(const struct model *model, const struct step *step);
/* It may not be given up: recovery forward, or after a pivot that completed. */
bool must_succeed(const struct model *model, const struct step *step);
/* A pivot is in flight, awaited or maybe. */
bool is_frozen(const struct model *model);
bool is_flying(const struct call *call);
bool is_active(const struct unit *unit); /* its action has begun and is not settled */
unsigned attempts_max(const struct model *model, const struct policy *policy);
/* Law 6. */
bool is_loose(const struct unit *unit, int64_t now_ms);
int64_t least_pause_ms(const struct policy *policy, uint32_t next_attempt);
/* The undoing of this saga owes it something. */
bool is_to_undo(const struct model *model, const struct step *step, const struct unit *unit);
/* Nothing stands in the way of its undo but time. */
bool is_undo_turn(const struct model *model, const struct step *step, const struct unit *unit);
/* Work may begin or go on in this step now: the saga runs, or it is async and the saga is over. */
bool may_work(const struct model *model, const struct step *step);
int32_t item_of(const struct step *step, const struct unit *unit);

/* action.c, verify.c, undo.c, saga.c, operators.c, hooks.c: one function a type of event */
typedef bool take_in(struct model *model, const struct fact *fact);
take_in on_step_started, on_step_completed, on_step_failed, on_step_unknown, on_step_retrying,
    on_step_redriven, on_step_waiting, on_step_skipped, on_step_late;
take_in on_verify_started, on_verify_completed, on_verify_failed;
take_in on_compensation_started, on_compensation_completed, on_compensation_failed,
    on_compensation_unknown, on_compensation_retrying, on_compensation_skipped,
    on_compensation_waiting;
take_in on_saga_accepted, on_saga_started, on_saga_completed, on_saga_compensating,
    on_saga_compensated, on_saga_failed, on_saga_cancelled, on_saga_timed_out, on_saga_suspended,
    on_saga_resumed, on_saga_alerted, on_saga_snapshot;
take_in on_lock_requested, on_lock_granted, on_lock_released;
take_in on_hook_started, on_hook_completed, on_hook_failed;
take_in on_signal_received;
take_in on_operator_cancel, on_operator_force_cancel, on_operator_force_complete, on_operator_retry,
    on_operator_skip_step, on_operator_suspend, on_operator_resume;

/* action.c: what is settled otherwise needs no verify, and hears none */
void end_verify(struct unit *unit);
/* hooks.c: an event calls for the hooks of a list */
bool call_for_hooks(struct model *model, const struct fact *fact, uint32_t on, unsigned count);
unsigned open_hooks(const struct model *model);
/* rest.c */
bool is_all_undone(const struct model *model);
/* foreach: whether the whole may end, and how */
bool room_for_units(struct model *model, struct step *step, unsigned count);

#endif

/*
 * saga.h: the state of one saga: the fold of its events. Written by evolve.c alone.
 *
 *              +--------------- retry by an operator, late success, repaired child --+
 *              |                                                                      |
 *   PENDING -> RUNNING -> COMPLETED -(parent's command)-> COMPENSATING -> COMPENSATED |
 *      |          +--------------------------------------------^  +-----> CANCELLED   |
 *      |                                                          +-----> TIMED_OUT   |
 *      +--> CANCELLED | TIMED_OUT (nothing was done)              +-----> FAILED -----+
 *   is_suspended may stand beside PENDING, RUNNING and COMPENSATING; people then see `suspended`.
 *
 * A step has units: one, or one per item of its foreach. The unit is what is attempted, keyed,
 * maybe and undone. Its three kinds of call (action, verify, undo) share one machine:
 *
 *   IDLE --> FLYING --> IDLE (settled)        FLYING --> PENDING (accepted) --> IDLE
 *              |  ^                           FLYING = an attempt is due or on the wire
 *              v  |
 *            PAUSED (until due_at)            PARKED = waits for a human or for the sweep
 *
 *   C1  A unit that is FLYING has a start_seq: the event that made this attempt due.
 *   C2  maybe is set by step.unknown and step.redriven, cleared by a success, a verify, or the
 *       clear no of an idempotent participant; nothing else touches it.
 *   C3  A compensation of a maybe unit starts only after unanswered_until + SK_SKEW_ALLOWANCE_MS.
 *   C4  A unit is undone at most once a round.
 *   C5  In COMPENSATING no step starts.
 *   C6  seq counts every event; the fold of all stored events is this struct, byte for byte as
 *       sk_saga_encode writes it.
 */
#ifndef SK_CORE_SAGA_H
#define SK_CORE_SAGA_H

#include "core/event.h"
#include "core/outcome.h"
#include "core/plan.h"

/* The numbers are stored; never used again. */
enum sk_saga_state {
    SK_SAGA_PENDING = 1,
    SK_SAGA_RUNNING = 2,
    SK_SAGA_COMPLETED = 3,
    SK_SAGA_COMPENSATING = 4,
    SK_SAGA_COMPENSATED = 5,
    SK_SAGA_FAILED = 6,
    SK_SAGA_CANCELLED = 7,
    SK_SAGA_TIMED_OUT = 8,
    SK_SAGA_SUSPENDED = 9, /* only as shown: see sk_saga_shown_state */
    SK_SAGA_STATES_COUNT = 10
};
/* "completed"; "unknown" for a number that is none, which a damaged store may hold. */
const char *sk_saga_state_name(enum sk_saga_state state);
enum sk_saga_state sk_saga_state_of(struct sk_str name); /* 0 = no such name */
bool sk_saga_state_is_end(enum sk_saga_state state);

enum sk_reason {
    SK_REASON_NONE,
    SK_REASON_STEP, /* a step failed */
    SK_REASON_CANCEL,
    SK_REASON_TIMEOUT,
    SK_REASON_PARENT, /* the parent's command */
    SK_REASON_FORCED, /* force-complete */
    SK_REASON_ACQUIRE_TIMEOUT,
    SK_REASON_LOCK_TIMEOUT,
    SK_REASONS_COUNT
};
/* "step", "" for none; "unknown" for a number that is none, which a damaged store may hold. */
const char *sk_reason_name(enum sk_reason reason);

enum sk_step_state {
    SK_STEP_PENDING,
    SK_STEP_RUNNING,
    SK_STEP_WAITING,
    SK_STEP_COMPLETED,
    SK_STEP_FAILED,
    SK_STEP_SKIPPED,
    SK_STEP_COMPENSATING,
    SK_STEP_COMPENSATED,
    SK_STEP_COMPENSATION_FAILED,
    SK_STEP_STATES_COUNT
};
const char *sk_step_state_name(enum sk_step_state state);

enum sk_call_state {
    SK_CALL_IDLE,
    SK_CALL_FLYING,
    SK_CALL_PENDING,
    SK_CALL_PAUSED,
    SK_CALL_PARKED
};

/* What a PAUSED, PENDING or PARKED call waits for; kind of step.waiting and
 * compensation.waiting. */
enum sk_wait_for {
    SK_FOR_NOTHING,
    SK_FOR_BACKOFF, /* the next attempt */
    SK_FOR_ANSWER,  /* a pending answer */
    SK_FOR_TIMER,   /* wait for, wait until */
    SK_FOR_SIGNAL,
    SK_FOR_POLL,
    SK_FOR_CHILD,
    SK_FOR_HUMAN,   /* a clear no where it must succeed */
    SK_FOR_SWEEP,   /* an exhausted compensation, taken up again at due_at */
    SK_FOR_REDRIVE, /* the same attempt again, once resumed */
    SK_FOR_WORKER,  /* PAUSED: a task that nobody has taken; due_at: its step_timeout */
    SK_FOR_LEASE,   /* PENDING: a worker has it until due_at, the attempt's deadline */
    SK_FOR_COUNT
};
const char *sk_wait_for_name(enum sk_wait_for what);

struct sk_call {
    enum sk_call_state state;
    enum sk_wait_for what;
    uint32_t attempt;      /* number of the present or last attempt in this round, 0 = none yet */
    uint32_t round;        /* 0 = first */
    uint32_t redrives;     /* of this attempt */
    uint64_t start_seq;    /* the event that made the present attempt due */
    int64_t deadline_ms;   /* of the present attempt */
    int64_t due_at_ms;     /* PAUSED: next attempt; PENDING: its time-out, 0 = none */
    int64_t wait_until_ms; /* a wait's own time-out, 0 = none */
    bool had_unknown;      /* an attempt of this round got no answer */
    bool last_was_no;      /* the last answer of this round was a clear no */
    struct sk_str line;    /* resolved: "METHOD target\nname: value\n…" ; empty = none yet */
    struct sk_str body;    /* resolved; JSON */
};

enum sk_undo_state {
    SK_UNDO_OPEN, /* not settled (or not due at all) */
    SK_UNDO_DONE,
    SK_UNDO_SKIPPED, /* nothing to undo, or an operator's skip */
    SK_UNDO_FAILED,  /* a human must look */
    SK_UNDO_RESIDUE  /* let stand: best effort, ignore, log, alert, when: completed */
};

struct sk_unit {
    enum sk_step_state state;
    bool maybe;
    bool maybe_before; /* so says an attempt of an earlier round: no clear no takes it back */
    enum sk_undo_state undo_state;
    struct sk_call action, verify, undo;
    uint32_t takeups;            /* exhausted undo: times taken up again */
    bool undo_second_policy;     /* on_failure: retry has begun */
    bool verify_gave_up;         /* verify has been exhausted */
    bool child_failed;           /* its child saga ended `failed` */
    bool has_warned;             /* one warning for retrying past max_attempts */
    int64_t unanswered_until_ms; /* C3: latest deadline of attempts without answer; 0 = none */
    uint64_t first_start_seq;    /* 0 = never started */
    int64_t first_start_at_ms;
    uint64_t letter_seq;  /* of its open dead letter, 0 = none: letter.c */
    struct sk_str item;   /* foreach: its value */
    struct sk_str output; /* JSON; empty = null */
    struct sk_str error_code, error_message;
    struct sk_str
        lates; /* whose late answers are recorded: attempt and round of each (sk_put_u64) */
};

struct sk_step_run {
    enum sk_step_state state;
    bool is_settled;          /* dependants may go on */
    bool is_failing;          /* foreach: an item failed, the others in flight are awaited */
    uint64_t first_start_seq; /* undo order */
    int64_t first_start_at_ms;
    struct sk_unit *units; /* one, or one per item */
    uint32_t units_count;
    uint32_t units_next;  /* foreach: the next item to start */
    uint32_t units_done;  /* foreach: items settled */
    struct sk_str items;  /* foreach: the list as evaluated */
    struct sk_str output; /* JSON; empty = null */
};

struct sk_signal {
    struct sk_str id, name, data;
    bool is_consumed;
    struct sk_signal *next;
};

/* Which list of hooks. The numbers are stored; never used again. */
enum sk_hook_on {
    SK_HOOK_ON_SUCCESS = 1,
    SK_HOOK_ON_FAILURE = 2,
    SK_HOOK_ON_COMPENSATION_FAILURE = 3,
    SK_HOOK_ONS_COUNT = 4
};

/* One hook that was called for and has not ended. call: IDLE = to be started, FLYING, PAUSED. */
struct sk_hook_run {
    uint64_t cause_seq; /* the event that called for it */
    enum sk_hook_on on;
    uint32_t step; /* SK_STEP_NONE = the saga's own */
    int32_t item;
    uint32_t index; /* in its list */
    struct sk_call call;
    struct sk_hook_run *next;
};

enum sk_lock_state {
    SK_LOCK_WANTED,
    SK_LOCK_ASKED,
    SK_LOCK_HELD,
    SK_LOCK_RELEASED,
    SK_LOCK_INHERITED
};
struct sk_lock_wish {
    struct sk_str key;
    enum sk_lock_state state;
};

/* What a start fixes for ever; stored in saga.accepted. Spans are borrowed by whoever fills it. */
struct sk_start {
    struct sk_str id, space, input, context, business_key;
    struct sk_str attributes; /* JSON object or empty */
    struct sk_str tags;       /* JSON array of strings or empty */
    struct sk_str start_key;  /* Idempotency-Key, or empty */
    struct sk_digest definition;
    struct sk_digest request_digest; /* of what was asked: another one under the same id is 409 */
    int64_t timeout_ms;              /* 0 = the definition's */
    int64_t acquire_timeout_ms;      /* 0 = waits */
    uint32_t max_attempts;           /* 0 = the definition's */
    int32_t priority;
    const struct sk_str *lock_keys; /* resolved, ascending by (home shard, key), no duplicates */
    uint32_t lock_keys_count;
    const struct sk_str *inherited_keys; /* held by an ancestor */
    uint32_t inherited_keys_count;
    /* the parent, empty = none */
    struct sk_str parent;
    uint32_t parent_step;
    int32_t parent_item;
    uint32_t parent_round;
    uint32_t depth;
    const struct sk_digest
        *children;           /* by step index where kind is SK_KIND_SAGA, else zero; or NULL */
    uint32_t children_count; /* 0 or steps_count */
};

struct sk_saga {
    struct sk_arena arena; /* everything it points to */
    const struct sk_plan *plan;
    struct sk_start start;
    enum sk_saga_state state;
    bool is_suspended;
    struct sk_str suspend_reason;
    enum sk_reason reason; /* why it compensates or ended */
    /* cancel or time-out recorded while a pivot freezes the direction; past it: overtaken */
    enum sk_reason wish;
    bool is_past_pivot;
    bool is_forced;
    bool timeout_alerted;
    bool is_restored; /* no part of the state: some of its events were not decided here */
    uint64_t seq;
    uint64_t snapshot_seq; /* of the last snapshot event, 0 = none */
    int64_t at_ms;         /* of the last event: never goes back */
    int64_t created_at_ms, started_at_ms, ended_at_ms, deadline_ms;
    int64_t acquire_deadline_ms, lock_deadline_ms;
    struct sk_step_run *steps; /* plan->steps_count */
    struct sk_lock_wish *locks;
    uint32_t locks_count;
    bool retry_after_locks;     /* an operator's retry waits for its keys */
    struct sk_signal *signals;  /* oldest first */
    uint32_t signals_stored;    /* not consumed */
    struct sk_hook_run *hooks;  /* called for and not ended, oldest first */
    struct sk_str *command_ids; /* operators' commands seen, newest last, bounded */
    uint32_t command_ids_count;
    uint32_t late_count;
    uint32_t letters_count; /* units that have one; no part of the bytes */
    uint32_t retries_count, residue_count;
    uint32_t error_step; /* the first failure, SK_STEP_NONE = none */
    struct sk_str error_code, error_message;
    struct sk_str output;
    struct sk_str left; /* JSON: what a force-complete left done, maybe and in flight */
};

/* An empty saga (seq 0) of this plan, ready to be folded into; false: out of memory. */
bool sk_saga_init(struct sk_saga *saga, const struct sk_plan *plan);
/* The same in memory that another saga has used: takes the arena, which is cleared first. */
bool sk_saga_init_in(struct sk_saga *saga, const struct sk_plan *plan, struct sk_arena *arena);
void sk_saga_release(struct sk_saga *saga);
/* Releases it and keeps its memory in `arena`, if that has none and it is not much. */
void sk_saga_give_back(struct sk_saga *saga, struct sk_arena *arena);

enum sk_saga_state sk_saga_shown_state(const struct sk_saga *saga);
/* The signal with this id, consumed or not; NULL = none has come. */
const struct sk_signal *sk_saga_signal(const struct sk_saga *saga, struct sk_str id);
/* Work that outlives the end: async steps in flight, hooks, undo re-opened. */
uint32_t sk_saga_open(const struct sk_saga *saga);
/* Ended and nothing open: needs no memory. */
bool sk_saga_is_over(const struct sk_saga *saga);

/* evolve: the next event of the history (event->seq == saga->seq + 1). SKALD_E_MEMORY poisons the
 * saga: drop it and fold again. SKALD_E_CORRUPT: this event cannot follow. */
enum skald_status sk_saga_evolve(struct sk_saga *saga, const struct sk_event *event) SK_MUST_CHECK;
/* The next event as a store or a file has it: its columns are in `event`, its type may be any
 * number, `data` is decoded into it. Checks what decide makes by construction; after a refusal the
 * saga is to be released. SKALD_E_VERSION: a type that this build does not know. */
enum skald_status sk_saga_restore(struct sk_saga *saga, struct sk_event *event,
                                  struct sk_str data) SK_MUST_CHECK;

/* The whole state as bytes: snapshot.c. Equal states give equal bytes. */
void sk_saga_encode(const struct sk_saga *saga, struct sk_buf *out);
enum skald_status sk_saga_decode(struct sk_saga *saga, struct sk_str bytes) SK_MUST_CHECK;

/* The start record's stored form (extra of saga.accepted). */
void sk_start_encode(const struct sk_start *start, struct sk_buf *out);
/* Spans are borrowed from `bytes`, arrays come from the arena. */
bool sk_start_decode(struct sk_str bytes, struct sk_arena *arena,
                     struct sk_start *out_start) SK_MUST_CHECK;

/* The key of an operation: "<saga>/<step>[/<item>]/<action|compensation>[/r<round>]" (a verify
 * carries its action's). `base` is the step's own template rendered, or empty. */
void sk_saga_key(const struct sk_saga *saga, uint32_t step, int32_t item,
                 enum sk_operation operation, uint32_t round, struct sk_buf *out);

#endif

/*
 * decide.h: the rules. decide turns a command into events (and folds each at once, so that the saga
 * is the state after them); react tells which effects the state makes due. Pure: time and chance
 * come in.
 */
#ifndef SK_CORE_DECIDE_H
#define SK_CORE_DECIDE_H

#include "base/scratch.h"
#include "core/saga.h"

enum sk_message_kind {
    SK_MESSAGE_CHILD_START = 1, /* body: a start record and the input: sk_start_encode + input */
    SK_MESSAGE_CHILD_ENDED = 2, /* to the parent: state, output or error */
    SK_MESSAGE_CHILD_CANCEL = 3,
    SK_MESSAGE_CHILD_COMPENSATE = 4,
    SK_MESSAGE_LOCK_REQUEST = 5, /* to the lock's home */
    SK_MESSAGE_LOCK_GRANTED = 6, /* to the saga */
    SK_MESSAGE_LOCK_RELEASE = 7
};

/* A message to another machine (saga or lock), durable with the events beside it. */
struct sk_message {
    enum sk_message_kind kind;
    struct sk_str id;       /* "<from>/<seq>/<kind>[/<n>]" */
    struct sk_str from, to; /* saga ids or "@lock/<key>" */
    struct sk_str body;     /* bytes of the kind's own */
};

enum sk_command_kind {
    SK_COMMAND_START,   /* start, input is start->input */
    SK_COMMAND_ADMIT,   /* a slot is free: pending may go on */
    SK_COMMAND_RECOVER, /* once after a load: attempts without outcome */
    SK_COMMAND_WAKE,    /* now has passed sk_saga_wake_at */
    /* of an invocation: step, item, operation, attempt, round, start_seq, outcome */
    SK_COMMAND_OUTCOME,
    SK_COMMAND_COMPLETE,  /* of a pending answer (its token was checked): as OUTCOME, start_seq 0 */
    SK_COMMAND_MESSAGE,   /* message */
    SK_COMMAND_SIGNAL,    /* name, id, body */
    SK_COMMAND_SWEEP,     /* law 11: what should move and does not */
    SK_COMMAND_TAKE,      /* a worker takes a task: step, item, operation, who, lease_ms */
    SK_COMMAND_HEARTBEAT, /* it goes on: as TAKE, with attempt and round */
    SK_COMMAND_CANCEL,    /* operators': id, who, why */
    SK_COMMAND_FORCE_CANCEL, /* is_past_pivot_allowed */
    SK_COMMAND_FORCE_COMPLETE,
    SK_COMMAND_RETRY,     /* step (or SK_STEP_NONE = all), item, body = edited input or empty */
    SK_COMMAND_SKIP_STEP, /* step, item; body = the output it counts with */
    SK_COMMAND_SUSPEND,   /* name: a code for the reason, empty = "operator" */
    SK_COMMAND_RESUME,
    SK_COMMANDS_COUNT
};
const char *sk_command_name(enum sk_command_kind kind); /* "force-cancel" */

struct sk_command {
    enum sk_command_kind kind;
    uint64_t entropy; /* for jitter */
    const struct sk_start *start;
    uint32_t step;
    int32_t item;
    enum sk_operation operation;
    uint32_t attempt, round;
    uint64_t start_seq;
    const struct sk_outcome *outcome;
    const struct sk_message *message;
    struct sk_str id;   /* command id or signal id */
    struct sk_str name; /* signal */
    struct sk_str who, why;
    struct sk_str body; /* checked JSON */
    int64_t lease_ms;
    bool is_past_pivot_allowed;
};

/* An event as decided: its stored bytes lie in decision->data. */
struct sk_decided {
    struct sk_event event; /* its spans are not valid any more: sk_event_point */
    size_t data_offset, data_size;
};

struct sk_letter {
    uint64_t seq; /* the event it belongs to */
    uint32_t step;
    int32_t item;
    const char *why; /* "compensation_failed", "step_refused" */
};

/* What one or more decide calls on one saga produced. The owner clears it per batch. */
struct sk_decision {
    struct sk_arena arena; /* messages */
    struct sk_buf data;
    struct sk_decided *events;
    uint32_t events_count, events_capacity;
    struct sk_message *messages;
    uint32_t messages_count, messages_capacity;
    struct sk_letter *letters;
    uint32_t letters_count, letters_capacity;
    struct sk_letter *closed; /* letters of earlier decisions; why: NULL */
    uint32_t closed_count, closed_capacity;
    struct sk_scratch *scratch; /* borrowed, used within a decide call only; NULL: it has its own */
    bool failed;                /* out of memory: drop the saga and fold again */
    bool is_corrupt; /* failed because the restored history is one that the rules cannot go on */
};
void sk_decision_init(struct sk_decision *decision);
void sk_decision_release(struct sk_decision *decision);
void sk_decision_clear(struct sk_decision *decision);

/* Numbers of the engine's settings that the rules need. */
struct sk_rules {
    uint32_t takeups_max;       /* recovery.max_retries: 3 */
    int64_t takeup_pause_ms;    /* recovery.interval: 30 s, doubled each time */
    int64_t verify_timeout_ms;  /* 10 s */
    uint32_t hook_attempts_max; /* 0 = 5 */
    int64_t hook_pause_ms;      /* before the second attempt of a hook, then doubled; 0 = 1 s */
    int64_t hook_timeout_ms;    /* one attempt, unless its action says; 0 = 30 s */
    int64_t attempt_timeout_ms; /* when a template gives no usable duration: 10 s */
    uint64_t history_max; /* events; one more so many and the saga is suspended; 0 = no bound */
    uint32_t signals_max; /* stored and not consumed; 0 = SK_SIGNALS_MAX */
    bool starts_nothing;  /* closing: what arrives is recorded, nothing new begins */
};

/*
 * SKALD_OK: decided, maybe without any event (a repeated command, an outcome that means nothing
 * now). SKALD_E_STATE: not possible now, with the sentence for people (HTTP 409). SKALD_E_LIMIT:
 * too many signals (429). SKALD_E_NOT_FOUND: no such step or item. SKALD_E_CONFLICT: completed
 * before with another answer. SKALD_E_ARGUMENT. SKALD_E_MEMORY: decision->failed. SKALD_E_CORRUPT:
 * decision->failed; only of a restored saga, whose history no rules have made.
 * On any error but these two nothing was decided and the saga is as it was.
 */
enum skald_status sk_saga_decide(struct sk_saga *saga, const struct sk_command *command,
                                 int64_t now_ms, const struct sk_rules *rules,
                                 struct sk_decision *decision, skald_error *error) SK_MUST_CHECK;

/* An event that was decided elsewhere (a saga that is imported): folded, and kept in the decision
 * as if it had been decided here. SKALD_E_CORRUPT: it cannot follow. */
enum skald_status sk_saga_adopt(struct sk_saga *saga, const struct sk_event *event,
                                struct sk_decision *decision) SK_MUST_CHECK;

/* ---- effects --------------------------------------------------------------------------------- */

/* An invocation that is due: made so by the event start_seq. */
struct sk_effect {
    uint32_t step;
    int32_t item;
    enum sk_operation operation;
    uint32_t attempt, round;
    uint64_t start_seq;
    int64_t deadline_ms;
};
typedef void sk_effect_fn(void *context, const struct sk_effect *effect);

/* Calls `fn` for every invocation whose start_seq lies in (after_seq, upto_seq], in order of step
 * and item. The engine hands in (what it has sent up to, durable_seq]. */
void sk_saga_react(const struct sk_saga *saga, uint64_t after_seq, uint64_t upto_seq,
                   sk_effect_fn *fn, void *context);

/* When SK_COMMAND_WAKE is due: INT64_MAX = at no time; may be in the past. */
int64_t sk_saga_wake_at(const struct sk_saga *saga);
/* Has attempts or hooks flying (not parked). */
bool sk_saga_is_flying(const struct sk_saga *saga);
/* Has attempts flying: what a slot is for. Hooks use none. */
bool sk_saga_is_working(const struct sk_saga *saga);

/* The parts of an invocation that come from the state: action, target, method, headers, body; the
 * key is appended to `key`. Spans are borrowed from the saga and the plan. */
struct sk_request {
    const struct sk_action *action; /* NULL for a notification */
    struct sk_str method, target, headers, body;
    bool is_maybe;
};
struct sk_request sk_saga_request(const struct sk_saga *saga, const struct sk_effect *effect,
                                  struct sk_buf *key);

/* The outputs that an effect may read, as an object by step id: those of the step's ancestors,
 * which are settled before its first attempt, so that every attempt sees the same; a compensation
 * and a verify also their own step's. */
void sk_saga_upstream(const struct sk_saga *saga, const struct sk_effect *effect,
                      struct sk_buf *out);

/* ---- tasks: task.c --------------------------------------------------------------------------- */

/* A task in its queue, or in a worker's hands. */
struct sk_task_view {
    uint32_t step;
    int32_t item;
    enum sk_operation operation;
    struct sk_str queue;
    uint32_t attempt, round; /* of the last taking; attempt 0 = none yet */
    bool is_leased;
    int64_t deadline_ms; /* of the lease */
};
typedef void sk_task_fn(void *context, const struct sk_task_view *task);
/* Calls `fn` for every task, in order of step and item. */
void sk_saga_tasks(const struct sk_saga *saga, sk_task_fn *fn, void *context);
/* One of them waits for a worker, and may be taken. */
bool sk_saga_has_offers(const struct sk_saga *saga);

/* ---- lock machines: lock.c ------------------------------------------------------------------- */

struct sk_lock_waiter {
    struct sk_str saga;
    int64_t since_ms;
    struct sk_lock_waiter *next;
};
struct sk_lock {
    struct sk_arena arena;
    struct sk_str id; /* "@lock/<key>" */
    uint64_t seq, snapshot_seq;
    struct sk_str holder;                /* saga id, empty = free */
    int64_t since_ms;                    /* when it was granted last */
    struct sk_lock_waiter *first, *last; /* FIFO */
    uint32_t waiters_count;
};
bool sk_lock_init(struct sk_lock *lock, struct sk_str id);
void sk_lock_release(struct sk_lock *lock);
enum skald_status sk_lock_evolve(struct sk_lock *lock, const struct sk_event *event) SK_MUST_CHECK;
/* For LOCK_REQUEST and LOCK_RELEASE messages; both idempotent. */
enum skald_status sk_lock_decide(struct sk_lock *lock, const struct sk_message *message,
                                 int64_t now_ms, struct sk_decision *decision) SK_MUST_CHECK;
/* Nobody holds it and nobody waits: its events may go. */
bool sk_lock_is_idle(const struct sk_lock *lock);

#endif

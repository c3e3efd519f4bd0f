/*
 * explain.h: what a saga is waiting for, until when, and what happens then: one sentence for
 * people, the same as fields for programs, and a list when several things are awaited at once.
 * Pure: the saga is only looked at. What happens then is not guessed but rehearsed with the rules
 * themselves (rehearse.h).
 */
#ifndef SK_CORE_EXPLAIN_H
#define SK_CORE_EXPLAIN_H

#include "core/decide.h"

/* From the least to the most telling: of several the last one gives the sentence. */
#define SK_EXPLAIN_MAP(X)                                                                 \
    X(NOTHING, "nothing") /* active, and nothing is awaited: the sweep repairs it */      \
    X(ENDED, "ended")     /* and nothing is open */                                       \
    X(TIMER, "timer")     /* a wait's own time */                                         \
    X(SIGNAL, "signal")                                                                   \
    X(POLL, "poll")             /* the next poll */                                       \
    X(CHILD, "child")           /* the end of a child saga */                             \
    X(REPLY, "reply")           /* a call is on the wire */                               \
    X(ANSWER, "answer")         /* accepted by the participant, which answers later */    \
    X(LEASE, "lease")           /* a worker has the task */                               \
    X(WORKER, "worker")         /* a task that no worker has taken */                     \
    X(BACKOFF, "backoff")       /* the next attempt */                                    \
    X(UNANSWERED, "unanswered") /* law 6: an attempt without answer could still arrive */ \
    X(REDRIVE, "redrive")       /* the same attempt again, once resumed */                \
    X(SWEEP, "sweep")           /* an exhausted compensation is taken up again */         \
    X(SLOT, "slot")                                                                       \
    X(LOCK, "lock")                                                                       \
    X(HUMAN, "human") /* a person must retry or skip */                                   \
    X(SUSPENDED, "suspended")

enum sk_explain_kind {
#define X(name, text) SK_EXPLAIN_##name,
    SK_EXPLAIN_MAP(X)
#undef X
        SK_EXPLAIN_KINDS_COUNT
};
const char *sk_explain_kind_name(enum sk_explain_kind kind); /* "backoff" */

enum { SK_EXPLAIN_ENTRIES_MAX = 100, SK_EXPLAIN_THEN_MAX = 8 };

struct sk_explain_entry {
    enum sk_explain_kind kind;
    uint32_t step; /* SK_STEP_NONE: the saga as a whole */
    int32_t item;
    enum sk_operation operation; /* of the call that is awaited */
    uint32_t attempt;            /* the present or last one, 0 = does not apply */
    uint32_t attempts_max;       /* 0 = does not apply, or without limit */
    int64_t until_ms;            /* when something happens by itself; 0 = at no time */
    bool is_saga_timeout;        /* what happens then is the saga's own time-out */
    struct sk_str waits;         /* "step pay pauses after attempt 1 of 4 (busy)" */
    struct sk_str then;          /* "attempt 2 starts"; empty = nothing, or not asked (see below) */
};

struct sk_explanation {
    struct sk_arena arena; /* all texts */
    struct sk_str sentence;
    enum sk_explain_kind kind; /* of the most telling entry */
    int64_t until_ms;
    uint32_t main;                    /* index of the most telling entry */
    struct sk_explain_entry *entries; /* in order of steps and items; the main one says what happens
                                         then, and the first SK_EXPLAIN_THEN_MAX of a whole list */
    uint32_t entries_count;
    uint32_t entries_total; /* more than entries_count when the list was cut */
};

/* False: out of memory. Release it in any case. */
bool sk_saga_explain(const struct sk_saga *saga, int64_t now_ms, const struct sk_rules *rules,
                     struct sk_explanation *out) SK_MUST_CHECK;
void sk_explanation_release(struct sk_explanation *explanation);
/* The same as JSON: {sentence, waits_for, until, step, item, …, waiting: [ … ]}. */
void sk_explanation_json(const struct sk_explanation *explanation, const struct sk_plan *plan,
                         struct sk_buf *out);

#endif

/*
 * invoke.h: the port to participants. One invoker per kind of action; an invocation ends exactly
 * once, by `done` on the loop (never from inside `start`). The idempotency key travels with each.
 */
#ifndef SK_INVOKE_INVOKE_H
#define SK_INVOKE_INVOKE_H

#include "core/outcome.h"
#include "core/plan.h"

struct sk_invoker;

/* What to do. Borrowed for the `start` call; an invoker copies what it keeps. */
struct sk_invocation {
    uint64_t ticket; /* the engine's name for it, for cancel */
    enum sk_operation operation;
    const struct sk_plan *plan;
    const struct sk_action *action;
    struct sk_str saga_id, step_id;
    int32_t item; /* -1 = none */
    uint32_t attempt, round;
    struct sk_str key;         /* Idempotency-Key, whole */
    struct sk_str token;       /* Skald-Token, empty = none */
    struct sk_str traceparent; /* empty = none */
    int64_t deadline_ms;       /* engine time; sent as Skald-Deadline */
    int64_t timeout_ms;        /* measured monotonically from now */
    int64_t send_until_us;     /* monotonic: not sent any more from then on; 0 = no such limit */
    struct sk_str target;      /* http: endpoint + path + query, secrets unresolved; function: name;
                                    message: topic */
    struct sk_str method;
    struct sk_str headers; /* "name: value\n" lines, secrets unresolved */
    struct sk_str body;    /* JSON; empty = none */
    /* For kinds that run in this process, else empty. */
    struct sk_str input;   /* what the saga was started with; JSON */
    struct sk_str outputs; /* of the steps this one depends on (sk_saga_upstream): a JSON object */
    struct sk_str value;   /* of the foreach's item; JSON */
    bool is_maybe;         /* the step is maybe: 409 and 404 read differently */
};

typedef void sk_invoke_done(void *context, uint64_t ticket, const struct sk_outcome *outcome);

struct sk_invoker_ops {
    /* SKALD_OK: `done` will come. Anything else: it will not, nothing has left; the engine treats
     * it as `retryable` with the status' name as code. */
    enum skald_status (*start)(struct sk_invoker *invoker, const struct sk_invocation *invocation,
                               sk_invoke_done *done, void *context);
    /* Stops waiting; `done` will not come for this ticket. Unknown tickets are fine. */
    void (*cancel)(struct sk_invoker *invoker, uint64_t ticket);
    void (*free)(struct sk_invoker *invoker); /* cancels what is in flight */
};

struct sk_invoker {
    const struct sk_invoker_ops *ops;
};

#endif

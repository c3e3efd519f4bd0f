/*
 * limits.h: how hard participants are driven: an invoker around another one. Per service name (per
 * target where an action names no service): so many requests at once, so many a second, and a
 * circuit breaker (breaker.h).
 *
 *   L1  What cannot be sent now waits in line; what must not wait any longer ends `retryable`
 *       before its deadline, told as answered: nothing has left (law 6). Codes: circuit_open,
 *       rate_limited, queue_full, queue_timeout.
 *   L2  Undoing goes before doing: compensations and verifications have a lane of their own that is
 *       served first. In a lane sagas take turns, so that one with a thousand items does not hold
 *       up a thousand with one; within a saga, first come first served.
 *   L3  A line is bounded in number (queue_max a lane) and in time (half of an attempt's time: with
 *       the rest of it the answer would likely be lost).
 *   L4  `done` is never called from inside `start`.
 *
 *   L5  Limiters of several loops that have a share have one state a service between them: breaker,
 *       requests at once and rate hold for all together. Each has a line of its own; what became
 *       possible is told to those that have calls in it.
 *
 * One limiter serves several invokers, so that a service has one state whatever kind of step calls
 * it. Where its limits come from, the first that says something: the server's configuration of the
 * service, the definition (that of the latest call, where several name the service), the defaults.
 */
#ifndef SK_INVOKE_LIMITS_H
#define SK_INVOKE_LIMITS_H

#include "invoke/breaker.h"
#include "invoke/invoke.h"
#include "invoke/services.h"
#include "runtime/runtime.h"

struct sk_limiter;
struct sk_limits_share;

enum {
    SK_LIMITS_QUEUE_MAX = 10000,
    SK_LIMITS_SERVICES_MAX = 4096, /* remembered; beyond it idle ones are forgotten */
    SK_LIMITS_NAME_MAX = 200,
    SK_LIMITS_MEMBERS_MAX = 64 /* of a share */
};

struct sk_limiter_options {
    struct sk_runtime *runtime;         /* required; outlives the limiter */
    const struct sk_services *services; /* NULL = none; outlives the limiter */
    struct sk_limits defaults;          /* breaker: on unless SK_BREAKER_OFF; others 0 = none */
    uint32_t queue_max;                 /* waiting, per service and lane; 0 = SK_LIMITS_QUEUE_MAX */
    /* "circuit.opened", "circuit.half_open", "circuit.closed"; may be NULL. */
    void (*on_notice)(void *context, struct sk_str what, struct sk_str json);
    void *notice_context;
    struct sk_limits_share *share; /* NULL: it is alone; outlives the runtimes */
    uint32_t member;               /* of the share: 0 … 63, each once */
};

/* Held for a look at the state or a change of it; context outlives the share. */
struct sk_limits_lock {
    void (*enter)(void *context);
    void (*leave)(void *context);
    void *context;
};

/* NULL: out of memory. */
struct sk_limits_share *sk_limits_share_new(const struct sk_limits_lock *lock);
/* After the limiters and their runtimes. NULL is fine. */
void sk_limits_share_free(struct sk_limits_share *share);

enum skald_status sk_limiter_new(const struct sk_limiter_options *options, struct sk_limiter **out,
                                 skald_error *error) SK_MUST_CHECK;
/* Owns `inner` from SKALD_OK on. The invoker is freed by its ops, before the limiter. */
enum skald_status sk_limiter_wrap(struct sk_limiter *limiter, struct sk_invoker *inner,
                                  struct sk_invoker **out) SK_MUST_CHECK;
void sk_limiter_free(struct sk_limiter *limiter); /* NULL is fine */

/* One service as it is now. */
struct sk_limiter_view {
    struct sk_str service;
    struct sk_breaker breaker;
    struct sk_limits limits; /* in force */
    uint32_t in_flight, waiting[SK_LANES_COUNT];
    uint64_t sent, refused; /* since the start of this process */
};
/* All services called so far, by whichever limiter of the share, oldest first. Strings are borrowed
 * for the call, which may not call the limiter. */
void sk_limiter_each(const struct sk_limiter *limiter,
                     void (*each)(void *context, const struct sk_limiter_view *view),
                     void *context);
bool sk_limiter_find(const struct sk_limiter *limiter, struct sk_str service,
                     struct sk_limiter_view *out_view);
/* Closes the breaker; who and why go into the notice. False: never heard of the service. */
bool sk_limiter_reset(struct sk_limiter *limiter, struct sk_str service, struct sk_str by,
                      struct sk_str reason);

#endif

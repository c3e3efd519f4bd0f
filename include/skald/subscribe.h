/*
 * subscribe.h: hearing of every event of every saga as it becomes durable, in this program.
 *
 * Each subscription has a thread of its own and a bounded queue, so whatever a callback does, waits
 * for or fails at changes nothing for the engine and for other subscriptions. The events of one
 * saga come in their order, each once; those of different sagas in the order of their commits. A
 * subscription hears what happens from now on: the past is in skald_events, and what was missed
 * while nobody listened, too.
 */
#ifndef SKALD_SUBSCRIBE_H
#define SKALD_SUBSCRIBE_H

#include <skald/api.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skald_engine skald_engine;
typedef struct skald_subscription skald_subscription;

/* Borrowed for the callback. Later versions may add fields at the end. */
typedef struct skald_event {
    const char *saga;       /* NULL: an observation that belongs to no saga ("store.degraded") */
    const char *definition; /* its id; NULL without a saga */
    const char *type;       /* "step.completed": docs/http-api.md lists them */
    const char *step;       /* NULL = of the saga as a whole */
    const char *data_json;  /* what the API shows as `data`; "null" when there is none */
    uint64_t seq;           /* number in the saga, from 1; 0 without a saga */
    int64_t at_ms;          /* engine time, ms since 1970; 0 without a saga */
    int32_t item;           /* -1 = none */
    uint32_t attempt, round;
    uint64_t lost; /* events that this subscription did not get, for its queue was full, between
                      the one before and this one: look at skald_events */
} skald_event;

/* On the subscription's thread, one at a time. Must not throw. May call every function of the
 * library but skald_close, skald_unsubscribe of itself included. */
typedef void skald_on_event(const skald_event *event, void *user);

typedef struct skald_subscribe_options {
    size_t size;
    const char *types;  /* "step.failed,saga.*": with commas, '*' at an end for any; NULL = all */
    const char *saga;   /* of one saga only; NULL = of all */
    uint32_t queue_max; /* events that wait for the callback; 0 = 10000, 1000000 at most. When so
                           many wait, or 64 MiB of them, what comes is dropped and counted: `lost`
                         */
} skald_subscribe_options;
SKALD_DEFINE_INIT(skald_subscribe_options)

/*
 * *out_subscription is the caller's until skald_unsubscribe or skald_close, which frees those that
 * are left. Does not take up the sagas: subscribe before skald_run to miss nothing of it.
 * SKALD_E_ARGUMENT, SKALD_E_MEMORY, SKALD_E_AGAIN (threads), SKALD_E_CLOSED.
 */
SKALD_API enum skald_status skald_subscribe(skald_engine *engine,
                                            const skald_subscribe_options *options,
                                            skald_on_event *callback, void *user,
                                            skald_subscription **out_subscription,
                                            skald_error *error);

/* The callback is not called any more once this returns (from inside it: once it has returned);
 * what waits in the queue is dropped. Any thread but the engine's own. NULL is fine. skald_close
 * instead still delivers what waits. */
SKALD_API void skald_unsubscribe(skald_subscription *subscription);

#ifdef __cplusplus
}
#endif
#endif

/*
 * task.h: the queues of tasks (task.c: which tasks there are; poll.c: the workers that wait for
 * them). Part of engine.h's users' side; the structs are engine_types.h's.
 *
 * Everything on the loop's thread; spans handed to a callback are borrowed for that call.
 */
#ifndef SK_ENGINE_TASK_H
#define SK_ENGINE_TASK_H

#include "core/decide.h"

struct sk_engine;

enum {
    SK_TASK_LEASE_MS = 30 * 1000, /* where a worker says nothing */
    SK_TASK_LEASE_MS_MIN = 1000,
    SK_TASK_LEASE_MS_MAX = 60 * 60 * 1000,
    SK_TASK_WAIT_MS_MAX = 60 * 1000, /* of one poll */
    SK_TASK_BATCH_MAX = 100,         /* tasks of one poll */
    SK_TASK_POLLS_MAX = 10000        /* waiting, over all queues; more are told to come again */
};

struct sk_poll_request {
    struct sk_str queue, worker;
    uint32_t max;                   /* 0 = 1 */
    int64_t wait_ms;                /* 0 = answered at once */
    int64_t lease_ms;               /* 0 = SK_TASK_LEASE_MS */
    bool (*is_gone)(void *context); /* asked before anything is taken; NULL = it is there */
};

/* A task as a worker gets it; it is durable that this worker has it. */
struct sk_task_given {
    struct sk_str saga_id, definition, space, business_key, step_id, queue, key, token;
    struct sk_str input; /* JSON; empty = none */
    int32_t item;
    enum sk_operation operation;
    uint32_t attempt, round;
    int32_t priority;
    int64_t deadline_ms; /* of the lease */
};
/* count 0: there was nothing in time. */
typedef void sk_poll_done(void *context, enum skald_status status, const skald_error *error,
                          const struct sk_task_given *tasks, uint32_t count);
/* The number by which it can be given up. `done` comes once, never from inside the call. */
uint64_t sk_engine_poll(struct sk_engine *engine, const struct sk_poll_request *request,
                        sk_poll_done *done, void *context);
/* Nobody listens any more: `done` comes soon and with nothing; what was being taken is given
 * back. */
void sk_engine_poll_cancel(struct sk_engine *engine, uint64_t number);

struct sk_queue_view {
    struct sk_str name;
    uint32_t waiting, leased, polls;
    int64_t oldest_ms; /* since when the oldest of those waiting is offered; 0 = none waits */
};
typedef void sk_queue_fn(void *context, const struct sk_queue_view *queue);
/* Every queue that has a task or a worker, by name. */
void sk_engine_queues(struct sk_engine *engine, sk_queue_fn *fn, void *context);

/* What a token's attempt may still count on: false when it holds no lease (any more). */
struct sk_lease_view {
    int64_t deadline_ms;
    bool is_unwanted; /* its saga is being undone: stop, if you can */
};
bool sk_engine_lease(const struct sk_engine *engine, const struct sk_saga *saga,
                     struct sk_str token, struct sk_lease_view *out);

#endif

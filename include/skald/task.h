/*
 * task.h: the queues of steps of type `task`, for workers that are part of this program or that
 * this program stands for. The same operations as the HTTP API, with the same answers
 * (docs/tasks.md).
 *
 * A worker takes tasks with a lease, keeps them with heartbeats, and completes or fails them by
 * their tokens. A lease that runs out makes the attempt unknown, and another worker gets the next
 * attempt under the same idempotency key.
 *
 * For all of them: any thread but the engine's own; texts in are borrowed for the call; *out_reply
 * is the caller's, may be NULL when it is not wanted, and is after a failure the problem document
 * or NULL. Errors are those of skald_request (engine.h).
 */
#ifndef SKALD_TASK_H
#define SKALD_TASK_H

#include <skald/api.h>
#include <skald/reply.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skald_engine skald_engine;

typedef struct skald_poll_options {
    size_t size;
    const char *worker; /* who asks; stands in the history; NULL = nobody says */
    uint32_t max;       /* tasks at once; 0 = 1 */
    int64_t wait_ms;    /* how long to wait for one, 60 s at most; 0 = not at all */
    int64_t lease_ms;   /* 1 s to 1 h; 0 = 30 s */
} skald_poll_options;
SKALD_DEFINE_INIT(skald_poll_options)

/* Takes tasks of a queue, or waits for one: {items: […]} with saga, step, token, key, input … of
 * each; maybe none. SKALD_E_LIMIT: too many wait. */
SKALD_API enum skald_status skald_poll_tasks(skald_engine *engine, const char *queue,
                                             const skald_poll_options *options,
                                             skald_reply **out_reply, skald_error *error);
/* Extends leases by lease_ms (0 = 30 s) from now. tasks_json: a list of {saga, token}, 100 at most.
 * The reply has one answer for each, in their order; one that says `cancel` is not wanted any
 * more. */
SKALD_API enum skald_status skald_heartbeat_tasks(skald_engine *engine, const char *tasks_json,
                                                  int64_t lease_ms, skald_reply **out_reply,
                                                  skald_error *error);
/* Done. tasks_json: a list of {saga, token, output}. */
SKALD_API enum skald_status skald_complete_tasks(skald_engine *engine, const char *tasks_json,
                                                 skald_reply **out_reply, skald_error *error);
/* Refused, or not tried. tasks_json: a list of {saga, token, error: {code, message}, retryable,
 * retry_after}. */
SKALD_API enum skald_status skald_fail_tasks(skald_engine *engine, const char *tasks_json,
                                             skald_reply **out_reply, skald_error *error);
/* The queues: how many tasks wait, since when, how many are being worked on. */
SKALD_API enum skald_status skald_list_task_queues(skald_engine *engine, skald_reply **out_reply,
                                                   skald_error *error);

#ifdef __cplusplus
}
#endif
#endif

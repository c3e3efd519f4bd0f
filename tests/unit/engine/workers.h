/* workers.h: a worker that polls for the tasks of packing_yaml, and what it was told last. */
#ifndef SKT_ENGINE_WORKERS_H
#define SKT_ENGINE_WORKERS_H

#include "world.h"

struct worker {
    uint32_t told_count, tasks_count;
    uint32_t attempt; /* of the last task that it got, as the saga's id */
    char saga[32];
    uint64_t number; /* of its poll */
};

/* From now on it has been told nothing. Without a name in the request it is "ada"; the queue is
 * always "packers". `done` gets the worker. */
void worker_poll(struct sk_engine *engine, struct worker *worker, struct sk_poll_request request,
                 sk_poll_done *done);
/* A `done`: notes what it is told, which has to be SKALD_OK. */
void worker_on_tasks(void *context, enum skald_status status, const skald_error *error,
                     const struct sk_task_given *tasks, uint32_t count);

#endif

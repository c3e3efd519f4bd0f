/* workers.c: see workers.h. */
#include "workers.h"

void worker_on_tasks(void *context, enum skald_status status, const skald_error *error,
                     const struct sk_task_given *tasks, uint32_t count)
{
    struct worker *worker = context;
    (void)error;
    assert_int_equal(SKALD_OK, status);
    worker->told_count += 1;
    worker->tasks_count = count;
    if (count == 0) return;
    const struct sk_task_given *last = &tasks[count - 1];
    worker->attempt = last->attempt;
    snprintf(worker->saga, sizeof worker->saga, "%.*s", SK_STR_ARGS(last->saga_id));
}

void worker_poll(struct sk_engine *engine, struct worker *worker, struct sk_poll_request request,
                 sk_poll_done *done)
{
    *worker = (struct worker){ 0 };
    request.queue = SK_STR("packers");
    if (request.worker.size == 0) request.worker = SK_STR("ada");
    worker->number = sk_engine_poll(engine, &request, done, worker);
    assert_int_equal(0, worker->told_count);
}

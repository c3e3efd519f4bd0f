/*
 * testkit_task.c: the workers of every queue: a task that is offered is taken at once, and is a
 * call like any other from then on. A worker outlives the engine: it keeps what it took, and tells
 * its outcome to whichever engine is there. What it does not tell in its lease, the engine gives
 * up.
 */
#include "skald/testkit_private.h"

enum { LEASE_MS = 30 * 1000, TASKS_OF_A_POLL = 100 };

struct polled {
    struct sk_testkit *kit;
    bool is_told;
    uint32_t count;
};

static void on_tasks(void *context, enum skald_status status, const skald_error *error,
                     const struct sk_task_given *tasks, uint32_t count)
{
    struct polled *polled = context;
    (void)error;
    polled->is_told = true;
    if (status != SKALD_OK) return;
    polled->count = count;
    for (uint32_t i = 0; i < count; i++) sk_mock_take(&polled->kit->mock, &tasks[i]);
}

/* Texts are borrowed for the call only, so one name at a time is kept. */
struct waiting {
    struct sk_testkit *kit;
    struct sk_str name;
};

static void on_queue(void *context, const struct sk_queue_view *queue)
{
    struct waiting *waiting = context;
    if (queue->waiting > 0 && waiting->name.size == 0)
        waiting->name = sk_testkit_copy(waiting->kit, queue->name);
}

bool sk_testkit_take_tasks(struct sk_testkit *kit)
{
    struct waiting waiting = { .kit = kit };
    if (kit->engine == NULL) return false;
    sk_engine_queues(kit->engine, on_queue, &waiting);
    if (waiting.name.size == 0) return false;
    struct polled polled = { .kit = kit };
    struct sk_poll_request request = { .queue = waiting.name,
                                       .worker = SK_STR("test"),
                                       .max = TASKS_OF_A_POLL,
                                       .lease_ms = LEASE_MS };
    uint64_t number = sk_engine_poll(kit->engine, &request, on_tasks, &polled);
    while (!polled.is_told && sk_virtual_runtime_step(kit->runtime, sk_testkit_now(kit))) {}
    if (!polled.is_told) sk_engine_poll_cancel(kit->engine, number);
    return polled.count > 0;
}

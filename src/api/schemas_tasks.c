/* schemas_tasks.c: see schemas.h. What tasks.c answers. */
#include "api/schemas.h"

static const struct sk_member task_batch[] = {
    { "items", "Task[]", "none when there was nothing in time" },
    { 0 },
};

static const struct sk_member task[] = {
    { "saga", "text", NULL },
    { "step", "text", NULL },
    { "item", "int?", "of a foreach" },
    { "operation", "text", "action or compensation" },
    { "attempt", "count", NULL },
    { "round", "count", NULL },
    { "queue", "text", NULL },
    { "definition", "text", NULL },
    { "namespace", "text?", NULL },
    { "business_key", "text?", NULL },
    { "priority", "int", NULL },
    { "key", "text", "idempotency key: the same for every attempt" },
    { "token", "text", "to tell its outcome, and to go on" },
    { "lease_until", "time", "the attempt's deadline: an action must not begin after it" },
    { "input", "any", "as the definition resolved it" },
    { 0 },
};

static const struct sk_member task_results[] = {
    { "items", "TaskResult[]", "in the order of the request" },
    { 0 },
};

static const struct sk_member task_result[] = {
    { "saga", "text", NULL },
    { "token", "text", NULL },
    { "ok", "bool", NULL },
    { "lease_until?", "time?", "of a heartbeat; null: there is no lease any more" },
    { "cancel?", "bool", "of a heartbeat: nobody waits for it, stop if you can" },
    { "code", "text?", "why not: SKALD_E_CONFLICT" },
    { "detail", "text?", NULL },
    { "again", "bool", "the same may work later" },
    { 0 },
};

static const struct sk_member queue[] = {
    { "queue", "text", NULL },
    { "waiting", "count", "tasks that no worker has" },
    { "in_flight", "count", "tasks that workers have" },
    { "workers_waiting", "count", "polls that wait for a task" },
    { "oldest", "time?", "since when the oldest one waits" },
    { 0 },
};

const struct sk_schema sk_task_schemas[] = {
    { "TaskBatch", "Tasks for a worker", task_batch },
    { "Task", "A task in the hands of a worker", task },
    { "TaskResults", "What became of what a worker told", task_results },
    { "TaskResult", "What became of one of them", task_result },
    { "Queue", "A queue of tasks", queue },
    { 0 },
};

/* library_task.c: see <skald/task.h>: each operation as a question to the table of routes. */
#include "skald/library.h"

#include <stdio.h>

#define TASKS "/api/v1/tasks"

static void clear(skald_reply **out_reply)
{
    if (out_reply != NULL) *out_reply = NULL;
}

enum skald_status skald_poll_tasks(skald_engine *engine, const char *queue,
                                   const skald_poll_options *given, skald_reply **out_reply,
                                   skald_error *error)
{
    skald_poll_options options;
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    if (status != SKALD_OK) return status;
    sk_ask_init(&ask, "POST", TASKS "/poll");
    sk_ask_text(&ask, "queue", queue);
    sk_ask_text(&ask, "worker", options.worker);
    if (options.max > 0) sk_ask_number(&ask, "max", options.max);
    sk_ask_duration(&ask, "wait", options.wait_ms);
    sk_ask_duration(&ask, "lease", options.lease_ms);
    return sk_ask_send(&ask, engine, out_reply, error);
}

static enum skald_status tell(skald_engine *engine, const char *path, const char *tasks_json,
                              int64_t lease_ms, skald_reply **out_reply, skald_error *error)
{
    struct sk_ask ask;
    clear(out_reply);
    sk_ask_init(&ask, "POST", path);
    sk_ask_duration(&ask, "lease", lease_ms);
    enum skald_status status = sk_ask_json(&ask, "tasks", tasks_json, error);
    if (status != SKALD_OK) return sk_ask_drop(&ask, status);
    return sk_ask_send(&ask, engine, out_reply, error);
}

enum skald_status skald_heartbeat_tasks(skald_engine *engine, const char *tasks_json,
                                        int64_t lease_ms, skald_reply **out_reply,
                                        skald_error *error)
{
    return tell(engine, TASKS "/heartbeat", tasks_json, lease_ms, out_reply, error);
}

enum skald_status skald_complete_tasks(skald_engine *engine, const char *tasks_json,
                                       skald_reply **out_reply, skald_error *error)
{
    return tell(engine, TASKS "/complete", tasks_json, 0, out_reply, error);
}

enum skald_status skald_fail_tasks(skald_engine *engine, const char *tasks_json,
                                   skald_reply **out_reply, skald_error *error)
{
    return tell(engine, TASKS "/fail", tasks_json, 0, out_reply, error);
}

enum skald_status skald_list_task_queues(skald_engine *engine, skald_reply **out_reply,
                                         skald_error *error)
{
    struct sk_ask ask;
    sk_ask_init(&ask, "GET", TASKS);
    return sk_ask_send(&ask, engine, out_reply, error);
}

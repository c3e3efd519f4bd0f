/*
 * tasks.c: what workers ask for: tasks of a queue (a poll may wait), more time, and their outcomes,
 * many at once; and the list of queues.
 *
 *   B1  A batch is answered item by item, in its order, with 200 as a whole: one lost lease does
 *       not spoil the others.
 *   B2  What was taken for a client that has closed its connection meanwhile is given back.
 *   B3  Inputs are told as they are, whatever is masked elsewhere: a worker works with them.
 */
#include "api/forward.h"
#include "api/routes.h"
#include "api/shapes.h"

#include "base/time.h"
#include "engine/gather.h"

#include <stdlib.h>

/* ---- poll ------------------------------------------------------------------------------------ */

struct asked {
    struct sk_str queue, worker;
    int64_t max, wait_ms, lease_ms;
};

const struct sk_input sk_poll_body[] = {
    { "queue", SK_INPUT_TEXT, offsetof(struct asked, queue), "name of the queue", 0, 0, 200, true },
    { "worker", SK_INPUT_TEXT, offsetof(struct asked, worker),
      "who asks, for people: it stands in the history", 0, 0, 200, false },
    { "max", SK_INPUT_NUMBER, offsetof(struct asked, max), "tasks at once; 1 when missing", 1,
      SK_TASK_BATCH_MAX, 0, false },
    { "wait", SK_INPUT_DURATION, offsetof(struct asked, wait_ms),
      "how long to wait for one, 60s at most; not at all when missing", 0, 0, 0, false },
    { "lease", SK_INPUT_DURATION, offsetof(struct asked, lease_ms),
      "how long each is the worker's without a heartbeat, 1s to 1h; 30s when missing", 0, 0, 0,
      false },
    { 0 },
};

static void put_task(struct sk_json_writer *w, const struct sk_task_given *task)
{
    sk_json_begin_object(w);
    sk_shape_text(w, "saga", task->saga_id);
    sk_shape_text(w, "step", task->step_id);
    sk_json_key(w, "item");
    if (task->item >= 0)
        sk_json_put_i64(w, task->item);
    else
        sk_json_put_null(w);
    sk_json_key(w, "operation");
    sk_json_put_text(w, task->operation == SK_OPERATION_ACTION ? "action" : "compensation");
    sk_shape_count(w, "attempt", task->attempt);
    sk_shape_count(w, "round", task->round + 1u);
    sk_shape_text(w, "queue", task->queue);
    sk_shape_text(w, "definition", task->definition);
    sk_shape_text(w, "namespace", task->space);
    sk_shape_text(w, "business_key", task->business_key);
    sk_shape_number(w, "priority", task->priority);
    sk_shape_text(w, "key", task->key);
    sk_shape_text(w, "token", task->token);
    sk_shape_time(w, "lease_until", task->deadline_ms);
    sk_shape_raw(w, "input", task->input);
    sk_json_end_object(w);
}

static void ignore(void *context, const struct sk_reply *reply)
{
    (void)context;
    (void)reply;
}

/* B2. */
static void give_back(struct sk_exchange *x, const struct sk_task_given *tasks, uint32_t count)
{
    struct sk_outcome outcome = { .class_ = SK_OUTCOME_RETRYABLE,
                                  .code = SK_STR("not_delivered"),
                                  .message = SK_STR("the worker was gone before it was told") };
    for (uint32_t i = 0; i < count; i++)
        sk_engine_complete(sk_engine_of(x), tasks[i].saga_id, SK_STR(""), tasks[i].token, &outcome,
                           ignore, NULL);
}

static void on_polled(void *context, enum skald_status status, const skald_error *error,
                      const struct sk_task_given *tasks, uint32_t count)
{
    struct sk_exchange *x = context;
    if (status != SKALD_OK) {
        sk_exchange_fail(x, status, error);
        return;
    }
    if (count > 0 && sk_http_request_is_gone(x->http)) {
        give_back(x, tasks, count);
        count = 0;
    }
    sk_buf_clear(&x->out);
    struct sk_json_writer w = sk_json_writer_of(&x->out); /* B3 */
    sk_json_begin_object(&w);
    sk_json_key(&w, "items");
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < count; i++) put_task(&w, &tasks[i]);
    sk_json_end_array(&w);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

static bool is_gone(void *context)
{
    struct sk_exchange *x = context;
    return sk_http_request_is_gone(x->http);
}

void sk_handle_poll(struct sk_exchange *x)
{
    struct asked asked = { 0 };
    if (!sk_inputs_read_body(x, sk_poll_body, &asked)) return;
    struct sk_poll_request request = { .queue = asked.queue,
                                       .worker = asked.worker,
                                       .max = (uint32_t)asked.max,
                                       .wait_ms = asked.wait_ms,
                                       .lease_ms = asked.lease_ms,
                                       .is_gone = is_gone };
    (void)sk_engine_poll(sk_engine_of(x), &request, on_polled, x);
}

/* ---- many at once ---------------------------------------------------------------------------- */

enum verb { VERB_HEARTBEAT, VERB_COMPLETE, VERB_FAIL };

struct told {
    struct sk_str whole; /* as it was sent */
    struct sk_str saga, token, output, error;
    bool is_retryable;
    int64_t retry_after_ms;
    struct sk_str code, message; /* of error */
};

struct batch {
    enum verb verb;
    int64_t lease_ms;
    struct sk_str tasks;
    struct told *items;
    uint32_t count, next;
    struct sk_json_writer w;
};

#define TOLD_BY                                                                                    \
    { "saga", SK_INPUT_TEXT, offsetof(struct told, saga), "as the task names it", 0, 0, 0, true }, \
    {                                                                                              \
        "token", SK_INPUT_TEXT, offsetof(struct told, token), "of the task", 0, 0, 0, true         \
    }

static const struct sk_input heartbeat_item[] = { TOLD_BY, { 0 } };
static const struct sk_input complete_item[] = {
    TOLD_BY,
    { "output", SK_INPUT_JSON, offsetof(struct told, output), "of the step", 0, 0, 0, false },
    { 0 },
};
static const struct sk_input fail_item[] = {
    TOLD_BY,
    { "error", SK_INPUT_OBJECT, offsetof(struct told, error), "{code, message}", 0, 0, 0, false },
    { "retryable", SK_INPUT_FLAG, offsetof(struct told, is_retryable),
      "it is known not to have happened, and may be tried again", 0, 0, 0, false },
    { "retry_after", SK_INPUT_DURATION, offsetof(struct told, retry_after_ms),
      "not before, if it is retryable", 0, 0, 0, false },
    { 0 },
};
static const struct sk_input error_body[] = {
    { "code", SK_INPUT_TEXT, offsetof(struct told, code), "such as out_of_stock", 0, 0, 200,
      false },
    { "message", SK_INPUT_PROSE, offsetof(struct told, message), "for people", 0, 0, 0, false },
    { 0 },
};

#define TASKS(text)                                                                \
    {                                                                              \
        "tasks", SK_INPUT_JSON, offsetof(struct batch, tasks), text, 0, 0, 0, true \
    }

const struct sk_input sk_heartbeat_body[] = {
    TASKS("list of {saga, token}, 100 at most"),
    { "lease", SK_INPUT_DURATION, offsetof(struct batch, lease_ms),
      "from now on, 1s to 1h; 30s when missing", 0, 0, 0, false },
    { 0 },
};
const struct sk_input sk_tasks_complete_body[] = {
    TASKS("list of {saga, token, output}, 100 at most"),
    { 0 },
};
const struct sk_input sk_tasks_fail_body[] = {
    TASKS("list of {saga, token, error: {code, message}, retryable, retry_after}, 100 at most"),
    { 0 },
};

static const struct sk_input *item_of(enum verb verb)
{
    switch (verb) {
    case VERB_HEARTBEAT: return heartbeat_item;
    case VERB_COMPLETE: return complete_item;
    case VERB_FAIL: break;
    }
    return fail_item;
}

static void run_next(struct sk_exchange *x);

static void put_lease(struct batch *batch, struct sk_exchange *x, const struct sk_reply *reply)
{
    struct sk_lease_view lease = { 0 };
    if (reply->saga != NULL)
        (void)sk_engine_lease(sk_engine_of(x), reply->saga, batch->items[batch->next].token,
                              &lease);
    sk_shape_time(&batch->w, "lease_until", lease.deadline_ms);
    sk_shape_flag(&batch->w, "cancel", lease.is_unwanted || lease.deadline_ms == 0);
}

static void on_told(void *context, const struct sk_reply *reply)
{
    struct sk_exchange *x = context;
    struct batch *batch = x->state;
    struct sk_json_writer *w = &batch->w;
    bool is_done = reply->status == SKALD_OK;
    sk_json_begin_object(w);
    sk_shape_text(w, "saga", batch->items[batch->next].saga);
    sk_shape_text(w, "token", batch->items[batch->next].token);
    sk_shape_flag(w, "ok", is_done);
    if (batch->verb == VERB_HEARTBEAT) put_lease(batch, x, reply);
    sk_shape_text(w, "code", is_done ? SK_STR("") : sk_str_of(skald_status_name(reply->status)));
    sk_shape_text(w, "detail", is_done ? SK_STR("") : sk_str_of(reply->error->message));
    sk_shape_flag(w, "again", !is_done && skald_status_class(reply->status) == SKALD_CLASS_RETRY);
    sk_json_end_object(w);
    batch->next += 1;
    run_next(x);
}

/* ---- of sagas of other loops ----------------------------------------------------------------- */

static void put_missed(struct batch *batch)
{
    struct sk_json_writer *w = &batch->w;
    sk_json_begin_object(w);
    sk_shape_text(w, "saga", batch->items[batch->next].saga);
    sk_shape_text(w, "token", batch->items[batch->next].token);
    sk_shape_flag(w, "ok", false);
    if (batch->verb == VERB_HEARTBEAT) {
        sk_shape_time(w, "lease_until", 0);
        sk_shape_flag(w, "cancel", false); /* nobody knows: it may go on */
    }
    sk_shape_text(w, "code", sk_str_of(skald_status_name(SKALD_E_AGAIN)));
    sk_shape_text(w, "detail", SK_STR("the saga's shard is not served by this node now"));
    sk_shape_flag(w, "again", true);
    sk_json_end_object(w);
}

/* It was asked for one task, and answers with one. */
static void on_sibling(struct sk_exchange *x, int status, struct sk_str body)
{
    struct batch *batch = x->state;
    struct sk_json_iter it = { 0 };
    if (status == 200) it = sk_json_walk(sk_json_member(body, SK_STR("items")));
    if (status == 200 && sk_json_next(&it))
        sk_json_put_raw(&batch->w, it.value);
    else
        put_missed(batch);
    batch->next += 1;
    run_next(x);
}

static void ask_sibling(struct sk_exchange *x, uint32_t member)
{
    struct batch *batch = x->state;
    struct sk_buf body = { 0 };
    sk_buf_append_text(&body, "{\"tasks\":[");
    sk_buf_append_str(&body, batch->items[batch->next].whole);
    sk_buf_append_text(&body, "]");
    if (batch->lease_ms > 0)
        sk_buf_printf(&body, ",\"lease\":\"%lldms\"", (long long)batch->lease_ms);
    sk_buf_append_text(&body, "}");
    struct sk_forward_ask ask = { SK_HTTP_POST, sk_str_of(x->route->path), sk_buf_view(&body) };
    bool is_asked = !body.failed && sk_forward_to(x, member, &ask, on_sibling);
    sk_buf_release(&body);
    if (!is_asked) on_sibling(x, 0, (struct sk_str){ 0 });
}

/* ---- one by one ------------------------------------------------------------------------------ */

static void run_next(struct sk_exchange *x)
{
    struct batch *batch = x->state;
    struct sk_engine *engine = sk_engine_of(x);
    if (batch->next == batch->count) {
        sk_json_end_array(&batch->w);
        sk_json_end_object(&batch->w);
        sk_exchange_reply(x, 200);
        return;
    }
    const struct told *told = &batch->items[batch->next];
    uint32_t member = sk_forward_member(x, told->saga);
    if (member != x->api->options.member) {
        ask_sibling(x, member);
        return;
    }
    struct sk_outcome outcome = { .class_ = SK_OUTCOME_SUCCEEDED, .output = told->output };
    if (batch->verb == VERB_FAIL)
        outcome = (struct sk_outcome){
            .class_ = told->is_retryable ? SK_OUTCOME_RETRYABLE : SK_OUTCOME_FAILED,
            .code = told->code.size > 0 ? told->code : SK_STR("failed"),
            .message = told->message,
            .has_error_code = told->code.size > 0,
            .retry_after_ms = told->retry_after_ms,
        };
    if (batch->verb == VERB_HEARTBEAT)
        sk_engine_heartbeat(engine, told->saga, told->token, batch->lease_ms, on_told, x);
    else
        sk_engine_complete(engine, told->saga, SK_STR(""), told->token, &outcome, on_told, x);
}

/* False: it has been refused. */
static bool read_items(struct sk_exchange *x, struct batch *batch)
{
    size_t count = sk_json_type(batch->tasks) == SK_JSON_ARRAY ? sk_json_count(batch->tasks) : 0;
    if (count == 0 || count > SK_TASK_BATCH_MAX) {
        sk_exchange_refuse(x,
                           "send {\"tasks\": [{\"saga\": …, \"token\": …}]} with 1 to 100 of them",
                           "tasks is not a list of 1 to %d tasks", SK_TASK_BATCH_MAX);
        return false;
    }
    batch->items = SK_ARENA_ARRAY(&x->arena, struct told, count);
    if (batch->items == NULL) {
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return false;
    }
    struct sk_json_iter it = sk_json_walk(batch->tasks);
    while (sk_json_next(&it)) {
        struct told *told = &batch->items[batch->count++];
        told->whole = it.value;
        if (!sk_inputs_read_object(x, item_of(batch->verb), it.value, told)) return false;
        if (told->error.size > 0 && !sk_inputs_read_object(x, error_body, told->error, told))
            return false;
    }
    return true;
}

static void handle_batch(struct sk_exchange *x, enum verb verb, const struct sk_input *body)
{
    struct batch *batch = SK_EXCHANGE_STATE(x, struct batch);
    if (batch == NULL) return;
    batch->verb = verb;
    if (!sk_inputs_read_body(x, body, batch) || !read_items(x, batch)) return;
    batch->w = sk_exchange_writer(x);
    sk_json_begin_object(&batch->w);
    sk_json_key(&batch->w, "items");
    sk_json_begin_array(&batch->w);
    run_next(x);
}

void sk_handle_heartbeat(struct sk_exchange *x)
{
    handle_batch(x, VERB_HEARTBEAT, sk_heartbeat_body);
}

void sk_handle_tasks_complete(struct sk_exchange *x)
{
    handle_batch(x, VERB_COMPLETE, sk_tasks_complete_body);
}

void sk_handle_tasks_fail(struct sk_exchange *x)
{
    handle_batch(x, VERB_FAIL, sk_tasks_fail_body);
}

/* ---- queues ---------------------------------------------------------------------------------- */

struct queue {
    struct queue *next;
    struct sk_queue_view view;
};

static void take_queue(void *context, const struct sk_queue_view *view)
{
    struct sk_gather_part *part = context;
    struct queue *queue = SK_ARENA_NEW(&part->arena, struct queue);
    if (queue == NULL) return;
    queue->view = *view;
    queue->view.name = sk_arena_copy(&part->arena, view->name);
    queue->next = part->told;
    part->told = queue;
}

static void look(struct sk_gather_part *part)
{
    sk_engine_queues(part->engine, take_queue, part);
    sk_gather_tell(part);
}

static int by_name(const void *a, const void *b)
{
    const struct sk_queue_view *one = a, *other = b;
    return sk_str_compare(one->name, other->name);
}

static void put_queue(struct sk_json_writer *w, const struct sk_queue_view *queue)
{
    sk_json_begin_object(w);
    sk_shape_text(w, "queue", queue->name);
    sk_shape_count(w, "waiting", queue->waiting);
    sk_shape_count(w, "in_flight", queue->leased);
    sk_shape_count(w, "workers_waiting", queue->polls);
    sk_shape_time(w, "oldest", queue->oldest_ms);
    sk_json_end_object(w);
}

/* The same queue of another loop. */
static void add_queue(struct sk_queue_view *sum, const struct sk_queue_view *more)
{
    sum->waiting += more->waiting;
    sum->leased += more->leased;
    sum->polls += more->polls;
    bool is_older = more->oldest_ms != 0 && more->oldest_ms < sum->oldest_ms;
    if (is_older || sum->oldest_ms == 0) sum->oldest_ms = more->oldest_ms;
}

static void reply_queues(struct sk_exchange *x, struct sk_queue_view *views, size_t count)
{
    qsort(views, count, sizeof *views, by_name);
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_json_key(&w, "items");
    sk_json_begin_array(&w);
    for (size_t i = 0; i < count;) {
        struct sk_queue_view sum = views[i];
        while (++i < count && sk_str_equal(views[i].name, sum.name)) add_queue(&sum, &views[i]);
        put_queue(&w, &sum);
    }
    sk_json_end_array(&w);
    sk_json_key(&w, "next");
    sk_json_put_null(&w);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

static void on_queues(void *context, enum skald_status status, const skald_error *error,
                      struct sk_gather_part *const *parts, uint32_t parts_count)
{
    struct sk_exchange *x = context;
    size_t count = 0, at = 0;
    if (status != SKALD_OK) {
        sk_exchange_fail(x, status, error);
        return;
    }
    for (uint32_t i = 0; i < parts_count; i++) {
        for (const struct queue *q = parts[i]->told; q != NULL; q = q->next) count += 1;
    }
    struct sk_queue_view *views = SK_ARENA_ARRAY(&x->arena, struct sk_queue_view, count + 1);
    if (views == NULL) {
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return;
    }
    for (uint32_t i = 0; i < parts_count; i++) {
        for (const struct queue *q = parts[i]->told; q != NULL; q = q->next) views[at++] = q->view;
    }
    reply_queues(x, views, count);
}

void sk_handle_queues(struct sk_exchange *x)
{
    sk_engine_gather(sk_engine_of(x), look, NULL, on_queues, x);
}

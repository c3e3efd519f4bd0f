/* sagas.c: start a saga; look at one. */
#include "api/routes.h"

#include "api/shapes.h"

#include "base/limits.h"

/* ---- removing -------------------------------------------------------------------------------- */

static void on_removed(void *context, const struct sk_reply *reply)
{
    struct sk_exchange *x = context;
    if (reply->status != SKALD_OK) {
        struct sk_problem problem = sk_problem_of(reply->status, reply->error);
        problem.retry_after_ms = reply->retry_after_ms;
        if (reply->status == SKALD_E_STATE) {
            problem.remedy = SK_STR("wait until it and the sagas above it have ended, or end them: "
                                    "cancel, retry, force-complete");
        }
        sk_exchange_problem(x, &problem);
        return;
    }
    sk_buf_clear(&x->out);
    sk_exchange_reply(x, 204);
}

void sk_handle_remove(struct sk_exchange *x)
{
    sk_engine_remove(sk_engine_of(x), x->params[0], on_removed, x);
}

/* ---- start ----------------------------------------------------------------------------------- */

enum { LOCK_KEY_SIZE_MAX = 255 };

struct start {
    struct sk_str definition, version, id, input, context, business_key, attributes, tags, space;
    struct sk_texts lock_keys;
    int64_t timeout_ms, max_attempts, priority;
};

#define ROW(name, kind, field, help)                                    \
    {                                                                   \
        name, kind, offsetof(struct start, field), help, 0, 0, 0, false \
    }

const struct sk_input sk_start_body[] = {
    { "definition", SK_INPUT_NAME, offsetof(struct start, definition),
      "name the definition to run: {\"definition\": \"order\", …}", 0, 0, 0, true },
    ROW("version", SK_INPUT_TEXT, version, "of the definition; the one defined last without it"),
    ROW("id", SK_INPUT_ID, id, "of the saga; drawn without it"),
    ROW("input", SK_INPUT_JSON, input, "any value"),
    ROW("context", SK_INPUT_OBJECT, context, "request ids, tokens, URLs"),
    ROW("business_key", SK_INPUT_TEXT, business_key, "how the business calls it"),
    ROW("attributes", SK_INPUT_SCALARS, attributes, "searchable names and values"),
    ROW("tags", SK_INPUT_TAGS, tags, "searchable texts"),
    ROW("timeout", SK_INPUT_DURATION, timeout_ms, "in place of the definition's"),
    { "max_attempts", SK_INPUT_NUMBER, offsetof(struct start, max_attempts),
      "of each step, at most", 1, 1000000, 0, false },
    { "lock_keys", SK_INPUT_TEXTS, offsetof(struct start, lock_keys), "held from start to end", 0,
      0, LOCK_KEY_SIZE_MAX, false },
    { "priority", SK_INPUT_NUMBER, offsetof(struct start, priority),
      "of admission: higher comes first", INT32_MIN, INT32_MAX, 0, false },
    ROW("namespace", SK_INPUT_TEXT, space, "whom it belongs to"),
    { 0 },
};

struct started {
    int64_t wait_ms;
    bool is_replayed;
};

const struct sk_input sk_start_query[] = {
    { "wait", SK_INPUT_DURATION, offsetof(struct started, wait_ms),
      "answer once it has ended, or after so long (60s at most) as it then is", 0, 0, 0, false },
    { 0 },
};

static void set_location(struct sk_exchange *x, struct sk_str id)
{
    struct sk_buf path = { 0 };
    sk_buf_append_text(&path, "/api/v1/sagas/");
    sk_buf_append_str(&path, id);
    if (!path.failed) sk_http_reply_header(x->http, "Location", sk_buf_text(&path));
    sk_buf_release(&path);
}

static void fail(struct sk_exchange *x, const struct sk_reply *reply, const char *remedy)
{
    struct sk_problem problem = sk_problem_of(reply->status, reply->error);
    problem.retry_after_ms = reply->retry_after_ms;
    if (remedy != NULL) problem.remedy = sk_str_of(remedy);
    sk_exchange_problem(x, &problem);
}

static const char *start_remedy(enum skald_status status)
{
    if (status == SKALD_E_NOT_FOUND) {
        return "define it first (POST /api/v1/definitions or `skald define FILE`), or check its "
               "id and version";
    }
    if (status == SKALD_E_CONFLICT) {
        return "use another id or Idempotency-Key, or send exactly what was sent before";
    }
    return NULL;
}

static void fail_start(struct sk_exchange *x, const struct sk_reply *reply)
{
    if (reply->violations.size == 0) {
        fail(x, reply, start_remedy(reply->status));
        return;
    }
    struct sk_problem problem =
        sk_problem_http(422, sk_str_of(reply->error->message),
                        SK_STR("change the input where `violations` point to"));
    problem.code = skald_status_name(reply->status);
    problem.violations = reply->violations;
    sk_exchange_problem(x, &problem);
}

static void reply_started(struct sk_exchange *x, const struct sk_reply *reply)
{
    const struct started *started = x->state;
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_shape_saga(&w, reply->saga);
    sk_exchange_reply(x, started->is_replayed ? 200 : 201);
}

/* The start is durable, whatever comes of the waiting. */
static void on_ended(void *context, const struct sk_reply *reply)
{
    struct sk_exchange *x = context;
    if (reply->status == SKALD_OK) {
        reply_started(x, reply);
    } else {
        fail(x, reply, "it has been started: GET it, or send the same again");
    }
}

static void on_started(void *context, const struct sk_reply *reply)
{
    struct sk_exchange *x = context;
    struct started *started = x->state;
    if (reply->status != SKALD_OK) {
        fail_start(x, reply);
        return;
    }
    started->is_replayed = reply->is_replayed;
    if (reply->is_replayed) sk_http_reply_header(x->http, "Skald-Replayed", "true");
    set_location(x, reply->saga->start.id);
    if (started->wait_ms == 0) {
        reply_started(x, reply);
        return;
    }
    sk_engine_wait(sk_engine_of(x), reply->saga->start.id, started->wait_ms, on_ended, x);
}

static bool read_wait(struct sk_exchange *x)
{
    struct started *started = SK_EXCHANGE_STATE(x, struct started);
    if (started == NULL) return false;
    if (!sk_inputs_read_query(x, sk_start_query, started)) return false;
    int64_t wait_ms_max = x->api->options.wait_ms_max;
    if (started->wait_ms > wait_ms_max) started->wait_ms = wait_ms_max;
    return true;
}

void sk_handle_start(struct sk_exchange *x)
{
    struct start start = { 0 };
    struct sk_str key;
    if (!sk_exchange_key(x, &key) || !read_wait(x)) return;
    if (!sk_inputs_read_body(x, sk_start_body, &start)) return;
    if (start.lock_keys.count > SK_LOCK_KEYS_MAX) {
        sk_exchange_refuse(x, "name fewer, or one that stands for several",
                           "lock_keys holds %u keys; %d at most", start.lock_keys.count,
                           SK_LOCK_KEYS_MAX);
        return;
    }
    struct sk_start_request request = {
        .definition = start.definition,
        .version = start.version,
        .id = start.id,
        .idempotency_key = key,
        .input = start.input,
        .context = start.context,
        .traceparent = sk_str_trim(sk_http_request_header(x->http, "traceparent")),
        .business_key = start.business_key,
        .space = start.space,
        .attributes = start.attributes,
        .tags = start.tags,
        .lock_keys = start.lock_keys.items,
        .lock_keys_count = start.lock_keys.count,
        .timeout_ms = start.timeout_ms,
        .max_attempts = (uint32_t)start.max_attempts,
        .priority = (int32_t)start.priority,
    };
    sk_engine_start(sk_engine_of(x), &request, on_started, x);
}

/* ---- one saga -------------------------------------------------------------------------------- */

struct get {
    int64_t wait_ms;
};

const struct sk_input sk_saga_query[] = {
    { "wait", SK_INPUT_DURATION, offsetof(struct get, wait_ms),
      "answer once it has ended, or after so long (60s at most) as it then is", 0, 0, 0, false },
    { 0 },
};

static const char *get_remedy(enum skald_status status)
{
    return status == SKALD_E_NOT_FOUND ? "GET /api/v1/sagas lists them" : NULL;
}

static void on_saga(void *context, const struct sk_reply *reply)
{
    struct sk_exchange *x = context;
    if (reply->status != SKALD_OK) {
        fail(x, reply, get_remedy(reply->status));
        return;
    }
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_shape_saga(&w, reply->saga);
    sk_exchange_reply(x, 200);
}

void sk_handle_saga(struct sk_exchange *x)
{
    struct get get = { 0 };
    if (!sk_inputs_read_query(x, sk_saga_query, &get)) return;
    int64_t wait_ms_max = x->api->options.wait_ms_max;
    if (get.wait_ms == 0) {
        sk_engine_get(sk_engine_of(x), x->params[0], on_saga, x);
        return;
    }
    sk_engine_wait(sk_engine_of(x), x->params[0],
                   get.wait_ms < wait_ms_max ? get.wait_ms : wait_ms_max, on_saga, x);
}

static void on_steps(void *context, const struct sk_reply *reply)
{
    struct sk_exchange *x = context;
    if (reply->status != SKALD_OK) {
        fail(x, reply, get_remedy(reply->status));
        return;
    }
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_json_key(&w, "items");
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < reply->saga->plan->steps_count; i++) {
        sk_shape_step(&w, reply->saga, i, true);
    }
    sk_json_end_array(&w);
    sk_json_key(&w, "next");
    sk_json_put_null(&w);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

void sk_handle_steps(struct sk_exchange *x)
{
    sk_engine_get(sk_engine_of(x), x->params[0], on_steps, x);
}

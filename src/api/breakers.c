/* breakers.c: the participants that were called so far: their circuit breakers and lines. */
#include "api/routes.h"

#include "api/shapes.h"
#include "invoke/limits.h"

enum { NAME_SIZE_MAX = SK_LIMITS_NAME_MAX };

bool sk_service_is_sound(struct sk_str name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] < '!' || name.data[i] > '~') return false;
    }
    return name.size > 0 && name.size <= NAME_SIZE_MAX;
}

static void put_limits(struct sk_json_writer *w, const struct sk_limits *limits)
{
    sk_json_begin_object(w);
    sk_json_key(w, "max_in_flight");
    if (limits->in_flight_max > 0) {
        sk_json_put_u64(w, limits->in_flight_max);
    } else {
        sk_json_put_null(w);
    }
    sk_json_key(w, "rate_per_s");
    if (limits->rate_per_s > 0) {
        sk_json_put_double(w, limits->rate_per_s);
        sk_shape_count(w, "burst", limits->burst);
    } else {
        sk_json_put_null(w);
        sk_json_key(w, "burst");
        sk_json_put_null(w);
    }
    sk_shape_flag(w, "circuit_breaker", limits->breaker == SK_BREAKER_ON);
    sk_shape_count(w, "threshold", limits->breaker_threshold);
    sk_shape_count(w, "timeout_ms", (uint64_t)limits->breaker_timeout_ms);
    sk_shape_count(w, "half_open_requests", limits->breaker_probes);
    sk_json_end_object(w);
}

static void put_view(void *context, const struct sk_limiter_view *view)
{
    struct sk_json_writer *w = context;
    const struct sk_breaker *breaker = &view->breaker;
    sk_json_begin_object(w);
    sk_shape_text(w, "service", view->service);
    sk_json_key(w, "state");
    sk_json_put_text(w, sk_breaker_state_name(breaker->state));
    sk_shape_count(w, "failures", breaker->failures);
    sk_shape_count(w, "successes", breaker->successes);
    sk_shape_count(w, "opened_count", breaker->opened_count);
    sk_shape_time(w, "changed_at", breaker->changed_at_ms);
    sk_shape_time(w, "retry_at", breaker->state == SK_BREAKER_OPEN ? breaker->retry_at_ms : 0);
    sk_shape_count(w, "in_flight", view->in_flight);
    sk_shape_count(w, "waiting", view->waiting[SK_LANE_UNDO] + view->waiting[SK_LANE_DO]);
    sk_shape_count(w, "sent", view->sent);
    sk_shape_count(w, "refused", view->refused);
    sk_json_key(w, "limits");
    put_limits(w, &view->limits);
    sk_json_end_object(w);
}

void sk_handle_breakers(struct sk_exchange *x)
{
    const struct sk_limiter *limiter = x->api->options.limiter;
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_json_key(&w, "items");
    sk_json_begin_array(&w);
    if (limiter != NULL) sk_limiter_each(limiter, put_view, &w);
    sk_json_end_array(&w);
    sk_json_key(&w, "next");
    sk_json_put_null(&w);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

struct reset {
    struct sk_str by, reason;
};

const struct sk_input sk_breaker_body[] = {
    { "by", SK_INPUT_TEXT, offsetof(struct reset, by),
      "say who asks: {\"by\": \"name\", \"reason\": \"why\"}; it is kept in the log", 0, 0, 200,
      true },
    { "reason", SK_INPUT_PROSE, offsetof(struct reset, reason),
      "say why: {\"by\": \"name\", \"reason\": \"why\"}; it is kept in the log", 0, 0, 0, true },
    { 0 },
};

void sk_handle_breaker_reset(struct sk_exchange *x)
{
    struct sk_limiter *limiter = x->api->options.limiter;
    struct sk_limiter_view view;
    struct reset reset = { 0 };
    struct sk_str service = x->params[0];
    if (!sk_inputs_read_body(x, sk_breaker_body, &reset)) return;
    if (limiter == NULL || !sk_limiter_reset(limiter, service, reset.by, reset.reason) ||
        !sk_limiter_find(limiter, service, &view)) {
        struct sk_problem problem =
            sk_problem_http(404, SK_STR("no service of that name has been called so far"),
                            SK_STR("GET /api/v1/circuit-breakers lists those that have"));
        sk_exchange_problem(x, &problem);
        return;
    }
    struct sk_json_writer w = sk_exchange_writer(x);
    put_view(&w, &view);
    sk_exchange_reply(x, 200);
}

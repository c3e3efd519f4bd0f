/* limits_gate.c: the state of one service: which limits apply to it, and what holds a call back. */
#include "invoke/limits_parts.h"

#include "base/json.h"
#include "base/time.h"

static int64_t now_ms(const struct sk_limiter *limiter)
{
    return limiter->options.runtime->ops->now_ms(limiter->options.runtime);
}

static int64_t now_us(const struct sk_limiter *limiter)
{
    return limiter->options.runtime->ops->monotonic_us(limiter->options.runtime);
}

/* ---- which limits apply ---------------------------------------------------------------------- */

static void merge(struct sk_limits *limits, const struct sk_limits *weaker)
{
    if (limits->in_flight_max == 0) limits->in_flight_max = weaker->in_flight_max;
    if (limits->rate_per_s <= 0) {
        limits->rate_per_s = weaker->rate_per_s;
        limits->burst = weaker->burst;
    }
    if (limits->breaker == SK_BREAKER_UNSAID) limits->breaker = weaker->breaker;
    if (limits->breaker_threshold == 0) limits->breaker_threshold = weaker->breaker_threshold;
    if (limits->breaker_timeout_ms == 0) limits->breaker_timeout_ms = weaker->breaker_timeout_ms;
    if (limits->breaker_probes == 0) limits->breaker_probes = weaker->breaker_probes;
}

static const struct sk_limits *said_by_plan(const struct sk_plan *plan, struct sk_str name)
{
    for (uint32_t i = 0; plan != NULL && i < plan->services_count; i++) {
        if (sk_str_equal(plan->services[i].name, name)) return &plan->services[i].limits;
    }
    return NULL;
}

/* Under the lock. */
static void apply_limits(struct sk_served *service, const struct sk_plan *plan,
                         const struct sk_digest *digest)
{
    static const struct sk_limits last = { .breaker = SK_BREAKER_ON,
                                           .breaker_threshold = SK_BREAKER_THRESHOLD,
                                           .breaker_timeout_ms = SK_BREAKER_TIMEOUT_MS,
                                           .breaker_probes = SK_BREAKER_PROBES };
    struct sk_gate_state *state = service->state;
    struct sk_str name = { state->name, state->name_size };
    const struct sk_limiter_options *options = &service->limiter->options;
    const struct sk_limits *own = said_by_plan(plan, name);
    const struct sk_service_options *configured = sk_services_find(options->services, name);
    struct sk_limits limits = { 0 };
    /* a definition that says nothing of the service leaves standing what another one said */
    if (state->has_limits && own == NULL) return;
    if (configured != NULL) limits = configured->limits;
    if (own != NULL) merge(&limits, own);
    merge(&limits, &options->defaults);
    merge(&limits, &last);
    if (limits.burst == 0) limits.burst = limits.rate_per_s > 1 ? (uint32_t)limits.rate_per_s : 1;
    if (!state->has_limits) state->tokens = limits.burst;
    if (state->tokens > limits.burst) state->tokens = limits.burst;
    state->limits = limits;
    state->said_by = *digest;
    state->has_limits = true;
}

static void look_for_limits(struct sk_served *service, const struct sk_plan *plan)
{
    static const struct sk_digest nobody;
    struct sk_gate_state *state = service->state;
    const struct sk_digest *digest = plan == NULL ? &nobody : &plan->digest;
    sk_gate_lock(state);
    bool is_known = state->has_limits && sk_digest_equal(&state->said_by, digest);
    if (!is_known) apply_limits(service, plan, digest);
    sk_gate_unlock(state);
}

/* ---- the table of services ------------------------------------------------------------------- */

static void on_timer(void *context)
{
    sk_served_pump(context);
}

void sk_served_free(struct sk_served *service)
{
    struct sk_limiter *limiter = service->limiter;
    SK_ASSERT(service->calls_count == 0);
    HASH_DEL(limiter->services, service);
    sk_list_remove(&service->node);
    limiter->services_count -= 1;
    limiter->options.runtime->ops->timer_free(service->timer);
    sk_gate_state_leave(service->state);
    sk_free(service);
}

static bool forget_one(struct sk_limiter *limiter)
{
    for (struct sk_list *at = limiter->order.next; at != &limiter->order; at = at->next) {
        struct sk_served *service = sk_container_of(at, struct sk_served, node);
        if (service->calls_count > 0 || sk_gate_breaker(service).state != SK_BREAKER_CLOSED)
            continue;
        sk_served_free(service);
        return true;
    }
    return false;
}

struct sk_served *sk_served_add(struct sk_limiter *limiter, struct sk_str name)
{
    if (limiter->services_count >= SK_LIMITS_SERVICES_MAX && !forget_one(limiter)) return NULL;
    struct sk_runtime *runtime = limiter->options.runtime;
    struct sk_served *service = sk_alloc(sizeof *service);
    struct sk_gate_state *state = sk_gate_state_use(limiter, name);
    if (service == NULL || state == NULL) {
        if (state != NULL) sk_gate_state_leave(state);
        sk_free(service);
        return NULL;
    }
    service->limiter = limiter;
    service->state = state;
    sk_line_init(&service->lines[SK_LANE_UNDO]);
    sk_line_init(&service->lines[SK_LANE_DO]);
    service->timer = runtime->ops->timer_new(runtime, on_timer, service);
    if (service->timer != NULL) {
        HASH_ADD_KEYPTR(hh, limiter->services, state->name, state->name_size, service);
    }
    if (service->timer == NULL || service->hh.tbl == NULL) {
        runtime->ops->timer_free(service->timer);
        sk_gate_state_leave(state);
        sk_free(service);
        return NULL;
    }
    sk_list_push(&limiter->order, &service->node);
    limiter->services_count += 1;
    return service;
}

/* Scheme and host of a target, for an action that names no service. */
static struct sk_str host_of(struct sk_str target)
{
    size_t colon = sk_str_find(target, ':');
    size_t from = 0, end;
    if (colon + 2 < target.size && target.data[colon + 1] == '/' && target.data[colon + 2] == '/') {
        from = colon + 3;
    }
    for (end = from; end < target.size; end++) {
        if (target.data[end] == '/' || target.data[end] == '?' || target.data[end] == '#') break;
    }
    return sk_str_sub(target, 0, end);
}

struct sk_served *sk_served_of(struct sk_limiter *limiter, const struct sk_invocation *invocation)
{
    struct sk_str name = { 0 };
    struct sk_served *service = NULL;
    if (invocation->action != NULL) name = invocation->action->service;
    if (name.size == 0) name = host_of(invocation->target);
    if (name.size == 0) name = SK_STR("-");
    name = sk_str_sub(name, 0, SK_LIMITS_NAME_MAX);
    HASH_FIND(hh, limiter->services, name.data, name.size, service);
    if (service == NULL) service = sk_served_add(limiter, name);
    if (service != NULL) look_for_limits(service, invocation->plan);
    return service;
}

/* ---- the gate -------------------------------------------------------------------------------- */

/* Under the lock, as all that is static here. */
static void refill(const struct sk_served *service)
{
    struct sk_gate_state *state = service->state;
    int64_t at_us = now_us(service->limiter);
    double earned = (double)(at_us - state->tokens_at_us) * state->limits.rate_per_s / 1e6;
    state->tokens += earned > 0 ? earned : 0;
    if (state->tokens > state->limits.burst) state->tokens = state->limits.burst;
    if (at_us > state->tokens_at_us) state->tokens_at_us = at_us;
}

static enum sk_gate look(const struct sk_served *service, enum sk_lane lane, bool *has_changed)
{
    struct sk_gate_state *state = service->state;
    const struct sk_limits *limits = &state->limits;
    if (limits->breaker == SK_BREAKER_ON) {
        *has_changed = sk_breaker_tick(&state->breaker, now_ms(service->limiter));
        if (!sk_breaker_admits(&state->breaker, limits, lane)) return SK_GATE_BREAKER;
    }
    if (limits->in_flight_max > 0 && state->in_flight >= limits->in_flight_max) {
        return SK_GATE_IN_FLIGHT;
    }
    if (limits->rate_per_s <= 0) return SK_GATE_FREE;
    refill(service);
    return state->tokens >= 1 ? SK_GATE_FREE : SK_GATE_RATE;
}

static void pass(struct sk_gate_state *state, struct sk_call *call)
{
    if (state->limits.rate_per_s > 0) state->tokens -= 1;
    sk_breaker_on_sent(&state->breaker, call->lane);
    call->generation = state->breaker.generation;
    call->place = SK_CALL_FLYING;
    state->in_flight += 1;
    state->sent += 1;
}

static uint64_t others(const struct sk_served *service)
{
    return service->state->lined & ~(UINT64_C(1) << service->limiter->options.member);
}

static enum sk_gate ask(struct sk_served *service, enum sk_lane lane, struct sk_call *call)
{
    bool has_changed = false;
    sk_gate_lock(service->state);
    enum sk_gate gate = look(service, lane, &has_changed);
    if (gate == SK_GATE_FREE && call != NULL) pass(service->state, call);
    sk_gate_unlock(service->state);
    if (has_changed) sk_gate_notice(service, SK_STR(""), SK_STR(""));
    return gate;
}

enum sk_gate sk_gate_of(struct sk_served *service, enum sk_lane lane)
{
    return ask(service, lane, NULL);
}

enum sk_gate sk_gate_try(struct sk_served *service, struct sk_call *call)
{
    return ask(service, call->lane, call);
}

bool sk_gate_end(struct sk_served *service, struct sk_call *call, enum sk_health health)
{
    struct sk_gate_state *state = service->state;
    bool has_changed = false;
    sk_gate_lock(state);
    bool was_full =
        state->limits.in_flight_max > 0 && state->in_flight >= state->limits.in_flight_max;
    bool is_tried = state->breaker.state == SK_BREAKER_HALF_OPEN;
    state->in_flight -= 1;
    if (state->limits.breaker == SK_BREAKER_ON) {
        has_changed = sk_breaker_on_end(&state->breaker, &state->limits, call->lane,
                                        call->generation, health, now_ms(service->limiter));
    }
    uint64_t concerned = was_full || is_tried || has_changed ? others(service) : 0;
    sk_gate_unlock(state);
    if (concerned != 0) sk_gate_poke(service, concerned);
    return has_changed;
}

bool sk_gate_reset(struct sk_served *service)
{
    struct sk_gate_state *state = service->state;
    sk_gate_lock(state);
    bool has_changed = sk_breaker_reset(&state->breaker, now_ms(service->limiter));
    uint64_t concerned = others(service);
    sk_gate_unlock(state);
    if (concerned != 0) sk_gate_poke(service, concerned);
    return has_changed;
}

void sk_gate_refused(struct sk_served *service)
{
    sk_gate_lock(service->state);
    service->state->refused += 1;
    sk_gate_unlock(service->state);
}

void sk_gate_line(struct sk_served *service, enum sk_lane lane, int change)
{
    struct sk_gate_state *state = service->state;
    uint64_t bit = UINT64_C(1) << service->limiter->options.member;
    bool has_line = service->lines[SK_LANE_UNDO].count + service->lines[SK_LANE_DO].count > 0;
    sk_gate_lock(state);
    state->waiting[lane] += (uint32_t)change;
    state->lined = has_line ? state->lined | bit : state->lined & ~bit;
    sk_gate_unlock(state);
}

struct sk_breaker sk_gate_breaker(const struct sk_served *service)
{
    sk_gate_lock(service->state);
    struct sk_breaker breaker = service->state->breaker;
    sk_gate_unlock(service->state);
    return breaker;
}

bool sk_gate_has_rate(const struct sk_served *service)
{
    sk_gate_lock(service->state);
    bool has_rate = service->state->limits.rate_per_s > 0;
    sk_gate_unlock(service->state);
    return has_rate;
}

int64_t sk_gate_token_ms(const struct sk_served *service, uint32_t n)
{
    sk_gate_lock(service->state);
    double missing = (double)n - service->state->tokens;
    double rate_per_s = service->state->limits.rate_per_s;
    sk_gate_unlock(service->state);
    if (missing <= 0 || rate_per_s <= 0) return 0;
    double ms = missing * 1000 / rate_per_s;
    return ms > 86400000.0 ? 86400000 : (int64_t)ms + 1;
}

void sk_gate_schedule(struct sk_served *service)
{
    const struct sk_limiter *limiter = service->limiter;
    const struct sk_runtime_ops *ops = limiter->options.runtime->ops;
    bool has_line = service->lines[SK_LANE_UNDO].count + service->lines[SK_LANE_DO].count > 0;
    struct sk_breaker breaker = sk_gate_breaker(service);
    int64_t token_ms = has_line && sk_gate_has_rate(service) ? sk_gate_token_ms(service, 1) : 0;
    if (breaker.state == SK_BREAKER_OPEN) {
        ops->timer_arm(service->timer, breaker.retry_at_ms);
    } else if (token_ms > 0) {
        ops->timer_arm(service->timer, now_ms(limiter) + token_ms);
    } else {
        ops->timer_disarm(service->timer);
    }
}

/* ---- notices --------------------------------------------------------------------------------- */

static void put_instant(struct sk_json_writer *w, const char *key, int64_t at_ms)
{
    char text[SK_TIME_TEXT_SIZE];
    sk_time_format(at_ms, text);
    sk_json_key(w, key);
    sk_json_put_text(w, text);
}

void sk_gate_notice(struct sk_served *service, struct sk_str by, struct sk_str reason)
{
    static const char *const names[] = { "circuit.closed", "circuit.opened", "circuit.half_open" };
    const struct sk_limiter_options *options = &service->limiter->options;
    const struct sk_breaker held = sk_gate_breaker(service), *breaker = &held;
    if (options->on_notice == NULL) return;
    struct sk_buf text;
    sk_buf_init(&text, 0);
    struct sk_json_writer w = sk_json_writer_of(&text);
    sk_json_begin_object(&w);
    sk_json_key(&w, "service");
    sk_json_put_str(&w, (struct sk_str){ service->state->name, service->state->name_size });
    if (breaker->state == SK_BREAKER_OPEN) {
        sk_json_key(&w, "failures");
        sk_json_put_u64(&w, breaker->failures);
        put_instant(&w, "retry_at", breaker->retry_at_ms);
    }
    if (by.size > 0) {
        sk_json_key(&w, "by");
        sk_json_put_str(&w, by);
        sk_json_key(&w, "reason");
        sk_json_put_str(&w, reason);
    }
    sk_json_end_object(&w);
    if (!text.failed) {
        options->on_notice(options->notice_context, sk_str_of(names[breaker->state]),
                           sk_buf_view(&text));
    }
    sk_buf_release(&text);
}

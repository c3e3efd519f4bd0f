/* dump.c: a plan as text, for comparison: what is zero, empty or default is left out. */
#include "world.h"

struct dumper {
    const struct sk_plan *plan;
    struct sk_buf *out;
    struct sk_arena scratch;
    int depth;
};

/* Values that show which root a text reads. */
static struct sk_str sample(const void *context, enum sk_root root, uint32_t step_index)
{
    static const char *const outputs[] = { "{\"id\":\"o0\"}", "{\"id\":\"o1\"}",
                                           "{\"id\":\"o2\"}" };
    (void)context;
    switch (root) {
    case SK_ROOT_INPUT: return SK_STR("{\"id\":\"in\",\"n\":5,\"items\":[1,2]}");
    case SK_ROOT_OUTPUT: return sk_str_of(outputs[step_index % 3]);
    case SK_ROOT_CONTEXT: return SK_STR("{\"id\":\"ctx\"}");
    case SK_ROOT_VARIABLES: return SK_STR("{\"id\":\"var\"}");
    case SK_ROOT_ERROR: return SK_STR("{\"message\":\"err\"}");
    case SK_ROOT_TIMESTAMP: return SK_STR("\"2030-01-01T00:00:00.000Z\"");
    case SK_ROOT_SAGA_ID: return SK_STR("\"saga-1\"");
    case SK_ROOT_STEP_ID: return SK_STR("\"step-1\"");
    case SK_ROOT_STEP_NAME: return SK_STR("\"Step\"");
    case SK_ROOT_ATTEMPT: return SK_STR("2");
    case SK_ROOT_ITEM: return SK_STR("{\"id\":\"item\"}");
    case SK_ROOT_RESPONSE: return SK_STR("{\"id\":\"resp\"}");
    case SK_ROOTS_COUNT: break;
    }
    return (struct sk_str){ 0 };
}
static const struct sk_scope scope = { NULL, sample };

static void put_name(struct dumper *d, const char *name)
{
    for (int i = 0; i < d->depth; i++) sk_buf_append_text(d->out, "  ");
    sk_buf_append_text(d->out, name);
    sk_buf_append_char(d->out, ' ');
}

static void put_str(struct dumper *d, const char *name, struct sk_str value)
{
    if (value.size == 0) return;
    put_name(d, name);
    sk_buf_append_str(d->out, value);
    sk_buf_append_char(d->out, '\n');
}

static void put_int(struct dumper *d, const char *name, int64_t value)
{
    if (value == 0) return;
    put_name(d, name);
    sk_buf_append_i64(d->out, value);
    sk_buf_append_char(d->out, '\n');
}

static void put_template(struct dumper *d, const char *name, const struct sk_template *template)
{
    if (template == NULL) return;
    put_name(d, name);
    sk_template_render_text(template, &scope, &d->scratch, d->out);
    sk_buf_append_text(d->out, sk_template_is_constant(template) ? "\n" : " (template)\n");
}

static void put_document(struct dumper *d, const char *name, const struct sk_document *document)
{
    if (document == NULL) return;
    put_name(d, name);
    sk_document_render(document, &scope, &d->scratch, d->out);
    sk_buf_append_char(d->out, '\n');
}

static void put_condition(struct dumper *d, const char *name, const struct sk_condition *condition)
{
    if (condition == NULL) return;
    bool value = sk_condition_eval(condition, &scope, &d->scratch);
    put_str(d, name, value ? SK_STR("true") : SK_STR("false"));
}

static void put_pairs(struct dumper *d, const char *name, const struct sk_pair *pairs,
                      uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        put_name(d, name);
        sk_buf_append_str(d->out, pairs[i].name);
        sk_buf_append_text(d->out, " = ");
        sk_template_render_text(pairs[i].value, &scope, &d->scratch, d->out);
        sk_buf_append_char(d->out, '\n');
    }
}

static void put_statuses(struct dumper *d, const char *name, const uint16_t *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) put_int(d, name, list[i]);
}

static void put_action(struct dumper *d, const char *name, const struct sk_action *action)
{
    if (action == NULL) return;
    put_str(d, name, sk_str_of(sk_step_kind_name(action->kind)));
    d->depth += 1;
    put_str(d, "service", action->service);
    put_template(d, "endpoint", action->endpoint);
    put_str(d, "method", action->method);
    put_template(d, "path", action->path);
    put_pairs(d, "header", action->headers, action->headers_count);
    put_pairs(d, "query", action->query, action->query_count);
    put_document(d, "body", action->body);
    put_template(d, "timeout", action->timeout);
    put_statuses(d, "success", action->success, action->success_count);
    put_statuses(d, "fail", action->fail, action->fail_count);
    put_statuses(d, "retry", action->retry, action->retry_count);
    put_str(d, "broker", action->broker);
    put_template(d, "topic", action->topic);
    put_template(d, "routing_key", action->routing_key);
    put_str(d, "reply_topic", action->reply_topic);
    put_int(d, "reply_timeout_ms", action->reply_timeout_ms);
    put_str(d, "definition", action->definition);
    put_str(d, "version", action->version);
    put_str(d, "queue", action->queue);
    put_int(d, "is_automatic", action->is_automatic);
    d->depth -= 1;
}

static void put_service(struct dumper *d, const struct sk_service *service)
{
    static const char *const breakers[] = { "", "on", "off" };
    const struct sk_limits *limits = &service->limits;
    put_str(d, "limits of", service->name);
    d->depth += 1;
    put_int(d, "in_flight_max", limits->in_flight_max);
    put_int(d, "rate per 1000 s", (int64_t)(limits->rate_per_s * 1000 + 0.5));
    put_int(d, "burst", limits->burst);
    put_str(d, "breaker", sk_str_of(breakers[limits->breaker]));
    put_int(d, "breaker_threshold", limits->breaker_threshold);
    put_int(d, "breaker_timeout_ms", limits->breaker_timeout_ms);
    put_int(d, "breaker_probes", limits->breaker_probes);
    d->depth -= 1;
}

static void put_retry(struct dumper *d, const char *name, const struct sk_retry_policy *policy)
{
    static const char *const types[] = { "fixed", "exponential", "linear", "none" };
    static const char *const jitters[] = { "", " ±25%", " full" };
    put_name(d, name);
    sk_buf_append_text(d->out, types[policy->type]);
    sk_buf_printf(d->out, " × %u, %lld ms", policy->max_attempts, (long long)policy->initial_ms);
    if (policy->max_ms > 0) sk_buf_printf(d->out, " … %lld ms", (long long)policy->max_ms);
    if (policy->type == SK_RETRY_LINEAR) {
        sk_buf_printf(d->out, " + %lld ms", (long long)policy->increment_ms);
    }
    if (policy->type == SK_RETRY_EXPONENTIAL) {
        sk_buf_printf(d->out, " × %lld/1000", (long long)(policy->multiplier * 1000));
    }
    sk_buf_append_text(d->out, jitters[policy->jitter]);
    if (policy->has_retryable) sk_buf_append_text(d->out, " only:");
    for (uint32_t i = 0; i < policy->retryable_count; i++) {
        sk_buf_printf(d->out, " %.*s", SK_STR_ARGS(policy->retryable[i]));
    }
    if (policy->non_retryable_count > 0) sk_buf_append_text(d->out, " never:");
    for (uint32_t i = 0; i < policy->non_retryable_count; i++) {
        sk_buf_printf(d->out, " %.*s", SK_STR_ARGS(policy->non_retryable[i]));
    }
    sk_buf_append_char(d->out, '\n');
}

static void put_hooks(struct dumper *d, const char *name, const struct sk_hooks *hooks)
{
    for (uint32_t i = 0; i < hooks->count; i++) {
        const struct sk_hook *hook = &hooks->items[i];
        put_action(d, name, hook->action);
        if (hook->kind != SK_HOOK_NOTIFICATION) continue;
        put_str(d, name, hook->type);
        d->depth += 1;
        put_template(d, "target", hook->target);
        put_template(d, "message", hook->message);
        put_document(d, "metadata", hook->metadata);
        d->depth -= 1;
    }
}

static void put_undo(struct dumper *d, const struct sk_compensation *undo)
{
    static const char *const types[] = { "none", "custom", "skip", "automatic" };
    static const char *const failures[] = { "", "retry", "alert", "ignore", "log" };
    put_str(d, "compensation", sk_str_of(types[undo->type]));
    if (undo->type == SK_UNDO_NONE || undo->type == SK_UNDO_SKIP) return;
    d->depth += 1;
    put_int(d, "only_completed", undo->only_completed);
    put_int(d, "is_best_effort", undo->is_best_effort);
    put_action(d, "action", undo->action);
    put_int(d, "timeout_ms", undo->timeout_ms);
    put_retry(d, "retry", &undo->retry);
    put_str(d, "on_failure", sk_str_of(failures[undo->on_failure]));
    if (undo->on_failure == SK_ON_FAILURE_RETRY) {
        put_retry(d, "on_failure_retry", &undo->on_failure_retry);
    }
    d->depth -= 1;
}

static void put_wait(struct dumper *d, const struct sk_wait *wait)
{
    static const char *const kinds[] = { "", "for", "until", "signal", "poll" };
    if (wait->kind == SK_WAIT_NONE) return;
    put_str(d, "wait", sk_str_of(kinds[wait->kind]));
    d->depth += 1;
    put_template(d, "time", wait->time);
    put_str(d, "signal", wait->signal);
    put_int(d, "timeout_ms", wait->timeout_ms);
    put_action(d, "poll", wait->poll);
    put_int(d, "interval_ms", wait->interval_ms);
    put_condition(d, "until", wait->until);
    put_condition(d, "fail_if", wait->fail_if);
    d->depth -= 1;
}

static void put_edges(struct dumper *d, const struct sk_step *step)
{
    for (uint32_t k = 0; k < step->dependencies_count; k++) {
        put_str(d, "after", d->plan->steps[step->dependencies[k]].id);
    }
    for (uint32_t k = 0; k < step->dependants_count; k++) {
        put_str(d, "before", d->plan->steps[step->dependants[k]].id);
    }
}

static void put_step(struct dumper *d, const struct sk_step *step)
{
    put_str(d, "step", step->id);
    d->depth += 1;
    put_str(d, "name", step->name);
    put_str(d, "description", step->description);
    put_str(d, "kind", sk_str_of(sk_step_kind_name(step->kind)));
    put_int(d, "level", step->level);
    put_edges(d, step);
    put_action(d, "action", step->action);
    put_action(d, "verify", step->verify);
    put_wait(d, &step->wait);
    put_undo(d, &step->compensation);
    put_retry(d, "retry", &step->retry);
    put_template(d, "timeout", step->timeout);
    put_int(d, "step_timeout_ms", step->step_timeout_ms);
    put_int(d, "pending_timeout_ms", step->pending_timeout_ms);
    put_condition(d, "condition", step->condition);
    put_document(d, "variables", step->variables);
    put_template(d, "idempotency_key", step->idempotency_key);
    put_template(d, "items", step->items);
    put_str(d, "item_name", step->item_name);
    put_int(d, "parallel", step->items == NULL ? 0 : step->parallel);
    put_hooks(d, "on_success", &step->on_success);
    put_hooks(d, "on_failure", &step->on_failure);
    put_hooks(d, "on_compensation_failure", &step->on_compensation_failure);
    put_int(d, "is_idempotent", step->is_idempotent);
    put_int(d, "is_detached", step->is_detached);
    put_int(d, "may_fail", step->may_fail);
    put_int(d, "is_pivot", step->is_pivot);
    put_int(d, "is_after_pivot", step->is_after_pivot);
    put_str(d, "metadata", step->metadata);
    d->depth -= 1;
}

void skt_dump_plan(const struct sk_plan *plan, struct sk_buf *out)
{
    static const char *const modes[] = { "orchestration", "choreography", "hybrid" };
    static const char *const strategies[] = { "sequential", "parallel", "best_effort" };
    struct dumper d = { .plan = plan, .out = out };
    sk_arena_init(&d.scratch);
    put_str(&d, "id", plan->id);
    put_str(&d, "name", plan->name);
    put_str(&d, "description", plan->description);
    put_str(&d, "version", plan->version);
    put_str(&d, "mode", sk_str_of(modes[plan->mode]));
    put_str(&d, "strategy", sk_str_of(strategies[plan->strategy]));
    put_int(&d, "timeout_ms", plan->timeout_ms);
    put_int(&d, "is_forward", plan->is_forward);
    for (uint32_t i = 0; i < plan->lock_keys_count; i++)
        put_template(&d, "lock", plan->lock_keys[i]);
    put_int(&d, "lock_timeout_ms", plan->lock_timeout_ms);
    put_int(&d, "holds_locks_on_failed", plan->holds_locks_on_failed);
    put_document(&d, "output", plan->output);
    put_str(&d, "input_schema", plan->input_schema);
    for (uint32_t i = 0; i < plan->services_count; i++) put_service(&d, &plan->services[i]);
    put_str(&d, "tags", plan->tags);
    put_str(&d, "metadata", plan->metadata);
    put_hooks(&d, "on_success", &plan->on_success);
    put_hooks(&d, "on_failure", &plan->on_failure);
    if (plan->pivot != SK_STEP_NONE) put_str(&d, "pivot", plan->steps[plan->pivot].id);
    for (int kind = 0; kind < SK_KINDS_COUNT; kind++) {
        bool is_used = (plan->kinds >> kind & 1u) != 0;
        if (is_used) put_str(&d, "needs", sk_str_of(sk_step_kind_name((enum sk_step_kind)kind)));
    }
    put_int(&d, "brokers_count", plan->brokers_count);
    put_int(&d, "has_children", plan->has_children);
    for (uint32_t i = 0; i < plan->steps_count; i++) put_step(&d, &plan->steps[i]);
    sk_arena_release(&d.scratch);
}

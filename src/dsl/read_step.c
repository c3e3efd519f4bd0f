/* read_step.c: pass two: everything of a step that pass one left. */
#include "base/time.h"
#include "dsl/read.h"

static bool is_event(const struct sk_dsl_node *node)
{
    return sk_dsl_get(node, "on") != NULL;
}

static enum sk_step_kind kind_of(const struct sk_dsl_node *node, enum sk_step_type type)
{
    switch (type) {
    case SK_TYPE_SERVICE:
    case SK_TYPE_HTTP: return SK_KIND_HTTP;
    case SK_TYPE_GRPC: return SK_KIND_GRPC;
    case SK_TYPE_FUNCTION: return SK_KIND_FUNCTION;
    case SK_TYPE_MESSAGE: return SK_KIND_MESSAGE;
    case SK_TYPE_CUSTOM: return SK_KIND_CUSTOM;
    case SK_TYPE_SAGA: return SK_KIND_SAGA;
    case SK_TYPE_WAIT: return SK_KIND_WAIT;
    case SK_TYPE_TASK: return SK_KIND_TASK;
    case SK_TYPE_NONE: break;
    }
    return is_event(node) ? SK_KIND_EVENT : SK_KIND_HTTP;
}

/* ---- waits ----------------------------------------------------------------------------------- */

static void read_poll(struct sk_compiler *c, const struct sk_dsl_node *node, struct sk_wait *wait)
{
    if (!sk_dsl_is_map(node)) return;
    wait->kind = SK_WAIT_POLL;
    wait->poll = sk_read_action(c, sk_dsl_get(node, "action"), SK_TYPE_NONE, SK_PLACE_REQUEST);
    wait->interval_ms = sk_read_duration(node, "interval", 0);
    wait->until = sk_read_condition(c, sk_dsl_get(node, "until"), SK_PLACE_ANSWER);
    wait->fail_if = sk_read_condition(c, sk_dsl_get(node, "fail_if"), SK_PLACE_ANSWER);
    wait->timeout_ms = sk_read_duration(node, "timeout", 0);
}

static void read_signal(struct sk_compiler *c, const struct sk_dsl_node *node,
                        const struct sk_dsl_node *whole, struct sk_wait *wait)
{
    wait->kind = SK_WAIT_SIGNAL;
    wait->timeout_ms = sk_read_duration(whole, "timeout", 0);
    if (sk_dsl_is_scalar(node)) {
        wait->signal = sk_arena_copy(c->arena, node->text);
        return;
    }
    wait->signal = sk_read_text(c, node, "name");
    wait->timeout_ms = sk_read_duration(node, "timeout", wait->timeout_ms);
}

/* An instant that is written out must be one. */
static void check_instant(struct sk_compiler *c, const struct sk_dsl_node *node,
                          const struct sk_template *time)
{
    int64_t at_ms = 0;
    if (time == NULL || !sk_template_is_constant(time) || sk_time_parse(node->text, &at_ms)) return;
    sk_complain(c, SK_SEVERITY_ERROR, "bad_instant", node,
                "RFC 3339, such as 2030-01-31T08:00:00Z, or a template", "%.*s is no instant",
                (int)(node->text.size < 60 ? node->text.size : 60), node->text.data);
}

void sk_read_wait(struct sk_compiler *c, const struct sk_dsl_node *node, struct sk_step *step)
{
    static const char *const names[] = { "for", "until", "signal", "poll" };
    const struct sk_dsl_node *found = NULL;
    int kind = -1, count = 0;
    for (int i = 0; i < 4; i++) {
        const struct sk_dsl_node *member = sk_dsl_get(node, names[i]);
        if (member == NULL) continue;
        found = member;
        kind = i;
        count += 1;
    }
    if (count != 1) {
        sk_complain(c, SK_SEVERITY_ERROR, count == 0 ? "missing_key" : "several_waits", node,
                    "exactly one of for, until, signal, poll", "a wait for %s",
                    count == 0 ? "nothing" : "several things");
        return;
    }
    struct sk_wait *wait = &step->wait;
    if (kind == 0 || kind == 1) {
        wait->kind = kind == 0 ? SK_WAIT_FOR : SK_WAIT_UNTIL;
        wait->time = sk_read_template(c, found, SK_PLACE_ITEMS);
        if (kind == 1) check_instant(c, found, wait->time);
    } else if (kind == 2) {
        read_signal(c, found, node, wait);
    } else {
        read_poll(c, found, wait);
    }
    const struct sk_dsl_node *timeout = sk_dsl_get(node, "timeout");
    if (timeout != NULL && kind != 2) {
        sk_complain(c, SK_SEVERITY_WARNING, "unused_key", timeout,
                    kind == 3 ? "put it into `poll`" : "remove it",
                    "only a signal has its time-out here");
    }
}

/* ---- foreach --------------------------------------------------------------------------------- */

static void read_foreach(struct sk_compiler *c, const struct sk_dsl_node *node,
                         struct sk_step *step)
{
    const struct sk_dsl_node *items = sk_dsl_get(node, "items");
    step->items = sk_read_template(c, items, SK_PLACE_ITEMS);
    if (step->items != NULL && sk_template_is_constant(step->items)) {
        sk_complain(c, SK_SEVERITY_ERROR, "foreach_items", items,
                    "write one template, such as \"{{.input.items}}\"", "%.*s yields no list",
                    (int)(items->text.size < 60 ? items->text.size : 60), items->text.data);
    }
    step->item_name = sk_read_text(c, node, "var");
    step->parallel = (uint32_t)sk_read_count(node, "parallel", 1);
    static const char *const taken[] = { "input",   "output",  "context",   "error",   "timestamp",
                                         "saga_id", "step_id", "step_name", "attempt", NULL };
    if (sk_word_index(step->item_name, taken, -1) >= 0) {
        sk_complain(c, SK_SEVERITY_ERROR, "bad_name", sk_dsl_get(node, "var"),
                    "choose another name", "%.*s has a meaning of its own in templates",
                    SK_STR_ARGS(step->item_name));
    }
    c->item_name = step->item_name;
    step->action = sk_read_action(c, sk_dsl_get(node, "action"), c->step_type, SK_PLACE_REQUEST);
}

/* ---- the step -------------------------------------------------------------------------------- */

static void read_target(struct sk_compiler *c, const struct sk_dsl_node *node, struct sk_step *step)
{
    const struct sk_dsl_node *action = sk_dsl_get(node, "action");
    const struct sk_dsl_node *foreach = sk_dsl_get(node, "foreach");
    const struct sk_dsl_node *wait = sk_dsl_get(node, "wait");
    bool is_wait = step->kind == SK_KIND_WAIT;
    if (is_wait && wait == NULL) {
        sk_complain(c, SK_SEVERITY_ERROR, "missing_key", node,
                    "with one of for, until, signal, poll", "`wait` is missing for this type");
    } else if (wait != NULL && !is_wait) {
        sk_complain(c, SK_SEVERITY_ERROR, "type_differs", wait, "write type: wait, or remove it",
                    "only a step of type wait waits");
    } else if (wait != NULL && sk_dsl_is_map(wait)) {
        sk_read_wait(c, wait, step);
    }
    if (is_wait && (action != NULL || foreach != NULL)) {
        sk_complain(c, SK_SEVERITY_ERROR, "type_differs", action != NULL ? action : foreach,
                    "put it into a step of its own", "a step of type wait does nothing else");
        return;
    }
    if (action != NULL && foreach != NULL) {
        sk_complain(c, SK_SEVERITY_ERROR, "several_actions", action, "keep the one in `foreach`",
                    "the action stands in `foreach`");
    } else if (foreach != NULL && sk_dsl_is_map(foreach)) {
        read_foreach(c, foreach, step);
    } else if (action != NULL) {
        step->action = sk_read_action(c, action, c->step_type, SK_PLACE_REQUEST);
    } else if (foreach == NULL && !is_wait && step->kind != SK_KIND_EVENT) {
        sk_complain(c, SK_SEVERITY_ERROR, "missing_key", node, "what is done",
                    "`action` is missing");
    }
}

static void read_type(struct sk_compiler *c, const struct sk_dsl_node *node, struct sk_step *step)
{
    const struct sk_dsl_node *type = sk_dsl_get(node, "type");
    c->step_type = (enum sk_step_type)sk_read_word(node, "type", sk_words_step_type, SK_TYPE_NONE);
    step->kind = kind_of(node, c->step_type);
    if (type == NULL && !is_event(node)) {
        sk_complain(c, SK_SEVERITY_ERROR, "missing_key", node,
                    "one of service, http, grpc, function, message, custom, saga, wait, task",
                    "`type` is missing");
    }
    static const char *const names[] = {
        "on", "publish", "compensate_on", "publish_on_compensation", "correlation", "deadline"
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct sk_dsl_node *member = sk_dsl_get(node, names[i]);
        if (member == NULL || c->plan->mode != SK_MODE_ORCHESTRATION) continue;
        sk_complain(c, SK_SEVERITY_ERROR, "wrong_mode", member,
                    "set saga.mode to choreography or hybrid", "`%s` belongs to choreography",
                    names[i]);
    }
    if (c->plan->mode == SK_MODE_CHOREOGRAPHY && !is_event(node)) {
        sk_complain(c, SK_SEVERITY_ERROR, "missing_key", node,
                    "the event types that start the step, or mode: hybrid",
                    "`on` is missing in a choreography");
    }
}

static const struct sk_template *default_timeout(struct sk_compiler *c)
{
    char text[SK_DURATION_TEXT_SIZE];
    int64_t ms = c->options->attempt_timeout_ms;
    sk_duration_format(ms > 0 ? ms : 10000, text);
    return sk_constant_template(c, sk_str_of(text));
}

static void read_times(struct sk_compiler *c, const struct sk_dsl_node *node, struct sk_step *step)
{
    step->timeout = sk_read_template(c, sk_dsl_get(node, "timeout"), SK_PLACE_TIMEOUT);
    if (step->timeout == NULL) step->timeout = default_timeout(c);
    step->step_timeout_ms = sk_read_duration(node, "step_timeout", 0);
    int64_t deadline_ms = sk_read_duration(node, "deadline", 0);
    int64_t otherwise = step->step_timeout_ms > 0 ? step->step_timeout_ms : deadline_ms;
    step->pending_timeout_ms = sk_read_duration(node, "pending_timeout", otherwise);
}

static void read_step(struct sk_compiler *c, const struct sk_dsl_node *node, struct sk_step *step)
{
    step->name = sk_read_text(c, node, "name");
    step->description = sk_read_text(c, node, "description");
    step->metadata = sk_read_json(c, sk_dsl_get(node, "metadata"));
    step->parallel = 1;
    c->item_name = (struct sk_str){ 0 };
    read_type(c, node, step);
    read_target(c, node, step);
    read_times(c, node, step);
    step->retry = sk_read_retry(c, sk_dsl_get(node, "retry_policy"), &c->retry);
    const struct sk_dsl_node *undo = sk_dsl_get(sk_dsl_get(node, "foreach"), "compensation");
    if (undo == NULL) undo = sk_dsl_get(node, "compensation");
    sk_read_compensation(c, undo, step);
    step->verify = sk_read_action(c, sk_dsl_get(node, "verify"), SK_TYPE_NONE, SK_PLACE_REQUEST);
    c->item_name = (struct sk_str){ 0 };
    const struct sk_dsl_node *condition = sk_dsl_get(node, "condition");
    step->condition = sk_read_condition(c, sk_dsl_get(condition, "expression"), SK_PLACE_CONDITION);
    const struct sk_dsl_node *variables = sk_dsl_get(condition, "variables");
    if (variables != NULL && sk_dsl_is_map(variables)) {
        step->variables = sk_read_document(c, variables, SK_PLACE_VARIABLES);
    }
    step->idempotency_key = sk_read_template(c, sk_dsl_get(node, "idempotency_key"), SK_PLACE_KEY);
    step->is_idempotent = sk_read_bool(node, "idempotent");
    step->on_success = sk_read_hooks(c, sk_dsl_get(node, "on_success"), SK_PLACE_HOOK);
    step->on_failure = sk_read_hooks(c, sk_dsl_get(node, "on_failure"), SK_PLACE_HOOK);
}

void sk_read_steps(struct sk_compiler *c)
{
    for (uint32_t i = 0; i < c->steps_count; i++) {
        if (!sk_dsl_is_map(c->step_nodes[i])) continue;
        c->step_index = i;
        read_step(c, c->step_nodes[i], &c->plan->steps[i]);
    }
    c->step_index = SK_STEP_NONE;
    c->step_type = SK_TYPE_NONE;
}

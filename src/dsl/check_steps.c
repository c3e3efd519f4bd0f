/*
 * check_steps.c: one key of a step against another, and times against each other.
 *
 * The saga's default time-out is put in here, because it depends on what the steps wait for.
 */
#include "base/time.h"
#include "dsl/read.h"

/* ---- times ----------------------------------------------------------------------------------- */

/* The saga's default would end what may rightly take longer. */
static bool waits_for_others(const struct sk_step *step, const struct sk_dsl_node *node)
{
    bool is_long = step->kind == SK_KIND_WAIT || step->kind == SK_KIND_SAGA ||
                   step->kind == SK_KIND_TASK || step->kind == SK_KIND_EVENT;
    bool has_reply = step->action != NULL && step->action->reply_topic.size > 0;
    return is_long || has_reply || sk_dsl_get(node, "pending_timeout") != NULL ||
           sk_dsl_get(node, "on") != NULL;
}

static int64_t saga_timeout(const struct sk_compiler *c)
{
    const struct sk_dsl_node *saga = sk_dsl_get(c->root, "saga");
    int64_t own_ms = sk_read_duration(saga, "timeout", 0);
    if (own_ms > 0) return own_ms;
    for (uint32_t i = 0; i < c->steps_count; i++) {
        if (waits_for_others(&c->plan->steps[i], c->step_nodes[i])) return 0;
    }
    return c->options->saga_timeout_ms > 0 ? c->options->saga_timeout_ms : 300000;
}

/* A duration must not exceed another one; 0 = no bound. */
static void check_order(struct sk_compiler *c, const struct sk_dsl_node *node, const char *name,
                        int64_t bound_ms, const char *bound_name, enum sk_severity severity)
{
    int64_t ms = sk_read_duration(node, name, 0);
    if (ms == 0 || bound_ms == 0 || ms <= bound_ms) return;
    char own[SK_DURATION_TEXT_SIZE], bound[SK_DURATION_TEXT_SIZE];
    sk_duration_format(ms, own);
    sk_duration_format(bound_ms, bound);
    sk_complain(c, severity, "timeout_order", sk_dsl_get(node, name),
                "lower it, or raise the other one", "%s is longer than %s, %s", own, bound_name,
                bound);
}

static void check_action_time(struct sk_compiler *c, const struct sk_dsl_node *action,
                              int64_t step_ms)
{
    static const char *const keys[] = { "service", "function", "message" };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        check_order(c, sk_dsl_get(action, keys[i]), "timeout", step_ms, "the step's `timeout`",
                    SK_SEVERITY_ERROR);
    }
}

void sk_check_times(struct sk_compiler *c)
{
    c->plan->timeout_ms = saga_timeout(c);
    int64_t own_ms = sk_read_duration(sk_dsl_get(c->root, "saga"), "timeout", 0);
    enum sk_severity severity = own_ms > 0 ? SK_SEVERITY_ERROR : SK_SEVERITY_WARNING;
    const char *name = own_ms > 0 ? "saga.timeout" : "the default time-out of a saga";
    for (uint32_t i = 0; i < c->steps_count; i++) {
        const struct sk_dsl_node *node = c->step_nodes[i];
        int64_t step_ms = sk_read_duration(node, "timeout", 0);
        check_order(c, node, "timeout", c->plan->timeout_ms, name, severity);
        check_order(c, node, "timeout", sk_read_duration(node, "step_timeout", 0), "`step_timeout`",
                    SK_SEVERITY_ERROR);
        check_order(c, node, "step_timeout", c->plan->timeout_ms, name, SK_SEVERITY_WARNING);
        check_action_time(c, sk_dsl_get(node, "action"), step_ms);
        check_action_time(c, sk_dsl_get(sk_dsl_get(node, "foreach"), "action"), step_ms);
    }
}

/* ---- compensation ---------------------------------------------------------------------------- */

static bool is_never_undone(const struct sk_compiler *c, uint32_t index)
{
    const struct sk_step *step = &c->plan->steps[index];
    uint32_t pivot = c->plan->pivot;
    bool is_after =
        pivot != SK_STEP_NONE && c->ancestors != NULL && sk_bitset_has(&c->ancestors[index], pivot);
    return c->plan->is_forward || step->is_pivot || is_after || step->kind == SK_KIND_WAIT;
}

static void check_undo(struct sk_compiler *c, uint32_t index)
{
    const struct sk_step *step = &c->plan->steps[index];
    const struct sk_dsl_node *node = c->step_nodes[index];
    if (step->compensation.type != SK_UNDO_NONE || is_never_undone(c, index)) return;
    if (sk_dsl_get(node, "compensation") != NULL || sk_dsl_get(node, "compensate_on") != NULL)
        return;
    if (step->id.size == 0) return; /* reported already */
    if (c->is_undo_required) {
        sk_complain(c, SK_SEVERITY_ERROR, "no_compensation", node,
                    "add one; type: skip says that there is nothing to undo",
                    "%.*s has no `compensation`, which global_compensation requires",
                    SK_STR_ARGS(step->id));
    } else {
        sk_complain(c, SK_SEVERITY_ADVICE, "no_compensation", node,
                    "add `compensation`; type: skip says that there is nothing to undo",
                    "%.*s cannot be undone once it completed", SK_STR_ARGS(step->id));
    }
}

/* ---- retries --------------------------------------------------------------------------------- */

static void check_no_retry(struct sk_compiler *c, uint32_t index)
{
    const struct sk_step *step = &c->plan->steps[index];
    if (step->retry.type != SK_RETRY_NONE || step->verify != NULL || step->action == NULL) return;
    uint32_t pivot = c->plan->pivot;
    bool is_after =
        pivot != SK_STEP_NONE && c->ancestors != NULL && sk_bitset_has(&c->ancestors[index], pivot);
    const char *why = step->is_pivot        ? "a pivot"
                      : is_after            ? "a step after the pivot"
                      : c->plan->is_forward ? "a step with recovery: forward"
                                            : NULL;
    if (why == NULL) return;
    const struct sk_dsl_node *policy = sk_dsl_get(c->step_nodes[index], "retry_policy");
    sk_complain(c, SK_SEVERITY_ERROR, "no_retry_no_verify",
                policy == NULL ? c->step_nodes[index] : policy,
                "add `verify`, or choose another retry type",
                "%s with no_retry could neither be repeated nor settled", why);
}

static bool is_reading_verb(struct sk_str method)
{
    return sk_str_is(method, "GET") || sk_str_is(method, "HEAD") || sk_str_is(method, "OPTIONS");
}

/* A question is answered at once or not at all. */
static void refuse_lasting(struct sk_compiler *c, const struct sk_action *action,
                           const struct sk_dsl_node *node, const char *what)
{
    if (action == NULL || (action->kind != SK_KIND_SAGA && action->kind != SK_KIND_TASK)) return;
    sk_complain(c, SK_SEVERITY_ERROR, "bad_question", node,
                "ask a service or a function, which answers at once", "%s cannot be a %s", what,
                sk_step_kind_name(action->kind));
}

static void check_verify(struct sk_compiler *c, uint32_t index)
{
    const struct sk_step *step = &c->plan->steps[index];
    const struct sk_dsl_node *verify = sk_dsl_get(c->step_nodes[index], "verify");
    refuse_lasting(c, step->verify, verify, "a verify");
    refuse_lasting(c, step->wait.poll, c->step_nodes[index], "a poll");
    if (step->verify == NULL) return;
    bool is_reading = step->action != NULL && step->action->kind == SK_KIND_HTTP &&
                      is_reading_verb(step->action->method);
    if (is_reading) {
        sk_complain(c, SK_SEVERITY_WARNING, "verify_on_read", verify,
                    "remove it; a retry answers the same question",
                    "%.*s only reads, so there is nothing to verify", SK_STR_ARGS(step->id));
    }
    if (step->kind == SK_KIND_WAIT) {
        sk_complain(c, SK_SEVERITY_WARNING, "unused_key", verify, "remove it",
                    "a wait is never in doubt");
    }
    bool is_writing =
        step->verify->kind == SK_KIND_HTTP &&
        (sk_str_is(step->verify->method, "DELETE") || sk_str_is(step->verify->method, "PUT") ||
         sk_str_is(step->verify->method, "PATCH"));
    if (is_writing) {
        sk_complain(c, SK_SEVERITY_WARNING, "verify_writes", verify, "use GET or POST",
                    "a verify must only read, and %.*s writes", SK_STR_ARGS(step->verify->method));
    }
}

/* ---- children -------------------------------------------------------------------------------- */

static void check_child(struct sk_compiler *c, uint32_t index)
{
    const struct sk_step *step = &c->plan->steps[index];
    if (step->action == NULL || step->action->kind != SK_KIND_SAGA) return;
    if (!sk_str_equal(step->action->definition, c->plan->id)) return;
    bool may_end = step->condition != NULL || step->items != NULL;
    sk_complain(c, may_end ? SK_SEVERITY_WARNING : SK_SEVERITY_ERROR, "child_is_parent",
                c->step_nodes[index],
                may_end ? NULL : "add a condition that becomes false, or start another definition",
                may_end ? "%.*s starts its own definition; the depth of children ends at 16"
                        : "%.*s starts its own definition without a condition and would never end",
                SK_STR_ARGS(step->id));
}

static void check_detached(struct sk_compiler *c, uint32_t index)
{
    const struct sk_step *step = &c->plan->steps[index];
    const struct sk_dsl_node *node = c->step_nodes[index];
    if (step->is_detached && step->may_fail) {
        sk_complain(c, SK_SEVERITY_WARNING, "unused_key", sk_dsl_get(node, "continue_on_error"),
                    "remove it", "the failure of an async step fails nothing anyway");
    }
    const struct sk_dsl_node *own = sk_dsl_get(node, "compensation");
    if (own != NULL && sk_dsl_get(sk_dsl_get(node, "foreach"), "compensation") != NULL) {
        sk_complain(c, SK_SEVERITY_WARNING, "unused_key", own, "keep one of the two",
                    "the compensation in `foreach` counts");
    }
    if (own != NULL && (c->plan->is_forward && step->compensation.type != SK_UNDO_SKIP)) {
        sk_complain(c, SK_SEVERITY_ADVICE, "unused_key", own, "it is harmless",
                    "with recovery: forward nothing is ever undone");
    }
}

void sk_check_steps(struct sk_compiler *c)
{
    for (uint32_t i = 0; i < c->steps_count; i++) {
        if (!sk_dsl_is_map(c->step_nodes[i])) continue;
        check_undo(c, i);
        check_no_retry(c, i);
        check_verify(c, i);
        check_child(c, i);
        check_detached(c, i);
    }
}

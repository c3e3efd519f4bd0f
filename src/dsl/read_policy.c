/* read_policy.c: retry policies, compensations and hooks. */
#include "base/time.h"
#include "dsl/read.h"

/* ---- error lists ----------------------------------------------------------------------------- */

static const char *const known_errors[] = { "timeout",
                                            "network",
                                            "connection_refused",
                                            "connection_timeout",
                                            "service_unavailable",
                                            "gateway_timeout",
                                            "too_many_requests",
                                            "rate_limit",
                                            "temporary_error",
                                            "deadlock",
                                            "resource_locked",
                                            "resource_exhausted",
                                            "validation",
                                            "business",
                                            "permission_denied",
                                            "not_found",
                                            "duplicate",
                                            NULL };

/* Any code of a participant may stand in a list; one that is nearly a known one is probably a
 * slip. */
static void advise_error(struct sk_compiler *c, const struct sk_dsl_node *node)
{
    char remedy[96];
    if (node->type != SK_JSON_STRING || sk_word_index(node->text, known_errors, -1) >= 0) return;
    const char *meant = sk_did_you_mean(node->text, known_errors, NULL, remedy, sizeof remedy);
    if (meant == NULL) return;
    sk_complain(c, SK_SEVERITY_ADVICE, "unknown_error_code", node, meant,
                "%.*s is taken as a participant's own code", SK_STR_ARGS(node->text));
}

/* too_many_requests and rate_limit are the same thing: either stands for both. */
static struct sk_str twin_of(struct sk_str code)
{
    if (sk_str_is(code, "rate_limit")) return SK_STR("too_many_requests");
    if (sk_str_is(code, "too_many_requests")) return SK_STR("rate_limit");
    return (struct sk_str){ 0 };
}

static const struct sk_str *read_errors(struct sk_compiler *c, const struct sk_dsl_node *node,
                                        uint32_t *out_count)
{
    *out_count = 0;
    if (node == NULL) return NULL;
    bool is_list = sk_dsl_is_list(node);
    size_t count = is_list ? node->count : 1;
    struct sk_str *codes = SK_ARENA_ARRAY(c->arena, struct sk_str, 2 * count + 1);
    const struct sk_dsl_node *child = is_list ? node->first : node;
    while (codes != NULL && child != NULL) {
        if (sk_dsl_is_scalar(child) && child->type != SK_JSON_NULL) {
            advise_error(c, child);
            codes[(*out_count)++] = sk_arena_copy(c->arena, child->text);
            struct sk_str twin = twin_of(child->text);
            if (twin.size > 0) codes[(*out_count)++] = twin;
        }
        child = is_list ? child->next : NULL;
    }
    return codes;
}

/* ---- retry policy ---------------------------------------------------------------------------- */

static enum sk_jitter read_jitter(const struct sk_dsl_node *map)
{
    const struct sk_dsl_node *node = sk_dsl_get(map, "jitter");
    if (node != NULL && node->type == SK_JSON_TRUE) return SK_JITTER_QUARTER;
    return (enum sk_jitter)sk_read_word(map, "jitter", sk_words_jitter, SK_JITTER_NONE);
}

static double read_multiplier(const struct sk_dsl_node *map)
{
    double value = 2;
    const struct sk_dsl_node *node = sk_dsl_get(map, "multiplier");
    if (node == NULL || node->type != SK_JSON_NUMBER || !sk_json_to_double(node->text, &value))
        return 2;
    return value >= 1 && value <= 10 ? value : 2;
}

static void check_policy(struct sk_compiler *c, const struct sk_dsl_node *node,
                         const struct sk_retry_policy *policy)
{
    const struct sk_dsl_node *max = sk_dsl_get(node, "max_delay");
    const struct sk_dsl_node *attempts = sk_dsl_get(node, "max_attempts");
    const struct sk_dsl_node *increment = sk_dsl_get(node, "increment");
    const struct sk_dsl_node *multiplier = sk_dsl_get(node, "multiplier");
    if (policy->max_ms > 0 && policy->max_ms < policy->initial_ms) {
        sk_complain(c, SK_SEVERITY_ERROR, "max_below_initial", max == NULL ? node : max,
                    "raise max_delay, or 0 for none", "max_delay is less than initial_delay");
    }
    if (policy->type == SK_RETRY_NONE && sk_read_count(node, "max_attempts", 1) > 1) {
        sk_complain(c, SK_SEVERITY_WARNING, "unused_key", attempts,
                    "remove it, or choose another type", "no_retry makes one attempt only");
    }
    const struct sk_dsl_node *decide = sk_dsl_get(node, "decide");
    if (policy->type == SK_RETRY_NONE && decide != NULL) {
        sk_complain(c, SK_SEVERITY_WARNING, "unused_key", decide,
                    "remove it, or choose another type", "no_retry leaves nothing to decide");
    }
    if (policy->type != SK_RETRY_LINEAR && increment != NULL) {
        sk_complain(c, SK_SEVERITY_WARNING, "unused_key", increment,
                    "remove it, or use linear_backoff", "only linear_backoff has an increment");
    }
    if (policy->type != SK_RETRY_EXPONENTIAL && multiplier != NULL) {
        sk_complain(c, SK_SEVERITY_WARNING, "unused_key", multiplier,
                    "remove it, or use exponential_backoff",
                    "only exponential_backoff has a multiplier");
    }
}

struct sk_retry_policy sk_read_retry(struct sk_compiler *c, const struct sk_dsl_node *node,
                                     const struct sk_retry_policy *otherwise)
{
    if (node == NULL || !sk_dsl_is_map(node)) return *otherwise;
    struct sk_retry_policy policy = { 0 };
    policy.type = (enum sk_retry_type)sk_read_word(node, "type", sk_words_retry, SK_RETRY_FIXED);
    policy.max_attempts = (uint32_t)sk_read_count(node, "max_attempts", otherwise->max_attempts);
    if (policy.max_attempts < 1) policy.max_attempts = 1;
    policy.max_ms = sk_read_duration(node, "max_delay", 0);
    bool is_growing = policy.type == SK_RETRY_EXPONENTIAL || policy.type == SK_RETRY_LINEAR;
    struct sk_retry_policy standard = sk_default_retry(c->options);
    int64_t initial_ms = policy.type == standard.type ? standard.initial_ms
                         : is_growing                 ? 1000
                                                      : 5000;
    if (policy.max_ms > 0 && initial_ms > policy.max_ms) initial_ms = policy.max_ms;
    policy.initial_ms = sk_read_duration(node, "initial_delay", initial_ms);
    policy.increment_ms = sk_read_duration(node, "increment", policy.initial_ms);
    policy.multiplier = read_multiplier(node);
    policy.jitter = read_jitter(node);
    policy.has_retryable = sk_dsl_get(node, "retryable_errors") != NULL;
    policy.retryable =
        read_errors(c, sk_dsl_get(node, "retryable_errors"), &policy.retryable_count);
    policy.non_retryable =
        read_errors(c, sk_dsl_get(node, "non_retryable_errors"), &policy.non_retryable_count);
    policy.decide = sk_read_text(c, node, "decide");
    check_policy(c, node, &policy);
    if (policy.type == SK_RETRY_NONE) policy.max_attempts = 1;
    return policy;
}

/* ---- compensation ---------------------------------------------------------------------------- */

static const struct sk_action *automatic_action(struct sk_compiler *c, const struct sk_step *step)
{
    struct sk_action *action = SK_ARENA_NEW(c->arena, struct sk_action);
    if (action == NULL || step->action == NULL) return NULL;
    *action = *step->action;
    action->is_automatic = true;
    action->body = NULL;
    action->timeout = NULL; /* the compensation's limit is its own, else the step's */
    return action;
}

static void check_strategy(struct sk_compiler *c, const struct sk_dsl_node *node)
{
    const struct sk_dsl_node *strategy = sk_dsl_get(node, "strategy");
    int own = sk_read_word(node, "strategy", sk_words_strategy, (int)c->strategy);
    if (strategy == NULL || own == (int)c->strategy || own == SK_STRATEGY_BEST_EFFORT) return;
    sk_complain(c, SK_SEVERITY_ERROR, "strategy_differs", strategy,
                "a step's own strategy is best_effort or the one of global_compensation",
                "%s differs from the global strategy %s", sk_words_strategy[own],
                sk_words_strategy[c->strategy]);
}

static void read_undo_action(struct sk_compiler *c, const struct sk_dsl_node *node,
                             struct sk_step *step)
{
    struct sk_compensation *undo = &step->compensation;
    const struct sk_dsl_node *action = sk_dsl_get(node, "action");
    if (undo->type == SK_UNDO_CUSTOM) {
        undo->action = sk_read_action(c, action, SK_TYPE_NONE, SK_PLACE_UNDO);
        if (action == NULL) {
            sk_complain(c, SK_SEVERITY_ERROR, "missing_key", node,
                        "say what undoes the step, or use type: skip",
                        "a custom compensation needs an `action`");
        }
        return;
    }
    if (action != NULL) {
        sk_complain(c, SK_SEVERITY_WARNING, "unused_key", action, "use type: custom, or remove it",
                    "an action is only carried out by type custom");
    }
    if (undo->type == SK_UNDO_SKIP) return;
    undo->action = automatic_action(c, step);
    if (step->kind == SK_KIND_WAIT || step->kind == SK_KIND_EVENT) {
        sk_complain(
            c, SK_SEVERITY_ERROR, "no_target", node, "use type: custom with an action, or skip",
            "a step without an action of its own has no target for an automatic compensation");
    }
}

static void read_undo_failure(struct sk_compiler *c, const struct sk_dsl_node *node,
                              struct sk_step *step)
{
    struct sk_compensation *undo = &step->compensation;
    undo->on_failure =
        (enum sk_on_failure)sk_read_word(node, "action", sk_words_on_failure, SK_ON_FAILURE_FAIL);
    const struct sk_dsl_node *policy = sk_dsl_get(node, "retry_policy");
    undo->on_failure_retry = sk_read_retry(c, policy, &undo->retry);
    if (policy != NULL && undo->on_failure != SK_ON_FAILURE_RETRY) {
        sk_complain(c, SK_SEVERITY_WARNING, "unused_key", policy,
                    "write action: retry, or remove it",
                    "retry_policy is only used by action: retry");
    }
    step->on_compensation_failure = sk_read_hooks(c, node, SK_PLACE_UNDO);
}

/* A child is undone by itself: its sub-saga is compensated. */
static void compensate_child(struct sk_compiler *c, struct sk_step *step)
{
    step->compensation.type = SK_UNDO_AUTOMATIC;
    step->compensation.action = automatic_action(c, step);
}

void sk_read_compensation(struct sk_compiler *c, const struct sk_dsl_node *node,
                          struct sk_step *step)
{
    struct sk_compensation *undo = &step->compensation;
    undo->is_best_effort = c->strategy == SK_STRATEGY_BEST_EFFORT;
    undo->timeout_ms = c->undo_timeout_ms;
    undo->retry = c->undo_retry;
    undo->on_failure_retry = undo->retry;
    if (node == NULL || !sk_dsl_is_map(node)) {
        if (step->kind == SK_KIND_SAGA) compensate_child(c, step);
        return;
    }
    int type = sk_read_word(node, "type", sk_words_undo, -1);
    undo->type = type < 0 ? SK_UNDO_NONE : (enum sk_compensation_type)(type + SK_UNDO_CUSTOM);
    undo->only_completed = sk_read_word(node, "when", sk_words_when, 0) == 1;
    check_strategy(c, node);
    if (sk_read_word(node, "strategy", sk_words_strategy, 0) == SK_STRATEGY_BEST_EFFORT) {
        undo->is_best_effort = true;
    }
    undo->timeout_ms = sk_read_duration(node, "timeout", c->undo_timeout_ms);
    undo->retry.max_attempts =
        (uint32_t)sk_read_count(node, "max_attempts", c->undo_retry.max_attempts);
    undo->retry = sk_read_retry(c, sk_dsl_get(node, "retry_policy"), &undo->retry);
    if (type >= 0) read_undo_action(c, node, step);
    read_undo_failure(c, sk_dsl_get(node, "on_failure"), step);
}

/* ---- hooks ----------------------------------------------------------------------------------- */

static struct sk_hook read_notification(struct sk_compiler *c, const struct sk_dsl_node *node,
                                        enum sk_text_place place)
{
    return (struct sk_hook){ .kind = SK_HOOK_NOTIFICATION,
                             .type = sk_read_text(c, node, "type"),
                             .target = sk_read_template(c, sk_dsl_get(node, "target"), place),
                             .message = sk_read_template(c, sk_dsl_get(node, "message"), place),
                             .metadata = sk_read_document(c, sk_dsl_get(node, "metadata"), place) };
}

/* Whatever answers once and is then done with; NULL after a diagnostic. */
static const struct sk_action *read_hook_action(struct sk_compiler *c,
                                                const struct sk_dsl_node *node,
                                                enum sk_text_place place)
{
    if (!sk_dsl_is_map(node)) return NULL;
    const struct sk_action *action = sk_read_action(c, node, SK_TYPE_NONE, place);
    bool may_last =
        action != NULL && (action->kind == SK_KIND_SAGA || action->kind == SK_KIND_TASK);
    if (!may_last) return action;
    sk_complain(c, SK_SEVERITY_ERROR, "bad_hook", node,
                "use service, function, message or custom; what takes longer is a step with "
                "`async: true`",
                "a hook cannot be a %s", sk_step_kind_name(action->kind));
    return NULL;
}

struct sk_hooks sk_read_hooks(struct sk_compiler *c, const struct sk_dsl_node *node,
                              enum sk_text_place place)
{
    struct sk_hooks hooks = { 0 };
    const struct sk_dsl_node *actions = sk_dsl_get(node, "actions");
    const struct sk_dsl_node *notifications = sk_dsl_get(node, "notifications");
    if (actions != NULL && !sk_dsl_is_list(actions)) actions = NULL;
    if (notifications != NULL && !sk_dsl_is_list(notifications)) notifications = NULL;
    size_t count =
        (actions == NULL ? 0 : actions->count) + (notifications == NULL ? 0 : notifications->count);
    if (count == 0) return hooks;
    if (count > SK_HOOKS_MAX) {
        sk_complain(c, SK_SEVERITY_ERROR, "too_many_hooks",
                    actions != NULL ? actions : notifications,
                    "let one hook start a saga of its own, or tell one service that tells others",
                    "%zu hooks where at most %d may stand", count, SK_HOOKS_MAX);
        return hooks;
    }
    struct sk_hook *items = SK_ARENA_ARRAY(c->arena, struct sk_hook, count);
    if (items == NULL) return hooks;
    const struct sk_dsl_node *child = actions == NULL ? NULL : actions->first;
    for (; child != NULL; child = child->next) {
        const struct sk_action *action = read_hook_action(c, child, place);
        if (action == NULL) continue;
        items[hooks.count++] = (struct sk_hook){ .kind = SK_HOOK_ACTION, .action = action };
    }
    child = notifications == NULL ? NULL : notifications->first;
    for (; child != NULL; child = child->next) {
        if (sk_dsl_is_map(child)) items[hooks.count++] = read_notification(c, child, place);
    }
    hooks.items = items;
    return hooks;
}

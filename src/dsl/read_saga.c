/* read_saga.c: the saga itself and the defaults that the document gives for all its steps. */
#include "dsl/read.h"

/* The server's, or what stands where it says nothing. */
static struct sk_retry_policy policy_or(const struct sk_retry_policy *given,
                                        const struct sk_retry_policy *otherwise)
{
    struct sk_retry_policy policy = given->max_attempts > 0 ? *given : *otherwise;
    if (policy.type == SK_RETRY_NONE) policy.max_attempts = 1;
    if (policy.multiplier < 1) policy.multiplier = otherwise->multiplier;
    return policy;
}

struct sk_retry_policy sk_default_retry(const struct sk_dsl_options *options)
{
    static const struct sk_retry_policy standard = { .type = SK_RETRY_FIXED,
                                                     .max_attempts = 4,
                                                     .initial_ms = 5000,
                                                     .increment_ms = 5000,
                                                     .multiplier = 2 };
    return policy_or(&options->retry, &standard);
}

static struct sk_retry_policy default_undo(const struct sk_dsl_options *options)
{
    static const struct sk_retry_policy standard = { .type = SK_RETRY_EXPONENTIAL,
                                                     .max_attempts = 5,
                                                     .initial_ms = 1000,
                                                     .max_ms = 60000,
                                                     .increment_ms = 1000,
                                                     .multiplier = 2 };
    return policy_or(&options->undo_retry, &standard);
}

static int64_t lock_timeout(const struct sk_dsl_options *options)
{
    if (options->lock_timeout_ms < 0) return 0;
    return options->lock_timeout_ms > 0 ? options->lock_timeout_ms : 30000;
}

static void read_defaults(struct sk_compiler *c)
{
    struct sk_retry_policy retry = sk_default_retry(c->options);
    c->retry = sk_read_retry(c, sk_dsl_get(c->root, "global_retry_policy"), &retry);
    const struct sk_dsl_node *undo = sk_dsl_get(c->root, "global_compensation");
    c->strategy = (enum sk_strategy)sk_read_word(undo, "strategy", sk_words_strategy,
                                                 (int)c->options->strategy);
    c->undo_timeout_ms = sk_read_duration(undo, "timeout", c->options->undo_timeout_ms);
    c->undo_retry = default_undo(c->options);
    c->undo_retry.max_attempts =
        (uint32_t)sk_read_count(undo, "max_attempts", c->undo_retry.max_attempts);
    c->is_undo_required = sk_read_word(undo, "compensation", sk_words_required, 0) == 1;
    c->plan->strategy = c->strategy;
}

/* An array of strings, as JSON. */
static struct sk_str read_tags(struct sk_compiler *c, const struct sk_dsl_node *node)
{
    struct sk_str copy = { 0 };
    if (node == NULL || sk_dsl_is_map(node)) return copy;
    struct sk_buf json;
    sk_buf_init(&json, 0);
    struct sk_json_writer w = sk_json_writer_of(&json);
    sk_json_begin_array(&w);
    if (sk_dsl_is_scalar(node)) sk_json_put_str(&w, node->text);
    for (const struct sk_dsl_node *child = node->first; child != NULL; child = child->next) {
        if (sk_dsl_is_scalar(child) && child->type != SK_JSON_NULL)
            sk_json_put_str(&w, child->text);
    }
    sk_json_end_array(&w);
    if (json.failed) c->arena->failed = true;
    if (!json.failed) copy = sk_arena_copy(c->arena, sk_buf_view(&json));
    sk_buf_release(&json);
    return copy;
}

static struct sk_str read_version(struct sk_compiler *c, const struct sk_dsl_node *saga)
{
    struct sk_str version = sk_read_text(c, saga, "version");
    if (version.size > 0 || saga == NULL || !sk_dsl_is_map(saga)) return version;
    char text[4 + 12 + 1] = "sha-";
    sk_digest_hex(&c->plan->digest, 6, text + 4);
    sk_complain(c, SK_SEVERITY_ADVICE, "no_version", saga, "add one, such as version: \"1.0.0\"",
                "no version: it is called %s", text);
    return sk_arena_copy(c->arena, sk_str_of(text));
}

static void read_locks(struct sk_compiler *c, const struct sk_dsl_node *saga)
{
    struct sk_plan *plan = c->plan;
    const struct sk_dsl_node *list = sk_dsl_get(saga, "lock_keys");
    plan->lock_timeout_ms = sk_read_duration(saga, "lock_timeout", lock_timeout(c->options));
    plan->holds_locks_on_failed = sk_read_word(saga, "lock_on_failed", sk_words_lock, 0) == 1;
    if (list == NULL || !sk_dsl_is_list(list) || list->count == 0) return;
    if (list->count > SK_LOCK_KEYS_MAX) {
        sk_complain(c, SK_SEVERITY_ERROR, "out_of_range", list, "hold fewer, coarser keys",
                    "%u lock keys; the limit is %d", list->count, SK_LOCK_KEYS_MAX);
        return;
    }
    const struct sk_template **keys =
        SK_ARENA_ARRAY(c->arena, const struct sk_template *, list->count);
    for (const struct sk_dsl_node *child = list->first; keys != NULL && child != NULL;
         child = child->next) {
        const struct sk_template *key = sk_read_template(c, child, SK_PLACE_LOCK);
        if (key != NULL) keys[plan->lock_keys_count++] = key;
    }
    plan->lock_keys = keys;
}

void sk_read_saga(struct sk_compiler *c)
{
    struct sk_plan *plan = c->plan;
    const struct sk_dsl_node *saga = sk_dsl_get(c->root, "saga");
    plan->id = sk_read_text(c, saga, "id");
    plan->name = sk_read_text(c, saga, "name");
    plan->description = sk_read_text(c, saga, "description");
    plan->version = read_version(c, saga);
    plan->mode = (enum sk_mode)sk_read_word(saga, "mode", sk_words_mode, SK_MODE_ORCHESTRATION);
    plan->is_forward = sk_read_word(saga, "recovery", sk_words_recovery, 0) == 1;
    plan->input_schema = sk_read_json(c, sk_dsl_get(saga, "input_schema"));
    sk_read_schema(c, sk_dsl_get(saga, "input_schema"));
    plan->tags = read_tags(c, sk_dsl_get(saga, "tags"));
    plan->metadata = sk_read_json(c, sk_dsl_get(saga, "metadata"));
    if (saga != NULL && sk_dsl_is_map(saga) && plan->description.size == 0) {
        sk_complain(c, SK_SEVERITY_ADVICE, "no_description", saga,
                    "say in a sentence what the saga does", "no description");
    }
    read_defaults(c);
}

void sk_read_saga_texts(struct sk_compiler *c)
{
    const struct sk_dsl_node *saga = sk_dsl_get(c->root, "saga");
    c->step_index = SK_STEP_NONE;
    c->item_name = (struct sk_str){ 0 };
    read_locks(c, saga);
    c->plan->output = sk_read_document(c, sk_dsl_get(saga, "output"), SK_PLACE_OUTPUT);
    c->plan->on_success = sk_read_hooks(c, sk_dsl_get(saga, "on_success"), SK_PLACE_HOOK);
    c->plan->on_failure = sk_read_hooks(c, sk_dsl_get(saga, "on_failure"), SK_PLACE_HOOK);
}

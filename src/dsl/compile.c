/* compile.c: the two entries: source → expanded JSON, and source → plan. */
#include "dsl/read.h"

static const struct sk_dsl_options no_options = { .is_strict = false };

static size_t texts_size(const struct sk_dsl_node *node)
{
    size_t size = node->key.size + node->text.size;
    for (const struct sk_dsl_node *child = node->first; child != NULL; child = child->next)
        size += texts_size(child);
    return size;
}

/* The expanded source must be readable again, so it obeys the same bound. */
static enum skald_status write_expanded(const struct sk_tree *tree, struct sk_buf *out)
{
    sk_buf_init(out, SK_YAML_SIZE_MAX);
    sk_dsl_write_json(tree->root, true, out);
    if (!out->failed) return SKALD_OK;
    if (texts_size(tree->root) < SK_YAML_SIZE_MAX / 8)
        return SKALD_E_MEMORY; /* far from the ceiling */
    struct sk_mark mark = { .file = *tree->root->file };
    sk_diagnose(tree->diagnostics, SK_SEVERITY_ERROR, "too_large", &mark,
                "use fewer aliases or includes",
                "larger than %d MB once aliases and includes are expanded",
                SK_YAML_SIZE_MAX / (1024 * 1024));
    return SKALD_E_INVALID;
}

static enum skald_status read_expanded(struct sk_str source, const struct sk_dsl_options *options,
                                       struct sk_diagnostics *diagnostics, struct sk_tree *tree,
                                       struct sk_buf *json)
{
    sk_buf_init(json, 0);
    enum skald_status status = sk_tree_read(source, options, diagnostics, tree);
    if (status == SKALD_OK) status = write_expanded(tree, json);
    return status;
}

static void order_diagnostics(const struct sk_dsl_options *options,
                              struct sk_diagnostics *diagnostics)
{
    sk_diagnostics_sort(diagnostics,
                        options->file_name.size > 0 ? options->file_name : SK_STR("definition"));
}

enum skald_status sk_dsl_expand(struct sk_str source, const struct sk_dsl_options *options,
                                struct sk_buf *out_json, struct sk_diagnostics *diagnostics)
{
    if (options == NULL) options = &no_options;
    struct sk_tree tree;
    struct sk_buf json;
    enum skald_status status = read_expanded(source, options, diagnostics, &tree, &json);
    if (status == SKALD_OK) {
        sk_buf_append_str(out_json, sk_buf_view(&json));
        if (out_json->failed) status = SKALD_E_MEMORY;
    }
    sk_buf_release(&json);
    sk_tree_release(&tree);
    order_diagnostics(options, diagnostics);
    return status;
}

/* The tree into the plan, with all that is to be said about it. */
static enum skald_status read_plan(struct sk_compiler *c)
{
    sk_keys_check(c->root, c->options->is_strict, c->diagnostics);
    sk_collect_services(c);
    sk_read_services(c);
    sk_read_saga(c);
    sk_read_graph(c);
    sk_read_saga_texts(c);
    sk_read_steps(c);
    if (!c->arena->failed && !c->scratch.failed) {
        sk_check_graph(c);
        sk_check_times(c);
        sk_check_steps(c);
    }
    if (c->arena->failed || c->scratch.failed || c->diagnostics->arena.failed)
        return SKALD_E_MEMORY;
    if (c->diagnostics->errors_count > 0) return SKALD_E_INVALID;
    skald_error error = { .message = "" };
    enum skald_status status = sk_plan_finish(c->plan, &error);
    if (status == SKALD_E_INVALID) {
        sk_complain(c, SK_SEVERITY_ERROR, "bad_plan", c->root, NULL, "%s", error.message);
    }
    return status;
}

static enum skald_status compile(const struct sk_tree *tree, struct sk_str json,
                                 struct sk_plan **out_plan)
{
    struct sk_compiler c = { .options = tree->options,
                             .diagnostics = tree->diagnostics,
                             .root = tree->root,
                             .step_index = SK_STEP_NONE,
                             .step_type = SK_TYPE_NONE };
    c.plan = sk_plan_new();
    if (c.plan == NULL) return SKALD_E_MEMORY;
    c.arena = &c.plan->arena;
    c.plan->digest = sk_digest_of(json);
    sk_arena_init(&c.scratch);
    enum skald_status status = read_plan(&c);
    sk_arena_release(&c.scratch);
    if (status == SKALD_OK) {
        *out_plan = c.plan;
    } else {
        sk_plan_free(c.plan);
    }
    return status;
}

enum skald_status sk_dsl_compile(struct sk_str source, const struct sk_dsl_options *options,
                                 struct sk_plan **out_plan, struct sk_buf *out_json,
                                 struct sk_diagnostics *diagnostics)
{
    if (options == NULL) options = &no_options;
    struct sk_tree tree;
    struct sk_buf json;
    struct sk_plan *plan = NULL;
    uint32_t known_errors = diagnostics->errors_count;
    diagnostics->errors_count = 0;
    enum skald_status status = read_expanded(source, options, diagnostics, &tree, &json);
    if (status == SKALD_OK) status = compile(&tree, sk_buf_view(&json), &plan);
    if (status == SKALD_OK && out_json != NULL) {
        sk_buf_append_str(out_json, sk_buf_view(&json));
        if (out_json->failed) status = SKALD_E_MEMORY;
    }
    if (status == SKALD_OK) {
        *out_plan = plan;
    } else {
        sk_plan_free(plan);
    }
    diagnostics->errors_count += known_errors;
    sk_buf_release(&json);
    sk_tree_release(&tree);
    order_diagnostics(options, diagnostics);
    return status;
}

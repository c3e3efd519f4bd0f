/*
 * condition.c: a condition that is a function becomes a step of its own.
 *
 *     - id: gift                              - id: gift-condition
 *       condition: {function: is_regular}       type: function
 *       …                              ─►       action: {function: {name: is_regular}}
 *                                               compensation: {type: skip}
 *                                             - id: gift
 *                                               dependencies: [gift-condition]
 *                                               condition:
 *                                                 expression: $output.gift-condition == true
 *
 * So asking is an attempt like any other, with its key, time-out, retries and redrives; the answer
 * stands in step.completed; and the core knows nothing of it. The tree of the file stays as it is:
 * the nodes made here stand beside it, at the marks of what they come from.
 */
#include "dsl/read.h"

static const char suffix[] = "-condition";

static struct sk_dsl_node *new_node(struct sk_compiler *c, const struct sk_dsl_node *at,
                                    enum sk_json_type type, const char *key)
{
    struct sk_dsl_node *node = SK_ARENA_NEW(&c->scratch, struct sk_dsl_node);
    if (node == NULL) return NULL;
    *node = (struct sk_dsl_node){ .type = type,
                                  .line = at->line,
                                  .column = at->column,
                                  .key_line = at->key_line,
                                  .key_column = at->key_column,
                                  .height = 1,
                                  .file = at->file,
                                  .key = sk_str_of(key) };
    return node;
}

static struct sk_dsl_node *add(struct sk_compiler *c, struct sk_dsl_node *parent,
                               const struct sk_dsl_node *at, enum sk_json_type type,
                               const char *key)
{
    struct sk_dsl_node *node = parent == NULL ? NULL : new_node(c, at, type, key);
    if (node != NULL) sk_dsl_add_child(parent, node);
    return node;
}

static void add_text(struct sk_compiler *c, struct sk_dsl_node *parent,
                     const struct sk_dsl_node *at, const char *key, struct sk_str text)
{
    struct sk_dsl_node *node = add(c, parent, at, SK_JSON_STRING, key);
    if (node != NULL) node->text = text;
}

/* The subtree again, in another place; its depth is bounded (SK_YAML_DEPTH_MAX). */
static struct sk_dsl_node *copy_of(struct sk_compiler *c, const struct sk_dsl_node *node)
{
    struct sk_dsl_node *copy = SK_ARENA_NEW(&c->scratch, struct sk_dsl_node);
    if (copy == NULL) return NULL;
    *copy = *node;
    copy->first = copy->last = copy->next = copy->parent = NULL;
    copy->count = 0;
    for (const struct sk_dsl_node *child = node->first; child != NULL; child = child->next) {
        struct sk_dsl_node *its = copy_of(c, child);
        if (its != NULL) sk_dsl_add_child(copy, its);
    }
    return copy;
}

static void add_copy(struct sk_compiler *c, struct sk_dsl_node *parent,
                     const struct sk_dsl_node *member, const char *key)
{
    struct sk_dsl_node *copy = member == NULL || parent == NULL ? NULL : copy_of(c, member);
    if (copy == NULL) return;
    if (key != NULL) copy->key = sk_str_of(key);
    sk_dsl_add_child(parent, copy);
}

static struct sk_str joined(struct sk_compiler *c, struct sk_str a, const char *b, const char *end)
{
    struct sk_buf text = { 0 };
    sk_buf_append_str(&text, a);
    sk_buf_append_text(&text, b);
    sk_buf_append_text(&text, end);
    struct sk_str copy = sk_arena_copy(&c->scratch, sk_buf_view(&text));
    if (text.failed) c->scratch.failed = true;
    sk_buf_release(&text);
    return copy;
}

static struct sk_str text_of(const struct sk_dsl_node *step, const char *key)
{
    const struct sk_dsl_node *node = sk_dsl_get(step, key);
    bool is_text = node != NULL && sk_dsl_is_scalar(node);
    return is_text ? node->text : (struct sk_str){ 0 };
}

const struct sk_dsl_node *sk_condition_function(const struct sk_dsl_node *step)
{
    const struct sk_dsl_node *function = sk_dsl_get(sk_dsl_get(step, "condition"), "function");
    return function != NULL && sk_dsl_is_scalar(function) ? function : NULL;
}

const struct sk_dsl_node *sk_condition_asker(struct sk_compiler *c, const struct sk_dsl_node *step)
{
    const struct sk_dsl_node *condition = sk_dsl_get(step, "condition");
    const struct sk_dsl_node *function = sk_condition_function(step);
    struct sk_dsl_node *asker = new_node(c, condition, SK_JSON_OBJECT, "");
    if (asker == NULL) return NULL;
    asker->parent = step->parent;
    asker->index = step->index;
    add_text(c, asker, condition, "id", joined(c, text_of(step, "id"), suffix, ""));
    add_text(c, asker, condition, "name", joined(c, text_of(step, "name"), "?", ""));
    add_text(c, asker, condition, "type", SK_STR("function"));
    struct sk_dsl_node *action = add(c, asker, condition, SK_JSON_OBJECT, "action");
    struct sk_dsl_node *call = add(c, action, condition, SK_JSON_OBJECT, "function");
    add_text(c, call, function, "name", function->text);
    add_copy(c, call, sk_dsl_get(condition, "variables"), "parameters");
    add_copy(c, asker, sk_dsl_get(step, "dependencies"), NULL);
    add_copy(c, asker, sk_dsl_get(step, "retry_policy"), NULL);
    add_copy(c, asker, sk_dsl_get(step, "timeout"), NULL);
    struct sk_dsl_node *undo = add(c, asker, condition, SK_JSON_OBJECT, "compensation");
    add_text(c, undo, condition, "type", SK_STR("skip"));
    return asker;
}

const struct sk_dsl_node *sk_condition_rest(struct sk_compiler *c, const struct sk_dsl_node *step)
{
    const struct sk_dsl_node *condition = sk_dsl_get(step, "condition");
    struct sk_dsl_node *rest = new_node(c, step, SK_JSON_OBJECT, "");
    if (rest == NULL) return NULL;
    rest->parent = step->parent;
    rest->index = step->index;
    struct sk_str id = text_of(step, "id");
    for (const struct sk_dsl_node *member = step->first; member != NULL; member = member->next) {
        bool is_ours =
            sk_str_is(member->key, "condition") || sk_str_is(member->key, "dependencies");
        if (!is_ours) add_copy(c, rest, member, NULL);
    }
    struct sk_dsl_node *dependencies = add(c, rest, condition, SK_JSON_ARRAY, "dependencies");
    add_text(c, dependencies, condition, "", joined(c, id, suffix, ""));
    struct sk_dsl_node *own = add(c, rest, condition, SK_JSON_OBJECT, "condition");
    struct sk_buf head = { 0 };
    sk_buf_append_text(&head, "$output.");
    sk_buf_append_str(&head, id);
    add_text(c, own, condition, "expression", joined(c, sk_buf_view(&head), suffix, " == true"));
    if (head.failed) c->scratch.failed = true;
    sk_buf_release(&head);
    return rest;
}

void sk_check_condition(struct sk_compiler *c, const struct sk_dsl_node *condition)
{
    const struct sk_dsl_node *expression = sk_dsl_get(condition, "expression");
    const struct sk_dsl_node *function = sk_dsl_get(condition, "function");
    if (condition == NULL || !sk_dsl_is_map(condition)) return;
    if ((expression == NULL) != (function == NULL)) return;
    sk_complain(c, SK_SEVERITY_ERROR, expression == NULL ? "missing_key" : "several_conditions",
                function == NULL ? condition : function, "one of expression, function",
                expression == NULL ? "a condition without an expression"
                                   : "an expression and a function: which of them decides?");
}

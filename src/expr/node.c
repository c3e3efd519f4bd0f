/*
 * node.c: the tree that conditions and templates compile to, and its evaluation. A node is as deep
 * as its deepest argument plus one, and never deeper than SK_EXPR_DEPTH_MAX, so recursion is
 * bounded.
 */
#include "expr/expr_private.h"

#include "base/assert.h"

struct sk_node *sk_node_literal(struct sk_scan *scan, struct sk_value value)
{
    struct sk_node *node = sk_scan_alloc(scan, sizeof *node);
    if (node != NULL) {
        node->kind = SK_NODE_LITERAL;
        node->literal = value;
    }
    return node;
}

struct sk_node *sk_node_path(struct sk_scan *scan, char sign)
{
    struct sk_node *node = sk_scan_alloc(scan, sizeof *node);
    if (node == NULL || !sk_path_scan(scan, sign, &node->path)) {
        return NULL;
    }
    node->kind = SK_NODE_PATH;
    return node;
}

struct sk_node *sk_node_call(struct sk_scan *scan, enum sk_function function)
{
    struct sk_node *node = sk_scan_alloc(scan, sizeof *node);
    if (node != NULL) {
        node->kind = SK_NODE_CALL;
        node->function = function;
    }
    return node;
}

bool sk_node_add(struct sk_scan *scan, struct sk_node *call, struct sk_node *argument)
{
    if (call == NULL || argument == NULL) {
        return false;
    }
    if (argument->depth >= SK_EXPR_DEPTH_MAX) {
        return sk_scan_fail(scan, scan->at, "nested too deeply (%d levels are allowed)",
                            SK_EXPR_DEPTH_MAX);
    }
    call->depth = argument->depth + 1 > call->depth ? argument->depth + 1 : call->depth;
    if (call->arguments == NULL) {
        call->arguments = argument;
    } else {
        call->arguments_last->next = argument;
    }
    call->arguments_last = argument;
    call->arguments_count += 1;
    return true;
}

/* Arguments from the left until one decides: a false one for AND and ALL, a true one for OR and
 * ANY. */
static struct sk_value eval_lazily(const struct sk_node *node, const struct sk_scope *scope,
                                   struct sk_arena *scratch)
{
    bool decisive = node->function == SK_FN_OR || node->function == SK_FN_ANY;
    struct sk_value value = sk_value_null();
    for (const struct sk_node *a = node->arguments; a != NULL; a = a->next) {
        value = sk_node_eval(a, scope, scratch);
        if (sk_value_is_true(value) == decisive) {
            break;
        }
    }
    bool is_truth = node->function == SK_FN_ALL || node->function == SK_FN_ANY;
    return is_truth ? sk_value_bool(sk_value_is_true(value)) : value;
}

static struct sk_value eval_call(const struct sk_node *node, const struct sk_scope *scope,
                                 struct sk_arena *scratch)
{
    struct sk_value arguments[SK_ARGUMENTS_MAX];
    uint32_t count = 0;
    SK_ASSERT(node->arguments_count <= SK_ARGUMENTS_MAX);
    for (const struct sk_node *a = node->arguments; a != NULL; a = a->next) {
        arguments[count++] = sk_node_eval(a, scope, scratch);
    }
    return sk_function_call(node->function, arguments, count, scratch);
}

static bool is_lazy(enum sk_function function)
{
    return function == SK_FN_AND || function == SK_FN_OR || function == SK_FN_ALL ||
           function == SK_FN_ANY;
}

struct sk_value sk_node_eval(const struct sk_node *node, const struct sk_scope *scope,
                             struct sk_arena *scratch)
{
    switch (node->kind) {
    case SK_NODE_LITERAL: return node->literal;
    case SK_NODE_PATH: return sk_value_of(sk_path_get(&node->path, scope), scratch);
    case SK_NODE_CALL:
        return is_lazy(node->function) ? eval_lazily(node, scope, scratch)
                                       : eval_call(node, scope, scratch);
    }
    return sk_value_null();
}

/* node.c: walking and writing the tree of a definition. */
#include "dsl/node.h"

#include <stdio.h>

void sk_dsl_add_child(struct sk_dsl_node *parent, struct sk_dsl_node *child)
{
    child->parent = parent;
    child->next = NULL;
    child->index = parent->count++;
    if (parent->last == NULL) {
        parent->first = child;
    } else {
        parent->last->next = child;
    }
    parent->last = child;
    if (parent->height <= child->height) parent->height = child->height + 1;
}

const struct sk_dsl_node *sk_dsl_get(const struct sk_dsl_node *map, const char *name)
{
    if (map == NULL || !sk_dsl_is_map(map)) return NULL;
    for (const struct sk_dsl_node *child = map->first; child != NULL; child = child->next) {
        if (sk_str_is(child->key, name)) return child->type == SK_JSON_NULL ? NULL : child;
    }
    return NULL;
}

/* One segment, written so that it ends at `end`; returns where it starts, or NULL without room. */
static char *put_segment(const char *start, char *end, const struct sk_dsl_node *node)
{
    char number[16];
    struct sk_str segment = node->key;
    bool is_element = sk_dsl_is_list(node->parent);
    if (is_element) {
        int size = snprintf(number, sizeof number, "[%u]", node->index);
        segment = (struct sk_str){ number, (size_t)size };
    }
    bool has_dot = !is_element && node->parent->parent != NULL;
    if ((size_t)(end - start) < segment.size + 1) return NULL;
    end -= segment.size;
    memcpy(end, segment.data, segment.size);
    if (has_dot) *--end = '.';
    return end;
}

struct sk_str sk_dsl_path(const struct sk_dsl_node *node, struct sk_arena *arena)
{
    char text[1024];
    char *end = text + sizeof text, *at = end;
    for (; node->parent != NULL; node = node->parent) {
        char *start = put_segment(text, at, node);
        if (start == NULL) break; /* the deepest part says most */
        at = start;
    }
    return sk_arena_copy(arena, (struct sk_str){ at, (size_t)(end - at) });
}

static void write_scalar(const struct sk_dsl_node *node, bool is_raw, struct sk_buf *out)
{
    struct sk_str text = is_raw && node->raw != NULL ? *node->raw : node->text;
    if (node->type == SK_JSON_STRING) {
        sk_json_quote(out, text);
    } else {
        sk_buf_append_str(out, text);
    }
}

void sk_dsl_write_json(const struct sk_dsl_node *node, bool is_raw, struct sk_buf *out)
{
    const struct sk_dsl_node *at = node;
    while (true) {
        if (at != node && at->index > 0) sk_buf_append_char(out, ',');
        if (at != node && sk_dsl_is_map(at->parent)) {
            sk_json_quote(out, at->key);
            sk_buf_append_char(out, ':');
        }
        if (sk_dsl_is_scalar(at)) {
            write_scalar(at, is_raw, out);
        } else {
            sk_buf_append_char(out, sk_dsl_is_map(at) ? '{' : '[');
            if (at->first != NULL) {
                at = at->first;
                continue;
            }
            sk_buf_append_char(out, sk_dsl_is_map(at) ? '}' : ']');
        }
        while (at != node && at->next == NULL) {
            at = at->parent;
            sk_buf_append_char(out, sk_dsl_is_map(at) ? '}' : ']');
        }
        if (at == node) return;
        at = at->next;
    }
}

void sk_tree_release(struct sk_tree *tree)
{
    sk_arena_release(&tree->arena);
    *tree = (struct sk_tree){ 0 };
}

/* read_schema.c: the schema of a definition's input, with diagnostics at the places they are
 * about. */
#include "dsl/json_schema.h"
#include "dsl/read.h"

struct reading {
    struct sk_compiler *c;
    const struct sk_dsl_node *root;
};

/* Does the part of a pointer (~0 and ~1 escaped) name this child? */
static bool is_named(const struct sk_dsl_node *parent, const struct sk_dsl_node *child,
                     struct sk_str part)
{
    uint64_t index = 0;
    if (sk_dsl_is_list(parent)) return sk_str_to_u64(part, &index) && child->index == index;
    size_t at = 0;
    for (size_t i = 0; i < part.size; i++, at++) {
        char ch = part.data[i];
        if (ch == '~' && i + 1 < part.size) ch = part.data[++i] == '1' ? '/' : '~';
        if (at >= child->key.size || child->key.data[at] != ch) return false;
    }
    return at == child->key.size;
}

/* The node that a pointer leads to, or the nearest around it. */
static const struct sk_dsl_node *node_at(const struct sk_dsl_node *node, struct sk_str pointer)
{
    while (pointer.size > 0) {
        pointer = sk_str_sub(pointer, 1, pointer.size - 1);
        size_t end = sk_str_find(pointer, '/');
        struct sk_str part = sk_str_sub(pointer, 0, end);
        const struct sk_dsl_node *child = node->first;
        while (child != NULL && !is_named(node, child, part)) child = child->next;
        if (child == NULL) return node;
        node = child;
        pointer = sk_str_sub(pointer, end, pointer.size - end);
    }
    return node;
}

static void complain(void *context, bool is_error, struct sk_str pointer, const char *message,
                     const char *remedy)
{
    const struct reading *reading = context;
    const struct sk_dsl_node *node = node_at(reading->root, pointer);
    sk_complain(reading->c, is_error ? SK_SEVERITY_ERROR : SK_SEVERITY_WARNING, "bad_schema", node,
                remedy, "%.*s %s", SK_STR_ARGS(pointer), message);
}

void sk_read_schema(struct sk_compiler *c, const struct sk_dsl_node *node)
{
    struct reading reading = { c, node };
    if (node == NULL || !sk_dsl_is_map(node) || c->plan->input_schema.size == 0) return;
    enum skald_status status = sk_json_schema_compile(c->plan->input_schema, c->arena, complain,
                                                      &reading, &c->plan->input_check);
    if (status == SKALD_E_MEMORY) c->arena->failed = true;
}

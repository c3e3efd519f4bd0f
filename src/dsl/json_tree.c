/* json_tree.c: checked JSON (an expanded source, a definition sent as JSON) as a tree with
 * marks. */
#include "dsl/node.h"

struct cursor {
    const struct sk_source *source;
    const char *at;
    struct sk_mark mark;
};

/* Values come in the order of the text, so the cursor only moves forward. */
static void move_to(struct cursor *cursor, const char *to)
{
    for (; cursor->at < to; cursor->at++) {
        unsigned char c = (unsigned char)*cursor->at;
        if (c == '\n') {
            cursor->mark.line += 1;
            cursor->mark.column = 1;
        } else if (c < 0x80 || c >= 0xc0) {
            cursor->mark.column += 1;
        }
    }
}

static struct sk_dsl_node *read_value(struct cursor *cursor, struct sk_str span, uint32_t depth);

static bool read_member(struct cursor *cursor, struct sk_dsl_node *parent,
                        const struct sk_json_iter *it, uint32_t depth)
{
    struct sk_arena *arena = &cursor->source->tree->arena;
    struct sk_str key = { 0 };
    uint32_t line = 0, column = 0;
    if (it->is_object) {
        struct sk_str quoted = { it->name.data - 1, it->name.size + 2 };
        move_to(cursor, quoted.data);
        line = cursor->mark.line;
        column = cursor->mark.column;
        key = sk_json_string(quoted, arena);
        if (key.size > SK_KEY_SIZE_MAX) {
            sk_diagnose(cursor->source->tree->diagnostics, SK_SEVERITY_ERROR, "key_too_long",
                        &cursor->mark, "shorten it", "a key of more than %d bytes",
                        SK_KEY_SIZE_MAX);
            return false;
        }
        if (key.size > 0 && memchr(key.data, 0, key.size) != NULL) {
            sk_diagnose(cursor->source->tree->diagnostics, SK_SEVERITY_ERROR, "nul_byte",
                        &cursor->mark, "remove it", "a key that holds a NUL character");
            return false;
        }
    }
    struct sk_dsl_node *child = read_value(cursor, it->value, depth);
    if (child == NULL) return false;
    child->key = key;
    child->key_line = line;
    child->key_column = column;
    sk_dsl_add_child(parent, child);
    return true;
}

static struct sk_dsl_node *read_value(struct cursor *cursor, struct sk_str span, uint32_t depth)
{
    const struct sk_source *source = cursor->source;
    span = sk_json_trim(span);
    move_to(cursor, span.data);
    enum sk_json_type type = sk_json_type(span);
    struct sk_dsl_node *node = sk_tree_node(source, type, &cursor->mark, depth);
    if (node == NULL) return NULL;
    if (type == SK_JSON_STRING) {
        struct sk_str text = sk_json_string(span, &source->tree->arena);
        node->text_column = text.size + 2 == span.size ? node->column + 1 : 0;
        return sk_tree_scalar(source, node, text, false) ? node : NULL;
    }
    if (sk_dsl_is_scalar(node)) {
        node->text = span;
        return node;
    }
    struct sk_json_iter it = sk_json_walk(span);
    while (sk_json_next(&it)) {
        if (!read_member(cursor, node, &it, depth + 1)) return NULL;
    }
    bool is_good = !sk_dsl_is_map(node) || sk_tree_unique(source, node, node->count);
    return is_good ? node : NULL;
}

struct sk_dsl_node *sk_json_read(const struct sk_source *source)
{
    struct cursor cursor = { .source = source,
                             .at = source->bytes.data,
                             .mark = { .file = *source->file, .line = 1, .column = 1 } };
    return read_value(&cursor, source->bytes, source->depth);
}

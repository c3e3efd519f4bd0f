/*
 * tree.c: what reading YAML and reading JSON have in common: bytes that are no text, the limits of
 * the tree, scalars, double names, and `!include`.
 */
#include "dsl/node.h"

#include <stdlib.h>

enum { INCLUDES_MAX = 10 };

/* ---- bytes ----------------------------------------------------------------------------------- */

static size_t sequence_size(struct sk_str rest)
{
    unsigned char c = (unsigned char)rest.data[0];
    size_t size = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return size <= rest.size && sk_utf8_valid(sk_str_sub(rest, 0, size)) ? size : 0;
}

static void refuse_bytes(const struct sk_source *source, struct sk_mark mark, unsigned char byte)
{
    struct sk_diagnostics *diagnostics = source->tree->diagnostics;
    if (byte == 0) {
        sk_diagnose(diagnostics, SK_SEVERITY_ERROR, "nul_byte", &mark, "definitions are UTF-8 text",
                    "a NUL byte");
    } else if (byte >= 0x80) {
        sk_diagnose(diagnostics, SK_SEVERITY_ERROR, "invalid_utf8", &mark, "save the file as UTF-8",
                    "the byte 0x%02X is not valid UTF-8", byte);
    } else {
        sk_diagnose(diagnostics, SK_SEVERITY_ERROR, "control_character", &mark,
                    "remove it, or write it as an escape in double quotes",
                    "the control character 0x%02X", byte);
    }
}

/* Valid UTF-8 without control characters; the first that is wrong is marked. */
static bool check_bytes(const struct sk_source *source)
{
    struct sk_str bytes = source->bytes;
    struct sk_mark mark = { .file = *source->file, .line = 1, .column = 1 };
    for (size_t at = 0; at < bytes.size;) {
        unsigned char c = (unsigned char)bytes.data[at];
        size_t size = c < 0x80 ? 1 : sequence_size(sk_str_sub(bytes, at, bytes.size));
        bool is_control = c < 0x20 && c != '\t' && c != '\n' && c != '\r';
        if (size == 0 || is_control) {
            refuse_bytes(source, mark, c);
            return false;
        }
        mark.column += 1;
        if (c == '\n') {
            mark.line += 1;
            mark.column = 1;
        }
        at += size;
    }
    return true;
}

struct sk_dsl_node *sk_source_read(const struct sk_source *source)
{
    struct sk_source own = *source;
    struct sk_tree *tree = source->tree;
    tree->bytes_count += own.bytes.size;
    if (tree->bytes_count > SK_YAML_SIZE_MAX) {
        struct sk_mark mark = { .file = *own.file };
        sk_diagnose(tree->diagnostics, SK_SEVERITY_ERROR, "too_large", &mark,
                    "split it into several definitions", "larger than %d MB with its includes",
                    SK_YAML_SIZE_MAX / (1024 * 1024));
        return NULL;
    }
    if (sk_str_starts(own.bytes, SK_STR("\xEF\xBB\xBF")))
        own.bytes = sk_str_sub(own.bytes, 3, own.bytes.size);
    if (!check_bytes(&own)) return NULL;
    struct sk_str text = sk_str_trim(own.bytes);
    bool is_json = text.size > 0 && (text.data[0] == '{' || text.data[0] == '[') &&
                   sk_json_check(own.bytes, NULL) == SKALD_OK;
    return is_json ? sk_json_read(&own) : sk_yaml_read(&own);
}

enum skald_status sk_tree_read(struct sk_str source, const struct sk_dsl_options *options,
                               struct sk_diagnostics *diagnostics, struct sk_tree *out_tree)
{
    *out_tree = (struct sk_tree){ .options = options, .diagnostics = diagnostics };
    sk_arena_init(&out_tree->arena);
    struct sk_str *file = SK_ARENA_NEW(&out_tree->arena, struct sk_str);
    if (file == NULL) return SKALD_E_MEMORY;
    *file = options->file_name.size > 0 ? options->file_name : SK_STR("definition");
    struct sk_source whole = { .tree = out_tree, .bytes = source, .file = file };
    uint32_t errors_count = diagnostics->errors_count;
    out_tree->root = sk_source_read(&whole);
    if (out_tree->arena.failed || diagnostics->arena.failed) return SKALD_E_MEMORY;
    if (diagnostics->errors_count > errors_count) out_tree->root = NULL;
    return out_tree->root == NULL ? SKALD_E_INVALID : SKALD_OK;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

struct sk_dsl_node *sk_tree_node(const struct sk_source *source, enum sk_json_type type,
                                 const struct sk_mark *mark, uint32_t depth)
{
    struct sk_tree *tree = source->tree;
    if (type >= SK_JSON_ARRAY && depth >= SK_YAML_DEPTH_MAX) {
        sk_diagnose(tree->diagnostics, SK_SEVERITY_ERROR, "too_deep", mark, "flatten it",
                    "nested deeper than %d levels", SK_YAML_DEPTH_MAX);
        return NULL;
    }
    if (tree->nodes_count >= SK_YAML_NODES_MAX) {
        sk_diagnose(tree->diagnostics, SK_SEVERITY_ERROR, "too_many_nodes", mark,
                    "use fewer aliases or a smaller document",
                    "more than %d values with aliases expanded", SK_YAML_NODES_MAX);
        return NULL;
    }
    tree->nodes_count += 1;
    struct sk_dsl_node *node = SK_ARENA_NEW(&tree->arena, struct sk_dsl_node);
    if (node == NULL) return NULL;
    *node = (struct sk_dsl_node){
        .type = type, .line = mark->line, .column = mark->column, .height = 1, .file = source->file
    };
    return node;
}

bool sk_tree_scalar(const struct sk_source *source, struct sk_dsl_node *node, struct sk_str written,
                    bool is_plain)
{
    struct sk_tree *tree = source->tree;
    struct sk_str text;
    node->type = SK_JSON_STRING;
    if (!sk_environment_expand(source, node, written, &text)) return false;
    node->text = text;
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL) {
        struct sk_mark mark = sk_mark_of(node, tree->diagnostics);
        sk_diagnose(tree->diagnostics, SK_SEVERITY_ERROR, "nul_byte", &mark, "remove it",
                    "a text that holds a NUL character");
    }
    if (!is_plain) return true;
    enum sk_json_type type;
    if (!sk_scalar_resolve(text, &tree->arena, &type, &node->text)) {
        struct sk_mark mark = sk_mark_of(node, tree->diagnostics);
        sk_diagnose(tree->diagnostics, SK_SEVERITY_ERROR, "number_range", &mark,
                    "put it into quotes if a text is meant", "JSON has no number %.*s",
                    (int)(text.size < 60 ? text.size : 60), text.data);
    }
    node->type = type;
    if (type != SK_JSON_STRING) node->raw = NULL;
    return !tree->arena.failed;
}

/* ---- double names ---------------------------------------------------------------------------- */

struct member {
    struct sk_dsl_node *node;
    bool is_dropped;
};

static int by_name(const void *a, const void *b)
{
    const struct sk_dsl_node *x = ((const struct member *)a)->node,
                             *y = ((const struct member *)b)->node;
    int order = sk_str_compare(x->key, y->key);
    return order != 0 ? order : x->index < y->index ? -1 : 1;
}

static int by_place(const void *a, const void *b)
{
    return ((const struct member *)a)->node->index < ((const struct member *)b)->node->index ? -1
                                                                                             : 1;
}

static void refuse_double(const struct sk_source *source, const struct sk_dsl_node *first,
                          const struct sk_dsl_node *second)
{
    struct sk_diagnostics *diagnostics = source->tree->diagnostics;
    struct sk_mark mark = sk_mark_of_key(second, diagnostics);
    sk_diagnose(diagnostics, SK_SEVERITY_ERROR, "duplicate_key", &mark, "keep one of them",
                "the key %.*s is already there in line %u", SK_STR_ARGS(first->key),
                first->key_line > 0 ? first->key_line : first->line);
}

static void link_again(struct sk_dsl_node *map, const struct member *members, uint32_t count)
{
    map->first = map->last = NULL;
    map->count = 0;
    map->height = 1;
    for (uint32_t i = 0; i < count; i++) {
        if (!members[i].is_dropped) sk_dsl_add_child(map, members[i].node);
    }
}

bool sk_tree_unique(const struct sk_source *source, struct sk_dsl_node *map, uint32_t merged)
{
    uint32_t count = map->count;
    if (count < 2) return true;
    struct member *members = sk_alloc(count * sizeof *members);
    if (members == NULL) {
        source->tree->arena.failed = true;
        return false;
    }
    uint32_t at = 0;
    for (struct sk_dsl_node *child = map->first; child != NULL; child = child->next) {
        members[at++] = (struct member){ child, false };
    }
    qsort(members, count, sizeof *members, by_name);
    bool has_dropped = false;
    const struct sk_dsl_node *first = members[0].node;
    for (uint32_t i = 1; i < count; i++) {
        if (!sk_str_equal(first->key, members[i].node->key)) {
            first = members[i].node;
        } else if (members[i].node->index >= merged) {
            members[i].is_dropped = has_dropped = true;
        } else {
            refuse_double(source, first, members[i].node);
        }
    }
    if (has_dropped) {
        qsort(members, count, sizeof *members, by_place);
        link_again(map, members, count);
    }
    sk_free(members);
    return true;
}

/* ---- !include -------------------------------------------------------------------------------- */

static void refuse_include(const struct sk_source *source, const struct sk_mark *mark,
                           const char *code, const char *remedy, struct sk_str path,
                           const char *problem)
{
    sk_diagnose(source->tree->diagnostics, SK_SEVERITY_ERROR, code, mark, remedy,
                "!include %.*s: %s", (int)(path.size < 200 ? path.size : 200), path.data, problem);
}

static struct sk_str folder_of(struct sk_str path)
{
    size_t size = path.size;
    while (size > 0 && path.data[size - 1] != '/') size--;
    return sk_str_sub(path, 0, size);
}

/* `path`, relative to `folder`, without "." and "..": false when it leaves the definition's
 * folder. */
static bool join_path(struct sk_str folder, struct sk_str path, struct sk_buf *out)
{
    sk_buf_append_str(out, folder);
    if (path.size == 0 || path.data[0] == '/' || sk_str_find(path, '\\') < path.size) return false;
    if (sk_str_find(path, ':') < path.size) return false;
    while (path.size > 0) {
        size_t size = sk_str_find(path, '/');
        struct sk_str segment = sk_str_sub(path, 0, size);
        path = sk_str_sub(path, size + 1, path.size);
        if (segment.size == 0 || sk_str_is(segment, ".")) continue;
        if (sk_str_is(segment, "..")) {
            if (out->size == 0) return false;
            out->size = folder_of(sk_str_sub(sk_buf_view(out), 0, out->size - 1)).size;
            continue;
        }
        sk_buf_append_str(out, segment);
        if (size < SIZE_MAX && path.size > 0) sk_buf_append_char(out, '/');
    }
    return out->size > 0;
}

static bool is_including(const struct sk_source *source, struct sk_str path)
{
    for (; source != NULL; source = source->up) {
        if (sk_str_equal(source->path, path)) return true;
    }
    return false;
}

static struct sk_dsl_node *read_included(const struct sk_source *source, struct sk_str path,
                                         const struct sk_mark *mark, uint32_t depth)
{
    struct sk_tree *tree = source->tree;
    const struct sk_dsl_options *options = tree->options;
    struct sk_buf bytes, name;
    sk_buf_init(&bytes, SK_YAML_SIZE_MAX + 1);
    sk_buf_init(&name, 0);
    sk_buf_append_str(&name, folder_of(options->file_name));
    sk_buf_append_str(&name, path);
    struct sk_str *file = SK_ARENA_NEW(&tree->arena, struct sk_str);
    if (file != NULL) *file = sk_arena_copy(&tree->arena, sk_buf_view(&name));
    skald_error error = { .message = "" };
    enum skald_status status = options->include(options->context, path, &bytes, &error);
    struct sk_dsl_node *node = NULL;
    if (status == SKALD_E_MEMORY || name.failed) {
        tree->arena.failed = true;
    } else if (status != SKALD_OK || bytes.failed) {
        refuse_include(source, mark, "include_failed", "paths are relative to the including file",
                       path, bytes.failed ? "too large" : error.message);
    } else if (file != NULL) {
        struct sk_source included = { .up = source,
                                      .tree = tree,
                                      .path = path,
                                      .file = file,
                                      .depth = depth,
                                      .includes_count = source->includes_count + 1 };
        included.bytes = sk_arena_copy(&tree->arena, sk_buf_view(&bytes));
        if (!tree->arena.failed) node = sk_source_read(&included);
    }
    sk_buf_release(&bytes);
    sk_buf_release(&name);
    return node;
}

struct sk_dsl_node *sk_include_read(const struct sk_source *source, struct sk_str path,
                                    const struct sk_mark *mark, uint32_t depth)
{
    struct sk_dsl_node *node = NULL;
    struct sk_buf joined;
    sk_buf_init(&joined, 0);
    if (source->tree->options->include == NULL) {
        refuse_include(source, mark, "include_refused", "send one document without includes", path,
                       "files cannot be included here");
    } else if (!join_path(folder_of(source->path), path, &joined) && !joined.failed) {
        refuse_include(source, mark, "include_outside",
                       "use a relative path below the definition's folder", path,
                       "not inside the definition's folder");
    } else if (joined.failed) {
        source->tree->arena.failed = true;
    } else if (source->includes_count >= INCLUDES_MAX) {
        refuse_include(source, mark, "include_too_deep", "include fewer levels", path,
                       "more than 10 files within each other");
    } else if (is_including(source, sk_buf_view(&joined))) {
        refuse_include(source, mark, "include_cycle", "break the circle", path,
                       "the file includes itself, directly or through others");
    } else {
        struct sk_str whole = sk_arena_copy(&source->tree->arena, sk_buf_view(&joined));
        if (whole.size > 0) node = read_included(source, whole, mark, depth);
    }
    sk_buf_release(&joined);
    return node;
}

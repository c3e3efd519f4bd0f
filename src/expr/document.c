/*
 * document.c: JSON whose strings and member names are templates. What holds no template is kept as
 * one piece of text, however large, and copied as it is.
 *
 *   D1  The output is JSON that sk_json_check accepts, or `out` has failed: values come from
 *       checked JSON, texts and names are quoted here, and depth is counted.
 */
#include "expr/expr_private.h"

#include "base/limits.h"

enum kind { KIND_RAW, KIND_TEMPLATE, KIND_ARRAY, KIND_OBJECT };

struct node {
    enum kind kind;
    struct sk_str raw; /* KIND_RAW */
    const struct sk_template *template;
    struct node *children;
    struct node *next;
    struct sk_str name_raw;         /* in an object: between the quotes … */
    const struct sk_template *name; /* … or, if it holds {{ }}, compiled */
};

struct sk_document {
    struct sk_refs refs;
    struct node *root;
};

/* Where in the document a text stands, for messages: a chain from the inside to the root. */
struct place {
    const struct place *parent;
    struct sk_str name; /* NULL data = an index */
    size_t index;
};

struct compiler {
    const struct sk_names *names;
    struct sk_arena *arena;
    struct sk_refs *refs;
    struct sk_expr_error *error;
    enum skald_status status;
};

static void append_place(struct sk_buf *out, const struct place *place)
{
    if (place->parent == NULL) {
        return;
    }
    append_place(out, place->parent);
    if (place->name.data == NULL) {
        sk_buf_printf(out, "[%zu]", place->index);
    } else {
        sk_buf_append_text(out, out->size > 0 ? "." : "");
        sk_buf_append_str(out, place->name);
    }
}

static void fail(struct compiler *c, enum skald_status status, const struct place *place)
{
    c->status = status;
    if (c->error == NULL || place == NULL || place->parent == NULL) {
        return;
    }
    struct sk_buf path;
    sk_buf_init(&path, SKALD_ERROR_MESSAGE_SIZE / 2);
    append_place(&path, place);
    (void)sk_error_wrap(&c->error->error, "%s", path.failed ? "…" : sk_buf_text(&path));
    sk_buf_release(&path);
}

static void fail_memory(struct compiler *c)
{
    c->status = SKALD_E_MEMORY;
    if (c->error != NULL) {
        c->error->offset = 0;
        (void)sk_error_set(&c->error->error, c->status, "%s", skald_status_text(c->status));
    }
}

static void *alloc(struct compiler *c, size_t size)
{
    void *memory = sk_arena_alloc(c->arena, size);
    if (memory == NULL) {
        fail_memory(c);
    }
    return memory;
}

/* The template of a string span (with quotes), or NULL: constant, or failed. */
static const struct sk_template *compile_string(struct compiler *c, struct sk_str span,
                                                const struct place *place)
{
    if (sk_str_find(span, '{') == span.size && sk_str_find(span, '\\') == span.size) {
        return NULL;
    }
    struct sk_str text = sk_json_string(span, c->arena);
    if (c->arena->failed) {
        fail_memory(c);
        return NULL;
    }
    if (!sk_template_has_actions(text)) {
        return NULL;
    }
    struct sk_scan scan = {
        .text = text, .names = c->names, .arena = c->arena, .refs = c->refs, .error = c->error
    };
    const struct sk_template *template = sk_template_new(&scan);
    if (scan.status != SKALD_OK) {
        fail(c, scan.status, place);
    }
    return template;
}

static struct node *compile(struct compiler *c, struct sk_str span, const struct place *place);

/* The children of a container, in order; false when one failed. */
static bool compile_children(struct compiler *c, struct sk_str span, struct node *parent,
                             const struct place *place)
{
    struct node **last = &parent->children;
    struct sk_json_iter it = sk_json_walk(span);
    while (sk_json_next(&it)) {
        struct place inner = { .parent = place, .name = it.name, .index = it.index };
        struct node *child = compile(c, it.value, &inner);
        if (child == NULL) {
            return false;
        }
        *last = child;
        last = &child->next;
        if (it.is_object) {
            struct sk_str quoted = { it.name.data - 1, it.name.size + 2 };
            child->name_raw = it.name;
            child->name = compile_string(c, quoted, &inner);
        }
        if (c->status != SKALD_OK) {
            return false;
        }
    }
    return true;
}

static bool is_constant(const struct node *container)
{
    for (const struct node *child = container->children; child != NULL; child = child->next) {
        if (child->kind != KIND_RAW || child->name != NULL) {
            return false;
        }
    }
    return true;
}

/* NULL = failed. Recursion is bounded by the depth of checked JSON. */
static struct node *compile(struct compiler *c, struct sk_str span, const struct place *place)
{
    enum sk_json_type type = sk_json_type(span);
    struct node *node = alloc(c, sizeof *node);
    if (node == NULL) {
        return NULL;
    }
    node->raw = sk_json_trim(span);
    if (type == SK_JSON_STRING) {
        node->template = compile_string(c, node->raw, place);
        node->kind = node->template != NULL ? KIND_TEMPLATE : KIND_RAW;
    } else if (type == SK_JSON_ARRAY || type == SK_JSON_OBJECT) {
        node->kind = type == SK_JSON_ARRAY ? KIND_ARRAY : KIND_OBJECT;
        if (compile_children(c, span, node, place) && is_constant(node)) {
            node->kind = KIND_RAW;
        }
    }
    return c->status == SKALD_OK ? node : NULL;
}

enum skald_status sk_document_compile(struct sk_str json, const struct sk_names *names,
                                      struct sk_arena *arena,
                                      const struct sk_document **out_document,
                                      struct sk_expr_error *error)
{
    struct compiler c = { .names = names, .arena = arena, .error = error };
    struct place root = { 0 };
    struct sk_document *document = alloc(&c, sizeof *document);
    struct sk_str copy = sk_arena_copy(arena, json);
    if (document == NULL || copy.data == NULL || !sk_refs_init(&document->refs, names, arena)) {
        fail_memory(&c);
        return c.status;
    }
    c.refs = &document->refs;
    document->root = compile(&c, copy, &root);
    if (document->root != NULL) {
        *out_document = document;
    }
    return c.status;
}

const struct sk_refs *sk_document_refs(const struct sk_document *document)
{
    return &document->refs;
}

/* ---- rendering ------------------------------------------------------------------------------- */

struct rendering {
    const struct sk_scope *scope;
    struct sk_arena *scratch;
    struct sk_buf *out;
};

/* A value from outside brings its own depth, which adds to that of its place. */
static void render_template(const struct rendering *r, const struct node *node, int depth)
{
    size_t from = r->out->size;
    sk_template_render_json(node->template, r->scope, r->scratch, r->out);
    struct sk_str added = sk_str_sub(sk_buf_view(r->out), from, r->out->size);
    bool is_container = added.size > 0 && (added.data[0] == '{' || added.data[0] == '[');
    if (is_container && depth + sk_value_depth(added) > SK_JSON_DEPTH_MAX) {
        r->out->failed = r->out->is_full = true; /* D1 */
    }
}

static void render_name(const struct rendering *r, const struct node *member)
{
    if (member->name == NULL) {
        sk_buf_append_char(r->out, '"');
        sk_buf_append_str(r->out, member->name_raw);
        sk_buf_append_char(r->out, '"');
        return;
    }
    struct sk_buf text;
    sk_buf_init(&text, r->out->size_max);
    sk_template_render_text(member->name, r->scope, r->scratch, &text);
    sk_json_quote(r->out, sk_buf_view(&text));
    r->out->failed = r->out->failed || text.failed;
    r->out->is_full = r->out->is_full || text.is_full;
    sk_buf_release(&text);
}

/* `depth` = containers around it. */
static void render(const struct rendering *r, const struct node *node, int depth)
{
    if (node->kind == KIND_RAW) {
        sk_buf_append_str(r->out, node->raw);
        return;
    }
    if (node->kind == KIND_TEMPLATE) {
        render_template(r, node, depth);
        return;
    }
    bool is_object = node->kind == KIND_OBJECT;
    sk_buf_append_char(r->out, is_object ? '{' : '[');
    for (const struct node *child = node->children; child != NULL; child = child->next) {
        sk_buf_append_text(r->out, child != node->children ? "," : "");
        if (is_object) {
            render_name(r, child);
            sk_buf_append_char(r->out, ':');
        }
        render(r, child, depth + 1);
    }
    sk_buf_append_char(r->out, is_object ? '}' : ']');
}

void sk_document_render(const struct sk_document *document, const struct sk_scope *scope,
                        struct sk_arena *scratch, struct sk_buf *out)
{
    const struct rendering r = { scope, scratch, out };
    render(&r, document->root, 0);
    out->failed = out->failed || scratch->failed;
}

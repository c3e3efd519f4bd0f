/*
 * template_render.c: the public face of templates: compiling (the grammar is template_parse.c) and
 * rendering.
 *
 * A text that is exactly one {{ value }} keeps its type in JSON; anything else is a string.
 * Rendering cannot fail but for want of memory, or room in `out`.
 */
#include "expr/expr_private.h"

#include "base/time.h"

bool sk_refs_init(struct sk_refs *refs, const struct sk_names *names, struct sk_arena *arena)
{
    refs->roots = 0;
    refs->steps = sk_bitset_new(arena, names->steps_count);
    return refs->steps.words != NULL;
}

bool sk_template_has_actions(struct sk_str text)
{
    for (size_t at = 0; at + 1 < text.size; at++) {
        at += sk_str_find(sk_str_sub(text, at, text.size), '{');
        if (at + 1 < text.size && text.data[at + 1] == '{') {
            return true;
        }
    }
    return false;
}

static bool compile(struct sk_scan *scan, struct sk_template *template)
{
    scan->text = sk_arena_copy(scan->arena, scan->text);
    if (scan->text.data == NULL) {
        return sk_scan_fail_memory(scan);
    }
    if (sk_template_has_actions(scan->text)) {
        return sk_template_scan(scan, template);
    }
    struct sk_part *part = sk_scan_alloc(scan, sizeof *part);
    if (part == NULL) {
        return false;
    }
    *part = (struct sk_part){ .kind = SK_PART_TEXT, .text = scan->text };
    template->parts = part;
    template->is_constant = true;
    (void)sk_duration_parse(sk_str_trim(scan->text), &template->duration_ms);
    return true;
}

const struct sk_template *sk_template_new(struct sk_scan *scan)
{
    struct sk_template *template = sk_scan_alloc(scan, sizeof *template);
    if (template == NULL) {
        return NULL;
    }
    if (scan->refs == NULL) {
        if (!sk_refs_init(&template->refs, scan->names, scan->arena)) {
            sk_scan_fail_memory(scan);
            return NULL;
        }
        scan->refs = &template->refs;
    }
    return compile(scan, template) ? template : NULL;
}

enum skald_status sk_template_compile(struct sk_str text, const struct sk_names *names,
                                      struct sk_arena *arena,
                                      const struct sk_template **out_template,
                                      struct sk_expr_error *error)
{
    struct sk_scan scan = { .text = text, .names = names, .arena = arena, .error = error };
    const struct sk_template *template = sk_template_new(&scan);
    if (template != NULL) {
        *out_template = template;
    }
    return scan.status;
}

const struct sk_refs *sk_template_refs(const struct sk_template *template)
{
    return &template->refs;
}

bool sk_template_is_constant(const struct sk_template *template)
{
    return template->is_constant;
}

struct sk_str sk_template_constant(const struct sk_template *template)
{
    return template->parts->text;
}

int64_t sk_template_duration_ms(const struct sk_template *template)
{
    return template->duration_ms;
}

/* ---- rendering ------------------------------------------------------------------------------- */

/* Where text goes. In a line (a header, a target) values may not break it, nor ask for a secret:
 * control bytes become spaces, a `{` that a value puts behind a `$` becomes `(`, and so does the
 * `$` that a value puts in front of the template's own `{`. */
struct sink {
    struct sk_buf *out;
    bool is_line;
    size_t value_end; /* where the last value ended that brought something; 0 = none yet */
};

static void append_parts(const struct sk_part *parts, const struct sk_scope *scope,
                         struct sk_arena *scratch, struct sink *sink);

static void tame(struct sk_buf *out, size_t from)
{
    for (size_t i = from; i < out->size; i++) {
        unsigned char c = (unsigned char)out->data[i];
        if (c < 0x20 || c == 0x7f) {
            out->data[i] = ' ';
        } else if (c == '{' && i > 0 && out->data[i - 1] == '$') {
            out->data[i] = '(';
        }
    }
}

/* The template's own text. */
static void append_text(struct sk_str text, struct sink *sink)
{
    struct sk_buf *out = sink->out;
    bool is_behind_value = sink->is_line && sink->value_end > 0 && sink->value_end == out->size;
    if (is_behind_value && out->data[out->size - 1] == '$' && text.size > 0 && text.data[0] == '{')
        out->data[out->size - 1] = '(';
    sk_buf_append_str(out, text);
}

static void append_value(const struct sk_part *part, const struct sk_scope *scope,
                         struct sk_arena *scratch, struct sink *sink)
{
    size_t from = sink->out->size;
    sk_value_append_text(sk_node_eval(part->value, scope, scratch), sink->out);
    if (!sink->is_line || sink->out->size == from) return;
    tame(sink->out, from);
    sink->value_end = sink->out->size;
}

static void append_if(const struct sk_part *part, const struct sk_scope *scope,
                      struct sk_arena *scratch, struct sink *sink)
{
    for (const struct sk_branch *b = part->branches; b != NULL; b = b->next) {
        if (b->condition == NULL || sk_value_is_true(sk_node_eval(b->condition, scope, scratch))) {
            append_parts(b->parts, scope, scratch, sink);
            return;
        }
    }
}

/* Recursion is bounded: ifs nest no deeper than SK_EXPR_DEPTH_MAX. */
static void append_parts(const struct sk_part *parts, const struct sk_scope *scope,
                         struct sk_arena *scratch, struct sink *sink)
{
    for (const struct sk_part *part = parts; part != NULL; part = part->next) {
        switch (part->kind) {
        case SK_PART_TEXT: append_text(part->text, sink); break;
        case SK_PART_VALUE: append_value(part, scope, scratch, sink); break;
        case SK_PART_IF: append_if(part, scope, scratch, sink); break;
        }
    }
}

void sk_template_render_text(const struct sk_template *template, const struct sk_scope *scope,
                             struct sk_arena *scratch, struct sk_buf *out)
{
    append_parts(template->parts, scope, scratch, &(struct sink){ .out = out });
    out->failed = out->failed || scratch->failed;
}

void sk_template_render_line(const struct sk_template *template, const struct sk_scope *scope,
                             struct sk_arena *scratch, struct sk_buf *out)
{
    append_parts(template->parts, scope, scratch, &(struct sink){ .out = out, .is_line = true });
    out->failed = out->failed || scratch->failed;
}

static bool is_one_value(const struct sk_template *template)
{
    const struct sk_part *first = template->parts;
    return first != NULL && first->next == NULL && first->kind == SK_PART_VALUE;
}

/* As a JSON string: the text goes through a buffer of its own, since quoting needs it whole. */
static void append_quoted(const struct sk_part *parts, const struct sk_scope *scope,
                          struct sk_arena *scratch, struct sk_buf *out)
{
    struct sk_buf text;
    sk_buf_init(&text, out->size_max);
    append_parts(parts, scope, scratch, &(struct sink){ .out = &text });
    sk_json_quote(out, sk_buf_view(&text));
    out->failed = out->failed || text.failed;
    out->is_full = out->is_full || text.is_full;
    sk_buf_release(&text);
}

void sk_template_render_json(const struct sk_template *template, const struct sk_scope *scope,
                             struct sk_arena *scratch, struct sk_buf *out)
{
    const struct sk_part *first = template->parts;
    if (template->is_constant) {
        sk_json_quote(out, first->text);
    } else if (!is_one_value(template)) {
        append_quoted(first, scope, scratch, out);
    } else if (first->value->kind == SK_NODE_PATH) { /* as it stands, without decoding */
        struct sk_str span = sk_path_get(&first->value->path, scope);
        sk_buf_append_str(out, span.size > 0 ? span : SK_STR("null"));
    } else {
        sk_value_append_json(sk_node_eval(first->value, scope, scratch), out);
    }
    out->failed = out->failed || scratch->failed;
}

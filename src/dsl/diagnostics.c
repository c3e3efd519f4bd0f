/*
 * diagnostics.c: the list of problems found in a definition: collected, bounded, put into file
 * order, printed for people and as JSON for programs.
 *
 *   D1  At most SK_DIAGNOSTICS_MAX problems are kept; one more line says that there were more.
 *       errors_count counts all of them.
 *   D2  Texts live in the list's own arena and outlive the tree they speak of.
 */
#include "dsl/node.h"

#include <stdarg.h>
#include <stdio.h>

void sk_diagnostics_init(struct sk_diagnostics *diagnostics)
{
    *diagnostics = (struct sk_diagnostics){ 0 };
    sk_arena_init(&diagnostics->arena);
}

void sk_diagnostics_release(struct sk_diagnostics *diagnostics)
{
    sk_free(diagnostics->items);
    sk_arena_release(&diagnostics->arena);
    *diagnostics = (struct sk_diagnostics){ 0 };
}

/* Without memory the list keeps what it has and its arena is marked failed. */
static struct sk_diagnostic *add_item(struct sk_diagnostics *diagnostics)
{
    if (diagnostics->count == diagnostics->capacity) {
        uint32_t capacity = diagnostics->capacity == 0 ? 8 : diagnostics->capacity * 2;
        struct sk_diagnostic *items = sk_realloc(diagnostics->items, capacity * sizeof *items);
        if (items == NULL) {
            diagnostics->arena.failed = true;
            return NULL;
        }
        diagnostics->items = items;
        diagnostics->capacity = capacity;
    }
    struct sk_diagnostic *item = &diagnostics->items[diagnostics->count++];
    *item = (struct sk_diagnostic){ 0 };
    return item;
}

static void add_overflow(struct sk_diagnostics *diagnostics, enum sk_severity severity)
{
    if (diagnostics->count > SK_DIAGNOSTICS_MAX) {
        struct sk_diagnostic *last = &diagnostics->items[SK_DIAGNOSTICS_MAX];
        if (severity < last->severity) last->severity = severity;
        return;
    }
    struct sk_diagnostic *item = add_item(diagnostics);
    if (item == NULL) return;
    item->severity = severity;
    item->code = SK_STR("too_many_problems");
    item->message = SK_STR("there are more problems than these 200");
    item->remedy = SK_STR("mend these first");
}

void sk_diagnose(struct sk_diagnostics *diagnostics, enum sk_severity severity, const char *code,
                 const struct sk_mark *mark, const char *remedy, const char *format, ...)
{
    if (severity == SK_SEVERITY_ERROR) diagnostics->errors_count += 1;
    if (diagnostics->count >= SK_DIAGNOSTICS_MAX) {
        add_overflow(diagnostics, severity);
        return;
    }
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    struct sk_str text = { message, size < 0 ? 0 : (size_t)size };
    if (text.size >= sizeof message) text.size = sizeof message - 1;
    while (text.size > 0 && !sk_utf8_valid(text)) text.size -= 1; /* cut inside a sequence */
    struct sk_diagnostic *item = add_item(diagnostics);
    if (item == NULL) return;
    struct sk_arena *arena = &diagnostics->arena;
    *item = (struct sk_diagnostic){
        .severity = severity,
        .code = sk_str_of(code),
        .file = sk_arena_copy(arena, mark->file),
        .line = mark->line,
        .column = mark->column,
        .path = mark->path,
        .message = sk_arena_copy(arena, text),
        .remedy = sk_arena_copy(arena, sk_str_of(remedy)),
    };
}

struct sk_mark sk_mark_of(const struct sk_dsl_node *node, struct sk_diagnostics *diagnostics)
{
    return (struct sk_mark){ *node->file, node->line, node->column,
                             sk_dsl_path(node, &diagnostics->arena) };
}

struct sk_mark sk_mark_of_key(const struct sk_dsl_node *member, struct sk_diagnostics *diagnostics)
{
    struct sk_mark mark = sk_mark_of(member, diagnostics);
    if (member->key_line > 0) {
        mark.line = member->key_line;
        mark.column = member->key_column;
    }
    return mark;
}

/* ---- order ----------------------------------------------------------------------------------- */

static int rank(const struct sk_diagnostic *item, struct sk_str main_file)
{
    if (sk_str_is(item->code, "too_many_problems")) return 2;
    return sk_str_equal(item->file, main_file) ? 0 : 1;
}

static bool is_before(const struct sk_diagnostic *a, const struct sk_diagnostic *b,
                      struct sk_str main_file)
{
    if (rank(a, main_file) != rank(b, main_file)) return rank(a, main_file) < rank(b, main_file);
    int order = sk_str_compare(a->file, b->file);
    if (order != 0) return order < 0;
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

void sk_diagnostics_sort(struct sk_diagnostics *diagnostics, struct sk_str main_file)
{
    for (uint32_t i = 1; i < diagnostics->count; i++) { /* few, and mostly in order already */
        struct sk_diagnostic item = diagnostics->items[i];
        uint32_t at = i;
        for (; at > 0 && is_before(&item, &diagnostics->items[at - 1], main_file); at--) {
            diagnostics->items[at] = diagnostics->items[at - 1];
        }
        diagnostics->items[at] = item;
    }
}

/* ---- output ---------------------------------------------------------------------------------- */

static const char *severity_name(enum sk_severity severity)
{
    switch (severity) {
    case SK_SEVERITY_ERROR: return "error";
    case SK_SEVERITY_WARNING: return "warning";
    case SK_SEVERITY_ADVICE: return "advice";
    }
    return "error";
}

static void print_item(const struct sk_diagnostic *item, struct sk_buf *out)
{
    if (item->file.size > 0) {
        sk_buf_append_str(out, item->file);
        if (item->line > 0) sk_buf_printf(out, ":%u:%u", item->line, item->column);
        sk_buf_append_text(out, ": ");
    }
    sk_buf_append_text(out, severity_name(item->severity));
    sk_buf_append_text(out, ": ");
    if (item->path.size > 0) {
        sk_buf_append_str(out, item->path);
        sk_buf_append_text(out, ": ");
    }
    sk_buf_append_str(out, item->message);
    if (item->remedy.size > 0) {
        sk_buf_append_text(out, " (");
        sk_buf_append_str(out, item->remedy);
        sk_buf_append_char(out, ')');
    }
    sk_buf_append_text(out, " [");
    sk_buf_append_str(out, item->code);
    sk_buf_append_text(out, "]\n");
}

void sk_diagnostics_print(const struct sk_diagnostics *diagnostics, struct sk_buf *out)
{
    for (uint32_t i = 0; i < diagnostics->count; i++) print_item(&diagnostics->items[i], out);
}

void sk_diagnostics_json(const struct sk_diagnostics *diagnostics, struct sk_buf *out)
{
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < diagnostics->count; i++) {
        const struct sk_diagnostic *item = &diagnostics->items[i];
        sk_json_begin_object(&w);
        sk_json_key(&w, "severity");
        sk_json_put_text(&w, severity_name(item->severity));
        sk_json_key(&w, "code");
        sk_json_put_str(&w, item->code);
        sk_json_key(&w, "file");
        sk_json_put_str(&w, item->file);
        sk_json_key(&w, "line");
        sk_json_put_u64(&w, item->line);
        sk_json_key(&w, "column");
        sk_json_put_u64(&w, item->column);
        sk_json_key(&w, "path");
        sk_json_put_str(&w, item->path);
        sk_json_key(&w, "message");
        sk_json_put_str(&w, item->message);
        sk_json_key(&w, "remedy");
        sk_json_put_str(&w, item->remedy);
        sk_json_end_object(&w);
    }
    sk_json_end_array(&w);
}

/* format.c: see format.h. Lays out, and checks that nothing but the layout has changed. */
#include "dsl/format_private.h"

#include "base/limits.h"

enum { PASSES_MAX = 4 };

enum skald_status format_syntax_error(const yaml_parser_t *parser, skald_error *error)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    return sk_error_set(error, SKALD_E_SYNTAX, "line %zu, column %zu: %s",
                        parser->problem_mark.line + 1, parser->problem_mark.column + 1,
                        parser->problem != NULL ? parser->problem : "this is no YAML");
}

/* ---- the same events ------------------------------------------------------------------------- */

static bool same_text(const yaml_char_t *a, const yaml_char_t *b)
{
    if (a == NULL || b == NULL) return a == b;
    return strcmp((const char *)a, (const char *)b) == 0;
}

static bool same_scalar(const yaml_event_t *a, const yaml_event_t *b)
{
    size_t size = a->data.scalar.length;
    return size == b->data.scalar.length && a->data.scalar.style == b->data.scalar.style &&
           memcmp(a->data.scalar.value, b->data.scalar.value, size) == 0 &&
           same_text(a->data.scalar.anchor, b->data.scalar.anchor) &&
           same_text(a->data.scalar.tag, b->data.scalar.tag);
}

static bool same_event(const yaml_event_t *a, const yaml_event_t *b)
{
    if (a->type != b->type) return false;
    switch (a->type) {
    case YAML_SCALAR_EVENT: return same_scalar(a, b);
    case YAML_ALIAS_EVENT: return same_text(a->data.alias.anchor, b->data.alias.anchor);
    case YAML_SEQUENCE_START_EVENT:
        return a->data.sequence_start.style == b->data.sequence_start.style &&
               same_text(a->data.sequence_start.anchor, b->data.sequence_start.anchor) &&
               same_text(a->data.sequence_start.tag, b->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return a->data.mapping_start.style == b->data.mapping_start.style &&
               same_text(a->data.mapping_start.anchor, b->data.mapping_start.anchor) &&
               same_text(a->data.mapping_start.tag, b->data.mapping_start.tag);
    case YAML_DOCUMENT_START_EVENT:
        return a->data.document_start.implicit == b->data.document_start.implicit;
    case YAML_DOCUMENT_END_EVENT:
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return true;
    }
    return false;
}

static bool same_streams(yaml_parser_t *a, yaml_parser_t *b)
{
    for (;;) {
        yaml_event_t one = { 0 }, two = { 0 };
        bool ok = yaml_parser_parse(a, &one) != 0 && yaml_parser_parse(b, &two) != 0 &&
                  same_event(&one, &two);
        bool is_end = one.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&one);
        yaml_event_delete(&two);
        if (!ok || is_end) return ok;
    }
}

static bool begin(yaml_parser_t *parser, struct sk_str text)
{
    if (yaml_parser_initialize(parser) == 0) return false;
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, (const unsigned char *)(text.size > 0 ? text.data : ""),
                                 text.size);
    return true;
}

bool format_same_events(struct sk_str a, struct sk_str b)
{
    yaml_parser_t one, two;
    if (!begin(&one, a)) return false;
    bool ok = begin(&two, b);
    if (ok) {
        ok = same_streams(&one, &two);
        yaml_parser_delete(&two);
    }
    yaml_parser_delete(&one);
    return ok;
}

/* The scanner alone accepts "[a". */
static enum skald_status check_syntax(struct sk_str text, skald_error *error)
{
    yaml_parser_t parser;
    enum skald_status status = SKALD_OK;
    if (!begin(&parser, text)) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    for (bool is_end = false; status == SKALD_OK && !is_end;) {
        yaml_event_t event = { 0 };
        if (yaml_parser_parse(&parser, &event) == 0) status = format_syntax_error(&parser, error);
        is_end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return status;
}

/* ---- all ------------------------------------------------------------------------------------- */

static const struct sk_str byte_order_mark = { "\xef\xbb\xbf", 3 };

/* Without byte order marks at the beginning, with LF line ends; to YAML a CR alone ends a line
 * too. */
static void put_plain(struct sk_buf *out, struct sk_str source)
{
    while (sk_str_starts(source, byte_order_mark)) source = sk_str_sub(source, 3, source.size);
    for (size_t i = 0; i < source.size; i++) {
        char c = source.data[i];
        bool is_pair = c == '\r' && i + 1 < source.size && source.data[i + 1] == '\n';
        if (!is_pair) sk_buf_append_char(out, c == '\r' ? '\n' : c);
    }
}

static enum skald_status refuse(skald_error *error)
{
    return sk_error_set(error, SKALD_E_UNSUPPORTED,
                        "it cannot be formatted without changing what it means; it stays as it is");
}

static enum skald_status lay_out_once(struct sk_str source, struct sk_buf *out,
                                      struct sk_buf *comments, skald_error *error)
{
    sk_buf_clear(out);
    sk_buf_clear(comments);
    enum skald_status status = format_layout(source, out, comments, error);
    bool has_failed = out->failed || comments->failed;
    return status == SKALD_OK && has_failed ? sk_error_set(error, SKALD_E_MEMORY, "out of memory")
                                            : status;
}

/* Until another pass changes nothing. */
static enum skald_status lay_out(struct sk_str plain, struct sk_buf *text, skald_error *error)
{
    struct sk_buf comments, next, next_comments;
    sk_buf_init(&comments, 0);
    sk_buf_init(&next, 0);
    sk_buf_init(&next_comments, 0);
    enum skald_status status = lay_out_once(plain, text, &comments, error);
    bool is_stable = false;
    for (int pass = 0; status == SKALD_OK && pass < PASSES_MAX && !is_stable; pass++) {
        status = lay_out_once(sk_buf_view(text), &next, &next_comments, error);
        is_stable = sk_str_equal(sk_buf_view(text), sk_buf_view(&next));
        bool has_all = sk_str_equal(sk_buf_view(&comments), sk_buf_view(&next_comments));
        if (status == SKALD_E_SYNTAX || (status == SKALD_OK && !has_all)) status = refuse(error);
        struct sk_buf other = *text;
        *text = next;
        next = other;
    }
    if (status == SKALD_OK && !is_stable) status = refuse(error);
    sk_buf_release(&comments);
    sk_buf_release(&next);
    sk_buf_release(&next_comments);
    return status;
}

enum skald_status sk_dsl_format(struct sk_str source, struct sk_buf *out, skald_error *error)
{
    struct sk_buf plain, text;
    if (source.size > SK_YAML_SIZE_MAX)
        return sk_error_set(error, SKALD_E_TOO_LARGE, "a definition has at most %d MB",
                            SK_YAML_SIZE_MAX / (1024 * 1024));
    if (!sk_utf8_valid(source)) return sk_error_set(error, SKALD_E_SYNTAX, "the text is no UTF-8");
    sk_buf_init(&plain, 0);
    sk_buf_init(&text, 0);
    put_plain(&plain, source);
    enum skald_status status = plain.failed ? sk_error_set(error, SKALD_E_MEMORY, "out of memory")
                                            : check_syntax(sk_buf_view(&plain), error);
    if (status == SKALD_OK) status = lay_out(sk_buf_view(&plain), &text, error);
    /* A mark in the middle would be one at the beginning the next time. */
    bool is_same = status == SKALD_OK && !sk_str_starts(sk_buf_view(&text), byte_order_mark) &&
                   format_same_events(sk_buf_view(&plain), sk_buf_view(&text));
    if (status == SKALD_OK && !is_same) status = refuse(error);
    if (status == SKALD_OK) sk_buf_append_str(out, sk_buf_view(&text));
    if (status == SKALD_OK && out->failed)
        status = sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    sk_buf_release(&plain);
    sk_buf_release(&text);
    return status;
}

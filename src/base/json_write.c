/*
 * json_write.c: the writer: values one after the other, with commas and colons put between them.
 */
#include "base/json_private.h"
#include "base/mask.h"

struct sk_json_writer sk_json_writer_of(struct sk_buf *out)
{
    return (struct sk_json_writer){ .out = out };
}

static void begin_value(struct sk_json_writer *w)
{
    if (w->need_comma) {
        sk_buf_append_char(w->out, ',');
    }
    w->need_comma = true;
}

static void begin(struct sk_json_writer *w, char bracket)
{
    begin_value(w);
    sk_buf_append_char(w->out, bracket);
    w->need_comma = false;
}

static void end(struct sk_json_writer *w, char bracket)
{
    sk_buf_append_char(w->out, bracket);
    w->need_comma = true;
}

void sk_json_begin_object(struct sk_json_writer *w)
{
    begin(w, '{');
}

void sk_json_end_object(struct sk_json_writer *w)
{
    end(w, '}');
}

void sk_json_begin_array(struct sk_json_writer *w)
{
    begin(w, '[');
}

void sk_json_end_array(struct sk_json_writer *w)
{
    end(w, ']');
}

void sk_json_key_str(struct sk_json_writer *w, struct sk_str name)
{
    begin_value(w);
    sk_json_quote(w->out, name);
    sk_buf_append_char(w->out, ':');
    w->need_comma = false;
}

/* Most of what a reply is made of: in one piece, without a look at what is known to be plain. */
void sk_json_key(struct sk_json_writer *w, const char *name)
{
    struct sk_buf *out = w->out;
    struct sk_str text = sk_str_of(name);
    if (out->failed || out->capacity - out->size <= text.size + 4) {
        sk_json_key_str(w, text);
        return;
    }
    char *to = out->data + out->size;
    if (w->need_comma) *to++ = ',';
    *to++ = '"';
    memcpy(to, text.data, text.size);
    to += text.size;
    *to++ = '"';
    *to++ = ':';
    out->size = (size_t)(to - out->data);
    w->need_comma = false;
}

void sk_json_put_str(struct sk_json_writer *w, struct sk_str text)
{
    begin_value(w);
    sk_json_quote(w->out, text);
}

void sk_json_put_text(struct sk_json_writer *w, const char *text)
{
    sk_json_put_str(w, sk_str_of(text));
}

void sk_json_put_i64(struct sk_json_writer *w, int64_t value)
{
    begin_value(w);
    sk_buf_append_i64(w->out, value);
}

void sk_json_put_u64(struct sk_json_writer *w, uint64_t value)
{
    begin_value(w);
    sk_buf_append_u64(w->out, value);
}

void sk_json_put_double(struct sk_json_writer *w, double value)
{
    begin_value(w);
    sk_json_append_double(w->out, value);
}

void sk_json_put_bool(struct sk_json_writer *w, bool value)
{
    begin_value(w);
    sk_buf_append_text(w->out, value ? "true" : "false");
}

void sk_json_put_null(struct sk_json_writer *w)
{
    begin_value(w);
    sk_buf_append_text(w->out, "null");
}

void sk_json_put_raw(struct sk_json_writer *w, struct sk_str span)
{
    begin_value(w);
    span = sk_json_trim(span);
    if (w->mask != NULL && span.size > 0) {
        sk_json_mask(w->mask, span, w->out);
    } else {
        sk_buf_append_str(w->out, span.size > 0 ? span : SK_STR("null"));
    }
}

/*
 * json_string.c: between JSON strings and the text they mean.
 *
 * Reading requires checked text. Writing takes any bytes: what is not UTF-8 becomes U+FFFD, so what
 * is written is always valid.
 */
#include "base/json_private.h"
#include "base/word.h"

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* Four hex digits at the start; U+FFFD when the text is too short (it was not checked). */
static uint32_t take_unit(struct sk_str *raw)
{
    uint32_t unit = 0;
    if (raw->size < 4) {
        *raw = sk_str_sub(*raw, raw->size, 0);
        return 0xfffd;
    }
    for (size_t i = 0; i < 4; i++) {
        unsigned char h = (unsigned char)raw->data[i];
        unit = unit * 16 + (h <= '9' ? h - (uint32_t)'0' : (h | 0x20u) - (uint32_t)'a' + 10u);
    }
    *raw = sk_str_sub(*raw, 4, raw->size);
    return unit & 0xffffu;
}

static size_t encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | (code >> 6));
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | (code >> 12));
        out[1] = (char)(0x80 | ((code >> 6) & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (code >> 18));
    out[1] = (char)(0x80 | ((code >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((code >> 6) & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* Behind "\u". */
static size_t take_unicode(struct sk_str *raw, char out[4])
{
    uint32_t code = take_unit(raw);
    if (code >= 0xd800 && code <= 0xdbff && raw->size >= 6) {
        *raw = sk_str_sub(*raw, 2, raw->size);
        uint32_t low = take_unit(raw);
        code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
    }
    return encode(code, out);
}

size_t sk_json_take_char(struct sk_str *raw, char out[4])
{
    if (raw->size == 0) {
        return 0;
    }
    char first = raw->data[0];
    if (first != '\\' || raw->size == 1) {
        out[0] = first;
        *raw = sk_str_sub(*raw, 1, raw->size);
        return 1; /* bytes of a longer sequence come one by one */
    }
    static const char kinds[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    char kind = raw->data[1];
    *raw = sk_str_sub(*raw, 2, raw->size);
    if (kind == 'u') {
        return take_unicode(raw, out);
    }
    const char *found = memchr(kinds, kind, sizeof kinds - 1);
    out[0] = found != NULL ? meanings[found - kinds] : kind;
    return 1;
}

/* Raw text that is what it means. */
static bool is_literal(struct sk_str raw)
{
    return sk_str_find(raw, '\\') == raw.size;
}

int sk_json_raw_compare(struct sk_str a, struct sk_str b)
{
    if (is_literal(a) && is_literal(b)) {
        return sk_str_compare(a, b);
    }
    /* Characters may come in pieces of different sizes: compare byte by byte. */
    char x[4];
    char y[4];
    size_t x_size = 0;
    size_t y_size = 0;
    size_t x_at = 0;
    size_t y_at = 0;
    for (;;) {
        if (x_at == x_size) {
            x_at = 0;
            x_size = sk_json_take_char(&a, x);
        }
        if (y_at == y_size) {
            y_at = 0;
            y_size = sk_json_take_char(&b, y);
        }
        if (x_size == 0 || y_size == 0) {
            return x_size == y_size ? 0 : (x_size == 0 ? -1 : 1);
        }
        if (x[x_at] != y[y_at]) {
            return (unsigned char)x[x_at] < (unsigned char)y[y_at] ? -1 : 1;
        }
        x_at += 1;
        y_at += 1;
    }
}

bool sk_json_raw_is(struct sk_str raw, struct sk_str text)
{
    char c[4];
    if (raw.size < text.size) { /* an escape is never shorter than what it means */
        return false;
    }
    if (is_literal(raw)) {
        return sk_str_equal(raw, text);
    }
    for (size_t size; (size = sk_json_take_char(&raw, c)) > 0;) {
        if (!sk_str_starts(text, (struct sk_str){ c, size })) {
            return false;
        }
        text = sk_str_sub(text, size, text.size);
    }
    return text.size == 0;
}

bool sk_json_string_is(struct sk_str string_span, struct sk_str text)
{
    return sk_json_raw_is(sk_json_inside(sk_json_trim(string_span)), text);
}

/* Decodes into `out`, which has room for raw.size bytes; returns the size. */
static size_t decode(struct sk_str raw, char *out)
{
    size_t at = 0;
    char c[4];
    for (size_t size; (size = sk_json_take_char(&raw, c)) > 0; at += size) {
        memcpy(out + at, c, size);
    }
    return at;
}

void sk_json_unescape(struct sk_str string_span, struct sk_buf *out)
{
    struct sk_str raw = sk_json_inside(sk_json_trim(string_span));
    char *room = sk_buf_reserve(out, raw.size);
    if (room != NULL) {
        out->size += decode(raw, room);
    }
}

struct sk_str sk_json_string(struct sk_str string_span, struct sk_arena *arena)
{
    struct sk_str raw = sk_json_inside(sk_json_trim(string_span));
    if (sk_str_find(raw, '\\') == raw.size) {
        return raw;
    }
    char *text = sk_arena_alloc(arena, raw.size);
    return (struct sk_str){ text, text != NULL ? decode(raw, text) : 0 };
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* How much of it, from its start, can be written as it is. */
static size_t plain_size(struct sk_str text)
{
    size_t size = 0;
    for (; text.size - size >= sizeof(uint64_t); size += sizeof(uint64_t)) {
        uint64_t mask = sk_word_not_plain(sk_word_at(text.data + size));
        if (mask != 0) {
            return size + sk_word_first(mask);
        }
    }
    while (size < text.size && is_plain(text.data[size])) {
        size += 1;
    }
    return size;
}

/* One character that is not plain: an ASCII byte that needs an escape. */
static void append_escape(struct sk_buf *out, char c)
{
    static const char kinds[] = "\"\\\b\f\n\r\t";
    static const char names[] = "\"\\bfnrt";
    static const char hex[] = "0123456789abcdef";
    const char *found = memchr(kinds, c, sizeof kinds - 1);
    if (found != NULL) {
        sk_buf_append(out, (char[]){ '\\', names[found - kinds] }, 2);
    } else {
        sk_buf_append(out, (char[]){ '\\', 'u', '0', '0', hex[c >> 4 & 15], hex[c & 15] }, 6);
    }
}

/* As much of `text` as can be written at once. */
static size_t append_some(struct sk_buf *out, struct sk_str text)
{
    size_t size = plain_size(text);
    if (size > 0) {
        sk_buf_append(out, text.data, size);
        return size;
    }
    size = sk_utf8_sequence(text);
    if (size == 1) {
        append_escape(out, text.data[0]);
    } else if (size > 1) {
        sk_buf_append(out, text.data, size);
    } else {
        sk_buf_append_text(out, replacement);
        size = 1;
    }
    return size;
}

static void append_all(struct sk_buf *out, struct sk_str text)
{
    while (text.size > 0) {
        text = sk_str_sub(text, append_some(out, text), text.size);
    }
}

void sk_json_quote(struct sk_buf *out, struct sk_str text)
{
    if (!out->failed && out->capacity - out->size > text.size + 2 &&
        plain_size(text) == text.size) {
        char *to = out->data + out->size;
        *to++ = '"';
        if (text.size > 0) {
            memcpy(to, text.data, text.size);
        }
        to[text.size] = '"';
        out->size += text.size + 2;
        return;
    }
    sk_buf_append_char(out, '"');
    append_all(out, text);
    sk_buf_append_char(out, '"');
}

void sk_json_requote(struct sk_buf *out, struct sk_str raw)
{
    if (sk_str_find(raw, '\\') == raw.size) { /* checked: it holds nothing that needs an escape */
        sk_buf_append_str(out, raw);
        return;
    }
    while (raw.size > 0) {
        size_t plain = sk_str_find(raw, '\\');
        append_all(out, sk_str_sub(raw, 0, plain));
        raw = sk_str_sub(raw, plain, raw.size);
        char c[4];
        size_t size = sk_json_take_char(&raw, c);
        append_all(out, (struct sk_str){ c, size });
    }
}

/*
 * value.c: what an evaluation gives: comparing, searching and printing it. Nothing here fails; what
 * cannot be compared is simply not equal and has no order.
 */
#include "expr/expr_private.h"

struct sk_value sk_value_null(void)
{
    return (struct sk_value){ SK_JSON_NULL, SK_STR("null") };
}

struct sk_value sk_value_bool(bool is_true)
{
    return is_true ? (struct sk_value){ SK_JSON_TRUE, SK_STR("true") }
                   : (struct sk_value){ SK_JSON_FALSE, SK_STR("false") };
}

struct sk_value sk_value_string(struct sk_str text)
{
    return (struct sk_value){ SK_JSON_STRING, text };
}

struct sk_value sk_value_i64(int64_t number, struct sk_arena *scratch)
{
    struct sk_buf digits;
    sk_buf_init(&digits, 0);
    sk_buf_append_i64(&digits, number);
    struct sk_value value = { SK_JSON_NUMBER, sk_arena_copy(scratch, sk_buf_view(&digits)) };
    scratch->failed = scratch->failed || digits.failed;
    sk_buf_release(&digits);
    return scratch->failed ? sk_value_null() : value;
}

struct sk_value sk_value_of(struct sk_str span, struct sk_arena *scratch)
{
    span = sk_json_trim(span);
    struct sk_value value = { sk_json_type(span), span };
    if (value.type == SK_JSON_NONE) {
        return sk_value_null();
    }
    if (value.type == SK_JSON_STRING) {
        value.text = sk_json_string(span, scratch);
    }
    return value;
}

bool sk_value_is_true(struct sk_value value)
{
    double number = 0.0;
    switch (value.type) {
    case SK_JSON_NONE:
    case SK_JSON_NULL:
    case SK_JSON_FALSE: return false;
    case SK_JSON_TRUE: return true;
    case SK_JSON_NUMBER: return sk_json_to_double(value.text, &number) && number != 0.0;
    case SK_JSON_STRING: return value.text.size > 0;
    case SK_JSON_ARRAY:
    case SK_JSON_OBJECT: {
        struct sk_json_iter it = sk_json_walk(value.text);
        return sk_json_next(&it);
    }
    }
    return false;
}

bool sk_value_equal(struct sk_value a, struct sk_value b)
{
    if (a.type != b.type) {
        return false;
    }
    return a.type == SK_JSON_STRING ? sk_str_equal(a.text, b.text) : sk_json_equal(a.text, b.text);
}

bool sk_value_order(struct sk_value a, struct sk_value b, int *out_order)
{
    if (a.type != b.type || (a.type != SK_JSON_NUMBER && a.type != SK_JSON_STRING)) {
        return false;
    }
    *out_order = a.type == SK_JSON_STRING ? sk_str_compare(a.text, b.text)
                                          : sk_json_number_compare(a.text, b.text);
    return true;
}

/* Knuth, Morris and Pratt: borders[i] = size of the longest proper prefix of part[0..i] that is
 * also its suffix. Both texts may be megabytes from outside, so the time must be linear. */
static bool has_part(struct sk_str text, struct sk_str part, struct sk_arena *scratch)
{
    uint32_t *borders = NULL;
    uint32_t matched = 0;
    if (part.size == 0 || part.size > text.size) {
        return part.size == 0;
    }
    if (part.size >= UINT32_MAX ||
        (borders = SK_ARENA_ARRAY(scratch, uint32_t, part.size)) == NULL) {
        return false;
    }
    for (size_t i = 1; i < part.size; i++) {
        while (matched > 0 && part.data[i] != part.data[matched]) {
            matched = borders[matched - 1];
        }
        matched += part.data[i] == part.data[matched] ? 1 : 0;
        borders[i] = matched;
    }
    matched = 0;
    for (size_t i = 0; i < text.size && matched < part.size; i++) {
        while (matched > 0 && text.data[i] != part.data[matched]) {
            matched = borders[matched - 1];
        }
        matched += text.data[i] == part.data[matched] ? 1 : 0;
    }
    return matched == part.size;
}

/* The element's JSON against a value, without decoding it into memory. */
static bool is_element(struct sk_str element, struct sk_value item)
{
    if (item.type != SK_JSON_STRING) {
        return sk_json_equal(element, item.text);
    }
    return sk_json_type(element) == SK_JSON_STRING && sk_json_string_is(element, item.text);
}

bool sk_value_contains(struct sk_value container, struct sk_value item, struct sk_arena *scratch)
{
    struct sk_json_iter it = { 0 };
    if (container.type == SK_JSON_ARRAY) {
        for (it = sk_json_walk(container.text); sk_json_next(&it);) {
            if (is_element(it.value, item)) {
                return true;
            }
        }
        return false;
    }
    if (item.type != SK_JSON_STRING) {
        return false;
    }
    if (container.type == SK_JSON_OBJECT) {
        return sk_json_member(container.text, item.text).size > 0;
    }
    return container.type == SK_JSON_STRING && has_part(container.text, item.text, scratch);
}

void sk_value_append_text(struct sk_value value, struct sk_buf *out)
{
    if (value.type != SK_JSON_NULL) {
        sk_buf_append_str(out, value.text);
    }
}

void sk_value_append_json(struct sk_value value, struct sk_buf *out)
{
    if (value.type == SK_JSON_STRING) {
        sk_json_quote(out, value.text);
    } else {
        sk_buf_append_str(out, value.text);
    }
}

int sk_value_depth(struct sk_str span)
{
    return (int)sk_json_depth(span);
}

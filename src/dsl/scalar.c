/*
 * scalar.c: plain scalars after the core schema of YAML 1.2. `yes`, `no`, `on` and `off` are
 * strings; numbers that JSON can write keep every digit as written.
 */
#include "dsl/node.h"

#include <stdio.h>

static bool is_one_of(struct sk_str text, const char *a, const char *b, const char *c)
{
    return sk_str_is(text, a) || sk_str_is(text, b) || sk_str_is(text, c);
}

static size_t digits(struct sk_str text, size_t from)
{
    size_t at = from;
    while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9') at++;
    return at - from;
}

struct number {
    bool is_negative;
    struct sk_str whole, fraction, exponent; /* the exponent with its sign */
    bool has_point;
};

/* [-+]? ( . digits | digits ( . digits? )? ) ( [eE] [-+]? digits )? */
static bool split_number(struct sk_str text, struct number *out)
{
    size_t at = 0;
    *out = (struct number){ 0 };
    if (at < text.size && (text.data[at] == '-' || text.data[at] == '+')) {
        out->is_negative = text.data[at] == '-';
        at++;
    }
    out->whole = sk_str_sub(text, at, digits(text, at));
    at += out->whole.size;
    if (at < text.size && text.data[at] == '.') {
        out->has_point = true;
        out->fraction = sk_str_sub(text, at + 1, digits(text, at + 1));
        at += 1 + out->fraction.size;
    }
    if (out->whole.size == 0 && out->fraction.size == 0) return false;
    if (at < text.size && (text.data[at] == 'e' || text.data[at] == 'E')) {
        size_t sign =
            at + 1 < text.size && (text.data[at + 1] == '-' || text.data[at + 1] == '+') ? 1 : 0;
        size_t count = digits(text, at + 1 + sign);
        if (count == 0) return false;
        out->exponent = sk_str_sub(text, at + 1, sign + count);
        at += 1 + sign + count;
    }
    return at == text.size;
}

static struct sk_str write_number(const struct number *number, struct sk_arena *arena)
{
    struct sk_str whole = number->whole;
    while (whole.size > 1 && whole.data[0] == '0') whole = sk_str_sub(whole, 1, whole.size - 1);
    if (whole.size == 0) whole = SK_STR("0");
    struct sk_str fraction =
        number->has_point && number->fraction.size == 0 ? SK_STR("0") : number->fraction;
    size_t size = 1 + whole.size + 1 + fraction.size + 1 + number->exponent.size;
    char *text = sk_arena_alloc(arena, size);
    if (text == NULL) return (struct sk_str){ 0 };
    size_t at = 0;
    if (number->is_negative) text[at++] = '-';
    memcpy(text + at, whole.data, whole.size);
    at += whole.size;
    if (number->has_point) {
        text[at++] = '.';
        memcpy(text + at, fraction.data, fraction.size);
        at += fraction.size;
    }
    if (number->exponent.size > 0) {
        text[at++] = 'e';
        memcpy(text + at, number->exponent.data, number->exponent.size);
        at += number->exponent.size;
    }
    return (struct sk_str){ text, at };
}

/* As written wherever JSON allows it. */
static bool is_json_number(const struct number *number, struct sk_str text)
{
    return text.data[0] != '+' && number->whole.size > 0 &&
           (number->whole.size == 1 || number->whole.data[0] != '0') &&
           number->has_point == (number->fraction.size > 0);
}

/* 0x and 0o. 1: a number, 0: no such thing, -1: too large. */
static int radix_number(struct sk_str text, uint64_t *out_value)
{
    if (text.size < 3 || text.data[0] != '0' || (text.data[1] != 'x' && text.data[1] != 'o'))
        return 0;
    unsigned shift = text.data[1] == 'x' ? 4 : 3;
    uint64_t value = 0;
    bool is_large = false;
    for (size_t i = 2; i < text.size; i++) {
        char c = text.data[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 99;
        if (digit >= 1u << shift) return 0;
        is_large = is_large || value >> (64 - shift) != 0;
        value = value << shift | digit;
    }
    *out_value = value;
    return is_large ? -1 : 1;
}

static bool is_not_finite(struct sk_str text)
{
    if (is_one_of(text, ".nan", ".NaN", ".NAN")) return true;
    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+')) {
        text = sk_str_sub(text, 1, text.size - 1);
    }
    return is_one_of(text, ".inf", ".Inf", ".INF");
}

bool sk_scalar_resolve(struct sk_str text, struct sk_arena *arena, enum sk_json_type *out_type,
                       struct sk_str *out_text)
{
    *out_type = SK_JSON_STRING;
    *out_text = text;
    if (text.size == 0 || sk_str_is(text, "~") || is_one_of(text, "null", "Null", "NULL")) {
        *out_type = SK_JSON_NULL;
        *out_text = SK_STR("null");
    } else if (is_one_of(text, "true", "True", "TRUE")) {
        *out_type = SK_JSON_TRUE;
        *out_text = SK_STR("true");
    } else if (is_one_of(text, "false", "False", "FALSE")) {
        *out_type = SK_JSON_FALSE;
        *out_text = SK_STR("false");
    } else {
        struct number number;
        uint64_t value = 0;
        int radix = radix_number(text, &value);
        if (radix < 0 || is_not_finite(text)) return false;
        if (radix > 0) {
            char decimal[24];
            int size = snprintf(decimal, sizeof decimal, "%llu", (unsigned long long)value);
            *out_type = SK_JSON_NUMBER;
            *out_text = sk_arena_copy(arena, (struct sk_str){ decimal, (size_t)size });
        } else if (split_number(text, &number)) {
            *out_type = SK_JSON_NUMBER;
            if (!is_json_number(&number, text)) *out_text = write_number(&number, arena);
        }
    }
    return true;
}

/*
 * json_check.c: is this text RFC 8259 JSON? One pass, no allocation, no tree. Recursion is bounded
 * by SK_JSON_DEPTH_MAX. Everything else about JSON may then rely on the text being well formed.
 *
 * Stricter than many parsers: valid UTF-8 only, no lone surrogate escapes, one value and nothing
 * after it. As lax as the RFC: any value at the top, numbers of any size, duplicate members.
 */
#include "base/json.h"

#include "base/limits.h"
#include "base/word.h"

#include <stdio.h>

struct checker {
    const char *start, *at, *end;
    const char *problem; /* NULL while all is well; then `at` is where */
};

static bool fail(struct checker *c, const char *problem)
{
    c->problem = problem;
    return false;
}

static void skip_blanks(struct checker *c)
{
    while (c->at < c->end &&
           (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t')) {
        c->at += 1;
    }
}

static bool next_is(const struct checker *c, char wanted)
{
    return c->at < c->end && *c->at == wanted;
}

static bool next_is_digit(const struct checker *c)
{
    return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

static bool check_word(struct checker *c, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(c->end - c->at) < size || memcmp(c->at, word, size) != 0) {
        return fail(c, "expected a value (true, false and null are lower case)");
    }
    c->at += size;
    return true;
}

static bool check_digits(struct checker *c)
{
    if (!next_is_digit(c)) {
        return fail(c, "expected a digit");
    }
    while (next_is_digit(c)) {
        c->at += 1;
    }
    return true;
}

static bool check_number(struct checker *c)
{
    if (next_is(c, '-')) {
        c->at += 1;
    }
    const char *first = c->at;
    if (!check_digits(c)) {
        return false;
    }
    if (*first == '0' && c->at - first > 1) {
        return fail(c, "a number must not begin with 0");
    }
    if (next_is(c, '.')) {
        c->at += 1;
        if (!check_digits(c)) {
            return false;
        }
    }
    if (next_is(c, 'e') || next_is(c, 'E')) {
        c->at += 1;
        if (next_is(c, '+') || next_is(c, '-')) {
            c->at += 1;
        }
        return check_digits(c);
    }
    return true;
}

static int hex_value(char h)
{
    if (h >= '0' && h <= '9') {
        return h - '0';
    }
    h = (char)(h | 0x20);
    return h >= 'a' && h <= 'f' ? h - 'a' + 10 : -1;
}

/* Behind "\u": four hex digits; -1 when they are not there. */
static int take_unit(struct checker *c)
{
    int unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = c->at < c->end ? hex_value(*c->at) : -1;
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
        c->at += 1;
    }
    return unit;
}

static bool check_unicode_escape(struct checker *c)
{
    int unit = take_unit(c);
    if (unit < 0) {
        return fail(c, "\\u needs four hex digits");
    }
    if (unit < 0xd800 || unit > 0xdfff) {
        return true;
    }
    bool is_pair = unit <= 0xdbff && c->end - c->at >= 2 && c->at[0] == '\\' && c->at[1] == 'u';
    if (is_pair) {
        c->at += 2;
        unit = take_unit(c);
    }
    if (!is_pair || unit < 0xdc00 || unit > 0xdfff) {
        return fail(c, "lone surrogate escape");
    }
    return true;
}

/* At the backslash. */
static bool check_escape(struct checker *c)
{
    c->at += 1;
    if (c->at == c->end) {
        return fail(c, "the string is not closed");
    }
    char kind = *c->at;
    if (kind == 'u') {
        c->at += 1;
        return check_unicode_escape(c);
    }
    if (kind == '\0' || strchr("\"\\/bfnrt", kind) == NULL) {
        return fail(c, "unknown escape (write \\\\ for a backslash)");
    }
    c->at += 1;
    return true;
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

static void skip_plain(struct checker *c)
{
    const char *at = c->at, *end = c->end;
    for (; end - at >= (ptrdiff_t)sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t mask = sk_word_not_plain(sk_word_at(at));
        if (mask != 0) {
            c->at = at + sk_word_first(mask);
            return;
        }
    }
    while (at < end && is_plain(*at)) at += 1;
    c->at = at;
}

static bool check_string(struct checker *c)
{
    c->at += 1;
    for (;;) {
        skip_plain(c);
        if (c->at == c->end) {
            return fail(c, "the string is not closed");
        }
        if (*c->at == '"') {
            c->at += 1;
            return true;
        }
        if (*c->at == '\\') {
            if (!check_escape(c)) {
                return false;
            }
            continue;
        }
        if ((unsigned char)*c->at < 0x20) {
            return fail(c, "a control character inside a string must be escaped");
        }
        size_t size = sk_utf8_sequence((struct sk_str){ c->at, (size_t)(c->end - c->at) });
        if (size == 0) {
            return fail(c, "not UTF-8");
        }
        c->at += size;
    }
}

static bool check_value(struct checker *c, int depth);

static bool check_array(struct checker *c, int depth)
{
    c->at += 1;
    skip_blanks(c);
    if (next_is(c, ']')) {
        c->at += 1;
        return true;
    }
    for (;;) {
        if (!check_value(c, depth)) {
            return false;
        }
        skip_blanks(c);
        if (next_is(c, ']')) {
            c->at += 1;
            return true;
        }
        if (!next_is(c, ',')) {
            return fail(c, "expected ',' or ']'");
        }
        c->at += 1;
    }
}

static bool check_member(struct checker *c, int depth)
{
    skip_blanks(c);
    if (!next_is(c, '"')) {
        return fail(c, "expected a member name in double quotes");
    }
    if (!check_string(c)) {
        return false;
    }
    skip_blanks(c);
    if (!next_is(c, ':')) {
        return fail(c, "expected ':'");
    }
    c->at += 1;
    return check_value(c, depth);
}

static bool check_object(struct checker *c, int depth)
{
    c->at += 1;
    skip_blanks(c);
    if (next_is(c, '}')) {
        c->at += 1;
        return true;
    }
    for (;;) {
        if (!check_member(c, depth)) {
            return false;
        }
        skip_blanks(c);
        if (next_is(c, '}')) {
            c->at += 1;
            return true;
        }
        if (!next_is(c, ',')) {
            return fail(c, "expected ',' or '}'");
        }
        c->at += 1;
    }
}

static bool check_container(struct checker *c, int depth)
{
    if (depth == SK_JSON_DEPTH_MAX) {
        return fail(c, "nested too deeply (128 levels are allowed)");
    }
    return *c->at == '{' ? check_object(c, depth + 1) : check_array(c, depth + 1);
}

/* `depth` = containers around it. */
static bool check_value(struct checker *c, int depth)
{
    skip_blanks(c);
    if (c->at == c->end) {
        return fail(c, "expected a value, found the end");
    }
    switch (*c->at) {
    case '"': return check_string(c);
    case '{':
    case '[': return check_container(c, depth);
    case 't': return check_word(c, "true");
    case 'f': return check_word(c, "false");
    case 'n': return check_word(c, "null");
    default:
        if (*c->at == '-' || next_is_digit(c)) {
            return check_number(c);
        }
        return fail(c, "expected a value");
    }
}
static_assert(SK_JSON_DEPTH_MAX == 128, "the message above names it");

/* Columns count characters, from 1. */
static enum skald_status report(const struct checker *c, skald_error *error)
{
    size_t line = 1;
    size_t column = 1;
    for (const char *at = c->start; at < c->at; at++) {
        if (*at == '\n') {
            line += 1;
            column = 1;
        } else if (((unsigned char)*at & 0xc0) != 0x80) {
            column += 1;
        }
    }
    return sk_error_set(error, SKALD_E_SYNTAX, "line %zu, column %zu: %s", line, column,
                        c->problem);
}

enum skald_status sk_json_check(struct sk_str text, skald_error *error)
{
    const char *start = text.size > 0 ? text.data : "";
    struct checker c = { .start = start, .at = start, .end = start + text.size };
    if (check_value(&c, 0)) {
        skip_blanks(&c);
        if (c.at == c.end) {
            return SKALD_OK;
        }
        fail(&c, "text after the value");
    }
    return error != NULL ? report(&c, error) : SKALD_E_SYNTAX;
}

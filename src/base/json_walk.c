/*
 * json_walk.c: finding values inside checked JSON text without parsing it into anything.
 *
 * On text that was not checked the answers are meaningless but never outside the text.
 */
#include "base/json_private.h"
#include "base/limits.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

struct sk_str sk_json_trim(struct sk_str span)
{
    while (span.size > 0 && is_blank(span.data[0])) {
        span.data += 1;
        span.size -= 1;
    }
    while (span.size > 0 && is_blank(span.data[span.size - 1])) {
        span.size -= 1;
    }
    return span;
}

enum sk_json_type sk_json_type(struct sk_str span)
{
    span = sk_json_trim(span);
    if (span.size == 0) {
        return SK_JSON_NONE;
    }
    switch (span.data[0]) {
    case 'n': return SK_JSON_NULL;
    case 'f': return SK_JSON_FALSE;
    case 't': return SK_JSON_TRUE;
    case '"': return SK_JSON_STRING;
    case '[': return SK_JSON_ARRAY;
    case '{': return SK_JSON_OBJECT;
    default: return SK_JSON_NUMBER;
    }
}

/* Behind the closing quote; `at` is at the opening one. */
static size_t skip_string(struct sk_str s, size_t at)
{
    for (at += 1; at < s.size && s.data[at] != '"'; at++) {
        if (s.data[at] == '\\') {
            at += 1;
        }
    }
    return at < s.size ? at + 1 : s.size;
}

/* Behind the closing bracket; `at` is at the opening one. */
static size_t skip_container(struct sk_str s, size_t at)
{
    size_t depth = 0;
    while (at < s.size) {
        switch (s.data[at]) {
        case '"': at = skip_string(s, at); continue;
        case '{':
        case '[': depth += 1; break;
        case '}':
        case ']':
            depth -= 1;
            if (depth == 0) {
                return at + 1;
            }
            break;
        default: break;
        }
        at += 1;
    }
    return at;
}

static size_t skip_value(struct sk_str s, size_t at)
{
    if (at == s.size) {
        return at;
    }
    if (s.data[at] == '"') {
        return skip_string(s, at);
    }
    if (s.data[at] == '{' || s.data[at] == '[') {
        return skip_container(s, at);
    }
    while (at < s.size && s.data[at] != ',' && s.data[at] != '}' && s.data[at] != ']' &&
           !is_blank(s.data[at])) {
        at += 1;
    }
    return at;
}

static void skip_blanks(struct sk_str *rest)
{
    while (rest->size > 0 && is_blank(rest->data[0])) {
        rest->data += 1;
        rest->size -= 1;
    }
}

static void skip(struct sk_str *rest, size_t size)
{
    rest->data += size;
    rest->size -= size;
}

struct sk_json_iter sk_json_walk(struct sk_str container)
{
    container = sk_json_trim(container);
    struct sk_json_iter it = { .is_object = container.size > 0 && container.data[0] == '{' };
    if (container.size >= 2 && (it.is_object || container.data[0] == '[')) {
        it.rest = sk_str_sub(container, 1, container.size - 2);
        skip_blanks(&it.rest);
    }
    return it;
}

static void take_name(struct sk_json_iter *it)
{
    size_t size = skip_string(it->rest, 0);
    it->name = sk_json_inside(sk_str_sub(it->rest, 0, size));
    skip(&it->rest, size);
    skip_blanks(&it->rest);
    if (it->rest.size > 0) { /* the colon */
        skip(&it->rest, 1);
    }
    skip_blanks(&it->rest);
}

bool sk_json_next(struct sk_json_iter *it)
{
    if (it->rest.size == 0) {
        return false;
    }
    it->index += it->started ? 1 : 0;
    it->started = true;
    if (it->is_object) {
        take_name(it);
    }
    size_t size = skip_value(it->rest, 0);
    it->value = sk_str_sub(it->rest, 0, size);
    skip(&it->rest, size);
    skip_blanks(&it->rest);
    if (it->rest.size > 0) { /* the comma */
        skip(&it->rest, 1);
        skip_blanks(&it->rest);
    }
    return true;
}

struct sk_str sk_json_member(struct sk_str object, struct sk_str name)
{
    struct sk_str found = { NULL, 0 };
    struct sk_json_iter it = sk_json_walk(object);
    while (it.is_object && sk_json_next(&it)) {
        if (sk_json_raw_is(it.name, name)) {
            found = it.value; /* the last one wins */
        }
    }
    return found;
}

struct sk_str sk_json_element(struct sk_str array, size_t index)
{
    struct sk_json_iter it = sk_json_walk(array);
    while (!it.is_object && sk_json_next(&it)) {
        if (it.index == index) {
            return it.value;
        }
    }
    return (struct sk_str){ NULL, 0 };
}

size_t sk_json_count(struct sk_str container)
{
    size_t count = 0;
    struct sk_json_iter it = sk_json_walk(container);
    while (sk_json_next(&it)) {
        count += 1;
    }
    return count;
}

size_t sk_json_depth(struct sk_str span)
{
    size_t depth = 0, most = 0;
    for (size_t at = 0; at < span.size;) {
        char c = span.data[at];
        if (c == '"') {
            at = skip_string(span, at);
            continue;
        }
        if (c == '{' || c == '[') depth += 1;
        if (c == '}' || c == ']') depth -= 1;
        if (depth > most) most = depth;
        at += 1;
    }
    return most;
}

bool sk_json_is_too_deep(struct sk_str span)
{
    /* Each level opens and closes. */
    return span.size > 2 * (size_t)SK_JSON_DEPTH_MAX && sk_json_depth(span) > SK_JSON_DEPTH_MAX;
}

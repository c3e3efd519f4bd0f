/*
 * json_walk.c: finding values inside checked JSON text without parsing it into anything.
 *
 * On text that was not checked the answers are meaningless but never outside the text.
 */
#include "base/json_private.h"
#include "base/limits.h"

struct sk_str sk_json_trim(struct sk_str span)
{
    while (span.size > 0 && sk_json_is_blank(span.data[0])) {
        span.data += 1;
        span.size -= 1;
    }
    while (span.size > 0 && sk_json_is_blank(span.data[span.size - 1])) {
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

/* Behind the closing bracket; `at` is at the opening one. */
static const char *skip_container(const char *at, const char *end)
{
    size_t depth = 0;
    while (at < end) {
        switch (*at) {
        case '"': at = sk_json_string_end(at, end); continue;
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

static const char *skip_value(const char *at, const char *end)
{
    if (at == end) {
        return at;
    }
    if (*at == '"') {
        return sk_json_string_end(at, end);
    }
    if (*at == '{' || *at == '[') {
        return skip_container(at, end);
    }
    while (at < end && *at != ',' && *at != '}' && *at != ']' && !sk_json_is_blank(*at)) {
        at += 1;
    }
    return at;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && sk_json_is_blank(*at)) at += 1;
    return at;
}

/* What stands there (a colon, a comma) and the blanks around it. */
static const char *skip_sign(const char *at, const char *end)
{
    at = skip_blanks(at, end);
    return at < end ? skip_blanks(at + 1, end) : at;
}

static struct sk_str between(const char *from, const char *to)
{
    return (struct sk_str){ from, (size_t)(to - from) };
}

struct sk_json_iter sk_json_walk(struct sk_str container)
{
    container = sk_json_trim(container);
    struct sk_json_iter it = { .is_object = container.size > 0 && container.data[0] == '{' };
    if (container.size >= 2 && (it.is_object || container.data[0] == '[')) {
        const char *end = container.data + container.size - 1;
        it.rest = between(skip_blanks(container.data + 1, end), end);
    }
    return it;
}

bool sk_json_next(struct sk_json_iter *it)
{
    if (it->rest.size == 0) {
        return false;
    }
    const char *at = it->rest.data, *end = at + it->rest.size;
    it->index += it->started ? 1 : 0;
    it->started = true;
    if (it->is_object) {
        const char *behind = sk_json_string_end(at, end);
        it->name = sk_json_inside(between(at, behind));
        at = skip_sign(behind, end);
    }
    const char *behind = skip_value(at, end);
    it->value = between(at, behind);
    it->rest = between(skip_sign(behind, end), end);
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
    const char *end = span.size > 0 ? span.data + span.size : span.data;
    for (const char *at = span.data; at < end;) {
        char c = *at;
        if (c == '"') {
            at = sk_json_string_end(at, end);
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

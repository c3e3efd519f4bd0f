/* json_path.c: see json_path.h. */
#include "skald/json_path.h"

/* "[12]" off the front of the path. */
static bool take_index(struct sk_str *path, uint64_t *out_index)
{
    size_t end = sk_str_find(*path, ']');
    if (end == path->size || !sk_str_to_u64(sk_str_sub(*path, 1, end - 1), out_index)) return false;
    *path = sk_str_sub(*path, end + 1, path->size);
    return true;
}

static struct sk_str take_name(struct sk_str *path)
{
    size_t end = 0;
    while (end < path->size && path->data[end] != '.' && path->data[end] != '[') end += 1;
    struct sk_str name = sk_str_sub(*path, 0, end);
    *path = sk_str_sub(*path, end, path->size);
    return name;
}

struct sk_str sk_json_at(struct sk_str document, const char *path_text)
{
    static const struct sk_str nothing = { NULL, 0 };
    struct sk_str path = sk_str_of(path_text), at = document;
    for (bool is_first = true; path.size > 0 && at.size > 0; is_first = false) {
        uint64_t index = 0;
        if (path.data[0] == '[') {
            if (!take_index(&path, &index) || sk_json_type(at) != SK_JSON_ARRAY) return nothing;
            at = sk_json_element(at, (size_t)index);
            continue;
        }
        if (!is_first && path.data[0] != '.') return nothing;
        if (!is_first) path = sk_str_sub(path, 1, path.size);
        if (sk_json_type(at) != SK_JSON_OBJECT) return nothing;
        at = sk_json_member(at, take_name(&path));
    }
    return sk_json_trim(at);
}

static bool is_nothing(struct sk_str span)
{
    enum sk_json_type type = sk_json_type(span);
    return type == SK_JSON_NONE || type == SK_JSON_NULL;
}

const char *sk_json_text_at(struct sk_str document, const char *path, struct sk_arena *arena)
{
    struct sk_str span = sk_json_at(document, path);
    if (is_nothing(span)) return NULL;
    struct sk_str text = sk_json_type(span) == SK_JSON_STRING ? sk_json_string(span, arena) : span;
    return arena->failed ? NULL : sk_arena_text(arena, text);
}

const char *sk_json_value_at(struct sk_str document, const char *path, struct sk_arena *arena)
{
    struct sk_str span = sk_json_at(document, path);
    return is_nothing(span) ? NULL : sk_arena_text(arena, span);
}

bool sk_json_number_at(struct sk_str document, const char *path, double *out_number)
{
    struct sk_str span = sk_json_at(document, path);
    return sk_json_type(span) == SK_JSON_NUMBER && sk_json_to_double(span, out_number);
}

bool sk_json_integer_at(struct sk_str document, const char *path, int64_t *out_number)
{
    struct sk_str span = sk_json_at(document, path);
    return sk_json_type(span) == SK_JSON_NUMBER && sk_json_to_i64(span, out_number);
}

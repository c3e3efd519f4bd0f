/* mask.c: see mask.h. */
#include "base/mask.h"

#include "base/json.h"

struct place { /* the names around a member, innermost first */
    const struct place *up;
    struct sk_str name;
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_same(struct sk_str a, struct sk_str b)
{
    for (size_t i = 0; i < a.size && a.size == b.size; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) return false;
    }
    return a.size == b.size;
}

/* Do the segments of `path`, from the last to the first, name this place and those around it? */
static bool is_named(struct sk_str path, const struct place *place)
{
    while (place != NULL) {
        size_t from = path.size;
        while (from > 0 && path.data[from - 1] != '.') from--;
        if (!is_same(sk_str_sub(path, from, path.size), place->name)) return false;
        if (from == 0) return true;
        path = sk_str_sub(path, 0, from - 1);
        place = place->up;
    }
    return false;
}

static bool is_masked(const struct sk_mask *mask, const struct place *place)
{
    for (size_t i = 0; i < mask->names_count; i++) {
        if (is_named(sk_str_of(mask->names[i]), place)) return true;
    }
    return false;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

struct walk {
    const struct sk_mask *mask;
    bool is_unmasking;
    struct sk_buf *out;
};

static struct sk_str inside(struct sk_str container, const struct sk_json_iter *it,
                            struct sk_str name)
{
    if (sk_json_type(container) == SK_JSON_OBJECT && it->is_object) {
        return sk_json_member(container, name);
    }
    bool is_array = sk_json_type(container) == SK_JSON_ARRAY && !it->is_object;
    return is_array ? sk_json_element(container, it->index) : (struct sk_str){ 0 };
}

static void put(const struct walk *walk, struct sk_str json, struct sk_str original,
                const struct place *place);

static void put_masked(const struct walk *walk, struct sk_str value, struct sk_str original)
{
    bool is_mask =
        sk_json_type(value) == SK_JSON_STRING && sk_json_string_is(value, SK_STR(SK_MASK_TEXT));
    if (!walk->is_unmasking) {
        sk_buf_append_text(walk->out, "\"" SK_MASK_TEXT "\"");
    } else if (is_mask && original.size > 0) {
        sk_buf_append_str(walk->out, original);
    } else {
        sk_buf_append_str(walk->out, value);
    }
}

static void put_member(const struct walk *walk, const struct sk_json_iter *it,
                       struct sk_str original, const struct place *up)
{
    struct sk_buf name = { 0 };
    struct sk_str quoted = { it->name.data - 1, it->name.size + 2 };
    sk_json_unescape(quoted, &name);
    const struct place place = { up, sk_buf_view(&name) };
    sk_buf_append_str(walk->out, quoted);
    sk_buf_append_char(walk->out, ':');
    struct sk_str before = inside(original, it, place.name);
    if (is_masked(walk->mask, &place)) {
        put_masked(walk, it->value, before);
    } else {
        put(walk, it->value, before, &place);
    }
    if (name.failed) walk->out->failed = true;
    sk_buf_release(&name);
}

/* As deep as sk_json_check lets it be. */
static void put(const struct walk *walk, struct sk_str json, struct sk_str original,
                const struct place *place)
{
    enum sk_json_type type = sk_json_type(json);
    if (type != SK_JSON_OBJECT && type != SK_JSON_ARRAY) {
        sk_buf_append_str(walk->out, sk_json_trim(json));
        return;
    }
    struct sk_json_iter it = sk_json_walk(json);
    sk_buf_append_char(walk->out, type == SK_JSON_OBJECT ? '{' : '[');
    bool is_first = true;
    while (sk_json_next(&it)) {
        if (!is_first) sk_buf_append_char(walk->out, ',');
        is_first = false;
        if (it.is_object) {
            put_member(walk, &it, original, place);
        } else {
            put(walk, it.value, inside(original, &it, SK_STR("")), place);
        }
    }
    sk_buf_append_char(walk->out, type == SK_JSON_OBJECT ? '}' : ']');
}

void sk_json_mask(const struct sk_mask *mask, struct sk_str json, struct sk_buf *out)
{
    const struct walk walk = { .mask = mask, .out = out };
    put(&walk, json, (struct sk_str){ 0 }, NULL);
}

void sk_json_unmask(const struct sk_mask *mask, struct sk_str edited, struct sk_str original,
                    struct sk_buf *out)
{
    const struct walk walk = { .mask = mask, .is_unmasking = true, .out = out };
    put(&walk, edited, original, NULL);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void put_query(const struct sk_mask *mask, struct sk_str query, struct sk_buf *out)
{
    while (query.size > 0) {
        size_t size = sk_str_find(query, '&');
        struct sk_str pair = sk_str_sub(query, 0, size);
        size_t equals = sk_str_find(pair, '=');
        const struct place place = { NULL, sk_str_sub(pair, 0, equals) };
        if (equals < pair.size && is_masked(mask, &place)) {
            sk_buf_append_str(out, sk_str_sub(pair, 0, equals + 1));
            sk_buf_append_text(out, SK_MASK_TEXT);
        } else {
            sk_buf_append_str(out, pair);
        }
        if (size < query.size) sk_buf_append_char(out, '&');
        query = sk_str_sub(query, size + 1, query.size);
    }
}

static void put_header(const struct sk_mask *mask, struct sk_str line, struct sk_buf *out)
{
    size_t colon = sk_str_find(line, ':');
    const struct place place = { NULL, sk_str_sub(line, 0, colon) };
    if (colon == line.size || !is_masked(mask, &place)) {
        sk_buf_append_str(out, line);
        return;
    }
    sk_buf_append_str(out, sk_str_sub(line, 0, colon));
    sk_buf_append_text(out, ": " SK_MASK_TEXT);
}

void sk_mask_request(const struct sk_mask *mask, struct sk_str lines, struct sk_buf *out)
{
    bool is_first = true;
    while (lines.size > 0) {
        size_t size = sk_str_find(lines, '\n');
        struct sk_str line = sk_str_sub(lines, 0, size);
        size_t question = sk_str_find(line, '?');
        if (!is_first) {
            put_header(mask, line, out);
        } else {
            sk_buf_append_str(out, sk_str_sub(line, 0, question + 1));
            put_query(mask, sk_str_sub(line, question + 1, line.size), out);
        }
        if (size < lines.size) sk_buf_append_char(out, '\n');
        lines = sk_str_sub(lines, size + 1, lines.size);
        is_first = false;
    }
}

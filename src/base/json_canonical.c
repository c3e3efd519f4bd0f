/*
 * json_canonical.c: JSON by value: the same whatever the order of members, blanks and escapes.
 * Recursion is bounded by the depth that sk_json_check allows.
 */
#include "base/json_private.h"

#include <stdlib.h>

static int compare_entries(const void *left, const void *right)
{
    const struct sk_json_entry *a = left;
    const struct sk_json_entry *b = right;
    int order = sk_json_raw_compare(a->name, b->name);
    if (order != 0) {
        return order;
    }
    return a->value.data < b->value.data ? -1 : 1; /* duplicates in the order of the text */
}

/* Insertion: most objects have few members. */
static void sort_few(struct sk_json_entry *entries, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct sk_json_entry entry = entries[i];
        size_t at = i;
        for (; at > 0 && compare_entries(&entry, &entries[at - 1]) < 0; at--) {
            entries[at] = entries[at - 1];
        }
        entries[at] = entry;
    }
}

static void drop_duplicates(struct sk_json_index *index, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sk_json_entry *entry = &index->entries[i];
        bool is_last = i + 1 == count || sk_json_raw_compare(entry->name, entry[1].name) != 0;
        if (is_last) {
            index->entries[index->count++] = *entry;
        }
    }
}

bool sk_json_index_init(struct sk_json_index *index, struct sk_str object)
{
    size_t count = 0;
    index->entries = index->few;
    index->count = 0;
    struct sk_json_iter it = sk_json_walk(object);
    while (count < SK_JSON_FEW && sk_json_next(&it)) {
        index->few[count++] = (struct sk_json_entry){ it.name, it.value };
    }
    if (!sk_json_next(&it)) {
        sort_few(index->entries, count);
        drop_duplicates(index, count);
        return true;
    }
    count = sk_json_count(object);
    index->entries = sk_alloc(count * sizeof *index->entries);
    if (index->entries == NULL) {
        return false;
    }
    it = sk_json_walk(object);
    while (sk_json_next(&it)) {
        index->entries[it.index] = (struct sk_json_entry){ it.name, it.value };
    }
    qsort(index->entries, count, sizeof *index->entries, compare_entries);
    drop_duplicates(index, count);
    return true;
}

void sk_json_index_release(struct sk_json_index *index)
{
    if (index->entries != index->few) sk_free(index->entries);
    index->entries = NULL;
    index->count = 0;
}

/* ---- equality -------------------------------------------------------------------------------- */

static bool equal_arrays(struct sk_str a, struct sk_str b)
{
    struct sk_json_iter x = sk_json_walk(a);
    struct sk_json_iter y = sk_json_walk(b);
    for (;;) {
        bool has_x = sk_json_next(&x);
        bool has_y = sk_json_next(&y);
        if (!has_x || !has_y) {
            return has_x == has_y;
        }
        if (!sk_json_equal(x.value, y.value)) {
            return false;
        }
    }
}

static bool equal_indexes(const struct sk_json_index *a, const struct sk_json_index *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (sk_json_raw_compare(a->entries[i].name, b->entries[i].name) != 0 ||
            !sk_json_equal(a->entries[i].value, b->entries[i].value)) {
            return false;
        }
    }
    return true;
}

/* The last member of the same raw name; without memory. */
static struct sk_str member_by_raw_name(struct sk_str object, struct sk_str raw_name)
{
    struct sk_str found = { NULL, 0 };
    struct sk_json_iter it = sk_json_walk(object);
    while (sk_json_next(&it)) {
        if (sk_json_raw_compare(it.name, raw_name) == 0) {
            found = it.value;
        }
    }
    return found;
}

/* Every member of `a` is in `b` with an equal value. Quadratic: only for want of memory. */
static bool is_object_within(struct sk_str a, struct sk_str b)
{
    struct sk_json_iter it = sk_json_walk(a);
    while (sk_json_next(&it)) {
        struct sk_str in_a = member_by_raw_name(a, it.name);
        struct sk_str in_b = member_by_raw_name(b, it.name);
        if (in_b.size == 0 || !sk_json_equal(in_a, in_b)) {
            return false;
        }
    }
    return true;
}

static bool equal_objects(struct sk_str a, struct sk_str b)
{
    struct sk_json_index x, y;
    x.entries = y.entries = NULL;
    bool is_equal = false;
    if (sk_json_index_init(&x, a) && sk_json_index_init(&y, b)) {
        is_equal = equal_indexes(&x, &y);
    } else {
        is_equal = is_object_within(a, b) && is_object_within(b, a);
    }
    sk_json_index_release(&y);
    sk_json_index_release(&x);
    return is_equal;
}

bool sk_json_equal(struct sk_str a, struct sk_str b)
{
    enum sk_json_type type = sk_json_type(a);
    a = sk_json_trim(a);
    b = sk_json_trim(b);
    if (type != sk_json_type(b)) {
        return false;
    }
    if (sk_str_equal(a, b)) {
        return true;
    }
    switch (type) {
    case SK_JSON_NONE:
    case SK_JSON_NULL:
    case SK_JSON_FALSE:
    case SK_JSON_TRUE: return true;
    case SK_JSON_NUMBER: return sk_json_number_compare(a, b) == 0;
    case SK_JSON_STRING: return sk_json_raw_compare(sk_json_inside(a), sk_json_inside(b)) == 0;
    case SK_JSON_ARRAY: return equal_arrays(a, b);
    case SK_JSON_OBJECT: return equal_objects(a, b);
    }
    return false;
}

/* ---- canonical form -------------------------------------------------------------------------- */

static void append_string(struct sk_buf *out, struct sk_str raw)
{
    sk_buf_append_char(out, '"');
    sk_json_requote(out, raw);
    sk_buf_append_char(out, '"');
}

static void append_array(struct sk_str array, struct sk_buf *out)
{
    struct sk_json_iter it = sk_json_walk(array);
    sk_buf_append_char(out, '[');
    while (sk_json_next(&it)) {
        sk_buf_append_text(out, it.index > 0 ? "," : "");
        sk_json_canonical(it.value, out);
    }
    sk_buf_append_char(out, ']');
}

/* All members but the one of this name (as it is written there; none: NULL). */
static void append_object(struct sk_str object, const char *without, struct sk_buf *out)
{
    struct sk_json_index index;
    bool is_first = true;
    if (!sk_json_index_init(&index, object)) {
        out->failed = true;
        return;
    }
    sk_buf_append_char(out, '{');
    for (size_t i = 0; i < index.count; i++) {
        if (without != NULL && sk_str_is(index.entries[i].name, without)) continue;
        sk_buf_append_text(out, is_first ? "" : ",");
        append_string(out, index.entries[i].name);
        sk_buf_append_char(out, ':');
        is_first = false;
        sk_json_canonical(index.entries[i].value, out);
    }
    sk_buf_append_char(out, '}');
    sk_json_index_release(&index);
}

void sk_json_canonical(struct sk_str span, struct sk_buf *out)
{
    span = sk_json_trim(span);
    switch (sk_json_type(span)) {
    case SK_JSON_OBJECT: append_object(span, NULL, out); return;
    case SK_JSON_ARRAY: append_array(span, out); return;
    case SK_JSON_STRING: append_string(out, sk_json_inside(span)); return;
    case SK_JSON_NONE:
    case SK_JSON_NULL:
    case SK_JSON_FALSE:
    case SK_JSON_TRUE:
    case SK_JSON_NUMBER: sk_buf_append_str(out, span); return;
    }
}

void sk_json_canonical_without(struct sk_str object, const char *name, struct sk_buf *out)
{
    append_object(sk_json_trim(object), name, out);
}

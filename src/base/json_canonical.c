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

/* One pass over the text: members are written as they come, and an object whose names turn out not
 * to ascend is put in order where it was written. */
struct member {
    struct sk_str name; /* raw */
    bool is_literal;    /* the name is what it means */
    size_t from, to;    /* its name and value in `out` */
};

struct object {
    struct member *members; /* few, or allocated */
    size_t count, capacity;
    bool ascends;
    struct member few[SK_JSON_FEW];
};

static void write_value(struct sk_reader *in, struct sk_buf *out);

static void skip_blanks(struct sk_reader *in)
{
    while (in->at < in->end && sk_json_is_blank(*in->at)) in->at += 1;
}

static bool take(struct sk_reader *in, char wanted)
{
    skip_blanks(in);
    if (in->at == in->end || *in->at != wanted) return false;
    in->at += 1;
    return true;
}

/* At the opening quote. A member as far as its name is one. */
static struct member write_string(struct sk_reader *in, struct sk_buf *out)
{
    const char *at = in->at;
    in->at = sk_json_string_end(at, in->end);
    struct sk_str whole = { at, (size_t)(in->at - at) };
    struct member member = { .name = sk_json_inside(whole), .from = out->size };
    member.is_literal = sk_str_find(member.name, '\\') == member.name.size;
    if (member.is_literal) { /* checked: it holds nothing that needs an escape */
        sk_buf_append_str(out, whole);
        return member;
    }
    sk_buf_append_char(out, '"');
    sk_json_requote(out, member.name);
    sk_buf_append_char(out, '"');
    return member;
}

static void write_array(struct sk_reader *in, struct sk_buf *out)
{
    in->at += 1;
    sk_buf_append_char(out, '[');
    for (bool is_first = true; in->at < in->end && !take(in, ']'); is_first = false) {
        if (!is_first) sk_buf_append_char(out, ',');
        write_value(in, out);
        (void)take(in, ',');
    }
    sk_buf_append_char(out, ']');
}

static int compare_names(const struct member *a, const struct member *b)
{
    bool are_literal = a->is_literal && b->is_literal;
    return are_literal ? sk_str_compare(a->name, b->name) : sk_json_raw_compare(a->name, b->name);
}

static bool add_member(struct object *object, const struct member *member)
{
    if (object->count == object->capacity) {
        size_t capacity = object->capacity * 2;
        bool was_few = object->members == object->few;
        struct member *members =
            sk_realloc(was_few ? NULL : object->members, capacity * sizeof *members);
        if (members == NULL) return false;
        if (was_few) memcpy(members, object->few, sizeof object->few);
        object->members = members;
        object->capacity = capacity;
    }
    if (object->count > 0 && object->ascends)
        object->ascends = compare_names(&object->members[object->count - 1], member) < 0;
    object->members[object->count++] = *member;
    return true;
}

static int compare_members(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    int order = compare_names(a, b);
    if (order != 0) return order;
    return a->from < b->from ? -1 : 1; /* duplicates in the order of the text */
}

static void sort_members(struct object *object)
{
    if (object->count > SK_JSON_FEW) {
        qsort(object->members, object->count, sizeof *object->members, compare_members);
        return;
    }
    for (size_t i = 1; i < object->count; i++) {
        struct member member = object->members[i];
        size_t at = i;
        for (; at > 0 && compare_members(&member, &object->members[at - 1]) < 0; at--)
            object->members[at] = object->members[at - 1];
        object->members[at] = member;
    }
}

/* The last of duplicates stays. `out` needs room for the object twice meanwhile. Written anew
 * behind what is there, then moved over it. */
static void put_in_order(struct object *object, size_t from, struct sk_buf *out)
{
    size_t size = out->size - from;
    if (sk_buf_reserve(out, size) == NULL) return;
    sort_members(object);
    size_t start = out->size;
    for (size_t i = 0; i < object->count; i++) {
        const struct member *member = &object->members[i];
        bool is_last = i + 1 == object->count || compare_names(member, &member[1]) != 0;
        if (!is_last) continue;
        if (out->size > start) sk_buf_append_char(out, ',');
        sk_buf_append(out, out->data + member->from, member->to - member->from);
    }
    size = out->size - start;
    memmove(out->data + from, out->data + start, size);
    out->size = from + size;
}

/* All members but the one of this name (as it is written there; none: NULL). */
static void write_members(struct sk_reader *in, struct object *object, const char *without,
                          struct sk_buf *out)
{
    size_t start = out->size;
    while (take(in, '"')) {
        in->at -= 1;
        size_t before = out->size;
        if (before > start) sk_buf_append_char(out, ',');
        struct member member = write_string(in, out);
        (void)take(in, ':');
        sk_buf_append_char(out, ':');
        write_value(in, out);
        (void)take(in, ',');
        member.to = out->size;
        if (without != NULL && sk_str_is(member.name, without)) {
            out->size = before;
            continue;
        }
        if (!add_member(object, &member)) {
            out->failed = true;
            return;
        }
    }
    (void)take(in, '}');
    if (!object->ascends && !out->failed) put_in_order(object, start, out);
}

static void write_object(struct sk_reader *in, const char *without, struct sk_buf *out)
{
    struct object object;
    object.members = object.few;
    object.count = 0;
    object.capacity = SK_JSON_FEW;
    object.ascends = true;
    in->at += 1;
    sk_buf_append_char(out, '{');
    write_members(in, &object, without, out);
    sk_buf_append_char(out, '}');
    if (object.members != object.few) sk_free(object.members);
}

/* A number or a word; one byte at least, so that text that was not checked ends, too. */
static void write_scalar(struct sk_reader *in, struct sk_buf *out)
{
    const char *from = in->at++;
    while (in->at < in->end && *in->at != ',' && *in->at != '}' && *in->at != ']' &&
           !sk_json_is_blank(*in->at)) {
        in->at += 1;
    }
    sk_buf_append(out, from, (size_t)(in->at - from));
}

static void write_value(struct sk_reader *in, struct sk_buf *out)
{
    skip_blanks(in);
    if (in->at == in->end) return;
    switch (*in->at) {
    case '{': write_object(in, NULL, out); return;
    case '[': write_array(in, out); return;
    case '"': (void)write_string(in, out); return;
    default: write_scalar(in, out); return;
    }
}

void sk_json_canonical(struct sk_str span, struct sk_buf *out)
{
    struct sk_reader in = sk_reader_of(span);
    write_value(&in, out);
}

void sk_json_canonical_without(struct sk_str object, const char *name, struct sk_buf *out)
{
    struct sk_reader in = sk_reader_of(sk_json_trim(object));
    if (in.at < in.end) write_object(&in, name, out);
}

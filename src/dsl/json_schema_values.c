/*
 * json_schema_values.c: the values of keywords that hold no schemas, and telling what is wrong with
 * them.
 */
#include "dsl/json_schema_parts.h"

#include <stdio.h>

enum { POINTER_SIZE_MAX = 1000 };

/* ---- telling --------------------------------------------------------------------------------- */

static void put_place(const struct sk_schema_place *place, struct sk_buf *out)
{
    if (place == NULL || place->up == NULL) return; /* the root has no name */
    put_place(place->up, out);
    struct sk_str name = place->name.data == NULL ? sk_str_of(place->digits) : place->name;
    sk_buf_append_char(out, '/');
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '~') {
            sk_buf_append_text(out, "~0");
        } else if (name.data[i] == '/') {
            sk_buf_append_text(out, "~1");
        } else {
            sk_buf_append_char(out, name.data[i]);
        }
    }
}

void sk_schema_tell(struct sk_schema_compiler *c, bool is_error,
                    const struct sk_schema_place *place, const char *message, const char *remedy)
{
    struct sk_buf pointer;
    sk_buf_init(&pointer, POINTER_SIZE_MAX);
    put_place(place, &pointer);
    c->errors += is_error ? 1 : 0;
    c->complain(c->context, is_error, sk_buf_view(&pointer), message, remedy);
    sk_buf_release(&pointer);
}

struct sk_schema_place sk_schema_inside(const struct sk_schema_place *up, struct sk_str name)
{
    return (struct sk_schema_place){ .up = up, .name = name };
}

struct sk_schema_place sk_schema_element(const struct sk_schema_place *up, size_t index)
{
    struct sk_schema_place place = { .up = up };
    (void)snprintf(place.digits, sizeof place.digits, "%zu", index);
    return place;
}

struct sk_str sk_schema_name(struct sk_schema_compiler *c, const struct sk_json_iter *it)
{
    return sk_json_string((struct sk_str){ it->name.data - 1, it->name.size + 2 }, c->arena);
}

struct sk_str *sk_schema_names_new(struct sk_schema_compiler *c, size_t count)
{
    return SK_ARENA_ARRAY(c->arena, struct sk_str, count + 1);
}

/* ---- plain values ---------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint32_t mask;
} types[] = {
    { "null", 1u << SK_JSON_NULL },     { "boolean", 1u << SK_JSON_FALSE | 1u << SK_JSON_TRUE },
    { "object", 1u << SK_JSON_OBJECT }, { "array", 1u << SK_JSON_ARRAY },
    { "number", 1u << SK_JSON_NUMBER }, { "string", 1u << SK_JSON_STRING },
    { "integer", SK_TYPE_INTEGER },
};

static uint32_t mask_of(struct sk_str name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (sk_json_type(name) == SK_JSON_STRING &&
            sk_json_string_is(name, sk_str_of(types[i].name)))
            return types[i].mask;
    }
    return 0;
}

void sk_schema_read_type(struct sk_schema_compiler *c, struct sk_rule *rule,
                         const struct sk_schema_place *place)
{
    bool is_list = sk_json_type(rule->value) == SK_JSON_ARRAY;
    bool is_sound = true;
    struct sk_json_iter it = sk_json_walk(rule->value);
    if (!is_list) {
        rule->mask = mask_of(rule->value);
        is_sound = rule->mask != 0;
    }
    while (is_list && sk_json_next(&it)) {
        uint32_t mask = mask_of(it.value);
        is_sound = is_sound && mask != 0;
        rule->mask |= mask;
    }
    if (is_sound && rule->mask != 0) return;
    sk_schema_tell(c, true, place, "is no type",
                   "one or a list of null, boolean, object, array, number, string, integer");
}

void sk_schema_read_number(struct sk_schema_compiler *c, struct sk_rule *rule,
                           const struct sk_schema_place *place)
{
    double value = 0;
    bool is_number = sk_json_type(rule->value) == SK_JSON_NUMBER;
    if (!is_number) {
        sk_schema_tell(c, true, place, "is no number", "write a number");
    } else if (rule->kind == SK_RULE_MULTIPLE_OF &&
               (!sk_json_to_double(rule->value, &value) || value <= 0)) {
        sk_schema_tell(c, true, place, "is not greater than 0", "write a number greater than 0");
    }
}

void sk_schema_read_count(struct sk_schema_compiler *c, struct sk_rule *rule,
                          const struct sk_schema_place *place)
{
    double value = -1;
    bool is_count = sk_json_type(rule->value) == SK_JSON_NUMBER &&
                    sk_json_to_double(rule->value, &value) && value >= 0 && value <= 1e15 &&
                    value == (double)(uint64_t)value;
    if (!is_count) {
        sk_schema_tell(c, true, place, "is no count", "write a whole number from 0 on");
        return;
    }
    rule->count = (uint64_t)value;
}

void sk_schema_read_values(struct sk_schema_compiler *c, struct sk_rule *rule,
                           const struct sk_schema_place *place)
{
    if (sk_json_type(rule->value) == SK_JSON_ARRAY) return;
    sk_schema_tell(c, true, place, "is no list", "write the values that are possible: [a, b]");
}

void sk_schema_read_any(struct sk_schema_compiler *c, struct sk_rule *rule,
                        const struct sk_schema_place *place)
{
    (void)c;
    (void)rule;
    (void)place;
}

void sk_schema_read_flag(struct sk_schema_compiler *c, struct sk_rule *rule,
                         const struct sk_schema_place *place)
{
    enum sk_json_type type = sk_json_type(rule->value);
    rule->count = type == SK_JSON_TRUE;
    if (type != SK_JSON_TRUE && type != SK_JSON_FALSE)
        sk_schema_tell(c, true, place, "is neither true nor false", NULL);
}

bool sk_schema_are_names(struct sk_str list)
{
    struct sk_json_iter it = sk_json_walk(list);
    if (sk_json_type(list) != SK_JSON_ARRAY) return false;
    while (sk_json_next(&it)) {
        if (sk_json_type(it.value) != SK_JSON_STRING) return false;
    }
    return true;
}

/* The list as unescaped names. */
void sk_schema_read_names(struct sk_schema_compiler *c, struct sk_rule *rule,
                          const struct sk_schema_place *place)
{
    if (!sk_schema_are_names(rule->value)) {
        sk_schema_tell(c, true, place, "is no list of names", "write [name, name]");
        return;
    }
    struct sk_str *names = sk_schema_names_new(c, sk_json_count(rule->value));
    struct sk_json_iter it = sk_json_walk(rule->value);
    while (names != NULL && sk_json_next(&it)) {
        names[rule->size++] = sk_json_string(it.value, c->arena);
    }
    rule->names = names;
}

void sk_schema_read_dependent_names(struct sk_schema_compiler *c, struct sk_rule *rule,
                                    const struct sk_schema_place *place)
{
    if (sk_json_type(rule->value) != SK_JSON_OBJECT) {
        sk_schema_tell(c, true, place, "is no map of lists", "write {name: [name, name]}");
        return;
    }
    size_t count = sk_json_count(rule->value);
    struct sk_str *names = sk_schema_names_new(c, count), *values = sk_schema_names_new(c, count);
    struct sk_json_iter it = sk_json_walk(rule->value);
    while (names != NULL && values != NULL && sk_json_next(&it)) {
        struct sk_str name = sk_schema_name(c, &it);
        struct sk_schema_place at = sk_schema_inside(place, name);
        if (!sk_schema_are_names(it.value))
            sk_schema_tell(c, true, &at, "is no list of names", "write [name, name]");
        names[rule->size] = name;
        values[rule->size++] = it.value;
    }
    rule->names = names;
    rule->values = values;
}

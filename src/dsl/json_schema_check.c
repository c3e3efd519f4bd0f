/*
 * json_schema_check.c: does a value fit a schema? Every rule that is looked at and every byte that
 * is walked costs something of the budget (J1).
 */
#include "dsl/json_schema_parts.h"

#include "base/hash.h"
#include "base/limits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MESSAGE_SIZE = 200, SHOWN_SIZE_MAX = 60, DEPTH_MAX = 1000 };

/* Where the check is in the value. */
struct spot {
    const struct spot *up;
    struct sk_str name; /* of a member: raw, between the quotes */
    size_t index;
    bool is_member;
};

struct check {
    sk_schema_violation *each;
    void *context;
    uint32_t told;
    uint32_t depth; /* of schemas looked at within each other */
    uint32_t quiet; /* > 0: within a trial, whose violations are none */
    int64_t budget;
    struct sk_arena scratch;
};

static bool fits(struct check *c, const struct sk_json_schema *node, struct sk_str value,
                 const struct spot *spot);

/* ---- telling --------------------------------------------------------------------------------- */

static void put_spot(const struct spot *spot, struct sk_buf *out)
{
    if (spot->up == NULL) return;
    put_spot(spot->up, out);
    sk_buf_append_char(out, '/');
    if (!spot->is_member) {
        sk_buf_append_u64(out, spot->index);
        return;
    }
    struct sk_buf name;
    sk_buf_init(&name, 0);
    sk_json_unescape((struct sk_str){ spot->name.data - 1, spot->name.size + 2 }, &name);
    for (size_t i = 0; i < name.size; i++) {
        char ch = name.data[i];
        sk_buf_append_text(out, ch == '~' ? "~0" : ch == '/' ? "~1" : "");
        if (ch != '~' && ch != '/') sk_buf_append_char(out, ch);
    }
    sk_buf_release(&name);
}

static bool tell(struct check *c, const struct spot *spot, const char *message)
{
    if (c->quiet > 0 || c->budget <= 0) return false;
    c->told += 1;
    if (c->told > SK_SCHEMA_VIOLATIONS_MAX) return false;
    struct sk_buf pointer;
    sk_buf_init(&pointer, 4096);
    put_spot(spot, &pointer);
    c->each(c->context, sk_buf_view(&pointer), sk_str_of(message));
    sk_buf_release(&pointer);
    return false;
}

/* A piece of JSON for a message: whole, or cut before the middle of a character. */
static int shown(struct sk_str value)
{
    size_t size = value.size;
    if (size <= SHOWN_SIZE_MAX) return (int)size;
    size = SHOWN_SIZE_MAX;
    while (size > 0 && ((unsigned char)value.data[size] & 0xC0) == 0x80) size -= 1;
    return (int)size;
}

static bool tell_value(struct check *c, const struct spot *spot, const char *before,
                       struct sk_str value)
{
    char message[MESSAGE_SIZE];
    int size = shown(value);
    (void)snprintf(message, sizeof message, "%s %.*s%s", before, size, value.data,
                   (size_t)size < value.size ? "…" : "");
    return tell(c, spot, message);
}

static bool tell_count(struct check *c, const struct spot *spot, const char *format, uint64_t count)
{
    char message[MESSAGE_SIZE];
    (void)snprintf(message, sizeof message, format, (unsigned long long)count);
    return tell(c, spot, message);
}

/* ---- scalars --------------------------------------------------------------------------------- */

static bool is_whole(struct sk_str number)
{
    double value = 0;
    int64_t integer = 0;
    if (sk_json_to_i64(number, &integer)) return true;
    return sk_json_to_double(number, &value) && floor(value) == value;
}

static bool check_type(struct check *c, const struct sk_rule *rule, struct sk_str value,
                       const struct spot *spot)
{
    static const char *const names[] = { "missing",  "null",     "a boolean", "a boolean",
                                         "a number", "a string", "a list",    "an object" };
    enum sk_json_type type = sk_json_type(value);
    if ((rule->mask >> type & 1u) != 0) return true;
    bool may_be_integer = (rule->mask & SK_TYPE_INTEGER) != 0;
    if (may_be_integer && type == SK_JSON_NUMBER && is_whole(value)) return true;
    char message[MESSAGE_SIZE];
    int size = shown(rule->value);
    (void)snprintf(message, sizeof message, "is %s and not %.*s", names[type], size,
                   rule->value.data);
    return tell(c, spot, message);
}

static bool check_enum(struct check *c, const struct sk_rule *rule, struct sk_str value,
                       const struct spot *spot)
{
    struct sk_json_iter it = sk_json_walk(rule->value);
    while (sk_json_next(&it)) {
        c->budget -= 1 + (int64_t)(it.value.size + value.size) / 16;
        if (c->budget <= 0 || sk_json_equal(it.value, value)) return true;
    }
    return tell_value(c, spot, "is none of", rule->value);
}

static bool is_multiple(struct sk_str value, struct sk_str of)
{
    int64_t a = 0, b = 0;
    double x = 0, y = 1;
    if (sk_json_to_i64(value, &a) && sk_json_to_i64(of, &b) && b != 0) return a % b == 0;
    if (!sk_json_to_double(value, &x) || !sk_json_to_double(of, &y)) return true;
    double quotient = x / y; /* 0.3 / 0.1 is meant to be 3 */
    return fabs(quotient - floor(quotient + 0.5)) <=
           1e-9 * (fabs(quotient) > 1 ? fabs(quotient) : 1);
}

static bool check_number(struct check *c, const struct sk_rule *rule, struct sk_str value,
                         const struct spot *spot)
{
    if (sk_json_type(value) != SK_JSON_NUMBER) return true;
    if (rule->kind == SK_RULE_MULTIPLE_OF) {
        return is_multiple(value, rule->value) ||
               tell_value(c, spot, "is no multiple of", rule->value);
    }
    int order = sk_json_number_compare(value, rule->value);
    if (rule->kind == SK_RULE_MAXIMUM)
        return order <= 0 || tell_value(c, spot, "is more than", rule->value);
    if (rule->kind == SK_RULE_MINIMUM)
        return order >= 0 || tell_value(c, spot, "is less than", rule->value);
    if (rule->kind == SK_RULE_EXCLUSIVE_MAXIMUM)
        return order < 0 || tell_value(c, spot, "is not less than", rule->value);
    return order > 0 || tell_value(c, spot, "is not more than", rule->value);
}

/* The text, unescaped, in the scratch arena. */
static struct sk_str text_of(struct check *c, struct sk_str value)
{
    c->budget -= 1 + (int64_t)value.size / 4;
    return sk_json_string(value, &c->scratch);
}

static bool check_string(struct check *c, const struct sk_rule *rule, struct sk_str value,
                         const struct spot *spot)
{
    if (sk_json_type(value) != SK_JSON_STRING) return true;
    struct sk_str text = text_of(c, value);
    if (rule->kind == SK_RULE_PATTERN) {
        bool is_found =
            sk_json_pattern_found(rule->patterns[0], text, &c->budget, &c->scratch.failed);
        return is_found || tell_value(c, spot, "does not match", rule->value);
    }
    uint64_t length = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (((unsigned char)text.data[i] & 0xC0) != 0x80) length += 1;
    }
    if (rule->kind == SK_RULE_MAX_LENGTH) {
        return length <= rule->count ||
               tell_count(c, spot, "is longer than %llu characters", rule->count);
    }
    return length >= rule->count ||
           tell_count(c, spot, "is shorter than %llu characters", rule->count);
}

/* ---- lists ----------------------------------------------------------------------------------- */

struct hashed {
    uint64_t hash;
    struct sk_str value;
    size_t index;
};

static int compare_hashed(const void *a, const void *b)
{
    const struct hashed *left = a, *right = b;
    if (left->hash != right->hash) return left->hash < right->hash ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

/* Equal values have equal hashes; of containers only their size counts. */
static uint64_t hash_of(struct check *c, struct sk_str value)
{
    enum sk_json_type type = sk_json_type(value);
    double number = 0;
    c->budget -= 16 + (int64_t)value.size / 4;
    if (type == SK_JSON_STRING) return sk_hash_id(sk_json_string(value, &c->scratch));
    if (type == SK_JSON_NUMBER && sk_json_to_double(value, &number)) {
        if (number == 0) number = 0; /* -0 too */
        return sk_hash_id((struct sk_str){ (const char *)&number, sizeof number });
    }
    return (uint64_t)type << 32 | (type >= SK_JSON_ARRAY ? sk_json_count(value) : 0);
}

static bool check_unique(struct check *c, const struct sk_rule *rule, struct sk_str value,
                         const struct spot *spot)
{
    size_t count = sk_json_count(value);
    if (rule->count == 0 || count < 2) return true;
    struct hashed *items = SK_ARENA_ARRAY(&c->scratch, struct hashed, count);
    struct sk_json_iter it = sk_json_walk(value);
    for (size_t i = 0; items != NULL && i < count && sk_json_next(&it); i++) {
        items[i] = (struct hashed){ hash_of(c, it.value), it.value, i };
    }
    if (items == NULL || c->budget <= 0) return true;
    qsort(items, count, sizeof *items, compare_hashed);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count && items[k].hash == items[i].hash; k++) {
            c->budget -= 1 + (int64_t)(items[i].value.size + items[k].value.size) / 16;
            if (c->budget <= 0) return true;
            if (!sk_json_equal(items[i].value, items[k].value)) continue;
            char message[MESSAGE_SIZE];
            (void)snprintf(message, sizeof message, "holds the same twice: at %zu and %zu",
                           items[i].index, items[k].index);
            return tell(c, spot, message);
        }
    }
    return true;
}

static bool check_items(struct check *c, const struct sk_rule *rule, struct sk_str value,
                        const struct spot *spot)
{
    bool is_prefix = rule->kind == SK_RULE_PREFIX_ITEMS, are_fine = true;
    struct sk_json_iter it = sk_json_walk(value);
    for (size_t i = 0; c->budget > 0 && sk_json_next(&it); i++) {
        struct spot at = { .up = spot, .index = i };
        if (is_prefix && i >= rule->size) break;
        if (!is_prefix && i < rule->count) continue;
        const struct sk_json_schema *node = rule->nodes[is_prefix ? i : 0];
        are_fine = fits(c, node, it.value, &at) && are_fine;
    }
    return are_fine;
}

static bool tries(struct check *c, const struct sk_json_schema *node, struct sk_str value,
                  const struct spot *spot)
{
    c->quiet += 1;
    bool is_fitting = fits(c, node, value, spot);
    c->quiet -= 1;
    return is_fitting;
}

static bool check_contains(struct check *c, const struct sk_rule *rule, struct sk_str value,
                           const struct spot *spot)
{
    uint64_t count = 0;
    struct sk_json_iter it = sk_json_walk(value);
    while (c->budget > 0 && sk_json_next(&it)) {
        struct spot at = { .up = spot, .index = it.index };
        if (tries(c, rule->nodes[0], it.value, &at)) count += 1;
    }
    if (count < rule->count)
        return tell_count(c, spot, "holds fewer than %llu of what it must contain", rule->count);
    return count <= rule->most ||
           tell_count(c, spot, "holds more than %llu of what it may contain", rule->most);
}

static bool check_list(struct check *c, const struct sk_rule *rule, struct sk_str value,
                       const struct spot *spot)
{
    if (sk_json_type(value) != SK_JSON_ARRAY) return true;
    c->budget -= (int64_t)value.size / 16;
    switch (rule->kind) { /* NOLINT(clang-diagnostic-switch-enum): the kinds of lists */
    case SK_RULE_MAX_ITEMS:
        return sk_json_count(value) <= rule->count ||
               tell_count(c, spot, "holds more than %llu items", rule->count);
    case SK_RULE_MIN_ITEMS:
        return sk_json_count(value) >= rule->count ||
               tell_count(c, spot, "holds fewer than %llu items", rule->count);
    case SK_RULE_UNIQUE_ITEMS: return check_unique(c, rule, value, spot);
    case SK_RULE_CONTAINS: return check_contains(c, rule, value, spot);
    default: return rule->nodes == NULL || check_items(c, rule, value, spot);
    }
}

/* ---- objects --------------------------------------------------------------------------------- */

static bool has_member(struct check *c, struct sk_str object, struct sk_str name)
{
    c->budget -= 1 + (int64_t)object.size / 16;
    return sk_json_member(object, name).size > 0;
}

static bool check_required(struct check *c, const struct sk_rule *rule, struct sk_str value,
                           const struct spot *spot)
{
    bool are_fine = true;
    for (uint32_t i = 0; c->budget > 0 && i < rule->size; i++) {
        if (has_member(c, value, rule->names[i])) continue;
        are_fine = tell_value(c, spot, "has no member", rule->names[i]);
    }
    return are_fine;
}

static bool check_dependent(struct check *c, const struct sk_rule *rule, struct sk_str value,
                            const struct spot *spot)
{
    bool are_fine = true;
    for (uint32_t i = 0; c->budget > 0 && i < rule->size; i++) {
        if (!has_member(c, value, rule->names[i])) continue;
        if (rule->kind == SK_RULE_DEPENDENT_SCHEMAS) {
            are_fine = fits(c, rule->nodes[i], value, spot) && are_fine;
            continue;
        }
        struct sk_json_iter it = sk_json_walk(rule->values[i]);
        while (c->budget > 0 && sk_json_next(&it)) {
            if (has_member(c, value, sk_json_string(it.value, &c->scratch))) continue;
            char message[MESSAGE_SIZE];
            (void)snprintf(message, sizeof message, "has %.*s and therefore needs %.*s",
                           shown(rule->names[i]), rule->names[i].data, shown(it.value),
                           it.value.data);
            are_fine = tell(c, spot, message);
        }
    }
    return are_fine;
}

static const struct sk_json_schema *property_named(struct check *c, const struct sk_rule *rule,
                                                   struct sk_str name)
{
    for (uint32_t i = 0; rule != NULL && i < rule->size; i++) {
        c->budget -= 1;
        if (sk_str_equal(rule->names[i], name)) return rule->nodes[i];
    }
    return NULL;
}

/* Does any of the patterns name it? With `value` it must then fit their schemas. */
static bool matches_pattern(struct check *c, const struct sk_rule *rule, struct sk_str name,
                            const struct sk_str *value, const struct spot *spot, bool *out_fine)
{
    bool is_named = false;
    for (uint32_t i = 0; rule != NULL && c->budget > 0 && i < rule->size; i++) {
        if (!sk_json_pattern_found(rule->patterns[i], name, &c->budget, &c->scratch.failed))
            continue;
        is_named = true;
        if (value != NULL) *out_fine = fits(c, rule->nodes[i], *value, spot) && *out_fine;
    }
    return is_named;
}

static bool check_additional(struct check *c, const struct sk_json_schema *node,
                             const struct sk_rule *rule, struct sk_str name, struct sk_str value,
                             const struct spot *spot)
{
    bool is_fine = true;
    if (property_named(c, node->properties, name) != NULL) return true;
    if (matches_pattern(c, node->pattern_properties, name, NULL, spot, &is_fine)) return true;
    if (rule->nodes[0]->is_never) return tell(c, spot, "is not among the members it may have");
    return fits(c, rule->nodes[0], value, spot);
}

static bool check_members(struct check *c, const struct sk_json_schema *node,
                          const struct sk_rule *rule, struct sk_str value, const struct spot *spot)
{
    bool are_fine = true;
    struct sk_json_iter it = sk_json_walk(value);
    while (c->budget > 0 && sk_json_next(&it)) {
        struct spot at = { .up = spot, .name = it.name, .is_member = true };
        struct sk_str quoted = { it.name.data - 1, it.name.size + 2 };
        struct sk_str name = sk_json_string(quoted, &c->scratch);
        c->budget -= 1 + (int64_t)name.size / 16;
        if (c->scratch.failed) return true;
        if (rule->kind == SK_RULE_PROPERTIES) {
            const struct sk_json_schema *named = property_named(c, rule, name);
            if (named != NULL) are_fine = fits(c, named, it.value, &at) && are_fine;
        } else if (rule->kind == SK_RULE_PATTERN_PROPERTIES) {
            (void)matches_pattern(c, rule, name, &it.value, &at, &are_fine);
        } else if (rule->kind == SK_RULE_ADDITIONAL) {
            are_fine = check_additional(c, node, rule, name, it.value, &at) && are_fine;
        } else {
            if (tries(c, rule->nodes[0], quoted, &at)) continue;
            are_fine = tell(c, &at, "is not a name that a member may have");
        }
    }
    return are_fine;
}

static bool check_object(struct check *c, const struct sk_json_schema *node,
                         const struct sk_rule *rule, struct sk_str value, const struct spot *spot)
{
    if (sk_json_type(value) != SK_JSON_OBJECT) return true;
    c->budget -= (int64_t)value.size / 16;
    switch (rule->kind) { /* NOLINT(clang-diagnostic-switch-enum): the kinds of objects */
    case SK_RULE_MAX_PROPERTIES:
        return sk_json_count(value) <= rule->count ||
               tell_count(c, spot, "has more than %llu members", rule->count);
    case SK_RULE_MIN_PROPERTIES:
        return sk_json_count(value) >= rule->count ||
               tell_count(c, spot, "has fewer than %llu members", rule->count);
    case SK_RULE_REQUIRED: return check_required(c, rule, value, spot);
    case SK_RULE_DEPENDENT_REQUIRED:
    case SK_RULE_DEPENDENT_SCHEMAS: return check_dependent(c, rule, value, spot);
    default: return check_members(c, node, rule, value, spot);
    }
}

/* ---- together -------------------------------------------------------------------------------- */

static bool check_choice(struct check *c, const struct sk_rule *rule, struct sk_str value,
                         const struct spot *spot)
{
    uint32_t fitting = 0;
    for (uint32_t i = 0; c->budget > 0 && i < rule->size; i++) {
        if (!tries(c, rule->nodes[i], value, spot)) continue;
        fitting += 1;
        if (rule->kind == SK_RULE_ANY_OF) return true;
    }
    if (fitting == 0) return tell(c, spot, "fits none of the alternatives");
    return fitting == 1 || tell(c, spot, "fits more than one of the alternatives");
}

static bool check_all(struct check *c, const struct sk_rule *rule, struct sk_str value,
                      const struct spot *spot)
{
    bool are_fine = true;
    for (uint32_t i = 0; c->budget > 0 && i < rule->size; i++) {
        are_fine = fits(c, rule->nodes[i], value, spot) && are_fine;
    }
    return are_fine;
}

static bool check_if(struct check *c, const struct sk_rule *rule, struct sk_str value,
                     const struct spot *spot)
{
    bool is_so = tries(c, rule->nodes[0], value, spot);
    const struct sk_json_schema *node = rule->nodes[is_so ? 1 : 2];
    return node == NULL || fits(c, node, value, spot);
}

static bool check_rule(struct check *c, const struct sk_json_schema *node,
                       const struct sk_rule *rule, struct sk_str value, const struct spot *spot)
{
    switch (rule->kind) {
    case SK_RULE_TYPE: return check_type(c, rule, value, spot);
    case SK_RULE_ENUM: return check_enum(c, rule, value, spot);
    case SK_RULE_CONST:
        c->budget -= (int64_t)(value.size + rule->value.size) / 16;
        return sk_json_equal(rule->value, value) || tell_value(c, spot, "is not", rule->value);
    case SK_RULE_MULTIPLE_OF:
    case SK_RULE_MAXIMUM:
    case SK_RULE_EXCLUSIVE_MAXIMUM:
    case SK_RULE_MINIMUM:
    case SK_RULE_EXCLUSIVE_MINIMUM: return check_number(c, rule, value, spot);
    case SK_RULE_MAX_LENGTH:
    case SK_RULE_MIN_LENGTH:
    case SK_RULE_PATTERN: return check_string(c, rule, value, spot);
    case SK_RULE_MAX_ITEMS:
    case SK_RULE_MIN_ITEMS:
    case SK_RULE_UNIQUE_ITEMS:
    case SK_RULE_PREFIX_ITEMS:
    case SK_RULE_ITEMS:
    case SK_RULE_CONTAINS: return check_list(c, rule, value, spot);
    case SK_RULE_MAX_PROPERTIES:
    case SK_RULE_MIN_PROPERTIES:
    case SK_RULE_REQUIRED:
    case SK_RULE_PROPERTIES:
    case SK_RULE_PATTERN_PROPERTIES:
    case SK_RULE_ADDITIONAL:
    case SK_RULE_PROPERTY_NAMES:
    case SK_RULE_DEPENDENT_REQUIRED:
    case SK_RULE_DEPENDENT_SCHEMAS: return check_object(c, node, rule, value, spot);
    case SK_RULE_ANY_OF:
    case SK_RULE_ONE_OF: return check_choice(c, rule, value, spot);
    case SK_RULE_NOT:
        return !tries(c, rule->nodes[0], value, spot) || tell(c, spot, "is what it must not be");
    case SK_RULE_IF: return check_if(c, rule, value, spot);
    case SK_RULE_ALL_OF:
    case SK_RULE_REF: return check_all(c, rule, value, spot);
    }
    return true;
}

/* As deep as the value, times the longest way through schemas in one place (J2): beyond DEPTH_MAX
 * it counts as too costly. */
static bool fits(struct check *c, const struct sk_json_schema *node, struct sk_str value,
                 const struct spot *spot)
{
    bool are_fine = true;
    c->budget -= 1;
    if (node->is_never) return tell(c, spot, "must not be there");
    if (c->depth >= DEPTH_MAX) c->budget = 0;
    c->depth += 1;
    for (uint32_t i = 0; c->budget > 0 && i < node->rules_count; i++) {
        c->budget -= 1;
        are_fine = check_rule(c, node, &node->rules[i], value, spot) && are_fine;
        if (!are_fine && c->quiet > 0) break; /* nobody hears the rest */
    }
    c->depth -= 1;
    return are_fine;
}

enum skald_status sk_json_schema_check(const struct sk_json_schema *schema, struct sk_str value,
                                       int64_t budget, sk_schema_violation *each, void *context)
{
    struct check c = { .each = each, .context = context, .budget = budget };
    struct spot root = { .up = NULL };
    sk_arena_init(&c.scratch);
    bool is_fitting = fits(&c, schema, sk_json_trim(value), &root);
    bool has_failed = c.scratch.failed;
    sk_arena_release(&c.scratch);
    if (has_failed) return SKALD_E_MEMORY;
    if (c.budget <= 0) return SKALD_E_LIMIT;
    return is_fitting ? SKALD_OK : SKALD_E_INVALID;
}

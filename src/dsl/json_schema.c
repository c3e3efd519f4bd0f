/*
 * json_schema.c: from a schema's text to nodes of rules. One row per keyword says how its value
 * looks and what becomes of it.
 */
#include "dsl/json_schema_parts.h"

#include "base/limits.h"

#include <stdio.h>

/* ---- nodes ----------------------------------------------------------------------------------- */

static struct sk_json_schema *node_of(struct sk_schema_compiler *c, struct sk_str source,
                                      const struct sk_schema_place *place);

static const struct sk_json_schema **nodes_new(struct sk_schema_compiler *c, size_t count)
{
    return SK_ARENA_ARRAY(c->arena, const struct sk_json_schema *, count + 1);
}

/* One schema as the value of a keyword. */
static void read_schema(struct sk_schema_compiler *c, struct sk_rule *rule,
                        const struct sk_schema_place *place)
{
    rule->nodes = nodes_new(c, 3);
    rule->size = 1;
    if (rule->nodes != NULL) rule->nodes[0] = node_of(c, rule->value, place);
}

/* [schema, …] */
static void read_list(struct sk_schema_compiler *c, struct sk_rule *rule,
                      const struct sk_schema_place *place)
{
    size_t count = sk_json_count(rule->value);
    if (sk_json_type(rule->value) != SK_JSON_ARRAY || count == 0) {
        sk_schema_tell(c, true, place, "is no list of schemas", "write [{…}, {…}]");
        return;
    }
    rule->nodes = nodes_new(c, count);
    struct sk_json_iter it = sk_json_walk(rule->value);
    while (rule->nodes != NULL && sk_json_next(&it)) {
        struct sk_schema_place at = sk_schema_element(place, it.index);
        rule->nodes[rule->size++] = node_of(c, it.value, &at);
    }
}

/* {name: schema, …} */
static void read_map(struct sk_schema_compiler *c, struct sk_rule *rule,
                     const struct sk_schema_place *place)
{
    if (sk_json_type(rule->value) != SK_JSON_OBJECT) {
        sk_schema_tell(c, true, place, "is no map of schemas", "write {name: {…}}");
        return;
    }
    size_t count = sk_json_count(rule->value);
    struct sk_str *names = sk_schema_names_new(c, count);
    rule->nodes = nodes_new(c, count);
    rule->names = names;
    struct sk_json_iter it = sk_json_walk(rule->value);
    while (names != NULL && rule->nodes != NULL && sk_json_next(&it)) {
        struct sk_str name = sk_schema_name(c, &it);
        struct sk_schema_place at = sk_schema_inside(place, name);
        names[rule->size] = name;
        rule->nodes[rule->size++] = node_of(c, it.value, &at);
    }
}

static const struct sk_json_pattern *read_pattern_text(struct sk_schema_compiler *c,
                                                       struct sk_str text,
                                                       const struct sk_schema_place *place)
{
    const struct sk_json_pattern *pattern = NULL;
    skald_error error = { .message = "" };
    enum skald_status status = sk_json_pattern_compile(text, c->arena, &pattern, &error);
    if (status != SKALD_OK && status != SKALD_E_MEMORY) {
        char message[sizeof error.message + 40];
        (void)snprintf(message, sizeof message, "is no usable regular expression: %s",
                       error.message);
        sk_schema_tell(c, true, place, message, "docs/definitions.md says what they may hold");
    }
    return pattern;
}

static void read_patterns(struct sk_schema_compiler *c, struct sk_rule *rule,
                          const struct sk_schema_place *place)
{
    read_map(c, rule, place);
    rule->patterns = SK_ARENA_ARRAY(c->arena, const struct sk_json_pattern *, rule->size + 1);
    for (uint32_t i = 0; rule->patterns != NULL && i < rule->size; i++) {
        struct sk_schema_place at = sk_schema_inside(place, rule->names[i]);
        rule->patterns[i] = read_pattern_text(c, rule->names[i], &at);
    }
}

static void read_pattern(struct sk_schema_compiler *c, struct sk_rule *rule,
                         const struct sk_schema_place *place)
{
    if (sk_json_type(rule->value) != SK_JSON_STRING) {
        sk_schema_tell(c, true, place, "is no text", "write a regular expression");
        return;
    }
    rule->patterns = SK_ARENA_ARRAY(c->arena, const struct sk_json_pattern *, 1);
    if (rule->patterns == NULL) return;
    rule->patterns[0] = read_pattern_text(c, sk_json_string(rule->value, c->arena), place);
}

/* ---- references ------------------------------------------------------------------------------ */

static int hex_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One part of a pointer, with ~0 ~1 and %xx undone. */
static struct sk_str plain_part(struct sk_schema_compiler *c, struct sk_str part)
{
    char *out = sk_arena_alloc(c->arena, part.size + 1);
    size_t size = 0;
    for (size_t i = 0; out != NULL && i < part.size; i++) {
        char ch = part.data[i];
        if (ch == '%' && i + 2 < part.size && hex_of(part.data[i + 1]) >= 0 &&
            hex_of(part.data[i + 2]) >= 0) {
            ch = (char)(hex_of(part.data[i + 1]) * 16 + hex_of(part.data[i + 2]));
            i += 2;
        }
        if (ch == '~' && i + 1 < part.size) ch = part.data[++i] == '1' ? '/' : '~';
        out[size++] = ch;
    }
    return out == NULL ? (struct sk_str){ 0 } : (struct sk_str){ out, size };
}

static struct sk_str follow(struct sk_schema_compiler *c, struct sk_str pointer)
{
    struct sk_str at = c->root;
    while (pointer.size > 0 && at.size > 0) {
        pointer = sk_str_sub(pointer, 1, pointer.size - 1); /* its '/' */
        size_t end = sk_str_find(pointer, '/');
        struct sk_str part = plain_part(c, sk_str_sub(pointer, 0, end));
        pointer = sk_str_sub(pointer, end, pointer.size - end);
        uint64_t index = 0;
        if (sk_json_type(at) == SK_JSON_OBJECT) {
            at = sk_json_member(at, part);
        } else if (sk_json_type(at) == SK_JSON_ARRAY && sk_str_to_u64(part, &index)) {
            at = sk_json_element(at, (size_t)index);
        } else {
            at = (struct sk_str){ 0 };
        }
    }
    return at;
}

static void read_reference(struct sk_schema_compiler *c, struct sk_rule *rule,
                           const struct sk_schema_place *place)
{
    bool is_text = sk_json_type(rule->value) == SK_JSON_STRING;
    struct sk_str text = is_text ? sk_json_string(rule->value, c->arena) : SK_STR("");
    bool is_local = text.size == 1 || (text.size > 1 && text.data[1] == '/');
    if (text.size == 0 || text.data[0] != '#' || !is_local) {
        sk_schema_tell(c, true, place, "is no reference into this schema",
                       "write it as #/$defs/name; other documents are not read");
        return;
    }
    struct sk_str target = follow(c, sk_str_sub(text, 1, text.size - 1));
    if (target.size == 0) {
        sk_schema_tell(c, true, place, "leads nowhere",
                       "name a schema that is there: #/$defs/name");
        return;
    }
    rule->nodes = nodes_new(c, 1);
    rule->size = 1;
    if (rule->nodes != NULL) rule->nodes[0] = node_of(c, target, place);
}

/* ---- keywords -------------------------------------------------------------------------------- */

static const struct keyword {
    const char *name;
    sk_schema_read *read; /* NULL = a note, or read with another keyword */
    enum sk_rule_kind kind;
    bool is_refused;
} keywords[] = {
    { "type", sk_schema_read_type, SK_RULE_TYPE, false },
    { "enum", sk_schema_read_values, SK_RULE_ENUM, false },
    { "const", sk_schema_read_any, SK_RULE_CONST, false },
    { "multipleOf", sk_schema_read_number, SK_RULE_MULTIPLE_OF, false },
    { "maximum", sk_schema_read_number, SK_RULE_MAXIMUM, false },
    { "exclusiveMaximum", sk_schema_read_number, SK_RULE_EXCLUSIVE_MAXIMUM, false },
    { "minimum", sk_schema_read_number, SK_RULE_MINIMUM, false },
    { "exclusiveMinimum", sk_schema_read_number, SK_RULE_EXCLUSIVE_MINIMUM, false },
    { "maxLength", sk_schema_read_count, SK_RULE_MAX_LENGTH, false },
    { "minLength", sk_schema_read_count, SK_RULE_MIN_LENGTH, false },
    { "pattern", read_pattern, SK_RULE_PATTERN, false },
    { "maxItems", sk_schema_read_count, SK_RULE_MAX_ITEMS, false },
    { "minItems", sk_schema_read_count, SK_RULE_MIN_ITEMS, false },
    { "uniqueItems", sk_schema_read_flag, SK_RULE_UNIQUE_ITEMS, false },
    { "prefixItems", read_list, SK_RULE_PREFIX_ITEMS, false },
    { "items", read_schema, SK_RULE_ITEMS, false },
    { "contains", read_schema, SK_RULE_CONTAINS, false },
    { "maxProperties", sk_schema_read_count, SK_RULE_MAX_PROPERTIES, false },
    { "minProperties", sk_schema_read_count, SK_RULE_MIN_PROPERTIES, false },
    { "required", sk_schema_read_names, SK_RULE_REQUIRED, false },
    { "properties", read_map, SK_RULE_PROPERTIES, false },
    { "patternProperties", read_patterns, SK_RULE_PATTERN_PROPERTIES, false },
    { "additionalProperties", read_schema, SK_RULE_ADDITIONAL, false },
    { "propertyNames", read_schema, SK_RULE_PROPERTY_NAMES, false },
    { "dependentRequired", sk_schema_read_dependent_names, SK_RULE_DEPENDENT_REQUIRED, false },
    { "dependentSchemas", read_map, SK_RULE_DEPENDENT_SCHEMAS, false },
    { "allOf", read_list, SK_RULE_ALL_OF, false },
    { "anyOf", read_list, SK_RULE_ANY_OF, false },
    { "oneOf", read_list, SK_RULE_ONE_OF, false },
    { "not", read_schema, SK_RULE_NOT, false },
    { "if", read_schema, SK_RULE_IF, false },
    { "$ref", read_reference, SK_RULE_REF, false },
    /* read with another one */
    { "then", NULL, 0, false },
    { "else", NULL, 0, false },
    { "minContains", NULL, 0, false },
    { "maxContains", NULL, 0, false },
    { "additionalItems", NULL, 0, false },
    { "dependencies", NULL, 0, false },
    { "$defs", NULL, 0, false },
    { "definitions", NULL, 0, false },
    /* notes */
    { "$schema", NULL, 0, false },
    { "$id", NULL, 0, false },
    { "id", NULL, 0, false },
    { "$comment", NULL, 0, false },
    { "$vocabulary", NULL, 0, false },
    { "title", NULL, 0, false },
    { "description", NULL, 0, false },
    { "default", NULL, 0, false },
    { "examples", NULL, 0, false },
    { "format", NULL, 0, false },
    { "readOnly", NULL, 0, false },
    { "writeOnly", NULL, 0, false },
    { "deprecated", NULL, 0, false },
    { "contentEncoding", NULL, 0, false },
    { "contentMediaType", NULL, 0, false },
    { "contentSchema", NULL, 0, false },
    { "$anchor", NULL, 0, true },
    { "$dynamicAnchor", NULL, 0, true },
    { "$dynamicRef", NULL, 0, true },
    { "$recursiveRef", NULL, 0, true },
    { "$recursiveAnchor", NULL, 0, true },
    { "unevaluatedItems", NULL, 0, true },
    { "unevaluatedProperties", NULL, 0, true },
};

enum { KEYWORDS_COUNT = sizeof keywords / sizeof keywords[0] };

static const struct keyword *keyword_named(struct sk_str name)
{
    for (size_t i = 0; i < KEYWORDS_COUNT; i++) {
        if (sk_str_is(name, keywords[i].name)) return &keywords[i];
    }
    return NULL;
}

static void tell_unknown(struct sk_schema_compiler *c, const struct sk_schema_place *place,
                         struct sk_str name)
{
    const char *names[KEYWORDS_COUNT];
    char remedy[80] = "";
    for (size_t i = 0; i < KEYWORDS_COUNT; i++) names[i] = keywords[i].name;
    int near = sk_str_nearest(name, names, KEYWORDS_COUNT);
    if (near >= 0) (void)snprintf(remedy, sizeof remedy, "did you mean `%s`?", names[near]);
    sk_schema_tell(c, false, place, "is no keyword of JSON Schema and checks nothing", remedy);
}

static struct sk_rule *add_rule(struct sk_json_schema *node, enum sk_rule_kind kind,
                                struct sk_str value)
{
    struct sk_rule *rule = &node->rules[node->rules_count++];
    *rule = (struct sk_rule){ .kind = kind, .value = value };
    return rule;
}

static struct sk_str member(const struct sk_json_schema *node, const char *name)
{
    return sk_json_member(node->source, sk_str_of(name));
}

/* ---- keywords that look at others ------------------------------------------------------------ */

static void read_if(struct sk_schema_compiler *c, struct sk_json_schema *node, struct sk_rule *rule,
                    const struct sk_schema_place *place)
{
    static const char *const names[] = { "then", "else" };
    for (uint32_t i = 0; rule->nodes != NULL && i < 2; i++) {
        struct sk_str value = member(node, names[i]);
        struct sk_schema_place at = sk_schema_inside(place, sk_str_of(names[i]));
        if (value.size > 0) rule->nodes[1 + i] = node_of(c, value, &at);
    }
}

static void read_contains(struct sk_schema_compiler *c, const struct sk_json_schema *node,
                          struct sk_rule *rule, const struct sk_schema_place *place)
{
    struct sk_rule least = { .value = member(node, "minContains") };
    struct sk_rule most = { .value = member(node, "maxContains") };
    struct sk_schema_place at_least = sk_schema_inside(place, SK_STR("minContains"));
    struct sk_schema_place at_most = sk_schema_inside(place, SK_STR("maxContains"));
    rule->count = 1;
    rule->most = UINT64_MAX;
    if (least.value.size > 0) {
        sk_schema_read_count(c, &least, &at_least);
        rule->count = least.count;
    }
    if (most.value.size > 0) {
        sk_schema_read_count(c, &most, &at_most);
        rule->most = most.count;
    }
}

/* A list in `items` is prefixItems, and additionalItems is what items was. */
static bool read_old_items(struct sk_schema_compiler *c, struct sk_json_schema *node,
                           struct sk_str value, const struct sk_schema_place *place)
{
    if (sk_json_type(value) != SK_JSON_ARRAY) return false;
    struct sk_rule *rule = add_rule(node, SK_RULE_PREFIX_ITEMS, value);
    if (sk_json_count(value) > 0) read_list(c, rule, place);
    struct sk_str others = member(node, "additionalItems");
    if (others.size == 0) return true;
    struct sk_schema_place at = sk_schema_inside(place->up, SK_STR("additionalItems"));
    struct sk_rule *rest = add_rule(node, SK_RULE_ITEMS, others);
    rest->count = sk_json_count(value);
    read_schema(c, rest, &at);
    return true;
}

/* exclusiveMaximum: true belongs to maximum. */
static bool read_old_exclusive(struct sk_json_schema *node, enum sk_rule_kind kind,
                               struct sk_str value)
{
    enum sk_json_type type = sk_json_type(value);
    bool is_max = kind == SK_RULE_EXCLUSIVE_MAXIMUM;
    if (!is_max && kind != SK_RULE_EXCLUSIVE_MINIMUM) return false;
    if (type != SK_JSON_TRUE && type != SK_JSON_FALSE) return false;
    struct sk_str bound = member(node, is_max ? "maximum" : "minimum");
    if (type == SK_JSON_TRUE && sk_json_type(bound) == SK_JSON_NUMBER) add_rule(node, kind, bound);
    return true;
}

/* {a: [b]} or {a: schema}, one rule for each. */
static void read_dependencies(struct sk_schema_compiler *c, struct sk_json_schema *node,
                              const struct sk_schema_place *place)
{
    struct sk_str value = member(node, "dependencies");
    if (value.size == 0) return;
    size_t count = sk_json_type(value) == SK_JSON_OBJECT ? sk_json_count(value) : 0;
    struct sk_rule *lists = add_rule(node, SK_RULE_DEPENDENT_REQUIRED, value);
    struct sk_rule *schemas = add_rule(node, SK_RULE_DEPENDENT_SCHEMAS, value);
    struct sk_str *list_names = sk_schema_names_new(c, count),
                  *values = sk_schema_names_new(c, count);
    struct sk_str *names = sk_schema_names_new(c, count);
    struct sk_schema_place at_all = sk_schema_inside(place, SK_STR("dependencies"));
    schemas->nodes = nodes_new(c, count);
    if (c->arena->failed) return;
    struct sk_json_iter it = sk_json_walk(value);
    while (count > 0 && sk_json_next(&it)) {
        struct sk_str name = sk_schema_name(c, &it);
        struct sk_schema_place at = sk_schema_inside(&at_all, name);
        if (sk_schema_are_names(it.value)) {
            list_names[lists->size] = name;
            values[lists->size++] = it.value;
        } else {
            names[schemas->size] = name;
            schemas->nodes[schemas->size++] = node_of(c, it.value, &at);
        }
    }
    lists->names = list_names;
    lists->values = values;
    schemas->names = names;
}

/* Schemas that are only referred to are looked at as well: a mistake is told before it is used. */
static void read_definitions(struct sk_schema_compiler *c, const struct sk_json_schema *node,
                             const struct sk_schema_place *place)
{
    static const char *const names[] = { "$defs", "definitions" };
    for (size_t i = 0; i < 2; i++) {
        struct sk_rule rule = { .value = member(node, names[i]) };
        struct sk_schema_place at = sk_schema_inside(place, sk_str_of(names[i]));
        if (rule.value.size > 0) read_map(c, &rule, &at);
    }
}

/* ---- one node -------------------------------------------------------------------------------- */

static void read_member(struct sk_schema_compiler *c, struct sk_json_schema *node,
                        const struct sk_json_iter *it, const struct sk_schema_place *place)
{
    struct sk_str name = sk_schema_name(c, it);
    struct sk_schema_place at = sk_schema_inside(place, name);
    const struct keyword *keyword = keyword_named(name);
    if (keyword == NULL) {
        tell_unknown(c, &at, name);
    } else if (keyword->is_refused) {
        sk_schema_tell(c, true, &at, "is not supported",
                       "use $ref, properties, additionalProperties, items");
    } else if (keyword->read != NULL && !read_old_exclusive(node, keyword->kind, it->value) &&
               !(keyword->kind == SK_RULE_ITEMS && read_old_items(c, node, it->value, &at))) {
        struct sk_rule *rule = add_rule(node, keyword->kind, it->value);
        if (keyword->kind == SK_RULE_ITEMS)
            rule->count = sk_json_count(member(node, "prefixItems"));
        keyword->read(c, rule, &at);
        if (keyword->kind == SK_RULE_IF) read_if(c, node, rule, place);
        if (keyword->kind == SK_RULE_CONTAINS) read_contains(c, node, rule, place);
    }
}

static void read_node(struct sk_schema_compiler *c, struct sk_json_schema *node,
                      const struct sk_schema_place *place)
{
    enum sk_json_type type = sk_json_type(node->source);
    node->is_never = type == SK_JSON_FALSE;
    if (type == SK_JSON_FALSE || type == SK_JSON_TRUE) return;
    if (type != SK_JSON_OBJECT) {
        sk_schema_tell(c, true, place, "is no schema", "write a map, true or false");
        return;
    }
    /* old forms make two rules of one keyword */
    node->rules = SK_ARENA_ARRAY(c->arena, struct sk_rule, 2 * sk_json_count(node->source) + 2);
    if (node->rules == NULL) return;
    read_definitions(c, node, place); /* first: references then lead to what is there */
    struct sk_json_iter it = sk_json_walk(node->source);
    while (sk_json_next(&it)) read_member(c, node, &it, place);
    read_dependencies(c, node, place);
    for (uint32_t i = 0; i < node->rules_count; i++) {
        const struct sk_rule *rule = &node->rules[i];
        if (rule->kind == SK_RULE_PROPERTIES) node->properties = rule;
        if (rule->kind == SK_RULE_PATTERN_PROPERTIES) node->pattern_properties = rule;
    }
}

static struct sk_json_schema *node_of(struct sk_schema_compiler *c, struct sk_str source,
                                      const struct sk_schema_place *place)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->nodes[i]->source.data == source.data) return c->nodes[i];
    }
    if (c->count >= SK_SCHEMA_NODES_MAX || c->depth >= SK_SCHEMA_DEPTH_MAX) {
        if (!c->is_full) {
            sk_schema_tell(c, true, place, "makes the schema too large",
                           "2000 schemas at most, 256 within each other");
        }
        c->is_full = true; /* told once */
        return NULL;
    }
    struct sk_json_schema *node = SK_ARENA_NEW(c->arena, struct sk_json_schema);
    if (node == NULL) return NULL;
    node->source = source;
    c->nodes[c->count++] = node;
    c->depth += 1;
    read_node(c, node, place);
    c->depth -= 1;
    return node;
}

/* ---- J2 -------------------------------------------------------------------------------------- */

static bool stays_in_place(enum sk_rule_kind kind)
{
    return kind == SK_RULE_ALL_OF || kind == SK_RULE_ANY_OF || kind == SK_RULE_ONE_OF ||
           kind == SK_RULE_NOT || kind == SK_RULE_IF || kind == SK_RULE_REF ||
           kind == SK_RULE_DEPENDENT_SCHEMAS;
}

enum { UNSEEN, OPEN, CLOSED };

/* As deep as there are nodes: bounded. */
static bool leads_to_itself(struct sk_json_schema *node)
{
    if (node == NULL || node->mark == CLOSED) return false;
    if (node->mark == OPEN) return true;
    node->mark = OPEN;
    for (uint32_t i = 0; i < node->rules_count; i++) {
        const struct sk_rule *rule = &node->rules[i];
        if (!stays_in_place(rule->kind) || rule->nodes == NULL) continue;
        uint32_t count = rule->kind == SK_RULE_IF ? 3 : rule->size;
        for (uint32_t n = 0; n < count; n++) {
            if (leads_to_itself((struct sk_json_schema *)rule->nodes[n])) return true;
        }
    }
    node->mark = CLOSED;
    return false;
}

enum skald_status sk_json_schema_compile(struct sk_str schema, struct sk_arena *arena,
                                         sk_schema_complain *complain, void *context,
                                         const struct sk_json_schema **out)
{
    struct sk_schema_place root = { .up = NULL };
    struct sk_schema_compiler c = {
        .arena = arena, .root = sk_json_trim(schema), .complain = complain, .context = context
    };
    c.nodes = SK_ARENA_ARRAY(arena, struct sk_json_schema *, SK_SCHEMA_NODES_MAX);
    if (c.nodes == NULL) return SKALD_E_MEMORY;
    struct sk_json_schema *node = node_of(&c, c.root, &root);
    if (arena->failed) return SKALD_E_MEMORY;
    for (uint32_t i = 0; c.errors == 0 && i < c.count; i++) {
        if (!leads_to_itself(c.nodes[i])) continue;
        sk_schema_tell(&c, true, &root, "refers to itself without going into the value",
                       "look at $ref, allOf, anyOf, oneOf, not and if");
    }
    if (c.errors > 0) return SKALD_E_INVALID;
    *out = node;
    return SKALD_OK;
}

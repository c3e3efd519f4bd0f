/* openapi_schema.c: the types of schemas.h and the inputs as JSON Schema, and values that fit. */
#include "api/openapi.h"

#include "api/schemas.h"

#include <stdio.h>

/* ---- types ----------------------------------------------------------------------------------- */

/* "Step[]?" taken apart: nullable, LIST, "Step". */
enum wrap { WRAP_NONE, WRAP_LIST, WRAP_MAP, WRAP_PAGE };
struct type {
    struct sk_str base;
    enum wrap wrap;
    bool is_nullable;
};

static const struct {
    const char *name, *json_type, *more, *example;
} scalars[] = {
    { "text", "string", NULL, "\"text\"" },
    { "time", "string", ",\"format\":\"date-time\"", "\"2026-01-31T12:00:00.000Z\"" },
    { "digest", "string", ",\"pattern\":\"^[0-9a-f]{64}$\"",
      "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"" },
    { "bool", "boolean", NULL, "false" },
    { "int", "integer", NULL, "0" },
    { "count", "integer", ",\"minimum\":0", "1" },
    { "number", "number", NULL, "0.5" },
    { "object", "object", NULL, "{}" },
    { "any", NULL, NULL, "{\"amount\":99}" },
};

enum { SCALARS_COUNT = sizeof scalars / sizeof scalars[0], EXAMPLE_DEPTH_MAX = 4 };

/* What a text is for example: by the member's name. */
static const struct {
    const char *member, *example;
} texts[] = {
    { "id", "order-42" },
    { "saga", "order-42" },
    { "definition", "order" },
    { "version", "1" },
    { "namespace", "shop" },
    { "business_key", "customer-7" },
    { "name", "Pay" },
    { "step", "pay" },
    { "code", "card_declined" },
    { "tags", "web" },
    { "by", "ada" },
    { "message", "the card was declined" },
    { "key", "account-7" },
    { "cursor", "MToxMDAw" },
    { "type", "/problems/not-found" },
    { "title", "Not Found" },
    { "status", "alive" },
    { "detail", "there is no saga with this id" },
    { "node", "node-1" },
    { "holder", "order-42" },
    { "remedy", "GET /api/v1/sagas lists them" },
    { "residue", "notify" },
    { "file", "order.yaml" },
    { "api", "v1" },
    { "path", "steps[0].id" },
    { "parent", "trip-1" },
    { "suspend_reason", "operator" },
};

static struct type type_of(struct sk_str text)
{
    struct type type = { .base = text };
    struct sk_str page = SK_STR("list:");
    if (sk_str_starts(text, page)) {
        return (struct type){ .base = sk_str_sub(text, page.size, text.size), .wrap = WRAP_PAGE };
    }
    if (type.base.size > 0 && type.base.data[type.base.size - 1] == '?') {
        type.is_nullable = true;
        type.base.size -= 1;
    }
    if (type.base.size < 2) return type;
    struct sk_str end = sk_str_sub(type.base, type.base.size - 2, 2);
    if (sk_str_is(end, "[]")) type.wrap = WRAP_LIST;
    if (sk_str_is(end, "{}")) type.wrap = WRAP_MAP;
    if (type.wrap != WRAP_NONE) type.base.size -= 2;
    return type;
}

static size_t scalar_of(struct sk_str name)
{
    for (size_t i = 0; i < SCALARS_COUNT; i++) {
        if (sk_str_is(name, scalars[i].name)) return i;
    }
    return SCALARS_COUNT;
}

static const struct sk_schema_enum *enum_of(struct sk_str name)
{
    for (size_t i = 0; i < sk_schema_enums_count; i++) {
        if (sk_str_is(sk_str_sub(name, 1, name.size), sk_schema_enums[i].name)) {
            return &sk_schema_enums[i];
        }
    }
    return NULL;
}

static const struct sk_schema *schema_of(struct sk_str name)
{
    for (size_t t = 0; sk_schema_tables[t] != NULL; t++) {
        for (const struct sk_schema *row = sk_schema_tables[t]; row->name != NULL; row++) {
            if (sk_str_is(name, row->name)) return row;
        }
    }
    return NULL;
}

/* ---- schemas --------------------------------------------------------------------------------- */

static void put_json_type(struct sk_json_writer *w, const char *name, bool is_nullable)
{
    sk_json_key(w, "type");
    if (!is_nullable) {
        sk_json_put_text(w, name);
        return;
    }
    sk_json_begin_array(w);
    sk_json_put_text(w, name);
    sk_json_put_text(w, "null");
    sk_json_end_array(w);
}

static void put_enum(struct sk_json_writer *w, const struct sk_schema_enum *values,
                     bool is_nullable)
{
    put_json_type(w, "string", is_nullable);
    sk_json_key(w, "enum");
    sk_json_begin_array(w);
    for (size_t i = 0; values != NULL && values->value(i) != NULL; i++) {
        if (values->value(i)[0] != 0) sk_json_put_text(w, values->value(i));
    }
    if (is_nullable) sk_json_put_null(w);
    sk_json_end_array(w);
}

static void put_ref(struct sk_json_writer *w, struct sk_str name)
{
    struct sk_buf path = { 0 };
    sk_buf_append_text(&path, "#/components/schemas/");
    sk_buf_append_str(&path, name);
    sk_json_key(w, "$ref");
    sk_json_put_str(w, sk_buf_view(&path));
    sk_buf_release(&path);
}

/* The members of the schema object of a type without brackets. */
static void put_base(struct sk_json_writer *w, struct sk_str base, bool is_nullable)
{
    size_t scalar = scalar_of(base);
    if (base.size > 0 && base.data[0] == '@') {
        put_enum(w, enum_of(base), is_nullable);
    } else if (scalar == SCALARS_COUNT && is_nullable) {
        sk_json_key(w, "anyOf");
        sk_json_begin_array(w);
        sk_json_begin_object(w);
        put_ref(w, base);
        sk_json_end_object(w);
        sk_json_put_raw(w, SK_STR("{\"type\":\"null\"}"));
        sk_json_end_array(w);
    } else if (scalar == SCALARS_COUNT) {
        put_ref(w, base);
    } else if (scalars[scalar].json_type != NULL) {
        put_json_type(w, scalars[scalar].json_type, is_nullable);
        if (scalars[scalar].more != NULL) sk_buf_append_text(w->out, scalars[scalar].more);
    }
}

static void put_page(struct sk_json_writer *w, struct sk_str base)
{
    put_json_type(w, "object", false);
    sk_json_key(w, "required");
    sk_json_put_raw(w, SK_STR("[\"items\",\"next\"]"));
    sk_json_key(w, "properties");
    sk_json_begin_object(w);
    sk_json_key(w, "items");
    sk_json_begin_object(w);
    put_json_type(w, "array", false);
    sk_json_key(w, "items");
    sk_json_begin_object(w);
    put_base(w, base, false);
    sk_json_end_object(w);
    sk_json_end_object(w);
    sk_json_key(w, "next");
    sk_json_put_raw(w, SK_STR("{\"type\":[\"string\",\"integer\",\"null\"],\"description\":"
                              "\"where the next page begins; null = this was the last\"}"));
    sk_json_end_object(w);
}

void sk_openapi_type(struct sk_json_writer *w, struct sk_str type, const char *help)
{
    struct type parts = type_of(type);
    sk_json_begin_object(w);
    switch (parts.wrap) {
    case WRAP_NONE: put_base(w, parts.base, parts.is_nullable); break;
    case WRAP_PAGE: put_page(w, parts.base); break;
    case WRAP_LIST:
    case WRAP_MAP:
        put_json_type(w, parts.wrap == WRAP_LIST ? "array" : "object", parts.is_nullable);
        sk_json_key(w, parts.wrap == WRAP_LIST ? "items" : "additionalProperties");
        sk_json_begin_object(w);
        put_base(w, parts.base, false);
        sk_json_end_object(w);
        break;
    }
    if (help != NULL) {
        sk_json_key(w, "description");
        sk_json_put_text(w, help);
    }
    sk_json_end_object(w);
}

static struct sk_str member_name(const struct sk_member *member, bool *out_is_optional)
{
    struct sk_str name = sk_str_of(member->name);
    *out_is_optional = name.data[name.size - 1] == '?';
    if (*out_is_optional) name.size -= 1;
    return name;
}

static void put_schema(struct sk_json_writer *w, const struct sk_schema *schema)
{
    bool is_optional;
    sk_json_begin_object(w);
    put_json_type(w, "object", false);
    sk_json_key(w, "description");
    sk_json_put_text(w, schema->help);
    sk_json_key(w, "required");
    sk_json_begin_array(w);
    for (const struct sk_member *m = schema->members; m->name != NULL; m++) {
        struct sk_str name = member_name(m, &is_optional);
        if (!is_optional) sk_json_put_str(w, name);
    }
    sk_json_end_array(w);
    sk_json_key(w, "properties");
    sk_json_begin_object(w);
    for (const struct sk_member *m = schema->members; m->name != NULL; m++) {
        sk_json_key_str(w, member_name(m, &is_optional));
        sk_openapi_type(w, sk_str_of(m->type), m->help);
    }
    sk_json_end_object(w);
    sk_json_key(w, "examples");
    sk_json_begin_array(w);
    sk_openapi_example(w, sk_str_of(schema->name));
    sk_json_end_array(w);
    sk_json_end_object(w);
}

void sk_openapi_schemas(struct sk_json_writer *w, bool with_rte)
{
    sk_json_begin_object(w);
    for (size_t t = 0; sk_schema_tables[t] != NULL; t++) {
        if (sk_schema_tables[t] == sk_rte_schemas && !with_rte) continue;
        for (const struct sk_schema *row = sk_schema_tables[t]; row->name != NULL; row++) {
            sk_json_key(w, row->name);
            put_schema(w, row);
        }
    }
    sk_json_end_object(w);
}

/* ---- examples -------------------------------------------------------------------------------- */

static void put_example(struct sk_json_writer *w, struct sk_str text, struct sk_str member,
                        uint32_t depth);

static void put_scalar_example(struct sk_json_writer *w, size_t scalar, struct sk_str member)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(scalars[scalar].name, "text") != 0) break;
        if (!sk_str_is(member, texts[i].member)) continue;
        sk_json_put_text(w, texts[i].example);
        return;
    }
    sk_json_put_raw(w, sk_str_of(scalars[scalar].example));
}

static void put_object_example(struct sk_json_writer *w, const struct sk_schema *schema,
                               uint32_t depth)
{
    sk_json_begin_object(w);
    for (const struct sk_member *m = schema->members; m->name != NULL; m++) {
        bool is_optional;
        struct sk_str name = member_name(m, &is_optional);
        if (is_optional && depth > 0) continue;
        sk_json_key_str(w, name);
        put_example(w, sk_str_of(m->type), name, depth + 1);
    }
    sk_json_end_object(w);
}

static void put_base_example(struct sk_json_writer *w, struct sk_str base, struct sk_str member,
                             uint32_t depth)
{
    size_t scalar = scalar_of(base);
    const struct sk_schema *schema = schema_of(base);
    if (base.size > 0 && base.data[0] == '@') {
        const struct sk_schema_enum *values = enum_of(base);
        size_t first = 0;
        while (values->value(first)[0] == 0) first += 1;
        sk_json_put_text(w, values->value(first));
    } else if (scalar < SCALARS_COUNT) {
        put_scalar_example(w, scalar, member);
    } else if (schema != NULL) {
        put_object_example(w, schema, depth);
    } else {
        sk_json_put_null(w);
    }
}

static void put_example(struct sk_json_writer *w, struct sk_str text, struct sk_str member,
                        uint32_t depth)
{
    struct type type = type_of(text);
    bool is_deep = depth >= EXAMPLE_DEPTH_MAX;
    if (type.is_nullable && depth > 1 && schema_of(type.base) != NULL) {
        sk_json_put_null(w);
        return;
    }
    switch (type.wrap) {
    case WRAP_NONE: put_base_example(w, type.base, member, depth); break;
    case WRAP_LIST:
        sk_json_begin_array(w);
        if (!is_deep) put_base_example(w, type.base, member, depth);
        sk_json_end_array(w);
        break;
    case WRAP_MAP: sk_json_put_raw(w, SK_STR("{}")); break;
    case WRAP_PAGE:
        sk_json_begin_object(w);
        sk_json_key(w, "items");
        sk_json_begin_array(w);
        put_base_example(w, type.base, member, depth);
        sk_json_end_array(w);
        sk_json_key(w, "next");
        sk_json_put_null(w);
        sk_json_end_object(w);
        break;
    }
}

void sk_openapi_example(struct sk_json_writer *w, struct sk_str type)
{
    put_example(w, type, (struct sk_str){ 0 }, 0);
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static void put_text_limits(struct sk_json_writer *w, const struct sk_input *input)
{
    put_json_type(w, "string", false);
    if (input->is_required || input->kind == SK_INPUT_ID) {
        sk_json_key(w, "minLength");
        sk_json_put_u64(w, 1);
    }
    sk_json_key(w, "maxLength");
    sk_json_put_u64(w, input->size_max == 0 ? SK_INPUT_TEXT_SIZE_MAX : input->size_max);
}

static void put_pattern(struct sk_json_writer *w, const char *pattern)
{
    sk_json_key(w, "pattern");
    sk_json_put_text(w, pattern);
}

static void put_text_list(struct sk_json_writer *w, const struct sk_input *input)
{
    size_t size_max = input->size_max == 0 ? SK_INPUT_TEXT_SIZE_MAX : input->size_max;
    put_json_type(w, "array", false);
    sk_json_key(w, "maxItems");
    sk_json_put_u64(w, SK_INPUT_LIST_MAX);
    sk_json_key(w, "items");
    sk_json_begin_object(w);
    put_json_type(w, "string", false);
    sk_json_key(w, "minLength");
    sk_json_put_u64(w, 1);
    sk_json_key(w, "maxLength");
    sk_json_put_u64(w, size_max);
    sk_json_end_object(w);
}

void sk_openapi_input(struct sk_json_writer *w, const struct sk_input *input)
{
    sk_json_begin_object(w);
    switch (input->kind) {
    case SK_INPUT_TEXT:
    case SK_INPUT_PROSE: put_text_limits(w, input); break;
    case SK_INPUT_NAME:
        put_text_limits(w, input);
        put_pattern(w, "^([a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?)?$");
        break;
    case SK_INPUT_ID:
        put_text_limits(w, input);
        put_pattern(w, "^[A-Za-z0-9_:-]{1,200}$");
        break;
    case SK_INPUT_JSON: break;
    case SK_INPUT_OBJECT: put_json_type(w, "object", false); break;
    case SK_INPUT_SCALARS:
        put_json_type(w, "object", false);
        sk_json_key(w, "additionalProperties");
        sk_json_put_raw(w, SK_STR("{\"type\":[\"string\",\"number\",\"boolean\",\"null\"]}"));
        break;
    case SK_INPUT_TAGS:
    case SK_INPUT_TEXTS: put_text_list(w, input); break;
    case SK_INPUT_DURATION:
        put_json_type(w, "string", false);
        put_pattern(w, "^([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h|d)"
                       "(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h|d))*$");
        break;
    case SK_INPUT_INSTANT:
        put_json_type(w, "string", false);
        put_pattern(w, "^([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?"
                       "([Zz]|[+-][0-9]{2}:[0-9]{2})|([0-9]+([.][0-9]*)?(ns|us|ms|s|m|h|d))+)$");
        break;
    case SK_INPUT_NUMBER:
        put_json_type(w, "integer", false);
        sk_json_key(w, "minimum");
        sk_json_put_i64(w, input->min);
        sk_json_key(w, "maximum");
        sk_json_put_i64(w, input->max);
        break;
    case SK_INPUT_FLAG: put_json_type(w, "boolean", false); break;
    }
    sk_json_key(w, "description");
    sk_json_put_text(w, input->help);
    sk_json_end_object(w);
}

void sk_openapi_inputs(struct sk_json_writer *w, const struct sk_input *inputs)
{
    sk_json_begin_object(w);
    put_json_type(w, "object", false);
    sk_json_key(w, "required");
    sk_json_begin_array(w);
    for (const struct sk_input *input = inputs; input->name != NULL; input++) {
        if (input->is_required) sk_json_put_text(w, input->name);
    }
    sk_json_end_array(w);
    sk_json_key(w, "additionalProperties");
    sk_json_put_bool(w, false);
    sk_json_key(w, "properties");
    sk_json_begin_object(w);
    for (const struct sk_input *input = inputs; input->name != NULL; input++) {
        sk_json_key(w, input->name);
        sk_openapi_input(w, input);
    }
    sk_json_end_object(w);
    sk_json_end_object(w);
}

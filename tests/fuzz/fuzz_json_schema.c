/*
 * fuzz_json_schema.c: the checker of inputs. The input is a schema and, behind a line `---`, a
 * value; both JSON.
 *
 *   1  A schema that is refused is refused with a place that leads into it.
 *   2  A check ends within its budget: no hang, whatever is written (libFuzzer's -timeout).
 *   3  A value that does not fit has between 1 and SK_SCHEMA_VIOLATIONS_MAX reasons with places.
 *   4  The verdict is the same a second time, under allOf, anyOf and oneOf of one, twice negated,
 *      and opposite under not.
 */
#include "fuzz.h"

#include "dsl/json_schema.h"

enum { BUDGET = 2000000 };

struct told {
    uint32_t errors, violations;
};

static bool is_pointer(struct sk_str pointer)
{
    return sk_utf8_valid(pointer) && (pointer.size == 0 || pointer.data[0] == '/');
}

static void complain(void *context, bool is_error, struct sk_str pointer, const char *message,
                     const char *remedy)
{
    struct told *told = context;
    told->errors += is_error ? 1 : 0;
    FUZZ_CHECK(is_pointer(pointer), "%.*s", SK_STR_ARGS(pointer));
    FUZZ_CHECK(message[0] != '\0', "no words");
    (void)remedy; /* there may be none */
}

static void on_violation(void *context, struct sk_str pointer, struct sk_str message)
{
    struct told *told = context;
    told->violations += 1;
    FUZZ_CHECK(is_pointer(pointer), "%.*s", SK_STR_ARGS(pointer));
    FUZZ_CHECK(message.size > 0 && sk_utf8_valid(message), "no words");
}

static enum skald_status compile(struct sk_str text, struct sk_arena *arena,
                                 const struct sk_json_schema **out)
{
    struct told told = { 0 };
    enum skald_status status = sk_json_schema_compile(text, arena, complain, &told, out);
    FUZZ_CHECK(status == SKALD_OK || status == SKALD_E_INVALID, "%s", skald_status_name(status));
    FUZZ_CHECK((told.errors > 0) == (status == SKALD_E_INVALID), "%u errors", told.errors);
    return status;
}

static enum skald_status check(const struct sk_json_schema *schema, struct sk_str value)
{
    struct told told = { 0 };
    enum skald_status status = sk_json_schema_check(schema, value, BUDGET, on_violation, &told);
    FUZZ_CHECK(status == SKALD_OK || status == SKALD_E_INVALID || status == SKALD_E_LIMIT, "%s",
               skald_status_name(status));
    FUZZ_CHECK(told.violations <= SK_SCHEMA_VIOLATIONS_MAX, "%u violations", told.violations);
    if (status == SKALD_OK) FUZZ_CHECK(told.violations == 0, "it fits, but");
    if (status == SKALD_E_INVALID) FUZZ_CHECK(told.violations > 0, "it does not fit, but why");
    return status;
}

/* The schema inside of another one: false where a reference would lead elsewhere. */
static bool has_references(struct sk_str schema)
{
    for (size_t i = 0; i < schema.size; i++) {
        i += sk_str_find(sk_str_sub(schema, i, schema.size), '$');
        if (i < schema.size) return true;
    }
    for (size_t i = 0; i < schema.size; i++) { /* \u0024ref */
        i += sk_str_find(sk_str_sub(schema, i, schema.size), '\\');
        if (i < schema.size) return true;
    }
    return false;
}

static void check_inside(struct sk_str schema, struct sk_str value, enum skald_status verdict)
{
    static const struct {
        const char *before, *after;
        bool is_opposite;
    } frames[] = {
        { "{\"not\":", "}", true },
        { "{\"not\":{\"not\":", "}}", false },
        { "{\"allOf\":[", "]}", false },
        { "{\"anyOf\":[", "]}", false },
        { "{\"oneOf\":[", ",false]}", false },
        { "{\"if\":", ",\"then\":true,\"else\":false}", false },
    };
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        struct sk_arena arena;
        struct sk_buf text;
        const struct sk_json_schema *framed = NULL;
        sk_arena_init(&arena);
        sk_buf_init(&text, 0);
        sk_buf_append_text(&text, frames[i].before);
        sk_buf_append_str(&text, schema);
        sk_buf_append_text(&text, frames[i].after);
        bool is_sound = sk_json_check(sk_buf_view(&text), NULL) == SKALD_OK &&
                        compile(sk_buf_view(&text), &arena, &framed) == SKALD_OK;
        enum skald_status inside = is_sound ? check(framed, value) : SKALD_E_LIMIT;
        if (inside != SKALD_E_LIMIT)
            FUZZ_CHECK((inside == SKALD_OK) == ((verdict == SKALD_OK) != frames[i].is_opposite),
                       "%s", sk_buf_text(&text));
        sk_buf_release(&text);
        sk_arena_release(&arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sk_str whole = { (const char *)data, size }, schema, value;
    struct sk_arena arena;
    const struct sk_json_schema *compiled = NULL;
    fuzz_split(whole, "---", &schema, &value);
    if (sk_json_check(schema, NULL) != SKALD_OK) return 0;
    if (sk_json_check(value, NULL) != SKALD_OK) value = SK_STR("{\"a\":[1,\"b\",null,{}]}");
    sk_arena_init(&arena);
    if (compile(schema, &arena, &compiled) == SKALD_OK) {
        enum skald_status verdict = check(compiled, value);
        FUZZ_CHECK(check(compiled, value) == verdict, "another verdict the second time");
        if (verdict != SKALD_E_LIMIT && !has_references(schema))
            check_inside(schema, value, verdict);
    }
    sk_arena_release(&arena);
    return 0;
}

static const char *const words[] = { "{\"type\":\"string\"}",
                                     "{\"type\":[\"integer\",\"null\"]}",
                                     "{\"enum\":[1,\"a\",null]}",
                                     "{\"const\":1.0}",
                                     "{\"pattern\":\"^(a|b)*c{1,3}$\"}",
                                     "{\"minLength\":2,\"maxLength\":3}",
                                     "{\"multipleOf\":0.01}",
                                     "{\"minimum\":0,\"exclusiveMaximum\":10}",
                                     "{\"$ref\":\"#\"}",
                                     "{\"$ref\":\"#/$defs/a\"}",
                                     "{\"items\":{\"type\":\"number\"},\"uniqueItems\":true}",
                                     "{\"prefixItems\":[true,false]}",
                                     "{\"contains\":{},\"minContains\":2,\"maxContains\":3}",
                                     "{\"required\":[\"a\"],\"properties\":{\"a\":true}}",
                                     "{\"additionalProperties\":false}",
                                     "{\"patternProperties\":{\"^a\":false}}",
                                     "{\"propertyNames\":{\"maxLength\":1}}",
                                     "{\"dependentRequired\":{\"a\":[\"b\"]}}",
                                     "{\"dependentSchemas\":{\"a\":false}}",
                                     "{\"allOf\":[true,{}]}",
                                     "{\"anyOf\":[false,{}]}",
                                     "{\"oneOf\":[{},{}]}",
                                     "{\"not\":{}}",
                                     "{\"if\":{},\"then\":false,\"else\":true}",
                                     "true",
                                     "false",
                                     "0",
                                     "-1",
                                     "2.5",
                                     "\"a\"",
                                     "\"\"",
                                     "[]",
                                     "{}",
                                     "null",
                                     "1e300",
                                     "\"(((a*)*)*)*b\"",
                                     NULL };

/* Schema and value are mutated as JSON, each for itself. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    struct fuzz_chance chance = { seed };
    struct sk_str whole = { (const char *)data, size }, schema, value;
    fuzz_split(whole, "---", &schema, &value);
    if (value.size == 0 || fuzz_draw(&chance, 5) == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    size_t head = (size_t)(value.data - whole.data);
    if (fuzz_draw(&chance, 2) == 0)
        return head + fuzz_mutate_json(data + head, value.size, max_size - head, seed, words);
    struct sk_buf text;
    uint8_t *room = (uint8_t *)sk_buf_reserve((sk_buf_init(&text, 0), &text), max_size);
    if (room == NULL || schema.size == 0) {
        sk_buf_release(&text);
        return LLVMFuzzerMutate(data, size, max_size);
    }
    memcpy(room, schema.data, schema.size);
    size_t schema_size = fuzz_mutate_json(room, schema.size, max_size, seed, words);
    text.size = schema_size;
    if (text.data[text.size - 1] != '\n') sk_buf_append_char(&text, '\n');
    sk_buf_append_text(&text, "---\n");
    sk_buf_append_str(&text, value);
    if (text.size <= max_size) {
        memcpy(data, text.data, text.size);
        size = text.size;
    }
    sk_buf_release(&text);
    return size;
}

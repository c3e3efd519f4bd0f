/*
 * test_json_schema.c: schemas and values that fit or do not, what is told about them, schemas that
 * are refused, regular expressions, and what must not take long or deep. Against another
 * implementation: tests/integration/test_input_schema.py.
 */
#include "base/buf.h"
#include "base/json.h"
#include "dsl/json_pattern.h"
#include "dsl/json_schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

static struct sk_buf told;

static void on_problem(void *context, bool is_error, struct sk_str pointer, const char *message,
                       const char *remedy)
{
    (void)context;
    sk_buf_printf(&told, "%s %.*s: %s (%s)\n", is_error ? "error" : "warning", SK_STR_ARGS(pointer),
                  message, remedy == NULL ? "" : remedy);
}

static void on_violation(void *context, struct sk_str pointer, struct sk_str message)
{
    (void)context;
    sk_buf_printf(&told, "%.*s: %.*s\n", SK_STR_ARGS(pointer), SK_STR_ARGS(message));
}

static enum skald_status check(struct sk_str schema, struct sk_str value, int64_t budget)
{
    struct sk_arena arena;
    const struct sk_json_schema *compiled = NULL;
    sk_arena_init(&arena);
    sk_buf_clear(&told);
    enum skald_status status = sk_json_schema_compile(schema, &arena, on_problem, NULL, &compiled);
    if (status != SKALD_OK) fail_msg("%.*s: %s", SK_STR_ARGS(schema), sk_buf_text(&told));
    sk_buf_clear(&told);
    status = sk_json_schema_check(compiled, value, budget, on_violation, NULL);
    sk_arena_release(&arena);
    return status;
}

/* ---- what fits ------------------------------------------------------------------------------- */

static const struct {
    const char *schema;
    const char *fitting, *unfitting; /* apart by " | " */
} rows[] = {
    { "{}", "1 | null | [] | {\"a\":1}", "" },
    { "true", "1", "" },
    { "false", "", "1 | null" },
    { "{\"type\":\"integer\"}", "1 | -3 | 1.0 | 1e2 | 12345678901234567890", "1.5 | \"1\" | null" },
    { "{\"type\":[\"string\",\"null\"]}", "\"\" | null", "0 | [] | true" },
    { "{\"type\":\"number\"}", "1 | 1.5", "\"1\"" },
    { "{\"type\":\"boolean\"}", "true | false", "0 | null" },
    { "{\"enum\":[1,\"a\",{\"b\":[2]}]}", "1 | 1.0 | \"a\" | \"\\u0061\" | {\"b\":[2]}",
      "2 | \"b\" | {\"b\":[3]}" },
    { "{\"const\":{\"a\":1,\"b\":2}}", "{\"b\":2,\"a\":1}", "{\"a\":1}" },
    { "{\"multipleOf\":0.01}", "1 | 4.35 | 0 | \"x\" | 19.99", "0.001 | 4.355" },
    { "{\"multipleOf\":3}", "9 | 0 | -3 | 6.0", "10 | 1.5" },
    { "{\"minimum\":1,\"maximum\":3}", "1 | 3 | 2.5 | \"9\"", "0.99 | 3.01" },
    { "{\"exclusiveMinimum\":1,\"exclusiveMaximum\":3}", "2 | 1.01", "1 | 3" },
    { "{\"minimum\":1,\"exclusiveMinimum\":true}", "2", "1" },
    { "{\"minLength\":2,\"maxLength\":3}", "\"äö\" | \"abc\" | \"\\u00e4b\" | 5",
      "\"ä\" | \"abcd\" | \"\\u00e4\"" },
    { "{\"pattern\":\"^[A-Z]{2}-\\\\d+$\"}", "\"AB-1\" | \"ZZ-123\" | 7",
      "\"A-1\" | \"AB-\" | \"xAB-1\"" },
    { "{\"minItems\":1,\"maxItems\":2}", "[1] | [1,2] | {}", "[] | [1,2,3]" },
    { "{\"uniqueItems\":true}", "[1,2,\"1\",[1],{\"a\":1}] | [] | [1,true]",
      "[1,2,1.0] | [{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}] | [\"a\",\"\\u0061\"]"
      " | [[1],[1]] | [0,-0.0]" },
    { "{\"items\":{\"type\":\"integer\"}}", "[] | [1,2] | 5", "[1,\"2\"]" },
    { "{\"prefixItems\":[{\"type\":\"string\"}],\"items\":{\"type\":\"integer\"}}",
      "[] | [\"a\"] | [\"a\",1,2]", "[1] | [\"a\",\"b\"]" },
    { "{\"prefixItems\":[true],\"items\":false}", "[] | [1]", "[1,2]" },
    { "{\"items\":[{\"type\":\"string\"}],\"additionalItems\":{\"type\":\"integer\"}}", "[\"a\",1]",
      "[\"a\",\"b\"] | [1]" },
    { "{\"contains\":{\"const\":1}}", "[1] | [2,1]", "[] | [2]" },
    { "{\"contains\":{\"const\":1},\"minContains\":2,\"maxContains\":3}", "[1,1] | [1,1,1,2]",
      "[1] | [1,1,1,1]" },
    { "{\"contains\":{\"const\":1},\"minContains\":0}", "[] | [2]", "" },
    { "{\"minProperties\":1,\"maxProperties\":1}", "{\"a\":1} | []", "{} | {\"a\":1,\"b\":2}" },
    { "{\"required\":[\"a\",\"b~/\"]}", "{\"a\":null,\"b~/\":1} | 4", "{} | {\"a\":1}" },
    { "{\"properties\":{\"a\":{\"type\":\"string\"},\"b\":false}}", "{} | {\"a\":\"\"} | {\"c\":1}",
      "{\"a\":1} | {\"b\":null} | {\"\\u0061\":1}" },
    { "{\"properties\":{\"a\":true},\"patternProperties\":{\"^x-\":{\"type\":\"integer\"}},"
      "\"additionalProperties\":false}",
      "{\"a\":1,\"x-1\":2}", "{\"b\":1} | {\"x-1\":\"2\"} | {\"a\":1,\"y\":2}" },
    { "{\"additionalProperties\":{\"type\":\"string\"}}", "{\"a\":\"b\"}", "{\"a\":1}" },
    { "{\"propertyNames\":{\"maxLength\":2}}", "{\"ab\":1} | {\"\\u00e4\\u00e4\":1}",
      "{\"abc\":1}" },
    { "{\"dependentRequired\":{\"card\":[\"name\",\"cvc\"]}}",
      "{} | {\"name\":1} | {\"card\":1,\"name\":2,\"cvc\":3}", "{\"card\":1,\"name\":2}" },
    { "{\"dependentSchemas\":{\"card\":{\"required\":[\"cvc\"]}}}", "{} | {\"card\":1,\"cvc\":1}",
      "{\"card\":1}" },
    { "{\"dependencies\":{\"a\":[\"b\"],\"c\":{\"required\":[\"d\"]}}}", "{\"a\":1,\"b\":1} | {}",
      "{\"a\":1} | {\"c\":1}" },
    { "{\"allOf\":[{\"minimum\":1},{\"maximum\":3}]}", "2", "0 | 4" },
    { "{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", "\"a\" | 6", "4" },
    { "{\"oneOf\":[{\"multipleOf\":2},{\"multipleOf\":3}]}", "2 | 9", "6 | 5" },
    { "{\"not\":{\"type\":\"null\"}}", "1", "null" },
    { "{\"if\":{\"properties\":{\"t\":{\"const\":\"a\"}}},\"then\":{\"required\":[\"x\"]},"
      "\"else\":{\"required\":[\"y\"]}}",
      "{\"t\":\"a\",\"x\":1} | {\"t\":\"b\",\"y\":1}", "{\"t\":\"a\",\"y\":1} | {\"t\":\"b\"}" },
    { "{\"$ref\":\"#/$defs/a%25b~1c\",\"$defs\":{\"a%b/c\":{\"type\":\"integer\"}}}", "1",
      "\"1\"" },
    { "{\"$defs\":{\"tree\":{\"type\":\"object\",\"properties\":{\"kids\":{\"items\":{\"$ref\":"
      "\"#/$defs/tree\"}}},\"required\":[\"v\"]}},\"$ref\":\"#/$defs/tree\"}",
      "{\"v\":1,\"kids\":[{\"v\":2,\"kids\":[]}]}", "{\"v\":1,\"kids\":[{\"kids\":[]}]} | 4" },
    { "{\"$ref\":\"#/definitions/a\",\"minimum\":5,\"definitions\":{\"a\":{\"type\":\"integer\"}}}",
      "5", "4 | 5.5" },
    { "{\"items\":{\"$ref\":\"#\"},\"type\":[\"array\",\"integer\"]}", "[1,[2,[]]]",
      "[1,[\"2\"]]" },
};

static void each_value(const char *values, const char *schema, enum skald_status expected)
{
    struct sk_str rest = sk_str_of(values);
    while (rest.size > 0) {
        const char *bar = strstr(rest.data, " | ");
        size_t size = bar == NULL ? rest.size : (size_t)(bar - rest.data);
        struct sk_str value = sk_str_sub(rest, 0, size);
        enum skald_status status = check(sk_str_of(schema), value, SK_SCHEMA_BUDGET);
        if (status != expected) {
            fail_msg("%s of %.*s: %s\n%s", schema, SK_STR_ARGS(value), skald_status_name(status),
                     sk_buf_text(&told));
        }
        assert_true((told.size == 0) == (status == SKALD_OK));
        rest = sk_str_sub(rest, bar == NULL ? size : size + 3, rest.size);
    }
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        each_value(rows[i].fitting, rows[i].schema, SKALD_OK);
        each_value(rows[i].unfitting, rows[i].schema, SKALD_E_INVALID);
    }
}

static void test_all_violations_with_their_places(void **state)
{
    (void)state;
    const char *schema =
        "{\"type\":\"object\",\"required\":[\"id\",\"who\"],\"additionalProperties\":false,"
        "\"properties\":{\"id\":{\"type\":\"string\"},\"a/b~c\":{\"maximum\":3},"
        "\"items\":{\"minItems\":1,\"items\":{\"required\":[\"sku\"],\"properties\":{\"qty\":"
        "{\"type\":\"integer\",\"minimum\":1}}}}}}";
    const char *value = "{\"id\":5,\"a/b~c\":4,\"items\":[{\"sku\":1,\"qty\":0},{\"qty\":\"x\"}],"
                        "\"more\":1}";
    assert_int_equal(check(sk_str_of(schema), sk_str_of(value), SK_SCHEMA_BUDGET), SKALD_E_INVALID);
    assert_string_equal(sk_buf_text(&told), ": has no member who\n"
                                            "/more: is not among the members it may have\n"
                                            "/id: is a number and not \"string\"\n"
                                            "/a~1b~0c: is more than 3\n"
                                            "/items/0/qty: is less than 1\n"
                                            "/items/1: has no member sku\n"
                                            "/items/1/qty: is a string and not \"integer\"\n");
}

/* ---- what is refused ------------------------------------------------------------------------- */

static const struct {
    const char *schema, *words;
} bad[] = {
    { "5", "error : is no schema" },
    { "{\"type\":\"int\"}", "error /type: is no type" },
    { "{\"type\":[]}", "error /type: is no type" },
    { "{\"properties\":[]}", "error /properties: is no map" },
    { "{\"properties\":{\"a\":{\"minimum\":\"1\"}}}", "error /properties/a/minimum: is no number" },
    { "{\"required\":\"a\"}", "error /required: is no list of names" },
    { "{\"minLength\":-1}", "error /minLength: is no count" },
    { "{\"multipleOf\":0}", "error /multipleOf: is not greater" },
    { "{\"allOf\":[]}", "error /allOf: is no list" },
    { "{\"items\":[{\"type\":4}]}", "error /items/0/type" },
    { "{\"$ref\":\"http://elsewhere/schema\"}", "other documents are not read" },
    { "{\"$ref\":\"#/$defs/none\"}", "error /$ref: leads nowhere" },
    { "{\"$ref\":\"#\"}", "refers to itself" },
    { "{\"anyOf\":[{\"type\":\"null\"},{\"not\":{\"$ref\":\"#\"}}]}", "refers to itself" },
    { "{\"$defs\":{\"a\":{\"allOf\":[{\"$ref\":\"#/$defs/b\"}]},\"b\":{\"$ref\":\"#/$defs/a\"}}}",
      "refers to itself" },
    { "{\"pattern\":\"(a\"}", "a ( without its )" },
    { "{\"pattern\":\"(?=a)\"}", "only (?: is supported" },
    { "{\"patternProperties\":{\"[\":true}}", "error /patternProperties/[: is no usable" },
    { "{\"unevaluatedProperties\":false}", "error /unevaluatedProperties: is not supported" },
    { "{\"uniqueItems\":1}", "neither true nor false" },
    { "{\"dependentRequired\":{\"a\":\"b\"}}", "error /dependentRequired/a" },
};

static void test_bad_schemas(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sk_arena arena;
        const struct sk_json_schema *compiled = NULL;
        sk_arena_init(&arena);
        sk_buf_clear(&told);
        enum skald_status status =
            sk_json_schema_compile(sk_str_of(bad[i].schema), &arena, on_problem, NULL, &compiled);
        if (status != SKALD_E_INVALID || strstr(sk_buf_text(&told), bad[i].words) == NULL) {
            fail_msg("%s: %s", bad[i].schema, sk_buf_text(&told));
        }
        sk_arena_release(&arena);
    }
}

static void test_unknown_keywords_are_told(void **state)
{
    (void)state;
    struct sk_arena arena;
    const struct sk_json_schema *compiled = NULL;
    sk_arena_init(&arena);
    sk_buf_clear(&told);
    assert_int_equal(sk_json_schema_compile(SK_STR("{\"properties\":{\"a\":{\"minimun\":1}}}"),
                                            &arena, on_problem, NULL, &compiled),
                     SKALD_OK);
    assert_string_equal(sk_buf_text(&told),
                        "warning /properties/a/minimun: is no keyword of JSON Schema and checks "
                        "nothing (did you mean `minimum`?)\n");
    sk_arena_release(&arena);
}

/* ---- what must end --------------------------------------------------------------------------- */

/* Two ways through each of thirty schemas: a billion in all. */
static void test_exponential_schema(void **state)
{
    (void)state;
    struct sk_buf schema = { 0 };
    sk_buf_append_text(&schema, "{\"$ref\":\"#/$defs/a0\",\"$defs\":{");
    for (int i = 0; i < 30; i++) {
        sk_buf_printf(
            &schema, "\"a%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/a%d\"},{\"$ref\":\"#/$defs/a%d\"}]},",
            i, i + 1, i + 1);
    }
    sk_buf_append_text(&schema, "\"a30\":{\"type\":\"string\"}}}");
    assert_int_equal(check(sk_buf_view(&schema), SK_STR("1"), 1000000), SKALD_E_LIMIT);
    assert_int_equal(check(sk_buf_view(&schema), SK_STR("\"s\""), 1000000), SKALD_OK);
    sk_buf_release(&schema);
}

static void test_large_values(void **state)
{
    (void)state;
    struct sk_buf value = { 0 };
    sk_buf_append_char(&value, '[');
    for (int i = 0; i < 100000; i++) sk_buf_printf(&value, "%d,", i);
    sk_buf_append_text(&value, "0.0]");
    assert_int_equal(check(SK_STR("{\"uniqueItems\":true}"), sk_buf_view(&value), SK_SCHEMA_BUDGET),
                     SKALD_E_INVALID);
    sk_buf_clear(&value);
    sk_buf_append_char(&value, '[');
    for (int i = 0; i < 50000; i++) sk_buf_append_text(&value, "{},");
    sk_buf_append_text(&value, "[]]");
    assert_int_equal(check(SK_STR("{\"items\":{\"type\":\"array\"}}"), sk_buf_view(&value),
                           SK_SCHEMA_BUDGET),
                     SKALD_E_INVALID);
    assert_true(told.size < 10000); /* told of the first ones only */
    sk_buf_clear(&value);
    sk_buf_append_char(&value, '"');
    for (int i = 0; i < 200000; i++) sk_buf_append_char(&value, 'a');
    sk_buf_append_text(&value, "!\"");
    assert_int_equal(check(SK_STR("{\"pattern\":\"^(a|b|aa)*$\"}"), sk_buf_view(&value),
                           SK_SCHEMA_BUDGET),
                     SKALD_E_INVALID);
    assert_int_equal(check(SK_STR("{\"pattern\":\"^(a+)+$\"}"), sk_buf_view(&value), 1000),
                     SKALD_E_LIMIT);
    sk_buf_release(&value);
}

static void test_deep_chain_of_schemas(void **state)
{
    (void)state;
    struct sk_buf schema = { 0 };
    sk_buf_append_text(&schema, "{\"$defs\":{\"a1500\":true");
    for (int i = 1499; i >= 0; i--) {
        sk_buf_printf(&schema, ",\"a%d\":{\"$ref\":\"#/$defs/a%d\"}", i, i + 1);
    }
    sk_buf_append_text(&schema, "},\"$ref\":\"#/$defs/a0\"}");
    assert_int_equal(check(sk_buf_view(&schema), SK_STR("1"), SK_SCHEMA_BUDGET), SKALD_E_LIMIT);
    sk_buf_release(&schema);
}

/* ---- regular expressions --------------------------------------------------------------------- */

static const struct {
    const char *pattern, *found, *not_found; /* apart by blanks; "" is written as ~ */
} patterns[] = {
    { "", "~ a", "" },
    { "a", "a ba", "~ b" },
    { "^a$", "a", "~ aa ba" },
    { "^a*$", "~ a aaa", "b ab" },
    { "^a+$", "a aa", "~ b" },
    { "^a?b$", "b ab", "aab ~" },
    { "^(ab|cd)+$", "ab abcd cdcdab", "~ abc" },
    { "^(a|b|c)$", "a b c", "ab ~ d" },
    { "^a{2}$", "aa", "a aaa" },
    { "^a{2,}$", "aa aaaa", "a" },
    { "^a{1,3}$", "a aa aaa", "~ aaaa" },
    { "^a{0,2}b$", "b ab aab", "aaab" },
    { "^a{0}b$", "b", "ab" },
    { "^(ab){2,3}c$", "ababc abababc", "abc ababababc" },
    { "^(a{2}){2}$", "aaaa", "aaa aaaaa" },
    { "^(a?){3}$", "~ a aaa", "aaaa" },
    { "^a*?b$", "b aab", "a" },
    { "^[a-c]+$", "abc", "d ~" },
    { "^[^a-c]$", "d", "a ab" },
    { "^[\\w.-]+@\\w+\\.com$", "a.b-c@x.com", "a@x.org @x.com" },
    { "^\\d{3}-\\d{4}$", "123-4567", "12-4567" },
    { "^\\S+$", "abc", "~" },
    { "\\bfoo\\b", "foo a-foo-b", "foot afoo" },
    { "^[\\]\\-a]+$", "]-a", "b" },
    { "^.$", "a ä €", "ab ~" },
    { "^\\u00e4\\x41$", "äA", "aA" },
    { "^[ä-ö]$", "ö", "a" },
    { "^a{,2}$", "a{,2}", "aa" },
    { "^(?:a|b)c$", "ac bc", "c" },
    { "^(|a)b$", "b ab", "aab" },
    { "a|^b$|c", "xa b xc", "xb" },
    { "^((a|b)*c|d)+$", "c abc dabc", "ab" },
    { "^[^\\d\\s]+$", "ab", "a1" },
};

static bool is_found(const char *pattern, struct sk_str text)
{
    struct sk_arena arena;
    const struct sk_json_pattern *compiled = NULL;
    skald_error error = { .message = "" };
    int64_t budget = 100000;
    bool has_failed = false;
    sk_arena_init(&arena);
    if (sk_json_pattern_compile(sk_str_of(pattern), &arena, &compiled, &error) != SKALD_OK) {
        fail_msg("%s: %s", pattern, error.message);
    }
    bool found = sk_json_pattern_found(compiled, text, &budget, &has_failed);
    assert_true(budget > 0 && !has_failed);
    sk_arena_release(&arena);
    return found;
}

static void each_word(const char *pattern, const char *words, bool expected)
{
    struct sk_str rest = sk_str_of(words);
    while (rest.size > 0) {
        size_t end = sk_str_find(rest, ' ');
        struct sk_str word = sk_str_sub(rest, 0, end);
        rest = sk_str_sub(rest, end + 1, rest.size);
        if (sk_str_is(word, "~")) word.size = 0;
        if (is_found(pattern, word) != expected) fail_msg("%s: %.*s", pattern, SK_STR_ARGS(word));
    }
}

static void test_patterns(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        each_word(patterns[i].pattern, patterns[i].found, true);
        each_word(patterns[i].pattern, patterns[i].not_found, false);
    }
}

static const char *const bad_patterns[] = {
    "(",      ")",     "[a",  "*a",      "a**",
    "a{3,2}", "[z-a]", "\\1", "(?<=a)b", "\\p{L}",
    "\\q",    "\\x4",  "a\\", "(?!a)",   "((((a{40}){40}){40}){40})",
};

static void test_bad_patterns(void **state)
{
    (void)state;
    struct sk_buf deep = { 0 };
    for (int i = 0; i < 100; i++) sk_buf_append_char(&deep, '(');
    for (size_t i = 0; i <= sizeof bad_patterns / sizeof bad_patterns[0]; i++) {
        struct sk_arena arena;
        const struct sk_json_pattern *compiled = NULL;
        skald_error error = { .message = "" };
        bool is_last = i == sizeof bad_patterns / sizeof bad_patterns[0];
        struct sk_str text = is_last ? sk_buf_view(&deep) : sk_str_of(bad_patterns[i]);
        sk_arena_init(&arena);
        if (sk_json_pattern_compile(text, &arena, &compiled, &error) == SKALD_OK) {
            fail_msg("%.*s is taken", SK_STR_ARGS(text));
        }
        assert_true(error.message[0] != 0);
        sk_arena_release(&arena);
    }
    sk_buf_release(&deep);
}

static int set_up(void **state)
{
    (void)state;
    sk_buf_init(&told, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sk_buf_release(&told);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_all_violations_with_their_places),
        cmocka_unit_test(test_bad_schemas),
        cmocka_unit_test(test_unknown_keywords_are_told),
        cmocka_unit_test(test_exponential_schema),
        cmocka_unit_test(test_large_values),
        cmocka_unit_test(test_deep_chain_of_schemas),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_bad_patterns),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

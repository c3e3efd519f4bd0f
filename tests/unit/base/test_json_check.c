/*
 * test_json_check.c: what is JSON and what is not, and where the trouble stands.
 */
#include "base/json.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_accepts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1",
        "-1",
        "10",
        "1.0",
        "1.25e-3",
        "1E+5",
        "1e5",
        "123456789012345678901234567890",
        "1e999999",
        "\"\"",
        "\"a\"",
        "\"\xc3\xa4\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"",
        "\"\\ud83d\\ude00\"",
        "\"\\u0000\"",
        "\"\x7f\"",
        "[]",
        "[ ]",
        "{}",
        "{ }",
        "[1,2 , 3]",
        "{\"a\":1}",
        "{\"a\" : 1 , \"a\":2}",
        " \t\r\n[ { } , [ ] ] \n",
        "{\"\":{\"\":[]}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        skald_error error = { .status = SKALD_OK };
        assert_int_equal(sk_json_check(sk_str_of(texts[i]), &error), SKALD_OK);
        assert_int_equal(error.status, SKALD_OK);
    }
}

static void test_refuses_and_says_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        { "", "line 1, column 1: expected a value, found the end" },
        { " \n ", "line 2, column 2: expected a value, found the end" },
        { "x", "line 1, column 1: expected a value" },
        { "tru", "line 1, column 1: expected a value (true, false and null are lower case)" },
        { "nulL", "line 1, column 1: expected a value (true, false and null are lower case)" },
        { "fals", "line 1, column 1: expected a value (true, false and null are lower case)" },
        { "nullx", "line 1, column 5: text after the value" },
        { "1 2", "line 1, column 3: text after the value" },
        { "+1", "line 1, column 1: expected a value" },
        { ".5", "line 1, column 1: expected a value" },
        { "-", "line 1, column 2: expected a digit" },
        { "1.", "line 1, column 3: expected a digit" },
        { "1e", "line 1, column 3: expected a digit" },
        { "1e+", "line 1, column 4: expected a digit" },
        { "-.5", "line 1, column 2: expected a digit" },
        { "01", "line 1, column 3: a number must not begin with 0" },
        { "00", "line 1, column 3: a number must not begin with 0" },
        { "-00", "line 1, column 4: a number must not begin with 0" },
        { "NaN", "line 1, column 1: expected a value" },
        { "\"", "line 1, column 2: the string is not closed" },
        { "\"\\", "line 1, column 3: the string is not closed" },
        { "\"\\x\"", "line 1, column 3: unknown escape (write \\\\ for a backslash)" },
        { "\"\\u12g4\"", "line 1, column 6: \\u needs four hex digits" },
        { "\"\\u12", "line 1, column 6: \\u needs four hex digits" },
        { "\"\\ud800\"", "line 1, column 8: lone surrogate escape" },
        { "\"\\ud800\\n\"", "line 1, column 8: lone surrogate escape" },
        { "\"\\ud800\\u0041\"", "line 1, column 14: lone surrogate escape" },
        { "\"\\ud800\\uzzzz\"", "line 1, column 10: lone surrogate escape" },
        { "\"\\udc00\"", "line 1, column 8: lone surrogate escape" },
        { "\"\n\"", "line 1, column 2: a control character inside a string must be escaped" },
        { "\"\xff\"", "line 1, column 2: not UTF-8" },
        { "\"\xed\xa0\x80\"", "line 1, column 2: not UTF-8" },
        { "\"\xc3\xa4\xc3", "line 1, column 3: not UTF-8" },
        { "[1", "line 1, column 3: expected ',' or ']'" },
        { "[1 2]", "line 1, column 4: expected ',' or ']'" },
        { "[1,]", "line 1, column 4: expected a value" },
        { "[", "line 1, column 2: expected a value, found the end" },
        { "{", "line 1, column 2: expected a member name in double quotes" },
        { "{a:1}", "line 1, column 2: expected a member name in double quotes" },
        { "{\"a\"}", "line 1, column 5: expected ':'" },
        { "{\"a:1}", "line 1, column 7: the string is not closed" },
        { "{\"a\":}", "line 1, column 6: expected a value" },
        { "{\"a\":1,}", "line 1, column 8: expected a member name in double quotes" },
        { "{\"a\":1", "line 1, column 7: expected ',' or '}'" },
        { "{\n  \"\xc3\xa4\": 1\n  x", "line 3, column 3: expected ',' or '}'" },
        { "]", "line 1, column 1: expected a value" },
        { "\xef\xbb\xbf{}", "line 1, column 1: expected a value" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        skald_error error;
        assert_int_equal(sk_json_check(sk_str_of(rows[i].text), &error), SKALD_E_SYNTAX);
        assert_string_equal(error.message, rows[i].message);
        assert_int_equal(sk_json_check(sk_str_of(rows[i].text), NULL), SKALD_E_SYNTAX);
    }
    assert_int_equal(sk_json_check(SK_STR("\"\\\0\""), NULL), SKALD_E_SYNTAX);
    assert_int_equal(sk_json_check(SK_STR("\"\0\""), NULL), SKALD_E_SYNTAX);
    assert_int_equal(sk_json_check(SK_STR("1\0"), NULL), SKALD_E_SYNTAX);
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    static const char *const pairs[] = { "[]", "{}" };
    char text[2000];
    for (size_t kind = 0; kind < 2; kind++) {
        for (size_t depth = SK_JSON_DEPTH_MAX - 1; depth <= SK_JSON_DEPTH_MAX + 1; depth++) {
            size_t at = 0;
            for (size_t i = 0; i < depth; i++) {
                text[at++] = pairs[kind][0];
                if (kind == 1 && i + 1 < depth) {
                    memcpy(text + at, "\"\":", 3);
                    at += 3;
                }
            }
            memset(text + at, pairs[kind][1], depth);
            skald_error error;
            struct sk_str nested = { text, at + depth };
            bool is_accepted = sk_json_check(nested, &error) == SKALD_OK;
            assert_int_equal(is_accepted, depth <= SK_JSON_DEPTH_MAX);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses_and_says_where),
        cmocka_unit_test(test_depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

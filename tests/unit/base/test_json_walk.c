/*
 * test_json_walk.c: finding values in checked text; on any other text never outside it.
 */
#include "base/json.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/limits.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char text[] = " { \"a\" : 1 , \"b\":[ 10, [20] , {\"c\":30} ,\"x]\\\"y\" ],"
                           "\"e\\u0073c\" : null , \"dup\":1, \"dup\" : {\"z\":true},"
                           "\"\\ud83d\\ude00\":\"smile\",\"\":\"empty\",\"s\":\"a\\\\\" } ";

static void test_types(void **state)
{
    (void)state;
    static const struct {
        const char *span;
        enum sk_json_type type;
    } rows[] = {
        { "", SK_JSON_NONE },       { "  ", SK_JSON_NONE },     { " null", SK_JSON_NULL },
        { "true", SK_JSON_TRUE },   { "false", SK_JSON_FALSE }, { "-1", SK_JSON_NUMBER },
        { "\"\"", SK_JSON_STRING }, { "\n[]", SK_JSON_ARRAY },  { "{}", SK_JSON_OBJECT },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(sk_json_type(sk_str_of(rows[i].span)), rows[i].type);
    }
    assert_true(sk_str_is(sk_json_trim(SK_STR(" \t\r\n1 \n")), "1"));
}

static void test_members_and_elements(void **state)
{
    (void)state;
    struct sk_str object = SK_STR(text);
    assert_int_equal(sk_json_check(object, NULL), SKALD_OK);
    static const struct {
        const char *name, *value;
    } rows[] = {
        { "a", "1" },
        { "esc", "null" },
        { "dup", "{\"z\":true}" },
        { "", "\"empty\"" },
        { "\xf0\x9f\x98\x80", "\"smile\"" },
        { "s", "\"a\\\\\"" },
        { "z", "" },
        { "es", "" },
        { "escx", "" },
        { "e\\u0073c", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_str value = sk_json_member(object, sk_str_of(rows[i].name));
        assert_true(sk_str_is(value, rows[i].value));
    }
    struct sk_str array = sk_json_member(object, SK_STR("b"));
    assert_true(sk_str_is(sk_json_element(array, 0), "10"));
    assert_true(sk_str_is(sk_json_element(array, 1), "[20]"));
    assert_true(sk_str_is(sk_json_element(array, 2), "{\"c\":30}"));
    assert_true(sk_str_is(sk_json_element(array, 3), "\"x]\\\"y\""));
    assert_int_equal(sk_json_element(array, 4).size, 0);
    assert_int_equal(sk_json_element(object, 0).size, 0);
    assert_int_equal(sk_json_member(array, SK_STR("a")).size, 0);
    assert_int_equal(sk_json_member(SK_STR("\"a\""), SK_STR("a")).size, 0);
    assert_int_equal(sk_json_element(SK_STR("12"), 0).size, 0);
    assert_int_equal(sk_json_count(object), 8);
    assert_int_equal(sk_json_count(array), 4);
    assert_int_equal(sk_json_count(SK_STR("[]")), 0);
    assert_int_equal(sk_json_count(SK_STR(" { } ")), 0);
    assert_int_equal(sk_json_count(SK_STR("7")), 0);
}

static void test_walk_gives_names_and_places(void **state)
{
    (void)state;
    struct sk_json_iter it = sk_json_walk(SK_STR("{\"a\\n\" :[1] , \"b\":2}"));
    assert_true(it.is_object);
    assert_true(sk_json_next(&it));
    assert_true(sk_str_is(it.name, "a\\n"));
    assert_true(sk_str_is(it.value, "[1]"));
    assert_int_equal(it.index, 0);
    assert_true(sk_json_next(&it));
    assert_true(sk_str_is(it.name, "b"));
    assert_int_equal(it.index, 1);
    assert_false(sk_json_next(&it));
    assert_false(sk_json_next(&it));
    it = sk_json_walk(SK_STR("[1,2]"));
    assert_true(sk_json_next(&it));
    assert_int_equal(it.name.size, 0);
}

static void test_strings(void **state)
{
    (void)state;
    static const struct {
        const char *span, *meaning;
    } rows[] = {
        { "\"\"", "" },
        { " \"plain\" ", "plain" },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
        { "\"\\u0041\\u00e4\\u20AC\"", "A\xc3\xa4\xe2\x82\xac" },
        { "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80" },
        { "\"\\udbff\\udfff!\"", "\xf4\x8f\xbf\xbf!" },
        { "\"x\\u007f\xc3\xa4\"", "x\x7f\xc3\xa4" },
    };
    struct sk_arena arena;
    struct sk_buf out;
    sk_arena_init(&arena);
    sk_buf_init(&out, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_str span = sk_str_of(rows[i].span);
        sk_buf_clear(&out);
        sk_json_unescape(span, &out);
        assert_string_equal(sk_buf_text(&out), rows[i].meaning);
        assert_true(sk_str_is(sk_json_string(span, &arena), rows[i].meaning));
        assert_true(sk_json_string_is(span, sk_str_of(rows[i].meaning)));
        assert_false(sk_json_string_is(span, SK_STR("other")));
    }
    struct sk_str plain = SK_STR("\"plain\"");
    assert_ptr_equal(sk_json_string(plain, &arena).data, plain.data + 1); /* a view */
    arena.failed = true;
    assert_int_equal(sk_json_string(SK_STR("\"\\n\""), &arena).size, 0);
    out.failed = true;
    sk_json_unescape(plain, &out);
    assert_int_equal(out.size, 1 + 1 + 2);
    sk_buf_release(&out);
    sk_arena_release(&arena);
}

/* Every function over text that nobody checked, cut at every place and changed at random. */
static void test_unchecked_text_is_never_left(void **state)
{
    (void)state;
    struct sk_arena arena;
    struct sk_buf out;
    sk_arena_init(&arena);
    sk_buf_init(&out, 0);
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t r = sk_mix(3, i);
        size_t size = r % sizeof text;
        char *copy = malloc(size + 1); /* exact, so that a sanitizer sees the end */
        memcpy(copy, text, size);
        for (size_t change = 0; change < 3 && size > 0; change++) {
            copy[(r >> (8 + 9 * change)) % size] = "{}[]\",:\\u1 "[(r >> (36 + 4 * change)) % 11];
        }
        char *exact = realloc(copy, size > 0 ? size : 1);
        struct sk_str s = { exact, size };
        sk_buf_clear(&out);
        sk_arena_clear(&arena);
        (void)sk_json_member(s, SK_STR("esc"));
        (void)sk_json_element(s, 2);
        (void)sk_json_equal(s, SK_STR(text));
        sk_json_canonical(s, &out);
        sk_json_unescape(s, &out);
        (void)sk_json_string(s, &arena);
        free(exact);
    }
    sk_buf_release(&out);
    sk_arena_release(&arena);
}

static void test_depth(void **state)
{
    (void)state;
    char nested[600];
    for (size_t depth = 100; depth < 200; depth++) {
        memset(nested, '[', depth);
        memset(nested + depth, ']', depth);
        struct sk_str span = { nested, 2 * depth };
        assert_int_equal(sk_json_depth(span), depth);
        assert_int_equal(sk_json_is_too_deep(span), depth > SK_JSON_DEPTH_MAX);
    }
    memset(nested, '1', sizeof nested);
    assert_false(sk_json_is_too_deep((struct sk_str){ nested, sizeof nested }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_members_and_elements),
        cmocka_unit_test(test_walk_gives_names_and_places),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_unchecked_text_is_never_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

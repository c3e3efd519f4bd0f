/*
 * test_str.c: borrowed text: compare, cut, numbers, UTF-8, the word that was meant.
 */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct sk_str str(const char *text)
{
    return sk_str_of(text);
}

static void test_compare_is_by_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int order;
    } rows[] = {
        { "", "", 0 },   { "a", "", 1 },      { "", "a", -1 },        { "a", "b", -1 },
        { "b", "a", 1 }, { "ab", "abc", -1 }, { "\xc3\xa4", "z", 1 }, { "same", "same", 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(sk_str_compare(str(rows[i].a), str(rows[i].b)), rows[i].order);
        assert_int_equal(sk_str_equal(str(rows[i].a), str(rows[i].b)), rows[i].order == 0);
    }
    assert_true(sk_str_equal(sk_str_of(NULL), SK_STR("")));
    assert_true(sk_str_is(SK_STR("x"), "x"));
}

static void test_cut_and_find(void **state)
{
    (void)state;
    struct sk_str s = SK_STR("hello");
    assert_true(sk_str_starts(s, SK_STR("he")));
    assert_true(sk_str_starts(s, SK_STR("")));
    assert_false(sk_str_starts(s, SK_STR("hello!")));
    assert_false(sk_str_starts(s, SK_STR("lo")));
    assert_int_equal(sk_str_find(s, 'l'), 2);
    assert_int_equal(sk_str_find(s, 'z'), 5);
    assert_int_equal(sk_str_find(sk_str_of(NULL), 'z'), 0);
    assert_true(sk_str_is(sk_str_sub(s, 1, 3), "ell"));
    assert_true(sk_str_is(sk_str_sub(s, 3, 100), "lo"));
    assert_int_equal(sk_str_sub(s, 9, 1).size, 0);
    assert_int_equal(sk_str_sub(sk_str_of(NULL), 0, 1).size, 0);
    assert_true(sk_str_is(sk_str_trim(SK_STR(" \t\n\v\f\r a b \n")), "a b"));
    assert_true(sk_str_is(sk_str_trim(SK_STR("   ")), ""));
}

static void test_numbers_are_strict(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_u64, is_i64;
        uint64_t u64;
        int64_t i64;
    } rows[] = {
        { "0", true, true, 0, 0 },
        { "007", true, true, 7, 7 },
        { "18446744073709551615", true, false, UINT64_MAX, 0 },
        { "18446744073709551616", false, false, 0, 0 },
        { "99999999999999999999", false, false, 0, 0 },
        { "9223372036854775807", true, true, INT64_MAX, INT64_MAX },
        { "9223372036854775808", true, false, UINT64_C(9223372036854775808), 0 },
        { "-9223372036854775808", false, true, 0, INT64_MIN },
        { "-9223372036854775809", false, false, 0, 0 },
        { "-1", false, true, 0, -1 },
        { "-", false, false, 0, 0 },
        { "", false, false, 0, 0 },
        { "+1", false, false, 0, 0 },
        { " 1", false, false, 0, 0 },
        { "1x", false, false, 0, 0 },
        { "1.0", false, false, 0, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t u64 = 0;
        int64_t i64 = 0;
        assert_int_equal(sk_str_to_u64(str(rows[i].text), &u64), rows[i].is_u64);
        assert_int_equal(sk_str_to_i64(str(rows[i].text), &i64), rows[i].is_i64);
        assert_true(u64 == rows[i].u64);
        assert_true(i64 == rows[i].i64);
    }
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_valid;
        size_t sequence; /* the first */
    } rows[] = {
        { "", true, 0 },
        { "plain", true, 1 },
        { "\xc2\x80", true, 2 },
        { "\xe2\x82\xac", true, 3 },
        { "\xf0\x9f\x98\x80", true, 4 },
        { "\xf4\x8f\xbf\xbf", true, 4 },  /* U+10FFFF */
        { "\xf4\x90\x80\x80", false, 0 }, /* above it */
        { "\xed\x9f\xbf", true, 3 },      /* before the surrogates */
        { "\xed\xa0\x80", false, 0 },     /* a surrogate */
        { "\xc0\x80", false, 0 },         /* overlong */
        { "\xc1\xbf", false, 0 },
        { "\xe0\x9f\xbf", false, 0 },
        { "\xf0\x8f\xbf\xbf", false, 0 },
        { "\xf5\x80\x80\x80", false, 0 },
        { "\x80", false, 0 },
        { "\xff", false, 0 },
        { "\xc3", false, 0 }, /* cut */
        { "\xe2\x82", false, 0 },
        { "\xe2(\xac", false, 0 },
        { "\xe2\x82(", false, 0 },
        { "ok \xc3\xa4 \xc3", false, 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(sk_utf8_valid(str(rows[i].text)), rows[i].is_valid);
        assert_int_equal(sk_utf8_sequence(str(rows[i].text)), rows[i].sequence);
    }
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const words[] = { "input", "output", "context", "timestamp", "in" };
    static const char *const one_long[] = {
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "y"
    };
    static const struct {
        const char *word;
        int nearest;
    } rows[] = {
        { "imput", 0 },     { "inptu", 0 }, { "INPUT", 0 },   { "outptu", 1 }, { "contxt", 2 },
        { "timestmap", 3 }, { "zzz", -1 },  { "banana", -1 }, { "", -1 },      { "i", -1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(sk_str_nearest(str(rows[i].word), words, 5), rows[i].nearest);
    }
    assert_int_equal(sk_str_nearest(SK_STR("input"), words, 0), -1);
    assert_int_equal(sk_str_nearest(str(one_long[0]), one_long, 2), -1); /* too long to measure */
    assert_int_equal(sk_str_nearest(SK_STR("xx"), one_long, 2), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare_is_by_bytes),
        cmocka_unit_test(test_cut_and_find),
        cmocka_unit_test(test_numbers_are_strict),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_json_value.c: numbers, equality, canonical form and the writer.
 */
#include "base/json.h"

#include "base/hash.h"
#include "support/alloc_fail.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_integers_by_value(void **state)
{
    (void)state;
    static const struct {
        const char *span;
        bool is_integer;
        int64_t value;
    } rows[] = {
        { "0", true, 0 },
        { "-0", true, 0 },
        { " 12 ", true, 12 },
        { "1.0", true, 1 },
        { "1e3", true, 1000 },
        { "0.001e3", true, 1 },
        { "-2.5e1", true, -25 },
        { "0e99999999999999999999", true, 0 },
        { "9223372036854775807", true, INT64_MAX },
        { "-9223372036854775808", true, INT64_MIN },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775809", false, 0 },
        { "9.223372036854775807e18", true, INT64_MAX },
        { "1e18", true, INT64_C(1000000000000000000) },
        { "1e19", false, 0 },
        { "1e-1", false, 0 },
        { "1.5", false, 0 },
        { "1e99999999999999999999", false, 0 },
        { "\"1\"", false, 0 },
        { "null", false, 0 },
        { "", false, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t value = 0;
        assert_int_equal(sk_json_to_i64(sk_str_of(rows[i].span), &value), rows[i].is_integer);
        assert_true(value == rows[i].value);
    }
}

static void check_double(const char *span)
{
    double value = 0.0;
    assert_true(sk_json_to_double(sk_str_of(span), &value));
    double wanted = strtod(span, NULL);
    assert_memory_equal(&value, &wanted, sizeof value);
}

static void test_doubles_as_strtod(void **state)
{
    (void)state;
    static const char *const spans[] = {
        "0",
        "-0",
        "1",
        "-1.5",
        "0.1",
        "0.3",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "123456789012345678",
        "9007199254740993",
        "4.9e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623157e308",
        "1.7976931348623159e308",
        "1e400",
        "-1e400",
        "1e-400",
        "0.000000000000000000000000000001",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "100000000000000000000000000000000000000000000000000000000000000000000000e-71",
        "2.2250738585072011e-308",
        "0.500000000000000166533453693773481063544750213623046875",
    };
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
        check_double(spans[i]);
    }
    /* 1 + 2^-53 exactly is a tie; one digit far behind decides it. */
    char text[1200] = "1.00000000000000011102230246251565404236316680908203125";
    check_double(text);
    size_t size = strlen(text);
    memset(text + size, '0', 1000);
    text[size + 1000] = '\0';
    check_double(text);
    text[size + 999] = '1';
    check_double(text);
    memmove(text + 1, text + 2, strlen(text + 1)); /* and as a long integer */
    check_double(text);
    double value = 1.0;
    assert_false(sk_json_to_double(SK_STR("true"), &value));
}

static void test_random_doubles_round_trip(void **state)
{
    (void)state;
    struct sk_buf out;
    sk_buf_init(&out, 0);
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t bits = sk_mix(11, i);
        double value = 0.0;
        double back = 0.0;
        if (i % 3 == 0) { /* short decimals too */
            value = (double)(int64_t)(bits % 2000000 - 1000000) / 1000.0;
        } else {
            memcpy(&value, &bits, sizeof value);
        }
        if (!isfinite(value)) {
            continue;
        }
        sk_buf_clear(&out);
        struct sk_json_writer w = sk_json_writer_of(&out);
        sk_json_put_double(&w, value);
        assert_int_equal(sk_json_check(sk_buf_view(&out), NULL), SKALD_OK);
        assert_true(sk_json_to_double(sk_buf_view(&out), &back));
        assert_memory_equal(&value, &back, sizeof value);
        check_double(sk_buf_text(&out));
    }
    sk_buf_release(&out);
}

static void test_doubles_are_short(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        { 0.0, "0" },
        { -0.0, "-0" },
        { 1.0, "1" },
        { -1.5, "-1.5" },
        { 0.1, "0.1" },
        { 0.1 + 0.2, "0.30000000000000004" },
        { 100.0, "100" },
        { 123456.789, "123456.789" },
        { 1e20, "100000000000000000000" },
        { 1e21, "1e21" },
        { 1.25e21, "1.25e21" },
        { 1e-6, "0.000001" },
        { 1.5e-7, "1.5e-7" },
        { 5e-324, "5e-324" },
        { 1.7976931348623157e308, "1.7976931348623157e308" },
        { HUGE_VAL, "null" },
        { -HUGE_VAL, "null" },
    };
    struct sk_buf out;
    sk_buf_init(&out, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sk_buf_clear(&out);
        struct sk_json_writer w = sk_json_writer_of(&out);
        sk_json_put_double(&w, rows[i].value);
        assert_string_equal(sk_buf_text(&out), rows[i].text);
    }
    sk_buf_release(&out);
}

/* Where there is a locale with a decimal comma, nothing changes. */
static void test_locale_does_not_matter(void **state)
{
    (void)state;
    static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8" };
    size_t i = 0;
    while (i < 3 && setlocale(LC_ALL, names[i]) == NULL) {
        i += 1;
    }
    double value = 0.0;
    assert_true(sk_json_to_double(SK_STR("1234567890123456789.25e-3"), &value));
    assert_true(value == 1234567890123456.78925);
    test_doubles_are_short(state);
    setlocale(LC_ALL, "C");
}

static void test_compare_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int order;
    } rows[] = {
        { "1", "1.0", 0 },       { "10", "9", 1 },
        { "-1", "0.5", -1 },     { "9007199254740993", "9007199254740992", 1 }, /* not as doubles */
        { "1e400", "1e399", 0 }, { "1e400", "1", 1 },
        { "-1e400", "1", -1 },   { "0.1", "0.10", 0 },
        { "\"x\"", "1", 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_str a = sk_str_of(rows[i].a);
        struct sk_str b = sk_str_of(rows[i].b);
        assert_int_equal(sk_json_number_compare(a, b), rows[i].order);
        assert_int_equal(sk_json_number_compare(b, a), -rows[i].order);
    }
}

/* More members than are sorted without memory. */
#define MANY                                                                                    \
    "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1," \
    "\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1"
#define MANY_TURNED                                                                             \
    "{\"q\":1,\"p\":1,\"o\":1,\"n\":1,\"m\":1,\"l\":1,\"k\":1,\"j\":1,\"i\":1,\"h\":1,\"g\":1," \
    "\"f\":1,\"e\":1,\"d\":1,\"c\":1,\"b\":1,\"a\":1"

static const struct {
    const char *a, *b;
    bool is_equal;
} equalities[] = {
    { "null", " null ", true },
    { "true", "false", false },
    { "true", "true", true },
    { "1", "1.0", true },
    { "1", "\"1\"", false },
    { "\"a\\u0062\"", "\"ab\"", true },
    { "\"\\u00e4\"", "\"\xc3\xa4\"", true },
    { "\"\\ud83d\\ude00x\"", "\"\xf0\x9f\x98\x80x\"", true },
    { "\"\\n\"", "\"\\u000a\"", true },
    { "\"\\n\"", "\"n\"", false },
    { "\"ab\"", "\"a\\u0062c\"", false },
    { "\"a\\u0062c\"", "\"ab\"", false },
    { "[1,2]", "[ 1 , 2.0 ]", true },
    { "[1,2]", "[2,1]", false },
    { "[1]", "[1,2]", false },
    { "[1,2]", "[1]", false },
    { "[]", "{}", false },
    { "{}", "{ }", true },
    { "{\"a\":1,\"b\":[{}]}", "{\"b\":[{ }],\"\\u0061\":1e0}", true },
    { "{\"a\":1}", "{\"a\":2}", false },
    { "{\"a\":1}", "{\"b\":1}", false },
    { "{\"a\":1}", "{\"a\":1,\"b\":1}", false },
    { "{\"a\":1,\"b\":1}", "{\"a\":1}", false },
    { "{\"a\":1,\"a\":2}", "{\"a\":2}", true },
    { "{\"a\":1,\"a\":2}", "{\"a\":1}", false },
    { MANY "}", MANY_TURNED "}", true },
    { MANY ",\"b\":7}", MANY_TURNED "}", false },
    { "", "", true },
    { "", "null", false },
};

static void test_equality(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof equalities / sizeof equalities[0]; i++) {
        struct sk_str a = sk_str_of(equalities[i].a);
        struct sk_str b = sk_str_of(equalities[i].b);
        assert_int_equal(sk_json_equal(a, b), equalities[i].is_equal);
        assert_int_equal(sk_json_equal(b, a), equalities[i].is_equal);
        for (int n = 0; n < 3; n++) { /* without memory: slower, the same answer */
            skt_alloc_fail_from(n);
            assert_int_equal(sk_json_equal(a, b), equalities[i].is_equal);
            skt_alloc_fail_off();
        }
    }
}

static void test_canonical(void **state)
{
    (void)state;
    static const struct {
        const char *span, *canonical;
    } rows[] = {
        { " null ", "null" },
        { "1.50", "1.50" },
        { "\"\\u0041\\/\\u001f\\u0008\\t\\\\\\\"\\ud83d\\ude00\x7f\"",
          "\"A/\\u001f\\b\\t\\\\\\\"\xf0\x9f\x98\x80\x7f\"" },
        { "[ 1 , [ ] , { } ]", "[1,[],{}]" },
        { "{\"b\":1,\"a\":{\"d\":2 , \"c\":3}}", "{\"a\":{\"c\":3,\"d\":2},\"b\":1}" },
        { "{\"a\":1,\"ab\":2,\"\":3,\"\\u0061\":4}", "{\"\":3,\"a\":4,\"ab\":2}" },
        { "{\"\xc3\xa4\":1,\"z\":2}", "{\"z\":2,\"\xc3\xa4\":1}" },
        { "{\"\\u0000\":1,\"\":2}", "{\"\":2,\"\\u0000\":1}" },
        { MANY_TURNED ", \"a\" : 1}", MANY "}" },
    };
    struct sk_buf out;
    struct sk_buf again;
    sk_buf_init(&out, 0);
    sk_buf_init(&again, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sk_buf_clear(&out);
        sk_buf_clear(&again);
        sk_json_canonical(sk_str_of(rows[i].span), &out);
        assert_string_equal(sk_buf_text(&out), rows[i].canonical);
        sk_json_canonical(sk_buf_view(&out), &again);
        assert_string_equal(sk_buf_text(&again), rows[i].canonical);
        assert_true(sk_json_equal(sk_buf_view(&out), sk_str_of(rows[i].span)));
    }
    sk_buf_release(&again);
    sk_buf_release(&out);
}

static bool make_canonical(void *context)
{
    (void)context;
    struct sk_buf out;
    sk_buf_init(&out, 0);
    sk_json_canonical(SK_STR(MANY_TURNED "}"), &out);
    bool is_whole = !out.failed;
    sk_buf_release(&out);
    return is_whole;
}

static void test_canonical_without_memory(void **state)
{
    (void)state;
    assert_int_equal(skt_fail_each(make_canonical, NULL), 4);
}

static void test_writer(void **state)
{
    (void)state;
    struct sk_buf out;
    sk_buf_init(&out, 0);
    struct sk_json_writer w = sk_json_writer_of(&out);
    sk_json_begin_object(&w);
    sk_json_key(&w, "text");
    sk_json_put_text(&w, "a\"\\\b\f\n\r\t\x01\x7f\xc3\xa4\xff\xe2\x82");
    sk_json_key_str(&w, SK_STR("k\n"));
    sk_json_put_str(&w, SK_STR(""));
    sk_json_key(&w, "list");
    sk_json_begin_array(&w);
    sk_json_put_i64(&w, INT64_MIN);
    sk_json_put_u64(&w, UINT64_MAX);
    sk_json_put_double(&w, 0.5);
    sk_json_put_bool(&w, true);
    sk_json_put_bool(&w, false);
    sk_json_put_null(&w);
    sk_json_begin_array(&w);
    sk_json_end_array(&w);
    sk_json_begin_object(&w);
    sk_json_end_object(&w);
    sk_json_end_array(&w);
    sk_json_key(&w, "raw");
    sk_json_put_raw(&w, SK_STR(" {\"x\":1} "));
    sk_json_key(&w, "none");
    sk_json_put_raw(&w, SK_STR(""));
    sk_json_end_object(&w);
    assert_string_equal(sk_buf_text(&out),
                        "{\"text\":\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\x7f\xc3\xa4\xef\xbf\xbd"
                        "\xef\xbf\xbd\xef\xbf\xbd\",\"k\\n\":\"\",\"list\":["
                        "-9223372036854775808,18446744073709551615,"
                        "0.5,true,false,null,"
                        "[],{}],\"raw\":{\"x\":1},\"none\":null}");
    assert_int_equal(sk_json_check(sk_buf_view(&out), NULL), SKALD_OK);
    sk_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_by_value),
        cmocka_unit_test(test_doubles_as_strtod),
        cmocka_unit_test(test_random_doubles_round_trip),
        cmocka_unit_test(test_doubles_are_short),
        cmocka_unit_test(test_locale_does_not_matter),
        cmocka_unit_test(test_compare_numbers),
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_canonical_without_memory),
        cmocka_unit_test(test_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

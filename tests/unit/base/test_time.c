/*
 * test_time.c: instants and durations as text, both ways.
 */
#include "base/time.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_known_instants(void **state)
{
    (void)state;
    static const struct {
        int64_t at_ms;
        const char *text;
    } rows[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { -1, "1969-12-31T23:59:59.999Z" },
        { INT64_C(951782400000), "2000-02-29T00:00:00.000Z" },
        { INT64_C(1767323045678), "2026-01-02T03:04:05.678Z" },
        { INT64_C(4107542400000), "2100-03-01T00:00:00.000Z" },
        { INT64_C(-62135596800000), "0001-01-01T00:00:00.000Z" },
        { INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[SK_TIME_TEXT_SIZE];
        int64_t at_ms = 1;
        sk_time_format(rows[i].at_ms, text);
        assert_string_equal(text, rows[i].text);
        assert_true(sk_time_parse(sk_str_of(text), &at_ms));
        assert_true(at_ms == rows[i].at_ms);
    }
    char text[SK_TIME_TEXT_SIZE];
    sk_time_format(INT64_MIN, text);
    assert_string_equal(text, "0001-01-01T00:00:00.000Z");
    sk_time_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void test_every_day_of_some_centuries(void **state)
{
    (void)state;
    char before[SK_TIME_TEXT_SIZE] = "";
    for (int64_t day = -150000; day < 150000; day++) {
        char text[SK_TIME_TEXT_SIZE];
        int64_t at_ms = 0;
        sk_time_format(day * 86400000 + 12345, text);
        assert_true(sk_time_parse(sk_str_of(text), &at_ms));
        assert_true(at_ms == day * 86400000 + 12345);
        assert_true(strcmp(before, text) < 0);
        memcpy(before, text, sizeof before);
    }
}

static void test_forms_of_instants(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t at_ms; /* -1 = refused */
    } rows[] = {
        { "1970-01-01T00:00:01Z", 1000 },
        { "1970-01-01t00:00:01z", 1000 },
        { "1970-01-01T00:00:01.5Z", 1500 },
        { "1970-01-01T00:00:01.123456789Z", 1123 },
        { "1970-01-01T01:00:00+01:00", 0 },
        { "1969-12-31T19:30:00-04:30", 0 },
        { "1970-01-01T00:00:00-00:00", 0 },
        { "1970-01-01T23:59:60Z", 86400000 },
        { "1970-01-01T00:00:01.Z", -1 },
        { "1970-01-01T00:00:01.1234567890Z", -1 },
        { "1970-01-01T00:00:01", -1 },
        { "1970-01-01 00:00:01Z", -1 },
        { "1970-01-01T24:00:00Z", -1 },
        { "1970-01-01T00:60:00Z", -1 },
        { "1970-01-01T00:00:61Z", -1 },
        { "1970-02-29T00:00:00Z", -1 },
        { "1900-02-29T00:00:00Z", -1 },
        { "1970-04-31T00:00:00Z", -1 },
        { "1970-13-01T00:00:00Z", -1 },
        { "1970-00-01T00:00:00Z", -1 },
        { "1970-01-00T00:00:00Z", -1 },
        { "0000-01-01T00:00:00Z", -1 },
        { "0001-01-01T00:00:00+00:01", -1 },
        { "9999-12-31T23:59:59-00:01", -1 },
        { "1970-01-01T00:00:00+24:00", -1 },
        { "1970-01-01T00:00:00+00:60", -1 },
        { "1970-01-01T00:00:00+0100", -1 },
        { "1970-01-01T00:00:00Zx", -1 },
        { "1970-1-1T00:00:00Z", -1 },
        { "+970-01-01T00:00:00Z", -1 },
        { "", -1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t at_ms = -1;
        bool is_read = sk_time_parse(sk_str_of(rows[i].text), &at_ms);
        assert_int_equal(is_read, rows[i].at_ms != -1);
        assert_true(at_ms == rows[i].at_ms);
    }
}

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1 = refused */
    } rows[] = {
        { "0", 0 },
        { "+0", 0 },
        { "0s", 0 },
        { "1s", 1000 },
        { "+1s", 1000 },
        { "1h30m", 5400000 },
        { "1.5h", 5400000 },
        { ".5s", 500 },
        { "1.s", 1000 },
        { "2d", 172800000 },
        { "1d12h", 129600000 },
        { "250ms", 250 },
        { "1ns", 1 },
        { "0.0000001ns", 1 },
        { "499999ns", 1 },
        { "1499999ns", 1 },
        { "1500000ns", 2 },
        { "1500us", 2 },
        { "1500\xc2\xb5s", 2 },
        { "1500\xce\xbcs", 2 },
        { "0.1234567891234d", 10666667 },
        { "1h1h", 7200000 },
        { "8760h", INT64_C(31536000000) },
        { "9223372036854775807ns", INT64_C(9223372036855) },
        { "9223372036854775808ns", -1 },
        { "18446744073709551616ns", -1 },
        { "106752d", -1 },
        { "106751d23h48m", -1 },
        { "106751.9999d", -1 },
        { "", -1 },
        { "+", -1 },
        { "-1s", -1 },
        { "1", -1 },
        { "00", -1 },
        { "s", -1 },
        { ".s", -1 },
        { "1 s", -1 },
        { "1s ", -1 },
        { "1x", -1 },
        { "1S", -1 },
        { "1.5.5s", -1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms = -1;
        bool is_read = sk_duration_parse(sk_str_of(rows[i].text), &ms);
        assert_int_equal(is_read, rows[i].ms != -1);
        assert_true(ms == rows[i].ms);
    }
}

static void test_durations_as_text(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        { 0, "0s" },
        { 1, "1ms" },
        { 250, "250ms" },
        { 1000, "1s" },
        { 1500, "1.5s" },
        { 1050, "1.05s" },
        { 1234, "1.234s" },
        { 60000, "1m" },
        { 60005, "1m0.005s" },
        { 10000, "10s" },
        { 5400000, "1h30m" },
        { 3600000, "1h" },
        { -1500, "-1.5s" },
        { INT64_MAX, "2562047788015h12m55.807s" },
        { INT64_MIN, "-2562047788015h12m55.808s" },
    };
    char text[SK_DURATION_TEXT_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sk_duration_format(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
    }
    for (uint64_t i = 0; i < 5000; i++) { /* what is written reads back */
        int64_t wanted = (int64_t)(sk_mix(7, i) >> (22 + i % 40));
        int64_t ms = -1;
        sk_duration_format(wanted, text);
        assert_true(sk_duration_parse(sk_str_of(text), &ms));
        assert_true(ms == wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_instants),
        cmocka_unit_test(test_every_day_of_some_centuries),
        cmocka_unit_test(test_forms_of_instants),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_durations_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

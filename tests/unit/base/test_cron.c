/* Cron expressions: what they mean, instant by instant, and what is refused. */
#include "base/cron.h"
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int64_t at(const char *text)
{
    int64_t at_ms = 0;
    char full[40];
    snprintf(full, sizeof full, "%s:00Z", text);
    assert_true(sk_time_parse(sk_str_of(full), &at_ms));
    return at_ms;
}

static void expect(const char *cron_text, const char *after, const char *const *wanted)
{
    struct sk_cron cron;
    skald_error error = { 0 };
    if (sk_cron_parse(sk_str_of(cron_text), &cron, &error) != SKALD_OK)
        fprintf(stderr, "%s: %s\n", cron_text, error.message);
    assert_int_equal(sk_cron_parse(sk_str_of(cron_text), &cron, &error), SKALD_OK);
    int64_t now = at(after);
    for (size_t i = 0; wanted[i] != NULL; i++) {
        char have[SK_TIME_TEXT_SIZE];
        now = sk_cron_next(&cron, now);
        sk_time_format(now, have);
        have[16] = 0;
        if (strcmp(have, wanted[i]) != 0)
            fprintf(stderr, "%s: have %s, wanted %s\n", cron_text, have, wanted[i]);
        assert_string_equal(have, wanted[i]);
    }
}
#define EXPECT(cron, after, ...) expect((cron), (after), (const char *const[]){ __VA_ARGS__, NULL })

static void test_minutes_and_hours(void **state)
{
    (void)state;
    EXPECT("* * * * *", "2026-01-01T00:00", "2026-01-01T00:01", "2026-01-01T00:02");
    EXPECT("30 4 * * *", "2026-01-01T04:29", "2026-01-01T04:30", "2026-01-02T04:30");
    EXPECT("30 4 * * *", "2026-01-01T04:30", "2026-01-02T04:30");
    EXPECT("*/15 9-10 * * *", "2026-01-01T09:50", "2026-01-01T10:00", "2026-01-01T10:15",
           "2026-01-01T10:30", "2026-01-01T10:45", "2026-01-02T09:00");
    EXPECT("10-40/10 0 * * *", "2026-01-01T00:00", "2026-01-01T00:10", "2026-01-01T00:20",
           "2026-01-01T00:30", "2026-01-01T00:40", "2026-01-02T00:10");
    EXPECT("50/4 23 * * *", "2026-01-01T23:00", "2026-01-01T23:50", "2026-01-01T23:54",
           "2026-01-01T23:58", "2026-01-02T23:50");
    EXPECT("5,0,59 12 * * *", "2026-01-01T00:00", "2026-01-01T12:00", "2026-01-01T12:05",
           "2026-01-01T12:59");
    EXPECT("0 0,6-8,*/12 * * *", "2026-01-01T00:00", "2026-01-01T06:00", "2026-01-01T07:00",
           "2026-01-01T08:00", "2026-01-01T12:00", "2026-01-02T00:00");
}

static void test_days(void **state)
{
    (void)state;
    EXPECT("0 9 * * mon-fri", "2026-11-20T10:00", "2026-11-23T09:00", "2026-11-24T09:00");
    EXPECT("0 9 * * 1-5", "2026-11-20T10:00", "2026-11-23T09:00");
    EXPECT("0 0 * * 7", "2026-11-21T00:00", "2026-11-22T00:00", "2026-11-29T00:00");
    EXPECT("0 0 * * SUN", "2026-11-21T00:00", "2026-11-22T00:00");
    EXPECT("0 0 31 * *", "2026-01-31T00:00", "2026-03-31T00:00", "2026-05-31T00:00");
    EXPECT("0 0 29 2 *", "2026-01-01T00:00", "2028-02-29T00:00", "2032-02-29T00:00");
    EXPECT("0 0 29 2 *", "2096-03-01T00:00", "2104-02-29T00:00"); /* 2100 has none */
    EXPECT("0 0 1 jan,JUL *", "2026-01-01T00:00", "2026-07-01T00:00", "2027-01-01T00:00");
    EXPECT("0 0 1 */3 ?", "2026-01-01T00:00", "2026-04-01T00:00", "2026-07-01T00:00");
    /* Both narrowed: either counts. One a star: both must fit. */
    EXPECT("0 0 13 * fri", "2026-11-01T00:00", "2026-11-06T00:00", "2026-11-13T00:00",
           "2026-11-20T00:00", "2026-11-27T00:00", "2026-12-04T00:00", "2026-12-11T00:00",
           "2026-12-13T00:00");
    EXPECT("0 0 */2 * mon", "2026-11-01T00:00", "2026-11-09T00:00", "2026-11-23T00:00");
    EXPECT("59 23 31 12 *", "2026-12-31T23:58", "2026-12-31T23:59", "2027-12-31T23:59");
}

static void test_words(void **state)
{
    (void)state;
    EXPECT("@hourly", "2026-01-01T00:00", "2026-01-01T01:00");
    EXPECT("@daily", "2026-01-01T00:00", "2026-01-02T00:00");
    EXPECT("@midnight", "2026-01-01T00:00", "2026-01-02T00:00");
    EXPECT("@Weekly", "2026-01-01T00:00", "2026-01-04T00:00", "2026-01-11T00:00");
    EXPECT("@monthly", "2026-01-15T00:00", "2026-02-01T00:00");
    EXPECT("@yearly", "2026-01-15T00:00", "2027-01-01T00:00");
    EXPECT("  @annually ", "2026-01-15T00:00", "2027-01-01T00:00");
    EXPECT(" 0\t0   1 1 * ", "2026-01-15T00:00", "2027-01-01T00:00");
}

/* Walks three years day by day, against the C library's calendar. */
static void test_calendar(void **state)
{
    (void)state;
    struct sk_cron cron;
    assert_int_equal(sk_cron_parse(SK_STR("0 0 * * *"), &cron, NULL), SKALD_OK);
    int64_t now = at("2027-02-01T00:00");
    for (int i = 0; i < 1100; i++) {
        int64_t next = sk_cron_next(&cron, now);
        assert_int_equal(next, now + 86400000);
        now = next;
    }
    assert_int_equal(sk_cron_next(&cron, at("1969-12-30T12:00")), at("1969-12-31T00:00"));
    assert_int_equal(sk_cron_next(&cron, at("1969-12-31T00:00")), 0);
    assert_int_equal(sk_cron_next(&cron, at("2026-01-01T00:00") + 1), at("2026-01-02T00:00"));
    assert_int_equal(sk_cron_next(&cron, at("2026-01-01T00:00") - 1), at("2026-01-01T00:00"));
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } rows[] = {
        { "", "has 0" },
        { "* * * *", "has 4" },
        { "* * * * * *", "more" },
        { "60 * * * *", "minute" },
        { "* 24 * * *", "hour" },
        { "* * 0 * *", "day of month" },
        { "* * 32 * *", "day of month" },
        { "* * * 13 *", "month" },
        { "* * * 0 *", "month" },
        { "* * * * 8", "day of week" },
        { "* * * foo *", "foo" },
        { "5-1 * * * *", "5-1" },
        { "*/0 * * * *", "*/0" },
        { "*/ * * * *", "minute" },
        { "1, * * * *", "1," },
        { ",1 * * * *", "minute" },
        { "1,,2 * * * *", "minute" },
        { "-5 * * * *", "minute" },
        { "1- * * * *", "minute" },
        { "+1 * * * *", "minute" },
        { "1.5 * * * *", "minute" },
        { "@never", "@never" },
        { "0 0 30 2 *", "never comes" },
        { "0 0 31 4,6 *", "never comes" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_cron cron;
        skald_error error = { 0 };
        enum skald_status status = sk_cron_parse(sk_str_of(rows[i].text), &cron, &error);
        if (status == SKALD_OK || strstr(error.message, rows[i].word) == NULL)
            fprintf(stderr, "'%s': %s\n", rows[i].text, error.message);
        assert_int_equal(status, SKALD_E_SYNTAX);
        assert_non_null(strstr(error.message, rows[i].word));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minutes_and_hours),
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_calendar),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

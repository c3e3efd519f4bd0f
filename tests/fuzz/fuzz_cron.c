/*
 * fuzz_cron.c: cron expressions of base/cron.h.
 *
 *   1  What is refused is refused with words.
 *   2  The next instant is a whole minute that fits the fields, and no earlier one does: by another
 *      calendar (the C library's), day by day.
 *   3  The fields written out as lists are read as the same fields.
 */
#include "fuzz.h"

#include "base/cron.h"

#include <time.h>

enum { MINUTE_MS = 60000, DAY_S = 86400, DAYS_MAX = 8 * 366 };

static bool has_day(const struct sk_cron *cron, const struct tm *tm)
{
    bool fits_day = (cron->days >> tm->tm_mday & 1u) != 0;
    bool fits_weekday = (cron->weekdays >> tm->tm_wday & 1u) != 0;
    if ((cron->months >> (tm->tm_mon + 1) & 1u) == 0) return false;
    return cron->any_day || cron->any_weekday ? fits_day && fits_weekday : fits_day || fits_weekday;
}

static bool has_minute(const struct sk_cron *cron, const struct tm *tm)
{
    return (cron->hours >> tm->tm_hour & 1u) != 0 && (cron->minutes >> tm->tm_min & 1u) != 0;
}

/* From `at_s`, a whole minute, on; -1 = none. */
static int64_t first_from(const struct sk_cron *cron, int64_t at_s)
{
    int64_t end_s = at_s + (int64_t)DAYS_MAX * DAY_S;
    while (at_s < end_s) {
        struct tm tm;
        time_t at = (time_t)at_s;
        if (gmtime_r(&at, &tm) == NULL) return -1;
        bool is_day = has_day(cron, &tm);
        if (is_day && has_minute(cron, &tm)) return at_s;
        bool is_hour = is_day && (cron->hours >> tm.tm_hour & 1u) != 0;
        if (!is_day)
            at_s += DAY_S - (tm.tm_hour * 3600 + tm.tm_min * 60);
        else
            at_s += is_hour ? 60 : 3600 - tm.tm_min * 60;
    }
    return -1;
}

static void check_next(const struct sk_cron *cron, int64_t after_ms)
{
    int64_t floor_ms = after_ms - (after_ms % MINUTE_MS + MINUTE_MS) % MINUTE_MS;
    int64_t expected_s = first_from(cron, floor_ms / 1000 + 60);
    int64_t next_ms = sk_cron_next(cron, after_ms);
    FUZZ_CHECK(next_ms == (expected_s < 0 && next_ms < 0 ? next_ms : expected_s * 1000),
               "after %lld comes %lld, not %lld", (long long)after_ms, (long long)next_ms,
               (long long)(expected_s * 1000));
}

static void put_bits(struct sk_buf *out, uint64_t bits, bool is_any)
{
    const char *before = is_any ? "*/60," : "";
    for (int i = 0; i < 64; i++) {
        if ((bits >> i & 1u) == 0) continue;
        sk_buf_append_text(out, before);
        sk_buf_append_i64(out, i);
        before = ",";
    }
    sk_buf_append_char(out, ' ');
}

/* A list that begins with a star says "any" as the original did; a step of 60 adds the least value
 * only, which such a field holds anyway when it began so. */
static void check_written_out(const struct sk_cron *cron)
{
    struct sk_buf text;
    struct sk_cron again;
    skald_error error = { 0 };
    bool has_least = (cron->days & 2u) != 0 && (cron->weekdays & 1u) != 0;
    if ((cron->any_day || cron->any_weekday) && !has_least) return;
    sk_buf_init(&text, 0);
    put_bits(&text, cron->minutes, false);
    put_bits(&text, cron->hours, false);
    put_bits(&text, cron->days, cron->any_day);
    put_bits(&text, cron->months, false);
    put_bits(&text, cron->weekdays, cron->any_weekday);
    FUZZ_CHECK(sk_cron_parse(sk_buf_view(&text), &again, &error) == SKALD_OK, "%s: %s",
               sk_buf_text(&text), error.message);
    FUZZ_CHECK(again.minutes == cron->minutes && again.hours == cron->hours &&
                   again.days == cron->days && again.months == cron->months &&
                   again.weekdays == cron->weekdays && again.any_day == cron->any_day &&
                   again.any_weekday == cron->any_weekday,
               "%s", sk_buf_text(&text));
    sk_buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The expression, and behind a line break where to begin. */
    static const int64_t afters[] = {
        0, -1, -62135596800001, 951782400000, 1709164799999, 1767225600000, 4107542399999,
    };
    struct sk_str rest = { (const char *)data, size }, text = { NULL, 0 };
    struct sk_cron cron;
    skald_error error = { 0 };
    (void)fuzz_line(&rest, &text);
    enum skald_status status = sk_cron_parse(text, &cron, &error);
    if (status != SKALD_OK) {
        fuzz_check_error(status, &error, "cron");
        return 0;
    }
    for (size_t i = 0; i < sizeof afters / sizeof afters[0]; i++) check_next(&cron, afters[i]);
    struct fuzz_bytes bytes = { (const uint8_t *)rest.data, rest.size };
    check_next(&cron, fuzz_i64(&bytes) % 253402300800000);
    check_written_out(&cron);
    return 0;
}

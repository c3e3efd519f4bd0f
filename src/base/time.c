/*
 * time.c: instants and durations as text, by arithmetic alone: no time zone data base, no locale.
 *
 * Days are counted in the proleptic Gregorian calendar. A leap second ("23:59:60", allowed by
 * RFC 3339) is the second after it, as in POSIX time.
 */
#include "base/time.h"

#define MS_PER_SECOND INT64_C(1000)
#define MS_PER_MINUTE INT64_C(60000)
#define MS_PER_HOUR INT64_C(3600000)
#define MS_PER_DAY INT64_C(86400000)
#define TIME_MIN INT64_C(-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define TIME_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

struct date {
    int year, month, day;
};

/* Years here begin in March, so that the leap day is the last of its year; 400 of them are an
 * era. */
static int64_t days_of_date(struct date date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = year / 400;
    int64_t year_of_era = year - era * 400;
    int64_t month = date.month > 2 ? date.month - 3 : date.month + 9;
    int64_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static struct date date_of_days(int64_t days)
{
    days += 719468;
    int64_t era = days / 146097; /* never negative: years begin at 1 */
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    int64_t year = year_of_era + era * 400 + (month >= 10 ? 1 : 0);
    return (struct date){ (int)year, (int)(month < 10 ? month + 3 : month - 9),
                          (int)(day_of_year - (153 * month + 2) / 5 + 1) };
}

/* Two digits; returns where the next goes. */
static char *put_two(char *out, unsigned value)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
    return out + 2;
}

static char *put_two_and(char *out, unsigned value, char behind)
{
    out = put_two(out, value);
    *out = behind;
    return out + 1;
}

void sk_time_format(int64_t at_ms, char *out)
{
    at_ms = at_ms < TIME_MIN ? TIME_MIN : (at_ms > TIME_MAX ? TIME_MAX : at_ms);
    int64_t since_min = at_ms - TIME_MIN;
    int64_t days = since_min / MS_PER_DAY;
    unsigned ms = (unsigned)(since_min % MS_PER_DAY);
    struct date date = date_of_days(days + TIME_MIN / MS_PER_DAY);
    unsigned year = (unsigned)date.year;
    out = put_two(out, year / 100);
    out = put_two_and(out, year % 100, '-');
    out = put_two_and(out, (unsigned)date.month, '-');
    out = put_two_and(out, (unsigned)date.day, 'T');
    out = put_two_and(out, ms / 3600000, ':');
    out = put_two_and(out, ms / 60000 % 60, ':');
    out = put_two_and(out, ms / 1000 % 60, '.');
    *out++ = (char)('0' + ms % 1000 / 100);
    out = put_two_and(out, ms % 100, 'Z');
    *out = '\0';
}

/* Exactly `digits_count` digits at the start; the text behind them in *text. */
static bool take_number(struct sk_str *text, size_t digits_count, int *out_value)
{
    uint64_t value = 0;
    if (text->size < digits_count || !sk_str_to_u64(sk_str_sub(*text, 0, digits_count), &value)) {
        return false;
    }
    *text = sk_str_sub(*text, digits_count, text->size);
    *out_value = (int)value;
    return true;
}

static bool take_char(struct sk_str *text, char wanted, char also)
{
    if (text->size == 0 || (text->data[0] != wanted && text->data[0] != also)) {
        return false;
    }
    *text = sk_str_sub(*text, 1, text->size);
    return true;
}

static bool is_date(struct date date)
{
    static const int days_of_month[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool is_leap = (date.year % 4 == 0 && date.year % 100 != 0) || date.year % 400 == 0;
    if (date.year < 1 || date.month < 1 || date.month > 12 || date.day < 1) {
        return false;
    }
    bool has_day = date.day <= days_of_month[date.month - 1];
    return has_day && (date.month != 2 || date.day < 29 || is_leap);
}

/* ".678…" behind the seconds: 1 to 9 digits, of which three count. Absent is fine. */
static bool take_fraction(struct sk_str *text, int64_t *out_ms)
{
    int64_t scale = 100;
    size_t digits_count = 0;
    *out_ms = 0;
    if (!take_char(text, '.', '.')) {
        return true;
    }
    for (int digit; digits_count < 9 && take_number(text, 1, &digit); digits_count++) {
        *out_ms += digit * scale;
        scale /= 10;
    }
    return digits_count > 0;
}

/* "Z" or "+hh:mm": what must be taken off the local time. */
static bool take_offset(struct sk_str *text, int64_t *out_ms)
{
    int hours = 0;
    int minutes = 0;
    *out_ms = 0;
    if (take_char(text, 'Z', 'z')) {
        return true;
    }
    int64_t sign = text->size > 0 && text->data[0] == '-' ? -1 : 1;
    if (!take_char(text, '+', '-') || !take_number(text, 2, &hours) || !take_char(text, ':', ':') ||
        !take_number(text, 2, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *out_ms = sign * (hours * MS_PER_HOUR + minutes * MS_PER_MINUTE);
    return true;
}

bool sk_time_parse(struct sk_str text, int64_t *out_at_ms)
{
    struct date date = { 0 };
    int hours = 0;
    int minutes = 0;
    int seconds = 0;
    int64_t fraction_ms = 0;
    int64_t offset_ms = 0;
    bool is_read = take_number(&text, 4, &date.year) && take_char(&text, '-', '-') &&
                   take_number(&text, 2, &date.month) && take_char(&text, '-', '-') &&
                   take_number(&text, 2, &date.day) && take_char(&text, 'T', 't') &&
                   take_number(&text, 2, &hours) && take_char(&text, ':', ':') &&
                   take_number(&text, 2, &minutes) && take_char(&text, ':', ':') &&
                   take_number(&text, 2, &seconds) && take_fraction(&text, &fraction_ms) &&
                   take_offset(&text, &offset_ms);
    if (!is_read || text.size > 0 || !is_date(date) || hours > 23 || minutes > 59 || seconds > 60) {
        return false;
    }
    int64_t at_ms = days_of_date(date) * MS_PER_DAY + hours * MS_PER_HOUR +
                    minutes * MS_PER_MINUTE + seconds * MS_PER_SECOND + fraction_ms - offset_ms;
    if (at_ms < TIME_MIN || at_ms > TIME_MAX) {
        return false;
    }
    *out_at_ms = at_ms;
    return true;
}

/* cron.c: see cron.h. */
#include "base/cron.h"

enum { MINUTE_MS = 60000, DAY_MS = 86400000, DAYS_MAX = 8 * 366 };

struct field {
    const char *name;
    uint32_t min, max;
    const char *const *names; /* of min, min + 1 …; NULL = none */
};

static const char *const month_names[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul",
                                           "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const day_names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };

static const struct field fields[] = {
    { "minute", 0, 59, NULL },          { "hour", 0, 23, NULL },
    { "day of month", 1, 31, NULL },    { "month", 1, 12, month_names },
    { "day of week", 0, 7, day_names },
};
enum { FIELDS_COUNT = sizeof fields / sizeof fields[0] };

/* ---- parsing --------------------------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_word(struct sk_str text, const char *word)
{
    if (text.size != strlen(word)) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (lower(text.data[i]) != word[i]) return false;
    }
    return true;
}

static bool read_value(const struct field *field, struct sk_str text, uint32_t *out_value)
{
    uint64_t number = 0;
    for (uint32_t i = 0; field->names != NULL && field->names[i] != NULL; i++) {
        if (!is_word(text, field->names[i])) continue;
        *out_value = field->min + i;
        return true;
    }
    if (text.size > 2 || !sk_str_to_u64(text, &number)) return false;
    *out_value = (uint32_t)number;
    return number >= field->min && number <= field->max;
}

static enum skald_status fail(const struct field *field, struct sk_str part, skald_error *error)
{
    part.size = part.size > 40 ? 40 : part.size;
    return sk_error_set(error, SKALD_E_SYNTAX,
                        "'%.*s' is no %s: it is %u to %u, *, a range like 1-5, a step like */2, or "
                        "a list of these",
                        SK_STR_ARGS(part), field->name, field->min, field->max);
}

/* "5", "1-5", "*", each with "/step". */
static enum skald_status read_part(const struct field *field, struct sk_str part,
                                   uint64_t *out_bits, skald_error *error)
{
    size_t slash = sk_str_find(part, '/');
    struct sk_str range = sk_str_sub(part, 0, slash);
    struct sk_str step_text = sk_str_sub(part, slash + 1, part.size);
    uint64_t step = 1;
    uint32_t from = field->min, to = field->max;
    bool is_any = sk_str_is(range, "*") || sk_str_is(range, "?");
    if (slash < part.size && (step_text.size > 2 || !sk_str_to_u64(step_text, &step) || step == 0))
        return fail(field, part, error);
    if (!is_any) {
        size_t dash = sk_str_find(range, '-');
        if (!read_value(field, sk_str_sub(range, 0, dash), &from)) return fail(field, part, error);
        to = dash == range.size && slash == part.size ? from : field->max;
        if (dash < range.size && !read_value(field, sk_str_sub(range, dash + 1, range.size), &to))
            return fail(field, part, error);
        if (to < from) return fail(field, part, error);
    }
    for (uint64_t value = from; value <= to; value += step) *out_bits |= UINT64_C(1) << value;
    return SKALD_OK;
}

static enum skald_status read_field(const struct field *field, struct sk_str text,
                                    uint64_t *out_bits, skald_error *error)
{
    *out_bits = 0;
    if (text.size == 0 || text.data[text.size - 1] == ',') return fail(field, text, error);
    while (text.size > 0) {
        size_t end = sk_str_find(text, ',');
        enum skald_status status = read_part(field, sk_str_sub(text, 0, end), out_bits, error);
        if (status != SKALD_OK) return status;
        text = sk_str_sub(text, end + 1, text.size);
    }
    return SKALD_OK;
}

static struct sk_str expand(struct sk_str text)
{
    static const struct {
        const char *word, *meaning;
    } words[] = {
        { "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" }, { "@monthly", "0 0 1 * *" },
        { "@weekly", "0 0 * * 0" }, { "@daily", "0 0 * * *" },    { "@midnight", "0 0 * * *" },
        { "@hourly", "0 * * * *" },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (is_word(text, words[i].word)) return sk_str_of(words[i].meaning);
    }
    return text;
}

/* The next word off the text; false: there is none. */
static bool take_word(struct sk_str *text, struct sk_str *out_word)
{
    *text = sk_str_trim(*text);
    size_t end = 0;
    while (end < text->size && text->data[end] != ' ' && text->data[end] != '\t') end += 1;
    *out_word = sk_str_sub(*text, 0, end);
    *text = sk_str_sub(*text, end, text->size);
    return end > 0;
}

static bool starts_with_star(struct sk_str field)
{
    return field.size > 0 && (field.data[0] == '*' || field.data[0] == '?');
}

enum skald_status sk_cron_parse(struct sk_str text, struct sk_cron *out_cron, skald_error *error)
{
    uint64_t bits[FIELDS_COUNT];
    struct sk_str rest = expand(sk_str_trim(text)), word = { 0 };
    struct sk_cron cron = { .any_day = false };
    for (int i = 0; i < FIELDS_COUNT; i++) {
        if (!take_word(&rest, &word)) {
            return sk_error_set(error, SKALD_E_SYNTAX,
                                "a cron expression has five fields (minute, hour, day of month, "
                                "month, day of week); this one has %d",
                                i);
        }
        enum skald_status status = read_field(&fields[i], word, &bits[i], error);
        if (status != SKALD_OK) return status;
        if (i == 2) cron.any_day = starts_with_star(word);
        if (i == 4) cron.any_weekday = starts_with_star(word);
    }
    if (take_word(&rest, &word))
        return sk_error_set(error, SKALD_E_SYNTAX,
                            "a cron expression has five fields; this one has more (no seconds)");
    cron.minutes = bits[0];
    cron.hours = (uint32_t)bits[1];
    cron.days = (uint32_t)bits[2];
    cron.months = (uint16_t)bits[3];
    cron.weekdays = (uint8_t)((bits[4] & 0x7f) | (bits[4] >> 7 & 1)); /* 7 is Sunday too */
    *out_cron = cron;
    if (sk_cron_next(&cron, 0) >= 0) return SKALD_OK;
    return sk_error_set(error, SKALD_E_SYNTAX, "such a day never comes");
}

/* ---- the calendar ---------------------------------------------------------------------------- */

struct day {
    int64_t year;
    uint32_t month, day;
};

/* Of days since 1970-01-01 (Howard Hinnant's algorithm, public domain). */
static struct day day_of(int64_t days)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    uint64_t of_era = (uint64_t)(z - era * 146097);
    uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint64_t shifted = (5 * of_year + 2) / 153;
    struct day day = { .year = (int64_t)year + era * 400,
                       .day = (uint32_t)(of_year - (153 * shifted + 2) / 5 + 1),
                       .month = (uint32_t)(shifted < 10 ? shifted + 3 : shifted - 9) };
    if (day.month <= 2) day.year += 1;
    return day;
}

static bool day_fits(const struct sk_cron *cron, int64_t days)
{
    struct day day = day_of(days);
    uint32_t weekday = (uint32_t)(((days + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    if ((cron->months >> day.month & 1u) == 0) return false;
    bool fits_day = (cron->days >> day.day & 1u) != 0;
    bool fits_weekday = (cron->weekdays >> weekday & 1u) != 0;
    if (cron->any_day || cron->any_weekday) return fits_day && fits_weekday;
    return fits_day || fits_weekday;
}

/* The first minute of the day from `minute` on that fits; -1: none. */
static int32_t minute_from(const struct sk_cron *cron, int32_t minute)
{
    for (int32_t at = minute; at < 24 * 60; at++) {
        if ((cron->hours >> (at / 60) & 1u) == 0) {
            at += 59 - at % 60;
            continue;
        }
        if ((cron->minutes >> (at % 60) & 1u) != 0) return at;
    }
    return -1;
}

int64_t sk_cron_next(const struct sk_cron *cron, int64_t after_ms)
{
    int64_t next_ms = after_ms - after_ms % MINUTE_MS + MINUTE_MS;
    if (after_ms < 0 && after_ms % MINUTE_MS != 0) next_ms -= MINUTE_MS;
    int64_t days = next_ms / DAY_MS;
    if (next_ms % DAY_MS < 0) days -= 1;
    int32_t minute = (int32_t)((next_ms - days * DAY_MS) / MINUTE_MS);
    for (int32_t i = 0; i <= DAYS_MAX; i++, minute = 0) {
        if (!day_fits(cron, days + i)) continue;
        int32_t found = minute_from(cron, minute);
        if (found >= 0) return (days + i) * DAY_MS + (int64_t)found * MINUTE_MS;
    }
    return -1;
}

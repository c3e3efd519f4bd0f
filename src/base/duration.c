/*
 * duration.c: durations as people write them ("1h30m", "1.5s", "2d"). Counted in nanoseconds while
 * reading, as Go does, so the longest is 2^63 - 1 ns, about 292 years.
 */
#include "base/time.h"

#include <inttypes.h>
#include <stdio.h>

struct unit {
    const char *name;
    int64_t ns;
};

/* Longer names before their prefixes ("ms" before "m"). */
static const struct unit units[] = {
    { "ns", 1 },
    { "us", 1000 },
    { "\xc2\xb5s", 1000 }, /* micro sign */
    { "\xce\xbcs", 1000 }, /* Greek mu */
    { "ms", 1000000 },
    { "s", INT64_C(1000000000) },
    { "m", INT64_C(60000000000) },
    { "h", INT64_C(3600000000000) },
    { "d", INT64_C(86400000000000) },
};

static const struct unit *take_unit(struct sk_str *text)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        struct sk_str name = sk_str_of(units[i].name);
        if (sk_str_starts(*text, name)) {
            *text = sk_str_sub(*text, name.size, text->size);
            return &units[i];
        }
    }
    return NULL;
}

static struct sk_str take_digits(struct sk_str *text)
{
    size_t count = 0;
    while (count < text->size && text->data[count] >= '0' && text->data[count] <= '9') {
        count += 1;
    }
    struct sk_str digits = sk_str_sub(*text, 0, count);
    *text = sk_str_sub(*text, count, text->size);
    return digits;
}

static bool has_nonzero(struct sk_str digits)
{
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] != '0') {
            return true;
        }
    }
    return false;
}

static int64_t fraction_ns(struct sk_str digits, int64_t unit_ns)
{
    int64_t sum = 0;
    for (size_t i = 0; i < digits.size && unit_ns > 1; i++) {
        unit_ns /= 10;
        sum += (digits.data[i] - '0') * unit_ns;
    }
    return sum;
}

/* "1.5h": adds to *ns; false when malformed or too long. */
static bool take_term(struct sk_str *text, int64_t *ns, bool *is_positive)
{
    uint64_t whole = 0;
    struct sk_str digits = take_digits(text);
    struct sk_str fraction = { NULL, 0 };
    if (text->size > 0 && text->data[0] == '.') {
        *text = sk_str_sub(*text, 1, text->size);
        fraction = take_digits(text);
    }
    const struct unit *unit = take_unit(text);
    if (unit == NULL || digits.size + fraction.size == 0) {
        return false;
    }
    if (digits.size > 0 && !sk_str_to_u64(digits, &whole)) {
        return false;
    }
    if (whole > (uint64_t)(INT64_MAX / unit->ns)) {
        return false;
    }
    int64_t term = (int64_t)whole * unit->ns;
    int64_t part = fraction_ns(fraction, unit->ns);
    if (part > INT64_MAX - term || term + part > INT64_MAX - *ns) {
        return false;
    }
    *ns += term + part;
    *is_positive = *is_positive || whole > 0 || has_nonzero(fraction);
    return true;
}

bool sk_duration_parse(struct sk_str text, int64_t *out_ms)
{
    int64_t ns = 0;
    bool is_positive = false;
    if (text.size > 0 && text.data[0] == '+') {
        text = sk_str_sub(text, 1, text.size);
    }
    if (sk_str_is(text, "0")) {
        *out_ms = 0;
        return true;
    }
    if (text.size == 0) {
        return false;
    }
    while (text.size > 0) {
        if (!take_term(&text, &ns, &is_positive)) {
            return false;
        }
    }
    int64_t ms = ns / 1000000 + (ns % 1000000 >= 500000 ? 1 : 0);
    *out_ms = ms == 0 && is_positive ? 1 : ms;
    return true;
}

/* Seconds with up to three digits behind the point, without zeros at the end. */
static void format_seconds(unsigned ms, char *out, size_t room)
{
    int size = snprintf(out, room, "%u.%03u", ms / 1000, ms % 1000);
    while (out[size - 1] == '0') {
        size -= 1;
    }
    if (out[size - 1] == '.') {
        size -= 1;
    }
    out[size] = 's';
    out[size + 1] = '\0';
}

void sk_duration_format(int64_t ms, char *out)
{
    size_t at = 0;
    uint64_t rest = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    if (ms < 0) {
        out[at++] = '-';
    }
    if (rest > 0 && rest < 1000) {
        snprintf(out + at, SK_DURATION_TEXT_SIZE - at, "%ums", (unsigned)rest);
        return;
    }
    uint64_t hours = rest / 3600000;
    unsigned minutes = (unsigned)(rest / 60000 % 60);
    unsigned seconds_ms = (unsigned)(rest % 60000);
    if (hours > 0) {
        at += (size_t)snprintf(out + at, SK_DURATION_TEXT_SIZE - at, "%" PRIu64 "h", hours);
    }
    if (minutes > 0) {
        at += (size_t)snprintf(out + at, SK_DURATION_TEXT_SIZE - at, "%um", minutes);
    }
    if (seconds_ms > 0 || at == 0) {
        format_seconds(seconds_ms, out + at, SK_DURATION_TEXT_SIZE - at);
    }
}

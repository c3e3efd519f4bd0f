/*
 * json_number.c: numbers of checked JSON, read and written without the locale.
 *
 * A number is taken apart into digits and a power of ten. The C library's strtod and printf do the
 * rounding, on texts that hold no decimal point ("12345e-2"), the only thing a locale may change.
 */
#include "base/json_private.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    /* Beyond 767 digits a decimal cannot change the nearest double but by being more than zero. */
    DIGITS_MAX = 770,
    EXPONENT_MAX = 100000,
};

/* (-1)^is_negative × digits × 10^exponent; no zeros at either end of the digits; none = zero. */
struct decimal {
    char digits[DIGITS_MAX + 1];
    size_t digits_count;
    int64_t exponent;
    bool is_negative;
    bool is_cut; /* nonzero digits were left out */
};

static void add_digit(struct decimal *d, char digit)
{
    if (d->digits_count == 0 && digit == '0') {
        return;
    }
    if (d->digits_count < DIGITS_MAX) {
        d->digits[d->digits_count++] = digit;
        return;
    }
    d->exponent += 1;
    d->is_cut = d->is_cut || digit != '0';
}

static int64_t exponent_of(struct sk_str s)
{
    int64_t value = 0;
    bool is_negative = s.size > 0 && s.data[0] == '-';
    size_t at = s.size > 0 && (s.data[0] == '-' || s.data[0] == '+') ? 1 : 0;
    for (; at < s.size; at++) {
        value = value * 10 + (s.data[at] - '0');
        value = value < INT64_C(1000000000000) ? value : INT64_C(1000000000000);
    }
    return is_negative ? -value : value;
}

static void take_apart(struct sk_str span, struct decimal *d)
{
    bool is_fraction = false;
    span = sk_str_trim(span);
    d->digits_count = 0;
    d->exponent = 0;
    d->is_cut = false;
    d->is_negative = span.size > 0 && span.data[0] == '-';
    for (size_t i = d->is_negative ? 1 : 0; i < span.size; i++) {
        char c = span.data[i];
        if (c == '.') {
            is_fraction = true;
        } else if (c == 'e' || c == 'E') {
            d->exponent += exponent_of(sk_str_sub(span, i + 1, span.size));
            break;
        } else {
            add_digit(d, c);
            d->exponent -= is_fraction ? 1 : 0;
        }
    }
    while (!d->is_cut && d->digits_count > 0 && d->digits[d->digits_count - 1] == '0') {
        d->digits_count -= 1;
        d->exponent += 1;
    }
}

static bool decimal_to_i64(const struct decimal *d, int64_t *out_value)
{
    char text[21];
    size_t size = d->is_negative ? 1 : 0;
    text[0] = '-';
    if (d->digits_count == 0) {
        *out_value = 0;
        return true;
    }
    if (d->exponent < 0 || d->exponent > 18 || d->digits_count + (size_t)d->exponent > 19) {
        return false;
    }
    memcpy(text + size, d->digits, d->digits_count);
    size += d->digits_count;
    memset(text + size, '0', (size_t)d->exponent);
    size += (size_t)d->exponent;
    return sk_str_to_i64((struct sk_str){ text, size }, out_value);
}

static double decimal_to_double(struct decimal *d)
{
    static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    double value = 0.0;
    if (d->digits_count <= 15 && d->exponent >= -22 && d->exponent <= 22) {
        for (size_t i = 0; i < d->digits_count; i++) { /* exact, and one rounding below */
            value = value * 10.0 + (d->digits[i] - '0');
        }
        value = d->exponent < 0 ? value / powers[-d->exponent] : value * powers[d->exponent];
        return d->is_negative ? -value : value;
    }
    char text[DIGITS_MAX + 32];
    int64_t exponent = d->exponent;
    if (d->is_cut) { /* one digit stands for all that were left out */
        d->digits[d->digits_count] = '1';
        exponent -= 1;
    }
    exponent = exponent > EXPONENT_MAX ? EXPONENT_MAX : exponent;
    exponent = exponent < -EXPONENT_MAX ? -EXPONENT_MAX : exponent;
    int digits_count = (int)d->digits_count + (d->is_cut ? 1 : 0);
    snprintf(text, sizeof text, "%s%.*se%d", d->is_negative ? "-" : "", digits_count, d->digits,
             (int)exponent);
    return strtod(text, NULL);
}

bool sk_json_to_i64(struct sk_str span, int64_t *out_value)
{
    struct decimal d;
    if (sk_json_type(span) != SK_JSON_NUMBER) {
        return false;
    }
    if (sk_str_to_i64(span, out_value)) { /* nearly always */
        return true;
    }
    take_apart(span, &d);
    return decimal_to_i64(&d, out_value);
}

bool sk_json_to_double(struct sk_str span, double *out_value)
{
    struct decimal d;
    if (sk_json_type(span) != SK_JSON_NUMBER) {
        return false;
    }
    take_apart(span, &d);
    *out_value = decimal_to_double(&d);
    return true;
}

int sk_json_number_compare(struct sk_str a, struct sk_str b)
{
    int64_t a_int = 0;
    int64_t b_int = 0;
    double a_double = 0.0;
    double b_double = 0.0;
    if (sk_json_to_i64(a, &a_int) && sk_json_to_i64(b, &b_int)) {
        return a_int == b_int ? 0 : (a_int < b_int ? -1 : 1);
    }
    if (!sk_json_to_double(a, &a_double) || !sk_json_to_double(b, &b_double)) {
        return 0; /* not numbers: the caller's mistake */
    }
    return a_double < b_double ? -1 : (a_double > b_double ? 1 : 0);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The fewest digits that read back as `value` (finite, > 0), and the power of ten of the first. */
static size_t shortest_digits(double value, char digits[18], int *out_power)
{
    char text[48];
    size_t count = 0;
    for (int precision = value < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision - 1, value);
        const char *exponent = strchr(text, 'e');
        count = 0;
        for (const char *at = text; at < exponent; at++) {
            if (*at >= '0' && *at <= '9') { /* whatever the point looks like */
                digits[count++] = *at;
            }
        }
        *out_power = (int)exponent_of(sk_str_of(exponent + 1));
        snprintf(text, sizeof text, "%.*se%d", (int)count, digits, *out_power - (int)count + 1);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    while (count > 1 && digits[count - 1] == '0') {
        count -= 1;
    }
    return count;
}

static void append_zeros(struct sk_buf *out, int count)
{
    for (int i = 0; i < count; i++) {
        sk_buf_append_char(out, '0');
    }
}

/* Plain from 1e-6 up to 1e21, as in JavaScript; with an exponent outside. */
static void append_decimal(struct sk_buf *out, const char *digits, int count, int power)
{
    if (power < -6 || power > 20) {
        sk_buf_append(out, digits, 1);
        sk_buf_append_text(out, count > 1 ? "." : "");
        sk_buf_append(out, digits + 1, (size_t)count - 1);
        sk_buf_append_char(out, 'e');
        sk_buf_append_i64(out, power);
    } else if (power < 0) {
        sk_buf_append_text(out, "0.");
        append_zeros(out, -power - 1);
        sk_buf_append(out, digits, (size_t)count);
    } else if (count <= power + 1) {
        sk_buf_append(out, digits, (size_t)count);
        append_zeros(out, power + 1 - count);
    } else {
        sk_buf_append(out, digits, (size_t)power + 1);
        sk_buf_append_char(out, '.');
        sk_buf_append(out, digits + power + 1, (size_t)(count - power - 1));
    }
}

void sk_json_append_double(struct sk_buf *out, double value)
{
    char digits[18];
    int power = 0;
    if (!isfinite(value)) { /* JSON has no such numbers */
        sk_buf_append_text(out, "null");
        return;
    }
    if (signbit(value)) {
        sk_buf_append_char(out, '-');
        value = -value;
    }
    if (value == 0.0) {
        sk_buf_append_char(out, '0');
        return;
    }
    size_t count = shortest_digits(value, digits, &power);
    append_decimal(out, digits, (int)count, power);
}

/*
 * str.c: looking at borrowed text: compare, find, cut, numbers, UTF-8, and the word that was meant.
 */
#include "base/str.h"

int sk_str_compare(struct sk_str a, struct sk_str b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    if (order != 0) {
        return order < 0 ? -1 : 1;
    }
    return a.size == b.size ? 0 : (a.size < b.size ? -1 : 1);
}

bool sk_str_starts(struct sk_str s, struct sk_str prefix)
{
    return s.size >= prefix.size && sk_str_equal(sk_str_sub(s, 0, prefix.size), prefix);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct sk_str sk_str_trim(struct sk_str s)
{
    while (s.size > 0 && is_space(s.data[0])) {
        s = sk_str_sub(s, 1, s.size);
    }
    while (s.size > 0 && is_space(s.data[s.size - 1])) {
        s.size -= 1;
    }
    return s;
}

bool sk_str_to_u64(struct sk_str s, uint64_t *out_value)
{
    uint64_t value = 0;
    if (s.size == 0) {
        return false;
    }
    for (size_t i = 0; i < s.size; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(s.data[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out_value = value;
    return true;
}

bool sk_str_to_i64(struct sk_str s, int64_t *out_value)
{
    bool is_negative = s.size > 0 && s.data[0] == '-';
    uint64_t value = 0;
    if (!sk_str_to_u64(is_negative ? sk_str_sub(s, 1, s.size) : s, &value)) {
        return false;
    }
    uint64_t limit = (uint64_t)INT64_MAX + (is_negative ? 1u : 0u);
    if (value > limit) {
        return false;
    }
    if (!is_negative) {
        *out_value = (int64_t)value;
    } else {
        *out_value = value == limit ? INT64_MIN : -(int64_t)value;
    }
    return true;
}

/* Bytes of a sequence by its first byte; 0 = no first byte. */
static size_t sequence_size(unsigned char first)
{
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xc2 || first > 0xf4) {
        return 0;
    }
    return first < 0xe0 ? 2 : (first < 0xf0 ? 3 : 4);
}

size_t sk_utf8_sequence(struct sk_str s)
{
    if (s.size == 0) {
        return 0;
    }
    unsigned char first = (unsigned char)s.data[0];
    size_t size = sequence_size(first);
    if (size <= 1 || size > s.size) {
        return size == 1 ? 1 : 0;
    }
    /* The second byte rules out overlong forms, surrogates and what is above U+10FFFF. */
    unsigned char low = first == 0xe0 ? 0xa0 : (first == 0xf0 ? 0x90 : 0x80);
    unsigned char high = first == 0xed ? 0x9f : (first == 0xf4 ? 0x8f : 0xbf);
    unsigned char second = (unsigned char)s.data[1];
    if (second < low || second > high) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if (((unsigned char)s.data[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return size;
}

bool sk_utf8_valid(struct sk_str s)
{
    size_t at = 0;
    while (at < s.size) {
        if ((unsigned char)s.data[at] < 0x80) {
            at += 1;
            continue;
        }
        size_t size = sk_utf8_sequence(sk_str_sub(s, at, s.size));
        if (size == 0) {
            return false;
        }
        at += size;
    }
    return true;
}

/* ---- the word that was meant ----------------------------------------------------------------- */

enum { WORD_SIZE_MAX = 64 };

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours; case does not count. */
static size_t edit_distance(struct sk_str a, struct sk_str b)
{
    size_t rows[3][WORD_SIZE_MAX + 1];
    for (size_t j = 0; j <= b.size; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a.size; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        const size_t *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            char x = lower(a.data[i - 1]);
            char y = lower(b.data[j - 1]);
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (x != y ? 1u : 0u));
            if (i > 1 && j > 1 && x == lower(b.data[j - 2]) && y == lower(a.data[i - 2])) {
                row[j] = least(row[j], above2[j - 2] + 1);
            }
        }
    }
    return rows[a.size % 3][b.size];
}

int sk_str_nearest(struct sk_str word, const char *const *candidates, size_t candidates_count)
{
    int nearest = -1;
    size_t distance_best = word.size / 3 + 2; /* one more than what is near enough */
    if (word.size == 0 || word.size > WORD_SIZE_MAX) {
        return -1;
    }
    for (size_t i = 0; i < candidates_count; i++) {
        struct sk_str candidate = sk_str_of(candidates[i]);
        if (candidate.size > WORD_SIZE_MAX) {
            continue;
        }
        size_t distance = edit_distance(word, candidate);
        if (distance < distance_best && distance < word.size && distance < candidate.size) {
            distance_best = distance;
            nearest = (int)i;
        }
    }
    return nearest;
}

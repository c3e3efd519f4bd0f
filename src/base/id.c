/*
 * id.c: which texts are ids, and UUIDs of version 7. The alphabet is explicit, so no locale
 * matters, and leaves '.', '~', '/' and '@' to the engine's own ids (children, locks).
 */
#include "base/id.h"

/* <parent> and at most two segments (step, item) for each level. */
enum { SEGMENTS_MAX = 1 + 2 * SK_CHILD_DEPTH_MAX, ROUND_DIGITS_MAX = 10 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    unsigned letter = ((unsigned char)c | 0x20u) - 'a'; /* of both cases, and of nothing else */
    return is_digit(c) || letter < 26;
}

bool sk_id_is_client(struct sk_str id)
{
    if (id.size == 0 || id.size > SK_ID_SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < id.size; i++) {
        char c = id.data[i];
        if (!is_alnum(c) && c != '-' && c != '_' && c != ':') {
            return false;
        }
    }
    return true;
}

bool sk_id_is_name(struct sk_str id)
{
    if (id.size == 0 || id.size > SK_NAME_SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < id.size; i++) {
        char c = id.data[i];
        if (!is_alnum(c) && c != '-' && c != '_') {
            return false;
        }
    }
    return is_alnum(id.data[0]) && is_alnum(id.data[id.size - 1]);
}

/* "r<n>", n ≥ 1 without leading zeros. */
static bool is_round(struct sk_str s)
{
    if (s.size < 2 || s.size > 1 + ROUND_DIGITS_MAX || s.data[0] != 'r' || s.data[1] == '0') {
        return false;
    }
    for (size_t i = 1; i < s.size; i++) {
        if (!is_digit(s.data[i])) {
            return false;
        }
    }
    return true;
}

/* A step or an item number, with or without a round. */
static bool is_segment(struct sk_str s)
{
    size_t tilde = sk_str_find(s, '~');
    if (!sk_id_is_name(sk_str_sub(s, 0, tilde))) {
        return false;
    }
    return tilde == s.size || is_round(sk_str_sub(s, tilde + 1, s.size));
}

bool sk_id_is_saga(struct sk_str id)
{
    size_t dot = sk_str_find(id, '.');
    if (!sk_id_is_client(sk_str_sub(id, 0, dot))) {
        return false;
    }
    for (size_t segments_count = 1; dot < id.size; segments_count++) {
        id = sk_str_sub(id, dot + 1, id.size);
        dot = sk_str_find(id, '.');
        if (segments_count == SEGMENTS_MAX || !is_segment(sk_str_sub(id, 0, dot))) {
            return false;
        }
    }
    return true;
}

void sk_uuid7_format(int64_t at_ms, const uint8_t random[10], char out[SK_UUID_TEXT_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t bytes[16];
    for (size_t i = 0; i < 6; i++) {
        bytes[i] = (uint8_t)((uint64_t)at_ms >> (8 * (5 - i)));
    }
    memcpy(bytes + 6, random, 10);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x70); /* version */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80); /* variant */
    size_t at = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            out[at++] = '-';
        }
        out[at++] = hex[bytes[i] >> 4];
        out[at++] = hex[bytes[i] & 15];
    }
    out[at] = '\0';
}

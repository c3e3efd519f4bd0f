/* word.h: looks at eight bytes at once. In a word the first byte is the lowest, on every machine. A
 * mask has the highest bit of each byte that is meant; above the first of them other bits may be
 * set, so only the first is to be believed. */
#ifndef SK_BASE_WORD_H
#define SK_BASE_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SK_WORD_OF(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t sk_word_at(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline bool sk_word_has_high(uint64_t word) /* a byte of 0x80 or above */
{
    return (word & SK_WORD_OF(0x80)) != 0;
}
/* Bytes below `limit` (at most 0x80); equal to `byte` (below 0x80). */
static inline uint64_t sk_word_below(uint64_t word, uint8_t limit)
{
    return (word - SK_WORD_OF(limit)) & ~word & SK_WORD_OF(0x80);
}
static inline uint64_t sk_word_equal(uint64_t word, uint8_t byte)
{
    return sk_word_below(word ^ SK_WORD_OF(byte), 1);
}

static inline bool sk_word_has_below(uint64_t word, uint8_t limit)
{
    return sk_word_below(word, limit) != 0;
}
static inline bool sk_word_has(uint64_t word, uint8_t byte)
{
    return sk_word_equal(word, byte) != 0;
}

/* What ends a run of plain bytes in a JSON string: quotes, backslashes, controls, all not ASCII. */
static inline uint64_t sk_word_not_plain(uint64_t word)
{
    return (word & SK_WORD_OF(0x80)) | sk_word_below(word, 0x20) | sk_word_equal(word, '"') |
           sk_word_equal(word, '\\');
}

/* The index of the first byte meant; the mask is not 0. */
static inline size_t sk_word_first(uint64_t mask)
{
    return (size_t)__builtin_ctzll(mask) / 8;
}

#endif

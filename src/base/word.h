/* word.h: looks at eight bytes at once. A word is eight bytes as memcpy gives them, in any
 * order. */
#ifndef SK_BASE_WORD_H
#define SK_BASE_WORD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SK_WORD_OF(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t sk_word_at(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* A byte of 0x80 or above; below `limit` (at most 0x80); equal to `byte`. The last two are right
 * where the first is false. */
static inline bool sk_word_has_high(uint64_t word)
{
    return (word & SK_WORD_OF(0x80)) != 0;
}
static inline bool sk_word_has_below(uint64_t word, uint8_t limit)
{
    return ((word - SK_WORD_OF(limit)) & ~word & SK_WORD_OF(0x80)) != 0;
}
static inline bool sk_word_has(uint64_t word, uint8_t byte)
{
    return sk_word_has_below(word ^ SK_WORD_OF(byte), 1);
}

#endif

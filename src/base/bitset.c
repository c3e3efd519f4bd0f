/*
 * bitset.c: set operations over whole words. Bits at and above bits_count are always clear, so
 * words can be compared and counted without masking.
 */
#include "base/bitset.h"

#include "base/assert.h"

struct sk_bitset sk_bitset_new(struct sk_arena *arena, uint32_t bits_count)
{
    struct sk_bitset set = { .bits_count = bits_count };
    set.words = SK_ARENA_ARRAY(arena, uint64_t, sk_bitset_words(&set));
    return set;
}

void sk_bitset_add_all(struct sk_bitset *set, const struct sk_bitset *other)
{
    SK_ASSERT(set->bits_count == other->bits_count);
    for (uint32_t i = 0; i < sk_bitset_words(set); i++) {
        set->words[i] |= other->words[i];
    }
}

bool sk_bitset_is_subset(const struct sk_bitset *set, const struct sk_bitset *of)
{
    SK_ASSERT(set->bits_count == of->bits_count);
    for (uint32_t i = 0; i < sk_bitset_words(set); i++) {
        if ((set->words[i] & ~of->words[i]) != 0) {
            return false;
        }
    }
    return true;
}

bool sk_bitset_intersects(const struct sk_bitset *a, const struct sk_bitset *b)
{
    SK_ASSERT(a->bits_count == b->bits_count);
    for (uint32_t i = 0; i < sk_bitset_words(a); i++) {
        if ((a->words[i] & b->words[i]) != 0) {
            return true;
        }
    }
    return false;
}

uint32_t sk_bitset_count(const struct sk_bitset *set)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < sk_bitset_words(set); i++) {
        count += (uint32_t)__builtin_popcountll(set->words[i]);
    }
    return count;
}

uint32_t sk_bitset_next(const struct sk_bitset *set, uint32_t from)
{
    if (from >= set->bits_count) {
        return set->bits_count;
    }
    uint32_t word = from / 64u;
    uint64_t bits = set->words[word] & (UINT64_MAX << (from % 64u));
    while (bits == 0) {
        word += 1;
        if (word == sk_bitset_words(set)) {
            return set->bits_count;
        }
        bits = set->words[word];
    }
    return word * 64u + (uint32_t)__builtin_ctzll(bits);
}

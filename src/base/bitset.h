/* bitset.h: fixed-size sets of small numbers (steps). Memory comes from an arena. */
#ifndef SK_BASE_BITSET_H
#define SK_BASE_BITSET_H

#include "base/arena.h"

struct sk_bitset {
    uint64_t *words;
    uint32_t bits_count;
};

static inline uint32_t sk_bitset_words(const struct sk_bitset *set)
{
    return (set->bits_count + 63u) / 64u;
}
static inline bool sk_bitset_has(const struct sk_bitset *set, uint32_t bit)
{
    return (set->words[bit / 64u] >> (bit % 64u) & 1u) != 0u;
}
static inline void sk_bitset_add(struct sk_bitset *set, uint32_t bit)
{
    set->words[bit / 64u] |= UINT64_C(1) << (bit % 64u);
}
static inline void sk_bitset_drop(struct sk_bitset *set, uint32_t bit)
{
    set->words[bit / 64u] &= ~(UINT64_C(1) << (bit % 64u));
}
/* All bits clear; words is NULL when out of memory (the arena is then `failed`). */
struct sk_bitset sk_bitset_new(struct sk_arena *arena, uint32_t bits_count);
void sk_bitset_add_all(struct sk_bitset *set, const struct sk_bitset *other);
bool sk_bitset_is_subset(const struct sk_bitset *set, const struct sk_bitset *of);
bool sk_bitset_intersects(const struct sk_bitset *a, const struct sk_bitset *b);
uint32_t sk_bitset_count(const struct sk_bitset *set);
/* The first set bit >= from, or bits_count: for (i = next(s,0); i < n; i = next(s,i+1)). */
uint32_t sk_bitset_next(const struct sk_bitset *set, uint32_t from);

#endif

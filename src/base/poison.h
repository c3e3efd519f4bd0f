/*
 * poison.h: memory that is kept but means nothing until it is used again: an object given back to
 * its pool, the free end of an arena, a buffer of a scratch. Under the address sanitizer whoever
 * touches it is told, as if it had been freed; in all other builds nothing is done here.
 *
 *   - What is poisoned is unpoisoned by whoever takes it, before the first byte is touched. It may
 *     be freed as it is.
 *   - The leak check does not look into what is poisoned: a pool keeps its links readable
 *     (spare.h).
 */
#ifndef SK_BASE_POISON_H
#define SK_BASE_POISON_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define SK_HAS_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SK_HAS_POISON 1
#endif
#endif

#ifdef SK_HAS_POISON
#include <sanitizer/asan_interface.h>
#endif

static inline void sk_poison(const void *memory, size_t size)
{
#ifdef SK_HAS_POISON
    __asan_poison_memory_region(memory, size);
#else
    (void)memory;
    (void)size;
#endif
}

static inline void sk_unpoison(const void *memory, size_t size)
{
#ifdef SK_HAS_POISON
    __asan_unpoison_memory_region(memory, size);
#else
    (void)memory;
    (void)size;
#endif
}

#endif

/*
 * arena.h: memory by lifetime (one saga, one batch, one request). Allocation never fails one by
 * one: the first failure makes the arena `failed`, returns NULL from then on, and the owner checks
 * once.
 */
#ifndef SK_BASE_ARENA_H
#define SK_BASE_ARENA_H

#include "base/str.h"

struct sk_arena_block;

struct sk_arena {
    struct sk_arena_block *head;
    size_t used;  /* in the head block */
    size_t bytes; /* of all blocks: what this arena costs */
    bool failed;
};

void sk_arena_init(struct sk_arena *arena);
void sk_arena_release(struct sk_arena *arena);
/* Keeps one block. */
void sk_arena_clear(struct sk_arena *arena);
/* An empty arena takes its first block of this size at once; a failure shows with the first
 * allocation. */
void sk_arena_reserve(struct sk_arena *arena, size_t size);
/* Zeroed, aligned for any type; NULL when out of memory (and `failed` is set). */
void *sk_arena_alloc(struct sk_arena *arena, size_t size);
/* count × size with the overflow checked. */
void *sk_arena_array(struct sk_arena *arena, size_t count, size_t size);
/* The same, not zeroed: for rows that are each written whole before they are read. */
void *sk_arena_room(struct sk_arena *arena, size_t count, size_t size);
char *sk_arena_text(struct sk_arena *arena, struct sk_str s);
struct sk_str sk_arena_copy_some(struct sk_arena *arena, struct sk_str s);
/* A copy that is also NUL-terminated (the NUL is not counted); {NULL,0} when out of memory. An
 * empty one takes no memory. */
static inline struct sk_str sk_arena_copy(struct sk_arena *arena, struct sk_str s)
{
    if (s.size == 0 && !arena->failed) return (struct sk_str){ "", 0 };
    return sk_arena_copy_some(arena, s);
}

#define SK_ARENA_NEW(arena, type) ((type *)sk_arena_alloc((arena), sizeof(type)))
#define SK_ARENA_ARRAY(arena, type, count) ((type *)sk_arena_array((arena), (count), sizeof(type)))
#define SK_ARENA_ROOM(arena, type, count) ((type *)sk_arena_room((arena), (count), sizeof(type)))

/* The allocator below everything pure: malloc, realloc and free, zeroing. Tests make the n-th fail
 * by wrapping these at link time. */
void *sk_alloc(size_t size);
void *sk_realloc(void *pointer, size_t size);
void sk_free(void *pointer);

#endif

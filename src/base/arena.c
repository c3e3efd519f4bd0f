/*
 * arena.c: memory that is freed together.
 *
 *   A1  Allocation is served from the head block, from `used` upwards; other blocks are full or
 *       were made for one large request.
 *   A2  Blocks hold anything: what is handed out is zeroed then, unless it is written at once. So
 *       nothing is zeroed or touched that is not used, and clearing costs nothing.
 *       Under the address sanitizer what is not handed out is poisoned (poison.h).
 *   A3  After the first failure nothing is handed out, so a partly built tree is never mistaken for
 *       a whole one.
 */
#include "base/arena.h"

#include "base/assert.h"
#include "base/poison.h"

#include <stdalign.h>

struct sk_arena_block {
    struct sk_arena_block *next;
    size_t size; /* of data */
    alignas(max_align_t) char data[];
};

enum { BLOCK_SIZE_FIRST = 1024, BLOCK_SIZE_MAX = 64 * 1024 };
static const size_t alignment = alignof(max_align_t);

void sk_arena_init(struct sk_arena *arena)
{
    *arena = (struct sk_arena){ 0 };
}

static void free_blocks(struct sk_arena_block *block)
{
    while (block != NULL) {
        struct sk_arena_block *next = block->next;
        sk_free(block);
        block = next;
    }
}

void sk_arena_release(struct sk_arena *arena)
{
    free_blocks(arena->head);
    *arena = (struct sk_arena){ 0 };
}

void sk_arena_clear(struct sk_arena *arena)
{
    struct sk_arena_block *kept = arena->head;
    if (kept != NULL) {
        free_blocks(kept->next);
        kept->next = NULL;
        sk_poison(kept->data, kept->size);
        arena->bytes = sizeof *kept + kept->size;
    }
    arena->used = 0;
    arena->failed = false;
}

/* A block of at least `size` bytes; NULL and failed when there is no memory. */
static struct sk_arena_block *add_block(struct sk_arena *arena, size_t size)
{
    struct sk_arena_block *block = NULL;
    if (size <= SIZE_MAX - sizeof *block) {
        block = sk_realloc(NULL, sizeof *block + size);
    }
    if (block == NULL) {
        arena->failed = true;
        return NULL;
    }
    block->next = NULL;
    block->size = size;
    arena->bytes += sizeof *block + size;
    sk_poison(block->data, size);
    return block;
}

void sk_arena_reserve(struct sk_arena *arena, size_t size)
{
    if (arena->head != NULL || arena->failed) return;
    arena->head = add_block(arena, size);
}

/* Blocks double, so that a big arena has few of them and a small one costs little. */
static size_t next_block_size(const struct sk_arena *arena)
{
    size_t size = arena->bytes < BLOCK_SIZE_FIRST ? BLOCK_SIZE_FIRST : arena->bytes;
    return size < BLOCK_SIZE_MAX ? size : BLOCK_SIZE_MAX;
}

static void *alloc_from_new_block(struct sk_arena *arena, size_t size)
{
    size_t regular = next_block_size(arena);
    bool is_large = arena->head != NULL && size > regular / 4;
    struct sk_arena_block *block = add_block(arena, is_large || size > regular ? size : regular);
    if (block == NULL) {
        return NULL;
    }
    if (is_large) { /* behind the head, whose room stays in use */
        block->next = arena->head->next;
        arena->head->next = block;
        return block->data;
    }
    block->next = arena->head;
    arena->head = block;
    arena->used = size;
    return block->data;
}

static void *alloc_slowly(struct sk_arena *arena, size_t size)
{
    if (arena->failed) {
        return NULL;
    }
    if (size > SIZE_MAX - alignment) {
        arena->failed = true;
        return NULL;
    }
    void *memory = alloc_from_new_block(arena, (size + alignment - 1) / alignment * alignment);
    if (memory != NULL) sk_unpoison(memory, size);
    return memory;
}

static inline void *alloc_raw(struct sk_arena *arena, size_t size)
{
    struct sk_arena_block *head = arena->head;
    size_t rounded = (size + alignment - 1) / alignment * alignment; /* 0 where it overflows */
    if (arena->failed || head == NULL || rounded < size || rounded > head->size - arena->used)
        return alloc_slowly(arena, size);
    void *memory = head->data + arena->used;
    arena->used += rounded;
    SK_ASSERT(arena->used <= head->size); /* A1 */
    sk_unpoison(memory, size);
    return memory;
}

void *sk_arena_alloc(struct sk_arena *arena, size_t size)
{
    void *memory = alloc_raw(arena, size);
    if (memory != NULL && size > 0) memset(memory, 0, size);
    return memory;
}

static bool is_countable(struct sk_arena *arena, size_t count, size_t size)
{
    if (size == 0 || count <= SIZE_MAX / size) return true;
    arena->failed = true;
    return false;
}

void *sk_arena_array(struct sk_arena *arena, size_t count, size_t size)
{
    return is_countable(arena, count, size) ? sk_arena_alloc(arena, count * size) : NULL;
}

void *sk_arena_room(struct sk_arena *arena, size_t count, size_t size)
{
    return is_countable(arena, count, size) ? alloc_raw(arena, count * size) : NULL;
}

char *sk_arena_text(struct sk_arena *arena, struct sk_str s)
{
    char *text = s.size < SIZE_MAX ? alloc_raw(arena, s.size + 1) : NULL;
    if (text != NULL) {
        if (s.size > 0) memcpy(text, s.data, s.size);
        text[s.size] = '\0';
    }
    return text;
}

struct sk_str sk_arena_copy_some(struct sk_arena *arena, struct sk_str s)
{
    char *text = s.size < SIZE_MAX ? alloc_raw(arena, s.size + 1) : NULL;
    if (text == NULL) return (struct sk_str){ NULL, 0 };
    memcpy(text, s.data, s.size);
    text[s.size] = '\0';
    return (struct sk_str){ text, s.size };
}

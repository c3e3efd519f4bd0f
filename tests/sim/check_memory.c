/*
 * check_memory.c: memory is back where it began. When the nodes of a world are gone, and what was
 * on its way to them has come and been ignored, not one block of theirs is left, whatever befell
 * them in their lives: the blocks of the allocator below everything (base/alloc.c) are counted at
 * link time, and a world takes back all it took.
 */
#include "check_memory.h"

#include "base/arena.h"

static uint64_t blocks; /* taken and not given back */

void *__real_sk_alloc(size_t size);
void *__real_sk_realloc(void *pointer, size_t size);
void __real_sk_free(void *pointer);
void *__wrap_sk_alloc(size_t size);
void *__wrap_sk_realloc(void *pointer, size_t size);
void __wrap_sk_free(void *pointer);

void *__wrap_sk_alloc(size_t size)
{
    void *block = __real_sk_alloc(size);
    if (block != NULL) blocks += 1;
    return block;
}

void *__wrap_sk_realloc(void *pointer, size_t size)
{
    void *block = __real_sk_realloc(pointer, size);
    if (pointer == NULL && block != NULL) blocks += 1;
    return block;
}

void __wrap_sk_free(void *pointer)
{
    if (pointer != NULL) blocks -= 1;
    __real_sk_free(pointer);
}

uint64_t sim_memory_blocks(void)
{
    return blocks;
}

void sim_check_memory(struct sim_world *world, uint64_t before)
{
    if (blocks == before) return;
    sim_fail(world, "memory is given back", (struct sk_str){ 0 },
             "%lld blocks are left of nodes that are gone", (long long)(blocks - before));
}

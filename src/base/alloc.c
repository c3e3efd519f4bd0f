/*
 * alloc.c: the allocator below everything pure. Alone in its file so that a test can replace it at
 * link time (--wrap=sk_alloc, --wrap=sk_realloc) and make the n-th request fail.
 */
#include "base/arena.h"

#include <stdlib.h>

void *sk_alloc(size_t size)
{
    return calloc(1, size > 0 ? size : 1);
}

void *sk_realloc(void *pointer, size_t size)
{
    return realloc(pointer, size > 0 ? size : 1);
}

void sk_free(void *pointer)
{
    free(pointer);
}

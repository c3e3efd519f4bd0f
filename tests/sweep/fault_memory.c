/*
 * fault_memory.c: the allocator of the whole process, ours and its libraries': each call is counted
 * and handed on, or fails. What lies below is the sanitizer's allocator where there is one, else
 * that of the C library.
 */
#include "fault.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

/* NOLINTBEGIN(bugprone-reserved-identifier): names of others */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *pointer);
__attribute__((weak)) void *__interceptor_malloc(size_t size);
__attribute__((weak)) void *__interceptor_calloc(size_t count, size_t size);
__attribute__((weak)) void *__interceptor_realloc(void *pointer, size_t size);
__attribute__((weak)) void *__interceptor_memalign(size_t alignment, size_t size);
__attribute__((weak)) void __interceptor_free(void *pointer);
/* NOLINTEND(bugprone-reserved-identifier) */

#define VISIBLE __attribute__((visibility("default")))

void *memalign(size_t alignment, size_t size);

static atomic_int_fast64_t blocks;

bool fault_has_sanitizer(void)
{
    return __interceptor_malloc != NULL;
}

int64_t fault_blocks(void)
{
    return fault_has_sanitizer() ? 0 : (int64_t)atomic_load(&blocks);
}

static bool fails(const char *what)
{
    enum fault_code code;
    if (!fault_strikes(FAULT_ALLOCATION, what, &code)) return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *pointer)
{
    if (pointer != NULL) atomic_fetch_add(&blocks, 1);
    return pointer;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library's are reserved */

VISIBLE void *malloc(size_t size)
{
    if (fails("malloc")) return NULL;
    return counted(__interceptor_malloc != NULL ? __interceptor_malloc(size) : __libc_malloc(size));
}

VISIBLE void *calloc(size_t count, size_t size)
{
    if (fails("calloc")) return NULL;
    return counted(__interceptor_calloc != NULL ? __interceptor_calloc(count, size)
                                                : __libc_calloc(count, size));
}

VISIBLE void *realloc(void *pointer, size_t size)
{
    if (fails("realloc")) return NULL;
    void *moved = __interceptor_realloc != NULL ? __interceptor_realloc(pointer, size)
                                                : __libc_realloc(pointer, size);
    if (pointer == NULL) return counted(moved);
    if (moved == NULL && size == 0) atomic_fetch_sub(&blocks, 1);
    return moved;
}

VISIBLE void free(void *pointer)
{
    if (pointer == NULL) return;
    atomic_fetch_sub(&blocks, 1);
    if (__interceptor_free != NULL)
        __interceptor_free(pointer);
    else
        __libc_free(pointer);
}

static void *aligned(size_t alignment, size_t size, const char *what)
{
    if (fails(what)) return NULL;
    return counted(__interceptor_memalign != NULL ? __interceptor_memalign(alignment, size)
                                                  : __libc_memalign(alignment, size));
}

VISIBLE void *memalign(size_t alignment, size_t size)
{
    return aligned(alignment, size, "memalign");
}

VISIBLE void *aligned_alloc(size_t alignment, size_t size)
{
    return aligned(alignment, size, "aligned_alloc");
}

VISIBLE int posix_memalign(void **out_pointer, size_t alignment, size_t size)
{
    void *pointer = aligned(alignment, size, "posix_memalign");
    if (pointer == NULL) return ENOMEM;
    *out_pointer = pointer;
    return 0;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/*
 * alloc_fail.c: the wrapped allocator; see alloc_fail.h.
 */
#include "support/alloc_fail.h"

#include <stddef.h>

enum { FAILURES_MAX = 100000 };

static struct {
    int after; /* < 0: never */
    bool is_lasting;
    bool is_hit;
} fault = { .after = -1 };

/* Weak, so that programs which do not wrap still link. */
void *__real_sk_alloc(size_t size) __attribute__((weak));
void *__real_sk_realloc(void *pointer, size_t size) __attribute__((weak));
void *__wrap_sk_alloc(size_t size);
void *__wrap_sk_realloc(void *pointer, size_t size);

static bool must_fail(void)
{
    if (fault.after > 0) {
        fault.after -= 1;
        return false;
    }
    if (fault.after < 0) {
        return false;
    }
    if (!fault.is_lasting) {
        fault.after = -1;
    }
    fault.is_hit = true;
    return true;
}

void *__wrap_sk_alloc(size_t size)
{
    return must_fail() ? NULL : __real_sk_alloc(size);
}

void *__wrap_sk_realloc(void *pointer, size_t size)
{
    return must_fail() ? NULL : __real_sk_realloc(pointer, size);
}

void skt_alloc_fail_at(int n)
{
    fault.after = n;
    fault.is_lasting = false;
    fault.is_hit = false;
}

void skt_alloc_fail_from(int n)
{
    skt_alloc_fail_at(n);
    fault.is_lasting = true;
}

void skt_alloc_fail_off(void)
{
    fault.after = -1;
}

bool skt_alloc_fail_hit(void)
{
    return fault.is_hit;
}

int skt_fail_each(bool (*body)(void *context), void *context)
{
    for (int n = 0; n < FAILURES_MAX; n++) {
        skt_alloc_fail_at(n);
        bool is_success = body(context);
        skt_alloc_fail_off();
        if (is_success == fault.is_hit) {
            return -1;
        }
        if (is_success) {
            return n;
        }
    }
    return -1;
}

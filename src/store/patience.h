/*
 * patience.h: memory without which nobody could be told that there is none: it is waited for, and
 * when none comes the process ends, and says why. Nothing acknowledged is lost by that.
 */
#ifndef SK_STORE_PATIENCE_H
#define SK_STORE_PATIENCE_H

#include "base/arena.h"
#include "base/assert.h"

#include <time.h>

enum { SK_PATIENCE_TRIES_MAX = 10000, SK_PATIENCE_PAUSE_NS = 1000000 };

/* After a try that found no memory; `what` begins with "out of memory". */
static inline void sk_be_patient(int tries, const char *what)
{
    if (tries >= SK_PATIENCE_TRIES_MAX) sk_panic(what, __FILE__, __LINE__);
    nanosleep(&(struct timespec){ .tv_nsec = SK_PATIENCE_PAUSE_NS }, NULL);
}

/* Zeroed, as sk_alloc; never NULL. */
static inline void *sk_alloc_patiently(size_t size, const char *what)
{
    void *memory;
    for (int tries = 0; (memory = sk_alloc(size)) == NULL; tries++) sk_be_patient(tries, what);
    return memory;
}

#endif

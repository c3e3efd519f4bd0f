/*
 * alloc_fail.h: makes the n-th allocation of the pure layers fail.
 *
 * For a unit test that includes this header, tests/CMakeLists.txt tells the linker to send sk_alloc
 * and sk_realloc here (--wrap). Elsewhere that must be asked for, else nothing fails.
 *
 *     for (int n = 0; skt_alloc_fail_at(n), run(), skt_alloc_fail_hit(); n++) { … judge … }
 *
 * skt_fail_each does this loop. Not thread safe; tests of pure layers have one thread.
 */
#ifndef SKT_ALLOC_FAIL_H
#define SKT_ALLOC_FAIL_H

#include <stdbool.h>

/* The allocation after `n` more successful ones fails, once. */
void skt_alloc_fail_at(int n);
/* Like it, and every one after it fails too, until skt_alloc_fail_off. */
void skt_alloc_fail_from(int n);
void skt_alloc_fail_off(void);
/* Has an allocation failed since it was armed? */
bool skt_alloc_fail_hit(void);

/* Runs `body` with its 0th, 1st, 2nd … allocation failing until none is left to fail. `body`
 * returns whether it saw success, which must be so exactly when nothing failed. Returns the number
 * of failures that were tried; -1 when a failure was swallowed, or success not seen without one. */
int skt_fail_each(bool (*body)(void *context), void *context);

#endif

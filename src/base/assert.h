/*
 * assert.h: always-on assertions. A broken invariant is a bug of ours and ends the process (or, in
 * the simulator, the run); damaged input is never an assertion but an error.
 */
#ifndef SK_BASE_ASSERT_H
#define SK_BASE_ASSERT_H

/* Defined by runtime/ and by the simulator, so that the pure layers stay free of output. */
_Noreturn void sk_panic(const char *condition, const char *file, int line);

#define SK_ASSERT(condition) ((condition) ? (void)0 : sk_panic(#condition, __FILE__, __LINE__))

#endif

/*
 * panic.c: sk_panic of tests that link no runtime: says what broke and ends the test program.
 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void sk_panic(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, condition);
    abort();
}

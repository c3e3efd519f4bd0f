/*
 * panic.c: what a broken invariant does in a real process, and memory that is out where nobody
 * could be told otherwise ("out of memory: …"): it says where, and ends it. Nothing is
 * saved or closed first: the store is crash-safe and recovery is the tested path, whereas cleaning
 * up with a broken invariant is not. Alone in its file, so that a program may bring its own
 * sk_panic.
 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void end_without_memory(const char *what, const char *file, int line)
{
    (void)dprintf(
        STDERR_FILENO,
        "skald: %s\n"
        "  at %s:%d\n"
        "  Nobody could be told, so the process ends. Nothing acknowledged is lost: start it\n"
        "  again, with more memory, and every saga goes on from its history.\n",
        what, file, line);
    abort();
}

_Noreturn void sk_panic(const char *condition, const char *file, int line)
{
    if (strncmp(condition, "out of memory", strlen("out of memory")) == 0)
        end_without_memory(condition, file, line);
    (void)dprintf(
        STDERR_FILENO,
        "skald: broken invariant: %s\n"
        "  at %s:%d\n"
        "  This is a defect of Skald, not of your saga. Nothing acknowledged is lost: start\n"
        "  again and every saga goes on from its history. Please report these lines.\n",
        condition, file, line);
    abort();
}

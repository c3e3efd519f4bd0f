/*
 * libevent_memory.c: libevent's memory in a process that is ours.
 *
 * libevent 2.1 answers want of memory with an error nearly everywhere, but not where it makes a
 * request of HTTP: evhttp_request_new frees there what it has not made yet, and the process ends by
 * a signal. What is small is therefore waited for, as elsewhere where nobody could be told; where
 * none comes the process ends, and says why. What is large is refused at once, which libevent
 * takes well, so that no caller's big request stops the loop.
 */
#include "runtime/libevent_runtime.h"

#include "base/assert.h"

#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

enum { SMALL_SIZE = 4096, TRIES_MAX = 10000, PAUSE_NS = 1000000 };

static void wait_for_memory(int tries)
{
    if (tries >= TRIES_MAX) sk_panic("out of memory: libevent", __FILE__, __LINE__);
    (void)nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
}

static void *allocate(size_t size)
{
    void *memory;
    for (int tries = 0; (memory = malloc(size)) == NULL && size <= SMALL_SIZE; tries++)
        wait_for_memory(tries);
    return memory;
}

static void *reallocate(void *old, size_t size)
{
    void *memory;
    if (size == 0) {
        free(old);
        return NULL;
    }
    for (int tries = 0; (memory = realloc(old, size)) == NULL && size <= SMALL_SIZE; tries++)
        wait_for_memory(tries);
    return memory;
}

void sk_libevent_wait_for_memory(void)
{
    event_set_mem_functions(allocate, reallocate, free);
}

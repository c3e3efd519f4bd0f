/*
 * thread.h: how every thread of ours begins: no signal is its own, for signals are the first
 * loop's, or the embedding program's; and the name by which `top -H` and debuggers show it.
 */
#ifndef SK_RUNTIME_THREAD_H
#define SK_RUNTIME_THREAD_H

#include "base/error.h"

#include <pthread.h>
#include <signal.h>

/* As pthread_create: 0, or what is wrong. */
SK_MUST_CHECK static inline int sk_thread_start(pthread_t *thread, void *(*body)(void *argument),
                                                void *argument)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(thread, NULL, body, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

/* The calling thread's; 15 characters at most. */
static inline void sk_thread_name(const char *name)
{
    (void)pthread_setname_np(pthread_self(), name);
}

#endif

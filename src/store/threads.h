/*
 * threads.h: the names of the stores' threads, as `top -H` and debuggers show them (15 characters
 * at most). The loop's thread is the program's own and keeps its name.
 */
#ifndef SK_STORE_THREADS_H
#define SK_STORE_THREADS_H

#include <pthread.h>

#define SK_THREAD_COMMIT "skald-commit"      /* what waits is made durable */
#define SK_THREAD_CHECKPOINT "skald-checkpt" /* SQLite's log into its file */
#define SK_THREAD_READ "skald-read"          /* lists and lookups */
#define SK_THREAD_INDEX "skald-index"        /* a journal's index, brought up behind the log */

static inline void sk_thread_name(const char *name)
{
    (void)pthread_setname_np(pthread_self(), name);
}

#endif

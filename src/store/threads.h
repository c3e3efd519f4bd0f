/*
 * threads.h: the names of the stores' threads. The loop's thread is the program's own and keeps its
 * name.
 */
#ifndef SK_STORE_THREADS_H
#define SK_STORE_THREADS_H

#include "runtime/thread.h"

#define SK_THREAD_COMMIT "skald-commit"      /* what waits is made durable */
#define SK_THREAD_CHECKPOINT "skald-checkpt" /* SQLite's log into its file */
#define SK_THREAD_READ "skald-read"          /* lists and lookups */
#define SK_THREAD_INDEX "skald-index"        /* a journal's index, brought up behind the log */

#endif

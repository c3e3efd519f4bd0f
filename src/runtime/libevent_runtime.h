/*
 * libevent_runtime.h: the production runtime: real clocks, real chance, a libevent loop, helper
 * threads and the log.
 *
 * One runtime is one loop on one thread: the one that calls _run (before that, the one that made
 * it). Only `post` of the port and sk_libevent_runtime_stop may be called from other threads. The
 * base is without locks: other threads must not touch it or anything on it. Several runtimes live
 * side by side in a process; at most one of them takes signals.
 */
#ifndef SK_RUNTIME_LIBEVENT_RUNTIME_H
#define SK_RUNTIME_LIBEVENT_RUNTIME_H

#include "runtime/log_sink.h"
#include "runtime/runtime.h"

struct event_base;
struct sk_libevent_runtime;

enum {
    SK_HELPERS_DEFAULT = 4,
    SK_HELPERS_MAX = 64,
    SK_OFFLOAD_DEFAULT = 4096 /* jobs waiting for a helper thread; beyond it SKALD_E_LIMIT */
};

typedef void sk_on_signal(void *context, int number);

struct sk_libevent_options {
    uint32_t helpers_max; /* threads, made when needed; 0 = SK_HELPERS_DEFAULT */
    uint32_t offload_max; /* 0 = SK_OFFLOAD_DEFAULT */
    struct sk_log_options log;
    struct sk_log_sink *shared_log; /* of a runtime that outlives this one; NULL = by `log` */
    /* SIGINT and SIGTERM, on the loop; SIGPIPE is then ignored in the whole process. NULL: signals
     * are the embedding program's (SIGPIPE is still blocked on the threads of the runtime). */
    sk_on_signal *on_signal;
    void *signal_context;
};

/* Before anything else of libevent, once, and only by a program that is all ours: it is for the
 * whole process. libevent_memory.c says why. */
void sk_libevent_wait_for_memory(void);

/* `options` may be NULL. SKALD_E_MEMORY, SKALD_E_ARGUMENT, SKALD_E_AGAIN (descriptors, threads). */
enum skald_status sk_libevent_runtime_new(const struct sk_libevent_options *options,
                                          struct sk_libevent_runtime **out,
                                          skald_error *error) SK_MUST_CHECK;
/* Not while it runs. Waits for the helper threads, calls every `done` and posted function that is
 * still to come, then writes out the log. All timers must have been freed. NULL is fine. */
void sk_libevent_runtime_free(struct sk_libevent_runtime *runtime);

/* While it does not run: calls what is posted now; how much that was. */
size_t sk_libevent_runtime_deliver(struct sk_libevent_runtime *runtime);

/* The port; valid as long as the runtime. */
struct sk_runtime *sk_libevent_runtime_port(struct sk_libevent_runtime *runtime);
/* For what needs the loop itself: the HTTP server, curl. Loop thread only. */
struct event_base *sk_libevent_runtime_base(struct sk_libevent_runtime *runtime);
struct sk_log_sink *sk_libevent_runtime_log(struct sk_libevent_runtime *runtime);

/* Runs until stopped; may be called again afterwards. SKALD_E_IO when the loop itself fails. */
enum skald_status sk_libevent_runtime_run(struct sk_libevent_runtime *runtime,
                                          skald_error *error) SK_MUST_CHECK;
/* Any thread, any number of times; what was posted before runs first. Before _run: _run returns at
 * once after one turn. */
void sk_libevent_runtime_stop(struct sk_libevent_runtime *runtime);

#endif

/*
 * virtual_runtime.h: the runtime port on virtual time, for tests of sagas: one thread, no waiting,
 * the same order in every run. Time stands still until it is moved; what is posted runs when its
 * owner says so.
 *
 *   V1  A timer fires at its moment, never late: time moves from timer to timer.
 *   V2  At one moment, posts come before timers, both in the order in which they were made.
 *   V3  Chance is drawn from the seed.
 *   V4  A helper's work runs inside the loop, as a post.
 *
 * The clock of the machine, threads and files are not used at all.
 */
#ifndef SK_RUNTIME_VIRTUAL_RUNTIME_H
#define SK_RUNTIME_VIRTUAL_RUNTIME_H

#include "runtime/runtime.h"

struct sk_virtual_runtime;

struct sk_virtual_options {
    int64_t now_ms; /* engine time at the start; 0 = 2026-01-01T00:00:00Z */
    uint64_t seed;
    /* Every line of the log; NULL = dropped. */
    void (*log)(void *context, const struct sk_log_line *line);
    void *log_context;
};

/* NULL: out of memory. */
struct sk_virtual_runtime *sk_virtual_runtime_new(const struct sk_virtual_options *options);
/* Runs what is still posted, then frees. Every timer was freed by its owner. NULL is fine. */
void sk_virtual_runtime_free(struct sk_virtual_runtime *runtime);
struct sk_runtime *sk_virtual_runtime_port(struct sk_virtual_runtime *runtime);
int64_t sk_virtual_runtime_now(const struct sk_virtual_runtime *runtime);

/* Runs posts until there are none. False: SK_VIRTUAL_POSTS_MAX of them ran without time passing:
 * something posts itself for ever. */
enum { SK_VIRTUAL_POSTS_MAX = 10000000 };
bool sk_virtual_runtime_settle(struct sk_virtual_runtime *runtime) SK_MUST_CHECK;
/* Settles, then moves to the first timer if it is due at or before until_ms, fires it and settles
 * again: true. Else time becomes until_ms: false. */
bool sk_virtual_runtime_step(struct sk_virtual_runtime *runtime, int64_t until_ms);
/* Steps until `until_ms`. */
void sk_virtual_runtime_run(struct sk_virtual_runtime *runtime, int64_t until_ms);

#endif

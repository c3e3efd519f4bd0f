/*
 * loop.h: what an engine needs to live in a sweep: a runtime on virtual time that real threads may
 * post to, and a wrapper around the real store that makes every run the same.
 *
 *   L1  Time moves only when nothing is left to do: no post, nothing asked of the store.
 *   L2  The store is asked one thing at a time, and the loop waits for the answer; so the calls of
 *       its threads and ours are in the same order in every run, and the n-th is always the same.
 *   L3  A store that has not answered within LOOP_PATIENCE_S of real time ends the run: it hangs.
 */
#ifndef SWEEP_LOOP_H
#define SWEEP_LOOP_H

#include "runtime/runtime.h"
#include "store/store.h"

struct loop;

enum { LOOP_PATIENCE_S = 15 };

/* `log` gets every line; may be NULL. Aborts when out of memory: it is the test's own. */
struct loop *loop_new(int64_t begin_ms, void (*log)(void *context, const struct sk_log_line *line),
                      void *context);
/* Everything on it has been freed. */
void loop_free(struct loop *loop);
struct sk_runtime *loop_port(struct loop *loop);
int64_t loop_now(const struct loop *loop);

/* The store as the engine is to see it; takes the store over: its ops->free frees both. */
struct sk_store *loop_wrap_store(struct loop *loop, struct sk_store *store);

/* Everything that happens without time passing. */
void loop_settle(struct loop *loop);
/* One timer further, if there is one up to until_ms; false: there is none, and that is the time. */
bool loop_step(struct loop *loop, int64_t until_ms);

#endif

/*
 * ferry.h: one store for several loops. A store answers on one loop, its home; every other loop
 * gets a port of its own, whose calls are carried to the home and whose answers are carried back.
 *
 *   F1  What store.h promises holds for each port by itself, and S5 for each port's batches.
 *   F2  Batches of all ports are made durable by the one store: what waits commits as one group.
 *   F3  Nothing is lost on the way for want of memory but what is not taken on at all: an answer
 *       has its place before the question leaves.
 *
 * Threads: a port is used on its own loop; new and free while no loop runs.
 */
#ifndef SK_STORE_FERRY_H
#define SK_STORE_FERRY_H

#include "runtime/runtime.h"
#include "store/store.h"

struct sk_ferry;

/* `home` is the loop of the store. `loops` are the others. SKALD_OK: the store is the ferry's. */
enum skald_status sk_ferry_new(struct sk_store *store, struct sk_runtime *home,
                               struct sk_runtime *const *loops, uint32_t loops_count,
                               struct sk_ferry **out_ferry, skald_error *error) SK_MUST_CHECK;
/* Of loops[index]. Its ops->free does nothing. */
struct sk_store *sk_ferry_port(struct sk_ferry *ferry, uint32_t index);
/* Frees the store too; no `done` comes any more. NULL is fine. */
void sk_ferry_free(struct sk_ferry *ferry);

#endif

/*
 * memory.h: the store without a disk, for tests, benches and sagas that may die with their process.
 *
 * The semantics are those of every store (S1–S5, rows.h R1–R9) but that nothing survives the
 * process: "durable" means applied. Work is done inside the call and answered through the loop.
 * Running out of memory ends the process: there is nothing else to hold the data.
 *
 * Thread: everything on the loop.
 */
#ifndef SK_STORE_MEMORY_H
#define SK_STORE_MEMORY_H

#include "store/store.h"

struct sk_runtime;

/* shards_count 0 = SK_SHARDS_DEFAULT. SKALD_E_ARGUMENT over SK_SHARDS_MAX. */
enum skald_status sk_memory_store_new(struct sk_runtime *runtime, uint32_t shards_count,
                                      struct sk_store **out_store,
                                      skald_error *error) SK_MUST_CHECK;

#endif

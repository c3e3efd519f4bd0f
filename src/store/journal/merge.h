/*
 * merge.h: many parts of the log as one part a shard, for the index: a saga that lived through ten
 * parts has one head in it. What the index holds after the merged part is what it would hold after
 * the single ones (rows.h R2, R3; tests/store/test_journal_merge.c compares both on the memory
 * store).
 *
 *   M1  A part begins a new merged one where one cannot say both: it holds no events (it moves the
 *       position all the same), it removes a saga that the merged one writes, or it writes again
 *       what that one deletes. The batch then has several parts of the shard, in their order.
 *   M2  All spans are borrowed: the payloads must live as long as the merge. The rows are copied.
 */
#ifndef SK_STORE_JOURNAL_MERGE_H
#define SK_STORE_JOURNAL_MERGE_H

#include "base/arena.h"
#include "store/store.h"

struct sk_merge;

struct sk_merge *sk_merge_new(uint32_t shards_count); /* NULL: out of memory */
void sk_merge_free(struct sk_merge *merge);
void sk_merge_clear(struct sk_merge *merge);
/* Memory that lives as long as what was merged: for the caller's own copies, too. */
struct sk_arena *sk_merge_arena(struct sk_merge *merge);
/* False: out of memory (the arena has failed). */
bool sk_merge_add(struct sk_merge *merge, const struct sk_part *part);
uint32_t sk_merge_rows(const struct sk_merge *merge);
/* The merged parts, in `merge`; ready to be submitted. */
struct sk_batch *sk_merge_batch(struct sk_merge *merge);

#endif

/* heap.h: an intrusive binary heap of (when, number): timers. The owner embeds struct
 * sk_heap_node. */
#ifndef SK_BASE_HEAP_H
#define SK_BASE_HEAP_H

#include "base/error.h"
#include "base/str.h"

struct sk_heap_node {
    int64_t when;
    uint64_t order; /* breaks ties, so that the order is the same in every run */
    size_t place;   /* 1-based; 0 = not in the heap */
};

struct sk_heap {
    struct sk_heap_node **nodes;
    size_t count, capacity;
};

void sk_heap_release(struct sk_heap *heap);
/* Adds or moves; SKALD_E_MEMORY only when adding. */
enum skald_status sk_heap_put(struct sk_heap *heap, struct sk_heap_node *node, int64_t when,
                              uint64_t order) SK_MUST_CHECK;
/* Fine when it is not in it. */
void sk_heap_remove(struct sk_heap *heap, struct sk_heap_node *node);
struct sk_heap_node *sk_heap_first(const struct sk_heap *heap); /* NULL when empty */

#endif

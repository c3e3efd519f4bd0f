/*
 * heap.c: the binary heap of timers.
 *
 *   H1  nodes[i]->place == i + 1 for every i < count; a node outside has place 0.
 *   H2  No node is before its parent, nodes[(i - 1) / 2].
 */
#include "base/heap.h"

#include "base/arena.h"
#include "base/assert.h"

enum { CAPACITY_MIN = 16 };

static bool is_before(const struct sk_heap_node *a, const struct sk_heap_node *b)
{
    return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void set(struct sk_heap *heap, size_t index, struct sk_heap_node *node)
{
    heap->nodes[index] = node;
    node->place = index + 1;
}

static void sift_up(struct sk_heap *heap, struct sk_heap_node *node, size_t index)
{
    while (index > 0 && is_before(node, heap->nodes[(index - 1) / 2])) {
        set(heap, index, heap->nodes[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    set(heap, index, node);
}

static void sift_down(struct sk_heap *heap, struct sk_heap_node *node, size_t index)
{
    while (2 * index + 1 < heap->count) {
        size_t child = 2 * index + 1;
        if (child + 1 < heap->count && is_before(heap->nodes[child + 1], heap->nodes[child])) {
            child += 1;
        }
        if (!is_before(heap->nodes[child], node)) {
            break;
        }
        set(heap, index, heap->nodes[child]);
        index = child;
    }
    set(heap, index, node);
}

/* Puts `node` at `index`, whose present node has been moved away or is `node` itself. */
static void settle(struct sk_heap *heap, struct sk_heap_node *node, size_t index)
{
    if (index > 0 && is_before(node, heap->nodes[(index - 1) / 2])) {
        sift_up(heap, node, index);
    } else {
        sift_down(heap, node, index);
    }
}

static bool make_room(struct sk_heap *heap)
{
    if (heap->count < heap->capacity) {
        return true;
    }
    size_t capacity = heap->capacity == 0 ? CAPACITY_MIN : heap->capacity * 2;
    struct sk_heap_node **nodes = sk_realloc(heap->nodes, capacity * sizeof(struct sk_heap_node *));
    if (nodes == NULL) {
        return false;
    }
    heap->nodes = nodes;
    heap->capacity = capacity;
    return true;
}

void sk_heap_release(struct sk_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        heap->nodes[i]->place = 0;
    }
    sk_free(heap->nodes);
    *heap = (struct sk_heap){ 0 };
}

enum skald_status sk_heap_put(struct sk_heap *heap, struct sk_heap_node *node, int64_t when,
                              uint64_t order)
{
    if (node->place == 0) {
        if (!make_room(heap)) {
            return SKALD_E_MEMORY;
        }
        heap->count += 1;
        set(heap, heap->count - 1, node);
    }
    SK_ASSERT(node->place <= heap->count && heap->nodes[node->place - 1] == node); /* H1 */
    node->when = when;
    node->order = order;
    settle(heap, node, node->place - 1);
    return SKALD_OK;
}

void sk_heap_remove(struct sk_heap *heap, struct sk_heap_node *node)
{
    if (node->place == 0) {
        return;
    }
    size_t index = node->place - 1;
    SK_ASSERT(index < heap->count && heap->nodes[index] == node); /* H1 */
    heap->count -= 1;
    struct sk_heap_node *last = heap->nodes[heap->count];
    node->place = 0;
    if (last != node) {
        settle(heap, last, index);
    }
}

struct sk_heap_node *sk_heap_first(const struct sk_heap *heap)
{
    return heap->count > 0 ? heap->nodes[0] : NULL;
}

/*
 * scratch.h: memory for one piece of work, kept for the next: an arena and a few buffers that are
 * taken and given back like a stack. Who does the same small thing a million times allocates once.
 *
 *   - A buffer is the taker's until it is given back; the last one taken goes back first.
 *   - What is kept is bounded: what has grown beyond SK_SCRATCH_KEPT_MAX is let go.
 *   - One owner, one thread; nobody holds anything of it across two pieces of work.
 */
#ifndef SK_BASE_SCRATCH_H
#define SK_BASE_SCRATCH_H

#include "base/arena.h"
#include "base/buf.h"

enum { SK_SCRATCH_BUFS = 8, SK_SCRATCH_KEPT_MAX = 64 * 1024 };

struct sk_scratch {
    struct sk_arena arena;
    struct sk_buf bufs[SK_SCRATCH_BUFS];
    uint32_t taken;
};

void sk_scratch_init(struct sk_scratch *scratch);
void sk_scratch_release(struct sk_scratch *scratch);
/* The arena is empty again, and has not failed. */
void sk_scratch_clear(struct sk_scratch *scratch);
/* Empty, with this ceiling (0 = none). */
struct sk_buf *sk_scratch_take(struct sk_scratch *scratch, size_t size_max);
void sk_scratch_give_back(struct sk_scratch *scratch, struct sk_buf *buf);

#endif

/* scratch.c: see scratch.h. */
#include "base/scratch.h"

#include "base/assert.h"
#include "base/poison.h"

void sk_scratch_init(struct sk_scratch *scratch)
{
    *scratch = (struct sk_scratch){ 0 };
    sk_arena_init(&scratch->arena);
}

void sk_scratch_release(struct sk_scratch *scratch)
{
    SK_ASSERT(scratch->taken == 0);
    for (size_t i = 0; i < SK_SCRATCH_BUFS; i++) sk_buf_release(&scratch->bufs[i]);
    sk_arena_release(&scratch->arena);
}

void sk_scratch_clear(struct sk_scratch *scratch)
{
    if (scratch->arena.bytes > SK_SCRATCH_KEPT_MAX) {
        sk_arena_release(&scratch->arena);
    } else {
        sk_arena_clear(&scratch->arena);
    }
}

struct sk_buf *sk_scratch_take(struct sk_scratch *scratch, size_t size_max)
{
    SK_ASSERT(scratch->taken < SK_SCRATCH_BUFS);
    struct sk_buf *buf = &scratch->bufs[scratch->taken++];
    sk_unpoison(buf->data, buf->capacity);
    if (size_max > 0 && buf->capacity > size_max) sk_buf_release(buf); /* B1 of buf.c */
    buf->size_max = size_max;
    return buf;
}

void sk_scratch_give_back(struct sk_scratch *scratch, struct sk_buf *buf)
{
    SK_ASSERT(scratch->taken > 0 && buf == &scratch->bufs[scratch->taken - 1]);
    scratch->taken -= 1;
    sk_buf_clear(buf);
    if (buf->capacity > SK_SCRATCH_KEPT_MAX) sk_buf_release(buf);
    sk_poison(buf->data, buf->capacity);
}

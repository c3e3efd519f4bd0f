/* span.c: see span.h. */
#include "store/sqlite/span.h"

#include "core/plan.h"
#include "store/sqlite/statement.h"

enum { WORDS_COUNT = 7, WORD_SIZE = 8 };

int64_t sk_sqlite_span_sum(const struct sk_sqlite_span *span)
{
    const uint64_t words[WORDS_COUNT] = {
        (uint64_t)span->key, (uint64_t)span->saga,   span->seq, span->count, span->back,
        span->width,         sk_hash_id(span->data),
    };
    char bytes[WORDS_COUNT * WORD_SIZE]; /* little-endian: the file may move to another machine */
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(words[i / WORD_SIZE] >> (i % WORD_SIZE * 8) & 0xffu);
    return (int64_t)(sk_hash_id((struct sk_str){ bytes, sizeof bytes }) & UINT32_MAX);
}

void sk_sqlite_pack_event(struct sk_sqlite_pack *pack, struct sk_buf *buf,
                          const struct sk_event_row *row, uint64_t position)
{
    sk_put_u64(buf, position - pack->position);
    sk_put_i64(buf, row->at_ms - pack->at_ms);
    sk_put_u64(buf, row->type);
    sk_put_u64(buf, row->step == SK_STEP_NONE ? 0 : (uint64_t)row->step + 1);
    sk_put_i64(buf, row->item);
    sk_put_u64(buf, row->attempt);
    sk_put_u64(buf, row->round);
    sk_put_str(buf, row->data);
    *pack = (struct sk_sqlite_pack){ position, row->at_ms };
}

struct sk_sqlite_unpack sk_sqlite_unpack_of(const struct sk_sqlite_span *span)
{
    return (struct sk_sqlite_unpack){
        .span = span,
        .reader = sk_reader_of(span->data),
        .position = sk_sqlite_key_number(span->key),
    };
}

bool sk_sqlite_unpack_next(struct sk_sqlite_unpack *unpack, struct sk_event_row *out_row)
{
    const struct sk_sqlite_span *span = unpack->span;
    struct sk_reader *r = &unpack->reader;
    if (unpack->done == span->count) return false;
    unpack->position += sk_get_u64(r);
    unpack->at_ms = (int64_t)((uint64_t)unpack->at_ms + (uint64_t)sk_get_i64(r));
    *out_row = (struct sk_event_row){
        .no = sk_sqlite_key_number(span->saga),
        .seq = span->seq + unpack->done,
        .at_ms = unpack->at_ms,
        .position = unpack->position,
    };
    out_row->type = (uint32_t)sk_get_u64(r);
    uint64_t step = sk_get_u64(r);
    out_row->step = step == 0 ? SK_STEP_NONE : (uint32_t)(step - 1);
    out_row->item = (int32_t)sk_get_i64(r);
    out_row->attempt = (uint32_t)sk_get_u64(r);
    out_row->round = (uint32_t)sk_get_u64(r);
    out_row->data = sk_get_str(r);
    unpack->done += 1;
    return !r->bad;
}

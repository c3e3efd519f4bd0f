/*
 * span.h: the events of one saga that one part wrote, as one row of the table `span`. A row of the
 * table costs SQLite as much as the packing of ten events, so a saga of ten events in one part
 * costs a tenth.
 *
 *   - The events of a span follow each other in `seq`; their positions ascend, with those of other
 *     sagas between them. `back` and `width` say where the part lies that wrote it: all spans of a
 *     part together hold its positions, so a reader in the order of positions reads part by part.
 *   - `sum` is a checksum of all columns. SQLite notices damage of its own structures and none of
 *     what it was given to keep; events that differ would be folded into a state that nobody
 *     decided, and are never handed on. Sums guard against accidents, not against people: there is
 *     no key in them.
 *   - The bytes of `data`, for each event: positions since the one before (the first: 0) u,
 *     milliseconds since the one before (the first: since 0) i, type u, step + 1 (0 = SK_STEP_NONE)
 *     u, item i, attempt u, round u, data s; codec as in base/buf.h. Part of the format: a change
 *     is a new schema.
 */
#ifndef SK_STORE_SQLITE_SPAN_H
#define SK_STORE_SQLITE_SPAN_H

#include "base/buf.h"
#include "store/store.h"

enum { SK_SQLITE_SPAN_BYTES = 16384 /* of data: then the next span begins */ };

struct sk_sqlite_span {
    int64_t key, saga; /* of its first event, of the saga: sk_sqlite_key */
    uint64_t seq;      /* of its first event */
    uint32_t count;    /* events */
    uint64_t back, width;
    struct sk_str data;
};

/* Fits the column: 0 … 2^32 - 1. */
int64_t sk_sqlite_span_sum(const struct sk_sqlite_span *span);

/* Writing; begins with the position of the first event. */
struct sk_sqlite_pack {
    uint64_t position;
    int64_t at_ms;
};
void sk_sqlite_pack_event(struct sk_sqlite_pack *pack, struct sk_buf *buf,
                          const struct sk_event_row *row, uint64_t position);

/* Reading. `no`, `seq`, `position` and the rest of a row; its data is borrowed from the span. */
struct sk_sqlite_unpack {
    const struct sk_sqlite_span *span;
    struct sk_reader reader;
    uint32_t done;
    uint64_t position;
    int64_t at_ms;
};
struct sk_sqlite_unpack sk_sqlite_unpack_of(const struct sk_sqlite_span *span);
/* False: there are no more, or (unpack->reader.bad) the bytes are none of a span. */
bool sk_sqlite_unpack_next(struct sk_sqlite_unpack *unpack, struct sk_event_row *out_row);

#endif

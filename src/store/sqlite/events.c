/*
 * events.c: the events of a part as spans (span.h), and what trimming leaves of them.
 *
 * A part has the events of many sagas between each other. They are brought together by a table of
 * their numbers, and the spans are written in the order of their first events: that is the order of
 * the table, so SQLite appends.
 */
#include "store/sqlite/parts.h"
#include "store/sqlite/span.h"

enum { NONE = 0 }; /* indices in `next` and `slots` are one more than they say */

/* The events of one saga in the part, in their order. */
struct chain {
    uint64_t no;
    uint32_t first, last;
};

struct chains {
    struct chain *chains;
    uint32_t count, mask;
    uint32_t *slots; /* by hash of no: chain + 1 */
    uint32_t *next;  /* by event: the next of its saga + 1 */
};

/* ---- bringing together ----------------------------------------------------------------------- */

static bool chains_init(struct chains *chains, struct sk_arena *arena, uint32_t events_count)
{
    uint32_t slots = 8;
    while (slots < 2 * events_count) slots *= 2;
    chains->mask = slots - 1;
    chains->slots = SK_ARENA_ARRAY(arena, uint32_t, slots);
    chains->next = SK_ARENA_ARRAY(arena, uint32_t, events_count);
    chains->chains = SK_ARENA_ARRAY(arena, struct chain, events_count);
    return !arena->failed;
}

static void chains_add(struct chains *chains, uint64_t no, uint32_t event)
{
    uint32_t slot = (uint32_t)sk_mix(no, 0) & chains->mask;
    for (; chains->slots[slot] != NONE; slot = (slot + 1) & chains->mask) {
        struct chain *chain = &chains->chains[chains->slots[slot] - 1];
        if (chain->no != no) continue;
        chains->next[chain->last] = event + 1;
        chain->last = event;
        return;
    }
    chains->chains[chains->count++] = (struct chain){ no, event, event };
    chains->slots[slot] = chains->count;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Rows.h R4: SQLITE_CONSTRAINT_UNIQUE if the saga has an event with this seq or a later one. */
static int expect_later(struct sk_sqlite_writer *writer, int64_t saga, uint64_t seq)
{
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_SPAN_LATER] };
    sk_sqlite_bind_int(&s, 1, saga);
    sk_sqlite_bind_u64(&s, 2, seq);
    int code = sk_sqlite_call_step(&s);
    int end = sk_sqlite_call_end(&s, code);
    if (end != SQLITE_OK) return end;
    return code == SQLITE_ROW ? SQLITE_CONSTRAINT_UNIQUE : SQLITE_OK;
}

static int put_span(struct sk_sqlite_writer *writer, struct sk_sqlite_span *span)
{
    if (writer->pack.failed) {
        writer->pack.failed = false;
        return SQLITE_NOMEM;
    }
    span->data = sk_buf_view(&writer->pack);
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_SPAN] };
    sk_sqlite_bind_int(&s, 1, span->key);
    sk_sqlite_bind_int(&s, 2, span->saga);
    sk_sqlite_bind_u64(&s, 3, span->seq);
    sk_sqlite_bind_int(&s, 4, span->count);
    sk_sqlite_bind_u64(&s, 5, span->back);
    sk_sqlite_bind_u64(&s, 6, span->width);
    sk_sqlite_bind_int(&s, 7, sk_sqlite_span_sum(span));
    sk_sqlite_bind_bytes(&s, 8, span->data);
    return sk_sqlite_call_run(&s);
}

/* From event `*at` of the saga on, as many as one span may hold; *at is the one that follows, which
 * may begin at *out_seq. */
static int put_run(struct sk_sqlite_writer *writer, const struct sk_part *part,
                   const struct chains *chains, uint32_t *at, uint64_t *out_seq)
{
    const struct sk_event_row *first = &part->events[*at - 1];
    struct sk_sqlite_span span = {
        .key = sk_sqlite_key(part->shard, part->first_position + (*at - 1)),
        .saga = sk_sqlite_key(part->shard, first->no),
        .seq = first->seq,
        .back = *at - 1,
        .width = sk_part_width(part),
    };
    struct sk_sqlite_pack pack = { 0 };
    sk_buf_clear(&writer->pack);
    for (; *at != NONE && writer->pack.size < SK_SQLITE_SPAN_BYTES; *at = chains->next[*at - 1]) {
        const struct sk_event_row *row = &part->events[*at - 1];
        if (row->seq != first->seq + span.count) break;
        sk_sqlite_pack_event(&pack, &writer->pack, row, part->first_position + (*at - 1));
        span.count += 1;
    }
    *out_seq = span.seq + span.count;
    return put_span(writer, &span);
}

static int put_chain(struct sk_sqlite_writer *writer, const struct sk_part *part,
                     const struct chains *chains, const struct chain *chain)
{
    int64_t saga = sk_sqlite_key(part->shard, chain->no);
    uint32_t at = chain->first + 1;
    bool is_old = chain->no < part->first_position; /* not begun in this part */
    int code = SQLITE_OK;
    if (is_old) code = expect_later(writer, saga, part->events[chain->first].seq);
    while (code == SQLITE_OK && at != NONE) {
        uint64_t next_seq = 0;
        code = put_run(writer, part, chains, &at, &next_seq);
        bool is_twin = at != NONE && part->events[at - 1].seq < next_seq;
        if (code == SQLITE_OK && is_twin) code = SQLITE_CONSTRAINT_UNIQUE;
    }
    return code;
}

int sk_sqlite_put_events(struct sk_sqlite_writer *writer, const struct sk_part *part)
{
    struct chains chains = { .count = 0 };
    if (part->events_count == 0) return SQLITE_OK;
    sk_arena_clear(&writer->scratch);
    if (!chains_init(&chains, &writer->scratch, part->events_count)) {
        sk_arena_release(&writer->scratch);
        sk_arena_init(&writer->scratch);
        return SQLITE_NOMEM;
    }
    for (uint32_t i = 0; i < part->events_count; i++) chains_add(&chains, part->events[i].no, i);
    int code = SQLITE_OK;
    for (uint32_t i = 0; i < chains.count && code == SQLITE_OK; i++)
        code = put_chain(writer, part, &chains, &chains.chains[i]);
    return code;
}

/* ---- trimming -------------------------------------------------------------------------------- */

/* What is left of a span becomes one that begins at its first event that stays. */
static bool pack_rest(struct sk_sqlite_writer *writer, const struct sk_sqlite_span *span,
                      uint64_t below_seq, struct sk_sqlite_span *out_rest)
{
    struct sk_sqlite_unpack unpack = sk_sqlite_unpack_of(span);
    struct sk_sqlite_pack pack = { 0 };
    struct sk_event_row row;
    *out_rest = *span;
    out_rest->count = 0;
    sk_buf_clear(&writer->pack);
    while (sk_sqlite_unpack_next(&unpack, &row)) {
        if (row.seq < below_seq) continue;
        if (out_rest->count++ == 0) {
            uint32_t shard = sk_sqlite_key_shard(span->key);
            out_rest->key = sk_sqlite_key(shard, row.position);
            out_rest->seq = row.seq;
            out_rest->back = span->back + (uint64_t)(out_rest->key - span->key);
        }
        sk_sqlite_pack_event(&pack, &writer->pack, &row, row.position);
    }
    return !unpack.reader.bad;
}

void sk_sqlite_span_of(sqlite3_stmt *s, struct sk_sqlite_span *out_span)
{
    const void *data = sqlite3_column_blob(s, 7);
    size_t size = (size_t)sqlite3_column_bytes(s, 7);
    *out_span = (struct sk_sqlite_span){
        .key = sqlite3_column_int64(s, 0),
        .saga = sqlite3_column_int64(s, 1),
        .seq = (uint64_t)sqlite3_column_int64(s, 2),
        .count = (uint32_t)sqlite3_column_int64(s, 3),
        .back = (uint64_t)sqlite3_column_int64(s, 4),
        .width = (uint64_t)sqlite3_column_int64(s, 5),
        .data = { data, data == NULL ? 0 : size },
    };
}

bool sk_sqlite_span_is_sound(sqlite3_stmt *s, const struct sk_sqlite_span *span)
{
    return sqlite3_column_int64(s, 6) == sk_sqlite_span_sum(span);
}

/* The one span that the cut goes through. */
static int cut_span(struct sk_sqlite_writer *writer, int64_t saga, uint64_t below_seq)
{
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_TRIM_CUT] };
    struct sk_sqlite_span span, rest = { 0 };
    sk_sqlite_bind_int(&s, 1, saga);
    sk_sqlite_bind_u64(&s, 2, below_seq);
    int code = sk_sqlite_call_step(&s);
    bool is_there = code == SQLITE_ROW, is_sound = true;
    if (is_there) {
        sk_sqlite_span_of(s.statement, &span);
        is_sound = sk_sqlite_span_is_sound(s.statement, &span) &&
                   pack_rest(writer, &span, below_seq, &rest);
    }
    int end = sk_sqlite_call_end(&s, code);
    if (end != SQLITE_OK || !is_there) return end;
    if (!is_sound) return SQLITE_CORRUPT;
    s.statement = writer->sql[SQL_SPAN_GONE];
    sk_sqlite_bind_int(&s, 1, span.key);
    code = sk_sqlite_call_run(&s);
    return code == SQLITE_OK ? put_span(writer, &rest) : code;
}

int sk_sqlite_trim_events(struct sk_sqlite_writer *writer, int64_t saga, uint64_t below_seq)
{
    static const enum sk_sqlite_sql whole[] = { SQL_TRIM_FIRST, SQL_TRIM_LATER };
    int code = SQLITE_OK;
    for (size_t i = 0; i < 2 && code == SQLITE_OK; i++) {
        struct sk_sqlite_call s = { .statement = writer->sql[whole[i]] };
        sk_sqlite_bind_int(&s, 1, saga);
        sk_sqlite_bind_u64(&s, 2, below_seq);
        code = sk_sqlite_call_run(&s);
    }
    return code == SQLITE_OK ? cut_span(writer, saga, below_seq) : code;
}

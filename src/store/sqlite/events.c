/*
 * events.c: the events of a part as spans (span.h), and what trimming leaves of them.
 *
 * A part has the events of many sagas between each other. They are brought together by a table of
 * their numbers, and the spans are written in the order of their first events: that is the order of
 * the table, so SQLite appends.
 */
#include "store/sqlite/parts.h"
#include "store/sqlite/span.h"

enum { SPAN_COLUMNS = 8, NONE = 0 }; /* indices in `next` and `slots` are one more than they say */

/* The events of one saga in the part, in their order. */
struct chain {
    uint64_t no;
    uint32_t first, last;
};

/* Spans that are written together. */
struct waiting {
    struct sk_sqlite_span spans[SK_SQLITE_BULK];
    int count;
};

struct chains {
    struct waiting waiting;
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

static void bind_span(struct sk_sqlite_call *s, int row, const struct sk_sqlite_span *span)
{
    int at = row * SPAN_COLUMNS;
    sk_sqlite_bind_int(s, at + 1, span->key);
    sk_sqlite_bind_int(s, at + 2, span->saga);
    sk_sqlite_bind_u64(s, at + 3, span->seq);
    sk_sqlite_bind_int(s, at + 4, span->count);
    sk_sqlite_bind_u64(s, at + 5, span->back);
    sk_sqlite_bind_u64(s, at + 6, span->width);
    sk_sqlite_bind_int(s, at + 7, sk_sqlite_span_sum(span));
    sk_sqlite_bind_bytes(s, at + 8, span->data);
}

/* Those that wait, whose bytes stand one behind the other in `pack`. */
static int put_spans(struct sk_sqlite_writer *writer, struct waiting *waiting)
{
    if (writer->pack.failed) {
        writer->pack.failed = false;
        return SQLITE_NOMEM;
    }
    bool is_bulk = waiting->count == SK_SQLITE_BULK && !writer->is_alone;
    struct sk_sqlite_call s = { .statement = writer->sql[is_bulk ? SQL_SPANS : SQL_SPAN] };
    const char *data = writer->pack.data;
    int code = SQLITE_OK;
    for (int i = 0; i < waiting->count && code == SQLITE_OK; i++) {
        struct sk_sqlite_span *span = &waiting->spans[i];
        span->data.data = data;
        data += span->data.size;
        bind_span(&s, is_bulk ? i : 0, span);
        if (!is_bulk) code = sk_sqlite_call_run(&s);
    }
    if (is_bulk) code = sk_sqlite_call_run(&s);
    waiting->count = 0;
    sk_buf_clear(&writer->pack);
    return code;
}

/* From event `*at` of the saga on, as many as one span may hold, which waits then; *at is the one
 * that follows, which may begin at *out_seq. */
static int put_run(struct sk_sqlite_writer *writer, const struct sk_part *part,
                   struct chains *chains, uint32_t *at, uint64_t *out_seq)
{
    const struct sk_event_row *first = &part->events[*at - 1];
    struct sk_sqlite_span span = {
        .key = sk_sqlite_key(part->shard, part->first_position + (*at - 1)),
        .saga = sk_sqlite_key(part->shard, first->no),
        .seq = first->seq,
        .back = *at - 1,
        .width = sk_part_width(part),
    };
    struct sk_sqlite_pack pack = { .position = part->first_position + (*at - 1) };
    size_t begin = writer->pack.size;
    for (; *at != NONE && writer->pack.size - begin < SK_SQLITE_SPAN_BYTES;
         *at = chains->next[*at - 1]) {
        const struct sk_event_row *row = &part->events[*at - 1];
        if (row->seq != first->seq + span.count) break;
        sk_sqlite_pack_event(&pack, &writer->pack, row, part->first_position + (*at - 1));
        span.count += 1;
    }
    *out_seq = span.seq + span.count;
    span.data.size = writer->pack.size - begin;
    chains->waiting.spans[chains->waiting.count++] = span;
    return chains->waiting.count == SK_SQLITE_BULK ? put_spans(writer, &chains->waiting)
                                                   : SQLITE_OK;
}

static int put_chain(struct sk_sqlite_writer *writer, const struct sk_part *part,
                     struct chains *chains, const struct chain *chain)
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
    sk_buf_clear(&writer->pack);
    if (!chains_init(&chains, &writer->scratch, part->events_count)) {
        sk_arena_release(&writer->scratch);
        sk_arena_init(&writer->scratch);
        return SQLITE_NOMEM;
    }
    for (uint32_t i = 0; i < part->events_count; i++) chains_add(&chains, part->events[i].no, i);
    int code = SQLITE_OK;
    for (uint32_t i = 0; i < chains.count && code == SQLITE_OK; i++)
        code = put_chain(writer, part, &chains, &chains.chains[i]);
    return code == SQLITE_OK ? put_spans(writer, &chains.waiting) : code;
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
            pack.position = row.position;
        }
        sk_sqlite_pack_event(&pack, &writer->pack, &row, row.position);
    }
    out_rest->data.size = writer->pack.size;
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
    struct sk_sqlite_span span;
    struct waiting rest = { .count = 1 };
    sk_sqlite_bind_int(&s, 1, saga);
    sk_sqlite_bind_u64(&s, 2, below_seq);
    int code = sk_sqlite_call_step(&s);
    bool is_there = code == SQLITE_ROW, is_sound = true;
    if (is_there) {
        sk_sqlite_span_of(s.statement, &span);
        is_sound = sk_sqlite_span_is_sound(s.statement, &span) &&
                   pack_rest(writer, &span, below_seq, &rest.spans[0]);
    }
    int end = sk_sqlite_call_end(&s, code);
    if (end != SQLITE_OK || !is_there) return end;
    if (!is_sound) return SQLITE_CORRUPT;
    s.statement = writer->sql[SQL_SPAN_GONE];
    sk_sqlite_bind_int(&s, 1, span.key);
    code = sk_sqlite_call_run(&s);
    return code == SQLITE_OK ? put_spans(writer, &rest) : code;
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

/*
 * read_events.c: spans (span.h) as the events that were asked for. By saga, spans stand in the
 * order of seq; by position, the spans of one part are unpacked together and sorted.
 */
#include "store/sqlite/parts.h"
#include "store/sqlite/span.h"

#include <stdlib.h>

/* The present row, if it is what was written; else the answer says that it is not. */
static bool take_span(sqlite3_stmt *s, struct sk_rows *rows, struct sk_sqlite_span *out_span)
{
    sk_sqlite_span_of(s, out_span);
    if (sk_sqlite_span_is_sound(s, out_span)) return true;
    rows->status = sk_error_set(&rows->error, SKALD_E_CORRUPT,
                                "event %llu at position %llu of shard %u, or one that lies with "
                                "it, is not what was written: the file is damaged; restore a copy",
                                (unsigned long long)out_span->seq,
                                (unsigned long long)sk_sqlite_key_number(out_span->key),
                                sk_sqlite_key_shard(out_span->key));
    return false;
}

static bool add_event(struct sk_rows *rows, const struct sk_event_row *event)
{
    struct sk_event_row *row = SK_ROWS_ADD(rows, events);
    if (row == NULL) return false;
    *row = *event;
    row->data = sk_arena_copy(&rows->arena, event->data);
    return !rows->arena.failed;
}

/* ---- by saga --------------------------------------------------------------------------------- */

int sk_sqlite_collect_events(sqlite3_stmt *statement, const struct sk_read *read,
                             struct sk_rows *rows)
{
    uint32_t limit = sk_read_limit(read);
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct sk_sqlite_span span;
        struct sk_event_row event;
        if (!take_span(statement, rows, &span)) return SQLITE_OK;
        struct sk_sqlite_unpack unpack = sk_sqlite_unpack_of(&span);
        while (sk_sqlite_unpack_next(&unpack, &event)) {
            if (event.seq <= read->after) continue;
            rows->has_more = sk_rows_is_full(rows, rows->events_count, read, limit);
            if (rows->has_more) return SQLITE_OK;
            if (!add_event(rows, &event)) return SQLITE_NOMEM;
        }
        if (unpack.reader.bad) return SQLITE_CORRUPT;
    }
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* ---- by position ----------------------------------------------------------------------------- */

/* The events of one part that come after the position asked for. */
struct part_events {
    struct sk_arena arena;
    struct sk_event_row *rows;
    uint32_t count;
    int64_t end; /* the key at which the part ends; 0 = none is open */
};

static int compare_positions(const void *a, const void *b)
{
    uint64_t x = ((const struct sk_event_row *)a)->position;
    uint64_t y = ((const struct sk_event_row *)b)->position;
    return x < y ? -1 : x > y;
}

static int unpack_span(struct part_events *part, sqlite3_stmt *s, const struct sk_sqlite_span *span,
                       uint64_t after)
{
    struct sk_sqlite_unpack unpack = sk_sqlite_unpack_of(span);
    struct sk_event_row event;
    struct sk_str saga_id = { 0 };
    while (sk_sqlite_unpack_next(&unpack, &event)) {
        if (event.position <= after) continue;
        struct sk_event_row *row =
            sk_rows_add(&part->arena, (void **)&part->rows, &part->count, sizeof *row);
        if (row == NULL) return SQLITE_NOMEM;
        *row = event;
        row->data = sk_arena_copy(&part->arena, event.data);
        if (sqlite3_column_type(s, 8) == SQLITE_NULL) continue;
        if (saga_id.size == 0) saga_id = sk_sqlite_column_str(s, 8, &part->arena);
        row->saga_id = saga_id;
        row->definition = sk_sqlite_column_digest(s, 9);
        row->is_lock = sqlite3_column_int(s, 10) != 0;
    }
    if (unpack.reader.bad) return SQLITE_CORRUPT;
    return part->arena.failed ? SQLITE_NOMEM : SQLITE_OK;
}

/* The part is whole: its events go into the answer, which may be full by that. */
static int close_part(struct part_events *part, const struct sk_read *read, struct sk_rows *rows)
{
    uint32_t limit = sk_read_limit(read);
    if (part->count > 0) qsort(part->rows, part->count, sizeof *part->rows, compare_positions);
    for (uint32_t i = 0; i < part->count; i++) {
        rows->has_more = sk_rows_is_full(rows, rows->events_count, read, limit);
        if (rows->has_more) break;
        if (!add_event(rows, &part->rows[i])) return SQLITE_NOMEM;
        struct sk_event_row *row = &rows->events[rows->events_count - 1];
        row->saga_id = sk_arena_copy(&rows->arena, row->saga_id);
        if (rows->arena.failed) return SQLITE_NOMEM;
    }
    sk_arena_clear(&part->arena);
    part->rows = NULL;
    part->count = 0;
    return SQLITE_OK;
}

int sk_sqlite_collect_positions(sqlite3_stmt *statement, const struct sk_read *read,
                                struct sk_rows *rows)
{
    struct part_events part = { .end = 0 };
    sk_arena_init(&part.arena);
    int code = SQLITE_OK, step = SQLITE_DONE;
    while (code == SQLITE_OK && !rows->has_more && rows->status == SKALD_OK &&
           (step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct sk_sqlite_span span;
        if (!take_span(statement, rows, &span)) break;
        if (span.key >= part.end) code = close_part(&part, read, rows);
        part.end = span.key - (int64_t)span.back + (int64_t)span.width;
        if (code == SQLITE_OK && !rows->has_more)
            code = unpack_span(&part, statement, &span, read->after);
    }
    if (step != SQLITE_ROW && step != SQLITE_DONE) code = step;
    if (code == SQLITE_OK && !rows->has_more && rows->status == SKALD_OK)
        code = close_part(&part, read, rows);
    sk_arena_release(&part.arena);
    return code;
}

/*
 * old_events.c: events as they stood before schema 4, a row each, become spans of one event
 * (schema.c, schema_4). An event that is not what was written (schema 3 had sums) gets a sum that
 * is none, so that it stays what it is.
 */
#include "store/sqlite/schema.h"
#include "store/sqlite/span.h"
#include "store/sqlite/statement.h"

enum { SPAN_ARGUMENTS = 7, SUM_ARGUMENTS = 11, OLD_WORDS = 10, WORD_SIZE = 8, NO_SUM = -1 };

/* at, type, step, item, attempt, round, data */
static struct sk_event_row event_of(sqlite3_value **values)
{
    const void *data = sqlite3_value_blob(values[6]);
    size_t size = (size_t)sqlite3_value_bytes(values[6]);
    return (struct sk_event_row){
        .at_ms = sqlite3_value_int64(values[0]),
        .type = (uint32_t)sqlite3_value_int64(values[1]),
        .step = (uint32_t)sqlite3_value_int64(values[2]),
        .item = sqlite3_value_int(values[3]),
        .attempt = (uint32_t)sqlite3_value_int64(values[4]),
        .round = (uint32_t)sqlite3_value_int64(values[5]),
        .data = { data, data == NULL ? 0 : size },
    };
}

static bool pack(const struct sk_event_row *row, struct sk_buf *buf)
{
    struct sk_sqlite_pack pack = { 0 };
    sk_buf_init(buf, 0);
    sk_sqlite_pack_event(&pack, buf, row, 0);
    return !buf->failed;
}

static void tell_span(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    struct sk_buf buf;
    struct sk_event_row row = event_of(values);
    if (pack(&row, &buf)) {
        sqlite3_result_blob64(context, buf.data, buf.size, SQLITE_TRANSIENT);
    } else {
        sqlite3_result_error_nomem(context);
    }
    sk_buf_release(&buf);
}

/* As schema 3 had it. */
static int64_t old_sum(int64_t key, int64_t saga, const struct sk_event_row *row)
{
    const uint64_t words[OLD_WORDS] = {
        (uint64_t)key,         (uint64_t)saga, row->seq,
        (uint64_t)row->at_ms,  row->type,      (uint32_t)row->step,
        (uint32_t)row->item,   row->attempt,   row->round,
        sk_hash_id(row->data),
    };
    char bytes[OLD_WORDS * WORD_SIZE];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(words[i / WORD_SIZE] >> (i % WORD_SIZE * 8) & 0xffu);
    return (int64_t)(sk_hash_id((struct sk_str){ bytes, sizeof bytes }) & UINT32_MAX);
}

/* key, saga, seq, then the event, then its old sum (NULL: none) */
static void tell_sum(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    struct sk_buf buf;
    int64_t key = sqlite3_value_int64(values[0]), saga = sqlite3_value_int64(values[1]);
    struct sk_event_row row = event_of(values + 3);
    row.seq = (uint64_t)sqlite3_value_int64(values[2]);
    bool is_sound = sqlite3_value_type(values[10]) == SQLITE_NULL ||
                    sqlite3_value_int64(values[10]) == old_sum(key, saga, &row);
    if (!is_sound) {
        sqlite3_result_int64(context, NO_SUM);
        return;
    }
    if (pack(&row, &buf)) {
        struct sk_sqlite_span span = { .key = key,
                                       .saga = saga,
                                       .seq = row.seq,
                                       .count = 1,
                                       .width = 1,
                                       .data = sk_buf_view(&buf) };
        sqlite3_result_int64(context, sk_sqlite_span_sum(&span));
    } else {
        sqlite3_result_error_nomem(context);
    }
    sk_buf_release(&buf);
}

int sk_sqlite_offer_old_events(sqlite3 *db)
{
    enum { FLAGS = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY };
    int code = sqlite3_create_function_v2(db, "skald_span", SPAN_ARGUMENTS, FLAGS, NULL, tell_span,
                                          NULL, NULL, NULL);
    if (code != SQLITE_OK) return code;
    return sqlite3_create_function_v2(db, "skald_sum", SUM_ARGUMENTS, FLAGS, NULL, tell_sum, NULL,
                                      NULL, NULL);
}

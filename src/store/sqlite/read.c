/*
 * read.c: the reader threads and what they ask. Orders and cuts are those of rows.h R7, R8.
 *
 * One read is one statement, so it is one read transaction and sees parts wholly or not at all (S3;
 * a commit shows in the log's index only after it was synced). Statements are prepared once per
 * reader; a kind has variants where the conditions differ.
 */
#include "store/sqlite/parts.h"

#include "base/assert.h"
#include "store/threads.h"

#define SPAN_COLUMNS "e.key, e.saga, e.seq, e.count, e.back, e.width, e.sum, e.data"
#define DEFINITION_COLUMNS                                                                      \
    "d.digest, d.id, d.version, d.source, d.created_at, l.digest IS d.digest FROM definition d" \
    " LEFT JOIN latest l ON l.id = d.id"
#define NEWEST " ORDER BY at DESC, id DESC LIMIT ?1"
#define RECORDS                                \
    "SELECT kind, id, body, shard FROM record" \
    " WHERE (kind = ?2 OR ?2 = 0) AND id > ?3"
#define ORDER_RECORDS " ORDER BY id LIMIT ?1"
#define LETTERS "SELECT id, no, seq, at, body FROM dead_letter WHERE (at, id) < (?2, ?3)"

#define SPAN_FIRST "SELECT " SK_SQLITE_SPAN_COLUMNS " FROM span WHERE key = ?2 AND saga = ?2"
#define SPAN_LATER                                                     \
    "SELECT " SK_SQLITE_SPAN_COLUMNS " FROM span INDEXED BY span_saga" \
    " WHERE saga = ?2 AND saga <> key"

/* ?1 limit + 1; the others as bind_read says. */
static const char *const sql_texts[READ_KINDS][READ_VARIANTS] = {
    [SK_READ_META] = { "SELECT hash, shards, schema, incarnation FROM meta LIMIT ?1" },
    [SK_READ_SHARDS] = { "SELECT shard, epoch, position, batch_id, owner, expires_at FROM shard"
                         " ORDER BY shard" },
    [SK_READ_HEAD] = { "SELECT " SK_SQLITE_HEAD_COLUMNS " FROM saga WHERE id = ?2 LIMIT ?1" },
    [SK_READ_EVENTS] = { SPAN_FIRST
                         " AND seq + count - 1 > ?3 UNION ALL " SPAN_LATER
                         " AND seq + count - 1 > ?3 AND seq >= coalesce((SELECT max(seq) FROM span"
                         " WHERE saga = ?2 AND saga <> key AND seq <= ?3), 0)"
                         " ORDER BY seq LIMIT ?1" },
    [SK_READ_ACTIVE] = { "SELECT " SK_SQLITE_HEAD_COLUMNS " FROM saga INDEXED BY saga_active"
                         " WHERE active = 1 AND shard = ?2"
                         " AND saga.key > ?3 AND wake_at <= ?4 ORDER BY saga.key LIMIT ?1" },
    [SK_READ_POSITIONS] = { "SELECT " SPAN_COLUMNS ", s.id, s.definition, s.is_lock FROM span e"
                            " LEFT JOIN saga s ON s.key = e.saga WHERE e.key >= coalesce((SELECT"
                            " iif(key - back + width > ?2 + 1, key - back, ?2 + 1) FROM span"
                            " WHERE key <= ?2 AND key >= ?4 ORDER BY key DESC LIMIT 1), ?2 + 1)"
                            " AND e.key <= ?3 ORDER BY e.key" },
    [SK_READ_MESSAGES] = { "SELECT id, to_shard, kind, target, body FROM message WHERE shard = ?2"
                           " AND (position, ordinal) > (coalesce((SELECT position FROM message"
                           " WHERE shard = ?2 AND id = ?3), -1), coalesce((SELECT ordinal"
                           " FROM message WHERE shard = ?2 AND id = ?3), -1))"
                           " ORDER BY position, ordinal LIMIT ?1" },
    [SK_READ_CONSUMED] = { "SELECT id, from_shard FROM consumed WHERE shard = ?2 AND id > ?3"
                           " ORDER BY id LIMIT ?1" },
    [SK_READ_DEFINITIONS] = { "SELECT " DEFINITION_COLUMNS " WHERE (d.id, d.version) > (?2, ?3)"
                              " ORDER BY d.id, d.version LIMIT ?1",
                              "SELECT " DEFINITION_COLUMNS " WHERE d.digest = ?2 LIMIT ?1",
                              "SELECT " DEFINITION_COLUMNS
                              " WHERE d.id = ?2 AND d.version = ?3 LIMIT ?1",
                              "SELECT " DEFINITION_COLUMNS
                              " WHERE d.digest = (SELECT digest FROM latest WHERE id = ?2)"
                              " LIMIT ?1" },
    [SK_READ_TALLIES] = { "SELECT definition, state, sum(n) FROM tally GROUP BY definition, state"
                          " HAVING sum(n) <> 0 ORDER BY definition, state" },
    [SK_READ_START_KEY] = { "SELECT key, saga, digest, expires_at FROM start_key WHERE shard = ?2"
                            " AND key = ?3 AND expires_at > ?4 LIMIT ?1" },
    [SK_READ_DEAD_LETTERS] = { LETTERS NEWEST, LETTERS " AND +shard = ?4" NEWEST,
                               LETTERS " AND id = ?5" NEWEST,
                               LETTERS " AND shard = ?4 AND id = ?5" NEWEST },
    [SK_READ_CURSOR] = { "SELECT name, position FROM cursor WHERE shard = ?2"
                         " ORDER BY name LIMIT ?1",
                         "SELECT name, position FROM cursor WHERE shard = ?2 AND name = ?3"
                         " LIMIT ?1" },
    [SK_READ_RECORDS] = { RECORDS ORDER_RECORDS, RECORDS " AND shard = ?4" ORDER_RECORDS,
                          RECORDS " AND id = ?5" ORDER_RECORDS,
                          RECORDS " AND shard = ?4 AND id = ?5" ORDER_RECORDS },
};

/* ---- questions ------------------------------------------------------------------------------- */

static size_t variant_of(const struct sk_read *read)
{
    if (read->kind == SK_READ_DEFINITIONS) {
        if (read->digest != NULL) return 1;
        if (read->id.size == 0) return 0;
        return read->version.size > 0 ? 2 : 3;
    }
    if (read->kind == SK_READ_RECORDS)
        return (read->shard == SK_SHARD_ALL ? 0u : 1u) + (read->key.size > 0 ? 2u : 0u);
    if (read->kind == SK_READ_DEAD_LETTERS)
        return (read->shard == SK_SHARD_ALL ? 0u : 1u) + (read->id.size > 0 ? 2u : 0u);
    return read->kind == SK_READ_CURSOR && read->key.size > 0 ? 1 : 0;
}

static uint64_t at_most(uint64_t number)
{
    return number > SK_POSITION_MAX ? SK_POSITION_MAX : number;
}

static void bind_letters(struct sk_sqlite_call *s, const struct sk_read *read)
{
    int64_t before = read->filter.cursor_created_at_ms;
    sk_sqlite_bind_int(s, 2, before != 0 ? before : INT64_MAX);
    sk_sqlite_bind_text(s, 3, before != 0 ? read->filter.cursor_id : (struct sk_str){ 0 });
    if (read->shard != SK_SHARD_ALL) sk_sqlite_bind_int(s, 4, read->shard);
    if (read->id.size > 0) sk_sqlite_bind_text(s, 5, read->id);
}

static void bind_definitions(struct sk_sqlite_call *s, const struct sk_read *read)
{
    if (read->digest != NULL) {
        sk_sqlite_bind_digest(s, 2, read->digest);
        return;
    }
    bool is_all = read->id.size == 0;
    sk_sqlite_bind_text(s, 2, is_all ? read->key : read->id);
    if (is_all || read->version.size > 0) sk_sqlite_bind_text(s, 3, read->version);
}

static void bind_read(struct sk_sqlite_call *s, const struct sk_read *read)
{
    if (sqlite3_bind_parameter_count(s->statement) > 0)
        sk_sqlite_bind_int(s, 1, (int64_t)sk_read_limit(read) + 1);
    switch (read->kind) {
    case SK_READ_META:
    case SK_READ_SHARDS:
    case SK_READ_TALLIES:
    case SK_READ_LIST:
    case SK_READ_COUNT: break;
    case SK_READ_HEAD: sk_sqlite_bind_text(s, 2, read->id); break;
    case SK_READ_EVENTS:
        sk_sqlite_bind_int(s, 2, sk_sqlite_key(read->shard, read->no));
        sk_sqlite_bind_int(s, 3, read->after > INT64_MAX ? INT64_MAX : (int64_t)read->after);
        break;
    case SK_READ_ACTIVE:
        sk_sqlite_bind_int(s, 2, read->shard);
        sk_sqlite_bind_int(s, 3, sk_sqlite_key(read->shard, at_most(read->after)));
        sk_sqlite_bind_int(s, 4, read->only_due ? read->due_at_ms : INT64_MAX);
        break;
    case SK_READ_POSITIONS:
        sk_sqlite_bind_int(s, 2, sk_sqlite_key(read->shard, at_most(read->after)));
        sk_sqlite_bind_int(s, 3, sk_sqlite_key(read->shard, SK_POSITION_MAX));
        sk_sqlite_bind_int(s, 4, sk_sqlite_key(read->shard, 0));
        break;
    case SK_READ_MESSAGES:
    case SK_READ_CONSUMED:
        sk_sqlite_bind_int(s, 2, read->shard);
        sk_sqlite_bind_text(s, 3, read->id);
        break;
    case SK_READ_DEFINITIONS: bind_definitions(s, read); break;
    case SK_READ_START_KEY:
        sk_sqlite_bind_int(s, 2, read->shard);
        sk_sqlite_bind_text(s, 3, read->key);
        sk_sqlite_bind_int(s, 4, read->due_at_ms);
        break;
    case SK_READ_DEAD_LETTERS: bind_letters(s, read); break;
    case SK_READ_CURSOR:
        sk_sqlite_bind_int(s, 2, read->shard);
        if (read->key.size > 0) sk_sqlite_bind_text(s, 3, read->key);
        break;
    case SK_READ_RECORDS:
        sk_sqlite_bind_int(s, 2, (int)read->record_kind);
        sk_sqlite_bind_text(s, 3, read->id);
        if (read->shard != SK_SHARD_ALL) sk_sqlite_bind_int(s, 4, read->shard);
        if (read->key.size > 0) sk_sqlite_bind_text(s, 5, read->key);
        break;
    }
}

/* ---- answers: each adds the statement's present row, if there is memory for it --------------- */

static void add_count(sqlite3_stmt *s, struct sk_rows *rows)
{
    rows->total = (uint64_t)sqlite3_column_int64(s, 0);
}

static void add_meta(sqlite3_stmt *s, struct sk_rows *rows)
{
    const void *hash = sqlite3_column_blob(s, 0);
    int size = sqlite3_column_bytes(s, 0);
    if (hash != NULL && size < (int)sizeof rows->meta.hash)
        memcpy(rows->meta.hash, hash, (size_t)size);
    rows->meta.shards_count = (uint32_t)sqlite3_column_int64(s, 1);
    rows->meta.schema = (uint32_t)sqlite3_column_int64(s, 2);
    rows->meta.incarnation = (uint64_t)sqlite3_column_int64(s, 3);
}

static void add_shard(sqlite3_stmt *s, struct sk_rows *rows)
{
    struct sk_shard_row *row = SK_ROWS_ADD(rows, shards);
    if (row == NULL) return;
    row->shard = (uint32_t)sqlite3_column_int64(s, 0);
    row->epoch = (uint64_t)sqlite3_column_int64(s, 1);
    row->position = (uint64_t)sqlite3_column_int64(s, 2);
    const void *batch_id = sqlite3_column_blob(s, 3);
    if (batch_id != NULL && sqlite3_column_bytes(s, 3) == SK_BATCH_ID_SIZE)
        memcpy(row->batch_id, batch_id, SK_BATCH_ID_SIZE);
    row->owner = sk_sqlite_column_str(s, 4, &rows->arena);
    row->expires_at_ms = sqlite3_column_int64(s, 5);
}

static void add_head(sqlite3_stmt *s, struct sk_rows *rows)
{
    struct sk_head *head = SK_ROWS_ADD(rows, heads);
    if (head == NULL) return;
    int64_t key = sqlite3_column_int64(s, 0);
    head->shard = sk_sqlite_key_shard(key);
    head->no = sk_sqlite_key_number(key);
    head->id = sk_sqlite_column_str(s, 1, &rows->arena);
    head->space = sk_sqlite_column_str(s, 2, &rows->arena);
    head->definition = sk_sqlite_column_digest(s, 3);
    head->state = (uint8_t)sqlite3_column_int(s, 4);
    head->reason = (uint8_t)sqlite3_column_int(s, 5);
    head->has_residue = sqlite3_column_int(s, 6) != 0;
    head->is_lock = sqlite3_column_int(s, 7) != 0;
    head->open = (uint32_t)sqlite3_column_int64(s, 8);
    head->priority = sqlite3_column_int(s, 9);
    head->wake_at_ms = sqlite3_column_int64(s, 10);
    head->deadline_ms = sqlite3_column_int64(s, 11);
    head->business_key = sk_sqlite_column_str(s, 12, &rows->arena);
    head->parent = sk_sqlite_column_str(s, 13, &rows->arena);
    head->seq = (uint64_t)sqlite3_column_int64(s, 14);
    head->created_at_ms = sqlite3_column_int64(s, 15);
    head->updated_at_ms = sqlite3_column_int64(s, 16);
    head->ended_at_ms = sqlite3_column_int64(s, 17);
}

static void add_message(sqlite3_stmt *s, struct sk_rows *rows)
{
    struct sk_message_row *row = SK_ROWS_ADD(rows, messages);
    if (row == NULL) return;
    row->id = sk_sqlite_column_str(s, 0, &rows->arena);
    row->to_shard = (uint32_t)sqlite3_column_int64(s, 1);
    row->kind = (uint8_t)sqlite3_column_int(s, 2);
    row->target = sk_sqlite_column_str(s, 3, &rows->arena);
    row->body = sk_sqlite_column_str(s, 4, &rows->arena);
}

static void add_consumed(sqlite3_stmt *s, struct sk_rows *rows)
{
    struct sk_consumed_row *row = SK_ROWS_ADD(rows, consumed);
    if (row == NULL) return;
    row->id = sk_sqlite_column_str(s, 0, &rows->arena);
    row->from_shard = (uint32_t)sqlite3_column_int64(s, 1);
}

static void add_definition(sqlite3_stmt *s, struct sk_rows *rows)
{
    struct sk_definition_row *row = SK_ROWS_ADD(rows, definitions);
    if (row == NULL) return;
    row->digest = sk_sqlite_column_digest(s, 0);
    row->id = sk_sqlite_column_str(s, 1, &rows->arena);
    row->version = sk_sqlite_column_str(s, 2, &rows->arena);
    row->source = sk_sqlite_column_str(s, 3, &rows->arena);
    row->created_at_ms = sqlite3_column_int64(s, 4);
    row->is_latest = sqlite3_column_int(s, 5) != 0;
}

static void add_tally(sqlite3_stmt *s, struct sk_rows *rows)
{
    struct sk_tally_row *row = SK_ROWS_ADD(rows, tallies);
    if (row == NULL) return;
    row->definition = sk_sqlite_column_digest(s, 0);
    row->state = (uint8_t)sqlite3_column_int(s, 1);
    row->n = sqlite3_column_int64(s, 2);
}

static void add_key(sqlite3_stmt *s, struct sk_rows *rows)
{
    struct sk_start_key_row *row = SK_ROWS_ADD(rows, keys);
    if (row == NULL) return;
    row->key = sk_sqlite_column_str(s, 0, &rows->arena);
    row->saga_id = sk_sqlite_column_str(s, 1, &rows->arena);
    row->digest = sk_sqlite_column_digest(s, 2);
    row->expires_at_ms = sqlite3_column_int64(s, 3);
}

static void add_letter(sqlite3_stmt *s, struct sk_rows *rows)
{
    struct sk_dead_letter_row *row = SK_ROWS_ADD(rows, letters);
    if (row == NULL) return;
    row->id = sk_sqlite_column_str(s, 0, &rows->arena);
    row->no = (uint64_t)sqlite3_column_int64(s, 1);
    row->seq = (uint64_t)sqlite3_column_int64(s, 2);
    row->at_ms = sqlite3_column_int64(s, 3);
    row->body = sk_sqlite_column_str(s, 4, &rows->arena);
}

static void add_cursor(sqlite3_stmt *s, struct sk_rows *rows)
{
    struct sk_cursor_row *row = SK_ROWS_ADD(rows, cursors);
    if (row == NULL) return;
    row->name = sk_sqlite_column_str(s, 0, &rows->arena);
    row->position = (uint64_t)sqlite3_column_int64(s, 1);
}

static void add_record(sqlite3_stmt *s, struct sk_rows *rows)
{
    struct sk_record_row *row = SK_ROWS_ADD(rows, records);
    if (row == NULL) return;
    row->kind = (enum sk_record_kind)sqlite3_column_int(s, 0);
    row->id = sk_sqlite_column_str(s, 1, &rows->arena);
    row->body = sk_sqlite_column_str(s, 2, &rows->arena);
    row->shard = (uint32_t)sqlite3_column_int64(s, 3);
}

static void (*const add_row[READ_KINDS])(sqlite3_stmt *, struct sk_rows *) = {
    [SK_READ_META] = add_meta,           [SK_READ_SHARDS] = add_shard,
    [SK_READ_HEAD] = add_head,           [SK_READ_ACTIVE] = add_head,
    [SK_READ_LIST] = add_head,           [SK_READ_MESSAGES] = add_message,
    [SK_READ_CONSUMED] = add_consumed,   [SK_READ_DEFINITIONS] = add_definition,
    [SK_READ_TALLIES] = add_tally,       [SK_READ_START_KEY] = add_key,
    [SK_READ_DEAD_LETTERS] = add_letter, [SK_READ_CURSOR] = add_cursor,
    [SK_READ_COUNT] = add_count,         [SK_READ_RECORDS] = add_record,
};

/* ---- one read -------------------------------------------------------------------------------- */

/* Its statement is made by the filter, and not kept. */
static bool is_made_anew(const struct sk_read *read)
{
    return read->kind == SK_READ_LIST || read->kind == SK_READ_COUNT;
}

static int prepare(struct sk_sqlite_reader *reader, const struct sk_read *read,
                   sqlite3_stmt **out_statement)
{
    if (is_made_anew(read)) return sk_sqlite_list_prepare(reader->db, read, out_statement);
    size_t variant = variant_of(read);
    sqlite3_stmt **kept = &reader->sql[read->kind][variant];
    int code = SQLITE_OK;
    if (*kept == NULL) code = sk_sqlite_prepare(reader->db, sql_texts[read->kind][variant], kept);
    *out_statement = *kept;
    struct sk_sqlite_call call = { .statement = *kept, .code = code };
    if (code == SQLITE_OK) bind_read(&call, read);
    return call.code;
}

/* Shards and tallies are bounded by themselves and never cut. */
static uint32_t limit_of(const struct sk_read *read)
{
    bool is_whole = read->kind == SK_READ_SHARDS || read->kind == SK_READ_TALLIES;
    return is_whole ? UINT32_MAX : sk_read_limit(read);
}

static int collect(sqlite3_stmt *statement, const struct sk_read *read, struct sk_rows *rows)
{
    uint32_t limit = limit_of(read);
    int code;
    if (read->kind == SK_READ_EVENTS) return sk_sqlite_collect_events(statement, read, rows);
    if (read->kind == SK_READ_POSITIONS) return sk_sqlite_collect_positions(statement, read, rows);
    for (uint32_t count = 0; (code = sqlite3_step(statement)) == SQLITE_ROW; count++) {
        rows->has_more = sk_rows_is_full(rows, count, read, limit);
        if (rows->has_more) return SQLITE_OK;
        add_row[read->kind](statement, rows);
        if (rows->arena.failed) return SQLITE_NOMEM;
    }
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static void set_error(struct sk_sqlite_reader *reader, int code, struct sk_rows *rows)
{
    struct sk_sqlite_fault fault;
    sk_sqlite_fault_take(reader->db, code, &fault);
    rows->status = sk_sqlite_fault_status(&fault, &rows->error);
    if (rows->status == SKALD_E_TIMEOUT)
        rows->status = sk_error_set(&rows->error, SKALD_E_TIMEOUT,
                                    "the read took more than %u ms; ask for less",
                                    reader->store->options.read_ms_max);
}

void sk_sqlite_read_run(struct sk_sqlite_reader *reader, const struct sk_read *read,
                        struct sk_rows *rows)
{
    SK_ASSERT((size_t)read->kind < READ_KINDS);
    if (reader->db == NULL) {
        rows->status =
            sk_error_set(&rows->error, SKALD_E_IO, "the store is broken and waits to be reopened");
        return;
    }
    sqlite3_stmt *statement = NULL;
    sk_sqlite_reader_start_clock(reader);
    int code = prepare(reader, read, &statement);
    if (code == SQLITE_OK) code = collect(statement, read, rows);
    if (code != SQLITE_OK) set_error(reader, code, rows);
    if (is_made_anew(read)) {
        sqlite3_finalize(statement);
    } else {
        sqlite3_reset(statement);
    }
}

void sk_sqlite_reader_release(struct sk_sqlite_reader *reader)
{
    for (size_t kind = 0; kind < READ_KINDS; kind++) {
        for (size_t i = 0; i < READ_VARIANTS; i++) {
            sqlite3_finalize(reader->sql[kind][i]);
            reader->sql[kind][i] = NULL;
        }
    }
    sqlite3_close_v2(reader->db);
    reader->db = NULL;
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* NULL: closing. What still waits then is dropped: no `done` comes after free. */
static struct sk_store_request *wait_read(struct sk_sqlite_store *store)
{
    struct sk_store_request *request = NULL;
    pthread_mutex_lock(&store->lock);
    while (sk_list_is_empty(&store->reads) && !atomic_load(&store->is_closing))
        pthread_cond_wait(&store->has_reads, &store->lock);
    if (!atomic_load(&store->is_closing)) {
        request = sk_store_requests_first(&store->reads);
        sk_list_remove(&request->item.node);
    }
    pthread_mutex_unlock(&store->lock);
    return request;
}

void *sk_sqlite_read_main(void *argument)
{
    struct sk_sqlite_reader *reader = argument;
    struct sk_sqlite_store *store = reader->store;
    sk_thread_name(SK_THREAD_READ);
    struct sk_store_request *request;
    while ((request = wait_read(store)) != NULL) {
        pthread_rwlock_rdlock(&store->open);
        sk_sqlite_read_run(reader, &request->read, &request->rows);
        pthread_rwlock_unlock(&store->open);
        sk_delivery_put(store->delivery, &request->item);
    }
    return NULL;
}

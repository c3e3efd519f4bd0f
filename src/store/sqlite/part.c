/*
 * part.c: what one writing request does inside the commit thread's transaction.
 *
 * The compare of S1 is made twice: first, so that a fenced part writes nothing, and as the last
 * statement, so that the transaction itself carries it.
 */
#include "store/sqlite/parts.h"

#include <assert.h>
#include <stdio.h>

enum { HEAD_COLUMNS = 20 };

#define HEAD_CHANGES                                                                 \
    "state = ?2, reason = ?3, residue = ?4, open = ?5, priority = ?6, wake_at = ?7," \
    " deadline = ?8, seq = ?9, updated_at = ?10, ended_at = ?11"

/* OR FAIL: a statement of several rows needs no journal of its own to take back the first ones; the
 * group is rolled back, and written again row by row. */
#define SPAN_INSERT \
    "INSERT OR FAIL INTO span (key, saga, seq, count, back, width, sum, data) VALUES "
#define HEAD_INSERT                                                                             \
    "INSERT OR FAIL INTO saga (key, state, reason, residue, open, priority, wake_at, deadline," \
    " seq, updated_at, ended_at, active, id, namespace, definition, is_lock, business_key,"     \
    " parent, created_at, family) VALUES "
#define HEAD_VALUES                                                                          \
    "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19," \
    " ?20)"
#define HEAD_VALUES_NEXT "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
#define EIGHT(row) row "," row "," row "," row "," row "," row "," row "," row
static_assert(SK_SQLITE_BULK == 8, "as many rows as EIGHT");

static const char *const sql_texts[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_SAVEPOINT] = "SAVEPOINT part",
    [SQL_RELEASE] = "RELEASE part",
    [SQL_ROLLBACK_TO] = "ROLLBACK TO part",
    [SQL_SHARD_GET] = "SELECT epoch, position, batch_id, owner, expires_at FROM shard"
                      " WHERE shard = ?1",
    [SQL_SHARD_MOVE] = "UPDATE shard SET position = ?4, batch_id = ?5"
                       " WHERE shard = ?1 AND epoch = ?2 AND position = ?3",
    [SQL_SHARD_TAKE] = "UPDATE shard SET epoch = epoch + 1, owner = ?2, expires_at = ?3"
                       " WHERE shard = ?1",
    [SQL_SHARD_RENEW] = "UPDATE shard SET expires_at = ?2, owner = iif(?2 = 0, '', owner)"
                        " WHERE shard = ?1",
    [SQL_SPAN] = SPAN_INSERT "(?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_SPANS] = SPAN_INSERT EIGHT("(?, ?, ?, ?, ?, ?, ?, ?)"),
    [SQL_SPAN_LATER] = "SELECT 1 FROM span WHERE key = ?1 AND saga = ?1 AND seq + count > ?2"
                       " UNION ALL SELECT 1 FROM (SELECT seq + count AS next FROM span"
                       " INDEXED BY span_saga WHERE saga = ?1 AND saga <> key"
                       " ORDER BY seq DESC LIMIT 1) WHERE next > ?2",
    [SQL_SPAN_GONE] = "DELETE FROM span WHERE key = ?1",
    [SQL_HEAD] =
        HEAD_INSERT HEAD_VALUES " ON CONFLICT (key) DO UPDATE SET " HEAD_CHANGES ", active = ?12",
    [SQL_HEADS] = HEAD_INSERT EIGHT(HEAD_VALUES_NEXT),
    [SQL_HEAD_MOVE] = "UPDATE saga SET " HEAD_CHANGES " WHERE key = ?1 AND active = ?12",
    [SQL_KEY] = "INSERT INTO start_key (shard, key, saga, digest, expires_at)"
                " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (shard, key) DO UPDATE"
                " SET saga = ?3, digest = ?4, expires_at = ?5 WHERE expires_at <= ?6 OR saga = ?3",
    [SQL_TAG] = "INSERT OR IGNORE INTO saga_tag (key, value, saga) VALUES (?1, ?2, ?3)",
    [SQL_TALLY] = "INSERT INTO tally (shard, definition, state, n) VALUES (?1, ?2, ?3, ?4)"
                  " ON CONFLICT (shard, definition, state) DO UPDATE SET n = n + ?4",
    [SQL_MESSAGE] =
        "INSERT INTO message (shard, position, ordinal, id, to_shard, kind, target, body)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [SQL_MESSAGE_GONE] = "DELETE FROM message WHERE shard = ?1 AND id = ?2",
    [SQL_CONSUMED] = "INSERT INTO consumed (shard, id, from_shard) VALUES (?1, ?2, ?3)",
    [SQL_CONSUMED_GONE] = "DELETE FROM consumed WHERE shard = ?1 AND id = ?2",
    [SQL_LETTER] = "INSERT OR REPLACE INTO dead_letter (shard, id, no, seq, at, body)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_LETTER_GONE] = "DELETE FROM dead_letter WHERE shard = ?1 AND id = ?2",
    [SQL_CURSOR] = "INSERT OR REPLACE INTO cursor (shard, name, position) VALUES (?1, ?2, ?3)",
    [SQL_RECORD] = "INSERT OR REPLACE INTO record (shard, kind, id, body) VALUES (?1, ?2, ?3, ?4)",
    [SQL_RECORD_GONE] = "DELETE FROM record WHERE shard = ?1 AND kind = ?2 AND id = ?3",
    [SQL_TRIM_FIRST] = "DELETE FROM span WHERE key = ?1 AND saga = ?1 AND seq + count <= ?2",
    [SQL_TRIM_LATER] = "DELETE FROM span WHERE saga = ?1 AND saga <> key AND seq < ?2"
                       " AND seq + count <= ?2",
    [SQL_TRIM_CUT] = "SELECT " SK_SQLITE_SPAN_COLUMNS " FROM span WHERE key = ?1 AND saga = ?1"
                     " AND seq < ?2 UNION ALL SELECT " SK_SQLITE_SPAN_COLUMNS " FROM span"
                     " WHERE saga = ?1 AND saga <> key AND seq < ?2",
    [SQL_REMOVE_KEYS] = "DELETE FROM start_key WHERE shard = ?2"
                        " AND saga = (SELECT id FROM saga WHERE key = ?1)",
    [SQL_REMOVE_LETTERS] = "DELETE FROM dead_letter WHERE shard = ?2 AND no = ?3",
    [SQL_REMOVE_TAGS] = "DELETE FROM saga_tag WHERE saga = ?1",
    [SQL_REMOVE_FIRST] = "DELETE FROM span WHERE key = ?1 AND saga = ?1",
    [SQL_REMOVE_LATER] = "DELETE FROM span WHERE saga = ?1 AND saga <> key",
    [SQL_REMOVE_SAGA] = "DELETE FROM saga WHERE key = ?1",
    [SQL_DEFINITION_FIND] = "SELECT digest = ?1 AND id = ?2 AND version = ?3 FROM definition"
                            " WHERE digest = ?1 OR (id = ?2 AND version = ?3)",
    [SQL_FAMILY] = "SELECT family FROM definition WHERE digest = ?1",
    [SQL_DEFINITION_ADD] = "INSERT INTO definition (digest, id, version, source, created_at,"
                           " family) VALUES (?1, ?2, ?3, ?4, ?5,"
                           " coalesce((SELECT family FROM definition WHERE id = ?2 LIMIT 1),"
                           " (SELECT coalesce(max(rowid), 0) + 1 FROM definition)))",
    [SQL_LATEST_ADD] = "INSERT OR IGNORE INTO latest (id, digest) VALUES (?1, ?2)",
    [SQL_LATEST_SET] = "INSERT OR REPLACE INTO latest (id, digest) VALUES (?1, ?2)",
};

int sk_sqlite_writer_prepare(struct sk_sqlite_writer *writer)
{
    sk_buf_init(&writer->pack, 0);
    sk_arena_init(&writer->scratch);
    for (size_t i = 0; i < SQL_COUNT; i++) {
        int code = sk_sqlite_prepare(writer->db, sql_texts[i], &writer->sql[i]);
        if (code != SQLITE_OK) return code;
    }
    return SQLITE_OK;
}

void sk_sqlite_writer_release(struct sk_sqlite_writer *writer)
{
    for (size_t i = 0; i < SQL_COUNT; i++) {
        sqlite3_finalize(writer->sql[i]);
        writer->sql[i] = NULL;
    }
    sk_buf_release(&writer->pack);
    sk_arena_release(&writer->scratch);
    sqlite3_close_v2(writer->db);
    writer->db = NULL;
}

/* ---- inserts: each returns SQLITE_OK or the code --------------------------------------------- */

/* `at`: the parameter before the first. */
static void bind_changes(struct sk_sqlite_call *s, int at, uint32_t shard,
                         const struct sk_head *head)
{
    sk_sqlite_bind_int(s, at + 1, sk_sqlite_key(shard, head->no));
    sk_sqlite_bind_int(s, at + 2, head->state);
    sk_sqlite_bind_int(s, at + 3, head->reason);
    sk_sqlite_bind_int(s, at + 4, head->has_residue);
    sk_sqlite_bind_int(s, at + 5, head->open);
    sk_sqlite_bind_int(s, at + 6, head->priority);
    sk_sqlite_bind_int(s, at + 7, head->wake_at_ms);
    sk_sqlite_bind_int(s, at + 8, head->deadline_ms);
    sk_sqlite_bind_u64(s, at + 9, head->seq);
    sk_sqlite_bind_int(s, at + 10, head->updated_at_ms);
    sk_sqlite_bind_int(s, at + 11, head->ended_at_ms);
    sk_sqlite_bind_int(s, at + 12, sk_head_is_active(head));
}

/* A head that is there and stays (or stays not) active: touches no index. */
static int move_head(struct sk_sqlite_writer *writer, uint32_t shard, const struct sk_head *head,
                     bool *out_is_moved)
{
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_HEAD_MOVE] };
    bind_changes(&s, 0, shard, head);
    int code = sk_sqlite_call_run(&s);
    *out_is_moved = code == SQLITE_OK && sqlite3_changes(writer->db) == 1;
    return code;
}

/* The number for all versions of a definition; 0: it is not there. The last one is kept, until the
 * group ends or a definition comes. */
static int find_family(struct sk_sqlite_writer *writer, const struct sk_digest *digest,
                       int64_t *out_family)
{
    if (writer->family != 0 && sk_digest_equal(&writer->family_of, digest)) {
        *out_family = writer->family;
        return SQLITE_OK;
    }
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_FAMILY] };
    sk_sqlite_bind_digest(&s, 1, digest);
    int code = sk_sqlite_call_step(&s);
    *out_family = code == SQLITE_ROW ? sqlite3_column_int64(s.statement, 0) : 0;
    writer->family = *out_family;
    writer->family_of = *digest;
    return sk_sqlite_call_end(&s, code);
}

static int bind_head(struct sk_sqlite_writer *writer, struct sk_sqlite_call *s, int at,
                     uint32_t shard, const struct sk_head *head)
{
    int64_t family = 0;
    int code = find_family(writer, &head->definition, &family);
    bind_changes(s, at, shard, head);
    sk_sqlite_bind_text(s, at + 13, head->id);
    sk_sqlite_bind_text(s, at + 14, head->space);
    sk_sqlite_bind_digest(s, at + 15, &head->definition);
    sk_sqlite_bind_int(s, at + 16, head->is_lock);
    sk_sqlite_bind_text(s, at + 17, head->business_key);
    sk_sqlite_bind_text(s, at + 18, head->parent);
    sk_sqlite_bind_int(s, at + 19, head->created_at_ms);
    sk_sqlite_bind_int(s, at + 20, family);
    return code;
}

static int put_head(struct sk_sqlite_writer *writer, uint32_t shard, const struct sk_head *head)
{
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_HEAD] };
    int code = bind_head(writer, &s, 0, shard, head);
    return code == SQLITE_OK ? sk_sqlite_call_run(&s) : code;
}

static bool is_begun(const struct sk_part *part, const struct sk_head *head)
{
    return head->no >= part->first_position;
}

/* As many heads as one statement writes, all of sagas that begin in this part, from `at` on? */
static bool are_many(const struct sk_sqlite_writer *writer, const struct sk_part *part, uint32_t at)
{
    if (writer->is_alone || part->heads_count - at < SK_SQLITE_BULK) return false;
    for (uint32_t i = 0; i < SK_SQLITE_BULK; i++)
        if (!is_begun(part, &part->heads[at + i])) return false;
    return true;
}

static int put_many(struct sk_sqlite_writer *writer, const struct sk_part *part, uint32_t at)
{
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_HEADS] };
    int code = SQLITE_OK;
    for (uint32_t i = 0; i < SK_SQLITE_BULK && code == SQLITE_OK; i++)
        code = bind_head(writer, &s, (int)i * HEAD_COLUMNS, part->shard, &part->heads[at + i]);
    return code == SQLITE_OK ? sk_sqlite_call_run(&s) : code;
}

static int put_heads(struct sk_sqlite_writer *writer, const struct sk_part *part)
{
    int code = SQLITE_OK;
    for (uint32_t i = 0; i < part->heads_count && code == SQLITE_OK;) {
        const struct sk_head *head = &part->heads[i];
        if (are_many(writer, part, i)) {
            code = put_many(writer, part, i);
            i += SK_SQLITE_BULK;
            continue;
        }
        bool is_moved = false;
        if (!is_begun(part, head)) code = move_head(writer, part->shard, head, &is_moved);
        if (code == SQLITE_OK && !is_moved) code = put_head(writer, part->shard, head);
        i += 1;
    }
    return code;
}

static int put_keys(struct sk_sqlite_writer *writer, const struct sk_part *part, int64_t now_ms)
{
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_KEY] };
    int code = SQLITE_OK;
    for (uint32_t i = 0; i < part->keys_count && code == SQLITE_OK; i++) {
        const struct sk_start_key_row *row = &part->keys[i];
        sk_sqlite_bind_int(&s, 1, part->shard);
        sk_sqlite_bind_text(&s, 2, row->key);
        sk_sqlite_bind_text(&s, 3, row->saga_id);
        sk_sqlite_bind_digest(&s, 4, &row->digest);
        sk_sqlite_bind_int(&s, 5, row->expires_at_ms);
        sk_sqlite_bind_int(&s, 6, now_ms);
        code = sk_sqlite_call_run(&s);
        bool is_running = code == SQLITE_OK && sqlite3_changes(writer->db) == 0; /* R4, R5 */
        if (is_running) code = SQLITE_CONSTRAINT_UNIQUE;
    }
    return code;
}

static int put_tags_and_tallies(struct sk_sqlite_writer *writer, const struct sk_part *part)
{
    int code = SQLITE_OK;
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_TAG] };
    for (uint32_t i = 0; i < part->tags_count && code == SQLITE_OK; i++) {
        sk_sqlite_bind_text(&s, 1, part->tags[i].key);
        sk_sqlite_bind_text(&s, 2, part->tags[i].value);
        sk_sqlite_bind_int(&s, 3, sk_sqlite_key(part->shard, part->tags[i].no));
        code = sk_sqlite_call_run(&s);
    }
    s.statement = writer->sql[SQL_TALLY];
    for (uint32_t i = 0; i < part->tallies_count && code == SQLITE_OK; i++) {
        sk_sqlite_bind_int(&s, 1, part->shard);
        sk_sqlite_bind_digest(&s, 2, &part->tallies[i].definition);
        sk_sqlite_bind_int(&s, 3, part->tallies[i].state);
        sk_sqlite_bind_int(&s, 4, part->tallies[i].n);
        code = sk_sqlite_call_run(&s);
    }
    return code;
}

static int put_messages(struct sk_sqlite_writer *writer, const struct sk_part *part)
{
    int code = SQLITE_OK;
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_MESSAGE] };
    for (uint32_t i = 0; i < part->messages_count && code == SQLITE_OK; i++) {
        const struct sk_message_row *row = &part->messages[i];
        sk_sqlite_bind_int(&s, 1, part->shard);
        sk_sqlite_bind_u64(&s, 2, part->first_position);
        sk_sqlite_bind_int(&s, 3, i);
        sk_sqlite_bind_text(&s, 4, row->id);
        sk_sqlite_bind_int(&s, 5, row->to_shard);
        sk_sqlite_bind_int(&s, 6, row->kind);
        sk_sqlite_bind_text(&s, 7, row->target);
        sk_sqlite_bind_bytes(&s, 8, row->body);
        code = sk_sqlite_call_run(&s);
    }
    s.statement = writer->sql[SQL_CONSUMED];
    for (uint32_t i = 0; i < part->consumed_count && code == SQLITE_OK; i++) {
        sk_sqlite_bind_int(&s, 1, part->shard);
        sk_sqlite_bind_text(&s, 2, part->consumed[i].id);
        sk_sqlite_bind_int(&s, 3, part->consumed[i].from_shard);
        code = sk_sqlite_call_run(&s);
    }
    return code;
}

static int put_letters_and_cursors(struct sk_sqlite_writer *writer, const struct sk_part *part)
{
    int code = SQLITE_OK;
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_LETTER] };
    for (uint32_t i = 0; i < part->letters_count && code == SQLITE_OK; i++) {
        const struct sk_dead_letter_row *row = &part->letters[i];
        sk_sqlite_bind_int(&s, 1, part->shard);
        sk_sqlite_bind_text(&s, 2, row->id);
        sk_sqlite_bind_u64(&s, 3, row->no);
        sk_sqlite_bind_u64(&s, 4, row->seq);
        sk_sqlite_bind_int(&s, 5, row->at_ms);
        sk_sqlite_bind_bytes(&s, 6, row->body);
        code = sk_sqlite_call_run(&s);
    }
    s.statement = writer->sql[SQL_CURSOR];
    for (uint32_t i = 0; i < part->cursors_count && code == SQLITE_OK; i++) {
        sk_sqlite_bind_int(&s, 1, part->shard);
        sk_sqlite_bind_text(&s, 2, part->cursors[i].name);
        sk_sqlite_bind_u64(&s, 3, part->cursors[i].position);
        code = sk_sqlite_call_run(&s);
    }
    return code;
}

static int put_records(struct sk_sqlite_writer *writer, const struct sk_part *part)
{
    int code = SQLITE_OK;
    for (uint32_t i = 0; i < part->records_count && code == SQLITE_OK; i++) {
        const struct sk_record_row *row = &part->records[i];
        struct sk_sqlite_call s = { .statement =
                                        writer->sql[row->is_gone ? SQL_RECORD_GONE : SQL_RECORD] };
        sk_sqlite_bind_int(&s, 1, part->shard);
        sk_sqlite_bind_int(&s, 2, (int)row->kind);
        sk_sqlite_bind_text(&s, 3, row->id);
        if (!row->is_gone) sk_sqlite_bind_bytes(&s, 4, row->body);
        code = sk_sqlite_call_run(&s);
    }
    return code;
}

/* ---- deletes --------------------------------------------------------------------------------- */

static int drop_named(struct sk_sqlite_writer *writer, enum sk_sqlite_sql sql, uint32_t shard,
                      const struct sk_str *names, uint32_t count)
{
    int code = SQLITE_OK;
    struct sk_sqlite_call s = { .statement = writer->sql[sql] };
    for (uint32_t i = 0; i < count && code == SQLITE_OK; i++) {
        sk_sqlite_bind_int(&s, 1, shard);
        sk_sqlite_bind_text(&s, 2, names[i]);
        code = sk_sqlite_call_run(&s);
    }
    return code;
}

static int drop_gone(struct sk_sqlite_writer *writer, const struct sk_part *part)
{
    uint32_t shard = part->shard;
    int code =
        drop_named(writer, SQL_MESSAGE_GONE, shard, part->messages_gone, part->messages_gone_count);
    if (code == SQLITE_OK)
        code = drop_named(writer, SQL_CONSUMED_GONE, shard, part->consumed_gone,
                          part->consumed_gone_count);
    if (code == SQLITE_OK)
        code = drop_named(writer, SQL_LETTER_GONE, shard, part->letters_gone,
                          part->letters_gone_count);
    for (uint32_t i = 0; i < part->trims_count && code == SQLITE_OK; i++)
        code = sk_sqlite_trim_events(writer, sk_sqlite_key(shard, part->trims[i].no),
                                     part->trims[i].below_seq);
    return code;
}

static int remove_sagas(struct sk_sqlite_writer *writer, const struct sk_part *part)
{
    int code = SQLITE_OK;
    for (uint32_t i = 0; i < part->removed_count; i++) {
        for (int sql = SQL_REMOVE_KEYS; sql <= SQL_REMOVE_SAGA && code == SQLITE_OK; sql++) {
            struct sk_sqlite_call s = { .statement = writer->sql[sql] };
            sk_sqlite_bind_int(&s, 1, sk_sqlite_key(part->shard, part->removed[i]));
            if (sql <= SQL_REMOVE_LETTERS) sk_sqlite_bind_int(&s, 2, part->shard);
            if (sql == SQL_REMOVE_LETTERS) sk_sqlite_bind_u64(&s, 3, part->removed[i]);
            code = sk_sqlite_call_run(&s);
        }
    }
    return code;
}

/* ---- the part -------------------------------------------------------------------------------- */

/* The order is that of rows.h R2. */
static int write_rows(struct sk_sqlite_writer *writer, const struct sk_part *part, int64_t now_ms)
{
    int code = remove_sagas(writer, part);
    if (code == SQLITE_OK) code = put_heads(writer, part);
    if (code == SQLITE_OK) code = sk_sqlite_put_events(writer, part);
    if (code == SQLITE_OK) code = put_keys(writer, part, now_ms);
    if (code == SQLITE_OK) code = put_tags_and_tallies(writer, part);
    if (code == SQLITE_OK) code = put_messages(writer, part);
    if (code == SQLITE_OK) code = put_letters_and_cursors(writer, part);
    if (code == SQLITE_OK) code = drop_gone(writer, part);
    if (code == SQLITE_OK) code = put_records(writer, part);
    return code;
}

/* SQLITE_ROW: the shard is where the part begins. SQLITE_OK: it is not (FENCED is set). */
static int compare_shard(struct sk_sqlite_writer *writer, struct sk_part *part)
{
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_SHARD_GET] };
    sk_sqlite_bind_int(&s, 1, part->shard);
    int code = sk_sqlite_call_step(&s);
    uint64_t epoch = 0, position = 0;
    if (code == SQLITE_ROW) {
        epoch = (uint64_t)sqlite3_column_int64(s.statement, 0);
        position = (uint64_t)sqlite3_column_int64(s.statement, 1);
    }
    int end = sk_sqlite_call_end(&s, code);
    if (end != SQLITE_OK) return end;
    if (code == SQLITE_DONE) return SQLITE_CONSTRAINT_FOREIGNKEY; /* no such shard */
    if (epoch == part->epoch && position == part->first_position) return SQLITE_ROW;
    sk_part_end(part, SK_PART_FENCED, "shard %u is at epoch %llu, position %llu", part->shard,
                (unsigned long long)epoch, (unsigned long long)position);
    return SQLITE_OK;
}

static int move_shard(struct sk_sqlite_writer *writer, const struct sk_part *part)
{
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_SHARD_MOVE] };
    sk_sqlite_bind_int(&s, 1, part->shard);
    sk_sqlite_bind_u64(&s, 2, part->epoch);
    sk_sqlite_bind_u64(&s, 3, part->first_position);
    sk_sqlite_bind_u64(&s, 4, part->first_position + sk_part_width(part));
    const char *batch_id = (const char *)part->batch_id;
    sk_sqlite_bind_bytes(&s, 5, (struct sk_str){ batch_id, SK_BATCH_ID_SIZE });
    int code = sk_sqlite_call_run(&s);
    if (code != SQLITE_OK) return code;
    return sqlite3_changes(writer->db) == 1 ? SQLITE_OK : SQLITE_CORRUPT;
}

enum sk_part_result sk_sqlite_write_part(struct sk_sqlite_writer *writer, struct sk_part *part,
                                         int64_t now_ms, struct sk_sqlite_fault *fault)
{
    int code = compare_shard(writer, part);
    if (code == SQLITE_OK) return SK_PART_FENCED;
    bool is_full =
        code == SQLITE_ROW && part->first_position + sk_part_width(part) > SK_POSITION_MAX;
    if (is_full) code = SQLITE_TOOBIG;
    if (code == SQLITE_ROW) code = write_rows(writer, part, now_ms);
    if (code == SQLITE_OK) code = move_shard(writer, part);
    if (code == SQLITE_OK) {
        part->message[0] = '\0';
        part->result = SK_PART_DONE;
        return SK_PART_DONE;
    }
    sk_sqlite_fault_take(writer->db, code, fault);
    if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
        snprintf(fault->text, sizeof fault->text, "no shard %u", part->shard);
    bool is_key = code == SQLITE_CONSTRAINT_UNIQUE && sqlite3_extended_errcode(writer->db) != code;
    if (is_key) snprintf(fault->text, sizeof fault->text, "a start key is there already");
    return sk_sqlite_fault_result(fault);
}

/* ---- leases and definitions ------------------------------------------------------------------ */

int sk_sqlite_get_shard(struct sk_sqlite_writer *writer, struct sk_store_request *request)
{
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_SHARD_GET] };
    sk_sqlite_bind_int(&s, 1, request->shard);
    int code = sk_sqlite_call_step(&s);
    if (code == SQLITE_ROW) {
        struct sk_shard_row *row = &request->row;
        row->shard = request->shard;
        row->epoch = (uint64_t)sqlite3_column_int64(s.statement, 0);
        row->position = (uint64_t)sqlite3_column_int64(s.statement, 1);
        const void *batch_id = sqlite3_column_blob(s.statement, 2);
        if (batch_id != NULL && sqlite3_column_bytes(s.statement, 2) == SK_BATCH_ID_SIZE)
            memcpy(row->batch_id, batch_id, SK_BATCH_ID_SIZE);
        row->owner = sk_sqlite_column_str(s.statement, 3, &request->arena);
        row->expires_at_ms = sqlite3_column_int64(s.statement, 4);
    }
    int end = sk_sqlite_call_end(&s, code);
    if (end == SQLITE_OK && request->arena.failed) return SQLITE_NOMEM; /* whose it is, is lost */
    return code == SQLITE_DONE ? SQLITE_NOTFOUND : end;
}

static int write_lease(struct sk_sqlite_writer *writer, struct sk_store_request *request)
{
    int code = sk_sqlite_get_shard(writer, request);
    if (code == SQLITE_NOTFOUND) {
        request->status =
            sk_error_set(&request->error, SKALD_E_ARGUMENT, "no shard %u", request->shard);
        return SQLITE_OK;
    }
    if (code != SQLITE_OK) return code;
    bool is_take = request->call == SK_STORE_TAKE;
    request->status = is_take ? sk_lease_may_take(&request->row, request->epoch, request->owner,
                                                  request->now_ms, &request->error)
                              : sk_lease_may_renew(&request->row, request->epoch, &request->error);
    if (request->status != SKALD_OK) return SQLITE_OK;
    struct sk_sqlite_call s = { .statement =
                                    writer->sql[is_take ? SQL_SHARD_TAKE : SQL_SHARD_RENEW] };
    sk_sqlite_bind_int(&s, 1, request->shard);
    if (is_take) sk_sqlite_bind_text(&s, 2, request->owner);
    sk_sqlite_bind_int(&s, is_take ? 3 : 2, request->expires_at_ms);
    code = sk_sqlite_call_run(&s);
    return code != SQLITE_OK ? code : sk_sqlite_get_shard(writer, request);
}

/* Is it there? out_found: 0 no, 1 the same, 2 a twin with other content. */
static int find_definition(struct sk_sqlite_writer *writer, const struct sk_definition_row *row,
                           int *out_found)
{
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_DEFINITION_FIND] };
    sk_sqlite_bind_digest(&s, 1, &row->digest);
    sk_sqlite_bind_text(&s, 2, row->id);
    sk_sqlite_bind_text(&s, 3, row->version);
    *out_found = 0;
    int code;
    while ((code = sk_sqlite_call_step(&s)) == SQLITE_ROW)
        *out_found = sqlite3_column_int(s.statement, 0) == 1 && *out_found != 2 ? 1 : 2;
    return sk_sqlite_call_end(&s, code);
}

static int add_definition(struct sk_sqlite_writer *writer, const struct sk_definition_row *row)
{
    struct sk_sqlite_call s = { .statement = writer->sql[SQL_DEFINITION_ADD] };
    sk_sqlite_bind_digest(&s, 1, &row->digest);
    sk_sqlite_bind_text(&s, 2, row->id);
    sk_sqlite_bind_text(&s, 3, row->version);
    sk_sqlite_bind_bytes(&s, 4, row->source);
    sk_sqlite_bind_int(&s, 5, row->created_at_ms);
    return sk_sqlite_call_run(&s);
}

static int write_definition(struct sk_sqlite_writer *writer, struct sk_store_request *request)
{
    const struct sk_definition_row *row = &request->definition;
    int found = 0;
    writer->family = 0;
    int code = find_definition(writer, row, &found);
    if (code != SQLITE_OK) return code;
    if (found == 2) {
        request->status = sk_error_set(&request->error, SKALD_E_CONFLICT,
                                       "definition %.*s version %.*s is there already with other "
                                       "content",
                                       SK_STR_ARGS(row->id), SK_STR_ARGS(row->version));
        return SQLITE_OK;
    }
    if (found == 0) code = add_definition(writer, row);
    if (code != SQLITE_OK) return code;
    struct sk_sqlite_call s = {
        .statement = writer->sql[request->keep_latest ? SQL_LATEST_ADD : SQL_LATEST_SET]
    };
    sk_sqlite_bind_text(&s, 1, row->id);
    sk_sqlite_bind_digest(&s, 2, &row->digest);
    return sk_sqlite_call_run(&s);
}

int sk_sqlite_write_request(struct sk_sqlite_writer *writer, struct sk_store_request *request)
{
    request->status = SKALD_OK;
    return request->call == SK_STORE_DEFINE ? write_definition(writer, request)
                                            : write_lease(writer, request);
}

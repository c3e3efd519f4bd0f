/*
 * check.c: reads a whole file and says what disagrees in it; see tools.h. What the rows mean (that
 * the events of a saga fold to its head) is judged by the caller, who gets all of them.
 */
#include "store/sqlite/tools.h"

#include "store/sqlite/parts.h"
#include "store/sqlite/schema.h"

#include <stdio.h>

enum { PROBLEMS_MAX = 100, WATCH_EVERY = 1000 };

/* Each row of such a query is a problem, told in its first column. */
static const char *const rules[] = {
    "SELECT 'database: ' || integrity_check FROM pragma_integrity_check(100)"
    " WHERE integrity_check <> 'ok'",
    "SELECT 'event ' || e.seq || ' of shard ' || e.shard || ' belongs to no saga'"
    " FROM span e LEFT JOIN saga s ON s.key = e.saga WHERE s.key IS NULL",
    "WITH told AS (SELECT saga, min(seq) AS first, max(seq + count - 1) AS last, sum(count) AS n"
    " FROM span GROUP BY saga)"
    " SELECT s.id || ': the head is at event ' || s.seq || ', the events are ' ||"
    " coalesce(first, 0) || ' to ' || coalesce(last, 0) || ', ' || coalesce(n, 0) ||"
    " ' of them' FROM saga s LEFT JOIN told ON saga = s.key"
    " WHERE coalesce(last, 0) <> s.seq OR n <> last - first + 1"
    " OR (s.is_lock = 0 AND first <> 1)",
    "SELECT s.id || ': its definition is not there' FROM saga s"
    " LEFT JOIN definition d ON d.digest = s.definition"
    " WHERE s.is_lock = 0 AND d.digest IS NULL",
    "SELECT 'shard ' || s.shard || ': its position is ' || s.position || ', but events reach ' ||"
    " (SELECT max(e.position - e.back + e.width) - 1 FROM span e"
    "  WHERE e.key BETWEEN s.shard << 48 AND (s.shard << 48) + 281474976710655)"
    " FROM shard s WHERE s.position <"
    " (SELECT max(e.position - e.back + e.width) FROM span e"
    "  WHERE e.key BETWEEN s.shard << 48 AND (s.shard << 48) + 281474976710655)",
    "WITH counted AS (SELECT shard, definition, state, count(*) AS n FROM saga"
    " WHERE is_lock = 0 GROUP BY shard, definition, state),"
    " told AS (SELECT shard, definition, state, n FROM tally WHERE n <> 0)"
    " SELECT 'shard ' || c.shard || ': ' || c.n || ' sagas in state ' || c.state ||"
    " ', the tally says ' || coalesce(t.n, 0) FROM counted c LEFT JOIN told t"
    " USING (shard, definition, state) WHERE coalesce(t.n, 0) <> c.n"
    " UNION ALL SELECT 'shard ' || t.shard || ': no saga in state ' || t.state ||"
    " ', the tally says ' || t.n FROM told t LEFT JOIN counted c"
    " USING (shard, definition, state) WHERE c.n IS NULL",
    "SELECT 'tag ' || t.key || ' belongs to no saga' FROM saga_tag t"
    " LEFT JOIN saga s ON s.key = t.saga WHERE s.key IS NULL",
    "SELECT 'the latest version of ' || l.id || ' is not there' FROM latest l"
    " LEFT JOIN definition d ON d.digest = l.digest WHERE d.digest IS NULL",
};

struct checking {
    sqlite3 *db;
    const struct sk_sqlite_scan *scan;
    struct sk_arena arena; /* of the row that is being told */
};

static int tell_rule(const struct checking *checking, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int code = sk_sqlite_prepare(checking->db, sql, &statement);
    for (int i = 0; code == SQLITE_OK && i <= PROBLEMS_MAX; i++) {
        code = sqlite3_step(statement);
        if (code != SQLITE_ROW) break;
        code = SQLITE_OK;
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        checking->scan->problem(checking->scan->context,
                                i < PROBLEMS_MAX
                                    ? (text == NULL ? "a row that cannot be read" : text)
                                    : "there are more of these");
    }
    int end = sqlite3_finalize(statement);
    return code == SQLITE_DONE || code == SQLITE_OK ? SQLITE_OK : (end != SQLITE_OK ? end : code);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int tell_definitions(struct checking *checking)
{
    sqlite3_stmt *s = NULL;
    int code =
        sk_sqlite_prepare(checking->db,
                          "SELECT digest, id, version, created_at, source FROM definition", &s);
    while (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        sk_arena_clear(&checking->arena);
        struct sk_definition_row row = {
            .digest = sk_sqlite_column_digest(s, 0),
            .id = sk_sqlite_column_str(s, 1, &checking->arena),
            .version = sk_sqlite_column_str(s, 2, &checking->arena),
            .created_at_ms = sqlite3_column_int64(s, 3),
            .source = sk_sqlite_column_str(s, 4, &checking->arena),
        };
        if (!checking->arena.failed) checking->scan->definition(checking->scan->context, &row);
        code = checking->arena.failed ? SQLITE_NOMEM : SQLITE_OK;
    }
    sqlite3_finalize(s);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static void tell_damage(const struct checking *checking, const struct sk_sqlite_span *span)
{
    char text[160];
    (void)snprintf(text, sizeof text,
                   "event %llu at position %llu of shard %u, or one that lies with it, is not what "
                   "was written",
                   (unsigned long long)span->seq,
                   (unsigned long long)sk_sqlite_key_number(span->key),
                   sk_sqlite_key_shard(span->key));
    checking->scan->problem(checking->scan->context, text);
}

static int tell_events(struct checking *checking, sqlite3_stmt *s, int64_t saga)
{
    int code = sqlite3_bind_int64(s, 1, saga);
    while (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        struct sk_sqlite_span span;
        struct sk_event_row row;
        sk_sqlite_span_of(s, &span);
        struct sk_sqlite_unpack unpack = sk_sqlite_unpack_of(&span);
        bool is_sound = sk_sqlite_span_is_sound(s, &span);
        while (sk_sqlite_unpack_next(&unpack, &row))
            checking->scan->event(checking->scan->context, &row);
        if (!is_sound || unpack.reader.bad) tell_damage(checking, &span);
        code = SQLITE_OK;
    }
    sqlite3_reset(s);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static void tell_head(struct checking *checking, sqlite3_stmt *s)
{
    struct sk_arena *arena = &checking->arena;
    sk_arena_clear(arena);
    int64_t key = sqlite3_column_int64(s, 0);
    struct sk_head head = {
        .shard = sk_sqlite_key_shard(key),
        .no = sk_sqlite_key_number(key),
        .id = sk_sqlite_column_str(s, 1, arena),
        .space = sk_sqlite_column_str(s, 2, arena),
        .definition = sk_sqlite_column_digest(s, 3),
        .state = (uint8_t)sqlite3_column_int(s, 4),
        .reason = (uint8_t)sqlite3_column_int(s, 5),
        .has_residue = sqlite3_column_int(s, 6) != 0,
        .is_lock = sqlite3_column_int(s, 7) != 0,
        .open = (uint32_t)sqlite3_column_int64(s, 8),
        .priority = sqlite3_column_int(s, 9),
        .wake_at_ms = sqlite3_column_int64(s, 10),
        .deadline_ms = sqlite3_column_int64(s, 11),
        .business_key = sk_sqlite_column_str(s, 12, arena),
        .parent = sk_sqlite_column_str(s, 13, arena),
        .seq = (uint64_t)sqlite3_column_int64(s, 14),
        .created_at_ms = sqlite3_column_int64(s, 15),
        .updated_at_ms = sqlite3_column_int64(s, 16),
        .ended_at_ms = sqlite3_column_int64(s, 17),
    };
    if (!arena->failed) checking->scan->head(checking->scan->context, &head);
}

static int tell_sagas(struct checking *checking, uint64_t total)
{
    sqlite3_stmt *heads = NULL, *events = NULL;
    const struct sk_sqlite_scan *scan = checking->scan;
    uint64_t done = 0;
    int code = sk_sqlite_prepare(
        checking->db,
        "SELECT key, id, namespace, definition, state, reason, residue, is_lock, open, priority,"
        " wake_at, deadline, business_key, parent, seq, created_at, updated_at, ended_at FROM saga",
        &heads);
    if (code == SQLITE_OK)
        code = sk_sqlite_prepare(checking->db,
                                 "SELECT " SK_SQLITE_SPAN_COLUMNS " FROM span WHERE key = ?1 AND"
                                 " saga = ?1 UNION ALL SELECT " SK_SQLITE_SPAN_COLUMNS
                                 " FROM span WHERE saga = ?1 AND saga <> key ORDER BY seq",
                                 &events);
    while (code == SQLITE_OK && (code = sqlite3_step(heads)) == SQLITE_ROW) {
        tell_head(checking, heads);
        code = checking->arena.failed
                   ? SQLITE_NOMEM
                   : tell_events(checking, events, sqlite3_column_int64(heads, 0));
        scan->end(scan->context);
        done += 1;
        if (scan->watcher.fn != NULL && (done % WATCH_EVERY == 0 || done == total))
            scan->watcher.fn(scan->watcher.context, done, total);
    }
    sqlite3_finalize(events);
    sqlite3_finalize(heads);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int check_all(struct checking *checking)
{
    int64_t total = 0;
    int code = sk_sqlite_exec(checking->db, "PRAGMA query_only = ON; BEGIN");
    for (size_t i = 0; i < sizeof rules / sizeof rules[0] && code == SQLITE_OK; i++)
        code = tell_rule(checking, rules[i]);
    if (code == SQLITE_OK)
        code = sk_sqlite_number(checking->db, "SELECT count(*) FROM saga", &total);
    if (code == SQLITE_OK) code = tell_definitions(checking);
    if (code == SQLITE_OK) code = tell_sagas(checking, (uint64_t)total);
    return code;
}

/* An older file has its events in another table; the next start brings it forward. */
static enum skald_status check_version(sqlite3 *db, skald_error *error)
{
    int64_t version = 0;
    int code = sk_sqlite_number(db, "PRAGMA user_version", &version);
    if (code != SQLITE_OK || version == SK_SQLITE_SCHEMA) return SKALD_OK; /* the rest tells */
    if (version > SK_SQLITE_SCHEMA)
        return sk_sqlite_version_error(version, SK_SQLITE_SCHEMA, error);
    return sk_error_set(error, SKALD_E_VERSION,
                        "written with schema version %lld, which only a start brings forward to "
                        "%d; start a server on it (or on a restored copy) and check it then",
                        (long long)version, (int)SK_SQLITE_SCHEMA);
}

enum skald_status sk_sqlite_open_to_read(const struct sk_sqlite_file *file, sqlite3 **out_db,
                                         skald_error *error)
{
    if (!file->is_there) return sk_error_set(error, SKALD_E_NOT_FOUND, "there is no such file");
    enum skald_status status = sk_sqlite_file_check(file, error);
    if (status != SKALD_OK) return status;
    int code =
        sqlite3_open_v2(file->path, out_db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        struct sk_sqlite_fault fault;
        sk_sqlite_fault_take(*out_db, code, &fault);
        return sk_sqlite_fault_status(&fault, error);
    }
    sqlite3_extended_result_codes(*out_db, 1);
    sqlite3_db_config(*out_db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return check_version(*out_db, error);
}

static enum skald_status check_file(const struct sk_sqlite_file *file,
                                    const struct sk_sqlite_scan *scan, skald_error *error)
{
    struct checking checking = { .scan = scan };
    sk_arena_init(&checking.arena);
    enum skald_status status = sk_sqlite_open_to_read(file, &checking.db, error);
    int code = status == SKALD_OK ? check_all(&checking) : SQLITE_OK;
    if (code != SQLITE_OK) {
        struct sk_sqlite_fault fault;
        sk_sqlite_fault_take(checking.db, code, &fault);
        status = sk_sqlite_fault_status(&fault, error);
    }
    sqlite3_close_v2(checking.db);
    sk_arena_release(&checking.arena);
    return status;
}

enum skald_status sk_sqlite_check(const char *path, const struct sk_sqlite_scan *scan,
                                  skald_error *error)
{
    struct sk_sqlite_file file;
    enum skald_status status = sk_sqlite_file_claim(path, false, &file, error);
    if (status == SKALD_OK) {
        status = check_file(&file, scan, error);
        sk_sqlite_file_release(&file);
    }
    return status == SKALD_OK ? status : (sk_error_wrap(error, "%s", path), status);
}

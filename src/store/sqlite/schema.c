/*
 * schema.c: see schema.h. Why the keys look as they do: docs/decisions/0003-sqlite-layout.md.
 *
 * `key` of saga and event is shard << 48 | number, so that rows of a shard lie together in the
 * order of their writing and compare as one word; shard, no and position are computed from it.
 * Columns that a saga's life changes stand in no index but the partial ones of what needs
 * attention. `active` (not ended, or something open) is stored and not computed from state and
 * open, so that the usual change of a head, which does not change it, leaves the index alone: see
 * SQL_HEAD_MOVE.
 */
#include "store/sqlite/schema.h"

#include "store/sqlite/sqlite.h"
#include "store/sqlite/statement.h"

#include <assert.h>

static const char schema_1[] =
    "CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), hash TEXT NOT NULL,"
    " shards INTEGER NOT NULL, schema INTEGER NOT NULL, incarnation INTEGER NOT NULL);"
    "CREATE TABLE shard (shard INTEGER PRIMARY KEY, epoch INTEGER NOT NULL,"
    " position INTEGER NOT NULL, batch_id BLOB NOT NULL, owner TEXT NOT NULL,"
    " expires_at INTEGER NOT NULL);"
    "CREATE TABLE definition (digest BLOB NOT NULL UNIQUE, id TEXT NOT NULL,"
    " version TEXT NOT NULL, created_at INTEGER NOT NULL, source BLOB NOT NULL,"
    " UNIQUE (id, version));"
    "CREATE TABLE latest (id TEXT PRIMARY KEY, digest BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE saga (key INTEGER PRIMARY KEY,"
    " shard INTEGER AS (key >> 48), no INTEGER AS (key & 281474976710655),"
    " id TEXT NOT NULL, namespace TEXT NOT NULL, definition BLOB NOT NULL,"
    " state INTEGER NOT NULL, reason INTEGER NOT NULL, residue INTEGER NOT NULL,"
    " is_lock INTEGER NOT NULL, open INTEGER NOT NULL, priority INTEGER NOT NULL,"
    " wake_at INTEGER NOT NULL, deadline INTEGER NOT NULL, business_key TEXT NOT NULL,"
    " parent TEXT NOT NULL, seq INTEGER NOT NULL, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, active INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX saga_id ON saga (id);"
    "CREATE INDEX saga_active ON saga (shard) WHERE active = 1;"
    "CREATE INDEX saga_created ON saga (created_at, id) WHERE is_lock = 0;"
    "CREATE INDEX saga_failed ON saga (created_at, id) WHERE is_lock = 0 AND state = 6;"
    "CREATE INDEX saga_residue ON saga (created_at, id) WHERE is_lock = 0 AND residue = 1;"
    "CREATE INDEX saga_business_key ON saga (business_key, created_at, id)"
    " WHERE business_key <> '';"
    "CREATE INDEX saga_parent ON saga (parent, created_at, id) WHERE parent <> '';"
    "CREATE TABLE saga_tag (key TEXT NOT NULL, value TEXT NOT NULL, saga INTEGER NOT NULL,"
    " PRIMARY KEY (key, value, saga)) WITHOUT ROWID;"
    "CREATE INDEX saga_tag_saga ON saga_tag (saga);"
    "CREATE TABLE event (key INTEGER PRIMARY KEY,"
    " shard INTEGER AS (key >> 48), position INTEGER AS (key & 281474976710655),"
    " saga INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, type INTEGER NOT NULL,"
    " step INTEGER NOT NULL, item INTEGER NOT NULL, attempt INTEGER NOT NULL,"
    " round INTEGER NOT NULL, data BLOB NOT NULL);"
    "CREATE UNIQUE INDEX event_saga ON event (saga, seq);"
    "CREATE TABLE start_key (shard INTEGER NOT NULL, key TEXT NOT NULL, saga TEXT NOT NULL,"
    " digest BLOB NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (shard, key)) WITHOUT ROWID;"
    "CREATE INDEX start_key_saga ON start_key (saga);"
    "CREATE TABLE message (shard INTEGER NOT NULL, position INTEGER NOT NULL,"
    " ordinal INTEGER NOT NULL, id TEXT NOT NULL, to_shard INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, target TEXT NOT NULL, body BLOB NOT NULL,"
    " PRIMARY KEY (shard, position, ordinal)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX message_id ON message (shard, id);"
    "CREATE TABLE consumed (shard INTEGER NOT NULL, id TEXT NOT NULL,"
    " from_shard INTEGER NOT NULL, PRIMARY KEY (shard, id)) WITHOUT ROWID;"
    "CREATE TABLE dead_letter (shard INTEGER NOT NULL, id TEXT NOT NULL, no INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL,"
    " PRIMARY KEY (shard, id)) WITHOUT ROWID;"
    "CREATE INDEX dead_letter_at ON dead_letter (at, id);"
    "CREATE INDEX dead_letter_no ON dead_letter (shard, no);"
    "CREATE TABLE cursor (shard INTEGER NOT NULL, name TEXT NOT NULL,"
    " position INTEGER NOT NULL, PRIMARY KEY (shard, name)) WITHOUT ROWID;"
    "CREATE TABLE tally (shard INTEGER NOT NULL, definition BLOB NOT NULL,"
    " state INTEGER NOT NULL, n INTEGER NOT NULL,"
    " PRIMARY KEY (shard, definition, state)) WITHOUT ROWID;";

/*
 * Lists along one index each (list.c), removal (retention) and records. `family` is one number for
 * all versions of a definition, so that a saga's row need not hold the name. What changes in a
 * saga's life stands only in indexes of what is closed (active = 0) or has a reason: those are
 * written when it ends, or on the way of undoing.
 */
static const char schema_2[] =
    "ALTER TABLE definition ADD COLUMN family INTEGER NOT NULL DEFAULT 0;"
    "UPDATE definition SET family ="
    " (SELECT min(d.rowid) FROM definition d WHERE d.id = definition.id);"
    "ALTER TABLE saga ADD COLUMN family INTEGER NOT NULL DEFAULT 0;"
    "UPDATE saga SET family ="
    " coalesce((SELECT family FROM definition d WHERE d.digest = saga.definition), 0);"
    "DROP INDEX saga_failed;"
    "CREATE INDEX saga_family ON saga (family, created_at, id) WHERE is_lock = 0;"
    "CREATE INDEX saga_space ON saga (namespace, created_at, id)"
    " WHERE is_lock = 0 AND namespace <> '';"
    "CREATE INDEX saga_reason ON saga (reason, created_at, id)"
    " WHERE is_lock = 0 AND reason <> 0;"
    "CREATE INDEX saga_state ON saga (state, created_at, id) WHERE is_lock = 0 AND active = 0;"
    "CREATE INDEX saga_updated ON saga (updated_at, id) WHERE is_lock = 0 AND active = 0;"
    "CREATE INDEX saga_ended ON saga (ended_at, id) WHERE is_lock = 0 AND active = 0;"
    "CREATE TABLE record (shard INTEGER NOT NULL, kind INTEGER NOT NULL, id TEXT NOT NULL,"
    " body BLOB NOT NULL, PRIMARY KEY (shard, kind, id)) WITHOUT ROWID;";

/* What an event was when it was written (sum.h); NULL: written before there were sums. */
static const char schema_3[] = "ALTER TABLE event ADD COLUMN sum INTEGER";

/*
 * Events as spans (span.h), and fewer and smaller indexes of sagas: an index holds no id (what has
 * one time is sorted as it is read), all that has ended stands in saga_state and all else in
 * saga_open, and what was updated after it ended is rare enough for an index of its own. An event
 * of before becomes a span of one; one that was damaged stays damaged.
 */
static const char schema_4[] =
    "CREATE TABLE span (key INTEGER PRIMARY KEY,"
    " shard INTEGER AS (key >> 48), position INTEGER AS (key & 281474976710655),"
    " saga INTEGER NOT NULL, seq INTEGER NOT NULL, count INTEGER NOT NULL,"
    " back INTEGER NOT NULL, width INTEGER NOT NULL, sum INTEGER NOT NULL, data BLOB NOT NULL);"
    "INSERT INTO span (key, saga, seq, count, back, width, sum, data)"
    " SELECT key, saga, seq, 1, 0, 1, skald_sum(key, saga, seq, at, type, step, item, attempt,"
    " round, data, sum), skald_span(at, type, step, item, attempt, round, data) FROM event;"
    "CREATE UNIQUE INDEX span_saga ON span (saga, seq) WHERE saga <> key;"
    "DROP TABLE event;"
    "DROP INDEX saga_created;"
    "DROP INDEX saga_residue;"
    "DROP INDEX saga_business_key;"
    "DROP INDEX saga_parent;"
    "DROP INDEX saga_family;"
    "DROP INDEX saga_space;"
    "DROP INDEX saga_reason;"
    "DROP INDEX saga_state;"
    "DROP INDEX saga_updated;"
    "DROP INDEX saga_ended;"
    "CREATE INDEX saga_open ON saga (created_at) WHERE is_lock = 0 AND active = 1;"
    "CREATE INDEX saga_state ON saga (state, created_at) WHERE is_lock = 0 AND active = 0;"
    "CREATE INDEX saga_ended ON saga (ended_at) WHERE is_lock = 0 AND active = 0;"
    "CREATE INDEX saga_updated ON saga (updated_at)"
    " WHERE is_lock = 0 AND active = 0 AND updated_at <> ended_at;"
    "CREATE INDEX saga_family ON saga (family, created_at) WHERE is_lock = 0;"
    "CREATE INDEX saga_space ON saga (namespace, created_at)"
    " WHERE is_lock = 0 AND namespace <> '';"
    "CREATE INDEX saga_reason ON saga (reason, created_at) WHERE is_lock = 0 AND reason <> 0;"
    "CREATE INDEX saga_residue ON saga (created_at) WHERE is_lock = 0 AND residue = 1;"
    "CREATE INDEX saga_business_key ON saga (business_key, created_at)"
    " WHERE business_key <> '';"
    "CREATE INDEX saga_parent ON saga (parent, created_at) WHERE parent <> '';";

const char *const sk_sqlite_migrations[] = { schema_1, schema_2, schema_3, schema_4 };
const uint32_t sk_sqlite_migrations_count =
    sizeof sk_sqlite_migrations / sizeof sk_sqlite_migrations[0];
static_assert(sizeof sk_sqlite_migrations / sizeof sk_sqlite_migrations[0] == SK_SQLITE_SCHEMA,
              "one migration for each version");

static enum skald_status fail(sqlite3 *db, int code, skald_error *error)
{
    struct sk_sqlite_fault fault;
    sk_sqlite_fault_take(db, code, &fault);
    return sk_sqlite_fault_status(&fault, error);
}

enum skald_status sk_sqlite_version_error(int64_t found, uint32_t known, skald_error *error)
{
    return sk_error_set(error, SKALD_E_VERSION,
                        "written with schema version %lld, but this build knows versions up to %u; "
                        "use a newer skald or restore an older copy",
                        (long long)found, known);
}

/* user_version and meta.schema say the same; both change inside the transaction. */
static int set_version(sqlite3 *db, uint32_t version)
{
    char sql[128];
    sqlite3_snprintf(sizeof sql, sql, "UPDATE meta SET schema = %u; PRAGMA user_version = %u",
                     version, version);
    return sk_sqlite_exec(db, sql);
}

static int migrate_from(sqlite3 *db, const char *const *migrations, uint32_t from, uint32_t count)
{
    int code = SQLITE_OK;
    for (uint32_t i = from; i < count && code == SQLITE_OK; i++)
        code = sk_sqlite_exec(db, migrations[i]);
    return code != SQLITE_OK ? code : set_version(db, count);
}

enum skald_status sk_sqlite_migrate(sqlite3 *db, const char *const *migrations, uint32_t count,
                                    skald_error *error)
{
    int64_t version = 0;
    int code = sk_sqlite_number(db, "PRAGMA user_version", &version);
    if (code != SQLITE_OK) return fail(db, code, error);
    if (version < 0 || version > count) return sk_sqlite_version_error(version, count, error);
    if (version == count) return SKALD_OK;

    code = sk_sqlite_offer_old_events(db);
    if (code == SQLITE_OK) code = sk_sqlite_exec(db, "SAVEPOINT migrate");
    if (code == SQLITE_OK) code = migrate_from(db, migrations, (uint32_t)version, count);
    if (code == SQLITE_OK) code = sk_sqlite_exec(db, "RELEASE migrate");
    if (code == SQLITE_OK) return SKALD_OK;
    enum skald_status status = fail(db, code, error);
    if (sk_sqlite_exec(db, "ROLLBACK TO migrate; RELEASE migrate") != SQLITE_OK)
        sk_sqlite_exec(db, "ROLLBACK");
    return status;
}

enum skald_status sk_sqlite_fill(sqlite3 *db, uint32_t shards_count, uint64_t incarnation,
                                 skald_error *error)
{
    char sql[512];
    sqlite3_snprintf(sizeof sql, sql,
                     "PRAGMA application_id = %d;"
                     "INSERT INTO meta VALUES (1, 'siphash24', %u, %d, %lld);"
                     "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %u)"
                     " INSERT INTO shard SELECT i, 0, 1, zeroblob(16), '', 0 FROM n;",
                     SK_SQLITE_APPLICATION, shards_count, SK_SQLITE_SCHEMA, (long long)incarnation,
                     shards_count - 1);
    int code = sk_sqlite_exec(db, sql);
    return code == SQLITE_OK ? SKALD_OK : fail(db, code, error);
}

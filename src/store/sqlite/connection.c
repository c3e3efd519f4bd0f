/*
 * connection.c: the connections of a store: how they are set up, and that the file is the one we
 * know.
 *
 * Every connection: WAL, synchronous=FULL (S2; for the checkpointer it is the sync of the
 * database; NORMAL for an index, whose commits need no sync of their own), no automatic
 * checkpoints, and SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE until the file has been accepted, so that a
 * refused file stays as it was.
 */
#include "store/sqlite/parts.h"
#include "store/sqlite/schema.h"

#include "base/limits.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

enum { BUSY_MS = 5000, PROGRESS_STEPS = 4096, LOG_LIMIT_FACTOR = 4, PAGE_SIZE = 4096 };

static enum skald_status fail(sqlite3 *db, int code, skald_error *error)
{
    struct sk_sqlite_fault fault;
    sk_sqlite_fault_take(db, code, &fault);
    return sk_sqlite_fault_status(&fault, error);
}

static int connect_one(const struct sk_sqlite_store *store, uint32_t cache_kib, sqlite3 **out_db)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int code = sqlite3_open_v2(store->file.path, out_db, flags, NULL);
    if (code != SQLITE_OK) return code;
    sqlite3 *db = *out_db;
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, BUSY_MS);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    char sql[384];
    long long log_limit = (long long)store->options.checkpoint_pages * PAGE_SIZE * LOG_LIMIT_FACTOR;
    sqlite3_snprintf(sizeof sql, sql,
                     "PRAGMA trusted_schema = OFF; PRAGMA synchronous = %s;"
                     "PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY;"
                     "PRAGMA cache_size = -%u; PRAGMA journal_size_limit = %lld;",
                     store->options.is_index ? "NORMAL" : "FULL", cache_kib, log_limit);
    return sk_sqlite_exec(db, sql);
}

/* ---- the commit connection ------------------------------------------------------------------- */

/* Runs inside COMMIT on the commit thread. */
static int on_commit(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    struct sk_sqlite_store *store = context;
    pthread_mutex_lock(&store->lock);
    bool is_begun_anew = (uint32_t)pages < store->log_pages;
    if (is_begun_anew) store->log_pages_next = store->options.checkpoint_pages;
    store->log_pages = (uint32_t)pages;
    if (store->log_pages >= store->log_pages_next) pthread_cond_signal(&store->has_pages);
    pthread_mutex_unlock(&store->lock);
    return SQLITE_OK;
}

static int read_meta(struct sk_sqlite_store *store, sqlite3 *db, int64_t *out_version)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, "SELECT schema, shards, incarnation FROM meta", -1,
                                  &statement, NULL);
    if (code != SQLITE_OK) return code;
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *out_version = sqlite3_column_int64(statement, 0);
        int64_t shards = sqlite3_column_int64(statement, 1);
        store->shards_count = shards > 0 && shards <= SK_SHARDS_MAX ? (uint32_t)shards : 0;
        store->incarnation = (uint64_t)sqlite3_column_int64(statement, 2);
    }
    int end = sqlite3_finalize(statement);
    if (code == SQLITE_ROW) return SQLITE_OK;
    return code == SQLITE_DONE ? SQLITE_CORRUPT : end != SQLITE_OK ? end : code;
}

/* Reads only: until this said OK the file must stay as it is. */
static enum skald_status accept_file(struct sk_sqlite_store *store, sqlite3 *db, skald_error *error)
{
    int64_t version = 0;
    int code = read_meta(store, db, &version);
    if (code != SQLITE_OK) return fail(db, code, error);
    if (version > sk_sqlite_migrations_count)
        return sk_sqlite_version_error(version, sk_sqlite_migrations_count, error);
    if (version < 1 || store->shards_count == 0)
        return sk_error_set(error, SKALD_E_CORRUPT, "its meta row is damaged; restore a copy");
    return SKALD_OK;
}

/* Brings the log of the last run into the file, synced, and sees that the file has all its pages:
 * behind a log the check of file.h cannot tell. */
static enum skald_status settle_log(const struct sk_sqlite_store *store, sqlite3 *db,
                                    skald_error *error)
{
    int64_t pages = 0;
    int64_t page_size = 0;
    int code = sk_sqlite_exec(db, "PRAGMA journal_mode = WAL");
    if (code == SQLITE_OK)
        code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (code == SQLITE_OK) code = sk_sqlite_number(db, "PRAGMA page_count", &pages);
    if (code == SQLITE_OK) code = sk_sqlite_number(db, "PRAGMA page_size", &page_size);
    if (code != SQLITE_OK) return fail(db, code, error);
    struct stat info;
    if (stat(store->file.path, &info) != 0)
        return sk_error_set(error, SKALD_E_IO, "%s", strerror(errno));
    if (info.st_size < pages * page_size)
        return sk_error_set(error, SKALD_E_CORRUPT,
                            "is truncated: %lld bytes, %lld expected; restore a copy",
                            (long long)info.st_size, (long long)pages * page_size);
    return SKALD_OK;
}

static enum skald_status read_known(struct sk_sqlite_store *store, sqlite3 *db, skald_error *error)
{
    sqlite3_stmt *statement = NULL;
    struct shard_known *known = sk_alloc(store->shards_count * sizeof *known);
    if (known == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    int code = sqlite3_prepare_v2(db, "SELECT shard, epoch, position, batch_id FROM shard", -1,
                                  &statement, NULL);
    uint32_t count = 0;
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t shard = sqlite3_column_int64(statement, 0);
        code = SQLITE_OK;
        if (shard < 0 || shard >= store->shards_count) continue;
        known[shard].epoch = (uint64_t)sqlite3_column_int64(statement, 1);
        known[shard].position = (uint64_t)sqlite3_column_int64(statement, 2);
        const void *batch_id = sqlite3_column_blob(statement, 3);
        if (batch_id != NULL && sqlite3_column_bytes(statement, 3) == SK_BATCH_ID_SIZE)
            memcpy(known[shard].batch_id, batch_id, SK_BATCH_ID_SIZE);
        count += 1;
    }
    int end = sqlite3_finalize(statement);
    sk_free(store->known);
    store->known = known;
    if (code == SQLITE_DONE) code = end;
    if (code != SQLITE_OK) return fail(db, code, error);
    if (count != store->shards_count)
        return sk_error_set(error, SKALD_E_CORRUPT, "its shard rows are damaged; restore a copy");
    return SKALD_OK;
}

static enum skald_status connect_writer(struct sk_sqlite_store *store, skald_error *error)
{
    struct sk_sqlite_writer *writer = &store->writer;
    int code = connect_one(store, store->options.cache_kib, &writer->db);
    if (code != SQLITE_OK) return fail(writer->db, code, error);
    sqlite3 *db = writer->db;
    enum skald_status status = accept_file(store, db, error);
    if (status == SKALD_OK)
        status = sk_sqlite_migrate(db, sk_sqlite_migrations, sk_sqlite_migrations_count, error);
    if (status == SKALD_OK) status = settle_log(store, db, error);
    if (status == SKALD_OK) status = read_known(store, db, error);
    if (status != SKALD_OK) return status;
    if (store->options.pages_max > 0) {
        char sql[64];
        sqlite3_snprintf(sizeof sql, sql, "PRAGMA max_page_count = %u", store->options.pages_max);
        code = sk_sqlite_exec(db, sql);
    }
    if (code == SQLITE_OK) code = sk_sqlite_writer_prepare(writer);
    if (code != SQLITE_OK) return fail(db, code, error);
    pthread_mutex_lock(&store->lock); /* again: the checkpoint thread looks at them */
    store->log_pages = 0;
    store->log_pages_next = store->options.checkpoint_pages;
    pthread_mutex_unlock(&store->lock);
    sqlite3_wal_hook(db, on_commit, store);
    return SKALD_OK;
}

/* ---- the others ------------------------------------------------------------------------------ */

static int64_t monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Not 0 stops the statement: the time is up, or the store is closing. */
static int on_progress(void *context)
{
    const struct sk_sqlite_reader *reader = context;
    return atomic_load(&reader->store->is_closing) || monotonic_us() > reader->deadline_us;
}

void sk_sqlite_reader_start_clock(struct sk_sqlite_reader *reader)
{
    reader->deadline_us = monotonic_us() + (int64_t)reader->store->options.read_ms_max * 1000;
}

static enum skald_status connect_reader(struct sk_sqlite_store *store,
                                        struct sk_sqlite_reader *reader, skald_error *error)
{
    reader->store = store;
    int code = connect_one(store, store->options.cache_kib / 4, &reader->db);
    if (code == SQLITE_OK) code = sk_sqlite_exec(reader->db, "PRAGMA query_only = ON");
    if (code != SQLITE_OK) return fail(reader->db, code, error);
    sqlite3_progress_handler(reader->db, PROGRESS_STEPS, on_progress, reader);
    return SKALD_OK;
}

static void allow_checkpoint_on_close(struct sk_sqlite_store *store)
{
    sqlite3_db_config(store->writer.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    sqlite3_db_config(store->checkpointer, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    for (uint32_t i = 0; i < store->options.readers_count; i++)
        sqlite3_db_config(store->readers[i].db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
}

enum skald_status sk_sqlite_connect(struct sk_sqlite_store *store, skald_error *error)
{
    enum skald_status status = connect_writer(store, error);
    if (status == SKALD_OK) {
        int code = connect_one(store, 0, &store->checkpointer);
        if (code != SQLITE_OK) status = fail(store->checkpointer, code, error);
    }
    for (uint32_t i = 0; i < store->options.readers_count && status == SKALD_OK; i++)
        status = connect_reader(store, &store->readers[i], error);
    if (status == SKALD_OK) {
        allow_checkpoint_on_close(store);
    } else {
        sk_sqlite_disconnect(store);
    }
    return status;
}

void sk_sqlite_disconnect(struct sk_sqlite_store *store)
{
    for (uint32_t i = 0; i < store->options.readers_count; i++)
        sk_sqlite_reader_release(&store->readers[i]);
    sqlite3_close_v2(store->checkpointer);
    store->checkpointer = NULL;
    sk_sqlite_writer_release(&store->writer);
}

enum skald_status sk_sqlite_void_leases(struct sk_sqlite_store *store, skald_error *error)
{
    int code = sk_sqlite_exec(store->writer.db, "UPDATE shard SET owner = '', expires_at = 0"
                                                " WHERE owner <> '' OR expires_at <> 0");
    return code == SQLITE_OK ? SKALD_OK : fail(store->writer.db, code, error);
}

/* ---- again ----------------------------------------------------------------------------------- */

static enum skald_status compare_known(const struct sk_sqlite_store *store,
                                       const struct shard_known *before, uint32_t shards_count,
                                       uint64_t incarnation, skald_error *error)
{
    if (store->shards_count != shards_count || store->incarnation != incarnation)
        return sk_error_set(error, SKALD_E_CORRUPT, "is another store than before; restart");
    for (uint32_t i = 0; i < shards_count; i++) {
        const struct shard_known *now = &store->known[i];
        bool is_behind = now->epoch < before[i].epoch ||
                         (now->epoch == before[i].epoch && now->position < before[i].position);
        if (is_behind)
            return sk_error_set(error, SKALD_E_CORRUPT,
                                "shard %u is at epoch %llu, position %llu, but position %llu was "
                                "acknowledged; restore a copy",
                                i, (unsigned long long)now->epoch,
                                (unsigned long long)now->position,
                                (unsigned long long)before[i].position);
    }
    return SKALD_OK;
}

enum skald_status sk_sqlite_reconnect(struct sk_sqlite_store *store, skald_error *error)
{
    struct shard_known *before = store->known;
    uint32_t shards_count = store->shards_count;
    uint64_t incarnation = store->incarnation;
    store->known = NULL;
    sk_sqlite_disconnect(store);
    enum skald_status status = sk_sqlite_file_check(&store->file, error);
    if (status == SKALD_OK) status = sk_sqlite_connect(store, error);
    if (status == SKALD_OK) {
        status = compare_known(store, before, shards_count, incarnation, error);
        if (status != SKALD_OK) sk_sqlite_disconnect(store);
    }
    if (status == SKALD_OK) {
        sk_free(before);
        return SKALD_OK;
    }
    /* What was acknowledged stays known, for the next try. */
    sk_free(store->known);
    store->known = before;
    store->shards_count = shards_count;
    store->incarnation = incarnation;
    sk_error_wrap(error, "reopen %s", store->file.path);
    return status;
}

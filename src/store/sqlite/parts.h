/*
 * parts.h: the inside of the SQLite store. Private to this folder.
 *
 *   Q1  Writing requests are done in the order of submission, by the commit thread alone;
 *       everything that waits when a commit begins is one group: one transaction, one sync.
 *   Q2  A group first runs without savepoints. If a part is refused, all is rolled back and the
 *       group runs again with a savepoint a part: refusal is rare, savepoints cost every part.
 *   Q3  `known` is what the last successful commit left of each shard (commit thread only). It
 *       tells fenced from passing when a whole group failed (S5), and reopen compares it with the
 *       file.
 *   Q4  `gate` is held from BEGIN to COMMIT, and by the checkpoint thread for its last pass: so the
 *       log can be finished without the commit ever seeing SQLITE_BUSY.
 *   Q5  A connection is used under `open` (read side) by its own thread; reopen takes the write
 *       side.
 *   Q6  Once broken (a failed sync, damage) nothing is written until reopen succeeded.
 *   Q7  Every call is answered, also without memory: requests are kept for that (spare), and what
 *       cannot be copied is answered with SKALD_E_MEMORY.
 */
#ifndef SK_STORE_SQLITE_PARTS_H
#define SK_STORE_SQLITE_PARTS_H

#include "store/request.h"
#include "store/sqlite/file.h"
#include "store/sqlite/span.h"
#include "store/sqlite/sqlite.h"
#include "store/sqlite/statement.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- writing --------------------------------------------------------------------------------- */

enum sk_sqlite_sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_SAVEPOINT,
    SQL_RELEASE,
    SQL_ROLLBACK_TO,
    SQL_SHARD_GET,
    SQL_SHARD_MOVE,
    SQL_SHARD_TAKE,
    SQL_SHARD_RENEW,
    SQL_SPAN,
    SQL_SPANS,
    SQL_SPAN_LATER,
    SQL_SPAN_GONE,
    SQL_HEAD,
    SQL_HEADS,
    SQL_HEAD_MOVE,
    SQL_KEY,
    SQL_TAG,
    SQL_TALLY,
    SQL_MESSAGE,
    SQL_MESSAGE_GONE,
    SQL_CONSUMED,
    SQL_CONSUMED_GONE,
    SQL_LETTER,
    SQL_LETTER_GONE,
    SQL_CURSOR,
    SQL_RECORD,
    SQL_RECORD_GONE,
    SQL_TRIM_FIRST,
    SQL_TRIM_LATER,
    SQL_TRIM_CUT,
    SQL_REMOVE_KEYS,
    SQL_REMOVE_LETTERS,
    SQL_REMOVE_TAGS,
    SQL_REMOVE_FIRST,
    SQL_REMOVE_LATER,
    SQL_REMOVE_SAGA,
    SQL_DEFINITION_FIND,
    SQL_FAMILY,
    SQL_DEFINITION_ADD,
    SQL_LATEST_ADD,
    SQL_LATEST_SET,
    SQL_COUNT
};

enum { SK_SQLITE_BULK = 8 /* rows of a statement that writes several, and refuses all or none */ };

struct sk_sqlite_writer {
    sqlite3 *db;
    bool is_alone; /* each row by a statement of its own: after a group was refused */
    sqlite3_stmt *sql[SQL_COUNT];
    struct sk_buf pack;         /* of the span that is being written */
    struct sk_arena scratch;    /* of the part that is being written */
    struct sk_digest family_of; /* the definition that was asked for last */
    int64_t family;             /* 0 = none */
};

int sk_sqlite_writer_prepare(struct sk_sqlite_writer *writer);
void sk_sqlite_writer_release(struct sk_sqlite_writer *writer); /* and its connection */

/* Inside a transaction. DONE or FENCED (nothing was written), with part->message; anything else:
 * the transaction (or savepoint) must be rolled back, `fault` says why. */
enum sk_part_result sk_sqlite_write_part(struct sk_sqlite_writer *writer, struct sk_part *part,
                                         int64_t now_ms, struct sk_sqlite_fault *fault);
/* events.c: SQLITE_OK or the code. */
int sk_sqlite_put_events(struct sk_sqlite_writer *writer, const struct sk_part *part);
int sk_sqlite_trim_events(struct sk_sqlite_writer *writer, int64_t saga, uint64_t below_seq);
/* The row into request->row. SQLITE_OK or the code; SQLITE_NOTFOUND: no such shard. */
int sk_sqlite_get_shard(struct sk_sqlite_writer *writer, struct sk_store_request *request);
/* TAKE, RENEW, DEFINE: sets request->status; SQLITE_OK, or the code: roll back. */
int sk_sqlite_write_request(struct sk_sqlite_writer *writer, struct sk_store_request *request);

/* ---- reading --------------------------------------------------------------------------------- */

enum { READ_KINDS = SK_READ_RECORDS + 1, READ_VARIANTS = 4 };

struct sk_sqlite_reader {
    struct sk_sqlite_store *store;
    sqlite3 *db;
    sqlite3_stmt *sql[READ_KINDS][READ_VARIANTS]; /* prepared when first used */
    pthread_t thread;
    bool is_started;
    int64_t deadline_us; /* monotonic; of the running read */
};

#define SK_SQLITE_SPAN_COLUMNS "key, saga, seq, count, back, width, sum, data"
/* The present row of these columns; its data is borrowed from the statement. */
void sk_sqlite_span_of(sqlite3_stmt *statement, struct sk_sqlite_span *out_span);
bool sk_sqlite_span_is_sound(sqlite3_stmt *statement, const struct sk_sqlite_span *span);
/* read_events.c: the spans that a statement gives as events, in the order of seq or of
 * positions. */
int sk_sqlite_collect_events(sqlite3_stmt *statement, const struct sk_read *read,
                             struct sk_rows *rows);
int sk_sqlite_collect_positions(sqlite3_stmt *statement, const struct sk_read *read,
                                struct sk_rows *rows);

/* One read transaction. Fills rows, whose arena is initialised. */
void sk_sqlite_read_run(struct sk_sqlite_reader *reader, const struct sk_read *read,
                        struct sk_rows *rows);
#define SK_SQLITE_HEAD_COLUMNS_TOLD(updated)                                                \
    "saga.key, id, namespace, definition, state, reason, residue, is_lock, open, priority," \
    " wake_at, deadline, business_key, parent, seq, created_at, " updated ", ended_at"
#define SK_SQLITE_HEAD_COLUMNS SK_SQLITE_HEAD_COLUMNS_TOLD("updated_at")
/* The list's statement and its parameters; the caller finalises it. */
int sk_sqlite_list_prepare(sqlite3 *db, const struct sk_read *read, sqlite3_stmt **out_statement);
void sk_sqlite_reader_release(struct sk_sqlite_reader *reader);

/* ---- the store ------------------------------------------------------------------------------- */

/* Requests that are kept for when there is no memory for another. Writes are few (one batch at a
 * time, a lease a shard), so some are theirs alone. */
enum { SK_SQLITE_SPARE = 48, SK_SQLITE_SPARE_FOR_WRITES = 16 };

struct shard_known {
    uint64_t epoch, position;
    uint8_t batch_id[SK_BATCH_ID_SIZE]; /* as it was when the file was opened */
};

struct sk_sqlite_store {
    struct sk_store base;
    struct sk_runtime *runtime;
    struct sk_delivery *delivery;
    struct sk_sqlite_options options; /* defaults filled in; path is file.path */
    struct sk_sqlite_file file;
    uint32_t shards_count;
    uint64_t incarnation;
    struct sk_list spare; /* Q7; of the loop */
    uint32_t spare_count;

    pthread_rwlock_t open;      /* Q5 */
    pthread_mutex_t door, gate; /* Q4; the door is held while waiting for the gate: a busy commit
                                 * thread would otherwise take the gate again at once, for ever */
    struct sk_sqlite_writer writer;
    sqlite3 *checkpointer;
    struct sk_sqlite_reader readers[SK_SQLITE_READERS_MAX];
    struct shard_known *known;           /* Q3 */
    atomic_bool is_broken;               /* Q6 */
    atomic_ullong commits, safe_commits; /* groups of the commit thread; those in the database */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t has_writes, has_reads, has_pages;
    struct sk_list writes, reads;
    uint32_t log_pages;      /* in the log, by the last commit */
    uint32_t log_pages_next; /* when the next checkpoint is due */
    atomic_bool is_closing;

    pthread_t commit_thread, checkpoint_thread;
    bool is_commit_started, is_checkpoint_started;
};

/* connection.c: opens writer, checkpointer and readers, brings the schema forward, reads
 * `known`. */
enum skald_status sk_sqlite_connect(struct sk_sqlite_store *store,
                                    skald_error *error) SK_MUST_CHECK;
void sk_sqlite_disconnect(struct sk_sqlite_store *store);
/* At start, when the lock says that no owner of a lease can be alive. */
enum skald_status sk_sqlite_void_leases(struct sk_sqlite_store *store,
                                        skald_error *error) SK_MUST_CHECK;
/* The read that begins now may run for read_ms_max. */
void sk_sqlite_reader_start_clock(struct sk_sqlite_reader *reader);
/* Closes everything, opens again and compares with what was acknowledged. Commit thread. */
enum skald_status sk_sqlite_reconnect(struct sk_sqlite_store *store,
                                      skald_error *error) SK_MUST_CHECK;

static inline void sk_sqlite_gate_enter(struct sk_sqlite_store *store)
{
    pthread_mutex_lock(&store->door);
    pthread_mutex_lock(&store->gate);
    pthread_mutex_unlock(&store->door);
}
static inline void sk_sqlite_gate_leave(struct sk_sqlite_store *store)
{
    pthread_mutex_unlock(&store->gate);
}

/* check.c: the file as it is, for reading only; VERSION when it is of another schema. The caller
 * closes *out_db, also after an error. */
enum skald_status sk_sqlite_open_to_read(const struct sk_sqlite_file *file, sqlite3 **out_db,
                                         skald_error *error) SK_MUST_CHECK;

/* Thread bodies; `argument` is the store (or the reader). */
void *sk_sqlite_commit_main(void *argument);
void *sk_sqlite_checkpoint_main(void *argument);
void *sk_sqlite_read_main(void *argument);

#endif

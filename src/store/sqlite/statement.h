/*
 * statement.h: the few calls of SQLite that every file of this folder needs, with the failure kept
 * as data: what SQLite said, what the system said, and what the caller can do about it.
 */
#ifndef SK_STORE_SQLITE_STATEMENT_H
#define SK_STORE_SQLITE_STATEMENT_H

#include "store/rows.h"

#include <sqlite3.h>

/* Taken from the connection right after the failing call, before anything else touches it. */
struct sk_sqlite_fault {
    int code;     /* extended result code */
    int os_error; /* errno of the failing system call, or 0 */
    char text[120];
};

void sk_sqlite_fault_take(sqlite3 *db, int code, struct sk_sqlite_fault *out_fault);
/*
 *   IOERR, CORRUPT, NOTADB                          BROKEN   (a write without room: PASSING)
 *   FULL, READONLY, BUSY, LOCKED, CANTOPEN, PERM,
 *   NOMEM, PROTOCOL, INTERRUPT                      PASSING
 *   CONSTRAINT, TOOBIG, MISMATCH, RANGE             REFUSED
 *   anything else (ERROR, MISUSE, SCHEMA …)         BROKEN
 */
enum sk_part_result sk_sqlite_fault_result(const struct sk_sqlite_fault *fault);
/* The same for calls that answer with a status; sets `error`. */
enum skald_status sk_sqlite_fault_status(const struct sk_sqlite_fault *fault, skald_error *error);

/* SQLITE_OK or the code. */
int sk_sqlite_exec(sqlite3 *db, const char *sql);
int sk_sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out_statement);
/* Runs a statement that gives no rows, and resets it: SQLITE_OK or the code. */
int sk_sqlite_run(sqlite3_stmt *statement);
/* One number: 0 rows leaves *out_value as it is. */
int sk_sqlite_number(sqlite3 *db, const char *sql, int64_t *out_value);

/* A statement and the values for its next run. The first that cannot be bound is kept as the code,
 * and the statement is not run then: it would run with what was bound before, or with nothing.
 * Texts and bytes are borrowed until the statement is reset. */
struct sk_sqlite_call {
    sqlite3_stmt *statement;
    int code;
};
void sk_sqlite_bind_int(struct sk_sqlite_call *call, int index, int64_t value);
void sk_sqlite_bind_u64(struct sk_sqlite_call *call, int index, uint64_t value);
void sk_sqlite_bind_text(struct sk_sqlite_call *call, int index, struct sk_str text);
void sk_sqlite_bind_bytes(struct sk_sqlite_call *call, int index, struct sk_str bytes);
void sk_sqlite_bind_digest(struct sk_sqlite_call *call, int index, const struct sk_digest *digest);
/* One step: SQLITE_ROW, SQLITE_DONE or the code. */
int sk_sqlite_call_step(const struct sk_sqlite_call *call);
/* sk_sqlite_run with these values; the next may be bound. */
int sk_sqlite_call_run(struct sk_sqlite_call *call);
/* Resets it after steps of which the last said `code`: SQLITE_OK after a row or the last one, else
 * what went wrong. */
int sk_sqlite_call_end(struct sk_sqlite_call *call, int code);

struct sk_str sk_sqlite_column_str(sqlite3_stmt *statement, int index, struct sk_arena *arena);
struct sk_digest sk_sqlite_column_digest(sqlite3_stmt *statement, int index);

/* The integer key of (shard, number): rows of a shard lie together, in order, and keys compare as
 * one machine word (docs/decisions/0003-sqlite-layout.md). */
static inline int64_t sk_sqlite_key(uint32_t shard, uint64_t number)
{
    return (int64_t)((uint64_t)shard << SK_POSITION_BITS | (number & SK_POSITION_MAX));
}
static inline uint64_t sk_sqlite_key_number(int64_t key)
{
    return (uint64_t)key & SK_POSITION_MAX;
}
static inline uint32_t sk_sqlite_key_shard(int64_t key)
{
    return (uint32_t)((uint64_t)key >> SK_POSITION_BITS);
}

#endif

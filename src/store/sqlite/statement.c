/* statement.c: see statement.h. */
#include "store/sqlite/statement.h"

#include <errno.h>
#include <stdio.h>

enum { RESULT_MASK = 0xff };

/* errno of the last failed call on one of the connection's two files. sqlite3_system_errno() is not
 * enough: by the time it looks, the rollback has had its own calls. The commit connection writes
 * only the log and the checkpointer only the database, so the file is the right one. */
static int file_errno(sqlite3 *db, int file_operation)
{
    sqlite3_file *file = NULL;
    int os_error = 0;
    if (sqlite3_file_control(db, NULL, file_operation, &file) != SQLITE_OK) return 0;
    if (file == NULL || file->pMethods == NULL) return 0;
    file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &os_error);
    return os_error;
}

static bool is_room_errno(int os_error)
{
    return os_error == ENOSPC || os_error == EDQUOT || os_error == EFBIG;
}

static int write_errno(sqlite3 *db)
{
    int log = file_errno(db, SQLITE_FCNTL_JOURNAL_POINTER);
    return is_room_errno(log) ? log : file_errno(db, SQLITE_FCNTL_FILE_POINTER);
}

void sk_sqlite_fault_take(sqlite3 *db, int code, struct sk_sqlite_fault *out_fault)
{
    *out_fault = (struct sk_sqlite_fault){ .code = code };
    bool is_last = db != NULL && sqlite3_extended_errcode(db) == code;
    snprintf(out_fault->text, sizeof out_fault->text, "%s",
             is_last ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    if (db == NULL || (code & RESULT_MASK) != SQLITE_IOERR) return;
    out_fault->os_error = write_errno(db);
    /* Of the log's index nobody keeps the errno, and nothing was called since. */
    if (code == SQLITE_IOERR_SHMSIZE) out_fault->os_error = sqlite3_system_errno(db);
    if (out_fault->os_error != 0)
        snprintf(out_fault->text, sizeof out_fault->text, "%s: %s", sqlite3_errstr(code),
                 strerror(out_fault->os_error));
}

/* A write() that found no room has lost nothing: what it wrote is rolled back. A failed sync is
 * another matter: the kernel may have dropped the pages. */
static bool is_no_room(const struct sk_sqlite_fault *fault)
{
    bool is_write = fault->code == SQLITE_IOERR_WRITE || fault->code == SQLITE_IOERR_SHMSIZE ||
                    fault->code == SQLITE_IOERR_TRUNCATE;
    return is_write && is_room_errno(fault->os_error);
}

enum sk_part_result sk_sqlite_fault_result(const struct sk_sqlite_fault *fault)
{
    if (is_no_room(fault) || fault->code == SQLITE_IOERR_NOMEM) return SK_PART_PASSING;
    switch (fault->code & RESULT_MASK) {
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT: return SK_PART_PASSING;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE: return SK_PART_REFUSED;
    default: return SK_PART_BROKEN;
    }
}

enum skald_status sk_sqlite_fault_status(const struct sk_sqlite_fault *fault, skald_error *error)
{
    enum skald_status status = SKALD_E_IO;
    int code = fault->code & RESULT_MASK;
    if (code == SQLITE_FULL || is_no_room(fault)) {
        status = SKALD_E_FULL;
    } else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
        status = SKALD_E_CORRUPT;
    } else if (code == SQLITE_NOMEM || fault->code == SQLITE_IOERR_NOMEM) {
        status = SKALD_E_MEMORY;
    } else if (code == SQLITE_TOOBIG) {
        status = SKALD_E_TOO_LARGE;
    } else if (code == SQLITE_INTERRUPT) {
        status = SKALD_E_TIMEOUT;
    } else if (code == SQLITE_CONSTRAINT) {
        status = SKALD_E_CONFLICT;
    } else if (sk_sqlite_fault_result(fault) == SK_PART_PASSING) {
        status = SKALD_E_AGAIN;
    }
    const char *remedy = "";
    if (status == SKALD_E_CORRUPT) remedy = "; restore a copy";
    if (code == SQLITE_BUSY) remedy = "; close the other program that uses it";
    return sk_error_set(error, status, "%s%s", fault->text, remedy);
}

int sk_sqlite_exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int sk_sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out_statement)
{
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out_statement, NULL);
}

int sk_sqlite_run(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    if (code == SQLITE_DONE) {
        sqlite3_reset(statement);
        return SQLITE_OK;
    }
    int reset = sqlite3_reset(statement);
    return code == SQLITE_ROW ? SQLITE_OK : reset != SQLITE_OK ? reset : code;
}

int sk_sqlite_number(sqlite3 *db, const char *sql, int64_t *out_value)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code != SQLITE_OK) return code;
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) *out_value = sqlite3_column_int64(statement, 0);
    int end = sqlite3_finalize(statement);
    if (code == SQLITE_ROW || code == SQLITE_DONE) return SQLITE_OK;
    return end != SQLITE_OK ? end : code;
}

static void keep(struct sk_sqlite_call *call, int code)
{
    if (call->code == SQLITE_OK) call->code = code;
}

void sk_sqlite_bind_int(struct sk_sqlite_call *call, int index, int64_t value)
{
    keep(call, sqlite3_bind_int64(call->statement, index, value));
}

void sk_sqlite_bind_u64(struct sk_sqlite_call *call, int index, uint64_t value)
{
    sk_sqlite_bind_int(call, index, (int64_t)value);
}

void sk_sqlite_bind_text(struct sk_sqlite_call *call, int index, struct sk_str text)
{
    const char *data = text.size > 0 ? text.data : ""; /* NULL would be SQL's NULL */
    keep(call,
         sqlite3_bind_text64(call->statement, index, data, text.size, SQLITE_STATIC, SQLITE_UTF8));
}

void sk_sqlite_bind_bytes(struct sk_sqlite_call *call, int index, struct sk_str bytes)
{
    const char *data = bytes.size > 0 ? bytes.data : "";
    keep(call, sqlite3_bind_blob64(call->statement, index, data, bytes.size, SQLITE_STATIC));
}

void sk_sqlite_bind_digest(struct sk_sqlite_call *call, int index, const struct sk_digest *digest)
{
    const char *data = (const char *)digest->bytes;
    sk_sqlite_bind_bytes(call, index, (struct sk_str){ data, SK_DIGEST_SIZE });
}

int sk_sqlite_call_step(const struct sk_sqlite_call *call)
{
    return call->code != SQLITE_OK ? call->code : sqlite3_step(call->statement);
}

int sk_sqlite_call_run(struct sk_sqlite_call *call)
{
    int code = call->code;
    call->code = SQLITE_OK;
    return code != SQLITE_OK ? code : sk_sqlite_run(call->statement);
}

int sk_sqlite_call_end(struct sk_sqlite_call *call, int code)
{
    int reset = sqlite3_reset(call->statement);
    call->code = SQLITE_OK;
    if (code == SQLITE_ROW || code == SQLITE_DONE) return SQLITE_OK;
    return reset != SQLITE_OK ? reset : code;
}

struct sk_str sk_sqlite_column_str(sqlite3_stmt *statement, int index, struct sk_arena *arena)
{
    const void *data = sqlite3_column_blob(statement, index);
    size_t size = (size_t)sqlite3_column_bytes(statement, index);
    return sk_arena_copy(arena, (struct sk_str){ data, data == NULL ? 0 : size });
}

struct sk_digest sk_sqlite_column_digest(sqlite3_stmt *statement, int index)
{
    struct sk_digest digest = { { 0 } };
    const void *data = sqlite3_column_blob(statement, index);
    int size = sqlite3_column_bytes(statement, index);
    if (data != NULL && size == SK_DIGEST_SIZE) memcpy(digest.bytes, data, SK_DIGEST_SIZE);
    return digest;
}

/*
 * fault_sqlite.c: SQLite as our store calls it; tests/CMakeLists.txt tells the linker to send the
 * calls here (--wrap). A call that fails does nothing and says the code. What SQLite itself calls
 * is not touched: its own trouble is the business of allocations and files.
 */
#include "fault.h"

#include <sqlite3.h>
#include <stddef.h>

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */

static int code_of(enum fault_code code)
{
    switch (code) {
    case FAULT_BUSY: return SQLITE_BUSY;
    case FAULT_FULL: return SQLITE_FULL;
    case FAULT_NOMEM: return SQLITE_NOMEM;
    case FAULT_CORRUPT: return SQLITE_CORRUPT;
    case FAULT_READONLY: return SQLITE_READONLY;
    case FAULT_IOERR:
    case FAULT_NULL:
    case FAULT_EIO:
    case FAULT_ENOSPC:
    case FAULT_EMFILE:
    case FAULT_SHORT:
    case FAULT_CODES_COUNT: break;
    }
    return SQLITE_IOERR;
}

/* SQLITE_OK: it does not fail. */
static int strike(const char *what)
{
    enum fault_code code;
    return fault_strikes(FAULT_SQLITE, what, &code) ? code_of(code) : SQLITE_OK;
}

/* Declares both and defines the one that is called: name, what it takes, how that is handed on. */
#define WRAP(name, takes, hands_on)                               \
    int __real_##name takes;                                      \
    int __wrap_##name takes;                                      \
    int __wrap_##name takes                                       \
    {                                                             \
        int code = strike(#name);                                 \
        return code != SQLITE_OK ? code : __real_##name hands_on; \
    }

WRAP(sqlite3_step, (sqlite3_stmt * s), (s))
WRAP(sqlite3_exec, (sqlite3 * db, const char *sql, sqlite3_callback fn, void *c, char **out),
     (db, sql, fn, c, out))
WRAP(sqlite3_bind_int, (sqlite3_stmt * s, int i, int n), (s, i, n))
WRAP(sqlite3_bind_int64, (sqlite3_stmt * s, int i, sqlite3_int64 n), (s, i, n))
WRAP(sqlite3_bind_null, (sqlite3_stmt * s, int i), (s, i))
WRAP(sqlite3_bind_text, (sqlite3_stmt * s, int i, const char *t, int n, sqlite3_destructor_type d),
     (s, i, t, n, d))
WRAP(sqlite3_bind_text64,
     (sqlite3_stmt * s, int i, const char *t, sqlite3_uint64 n, sqlite3_destructor_type d,
      unsigned char e),
     (s, i, t, n, d, e))
WRAP(sqlite3_bind_blob, (sqlite3_stmt * s, int i, const void *t, int n, sqlite3_destructor_type d),
     (s, i, t, n, d))
WRAP(sqlite3_bind_blob64,
     (sqlite3_stmt * s, int i, const void *t, sqlite3_uint64 n, sqlite3_destructor_type d),
     (s, i, t, n, d))
WRAP(sqlite3_wal_checkpoint_v2, (sqlite3 * db, const char *n, int mode, int *log, int *done),
     (db, n, mode, log, done))
WRAP(sqlite3_backup_step, (sqlite3_backup * b, int n), (b, n))

int __real_sqlite3_open_v2(const char *path, sqlite3 **out, int flags, const char *vfs);
int __wrap_sqlite3_open_v2(const char *path, sqlite3 **out, int flags, const char *vfs);
/* As SQLite does: a handle that tells the error, and none when there is no memory for it. */
int __wrap_sqlite3_open_v2(const char *path, sqlite3 **out, int flags, const char *vfs)
{
    int code = strike("sqlite3_open_v2");
    int real = code == SQLITE_NOMEM ? SQLITE_OK : __real_sqlite3_open_v2(path, out, flags, vfs);
    if (code == SQLITE_NOMEM) *out = NULL;
    return code != SQLITE_OK ? code : real;
}

int __real_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int size, sqlite3_stmt **out,
                              const char **tail);
int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int size, sqlite3_stmt **out,
                              const char **tail);
int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int size, sqlite3_stmt **out,
                              const char **tail)
{
    int code = strike("sqlite3_prepare_v2");
    if (code != SQLITE_OK) *out = NULL;
    return code != SQLITE_OK ? code : __real_sqlite3_prepare_v2(db, sql, size, out, tail);
}

int __real_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned flags,
                              sqlite3_stmt **out, const char **tail);
int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned flags,
                              sqlite3_stmt **out, const char **tail);
int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned flags,
                              sqlite3_stmt **out, const char **tail)
{
    int code = strike("sqlite3_prepare_v3");
    if (code != SQLITE_OK) *out = NULL;
    return code != SQLITE_OK ? code : __real_sqlite3_prepare_v3(db, sql, size, flags, out, tail);
}

sqlite3_backup *__real_sqlite3_backup_init(sqlite3 *to, const char *to_name, sqlite3 *from,
                                           const char *from_name);
sqlite3_backup *__wrap_sqlite3_backup_init(sqlite3 *to, const char *to_name, sqlite3 *from,
                                           const char *from_name);
sqlite3_backup *__wrap_sqlite3_backup_init(sqlite3 *to, const char *to_name, sqlite3 *from,
                                           const char *from_name)
{
    if (strike("sqlite3_backup_init") != SQLITE_OK) return NULL;
    return __real_sqlite3_backup_init(to, to_name, from, from_name);
}

/* NOLINTEND(bugprone-reserved-identifier) */

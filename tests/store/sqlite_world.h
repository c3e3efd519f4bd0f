/* sqlite_world.h: how tests open the SQLite store. */
#ifndef TESTS_STORE_SQLITE_WORLD_H
#define TESTS_STORE_SQLITE_WORLD_H

#include "store/sqlite/sqlite.h"
#include "world.h"

#include <sqlite3.h>

extern const struct backend sqlite_backend;

/* A row of cmocka's table: a test in a world of its own. */
#define SQLITE_TEST(name)                                                            \
    {                                                                                \
#name, name, world_setup, world_teardown, (void *)(uintptr_t)&sqlite_backend \
    }

/* Past the store; in the second the file is opened for it alone. */
void sqlite_exec(sqlite3 *db, const char *sql);
void sqlite_exec_file(const char *path, const char *sql);
/* Closes the store and begins its file anew, as this version of the schema had it. The database is
 * the caller's to close. */
sqlite3 *sqlite_begin(struct world *world, uint32_t schema);

/* Opens `path` and must be refused: with `status`, and a message that has `word` in it. */
void sqlite_must_refuse(struct world *world, const char *path, enum skald_status status,
                        const char *word);

#endif

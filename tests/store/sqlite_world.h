/* sqlite_world.h: how tests open the SQLite store. */
#ifndef TESTS_STORE_SQLITE_WORLD_H
#define TESTS_STORE_SQLITE_WORLD_H

#include "store/sqlite/sqlite.h"
#include "world.h"

extern const struct backend sqlite_backend;

/* Opens `path` and must be refused: with `status`, and a message that has `word` in it. */
void sqlite_must_refuse(struct world *world, const char *path, enum skald_status status,
                        const char *word);

#endif

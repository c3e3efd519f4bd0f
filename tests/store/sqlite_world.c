/* sqlite_world.c: see sqlite_world.h. */
#ifdef SK_WITH_SQLITE

#include "sqlite_world.h"

#include "store/sqlite/schema.h"

#include <stdio.h>

static struct sk_sqlite_options options_of(struct world *world, const char *path)
{
    return (struct sk_sqlite_options){ .path = path,
                                       .runtime = fake_runtime_port(world->runtime),
                                       .shards_count = WORLD_SHARDS,
                                       .checkpoint_pages = world->checkpoint_pages,
                                       .pages_max = world->pages_max,
                                       .read_ms_max = world->read_ms_max };
}

static enum skald_status open_sqlite(struct world *world, struct sk_store **out_store,
                                     skald_error *error)
{
    struct sk_sqlite_options options = options_of(world, world->path);
    return sk_sqlite_store_open(&options, out_store, error);
}

const struct backend sqlite_backend = { .name = "sqlite", .is_durable = true, .open = open_sqlite };

void sqlite_exec(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fprintf(stderr, "%s: %s\n", sql, message);
    assert_null(message);
}

void sqlite_exec_file(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite_exec(db, sql);
    sqlite3_close(db);
}

sqlite3 *sqlite_begin(struct world *world, uint32_t schema)
{
    char log[160];
    sqlite3 *db = NULL;
    skald_error error = { 0 };
    world_close(world);
    assert_int_equal(remove(world->path), 0);
    snprintf(log, sizeof log, "%s-wal", world->path);
    (void)remove(log);
    assert_int_equal(sqlite3_open(world->path, &db), SQLITE_OK);
    assert_int_equal(sk_sqlite_migrate(db, sk_sqlite_migrations, schema, &error), SKALD_OK);
    return db;
}

void sqlite_must_refuse(struct world *world, const char *path, enum skald_status status,
                        const char *word)
{
    struct sk_sqlite_options options = options_of(world, path);
    struct sk_store *store = NULL;
    skald_error error = { 0 };
    enum skald_status have = sk_sqlite_store_open(&options, &store, &error);
    if (have != status || strstr(error.message, word) == NULL)
        fprintf(stderr, "have %d \"%s\"\nwanted %d \"… %s …\"\n", have, error.message, status,
                word);
    assert_int_equal(have, status);
    assert_non_null(strstr(error.message, word));
    assert_non_null(strstr(error.message, path)); /* names the file */
    assert_null(store);
}

#endif

/*
 * test_sqlite_files.c: files that may not be opened: what is said, and that nothing of them
 * changes.
 */
#include "world.h"

#ifdef SK_WITH_SQLITE

#include "sqlite_world.h"
#include "store/sqlite/file.h"
#include "store/sqlite/schema.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- whole files ----------------------------------------------------------------------------- */

struct content {
    char *data;
    size_t size;
};

static struct content load(const char *path)
{
    struct content content = { NULL, 0 };
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct stat info;
    assert_int_equal(fstat(fileno(file), &info), 0);
    content.size = (size_t)info.st_size;
    content.data = malloc(content.size + 1);
    assert_non_null(content.data);
    assert_int_equal(fread(content.data, 1, content.size, file), content.size);
    fclose(file);
    return content;
}

static void save(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* The world's store is closed and has this content; opening it must fail and leave it. */
static void must_refuse_untouched(struct world *world, enum skald_status status, const char *word)
{
    struct content before = load(world->path);
    sqlite_must_refuse(world, world->path, status, word);
    struct content after = load(world->path);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    free(before.data);
    free(after.data);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void a_missing_folder(void **state)
{
    struct world *world = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/none/test.db", world->folder);
    sqlite_must_refuse(world, path, SKALD_E_NOT_FOUND, "create it first");
}

static void a_folder(void **state)
{
    struct world *world = *state;
    sqlite_must_refuse(world, world->folder, SKALD_E_ARGUMENT, "is a folder");
}

static void no_name(void **state)
{
    struct world *world = *state;
    sqlite_must_refuse(world, ":memory:", SKALD_E_ARGUMENT, "not the name of a file");
}

static void not_a_database(void **state)
{
    struct world *world = *state;
    world_close(world);
    save(world->path, "version: 1\nsteps: []\n", 21);
    must_refuse_untouched(world, SKALD_E_ARGUMENT, "not a database");
    save(world->path, "", 0);
    must_refuse_untouched(world, SKALD_E_CORRUPT, "empty");
}

static void the_database_of_another(void **state)
{
    struct world *world = *state;
    world_close(world);
    unlink(world->path);
    sqlite_exec_file(world->path, "CREATE TABLE t (a)");
    must_refuse_untouched(world, SKALD_E_ARGUMENT, "another program");
}

static void a_newer_one(void **state)
{
    struct world *world = *state;
    world_close(world);
    sqlite_exec_file(world->path, "PRAGMA user_version = 7; UPDATE meta SET schema = 7");
    must_refuse_untouched(world, SKALD_E_VERSION, "version 7");
    must_refuse_untouched(world, SKALD_E_VERSION, "up to 4");
}

/* The header is still old, the log knows better. */
static void a_newer_one_behind_its_log(void **state)
{
    struct world *world = *state;
    world_close(world);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(world->path, &db), SQLITE_OK);
    sqlite_exec(db, "PRAGMA user_version = 7; UPDATE meta SET schema = 7");
    /* A copy of file and log is what a crash leaves. */
    char from[160], to[160], path[128];
    snprintf(path, sizeof path, "%s/copy.db", world->folder);
    for (int i = 0; i < 2; i++) {
        snprintf(from, sizeof from, "%s%s", world->path, i == 0 ? "" : "-wal");
        snprintf(to, sizeof to, "%s%s", path, i == 0 ? "" : "-wal");
        struct content content = load(from);
        save(to, content.data, content.size);
        free(content.data);
    }
    sqlite3_close(db);
    snprintf(world->path, sizeof world->path, "%s", path);
    must_refuse_untouched(world, SKALD_E_VERSION, "version 7");
}

static void a_truncated_one(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 50; i++) world_saga(world, 0, (char[]){ (char)('0' + i), 0 }, 2, 5, 10);
    world_close(world);
    struct stat info;
    assert_int_equal(stat(world->path, &info), 0);
    assert_int_equal(truncate(world->path, info.st_size - 4096), 0);
    must_refuse_untouched(world, SKALD_E_CORRUPT, "truncated");
    assert_int_equal(truncate(world->path, 50), 0);
    must_refuse_untouched(world, SKALD_E_CORRUPT, "truncated");
}

static void a_lost_file_beside_its_log(void **state)
{
    struct world *world = *state;
    world_close(world);
    unlink(world->path);
    char log[160];
    snprintf(log, sizeof log, "%s-wal", world->path);
    save(log, "something", 9);
    sqlite_must_refuse(world, world->path, SKALD_E_CORRUPT, "restore both");
    assert_int_not_equal(access(world->path, F_OK), 0);
}

static void one_in_use(void **state)
{
    struct world *world = *state;
    char pid[32];
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    sqlite_must_refuse(world, world->path, SKALD_E_BUSY, pid);
    /* By another name, and after it is closed. */
    char link[128];
    snprintf(link, sizeof link, "%s/link.db", world->folder);
    assert_int_equal(symlink(world->path, link), 0);
    sqlite_must_refuse(world, link, SKALD_E_BUSY, pid);
    world_saga(world, 0, "still works", 2, 5, 1);
    world_reopen(world);
}

/* As a user without rights; root has them all, so a child becomes nobody. */
static void one_without_rights(void **state)
{
    enum { NOBODY = 65534 };
    struct world *world = *state;
    world_close(world);
    assert_int_equal(chmod(world->folder, 0755), 0);
    assert_int_equal(chmod(world->path, 0444), 0);
    pid_t child = fork();
    if (child == 0) {
        if (getuid() == 0 && setuid(NOBODY) != 0) _exit(2);
        must_refuse_untouched(world, SKALD_E_STATE, "right to write");
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void network_file_systems(void **state)
{
    (void)state;
    assert_true(sk_sqlite_is_network(0x6969));
    assert_true(sk_sqlite_is_network((long)0xff534d42));
    assert_true(sk_sqlite_is_network((long)(int)0xff534d42)); /* where f_type is a signed int */
    assert_false(sk_sqlite_is_network(0xef53));               /* ext4 */
    assert_false(sk_sqlite_is_network(0x01021994));           /* tmpfs */
}

/* ---- migrations ------------------------------------------------------------------------------ */

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void migrations_go_forward_whole_or_not_at_all(void **state)
{
    struct world *world = *state;
    world_close(world);
    sqlite3 *db = NULL;
    skald_error error = { 0 };
    assert_int_equal(sqlite3_open(world->path, &db), SQLITE_OK);
    enum { NOW = SK_SQLITE_SCHEMA };
    const char *good[NOW + 2], *bad[NOW + 2];
    for (int i = 0; i < NOW; i++) good[i] = bad[i] = sk_sqlite_migrations[i];
    good[NOW] = bad[NOW] = "CREATE TABLE later (a)";
    good[NOW + 1] = "ALTER TABLE later ADD COLUMN b";
    bad[NOW + 1] = "NONSENSE";
    assert_int_not_equal(sk_sqlite_migrate(db, bad, NOW + 2, &error), SKALD_OK);
    assert_int_equal(number(db, "PRAGMA user_version"), NOW);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'later'"), 0);
    assert_int_equal(sk_sqlite_migrate(db, good, NOW + 1, &error), SKALD_OK);
    assert_int_equal(number(db, "SELECT schema FROM meta"), NOW + 1);
    assert_int_equal(sk_sqlite_migrate(db, good, NOW + 2, &error), SKALD_OK);
    assert_int_equal(number(db, "PRAGMA user_version"), NOW + 2);
    assert_int_equal(number(db, "SELECT count(*) FROM later WHERE b IS NULL"), 0);
    assert_int_equal(sk_sqlite_migrate(db, good, NOW + 1, &error), SKALD_E_VERSION);
    sqlite3_close(db);
    must_refuse_untouched(world, SKALD_E_VERSION, "version 6");
}

static void shards_are_fixed_at_creation(void **state)
{
    struct world *world = *state;
    world_close(world);
    struct sk_sqlite_options options = { .path = world->path,
                                         .runtime = fake_runtime_port(world->runtime),
                                         .shards_count = 100 };
    assert_int_equal(sk_sqlite_store_open(&options, &world->store, NULL), SKALD_OK);
    const struct sk_rows *rows = world_read(world, &(struct sk_read){ .kind = SK_READ_META });
    assert_int_equal(rows->meta.shards_count, WORLD_SHARDS);
}

static void an_unfinished_creation_is_begun_anew(void **state)
{
    struct world *world = *state;
    world_close(world);
    unlink(world->path);
    char made[160];
    snprintf(made, sizeof made, "%s.new", world->path);
    save(made, "half a file", 11);
    world_reopen(world);
    assert_int_not_equal(access(made, F_OK), 0);
    world_saga(world, 0, "works", 2, 5, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SQLITE_TEST(a_missing_folder),
        SQLITE_TEST(a_folder),
        SQLITE_TEST(no_name),
        SQLITE_TEST(not_a_database),
        SQLITE_TEST(the_database_of_another),
        SQLITE_TEST(a_newer_one),
        SQLITE_TEST(a_newer_one_behind_its_log),
        SQLITE_TEST(a_truncated_one),
        SQLITE_TEST(a_lost_file_beside_its_log),
        SQLITE_TEST(one_in_use),
        SQLITE_TEST(one_without_rights),
        SQLITE_TEST(network_file_systems),
        SQLITE_TEST(migrations_go_forward_whole_or_not_at_all),
        SQLITE_TEST(shards_are_fixed_at_creation),
        SQLITE_TEST(an_unfinished_creation_is_begun_anew),
    };
    return cmocka_run_group_tests_name("sqlite files", tests, NULL, NULL);
}

#else

int main(void)
{
    return 0; /* not part of this build */
}

#endif

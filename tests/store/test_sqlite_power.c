/*
 * test_sqlite_power.c: what would be left after a power cut. This program stands between the store
 * and the operating system and remembers what was written and not synced. So no machine has to be
 * switched off to see a sync that is missing.
 *
 *   W1  An answer that says "durable" comes when nothing of the log is unsynced.
 *   W2  The log is begun anew only when everything that was moved out of it is synced.
 *   W3  A new file is synced before it gets its name, and its folder after that.
 */
#include "world.h"

#ifdef SK_WITH_SQLITE

#include "sqlite_world.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES_MAX = 64, LOG_HEADER_SIZE = 32, EVENTS_PER_PART = 5, DATA_SIZE = 700 };

static struct {
    pthread_mutex_t lock;
    struct file {
        char path[200];
        uint64_t unsynced; /* bytes written since its last sync */
        uint64_t syncs;
    } files[FILES_MAX];
    int files_count;
    uint64_t logs_begun;                 /* over an old one */
    bool is_begun_too_soon;              /* against W2 */
    bool is_named_too_soon;              /* against W3 */
    uint64_t folder_syncs, folder_wants; /* renames that no sync of the folder has followed */
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Of these the dynamic linker prefers ours, also for SQLite's own calls. */
#define SEEN __attribute__((visibility("default")))

/* ---- standing between ------------------------------------------------------------------------ */

static struct file *file_of(const char *path)
{
    for (int i = 0; i < disk.files_count; i++)
        if (strcmp(disk.files[i].path, path) == 0) return &disk.files[i];
    if (disk.files_count == FILES_MAX) return NULL;
    struct file *file = &disk.files[disk.files_count++];
    *file = (struct file){ 0 };
    snprintf(file->path, sizeof file->path, "%s", path);
    return file;
}

static bool ends_with(const char *path, const char *end)
{
    size_t size = strlen(path), end_size = strlen(end);
    return size >= end_size && strcmp(path + size - end_size, end) == 0;
}

static bool path_of(int fd, char out[200])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, out, 199);
    out[size > 0 ? size : 0] = '\0';
    return size > 0 && out[0] == '/';
}

static void note_write(int fd, size_t size, int64_t at)
{
    char path[200];
    if (!path_of(fd, path)) return;
    pthread_mutex_lock(&disk.lock);
    struct file *file = file_of(path);
    bool is_log = ends_with(path, ".db-wal");
    if (is_log && at == 0 && file != NULL && file->syncs > 0) {
        char whole[200];
        snprintf(whole, sizeof whole, "%.*s", (int)(strlen(path) - strlen("-wal")), path);
        const struct file *database = file_of(whole);
        disk.logs_begun += 1;
        if (database == NULL || database->unsynced > 0) disk.is_begun_too_soon = true;
    }
    if (file != NULL) file->unsynced += size;
    pthread_mutex_unlock(&disk.lock);
}

static void note_sync(int fd)
{
    char path[200];
    struct stat info;
    if (!path_of(fd, path)) return;
    pthread_mutex_lock(&disk.lock);
    struct file *file = file_of(path);
    if (file != NULL) file->unsynced = 0;
    if (file != NULL) file->syncs += 1;
    if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        disk.folder_syncs += 1;
        disk.folder_wants = 0;
    }
    pthread_mutex_unlock(&disk.lock);
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the library's are reserved */
SEEN ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
    note_write(fd, size, at);
    return syscall(SYS_pwrite64, fd, bytes, size, at);
}

SEEN ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    note_write(fd, size, at);
    return syscall(SYS_pwrite64, fd, bytes, size, at);
}

SEEN int fsync(int fd)
{
    int result = (int)syscall(SYS_fsync, fd);
    if (result == 0) note_sync(fd);
    return result;
}

SEEN int fdatasync(int fd)
{
    int result = (int)syscall(SYS_fdatasync, fd);
    if (result == 0) note_sync(fd);
    return result;
}

SEEN int rename(const char *from, const char *to)
{
    pthread_mutex_lock(&disk.lock);
    const struct file *file = file_of(from);
    bool is_synced = file != NULL && file->syncs > 0 && file->unsynced == 0;
    if (ends_with(to, ".db")) {
        if (!is_synced) disk.is_named_too_soon = true;
        disk.folder_wants += 1;
    }
    pthread_mutex_unlock(&disk.lock);
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* ---- looking --------------------------------------------------------------------------------- */

static uint64_t unsynced(const struct world *world, const char *suffix)
{
    char path[200];
    snprintf(path, sizeof path, "%s%s", world->path, suffix);
    pthread_mutex_lock(&disk.lock);
    uint64_t bytes = file_of(path)->unsynced;
    pthread_mutex_unlock(&disk.lock);
    return bytes;
}

static uint64_t syncs(const struct world *world, const char *suffix)
{
    char path[200];
    snprintf(path, sizeof path, "%s%s", world->path, suffix);
    pthread_mutex_lock(&disk.lock);
    uint64_t count = file_of(path)->syncs;
    pthread_mutex_unlock(&disk.lock);
    return count;
}

static void write_part(struct world *world, uint32_t shard)
{
    static char filler[DATA_SIZE];
    struct sk_event_row events[EVENTS_PER_PART];
    struct sk_part part =
        world_events(world, shard, events, EVENTS_PER_PART, (struct sk_str){ filler, DATA_SIZE });
    world_must(world, &part);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void durable_is_synced(void **state)
{
    struct world *world = *state;
    for (uint32_t i = 0; i < 20; i++) {
        uint64_t before = syncs(world, "-wal");
        write_part(world, i % WORLD_SHARDS);
        assert_true(syncs(world, "-wal") > before);
        assert_int_equal(unsynced(world, "-wal"), 0);
    }
    uint64_t before = syncs(world, "-wal");
    assert_int_equal(world_lease(world, 1, "me", 1).status, SKALD_OK);
    assert_true(syncs(world, "-wal") > before);
    assert_int_equal(unsynced(world, "-wal"), 0);
    before = syncs(world, "-wal");
    struct sk_definition_row row = { .digest = digest_of("x"),
                                     .id = SK_STR("x"),
                                     .version = SK_STR("1"),
                                     .source = SK_STR("text") };
    assert_int_equal(world_define(world, &row, false, NULL), SKALD_OK);
    assert_true(syncs(world, "-wal") > before);
    assert_int_equal(unsynced(world, "-wal"), 0);
}

static void a_log_begins_anew_behind_a_synced_file(void **state)
{
    struct world *world = *state;
    world->checkpoint_pages = 10;
    world_reopen(world);
    disk.logs_begun = 0;
    for (uint32_t i = 0; i < 3000 && disk.logs_begun < 3; i++) {
        write_part(world, i % WORLD_SHARDS);
        assert_false(disk.is_begun_too_soon);
    }
    assert_true(disk.logs_begun >= 3);
    world_reopen(world); /* closing moves the rest */
    assert_int_equal(unsynced(world, ""), 0);
    assert_false(disk.is_begun_too_soon);
}

static void a_new_file_is_synced_before_it_has_its_name(void **state)
{
    const struct backend *backend = *state;
    disk.folder_syncs = disk.folder_wants = 0;
    struct world *world = world_new(backend);
    assert_false(disk.is_named_too_soon);
    assert_true(disk.folder_syncs > 0);
    assert_int_equal(disk.folder_wants, 0);
    world_free(world);
}

int main(void)
{
    void *backend = (void *)(uintptr_t)&sqlite_backend;
    const struct CMUnitTest tests[] = {
        { "durable is synced", durable_is_synced, world_setup, world_teardown, backend },
        { "a log begins anew behind a synced file", a_log_begins_anew_behind_a_synced_file,
          world_setup, world_teardown, backend },
        { "a new file is synced before it has its name",
          a_new_file_is_synced_before_it_has_its_name, NULL, NULL, backend },
    };
    return cmocka_run_group_tests_name("sqlite power", tests, NULL, NULL);
}

#else

int main(void)
{
    return 0; /* not part of this build */
}

#endif

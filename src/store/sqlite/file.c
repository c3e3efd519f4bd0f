/* file.c: see file.h. */
#include "store/sqlite/file.h"

#include "base/assert.h"

#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite.h"
#include "store/sqlite/statement.h"

#include "base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { HEADER_SIZE = 100, PID_TEXT_SIZE = 32, FILE_MODE = 0640 };

/* ---- where ----------------------------------------------------------------------------------- */

bool sk_sqlite_is_network(long type)
{
    static const long types[] = {
        0x6969,     /* NFS */
        0x517b,     /* SMB */
        0xff534d42, /* CIFS */
        0xfe534d42, /* SMB2 */
        0x01021997, /* 9P: a folder of the host in a virtual machine */
        0x00c36400, /* Ceph */
        0x5346414f, /* OpenAFS */
        0x6b414653, /* AFS */
        0x73757245, /* Coda */
        0x564c,     /* NCP */
        0x0bd00bd0, /* Lustre */
        0x47504653, /* GPFS */
        0x01161970, /* GFS2 */
        0x7461636f, /* OCFS2 */
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if ((type & 0xffffffffL) == types[i]) return true;
    return false;
}

static enum skald_status check_folder(const char *folder, skald_error *error)
{
    struct statfs info;
    if (statfs(folder, &info) != 0)
        return sk_error_set(error, SKALD_E_IO, "folder %s: %s", folder, strerror(errno));
    if (sk_sqlite_is_network((long)info.f_type))
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "folder %s is on a network file system, where SQLite's locks cannot be "
                            "trusted; use a local disk, or a shared database",
                            folder);
    return SKALD_OK;
}

static char *join(const char *folder, const char *name, const char *suffix)
{
    size_t size = strlen(folder) + strlen(name) + strlen(suffix) + 2;
    char *text = sk_alloc(size);
    const char *slash = folder[0] == '\0' || folder[strlen(folder) - 1] == '/' ? "" : "/";
    if (text != NULL) snprintf(text, size, "%s%s%s%s", folder, slash, name, suffix);
    return text;
}

/* The absolute path of the file itself, which need not be there; its folder must be. */
static enum skald_status resolve(const char *path, char **out_path, skald_error *error)
{
    char buffer[PATH_MAX];
    char whole[PATH_MAX];
    const char *name = strrchr(path, '/');
    name = name == NULL ? path : name + 1;
    size_t folder_size = (size_t)(name - path);
    if (name[0] == '\0' || folder_size >= sizeof buffer || path[0] == ':')
        return sk_error_set(error, SKALD_E_ARGUMENT, "not the name of a file");
    if (realpath(path, whole) != NULL) { /* there: follow links */
        *out_path = join("", whole, "");
    } else {
        snprintf(buffer, sizeof buffer, "%.*s", (int)folder_size, path);
        if (realpath(folder_size == 0 ? "." : buffer, whole) == NULL)
            return sk_error_set(error, SKALD_E_NOT_FOUND, "folder %s: %s; create it first",
                                folder_size == 0 ? "." : buffer, strerror(errno));
        *out_path = join(whole, name, "");
    }
    return *out_path == NULL ? sk_error_set(error, SKALD_E_MEMORY, "out of memory") : SKALD_OK;
}

static void folder_of(const char *path, char *out_folder, size_t size)
{
    SK_ASSERT(path != NULL);
    const char *slash = strrchr(path, '/');
    int length = slash == NULL || slash == path ? 1 : (int)(slash - path);
    const char *from = slash == NULL ? "." : path;
    snprintf(out_folder, size, "%.*s", length, from);
}

/* ---- whether --------------------------------------------------------------------------------- */

static enum skald_status check_kind(struct sk_sqlite_file *file, skald_error *error)
{
    struct stat info;
    if (stat(file->path, &info) != 0) {
        if (errno == ENOENT) return SKALD_OK;
        return sk_error_set(error, SKALD_E_IO, "%s", strerror(errno));
    }
    file->is_there = true;
    if (S_ISDIR(info.st_mode))
        return sk_error_set(error, SKALD_E_ARGUMENT, "is a folder; name a file in it");
    if (!S_ISREG(info.st_mode))
        return sk_error_set(error, SKALD_E_ARGUMENT, "is not a regular file");
    if (access(file->path, R_OK | W_OK) != 0)
        return sk_error_set(error, SKALD_E_STATE,
                            "cannot be written: %s; give this user the right to write it, or mount "
                            "its file system for writing",
                            strerror(errno));
    return SKALD_OK;
}

static uint32_t big_endian(const uint8_t *at, size_t size)
{
    uint32_t value = 0;
    for (size_t i = 0; i < size; i++) value = value << 8 | at[i];
    return value;
}

/* With a log beside it the file may be behind its own header after a crash; then SQLite judges. */
static bool has_log(const char *path)
{
    char *log = join("", path, "-wal");
    struct stat info;
    bool has = log == NULL || (stat(log, &info) == 0 && info.st_size > 0);
    sk_free(log);
    return has;
}

static enum skald_status check_header(const struct sk_sqlite_file *file, const uint8_t *header,
                                      ssize_t have, off_t file_size, skald_error *error)
{
    if (have == 0)
        return sk_error_set(error, SKALD_E_CORRUPT,
                            "is empty: it was cut off, or never was a store; restore a copy, or "
                            "remove it to begin anew");
    bool is_sqlite = memcmp(header, "SQLite format 3", (size_t)have < 16 ? (size_t)have : 16) == 0;
    if (!is_sqlite)
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "is not a database; name another file, or restore a copy");
    uint32_t page_size = have < HEADER_SIZE ? 0 : big_endian(header + 16, 2);
    if (page_size == 1) page_size = 65536;
    int64_t size_wanted = (int64_t)big_endian(header + 28, 4) * page_size;
    if (have < HEADER_SIZE)
        return sk_error_set(error, SKALD_E_CORRUPT,
                            "is truncated: %lld bytes, not even a header; restore a copy",
                            (long long)file_size);
    if (file_size < size_wanted && !has_log(file->path))
        return sk_error_set(error, SKALD_E_CORRUPT,
                            "is truncated: %lld bytes, %lld expected; restore a copy",
                            (long long)file_size, (long long)size_wanted);
    if (big_endian(header + 68, 4) != SK_SQLITE_APPLICATION)
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "is a database of another program, not a Skald store; name another "
                            "file");
    uint32_t version = big_endian(header + 60, 4);
    if (version > sk_sqlite_migrations_count)
        return sk_sqlite_version_error(version, sk_sqlite_migrations_count, error);
    return SKALD_OK;
}

enum skald_status sk_sqlite_file_check(const struct sk_sqlite_file *file, skald_error *error)
{
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return sk_error_set(error, SKALD_E_IO, "open: %s", strerror(errno));
    uint8_t header[HEADER_SIZE] = { 0 };
    struct stat info = { 0 };
    ssize_t have = pread(fd, header, sizeof header, 0);
    bool is_read = have >= 0 && fstat(fd, &info) == 0;
    int os_error = errno;
    close(fd);
    if (!is_read) return sk_error_set(error, SKALD_E_IO, "read: %s", strerror(os_error));
    return check_header(file, header, have, info.st_size, error);
}

/* ---- who ------------------------------------------------------------------------------------- */

static enum skald_status lock_error(int fd, int os_error, skald_error *error)
{
    if (os_error != EWOULDBLOCK)
        return sk_error_set(error, SKALD_E_IO, "lock: %s", strerror(os_error));
    char pid[PID_TEXT_SIZE] = { 0 };
    ssize_t size = pread(fd, pid, sizeof pid - 1, 0);
    if (size <= 0) snprintf(pid, sizeof pid, "unknown");
    pid[strcspn(pid, "\n")] = '\0';
    return sk_error_set(error, SKALD_E_BUSY,
                        "is in use by process %s; stop it, or name another file", pid);
}

static enum skald_status take_lock(struct sk_sqlite_file *file, skald_error *error)
{
    char *path = join("", file->path, ".lock");
    if (path == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    int os_error = errno;
    sk_free(path);
    if (fd < 0)
        return sk_error_set(error, SKALD_E_STATE,
                            "its lock file cannot be made: %s; give this user the right to write "
                            "in the folder",
                            strerror(os_error));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        enum skald_status status = lock_error(fd, errno, error);
        close(fd);
        return status;
    }
    char pid[PID_TEXT_SIZE];
    int size = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)size, 0) != size) {
        /* Only people miss it; the lock itself holds. */
    }
    file->lock_fd = fd;
    return SKALD_OK;
}

enum skald_status sk_sqlite_file_claim(const char *path, bool is_private,
                                       struct sk_sqlite_file *out_file, skald_error *error)
{
    struct sk_sqlite_file file = { .lock_fd = -1 };
    char folder[PATH_MAX];
    enum skald_status status = resolve(path, &file.path, error);
    if (status != SKALD_OK) return status;
    folder_of(file.path, folder, sizeof folder);
    status = check_kind(&file, error);
    if (status == SKALD_OK && !is_private) status = check_folder(folder, error);
    if (status == SKALD_OK) status = take_lock(&file, error);
    if (status != SKALD_OK) {
        sk_sqlite_file_release(&file);
        return status;
    }
    *out_file = file;
    return SKALD_OK;
}

void sk_sqlite_file_release(struct sk_sqlite_file *file)
{
    if (file->lock_fd >= 0) {
        if (ftruncate(file->lock_fd, 0) != 0) {
            /* The pid stays in it; without the lock it means nothing. */
        }
        close(file->lock_fd);
    }
    sk_free(file->path);
    *file = (struct sk_sqlite_file){ .lock_fd = -1 };
}

/* ---- a new one ------------------------------------------------------------------------------- */

static enum skald_status sync_path(const char *path, int flags, skald_error *error)
{
    int fd = open(path, flags | O_CLOEXEC);
    bool is_synced = fd >= 0 && fsync(fd) == 0;
    int os_error = errno;
    if (fd >= 0) close(fd);
    if (is_synced) return SKALD_OK;
    return sk_error_set(error, SKALD_E_IO, "sync %s: %s", path, strerror(os_error));
}

static enum skald_status build(const char *path, uint32_t shards_count, uint64_t incarnation,
                               skald_error *error)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int code = sqlite3_open_v2(path, &db, flags, NULL);
    if (code == SQLITE_OK) code = sqlite3_extended_result_codes(db, 1);
    if (code == SQLITE_OK)
        code = sk_sqlite_exec(db, "PRAGMA page_size = 4096; PRAGMA synchronous = FULL; BEGIN");
    enum skald_status status = SKALD_OK;
    if (code == SQLITE_OK) {
        status = sk_sqlite_migrate(db, sk_sqlite_migrations, sk_sqlite_migrations_count, error);
        if (status == SKALD_OK) status = sk_sqlite_fill(db, shards_count, incarnation, error);
        if (status == SKALD_OK) code = sk_sqlite_exec(db, "COMMIT");
    }
    if (code == SQLITE_OK && status == SKALD_OK)
        code = sk_sqlite_exec(db, "PRAGMA journal_mode = WAL"); /* recorded in the header */
    if (code != SQLITE_OK) {
        struct sk_sqlite_fault fault;
        sk_sqlite_fault_take(db, code, &fault);
        status = sk_sqlite_fault_status(&fault, error);
    }
    sqlite3_close_v2(db);
    return status;
}

static void remove_leftovers(const char *path)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char *name = join("", path, suffixes[i]);
        if (name != NULL) unlink(name);
        sk_free(name);
    }
}

enum skald_status sk_sqlite_file_create(struct sk_sqlite_file *file, uint32_t shards_count,
                                        uint64_t incarnation, skald_error *error)
{
    if (file->is_there) return SKALD_OK;
    if (has_log(file->path)) /* SQLite would play the old log into the new file */
        return sk_error_set(error, SKALD_E_CORRUPT,
                            "is missing, but its log (-wal) is there; restore both, or remove the "
                            "log to begin anew");
    char folder[PATH_MAX];
    folder_of(file->path, folder, sizeof folder);
    char *made = join("", file->path, ".new");
    if (made == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    remove_leftovers(made);
    enum skald_status status = build(made, shards_count, incarnation, error);
    if (status == SKALD_OK) status = sync_path(made, O_RDONLY, error);
    if (status == SKALD_OK && rename(made, file->path) != 0)
        status = sk_error_set(error, SKALD_E_IO, "rename: %s", strerror(errno));
    if (status == SKALD_OK) status = sync_path(folder, O_RDONLY | O_DIRECTORY, error);
    if (status != SKALD_OK) remove_leftovers(made);
    file->is_there = status == SKALD_OK;
    sk_free(made);
    return status;
}

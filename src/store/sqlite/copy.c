/* copy.c: backup, restore and a look at a file; see tools.h. */
#include "store/sqlite/tools.h"

#include "store/sqlite/file.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/statement.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_PAGES = 1024, BUSY_MS = 5000, EPOCHS_SKIPPED = 1 << 20, SCHEMA_WITH_SPANS = 4 };

static enum skald_status fail(sqlite3 *db, int code, skald_error *error)
{
    struct sk_sqlite_fault fault;
    sk_sqlite_fault_take(db, code, &fault);
    return sk_sqlite_fault_status(&fault, error);
}

/* ---- copying pages --------------------------------------------------------------------------- */

static int connect_to(const char *path, int flags, sqlite3 **out_db)
{
    int code = sqlite3_open_v2(path, out_db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) return code;
    sqlite3_extended_result_codes(*out_db, 1);
    sqlite3_busy_timeout(*out_db, BUSY_MS);
    sqlite3_db_config(*out_db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return SQLITE_OK;
}

static int copy_steps(sqlite3_backup *backup, struct sk_sqlite_watcher watcher)
{
    int code = SQLITE_OK;
    while (code == SQLITE_OK) {
        code = sqlite3_backup_step(backup, STEP_PAGES);
        int total = sqlite3_backup_pagecount(backup), left = sqlite3_backup_remaining(backup);
        if (watcher.fn != NULL)
            watcher.fn(watcher.context, (uint64_t)(total - left), (uint64_t)total);
    }
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* The open transaction keeps the steps in one moment: without it each commit would begin the copy
 * anew. It also keeps what is younger than the moment out of the file (T4). */
static enum skald_status copy_pages(sqlite3 *from, sqlite3 *to,
                                    const struct sk_sqlite_backup_options *options,
                                    skald_error *error)
{
    int64_t schema = 0;
    int code = sk_sqlite_exec(from, "BEGIN");
    if (code == SQLITE_OK) code = sk_sqlite_number(from, "SELECT schema FROM meta", &schema);
    if (code != SQLITE_OK) return fail(from, code, error);
    enum skald_status status =
        options->moment == NULL ? SKALD_OK : options->moment(options->context, error);
    if (status != SKALD_OK) return status;
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    if (backup == NULL) return fail(to, sqlite3_errcode(to), error);
    code = copy_steps(backup, options->watcher);
    int end = sqlite3_backup_finish(backup);
    (void)sk_sqlite_exec(from, "COMMIT");
    if (code == SQLITE_OK) code = end;
    return code == SQLITE_OK ? SKALD_OK : fail(to, code, error);
}

/* Its log goes into the file, so that the file alone is the copy. */
static enum skald_status settle(sqlite3 *db, skald_error *error)
{
    int code = sk_sqlite_exec(db, "PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL");
    if (code == SQLITE_OK)
        code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return code == SQLITE_OK ? SKALD_OK : fail(db, code, error);
}

static int raise_epochs(sqlite3 *db, uint64_t incarnation)
{
    char sql[256];
    sqlite3_snprintf(sizeof sql, sql,
                     "BEGIN; UPDATE shard SET epoch = epoch + %d, owner = '', expires_at = 0;"
                     "UPDATE meta SET incarnation = %lld; COMMIT",
                     EPOCHS_SKIPPED, (long long)incarnation);
    return sk_sqlite_exec(db, sql);
}

/* `incarnation` 0: a plain copy. To `made`, whatever the options say. */
static enum skald_status copy_file(const struct sk_sqlite_backup_options *options, const char *made,
                                   uint64_t incarnation, skald_error *error)
{
    sqlite3 *source = NULL, *target = NULL;
    enum skald_status status = SKALD_OK;
    int code = connect_to(options->from, SQLITE_OPEN_READWRITE, &source);
    if (code != SQLITE_OK) {
        status = fail(source, code, error);
        goto out;
    }
    code = connect_to(made, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &target);
    if (code != SQLITE_OK) {
        status = fail(target, code, error);
        goto out;
    }
    status = copy_pages(source, target, options, error);
    if (status != SKALD_OK) goto out;
    if (incarnation != 0) code = raise_epochs(target, incarnation);
    status = code == SQLITE_OK ? settle(target, error) : fail(target, code, error);
out:
    sqlite3_close_v2(target);
    sqlite3_close_v2(source);
    return status;
}

/* ---- names ----------------------------------------------------------------------------------- */

static const char *const parts[] = { "", "-wal", "-shm", "-journal" };
enum { PARTS_COUNT = sizeof parts / sizeof parts[0] };

static bool name_of(const char *path, const char *middle, const char *part, char out[PATH_MAX])
{
    int size = snprintf(out, PATH_MAX, "%s%s%s", path, middle, part);
    return size > 0 && size < PATH_MAX;
}

static void remove_parts(const char *path, const char *middle)
{
    char name[PATH_MAX];
    for (size_t i = 0; i < PARTS_COUNT; i++) {
        if (name_of(path, middle, parts[i], name)) (void)unlink(name);
    }
}

static bool is_there(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

static enum skald_status sync_file(const char *path, skald_error *error)
{
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash != NULL) slash[slash == folder ? 1 : 0] = 0;
    const char *names[] = { path, slash == NULL ? "." : folder };
    for (size_t i = 0; i < 2; i++) {
        int fd = open(names[i], O_RDONLY | O_CLOEXEC);
        bool is_synced = fd >= 0 && fsync(fd) == 0;
        int os_error = errno;
        if (fd >= 0) close(fd);
        if (!is_synced)
            return sk_error_set(error, SKALD_E_IO, "sync %s: %s", names[i], strerror(os_error));
    }
    return SKALD_OK;
}

static enum skald_status put_in_place(const char *made, const char *path, skald_error *error)
{
    enum skald_status status = sync_file(made, error);
    if (status == SKALD_OK && rename(made, path) != 0)
        status = sk_error_set(error, SKALD_E_IO, "rename %s: %s", made, strerror(errno));
    if (status == SKALD_OK) status = sync_file(path, error);
    return status;
}

/* ---- backup ---------------------------------------------------------------------------------- */

static enum skald_status check_source(const char *path, skald_error *error)
{
    char whole[PATH_MAX];
    if (realpath(path, whole) == NULL)
        return sk_error_set(error, SKALD_E_NOT_FOUND, "%s: %s", path, strerror(errno));
    const struct sk_sqlite_file file = { .path = whole, .lock_fd = -1, .is_there = true };
    enum skald_status status = sk_sqlite_file_check(&file, error);
    return status == SKALD_OK ? status : (sk_error_wrap(error, "%s", path), status);
}

enum skald_status sk_sqlite_backup_may_be(const char *to, skald_error *error)
{
    if (!is_there(to)) return SKALD_OK;
    return sk_error_set(error, SKALD_E_CONFLICT,
                        "%s is there already; name a file that is not, or remove it", to);
}

enum skald_status sk_sqlite_backup(const struct sk_sqlite_backup_options *options,
                                   skald_error *error)
{
    char made[PATH_MAX];
    const char *to = options->to;
    if (!name_of(to, ".new", "", made))
        return sk_error_set(error, SKALD_E_ARGUMENT, "%s: the path is too long", to);
    enum skald_status status = sk_sqlite_backup_may_be(to, error);
    if (status == SKALD_OK) status = check_source(options->from, error);
    if (status != SKALD_OK) return status;
    remove_parts(to, ".new");
    status = copy_file(options, made, 0, error);
    if (status == SKALD_OK) status = put_in_place(made, to, error);
    remove_parts(to, ".new");
    return status == SKALD_OK ? status : (sk_error_wrap(error, "backup to %s", to), status);
}

enum skald_status sk_sqlite_adopt(const char *made, const char *to, skald_error *error)
{
    sqlite3 *db = NULL;
    enum skald_status status = sk_sqlite_backup_may_be(to, error);
    if (status != SKALD_OK) return status;
    int code = connect_to(made, SQLITE_OPEN_READWRITE, &db);
    status = code == SQLITE_OK ? settle(db, error) : fail(db, code, error);
    sqlite3_close_v2(db);
    if (status == SKALD_OK) status = put_in_place(made, to, error);
    return status == SKALD_OK ? status : (sk_error_wrap(error, "backup to %s", to), status);
}

/* ---- restore --------------------------------------------------------------------------------- */

/* With its log: a log that stayed would be played into the restored file. */
static enum skald_status set_aside(const char *path, skald_error *error)
{
    char from[PATH_MAX], to[PATH_MAX];
    remove_parts(path, ".replaced");
    for (size_t i = 0; i < PARTS_COUNT; i++) {
        bool is_named =
            name_of(path, "", parts[i], from) && name_of(path, ".replaced", parts[i], to);
        if (!is_named) return sk_error_set(error, SKALD_E_ARGUMENT, "the path is too long");
        if (is_there(from) && rename(from, to) != 0)
            return sk_error_set(error, SKALD_E_IO, "rename %s: %s", from, strerror(errno));
    }
    return SKALD_OK;
}

static enum skald_status restore_into(const struct sk_sqlite_restore_options *options,
                                      const struct sk_sqlite_file *file, skald_error *error)
{
    char made[PATH_MAX];
    if (!name_of(file->path, ".new", "", made))
        return sk_error_set(error, SKALD_E_ARGUMENT, "the path is too long");
    if (file->is_there && !options->replaces)
        return sk_error_set(error, SKALD_E_CONFLICT,
                            "is there already; --replace puts the copy in its place and keeps it "
                            "as %s.replaced",
                            file->path);
    remove_parts(file->path, ".new");
    const struct sk_sqlite_backup_options copy = { .from = options->from,
                                                   .watcher = options->watcher };
    enum skald_status status = copy_file(&copy, made, options->incarnation, error);
    if (status == SKALD_OK) status = set_aside(file->path, error);
    if (status == SKALD_OK) status = put_in_place(made, file->path, error);
    remove_parts(file->path, ".new");
    return status;
}

enum skald_status sk_sqlite_restore(const struct sk_sqlite_restore_options *options,
                                    skald_error *error)
{
    struct sk_sqlite_file file;
    enum skald_status status = check_source(options->from, error);
    if (status != SKALD_OK) return status;
    status = sk_sqlite_file_claim(options->to, false, &file, error);
    if (status == SKALD_OK) {
        status = restore_into(options, &file, error);
        sk_sqlite_file_release(&file);
    }
    return status == SKALD_OK ? status : (sk_error_wrap(error, "%s", options->to), status);
}

/* ---- a look ---------------------------------------------------------------------------------- */

static void look_at_lock(const char *path, struct sk_sqlite_info *info)
{
    char name[PATH_MAX], text[32] = "";
    int fd = name_of(path, "", ".lock", name) ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    info->is_in_use = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    if (info->is_in_use && size > 0) info->pid = strtoll(text, NULL, 10);
    close(fd);
}

enum skald_status sk_sqlite_look(const char *path, struct sk_sqlite_info *out_info,
                                 skald_error *error)
{
    *out_info = (struct sk_sqlite_info){ 0 };
    int64_t schema = 0, shards = 0, incarnation = 0, epoch = 0;
    const struct {
        const char *sql;
        int64_t *out;
    } rows[] = {
        { "SELECT schema FROM meta", &schema },
        { "SELECT shards FROM meta", &shards },
        { "SELECT incarnation FROM meta", &incarnation },
        { "SELECT max(epoch) FROM shard", &epoch },
        { "PRAGMA page_count", &out_info->pages },
        { "PRAGMA page_size", &out_info->page_size },
        { "SELECT count(*) FROM saga WHERE is_lock = 0", &out_info->sagas },
        { "SELECT count(*) FROM saga WHERE is_lock = 1", &out_info->locks },
        { "SELECT count(*) FROM definition", &out_info->definitions },
        { "SELECT count(*) FROM dead_letter", &out_info->dead_letters },
    };
    enum skald_status status = check_source(path, error);
    if (status != SKALD_OK) return status;
    sqlite3 *db = NULL;
    int code = connect_to(path, SQLITE_OPEN_READWRITE, &db);
    if (code == SQLITE_OK) code = sk_sqlite_exec(db, "PRAGMA query_only = ON; BEGIN");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && code == SQLITE_OK; i++)
        code = sk_sqlite_number(db, rows[i].sql, rows[i].out);
    if (code == SQLITE_OK)
        code = sk_sqlite_number(db,
                                schema < SCHEMA_WITH_SPANS ? "SELECT count(*) FROM event"
                                                           : "SELECT sum(count) FROM span",
                                &out_info->events);
    if (code != SQLITE_OK) {
        status = fail(db, code, error);
        (void)sk_error_wrap(error, "%s", path);
    }
    sqlite3_close_v2(db);
    out_info->schema = (uint32_t)schema;
    out_info->shards = (uint32_t)shards;
    out_info->incarnation = (uint64_t)incarnation;
    out_info->epoch_max = (uint64_t)epoch;
    look_at_lock(path, out_info);
    return status;
}

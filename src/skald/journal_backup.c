/*
 * journal_backup.c: see journal_backup.h.
 *
 *   fix a moment of the index ──► copy the log ──► copy the index as it was at that moment
 *        ──► bring the copy up by its log ──► it becomes FILE
 *
 * The order is what makes it right: while the moment is held, no segment goes that holds anything
 * younger than it (sqlite/tools.h T4, journal.h G3), and the index knows nothing that the log's
 * copy, which is younger, has not got.
 */
#if defined(SK_WITH_JOURNAL) && defined(SK_WITH_SQLITE)

#include "skald/journal_backup.h"

#include "skald/journal_folder.h"
#include "store/journal/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Says that what else is in the folder is a backup's and may be removed. */
#define MARK "backup-being-made"

enum { FOLDER_MODE = 0700, FILE_MODE = 0600 };

struct side {
    char path[PATH_MAX];
    int fd; /* locked; -1 = there is none */
};

/* ---- the folder beside the file -------------------------------------------------------------- */

static enum skald_status fail(const char *what, skald_error *error)
{
    enum skald_status status = SKALD_E_IO;
    if (errno == ENOSPC || errno == EDQUOT) status = SKALD_E_FULL;
    if (errno == ENOENT) status = SKALD_E_NOT_FOUND;
    return sk_error_set(error, status, "%s: %s", what, strerror(errno));
}

/* Calls remove_one for each name in it; `fd` stays open. False: one was not ours. */
static bool empty_folder(int fd, bool (*remove_one)(int fd, const char *name))
{
    bool is_empty = true;
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = again < 0 ? NULL : fdopendir(again);
    if (stream == NULL) {
        if (again >= 0) close(again);
        return false;
    }
    const struct dirent *entry;
    while ((entry = readdir(stream)) != NULL) {
        bool is_dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!is_dots && !remove_one(fd, entry->d_name)) is_empty = false;
    }
    closedir(stream);
    return is_empty;
}

static bool remove_file(int fd, const char *name)
{
    return unlinkat(fd, name, 0) == 0;
}

static bool is_foreign(int fd, const char *name)
{
    (void)fd, (void)name;
    return false;
}

/* The mark goes last. */
static bool remove_name(int fd, const char *name)
{
    if (strcmp(name, MARK) == 0) return true;
    if (strcmp(name, "log") != 0) return remove_file(fd, name);
    int log = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (log < 0) return false;
    bool is_empty = empty_folder(log, remove_file);
    close(log);
    return is_empty && unlinkat(fd, name, AT_REMOVEDIR) == 0;
}

static void close_side(struct side *side)
{
    if (side->fd >= 0) close(side->fd);
    side->fd = -1;
}

static void remove_side(struct side *side)
{
    if (empty_folder(side->fd, remove_name)) {
        (void)unlinkat(side->fd, MARK, 0);
        (void)rmdir(side->path);
    }
    close_side(side);
}

/* Locked and marked; what an earlier backup left is gone. */
static enum skald_status claim_side(struct side *side, skald_error *error)
{
    if (flock(side->fd, LOCK_EX | LOCK_NB) != 0)
        return sk_error_set(error, SKALD_E_BUSY, "another backup is being made in %s", side->path);
    bool is_ours = faccessat(side->fd, MARK, F_OK, 0) == 0 || empty_folder(side->fd, is_foreign);
    if (!is_ours || !empty_folder(side->fd, remove_name))
        return sk_error_set(error, SKALD_E_CONFLICT,
                            "%s is in the way: the backup is made there; name another file, or "
                            "move it away",
                            side->path);
    int mark = openat(side->fd, MARK, O_WRONLY | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (mark < 0) return fail(side->path, error);
    close(mark);
    return SKALD_OK;
}

static enum skald_status make_side(const char *file, struct side *side, skald_error *error)
{
    int size = snprintf(side->path, sizeof side->path, "%s.making", file);
    if (size < 0 || size >= PATH_MAX - NAME_MAX)
        return sk_error_set(error, SKALD_E_ARGUMENT, "%s: the path is too long", file);
    if (mkdir(side->path, FOLDER_MODE) != 0 && errno != EEXIST) return fail(side->path, error);
    side->fd = open(side->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (side->fd < 0) return fail(side->path, error);
    enum skald_status status = claim_side(side, error);
    if (status != SKALD_OK) close_side(side); /* not ours */
    return status;
}

/* ---- the copy -------------------------------------------------------------------------------- */

struct logs {
    const char *from, *to;
};

static enum skald_status copy_log(void *context, skald_error *error)
{
    const struct logs *logs = context;
    struct sk_disk *from = NULL, *to = NULL;
    if (access(logs->from, F_OK) != 0) return fail(logs->from, error); /* it is not ours to make */
    enum skald_status status = sk_disk_open(logs->from, &from, error);
    if (status == SKALD_OK) status = sk_disk_open(logs->to, &to, error);
    if (status == SKALD_OK) status = sk_log_copy(from, to, error);
    if (to != NULL) to->ops->free(to);
    if (from != NULL) from->ops->free(from);
    return status == SKALD_OK ? status : (sk_error_wrap(error, "%s", logs->from), status);
}

static enum skald_status copy_folder(const char *folder, const struct side *side,
                                     struct sk_sqlite_watcher watcher, skald_error *error)
{
    char index[PATH_MAX], copy[PATH_MAX], log[PATH_MAX], log_copy[PATH_MAX];
    bool is_named =
        sk_journal_folder_index(folder, index) && sk_journal_folder_index(side->path, copy) &&
        sk_journal_folder_log(folder, log) && sk_journal_folder_log(side->path, log_copy);
    if (!is_named) return sk_error_set(error, SKALD_E_ARGUMENT, "the path is too long");
    struct logs logs = { log, log_copy };
    struct sk_sqlite_backup_options options = {
        .from = index, .to = copy, .watcher = watcher, .moment = copy_log, .context = &logs
    };
    return sk_sqlite_backup(&options, error);
}

enum skald_status sk_journal_backup(const char *folder, const char *file,
                                    struct sk_sqlite_watcher watcher, skald_error *error)
{
    struct side side = { .fd = -1 };
    char copy[PATH_MAX];
    enum skald_status status = sk_sqlite_backup_may_be(file, error);
    if (status == SKALD_OK) status = make_side(file, &side, error);
    if (status != SKALD_OK) return status;
    status = copy_folder(folder, &side, watcher, error);
    if (status == SKALD_OK) status = sk_journal_folder_settle(side.path, true, error);
    if (status == SKALD_OK && sk_journal_folder_index(side.path, copy))
        status = sk_sqlite_adopt(copy, file, error);
    remove_side(&side);
    return status;
}

#endif

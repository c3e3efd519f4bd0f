/* store_tools.c: see store_tools.h. The file of a URL; copies with their key. */
#include "skald/store_tools.h"

#include "runtime/files.h"
#include "skald/journal_backup.h"
#include "skald/journal_folder.h"
#include "skald/store_check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef SK_WITH_SQLITE
#include "store/sqlite/sqlite.h"
#include "store/sqlite/tools.h"

enum { KEY_SIZE_MAX = 4096, KEY_MODE = 0600, FOLDER_MODE = 0750 };

/* Where the rows are: the file, or the index of a journal's folder. */
struct place {
    char path[PATH_MAX];
    const char *folder; /* of a journal; NULL = a file */
};

static const char *behind(const char *url, const char *scheme)
{
    size_t size = strlen(scheme);
    return strncmp(url, scheme, size) == 0 && url[size] != 0 ? url + size : NULL;
}

static enum skald_status place_of(const char *url, struct place *out, skald_error *error)
{
    const char *file = behind(url, "sqlite:");
    out->folder = NULL;
    bool is_file =
        file != NULL && snprintf(out->path, sizeof out->path, "%s", file) < (int)sizeof out->path;
#ifdef SK_WITH_JOURNAL
    if (is_file) return sk_journal_folder_refuse_index(file, error);
    out->folder = behind(url, "journal:");
    if (out->folder != NULL && sk_journal_folder_index(out->folder, out->path)) return SKALD_OK;
#endif
    if (is_file) return SKALD_OK;
    return sk_error_set(error, SKALD_E_UNSUPPORTED,
                        "store '%s': only a store in files can be handled here: sqlite:PATH or "
                        "journal:DIR",
                        url);
}

/* The same, and all that a journal holds is in its index. */
static enum skald_status settled_place(const char *url, struct place *out, skald_error *error)
{
    enum skald_status status = place_of(url, out, error);
#ifdef SK_WITH_JOURNAL
    if (status == SKALD_OK && out->folder != NULL)
        status = sk_journal_folder_settle(out->folder, false, error);
#endif
    return status;
}

static bool key_name(const char *path, char out[PATH_MAX])
{
    int size = snprintf(out, PATH_MAX, "%s.key", path);
    return size > 0 && size < PATH_MAX;
}

static bool write_key(const char *path, struct sk_str bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, KEY_MODE);
    if (fd < 0) return false;
    bool is_written = write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size && fsync(fd) == 0;
    int os_error = errno;
    bool is_closed = close(fd) == 0;
    if (!is_written) errno = os_error;
    return is_written && is_closed;
}

/* A store that never gave a token out may have none. */
static enum skald_status copy_key(const char *from, const char *to, skald_error *error)
{
    char source[PATH_MAX], target[PATH_MAX];
    struct sk_buf bytes = { 0 };
    if (!key_name(from, source) || !key_name(to, target))
        return sk_error_set(error, SKALD_E_ARGUMENT, "%s: the path is too long", to);
    enum skald_status status = sk_file_read(source, KEY_SIZE_MAX, &bytes, error);
    if (status == SKALD_OK && !write_key(target, sk_buf_view(&bytes)))
        status = sk_error_set(error, SKALD_E_IO, "%s: %s", target, strerror(errno));
    sk_buf_release(&bytes);
    return status == SKALD_E_NOT_FOUND ? SKALD_OK : status;
}

struct relay {
    struct sk_store_watcher watcher;
    const char *what;
};

static void on_progress(void *context, uint64_t done, uint64_t total)
{
    const struct relay *relay = context;
    if (relay->watcher.fn != NULL)
        relay->watcher.fn(relay->watcher.context, relay->what, done, total);
}

/* A journal that a server has; the error says that it is in use. */
static enum skald_status backup_served(const struct place *place,
                                       const struct sk_sqlite_backup_options *options,
                                       skald_error *error)
{
#ifdef SK_WITH_JOURNAL
    return sk_journal_backup(place->folder, options->to, options->watcher, error);
#else
    (void)place, (void)options;
    return error->status;
#endif
}

enum skald_status sk_store_backup(const char *url, const char *file,
                                  struct sk_store_watcher watcher, skald_error *error)
{
    struct place place;
    struct relay relay = { watcher, "pages" };
    struct sk_sqlite_backup_options options = { .to = file, .watcher = { on_progress, &relay } };
    enum skald_status status = settled_place(url, &place, error);
    options.from = place.path;
    if (status == SKALD_OK) {
        status = sk_sqlite_backup(&options, error);
    } else if (status == SKALD_E_BUSY && place.folder != NULL) {
        status = backup_served(&place, &options, error);
    }
    return status == SKALD_OK ? copy_key(place.path, file, error) : status;
}

enum skald_status sk_store_restore(const char *url, const char *file, bool replaces,
                                   struct sk_store_watcher watcher, skald_error *error)
{
    struct relay relay = { watcher, "pages" };
    struct sk_sqlite_restore_options options = { .from = file,
                                                 .replaces = replaces,
                                                 .watcher = { on_progress, &relay } };
    struct place place;
    enum skald_status status = place_of(url, &place, error);
    if (status != SKALD_OK) return status;
    options.to = place.path;
    if (place.folder != NULL && mkdir(place.folder, FOLDER_MODE) != 0 && errno != EEXIST)
        return sk_error_set(error, SKALD_E_IO, "%s: %s", place.folder, strerror(errno));
    if (getrandom(&options.incarnation, sizeof options.incarnation, 0) !=
        (ssize_t)sizeof options.incarnation)
        return sk_error_set(error, SKALD_E_IO, "random: %s", strerror(errno));
    options.incarnation = (options.incarnation & INT64_MAX) | 1u;
    status = sk_sqlite_restore(&options, error);
#ifdef SK_WITH_JOURNAL
    if (status == SKALD_OK && place.folder != NULL)
        status = sk_journal_folder_put_log_aside(place.folder, error);
#endif
    return status == SKALD_OK ? copy_key(file, options.to, error) : status;
}

static bool is_one_place(const struct place *a, const struct place *b)
{
    struct stat x, y;
    if (stat(a->path, &x) != 0 || stat(b->path, &y) != 0) return strcmp(a->path, b->path) == 0;
    return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

enum skald_status sk_store_copy(const char *url, const char *to, bool replaces,
                                struct sk_store_watcher watcher, struct sk_store_report *report,
                                skald_error *error)
{
    struct place from, target;
    enum skald_status status = place_of(to, &target, error);
    if (status == SKALD_OK) status = place_of(url, &from, error);
    if (status == SKALD_OK && is_one_place(&from, &target))
        return sk_error_set(error, SKALD_E_ARGUMENT, "%s is the store itself; name another", to);
    if (status == SKALD_OK) status = settled_place(url, &from, error);
    if (status == SKALD_OK) status = sk_store_restore(to, from.path, replaces, watcher, error);
    return status == SKALD_OK ? sk_store_check(to, watcher, report, error) : status;
}

struct teller {
    sk_store_line *line;
    void *context;
};

static void tell_line(void *context, struct sk_str line)
{
    const struct teller *teller = context;
    teller->line(teller->context, line.data, line.size);
}

enum skald_status sk_store_dump(const char *url, sk_store_line *line, void *context,
                                skald_error *error)
{
    struct place place;
    struct teller teller = { line, context };
    enum skald_status status = settled_place(url, &place, error);
    return status == SKALD_OK ? sk_sqlite_dump(place.path, tell_line, &teller, error) : status;
}

enum skald_status sk_store_check(const char *url, struct sk_store_watcher watcher,
                                 struct sk_store_report *report, skald_error *error)
{
    struct place place;
    struct relay relay = { watcher, "sagas" };
    enum skald_status status = settled_place(url, &place, error);
    if (status != SKALD_OK) return status;
    struct sk_store_checker checker;
    sk_store_checker_init(&checker, report);
    struct sk_sqlite_scan scan = { .problem = sk_store_checker_problem,
                                   .definition = sk_store_checker_definition,
                                   .head = sk_store_checker_head,
                                   .event = sk_store_checker_event,
                                   .end = sk_store_checker_end,
                                   .context = &checker,
                                   .watcher = { on_progress, &relay } };
    status = sk_sqlite_check(place.path, &scan, error);
    if (checker.is_out_of_memory)
        status = sk_error_set(error, SKALD_E_MEMORY, "out of memory while checking");
    sk_store_checker_release(&checker);
    return status;
}

enum skald_status sk_store_look(const char *url, struct sk_store_look *out_look, skald_error *error)
{
    struct place place;
    struct sk_sqlite_info info;
    enum skald_status status = place_of(url, &place, error);
    if (status == SKALD_OK) status = sk_sqlite_look(place.path, &info, error);
    if (status != SKALD_OK) return status;
    *out_look = (struct sk_store_look){ .schema = info.schema,
                                        .schema_known = SK_SQLITE_SCHEMA,
                                        .shards = info.shards,
                                        .incarnation = info.incarnation,
                                        .epoch_max = info.epoch_max,
                                        .bytes = info.pages * info.page_size,
                                        .sagas = info.sagas,
                                        .locks = info.locks,
                                        .events = info.events,
                                        .definitions = info.definitions,
                                        .dead_letters = info.dead_letters,
                                        .pid = info.pid,
                                        .is_in_use = info.is_in_use };
    return SKALD_OK;
}

#else

static enum skald_status refuse(skald_error *error)
{
    return sk_error_set(error, SKALD_E_UNSUPPORTED, "this build has no store in a file");
}

enum skald_status sk_store_backup(const char *url, const char *file,
                                  struct sk_store_watcher watcher, skald_error *error)
{
    (void)url, (void)file, (void)watcher;
    return refuse(error);
}

enum skald_status sk_store_restore(const char *url, const char *file, bool replaces,
                                   struct sk_store_watcher watcher, skald_error *error)
{
    (void)url, (void)file, (void)replaces, (void)watcher;
    return refuse(error);
}

enum skald_status sk_store_check(const char *url, struct sk_store_watcher watcher,
                                 struct sk_store_report *report, skald_error *error)
{
    (void)url, (void)watcher, (void)report;
    return refuse(error);
}

enum skald_status sk_store_copy(const char *url, const char *to, bool replaces,
                                struct sk_store_watcher watcher, struct sk_store_report *report,
                                skald_error *error)
{
    (void)url, (void)to, (void)replaces, (void)watcher, (void)report;
    return refuse(error);
}

enum skald_status sk_store_dump(const char *url, sk_store_line *line, void *context,
                                skald_error *error)
{
    (void)url, (void)line, (void)context;
    return refuse(error);
}

enum skald_status sk_store_look(const char *url, struct sk_store_look *out_look, skald_error *error)
{
    (void)url, (void)out_look;
    return refuse(error);
}

#endif

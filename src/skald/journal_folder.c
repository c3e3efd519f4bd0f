/* journal_folder.c: see journal_folder.h. */
#if defined(SK_WITH_JOURNAL) && defined(SK_WITH_SQLITE)

#include "skald/journal_folder.h"

#include "runtime/libevent_runtime.h"
#include "store/journal/journal.h"
#include "store/sqlite/sqlite.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { NAMES_MAX = 10000, PRIVATE_SEGMENT_SIZE = 4096 };

bool sk_journal_folder_index(const char *folder, char *out)
{
    int size = snprintf(out, PATH_MAX, "%s/index.db", folder);
    return folder[0] != 0 && size > 0 && size < PATH_MAX - 8;
}

bool sk_journal_folder_log(const char *folder, char *out)
{
    int size = snprintf(out, PATH_MAX, "%s/log", folder);
    return folder[0] != 0 && size > 0 && size < PATH_MAX;
}

static bool has_segments(const char *log)
{
    enum { DIGITS = 16 }; /* and ".log" */
    DIR *names = opendir(log);
    const struct dirent *one;
    bool has_one = false;
    while (names != NULL && !has_one && (one = readdir(names)) != NULL)
        has_one = strspn(one->d_name, "0123456789abcdef") == DIGITS &&
                  strcmp(one->d_name + DIGITS, ".log") == 0;
    if (names != NULL) (void)closedir(names);
    return has_one;
}

enum skald_status sk_journal_folder_refuse_index(const char *file, skald_error *error)
{
    const char *slash = strrchr(file, '/'), *name = slash == NULL ? file : slash + 1;
    char log[PATH_MAX];
    int size = snprintf(log, sizeof log, "%.*slog", (int)(name - file), file);
    bool is_index =
        strcmp(name, "index.db") == 0 && size > 0 && (size_t)size < sizeof log && has_segments(log);
    if (!is_index) return SKALD_OK;
    return sk_error_set(error, SKALD_E_ARGUMENT,
                        "%s is the index of a journal, no store: write journal: and its folder",
                        file);
}

static enum skald_status open_index(const char *path, struct sk_runtime *runtime, bool is_private,
                                    struct sk_journal_index *out_index, skald_error *error)
{
    struct sk_sqlite_options options = {
        .path = path, .runtime = runtime, .is_index = true, .is_private = is_private
    };
    enum skald_status status = sk_sqlite_store_open(&options, &out_index->store, error);
    if (status != SKALD_OK) return status;
    out_index->shards_count = sk_sqlite_store_shards_count(out_index->store);
    out_index->incarnation = sk_sqlite_store_incarnation(out_index->store);
    out_index->shard = sk_sqlite_store_shard;
    out_index->commits = sk_sqlite_store_commits;
    out_index->safe_commits = sk_sqlite_store_safe_commits;
    return SKALD_OK;
}

static enum skald_status open_folder(const char *folder, struct sk_runtime *runtime,
                                     bool is_private, struct sk_store **out_store,
                                     skald_error *error)
{
    char index[PATH_MAX], log[PATH_MAX];
    if (!sk_journal_folder_index(folder, index) || !sk_journal_folder_log(folder, log))
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "the path of the folder is %s: write it as journal:orders",
                            folder[0] == 0 ? "missing" : "too long");
    if (mkdir(folder, 0750) != 0 && errno != EEXIST)
        return sk_error_set(error, errno == ENOENT ? SKALD_E_NOT_FOUND : SKALD_E_IO, "%s: %s",
                            folder, strerror(errno));
    struct sk_journal_options options = { .runtime = runtime,
                                          .segment_size = is_private ? PRIVATE_SEGMENT_SIZE : 0 };
    enum skald_status status = open_index(index, runtime, is_private, &options.index, error);
    if (status != SKALD_OK) return status;
    status = sk_disk_open(log, &options.disk, error);
    if (status != SKALD_OK) {
        options.index.store->ops->free(options.index.store);
        return status;
    }
    status = sk_journal_store_open(&options, out_store, error);
    if (status != SKALD_OK) sk_error_wrap(error, "open store: %s", folder);
    return status;
}

enum skald_status sk_journal_folder_open(const char *folder, struct sk_runtime *runtime,
                                         struct sk_store **out_store, skald_error *error)
{
    return open_folder(folder, runtime, false, out_store, error);
}

struct settling {
    struct sk_libevent_runtime *runtime;
    enum skald_status status;
    skald_error error;
};

static void on_settled(void *context, struct sk_rows *rows)
{
    struct settling *settling = context;
    settling->status = rows->status;
    settling->error = rows->error;
    sk_libevent_runtime_stop(settling->runtime);
}

enum skald_status sk_journal_folder_settle(const char *folder, bool is_private, skald_error *error)
{
    struct sk_libevent_options options = { .log = { .is_off = true } };
    struct settling settling = { .status = SKALD_E_IO };
    struct sk_store *store = NULL;
    enum skald_status status = sk_libevent_runtime_new(&options, &settling.runtime, error);
    if (status != SKALD_OK) return status;
    status =
        open_folder(folder, sk_libevent_runtime_port(settling.runtime), is_private, &store, error);
    if (status == SKALD_OK && store != NULL) {
        /* a question about everything waits until the index has it */
        store->ops->read(store, &(struct sk_read){ .kind = SK_READ_TALLIES }, on_settled,
                         &settling);
        status = sk_libevent_runtime_run(settling.runtime, error);
        store->ops->free(store);
        if (status == SKALD_OK && settling.status != SKALD_OK)
            status = sk_error_set(error, settling.status, "%s", settling.error.message);
    }
    sk_libevent_runtime_free(settling.runtime);
    return status;
}

enum skald_status sk_journal_folder_put_log_aside(const char *folder, skald_error *error)
{
    char from[PATH_MAX], to[PATH_MAX];
    struct stat info;
    (void)sk_journal_folder_log(folder, from);
    for (int n = 1; n < NAMES_MAX; n++) {
        int size = snprintf(to, sizeof to, "%s/log.replaced-%d", folder, n);
        if (size < 0 || size >= (int)sizeof to || stat(to, &info) == 0) continue;
        if (rename(from, to) == 0 || errno == ENOENT) return SKALD_OK;
        break;
    }
    return sk_error_set(error, SKALD_E_IO, "%s: %s", from, strerror(errno));
}

#endif

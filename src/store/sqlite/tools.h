/*
 * tools.h: what is done to the file of a store beside serving it: copy it while it is in use, put a
 * copy in its place, look at it, check it. Each blocks; none needs a runtime.
 *
 *   T1  A copy is one moment of the store: it is read in one read transaction, which holds up no
 *       commit. It appears under its name complete and synced.
 *   T2  A restored store raises every epoch, far above what may have been used since the copy was
 *       made, and has an incarnation of its own: nobody who knew the old one mistakes it.
 *   T3  restore and scan claim the file's lock as a server does; scan writes nothing into the file.
 *   T4  While a copy's moment is held, no commit that is younger counts as safe from a power cut
 *       (sk_sqlite_store_safe_commits), also not in a process that opens the file meanwhile: what
 *       is younger is in the write-ahead log alone, from which nobody may take it.
 */
#ifndef SK_STORE_SQLITE_TOOLS_H
#define SK_STORE_SQLITE_TOOLS_H

#include "store/store.h"

#include <stdbool.h>

/* How far it is; called every few MB. */
typedef void sk_sqlite_progress(void *context, uint64_t done, uint64_t total);
struct sk_sqlite_watcher {
    sk_sqlite_progress *fn; /* may be NULL */
    void *context;
};

struct sk_sqlite_backup_options {
    const char *from, *to; /* `to` must not be there */
    struct sk_sqlite_watcher watcher;
    /* May be NULL. Called once, when the moment is fixed and before it is copied (T4); not OK ends
     * the backup with that. */
    enum skald_status (*moment)(void *context, skald_error *error);
    void *context;
};
/* Pages of 4 KiB are counted. */
enum skald_status sk_sqlite_backup(const struct sk_sqlite_backup_options *options,
                                   skald_error *error) SK_MUST_CHECK;
/* OK, or CONFLICT: a backup would find its name taken. */
enum skald_status sk_sqlite_backup_may_be(const char *to, skald_error *error) SK_MUST_CHECK;
/* A store of which nobody else knows becomes `to`, on the same file system, as a backup does: its
 * log goes into the file, which appears complete and synced. */
enum skald_status sk_sqlite_adopt(const char *made, const char *to,
                                  skald_error *error) SK_MUST_CHECK;

struct sk_sqlite_restore_options {
    const char *from, *to;
    uint64_t incarnation; /* drawn by the caller, 63 bits */
    bool replaces;        /* what is there is kept as <to>.replaced; else it is SKALD_E_CONFLICT */
    struct sk_sqlite_watcher watcher;
};
enum skald_status sk_sqlite_restore(const struct sk_sqlite_restore_options *options,
                                    skald_error *error) SK_MUST_CHECK;

struct sk_sqlite_info {
    uint32_t schema, shards;
    uint64_t incarnation, epoch_max;
    int64_t pages, page_size, sagas, locks, events, definitions, dead_letters;
    bool is_in_use; /* by the process of which the lock file tells */
    int64_t pid;
};
/* Also of a store in use. */
enum skald_status sk_sqlite_look(const char *path, struct sk_sqlite_info *out_info,
                                 skald_error *error) SK_MUST_CHECK;

/* Each row as one line of JSON, {"table": "saga", ...}; `line` borrows it, without a line feed. The
 * events stand as {"table": "event", ...}, or, where a span is not what was written, as it is under
 * "damaged". As check otherwise. */
typedef void sk_sqlite_line(void *context, struct sk_str line);
enum skald_status sk_sqlite_dump(const char *path, sk_sqlite_line *line, void *context,
                                 skald_error *error) SK_MUST_CHECK;

/* Everything in the file, in this order: definitions; then each head with its events. Any function
 * but `problem` may be NULL. */
struct sk_sqlite_scan {
    void (*problem)(void *context, const char *text); /* the database or its rows disagree */
    void (*definition)(void *context, const struct sk_definition_row *row);
    void (*head)(void *context, const struct sk_head *head);
    void (*event)(void *context, const struct sk_event_row *row);
    void (*end)(void *context); /* of the head's events */
    void *context;
    struct sk_sqlite_watcher watcher; /* counts heads */
};
/* OK also when there were problems. BUSY: in use. */
enum skald_status sk_sqlite_check(const char *path, const struct sk_sqlite_scan *scan,
                                  skald_error *error) SK_MUST_CHECK;

#endif

/*
 * store_tools.h: what an operator does to a store beside serving it, by its URL: back it up while
 * it is served, restore a copy, look at it, check it, copy it into another. Each blocks.
 *
 * check reads everything and folds each saga from its events, as a start would: the result must be
 * the saga's head, the tallies must be what counting gives.
 */
#ifndef SK_SKALD_STORE_TOOLS_H
#define SK_SKALD_STORE_TOOLS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void sk_store_progress(void *context, const char *what, uint64_t done, uint64_t total);
struct sk_store_watcher {
    sk_store_progress *fn; /* may be NULL */
    void *context;
};

/* The key that signs pending tokens goes with the store: <file>.key. Of a journal that is served
 * the copy is made in <file>.making (journal_backup.h). */
enum skald_status sk_store_backup(const char *url, const char *file,
                                  struct sk_store_watcher watcher,
                                  skald_error *error) SK_MUST_CHECK;
/* BUSY while it is served; CONFLICT when a store is there and `replaces` is not set. */
enum skald_status sk_store_restore(const char *url, const char *file, bool replaces,
                                   struct sk_store_watcher watcher,
                                   skald_error *error) SK_MUST_CHECK;

struct sk_store_report {
    uint64_t problems, sagas, locks, events, definitions;
    void (*problem)(void *context, const char *text); /* given by the caller */
    void *context;
};
/* SKALD_OK: it could be read; report->problems says whether it is good. */
enum skald_status sk_store_check(const char *url, struct sk_store_watcher watcher,
                                 struct sk_store_report *report, skald_error *error) SK_MUST_CHECK;

/* Every row, a line of JSON each; the lines are borrowed. BUSY while it is served. */
typedef void sk_store_line(void *context, const char *line, size_t size);
enum skald_status sk_store_dump(const char *url, sk_store_line *line, void *context,
                                skald_error *error) SK_MUST_CHECK;

/* One moment of the store becomes the store `to`, of any kind, as a restore of a backup would; then
 * `to` is checked. A journal must not be in use. */
enum skald_status sk_store_copy(const char *url, const char *to, bool replaces,
                                struct sk_store_watcher watcher, struct sk_store_report *report,
                                skald_error *error) SK_MUST_CHECK;

struct sk_store_look {
    uint32_t schema, schema_known, shards;
    uint64_t incarnation, epoch_max;
    int64_t bytes, sagas, locks, events, definitions, dead_letters, pid;
    bool is_in_use;
};
enum skald_status sk_store_look(const char *url, struct sk_store_look *out_look,
                                skald_error *error) SK_MUST_CHECK;

#endif

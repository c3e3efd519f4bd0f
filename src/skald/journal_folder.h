/*
 * journal_folder.h: a journal store in a folder: DIR/log with the segments, DIR/index.db with the
 * index (SQLite), DIR/index.db.key. The one place that puts the two together.
 */
#ifndef SK_SKALD_JOURNAL_FOLDER_H
#define SK_SKALD_JOURNAL_FOLDER_H

#include "base/error.h"

#include <stdbool.h>

struct sk_runtime;
struct sk_store;

/* Makes the folder if it is not there (its parent must be); the errors of both. */
enum skald_status sk_journal_folder_open(const char *folder, struct sk_runtime *runtime,
                                         struct sk_store **out_store,
                                         skald_error *error) SK_MUST_CHECK;
/* Reads and judges the whole log and brings the index up to it, so that the index alone tells
 * everything. BUSY while a server has it. Blocks. `is_private`: a copy of which nobody else
 * knows and that goes soon: nothing is prepared for writing, and any file system will do. */
enum skald_status sk_journal_folder_settle(const char *folder, bool is_private,
                                           skald_error *error) SK_MUST_CHECK;
/* The log is put aside as DIR/log.replaced-N: what is in the index from now on is all there is. */
enum skald_status sk_journal_folder_put_log_aside(const char *folder,
                                                  skald_error *error) SK_MUST_CHECK;
/* "DIR/index.db" and "DIR/log"; false: too long. `out` has room for PATH_MAX. */
bool sk_journal_folder_index(const char *folder, char *out);
bool sk_journal_folder_log(const char *folder, char *out);
/* ARGUMENT if that file is the index of a journal. It looks like any store, but lacks what only the
 * log has, and what is written into it past the log tears the two apart for good. */
enum skald_status sk_journal_folder_refuse_index(const char *file,
                                                 skald_error *error) SK_MUST_CHECK;

#endif

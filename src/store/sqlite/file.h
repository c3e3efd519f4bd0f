/*
 * file.h: the file before SQLite sees it: whether it may be opened, who has it, how it comes to be.
 *
 *   F1  A bad file is refused without a byte of it changed.
 *   F2  The lock is held by an open file description of <file>.lock, so it ends with the process
 *       and also keeps a second store of the same process out. The text in it (pid) is only for
 *       people.
 *   F3  A new file appears under its name complete: it is made beside it, synced and renamed.
 *   F4  The database file is never opened here while SQLite has it: closing any descriptor of it
 *       would drop SQLite's own POSIX locks.
 */
#ifndef SK_STORE_SQLITE_FILE_H
#define SK_STORE_SQLITE_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct sk_sqlite_file {
    char *path; /* absolute, links resolved */
    int lock_fd;
    bool is_there;
};

/* Resolves, checks and locks; with an error nothing is held. `is_private`: as in sqlite.h. */
enum skald_status sk_sqlite_file_claim(const char *path, bool is_private,
                                       struct sk_sqlite_file *out_file,
                                       skald_error *error) SK_MUST_CHECK;
/* Makes the file if it is not there. */
enum skald_status sk_sqlite_file_create(struct sk_sqlite_file *file, uint32_t shards_count,
                                        uint64_t incarnation, skald_error *error) SK_MUST_CHECK;
/* What the header of the file says: ours, not newer, not cut off. */
enum skald_status sk_sqlite_file_check(const struct sk_sqlite_file *file,
                                       skald_error *error) SK_MUST_CHECK;
void sk_sqlite_file_release(struct sk_sqlite_file *file);

/* f_type of statfs(2): a file system whose locks and shared memory other machines do not see. */
bool sk_sqlite_is_network(long type);

#endif

/*
 * files.h: the few things the engine asks of a file system. Blocking: for start-up and helper
 * threads.
 */
#ifndef SK_RUNTIME_FILES_H
#define SK_RUNTIME_FILES_H

#include "base/buf.h"

/* Appends the whole file to `out`. SKALD_E_NOT_FOUND, SKALD_E_TOO_LARGE (over size_max),
 * SKALD_E_IO, SKALD_E_MEMORY; every message names the path. On failure `out` is as it was. */
enum skald_status sk_file_read(const char *path, size_t size_max, struct sk_buf *out,
                               skald_error *error) SK_MUST_CHECK;

/*
 * A lock that the system holds for this process and lets go when it ends, however it ends. The lock
 * file holds its owner ("pid 4711 on host db1"); it is never deleted, because deleting and locking
 * race. The lock is advisory and does not work between machines on a network file system.
 */
struct sk_file_lock {
    int fd; /* -1 = not held */
};
/* SKALD_E_BUSY names the owner: "orders.db.lock: held by pid 4711 on host db1". SKALD_E_IO. A
 * second lock of the same path in the same process is refused too. */
enum skald_status sk_file_lock_take(const char *path, struct sk_file_lock *out,
                                    skald_error *error) SK_MUST_CHECK;
void sk_file_lock_release(struct sk_file_lock *lock); /* fine when it is not held */

/* The kind of network file system ("nfs", "smb", …) on which `path` (or, if it does not exist yet,
 * its folder) lies; NULL when it is a local one or cannot be told. */
const char *sk_file_network_kind(const char *path);

#endif

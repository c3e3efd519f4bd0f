/*
 * disk.h: the port to the folder of a journal's segments: few calls, each blocking, so that a test
 * can stand between the log and the disk. Files are known by name; a handle is a small number.
 *
 *   D1  What write said OK to is durable once a later sync of that file said OK, and the name of a
 *       file once sync_folder said OK. Anything else may be there after a crash, or not, or in
 *       part.
 *   D2  FULL: no room, nothing that was durable is touched. Any other error of write or sync: what
 *       the file holds behind the last sync is unknown; it is not written any more.
 *
 * Threads: a handle is used by one thread at a time; the calls by several.
 */
#ifndef SK_STORE_JOURNAL_DISK_H
#define SK_STORE_JOURNAL_DISK_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>

struct sk_disk;

struct sk_disk_ops {
    /* Names of all files, in any order, in `arena`. */
    enum skald_status (*list)(struct sk_disk *disk, struct sk_arena *arena,
                              const char *const **out_names, uint32_t *out_count,
                              skald_error *error);
    /* creates: it must not be there. */
    enum skald_status (*open)(struct sk_disk *disk, const char *name, bool creates, int *out_file,
                              skald_error *error);
    void (*close)(struct sk_disk *disk, int file);
    enum skald_status (*size)(struct sk_disk *disk, int file, uint64_t *out_size,
                              skald_error *error);
    /* Fewer bytes than asked for only at the end of the file. */
    enum skald_status (*read)(struct sk_disk *disk, int file, uint64_t offset, void *out,
                              size_t size, size_t *out_size, skald_error *error);
    enum skald_status (*write)(struct sk_disk *disk, int file, uint64_t offset, const void *bytes,
                               size_t size, skald_error *error);
    enum skald_status (*sync)(struct sk_disk *disk, int file, skald_error *error);
    enum skald_status (*rename)(struct sk_disk *disk, const char *from, const char *to,
                                skald_error *error);
    enum skald_status (*remove)(struct sk_disk *disk, const char *name, skald_error *error);
    enum skald_status (*sync_folder)(struct sk_disk *disk, skald_error *error);
    void (*free)(struct sk_disk *disk);
};

struct sk_disk {
    const struct sk_disk_ops *ops;
};

/* The real one; makes the folder if it is not there (its parent must be). */
enum skald_status sk_disk_open(const char *path, struct sk_disk **out_disk,
                               skald_error *error) SK_MUST_CHECK;

#endif

/*
 * sqlite.h: the embedded store: one file, one process, durable (the constructor and its settings).
 *
 * Threads of one store: the loop (calls, answers), the commit thread (its own connection; group
 * commit), the checkpoint thread (its own connection), and the reader threads (one connection
 * each).
 */
#ifndef SK_STORE_SQLITE_SQLITE_H
#define SK_STORE_SQLITE_SQLITE_H

#include "store/store.h"

struct sk_runtime;

enum {
    SK_SQLITE_SCHEMA = 4, /* the version this build writes */
    SK_SQLITE_CHECKPOINT_PAGES = 16384,
    SK_SQLITE_READERS = 2,
    SK_SQLITE_READERS_MAX = 8,
    SK_SQLITE_READ_MS_MAX = 2000,
    SK_SQLITE_CACHE_KIB = 65536,
};

/* 0 means the default everywhere. */
struct sk_sqlite_options {
    const char *path; /* the file; its folder must exist. Beside it: -wal, -shm, .lock */
    struct sk_runtime *runtime;
    uint32_t shards_count;     /* only when the file is created; SK_SHARDS_DEFAULT */
    uint32_t checkpoint_pages; /* of the write-ahead log, of 4096 bytes each */
    uint32_t readers_count;    /* threads for reading */
    uint32_t read_ms_max;      /* a read that takes longer ends with SKALD_E_TIMEOUT */
    uint32_t cache_kib;        /* of the commit connection; a reader has a quarter */
    uint32_t pages_max;        /* of the file; at the limit parts end PASSING. 0 = the disk's end */
    bool is_index;             /* of a journal: a commit is safe from a power cut at the next
                                * checkpoint only, and survives the process's end at once */
    bool is_private;           /* nobody else knows the file: a network file system will do */
};

/*
 * Opens or creates the file; blocks (call it at start). All leases in it are void: the lock of the
 * operating system says that this process is alone. Errors name the file and the remedy and leave
 * the file as it was: NOT_FOUND (no such folder), ARGUMENT (a folder, not a Skald store, a network
 * file system), STATE (no right to write), BUSY (in use: names the process), VERSION (a newer
 * Skald's), CORRUPT (truncated, damaged), FULL, IO.
 */
enum skald_status sk_sqlite_store_open(const struct sk_sqlite_options *options,
                                       struct sk_store **out_store,
                                       skald_error *error) SK_MUST_CHECK;

/* For a journal, which has the truth elsewhere. The row of a shard as it was when the file was
 * opened; how many batches were committed since then, and how many of them are safe from a power
 * cut (from any thread). */
void sk_sqlite_store_shard(struct sk_store *store, uint32_t shard, struct sk_shard_row *out_row);
uint64_t sk_sqlite_store_commits(struct sk_store *store);
uint64_t sk_sqlite_store_safe_commits(struct sk_store *store);
uint32_t sk_sqlite_store_shards_count(struct sk_store *store);
uint64_t sk_sqlite_store_incarnation(struct sk_store *store);

#endif

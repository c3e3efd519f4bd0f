/*
 * journal.h: the store whose truth is an append-only log and whose lists come from an index:
 * another store behind the same port, which is brought up to date behind the commits.
 *
 *   submit ──► commit thread ──► log: one write, one sync a group ──► done
 *                                 │
 *                                 ▼ (behind it, thousands of rows at a time)
 *                             apply thread ──► merged parts ──► index (SQLite)
 *
 *   G1  The log is the truth: a part is DONE when its record is synced. The index may lose what it
 *       was given since its last checkpoint: it is given it again, and S1 tells what it has.
 *   G2  A read never misses what was DONE before it: what the index lacks of the saga that is asked
 *       for, or of anything when a list is asked for, is applied first.
 *   G3  A segment goes only when all of it is in the index and survives a power cut there.
 *   G4  Twins of rows that are stored (rows.h R4) are found when they are indexed, not when they
 *       are written: then the store is broken and says which. The engine sends none.
 *   G5  Commits wait when the log has run away from the index by lag_max.
 *   G6  The index is lazy while nobody asks for lists: the larger a batch, the more sagas begin and
 *       end in it, and the less they cost.
 */
#ifndef SK_STORE_JOURNAL_JOURNAL_H
#define SK_STORE_JOURNAL_JOURNAL_H

#include "store/journal/disk.h"
#include "store/store.h"

struct sk_runtime;

enum {
    SK_JOURNAL_APPLY_ROWS = 262144,
    SK_JOURNAL_APPLY_DELAY_MS = 1000,
    SK_JOURNAL_LAG_MAX = 256 << 20,
    SK_JOURNAL_QUICK_US = 500,
};

/* What the journal needs of its index beside the port. */
struct sk_journal_index {
    struct sk_store *store; /* freed with the journal */
    uint64_t incarnation;
    uint32_t shards_count;
    /* As it was when the index was opened; the owner may be left out. */
    void (*shard)(struct sk_store *store, uint32_t shard, struct sk_shard_row *out_row);
    /* How many batches were committed so far, and how many of those are safe from a power cut.
     * From any thread. */
    uint64_t (*commits)(struct sk_store *store);
    uint64_t (*safe_commits)(struct sk_store *store);
};

struct sk_journal_options {
    struct sk_runtime *runtime;
    struct sk_disk *disk; /* freed with the journal */
    struct sk_journal_index index;
    uint32_t apply_rows,
        apply_delay_ms;             /* 0 = as above: a batch has at most as many rows, and begins
                                     * so long after its first, four times as long when lazy */
    uint64_t lag_max, segment_size; /* bytes; 0 = as above, as in log.h */
    uint32_t quick_us;              /* 0 = as above: the loop waits for a disk that takes no longer,
                                     * when nothing else is to be done (parts.h P4) */
};

/* Takes disk and index over, also when it fails. Blocks until the log has been read and judged. All
 * leases are void. */
enum skald_status sk_journal_store_open(const struct sk_journal_options *options,
                                        struct sk_store **out_store,
                                        skald_error *error) SK_MUST_CHECK;

#endif

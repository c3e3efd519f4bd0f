/*
 * log.h: the journal's log: records in segments, appended and synced by groups, read again from the
 * oldest on. It knows no parts, no index and no threads of its own.
 *
 *   L1  commit() returns OK only after one sync that covers every record of the group.
 *   L2  A segment's file has its full size, its header and its name durable before a record of it
 *       counts. What is preallocated is written (zeros, or an old segment's bytes), so that a sync
 *       of records changes no file system's books.
 *   L3  Opening never writes into a segment that is there: it begins a new one. A tail that a crash
 *       cut stays where it is and is not part of the log (J3, and `first` and `prev` of the next).
 *   L4  After a failed write or sync but FULL the segment is given up; reopen() begins a new one
 *       behind the last record that was durable.
 *   L5  Segments below a mark go: one is kept to be written over, the others are removed.
 *
 * Threads: add, commit, reopen by one at a time (the commit thread, or the loop while that waits);
 * a reader by one other; trim by any.
 */
#ifndef SK_STORE_JOURNAL_LOG_H
#define SK_STORE_JOURNAL_LOG_H

#include "store/journal/disk.h"
#include "store/journal/record.h"

struct sk_log;

struct sk_log_options {
    struct sk_disk *disk; /* outlives the log */
    uint64_t incarnation;
    uint64_t segment_size; /* 0 = SK_SEGMENT_SIZE */
};
enum { SK_SEGMENT_SIZE = 32 << 20 };

/* For each record, in order. Not OK ends the opening with that status. */
typedef enum skald_status sk_log_fn(void *context, const struct sk_record *record,
                                    skald_error *error);

/* Reads all that is there, then begins a new segment. CORRUPT names segment and place. */
enum skald_status sk_log_open(const struct sk_log_options *options, sk_log_fn *fn, void *context,
                              struct sk_log **out_log, skald_error *error) SK_MUST_CHECK;
void sk_log_free(struct sk_log *log); /* NULL is fine */

/*
 * Copies the log as it is on disk into the folder of `to`, while another process goes on writing
 * it, rotates it and lets segments go. `to` is emptied first.
 *
 *   C1  What was acknowledged before the call, and was not let go before it, is in the copy, unless
 *       it was let go during the call together with all that stood before it.
 *   C2  The copy is a log, whole records alone, that a crash of the writer might have left: of what
 *       was not acknowledged it may hold the last group, though it never came to be.
 *   C3  A log that is damaged is CORRUPT, as it would be to whoever opens it, and never a shorter
 *       log; nothing that the writer does meanwhile looks like damage.
 *
 * BUSY: it changed all the time.
 */
enum skald_status sk_log_copy(struct sk_disk *from, struct sk_disk *to,
                              skald_error *error) SK_MUST_CHECK;

/* ---- writing --------------------------------------------------------------------------------- */

/* The payload of the group's next record is appended to the buffer that begin gives. */
struct sk_buf *sk_log_begin(struct sk_log *log);
/* Its number; 0 = out of memory: the record is not part of the group. */
uint64_t sk_log_end(struct sk_log *log, enum sk_record_type type);
/* OK: durable. FULL, MEMORY: nothing of the group is, later perhaps. IO: L4. */
enum skald_status sk_log_commit(struct sk_log *log, skald_error *error) SK_MUST_CHECK;
enum skald_status sk_log_reopen(struct sk_log *log, skald_error *error) SK_MUST_CHECK;
/* Bytes of the group as it is so far. */
size_t sk_log_group_size(const struct sk_log *log);
/* Number of the oldest record that is there (or will be), and the bytes of all that are there. */
uint64_t sk_log_first(struct sk_log *log);
uint64_t sk_log_bytes(struct sk_log *log);
/* Number of the last durable record. */
uint64_t sk_log_durable(const struct sk_log *log);
/* Makes the next segment ready, so that no commit has to: called now and then by another thread. */
void sk_log_prepare(struct sk_log *log);

/* ---- the past -------------------------------------------------------------------------------- */

/* Records up to this number are needed no more. */
void sk_log_trim(struct sk_log *log, uint64_t number);

struct sk_log_reader;
/* From the oldest record that is still there. NULL: out of memory. */
struct sk_log_reader *sk_log_reader_new(struct sk_log *log);
void sk_log_reader_free(struct sk_log_reader *reader); /* NULL is fine */
/* The next record, which lives until the next call; it must be durable (its number is known to the
 * caller). */
enum skald_status sk_log_read(struct sk_log_reader *reader, struct sk_record *out_record,
                              skald_error *error) SK_MUST_CHECK;

#endif

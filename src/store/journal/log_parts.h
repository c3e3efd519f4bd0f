/* log_parts.h: the inside of the log (log.h). Private to the files called log*.c. */
#ifndef SK_STORE_JOURNAL_LOG_PARTS_H
#define SK_STORE_JOURNAL_LOG_PARTS_H

#include "store/journal/log.h"

#include <pthread.h>

enum { SEGMENT_NAME_SIZE = 24 };
#define SPARE_NAME "spare.log" /* of full size, synced; what it holds means nothing */
#define UNREADY_NAME "new.log" /* becomes a spare one */

/* Numbers from `first` to below `end` (UINT64_MAX while it is written) in its first `bytes` bytes:
 * what stands behind them is not the log's. */
struct segment {
    uint64_t first, end, bytes;
};

struct sk_log {
    struct sk_disk *disk;
    uint64_t incarnation, segment_size;
    /* of whoever commits */
    int file; /* -1: given up (L4) */
    uint64_t offset;
    uint64_t next, prev; /* number of the next record; hash of the one before it */
    struct sk_buf group;
    size_t record_begin;
    uint64_t group_first, group_prev;
    pthread_mutex_t files; /* guards the spare file; taken before `lock` */
    bool has_spare;
    pthread_mutex_t lock; /* guards what follows */
    struct segment *segments;
    uint32_t segments_count, segments_capacity;
    uint64_t durable;
};

void sk_segment_name(uint64_t first, char out[SEGMENT_NAME_SIZE]);

/* log_scan.c: what opening found. */
struct scan {
    struct sk_disk *disk;
    uint64_t incarnation; /* 0 = that of the first segment */
    sk_log_fn *fn;        /* may be NULL */
    void *context;
    struct sk_arena arena;
    struct segment *segments;
    uint32_t segments_count;
    uint64_t next, prev; /* what comes behind the last record */
    bool has_spare;
};
enum skald_status sk_log_scan(struct scan *scan, skald_error *error) SK_MUST_CHECK;
/* The same in steps: which segments there are (names that are no segment's are passed over), and
 * one of them, the next in order. `bytes` gets the file; the log's are the first segment.bytes. */
enum skald_status sk_log_find_segments(struct scan *scan, skald_error *error) SK_MUST_CHECK;
enum skald_status sk_log_scan_segment(struct scan *scan, uint32_t index, struct sk_buf *bytes,
                                      skald_error *error) SK_MUST_CHECK;

#endif

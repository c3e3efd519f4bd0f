/*
 * parts.h: the inside of the journal store. Private to this folder.
 *
 *   P1  `writes` is emptied by the commit thread, in the order of submission; everything that waits
 *       is one group: one write, one sync. It keeps `shards`: what the log has made of them. A
 *       request's `number` is that of its last record in the group, 0 = none; the one read that
 *       goes this way asks for the shards.
 *   P2  The apply thread reads the log behind the commits, merges, and has the loop give the batch
 *       to the index (whose calls are the loop's): one at a time.
 *   P3  Loop only: waiting reads, defines, `touched`, what the index answers.
 *   P4  When one part after the other was submitted while nothing else was under way, and the disk
 *       is quick, the loop commits the next such part itself: two threads that wake each other
 *       would take longer than the sync. What is the commit thread's is the loop's for so long. One
 *       group that was not quick, and parts go to the thread again.
 *   P5  Where nobody could be told that memory is out, it is waited for (patience.h); when none
 *       comes, the process ends and says so: what was acknowledged is in the log.
 */
#ifndef SK_STORE_JOURNAL_PARTS_H
#define SK_STORE_JOURNAL_PARTS_H

#include "store/journal/journal.h"
#include "store/journal/log.h"
#include "store/journal/merge.h"
#include "store/request.h"

#include <pthread.h>
#include <stdatomic.h>

/* A read that waits until the index has everything up to `need`. */
struct journal_read {
    struct sk_list node;
    uint64_t need;
    struct sk_arena arena;
    struct sk_read read;
    sk_read_done *done;
    void *context;
};

/* What the log has made of a shard; the owner's name is allocated. */
struct journal_shard {
    uint64_t epoch, position;
    uint8_t batch_id[SK_BATCH_ID_SIZE];
    char *owner;
    size_t owner_size;
    int64_t expires_at_ms;
};

/* What is made durable by one sync. */
struct group {
    struct sk_list requests;
    struct sk_arena arena;
    struct undo *undo; /* the newest first */
};

/* touched.c: which sagas and keys stand in records that the index has not got. */
struct touched;
struct touched *touched_new(void);
void touched_free(struct touched *touched);
/* Whoever commits, before the part is DONE; `number` is that of its record. */
void touched_add(struct touched *touched, const struct sk_part *part, uint64_t number);
/* Everything up to `number` is applied. */
void touched_forget(struct touched *touched, uint64_t number);
/* Must the read wait for what is not applied? */
bool touched_by(struct touched *touched, const struct sk_read *read);

/* What the apply thread wants of the index, done on the loop; the thread waits for it. */
enum errand_kind {
    ERRAND_NONE,
    ERRAND_SUBMIT,
    ERRAND_TAKE,
    ERRAND_DEFINE,
    ERRAND_SHARDS, /* where it is now: fills `indexed` */
    ERRAND_REOPEN
};
struct errand {
    enum errand_kind kind;
    struct sk_batch *batch;
    uint32_t shard;
    struct sk_definition_row definition;
    bool keep_latest;
    bool is_done;
    enum skald_status status;
    skald_error error;
};

/* What one flush left behind: the index had `number` after so many commits. */
struct mark {
    uint64_t commits, number;
};
enum { MARKS_MAX = 64 };

struct sk_journal {
    struct sk_store base;
    struct sk_runtime *runtime;
    struct sk_delivery *delivery;
    struct sk_disk *disk;
    struct sk_journal_index index;
    struct sk_log *log;
    uint32_t apply_rows, apply_delay_ms;
    int64_t quick_us;
    uint64_t lag_max;
    struct touched *touched;

    /* the loop's */
    struct sk_list waiting;  /* struct journal_read */
    uint32_t singles;        /* submissions in a row that found nothing under way: P4 */
    struct sk_list asked;    /* requests that the index was asked about, and has not answered */
    struct sk_arena scratch; /* while it is opened */

    /* of whoever commits */
    struct journal_shard *shards;
    struct group group;
    uint64_t written_bytes;
    bool is_quick;  /* the last group was */
    bool is_failed; /* until reopened */

    /* the apply thread's */
    struct sk_log_reader *reader;
    struct sk_merge *merge;
    struct sk_arena unpacked;         /* of one record */
    struct journal_shard *indexed;    /* where the index is */
    uint64_t read_number, read_bytes; /* of the last record read */
    struct mark marks[MARKS_MAX];
    uint32_t marks_count;
    int64_t watched_until_ms; /* apply.c: monotonic */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t has_writes, has_records, has_answer, has_room;
    struct sk_list writes;
    uint64_t durable, applied, demanded; /* numbers of records */
    uint64_t recovered;                  /* the last one that was there when it was opened */
    uint64_t durable_bytes, applied_bytes;
    uint64_t wake_bytes; /* the apply thread wants to know when so many are durable */
    struct errand errand;
    struct sk_delivery_item messenger; /* to the loop: an errand, or news */
    bool is_messenger_out;
    bool is_closing;
    bool is_committing; /* the commit thread is at a group */
    bool is_stuck;      /* the index takes no more: G4, or it is lost */
    char why[300];

    pthread_t commit_thread, apply_thread;
    bool is_commit_started, is_apply_started;
};

void *journal_commit_main(void *argument);
/* Loop: takes what waits if the loop is to commit it (P4); `lock` is held. False: it is the
 * thread's. */
bool journal_take_single(struct sk_journal *journal);
void journal_commit_single(struct sk_journal *journal);
void *journal_apply_main(void *argument);

/* Loop: the messenger has come. */
void journal_on_messenger(struct sk_delivery_item *item);
/* Sends him, if he is not on his way; `lock` is held. */
void journal_send_messenger(struct sk_journal *journal);

#endif

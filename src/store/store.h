/*
 * store.h: the port to what is durable. Asynchronous throughout: every call returns at once and its
 * `done` comes on the loop, never from inside the call. The engine knows no thread.
 *
 * Unit of atomicity: the PART (what one batch writes to one shard). A store may commit the parts of
 * a batch together or each alone; the engine never relies on two being committed together.
 *
 *   S1  A part commits only if the shard's stored (epoch, position) equals (part.epoch,
 *       part.first_position); then the stored position becomes first_position + max(events_count,
 *       1) and the stored batch_id becomes part.batch_id. The compare is the last statement of the
 *       transaction. A part that was committed is therefore refused (fenced) if it comes again.
 *   S2  DONE means durable: it survives a power cut.
 *   S3  Reads see only what is durable, and see each part wholly or not at all.
 *   S4  take() raises the epoch, durably, before it answers; and only from the epoch that the taker
 *       knows, so one that comes late, perhaps of a process that has ended, raises nothing.
 *   S5  Several batches may be submitted; they commit in the order of submission. After a part of a
 *       shard ended in anything but DONE, later parts of that shard end FENCED by S1 on their own.
 */
#ifndef SK_STORE_STORE_H
#define SK_STORE_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"

struct sk_store;

enum { SK_BATCH_ID_SIZE = 16 };

/* ---- rows ------------------------------------------------------------------------------------ */

struct sk_event_row {
    uint64_t no; /* the saga's number in its shard: the position of its first event */
    uint64_t seq;
    int64_t at_ms;
    uint32_t type;
    uint32_t step; /* SK_STEP_NONE = none */
    int32_t item;  /* -1 = none */
    uint32_t attempt, round;
    struct sk_str data; /* bytes */
    uint64_t position;  /* reads only; in a part the i-th event has first_position + i */
    /* SK_READ_POSITIONS only: of its saga; empty if the head is not there. */
    struct sk_str saga_id;
    struct sk_digest definition;
    bool is_lock;
};

/* The saga table's row: narrow, so that lists never touch events. */
struct sk_head {
    uint32_t shard;
    uint64_t no;
    struct sk_str id, space; /* space: the namespace */
    struct sk_digest definition;
    uint8_t state;  /* enum sk_saga_state */
    uint8_t reason; /* enum sk_reason */
    bool has_residue;
    bool is_lock;  /* a lock's machine: not a saga, not listed */
    uint32_t open; /* work that outlives the end */
    int32_t priority;
    int64_t wake_at_ms;  /* 0 = has work in flight; INT64_MAX = waits for the outside only */
    int64_t deadline_ms; /* 0 = none */
    struct sk_str business_key, parent;
    uint64_t seq;                                      /* of its last event */
    int64_t created_at_ms, updated_at_ms, ended_at_ms; /* 0 = not ended */
};

struct sk_tag_row {
    struct sk_str key, value;
    uint64_t no;
}; /* tags: key "tag"; attributes: their names */
struct sk_start_key_row {
    struct sk_str key, saga_id;
    struct sk_digest digest;
    int64_t expires_at_ms;
};
struct sk_tally_row {
    struct sk_digest definition;
    uint8_t state;
    int64_t n;
}; /* in a part: the change */
struct sk_message_row {
    struct sk_str id; /* <saga>/<seq>/<kind>/<n>/<the saga's row> */
    uint32_t to_shard;
    uint8_t kind;         /* enum sk_message_kind */
    struct sk_str target; /* saga id or lock id */
    struct sk_str body;   /* bytes */
};
struct sk_consumed_row {
    struct sk_str id;
    uint32_t from_shard;
};
struct sk_dead_letter_row {
    struct sk_str id;
    uint64_t no;
    uint64_t seq;
    int64_t at_ms;
    struct sk_str body;
};
struct sk_cursor_row {
    struct sk_str name;
    uint64_t position;
};
/* What the engine keeps beside sagas: small, few, found by kind and id. */
enum sk_record_kind {
    SK_RECORD_SCHEDULE = 1,
    SK_RECORD_BULK = 2,
};
struct sk_record_row {
    enum sk_record_kind kind;
    struct sk_str id;
    struct sk_str body; /* bytes */
    bool is_gone;       /* in a part: deleted, not put */
    uint32_t shard;     /* reads only */
};
struct sk_trim_row {
    uint64_t no;
    uint64_t below_seq;
}; /* delete events of `no` with seq < below_seq */

struct sk_definition_row {
    struct sk_digest digest;
    struct sk_str id, version, source;
    int64_t created_at_ms;
    bool is_latest; /* reads only */
};

struct sk_shard_row {
    uint32_t shard;
    uint64_t epoch, position;
    uint8_t batch_id[SK_BATCH_ID_SIZE];
    struct sk_str owner;
    int64_t expires_at_ms;
};

/* ---- writing --------------------------------------------------------------------------------- */

enum sk_part_result {
    SK_PART_DONE,
    /* disk full, busy, refused connection, deadlock, read-only: the same part again later */
    SK_PART_PASSING,
    SK_PART_NOT_KNOWN, /* connection lost inside commit: read the shard row */
    SK_PART_FENCED,    /* the compare failed */
    SK_PART_REFUSED,   /* this content can never be stored */
    SK_PART_BROKEN     /* failed sync, checksum, I/O error: never again on this handle */
};

struct sk_part {
    uint32_t shard;
    uint64_t epoch, first_position;
    uint8_t batch_id[SK_BATCH_ID_SIZE];
    const struct sk_event_row *events;
    uint32_t events_count;
    const struct sk_head *heads;
    uint32_t heads_count; /* inserted or replaced, by no */
    const struct sk_start_key_row *keys;
    uint32_t keys_count; /* inserted; an expired one is replaced */
    const struct sk_tag_row *tags;
    uint32_t tags_count;
    const struct sk_tally_row *tallies;
    uint32_t tallies_count;
    const struct sk_message_row *messages;
    uint32_t messages_count; /* out: rows of this shard */
    const struct sk_str *messages_gone;
    uint32_t messages_gone_count; /* delivered: delete */
    const struct sk_consumed_row *consumed;
    uint32_t consumed_count; /* in: remember */
    const struct sk_str *consumed_gone;
    uint32_t consumed_gone_count; /* the sender has deleted: forget */
    const struct sk_dead_letter_row *letters;
    uint32_t letters_count;
    const struct sk_str *letters_gone;
    uint32_t letters_gone_count;
    const struct sk_cursor_row *cursors;
    uint32_t cursors_count;
    const struct sk_record_row *records;
    uint32_t records_count; /* put, replaced or deleted, in their order */
    const struct sk_trim_row *trims;
    uint32_t trims_count;
    const uint64_t *removed;
    uint32_t removed_count;     /* retention: sagas by no, with all their rows */
    enum sk_part_result result; /* set before done */
    char message[160];          /* why, when not DONE */
};

struct sk_batch {
    struct sk_part *parts;
    uint32_t parts_count;
};

typedef void sk_batch_done(void *context, struct sk_batch *batch);

/* ---- reading --------------------------------------------------------------------------------- */

enum sk_read_kind {
    SK_READ_META,   /* out: meta */
    SK_READ_SHARDS, /* all shard rows */
    SK_READ_HEAD,   /* by id */
    SK_READ_EVENTS, /* of (shard, no), seq > after, ascending */
    /* heads of `shard` that are not ended or have open > 0, no > after; with only_due: wake_at <=
     * due_at */
    SK_READ_ACTIVE,
    SK_READ_LIST,        /* heads by filter, in its order, keyset by (time, id) */
    SK_READ_COUNT,       /* how many there are by that filter, without its cursor: total */
    SK_READ_POSITIONS,   /* events of `shard`, position > after, and whose they are */
    SK_READ_MESSAGES,    /* out rows of `shard` */
    SK_READ_CONSUMED,    /* of `shard` */
    SK_READ_DEFINITIONS, /* all; or by digest; or by id (and version; empty = latest) */
    SK_READ_TALLIES,     /* summed over shards */
    SK_READ_START_KEY,   /* of (shard, key), not expired at due_at */
    SK_READ_DEAD_LETTERS,
    SK_READ_CURSOR,
    SK_READ_RECORDS /* of `record_kind` (0 = all, of one shard), of `shard` or SK_SHARD_ALL */
};

/* The time by which a list is sorted; then by id, in the same direction. */
enum sk_list_sort {
    SK_SORT_CREATED,
    SK_SORT_UPDATED,
    SK_SORT_ENDED, /* only those that have ended */
};

struct sk_list_tag {
    struct sk_str key, value;
};
enum { SK_LIST_TAGS_MAX = 8 };

/* For reads that may ask every shard. */
#define SK_SHARD_ALL UINT32_MAX

struct sk_list_filter {
    uint32_t states;                           /* bit per state; 0 = all */
    uint32_t reasons;                          /* bit per reason; 0 = all */
    struct sk_str space, business_key, parent; /* empty = any */
    struct sk_str definition_id;               /* any version of it … */
    struct sk_str definition_version;          /* … or this one; only with an id */
    const struct sk_list_tag *tags;            /* all must be there */
    uint32_t tags_count;                       /* at most SK_LIST_TAGS_MAX */
    /* from <= time < to; 0 = open */
    int64_t created_from_ms, created_to_ms;
    int64_t updated_from_ms, updated_to_ms;
    int64_t ended_from_ms, ended_to_ms;
    bool only_residue;
    bool only_locks;  /* the machines of locks, instead of sagas */
    bool only_closed; /* ended with nothing open: what may be removed one day */
    enum sk_list_sort sort;
    bool is_ascending;            /* else the newest first */
    int64_t cursor_created_at_ms; /* the sorted time of the last row seen; 0 = from the start */
    struct sk_str cursor_id;
    uint32_t offset; /* rows to pass over: the reader walks them all */
};

struct sk_read {
    enum sk_read_kind kind;
    uint32_t shard;
    uint64_t no, after;
    struct sk_str id, version, key;
    const struct sk_digest *digest;
    int64_t due_at_ms;
    bool only_due;
    struct sk_list_filter filter;
    enum sk_record_kind record_kind;
    uint32_t limit;   /* 0 = 1000 */
    size_t bytes_max; /* then the answer is cut, but not before one row; 0 = the store's own */
};

struct sk_meta {
    char hash[16]; /* "siphash24" */
    uint32_t shards_count, schema;
    uint64_t incarnation;
};

/* The answer; rows and texts live in `arena`, which the receiver of `done` may take over (it is
 * released after `done` unless the receiver moved it out by value and re-inited it). */
struct sk_rows {
    enum skald_status status; /* OK also when there are none */
    skald_error error;
    struct sk_arena arena;
    struct sk_meta meta;
    struct sk_shard_row *shards;
    uint32_t shards_count;
    struct sk_head *heads;
    uint32_t heads_count;
    struct sk_event_row *events;
    uint32_t events_count;
    struct sk_message_row *messages;
    uint32_t messages_count;
    struct sk_consumed_row *consumed;
    uint32_t consumed_count;
    struct sk_definition_row *definitions;
    uint32_t definitions_count;
    struct sk_tally_row *tallies;
    uint32_t tallies_count;
    struct sk_start_key_row *keys;
    uint32_t keys_count;
    struct sk_dead_letter_row *letters;
    uint32_t letters_count;
    struct sk_cursor_row *cursors;
    uint32_t cursors_count;
    struct sk_record_row *records;
    uint32_t records_count;
    uint64_t total; /* of SK_READ_COUNT */
    bool has_more;  /* cut at limit */
};
typedef void sk_read_done(void *context, struct sk_rows *rows);

typedef void sk_take_done(void *context, enum skald_status status, const struct sk_shard_row *row,
                          const skald_error *error);
typedef void sk_define_done(void *context, enum skald_status status, const skald_error *error);

struct sk_store_ops {
    /* The batch and all it points to stay the caller's and must live until done. */
    void (*submit)(struct sk_store *store, struct sk_batch *batch, sk_batch_done *done,
                   void *context);
    /* `read` and its texts are copied. */
    void (*read)(struct sk_store *store, const struct sk_read *read, sk_read_done *done,
                 void *context);
    /* Ownership of a shard: raises its epoch unless another owner's lease runs (SKALD_E_BUSY) or
     * the epoch is not the given one (SKALD_E_FENCED; the row tells the present one, to ask again).
     * expires_at_ms: by the store's clock; INT64_MAX for a store that has one process. */
    void (*take)(struct sk_store *store, uint32_t shard, uint64_t epoch, struct sk_str owner,
                 int64_t expires_at_ms, sk_take_done *done, void *context);
    /* Same epoch, later expiry; SKALD_E_FENCED when the epoch has moved on. expires_at_ms 0 = gives
     * it back. */
    void (*renew)(struct sk_store *store, uint32_t shard, uint64_t epoch, int64_t expires_at_ms,
                  sk_take_done *done, void *context);
    /* Insert-only: the same digest again is OK; another digest under the same (id, version) is
     * SKALD_E_CONFLICT. Also makes it the latest of its id, unless keep_latest. Durable before
     * done. */
    void (*define)(struct sk_store *store, const struct sk_definition_row *row, bool keep_latest,
                   sk_define_done *done, void *context);
    /* After BROKEN: close, reopen, verify. OK: usable again; the engine re-reads the shard rows. */
    void (*reopen)(struct sk_store *store, sk_define_done *done, void *context);
    /* Waits for what is submitted, then closes; no `done` comes afterwards. */
    void (*free)(struct sk_store *store);
};

struct sk_store {
    const struct sk_store_ops *ops;
    const char *name; /* "memory", "sqlite" */
    bool is_shared;   /* several processes may own shards of it */
};

#endif

/*
 * memory_data.h: the tables of the memory store. Private to src/store/memory*.c.
 *
 *   M1  shard->sagas is ordered by no; shard->events by position; saga->events by seq.
 *   M2  An event is in both arrays or in none, but that a dead one (removed) stays in shard->events
 *       with event = NULL until more than half are dead.
 *   M3  sk_memory_apply either changes nothing (any result but DONE) or applies the whole part: the
 *       check comes first and is pure.
 */
#ifndef SK_STORE_MEMORY_DATA_H
#define SK_STORE_MEMORY_DATA_H

#include "store/rows.h"

#include "base/assert.h"

/* uthash: failing allocation is a panic; unsigned arithmetic of its own is as it is. */
#define uthash_malloc(size) sk_memory_must(sk_alloc(size))
#define uthash_free(pointer, size) sk_free(pointer)
#define uthash_fatal(message) sk_panic(message, __FILE__, __LINE__)
static inline void *sk_memory_must(void *pointer)
{
    SK_ASSERT(pointer != NULL);
    return pointer;
}
#include <uthash.h>

struct memory_event {
    struct sk_event_row row; /* data follows the struct */
};

struct memory_place {
    uint64_t position;
    struct memory_event *event; /* NULL: dead */
};

struct memory_tag {
    struct memory_tag *next;
    struct sk_str key, value; /* bytes follow */
};

struct memory_saga {
    uint64_t no;
    struct sk_head head; /* texts follow in `texts` */
    char *texts;         /* NULL: no head yet */
    struct memory_event **events;
    size_t events_count, events_capacity;
    struct memory_tag *tags;
    UT_hash_handle by_id;
};

/* One shape for rows that are found by a text: start keys, messages, consumed, letters,
 * cursors, records. */
struct memory_row {
    struct sk_str name;
    struct sk_str target, body; /* bytes of all three follow the struct */
    struct sk_digest digest;
    int64_t at_ms;
    uint64_t no, seq;
    uint32_t shard;
    uint8_t kind;
    UT_hash_handle hh;
};

struct memory_tally {
    struct sk_tally_row row;
    struct {
        struct sk_digest definition;
        uint64_t state;
    } key;
    UT_hash_handle hh;
};

struct memory_definition {
    struct sk_definition_row row; /* texts in `arena` of the data */
    UT_hash_handle hh;
};

struct memory_shard {
    uint64_t epoch, position;
    uint8_t batch_id[SK_BATCH_ID_SIZE];
    char *owner;
    size_t owner_size;
    int64_t expires_at_ms;
    struct memory_saga **sagas;
    size_t sagas_count, sagas_capacity;
    struct memory_place *events;
    size_t events_count, events_capacity, events_dead;
    struct memory_row *keys, *messages, *consumed, *letters, *cursors;
    struct memory_row *records; /* by kind (one byte) and id */
    struct memory_tally *tallies;
};

struct memory_data {
    struct memory_shard *shards;
    uint32_t shards_count;
    uint64_t incarnation;
    struct memory_saga *by_id;
    struct memory_definition *definitions; /* by digest */
    struct sk_arena arena;                 /* of definitions */
};

/* Checks and applies; sets part->result and message. now_ms: for the expiry of start keys. */
void sk_memory_apply(struct memory_data *data, struct sk_part *part, int64_t now_ms);
enum skald_status sk_memory_define(struct memory_data *data, const struct sk_definition_row *row,
                                   bool keep_latest, skald_error *error);
/* Fills rows, whose arena is initialised. */
void sk_memory_read(const struct memory_data *data, const struct sk_read *read,
                    struct sk_rows *rows);
void sk_memory_data_release(struct memory_data *data);

/* The saga, or where it would be (its index). */
struct memory_saga *sk_memory_saga(const struct memory_shard *shard, uint64_t no,
                                   size_t *out_index);
/* The name of a record's row. */
struct sk_str sk_memory_record_name(const struct sk_record_row *row, struct sk_arena *arena);
struct memory_row *sk_memory_row(struct memory_row *table, struct sk_str name);
/* Index of the first place with position >= `position`. */
size_t sk_memory_place(const struct memory_shard *shard, uint64_t position);
/* Index of the first event with seq >= `seq`. */
size_t sk_memory_event(const struct memory_saga *saga, uint64_t seq);

#endif

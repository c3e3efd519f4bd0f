/*
 * sim_store.h: one durable state for all nodes behind the store port, and one handle a node.
 *
 *   T1  The durable state changes only by a whole part, a take, a renewal or a definition (S1, S3,
 *       S4).
 *   T2  Parts of one batch commit apart, in any order and at different times, or together; batches
 *       of one handle commit in the order of submission (S5).
 *   T3  A crash of the node decides each part that was submitted and not answered: committed now,
 *       never, or (a shared store) later, when the fence has to stop it.
 *   T4  PASSING never commits; NOT_KNOWN and BROKEN did or did not; after BROKEN the handle is of
 *       no use until it is reopened; REFUSED is decided by content.
 *
 * Rows are never changed once they are read out, but for heads, which are copied: readers may keep
 * texts as long as the world lives.
 */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include "core/plan.h"
#include "store/store.h"
#include "world.h"

/* What is wrong with a history that is read back. */
enum sim_damage {
    SIM_DAMAGE_NONE,
    SIM_DAMAGE_ERROR, /* the read fails */
    SIM_DAMAGE_CUT,   /* an event's bytes end early */
    SIM_DAMAGE_TYPE,  /* of a type that nobody knows */
    SIM_DAMAGE_LOST,  /* an event is missing, maybe the last */
    SIM_DAMAGE_ALL    /* there are none */
};

/* A saga or a lock's machine, with its whole history. */
struct sim_row {
    struct sk_head head;
    struct sk_event_row *events; /* ascending by seq; before events_from they were trimmed */
    uint32_t events_count, events_capacity, events_from;
    uint32_t is_removed;
    struct sim_row *next; /* of the whole store, oldest first */
    struct model *model;  /* check_model.c: of a saga, from its first event on */
    uint64_t judged_seq;  /* check_replay.c: compared at this event already */
    int64_t stored_at_ms; /* since when it is there */
    int64_t removed_at_ms;
    int64_t ended_at_us; /* by the world's time: when its last end became durable */
    int64_t damaged_until_us;
    uint32_t damage; /* enum sim_damage; 0 = none yet */
    uint32_t damaged_at;
};

struct model;
struct model_definition;

struct sim_consumed {
    struct sk_str id;
    uint32_t from_shard;
};

struct sim_shard {
    struct sk_shard_row row;
    struct sim_node *taker; /* of this epoch */
    uint64_t taker_life;
    int64_t contested_until_us; /* its lease cannot be renewed, till somebody else has had it */
    struct sim_row **rows;      /* ascending by no */
    uint32_t rows_count, rows_capacity;
    struct sk_message_row *messages;
    uint32_t messages_count, messages_capacity;
    struct sk_consumed_row *consumed;
    uint32_t consumed_count, consumed_capacity;
    struct sk_start_key_row *keys;
    uint32_t keys_count, keys_capacity;
    struct sk_tally_row *tallies;
    uint32_t tallies_count, tallies_capacity;
    struct sk_dead_letter_row *letters;
    uint32_t letters_count, letters_capacity;
    struct sk_cursor_row *cursors;
    uint32_t cursors_count, cursors_capacity;
    struct sk_record_row *records;
    uint32_t records_count, records_capacity;
};

struct sim_definition {
    struct sk_definition_row row;
    struct sk_plan *plan;           /* the checkers' own, compiled when first needed */
    struct model_definition *model; /* as the second model reads it, when first needed */
};

struct sim_lost {
    int64_t from_us, upto_us;
};

struct sim_store_counts {
    uint64_t parts, events, takes, results[SK_PART_BROKEN + 1];
};

struct sim_store {
    struct sim_world *world;
    struct sk_meta meta;
    struct sim_shard *shards;
    struct sim_map by_id; /* struct sim_row * */
    struct sim_row *first, *last;
    struct sim_definition *definitions;
    uint32_t definitions_count, definitions_capacity;
    bool is_honest;                   /* no faults any more */
    struct sim_backup *backup;        /* a copy that will be restored: sim_restore.c */
    struct sim_lost *lost;            /* the times that restores took back, … */
    uint32_t restores, lost_capacity; /* … so many */
    int64_t full_until_us, read_only_until_us, away_until_us; /* sim_store_faults.c */
    struct sim_store_counts counts;
};

struct sim_handle {
    struct sk_store port; /* first */
    struct sim_store *store;
    struct sim_node *node;
    struct sim_submission *queue, *queue_end;
    bool is_broken;
    uint64_t life;
};

void sim_store_init(struct sim_store *store, struct sim_world *world);
void sim_store_release(struct sim_store *store);
void sim_handle_init(struct sim_handle *handle, struct sim_store *store, struct sim_node *node);
/* The node crashes: T3. Called while the engine's memory is still there. */
void sim_handle_crash(struct sim_handle *handle);

struct sim_row *sim_store_row(const struct sim_store *store,
                              struct sk_str saga_id); /* NULL: none */
struct sim_row *sim_shard_row(const struct sim_shard *shard, uint64_t no);
struct sim_definition *sim_store_definition(const struct sim_store *store,
                                            const struct sk_digest *digest);
/* The plan of a stored definition, for checkers; borrowed. */
const struct sk_plan *sim_store_plan(struct sim_store *store, const struct sk_digest *digest);
static inline const struct sk_event_row *sim_row_last(const struct sim_row *row)
{
    return &row->events[row->events_count - 1];
}

/* sim_store_apply.c: T1. `node`, in that life, is who commits. */
void sim_store_apply(struct sim_store *store, struct sim_node *node, uint64_t life,
                     const struct sk_part *part);
bool sim_store_matches(const struct sim_store *store,
                       const struct sk_part *part); /* S1's compare */
/* sim_store_read.c */
void sim_store_read(struct sk_store *port, const struct sk_read *read, sk_read_done *done,
                    void *context);

/* sim_store_lease.c: the port's */
void sim_store_take(struct sk_store *port, uint32_t shard, uint64_t epoch, struct sk_str owner,
                    int64_t expires_at_ms, sk_take_done *done, void *context);
void sim_store_renew(struct sk_store *port, uint32_t shard, uint64_t epoch, int64_t expires_at_ms,
                     sk_take_done *done, void *context);
void sim_store_define(struct sk_store *port, const struct sk_definition_row *row, bool keep_latest,
                      sk_define_done *done, void *context);
void sim_store_reopen(struct sk_store *port, sk_define_done *done, void *context);

/* sim_restore.c: once a second: maybe a copy, and later the way back to it. */
void sim_store_copy(struct sim_store *store);
/* Was this sent in a time that a restore took back? */
bool sim_store_lost(const struct sim_store *store, int64_t at_us);

/* sim_store_faults.c: what goes on for a while. */
void sim_store_faults_init(struct sim_store *store);
/* Why this handle cannot write now, or SIM_FAULTS_COUNT; full and read-only disks can be read. */
enum sim_fault sim_handle_cut(const struct sim_handle *handle);
bool sim_handle_can_read(const struct sim_handle *handle);
/* Is it damaged as it is read now? And was it, when the engine says so? */
bool sim_row_damage(struct sim_world *world, struct sim_row *row);
bool sim_row_was_damaged(const struct sim_world *world, struct sk_str saga_id);

/* Room for one more element of an array in the world's arena. */
#define SIM_PUSH(world, array, count, capacity)                                   \
    ((array) = sim_room((world), (array), (count), &(capacity), sizeof *(array)), \
     &(array)[(count)++])
void *sim_room(struct sim_world *world, void *array, uint32_t count, uint32_t *capacity,
               size_t size);

#endif

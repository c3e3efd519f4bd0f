/*
 * sim_restore.c: somebody makes a copy of the store, and later, everybody being down, puts it in
 * the place of the store, as `skald store restore` does: the state of one moment, every epoch
 * raised by far, a new incarnation.
 *
 *   T8  What became durable after the copy is gone, and only that. The participants know of it:
 *       what was sent in the time that is lost, and a saga that goes on from the copy never comes
 *       to again, is excused and counted (check_undo.c); so is what an unguarded participant made
 *       of both. Everything else is judged as if nothing had been.
 *   T9  Starts that were acknowledged after the copy are made again by clients who have an id or a
 *       key for them, and participants complete again what they completed since.
 */
#include "beside.h"
#include "check.h"
#include "node.h"
#include "reached.h"
#include "workload.h"

enum { EPOCHS_SKIPPED = 1 << 20 };

struct kept_row {
    struct sim_row *row;
    struct sk_head head;
    uint32_t events_count, events_from, is_removed;
};

struct sim_backup {
    struct sim_store *store;
    int64_t at_us;
    struct kept_row *rows;
    uint32_t rows_count;
    struct sim_shard *shards; /* with arrays of their own, but for rows */
    struct sim_definition *definitions;
    uint32_t definitions_count;
};

/* ---- the copy -------------------------------------------------------------------------------- */

static void *copy_array(struct sim_world *world, const void *array, uint32_t count, size_t size)
{
    void *copy = sk_arena_array(&world->arena, count + 1u, size);
    if (count > 0) memcpy(copy, array, count * size);
    return copy;
}
#define COPY(member)                                                                         \
    (to->member = copy_array(world, from->member, from->member##_count, sizeof *to->member), \
     to->member##_capacity = from->member##_count)

static void copy_shard(struct sim_world *world, struct sim_shard *to, const struct sim_shard *from)
{
    *to = *from;
    COPY(messages);
    COPY(consumed);
    COPY(keys);
    COPY(tallies);
    COPY(letters);
    COPY(cursors);
    COPY(records);
}

static struct sim_backup *make_copy(struct sim_store *store)
{
    struct sim_world *world = store->world;
    struct sim_backup *backup = SK_ARENA_NEW(&world->arena, struct sim_backup);
    uint32_t count = 0;
    for (const struct sim_row *row = store->first; row != NULL; row = row->next) count += 1;
    *backup = (struct sim_backup){ .store = store, .at_us = world->now_us };
    backup->rows = SK_ARENA_ARRAY(&world->arena, struct kept_row, count + 1u);
    for (struct sim_row *row = store->first; row != NULL; row = row->next) {
        backup->rows[backup->rows_count++] = (struct kept_row){ row, row->head, row->events_count,
                                                                row->events_from, row->is_removed };
    }
    uint32_t shards_count = store->meta.shards_count;
    backup->shards = SK_ARENA_ARRAY(&world->arena, struct sim_shard, shards_count);
    for (uint32_t s = 0; s < shards_count; s++)
        copy_shard(world, &backup->shards[s], &store->shards[s]);
    backup->definitions =
        copy_array(world, store->definitions, store->definitions_count, sizeof *store->definitions);
    backup->definitions_count = store->definitions_count;
    return backup;
}

/* ---- back ------------------------------------------------------------------------------------ */

static void put_back_rows(const struct sim_backup *backup)
{
    struct sim_store *store = backup->store;
    for (struct sim_row *row = store->first; row != NULL; row = row->next)
        sim_map_put(&store->by_id, row->head.id, NULL);
    store->first = store->last = NULL;
    for (uint32_t i = 0; i < backup->rows_count; i++) {
        const struct kept_row *kept = &backup->rows[i];
        struct sim_row *row = kept->row;
        row->head = kept->head;
        row->events_count = kept->events_count;
        row->events_from = kept->events_from;
        row->is_removed = kept->is_removed;
        row->judged_seq = 0;
        row->next = NULL;
        if (store->first == NULL) store->first = row;
        if (store->last != NULL) store->last->next = row;
        store->last = row;
        sim_map_put(&store->by_id, row->head.id, row);
    }
}

static void put_back_shards(const struct sim_backup *backup)
{
    struct sim_store *store = backup->store;
    for (uint32_t s = 0; s < store->meta.shards_count; s++) {
        struct sim_shard *shard = &store->shards[s];
        const struct sim_shard now = *shard;
        copy_shard(store->world, shard, &backup->shards[s]);
        shard->rows = now.rows; /* it only grew */
        shard->rows_capacity = now.rows_capacity;
        shard->row.epoch += EPOCHS_SKIPPED;
        shard->row.owner = (struct sk_str){ NULL, 0 };
        shard->row.expires_at_ms = 0;
        shard->taker = NULL;
        shard->contested_until_us = 0;
    }
}

static void put_back_definitions(const struct sim_backup *backup)
{
    struct sim_store *store = backup->store;
    for (uint32_t i = 0; i < store->definitions_count; i++) {
        struct sim_definition *definition = &store->definitions[i];
        if (i < backup->definitions_count) {
            definition->row.is_latest = backup->definitions[i].row.is_latest;
        } else {
            sk_plan_free(definition->plan);
            definition->plan = NULL;
        }
    }
    store->definitions_count = backup->definitions_count;
}

static void on_restore(void *context)
{
    const struct sim_backup *backup = context;
    struct sim_store *store = backup->store;
    struct sim_world *world = store->world;
    store->backup = NULL;
    if (world->is_calm) return;
    sim_note(world, "restore", (uint64_t)(backup->at_us / SIM_MS), store->meta.incarnation,
             (struct sk_str){ 0 });
    sim_nodes_kill(world, SIM_S);
    sim_check_model_release(world);
    put_back_rows(backup);
    put_back_shards(backup);
    put_back_definitions(backup);
    store->meta.incarnation += 1;
    *SIM_PUSH(world, store->lost, store->restores, store->lost_capacity) =
        (struct sim_lost){ backup->at_us, world->now_us };
    sim_books_restored(world->books, backup->at_us);
    sim_completions_restored(world, backup->at_us);
    sim_check_locks_restored(world);
    sim_check_lock_queues_restored(world);
    sim_check_requests_restored(world, backup->at_us);
    sim_load_restored(world->load);
    sim_clerks_restored(world);
}

bool sim_store_lost(const struct sim_store *store, int64_t at_us)
{
    for (uint32_t i = 0; i < store->restores; i++) {
        if (at_us > store->lost[i].from_us && at_us <= store->lost[i].upto_us) return true;
    }
    return false;
}

void sim_store_copy(struct sim_store *store)
{
    struct sim_world *world = store->world;
    if (store->backup != NULL || !sim_strikes(world, SIM_FAULT_RESTORE)) return;
    store->backup = make_copy(store);
    struct sim_rng *dice = sim_dice(world, SIM_FAULT_RESTORE);
    sim_after(world, sim_between(dice, 10 * SIM_MS, 20 * SIM_S), on_restore, store->backup);
}

/*
 * sim_store_faults.c: what befalls the store for a while: a disk that is full or read-only, a
 * server that is away for all nodes or for one, histories that cannot be read back, leases that
 * somebody else gets.
 *
 *   T5  While it is away, what was submitted ends PASSING or NOT_KNOWN (done or not); a take, a
 *       renewal or a definition fails and was done or not; reads fail. A disk that takes nothing
 *       can be read.
 *   T6  A damaged history is whole again after a while (somebody has mended the file), and in the
 *       calm. What is damaged is what a store can tell or a fold must notice: the bytes of a
 *       payload are the store's own business (its checksums).
 *   T7  Nobody takes a shard from an owner whose lease runs. A shard is contested by losing its
 *       renewals; then somebody has it for a moment.
 */
#include "node.h"
#include "sim_store.h"

static int64_t until(struct sim_world *world, enum sim_fault fault, int64_t least_us,
                     int64_t most_us)
{
    return world->now_us + sim_between(sim_dice(world, fault), least_us, most_us);
}

enum sim_fault sim_handle_cut(const struct sim_handle *handle)
{
    const struct sim_store *store = handle->store;
    int64_t now_us = store->world->now_us;
    if (store->is_honest) return SIM_FAULTS_COUNT;
    if (handle->node->cut_until_us > now_us) return SIM_FAULT_PARTITION;
    if (store->away_until_us > now_us) return SIM_FAULT_STORE_AWAY;
    if (store->full_until_us > now_us) return SIM_FAULT_DISK_FULL;
    if (store->read_only_until_us > now_us) return SIM_FAULT_DISK_READ_ONLY;
    return SIM_FAULTS_COUNT;
}

bool sim_handle_can_read(const struct sim_handle *handle)
{
    enum sim_fault cut = sim_handle_cut(handle);
    return cut != SIM_FAULT_PARTITION && cut != SIM_FAULT_STORE_AWAY;
}

/* ---- damage ---------------------------------------------------------------------------------- */

bool sim_row_damage(struct sim_world *world, struct sim_row *row)
{
    if (!world->is_calm && row->damaged_until_us > world->now_us) return true;
    if (!sim_strikes(world, SIM_FAULT_READ_DAMAGED)) return false;
    struct sim_rng *dice = sim_dice(world, SIM_FAULT_READ_DAMAGED);
    row->damage = 1 + sim_below(dice, SIM_DAMAGE_ALL);
    row->damaged_at = sim_below(dice, 1000);
    row->damaged_until_us = until(world, SIM_FAULT_READ_DAMAGED, SIM_MS, 90 * SIM_S);
    return true;
}

bool sim_row_was_damaged(const struct sim_world *world, struct sk_str saga_id)
{
    const struct sim_row *row = sim_map_get(&world->store->by_id, saga_id);
    return row != NULL && row->damage != SIM_DAMAGE_NONE;
}

/* ---- windows --------------------------------------------------------------------------------- */

static void contest(struct sim_store *store)
{
    struct sim_world *world = store->world;
    if (world->profile.is_shared && sim_strikes(world, SIM_FAULT_SEIZED)) {
        uint32_t s = sim_below(sim_dice(world, SIM_FAULT_SEIZED), store->meta.shards_count);
        store->shards[s].contested_until_us = world->now_us + 12 * SIM_S;
    }
    for (uint32_t s = 0; s < store->meta.shards_count; s++) {
        struct sim_shard *shard = &store->shards[s];
        bool is_free = shard->row.expires_at_ms <= sim_now_ms(world); /* T7 */
        if (shard->contested_until_us <= world->now_us || !is_free) continue;
        int64_t end_us = until(world, SIM_FAULT_SEIZED, 0, 3 * SIM_S);
        shard->contested_until_us = 0;
        shard->row.owner = SK_STR("somebody");
        shard->row.expires_at_ms = SIM_EPOCH_MS + end_us / SIM_MS;
        shard->row.epoch += 1;
        shard->taker = NULL;
        sim_note(world, "seized", s, shard->row.epoch, (struct sk_str){ 0 });
    }
}

static void on_second(void *context)
{
    struct sim_store *store = context;
    struct sim_world *world = store->world;
    if (world->is_calm) return;
    if (sim_strikes(world, SIM_FAULT_DISK_FULL))
        store->full_until_us = until(world, SIM_FAULT_DISK_FULL, SIM_S, 20 * SIM_S);
    if (sim_strikes(world, SIM_FAULT_DISK_READ_ONLY))
        store->read_only_until_us = until(world, SIM_FAULT_DISK_READ_ONLY, SIM_S, 20 * SIM_S);
    if (sim_strikes(world, SIM_FAULT_STORE_AWAY))
        store->away_until_us = until(world, SIM_FAULT_STORE_AWAY, 100 * SIM_MS, 15 * SIM_S);
    for (uint32_t n = 0; n < world->profile.nodes_count && world->profile.is_shared; n++) {
        if (sim_strikes(world, SIM_FAULT_PARTITION))
            world->nodes[n]->cut_until_us =
                until(world, SIM_FAULT_PARTITION, 100 * SIM_MS, 20 * SIM_S);
    }
    contest(store);
    sim_store_copy(store);
    sim_after(world, SIM_S, on_second, store);
}

void sim_store_faults_init(struct sim_store *store)
{
    const uint32_t *rates = store->world->profile.faults;
    static const enum sim_fault kinds[] = { SIM_FAULT_DISK_FULL,  SIM_FAULT_DISK_READ_ONLY,
                                            SIM_FAULT_STORE_AWAY, SIM_FAULT_PARTITION,
                                            SIM_FAULT_SEIZED,     SIM_FAULT_RESTORE };
    uint32_t any = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) any |= rates[kinds[i]];
    if (any != 0) sim_after(store->world, SIM_S, on_second, store);
}

/*
 * links.c: messages between shards on their way: held up for seconds, all that go the same way and
 * in their order; handed over twice. What the target of a message forgets (its shard was lost) is
 * handed over again; that is counted, too.
 */
#include "node.h"
#include "reached.h"

struct sim_links {
    int64_t held_until_us[SIM_SHARDS_MAX][SIM_SHARDS_MAX]; /* from, to */
    struct sim_map handed;                                 /* ids */
};

static struct sim_links *links_of(struct sim_world *world)
{
    if (world->links != NULL) return world->links;
    world->links = SK_ARENA_NEW(&world->arena, struct sim_links);
    sim_map_init(&world->links->handed, &world->arena);
    return world->links;
}

static void count(struct sim_world *world, struct sim_links *links, struct sk_str id)
{
    if (sim_map_get(&links->handed, id) != NULL) sim_reached(world, SIM_REACHED_MESSAGE_AGAIN);
    sim_map_put(&links->handed, id, links);
}

enum sk_carriage sim_links_carry(void *context, uint32_t from_shard, uint32_t to_shard,
                                 struct sk_str message_id)
{
    struct sim_world *world = ((struct sim_node *)context)->world;
    struct sim_links *links = links_of(world);
    int64_t *held_until_us = &links->held_until_us[from_shard][to_shard];
    if (*held_until_us > world->now_us && !world->is_calm) return SK_CARRY_LATER;
    if (sim_strikes(world, SIM_FAULT_LINK_HELD)) {
        struct sim_rng *dice = sim_dice(world, SIM_FAULT_LINK_HELD);
        *held_until_us = world->now_us + sim_between(dice, 10 * SIM_MS, 8 * SIM_S);
        return SK_CARRY_LATER;
    }
    count(world, links, message_id);
    if (sim_node_is_elsewhere(context, to_shard))
        sim_reached(world, SIM_REACHED_MESSAGE_TO_SIBLING);
    return sim_strikes(world, SIM_FAULT_MESSAGE_TWICE) ? SK_CARRY_TWICE : SK_CARRY_NOW;
}

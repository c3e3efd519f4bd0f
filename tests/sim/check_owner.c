/*
 * check_owner.c: law 9. In one epoch one life of one node writes to a shard, and positions are contiguous
 * (the store's compare and sim_store_apply.c see to the second).
 */
#include "check.h"
#include "node.h"

void sim_check_owner(struct sim_world *world, const struct sim_shard *shard, const struct sim_node *node,
                     const struct sk_part *part)
{
    world->checks->judged[SIM_CHECK_OWNER] += 1;
    if (shard->row.epoch != part->epoch || shard->row.position != part->first_position) {
        sim_fail(world, "one owner", (struct sk_str){ 0 }, "the store took a part that the compare forbids");
    }
    if (shard->taker == node && shard->taker_life == node->life) return;
    sim_fail(world, "one owner", (struct sk_str){ 0 }, "shard %u, epoch %llu belongs to node %u life %llu; node %u life %llu writes",
             part->shard, (unsigned long long)part->epoch, shard->taker == NULL ? 99 : shard->taker->index,
             (unsigned long long)shard->taker_life, node->index, (unsigned long long)node->life);
}

/*
 * check_owner.c: law 9. In one epoch one life of one node writes to a shard, and positions are
 * contiguous (the store's compare and sim_store_apply.c see to the second).
 */
#include "check.h"
#include "node.h"

/* No effect starts after its deadline, or at a node whose shard another one has taken. */
void sim_check_sender(struct sim_world *world, struct sim_node *node,
                      const struct sk_invocation *invocation)
{
    uint32_t index = (uint32_t)(sk_hash_id(invocation->saga_id) % world->profile.shards_count);
    const struct sim_shard *shard = &world->store->shards[index];
    int64_t now_ms = sim_node_now_ms(node);
    world->checks->judged[SIM_CHECK_OWNER] += 1;
    if (shard->taker != node || shard->taker_life != node->life) {
        sim_fail(world, "one owner", invocation->saga_id,
                 "node %u sends %.*s; shard %u was taken by node %u, life %llu", node->index,
                 SK_STR_ARGS(invocation->key), index,
                 shard->taker == NULL ? 99 : shard->taker->index,
                 (unsigned long long)shard->taker_life);
    }
    if (invocation->deadline_ms > 0 && now_ms >= invocation->deadline_ms) {
        sim_fail(world, "one owner", invocation->saga_id,
                 "%.*s was sent %lld ms after its deadline", SK_STR_ARGS(invocation->key),
                 (long long)(now_ms - invocation->deadline_ms));
    }
}

void sim_check_owner(struct sim_world *world, const struct sim_shard *shard,
                     const struct sim_node *node, uint64_t life, const struct sk_part *part)
{
    world->checks->judged[SIM_CHECK_OWNER] += 1;
    if (shard->row.epoch != part->epoch || shard->row.position != part->first_position) {
        sim_fail(world, "one owner", (struct sk_str){ 0 },
                 "the store took a part that the compare forbids");
    }
    if (shard->taker == node && shard->taker_life == life) return;
    sim_fail(world, "one owner", (struct sk_str){ 0 },
             "shard %u, epoch %llu belongs to node %u life %llu; node %u life %llu writes",
             part->shard, (unsigned long long)part->epoch,
             shard->taker == NULL ? 99 : shard->taker->index, (unsigned long long)shard->taker_life,
             node->index, (unsigned long long)life);
}

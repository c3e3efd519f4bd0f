/*
 * check_bounds.c: what waits is bounded. One batch a handle is with the store and no more, however
 * slow it is; a batch holds no more events than it may, but for the last saga's; when everything is
 * over a node keeps no more finished sagas than its cache is for, and none that is active.
 */
#include "check.h"
#include "node.h"

enum { CACHE_DEFAULT = 10000, CACHE_SLACK = 16, EVENTS_OF_ONE_MAX = 2048 };

static const char *const name = "bounded queues";

void sim_check_submitted(struct sim_world *world, const struct sim_handle *handle,
                         const struct sk_batch *batch)
{
    uint32_t events = 0, most = handle->node->batch_events_max;
    world->checks->judged[SIM_CHECK_BOUNDS] += 1;
    if (handle->queue != NULL) {
        sim_fail(world, name, (struct sk_str){ 0 },
                 "node %u hands over a batch before the one before it is answered",
                 handle->node->index);
    }
    for (uint32_t i = 0; i < batch->parts_count; i++) events += batch->parts[i].events_count;
    if (most == 0 || events < most + EVENTS_OF_ONE_MAX) return;
    sim_fail(world, name, (struct sk_str){ 0 }, "a batch of %u events, where %u is the most",
             events, most);
}

void sim_check_bounds_end(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->profile.nodes_count; i++) {
        const struct sim_node *node = world->nodes[i];
        uint64_t most = node->cache_sagas_max > 0 ? node->cache_sagas_max : CACHE_DEFAULT;
        struct sk_engine_stats stats;
        if (!sim_node_answers(node)) continue;
        sk_engine_stats(node->engine, &stats);
        world->checks->judged[SIM_CHECK_BOUNDS] += 1;
        if (stats.sagas_active > 0) {
            sim_fail(world, name, (struct sk_str){ 0 }, "node %u has %llu active sagas at the end",
                     i, (unsigned long long)stats.sagas_active);
        }
        if (stats.sagas_cached <= most + CACHE_SLACK) continue; /* it is emptied in passing */
        sim_fail(world, name, (struct sk_str){ 0 },
                 "node %u keeps %llu finished sagas, its cache is for %llu", i,
                 (unsigned long long)stats.sagas_cached, (unsigned long long)most);
    }
}

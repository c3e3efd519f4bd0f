/*
 * node.h: one process of the simulated world: its engine, its runtime, its handle of the store, its
 * way to the participants. It lives, crashes (all memory is lost), is paused and wakes.
 */
#ifndef SIM_NODE_H
#define SIM_NODE_H

#include "engine/engine.h"
#include "sim_store.h"
#include "world.h"

#include "base/list.h"
#include "runtime/clock.h"

struct placement;

struct sim_runtime {
    struct sk_runtime port;    /* first */
    struct sk_runtime letters; /* what its siblings post by */
    int64_t letters_at_us;     /* not before: they keep their order */
    struct sim_node *node;
    struct sim_rng rng;
    struct sk_clock clock;
    struct sk_runtime_timer *free_timers;
    uint32_t timers_count;
};

struct sim_invoker {
    struct sk_invoker port; /* first */
    struct sim_node *node;
    struct sim_call *calls; /* in flight, newest first */
};

struct sim_node {
    struct sim_world *world;
    uint32_t index;
    char name[16];
    uint64_t life;           /* raised by each crash: W3 */
    bool is_up, is_ready;    /* is_ready: sk_engine_opened said so in this life */
    int64_t paused_until_us; /* in the past = runs */
    int64_t cut_until_us;    /* it does not reach the store: sim_store_faults.c */
    int64_t clock_offset_ms; /* of its wall clock */
    int64_t jump_ms; /* somebody has set it to so much beside true time; 0 = it is about right */
    int64_t furthest_ms; /* ahead of true time, ever */
    int64_t drift_ppm;   /* of its monotonic clock */
    uint32_t starts_count;
    int64_t down_us;
    struct placement *placement;
    uint32_t cache_sagas_max, batch_events_max; /* of this life: 0 = the engine's default */
    struct sim_runtime runtime;
    struct sim_invoker invoker;
    struct sim_handle handle;
    struct sk_engine *engine;
};

void sim_runtime_init(struct sim_runtime *runtime, struct sim_node *node);
/* A new life: it believes its wall clock. */
void sim_runtime_start(struct sim_runtime *runtime);
int64_t sim_node_now_ms(struct sim_node *node); /* engine time */
void sim_invoker_init(struct sim_invoker *invoker, struct sim_node *node);

void sim_nodes_init(struct sim_world *world);
void sim_nodes_release(struct sim_world *world);
/* What was on its way to them has come. */
void sim_nodes_forget(struct sim_world *world);
/* No more crashes, pauses and moves; all nodes come up. */
void sim_nodes_calm(struct sim_world *world);
/* All at once, now; not from inside a call of an engine. */
void sim_nodes_kill(struct sim_world *world, int64_t down_us);
void sim_node_crash(struct sim_node *node, int64_t down_us);
void sim_node_pause(struct sim_node *node, int64_t for_us);
/* links.c: the engine's question about a message between two shards. */
enum sk_carriage sim_links_carry(void *context, uint32_t from_shard, uint32_t to_shard,
                                 struct sk_str message_id);
/* A node that can answer about this shard now, or NULL. */
struct sim_node *sim_node_for(struct sim_world *world, uint32_t shard);
bool sim_node_answers(const struct sim_node *node);
/* A sibling of this node is to own the shard. */
bool sim_node_is_elsewhere(const struct sim_node *node, uint32_t shard);

#endif

/*
 * node.c: lives and deaths of the nodes, and who is told to own which shard.
 *
 *   N1  A crash forgets everything of the node's memory (sk_engine_free) and decides what was on
 *       its way to the disk (T3); it comes back after a while, under the same name, with the same
 *       token key.
 *   N2  A paused node does nothing and then goes on as if no time had passed: it believes it owns
 *       what it owned.
 *   N3  With several nodes, the world says who owns a shard (sk_engine_own), again and again: a
 *       take may have failed. It moves shards at random, and away from nodes that are down or
 *       paused.
 */
#include "node.h"

#include "check.h"
#include "reached.h"
#include "workload.h"

#include "engine/group.h"

#include <stdio.h>

enum { WRONG_MS = 3000 };
static const int64_t DAY_MS = INT64_C(86400000);

struct placement {
    struct sim_world *world;
    uint32_t owner[8]; /* by shard */
};

static void start_node(void *context);
static void schedule_faults(struct sim_node *node);

bool sim_node_answers(const struct sim_node *node)
{
    return node->is_up && node->is_ready && node->paused_until_us <= node->world->now_us;
}

static struct placement *placement_of(struct sim_world *world)
{
    return world->nodes[0]->placement;
}

struct sim_node *sim_node_for(struct sim_world *world, uint32_t shard)
{
    struct sim_node *node =
        world->nodes[placement_of(world)->owner[shard] % world->profile.nodes_count];
    return sim_node_answers(node) ? node : NULL;
}

bool sim_node_is_elsewhere(const struct sim_node *node, uint32_t shard)
{
    return node->world->group != NULL && node->placement->owner[shard] != node->index;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void on_event(void *context, const struct sk_saga *saga, const struct sk_event *event)
{
    struct sim_node *node = context;
    sim_check_observed(node->world, saga, event);
}

static void on_notice(void *context, struct sk_str what, struct sk_str json)
{
    struct sim_node *node = context;
    (void)json;
    sim_note(node->world, "notice", node->index, 0, what);
    /* A store that could not be reopened: whoever runs the process starts it anew. */
    if (sk_str_is(what, "store.broken")) sim_node_crash(node, SIM_S);
    /* Every history here was made by the rules: they must be able to go on with it. */
    if (sk_str_is(what, "saga.broken")) sk_panic("a history that cannot go on", __FILE__, __LINE__);
}

static void on_opened(void *context, enum skald_status status, const skald_error *error)
{
    struct sim_node *node = context;
    sim_note(node->world, "node-open", node->index, (uint64_t)(int64_t)status,
             sk_str_of(node->name));
    if (status == SKALD_OK) {
        node->is_ready = true;
        return;
    }
    sim_note(node->world, "open-failed", node->index, 0,
             sk_str_of(error != NULL ? error->message : ""));
    sim_node_crash(node, SIM_S);
}

/* Whoever runs the nodes has other limits now: an older build, or other settings. */
static void vary(struct sim_node *node, struct sk_engine_options *options)
{
    struct sim_world *world = node->world;
    struct sim_rng *dice = sim_dice(world, SIM_FAULT_SETTINGS);
    if (!sim_strikes(world, SIM_FAULT_SETTINGS)) return;
    options->cache_sagas_max = sim_chance(dice, 300) ? 1 + sim_below(dice, 20) : 0;
    options->sagas_max = sim_chance(dice, 300) ? 2 + sim_below(dice, 20) : 0;
    options->batch_events_max = sim_chance(dice, 300) ? 1 + sim_below(dice, 10) : 0;
    options->acquire_timeout_ms = sim_chance(dice, 500) ? sim_between(dice, 5000, 60000) : -1;
    options->sweep_interval_ms = sim_chance(dice, 300) ? sim_between(dice, 1000, 30000) : 0;
    options->rules.hook_attempts_max = 1 + sim_below(dice, 5);
    options->rules.takeup_pause_ms = sim_between(dice, 1000, 60000);
    options->rules.verify_timeout_ms = sim_between(dice, 1000, 10000);
    options->rules.attempt_timeout_ms = sim_between(dice, 1000, 10000);
}

static const char *const masked[] = { "card" };

static struct sk_engine_options options_of(struct sim_node *node)
{
    const struct sim_profile *p = &node->world->profile;
    struct sk_engine_options options = {
        .runtime = &node->runtime.port,
        .store = &node->handle.port,
        .node = sk_str_of(node->name),
        .lease_ms = 4000,
        .lease_margin_ms = 1000,
        .no_take = p->nodes_count > 1,
        .group = node->world->group,
        .group_member = node->index,
        .mask = { masked, sizeof masked / sizeof masked[0] },
        .on_event = on_event,
        .on_notice = on_notice,
        .observer_context = node,
        .carry = sim_links_carry,
        .cache_sagas_max = p->cache_sagas_max,
        .sagas_max = p->slots_max,
        .batch_events_max = p->batch_events_max,
        .acquire_timeout_ms = p->acquire_timeout_ms,
    };
    options.rules.history_max = p->history_max;
    options.rules.signals_max = p->commands > 0 ? 6 : 0;
    options.output_size_max = 10000; /* of no payload but a huge one: tempers.c */
    options.idempotency_window_ms = p->retention_ms;
    if (p->faults[SIM_FAULT_CLOCK_JUMP] > 0) options.idempotency_window_ms = 30 * DAY_MS;
    options.retention_interval_ms = 5000;
    if (p->retention_max > 0) {
        options.retention_max = p->retention_max;
        options.retention_max_per_definition = p->retention_max / 2;
    } else {
        options.retention_ms = p->retention_ms;
    }
    vary(node, &options);
    node->cache_sagas_max = options.cache_sagas_max;
    node->batch_events_max = options.batch_events_max;
    options.invokers[SK_KIND_HTTP] = &node->invoker.port;
    options.invokers[SK_KIND_FUNCTION] = &node->invoker.port;
    options.notifier = &node->invoker.port;
    memset(options.token_key, 7, sizeof options.token_key);
    return options;
}

static void start_node(void *context)
{
    struct sim_node *node = context;
    if (node->is_up) return;
    struct sk_engine_options options = options_of(node);
    skald_error error = { 0 };
    node->is_up = true;
    node->starts_count += 1;
    /* Its clock has been set meanwhile; what it reads may lie before what it last wrote. */
    int64_t off = node->world->is_calm ? 0 : node->world->profile.clock_offset_ms;
    node->clock_offset_ms = sim_between(&node->world->faults, -off, off);
    if (node->clock_offset_ms != 0) sim_reached(node->world, SIM_REACHED_FAULT_CLOCK_OFF);
    if (node->jump_ms != 0 && !node->world->is_calm) node->clock_offset_ms = node->jump_ms;
    sim_runtime_start(&node->runtime);
    sim_handle_init(&node->handle, node->world->store, node);
    sim_invoker_init(&node->invoker, node);
    if (sk_engine_new(&options, &node->engine, &error) != SKALD_OK) {
        sim_fail(node->world, "simulator", (struct sk_str){ 0 }, "sk_engine_new: %s",
                 error.message);
    }
    sk_engine_open(node->engine, on_opened, node);
}

static void crash_now(void *context)
{
    struct sim_node *node = context;
    int64_t down_us = node->down_us;
    sim_note(node->world, "crash", node->index, node->life, sk_str_of(node->name));
    sim_handle_crash(&node->handle);
    node->life += 1; /* before the free: what it posts now is lost */
    sk_engine_free(node->engine);
    node->engine = NULL;
    node->is_up = node->is_ready = false;
    node->paused_until_us = 0;
    sim_after(node->world, down_us, start_node, node);
}

/* Never from inside a call of the engine: as an event of its own. */
void sim_node_crash(struct sim_node *node, int64_t down_us)
{
    node->down_us = down_us;
    sim_after_at(node, 0, crash_now, node);
}

void sim_nodes_kill(struct sim_world *world, int64_t down_us)
{
    for (uint32_t i = 0; i < world->profile.nodes_count; i++) {
        struct sim_node *node = world->nodes[i];
        if (!node->is_up) continue;
        node->down_us = down_us + (int64_t)i * SIM_MS;
        crash_now(node);
    }
}

void sim_node_pause(struct sim_node *node, int64_t for_us)
{
    sim_reached(node->world, SIM_REACHED_FAULT_PAUSE);
    sim_note(node->world, "pause", node->index, (uint64_t)(for_us / SIM_MS), sk_str_of(node->name));
    node->paused_until_us = node->world->now_us + for_us;
}

/* ---- faults ---------------------------------------------------------------------------------- */

static int64_t gap(struct sim_node *node, int64_t mean_us)
{
    return sim_between(&node->world->faults, mean_us / 4, mean_us * 7 / 4);
}

static void fault_crash(void *context)
{
    struct sim_node *node = context;
    struct sim_world *world = node->world;
    if (world->is_calm) return;
    if (node->is_up) {
        if (node->paused_until_us > world->now_us) node->paused_until_us = 0;
        int64_t most_us = sim_chance(&world->faults, 500) ? SIM_S / 2 : 6 * SIM_S;
        sim_reached(world, SIM_REACHED_FAULT_CRASH);
        sim_node_crash(node, sim_between(&world->faults, 10 * SIM_MS, most_us));
    }
    sim_after(world, gap(node, world->profile.crash_gap_us), fault_crash, node);
}

/* Graceful: what is decided becomes durable, then the process ends and comes back. */
static void on_stopped(void *context, enum skald_status status, const skald_error *error)
{
    struct sim_node *node = context;
    (void)error;
    sim_note(node->world, "stopped", node->index, (uint64_t)(int64_t)status, sk_str_of(node->name));
    sim_node_crash(node, 200 * SIM_MS);
}

static void fault_stop(void *context)
{
    struct sim_node *node = context;
    struct sim_world *world = node->world;
    if (world->is_calm) return;
    if (sim_node_answers(node)) {
        node->is_ready = false;
        sim_reached(world, SIM_REACHED_FAULT_STOP);
        sim_note(world, "stop", node->index, node->life, sk_str_of(node->name));
        sk_engine_stop(node->engine, sim_between(&world->faults, 0, 3000), on_stopped, node);
    }
    sim_after(world, gap(node, world->profile.stop_gap_us), fault_stop, node);
}

/* Its clock is slewed, slowly enough for a second to stay one. */
static void fault_drift(void *context)
{
    struct sim_node *node = context;
    struct sim_world *world = node->world;
    int64_t limit_ms = world->profile.clock_offset_ms;
    if (world->is_calm) return;
    if (node->jump_ms == 0) node->clock_offset_ms += sim_between(&world->faults, -100, 100);
    if (node->jump_ms != 0) limit_ms = INT64_MAX;
    sim_reached(world, SIM_REACHED_FAULT_CLOCK_DRIFTS);
    if (node->clock_offset_ms > limit_ms) node->clock_offset_ms = limit_ms;
    if (node->clock_offset_ms < -limit_ms) node->clock_offset_ms = -limit_ms;
    sim_after(world, SIM_S, fault_drift, node);
}

/* Forward by days only where nobody works by the second: a saga that has seen the future sleeps
 * till then. */
static int64_t draw_jump(struct sim_node *node)
{
    struct sim_world *world = node->world;
    struct sim_rng *dice = sim_dice(world, SIM_FAULT_CLOCK_JUMP);
    uint32_t size = sim_below(dice, 100);
    int64_t most_ms = size < 50 ? 120000 : size < 95 ? 3600000 : INT64_C(3) * 86400000;
    bool is_forward = sim_chance(dice, 500);
    if (is_forward && world->load->generated.has_tasks && most_ms > 3600000) most_ms = 3600000;
    int64_t jump_ms = sim_between(dice, 5000, most_ms);
    return is_forward ? jump_ms : -jump_ms;
}

/* Somebody sets its wall clock, also while it sleeps; or sets it right. */
static void fault_jump(void *context)
{
    struct sim_node *node = context;
    struct sim_world *world = node->world;
    if (world->is_calm) return;
    if (sim_strikes(world, SIM_FAULT_CLOCK_JUMP)) {
        bool is_righted = sim_chance(sim_dice(world, SIM_FAULT_CLOCK_JUMP), 300);
        node->jump_ms = is_righted ? 0 : draw_jump(node);
        node->clock_offset_ms = node->jump_ms;
        sim_note(world, "clock-set", node->index, (uint64_t)(node->jump_ms / 1000),
                 sk_str_of(node->name));
        if (node->jump_ms > node->furthest_ms) node->furthest_ms = node->jump_ms;
    }
    sim_after(world, SIM_S, fault_jump, node);
}

static void fault_pause(void *context)
{
    struct sim_node *node = context;
    struct sim_world *world = node->world;
    if (world->is_calm) return;
    if (sim_node_answers(node))
        sim_node_pause(node, sim_between(&world->faults, 100 * SIM_MS, 15 * SIM_S));
    sim_after(world, gap(node, world->profile.pause_gap_us), fault_pause, node);
}

static void schedule_faults(struct sim_node *node)
{
    struct sim_world *world = node->world;
    if (world->profile.crash_gap_us > 0) {
        sim_after(world, gap(node, world->profile.crash_gap_us), fault_crash, node);
    }
    if (world->profile.stop_gap_us > 0) {
        sim_after(world, gap(node, world->profile.stop_gap_us), fault_stop, node);
    }
    if (world->profile.clock_drifts) sim_after(world, SIM_S, fault_drift, node);
    if (world->profile.faults[SIM_FAULT_CLOCK_JUMP] > 0) sim_after(world, SIM_S, fault_jump, node);
    if (world->profile.pause_gap_us > 0) {
        sim_after(world, gap(node, world->profile.pause_gap_us), fault_pause, node);
    }
}

/* ---- who owns what --------------------------------------------------------------------------- */

static struct sim_node *other_node(struct sim_world *world, const struct sim_node *not_this)
{
    uint32_t from = sim_below(&world->faults, world->profile.nodes_count);
    for (uint32_t i = 0; i < world->profile.nodes_count; i++) {
        struct sim_node *node = world->nodes[(from + i) % world->profile.nodes_count];
        if (node != not_this && sim_node_answers(node)) return node;
    }
    return NULL;
}

/* One shard, or all of them where they must be together. */
static void place(struct placement *placement, uint32_t shard, const struct sim_node *node)
{
    const struct sim_profile *profile = &placement->world->profile;
    for (uint32_t s = 0; s < profile->shards_count; s++) {
        if (s == shard || !profile->is_split) placement->owner[s] = node->index;
    }
    sim_reached(placement->world, SIM_REACHED_FAULT_MOVE);
    sim_note(placement->world, "move", shard, node->index, sk_str_of(node->name));
}

/* Another node is told to own a shard, and the first one not to leave it: till the next second. */
static void call_rival(struct placement *placement)
{
    struct sim_world *world = placement->world;
    if (!sim_strikes(world, SIM_FAULT_RIVAL)) return;
    struct sim_rng *dice = sim_dice(world, SIM_FAULT_RIVAL);
    uint32_t shard = sim_below(dice, world->profile.shards_count);
    struct sim_node *node = world->nodes[sim_below(dice, world->profile.nodes_count)];
    if (sim_node_answers(node)) sk_engine_own(node->engine, shard, true);
}

static void on_placement(void *context)
{
    struct placement *placement = context;
    struct sim_world *world = placement->world;
    for (uint32_t s = 0; s < world->profile.shards_count; s++) {
        struct sim_node *owner = world->nodes[placement->owner[s]];
        bool moves = !sim_node_answers(owner) && sim_chance(&world->faults, 300);
        struct sim_node *other = moves ? other_node(world, owner) : NULL;
        if (other != NULL) place(placement, s, other);
    }
    for (uint32_t s = 0; s < world->profile.shards_count; s++) {
        for (uint32_t n = 0; n < world->profile.nodes_count; n++) {
            struct sim_node *node = world->nodes[n];
            if (sim_node_answers(node)) sk_engine_own(node->engine, s, placement->owner[s] == n);
        }
    }
    call_rival(placement);
    sim_after(world, SIM_S, on_placement, placement);
}

static void on_move(void *context)
{
    struct placement *placement = context;
    struct sim_world *world = placement->world;
    if (world->is_calm) return;
    uint32_t shard = sim_below(&world->faults, world->profile.shards_count);
    struct sim_node *other = other_node(world, world->nodes[placement->owner[shard]]);
    if (other != NULL) place(placement, shard, other);
    sim_after(world, gap(world->nodes[0], world->profile.move_gap_us), on_move, placement);
}

/* ---- all ------------------------------------------------------------------------------------- */

/* Monotonic clocks run up to a thousandth fast or slow: leases have a margin for more. */
static int64_t drift_of(const struct sim_world *world, uint32_t index)
{
    if (!world->profile.clock_drifts) return 0;
    return (int64_t)(sk_mix(world->seed, 2000 + index) % 2001) - 1000;
}

void sim_nodes_init(struct sim_world *world)
{
    struct placement *placement = SK_ARENA_NEW(&world->arena, struct placement);
    placement->world = world;
    if (world->profile.is_grouped) world->group = sk_group_new(world->profile.nodes_count);
    for (uint32_t i = 0; i < world->profile.nodes_count; i++) {
        struct sim_node *node = SK_ARENA_NEW(&world->arena, struct sim_node);
        node->world = world;
        node->index = i;
        node->life = 1;
        node->placement = placement;
        node->drift_ppm = drift_of(world, i);
        snprintf(node->name, sizeof node->name, "node-%u", i);
        world->nodes[i] = node;
        sim_runtime_init(&node->runtime, node);
        if (world->group != NULL) sk_group_set_runtime(world->group, i, &node->runtime.letters);
        sim_after(world, sim_between(&world->faults, 0, 50 * SIM_MS), start_node, node);
        schedule_faults(node);
    }
    for (uint32_t s = 0; s < world->profile.shards_count; s++) {
        uint32_t nodes_count = world->profile.nodes_count > 0 ? world->profile.nodes_count : 1;
        placement->owner[s] = world->profile.is_split ? s % nodes_count : 0;
    }
    if (world->profile.nodes_count > 1) sim_after(world, 100 * SIM_MS, on_placement, placement);
    if (world->profile.move_gap_us > 0)
        sim_after(world, world->profile.move_gap_us, on_move, placement);
}

void sim_nodes_calm(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->profile.nodes_count; i++) {
        struct sim_node *node = world->nodes[i];
        if (node->paused_until_us > world->now_us) node->paused_until_us = 0;
        node->clock_offset_ms = node->jump_ms = 0;
        /* Engine time would follow for hours: whoever sets such a clock right starts the node
         * anew. */
        int64_t off_ms = node->is_up ? sim_node_now_ms(node) - sim_now_ms(world) : 0;
        if (off_ms > WRONG_MS || off_ms < -WRONG_MS) sim_node_crash(node, SIM_S);
        if (node->furthest_ms * SIM_MS > world->profile.longest_us)
            world->profile.longest_us = node->furthest_ms * SIM_MS;
    }
    world->profile.calm_us += world->profile.longest_us;
}

void sim_nodes_release(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->profile.nodes_count; i++) {
        struct sim_node *node = world->nodes[i];
        if (node == NULL || node->engine == NULL) continue;
        sim_handle_crash(&node->handle);
        node->life += 1;
        sk_engine_free(node->engine);
        node->engine = NULL;
        if (node->runtime.timers_count == 0) continue;
        sim_fail(world, "simulator", (struct sk_str){ 0 }, "%u timers are left of a freed engine",
                 node->runtime.timers_count);
    }
}

void sim_nodes_forget(struct sim_world *world)
{
    sk_group_free(world->group);
    world->group = NULL;
}

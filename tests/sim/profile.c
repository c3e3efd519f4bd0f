/*
 * profile.c: the dice that decide a world. A fifth of the worlds is quiet (so that a plain bug is
 * found by a plain run), the others have each kind of fault on or off by its own coin.
 */
#include "profile.h"

#include "base/hash.h"

static uint32_t rate(struct sim_rng *rng, uint32_t on_permille, uint32_t most)
{
    return sim_chance(rng, on_permille) ? 1 + sim_below(rng, most) : 0;
}

static void draw_store(struct sim_profile *p, struct sim_rng *rng)
{
    p->commit_us = sim_between(rng, 50, 8000);
    p->store_passing = rate(rng, 300, 60);
    p->store_not_known = rate(rng, 300, 40);
    p->store_broken = rate(rng, 200, 15);
    p->store_slow = rate(rng, 300, 30);
    p->has_poison = sim_chance(rng, 100);
}

static void draw_network(struct sim_profile *p, struct sim_rng *rng)
{
    p->request_lost = rate(rng, 400, 50);
    p->request_late = rate(rng, 400, 40);
    p->request_twice = rate(rng, 400, 50);
    p->reply_lost = rate(rng, 400, 60);
}

static void draw_participants(struct sim_profile *p, struct sim_rng *rng)
{
    p->fails = rate(rng, 500, 80);
    p->refuses = p->fails;
    p->unclear = rate(rng, 500, 60);
    p->unclear_applied = rate(rng, 500, 60);
    p->retryable = rate(rng, 500, 100);
    p->pending = rate(rng, 400, 80);
    p->undo_refuses = rate(rng, 200, 60);
    p->contradicts = rate(rng, 450, 120);
}

static void draw_nodes(struct sim_profile *p, struct sim_rng *rng)
{
    p->crash_gap_us = sim_chance(rng, 500) ? sim_between(rng, 2 * SIM_S, 40 * SIM_S) : 0;
    p->stop_gap_us = sim_chance(rng, 250) ? sim_between(rng, 4 * SIM_S, 60 * SIM_S) : 0;
    p->pause_gap_us = sim_chance(rng, 400) ? sim_between(rng, 5 * SIM_S, 60 * SIM_S) : 0;
    p->move_gap_us =
        p->nodes_count > 1 && sim_chance(rng, 600) ? sim_between(rng, 3 * SIM_S, 40 * SIM_S) : 0;
    p->clock_offset_ms = sim_chance(rng, 500) ? sim_between(rng, 0, 900) : 0;
    p->clock_drifts = p->clock_offset_ms > 0 && sim_chance(rng, 500);
}

/* Everything at once and often; few sagas, for little gets done. */
static void brew_storm(struct sim_profile *p, struct sim_rng *rng)
{
    p->sagas_count = 20 + p->sagas_count / 10;
    p->rate_gap_us = sim_between(rng, 200 * SIM_MS, SIM_S);
    p->chaos_us = p->rate_gap_us * p->sagas_count + 20 * SIM_S;
    p->crash_gap_us = sim_between(rng, 2 * SIM_S, 8 * SIM_S);
    p->pause_gap_us = sim_between(rng, 4 * SIM_S, 15 * SIM_S);
    if (p->nodes_count > 1) p->move_gap_us = sim_between(rng, SIM_S, 8 * SIM_S);
    p->store_passing = p->store_not_known = 100;
    p->store_broken = 20;
    p->request_lost = p->request_late = p->request_twice = p->reply_lost = 100;
    p->unclear = p->unclear_applied = p->retryable = p->pending = 150;
    p->fails = p->refuses = p->undo_refuses = 60;
    p->commands = 500;
}

/* Long after the last client has asked again for its start. */
static void draw_retention(struct sim_profile *p, struct sim_rng *rng)
{
    if (!sim_chance(rng, 300)) return;
    p->retention_ms = 1000 * sim_between(rng, 90, 120);
    if (sim_chance(rng, 300)) p->retention_max = 1 + sim_below(rng, 30);
    p->chaos_us += SIM_RETENTION_CHAOS_US;
}

/* From a stream of its own: it came last. */
static void draw_beside(struct sim_profile *p, uint64_t seed)
{
    struct sim_rng rng;
    sim_rng_init(&rng, seed, 7);
    p->batches_count = sim_chance(&rng, 300) ? 1 + sim_below(&rng, 4) : 0;
    bool may_be_timed = (!p->is_split || p->is_grouped) && p->retention_ms == 0;
    p->schedules_count = sim_chance(&rng, 350) && may_be_timed ? 1 + sim_below(&rng, 3) : 0;
    p->has_onlookers = sim_chance(&rng, 300);
}

/* Small limits, so that they are reached. */
static void set_limits(struct sim_profile *p, uint64_t seed)
{
    p->cache_sagas_max = seed % 3 == 0 ? 4 : 0;
    p->slots_max = seed % 7 == 0 ? 5 : 0;
    p->batch_events_max = seed % 5 == 0 ? 3 : 0;
    p->history_max = seed % 9 == 0 ? 25 : 0; /* humans resume */
    p->acquire_timeout_ms = seed % 2 == 0 ? 0 : 20000;
}

void sim_profile_draw(struct sim_profile *p, uint64_t seed)
{
    struct sim_rng rng;
    sim_rng_init(&rng, seed, 0);
    *p = (struct sim_profile){ 0 };
    p->is_shared = sim_chance(&rng, 500);
    p->nodes_count = p->is_shared ? 1 + sim_below(&rng, SIM_NODES_MAX) : 1;
    p->is_split = p->nodes_count > 1 && sim_chance(&rng, 400);
    if (p->nodes_count > 1 && sk_mix(seed, 3101) % 4 == 0) p->is_split = true;
    p->is_grouped =
        p->is_split && sk_mix(seed, 3100) % 4 < 3; /* what a server of several loops is */
    p->shards_count = 1u << sim_below(&rng, 4);
    p->sagas_count = (uint32_t)sim_between(&rng, 20, 200);
    p->definitions_count = 1 + sim_below(&rng, 5);
    p->rate_gap_us = sim_between(&rng, 20 * SIM_MS, 600 * SIM_MS);
    p->chaos_us = p->rate_gap_us * p->sagas_count + 20 * SIM_S;
    p->calm_us = 4 * 3600 * SIM_S;
    p->commands = rate(&rng, 600, 300);
    p->duplicates = rate(&rng, 500, 200);
    p->long_lists = rate(&rng, 150, 40);
    bool is_quiet = sim_chance(&rng, 200), is_storm = sim_chance(&rng, 100);
    draw_store(p, &rng);
    draw_network(p, &rng);
    draw_participants(p, &rng);
    draw_nodes(p, &rng);
    if (is_storm && !is_quiet) brew_storm(p, &rng);
    draw_retention(p, &rng);
    set_limits(p, seed);
    draw_beside(p, seed);
    if (!is_quiet) sim_faults_draw(p->faults, seed);
    /* A shared store's nodes go by its time; what retention may take is judged by true time. */
    if (p->is_shared || p->retention_ms > 0) p->faults[SIM_FAULT_CLOCK_JUMP] = 0;
    if (!is_quiet) return;
    p->store_passing = p->store_not_known = p->store_broken = p->store_slow = 0;
    p->has_poison = false;
    p->request_lost = p->request_late = p->request_twice = p->reply_lost = 0;
    p->crash_gap_us = p->stop_gap_us = p->pause_gap_us = p->move_gap_us = 0;
}

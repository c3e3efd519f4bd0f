/*
 * run.c: a world's two phases. Chaos: faults, interference, new sagas. Calm: no new fault,
 * everybody comes back, humans repair; all must end. Then the verdict over all sagas.
 */
#include "run.h"

#include "check_memory.h"
#include "node.h"
#include "verdict.h"
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CALMS_MAX = 40 }; /* ends before which the last one in a line waits too long */

static struct sim_world world; /* one a process; its notes are too big for a stack */

static void add_counts(uint64_t *to, const uint64_t *from, size_t size)
{
    for (size_t i = 0; i < size / sizeof *to; i++) to[i] += from[i];
}

static void add_totals(struct sim_totals *totals)
{
    const struct sim_checks *checks = world.checks;
    for (const struct sim_row *row = world.store->first; row != NULL; row = row->next) {
        if (!row->head.is_lock) totals->sagas += 1;
    }
    totals->seeds += 1;
    totals->events += world.store->counts.events;
    totals->parts += world.store->counts.parts;
    totals->visits += world.books->visits;
    totals->excused += checks->excused;
    totals->commands += world.load->counts.commands_done;
    for (uint32_t i = 0; i < SIM_CHECKERS_COUNT; i++) totals->judged[i] += checks->judged[i];
    for (uint32_t i = 0; i < SK_SAGA_STATES_COUNT; i++) totals->ends[i] += checks->ends[i];
    for (uint32_t i = 0; i <= SK_PART_BROKEN; i++)
        totals->results[i] += world.store->counts.results[i];
    add_counts((uint64_t *)&totals->reached, (const uint64_t *)world.reached,
               sizeof totals->reached);
}

static void become_calm(void)
{
    world.is_calm = true;
    world.calm_at_us = world.now_us;
    world.store->is_honest = true;
    sim_note(&world, "calm", 0, 0, (struct sk_str){ 0 });
    sim_nodes_calm(&world);
    sim_check_liveness_begins(&world);
    sim_humans_begin(&world);
}

/* Where many stand in line for one key, the time of those behind begins with an end before them. */
static void run_calm(void)
{
    int64_t until_us = world.profile.chaos_us;
    for (int i = 0; i < CALMS_MAX; i++) {
        until_us += world.profile.calm_us;
        sim_world_run(&world, until_us);
        if (world.is_over || world.checks->last_end_us < until_us - world.profile.calm_us) return;
    }
}

static uint64_t run_once(uint64_t seed, const struct sim_run_options *options,
                         struct sim_totals *totals)
{
    uint64_t blocks = sim_memory_blocks();
    sim_world_init(&world, seed, &options->cut);
    sim_current = &world;
    world.is_tracing = options->is_tracing;
    struct sim_store store;
    struct sim_books books;
    struct sim_load load;
    world.store = &store;
    world.books = &books;
    world.load = &load;
    sim_store_init(&store, &world);
    sim_books_init(&books, &world);
    sim_checks_init(&world);
    sim_nodes_init(&world);
    sim_load_init(&load, &world);
    sim_world_draw_luck(&world);
    sim_workers_init(&world);
    sim_beside_init(&world);
    sim_asker_init(&world);
    sim_world_run(&world, world.profile.chaos_us);
    become_calm();
    run_calm();
    bool is_spoilt = options->spoil != NULL && options->spoil(&world);
    if (!is_spoilt) sim_check_end(&world);
    if (options->histories != NULL) sim_histories_keep(&world, options->histories);
    if (totals != NULL) add_totals(totals);
    uint64_t hash = world.hash;
    sim_nodes_release(&world);
    sim_world_drain(&world);
    sim_nodes_forget(&world);
    sim_checks_release(&world);
    sim_store_release(&store);
    sim_world_release(&world);
    world.store = NULL; /* of these nothing is left for a report */
    world.books = NULL;
    world.load = NULL;
    if (!is_spoilt) sim_check_memory(&world, blocks);
    if (totals != NULL) totals->judged[SIM_CHECK_MEMORY] += 1;
    sim_current = NULL;
    return hash;
}

void sim_run(uint64_t seed, const struct sim_run_options *options, struct sim_totals *totals)
{
    uint64_t hash = run_once(seed, options, totals);
    if (options->is_tracing || options->runs_once) return;
    if (!options->checks_determinism && seed % 32 != 0) return;
    uint64_t again = run_once(seed, options, NULL);
    totals->twice += 1;
    if (hash == again) return;
    sim_verdict_note(NULL, "determinism", (struct sk_str){ 0 }, "the same seed made two traces");
    if (sim_is_silent) _exit(1);
    printf("\nFAIL determinism: the same seed made two traces\n"
           "replay: skald-sim --check-determinism --seed %llu\n",
           (unsigned long long)seed);
    exit(1);
}

void sim_totals_add(struct sim_totals *totals, const struct sim_totals *more)
{
    add_counts((uint64_t *)totals, (const uint64_t *)more, sizeof *totals);
}

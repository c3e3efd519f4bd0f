/*
 * shrink.h: looks for the smallest world that breaks the same law: fewer starts, faults, nodes and
 * shards, smaller definitions. Each try runs in a process of its own. A small world is so quick
 * that each cut is tried with many lucks.
 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "verdict.h"

struct sim_shrunk {
    struct sim_cut cut;
    uint64_t tries;
    double seconds;
    bool is_repeated; /* the failure itself could be repeated; else `cut` is what it was */
};

/* `found` is what was found, under options->cut. The definitions of the outcome live as long as the
 * process. */
struct sim_shrunk sim_shrink(const struct sim_verdict *found, const struct sim_run_options *options,
                             double seconds_max);

#endif

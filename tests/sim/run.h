/* run.h: one seed from beginning to end, and what is added up over many. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "check.h"
#include "cut.h"
#include "reached.h"

struct sim_totals {
    uint64_t seeds, sagas, twice, events, parts, visits, excused, commands;
    uint64_t judged[SIM_CHECKERS_COUNT];
    uint64_t ends[SK_SAGA_STATES_COUNT];
    uint64_t results[SK_PART_BROKEN + 1];
    struct sim_reached reached;
};

struct sim_run_options {
    struct sim_cut cut;
    bool is_tracing;
    bool checks_determinism; /* every seed twice; else one in 32 … */
    bool runs_once;          /* … or none */
    /* spoil.h: at its end the world is spoilt; true: it is, and is not judged any more */
    bool (*spoil)(struct sim_world *world);
    const char *histories; /* a folder: histories.c; NULL = none are kept */
};

/* histories.c: what the world is to leave for the tests of later builds. */
void sim_histories_keep(struct sim_world *world, const char *folder);
/* Chaos, calm, verdict. Ends the process when something is wrong. */
void sim_run(uint64_t seed, const struct sim_run_options *options, struct sim_totals *totals);
void sim_totals_add(struct sim_totals *totals, const struct sim_totals *more);

#endif

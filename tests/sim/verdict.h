/*
 * verdict.h: what a judge found, told to another process: worlds run in children, so that a parent
 * whose own memory nothing has spoilt can look for a smaller world that breaks the same law. A
 * child that dies without a word (a signal, a sanitizer, the time limit) has found something too.
 */
#ifndef SIM_VERDICT_H
#define SIM_VERDICT_H

#include "run.h"

#include "base/limits.h"

#include <stdio.h>

enum { SIM_SOURCE_MAX = 1 << 16, SIM_NO_START = 0x7fffffff };

/* Lies in memory that parent and child share. */
struct sim_verdict {
    bool is_broken;
    uint64_t seed, luck; /* of the world that runs */
    char checker[48], saga_id[SK_ID_SIZE_MAX + 1], sentence[4096];
    int64_t at_us;
    /* of the broken world, for the shrinker */
    struct sim_profile profile;
    uint32_t start; /* the one above the saga; SIM_NO_START = none */
    uint32_t used;  /* bits of the definitions that its starts name */
    uint32_t source_sizes[SIM_DEFINITIONS_MAX];
    char sources[SIM_DEFINITIONS_MAX][SIM_SOURCE_MAX];
};

/* How a judge tells: into where (NULL = nowhere), and whether with a report. */
extern struct sim_verdict *sim_verdict;
extern bool sim_is_silent, sim_is_shrunk;
extern FILE *sim_report_file; /* where the report goes; NULL = to the terminal */

struct sim_verdict *sim_verdict_new(void); /* NULL: no memory */
void sim_verdict_free(struct sim_verdict *verdict);
/* Fills it from the broken world; `world` may be NULL. */
void sim_verdict_note(struct sim_world *world, const char *checker, struct sk_str saga_id,
                      const char *sentence);
/* How the child that was to fill it ended, by waitpid's status. true: its world is broken. */
bool sim_verdict_of_end(struct sim_verdict *verdict, int status);

typedef void sim_apart_fn(void *context);
/* Runs fn in a process of its own, silent or not, for so many seconds at most; true: broken. */
bool sim_run_apart(struct sim_verdict *verdict, bool is_silent, uint32_t seconds_max,
                   sim_apart_fn *fn, void *context);

#endif

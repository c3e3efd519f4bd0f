/* arguments.h: what skald-sim is asked to do. */
#ifndef SIM_ARGUMENTS_H
#define SIM_ARGUMENTS_H

#include "run.h"

struct sim_arguments {
    struct sim_run_options run;
    uint64_t first, last; /* last: included; 0 = open */
    uint64_t sagas;       /* stop when so many were simulated; 0 = no such bound */
    double seconds;       /* 0 = no such bound */
    double shrink_s;      /* at most so long; 0 = nothing is shrunk */
    uint32_t jobs;
    const char *state;
    uint64_t sagas_before;           /* of the runs that FILE tells of */
    const char *seeds_file, *broken; /* --seeds-file, --break */
    bool is_quiet, has_first, is_one, is_standard;
};

extern const char sim_usage[];

/* Reads words; false: `*out_problem` names the one that is wrong. Words are borrowed. */
bool sim_arguments_read(struct sim_arguments *a, int count, char **words, const char **out_problem);

#endif

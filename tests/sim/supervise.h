/*
 * supervise.h: runs many worlds, in children; what breaks in one is shrunk and reported by the
 * parent, which has run none.
 */
#ifndef SIM_SUPERVISE_H
#define SIM_SUPERVISE_H

#include "arguments.h"

/* 0: all were clean. 1: what was found stands on the terminal. */
int sim_supervise(const struct sim_arguments *a, struct sim_totals *totals);
/* --seeds-file: 0 when each line's worlds were clean. */
int sim_run_kept(const struct sim_arguments *a);

#endif

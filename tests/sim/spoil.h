/*
 * spoil.h: judges that are judged. Each row spoils a world that has come to its end in one way that
 * one judge must see, and shows it to that judge. A judge that says nothing is no judge:
 * `skald-sim --break all` fails then, and also when a judge has no row.
 */
#ifndef SIM_SPOIL_H
#define SIM_SPOIL_H

#include "arguments.h"

/* Spoils the world and asks the judge, who must not come back. false: this world has nothing of the
 * kind; true: the judge has said nothing. */
typedef bool sim_spoil_fn(struct sim_world *world);

struct sim_spoil {
    const char *name;
    enum sim_checker checker;
    sim_spoil_fn *fn;
};

extern const struct sim_spoil sim_spoils[]; /* spoil.c; the last has no name */
sim_spoil_fn sim_spoil_batch, sim_spoil_schedule, sim_spoil_order, sim_spoil_policy,
    sim_spoil_pivot, sim_spoil_hooks, sim_spoil_tasks, sim_spoil_once, sim_spoil_twice,
    sim_spoil_forgotten, sim_spoil_goes_on, sim_spoil_law6, sim_spoil_late, sim_spoil_timer,
    sim_spoil_attempts; /* spoil_history.c */

/* --break: 0 when every judge that was asked complained. */
int sim_run_spoils(const struct sim_arguments *a);

#endif

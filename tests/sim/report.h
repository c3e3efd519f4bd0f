/* report.h: a saga for people: its definition, and what happened to it, as a table. */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "sim_store.h"

/* The definition, indented, in the manner of YAML. */
void sim_print_definition(struct sk_str json);
/* Its events, its participants' visits and what befell the world meanwhile, by time. */
void sim_print_timeline(const struct sim_world *world, const struct sim_row *row);

#endif

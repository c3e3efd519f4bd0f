/* profile.h: what kind of world a seed makes: its size, its faults, its workload. */
#ifndef SIM_PROFILE_H
#define SIM_PROFILE_H

#include "world.h"

void sim_profile_draw(struct sim_profile *profile, uint64_t seed);

#endif

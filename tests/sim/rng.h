/*
 * rng.h: the world's only chance: xoshiro256**, seeded by splitmix64. One stream per purpose, so
 * that a draw more in one place leaves the others as they were.
 */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_rng {
    uint64_t s[4];
};

void sim_rng_init(struct sim_rng *rng, uint64_t seed, uint64_t stream);
uint64_t sim_rng_next(struct sim_rng *rng);
/* 0 … n-1; 0 for n = 0. */
uint32_t sim_below(struct sim_rng *rng, uint32_t n);
/* low … high, both included. */
int64_t sim_between(struct sim_rng *rng, int64_t low, int64_t high);
/* True in `permille` of 1000 draws; 0 draws nothing, so a fault that is off costs no chance. */
bool sim_chance(struct sim_rng *rng, uint32_t permille);
void sim_rng_fill(struct sim_rng *rng, void *out, size_t size);

#endif

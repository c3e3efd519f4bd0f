/* rng.c: xoshiro256** (Blackman, Vigna; public domain), seeded by sk_mix (splitmix64). */
#include "rng.h"

#include "base/hash.h"

#include <string.h>

void sim_rng_init(struct sim_rng *rng, uint64_t seed, uint64_t stream)
{
    uint64_t start = sk_mix(seed, stream);
    for (uint64_t i = 0; i < 4; i++) rng->s[i] = sk_mix(start, i);
}

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64u - by);
}

uint64_t sim_rng_next(struct sim_rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotate(s[1] * 5u, 7) * 9u, t = s[1] << 17u;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint32_t sim_below(struct sim_rng *rng, uint32_t n)
{
    return (uint32_t)((sim_rng_next(rng) >> 32u) * n >> 32u);
}

int64_t sim_between(struct sim_rng *rng, int64_t low, int64_t high)
{
    if (high <= low) return low;
    return low + (int64_t)(sim_rng_next(rng) % (uint64_t)(high - low + 1));
}

bool sim_chance(struct sim_rng *rng, uint32_t permille)
{
    return permille > 0 && sim_below(rng, 1000) < permille;
}

void sim_rng_fill(struct sim_rng *rng, void *out, size_t size)
{
    for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
        uint64_t bits = sim_rng_next(rng);
        size_t left = size - at;
        memcpy((char *)out + at, &bits, left < sizeof bits ? left : sizeof bits);
    }
}

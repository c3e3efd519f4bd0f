/*
 * cut.h: what is taken away from a seed's world. A seed and its cut are a world like any other: the
 * same again, byte for byte. A cut is written as the arguments of skald-sim that repeat it; the
 * shrinker (shrink.c) looks for the biggest cut that still breaks the same law.
 *
 *   X1  A cut only takes away. The streams of chance that are drawn before the world begins (its
 *       profile, its definitions, its starts) are the same with and without it.
 *   X2  `luck` draws the chances of the running world anew: with fewer sagas in it the old ones
 *       would strike elsewhere.
 */
#ifndef SIM_CUT_H
#define SIM_CUT_H

#include "base/buf.h"
#include "generate.h"

struct sim_profile;

enum { SIM_ONLY_WORDS = 16, SIM_ONLY_MAX = SIM_ONLY_WORDS * 64 };

struct sim_cut {
    uint64_t luck;                 /* --luck; 0 = the seed's own */
    uint64_t without;              /* --without, --with: bits of rows of sim_fault_name */
    uint64_t only[SIM_ONLY_WORDS]; /* --only: bits of the starts that are made … */
    bool has_only;                 /* … unless all are */
    uint32_t nodes, shards;        /* --nodes, --shards: at most; 0 = as drawn */
    struct sk_str definitions[SIM_DEFINITIONS_MAX]; /* --define dN=JSON; empty = as drawn */
};

/* The names of what --without takes, by row; NULL behind the last. */
const char *sim_fault_name(uint32_t row);
/* Has the profile anything of this row? */
bool sim_fault_is_on(uint32_t row, const struct sim_profile *profile);

void sim_cut_profile(const struct sim_cut *cut, struct sim_profile *profile);
bool sim_cut_has_start(const struct sim_cut *cut, uint32_t index);

/* One argument ("--only", "3-9,17"). false: it is no argument of a cut, or its value is wrong.
 * Text is borrowed. */
bool sim_cut_read(struct sim_cut *cut, const char *name, const char *value);
/* Appends the arguments, each behind a blank, quoted for a shell. */
void sim_cut_print(const struct sim_cut *cut, struct sk_buf *out);

#endif

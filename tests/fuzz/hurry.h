/*
 * hurry.h: a runtime whose time runs faster than that of the one under it. For fuzzers with a real
 * loop: an engine whose store is damaged is patient for ten seconds with each question, and a
 * fuzzer that waits finds nothing. Only time differs: posts, helpers, chance and log are those of
 * the other.
 */
#ifndef FUZZ_HURRY_H
#define FUZZ_HURRY_H

#include "runtime/runtime.h"

enum { HURRY_TIMES = 10 };

struct hurry {
    struct sk_runtime port; /* first */
    struct sk_runtime *under;
    int64_t began_ms, began_us;
};

/* `hurry` stays where it is while the port is used, and needs no end. */
void hurry_init(struct hurry *hurry, struct sk_runtime *under);

#endif

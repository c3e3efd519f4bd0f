/* plans.h: a few definitions with everything in them, compiled once, for the fuzzers of events. */
#ifndef SKALD_FUZZ_PLANS_H
#define SKALD_FUZZ_PLANS_H

#include "core/plan.h"

enum { FUZZ_PLANS_COUNT = 4 };

/* The source in YAML, each after those that it names; index 0 … FUZZ_PLANS_COUNT - 1. */
const char *fuzz_plan_source(uint32_t index);
/* The process's own; compiled at the first call. */
const struct sk_plan *fuzz_plan(uint32_t index);

#endif

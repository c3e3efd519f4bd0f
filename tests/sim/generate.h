/* generate.h: random definitions, as JSON text that goes through the whole reader, and random
 * inputs. */
#ifndef SIM_GENERATE_H
#define SIM_GENERATE_H

#include "base/buf.h"
#include "rng.h"

enum { SIM_GENERATED_STEPS_MAX = 30, SIM_DEFINITIONS_MAX = 8 };

/* What is known of the definitions made so far: who may be whose child. */
struct sim_generated {
    bool has_pivot[SIM_DEFINITIONS_MAX];
    uint32_t depth[SIM_DEFINITIONS_MAX];
    uint32_t count;
    bool has_no_messages; /* no children, no locks */
    bool has_tasks;
};

/* Appends definition "d<count>" and counts it. */
void sim_generate_definition(struct sim_generated *known, struct sim_rng *rng, struct sk_buf *out);
/* `long_lists` permille get a list of 100 to 199 items. */
void sim_generate_input(struct sim_rng *rng, uint32_t long_lists, struct sk_buf *out);

#endif

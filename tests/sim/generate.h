/*
 * generate.h: random definitions, as JSON text that goes through the whole reader, and random
 * inputs.
 *
 *   G1  The generator keeps the rules of the language by rules of its own (docs/definitions.md),
 *       not by asking the reader: a refusal of what it takes for valid is a finding.
 *   G2  Now and then it makes a definition with exactly one known defect (generate_defect.c): that
 *       one must be refused.
 *   G3  Every key that runs is made (fields.h), and the features below.
 */
#ifndef SIM_GENERATE_H
#define SIM_GENERATE_H

#include "base/buf.h"
#include "rng.h"

enum {
    SIM_GENERATED_STEPS_MAX = 30,
    SIM_DEFINITIONS_MAX = 8,
    SIM_FEATURE_WORDS = 8,
    SIM_DEFECTS_MAX = 128
};

/* What is known of the definitions made so far: who may be whose child. */
struct sim_generated {
    bool has_pivot[SIM_DEFINITIONS_MAX], is_no_child[SIM_DEFINITIONS_MAX];
    uint32_t depth[SIM_DEFINITIONS_MAX];
    uint64_t features[SIM_DEFINITIONS_MAX][SIM_FEATURE_WORDS]; /* bits of enum sim_reached_row */
    uint32_t count;
    bool has_no_messages; /* no children, no locks */
    bool has_tasks;
};

/* Appends definition "d<count>" and counts it. */
void sim_generate_definition(struct sim_generated *known, struct sim_rng *rng, struct sk_buf *out);

/* Appends a definition that must be refused, with an id of its own; which defect it has, by number.
 * It knows the same children. */
uint32_t sim_generate_defect(const struct sim_generated *known, struct sim_rng *rng,
                             struct sk_buf *out);
const char *sim_defect_name(uint32_t defect); /* NULL behind the last */

/* What a start says. `long_lists` permille get a list of 100 to 199 items. */
enum sim_input_kind { SIM_INPUT_USUAL, SIM_INPUT_NO_LIST, SIM_INPUT_HUGE_LIST, SIM_INPUT_MISFIT };
enum sim_input_kind sim_generate_input(struct sim_rng *rng, uint32_t long_lists,
                                       struct sk_buf *out);
/* A JSON value of any kind, at most so deep. */
void sim_generate_json(struct sim_rng *rng, uint32_t depth, bool may_hold_nul, struct sk_buf *out);
/* A text in JSON, with its quotes: of many scripts, with escapes. */
void sim_generate_text(struct sim_rng *rng, bool may_hold_nul, struct sk_buf *out);

#endif

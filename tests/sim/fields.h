/*
 * fields.h: the keys of the definition language as rows to be reached. The rows are those of
 * dsl/keys.h, which the reader itself walks: a key and, where it takes words, each word. A new key
 * is a new row by itself, and a run of enough worlds fails until the generator makes it.
 *
 *   F1  A row is counted for each saga that was made from a definition that has it.
 *   F2  Keys that are refused at `define`, since this build has no adapter for them, are no rows:
 *       they stand in a table with the reason, and that table may name no other key.
 */
#ifndef SIM_FIELDS_H
#define SIM_FIELDS_H

#include "base/str.h"

enum { SIM_FIELDS_MAX = 512, SIM_FIELD_WORDS = SIM_FIELDS_MAX / 64 };

struct sim_fields {
    uint64_t bits[SIM_FIELD_WORDS];
};

uint32_t sim_fields_count(void);
/* "retry policy.jitter", "step.type task"; NULL: a key that is refused (F2). */
const char *sim_field_name(uint32_t field);
/* Marks what a definition (JSON) has. */
void sim_fields_mark(struct sim_fields *fields, struct sk_str source);

static inline bool sim_fields_have(const struct sim_fields *fields, uint32_t field)
{
    return (fields->bits[field / 64] >> field % 64 & 1u) != 0;
}

#endif

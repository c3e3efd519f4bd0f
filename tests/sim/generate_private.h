/* generate_private.h: what the files of the generator share. */
#ifndef SIM_GENERATE_PRIVATE_H
#define SIM_GENERATE_PRIVATE_H

#include "generate.h"
#include "participants.h"
#include "reached.h"

_Static_assert(SIM_REACHED_COUNT <= SIM_FEATURE_WORDS * 64, "a bit each");

/* The definition that is being written. */
struct shape {
    struct sim_rng *rng;
    struct sim_generated *known;
    struct sk_buf *out;
    uint32_t number;    /* d<number> */
    const char *suffix; /* of the steps' ids */
    uint32_t steps_count;
    uint32_t dependencies[SIM_GENERATED_STEPS_MAX]; /* bits: as they count */
    uint32_t ancestors[SIM_GENERATED_STEPS_MAX];
    bool names_dependencies[SIM_GENERATED_STEPS_MAX];
    bool is_async[SIM_GENERATED_STEPS_MAX], may_fail[SIM_GENERATED_STEPS_MAX];
    uint32_t pivot; /* steps_count = none */
    bool is_forward, is_sequential, is_undo_required, is_global_none, has_services;
    uint32_t strategy;  /* sequential, parallel, best_effort */
    uint32_t timeout_s; /* of the saga; 0 = says none */
    uint32_t depth;
    uint32_t step; /* the one being written */
    bool is_item;  /* inside its foreach */
    bool has_locks;
};

enum way { WAY_HTTP, WAY_FUNCTION, WAY_TASK };
enum place { PLACE_REQUEST, PLACE_UNDO, PLACE_HOOK }; /* what its templates may read */

static inline bool coin(struct shape *s, uint32_t permille)
{
    return sim_chance(s->rng, permille);
}

static inline uint32_t pick(struct shape *s, uint32_t n)
{
    return sim_below(s->rng, n);
}

static inline void text(struct shape *s, const char *literal)
{
    sk_buf_append_text(s->out, literal);
}

static inline void feature(struct shape *s, enum sim_reached_row row)
{
    s->known->features[s->number][row / 64] |= UINT64_C(1) << (row % 64);
}

/* generate_parts.c */
void sim_put_retry(struct shape *s, const char *name, bool may_be_none);
void sim_put_action(struct shape *s, uint32_t participant, enum way way, const char *path,
                    enum place place);
void sim_put_hooks(struct shape *s, const char *name, bool has_actions);
void sim_put_notifications(struct shape *s);
void sim_put_compensation(struct shape *s, uint32_t participant, enum way way, bool is_needed);
void sim_put_services(struct shape *s);
/* A member `name` with a document of templates. */
void sim_put_document(struct shape *s, const char *name, enum place place);

/* generate_text.c: one template, one expression; with the quotes of JSON. */
void sim_put_template(struct shape *s, enum place place);
void sim_put_expression(struct shape *s);
/* A step before this one whose output may be read; steps_count = none. */
uint32_t sim_pick_source(struct shape *s);

/* generate_step.c */
bool sim_must_succeed(const struct shape *s, uint32_t step);
bool sim_is_undone(const struct shape *s, uint32_t step);
void sim_put_step(struct shape *s, uint32_t step);

#endif

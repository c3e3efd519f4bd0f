/*
 * workload.h: who asks the engine for something: clients that start sagas and insist, operators and
 * signallers who interfere, and, once the world is calm, the humans who repair what waits for one.
 */
#ifndef SIM_WORKLOAD_H
#define SIM_WORKLOAD_H

#include "beside.h"
#include "fields.h"
#include "generate.h"
#include "world.h"

#include "core/decide.h"

struct sk_plan;
struct sk_reply;

struct sim_start {
    struct sim_world *world;
    uint32_t index, definition;
    struct sk_str id, key, input, context; /* id and key may both be empty */
    int32_t priority;
    int64_t timeout_ms; /* the start narrows its definition; 0 = does not */
    uint32_t max_attempts;
    struct sk_str tags, attributes, business_key, space, traceparent, version;
    struct sk_str lock_keys[2];
    uint32_t lock_keys_count;
    bool is_acknowledged, is_given_up;
    enum sim_input_kind input_kind;
    struct sk_str saga_id;               /* once acknowledged */
    int64_t asked_at_ms, accepted_at_ms; /* first asked; 0 = not yet */
    uint32_t tries, commands_count;
    uint64_t asked; /* number of the last try: an older one's silence means nothing */
};

struct sim_load_counts {
    uint64_t starts, acknowledged, replayed, refused, commands, commands_done, repairs;
};

struct sim_load {
    struct sim_world *world;
    struct sim_generated generated;
    struct sk_str sources[SIM_DEFINITIONS_MAX];
    struct sim_fields fields[SIM_DEFINITIONS_MAX];
    uint32_t judged[SIM_DEFINITIONS_MAX]; /* sagas of it, at their end */
    struct sim_beside beside;
    struct sim_rng defects; /* a stream of its own: without effect on the rest */
    bool is_defined[SIM_DEFINITIONS_MAX];
    uint32_t defined_count;
    struct sim_start *starts;
    uint32_t starts_count;
    uint64_t command_no;
    struct sim_load_counts counts;
};

/* The store went back in time: what was acknowledged since is asked for again, if it can be. */
void sim_load_restored(struct sim_load *load);
void sim_load_init(struct sim_load *load, struct sim_world *world);
/* A saga of this plan has come to its end and was judged. */
void sim_load_judged(struct sim_load *load, const struct sk_plan *plan);
/* At the end: what the definitions of those had. */
void sim_load_count(const struct sim_load *load);
/* humans.c: from now on somebody looks after what waits. */
void sim_humans_begin(struct sim_world *world);
/* operators.c: things that happen to an acknowledged saga. */
void sim_operators_plan(struct sim_start *start);
/* One command to the node that serves the saga; `kind` is enum sk_command_kind. False: nobody
 * serves it. */
bool sim_operate(struct sim_world *world, struct sk_str saga_id, uint32_t kind, uint32_t step,
                 int32_t item);
bool sim_signal(struct sim_world *world, struct sk_str saga_id);
/* A command in full; an id of its own where `id` is empty. */
struct sim_order {
    enum sk_command_kind kind;
    uint32_t step;
    int32_t item;
    struct sk_str id, name, body;
    bool is_past_pivot_allowed;
};
bool sim_order(struct sim_world *world, struct sk_str saga_id, const struct sim_order *order);

/* roamers.c: operators who look at sagas in every state and tell them anything. */
void sim_roamers_init(struct sim_world *world);

/* workers.c: those who fetch tasks, if there are any. */
void sim_workers_init(struct sim_world *world);
/* asker.c: figures of all nodes. */
void sim_asker_init(struct sim_world *world);

#endif

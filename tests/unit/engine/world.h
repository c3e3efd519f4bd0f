/*
 * world.h: a small deterministic world for the engine's tests: a runtime whose clock moves only
 * when told, a store over the memory back-end that can answer each of the six results and hold
 * batches back, and an invoker that follows a script.
 */
#ifndef SKT_ENGINE_WORLD_H
#define SKT_ENGINE_WORLD_H

#include "engine/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CALLS_MAX = 512, NOTICES_MAX = 256 };

struct post {
    struct post *next;
    sk_runtime_fn *fn;
    void *context;
};

struct sk_runtime_timer {
    struct sk_runtime_timer *next;
    struct world_runtime *runtime;
    sk_runtime_fn *fn;
    void *context;
    int64_t at_ms;
    bool is_armed;
};

struct world_runtime {
    struct sk_runtime base;
    int64_t now_ms;
    int64_t moved_ms; /* by how much the wall clock was moved; the monotonic one does not know */
    uint64_t random_state;
    struct post *first, **last;
    struct sk_runtime_timer *timers;
};

/* What to do with a part on its way to the store. */
enum fate {
    FATE_COMMIT,
    FATE_PASSING,
    FATE_NOT_KNOWN_DONE, /* committed, but the answer is lost */
    FATE_NOT_KNOWN_LOST, /* not committed, and the answer is lost */
    FATE_FENCED,         /* somebody takes the shard just before */
    FATE_REFUSED,
    FATE_BROKEN
};

struct held {
    struct held *next;
    struct sk_batch *batch;
    sk_batch_done *done;
    void *context;
};

struct world_store {
    struct sk_store base;
    struct sk_store *inner;
    struct world_runtime *runtime;
    struct world *world;
    enum fate fate; /* of the next `fates_count` batches that hold a part … */
    uint32_t fates_count;
    const char *fate_saga;           /* … with this saga (NULL = any) */
    bool is_holding;                 /* batches wait for world_release */
    enum sk_read_kind breaking_read; /* the next one of this kind ends in an I/O error; … */
    bool is_breaking, is_broken;     /* … and so do all reads then, until it is reopened */
    bool is_damaged;                 /* all reads of breaking_read's kind end as damage */
    bool loses_last_event;           /* of every history that is read */
    bool vanishes, has_vanished;     /* what is read next is removed behind its head */
    struct held *held;
    uint32_t batches_count, parts_count, reopens_count, reopens_failing;
    uint32_t parts_in_last;
    uint32_t in_flight, in_flight_max;
};

struct call {
    uint64_t ticket;
    enum sk_operation operation;
    char saga[240], step[128], name[64], key[300], token[200];
    uint32_t attempt;
    int32_t item;
    int64_t deadline_ms, timeout_ms;
    sk_invoke_done *done;
    void *context;
    bool is_answered, is_cancelled;
    bool was_durable; /* the saga's head stood in the store when it was sent */
};

struct world_invoker {
    struct sk_invoker base;
    struct world *world;
    struct call calls[CALLS_MAX];
    uint32_t calls_count;
    bool is_manual;    /* the test answers; else every call succeeds on the next turn */
    const char *fails; /* function name that answers with a clear no */
};

struct world {
    struct world_runtime runtime;
    struct world_store store;
    struct world_invoker invoker;
    struct sk_engine *engine;
    struct sk_engine *sibling; /* world_open_pair; else NULL */
    struct sk_group *group;
    struct sk_engine_options options;
    uint32_t opened_count, stopped_count;
    enum skald_status opened_status, stopped_status;
    char notices[NOTICES_MAX][32];
    uint32_t notices_count;
    uint32_t events_count;
    bool is_in_store; /* the store works, whose allocations never fail */
};

/* What a done told. */
struct answer {
    bool is_there;
    uint32_t count;
    enum skald_status status;
    char message[SKALD_ERROR_MESSAGE_SIZE];
    bool has_saga, is_replayed, is_pending_direction;
    char id[240];
    enum sk_saga_state state, shown;
    uint64_t seq;
    int64_t retry_after_ms;
    char output[512];
};

void world_init(struct world *world, uint32_t shards_count);
void world_open(struct world *world); /* engine new and open, waits */
/* Two engines of a group on the one runtime: `engine` owns the even shards, `sibling` the odd. */
void world_open_pair(struct world *world);
void world_open_engine(struct world *world); /* opens world->engine; does not wait */
void world_crash(struct world *world); /* engine free; pending answers of the store come late */
void world_release(struct world *world);
/* Runs posts until there are none. */
void world_run(struct world *world);
/* Moves the clock, timer by timer. */
void world_advance(struct world *world, int64_t ms);
/* Somebody sets the wall clock; no time passes. */
void world_move_clock(struct world *world, int64_t ms);
void world_define(struct world *world, const char *yaml);
/* Runs until a read of the store tells; the head's state, 0 = none. */
enum sk_saga_state world_stored_state(struct world *world, const char *id);
uint32_t world_stored_events(struct world *world, const char *id);
void world_unhold(struct world *world, bool keep_holding);
void world_on_answer(void *context, const struct sk_reply *reply);
struct answer world_start(struct world *world, const char *definition, const char *id,
                          const char *input);
struct answer world_get(struct world *world, const char *id);
void world_answer(struct world *world, uint32_t call, enum sk_outcome_class class_,
                  const char *output);
uint32_t world_notices(const struct world *world, const char *what);
/* The index of the n-th call (0 …) of this function, or -1. */
int world_call(const struct world *world, const char *name, uint32_t n);

#endif

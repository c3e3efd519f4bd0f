/* starting.h: a start under way; shared by start.c, start_request.c and start_place.c. */
#ifndef SK_ENGINE_STARTING_H
#define SK_ENGINE_STARTING_H

#include "engine/engine_private.h"

struct sk_starting {
    struct sk_list node; /* engine->starting, or a key's followers */
    struct sk_engine *engine;
    struct sk_arena arena;    /* the request's copies and what start points to */
    struct sk_waiter *waiter; /* NULL: a child's */
    struct sk_start start;
    struct sk_str definition, version, key; /* key: "<namespace>/<key>", empty = none */
    const struct sk_str *lock_keys;         /* as asked */
    uint32_t lock_keys_count;
    struct sk_plan_entry *entry;
    struct sk_digest *children;
    uint32_t next_step;
    struct sk_machine *machine; /* a child's, while its plan is looked for */
    struct sk_job *job;         /* a child's message */
    bool is_of_key;             /* the id is that of the saga that has this key */
    uint64_t key_epoch;         /* the serving in which the key was looked up */
};

/* A key whose start is being looked for or is not durable yet (S2). */
struct sk_start_key {
    UT_hash_handle hh;          /* engine->start_keys */
    struct sk_machine *machine; /* NULL: still being looked up */
    struct sk_str key;
    struct sk_list followers; /* struct sk_starting */
    char text[];
};

/* start_request.c */
enum skald_status sk_starting_fill(struct sk_starting *starting,
                                   const struct sk_start_request *request,
                                   skald_error *error) SK_MUST_CHECK;
enum skald_status sk_starting_fill_child(struct sk_starting *starting, struct sk_str body,
                                         skald_error *error) SK_MUST_CHECK;
/* With the plan: keys rendered and sorted, defaults. */
enum skald_status sk_starting_complete(struct sk_starting *starting,
                                       skald_error *error) SK_MUST_CHECK;

/* start.c */
struct sk_starting *sk_starting_new(struct sk_engine *engine, struct sk_waiter *waiter);
/* Answers whoever waits (or the parent) and frees it. */
void sk_starting_fail(struct sk_starting *starting, enum skald_status status, const char *message);
/* The machine is ABSENT or READY: decides, answers, frees it. */
void sk_starting_run(struct sk_machine *machine, struct sk_starting *starting);

/* start_place.c */
void sk_starting_place(struct sk_starting *starting);

/* start_check.c: does the input fit the definition's schema? `then` is called, now or later, when
 * it does; else the start fails. */
void sk_starting_check(struct sk_starting *starting, void (*then)(struct sk_starting *starting));

#endif

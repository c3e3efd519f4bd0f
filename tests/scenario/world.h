/* world.h: sagas, locks and time for scenarios: the production core without engine, store and
 * network. */
#ifndef SK_TESTS_SCENARIO_WORLD_H
#define SK_TESTS_SCENARIO_WORLD_H

#include "core/decide.h"
#include "dsl/dsl.h"
#include "model/bridge/bridge.h"

enum { WORLD_SAGAS_MAX = 32, WORLD_PLANS_MAX = 16, WORLD_LOCKS_MAX = 16, WORLD_LETTERS_MAX = 64 };

struct world_event {
    struct sk_event event; /* spans into data */
    char *data;
    struct world_event *next;
};

struct world_saga {
    struct sk_saga saga;
    struct model *model; /* the second model, shown every event */
    struct world_event *first, *last;
    struct sk_letter letters[WORLD_LETTERS_MAX]; /* dead letters */
    uint32_t letters_count;
};

struct world_message {
    struct sk_message message; /* spans owned */
    char *bytes;
    struct world_message *next;
};

struct world {
    int64_t now_ms;
    struct sk_rules rules;
    struct sk_plan *plans[WORLD_PLANS_MAX];
    struct model_definition *definitions[WORLD_PLANS_MAX]; /* as the second model reads them */
    uint32_t plans_count;
    struct world_saga *sagas[WORLD_SAGAS_MAX];
    uint32_t sagas_count;
    struct sk_lock locks[WORLD_LOCKS_MAX];
    uint32_t locks_count;
    struct world_message *messages_first, *messages_last;
    uint64_t checks;  /* how often replay was compared with live */
    bool holds_slots; /* a start is accepted but not admitted */
    char problem[512];
    char disagreement[BRIDGE_PROBLEM_SIZE + 64]; /* of the core and the second model; "" = none */
};

void world_init(struct world *world);
void world_release(struct world *world);
/* False: world->problem says why. */
bool world_define(struct world *world, struct sk_str source, struct sk_str file);
bool world_start(struct world *world, struct sk_str id, struct sk_str definition,
                 struct sk_start *start);
struct world_saga *world_find(struct world *world, struct sk_str id);
enum skald_status world_decide(struct world *world, struct world_saga *saga,
                               struct sk_command *command, skald_error *error);
bool world_advance(struct world *world, int64_t ms);
/* Folds the stored events into a fresh saga and recovers. */
bool world_crash(struct world *world);
/* The stored events fold to the live state, byte for byte. */
bool world_check(struct world *world);

#endif

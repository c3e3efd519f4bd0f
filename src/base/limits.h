/* limits.h: every bound of the engine in one place, with the relations between them. */
#ifndef SK_BASE_LIMITS_H
#define SK_BASE_LIMITS_H

#include <assert.h>

enum {
    SK_ID_SIZE_MAX = 200,     /* a saga's id, given by a client */
    SK_NAME_SIZE_MAX = 100,   /* a definition's or a step's id */
    SK_STEPS_MAX = 1000,      /* of one definition */
    SK_HOOKS_MAX = 100,       /* of one on_success or on_failure */
    SK_ITEMS_MAX = 10000,     /* of one foreach */
    SK_LOCK_KEYS_MAX = 64,    /* of one saga */
    SK_SIGNALS_MAX = 1000,    /* stored and not consumed, of one saga */
    SK_COMMAND_IDS_MAX = 64,  /* commands remembered, of one saga */
    SK_LATE_EVENTS_MAX = 100, /* recorded late answers of one saga */
    SK_REDRIVES_MAX = 5,      /* of one attempt, then the saga is suspended */
    SK_CHILD_DEPTH_MAX = 16,  /* sagas within sagas */
    SK_SHARDS_MAX = 4096,     /* of one store */
    SK_SHARDS_DEFAULT = 64,
    SK_YAML_SIZE_MAX = 10 * 1024 * 1024,
    SK_YAML_DEPTH_MAX = 64,
    SK_YAML_NODES_MAX = 1000000, /* after alias expansion */
    SK_JSON_DEPTH_MAX = 128,
    SK_PAYLOAD_SIZE_MAX = 4 * 1024 * 1024, /* input, output or request body of one step */
    SK_LINE_SIZE_MAX = 2 * 1024 * 1024,    /* target and headers of one request */
    SK_EVENT_SIZE_MAX = 12 * 1024 * 1024,  /* encoded data of one event */
    SK_SNAPSHOT_EVERY = 256,               /* events between snapshots */
    SK_HOOK_TIMEOUT_MS = 30000,            /* one attempt of a hook, where nothing else is said */
    SK_SKEW_ALLOWANCE_MS = 2000, /* law 6: added to the deadline of an unanswered attempt */
};

static_assert(2 * SK_PAYLOAD_SIZE_MAX + SK_LINE_SIZE_MAX + 64 * 1024 < SK_EVENT_SIZE_MAX,
              "what an automatic compensation sends must fit into its event");

#endif

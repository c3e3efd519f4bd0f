/*
 * check_requests.c: law 4. The same step, item, operation and round always has the same key, and
 * under one key the same method, target and body are sent, whichever node sends them.
 */
#include "check.h"
#include "node.h"

#include <stdio.h>

/* What is seen first stands with when: sim_check_requests_restored. */
struct name_seen {
    int64_t at_us; /* first */
    struct sk_str key;
};

struct request_seen {
    int64_t at_us; /* first */
    uint64_t hash;
    struct sk_str who; /* "saga/step/item/operation/round" */
};

/* A verify has no rounds of its own: it asks about the action's, which stands in its key. */
static struct sk_str round_of(const struct sk_invocation *invocation)
{
    struct sk_str key = invocation->key;
    size_t at = key.size;
    while (invocation->operation == SK_OPERATION_VERIFY && at > 0 && key.data[at - 1] != '/') at--;
    struct sk_str last = sk_str_sub(key, at, key.size - at);
    return sk_str_starts(last, SK_STR("r")) ? last : (struct sk_str){ NULL, 0 };
}

static uint64_t hash_of(const struct sk_invocation *invocation)
{
    uint64_t hash = sim_hash(1, invocation->method.data, invocation->method.size);
    hash = sim_hash(hash, invocation->target.data, invocation->target.size);
    hash = sim_hash(hash, invocation->headers.data, invocation->headers.size);
    return sim_hash(hash, invocation->body.data, invocation->body.size);
}

static void check_name(struct sim_world *world, const struct sk_invocation *invocation,
                       struct sk_str who)
{
    struct sim_map *requests = &world->checks->requests;
    struct name_seen *seen = sim_map_get(requests, who);
    if (seen == NULL) {
        seen = SK_ARENA_NEW(&world->arena, struct name_seen);
        *seen = (struct name_seen){ world->now_us, sk_arena_copy(&world->arena, invocation->key) };
        sim_map_put(requests, who, seen);
    } else if (!sk_str_equal(seen->key, invocation->key)) {
        sim_fail(world, "key and request", invocation->saga_id,
                 "%.*s had the key %.*s and now has %.*s", SK_STR_ARGS(who), SK_STR_ARGS(seen->key),
                 SK_STR_ARGS(invocation->key));
    }
}

void sim_check_request(struct sim_world *world, const struct sk_invocation *invocation)
{
    bool is_free = invocation->operation == SK_OPERATION_POLL ||
                   invocation->operation == SK_OPERATION_DECISION; /* it tells of an outcome */
    if (is_free) return;
    char text[1024], name[1024];
    int size = snprintf(text, sizeof text, "%d %.*s", (int)invocation->operation,
                        SK_STR_ARGS(invocation->key));
    int name_size =
        snprintf(name, sizeof name, "%.*s|%.*s|%d|%d|%u%.*s", SK_STR_ARGS(invocation->saga_id),
                 SK_STR_ARGS(invocation->step_id), invocation->item, (int)invocation->operation,
                 invocation->round, SK_STR_ARGS(round_of(invocation)));
    struct sk_str key = { text, (size_t)size }, who = { name, (size_t)name_size };
    /* a step may have many hooks: their key is their name, and tells them from all others */
    bool is_hook = invocation->operation == SK_OPERATION_HOOK;
    if (is_hook) who = invocation->key;
    struct sim_map *requests = &world->checks->requests;
    struct request_seen *seen = sim_map_get(requests, key);
    world->checks->judged[SIM_CHECK_REQUESTS] += 1;
    check_name(world, invocation, who);
    if (seen == NULL) {
        seen = SK_ARENA_NEW(&world->arena, struct request_seen);
        *seen = (struct request_seen){ world->now_us, hash_of(invocation),
                                       sk_arena_copy(&world->arena, who) };
        sim_map_put(requests, key, seen);
        return;
    }
    if (!sk_str_equal(seen->who, who)) {
        sim_fail(world, "key and request", invocation->saga_id,
                 "the key %.*s belongs to %.*s and to %.*s", SK_STR_ARGS(key),
                 SK_STR_ARGS(seen->who), SK_STR_ARGS(who));
    }
    if (seen->hash != hash_of(invocation)) {
        sim_fail(world, "key and request", invocation->saga_id,
                 "another request under the key %.*s", SK_STR_ARGS(key));
    }
}

void sim_check_requests_restored(struct sim_world *world, int64_t from_us)
{
    const struct sim_map *requests = &world->checks->requests;
    for (uint32_t i = 0; i < requests->capacity; i++) {
        const int64_t *at_us = requests->slots[i].value; /* the first member of both */
        if (at_us != NULL && *at_us > from_us) requests->slots[i].value = NULL;
    }
}

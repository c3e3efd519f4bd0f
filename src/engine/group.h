/*
 * group.h: the engines of one process that share a store. Each has a loop of its own and owns every
 * count-th shard; what one wants of another it posts to that one's loop.
 *
 *   G1  A shard has the same member for as long as the process lives (sk_group_member_of).
 *   G2  Posts of one member to another arrive in their order. Each can be lost only with the engine
 *       it is for: `fn` is then called with NULL, to free its context.
 *   G3  Nothing is shared but the list of members, which does not change while a loop runs.
 *
 * What siblings tell each other of messages between shards: sibling.c. How requests find their
 * member: api/forward.h.
 */
#ifndef SK_ENGINE_GROUP_H
#define SK_ENGINE_GROUP_H

#include "runtime/runtime.h"

struct sk_engine;
struct sk_group;

enum { SK_GROUP_MAX = 64 };

/* NULL: out of memory. */
struct sk_group *sk_group_new(uint32_t members_count);
/* After all its engines. NULL is fine. */
void sk_group_free(struct sk_group *group);
uint32_t sk_group_count(const struct sk_group *group);
/* The loop of a member; before any loop runs. */
void sk_group_set_runtime(struct sk_group *group, uint32_t member, struct sk_runtime *runtime);
uint32_t sk_group_member_of(const struct sk_group *group, uint32_t shard);

typedef void sk_group_fn(struct sk_engine *engine, void *context);
/* Runs fn on the loop of a member; from any loop of the group. SKALD_E_MEMORY: not posted. */
enum skald_status sk_group_post(struct sk_group *group, uint32_t member, sk_group_fn *fn,
                                void *context) SK_MUST_CHECK;

/* sk_engine_new and sk_engine_free: on the member's loop, or while none runs. */
void sk_group_set_engine(struct sk_group *group, uint32_t member, struct sk_engine *engine);

#endif

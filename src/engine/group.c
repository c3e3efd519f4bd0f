/* group.c: see group.h. */
#include "engine/group.h"

#include "base/arena.h"
#include "base/assert.h"

struct member {
    struct sk_runtime *runtime;
    struct sk_engine *engine; /* looked at on its own loop only */
};

struct sk_group {
    uint32_t members_count;
    struct member members[];
};

struct letter {
    struct member *member;
    sk_group_fn *fn;
    void *context;
};

struct sk_group *sk_group_new(uint32_t members_count)
{
    SK_ASSERT(members_count > 0 && members_count <= SK_GROUP_MAX);
    struct sk_group *group = sk_alloc(sizeof *group + members_count * sizeof group->members[0]);
    if (group != NULL) group->members_count = members_count;
    return group;
}

void sk_group_free(struct sk_group *group)
{
    sk_free(group);
}

uint32_t sk_group_count(const struct sk_group *group)
{
    return group->members_count;
}

void sk_group_set_runtime(struct sk_group *group, uint32_t member, struct sk_runtime *runtime)
{
    group->members[member].runtime = runtime;
}

void sk_group_set_engine(struct sk_group *group, uint32_t member, struct sk_engine *engine)
{
    group->members[member].engine = engine;
}

uint32_t sk_group_member_of(const struct sk_group *group, uint32_t shard)
{
    return shard % group->members_count;
}

static void open_letter(void *context)
{
    struct letter letter = *(struct letter *)context;
    sk_free(context);
    letter.fn(letter.member->engine, letter.context);
}

enum skald_status sk_group_post(struct sk_group *group, uint32_t member, sk_group_fn *fn,
                                void *context)
{
    struct letter *letter = sk_alloc(sizeof *letter);
    if (letter == NULL) return SKALD_E_MEMORY;
    struct member *to = &group->members[member];
    *letter = (struct letter){ to, fn, context };
    enum skald_status status = to->runtime->ops->post(to->runtime, open_letter, letter);
    if (status != SKALD_OK) sk_free(letter);
    return status;
}

/*
 * asker.c: somebody who asks all nodes of a group at once (engine/gather.h), now one, now another:
 * for their figures as one.
 *
 *   K1  Who asked is answered, once, while its node lives: when all have told, or in the time that
 *       a gathering takes at most.
 *   K2  In the calm, with all nodes there, nobody is missing in the answer, and the shards are each
 *       in it once.
 */
#include "check.h"
#include "engine/gather.h"
#include "node.h"
#include "reached.h"
#include "workload.h"

enum {
    ASK_EVERY_US = 7 * SIM_S,
    ANSWERED_IN_US = 3 * SK_GATHER_WAIT_MS * SIM_MS,
    CALM_AFTER_US = 16 * SIM_S /* what pauses and late letters had put off has come by then */
};

struct question {
    struct sim_world *world;
    struct sim_node *node;
    uint64_t life, lives; /* of the node, and of all together */
    int64_t asked_us;
    bool is_answered, was_calm, in_calm;
};

static bool all_are_there(const struct sim_world *world)
{
    for (uint32_t i = 0; i < world->profile.nodes_count; i++)
        if (!sim_node_answers(world->nodes[i])) return false;
    return true;
}

static uint64_t lives_of(const struct sim_world *world)
{
    uint64_t lives = 0;
    for (uint32_t i = 0; i < world->profile.nodes_count; i++) lives += world->nodes[i]->life;
    return lives;
}

/* From the question until now. */
static bool was_undisturbed(const struct question *question)
{
    const struct sim_world *world = question->world;
    for (uint32_t i = 0; i < world->profile.nodes_count; i++)
        if (world->nodes[i]->paused_until_us > question->asked_us) return false;
    return lives_of(world) == question->lives && all_are_there(world);
}

static void on_figures(void *context, enum skald_status status, const skald_error *error,
                       const struct sk_engine_stats *stats)
{
    struct question *question = context;
    struct sim_world *world = question->world;
    if (question->is_answered) sim_fail(world, "gather", (struct sk_str){ 0 }, "a second answer");
    question->is_answered = true;
    sim_note(world, "figures", (uint64_t)(int64_t)status, question->node->index,
             (struct sk_str){ 0 });
    bool is_whole = status == SKALD_OK;
    if (is_whole != (stats != NULL) || is_whole != (error == NULL))
        sim_fail(world, "gather", (struct sk_str){ 0 }, "half of an answer: %d", (int)status);
    if (world->group != NULL)
        sim_reached(world, is_whole ? SIM_REACHED_GATHERED : SIM_REACHED_GATHERED_NOT);
    if (!question->was_calm || !was_undisturbed(question)) return;
    if (!is_whole)
        sim_fail(world, "gather", (struct sk_str){ 0 }, "not all have told, and all are there");
    if (world->group != NULL && stats->shards_owned > world->profile.shards_count)
        sim_fail(world, "gather", (struct sk_str){ 0 }, "%u shards of %u", stats->shards_owned,
                 world->profile.shards_count);
}

/* K1. The calm lets paused nodes go on, but what they had put off comes when it was put off to. */
static void look(void *context)
{
    const struct question *question = context;
    const struct sim_node *node = question->node;
    bool is_due = node->life == question->life && sim_node_answers(node) &&
                  node->paused_until_us <= question->asked_us &&
                  question->in_calm == question->world->is_calm;
    if (is_due && !question->is_answered)
        sim_fail(question->world, "gather", (struct sk_str){ 0 }, "no answer");
}

static void ask(void *context)
{
    struct sim_world *world = context;
    sim_after(world, ASK_EVERY_US, ask, world);
    struct sim_node *node =
        world->nodes[(uint64_t)(world->now_us / ASK_EVERY_US) % world->profile.nodes_count];
    if (!sim_node_answers(node)) return;
    struct question *question = SK_ARENA_NEW(&world->arena, struct question);
    *question = (struct question){ .world = world,
                                   .node = node,
                                   .life = node->life,
                                   .lives = lives_of(world),
                                   .asked_us = world->now_us,
                                   .in_calm = world->is_calm,
                                   .was_calm = world->is_calm && all_are_there(world) &&
                                               world->now_us > world->calm_at_us + CALM_AFTER_US };
    sk_engine_stats_all(node->engine, on_figures, question);
    sim_after(world, ANSWERED_IN_US, look, question);
}

void sim_asker_init(struct sim_world *world)
{
    sim_after(world, ASK_EVERY_US, ask, world);
}

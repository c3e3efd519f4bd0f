/*
 * check_model.c: the second model (tests/model) watches every saga from its first event on. After
 * every event it says whether that may come now; after every part, whether something that must
 * follow is missing; whenever a live saga is shown, at an invocation and at the end, whether core
 * and model agree about its state.
 *
 *   M1  The model of a saga lives with its row, whatever becomes of nodes: it sees what is durable.
 *   M2  Nothing of it decides anything: the same world runs with it and without.
 *   M3  Where a store is put back, the models go, and are made anew from the events that are left.
 */
#include "check.h"

#include "model/bridge/bridge.h"
#include "node.h"

static _Noreturn void fail(struct sim_world *world, const struct sim_row *row, const char *problem)
{
    sim_fail(world, "second model", row->head.id, "%s", problem);
}

static const struct model_definition *definition_of(struct sim_world *world,
                                                    const struct sim_row *row)
{
    struct sim_definition *definition = sim_store_definition(world->store, &row->head.definition);
    if (definition == NULL) fail(world, row, "its definition is not stored");
    if (definition->model == NULL) {
        definition->model =
            model_definition_new(definition->row.source.data, definition->row.source.size);
    }
    if (definition->model == NULL) fail(world, row, "the model cannot read its definition");
    return definition->model;
}

static void show(struct sim_world *world, struct sim_row *row, const struct sk_event *event)
{
    /* The settings of nodes may differ: whose rules a decision followed is not written down. */
    bool is_varying = world->profile.faults[SIM_FAULT_SETTINGS] > 0;
    static const struct sk_rules usual = { 0 };
    char problem[BRIDGE_PROBLEM_SIZE];
    const struct sk_plan *plan = sim_store_plan(world->store, &row->head.definition);
    world->checks->judged[SIM_CHECK_MODEL] += 1;
    if (event->seq == 1) {
        const struct model_definition *definition = definition_of(world, row);
        row->model = bridge_accept(definition, plan, event, is_varying ? NULL : &usual, problem);
        if (row->model == NULL) fail(world, row, problem);
        return;
    }
    const char *broken = bridge_event(row->model, plan, event);
    if (broken != NULL) fail(world, row, broken);
}

/* M3. */
static struct model *model_of(struct sim_world *world, struct sim_row *row)
{
    if (row->model != NULL) return row->model;
    for (uint32_t i = 0; i < row->events_count; i++) {
        struct sk_event event = sim_event_of(&row->events[i]);
        show(world, row, &event);
    }
    return row->model;
}

void sim_check_model_event(struct sim_world *world, struct sim_row *row,
                           const struct sk_event *event)
{
    if (row->model == NULL)
        (void)model_of(world, row); /* this one is the last of them */
    else
        show(world, row, event);
}

/* An engine that closes records what arrives and starts nothing: whoever takes over owes it. Of a
 * part that is stored after its node's life nobody knows whether it was closing. */
void sim_check_model_part(struct sim_world *world, const struct sim_shard *shard,
                          const struct sim_node *node, uint64_t life, const struct sk_part *part)
{
    if (!node->is_ready || node->life != life) return;
    for (uint32_t i = 0; i < part->heads_count; i++) {
        struct sim_row *row = sim_shard_row(shard, part->heads[i].no);
        bool is_watched = row != NULL && row->model != NULL && row->events_count > 0;
        if (!is_watched || sim_row_last(row)->position < part->first_position) continue;
        const char *missing = model_rest(row->model, sim_row_last(row)->at_ms);
        if (missing != NULL) fail(world, row, missing);
    }
}

void sim_check_model_saga(struct sim_world *world, const struct sk_saga *saga)
{
    char problem[BRIDGE_PROBLEM_SIZE];
    struct sim_row *row = sim_store_row(world->store, saga->start.id);
    if (row == NULL || model_of(world, row) == NULL) return;
    world->checks->judged[SIM_CHECK_MODEL] += 1;
    if (!bridge_compare(row->model, saga, problem)) fail(world, row, problem);
}

/* What a sibling gave is told of when its letter comes; the attempt may have been settled
 * meanwhile, for which law 6 counts with its lease. */
static bool came_by_letter(const struct sim_world *world, const struct sk_invocation *invocation)
{
    if (world->group == NULL) return false; /* whose clocks differ here, too */
    const struct sk_plan *plan = invocation->plan;
    const struct sk_step *step = &plan->steps[sk_plan_step(plan, invocation->step_id)];
    bool is_undo = invocation->operation == SK_OPERATION_COMPENSATION;
    const struct sk_action *action = is_undo ? step->compensation.action : step->action;
    return action != NULL && action->kind == SK_KIND_TASK;
}

void sim_check_model_sending(struct sim_world *world, const struct sk_invocation *invocation)
{
    struct sim_row *row = sim_store_row(world->store, invocation->saga_id);
    if (row == NULL || model_of(world, row) == NULL) return;
    struct model_sending sending = {
        .operation = bridge_operation_name(invocation->operation),
        .step = { invocation->step_id.data, invocation->step_id.size },
        .item = invocation->item,
        .attempt = invocation->attempt,
        .round = invocation->round,
        .deadline_ms = invocation->deadline_ms,
    };
    const char *broken = model_may_send(row->model, &sending);
    if (broken == NULL || came_by_letter(world, invocation)) return;
    sim_fail(world, "second model", row->head.id, "%.*s, attempt %u: %s",
             SK_STR_ARGS(invocation->key), invocation->attempt, broken);
}

void sim_check_model_end(struct sim_world *world, const struct sim_row *row,
                         const struct sk_saga *saga)
{
    sim_check_model_saga(world, saga);
    if (row->model == NULL) return;
    const char *missing = model_end_check(row->model, sim_now_ms(world));
    if (missing != NULL) fail(world, row, missing);
}

void sim_check_model_release(struct sim_world *world)
{
    for (struct sim_row *row = world->store->first; row != NULL; row = row->next) {
        model_free(row->model);
        row->model = NULL;
    }
    for (uint32_t i = 0; i < world->store->definitions_count; i++) {
        model_definition_free(world->store->definitions[i].model);
        world->store->definitions[i].model = NULL;
    }
}

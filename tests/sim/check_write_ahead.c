/*
 * check_write_ahead.c: law 2. Nothing leaves a node that depends on an event that is not durable:
 * an invocation has its start event in the store, with the same deadline; what an observer or a
 * client sees of a saga is not ahead of the store.
 */
#include "check.h"
#include "node.h"

static bool makes_due(uint32_t type, enum sk_operation operation)
{
    switch (operation) {
    case SK_OPERATION_ACTION:
    case SK_OPERATION_POLL:
        return type == SK_EVENT_STEP_STARTED || type == SK_EVENT_STEP_RETRYING ||
               type == SK_EVENT_STEP_REDRIVEN;
    case SK_OPERATION_COMPENSATION:
        return type == SK_EVENT_COMPENSATION_STARTED || type == SK_EVENT_COMPENSATION_RETRYING;
    case SK_OPERATION_VERIFY: return type == SK_EVENT_VERIFY_STARTED;
    case SK_OPERATION_HOOK: return type == SK_EVENT_HOOK_STARTED;
    case SK_OPERATION_DECISION: /* about an attempt of either */
        return makes_due(type, SK_OPERATION_ACTION) || makes_due(type, SK_OPERATION_COMPENSATION);
    }
    return false;
}

/* A task that is given out with a lease which an earlier holder's heartbeat has moved by then. */
static bool moves_lease(const struct sk_event_row *event)
{
    bool is_wait =
        event->type == SK_EVENT_STEP_WAITING || event->type == SK_EVENT_COMPENSATION_WAITING;
    return is_wait && sim_event_of(event).kind == SK_FOR_LEASE;
}

void sim_check_invocation(struct sim_world *world, const struct sk_invocation *invocation)
{
    const struct sim_row *row = sim_store_row(world->store, invocation->saga_id);
    uint32_t step = sk_plan_step(invocation->plan, invocation->step_id);
    world->checks->judged[SIM_CHECK_WRITE_AHEAD] += 1;
    for (uint32_t i = row == NULL ? 0 : row->events_count; i > 0; i--) {
        const struct sk_event_row *event = &row->events[i - 1];
        if (!makes_due(event->type, invocation->operation) && !moves_lease(event)) continue;
        if (event->step != step || event->item != invocation->item ||
            event->attempt != invocation->attempt)
            continue;
        if (event->round != invocation->round) continue;
        struct sk_event decoded = sim_event_of(event);
        bool has_own_time = invocation->operation == SK_OPERATION_DECISION;
        if (!has_own_time && decoded.when_ms != invocation->deadline_ms) continue;
        if (!has_own_time) sim_check_model_sending(world, invocation);
        return;
    }
    /* A worker tells of an attempt that a restore took back. */
    if (invocation->operation == SK_OPERATION_DECISION && world->store->restores > 0) return;
    sim_fail(world, "write ahead", invocation->saga_id,
             "%.*s was sent (attempt %u, deadline %lld) and no durable event says so",
             SK_STR_ARGS(invocation->key), invocation->attempt, (long long)invocation->deadline_ms);
}

/* A node hears late of a commit of its own, and another one has removed the saga meanwhile. */
static bool was_removed_by_another(const struct sim_world *world, const struct sim_row *row)
{
    const struct sim_node *node = world->acting;
    const struct sim_shard *shard = &world->store->shards[row->head.shard];
    return row->is_removed && node != NULL &&
           (shard->taker != node || shard->taker_life != node->life);
}

void sim_check_seen(struct sim_world *world, const struct sk_saga *saga)
{
    const struct sim_row *row = sim_map_get(&world->store->by_id, saga->start.id);
    world->checks->judged[SIM_CHECK_WRITE_AHEAD] += 1;
    bool is_there = row != NULL && (!row->is_removed || was_removed_by_another(world, row));
    if (!is_there || row->events_count == 0) {
        sim_fail(world, "write ahead", saga->start.id, "it was shown and is not in the store");
    }
    if (saga->seq > sim_row_last(row)->seq) {
        sim_fail(world, "write ahead", saga->start.id,
                 "it was shown as of event %llu; the store has %llu", (unsigned long long)saga->seq,
                 (unsigned long long)sim_row_last(row)->seq);
    }
    if (row->is_removed) return;
    if (saga->seq == sim_row_last(row)->seq) {
        sim_check_live(world, saga);
        sim_check_model_saga(world, saga);
    }
    sim_check_explained(world, saga);
}

void sim_check_observed(struct sim_world *world, const struct sk_saga *saga,
                        const struct sk_event *event)
{
    /* Also one that another node has removed before this one heard of its own commit. */
    const struct sim_row *row = sim_map_get(&world->store->by_id, saga->start.id);
    world->checks->judged[SIM_CHECK_WRITE_AHEAD] += 1;
    bool is_there = row != NULL && event->seq >= 1 && event->seq <= row->events_count &&
                    row->events[event->seq - 1].seq == event->seq &&
                    row->events[event->seq - 1].type == (uint32_t)event->type;
    if (!is_there) {
        sim_fail(world, "write ahead", saga->start.id,
                 "an observer saw %s (event %llu), which is not in the store",
                 sk_event_type_name(event->type), (unsigned long long)event->seq);
    }
    /* The saga may be ahead of its durable events, and of those of a node that has taken over. */
    bool is_same = saga->seq == event->seq && saga->seq == sim_row_last(row)->seq;
    if (!is_same || row->is_removed) return;
    sim_check_live(world, saga);
    sim_check_model_saga(world, saga);
}

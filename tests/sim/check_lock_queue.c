/*
 * check_lock_queue.c: locks are fair. Each key is given in the order in which it was asked for, by
 * the events of its own machine: granted is the one that has waited longest, and nobody holds the
 * key then; who no longer waits has said so. That one saga at a time holds it is judged in
 * check_locks.c by the sagas' events.
 */
#include "check.h"

static const char *const name = "locks are fair";

struct queue {
    struct sk_str holder;
    struct sk_str *waiting;
    uint32_t count, capacity;
};

static struct queue *queue_of(struct sim_world *world, struct sk_str id)
{
    struct queue *queue = sim_map_get(&world->checks->queues, id);
    if (queue != NULL) return queue;
    queue = SK_ARENA_NEW(&world->arena, struct queue);
    sim_map_put(&world->checks->queues, id, queue);
    return queue;
}

static bool leave(struct queue *queue, struct sk_str saga)
{
    for (uint32_t i = 0; i < queue->count; i++) {
        if (!sk_str_equal(queue->waiting[i], saga)) continue;
        for (uint32_t k = i + 1; k < queue->count; k++) queue->waiting[k - 1] = queue->waiting[k];
        queue->count -= 1;
        return true;
    }
    return false;
}

void sim_check_lock_queue(struct sim_world *world, const struct sim_row *row,
                          const struct sk_event *event)
{
    struct queue *queue = queue_of(world, row->head.id);
    struct sk_str saga = event->text;
    world->checks->judged[SIM_CHECK_FAIR] += 1;
    switch (event->type) {
    case SK_EVENT_LOCK_REQUESTED:
        *SIM_PUSH(world, queue->waiting, queue->count, queue->capacity) =
            sk_arena_copy(&world->arena, saga);
        return;
    case SK_EVENT_LOCK_GRANTED:
        if (queue->holder.size > 0) {
            sim_fail(world, name, row->head.id, "given to %.*s while %.*s has it",
                     SK_STR_ARGS(saga), SK_STR_ARGS(queue->holder));
        }
        if (queue->count == 0 || !sk_str_equal(queue->waiting[0], saga)) {
            sim_fail(world, name, row->head.id, "given to %.*s; %.*s had asked before",
                     SK_STR_ARGS(saga), queue->count == 0 ? 6 : (int)queue->waiting[0].size,
                     queue->count == 0 ? "nobody" : queue->waiting[0].data);
        }
        queue->holder = queue->waiting[0];
        (void)leave(queue, saga);
        return;
    case SK_EVENT_LOCK_RELEASED:
        if (sk_str_equal(queue->holder, saga))
            queue->holder = (struct sk_str){ 0 };
        else if (!leave(queue, saga))
            sim_fail(world, name, row->head.id,
                     "given back by %.*s, which neither has it nor waits", SK_STR_ARGS(saga));
        return;
    default: sim_fail(world, name, row->head.id, "an event that no lock knows");
    }
}

void sim_check_lock_queues_restored(struct sim_world *world)
{
    struct sim_map *queues = &world->checks->queues;
    for (uint32_t i = 0; i < queues->capacity; i++) queues->slots[i].value = NULL;
    for (const struct sim_row *row = world->store->first; row != NULL; row = row->next) {
        if (!row->head.is_lock || row->is_removed) continue;
        for (uint32_t i = 0; i < row->events_count; i++) {
            struct sk_event event = sim_event_of(&row->events[i]);
            sim_check_lock_queue(world, row, &event);
        }
    }
}

/* At the end nobody waits, and who holds is judged in check_locks.c. */
void sim_check_lock_queues_end(struct sim_world *world)
{
    const struct sim_map *queues = &world->checks->queues;
    for (uint32_t i = 0; i < queues->capacity; i++) {
        const struct queue *queue = queues->slots[i].value;
        if (queue == NULL || queue->count == 0) continue;
        sim_fail(world, name, queues->slots[i].key, "%.*s still waits for it",
                 SK_STR_ARGS(queue->waiting[0]));
    }
}

/*
 * check_locks.c: a key has one holder at a time. A saga holds from its lock.granted to its
 * lock.released, in the order in which they became durable; at the end nobody holds anything but a
 * failed saga whose definition says so.
 */
#include "check.h"

void sim_check_lock_event(struct sim_world *world, struct sim_row *row,
                          const struct sk_event *event)
{
    struct sim_map *holders = &world->checks->holders;
    struct sim_row *holder = sim_map_get(holders, event->text);
    world->checks->judged[SIM_CHECK_LOCKS] += 1;
    if (event->type == SK_EVENT_LOCK_GRANTED) {
        if (holder != NULL && holder != row) {
            sim_fail(world, "locks are exclusive", row->head.id,
                     "it was granted %.*s, which %.*s holds", SK_STR_ARGS(event->text),
                     SK_STR_ARGS(holder->head.id));
        }
        sim_map_put(holders, event->text, row);
    } else if (event->type == SK_EVENT_LOCK_RELEASED && holder == row) {
        sim_map_put(holders, event->text, NULL);
    }
}

/* Granted at this event, and not released in what follows. */
static bool holds_since(const struct sim_row *row, uint32_t granted, struct sk_str *out_key)
{
    if (row->events[granted].type != SK_EVENT_LOCK_GRANTED) return false;
    *out_key = sim_event_of(&row->events[granted]).text;
    for (uint32_t i = granted + 1; i < row->events_count; i++) {
        if (row->events[i].type != SK_EVENT_LOCK_RELEASED) continue;
        if (sk_str_equal(sim_event_of(&row->events[i]).text, *out_key)) return false;
    }
    return true;
}

void sim_check_locks_restored(struct sim_world *world)
{
    struct sim_map *holders = &world->checks->holders;
    for (uint32_t i = 0; i < holders->capacity; i++) holders->slots[i].value = NULL;
    for (struct sim_row *row = world->store->first; row != NULL; row = row->next) {
        struct sk_str key;
        for (uint32_t i = 0; i < row->events_count && !row->head.is_lock; i++) {
            if (holds_since(row, i, &key)) sim_map_put(holders, key, row);
        }
    }
}

void sim_check_locks_end(struct sim_world *world)
{
    const struct sim_map *holders = &world->checks->holders;
    for (uint32_t i = 0; i < holders->capacity; i++) {
        struct sim_row *row = holders->slots[i].value;
        if (row == NULL) continue;
        const struct sk_plan *plan = sim_store_plan(world->store, &row->head.definition);
        if (row->head.state == SK_SAGA_FAILED && plan->holds_locks_on_failed) continue;
        sim_fail(world, "locks are exclusive", row->head.id, "it ended %s and still holds %.*s",
                 sk_saga_state_name((enum sk_saga_state)row->head.state),
                 SK_STR_ARGS(holders->slots[i].key));
    }
}

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

/*
 * check_removed.c: what retention takes and what it must leave. A saga goes only when it is over
 * for good: ended so long ago, not failed, nothing open, and so is everything above it. It is
 * judged then as all others are at the end. And what may go does go: at the end nothing is left
 * that should have gone long ago.
 */
#include "check.h"

#include "reached.h"
#include "workload.h"

enum { SLACK_MS = 3000, GRACE_MS = 150000, ON_ITS_WAY_MS = 20000 };

static bool is_settled(const struct sk_head *head)
{
    return sk_saga_state_is_end((enum sk_saga_state)head->state) && head->open == 0 &&
           head->state != SK_SAGA_FAILED;
}

static const struct sim_row *parent_of(const struct sim_world *world, const struct sim_row *row)
{
    return row->head.parent.size == 0 ? NULL : sim_store_row(world->store, row->head.parent);
}

/* It was over, and a late success has opened it again while the removal of what is beneath was on
 * its way, perhaps of a node that paused. That step alone is undone: nothing beneath is asked. */
static bool has_just_been_reopened(const struct sim_world *world, const struct sim_row *row)
{
    uint32_t i = row->events_count;
    while (i > 0 && row->events[i - 1].type != SK_EVENT_SAGA_COMPENSATING) i--;
    if (i == 0 || !sk_str_is(sim_event_of(&row->events[i - 1]).text, "late_success")) return false;
    return row->events[i - 1].at_ms + ON_ITS_WAY_MS > sim_now_ms(world);
}

void sim_check_removed(struct sim_world *world, const struct sim_row *row)
{
    const struct sk_head *head = &row->head;
    if (head->is_lock) return;
    world->checks->judged[SIM_CHECK_RETENTION] += 1;
    world->checks->removed += 1;
    sim_reached(world, world->profile.retention_max > 0 ? SIM_REACHED_WORLD_REMOVAL_BY_COUNT
                                                        : SIM_REACHED_WORLD_REMOVAL);
    /* On demand also one that failed, and at any time. */
    bool is_wanted = sim_is_on_timetable(world, head->business_key) && head->open == 0 &&
                     sk_saga_state_is_end((enum sk_saga_state)head->state);
    if (!is_settled(head) && !is_wanted) {
        sim_fail(world, "retention", head->id, "removed while %s with %u open",
                 sk_saga_state_name((enum sk_saga_state)head->state), head->open);
    }
    if (!is_wanted &&
        head->ended_at_ms + world->profile.retention_ms > sim_now_ms(world) + SLACK_MS) {
        sim_fail(world, "retention", head->id, "removed %lld ms after its end",
                 (long long)(sim_now_ms(world) - head->ended_at_ms));
    }
    const struct sim_row *above = row;
    while ((above = parent_of(world, above)) != NULL) {
        if (is_settled(&above->head) || has_just_been_reopened(world, above)) continue;
        sim_fail(world, "retention", head->id, "removed, but %.*s above it is not over",
                 SK_STR_ARGS(above->head.id));
    }
    sim_check_saga(world, row);
}

/* By age alone; where a number is kept, any of them may be among those. */
void sim_check_kept(struct sim_world *world)
{
    if (world->profile.retention_ms == 0 || world->profile.retention_max > 0) return;
    for (const struct sim_row *row = world->store->first; row != NULL; row = row->next) {
        int64_t latest_ms = row->head.ended_at_ms;
        bool may_go = !row->is_removed && !row->head.is_lock && is_settled(&row->head);
        const struct sim_row *above = row;
        while (may_go && (above = parent_of(world, above)) != NULL) {
            may_go = is_settled(&above->head);
            if (above->head.ended_at_ms > latest_ms) latest_ms = above->head.ended_at_ms;
        }
        if (!may_go) continue;
        if (latest_ms + world->profile.retention_ms + GRACE_MS > sim_now_ms(world)) continue;
        sim_fail(world, "retention", row->head.id, "it should have been removed %lld s ago",
                 (long long)((sim_now_ms(world) - latest_ms) / 1000));
    }
}

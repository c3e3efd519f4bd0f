/* spoil_history.c: histories that no engine may write: one event of a true one is made another. */
#include "spoil.h"

#include "beside.h"
#include "past.h"

#include "core/core_private.h"

typedef bool match_fn(const struct sim_row *row, const struct sk_plan *plan, uint32_t index,
                      const struct sk_event *event);

struct found {
    struct sim_row *row;
    const struct sk_plan *plan;
    uint32_t index;
    struct sk_event event;
};

/* The first event of the world that matches. */
static bool find(struct sim_world *world, match_fn *matches, struct found *out)
{
    for (struct sim_row *row = world->store->first; row != NULL; row = row->next) {
        if (row->head.is_lock || row->is_removed) continue;
        const struct sk_plan *plan = sim_store_plan(world->store, &row->head.definition);
        for (uint32_t i = 0; i < row->events_count; i++) {
            struct sk_event event = sim_event_of(&row->events[i]);
            if (!matches(row, plan, i, &event)) continue;
            *out = (struct found){ row, plan, i, event };
            return true;
        }
    }
    return false;
}

/* Puts found->event in the place of what was there. */
static void put(struct sim_world *world, const struct found *found)
{
    struct sk_event_row *row = &found->row->events[found->index];
    struct sk_buf data;
    sk_buf_init(&data, 0);
    sk_event_encode(&found->event, &data);
    row->data = sk_arena_copy(&world->arena, sk_buf_view(&data));
    row->at_ms = found->event.at_ms;
    row->type = (uint32_t)found->event.type;
    row->step = found->event.step;
    row->item = found->event.item;
    row->attempt = found->event.attempt;
    row->round = found->event.round;
    sk_buf_release(&data);
}

/* Nothing that any judge looks at. */
static void blank(struct sim_world *world, struct found *found)
{
    struct sk_event event = { .seq = found->event.seq,
                              .at_ms = found->event.at_ms,
                              .type = SK_EVENT_SIGNAL_RECEIVED,
                              .step = SK_STEP_NONE,
                              .item = -1 };
    found->event = event;
    put(world, found);
}

/* All judges of the past, and what they say at the end of the true saga. */
static bool judge_past(struct sim_world *world, const struct found *found,
                       const struct sk_saga *saga)
{
    struct sim_past past;
    sim_past_init(&past, world, found->row, found->plan);
    for (uint32_t i = 0; i < found->row->events_count; i++) {
        struct sk_event event = sim_event_of(&found->row->events[i]);
        sim_past_judge(&past, &event);
    }
    if (saga != NULL) {
        sim_judge_goes_on(&past, saga);
        sim_judge_once_end(&past, saga);
    }
    return true;
}

typedef void judge_fn(struct sim_world *world, const struct sim_row *row,
                      const struct sk_saga *saga);

static bool judge(struct sim_world *world, const struct found *found, judge_fn *fn,
                  const struct sk_saga *saga)
{
    fn(world, found->row, saga);
    return true;
}

/* The first event of this type and unit at or behind `from`; events_count: none. */
static uint32_t next_of(const struct sim_row *row, uint32_t from, enum sk_event_type type,
                        const struct sk_event *of)
{
    while (from < row->events_count &&
           (row->events[from].type != (uint32_t)type || row->events[from].step != of->step ||
            row->events[from].item != of->item))
        from++;
    return from;
}

/* ---- order, policy, pivot, hooks, tasks ------------------------------------------------------ */

static bool is_plain(const struct sim_row *row)
{
    for (uint32_t i = 0; i < row->events_count; i++) {
        uint32_t type = row->events[i].type;
        if (type >= SK_EVENT_OPERATOR_CANCEL || type == SK_EVENT_STEP_LATE) return false;
    }
    return true;
}

/* Another step's undo begins behind this one. */
static uint32_t second_undo(const struct sim_row *row, uint32_t first)
{
    for (uint32_t i = first + 1; i < row->events_count; i++) {
        if (row->events[i].type == SK_EVENT_COMPENSATION_STARTED &&
            row->events[i].step != row->events[first].step && row->events[i].item < 0)
            return i;
    }
    return 0;
}

static bool begins_two_undos(const struct sim_row *row, const struct sk_plan *plan, uint32_t index,
                             const struct sk_event *event)
{
    return event->type == SK_EVENT_COMPENSATION_STARTED && event->item < 0 && is_plain(row) &&
           plan->strategy != SK_STRATEGY_PARALLEL && second_undo(row, index) > 0;
}

bool sim_spoil_order(struct sim_world *world)
{
    struct found found;
    struct sk_saga saga;
    if (!find(world, begins_two_undos, &found)) return false;
    sim_fold(world, found.row, &saga);
    uint32_t second = second_undo(found.row, found.index);
    uint32_t step = found.row->events[second].step;
    found.row->events[second].step = found.event.step;
    found.row->events[found.index].step = step;
    return judge(world, &found, sim_check_order, &saga);
}

static bool is_later(const struct sim_row *row, const struct sk_plan *plan, uint32_t index,
                     const struct sk_event *event)
{
    (void)plan;
    return index > 0 && event->at_ms > row->events[0].at_ms;
}

bool sim_spoil_policy(struct sim_world *world)
{
    struct found found;
    struct sk_saga saga;
    if (!find(world, is_later, &found)) return false;
    sim_fold(world, found.row, &saga);
    found.event.at_ms = found.row->events[0].at_ms - 1;
    put(world, &found);
    return judge(world, &found, sim_check_policy, &saga);
}

static bool ends_past_pivot(const struct sim_row *row, const struct sk_plan *plan, uint32_t index,
                            const struct sk_event *event)
{
    (void)index;
    if (event->type != SK_EVENT_SAGA_COMPLETED || plan->pivot == SK_STEP_NONE) return false;
    struct sk_event pivot = { .step = plan->pivot, .item = -1 };
    return is_plain(row) && next_of(row, 0, SK_EVENT_STEP_COMPLETED, &pivot) < row->events_count;
}

bool sim_spoil_pivot(struct sim_world *world)
{
    struct found found;
    struct sk_saga saga;
    if (!find(world, ends_past_pivot, &found)) return false;
    sim_fold(world, found.row, &saga);
    found.event.type = SK_EVENT_SAGA_COMPENSATING;
    found.event.kind = SK_REASON_STEP;
    put(world, &found);
    return judge(world, &found, sim_check_pivot, &saga);
}

static bool starts_hook(const struct sim_row *row, const struct sk_plan *plan, uint32_t index,
                        const struct sk_event *event)
{
    (void)row;
    (void)plan;
    (void)index;
    return event->type == SK_EVENT_HOOK_STARTED;
}

bool sim_spoil_hooks(struct sim_world *world)
{
    struct found found;
    struct sk_saga saga;
    if (!find(world, starts_hook, &found)) return false;
    sim_fold(world, found.row, &saga);
    found.event.flags += 7; /* a hook that nothing called for */
    put(world, &found);
    return judge(world, &found, sim_check_hooks, &saga);
}

static bool offers_task(const struct sim_row *row, const struct sk_plan *plan, uint32_t index,
                        const struct sk_event *event)
{
    (void)plan;
    return event->type == SK_EVENT_STEP_WAITING && event->kind == SK_FOR_WORKER &&
           next_of(row, index, SK_EVENT_STEP_STARTED, event) < row->events_count;
}

bool sim_spoil_tasks(struct sim_world *world)
{
    struct found found;
    struct sk_saga saga;
    if (!find(world, offers_task, &found)) return false;
    sim_fold(world, found.row, &saga);
    blank(world, &found);
    return judge(world, &found, sim_check_tasks, &saga);
}

/* "<batch>/<saga>": clerks.c calls its batches b-0, b-1, … */
static bool is_told_by_batch(const struct sim_row *row, const struct sk_plan *plan, uint32_t index,
                             const struct sk_event *event)
{
    (void)plan;
    return event->type >= SK_EVENT_OPERATOR_CANCEL && sk_str_starts(event->extra, SK_STR("b-")) &&
           sk_str_find(event->extra, '/') < event->extra.size && index + 1 < row->events_count;
}

bool sim_spoil_batch(struct sim_world *world)
{
    struct found found;
    if (!find(world, is_told_by_batch, &found)) return false;
    found.index += 1;
    found.event.seq += 1;
    put(world, &found);
    sim_check_batches(world);
    return true;
}

/* Two sagas of one instant. */
bool sim_spoil_schedule(struct sim_world *world)
{
    for (struct sim_row *row = world->store->first; row != NULL; row = row->next) {
        struct sk_saga saga;
        if (row->is_removed || !sim_is_on_timetable(world, row->head.business_key)) continue;
        sim_fold(world, row, &saga);
        sim_timetable_saw(world, row, &saga);
        struct sim_row again = *row;
        again.head.id = SK_STR("spoilt");
        sim_timetable_saw(world, &again, &saga);
        sim_check_schedules(world);
        return true;
    }
    return false;
}

/* ---- the past -------------------------------------------------------------------------------- */

static bool is_done_and_undone(const struct sim_row *row, const struct sk_plan *plan,
                               uint32_t index, const struct sk_event *event)
{
    if (event->type != SK_EVENT_STEP_COMPLETED || event->step >= plan->steps_count) return false;
    if ((plan->steps[event->step].items != NULL) != (event->item >= 0)) return false;
    if (next_of(row, 0, SK_EVENT_STEP_UNKNOWN, event) < row->events_count) return false;
    if (next_of(row, 0, SK_EVENT_STEP_REDRIVEN, event) < row->events_count) return false;
    return is_plain(row) &&
           next_of(row, index, SK_EVENT_COMPENSATION_STARTED, event) < row->events_count;
}

/* It failed clearly, and is undone all the same. */
bool sim_spoil_once(struct sim_world *world)
{
    struct found found;
    if (!find(world, is_done_and_undone, &found)) return false;
    found.event.type = SK_EVENT_STEP_FAILED;
    found.event.flags = 0;
    put(world, &found);
    return judge_past(world, &found, NULL);
}

static bool is_undone_and_more(const struct sim_row *row, const struct sk_plan *plan,
                               uint32_t index, const struct sk_event *event)
{
    (void)plan;
    return event->type == SK_EVENT_COMPENSATION_COMPLETED && index + 1 < row->events_count &&
           row->events[index + 1].type < SK_EVENT_STEP_STARTED && is_plain(row);
}

/* … and undone again. */
bool sim_spoil_twice(struct sim_world *world)
{
    struct found found;
    if (!find(world, is_undone_and_more, &found)) return false;
    found.index += 1;
    found.event.seq += 1;
    put(world, &found);
    return judge_past(world, &found, NULL);
}

static bool begins_undo(const struct sim_row *row, const struct sk_plan *plan, uint32_t index,
                        const struct sk_event *event)
{
    (void)plan;
    (void)index;
    return event->type == SK_EVENT_COMPENSATION_STARTED && is_plain(row) &&
           row->head.state != SK_SAGA_COMPLETED;
}

/* Every word of an undo is lost. */
static void forget_undo(struct sim_world *world, const struct found *found)
{
    for (uint32_t i = 0; i < found->row->events_count; i++) {
        const struct sk_event_row *row = &found->row->events[i];
        bool is_undo = row->type >= SK_EVENT_COMPENSATION_STARTED &&
                       row->type <= SK_EVENT_COMPENSATION_WAITING;
        if (!is_undo || row->step != found->event.step || row->item != found->event.item) continue;
        struct found one = *found;
        one.index = i;
        one.event = sim_event_of(row);
        blank(world, &one);
    }
}

bool sim_spoil_forgotten(struct sim_world *world)
{
    struct found found;
    struct sk_saga saga;
    if (!find(world, begins_undo, &found)) return false;
    sim_fold(world, found.row, &saga);
    forget_undo(world, &found);
    return judge_past(world, &found, &saga);
}

static bool begins_undo_beside_failure(const struct sim_row *row, const struct sk_plan *plan,
                                       uint32_t index, const struct sk_event *event)
{
    if (!begins_undo(row, plan, index, event)) return false;
    for (uint32_t i = 0; i < row->events_count; i++) {
        if (row->events[i].type == SK_EVENT_COMPENSATION_FAILED &&
            (row->events[i].step != event->step || row->events[i].item != event->item))
            return true;
    }
    return false;
}

bool sim_spoil_goes_on(struct sim_world *world)
{
    struct found found;
    struct sk_saga saga;
    if (!find(world, begins_undo_beside_failure, &found)) return false;
    sim_fold(world, found.row, &saga);
    forget_undo(world, &found);
    return judge_past(world, &found, &saga);
}

static bool is_silence_before_undo(const struct sim_row *row, const struct sk_plan *plan,
                                   uint32_t index, const struct sk_event *event)
{
    return event->type == SK_EVENT_STEP_UNKNOWN && event->when_ms != 0 &&
           sim_has_participant(&plan->steps[event->step]) && is_plain(row) &&
           next_of(row, index, SK_EVENT_COMPENSATION_STARTED, event) < row->events_count;
}

bool sim_spoil_law6(struct sim_world *world)
{
    struct found found;
    if (!find(world, is_silence_before_undo, &found)) return false;
    int64_t until_ms = found.event.when_ms;
    found.index = next_of(found.row, found.index, SK_EVENT_COMPENSATION_STARTED, &found.event);
    found.event = sim_event_of(&found.row->events[found.index]);
    found.event.at_ms = until_ms;
    put(world, &found);
    return judge_past(world, &found, NULL);
}

static bool is_late(const struct sim_row *row, const struct sk_plan *plan, uint32_t index,
                    const struct sk_event *event)
{
    (void)row;
    (void)plan;
    (void)index;
    return event->type == SK_EVENT_STEP_LATE && event->kind != SK_LATE_RECORDED;
}

bool sim_spoil_late(struct sim_world *world)
{
    struct found found;
    if (!find(world, is_late, &found)) return false;
    found.event.kind = SK_LATE_RECORDED;
    put(world, &found);
    return judge_past(world, &found, NULL);
}

static bool pauses(const struct sim_row *row, const struct sk_plan *plan, uint32_t index,
                   const struct sk_event *event)
{
    (void)plan;
    return event->type == SK_EVENT_STEP_WAITING && event->kind == SK_FOR_BACKOFF && is_plain(row) &&
           index + 1 < row->events_count &&
           next_of(row, index, SK_EVENT_STEP_RETRYING, event) == index + 1;
}

bool sim_spoil_timer(struct sim_world *world)
{
    struct found found;
    if (!find(world, pauses, &found)) return false;
    int64_t until_ms = found.event.when_ms;
    found.index += 1;
    found.event = sim_event_of(&found.row->events[found.index]);
    found.event.at_ms = until_ms - 1;
    put(world, &found);
    return judge_past(world, &found, NULL);
}

bool sim_spoil_attempts(struct sim_world *world)
{
    struct found found;
    if (!find(world, pauses, &found)) return false;
    found.index += 1;
    found.event = sim_event_of(&found.row->events[found.index]);
    found.event.attempt += 7;
    put(world, &found);
    return judge_past(world, &found, NULL);
}

/*
 * check_order.c: law 7. Going forward, a step starts only when its dependencies are settled. Going
 * back, first compensations begin in descending order of their steps' first start (`sequential`),
 * or after those of all dependants (`parallel`); items of a step in descending order, unless
 * several go at once.
 *
 * Judged by the history alone. What an operator, the sweep or a late answer takes up again comes
 * out of order by right, so such a history is judged up to there.
 */
#include "check.h"

#include "base/limits.h"

struct unit_order {
    uint64_t started, undo_begun,
        undo_ended; /* seq, 0 = never; of the step: first start, first begin, last end */
    uint64_t settled;
    bool is_offered; /* a task: nobody waits for an async one from then on */
    int32_t last_item_begun;
};

struct orders {
    struct unit_order steps[64];
    uint32_t order_begun; /* step whose undo began last, SK_STEP_NONE = none */
};

static bool is_settling(const struct sk_event *event)
{
    return event->item < 0 &&
           (event->type == SK_EVENT_STEP_COMPLETED || event->type == SK_EVENT_STEP_SKIPPED ||
            event->type == SK_EVENT_STEP_FAILED || event->type == SK_EVENT_OPERATOR_SKIP_STEP);
}

static bool ends_judgement(const struct sk_event *event)
{
    switch (event->type) {
    case SK_EVENT_STEP_LATE:
    case SK_EVENT_OPERATOR_RETRY:
    case SK_EVENT_OPERATOR_SKIP_STEP:
    case SK_EVENT_OPERATOR_FORCE_CANCEL:
    case SK_EVENT_OPERATOR_FORCE_COMPLETE: return true;
    default: return event->type == SK_EVENT_COMPENSATION_WAITING && event->kind == SK_FOR_SWEEP;
    }
}

static void judge_start(struct sim_world *world, const struct sim_row *row,
                        const struct sk_plan *plan, const struct sk_event *event,
                        struct orders *orders)
{
    const struct sk_step *step = &plan->steps[event->step];
    if (orders->steps[event->step].started == 0) orders->steps[event->step].started = event->seq;
    for (uint32_t k = 0; k < step->dependencies_count; k++) {
        uint32_t before = step->dependencies[k];
        bool is_settled = orders->steps[before].settled != 0 ||
                          (plan->steps[before].is_detached && (orders->steps[before].started != 0 ||
                                                               orders->steps[before].is_offered));
        world->checks->judged[SIM_CHECK_ORDER] += 1;
        if (is_settled) continue;
        sim_fail(world, "undo order", row->head.id, "event %llu starts %.*s before %.*s is settled",
                 (unsigned long long)event->seq, SK_STR_ARGS(step->id),
                 SK_STR_ARGS(plan->steps[before].id));
    }
}

static void judge_undo(struct sim_world *world, const struct sim_row *row,
                       const struct sk_plan *plan, const struct sk_event *event,
                       struct orders *orders)
{
    struct unit_order *mine = &orders->steps[event->step];
    world->checks->judged[SIM_CHECK_ORDER] += 1;
    bool is_one_by_one = event->item >= 0 && plan->steps[event->step].parallel <= 1;
    if (mine->undo_begun != 0 && is_one_by_one && event->item > mine->last_item_begun) {
        sim_fail(world, "undo order", row->head.id, "event %llu undoes item %d after item %d",
                 (unsigned long long)event->seq, event->item, mine->last_item_begun);
    }
    mine->last_item_begun = event->item;
    if (mine->undo_begun != 0) return;
    mine->undo_begun = event->seq;
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        const struct unit_order *other = &orders->steps[i];
        if (i == event->step || other->undo_begun == 0) continue;
        bool is_before = plan->strategy == SK_STRATEGY_PARALLEL
                             ? sk_bitset_has(&plan->steps[i].ancestors, event->step)
                             : other->started > mine->started;
        bool is_wrong = plan->strategy == SK_STRATEGY_PARALLEL
                            ? is_before && other->undo_ended == 0
                            : !is_before || other->undo_ended == 0;
        if (!is_wrong) continue;
        sim_fail(world, "undo order", row->head.id,
                 "event %llu undoes %.*s; %.*s, begun by event %llu, %s",
                 (unsigned long long)event->seq, SK_STR_ARGS(plan->steps[event->step].id),
                 SK_STR_ARGS(plan->steps[i].id), (unsigned long long)other->undo_begun,
                 is_before ? "is not ended" : "had started before");
    }
}

static bool ends_undo(const struct sk_event *event)
{
    return event->type == SK_EVENT_COMPENSATION_COMPLETED ||
           event->type == SK_EVENT_COMPENSATION_FAILED ||
           event->type == SK_EVENT_COMPENSATION_SKIPPED;
}

void sim_check_order(struct sim_world *world, const struct sim_row *row, const struct sk_saga *saga)
{
    const struct sk_plan *plan = saga->plan;
    struct orders orders = { 0 };
    if (plan->steps_count > 64) return;
    for (uint32_t i = 0; i < row->events_count; i++) {
        struct sk_event event = sim_event_of(&row->events[i]);
        if (ends_judgement(&event)) return;
        if (event.step >= plan->steps_count) continue;
        if (event.type == SK_EVENT_STEP_STARTED) judge_start(world, row, plan, &event, &orders);
        if (event.type == SK_EVENT_STEP_WAITING && event.kind == SK_FOR_WORKER)
            orders.steps[event.step].is_offered = true;
        if (is_settling(&event)) orders.steps[event.step].settled = event.seq;
        if (event.type == SK_EVENT_COMPENSATION_STARTED)
            judge_undo(world, row, plan, &event, &orders);
        if (ends_undo(&event)) orders.steps[event.step].undo_ended = event.seq;
    }
}

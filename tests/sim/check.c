/* check.c: what the judges share: folding a stored history, counting, and the walk over all sagas
 * at the end. */
#include "check.h"

#include "node.h"
#include "past.h"
#include "reached.h"
#include "workload.h"

const char *sim_checker_name(enum sim_checker checker)
{
    static const char *const names[] = {
#define X(name, text) [SIM_CHECK_##name] = (text),
        SIM_CHECKERS(X)
#undef X
    };
    return names[checker];
}

void sim_checks_init(struct sim_world *world)
{
    struct sim_checks *checks = SK_ARENA_NEW(&world->arena, struct sim_checks);
    world->checks = checks;
    sim_map_init(&checks->holders, &world->arena);
    sim_map_init(&checks->queues, &world->arena);
    sim_map_init(&checks->requests, &world->arena);
    sk_buf_init(&checks->live, 0);
    sk_buf_init(&checks->folded, 0);
}

void sim_checks_release(struct sim_world *world)
{
    sim_check_model_release(world);
    sk_buf_release(&world->checks->live);
    sk_buf_release(&world->checks->folded);
}

struct sk_event sim_event_of(const struct sk_event_row *row)
{
    struct sk_event event = {
        .seq = row->seq,
        .at_ms = row->at_ms,
        .type = (enum sk_event_type)row->type,
        .step = row->step,
        .item = row->item,
        .attempt = row->attempt,
        .round = row->round,
    };
    if (!sk_event_decode(row->data, &event)) event.type = SK_EVENT_TYPES_MAX;
    return event;
}

/* What is judged event by event: the past is what the events before say. */
void sim_past_judge(struct sim_past *past, const struct sk_event *event)
{
    sim_judge_once(past, event);
    sim_judge_law6(past, event);
    sim_judge_late(past, event);
    sim_judge_timer(past, event);
    sim_judge_attempt(past, event);
    sim_past_add(past, event);
}

/* `past`: NULL = nothing is judged. */
static void fold(struct sim_world *world, const struct sim_row *row, struct sim_past *past,
                 struct sk_saga *out_saga)
{
    struct sim_moves moves = { .world = world };
    const struct sk_plan *plan = sim_store_plan(world->store, &row->head.definition);
    if (plan == NULL)
        sim_fail(world, "replay = live", row->head.id, "its definition is not stored");
    if (!sk_saga_init(out_saga, plan)) sim_fail(world, "simulator", row->head.id, "out of memory");
    if (past != NULL) sim_past_init(past, world, row, plan);
    for (uint32_t i = 0; i < row->events_count; i++) {
        struct sk_event event = sim_event_of(&row->events[i]);
        if (past != NULL) sim_moves_before(&moves, out_saga, &event);
        if (event.type == SK_EVENT_TYPES_MAX || sk_saga_evolve(out_saga, &event) != SKALD_OK) {
            sim_fail(world, "replay = live", row->head.id, "stored event %llu does not fold",
                     (unsigned long long)row->events[i].seq);
        }
        if (past == NULL) continue;
        sim_moves_after(&moves, out_saga, &event);
        sim_past_judge(past, &event);
    }
}

void sim_fold(struct sim_world *world, const struct sim_row *row, struct sk_saga *out_saga)
{
    fold(world, row, NULL, out_saga);
}

static bool is_end(uint32_t type)
{
    return type == SK_EVENT_SAGA_COMPLETED ||
           (type >= SK_EVENT_SAGA_COMPENSATED && type <= SK_EVENT_SAGA_TIMED_OUT);
}

void sim_check_event(struct sim_world *world, struct sim_row *row, const struct sk_event_row *event)
{
    if (!sk_event_type_known(event->type)) {
        sim_fail(world, "replay = live", row->head.id, "an event of unknown type %u", event->type);
    }
    sim_note(world, sk_event_type_name((enum sk_event_type)event->type), event->seq, event->step,
             row->head.id);
    world->hash = sim_hash(world->hash, event->data.data, event->data.size);
    if (is_end(event->type)) row->ended_at_us = world->checks->last_end_us = world->now_us;
    struct sk_event shown = sim_event_of(event);
    if (row->head.is_lock) {
        sim_check_lock_queue(world, row, &shown);
        return;
    }
    sim_check_model_event(world, row, &shown);
    /* The history of an imported saga tells of keys that it has given back. */
    if (sim_is_imported(world, row)) return;
    if (event->type >= SK_EVENT_LOCK_REQUESTED && event->type <= SK_EVENT_LOCK_RELEASED) {
        sim_check_lock_event(world, row, &shown);
    }
}

/* The head is what lists and recovery go by: it must tell what the history tells. */
static void check_head(struct sim_world *world, const struct sim_row *row,
                       const struct sk_saga *saga)
{
    const struct sk_head *head = &row->head;
    bool same =
        head->state == (uint8_t)sk_saga_shown_state(saga) || head->state == (uint8_t)saga->state;
    if (!same || head->open != sk_saga_open(saga) ||
        head->has_residue != (saga->residue_count > 0)) {
        sim_fail(world, "replay = live", head->id,
                 "its head says state %s, %u open, residue %d; its history says %s, %u, %u",
                 sk_saga_state_name((enum sk_saga_state)head->state), head->open, head->has_residue,
                 sk_saga_state_name(saga->state), sk_saga_open(saga), saga->residue_count);
    }
}

void sim_check_saga(struct sim_world *world, const struct sim_row *row)
{
    struct sk_saga saga;
    struct sim_past past;
    fold(world, row, &past, &saga);
    world->checks->ends[sk_saga_shown_state(&saga)] += 1;
    sim_load_judged(world->load, saga.plan);
    sim_timetable_saw(world, row, &saga);
    check_head(world, row, &saga);
    sim_check_liveness(world, row, &saga);
    sim_check_undo(world, row, &saga);
    sim_check_order(world, row, &saga);
    sim_check_pivot(world, row, &saga);
    sim_check_policy(world, row, &saga);
    sim_check_hooks(world, row, &saga);
    sim_check_tasks(world, row, &saga);
    sim_check_model_end(world, row, &saga);
    sim_check_letters(world, row);
    sim_judge_once_end(&past, &saga);
    sim_judge_goes_on(&past, &saga);
    sim_past_release(&past);
    sk_saga_release(&saga);
}

void sim_check_end(struct sim_world *world)
{
    for (const struct sim_row *row = world->store->first; row != NULL; row = row->next) {
        if (!row->is_removed && !row->head.is_lock) sim_check_saga(world, row);
    }
    sim_check_starts_end(world);
    sim_check_locks_end(world);
    sim_check_lock_queues_end(world);
    sim_check_letters_end(world);
    sim_check_bounds_end(world);
    sim_check_rows(world);
    sim_check_kept(world);
    sim_check_batches(world);
    sim_check_schedules(world);
    sim_load_count(world->load);
}

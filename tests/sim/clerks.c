/*
 * clerks.c: people who tell many sagas at once: batches by filter, asked for again until somebody
 * has taken them, told twice, told to stop; through crashes, takeovers and stores that are away.
 *
 *   L1  A batch that was acknowledged ends: finished, or cancelled.
 *   L2  Its figures add up.
 *   L3  It tells each saga once: no history holds two events of one batch.
 *   L4  A finished batch told every saga that it meant: one that suspends leaves none of the sagas
 *       that were active from its beginning to its end without its event, unless it says that some
 *       could not be told.
 */
#include "beside.h"
#include "check.h"
#include "engine/bulk.h"
#include "node.h"
#include "reached.h"
#include "workload.h"

#include <stdio.h>

enum { TRIES_MAX = 4000, CLOCKS_DIFFER_MS = 2500 };

struct sim_batch {
    struct sim_world *world;
    struct sk_bulk_request request;
    uint64_t asked;
    bool is_acknowledged, is_cancelled, is_over, is_given_up, asks_twice;
    struct sk_bulk_view last; /* as it was when it was over */
    uint32_t tries;
};

struct sim_node *sim_node_of(struct sim_world *world, struct sk_str id)
{
    return sim_node_for(world, (uint32_t)(sk_hash_id(id) % world->profile.shards_count));
}

static uint32_t batch_row(enum sk_command_kind kind)
{
    switch (kind) {
    case SK_COMMAND_CANCEL: return 0;
    case SK_COMMAND_FORCE_CANCEL: return 1;
    case SK_COMMAND_FORCE_COMPLETE: return 2;
    case SK_COMMAND_RETRY: return 3;
    case SK_COMMAND_SUSPEND: return 4;
    case SK_COMMAND_RESUME: return 5;
    default: return 6; /* delete */
    }
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void ask(void *context);
static void follow(void *context);

static void on_started(void *context, enum skald_status status, const skald_error *error,
                       const struct sk_bulk_view *view, bool is_replayed)
{
    struct sim_batch *batch = context;
    struct sim_world *world = batch->world;
    (void)error;
    sim_note(world, "batch", (uint64_t)(int64_t)status, is_replayed, batch->request.id);
    if (status == SKALD_E_LIMIT) {
        batch->is_given_up = !batch->is_acknowledged;
        return;
    }
    if (status != SKALD_OK) {
        if (skald_status_class(status) == SKALD_CLASS_RETRY || status == SKALD_E_IO) return;
        sim_fail(world, "batches", batch->request.id, "it was refused: %s",
                 skald_status_name(status));
    }
    if (view == NULL || !sk_str_equal(view->id, batch->request.id))
        sim_fail(world, "batches", batch->request.id, "it was acknowledged as another one");
    if (is_replayed) sim_reached(world, SIM_REACHED_BATCH_REPLAYED);
    if (batch->is_acknowledged) return;
    batch->is_acknowledged = true;
    sim_reached(world, SIM_REACHED_BATCH_CANCEL + batch_row(batch->request.kind));
    sim_after(world, SIM_S, follow, batch);
}

static void on_conflict(void *context, enum skald_status status, const skald_error *error,
                        const struct sk_bulk_view *view, bool is_replayed)
{
    struct sim_batch *batch = context;
    (void)error, (void)view, (void)is_replayed;
    if (status == SKALD_OK)
        sim_fail(batch->world, "batches", batch->request.id,
                 "another request under its id was taken");
    if (status == SKALD_E_CONFLICT) sim_reached(batch->world, SIM_REACHED_BATCH_CONFLICT);
}

static void on_cancelled(void *context, enum skald_status status, const skald_error *error,
                         const struct sk_bulk_view *view, bool is_replayed)
{
    struct sim_batch *batch = context;
    (void)error, (void)is_replayed;
    if (status == SKALD_OK && view->state == SK_BULK_CANCELLED) batch->is_cancelled = true;
}

static void ask(void *context)
{
    struct sim_batch *batch = context;
    struct sim_world *world = batch->world;
    struct sim_rng *rng = &world->load->beside.clerks_rng;
    if (batch->is_given_up) return;
    if (batch->is_acknowledged && !batch->asks_twice) return;
    if (batch->tries++ > TRIES_MAX)
        sim_fail(world, "batches", batch->request.id, "nobody took it in %d tries", TRIES_MAX);
    /* What was never taken need not be in the calm. */
    if (world->is_calm && !batch->is_acknowledged && batch->asked == 0) batch->is_given_up = true;
    struct sim_node *node = sim_node_of(world, batch->request.id);
    if (node != NULL && !batch->is_given_up) {
        bool is_again = batch->is_acknowledged;
        batch->asked += 1;
        sk_engine_bulk_start(node->engine, &batch->request, on_started, batch);
        if (is_again) {
            struct sk_bulk_request other = batch->request;
            other.reason = SK_STR("another one");
            batch->asks_twice = false;
            sk_engine_bulk_start(node->engine, &other, on_conflict, batch);
            if (sim_chance(rng, 300))
                sk_engine_bulk_cancel(node->engine, batch->request.id, on_cancelled, batch);
        }
    }
    sim_after(world, sim_between(rng, SIM_S, 4 * SIM_S), ask, batch);
}

/* The store went back in time: who was not done asks again, under the same id. */
void sim_clerks_restored(struct sim_world *world)
{
    struct sim_beside *beside = &world->load->beside;
    for (uint32_t i = 0; i < beside->batches_count; i++) {
        struct sim_batch *batch = &beside->batches[i];
        if (!batch->is_acknowledged || batch->is_over) continue;
        batch->is_acknowledged = false;
        sim_after(world, SIM_S, ask, batch);
    }
}

/* ---- following ------------------------------------------------------------------------------- */

static bool is_seen(void *context, const struct sk_bulk_view *view)
{
    struct sim_batch *batch = context;
    return !sk_str_equal(view->id, batch->request.id);
}

static void follow(void *context)
{
    struct sim_batch *batch = context;
    struct sim_world *world = batch->world;
    struct sim_node *node = sim_node_of(world, batch->request.id);
    struct sk_bulk_view view;
    if (node != NULL) sk_engine_bulk_each(node->engine, is_seen, batch);
    if (node != NULL && sim_is_set_back(world) &&
        !sk_engine_bulk_get(node->engine, batch->request.id, &view)) {
        batch->is_acknowledged = false;
        batch->is_given_up = true;
        return;
    }
    if (node != NULL && sk_engine_bulk_get(node->engine, batch->request.id, &view) &&
        view.state != SK_BULK_RUNNING) {
        batch->is_over = true;
        batch->last = view;
        batch->last.id = batch->last.by = batch->last.reason = batch->last.last_error =
            (struct sk_str){ 0 };
        sim_note(world, "batch-over", view.done, view.failed, batch->request.id);
        return;
    }
    sim_after(world, SIM_S, follow, batch);
}

bool sim_clerks_are_done(const struct sim_world *world)
{
    const struct sim_beside *beside = &world->load->beside;
    for (uint32_t i = 0; i < beside->batches_count; i++) {
        const struct sim_batch *batch = &beside->batches[i];
        bool is_done = batch->is_acknowledged ? batch->is_over : batch->is_given_up;
        if (!is_done) return false;
    }
    return true;
}

/* ---- who is meant ---------------------------------------------------------------------------- */

static void draw_filter(struct sim_world *world, struct sim_rng *rng, struct sk_bulk_request *r)
{
    static const char *const keys[] = { "bk-0", "bk-1", SIM_TIMETABLE_KEY };
    static const char *const definitions[] = { "d0", "d1", "d2" };
    struct sk_list_filter *f = &r->filter;
    if (r->kind == SK_BULK_DELETE) { /* clients come back to their own */
        f->business_key = SK_STR(SIM_TIMETABLE_KEY);
        return;
    }
    uint32_t kind = sim_below(rng, 8);
    if (kind == 0) f->business_key = sk_str_of(keys[sim_below(rng, 3)]);
    if (kind == 1 || kind == 2) f->definition_id = sk_str_of(definitions[sim_below(rng, 3)]);
    if (kind == 2) f->definition_version = SK_STR("1");
    if (kind == 3) f->states = 1u << SK_SAGA_RUNNING | 1u << SK_SAGA_COMPENSATING;
    if (kind == 4) f->created_from_ms = SIM_EPOCH_MS + sim_between(rng, 0, 30000);
    if (kind == 5) f->space = SK_STR("eu");
    if (kind == 6 && r->kind != SK_COMMAND_SUSPEND) f->updated_from_ms = sim_now_ms(world);
    if (kind == 7 && r->kind == SK_COMMAND_RETRY) f->only_residue = true;
}

static enum sk_command_kind draw_kind(struct sim_rng *rng)
{
    static const enum sk_command_kind kinds[] = {
        SK_COMMAND_CANCEL, SK_COMMAND_SUSPEND, SK_COMMAND_SUSPEND,      SK_COMMAND_RESUME,
        SK_COMMAND_RETRY,  SK_COMMAND_RETRY,   SK_COMMAND_FORCE_CANCEL, SK_COMMAND_FORCE_COMPLETE,
        SK_BULK_DELETE,    SK_BULK_DELETE
    };
    return kinds[sim_below(rng, sizeof kinds / sizeof kinds[0])];
}

void sim_clerks_init(struct sim_world *world)
{
    struct sim_beside *beside = &world->load->beside;
    struct sim_rng *rng = &beside->clerks_rng;
    beside->batches_count = world->profile.batches_count;
    beside->batches = SK_ARENA_ARRAY(&world->arena, struct sim_batch, beside->batches_count);
    for (uint32_t i = 0; i < beside->batches_count; i++) {
        struct sim_batch *batch = &beside->batches[i];
        char id[16];
        int size = snprintf(id, sizeof id, "b-%u", i);
        *batch = (struct sim_batch){ .world = world, .asks_twice = sim_chance(rng, 300) };
        batch->request = (struct sk_bulk_request){
            .id = sk_arena_copy(&world->arena, (struct sk_str){ id, (size_t)size }),
            .kind = draw_kind(rng),
            .by = SK_STR("clerk"),
            .reason = SK_STR("all of them"),
            .past_pivot = sim_chance(rng, 300),
        };
        draw_filter(world, rng, &batch->request);
        sim_after(world, sim_between(rng, SIM_S, world->profile.chaos_us), ask, batch);
    }
}

/* ---- judging --------------------------------------------------------------------------------- */

/* "<batch>/<saga>" */
static bool is_of(struct sk_str command_id, const struct sim_batch *batch)
{
    struct sk_str id = batch->request.id;
    return command_id.size > id.size && sk_str_starts(command_id, id) &&
           command_id.data[id.size] == '/';
}

static bool is_meant(const struct sim_world *world, const struct sim_batch *batch,
                     const struct sim_row *row)
{
    const struct sk_list_filter *f = &batch->request.filter;
    const struct sk_head *head = &row->head;
    const struct sk_plan *plan = sim_store_plan(world->store, &head->definition);
    if (f->states != 0 || f->updated_from_ms != 0 || f->only_residue)
        return false; /* they change */
    if (f->business_key.size > 0 && !sk_str_equal(f->business_key, head->business_key))
        return false;
    if (f->space.size > 0 && !sk_str_equal(f->space, head->space)) return false;
    if (f->definition_id.size > 0 && (plan == NULL || !sk_str_equal(plan->id, f->definition_id)))
        return false;
    return head->created_at_ms >= f->created_from_ms + CLOCKS_DIFFER_MS;
}

/* From the batch's beginning to its end neither ended nor suspended. */
static bool was_there_to_be_suspended(const struct sim_batch *batch, const struct sim_row *row)
{
    int64_t from_ms = batch->last.created_at_ms - CLOCKS_DIFFER_MS,
            to_ms = batch->last.finished_at_ms + CLOCKS_DIFFER_MS;
    bool has_ended = false, is_suspended = false;
    if (row->stored_at_ms >= from_ms) return false;
    for (uint32_t i = 0; i < row->events_count; i++) {
        const struct sk_event_row *event = &row->events[i];
        bool is_end =
            event->type == SK_EVENT_SAGA_COMPLETED ||
            (event->type >= SK_EVENT_SAGA_COMPENSATED && event->type <= SK_EVENT_SAGA_TIMED_OUT);
        if (event->at_ms > to_ms) break;
        if (is_end) has_ended = true;
        if (event->type == SK_EVENT_SAGA_SUSPENDED) is_suspended = true;
    }
    return !has_ended && !is_suspended;
}

static void judge_row(struct sim_world *world, const struct sim_batch *batch,
                      const struct sim_row *row)
{
    uint32_t told = 0;
    for (uint32_t i = 0; i < row->events_count; i++) {
        if (row->events[i].type < SK_EVENT_OPERATOR_CANCEL) continue;
        struct sk_event event = sim_event_of(&row->events[i]);
        if (is_of(event.extra, batch)) told += 1;
    }
    if (told > 1)
        sim_fail(world, "batches", row->head.id, "batch %.*s told it %u times",
                 SK_STR_ARGS(batch->request.id), told);
    bool must_be_told = batch->is_over && batch->last.state == SK_BULK_FINISHED &&
                        batch->request.kind == SK_COMMAND_SUSPEND && batch->last.failed == 0 &&
                        batch->last.refused[SK_BULK_OTHER] == 0;
    if (!must_be_told || told > 0 || row->is_removed || !sim_clocks_agree(world)) return;
    if (world->store->restores > 0) return; /* what it had told may have been taken back */
    if (!is_meant(world, batch, row) || !was_there_to_be_suspended(batch, row)) return;
    sim_fail(world, "batches", row->head.id, "batch %.*s did not tell it",
             SK_STR_ARGS(batch->request.id));
}

static void judge(struct sim_world *world, const struct sim_batch *batch)
{
    const struct sk_bulk_view *v = &batch->last;
    if (sim_is_set_back(world)) return;
    world->checks->judged[SIM_CHECK_BATCHES] += 1;
    if (batch->is_acknowledged && !batch->is_over)
        sim_fail(world, "batches", batch->request.id, "it never came to an end");
    for (const struct sim_row *row = world->store->first; row != NULL; row = row->next) {
        if (!row->head.is_lock) judge_row(world, batch, row);
    }
    if (!batch->is_over) return;
    uint64_t refused = 0;
    for (uint32_t i = 0; i < SK_BULK_REFUSALS_COUNT; i++) refused += v->refused[i];
    sim_reached(world, v->state == SK_BULK_FINISHED ? SIM_REACHED_BATCH_FINISHED
                                                    : SIM_REACHED_BATCH_STOPPED);
    if (v->state == SK_BULK_FINISHED && v->seen != v->done + v->failed + refused) {
        sim_fail(world, "batches", batch->request.id,
                 "%llu seen, but %llu done, %llu failed, %llu refused", (unsigned long long)v->seen,
                 (unsigned long long)v->done, (unsigned long long)v->failed,
                 (unsigned long long)refused);
    }
    if (batch->is_cancelled && v->state == SK_BULK_FINISHED)
        sim_fail(world, "batches", batch->request.id, "it was cancelled and finished");
}

void sim_check_batches(struct sim_world *world)
{
    const struct sim_beside *beside = &world->load->beside;
    for (uint32_t i = 0; i < beside->batches_count; i++) judge(world, &beside->batches[i]);
}

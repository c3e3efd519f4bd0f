/*
 * timetable.c: schedules: made, asked for twice, paused, triggered, resumed, and taken down some
 * time into the calm. What they start is nobody's but theirs.
 *
 *   Z1  An instant starts one saga at most, whatever crashes between its start and the note of it.
 *   Z2  Nothing starts before its instant, or for an instant that is none.
 *   Z3  Where every instant counts (overlap: allow, catch_up, never paused, no start refused) each
 *       one has its saga.
 *   Z4  Where they must not overlap, the one before has ended when the next is started.
 *
 * Not in worlds whose nodes share the shards between them (a schedule starts through its own node's
 * memory), nor where ids are forgotten while the world goes on.
 */
#include "beside.h"
#include "check.h"
#include "node.h"
#include "reached.h"
#include "workload.h"

#include "base/cron.h"
#include "base/time.h"
#include "engine/schedule.h"

#include <stdio.h>

enum { SEEN_MAX = 512, CLOCKS_DIFFER_MS = 2500, SETTLING_MS = 45000, CALM_US = 130 * 1000000 };

struct seen { /* a saga that it started */
    struct sk_str id;
    int64_t instant_ms, created_ms, first_end_ms;
    bool is_regular; /* an instant of the schedule; else somebody triggered it */
};

struct sim_entry {
    struct sim_world *world;
    struct sk_schedule_request request;
    struct sk_cron cron;
    bool is_asked_for, is_acknowledged, is_taken_down, was_paused, asks_twice;
    uint32_t triggers;
    int64_t created_ms, down_ms; /* by the clock of the world: acknowledged; taken down */
    struct sk_schedule_view last;
    struct seen seen[SEEN_MAX];
    uint32_t seen_count;
};

bool sim_is_on_timetable(const struct sim_world *world, struct sk_str business_key)
{
    return world->profile.schedules_count > 0 && sk_str_is(business_key, SIM_TIMETABLE_KEY);
}

/* ---- making ---------------------------------------------------------------------------------- */

static void on_conflict(void *context, enum skald_status status, const skald_error *error,
                        const struct sk_schedule_view *view, bool is_replayed)
{
    struct sim_entry *entry = context;
    (void)error, (void)view, (void)is_replayed;
    if (status == SKALD_OK)
        sim_fail(entry->world, "schedules", entry->request.id,
                 "another one under its id was taken");
    if (status == SKALD_E_CONFLICT) sim_reached(entry->world, SIM_REACHED_SCHEDULE_CONFLICT);
}

static void on_made(void *context, enum skald_status status, const skald_error *error,
                    const struct sk_schedule_view *view, bool is_replayed)
{
    struct sim_entry *entry = context;
    struct sim_world *world = entry->world;
    sim_note(world, "schedule", (uint64_t)(int64_t)status, is_replayed, entry->request.id);
    if (status != SKALD_OK) {
        if (skald_status_class(status) == SKALD_CLASS_RETRY || status == SKALD_E_IO) return;
        if (entry->is_acknowledged && status == SKALD_E_CONFLICT) return; /* about to go */
        sim_fail(world, "schedules", entry->request.id, "it was refused: %s: %s",
                 skald_status_name(status), error != NULL ? error->message : "");
    }
    if (is_replayed) sim_reached(world, SIM_REACHED_SCHEDULE_REPLAYED);
    if (!entry->is_acknowledged) entry->created_ms = view->created_at_ms;
    entry->is_acknowledged = true;
}

static void make(void *context)
{
    struct sim_entry *entry = context;
    struct sim_world *world = entry->world;
    bool is_enough = entry->is_acknowledged && !entry->asks_twice;
    if (is_enough || entry->is_taken_down) return;
    if (world->is_calm && !entry->is_acknowledged) {
        /* Nobody has promised anything; what was asked for may be there all the same. */
        entry->is_taken_down = !entry->is_asked_for;
        return;
    }
    struct sim_node *node = sim_node_of(world, entry->request.id);
    if (node != NULL) {
        bool is_again = entry->is_acknowledged;
        entry->is_asked_for = true;
        sk_engine_schedule(node->engine, &entry->request, on_made, entry);
        if (is_again) {
            struct sk_schedule_request other = entry->request;
            entry->asks_twice = false;
            other.context = SK_STR("{\"other\":true}");
            sk_engine_schedule(node->engine, &other, on_conflict, entry);
        }
    }
    sim_after(world, sim_between(&world->load->beside.timetable_rng, SIM_S, 4 * SIM_S), make,
              entry);
}

static void on_syntax(void *context, enum skald_status status, const skald_error *error,
                      const struct sk_schedule_view *view, bool is_replayed)
{
    struct sim_entry *entry = context;
    (void)error, (void)view, (void)is_replayed;
    if (status == SKALD_OK)
        sim_fail(entry->world, "schedules", entry->request.id, "what is no schedule was taken");
    if (status == SKALD_E_SYNTAX || status == SKALD_E_INVALID)
        sim_reached(entry->world, SIM_REACHED_SCHEDULE_INVALID);
}

/* What cannot be read, under an id of its own. */
static void make_bad(void *context)
{
    struct sim_entry *entry = context;
    struct sk_schedule_request request = entry->request;
    struct sim_node *node = sim_node_of(entry->world, SK_STR("bad"));
    if (node == NULL) return;
    request.id = SK_STR("bad");
    if (entry->request.id.data[2] % 2 == 0)
        request.cron = SK_STR("61 * * * *");
    else
        request.input = SK_STR("{\"n\":\"{{ .input.n | sideways }}\"}");
    sk_engine_schedule(node->engine, &request, on_syntax, entry);
}

/* ---- acting ---------------------------------------------------------------------------------- */

struct act {
    struct sim_entry *entry;
    enum sk_schedule_act kind;
};

static void on_acted(void *context, enum skald_status status, const skald_error *error,
                     const struct sk_schedule_view *view, bool is_replayed)
{
    static const enum sim_reached_row rows[] = { SIM_REACHED_SCHEDULE_PAUSED,
                                                 SIM_REACHED_SCHEDULE_RESUMED,
                                                 SIM_REACHED_SCHEDULE_TRIGGERED,
                                                 SIM_REACHED_SCHEDULE_DELETED };
    struct act *act = context;
    (void)error, (void)view, (void)is_replayed;
    if (status == SKALD_OK) sim_reached(act->entry->world, rows[act->kind]);
}

static void interfere(void *context)
{
    struct act *act = context;
    struct sim_entry *entry = act->entry;
    struct sim_node *node = sim_node_of(entry->world, entry->request.id);
    if (node == NULL || entry->is_taken_down) return;
    if (act->kind == SK_SCHEDULE_PAUSE) entry->was_paused = true;
    if (act->kind == SK_SCHEDULE_TRIGGER) entry->triggers += 1;
    sim_note(entry->world, "schedule-act", (uint64_t)act->kind, 0, entry->request.id);
    sk_engine_schedule_act(node->engine, entry->request.id, act->kind, on_acted, act);
}

static bool is_other(void *context, const struct sk_schedule_view *view)
{
    struct sim_entry *entry = context;
    return !sk_str_equal(view->request->id, entry->request.id);
}

static void on_down(void *context, enum skald_status status, const skald_error *error,
                    const struct sk_schedule_view *view, bool is_replayed)
{
    struct act *act = context;
    struct sim_entry *entry = act->entry;
    (void)error, (void)view, (void)is_replayed;
    if (status != SKALD_OK && status != SKALD_E_NOT_FOUND) return;
    if (!entry->is_taken_down) entry->down_ms = sim_now_ms(entry->world);
    if (status == SKALD_OK) sim_reached(entry->world, SIM_REACHED_SCHEDULE_DELETED);
    entry->is_taken_down = true;
}

static void take_down(void *context)
{
    struct act *act = context;
    struct sim_entry *entry = act->entry;
    struct sim_world *world = entry->world;
    if (entry->is_taken_down) return;
    struct sim_node *node = sim_node_of(world, entry->request.id);
    struct sk_schedule_view view;
    if (node != NULL) {
        int64_t next_ms[3];
        sk_engine_schedule_each(node->engine, SK_STR(""), is_other, entry);
        if (sk_engine_schedule_get(node->engine, entry->request.id, &view)) {
            (void)sk_schedule_next(node->engine, &view, next_ms, 3);
            entry->last = view;
            entry->last.request = NULL;
            entry->last.last_saga = entry->last.last_error = (struct sk_str){ 0 };
        }
        sk_engine_schedule_act(node->engine, entry->request.id, SK_SCHEDULE_DELETE, on_down, act);
    }
    sim_after(world, 3 * SIM_S, take_down, act);
}

bool sim_timetable_is_done(const struct sim_world *world)
{
    const struct sim_beside *beside = &world->load->beside;
    for (uint32_t i = 0; i < beside->entries_count; i++) {
        if (!beside->entries[i].is_taken_down) return false;
    }
    return true;
}

/* ---- drawing --------------------------------------------------------------------------------- */

static void draw(struct sim_world *world, struct sim_rng *rng, struct sim_entry *entry, uint32_t n)
{
    static const char *const crons[] = { "* * * * *", "*/2 * * * *", "0-59 0,1 1 jan *",
                                         "*/1 * * * *" };
    static const char *const definitions[] = { "d0", "d1", "d2" };
    char id[16];
    int size = snprintf(id, sizeof id, "t-%u", n);
    uint32_t most = world->load->generated.count < 3 ? world->load->generated.count : 3;
    struct sk_schedule_request *r = &entry->request;
    r->id = sk_arena_copy(&world->arena, (struct sk_str){ id, (size_t)size });
    r->definition = sk_str_of(definitions[sim_below(rng, most)]);
    if (sim_chance(rng, 300)) r->version = SK_STR("1");
    if (sim_chance(rng, 100)) r->definition = SK_STR("gone"); /* looked for at each start */
    if (sim_chance(rng, 200)) {
        r->at_ms = SIM_EPOCH_MS + sim_between(rng, 5000, 90000);
    } else {
        r->cron = sk_str_of(crons[sim_below(rng, 4)]);
        skald_error error;
        if (sk_cron_parse(r->cron, &entry->cron, &error) != SKALD_OK)
            sim_fail(world, "simulator", r->id, "no cron expression: %s", error.message);
    }
    r->input =
        SK_STR("{\"n\":1,\"list\":[1],\"few\":[1,2],\"none\":[],\"user\":\"u1\",\"lock\":1,"
               "\"pause\":\"1s\",\"when\":\"{{ .timestamp }}\",\"run\":\"{{ .context.run }}\","
               "\"of\":\"{{ .context.schedule }}\",\"flag\":false}");
    if (sim_chance(rng, 300)) r->context = SK_STR("{\"request\":\"r-1\"}");
    r->business_key = SK_STR(SIM_TIMETABLE_KEY);
    if (sim_chance(rng, 300)) r->space = SK_STR("eu");
    if (sim_chance(rng, 300)) r->tags = SK_STR("[\"timed\"]");
    if (sim_chance(rng, 300)) r->attributes = SK_STR("{\"by\":\"clock\"}");
    r->priority = sim_below(rng, 3);
    r->overlap = (enum sk_overlap)sim_below(rng, SK_OVERLAPS_COUNT);
    r->catch_up_ms = sim_chance(rng, 500) ? 3600000 : 0;
    r->by = SK_STR("planner");
}

void sim_timetable_init(struct sim_world *world)
{
    struct sim_beside *beside = &world->load->beside;
    struct sim_rng *rng = &beside->timetable_rng;
    beside->entries_count = world->profile.schedules_count;
    beside->entries = SK_ARENA_ARRAY(&world->arena, struct sim_entry, beside->entries_count);
    for (uint32_t i = 0; i < beside->entries_count; i++) {
        struct sim_entry *entry = &beside->entries[i];
        *entry = (struct sim_entry){ .world = world, .asks_twice = sim_chance(rng, 300) };
        draw(world, rng, entry, i);
        int64_t from_us = sim_between(rng, SIM_S, 10 * SIM_S);
        sim_after(world, from_us, make, entry);
        if (sim_chance(rng, 200)) sim_after(world, from_us + SIM_S, make_bad, entry);
        for (uint32_t k = 0; k < 3 && sim_chance(rng, 300); k++) {
            struct act *act = SK_ARENA_NEW(&world->arena, struct act);
            *act = (struct act){ entry, (enum sk_schedule_act)sim_below(rng, 3) };
            sim_after(world, sim_between(rng, 10 * SIM_S, world->profile.chaos_us + CALM_US / 2),
                      interfere, act);
        }
        struct act *down = SK_ARENA_NEW(&world->arena, struct act);
        *down = (struct act){ entry, SK_SCHEDULE_DELETE };
        sim_after(world, world->profile.chaos_us + CALM_US, take_down, down);
    }
}

/* ---- judging --------------------------------------------------------------------------------- */

static bool is_instant(const struct sim_entry *entry, int64_t at_ms)
{
    if (entry->request.cron.size == 0) return at_ms == entry->request.at_ms;
    return sk_cron_next(&entry->cron, at_ms - 1) == at_ms;
}

static int64_t first_end_of(const struct sim_row *row)
{
    for (uint32_t i = 0; i < row->events_count; i++) {
        uint32_t type = row->events[i].type;
        bool is_end = type == SK_EVENT_SAGA_COMPLETED ||
                      (type >= SK_EVENT_SAGA_COMPENSATED && type <= SK_EVENT_SAGA_TIMED_OUT);
        if (is_end) return row->events[i].at_ms;
    }
    return INT64_MAX;
}

static struct sim_entry *entry_of(const struct sim_world *world, struct sk_str id)
{
    const struct sim_beside *beside = &world->load->beside;
    for (uint32_t i = 0; i < beside->entries_count; i++) {
        if (sk_str_equal(beside->entries[i].request.id, id)) return &beside->entries[i];
    }
    return NULL;
}

void sim_timetable_saw(struct sim_world *world, const struct sim_row *row,
                       const struct sk_saga *saga)
{
    if (!sim_is_on_timetable(world, row->head.business_key)) return;
    struct sk_str key = saga->start.start_key; /* "<namespace>/<schedule>@<instant>" */
    size_t name = sk_str_find(key, '/') + 1;
    if (name < key.size) key = sk_str_sub(key, name, key.size - name);
    size_t at = sk_str_find(key, '@');
    struct sim_entry *entry = entry_of(world, sk_str_sub(key, 0, at));
    struct seen seen = { .id = row->head.id,
                         .created_ms = row->head.created_at_ms,
                         .first_end_ms = first_end_of(row) };
    bool is_known = entry != NULL && at < key.size &&
                    sk_time_parse(sk_str_sub(key, at + 1, key.size - at - 1), &seen.instant_ms);
    if (!is_known)
        sim_fail(world, "schedules", row->head.id, "no schedule has started it: %.*s",
                 SK_STR_ARGS(key));
    for (uint32_t i = 0; i < entry->seen_count; i++) {
        if (sk_str_equal(entry->seen[i].id, seen.id)) return; /* removed, and there again */
    }
    seen.is_regular = is_instant(entry, seen.instant_ms);
    if (entry->seen_count < SEEN_MAX) entry->seen[entry->seen_count++] = seen;
}

/* It was removed by somebody before the other one was there. */
static bool was_gone(const struct sim_world *world, const struct seen *seen,
                     const struct seen *other)
{
    const struct sim_row *row = sim_map_get(&world->store->by_id, seen->id);
    const struct sim_row *next = sim_map_get(&world->store->by_id, other->id);
    return row != NULL && next != NULL && row->is_removed &&
           row->removed_at_ms <= next->stored_at_ms;
}

/* One that was removed, or taken out and brought in again, has no key any more: if the schedule has
 * to begin that instant once more (its store was put back, or could not be written), it starts
 * another. */
static bool has_lost_key(const struct sim_world *world, const struct seen *a, const struct seen *b)
{
    const struct sim_map *imported = &world->load->beside.imported;
    return sim_map_get(imported, a->id) != NULL || sim_map_get(imported, b->id) != NULL ||
           was_gone(world, a, b) || was_gone(world, b, a);
}

static void judge_seen(struct sim_world *world, const struct sim_entry *entry, uint32_t index)
{
    const struct seen *seen = &entry->seen[index];
    uint32_t irregular = 0;
    bool is_timely =
        !sim_clocks_agree(world) || seen->created_ms + CLOCKS_DIFFER_MS >= seen->instant_ms;
    if (!is_timely) sim_fail(world, "schedules", seen->id, "started before its instant");
    for (uint32_t i = 0; i < entry->seen_count; i++) {
        const struct seen *other = &entry->seen[i];
        irregular += other->is_regular ? 0 : 1;
        if (i == index) continue;
        if (other->instant_ms == seen->instant_ms && !has_lost_key(world, seen, other))
            sim_fail(world, "schedules", seen->id, "its instant has started %.*s too",
                     SK_STR_ARGS(other->id));
        bool may_overlap = entry->request.overlap == SK_OVERLAP_ALLOW || entry->triggers > 0 ||
                           !sim_clocks_agree(world);
        bool is_before = other->instant_ms < seen->instant_ms;
        if (may_overlap || !is_before || other->first_end_ms <= seen->created_ms + CLOCKS_DIFFER_MS)
            continue;
        sim_fail(world, "schedules", seen->id, "%.*s of the instant before was still running",
                 SK_STR_ARGS(other->id));
    }
    if (irregular > entry->triggers)
        sim_fail(world, "schedules", entry->request.id, "%u sagas at no instant of it, %u triggers",
                 irregular, entry->triggers);
}

/* Z3. */
static void judge_complete(struct sim_world *world, const struct sim_entry *entry)
{
    bool counts_all = entry->request.overlap == SK_OVERLAP_ALLOW &&
                      entry->request.catch_up_ms > 0 && entry->request.cron.size > 0 &&
                      !entry->was_paused && entry->last.failed == 0 && entry->down_ms > 0 &&
                      entry->is_acknowledged && sim_clocks_agree(world) &&
                      world->store->restores == 0; /* it may be lost */
    if (!counts_all) return;
    int64_t until_ms = entry->down_ms - SETTLING_MS;
    int64_t at_ms = sk_cron_next(&entry->cron, entry->created_ms + CLOCKS_DIFFER_MS);
    for (; at_ms > 0 && at_ms < until_ms; at_ms = sk_cron_next(&entry->cron, at_ms)) {
        uint32_t i = 0;
        while (i < entry->seen_count && entry->seen[i].instant_ms != at_ms) i++;
        sim_reached(world, SIM_REACHED_SCHEDULE_INSTANT);
        if (i < entry->seen_count) continue;
        sim_fail(world, "schedules", entry->request.id, "its instant at %lld s has started nothing",
                 (long long)((at_ms - SIM_EPOCH_MS) / 1000));
    }
}

void sim_check_schedules(struct sim_world *world)
{
    static const enum sim_reached_row overlaps[] = { SIM_REACHED_OVERLAP_SKIP,
                                                     SIM_REACHED_OVERLAP_ALLOW,
                                                     SIM_REACHED_OVERLAP_QUEUE,
                                                     SIM_REACHED_OVERLAP_CANCEL };
    const struct sim_beside *beside = &world->load->beside;
    for (uint32_t i = 0; i < beside->entries_count; i++) {
        const struct sim_entry *entry = &beside->entries[i];
        if (sim_is_set_back(world)) return;
        world->checks->judged[SIM_CHECK_SCHEDULES] += 1;
        if (entry->seen_count > 1) sim_reached(world, overlaps[entry->request.overlap]);
        if (entry->last.skipped > 0) sim_reached(world, SIM_REACHED_SCHEDULE_SKIPPED);
        if (entry->last.failed > 0) sim_reached(world, SIM_REACHED_SCHEDULE_FAILED);
        for (uint32_t k = 0; k < entry->seen_count; k++) judge_seen(world, entry, k);
        judge_complete(world, entry);
    }
}

/*
 * onlookers.c: people and programs beside the sagas: they look at locks, figures, definitions,
 * lists; have the sweep run; discard dead letters; take finished sagas out of the store as files,
 * have them removed, and bring them back; and bring files that are none.
 *
 *   O1  What is shown of a lock is durable.
 *   O2  What was exported, removed and imported is the saga that it was.
 *   O3  A damaged file is refused; so is one whose saga is there.
 *   O4  A dead letter whose discard was acknowledged is gone.
 *
 * Moved and removed are only sagas that schedules have started: clients come back to theirs.
 */
#include "beside.h"
#include "check.h"
#include "cut.h"
#include "node.h"
#include "reached.h"
#include "workload.h"

#include "base/json.h"

#include <stdio.h>

enum { LOOK_US = 700000, MOVE_TRIES = 60 };

struct onlooker {
    struct sim_world *world;
    struct sk_observer observer;
    struct sim_node *node; /* where the observer stands, in this life of it */
    uint64_t life, told;
};

static struct sim_rng *dice(struct sim_world *world)
{
    return &world->load->beside.onlookers_rng;
}

static struct sim_node *any_node(struct sim_world *world)
{
    struct sim_node *node = world->nodes[sim_below(dice(world), world->profile.nodes_count)];
    return sim_node_answers(node) ? node : NULL;
}

/* ---- looking --------------------------------------------------------------------------------- */

static void on_lock(void *context, const struct sk_reply *reply)
{
    struct sim_world *world = context;
    if (reply->status != SKALD_OK || reply->lock == NULL) return;
    const struct sim_row *row = sim_store_row(world->store, reply->lock->id);
    sim_reached(world, SIM_REACHED_LOOK_LOCK);
    if (row == NULL || row->events_count == 0 || reply->lock->seq > sim_row_last(row)->seq)
        sim_fail(world, "write ahead", reply->lock->id, "it was shown ahead of the store");
}

static void on_plan(void *context, enum skald_status status, const struct sk_plan *plan,
                    const skald_error *error)
{
    struct sim_world *world = context;
    (void)error;
    if (status == SKALD_OK && plan->steps_count == 0)
        sim_fail(world, "write ahead", plan->id, "a definition without steps was shown");
    if (status == SKALD_OK) sim_reached(world, SIM_REACHED_LOOK_PLAN);
}

static void on_list(void *context, struct sk_rows *rows)
{
    struct sim_world *world = context;
    if (rows->status == SKALD_OK) sim_reached(world, SIM_REACHED_LOOK_LIST);
}

static void on_stuck(void *context, const struct sk_saga *saga)
{
    (void)context, (void)saga;
}

static void look_at_figures(struct sim_world *world, struct sk_engine *engine)
{
    struct sk_engine_stats stats;
    sk_engine_stats(engine, &stats);
    bool is_sound = stats.shards_owned <= world->profile.shards_count &&
                    stats.shards_degraded <= stats.shards_owned &&
                    stats.own_us_p50 <= stats.own_us_p99 && stats.own_us_p99 <= stats.own_us_max;
    if (!is_sound) sim_fail(world, "rows agree", (struct sk_str){ 0 }, "figures that cannot be");
    sk_engine_each_stuck(engine, on_stuck, world);
    (void)sk_engine_meta(engine);
    (void)sk_engine_node(engine);
    (void)sk_engine_mask(engine);
    (void)sk_engine_is_ready(engine);
    (void)sk_engine_shard_of(engine, SK_STR("x"));
    sim_reached(world, SIM_REACHED_LOOK_FIGURES);
}

static void look_at_list(struct sim_world *world, struct sk_engine *engine)
{
    struct sk_read read = { .kind = sim_chance(dice(world), 500) ? SK_READ_LIST : SK_READ_COUNT,
                            .limit = 20 };
    if (sim_chance(dice(world), 300)) {
        struct sk_read letters = { .kind = SK_READ_DEAD_LETTERS,
                                   .shard = sim_below(dice(world), world->profile.shards_count),
                                   .limit = 20 };
        read = letters;
    }
    sk_engine_read(engine, &read, on_list, world);
}

static void look_at_lock(struct sim_world *world, struct sk_engine *engine)
{
    char id[16];
    int size = snprintf(id, sizeof id, "@lock/k-%u", sim_below(dice(world), 4));
    sk_engine_get_lock(engine, (struct sk_str){ id, (size_t)size }, on_lock, world);
}

static void look_at_plan(struct sim_world *world, struct sk_engine *engine)
{
    char id[8];
    int size = snprintf(id, sizeof id, "d%u", sim_below(dice(world), 4));
    struct sk_str name = { id, (size_t)size };
    const struct sim_definition *known =
        world->store->definitions_count > 0 ? &world->store->definitions[0] : NULL;
    if (known != NULL && sim_chance(dice(world), 500))
        sk_engine_plan(engine, &known->row.digest, SK_STR(""), SK_STR(""), on_plan, world);
    else
        sk_engine_plan(engine, NULL, name, SK_STR(""), on_plan, world);
}

/* ---- an observer ----------------------------------------------------------------------------- */

static void on_event(struct sk_observer *observer, const struct sk_saga *saga,
                     const struct sk_event *event)
{
    struct onlooker *onlooker = sk_container_of(observer, struct onlooker, observer);
    onlooker->told += 1;
    sim_check_observed(onlooker->world, saga, event);
}

static void on_notice(struct sk_observer *observer, const struct sk_log_line *line)
{
    struct onlooker *onlooker = sk_container_of(observer, struct onlooker, observer);
    (void)line;
    sim_reached(onlooker->world, SIM_REACHED_LOOK_NOTICE);
}

static bool stands(const struct onlooker *onlooker)
{
    return onlooker->node != NULL && onlooker->node->life == onlooker->life &&
           onlooker->node->engine != NULL;
}

/* Comes and goes; its node's end is its own. */
static void observe(struct onlooker *onlooker)
{
    struct sim_world *world = onlooker->world;
    if (stands(onlooker)) {
        if (sim_chance(dice(world), 200)) {
            sk_engine_unobserve(&onlooker->observer);
            onlooker->node = NULL;
        }
        return;
    }
    onlooker->node = any_node(world);
    if (onlooker->node == NULL) return;
    onlooker->life = onlooker->node->life;
    onlooker->observer = (struct sk_observer){ .on_event = on_event, .on_notice = on_notice };
    sk_engine_observe(onlooker->node->engine, &onlooker->observer);
    struct sk_log_line line = { .level = SK_LOG_INFO, .event = SK_STR("circuit.closed") };
    sk_engine_tell_observers(onlooker->node->engine, &line);
}

/* ---- dead letters ---------------------------------------------------------------------------- */

struct discard {
    struct sim_world *world;
    uint32_t shard;
    struct sk_str letter;
};

static void on_discarded(void *context, const struct sk_reply *reply)
{
    struct discard *discard = context;
    const struct sim_shard *shard = &discard->world->store->shards[discard->shard];
    if (reply->status != SKALD_OK) return;
    sim_reached(discard->world, SIM_REACHED_LETTER_DISCARDED);
    for (uint32_t i = 0; i < shard->letters_count; i++) {
        if (!sk_str_equal(shard->letters[i].id, discard->letter)) continue;
        sim_fail(discard->world, "rows agree", discard->letter,
                 "a letter that was discarded is still there");
    }
}

static void discard_letter(struct sim_world *world)
{
    uint32_t s = sim_below(dice(world), world->profile.shards_count);
    const struct sim_shard *shard = &world->store->shards[s];
    if (shard->letters_count == 0) return;
    const struct sk_dead_letter_row *letter =
        &shard->letters[sim_below(dice(world), shard->letters_count)];
    const struct sim_row *row = sim_shard_row(shard, letter->no);
    struct sim_node *node = sim_node_for(world, s);
    if (row == NULL || node == NULL) return;
    struct discard *discard = SK_ARENA_NEW(&world->arena, struct discard);
    *discard = (struct discard){ world, s, sk_arena_copy(&world->arena, letter->id) };
    sim_map_put(&world->load->beside.seen_to, row->head.id, discard);
    sk_engine_discard_letter(node->engine, row->head.id, discard->letter, SK_STR("onlooker"),
                             SK_STR("seen to"), on_discarded, discard);
}

/* ---- out of the store, and in again ---------------------------------------------------------- */

enum move_state { MOVE_EXPORT, MOVE_REMOVE, MOVE_IMPORT, MOVE_DONE };

struct move {
    struct sim_world *world;
    struct sk_str id, text;
    enum move_state state;
    uint64_t seq;
    const struct sim_row *was; /* when it was removed */
    uint32_t tries, restores;  /* restores: of the store, when it began */
    int64_t imported_at_ms;    /* first asked for */
    bool stays;                /* exported only */
};

/* Once for each id: a restore may take this import back, and not the one before. */
static void note_import(struct move *move)
{
    struct sim_map *imported = &move->world->load->beside.imported;
    if (sim_map_get(imported, move->id) != NULL) return;
    move->imported_at_ms = sim_now_ms(move->world);
    sim_map_put(imported, move->id, move);
}

bool sim_is_imported(const struct sim_world *world, const struct sim_row *row)
{
    const struct move *move = sim_map_get(&world->load->beside.imported, row->head.id);
    return move != NULL && row->stored_at_ms >= move->imported_at_ms;
}

static void go_on(void *context);

static void finish_move(struct move *move)
{
    if (move->state != MOVE_DONE) move->world->load->beside.moves_open -= 1;
    move->state = MOVE_DONE;
}

/* The store was put back to before: what is in the file is not what was removed. */
static bool has_gone_back(const struct move *move)
{
    return move->restores != move->world->store->restores;
}

static bool is_passing(enum skald_status status)
{
    return skald_status_class(status) == SKALD_CLASS_RETRY || status == SKALD_E_IO;
}

static void on_exported(void *context, enum skald_status status, struct sk_str text,
                        const skald_error *error)
{
    struct move *move = context;
    (void)error;
    if (move->state != MOVE_EXPORT) return; /* asked twice, since an answer was lost */
    if (status != SKALD_OK) {               /* gone; or its history cannot be read at present */
        if (!is_passing(status) && status != SKALD_E_CORRUPT) finish_move(move);
        return;
    }
    sim_reached(move->world, SIM_REACHED_EXPORTED);
    int64_t seq = 0; /* what has happened since it was read is not in it */
    struct sk_str head = sk_json_member(text, SK_STR("saga"));
    if (!sk_json_to_i64(sk_json_member(head, SK_STR("seq")), &seq))
        sim_fail(move->world, "simulator", move->id, "an export without its seq");
    move->seq = (uint64_t)seq;
    move->text = sk_arena_copy(&move->world->arena, text);
    move->state = MOVE_REMOVE;
}

static void on_removed(void *context, const struct sk_reply *reply)
{
    struct move *move = context;
    if (move->state != MOVE_REMOVE) return;
    if (reply->status == SKALD_OK || reply->status == SKALD_E_NOT_FOUND) {
        const struct sim_row *row = sim_map_get(&move->world->store->by_id, move->id);
        sim_reached(move->world, SIM_REACHED_REMOVED_ON_DEMAND);
        /* What happened since the export is not in the file. */
        bool is_whole = row != NULL && row->is_removed && row->head.seq == move->seq;
        move->was = row;
        if (is_whole)
            move->state = MOVE_IMPORT;
        else
            finish_move(move);
    } else if (!is_passing(reply->status)) {
        sim_reached(move->world, SIM_REACHED_REMOVAL_REFUSED);
        finish_move(move);
    }
}

/* With the import, or before its answer, more may have come: a late answer. */
static bool is_what_it_was(const struct move *move, const struct sim_row *row)
{
    if (row == NULL || row->events_count < move->seq) return false;
    for (uint64_t i = 0; move->was != NULL && i < move->seq; i++) {
        const struct sk_event_row *is = &row->events[i], *was = &move->was->events[i];
        if (is->seq != was->seq || is->at_ms != was->at_ms || is->type != was->type ||
            !sk_str_equal(is->data, was->data))
            return false;
    }
    return true;
}

static void on_imported(void *context, const struct sk_reply *reply)
{
    struct move *move = context;
    struct sim_world *world = move->world;
    if (move->state == MOVE_DONE || has_gone_back(move)) return;
    sim_note(world, "imported", (uint64_t)(int64_t)reply->status, 0, move->id);
    if (is_passing(reply->status)) return;
    /* Something that came late for the saga is what the store refuses, not its file. */
    if (world->profile.has_poison && reply->status == SKALD_E_INTERNAL) return;
    if (reply->status == SKALD_OK) {
        const struct sim_row *row = sim_store_row(world->store, move->id);
        sim_reached(world, SIM_REACHED_IMPORTED);
        if (!is_what_it_was(move, row)) /* O2 */
            sim_fail(world, "replay = live", move->id, "it was imported and is not what it was");
    } else if (reply->status == SKALD_E_CONFLICT) {
        sim_reached(world, SIM_REACHED_IMPORT_CONFLICT);
    } else if (reply->status != SKALD_E_STATE &&
               world->profile.faults[SIM_FAULT_READ_DAMAGED] == 0) {
        sim_fail(world, "replay = live", move->id, "its own export was refused: %s: %s",
                 skald_status_name(reply->status),
                 reply->error != NULL ? reply->error->message : "");
    }
    finish_move(move);
}

static void on_damaged(void *context, const struct sk_reply *reply)
{
    struct move *move = context;
    struct sim_world *world = move->world;
    if (reply->status == SKALD_OK)
        sim_fail(world, "replay = live", move->id, "a damaged file was imported");
    if (!is_passing(reply->status)) sim_reached(world, SIM_REACHED_IMPORT_REFUSED);
}

/* One byte of it is another one, or its end is missing. */
static void import_damaged(struct move *move, struct sk_engine *engine)
{
    struct sim_world *world = move->world;
    struct sk_str text = sk_arena_copy(&world->arena, move->text);
    uint32_t at = sim_below(dice(world), (uint32_t)text.size);
    char *bytes = SK_ARENA_ARRAY(&world->arena, char, text.size);
    memcpy(bytes, text.data, text.size);
    bytes[at] = bytes[at] == 'x' ? 'y' : 'x';
    struct sk_str damaged = { bytes, sim_chance(dice(world), 500) ? text.size : at };
    sk_engine_import(engine, damaged, SK_STR("onlooker"), on_damaged, move);
}

/* By a clerk (clerks.c): its file would bring back an earlier state of it. */
static bool may_be_deleted(const struct move *move)
{
    const struct sim_row *row = sim_store_row(move->world->store, move->id);
    return row == NULL || sim_is_on_timetable(move->world, row->head.business_key);
}

static void go_on(void *context)
{
    struct move *move = context;
    struct sim_world *world = move->world;
    if (move->state == MOVE_DONE) return;
    if (has_gone_back(move)) {
        finish_move(move);
        return;
    }
    bool may_give_up = move->state != MOVE_IMPORT;
    if (may_give_up && (move->tries++ > MOVE_TRIES || world->is_calm)) {
        finish_move(move);
        return;
    }
    sim_after(world, 2 * SIM_S, go_on, move);
    struct sim_node *node = sim_node_of(world, move->id);
    if (node == NULL) return;
    /* An answer that a crash swallowed does not come. */
    switch (move->state) {
    case MOVE_EXPORT: sk_engine_export(node->engine, move->id, on_exported, move); break;
    case MOVE_REMOVE:
        if (move->stays && may_be_deleted(move)) {
            finish_move(move);
            break;
        }
        if (sim_chance(dice(world), 300)) import_damaged(move, node->engine);
        if (move->stays)
            sk_engine_import(node->engine, move->text, SK_STR("onlooker"), on_imported, move);
        else
            sk_engine_remove(node->engine, move->id, on_removed, move);
        break;
    case MOVE_IMPORT:
        note_import(move);
        sk_engine_import(node->engine, move->text, SK_STR("onlooker"), on_imported, move);
        break;
    case MOVE_DONE: break;
    }
}

static void begin_move(struct sim_world *world)
{
    const struct sim_row *found = NULL;
    uint32_t among = 0;
    bool stays = sim_chance(dice(world), 400) && world->profile.retention_ms == 0;
    for (const struct sim_row *row = world->store->first; row != NULL; row = row->next) {
        bool fits = !row->is_removed && !row->head.is_lock &&
                    (stays || sim_is_on_timetable(world, row->head.business_key));
        if (fits && sim_below(dice(world), ++among) == 0) found = row;
    }
    if (found == NULL) return;
    struct move *move = SK_ARENA_NEW(&world->arena, struct move);
    *move = (struct move){
        .world = world, .id = found->head.id, .stays = stays, .restores = world->store->restores
    };
    world->load->beside.moves_open += 1;
    go_on(move);
}

/* ---- going around ---------------------------------------------------------------------------- */

static void on_tick(void *context)
{
    struct onlooker *onlooker = context;
    struct sim_world *world = onlooker->world;
    sim_after(world, world->is_calm ? 20 * LOOK_US : LOOK_US, on_tick, onlooker);
    observe(onlooker);
    struct sim_node *node = any_node(world);
    if (node == NULL) return;
    switch (sim_below(dice(world), world->is_calm ? 6 : 8)) {
    case 0: look_at_lock(world, node->engine); break;
    case 1: look_at_figures(world, node->engine); break;
    case 2: look_at_list(world, node->engine); break;
    case 3: look_at_plan(world, node->engine); break;
    case 4: sk_engine_sweep(node->engine); break;
    case 5: discard_letter(world); break;
    default: begin_move(world); break;
    }
}

void sim_onlookers_init(struct sim_world *world)
{
    if (!world->profile.has_onlookers) return;
    struct onlooker *onlooker = SK_ARENA_NEW(&world->arena, struct onlooker);
    onlooker->world = world;
    sim_after(world, SIM_S, on_tick, onlooker);
}

/* ---- all that goes on beside ----------------------------------------------------------------- */

void sim_beside_init(struct sim_world *world)
{
    struct sim_beside *beside = &world->load->beside;
    uint64_t luck = world->cut->luck << 16;
    sim_map_init(&beside->imported, &world->arena);
    sim_map_init(&beside->seen_to, &world->arena);
    sim_rng_init(&beside->clerks_rng, world->seed, SIM_STREAM_CLERKS + luck);
    sim_rng_init(&beside->timetable_rng, world->seed, SIM_STREAM_TIMETABLE + luck);
    sim_rng_init(&beside->onlookers_rng, world->seed, SIM_STREAM_ONLOOKERS + luck);
    sim_clerks_init(world);
    sim_timetable_init(world);
    sim_onlookers_init(world);
    sim_roamers_init(world);
}

bool sim_beside_is_done(const struct sim_world *world)
{
    return sim_clerks_are_done(world) && sim_timetable_is_done(world) &&
           world->load->beside.moves_open == 0;
}

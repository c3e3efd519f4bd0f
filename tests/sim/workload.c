/*
 * workload.c: clients. A client defines what it needs, starts its saga and insists until somebody
 * has acknowledged it; with an id or a key it may ask as often as it likes, without either it asks
 * once.
 */
#include "workload.h"

#include "check.h"
#include "cut.h"
#include "node.h"
#include "reached.h"

#include <stdio.h>

enum {
    TRIES_MAX = 5000,
    DEFECTS_EACH = 3, /* with each definition */
    CLOCKS_DIFFER_MS = 3000,
    HELD_UP_MS = 60000 /* a request, by a server that sleeps */
};

/* ---- definitions ----------------------------------------------------------------------------- */

struct definition_try {
    struct sim_load *load;
    uint32_t index;
    bool is_answered;
};

static void define_next(void *context);

static void on_defined(void *context, const struct sk_define_reply *reply)
{
    struct definition_try *attempt = context;
    struct sim_load *load = attempt->load;
    attempt->is_answered = true;
    if (reply->status == SKALD_OK) {
        load->is_defined[attempt->index] = true;
    } else if (skald_status_class(reply->status) != SKALD_CLASS_RETRY &&
               reply->status != SKALD_E_IO) {
        struct sk_buf text;
        sk_buf_init(&text, 0);
        if (reply->diagnostics != NULL) sk_diagnostics_print(reply->diagnostics, &text);
        sim_fail(load->world, "workload", (struct sk_str){ 0 },
                 "a definition was refused: %s %s\n%s\n%.*s", skald_status_name(reply->status),
                 reply->error != NULL ? reply->error->message : "", sk_buf_text(&text),
                 SK_STR_ARGS(load->sources[attempt->index]));
    }
}

struct defect_try {
    struct sim_load *load;
    struct sk_str source;
    uint32_t defect;
};

static void on_defect(void *context, const struct sk_define_reply *reply)
{
    struct defect_try *attempt = context;
    struct sim_world *world = attempt->load->world;
    if (reply->status == SKALD_OK) {
        sim_fail(world, "workload", (struct sk_str){ 0 },
                 "a definition with a defect was accepted: %s\n%.*s",
                 sim_defect_name(attempt->defect), SK_STR_ARGS(attempt->source));
    }
    bool is_refused = reply->status == SKALD_E_INVALID || reply->status == SKALD_E_UNSUPPORTED ||
                      reply->status == SKALD_E_SYNTAX;
    if (is_refused) world->reached->defects[attempt->defect] += 1;
}

/* One with a defect, to be refused. */
static void define_defect(struct sim_load *load, struct sim_node *node)
{
    struct sim_world *world = load->world;
    struct defect_try *attempt = SK_ARENA_NEW(&world->arena, struct defect_try);
    struct sk_buf text;
    sk_buf_init(&text, 0);
    struct sim_generated known = load->generated;
    known.count = load->defined_count;
    *attempt = (struct defect_try){ .load = load };
    attempt->defect = sim_generate_defect(&known, &load->defects, &text);
    attempt->source = sk_arena_copy(&world->arena, sk_buf_view(&text));
    sk_buf_release(&text);
    sk_engine_define(node->engine, attempt->source, SK_STR("defect.json"), on_defect, attempt);
}

/* In order, since a definition may name an earlier one as its child. */
static void define_next(void *context)
{
    struct sim_load *load = context;
    struct sim_world *world = load->world;
    uint32_t index = 0;
    while (index < load->generated.count && load->is_defined[index]) index++;
    load->defined_count = index;
    if (index == load->generated.count) return;
    struct sim_node *node = world->nodes[sim_below(&world->work, world->profile.nodes_count)];
    if (sim_node_answers(node)) {
        struct definition_try *attempt = SK_ARENA_NEW(&world->arena, struct definition_try);
        *attempt = (struct definition_try){ load, index, false };
        sk_engine_define(node->engine, load->sources[index], SK_STR("generated.json"), on_defined,
                         attempt);
        for (uint32_t i = 0; i < DEFECTS_EACH; i++) define_defect(load, node);
    }
    sim_after(world, 60 * SIM_MS, define_next, load);
}

/* ---- starts ---------------------------------------------------------------------------------- */

struct start_try {
    struct sim_start *start;
    uint64_t asked;
    bool is_other; /* the same id with another input: must be refused */
};

static void ask(void *context);
static void ask_again(void *context);

/* ---- readers --------------------------------------------------------------------------------- */

static void on_read(void *context, const struct sk_reply *reply)
{
    struct sim_start *start = context;
    if (reply->status == SKALD_OK && reply->saga != NULL) {
        sim_check_seen(start->world, reply->saga);
    } else if (reply->status == SKALD_E_NOT_FOUND) {
        const struct sim_row *row = sim_map_get(&start->world->store->by_id, start->saga_id);
        if (row != NULL && row->is_removed) return; /* rightly: check_removed.c */
        sim_fail(start->world, "acknowledged starts", start->saga_id,
                 "an acknowledged saga was not found");
    }
}

static void look(void *context)
{
    struct sim_start *start = context;
    struct sim_world *world = start->world;
    if (!start->is_acknowledged) return; /* a restore has taken it back */
    uint32_t shard = (uint32_t)(sk_hash_id(start->saga_id) % world->profile.shards_count);
    struct sim_node *node = sim_node_for(world, shard);
    if (node == NULL) return;
    if (sim_chance(&world->work, 500)) {
        sk_engine_get(node->engine, start->saga_id, on_read, start);
    } else {
        sk_engine_wait(node->engine, start->saga_id, sim_between(&world->work, 1, 20000), on_read,
                       start);
    }
}

/* ---- starts ---------------------------------------------------------------------------------- */

/* Since when its id or key may be remembered; 0 = it is not. Who was not answered cannot know, and
 * insists no longer than if it had been accepted at once, but where the store has not got it. */
static int64_t remembered_since_ms(const struct sim_start *start)
{
    if (start->is_acknowledged) return start->accepted_at_ms;
    if (start->id.size == 0) return start->asked_at_ms;
    const struct sim_row *row = sim_map_get(&start->world->store->by_id, start->id);
    return row == NULL ? 0 : row->head.created_at_ms;
}

/* Where sagas are removed, ids and keys are remembered for so long only: whoever repeats a start
 * later starts another saga. Will they be forgotten in `ms` from now? */
static bool is_forgotten_in(const struct sim_start *start, int64_t ms)
{
    const struct sim_world *world = start->world;
    int64_t window_ms = world->profile.retention_ms;
    int64_t since_ms = remembered_since_ms(start);
    return since_ms > 0 && window_ms > 0 &&
           sim_now_ms(world) + CLOCKS_DIFFER_MS + ms >= since_ms + window_ms;
}

/* Of two sagas that one start made: had the earlier one been forgotten when the other began? An
 * answer may tell of the earlier one late. */
static bool is_forgotten_between(const struct sim_start *start, const struct sim_row *other)
{
    int64_t window_ms = start->world->profile.retention_ms;
    int64_t apart_ms = start->accepted_at_ms - other->head.created_at_ms;
    return window_ms > 0 && apart_ms + CLOCKS_DIFFER_MS >= window_ms;
}

static void acknowledge(struct sim_start *start, const struct sk_reply *reply)
{
    struct sim_world *world = start->world;
    struct sim_load *load = world->load;
    struct sk_str id = reply->saga_id;
    const struct sim_row *row = sim_store_row(world->store, id);
    if (row == NULL || (reply->saga == NULL && world->group == NULL))
        sim_fail(world, "acknowledged starts", start->id, "acknowledged without a saga");
    sim_check_started(world, id);
    if (reply->saga != NULL) sim_check_seen(world, reply->saga); /* else a sibling answered */
    if (reply->saga == NULL) sim_reached(world, SIM_REACHED_START_AT_SIBLING);
    load->counts.replayed += reply->is_replayed ? 1 : 0;
    if (reply->is_replayed) sim_reached(world, SIM_REACHED_START_REPLAYED);
    if (start->id.size > 0 && !sk_str_equal(start->id, id)) {
        sim_fail(world, "acknowledged starts", start->id, "the start answered another saga, %.*s",
                 SK_STR_ARGS(id));
    }
    if (start->is_acknowledged) {
        bool may_differ = is_forgotten_in(start, 0) || is_forgotten_between(start, row);
        if (sk_str_equal(start->saga_id, id) || may_differ) return;
        sim_fail(world, "acknowledged starts", id, "one key has two sagas; the other is %.*s",
                 SK_STR_ARGS(start->saga_id));
    }
    start->is_acknowledged = true;
    start->accepted_at_ms = row->head.created_at_ms;
    start->saga_id = sk_arena_copy(&world->arena, id);
    load->counts.acknowledged += 1;
    sim_note(world, "acknowledged", start->index, start->tries, id);
    sim_reached(world, start->id.size > 0    ? SIM_REACHED_START_ID
                       : start->key.size > 0 ? SIM_REACHED_START_KEY
                                             : SIM_REACHED_START_NEITHER);
    sim_operators_plan(start);
    if (sim_chance(&world->work, 200))
        sim_after(world, sim_between(&world->work, 0, 20 * SIM_S), look, start);
    bool can_repeat = start->id.size > 0 || start->key.size > 0;
    if (can_repeat && sim_chance(&world->work, world->profile.duplicates)) {
        sim_after(world, sim_between(&world->work, SIM_MS, 30 * SIM_S), ask, start);
    }
}

/* An input that its definition's schema does not let in. */
static bool is_misfit(const struct sim_start *start)
{
    struct sk_str source = start->world->load->sources[start->definition];
    return start->input_kind == SIM_INPUT_MISFIT &&
           memmem(source.data, source.size, "\"input_schema\"", 14) != NULL;
}

static void on_started(void *context, const struct sk_reply *reply)
{
    struct start_try *attempt = context;
    struct sim_start *start = attempt->start;
    struct sim_world *world = start->world;
    if (attempt->is_other) {
        if (reply->status == SKALD_E_CONFLICT) sim_reached(world, SIM_REACHED_START_CONFLICT);
        if (reply->status != SKALD_OK || is_forgotten_in(start, 0)) return;
        sim_fail(world, "acknowledged starts", start->id,
                 "the same id with another input was accepted");
    }
    if (reply->status == SKALD_OK) {
        if (is_misfit(start))
            sim_fail(world, "workload", start->id, "an input that does not fit was accepted");
        acknowledge(start, reply);
        return;
    }
    if (reply->status == SKALD_E_INVALID && is_misfit(start)) {
        if (reply->violations.size == 0)
            sim_fail(world, "workload", start->id, "an input was refused without a reason");
        start->is_given_up = true;
        sim_reached(world, SIM_REACHED_START_MISFIT);
        return;
    }
    sim_note(world, "start-refused", start->index, (uint64_t)(int64_t)reply->status, start->id);
    bool may_repeat =
        skald_status_class(reply->status) == SKALD_CLASS_RETRY || reply->status == SKALD_E_IO;
    /* Its saga stood in line when the store refused what it had decided. */
    if (world->profile.has_poison && reply->status == SKALD_E_INTERNAL) may_repeat = true;
    /* It was taken, and cannot be read back now. */
    bool is_damaged = reply->status == SKALD_E_CORRUPT || reply->status == SKALD_E_VERSION;
    if (is_damaged && world->profile.faults[SIM_FAULT_READ_DAMAGED] > 0) may_repeat = true;
    if (start->is_acknowledged || may_repeat) return;
    sim_fail(world, "workload", start->id, "a start was refused: %s: %s",
             skald_status_name(reply->status), reply->error != NULL ? reply->error->message : "");
}

static struct sim_node *choose_node(const struct sim_start *start)
{
    struct sim_world *world = start->world;
    struct sk_str decides = start->id.size > 0 ? start->id : start->saga_id;
    if (decides.size > 0 && !sim_chance(&world->work, 50)) {
        return sim_node_for(world, (uint32_t)(sk_hash_id(decides) % world->profile.shards_count));
    }
    struct sim_node *node = world->nodes[sim_below(&world->work, world->profile.nodes_count)];
    return sim_node_answers(node) ? node : NULL;
}

static void send_start(struct sim_start *start, struct sim_node *node, bool is_other)
{
    struct sim_world *world = start->world;
    struct start_try *attempt = SK_ARENA_NEW(&world->arena, struct start_try);
    char definition[8];
    int size =
        snprintf(definition, sizeof definition, "d%u", start->definition % SIM_DEFINITIONS_MAX);
    *attempt = (struct start_try){ start, ++start->asked, is_other };
    if (start->asked_at_ms == 0) start->asked_at_ms = sim_now_ms(world);
    struct sk_start_request request = {
        .definition = { definition, (size_t)size },
        .id = start->id,
        .idempotency_key = start->key,
        .input = is_other ? SK_STR("{\"n\":99}") : start->input,
        .context = start->context,
        .priority = start->priority,
        .timeout_ms = start->timeout_ms,
        .max_attempts = start->max_attempts,
        .tags = start->tags,
        .attributes = start->attributes,
        .business_key = start->business_key,
        .space = start->space,
        .traceparent = start->traceparent,
        .version = start->version,
        .lock_keys = start->lock_keys,
        .lock_keys_count = start->lock_keys_count,
    };
    sk_engine_start(node->engine, &request, on_started, attempt);
}

static void ask(void *context)
{
    struct sim_start *start = context;
    struct sim_world *world = start->world;
    bool is_first = !start->is_acknowledged;
    bool is_too_late = is_forgotten_in(start, HELD_UP_MS);
    if (is_too_late && is_first) start->is_given_up = true;
    if (start->is_given_up || is_too_late) return;
    if (start->tries++ > TRIES_MAX) {
        if (!start->is_acknowledged) {
            sim_fail(world, "every saga ends", start->id,
                     "start %u was not acknowledged in %d tries", start->index, TRIES_MAX);
        }
        return;
    }
    struct sim_node *node = choose_node(start);
    bool is_known = world->load->is_defined[start->definition];
    bool asked = false;
    if (node != NULL && is_known) {
        bool is_other =
            start->is_acknowledged && start->id.size > 0 && sim_chance(&world->work, 200);
        send_start(start, node, is_other);
        asked = true;
    }
    if (!is_first) return; /* a duplicate is sent once */
    if (asked && start->id.size == 0 && start->key.size == 0) {
        start->is_given_up = true;
        return;
    }
    sim_after(world, asked ? sim_between(&world->work, SIM_S, 6 * SIM_S) : 300 * SIM_MS, ask_again,
              start);
}

static void ask_again(void *context)
{
    struct sim_start *start = context;
    if (!start->is_acknowledged) ask(start);
}

static bool has_no_messages(const struct sim_world *world)
{
    return world->profile.is_split && !world->profile.is_grouped;
}

/* What else a start may say. */
static void narrow(struct sim_start *start, struct sim_rng *rng)
{
    struct sim_world *world = start->world;
    if (sim_chance(rng, 200))
        start->business_key = sim_chance(rng, 500) ? SK_STR("bk-0") : SK_STR("bk-1");
    if (sim_chance(rng, 150)) start->space = SK_STR("eu");
    if (sim_chance(rng, 100)) start->version = SK_STR("1");
    if (sim_chance(rng, 100))
        start->traceparent = SK_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    if (has_no_messages(world) || !sim_chance(rng, 60)) return;
    static const char *const keys[] = { "k-0", "k-1", "mine", "k-2" };
    for (uint32_t i = 0; i < 2; i++) start->lock_keys[i] = sk_str_of(keys[sim_below(rng, 4)]);
    start->lock_keys_count = 1 + sim_below(rng, 2);
    sim_reached(world, SIM_REACHED_START_LOCKS);
}

static void begin(struct sim_load *load, uint32_t index)
{
    struct sim_world *world = load->world;
    struct sim_rng *rng = &world->work;
    struct sim_start *start = &load->starts[index];
    char text[64];
    *start = (struct sim_start){ .world = world,
                                 .index = index,
                                 .definition = sim_below(rng, load->generated.count) };
    uint32_t manner = sim_below(rng, 10);
    if (manner < 6) {
        int size = snprintf(text, sizeof text, "w%llx-%u",
                            (unsigned long long)(world->seed & 0xffffff), index);
        start->id = sk_arena_copy(&world->arena, (struct sk_str){ text, (size_t)size });
    } else if (manner < 9) {
        int size = snprintf(text, sizeof text, "key-%u", index);
        start->key = sk_arena_copy(&world->arena, (struct sk_str){ text, (size_t)size });
    }
    struct sk_buf input;
    sk_buf_init(&input, 0);
    start->input_kind = sim_generate_input(rng, world->profile.long_lists, &input);
    start->input = sk_arena_copy(&world->arena, sk_buf_view(&input));
    sk_buf_release(&input);
    if (sim_chance(rng, 300)) start->context = SK_STR("{\"request\":\"r-1\"}");
    start->priority = (int32_t)sim_below(rng, 3);
    if (sim_chance(rng, 100)) start->max_attempts = 1 + sim_below(rng, 3);
    if (sim_chance(rng, 100)) start->timeout_ms = sim_between(rng, 1000, 30000);
    if (sim_chance(rng, 100)) start->tags = SK_STR("[\"vip\",\"eu\"]");
    if (sim_chance(rng, 100)) start->attributes = SK_STR("{\"customer\":\"c-1\"}");
    narrow(start, rng);
    int64_t after_us = sim_between(rng, 0, world->profile.rate_gap_us);
    start->is_given_up = !sim_cut_has_start(world->cut, index);
    if (start->is_given_up) return;
    int64_t at_us = SIM_S / 2 + (int64_t)load->counts.starts * world->profile.rate_gap_us;
    load->counts.starts += 1;
    sim_after(world, at_us + after_us, ask_again, start);
}

static bool is_stored(const struct sim_load *load, uint32_t definition)
{
    char id[8];
    int size = snprintf(id, sizeof id, "d%u", definition % SIM_DEFINITIONS_MAX);
    const struct sim_store *store = load->world->store;
    for (uint32_t i = 0; i < store->definitions_count; i++) {
        if (sk_str_equal(store->definitions[i].row.id, (struct sk_str){ id, (size_t)size }))
            return true;
    }
    return false;
}

void sim_load_restored(struct sim_load *load)
{
    struct sim_world *world = load->world;
    for (uint32_t i = 0; i < load->generated.count; i++)
        load->is_defined[i] = load->is_defined[i] && is_stored(load, i);
    sim_after(world, 60 * SIM_MS, define_next, load);
    for (uint32_t i = 0; i < load->starts_count; i++) {
        struct sim_start *start = &load->starts[i];
        if (!start->is_acknowledged || sim_map_get(&world->store->by_id, start->saga_id) != NULL)
            continue;
        sim_note(world, "lost", i, 0, start->saga_id);
        start->is_acknowledged = false;
        start->saga_id = (struct sk_str){ NULL, 0 };
        if (start->id.size > 0 || start->key.size > 0)
            sim_after(world, sim_between(&world->work, SIM_S, 20 * SIM_S), ask_again, start);
    }
}

void sim_load_init(struct sim_load *load, struct sim_world *world)
{
    memset(load, 0, sizeof *load);
    sim_rng_init(&load->defects, world->seed, 5);
    load->world = world;
    load->generated.has_no_messages = has_no_messages(world);
    if (world->profile.is_split) sim_reached(world, SIM_REACHED_WORLD_SPLIT);
    if (world->profile.is_grouped) sim_reached(world, SIM_REACHED_WORLD_GROUPED);
    load->starts_count = world->profile.sagas_count;
    load->starts = SK_ARENA_ARRAY(&world->arena, struct sim_start, load->starts_count);
    struct sk_buf text;
    sk_buf_init(&text, 0);
    for (uint32_t i = 0; i < world->profile.definitions_count; i++) {
        sk_buf_clear(&text);
        sim_generate_definition(&load->generated, &world->work, &text);
        load->sources[i] = sk_arena_copy(&world->arena, sk_buf_view(&text));
        if (world->cut->definitions[i].size > 0) load->sources[i] = world->cut->definitions[i];
        sim_fields_mark(&load->fields[i], load->sources[i]);
    }
    sk_buf_release(&text);
    sim_after(world, 100 * SIM_MS, define_next, load);
    for (uint32_t i = 0; i < load->starts_count; i++) begin(load, i);
}

/* ---- what was made --------------------------------------------------------------------------- */

void sim_load_judged(struct sim_load *load, const struct sk_plan *plan)
{
    uint64_t index = 0;
    if (plan->id.size < 2 || plan->id.data[0] != 'd') return;
    if (!sk_str_to_u64(sk_str_sub(plan->id, 1, plan->id.size - 1), &index)) return;
    if (index < SIM_DEFINITIONS_MAX) load->judged[index] += 1;
}

void sim_load_count(const struct sim_load *load)
{
    struct sim_reached *reached = load->world->reached;
    for (uint32_t d = 0; d < load->generated.count; d++) {
        const uint64_t *features = load->generated.features[d];
        for (uint32_t i = 0; i < SIM_REACHED_COUNT; i++) {
            if ((features[i / 64] >> i % 64 & 1u) != 0) reached->rows[i] += load->judged[d];
        }
        for (uint32_t i = 0; i < sim_fields_count(); i++) {
            if (sim_fields_have(&load->fields[d], i)) reached->fields[i] += load->judged[d];
        }
    }
}

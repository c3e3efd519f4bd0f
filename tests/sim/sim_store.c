/* sim_store.c: submission and its faults (T2–T4), ownership, definitions. */
#include "sim_store.h"

#include "node.h"
#include "reached.h"

#include "dsl/dsl.h"

/* A batch on its way to the disk. */
struct sim_submission {
    struct sim_handle *handle;
    struct sk_batch *batch;
    sk_batch_done *done;
    void *context;
    uint32_t *order, *is_answered; /* by place, by part */
    uint32_t committed_upto;       /* places decided */
    uint32_t step;                 /* places decided by one event: 1 = apart, all = together */
    bool is_started, is_dead;      /* is_dead: the node has crashed */
    struct sim_submission *next;
};

static struct sim_handle *handle_of(struct sk_store *port)
{
    return sk_container_of(port, struct sim_handle, port);
}

/* ---- finding --------------------------------------------------------------------------------- */

struct sim_row *sim_store_row(const struct sim_store *store, struct sk_str saga_id)
{
    struct sim_row *row = sim_map_get(&store->by_id, saga_id);
    return row == NULL || row->is_removed ? NULL : row;
}

struct sim_row *sim_shard_row(const struct sim_shard *shard, uint64_t no)
{
    uint32_t low = 0, high = shard->rows_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (shard->rows[middle]->head.no < no)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == shard->rows_count || shard->rows[low]->head.no != no) return NULL;
    return shard->rows[low]->is_removed ? NULL : shard->rows[low];
}

struct sim_definition *sim_store_definition(const struct sim_store *store,
                                            const struct sk_digest *digest)
{
    for (uint32_t i = 0; i < store->definitions_count; i++) {
        if (sk_digest_equal(&store->definitions[i].row.digest, digest))
            return &store->definitions[i];
    }
    return NULL;
}

const struct sk_plan *sim_store_plan(struct sim_store *store, const struct sk_digest *digest)
{
    struct sim_definition *definition = sim_store_definition(store, digest);
    if (definition == NULL) return NULL;
    if (definition->plan != NULL) return definition->plan;
    struct sk_diagnostics diagnostics;
    sk_diagnostics_init(&diagnostics);
    struct sk_dsl_options options = { 0 };
    if (sk_dsl_compile(definition->row.source, &options, &definition->plan, NULL, &diagnostics) !=
        SKALD_OK) {
        sim_fail(store->world, "simulator", (struct sk_str){ 0 },
                 "a stored definition does not compile");
    }
    sk_diagnostics_release(&diagnostics);
    return definition->plan;
}

/* ---- submit ---------------------------------------------------------------------------------- */

static bool is_poison(const struct sim_store *store, const struct sk_part *part)
{
    static const char mark[] = "poisoned";
    if (!store->world->profile.has_poison || store->is_honest) return false;
    for (uint32_t i = 0; i < part->events_count; i++) {
        struct sk_str data = part->events[i].data;
        if (data.size > 0 && memmem(data.data, data.size, mark, sizeof mark - 1) != NULL)
            return true;
    }
    return false;
}

static enum sk_part_result draw_result(struct sim_handle *handle, const struct sk_part *part,
                                       bool *out_commits)
{
    struct sim_store *store = handle->store;
    const struct sim_profile *p = &store->world->profile;
    struct sim_rng *rng = &store->world->faults;
    bool matches = sim_store_matches(store, part);
    *out_commits = false;
    if (handle->is_broken) return SK_PART_BROKEN;
    if (!store->is_honest && sim_chance(rng, p->store_passing)) return SK_PART_PASSING;
    if (is_poison(store, part)) return SK_PART_REFUSED;
    if (!store->is_honest && sim_chance(rng, p->store_broken)) {
        handle->is_broken = true;
        *out_commits = matches && sim_chance(rng, 500);
        return SK_PART_BROKEN;
    }
    if (!store->is_honest && sim_chance(rng, p->store_not_known)) {
        *out_commits = matches && sim_chance(rng, 500);
        return SK_PART_NOT_KNOWN;
    }
    *out_commits = matches;
    return matches ? SK_PART_DONE : SK_PART_FENCED;
}

static enum sim_reached_row row_of_result(enum sk_part_result result)
{
    switch (result) {
    case SK_PART_DONE: return SIM_REACHED_PART_DONE;
    case SK_PART_PASSING: return SIM_REACHED_PART_PASSING;
    case SK_PART_NOT_KNOWN: return SIM_REACHED_PART_NOT_KNOWN;
    case SK_PART_FENCED: return SIM_REACHED_PART_FENCED;
    case SK_PART_REFUSED: return SIM_REACHED_PART_REFUSED;
    case SK_PART_BROKEN: break;
    }
    return SIM_REACHED_PART_BROKEN;
}

static void commit_part(struct sim_submission *s, uint32_t index)
{
    struct sim_handle *handle = s->handle;
    struct sk_part *part = &s->batch->parts[index];
    bool commits = false;
    enum sk_part_result result = draw_result(handle, part, &commits);
    if (commits) sim_store_apply(handle->store, handle->node, part);
    s->is_answered[index] = 1;
    handle->store->counts.results[result] += 1;
    sim_reached(handle->store->world, row_of_result(result));
    if (result != SK_PART_DONE) {
        sim_note(handle->store->world, "part-not-done", part->shard, (uint64_t)result,
                 (struct sk_str){ 0 });
    }
    part->result = result;
    part->message[0] = '\0';
}

static void on_done(void *context)
{
    struct sim_submission *s = context;
    s->done(s->context, s->batch);
}

static void start_next(struct sim_handle *handle);

static void on_commit(void *context)
{
    struct sim_submission *s = context;
    struct sim_handle *handle = s->handle;
    if (s->is_dead) return;
    for (uint32_t i = 0; i < s->step && s->committed_upto < s->batch->parts_count; i++) {
        commit_part(s, s->order[s->committed_upto++]);
    }
    struct sim_world *world = handle->store->world;
    if (s->committed_upto < s->batch->parts_count) {
        sim_after(world, sim_latency(&world->faults, world->profile.commit_us), on_commit, s);
        return;
    }
    handle->queue = s->next;
    if (handle->queue == NULL) handle->queue_end = NULL;
    sim_answer_at(handle->node, sim_latency(&world->faults, 50), on_done, s);
    start_next(handle);
}

static void start_next(struct sim_handle *handle)
{
    struct sim_submission *s = handle->queue;
    struct sim_world *world = handle->store->world;
    if (s == NULL || s->is_started) return;
    s->is_started = true;
    int64_t delay_us = sim_latency(&world->faults, world->profile.commit_us);
    if (!handle->store->is_honest && sim_chance(&world->faults, world->profile.store_slow)) {
        sim_reached(world, SIM_REACHED_FAULT_COMMIT_SLOW);
        delay_us += sim_between(&world->faults, SIM_S, 8 * SIM_S);
    }
    sim_after(world, delay_us, on_commit, s);
}

/* Parts of one shard keep their order; otherwise any order. */
static void shuffle(struct sim_submission *s, struct sim_rng *rng)
{
    uint32_t count = s->batch->parts_count;
    for (uint32_t i = 0; i < count; i++) s->order[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t k = sim_below(rng, i), a = s->order[i - 1];
        s->order[i - 1] = s->order[k];
        s->order[k] = a;
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = i + 1; k < count; k++) {
            uint32_t a = s->order[i], b = s->order[k];
            if (a < b || s->batch->parts[a].shard != s->batch->parts[b].shard) continue;
            s->order[i] = b;
            s->order[k] = a;
        }
    }
}

static void submit(struct sk_store *port, struct sk_batch *batch, sk_batch_done *done,
                   void *context)
{
    struct sim_handle *handle = handle_of(port);
    struct sim_world *world = handle->store->world;
    struct sim_submission *s = SK_ARENA_NEW(&world->arena, struct sim_submission);
    *s = (struct sim_submission){
        .handle = handle, .batch = batch, .done = done, .context = context
    };
    s->order = SK_ARENA_ARRAY(&world->arena, uint32_t, batch->parts_count + 1);
    s->is_answered = SK_ARENA_ARRAY(&world->arena, uint32_t, batch->parts_count + 1);
    shuffle(s, &world->faults);
    s->step = sim_chance(&world->faults, 500) ? 1 : batch->parts_count + 1;
    if (handle->queue_end != NULL)
        handle->queue_end->next = s;
    else
        handle->queue = s;
    handle->queue_end = s;
    start_next(handle);
}

/* ---- crash ----------------------------------------------------------------------------------- */

void sim_handle_crash(struct sim_handle *handle)
{
    struct sim_rng *rng = &handle->store->world->faults;
    bool goes_on = !handle->is_broken;
    for (struct sim_submission *s = handle->queue; s != NULL; s = s->next) {
        for (uint32_t i = s->committed_upto; i < s->batch->parts_count; i++) {
            goes_on = goes_on && sim_chance(rng, 600);
            uint32_t index = s->order[i];
            sim_reached(handle->store->world,
                        goes_on ? SIM_REACHED_FAULT_CRASH_COMMITS : SIM_REACHED_FAULT_CRASH_DROPS);
            if (goes_on && sim_store_matches(handle->store, &s->batch->parts[index])) {
                sim_store_apply(handle->store, handle->node, &s->batch->parts[index]);
            }
        }
        for (uint32_t i = 0; i < s->batch->parts_count; i++) {
            if (s->is_answered[i] == 0) s->batch->parts[i].result = SK_PART_BROKEN;
        }
        s->is_dead = true;
        sim_answer_at(handle->node, 0, on_done, s);
    }
    handle->queue = handle->queue_end = NULL;
    handle->is_broken = false;
}

/* ---- take, renew, define, reopen ------------------------------------------------------------- */

struct asked {
    struct sim_handle *handle;
    uint32_t shard;
    uint64_t epoch, life;
    int64_t expires_at_ms;
    struct sk_str owner;
    sk_take_done *take_done;
    sk_define_done *done;
    void *context;
    enum skald_status status;
    skald_error error;
    struct sk_shard_row row;
    struct sk_definition_row definition;
    bool keep_latest;
};

static struct asked *ask(struct sk_store *port, void *context)
{
    struct sim_handle *handle = handle_of(port);
    struct asked *asked = SK_ARENA_NEW(&handle->store->world->arena, struct asked);
    asked->handle = handle;
    asked->life = handle->node->life;
    asked->context = context;
    return asked;
}

static void after_a_while(struct asked *asked, sim_fn *fn)
{
    struct sim_world *world = asked->handle->store->world;
    sim_answer_at(asked->handle->node,
                  sim_latency(&world->faults, 400 + world->profile.commit_us / 2), fn, asked);
}

static void on_taken(void *context)
{
    struct asked *asked = context;
    asked->take_done(asked->context, asked->status, &asked->row, &asked->error);
}

static void on_take(void *context)
{
    struct asked *asked = context;
    struct sim_store *store = asked->handle->store;
    struct sim_shard *shard = &store->shards[asked->shard];
    bool is_held = shard->row.owner.size > 0 && !sk_str_equal(shard->row.owner, asked->owner) &&
                   shard->row.expires_at_ms > sim_now_ms(store->world);
    if (asked->handle->is_broken) {
        asked->status = sk_error_set(&asked->error, SKALD_E_IO, "the handle is broken");
    } else if (is_held) {
        asked->status = sk_error_set(&asked->error, SKALD_E_BUSY, "held by %.*s",
                                     SK_STR_ARGS(shard->row.owner));
    } else {
        shard->row.owner = asked->owner;
        shard->row.expires_at_ms = asked->expires_at_ms;
        shard->row.epoch += 1;
        shard->taker = asked->handle->node;
        shard->taker_life = asked->life;
        store->counts.takes += 1;
        sim_note(store->world, "take", asked->shard, shard->row.epoch, asked->owner);
    }
    asked->row = shard->row;
    after_a_while(asked, on_taken);
}

static void take(struct sk_store *port, uint32_t shard, struct sk_str owner, int64_t expires_at_ms,
                 sk_take_done *done, void *context)
{
    struct asked *asked = ask(port, context);
    asked->shard = shard;
    asked->owner = sk_arena_copy(&asked->handle->store->world->arena, owner);
    asked->expires_at_ms = expires_at_ms;
    asked->take_done = done;
    SK_ASSERT(shard < asked->handle->store->meta.shards_count);
    after_a_while(asked, on_take);
}

static void on_renew(void *context)
{
    struct asked *asked = context;
    struct sim_shard *shard = &asked->handle->store->shards[asked->shard];
    if (asked->handle->is_broken) {
        asked->status = sk_error_set(&asked->error, SKALD_E_IO, "the handle is broken");
    } else if (shard->row.epoch != asked->epoch) {
        asked->status = sk_error_set(&asked->error, SKALD_E_FENCED, "the epoch has moved on");
    } else {
        shard->row.expires_at_ms = asked->expires_at_ms;
        if (asked->expires_at_ms == 0) shard->row.owner = (struct sk_str){ NULL, 0 };
    }
    asked->row = shard->row;
    after_a_while(asked, on_taken);
}

static void renew(struct sk_store *port, uint32_t shard, uint64_t epoch, int64_t expires_at_ms,
                  sk_take_done *done, void *context)
{
    struct asked *asked = ask(port, context);
    asked->shard = shard;
    asked->epoch = epoch;
    asked->expires_at_ms = expires_at_ms;
    asked->take_done = done;
    after_a_while(asked, on_renew);
}

static void on_told(void *context)
{
    struct asked *asked = context;
    asked->done(asked->context, asked->status, &asked->error);
}

static enum skald_status define_row(struct sim_store *store, const struct sk_definition_row *row,
                                    bool keep_latest, skald_error *error)
{
    struct sim_definition *same = NULL, *latest = NULL;
    for (uint32_t i = 0; i < store->definitions_count; i++) {
        struct sim_definition *other = &store->definitions[i];
        if (!sk_str_equal(other->row.id, row->id)) continue;
        if (other->row.is_latest) latest = other;
        if (!sk_str_equal(other->row.version, row->version)) continue;
        if (!sk_digest_equal(&other->row.digest, &row->digest)) {
            return sk_error_set(error, SKALD_E_CONFLICT, "another definition has this version");
        }
        same = other;
    }
    if (same == NULL) {
        struct sk_arena *arena = &store->world->arena;
        uint32_t place = latest == NULL ? 0 : (uint32_t)(latest - store->definitions) + 1;
        same = SIM_PUSH(store->world, store->definitions, store->definitions_count,
                        store->definitions_capacity);
        if (place > 0) latest = &store->definitions[place - 1];
        *same = (struct sim_definition){ .row = *row };
        same->row.id = sk_arena_copy(arena, row->id);
        same->row.version = sk_arena_copy(arena, row->version);
        same->row.source = sk_arena_copy(arena, row->source);
        same->row.is_latest = false;
    }
    if (latest != NULL && keep_latest) return SKALD_OK;
    if (latest != NULL) latest->row.is_latest = false;
    same->row.is_latest = true;
    return SKALD_OK;
}

static void on_define(void *context)
{
    struct asked *asked = context;
    if (asked->handle->is_broken) {
        asked->status = sk_error_set(&asked->error, SKALD_E_IO, "the handle is broken");
    } else {
        asked->status =
            define_row(asked->handle->store, &asked->definition, asked->keep_latest, &asked->error);
    }
    after_a_while(asked, on_told);
}

static void define(struct sk_store *port, const struct sk_definition_row *row, bool keep_latest,
                   sk_define_done *done, void *context)
{
    struct asked *asked = ask(port, context);
    struct sk_arena *arena = &asked->handle->store->world->arena;
    asked->definition = *row;
    asked->definition.id = sk_arena_copy(arena, row->id);
    asked->definition.version = sk_arena_copy(arena, row->version);
    asked->definition.source = sk_arena_copy(arena, row->source);
    asked->keep_latest = keep_latest;
    asked->done = done;
    after_a_while(asked, on_define);
}

static void on_reopen(void *context)
{
    struct asked *asked = context;
    if (!asked->handle->store->is_honest && sim_chance(&asked->handle->store->world->faults, 200)) {
        asked->status = sk_error_set(&asked->error, SKALD_E_IO, "still broken");
    } else {
        asked->handle->is_broken = false;
    }
    on_told(asked);
}

static void reopen(struct sk_store *port, sk_define_done *done, void *context)
{
    struct asked *asked = ask(port, context);
    asked->done = done;
    after_a_while(asked, on_reopen);
}

static void free_handle(struct sk_store *port)
{
    (void)port; /* the world's */
}

static const struct sk_store_ops ops = {
    .submit = submit,
    .read = sim_store_read,
    .take = take,
    .renew = renew,
    .define = define,
    .reopen = reopen,
    .free = free_handle,
};

void sim_store_init(struct sim_store *store, struct sim_world *world)
{
    *store = (struct sim_store){ .world = world };
    store->meta = (struct sk_meta){ "siphash24", world->profile.shards_count, 1, world->seed };
    store->shards = SK_ARENA_ARRAY(&world->arena, struct sim_shard, store->meta.shards_count);
    for (uint32_t i = 0; i < store->meta.shards_count; i++) {
        store->shards[i].row = (struct sk_shard_row){ .shard = i, .position = 1 };
    }
    sim_map_init(&store->by_id, &world->arena);
}

void sim_store_release(struct sim_store *store)
{
    for (uint32_t i = 0; i < store->definitions_count; i++)
        sk_plan_free(store->definitions[i].plan);
}

void sim_handle_init(struct sim_handle *handle, struct sim_store *store, struct sim_node *node)
{
    *handle = (struct sim_handle){
        .port = { &ops, "simulated", store->world->profile.is_shared },
        .store = store,
        .node = node,
    };
}

/* sim_store_lease.c: who owns a shard, definitions, and a broken handle that is opened anew. */
#include "node.h"
#include "sim_store.h"

static struct sim_handle *handle_of(struct sk_store *port)
{
    return sk_container_of(port, struct sim_handle, port);
}

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

/* An error that leaves open whether it was done; false: no such error now. */
static bool is_unsure(struct asked *asked, enum sim_fault fault, bool *out_does)
{
    struct sim_handle *handle = asked->handle;
    struct sim_world *world = handle->store->world;
    enum sim_fault cut = sim_handle_cut(handle);
    *out_does = true;
    if (handle->is_broken) {
        asked->status = sk_error_set(&asked->error, SKALD_E_IO, "the handle is broken");
        *out_does = false;
    } else if (cut == SIM_FAULT_DISK_FULL || cut == SIM_FAULT_DISK_READ_ONLY) {
        asked->status = sk_error_set(&asked->error, SKALD_E_FULL, "the disk takes nothing");
        *out_does = false;
    } else if (cut != SIM_FAULTS_COUNT || sim_strikes(world, fault)) {
        asked->status = sk_error_set(&asked->error, SKALD_E_AGAIN, "the connection was lost");
        *out_does = sim_chance(sim_dice(world, cut != SIM_FAULTS_COUNT ? cut : fault), 400);
    }
    return asked->status != SKALD_OK;
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

static void do_take(struct asked *asked)
{
    struct sim_store *store = asked->handle->store;
    struct sim_shard *shard = &store->shards[asked->shard];
    bool is_held = shard->row.owner.size > 0 && !sk_str_equal(shard->row.owner, asked->owner) &&
                   shard->row.expires_at_ms > sim_now_ms(store->world);
    if (is_held) {
        asked->status = sk_error_set(&asked->error, SKALD_E_BUSY, "held by %.*s",
                                     SK_STR_ARGS(shard->row.owner));
    } else if (shard->row.epoch != asked->epoch) {
        asked->status = sk_error_set(&asked->error, SKALD_E_FENCED, "the epoch has moved on");
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
}

static void on_take(void *context)
{
    struct asked *asked = context;
    bool does = false;
    struct asked silent = *asked;
    if (!is_unsure(asked, SIM_FAULT_LEASE_UNSURE, &does))
        do_take(asked);
    else if (does)
        do_take(&silent);
    after_a_while(asked, on_taken);
}

void sim_store_take(struct sk_store *port, uint32_t shard, uint64_t epoch, struct sk_str owner,
                    int64_t expires_at_ms, sk_take_done *done, void *context)
{
    struct asked *asked = ask(port, context);
    asked->shard = shard;
    asked->epoch = epoch;
    asked->owner = sk_arena_copy(&asked->handle->store->world->arena, owner);
    asked->expires_at_ms = expires_at_ms;
    asked->take_done = done;
    SK_ASSERT(shard < asked->handle->store->meta.shards_count);
    after_a_while(asked, on_take);
}

static void do_renew(struct asked *asked)
{
    struct sim_shard *shard = &asked->handle->store->shards[asked->shard];
    if (shard->row.epoch != asked->epoch) {
        asked->status = sk_error_set(&asked->error, SKALD_E_FENCED, "the epoch has moved on");
    } else {
        shard->row.expires_at_ms = asked->expires_at_ms;
        if (asked->expires_at_ms == 0) shard->row.owner = (struct sk_str){ NULL, 0 };
    }
    asked->row = shard->row;
}

static void on_renew(void *context)
{
    struct asked *asked = context;
    struct sim_store *store = asked->handle->store;
    bool does = false;
    struct asked silent = *asked;
    if (store->shards[asked->shard].contested_until_us > store->world->now_us)
        asked->status = sk_error_set(&asked->error, SKALD_E_AGAIN, "the connection was lost");
    else if (!is_unsure(asked, SIM_FAULT_LEASE_UNSURE, &does))
        do_renew(asked);
    else if (does)
        do_renew(&silent);
    after_a_while(asked, on_taken);
}

void sim_store_renew(struct sk_store *port, uint32_t shard, uint64_t epoch, int64_t expires_at_ms,
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
    struct sim_store *store = asked->handle->store;
    bool does = false;
    skald_error ignored;
    if (!is_unsure(asked, SIM_FAULT_DEFINE_UNSURE, &does))
        asked->status = define_row(store, &asked->definition, asked->keep_latest, &asked->error);
    else if (does)
        (void)!define_row(store, &asked->definition, asked->keep_latest, &ignored);
    after_a_while(asked, on_told);
}

void sim_store_define(struct sk_store *port, const struct sk_definition_row *row, bool keep_latest,
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

void sim_store_reopen(struct sk_store *port, sk_define_done *done, void *context)
{
    struct asked *asked = ask(port, context);
    asked->done = done;
    after_a_while(asked, on_reopen);
}

/*
 * start_place.c: which shard and which id a start gets, and who of several with one key goes first.
 */
#include "engine/starting.h"

enum { DRAWS_PER_SHARD = 64, LOCK_KEY_SIZE_MAX = 255 };

uint32_t sk_lock_home(const struct sk_engine *engine, struct sk_str key)
{
    static const struct sk_str prefix = { "@lock/", sizeof "@lock/" - 1 };
    char id[sizeof "@lock/" + LOCK_KEY_SIZE_MAX];
    size_t size = key.size < LOCK_KEY_SIZE_MAX ? key.size : LOCK_KEY_SIZE_MAX;
    memcpy(id, prefix.data, prefix.size);
    memcpy(id + prefix.size, key.data, size);
    return sk_engine_shard_of(engine, (struct sk_str){ id, prefix.size + size });
}

/* ---- ids ------------------------------------------------------------------------------------- */

static bool fits(struct sk_engine *engine, uint64_t hash, int64_t wanted_shard)
{
    const struct sk_shard *shard = sk_shard_at(engine, hash);
    if (wanted_shard >= 0) return shard->index == (uint32_t)wanted_shard;
    return shard->state == SK_SHARD_SERVING;
}

/* A UUIDv7 of the wanted shard, or (-1) of any that serves; false: none does. */
static bool draw_id(struct sk_engine *engine, int64_t wanted_shard, char out[SK_UUID_TEXT_SIZE],
                    uint64_t *out_hash)
{
    uint64_t seed[2];
    engine->runtime->ops->random(engine->runtime, seed, sizeof seed);
    int64_t now_ms = sk_engine_now(engine);
    uint64_t draws_max = (uint64_t)engine->shards_count * DRAWS_PER_SHARD;
    for (uint64_t i = 0; i < draws_max; i++) {
        uint64_t bits[2] = { sk_mix(seed[0], i), sk_mix(seed[1], i) };
        uint8_t random[10];
        memcpy(random, bits, sizeof random);
        sk_uuid7_format(now_ms, random, out);
        *out_hash = sk_hash_id((struct sk_str){ out, SK_UUID_TEXT_SIZE - 1 });
        if (fits(engine, *out_hash, wanted_shard)) return true;
    }
    return false;
}

/* ---- to a machine ---------------------------------------------------------------------------- */

static void give_job(struct sk_machine *machine, struct sk_starting *starting)
{
    bool is_fresh = machine->state == SK_MACHINE_ABSENT && sk_list_is_empty(&machine->jobs) &&
                    machine->resolving == NULL && sk_shard_is_held(machine->shard);
    if (is_fresh) {
        sk_starting_run(machine, starting);
        sk_machine_settle(machine);
        return;
    }
    struct sk_job *job =
        sk_job_new(SK_JOB_START, &(struct sk_command){ 0 }, SK_STR(""), starting->waiter);
    if (job == NULL) {
        sk_starting_fail(starting, SKALD_E_MEMORY, "out of memory");
        return;
    }
    job->starting = starting;
    sk_job_push(machine, job);
    sk_jobs_run(machine);
    sk_machine_settle(machine);
}

static void go_to_id(struct sk_starting *starting, struct sk_str id, bool is_of_key)
{
    starting->is_of_key = is_of_key;
    struct sk_engine *engine = starting->engine;
    uint64_t hash = sk_hash_id(id);
    if (!sk_shard_is_serving(sk_shard_at(engine, hash))) {
        sk_starting_fail(starting, SKALD_E_AGAIN,
                         "the saga's shard is not served by this node now");
        return;
    }
    struct sk_machine *machine = sk_machine_get_at(engine, id, hash);
    starting->start.id = sk_arena_copy(&starting->arena, id);
    if (machine == NULL || starting->arena.failed) {
        sk_starting_fail(starting, SKALD_E_MEMORY, "out of memory");
        return;
    }
    give_job(machine, starting);
}

/* A fresh id: nothing in the store to look for. */
static struct sk_machine *go_to_new_id(struct sk_starting *starting, int64_t wanted_shard)
{
    struct sk_engine *engine = starting->engine;
    char text[SK_UUID_TEXT_SIZE];
    struct sk_str id = { text, sizeof text - 1 };
    uint64_t hash = 0;
    starting->is_of_key = false;
    if (!draw_id(engine, wanted_shard, text, &hash)) {
        sk_starting_fail(starting, SKALD_E_AGAIN, "no shard is served by this node now");
        return NULL;
    }
    struct sk_machine *machine = sk_machine_find_at(engine, id, hash);
    if (machine == NULL) machine = sk_machine_new_at(engine, sk_shard_at(engine, hash), id, hash);
    starting->start.id = sk_arena_copy(&starting->arena, id);
    if (machine == NULL || starting->arena.failed) {
        sk_starting_fail(starting, SKALD_E_MEMORY, "out of memory");
        return NULL;
    }
    return machine;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static struct sk_start_key *find_key(struct sk_engine *engine, struct sk_str text)
{
    struct sk_start_key *key = NULL;
    SK_TABLE_FIND(engine->start_keys, text, key);
    return key;
}

static struct sk_start_key *add_key(struct sk_engine *engine, struct sk_str text)
{
    struct sk_start_key *key = sk_alloc(sizeof *key + text.size + 1);
    if (key == NULL) return NULL;
    memcpy(key->text, text.data, text.size);
    key->key = (struct sk_str){ key->text, text.size };
    sk_list_init(&key->followers);
    bool is_added = false;
    SK_TABLE_ADD(engine->start_keys, key, key->key, is_added);
    if (is_added) return key;
    sk_free(key);
    return NULL;
}

/* Those who waited for it are placed anew. */
static void end_key(struct sk_engine *engine, struct sk_start_key *key)
{
    if (key->machine != NULL) key->machine->start_key = NULL;
    SK_TABLE_REMOVE(engine->start_keys, key);
    while (!sk_list_is_empty(&key->followers)) {
        struct sk_starting *starting =
            sk_container_of(key->followers.next, struct sk_starting, node);
        sk_list_remove(&starting->node);
        sk_starting_place(starting);
    }
    sk_free(key);
}

void sk_start_key_end(struct sk_machine *machine)
{
    if (machine->start_key != NULL) end_key(machine->engine, machine->start_key);
}

static void on_key(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    struct sk_starting *starting = context;
    struct sk_start_key *key = find_key(engine, starting->key);
    sk_list_remove(&starting->node);
    struct sk_shard *shard = sk_shard_of(engine, starting->key);
    /* Who has served the shard meanwhile may have used the key. */
    bool is_lost = !sk_shard_is_serving(shard) || shard->epoch != starting->key_epoch;
    if (rows->status != SKALD_OK) {
        sk_starting_fail(starting, SKALD_E_AGAIN, rows->error.message);
    } else if (is_lost) {
        sk_starting_fail(starting, SKALD_E_AGAIN, "the key's shard is not served by this node now");
    } else if (rows->keys_count > 0) {
        go_to_id(starting, rows->keys[0].saga_id, true);
    } else {
        struct sk_machine *machine = go_to_new_id(starting, shard->index);
        if (machine != NULL && key != NULL) {
            key->machine = machine;
            machine->start_key = key;
        }
        if (machine != NULL) give_job(machine, starting);
        if (machine != NULL && machine->state == SK_MACHINE_READY) {
            /* Followers meet the saga, durable or not yet (W1). */
            while (key != NULL && !sk_list_is_empty(&key->followers)) {
                struct sk_starting *follower =
                    sk_container_of(key->followers.next, struct sk_starting, node);
                sk_list_remove(&follower->node);
                go_to_id(follower, machine->id, true);
            }
            return;
        }
    }
    if (key != NULL) end_key(engine, key);
}

static void place_by_key(struct sk_starting *starting)
{
    struct sk_engine *engine = starting->engine;
    struct sk_shard *shard = sk_shard_of(engine, starting->key);
    struct sk_start_key *key = find_key(engine, starting->key);
    if (key != NULL && key->machine != NULL) {
        go_to_id(starting, key->machine->id, true);
        return;
    }
    if (key != NULL) {
        sk_list_push(&key->followers, &starting->node);
        return;
    }
    if (!sk_shard_is_serving(shard)) {
        sk_starting_fail(starting, SKALD_E_AGAIN, "the key's shard is not served by this node now");
        return;
    }
    if (add_key(engine, starting->key) == NULL) {
        sk_starting_fail(starting, SKALD_E_MEMORY, "out of memory");
        return;
    }
    starting->key_epoch = shard->epoch;
    sk_list_push(&engine->starting, &starting->node);
    struct sk_read read = { .kind = SK_READ_START_KEY,
                            .shard = shard->index,
                            .key = starting->key,
                            .due_at_ms = sk_engine_now(engine) };
    sk_engine_store_read(engine, &read, on_key, starting);
}

void sk_starting_place(struct sk_starting *starting)
{
    if (starting->start.id.size > 0) {
        go_to_id(starting, starting->start.id, false);
    } else if (starting->key.size > 0) {
        place_by_key(starting);
    } else {
        struct sk_machine *machine = go_to_new_id(starting, -1);
        if (machine != NULL) give_job(machine, starting);
    }
}

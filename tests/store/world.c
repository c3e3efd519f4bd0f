/* world.c: see world.h. */
#include "world.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void world_remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) return;
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        char path[512];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (unlink(path) != 0) world_remove_folder(path);
    }
    closedir(dir);
    rmdir(folder);
}

static void open_store(struct world *world)
{
    skald_error error = { 0 };
    enum skald_status status = world->backend->open(world, &world->store, &error);
    if (status != SKALD_OK) fprintf(stderr, "open: %s\n", error.message);
    assert_int_equal(status, SKALD_OK);
}

struct world *world_new(const struct backend *backend)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->backend = backend;
    world->runtime = fake_runtime_new();
    const char *base = getenv("TMPDIR");
    snprintf(world->folder, sizeof world->folder, "%.40s/skald-store-XXXXXX",
             base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(world->folder));
    snprintf(world->path, sizeof world->path, "%s/test.db", world->folder);
    sk_arena_init(&world->arena);
    for (uint32_t i = 0; i < WORLD_SHARDS; i++) world->shards[i].position = 1;
    open_store(world);
    return world;
}

void world_free(struct world *world)
{
    world_close(world);
    fake_runtime_free(world->runtime);
    sk_arena_release(&world->arena);
    world_remove_folder(world->folder);
    free(world);
}

int world_setup(void **state)
{
    *state = world_new(*state);
    return 0;
}

int world_teardown(void **state)
{
    world_free(*state);
    return 0;
}

void world_close(struct world *world)
{
    if (world->store != NULL) world->store->ops->free(world->store);
    world->store = NULL;
}

void world_reopen(struct world *world)
{
    world_close(world);
    open_store(world);
}

/* ---- writing --------------------------------------------------------------------------------- */

struct sk_part world_part(struct world *world, uint32_t shard)
{
    struct sk_part part = { .shard = shard,
                            .epoch = world->shards[shard].epoch,
                            .first_position = world->shards[shard].position,
                            .result = SK_PART_NOT_KNOWN };
    memset(part.batch_id, (int)part.first_position & 0xff, sizeof part.batch_id);
    return part;
}

struct sk_part world_events(struct world *world, uint32_t shard, struct sk_event_row *events,
                            uint32_t count, struct sk_str data)
{
    struct sk_part part = world_part(world, shard);
    for (uint32_t i = 0; i < count; i++) {
        events[i] = event_of(1, part.first_position + i, "");
        events[i].data = data;
    }
    part.events = events;
    part.events_count = count;
    return part;
}

static uint32_t done_count; /* numbers the answers of the whole program */

static void on_batch(void *context, struct sk_batch *batch)
{
    struct pending *pending = context;
    assert_ptr_equal(batch, &pending->batch);
    assert_false(pending->is_done);
    pending->is_done = true;
    pending->order = ++done_count;
}

void world_send(struct world *world, struct pending *pending, struct sk_part *parts, uint32_t count)
{
    *pending = (struct pending){ .batch = { parts, count } };
    world->store->ops->submit(world->store, &pending->batch, on_batch, pending);
    assert_false(pending->is_done); /* never from inside the call */
}

void world_wait(struct world *world, const struct pending *pending)
{
    assert_true(fake_runtime_run_until(world->runtime, &pending->is_done));
}

enum sk_part_result world_submit(struct world *world, struct sk_part *part)
{
    struct pending pending;
    world_send(world, &pending, part, 1);
    world_wait(world, &pending);
    if (part->result == SK_PART_DONE)
        world->shards[part->shard].position = part->first_position + sk_part_width(part);
    return part->result;
}

void world_must(struct world *world, struct sk_part *part)
{
    enum sk_part_result result = world_submit(world, part);
    if (result != SK_PART_DONE) fprintf(stderr, "part: %s\n", part->message);
    assert_int_equal(result, SK_PART_DONE);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct waiting_read {
    struct world *world;
    struct sk_rows *rows;
    bool is_done;
};

static void copy_rows(struct sk_arena *arena, const struct sk_rows *from, struct sk_rows *to)
{
    *to = *from;
    /* The arena of the answer dies after done: move what is checked into the world's. */
#define COPY(member)                                                                     \
    to->member = SK_ARENA_ARRAY(arena, __typeof__(*from->member), from->member##_count); \
    if (from->member##_count > 0)                                                        \
    memcpy(to->member, from->member, from->member##_count * sizeof *from->member)
    COPY(shards);
    COPY(heads);
    COPY(events);
    COPY(messages);
    COPY(consumed);
    COPY(definitions);
    COPY(tallies);
    COPY(keys);
    COPY(letters);
    COPY(cursors);
    COPY(records);
#undef COPY
    for (uint32_t i = 0; i < to->shards_count; i++)
        to->shards[i].owner = sk_arena_copy(arena, to->shards[i].owner);
    for (uint32_t i = 0; i < to->heads_count; i++)
        sk_head_copy(arena, &from->heads[i], &to->heads[i]);
    for (uint32_t i = 0; i < to->events_count; i++) {
        to->events[i].data = sk_arena_copy(arena, to->events[i].data);
        to->events[i].saga_id = sk_arena_copy(arena, to->events[i].saga_id);
    }
    for (uint32_t i = 0; i < to->messages_count; i++) {
        to->messages[i].id = sk_arena_copy(arena, to->messages[i].id);
        to->messages[i].target = sk_arena_copy(arena, to->messages[i].target);
        to->messages[i].body = sk_arena_copy(arena, to->messages[i].body);
    }
    for (uint32_t i = 0; i < to->consumed_count; i++)
        to->consumed[i].id = sk_arena_copy(arena, to->consumed[i].id);
    for (uint32_t i = 0; i < to->definitions_count; i++)
        sk_definition_row_copy(arena, &from->definitions[i], &to->definitions[i]);
    for (uint32_t i = 0; i < to->keys_count; i++) {
        to->keys[i].key = sk_arena_copy(arena, to->keys[i].key);
        to->keys[i].saga_id = sk_arena_copy(arena, to->keys[i].saga_id);
    }
    for (uint32_t i = 0; i < to->letters_count; i++) {
        to->letters[i].id = sk_arena_copy(arena, to->letters[i].id);
        to->letters[i].body = sk_arena_copy(arena, to->letters[i].body);
    }
    for (uint32_t i = 0; i < to->cursors_count; i++)
        to->cursors[i].name = sk_arena_copy(arena, to->cursors[i].name);
    for (uint32_t i = 0; i < to->records_count; i++) {
        to->records[i].id = sk_arena_copy(arena, to->records[i].id);
        to->records[i].body = sk_arena_copy(arena, to->records[i].body);
    }
}

static void on_rows(void *context, struct sk_rows *rows)
{
    struct waiting_read *waiting = context;
    copy_rows(&waiting->world->arena, rows, waiting->rows);
    waiting->is_done = true;
}

const struct sk_rows *world_read(struct world *world, const struct sk_read *read)
{
    struct waiting_read waiting = { world, SK_ARENA_NEW(&world->arena, struct sk_rows), false };
    world->store->ops->read(world->store, read, on_rows, &waiting);
    assert_false(waiting.is_done);
    assert_true(fake_runtime_run_until(world->runtime, &waiting.is_done));
    assert_false(world->arena.failed);
    return waiting.rows;
}

/* ---- leases and definitions ------------------------------------------------------------------ */

struct waiting_lease {
    struct world *world;
    struct lease lease;
    bool is_done;
};

static void on_lease(void *context, enum skald_status status, const struct sk_shard_row *row,
                     const skald_error *error)
{
    struct waiting_lease *waiting = context;
    waiting->lease.status = status;
    if (row != NULL) sk_shard_row_copy(&waiting->world->arena, row, &waiting->lease.row);
    if (error != NULL) waiting->lease.error = *error;
    waiting->is_done = true;
}

struct lease world_lease_at(struct world *world, uint32_t shard, uint64_t epoch, const char *owner,
                            int64_t expires_at_ms)
{
    struct waiting_lease waiting = { .world = world };
    world->store->ops->take(world->store, shard, epoch, sk_str_of(owner), expires_at_ms, on_lease,
                            &waiting);
    assert_false(waiting.is_done);
    assert_true(fake_runtime_run_until(world->runtime, &waiting.is_done));
    return waiting.lease;
}

struct lease world_lease(struct world *world, uint32_t shard, const char *owner,
                         int64_t expires_at_ms)
{
    struct lease lease = world_lease_at(world, shard, 0, owner, expires_at_ms);
    if (lease.status != SKALD_E_FENCED) return lease;
    return world_lease_at(world, shard, lease.row.epoch, owner, expires_at_ms);
}

struct lease world_renew(struct world *world, uint32_t shard, uint64_t epoch, int64_t expires_at_ms)
{
    struct waiting_lease waiting = { .world = world };
    world->store->ops->renew(world->store, shard, epoch, expires_at_ms, on_lease, &waiting);
    assert_true(fake_runtime_run_until(world->runtime, &waiting.is_done));
    return waiting.lease;
}

void world_take(struct world *world, uint32_t shard)
{
    struct lease lease = world_lease(world, shard, "me", INT64_MAX);
    assert_int_equal(lease.status, SKALD_OK);
    world->shards[shard].epoch = lease.row.epoch;
    world->shards[shard].position = lease.row.position;
}

struct waiting_status {
    enum skald_status status;
    skald_error error;
    bool is_done;
};

static void on_status(void *context, enum skald_status status, const skald_error *error)
{
    struct waiting_status *waiting = context;
    waiting->status = status;
    if (error != NULL) waiting->error = *error;
    waiting->is_done = true;
}

enum skald_status world_define(struct world *world, const struct sk_definition_row *row,
                               bool keep_latest, skald_error *error)
{
    struct waiting_status waiting = { .is_done = false };
    world->store->ops->define(world->store, row, keep_latest, on_status, &waiting);
    assert_false(waiting.is_done);
    assert_true(fake_runtime_run_until(world->runtime, &waiting.is_done));
    if (error != NULL) *error = waiting.error;
    return waiting.status;
}

enum skald_status world_mend(struct world *world, skald_error *error)
{
    struct waiting_status waiting = { .is_done = false };
    world->store->ops->reopen(world->store, on_status, &waiting);
    assert_true(fake_runtime_run_until(world->runtime, &waiting.is_done));
    if (error != NULL) *error = waiting.error;
    return waiting.status;
}

/* ---- rows ------------------------------------------------------------------------------------ */

struct sk_event_row event_of(uint64_t no, uint64_t seq, const char *data)
{
    return (struct sk_event_row){ .no = no,
                                  .seq = seq,
                                  .at_ms = 1700000000000 + (int64_t)seq,
                                  .type = 21,
                                  .step = 0x7fffffff,
                                  .item = -1,
                                  .attempt = 4000000000u,
                                  .round = 3,
                                  .data = sk_str_of(data) };
}

struct sk_digest digest_of(const char *text)
{
    return sk_digest_of(sk_str_of(text));
}

struct sk_head head_of(uint64_t no, const char *id, uint8_t state, int64_t created_at_ms)
{
    return (struct sk_head){ .no = no,
                             .id = sk_str_of(id),
                             .space = SK_STR("default"),
                             .definition = digest_of("order 1"),
                             .state = state,
                             .reason = 2,
                             .priority = -5,
                             .deadline_ms = 77,
                             .seq = 1,
                             .created_at_ms = created_at_ms,
                             .updated_at_ms = created_at_ms + 1 };
}

void world_saga(struct world *world, uint32_t shard, const char *id, uint8_t state,
                int64_t created_at_ms, uint32_t events_count)
{
    struct sk_part part = world_part(world, shard);
    struct sk_event_row *events = SK_ARENA_ARRAY(&world->arena, struct sk_event_row, events_count);
    uint64_t no = part.first_position;
    for (uint32_t i = 0; i < events_count; i++) events[i] = event_of(no, i + 1, "data");
    struct sk_head head = head_of(no, id, state, created_at_ms);
    head.seq = events_count;
    part.events = events;
    part.events_count = events_count;
    part.heads = &head;
    part.heads_count = 1;
    world_must(world, &part);
}

void assert_str(struct sk_str have, const char *wanted)
{
    if (!sk_str_is(have, wanted))
        fprintf(stderr, "have \"%.*s\", wanted \"%s\"\n", SK_STR_ARGS(have), wanted);
    assert_true(sk_str_is(have, wanted));
}

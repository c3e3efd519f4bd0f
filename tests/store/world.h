/*
 * world.h: one store with its loop, and calls that wait for their answer. All that a test reads
 * lives until the world ends. Every back-end gives a table of how it is opened; the suite runs on
 * each.
 */
#ifndef TESTS_STORE_WORLD_H
#define TESTS_STORE_WORLD_H

#include "fake_runtime.h"
#include "store/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { WORLD_SHARDS = 4 };

struct world;

struct backend {
    const char *name;
    bool is_durable;       /* what is acknowledged survives free and open */
    bool finds_twins_late; /* of what is stored: rows.h R4 */
    enum skald_status (*open)(struct world *world, struct sk_store **out_store, skald_error *error);
};

struct world {
    const struct backend *backend;
    struct fake_runtime *runtime;
    struct sk_store *store;
    char folder[64]; /* temporary, removed at the end */
    char path[128];  /* a file in it */
    struct sk_arena arena;
    uint32_t checkpoint_pages, pages_max, read_ms_max; /* settings of back-ends that have them */
    struct {
        uint64_t epoch, position;
    } shards[WORLD_SHARDS]; /* what the last part or take left */
};

/* cmocka's fixtures; the backend is the test's initial state. */
int world_setup(void **state);
int world_teardown(void **state);
/* By hand: makes runtime and folder and opens the store. */
struct world *world_new(const struct backend *backend);
void world_free(struct world *world);
/* The store is freed; its files are the test's. */
void world_close(struct world *world);
/* Opens again; with a durable store everything is still there. */
void world_reopen(struct world *world);
void world_remove_folder(const char *folder);

/* Takes a shard for "me"; sets world->shards. */
void world_take(struct world *world, uint32_t shard);

/* A part at the place where world->shards says the shard is. */
struct sk_part world_part(struct world *world, uint32_t shard);
/* The same with the next events of saga 1; `events` has room for so many. */
struct sk_part world_events(struct world *world, uint32_t shard, struct sk_event_row *events,
                            uint32_t count, struct sk_str data);
/* Submits one part and waits; on DONE moves world->shards on. */
enum sk_part_result world_submit(struct world *world, struct sk_part *part);
void world_must(struct world *world, struct sk_part *part); /* DONE */

struct pending {
    struct sk_batch batch;
    bool is_done;
    uint32_t order; /* 1 … in which `done` came */
};
/* Submits without waiting. */
void world_send(struct world *world, struct pending *pending, struct sk_part *parts,
                uint32_t count);
void world_wait(struct world *world, const struct pending *pending);

/* The rows, which live until the world ends. */
const struct sk_rows *world_read(struct world *world, const struct sk_read *read);

struct lease {
    enum skald_status status;
    struct sk_shard_row row;
    skald_error error;
};
struct lease world_lease_at(struct world *world, uint32_t shard, uint64_t epoch, const char *owner,
                            int64_t expires_at_ms);
/* With the epoch that the store has. */
struct lease world_lease(struct world *world, uint32_t shard, const char *owner,
                         int64_t expires_at_ms);
struct lease world_renew(struct world *world, uint32_t shard, uint64_t epoch,
                         int64_t expires_at_ms);
enum skald_status world_define(struct world *world, const struct sk_definition_row *row,
                               bool keep_latest, skald_error *error);
enum skald_status world_mend(struct world *world, skald_error *error); /* ops->reopen */

/* Rows with something in every column. */
struct sk_event_row event_of(uint64_t no, uint64_t seq, const char *data);
struct sk_head head_of(uint64_t no, const char *id, uint8_t state, int64_t created_at_ms);
struct sk_digest digest_of(const char *text);
/* n events of one saga and its head in one part. */
void world_saga(struct world *world, uint32_t shard, const char *id, uint8_t state,
                int64_t created_at_ms, uint32_t events_count);

void assert_str(struct sk_str have, const char *wanted);

/* The whole suite on one back-end; cmocka's number of failures. */
int suite_run(const struct backend *backend);

#endif

/* test_journal.c: the suite on the journal with SQLite as its index: applied at once, late, and in
 * segments so small that every few records begin a new one. */
#include "world.h"

#if defined(SK_WITH_JOURNAL) && defined(SK_WITH_SQLITE)

#include "store/journal/journal.h"
#include "store/sqlite/sqlite.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct setting {
    uint32_t apply_rows, apply_delay_ms;
    uint64_t segment_size, lag_max;
};

static struct setting setting;
static bool is_power_cut; /* between closing and opening: what the index had not synced is gone */

static enum skald_status open_journal(struct world *world, struct sk_store **out_store,
                                      skald_error *error)
{
    char path[200];
    struct sk_journal_options options = { .runtime = fake_runtime_port(world->runtime),
                                          .apply_rows = setting.apply_rows,
                                          .apply_delay_ms = setting.apply_delay_ms,
                                          .segment_size = setting.segment_size,
                                          .lag_max = setting.lag_max };
    if (is_power_cut) {
        (void)snprintf(path, sizeof path, "%s-wal", world->path);
        (void)unlink(path);
        (void)snprintf(path, sizeof path, "%s-shm", world->path);
        (void)unlink(path);
    }
    struct sk_sqlite_options index = { .path = world->path,
                                       .checkpoint_pages = world->checkpoint_pages,
                                       .runtime = options.runtime,
                                       .shards_count = WORLD_SHARDS,
                                       .read_ms_max = world->read_ms_max,
                                       .is_index = true };
    enum skald_status status = sk_sqlite_store_open(&index, &options.index.store, error);
    if (status != SKALD_OK) return status;
    options.index.shards_count = sk_sqlite_store_shards_count(options.index.store);
    options.index.incarnation = sk_sqlite_store_incarnation(options.index.store);
    options.index.shard = sk_sqlite_store_shard;
    options.index.commits = sk_sqlite_store_commits;
    options.index.safe_commits = sk_sqlite_store_safe_commits;
    (void)snprintf(path, sizeof path, "%s.log", world->path);
    status = sk_disk_open(path, &options.disk, error);
    if (status != SKALD_OK) return status;
    return sk_journal_store_open(&options, out_store, error);
}

static const struct backend journal = {
    .name = "journal", .is_durable = true, .finds_twins_late = true, .open = open_journal
};

/* ---- beyond the suite ------------------------------------------------------------------------ */

/* Everything that was DONE is there, and the shards are where they were. */
static void must_have_all(struct world *world, uint32_t sagas)
{
    for (uint32_t i = 0; i < sagas; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "saga-%u", i);
        const struct sk_rows *rows =
            world_read(world, &(struct sk_read){ .kind = SK_READ_HEAD, .id = sk_str_of(id) });
        assert_int_equal(1, rows->heads_count);
        struct sk_read events = { .kind = SK_READ_EVENTS,
                                  .shard = i % WORLD_SHARDS,
                                  .no = rows->heads[0].no };
        assert_int_equal(1 + i % 3, world_read(world, &events)->events_count);
    }
    const struct sk_rows *shards = world_read(world, &(struct sk_read){ .kind = SK_READ_SHARDS });
    for (uint32_t i = 0; i < WORLD_SHARDS; i++)
        assert_int_equal(world->shards[i].position, shards->shards[i].position);
}

/* The index loses what it had not synced, again and again; the log has kept what it needs. */
static void an_index_that_loses_power_is_made_whole(void **state)
{
    (void)state;
    setting = (struct setting){ .apply_rows = 20, .apply_delay_ms = 2, .segment_size = 4096 };
    is_power_cut = true;
    struct world *world = world_new(&journal);
    world->checkpoint_pages = 30;
    world_reopen(world);
    uint32_t sagas = 0;
    for (int life = 0; life < 8; life++) {
        for (uint32_t i = 0; i < WORLD_SHARDS; i++) world_take(world, i);
        for (int i = 0; i < 60; i++, sagas++) {
            char id[32];
            (void)snprintf(id, sizeof id, "saga-%u", sagas);
            world_saga(world, sagas % WORLD_SHARDS, id, 2, 5, 1 + sagas % 3);
        }
        world_reopen(world);
        must_have_all(world, sagas);
    }
    world_free(world);
    is_power_cut = false;
}

/* A log that has run away from the index waits for it. */
static void commits_wait_for_the_index(void **state)
{
    (void)state;
    setting = (struct setting){ .apply_rows = 1, .apply_delay_ms = 1, .lag_max = 1 };
    struct world *world = world_new(&journal);
    for (uint32_t i = 0; i < 100; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "saga-%u", i);
        world_saga(world, i % WORLD_SHARDS, id, 2, 5, 1 + i % 3);
    }
    must_have_all(world, 100);
    world_free(world);
}

/* Segments that the index has for good are gone. */
static void the_log_is_trimmed(void **state)
{
    (void)state;
    setting = (struct setting){ .apply_rows = 1, .apply_delay_ms = 1, .segment_size = 4096 };
    struct world *world = world_new(&journal);
    world->checkpoint_pages = 10;
    world_reopen(world);
    char path[200];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s.log/0000000000000001.log", world->path);
    assert_int_equal(0, stat(path, &info));
    for (uint32_t i = 0; i < 400; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "saga-%u", i);
        world_saga(world, i % WORLD_SHARDS, id, 2, 5, 1 + i % 3);
        must_have_all(world, i % 50 == 49 ? i + 1 : 0);
    }
    assert_int_not_equal(0, stat(path, &info));
    world_reopen(world);
    must_have_all(world, 400);
    world_free(world);
}

static void never(void *context, enum skald_status status, const skald_error *error)
{
    (void)context;
    fail_msg("answered after the end: %d %s", (int)status, error->message);
}

/* Nobody is told, and nothing is left (leaks are seen by the sanitizer's and valgrind's runs). */
static void closing_with_questions_outstanding(void **state)
{
    (void)state;
    setting = (struct setting){ .apply_rows = 1, .apply_delay_ms = 1 };
    struct world *world = world_new(&journal);
    const struct sk_definition_row row = { .digest = digest_of("order 1"),
                                           .id = SK_STR("order"),
                                           .version = SK_STR("1"),
                                           .source = SK_STR("s") };
    world->store->ops->define(world->store, &row, false, never, NULL);
    world->store->ops->reopen(world->store, never, NULL);
    world_close(world);
    world_free(world);
}

static int run_own(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_that_loses_power_is_made_whole),
        cmocka_unit_test(commits_wait_for_the_index),
        cmocka_unit_test(the_log_is_trimmed),
        cmocka_unit_test(closing_with_questions_outstanding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    static const struct setting settings[] = {
        { .apply_rows = 1, .apply_delay_ms = 1, .segment_size = 1 << 16 },
        { .apply_rows = 1000000, .apply_delay_ms = 1000000, .segment_size = 1 << 16 },
        { .apply_rows = 10, .apply_delay_ms = 5, .segment_size = 512 },
    };
    int failed = run_own();
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        setting = settings[i];
        failed += suite_run(&journal);
    }
    return failed;
}

#else

int main(void)
{
    return 0; /* not part of this build */
}

#endif

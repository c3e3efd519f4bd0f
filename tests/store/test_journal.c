/* test_journal.c: the suite on the journal with SQLite as its index: applied at once, late, and in
 * segments so small that every few records begin a new one. */
#include "world.h"

#if defined(SK_WITH_JOURNAL) && defined(SK_WITH_SQLITE)

#include "store/journal/journal.h"
#include "store/journal/log.h"
#include "store/sqlite/sqlite.h"
#include "store/sqlite/tools.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct setting {
    uint32_t apply_rows, apply_delay_ms;
    uint64_t segment_size, lag_max;
    uint32_t quick_us;
};

static struct setting setting;
static struct sk_store *index_store; /* of the journal that was opened last */
static bool is_power_cut; /* between closing and opening: what the index had not synced is gone */

/* The disk of a log whose syncs are watched: those of the thread that the test runs on. */
static struct {
    struct sk_disk_ops ops;
    const struct sk_disk_ops *real;
    bool are_watched;
    pthread_t loop;
    uint32_t here;
    long pause_ns; /* of each */
} syncs;

static enum skald_status sync_watched(struct sk_disk *disk, int file, skald_error *error)
{
    if (pthread_equal(pthread_self(), syncs.loop)) syncs.here += 1;
    nanosleep(&(struct timespec){ .tv_nsec = syncs.pause_ns }, NULL);
    return syncs.real->sync(disk, file, error);
}

/* Before any thread of the store looks at it. */
static void watch_syncs(struct sk_disk *disk)
{
    syncs.real = disk->ops;
    syncs.ops = *disk->ops;
    syncs.ops.sync = sync_watched;
    disk->ops = &syncs.ops;
}

static enum skald_status open_journal(struct world *world, struct sk_store **out_store,
                                      skald_error *error)
{
    char path[200];
    struct sk_journal_options options = { .runtime = fake_runtime_port(world->runtime),
                                          .apply_rows = setting.apply_rows,
                                          .apply_delay_ms = setting.apply_delay_ms,
                                          .segment_size = setting.segment_size,
                                          .lag_max = setting.lag_max,
                                          .quick_us = setting.quick_us };
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
    index_store = options.index.store;
    options.index.shards_count = sk_sqlite_store_shards_count(options.index.store);
    options.index.incarnation = sk_sqlite_store_incarnation(options.index.store);
    options.index.shard = sk_sqlite_store_shard;
    options.index.commits = sk_sqlite_store_commits;
    options.index.safe_commits = sk_sqlite_store_safe_commits;
    (void)snprintf(path, sizeof path, "%s.log", world->path);
    status = sk_disk_open(path, &options.disk, error);
    if (status != SKALD_OK) return status;
    if (syncs.are_watched) watch_syncs(options.disk);
    return sk_journal_store_open(&options, out_store, error);
}

static const struct backend journal = {
    .name = "journal", .is_durable = true, .finds_twins_late = true, .open = open_journal
};

/* ---- beyond the suite ------------------------------------------------------------------------ */

static void must_have(struct world *world, uint32_t sagas)
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
}

/* The n-th saga: its shard and the number of its events follow from n. */
static void write_saga(struct world *world, uint32_t n)
{
    char id[32];
    (void)snprintf(id, sizeof id, "saga-%u", n);
    world_saga(world, n % WORLD_SHARDS, id, 2, 5, 1 + n % 3);
}

/* All so many of them are there, and the shards are where they were. */
static void must_have_all(struct world *world, uint32_t sagas)
{
    must_have(world, sagas);
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
        for (int i = 0; i < 60; i++) write_saga(world, sagas++);
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
    for (uint32_t i = 0; i < 100; i++) write_saga(world, i);
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
        write_saga(world, i);
        must_have_all(world, i % 50 == 49 ? i + 1 : 0);
    }
    assert_int_not_equal(0, stat(path, &info));
    world_reopen(world);
    must_have_all(world, 400);
    world_free(world);
}

/* ---- a backup beside commits ----------------------------------------------------------------- */

enum { STEPS_MAX = 100 };

struct backup {
    struct world *world;
    uint32_t sagas, steps; /* written so far; of the copy, in all rounds */
    char log[200], log_copy[200];
};

/* The index follows each time, and has its checkpoints. */
static void write_sagas(struct backup *backup, uint32_t count)
{
    for (uint32_t end = backup->sagas + count; backup->sagas < end; backup->sagas++) {
        write_saga(backup->world, backup->sagas);
        if (backup->sagas % 4 == 0)
            (void)world_read(backup->world, &(struct sk_read){ .kind = SK_READ_TALLIES });
    }
}

/* What is younger than the moment is not safe before the moment ends, so no segment of it goes. */
static enum skald_status at_the_moment(void *context, skald_error *error)
{
    struct backup *backup = context;
    struct sk_disk *from = NULL, *to = NULL;
    uint64_t commits = sk_sqlite_store_commits(index_store);
    write_sagas(backup, 120);
    assert_int_equal(SKALD_OK, sk_disk_open(backup->log, &from, error));
    assert_int_equal(SKALD_OK, sk_disk_open(backup->log_copy, &to, error));
    assert_int_equal(SKALD_OK, sk_log_copy(from, to, error));
    from->ops->free(from);
    to->ops->free(to);
    write_sagas(backup, 40);
    assert_true(sk_sqlite_store_commits(index_store) > commits + 20);
    assert_true(sk_sqlite_store_safe_commits(index_store) <= commits);
    return SKALD_OK;
}

static void at_a_step(void *context, uint64_t done, uint64_t total)
{
    struct backup *backup = context;
    if (done < total && backup->steps++ < STEPS_MAX) write_sagas(backup, 5);
}

/* What was DONE before the backup began is in it, and what the log's copy has beyond that. */
static void a_backup_is_made_beside_commits(void **state)
{
    (void)state;
    setting = (struct setting){ .apply_rows = 1, .apply_delay_ms = 1, .segment_size = 4096 };
    struct world *copy = world_new(&journal), *world = world_new(&journal);
    struct backup backup = { .world = world };
    world->checkpoint_pages = 10;
    world_reopen(world);
    (void)snprintf(backup.log, sizeof backup.log, "%s.log", world->path);
    (void)snprintf(backup.log_copy, sizeof backup.log_copy, "%s.log", copy->path);
    struct sk_sqlite_backup_options options = { .from = world->path,
                                                .to = copy->path,
                                                .watcher = { at_a_step, &backup },
                                                .moment = at_the_moment,
                                                .context = &backup };
    for (int round = 0; round < 4; round++) {
        write_sagas(&backup, 100);
        uint32_t before = backup.sagas;
        skald_error error = { 0 };
        copy->store->ops->free(copy->store);
        copy->store = NULL;
        (void)unlink(copy->path);
        assert_int_equal(SKALD_OK, sk_sqlite_backup(&options, &error));
        struct sk_store *index = index_store;
        world_reopen(copy);
        index_store = index; /* the one that is written to */
        must_have(copy, before + 120);
        write_sagas(&backup, 60); /* segments go again */
    }
    uint64_t commits = sk_sqlite_store_commits(index_store);
    write_sagas(&backup, 60);
    assert_true(sk_sqlite_store_safe_commits(index_store) > commits / 2);
    must_have_all(world, backup.sagas);
    world_free(world);
    world_free(copy);
}

/* ---- who commits ----------------------------------------------------------------------------- */

static struct world *world_with_watched_syncs(uint32_t quick_us, long pause_ns)
{
    setting =
        (struct setting){ .apply_rows = 1000000, .apply_delay_ms = 1000000, .quick_us = quick_us };
    syncs.loop = pthread_self();
    syncs.pause_ns = pause_ns;
    syncs.are_watched = true;
    struct world *world = world_new(&journal);
    syncs.are_watched = false;
    syncs.here = 0; /* without those of the opening */
    return world;
}

enum { HOUR_US = 3600000000u, ENOUGH = 20 }; /* parts one by one, for the loop to commit them */

static void parts_that_come_one_by_one_are_committed_by_the_loop(void **state)
{
    (void)state;
    struct world *world = world_with_watched_syncs(HOUR_US, 0);
    write_saga(world, 0);
    assert_int_equal(0, syncs.here);
    for (uint32_t i = 1; i < ENOUGH; i++) write_saga(world, i);
    assert_in_range(syncs.here, 1, ENOUGH);
    uint32_t before = syncs.here;
    write_saga(world, ENOUGH);
    assert_int_equal(before + 1, syncs.here);
    must_have_all(world, ENOUGH + 1);
    world_free(world);
}

/* The first of those that follow each other finds nothing under way; then threads are worth it. */
static void parts_that_overlap_are_committed_by_the_thread(void **state)
{
    (void)state;
    struct world *world = world_with_watched_syncs(HOUR_US, 0);
    for (uint32_t i = 0; i < ENOUGH; i++) write_saga(world, i);
    struct pending pending[3];
    struct sk_part parts[3];
    struct sk_event_row events[3];
    uint32_t before = syncs.here;
    for (uint32_t i = 0; i < 3; i++) {
        parts[i] = world_events(world, i, &events[i], 1, SK_STR("x"));
        world_send(world, &pending[i], &parts[i], 1);
    }
    for (uint32_t i = 0; i < 3; i++) world_wait(world, &pending[i]);
    assert_int_equal(before + 1, syncs.here);
    for (uint32_t i = 0; i < 3; i++) {
        if (i > 0) assert_true(pending[i].order > pending[i - 1].order);
        assert_int_equal(SK_PART_DONE, parts[i].result);
        world->shards[i].position = parts[i].first_position + sk_part_width(&parts[i]);
    }
    write_saga(world, ENOUGH);
    assert_int_equal(before + 1, syncs.here);
    world_free(world);
}

static void the_loop_does_not_wait_for_a_slow_disk(void **state)
{
    (void)state;
    struct world *world = world_with_watched_syncs(1000, 2000000);
    for (uint32_t i = 0; i < 2 * ENOUGH; i++) write_saga(world, i);
    assert_int_equal(0, syncs.here);
    must_have_all(world, 2 * ENOUGH);
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
        cmocka_unit_test(a_backup_is_made_beside_commits),
        cmocka_unit_test(parts_that_come_one_by_one_are_committed_by_the_loop),
        cmocka_unit_test(parts_that_overlap_are_committed_by_the_thread),
        cmocka_unit_test(the_loop_does_not_wait_for_a_slow_disk),
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

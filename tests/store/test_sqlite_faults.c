/*
 * test_sqlite_faults.c: crashes, full disks, damage: what was acknowledged is there, what was not
 * is whole or absent, and the store says what can be done.
 */
#include "world.h"

#ifdef SK_WITH_SQLITE

#include "sqlite_world.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EVENTS_PER_PART = 5, DATA_SIZE = 700 };

static char filler[256 * 1024];

/* A part of the next events of saga 1 of its shard. `events` has EVENTS_PER_PART elements. */
static struct sk_part next_part(struct world *world, uint32_t shard, struct sk_event_row *events,
                                size_t data_size)
{
    return world_events(world, shard, events, EVENTS_PER_PART,
                        (struct sk_str){ filler, data_size });
}

static enum sk_part_result write_next(struct world *world, uint32_t shard, size_t data_size)
{
    struct sk_event_row events[EVENTS_PER_PART];
    struct sk_part part = next_part(world, shard, events, data_size);
    return world_submit(world, &part);
}

/* ---- kill -9 --------------------------------------------------------------------------------- */

struct receipt {
    uint32_t shard;
    uint64_t position;
};

/* The child: parts in all shards, several batches in flight, a receipt for each acknowledgement. */
static _Noreturn void child_writes(struct world *world, int receipts)
{
    enum { FLIGHT = 3 };
    static struct sk_event_row events[FLIGHT][WORLD_SHARDS][EVENTS_PER_PART];
    static struct sk_part parts[FLIGHT][WORLD_SHARDS];
    static struct pending pending[FLIGHT];
    skald_error error = { 0 };
    if (world->backend->open(world, &world->store, &error) != SKALD_OK) _exit(3);
    const struct sk_rows *rows = world_read(world, &(struct sk_read){ .kind = SK_READ_SHARDS });
    for (uint32_t s = 0; s < WORLD_SHARDS; s++) {
        world->shards[s].epoch = rows->shards[s].epoch;
        world->shards[s].position = rows->shards[s].position;
    }
    for (uint64_t turn = 0;; turn++) {
        size_t k = turn % FLIGHT;
        if (turn >= FLIGHT) {
            world_wait(world, &pending[k]);
            for (uint32_t s = 0; s < WORLD_SHARDS; s++) {
                const struct sk_part *part = &parts[k][s];
                struct receipt receipt = { s, part->first_position + EVENTS_PER_PART };
                if (part->result != SK_PART_DONE) _exit(4);
                if (write(receipts, &receipt, sizeof receipt) != (ssize_t)sizeof receipt) _exit(5);
            }
        }
        for (uint32_t s = 0; s < WORLD_SHARDS; s++) {
            parts[k][s] = next_part(world, s, events[k][s], DATA_SIZE);
            world->shards[s].position += EVENTS_PER_PART;
        }
        world_send(world, &pending[k], parts[k], WORLD_SHARDS);
    }
}

/* Everything acknowledged is there; what else is there is whole, and the events have no holes. */
static void check_after_crash(struct world *world, const uint64_t acknowledged[WORLD_SHARDS])
{
    const struct sk_rows *rows = world_read(world, &(struct sk_read){ .kind = SK_READ_SHARDS });
    for (uint32_t s = 0; s < WORLD_SHARDS; s++) {
        uint64_t position = rows->shards[s].position;
        assert_true(position >= acknowledged[s]);
        assert_int_equal((position - 1) % EVENTS_PER_PART, 0);
        uint64_t seen = 0;
        struct sk_read read = { .kind = SK_READ_POSITIONS, .shard = s, .limit = 100000 };
        const struct sk_rows *events = world_read(world, &read);
        for (uint32_t i = 0; i < events->events_count; i++) {
            assert_int_equal(events->events[i].position, ++seen);
            assert_int_equal(events->events[i].seq, seen);
            assert_int_equal(events->events[i].data.size, DATA_SIZE);
            assert_memory_equal(events->events[i].data.data, filler, DATA_SIZE);
        }
        assert_int_equal(seen, position - 1);
    }
}

static void crash_rounds(struct world *world, int rounds)
{
    uint64_t acknowledged[WORLD_SHARDS] = { 0 };
    uint64_t receipts_count = 0;
    for (int round = 0; round < rounds; round++) {
        world_close(world);
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();
        if (child == 0) {
            close(pipes[0]);
            child_writes(world, pipes[1]);
        }
        close(pipes[1]);
        int wanted = 40 + (int)(sk_mix(7, (uint64_t)round) % 400);
        struct receipt receipt;
        while (read(pipes[0], &receipt, sizeof receipt) == (ssize_t)sizeof receipt) {
            acknowledged[receipt.shard] = receipt.position;
            receipts_count += 1;
            if (--wanted == 0) kill(child, SIGKILL);
        }
        close(pipes[0]);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        world_reopen(world);
        check_after_crash(world, acknowledged);
    }
    assert_true(receipts_count >= (uint64_t)rounds * 40);
}

static void killed_in_the_middle_of_commits(void **state)
{
    crash_rounds(*state, 8);
}

static void killed_in_the_middle_of_checkpoints(void **state)
{
    struct world *world = *state;
    world->checkpoint_pages = 20;
    crash_rounds(world, 8);
}

/* What was being written when the power went: behind the last good frame there is rubbish. */
static void killed_with_a_torn_log(void **state)
{
    struct world *world = *state;
    for (int round = 0; round < 3; round++) {
        crash_rounds(world, 1);
        uint64_t acknowledged[WORLD_SHARDS];
        const struct sk_rows *rows = world_read(world, &(struct sk_read){ .kind = SK_READ_SHARDS });
        for (uint32_t s = 0; s < WORLD_SHARDS; s++) {
            acknowledged[s] = rows->shards[s].position;
            world->shards[s].position = rows->shards[s].position;
        }
        world_close(world);
        pid_t child = fork();
        if (child == 0) {
            if (world->backend->open(world, &world->store, NULL) != SKALD_OK) _exit(3);
            if (write_next(world, 0, DATA_SIZE) != SK_PART_DONE) _exit(4);
            char log[160];
            snprintf(log, sizeof log, "%s-wal", world->path);
            int fd = open(log, O_WRONLY | O_APPEND);
            if (fd < 0 || write(fd, filler, 5000) != 5000) _exit(5);
            kill(getpid(), SIGKILL);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        acknowledged[0] += EVENTS_PER_PART;
        world_reopen(world);
        check_after_crash(world, acknowledged);
    }
}

/* ---- no room --------------------------------------------------------------------------------- */

/* Writes until a part does not pass; the part is left in *part. */
static void fill_up(struct world *world, struct sk_part *part, struct sk_event_row *events)
{
    for (int i = 0; i < 1000; i++) {
        *part = next_part(world, 0, events, 16 * 1024);
        if (world_submit(world, part) != SK_PART_DONE) return;
    }
}

static void a_full_file_is_passing(void **state)
{
    struct world *world = *state;
    world_close(world);
    world->pages_max = 200;
    world_reopen(world);
    struct sk_event_row events[EVENTS_PER_PART];
    struct sk_part part;
    fill_up(world, &part, events);
    assert_int_equal(part.result, SK_PART_PASSING);
    assert_non_null(strstr(part.message, "full"));

    /* S5: the successors of what did not pass are fenced, those of other shards pass or not. */
    struct sk_part second = part;
    second.first_position += EVENTS_PER_PART;
    second.events_count = 0;
    struct pending pending[2];
    world_send(world, &pending[0], &part, 1);
    world_send(world, &pending[1], &second, 1);
    world_wait(world, &pending[1]);
    assert_int_equal(part.result, SK_PART_PASSING);
    assert_int_equal(second.result, SK_PART_FENCED);

    struct sk_read read = { .kind = SK_READ_EVENTS, .no = 1, .limit = 10000 };
    assert_int_equal(world_read(world, &read)->events_count, part.first_position - 1);
    world->pages_max = 0;
    world_reopen(world);
    assert_int_equal(world_submit(world, &part), SK_PART_DONE); /* the same part again */
    assert_int_equal(world_submit(world, &second), SK_PART_DONE);
}

/* A limit of the system on every file, so in a child. */
static _Noreturn void child_fills_up(struct world *world)
{
    struct rlimit limit;
    struct sk_event_row events[EVENTS_PER_PART];
    struct sk_part part;
    signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
    struct rlimit small = { 2 * 1024 * 1024, limit.rlim_max };
    if (setrlimit(RLIMIT_FSIZE, &small) != 0) _exit(2);
    if (world->backend->open(world, &world->store, NULL) != SKALD_OK) _exit(3);
    fill_up(world, &part, events);
    if (part.result != SK_PART_PASSING) _exit(4);
    if (world_submit(world, &part) != SK_PART_PASSING) _exit(5);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
    if (world_submit(world, &part) != SK_PART_DONE) _exit(6); /* on the same handle */
    world_close(world);
    _exit(0);
}

static void a_full_disk_is_passing(void **state)
{
    struct world *world = *state;
    world_close(world);
    pid_t child = fork();
    if (child == 0) child_fills_up(world);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    world_reopen(world);
    struct sk_read read = { .kind = SK_READ_SHARDS };
    assert_true(world_read(world, &read)->shards[0].position > EVENTS_PER_PART * 2);
}

/* Not even the index of the log finds room: FULL, and not an I/O error. */
static void child_opens_on_a_full_disk(const struct world *world)
{
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = { 4096, RLIM_INFINITY };
    struct sk_sqlite_options options = { .path = world->path,
                                         .runtime = fake_runtime_port(world->runtime) };
    struct sk_store *store = NULL;
    skald_error error = { 0 };
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
    enum skald_status status = sk_sqlite_store_open(&options, &store, &error);
    if (status != SKALD_E_FULL) fprintf(stderr, "%d: %s\n", status, error.message);
    _exit(status == SKALD_E_FULL ? 0 : 1);
}

static void a_start_on_a_full_disk_says_so(void **state)
{
    struct world *world = *state;
    assert_int_equal(write_next(world, 0, DATA_SIZE), SK_PART_DONE);
    world_close(world);
    pid_t child = fork();
    if (child == 0) child_opens_on_a_full_disk(world);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    world_reopen(world);
    assert_int_equal(write_next(world, 0, DATA_SIZE), SK_PART_DONE);
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* In another process: closing the file in this one would drop SQLite's locks. */
static void copy_file(const char *from, const char *to, bool is_damaged)
{
    pid_t child = fork();
    if (child == 0) {
        static char data[8 * 1024 * 1024];
        int in = open(from, O_RDONLY);
        ssize_t size = read(in, data, sizeof data);
        int out = open(to, O_WRONLY | O_CREAT, 0644);
        if (is_damaged && size > 8192) memset(data + 4096, 0xee, (size_t)size - 4096);
        bool is_fine = size > 0 && ftruncate(out, 0) == 0 && write(out, data, (size_t)size) == size;
        _exit(is_fine ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void damage_is_broken_until_reopened(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 40; i++) assert_int_equal(write_next(world, 0, DATA_SIZE), SK_PART_DONE);
    world_reopen(world); /* all is in the file now, and in no cache */
    char saved[160];
    snprintf(saved, sizeof saved, "%s.saved", world->path);
    copy_file(world->path, saved, false);
    copy_file(saved, world->path, true);

    assert_int_equal(write_next(world, 0, DATA_SIZE), SK_PART_BROKEN);
    assert_int_equal(write_next(world, 1, DATA_SIZE), SK_PART_BROKEN); /* nothing more is written */
    struct lease lease = world_lease(world, 1, "me", INT64_MAX);
    assert_int_equal(skald_status_class(lease.status), SKALD_CLASS_FATAL);
    skald_error error = { 0 };
    assert_int_equal(world_mend(world, &error), SKALD_E_CORRUPT);
    assert_non_null(strstr(error.message, world->path));
    assert_int_equal(write_next(world, 0, DATA_SIZE), SK_PART_BROKEN);
    struct sk_read read = { .kind = SK_READ_SHARDS };
    assert_int_equal(world_read(world, &read)->status, SKALD_E_IO);

    copy_file(saved, world->path, false);
    enum skald_status status = world_mend(world, &error);
    if (status != SKALD_OK) fprintf(stderr, "%s\n", error.message);
    assert_int_equal(status, SKALD_OK);
    assert_int_equal(write_next(world, 0, DATA_SIZE), SK_PART_DONE);
}

static void an_older_copy_is_not_taken_for_the_store(void **state)
{
    struct world *world = *state;
    assert_int_equal(write_next(world, 0, DATA_SIZE), SK_PART_DONE);
    world_reopen(world);
    char saved[160];
    snprintf(saved, sizeof saved, "%s.saved", world->path);
    copy_file(world->path, saved, false);
    assert_int_equal(write_next(world, 0, DATA_SIZE), SK_PART_DONE);
    world_reopen(world); /* brings the log into the file */
    assert_int_equal(write_next(world, 1, DATA_SIZE), SK_PART_DONE);

    /* While it is open the file is replaced, and its log is lost. */
    char log[160];
    snprintf(log, sizeof log, "%s-wal", world->path);
    assert_int_equal(rename(saved, world->path), 0);
    assert_int_equal(unlink(log), 0);
    skald_error error = { 0 };
    assert_int_equal(world_mend(world, &error), SKALD_E_CORRUPT);
    assert_non_null(strstr(error.message, "was acknowledged"));
}

/* ---- the log and slow reads ------------------------------------------------------------------ */

static void the_log_stays_small(void **state)
{
    struct world *world = *state;
    world_close(world);
    world->checkpoint_pages = 100;
    world_reopen(world);
    for (int i = 0; i < 600; i++) /* 600 × 5 × 4 KiB = 12 MB at least */
        assert_int_equal(write_next(world, (uint32_t)i % WORLD_SHARDS, 4096), SK_PART_DONE);
    char log[160];
    snprintf(log, sizeof log, "%s-wal", world->path);
    struct stat info;
    assert_int_equal(stat(log, &info), 0);
    assert_true(info.st_size < 6 * 1024 * 1024);
}

static void a_slow_read_is_stopped(void **state)
{
    enum { SAGAS = 30000, PER_PART = 1000 };
    struct world *world = *state;
    world_close(world);
    world->read_ms_max = 1;
    world_reopen(world);
    struct sk_head *heads = calloc(PER_PART, sizeof *heads);
    char(*ids)[16] = calloc(PER_PART, sizeof *ids);
    assert_true(heads != NULL && ids != NULL);
    for (uint32_t i = 0; i < SAGAS; i += PER_PART) {
        struct sk_part part = world_part(world, 0);
        for (uint32_t k = 0; k < PER_PART; k++) {
            snprintf(ids[k], sizeof ids[k], "s%u", i + k);
            heads[k] = head_of(i + k + 1, ids[k], 3, 5);
        }
        part.heads = heads;
        part.heads_count = PER_PART;
        world_must(world, &part);
    }
    free(heads);
    free(ids);
    struct sk_read read = { .kind = SK_READ_LIST, .filter = { .updated_to_ms = 1 } };
    const struct sk_rows *rows = world_read(world, &read);
    assert_int_equal(rows->status, SKALD_E_TIMEOUT);
    assert_non_null(strstr(rows->error.message, "1 ms"));
    read = (struct sk_read){ .kind = SK_READ_HEAD, .id = SK_STR("s77") };
    assert_int_equal(world_read(world, &read)->heads_count, 1); /* the reader goes on */
}

int main(void)
{
    for (size_t i = 0; i < sizeof filler; i++) filler[i] = (char)(i * 7 >> 3);
    const struct CMUnitTest tests[] = {
        SQLITE_TEST(killed_in_the_middle_of_commits),
        SQLITE_TEST(killed_in_the_middle_of_checkpoints),
        SQLITE_TEST(killed_with_a_torn_log),
        SQLITE_TEST(a_full_file_is_passing),
        SQLITE_TEST(a_full_disk_is_passing),
        SQLITE_TEST(a_start_on_a_full_disk_says_so),
        SQLITE_TEST(damage_is_broken_until_reopened),
        SQLITE_TEST(an_older_copy_is_not_taken_for_the_store),
        SQLITE_TEST(the_log_stays_small),
        SQLITE_TEST(a_slow_read_is_stopped),
    };
    return cmocka_run_group_tests_name("sqlite faults", tests, NULL, NULL);
}

#else

int main(void)
{
    return 0; /* not part of this build */
}

#endif

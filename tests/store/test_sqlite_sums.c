/* test_sqlite_sums.c: an event that the disk changed is named when it is read, and never handed
 * on. */
#include "world.h"

#ifdef SK_WITH_SQLITE

#include "sqlite_world.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/tools.h"

#include <sqlite3.h>
#include <stdio.h>

static const struct sk_rows *read_positions(struct world *world)
{
    return world_read(world, &(struct sk_read){ .kind = SK_READ_POSITIONS, .limit = 100 });
}

static const struct sk_rows *read_events(struct world *world, uint64_t no)
{
    return world_read(world, &(struct sk_read){ .kind = SK_READ_EVENTS, .no = no, .limit = 100 });
}

static void expect_damage(const struct sk_rows *rows)
{
    assert_int_equal(rows->status, SKALD_E_CORRUPT);
    assert_non_null(strstr(rows->error.message, "is not what was written"));
}

/* Each column counts; what is put back is sound again. */
static void every_column_is_summed(void **state)
{
    struct world *world = *state;
    world_saga(world, 0, "one", 2, 5, 3);
    world_saga(world, 0, "two", 2, 5, 2);
    const struct sk_rows *rows = read_positions(world);
    assert_int_equal(rows->events_count, 5);
    uint64_t no = rows->events[0].no, other = rows->events[4].no;
    assert_int_equal(read_events(world, no)->events_count, 3);
    static const char *const changes[][2] = {
        { "seq = seq + 1", "seq = seq - 1" },
        { "count = count + 1", "count = count - 1" },
        { "back = back + 1", "back = back - 1" },
        { "width = width + 1", "width = width - 1" },
        { "sum = sum + 1", "sum = sum - 1" },
        { "data = CAST(data || 'x' AS BLOB)",
          "data = CAST(substr(data, 1, length(data) - 1) AS BLOB)" },
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char sql[160];
        snprintf(sql, sizeof sql, "UPDATE span SET %s WHERE key = 1", changes[i][0]);
        sqlite_exec_file(world->path, sql);
        expect_damage(read_events(world, no));
        expect_damage(read_positions(world));
        assert_int_equal(read_events(world, other)->status, SKALD_OK);
        snprintf(sql, sizeof sql, "UPDATE span SET %s WHERE key = 1", changes[i][1]);
        sqlite_exec_file(world->path, sql);
        assert_int_equal(read_events(world, no)->status, SKALD_OK);
    }
}

/* Events that took another's place are none of this saga. */
static void events_in_anothers_place(void **state)
{
    struct world *world = *state;
    world_saga(world, 0, "one", 2, 5, 3);
    sqlite_exec_file(world->path, "UPDATE span SET key = key + 10 WHERE key = 1");
    expect_damage(read_positions(world));
}

/* As schema 3 wrote them: a row each. The first has its sum, the second none (it is older), the
 * third another than was written. */
static void events_of_older_files_become_spans(void **state)
{
    struct world *world = *state;
    sqlite3 *db = sqlite_begin(world, 3);
    sqlite_exec(
        db,
        "PRAGMA application_id = 1397443652;"
        "INSERT INTO meta VALUES (1, 'siphash24', 1, 3, 5);"
        "INSERT INTO shard VALUES (0, 3, 9, zeroblob(16), '', 0);"
        "INSERT INTO event (key, saga, seq, at, type, step, item, attempt, round, data, sum)"
        " VALUES (1, 1, 1, 1000, 1, -1, -1, 0, 0, x'6162', 3083765516),"
        " (2, 1, 2, 1001, 7, 3, 5, 2, 1, x'', NULL), (3, 3, 1, 1002, 1, -1, -1, 0, 0, x'63', 4);"
        "PRAGMA user_version = 3");
    sqlite3_close(db);
    world_reopen(world);
    const struct sk_rows *rows = read_events(world, 1);
    assert_int_equal(rows->status, SKALD_OK);
    assert_int_equal(rows->events_count, 2);
    const struct sk_event_row *event = &rows->events[1];
    assert_int_equal(rows->events[0].at_ms, 1000);
    assert_int_equal(rows->events[0].step, UINT32_MAX);
    assert_true(sk_str_is(rows->events[0].data, "ab"));
    assert_true(event->seq == 2 && event->position == 2 && event->at_ms == 1001);
    assert_true(event->type == 7 && event->step == 3 && event->item == 5);
    assert_true(event->attempt == 2 && event->round == 1 && event->data.size == 0);
    expect_damage(read_events(world, 3));
}

static void count_problem(void *context, const char *text)
{
    if (strstr(text, "is not what was written") != NULL) *(int *)context += 1;
}

static void ignore_definition(void *context, const struct sk_definition_row *row)
{
    (void)context;
    (void)row;
}

static void ignore_head(void *context, const struct sk_head *head)
{
    (void)context;
    (void)head;
}

static void ignore_event(void *context, const struct sk_event_row *row)
{
    (void)context;
    (void)row;
}

static void ignore_end(void *context)
{
    (void)context;
}

static int damage_found(const char *path)
{
    int count = 0;
    skald_error error = { 0 };
    struct sk_sqlite_scan scan = { .problem = count_problem,
                                   .definition = ignore_definition,
                                   .head = ignore_head,
                                   .event = ignore_event,
                                   .end = ignore_end,
                                   .context = &count };
    assert_int_equal(sk_sqlite_check(path, &scan, &error), SKALD_OK);
    return count;
}

static void a_check_names_what_was_damaged(void **state)
{
    struct world *world = *state;
    world_saga(world, 0, "one", 2, 5, 3);
    world_close(world);
    assert_int_equal(damage_found(world->path), 0);
    sqlite_exec_file(world->path, "UPDATE span SET data = CAST('x' || data AS BLOB)");
    assert_int_equal(damage_found(world->path), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SQLITE_TEST(every_column_is_summed),
        SQLITE_TEST(events_in_anothers_place),
        SQLITE_TEST(events_of_older_files_become_spans),
        SQLITE_TEST(a_check_names_what_was_damaged),
    };
    return cmocka_run_group_tests_name("sqlite sums", tests, NULL, NULL);
}

#else

int main(void)
{
    return 0; /* not part of this build */
}

#endif

/* test_sqlite_lists.c: each common list goes along an index, and a file of the first version is
 * brought forward with its sagas. */
#include "world.h"

#ifdef SK_WITH_SQLITE

#include "sqlite_world.h"
#include "store/sqlite/parts.h"
#include "store/sqlite/schema.h"

#include <stdio.h>

/* ---- plans ----------------------------------------------------------------------------------- */

static void explain(struct world *world, const struct sk_read *read, char *out, size_t size)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *list = NULL, *plan = NULL;
    assert_int_equal(sqlite3_open(world->path, &db), SQLITE_OK);
    assert_int_equal(sk_sqlite_list_prepare(db, read, &list), SQLITE_OK);
    char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sqlite3_sql(list));
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &plan, NULL), SQLITE_OK);
    out[0] = 0;
    while (sqlite3_step(plan) == SQLITE_ROW) {
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s\n", (const char *)sqlite3_column_text(plan, 3));
    }
    sqlite3_free(sql);
    sqlite3_finalize(plan);
    sqlite3_finalize(list);
    sqlite3_close(db);
}

/* All of `wanted` (apart by '|') stand in the plan; no saga is looked at but by an index, and none
 * is sorted but those of one time, by id, unless the list is one of those that sort. */
static void expect_plan(struct world *world, struct sk_list_filter filter, const char *wanted,
                        bool is_sorted)
{
    char plan[2000];
    struct sk_read read = { .kind = SK_READ_LIST, .filter = filter, .limit = 50 };
    explain(world, &read, plan, sizeof plan);
    struct sk_str rest = sk_str_of(wanted);
    bool is_fine = strstr(plan, "SCAN saga\n") == NULL;
    while (rest.size > 0) {
        size_t end = sk_str_find(rest, '|');
        char word[80];
        snprintf(word, sizeof word, "%.*s", (int)end, rest.data);
        is_fine = is_fine && strstr(plan, word) != NULL;
        rest = sk_str_sub(rest, end + 1, rest.size);
    }
    bool has_sorter = strstr(plan, "TEMP B-TREE FOR ORDER BY") != NULL; /* of all terms */
    if (!is_fine || has_sorter != is_sorted) fprintf(stderr, "wanted %s\n%s", wanted, plan);
    assert_true(is_fine);
    assert_int_equal(has_sorter, is_sorted);
    read.kind = SK_READ_COUNT;
    explain(world, &read, plan, sizeof plan);
    assert_null(strstr(plan, "SCAN saga\n"));
}
#define EXPECT(wanted, is_sorted, ...) \
    expect_plan(world, (struct sk_list_filter){ __VA_ARGS__ }, (wanted), (is_sorted))

static void common_lists_go_along_an_index(void **state)
{
    struct world *world = *state;
    static const struct sk_list_tag two[] = { { { "tag", 3 }, { "red", 3 } },
                                              { { "size", 4 }, { "small", 5 } } };
    EXPECT("INDEX saga_open|INDEX saga_state (state=?)", false, .states = 0);
    EXPECT("INDEX saga_open|INDEX saga_state (state=?)", false, .is_ascending = true);
    EXPECT("INDEX saga_open (created_at>? AND created_at<?)|"
           "INDEX saga_state (state=? AND created_at>? AND created_at<?)",
           false, .created_from_ms = 1, .created_to_ms = 9);
    EXPECT("INDEX saga_state (state=?)|INDEX saga_open", false, .states = 1u << 6);
    EXPECT("INDEX saga_state (state=?)", false, .states = 1u << 6, .only_closed = true);
    EXPECT("INDEX saga_open", false, .states = 1u << 2 | 1u << 4);
    EXPECT("INDEX saga_active", true, .states = 1u << 2, .sort = SK_SORT_UPDATED);
    EXPECT("INDEX saga_active", true, .states = 1u << 2, .only_locks = true);
    EXPECT("INDEX saga_reason (reason=?", false, .reasons = 1u << 2);
    EXPECT("INDEX saga_residue", false, .only_residue = true);
    EXPECT("INDEX saga_family (family=?", false, .definition_id = SK_STR("order"));
    EXPECT("INDEX saga_family (family=?", false, .definition_id = SK_STR("order"),
           .definition_version = SK_STR("1"));
    EXPECT("INDEX saga_space (namespace=?", false, .space = SK_STR("shop"));
    EXPECT("INDEX saga_business_key (business_key=?", false, .business_key = SK_STR("k"));
    EXPECT("INDEX saga_parent (parent=?", false, .parent = SK_STR("p"));
    EXPECT("saga_tag USING PRIMARY KEY (key=? AND value=?|saga_tag USING", true, .tags = two,
           .tags_count = 2);
    EXPECT("INDEX saga_updated|INDEX saga_ended|INDEX saga_active", true, .sort = SK_SORT_UPDATED);
    EXPECT("INDEX saga_updated|INDEX saga_ended", false, .sort = SK_SORT_UPDATED,
           .only_closed = true, .is_ascending = true);
    EXPECT("INDEX saga_updated (updated_at<?)|INDEX saga_ended (ended_at<?)", false,
           .sort = SK_SORT_UPDATED, .only_closed = true, .cursor_created_at_ms = 7,
           .cursor_id = SK_STR("x"));
    EXPECT("INDEX saga_updated (updated_at>? AND updated_at<?)|"
           "INDEX saga_ended (ended_at>? AND ended_at<?)",
           true, .updated_from_ms = 5, .updated_to_ms = 9);
    EXPECT("INDEX saga_ended", false, .sort = SK_SORT_ENDED, .is_ascending = true,
           .only_closed = true);
    EXPECT("INDEX saga_ended (ended_at<?)", false, .sort = SK_SORT_ENDED, .only_closed = true,
           .cursor_created_at_ms = 7, .cursor_id = SK_STR("x"));
    EXPECT("INDEX saga_ended (ended_at>?", true, .ended_from_ms = 5);
    EXPECT("INDEX saga_open (created_at<?)|INDEX saga_state (state=? AND created_at<?)", false,
           .cursor_created_at_ms = 5, .cursor_id = SK_STR("x"));
}

/* ---- an old file ----------------------------------------------------------------------------- */

/* As version 1 wrote it: a definition in two versions and three sagas, one of them a lock. */
static void make_first_version(struct world *world)
{
    sqlite3 *db = sqlite_begin(world, 1);
    sqlite_exec(db,
                "PRAGMA application_id = 1397443652;"
                "INSERT INTO meta VALUES (1, 'siphash24', 4, 1, 5);"
                "INSERT INTO shard VALUES (0, 3, 9, zeroblob(16), '', 0),"
                " (1, 3, 1, zeroblob(16), '', 0), (2, 3, 1, zeroblob(16), '', 0),"
                " (3, 3, 1, zeroblob(16), '', 0);"
                "INSERT INTO definition VALUES (zeroblob(32), 'order', '1', 7, 's');"
                "INSERT INTO definition VALUES (x'11' || zeroblob(31), 'order', '2', 8, 's');"
                "INSERT INTO latest VALUES ('order', x'11' || zeroblob(31));"
                "INSERT INTO saga (key, id, namespace, definition, state, reason, residue,"
                " is_lock, open, priority, wake_at, deadline, business_key, parent, seq,"
                " created_at, updated_at, ended_at, active) VALUES"
                " (1, 'old', '', zeroblob(32), 3, 0, 0, 0, 0, 0, 0, 0, '', '', 2, 10, 12, 12, 0),"
                " (3, 'new', '', CAST(x'11' || zeroblob(31) AS BLOB), 2, 0, 0, 0, 0, 0, 0, 0, '',"
                " '', 2, 11, 13, 0, 1),"
                " (5, '@lock/a', '', zeroblob(32), 2, 0, 0, 1, 0, 0, 0, 0, '', '', 2, 11, 13, 0,"
                " 1);");
    sqlite_exec(db, "UPDATE definition SET digest = CAST(digest AS BLOB)");
    sqlite3_close(db);
}

static void expect_ids(struct world *world, struct sk_list_filter filter, const char *wanted)
{
    struct sk_read read = { .kind = SK_READ_LIST, .filter = filter };
    const struct sk_rows *rows = world_read(world, &read);
    char have[64] = "";
    assert_int_equal(rows->status, SKALD_OK);
    for (uint32_t i = 0; i < rows->heads_count; i++) {
        size_t size = strlen(have);
        snprintf(have + size, sizeof have - size, "%.*s ", SK_STR_ARGS(rows->heads[i].id));
    }
    assert_string_equal(have, wanted);
}

static void a_file_of_the_first_version_is_brought_forward(void **state)
{
    struct world *world = *state;
    make_first_version(world);
    world_reopen(world);
    const struct sk_rows *rows = world_read(world, &(struct sk_read){ .kind = SK_READ_META });
    assert_int_equal(rows->meta.schema, SK_SQLITE_SCHEMA);
    expect_ids(world, (struct sk_list_filter){ .states = 0 }, "new old ");
    expect_ids(world, (struct sk_list_filter){ .definition_id = SK_STR("order") }, "new old ");
    expect_ids(world,
               (struct sk_list_filter){ .definition_id = SK_STR("order"),
                                        .definition_version = SK_STR("1") },
               "old ");
    expect_ids(world, (struct sk_list_filter){ .sort = SK_SORT_ENDED }, "old ");
    expect_ids(world, (struct sk_list_filter){ .sort = SK_SORT_UPDATED }, "new old ");
    /* A version that comes later belongs to the same family. */
    struct sk_definition_row row = { .digest = digest_of("order 3"),
                                     .id = SK_STR("order"),
                                     .version = SK_STR("3"),
                                     .source = SK_STR("s") };
    assert_int_equal(world_define(world, &row, false, NULL), SKALD_OK);
    struct sk_part part = world_part(world, 1);
    part.epoch = 3;
    struct sk_head head = head_of(1, "third", 2, 20);
    head.definition = row.digest;
    part.heads = &head;
    part.heads_count = 1;
    world_must(world, &part);
    expect_ids(world, (struct sk_list_filter){ .definition_id = SK_STR("order") },
               "third new old ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SQLITE_TEST(common_lists_go_along_an_index),
        SQLITE_TEST(a_file_of_the_first_version_is_brought_forward),
    };
    return cmocka_run_group_tests_name("sqlite lists", tests, NULL, NULL);
}

#else

int main(void)
{
    return 0; /* not part of this build */
}

#endif

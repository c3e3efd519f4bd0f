/*
 * test_guard.c: the participant's guard on real databases, and the SQL of examples/guard.sql.
 */
#include <skald/guard.h>

#include "base/buf.h"
#include "base/time.h"
#include "runtime/files.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char action[] = "order-42/pay/action";
static const char undo[] = "order-42/pay/compensation";
static const int64_t now = INT64_C(1735732800000);

static void run(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s: %s", sql, message);
}

static int open_memory(void **state)
{
    sqlite3 *db = NULL;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK) return -1;
    *state = db;
    return skald_guard_setup(db, NULL) == SKALD_OK && skald_guard_setup(db, NULL) == SKALD_OK ? 0
                                                                                              : -1;
}

static int close_memory(void **state)
{
    return sqlite3_close(*state);
}

static const char *operation_of(const char *key)
{
    return strstr(key, "/compensation") != NULL ? "compensation" : "action";
}

static enum skald_guard_decision begin(sqlite3 *db, const char *key, skald_guard_verdict *verdict)
{
    skald_error error = { 0 };
    run(db, "BEGIN IMMEDIATE");
    if (skald_guard_begin(db, key, operation_of(key), NULL, now, verdict, &error) != SKALD_OK) {
        fail_msg("%s", error.message);
    }
    return verdict->decision;
}

static void finish(sqlite3 *db, const char *key, int status, const char *body)
{
    skald_error error = { 0 };
    if (skald_guard_finish(db, key, operation_of(key), status, body, strlen(body), now, &error) !=
        SKALD_OK) {
        fail_msg("%s", error.message);
    }
    run(db, "COMMIT");
}

/* A whole request: proceeds and is answered. */
static void serve(sqlite3 *db, const char *key, int status, const char *body)
{
    skald_guard_verdict verdict;
    if (begin(db, key, &verdict) != SKALD_GUARD_PROCEED) fail_msg("%s does not proceed", key);
    finish(db, key, status, body);
    skald_guard_release(&verdict);
}

/* A whole request that must not act. */
static void expect(sqlite3 *db, const char *key, enum skald_guard_decision decision, int status,
                   const char *body)
{
    skald_guard_verdict verdict;
    enum skald_guard_decision got = begin(db, key, &verdict);
    if (got != decision || verdict.status != status) {
        fail_msg("%s: decision %d, status %d", key, (int)got, verdict.status);
    }
    if (body == NULL) assert_null(verdict.body);
    if (body != NULL) assert_non_null(strstr(verdict.body, body));
    run(db, "COMMIT");
    skald_guard_release(&verdict);
    assert_null(verdict.body);
}

static void test_a_repeat_gets_the_first_answer(void **state)
{
    serve(*state, action, 201, "{\"id\":7}");
    expect(*state, action, SKALD_GUARD_REPLAY, 201, "{\"id\":7}");
    expect(*state, action, SKALD_GUARD_REPLAY, 201, "{\"id\":7}");
    serve(*state, "order-42/ship/action", 204, "");
    expect(*state, "order-42/ship/action", SKALD_GUARD_REPLAY, 204, NULL);
    serve(*state, "order-42/tax/action", 422, "{\"error\":{\"code\":\"no\"}}");
    expect(*state, "order-42/tax/action", SKALD_GUARD_REPLAY, 422, "no");
}

static void test_a_rolled_back_action_never_was(void **state)
{
    skald_guard_verdict verdict;
    assert_int_equal(begin(*state, action, &verdict), SKALD_GUARD_PROCEED);
    assert_int_equal(skald_guard_finish(*state, action, "action", 200, "x", 1, now, NULL),
                     SKALD_OK);
    run(*state, "ROLLBACK");
    skald_guard_release(&verdict);
    serve(*state, action, 200, "y");
}

static void test_no_action_after_its_undo(void **state)
{
    /* The compensation comes first: nothing to undo. */
    skald_guard_verdict verdict;
    assert_int_equal(begin(*state, undo, &verdict), SKALD_GUARD_PROCEED);
    assert_false(verdict.has_acted);
    finish(*state, undo, 200, "");
    skald_guard_release(&verdict);
    expect(*state, action, SKALD_GUARD_REFUSE, 410, "already_compensated");
    expect(*state, "order-42/pay/action/r2", SKALD_GUARD_REFUSE, 410, "already_compensated");
    expect(*state, undo, SKALD_GUARD_REPLAY, 200, NULL);
    /* Another step, another item and another saga are not touched. */
    serve(*state, "order-42/pay2/action", 200, "");
    serve(*state, "order-42/pay/1/action", 200, "");
    serve(*state, "order-43/pay/action", 200, "");
}

static void test_undo_after_the_action(void **state)
{
    skald_guard_verdict verdict;
    serve(*state, action, 200, "{\"charge\":\"c1\"}");
    assert_int_equal(begin(*state, undo, &verdict), SKALD_GUARD_PROCEED);
    assert_true(verdict.has_acted);
    assert_string_equal(verdict.body, "{\"charge\":\"c1\"}"); /* what to undo */
    finish(*state, undo, 200, "ok");
    skald_guard_release(&verdict);
    /* A late repeat of the action is not told of a success that is undone. */
    expect(*state, action, SKALD_GUARD_REFUSE, 410, "already_compensated");
    expect(*state, undo, SKALD_GUARD_REPLAY, 200, "ok");
}

static void test_an_action_that_said_no_has_not_acted(void **state)
{
    skald_guard_verdict verdict;
    serve(*state, action, 422, "poor");
    assert_int_equal(begin(*state, undo, &verdict), SKALD_GUARD_PROCEED);
    assert_false(verdict.has_acted);
    assert_null(verdict.body);
    run(*state, "ROLLBACK");
    skald_guard_release(&verdict);
}

static void test_a_tombstone_without_an_answer(void **state)
{
    skald_guard_verdict verdict;
    assert_int_equal(begin(*state, undo, &verdict), SKALD_GUARD_PROCEED);
    run(*state, "COMMIT"); /* undoing goes on outside this transaction */
    skald_guard_release(&verdict);
    expect(*state, action, SKALD_GUARD_REFUSE, 410, "already_compensated");
    serve(*state, undo, 200, "done");
    expect(*state, undo, SKALD_GUARD_REPLAY, 200, "done");
}

static void test_rounds(void **state)
{
    serve(*state, action, 422, "first");
    serve(*state, "order-42/pay/action/r2", 200, "second");
    expect(*state, action, SKALD_GUARD_REPLAY, 422, "first");
    expect(*state, "order-42/pay/action/r2", SKALD_GUARD_REPLAY, 200, "second");
    serve(*state, undo, 422, "cannot");
    skald_guard_verdict verdict;
    assert_int_equal(begin(*state, "order-42/pay/compensation/r2", &verdict), SKALD_GUARD_PROCEED);
    assert_true(verdict.has_acted);
    assert_string_equal(verdict.body, "second");
    finish(*state, "order-42/pay/compensation/r2", 200, "");
    skald_guard_release(&verdict);
    expect(*state, undo, SKALD_GUARD_REPLAY, 422, "cannot");
}

static void test_a_step_named_like_a_round(void **state)
{
    serve(*state, "s/r2/action", 200, "r2");
    serve(*state, "s/r2/action/r3", 200, "r2 again");
    serve(*state, "s/action", 200, "one level");
    expect(*state, "s/r2/action", SKALD_GUARD_REPLAY, 200, "r2");
}

static void test_deadlines(void **state)
{
    static const struct {
        int64_t late_ms;
        enum skald_guard_decision decision;
    } cases[] = { { -1, SKALD_GUARD_PROCEED },
                  { 0, SKALD_GUARD_PROCEED },
                  { 1, SKALD_GUARD_REFUSE } };
    char deadline[SK_TIME_TEXT_SIZE];
    skald_guard_verdict verdict;
    for (size_t i = 0; i < 3; i++) {
        sk_time_format(now - cases[i].late_ms, deadline);
        run(*state, "BEGIN");
        assert_int_equal(skald_guard_begin(*state, action, "action", deadline, now, &verdict, NULL),
                         SKALD_OK);
        assert_int_equal(verdict.decision, cases[i].decision);
        if (verdict.decision == SKALD_GUARD_REFUSE) assert_int_equal(verdict.status, 408);
        run(*state, "ROLLBACK");
        skald_guard_release(&verdict);
    }
    /* A repeat is answered, and an undo is done, however late. */
    serve(*state, action, 200, "in time");
    run(*state, "BEGIN");
    assert_int_equal(skald_guard_begin(*state, action, "action", deadline, now, &verdict, NULL),
                     SKALD_OK);
    assert_int_equal(verdict.decision, SKALD_GUARD_REPLAY);
    skald_guard_release(&verdict);
    assert_int_equal(skald_guard_begin(*state, undo, "compensation", deadline, now, &verdict, NULL),
                     SKALD_OK);
    assert_int_equal(verdict.decision, SKALD_GUARD_PROCEED);
    skald_guard_release(&verdict);
    run(*state, "ROLLBACK");
}

static void test_verify_only_looks(void **state)
{
    skald_guard_verdict verdict;
    run(*state, "BEGIN");
    assert_int_equal(skald_guard_begin(*state, action, "verify", "", now, &verdict, NULL),
                     SKALD_OK);
    assert_int_equal(verdict.decision, SKALD_GUARD_PROCEED);
    assert_false(verdict.has_acted);
    skald_guard_release(&verdict);
    run(*state, "COMMIT");
    serve(*state, action, 200, "{\"id\":1}");
    run(*state, "BEGIN");
    assert_int_equal(skald_guard_begin(*state, action, "verify", "", now, &verdict, NULL),
                     SKALD_OK);
    assert_true(verdict.has_acted);
    assert_string_equal(verdict.body, "{\"id\":1}");
    skald_guard_release(&verdict);
    assert_int_equal(skald_guard_finish(*state, action, "verify", 200, "", 0, now, NULL),
                     SKALD_E_ARGUMENT);
    run(*state, "COMMIT");
}

static void refuse_call(sqlite3 *db, const char *key, const char *operation, const char *deadline)
{
    skald_guard_verdict verdict;
    skald_error error = { 0 };
    assert_int_equal(skald_guard_begin(db, key, operation, deadline, now, &verdict, &error),
                     SKALD_E_ARGUMENT);
    assert_int_equal(verdict.decision,
                     SKALD_GUARD_REFUSE); /* who forgets the status does not act */
    assert_int_equal(verdict.status, 503);
    assert_true(strlen(error.message) > 0);
    skald_guard_release(&verdict);
}

static void test_wrong_use(void **state)
{
    skald_guard_verdict verdict;
    assert_int_equal(skald_guard_begin(*state, action, "action", NULL, now, &verdict, NULL),
                     SKALD_E_STATE);
    run(*state, "BEGIN");
    refuse_call(*state, action, "compensation", NULL);
    refuse_call(*state, undo, "action", NULL);
    refuse_call(*state, action, "hook", NULL);
    refuse_call(*state, action, NULL, NULL);
    refuse_call(*state, "/action", "action", NULL);
    refuse_call(*state, "", "action", NULL);
    refuse_call(*state, NULL, "action", NULL);
    refuse_call(*state, action, "action", "tomorrow");
    static const int not_final[] = { 0, 100, 302, 408, 409, 425, 429, 500, 503 };
    for (size_t i = 0; i < sizeof not_final / sizeof not_final[0]; i++) {
        assert_int_equal(skald_guard_finish(*state, action, "action", not_final[i], "", 0, now,
                                            NULL),
                         SKALD_E_ARGUMENT);
    }
    assert_int_equal(skald_guard_finish(*state, action, "action", 200, "", 0, now, NULL), SKALD_OK);
    assert_int_equal(skald_guard_finish(*state, action, "action", 200, "", 0, now, NULL),
                     SKALD_E_CONFLICT);
    run(*state, "COMMIT");
}

/* Two connections: the second copy of a request cannot look before the first has committed. */
static void test_copies_at_the_same_time(void **state)
{
    (void)state;
    char folder[] = "/tmp/skald-guard-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/db", folder);
    sqlite3 *one = NULL, *two = NULL;
    assert_int_equal(sqlite3_open(path, &one), SQLITE_OK);
    assert_int_equal(sqlite3_open(path, &two), SQLITE_OK);
    assert_int_equal(skald_guard_setup(one, NULL), SKALD_OK);
    skald_guard_verdict first, second;
    run(one, "BEGIN"); /* a plain one: the guard takes the lock itself */
    run(two, "BEGIN");
    assert_int_equal(skald_guard_begin(one, action, "action", NULL, now, &first, NULL), SKALD_OK);
    assert_int_equal(first.decision, SKALD_GUARD_PROCEED);
    assert_int_equal(skald_guard_begin(two, action, "action", NULL, now, &second, NULL),
                     SKALD_E_BUSY);
    run(two, "ROLLBACK");
    finish(one, action, 200, "once");
    skald_guard_release(&first);
    skald_guard_release(&second);
    expect(two, action, SKALD_GUARD_REPLAY, 200, "once");
    sqlite3_close(one);
    sqlite3_close(two);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* The file makes the same table: rows written by the one are read by the other. */
static void test_the_sql_file_is_the_same_table(void **state)
{
    (void)state;
    const char *source = getenv("SKALD_SOURCE_DIR");
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/examples/guard.sql", source == NULL ? "." : source);
    struct sk_buf sql;
    skald_error error = { 0 };
    sk_buf_init(&sql, 0);
    if (sk_file_read(path, 100000, &sql, &error) != SKALD_OK) fail_msg("%s", error.message);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    run(db, sk_buf_text(&sql));
    sk_buf_release(&sql);
    run(db, "INSERT INTO skald_guard VALUES ('order-42/pay', 'action', 1, 200, 'sql', 1)");
    expect(db, action, SKALD_GUARD_REPLAY, 200, "sql");
    serve(db, undo, 200, "");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#define WITH_DATABASE(test) cmocka_unit_test_setup_teardown(test, open_memory, close_memory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DATABASE(test_a_repeat_gets_the_first_answer),
        WITH_DATABASE(test_a_rolled_back_action_never_was),
        WITH_DATABASE(test_no_action_after_its_undo),
        WITH_DATABASE(test_undo_after_the_action),
        WITH_DATABASE(test_an_action_that_said_no_has_not_acted),
        WITH_DATABASE(test_a_tombstone_without_an_answer),
        WITH_DATABASE(test_rounds),
        WITH_DATABASE(test_a_step_named_like_a_round),
        WITH_DATABASE(test_deadlines),
        WITH_DATABASE(test_verify_only_looks),
        WITH_DATABASE(test_wrong_use),
        cmocka_unit_test(test_copies_at_the_same_time),
        cmocka_unit_test(test_the_sql_file_is_the_same_table),
    };
    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}

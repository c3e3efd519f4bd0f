/*
 * guard.c: see <skald/guard.h>. Links with nothing of the engine but base: a participant is not a
 * server.
 *
 *   G1  An action proceeds only if there is no compensation row of its key, in any round.
 *   G2  The write lock is taken before anything is read, so two copies of a request cannot both
 *       find nothing.
 *   G3  An action's row is written by finish alone: it exists exactly when the effect does.
 */
#include <skald/guard.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/time.h"

#if defined(SK_WITH_SQLITE)

#include <sqlite3.h>
#include <stdio.h>

enum { KEY_SIZE_MAX = 1000, ROUND_DIGITS_MAX = 9 };

enum role { ROLE_ACTION, ROLE_COMPENSATION, ROLE_VERIFY };

static const char *const role_names[] = { "action", "compensation", "verify" };

struct request {
    sqlite3 *db;
    skald_error *error;
    struct sk_str base; /* <saga>/<step>[/<item>] */
    enum role role;
    int64_t round;
};

static const char setup_sql[] = "CREATE TABLE IF NOT EXISTS skald_guard ("
                                " key TEXT NOT NULL,"
                                " operation TEXT NOT NULL,"
                                " round INTEGER NOT NULL,"
                                " status INTEGER,"
                                " body BLOB,"
                                " at_ms INTEGER NOT NULL,"
                                " PRIMARY KEY (key, operation, round)) WITHOUT ROWID";

/* ---- SQLite ------------------------------------------------------------------------------- */

static enum skald_status set_sqlite(sqlite3 *db, skald_error *error)
{
    switch (sqlite3_errcode(db) & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return sk_error_set(error, SKALD_E_BUSY, "guard: %s", sqlite3_errmsg(db));
    case SQLITE_NOMEM: return sk_error_set(error, SKALD_E_MEMORY, "guard: out of memory");
    case SQLITE_FULL: return sk_error_set(error, SKALD_E_FULL, "guard: %s", sqlite3_errmsg(db));
    default: return sk_error_set(error, SKALD_E_IO, "guard: %s", sqlite3_errmsg(db));
    }
}

/* Prepares with ?1 = key, ?2 = operation, ?3 = round, as far as the statement has them. */
static sqlite3_stmt *prepare(const struct request *r, const char *sql, enum role role)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(r->db, sql, -1, &statement, NULL) != SQLITE_OK) return NULL;
    int count = sqlite3_bind_parameter_count(statement);
    int rc = SQLITE_OK;
    if (count >= 1) {
        rc = sqlite3_bind_text(statement, 1, r->base.data, (int)r->base.size, SQLITE_STATIC);
    }
    if (rc == SQLITE_OK && count >= 2) {
        rc = sqlite3_bind_text(statement, 2, role_names[role], -1, SQLITE_STATIC);
    }
    if (rc == SQLITE_OK && count >= 3) rc = sqlite3_bind_int64(statement, 3, r->round);
    if (rc == SQLITE_OK) return statement;
    (void)sqlite3_finalize(statement);
    return NULL;
}

static enum skald_status run(const struct request *r, sqlite3_stmt *statement)
{
    int rc = statement == NULL ? SQLITE_ERROR : sqlite3_step(statement);
    enum skald_status status =
        rc == SQLITE_DONE || rc == SQLITE_ROW ? SKALD_OK : set_sqlite(r->db, r->error);
    (void)sqlite3_finalize(statement);
    return status;
}

/* ---- headers ------------------------------------------------------------------------------ */

static bool strip_end(struct sk_str *text, const char *end)
{
    size_t size = strlen(end);
    if (text->size <= size || memcmp(text->data + text->size - size, end, size) != 0) return false;
    text->size -= size;
    return true;
}

static void strip_round(struct request *r)
{
    size_t digits = 0;
    struct sk_str key = r->base;
    while (digits < key.size && digits < ROUND_DIGITS_MAX) {
        char c = key.data[key.size - 1 - digits];
        if (c < '0' || c > '9') break;
        digits += 1;
    }
    if (digits == 0 || key.size < digits + 2) return;
    if (memcmp(key.data + key.size - digits - 2, "/r", 2) != 0) return;
    uint64_t round = 0;
    if (!sk_str_to_u64(sk_str_sub(key, key.size - digits, digits), &round)) return;
    r->round = (int64_t)round;
    r->base.size -= digits + 2;
}

static enum skald_status read_request(struct request *r, const char *key, const char *operation)
{
    bool is_known = false;
    for (int i = ROLE_ACTION; i <= ROLE_VERIFY && operation != NULL; i++) {
        if (strcmp(operation, role_names[i]) != 0) continue;
        r->role = (enum role)i;
        is_known = true;
    }
    if (!is_known) {
        return sk_error_set(r->error, SKALD_E_ARGUMENT,
                            "guard: Skald-Operation is not action, compensation or verify");
    }
    r->base = sk_str_of(key);
    r->round = 1;
    strip_round(r);
    /* A verify carries the key of the action it asks about. */
    const char *end = r->role == ROLE_COMPENSATION ? "/compensation" : "/action";
    if (!strip_end(&r->base, end) || r->base.size > KEY_SIZE_MAX) {
        return sk_error_set(r->error, SKALD_E_ARGUMENT, "guard: an Idempotency-Key that ends in %s",
                            end);
    }
    if (sqlite3_get_autocommit(r->db) != 0) {
        return sk_error_set(r->error, SKALD_E_STATE, "guard: call it inside a transaction");
    }
    return SKALD_OK;
}

/* ---- verdicts ----------------------------------------------------------------------------- */

static enum skald_status keep_body(const struct request *r, const void *bytes, size_t size,
                                   skald_guard_verdict *out)
{
    if (size == 0) return SKALD_OK;
    out->body = sk_alloc(size + 1);
    if (out->body == NULL) {
        return sk_error_set(r->error, SKALD_E_MEMORY, "guard: out of memory");
    }
    memcpy(out->body, bytes, size);
    out->body_size = size;
    return SKALD_OK;
}

static enum skald_status refuse(const struct request *r, int status, const char *code,
                                const char *message, skald_guard_verdict *out)
{
    char body[256];
    int size = snprintf(body, sizeof body, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}", code,
                        message);
    out->decision = SKALD_GUARD_REFUSE;
    out->status = status;
    return keep_body(r, body, (size_t)size, out);
}

/* Steps a query of (status, body): the row, if there is one, goes into *out. */
static enum skald_status fetch(const struct request *r, sqlite3_stmt *statement, int *out_status,
                               skald_guard_verdict *out)
{
    enum skald_status status = SKALD_OK;
    *out_status = 0;
    int rc = statement == NULL ? SQLITE_ERROR : sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *out_status = sqlite3_column_int(statement, 0);
        const void *body = sqlite3_column_blob(statement, 1);
        status = keep_body(r, body, (size_t)sqlite3_column_bytes(statement, 1), out);
    } else if (rc != SQLITE_DONE) {
        status = set_sqlite(r->db, r->error);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

/* The answer that was given to this very key. */
static enum skald_status fetch_answer(const struct request *r, skald_guard_verdict *out)
{
    static const char sql[] = "SELECT status, body FROM skald_guard WHERE key = ?1 AND"
                              " operation = ?2 AND round = ?3 AND status IS NOT NULL";
    int answered = 0;
    enum skald_status status = fetch(r, prepare(r, sql, r->role), &answered, out);
    if (status != SKALD_OK || answered == 0) return status;
    out->decision = SKALD_GUARD_REPLAY;
    out->status = answered;
    return SKALD_OK;
}

/* What the action did here, in whatever round. */
static enum skald_status fetch_action(const struct request *r, skald_guard_verdict *out)
{
    static const char sql[] = "SELECT status, body FROM skald_guard WHERE key = ?1 AND"
                              " operation = ?2 AND status BETWEEN 200 AND 299"
                              " ORDER BY round DESC LIMIT 1";
    int answered = 0;
    enum skald_status status = fetch(r, prepare(r, sql, ROLE_ACTION), &answered, out);
    out->has_acted = answered != 0;
    return status;
}

static enum skald_status find_tombstone(const struct request *r, bool *out_is_there)
{
    static const char sql[] = "SELECT 1, NULL FROM skald_guard WHERE key = ?1 AND operation = ?2"
                              " LIMIT 1";
    skald_guard_verdict ignored = { 0 };
    int found = 0;
    enum skald_status status = fetch(r, prepare(r, sql, ROLE_COMPENSATION), &found, &ignored);
    *out_is_there = found != 0;
    return status;
}

static enum skald_status begin_action(const struct request *r, int64_t deadline_ms, int64_t now_ms,
                                      skald_guard_verdict *out)
{
    bool is_undone = false;
    enum skald_status status = find_tombstone(r, &is_undone);
    if (status != SKALD_OK) return status;
    if (is_undone) {
        return refuse(r, 410, "already_compensated",
                      "this step was undone before its action arrived", out);
    }
    status = fetch_answer(r, out);
    if (status != SKALD_OK || out->decision == SKALD_GUARD_REPLAY) {
        out->has_acted = out->status >= 200 && out->status <= 299;
        return status;
    }
    if (now_ms > deadline_ms) {
        return refuse(r, 408, "deadline_passed", "the action arrived after its deadline", out);
    }
    return SKALD_OK;
}

static enum skald_status begin_compensation(const struct request *r, int64_t now_ms,
                                            skald_guard_verdict *out)
{
    static const char sql[] = "INSERT INTO skald_guard VALUES (?1, ?2, ?3, NULL, NULL, ?4)"
                              " ON CONFLICT DO NOTHING";
    enum skald_status status = fetch_answer(r, out);
    if (status != SKALD_OK || out->decision == SKALD_GUARD_REPLAY) return status;
    sqlite3_stmt *statement = prepare(r, sql, ROLE_COMPENSATION);
    if (statement != NULL) (void)sqlite3_bind_int64(statement, 4, now_ms);
    status = run(r, statement);
    return status == SKALD_OK ? fetch_action(r, out) : status;
}

/* G2: takes the write lock and changes nothing. */
static enum skald_status lock(const struct request *r)
{
    return run(r, prepare(r, "UPDATE skald_guard SET at_ms = at_ms WHERE 0", ROLE_ACTION));
}

static enum skald_status decide(const struct request *r, const char *deadline, int64_t now_ms,
                                skald_guard_verdict *out)
{
    int64_t deadline_ms = INT64_MAX;
    if (deadline != NULL && deadline[0] != '\0' &&
        !sk_time_parse(sk_str_of(deadline), &deadline_ms)) {
        return sk_error_set(r->error, SKALD_E_ARGUMENT, "guard: Skald-Deadline is not RFC 3339");
    }
    if (r->role == ROLE_VERIFY) return fetch_action(r, out);
    enum skald_status status = lock(r);
    if (status != SKALD_OK) return status;
    return r->role == ROLE_ACTION ? begin_action(r, deadline_ms, now_ms, out)
                                  : begin_compensation(r, now_ms, out);
}

/* ---- the API ------------------------------------------------------------------------------ */

enum skald_status skald_guard_setup(sqlite3 *db, skald_error *error)
{
    if (sqlite3_exec(db, setup_sql, NULL, NULL, NULL) == SQLITE_OK) return SKALD_OK;
    return set_sqlite(db, error);
}

enum skald_status skald_guard_begin(sqlite3 *db, const char *key, const char *operation,
                                    const char *deadline, int64_t now_ms,
                                    skald_guard_verdict *out_verdict, skald_error *error)
{
    struct request r = { .db = db, .error = error };
    *out_verdict = (skald_guard_verdict){ .decision = SKALD_GUARD_PROCEED };
    enum skald_status status = read_request(&r, key, operation);
    if (status == SKALD_OK) status = decide(&r, deadline, now_ms, out_verdict);
    if (status != SKALD_OK) {
        skald_guard_release(out_verdict);
        out_verdict->decision = SKALD_GUARD_REFUSE;
        out_verdict->status = 503;
    }
    return status;
}

/* 409 says "still being worked on" to a saga that is unsure: never the last word. */
static bool is_final(int status)
{
    if (status == 408 || status == 409 || status == 425 || status == 429) return false;
    return (status >= 200 && status <= 299) || (status >= 400 && status <= 499);
}

enum skald_status skald_guard_finish(sqlite3 *db, const char *key, const char *operation,
                                     int status, const void *body, size_t body_size, int64_t now_ms,
                                     skald_error *error)
{
    /* A tombstone without an answer is filled in; an answer is never changed. */
    static const char sql[] = "INSERT INTO skald_guard VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                              " ON CONFLICT (key, operation, round) DO UPDATE SET"
                              " status = excluded.status, body = excluded.body,"
                              " at_ms = excluded.at_ms WHERE skald_guard.status IS NULL";
    struct request r = { .db = db, .error = error };
    enum skald_status result = read_request(&r, key, operation);
    if (result != SKALD_OK) return result;
    if (!is_final(status) || r.role == ROLE_VERIFY) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "guard: %d to a %s is no answer to remember: roll back", status,
                            role_names[r.role]);
    }
    sqlite3_stmt *statement = prepare(&r, sql, r.role);
    if (statement != NULL) {
        (void)sqlite3_bind_int(statement, 4, status);
        (void)sqlite3_bind_blob64(statement, 5, body, body_size, SQLITE_STATIC);
        (void)sqlite3_bind_int64(statement, 6, now_ms);
    }
    result = run(&r, statement);
    if (result == SKALD_OK && sqlite3_changes(db) == 0) {
        return sk_error_set(error, SKALD_E_CONFLICT, "guard: this key has been answered already");
    }
    return result;
}

#else /* without SQLite */

enum skald_status skald_guard_setup(struct sqlite3 *db, skald_error *error)
{
    (void)db;
    return sk_error_set(error, SKALD_E_UNSUPPORTED, "guard: this build is without SQLite");
}

enum skald_status skald_guard_begin(struct sqlite3 *db, const char *key, const char *operation,
                                    const char *deadline, int64_t now_ms,
                                    skald_guard_verdict *out_verdict, skald_error *error)
{
    (void)key;
    (void)operation;
    (void)deadline;
    (void)now_ms;
    *out_verdict = (skald_guard_verdict){ .decision = SKALD_GUARD_REFUSE, .status = 503 };
    return skald_guard_setup(db, error);
}

enum skald_status skald_guard_finish(struct sqlite3 *db, const char *key, const char *operation,
                                     int status, const void *body, size_t body_size, int64_t now_ms,
                                     skald_error *error)
{
    (void)key;
    (void)operation;
    (void)status;
    (void)body;
    (void)body_size;
    (void)now_ms;
    return skald_guard_setup(db, error);
}

#endif

void skald_guard_release(skald_guard_verdict *verdict)
{
    sk_free(verdict->body);
    *verdict = (skald_guard_verdict){ .decision = SKALD_GUARD_PROCEED };
}

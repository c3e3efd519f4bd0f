/*
 * books.c: the effects of the sample participants, as one table of paths. An effect writes lines in
 * the ledger; undoing is the same for all of them: every line of the key is taken back.
 */
#include "books.h"

#include <skald/guard.h>
#include <sqlite3.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAYMENT_CENTS_MAX = 1000 * 100, KEY_SIZE_MAX = 512, BUSY_TIMEOUT_MS = 5000 };

struct books {
    sqlite3 *db;
    json_int_t repeated, late, after_undo; /* since the start; answered without an effect */
};

static const char schema[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
    "CREATE TABLE IF NOT EXISTS ledger(no INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,"
    " key TEXT NOT NULL, saga TEXT NOT NULL, step TEXT NOT NULL, kind TEXT NOT NULL,"
    " name TEXT NOT NULL, amount INTEGER NOT NULL, is_undo INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS ledger_by_key ON ledger(key);"
    "CREATE TABLE IF NOT EXISTS paper(no INTEGER PRIMARY KEY, kind TEXT NOT NULL,"
    " key TEXT NOT NULL, cents INTEGER NOT NULL, is_void INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX IF NOT EXISTS paper_by_key ON paper(key);"
    "CREATE TABLE IF NOT EXISTS stock(item TEXT PRIMARY KEY, pieces INTEGER NOT NULL,"
    " reserved INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE IF NOT EXISTS account(id TEXT PRIMARY KEY, cents INTEGER NOT NULL);"
    "INSERT OR IGNORE INTO stock(item, pieces) VALUES('item1', 100), ('item2', 50), ('item3', 25);"
    "INSERT OR IGNORE INTO account VALUES('account001', 1000000), ('account002', 500000),"
    " ('account003', 800000);";

/* ---- SQLite in three calls ------------------------------------------------------------------- */

/* The books are a sample: what SQLite refuses ends the program, and nothing was answered. */
static void fail(const struct books *books, const char *what)
{
    (void)fprintf(stderr, "participants: %s: %s\n", what, sqlite3_errmsg(books->db));
    exit(1);
}

static sqlite3_stmt *prepare(const struct books *books, const char *sql, int texts_count,
                             const char *const *texts)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(books->db, sql, -1, &statement, NULL) != SQLITE_OK) fail(books, sql);
    for (int i = 0; i < texts_count; i++) {
        if (sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_TRANSIENT) != SQLITE_OK) {
            fail(books, sql);
        }
    }
    return statement;
}

/* One row or none: is there one? */
static bool step(const struct books *books, sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE) fail(books, sqlite3_sql(statement));
    return result == SQLITE_ROW;
}

/* "… name = ?1 … amount = ?2 …": runs it; how many rows changed. */
static int change(const struct books *books, const char *sql, const char *name, int64_t amount)
{
    sqlite3_stmt *statement = prepare(books, sql, 1, &name);
    if (sqlite3_bind_parameter_count(statement) > 1) {
        (void)sqlite3_bind_int64(statement, 2, amount);
    }
    (void)step(books, statement);
    (void)sqlite3_finalize(statement);
    return sqlite3_changes(books->db);
}

static void run(const struct books *books, const char *sql)
{
    if (sqlite3_exec(books->db, sql, NULL, NULL, NULL) != SQLITE_OK) fail(books, sql);
}

/* ---- small things ---------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct books_answer books_no(int status, const char *code, const char *message)
{
    return (struct books_answer){ status, json_pack("{s:{s:s,s:s}}", "error", "code", code,
                                                    "message", message) };
}

static struct books_answer yes(json_t *body)
{
    return (struct books_answer){ 200, body };
}

/* A positive amount of money in whole cents, or 0. */
static int64_t cents_of(json_t *body, const char *name)
{
    json_t *value = json_object_get(body, name);
    double amount = json_is_number(value) ? json_number_value(value) : 0;
    return amount > 0 && amount < 1e12 ? (int64_t)llround(amount * 100) : 0;
}

static void write_line(const struct books *books, const struct books_request *request,
                       const char *key, const char *kind, const char *name, int64_t amount,
                       bool is_undo)
{
    const char *texts[] = { key, request->saga, request->step, kind, name };
    sqlite3_stmt *statement =
        prepare(books,
                "INSERT INTO ledger(key, saga, step, kind, name, amount, is_undo, at_ms)"
                " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                5, texts);
    (void)sqlite3_bind_int64(statement, 6, amount);
    (void)sqlite3_bind_int(statement, 7, is_undo);
    (void)sqlite3_bind_int64(statement, 8, now_ms());
    (void)step(books, statement);
    (void)sqlite3_finalize(statement);
}

/* ---- effects --------------------------------------------------------------------------------- */

struct effect {
    const char *path, *undo_path;
    const char *kind;
    struct books_answer (*apply)(const struct books *books, const struct effect *effect,
                                 const struct books_request *request, const char *key);
};

/* A paper with a number: {"order_id": "order-17"}. */
static struct books_answer file_paper(const struct books *books, const struct effect *effect,
                                      const struct books_request *request, const char *key)
{
    int64_t cents = cents_of(request->body, "amount");
    const char *texts[] = { effect->kind, key };
    sqlite3_stmt *statement =
        prepare(books, "INSERT INTO paper(kind, key, cents) VALUES(?1, ?2, ?3)", 2, texts);
    (void)sqlite3_bind_int64(statement, 3, cents);
    (void)step(books, statement);
    (void)sqlite3_finalize(statement);
    char id[64], name[64];
    (void)snprintf(id, sizeof id, "%s-%lld", effect->kind,
                   (long long)sqlite3_last_insert_rowid(books->db));
    (void)snprintf(name, sizeof name, "%s_id", effect->kind);
    write_line(books, request, key, effect->kind, id, cents, false);
    return yes(json_pack("{s:s}", name, id));
}

static struct books_answer charge(const struct books *books, const struct effect *effect,
                                  const struct books_request *request, const char *key)
{
    int64_t cents = cents_of(request->body, "amount");
    if (cents == 0) return books_no(400, "validation", "amount must be a number above 0");
    if (cents > PAYMENT_CENTS_MAX) {
        char message[96];
        (void)snprintf(message, sizeof message, "%.2f is over the card's limit of %.2f",
                       (double)cents / 100, (double)PAYMENT_CENTS_MAX / 100);
        return books_no(402, "payment_declined", message);
    }
    return file_paper(books, effect, request, key);
}

/* All items or none; the caller rolls back after a no. */
static struct books_answer reserve(const struct books *books, const struct effect *effect,
                                   const struct books_request *request, const char *key)
{
    json_t *items = json_object_get(request->body, "items"), *item;
    size_t i;
    if (!json_is_array(items) || json_array_size(items) == 0) {
        return books_no(400, "validation", "items must be a list of {item_id, quantity}");
    }
    json_array_foreach(items, i, item)
    {
        const char *id = json_string_value(json_object_get(item, "item_id"));
        json_int_t quantity = json_integer_value(json_object_get(item, "quantity"));
        if (id == NULL || quantity <= 0) {
            return books_no(400, "validation", "an item needs an item_id and a quantity above 0");
        }
        if (change(books,
                   "UPDATE stock SET reserved = reserved + ?2"
                   " WHERE item = ?1 AND pieces - reserved >= ?2",
                   id, quantity) == 0) {
            char message[160];
            (void)snprintf(message, sizeof message, "not %lld pieces of %.80s in stock",
                           (long long)quantity, id);
            return books_no(422, "out_of_stock", message);
        }
        write_line(books, request, key, effect->kind, id, quantity, false);
    }
    return yes(json_pack("{s:s,s:O}", "status", "reserved", "items", items));
}

/* Debits are negative movements of an account, credits positive ones. */
static struct books_answer move_money(const struct books *books, const struct effect *effect,
                                      const struct books_request *request, const char *key)
{
    const char *account = json_string_value(json_object_get(request->body, "account"));
    int64_t cents = cents_of(request->body, "amount");
    bool is_debit = strcmp(effect->path, "/accounts/debit") == 0;
    if (account == NULL || cents == 0) {
        return books_no(400, "validation", "account and an amount above 0 are needed");
    }
    int64_t movement = is_debit ? -cents : cents;
    if (change(
            books,
            "UPDATE account SET cents = cents + ?2 WHERE id = ?1 AND (?2 > 0 OR cents + ?2 >= 0)",
            account, movement) == 0) {
        return is_debit ? books_no(422, "insufficient_funds", "no such account or too little on it")
                        : books_no(404, "not_found", "no such account");
    }
    write_line(books, request, key, effect->kind, account, movement, false);
    return yes(json_pack("{s:s,s:f}", "account", account, "moved", (double)movement / 100));
}

static const struct effect effects[] = {
    { "/orders", "/orders/cancel", "order", file_paper },
    { "/stock/reserve", "/stock/release", "stock", reserve },
    { "/payments", "/payments/refund", "payment", charge },
    { "/shipments", "/shipments/cancel", "shipment", file_paper },
    { "/accounts/debit", "/accounts/debit/undo", "account", move_money },
    { "/accounts/credit", "/accounts/credit/undo", "account", move_money },
    { "/audit", "/audit/revoke", "audit", file_paper },
};

static const struct effect *effect_of(const char *path, bool *out_is_undo)
{
    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++) {
        *out_is_undo = strcmp(path, effects[i].undo_path) == 0;
        if (*out_is_undo || strcmp(path, effects[i].path) == 0) return &effects[i];
    }
    return NULL;
}

bool books_knows(const char *path, bool *out_is_undo)
{
    return effect_of(path, out_is_undo) != NULL;
}

/* Takes back every line of the key. */
static void undo_lines(const struct books *books, const struct books_request *request,
                       const char *key)
{
    sqlite3_stmt *lines =
        prepare(books, "SELECT kind, name, amount FROM ledger WHERE key = ?1 AND is_undo = 0", 1,
                &key);
    while (step(books, lines)) {
        const char *kind = (const char *)sqlite3_column_text(lines, 0);
        const char *name = (const char *)sqlite3_column_text(lines, 1);
        int64_t amount = sqlite3_column_int64(lines, 2);
        if (strcmp(kind, "stock") == 0) {
            (void)change(books, "UPDATE stock SET reserved = reserved - ?2 WHERE item = ?1", name,
                         amount);
        } else if (strcmp(kind, "account") == 0) {
            (void)change(books, "UPDATE account SET cents = cents - ?2 WHERE id = ?1", name,
                         amount);
        } else {
            (void)change(books, "UPDATE paper SET is_void = 1 WHERE key = ?1", key, 0);
        }
        write_line(books, request, key, kind, name, -amount, true);
    }
    (void)sqlite3_finalize(lines);
}

/* ---- under the guard ------------------------------------------------------------------------- */

/* What the guard said in place of an effect. */
static struct books_answer answer_of(struct books *books, const skald_guard_verdict *verdict)
{
    if (verdict->decision == SKALD_GUARD_REPLAY) books->repeated++;
    if (verdict->decision == SKALD_GUARD_REFUSE && verdict->status == 408) books->late++;
    if (verdict->decision == SKALD_GUARD_REFUSE && verdict->status == 410) books->after_undo++;
    json_t *body =
        json_loadb(verdict->body == NULL ? "" : verdict->body, verdict->body_size, 0, NULL);
    return (struct books_answer){ verdict->status, body == NULL ? json_object() : body };
}

/* Opens the transaction and asks the guard: true = go on, false = `out_answer` is all there is. */
static bool ask_guard(struct books *books, const struct books_request *request,
                      const char *operation, struct books_answer *out_answer)
{
    skald_guard_verdict verdict;
    skald_error error = { .message = "" };
    run(books, "BEGIN IMMEDIATE");
    enum skald_status status = skald_guard_begin(books->db, request->key, operation,
                                                 request->deadline, now_ms(), &verdict, &error);
    bool may_go_on = status == SKALD_OK && verdict.decision == SKALD_GUARD_PROCEED;
    if (status == SKALD_E_ARGUMENT) {
        *out_answer = books_no(400, "validation", error.message);
    } else if (status != SKALD_OK) {
        *out_answer = books_no(503, "service_unavailable", error.message);
    } else if (!may_go_on) {
        *out_answer = answer_of(books, &verdict);
    }
    if (!may_go_on) run(books, status == SKALD_OK ? "COMMIT" : "ROLLBACK");
    skald_guard_release(&verdict);
    return may_go_on;
}

/* Lets the guard remember the answer, and closes the transaction. */
static void finish(const struct books *books, const struct books_request *request,
                   const char *operation, const struct books_answer *answer)
{
    skald_error error = { .message = "" };
    char *text = json_dumps(answer->body, JSON_COMPACT);
    if (text == NULL) fail(books, "out of memory");
    if (skald_guard_finish(books->db, request->key, operation, answer->status, text, strlen(text),
                           now_ms(), &error) != SKALD_OK) {
        fail(books, error.message);
    }
    free(text);
    run(books, "COMMIT");
}

/* A no may have left half of its work behind: that is rolled back, and the no remembered alone. */
static void finish_no(struct books *books, const struct books_request *request,
                      const char *operation, const struct books_answer *answer)
{
    struct books_answer ignored = { 0 };
    run(books, "ROLLBACK");
    if (ask_guard(books, request, operation, &ignored)) finish(books, request, operation, answer);
    json_decref(ignored.body);
}

/* "<saga>/<step>[/<item>]": where an action and its undo meet in the ledger. */
static bool ledger_key(const char *key, char *out, size_t size)
{
    const char *end = strstr(key, "/action");
    if (end == NULL) end = strstr(key, "/compensation");
    size_t length = end == NULL ? 0 : (size_t)(end - key);
    if (length == 0 || length >= size) return false;
    memcpy(out, key, length);
    out[length] = 0;
    return true;
}

struct books_answer books_do(struct books *books, const struct books_request *request)
{
    char key[KEY_SIZE_MAX];
    bool is_undo;
    const struct effect *effect = effect_of(request->path, &is_undo);
    if (effect == NULL) return books_no(404, "not_found", "no such path");
    const char *operation = is_undo ? "compensation" : "action";
    struct books_answer answer;
    if (!ledger_key(request->key, key, sizeof key)) {
        return books_no(400, "validation", "Idempotency-Key must be <saga>/<step>/<operation>");
    }
    if (!ask_guard(books, request, operation, &answer)) return answer;
    if (is_undo) {
        undo_lines(books, request, key);
        answer = yes(json_pack("{s:s}", "status", "undone"));
    } else {
        answer = effect->apply(books, effect, request, key);
    }
    if (answer.status == 200) {
        finish(books, request, operation, &answer);
    } else {
        finish_no(books, request, operation, &answer);
    }
    return answer;
}

/* ---- totals ---------------------------------------------------------------------------------- */

/* Appends {"<column 0>": {…}} for each row; the columns after the first are numbers. */
static json_t *table(const struct books *books, const char *sql)
{
    json_t *result = json_object();
    sqlite3_stmt *rows = prepare(books, sql, 0, NULL);
    while (step(books, rows)) {
        json_t *row = json_object();
        for (int i = 1; i < sqlite3_column_count(rows); i++) {
            bool is_whole = sqlite3_column_type(rows, i) == SQLITE_INTEGER;
            (void)json_object_set_new(row, sqlite3_column_name(rows, i),
                                      is_whole ? json_integer(sqlite3_column_int64(rows, i))
                                               : json_real(sqlite3_column_double(rows, i)));
        }
        (void)json_object_set_new(result, (const char *)sqlite3_column_text(rows, 0), row);
    }
    (void)sqlite3_finalize(rows);
    return result;
}

json_t *books_totals(struct books *books)
{
    json_t *papers =
        table(books, "SELECT kind, SUM(NOT is_void) AS valid, SUM(is_void) AS void,"
                     " COALESCE(SUM(cents) FILTER (WHERE NOT is_void), 0) / 100.0 AS amount"
                     " FROM paper GROUP BY kind");
    json_t *stock = table(books, "SELECT item, pieces, reserved FROM stock ORDER BY item");
    json_t *accounts = table(books, "SELECT id, cents / 100.0 AS balance FROM account ORDER BY id");
    json_t *guard = json_pack("{s:I,s:I,s:I}", "repeated", books->repeated, "late", books->late,
                              "after_undo", books->after_undo);
    return json_pack("{s:o,s:o,s:o,s:o}", "papers", papers, "stock", stock, "accounts", accounts,
                     "guard", guard);
}

/* ---- open and close -------------------------------------------------------------------------- */

struct books *books_open(const char *path, int64_t stock)
{
    struct books *books = calloc(1, sizeof *books);
    if (books == NULL) return NULL;
    if (sqlite3_open(path, &books->db) != SQLITE_OK) {
        (void)fprintf(stderr, "participants: %s: %s\n", path, sqlite3_errmsg(books->db));
        books_close(books);
        return NULL;
    }
    (void)sqlite3_busy_timeout(books->db, BUSY_TIMEOUT_MS);
    run(books, schema);
    skald_error error = { .message = "" };
    if (skald_guard_setup(books->db, &error) != SKALD_OK) fail(books, error.message);
    if (stock > 0) (void)change(books, "UPDATE stock SET pieces = ?2 WHERE item <> ?1", "", stock);
    return books;
}

void books_close(struct books *books)
{
    if (books == NULL) return;
    (void)sqlite3_close(books->db);
    free(books);
}

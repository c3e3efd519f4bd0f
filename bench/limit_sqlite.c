/*
 * limit_sqlite.c: what one would write without an engine: SQLite, one transaction a step, the rows
 * of the same sagas. Tuned as our own store is: WAL, synchronous=FULL, prepared statements, a large
 * cache, rare checkpoints.
 *
 *     limit-sqlite FILE HISTORY SAGAS
 */
#include "clock.h"
#include "history.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>

static const char schema[] =
    "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
    "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16384;"
    "CREATE TABLE saga (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, definition BLOB NOT NULL,"
    " state INTEGER NOT NULL, seq INTEGER NOT NULL, created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL, ended_at INTEGER NOT NULL);"
    "CREATE INDEX saga_created ON saga (created_at, id);"
    "CREATE TABLE event (position INTEGER PRIMARY KEY, saga INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " at INTEGER NOT NULL, type INTEGER NOT NULL, step INTEGER NOT NULL, item INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL, round INTEGER NOT NULL, data BLOB NOT NULL);"
    "CREATE UNIQUE INDEX event_saga ON event (saga, seq);";

enum statement { BEGIN, COMMIT, EVENT, INSERT_SAGA, UPDATE_SAGA, STATEMENTS_COUNT };
static const char *const texts[STATEMENTS_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [EVENT] = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [INSERT_SAGA] = "INSERT INTO saga VALUES (?, ?, ?, 2, ?, ?, ?, 0)",
    [UPDATE_SAGA] = "UPDATE saga SET state = ?, seq = ?, updated_at = ?, ended_at = ? WHERE no = ?",
};

struct plain {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS_COUNT];
    const struct history *history;
    int64_t position;
};

static _Noreturn void refuse(struct plain *plain)
{
    (void)fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(plain->db));
    exit(1);
}

static void go(struct plain *plain, enum statement which)
{
    if (sqlite3_step(plain->statements[which]) != SQLITE_DONE) refuse(plain);
    (void)sqlite3_reset(plain->statements[which]);
}

static void put_event(struct plain *plain, const struct history_event *event, int64_t saga,
                      int64_t seq, int64_t at)
{
    sqlite3_stmt *s = plain->statements[EVENT];
    const int64_t columns[] = {
        plain->position++, saga,           seq,         at, event->type, (int64_t)event->step,
        event->item,       event->attempt, event->round
    };
    for (int i = 0; i < 9; i++) (void)sqlite3_bind_int64(s, i + 1, columns[i]);
    (void)sqlite3_bind_blob(s, 10, event->data, (int)event->size, SQLITE_STATIC);
    go(plain, EVENT);
}

static void put_head(struct plain *plain, int64_t saga, int64_t seq, int64_t at, bool is_last)
{
    static const uint8_t digest[32];
    char id[48];
    bool is_first = saga == plain->position;
    sqlite3_stmt *s = plain->statements[is_first ? INSERT_SAGA : UPDATE_SAGA];
    if (is_first) {
        (void)snprintf(id, sizeof id, "%08" PRIx64 "-0000-7000-8000-%012" PRIx64,
                       (uint64_t)at >> 16, (uint64_t)saga);
        (void)sqlite3_bind_int64(s, 1, saga);
        (void)sqlite3_bind_text(s, 2, id, -1, SQLITE_TRANSIENT);
        (void)sqlite3_bind_blob(s, 3, digest, sizeof digest, SQLITE_STATIC);
        for (int i = 4; i <= 6; i++) (void)sqlite3_bind_int64(s, i, i == 4 ? seq : at);
    } else {
        const int64_t columns[] = { is_last ? 3 : 2, seq, at, is_last ? at : 0, saga };
        for (int i = 0; i < 5; i++) (void)sqlite3_bind_int64(s, i + 1, columns[i]);
    }
    go(plain, is_first ? INSERT_SAGA : UPDATE_SAGA);
}

static void run_saga(struct plain *plain, int64_t at)
{
    const struct history *history = plain->history;
    int64_t saga = plain->position;
    for (uint32_t i = 0; i < history->events_count;) {
        uint32_t transition = history->events[i].transition, end = i;
        while (end < history->events_count && history->events[end].transition == transition) end++;
        go(plain, BEGIN);
        put_head(plain, saga, end, at, end == history->events_count);
        for (; i < end; i++) put_event(plain, &history->events[i], saga, i + 1, at);
        go(plain, COMMIT);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        (void)fprintf(stderr, "usage: limit-sqlite FILE HISTORY SAGAS\n");
        return 2;
    }
    static struct history history;
    history_read(argv[2], &history);
    struct plain plain = { .history = &history };
    if (sqlite3_open(argv[1], &plain.db) != SQLITE_OK ||
        sqlite3_exec(plain.db, schema, NULL, NULL, NULL) != SQLITE_OK) {
        refuse(&plain);
    }
    for (int i = 0; i < STATEMENTS_COUNT; i++) {
        if (sqlite3_prepare_v3(plain.db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &plain.statements[i], NULL) != SQLITE_OK) {
            refuse(&plain);
        }
    }
    uint64_t sagas = bench_number(argv[3]);
    struct bench_clock start = bench_clock_now();
    for (uint64_t i = 0; i < sagas; i++) run_saga(&plain, 1790000000000 + (int64_t)i);
    struct bench_clock end = bench_clock_now();
    (void)printf("{\"events\":%" PRIu64 ",\"commits\":%" PRIu64
                 ",\"seconds\":%.6f,\"cpu_seconds\":%.6f}\n",
                 sagas * history.events_count, sagas * history.transitions_count,
                 end.wall - start.wall, end.cpu - start.cpu);
    for (int i = 0; i < STATEMENTS_COUNT; i++) (void)sqlite3_finalize(plain.statements[i]);
    (void)sqlite3_close(plain.db);
    return 0;
}

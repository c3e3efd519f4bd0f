/*
 * fuzz_database.c: a store's file, damaged or made by an enemy. A true one is made at the start;
 * the input says what is changed in it, byte by byte or row by row, and then it is served.
 *
 *   1  It is opened, or refused with words.
 *   2  What was opened is served, or the opening fails with words; within seconds, for a file that
 *      cannot be read must not look like a server that starts.
 *   3  Every question is answered: with JSON, or with a problem. Nothing ends the process.
 *   4  `skald store check` and `look` come to an end.
 *
 * The input: operations of a kind (1 byte), a place (2), what is written there: its size (1), its
 * bytes. Kind 0–1: bytes of the file. Else the cell of a row: table, column by kind and place; up
 * to HOSTILE_BELOW it is no accident, and the sums of events, which would betray it, are taken
 * away.
 */
#include "api/api.h"
#include "hurry.h"
#include "plans.h"
#include "runtime/libevent_runtime.h"
#include "skald/store_tools.h"
#include "store/sqlite/sqlite.h"
#include "world.h"

#include <event2/event.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHARDS = 4, OPS_MAX = 16, HANG_S = 8, PATH_SIZE = 128 };

static char folder[PATH_SIZE], file[PATH_SIZE + 16], url[PATH_SIZE + 32];
static struct sk_buf template; /* the bytes of a true file */

/* ---- participants that answer while the true file is made, and never after ------------------- */

struct silent {
    struct sk_invoker port; /* first */
    struct sk_runtime *runtime;
    uint32_t calls_count;
    bool answers;
};
struct call {
    sk_invoke_done *done;
    void *context;
    uint64_t ticket, number;
};

static void answer(void *context)
{
    struct call *call = context;
    struct sk_outcome outcome = { .class_ = call->number % 5 == 3 ? SK_OUTCOME_FAILED
                                                                  : SK_OUTCOME_SUCCEEDED,
                                  .is_answered = true,
                                  .output = SK_STR("{\"ok\":true}") };
    if (outcome.class_ == SK_OUTCOME_FAILED)
        outcome = (struct sk_outcome){ .class_ = SK_OUTCOME_FAILED,
                                       .is_answered = true,
                                       .code = SK_STR("declined") };
    call->done(call->context, call->ticket, &outcome);
    free(call);
}

static enum skald_status start(struct sk_invoker *invoker, const struct sk_invocation *invocation,
                               sk_invoke_done *done, void *context)
{
    struct silent *silent = (struct silent *)invoker; /* its first member */
    if (!silent->answers) return SKALD_OK;
    struct call *call = malloc(sizeof *call);
    FUZZ_CHECK(call != NULL, "memory");
    *call = (struct call){ done, context, invocation->ticket, silent->calls_count++ };
    return silent->runtime->ops->post(silent->runtime, answer, call);
}

static void cancel(struct sk_invoker *invoker, uint64_t ticket)
{
    (void)invoker;
    (void)ticket;
}

static void free_invoker(struct sk_invoker *invoker)
{
    (void)invoker;
}

static const struct sk_invoker_ops silent_ops = { start, cancel, free_invoker };

/* ---- a server -------------------------------------------------------------------------------- */

struct server {
    struct sk_libevent_runtime *runtime;
    struct sk_store *store;
    struct sk_engine *engine;
    struct sk_api *api;
    struct silent silent;
    struct hurry hurry; /* the engine's and the API's time */
    bool is_told, is_away;
    enum skald_status status;
    skald_error error;
    const char *doing; /* for the message when it hangs */
};

static void on_hang(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    const struct server *server = context;
    FUZZ_CHECK(false, "nothing has happened for %d seconds: %s", HANG_S, server->doing);
}

/* One turn of the loop, for something to happen. */
static bool pump(void *context)
{
    struct server *server = context;
    struct event_base *base = sk_libevent_runtime_base(server->runtime);
    struct timeval limit = { .tv_sec = HANG_S };
    struct event *hang = evtimer_new(base, on_hang, server);
    FUZZ_CHECK(hang != NULL && evtimer_add(hang, &limit) == 0, "memory");
    (void)event_base_loop(base, EVLOOP_ONCE);
    event_free(hang);
    return true;
}

static void on_opened(void *context, enum skald_status status, const skald_error *error)
{
    struct server *server = context;
    server->is_told = true;
    server->status = status;
    if (error != NULL) server->error = *error;
}

static enum skald_status open_engine(struct server *server)
{
    hurry_init(&server->hurry, sk_libevent_runtime_port(server->runtime));
    struct sk_runtime *port = &server->hurry.port;
    struct sk_engine_options options = { .runtime = port,
                                         .store = server->store,
                                         .node = SK_STR("node") };
    skald_error *error = &server->error;
    server->silent.port.ops = &silent_ops;
    server->silent.runtime = port;
    for (int kind = 0; kind < SK_KINDS_COUNT; kind++) {
        bool is_called = kind != SK_KIND_SAGA && kind != SK_KIND_WAIT && kind != SK_KIND_EVENT;
        if (is_called) options.invokers[kind] = &server->silent.port;
    }
    options.notifier = &server->silent.port;
    FUZZ_CHECK(sk_engine_new(&options, &server->engine, error) == SKALD_OK, "%s", error->message);
    struct sk_api_options api = { .engine = server->engine, .runtime = port, .is_local = true };
    FUZZ_CHECK(sk_api_new(&api, &server->api, error) == SKALD_OK, "%s", error->message);
    server->doing = "opening";
    sk_engine_open(server->engine, on_opened, server);
    while (!server->is_told) (void)pump(server);
    server->is_away = server->status != SKALD_OK;
    return server->status;
}

static enum skald_status open_server(struct server *server, bool answers)
{
    struct sk_libevent_options options = { .log = { .is_off = getenv("FUZZ_LOG") == NULL } };
    *server = (struct server){ .silent = { .answers = answers } };
    FUZZ_CHECK(sk_libevent_runtime_new(&options, &server->runtime, &server->error) == SKALD_OK,
               "%s", server->error.message);
    struct sk_sqlite_options sqlite = { .path = file,
                                        .runtime = sk_libevent_runtime_port(server->runtime),
                                        .shards_count = SHARDS,
                                        .readers_count = 1,
                                        .cache_kib = 1024 };
    enum skald_status status = sk_sqlite_store_open(&sqlite, &server->store, &server->error);
    return status == SKALD_OK ? open_engine(server) : status;
}

static void close_server(struct server *server)
{
    sk_engine_free(server->engine);
    if (server->is_away) { /* what the store is about to answer would be lost with it, and leak */
        struct event_base *base = sk_libevent_runtime_base(server->runtime);
        struct timeval pause = { .tv_usec = 200 * 1000 };
        (void)event_base_loopexit(base, &pause);
        (void)event_base_dispatch(base);
    }
    if (server->store != NULL) server->store->ops->free(server->store);
    sk_api_free(server->api);
    sk_libevent_runtime_free(server->runtime);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int ask(struct server *server, enum sk_http_method method, const char *path,
               const char *body)
{
    struct fuzz_answer reply;
    struct sk_str target = sk_str_of(path);
    size_t mark = sk_str_find(target, '?');
    struct fuzz_request request = { .method = method,
                                    .path = sk_str_sub(target, 0, mark),
                                    .query = sk_str_sub(target, mark + 1, target.size),
                                    .type = SK_STR("application/json"),
                                    .body = sk_str_of(body) };
    server->doing = path;
    fuzz_ask(server->api, &request, &reply, pump, server);
    if (reply.body.size > 0 && strstr(reply.type, "json") != NULL)
        fuzz_check_json(sk_buf_view(&reply.body), path);
    if (reply.status >= 400)
        FUZZ_CHECK(strcmp(reply.type, "application/problem+json") == 0, "%s: %s", path, reply.type);
    fuzz_answer_release(&reply);
    return reply.status;
}

static void ask_all(struct server *server)
{
    static const char *const lists[] = { "/api/v1/sagas?total=true",
                                         "/api/v1/sagas?sort=ended&order=asc",
                                         "/api/v1/definitions",
                                         "/api/v1/events?limit=50",
                                         "/api/v1/dead-letters",
                                         "/api/v1/locks",
                                         "/api/v1/schedules",
                                         "/api/v1/batches",
                                         "/api/v1/stats",
                                         "/api/v1/cluster",
                                         "/api/v1/recovery",
                                         "/api/v1/tasks",
                                         "/metrics",
                                         "/api/v1/definitions/line" };
    static const char *const ends[] = { "", "/events", "/explain", "/export", "/cancel/preview" };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        (void)ask(server, SK_HTTP_GET, lists[i], "");
    for (int saga = 1; saga <= 4; saga++) {
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
            char path[96];
            (void)snprintf(path, sizeof path, "/api/v1/sagas/s-%d%s", saga, ends[i]);
            (void)ask(server, SK_HTTP_GET, path, "");
        }
    }
    /* A store that cannot be written any more is said to be away, after ten seconds: once will
     * do. */
    static const struct {
        enum sk_http_method method;
        const char *path, *body;
    } writes[] = {
        { SK_HTTP_POST, "/api/v1/sagas/s-1/cancel", "{\"by\":\"a\",\"reason\":\"b\"}" },
        { SK_HTTP_POST, "/api/v1/tasks/poll", "{\"queue\":\"packers\",\"worker\":\"w\"}" },
        { SK_HTTP_POST, "/api/v1/sagas", "{\"definition\":\"child\",\"id\":\"n-1\"}" },
        { SK_HTTP_DELETE, "/api/v1/sagas/s-2", "" },
    };
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        server->is_away = ask(server, writes[i].method, writes[i].path, writes[i].body) == 503;
        if (server->is_away) return;
    }
}

/* ---- the file -------------------------------------------------------------------------------- */

static void remove_files(void)
{
    static const char *const ends[] = { "", "-wal", "-shm", "-journal", ".lock" };
    char path[PATH_SIZE + 32];
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", file, ends[i]);
        (void)unlink(path);
    }
}

static void remove_folder(void)
{
    remove_files();
    (void)rmdir(folder);
    sk_buf_release(&template);
}

/* One column of one row: some are there by key alone. */
static const struct cell {
    const char *table, *key, *column;
} cells[] = {
    { "event", "key", "data" },
    { "event", "key", "type" },
    { "event", "key", "seq" },
    { "event", "key", "step" },
    { "event", "key", "item" },
    { "event", "key", "at" },
    { "event", "key", "attempt" },
    { "event", "key", "round" },
    { "event", "key", "saga" },
    { "event", "key", "key" },
    { "saga", "key", "id" },
    { "saga", "key", "state" },
    { "saga", "key", "reason" },
    { "saga", "key", "definition" },
    { "saga", "key", "seq" },
    { "saga", "key", "wake_at" },
    { "saga", "key", "open" },
    { "saga", "key", "active" },
    { "saga", "key", "is_lock" },
    { "saga", "key", "parent" },
    { "saga", "key", "created_at" },
    { "saga", "key", "family" },
    { "saga", "key", "business_key" },
    { "saga", "key", "ended_at" },
    { "saga", "key", "priority" },
    { "saga", "key", "key" },
    { "definition", "rowid", "source" },
    { "definition", "rowid", "digest" },
    { "definition", "rowid", "id" },
    { "definition", "rowid", "version" },
    { "latest", "id", "digest" },
    { "shard", "shard", "epoch" },
    { "shard", "shard", "position" },
    { "shard", "shard", "owner" },
    { "shard", "shard", "batch_id" },
    { "shard", "shard", "shard" },
    { "meta", "one", "shards" },
    { "meta", "one", "schema" },
    { "meta", "one", "hash" },
    { "meta", "one", "incarnation" },
    { "message", "id", "body" },
    { "message", "id", "kind" },
    { "message", "id", "target" },
    { "message", "id", "to_shard" },
    { "message", "id", "id" },
    { "consumed", "id", "id" },
    { "dead_letter", "id", "body" },
    { "dead_letter", "id", "seq" },
    { "tally", "n", "n" },
    { "tally", "n", "definition" },
    { "tally", "n", "state" },
    { "record", "id", "body" },
    { "record", "id", "kind" },
    { "record", "id", "id" },
    { "start_key", "key", "saga" },
    { "start_key", "key", "digest" },
    { "saga_tag", "saga", "value" },
    { "saga_tag", "saga", "saga" },
};
enum { CELLS_COUNT = sizeof cells / sizeof cells[0], HOWS = 4, HOSTILE_BELOW = 192 };

static void exec(sqlite3 *db, const char *sql, uint32_t place, struct sk_str bytes, int how)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
        struct fuzz_bytes number = { (const uint8_t *)bytes.data, bytes.size };
        const char *data = bytes.size > 0 ? bytes.data : "";
        (void)sqlite3_bind_int64(statement, 1, place);
        if (how == 0) (void)sqlite3_bind_int64(statement, 2, fuzz_i64(&number));
        if (how == 1) (void)sqlite3_bind_blob(statement, 2, data, (int)bytes.size, SQLITE_STATIC);
        if (how == 2) (void)sqlite3_bind_text(statement, 2, data, (int)bytes.size, SQLITE_STATIC);
        (void)sqlite3_step(statement);
    }
    (void)sqlite3_finalize(statement);
}

/* how: a number, bytes, a text, or bytes in the place of some that are there. */
static void change_cell(sqlite3 *db, const struct cell *cell, int how, uint32_t place,
                        struct sk_str bytes)
{
    char sql[512];
    uint32_t row = place % 64, offset = place / 64;
    const char *value = "?2";
    char spliced[160] = "";
    if (how == 3) {
        (void)snprintf(spliced, sizeof spliced,
                       "cast(substr(%s, 1, %u) || ?2 || substr(%s, %u) as blob)", cell->column,
                       offset, cell->column, offset + 1 + (uint32_t)bytes.size);
        value = spliced;
    }
    (void)snprintf(sql, sizeof sql,
                   "UPDATE OR IGNORE %s SET %s = %s WHERE %s = (SELECT %s FROM %s LIMIT 1 OFFSET "
                   "?1 %% max(1, (SELECT count(*) FROM %s)))",
                   cell->table, cell->column, value, cell->key, cell->key, cell->table,
                   cell->table);
    exec(db, sql, row, bytes, how == 3 ? 1 : how);
}

static void change_rows(struct fuzz_bytes bytes)
{
    sqlite3 *db = NULL;
    bool is_hostile = false;
    if (sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
        (void)sqlite3_exec(db, "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; BEGIN",
                           NULL, NULL, NULL);
        for (int i = 0; bytes.left > 0 && i < OPS_MAX; i++) {
            uint32_t kind = fuzz_u8(&bytes), place = fuzz_u16(&bytes);
            struct sk_str what = fuzz_take(&bytes, fuzz_u8(&bytes));
            if (kind < 2) continue;
            change_cell(db, &cells[(kind - 2) % CELLS_COUNT], (int)(place % HOWS), place / HOWS,
                        what);
            is_hostile = is_hostile || kind < HOSTILE_BELOW;
        }
        if (is_hostile) (void)sqlite3_exec(db, "UPDATE event SET sum = NULL", NULL, NULL, NULL);
        (void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    }
    (void)sqlite3_close(db);
}

static void change_bytes(struct fuzz_bytes bytes)
{
    int fd = open(file, O_RDWR | O_CLOEXEC);
    FUZZ_CHECK(fd >= 0, "no file");
    for (int i = 0; bytes.left > 0 && i < OPS_MAX; i++) {
        uint32_t kind = fuzz_u8(&bytes), place = fuzz_u16(&bytes);
        struct sk_str what = fuzz_take(&bytes, fuzz_u8(&bytes));
        if (kind > 1) continue;
        off_t at = (off_t)((uint64_t)place * 7 % template.size);
        if (kind == 1 && what.size == 0) (void)!ftruncate(fd, at);
        if (what.size > 0) (void)!pwrite(fd, what.data, what.size, at);
    }
    (void)close(fd);
}

static void write_file(void)
{
    remove_files();
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_CHECK(fd >= 0 && write(fd, template.data, template.size) == (ssize_t) template.size,
               "%s cannot be written", file);
    (void)close(fd);
}

/* ---- the true file --------------------------------------------------------------------------- */

static void define_all(struct server *server)
{
    for (uint32_t i = 0; i < FUZZ_PLANS_COUNT; i++) {
        struct fuzz_answer reply;
        struct fuzz_request request = { .method = SK_HTTP_POST,
                                        .path = SK_STR("/api/v1/definitions"),
                                        .type = SK_STR("application/yaml"),
                                        .body = sk_str_of(fuzz_plan_source(i)) };
        fuzz_ask(server->api, &request, &reply, pump, server);
        FUZZ_CHECK(reply.status == 201, "%s", sk_buf_text(&reply.body));
        fuzz_answer_release(&reply);
    }
}

static void live(struct server *server)
{
    static const char *const starts[] = {
        "{\"definition\":\"line\",\"id\":\"s-1\",\"input\":{\"n\":1},\"tags\":[\"x\"]}",
        "{\"definition\":\"child\",\"id\":\"s-2\",\"input\":{}}",
        "{\"definition\":\"graph\",\"id\":\"s-3\",\"input\":{\"amount\":5,\"list\":[1,2]}}",
        "{\"definition\":\"forward\",\"id\":\"s-4\",\"attributes\":{\"k\":1}}",
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        FUZZ_CHECK(ask(server, SK_HTTP_POST, "/api/v1/sagas", starts[i]) == 201, "%s", starts[i]);
    for (int i = 0; i < 8; i++) (void)ask(server, SK_HTTP_GET, "/api/v1/sagas/s-3?wait=50ms", "");
    (void)ask(server, SK_HTTP_POST, "/api/v1/sagas/s-1/signals",
              "{\"name\":\"go\",\"id\":\"g-1\",\"data\":{}}");
    (void)ask(server, SK_HTTP_POST, "/api/v1/schedules",
              "{\"id\":\"e-1\",\"cron\":\"@yearly\",\"definition\":\"child\"}");
    (void)ask(server, SK_HTTP_GET, "/api/v1/sagas/s-1?wait=50ms", "");
}

static void read_template(void)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat about;
    FUZZ_CHECK(fd >= 0 && fstat(fd, &about) == 0, "no file");
    sk_buf_init(&template, 0);
    char *room = sk_buf_reserve(&template, (size_t)about.st_size);
    FUZZ_CHECK(room != NULL && read(fd, room, (size_t)about.st_size) == about.st_size, "no bytes");
    template.size = (size_t)about.st_size;
    (void)close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    struct server server;
    /* In memory where there is such a folder: thousands of stores are opened. */
    bool has_shm = access("/dev/shm", W_OK) == 0;
    const char *where = has_shm ? "/dev/shm" : getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%.80s/skald-fuzz-XXXXXX", where ? where : "/tmp");
    FUZZ_CHECK(mkdtemp(folder) != NULL, "%s", folder);
    (void)snprintf(file, sizeof file, "%s/db", folder);
    (void)snprintf(url, sizeof url, "sqlite:%s", file);
    (void)atexit(remove_folder);
    enum skald_status status = open_server(&server, true);
    FUZZ_CHECK(status == SKALD_OK, "%s", server.error.message);
    define_all(&server);
    live(&server);
    close_server(&server);
    read_template();
    return 0;
}

/* ---- the run --------------------------------------------------------------------------------- */

static void on_problem(void *context, const char *text)
{
    (void)context;
    FUZZ_CHECK(text[0] != '\0', "a problem without words");
}

static void check_store(void)
{
    struct sk_store_report report = { .problem = on_problem };
    struct sk_store_watcher nobody = { NULL, NULL };
    struct sk_store_look look;
    skald_error error = { 0 };
    enum skald_status status = sk_store_look(url, &look, &error);
    if (status != SKALD_OK) fuzz_check_error(status, &error, "look");
    error = (skald_error){ 0 };
    status = sk_store_check(url, nobody, &report, &error);
    if (status != SKALD_OK) fuzz_check_error(status, &error, "check");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes bytes = { data, size };
    struct server server;
    write_file();
    change_rows(bytes);
    change_bytes(bytes);
    enum skald_status status = open_server(&server, false);
    if (status == SKALD_OK)
        ask_all(&server);
    else
        fuzz_check_error(status, &server.error, "opening it");
    close_server(&server);
    check_store();
    return 0;
}

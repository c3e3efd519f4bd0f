/*
 * scenario_library.c: a program that embeds Skald, as programs do: real clocks and threads, the
 * SQLite store, functions of which some block, a subscription, a definition built in C, and the
 * HTTP server on the same loop. Threads make the order of calls a little different in each run, so
 * the n-th call is not always the same one; and groups of commits, checkpoints and reads run beside
 * each other here, which they do not in scenario_order.c.
 *
 * Judged: every call says SKALD_OK or a status with a message; what was acknowledged is there after
 * the next open; the sagas end as they should, and the books of the functions agree.
 */
#include "sweep.h"

#include "books.h"
#include "client.h"
#include "judge.h"

#include <skald/skald.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TRIES_MAX = 400, PAUSE_MS = 10, WAIT_MS = 15000, URL_SIZE = 600 };

static const char trip_yaml[] =
    "saga: {id: trip, name: Trip, version: '1', timeout: 1h,\n"
    "       output: {room: '{{ .output.room.id }}'}}\n"
    "global_retry_policy: {type: fixed_delay, max_attempts: 1000, initial_delay: 20ms}\n"
    "global_compensation: {strategy: parallel, max_attempts: 1000,\n"
    "                      retry_policy: {type: fixed_delay, max_attempts: 1000,"
    " initial_delay: 20ms}}\n"
    "steps:\n"
    "- {id: room, name: Room, type: function,\n"
    "   action: {function: {name: room, parameters: {for: '{{ .input.who }}'}}},\n"
    "   compensation: {type: automatic}}\n"
    "- {id: car, name: Car, type: function, action: {function: {name: car}},\n"
    "   compensation: {type: automatic}}\n"
    "- {id: sure, name: Sure, type: wait, dependencies: [room], wait: {signal: sure}}\n"
    "- {id: pay, name: Pay, type: function, dependencies: [car, sure],\n"
    "   action: {function: {name: pay, parameters: {room: '{{ .output.room.id }}'}}},\n"
    "   compensation: {type: automatic}}\n";

struct trip {
    struct sweep_run *run;
    skald_engine *engine;
    char url[URL_SIZE];
    bool is_faulty, is_stopped;
    bool is_acknowledged[2];
};

static const char *const sagas[] = { "trip-1", "trip-2" };
static const char *const states[] = { "completed", "compensated" };

/* ---- the functions --------------------------------------------------------------------------- */

static pthread_mutex_t book_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint events_heard;

static void note(skald_call *call)
{
    const char *key = skald_call_key(call);
    fault_hold();
    (void)pthread_mutex_lock(&book_lock);
    books_task(key, skald_call_operation(call) == SKALD_OPERATION_COMPENSATION);
    (void)pthread_mutex_unlock(&book_lock);
    fault_release();
}

static void do_it(skald_call *call, void *user)
{
    (void)user;
    note(call);
    (void)skald_input_text(call, "who");
    (void)skald_parameter_text(call, "for");
    skald_succeed(call, "{\"id\": \"r-1\"}");
}

static void pay(skald_call *call, void *user)
{
    (void)user;
    if (strcmp(skald_call_saga(call), sagas[1]) == 0) {
        skald_fail(call, "declined", "no money");
        return;
    }
    note(call);
    (void)skald_output_text(call, "room", "id");
    skald_succeed(call, NULL);
}

static void on_event(const skald_event *event, void *user)
{
    (void)event, (void)user;
    (void)atomic_fetch_add(&events_heard, 1);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void pause_ms(int ms)
{
    (void)nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L },
                    NULL);
}

/* true: once more. Notes what was told, and judges it. */
static bool again(struct trip *trip, const char *what, enum skald_status status,
                  const skald_error *error, int tries)
{
    if (status == SKALD_OK) return false;
    enum skald_class class_ = skald_status_class(status);
    fault_hold();
    if (!trip->is_faulty)
        sweep_fail(trip->run, "%s without a fault: %s", what, error->message);
    else if (class_ != SKALD_CLASS_RETRY && class_ != SKALD_CLASS_FATAL)
        sweep_fail(trip->run, "%s: %s, the caller's fault: %s", what, skald_status_name(status),
                   error->message);
    sweep_told(trip->run, what, (int)status, error->message);
    fault_release();
    if (class_ == SKALD_CLASS_FATAL && tries > TRIES_MAX / 2) trip->is_stopped = true;
    pause_ms(PAUSE_MS);
    return tries < TRIES_MAX && !trip->is_stopped;
}

#define CALL(trip, what, expression)                               \
    do {                                                           \
        skald_error error_ = { .status = SKALD_OK };               \
        skald_error *error = &error_;                              \
        for (int i_ = 0; !(trip)->is_stopped; i_++) {              \
            enum skald_status status_ = (expression);              \
            if (!again((trip), (what), status_, error, i_)) break; \
        }                                                          \
    } while (0)

/* Made anew for each try: what is built may have failed half-way. */
static enum skald_status define_built(skald_engine *engine, skald_error *error)
{
    skald_definition *definition = skald_definition_new("note", "Note", "1");
    if (definition == NULL) {
        *error = (skald_error){ SKALD_E_MEMORY, "no definition" };
        return SKALD_E_MEMORY;
    }
    skald_definition_set_retry(definition, &(skald_retry_policy){ .type = SKALD_RETRY_FIXED,
                                                                  .retries = 100,
                                                                  .initial_ms = 20 });
    enum skald_status status =
        skald_definition_add_step(definition, "car",
                                  &SKALD_OPTIONS(skald_step_options, .function = "car",
                                                 .undo = SKALD_UNDO_AUTOMATIC),
                                  error);
    if (status == SKALD_OK) status = skald_define(engine, definition, NULL, error);
    skald_definition_free(definition);
    return status;
}

static enum skald_status start(struct trip *trip, int index, skald_error *error)
{
    const skald_start_options options =
        SKALD_OPTIONS(skald_start_options, .id = sagas[index], .tags_json = "[\"web\"]");
    skald_reply *reply = NULL;
    enum skald_status status =
        skald_start(trip->engine, "trip", "{\"who\": \"Ada\"}", &options, &reply, error);
    if (status == SKALD_OK) trip->is_acknowledged[index] = true;
    skald_reply_free(reply);
    return status;
}

static enum skald_status see_end(struct trip *trip, int index, skald_error *error)
{
    skald_reply *reply = NULL;
    enum skald_status status = skald_wait(trip->engine, sagas[index], WAIT_MS, &reply, error);
    if (status == SKALD_OK && !skald_state_is_end(skald_reply_state(reply))) {
        fault_hold();
        sweep_fail(trip->run, "%s does not go on: %s", sagas[index],
                   skald_reply_json(reply, NULL) == NULL ? "" : skald_reply_json(reply, NULL));
        fault_release();
    }
    skald_reply_free(reply);
    return status;
}

static enum skald_status list(struct trip *trip, skald_error *error)
{
    skald_reply *reply = NULL;
    enum skald_status status =
        skald_list(trip->engine, &SKALD_OPTIONS(skald_list_options, .definition = "trip"), &reply,
                   error);
    skald_reply_free(reply);
    return status;
}

static enum skald_status look(struct trip *trip, skald_error *error)
{
    skald_reply *reply = NULL;
    enum skald_status status = skald_events(trip->engine, sagas[0], 0, 10, &reply, error);
    if (status == SKALD_OK && skald_reply_count(reply, "items") == 0)
        sweep_fail(trip->run, "a saga without events");
    skald_reply_free(reply);
    return status;
}

static enum skald_status schedule(struct trip *trip, skald_error *error)
{
    const skald_schedule_options options =
        SKALD_OPTIONS(skald_schedule_options, .id = "daily", .cron = "@daily");
    return skald_create_schedule(trip->engine, "note", &options, NULL, error);
}

/* A client of the HTTP server: whatever is answered, or nothing, the server must live. */
static void ask_http(uint16_t port)
{
    static const char request[] = "GET /api/v1/sagas?limit=1 HTTP/1.1\r\nHost: a\r\n"
                                  "Connection: close\r\n\r\n";
    char answer[2048];
    fault_hold();
    int fd = client_connect(port, 2);
    if (fd >= 0 && send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0)
        while (recv(fd, answer, sizeof answer, 0) > 0) {}
    if (fd >= 0) (void)close(fd);
    fault_release();
}

/* ---- the two parts --------------------------------------------------------------------------- */

static enum skald_status open_trip(struct trip *trip, skald_error *error)
{
    static const char *const settings[] = { "limits.history_max=5000", NULL };
    const skald_options options =
        SKALD_OPTIONS(skald_options, .store = trip->url, .sweep_interval_ms = 200, .helpers_max = 2,
                      .grace_ms = 500, .settings = settings);
    trip->is_stopped = false;
    return skald_open(&options, &trip->engine, error);
}

static void register_all(struct trip *trip)
{
    const skald_function_options car =
        SKALD_OPTIONS(skald_function_options, .action = do_it, .compensation = do_it,
                      .is_non_blocking = true);
    CALL(trip, "register", skald_register(trip->engine, "room", do_it, do_it, NULL, error));
    CALL(trip, "register", skald_register_with(trip->engine, "car", &car, error));
    CALL(trip, "register", skald_register(trip->engine, "pay", pay, do_it, NULL, error));
}

static void do_all(struct trip *trip)
{
    skald_engine *engine = trip->engine;
    skald_subscription *subscription = NULL;
    register_all(trip);
    CALL(trip, "subscribe", skald_subscribe(engine, NULL, on_event, NULL, &subscription, error));
    CALL(trip, "define", skald_define_text(engine, trip_yaml, "trip.yaml", NULL, error));
    CALL(trip, "define what was built", define_built(engine, error));
    for (int i = 0; i < 2; i++) CALL(trip, "start", start(trip, i, error));
    uint16_t port = 0;
    CALL(trip, "serve", skald_serve(engine, "127.0.0.1:0", &port, error));
    if (port != 0) ask_http(port);
    for (int i = 0; i < 2; i++)
        CALL(trip, "signal", skald_signal(engine, sagas[i], "sure", "s", NULL, NULL, error));
    CALL(trip, "schedule", schedule(trip, error));
    for (int i = 0; i < 2; i++) CALL(trip, "wait", see_end(trip, i, error));
    CALL(trip, "list", list(trip, error));
    CALL(trip, "events", look(trip, error));
    skald_unsubscribe(subscription);
}

static void run_with_fault(struct trip *trip)
{
    struct sweep_run *run = trip->run;
    skald_error error = { .status = SKALD_OK };
    trip->is_faulty = true;
    int64_t blocks = fault_blocks();
    sweep_arm(run, false);
    enum skald_status status = open_trip(trip, &error);
    if (status == SKALD_OK) sweep_arm(run, true);
    if (status != SKALD_OK) {
        sweep_told(run, "open", (int)status, error.message);
        run->report->end = SWEEP_REOPENED;
    } else {
        do_all(trip);
        if (trip->is_stopped) run->report->end = SWEEP_REOPENED;
        status = skald_close(trip->engine);
        if (status != SKALD_OK) sweep_told(run, "close", (int)status, skald_status_text(status));
    }
    fault_disarm();
    sweep_end_fault(run, blocks);
}

static void check_state(struct trip *trip, int index)
{
    skald_error error = { .status = SKALD_OK };
    skald_reply *reply = NULL;
    enum skald_status status = skald_get(trip->engine, sagas[index], &reply, &error);
    const char *state =
        status == SKALD_OK ? skald_state_name(skald_reply_state(reply)) : error.message;
    if (status != SKALD_OK || strcmp(state, states[index]) != 0)
        sweep_fail(trip->run, "%s is %s and should be %s", sagas[index], state, states[index]);
    skald_reply_free(reply);
}

static bool is_of_undone(const char *key)
{
    return strncmp(key, "trip-2", 6) == 0;
}

static void run_again(struct trip *trip)
{
    skald_error failure = { .status = SKALD_OK };
    trip->is_faulty = false;
    if (open_trip(trip, &failure) != SKALD_OK) {
        sweep_fail(trip->run, "a new open fails: %s", failure.message);
        return;
    }
    register_all(trip);
    for (int i = 0; i < 2; i++) {
        skald_reply *reply = NULL;
        if (!trip->is_acknowledged[i]) continue;
        if (skald_get(trip->engine, sagas[i], &reply, &failure) != SKALD_OK)
            sweep_fail(trip->run, "%s was acknowledged and is lost: %s", sagas[i], failure.message);
        skald_reply_free(reply);
    }
    /* Everything again: it is the same under the same ids. Who has ended takes no signal. */
    CALL(trip, "define", skald_define_text(trip->engine, trip_yaml, "trip.yaml", NULL, error));
    for (int i = 0; i < 2; i++) {
        CALL(trip, "start", start(trip, i, error));
        (void)skald_signal(trip->engine, sagas[i], "sure", "s", NULL, NULL, NULL);
        CALL(trip, "wait", see_end(trip, i, error));
        check_state(trip, i);
    }
    if (skald_close(trip->engine) != SKALD_OK) sweep_fail(trip->run, "close without a fault");
    static const char *const done[] = { "trip-1/room", "trip-1/car", "trip-1/pay" };
    judge_done(trip->run, done, sizeof done / sizeof done[0]);
    judge_undone(trip->run, is_of_undone);
    judge_store(trip->run, trip->url);
}

static void run_library(struct sweep_run *run)
{
    static struct trip trip;
    memset(&trip, 0, sizeof trip);
    books_clear();
    trip.run = run;
    (void)snprintf(trip.url, sizeof trip.url, "sqlite:%s/trips.db", run->folder);
    run_with_fault(&trip);
    if (run->report->failure[0] == 0) run_again(&trip);
}

const struct sweep_scenario sweep_library = {
    .name = "library",
    .what = "a program that embeds Skald, with real clocks and threads",
    .is_late = true,
    .run = run_library,
    .is_real = true,
    .kinds = 1u << FAULT_ALLOCATION | 1u << FAULT_FILE | 1u << FAULT_SQLITE,
};

const struct sweep_scenario sweep_library_opening = {
    .name = "library-opening",
    .what = "the same, from the opening of the store on",
    .run = run_library,
    .is_real = true,
    .kinds = 1u << FAULT_ALLOCATION | 1u << FAULT_FILE | 1u << FAULT_SQLITE,
};

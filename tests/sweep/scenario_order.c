/*
 * scenario_order.c: a shop's orders on the real store and in virtual time. One is delivered, one is
 * refused and undone, one is cancelled; between them they use what a saga can: parallel branches, a
 * condition, a foreach, a child, a lock, a signal, a task, a pending answer, a lost one with its
 * verify, an asynchronous step, hooks and a schedule.
 *
 * Judged: every request is answered, with a clear error or as without the fault; what was
 * acknowledged is there after a new start; every saga ends as it should; the participants' books
 * agree with the sagas' ends; the store passes its own check.
 */
#include "sweep.h"

#include "books.h"
#include "judge.h"
#include "world.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASKS_MAX = 1000, PAUSE_MS = 1000, HOUR_MS = 60 * 60 * 1000, TURN_MS = 1000 };

#define UNDO "compensation: {type: automatic}"

static const char gift_yaml[] =
    "saga: {id: gift, name: Gift, version: '1', timeout: 48h}\n"
    "global_retry_policy: {type: fixed_delay, max_attempts: 100, initial_delay: 1s}\n"
    "global_compensation: {strategy: sequential, max_attempts: 100}\n"
    "steps:\n"
    "- {id: wrap, name: Wrap, type: function, action: {function: {name: wrap}}, " UNDO "}\n";

static const char tick_yaml[] =
    "saga: {id: tick, name: Tick, version: '1', timeout: 48h}\n"
    "global_retry_policy: {type: fixed_delay, max_attempts: 100, initial_delay: 1s}\n"
    "steps:\n"
    "- {id: count, name: Count, type: function, action: {function: {name: count}}, " UNDO "}\n";

static const char order_yaml[] =
    "saga:\n"
    "  id: order\n"
    "  name: Order\n"
    "  version: '1'\n"
    "  timeout: 48h\n"
    "  tags: [shop]\n"
    "  lock_keys: ['shelf-{{ .input.shelf }}']\n"
    "  lock_timeout: 24h\n"
    "  input_schema: {type: object, required: [shelf, lines], properties: {shelf: {type: string},"
    " lines: {type: array, items: {type: string, pattern: '^[a-z]+$'}}}}\n"
    "  output: {total: '{{ .output.price.total }}', pay: '{{ .output.refuse-or-pay.id }}'}\n"
    "  on_success: {actions: [{function: {name: thank, parameters: {to: '{{ .input.who }}'}}}]}\n"
    "  on_failure: {actions: [{function: {name: sorry, parameters: {why: '{{ .error.code }}'}}}]}\n"
    "global_retry_policy: {type: fixed_delay, max_attempts: 100, initial_delay: 1s}\n"
    "global_compensation: {strategy: sequential, max_attempts: 100}\n"
    "steps:\n"
    "- {id: reserve, name: Reserve, type: function,\n"
    "   action: {function: {name: reserve, parameters: {who: '{{ .input.who | upper }}'}}},\n"
    "   " UNDO "}\n"
    "- {id: price, name: Price, type: function, action: {function: {name: price}},\n"
    "   compensation: {type: skip}}\n"
    "- {id: busy-insure, name: Insure, type: function, dependencies: [reserve],\n"
    "   condition: {expression: '$input.insured == true && len($input.lines) > 0'},\n"
    "   action: {function: {name: insure}}, " UNDO "}\n"
    "- {id: line, name: Line, type: function, dependencies: [reserve, price],\n"
    "   foreach: {items: '{{ .input.lines }}', var: line, parallel: 2,\n"
    "     action: {function: {name: line, parameters: {line: '{{ .line }}',\n"
    "       of: '{{ .output.reserve.id }}'}}}, " UNDO "}}\n"
    "- {id: gift, name: Gift, type: saga, dependencies: [reserve],\n"
    "   action: {saga: {definition: gift, input: {for: '{{ .saga_id }}'}}}, " UNDO "}\n"
    "- {id: pack, name: Pack, type: task, dependencies: [line],\n"
    "   action: {task: {queue: packers, input: {lines: '{{ .input.lines }}'}}}, " UNDO "}\n"
    "- {id: approve, name: Approve, type: wait, dependencies: [reserve], wait: {signal: go}}\n"
    "- {id: lose-card, name: Card, type: function, dependencies: [approve, gift],\n"
    "   action: {function: {name: card}}, verify: {function: {name: card-check}}, " UNDO "}\n"
    "- {id: refuse-or-pay, name: Pay, type: function, dependencies: [pack, lose-card,"
    " busy-insure],\n"
    "   action: {function: {name: pay}}, " UNDO "}\n"
    "- {id: pend-ship, name: Ship, type: function, dependencies: [refuse-or-pay],\n"
    "   pending_timeout: 24h, action: {function: {name: ship}}, " UNDO "}\n"
    "- {id: mail, name: Mail, type: function, async: true, dependencies: [refuse-or-pay],\n"
    "   action: {function: {name: mail}}, compensation: {type: skip}}\n";

#define START(id, shelf, insured)                                                              \
    "{\"definition\":\"order\",\"id\":\"" id "\",\"input\":{\"shelf\":\"" shelf "\","          \
    "\"who\":\"J\\u00fcrgen\",\"insured\":" insured ",\"lines\":[\"pen\",\"ink\",\"cup\"]},"   \
    "\"context\":{\"request\":\"r-1\"},\"tags\":[\"web\"],\"attributes\":{\"region\":\"eu\"}," \
    "\"business_key\":\"c-7\"}"
#define COMMAND "{\"by\":\"ann\",\"reason\":\"changed her mind\"}"
#define SIGNAL(id) "{\"name\":\"go\",\"id\":\"" id "\",\"data\":{\"by\":\"bob\"}}"

/* What is done, in this order. `saga`: must be there once this was answered with a success. */
static const struct request {
    enum sk_http_method method;
    const char *path, *type, *body;
    const char *saga;
    int run_ms; /* afterwards */
} requests[] = {
    { SK_HTTP_POST, "/api/v1/definitions", "application/yaml", gift_yaml, NULL, 0 },
    { SK_HTTP_POST, "/api/v1/definitions?file=order.saga.yaml", "application/yaml", order_yaml,
      NULL, 0 },
    { SK_HTTP_POST, "/api/v1/definitions", "application/yaml", tick_yaml, NULL, 0 },
    { SK_HTTP_POST, "/api/v1/sagas", "", START("order-1", "a", "true"), "order-1", 0 },
    { SK_HTTP_POST, "/api/v1/sagas", "", START("order-2", "b", "false"), "order-2", 0 },
    { SK_HTTP_POST, "/api/v1/sagas", "", START("order-3", "a", "true"), "order-3", 100 },
    { SK_HTTP_POST, "/api/v1/schedules", "",
      "{\"id\":\"ticking\",\"cron\":\"*/5 * * * *\",\"definition\":\"tick\",\"input\":"
      "{\"at\":\"{{ .timestamp }}\"},\"overlap\":\"queue\"}",
      NULL, TURN_MS },
    { SK_HTTP_GET, "/api/v1/sagas/order-1/explain", "", "", NULL, 0 },
    { SK_HTTP_POST, "/api/v1/sagas/order-1/signals", "", SIGNAL("s-1"), NULL, 0 },
    { SK_HTTP_POST, "/api/v1/sagas/order-2/suspend", "", COMMAND, NULL, 0 },
    { SK_HTTP_POST, "/api/v1/sagas/order-2/signals", "", SIGNAL("s-2"), NULL, TURN_MS },
    { SK_HTTP_POST, "/api/v1/sagas/order-2/resume", "", COMMAND, NULL, 0 },
    { SK_HTTP_GET, "/api/v1/sagas/order-3/cancel/preview", "", "", NULL, 0 },
    { SK_HTTP_POST, "/api/v1/sagas/order-3/cancel", "", COMMAND, NULL, 0 },
};
enum { REQUESTS_COUNT = sizeof requests / sizeof requests[0] };

/* What is looked at when all is over. */
static const char *const looks[] = {
    "/api/v1/sagas/order-1?wait=1s",
    "/api/v1/sagas/order-1/events",
    "/api/v1/sagas/order-2/steps",
    "/api/v1/sagas?definition=order&state=completed,compensated&limit=2",
    "/api/v1/events?cursor=start&type=saga.*",
    "/api/v1/schedules/ticking",
    "/api/v1/locks",
    "/api/v1/stats",
    "/api/v1/sagas/order-1/export",
};

static const struct expected {
    const char *saga, *state;
} expected[] = {
    { "order-1", "completed" },
    { "order-2", "compensated" },
    { "order-3", "cancelled" },
};
enum { EXPECTED_COUNT = sizeof expected / sizeof expected[0] };

/* Of a completed order: each must have been done. */
static const char *const completed_keys[] = {
    "order-1/reserve", "order-1/price",     "order-1/busy-insure",   "order-1/line/0",
    "order-1/line/1",  "order-1/line/2",    "order-1.gift/wrap",     "order-1/pack",
    "order-1/mail",    "order-1/lose-card", "order-1/refuse-or-pay", "order-1/pend-ship",
};

struct shop {
    struct sweep_run *run;
    struct world world;
    char body[WORLD_BODY_SIZE];
    bool is_acknowledged[REQUESTS_COUNT];
    bool is_faulty; /* the first part: errors may be told */
};

/* ---- asking ---------------------------------------------------------------------------------- */

static void note_error(struct shop *shop, const char *what, int status)
{
    fault_hold();
    json_t *problem = json_loads(shop->body, JSON_REJECT_DUPLICATES, NULL);
    const char *title = json_string_value(json_object_get(problem, "title"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    char text[SWEEP_TEXT_SIZE];
    snprintf(text, sizeof text, "%s: %s", title == NULL ? "" : title, detail == NULL ? "" : detail);
    bool says_something = (detail != NULL && detail[0] != 0) || (title != NULL && title[0] != 0);
    /* -1 and 0 come without a body: no memory even for that. */
    bool is_bodiless = status <= 0 || (status == 503 && shop->body[0] == 0);
    if (!shop->is_faulty)
        sweep_fail(shop->run, "%s without a fault: %d %s", what, status, shop->body);
    sweep_told(shop->run, what, status, says_something ? text : is_bodiless ? "no memory" : "");
    json_decref(problem);
    fault_release();
}

/* As a client does who comes again after an error that may pass. */
static int ask(struct shop *shop, enum sk_http_method method, const char *path, const char *type,
               const char *body)
{
    int status = 0;
    for (int i = 0; i < ASKS_MAX; i++) {
        status = world_ask(&shop->world, method, path, type, body, shop->body, sizeof shop->body);
        if (status >= 200 && status < 300) return status;
        if (status >= 400 && status < 500 && status != 429) return status;
        note_error(shop, path, status);
        if (shop->world.is_broken) return status;
        world_run(&shop->world, PAUSE_MS);
    }
    return status;
}

static bool may_be_refused(const struct request *request, int status)
{
    /* Came too late: what it is for is over already. */
    return status == 409 && request->method == SK_HTTP_POST && request->saga == NULL;
}

static void do_requests(struct shop *shop)
{
    for (int i = 0; i < REQUESTS_COUNT && !shop->world.is_broken; i++) {
        const struct request *request = &requests[i];
        if (shop->is_acknowledged[i]) continue;
        int status = ask(shop, request->method, request->path, request->type, request->body);
        shop->is_acknowledged[i] = status >= 200 && status < 300;
        if (status >= 400 && status < 500 && !may_be_refused(request, status))
            sweep_fail(shop->run, "%s is answered %d, the client's fault: %s", request->path,
                       status, shop->body);
        if (request->run_ms > 0) world_run(&shop->world, request->run_ms);
    }
}

/* ---- workers and late answers ---------------------------------------------------------------- */

static void complete_pending(struct shop *shop)
{
    struct pending_answer *pending;
    while (!shop->world.is_broken && (pending = books_pending(0)) != NULL) {
        char path[WORLD_TEXT_SIZE + 128];
        char body[WORLD_TEXT_SIZE];
        pending->is_open = false;
        snprintf(path, sizeof path, "/api/v1/sagas/%s/steps/%s/complete", pending->saga,
                 pending->step);
        snprintf(body, sizeof body,
                 "{\"token\":\"%s\",\"outcome\":\"succeeded\",\"output\":{\"id\":\"p-1\"}}",
                 pending->token);
        int status = ask(shop, SK_HTTP_POST, path, "", body);
        if (status >= 200 && status < 300) continue;
        if (status >= 500 || status <= 0) {
            pending->is_open = true; /* told again after the next start */
            return;
        }
        if (status != 409) sweep_fail(shop->run, "%s is answered %d: %s", path, status, shop->body);
    }
}

static void work(struct shop *shop, const json_t *task)
{
    char body[WORLD_TEXT_SIZE * 2];
    const char *operation = json_string_value(json_object_get(task, "operation"));
    const char *key = json_string_value(json_object_get(task, "key"));
    if (operation == NULL || key == NULL) {
        sweep_fail(shop->run, "a task without key or operation");
        return;
    }
    books_task(key, strcmp(operation, "compensation") == 0);
    snprintf(body, sizeof body,
             "{\"tasks\":[{\"saga\":\"%s\",\"token\":\"%s\",\"output\":{\"box\":1}}]}",
             json_string_value(json_object_get(task, "saga")),
             json_string_value(json_object_get(task, "token")));
    fault_release();
    (void)ask(shop, SK_HTTP_POST, "/api/v1/tasks/complete", "", body);
    fault_hold();
}

/* What is not told in its lease is taken by the next worker. */
static void work_tasks(struct shop *shop)
{
    static const char poll[] =
        "{\"queue\":\"packers\",\"worker\":\"w-1\",\"max\":5,\"lease\":\"30s\"}";
    int status = ask(shop, SK_HTTP_POST, "/api/v1/tasks/poll", "", poll);
    if (status != 200) return;
    fault_hold();
    json_t *answer = json_loads(shop->body, 0, NULL);
    json_t *items = json_object_get(answer, "items");
    for (size_t i = 0; i < json_array_size(items); i++) work(shop, json_array_get(items, i));
    json_decref(answer);
    fault_release();
}

/* ---- the two parts --------------------------------------------------------------------------- */

static bool is_all_over(const struct shop *shop)
{
    for (size_t i = 0; i < EXPECTED_COUNT; i++)
        if (!world_is_over(&shop->world, expected[i].saga)) return false;
    return true;
}

/* Till all is over, and the clock's sagas have had their turn. */
static void drive(struct shop *shop, int64_t ms)
{
    int64_t until_ms = shop->world.now_ms + ms;
    int64_t least_ms = shop->world.now_ms + HOUR_MS / 6;
    for (int turn = 0; shop->world.now_ms < until_ms && !shop->world.is_broken; turn++) {
        bool is_over = is_all_over(shop);
        if (is_over && shop->world.now_ms >= least_ms) return;
        /* Step by step while there is work, then in strides. */
        world_run(&shop->world, is_over || turn > 60 ? 20 * TURN_MS : TURN_MS);
        complete_pending(shop);
        if (!is_over) work_tasks(shop);
    }
}

static void look_around(struct shop *shop)
{
    for (size_t i = 0; i < sizeof looks / sizeof looks[0] && !shop->world.is_broken; i++) {
        int status = ask(shop, SK_HTTP_GET, looks[i], "", "");
        if (status >= 400 && status < 500)
            sweep_fail(shop->run, "%s is answered %d: %s", looks[i], status, shop->body);
    }
}

/* Everything up to the end that the fault may leave. */
static void run_with_fault(struct shop *shop)
{
    struct sweep_run *run = shop->run;
    skald_error error = { .status = SKALD_OK };
    shop->is_faulty = true;
    int64_t blocks = fault_blocks();
    sweep_arm(run, false);
    enum skald_status status = world_open(&shop->world, &error);
    if (status == SKALD_OK) sweep_arm(run, true);
    if (status != SKALD_OK) {
        sweep_told(run, "open", (int)status, error.message);
        run->report->end = SWEEP_REOPENED;
        fault_disarm();
        sweep_end_fault(run, blocks);
        return;
    }
    do_requests(shop);
    drive(shop, 4 * (int64_t)HOUR_MS);
    look_around(shop);
    if (shop->world.is_broken) {
        sweep_told(run, "the engine stops", SKALD_E_IO, shop->world.why);
        run->report->end = SWEEP_REOPENED;
    } else if (!is_all_over(shop)) {
        for (size_t i = 0; i < EXPECTED_COUNT; i++) {
            if (world_is_over(&shop->world, expected[i].saga)) continue;
            char path[WORLD_TEXT_SIZE];
            snprintf(path, sizeof path, "/api/v1/sagas/%s/explain", expected[i].saga);
            (void)world_ask(&shop->world, SK_HTTP_GET, path, "", "", shop->body, sizeof shop->body);
            sweep_fail(run, "%s does not go on in the same process: %.300s", expected[i].saga,
                       shop->body);
        }
    }
    world_close(&shop->world);
    fault_disarm();
    sweep_end_fault(run, blocks);
}

static void check_acknowledged(struct shop *shop)
{
    for (int i = 0; i < REQUESTS_COUNT; i++) {
        char path[WORLD_TEXT_SIZE];
        if (requests[i].saga == NULL || !shop->is_acknowledged[i]) continue;
        snprintf(path, sizeof path, "/api/v1/sagas/%s", requests[i].saga);
        int status = ask(shop, SK_HTTP_GET, path, "", "");
        if (status != 200)
            sweep_fail(shop->run, "%s was acknowledged and is lost: %d %s", requests[i].saga,
                       status, shop->body);
    }
}

static void check_states(struct shop *shop)
{
    for (size_t i = 0; i < EXPECTED_COUNT; i++) {
        char path[WORLD_TEXT_SIZE];
        snprintf(path, sizeof path, "/api/v1/sagas/%s", expected[i].saga);
        int status = ask(shop, SK_HTTP_GET, path, "", "");
        json_t *saga = json_loads(shop->body, 0, NULL);
        const char *state = json_string_value(json_object_get(saga, "state"));
        if (status != 200 || state == NULL || strcmp(state, expected[i].state) != 0)
            sweep_fail(shop->run, "%s is %s and should be %s (%d): %.300s", expected[i].saga,
                       state == NULL ? "gone" : state, expected[i].state, status, shop->body);
        json_decref(saga);
    }
    int status = ask(shop, SK_HTTP_GET, "/api/v1/sagas?definition=tick&state=completed", "", "");
    json_t *list = json_loads(shop->body, 0, NULL);
    if (status != 200 || json_array_size(json_object_get(list, "items")) == 0)
        sweep_fail(shop->run, "the schedule has started nothing that ended: %d %.200s", status,
                   shop->body);
    json_decref(list);
}

static bool is_of_undone(const char *key)
{
    bool is_skip = strstr(key, "/price") != NULL || strstr(key, "/mail") != NULL ||
                   strstr(key, "/hook/") != NULL;
    return (strncmp(key, "order-2", 7) == 0 || strncmp(key, "order-3", 7) == 0) && !is_skip;
}

static void check_store(struct shop *shop)
{
    char url[WORLD_TEXT_SIZE + 8];
    snprintf(url, sizeof url, "%s:%s", shop->world.is_journal ? "journal" : "sqlite",
             shop->world.path);
    judge_store(shop->run, url);
}

/* What had ended before is not told to observers again. */
static void note_ended(struct shop *shop)
{
    for (size_t i = 0; i < EXPECTED_COUNT; i++) {
        char path[WORLD_TEXT_SIZE];
        snprintf(path, sizeof path, "/api/v1/sagas/%s", expected[i].saga);
        if (ask(shop, SK_HTTP_GET, path, "", "") != 200) continue;
        json_t *saga = json_loads(shop->body, 0, NULL);
        bool is_over = json_is_string(json_object_get(saga, "ended_at"));
        json_decref(saga);
        if (is_over) world_end_known(&shop->world, expected[i].saga);
    }
}

static void run_again(struct shop *shop)
{
    skald_error error = { .status = SKALD_OK };
    shop->is_faulty = false;
    shop->world.ends_count = 0;
    if (world_open(&shop->world, &error) != SKALD_OK) {
        sweep_fail(shop->run, "a new start fails: %s", error.message);
        return;
    }
    check_acknowledged(shop);
    do_requests(shop);
    note_ended(shop);
    drive(shop, 8 * (int64_t)HOUR_MS);
    check_states(shop);
    world_close(&shop->world);
    judge_done(shop->run, completed_keys, sizeof completed_keys / sizeof completed_keys[0]);
    judge_undone(shop->run, is_of_undone);
    check_store(shop);
}

static void run_order(struct sweep_run *run)
{
    static struct shop shop;
    memset(&shop, 0, sizeof shop);
    books_clear();
    shop.run = run;
    shop.world.is_loud = run->is_loud;
    shop.world.is_journal = run->is_journal;
    snprintf(shop.world.path, sizeof shop.world.path, "%s/%s", run->folder,
             run->is_journal ? "shop" : "shop.db");
    run_with_fault(&shop);
    if (run->report->failure[0] == 0) run_again(&shop);
}

const struct sweep_scenario sweep_order = {
    .name = "order",
    .what = "a shop's orders in virtual time on the SQLite store, asked through the API",
    .is_late = true,
    .run = run_order,
    .kinds = 1u << FAULT_ALLOCATION | 1u << FAULT_FILE | 1u << FAULT_SQLITE,
};

const struct sweep_scenario sweep_order_opening = {
    .name = "order-opening",
    .what = "the same, from the opening of the store on",
    .run = run_order,
    .kinds = 1u << FAULT_ALLOCATION | 1u << FAULT_FILE | 1u << FAULT_SQLITE,
};

const struct sweep_scenario sweep_journal = {
    .name = "journal",
    .what = "the shop's orders on the journal store",
    .is_late = true,
    .is_journal = true,
    .is_real = true,
    .run = run_order,
    .kinds = 1u << FAULT_ALLOCATION | 1u << FAULT_FILE,
};

const struct sweep_scenario sweep_journal_opening = {
    .name = "journal-opening",
    .what = "the same, from the opening of the store on",
    .is_journal = true,
    .is_real = true,
    .run = run_order,
    .kinds = 1u << FAULT_ALLOCATION | 1u << FAULT_FILE,
};

/*
 * rte.c: see rte.h. Transactions are sagas: tx_id the id, tx_type the definition. The rest of what
 * that API says of a transaction comes from its saga, so a page reads its sagas one by one.
 */
#include "api/rte.h"

#include "api/gathered.h"
#include "api/routes.h"
#include "api/shapes.h"
#include "base/id.h"
#include "core/state_words.h"
#include "invoke/limits.h"

enum { PAGE_SIZE_DEFAULT = 20, PAGE_SIZE_MAX = 100, PAGE_MAX = 1000000 };

/* ---- a transaction --------------------------------------------------------------------------- */

static const char *step_word(enum sk_step_state state)
{
    switch (state) {
    case SK_STEP_PENDING: return "PENDING";
    case SK_STEP_RUNNING:
    case SK_STEP_WAITING: return "EXECUTING";
    case SK_STEP_COMPLETED: return "COMPLETED";
    case SK_STEP_FAILED: return "FAILED";
    case SK_STEP_SKIPPED: return "SKIPPED";
    case SK_STEP_COMPENSATING: return "COMPENSATING";
    case SK_STEP_COMPENSATED: return "COMPENSATED";
    case SK_STEP_COMPENSATION_FAILED: return "COMPENSATION_FAILED";
    case SK_STEP_STATES_COUNT: break;
    }
    return "PENDING";
}

static uint32_t steps_begun(const struct sk_saga *saga)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < saga->plan->steps_count; i++) {
        if (saga->steps[i].state != SK_STEP_PENDING) count += 1;
    }
    return count;
}

static void put_transaction(struct sk_json_writer *w, const struct sk_saga *saga)
{
    uint32_t begun = steps_begun(saga);
    bool is_locked = saga->locks_count > 0 && begun == 0;
    sk_json_begin_object(w);
    sk_shape_text(w, "tx_id", saga->start.id);
    sk_shape_text(w, "tx_type", saga->plan->id);
    sk_shape_text(w, "status", sk_str_of(sk_state_word_rte(saga->state, is_locked)));
    sk_shape_count(w, "current_step", begun);
    sk_shape_count(w, "total_steps", saga->plan->steps_count);
    sk_json_key(w, "step_names");
    sk_json_begin_array(w);
    for (uint32_t i = 0; i < saga->plan->steps_count; i++) {
        sk_json_put_str(w, saga->plan->steps[i].id);
    }
    sk_json_end_array(w);
    sk_json_key(w, "lock_keys");
    sk_json_begin_array(w);
    for (uint32_t i = 0; i < saga->start.lock_keys_count; i++) {
        sk_json_put_str(w, saga->start.lock_keys[i]);
    }
    sk_json_end_array(w);
    sk_shape_raw(w, "input", saga->start.input);
    sk_shape_raw(w, "context", saga->start.context);
    sk_shape_raw(w, "output", saga->output);
    sk_shape_text(w, "error_msg",
                  saga->error_message.size > 0 ? saga->error_message : saga->error_code);
    sk_shape_count(w, "retry_count", saga->retries_count);
    sk_shape_time(w, "created_at", saga->created_at_ms);
    sk_shape_time(w, "updated_at", saga->at_ms);
    sk_shape_time(w, "completed_at", saga->ended_at_ms);
    sk_shape_time(w, "timeout_at", saga->deadline_ms);
    sk_json_end_object(w);
}

static void put_step(struct sk_json_writer *w, const struct sk_saga *saga, uint32_t i)
{
    const struct sk_step_run *run = &saga->steps[i];
    const struct sk_unit *unit = run->units_count > 0 ? &run->units[0] : NULL;
    struct sk_str none = { 0 }, error = none;
    if (unit != NULL) error = unit->error_message.size > 0 ? unit->error_message : unit->error_code;
    sk_json_begin_object(w);
    sk_shape_count(w, "step_index", i);
    sk_shape_text(w, "step_name", saga->plan->steps[i].id);
    sk_shape_text(w, "status", sk_str_of(step_word(run->state)));
    sk_shape_raw(w, "output",
                 saga->plan->steps[i].items != NULL || unit == NULL ? run->output : unit->output);
    sk_shape_text(w, "error_msg", error);
    sk_shape_count(w, "retry_count",
                   unit == NULL || unit->action.attempt == 0 ? 0 : unit->action.attempt - 1);
    sk_shape_time(w, "started_at", run->first_start_at_ms);
    sk_json_end_object(w);
}

static void reply_detail(struct sk_exchange *x, const struct sk_saga *saga)
{
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_json_key(&w, "transaction");
    put_transaction(&w, saga);
    sk_json_key(&w, "steps");
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < saga->plan->steps_count; i++) put_step(&w, saga, i);
    sk_json_end_array(&w);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

static void on_saga(void *context, const struct sk_reply *answer)
{
    struct sk_exchange *x = context;
    if (answer->status != SKALD_OK) {
        struct sk_problem problem = sk_problem_of(answer->status, answer->error);
        problem.retry_after_ms = answer->retry_after_ms;
        sk_exchange_problem(x, &problem);
        return;
    }
    if (answer->is_replayed) sk_http_reply_header(x->http, "Skald-Replayed", "true");
    reply_detail(x, answer->saga);
}

static void handle_transaction(struct sk_exchange *x)
{
    sk_engine_get(sk_engine_of(x), x->params[0], on_saga, x);
}

/* ---- a page of them -------------------------------------------------------------------------- */

struct page {
    struct sk_str status, tx_type;
    int64_t page, page_size;
    struct sk_read read;
    uint64_t total;
};

static const struct sk_input page_query[] = {
    { "status", SK_INPUT_TEXT, offsetof(struct page, status),
      "one or several, with commas: CREATED, EXECUTING, FAILED …", 0, 0, 0, false },
    { "tx_type", SK_INPUT_NAME, offsetof(struct page, tx_type), "only of this definition", 0, 0, 0,
      false },
    { "page", SK_INPUT_NUMBER, offsetof(struct page, page), "from 1", 1, PAGE_MAX, 0, false },
    { "page_size", SK_INPUT_NUMBER, offsetof(struct page, page_size), "rows of a page", 1,
      PAGE_SIZE_MAX, 0, false },
    { 0 },
};

static bool read_status(struct sk_exchange *x, struct sk_str text, uint32_t *out_states)
{
    while (text.size > 0) {
        size_t end = sk_str_find(text, ',');
        struct sk_str word = sk_str_trim(sk_str_sub(text, 0, end));
        struct sk_buf named = { 0 };
        text = sk_str_sub(text, end + 1, text.size);
        sk_buf_append_text(&named, "rte:");
        sk_buf_append_str(&named, word);
        uint32_t states = sk_state_word_find(sk_buf_view(&named));
        sk_buf_release(&named);
        *out_states |= states;
        if (states != 0) continue;
        word.size = word.size > 100 ? 100 : word.size;
        sk_exchange_refuse(x,
                           "one of CREATED, LOCKED, EXECUTING, CONFIRMING, COMPLETED, FAILED, "
                           "COMPENSATING, COMPENSATED, COMPENSATION_FAILED, TIMEOUT, CANCELLED",
                           "there is no status '%.*s'", SK_STR_ARGS(word));
        return false;
    }
    return true;
}

static bool put_row(struct sk_json_writer *w, const struct sk_reply *reply)
{
    put_transaction(w, reply->saga);
    return true;
}

/* On the loops that serve them. */
static void look(struct sk_gather_part *part)
{
    static const struct sk_gathered_walk walk = { sk_engine_get, put_row };
    sk_gathered_walk(part, &walk);
}

static void on_sagas(void *context, enum skald_status status, const skald_error *error,
                     struct sk_gather_part *const *parts, uint32_t count)
{
    struct sk_exchange *x = context;
    const struct page *page = x->state;
    struct sk_gathered_list all;
    if (!sk_gathered_list(x, status, error, parts, count, &all)) return;
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    (void)sk_gathered_put(&w, "transactions", &all, UINT64_MAX);
    sk_shape_count(&w, "total", page->total);
    sk_shape_count(&w, "page", (uint64_t)page->page);
    sk_shape_count(&w, "page_size", (uint64_t)page->page_size);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

static void on_heads(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct sk_buf ids = { 0 };
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    for (uint32_t i = 0; i < rows->heads_count; i++) sk_put_str(&ids, rows->heads[i].id);
    sk_gathered_ask(x, &ids, look, on_sagas);
}

static void on_count(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct page *page = x->state;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    page->total = rows->total;
    page->read.kind = SK_READ_LIST;
    page->read.filter.offset = (uint32_t)((page->page - 1) * page->page_size);
    page->read.limit = (uint32_t)page->page_size;
    sk_engine_read(sk_engine_of(x), &page->read, on_heads, x);
}

static void handle_transactions(struct sk_exchange *x)
{
    struct page *page = SK_EXCHANGE_STATE(x, struct page);
    if (page == NULL) return;
    *page = (struct page){ .page = 1, .page_size = PAGE_SIZE_DEFAULT };
    if (!sk_inputs_read_query(x, page_query, page)) return;
    if (!read_status(x, page->status, &page->read.filter.states)) return;
    page->read.kind = SK_READ_COUNT;
    page->read.filter.definition_id = page->tx_type;
    sk_engine_read(sk_engine_of(x), &page->read, on_count, x);
}

/* ---- commands -------------------------------------------------------------------------------- */

struct order {
    struct sk_str reason, by;
};

static const struct sk_input order_body[] = {
    { "reason", SK_INPUT_PROSE, offsetof(struct order, reason), "why; kept in the history", 0, 0, 0,
      false },
    { "by", SK_INPUT_TEXT, offsetof(struct order, by), "who; \"api\" without it", 0, 0, 200,
      false },
    { 0 },
};

static void handle_order(struct sk_exchange *x)
{
    struct order order = { .reason = SK_STR("asked for over /api/transactions"),
                           .by = SK_STR("api") };
    const char *name = strrchr(x->route->path, '/') + 1;
    struct sk_command command = { .kind = SK_COMMAND_RETRY, .step = SK_STEP_NONE, .item = -1 };
    if (strcmp(name, "force-complete") == 0) command.kind = SK_COMMAND_FORCE_COMPLETE;
    if (strcmp(name, "force-cancel") == 0) command.kind = SK_COMMAND_FORCE_CANCEL;
    if (!sk_exchange_command_id(x, &command.id)) return;
    if (!sk_inputs_read_body(x, order_body, &order)) return;
    command.who = order.by;
    command.why = order.reason;
    sk_engine_command(sk_engine_of(x), x->params[0], &command, (struct sk_str){ 0 }, on_saga, x);
}

/* ---- figures --------------------------------------------------------------------------------- */

static void on_tallies(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    uint64_t counts[SK_SAGA_STATES_COUNT] = { 0 }, all = 0;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    for (uint32_t i = 0; i < rows->tallies_count; i++) {
        const struct sk_tally_row *row = &rows->tallies[i];
        if (row->state >= SK_SAGA_STATES_COUNT || row->n < 0) continue;
        counts[row->state] += (uint64_t)row->n;
        all += (uint64_t)row->n;
    }
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_shape_count(&w, "total_transactions", all);
    sk_shape_count(&w, "pending_transactions",
                   counts[SK_SAGA_PENDING] + counts[SK_SAGA_RUNNING] + counts[SK_SAGA_SUSPENDED]);
    sk_shape_count(&w, "compensating_transactions", counts[SK_SAGA_COMPENSATING]);
    sk_shape_count(&w, "completed_transactions", counts[SK_SAGA_COMPLETED]);
    sk_shape_count(&w, "compensated_transactions", counts[SK_SAGA_COMPENSATED]);
    sk_shape_count(&w, "failed_transactions", counts[SK_SAGA_FAILED]);
    sk_shape_count(&w, "timeout_transactions", counts[SK_SAGA_TIMED_OUT]);
    sk_shape_count(&w, "cancelled_transactions", counts[SK_SAGA_CANCELLED]);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

static void handle_stats(struct sk_exchange *x)
{
    struct sk_read read = { .kind = SK_READ_TALLIES };
    sk_engine_read(sk_engine_of(x), &read, on_tallies, x);
}

static void on_figures(void *context, enum skald_status status, const skald_error *error,
                       const struct sk_engine_stats *stats)
{
    struct sk_exchange *x = context;
    if (status != SKALD_OK) {
        sk_exchange_fail(x, status, error);
        return;
    }
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_shape_flag(&w, "is_running", sk_api_is_ready(x->api));
    sk_shape_count(&w, "scanned_count", stats->sweep_scanned);
    sk_shape_count(&w, "processed_count", stats->sweep_processed);
    sk_shape_count(&w, "failed_count", stats->sweep_failed);
    sk_shape_time(&w, "last_scan_at", stats->sweep_at_ms);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

static void handle_recovery(struct sk_exchange *x)
{
    sk_engine_stats_all(sk_engine_of(x), on_figures, x);
}

/* ---- circuit breakers ------------------------------------------------------------------------ */

static const char *breaker_word(enum sk_breaker_state state)
{
    switch (state) {
    case SK_BREAKER_CLOSED: return "CLOSED";
    case SK_BREAKER_OPEN: return "OPEN";
    case SK_BREAKER_HALF_OPEN: return "HALF_OPEN";
    }
    return "CLOSED";
}

static void put_breaker(void *context, const struct sk_limiter_view *view)
{
    struct sk_json_writer *w = context;
    sk_json_begin_object(w);
    sk_shape_text(w, "service", view->service);
    sk_shape_text(w, "state", sk_str_of(breaker_word(view->breaker.state)));
    sk_shape_count(w, "failures", view->breaker.failures);
    sk_shape_count(w, "successes", view->breaker.successes);
    sk_shape_time(w, "last_state_change", view->breaker.changed_at_ms);
    sk_json_end_object(w);
}

static void handle_breakers(struct sk_exchange *x)
{
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_json_key(&w, "circuit_breakers");
    sk_json_begin_array(&w);
    if (x->api->options.limiter != NULL) {
        sk_limiter_each(x->api->options.limiter, put_breaker, &w);
    }
    sk_json_end_array(&w);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

static void handle_breaker_reset(struct sk_exchange *x)
{
    struct sk_limiter *limiter = x->api->options.limiter;
    struct sk_limiter_view view;
    struct order order = { .reason = SK_STR("asked for over /api/circuit-breakers"),
                           .by = SK_STR("api") };
    if (!sk_inputs_read_body(x, order_body, &order)) return;
    if (limiter == NULL || !sk_limiter_reset(limiter, x->params[0], order.by, order.reason) ||
        !sk_limiter_find(limiter, x->params[0], &view)) {
        struct sk_problem problem =
            sk_problem_http(404, SK_STR("no service of that name has been called so far"),
                            SK_STR("GET /api/circuit-breakers lists those that have"));
        sk_exchange_problem(x, &problem);
        return;
    }
    struct sk_json_writer w = sk_exchange_writer(x);
    put_breaker(&w, &view);
    sk_exchange_reply(x, 200);
}

/* ---- the ten paths --------------------------------------------------------------------------- */

#define TX "/api/transactions/{txID}"
#define ORDER(command, id, text)                                                                 \
    {                                                                                            \
        .method = SK_HTTP_POST, .path = TX "/" command, .handle = handle_order,                  \
        .place = sk_place_param, .tag = "rte", .name = (id), .help = (text), .body = order_body, \
        .example = "{\"reason\": \"manual intervention\"}", .statuses = "200 404 409",           \
        .reply = "RteDetail", .takes_key = true,                                                 \
    }
#define GET(uri, handler, id, text, inputs, codes, shape)                                      \
    {                                                                                          \
        .method = SK_HTTP_GET, .path = (uri), .handle = (handler), .tag = "rte", .name = (id), \
        .help = (text), .query = (inputs), .statuses = (codes), .reply = (shape),              \
    }

const struct sk_route sk_rte_routes[] = {
    GET("/api/transactions", handle_transactions, "rteListTransactions",
        "Transactions, newest first, by status and type", page_query, "200", "RtePage"),
    { .method = SK_HTTP_GET,
      .path = TX,
      .handle = handle_transaction,
      .place = sk_place_param,
      .tag = "rte",
      .name = "rteGetTransaction",
      .help = "One transaction with its steps",
      .statuses = "200 404",
      .reply = "RteDetail" },
    ORDER("force-complete", "rteForceComplete", "End it as completed, whatever is open"),
    ORDER("force-cancel", "rteForceCancel", "Undo it without awaiting what is in flight"),
    ORDER("retry", "rteRetry", "Try again at once what waits or has failed"),
    GET("/api/stats", handle_stats, "rteGetStats", "Transactions by status", NULL, "200",
        "RteStats"),
    GET("/api/recovery/stats", handle_recovery, "rteGetRecovery", "What the sweep has done", NULL,
        "200", "RteRecovery"),
    GET("/api/circuit-breakers", handle_breakers, "rteListBreakers", "Circuit breakers", NULL,
        "200", "RteBreakers"),
    { .method = SK_HTTP_POST,
      .path = "/api/circuit-breakers/{service}/reset",
      .handle = handle_breaker_reset,
      .tag = "rte",
      .name = "rteResetBreaker",
      .help = "Close a circuit breaker by hand",
      .body = order_body,
      .example = "{\"reason\": \"it is back\"}",
      .statuses = "200 404",
      .reply = "RteBreaker" },
    GET("/api/events", sk_handle_rte_events, "rteListEvents",
        "The last events of this node, the newest first", sk_rte_events_query, "200", "RteEvents"),
};
const size_t sk_rte_routes_count = sizeof sk_rte_routes / sizeof sk_rte_routes[0];

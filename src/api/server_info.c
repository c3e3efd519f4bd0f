/* server_info.c: health, version, figures, and the pages for people. */
#include "api/routes.h"

#include "api/console.h"
#include "api/openapi.h"
#include "api/shapes.h"
#include "api/stream.h"

#include <stdlib.h>

static void reply_state(struct sk_exchange *x, int status, const char *state)
{
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_json_key(&w, "status");
    sk_json_put_text(&w, state);
    sk_json_end_object(&w);
    sk_exchange_reply(x, status);
}

void sk_handle_healthz(struct sk_exchange *x)
{
    reply_state(x, 200, "alive");
}

void sk_handle_readyz(struct sk_exchange *x)
{
    if (sk_api_is_ready(x->api)) {
        reply_state(x, 200, "ready");
        return;
    }
    struct sk_problem problem =
        sk_problem_http(503, SK_STR("sagas are not served yet, or not any more"),
                        SK_STR("ask again; the server's log shows how far it is"));
    problem.retry_after_ms = 1000;
    sk_exchange_problem(x, &problem);
}

void sk_handle_version(struct sk_exchange *x)
{
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_json_key(&w, "name");
    sk_json_put_text(&w, "skald");
    sk_json_key(&w, "version");
    sk_json_put_text(&w, SKALD_BUILD_VERSION);
    sk_json_key(&w, "api");
    sk_json_put_text(&w, "v1");
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

void sk_handle_openapi(struct sk_exchange *x)
{
    struct sk_api *api = x->api;
    if (api->openapi.size == 0) sk_openapi_write(&api->openapi, api->options.compat_rte);
    sk_buf_clear(&x->out);
    sk_buf_append_str(&x->out, sk_buf_view(&api->openapi));
    if (api->openapi.failed) {
        sk_buf_release(&api->openapi);
        x->out.failed = true;
    }
    sk_exchange_reply(x, 200);
}

/* ---- pages ----------------------------------------------------------------------------------- */

#define PAGE_HEAD                                                       \
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">" \
    "<title>Skald</title></head>\n<body><h1>Skald</h1>\n<p>Version " SKALD_BUILD_VERSION ". "

/* The console, if it was built in. */
void sk_handle_page(struct sk_exchange *x)
{
    if (sk_console_page(x)) return;
    sk_buf_clear(&x->out);
    sk_buf_append_text(&x->out, PAGE_HEAD
                       "This server was built without the console. It needs npm at build time: "
                       "the page docs/console.md says how.</p>\n<p><a href=\"/api/v1\">What "
                       "answers here</a>; <a href=\"/openapi.json\">the same for programs</a>."
                       "</p>\n</body></html>\n");
    sk_exchange_reply_as(x, 200, "text/html; charset=utf-8");
}

void sk_handle_paths(struct sk_exchange *x)
{
    sk_buf_clear(&x->out);
    sk_buf_append_text(&x->out, PAGE_HEAD "This is what answers here:</p>\n<table>\n");
    const struct sk_route *route;
    for (size_t i = 0; (route = sk_route_at(i, x->api->options.compat_rte)) != NULL; i++) {
        sk_buf_append_text(&x->out, "<tr><td>");
        sk_buf_append_text(&x->out, sk_http_method_name(route->method));
        sk_buf_append_text(&x->out, "</td><td><code>");
        sk_buf_append_text(&x->out, route->path);
        sk_buf_append_text(&x->out, "</code></td><td>");
        sk_buf_append_text(&x->out, route->help);
        sk_buf_append_text(&x->out, "</td></tr>\n");
    }
    sk_buf_append_text(&x->out, "</table>\n</body></html>\n");
    sk_exchange_reply_as(x, 200, "text/html; charset=utf-8");
}

/* ---- figures --------------------------------------------------------------------------------- */

static int compare_tallies(const void *a, const void *b)
{
    const struct sk_tally_row *left = a, *right = b;
    int order = memcmp(left->definition.bytes, right->definition.bytes, SK_DIGEST_SIZE);
    return order != 0 ? order : (int)left->state - (int)right->state;
}

/* The counts by state of `count` rows. */
static void put_states(struct sk_json_writer *w, const struct sk_tally_row *rows, uint32_t count)
{
    int64_t counts[SK_SAGA_STATES_COUNT];
    sk_count_states(rows, count, counts);
    sk_json_begin_object(w);
    for (int state = SK_SAGA_PENDING; state < SK_SAGA_STATES_COUNT; state++) {
        sk_shape_number(w, sk_saga_state_name((enum sk_saga_state)state), counts[state]);
    }
    sk_json_end_object(w);
}

/* What dashboards of other engines show first. */
static void put_totals(struct sk_json_writer *w, const struct sk_tally_row *rows, uint32_t count)
{
    static const enum sk_saga_state ends[] = { SK_SAGA_COMPLETED, SK_SAGA_COMPENSATED,
                                               SK_SAGA_FAILED, SK_SAGA_CANCELLED,
                                               SK_SAGA_TIMED_OUT };
    int64_t counts[SK_SAGA_STATES_COUNT], all = 0, ended = 0;
    sk_count_states(rows, count, counts);
    for (int state = SK_SAGA_PENDING; state < SK_SAGA_STATES_COUNT; state++) all += counts[state];
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) ended += counts[ends[i]];
    int64_t completed = counts[SK_SAGA_COMPLETED];
    const struct {
        const char *name;
        int64_t count;
    } figures[] = { { "sagas", all },           { "active", all - ended },
                    { "ended", ended },         { "pending", counts[SK_SAGA_PENDING] },
                    { "completed", completed }, { "failed", counts[SK_SAGA_FAILED] } };
    sk_json_begin_object(w);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        sk_shape_number(w, figures[i].name, figures[i].count);
    }
    sk_json_key(w, "failure_rate");
    sk_json_put_double(w, ended == 0 ? 0 : (double)(ended - completed) / (double)ended);
    sk_json_end_object(w);
}

/* How many of the sorted rows are of the first one's definition. */
static uint32_t run_length(const struct sk_tally_row *rows, uint32_t count)
{
    uint32_t length = 1;
    while (length < count && sk_digest_equal(&rows[length].definition, &rows[0].definition)) {
        length += 1;
    }
    return length;
}

static void put_definitions(struct sk_json_writer *w, struct sk_exchange *x)
{
    struct sk_tally_row *rows = x->rows.tallies;
    uint32_t count = x->rows.tallies_count;
    if (count > 0) qsort(rows, count, sizeof *rows, compare_tallies);
    sk_json_begin_array(w);
    for (uint32_t i = 0, length = 0; i < count; i += length) {
        length = run_length(&rows[i], count - i);
        const struct sk_definition_name *name = sk_name_find(x->api, &rows[i].definition);
        if (name == NULL) continue;
        sk_json_begin_object(w);
        sk_shape_text(w, "definition", name->id);
        sk_shape_text(w, "version", name->version);
        sk_json_key(w, "by_state");
        put_states(w, &rows[i], length);
        sk_json_end_object(w);
    }
    sk_json_end_array(w);
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
    sk_json_key(&w, "by_state");
    put_states(&w, x->rows.tallies, x->rows.tallies_count);
    sk_json_key(&w, "totals");
    put_totals(&w, x->rows.tallies, x->rows.tallies_count);
    sk_json_key(&w, "definitions");
    put_definitions(&w, x);
    sk_json_key(&w, "engine");
    sk_shape_stats(&w, stats);
    sk_json_key(&w, "channels");
    if (x->api->options.put_channels != NULL)
        x->api->options.put_channels(x->api->options.channels_context, &w);
    else
        sk_json_put_null(&w);
    sk_shape_count(&w, "streams", x->api->streams == NULL ? 0 : sk_streams_count(x->api));
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

static void name_next(struct sk_exchange *x)
{
    uint32_t *named_count = x->state;
    for (; *named_count < x->rows.tallies_count; *named_count += 1) {
        const struct sk_digest *digest = &x->rows.tallies[*named_count].definition;
        if (sk_name_find(x->api, digest) != NULL) continue;
        sk_name_learn(x, digest, name_next);
        return;
    }
    sk_engine_stats_all(sk_engine_of(x), on_figures, x);
}

static void on_tallies(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    sk_exchange_keep_rows(x, rows);
    name_next(x);
}

void sk_handle_stats(struct sk_exchange *x)
{
    if (SK_EXCHANGE_STATE(x, uint32_t) == NULL) return;
    struct sk_read read = { .kind = SK_READ_TALLIES };
    sk_engine_read(sk_engine_of(x), &read, on_tallies, x);
}

/*
 * metrics.c: GET /metrics: the figures of this node (of all its loops together) in the text format
 * of Prometheus, made when they are asked for. Counters begin at the start of the process;
 * skald_sagas is exact and of the store.
 *
 * Not here: figures by saga, and how long things took; the history has those.
 */
#include "api/routes.h"

#include "api/shapes.h"
#include "api/stream.h"
#include "invoke/limits.h"

struct metric {
    const char *name, *help;
    size_t offset; /* of a uint64_t in struct sk_engine_stats */
    bool is_gauge;
};

#define COUNTER(field, name, help)                                                   \
    {                                                                                \
        "skald_" name "_total", help, offsetof(struct sk_engine_stats, field), false \
    }
#define GAUGE(field, name, help)                                           \
    {                                                                      \
        "skald_" name, help, offsetof(struct sk_engine_stats, field), true \
    }

static const struct metric metrics[] = {
    COUNTER(started, "sagas_started", "Sagas accepted."),
    COUNTER(ended, "sagas_ended", "Sagas that came to an end."),
    COUNTER(compensating, "sagas_compensating", "Sagas that began to compensate."),
    COUNTER(removed, "sagas_removed", "Finished sagas removed, asked for or by retention."),
    GAUGE(sagas_active, "sagas_active", "Sagas in memory with work in flight or due."),
    GAUGE(sagas_pending, "sagas_waiting", "Sagas accepted that wait for their turn."),
    GAUGE(stuck, "sagas_stuck", "Sagas without progress that wait for nothing."),
    COUNTER(events, "events", "Events made durable."),
    COUNTER(batches, "commits", "Batches committed."),
    COUNTER(invocations, "invocations", "Calls of participants."),
    COUNTER(redriven, "redriven", "Attempts repeated after a crash."),
    COUNTER(hooks_started, "hooks_started", "Hooks and notifications begun."),
    COUNTER(hooks_completed, "hooks_completed", "Hooks and notifications done."),
    COUNTER(hooks_failed, "hooks_failed", "Hooks and notifications that failed for good."),
    COUNTER(sweep_scanned, "recovery_scanned", "Sagas looked at by the recovery sweep."),
    COUNTER(sweep_processed, "recovery_processed", "Sagas repaired by the recovery sweep."),
    COUNTER(sweep_failed, "recovery_failed", "Sagas the recovery sweep could not repair."),
};

static void put_head(struct sk_buf *out, const char *name, const char *help, bool is_gauge)
{
    sk_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                  is_gauge ? "gauge" : "counter");
}

static void put_engine(struct sk_buf *out, const struct sk_engine_stats *stats)
{
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
        const struct metric *metric = &metrics[i];
        uint64_t value;
        memcpy(&value, (const char *)stats + metric->offset, sizeof value);
        put_head(out, metric->name, metric->help, metric->is_gauge);
        sk_buf_printf(out, "%s %llu\n", metric->name, (unsigned long long)value);
    }
    put_head(out, "skald_shards_owned", "Shards of the store that this node owns.", true);
    sk_buf_printf(out, "skald_shards_owned %u\n", stats->shards_owned);
    put_head(out, "skald_shards_degraded", "Of them, those whose store takes nothing.", true);
    sk_buf_printf(out, "skald_shards_degraded %u\n", stats->shards_degraded);
    put_head(out, "skald_own_share_seconds",
             "The engine's own share of a step, from the command to the departure of its effect.",
             true);
    sk_buf_printf(out, "skald_own_share_seconds{quantile=\"0.5\"} %.6f\n",
                  (double)stats->own_us_p50 / 1e6);
    sk_buf_printf(out, "skald_own_share_seconds{quantile=\"0.99\"} %.6f\n",
                  (double)stats->own_us_p99 / 1e6);
}

static void put_sagas(struct sk_buf *out, const struct sk_rows *rows)
{
    int64_t counts[SK_SAGA_STATES_COUNT];
    sk_count_states(rows->tallies, rows->tallies_count, counts);
    put_head(out, "skald_sagas", "Sagas in the store, by state.", true);
    for (int state = SK_SAGA_PENDING; state < SK_SAGA_STATES_COUNT; state++) {
        sk_buf_printf(out, "skald_sagas{state=\"%s\"} %lld\n",
                      sk_saga_state_name((enum sk_saga_state)state), (long long)counts[state]);
    }
}

/* ---- participants ---------------------------------------------------------------------------- */

enum service_figure { BREAKER_STATE, IN_FLIGHT, WAITING, SENT, REFUSED, SERVICE_FIGURES_COUNT };

static const struct {
    const char *name, *help;
    bool is_gauge;
} service_figures[SERVICE_FIGURES_COUNT] = {
    [BREAKER_STATE] = { "skald_circuit_breaker_state", "0 closed, 1 open, 2 half open.", true },
    [IN_FLIGHT] = { "skald_service_in_flight", "Calls on the wire.", true },
    [WAITING] = { "skald_service_waiting", "Calls in line for the service.", true },
    [SENT] = { "skald_service_calls_total", "Calls sent to the service.", false },
    [REFUSED] = { "skald_service_refused_total", "Calls that its limits did not let go.", false },
};

struct services {
    struct sk_buf *out;
    enum service_figure figure;
};

static uint64_t breaker_number(enum sk_breaker_state state)
{
    switch (state) {
    case SK_BREAKER_CLOSED: return 0;
    case SK_BREAKER_OPEN: return 1;
    case SK_BREAKER_HALF_OPEN: return 2;
    }
    return 0;
}

static uint64_t figure_of(const struct sk_limiter_view *view, enum service_figure figure)
{
    switch (figure) {
    case BREAKER_STATE: return breaker_number(view->breaker.state);
    case IN_FLIGHT: return view->in_flight;
    case WAITING: return view->waiting[SK_LANE_UNDO] + view->waiting[SK_LANE_DO];
    case SENT: return view->sent;
    case REFUSED: return view->refused;
    case SERVICE_FIGURES_COUNT: break;
    }
    return 0;
}

/* A service's name holds no quotes, backslashes or line breaks but in a target, as which it is a
 * URL: those are left out. */
static void put_service(void *context, const struct sk_limiter_view *view)
{
    struct services *services = context;
    struct sk_buf *out = services->out;
    sk_buf_printf(out, "%s{service=\"", service_figures[services->figure].name);
    for (size_t i = 0; i < view->service.size; i++) {
        char c = view->service.data[i];
        if (c != '"' && c != '\\' && c >= ' ') sk_buf_append_char(out, c);
    }
    sk_buf_printf(out, "\"} %llu\n", (unsigned long long)figure_of(view, services->figure));
}

static void put_services(struct sk_exchange *x)
{
    const struct sk_limiter *limiter = x->api->options.limiter;
    if (limiter == NULL) return;
    for (int figure = 0; figure < SERVICE_FIGURES_COUNT; figure++) {
        struct services services = { &x->out, (enum service_figure)figure };
        put_head(&x->out, service_figures[figure].name, service_figures[figure].help,
                 service_figures[figure].is_gauge);
        sk_limiter_each(limiter, put_service, &services);
    }
}

/* ---- the request ----------------------------------------------------------------------------- */

static void on_figures(void *context, enum skald_status status, const skald_error *error,
                       const struct sk_engine_stats *stats)
{
    struct sk_exchange *x = context;
    if (status != SKALD_OK) {
        sk_exchange_fail(x, status, error);
        return;
    }
    sk_buf_clear(&x->out);
    put_sagas(&x->out, &x->rows);
    put_engine(&x->out, stats);
    put_services(x);
    put_head(&x->out, "skald_streams", "Streams of events that are open.", true);
    sk_buf_printf(&x->out, "skald_streams %llu\n",
                  (unsigned long long)(x->api->streams == NULL ? 0 : sk_streams_count(x->api)));
    sk_exchange_reply_as(x, 200, "text/plain; version=0.0.4; charset=utf-8");
}

static void on_tallies(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    sk_exchange_keep_rows(x, rows);
    sk_engine_stats_all(sk_engine_of(x), on_figures, x);
}
void sk_handle_metrics(struct sk_exchange *x)
{
    struct sk_read read = { .kind = SK_READ_TALLIES };
    sk_engine_read(sk_engine_of(x), &read, on_tallies, x);
}

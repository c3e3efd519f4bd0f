/*
 * library_serve.c: see <skald/serve.h>; and the end of serving: replies that the last commits let
 * out are still written, for a moment.
 */
#include "skald/library.h"
#include "skald/listen.h"

enum { DRAIN_EVERY_MS = 10, DRAIN_TIMES = 100 };

struct serving {
    skald_engine *engine;
    struct sk_listen listen;
    skald_error *error;
    enum skald_status status;
};

static void put_channels(void *context, struct sk_json_writer *w)
{
    sk_node_channels(context, w);
}

struct sk_api_options sk_library_api_options(skald_engine *engine)
{
    return (struct sk_api_options){
        .base = sk_libevent_runtime_base(sk_node_runtime(engine->node)),
        .engine = sk_node_engine(engine->node),
        .runtime = sk_library_runtime(engine),
        .limiter = sk_node_limiter(engine->node),
        .put_channels = put_channels,
        .channels_context = engine->node,
        .observations_max = (uint32_t)engine->settings.observations_max,
    };
}

static void serve_on_loop(void *context)
{
    struct serving *serving = context;
    skald_engine *engine = serving->engine;
    if (engine->served != NULL) {
        serving->status =
            sk_error_set(serving->error, SKALD_E_CONFLICT, "it is served already, on port %u",
                         (unsigned)sk_api_port(engine->served));
        return;
    }
    const struct sk_settings *settings = &engine->settings;
    struct sk_api_options options = sk_library_api_options(engine);
    options.host = serving->listen.host;
    options.port = serving->listen.port;
    options.body_size_max = (size_t)settings->body_size_max;
    options.connections_max = (uint32_t)settings->connections_max;
    options.idle_timeout_ms = settings->idle_timeout_ms;
    options.request_timeout_ms = settings->request_timeout_ms;
    options.wait_ms_max = settings->wait_ms_max;
    options.streams_max = (uint32_t)settings->streams_max;
    options.heartbeat_ms = settings->heartbeat_ms;
    serving->status = sk_api_new(&options, &engine->served, serving->error);
    if (serving->status == SKALD_OK) serving->listen.port = sk_api_port(engine->served);
}

enum skald_status skald_serve(skald_engine *engine, const char *listen, uint16_t *out_port,
                              skald_error *error)
{
    struct serving serving = { .engine = engine, .error = error };
    if (listen == NULL) listen = engine->settings.listen;
    enum skald_status status = sk_listen_read(sk_str_of(listen), &serving.listen, error);
    if (status == SKALD_OK) status = skald_run(engine, error);
    if (status != SKALD_OK) return status;
    status = sk_library_do(engine, serve_on_loop, &serving);
    if (status != SKALD_OK) {
        return sk_error_set(error, status, "serve: %s", skald_status_text(status));
    }
    if (serving.status == SKALD_OK && out_port != NULL) *out_port = serving.listen.port;
    return serving.status;
}

/* ---- the end --------------------------------------------------------------------------------- */

void sk_library_stop_serving(skald_engine *engine)
{
    if (engine->served != NULL) sk_api_stop(engine->served);
}

static void on_drain(void *context)
{
    sk_library_drain(context);
}

void sk_library_drain(skald_engine *engine)
{
    struct sk_runtime *runtime = sk_library_runtime(engine);
    bool is_busy = engine->served != NULL && sk_api_busy(engine->served) > 0;
    if (is_busy && engine->drain == NULL) {
        engine->drain = runtime->ops->timer_new(runtime, on_drain, engine);
    }
    if (!is_busy || engine->drain == NULL || engine->drains_count == DRAIN_TIMES) {
        sk_libevent_runtime_stop(sk_node_runtime(engine->node));
        return;
    }
    engine->drains_count += 1;
    runtime->ops->timer_arm(engine->drain, runtime->ops->now_ms(runtime) + DRAIN_EVERY_MS);
}

/*
 * library_serve.c: see <skald/serve.h>; and the end of serving: replies that the last commits let
 * out are still written, for a moment.
 */
#include "skald/library.h"

enum { HOST_SIZE_MAX = 256, DRAIN_EVERY_MS = 10, DRAIN_TIMES = 100 };

struct serving {
    skald_engine *engine;
    char host[HOST_SIZE_MAX];
    uint16_t port;
    skald_error *error;
    enum skald_status status;
};

/* "8080", ":8080", "host:8080", "[::1]:8080" */
static enum skald_status read_listen(struct serving *serving, const char *listen,
                                     skald_error *error)
{
    struct sk_str text = sk_str_of(listen), host = SK_STR("127.0.0.1"), port = text;
    for (size_t i = text.size; i > 0; i--) {
        if (text.data[i - 1] != ':') continue;
        port = sk_str_sub(text, i, text.size);
        if (i > 1) host = sk_str_sub(text, 0, i - 1);
        break;
    }
    bool has_brackets = host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
    bool is_bare_v6 = !has_brackets && sk_str_find(host, ':') < host.size;
    if (has_brackets) host = sk_str_sub(host, 1, host.size - 2);
    uint64_t number = 0;
    if (is_bare_v6 || !sk_str_to_u64(port, &number) || number > UINT16_MAX ||
        host.size >= sizeof serving->host) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "'%s' is no address: write it like 127.0.0.1:8080, [::1]:8080 or :0",
                            listen);
    }
    memcpy(serving->host, host.data, host.size);
    serving->host[host.size] = 0;
    serving->port = (uint16_t)number;
    return SKALD_OK;
}

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
    options.host = serving->host;
    options.port = serving->port;
    options.body_size_max = (size_t)settings->body_size_max;
    options.connections_max = (uint32_t)settings->connections_max;
    options.idle_timeout_ms = settings->idle_timeout_ms;
    options.request_timeout_ms = settings->request_timeout_ms;
    options.wait_ms_max = settings->wait_ms_max;
    options.streams_max = (uint32_t)settings->streams_max;
    options.heartbeat_ms = settings->heartbeat_ms;
    serving->status = sk_api_new(&options, &engine->served, serving->error);
    if (serving->status == SKALD_OK) serving->port = sk_api_port(engine->served);
}

enum skald_status skald_serve(skald_engine *engine, const char *listen, uint16_t *out_port,
                              skald_error *error)
{
    struct serving serving = { .engine = engine, .error = error };
    if (listen == NULL) listen = engine->settings.listen;
    enum skald_status status = read_listen(&serving, listen, error);
    if (status == SKALD_OK) status = skald_run(engine, error);
    if (status != SKALD_OK) return status;
    status = sk_library_do(engine, serve_on_loop, &serving);
    if (status != SKALD_OK) {
        return sk_error_set(error, status, "serve: %s", skald_status_text(status));
    }
    if (serving.status == SKALD_OK && out_port != NULL) *out_port = serving.port;
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

/*
 * library_serve.c: see <skald/serve.h>; and the end of serving: replies that the last commits let
 * out are still written, for a moment.
 */
#include "skald/library.h"
#include "skald/listen.h"

struct serving {
    skald_engine *engine;
    struct sk_listen listen;
    skald_error *error;
    enum skald_status status;
    struct sk_doors *doors;
    uint32_t loop;
};

static void put_channels(void *context, struct sk_json_writer *w)
{
    sk_node_channels(context, w);
}

struct sk_api_options sk_library_api_options(skald_engine *engine)
{
    return (struct sk_api_options){
        .put_channels = put_channels,
        .channels_context = engine->node,
        .observations_max = (uint32_t)engine->settings.observations_max,
    };
}

/* ---- on the loops ---------------------------------------------------------------------------- */

static void begin(void *context)
{
    struct serving *serving = context;
    skald_engine *engine = serving->engine;
    if (engine->served != NULL) {
        serving->status =
            sk_error_set(serving->error, SKALD_E_CONFLICT, "it is served already, on port %u",
                         (unsigned)sk_doors_port(engine->served));
        return;
    }
    const struct sk_settings *settings = &engine->settings;
    struct sk_api_options options = sk_library_api_options(engine);
    options.host = serving->listen.host;
    options.body_size_max = (size_t)settings->body_size_max;
    options.connections_max = (uint32_t)settings->connections_max;
    options.idle_timeout_ms = settings->idle_timeout_ms;
    options.request_timeout_ms = settings->request_timeout_ms;
    options.wait_ms_max = settings->wait_ms_max;
    options.streams_max = (uint32_t)settings->streams_max;
    options.heartbeat_ms = settings->heartbeat_ms;
    serving->doors = engine->served = sk_doors_new(engine->node, &options);
    if (serving->doors == NULL)
        serving->status = sk_error_set(serving->error, SKALD_E_MEMORY, "out of memory");
}

static void make(void *context)
{
    struct serving *serving = context;
    serving->status = sk_doors_make(serving->doors, serving->loop, serving->error);
}

static void listen_there(void *context)
{
    struct serving *serving = context;
    serving->status =
        sk_doors_listen(serving->doors, serving->loop, serving->listen.port, serving->error);
}

static void unmake(void *context)
{
    struct serving *serving = context;
    sk_doors_unmake(serving->doors, serving->loop);
}

static void give_up(void *context)
{
    struct serving *serving = context;
    sk_doors_free(serving->doors);
    serving->engine->served = NULL;
}

/* ---- the caller's side ----------------------------------------------------------------------- */

/* On all loops, one by one, until it fails. What the engine says to that: SKALD_E_CLOSED, and all
 * else is its own again. */
static enum skald_status do_on_all(struct serving *serving, sk_runtime_fn *fn)
{
    enum skald_status status = SKALD_OK;
    uint32_t count = sk_node_loops(serving->engine->node);
    for (uint32_t i = 0; i < count && status == SKALD_OK && serving->status == SKALD_OK; i++) {
        serving->loop = i;
        status = sk_library_do_at(serving->engine, i, fn, serving);
    }
    return status;
}

/* The last one first: who is left may still pass requests on to those that are there. */
static enum skald_status take_back(struct serving *serving)
{
    enum skald_status status = SKALD_OK;
    for (uint32_t i = sk_node_loops(serving->engine->node); i > 0 && status == SKALD_OK; i--) {
        serving->loop = i - 1;
        status = sk_library_do_at(serving->engine, i - 1, unmake, serving);
    }
    return status == SKALD_OK ? sk_library_do(serving->engine, give_up, serving) : status;
}

static enum skald_status serve(struct serving *serving)
{
    enum skald_status status = sk_library_do(serving->engine, begin, serving);
    bool is_ours = status == SKALD_OK && serving->status == SKALD_OK;
    if (is_ours) status = do_on_all(serving, make);
    if (is_ours && status == SKALD_OK) status = do_on_all(serving, listen_there);
    if (is_ours && status == SKALD_OK && serving->status != SKALD_OK) status = take_back(serving);
    return status;
}

enum skald_status skald_serve(skald_engine *engine, const char *listen, uint16_t *out_port,
                              skald_error *error)
{
    struct serving serving = { .engine = engine, .error = error };
    if (listen == NULL) listen = engine->settings.listen;
    enum skald_status status = sk_listen_read(sk_str_of(listen), &serving.listen, error);
    if (status == SKALD_OK) status = skald_run(engine, error);
    if (status != SKALD_OK) return status;
    (void)pthread_mutex_lock(&engine->lock);
    engine->users_count += 1; /* it stays until we are through, also when it is closed meanwhile */
    (void)pthread_mutex_unlock(&engine->lock);
    status = serve(&serving);
    if (status != SKALD_OK) {
        (void)sk_error_set(error, status, "serve: %s", skald_status_text(status));
    } else {
        status = serving.status;
        if (status == SKALD_OK && out_port != NULL) *out_port = sk_doors_port(serving.doors);
    }
    (void)pthread_mutex_lock(&engine->lock);
    sk_library_leave(engine);
    (void)pthread_mutex_unlock(&engine->lock);
    return status;
}

/* ---- the end --------------------------------------------------------------------------------- */

void sk_library_stop_serving(skald_engine *engine)
{
    if (engine->served != NULL) sk_doors_stop(engine->served);
}

static void on_drained(void *context)
{
    skald_engine *engine = context;
    sk_libevent_runtime_stop(sk_node_runtime(engine->node));
}

void sk_library_drain(skald_engine *engine)
{
    if (engine->served != NULL) {
        sk_doors_drain(engine->served, on_drained, engine);
    } else {
        on_drained(engine);
    }
}

/* assemble.c: see assemble.h. The tables of stores and invokers of this build. */
#include "skald/assemble.h"

#include "invoke/function.h"
#include "observe/log_lines.h"
#include "skald/journal_folder.h"
#include "skald/secret.h"
#include "skald/token_key.h"
#include "store/memory.h"
#ifdef SK_WITH_SQLITE
#include "store/sqlite/sqlite.h"
#endif

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_SIZE_MAX = 128 };

struct sk_node {
    char name[NAME_SIZE_MAX];
    struct sk_libevent_runtime *runtime;
    struct sk_store *store;
    struct sk_invoker *invokers[SK_KINDS_COUNT]; /* by kind; owned */
    const struct sk_node_options *options;       /* while it is made */
    struct sk_services *services;
    struct sk_limiter *limiter;
    const struct sk_invoker *http; /* without the limiter around it */
    struct sk_invoker *notifier;   /* uses the HTTP invoker */
    struct sk_engine *engine;
    uint8_t token_key[SK_TOKEN_KEY_SIZE];
    const char *secrets_folder;
    void (*on_notice)(void *context, struct sk_str what, struct sk_str json);
    void *notice_context;
};

static struct sk_runtime *port_of(struct sk_node *node)
{
    return sk_libevent_runtime_port(node->runtime);
}

/* ---- stores ---------------------------------------------------------------------------------- */

/* Nothing of this process survives it, so the key of its tokens need not either. */
static enum skald_status open_memory(struct sk_node *node, const char *rest, skald_error *error)
{
    if (rest[0] != 0) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "memory: takes nothing after it, but there is '%s'", rest);
    }
    struct sk_runtime *runtime = port_of(node);
    runtime->ops->random(runtime, node->token_key, sizeof node->token_key);
    return sk_memory_store_new(runtime, 0, &node->store, error);
}

#ifdef SK_WITH_SQLITE
static enum skald_status open_sqlite(struct sk_node *node, const char *path, skald_error *error)
{
    char key[PATH_MAX];
    int size = snprintf(key, sizeof key, "%s.key", path);
    if (path[0] == 0 || size < 0 || (size_t)size >= sizeof key) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "the path of the database is %s: write it as sqlite:orders.db",
                            path[0] == 0 ? "missing" : "too long");
    }
    struct sk_sqlite_options options = { .path = path, .runtime = port_of(node) };
    enum skald_status status = sk_sqlite_store_open(&options, &node->store, error);
    if (status != SKALD_OK) return status;
    return sk_token_key_load(options.runtime, key, node->token_key, error);
}
#endif

#if defined(SK_WITH_JOURNAL) && defined(SK_WITH_SQLITE)
static enum skald_status open_journal(struct sk_node *node, const char *folder, skald_error *error)
{
    char key[PATH_MAX];
    enum skald_status status = sk_journal_folder_open(folder, port_of(node), &node->store, error);
    if (status != SKALD_OK) return status;
    (void)snprintf(key, sizeof key, "%s/index.db.key", folder);
    return sk_token_key_load(port_of(node), key, node->token_key, error);
}
#endif

static const struct store_row {
    const char *scheme;
    enum skald_status (*open)(struct sk_node *node, const char *rest, skald_error *error);
} stores[] = {
#ifdef SK_WITH_SQLITE
    { "sqlite", open_sqlite },
#endif
#if defined(SK_WITH_JOURNAL) && defined(SK_WITH_SQLITE)
    { "journal", open_journal },
#endif
    { "memory", open_memory },
};

enum { STORES_COUNT = sizeof stores / sizeof stores[0] };

static enum skald_status refuse_store(const char *url, struct sk_str scheme, skald_error *error)
{
    const char *names[STORES_COUNT];
    char list[128];
    for (size_t i = 0; i < STORES_COUNT; i++) names[i] = stores[i].scheme;
    sk_node_stores(list, sizeof list);
    int near = sk_str_nearest(scheme, names, STORES_COUNT);
    if (near >= 0) {
        return sk_error_set(error, SKALD_E_UNSUPPORTED, "store '%s': did you mean %s:? (%s)", url,
                            names[near], list);
    }
    return sk_error_set(error, SKALD_E_UNSUPPORTED,
                        "store '%s': this build has %s; write for instance sqlite:orders.db", url,
                        list);
}

static enum skald_status open_store(struct sk_node *node, const char *url, skald_error *error)
{
    struct sk_str whole = sk_str_of(url);
    size_t colon = sk_str_find(whole, ':');
    struct sk_str scheme = sk_str_sub(whole, 0, colon);
    for (size_t i = 0; i < STORES_COUNT && colon < whole.size; i++) {
        if (!sk_str_is(scheme, stores[i].scheme)) continue;
        const char *rest = url + colon + 1; /* messages name `url`, which holds no secret */
        struct sk_arena arena;
        sk_arena_init(&arena);
        enum skald_status status = sk_secret_resolve(node->secrets_folder, &arena, &rest, error);
        if (status == SKALD_OK) status = stores[i].open(node, rest, error);
        sk_arena_release(&arena);
        return status;
    }
    return refuse_store(url, scheme, error);
}

/* ---- invokers -------------------------------------------------------------------------------- */

static bool secret_of(void *context, struct sk_str name, struct sk_buf *out)
{
    const struct sk_node *node = context;
    return sk_secret_read(node->secrets_folder, name, out);
}

/* What is used at once; targets, headers and bodies are resolved when they are sent. */
static enum skald_status resolve(const struct sk_node *node, struct sk_arena *arena,
                                 struct sk_tls_options *tls, const char **proxy, skald_error *error)
{
    enum skald_status status =
        sk_secret_resolve(node->secrets_folder, arena, &tls->key_password, error);
    return status == SKALD_OK ? sk_secret_resolve(node->secrets_folder, arena, proxy, error)
                              : status;
}

#ifdef SK_WITH_HTTP
static enum skald_status make_http(struct sk_node *node, struct sk_invoker **out,
                                   skald_error *error)
{
    struct sk_http_options options = node->options->http;
    struct sk_arena arena;
    sk_arena_init(&arena);
    options.runtime = port_of(node);
    options.base = sk_libevent_runtime_base(node->runtime);
    options.services = node->services;
    options.secret = secret_of;
    options.secret_context = node;
    enum skald_status status = resolve(node, &arena, &options.tls, &options.proxy, error);
    if (status == SKALD_OK) status = sk_http_invoker_new(&options, out, error);
    sk_arena_release(&arena); /* the invoker has copies */
    node->http = *out;
    return status;
}

static enum skald_status check_service(void *context, struct sk_str service, struct sk_str endpoint,
                                       skald_error *error)
{
    const struct sk_node *node = context;
    return sk_http_check(node->http, service, endpoint, error);
}
#endif

static enum skald_status make_function(struct sk_node *node, struct sk_invoker **out,
                                       skald_error *error)
{
    return sk_function_invoker_new(port_of(node), out, error);
}

static const struct invoker_row {
    const char *name;
    enum sk_step_kind kind;
    enum skald_status (*make)(struct sk_node *node, struct sk_invoker **out, skald_error *error);
    bool is_limited; /* calls somebody else's process: the limiter goes around it */
} invokers[] = {
#ifdef SK_WITH_HTTP
    { "http", SK_KIND_HTTP, make_http, true },
#endif
    { "function", SK_KIND_FUNCTION, make_function, false },
};

enum { INVOKERS_COUNT = sizeof invokers / sizeof invokers[0] };

static enum skald_status make_notifier(struct sk_node *node, const struct sk_node_options *given,
                                       skald_error *error)
{
    struct sk_channel_options options = { .runtime = port_of(node),
                                          .base = sk_libevent_runtime_base(node->runtime),
                                          .http = node->invokers[SK_KIND_HTTP],
                                          .channels = given->channels,
                                          .channels_count = given->channels_count,
                                          .secret = secret_of,
                                          .secret_context = node };
    return sk_channel_invoker_new(&options, &node->notifier, error);
}

static enum skald_status make_invoker(struct sk_node *node, const struct invoker_row *row,
                                      skald_error *error)
{
    struct sk_invoker **place = &node->invokers[row->kind];
    enum skald_status status = row->make(node, place, error);
    if (status != SKALD_OK || !row->is_limited) return status;
    if (sk_limiter_wrap(node->limiter, *place, place) == SKALD_OK) return SKALD_OK;
    return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
}

static void on_circuit(void *context, struct sk_str what, struct sk_str json)
{
    struct sk_node *node = context;
    struct sk_runtime *runtime = port_of(node);
    bool is_bad = sk_str_is(what, "circuit.opened");
    struct sk_log_line line = {
        .level = is_bad ? SK_LOG_WARN : SK_LOG_INFO,
        .event = what,
        .duration_ms = -1,
        .message = is_bad ? SK_STR("a participant fails again and again; it is left alone a while")
                          : SK_STR(""),
        .data = json,
    };
    runtime->ops->log(runtime, &line);
    if (node->engine != NULL) sk_engine_tell_observers(node->engine, &line);
    if (node->on_notice != NULL) node->on_notice(node->notice_context, what, json);
}

static enum skald_status make_services(struct sk_node *node, skald_error *error)
{
    const struct sk_node_options *given = node->options;
    node->services = sk_services_new();
    if (node->services == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    for (uint32_t i = 0; i < given->services_count; i++) {
        struct sk_service_options service = given->services[i];
        struct sk_arena arena;
        sk_arena_init(&arena);
        enum skald_status status = resolve(node, &arena, &service.tls, &service.proxy, error);
        if (status != SKALD_OK) (void)sk_error_wrap(error, "service %s", service.name);
        if (status == SKALD_OK) status = sk_services_add(node->services, &service, error);
        sk_arena_release(&arena);
        if (status != SKALD_OK) return status;
    }
    struct sk_limiter_options options = { .runtime = port_of(node),
                                          .services = node->services,
                                          .defaults = given->limits,
                                          .queue_max = given->queue_max,
                                          .on_notice = on_circuit,
                                          .notice_context = node };
    return sk_limiter_new(&options, &node->limiter, error);
}

static enum skald_status make_invokers(struct sk_node *node, skald_error *error)
{
    enum skald_status status = make_services(node, error);
    for (size_t i = 0; i < INVOKERS_COUNT && status == SKALD_OK; i++) {
        status = make_invoker(node, &invokers[i], error);
    }
    return status;
}

/* ---- the node -------------------------------------------------------------------------------- */

static void on_event(void *context, const struct sk_saga *saga, const struct sk_event *event)
{
    sk_log_event(port_of(context), saga, event);
}

static void on_notice(void *context, struct sk_str what, struct sk_str json)
{
    struct sk_node *node = context;
    if (node->on_notice != NULL) node->on_notice(node->notice_context, what, json);
}

static void set_name(struct sk_node *node, const char *name)
{
    if (name != NULL) {
        (void)snprintf(node->name, sizeof node->name, "%s", name);
    } else if (gethostname(node->name, sizeof node->name - 1) != 0 || node->name[0] == 0) {
        (void)snprintf(node->name, sizeof node->name, "skald");
    }
}

static enum skald_status make_engine(struct sk_node *node, const struct sk_engine_options *given,
                                     skald_error *error)
{
    struct sk_engine_options options = *given;
    options.runtime = port_of(node);
    options.store = node->store;
    options.node = sk_node_name(node);
    memcpy(options.token_key, node->token_key, sizeof options.token_key);
    memcpy(options.invokers, node->invokers, sizeof options.invokers);
#ifdef SK_WITH_HTTP
    options.check_service = check_service;
    options.service_context = node;
#endif
    options.notifier = node->notifier;
    options.on_event = on_event;
    options.on_notice = on_notice;
    options.observer_context = node;
    return sk_engine_new(&options, &node->engine, error);
}

enum skald_status sk_node_new(const struct sk_node_options *options, struct sk_node **out_node,
                              skald_error *error)
{
    struct sk_node *node = sk_alloc(sizeof *node);
    if (node == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    *node = (struct sk_node){ .options = options,
                              .secrets_folder = options->secrets_folder,
                              .on_notice = options->on_notice,
                              .notice_context = options->notice_context };
    set_name(node, options->name);
    enum skald_status status = sk_libevent_runtime_new(&options->runtime, &node->runtime, error);
    if (status != SKALD_OK) goto out;
    status = open_store(node, options->store_url, error);
    if (status != SKALD_OK) goto out;
    status = make_invokers(node, error);
    if (status != SKALD_OK) goto out;
    status = make_notifier(node, options, error);
    if (status != SKALD_OK) goto out;
    status = make_engine(node, &options->engine, error);
    if (status != SKALD_OK) goto out;
    node->options = NULL;
    *out_node = node;
    return SKALD_OK;
out:
    sk_node_free(node);
    return status;
}

void sk_node_close(struct sk_node *node)
{
    sk_engine_free(node->engine);
    node->engine = NULL;
    if (node->notifier != NULL) node->notifier->ops->free(node->notifier);
    node->notifier = NULL;
    for (size_t i = 0; i < SK_KINDS_COUNT; i++) {
        if (node->invokers[i] != NULL) node->invokers[i]->ops->free(node->invokers[i]);
        node->invokers[i] = NULL;
    }
    node->http = NULL;
    sk_limiter_free(node->limiter);
    node->limiter = NULL;
    sk_services_free(node->services);
    node->services = NULL;
    if (node->store != NULL) node->store->ops->free(node->store);
    node->store = NULL;
}

void sk_node_free(struct sk_node *node)
{
    if (node == NULL) return;
    sk_node_close(node);
    sk_libevent_runtime_free(node->runtime);
    sk_free(node);
}

struct sk_engine *sk_node_engine(struct sk_node *node)
{
    return node->engine;
}

struct sk_libevent_runtime *sk_node_runtime(struct sk_node *node)
{
    return node->runtime;
}

struct sk_str sk_node_name(const struct sk_node *node)
{
    return sk_str_of(node->name);
}

void sk_node_channels(struct sk_node *node, struct sk_json_writer *w)
{
    struct sk_channel_figures rows[SK_CHANNEL_TYPES_COUNT];
    uint32_t count = node->notifier == NULL ? 0 : sk_channel_figures(node->notifier, rows);
    sk_json_begin_object(w);
    for (uint32_t i = 0; i < count; i++) {
        sk_json_key(w, rows[i].type);
        sk_json_begin_object(w);
        sk_json_key(w, "configured");
        sk_json_put_bool(w, rows[i].is_configured);
        sk_json_key(w, "sent");
        sk_json_put_u64(w, rows[i].sent);
        sk_json_key(w, "failed");
        sk_json_put_u64(w, rows[i].failed);
        sk_json_key(w, "in_flight");
        sk_json_put_u64(w, rows[i].in_flight);
        sk_json_key(w, "waiting");
        sk_json_put_u64(w, rows[i].waiting);
        sk_json_end_object(w);
    }
    sk_json_end_object(w);
}

struct sk_invoker *sk_node_functions(struct sk_node *node)
{
    return node->invokers[SK_KIND_FUNCTION];
}

struct sk_limiter *sk_node_limiter(struct sk_node *node)
{
    return node->limiter;
}

static void add_name(char *out, size_t size, const char *name)
{
    size_t used = strlen(out);
    (void)snprintf(out + used, size - used, "%s%s", used == 0 ? "" : ", ", name);
}

void sk_node_stores(char *out, size_t size)
{
    out[0] = 0;
    for (size_t i = 0; i < STORES_COUNT; i++) add_name(out, size, stores[i].scheme);
}

void sk_node_invokers(char *out, size_t size)
{
    out[0] = 0;
    for (size_t i = 0; i < INVOKERS_COUNT; i++) add_name(out, size, invokers[i].name);
}

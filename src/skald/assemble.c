/* assemble.c: see assemble.h. The tables of stores and invokers of this build. */
#include "skald/assemble.h"

#include "engine/group.h"
#include "invoke/function.h"
#include "observe/log_lines.h"
#include "skald/journal_folder.h"
#include "skald/node.h"
#include "skald/secret.h"
#include "skald/token_key.h"
#include "store/ferry.h"
#include "store/memory.h"
#ifdef SK_WITH_SQLITE
#include "store/sqlite/sqlite.h"
#endif

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the first loop: the store's home. */
static struct sk_runtime *home_of(struct sk_node *node)
{
    return sk_libevent_runtime_port(node->loops[0].runtime);
}

static struct sk_runtime *port_of(struct sk_loop *loop)
{
    return sk_libevent_runtime_port(loop->runtime);
}

/* ---- stores ---------------------------------------------------------------------------------- */

/* Nothing of this process survives it, so the key of its tokens need not either. */
static enum skald_status open_memory(struct sk_node *node, const char *rest, skald_error *error)
{
    if (rest[0] != 0) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "memory: takes nothing after it, but there is '%s'", rest);
    }
    struct sk_runtime *runtime = home_of(node);
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
    struct sk_sqlite_options options = { .path = path, .runtime = home_of(node) };
    enum skald_status status = SKALD_OK;
#ifdef SK_WITH_JOURNAL
    status = sk_journal_folder_refuse_index(path, error);
#endif
    if (status == SKALD_OK) status = sk_sqlite_store_open(&options, &node->store, error);
    if (status != SKALD_OK) return status;
    return sk_token_key_load(options.runtime, key, node->token_key, error);
}
#endif

#if defined(SK_WITH_JOURNAL) && defined(SK_WITH_SQLITE)
static enum skald_status open_journal(struct sk_node *node, const char *folder, skald_error *error)
{
    char key[PATH_MAX];
    enum skald_status status = sk_journal_folder_open(folder, home_of(node), &node->store, error);
    if (status != SKALD_OK) return status;
    (void)snprintf(key, sizeof key, "%s/index.db.key", folder);
    return sk_token_key_load(home_of(node), key, node->token_key, error);
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

/* Of a limit that holds for the process: what one loop may use of it; 0 stays the default. */
static uint32_t share(uint32_t limit, uint32_t loops_count)
{
    return limit == 0 || limit >= loops_count ? limit / loops_count : 1;
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
static enum skald_status make_http(struct sk_loop *loop, struct sk_invoker **out,
                                   skald_error *error)
{
    struct sk_node *node = loop->node;
    struct sk_http_options options = node->options->http;
    struct sk_arena arena;
    sk_arena_init(&arena);
    options.runtime = port_of(loop);
    options.base = sk_libevent_runtime_base(loop->runtime);
    options.connections_max = share(options.connections_max, node->loops_count);
    options.services = node->services;
    options.secret = secret_of;
    options.secret_context = node;
    enum skald_status status = resolve(node, &arena, &options.tls, &options.proxy, error);
    if (status == SKALD_OK) status = sk_http_invoker_new(&options, out, error);
    sk_arena_release(&arena); /* the invoker has copies */
    loop->http = *out;
    return status;
}

static enum skald_status check_service(void *context, struct sk_str service, struct sk_str endpoint,
                                       skald_error *error)
{
    const struct sk_loop *loop = context;
    return sk_http_check(loop->http, service, endpoint, error);
}
#endif

static enum skald_status make_function(struct sk_loop *loop, struct sk_invoker **out,
                                       skald_error *error)
{
    return sk_function_invoker_new(port_of(loop), out, error);
}

static const struct invoker_row {
    const char *name;
    enum sk_step_kind kind;
    enum skald_status (*make)(struct sk_loop *loop, struct sk_invoker **out, skald_error *error);
    bool is_limited; /* calls somebody else's process: the limiter goes around it */
} invokers[] = {
#ifdef SK_WITH_HTTP
    { "http", SK_KIND_HTTP, make_http, true },
#endif
    { "function", SK_KIND_FUNCTION, make_function, false },
};

enum { INVOKERS_COUNT = sizeof invokers / sizeof invokers[0] };

static enum skald_status make_notifier(struct sk_loop *loop, skald_error *error)
{
    struct sk_node *node = loop->node;
    const struct sk_node_options *given = node->options;
    struct sk_channel_options options = { .runtime = port_of(loop),
                                          .base = sk_libevent_runtime_base(loop->runtime),
                                          .http = loop->invokers[SK_KIND_HTTP],
                                          .channels = given->channels,
                                          .channels_count = given->channels_count,
                                          .commands_max =
                                              share(SK_CHANNEL_COMMANDS_MAX, node->loops_count),
                                          .waiting_max =
                                              share(SK_CHANNEL_WAITING_MAX, node->loops_count),
                                          .told = &node->channels_told,
                                          .secret = secret_of,
                                          .secret_context = node };
    return sk_channel_invoker_new(&options, &loop->notifier, error);
}

static enum skald_status make_invoker(struct sk_loop *loop, const struct invoker_row *row,
                                      skald_error *error)
{
    struct sk_invoker **place = &loop->invokers[row->kind];
    enum skald_status status = row->make(loop, place, error);
    if (status != SKALD_OK || !row->is_limited) return status;
    if (sk_limiter_wrap(loop->limiter, *place, place) == SKALD_OK) return SKALD_OK;
    return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
}

static void on_circuit(void *context, struct sk_str what, struct sk_str json)
{
    struct sk_loop *loop = context;
    struct sk_runtime *runtime = port_of(loop);
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
    if (loop->engine != NULL) sk_engine_tell_observers(loop->engine, &line);
    sk_loop_notice(loop, what, json);
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
    return SKALD_OK;
}

static enum skald_status make_invokers(struct sk_loop *loop, skald_error *error)
{
    const struct sk_node *node = loop->node;
    struct sk_limiter_options options = { .runtime = port_of(loop),
                                          .services = node->services,
                                          .defaults = node->options->limits,
                                          .queue_max = node->options->queue_max,
                                          .on_notice = on_circuit,
                                          .notice_context = loop,
                                          .share = node->limits,
                                          .member = loop->index };
    enum skald_status status = sk_limiter_new(&options, &loop->limiter, error);
    for (size_t i = 0; i < INVOKERS_COUNT && status == SKALD_OK; i++) {
        status = make_invoker(loop, &invokers[i], error);
    }
    if (status == SKALD_OK) status = make_notifier(loop, error);
    return status;
}

/* ---- the loops ------------------------------------------------------------------------------- */

static void on_event(void *context, const struct sk_saga *saga, const struct sk_event *event)
{
    struct sk_loop *loop = context;
    sk_log_event(port_of(loop), saga, event);
}

static void on_notice(void *context, struct sk_str what, struct sk_str json)
{
    sk_loop_notice(context, what, json);
}

static void set_name(struct sk_node *node, const char *name)
{
    if (name != NULL) {
        (void)snprintf(node->name, sizeof node->name, "%s", name);
    } else if (gethostname(node->name, sizeof node->name - 1) != 0 || node->name[0] == 0) {
        (void)snprintf(node->name, sizeof node->name, "skald");
    }
}

static enum skald_status make_engine(struct sk_loop *loop, skald_error *error)
{
    struct sk_node *node = loop->node;
    struct sk_engine_options options = node->options->engine;
    options.runtime = port_of(loop);
    options.store = loop->store;
    options.node = sk_node_name(node);
    options.group = node->group;
    options.group_member = loop->index;
    options.sagas_max = share(options.sagas_max, node->loops_count);
    options.pending_max = share(options.pending_max, node->loops_count);
    options.cache_sagas_max = share(options.cache_sagas_max, node->loops_count);
    memcpy(options.token_key, node->token_key, sizeof options.token_key);
    memcpy(options.invokers, loop->invokers, sizeof options.invokers);
#ifdef SK_WITH_HTTP
    options.check_service = check_service;
    options.service_context = loop;
#endif
    options.notifier = loop->notifier;
    options.on_event = on_event;
    options.on_notice = on_notice;
    options.observer_context = loop;
    return sk_engine_new(&options, &loop->engine, error);
}

/* All write to the log of the first, and only the first hears of signals. */
static enum skald_status make_runtimes(struct sk_node *node, skald_error *error)
{
    struct sk_libevent_options options = node->options->runtime;
    for (uint32_t i = 0; i < node->loops_count; i++) {
        struct sk_loop *loop = &node->loops[i];
        enum skald_status status = sk_libevent_runtime_new(&options, &loop->runtime, error);
        if (status != SKALD_OK) return status;
        options.on_signal = NULL;
        options.shared_log = sk_libevent_runtime_log(node->loops[0].runtime);
    }
    return SKALD_OK;
}

static enum skald_status share_store(struct sk_node *node, skald_error *error)
{
    struct sk_runtime *others[SK_GROUP_MAX];
    node->loops[0].store = node->store;
    if (node->loops_count == 1) return SKALD_OK;
    for (uint32_t i = 1; i < node->loops_count; i++) others[i - 1] = port_of(&node->loops[i]);
    enum skald_status status = sk_ferry_new(node->store, home_of(node), others,
                                            node->loops_count - 1, &node->ferry, error);
    if (status != SKALD_OK) return status;
    node->group = sk_group_new(node->loops_count);
    node->limits = sk_loops_share_limits(node);
    if (node->group == NULL || node->limits == NULL)
        return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    for (uint32_t i = 0; i < node->loops_count; i++) {
        if (i > 0) node->loops[i].store = sk_ferry_port(node->ferry, i - 1);
        sk_group_set_runtime(node->group, i, port_of(&node->loops[i]));
    }
    return SKALD_OK;
}

static enum skald_status make_loops(struct sk_node *node, skald_error *error)
{
    enum skald_status status = SKALD_OK;
    for (uint32_t i = 0; i < node->loops_count && status == SKALD_OK; i++) {
        status = make_invokers(&node->loops[i], error);
        if (status == SKALD_OK) status = make_engine(&node->loops[i], error);
    }
    return status;
}

/* ---- the node -------------------------------------------------------------------------------- */

enum skald_status sk_node_new(const struct sk_node_options *options, struct sk_node **out_node,
                              skald_error *error)
{
    uint32_t count = options->loops == 0 ? 1 : options->loops;
    if (count > SK_GROUP_MAX)
        return sk_error_set(error, SKALD_E_ARGUMENT, "at most %d loops", SK_GROUP_MAX);
    struct sk_node *node = sk_alloc(sizeof *node + count * sizeof node->loops[0]);
    if (node == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    node->options = options;
    node->secrets_folder = options->secrets_folder;
    node->on_notice = options->on_notice;
    node->notice_context = options->notice_context;
    node->loops_count = count;
    for (uint32_t i = 0; i < count; i++) {
        node->loops[i].node = node;
        node->loops[i].index = i;
    }
    set_name(node, options->name);
    enum skald_status status = make_runtimes(node, error);
    if (status == SKALD_OK) status = open_store(node, options->store_url, error);
    if (status == SKALD_OK) status = share_store(node, error);
    if (status == SKALD_OK) status = make_services(node, error);
    if (status == SKALD_OK) status = make_loops(node, error);
    node->options = NULL;
    if (status != SKALD_OK) {
        sk_node_free(node);
        return status;
    }
    *out_node = node;
    return SKALD_OK;
}

static void close_loop(struct sk_loop *loop)
{
    sk_engine_free(loop->engine);
    loop->engine = NULL;
    if (loop->notifier != NULL) loop->notifier->ops->free(loop->notifier);
    loop->notifier = NULL;
    for (size_t i = 0; i < SK_KINDS_COUNT; i++) {
        if (loop->invokers[i] != NULL) loop->invokers[i]->ops->free(loop->invokers[i]);
        loop->invokers[i] = NULL;
    }
    loop->http = NULL;
    sk_limiter_free(loop->limiter);
    loop->limiter = NULL;
}

void sk_node_close(struct sk_node *node)
{
    node->is_closed = true;
    sk_loops_join(node);
    for (uint32_t i = 0; i < node->loops_count; i++) close_loop(&node->loops[i]);
    sk_services_free(node->services);
    node->services = NULL;
    if (node->ferry != NULL) {
        sk_ferry_free(node->ferry); /* and the store */
    } else if (node->store != NULL) {
        node->store->ops->free(node->store);
    }
    node->ferry = NULL;
    node->store = NULL;
    sk_loops_settle(node);
}

void sk_node_free(struct sk_node *node)
{
    if (node == NULL) return;
    sk_node_close(node);
    /* The first one's log is everybody's. What they still have for each other is let go. */
    for (uint32_t i = node->loops_count; i > 0; i--)
        sk_libevent_runtime_free(node->loops[i - 1].runtime);
    sk_loops_forget(node);
    sk_group_free(node->group);
    sk_limits_share_free(node->limits);
    if (node->limits != NULL) (void)pthread_mutex_destroy(&node->limits_lock);
    sk_free(node);
}

uint32_t sk_node_loops(const struct sk_node *node)
{
    return node->loops_count;
}

struct sk_engine *sk_node_engine(struct sk_node *node)
{
    return node->loops[0].engine;
}

struct sk_engine *sk_node_engine_at(struct sk_node *node, uint32_t loop)
{
    return node->loops[loop].engine;
}

struct sk_libevent_runtime *sk_node_runtime(struct sk_node *node)
{
    return node->loops[0].runtime;
}

struct sk_libevent_runtime *sk_node_runtime_at(struct sk_node *node, uint32_t loop)
{
    return node->loops[loop].runtime;
}

struct sk_str sk_node_name(const struct sk_node *node)
{
    return sk_str_of(node->name);
}

/* Of all loops; the figures of another one are a moment old, no more. */
static uint32_t sum_channels(struct sk_node *node, struct sk_channel_figures *rows)
{
    struct sk_channel_figures more[SK_CHANNEL_TYPES_COUNT];
    if (node->loops[0].notifier == NULL) return 0;
    uint32_t count = sk_channel_figures(node->loops[0].notifier, rows);
    for (uint32_t i = 1; i < node->loops_count; i++) {
        (void)sk_channel_figures(node->loops[i].notifier, more);
        for (uint32_t k = 0; k < count; k++) {
            rows[k].sent += more[k].sent;
            rows[k].failed += more[k].failed;
            rows[k].in_flight += more[k].in_flight;
            rows[k].waiting += more[k].waiting;
        }
    }
    return count;
}

void sk_node_channels(struct sk_node *node, struct sk_json_writer *w)
{
    struct sk_channel_figures rows[SK_CHANNEL_TYPES_COUNT];
    uint32_t count = sum_channels(node, rows);
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
    return node->loops[0].invokers[SK_KIND_FUNCTION];
}

struct sk_invoker *sk_node_functions_at(struct sk_node *node, uint32_t loop)
{
    return node->loops[loop].invokers[SK_KIND_FUNCTION];
}

struct sk_limiter *sk_node_limiter(struct sk_node *node)
{
    return node->loops[0].limiter;
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

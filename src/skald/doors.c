/* doors.c: see doors.h. */
#include "skald/doors.h"

#include "api/forward.h"
#include "skald/listen.h"
#include "skald/node.h"

#include <stdio.h>

enum { DRAIN_EVERY_MS = 10, DRAIN_TIMES = 100 };

struct door {
    struct sk_doors *doors;
    uint32_t loop;
    struct sk_api *api; /* that loop's */
    uint32_t busy;      /* the first loop's: as it was told last */
};

struct sk_doors {
    struct sk_node *node;
    struct sk_api_options options;
    struct sk_peers *peers; /* NULL: one loop */
    pthread_mutex_t lock;   /* the peers' */
    uint16_t port;
    struct sk_runtime_timer *drain;
    int rounds_left;
    uint32_t answers_left;       /* of loops that were asked whether they are busy */
    void (*done)(void *context); /* NULL: nobody waits */
    void *context;
    uint32_t count;
    char host[SK_HOST_SIZE_MAX];
    struct door all[];
};

static void on_drain(void *context);

static struct sk_runtime *runtime_at(const struct sk_doors *doors, uint32_t loop)
{
    return sk_libevent_runtime_port(sk_node_runtime_at(doors->node, loop));
}

static bool is_open(void *context)
{
    return sk_node_is_open(context);
}

static uint32_t share(const struct sk_doors *doors, uint32_t limit)
{
    return limit == 0 || limit >= doors->count ? limit / doors->count : 1;
}

/* ---- making ---------------------------------------------------------------------------------- */

static void enter(void *lock)
{
    (void)pthread_mutex_lock(lock);
}

static void leave(void *lock)
{
    (void)pthread_mutex_unlock(lock);
}

struct sk_doors *sk_doors_new(struct sk_node *node, const struct sk_api_options *options)
{
    uint32_t count = sk_node_loops(node);
    struct sk_doors *doors = sk_alloc(sizeof *doors + count * sizeof doors->all[0]);
    if (doors == NULL) return NULL;
    doors->node = node;
    doors->options = *options;
    doors->count = count;
    if (options->host != NULL) {
        (void)snprintf(doors->host, sizeof doors->host, "%s", options->host);
        doors->options.host = doors->host;
    }
    for (uint32_t i = 0; i < count; i++) doors->all[i] = (struct door){ doors, i, NULL, 0 };
    struct sk_runtime *home = runtime_at(doors, 0);
    doors->drain = home->ops->timer_new(home, on_drain, doors);
    struct sk_peers_lock lock = { enter, leave, &doors->lock };
    (void)pthread_mutex_init(&doors->lock, NULL);
    if (count > 1) doors->peers = sk_peers_new(node->group, &lock);
    if (doors->drain != NULL && (count == 1 || doors->peers != NULL)) return doors;
    sk_doors_free(doors);
    return NULL;
}

enum skald_status sk_doors_make(struct sk_doors *doors, uint32_t loop, skald_error *error)
{
    struct sk_api_options options = doors->options;
    struct sk_loop *of = &doors->node->loops[loop];
    options.base = sk_libevent_runtime_base(of->runtime);
    options.engine = of->engine;
    options.runtime = sk_libevent_runtime_port(of->runtime);
    options.limiter = of->limiter;
    options.peers = doors->peers;
    options.member = loop;
    options.is_open = is_open;
    options.open_context = doors->node;
    options.connections_max = share(doors, options.connections_max);
    return sk_api_new(&options, &doors->all[loop].api, error);
}

enum skald_status sk_doors_listen(struct sk_doors *doors, uint32_t loop, uint16_t port,
                                  skald_error *error)
{
    struct sk_api *api = doors->all[loop].api;
    enum skald_status status = sk_api_listen(api, loop == 0 ? port : doors->port, error);
    if (status == SKALD_OK && loop == 0) doors->port = sk_api_port(api);
    return status;
}

enum skald_status sk_doors_open(struct sk_doors *doors, uint16_t port, skald_error *error)
{
    enum skald_status status = SKALD_OK;
    for (uint32_t i = 0; i < doors->count && status == SKALD_OK; i++)
        status = sk_doors_make(doors, i, error);
    for (uint32_t i = 0; i < doors->count && status == SKALD_OK; i++)
        status = sk_doors_listen(doors, i, port, error);
    return status;
}

uint16_t sk_doors_port(const struct sk_doors *doors)
{
    return doors->port;
}

struct sk_api *sk_doors_first(struct sk_doors *doors)
{
    return doors->all[0].api;
}

/* ---- stopping -------------------------------------------------------------------------------- */

static void stop_one(void *context)
{
    struct door *door = context;
    if (door->api != NULL) sk_api_stop(door->api);
}

void sk_doors_stop(struct sk_doors *doors)
{
    stop_one(&doors->all[0]);
    for (uint32_t i = 1; i < doors->count; i++) {
        struct sk_runtime *runtime = runtime_at(doors, i);
        /* Without memory it goes on accepting until the end, as its siblings' clients see, too. */
        (void)runtime->ops->post(runtime, stop_one, &doors->all[i]);
    }
}

/* Replies that the last commits let out are still being written. */
static void begin_round(struct sk_doors *doors);

static void end_round(struct sk_doors *doors)
{
    uint32_t busy = 0;
    for (uint32_t i = 0; i < doors->count; i++) busy += doors->all[i].busy;
    if (busy > 0 || doors->done == NULL) return; /* the timer begins another one */
    void (*done)(void *context) = doors->done;
    doors->done = NULL;
    done(doors->context);
}

static void on_told(void *context)
{
    struct door *door = context;
    door->doors->answers_left -= 1;
    if (door->doors->answers_left == 0) end_round(door->doors);
}

static void look_at_one(void *context)
{
    struct door *door = context;
    struct sk_runtime *home = runtime_at(door->doors, 0);
    door->busy = door->api == NULL ? 0 : sk_api_busy(door->api);
    (void)home->ops->post(home, on_told, door); /* or the last round ends it */
}

static void begin_round(struct sk_doors *doors)
{
    doors->answers_left = 1;
    for (uint32_t i = 1; i < doors->count; i++) {
        struct sk_runtime *runtime = runtime_at(doors, i);
        enum skald_status status = runtime->ops->post(runtime, look_at_one, &doors->all[i]);
        if (status == SKALD_OK) doors->answers_left += 1;
    }
    struct door *first = &doors->all[0];
    first->busy = first->api == NULL ? 0 : sk_api_busy(first->api);
    on_told(first);
}

static void on_drain(void *context)
{
    struct sk_doors *doors = context;
    struct sk_runtime *home = runtime_at(doors, 0);
    if (doors->done == NULL) return;
    doors->rounds_left -= 1;
    if (doors->rounds_left <= 0) {
        void (*done)(void *context) = doors->done;
        doors->done = NULL;
        done(doors->context);
        return;
    }
    home->ops->timer_arm(doors->drain, home->ops->now_ms(home) + DRAIN_EVERY_MS);
    if (doors->answers_left == 0) begin_round(doors);
}

void sk_doors_drain(struct sk_doors *doors, void (*done)(void *context), void *context)
{
    doors->done = done;
    doors->context = context;
    doors->rounds_left = DRAIN_TIMES;
    on_drain(doors);
}

/* ---- the end --------------------------------------------------------------------------------- */

void sk_doors_unmake(struct sk_doors *doors, uint32_t loop)
{
    sk_api_free(doors->all[loop].api);
    doors->all[loop].api = NULL;
}

void sk_doors_free(struct sk_doors *doors)
{
    if (doors == NULL) return;
    for (uint32_t i = 0; i < doors->count; i++) sk_doors_unmake(doors, i);
    runtime_at(doors, 0)->ops->timer_free(doors->drain);
    sk_peers_free(doors->peers);
    (void)pthread_mutex_destroy(&doors->lock);
    sk_free(doors);
}

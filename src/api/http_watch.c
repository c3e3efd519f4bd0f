/* http_watch.c: see http_watch.h. */
#include "api/http_watch.h"

#include "api/http_page.h"
#include "base/arena.h"

#define HASH_NONFATAL_OOM 1
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <sys/socket.h>
#include <time.h>
#include <uthash.h>

enum {
    LOOK_EVERY_MS = 1000,
    LOOK_WHEN_FULL_MS = 20, /* who closed without a request must not keep others waiting */
    SIZE_MAX_OF_ALL = 256 * 1024 * 1024, /* requests that are not answered, together */
    SMALL_SIZE = 64 * 1024, /* requests up to here always fit: large ones do not keep them out */
    REQUESTS_MIN = 4        /* of the largest size that fit at least */
};

enum phase { PHASE_IDLE, PHASE_READING, PHASE_HANDLING };

struct watch {
    struct bufferevent *bev; /* a reference; the key */
    struct sk_http_watches *all;
    enum phase phase;
    bool has_closecb, is_replacing;
    int64_t since_ms;               /* of READING */
    size_t size;                    /* received and not answered */
    void (*on_gone)(void *context); /* of a stream; NULL = none */
    void *gone_context;
    UT_hash_handle hh;
};

struct sk_http_watches {
    struct watch *by_bev;
    struct sk_http_watch_options options;
    uint32_t count, busy_count;
    size_t size, size_max; /* of all watches */
    struct event *look;
    bool is_full;
};

static int64_t now_ms(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

/* evhttp sees the end of the stream and frees the connection by itself. */
static void cut(const struct watch *watch)
{
    (void)shutdown(bufferevent_getfd(watch->bev), SHUT_RDWR);
}

/* What goes beyond the size of a request evhttp throws away. */
static void count_bytes(struct watch *watch, size_t added)
{
    struct sk_http_watches *all = watch->all;
    size_t room = all->options.request_size_max - watch->size;
    size_t kept = added < room ? added : room;
    watch->size += kept;
    all->size += kept;
    if (kept == 0 || watch->size <= SMALL_SIZE || all->size <= all->size_max) return;
    /* With a reset: a client in the middle of sending would not notice the end of the stream. */
    struct linger reset = { .l_onoff = 1 };
    (void)setsockopt(bufferevent_getfd(watch->bev), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    cut(watch);
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *context)
{
    (void)input;
    struct watch *watch = context;
    if (info->n_added == 0) return;
    count_bytes(watch, info->n_added);
    if (watch->phase != PHASE_IDLE) return;
    watch->phase = PHASE_READING;
    watch->since_ms = now_ms();
}

/* What is written for a request that never reached us is evhttp's own. */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *context)
{
    struct watch *watch = context;
    if (info->n_added == 0 || watch->phase == PHASE_HANDLING || watch->is_replacing) return;
    watch->is_replacing = true;
    sk_http_page_replace(output);
    watch->is_replacing = false;
}

static bool look_every(struct sk_http_watches *all, int64_t ms)
{
    struct timeval every = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
    return event_add(all->look, &every) == 0;
}

static void set_full(struct sk_http_watches *all, bool is_full)
{
    all->is_full = is_full;
    /* Without memory for it one looks as often as before. */
    (void)look_every(all, is_full ? LOOK_WHEN_FULL_MS : LOOK_EVERY_MS);
    all->options.on_room(all->options.context, !is_full);
}

static void watch_drop(struct watch *watch)
{
    struct sk_http_watches *all = watch->all;
    HASH_DEL(all->by_bev, watch);
    all->count -= 1;
    all->size -= watch->size;
    if (watch->phase == PHASE_HANDLING) all->busy_count -= 1;
    (void)evbuffer_remove_cb(bufferevent_get_input(watch->bev), on_input, watch);
    (void)evbuffer_remove_cb(bufferevent_get_output(watch->bev), on_output, watch);
    (void)bufferevent_decref(watch->bev);
    sk_free(watch);
    if (all->is_full && all->count < all->options.connections_max) set_full(all, false);
}

/* evhttp lets go of a bufferevent by taking its callbacks away. */
static bool is_let_go(const struct watch *watch)
{
    bufferevent_event_cb on_event = NULL;
    bufferevent_getcb(watch->bev, NULL, NULL, &on_event, NULL);
    return on_event == NULL;
}

static void on_look(evutil_socket_t unused, short what, void *context)
{
    (void)unused;
    (void)what;
    struct sk_http_watches *all = context;
    int64_t latest_ms = now_ms() - all->options.request_timeout_ms;
    struct watch *watch, *next;
    HASH_ITER(hh, all->by_bev, watch, next)
    {
        if (is_let_go(watch)) {
            watch_drop(watch);
        } else if (watch->phase == PHASE_READING && watch->since_ms < latest_ms) {
            cut(watch);
        }
    }
}

static void on_close(struct evhttp_connection *connection, void *context)
{
    (void)connection;
    struct watch *watch = context;
    void (*on_gone)(void *context) = watch->on_gone;
    watch->on_gone = NULL;
    if (on_gone != NULL) on_gone(watch->gone_context);
    watch_drop(watch);
}

static void on_written(struct evhttp_request *request, void *context)
{
    (void)request;
    struct watch *watch = context;
    watch->all->busy_count -= 1;
    /* A second request may already lie in the buffer. */
    size_t left = evbuffer_get_length(bufferevent_get_input(watch->bev));
    watch->all->size -= watch->size;
    watch->size = 0;
    count_bytes(watch, left);
    watch->phase = left > 0 ? PHASE_READING : PHASE_IDLE;
    watch->since_ms = now_ms();
}

struct bufferevent *sk_http_watches_connection(struct sk_http_watches *all)
{
    struct watch *watch = sk_alloc(sizeof *watch);
    if (watch == NULL) return NULL;
    watch->bev = bufferevent_socket_new(all->options.base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (watch->bev == NULL) {
        sk_free(watch);
        return NULL;
    }
    watch->all = all;
    struct evbuffer *input = bufferevent_get_input(watch->bev);
    struct evbuffer *output = bufferevent_get_output(watch->bev);
    struct bufferevent *bev = watch->bev;
    bool is_heard = evbuffer_add_cb(input, on_input, watch) != NULL &&
                    evbuffer_add_cb(output, on_output, watch) != NULL;
    if (is_heard) HASH_ADD_PTR(all->by_bev, bev, watch);
    if (watch->hh.tbl == NULL) {
        bufferevent_free(bev);
        sk_free(watch);
        return NULL;
    }
    bufferevent_incref(bev);
    all->count += 1;
    if (!all->is_full && all->count >= all->options.connections_max) set_full(all, true);
    return bev;
}

static struct watch *watch_of(struct sk_http_watches *all, struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct bufferevent *bev = evhttp_connection_get_bufferevent(connection);
    struct watch *watch = NULL;
    HASH_FIND_PTR(all->by_bev, &bev, watch);
    return watch;
}

bool sk_http_watches_knows(struct sk_http_watches *all, struct evhttp_request *request)
{
    return watch_of(all, request) != NULL;
}

void sk_http_watches_stream(struct sk_http_watches *all, struct evhttp_request *request,
                            int64_t stall_ms, void (*on_gone)(void *context), void *context)
{
    struct watch *watch = watch_of(all, request);
    if (watch == NULL) return;
    struct timeval stall = { .tv_sec = stall_ms / 1000, .tv_usec = stall_ms % 1000 * 1000 };
    (void)bufferevent_set_timeouts(watch->bev, NULL, &stall);
    /* Nobody reads what it sends meanwhile. */
    bufferevent_setwatermark(watch->bev, EV_READ, 0, SMALL_SIZE);
    watch->on_gone = on_gone;
    watch->gone_context = context;
}

void sk_http_watches_cut(struct sk_http_watches *all, struct evhttp_request *request)
{
    struct watch *watch = watch_of(all, request);
    if (watch != NULL) cut(watch);
}

void sk_http_watches_request(struct sk_http_watches *all, struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct watch *watch = watch_of(all, request);
    if (watch == NULL) return; /* made without a watch: out of memory */
    watch->phase = PHASE_HANDLING;
    all->busy_count += 1;
    if (!watch->has_closecb) evhttp_connection_set_closecb(connection, on_close, watch);
    watch->has_closecb = true;
    evhttp_request_set_on_complete_cb(request, on_written, watch);
}

uint32_t sk_http_watches_busy(const struct sk_http_watches *all)
{
    return all->busy_count;
}

struct sk_http_watches *sk_http_watches_new(const struct sk_http_watch_options *options)
{
    struct sk_http_watches *all = sk_alloc(sizeof *all);
    if (all == NULL) return NULL;
    size_t least = REQUESTS_MIN * options->request_size_max;
    size_t most = SIZE_MAX_OF_ALL / (options->servers_count == 0 ? 1 : options->servers_count);
    *all = (struct sk_http_watches){ .options = *options, .size_max = least > most ? least : most };
    all->look = event_new(options->base, -1, EV_PERSIST, on_look, all);
    if (all->look == NULL || !look_every(all, LOOK_EVERY_MS)) {
        sk_http_watches_free(all);
        return NULL;
    }
    return all;
}

void sk_http_watches_free(struct sk_http_watches *all)
{
    if (all == NULL) return;
    struct watch *watch, *next;
    HASH_ITER(hh, all->by_bev, watch, next)
    {
        watch_drop(watch);
    }
    if (all->look != NULL) event_free(all->look);
    sk_free(all);
}

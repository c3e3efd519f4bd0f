/* http_watch.c: see http_watch.h. */
#include "api/http_watch.h"

#include "base/arena.h"
#include "base/assert.h"

#define uthash_fatal(message) sk_panic((message), __FILE__, __LINE__)

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <sys/socket.h>
#include <time.h>
#include <uthash.h>

enum { LOOK_EVERY_MS = 1000 };

enum phase { PHASE_IDLE, PHASE_READING, PHASE_HANDLING };

struct watch {
    struct bufferevent *bev; /* a reference; the key */
    struct sk_http_watches *all;
    enum phase phase;
    bool has_closecb;
    int64_t since_ms; /* of READING */
    UT_hash_handle hh;
};

struct sk_http_watches {
    struct watch *by_bev;
    uint32_t count, connections_max, busy_count;
    int64_t request_timeout_ms;
    struct event_base *base;
    struct event *look;
    bool is_full;
    void (*on_room)(void *context, bool has_room);
    void *context;
};

static int64_t now_ms(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *context)
{
    (void)input;
    struct watch *watch = context;
    if (info->n_added == 0 || watch->phase != PHASE_IDLE) return;
    watch->phase = PHASE_READING;
    watch->since_ms = now_ms();
}

static void watch_drop(struct watch *watch)
{
    struct sk_http_watches *all = watch->all;
    HASH_DEL(all->by_bev, watch);
    all->count -= 1;
    if (watch->phase == PHASE_HANDLING) all->busy_count -= 1;
    (void)evbuffer_remove_cb(bufferevent_get_input(watch->bev), on_input, watch);
    (void)bufferevent_decref(watch->bev);
    sk_free(watch);
    if (all->is_full && all->count < all->connections_max) {
        all->is_full = false;
        all->on_room(all->context, true);
    }
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
    int64_t latest_ms = now_ms() - all->request_timeout_ms;
    struct watch *watch, *next;
    HASH_ITER(hh, all->by_bev, watch, next)
    {
        if (is_let_go(watch)) {
            watch_drop(watch);
        } else if (watch->phase == PHASE_READING && watch->since_ms < latest_ms) {
            /* evhttp sees the end of the stream and frees the connection by itself. */
            (void)shutdown(bufferevent_getfd(watch->bev), SHUT_RDWR);
        }
    }
}

static void on_close(struct evhttp_connection *connection, void *context)
{
    (void)connection;
    watch_drop(context);
}

static void on_written(struct evhttp_request *request, void *context)
{
    (void)request;
    struct watch *watch = context;
    watch->all->busy_count -= 1;
    /* A second request may already lie in the buffer. */
    bool has_more = evbuffer_get_length(bufferevent_get_input(watch->bev)) > 0;
    watch->phase = has_more ? PHASE_READING : PHASE_IDLE;
    watch->since_ms = now_ms();
}

struct bufferevent *sk_http_watches_connection(struct sk_http_watches *all)
{
    struct watch *watch = sk_alloc(sizeof *watch);
    if (watch == NULL) return NULL;
    watch->bev = bufferevent_socket_new(all->base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (watch->bev == NULL) {
        sk_free(watch);
        return NULL;
    }
    watch->all = all;
    struct evbuffer *input = bufferevent_get_input(watch->bev);
    if (evbuffer_add_cb(input, on_input, watch) == NULL) {
        bufferevent_free(watch->bev);
        sk_free(watch);
        return NULL;
    }
    struct bufferevent *bev = watch->bev;
    bufferevent_incref(bev);
    HASH_ADD_PTR(all->by_bev, bev, watch);
    all->count += 1;
    if (!all->is_full && all->count >= all->connections_max) {
        all->is_full = true;
        all->on_room(all->context, false);
    }
    return bev;
}

void sk_http_watches_request(struct sk_http_watches *all, struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct bufferevent *bev = evhttp_connection_get_bufferevent(connection);
    struct watch *watch = NULL;
    HASH_FIND_PTR(all->by_bev, &bev, watch);
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

struct sk_http_watches *sk_http_watches_new(struct event_base *base, uint32_t connections_max,
                                            int64_t request_timeout_ms,
                                            void (*on_room)(void *context, bool has_room),
                                            void *context)
{
    struct sk_http_watches *all = sk_alloc(sizeof *all);
    if (all == NULL) return NULL;
    *all = (struct sk_http_watches){ .connections_max = connections_max,
                                     .request_timeout_ms = request_timeout_ms,
                                     .base = base,
                                     .on_room = on_room,
                                     .context = context };
    struct timeval every = { .tv_sec = LOOK_EVERY_MS / 1000,
                             .tv_usec = LOOK_EVERY_MS % 1000 * 1000 };
    all->look = event_new(base, -1, EV_PERSIST, on_look, all);
    if (all->look == NULL || event_add(all->look, &every) != 0) {
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

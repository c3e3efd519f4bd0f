/*
 * http_watch.h: how long connections take and how many there are. evhttp's own limits count from
 * the last byte, so a client that sends one byte a minute would hold its place for ever.
 *
 *   IDLE ──first byte──► READING ──request whole──► HANDLING ──reply written──► IDLE
 *                           └── longer than request_timeout_ms: the connection is shut down
 *
 * Requests that are not answered yet may fill so much memory and no more: the connection whose
 * bytes are too many is shut down, and its client, who was told nothing, sends again.
 *
 * A watch holds a reference of its connection's bufferevent; it ends when evhttp tells that the
 * connection closes or, for those that never sent a whole request, at the next look around.
 */
#ifndef SK_API_HTTP_WATCH_H
#define SK_API_HTTP_WATCH_H

#include "base/error.h"
#include "base/str.h"

struct event_base;
struct bufferevent;
struct evhttp_request;
struct sk_http_watches;

struct sk_http_watch_options {
    struct event_base *base;
    uint32_t connections_max;
    int64_t request_timeout_ms;
    size_t request_size_max; /* what evhttp keeps of one request at most */
    uint32_t servers_count;  /* that share the memory for what is not whole yet; 0 = 1 */
    /* false when connections_max is reached, true when there is room again */
    void (*on_room)(void *context, bool has_room);
    void *context;
};
struct sk_http_watches *sk_http_watches_new(const struct sk_http_watch_options *options);
/* After evhttp has let go of all connections. NULL is fine. */
void sk_http_watches_free(struct sk_http_watches *all);

/* A bufferevent for a connection that is about to be accepted; NULL when out of memory. */
struct bufferevent *sk_http_watches_connection(struct sk_http_watches *all);
/* Requests of which the reply has not been written out yet. */
uint32_t sk_http_watches_busy(const struct sk_http_watches *all);
/* false: its connection was made when memory was short, and is not watched. */
bool sk_http_watches_knows(struct sk_http_watches *all, struct evhttp_request *request);
/* Its reply goes on without an end: no time-out but stall_ms for what is to be sent; `on_gone`
 * (NULL: the end has been written) tells that the connection is closing. Once; and only while the
 * request has a connection. */
void sk_http_watches_stream(struct sk_http_watches *all, struct evhttp_request *request,
                            int64_t stall_ms, void (*on_gone)(void *context), void *context);
/* Shuts the connection down; what evhttp does then is as if the client had gone. */
void sk_http_watches_cut(struct sk_http_watches *all, struct evhttp_request *request);
/* A request has come in whole. */
void sk_http_watches_request(struct sk_http_watches *all, struct evhttp_request *request);

#endif

/*
 * http_server.h: HTTP/1.1 on an event loop, as little of it as the API needs. The only place that
 * knows evhttp, so that it can be replaced.
 *
 *   H1  on_request is called once a request is whole; exactly one sk_http_reply must follow, now
 *       or later. Until then the request and every view of it are valid.
 *   H2  A client that goes away is not noticed before the reply, unless it is asked for; the reply
 *       then goes nowhere, and is safe all the same. (A stream notices: http_stream.h.)
 *   H3  From its first byte a request has request_timeout_ms to be whole, however it dribbles; a
 *       connection without a request has idle_timeout_ms. Then it is closed.
 *
 * Everything on the loop's thread.
 */
#ifndef SK_API_HTTP_SERVER_H
#define SK_API_HTTP_SERVER_H

#include "base/error.h"
#include "base/str.h"

struct event_base;
struct sk_http_server;

/* One request, wherever it came from: over a socket (http_server.c) or from the program that holds
 * the engine in itself (local.c). The first member of either's struct. */
struct sk_http_request {
    const struct sk_http_request_ops *ops;
};

enum sk_http_method {
    SK_HTTP_OTHER,
    SK_HTTP_GET,
    SK_HTTP_HEAD,
    SK_HTTP_POST,
    SK_HTTP_PUT,
    SK_HTTP_PATCH,
    SK_HTTP_DELETE,
    SK_HTTP_OPTIONS
};
const char *sk_http_method_name(enum sk_http_method method);

struct sk_http_server_options {
    struct event_base *base;
    /* Bodies up to here reach on_request; longer ones get a bare 413 without being kept. */
    size_t body_size_max;
    size_t headers_size_max;
    uint32_t connections_max; /* beyond it new ones wait in the system's queue */
    /* One of several servers, each on a loop of its own, among which the system divides the
     * connections to one address: the first finds out whether the port is free for them. */
    uint32_t servers_count; /* with this one; 0 = it is alone */
    bool is_first;
    int64_t idle_timeout_ms, request_timeout_ms;
    void (*on_request)(void *context, struct sk_http_request *request);
    void *context;
};

/* Binds and listens. host "127.0.0.1", "::1", "0.0.0.0" or a name; port 0 = any free one.
 * SKALD_E_BUSY: the port is taken; SKALD_E_ARGUMENT: no such address here; SKALD_E_MEMORY,
 * SKALD_E_IO. */
enum skald_status sk_http_server_new(const struct sk_http_server_options *options, const char *host,
                                     uint16_t port, struct sk_http_server **out_server,
                                     skald_error *error) SK_MUST_CHECK;
uint16_t sk_http_server_port(const struct sk_http_server *server);
/* Requests of which the reply has not been written out yet. */
uint32_t sk_http_server_busy(const struct sk_http_server *server);
/* No new connections; those that are there go on. */
void sk_http_server_stop(struct sk_http_server *server);
/* Closes all connections; requests without a reply are gone. NULL is fine. */
void sk_http_server_free(struct sk_http_server *server);

struct sk_http_view {
    enum sk_http_method method;
    struct sk_str path, query; /* as sent: percent-encoded; query without its '?' */
    struct sk_str body;
    /* Where it ends can be read in two ways (two lengths, an encoding that is not known): answer
     * with an error and `Connection: close`, else what follows may be taken for a request. */
    bool is_ambiguous;
};
struct sk_http_request_ops {
    bool (*is_gone)(struct sk_http_request *request);
    struct sk_http_view (*view)(struct sk_http_request *request);
    struct sk_str (*header)(struct sk_http_request *request, const char *name);
    void (*reply_header)(struct sk_http_request *request, const char *name, const char *value);
    void (*reply)(struct sk_http_request *request, int status, const char *reason,
                  struct sk_str body);
};

static inline struct sk_http_view sk_http_request_view(struct sk_http_request *request)
{
    return request->ops->view(request);
}

/* {NULL, 0} when it is missing. Names in any case. */
static inline struct sk_str sk_http_request_header(struct sk_http_request *request,
                                                   const char *name)
{
    return request->ops->header(request, name);
}

/* The client has closed its end: a reply would go nowhere. False may be out of date. */
static inline bool sk_http_request_is_gone(struct sk_http_request *request)
{
    return request->ops->is_gone(request);
}

/* A header of the reply, before it is sent. Values with line breaks are dropped. */
static inline void sk_http_reply_header(struct sk_http_request *request, const char *name,
                                        const char *value)
{
    request->ops->reply_header(request, name, value);
}

/* The reply; the request is gone afterwards. HEAD: the body is only measured. */
static inline void sk_http_reply(struct sk_http_request *request, int status, const char *reason,
                                 struct sk_str body)
{
    request->ops->reply(request, status, reason, body);
}

#endif

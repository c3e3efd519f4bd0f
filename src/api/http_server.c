/* http_server.c: evhttp behind http_server.h. */
#include "api/http_server.h"

#include "api/http_parts.h"
#include "base/arena.h"
#include "base/list.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 128 }; /* as evhttp */

struct sk_http_server {
    struct sk_http_server_options options;
    struct evhttp *evhttp;
    struct evhttp_bound_socket *bound; /* NULL once stopped */
    struct sk_http_watches *watches;
    struct sk_list requests; /* without a reply */
    struct remote *inside;   /* its handler has not returned to evhttp yet */
    time_t date_at;          /* of `date` */
    char date[40];           /* as replies tell it */
    uint16_t port;
};

enum { LENGTH_ROOM = 24, LINES_SIZE = 400 };

/* A request that came over a socket. */
struct remote {
    struct sk_http_request request; /* first */
    struct sk_list node;
    struct evhttp_request *evhttp;
    struct sk_http_server *server;
    /* Behind LENGTH_ROOM the reply's headers, "Name: value\r\n" each, as far as there is room and
     * evhttp need not know them; the others are in its own list. */
    size_t lines_size;
    char lines[LINES_SIZE];
};

static const struct {
    enum sk_http_method method;
    enum evhttp_cmd_type type;
    const char *name;
} methods[] = {
    { SK_HTTP_GET, EVHTTP_REQ_GET, "GET" },
    { SK_HTTP_HEAD, EVHTTP_REQ_HEAD, "HEAD" },
    { SK_HTTP_POST, EVHTTP_REQ_POST, "POST" },
    { SK_HTTP_PUT, EVHTTP_REQ_PUT, "PUT" },
    { SK_HTTP_PATCH, EVHTTP_REQ_PATCH, "PATCH" },
    { SK_HTTP_DELETE, EVHTTP_REQ_DELETE, "DELETE" },
    { SK_HTTP_OPTIONS, EVHTTP_REQ_OPTIONS, "OPTIONS" },
};

enum { METHODS_COUNT = sizeof methods / sizeof methods[0] };

const char *sk_http_method_name(enum sk_http_method method)
{
    for (size_t i = 0; i < METHODS_COUNT; i++) {
        if (methods[i].method == method) return methods[i].name;
    }
    return "OTHER";
}

/* ---- requests -------------------------------------------------------------------------------- */

static struct evhttp_request *evhttp_of(struct sk_http_request *request)
{
    return sk_container_of(request, struct remote, request)->evhttp;
}

static bool is_ambiguous(struct evhttp_request *evhttp)
{
    const struct evkeyval *header;
    const char *length = NULL;
    TAILQ_FOREACH(header, evhttp_request_get_input_headers(evhttp), next)
    {
        if (evutil_ascii_strcasecmp(header->key, "Transfer-Encoding") == 0 &&
            evutil_ascii_strcasecmp(header->value, "chunked") != 0)
            return true;
        if (evutil_ascii_strcasecmp(header->key, "Content-Length") != 0) continue;
        if (length != NULL && strcmp(length, header->value) != 0) return true;
        length = header->value;
    }
    return false;
}

static struct sk_http_view view_of(struct sk_http_request *request)
{
    struct evhttp_request *evhttp = evhttp_of(request);
    struct sk_http_view view = { .method = SK_HTTP_OTHER };
    enum evhttp_cmd_type type = evhttp_request_get_command(evhttp);
    for (size_t i = 0; i < METHODS_COUNT; i++) {
        if (methods[i].type == type) view.method = methods[i].method;
    }
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(evhttp);
    view.path = sk_str_of(uri == NULL ? NULL : evhttp_uri_get_path(uri));
    view.query = sk_str_of(uri == NULL ? NULL : evhttp_uri_get_query(uri));
    view.is_ambiguous = is_ambiguous(evhttp);
    struct evbuffer *input = evhttp_request_get_input_buffer(evhttp);
    view.body.size = evbuffer_get_length(input);
    if (view.body.size > 0) view.body.data = (const char *)evbuffer_pullup(input, -1);
    if (view.body.data == NULL) view.body.size = 0;
    return view;
}

static struct sk_str header_of(struct sk_http_request *request, const char *name)
{
    return sk_str_of(
        evhttp_find_header(evhttp_request_get_input_headers(evhttp_of(request)), name));
}

static bool is_evhttps(const char *name)
{
    return evutil_ascii_strcasecmp(name, "Connection") == 0 ||
           evutil_ascii_strcasecmp(name, "Content-Length") == 0 ||
           evutil_ascii_strcasecmp(name, "Transfer-Encoding") == 0 ||
           evutil_ascii_strcasecmp(name, "Date") == 0;
}

static void add_header(struct sk_http_request *request, const char *name, const char *value)
{
    struct remote *remote = sk_container_of(request, struct remote, request);
    size_t name_size = strlen(name), value_size = strlen(value);
    size_t room = sizeof remote->lines - LENGTH_ROOM - remote->lines_size;
    if (name_size + value_size + 5 > room || is_evhttps(name) || strpbrk(value, "\r\n") != NULL) {
        (void)evhttp_add_header(evhttp_request_get_output_headers(remote->evhttp), name, value);
        return;
    }
    char *at = remote->lines + LENGTH_ROOM + remote->lines_size;
    at = mempcpy(at, name, name_size);
    at = mempcpy(at, ": ", 2);
    at = mempcpy(at, value, value_size);
    memcpy(at, "\r\n", 3);
    remote->lines_size += name_size + value_size + 4;
}

/* The lines become evhttp's own. */
static void give_lines(struct remote *remote)
{
    char *at = remote->lines + LENGTH_ROOM;
    for (char *end = strstr(at, "\r\n"); end != NULL; end = strstr(at, "\r\n")) {
        char *colon = strchr(at, ':');
        *colon = '\0';
        *end = '\0';
        (void)evhttp_add_header(evhttp_request_get_output_headers(remote->evhttp), at, colon + 2);
        at = end + 2;
    }
    remote->lines_size = 0;
    remote->lines[LENGTH_ROOM] = '\0';
}

static void forget(struct remote *remote)
{
    sk_list_remove(&remote->node);
    sk_free(remote);
}

/* Sends what was just written without waiting for the turn in which the socket is found writable:
 * with libevent's list of changes that saves two calls of the system a reply. Not from within
 * evhttp's own callback, which would find its connection gone. */
static void flush(struct bufferevent *bev)
{
    struct evbuffer *output = bufferevent_get_output(bev);
    (void)evbuffer_unfreeze(output, 1);
    int size = evbuffer_write(output, bufferevent_getfd(bev));
    (void)evbuffer_freeze(output, 1);
    if (size <= 0 || evbuffer_get_length(output) > 0) return; /* the rest, or the error, later */
    (void)bufferevent_disable(bev, EV_WRITE);
    bufferevent_trigger(bev, EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
}

static char *date_of(struct sk_http_server *server)
{
    time_t now = time(NULL);
    if (now != server->date_at) (void)evutil_date_rfc1123(server->date, sizeof server->date, NULL);
    server->date_at = now;
    return server->date;
}

/* A reply with a body. While evhttp writes it, its list of headers gets all of them as two entries
 * that are not its own, instead of three pieces of memory and a printf a header. */
static void send_lines(struct remote *remote, int status, const char *reason, size_t body_size)
{
    char digits[LENGTH_ROOM];
    struct evkeyvalq *headers = evhttp_request_get_output_headers(remote->evhttp);
    bool has_lines = remote->lines_size > 0;
    int size = snprintf(digits, sizeof digits, has_lines ? "%zu\r\n" : "%zu", body_size);
    char *value = memcpy(remote->lines + LENGTH_ROOM - size, digits, (size_t)size);
    remote->lines[LENGTH_ROOM + remote->lines_size - (has_lines ? 2 : 0)] = '\0';
    struct evkeyval date = { .key = (char *)"Date", .value = date_of(remote->server) };
    struct evkeyval rest = { .key = (char *)"Content-Length", .value = value };
    TAILQ_INSERT_TAIL(headers, &date, next);
    TAILQ_INSERT_TAIL(headers, &rest, next);
    evhttp_send_reply(remote->evhttp, status, reason, NULL);
    TAILQ_REMOVE(headers, &rest, next);
    TAILQ_REMOVE(headers, &date, next);
}

static void reply_to(struct sk_http_request *request, int status, const char *reason,
                     struct sk_str body)
{
    struct evhttp_request *evhttp = evhttp_of(request);
    struct remote *remote = sk_container_of(request, struct remote, request);
    struct evhttp_connection *connection = evhttp_request_get_connection(evhttp);
    bool is_head = evhttp_request_get_command(evhttp) == EVHTTP_REQ_HEAD;
    if (is_head) {
        char size[32];
        (void)snprintf(size, sizeof size, "%zu", body.size);
        add_header(request, "Content-Length", size);
    } else if (body.size > 0 &&
               evbuffer_add(evhttp_request_get_output_buffer(evhttp), body.data, body.size) != 0) {
        /* No memory. Without its body the answer would say something else than it means. */
        status = 503;
        reason = "Service Unavailable";
        add_header(request, "Retry-After", "1");
        body.size = 0;
    }
    bool is_inside = remote == remote->server->inside;
    if (is_head || body.size == 0 || connection == NULL) {
        give_lines(remote);
        evhttp_send_reply(evhttp, status, reason, NULL);
    } else {
        send_lines(remote, status, reason, body.size);
    }
    forget(remote);
    if (!is_inside && connection != NULL) flush(evhttp_connection_get_bufferevent(connection));
}

/* Looked at without taking anything: what came in behind the request stays where it is. */
static bool is_gone(struct sk_http_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(evhttp_of(request));
    if (connection == NULL) return true;
    char byte;
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    ssize_t size = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
}

static const struct sk_http_request_ops remote_ops = { .is_gone = is_gone,
                                                       .view = view_of,
                                                       .header = header_of,
                                                       .reply_header = add_header,
                                                       .reply = reply_to };

static void on_evhttp_request(struct evhttp_request *evhttp, void *context)
{
    struct sk_http_server *server = context;
    sk_http_watches_request(server->watches, evhttp);
    /* In one piece, or there is no memory: then it must not be taken for one without a body. */
    struct evbuffer *input = evhttp_request_get_input_buffer(evhttp);
    bool is_short = evbuffer_get_length(input) > 0 && evbuffer_pullup(input, -1) == NULL;
    struct remote *remote = is_short ? NULL : sk_alloc(sizeof *remote);
    if (remote == NULL) {
        evhttp_send_error(evhttp, 503, NULL);
        return;
    }
    *remote = (struct remote){ .request = { &remote_ops }, .evhttp = evhttp, .server = server };
    sk_list_push(&server->requests, &remote->node);
    server->inside = remote;
    server->options.on_request(server->options.context, &remote->request);
    server->inside = NULL;
}

struct evhttp_request *sk_http_request_evhttp(struct sk_http_request *request)
{
    return evhttp_of(request);
}

void sk_http_request_forget(struct sk_http_request *request)
{
    struct remote *remote = sk_container_of(request, struct remote, request);
    give_lines(remote);
    forget(remote);
}

struct sk_http_watches *sk_http_server_watches(struct sk_http_server *server)
{
    return server->watches;
}

/* ---- the server ------------------------------------------------------------------------------ */

static struct bufferevent *on_connection(struct event_base *base, void *context)
{
    (void)base;
    struct sk_http_server *server = context;
    return sk_http_watches_connection(server->watches);
}

static void on_room(void *context, bool has_room)
{
    struct sk_http_server *server = context;
    if (server->bound == NULL) return;
    struct evconnlistener *listener = evhttp_bound_socket_get_listener(server->bound);
    (void)(has_room ? evconnlistener_enable(listener) : evconnlistener_disable(listener));
}

static uint16_t port_of(evutil_socket_t fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    memset(&address, 0, sizeof address);
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size) != 0) return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

/* A socket that listens, on a port that others of this process may share. The first is bound as if
 * it were alone, so that a port of another program is refused, and lets the others in only then.
 * -1: errno says why; 0 = there is no such address. */
static int listen_shared(const struct sk_http_server *server, const char *host, uint16_t port)
{
    struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC,
                                     .ai_socktype = SOCK_STREAM,
                                     .ai_flags = EVUTIL_AI_PASSIVE | EVUTIL_AI_ADDRCONFIG };
    struct evutil_addrinfo *found = NULL;
    char service[8];
    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    if (evutil_getaddrinfo(host, service, &hints, &found) != 0) {
        errno = 0;
        return -1;
    }
    int on = 1, is_shared = !server->options.is_first;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_bound = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0 &&
                    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &is_shared, sizeof on) == 0 &&
                    bind(fd, found->ai_addr, found->ai_addrlen) == 0 &&
                    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
                    listen(fd, BACKLOG) == 0;
    int reason = errno;
    evutil_freeaddrinfo(found);
    if (!is_bound && fd >= 0) (void)close(fd);
    errno = reason;
    return is_bound ? fd : -1;
}

static struct evhttp_bound_socket *bind_shared(struct sk_http_server *server, const char *host,
                                               uint16_t port)
{
    int fd = listen_shared(server, host, port);
    if (fd < 0) return NULL;
    struct evhttp_bound_socket *bound = evhttp_accept_socket_with_handle(server->evhttp, fd);
    if (bound == NULL) {
        (void)close(fd);
        errno = ENOMEM;
    }
    return bound;
}

static enum skald_status bind_to(struct sk_http_server *server, const char *host, uint16_t port,
                                 skald_error *error)
{
    errno = 0;
    server->bound = server->options.servers_count > 0
                        ? bind_shared(server, host, port)
                        : evhttp_bind_socket_with_handle(server->evhttp, host, port);
    if (server->bound != NULL) {
        int fd = evhttp_bound_socket_get_fd(server->bound), on = 1;
        server->port = port_of(fd);
        /* Of every connection that is accepted: an answer that takes two writes must not wait for
         * the client to acknowledge the first, which it does 40 ms later. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return SKALD_OK;
    }
    int reason = errno;
    if (reason == EADDRINUSE) {
        return sk_error_set(error, SKALD_E_BUSY, "port %u on %s is in use by another program",
                            (unsigned)port, host);
    }
    if (reason == EACCES) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "port %u may only be used by root; name one above 1023",
                            (unsigned)port);
    }
    if (reason == EADDRNOTAVAIL || reason == 0 || reason == EINVAL) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "%s is no address of this machine; name one, or 0.0.0.0 for all", host);
    }
    return sk_error_set(error, SKALD_E_IO, "cannot listen on %s port %u: %s", host, (unsigned)port,
                        strerror(reason));
}

static struct timeval timeval_of(int64_t ms)
{
    return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

static void set_limits(struct evhttp *evhttp, const struct sk_http_server_options *options)
{
    ev_uint16_t allowed = 0;
    for (size_t i = 0; i < METHODS_COUNT; i++) allowed |= (ev_uint16_t)methods[i].type;
    evhttp_set_allowed_methods(evhttp, allowed);
    evhttp_set_max_body_size(evhttp, (ev_ssize_t)options->body_size_max);
    evhttp_set_max_headers_size(evhttp, (ev_ssize_t)options->headers_size_max);
    evhttp_set_default_content_type(evhttp, NULL);
    struct timeval idle = timeval_of(options->idle_timeout_ms);
    evhttp_set_timeout_tv(evhttp, &idle);
    /* Reads what a client still sends of a body that is too long, so that it sees the 413. */
    (void)evhttp_set_flags(evhttp, EVHTTP_SERVER_LINGERING_CLOSE);
}

enum skald_status sk_http_server_new(const struct sk_http_server_options *options, const char *host,
                                     uint16_t port, struct sk_http_server **out_server,
                                     skald_error *error)
{
    struct sk_http_server *server = sk_alloc(sizeof *server);
    if (server == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    *server = (struct sk_http_server){ .options = *options };
    sk_list_init(&server->requests);
    enum skald_status status = SKALD_E_MEMORY;
    struct sk_http_watch_options watch = {
        .base = options->base,
        .connections_max = options->connections_max,
        .request_timeout_ms = options->request_timeout_ms,
        .request_size_max = options->body_size_max + options->headers_size_max,
        .servers_count = options->servers_count,
        .on_room = on_room,
        .context = server,
    };
    server->watches = sk_http_watches_new(&watch);
    server->evhttp = evhttp_new(options->base);
    if (server->watches == NULL || server->evhttp == NULL) {
        (void)sk_error_set(error, SKALD_E_MEMORY, "out of memory");
        goto out;
    }
    set_limits(server->evhttp, options);
    evhttp_set_bevcb(server->evhttp, on_connection, server);
    evhttp_set_gencb(server->evhttp, on_evhttp_request, server);
    status = bind_to(server, host, port, error);
    if (status != SKALD_OK) goto out;
    *out_server = server;
    return SKALD_OK;
out:
    sk_http_server_free(server);
    return status;
}

uint16_t sk_http_server_port(const struct sk_http_server *server)
{
    return server->port;
}

uint32_t sk_http_server_busy(const struct sk_http_server *server)
{
    return sk_http_watches_busy(server->watches);
}

void sk_http_server_stop(struct sk_http_server *server)
{
    if (server->bound == NULL) return;
    evhttp_del_accept_socket(server->evhttp, server->bound);
    server->bound = NULL;
}

void sk_http_server_free(struct sk_http_server *server)
{
    if (server == NULL) return;
    server->bound = NULL;
    while (!sk_list_is_empty(&server->requests)) {
        forget(sk_container_of(server->requests.next, struct remote, node));
    }
    if (server->evhttp != NULL) evhttp_free(server->evhttp);
    sk_http_watches_free(server->watches);
    sk_free(server);
}

/*
 * http_evhttp.c: exchanges over plain HTTP/1.1 by libevent's client, which takes less of the
 * processor than libcurl's (docs/decisions/0019-plain-http.md). A wire is one connection of it.
 * Names are not looked up here: the first exchange with a host that has a name goes by libcurl,
 * and so does one a minute; the address that answered it is where wires are connected. What evhttp
 * cannot connect goes by libcurl in the same attempt, which says why. Proxies, TLS, HTTP/2 and odd
 * methods are left to libcurl altogether.
 *
 *   L1  A request of which a byte has left is never sent again from here. When its connection dies
 *       the outcome is unknown, for it may have been acted upon. evhttp's retries are off.
 *   L2  A request of which no byte left a kept connection goes out on another one. What has left is
 *       what the system took out of the connection's buffer.
 *   L3  A wire is idle, in its host's list and the pool's, or carries one transfer, or is over: one
 *       that was closed while idle, to be freed when evhttp is not looking at it.
 *   L4  `done` is never called from sk_http_wire_launch.
 *   L5  What evhttp would guess about the end of an answer is refused in on_head, or told to it.
 *   L6  evhttp's time limit is that of connecting; from then on it has none.
 *   L7  evhttp stops and begins to read between an answer and the next request, which changes
 *       nothing and would be two calls of the system each time. While a listener of ours waits for
 *       the same socket to be readable libevent keeps that to itself. It goes when evhttp does not
 *       read what there is, as during a long request: that would wake the loop again and again.
 */
#include "invoke/http_parts.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    /* Idle for longer: looked at before it is used. Others close what is idle after seconds. */
    PROBE_AFTER_US = 100 * 1000,
    HEAD_SIZE_MAX = 128 * 1024
};

struct sk_http_wire {
    struct sk_list host_link, pool_link; /* while idle; when over, pool_link */
    struct sk_http_invoker *invoker;
    struct sk_http_host *host;
    struct sk_http_transfer *transfer; /* NULL unless it carries one */
    struct evhttp_connection *connection;
    struct evhttp_request *request; /* ours until evhttp hands it back */
    struct sk_http_loan loan;       /* to the request, while evhttp writes it */
    struct evbuffer_cb_entry *watch;
    struct event listener; /* L7 */
    int64_t idle_since_us, connecting_since_us;
    size_t size, sent_size; /* of the request, as evhttp wrote it */
    size_t unread_size;     /* of the answer, when the connection was closed */
    enum evhttp_request_error error;
    const char *reason; /* why we refused the answer */
    bool is_idle, is_launching, is_connected, is_closed, is_listening;
    bool was_used; /* by an exchange before this one */
    bool has_head, says_close;
};

static int64_t now_us(const struct sk_http_invoker *invoker)
{
    struct sk_runtime *runtime = invoker->options.runtime;
    return runtime->ops->monotonic_us(runtime);
}

/* ---- wires ----------------------------------------------------------------------------------- */

static void listen_no_more(struct sk_http_wire *wire)
{
    if (wire->is_listening) (void)event_del(&wire->listener);
    wire->is_listening = false;
}

/* evhttp is told, too, and reads; or does not read now. */
static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct sk_http_wire *wire = context;
    struct bufferevent *buffers = evhttp_connection_get_bufferevent(wire->connection);
    (void)fd, (void)what;
    if ((bufferevent_get_enabled(buffers) & EV_READ) == 0) listen_no_more(wire);
}

/* L7. Without it all is the same, and takes longer. */
static void listen_too(struct sk_http_wire *wire)
{
    if (wire->is_listening) return;
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(wire->connection));
    wire->is_listening = event_assign(&wire->listener, wire->invoker->options.base, fd,
                                      EV_READ | EV_PERSIST, on_readable, wire) == 0 &&
                         event_add(&wire->listener, NULL) == 0;
}

static void leave_lists(struct sk_http_wire *wire)
{
    if (!wire->is_idle) return;
    wire->is_idle = false;
    sk_list_remove(&wire->host_link);
    sk_list_remove(&wire->pool_link);
    wire->invoker->pool.idle_wires_count -= 1;
}

void sk_http_wire_close(struct sk_http_wire *wire)
{
    struct bufferevent *buffers = evhttp_connection_get_bufferevent(wire->connection);
    leave_lists(wire);
    listen_no_more(wire);
    if (wire->transfer != NULL) wire->transfer->wire = NULL;
    evhttp_connection_set_closecb(wire->connection, NULL, NULL);
    (void)evbuffer_remove_cb_entry(bufferevent_get_output(buffers), wire->watch);
    sk_http_evhttp_take_back(&wire->loan);
    evhttp_connection_free(wire->connection);
    if (wire->request != NULL) evhttp_request_free(wire->request);
    sk_free(wire);
}

void sk_http_wires_close(struct sk_http_host *host)
{
    while (!sk_list_is_empty(&host->wires)) {
        sk_http_wire_close(sk_container_of(host->wires.next, struct sk_http_wire, host_link));
    }
}

void sk_http_wires_reap(struct sk_http_pool *pool)
{
    while (!sk_list_is_empty(&pool->over_wires)) {
        struct sk_http_wire *wire =
            sk_container_of(pool->over_wires.next, struct sk_http_wire, pool_link);
        sk_list_remove(&wire->pool_link);
        sk_http_wire_close(wire);
    }
}

static struct sk_http_wire *oldest_idle(struct sk_http_pool *pool)
{
    if (sk_list_is_empty(&pool->idle_wires)) return NULL;
    return sk_container_of(pool->idle_wires.next, struct sk_http_wire, pool_link);
}

/* Those that have been idle for too long. */
static void close_old(struct sk_http_invoker *invoker, int64_t now)
{
    int64_t age_max_us = invoker->options.idle_timeout_ms * 1000;
    struct sk_http_wire *oldest;
    while ((oldest = oldest_idle(&invoker->pool)) != NULL) {
        if (now - oldest->idle_since_us <= age_max_us) break;
        sk_http_wire_close(oldest);
    }
}

void sk_http_wires_make_room(struct sk_http_invoker *invoker)
{
    struct sk_http_pool *pool = &invoker->pool;
    struct sk_http_wire *oldest;
    while (pool->idle_wires_count + pool->flying_count > invoker->options.connections_max &&
           (oldest = oldest_idle(pool)) != NULL) {
        sk_http_wire_close(oldest);
    }
}

static void make_idle(struct sk_http_wire *wire)
{
    struct sk_http_invoker *invoker = wire->invoker;
    wire->transfer->wire = NULL;
    wire->transfer = NULL;
    wire->is_idle = true;
    wire->was_used = true;
    listen_too(wire);
    wire->idle_since_us = now_us(invoker);
    sk_list_push_front(&wire->host->wires, &wire->host_link);
    sk_list_push(&invoker->pool.idle_wires, &wire->pool_link);
    invoker->pool.idle_wires_count += 1;
}

/* The other end has closed it meanwhile, or said something unasked; the loop has yet to tell. */
static bool is_stale(const struct sk_http_wire *wire, int64_t now)
{
    char byte;
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(wire->connection));
    if (now - wire->idle_since_us < PROBE_AFTER_US) return false;
    ssize_t size = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return size >= 0 || (errno != EAGAIN && errno != EINTR);
}

static struct sk_http_wire *take_idle(struct sk_http_invoker *invoker, struct sk_http_host *host)
{
    int64_t now = now_us(invoker);
    close_old(invoker, now);
    while (!sk_list_is_empty(&host->wires)) {
        struct sk_http_wire *wire =
            sk_container_of(host->wires.next, struct sk_http_wire, host_link);
        if (!is_stale(wire, now)) {
            leave_lists(wire);
            return wire;
        }
        sk_http_wire_close(wire);
    }
    return NULL;
}

bool sk_http_wire_is_sent(const struct sk_http_wire *wire)
{
    return wire->sent_size > 0;
}

/* evhttp closes the connection. It still looks at it: the wire is freed later, here it is only
 * seen what it had received. */
static void on_closed(struct evhttp_connection *connection, void *context)
{
    struct sk_http_wire *wire = context;
    struct bufferevent *buffers = evhttp_connection_get_bufferevent(connection);
    wire->is_closed = true;
    listen_no_more(wire); /* its socket is closed next */
    wire->unread_size = evbuffer_get_length(bufferevent_get_input(buffers));
    if (!wire->is_idle) return;
    leave_lists(wire);
    sk_list_push(&wire->invoker->pool.over_wires, &wire->pool_link);
}

/* evhttp writes a request only once it is connected. What it throws away of one when it closes the
 * connection comes behind on_closed. */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *context)
{
    struct sk_http_wire *wire = context;
    (void)output;
    if (wire->is_closed) return;
    wire->size += info->n_added;
    wire->sent_size += info->n_deleted;
    if (wire->is_connected) return;
    wire->is_connected = true;
    bufferevent_set_timeouts(evhttp_connection_get_bufferevent(wire->connection), NULL, NULL);
}

/* ---- the answer's headers -------------------------------------------------------------------- */

struct framing {
    const char *length;
    bool is_chunked, has_connection;
};

static bool has_token(struct sk_str list, const char *token)
{
    while (list.size > 0) {
        size_t end = sk_str_find(list, ',');
        struct sk_str one = sk_str_trim(sk_str_sub(list, 0, end));
        if (one.size == strlen(token) && strncasecmp(one.data, token, one.size) == 0) return true;
        list = end < list.size ? sk_str_sub(list, end + 1, list.size - end - 1) : SK_STR("");
    }
    return false;
}

/* L5. What is wrong with it, or NULL. */
static const char *take_header(struct sk_http_wire *wire, struct framing *framing,
                               const struct evkeyval *header)
{
    const char *value = header->value;
    if (header->key[0] == '\0' || strpbrk(header->key, " \t") != NULL) {
        return "a name among the answer's headers cannot be read";
    }
    if (strcasecmp(header->key, "content-length") == 0) {
        if (value[0] == '\0' || value[strspn(value, "0123456789")] != '\0')
            return "Content-Length of the answer is no number";
        if (framing->length != NULL && strcmp(framing->length, value) != 0)
            return "the answer has two Content-Lengths";
        framing->length = value;
    } else if (strcasecmp(header->key, "transfer-encoding") == 0) {
        if (framing->is_chunked || strcasecmp(value, "chunked") != 0)
            return "the answer's Transfer-Encoding is not known";
        framing->is_chunked = true;
    } else if (strcasecmp(header->key, "connection") == 0) {
        framing->has_connection = true;
        wire->says_close = wire->says_close || has_token(sk_str_of(value), "close");
    }
    sk_http_take_header(wire->transfer, sk_str_of(header->key), sk_str_of(value));
    return NULL;
}

static const char *check_status(struct sk_http_wire *wire, int status)
{
    if (status < 100 || status > 999) return "the answer has no status code of HTTP";
    if (status == 101) return "the participant switches to another protocol (101)";
    if (status >= 200) return NULL;
    wire->host->is_odd = true; /* libcurl reads what comes behind it */
    return "the answer is behind interim headers (1xx), which only libcurl reads: from now on it "
           "calls this host";
}

/* Below 0 evhttp gives the exchange up. */
static int on_head(struct evhttp_request *request, void *context)
{
    struct sk_http_wire *wire = context;
    struct framing framing = { 0 };
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    if (request->response_code == 100) {
        evhttp_clear_headers(headers);
        return 0; /* evhttp waits for the next one */
    }
    wire->has_head = true;
    wire->reason = check_status(wire, request->response_code);
    struct evkeyval *header = headers->tqh_first;
    for (; header != NULL && wire->reason == NULL; header = header->next.tqe_next) {
        wire->reason = take_header(wire, &framing, header);
    }
    /* evhttp takes a body without a length for none when there is a Connection but "close". */
    bool is_open = framing.length == NULL && !framing.is_chunked && framing.has_connection;
    while (is_open && evhttp_remove_header(headers, "Connection") == 0) {}
    return wire->reason != NULL || wire->transfer->received.failed ? -1 : 0;
}

/* ---- the end of an exchange ------------------------------------------------------------------ */

/* What had come of the answer when its connection ended. */
static void describe_end(const struct sk_http_wire *wire, const struct evhttp_request *request,
                         int error, char *out, size_t size)
{
    bool is_told = error == ECONNRESET || error == EPIPE || error == ETIMEDOUT;
    const char *cause = is_told ? strerror(error) : "";
    const char *colon = is_told ? ": " : "";
    const char *place = "the connection ended inside the answer's headers";
    if (wire->sent_size < wire->size) {
        place = "the connection ended before the whole request was sent";
    } else if (request->response_code == 0 && wire->unread_size == 0) {
        place = "Empty reply: the connection ended before an answer";
    } else if (request->response_code == 0) {
        place = "the connection ended: no HTTP answer, or one of HTTP/0.9";
    } else if (request->chunked) {
        place = "the connection ended, chunks of the answer remaining";
    } else if (wire->has_head) {
        (void)snprintf(out, size, "the connection ended with %lld bytes of the body remaining%s%s",
                       (long long)request->ntoread - (long long)wire->unread_size, colon, cause);
        return;
    }
    (void)snprintf(out, size, "%s%s%s", place, colon, cause);
}

/* evhttp does not tell a chunk that cannot be read from one too many. */
static enum sk_http_failure failure_of_size(struct sk_http_wire *wire,
                                            const struct evhttp_request *request)
{
    size_t size_max = wire->invoker->options.answer_size_max;
    if (!request->chunked || request->body_size > size_max / 2) return SK_HTTP_TOO_LARGE;
    wire->host->is_odd = true; /* libcurl reads more kinds of them */
    wire->reason = "a chunk of the answer cannot be read, or is larger than an answer may be";
    return SK_HTTP_NETWORK;
}

static enum sk_http_failure describe(struct sk_http_wire *wire,
                                     const struct evhttp_request *request, int error, char *out,
                                     size_t size)
{
    enum sk_http_failure failure = SK_HTTP_NETWORK;
    if (wire->transfer->received.failed) return SK_HTTP_TOO_LARGE;
    if (wire->reason == NULL && wire->error == EVREQ_HTTP_DATA_TOO_LONG)
        failure = failure_of_size(wire, request);
    if (wire->reason == NULL && wire->error == EVREQ_HTTP_INVALID_HEADER) {
        wire->reason = request->response_code == 0
                           ? "no answer of HTTP/1: another protocol or version, or no status code"
                           : "the answer's headers are too long, or cannot be read";
    }
    if (wire->reason != NULL) {
        (void)snprintf(out, size, "%s", wire->reason);
    } else {
        describe_end(wire, request, error, out, size);
    }
    return failure;
}

/* No connection came about. What libcurl would do about it, and say, it does and says itself. */
static void end_unconnected(struct sk_http_wire *wire)
{
    struct sk_http_invoker *invoker = wire->invoker;
    struct sk_http_transfer *transfer = wire->transfer;
    int64_t spent_us = now_us(invoker) - wire->connecting_since_us;
    if (!wire->host->is_address) wire->host->address[0] = '\0';
    sk_http_wire_close(wire);
    if (spent_us >= invoker->options.connect_timeout_ms * 1000) {
        sk_http_on_wire(transfer, SK_HTTP_CONNECT_TIMEOUT, false, 0, "no connection in time");
    } else if (!sk_http_pool_launch_easy(invoker, transfer)) {
        sk_http_on_wire(transfer, SK_HTTP_NETWORK, false, 0, "memory is short");
    }
}

static void end_failed(struct sk_http_wire *wire, const struct evhttp_request *request, int error)
{
    char text[200] = "";
    struct sk_http_invoker *invoker = wire->invoker;
    struct sk_http_transfer *transfer = wire->transfer;
    bool is_sent = sk_http_wire_is_sent(wire), was_used = wire->was_used;
    enum sk_http_failure failure = describe(wire, request, error, text, sizeof text);
    sk_http_wire_close(wire);
    if (!is_sent && was_used) { /* L2 */
        if (sk_http_wire_launch(invoker, transfer)) return;
        if (sk_http_pool_launch_easy(invoker, transfer)) return;
    }
    sk_http_on_wire(transfer, failure, is_sent, 0, text);
}

/* An answer of HTTP/1.0, to half a request, up to the connection's end or with bytes behind it:
 * what would follow on it is not known. */
static bool is_kept(const struct sk_http_wire *wire, const struct evhttp_request *request)
{
    struct bufferevent *buffers = evhttp_connection_get_bufferevent(wire->connection);
    bool has_end = request->chunked || request->ntoread >= 0;
    return !wire->is_closed && !wire->says_close && has_end && request->major == 1 &&
           request->minor >= 1 && wire->sent_size == wire->size &&
           evbuffer_get_length(bufferevent_get_input(buffers)) == 0;
}

static void end_whole(struct sk_http_wire *wire, struct evhttp_request *request)
{
    struct sk_http_transfer *transfer = wire->transfer;
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    uint16_t status = (uint16_t)request->response_code;
    size_t size = evbuffer_get_length(body);
    if (size > 0) {
        const unsigned char *bytes = evbuffer_pullup(body, -1);
        sk_buf_append(&transfer->received, (const char *)bytes, bytes == NULL ? 0 : size);
        if (bytes == NULL) transfer->received.failed = true;
    }
    enum sk_http_failure failure = transfer->received.failed ? SK_HTTP_TOO_LARGE : SK_HTTP_WHOLE;
    if (is_kept(wire, request)) {
        make_idle(wire);
    } else {
        sk_http_wire_close(wire);
    }
    sk_http_on_wire(transfer, failure, true, status, "");
}

static void on_error(enum evhttp_request_error error, void *context)
{
    struct sk_http_wire *wire = context;
    wire->error = error;
}

/* With the request when its answer is whole and when no connection came about; evhttp then frees
 * it. Without it when the exchange broke off. */
static void on_end(struct evhttp_request *handed, void *context)
{
    struct sk_http_wire *wire = context;
    int error = errno;
    struct evhttp_request *request = wire->request;
    wire->request = NULL;
    sk_http_evhttp_take_back(&wire->loan);
    if (handed != NULL) handed->flags &= ~EVHTTP_USER_OWNED;
    if (wire->is_launching) {
        /* L4: the launch sees that it is gone */
    } else if (!wire->is_connected) {
        end_unconnected(wire);
    } else if (handed != NULL && wire->has_head) {
        end_whole(wire, handed);
    } else {
        end_failed(wire, request, error);
    }
    if (handed == NULL) evhttp_request_free(request);
}

/* ---- the beginning of an exchange ------------------------------------------------------------ */

/* Sends what evhttp has written without waiting for the turn in which the socket is found writable:
 * with libevent's list of changes that saves two calls of the system a request. What does not go,
 * and why, comes in that turn. */
static void flush(const struct sk_http_wire *wire)
{
    struct bufferevent *buffers = evhttp_connection_get_bufferevent(wire->connection);
    struct evbuffer *output = bufferevent_get_output(buffers);
    (void)evbuffer_unfreeze(output, 1);
    int size = evbuffer_write(output, bufferevent_getfd(buffers));
    (void)evbuffer_freeze(output, 1);
    if (size <= 0 || evbuffer_get_length(output) > 0) return;
    bufferevent_trigger(buffers, EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
}

/* On a connection that has been used evhttp writes the request at once. */
static bool make_request(struct sk_http_wire *wire, enum evhttp_cmd_type command, const char *path)
{
    struct sk_http_transfer *transfer = wire->transfer;
    bool is_filled = wire->was_used ? sk_http_evhttp_lend(wire->request, transfer, &wire->loan)
                                    : sk_http_evhttp_fill(wire->request, transfer);
    int result =
        is_filled ? evhttp_make_request(wire->connection, wire->request, command, path) : -1;
    sk_http_evhttp_take_back(&wire->loan);
    if (result != 0 || wire->request == NULL) return false;
    if (!wire->was_used) return true;
    if (wire->size == 0) return false; /* it would write it later, without what was lent */
    flush(wire);
    return true;
}

/* False: not one byte has left, and the wire is closed. */
static bool begin(struct sk_http_wire *wire, struct sk_http_transfer *transfer,
                  enum evhttp_cmd_type command)
{
    const char *path = sk_http_evhttp_path(transfer);
    struct evhttp_request *request = evhttp_request_new(on_end, wire);
    wire->request = request;
    if (request != NULL) evhttp_request_own(request);
    if (request == NULL || path == NULL) {
        sk_http_wire_close(wire);
        return false;
    }
    evhttp_request_set_header_cb(request, on_head);
    evhttp_request_set_error_cb(request, on_error);
    wire->size = wire->sent_size = wire->unread_size = 0;
    wire->reason = NULL;
    wire->error = EVREQ_HTTP_EOF;
    wire->has_head = wire->says_close = false;
    wire->transfer = transfer;
    transfer->wire = wire;
    wire->is_launching = true;
    bool is_made = make_request(wire, command, path);
    wire->is_launching = false;
    if (is_made) return true;
    sk_http_wire_close(wire);
    return false;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void set_limits(struct sk_http_wire *wire)
{
    const struct sk_http_options *options = &wire->invoker->options;
    struct evhttp_connection *connection = wire->connection;
    struct timeval limit = { .tv_sec = (time_t)(options->connect_timeout_ms / 1000),
                             .tv_usec = (suseconds_t)(options->connect_timeout_ms % 1000) * 1000 };
    size_t size_max = options->answer_size_max + (size_t)2 * HEAD_SIZE_MAX;
    evhttp_connection_set_retries(connection, 0);
    evhttp_connection_set_timeout_tv(connection, &limit); /* L6 */
    evhttp_connection_set_max_headers_size(connection, HEAD_SIZE_MAX);
    evhttp_connection_set_max_body_size(connection, (ev_ssize_t)options->answer_size_max);
    /* What comes while nothing is read, as during a long request, has a limit, too. */
    bufferevent_setwatermark(evhttp_connection_get_bufferevent(connection), EV_READ, 0, size_max);
}

static struct sk_http_wire *wire_new(struct sk_http_invoker *invoker, struct sk_http_host *host)
{
    struct sk_http_wire *wire = sk_alloc(sizeof *wire);
    if (wire == NULL) return NULL;
    wire->invoker = invoker;
    wire->host = host;
    wire->connecting_since_us = now_us(invoker);
    wire->connection =
        evhttp_connection_base_new(invoker->options.base, NULL, host->address, host->port);
    if (wire->connection == NULL) {
        sk_free(wire);
        return NULL;
    }
    struct bufferevent *buffers = evhttp_connection_get_bufferevent(wire->connection);
    wire->watch = evbuffer_add_cb(bufferevent_get_output(buffers), on_output, wire);
    if (wire->watch == NULL) {
        evhttp_connection_free(wire->connection);
        sk_free(wire);
        return NULL;
    }
    evhttp_connection_set_closecb(wire->connection, on_closed, wire);
    set_limits(wire);
    return wire;
}

static void set_socket(const struct sk_http_wire *wire)
{
    int one = 1;
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(wire->connection));
    (void)evutil_make_socket_closeonexec(fd);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
}

bool sk_http_wire_launch(struct sk_http_invoker *invoker, struct sk_http_transfer *transfer)
{
    struct sk_http_host *host = transfer->host;
    struct sk_http_wire *wire;
    enum evhttp_cmd_type command;
    sk_http_wires_reap(&invoker->pool);
    if (host->is_odd || !sk_http_evhttp_command(transfer->method, &command)) return false;
    if (!sk_http_is_address_known(invoker, host)) return false;
    while ((wire = take_idle(invoker, host)) != NULL) {
        if (begin(wire, transfer, command)) return true;
    }
    sk_http_wires_make_room(invoker);
    wire = wire_new(invoker, host);
    if (wire == NULL || !begin(wire, transfer, command)) return false;
    set_socket(wire);
    return true;
}

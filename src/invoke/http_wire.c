/*
 * http_wire.c: exchanges over plain HTTP/1.1 on connections of our own: one call of the system to
 * send and one to receive, where libcurl's way takes five times the processor
 * (docs/decisions/0017). The connection itself is made by libcurl, which knows names, families of
 * addresses and their time limits, and is taken from it; a proxy, TLS and HTTP/2 are left to
 * libcurl altogether.
 *
 *   L1  A request of which a byte has left is never sent again from here. When its connection dies
 *       the outcome is unknown, for it may have been acted upon; libcurl would send it a second
 *       time.
 *   L2  A request of which the first call of the system refused to take a byte has not left: a kept
 *       connection was dead. It goes out on another one.
 *   L3  A wire is idle, in its host's list and the pool's, or carries one transfer. An idle one
 *       that becomes readable is closed: nothing is awaited from it.
 *   L4  `done` is never called from sk_http_wire_launch: what ends there ends by its time-out, or
 *       in the turn of its connection.
 */
#include "invoke/http_parts.h"

#include "base/assert.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    PROBE_AFTER_US = 5000, /* idle for longer: looked at before it is used */
    LINE_SIZE_MAX = SK_HTTP_HEAD_SIZE_MAX
};

struct sk_http_wire {
    struct sk_list host_link, pool_link; /* while idle */
    bool is_idle;
    struct sk_http_invoker *invoker;
    struct sk_http_host *host;
    struct sk_http_transfer *transfer; /* NULL while idle */
    struct event readable, writable;
    int fd;
    int64_t idle_since_us;
    struct sk_buf request; /* line, headers and, when it is small, the body */
    size_t sent_size, size;
    struct sk_http_reader reader;
};

static int64_t now_us(const struct sk_http_invoker *invoker)
{
    struct sk_runtime *runtime = invoker->options.runtime;
    return runtime->ops->monotonic_us(runtime);
}

/* ---- which hosts ----------------------------------------------------------------------------- */

bool sk_http_is_plain(const struct sk_http_invoker *invoker, struct sk_str authority,
                      const struct sk_service_options *profile)
{
    static const char others[] = ".-_:[]";
    const struct sk_http_options *options = &invoker->options;
    enum sk_http2 http2 = profile != NULL ? profile->http2 : SK_HTTP2_DEFAULT;
    if (http2 == SK_HTTP2_DEFAULT) http2 = options->http2;
    bool is_other = options->client == SK_HTTP_CLIENT_LIBCURL || http2 == SK_HTTP2_DIRECT ||
                    sk_http_proxy_of(options, profile)[0] != '\0';
    if (is_other || !sk_str_starts(authority, SK_STR("http://"))) return false;
    /* No name and password, no escapes, no letters beyond ASCII: those are libcurl's to read. */
    for (size_t i = 7; i < authority.size && authority.data[i] != '\n'; i++) {
        char c = authority.data[i];
        bool is_usual = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                        (c != '\0' && strchr(others, c) != NULL);
        if (!is_usual) return false;
    }
    return authority.size > 7;
}

/* ---- wires ----------------------------------------------------------------------------------- */

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
    leave_lists(wire);
    if (wire->transfer != NULL) wire->transfer->wire = NULL;
    (void)event_del(&wire->readable);
    (void)event_del(&wire->writable);
    (void)close(wire->fd);
    sk_buf_release(&wire->request);
    sk_http_reader_release(&wire->reader);
    sk_free(wire);
}

void sk_http_wires_close(struct sk_http_host *host)
{
    while (!sk_list_is_empty(&host->wires)) {
        sk_http_wire_close(sk_container_of(host->wires.next, struct sk_http_wire, host_link));
    }
}

/* Those that have been idle for too long, and the oldest when they are too many. */
static void close_old(struct sk_http_invoker *invoker, int64_t now)
{
    struct sk_http_pool *pool = &invoker->pool;
    while (!sk_list_is_empty(&pool->idle_wires)) {
        struct sk_http_wire *oldest =
            sk_container_of(pool->idle_wires.next, struct sk_http_wire, pool_link);
        bool is_old = now - oldest->idle_since_us > invoker->options.idle_timeout_ms * 1000;
        if (!is_old && pool->idle_wires_count <= invoker->options.connections_max) break;
        sk_http_wire_close(oldest);
    }
}

static void make_idle(struct sk_http_wire *wire)
{
    struct sk_http_invoker *invoker = wire->invoker;
    wire->transfer->wire = NULL;
    wire->transfer = NULL;
    wire->is_idle = true;
    wire->idle_since_us = now_us(invoker);
    sk_list_push_front(&wire->host->wires, &wire->host_link);
    sk_list_push(&invoker->pool.idle_wires, &wire->pool_link);
    invoker->pool.idle_wires_count += 1;
    close_old(invoker, wire->idle_since_us);
}

/* The other end has closed it meanwhile, or said something unasked. */
static bool is_stale(const struct sk_http_wire *wire, int64_t now)
{
    char byte;
    if (now - wire->idle_since_us < PROBE_AFTER_US) return false;
    ssize_t size = recv(wire->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return size >= 0 || (errno != EAGAIN && errno != EINTR);
}

static struct sk_http_wire *take_idle(struct sk_http_invoker *invoker, struct sk_http_host *host)
{
    int64_t now = now_us(invoker);
    close_old(invoker, now);
    while (!sk_list_is_empty(&host->wires)) {
        struct sk_http_wire *wire =
            sk_container_of(host->wires.next, struct sk_http_wire, host_link);
        if (!is_stale(wire, now)) return wire;
        sk_http_wire_close(wire);
    }
    return NULL;
}

/* ---- the end of an exchange ------------------------------------------------------------------ */

bool sk_http_wire_is_sent(const struct sk_http_wire *wire)
{
    return wire->sent_size > 0;
}

static void end_failed(struct sk_http_wire *wire, enum sk_http_failure failure, const char *text)
{
    struct sk_http_transfer *transfer = wire->transfer;
    bool is_sent = sk_http_wire_is_sent(wire);
    sk_http_wire_close(wire);
    sk_http_on_wire(transfer, failure, is_sent, 0, text);
}

static void end_whole(struct sk_http_wire *wire, bool is_kept)
{
    struct sk_http_transfer *transfer = wire->transfer;
    uint16_t status = wire->reader.status;
    if (is_kept) {
        make_idle(wire);
    } else {
        sk_http_wire_close(wire);
    }
    sk_http_on_wire(transfer, SK_HTTP_WHOLE, true, status, "");
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void on_header(void *context, struct sk_str name, struct sk_str value)
{
    struct sk_http_wire *wire = context;
    sk_http_take_header(wire->transfer, name, value);
}

/* Where in the answer its connection ended. */
static void describe_end(const struct sk_http_reader *reader, char *out, size_t size)
{
    static const char *const places[] = {
        [SK_HTTP_PART_STATUS] = ": no HTTP answer, or one of HTTP/0.9",
        [SK_HTTP_PART_HEADERS] = " inside the answer's headers",
        [SK_HTTP_PART_REST] = " inside the answer's body",
        [SK_HTTP_PART_CHUNK] = ", chunks of the answer remaining",
        [SK_HTTP_PART_CHUNK_BODY] = " inside a chunk of the answer, more remaining",
        [SK_HTTP_PART_CHUNK_END] = ", chunks of the answer remaining",
        [SK_HTTP_PART_TRAILER] = " behind the last chunk of the answer, its end remaining",
        [SK_HTTP_PART_OVER] = " behind the answer",
    };
    if (sk_http_reader_is_fresh(reader)) {
        (void)snprintf(out, size, "Empty reply: the connection ended before an answer");
    } else if (reader->part == SK_HTTP_PART_BODY) {
        (void)snprintf(out, size, "the connection ended with %llu bytes of the body remaining",
                       (unsigned long long)reader->left);
    } else {
        (void)snprintf(out, size, "the connection ended%s", places[reader->part]);
    }
}

/* The connection is over. */
static void on_lost(struct sk_http_wire *wire, int error)
{
    char place[120], text[200];
    if (error == 0 && sk_http_reader_end(&wire->reader) == SK_HTTP_READ_WHOLE) {
        end_whole(wire, false);
        return;
    }
    describe_end(&wire->reader, place, sizeof place);
    (void)snprintf(text, sizeof text, "%s%s%s", place, error == 0 ? "" : ": ",
                   error == 0 ? "" : strerror(error));
    end_failed(wire, SK_HTTP_NETWORK, text);
}

/* False: the exchange is over. */
static bool take_bytes(struct sk_http_wire *wire, struct sk_str bytes)
{
    size_t used = 0;
    switch (sk_http_reader_feed(&wire->reader, bytes, &used)) {
    case SK_HTTP_READ_MORE: return true;
    case SK_HTTP_READ_WHOLE:
        /* An answer to half a request, and bytes behind it: what would follow is not known. */
        end_whole(wire, used == bytes.size && wire->sent_size == wire->size &&
                            sk_http_reader_keeps(&wire->reader));
        return false;
    case SK_HTTP_READ_DAMAGED: end_failed(wire, SK_HTTP_NETWORK, wire->reader.reason); return false;
    case SK_HTTP_READ_LONG_HEAD:
        end_failed(wire, SK_HTTP_NETWORK, "the answer's headers are too long, or memory is short");
        return false;
    case SK_HTTP_READ_LONG_BODY: end_failed(wire, SK_HTTP_TOO_LARGE, ""); return false;
    }
    return false;
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct sk_http_wire *wire = context;
    char *scratch = wire->invoker->scratch;
    (void)what;
    if (wire->is_idle) {
        sk_http_wire_close(wire); /* L3 */
        return;
    }
    for (;;) {
        ssize_t size = recv(fd, scratch, SK_HTTP_SCRATCH_SIZE, MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (size <= 0) {
            on_lost(wire, size == 0 ? 0 : errno);
            return;
        }
        if (!take_bytes(wire, (struct sk_str){ scratch, (size_t)size })) return;
        if ((size_t)size < SK_HTTP_SCRATCH_SIZE) return;
    }
}

/* ---- sending --------------------------------------------------------------------------------- */

/* The part of the URL behind the authority, without what only the asking side sees. */
static struct sk_str path_of(const struct sk_http_transfer *transfer)
{
    struct sk_str path = sk_str_sub(transfer->url, transfer->authority_size, transfer->url.size);
    return sk_str_sub(path, 0, sk_str_find(path, '#'));
}

static struct sk_str host_of(const struct sk_http_transfer *transfer)
{
    struct sk_str host = sk_str_sub(transfer->url, 7, transfer->authority_size - 7);
    bool is_usual = host.size > 3 && memcmp(host.data + host.size - 3, ":80", 3) == 0;
    return is_usual ? sk_str_sub(host, 0, host.size - 3) : host;
}

static void append_length(struct sk_buf *out, const struct sk_http_transfer *transfer)
{
    struct sk_str method = transfer->method;
    bool is_wanted =
        sk_str_is(method, "POST") || sk_str_is(method, "PUT") || sk_str_is(method, "PATCH");
    if (transfer->body.size == 0 && !is_wanted) return;
    sk_buf_append_text(out, "Content-Length: ");
    sk_buf_append_u64(out, transfer->body.size);
    sk_buf_append(out, "\r\n", 2);
}

/* All but the body. */
static bool write_request(struct sk_http_wire *wire, const struct sk_http_transfer *transfer)
{
    struct sk_buf *out = &wire->request;
    struct sk_str path = path_of(transfer);
    sk_buf_clear(out);
    sk_buf_append_str(out, transfer->method);
    sk_buf_append_char(out, ' ');
    if (path.size == 0 || path.data[0] != '/') sk_buf_append_char(out, '/');
    sk_buf_append_str(out, path);
    sk_buf_append_text(out, " HTTP/1.1\r\n");
    if (!transfer->has_host) {
        sk_buf_append_text(out, "Host: ");
        sk_buf_append_str(out, host_of(transfer));
        sk_buf_append(out, "\r\n", 2);
    }
    sk_buf_append_str(out, sk_buf_view(&transfer->head));
    append_length(out, transfer);
    sk_buf_append(out, "\r\n", 2);
    wire->size = out->size + transfer->body.size;
    wire->sent_size = 0;
    return !out->failed;
}

/* As much as the system takes. False: the connection is dead. */
static bool send_more(struct sk_http_wire *wire)
{
    struct sk_str body = wire->transfer->body;
    struct sk_buf *head = &wire->request;
    while (wire->sent_size < wire->size) {
        struct iovec parts[2];
        struct msghdr message = { .msg_iov = parts };
        size_t behind = wire->sent_size > head->size ? wire->sent_size - head->size : 0;
        if (wire->sent_size < head->size) {
            parts[message.msg_iovlen++] =
                (struct iovec){ head->data + wire->sent_size, head->size - wire->sent_size };
        }
        if (behind < body.size) {
            parts[message.msg_iovlen++] =
                (struct iovec){ (char *)(uintptr_t)(body.data + behind), body.size - behind };
        }
        ssize_t size = sendmsg(wire->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == EAGAIN) return event_add(&wire->writable, NULL) == 0;
        if (size < 0) return false;
        wire->sent_size += (size_t)size;
    }
    return true;
}

/* In the middle of a request: what the other end may have said about it is read first. */
static void on_writable(evutil_socket_t fd, short what, void *context)
{
    struct sk_http_wire *wire = context;
    (void)fd;
    (void)what;
    if (wire->is_idle || send_more(wire)) return;
    wire->size = SIZE_MAX; /* never whole any more: the wire is not kept */
    on_readable(wire->fd, EV_READ, wire);
}

enum begun { BEGUN, DEAD, NO_MEMORY };

/* L2. The wire is closed unless it has BEGUN; then not one byte of the request has left. */
static enum begun begin(struct sk_http_wire *wire, struct sk_http_transfer *transfer)
{
    leave_lists(wire);
    if (!write_request(wire, transfer)) {
        sk_http_wire_close(wire);
        return NO_MEMORY;
    }
    wire->transfer = transfer;
    transfer->wire = wire;
    sk_http_reader_begin(&wire->reader, sk_str_is(transfer->method, "HEAD"), &transfer->received);
    if (send_more(wire)) return BEGUN;
    if (sk_http_wire_is_sent(wire)) {
        wire->size = SIZE_MAX; /* what there is to read, at least the end, will end it */
        return BEGUN;
    }
    sk_http_wire_close(wire);
    return DEAD;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static struct sk_http_wire *wire_new(struct sk_http_invoker *invoker, struct sk_http_host *host,
                                     int fd)
{
    struct event_base *base = invoker->options.base;
    struct sk_http_wire *wire = sk_alloc(sizeof *wire);
    if (wire == NULL) return NULL;
    wire->invoker = invoker;
    wire->host = host;
    wire->fd = fd;
    sk_buf_init(&wire->request, 0);
    sk_http_reader_init(&wire->reader, LINE_SIZE_MAX);
    wire->reader.on_header = on_header;
    wire->reader.context = wire;
    (void)event_assign(&wire->readable, base, fd, EV_READ | EV_PERSIST, on_readable, wire);
    (void)event_assign(&wire->writable, base, fd, EV_WRITE, on_writable, wire);
    if (event_add(&wire->readable, NULL) == 0) return wire;
    sk_buf_release(&wire->request);
    sk_free(wire);
    return NULL;
}

bool sk_http_wire_adopt(struct sk_http_transfer *transfer)
{
    struct sk_http_invoker *invoker = transfer->invoker;
    curl_socket_t fd = CURL_SOCKET_BAD;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd == CURL_SOCKET_BAD) return false;
    sk_http_take_socket(invoker, fd);
    (void)curl_multi_remove_handle(invoker->multi, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    transfer->easy = NULL;
    transfer->is_connecting = false;
    struct sk_http_wire *wire = wire_new(invoker, transfer->host, fd);
    if (wire == NULL) {
        (void)close(fd);
        return false;
    }
    return begin(wire, transfer) == BEGUN;
}

static bool connect_new(struct sk_http_invoker *invoker, struct sk_http_transfer *transfer)
{
    CURL *easy = sk_http_easy_new(invoker, transfer->host->profile);
    if (easy == NULL) return false;
    transfer->easy = easy;
    transfer->is_connecting = true;
    if (sk_http_easy_load_connect(transfer) &&
        curl_multi_add_handle(invoker->multi, easy) == CURLM_OK)
        return true;
    transfer->easy = NULL;
    transfer->is_connecting = false;
    curl_easy_cleanup(easy);
    return false;
}

bool sk_http_wire_launch(struct sk_http_invoker *invoker, struct sk_http_transfer *transfer)
{
    struct sk_http_wire *wire;
    while ((wire = take_idle(invoker, transfer->host)) != NULL) {
        enum begun begun = begin(wire, transfer);
        if (begun != DEAD) return begun == BEGUN;
    }
    return connect_new(invoker, transfer);
}

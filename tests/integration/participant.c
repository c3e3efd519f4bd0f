/* participant.c: see participant.h. */
#include "participant.h"

#include "base/json.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGE_SIZE = 3 * 1024 * 1024, CONNECTIONS_MAX = 256 };

static void need(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "participant: %s\n", what);
    abort();
}

static int listen_on_loopback(bool is_listening, uint16_t *out_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(fd >= 0, "socket");
    need(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    need(!is_listening || listen(fd, 128) == 0, "listen");
    need(getsockname(fd, (struct sockaddr *)&address, &size) == 0, "getsockname");
    *out_port = ntohs(address.sin_port);
    return fd;
}

uint16_t skt_refusing_port(void)
{
    uint16_t port;
    (void)listen_on_loopback(false, &port);
    return port;
}

uint16_t skt_silent_port(void)
{
    uint16_t port;
    (void)listen_on_loopback(true, &port);
    return port;
}

/* ---- polite ------------------------------------------------------------------------------- */

struct skt_polite {
    struct event_base *base;
    struct evhttp *http;
    struct event *stop_event;
    int stop_fd;
    uint16_t port;
    pthread_t thread;
    atomic_uint connections, requests, slow_max;
    uint32_t slow_now; /* the server's thread only */
};

static void reply(struct evhttp_request *request, int status, const void *body, size_t size)
{
    struct evbuffer *out = evbuffer_new();
    need(out != NULL && evbuffer_add(out, body, size) == 0, "memory");
    evhttp_send_reply(request, status, "So", out);
    evbuffer_free(out);
}

static void reply_text(struct evhttp_request *request, int status, const char *text)
{
    reply(request, status, text, strlen(text));
}

static void add_header(struct evhttp_request *request, const char *name, const char *value)
{
    need(evhttp_add_header(evhttp_request_get_output_headers(request), name, value) == 0, "header");
}

static const char *method_name(enum evhttp_cmd_type type)
{
    return type == EVHTTP_REQ_GET      ? "GET"
           : type == EVHTTP_REQ_POST   ? "POST"
           : type == EVHTTP_REQ_PUT    ? "PUT"
           : type == EVHTTP_REQ_DELETE ? "DELETE"
           : type == EVHTTP_REQ_PATCH  ? "PATCH"
                                       : "other";
}

static void reply_echo(struct evhttp_request *request)
{
    struct sk_buf out;
    sk_buf_init(&out, 0);
    struct sk_json_writer w = sk_json_writer_of(&out);
    sk_json_begin_object(&w);
    sk_json_key(&w, "method");
    sk_json_put_text(&w, method_name(evhttp_request_get_command(request)));
    sk_json_key(&w, "uri");
    sk_json_put_text(&w, evhttp_request_get_uri(request));
    sk_json_key(&w, "headers");
    sk_json_begin_object(&w);
    struct evkeyval *header = evhttp_request_get_input_headers(request)->tqh_first;
    for (; header != NULL; header = header->next.tqe_next) {
        sk_json_key(&w, header->key);
        sk_json_put_text(&w, header->value);
    }
    sk_json_end_object(&w);
    struct evbuffer *in = evhttp_request_get_input_buffer(request);
    size_t size = evbuffer_get_length(in);
    sk_json_key(&w, "body");
    sk_json_put_str(&w, (struct sk_str){ (const char *)evbuffer_pullup(in, -1), size });
    sk_json_end_object(&w);
    reply(request, 200, out.data, out.size);
    sk_buf_release(&out);
}

struct slow {
    struct skt_polite *server;
    struct evhttp_request *request;
    struct event *event;
};

static void on_slow(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct slow *slow = context;
    slow->server->slow_now -= 1;
    reply_text(slow->request, 200, "1");
    event_free(slow->event);
    free(slow);
}

static void reply_slowly(struct skt_polite *server, struct evhttp_request *request)
{
    static const struct timeval delay = { .tv_usec = 5000 };
    struct slow *slow = calloc(1, sizeof *slow);
    need(slow != NULL, "memory");
    *slow = (struct slow){ .server = server, .request = request };
    slow->event = evtimer_new(server->base, on_slow, slow);
    need(slow->event != NULL && evtimer_add(slow->event, &delay) == 0, "timer");
    server->slow_now += 1;
    if (server->slow_now > atomic_load(&server->slow_max)) {
        atomic_store(&server->slow_max, server->slow_now);
    }
}

static void reply_large(struct evhttp_request *request)
{
    char *text = malloc(LARGE_SIZE);
    need(text != NULL, "memory");
    memset(text, 'z', LARGE_SIZE);
    text[0] = text[LARGE_SIZE - 1] = '"';
    reply(request, 200, text, LARGE_SIZE);
    free(text);
}

static void reply_status(struct evhttp_request *request, const char *path)
{
    int status = atoi(path);
    const char *after = strstr(path, "/after/");
    if (after != NULL) add_header(request, "Retry-After", after + strlen("/after/"));
    reply_text(request, status, status == 204 ? "" : "no");
}

static void on_request(struct evhttp_request *request, void *context)
{
    struct skt_polite *server = context;
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    atomic_fetch_add(&server->requests, 1);
    if (strncmp(path, "/status/", 8) == 0) {
        reply_status(request, path + 8);
    } else if (strncmp(path, "/verify/", 8) == 0) {
        char text[64];
        (void)snprintf(text, sizeof text, "{\"happened\":%s,\"output\":7}", path + 8);
        reply_text(request, 200, text);
    } else if (strcmp(path, "/echo") == 0) {
        reply_echo(request);
    } else if (strcmp(path, "/slow") == 0) {
        reply_slowly(server, request);
    } else if (strcmp(path, "/large") == 0) {
        reply_large(request);
    } else if (strcmp(path, "/pending") == 0) {
        add_header(request, "Skald-Pending", "true");
        reply_text(request, 202, "");
    } else if (strcmp(path, "/redirect") == 0) {
        add_header(request, "Location", "/json");
        reply_text(request, 302, "");
    } else if (strcmp(path, "/error") == 0) {
        reply_text(request, 422, "{\"error\":{\"code\":\"no_funds\",\"message\":\"poor\"}}");
    } else if (strcmp(path, "/bad-utf8") == 0) {
        reply_text(request, 200, "\xff\xfe");
    } else if (strcmp(path, "/text") == 0) {
        reply_text(request, 200, "hello \"you\"");
    } else if (strcmp(path, "/empty") == 0) {
        reply_text(request, 200, "");
    } else {
        reply_text(request, 200, " {\"ok\": true} ");
    }
}

static struct bufferevent *on_connection(struct event_base *base, void *context)
{
    (void)base;
    struct skt_polite *server = context;
    atomic_fetch_add(&server->connections, 1);
    return NULL; /* the usual one */
}

static void on_stop(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)event_base_loopbreak(((struct skt_polite *)context)->base);
}

static void *polite_main(void *context)
{
    struct skt_polite *server = context;
    (void)event_base_dispatch(server->base);
    return NULL;
}

struct skt_polite *skt_polite_new(void)
{
    struct skt_polite *server = calloc(1, sizeof *server);
    need(server != NULL, "memory");
    (void)signal(SIGPIPE, SIG_IGN);
    server->base = event_base_new();
    need(server->base != NULL, "base");
    server->http = evhttp_new(server->base);
    need(server->http != NULL, "http");
    evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                                 EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH |
                                                 EVHTTP_REQ_HEAD);
    evhttp_set_gencb(server->http, on_request, server);
    evhttp_set_bevcb(server->http, on_connection, server);
    int fd = listen_on_loopback(true, &server->port);
    need(evutil_make_socket_nonblocking(fd) == 0, "socket");
    need(evhttp_accept_socket(server->http, fd) == 0, "accept");
    server->stop_fd = eventfd(0, EFD_CLOEXEC);
    server->stop_event = event_new(server->base, server->stop_fd, EV_READ, on_stop, server);
    need(server->stop_event != NULL && event_add(server->stop_event, NULL) == 0, "event");
    need(pthread_create(&server->thread, NULL, polite_main, server) == 0, "thread");
    return server;
}

void skt_polite_free(struct skt_polite *server)
{
    uint64_t one = 1;
    need(write(server->stop_fd, &one, sizeof one) == (ssize_t)sizeof one, "stop");
    (void)pthread_join(server->thread, NULL);
    event_free(server->stop_event);
    evhttp_free(server->http);
    event_base_free(server->base);
    (void)close(server->stop_fd);
    free(server);
}

uint16_t skt_polite_port(const struct skt_polite *server)
{
    return server->port;
}

uint32_t skt_polite_connections(struct skt_polite *server)
{
    return atomic_load(&server->connections);
}

uint32_t skt_polite_requests(struct skt_polite *server)
{
    return atomic_load(&server->requests);
}

uint32_t skt_polite_slow_max(struct skt_polite *server)
{
    return atomic_load(&server->slow_max);
}

/* ---- rude --------------------------------------------------------------------------------- */

struct skt_rude {
    int fd;
    uint16_t port;
    pthread_t thread, connections[CONNECTIONS_MAX];
    uint32_t connections_count;
    atomic_uint requests;
};
struct rude_connection {
    struct skt_rude *server;
    int fd;
};

/* False when the client has gone. */
static bool send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool send_text(int fd, const char *text)
{
    return send_all(fd, text, strlen(text));
}

/* One request head (bodies of the tests' requests are empty or short and come with it). */
static bool read_head(int fd, char *head, size_t head_size)
{
    size_t size = 0;
    while (size + 1 < head_size) {
        ssize_t got = recv(fd, head + size, head_size - 1 - size, 0);
        if (got <= 0) return false;
        size += (size_t)got;
        head[size] = '\0';
        if (strstr(head, "\r\n\r\n") != NULL) return true;
    }
    return false;
}

static void read_to_end(int fd)
{
    char ignored[4096];
    while (recv(fd, ignored, sizeof ignored, 0) > 0) {}
}

static void send_endlessly(int fd, const char *head, const char *part)
{
    bool is_alive = send_text(fd, head);
    while (is_alive) is_alive = send_text(fd, part);
}

static bool is_path(const char *head, const char *path)
{
    const char *at = strchr(head, ' ');
    return at != NULL && strncmp(at + 1, path, strlen(path)) == 0 && at[1 + strlen(path)] == ' ';
}

static const char *endless_part(void)
{
    return "400\r\n"
#define TEXT64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define TEXT256 TEXT64 TEXT64 TEXT64 TEXT64
        TEXT256 TEXT256 TEXT256 TEXT256 "\r\n";
}

/* What comes behind an answer is not known to the client: these are left open, unless their end is
 * that of the connection. */
static const struct {
    const char *path, *answer;
    bool is_closed;
} odd_answers[] = {
    { "/odd/old", "HTTP/1.0 200 OK\r\n\r\n{\"a\":1}", true },
    { "/odd/kept", "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n{\"a\":1}", true },
    { "/odd/closing", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
      false },
    { "/odd/100",
      "HTTP/1.1 100 Continue\r\nSkald-Pending: true\r\n\r\n"
      "HTTP/1.1 202 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
      false },
    { "/odd/103",
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
      false },
    { "/odd/204", "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", false },
    { "/odd/chunks",
      "HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n"
      "Skald-Pending: true\r\n\r\n",
      false },
    { "/odd/extension",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7;x=y\r\n{\"a\":1}\r\n0\r\n\r\n",
      false },
    { "/odd/lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
      false },
    { "/odd/encoding",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13, chunked\r\n\r\n7\r\n{\"a\":1}\r\n0\r\n\r\n",
      true },
    { "/odd/folded", "HTTP/1.1 200 OK\r\n folded\r\nContent-Length: 7\r\n\r\n{\"a\":1}", true },
    { "/odd/space", "HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\n{\"a\":1}", true },
};

/* Whether the connection goes on. */
static bool be_odd(int fd, const char *head)
{
    for (size_t i = 0; i < sizeof odd_answers / sizeof odd_answers[0]; i++) {
        if (!is_path(head, odd_answers[i].path)) continue;
        return send_text(fd, odd_answers[i].answer) && !odd_answers[i].is_closed;
    }
    return false;
}

static void be_rude(int fd, const char *head)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\n";
    if (is_path(head, "/garbage")) {
        (void)send_text(fd, "\x16\x03\x01 this is not HTTP\r\n\r\n");
    } else if (is_path(head, "/half")) {
        (void)(send_text(fd, ok) && send_text(fd, "Content-Length: 100\r\n\r\n{\"half\":"));
    } else if (is_path(head, "/half-chunk")) {
        (void)(send_text(fd, ok) && send_text(fd, "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\""));
    } else if (is_path(head, "/endless")) {
        send_endlessly(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", endless_part());
    } else if (is_path(head, "/long-head")) {
        send_endlessly(fd, ok, "X-Long: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
    } else if (is_path(head, "/never")) {
        read_to_end(fd);
    } else if (is_path(head, "/reset")) {
        struct linger now = { .l_onoff = 1 };
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
}

static void *rude_connection_main(void *context)
{
    struct rude_connection connection = *(struct rude_connection *)context;
    free(context);
    char head[8192];
    bool was_moody = false;
    while (read_head(connection.fd, head, sizeof head)) {
        atomic_fetch_add(&connection.server->requests, 1);
        if (be_odd(connection.fd, head)) continue;
        bool is_no = is_path(head, "/moody/no");
        if (!is_no && !is_path(head, "/moody")) {
            be_rude(connection.fd, head);
            break;
        }
        if (was_moody) break;
        was_moody = true;
        if (!send_text(connection.fd, is_no ? "HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n"
                                            : "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"))
            break;
    }
    (void)close(connection.fd);
    return NULL;
}

static void *rude_main(void *context)
{
    struct skt_rude *server = context;
    for (;;) {
        int fd = accept(server->fd, NULL, NULL);
        if (fd < 0) return NULL;
        struct rude_connection *connection = malloc(sizeof *connection);
        need(connection != NULL && server->connections_count < CONNECTIONS_MAX, "connections");
        *connection = (struct rude_connection){ server, fd };
        pthread_t *thread = &server->connections[server->connections_count++];
        need(pthread_create(thread, NULL, rude_connection_main, connection) == 0, "thread");
    }
}

struct skt_rude *skt_rude_new(void)
{
    struct skt_rude *server = calloc(1, sizeof *server);
    need(server != NULL, "memory");
    server->fd = listen_on_loopback(true, &server->port);
    need(pthread_create(&server->thread, NULL, rude_main, server) == 0, "thread");
    return server;
}

void skt_rude_free(struct skt_rude *server)
{
    (void)shutdown(server->fd, SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    for (uint32_t i = 0; i < server->connections_count; i++) {
        (void)pthread_join(server->connections[i], NULL);
    }
    (void)close(server->fd);
    free(server);
}

uint16_t skt_rude_port(const struct skt_rude *server)
{
    return server->port;
}

uint32_t skt_rude_requests(struct skt_rude *server)
{
    return atomic_load(&server->requests);
}

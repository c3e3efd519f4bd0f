/* client_raw.c: the calls over plain sockets: one send and one recv each, the answer searched for
 * its length. No library could do with less. */
#include "limit_http.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

struct connection {
    struct raw_client *client;
    struct event event;
    struct flow *flow;
    struct connection *next;
    int fd;
    size_t size;
    char bytes[4096];
};

struct raw_client {
    struct client client; /* first */
    struct connection *idle;
    struct line line;
};

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void send_flow(struct connection *connection, struct flow *flow)
{
    struct call call;
    char text[2048];
    size_t body_size;
    limit_describe(flow, &call);
    connection->flow = flow;
    connection->size = 0;
    body_size = strlen(call.body);
    size_t size =
        (size_t)snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", call.path);
    for (size_t i = 0; i < LIMIT_HEADERS_COUNT; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "%s: %s\r\n",
                                 limit_header_names[i], call.values[i]);
    }
    size += (size_t)snprintf(text + size, sizeof text - size, "Content-Length: %zu\r\n\r\n%s",
                             body_size, call.body);
    if (send(connection->fd, text, size, MSG_NOSIGNAL) != (ssize_t)size) fail("send");
}

/* The whole answer is there: its status; else 0. */
static int answer_of(const struct connection *connection)
{
    const char *end = strstr(connection->bytes, "\r\n\r\n");
    const char *length = strcasestr(connection->bytes, "\r\ncontent-length:");
    if (end == NULL) return 0;
    if (length == NULL) fail("an answer without a length");
    size_t head = (size_t)(end + 4 - connection->bytes);
    if (connection->size < head + strtoul(length + 17, NULL, 10)) return 0;
    return (int)strtol(connection->bytes + 9, NULL, 10);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;
    struct raw_client *client = connection->client;
    (void)what;
    ssize_t size = recv(fd, connection->bytes + connection->size,
                        sizeof connection->bytes - 1 - connection->size, 0);
    if (size <= 0) fail("recv");
    connection->size += (size_t)size;
    connection->bytes[connection->size] = '\0';
    int status = answer_of(connection);
    if (status == 0) return;
    struct flow *flow = connection->flow, *next = line_take(&client->line);
    if (next != NULL) {
        send_flow(connection, next);
    } else {
        connection->next = client->idle;
        client->idle = connection;
    }
    limit_on_answer(client->client.limit, flow, status);
}

static void call(struct client *base, struct flow *flow)
{
    struct raw_client *client = (struct raw_client *)base;
    struct connection *connection = client->idle;
    if (connection == NULL) {
        line_put(&client->line, flow);
        return;
    }
    client->idle = connection->next;
    send_flow(connection, flow);
}

struct client *limit_client_raw(struct limit *limit, struct event_base *base)
{
    static const struct client_ops ops = { call };
    struct raw_client *client = limit_alloc(sizeof *client);
    const struct limit_options *options = limit_options_of(limit);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(options->port) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->client = (struct client){ &ops, limit };
    for (uint32_t i = 0; i < options->connections_max; i++) {
        struct connection *connection = limit_alloc(sizeof *connection);
        int yes = 1;
        connection->client = client;
        connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(connection->fd, (struct sockaddr *)&to, sizeof to) != 0) fail("connect");
        (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        (void)evutil_make_socket_nonblocking(connection->fd);
        (void)event_assign(&connection->event, base, connection->fd, EV_READ | EV_PERSIST,
                           on_readable, connection);
        (void)event_add(&connection->event, NULL);
        connection->next = client->idle;
        client->idle = connection;
    }
    return &client->client;
}

/* client_evhttp.c: the calls by evhttp's client: as its manual has it, or lean, as Skald drives it
 * (src/invoke/http_evhttp.c). */
#include "limit_http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

struct connection {
    struct evhttp_client *client;
    struct evhttp_connection *evhttp;
    struct flow *flow;
    struct connection *next;
    bool was_used;
};

struct evhttp_client {
    struct client client; /* first */
    struct connection *idle;
    struct line line;
    bool is_lean;
};

static void send_flow(struct connection *connection, struct flow *flow);

static void on_answer(struct evhttp_request *request, void *context)
{
    struct connection *connection = context;
    struct evhttp_client *client = connection->client;
    struct flow *flow = connection->flow;
    int status = request == NULL ? 0 : evhttp_request_get_response_code(request);
    if (request != NULL) {
        struct evbuffer *input = evhttp_request_get_input_buffer(request);
        (void)evbuffer_pullup(input, -1);
    }
    connection->next = client->idle;
    client->idle = connection;
    struct flow *next = line_take(&client->line);
    limit_on_answer(client->client.limit, flow, status);
    if (next == NULL) return;
    connection = client->idle;
    client->idle = connection->next;
    send_flow(connection, next);
}

void limit_flush(struct bufferevent *bev)
{
    struct evbuffer *output = bufferevent_get_output(bev);
    (void)evbuffer_unfreeze(output, 1);
    int size = evbuffer_write(output, bufferevent_getfd(bev));
    (void)evbuffer_freeze(output, 1);
    if (size <= 0 || evbuffer_get_length(output) > 0) return;
    (void)bufferevent_disable(bev, EV_WRITE);
    bufferevent_trigger(bev, EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
}

/* All headers as one entry of the list, lent for the time of the call. */
static void send_lean(struct connection *connection, struct evhttp_request *request,
                      const struct call *call)
{
    char lines[1024];
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    size_t size =
        (size_t)snprintf(lines, sizeof lines, "%zu\r\nHost: 127.0.0.1", strlen(call->body));
    for (size_t i = 0; i < LIMIT_HEADERS_COUNT; i++) {
        const char *parts[4] = { "\r\n", limit_header_names[i], ": ", call->values[i] };
        for (size_t k = 0; k < 4; k++) {
            size_t length = strlen(parts[k]);
            memcpy(lines + size, parts[k], length + 1);
            size += length;
        }
    }
    struct evkeyval entry = { .key = (char *)"Content-Length", .value = lines };
    TAILQ_INSERT_TAIL(headers, &entry, next);
    (void)evhttp_make_request(connection->evhttp, request, EVHTTP_REQ_POST, call->path);
    TAILQ_REMOVE(headers, &entry, next);
    limit_flush(evhttp_connection_get_bufferevent(connection->evhttp));
}

static void send_flow(struct connection *connection, struct flow *flow)
{
    struct call call;
    limit_describe(flow, &call);
    connection->flow = flow;
    struct evhttp_request *request = evhttp_request_new(on_answer, connection);
    (void)evbuffer_add(evhttp_request_get_output_buffer(request), call.body, strlen(call.body));
    if (connection->client->is_lean && connection->was_used) {
        send_lean(connection, request, &call);
        return;
    }
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    (void)evhttp_add_header(headers, "Host", "127.0.0.1");
    for (size_t i = 0; i < LIMIT_HEADERS_COUNT; i++) {
        (void)evhttp_add_header(headers, limit_header_names[i], call.values[i]);
    }
    connection->was_used = true;
    (void)evhttp_make_request(connection->evhttp, request, EVHTTP_REQ_POST, call.path);
}

static void call(struct client *base, struct flow *flow)
{
    struct evhttp_client *client = (struct evhttp_client *)base;
    struct connection *connection = client->idle;
    if (connection == NULL) {
        line_put(&client->line, flow);
        return;
    }
    client->idle = connection->next;
    send_flow(connection, flow);
}

struct client *limit_client_evhttp(struct limit *limit, struct event_base *base)
{
    static const struct client_ops ops = { call };
    struct evhttp_client *client = limit_alloc(sizeof *client);
    const struct limit_options *options = limit_options_of(limit);
    client->client = (struct client){ &ops, limit };
    client->is_lean = options->is_lean;
    for (uint32_t i = 0; i < options->connections_max; i++) {
        struct connection *connection = limit_alloc(sizeof *connection);
        connection->client = client;
        connection->evhttp = evhttp_connection_base_new(base, NULL, "127.0.0.1", options->port);
        connection->next = client->idle;
        client->idle = connection;
    }
    return &client->client;
}

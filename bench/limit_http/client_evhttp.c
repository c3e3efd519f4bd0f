/* client_evhttp.c: the calls by evhttp's client. */
#include "limit_http.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <string.h>

struct connection {
    struct evhttp_client *client;
    struct evhttp_connection *evhttp;
    struct flow *flow;
    struct connection *next;
};

struct evhttp_client {
    struct client client; /* first */
    struct connection *idle;
    struct line line;
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

static void send_flow(struct connection *connection, struct flow *flow)
{
    struct call call;
    limit_describe(flow, &call);
    connection->flow = flow;
    struct evhttp_request *request = evhttp_request_new(on_answer, connection);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    (void)evhttp_add_header(headers, "Host", "127.0.0.1");
    for (size_t i = 0; i < LIMIT_HEADERS_COUNT; i++) {
        (void)evhttp_add_header(headers, limit_header_names[i], call.values[i]);
    }
    (void)evbuffer_add(evhttp_request_get_output_buffer(request), call.body, strlen(call.body));
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
    for (uint32_t i = 0; i < options->connections_max; i++) {
        struct connection *connection = limit_alloc(sizeof *connection);
        connection->client = client;
        connection->evhttp = evhttp_connection_base_new(base, NULL, "127.0.0.1", options->port);
        connection->next = client->idle;
        client->idle = connection;
    }
    return &client->client;
}

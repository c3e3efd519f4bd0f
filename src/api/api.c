/* api.c: takes requests in, finds their route, and ends what is left at the end. */
#include "api/console.h"
#include "api/forward.h"
#include "api/local.h"
#include "api/ring.h"
#include "api/routes.h"
#include "api/rte.h"
#include "api/stream.h"

#include "base/limits.h"

#include <stdio.h>

enum {
    BODY_SIZE_MAX =
        SK_PAYLOAD_SIZE_MAX + 64 * 1024, /* a payload of the largest size, and its frame */
    BODY_READ_TIMES = 2, /* what is read, to answer 413 in JSON, in sizes of a body */
    HEADERS_SIZE_MAX = 32 * 1024,
    CONNECTIONS_MAX = 1024,
    IDLE_TIMEOUT_MS = 75 * 1000,
    REQUEST_TIMEOUT_MS = 60 * 1000,
    WAIT_MS_MAX = 60 * 1000,
    STREAMS_MAX = 256,
    HEARTBEAT_MS = 15 * 1000,
    OBSERVATIONS_MAX = 1024
};

static bool refuse_if_ambiguous(struct sk_exchange *x)
{
    if (!x->view.is_ambiguous) return false;
    sk_http_reply_header(x->http, "Connection", "close");
    sk_exchange_refuse(x, "send one Content-Length, or Transfer-Encoding: chunked",
                       "it is not clear where the request ends");
    return true;
}

static bool refuse_if_too_large(struct sk_exchange *x)
{
    size_t size_max = x->api->options.body_size_max;
    if (x->view.body.size <= size_max) return false;
    char detail[96];
    (void)snprintf(detail, sizeof detail, "the body is %zu bytes long; %zu at most",
                   x->view.body.size, size_max);
    struct sk_problem problem =
        sk_problem_http(413, sk_str_of(detail),
                        SK_STR("send less, or pass a reference to the data instead of the data; "
                               "serve --body-max sets the limit"));
    sk_exchange_problem(x, &problem);
    return true;
}

bool sk_api_is_ready(const struct sk_api *api)
{
    const struct sk_api_options *options = &api->options;
    return sk_engine_is_ready(options->engine) &&
           (options->is_open == NULL || options->is_open(options->open_context));
}

static bool refuse_until_ready(struct sk_exchange *x)
{
    if (x->route->before_ready || sk_api_is_ready(x->api)) return false;
    struct sk_problem problem =
        sk_problem_http(503, SK_STR("sagas are not served yet, or not any more"),
                        SK_STR("send it again once GET /readyz answers 200"));
    problem.retry_after_ms = 1000;
    sk_exchange_problem(x, &problem);
    return true;
}

void sk_api_take(struct sk_api *api, struct sk_http_request *request)
{
    struct sk_exchange *x = sk_alloc(sizeof *x);
    if (x == NULL) {
        sk_http_reply_header(request, "Retry-After", "1");
        sk_http_reply(request, 503, sk_problem_reason(503), (struct sk_str){ 0 });
        return;
    }
    *x = (struct sk_exchange){ .api = api, .http = request, .view = sk_http_request_view(request) };
    sk_list_push(&api->exchanges, &x->node);
    sk_arena_init(&x->arena);
    sk_arena_init(&x->rows.arena);
    sk_buf_init(&x->out, 0);
    if (refuse_if_ambiguous(x) || refuse_if_too_large(x)) return;
    if (sk_console_take(x)) return;
    const struct sk_route *route = sk_route_find(x);
    if (route == NULL) return; /* answered: the exchange is gone */
    x->route = route;
    if (refuse_until_ready(x) || sk_forward(x)) return;
    route->handle(x);
}

static void on_request(void *context, struct sk_http_request *request)
{
    sk_api_take(context, request);
}

static void put_defaults(struct sk_api_options *o)
{
    if (o->host == NULL) o->host = "127.0.0.1";
    if (o->body_size_max == 0) o->body_size_max = BODY_SIZE_MAX;
    if (o->connections_max == 0) o->connections_max = CONNECTIONS_MAX;
    if (o->idle_timeout_ms == 0) o->idle_timeout_ms = IDLE_TIMEOUT_MS;
    if (o->request_timeout_ms == 0) o->request_timeout_ms = REQUEST_TIMEOUT_MS;
    if (o->wait_ms_max == 0) o->wait_ms_max = WAIT_MS_MAX;
    if (o->streams_max == 0) o->streams_max = STREAMS_MAX;
    if (o->heartbeat_ms == 0) o->heartbeat_ms = HEARTBEAT_MS;
    if (o->observations_max == 0) o->observations_max = OBSERVATIONS_MAX;
}

enum skald_status sk_api_listen(struct sk_api *api, uint16_t port, skald_error *error)
{
    if (api->options.is_local) return SKALD_OK;
    struct sk_http_server_options server = {
        .base = api->options.base,
        .body_size_max = api->options.body_size_max * BODY_READ_TIMES,
        .headers_size_max = HEADERS_SIZE_MAX,
        .connections_max = api->options.connections_max,
        .idle_timeout_ms = api->options.idle_timeout_ms,
        .request_timeout_ms = api->options.request_timeout_ms,
        .on_request = on_request,
        .context = api,
        .servers_count = api->options.peers == NULL ? 0 : sk_peers_count(api->options.peers),
        .is_first = api->options.member == 0,
    };
    return sk_http_server_new(&server, api->options.host, port, &api->server, error);
}

enum skald_status sk_api_new(const struct sk_api_options *options, struct sk_api **out_api,
                             skald_error *error)
{
    struct sk_api *api = sk_alloc(sizeof *api);
    if (api == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    *api = (struct sk_api){ .options = *options };
    put_defaults(&api->options);
    sk_list_init(&api->exchanges);
    sk_list_init(&api->locals);
    sk_list_init(&api->visitors);
    sk_list_init(&api->unsent);
    enum skald_status status = sk_ring_new(api, &sk_ring_observations, &api->ring);
    if (status == SKALD_OK && api->options.compat_rte) {
        status = sk_ring_new(api, &sk_ring_rte, &api->rte_events);
    }
    if (status == SKALD_OK && !api->options.is_local) status = sk_streams_new(api, &api->streams);
    if (status == SKALD_OK) status = sk_forwards_init(api);
    if (status != SKALD_OK) {
        if (status == SKALD_E_MEMORY) (void)sk_error_set(error, status, "out of memory");
        sk_api_free(api);
        return status;
    }
    *out_api = api;
    return SKALD_OK;
}

uint16_t sk_api_port(const struct sk_api *api)
{
    return api->server == NULL ? 0 : sk_http_server_port(api->server);
}

void sk_api_stop(struct sk_api *api)
{
    if (api->streams != NULL) sk_streams_stop(api);
    if (api->server != NULL) sk_http_server_stop(api->server);
}

uint32_t sk_api_busy(const struct sk_api *api)
{
    return api->server == NULL ? 0 : sk_http_server_busy(api->server);
}

void sk_api_free(struct sk_api *api)
{
    if (api == NULL) return;
    while (!sk_list_is_empty(&api->exchanges)) {
        sk_exchange_free(sk_container_of(api->exchanges.next, struct sk_exchange, node));
    }
    sk_locals_free(api);
    sk_forwards_release(api);
    sk_streams_free(api->streams);
    sk_ring_free(api->ring);
    sk_ring_free(api->rte_events);
    sk_http_server_free(api->server);
    sk_names_free(api);
    sk_buf_release(&api->openapi);
    sk_free(api);
}

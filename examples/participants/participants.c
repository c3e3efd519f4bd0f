/*
 * participants.c: the services of the sample sagas (orders, stock, payments, shipments, accounts,
 * audit) as one HTTP server with its own books, and with faults on demand.
 *
 *   example-participants --books FILE --listen HOST:PORT [--fault-rate PERCENT] [--delay MS]
 *
 * Faults come by input, as "fault" in a request's body, or by chance (--fault-rate):
 *
 *   decline       402, nothing done                    500          nothing done, at every attempt
 *   fail_once     503 with Retry-After, then done      500_once     nothing done, then done
 *   lost_answer   done, the answer lost, then repeated timeout      never answered, nothing done
 *   slow:200      done after 200 ms                    timeout_once the first is never answered
 *
 * GET /books answers the totals, GET /healthz {"status":"ok"}.
 */
#include "books.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>

enum {
    BODY_SIZE_MAX = 1024 * 1024,
    HOLD_MS = 30 * 1000, /* how long a request that is never answered keeps its connection */
    SEEN_SLOTS = 1 << 16
};

struct server {
    struct event_base *base;
    struct books *books;
    double fault_rate; /* 0 … 1 */
    int64_t delay_ms;
    uint64_t chance;
    uint8_t
        seen[SEEN_SLOTS]; /* has a "…_once" fault struck this key? By hash: samples may collide */
};

/* ---- chance ---------------------------------------------------------------------------------- */

/* xorshift64: the same seed gives the same faults. */
static double draw(struct server *server)
{
    server->chance ^= server->chance << 13;
    server->chance ^= server->chance >> 7;
    server->chance ^= server->chance << 17;
    return (double)(server->chance >> 11) / (double)(UINT64_C(1) << 53);
}

static size_t slot_of(const char *key)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *key != 0; key++) hash = (hash ^ (uint8_t)*key) * UINT64_C(1099511628211);
    return hash % SEEN_SLOTS;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void send_answer(struct evhttp_request *request, struct books_answer answer)
{
    char *text = json_dumps(answer.body, JSON_COMPACT);
    struct evbuffer *out = evbuffer_new();
    if (text == NULL || out == NULL) {
        (void)fputs("participants: out of memory\n", stderr);
        exit(1);
    }
    (void)evbuffer_add(out, text, strlen(text));
    (void)evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                            "application/json");
    evhttp_send_reply(request, answer.status, NULL, out);
    evbuffer_free(out);
    free(text);
    json_decref(answer.body);
}

/* A request that is answered later, or never: then its connection is closed. */
struct held {
    struct server *server;
    struct evhttp_request *request;
    struct books_request what; /* its texts live as long as the request */
    enum { HELD_DO, HELD_ANSWER, HELD_CLOSE } then;
    struct books_answer answer; /* HELD_ANSWER */
};

static void release_held(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    struct held *held = context;
    switch (held->then) {
    case HELD_DO: send_answer(held->request, books_do(held->server->books, &held->what)); break;
    case HELD_ANSWER: send_answer(held->request, held->answer); break;
    case HELD_CLOSE: evhttp_connection_free(evhttp_request_get_connection(held->request)); break;
    }
    json_decref(held->what.body);
    free(held);
}

static void hold(const struct held *held, int64_t ms)
{
    struct held *copy = malloc(sizeof *copy);
    struct timeval delay = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
    if (copy == NULL || (*copy = *held, event_base_once(held->server->base, -1, EV_TIMEOUT,
                                                        release_held, copy, &delay)) != 0) {
        (void)fputs("participants: out of memory\n", stderr);
        exit(1);
    }
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* Chance's choice among the faults that a saga survives. */
static const char *draw_fault(struct server *server)
{
    static const char *const faults[] = { "fail_once", "500_once", "lost_answer", "slow:150" };
    if (draw(server) >= server->fault_rate) return "";
    return faults[(size_t)(draw(server) * 4)];
}

/* Is this the first time that a fault of the kind "once" meets the key? */
static bool strike(struct server *server, const char *key)
{
    uint8_t *seen = &server->seen[slot_of(key)];
    bool is_first = *seen == 0;
    *seen = 1;
    return is_first;
}

/* Carries the request out under its fault: what is to happen with it, and after which pause. */
static int64_t meet_fault(struct held *held, const char *fault)
{
    struct server *server = held->server;
    bool is_once = strcmp(fault, "fail_once") == 0 || strcmp(fault, "500_once") == 0 ||
                   strcmp(fault, "timeout_once") == 0 || strcmp(fault, "lost_answer") == 0;
    if (is_once && !strike(server, held->what.key)) fault = "";

    held->then = HELD_ANSWER;
    if (strcmp(fault, "decline") == 0) {
        held->answer = books_no(402, "declined", "declined as asked");
        return server->delay_ms;
    }
    if (strcmp(fault, "fail_once") == 0) {
        struct evkeyvalq *headers = evhttp_request_get_output_headers(held->request);
        (void)evhttp_add_header(headers, "Retry-After", "0");
        held->answer = books_no(503, "service_unavailable", "busy; try again");
        return server->delay_ms;
    }
    if (strncmp(fault, "500", 3) == 0) {
        held->answer = books_no(500, "internal", "something broke");
        return server->delay_ms;
    }
    held->then = HELD_CLOSE;
    if (strncmp(fault, "timeout", 7) == 0) return HOLD_MS;
    if (strcmp(fault, "lost_answer") == 0) {
        json_decref(books_do(server->books, &held->what).body);
        return 0;
    }
    held->then = HELD_DO;
    int64_t extra_ms = strncmp(fault, "slow:", 5) == 0 ? strtol(fault + 5, NULL, 10) : 0;
    return server->delay_ms + extra_ms;
}

/* ---- requests -------------------------------------------------------------------------------- */

static json_t *body_of(struct evhttp_request *request)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(request);
    size_t size = evbuffer_get_length(in);
    const char *bytes = (const char *)evbuffer_pullup(in, -1);
    return size == 0 ? json_object() : json_loadb(bytes, size, 0, NULL);
}

static const char *header_of(struct evhttp_request *request, const char *name)
{
    const char *value = evhttp_find_header(evhttp_request_get_input_headers(request), name);
    return value == NULL ? "" : value;
}

static void on_effect(struct server *server, struct evhttp_request *request, const char *path)
{
    struct held held = {
        .server = server,
        .request = request,
        .what = { .path = path,
                  .key = header_of(request, "Idempotency-Key"),
                  .saga = header_of(request, "Skald-Saga-Id"),
                  .step = header_of(request, "Skald-Step-Id"),
                  .deadline = header_of(request, "Skald-Deadline"),
                  .body = body_of(request) },
    };
    if (!json_is_object(held.what.body)) {
        json_decref(held.what.body);
        send_answer(request, books_no(400, "validation", "the body must be a JSON object"));
        return;
    }
    const char *fault = json_string_value(json_object_get(held.what.body, "fault"));
    if (fault == NULL || fault[0] == 0) fault = draw_fault(server);
    int64_t pause_ms = meet_fault(&held, fault);
    hold(&held, pause_ms);
}

static void on_request(struct evhttp_request *request, void *context)
{
    struct server *server = context;
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    bool is_undo;
    if (path == NULL) path = "";
    if (method == EVHTTP_REQ_GET && strcmp(path, "/books") == 0) {
        send_answer(request, (struct books_answer){ 200, books_totals(server->books) });
    } else if (method == EVHTTP_REQ_GET && strcmp(path, "/healthz") == 0) {
        send_answer(request, (struct books_answer){ 200, json_pack("{s:s}", "status", "ok") });
    } else if (!books_knows(path, &is_undo)) {
        send_answer(request, books_no(404, "not_found", "no such path"));
    } else if (method != EVHTTP_REQ_POST) {
        send_answer(request, books_no(405, "method_not_allowed", "POST it"));
    } else {
        on_effect(server, request, path);
    }
}

/* ---- main ------------------------------------------------------------------------------------ */

static const char help[] =
    "usage: example-participants [--books FILE] [--listen HOST:PORT] [--fault-rate PERCENT]\n"
    "                            [--delay MS] [--seed N] [--stock PIECES]\n\n"
    "The services of the sample sagas: orders, stock, payments, shipments, accounts, audit.\n\n"
    "example:\n  example-participants --books books.db --listen 127.0.0.1:8090\n";

struct settings {
    const char *books, *listen;
    double fault_rate;
    int64_t delay_ms, stock;
    uint64_t seed;
};

static int read_settings(int argc, char **argv, struct settings *settings)
{
    static const struct option options[] = {
        { "books", required_argument, NULL, 'b' },
        { "listen", required_argument, NULL, 'l' },
        { "fault-rate", required_argument, NULL, 'f' },
        { "delay", required_argument, NULL, 'd' },
        { "seed", required_argument, NULL, 's' },
        { "stock", required_argument, NULL, 'p' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (c) {
        case 'b': settings->books = optarg; break;
        case 'l': settings->listen = optarg; break;
        case 'f': settings->fault_rate = strtod(optarg, NULL) / 100; break;
        case 'd': settings->delay_ms = strtol(optarg, NULL, 10); break;
        case 's': settings->seed = strtoull(optarg, NULL, 10); break;
        case 'p': settings->stock = strtol(optarg, NULL, 10); break;
        case 'h': (void)fputs(help, stdout); return 0;
        default: (void)fputs(help, stderr); return 2;
        }
    }
    return -1;
}

/* Listens and says where on standard output; false after a message. */
static bool listen_on(struct evhttp *http, const char *place)
{
    char host[256];
    const char *colon = strrchr(place, ':');
    size_t size = colon == NULL ? 0 : (size_t)(colon - place);
    if (colon == NULL || size >= sizeof host) {
        (void)fprintf(stderr, "participants: --listen wants HOST:PORT, not %s\n", place);
        return false;
    }
    memcpy(host, place, size);
    host[size] = 0;
    struct evhttp_bound_socket *bound =
        evhttp_bind_socket_with_handle(http, host, (uint16_t)strtoul(colon + 1, NULL, 10));
    struct sockaddr_storage address = { 0 };
    socklen_t address_size = sizeof address;
    char port[16];
    if (bound == NULL ||
        getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address,
                    &address_size) != 0 ||
        getnameinfo((struct sockaddr *)&address, address_size, NULL, 0, port, sizeof port,
                    NI_NUMERICSERV) != 0) {
        (void)fprintf(stderr, "participants: cannot listen on %s\n", place);
        return false;
    }
    (void)printf("participants listening on http://%s:%s\n", host, port);
    return fflush(stdout) == 0;
}

static void on_signal(evutil_socket_t number, short events, void *context)
{
    (void)number;
    (void)events;
    (void)event_base_loopbreak(context);
}

/* Requests that are never answered keep their connections: as many descriptors as are allowed. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int serve(struct server *server, const struct settings *settings)
{
    struct evhttp *http = evhttp_new(server->base);
    struct event *term = evsignal_new(server->base, SIGTERM, on_signal, server->base);
    struct event *interrupt = evsignal_new(server->base, SIGINT, on_signal, server->base);
    int code = 1;
    if (http != NULL && term != NULL && interrupt != NULL) {
        evhttp_set_gencb(http, on_request, server);
        evhttp_set_max_body_size(http, BODY_SIZE_MAX);
        (void)event_add(term, NULL);
        (void)event_add(interrupt, NULL);
        if (listen_on(http, settings->listen)) code = event_base_dispatch(server->base) < 0 ? 1 : 0;
    }
    if (term != NULL) event_free(term);
    if (interrupt != NULL) event_free(interrupt);
    if (http != NULL) evhttp_free(http);
    return code;
}

int main(int argc, char **argv)
{
    struct settings settings = { .books = "books.db", .listen = "127.0.0.1:8090", .seed = 1 };
    int code = read_settings(argc, argv, &settings);
    if (code >= 0) return code;
    (void)signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    static struct server server; /* too large for the stack */
    server.fault_rate = settings.fault_rate;
    server.delay_ms = settings.delay_ms;
    server.chance = settings.seed * 2 + 1;
    server.base = event_base_new();
    server.books = books_open(settings.books, settings.stock);
    code = server.base == NULL || server.books == NULL ? 1 : serve(&server, &settings);
    books_close(server.books);
    if (server.base != NULL) event_base_free(server.base);
    return code;
}

/*
 * main.c: limit-http, the transport limit of `bench-http`: the exchanges of a saga of
 * three HTTP steps with the libraries that Skald uses and nothing of Skald: no definition, no
 * state, no JSON, no index, no time limits. What Skald spends above it is Skald's own.
 *
 *   POST ─► append ─► durable ─► call ─► append ─► durable ─► call … ─► append ─► durable ─► 201
 *
 * One loop with evhttp's server and a client of choice; one thread that makes durable what was
 * appended meanwhile: one write and one fdatasync for all of it, the next as soon as the last is
 * over. Before each call, and before the reply, what it depends on is on the disk, as in Skald.
 *
 *   --client curl     libcurl's multi socket, handles pooled
 *   --client evhttp   evhttp's client, connections pooled
 *   --client lean     the same, and evhttp driven as Skald drives it: epoll's list of changes,
 *                     requests and replies written at once, headers in one piece
 *
 * It prints "ready PORT", takes no other request than the one it is measured with, and ends by
 * SIGTERM.
 */
#include "limit_http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEGMENT_SIZE = 256 * 1024 * 1024, GROUP_SIZE = 8 * 1024 * 1024, FLOWS_MAX = 4096 };

/* What is appended, and what comes back when it is durable. Two groups: one fills while the other
 * is written. */
struct group {
    char *bytes;
    size_t size;
    struct flow *flows[FLOWS_MAX];
    size_t flows_count;
};

struct log {
    int fd, wake_fd;
    off_t position;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct group groups[2];
    struct group *filling;
    bool is_writing, is_done; /* the other group is with the thread; and durable */
    bool is_closing;
};

struct limit {
    struct limit_options options;
    struct event_base *base;
    struct evhttp *server;
    struct client *client;
    struct log log;
    struct event *wake, *turn_end;
    bool is_cutting;
    uint64_t calls;
    char *reply;
};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "limit-http: %s: %s\n", what, strerror(errno));
    exit(1);
}

void *limit_alloc(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL) die("out of memory");
    return memory;
}

/* ---- the log --------------------------------------------------------------------------------- */

static void write_all(struct log *log, const struct group *group)
{
    size_t done = 0;
    if (log->position + (off_t)group->size > SEGMENT_SIZE) log->position = 0;
    while (done < group->size) {
        ssize_t size =
            pwrite(log->fd, group->bytes + done, group->size - done, log->position + (off_t)done);
        if (size < 0 && errno != EINTR) die("write");
        if (size > 0) done += (size_t)size;
    }
    if (fdatasync(log->fd) != 0) die("fdatasync");
    log->position += (off_t)group->size;
}

uint16_t limit_port_of(int fd)
{
    struct sockaddr_in address = { .sin_port = 0 };
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)(void *)&address, &size) != 0) return 0;
    return ntohs(address.sin_port);
}

const struct limit_options *limit_options_of(const struct limit *limit)
{
    return &limit->options;
}

static void *run_log(void *context)
{
    struct log *log = context;
    (void)pthread_setname_np(pthread_self(), "limit-commit");
    (void)pthread_mutex_lock(&log->lock);
    while (!log->is_closing) {
        if (!log->is_writing || log->is_done) {
            (void)pthread_cond_wait(&log->filled, &log->lock);
            continue;
        }
        struct group *group = log->filling == &log->groups[0] ? &log->groups[1] : &log->groups[0];
        (void)pthread_mutex_unlock(&log->lock);
        write_all(log, group);
        (void)pthread_mutex_lock(&log->lock);
        log->is_done = true;
        (void)eventfd_write(log->wake_fd, 1);
    }
    (void)pthread_mutex_unlock(&log->lock);
    return NULL;
}

static void cut(struct log *log)
{
    (void)pthread_mutex_lock(&log->lock);
    if (!log->is_writing && log->filling->flows_count > 0) {
        log->filling = log->filling == &log->groups[0] ? &log->groups[1] : &log->groups[0];
        log->is_writing = true;
        (void)pthread_cond_signal(&log->filled);
    }
    (void)pthread_mutex_unlock(&log->lock);
}

static void on_turn_end(evutil_socket_t fd, short what, void *context)
{
    struct limit *limit = context;
    (void)fd;
    (void)what;
    limit->is_cutting = false;
    cut(&limit->log);
}

/* On the loop; `flow` goes on once it is durable. The group is cut behind what the present turn
 * still has to append. */
static void append(struct limit *limit, struct flow *flow)
{
    struct log *log = &limit->log;
    struct group *group = log->filling;
    size_t size = limit->options.record_size;
    if (group->flows_count == FLOWS_MAX || group->size + size > GROUP_SIZE) die("a group is full");
    memset(group->bytes + group->size, 'a' + (int)flow->stage, size);
    group->size += size;
    group->flows[group->flows_count++] = flow;
    if (limit->is_cutting || log->is_writing) return;
    limit->is_cutting = true;
    event_active(limit->turn_end, EV_TIMEOUT, 0);
}

static void open_log(struct log *log, const char *path)
{
    log->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (log->fd < 0) die(path);
    char *zeroes = limit_alloc(1024 * 1024);
    for (off_t at = 0; at < SEGMENT_SIZE; at += 1024 * 1024) {
        if (pwrite(log->fd, zeroes, 1024 * 1024, at) != 1024 * 1024) die("write");
    }
    free(zeroes);
    if (fsync(log->fd) != 0) die("fsync");
    log->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (size_t i = 0; i < 2; i++) log->groups[i].bytes = limit_alloc(GROUP_SIZE);
    log->filling = &log->groups[0];
    (void)pthread_mutex_init(&log->lock, NULL);
    (void)pthread_cond_init(&log->filled, NULL);
    if (pthread_create(&log->thread, NULL, run_log, log) != 0) die("thread");
}

/* ---- the exchanges --------------------------------------------------------------------------- */

static void reply(struct limit *limit, struct flow *flow)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(flow->request);
    struct evhttp_connection *connection = evhttp_request_get_connection(flow->request);
    char location[96];
    (void)snprintf(location, sizeof location, "/api/v1/sagas/%s", flow->id);
    (void)evhttp_add_header(headers, "Location", location);
    (void)evhttp_add_header(headers, "Content-Type", "application/json");
    (void)evhttp_add_header(headers, "Cache-Control", "no-store");
    (void)evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    (void)evbuffer_add(evhttp_request_get_output_buffer(flow->request), limit->reply,
                       limit->options.reply_size);
    evhttp_send_reply(flow->request, 201, "Created", NULL);
    if (limit->options.is_lean && connection != NULL)
        limit_flush(evhttp_connection_get_bufferevent(connection));
    free(flow);
}

/* The next call of the flow, or its reply: what it depends on is durable. */
static void go_on(struct limit *limit, struct flow *flow)
{
    if (flow->stage == limit->options.calls_count) {
        reply(limit, flow);
        return;
    }
    limit->calls += 1;
    limit->client->ops->call(limit->client, flow);
}

void limit_on_answer(struct limit *limit, struct flow *flow, int status)
{
    bool is_refused = limit->options.calls_count == 5 && flow->stage == 2;
    if (status != (is_refused ? 409 : 200)) {
        (void)fprintf(stderr, "limit-http: the participant answered %d\n", status);
        exit(1);
    }
    flow->stage += 1;
    append(limit, flow);
}

static void on_durable(evutil_socket_t fd, short what, void *context)
{
    struct limit *limit = context;
    struct log *log = &limit->log;
    eventfd_t count;
    (void)what;
    (void)eventfd_read((int)fd, &count);
    (void)pthread_mutex_lock(&log->lock);
    bool is_done = log->is_done;
    (void)pthread_mutex_unlock(&log->lock);
    if (!is_done) return;
    struct group *group = log->filling == &log->groups[0] ? &log->groups[1] : &log->groups[0];
    static struct flow *flows[FLOWS_MAX];
    size_t count_of = group->flows_count;
    memcpy(flows, group->flows, count_of * sizeof *flows);
    group->flows_count = 0;
    group->size = 0;
    log->is_done = false;
    log->is_writing = false;
    cut(log);
    for (size_t i = 0; i < count_of; i++) go_on(limit, flows[i]);
}

static void on_request(struct evhttp_request *request, void *context)
{
    struct limit *limit = context;
    static uint64_t number;
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    size_t size = evbuffer_get_length(input);
    struct flow *flow = limit_alloc(sizeof *flow);
    flow->limit = limit;
    flow->request = request;
    if (size > 0 && evbuffer_pullup(input, -1) == NULL) die("body");
    (void)snprintf(flow->id, sizeof flow->id, "01a1ffed-16b1-7747-a53c-%012llx",
                   (unsigned long long)++number);
    append(limit, flow);
}

/* ---- what is sent, for all clients ----------------------------------------------------------- */

const char *const limit_header_names[LIMIT_HEADERS_COUNT] = {
    "Idempotency-Key", "Skald-Saga-Id", "Skald-Step-Id", "Skald-Operation", "Skald-Attempt",
    "Skald-Deadline",  "Skald-Token",   "User-Agent",    "Accept",          "Content-Type"
};

static const struct {
    const char *path, *step, *operation, *body;
} calls[5] = {
    { "/reserve", "one", "action", "{\"order\":\"4711\",\"amount\":299.99}" },
    { "/charge", "two", "action", "{\"order\":\"4711\"}" },
    { "/ship", "three", "action", "{\"order\":\"4711\"}" },
    { "/refund", "two", "compensation", "{\"order\":\"4711\"}" },
    { "/release", "one", "compensation", "{\"order\":\"4711\"}" },
};

void limit_describe(const struct flow *flow, struct call *call)
{
    uint32_t stage = flow->stage;
    bool is_refused = flow->limit->options.calls_count == 5 && stage == 2;
    call->path = is_refused ? "/refuse" : calls[stage].path;
    call->body = calls[stage].body;
    (void)snprintf(call->key, sizeof call->key, "%s/%s/%s", flow->id, calls[stage].step,
                   calls[stage].operation);
    const char *const values[LIMIT_HEADERS_COUNT] = { call->key,
                                                      flow->id,
                                                      calls[stage].step,
                                                      calls[stage].operation,
                                                      "1",
                                                      "2026-11-21T21:05:00.353Z",
                                                      "0001000100.5df0525ca2124e85ddd3fc105a01dc4d",
                                                      "skald/0.1.0",
                                                      "application/json, */*;q=0.5",
                                                      "application/json" };
    memcpy(call->values, values, sizeof values);
}

/* ---- the program ----------------------------------------------------------------------------- */

static void on_stop(evutil_socket_t number, short what, void *context)
{
    struct limit *limit = context;
    (void)number;
    (void)what;
    (void)event_base_loopbreak(limit->base);
}

static _Noreturn void usage(void)
{
    (void)fprintf(stderr, "usage: limit-http --participant PORT --log FILE [--client "
                          "curl|evhttp|lean] [--calls 3|5]\n"
                          "         [--connections N] [--record BYTES] [--reply BYTES]\n");
    exit(2);
}

static void read_options(int argc, char **argv, struct limit_options *options)
{
    *options = (struct limit_options){ .client = "curl",
                                       .calls_count = 3,
                                       .connections_max = 64,
                                       .record_size = 400,
                                       .reply_size = 1562 };
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        unsigned long number = strtoul(value, NULL, 10);
        if (strcmp(name, "--participant") == 0)
            options->port = (uint16_t)number;
        else if (strcmp(name, "--log") == 0)
            options->log = value;
        else if (strcmp(name, "--client") == 0)
            options->client = value;
        else if (strcmp(name, "--calls") == 0)
            options->calls_count = (uint32_t)number;
        else if (strcmp(name, "--connections") == 0)
            options->connections_max = (uint32_t)number;
        else if (strcmp(name, "--record") == 0)
            options->record_size = number;
        else if (strcmp(name, "--reply") == 0)
            options->reply_size = number;
        else
            usage();
    }
    options->is_lean = strcmp(options->client, "lean") == 0;
    bool is_sound = options->port != 0 && options->log != NULL && argc % 2 == 1 &&
                    (options->calls_count == 3 || options->calls_count == 5) &&
                    options->connections_max > 0;
    if (!is_sound) usage();
}

static struct client *make_client(struct limit *limit)
{
    const char *name = limit->options.client;
    if (strcmp(name, "curl") == 0) return limit_client_curl(limit, limit->base);
    if (strcmp(name, "evhttp") == 0 || limit->options.is_lean)
        return limit_client_evhttp(limit, limit->base);
    usage();
}

int main(int argc, char **argv)
{
    static struct limit limit;
    read_options(argc, argv, &limit.options);
    (void)signal(SIGPIPE, SIG_IGN);
    struct event_config *config = event_config_new();
    int flags = limit.options.is_lean ? EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST : 0;
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | flags);
    limit.base = event_base_new_with_config(config);
    event_config_free(config);
    limit.reply = limit_alloc(limit.options.reply_size + 1);
    memset(limit.reply, 'x', limit.options.reply_size);
    open_log(&limit.log, limit.options.log);
    limit.client = make_client(&limit);
    limit.wake = event_new(limit.base, limit.log.wake_fd, EV_READ | EV_PERSIST, on_durable, &limit);
    if (event_add(limit.wake, NULL) != 0) die("event");
    limit.turn_end = event_new(limit.base, -1, 0, on_turn_end, &limit);
    struct event *stop = evsignal_new(limit.base, SIGTERM, on_stop, &limit);
    if (event_add(stop, NULL) != 0) die("signal");
    limit.server = evhttp_new(limit.base);
    evhttp_set_default_content_type(limit.server, NULL);
    evhttp_set_gencb(limit.server, on_request, &limit);
    struct evhttp_bound_socket *bound =
        evhttp_bind_socket_with_handle(limit.server, "127.0.0.1", 0);
    if (bound == NULL) die("bind");
    (void)printf("ready %u\n", limit_port_of(evhttp_bound_socket_get_fd(bound)));
    (void)fflush(stdout);
    (void)event_base_dispatch(limit.base);
    return 0;
}

/* load.c: the driver that is the same for every engine of bench-peers: it keeps so many
 * sagas in flight, or starts so many a second, and tells how long each took from its start to its
 * end.
 *
 *   load --port P --path /sagas --in-flight 64 --seconds 10
 *   load --port P --path /sagas --rate 800 --seconds 10
 *
 * A saga is one POST that is answered when the saga has ended, whatever the engine: the engines'
 * own ways to wait differ in their interfaces, but each has one that answers so. One thread,
 * keep-alive connections, one request at a time on each; a '#' in the body becomes the saga's
 * running number.
 *
 * It does not judge what the engine did beyond status and a text that each answer must hold, knows
 * no TLS and no answer over ANSWER_MAX bytes.
 *
 * Invariants: 1 with --rate a saga's time runs from the instant it was due, not from when a
 * connection was free for it, so an engine that stalls is not spared; 2 the instants depend on
 * --seed alone, so that two engines are offered the same; 3 after the last start all ends are
 * awaited, so the engine's work is all done. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    ANSWER_MAX = 64 * 1024,
    CONNECTIONS_MAX = 1000,
    EVENTS_MAX = 256,
    REQUEST_MAX = 4096,
    TIMES_FIRST = 1 << 20,
    WAITING_MAX = 1 << 20,
};
static const int64_t second_ns = 1000000000;

struct options {
    int port, in_flight, expect;
    double rate, seconds;
    int64_t drain_ns;
    uint64_t seed;
    const char *path, *body, *holds;
};

struct connection {
    int fd; /* -1: closed */
    bool is_busy;
    int64_t due_ns;
    size_t size;
    char answer[ANSWER_MAX + 1];
};

struct load {
    struct options o;
    int epoll;
    struct connection *connections;
    int connections_max, free_count;
    int *free; /* a stack: what was used last is used next */
    uint64_t started, ended, refused, lost;
    uint64_t in_flight_max;
    int64_t *times_ns;
    size_t times_max;
    int64_t *waiting_ns; /* due, but no connection was free: a ring */
    size_t waiting_first, waiting_count;
    uint64_t random;
    char first_trouble[400];
};

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * second_ns + now.tv_nsec;
}

static void fail(const char *words)
{
    (void)fprintf(stderr, "load: %s: %s\n", words, strerror(errno));
    exit(1);
}

static void *must(void *memory)
{
    if (memory == NULL) fail("memory");
    return memory;
}

/* ---- connections ----------------------------------------------------------------------------- */

static void open_connection(struct load *load, int index)
{
    struct connection *c = &load->connections[index];
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)load->o.port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int yes = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) fail("socket");
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0) fail("fcntl");
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = (uint32_t)index };
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) fail("epoll_ctl");
}

static void close_connection(struct connection *c)
{
    (void)close(c->fd);
    c->fd = -1;
}

static void remember_trouble(struct load *load, const char *kind, const char *text)
{
    if (load->first_trouble[0] != 0) return;
    (void)snprintf(load->first_trouble, sizeof load->first_trouble, "%s: %.350s", kind, text);
}

/* ---- requests -------------------------------------------------------------------------------- */

static size_t write_request(const struct load *load, char out[REQUEST_MAX])
{
    char body[REQUEST_MAX / 2], number[24];
    size_t size = 0;
    size_t digits = (size_t)snprintf(number, sizeof number, "%" PRIu64, load->started);
    for (const char *c = load->o.body; *c != 0 && size + sizeof number < sizeof body; c++) {
        if (*c != '#') {
            body[size++] = *c;
            continue;
        }
        memcpy(body + size, number, digits);
        size += digits;
    }
    int whole =
        snprintf(out, REQUEST_MAX,
                 "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                 "Accept: application/json\r\nContent-Length: %zu\r\n\r\n%.*s",
                 load->o.path, load->o.port, size, (int)size, body);
    return (size_t)whole;
}

static void send_on(struct load *load, int index, int64_t due_ns)
{
    struct connection *c = &load->connections[index];
    char request[REQUEST_MAX];
    if (c->fd < 0) open_connection(load, index);
    size_t size = write_request(load, request);
    c->is_busy = true;
    c->due_ns = due_ns;
    c->size = 0;
    load->started++;
    if (load->started - load->ended > load->in_flight_max)
        load->in_flight_max = load->started - load->ended;
    if (send(c->fd, request, size, MSG_NOSIGNAL) == (ssize_t)size) return;
    /* Loopback takes a small request whole, or the connection is gone: its end is read as lost. */
    remember_trouble(load, "not sent", strerror(errno));
    (void)shutdown(c->fd, SHUT_RDWR);
}

/* Room for each saga of the run, so that none is left out of the percentiles. */
static void keep_time(struct load *load, int64_t time_ns)
{
    if (load->ended > load->times_max) {
        load->times_max *= 2;
        load->times_ns = must(realloc(load->times_ns, load->times_max * sizeof *load->times_ns));
    }
    load->times_ns[load->ended - 1] = time_ns;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Where the value of a header begins; NULL: it is not there. `name` with its colon. */
static const char *header(const char *head, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, length) == 0)
            return line + 2 + length + strspn(line + 2 + length, " ");
    }
    return NULL;
}

static bool has_all_chunks(const char *body, const char *end)
{
    while (body < end) {
        char *after = NULL;
        unsigned long size = strtoul(body, &after, 16);
        const char *line_end = strstr(after, "\r\n");
        if (line_end == NULL) return false;
        if (size == 0) return end - line_end >= 4;
        body = line_end + 2 + size + 2;
    }
    return false;
}

/* The answer is NUL-terminated; it is whole when its body is. */
static bool is_whole(char *answer, size_t size)
{
    char *body = strstr(answer, "\r\n\r\n");
    if (body == NULL) return false;
    *body = 0;
    const char *length = header(answer, "content-length:");
    bool is_chunked = header(answer, "transfer-encoding:") != NULL;
    *body = '\r';
    body += 4;
    if (is_chunked) return has_all_chunks(body, answer + size);
    size_t wanted = length == NULL ? 0 : strtoul(length, NULL, 10);
    return (size_t)(answer + size - body) >= wanted;
}

static void judge(struct load *load, const struct connection *c)
{
    int status = c->size > 12 ? (int)strtol(c->answer + 9, NULL, 10) : 0;
    bool is_held = load->o.holds == NULL || strstr(c->answer, load->o.holds) != NULL;
    if (status == load->o.expect && is_held) return;
    load->refused++;
    remember_trouble(load, "unexpected answer", c->answer);
}

/* The saga of this connection has ended, in whatever way. */
static void end_saga(struct load *load, int index, int64_t at_ns)
{
    struct connection *c = &load->connections[index];
    c->is_busy = false;
    load->ended++;
    keep_time(load, at_ns - c->due_ns);
    load->free[load->free_count++] = index;
}

static void drop_connection(struct load *load, int index)
{
    struct connection *c = &load->connections[index];
    bool was_busy = c->is_busy;
    close_connection(c);
    if (!was_busy)
        return; /* an idle one that the server closed is opened again when it is needed */
    load->lost++;
    remember_trouble(load, "connection lost", c->answer);
    end_saga(load, index, now_ns());
}

static void read_from(struct load *load, int index)
{
    struct connection *c = &load->connections[index];
    if (c->fd < 0) return;
    for (;;) {
        ssize_t got = recv(c->fd, c->answer + c->size, ANSWER_MAX - c->size, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) {
            drop_connection(load, index);
            return;
        }
        c->size += (size_t)got;
        c->answer[c->size] = 0;
        if (c->is_busy && is_whole(c->answer, c->size)) {
            judge(load, c);
            end_saga(load, index, now_ns());
            return;
        }
    }
}

/* ---- when sagas start ------------------------------------------------------------------------ */

static double next_random(struct load *load)
{
    uint64_t x = load->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    load->random = x;
    return (double)(x >> 11) / (double)(1ULL << 53);
}

/* Customers do not come evenly: the gaps are exponential. */
static int64_t next_gap_ns(struct load *load)
{
    return (int64_t)(-log(1.0 - next_random(load)) / load->o.rate * 1e9);
}

static void start_due(struct load *load, int64_t due_ns)
{
    if (load->free_count > 0) {
        send_on(load, load->free[--load->free_count], due_ns);
        return;
    }
    if (load->waiting_count == WAITING_MAX) fail("far more is offered than is done");
    load->waiting_ns[(load->waiting_first + load->waiting_count++) % WAITING_MAX] = due_ns;
}

static void start_waiting(struct load *load)
{
    while (load->waiting_count > 0 && load->free_count > 0) {
        int64_t due_ns = load->waiting_ns[load->waiting_first];
        load->waiting_first = (load->waiting_first + 1) % WAITING_MAX;
        load->waiting_count--;
        send_on(load, load->free[--load->free_count], due_ns);
    }
}

static void turn(struct load *load, int64_t until_ns)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t left_ns = until_ns - now_ns();
    struct timespec left = { .tv_sec = left_ns / second_ns, .tv_nsec = left_ns % second_ns };
    if (left_ns < 0) left = (struct timespec){ 0 };
    int count = epoll_pwait2(load->epoll, events, EVENTS_MAX, &left, NULL);
    for (int i = 0; i < count; i++) read_from(load, (int)events[i].data.u32);
}

static void run(struct load *load)
{
    int64_t begin = now_ns(), end = begin + (int64_t)(load->o.seconds * 1e9), due = begin;
    bool is_closed = load->o.rate <= 0;
    for (int64_t now = begin; now < end; now = now_ns()) {
        while (is_closed && load->free_count > 0)
            send_on(load, load->free[--load->free_count], now_ns());
        for (; !is_closed && due <= now; due += next_gap_ns(load)) start_due(load, due);
        start_waiting(load);
        turn(load, is_closed || due > end ? end : due);
    }
    end = now_ns() + load->o.drain_ns;
    while ((load->started > load->ended || load->waiting_count > 0) && now_ns() < end) {
        start_waiting(load);
        turn(load, end);
    }
    load->lost += load->started - load->ended + load->waiting_count;
    if (load->lost > 0) remember_trouble(load, "not answered in time", "");
}

/* ---- results --------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static double percentile_ms(const struct load *load, double share)
{
    if (load->ended == 0) return 0;
    size_t at = (size_t)(share * (double)load->ended);
    return (double)load->times_ns[at < load->ended ? at : load->ended - 1] / 1e6;
}

static void print_json_text(const char *text)
{
    (void)putchar('"');
    for (; *text != 0; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') (void)putchar('\\');
        if (c >= 0x20 && c < 0x7f) (void)putchar(c);
        if (c == '\n') (void)printf("\\n");
    }
    (void)putchar('"');
}

static void report(struct load *load, double seconds)
{
    qsort(load->times_ns, load->ended, sizeof *load->times_ns, by_value);
    (void)printf("{\"sagas\": %" PRIu64
                 ", \"seconds\": %.6f, \"rate\": %.2f, \"unexpected\": %" PRIu64
                 ", \"lost\": %" PRIu64 ", \"in_flight_max\": %" PRIu64
                 ", \"p50_ms\": %.3f, \"p90_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f"
                 ", \"max_ms\": %.3f, \"trouble\": ",
                 load->ended, seconds, (double)load->ended / seconds, load->refused, load->lost,
                 load->in_flight_max, percentile_ms(load, 0.50), percentile_ms(load, 0.90),
                 percentile_ms(load, 0.99), percentile_ms(load, 0.999), percentile_ms(load, 1.0));
    print_json_text(load->first_trouble);
    (void)printf("}\n");
}

/* ---- options --------------------------------------------------------------------------------- */

static int usage(void)
{
    (void)fprintf(
        stderr,
        "usage: load --port P --path PATH (--in-flight N | --rate N) --seconds N\n"
        "       [--body JSON] [--expect STATUS] [--holds TEXT] [--drain SECONDS] [--seed N]\n");
    return 2;
}

static bool read_options(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {
        { "port", 1, NULL, 'p' },   { "path", 1, NULL, 'u' },    { "in-flight", 1, NULL, 'n' },
        { "rate", 1, NULL, 'r' },   { "seconds", 1, NULL, 's' }, { "body", 1, NULL, 'b' },
        { "expect", 1, NULL, 'e' }, { "holds", 1, NULL, 'h' },   { "drain", 1, NULL, 'd' },
        { "seed", 1, NULL, 'x' },   { NULL, 0, NULL, 0 },
    };
    *o = (struct options){ .expect = 200, .drain_ns = 60 * second_ns, .seed = 1, .body = "{}" };
    for (int name; (name = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (name == 'p') o->port = (int)strtol(optarg, NULL, 10);
        if (name == 'u') o->path = optarg;
        if (name == 'n') o->in_flight = (int)strtol(optarg, NULL, 10);
        if (name == 'r') o->rate = strtod(optarg, NULL);
        if (name == 's') o->seconds = strtod(optarg, NULL);
        if (name == 'b') o->body = optarg;
        if (name == 'e') o->expect = (int)strtol(optarg, NULL, 10);
        if (name == 'h') o->holds = optarg;
        if (name == 'd') o->drain_ns = (int64_t)(strtod(optarg, NULL) * 1e9);
        if (name == 'x') o->seed = strtoull(optarg, NULL, 10);
        if (name == '?') return false;
    }
    bool is_one = (o->in_flight > 0) != (o->rate > 0);
    return is_one && o->port > 0 && o->path != NULL && o->seconds > 0 &&
           o->in_flight <= CONNECTIONS_MAX && strlen(o->body) < REQUEST_MAX / 4;
}

int main(int argc, char **argv)
{
    static struct load load;
    if (!read_options(argc, argv, &load.o)) return usage();
    load.random = load.o.seed * 0x9E3779B97F4A7C15ULL + 1;
    load.connections_max = load.o.rate > 0 ? CONNECTIONS_MAX : load.o.in_flight;
    load.times_max = TIMES_FIRST;
    load.connections = must(calloc(CONNECTIONS_MAX, sizeof *load.connections));
    load.free = must(calloc(CONNECTIONS_MAX, sizeof *load.free));
    load.times_ns = must(calloc(load.times_max, sizeof *load.times_ns));
    load.waiting_ns = must(calloc(WAITING_MAX, sizeof *load.waiting_ns));
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load.epoll < 0) fail("epoll");
    for (int i = load.connections_max - 1; i >= 0; i--) {
        load.connections[i].fd = -1;
        load.free[load.free_count++] = i;
    }
    int64_t begin = now_ns();
    run(&load);
    report(&load, (double)(now_ns() - begin) / 1e9);
    return load.refused + load.lost > 0 ? 1 : 0;
}

/*
 * fuzz_http.c: raw bytes against the HTTP server and everything behind it: one connection to a port
 * of this machine. A line `----` in the input is a moment: what came before it is taken in first.
 *
 *   1  What comes back is HTTP: whole heads, bodies as long as they say, statuses that there are,
 *      never 500.
 *   2  Ends of connections at any place leave nothing behind (leaks, requests without a reply).
 */
#include "world.h"

#include "api/api.h"
#include "skald/testkit_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS_MAX = 400, IDLE_ROUNDS = 6 };

struct link {
    struct sk_testkit *kit;
    struct event_base *base;
    struct sk_api *api;
    int fd;
    bool is_closed; /* by the server */
    struct sk_buf received;
};

/* ---- the connection -------------------------------------------------------------------------- */

static void open_link(struct link *link)
{
    skald_error error = { 0 };
    *link = (struct link){ .kit = fuzz_world_new(), .base = event_base_new(), .fd = -1 };
    FUZZ_CHECK(link->base != NULL, "memory");
    struct sk_api_options options = { .base = link->base,
                                      .engine = link->kit->engine,
                                      .runtime = sk_virtual_runtime_port(link->kit->runtime) };
    FUZZ_CHECK(sk_api_new(&options, &link->api, &error) == SKALD_OK, "%s", error.message);
    FUZZ_CHECK(sk_api_listen(link->api, 0, &error) == SKALD_OK, "%s", error.message);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(sk_api_port(link->api)),
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
    } where = { .v4 = address };
    FUZZ_CHECK(link->fd >= 0 && connect(link->fd, &where.any, sizeof address) == 0, "connect: %s",
               strerror(errno));
    /* Closed by a reset: nothing of it stays in the system. */
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };
    (void)setsockopt(link->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static bool take_in(struct link *link)
{
    char bytes[4096];
    ssize_t size = recv(link->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size > 0) sk_buf_append(&link->received, bytes, (size_t)size);
    if (size == 0 || (size < 0 && errno != EAGAIN)) link->is_closed = true;
    return size > 0;
}

/* Until nothing happens any more. */
static void run(struct link *link)
{
    int idle = 0;
    for (int i = 0; i < ROUNDS_MAX && idle < IDLE_ROUNDS; i++) {
        (void)event_base_loop(link->base, EVLOOP_NONBLOCK);
        sk_testkit_settle(link->kit);
        idle = !link->is_closed && take_in(link) ? 0 : idle + 1;
    }
}

static void send_all(struct link *link, struct sk_str bytes)
{
    while (bytes.size > 0 && !link->is_closed) {
        ssize_t size = send(link->fd, bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size <= 0 && errno != EAGAIN) return;
        if (size > 0) bytes = sk_str_sub(bytes, (size_t)size, bytes.size);
        run(link);
    }
}

static void close_link(struct link *link)
{
    (void)close(link->fd);
    link->is_closed = true;
    run(link);
    sk_engine_free(link->kit->engine); /* before the API that still may wait for it */
    link->kit->engine = NULL;
    sk_api_free(link->api);
    sk_testkit_free(link->kit);
    event_base_free(link->base);
    sk_buf_release(&link->received);
}

/* ---- what came back -------------------------------------------------------------------------- */

static bool header_is(struct sk_str line, const char *name, struct sk_str *out_value)
{
    size_t colon = sk_str_find(line, ':');
    if (colon != strlen(name) || strncasecmp(line.data, name, colon) != 0) return false;
    *out_value = sk_str_trim(sk_str_sub(line, colon + 1, line.size));
    return true;
}

struct head {
    int status;
    uint64_t size;
    bool has_size, is_chunked, is_problem;
};

/* Takes a head off; false: it is not whole, or is none. */
static bool take_head(struct sk_str *rest, struct head *head)
{
    struct sk_str line, value;
    *head = (struct head){ .status = 0 };
    bool is_first = true;
    while (fuzz_line(rest, &line)) {
        FUZZ_CHECK(line.size > 0 && line.data[line.size - 1] == '\r', "a line of a head: %.*s",
                   SK_STR_ARGS(line));
        line.size -= 1;
        if (is_first) {
            /* libevent gives back the version that was asked */
            FUZZ_CHECK(sk_str_starts(line, SK_STR("HTTP/")) && line.size > 12, "%.*s",
                       SK_STR_ARGS(line));
            uint64_t status = 0;
            size_t blank = sk_str_find(line, ' ');
            FUZZ_CHECK(sk_str_to_u64(sk_str_sub(line, blank + 1, 3), &status), "%.*s",
                       SK_STR_ARGS(line));
            head->status = (int)status;
        } else if (line.size == 0) {
            return true;
        } else if (header_is(line, "Content-Length", &value)) {
            head->has_size = sk_str_to_u64(value, &head->size);
            FUZZ_CHECK(head->has_size, "%.*s", SK_STR_ARGS(line));
        } else if (header_is(line, "Transfer-Encoding", &value)) {
            head->is_chunked = true;
        } else if (header_is(line, "Content-Type", &value)) {
            head->is_problem = sk_str_is(value, "application/problem+json");
        } else {
            FUZZ_CHECK(sk_str_find(line, ':') < line.size, "%.*s", SK_STR_ARGS(line));
        }
        is_first = false;
    }
    return false;
}

static bool is_known(int status)
{
    static const int known[] = { 100, 200, 201, 202, 204, 400, 404, 405, 408, 409, 410,
                                 411, 413, 414, 415, 417, 422, 429, 431, 501, 503, 505 };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i] == status) return true;
    }
    return false;
}

/* May it be a reply to HEAD, which has a length and no body? */
static void check_replies(struct sk_str rest, bool has_head)
{
    struct head head;
    while (rest.size > 0 && take_head(&rest, &head)) {
        FUZZ_CHECK(is_known(head.status), "status %d", head.status);
        if (head.is_chunked) return; /* a stream: to its end */
        if (!head.has_size || has_head) return;
        FUZZ_CHECK(head.size <= rest.size, "%zu of %zu bytes", rest.size, (size_t)head.size);
        struct sk_str body = sk_str_sub(rest, 0, (size_t)head.size);
        if (head.is_problem) fuzz_check_json(body, "a problem");
        rest = sk_str_sub(rest, (size_t)head.size, rest.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sk_str rest = { (const char *)data, size }, chunk;
    bool has_head = size > 0 && memmem(data, size, "HEAD", 4) != NULL;
    struct link link;
    open_link(&link);
    while (rest.size > 0) {
        fuzz_split(rest, "----", &chunk, &rest);
        send_all(&link, chunk);
        run(&link);
    }
    check_replies(sk_buf_view(&link.received), has_head);
    close_link(&link);
    return 0;
}

/* limit_http.h: what limit-http and its clients share. */
#ifndef SK_BENCH_LIMIT_HTTP_H
#define SK_BENCH_LIMIT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bufferevent;
struct event_base;
struct evhttp_request;
struct limit;
struct client;

enum { LIMIT_HEADERS_COUNT = 10 };

struct limit_options {
    const char *client, *log;
    uint16_t port; /* of the participant, on 127.0.0.1 */
    uint32_t calls_count, connections_max;
    size_t record_size, reply_size;
    bool is_lean; /* libevent is driven as Skald drives it */
};

/* One request and the calls it causes, one after the other. */
struct flow {
    struct limit *limit;
    struct evhttp_request *request;
    struct flow *next; /* in a client's line */
    uint32_t stage;    /* calls that have been answered */
    char id[40];
};

/* What the present call of a flow sends. */
struct call {
    const char *path, *body;
    char key[80];
    const char *values[LIMIT_HEADERS_COUNT];
};
extern const char *const limit_header_names[LIMIT_HEADERS_COUNT];
void limit_describe(const struct flow *flow, struct call *call);

struct client_ops {
    /* Sends it, or puts it in line; limit_on_answer follows. */
    void (*call)(struct client *client, struct flow *flow);
};
struct client {
    const struct client_ops *ops;
    struct limit *limit;
};

void limit_on_answer(struct limit *limit, struct flow *flow, int status);
const struct limit_options *limit_options_of(const struct limit *limit);
void *limit_alloc(size_t size); /* zeroed; ends the program without memory */
uint16_t limit_port_of(int fd);

/* Those that found no free connection, first come first served. */
struct line {
    struct flow *first, *last;
};
static inline void line_put(struct line *line, struct flow *flow)
{
    flow->next = NULL;
    if (line->first == NULL) {
        line->first = flow;
    } else {
        line->last->next = flow;
    }
    line->last = flow;
}
static inline struct flow *line_take(struct line *line)
{
    struct flow *flow = line->first;
    if (flow != NULL) line->first = flow->next;
    return flow;
}

struct client *limit_client_curl(struct limit *limit, struct event_base *base);
struct client *limit_client_evhttp(struct limit *limit, struct event_base *base);
/* Writes what evhttp has to write at once, without waiting until the socket is found writable. */
void limit_flush(struct bufferevent *bev);

#endif

/*
 * api.h: the HTTP API over an engine, on the engine's own loop: nothing here waits, locks or copies
 * between threads. What is asked is one row in routes.c, what is answered one function in shapes.c.
 *
 *   A1  A reply tells only what is durable: it is written in a `done` of the engine.
 *   A2  Each exchange has at most one call to the engine under way. So nothing is freed that a
 *       `done` still needs, and sk_api_free may free what is left once no `done` can come any more.
 *
 * Not here: who may do what (security/). The console's files: console.h.
 */
#ifndef SK_API_API_H
#define SK_API_API_H

#include "engine/engine.h"

struct event_base;
struct sk_api;
struct sk_json_writer;
struct sk_peers;

/* Zero means "default" throughout. */
struct sk_api_options {
    struct event_base *base;
    struct sk_engine *engine;
    struct sk_runtime *runtime;
    struct sk_limiter *limiter; /* the circuit breakers; NULL = there are none */
    const char *host;           /* 127.0.0.1 */
    size_t body_size_max;       /* of a request: 4 MiB and a little */
    uint32_t connections_max;   /* 1024 */
    int64_t idle_timeout_ms;    /* of a connection without a request: 75 s */
    int64_t request_timeout_ms; /* for a request to come in whole: 60 s */
    int64_t wait_ms_max;        /* longest ?wait=: 60 s */
    /* Writes an object: notifications by type; NULL = nothing to tell. */
    void (*put_channels)(void *context, struct sk_json_writer *w);
    void *channels_context;
    uint32_t streams_max;      /* open at once: 256 */
    int64_t heartbeat_ms;      /* of a silent stream: 15 s */
    bool compat_rte;           /* the ten paths of the RTE engine's admin API: rte.c */
    uint32_t observations_max; /* kept in memory: 1024 */
    bool is_local;             /* no server at all: only local.h asks */
    /* The APIs of the other loops (forward.h), of which it is this one; NULL: it is alone. */
    struct sk_peers *peers;
    uint32_t member;
    /* Are all loops served? NULL: the engine alone says whether it is ready. */
    bool (*is_open)(void *context);
    void *open_context;
};

/* Until the engine is ready everything but health and version is 503. */
enum skald_status sk_api_new(const struct sk_api_options *options, struct sk_api **out_api,
                             skald_error *error) SK_MUST_CHECK;
/* Unless it is local: listens on the host of the options. Once all its peers are made: it passes
 * on to them. */
enum skald_status sk_api_listen(struct sk_api *api, uint16_t port,
                                skald_error *error) SK_MUST_CHECK;
uint16_t sk_api_port(const struct sk_api *api);
/* No new connections; what came in before is still answered. */
void sk_api_stop(struct sk_api *api);
/* Requests of which the reply has not been written out yet. */
uint32_t sk_api_busy(const struct sk_api *api);
/* Only after the engine is freed (A2). NULL is fine. */
void sk_api_free(struct sk_api *api);

#endif

/*
 * http.h: the invoker for participants that speak HTTP (step types service and http): libcurl on
 * the runtime's loop, and libevent's client where HTTP is plain: no TLS, no proxy, no HTTP/2
 * (http_evhttp.c). HTTP/2 where TLS offers it, else HTTP/1.1, with kept-alive connections; TLS
 * is always verified; redirects are not followed; the environment's proxies are not used.
 *
 * What is sent with every request: Idempotency-Key, Skald-Saga-Id, Skald-Step-Id,
 * Skald-Operation, Skald-Attempt, Skald-Deadline, Skald-Token, traceparent, User-Agent,
 * Content-Type: application/json with a body. The definition's headers are added; those that
 * Skald or the framing of HTTP owns (Skald-*, Idempotency-Key, Content-Length,
 * Transfer-Encoding, Connection, Expect …) are not taken from it. `${secret:NAME}` is resolved
 * at send time in the target and in header values, in a query percent-encoded.
 *
 * What the configuration says of a service (services.h) is put in when a request is made: its
 * endpoint, headers, time limit, TLS, proxy. With a list of allowed hosts nothing is sent to any
 * other: such an attempt ends `failed` with the code host_not_allowed.
 *
 * What an answer means: http_outcome.h.
 */
#ifndef SK_INVOKE_HTTP_H
#define SK_INVOKE_HTTP_H

#include "base/buf.h"
#include "invoke/invoke.h"
#include "invoke/services.h"
#include "runtime/runtime.h"

struct event_base;

enum {
    SK_HTTP_CONNECTIONS_PER_HOST = 64,
    SK_HTTP_CONNECTIONS_MAX = 1024, /* over all hosts */
    SK_HTTP_CONNECT_TIMEOUT_MS = 5000,
    SK_HTTP_INVOCATIONS_MAX =
        100000,               /* in flight or waiting for a connection; then SKALD_E_LIMIT */
    SK_HTTP_HOSTS_MAX = 1024, /* remembered while nothing is in flight to them */
    SK_HTTP_IDLE_S_MAX = 50   /* an idle connection older than this is not used again */
};

/* Appends the secret's value: true; or false when there is none of that name. On the loop; must not
 * block. */
typedef bool sk_http_secret(void *context, struct sk_str name, struct sk_buf *out);

/* Who speaks to hosts of plain HTTP/1.1. */
enum sk_http_client { SK_HTTP_CLIENT_LIBEVENT, SK_HTTP_CLIENT_LIBCURL };

struct sk_http_options {
    struct sk_runtime *runtime;    /* required; outlives the invoker */
    struct event_base *base;       /* required: the loop of `runtime` */
    uint32_t connections_per_host; /* 0 = SK_HTTP_CONNECTIONS_PER_HOST; more wait in line */
    /* Exchanges at once over all hosts; more wait in line, hosts take turns. So many connections
     * are kept at most, by each of the two clients. 0 = SK_HTTP_CONNECTIONS_MAX */
    uint32_t connections_max;
    int64_t connect_timeout_ms; /* DNS, TCP and TLS; 0 = SK_HTTP_CONNECT_TIMEOUT_MS */
    int64_t idle_timeout_ms;    /* of a kept connection; 0 = SK_HTTP_IDLE_S_MAX */
    size_t answer_size_max;     /* of an answer's body; 0 = SK_PAYLOAD_SIZE_MAX, never more */
    struct sk_tls_options tls;  /* for services that have none of their own */
    const char *proxy;          /* "http://user:password@proxy:3128"; NULL = none */
    const char *no_proxy;       /* hosts called directly: "localhost,.internal"; NULL = none */
    enum sk_http2 http2;
    enum sk_http_client client;
    /* "api.example.com", "*.example.com", "10.0.*", "localhost:8080"; none = every host */
    const char *const *hosts_allowed;
    uint32_t hosts_allowed_count;
    const struct sk_services *services; /* NULL = none; outlives the invoker */
    sk_http_secret *secret;             /* NULL = there are no secrets */
    void *secret_context;
};

/* SKALD_E_ARGUMENT, SKALD_E_MEMORY, SKALD_E_UNSUPPORTED (a libcurl without what is needed). The
 * invoker is freed by its ops; `free` must not be called from inside a `done`. */
enum skald_status sk_http_invoker_new(const struct sk_http_options *options,
                                      struct sk_invoker **out, skald_error *error) SK_MUST_CHECK;
/* For the check of definitions: may the service be called at this endpoint (empty: the action names
 * none)? SKALD_E_INVALID says why not and what to do. */
enum skald_status sk_http_check(const struct sk_invoker *invoker, struct sk_str service,
                                struct sk_str endpoint, skald_error *error) SK_MUST_CHECK;

#endif

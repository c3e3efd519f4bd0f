/*
 * local.h: the second door to the same rooms: a program that holds the engine in itself asks what
 * clients ask over HTTP. A request without a socket goes through the same table of routes to the
 * same handler, and what is answered is the same JSON; so the two can never drift apart.
 *
 *   L1  `done` comes exactly once for each request: with the reply, or from sk_api_free.
 *   L2  It may come from inside sk_api_ask, when the answer needs no engine (a bad request).
 *
 * Everything on the loop's thread.
 */
#ifndef SK_API_LOCAL_H
#define SK_API_LOCAL_H

#include "api/api.h"
#include "api/http_server.h"

/* Borrowed until `done` has come. */
struct sk_local_question {
    enum sk_http_method method;
    struct sk_str path, query; /* percent-encoded; the query without its '?' */
    struct sk_str key;         /* Idempotency-Key; empty = none */
    struct sk_str type;        /* Content-Type; empty = application/json */
    struct sk_str body;
};

/* Borrowed for the `done`. status 0: the API is being taken down, nothing is known. */
struct sk_local_answer {
    int status;
    struct sk_str body;
    bool is_replayed; /* Skald-Replayed: true */
    int64_t retry_after_ms;
};

typedef void sk_local_done(void *context, const struct sk_local_answer *answer);

/* SKALD_E_MEMORY: `done` will not come. */
enum skald_status sk_api_ask(struct sk_api *api, const struct sk_local_question *question,
                             sk_local_done *done, void *context) SK_MUST_CHECK;

/* sk_api_free: tells all who still wait. */
void sk_locals_free(struct sk_api *api);

#endif

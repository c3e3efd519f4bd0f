/* api_private.h: what the files of the API share and nobody else sees. */
#ifndef SK_API_API_PRIVATE_H
#define SK_API_API_PRIVATE_H

#include "api/api.h"
#include "api/exchange.h"

struct sk_name_row;
struct sk_streams;
struct sk_ring;
struct sk_ring_store;

struct sk_api {
    struct sk_api_options options; /* with the defaults put in */
    struct sk_http_server *server; /* NULL: local */
    struct sk_list exchanges;      /* without a reply */
    struct sk_list locals;         /* local.c: those that came from this process */
    struct sk_list visitors;       /* forward.c: those that came from other loops */
    struct sk_list unsent;         /* answers to them, which wait for memory */
    struct sk_runtime_timer *unsent_timer;
    struct sk_name_row *names;  /* names.c */
    struct sk_buf openapi;      /* made when it is asked for first */
    struct sk_streams *streams; /* stream.c */
    struct sk_ring *ring;       /* ring.c: what belongs to no saga */
    struct sk_ring *rte_events; /* rte_events.c; NULL unless compat_rte */
};

static inline struct sk_engine *sk_engine_of(struct sk_exchange *x)
{
    return x->api->options.engine;
}

/*
 * names.c: heads name their definition by digest; people want id and version. What a digest stands
 * for never changes, so it is looked up once.
 */
struct sk_definition_name {
    struct sk_str id, version;  /* empty: the store does not know it */
    const struct sk_str *steps; /* ids by index, once learned; none if the plan cannot be had */
    uint32_t steps_count;
    bool has_steps;
};
/* NULL while it is not known yet. */
const struct sk_definition_name *sk_name_find(const struct sk_api *api,
                                              const struct sk_digest *digest);
/* Makes `digest` known and calls `then`; at once if it is known already. */
void sk_name_learn(struct sk_exchange *x, const struct sk_digest *digest,
                   void (*then)(struct sk_exchange *x));
/* The same, and the ids of its steps. */
void sk_name_learn_steps(struct sk_exchange *x, const struct sk_digest *digest,
                         void (*then)(struct sk_exchange *x));
void sk_names_free(struct sk_api *api);

/* api.c: sagas are served, on all loops. */
bool sk_api_is_ready(const struct sk_api *api);
/* A request is here; it is answered now or later. */
void sk_api_take(struct sk_api *api, struct sk_http_request *request);

/* exchange.c: the end of every exchange. */
void sk_exchange_free(struct sk_exchange *x);

#endif

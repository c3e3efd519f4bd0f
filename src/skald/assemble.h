/*
 * assemble.h: the one place that puts adapters together: a node is a libevent runtime, a store by
 * its URL, the invokers of this build and the engine over them. A new store or invoker is a row in
 * a table of assemble.c. The HTTP server is not part of it: whoever wants one puts it on the loop.
 *
 *   sk_node_new ─► sk_node_open … loop … sk_node_stop ─► sk_node_close ─► sk_node_free
 *
 * With several loops there is an engine for each (engine/group.h), over one store (store/ferry.h).
 * Everything here on the thread that runs the first loop.
 */
#ifndef SK_SKALD_ASSEMBLE_H
#define SK_SKALD_ASSEMBLE_H

#include "base/json.h"
#include "engine/engine.h"
#include "invoke/channel.h"
#include "invoke/http.h"
#include "invoke/limits.h"
#include "invoke/services.h"
#include "runtime/libevent_runtime.h"

struct sk_function_handlers;
struct sk_node;

/* Where sagas are kept unless somebody says more: in a journal, where this build has it. */
#if defined(SK_WITH_JOURNAL) && defined(SK_WITH_SQLITE)
#define SK_NODE_STORE_KIND "journal"
#define SK_NODE_STORE "journal:skald.journal"
#else
#define SK_NODE_STORE_KIND "sqlite"
#define SK_NODE_STORE "sqlite:skald.db"
#endif

struct sk_node_options {
    const char *store_url; /* "sqlite:PATH", "journal:DIR", "memory:"; never NULL */
    const char *name;      /* the shards' owner; NULL = the host's name */
    uint32_t loops; /* engines, each on a loop of its own with a share of the shards; 0 = 1 */
    struct sk_libevent_options runtime;
    const char *secrets_folder;  /* of `${secret:NAME}`; NULL = none; outlives the node */
    struct sk_http_options http; /* defaults where zero; runtime, base, services and secret are set
                                    by the node */
    const struct sk_service_options *services; /* what the configuration says of services; copied */
    uint32_t services_count;
    struct sk_limits limits; /* of services of which nobody says more; a breaker unless OFF */
    uint32_t queue_max;      /* calls waiting, per service: SK_LIMITS_QUEUE_MAX */
    const struct sk_channel *channels; /* how notifications are sent; outlive the node */
    uint32_t channels_count;
    /* Defaults where zero; runtime, store, invokers, node, token_key and the observers are set by
     * the node: every durable event becomes a line of the log. */
    struct sk_engine_options engine;
    /* Observations that belong to no saga ("store.broken"); may be NULL: the log has them. */
    void (*on_notice)(void *context, struct sk_str what, struct sk_str json);
    void *notice_context;
};

/* Opens the store (and makes it, if it is not there) and makes everything else; nothing runs yet.
 * SKALD_E_ARGUMENT and SKALD_E_UNSUPPORTED for a URL that this build cannot open. */
enum skald_status sk_node_new(const struct sk_node_options *options, struct sk_node **out_node,
                              skald_error *error) SK_MUST_CHECK;
/* Starts the loops but the first, opens all engines; `done` on the first loop, once all serve or
 * one cannot. Then sk_node_stop: all engines, as sk_engine_stop. */
void sk_node_open(struct sk_node *node, sk_engine_opened *done, void *context);
void sk_node_stop(struct sk_node *node, int64_t grace_ms, sk_engine_opened *done, void *context);
/* Frees the engine as it stands (sk_engine_free), the invokers and the store: after this no `done`
 * comes any more. The runtime stays, so that what is built on the loop can be taken down. */
void sk_node_close(struct sk_node *node);
/* Closes and frees the runtime too. NULL is fine. */
void sk_node_free(struct sk_node *node);

uint32_t sk_node_loops(const struct sk_node *node);
/* Is this the thread of one of them, but the first? */
bool sk_node_is_on_loop(const struct sk_node *node);
/* Since `done` of sk_node_open and until sk_node_stop; from any loop. */
bool sk_node_is_open(const struct sk_node *node);
/* A function in C, known to all loops: SKALD_OK once the first one knows it, and before any saga
 * can be defined that names it the others do. On the thread that runs the first loop, or before it
 * runs; the context outlives the node's loops. */
enum skald_status sk_node_register(struct sk_node *node, struct sk_str name,
                                   const struct sk_function_handlers *handlers,
                                   skald_error *error) SK_MUST_CHECK;
/* Of the first loop, or of one of them: to be touched there, or before it runs. Valid until
 * sk_node_close. */
struct sk_engine *sk_node_engine(struct sk_node *node);
struct sk_engine *sk_node_engine_at(struct sk_node *node, uint32_t loop);
struct sk_invoker *sk_node_functions_at(struct sk_node *node, uint32_t loop);
/* Valid until sk_node_free. */
struct sk_libevent_runtime *sk_node_runtime(struct sk_node *node);
struct sk_libevent_runtime *sk_node_runtime_at(struct sk_node *node, uint32_t loop);
struct sk_str sk_node_name(const struct sk_node *node);
/* The invoker of in-process functions, for sk_function_register. */
struct sk_invoker *sk_node_functions(struct sk_node *node);

/* Requests at once, rates and circuit breakers of the services called; NULL: this build calls none.
 * Valid until sk_node_close. */
struct sk_limiter *sk_node_limiter(struct sk_node *node);
/* Appends an object: by type of notification how many were sent, failed, wait. */
void sk_node_channels(struct sk_node *node, struct sk_json_writer *w);

/* What is in this build, as "sqlite, memory"; cut at size. */
void sk_node_stores(char *out, size_t size);
void sk_node_invokers(char *out, size_t size);

#endif

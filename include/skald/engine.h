/*
 * engine.h: one engine: opened over a store, closed, and asked anything.
 *
 * Threads. An engine runs on a thread of its own, with some helper threads for functions that
 * block; whoever embeds it gives it no loop and no time. Every function may be called from any
 * thread, unless it says otherwise; those that ask the engine (all that can fill a reply) wait for
 * the answer, which comes when what it tells is durable. They must not be called on the engine's
 * own thread, that is in a non-blocking function or in a callback of skald_request_async: there
 * they answer SKALD_E_STATE at once, and skald_request_async is what to use. No callback is ever
 * made under a lock of the library.
 *
 * Several engines live side by side in a process, each with its own store. The library has no
 * global state, prints nothing unless it is told where, takes no signals and never ends the
 * process but for a broken invariant of its own.
 *
 * Life:  skald_open ─► skald_register … ─► skald_run, or the first operation ─► … ─► skald_close
 */
#ifndef SKALD_ENGINE_H
#define SKALD_ENGINE_H

#include <skald/api.h>
#include <skald/function.h>
#include <skald/reply.h>

#ifdef __cplusplus
extern "C" {
#endif

enum skald_log_level {
    SKALD_LOG_OFF, /* the default */
    SKALD_LOG_ERROR,
    SKALD_LOG_WARN,
    SKALD_LOG_INFO, /* every event of every saga */
    SKALD_LOG_DEBUG
};

typedef struct skald_options {
    size_t size;
    const char *store; /* "sqlite:PATH", "journal:DIR" or "memory:"; NULL = "memory:", or what the
                          configuration says where there is one */
    const char *node;  /* name of the owner of this store's shards; NULL = the host's name */
    enum skald_log_level log_level;
    int log_fd;           /* where JSON lines go; borrowed; 0 = standard error */
    uint32_t helpers_max; /* threads for functions that block, 1 to 64; 0 = 4 */
    uint32_t waiting_max; /* calls that wait for such a thread; 0 = 4096. Beyond it an attempt ends
                             retryable */
    uint32_t sagas_max;   /* with work in flight or due, at once; 0 = 100000 */
    uint32_t pending_max; /* accepted and waiting for their turn; 0 = 100000. Beyond it a start is
                             SKALD_E_AGAIN */
    int64_t grace_ms;     /* skald_close awaits what is in flight so long; 0 = 10 s */
    int64_t sweep_interval_ms; /* of the recovery sweep; 0 = 30 s */
    uint32_t loops; /* threads of the engine, each with a share of the sagas, 1 to 64: as many
                                  as cores that it may use; 0 = 1, or what the configuration says */
    /* Everything else that a server can be told (docs/configuration.md: services, limits, retries,
     * channels …): configuration files, later ones over earlier ones, and then single settings as
     * "limits.history_max=50000". Lists end with NULL. The fields above win; `log.*`, `definitions`
     * and `plugins` are not looked at. */
    const char *const *config_files;
    const char *const *settings;
} skald_options;
SKALD_DEFINE_INIT(skald_options)

/*
 * Opens the store (and makes it, if there is none) and starts the engine's thread (with several
 * loops the others start with skald_run). Sagas of an
 * earlier run do not move yet: they do from skald_run or the first operation on, so that their
 * functions can be registered first. *out_engine is the caller's; skald_close.
 *
 * SKALD_E_ARGUMENT, SKALD_E_UNSUPPORTED: a store that this build cannot open. SKALD_E_BUSY:
 * another process has it. SKALD_E_VERSION: written by a newer version. SKALD_E_IO,
 * SKALD_E_CORRUPT, SKALD_E_FULL, SKALD_E_MEMORY, SKALD_E_AGAIN (threads, descriptors).
 */
SKALD_API enum skald_status skald_open(const skald_options *options, skald_engine **out_engine,
                                       skald_error *error) SKALD_MUST_CHECK;

/*
 * Takes up the sagas of the store: what was in flight when the last process ended is done again
 * under the same key (docs/guarantee.md), and from now on sagas are served. Waits until then. It is
 * called by itself at the first operation; a program that only serves sagas of earlier runs calls
 * it.
 * Again is fine. Fails as the store fails; then the engine is of no use: close it.
 */
SKALD_API enum skald_status skald_run(skald_engine *engine, skald_error *error);

/*
 * Ends it: nothing new starts, what is in flight is awaited for the grace, what was decided becomes
 * durable; then everything is freed. Sagas stay where they are, for the next open. Functions that
 * still run are waited for. Waiting calls of other threads end with SKALD_E_CLOSED and are awaited;
 * new ones must not be made any more. NULL is fine.
 *
 * SKALD_E_STATE: called on a thread of the engine; nothing was closed (on a helper thread, in a
 * function that blocks, it would wait for itself for ever). SKALD_E_AGAIN: closed, but not
 * everything became durable; it was never acknowledged.
 */
SKALD_API enum skald_status skald_close(skald_engine *engine);

typedef struct skald_request_options {
    size_t size;
    const char *idempotency_key; /* 200 bytes at most; NULL = none */
    const char *type;            /* of the body; NULL = "application/json" */
    size_t body_size;            /* 0 = up to its NUL */
} skald_request_options;
SKALD_DEFINE_INIT(skald_request_options)

/*
 * Any operation by its path of the HTTP API (docs/http-api.md): the named functions of saga.h and
 * definition.h are this with the path put together. `method` is "GET", "POST", "PUT", "PATCH" or
 * "DELETE"; `path` may carry a query; `body` is JSON or NULL. Options may be NULL.
 *
 * *out_reply (may be NULL: not wanted) is the caller's, also after a failure: then it is the
 * problem document, with `detail`, `remedy` and, of a definition, `diagnostics`; or NULL.
 *
 * The status is that of the operation: SKALD_E_ARGUMENT, SKALD_E_SYNTAX, SKALD_E_INVALID,
 * SKALD_E_NOT_FOUND, SKALD_E_CONFLICT, SKALD_E_STATE, SKALD_E_TOO_LARGE, SKALD_E_UNSUPPORTED: the
 * same again will not do. SKALD_E_AGAIN, SKALD_E_LIMIT, SKALD_E_FULL, SKALD_E_MEMORY: later.
 * SKALD_E_CLOSED: the engine is closing; whether it happened is not known. The rest: the store.
 */
SKALD_API enum skald_status skald_request(skald_engine *engine, const char *method,
                                          const char *path, const char *body,
                                          const skald_request_options *options,
                                          skald_reply **out_reply, skald_error *error);

/*
 * The same without waiting, also from the engine's own thread. `done` is called once, on the
 * engine's thread, and must return soon; the reply (maybe NULL) is its to free, the error is
 * borrowed. A status other than SKALD_OK from the call itself: `done` will not come. The engine
 * must be running (skald_run): it is not taken up by this call, SKALD_E_STATE.
 */
typedef void skald_request_done(void *user, enum skald_status status, skald_reply *reply,
                                const skald_error *error);
SKALD_API enum skald_status skald_request_async(skald_engine *engine, const char *method,
                                                const char *path, const char *body,
                                                const skald_request_options *options,
                                                skald_request_done *done, void *user,
                                                skald_error *error);

/* Figures of this engine: GET /api/v1/stats. */
SKALD_API enum skald_status skald_stats(skald_engine *engine, skald_reply **out_reply,
                                        skald_error *error);
/* "0.1.0": of the library that runs, which may be newer than the header. Static. */
SKALD_API const char *skald_version(void);

#ifdef __cplusplus
}
#endif
#endif

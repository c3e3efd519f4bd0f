/*
 * library.h: what the files behind the public headers share. The public API is a thin shell: an
 * operation is a question to the table of routes (api/local.h), asked on the engine's thread while
 * the caller waits for it.
 *
 *   library.c             an engine's life
 *   library_settings.c    from its options to what it is made of
 *   library_request.c     questions and who waits for them
 *   library_reply.c       what was answered
 *   library_serve.c       the API over HTTP
 *   library_function.c    step functions
 *   library_subscribe.c   events, each subscription on a thread of its own
 *   library_definition.c, library_saga.c   the named operations
 */
#ifndef SK_SKALD_LIBRARY_H
#define SK_SKALD_LIBRARY_H

#include <skald/skald.h>

#include "api/local.h"
#include "base/json.h"
#include "base/list.h"
#include "skald/doors.h"
#include "skald/plugins.h"
#include "skald/settings.h"

#include <pthread.h>

enum sk_library_state {
    SK_LIBRARY_NEW,
    SK_LIBRARY_OPENING, /* somebody waits in skald_run */
    SK_LIBRARY_RUNNING,
    SK_LIBRARY_FAILED, /* `failure` says why */
    SK_LIBRARY_CLOSING,
    SK_LIBRARY_DOWN /* the loop has ended: nothing is answered any more */
};

struct skald_engine {
    struct sk_settings settings; /* the node points into them */
    struct sk_node *node;
    struct sk_functions functions; /* loop's thread, or no loop runs */
    struct sk_doors *doors;        /* the local ones; first loop's thread only */
    struct sk_doors *served;       /* library_serve.c; the same */
    pthread_t thread;              /* the first loop's */
    int64_t grace_ms;
    enum skald_status stop_status;

    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t changed;
    enum sk_library_state state;
    skald_error failure;
    uint32_t users_count;         /* calls under way, of any thread */
    struct sk_list subscriptions; /* library_subscribe.c */
};

struct sk_runtime *sk_library_runtime(skald_engine *engine);
/* Of the first loop, or of any: where nobody may wait for the engine. */
bool sk_library_is_on_loop(skald_engine *engine);
bool sk_library_is_on_any_loop(skald_engine *engine);
/* Runs fn on the first loop and waits until it has returned. SKALD_E_CLOSED, SKALD_E_MEMORY: it did
 * not run. On the loop itself it runs at once. */
enum skald_status sk_library_do(skald_engine *engine, sk_runtime_fn *fn,
                                void *context) SK_MUST_CHECK;
/* The same on another loop, once the engine runs; not from a loop. */
enum skald_status sk_library_do_at(skald_engine *engine, uint32_t loop, sk_runtime_fn *fn,
                                   void *context) SK_MUST_CHECK;

/* Both under the lock. Enter: takes up the sagas, if nobody has, and counts a call that is under
 * way; waits. Leave: it is over. On failure there is nothing to leave. */
enum skald_status sk_library_enter(skald_engine *engine, skald_error *error) SK_MUST_CHECK;
void sk_library_leave(skald_engine *engine);

/* Copies an option struct, cut or filled up to `size`; `given` NULL = all default. */
enum skald_status sk_options_take(const void *given, size_t size, void *out_options,
                                  skald_error *error) SK_MUST_CHECK;

/* The reply to an answer; NULL: out of memory. */
skald_reply *sk_reply_new(const struct sk_local_answer *answer);
/* The status (and error) of an answer that is no success. */
enum skald_status sk_reply_error(const skald_reply *reply, skald_error *error);

/* One question put together: path with escaped segments, body as members. */
struct sk_ask {
    const char *method;
    struct sk_buf path, body;
    struct sk_json_writer w; /* on the body */
    const char *key, *type;
    bool has_query;
};
void sk_ask_init(struct sk_ask *ask, const char *method, const char *path);
/* "/segment", escaped. */
void sk_ask_segment(struct sk_ask *ask, const char *segment);
/* A query parameter; nothing when the value is NULL. */
void sk_ask_query(struct sk_ask *ask, const char *name, const char *value);
/* Members of the body; nothing when the value is NULL. The first one opens the object. */
void sk_ask_text(struct sk_ask *ask, const char *name, const char *value);
/* Checked here, so that a mistake in it is not one of the whole body. SKALD_E_SYNTAX. */
enum skald_status sk_ask_json(struct sk_ask *ask, const char *name, const char *json,
                              skald_error *error) SK_MUST_CHECK;
void sk_ask_number(struct sk_ask *ask, const char *name, int64_t value);
/* Nothing for 0. */
void sk_ask_duration(struct sk_ask *ask, const char *name, int64_t ms);
/* Asks and waits; releases the ask, whatever comes of it. */
enum skald_status sk_ask_send(struct sk_ask *ask, skald_engine *engine, skald_reply **out_reply,
                              skald_error *error);
/* Releases without asking; returns the status. */
enum skald_status sk_ask_drop(struct sk_ask *ask, enum skald_status status);

/* library_function.c */
struct sk_library_handler {
    struct sk_list node; /* among its owner's */
    skald_function_options options;
};
/* As invokers of functions call it. The handler must live as long as they do. */
struct sk_function_handlers sk_library_handlers_of(struct sk_library_handler *handler);
/* library_serve.c: no new connections; then, once the engine has stopped, the loop ends when what
 * is answered has been written. */
void sk_library_stop_serving(skald_engine *engine);
void sk_library_drain(skald_engine *engine);
/* library_settings.c: the settings, as the options say. */
enum skald_status sk_library_configure(skald_engine *engine, const skald_options *options,
                                       skald_error *error) SK_MUST_CHECK;
/* What all APIs of an engine have in common. */
struct sk_api_options sk_library_api_options(skald_engine *engine);
/* library_subscribe.c: once the loop has ended; what waits is still delivered. */
void sk_library_subscriptions_free(skald_engine *engine);

#endif

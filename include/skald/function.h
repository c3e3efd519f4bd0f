/*
 * function.h: participants that are functions of this program (step type `function`), and what
 * such a function sees and says.
 *
 *     static void reserve(skald_call *call, void *user)
 *     {
 *         const char *sku = skald_input_text(call, "item.sku");
 *         int64_t pieces = 1;
 *         skald_input_integer(call, "item.pieces", &pieces);
 *         if (sku == NULL) skald_fail(call, "no_item", "the order names no item");
 *         else if (take(user, skald_call_key(call), sku, pieces)) skald_succeed(call, "{}");
 *         else skald_fail(call, "sold_out", "none left");
 *     }
 *
 * The rule of every participant holds for functions too (docs/participants.md): they are invoked
 * at least once, and the same step, item, operation and round always comes under the same key. A
 * function that has seen a key does nothing again and says the same (<skald/guard.h> does that for
 * SQLite).
 */
#ifndef SKALD_FUNCTION_H
#define SKALD_FUNCTION_H

#include <skald/api.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skald_engine skald_engine;

/* One invocation; valid until the function returns, on its thread only. */
typedef struct skald_call skald_call;

/*
 * Says exactly one answer (the last one counts) and returns. Without an answer the outcome is
 * unknown: it may have happened. `user` is the pointer given when it was registered. Runs on a
 * helper thread, several calls at once; if declared non-blocking, on the thread of the engine that
 * runs the saga; with several loops (skald_options.loops) that is several threads, too.
 * Never under a lock of the library: all of its functions may be called, but from a non-blocking
 * one only those that do not wait for the engine (see engine.h).
 */
typedef void skald_function(skald_call *call, void *user);

enum skald_operation {
    SKALD_OPERATION_ACTION,
    SKALD_OPERATION_COMPENSATION,
    SKALD_OPERATION_VERIFY, /* did it happen? answer {"happened": true | false | null} */
    SKALD_OPERATION_HOOK,
    SKALD_OPERATION_POLL,
    SKALD_OPERATION_DECISION /* shall it be tried again? `decide` of a retry policy */
};

typedef struct skald_function_options {
    size_t size;
    skald_function *action;       /* NULL = none */
    skald_function *compensation; /* NULL = none */
    skald_function *verify;       /* NULL = none */
    void *user;                   /* outlives the engine */
    bool is_non_blocking;         /* returns within microseconds: runs on the engine's thread; no
                             helper thread is used, and while it runs nothing else does */
} skald_function_options;
SKALD_DEFINE_INIT(skald_function_options)

/*
 * Makes a function known under the name that definitions use (`action.function.handler` or its
 * `name`; `condition.function`; a retry policy's `decide`: docs/definitions.md, "Asking a
 * function"). The compensation is called for `compensation: {type: automatic}` and where a
 * compensation's own action names this function. Any thread; before the first operation, so that
 * sagas of an earlier run find it (engine.h). `action` or `compensation` may be NULL.
 *
 * SKALD_E_ARGUMENT: no name, or no function at all. SKALD_E_CONFLICT: the name is taken.
 * SKALD_E_MEMORY. SKALD_E_CLOSED: the engine is closing.
 */
SKALD_API enum skald_status skald_register(skald_engine *engine, const char *name,
                                           skald_function *action, skald_function *compensation,
                                           void *user, skald_error *error);
/* The same with everything that can be said. */
SKALD_API enum skald_status skald_register_with(skald_engine *engine, const char *name,
                                                const skald_function_options *options,
                                                skald_error *error);

/* ---- what is asked --------------------------------------------------------------------------- */

/* Texts are the call's. */
SKALD_API const char *skald_call_saga(const skald_call *call);
SKALD_API const char *skald_call_step(const skald_call *call);
SKALD_API const char *skald_call_function(const skald_call *call);
SKALD_API enum skald_operation skald_call_operation(const skald_call *call);
/* Idempotency key: "<saga>/<step>[/<item>]/<action|compensation>[/r<round>]". */
SKALD_API const char *skald_call_key(const skald_call *call);
/* To complete a pending answer with; "" when this operation takes none. */
SKALD_API const char *skald_call_token(const skald_call *call);
/* The number of a foreach's item from 0; -1 = not one of many. */
SKALD_API int32_t skald_call_item(const skald_call *call);
/* Attempts count from 1, anew in each round; rounds from 0. */
SKALD_API uint32_t skald_call_attempt(const skald_call *call);
SKALD_API uint32_t skald_call_round(const skald_call *call);
/* Engine time in ms since 1970, after which an action must not begin any more; 0 = none. */
SKALD_API int64_t skald_call_deadline_ms(const skald_call *call);
/* An earlier attempt may have happened. */
SKALD_API bool skald_call_is_maybe(const skald_call *call);

/*
 * Values by path (reply.h says how paths are written; "" is the whole):
 *   input       what the saga was started with
 *   output      of a step that this one depends on, directly or not; a compensation and a verify
 *               also read their own step's. Of any other step there is nothing, for what a
 *               repeated attempt sees must be what the first one saw
 *   parameter   `action.function.parameters`, resolved; of `type: automatic` {input, output}
 *   item        the value of the foreach's item
 * _text: a string, or any other value as JSON; _json: as JSON. Both NULL when there is nothing;
 * the text is the call's. _number and _integer: false, and the number untouched, when there is
 * none.
 */
SKALD_API const char *skald_input_text(skald_call *call, const char *path);
SKALD_API const char *skald_input_json(skald_call *call, const char *path);
SKALD_API bool skald_input_number(skald_call *call, const char *path, double *out_number);
SKALD_API bool skald_input_integer(skald_call *call, const char *path, int64_t *out_number);

SKALD_API const char *skald_output_text(skald_call *call, const char *step, const char *path);
SKALD_API const char *skald_output_json(skald_call *call, const char *step, const char *path);
SKALD_API bool skald_output_number(skald_call *call, const char *step, const char *path,
                                   double *out_number);
SKALD_API bool skald_output_integer(skald_call *call, const char *step, const char *path,
                                    int64_t *out_number);

SKALD_API const char *skald_parameter_text(skald_call *call, const char *path);
SKALD_API const char *skald_parameter_json(skald_call *call, const char *path);
SKALD_API bool skald_parameter_number(skald_call *call, const char *path, double *out_number);
SKALD_API bool skald_parameter_integer(skald_call *call, const char *path, int64_t *out_number);

SKALD_API const char *skald_item_text(skald_call *call, const char *path);
SKALD_API const char *skald_item_json(skald_call *call, const char *path);

/* ---- what is answered ------------------------------------------------------------------------ */

/* All texts are copied; NULL is the empty one. */

/* Done (or undone). `output_json` is JSON, 4 MiB at most; NULL = null. What is no JSON makes the
 * outcome unknown. */
SKALD_API void skald_succeed(skald_call *call, const char *output_json);
/* A clear no: nothing has happened and nothing will, under this key. `code` is what definitions
 * name in retryable_errors. */
SKALD_API void skald_fail(skald_call *call, const char *code, const char *message);
/* Nothing has happened, but may next time. after_ms > 0: not before; 0: the policy's pause. */
SKALD_API void skald_retry(skald_call *call, const char *code, const char *message,
                           int64_t after_ms);
/* It may have happened. */
SKALD_API void skald_unknown(skald_call *call, const char *code, const char *message);
/* Accepted; the answer comes later: keep skald_call_saga, _step and _token, and call
 * skald_complete (saga.h) from any thread or a later process. */
SKALD_API void skald_pending(skald_call *call);

#ifdef __cplusplus
}
#endif
#endif

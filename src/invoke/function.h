/*
 * function.h: the invoker for participants that are C functions of this process (step type
 * function).
 *
 * A function gets one call, reads its request and says one answer before it returns; when it
 * says none the outcome is unknown (no_reply). A blocking one runs on a helper thread, any other
 * on the loop, in a later turn, and must not take long. Nothing here needs libevent: the
 * simulator's runtime will do.
 *
 *   static void reserve(struct sk_function_call *call, void *context)
 *   {
 *       const struct sk_function_request *request = sk_function_request_of(call);
 *       if (take(context, request->key, request->input)) sk_function_succeed(call, SK_STR("{}"));
 *       else sk_function_fail(call, SK_STR("sold_out"), SK_STR("none left"));
 *   }
 */
#ifndef SK_INVOKE_FUNCTION_H
#define SK_INVOKE_FUNCTION_H

#include "invoke/invoke.h"
#include "runtime/runtime.h"

struct sk_function_call;

/* Borrowed for the call. The same step, item, operation and round always has the same key: a
 * function that has seen it does nothing again and says the same. */
struct sk_function_request {
    enum sk_operation operation;
    struct sk_str name, saga_id, step_id, key;
    struct sk_str token;                      /* completes a pending answer through the API */
    struct sk_str input;                      /* the action's parameters; JSON; empty = null */
    struct sk_str saga_input, outputs, value; /* as in sk_invocation */
    int32_t item;                             /* -1 = none */
    uint32_t attempt, round;
    int64_t deadline_ms; /* engine time: after it the action must not begin any more */
    bool is_maybe;
};

typedef void sk_function(struct sk_function_call *call, void *context);

/* One name, three roles; those that do not exist are NULL. */
struct sk_function_handlers {
    sk_function *action;
    sk_function *compensation;
    sk_function *verify; /* answers {"happened": true | false | null, "output": …} */
    void *context; /* outlives the runtime; for blocking ones used by several threads at once */
    bool is_blocking;
};

enum skald_status sk_function_invoker_new(struct sk_runtime *runtime, struct sk_invoker **out,
                                          skald_error *error) SK_MUST_CHECK;
/* On the loop, at any time; the name is copied. SKALD_E_CONFLICT: the name is taken.
 * SKALD_E_ARGUMENT: no name or no handler. Without a `compensation` or `verify` of its own the
 * action of a *different* function is called when a definition names one for that role, never
 * the step's own action again. */
enum skald_status sk_function_register(struct sk_invoker *invoker, struct sk_str name,
                                       const struct sk_function_handlers *handlers,
                                       skald_error *error) SK_MUST_CHECK;
bool sk_function_is_known(const struct sk_invoker *invoker, struct sk_str name);

/* ---- inside a function -------------------------------------------------------------------- */

const struct sk_function_request *sk_function_request_of(const struct sk_function_call *call);
/* All texts are copied. The last answer counts. */
void sk_function_succeed(struct sk_function_call *call, struct sk_str output); /* empty = null */
void sk_function_fail(struct sk_function_call *call, struct sk_str code, struct sk_str message);
/* Nothing happened; 0 = after the pause of the policy. */
void sk_function_retry(struct sk_function_call *call, struct sk_str code, struct sk_str message,
                       int64_t retry_after_ms);
/* It may have happened. */
void sk_function_unknown(struct sk_function_call *call, struct sk_str code, struct sk_str message);
/* The answer comes later, through the API, with the request's token. */
void sk_function_pend(struct sk_function_call *call);

#endif

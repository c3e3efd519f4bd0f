/*
 * library_function.c: see <skald/function.h>: step functions of the embedding program, put in front
 * of the function invoker.
 *
 *   U1  A handler is registered once and lives as long as the engine: the invoker may call it until
 *       the last helper thread has ended.
 *   U2  A skald_call lives on the stack of the thread that runs the function, and only there.
 */
#include "skald/json_path.h"
#include "skald/library.h"

#include "invoke/function.h"

struct skald_call {
    struct sk_function_call *inner;
    const struct sk_function_request *request;
    struct sk_arena arena; /* of the texts that were read */
};

/* ---- calling --------------------------------------------------------------------------------- */

static void run(struct sk_function_call *inner, skald_function *function, void *user)
{
    skald_call call = { .inner = inner, .request = sk_function_request_of(inner) };
    sk_arena_init(&call.arena);
    function(&call, user);
    sk_arena_release(&call.arena);
}

static void run_action(struct sk_function_call *inner, void *context)
{
    const struct sk_library_handler *handler = context;
    run(inner, handler->options.action, handler->options.user);
}

static void run_compensation(struct sk_function_call *inner, void *context)
{
    const struct sk_library_handler *handler = context;
    run(inner, handler->options.compensation, handler->options.user);
}

static void run_verify(struct sk_function_call *inner, void *context)
{
    const struct sk_library_handler *handler = context;
    run(inner, handler->options.verify, handler->options.user);
}

/* ---- registering ----------------------------------------------------------------------------- */

struct sk_function_handlers sk_library_handlers_of(struct sk_library_handler *handler)
{
    const skald_function_options *options = &handler->options;
    return (struct sk_function_handlers){
        .action = options->action != NULL ? run_action : NULL,
        .compensation = options->compensation != NULL ? run_compensation : NULL,
        .verify = options->verify != NULL ? run_verify : NULL,
        .context = handler,
        .is_blocking = !options->is_non_blocking,
    };
}

enum skald_status sk_functions_add(struct sk_functions *functions, const char *name,
                                   const skald_function_options *options, skald_error *error)
{
    struct sk_library_handler *handler = sk_alloc(sizeof *handler);
    if (handler == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    handler->options = *options;
    struct sk_function_handlers handlers = sk_library_handlers_of(handler);
    enum skald_status status = sk_node_register(functions->node, sk_str_of(name), &handlers, error);
    if (status == SKALD_OK) {
        sk_list_push(&functions->handlers, &handler->node);
    } else {
        sk_free(handler);
    }
    return status;
}

struct registration {
    skald_engine *engine;
    const char *name;
    const skald_function_options *options;
    skald_error *error;
    enum skald_status status;
};

static void register_on_loop(void *context)
{
    struct registration *r = context;
    r->status = sk_functions_add(&r->engine->functions, r->name, r->options, r->error);
}

enum skald_status skald_register_with(skald_engine *engine, const char *name,
                                      const skald_function_options *given, skald_error *error)
{
    skald_function_options options;
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    if (status != SKALD_OK) return status;
    struct registration r = { .engine = engine, .name = name, .options = &options, .error = error };
    status = sk_library_do(engine, register_on_loop, &r);
    if (status == SKALD_OK) return r.status;
    return sk_error_set(error, status, "register: %s", skald_status_text(status));
}

enum skald_status skald_register(skald_engine *engine, const char *name, skald_function *action,
                                 skald_function *compensation, void *user, skald_error *error)
{
    skald_function_options options = SKALD_OPTIONS(skald_function_options, .action = action,
                                                   .compensation = compensation, .user = user);
    return skald_register_with(engine, name, &options, error);
}

void sk_handlers_free(struct sk_list *handlers)
{
    while (!sk_list_is_empty(handlers)) {
        struct sk_library_handler *handler =
            sk_container_of(handlers->next, struct sk_library_handler, node);
        sk_list_remove(&handler->node);
        sk_free(handler);
    }
}

/* ---- what is asked --------------------------------------------------------------------------- */

/* Copies of the request's texts end with a NUL (sk_arena_copy). */
static const char *text_of(struct sk_str copied)
{
    return copied.size == 0 ? "" : copied.data;
}

const char *skald_call_saga(const skald_call *call)
{
    return text_of(call->request->saga_id);
}

const char *skald_call_step(const skald_call *call)
{
    return text_of(call->request->step_id);
}

const char *skald_call_function(const skald_call *call)
{
    return text_of(call->request->name);
}

enum skald_operation skald_call_operation(const skald_call *call)
{
    switch (call->request->operation) {
    case SK_OPERATION_ACTION: return SKALD_OPERATION_ACTION;
    case SK_OPERATION_COMPENSATION: return SKALD_OPERATION_COMPENSATION;
    case SK_OPERATION_VERIFY: return SKALD_OPERATION_VERIFY;
    case SK_OPERATION_HOOK: return SKALD_OPERATION_HOOK;
    case SK_OPERATION_POLL: return SKALD_OPERATION_POLL;
    case SK_OPERATION_DECISION: return SKALD_OPERATION_DECISION;
    }
    return SKALD_OPERATION_ACTION;
}

const char *skald_call_key(const skald_call *call)
{
    return text_of(call->request->key);
}

const char *skald_call_token(const skald_call *call)
{
    return text_of(call->request->token);
}

int32_t skald_call_item(const skald_call *call)
{
    return call->request->item;
}

uint32_t skald_call_attempt(const skald_call *call)
{
    return call->request->attempt;
}

uint32_t skald_call_round(const skald_call *call)
{
    return call->request->round;
}

int64_t skald_call_deadline_ms(const skald_call *call)
{
    return call->request->deadline_ms;
}

bool skald_call_is_maybe(const skald_call *call)
{
    return call->request->is_maybe;
}

/* What a call reads: the same readers over each of its documents. */
#define READERS(name, document)                                         \
    const char *skald_##name##_text(skald_call *call, const char *path) \
    {                                                                   \
        return sk_json_text_at(document, path, &call->arena);           \
    }                                                                   \
    const char *skald_##name##_json(skald_call *call, const char *path) \
    {                                                                   \
        return sk_json_value_at(document, path, &call->arena);          \
    }

#define NUMBER_READERS(name, document)                                                   \
    bool skald_##name##_number(skald_call *call, const char *path, double *out_number)   \
    {                                                                                    \
        return sk_json_number_at(document, path, out_number);                            \
    }                                                                                    \
    bool skald_##name##_integer(skald_call *call, const char *path, int64_t *out_number) \
    {                                                                                    \
        return sk_json_integer_at(document, path, out_number);                           \
    }

READERS(input, call->request->saga_input)
NUMBER_READERS(input, call->request->saga_input)
READERS(parameter, call->request->input)
NUMBER_READERS(parameter, call->request->input)
READERS(item, call->request->value)

static struct sk_str output_of(const skald_call *call, const char *step)
{
    struct sk_str outputs = call->request->outputs;
    return outputs.size == 0 ? outputs : sk_json_member(outputs, sk_str_of(step));
}

const char *skald_output_text(skald_call *call, const char *step, const char *path)
{
    return sk_json_text_at(output_of(call, step), path, &call->arena);
}

const char *skald_output_json(skald_call *call, const char *step, const char *path)
{
    return sk_json_value_at(output_of(call, step), path, &call->arena);
}

bool skald_output_number(skald_call *call, const char *step, const char *path, double *out_number)
{
    return sk_json_number_at(output_of(call, step), path, out_number);
}

bool skald_output_integer(skald_call *call, const char *step, const char *path, int64_t *out_number)
{
    return sk_json_integer_at(output_of(call, step), path, out_number);
}

/* ---- what is answered ------------------------------------------------------------------------ */

void skald_succeed(skald_call *call, const char *output_json)
{
    sk_function_succeed(call->inner, sk_str_of(output_json));
}

void skald_fail(skald_call *call, const char *code, const char *message)
{
    sk_function_fail(call->inner, sk_str_of(code), sk_str_of(message));
}

void skald_retry(skald_call *call, const char *code, const char *message, int64_t after_ms)
{
    sk_function_retry(call->inner, sk_str_of(code), sk_str_of(message), after_ms);
}

void skald_unknown(skald_call *call, const char *code, const char *message)
{
    sk_function_unknown(call->inner, sk_str_of(code), sk_str_of(message));
}

void skald_pending(skald_call *call)
{
    sk_function_pend(call->inner);
}

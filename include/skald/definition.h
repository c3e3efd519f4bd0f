/*
 * definition.h: telling the engine what sagas do.
 *
 * What is defined is durable, and (id, version) is bound to one content for ever: the same again is
 * SKALD_OK, another content under the same version SKALD_E_CONFLICT (docs/definitions.md). A step's
 * functions need not be registered yet.
 */
#ifndef SKALD_DEFINITION_H
#define SKALD_DEFINITION_H

#include <skald/api.h>
#include <skald/reply.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skald_engine skald_engine;

/*
 * Defines what a YAML (or JSON) file says; `!include` and `${NAME}` are resolved here. The reply:
 * {id, version, digest, is_new, warnings}. SKALD_E_NOT_FOUND: no such file. SKALD_E_INVALID: the
 * message names the first mistake, the reply's `diagnostics` all of them.
 */
SKALD_API enum skald_status skald_define_file(skald_engine *engine, const char *path,
                                              skald_reply **out_reply, skald_error *error);
/* The same from a text; it includes nothing. `file_name` is for messages; NULL = "text". */
SKALD_API enum skald_status skald_define_text(skald_engine *engine, const char *text,
                                              const char *file_name, skald_reply **out_reply,
                                              skald_error *error);

/* All definitions and versions: {items: […]}. */
SKALD_API enum skald_status skald_list_definitions(skald_engine *engine, skald_reply **out_reply,
                                                   skald_error *error);
/* One with its source; version NULL = the one defined last. SKALD_E_NOT_FOUND. */
SKALD_API enum skald_status skald_get_definition(skald_engine *engine, const char *definition,
                                                 const char *version, skald_reply **out_reply,
                                                 skald_error *error);

/* ---- definitions built in C ------------------------------------------------------------------ */

/*
 * A definition without YAML. What is put together becomes a YAML text (skald_definition_yaml) and
 * is then defined like any other: there is one place that says what is valid, and it is the same
 * one. Fields are those of docs/definitions.md; NULL and zero leave them out. No engine is needed;
 * one thread at a time.
 *
 *     skald_definition *order = skald_definition_new("order", "Order", "1");
 *     skald_definition_add_step(order, "reserve",
 *         &SKALD_OPTIONS(skald_step_options, .function = "stock", .undo = SKALD_UNDO_AUTOMATIC,
 *                        .retry = skald_retry_fixed(3, 500)), &error);
 *     skald_definition_add_step(order, "charge",
 *         &SKALD_OPTIONS(skald_step_options, .function = "card", .undo = SKALD_UNDO_SKIP), &error);
 *     skald_define(engine, order, NULL, &error);
 *     skald_definition_free(order);
 */
typedef struct skald_definition skald_definition;

/* The caller's; skald_definition_free. name NULL = the id, version NULL = drawn from the content.
 * NULL: out of memory. */
SKALD_API skald_definition *skald_definition_new(const char *id, const char *name,
                                                 const char *version);
SKALD_API void skald_definition_free(skald_definition *definition); /* NULL is fine */

/*
 * Retry policies. They count retries: attempts after the first one, so skald_retry_fixed(3, …) is
 * `max_attempts: 4` in YAML, which counts the first. 0 retries is one attempt. A skald_retry_policy
 * that is all zero leaves the policy to the definition (skald_definition_set_retry) or the engine.
 */
enum skald_retry_type {
    SKALD_RETRY_DEFAULT,
    SKALD_RETRY_NONE,
    SKALD_RETRY_FIXED,
    SKALD_RETRY_LINEAR,
    SKALD_RETRY_EXPONENTIAL
};

typedef struct skald_retry_policy {
    enum skald_retry_type type;
    uint32_t retries;
    int64_t initial_ms, increment_ms, max_ms; /* max_ms 0 = no cap */
    double multiplier;                        /* 1 to 10; 0 = 2 */
    const char *const *retryable_errors; /* codes, the last one NULL: only these are tried again */
    const char *const *non_retryable_errors;
    bool has_no_jitter; /* else ±25 % */
    const char *decide; /* a registered function that is asked, instead of the lists, whether an
                           attempt is followed by another: docs/definitions.md, "Asking whether to
                           try again" */
} skald_retry_policy;

SKALD_API skald_retry_policy skald_retry_none(void);
/* delay_ms before each retry. */
SKALD_API skald_retry_policy skald_retry_fixed(uint32_t retries, int64_t delay_ms);
/* initial_ms before the first retry, increment_ms more before each further one, max_ms at most. */
SKALD_API skald_retry_policy skald_retry_linear(uint32_t retries, int64_t initial_ms,
                                                int64_t increment_ms, int64_t max_ms);
/* initial_ms before the first retry, times the multiplier before each further one, max_ms at
 * most. */
SKALD_API skald_retry_policy skald_retry_exponential(uint32_t retries, int64_t initial_ms,
                                                     double multiplier, int64_t max_ms);
/* For every step without its own: `global_retry_policy`. */
SKALD_API void skald_definition_set_retry(skald_definition *definition,
                                          const skald_retry_policy *retry);

/* What of the saga as a whole is not the default. `more_json`: further members of `saga`, an object
 * with the names of the YAML. SKALD_E_ARGUMENT, SKALD_E_SYNTAX. */
typedef struct skald_definition_options {
    size_t size;
    const char *description;
    int64_t timeout_ms;
    bool is_graph;   /* dependencies alone decide; else each step follows the one above it, unless
                         it has dependencies of its own */
    bool is_forward; /* `recovery: forward` */
    const char *output_json; /* template of the saga's result */
    const char *more_json;
} skald_definition_options;
SKALD_DEFINE_INIT(skald_definition_options)

SKALD_API enum skald_status skald_definition_set(skald_definition *definition,
                                                 const skald_definition_options *options,
                                                 skald_error *error);

enum skald_undo {
    SKALD_UNDO_UNSAID,    /* no `compensation`: nothing is undone, with advice */
    SKALD_UNDO_AUTOMATIC, /* the compensation registered with the step's function */
    SKALD_UNDO_FUNCTION,  /* the function named by undo_function */
    SKALD_UNDO_SKIP       /* nothing to undo */
};

typedef struct skald_step_options {
    size_t size;
    const char *name; /* NULL = the id */
    /* What it does: a function of this program … */
    const char *function;
    const char *parameters_json; /* its parameters; strings may be templates */
    /* … or any type of the YAML: `type` and the map of `action`. */
    const char *type;
    const char *action_json;
    const char *const *dependencies; /* ids, the last one NULL. NULL = the step above, unless
                                        is_graph; an empty list = none */
    const char *condition;           /* expression; false = skipped. Or: */
    const char *condition_function;  /* a registered function that answers true or false; it becomes
                                        a step of its own, <id>-condition */
    const char *condition_variables_json; /* its parameters, or named values of the expression */
    skald_retry_policy retry;
    int64_t timeout_ms;      /* of one attempt */
    int64_t step_timeout_ms; /* of all attempts and pauses */
    int64_t pending_timeout_ms;
    enum skald_undo undo;
    const char *undo_function;
    const char *undo_parameters_json;
    int64_t undo_timeout_ms;
    skald_retry_policy undo_retry;
    const char *verify_function; /* asked whether it happened */
    const char *foreach_items;   /* template that yields a list: one run for each item */
    const char *foreach_var;
    uint32_t foreach_parallel;
    bool is_pivot, is_async, is_idempotent, continue_on_error;
    const char *more_json; /* further members of the step, an object with the names of the YAML */
} skald_step_options;
SKALD_DEFINE_INIT(skald_step_options)

/* Adds a step at the end. Texts are copied. SKALD_E_ARGUMENT, SKALD_E_SYNTAX: the step is not there
 * then. What only the whole can show is told by skald_define. */
SKALD_API enum skald_status skald_definition_add_step(skald_definition *definition, const char *id,
                                                      const skald_step_options *options,
                                                      skald_error *error);

/* As YAML: what skald_define defines, and what may be kept in a file. The definition's, until it is
 * changed or freed. NULL: out of memory. */
SKALD_API const char *skald_definition_yaml(skald_definition *definition);

/* skald_define_text of it. The definition stays the caller's, and may go on being built. */
SKALD_API enum skald_status skald_define(skald_engine *engine, skald_definition *definition,
                                         skald_reply **out_reply, skald_error *error);

#ifdef __cplusplus
}
#endif
#endif

/*
 * library_builder.c: see <skald/definition.h>: definitions put together in C.
 *
 * Nothing is checked here but that JSON is JSON and that what is required is there: the rules of
 * definitions are dsl's, and what is built goes there as a text like any other.
 */
#include "skald/json_yaml.h"
#include "skald/library.h"

#include <math.h>
#include <stdio.h>

struct skald_definition {
    struct sk_arena arena;
    struct sk_str id, name, version;
    struct sk_str description, output, more; /* JSON, but the description */
    int64_t timeout_ms;
    bool is_graph, is_forward;
    struct sk_str retry; /* JSON; empty = none */
    struct sk_buf steps; /* JSON objects with commas between */
    struct sk_buf yaml;
};

/* ---- members --------------------------------------------------------------------------------- */

static void put_text(struct sk_json_writer *w, const char *name, const char *value)
{
    if (value == NULL) return;
    sk_json_key(w, name);
    sk_json_put_text(w, value);
}

static void put_str(struct sk_json_writer *w, const char *name, struct sk_str value)
{
    if (value.size == 0) return;
    sk_json_key(w, name);
    sk_json_put_str(w, value);
}

static void put_raw(struct sk_json_writer *w, const char *name, struct sk_str json)
{
    if (json.size == 0) return;
    sk_json_key(w, name);
    sk_json_put_raw(w, json);
}

static void put_true(struct sk_json_writer *w, const char *name, bool value)
{
    if (!value) return;
    sk_json_key(w, name);
    sk_json_put_bool(w, true);
}

static void put_duration(struct sk_json_writer *w, const char *name, int64_t ms)
{
    char text[32];
    if (ms == 0) return;
    (void)snprintf(text, sizeof text, "%lldms", (long long)ms);
    put_text(w, name, text);
}

static void put_list(struct sk_json_writer *w, const char *name, const char *const *texts)
{
    if (texts == NULL) return;
    sk_json_key(w, name);
    sk_json_begin_array(w);
    for (; *texts != NULL; texts++) sk_json_put_text(w, *texts);
    sk_json_end_array(w);
}

/* The members of an object, among those that are being written. */
static void put_members(struct sk_json_writer *w, struct sk_str object)
{
    if (object.size == 0) return;
    struct sk_json_iter it = sk_json_walk(object);
    while (sk_json_next(&it)) {
        struct sk_buf name = { 0 };
        sk_buf_append_char(&name, '"');
        sk_buf_append_str(&name, it.name);
        sk_buf_append_char(&name, '"');
        struct sk_buf plain = { 0 };
        sk_json_unescape(sk_buf_view(&name), &plain);
        sk_json_key_str(w, sk_buf_view(&plain));
        sk_json_put_raw(w, it.value);
        if (name.failed || plain.failed) w->out->failed = true;
        sk_buf_release(&name);
        sk_buf_release(&plain);
    }
}

static enum skald_status check_json(const char *name, const char *json, bool is_object,
                                    skald_error *error)
{
    if (json == NULL) return SKALD_OK;
    enum skald_status status = sk_json_check(sk_str_of(json), error);
    if (status != SKALD_OK) {
        (void)sk_error_wrap(error, "%s", name);
        return status;
    }
    if (!is_object || sk_json_type(sk_str_of(json)) == SK_JSON_OBJECT) return SKALD_OK;
    return sk_error_set(error, SKALD_E_ARGUMENT, "%s: an object is wanted, as in {\"a\": 1}", name);
}

/* ---- retry policies -------------------------------------------------------------------------- */

skald_retry_policy skald_retry_none(void)
{
    return (skald_retry_policy){ .type = SKALD_RETRY_NONE };
}

skald_retry_policy skald_retry_fixed(uint32_t retries, int64_t delay_ms)
{
    return (skald_retry_policy){ .type = SKALD_RETRY_FIXED,
                                 .retries = retries,
                                 .initial_ms = delay_ms };
}

skald_retry_policy skald_retry_linear(uint32_t retries, int64_t initial_ms, int64_t increment_ms,
                                      int64_t max_ms)
{
    return (skald_retry_policy){ .type = SKALD_RETRY_LINEAR,
                                 .retries = retries,
                                 .initial_ms = initial_ms,
                                 .increment_ms = increment_ms,
                                 .max_ms = max_ms };
}

skald_retry_policy skald_retry_exponential(uint32_t retries, int64_t initial_ms, double multiplier,
                                           int64_t max_ms)
{
    return (skald_retry_policy){ .type = SKALD_RETRY_EXPONENTIAL,
                                 .retries = retries,
                                 .initial_ms = initial_ms,
                                 .multiplier = multiplier,
                                 .max_ms = max_ms };
}

static void put_retry(struct sk_json_writer *w, const char *name, const skald_retry_policy *retry)
{
    static const char *const types[] = { NULL, "no_retry", "fixed_delay", "linear_backoff",
                                         "exponential_backoff" };
    if ((int)retry->type <= SKALD_RETRY_DEFAULT || retry->type > SKALD_RETRY_EXPONENTIAL) return;
    sk_json_key(w, name);
    sk_json_begin_object(w);
    put_text(w, "type", types[retry->type]);
    if (retry->type != SKALD_RETRY_NONE) {
        sk_json_key(w, "max_attempts");
        sk_json_put_u64(w, (uint64_t)retry->retries + 1);
        put_duration(w, "initial_delay", retry->initial_ms);
        put_duration(w, "increment", retry->increment_ms);
        put_duration(w, "max_delay", retry->max_ms);
        if (retry->multiplier != 0 && isfinite(retry->multiplier)) {
            sk_json_key(w, "multiplier");
            sk_json_put_double(w, retry->multiplier);
        }
        put_text(w, "jitter", retry->has_no_jitter ? "none" : NULL);
    }
    put_list(w, "retryable_errors", retry->retryable_errors);
    put_list(w, "non_retryable_errors", retry->non_retryable_errors);
    put_text(w, "decide", retry->decide);
    sk_json_end_object(w);
}

void skald_definition_set_retry(skald_definition *definition, const skald_retry_policy *retry)
{
    struct sk_buf json = { 0 };
    struct sk_json_writer w = sk_json_writer_of(&json);
    sk_json_begin_object(&w);
    put_retry(&w, "global_retry_policy", retry);
    sk_json_end_object(&w);
    definition->retry = sk_arena_copy(&definition->arena, sk_buf_view(&json));
    if (json.failed) definition->steps.failed = true;
    sk_buf_release(&json);
}

/* ---- the whole ------------------------------------------------------------------------------- */

skald_definition *skald_definition_new(const char *id, const char *name, const char *version)
{
    skald_definition *definition = sk_alloc(sizeof *definition);
    if (definition == NULL) return NULL;
    struct sk_arena *arena = &definition->arena;
    sk_arena_init(arena);
    definition->id = sk_arena_copy(arena, sk_str_of(id));
    definition->name = sk_arena_copy(arena, sk_str_of(name == NULL ? id : name));
    definition->version = sk_arena_copy(arena, sk_str_of(version));
    if (!arena->failed) return definition;
    skald_definition_free(definition);
    return NULL;
}

void skald_definition_free(skald_definition *definition)
{
    if (definition == NULL) return;
    sk_buf_release(&definition->steps);
    sk_buf_release(&definition->yaml);
    sk_arena_release(&definition->arena);
    sk_free(definition);
}

enum skald_status skald_definition_set(skald_definition *definition,
                                       const skald_definition_options *given, skald_error *error)
{
    skald_definition_options options;
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    if (status == SKALD_OK) status = check_json("output_json", options.output_json, false, error);
    if (status == SKALD_OK) status = check_json("more_json", options.more_json, true, error);
    if (status != SKALD_OK) return status;
    struct sk_arena *arena = &definition->arena;
    definition->description = sk_arena_copy(arena, sk_str_of(options.description));
    definition->output = sk_arena_copy(arena, sk_str_of(options.output_json));
    definition->more = sk_arena_copy(arena, sk_str_of(options.more_json));
    definition->timeout_ms = options.timeout_ms;
    definition->is_graph = options.is_graph;
    definition->is_forward = options.is_forward;
    if (!arena->failed) return SKALD_OK;
    return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
}

static void put_saga(struct sk_json_writer *w, const skald_definition *definition)
{
    sk_json_key(w, "saga");
    sk_json_begin_object(w);
    put_str(w, "id", definition->id);
    put_str(w, "name", definition->name);
    put_str(w, "version", definition->version);
    put_str(w, "description", definition->description);
    put_text(w, "order", definition->is_graph ? NULL : "sequential");
    put_text(w, "recovery", definition->is_forward ? "forward" : NULL);
    put_duration(w, "timeout", definition->timeout_ms);
    put_raw(w, "output", definition->output);
    put_members(w, definition->more);
    sk_json_end_object(w);
}

const char *skald_definition_yaml(skald_definition *definition)
{
    struct sk_buf json = { 0 };
    struct sk_json_writer w = sk_json_writer_of(&json);
    sk_json_begin_object(&w);
    put_saga(&w, definition);
    put_members(&w, definition->retry);
    sk_json_key(&w, "steps");
    sk_buf_append_char(&json, '[');
    sk_buf_append_str(&json, sk_buf_view(&definition->steps));
    sk_buf_append_char(&json, ']');
    sk_json_end_object(&w);
    sk_buf_clear(&definition->yaml);
    bool is_whole = !json.failed && !definition->steps.failed && !definition->arena.failed;
    if (is_whole) sk_json_yaml(sk_buf_view(&json), &definition->yaml);
    sk_buf_release(&json);
    return is_whole && !definition->yaml.failed ? sk_buf_text(&definition->yaml) : NULL;
}

enum skald_status skald_define(skald_engine *engine, skald_definition *definition,
                               skald_reply **out_reply, skald_error *error)
{
    const char *yaml = skald_definition_yaml(definition);
    if (out_reply != NULL) *out_reply = NULL;
    if (yaml == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    return skald_define_text(engine, yaml, "skald_definition", out_reply, error);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void put_function(struct sk_json_writer *w, const char *name, const char *function,
                         const char *parameters_json)
{
    sk_json_key(w, name);
    sk_json_begin_object(w);
    sk_json_key(w, "function");
    sk_json_begin_object(w);
    put_text(w, "name", function);
    put_raw(w, "parameters", sk_str_of(parameters_json));
    sk_json_end_object(w);
    sk_json_end_object(w);
}

static void put_action(struct sk_json_writer *w, const skald_step_options *step)
{
    if (step->function != NULL) {
        put_function(w, "action", step->function, step->parameters_json);
    } else {
        put_raw(w, "action", sk_str_of(step->action_json));
    }
}

static void put_what(struct sk_json_writer *w, const skald_step_options *step)
{
    put_text(w, "type", step->function != NULL ? "function" : step->type);
    if (step->foreach_items == NULL) {
        put_action(w, step);
        return;
    }
    sk_json_key(w, "foreach");
    sk_json_begin_object(w);
    put_text(w, "items", step->foreach_items);
    put_text(w, "var", step->foreach_var);
    if (step->foreach_parallel > 0) {
        sk_json_key(w, "parallel");
        sk_json_put_u64(w, step->foreach_parallel);
    }
    put_action(w, step);
    sk_json_end_object(w);
}

static void put_undo(struct sk_json_writer *w, const skald_step_options *step)
{
    static const char *const types[] = { NULL, "automatic", "custom", "skip" };
    if (step->undo == SKALD_UNDO_UNSAID) return;
    sk_json_key(w, "compensation");
    sk_json_begin_object(w);
    put_text(w, "type", types[step->undo]);
    if (step->undo == SKALD_UNDO_FUNCTION) {
        put_function(w, "action", step->undo_function, step->undo_parameters_json);
    }
    put_duration(w, "timeout", step->undo_timeout_ms);
    put_retry(w, "retry_policy", &step->undo_retry);
    sk_json_end_object(w);
}

static void put_step(struct sk_json_writer *w, const char *id, const skald_step_options *step)
{
    sk_json_begin_object(w);
    put_text(w, "id", id);
    put_text(w, "name", step->name == NULL ? id : step->name);
    put_what(w, step);
    put_list(w, "dependencies", step->dependencies);
    if (step->condition != NULL || step->condition_function != NULL) {
        sk_json_key(w, "condition");
        sk_json_begin_object(w);
        put_text(w, "expression", step->condition);
        put_text(w, "function", step->condition_function);
        put_raw(w, "variables", sk_str_of(step->condition_variables_json));
        sk_json_end_object(w);
    }
    put_retry(w, "retry_policy", &step->retry);
    put_duration(w, "timeout", step->timeout_ms);
    put_duration(w, "step_timeout", step->step_timeout_ms);
    put_duration(w, "pending_timeout", step->pending_timeout_ms);
    put_undo(w, step);
    if (step->verify_function != NULL) put_function(w, "verify", step->verify_function, NULL);
    put_true(w, "pivot", step->is_pivot);
    put_true(w, "async", step->is_async);
    put_true(w, "idempotent", step->is_idempotent);
    put_true(w, "continue_on_error", step->continue_on_error);
    put_members(w, sk_str_of(step->more_json));
    sk_json_end_object(w);
}

static enum skald_status check_step(const char *id, const skald_step_options *step,
                                    skald_error *error)
{
    if (id == NULL || id[0] == 0) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "the step's id is missing");
    }
    if ((step->function == NULL) == (step->type == NULL)) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "step %s: name a function or a type%s", id,
                            step->type == NULL ? "" : ", not both");
    }
    bool has_undo = step->undo == SKALD_UNDO_FUNCTION;
    if ((int)step->undo < SKALD_UNDO_UNSAID || step->undo > SKALD_UNDO_SKIP ||
        has_undo != (step->undo_function != NULL)) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "step %s: undo_function goes with undo = SKALD_UNDO_FUNCTION", id);
    }
    const struct {
        const char *name, *json;
    } objects[] = { { "parameters_json", step->parameters_json },
                    { "action_json", step->action_json },
                    { "undo_parameters_json", step->undo_parameters_json },
                    { "condition_variables_json", step->condition_variables_json },
                    { "more_json", step->more_json } };
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        enum skald_status status = check_json(objects[i].name, objects[i].json, true, error);
        if (status == SKALD_OK) continue;
        (void)sk_error_wrap(error, "step %s", id);
        return status;
    }
    return SKALD_OK;
}

enum skald_status skald_definition_add_step(skald_definition *definition, const char *id,
                                            const skald_step_options *given, skald_error *error)
{
    skald_step_options step;
    enum skald_status status = sk_options_take(given, sizeof step, &step, error);
    if (status == SKALD_OK) status = check_step(id, &step, error);
    if (status != SKALD_OK) return status;
    struct sk_buf json = { 0 };
    struct sk_json_writer w = sk_json_writer_of(&json);
    put_step(&w, id, &step);
    if (definition->steps.size > 0) sk_buf_append_char(&definition->steps, ',');
    sk_buf_append_str(&definition->steps, sk_buf_view(&json));
    if (json.failed) definition->steps.failed = true;
    sk_buf_release(&json);
    if (!definition->steps.failed) return SKALD_OK;
    return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
}

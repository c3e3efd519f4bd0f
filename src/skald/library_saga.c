/* library_saga.c: see <skald/saga.h>: each operation as a question to the table of routes. */
#include "skald/library.h"

#include <stdio.h>

#define SAGAS "/api/v1/sagas"

static void clear(skald_reply **out_reply)
{
    if (out_reply != NULL) *out_reply = NULL;
}

static enum skald_status require(const char *value, const char *what, skald_error *error)
{
    if (value != NULL && value[0] != 0) return SKALD_OK;
    return sk_error_set(error, SKALD_E_ARGUMENT, "%s is missing", what);
}

/* "/api/v1/sagas/{saga}[/tail]" */
static enum skald_status ask_saga(struct sk_ask *ask, const char *method, const char *saga,
                                  const char *tail, skald_error *error)
{
    enum skald_status status = require(saga, "the saga's id", error);
    if (status != SKALD_OK) return status;
    sk_ask_init(ask, method, SAGAS);
    sk_ask_segment(ask, saga);
    if (tail != NULL) sk_ask_segment(ask, tail);
    return SKALD_OK;
}

/* ---- start ----------------------------------------------------------------------------------- */

static enum skald_status put_start(struct sk_ask *ask, const skald_start_options *options,
                                   const char *input_json, skald_error *error)
{
    const struct {
        const char *name, *json;
    } values[] = {
        { "input", input_json },
        { "context", options->context_json },
        { "attributes", options->attributes_json },
        { "tags", options->tags_json },
        { "lock_keys", options->lock_keys_json },
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        enum skald_status status = sk_ask_json(ask, values[i].name, values[i].json, error);
        if (status != SKALD_OK) return status;
    }
    sk_ask_text(ask, "version", options->version);
    sk_ask_text(ask, "id", options->id);
    sk_ask_text(ask, "business_key", options->business_key);
    sk_ask_text(ask, "namespace", options->space);
    if (options->max_attempts > 0) sk_ask_number(ask, "max_attempts", options->max_attempts);
    if (options->priority != 0) sk_ask_number(ask, "priority", options->priority);
    sk_ask_duration(ask, "timeout", options->timeout_ms);
    ask->key = options->idempotency_key;
    return SKALD_OK;
}

enum skald_status skald_start(skald_engine *engine, const char *definition, const char *input_json,
                              const skald_start_options *given, skald_reply **out_reply,
                              skald_error *error)
{
    skald_start_options options;
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    if (status == SKALD_OK) status = require(definition, "the definition's id", error);
    if (status != SKALD_OK) return status;
    sk_ask_init(&ask, "POST", SAGAS);
    sk_ask_text(&ask, "definition", definition);
    status = put_start(&ask, &options, input_json, error);
    if (status != SKALD_OK) return sk_ask_drop(&ask, status);
    return sk_ask_send(&ask, engine, out_reply, error);
}

/* ---- look ------------------------------------------------------------------------------------ */

enum skald_status skald_wait(skald_engine *engine, const char *saga, int64_t timeout_ms,
                             skald_reply **out_reply, skald_error *error)
{
    struct sk_ask ask;
    char text[32];
    clear(out_reply);
    if (timeout_ms <= 0) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "timeout_ms is %lld; skald_get does not wait",
                            (long long)timeout_ms);
    }
    enum skald_status status = ask_saga(&ask, "GET", saga, NULL, error);
    if (status != SKALD_OK) return status;
    (void)snprintf(text, sizeof text, "%lldms", (long long)timeout_ms);
    sk_ask_query(&ask, "wait", text);
    return sk_ask_send(&ask, engine, out_reply, error);
}

static void query_number(struct sk_ask *ask, const char *name, uint64_t value)
{
    char text[32];
    if (value == 0) return;
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    sk_ask_query(ask, name, text);
}

enum skald_status skald_events(skald_engine *engine, const char *saga, uint64_t after,
                               uint32_t limit, skald_reply **out_reply, skald_error *error)
{
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = ask_saga(&ask, "GET", saga, "events", error);
    if (status != SKALD_OK) return status;
    query_number(&ask, "after", after);
    query_number(&ask, "limit", limit);
    return sk_ask_send(&ask, engine, out_reply, error);
}

enum skald_status skald_list(skald_engine *engine, const skald_list_options *given,
                             skald_reply **out_reply, skald_error *error)
{
    skald_list_options options;
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    if (status != SKALD_OK) return status;
    sk_ask_init(&ask, "GET", SAGAS);
    if (options.query != NULL && options.query[0] != 0) {
        sk_buf_append_char(&ask.path, '?');
        sk_buf_append_text(&ask.path, options.query);
        ask.has_query = true;
    }
    sk_ask_query(&ask, "state", options.state);
    sk_ask_query(&ask, "definition", options.definition);
    sk_ask_query(&ask, "business_key", options.business_key);
    sk_ask_query(&ask, "namespace", options.space);
    sk_ask_query(&ask, "parent", options.parent);
    sk_ask_query(&ask, "cursor", options.cursor);
    query_number(&ask, "limit", options.limit);
    return sk_ask_send(&ask, engine, out_reply, error);
}

static enum skald_status ask_plain(skald_engine *engine, const char *method, const char *saga,
                                   const char *tail, skald_reply **out_reply, skald_error *error)
{
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = ask_saga(&ask, method, saga, tail, error);
    return status == SKALD_OK ? sk_ask_send(&ask, engine, out_reply, error) : status;
}

enum skald_status skald_get(skald_engine *engine, const char *saga, skald_reply **out_reply,
                            skald_error *error)
{
    return ask_plain(engine, "GET", saga, NULL, out_reply, error);
}

enum skald_status skald_steps(skald_engine *engine, const char *saga, skald_reply **out_reply,
                              skald_error *error)
{
    return ask_plain(engine, "GET", saga, "steps", out_reply, error);
}

enum skald_status skald_explain(skald_engine *engine, const char *saga, skald_reply **out_reply,
                                skald_error *error)
{
    return ask_plain(engine, "GET", saga, "explain", out_reply, error);
}

enum skald_status skald_export(skald_engine *engine, const char *saga, skald_reply **out_reply,
                               skald_error *error)
{
    return ask_plain(engine, "GET", saga, "export", out_reply, error);
}

enum skald_status skald_delete(skald_engine *engine, const char *saga, skald_reply **out_reply,
                               skald_error *error)
{
    return ask_plain(engine, "DELETE", saga, NULL, out_reply, error);
}

enum skald_status skald_preview_cancel(skald_engine *engine, const char *saga, bool is_forced,
                                       bool past_pivot, skald_reply **out_reply, skald_error *error)
{
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = ask_saga(&ask, "GET", saga, "cancel", error);
    if (status != SKALD_OK) return status;
    sk_ask_segment(&ask, "preview");
    sk_ask_query(&ask, "force", is_forced ? "true" : NULL);
    sk_ask_query(&ask, "past_pivot", past_pivot ? "true" : NULL);
    return sk_ask_send(&ask, engine, out_reply, error);
}

enum skald_status skald_import(skald_engine *engine, const char *export_json, const char *by,
                               skald_reply **out_reply, skald_error *error)
{
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = require(export_json, "the export", error);
    if (status != SKALD_OK) return status;
    sk_ask_init(&ask, "POST", SAGAS "/import");
    sk_ask_query(&ask, "by", by);
    sk_buf_append_text(&ask.body, export_json);
    return sk_ask_send(&ask, engine, out_reply, error);
}

/* ---- commands -------------------------------------------------------------------------------- */

static enum skald_status put_command(struct sk_ask *ask, const skald_command_options *options,
                                     skald_error *error)
{
    sk_ask_text(ask, "by", options->by);
    sk_ask_text(ask, "reason", options->reason);
    sk_ask_text(ask, "step", options->step);
    if (options->item_plus_one > 0) sk_ask_number(ask, "item", options->item_plus_one - 1);
    enum skald_status status = sk_ask_json(ask, "input", options->input_json, error);
    if (status == SKALD_OK) status = sk_ask_json(ask, "output", options->output_json, error);
    if (status == SKALD_OK && options->past_pivot) {
        status = sk_ask_json(ask, "past_pivot", "true", error);
    }
    ask->key = options->command_id;
    return status;
}

static enum skald_status command(skald_engine *engine, const char *saga, const char *name,
                                 const skald_command_options *given, skald_reply **out_reply,
                                 skald_error *error)
{
    skald_command_options options;
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = sk_options_take(given, sizeof options, &options, error);
    if (status == SKALD_OK) status = ask_saga(&ask, "POST", saga, name, error);
    if (status != SKALD_OK) return status;
    status = put_command(&ask, &options, error);
    if (status != SKALD_OK) return sk_ask_drop(&ask, status);
    return sk_ask_send(&ask, engine, out_reply, error);
}

#define COMMAND(function, name)                                                               \
    enum skald_status function(skald_engine *engine, const char *saga,                        \
                               const skald_command_options *options, skald_reply **out_reply, \
                               skald_error *error)                                            \
    {                                                                                         \
        return command(engine, saga, name, options, out_reply, error);                        \
    }

COMMAND(skald_cancel, "cancel")
COMMAND(skald_force_cancel, "force-cancel")
COMMAND(skald_force_complete, "force-complete")
COMMAND(skald_retry_saga, "retry")
COMMAND(skald_skip_step, "skip-step")
COMMAND(skald_suspend, "suspend")
COMMAND(skald_resume, "resume")

/* ---- signals and pending answers ------------------------------------------------------------- */

enum skald_status skald_signal(skald_engine *engine, const char *saga, const char *name,
                               const char *id, const char *data_json, skald_reply **out_reply,
                               skald_error *error)
{
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = ask_saga(&ask, "POST", saga, "signals", error);
    if (status != SKALD_OK) return status;
    sk_ask_text(&ask, "name", name);
    sk_ask_text(&ask, "id", id);
    status = sk_ask_json(&ask, "data", data_json, error);
    if (status != SKALD_OK) return sk_ask_drop(&ask, status);
    return sk_ask_send(&ask, engine, out_reply, error);
}

static enum skald_status ask_complete(struct sk_ask *ask, const char *saga, const char *step,
                                      const char *token, const char *outcome, skald_error *error)
{
    enum skald_status status = require(step, "the step's id", error);
    if (status == SKALD_OK) status = require(token, "the token", error);
    if (status == SKALD_OK) status = ask_saga(ask, "POST", saga, "steps", error);
    if (status != SKALD_OK) return status;
    sk_ask_segment(ask, step);
    sk_ask_segment(ask, "complete");
    sk_ask_text(ask, "token", token);
    sk_ask_text(ask, "outcome", outcome);
    return SKALD_OK;
}

enum skald_status skald_complete(skald_engine *engine, const char *saga, const char *step,
                                 const char *token, const char *output_json,
                                 skald_reply **out_reply, skald_error *error)
{
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = ask_complete(&ask, saga, step, token, "succeeded", error);
    if (status != SKALD_OK) return status;
    status = sk_ask_json(&ask, "output", output_json, error);
    if (status != SKALD_OK) return sk_ask_drop(&ask, status);
    return sk_ask_send(&ask, engine, out_reply, error);
}

enum skald_status skald_complete_failed(skald_engine *engine, const char *saga, const char *step,
                                        const char *token, const char *code, const char *message,
                                        skald_reply **out_reply, skald_error *error)
{
    struct sk_ask ask;
    clear(out_reply);
    enum skald_status status = ask_complete(&ask, saga, step, token, "failed", error);
    if (status != SKALD_OK) return status;
    struct sk_buf fault = { 0 };
    struct sk_json_writer w = sk_json_writer_of(&fault);
    sk_json_begin_object(&w);
    sk_json_key(&w, "code");
    sk_json_put_text(&w, code == NULL ? "failed" : code);
    sk_json_key(&w, "message");
    sk_json_put_text(&w, message == NULL ? "" : message);
    sk_json_end_object(&w);
    status = sk_ask_json(&ask, "error", sk_buf_text(&fault), error);
    if (fault.failed) status = sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    sk_buf_release(&fault);
    if (status != SKALD_OK) return sk_ask_drop(&ask, status);
    return sk_ask_send(&ask, engine, out_reply, error);
}

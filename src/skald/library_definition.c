/* library_definition.c: see <skald/definition.h>. */
#include "skald/library.h"

#include "api/problem.h"

#include "skald/definition_file.h"

#define DEFINITIONS "/api/v1/definitions"

static void clear(skald_reply **out_reply)
{
    if (out_reply != NULL) *out_reply = NULL;
}

static enum skald_status define(skald_engine *engine, struct sk_str source, const char *type,
                                const char *file_name, skald_reply **out_reply, skald_error *error)
{
    struct sk_ask ask;
    sk_ask_init(&ask, "POST", DEFINITIONS);
    sk_ask_query(&ask, "file", file_name);
    ask.type = type;
    sk_buf_append_str(&ask.body, source);
    return sk_ask_send(&ask, engine, out_reply, error);
}

enum skald_status skald_define_text(skald_engine *engine, const char *text, const char *file_name,
                                    skald_reply **out_reply, skald_error *error)
{
    clear(out_reply);
    if (text == NULL) return sk_error_set(error, SKALD_E_ARGUMENT, "the definition is missing");
    return define(engine, sk_str_of(text), "application/yaml",
                  file_name == NULL ? "text" : file_name, out_reply, error);
}

/* What is wrong with the file, as the API would say it: the mistakes have the file's lines. */
static enum skald_status refuse(const struct sk_diagnostics *diagnostics, skald_reply **out_reply,
                                skald_error *error)
{
    struct sk_problem problem = sk_problem_of(SKALD_E_INVALID, error);
    struct sk_buf body = { 0 }, text = { 0 };
    problem.diagnostics = diagnostics;
    sk_diagnostics_print(diagnostics, &text);
    struct sk_str all = sk_buf_view(&text);
    problem.detail = sk_str_sub(all, 0, sk_str_find(all, '\n'));
    sk_problem_write(&problem, &body);
    struct sk_local_answer answer = { .status = problem.status, .body = sk_buf_view(&body) };
    skald_reply *reply = body.failed || text.failed ? NULL : sk_reply_new(&answer);
    sk_buf_release(&body);
    sk_buf_release(&text);
    if (reply == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    enum skald_status status = sk_reply_error(reply, error);
    if (out_reply != NULL) {
        *out_reply = reply;
    } else {
        skald_reply_free(reply);
    }
    return status;
}

enum skald_status skald_define_file(skald_engine *engine, const char *path, skald_reply **out_reply,
                                    skald_error *error)
{
    clear(out_reply);
    if (path == NULL) return sk_error_set(error, SKALD_E_ARGUMENT, "the path is missing");
    struct sk_diagnostics diagnostics;
    struct sk_buf json = { 0 };
    skald_error fault = { .status = SKALD_OK };
    sk_diagnostics_init(&diagnostics);
    enum skald_status status =
        sk_definition_file_read(path, NULL, &json, NULL, &diagnostics, &fault);
    if (status == SKALD_OK) {
        status = define(engine, sk_buf_view(&json), "application/json", path, out_reply, error);
    } else if (diagnostics.errors_count > 0) {
        if (error != NULL) *error = fault;
        status = refuse(&diagnostics, out_reply, error);
    } else if (error != NULL) {
        *error = fault;
    }
    sk_buf_release(&json);
    sk_diagnostics_release(&diagnostics);
    return status;
}

enum skald_status skald_list_definitions(skald_engine *engine, skald_reply **out_reply,
                                         skald_error *error)
{
    struct sk_ask ask;
    sk_ask_init(&ask, "GET", DEFINITIONS);
    return sk_ask_send(&ask, engine, out_reply, error);
}

enum skald_status skald_get_definition(skald_engine *engine, const char *definition,
                                       const char *version, skald_reply **out_reply,
                                       skald_error *error)
{
    struct sk_ask ask;
    clear(out_reply);
    if (definition == NULL || definition[0] == 0) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "the definition's id is missing");
    }
    sk_ask_init(&ask, "GET", DEFINITIONS);
    sk_ask_segment(&ask, definition);
    sk_ask_query(&ask, "version", version);
    return sk_ask_send(&ask, engine, out_reply, error);
}

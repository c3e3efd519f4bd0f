/* transfer.c: one saga as a file: out of this server, and into it. */
#include "api/routes.h"

#include "api/shapes.h"

/* ---- export ---------------------------------------------------------------------------------- */

static void on_export(void *context, enum skald_status status, struct sk_str text,
                      const skald_error *error)
{
    struct sk_exchange *x = context;
    if (status != SKALD_OK) {
        struct sk_problem problem = sk_problem_of(status, error);
        if (status == SKALD_E_NOT_FOUND) problem.remedy = SK_STR("GET /api/v1/sagas lists them");
        sk_exchange_problem(x, &problem);
        return;
    }
    (void)sk_exchange_writer(x);
    sk_buf_append_str(&x->out, text);
    sk_exchange_reply(x, 200);
}

void sk_handle_export(struct sk_exchange *x)
{
    sk_engine_export(sk_engine_of(x), x->params[0], on_export, x);
}

/* ---- import ---------------------------------------------------------------------------------- */

struct import {
    struct sk_str by;
};

const struct sk_input sk_import_query[] = {
    { "by", SK_INPUT_TEXT, offsetof(struct import, by),
      "who asks; kept in the history of a saga that arrives suspended", 0, 0, 200, false },
    { 0 },
};

static const char *remedy_of(enum skald_status status)
{
    if (status == SKALD_E_CONFLICT)
        return "look at what is here: GET /api/v1/sagas/{id}, GET /api/v1/definitions/{id}; "
               "nothing is overwritten";
    if (status == SKALD_E_INVALID) return "do as the detail says; nothing was stored";
    if (status == SKALD_E_STATE) return "let it end in the store where it is; nothing was stored";
    return NULL;
}

static void on_import(void *context, const struct sk_reply *reply)
{
    struct sk_exchange *x = context;
    if (reply->status != SKALD_OK) {
        struct sk_problem problem = sk_problem_of(reply->status, reply->error);
        const char *remedy = remedy_of(reply->status);
        if (remedy != NULL) problem.remedy = sk_str_of(remedy);
        if (reply->status == SKALD_E_INVALID) {
            problem.slug = "invalid-export";
            problem.title = "the file is no sound export of a saga";
        }
        problem.retry_after_ms = reply->retry_after_ms;
        sk_exchange_problem(x, &problem);
        return;
    }
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_shape_saga(&w, reply->saga);
    sk_exchange_reply(x, 201);
}

void sk_handle_import(struct sk_exchange *x)
{
    static const char *const types[] = { "application/json", NULL };
    struct import import = { .by = SK_STR("import") };
    if (!sk_inputs_read_query(x, sk_import_query, &import)) return;
    if (x->view.body.size == 0) {
        sk_exchange_refuse(x, "send what GET /api/v1/sagas/{id}/export answered",
                           "there is no body");
        return;
    }
    if (!sk_inputs_check_type(x, types)) return;
    sk_engine_import(sk_engine_of(x), x->view.body, import.by, on_import, x);
}

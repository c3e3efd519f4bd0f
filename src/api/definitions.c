/* definitions.c: define, and look at what is defined. */
#include "api/routes.h"

#include "api/shapes.h"

enum { DEFINITIONS_MAX = 1000 };

/* ---- define ---------------------------------------------------------------------------------- */

struct define {
    struct sk_str file;
};

const struct sk_input sk_define_query[] = {
    { "file", SK_INPUT_TEXT, offsetof(struct define, file), "name of the file, for messages", 0, 0,
      0, false },
    { 0 },
};

static void reply_defined(struct sk_exchange *x, const struct sk_define_reply *reply)
{
    struct sk_buf warnings = { 0 };
    char digest[2 * SK_DIGEST_SIZE + 1];
    sk_digest_hex(&reply->digest, SK_DIGEST_SIZE, digest);
    sk_diagnostics_json(reply->diagnostics, &warnings);
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_shape_text(&w, "id", reply->id);
    sk_shape_text(&w, "version", reply->version);
    sk_json_key(&w, "digest");
    sk_json_put_text(&w, digest);
    sk_shape_flag(&w, "is_new", reply->is_new);
    sk_shape_raw(&w, "warnings", sk_buf_view(&warnings));
    sk_json_end_object(&w);
    if (warnings.failed) x->out.failed = true;
    sk_buf_release(&warnings);
    char *path = sk_arena_alloc(&x->arena, reply->id.size + sizeof "/api/v1/definitions/");
    if (path != NULL) {
        memcpy(path, "/api/v1/definitions/", sizeof "/api/v1/definitions/" - 1);
        memcpy(path + sizeof "/api/v1/definitions/" - 1, reply->id.data, reply->id.size);
        sk_http_reply_header(x->http, "Location", path);
    }
    sk_exchange_reply(x, reply->is_new ? 201 : 200);
}

/* "2 mistakes; the first: order.yaml:12:7: steps[0].timeout: …" */
static struct sk_str summary_of(struct sk_exchange *x, const struct sk_diagnostics *diagnostics)
{
    const struct sk_diagnostic *first = NULL;
    for (uint32_t i = 0; i < diagnostics->count && first == NULL; i++) {
        const struct sk_diagnostic *item = &diagnostics->items[i];
        if (item->severity == SK_SEVERITY_ERROR) first = item;
    }
    if (first == NULL) return (struct sk_str){ 0 };
    struct sk_buf text = { 0 };
    sk_buf_append_u64(&text, diagnostics->errors_count);
    sk_buf_append_text(&text,
                       diagnostics->errors_count == 1 ? " mistake: " : " mistakes; the first: ");
    sk_buf_append_str(&text, first->file);
    sk_buf_printf(&text, ":%u:%u: ", (unsigned)first->line, (unsigned)first->column);
    sk_buf_append_str(&text, first->path);
    if (first->path.size > 0) sk_buf_append_text(&text, ": ");
    sk_buf_append_str(&text, first->message);
    struct sk_str summary = sk_arena_copy(&x->arena, sk_buf_view(&text));
    sk_buf_release(&text);
    return summary;
}

static void on_defined(void *context, const struct sk_define_reply *reply)
{
    struct sk_exchange *x = context;
    if (reply->status == SKALD_OK) {
        reply_defined(x, reply);
        return;
    }
    struct sk_problem problem = sk_problem_of(reply->status, reply->error);
    if (reply->diagnostics != NULL && reply->diagnostics->count > 0) {
        problem.diagnostics = reply->diagnostics;
        struct sk_str summary = summary_of(x, reply->diagnostics);
        if (summary.size > 0) problem.detail = summary;
    }
    sk_exchange_problem(x, &problem);
}

void sk_handle_define(struct sk_exchange *x)
{
    static const char *const types[] = { "application/yaml", "application/x-yaml", "text/yaml",
                                         "text/x-yaml",      "application/json",   NULL };
    struct define define = { 0 };
    if (!sk_inputs_read_query(x, sk_define_query, &define)) return;
    if (x->view.body.size == 0) {
        sk_exchange_refuse(x, "send the definition, as YAML or JSON, as the body",
                           "there is no body");
        return;
    }
    if (!sk_inputs_check_type(x, types)) return;
    sk_engine_define(sk_engine_of(x), x->view.body, define.file, on_defined, x);
}

/* ---- lists ----------------------------------------------------------------------------------- */

struct list {
    struct sk_str cursor;
    int64_t limit;
};

const struct sk_input sk_definitions_query[] = {
    { "limit", SK_INPUT_NUMBER, offsetof(struct list, limit), "how many at most", 1,
      DEFINITIONS_MAX, 0, false },
    { "cursor", SK_INPUT_TEXT, offsetof(struct list, cursor), "`next` of the page before", 0, 0, 0,
      false },
    { 0 },
};

/* "<id>/<version>" of the last row seen: an id holds no slash. */
static void put_next(struct sk_json_writer *w, const struct sk_rows *rows)
{
    sk_json_key(w, "next");
    if (!rows->has_more || rows->definitions_count == 0) {
        sk_json_put_null(w);
        return;
    }
    const struct sk_definition_row *last = &rows->definitions[rows->definitions_count - 1];
    struct sk_buf cursor = { 0 };
    sk_buf_append_str(&cursor, last->id);
    sk_buf_append_char(&cursor, '/');
    sk_buf_append_str(&cursor, last->version);
    sk_json_put_str(w, sk_buf_view(&cursor));
    sk_buf_release(&cursor);
}

static void on_definitions(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_json_key(&w, "items");
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < rows->definitions_count; i++) {
        sk_shape_definition(&w, &rows->definitions[i], NULL);
    }
    sk_json_end_array(&w);
    put_next(&w, rows);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

void sk_handle_definitions(struct sk_exchange *x)
{
    struct list list = { .limit = DEFINITIONS_MAX };
    if (!sk_inputs_read_query(x, sk_definitions_query, &list)) return;
    size_t slash = sk_str_find(list.cursor, '/');
    if (list.cursor.size > 0 && (slash == 0 || slash == list.cursor.size)) {
        sk_exchange_refuse(x, "pass what `next` of the page before said",
                           "the cursor is not one of ours");
        return;
    }
    struct sk_read read = { .kind = SK_READ_DEFINITIONS,
                            .key = sk_str_sub(list.cursor, 0, slash),
                            .version = sk_str_sub(list.cursor, slash + 1, list.cursor.size),
                            .limit = (uint32_t)list.limit };
    sk_engine_read(sk_engine_of(x), &read, on_definitions, x);
}

/* ---- one ------------------------------------------------------------------------------------- */

struct one {
    struct sk_str version;
};

const struct sk_input sk_definition_query[] = {
    { "version", SK_INPUT_TEXT, offsetof(struct one, version), "which one; the latest without it",
      0, 0, 0, false },
    { 0 },
};

/* A definition without a plan (a step type that is not in this build) is shown without a graph. */
static void on_plan(void *context, enum skald_status status, const struct sk_plan *plan,
                    const skald_error *error)
{
    (void)error;
    struct sk_exchange *x = context;
    struct sk_buf text = { 0 };
    if (status == SKALD_OK) status = sk_dsl_graph(plan, SK_GRAPH_JSON, NULL, &text);
    struct sk_str graph = status == SKALD_OK ? sk_buf_view(&text) : (struct sk_str){ 0 };
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_shape_definition(&w, &x->rows.definitions[0], &graph);
    if (text.failed) x->out.failed = true;
    sk_buf_release(&text);
    sk_exchange_reply(x, 200);
}

static void on_definition(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    if (rows->definitions_count == 0) {
        struct sk_problem problem =
            sk_problem_http(404, SK_STR("there is no such definition or version"),
                            SK_STR("GET /api/v1/definitions lists what is defined"));
        sk_exchange_problem(x, &problem);
        return;
    }
    sk_exchange_keep_rows(x, rows);
    sk_engine_plan(sk_engine_of(x), &x->rows.definitions[0].digest, (struct sk_str){ 0 },
                   (struct sk_str){ 0 }, on_plan, x);
}

void sk_handle_definition(struct sk_exchange *x)
{
    struct one one = { 0 };
    if (!sk_inputs_read_query(x, sk_definition_query, &one)) return;
    struct sk_read read = {
        .kind = SK_READ_DEFINITIONS, .id = x->params[0], .version = one.version, .limit = 1
    };
    sk_engine_read(sk_engine_of(x), &read, on_definition, x);
}

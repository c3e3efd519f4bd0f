/* openapi.c: see openapi.h. One path item per path, one operation per row of sk_routes. */
#include "api/openapi.h"

#include "api/routes.h"
#include "api/schemas.h"

#include <stdio.h>

static void put_text(struct sk_json_writer *w, const char *name, const char *text)
{
    sk_json_key(w, name);
    sk_json_put_text(w, text);
}

/* ---- parameters ------------------------------------------------------------------------------ */

static void begin_parameter(struct sk_json_writer *w, struct sk_str name, const char *in,
                            const char *help, bool is_required)
{
    sk_json_begin_object(w);
    sk_json_key(w, "name");
    sk_json_put_str(w, name);
    put_text(w, "in", in);
    put_text(w, "description", help);
    sk_json_key(w, "required");
    sk_json_put_bool(w, is_required);
}

static void put_path_params(struct sk_json_writer *w, const char *path)
{
    struct sk_str rest = sk_str_of(path), segment = { 0 };
    while (sk_path_next(&rest, &segment)) {
        const struct sk_path_param *param = sk_path_param_of(segment);
        if (param == NULL) continue;
        begin_parameter(w, sk_str_sub(segment, 1, segment.size - 2), "path", param->help, true);
        sk_json_key(w, "schema");
        sk_json_begin_object(w);
        put_text(w, "type", "string");
        put_text(w, "pattern", param->pattern);
        sk_json_end_object(w);
        put_text(w, "example", param->example);
        sk_json_end_object(w);
    }
}

static void put_parameters(struct sk_json_writer *w, const struct sk_route *route)
{
    sk_json_key(w, "parameters");
    sk_json_begin_array(w);
    put_path_params(w, route->path);
    for (const struct sk_input *i = route->query; i != NULL && i->name != NULL; i++) {
        begin_parameter(w, sk_str_of(i->name), "query", i->help, i->is_required);
        sk_json_key(w, "schema");
        sk_openapi_input(w, i);
        sk_json_end_object(w);
    }
    if (route->takes_key) {
        sk_json_put_raw(w, SK_STR("{\"$ref\":\"#/components/parameters/IdempotencyKey\"}"));
    }
    if (route->stream != NULL) {
        sk_json_put_raw(w, SK_STR("{\"$ref\":\"#/components/parameters/LastEventId\"}"));
    }
    sk_json_end_array(w);
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static void put_example(struct sk_json_writer *w, const char *example, bool is_json)
{
    if (example == NULL) return;
    sk_json_key(w, "example");
    if (is_json) {
        sk_json_put_raw(w, sk_str_of(example));
    } else {
        sk_json_put_text(w, example);
    }
}

/* The media types of a body that the handler reads itself. */
static void put_free_content(struct sk_json_writer *w, const struct sk_route *route)
{
    struct sk_str rest = sk_str_of(route->body_types);
    for (bool is_first = true; rest.size > 0; is_first = false) {
        size_t end = sk_str_find(rest, ' ');
        struct sk_str type = sk_str_sub(rest, 0, end);
        bool is_json = sk_str_is(type, "application/json");
        rest = sk_str_sub(rest, end + 1, rest.size);
        sk_json_key_str(w, type);
        sk_json_begin_object(w);
        sk_json_key(w, "schema");
        sk_json_put_raw(w, is_json ? SK_STR("{\"type\":\"object\"}")
                                   : SK_STR("{\"type\":\"string\"}"));
        if (is_first) put_example(w, route->example, is_json);
        sk_json_end_object(w);
    }
}

static bool has_required(const struct sk_input *inputs)
{
    for (const struct sk_input *i = inputs; i != NULL && i->name != NULL; i++) {
        if (i->is_required) return true;
    }
    return false;
}

static bool has_body(const struct sk_route *route)
{
    return route->body != NULL || route->body_types != NULL;
}

static void put_request_body(struct sk_json_writer *w, const struct sk_route *route)
{
    if (!has_body(route)) return;
    sk_json_key(w, "requestBody");
    sk_json_begin_object(w);
    sk_json_key(w, "required");
    sk_json_put_bool(w, route->body_types != NULL || has_required(route->body));
    sk_json_key(w, "content");
    sk_json_begin_object(w);
    if (route->body_types != NULL) {
        put_free_content(w, route);
    } else {
        sk_json_key(w, "application/json");
        sk_json_begin_object(w);
        sk_json_key(w, "schema");
        sk_openapi_inputs(w, route->body);
        put_example(w, route->example, true);
        sk_json_end_object(w);
    }
    sk_json_end_object(w);
    sk_json_end_object(w);
}

/* ---- replies --------------------------------------------------------------------------------- */

static void put_header(struct sk_json_writer *w, const char *name, const char *type,
                       const char *help)
{
    sk_json_key(w, name);
    sk_json_begin_object(w);
    put_text(w, "description", help);
    sk_json_key(w, "schema");
    sk_json_begin_object(w);
    put_text(w, "type", type);
    sk_json_end_object(w);
    sk_json_end_object(w);
}

static void put_headers(struct sk_json_writer *w, const struct sk_route *route, int status)
{
    bool is_replay = status == 200 && route->takes_key;
    bool is_pause = status == 429 || status == 503;
    if (!is_replay && !is_pause && status != 201) return;
    sk_json_key(w, "headers");
    sk_json_begin_object(w);
    if (is_replay) {
        put_header(w, "Skald-Replayed", "string", "\"true\": the same was asked before");
    }
    if (is_pause) put_header(w, "Retry-After", "integer", "seconds to wait");
    if (status == 201) put_header(w, "Location", "string", "where it is");
    sk_json_end_object(w);
}

static void put_stream(struct sk_json_writer *w, const struct sk_route *route)
{
    if (route->stream == NULL) return;
    sk_json_key(w, "text/event-stream");
    sk_json_begin_object(w);
    sk_json_key(w, "schema");
    sk_json_put_raw(w, SK_STR("{\"type\":\"string\"}"));
    sk_json_key(w, "x-event-data");
    sk_openapi_type(w, sk_str_of(route->stream), "the data of each event of the stream");
    sk_json_end_object(w);
}

static void put_content(struct sk_json_writer *w, const struct sk_route *route)
{
    const char *type = route->reply_type == NULL ? "application/json" : route->reply_type;
    sk_json_key(w, "content");
    sk_json_begin_object(w);
    sk_json_key(w, type);
    sk_json_begin_object(w);
    sk_json_key(w, "schema");
    sk_openapi_type(w, sk_str_of(route->reply), NULL);
    if (route->reply_type == NULL) {
        sk_json_key(w, "example");
        sk_openapi_example(w, sk_str_of(route->reply));
    }
    sk_json_end_object(w);
    put_stream(w, route);
    sk_json_end_object(w);
}

static void put_reply(struct sk_json_writer *w, const struct sk_route *route, int status)
{
    char name[8];
    (void)snprintf(name, sizeof name, "%d", status);
    sk_json_key(w, name);
    sk_json_begin_object(w);
    put_text(w, "description", sk_problem_reason(status));
    put_headers(w, route, status);
    if (status >= 300) {
        sk_json_key(w, "content");
        sk_json_put_raw(w, SK_STR("{\"application/problem+json\":{\"schema\":{\"$ref\":"
                                  "\"#/components/schemas/Problem\"}}}"));
    } else if (status != 204 && route->reply != NULL) {
        put_content(w, route);
    }
    sk_json_end_object(w);
}

static bool can_be_wrong(const struct sk_route *route)
{
    return route->query != NULL || has_body(route) || route->takes_key ||
           strchr(route->path, '{') != NULL;
}

/* What the row says and what follows from it, each once. */
static void put_replies(struct sk_json_writer *w, const struct sk_route *route)
{
    bool has[600] = { false };
    struct sk_str rest = sk_str_of(route->statuses);
    while (rest.size > 0) {
        uint64_t status = 0;
        size_t end = sk_str_find(rest, ' ');
        if (sk_str_to_u64(sk_str_sub(rest, 0, end), &status) && status < 600) has[status] = true;
        rest = sk_str_sub(rest, end + 1, rest.size);
    }
    has[400] = has[400] || can_be_wrong(route);
    has[413] = has[413] || has_body(route);
    has[415] = has[415] || has_body(route);
    has[503] = has[503] || !route->before_ready;
    sk_json_key(w, "responses");
    sk_json_begin_object(w);
    for (int status = 200; status < 600; status++) {
        if (has[status]) put_reply(w, route, status);
    }
    sk_json_key(w, "default");
    sk_json_put_raw(w, SK_STR("{\"$ref\":\"#/components/responses/Problem\"}"));
    sk_json_end_object(w);
}

/* ---- paths ----------------------------------------------------------------------------------- */

static void put_operation(struct sk_json_writer *w, const struct sk_route *route)
{
    char method[16] = { 0 };
    const char *name = sk_http_method_name(route->method);
    for (size_t i = 0; name[i] != 0 && i < sizeof method - 1; i++) {
        method[i] = (char)(name[i] - 'A' + 'a');
    }
    sk_json_key(w, method);
    sk_json_begin_object(w);
    put_text(w, "operationId", route->name);
    sk_json_key(w, "tags");
    sk_json_begin_array(w);
    sk_json_put_text(w, route->tag);
    sk_json_end_array(w);
    put_text(w, "summary", route->help);
    put_parameters(w, route);
    put_request_body(w, route);
    put_replies(w, route);
    sk_json_end_object(w);
}

/* Whether an earlier row (below `before`) is the same by `is_same`. */
static bool was_seen(size_t before, bool is_path)
{
    const struct sk_route *route = sk_route_at(before, true);
    for (size_t i = 0; i < before; i++) {
        const struct sk_route *other = sk_route_at(i, true);
        const char *earlier = is_path ? other->path : other->tag;
        const char *here = is_path ? route->path : route->tag;
        if (strcmp(earlier, here) == 0) return true;
    }
    return false;
}

static void put_paths(struct sk_json_writer *w, bool with_rte)
{
    const struct sk_route *route, *other;
    sk_json_key(w, "paths");
    sk_json_begin_object(w);
    for (size_t i = 0; (route = sk_route_at(i, with_rte)) != NULL; i++) {
        if (was_seen(i, true)) continue;
        sk_json_key(w, route->path);
        sk_json_begin_object(w);
        for (size_t j = i; (other = sk_route_at(j, with_rte)) != NULL; j++) {
            if (strcmp(other->path, route->path) == 0) put_operation(w, other);
        }
        sk_json_end_object(w);
    }
    sk_json_end_object(w);
}

static void put_tags(struct sk_json_writer *w, bool with_rte)
{
    const struct sk_route *route;
    sk_json_key(w, "tags");
    sk_json_begin_array(w);
    for (size_t i = 0; (route = sk_route_at(i, with_rte)) != NULL; i++) {
        if (was_seen(i, false)) continue;
        sk_json_begin_object(w);
        put_text(w, "name", route->tag);
        sk_json_end_object(w);
    }
    sk_json_end_array(w);
}

static void put_components(struct sk_json_writer *w, bool with_rte)
{
    sk_json_key(w, "components");
    sk_json_begin_object(w);
    sk_json_key(w, "schemas");
    sk_openapi_schemas(w, with_rte);
    sk_json_key(w, "parameters");
    sk_json_put_raw(
        w, SK_STR("{\"IdempotencyKey\":{\"name\":\"Idempotency-Key\",\"in\":\"header\","
                  "\"required\":false,\"description\":\"the same key again changes nothing and is "
                  "answered with Skald-Replayed\",\"schema\":{\"type\":\"string\","
                  "\"maxLength\":200}},"
                  "\"LastEventId\":{\"name\":\"Last-Event-ID\",\"in\":\"header\","
                  "\"required\":false,\"description\":\"of a stream: the id of the last event that "
                  "was received; the stream goes on after it\",\"schema\":{\"type\":\"string\","
                  "\"maxLength\":4000}}}"));
    sk_json_key(w, "responses");
    sk_json_put_raw(w, SK_STR("{\"Problem\":{\"description\":\"What went wrong\",\"content\":"
                              "{\"application/problem+json\":{\"schema\":{\"$ref\":"
                              "\"#/components/schemas/Problem\"}}}}}"));
    sk_json_end_object(w);
}

void sk_openapi_write(struct sk_buf *out, bool with_rte)
{
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    put_text(&w, "openapi", "3.1.0");
    sk_json_key(&w, "info");
    sk_json_begin_object(&w);
    put_text(&w, "title", "Skald");
    put_text(&w, "version", SKALD_BUILD_VERSION);
    put_text(&w, "summary", "Sagas: transactions over many services, wholly done or wholly undone");
    put_text(&w, "description",
             "Every answer tells only what is durable. Errors are application/problem+json "
             "(RFC 9457). Lists are pages: pass `next` on as the cursor. Whatever answers GET also "
             "answers HEAD.");
    sk_json_key(&w, "license");
    sk_json_put_raw(&w, SK_STR("{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}"));
    sk_json_end_object(&w);
    sk_json_key(&w, "jsonSchemaDialect");
    sk_json_put_text(&w, "https://json-schema.org/draft/2020-12/schema");
    sk_json_key(&w, "servers");
    sk_json_put_raw(&w, SK_STR("[{\"url\":\"/\"}]"));
    put_tags(&w, with_rte);
    put_paths(&w, with_rte);
    put_components(&w, with_rte);
    sk_json_end_object(&w);
}

/* oracle.c: see oracle.h. */
#include "oracle.h"

#include "api/openapi.h"
#include "api/routes.h"
#include "dsl/json_schema.h"

#include <stdio.h>

enum { CHECKED_MAX = 512, ROUTES_MAX = 256 };

/* Schemas by route and status, compiled when they are needed first; they stay. */
struct checked {
    const struct sk_route *route;
    int status;
    const struct sk_json_schema *schema;
};

static struct oracle {
    struct sk_buf document; /* empty = not made yet */
    struct sk_arena arena;
    struct sk_str responses[ROUTES_MAX]; /* of the route of this index; empty = not looked up */
    struct checked checked[CHECKED_MAX];
    uint32_t checked_count;
} oracle;

static struct sk_str document(void)
{
    if (oracle.document.size == 0) {
        sk_buf_init(&oracle.document, 0);
        sk_arena_init(&oracle.arena);
        sk_openapi_write(&oracle.document, false);
        fuzz_check_json(sk_buf_view(&oracle.document), "the OpenAPI document");
    }
    return sk_buf_view(&oracle.document);
}

/* ---- which route ----------------------------------------------------------------------------- */

static bool path_matches(struct sk_str pattern, struct sk_str path)
{
    struct sk_str want = { 0 }, have = { 0 };
    while (sk_path_next(&pattern, &want)) {
        if (!sk_path_next(&path, &have)) return false;
        bool is_param = want.size > 0 && want.data[0] == '{';
        if (is_param ? have.size == 0 : !sk_str_equal(want, have)) return false;
    }
    return path.size == 0;
}

static const struct sk_route *route_of(const struct fuzz_request *request, bool *out_is_path)
{
    enum sk_http_method method = request->method == SK_HTTP_HEAD ? SK_HTTP_GET : request->method;
    struct sk_str path = request->path.size == 0 ? SK_STR("/") : request->path;
    *out_is_path = false;
    for (size_t i = 0; sk_route_at(i, false) != NULL; i++) {
        const struct sk_route *route = sk_route_at(i, false);
        if (!path_matches(sk_str_of(route->path), path)) continue;
        *out_is_path = true;
        if (route->method == method) return route;
    }
    return NULL;
}

/* ---- what the document says ------------------------------------------------------------------ */

static struct sk_str member(struct sk_str object, const char *name)
{
    return sk_json_trim(sk_json_member(object, sk_str_of(name)));
}

static struct sk_str response_of(const struct sk_route *route, int status)
{
    char method[16], number[16];
    size_t index = (size_t)(route - sk_routes);
    FUZZ_CHECK(index < ROUTES_MAX, "more routes than there is room for");
    struct sk_str *responses = &oracle.responses[index];
    if (responses->size == 0) {
        (void)snprintf(method, sizeof method, "%s", sk_http_method_name(route->method));
        for (char *c = method; *c != '\0'; c++) *c = (char)(*c + 'a' - 'A');
        struct sk_str path = member(member(document(), "paths"), route->path);
        *responses = member(member(path, method), "responses");
    }
    (void)snprintf(number, sizeof number, "%d", status);
    return member(*responses, number);
}

static void on_complaint(void *context, bool is_error, struct sk_str pointer, const char *message,
                         const char *remedy)
{
    (void)context;
    (void)remedy;
    FUZZ_CHECK(!is_error, "the document's schema: %.*s: %s", SK_STR_ARGS(pointer), message);
}

/* The schema with everything that it may refer to. */
static const struct sk_json_schema *compile(struct sk_str schema)
{
    struct sk_buf text;
    const struct sk_json_schema *compiled = NULL;
    sk_buf_init(&text, 0);
    sk_buf_append_text(&text, "{\"allOf\":[");
    sk_buf_append_str(&text, schema);
    sk_buf_append_text(&text, "],\"components\":");
    sk_buf_append_str(&text, member(document(), "components"));
    sk_buf_append_text(&text, "}");
    struct sk_str kept = sk_arena_copy(&oracle.arena, sk_buf_view(&text));
    enum skald_status status =
        sk_json_schema_compile(kept, &oracle.arena, on_complaint, NULL, &compiled);
    FUZZ_CHECK(status == SKALD_OK, "%s", skald_status_name(status));
    sk_buf_release(&text);
    return compiled;
}

static const struct sk_json_schema *schema_of(const struct sk_route *route, int status,
                                              struct sk_str schema)
{
    for (uint32_t i = 0; i < oracle.checked_count; i++) {
        if (oracle.checked[i].route == route && oracle.checked[i].status == status)
            return oracle.checked[i].schema;
    }
    FUZZ_CHECK(oracle.checked_count < CHECKED_MAX, "more answers than there can be");
    const struct sk_json_schema *compiled = compile(schema);
    oracle.checked[oracle.checked_count++] = (struct checked){ route, status, compiled };
    return compiled;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void on_violation(void *context, struct sk_str pointer, struct sk_str message)
{
    const struct fuzz_answer *answer = context;
    FUZZ_CHECK(false, "%.*s: %.*s, in %.*s", SK_STR_ARGS(pointer), SK_STR_ARGS(message),
               SK_STR_ARGS(sk_buf_view(&answer->body)));
}

static void check_body(const struct sk_json_schema *schema, const struct fuzz_answer *answer)
{
    enum skald_status status =
        sk_json_schema_check(schema, sk_buf_view(&answer->body), SK_SCHEMA_BUDGET, on_violation,
                             (void *)(uintptr_t)answer);
    FUZZ_CHECK(status == SKALD_OK, "%s", skald_status_name(status));
}

static void check_problem(const struct fuzz_answer *answer)
{
    int64_t status = 0;
    struct sk_str body = sk_buf_view(&answer->body);
    fuzz_check_json(body, "a problem");
    FUZZ_CHECK(strcmp(answer->type, "application/problem+json") == 0, "%s", answer->type);
    FUZZ_CHECK(sk_json_to_i64(member(body, "status"), &status) && status == answer->status,
               "%d says %lld", answer->status, (long long)status);
    bool is_pause = answer->status == 503 || answer->status == 429;
    FUZZ_CHECK(answer->has_retry_after == is_pause, "Retry-After with %d", answer->status);
    check_body(schema_of(NULL, 0, SK_STR("{\"$ref\":\"#/components/schemas/Problem\"}")), answer);
}

static void check_success(const struct sk_route *route, const struct fuzz_answer *answer)
{
    struct sk_str response = response_of(route, answer->status);
    struct sk_str content = member(response, "content");
    if (answer->status == 204) {
        FUZZ_CHECK(answer->body.size == 0, "204 with a body");
        return;
    }
    FUZZ_CHECK(answer->type[0] != '\0', "no media type");
    struct sk_str type = sk_str_of(answer->type);
    type = sk_str_trim(sk_str_sub(type, 0, sk_str_find(type, ';')));
    struct sk_str media = sk_json_trim(sk_json_member(content, type));
    FUZZ_CHECK(media.size > 0, "%.*s is not documented", SK_STR_ARGS(type));
    if (!sk_str_is(type, "application/json")) {
        FUZZ_CHECK(sk_utf8_valid(sk_buf_view(&answer->body)), "it is no text");
        return;
    }
    fuzz_check_json(sk_buf_view(&answer->body), route->name);
    check_body(schema_of(route, answer->status, member(media, "schema")), answer);
}

void fuzz_check_answer(const struct fuzz_request *request, const struct fuzz_answer *answer,
                       bool may_be_damaged)
{
    bool is_path = false;
    const struct sk_route *route = route_of(request, &is_path);
    int status = answer->status;
    if (status >= 400) check_problem(answer);
    if (route == NULL) {
        bool is_method = status == 405 && answer->has_allow;
        FUZZ_CHECK(is_path ? is_method : status == 404, "status %d", status);
        return;
    }
    if (status == 500 && may_be_damaged) return;
    /* Any request may be larger than is read; one without a body as well. */
    if (status == 413 && request->body.size > 1024 * 1024) return;
    FUZZ_CHECK(response_of(route, status).size > 0, "%s answers %d, which is not documented: %.*s",
               route->name, status, SK_STR_ARGS(sk_buf_view(&answer->body)));
    if (status < 400) check_success(route, answer);
}

/* problem.c: see problem.h. */
#include "api/problem.h"

#include "base/json.h"

static const struct {
    int status;
    const char *slug, *reason;
} phrases[] = {
    { 200, "", "OK" },
    { 201, "", "Created" },
    { 202, "", "Accepted" },
    { 204, "", "No Content" },
    { 400, "bad-request", "Bad Request" },
    { 404, "not-found", "Not Found" },
    { 405, "method-not-allowed", "Method Not Allowed" },
    { 409, "conflict", "Conflict" },
    { 410, "gone", "Gone" },
    { 413, "too-large", "Content Too Large" },
    { 415, "unsupported-media-type", "Unsupported Media Type" },
    { 417, "expectation-failed", "Expectation Failed" },
    { 422, "invalid-definition", "Unprocessable Content" },
    { 429, "limit-reached", "Too Many Requests" },
    { 500, "internal", "Internal Server Error" },
    { 501, "not-implemented", "Not Implemented" },
    { 503, "not-now", "Service Unavailable" },
};

/* One row per status: what HTTP says and what the caller can do about it. */
static const struct {
    enum skald_status status;
    int http;
    const char *slug; /* NULL = that of the HTTP status */
    const char *remedy;
} statuses[] = {
    { SKALD_E_ARGUMENT, 400, NULL, "change the request as the detail says" },
    { SKALD_E_LIMIT, 429, NULL, "send it again after the pause named by Retry-After" },
    { SKALD_E_MEMORY, 503, "out-of-memory", "send it again later; the server is short of memory" },
    { SKALD_E_NOT_FOUND, 404, NULL, "check the id; the lists show what there is" },
    { SKALD_E_CONFLICT, 409, "conflict",
      "use another id or key, or send the same content as before" },
    { SKALD_E_STATE, 409, "wrong-state",
      "look at the saga's state and choose a command that fits it" },
    { SKALD_E_SYNTAX, 400, "malformed", "correct the text at the place named" },
    { SKALD_E_INVALID, 422, "invalid-definition",
      "correct what the diagnostics name, all at once" },
    { SKALD_E_UNSUPPORTED, 422, "unsupported",
      "use a server that was built with what is missing, or another type of step" },
    { SKALD_E_TOO_LARGE, 413, NULL,
      "send less, or pass a reference to the data instead of the data" },
    { SKALD_E_AGAIN, 503, NULL, "send it again after the pause named by Retry-After" },
    { SKALD_E_CLOSED, 503, "stopping", "send it again; the server is stopping or starting" },
    { SKALD_E_FENCED, 503, "moved", "send it again; another node has taken over" },
    { SKALD_E_BUSY, 503, NULL, "send it again after the pause named by Retry-After" },
    { SKALD_E_FULL, 503, "store-full", "free space where the store lies; then send it again" },
    { SKALD_E_TIMEOUT, 503, NULL, "send it again later" },
    { SKALD_E_FAILED, 409, NULL, "look at the error's code" },
    { SKALD_E_NO_REPLY, 503, NULL, "look whether it happened before you send it again" },
    { SKALD_E_IO, 500, "store-failed", "see the server's log" },
    { SKALD_E_CORRUPT, 500, "store-damaged", "see the server's log" },
    { SKALD_E_VERSION, 500, "store-newer", "use the version of skald that wrote the store" },
    { SKALD_E_INTERNAL, 500, NULL, "see the server's log; this is a fault of the server" },
};

static size_t phrase_of(int http_status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (phrases[i].status == http_status) return i;
    }
    return phrase_of(500);
}

const char *sk_problem_reason(int http_status)
{
    return phrases[phrase_of(http_status)].reason;
}

struct sk_problem sk_problem_http(int status, struct sk_str detail, struct sk_str remedy)
{
    size_t phrase = phrase_of(status);
    return (struct sk_problem){ .status = status,
                                .slug = phrases[phrase].slug,
                                .title = phrases[phrase].reason,
                                .detail = detail,
                                .remedy = remedy };
}

struct sk_problem sk_problem_of(enum skald_status status, const skald_error *error)
{
    struct sk_str detail = sk_str_of(error == NULL ? "" : error->message);
    if (detail.size == 0) detail = sk_str_of(skald_status_text(status));
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i].status != status) continue;
        struct sk_problem problem =
            sk_problem_http(statuses[i].http, detail, sk_str_of(statuses[i].remedy));
        if (statuses[i].slug != NULL) problem.slug = statuses[i].slug;
        problem.title = skald_status_text(status);
        problem.code = skald_status_name(status);
        return problem;
    }
    return sk_problem_http(500, detail, SK_STR("see the server's log"));
}

void sk_problem_write(const struct sk_problem *problem, struct sk_buf *out)
{
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    sk_json_key(&w, "type");
    char type[80] = "/problems/";
    size_t size = strlen(type);
    for (const char *c = problem->slug; *c != 0 && size < sizeof type - 1; c++) type[size++] = *c;
    sk_json_put_str(&w, (struct sk_str){ type, size });
    sk_json_key(&w, "title");
    sk_json_put_text(&w, problem->title);
    sk_json_key(&w, "status");
    sk_json_put_i64(&w, problem->status);
    sk_json_key(&w, "detail");
    sk_json_put_str(&w, problem->detail);
    sk_json_key(&w, "remedy");
    sk_json_put_str(&w, problem->remedy);
    if (problem->code != NULL) {
        sk_json_key(&w, "code");
        sk_json_put_text(&w, problem->code);
    }
    if (problem->line > 0) {
        sk_json_key(&w, "line");
        sk_json_put_u64(&w, problem->line);
        sk_json_key(&w, "column");
        sk_json_put_u64(&w, problem->column);
    }
    if (problem->diagnostics != NULL) {
        struct sk_buf list = { 0 };
        sk_diagnostics_json(problem->diagnostics, &list);
        sk_json_key(&w, "diagnostics");
        sk_json_put_raw(&w, sk_buf_view(&list));
        if (list.failed) out->failed = true;
        sk_buf_release(&list);
    }
    if (problem->violations.size > 0) {
        sk_json_key(&w, "violations");
        sk_json_put_raw(&w, problem->violations);
    }
    sk_json_end_object(&w);
}

/* routes.c: the table of everything that can be asked. */
#include "api/routes.h"

#include "base/id.h"

#define V1 "/api/v1"
#define SAGA V1 "/sagas/{saga}"
#define COMMAND(name, text)                                                                \
    {                                                                                      \
        SK_HTTP_POST, SAGA "/" name, sk_handle_command, NULL, sk_command_body, text, false \
    }

const struct sk_route sk_routes[SK_ROUTES_COUNT] = {
    { SK_HTTP_POST, V1 "/definitions", sk_handle_define, sk_define_query, NULL,
      "Define: the body is YAML or JSON", false },
    { SK_HTTP_GET, V1 "/definitions", sk_handle_definitions, sk_definitions_query, NULL,
      "All definitions and their versions", false },
    { SK_HTTP_GET, V1 "/definitions/{definition}", sk_handle_definition, sk_definition_query, NULL,
      "One definition with its source", false },
    { SK_HTTP_POST, V1 "/sagas", sk_handle_start, NULL, sk_start_body, "Start a saga", false },
    { SK_HTTP_GET, V1 "/sagas", sk_handle_sagas, sk_sagas_query, NULL,
      "Sagas, newest first, by filters", false },
    { SK_HTTP_GET, SAGA, sk_handle_saga, sk_saga_query, NULL,
      "One saga; with wait, once it has ended", false },
    { SK_HTTP_GET, SAGA "/events", sk_handle_events, sk_events_query, NULL, "Its history", false },
    { SK_HTTP_GET, SAGA "/steps", sk_handle_steps, NULL, NULL, "Its steps with their items",
      false },
    COMMAND("cancel", "Undo what was done and end"),
    COMMAND("force-cancel", "Cancel without awaiting what is in flight"),
    COMMAND("force-complete", "End as completed, whatever is open"),
    COMMAND("retry", "Try again at once what waits or has failed"),
    COMMAND("skip-step", "Count a step, or its undo, as settled"),
    COMMAND("suspend", "Start nothing new until resumed"),
    COMMAND("resume", "Go on after a suspend"),
    { SK_HTTP_POST, SAGA "/signals", sk_handle_signal, NULL, sk_signal_body,
      "Send a signal that a step waits for, or will", false },
    { SK_HTTP_POST, SAGA "/steps/{step}/complete", sk_handle_complete, NULL, sk_complete_body,
      "Complete a pending answer by its token", false },
    { SK_HTTP_GET, V1 "/stats", sk_handle_stats, NULL, NULL, "Figures of this node", false },
    { SK_HTTP_GET, "/healthz", sk_handle_healthz, NULL, NULL, "The process is alive", true },
    { SK_HTTP_GET, "/readyz", sk_handle_readyz, NULL, NULL, "Sagas are served", true },
    { SK_HTTP_GET, "/version", sk_handle_version, NULL, NULL, "What this server is", true },
    { SK_HTTP_GET, V1 "/version", sk_handle_version, NULL, NULL, "The same", true },
    { SK_HTTP_GET, "/", sk_handle_page, NULL, NULL, "A page that says where things are", true },
};

/* Takes the next segment (without its '/') off the path; false at the end. */
static bool take_segment(struct sk_str *path, struct sk_str *out_segment)
{
    if (path->size == 0 || path->data[0] != '/') return false;
    struct sk_str rest = sk_str_sub(*path, 1, path->size);
    size_t end = sk_str_find(rest, '/');
    *out_segment = sk_str_sub(rest, 0, end);
    *path = sk_str_sub(rest, end, rest.size);
    return true;
}

/* Fills params with the raw segments. */
static bool path_matches(const char *pattern_text, struct sk_str path, struct sk_str *params)
{
    struct sk_str pattern = sk_str_of(pattern_text);
    struct sk_str want = { 0 }, have = { 0 };
    size_t params_count = 0;
    while (take_segment(&pattern, &want)) {
        if (!take_segment(&path, &have)) return false;
        bool is_param = want.size > 0 && want.data[0] == '{';
        if (!is_param && !sk_str_equal(want, have)) return false;
        if (is_param && have.size == 0) return false;
        if (is_param && params_count < SK_PARAMS_MAX) params[params_count++] = have;
    }
    return path.size == 0;
}

static bool param_is_sound(struct sk_str name, struct sk_str value)
{
    return sk_str_is(name, "{saga}") ? sk_id_is_saga(value) : sk_id_is_name(value);
}

static bool take_params(struct sk_exchange *x, const struct sk_route *route,
                        const struct sk_str *raw)
{
    struct sk_str pattern = sk_str_of(route->path), segment = { 0 };
    for (size_t i = 0; take_segment(&pattern, &segment);) {
        if (segment.size == 0 || segment.data[0] != '{') continue;
        bool is_text = sk_percent_decode(raw[i], false, &x->arena, &x->params[i]);
        if (!is_text || !param_is_sound(segment, x->params[i])) {
            sk_exchange_refuse(x,
                               "ids hold A-Z a-z 0-9 - _ (sagas also : . ~) and are 200 bytes "
                               "long at most",
                               "what stands for %.*s in the path is no id", SK_STR_ARGS(segment));
            return false;
        }
        i += 1;
    }
    return true;
}

static void refuse_method(struct sk_exchange *x, const struct sk_str *allowed)
{
    struct sk_buf remedy = { 0 };
    sk_buf_append_text(&remedy, "use one of: ");
    sk_buf_append_str(&remedy, *allowed);
    struct sk_problem problem =
        sk_problem_http(405, SK_STR("this path does not take that method"), sk_buf_view(&remedy));
    sk_exchange_problem(x, &problem);
    sk_buf_release(&remedy);
}

static void refuse_path(struct sk_exchange *x, struct sk_buf *allowed)
{
    if (allowed->size == 0) {
        struct sk_problem problem =
            sk_problem_http(404, SK_STR("there is nothing at this path"),
                            SK_STR("GET / lists the paths; the API is under /api/v1"));
        sk_exchange_problem(x, &problem);
        return;
    }
    sk_http_reply_header(x->http, "Allow", sk_buf_text(allowed));
    struct sk_str names = sk_buf_view(allowed);
    refuse_method(x, &names);
}

const struct sk_route *sk_route_find(struct sk_exchange *x)
{
    enum sk_http_method method = x->view.method == SK_HTTP_HEAD ? SK_HTTP_GET : x->view.method;
    struct sk_str path = x->view.path.size == 0 ? SK_STR("/") : x->view.path;
    struct sk_buf allowed = { 0 };
    const struct sk_route *found = NULL;
    struct sk_str raw[SK_PARAMS_MAX] = { { 0 } };
    for (size_t i = 0; i < SK_ROUTES_COUNT && found == NULL; i++) {
        if (!path_matches(sk_routes[i].path, path, raw)) continue;
        if (sk_routes[i].method == method) found = &sk_routes[i];
        if (allowed.size > 0) sk_buf_append_text(&allowed, ", ");
        sk_buf_append_text(&allowed, sk_http_method_name(sk_routes[i].method));
        if (sk_routes[i].method == SK_HTTP_GET) sk_buf_append_text(&allowed, ", HEAD");
    }
    if (found == NULL) {
        refuse_path(x, &allowed);
    } else if (!take_params(x, found, raw)) {
        found = NULL;
    }
    sk_buf_release(&allowed);
    return found;
}

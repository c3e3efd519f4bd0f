/* route_find.c: from a method and a path to a row of the table. */
#include "api/routes.h"

bool sk_path_next(struct sk_str *path, struct sk_str *out_segment)
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
    while (sk_path_next(&pattern, &want)) {
        if (!sk_path_next(&path, &have)) return false;
        bool is_param = want.size > 0 && want.data[0] == '{';
        if (!is_param && !sk_str_equal(want, have)) return false;
        if (is_param && have.size == 0) return false;
        if (is_param && params_count < SK_PARAMS_MAX) params[params_count++] = have;
    }
    return path.size == 0;
}

const struct sk_path_param *sk_path_param_of(struct sk_str segment)
{
    for (size_t i = 0; i < sk_path_params_count; i++) {
        if (sk_str_is(segment, sk_path_params[i].segment)) return &sk_path_params[i];
    }
    return NULL;
}

static bool take_params(struct sk_exchange *x, const struct sk_route *route,
                        const struct sk_str *raw)
{
    struct sk_str pattern = sk_str_of(route->path), segment = { 0 };
    for (size_t i = 0; sk_path_next(&pattern, &segment);) {
        if (segment.size == 0 || segment.data[0] != '{') continue;
        const struct sk_path_param *param = sk_path_param_of(segment);
        bool is_text = sk_percent_decode(raw[i], false, &x->arena, &x->params[i]);
        if (param == NULL || !is_text || !param->is_sound(x->params[i])) {
            sk_exchange_refuse(x, param == NULL ? "" : param->help,
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
        struct sk_problem problem = sk_problem_http(404, SK_STR("there is nothing at this path"),
                                                    SK_STR("GET /api/v1 lists the paths"));
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
    const struct sk_route *route;
    for (size_t i = 0; found == NULL; i++) {
        route = sk_route_at(i, x->api->options.compat_rte);
        if (route == NULL) break;
        if (!path_matches(route->path, path, raw)) continue;
        if (route->method == method) found = route;
        if (allowed.size > 0) sk_buf_append_text(&allowed, ", ");
        sk_buf_append_text(&allowed, sk_http_method_name(route->method));
        if (route->method == SK_HTTP_GET) sk_buf_append_text(&allowed, ", HEAD");
    }
    if (found == NULL) {
        refuse_path(x, &allowed);
    } else if (!take_params(x, found, raw)) {
        found = NULL;
    }
    sk_buf_release(&allowed);
    return found;
}

/* console.c: see console.h. */
#include "api/console.h"

#include "api/api_private.h"

#ifndef SK_WITH_CONSOLE
const struct sk_console_file sk_console_files[1];
const size_t sk_console_files_count;
#endif

static const char *const headers[][2] = {
    { "Content-Security-Policy",
      "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; "
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
      "require-trusted-types-for 'script'; trusted-types 'none'" },
    { "X-Content-Type-Options", "nosniff" },
    { "X-Frame-Options", "DENY" },
    { "Referrer-Policy", "no-referrer" },
    { "Cross-Origin-Opener-Policy", "same-origin" },
    { "Cross-Origin-Resource-Policy", "same-origin" },
    { "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()" },
    { "Vary", "Accept-Encoding" },
};

const struct sk_console_file *sk_console_find(struct sk_str path)
{
    for (size_t i = 0; i < sk_console_files_count; i++) {
        if (sk_str_is(path, sk_console_files[i].path)) return &sk_console_files[i];
    }
    return NULL;
}

/* Takes what stands before the next `separator` off the list, without blanks around it. */
static struct sk_str next_of(struct sk_str *list, char separator)
{
    size_t end = sk_str_find(*list, separator);
    struct sk_str first = sk_str_trim(sk_str_sub(*list, 0, end));
    *list = end < list->size ? sk_str_sub(*list, end + 1, list->size) : (struct sk_str){ 0 };
    return first;
}

/* "q=0", "q=0.000": not wanted. */
static bool is_refused(struct sk_str parameter)
{
    if (parameter.size < 3 || (parameter.data[0] | 0x20) != 'q' || parameter.data[1] != '=')
        return false;
    for (size_t i = 2; i < parameter.size; i++) {
        if (parameter.data[i] != '0' && parameter.data[i] != '.') return false;
    }
    return true;
}

bool sk_console_takes_gzip(struct sk_str accept_encoding)
{
    struct sk_str rest = accept_encoding;
    while (rest.size > 0) {
        struct sk_str parameters = next_of(&rest, ',');
        struct sk_str name = next_of(&parameters, ';');
        if (sk_str_is(name, "gzip") || sk_str_is(name, "x-gzip"))
            return !is_refused(next_of(&parameters, ';'));
    }
    return false;
}

static struct sk_str opaque_of(struct sk_str etag)
{
    return sk_str_starts(etag, SK_STR("W/")) ? sk_str_sub(etag, 2, etag.size) : etag;
}

bool sk_console_is_known(struct sk_str if_none_match, const char *etag)
{
    struct sk_str rest = if_none_match;
    struct sk_str ours = opaque_of(sk_str_of(etag));
    while (rest.size > 0) {
        struct sk_str known = opaque_of(next_of(&rest, ','));
        if (sk_str_is(known, "*") || sk_str_equal(known, ours)) return true;
    }
    return false;
}

static void reply(struct sk_exchange *x, const struct sk_console_file *file)
{
    bool is_packed = sk_console_takes_gzip(sk_http_request_header(x->http, "Accept-Encoding"));
    bool is_known =
        sk_console_is_known(sk_http_request_header(x->http, "If-None-Match"), file->etag);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        sk_http_reply_header(x->http, headers[i][0], headers[i][1]);
    }
    sk_http_reply_header(x->http, "Cache-Control",
                         file->is_lasting ? "public, max-age=31536000, immutable" : "no-cache");
    sk_http_reply_header(x->http, "ETag", file->etag);
    if (is_known) {
        sk_http_reply(x->http, 304, "Not Modified", (struct sk_str){ 0 });
    } else {
        sk_http_reply_header(x->http, "Content-Type", file->type);
        if (is_packed) sk_http_reply_header(x->http, "Content-Encoding", "gzip");
        sk_http_reply(x->http, 200, "OK", is_packed ? file->packed : file->plain);
    }
    sk_exchange_free(x);
}

static void refuse_method(struct sk_exchange *x)
{
    sk_http_reply_header(x->http, "Allow", "GET, HEAD");
    struct sk_problem problem = sk_problem_http(405, SK_STR("a file of the console is only read"),
                                                SK_STR("use one of: GET, HEAD"));
    sk_exchange_problem(x, &problem);
}

bool sk_console_take(struct sk_exchange *x)
{
    if (!sk_str_starts(x->view.path, SK_STR("/console/"))) return false;
    const struct sk_console_file *file = sk_console_find(x->view.path);
    if (file == NULL) return false;
    if (x->view.method == SK_HTTP_GET || x->view.method == SK_HTTP_HEAD) {
        reply(x, file);
    } else {
        refuse_method(x);
    }
    return true;
}

bool sk_console_page(struct sk_exchange *x)
{
    const struct sk_console_file *file = sk_console_find(SK_STR("/"));
    if (file == NULL) return false;
    reply(x, file);
    return true;
}

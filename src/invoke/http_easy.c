/* http_easy.c: one libcurl handle: what is set once when it is made, and what each request sets. */
#include "invoke/http_parts.h"

#include "base/limits.h"

#if LIBCURL_VERSION_NUM < 0x075000
#error "libcurl 7.80 or later is needed (CURLOPT_PREREQFUNCTION)"
#endif

/* Called each time the request is about to go out on a connection. More than once in an attempt
 * means that a kept-alive connection died under it and libcurl sent it again under the same key. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static int on_sending(void *context, char *to_ip, char *from_ip, int to_port, int from_port)
{
    (void)to_ip;
    (void)from_ip;
    (void)to_port;
    (void)from_port;
    struct sk_http_transfer *transfer = context;
    transfer->sendings += 1;
    return CURL_PREREQFUNC_OK;
}

static bool name_is(struct sk_str name, const char *lower)
{
    size_t size = strlen(lower);
    if (name.size != size) return false;
    for (size_t i = 0; i < size; i++) {
        char c = name.data[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c) != lower[i]) return false;
    }
    return true;
}

/* Judged here because libcurl takes a length beyond 63 bits for none, and then any end of the
 * connection for the end of the body. What is no number libcurl refuses. */
static bool is_too_long(struct sk_str length, size_t size_max)
{
    uint64_t size = 0;
    for (size_t i = 0; i < length.size; i++) {
        if (length.data[i] < '0' || length.data[i] > '9') return false;
    }
    return length.size > 0 && (!sk_str_to_u64(length, &size) || size > size_max);
}

void sk_http_take_header(struct sk_http_transfer *transfer, struct sk_str name, struct sk_str value)
{
    struct sk_http_answer *answer = &transfer->answer;
    if (name_is(name, "content-length")) {
        size_t size_max = transfer->invoker->options.answer_size_max;
        if (is_too_long(value, size_max) && !sk_str_is(transfer->method, "HEAD"))
            transfer->received.failed = true;
    } else if (name_is(name, "skald-pending")) {
        answer->is_pending = name_is(value, "true");
    } else if (name_is(name, "retry-after")) {
        struct sk_runtime *runtime = transfer->invoker->options.runtime;
        answer->has_retry_after =
            sk_http_retry_after(value, runtime->ops->now_ms(runtime), &answer->retry_after_ms);
    }
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    struct sk_http_transfer *transfer = context;
    struct sk_str line = { data, size * count };
    if (sk_str_starts(line, SK_STR("HTTP/"))) {
        /* A new answer: what an interim one (1xx) or an earlier sending said does not count. */
        transfer->answer.is_pending = false;
        transfer->answer.has_retry_after = false;
        transfer->has_head = false;
        sk_buf_clear(&transfer->received);
    }
    if (sk_str_trim(line).size == 0) transfer->has_head = true;
    size_t colon = sk_str_find(line, ':');
    if (colon < line.size && !transfer->has_head) {
        sk_http_take_header(transfer, sk_str_sub(line, 0, colon),
                            sk_str_trim(sk_str_sub(line, colon + 1, line.size - colon - 1)));
    }
    return transfer->received.failed ? 0 : line.size;
}

/* An answer without an end is cut at the buffer's ceiling: curl then ends the exchange. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct sk_http_transfer *transfer = context;
    sk_buf_append(&transfer->received, data, size * count);
    return transfer->received.failed ? 0 : size * count;
}

#define SET(easy, option, value) (curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

/* ---- what a service may have of its own --------------------------------------------------- */

const struct sk_service_options *sk_http_profile_of(const struct sk_service_options *service)
{
    if (service == NULL) return NULL;
    const struct sk_tls_options *tls = &service->tls;
    bool has_own = tls->ca_file != NULL || tls->ca_path != NULL || tls->cert_file != NULL ||
                   service->proxy != NULL || service->no_proxy != NULL ||
                   service->http2 != SK_HTTP2_DEFAULT;
    return has_own ? service : NULL;
}

const char *sk_http_proxy_of(const struct sk_http_options *options,
                             const struct sk_service_options *service)
{
    const char *proxy = service != NULL ? service->proxy : NULL;
    if (proxy == NULL) proxy = options->proxy;
    return proxy == NULL || strcmp(proxy, "direct") == 0 ? "" : proxy;
}

static bool set_authorities(CURL *easy, const struct sk_tls_options *own,
                            const struct sk_tls_options *shared)
{
    /* a service's own authorities stand in place of the server's, they do not come on top */
    const struct sk_tls_options *tls =
        own != NULL && (own->ca_file != NULL || own->ca_path != NULL) ? own : shared;
    bool is_set = true;
    if (tls->ca_file != NULL) is_set = SET(easy, CURLOPT_CAINFO, tls->ca_file);
    if (tls->ca_path != NULL) is_set = is_set && SET(easy, CURLOPT_CAPATH, tls->ca_path);
    if (tls->ca_file != NULL && tls->ca_path == NULL)
        is_set = is_set && SET(easy, CURLOPT_CAPATH, NULL);
    if (tls->ca_path != NULL && tls->ca_file == NULL)
        is_set = is_set && SET(easy, CURLOPT_CAINFO, NULL);
    return is_set;
}

/* Sets a text with its ${secret:NAME} resolved; false without the secret, too. */
static bool set_with_secrets(CURL *easy, CURLoption option, const struct sk_http_options *options,
                             const char *text)
{
    static const char opening[] = "${secret:";
    struct sk_str rest = sk_str_of(text);
    struct sk_buf whole;
    bool is_known = true;
    sk_buf_init(&whole, 0);
    while (rest.size > 0) {
        size_t close = sk_str_starts(rest, sk_str_of(opening)) ? sk_str_find(rest, '}') : rest.size;
        if (close == rest.size) {
            sk_buf_append_char(&whole, rest.data[0]);
            rest = sk_str_sub(rest, 1, rest.size - 1);
            continue;
        }
        size_t from = sizeof opening - 1;
        struct sk_str name = sk_str_sub(rest, from, close - from);
        is_known = is_known && options->secret != NULL &&
                   options->secret(options->secret_context, name, &whole);
        rest = sk_str_sub(rest, close + 1, rest.size - close - 1);
    }
    bool is_set = is_known && !whole.failed && SET(easy, option, sk_buf_text(&whole));
    sk_buf_release(&whole);
    return is_set;
}

static bool set_certificate(CURL *easy, const struct sk_http_options *options,
                            const struct sk_tls_options *own)
{
    const struct sk_tls_options *tls = own != NULL && own->cert_file != NULL ? own : &options->tls;
    if (tls->cert_file == NULL) return true;
    const char *key_file = tls->key_file != NULL ? tls->key_file : tls->cert_file;
    bool is_set = SET(easy, CURLOPT_SSLCERT, tls->cert_file) && SET(easy, CURLOPT_SSLKEY, key_file);
    if (!is_set || tls->key_password == NULL) return is_set;
    return set_with_secrets(easy, CURLOPT_KEYPASSWD, options, tls->key_password);
}

static bool set_tls(CURL *easy, const struct sk_http_options *options,
                    const struct sk_service_options *profile)
{
    const struct sk_tls_options *own = profile == NULL ? NULL : &profile->tls;
    return SET(easy, CURLOPT_SSL_VERIFYPEER, 1L) && SET(easy, CURLOPT_SSL_VERIFYHOST, 2L) &&
           SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           set_authorities(easy, own, &options->tls) && set_certificate(easy, options, own);
}

/* What a proxy says about itself is none of the participant's answer. Whatever the environment
 * names is not used: empty texts, not none. */
static bool set_proxy(CURL *easy, const struct sk_http_options *options,
                      const struct sk_service_options *profile)
{
    const char *no_proxy = profile != NULL ? profile->no_proxy : NULL;
    if (no_proxy == NULL) no_proxy = options->no_proxy;
    return set_with_secrets(easy, CURLOPT_PROXY, options, sk_http_proxy_of(options, profile)) &&
           SET(easy, CURLOPT_NOPROXY, no_proxy == NULL ? "" : no_proxy) &&
           SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

static long version_of(const struct sk_http_options *options,
                       const struct sk_service_options *profile)
{
    enum sk_http2 http2 = profile != NULL ? profile->http2 : SK_HTTP2_DEFAULT;
    if (http2 == SK_HTTP2_DEFAULT) http2 = options->http2;
    switch (http2) {
    case SK_HTTP2_OFF: return CURL_HTTP_VERSION_1_1;
    case SK_HTTP2_DIRECT: return CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
    case SK_HTTP2_DEFAULT:
    case SK_HTTP2_AUTO: break;
    }
    bool has_http2 = (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP2) != 0;
    return has_http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
}

static bool set_protocol(CURL *easy, const struct sk_http_options *options,
                         const struct sk_service_options *profile)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    bool is_set = SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    bool is_set = SET(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Else the end of an exchange during its DNS lookup would wait for the resolver's thread. */
    is_set = is_set && SET(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    return is_set && SET(easy, CURLOPT_HTTP_VERSION, version_of(options, profile)) &&
           SET(easy, CURLOPT_FOLLOWLOCATION, 0L) && SET(easy, CURLOPT_PATH_AS_IS, 1L) &&
           SET(easy, CURLOPT_NOSIGNAL, 1L) && SET(easy, CURLOPT_TCP_KEEPALIVE, 1L) &&
           SET(easy, CURLOPT_MAXAGE_CONN, (long)((options->idle_timeout_ms + 999) / 1000));
}

static bool set_sockets(CURL *easy, struct sk_http_invoker *invoker)
{
    return SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)invoker->options.connect_timeout_ms) &&
           SET(easy, CURLOPT_OPENSOCKETFUNCTION, sk_http_open_socket) &&
           SET(easy, CURLOPT_OPENSOCKETDATA, invoker) &&
           SET(easy, CURLOPT_CLOSESOCKETFUNCTION, sk_http_close_socket) &&
           SET(easy, CURLOPT_CLOSESOCKETDATA, invoker);
}

CURL *sk_http_easy_new(struct sk_http_invoker *invoker, const struct sk_service_options *profile)
{
    const struct sk_http_options *options = &invoker->options;
    CURL *easy = curl_easy_init();
    if (easy == NULL) return NULL;
    bool is_set = set_protocol(easy, options, profile) && set_tls(easy, options, profile) &&
                  set_proxy(easy, options, profile) && set_sockets(easy, invoker) &&
                  SET(easy, CURLOPT_HEADERFUNCTION, on_header) &&
                  SET(easy, CURLOPT_WRITEFUNCTION, on_body) &&
                  SET(easy, CURLOPT_PREREQFUNCTION, on_sending);
    if (is_set) return easy;
    curl_easy_cleanup(easy);
    return NULL;
}

/* The verb is always the definition's; libcurl only has to know whether bytes follow. */
static bool load_method(CURL *easy, const struct sk_http_transfer *transfer)
{
    struct sk_str method = transfer->method;
    bool has_body = transfer->body.size > 0;
    bool wants_length =
        sk_str_is(method, "POST") || sk_str_is(method, "PUT") || sk_str_is(method, "PATCH");
    bool is_set;
    if (has_body || wants_length) {
        is_set = SET(easy, CURLOPT_POST, 1L) &&
                 SET(easy, CURLOPT_POSTFIELDS, has_body ? transfer->body.data : "") &&
                 SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body.size);
    } else if (sk_str_is(method, "HEAD")) {
        is_set = SET(easy, CURLOPT_HTTPGET, 1L) && SET(easy, CURLOPT_NOBODY, 1L);
    } else {
        is_set = SET(easy, CURLOPT_HTTPGET, 1L);
    }
    return is_set && SET(easy, CURLOPT_CUSTOMREQUEST, method.data);
}

static void append_node(struct sk_arena *arena, struct curl_slist ***tail, struct sk_str line)
{
    struct curl_slist *node = SK_ARENA_NEW(arena, struct curl_slist);
    if (node == NULL) return;
    node->data = sk_arena_text(arena, line);
    **tail = node;
    *tail = &node->next;
}

/* The lines in libcurl's form: "Name: value", "Name;" for an empty one, "Name:" for none. */
static struct curl_slist *list_of(struct sk_http_transfer *transfer)
{
    struct sk_arena *arena = &transfer->arena;
    struct curl_slist *first = NULL, **tail = &first;
    struct sk_str rest = sk_buf_view(&transfer->head);
    while (rest.size > 0) {
        size_t end = sk_str_find(rest, '\r');
        struct sk_str line = sk_str_sub(rest, 0, end);
        rest = sk_str_sub(rest, end + 2, rest.size);
        size_t colon = sk_str_find(line, ':');
        if (sk_str_trim(sk_str_sub(line, colon + 1, line.size)).size > 0) {
            append_node(arena, &tail, line);
            continue;
        }
        char *empty = sk_arena_alloc(arena, colon + 1);
        if (empty == NULL) return NULL;
        memcpy(empty, line.data, colon);
        empty[colon] = ';';
        append_node(arena, &tail, (struct sk_str){ empty, colon + 1 });
    }
    /* libcurl would add that of a form, and wait for a 100 */
    if (!transfer->has_content_type) append_node(arena, &tail, SK_STR("Content-Type:"));
    append_node(arena, &tail, SK_STR("Expect:"));
    return arena->failed ? NULL : first;
}

/* To a host of wires libcurl is to find the way each time, and keeps no connections of its own. */
bool sk_http_easy_load(struct sk_http_transfer *transfer)
{
    CURL *easy = transfer->easy;
    struct curl_slist *headers = list_of(transfer);
    long is_once = transfer->host->is_plain ? 1 : 0;
    if (headers == NULL) return false;
    return SET(easy, CURLOPT_FRESH_CONNECT, is_once) && SET(easy, CURLOPT_FORBID_REUSE, is_once) &&
           SET(easy, CURLOPT_URL, transfer->url.data) && load_method(easy, transfer) &&
           SET(easy, CURLOPT_HTTPHEADER, headers) && SET(easy, CURLOPT_PRIVATE, transfer) &&
           SET(easy, CURLOPT_HEADERDATA, transfer) && SET(easy, CURLOPT_WRITEDATA, transfer) &&
           SET(easy, CURLOPT_PREREQDATA, transfer) &&
           SET(easy, CURLOPT_ERRORBUFFER, transfer->message);
}

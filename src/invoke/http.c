/*
 * http.c: the HTTP invoker: takes an invocation, sees that it ends exactly once, and reports. The
 * diagram of a transfer's life stands in http_parts.h.
 *
 *   I1  `done` is called from the loop's own callbacks (socket, timer), never from inside `start`.
 *   I2  A transfer is out of the table of tickets, off its host and its timer is off before
 *       `done` is called, so that `done` may start and cancel what it likes.
 *   I3  The time-out is the loop's own monotonic timer and runs from `start`: it also covers the
 *       wait for a connection, which libcurl's does not.
 */
#include "invoke/http_parts.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/spare.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

enum { SPARE_MAX = 256, SPARE_BODY_SIZE_MAX = 64 * 1024 };

static struct sk_http_invoker *whole_of(struct sk_invoker *port)
{
    return sk_container_of(port, struct sk_http_invoker, port);
}

/* ---- transfers ---------------------------------------------------------------------------- */

static void transfer_free(struct sk_http_transfer *transfer)
{
    sk_arena_release(&transfer->arena);
    sk_buf_release(&transfer->received);
    sk_buf_release(&transfer->head);
    sk_free(transfer);
}

static struct sk_http_transfer *transfer_new(struct sk_http_invoker *invoker)
{
    struct sk_http_transfer *transfer =
        SK_SPARE_TAKE(&invoker->spare, struct sk_http_transfer, link);
    if (transfer != NULL) {
        invoker->spare_count -= 1;
    } else {
        transfer = sk_alloc(sizeof *transfer);
        if (transfer == NULL) return NULL;
        sk_list_init(&transfer->link);
        sk_arena_init(&transfer->arena);
        sk_buf_init(&transfer->received, invoker->options.answer_size_max);
        sk_buf_init(&transfer->head, 0);
    }
    transfer->invoker = invoker;
    transfer->host = NULL;
    transfer->easy = NULL;
    transfer->wire = NULL;
    transfer->sendings = 0;
    transfer->has_head = false;
    transfer->answer = (struct sk_http_answer){ 0 };
    return transfer;
}

/* Its memory serves the next one, unless it is a lot. */
static void transfer_recycle(struct sk_http_transfer *transfer)
{
    struct sk_http_invoker *invoker = transfer->invoker;
    if (invoker->spare_count >= SPARE_MAX || transfer->arena.bytes > SPARE_BODY_SIZE_MAX ||
        transfer->received.capacity > SPARE_BODY_SIZE_MAX ||
        transfer->head.capacity > SPARE_BODY_SIZE_MAX) {
        transfer_free(transfer);
        return;
    }
    sk_arena_clear(&transfer->arena);
    transfer->arena.failed = false;
    sk_buf_clear(&transfer->received);
    transfer->received.failed = false;
    SK_SPARE_PUT(&invoker->spare, transfer, link);
    invoker->spare_count += 1;
}

/* I2. Who is next in line for its connection is sent at once. */
static void detach(struct sk_http_transfer *transfer)
{
    struct sk_http_invoker *invoker = transfer->invoker;
    struct sk_http_host *host = transfer->host;
    HASH_DEL(invoker->transfers, transfer);
    invoker->transfers_count -= 1;
    (void)evtimer_del(&transfer->timer);
    if (host == NULL) return;
    bool has_others =
        !sk_list_is_empty(&host->waiting) || !sk_list_is_empty(&invoker->pool.held_hosts);
    sk_http_pool_leave(invoker, transfer);
    if (has_others) sk_http_pool_launch(invoker, host);
}

/* Sent twice on dying connections: an answer to the one is none to the other (law 6), and that the
 * second did not happen does not say that the first did not (law 5). */
static void doubt(struct sk_outcome *outcome)
{
    bool is_denied =
        outcome->class_ == SK_OUTCOME_FAILED || outcome->class_ == SK_OUTCOME_RETRYABLE;
    if (is_denied) outcome->class_ = SK_OUTCOME_UNKNOWN;
    outcome->is_answered = false;
}

static void end(struct sk_http_transfer *transfer)
{
    detach(transfer);
    struct sk_http_answer *answer = &transfer->answer;
    answer->body = sk_buf_view(&transfer->received);
    answer->message = sk_str_of(transfer->message);
    struct sk_outcome outcome;
    sk_http_outcome(&transfer->question, answer, &transfer->arena, &outcome);
    if (transfer->sendings > 1) doubt(&outcome);
    transfer->done(transfer->context, transfer->ticket, &outcome);
    transfer_recycle(transfer);
}

/* ---- how an exchange ended ---------------------------------------------------------------- */

/* What was said to a proxy, or to agree on TLS, is no part of the request: `sendings` counts from
 * behind it. */
static bool is_sent(const struct sk_http_transfer *transfer)
{
    long request_size = 0;
    if (transfer->wire != NULL) return sk_http_wire_is_sent(transfer->wire);
    if (transfer->sendings == 0) return false;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &request_size);
    return request_size > 0;
}

static enum sk_http_failure failure_of(const struct sk_http_transfer *transfer, CURLcode result)
{
    if (result == CURLE_OK && transfer->has_head) return SK_HTTP_WHOLE;
    if (transfer->received.failed) return SK_HTTP_TOO_LARGE;
    if (transfer->answer.is_sent) return SK_HTTP_NETWORK;
    if (result == CURLE_URL_MALFORMAT) return SK_HTTP_BAD_URL;
    if (result == CURLE_OPERATION_TIMEDOUT) return SK_HTTP_CONNECT_TIMEOUT;
    long number = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &number);
    if (result == CURLE_COULDNT_CONNECT && number == ECONNREFUSED) return SK_HTTP_REFUSED;
    if (result == CURLE_COULDNT_CONNECT && number == ETIMEDOUT) return SK_HTTP_CONNECT_TIMEOUT;
    return SK_HTTP_NETWORK;
}

/* "host:3128", without the name and password that may stand before it. */
static const char *proxy_name(const char *proxy)
{
    const char *at = strrchr(proxy, '@');
    const char *scheme = strstr(proxy, "://");
    if (at != NULL) return at + 1;
    return scheme != NULL ? scheme + 3 : proxy;
}

/* What to look at when no connection came about. */
static void add_remedy(struct sk_http_transfer *transfer, CURLcode result)
{
    char *message = transfer->message;
    size_t used = strlen(message), size = sizeof transfer->message - used;
    const char *proxy = sk_http_proxy_of(&transfer->invoker->options, transfer->service);
    if (result == CURLE_PEER_FAILED_VERIFICATION) {
        bool is_authority = strstr(message, "issuer") != NULL || strstr(message, "self") != NULL;
        (void)snprintf(message + used, size, "; nothing was sent%s",
                       is_authority ? "; is the authority that signed it in tls.ca_file?" : "");
    } else if (result == CURLE_SSL_CERTPROBLEM) {
        (void)snprintf(message + used, size, "; see tls.cert_file and tls.key_file of the service");
    } else if (result == CURLE_SSL_CACERT_BADFILE) {
        (void)snprintf(message + used, size, "; see tls.ca_file of the service");
    } else if (proxy[0] != 0) {
        (void)snprintf(message + used, size, " (by the proxy %s)", proxy_name(proxy));
    }
}

/* In words of what happened, where libcurl's are those of its inside. */
static void explain(struct sk_http_transfer *transfer, CURLcode result)
{
    char *message = transfer->message;
    size_t size = sizeof transfer->message;
    if (transfer->answer.failure == SK_HTTP_TOO_LARGE) {
        (void)snprintf(message, size, "the answer's body is larger than %zu bytes",
                       transfer->invoker->options.answer_size_max);
    } else if (result == CURLE_OK && transfer->answer.failure == SK_HTTP_NETWORK) {
        (void)snprintf(message, size, "the connection ended inside the answer's headers");
    } else if (result == CURLE_OUT_OF_MEMORY && transfer->answer.is_sent) {
        (void)snprintf(message, size,
                       "a line of the answer's headers is too long, or memory is short");
    } else if (result != CURLE_OK && message[0] == '\0') {
        (void)snprintf(message, size, "%s", curl_easy_strerror(result));
    }
    if (!transfer->answer.is_sent && result != CURLE_OK) add_remedy(transfer, result);
}

void sk_http_on_wire(struct sk_http_transfer *transfer, enum sk_http_failure failure, bool is_sent,
                     uint16_t status, const char *text)
{
    struct sk_http_answer *answer = &transfer->answer;
    answer->is_sent = is_sent;
    answer->failure = failure;
    if (failure == SK_HTTP_WHOLE) {
        answer->status = status;
    } else if (failure == SK_HTTP_TOO_LARGE) {
        explain(transfer, CURLE_OK);
    } else {
        (void)snprintf(transfer->message, sizeof transfer->message, "%s", text);
    }
    end(transfer);
}

void sk_http_on_curl(struct sk_http_transfer *transfer, CURLcode result)
{
    SK_ASSERT(transfer->place == SK_HTTP_FLYING);
    struct sk_http_answer *answer = &transfer->answer;
    answer->is_sent = is_sent(transfer);
    answer->failure = failure_of(transfer, result);
    long status = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (answer->failure == SK_HTTP_WHOLE) answer->status = (uint16_t)status;
    explain(transfer, result);
    sk_http_learn_address(transfer, result == CURLE_OK);
    end(transfer);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct sk_http_transfer *transfer = context;
    struct sk_http_answer *answer = &transfer->answer;
    if (transfer->place != SK_HTTP_BARRED) {
        answer->is_sent = transfer->place == SK_HTTP_FLYING && is_sent(transfer);
        answer->failure = answer->is_sent ? SK_HTTP_TIMEOUT : SK_HTTP_CONNECT_TIMEOUT;
        const char *text = answer->is_sent                     ? "no whole answer in time"
                           : transfer->place == SK_HTTP_FLYING ? "no connection in time"
                                                               : "no free connection in time";
        (void)snprintf(transfer->message, sizeof transfer->message, "%s", text);
    }
    end(transfer);
}

/* ---- the port ----------------------------------------------------------------------------- */

static bool set_timer(struct sk_http_transfer *transfer, int64_t delay_ms)
{
    struct timeval delay = { .tv_sec = (time_t)(delay_ms / 1000),
                             .tv_usec = (suseconds_t)(delay_ms % 1000) * 1000 };
    return evtimer_assign(&transfer->timer, transfer->invoker->options.base, on_timer, transfer) ==
               0 &&
           evtimer_add(&transfer->timer, &delay) == 0;
}

/* From here on `done` will come. */
static bool enter_table(struct sk_http_transfer *transfer)
{
    struct sk_http_invoker *invoker = transfer->invoker;
    HASH_ADD(hh, invoker->transfers, ticket, sizeof transfer->ticket, transfer);
    if (transfer->hh.tbl == NULL) return false;
    invoker->transfers_count += 1;
    return true;
}

static enum skald_status start(struct sk_invoker *port, const struct sk_invocation *invocation,
                               sk_invoke_done *done, void *context)
{
    struct sk_http_invoker *invoker = whole_of(port);
    if (invoker->transfers_count >= SK_HTTP_INVOCATIONS_MAX) return SKALD_E_LIMIT;
    struct sk_http_transfer *transfer = transfer_new(invoker);
    if (transfer == NULL) return SKALD_E_MEMORY;
    transfer->ticket = invocation->ticket;
    transfer->done = done;
    transfer->context = context;
    transfer->place = SK_HTTP_BARRED;
    struct sk_http_host *host = NULL;
    enum skald_status status =
        sk_http_request_build(transfer, invocation, &transfer->answer.failure);
    if (status == SKALD_OK && transfer->answer.failure == SK_HTTP_WHOLE) {
        status = sk_http_pool_enter(invoker, transfer);
        host = transfer->host;
    }
    int64_t timeout_ms = invocation->timeout_ms > 0 ? invocation->timeout_ms : 1;
    const struct sk_service_options *service = transfer->service;
    if (service != NULL && service->timeout_ms > 0 && service->timeout_ms < timeout_ms) {
        timeout_ms = service->timeout_ms;
    }
    struct sk_runtime *runtime = invoker->options.runtime;
    transfer->launch_until_us = runtime->ops->monotonic_us(runtime) + timeout_ms * 1000 / 2;
    if (invocation->send_until_us != 0 && invocation->send_until_us < transfer->launch_until_us) {
        transfer->launch_until_us = invocation->send_until_us;
    }
    bool is_barred = transfer->place == SK_HTTP_BARRED;
    if (status == SKALD_OK && !set_timer(transfer, is_barred ? 0 : timeout_ms)) {
        status = SKALD_E_MEMORY;
    }
    if (status == SKALD_OK && !enter_table(transfer)) {
        (void)evtimer_del(&transfer->timer);
        status = SKALD_E_MEMORY;
    }
    if (status != SKALD_OK) {
        sk_http_pool_leave(invoker, transfer);
        transfer_recycle(transfer);
        return status;
    }
    if (host != NULL) sk_http_pool_launch(invoker, host);
    return SKALD_OK;
}

static void cancel(struct sk_invoker *port, uint64_t ticket)
{
    struct sk_http_invoker *invoker = whole_of(port);
    struct sk_http_transfer *transfer = NULL;
    HASH_FIND(hh, invoker->transfers, &ticket, sizeof ticket, transfer);
    if (transfer == NULL) return;
    detach(transfer);
    transfer_recycle(transfer);
}

static void release_curl(struct sk_http_invoker *invoker)
{
    /* TLS says goodbye on sockets whose other end may be gone; outside the loop nobody has blocked
     * SIGPIPE. */
    sigset_t pipe_only, before;
    static const struct timespec no_time;
    (void)sigemptyset(&pipe_only);
    (void)sigaddset(&pipe_only, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    sk_http_pool_release(&invoker->pool);
    sk_http_multi_release(invoker);
    if (sigismember(&before, SIGPIPE) == 0) {
        while (sigtimedwait(&pipe_only, NULL, &no_time) > 0) {}
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void invoker_free(struct sk_invoker *port)
{
    if (port == NULL) return;
    struct sk_http_invoker *invoker = whole_of(port);
    struct sk_http_transfer *transfer, *next;
    HASH_ITER(hh, invoker->transfers, transfer, next)
    {
        if (transfer->place == SK_HTTP_WAITING) cancel(port, transfer->ticket);
    }
    HASH_ITER(hh, invoker->transfers, transfer, next)
    {
        cancel(port, transfer->ticket);
    }
    release_curl(invoker);
    while ((transfer = SK_SPARE_TAKE(&invoker->spare, struct sk_http_transfer, link)) != NULL)
        transfer_free(transfer);
    sk_arena_release(&invoker->texts);
    if (invoker->has_global) curl_global_cleanup();
    sk_free(invoker);
}

static const struct sk_invoker_ops http_ops = { .start = start,
                                                .cancel = cancel,
                                                .free = invoker_free };

static void keep(struct sk_arena *arena, const char **text)
{
    if (*text != NULL) *text = sk_arena_text(arena, sk_str_of(*text));
}

static bool keep_texts(struct sk_http_invoker *invoker)
{
    struct sk_arena *arena = &invoker->texts;
    struct sk_http_options *options = &invoker->options;
    struct sk_tls_options *tls = &options->tls;
    const char **texts[] = { &tls->ca_file,      &tls->ca_path,   &tls->cert_file,   &tls->key_file,
                             &tls->key_password, &options->proxy, &options->no_proxy };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) keep(arena, texts[i]);
    const char **hosts = SK_ARENA_ARRAY(arena, const char *, options->hosts_allowed_count);
    for (uint32_t i = 0; hosts != NULL && i < options->hosts_allowed_count; i++) {
        hosts[i] = options->hosts_allowed[i];
        keep(arena, &hosts[i]);
    }
    options->hosts_allowed = hosts;
    return !arena->failed;
}

static enum skald_status make_parts(struct sk_http_invoker *invoker)
{
    struct sk_http_options *options = &invoker->options;
    if (options->connections_per_host == 0) {
        options->connections_per_host = SK_HTTP_CONNECTIONS_PER_HOST;
    }
    if (options->connections_max == 0) options->connections_max = SK_HTTP_CONNECTIONS_MAX;
    if (options->connect_timeout_ms == 0) options->connect_timeout_ms = SK_HTTP_CONNECT_TIMEOUT_MS;
    if (options->idle_timeout_ms == 0) options->idle_timeout_ms = SK_HTTP_IDLE_S_MAX * 1000;
    if (options->answer_size_max == 0 || options->answer_size_max > SK_PAYLOAD_SIZE_MAX) {
        options->answer_size_max = SK_PAYLOAD_SIZE_MAX;
    }
    if (!keep_texts(invoker)) return SKALD_E_MEMORY;
    invoker->has_global = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    if (!invoker->has_global) return SKALD_E_UNSUPPORTED;
    return sk_http_multi_init(invoker);
}

enum skald_status sk_http_invoker_new(const struct sk_http_options *options,
                                      struct sk_invoker **out, skald_error *error)
{
    *out = NULL;
    if (options->runtime == NULL || options->base == NULL || options->connect_timeout_ms < 0) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "http invoker: a runtime and its loop, please");
    }
    struct sk_http_invoker *invoker = sk_alloc(sizeof *invoker);
    if (invoker == NULL) return sk_error_set(error, SKALD_E_MEMORY, "http invoker: out of memory");
    invoker->port.ops = &http_ops;
    invoker->options = *options;
    sk_http_pool_init(&invoker->pool);
    sk_list_init(&invoker->spare);
    sk_arena_init(&invoker->texts);
    enum skald_status status = make_parts(invoker);
    if (status != SKALD_OK) {
        invoker_free(&invoker->port);
        return sk_error_set(error, status, "http invoker: libcurl cannot be used: %s",
                            skald_status_text(status));
    }
    *out = &invoker->port;
    return SKALD_OK;
}

enum skald_status sk_http_check(const struct sk_invoker *invoker, struct sk_str service,
                                struct sk_str endpoint, skald_error *error)
{
    const struct sk_http_options *options =
        &((const struct sk_http_invoker *)(const void *)invoker)->options;
    const struct sk_service_options *known = sk_services_find(options->services, service);
    struct sk_arena arena;
    char host[256];
    if (endpoint.size == 0 && known != NULL) endpoint = sk_str_of(known->endpoint);
    if (endpoint.size == 0) {
        return sk_error_set(error, SKALD_E_INVALID,
                            "nobody knows where the service %.*s is: give the action an "
                            "`endpoint`, name it under `services`, or set services.%.*s.endpoint "
                            "in the server's configuration",
                            SK_STR_ARGS(service), SK_STR_ARGS(service));
    }
    bool has_secret = memmem(endpoint.data, endpoint.size, "${secret:", 9) != NULL;
    if (options->hosts_allowed_count == 0 || has_secret) return SKALD_OK;
    sk_arena_init(&arena);
    const char *url = sk_arena_text(&arena, endpoint);
    bool is_allowed = url != NULL && sk_http_host_allowed(options, url, host, sizeof host);
    sk_arena_release(&arena);
    if (is_allowed) return SKALD_OK;
    return sk_error_set(error, SKALD_E_INVALID,
                        "service %.*s: this server does not call %s: its configuration lists the "
                        "hosts that it may call (hosts.allow)",
                        SK_STR_ARGS(service), host);
}

/*
 * http_request.c: from an invocation to the URL and the headers that are sent, as the lines that
 * they are on the wire.
 *
 *   Q1  No byte that could end a header or the request line gets into one, wherever it came from:
 *       a template, an id, a secret. Such a request is refused, not repaired.
 *   Q2  What Skald says about an attempt cannot be overwritten by the definition.
 *   Q3  Messages name a header or a secret, never a value.
 */
#include "invoke/http_parts.h"

#include "base/time.h"
#include "base/word.h"
#include "invoke/percent.h"

#include <stdio.h>
#include <strings.h>

#ifndef SKALD_BUILD_VERSION
#define SKALD_BUILD_VERSION "0"
#endif

struct build {
    struct sk_http_transfer *transfer;
    const struct sk_invocation *invocation;
    enum sk_http_failure failure;
    struct sk_buf *head; /* the transfer's; the URL is made in it first */
    bool has_content_type, has_accept, has_user_agent, has_host;
};

static void refuse(struct build *b, enum sk_http_failure failure, const char *what,
                   struct sk_str name)
{
    if (b->failure != SK_HTTP_WHOLE) return; /* the first reason is the one to tell */
    b->failure = failure;
    (void)snprintf(b->transfer->message, sizeof b->transfer->message, "%s: %.*s", what,
                   (int)(name.size < 100 ? name.size : 100), name.size > 0 ? name.data : "");
}

/* ---- secrets ------------------------------------------------------------------------------ */

static void append_secret(struct build *b, struct sk_str name, bool is_encoded)
{
    const struct sk_http_options *options = &b->transfer->invoker->options;
    struct sk_buf value;
    sk_buf_init(&value, 0);
    if (options->secret == NULL || !options->secret(options->secret_context, name, &value)) {
        refuse(b, SK_HTTP_NO_SECRET, "no such secret", name);
    } else if (is_encoded) {
        sk_percent_append(b->head, sk_buf_view(&value));
    } else {
        sk_buf_append_str(b->head, sk_buf_view(&value));
    }
    b->head->failed = b->head->failed || value.failed;
    sk_buf_release(&value);
}

/* Appends `text` to *b->head with every ${secret:NAME} resolved; in a URL, what stands behind the
 * '?' is percent-encoded. */
static void append_resolved(struct build *b, struct sk_str text, bool is_url)
{
    static const char opening[] = "${secret:";
    const size_t opening_size = sizeof opening - 1;
    bool in_query = false;
    if (text.size == 0 || memmem(text.data, text.size, opening, opening_size) == NULL) {
        sk_buf_append_str(b->head, text);
        return;
    }
    while (text.size > 0) {
        struct sk_str rest = text;
        size_t close = 0;
        if (sk_str_starts(text, (struct sk_str){ opening, opening_size })) {
            rest = sk_str_sub(text, opening_size, text.size - opening_size);
            close = sk_str_find(rest, '}');
        }
        if (rest.size != text.size && close < rest.size) {
            append_secret(b, sk_str_sub(rest, 0, close), is_url && in_query);
            text = sk_str_sub(rest, close + 1, rest.size - close - 1);
            continue;
        }
        if (text.data[0] == '?') in_query = true;
        sk_buf_append_char(b->head, text.data[0]);
        text = sk_str_sub(text, 1, text.size - 1);
    }
}

/* ---- headers ------------------------------------------------------------------------------ */

static bool is_token(struct sk_str name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_letter && (c == '\0' || strchr(others, c) == NULL)) return false;
    }
    return name.size > 0;
}

static bool is_header_value(struct sk_str value)
{
    size_t i = 0;
    for (; value.size - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        uint64_t word = sk_word_at(value.data + i);
        if (sk_word_has_high(word) || sk_word_has_below(word, 0x20) || sk_word_has(word, 0x7F))
            break; /* or a tab, or a letter beyond ASCII: byte by byte */
    }
    for (; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F) return false;
    }
    return true;
}

/* Q1. The value may hold secrets. */
static void add_header(struct build *b, struct sk_str name, struct sk_str value)
{
    struct sk_buf *head = b->head;
    sk_buf_append_str(head, name);
    sk_buf_append(head, ": ", 2);
    size_t at = head->size;
    append_resolved(b, value, false);
    if (head->failed || b->failure != SK_HTTP_WHOLE) return;
    struct sk_str whole = sk_str_sub(sk_buf_view(head), at, head->size - at);
    if (!is_token(name) || !is_header_value(whole)) {
        refuse(b, SK_HTTP_BAD_HEADER, "not fit for a header", is_token(name) ? name : SK_STR("?"));
        return;
    }
    sk_buf_append(head, "\r\n", 2);
}

/* Like add_header, for values of ours: whatever looks like a secret in an id is only text. */
static void add_own(struct build *b, struct sk_str name, struct sk_str value)
{
    if (value.size == 0) return;
    if (!is_header_value(value)) {
        refuse(b, SK_HTTP_BAD_HEADER, "not fit for a header", name);
        return;
    }
    sk_buf_append_str(b->head, name);
    sk_buf_append(b->head, ": ", 2);
    sk_buf_append_str(b->head, value);
    sk_buf_append(b->head, "\r\n", 2);
}

static bool same_name(struct sk_str name, const char *other)
{
    return name.size == strlen(other) && strncasecmp(name.data, other, name.size) == 0;
}

/* Q2, and what frames an HTTP message, which is libcurl's. */
static bool is_ours(const struct build *b, struct sk_str name)
{
    static const char *const names[] = { "idempotency-key",
                                         "content-length",
                                         "transfer-encoding",
                                         "connection",
                                         "proxy-connection",
                                         "keep-alive",
                                         "expect",
                                         "te",
                                         "trailer",
                                         "upgrade" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (same_name(name, names[i])) return true;
    }
    if (same_name(name, "traceparent")) return b->invocation->traceparent.size > 0;
    return name.size >= 6 && strncasecmp(name.data, "skald-", 6) == 0;
}

/* The next line of "name: value\n…"; false at the end. */
static bool next_line(struct sk_str *rest, struct sk_str *out_line)
{
    if (rest->size == 0) return false;
    size_t end = sk_str_find(*rest, '\n');
    *out_line = sk_str_sub(*rest, 0, end);
    *rest = end < rest->size ? sk_str_sub(*rest, end + 1, rest->size - end - 1) : SK_STR("");
    return true;
}

static void add_line(struct build *b, struct sk_str line)
{
    size_t colon = sk_str_find(line, ':');
    if (colon == line.size) {
        refuse(b, SK_HTTP_BAD_HEADER, "not fit for a header", SK_STR("a line without a colon"));
        return;
    }
    struct sk_str name = sk_str_sub(line, 0, colon);
    struct sk_str value = sk_str_sub(line, colon + 1, line.size - colon - 1);
    while (value.size > 0 && (value.data[0] == ' ' || value.data[0] == '\t')) {
        value = sk_str_sub(value, 1, value.size - 1);
    }
    if (is_ours(b, name)) return;
    b->has_content_type = b->has_content_type || same_name(name, "content-type");
    b->has_host = b->has_host || same_name(name, "host");
    b->has_accept = b->has_accept || same_name(name, "accept");
    b->has_user_agent = b->has_user_agent || same_name(name, "user-agent");
    add_header(b, name, value);
}

static bool is_defined(const struct build *b, struct sk_str name)
{
    struct sk_str rest = b->invocation->headers, line = { 0 };
    while (next_line(&rest, &line)) {
        struct sk_str other = sk_str_sub(line, 0, sk_str_find(line, ':'));
        bool is_same = other.size == name.size && name.size > 0 &&
                       strncasecmp(other.data, name.data, name.size) == 0;
        if (is_same) return true;
    }
    return false;
}

/* The definition's, and those of the configuration that it does not set itself. */
static void add_defined(struct build *b)
{
    struct sk_str rest = b->invocation->headers, line = { 0 };
    const struct sk_service_options *service = b->transfer->service;
    while (next_line(&rest, &line)) {
        if (line.size > 0) add_line(b, line);
    }
    for (uint32_t i = 0; service != NULL && i < service->headers_count; i++) {
        line = sk_str_of(service->headers[i]);
        if (!is_defined(b, sk_str_sub(line, 0, sk_str_find(line, ':')))) add_line(b, line);
    }
}

static const char *operation_name(enum sk_operation operation)
{
    switch (operation) {
    case SK_OPERATION_ACTION: return "action";
    case SK_OPERATION_COMPENSATION: return "compensation";
    case SK_OPERATION_VERIFY: return "verify";
    case SK_OPERATION_HOOK: return "hook";
    case SK_OPERATION_POLL: return "poll";
    case SK_OPERATION_DECISION: return "decision";
    }
    return "action";
}

static void add_headers(struct build *b)
{
    const struct sk_invocation *invocation = b->invocation;
    char deadline[SK_TIME_TEXT_SIZE] = "";
    if (invocation->deadline_ms > 0) sk_time_format(invocation->deadline_ms, deadline);
    add_own(b, SK_STR("Idempotency-Key"), invocation->key);
    add_own(b, SK_STR("Skald-Saga-Id"), invocation->saga_id);
    add_own(b, SK_STR("Skald-Step-Id"), invocation->step_id);
    add_own(b, SK_STR("Skald-Operation"), sk_str_of(operation_name(invocation->operation)));
    sk_buf_append_text(b->head, "Skald-Attempt: ");
    sk_buf_append_u64(b->head, invocation->attempt);
    sk_buf_append(b->head, "\r\n", 2);
    add_own(b, SK_STR("Skald-Deadline"), sk_str_of(deadline));
    add_own(b, SK_STR("Skald-Token"), invocation->token);
    add_own(b, SK_STR("traceparent"), invocation->traceparent);
    add_defined(b);
    if (!b->has_user_agent) add_own(b, SK_STR("User-Agent"), SK_STR("skald/" SKALD_BUILD_VERSION));
    if (!b->has_accept) add_own(b, SK_STR("Accept"), SK_STR("application/json, */*;q=0.5"));
    if (!b->has_content_type && invocation->body.size > 0) {
        add_own(b, SK_STR("Content-Type"), SK_STR("application/json"));
        b->has_content_type = true;
    }
    b->transfer->has_content_type = b->has_content_type;
    b->transfer->has_host = b->has_host;
}

/* ---- the rest ----------------------------------------------------------------------------- */

static size_t scheme_size(struct sk_str url)
{
    if (url.size > 7 && strncasecmp(url.data, "http://", 7) == 0) return 7;
    if (url.size > 8 && strncasecmp(url.data, "https://", 8) == 0) return 8;
    return 0;
}

/* The part of a URL that names scheme and host; empty when it is no http(s) URL. */
static struct sk_str authority_of(struct sk_str url)
{
    size_t start = scheme_size(url), end = start;
    if (start == 0) return (struct sk_str){ 0 };
    for (; end < url.size; end++) {
        char c = url.data[end];
        if (c == '/' || c == '?' || c == '#') break;
    }
    return end > start ? sk_str_sub(url, 0, end) : (struct sk_str){ 0 };
}

/* The target, with the configured endpoint before it where the action names none, or in place of
 * the one that the definition gives for all its actions. */
static void append_target(struct build *b)
{
    const struct sk_service_options *service = b->transfer->service;
    const struct sk_action *action = b->invocation->action;
    struct sk_str target = b->invocation->target;
    if (service != NULL && service->endpoint != NULL) {
        bool is_shared = action->is_endpoint_shared && action->fixed_endpoint.size > 0 &&
                         sk_str_starts(target, action->fixed_endpoint);
        if (is_shared) {
            size_t from = action->fixed_endpoint.size;
            target = sk_str_sub(target, from, target.size - from);
        }
        if (is_shared || action->endpoint == NULL) {
            append_resolved(b, sk_str_of(service->endpoint), true);
        }
    }
    append_resolved(b, target, true);
}

static void build_url(struct build *b)
{
    struct sk_http_transfer *transfer = b->transfer;
    char host[256];
    append_target(b);
    if (b->head->failed || b->failure != SK_HTTP_WHOLE) return;
    struct sk_str url = sk_buf_view(b->head);
    const struct sk_action *action = b->invocation->action;
    struct sk_str service = action == NULL ? SK_STR("") : action->service;
    for (size_t i = 0; i < url.size; i++) {
        unsigned char c = (unsigned char)url.data[i];
        if (c > 0x20 && c != 0x7F) continue;
        refuse(b, SK_HTTP_BAD_URL, "a space or control byte in the URL of service", service);
        return;
    }
    struct sk_str authority = authority_of(url);
    if (authority.size == 0) {
        refuse(b, SK_HTTP_BAD_URL, "no http:// or https:// endpoint for service", service);
        return;
    }
    transfer->url = sk_arena_copy(&transfer->arena, url);
    transfer->authority_size = authority.size;
    const struct sk_http_options *options = &transfer->invoker->options;
    if (options->hosts_allowed_count == 0 || transfer->url.data == NULL) return;
    if (sk_http_host_allowed(options, transfer->url.data, host, sizeof host)) return;
    refuse(b, SK_HTTP_BAD_HOST, "not among the hosts that may be called (hosts.allow)",
           sk_str_of(host));
}

static const uint16_t *copy_statuses(struct sk_arena *arena, const uint16_t *list, uint32_t count)
{
    if (count == 0) return NULL;
    uint16_t *copy = SK_ARENA_ARRAY(arena, uint16_t, count);
    if (copy != NULL) memcpy(copy, list, count * sizeof *copy);
    return copy;
}

static void copy_question(struct sk_http_transfer *transfer, const struct sk_invocation *invocation)
{
    struct sk_arena *arena = &transfer->arena;
    struct sk_http_question *question = &transfer->question;
    *question = (struct sk_http_question){ .operation = invocation->operation,
                                           .is_maybe = invocation->is_maybe };
    const struct sk_action *action = invocation->action;
    if (action == NULL) return;
    question->success = copy_statuses(arena, action->success, action->success_count);
    question->fail = copy_statuses(arena, action->fail, action->fail_count);
    question->retry = copy_statuses(arena, action->retry, action->retry_count);
    question->success_count = action->success_count;
    question->fail_count = action->fail_count;
    question->retry_count = action->retry_count;
}

enum skald_status sk_http_request_build(struct sk_http_transfer *transfer,
                                        const struct sk_invocation *invocation,
                                        enum sk_http_failure *out_failure)
{
    struct build b = { .transfer = transfer, .invocation = invocation, .failure = SK_HTTP_WHOLE };
    const struct sk_action *action = invocation->action;
    transfer->service =
        action == NULL ? NULL
                       : sk_services_find(transfer->invoker->options.services, action->service);
    transfer->message[0] = '\0';
    sk_buf_clear(&transfer->head);
    b.head = &transfer->head;
    copy_question(transfer, invocation);
    struct sk_str method = invocation->method.size > 0 ? invocation->method : SK_STR("POST");
    if (!is_token(method)) refuse(&b, SK_HTTP_BAD_HEADER, "not an HTTP method", SK_STR("?"));
    transfer->method = sk_arena_copy(&transfer->arena, method);
    transfer->body = invocation->body.size > 0 ? sk_arena_copy(&transfer->arena, invocation->body)
                                               : (struct sk_str){ 0 };
    build_url(&b);
    bool is_out_of_memory = transfer->head.failed;
    sk_buf_clear(&transfer->head); /* the URL was made in it */
    if (b.failure == SK_HTTP_WHOLE) add_headers(&b);
    is_out_of_memory = is_out_of_memory || transfer->head.failed || transfer->arena.failed;
    *out_failure = b.failure;
    return is_out_of_memory ? SKALD_E_MEMORY : SKALD_OK;
}

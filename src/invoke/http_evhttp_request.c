/*
 * http_evhttp_request.c: a transfer as a request of libevent's client: its method, path, headers in
 * their order, and body.
 */
#include "invoke/http_parts.h"

#include "base/assert.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>
#include <sys/queue.h>

bool sk_http_evhttp_command(struct sk_str method, enum evhttp_cmd_type *out)
{
    static const struct {
        const char *name;
        enum evhttp_cmd_type command;
    } commands[] = { { "POST", EVHTTP_REQ_POST },      { "GET", EVHTTP_REQ_GET },
                     { "PUT", EVHTTP_REQ_PUT },        { "DELETE", EVHTTP_REQ_DELETE },
                     { "PATCH", EVHTTP_REQ_PATCH },    { "HEAD", EVHTTP_REQ_HEAD },
                     { "OPTIONS", EVHTTP_REQ_OPTIONS } };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (!sk_str_is(method, commands[i].name)) continue;
        *out = commands[i].command;
        return true;
    }
    return false;
}

/* The part of the URL behind the authority, without what only the asking side sees. */
const char *sk_http_evhttp_path(struct sk_http_transfer *transfer)
{
    struct sk_str path = sk_str_sub(transfer->url, transfer->authority_size, transfer->url.size);
    size_t size = sk_str_find(path, '#');
    if (size > 0 && path.data[0] == '/' && size == path.size) return path.data;
    bool has_slash = size > 0 && path.data[0] == '/';
    char *copy = sk_arena_alloc(&transfer->arena, size + 2);
    if (copy == NULL) return NULL;
    copy[0] = '/';
    memcpy(copy + (has_slash ? 0 : 1), path.data, size);
    copy[size + (has_slash ? 0 : 1)] = '\0';
    return copy;
}

/* As it stands in the URL, without the port that is the usual one. */
static struct sk_str host_of(const struct sk_http_transfer *transfer)
{
    struct sk_str host = sk_str_sub(transfer->url, 7, transfer->authority_size - 7);
    bool is_usual = host.size > 3 && memcmp(host.data + host.size - 3, ":80", 3) == 0;
    if (is_usual) host.size -= 3;
    return host;
}

static bool add_host(struct evkeyvalq *headers, struct sk_http_transfer *transfer)
{
    if (transfer->has_host) return true;
    const char *text = sk_arena_text(&transfer->arena, host_of(transfer));
    return text != NULL && evhttp_add_header(headers, "Host", text) == 0;
}

/* The lines that were made for it, "Name: value\r\n" each; they are cut in place for the moment. */
static bool add_lines(struct evkeyvalq *headers, struct sk_buf *head)
{
    bool is_added = true;
    for (char *at = head->data, *end = at + head->size; is_added && at < end;) {
        char *colon = memchr(at, ':', (size_t)(end - at));
        char *line_end = memchr(at, '\r', (size_t)(end - at));
        SK_ASSERT(colon != NULL && line_end != NULL && colon + 2 <= line_end);
        *colon = '\0';
        *line_end = '\0';
        is_added = evhttp_add_header(headers, at, colon + 2) == 0;
        *colon = ':';
        *line_end = '\r';
        at = line_end + 2;
    }
    return is_added;
}

static bool needs_length(const struct sk_http_transfer *transfer)
{
    struct sk_str method = transfer->method;
    return transfer->body.size > 0 || sk_str_is(method, "POST") || sk_str_is(method, "PUT") ||
           sk_str_is(method, "PATCH");
}

static bool add_length(struct evkeyvalq *headers, const struct sk_http_transfer *transfer)
{
    char text[24];
    if (!needs_length(transfer)) return true;
    (void)snprintf(text, sizeof text, "%zu", transfer->body.size);
    return evhttp_add_header(headers, "Content-Length", text) == 0;
}

static bool add_body(struct evhttp_request *request, const struct sk_http_transfer *transfer)
{
    struct evbuffer *body = evhttp_request_get_output_buffer(request);
    return transfer->body.size == 0 ||
           evbuffer_add(body, transfer->body.data, transfer->body.size) == 0;
}

bool sk_http_evhttp_fill(struct evhttp_request *request, struct sk_http_transfer *transfer)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    return add_host(headers, transfer) && add_lines(headers, &transfer->head) &&
           add_length(headers, transfer) && add_body(request, transfer);
}

/* The value of the one entry: the length, and behind it the lines of all other headers but for the
 * last one's end, which evhttp writes itself. */
static char *write_value(struct sk_http_transfer *transfer)
{
    char length[24];
    struct sk_buf *head = &transfer->head;
    struct sk_str host = host_of(transfer);
    int length_size = snprintf(length, sizeof length, "%zu\r\nHost: ", transfer->body.size);
    size_t size = (size_t)length_size + host.size + 2 + head->size;
    char *value = sk_arena_alloc(&transfer->arena, size);
    if (value == NULL) return NULL;
    char *at = mempcpy(value, length, (size_t)length_size);
    at = mempcpy(at, host.data, host.size);
    at = mempcpy(at, "\r\n", 2);
    at = mempcpy(at, head->data, head->size);
    at[-2] = '\0';
    return value;
}

bool sk_http_evhttp_lend(struct evhttp_request *request, struct sk_http_transfer *transfer,
                         struct sk_http_loan *loan)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    if (transfer->has_host || !needs_length(transfer)) {
        return sk_http_evhttp_fill(request, transfer);
    }
    SK_ASSERT(transfer->head.size > 2);
    loan->entry =
        (struct evkeyval){ .key = (char *)"Content-Length", .value = write_value(transfer) };
    if (loan->entry.value == NULL || !add_body(request, transfer)) return false;
    TAILQ_INSERT_TAIL(headers, &loan->entry, next);
    loan->headers = headers;
    return true;
}

void sk_http_evhttp_take_back(struct sk_http_loan *loan)
{
    if (loan->headers == NULL) return;
    TAILQ_REMOVE(loan->headers, &loan->entry, next);
    loan->headers = NULL;
}

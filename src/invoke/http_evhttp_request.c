/*
 * http_evhttp_request.c: a transfer as a request of libevent's client: its method, path, headers in
 * their order, and body.
 */
#include "invoke/http_parts.h"

#include "base/assert.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>

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

static bool add_host(struct evkeyvalq *headers, struct sk_http_transfer *transfer)
{
    if (transfer->has_host) return true;
    struct sk_str host = sk_str_sub(transfer->url, 7, transfer->authority_size - 7);
    bool is_usual = host.size > 3 && memcmp(host.data + host.size - 3, ":80", 3) == 0;
    if (is_usual) host.size -= 3;
    const char *text = sk_arena_text(&transfer->arena, host);
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

static bool add_length(struct evkeyvalq *headers, const struct sk_http_transfer *transfer)
{
    char text[24];
    struct sk_str method = transfer->method;
    bool is_wanted =
        sk_str_is(method, "POST") || sk_str_is(method, "PUT") || sk_str_is(method, "PATCH");
    if (transfer->body.size == 0 && !is_wanted) return true;
    (void)snprintf(text, sizeof text, "%zu", transfer->body.size);
    return evhttp_add_header(headers, "Content-Length", text) == 0;
}

bool sk_http_evhttp_fill(struct evhttp_request *request, struct sk_http_transfer *transfer)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *body = evhttp_request_get_output_buffer(request);
    return add_host(headers, transfer) && add_lines(headers, &transfer->head) &&
           add_length(headers, transfer) &&
           (transfer->body.size == 0 ||
            evbuffer_add(body, transfer->body.data, transfer->body.size) == 0);
}

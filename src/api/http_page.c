/* http_page.c: see http_page.h. */
#include "api/http_page.h"

#include "api/problem.h"

#include <event2/buffer.h>
#include <stdio.h>

enum { PAGE_SIZE_MAX = 4096 };

static const struct {
    int status;
    const char *detail, *remedy;
} answers[] = {
    { 400, "the request is no HTTP, or its first line or headers are too long",
      "send HTTP/1.1 with at most 32 KiB of headers; a long query belongs into a body" },
    { 413, "the body is far larger than any that is taken here",
      "send less, or pass a reference to the data instead of the data; server.body_max sets the "
      "limit" },
    { 417, "what the header Expect asks for cannot be done", "leave it out, or say 100-continue" },
    { 501, "this method is not known here",
      "use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS; /openapi.json says which one where" },
    { 503, "the server is short of memory", "send it again later" },
};

/* The status of a whole page of evhttp's own; 0 = it is none. */
static int status_of(struct sk_str page)
{
    uint64_t status = 0;
    bool is_page = page.size > 12 && sk_str_starts(page, SK_STR("HTTP/1."));
    if (!is_page || !sk_str_to_u64(sk_str_sub(page, 9, 3), &status)) return 0;
    struct sk_str end = SK_STR("</HTML>\n");
    if (page.size < end.size) return 0;
    struct sk_str tail = sk_str_sub(page, page.size - end.size, end.size);
    return sk_str_equal(tail, end) ? (int)status : 0;
}

void sk_http_page_replace(struct evbuffer *output)
{
    char page[PAGE_SIZE_MAX];
    if (evbuffer_get_length(output) > sizeof page) return;
    ev_ssize_t size = evbuffer_copyout(output, page, sizeof page);
    int status = size <= 0 ? 0 : status_of((struct sk_str){ page, (size_t)size });
    if (status == 0) return;
    struct sk_problem problem = sk_problem_http(status, (struct sk_str){ 0 }, (struct sk_str){ 0 });
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        if (answers[i].status != problem.status) continue;
        problem.detail = sk_str_of(answers[i].detail);
        problem.remedy = sk_str_of(answers[i].remedy);
    }
    struct sk_buf body = { 0 };
    sk_problem_write(&problem, &body);
    if (!body.failed) {
        (void)evbuffer_drain(output, (size_t)size);
        (void)evbuffer_add_printf(output,
                                  "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\n"
                                  "Content-Length: %zu\r\nCache-Control: no-store\r\n"
                                  "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
                                  problem.status, sk_problem_reason(problem.status), body.size);
        (void)evbuffer_add(output, body.data, body.size);
    }
    sk_buf_release(&body);
}

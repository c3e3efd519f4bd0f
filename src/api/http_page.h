/*
 * http_page.h: what evhttp answers by itself, before a request is one (bytes that are no HTTP,
 * headers or a body beyond every limit, a method of its own invention), is a page for people. Here
 * it becomes a problem like all others.
 */
#ifndef SK_API_HTTP_PAGE_H
#define SK_API_HTTP_PAGE_H

struct evbuffer;

/* `output` holds what is about to be sent for a request that never reached us: if it is such a
 * page, whole, it is replaced. */
void sk_http_page_replace(struct evbuffer *output);

#endif

/*
 * carried.h: a request without a socket: it holds what a handler may look at. Whoever carries one
 * (local.c, forward.c) has it as the first member and takes the reply by two operations of its own;
 * the other three are here.
 */
#ifndef SK_API_CARRIED_H
#define SK_API_CARRIED_H

#include "api/http_server.h"

/* What handlers of such requests look at. Nothing of streams. */
enum sk_carried_name { SK_CARRIED_KEY, SK_CARRIED_TYPE, SK_CARRIED_TRACE, SK_CARRIED_COUNT };
extern const char *const sk_carried_names[SK_CARRIED_COUNT];

struct sk_carried {
    struct sk_http_request request; /* first */
    struct sk_http_view view;
    struct sk_str headers[SK_CARRIED_COUNT]; /* {NULL, 0} = missing */
};

struct sk_http_view sk_carried_view(struct sk_http_request *request);
struct sk_str sk_carried_header(struct sk_http_request *request, const char *name);
/* Never: nobody hangs up. */
bool sk_carried_is_gone(struct sk_http_request *request);

#endif

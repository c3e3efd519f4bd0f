/* http_parts.h: what the files that know evhttp share: http_server.c, http_watch.c,
 * http_stream.c. */
#ifndef SK_API_HTTP_PARTS_H
#define SK_API_HTTP_PARTS_H

#include "api/http_server.h"
#include "api/http_watch.h"

struct evhttp_request;

/* evhttp's own. */
struct evhttp_request *sk_http_request_evhttp(struct sk_http_request *request);
/* Ours is gone; evhttp's is answered by the caller. */
void sk_http_request_forget(struct sk_http_request *request);
struct sk_http_watches *sk_http_server_watches(struct sk_http_server *server);

#endif

/*
 * http_stream.h: a reply without an end of its own: pieces are sent as they come, at the pace of
 * the client. What was not taken yet is never more than what the caller wrote before on_drained.
 *
 *   B1  After on_gone nothing can be sent any more; the caller still ends the stream.
 *   B2  Neither callback comes after sk_http_stream_end, nor on_drained before something was
 *       written.
 *   B3  A client that takes nothing for stall_ms is cut off: on_gone.
 *   B4  The connection is closed at the end: a stream is its last reply.
 */
#ifndef SK_API_HTTP_STREAM_H
#define SK_API_HTTP_STREAM_H

#include "api/http_server.h"

struct sk_http_stream;

struct sk_http_stream_options {
    const char *type; /* of the content */
    int64_t stall_ms;
    void (*on_drained)(void *context); /* all that was written has left */
    void (*on_gone)(void *context);    /* the client is not there any more */
    void *context;
};

/* Sends status 200 and the headers set so far. The request is gone, unless the answer is NULL: out
 * of memory. */
struct sk_http_stream *sk_http_stream_begin(struct sk_http_server *server,
                                            struct sk_http_request *request,
                                            const struct sk_http_stream_options *options);
void sk_http_stream_write(struct sk_http_stream *stream, struct sk_str data);
/* Bytes that the client has not taken yet. */
size_t sk_http_stream_pending(const struct sk_http_stream *stream);
/* Ends the reply, if the client is still there, and frees the stream. NULL is fine. */
void sk_http_stream_end(struct sk_http_stream *stream);

#endif

/* http_stream.c: see http_stream.h. */
#include "api/http_stream.h"

#include "api/http_parts.h"
#include "base/arena.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>

struct sk_http_stream {
    struct sk_http_stream_options options;
    struct sk_http_watches *watches;
    struct evhttp_request *evhttp; /* NULL: the client is gone */
};

static struct bufferevent *connection_of(const struct sk_http_stream *stream)
{
    return evhttp_connection_get_bufferevent(evhttp_request_get_connection(stream->evhttp));
}

static void on_gone(void *context)
{
    struct sk_http_stream *stream = context;
    /* Without its connection the request is ours to free, and ending it does that. */
    if (evhttp_request_get_connection(stream->evhttp) == NULL) {
        evhttp_send_reply_end(stream->evhttp);
    }
    stream->evhttp = NULL;
    stream->options.on_gone(stream->options.context);
}

static void on_drained(struct evhttp_connection *connection, void *context)
{
    (void)connection;
    struct sk_http_stream *stream = context;
    stream->options.on_drained(stream->options.context);
}

struct sk_http_stream *sk_http_stream_begin(struct sk_http_server *server,
                                            struct sk_http_request *request,
                                            const struct sk_http_stream_options *options)
{
    struct sk_http_watches *watches = sk_http_server_watches(server);
    struct evhttp_request *evhttp = sk_http_request_evhttp(request);
    struct sk_http_stream *stream = sk_alloc(sizeof *stream);
    if (stream == NULL || !sk_http_watches_knows(watches, evhttp)) {
        sk_free(stream);
        return NULL;
    }
    sk_http_reply_header(request, "Content-Type", options->type);
    sk_http_reply_header(request, "Cache-Control", "no-store");
    sk_http_reply_header(request, "X-Accel-Buffering", "no");
    sk_http_reply_header(request, "X-Content-Type-Options", "nosniff");
    sk_http_reply_header(request, "Connection", "close");
    *stream = (struct sk_http_stream){ .options = *options, .watches = watches, .evhttp = evhttp };
    sk_http_request_forget(request);
    evhttp_send_reply_start(evhttp, 200, "OK");
    sk_http_watches_stream(stream->watches, stream->evhttp, options->stall_ms, on_gone, stream);
    return stream;
}

void sk_http_stream_write(struct sk_http_stream *stream, struct sk_str data)
{
    if (stream->evhttp == NULL || data.size == 0) return;
    struct evbuffer *piece = evbuffer_new();
    if (piece == NULL || evbuffer_add(piece, data.data, data.size) != 0) {
        /* A hole would be a lie: the client comes back for what it did not get. */
        sk_http_watches_cut(stream->watches, stream->evhttp);
    } else {
        evhttp_send_reply_chunk_with_cb(stream->evhttp, piece, on_drained, stream);
    }
    if (piece != NULL) evbuffer_free(piece);
}

size_t sk_http_stream_pending(const struct sk_http_stream *stream)
{
    if (stream->evhttp == NULL) return 0;
    return evbuffer_get_length(bufferevent_get_output(connection_of(stream)));
}

void sk_http_stream_end(struct sk_http_stream *stream)
{
    if (stream == NULL) return;
    if (stream->evhttp != NULL) {
        sk_http_watches_stream(stream->watches, stream->evhttp, stream->options.stall_ms, NULL,
                               NULL);
        evhttp_send_reply_end(stream->evhttp);
    }
    sk_free(stream);
}

/*
 * http_reader.h: reads the answer to one HTTP/1.1 request from bytes as they come in, for
 * connections that no library reads (http_wire.c). Nothing but bytes in and callbacks out: no
 * socket, no clock.
 *
 *   D1  However the bytes are cut, the result is the same.
 *   D2  An answer whose end can be read in two ways (two lengths, an encoding that is not known, a
 *       line that holds a NUL) is damaged, never guessed at.
 *   D3  Head and body have limits; nothing is kept beyond them.
 */
#ifndef SK_INVOKE_HTTP_READER_H
#define SK_INVOKE_HTTP_READER_H

#include "base/buf.h"

enum { SK_HTTP_HEAD_SIZE_MAX = 128 * 1024 }; /* status line and headers, interim answers as well */

enum sk_http_reading {
    SK_HTTP_READ_MORE,
    SK_HTTP_READ_WHOLE,
    SK_HTTP_READ_DAMAGED, /* not HTTP/1, or cut short */
    SK_HTTP_READ_LONG_HEAD,
    SK_HTTP_READ_LONG_BODY /* or no memory for it */
};

enum sk_http_part {
    SK_HTTP_PART_STATUS,
    SK_HTTP_PART_HEADERS,
    SK_HTTP_PART_BODY,       /* `left` bytes of it are to come */
    SK_HTTP_PART_REST,       /* a body until the connection ends */
    SK_HTTP_PART_CHUNK,      /* the line with its size */
    SK_HTTP_PART_CHUNK_BODY, /* `left` bytes of it are to come */
    SK_HTTP_PART_CHUNK_END,  /* the line break behind it */
    SK_HTTP_PART_TRAILER,
    SK_HTTP_PART_OVER
};

struct sk_http_reader {
    /* Each header of the final answer. */
    void (*on_header)(void *context, struct sk_str name, struct sk_str value);
    void *context;
    const char *reason;  /* why it is damaged, for people */
    struct sk_buf *body; /* the caller's; its ceiling is the limit of the body */
    struct sk_buf line;  /* the beginning of a line of which the end is to come */
    enum sk_http_part part;
    uint64_t left;
    size_t head_size;
    uint16_t status;
    bool is_head_request; /* no body follows, whatever the headers say */
    bool is_old;          /* HTTP/1.0 */
    bool has_length, is_chunked, says_close, says_keep;
};

void sk_http_reader_init(struct sk_http_reader *reader, size_t line_size_max);
void sk_http_reader_release(struct sk_http_reader *reader);
/* For the next answer; `body` is emptied. */
void sk_http_reader_begin(struct sk_http_reader *reader, bool is_head_request, struct sk_buf *body);
/* Reads `bytes`; *out_used of them belong to the answer. */
enum sk_http_reading sk_http_reader_feed(struct sk_http_reader *reader, struct sk_str bytes,
                                         size_t *out_used) SK_MUST_CHECK;
/* The connection has ended: WHOLE or DAMAGED. */
enum sk_http_reading sk_http_reader_end(const struct sk_http_reader *reader) SK_MUST_CHECK;
/* The answer is whole: may the connection be used again? */
bool sk_http_reader_keeps(const struct sk_http_reader *reader);
/* Not one byte of an answer has been read. */
bool sk_http_reader_is_fresh(const struct sk_http_reader *reader);

#endif

/* http_reader.c: see http_reader.h.
 *
 *   STATUS ─► HEADERS ─┬─► BODY ──────────────────────────────────────► OVER
 *      ▲         │     ├─► REST ───────────── end of the connection ──► whole
 *      └── 1xx ──┘     ├─► CHUNK ─► CHUNK_BODY ─► CHUNK_END ─► CHUNK …
 *                      │     └─ 0 ─► TRAILER ─────────────────────────► OVER
 *                      └─────────────────────────────────────────────► OVER  (no body)
 */
#include "invoke/http_reader.h"

#include <strings.h>

enum { CHUNK_DIGITS_MAX = 15 };

void sk_http_reader_init(struct sk_http_reader *reader, size_t line_size_max)
{
    *reader = (struct sk_http_reader){ .part = SK_HTTP_PART_OVER };
    sk_buf_init(&reader->line, line_size_max);
}

void sk_http_reader_release(struct sk_http_reader *reader)
{
    sk_buf_release(&reader->line);
}

static void begin_head(struct sk_http_reader *reader)
{
    reader->part = SK_HTTP_PART_STATUS;
    reader->left = 0;
    reader->status = 0;
    reader->is_old = false;
    reader->has_length = false;
    reader->is_chunked = false;
    reader->says_close = false;
    reader->says_keep = false;
}

void sk_http_reader_begin(struct sk_http_reader *reader, bool is_head_request, struct sk_buf *body)
{
    begin_head(reader);
    reader->head_size = 0;
    reader->reason = "";
    reader->is_head_request = is_head_request;
    reader->body = body;
    sk_buf_clear(body);
    sk_buf_clear(&reader->line);
}

/* ---- the head -------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool damaged(struct sk_http_reader *reader, const char *reason)
{
    reader->reason = reason;
    return false;
}

/* "HTTP/1.1 200 OK" */
static bool take_status(struct sk_http_reader *reader, struct sk_str line)
{
    static const char no_code[] = "an HTTP answer without a status code";
    const char *text = line.data;
    if (line.size < 5 || memcmp(text, "HTTP/", 5) != 0)
        return damaged(reader, "what came is no HTTP");
    if (line.size < 8 || memcmp(text, "HTTP/1.", 7) != 0 || !is_digit(text[7]))
        return damaged(reader, "an HTTP version that was not asked for");
    if (line.size < 12 || text[8] != ' ' || !is_digit(text[9]) || !is_digit(text[10]) ||
        !is_digit(text[11]) || (line.size > 12 && text[12] != ' '))
        return damaged(reader, no_code);
    reader->is_old = text[7] == '0';
    reader->status = (uint16_t)((text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0'));
    reader->part = SK_HTTP_PART_HEADERS;
    if (reader->status == 101)
        return damaged(reader, "HTTP 101: another protocol, for which nobody has asked");
    return reader->status >= 100 || damaged(reader, no_code);
}

static bool same(struct sk_str text, const char *other, size_t size)
{
    return text.size == size && strncasecmp(text.data, other, size) == 0;
}
#define SAME(text, literal) same((text), (literal), sizeof(literal) - 1)

/* "keep-alive, Upgrade" */
static void take_connection(struct sk_http_reader *reader, struct sk_str value)
{
    while (value.size > 0) {
        size_t end = sk_str_find(value, ',');
        struct sk_str word = sk_str_trim(sk_str_sub(value, 0, end));
        if (SAME(word, "close")) reader->says_close = true;
        if (SAME(word, "keep-alive")) reader->says_keep = true;
        if (end == value.size) break;
        value = sk_str_sub(value, end + 1, value.size - end - 1);
    }
}

/* D2. */
static bool take_length(struct sk_http_reader *reader, struct sk_str value)
{
    uint64_t length = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (!is_digit(value.data[i])) return false;
    }
    if (value.size == 0) return false;
    if (!sk_str_to_u64(value, &length)) length = UINT64_MAX; /* beyond every limit */
    if (reader->has_length && length != reader->left) return false;
    reader->has_length = true;
    reader->left = length;
    return true;
}

static bool take_header(struct sk_http_reader *reader, struct sk_str line)
{
    size_t colon = sk_str_find(line, ':');
    /* One that goes on from the line before, or has no name: it says nothing to us. */
    if (colon == line.size || colon == 0 || line.data[0] == ' ' || line.data[0] == '\t')
        return true;
    struct sk_str name = sk_str_sub(line, 0, colon);
    struct sk_str value = sk_str_trim(sk_str_sub(line, colon + 1, line.size - colon - 1));
    if (SAME(name, "content-length")) {
        if (!take_length(reader, value))
            return damaged(reader, "a Content-Length that cannot be read, or two of them");
    } else if (SAME(name, "transfer-encoding")) {
        if (!SAME(value, "chunked") || reader->is_chunked)
            return damaged(reader, "a Transfer-Encoding that is not known");
        reader->is_chunked = true;
    } else if (SAME(name, "connection")) {
        take_connection(reader, value);
    }
    if (reader->status >= 200) reader->on_header(reader->context, name, value);
    return true;
}

static void end_head(struct sk_http_reader *reader)
{
    uint16_t status = reader->status;
    if (status < 200) {
        begin_head(reader); /* an interim answer: the one that counts is to come */
    } else if (reader->is_head_request || status == 204 || status == 304) {
        reader->part = SK_HTTP_PART_OVER;
    } else if (reader->is_chunked) {
        reader->part = SK_HTTP_PART_CHUNK;
    } else if (!reader->has_length) {
        reader->part = SK_HTTP_PART_REST;
    } else {
        reader->part = reader->left > 0 ? SK_HTTP_PART_BODY : SK_HTTP_PART_OVER;
    }
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static int hex_value(char c)
{
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* "1a;name=value" */
static bool take_chunk_size(struct sk_http_reader *reader, struct sk_str line)
{
    size_t size = 0;
    reader->left = 0;
    while (size < line.size && size <= CHUNK_DIGITS_MAX) {
        int digit = hex_value(line.data[size]);
        if (digit < 0) break;
        reader->left = reader->left * 16 + (uint64_t)digit;
        size += 1;
    }
    bool is_sound = size > 0 && size <= CHUNK_DIGITS_MAX &&
                    (size == line.size || strchr("; \t", line.data[size]) != NULL);
    if (!is_sound) return damaged(reader, "a chunk whose size cannot be read");
    reader->part = reader->left > 0 ? SK_HTTP_PART_CHUNK_BODY : SK_HTTP_PART_TRAILER;
    return true;
}

/* ---- lines and bodies ------------------------------------------------------------------------ */

/* A whole line without its end. False: damaged. */
static bool take_line(struct sk_http_reader *reader, struct sk_str line)
{
    if (line.size > 0 && line.data[line.size - 1] == '\r') line.size -= 1;
    if (line.size > 0 && memchr(line.data, '\0', line.size) != NULL)
        return damaged(reader, "a NUL in a line of the HTTP answer");
    switch (reader->part) {
    case SK_HTTP_PART_STATUS: return take_status(reader, line);
    case SK_HTTP_PART_HEADERS:
        if (line.size > 0) return take_header(reader, line);
        end_head(reader);
        return true;
    case SK_HTTP_PART_CHUNK: return take_chunk_size(reader, line);
    case SK_HTTP_PART_CHUNK_END:
        reader->part = SK_HTTP_PART_CHUNK;
        return line.size == 0 || damaged(reader, "a chunk that is longer than it said");
    case SK_HTTP_PART_TRAILER:
        if (line.size == 0) reader->part = SK_HTTP_PART_OVER;
        return true;
    case SK_HTTP_PART_BODY:
    case SK_HTTP_PART_REST:
    case SK_HTTP_PART_CHUNK_BODY:
    case SK_HTTP_PART_OVER: break;
    }
    return false;
}

/* Up to the next line's end; what stands before it is kept when it is not there yet. */
static enum sk_http_reading read_line(struct sk_http_reader *reader, struct sk_str bytes,
                                      size_t *out_used)
{
    const char *end = memchr(bytes.data, '\n', bytes.size);
    size_t used = end == NULL ? bytes.size : (size_t)(end - bytes.data) + 1;
    *out_used = used;
    reader->head_size += used;
    if (reader->head_size > SK_HTTP_HEAD_SIZE_MAX) return SK_HTTP_READ_LONG_HEAD;
    struct sk_str line = { bytes.data, end == NULL ? used : used - 1 };
    if (end == NULL || reader->line.size > 0) {
        sk_buf_append_str(&reader->line, line);
        if (reader->line.failed) return SK_HTTP_READ_LONG_HEAD;
        if (end == NULL) return SK_HTTP_READ_MORE;
        line = sk_buf_view(&reader->line);
    }
    bool is_sound = take_line(reader, line);
    sk_buf_clear(&reader->line);
    return is_sound ? SK_HTTP_READ_MORE : SK_HTTP_READ_DAMAGED;
}

static enum sk_http_reading read_body(struct sk_http_reader *reader, struct sk_str bytes,
                                      size_t *out_used)
{
    bool has_end = reader->part != SK_HTTP_PART_REST;
    size_t size = has_end && bytes.size > reader->left ? (size_t)reader->left : bytes.size;
    *out_used = size;
    sk_buf_append(reader->body, bytes.data, size);
    if (reader->body->failed) return SK_HTTP_READ_LONG_BODY;
    if (!has_end) return SK_HTTP_READ_MORE;
    reader->left -= size;
    if (reader->left > 0) return SK_HTTP_READ_MORE;
    /* What is a line again counts for itself: chunks may be many. */
    if (reader->part == SK_HTTP_PART_CHUNK_BODY) {
        reader->head_size = 0;
        reader->part = SK_HTTP_PART_CHUNK_END;
    } else {
        reader->part = SK_HTTP_PART_OVER;
    }
    return SK_HTTP_READ_MORE;
}

enum sk_http_reading sk_http_reader_feed(struct sk_http_reader *reader, struct sk_str bytes,
                                         size_t *out_used)
{
    *out_used = 0;
    while (reader->part != SK_HTTP_PART_OVER && *out_used < bytes.size) {
        struct sk_str rest = { bytes.data + *out_used, bytes.size - *out_used };
        size_t used = 0;
        bool is_body = reader->part == SK_HTTP_PART_BODY || reader->part == SK_HTTP_PART_REST ||
                       reader->part == SK_HTTP_PART_CHUNK_BODY;
        enum sk_http_reading reading =
            is_body ? read_body(reader, rest, &used) : read_line(reader, rest, &used);
        *out_used += used;
        if (reading != SK_HTTP_READ_MORE) return reading;
        /* A header has said already that the body will be too long. */
        if (reader->body->failed) return SK_HTTP_READ_LONG_BODY;
    }
    return reader->part == SK_HTTP_PART_OVER ? SK_HTTP_READ_WHOLE : SK_HTTP_READ_MORE;
}

enum sk_http_reading sk_http_reader_end(const struct sk_http_reader *reader)
{
    bool is_whole = reader->part == SK_HTTP_PART_REST || reader->part == SK_HTTP_PART_OVER;
    return is_whole ? SK_HTTP_READ_WHOLE : SK_HTTP_READ_DAMAGED;
}

bool sk_http_reader_keeps(const struct sk_http_reader *reader)
{
    if (reader->part != SK_HTTP_PART_OVER || reader->says_close) return false;
    /* D2: whoever says both may have meant another end. */
    if (reader->is_chunked && reader->has_length) return false;
    return !reader->is_old || reader->says_keep;
}

bool sk_http_reader_is_fresh(const struct sk_http_reader *reader)
{
    return reader->part == SK_HTTP_PART_STATUS && reader->head_size == 0;
}

/*
 * fuzz_reader.c: a participant's answer as bytes of a connection (invoke/http_reader.h). The first
 * byte of the input says whether HEAD was asked and how the bytes are cut; the rest is the answer.
 *
 *   1  D1: cut into pieces of another size the answer is the same: what it is, its status, its
 *      headers, its body, where it ends.
 *   2  D3: no more than the limits is kept.
 *   3  What is whole has a status from 200 on, no body where none may be, and the length it said.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "invoke/http_reader.h"

enum { BODY_SIZE_MAX = 1000 };

struct result {
    enum sk_http_reading reading, at_end;
    struct sk_http_reader reader;
    struct sk_buf headers, body;
    size_t used;
};

static void on_header(void *context, struct sk_str name, struct sk_str value)
{
    struct result *result = context;
    FUZZ_CHECK(name.size > 0 && memchr(name.data, '\n', name.size) == NULL, "a header's name");
    FUZZ_CHECK(value.size == 0 || memchr(value.data, '\n', value.size) == NULL, "a value");
    sk_buf_append_str(&result->headers, name);
    sk_buf_append_char(&result->headers, '\n');
    sk_buf_append_str(&result->headers, value);
    sk_buf_append_char(&result->headers, '\n');
}

static void read_by(struct result *result, struct sk_str bytes, size_t piece_size, bool is_head)
{
    struct sk_http_reader *reader = &result->reader;
    *result = (struct result){ .reading = SK_HTTP_READ_MORE };
    sk_buf_init(&result->body, BODY_SIZE_MAX);
    sk_http_reader_init(reader, SK_HTTP_HEAD_SIZE_MAX);
    reader->on_header = on_header;
    reader->context = result;
    sk_http_reader_begin(reader, is_head, &result->body);
    while (result->reading == SK_HTTP_READ_MORE && result->used < bytes.size) {
        size_t used = 0;
        struct sk_str piece = sk_str_sub(bytes, result->used, piece_size);
        result->reading = sk_http_reader_feed(reader, piece, &used);
        FUZZ_CHECK(used <= piece.size, "more than there was");
        FUZZ_CHECK(used == piece.size || result->reading != SK_HTTP_READ_MORE, "left over");
        result->used += used;
    }
    result->at_end = sk_http_reader_end(reader);
}

static void release(struct result *result)
{
    sk_buf_release(&result->headers);
    sk_buf_release(&result->body);
    sk_http_reader_release(&result->reader);
}

static void check_whole(const struct result *result, bool is_head)
{
    uint16_t status = result->reader.status;
    FUZZ_CHECK(status >= 200 && status <= 999, "status %u", status);
    bool has_none = is_head || status == 204 || status == 304;
    FUZZ_CHECK(!has_none || result->body.size == 0, "a body of %zu bytes", result->body.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    struct result whole, cut;
    struct sk_str bytes = { (const char *)data + 1, size - 1 };
    bool is_head = (data[0] & 0x80u) != 0;
    read_by(&whole, bytes, bytes.size + 1, is_head);
    read_by(&cut, bytes, (data[0] & 0x7fu) + 1u, is_head);
    FUZZ_CHECK(whole.reading == cut.reading, "%d is %d in pieces", (int)whole.reading,
               (int)cut.reading);
    FUZZ_CHECK(whole.body.size <= BODY_SIZE_MAX && cut.body.size <= BODY_SIZE_MAX, "too long");
    if (whole.reading <= SK_HTTP_READ_WHOLE) {
        FUZZ_CHECK(whole.reader.status == cut.reader.status && whole.at_end == cut.at_end, "end");
        FUZZ_CHECK(whole.used == cut.used, "%zu bytes, or %zu", whole.used, cut.used);
        FUZZ_CHECK(sk_str_equal(sk_buf_view(&whole.headers), sk_buf_view(&cut.headers)), "heads");
        FUZZ_CHECK(sk_str_equal(sk_buf_view(&whole.body), sk_buf_view(&cut.body)), "bodies");
        FUZZ_CHECK(sk_http_reader_keeps(&whole.reader) == sk_http_reader_keeps(&cut.reader),
                   "whether it is kept");
    }
    if (whole.reading == SK_HTTP_READ_WHOLE) check_whole(&whole, is_head);
    release(&whole);
    release(&cut);
    return 0;
}

/*
 * test_http_reader.c: answers read from bytes, whole and cut at every place (D1): what they are,
 * where they end, and whether their connection may be used again.
 */
#include "invoke/http_reader.h"

#include "base/assert.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MORE = SK_HTTP_READ_MORE, WHOLE = SK_HTTP_READ_WHOLE, DAMAGED = SK_HTTP_READ_DAMAGED };
enum { BODY_MAX = 64 };

#define OK "HTTP/1.1 200 OK\r\n"

static const struct {
    const char *bytes;
    int reading, at_end; /* of these bytes; and when the connection ends behind them */
    uint16_t status;
    const char *body, *rest; /* what of the bytes belongs to nobody */
    bool is_kept, is_head;
} rows[] = {
    { OK "Content-Length: 5\r\n\r\nhello", WHOLE, WHOLE, 200, "hello", "", true, false },
    { OK "content-length:0\r\n\r\n", WHOLE, WHOLE, 200, "", "", true, false },
    { "HTTP/1.1 409\nContent-Length: 2\n\n{}", WHOLE, WHOLE, 409, "{}", "", true, false },
    { OK "Content-Length: 2\r\n\r\n{}HTTP", WHOLE, WHOLE, 200, "{}", "HTTP", true, false },
    { OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", WHOLE, WHOLE, 200, "{}", "", true,
      false },
    { OK "Connection: a, Close\r\nContent-Length: 1\r\n\r\n1", WHOLE, WHOLE, 200, "1", "", false,
      false },
    { "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n1", WHOLE, WHOLE, 200, "1", "", false, false },
    { "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n1", WHOLE, WHOLE, 200,
      "1", "", true, false },
    { "HTTP/1.1 204 No Content\r\n\r\n", WHOLE, WHOLE, 204, "", "", true, false },
    { "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", WHOLE, WHOLE, 304, "", "", true,
      false },
    { OK "Content-Length: 9\r\n\r\n", WHOLE, WHOLE, 200, "", "", true, true },
    { OK "Content-Length: 999999999999\r\n\r\n", WHOLE, WHOLE, 200, "", "", true, true },
    { "HTTP/1.1 101 Switching\r\n\r\nxyz", DAMAGED, DAMAGED, 101, NULL, NULL, false, false },
    /* interim answers, lines that say nothing to us */
    { "HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" OK "Content-Length: 1\r\n\r\n7", WHOLE, WHOLE, 200,
      "7", "", true, false },
    { "HTTP/1.1 103 Early\r\nContent-Length: 4\r\n\r\n" OK "Content-Length: 1\r\n\r\n7", WHOLE,
      WHOLE, 200, "7", "", true, false },
    { OK "no colon\r\nX: a\r\n folded: on\r\n: none\r\nContent-Length: 1\r\n\r\n7", WHOLE, WHOLE,
      200, "7", "", true, false },
    /* chunks */
    { OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", WHOLE, WHOLE,
      200, "abcde", "", true, false },
    { OK "Transfer-Encoding: Chunked\r\n\r\n0A \r\n0123456789\r\n0\r\nT: 1\r\n\r\nX", WHOLE, WHOLE,
      200, "0123456789", "X", true, false },
    { OK "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", WHOLE, WHOLE,
      200, "a", "", false, false },
    { OK "Transfer-Encoding: chunked\r\n\r\n3\r\nab", MORE, DAMAGED, 200, "ab", "", false, false },
    { OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\n", DAMAGED, DAMAGED, 200, NULL, NULL, false,
      false },
    { OK "Transfer-Encoding: chunked\r\n\r\n-1\r\n", DAMAGED, DAMAGED, 200, NULL, NULL, false,
      false },
    { OK "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", DAMAGED, DAMAGED, 200, NULL,
      NULL, false, false },
    { OK "Transfer-Encoding: chunked\r\n\r\n\r\n", DAMAGED, DAMAGED, 200, NULL, NULL, false,
      false },
    { OK "Transfer-Encoding: gzip, chunked\r\n\r\n", DAMAGED, DAMAGED, 200, NULL, NULL, false,
      false },
    { OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", DAMAGED, DAMAGED, 200,
      NULL, NULL, false, false },
    /* until the connection ends */
    { OK "\r\nall of it", MORE, WHOLE, 200, "all of it", "", false, false },
    { OK "Connection: close\r\n\r\n", MORE, WHOLE, 200, "", "", false, false },
    /* cut short, and what is no answer */
    { "", MORE, DAMAGED, 0, "", "", false, false },
    { OK, MORE, DAMAGED, 200, "", "", false, false },
    { OK "Content-Length: 5\r\n\r\nhell", MORE, DAMAGED, 200, "hell", "", false, false },
    { OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", DAMAGED, DAMAGED, 200, NULL, NULL,
      false, false },
    { OK "Content-Length: -5\r\n\r\n", DAMAGED, DAMAGED, 200, NULL, NULL, false, false },
    { OK "Content-Length: 5, 5\r\n\r\n", DAMAGED, DAMAGED, 200, NULL, NULL, false, false },
    { OK "Content-Length:\r\n\r\n", DAMAGED, DAMAGED, 200, NULL, NULL, false, false },
    { "HTTP/2 200 OK\r\n\r\n", DAMAGED, DAMAGED, 0, NULL, NULL, false, false },
    { "HTTP/1.1 20 OK\r\n\r\n", DAMAGED, DAMAGED, 0, NULL, NULL, false, false },
    { "HTTP/1.1 2000\r\n\r\n", DAMAGED, DAMAGED, 0, NULL, NULL, false, false },
    { "HTTP/1.1 099 No\r\n\r\n", DAMAGED, DAMAGED, 99, NULL, NULL, false, false },
    { "SSH-2.0-OpenSSH\r\n", DAMAGED, DAMAGED, 0, NULL, NULL, false, false },
    { "\r\nHTTP/1.1 200 OK\r\n\r\n", DAMAGED, DAMAGED, 0, NULL, NULL, false, false },
};

static void on_header(void *context, struct sk_str name, struct sk_str value)
{
    struct sk_buf *seen = context;
    sk_buf_append_str(seen, name);
    sk_buf_append_char(seen, '=');
    sk_buf_append_str(seen, value);
    sk_buf_append_char(seen, '\n');
}

/* Fed in pieces of `size` bytes; *out_used of all. */
static enum sk_http_reading feed(struct sk_http_reader *reader, struct sk_str bytes, size_t size,
                                 size_t *out_used)
{
    enum sk_http_reading reading = SK_HTTP_READ_MORE;
    *out_used = 0;
    while (reading == SK_HTTP_READ_MORE && *out_used < bytes.size) {
        size_t used = 0;
        struct sk_str piece = sk_str_sub(bytes, *out_used, size);
        reading = sk_http_reader_feed(reader, piece, &used);
        *out_used += used;
    }
    return reading;
}

static void test_answers_however_they_are_cut(void **state)
{
    (void)state;
    struct sk_http_reader reader;
    struct sk_buf body;
    sk_http_reader_init(&reader, SK_HTTP_HEAD_SIZE_MAX);
    sk_buf_init(&body, BODY_MAX);
    reader.on_header = on_header;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_str bytes = sk_str_of(rows[i].bytes);
        for (size_t size = 1; size <= bytes.size + 1; size++) {
            struct sk_buf seen = { 0 };
            size_t used = 0;
            reader.context = &seen;
            sk_http_reader_begin(&reader, rows[i].is_head, &body);
            assert_true(sk_http_reader_is_fresh(&reader));
            int reading = (int)feed(&reader, bytes, size, &used);
            if (reading != rows[i].reading) fail_msg("row %zu by %zu: %d", i, size, reading);
            assert_int_equal(reader.status, rows[i].status);
            if (reading != DAMAGED) {
                struct sk_str got = sk_buf_view(&body);
                assert_true(sk_str_is(got, rows[i].body));
                assert_true(sk_str_is(sk_str_sub(bytes, used, bytes.size), rows[i].rest));
                assert_int_equal(sk_http_reader_end(&reader), rows[i].at_end);
            }
            if (reading == WHOLE) assert_int_equal(sk_http_reader_keeps(&reader), rows[i].is_kept);
            assert_null(strstr(sk_buf_text(&seen), "A=b")); /* of an interim answer */
            sk_buf_release(&seen);
        }
    }
    sk_buf_release(&body);
    sk_http_reader_release(&reader);
}

static void test_limits(void **state)
{
    (void)state;
    struct sk_http_reader reader;
    struct sk_buf body, bytes = { 0 }, seen = { 0 };
    size_t used = 0;
    sk_http_reader_init(&reader, SK_HTTP_HEAD_SIZE_MAX);
    sk_buf_init(&body, BODY_MAX);
    reader.on_header = on_header;
    reader.context = &seen;
    sk_buf_append_text(&bytes, OK "X: ");
    while (bytes.size <= SK_HTTP_HEAD_SIZE_MAX) sk_buf_append_text(&bytes, "0123456789");
    for (size_t size = 1000; size < 2 * bytes.size; size += bytes.size) {
        sk_http_reader_begin(&reader, false, &body);
        assert_int_equal(feed(&reader, sk_buf_view(&bytes), size, &used), SK_HTTP_READ_LONG_HEAD);
    }
    /* interim answers without an end */
    sk_buf_clear(&bytes);
    while (bytes.size <= SK_HTTP_HEAD_SIZE_MAX) sk_buf_append_text(&bytes, "HTTP/1.1 100\r\n\r\n");
    sk_http_reader_begin(&reader, false, &body);
    assert_int_equal(feed(&reader, sk_buf_view(&bytes), 1000, &used), SK_HTTP_READ_LONG_HEAD);
    /* a body */
    sk_buf_clear(&bytes);
    sk_buf_append_text(&bytes, OK "\r\n");
    for (size_t i = 0; i < 10; i++) sk_buf_append_text(&bytes, "0123456789");
    sk_http_reader_begin(&reader, false, &body);
    assert_int_equal(feed(&reader, sk_buf_view(&bytes), 7, &used), SK_HTTP_READ_LONG_BODY);
    sk_http_reader_begin(&reader, false, &body); /* the reader is as new */
    assert_int_equal(feed(&reader, SK_STR(OK "Content-Length: 1\r\n\r\n1"), 7, &used), WHOLE);
    sk_buf_release(&body);
    sk_buf_release(&bytes);
    sk_buf_release(&seen);
    sk_http_reader_release(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_however_they_are_cut),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests_name("http reader", tests, NULL, NULL);
}

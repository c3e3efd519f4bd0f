/*
 * test_buf.c: the growable byte string, its sticky failure, and the binary codec.
 */
#include "base/buf.h"

#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_appends(void **state)
{
    (void)state;
    struct sk_buf buf;
    sk_buf_init(&buf, 0);
    assert_string_equal(sk_buf_text(&buf), "");
    sk_buf_append(&buf, NULL, 0);
    sk_buf_append_text(&buf, "a");
    sk_buf_append_str(&buf, SK_STR("bc"));
    sk_buf_append_char(&buf, '-');
    sk_buf_append_u64(&buf, UINT64_MAX);
    sk_buf_append_char(&buf, ' ');
    sk_buf_append_u64(&buf, 0);
    sk_buf_append_i64(&buf, INT64_MIN);
    sk_buf_append_i64(&buf, 7);
    sk_buf_printf(&buf, "%s|%d", " x", 42);
    assert_string_equal(sk_buf_text(&buf), "abc-18446744073709551615 0-92233720368547758087 x|42");
    assert_int_equal(sk_buf_view(&buf).size, strlen(sk_buf_text(&buf)));
    sk_buf_clear(&buf);
    assert_int_equal(buf.size, 0);
    assert_non_null(buf.data);
    char *room = sk_buf_reserve(&buf, 3);
    memcpy(room, "xyz", 3);
    buf.size += 3;
    assert_string_equal(sk_buf_text(&buf), "xyz");
    sk_buf_release(&buf);
    assert_null(buf.data);
    sk_buf_release(&buf);
}

static void test_grows_over_many_sizes(void **state)
{
    (void)state;
    struct sk_buf buf;
    sk_buf_init(&buf, 0);
    for (size_t i = 0; i < 5000; i++) {
        sk_buf_append_char(&buf, (char)('a' + i % 26));
        assert_true(buf.capacity > buf.size);
    }
    assert_int_equal(strlen(sk_buf_text(&buf)), 5000);
    sk_buf_printf(&buf, "%01000d", 1);
    assert_int_equal(buf.size, 6000);
    sk_buf_release(&buf);
}

static void test_ceiling_is_exact(void **state)
{
    (void)state;
    struct sk_buf buf;
    sk_buf_init(&buf, 4);
    sk_buf_append_text(&buf, "1234");
    assert_false(buf.failed);
    assert_string_equal(sk_buf_text(&buf), "1234");
    sk_buf_append_char(&buf, '5');
    assert_true(buf.failed);
    assert_int_equal(buf.size, 4);
    assert_string_equal(sk_buf_text(&buf), "");
    assert_null(sk_buf_reserve(&buf, 0));
    sk_buf_clear(&buf);
    sk_buf_append_i64(&buf, -1234); /* neither sign nor digits */
    assert_true(buf.failed);
    assert_int_equal(buf.size, 0);
    sk_buf_clear(&buf);
    sk_buf_printf(&buf, "%s", "12345");
    assert_true(buf.failed);
    sk_buf_release(&buf);
    assert_int_equal(buf.size_max, 4);

    sk_buf_init(&buf, 0);
    assert_null(sk_buf_reserve(&buf, SIZE_MAX));
    assert_true(buf.failed);
    sk_buf_clear(&buf);
    skt_alloc_fail_at(0);
    assert_null(sk_buf_reserve(&buf, SIZE_MAX - 1));
    skt_alloc_fail_off();
    sk_buf_release(&buf);
}

static bool build(void *context)
{
    (void)context;
    struct sk_buf buf;
    sk_buf_init(&buf, 0);
    for (int i = 0; i < 100; i++) {
        sk_buf_append_text(&buf, "0123456789");
        sk_buf_append_i64(&buf, -i);
        sk_buf_printf(&buf, "%d", i);
    }
    bool is_whole = !buf.failed;
    assert_int_equal(is_whole, buf.size == 1000 + 190 + 1 + 99 + 190 - 1);
    sk_buf_release(&buf);
    return is_whole;
}

static void test_memory_failure_is_sticky(void **state)
{
    (void)state;
    assert_true(skt_fail_each(build, NULL) > 3);
}

static void test_codec_round_trip(void **state)
{
    (void)state;
    static const uint64_t unsigneds[] = { 0,     1,          127,       128,       16383,
                                          16384, UINT32_MAX, INT64_MAX, UINT64_MAX };
    static const int64_t signeds[] = { 0, -1, 1, -64, 64, INT32_MIN, INT64_MAX, INT64_MIN };
    struct sk_buf buf;
    sk_buf_init(&buf, 0);
    for (size_t i = 0; i < 9; i++) {
        sk_put_u64(&buf, unsigneds[i]);
    }
    for (size_t i = 0; i < 8; i++) {
        sk_put_i64(&buf, signeds[i]);
    }
    sk_put_str(&buf, SK_STR("span"));
    sk_put_str(&buf, SK_STR(""));
    struct sk_reader reader = sk_reader_of(sk_buf_view(&buf));
    for (size_t i = 0; i < 9; i++) {
        assert_true(sk_get_u64(&reader) == unsigneds[i]);
    }
    for (size_t i = 0; i < 8; i++) {
        assert_true(sk_get_i64(&reader) == signeds[i]);
    }
    assert_true(sk_str_is(sk_get_str(&reader), "span"));
    assert_int_equal(sk_get_str(&reader).size, 0);
    assert_false(reader.bad);
    assert_ptr_equal(reader.at, reader.end);
    sk_buf_release(&buf);
}

/* Every length, with and without room for a whole word behind the number. */
static void test_codec_of_every_length(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 64; bits++) {
        for (unsigned less = 0; less < 2; less++) {
            uint64_t value = (bits == 64 ? 0 : UINT64_C(1) << bits) - less;
            struct sk_buf buf, roomy;
            unsigned char wanted[16] = { 0 };
            size_t size = 0;
            uint64_t rest = value;
            for (; rest >= 0x80; rest >>= 7) wanted[size++] = (unsigned char)(rest | 0x80);
            wanted[size++] = (unsigned char)rest;
            sk_buf_init(&buf, 0);
            sk_buf_init(&roomy, 0);
            assert_non_null(sk_buf_reserve(&roomy, 100));
            sk_put_u64(&buf, value);
            sk_put_u64(&roomy, value);
            assert_int_equal(buf.size, size);
            assert_memory_equal(buf.data, wanted, size);
            assert_int_equal(roomy.size, size);
            assert_memory_equal(roomy.data, wanted, size);
            struct sk_str tight = { (char *)wanted, size }, wide = { (char *)wanted, 16 };
            struct sk_reader short_reader = sk_reader_of(tight), reader = sk_reader_of(wide);
            assert_true(sk_get_u64(&short_reader) == value);
            assert_ptr_equal(short_reader.at, short_reader.end);
            assert_true(sk_get_u64(&reader) == value);
            assert_ptr_equal(reader.at, wanted + size);
            assert_false(reader.bad || short_reader.bad);
            sk_buf_release(&buf);
            sk_buf_release(&roomy);
            if (size == 10) continue;
            wanted[size - 1] |= 0x80; /* padded */
            reader = sk_reader_of(wide);
            assert_true(sk_get_u64(&reader) == 0 && reader.bad);
        }
    }
}

static void test_codec_refuses_damage(void **state)
{
    (void)state;
    static const struct sk_str rows[] = {
        { NULL, 0 },
        { "\x80", 1 },                                      /* cut */
        { "\x80\x00", 2 },                                  /* padded */
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10 }, /* 65 bits */
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11 },
        { "\x05"
          "abcd",
          5 }, /* a span that is cut */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_reader reader = sk_reader_of(rows[i]);
        assert_int_equal(sk_get_str(&reader).size, 0);
        assert_true(reader.bad);
        assert_true(sk_get_u64(&reader) == 0); /* for ever */
        assert_true(sk_get_i64(&reader) == 0);
        assert_null(sk_get_str(&reader).data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_grows_over_many_sizes),
        cmocka_unit_test(test_ceiling_is_exact),
        cmocka_unit_test(test_memory_failure_is_sticky),
        cmocka_unit_test(test_codec_round_trip),
        cmocka_unit_test(test_codec_refuses_damage),
        cmocka_unit_test(test_codec_of_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

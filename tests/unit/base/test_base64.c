/* base64: the vectors of RFC 4648, and what is refused. */
#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *bytes, *text;
} rows[] = { { "", "" },
             { "f", "Zg==" },
             { "fo", "Zm8=" },
             { "foo", "Zm9v" },
             { "foob", "Zm9vYg==" },
             { "fooba", "Zm9vYmE=" },
             { "foobar", "Zm9vYmFy" } };

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_buf text, bytes;
        sk_buf_init(&text, 0);
        sk_buf_init(&bytes, 0);
        sk_base64_encode(sk_str_of(rows[i].bytes), &text);
        assert_string_equal(sk_buf_text(&text), rows[i].text);
        assert_true(sk_base64_decode(sk_buf_view(&text), &bytes));
        assert_string_equal(sk_buf_text(&bytes), rows[i].bytes);
        sk_buf_release(&text);
        sk_buf_release(&bytes);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "?", "Z", "Zg", "Zg=", "Zm9v Zm9v", "Zh==", "Zm9v=" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct sk_buf bytes;
        sk_buf_init(&bytes, 0);
        assert_false(sk_base64_decode(sk_str_of(texts[i]), &bytes));
        assert_int_equal(bytes.size, 0);
        sk_buf_release(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

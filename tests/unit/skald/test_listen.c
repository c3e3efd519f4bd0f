/* How people write where a server listens. */
#include "skald/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_good(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
    } rows[] = {
        { "8080", "127.0.0.1", 8080 },     { ":0", "127.0.0.1", 0 },
        { "localhost:1", "localhost", 1 }, { "0.0.0.0:65535", "0.0.0.0", 65535 },
        { "[::1]:8080", "::1", 8080 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_listen listen;
        assert_int_equal(sk_listen_read(sk_str_of(rows[i].text), &listen, NULL), SKALD_OK);
        assert_string_equal(listen.host, rows[i].host);
        assert_int_equal(listen.port, rows[i].port);
    }
}

static void test_bad(void **state)
{
    static const char *const rows[] = {
        "", "here", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1", "a:b:1", "1.2.3.4:80x"
    };
    char long_host[400];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_listen listen;
        skald_error error = { .message = "" };
        assert_int_equal(sk_listen_read(sk_str_of(rows[i]), &listen, &error), SKALD_E_ARGUMENT);
        assert_non_null(strstr(error.message, "write it like"));
    }
    struct sk_listen listen;
    memset(long_host, 'h', sizeof long_host);
    memcpy(long_host + 300, ":80", 4);
    assert_int_equal(sk_listen_read(sk_str_of(long_host), &listen, NULL), SKALD_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

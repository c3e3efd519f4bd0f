/* test_trace.c: which trace contexts are passed on, and the spans made from them. */
#include "base/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static void test_sound(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\n",
    };
    assert_true(sk_traceparent_is_sound(SK_STR(PARENT)));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (sk_traceparent_is_sound(sk_str_of(bad[i]))) fail_msg("%s", bad[i]);
    }
}

static void test_child(void **state)
{
    (void)state;
    char first[SK_TRACEPARENT_SIZE + 1], again[SK_TRACEPARENT_SIZE + 1];
    char second[SK_TRACEPARENT_SIZE + 1], other[SK_TRACEPARENT_SIZE + 1];
    sk_traceparent_child(SK_STR(PARENT), SK_STR("s/a/action"), 1, first);
    sk_traceparent_child(SK_STR(PARENT), SK_STR("s/a/action"), 1, again);
    sk_traceparent_child(SK_STR(PARENT), SK_STR("s/a/action"), 2, second);
    sk_traceparent_child(SK_STR(PARENT), SK_STR("s/b/action"), 1, other);
    assert_true(sk_traceparent_is_sound(sk_str_of(first)));
    assert_memory_equal(first, PARENT, 36);
    assert_memory_equal(first + 52, "-01", 3);
    assert_string_equal(first, again);
    assert_string_not_equal(first, second);
    assert_string_not_equal(first, other);
    assert_string_not_equal(first, PARENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

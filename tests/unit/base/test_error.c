/*
 * test_error.c: statuses and their classes, messages that are cut and wrapped.
 */
#include "base/error.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_every_status_has_name_text_and_class(void **state)
{
    (void)state;
#define X(name, code, class_, text)                                   \
    assert_string_equal(skald_status_name(name), #name);              \
    assert_string_equal(skald_status_text(name), text);               \
    assert_int_equal(skald_status_class(name), SKALD_CLASS_##class_); \
    assert_int_equal(name, code);
    SKALD_STATUS_MAP(X)
#undef X
    enum skald_status newer = (enum skald_status)(-9999);
    assert_int_equal(skald_status_class(newer), SKALD_CLASS_FATAL);
    assert_string_equal(skald_status_name(newer), "SKALD_E_UNKNOWN");
    assert_true(strlen(skald_status_text(newer)) > 0);
}

static void test_set_and_wrap(void **state)
{
    (void)state;
    skald_error error;
    assert_int_equal(sk_error_set(&error, SKALD_E_IO, "%s: %d", "disk", 5), SKALD_E_IO);
    assert_int_equal(error.status, SKALD_E_IO);
    assert_int_equal(sk_error_wrap(&error, "open %s", "orders.db"), SKALD_E_IO);
    assert_string_equal(error.message, "open orders.db: disk: 5");
    assert_int_equal(sk_error_set(NULL, SKALD_E_FULL, "x"), SKALD_E_FULL);
    assert_int_equal(sk_error_wrap(NULL, "x"), SKALD_E_INTERNAL);
}

/* A message of two-byte characters behind `shift` bytes: one of the two shifts cuts a character. */
static void test_cut_never_splits_a_character(void **state)
{
    (void)state;
    char text[2000];
    for (size_t i = 0; i < sizeof text - 2; i += 2) {
        memcpy(text + i, "\xc3\xa4", 2);
    }
    text[sizeof text - 2] = '\0';
    for (int shift = 0; shift < 4; shift++) {
        skald_error error;
        (void)sk_error_set(&error, SKALD_E_IO, "%.*s%s", shift, "abc", text);
        size_t size = strlen(error.message);
        assert_true(size >= SKALD_ERROR_MESSAGE_SIZE - 3 && size < SKALD_ERROR_MESSAGE_SIZE);
        assert_true(sk_utf8_valid(sk_str_of(error.message)));
        (void)sk_error_wrap(&error, "%.*s", shift, "xyz");
        assert_true(sk_utf8_valid(sk_str_of(error.message)));
        (void)sk_error_wrap(&error, "%s", text); /* nothing is left of the rest */
        assert_true(sk_utf8_valid(sk_str_of(error.message)));
        assert_int_equal(error.message[0], '\xc3');
    }
}

static void test_what_is_not_utf8_is_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        { "a\xff"
          "b",
          "a?b" },
        { "\xc3(", "?(" },
        { "a\xc3", "a" },
        { "a\xe2\x82", "a" },
        { "\x80\x80", "??" },
        { "a\xf0\x9f\x98", "a" },
        { "\xed\xa0\x80", "???" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        skald_error error;
        (void)sk_error_set(&error, SKALD_E_IO, "%s", rows[i].text);
        assert_string_equal(error.message, rows[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_status_has_name_text_and_class),
        cmocka_unit_test(test_set_and_wrap),
        cmocka_unit_test(test_cut_never_splits_a_character),
        cmocka_unit_test(test_what_is_not_utf8_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

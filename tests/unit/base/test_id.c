/*
 * test_id.c: which texts are ids of clients, sagas and names; UUIDs of version 7.
 */
#include "base/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_tables(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_client, is_saga, is_name;
    } rows[] = {
        { "a", true, true, true },
        { "order-42", true, true, true },
        { "Order_42:x", true, true, false },
        { "-a", true, true, false },
        { "a-", true, true, false },
        { "_", true, true, false },
        { "", false, false, false },
        { "a b", false, false, false },
        { "a/b", false, false, false },
        { "@lock/x", false, false, false },
        { "\xc3\xa4", false, false, false },
        { "a.b", false, true, false },
        { "a.b.3", false, true, false },
        { "a.b.3~r2", false, true, false },
        { "a.b~r1.c.0~r12", false, true, false },
        { "a.", false, false, false },
        { ".a", false, false, false },
        { "a..b", false, false, false },
        { "a.-b", false, false, false },
        { "a.b~", false, false, false },
        { "a.b~r", false, false, false },
        { "a.b~r0", false, false, false },
        { "a.b~r01", false, false, false },
        { "a.b~x1", false, false, false },
        { "a.b~r1x", false, false, false },
        { "a.b~r12345678901", false, false, false },
        { "a~r1", false, false, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_str id = sk_str_of(rows[i].text);
        assert_int_equal(sk_id_is_client(id), rows[i].is_client);
        assert_int_equal(sk_id_is_saga(id), rows[i].is_saga);
        assert_int_equal(sk_id_is_name(id), rows[i].is_name);
    }
}

static void test_limits(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'a', sizeof text);
    assert_true(sk_id_is_client((struct sk_str){ text, SK_ID_SIZE_MAX }));
    assert_false(sk_id_is_client((struct sk_str){ text, SK_ID_SIZE_MAX + 1 }));
    assert_true(sk_id_is_name((struct sk_str){ text, SK_NAME_SIZE_MAX }));
    assert_false(sk_id_is_name((struct sk_str){ text, SK_NAME_SIZE_MAX + 1 }));
    for (size_t i = 1; i < sizeof text; i += 2) {
        text[i] = '.';
    }
    assert_true(sk_id_is_saga((struct sk_str){ text, 2 * 33 - 1 })); /* 16 levels, each an item */
    assert_false(sk_id_is_saga((struct sk_str){ text, 2 * 34 - 1 }));
}

static void test_uuid7(void **state)
{
    (void)state;
    char text[SK_UUID_TEXT_SIZE];
    static const uint8_t ones[10] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 };
    static const uint8_t zeros[10] = { 0 };
    sk_uuid7_format(INT64_C(0x017f22e279b0), ones, text);
    assert_string_equal(text, "017f22e2-79b0-7fff-bfff-ffffffffffff");
    sk_uuid7_format(INT64_C(0x017f22e279b0), zeros, text);
    assert_string_equal(text, "017f22e2-79b0-7000-8000-000000000000");
    assert_true(sk_id_is_client(sk_str_of(text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_uuid7),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What is masked, what is not, and the way back of an edit. */
#include "base/json.h"
#include "base/mask.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const names[] = { "password", "card.number" };
static const struct sk_mask mask = { names, 2 };

static void test_mask(void **state)
{
    (void)state;
    static const struct {
        const char *json, *expected;
    } rows[] = {
        { "1", "1" },
        { "\"password\"", "\"password\"" },
        { "{}", "{}" },
        { " { \"a\" : 1 , \"b\" : [ ] } ", "{\"a\":1,\"b\":[]}" },
        { "{\"password\":\"x\",\"user\":\"y\"}", "{\"password\":\"***\",\"user\":\"y\"}" },
        { "{\"PassWord\":{\"deep\":1}}", "{\"PassWord\":\"***\"}" },
        { "{\"p\\u0061ssword\":1}", "{\"p\\u0061ssword\":\"***\"}" },
        { "{\"a\":[{\"password\":[1]},2]}", "{\"a\":[{\"password\":\"***\"},2]}" },
        { "{\"number\":1,\"card\":{\"number\":2,\"name\":3}}",
          "{\"number\":1,\"card\":{\"number\":\"***\",\"name\":3}}" },
        { "{\"x\":{\"card\":[{\"number\":null}]}}", "{\"x\":{\"card\":[{\"number\":\"***\"}]}}" },
        { "{\"my_card\":{\"number\":1}}", "{\"my_card\":{\"number\":1}}" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_buf out = { 0 };
        sk_json_mask(&mask, sk_str_of(rows[i].json), &out);
        assert_string_equal(sk_buf_text(&out), rows[i].expected);
        assert_int_equal(sk_json_check(sk_buf_view(&out), NULL), SKALD_OK);
        sk_buf_release(&out);
    }
}

static void test_unmask(void **state)
{
    (void)state;
    static const struct {
        const char *edited, *original, *expected;
    } rows[] = {
        { "{\"password\":\"***\",\"a\":2}", "{\"a\":1,\"password\":\"p\"}",
          "{\"password\":\"p\",\"a\":2}" },
        { "{\"password\":\"new\"}", "{\"password\":\"p\"}", "{\"password\":\"new\"}" },
        { "{\"password\":\"***\"}", "{}", "{\"password\":\"***\"}" },
        { "{\"note\":\"***\"}", "{\"note\":\"p\"}", "{\"note\":\"***\"}" },
        { "[{\"password\":\"***\"},{\"password\":\"***\"}]",
          "[{\"password\":{\"a\":1}},{\"password\":2}]",
          "[{\"password\":{\"a\":1}},{\"password\":2}]" },
        { "[{\"card\":{\"number\":\"***\"}}]", "{\"card\":1}",
          "[{\"card\":{\"number\":\"***\"}}]" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_buf out = { 0 };
        sk_json_unmask(&mask, sk_str_of(rows[i].edited), sk_str_of(rows[i].original), &out);
        assert_string_equal(sk_buf_text(&out), rows[i].expected);
        sk_buf_release(&out);
    }
}

static void test_requests(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *expected;
    } rows[] = {
        { "", "" },
        { "GET http://h/p", "GET http://h/p" },
        { "GET http://h/p?a=1&password=x&b\n", "GET http://h/p?a=1&password=***&b\n" },
        { "POST http://h/p\nPassword: x\nX-A: 1\n", "POST http://h/p\nPassword: ***\nX-A: 1\n" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_buf out = { 0 };
        sk_mask_request(&mask, sk_str_of(rows[i].lines), &out);
        assert_string_equal(sk_buf_text(&out), rows[i].expected);
        sk_buf_release(&out);
    }
}

static void test_nothing_is_named(void **state)
{
    (void)state;
    struct sk_buf out = { 0 };
    sk_json_mask(&(struct sk_mask){ 0 }, SK_STR("{\"password\":1}"), &out);
    assert_string_equal(sk_buf_text(&out), "{\"password\":1}");
    sk_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_unmask),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_nothing_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_channel_body.c: what the texts of a channel become: templates over one notification. */
#include "invoke/channel_parts.h"

#include <stdarg.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

static const char notification[] =
    "{\"message\":\"a \\\"b\\\"\\n{{target}} ${secret:S}\",\"target\":\"#x & y\",\"step\":null,"
    "\"metadata\":{\"n\":[1,2],\"deep\":{\"t\":\"\\u00e9\"}},\"error\":{\"code\":\"no\"}}";

static bool secret_of(void *context, struct sk_str name, struct sk_buf *out)
{
    (void)context;
    if (!sk_str_is(name, "S")) return false;
    sk_buf_append_text(out, "p\"w");
    return true;
}

static const struct row {
    enum sk_filling filling;
    const char *text, *wanted; /* NULL: a secret is missing */
} rows[] = {
    { SK_FILL_JSON, "", "" },
    { SK_FILL_JSON, "{}", "{}" },
    /* a string that is one place becomes the value, inside of one it is escaped */
    { SK_FILL_JSON, "\"{{target}}\"", "\"#x & y\"" },
    { SK_FILL_JSON, "\"to {{ .target }}!\"", "\"to #x & y!\"" },
    { SK_FILL_JSON, "[\"{{metadata.n}}\", \"{{step}}\", \"{{nothing.at.all}}\"]",
      "[[1,2], null, null]" },
    { SK_FILL_JSON, "\"{{metadata.n}} {{step}}{{nothing}}\"", "\"[1,2] \"" },
    { SK_FILL_JSON, "\"<{{error}}>\"", "\"<{\\\"code\\\":\\\"no\\\"}>\"" },
    /* what stands in a value is never looked at again */
    { SK_FILL_JSON, "\"-{{message}}\"", "\"-a \\\"b\\\"\\n{{target}} ${secret:S}\"" },
    { SK_FILL_JSON, "\"${secret:S}\"", "\"p\\\"w\"" },
    { SK_FILL_JSON, "\"${secret:T}\"", NULL },
    { SK_FILL_JSON, "{{ never closed", "{{ never closed" },
    { SK_FILL_JSON, "${secret:S", "${secret:S" },
    { SK_FILL_URL, "http://h/{{target}}?d={{metadata.deep.t}}",
      "http://h/%23x%20%26%20y?d=%C3%A9" },
    { SK_FILL_URL, "http://h/${secret:S}/{{error.code}}", "http://h/${secret:S}/no" },
};

static void test_filled(void **state)
{
    (void)state;
    const struct sk_channel_options options = { .secret = secret_of };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_buf out;
        struct sk_str missing = { NULL, 0 };
        sk_buf_init(&out, 0);
        bool is_whole = sk_channel_fill(&options, sk_str_of(rows[i].text), sk_str_of(notification),
                                        rows[i].filling, &out, &missing);
        assert_int_equal(is_whole, rows[i].wanted != NULL);
        if (is_whole) assert_string_equal(sk_buf_text(&out), rows[i].wanted);
        if (!is_whole) assert_true(sk_str_is(missing, "T"));
        sk_buf_release(&out);
    }
}

static void test_no_secrets_at_all(void **state)
{
    (void)state;
    const struct sk_channel_options options = { .secret = NULL };
    struct sk_buf out;
    struct sk_str missing = { NULL, 0 };
    sk_buf_init(&out, 0);
    assert_false(sk_channel_fill(&options, SK_STR("\"${secret:S}\""), SK_STR("{}"), SK_FILL_JSON,
                                 &out, &missing));
    assert_true(sk_str_is(missing, "S"));
    sk_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filled),
        cmocka_unit_test(test_no_secrets_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

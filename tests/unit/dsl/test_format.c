/* test_format.c: texts and what they are formatted to; hostile ones stay as they are. */
#include "dsl/format.h"

#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct golden {
    const char *what, *source, *wanted;
};

static const struct golden goldens[] = {
    { "nothing", "", "" },
    { "a comment alone", "  # only\n\n", "# only\n" },
    { "indentation", "a:\n      b:\n         c: 1\n      d: 2\n", "a:\n  b:\n    c: 1\n  d: 2\n" },
    { "lists below their key", "a:\n- b\n- c: 1\n  d: 2\ne: 3\n",
      "a:\n  - b\n  - c: 1\n    d: 2\ne: 3\n" },
    { "lists in lists", "- - a\n  - b\n-   -   c\n", "- - a\n  - b\n- - c\n" },
    { "blanks", "a  :   1   \nb: [ 1,2 ,3 ]\nc: {x: 1,y: { }}\n",
      "a: 1\nb: [1, 2, 3]\nc: { x: 1, y: {} }\n" },
    { "quotes stay", "a: 'x'\nb: \"y\\n\"\nc: z\n", "a: 'x'\nb: \"y\\n\"\nc: z\n" },
    { "order and duplicates of anchors stay", "b: &x {k: 1}\na: *x\nc:\n  <<: *x\n",
      "b: &x { k: 1 }\na: *x\nc:\n  <<: *x\n" },
    { "an alias as key", "a: &k v\n*k : 1\n", "a: &k v\n*k : 1\n" },
    { "tags", "a: !include   x.yaml\nb: !!str   1\n", "a: !include x.yaml\nb: !!str 1\n" },
    { "comments", "# top\na: 1   # why\n#below\nb:\n      # child\n      c: 2\n",
      "# top\na: 1   # why\n#below\nb:\n  # child\n  c: 2\n" },
    { "a comment that stood deeper", "a:\n    b: 1\n    # of a\nc: 2\n",
      "a:\n  b: 1\n  # of a\nc: 2\n" },
    { "a comment after the last line", "a:\n- b\n# end\n", "a:\n  - b\n# end\n" },
    { "empty lines", "\n\na: 1\n\n\n\nb: 2\n\n\n", "a: 1\n\nb: 2\n" },
    { "a literal moves as a whole",
      "a:\n    b: |\n            x\n              y\n\n            z\n",
      "a:\n  b: |\n    x\n      y\n\n    z\n" },
    { "what a literal keeps", "a: |+\n     x\n\n\nb: 1\n", "a: |+\n  x\n\n\nb: 1\n" },
    { "a given indentation", "a:\n    b: |2\n         x\n", "a:\n  b: |2\n       x\n" },
    { "a comment at a literal's head", "a: >-   # why\n   x\n# after\nb: 1\n",
      "a: >-   # why\n  x\n# after\nb: 1\n" },
    { "several lines", "a: one\n      two\nb: \"x\n       y\"\n",
      "a: one\n  two\nb: \"x\n  y\"\n" },
    { "braces over lines", "- {a: 1,\n      b: [\n   2\n ]}\n",
      "- { a: 1,\n    b: [\n      2\n    ] }\n" },
    { "a value on its own line", "a:\n         b\nc:\n    [1]\n", "a:\n  b\nc:\n  [1]\n" },
    { "keys by question mark", "?   a\n:   b\n? - x\n: - y\n", "? a\n: b\n? - x\n: - y\n" },
    { "documents", "%YAML 1.1\n---\na:  1\n...\n", "%YAML 1.1\n---\na: 1\n...\n" },
    { "line ends",
      "\xef\xbb\xbf"
      "a: 1\r\nb:  2\r\n",
      "a: 1\nb: 2\n" },
    { "line ends of old", "a: 1\rb:  2\r\r\n", "a: 1\nb: 2\n" },
    { "two byte order marks",
      "\xef\xbb\xbf\xef\xbb\xbf"
      "a:  1\n",
      "a: 1\n" },
    { "no line end", "a: 1", "a: 1\n" },
    { "JSON", "{\"a\":1,\"b\":[1,{}]}", "{ \"a\": 1, \"b\": [1, {}] }\n" },
    { "wide characters", "ключ:   \"значение\"  # 注\nb:   ü\n",
      "ключ: \"значение\"  # 注\nb: ü\n" },
    { "tabs between", "a:\t1\t# x\n", "a: 1 # x\n" },
};

static enum skald_status format(const char *source, struct sk_buf *out, skald_error *error)
{
    sk_buf_init(out, 0);
    return sk_dsl_format(sk_str_of(source), out, error);
}

static void test_goldens(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++) {
        struct sk_buf out, again;
        skald_error error = { 0 };
        enum skald_status status = format(goldens[i].source, &out, &error);
        if (status != SKALD_OK || strcmp(sk_buf_text(&out), goldens[i].wanted) != 0)
            fail_msg("%s: %s\n%s", goldens[i].what, error.message, sk_buf_text(&out));
        assert_int_equal(format(sk_buf_text(&out), &again, &error), SKALD_OK);
        assert_string_equal(sk_buf_text(&again), sk_buf_text(&out));
        sk_buf_release(&out);
        sk_buf_release(&again);
    }
}

static void test_what_is_no_yaml_is_named_with_its_line(void **state)
{
    (void)state;
    static const char *const bad[] = { "a: [b\n",  "a: b: c\n",       "a: \"x\n",
                                       "\ta: 1\n", "a: *none\n- b\n", "- a\nb: 1\n",
                                       "a: {b\n",  "%FOO\n",          "a: '\n" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sk_buf out;
        skald_error error = { 0 };
        assert_int_equal(format(bad[i], &out, &error), SKALD_E_SYNTAX);
        assert_non_null(strstr(error.message, "line "));
        assert_int_equal(out.size, 0);
        sk_buf_release(&out);
    }
    struct sk_buf out;
    skald_error error = { 0 };
    assert_int_equal(format("a: \xff\n", &out, &error), SKALD_E_SYNTAX);
    sk_buf_release(&out);
}

/* Its last line would get a line end that its value must not have. */
static void test_what_would_change_is_refused(void **state)
{
    (void)state;
    struct sk_buf out;
    skald_error error = { 0 };
    assert_int_equal(format("a: |\n x", &out, &error), SKALD_E_UNSUPPORTED);
    assert_int_equal(out.size, 0);
    sk_buf_release(&out);
}

static void test_deep_nesting_is_refused(void **state)
{
    (void)state;
    struct sk_buf source, out;
    skald_error error = { 0 };
    sk_buf_init(&source, 0);
    for (int i = 0; i < 5000; i++) sk_buf_append_char(&source, '[');
    for (int i = 0; i < 5000; i++) sk_buf_append_char(&source, ']');
    assert_int_not_equal(format(sk_buf_text(&source), &out, &error), SKALD_OK);
    sk_buf_release(&out);
    sk_buf_release(&source);
}

/* Whatever stands in a text: formatted, refused or no YAML, never a crash, and stable. */
static void test_damaged_texts(void **state)
{
    (void)state;
    static const char letters[] = " \n\n  :-?,[]{}#&*!|>'\"%ab1\t";
    uint32_t random = 1, formatted = 0;
    for (int turn = 0; turn < 4000; turn++) {
        const char *source = goldens[(uint32_t)turn % (sizeof goldens / sizeof goldens[0])].source;
        char text[256];
        size_t size = strlen(source);
        memcpy(text, source, size + 1);
        for (int change = 0; change < 1 + turn % 3 && size > 0; change++) {
            random = random * 1664525u + 1013904223u;
            text[(random >> 8) % size] = letters[(random >> 20) % (sizeof letters - 1)];
        }
        struct sk_buf out, again;
        if (format(text, &out, NULL) == SKALD_OK) {
            formatted++;
            assert_int_equal(format(sk_buf_text(&out), &again, NULL), SKALD_OK);
            assert_string_equal(sk_buf_text(&again), sk_buf_text(&out));
            sk_buf_release(&again);
        }
        sk_buf_release(&out);
    }
    assert_true(formatted > 1000);
}

static bool format_once(void *context)
{
    (void)context;
    struct sk_buf out;
    bool ok = format("a:\n  - b # c\n", &out, NULL) == SKALD_OK;
    sk_buf_release(&out);
    return ok;
}

static void test_no_memory(void **state)
{
    (void)state;
    assert_true(skt_fail_each(format_once, NULL) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens),
        cmocka_unit_test(test_what_is_no_yaml_is_named_with_its_line),
        cmocka_unit_test(test_what_would_change_is_refused),
        cmocka_unit_test(test_deep_nesting_is_refused),
        cmocka_unit_test(test_damaged_texts),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_bytes.c: sources that no text editor writes: broken bytes, too much of something, bombs.
 * Each must be answered with a place and a remedy, quickly.
 */
#include "dsl/node.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char head[] = "saga: {id: s, name: S, version: \"1\", description: d}\nsteps:\n";
static const char step[] = "{id: a, name: A, type: function, action: {function: {name: f}}, "
                           "compensation: {type: skip}}\n";

/* Without the codes at the lines' ends, which the golden files compare. */
static void cut_codes(struct sk_buf *text)
{
    (void)sk_buf_text(text); /* ends it with a NUL */
    char *to = text->data;
    for (char *from = text->data; *from != 0;) {
        size_t code = strspn(from, " [abcdefghijklmnopqrstuvwxyz0123456789_");
        bool is_code =
            from[0] == ' ' && from[1] == '[' && from[code] == ']' && from[code + 1] == '\n';
        if (is_code) from += code + 1;
        *to++ = *from++;
    }
    text->size = (size_t)(to - text->data);
}

static void check(struct sk_str source, const char *expected)
{
    struct skt_world world;
    struct sk_buf text;
    skt_world_init(&world);
    sk_buf_init(&text, 0);
    struct sk_plan *plan = skt_compile(&world, source, &text);
    if (text.size > 0) cut_codes(&text);
    assert_string_equal(sk_buf_text(&text), expected);
    assert_int_equal(plan != NULL, expected[0] == '\0');
    sk_plan_free(plan);
    sk_buf_release(&text);
}

static void test_broken_bytes(void **state)
{
    (void)state;
    static const struct {
        struct sk_str source;
        const char *expected;
    } rows[] = {
        { { "sag\0a: 1\n", 9 },
          "order.yaml:1:4: error: a NUL byte (definitions are UTF-8 text)\n" },
        { { "saga: {id: \xff}\n", 14 },
          "order.yaml:1:12: error: the byte 0xFF is not valid UTF-8 (save the file as UTF-8)\n" },
        { { "ok: 1\nsaga: {n: \xc3\xa4\xc3}\n", 21 },
          "order.yaml:2:12: error: the byte 0xC3 is not valid UTF-8 (save the file as UTF-8)\n" },
        { { "x: \xed\xa0\x80\n", 7 },
          "order.yaml:1:4: error: the byte 0xED is not valid UTF-8 (save the file as UTF-8)\n" },
        { { "x: \xf0\x9f\x92\n", 7 },
          "order.yaml:1:4: error: the byte 0xF0 is not valid UTF-8 (save the file as UTF-8)\n" },
        { { "x: \x80\n", 5 },
          "order.yaml:1:4: error: the byte 0x80 is not valid UTF-8 (save the file as UTF-8)\n" },
        { { "x: 1\ny: \x1b[0m\n", 13 },
          "order.yaml:2:4: error: the control character 0x1B (remove it, or write it as an escape "
          "in double quotes)\n" },
        { { "\xff\xfes\0a\0", 6 },
          "order.yaml:1:1: error: the byte 0xFF is not valid UTF-8 (save the file as UTF-8)\n" },
        { { "a: b\nx: \x7f\n", 10 },
          "order.yaml:2:4: error: not valid YAML: control characters are not allowed (check "
          "indentation, quotes and brackets around this place)\n" },
        { { NULL, 0 },
          "order.yaml:1:1: error: the document is empty (a definition starts with saga:)\n" },
        { { "[1, 2", 6 }, "order.yaml:1:6: error: a NUL byte (definitions are UTF-8 text)\n" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(rows[i].source, rows[i].expected);
}

static void append(struct sk_buf *out, const char *text, int count)
{
    for (int i = 0; i < count; i++) sk_buf_append_text(out, text);
}

/* head, then `open` and `close` around nothing, `count` times each. */
static void check_nested(const char *start, const char *open, const char *close, int count,
                         const char *expected)
{
    struct sk_buf source;
    sk_buf_init(&source, 0);
    sk_buf_append_text(&source, start);
    append(&source, open, count);
    append(&source, close, count);
    check(sk_buf_view(&source), expected);
    sk_buf_release(&source);
}

static void test_nesting(void **state)
{
    (void)state;
    check_nested(
        "", "[", "]", 64,
        "order.yaml:1:1: error: a list does not fit here (a definition starts with saga:)\n");
    check_nested("", "[", "]", 65,
                 "order.yaml:1:65: error: nested deeper than 64 levels (flatten it)\n");
    check_nested("", "[", "", 1000000,
                 "order.yaml:1:65: error: nested deeper than 64 levels (flatten it)\n");
    check_nested("x: ", "[", "]", 1000000,
                 "order.yaml:1:67: error: nested deeper than 64 levels (flatten it)\n");
    check_nested("x: ", "{a: ", "}", 64,
                 "order.yaml:1:256: error: nested deeper than 64 levels (flatten it)\n");
    check_nested("", "- ", "", 100000,
                 "order.yaml:1:129: error: nested deeper than 64 levels (flatten it)\n");
    check_nested("x: ", "[x, ", "]", 65,
                 "order.yaml:1:256: error: nested deeper than 64 levels (flatten it)\n");
}

static void test_an_alias_bomb(void **state)
{
    (void)state;
    struct sk_buf source;
    sk_buf_init(&source, 0);
    sk_buf_append_text(&source, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        sk_buf_printf(&source, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++) sk_buf_printf(&source, "%s*a%d", k > 0 ? ", " : "", i - 1);
        sk_buf_append_text(&source, "]\n");
    }
    check(sk_buf_view(&source), "order.yaml:6:45: error: more than 1000000 values with aliases "
                                "expanded (use fewer aliases or a smaller document)\n");
    sk_buf_release(&source);
}

/* Few nodes, but a long text many times over. */
static void test_a_text_bomb(void **state)
{
    (void)state;
    struct sk_buf source;
    sk_buf_init(&source, 0);
    sk_buf_append_text(&source, "a: &a ");
    append(&source, "0123456789", 20000);
    sk_buf_append_text(&source, "\nb: [*a");
    append(&source, ", *a", 100);
    sk_buf_append_text(&source, "]\n");
    check(sk_buf_view(&source),
          "order.yaml: error: larger than 10 MB once aliases and includes are "
          "expanded (use fewer aliases or includes)\n");
    sk_buf_release(&source);
}

static void test_merge_bomb(void **state)
{
    (void)state;
    struct sk_buf source;
    sk_buf_init(&source, 0);
    sk_buf_append_text(&source, "a: &a {");
    for (int i = 0; i < 2000; i++) sk_buf_printf(&source, "k%d: 1, ", i);
    sk_buf_append_text(&source, "}\nb:\n");
    for (int i = 0; i < 600; i++) sk_buf_append_text(&source, "  - {<<: *a}\n");
    check(sk_buf_view(&source), "order.yaml:252:10: error: more than 1000000 values with aliases "
                                "expanded (use fewer aliases or a smaller document)\n");
    sk_buf_release(&source);
}

static void test_anchors(void **state)
{
    (void)state;
    struct sk_buf source;
    sk_buf_init(&source, 0);
    for (int i = 0; i < 1001; i++) sk_buf_printf(&source, "- &n%d x\n", i);
    check(sk_buf_view(&source), "order.yaml:1001:3: error: more than 1000 anchors (use fewer)\n");
    sk_buf_release(&source);
}

static void test_depth_by_aliases(void **state)
{
    (void)state;
    struct sk_buf source;
    sk_buf_init(&source, 0);
    sk_buf_append_text(&source, "a: &a ");
    append(&source, "[", 40);
    append(&source, "]", 40);
    sk_buf_append_text(&source, "\nb: ");
    append(&source, "[", 30);
    sk_buf_append_text(&source, "*a");
    append(&source, "]", 30);
    check(sk_buf_view(&source),
          "order.yaml:2:34: error: nested deeper than 64 levels (flatten it)\n");
    sk_buf_release(&source);
}

static void test_size(void **state)
{
    (void)state;
    struct sk_buf source;
    sk_buf_init(&source, 0);
    append(&source, "# 0123456789abc\n", 10 * 1024 * 1024 / 16);
    sk_buf_append_char(&source, ' ');
    check(sk_buf_view(&source), "order.yaml: error: larger than 10 MB with its includes (split it "
                                "into several definitions)\n");
    sk_buf_release(&source);
}

static void test_keys_that_are_too_long(void **state)
{
    (void)state;
    struct sk_buf source;
    sk_buf_init(&source, 0);
    sk_buf_append_text(&source, "? ");
    append(&source, "0123456789abcdef", 65);
    sk_buf_append_text(&source, "\n: 1\n");
    check(sk_buf_view(&source),
          "order.yaml:1:3: error: a key of more than 1024 bytes (shorten it)\n");
    sk_buf_clear(&source);
    sk_buf_append_text(&source, "{\"");
    append(&source, "0123456789abcdef", 65);
    sk_buf_append_text(&source, "\": 1}");
    check(sk_buf_view(&source),
          "order.yaml:1:2: error: a key of more than 1024 bytes (shorten it)\n");
    sk_buf_release(&source);
}

static void test_more_problems_than_are_shown(void **state)
{
    (void)state;
    struct skt_world world;
    struct sk_buf source;
    struct sk_diagnostics diagnostics;
    struct sk_plan *plan = NULL;
    skt_world_init(&world);
    sk_buf_init(&source, 0);
    sk_diagnostics_init(&diagnostics);
    sk_buf_append_text(&source, head);
    sk_buf_printf(&source, "  - %s", step);
    for (int i = 0; i < 250; i++) sk_buf_printf(&source, "unknown%d: 1\n", i);
    sk_buf_append_text(&source, "services: 5\n");
    assert_int_equal(sk_dsl_compile(sk_buf_view(&source), &world.options, &plan, NULL,
                                    &diagnostics),
                     SKALD_E_INVALID);
    assert_int_equal(diagnostics.count, SK_DIAGNOSTICS_MAX + 1);
    assert_int_equal(diagnostics.errors_count, 1);
    const struct sk_diagnostic *last = &diagnostics.items[SK_DIAGNOSTICS_MAX];
    assert_true(sk_str_is(last->code, "too_many_problems"));
    assert_int_equal(last->severity, SK_SEVERITY_ERROR);
    sk_diagnostics_release(&diagnostics);
    sk_buf_release(&source);
}

static void test_many_steps(void **state)
{
    (void)state;
    struct sk_buf source;
    sk_buf_init(&source, 0);
    sk_buf_append_text(&source, "saga: {id: s, name: S, version: \"1\", description: d, order: "
                                "sequential}\nsteps:\n");
    for (int i = 0; i < 1000; i++) {
        sk_buf_printf(&source,
                      "  - {id: s%d, name: A, type: function, action: {function: {name: f}}, "
                      "compensation: {type: automatic}}\n",
                      i);
    }
    struct skt_world world;
    struct sk_buf text;
    skt_world_init(&world);
    sk_buf_init(&text, 0);
    struct sk_plan *plan = skt_compile(&world, sk_buf_view(&source), &text);
    assert_string_equal(sk_buf_text(&text), "");
    assert_int_equal(plan->steps_count, 1000);
    assert_int_equal(plan->steps[999].level, 999);
    sk_buf_clear(&text);
    assert_int_equal(sk_dsl_graph(plan, SK_GRAPH_SVG, NULL, &text), SKALD_OK);
    sk_plan_free(plan);
    sk_buf_append_text(&source, "  - {id: more, name: A, type: function, action: {function: {name: "
                                "f}}, compensation: {type: skip}}\n");
    check(sk_buf_view(&source),
          "order.yaml:3:3: error: steps: 1001 elements; 1 to 1000 are possible\n");
    sk_buf_release(&source);
    sk_buf_release(&text);
}

/* Many long edges: the picture does without bends. */
static void test_a_dense_graph(void **state)
{
    (void)state;
    struct sk_buf source;
    sk_buf_init(&source, 0);
    sk_buf_append_text(&source, head);
    for (int i = 0; i < 60; i++) {
        sk_buf_printf(&source,
                      "  - {id: s%d, name: A, type: function, action: {function: {name: f}}, "
                      "compensation: {type: skip}, dependencies: [",
                      i);
        for (int k = 0; k < i; k++) sk_buf_printf(&source, "s%d, ", k);
        sk_buf_append_text(&source, "]}\n");
    }
    struct skt_world world;
    struct sk_buf text;
    skt_world_init(&world);
    sk_buf_init(&text, 0);
    struct sk_plan *plan = skt_compile(&world, sk_buf_view(&source), &text);
    assert_non_null(plan);
    assert_int_equal(sk_dsl_graph(plan, SK_GRAPH_SVG, NULL, &text), SKALD_OK);
    sk_plan_free(plan);
    sk_buf_release(&source);
    sk_buf_release(&text);
}

static void test_byte_order_mark_and_line_ends(void **state)
{
    (void)state;
    struct sk_buf source;
    sk_buf_init(&source, 0);
    sk_buf_append_text(&source, "\xef\xbb\xbf");
    sk_buf_append_text(&source,
                       "saga: {id: s, name: S, version: \"1\", description: d}\r\nsteps:\r\n");
    sk_buf_printf(&source, "  - %s", step);
    check(sk_buf_view(&source), "");
    sk_buf_release(&source);
}

static void test_without_options(void **state)
{
    (void)state;
    struct sk_diagnostics diagnostics;
    struct sk_plan *plan = NULL;
    struct sk_buf json, text;
    sk_diagnostics_init(&diagnostics);
    sk_buf_init(&json, 0);
    sk_buf_init(&text, 0);
    assert_int_equal(sk_dsl_expand(SK_STR("a: [1, yes]"), NULL, &json, &diagnostics), SKALD_OK);
    assert_string_equal(sk_buf_text(&json), "{\"a\":[1,\"yes\"]}");
    assert_int_equal(sk_dsl_expand(SK_STR("a: ["), NULL, &json, &diagnostics), SKALD_E_INVALID);
    assert_int_equal(sk_dsl_compile(SK_STR("a: !include b"), NULL, &plan, &json, &diagnostics),
                     SKALD_E_INVALID);
    assert_int_equal(sk_dsl_compile(SK_STR("a: ${B}"), NULL, &plan, &json, &diagnostics),
                     SKALD_E_INVALID);
    assert_null(plan);
    sk_diagnostics_print(&diagnostics, &text);
    cut_codes(&text);
    assert_string_equal(
        sk_buf_text(&text),
        "definition:1:4: error: !include b: files cannot be included here (send one document "
        "without includes)\n"
        "definition:1:4: error: ${B} is not set (set it, or write ${NAME:-default})\n"
        "definition:2:1: error: not valid YAML: while parsing a flow node, did not find expected "
        "node content (check indentation, quotes and brackets around this place)\n");
    sk_diagnostics_release(&diagnostics);
    sk_buf_release(&json);
    sk_buf_release(&text);
}

static void test_server_defaults(void **state)
{
    (void)state;
    struct skt_world world;
    struct sk_buf source, text;
    skt_world_init(&world);
    sk_buf_init(&source, 0);
    sk_buf_init(&text, 0);
    world.options.attempt_timeout_ms = 2500;
    world.options.saga_timeout_ms = 60000;
    world.options.retry =
        (struct sk_retry_policy){ .type = SK_RETRY_FIXED, .max_attempts = 7, .initial_ms = 100 };
    world.options.undo_retry =
        (struct sk_retry_policy){ .type = SK_RETRY_EXPONENTIAL, .max_attempts = 9 };
    sk_buf_append_text(&source, head);
    sk_buf_printf(&source, "  - %s", step);
    struct sk_plan *plan = skt_compile(&world, sk_buf_view(&source), &text);
    assert_int_equal(plan->timeout_ms, 60000);
    assert_int_equal(plan->steps[0].retry.max_attempts, 7);
    assert_int_equal(plan->steps[0].retry.initial_ms, 100);
    assert_int_equal(plan->steps[0].compensation.retry.max_attempts, 9);
    skt_dump_plan(plan, &text);
    assert_non_null(strstr(sk_buf_text(&text), "timeout 2.5s\n"));
    sk_plan_free(plan);
    sk_buf_release(&source);
    sk_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broken_bytes),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_an_alias_bomb),
        cmocka_unit_test(test_a_text_bomb),
        cmocka_unit_test(test_merge_bomb),
        cmocka_unit_test(test_anchors),
        cmocka_unit_test(test_depth_by_aliases),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_keys_that_are_too_long),
        cmocka_unit_test(test_more_problems_than_are_shown),
        cmocka_unit_test(test_many_steps),
        cmocka_unit_test(test_a_dense_graph),
        cmocka_unit_test(test_byte_order_mark_and_line_ends),
        cmocka_unit_test(test_without_options),
        cmocka_unit_test(test_server_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

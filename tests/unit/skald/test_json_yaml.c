/* JSON as YAML and values by path: tables. */
#include "skald/json_path.h"
#include "skald/json_yaml.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *json, *yaml;
} documents[] = {
    { "{\"a\": 1, \"b\": \"word\", \"c\": null}", "a: 1\nb: word\nc: null\n" },
    { "{\"a\": \"yes\", \"b\": \"1\", \"c\": \"\", \"d\": \"two words\"}",
      "a: \"yes\"\nb: \"1\"\nc: \"\"\nd: \"two words\"\n" },
    { "{\"a\": {}, \"b\": [], \"c\": {\"d\": [1, [2, 3], {\"e\": 4, \"f\": 5}]}}",
      "a: {}\nb: []\nc:\n  d:\n    - 1\n    - - 2\n      - 3\n    - e: 4\n      f: 5\n" },
    { "{\"x y\": \"a: b\", \"null\": \"{{ .input.x }}\"}",
      "\"x y\": \"a: b\"\n\"null\": \"{{ .input.x }}\"\n" },
};

static void test_yaml(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        struct sk_buf out = { 0 };
        assert_int_equal(sk_json_check(sk_str_of(documents[i].json), NULL), SKALD_OK);
        sk_json_yaml(sk_str_of(documents[i].json), &out);
        assert_string_equal(sk_buf_text(&out), documents[i].yaml);
        sk_buf_release(&out);
    }
}

static const char document[] =
    "{\"a\": {\"b\": [10, {\"c\": \"x\\ny\"}]}, \"n\": null, \"t\": true,"
    " \"big\": 1e300, \"\": 7}";

static const struct {
    const char *path, *text, *value;
} paths[] = {
    { "a.b[0]", "10", "10" },
    { "a.b[1].c", "x\ny", "\"x\\ny\"" },
    { "a.b[1]", "{\"c\": \"x\\ny\"}", "{\"c\": \"x\\ny\"}" },
    { "t", "true", "true" },
    { "n", NULL, NULL },
    { "a.b[2]", NULL, NULL },
    { "a.b[x]", NULL, NULL },
    { "a.b[0", NULL, NULL },
    { "a[0]", NULL, NULL },
    { "a.b.c", NULL, NULL },
    { "a.b[1]c", NULL, NULL },
    { "missing.deep", NULL, NULL },
    { "t.x", NULL, NULL },
};

static void check_text(const char *have, const char *want)
{
    if (want == NULL) {
        assert_null(have);
    } else {
        assert_string_equal(have, want);
    }
}

static void test_paths(void **state)
{
    (void)state;
    struct sk_arena arena;
    sk_arena_init(&arena);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        check_text(sk_json_text_at(sk_str_of(document), paths[i].path, &arena), paths[i].text);
        check_text(sk_json_value_at(sk_str_of(document), paths[i].path, &arena), paths[i].value);
    }
    assert_string_equal(sk_json_value_at(sk_str_of(document), "", &arena), document);
    assert_null(sk_json_text_at((struct sk_str){ 0 }, "a", &arena));
    assert_null(sk_json_text_at((struct sk_str){ 0 }, "", &arena));
    double number = 0;
    int64_t integer = 0;
    assert_true(sk_json_number_at(sk_str_of(document), "big", &number));
    assert_false(sk_json_integer_at(sk_str_of(document), "big", &integer));
    assert_true(sk_json_integer_at(sk_str_of(document), "a.b[0]", &integer));
    assert_int_equal(integer, 10);
    assert_false(sk_json_number_at(sk_str_of(document), "t", &number));
    sk_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_yaml), cmocka_unit_test(test_paths) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

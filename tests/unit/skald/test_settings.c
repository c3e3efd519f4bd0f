/* Values of every type by their rows, maps of tables, and the way back into text. */
#include "skald/settings_private.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const words[] = { "low", "high", NULL };

struct friend_settings {
    struct sk_setting_entry entry;
    const char *endpoint, *password;
    int64_t timeout_ms, size;
    double rate;
    bool is_on;
    int word;
    uint32_t count;
    struct sk_setting_pairs headers;
    struct sk_setting_list names;
};

#define IN(field)                                      \
    .offset = offsetof(struct friend_settings, field), \
    .size = sizeof(((struct friend_settings *)NULL)->field)

static const struct sk_setting friend_rows[] = {
    { "endpoint", SK_SETTING_TEXT, NULL, IN(endpoint), .may_hold_secret = true },
    { "password", SK_SETTING_TEXT, NULL, IN(password), .must_be_secret = true },
    { "timeout", SK_SETTING_DURATION, "10s", .min = 1, .max = 60000, IN(timeout_ms), .zero = "ever",
      .zero_as = -1 },
    { "breaker.size", SK_SETTING_SIZE, "4MiB", IN(size) },
    { "breaker.rate", SK_SETTING_NUMBER, "0.5", .max = 1, IN(rate) },
    { "on", SK_SETTING_BOOL, "true", IN(is_on) },
    { "word", SK_SETTING_WORD, "high", IN(word), .words = words },
    { "count", SK_SETTING_INT, "3", .min = 1, .max = 4000000000, IN(count) },
    { "headers", SK_SETTING_PAIRS, NULL, IN(headers), .must_be_secret = true },
    { "names", SK_SETTING_LIST, "a, b", IN(names) },
};
static const struct sk_setting_table friend_table = { "friend", friend_rows,
                                                      sizeof friend_rows / sizeof friend_rows[0],
                                                      sizeof(struct friend_settings) };

struct whole {
    struct sk_setting_map friends;
};
static const struct sk_setting whole_rows[] = {
    { "friends", SK_SETTING_MAP, .offset = offsetof(struct whole, friends),
      .size = sizeof(struct sk_setting_map), .table = &friend_table },
};
static const struct sk_setting_table whole_table = { "", whole_rows, 1, sizeof(struct whole) };

struct world {
    struct sk_settings settings; /* for its arena */
    struct sk_diagnostics diagnostics;
    struct whole whole;
    struct sk_buf said;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    sk_arena_init(&world->settings.arena);
    sk_diagnostics_init(&world->diagnostics);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    sk_arena_release(&world->settings.arena);
    sk_diagnostics_release(&world->diagnostics);
    sk_buf_release(&world->said);
    free(world);
    return 0;
}

static void read_yaml(struct world *world, const char *yaml)
{
    struct sk_setting_reader reader = { .settings = &world->settings,
                                        .diagnostics = &world->diagnostics };
    struct sk_dsl_options options = { .file_name = SK_STR("f.yaml") };
    struct sk_tree tree;
    assert_int_equal(sk_tree_read(sk_str_of(yaml), &options, &world->diagnostics, &tree), SKALD_OK);
    sk_settings_take_map(&reader, &whole_table, (char *)&world->whole, tree.root);
    sk_tree_release(&tree);
}

static const char *said(struct world *world)
{
    sk_buf_clear(&world->said);
    sk_diagnostics_print(&world->diagnostics, &world->said);
    return sk_buf_text(&world->said);
}

static struct friend_settings *first_friend(struct world *world)
{
    return (struct friend_settings *)world->whole.friends.first;
}

static void test_every_type_has_its_default(void **state)
{
    struct world *world = *state;
    read_yaml(world, "friends: { ada: {} }");
    const struct friend_settings *ada = first_friend(world);
    assert_string_equal(said(world), "");
    assert_string_equal(ada->entry.name, "ada");
    assert_null(ada->endpoint);
    assert_int_equal(ada->timeout_ms, 10000);
    assert_int_equal(ada->size, 4 << 20);
    assert_true(fabs(ada->rate - 0.5) < 1e-9);
    assert_true(ada->is_on);
    assert_int_equal(ada->word, 1);
    assert_int_equal(ada->count, 3);
    assert_int_equal(ada->headers.count, 0);
    assert_int_equal(ada->names.count, 2);
    assert_string_equal(ada->names.items[1], "b");
}

static void test_maps_are_merged(void **state)
{
    struct world *world = *state;
    read_yaml(world, "friends: { ada: { timeout: 1s, headers: { X-A: 1, X-B: 2 } }, bob: {} }");
    read_yaml(world,
              "friends:\n"
              "  ada: { endpoint: 'http://a', headers: { X-B: ~, X-C: 3 }, count: 4000000000 }\n"
              "  bob: ~\n"
              "  cy: { timeout: 0, breaker: { rate: 1, size: 64 kB } }\n");
    const struct friend_settings *ada = first_friend(world);
    assert_string_equal(said(world), "");
    assert_int_equal(world->whole.friends.count, 2);
    assert_int_equal(ada->timeout_ms, 1000);
    assert_string_equal(ada->endpoint, "http://a");
    assert_int_equal(ada->count, 4000000000u);
    assert_int_equal(ada->headers.count, 2);
    assert_string_equal(ada->headers.items[0].name, "X-A");
    assert_string_equal(ada->headers.items[1].text, "3");
    const struct friend_settings *cy = (const struct friend_settings *)ada->entry.next;
    assert_string_equal(cy->entry.name, "cy");
    assert_int_equal(cy->timeout_ms, -1);
    assert_int_equal(cy->size, 64000);
    read_yaml(world, "friends: { cy: ~ }");
    read_yaml(world, "friends: { dan: { timeout: ~ } }");
    assert_string_equal(world->whole.friends.last->name, "dan");
}

static void test_secrets(void **state)
{
    struct world *world = *state;
    read_yaml(world,
              "friends: { ada: { password: '${secret:ada}', endpoint: 'http://${secret:h}',\n"
              "  headers: { Authorization: 'Bearer ${secret:t}', X-Plain: open } } }");
    assert_string_equal(said(world), "");
    read_yaml(world, "friends: { ada: { password: hunter2, names: ['${secret:n}'],\n"
                     "  headers: { X-Api-Key: hunter3 } } }");
    const char *problems = said(world);
    assert_non_null(
        strstr(problems, "f.yaml:1:29: error: friends.ada.password: a secret is written"));
    assert_non_null(strstr(problems, "friends.ada.names[0]: ${secret:…} is not resolved here"));
    assert_non_null(strstr(problems, "friends.ada.headers.X-Api-Key: a secret is written out"));
    assert_null(strstr(problems, "hunter"));
}

static void test_wrong_ones(void **state)
{
    static const struct {
        const char *yaml, *expected;
    } rows[] = {
        { "friends: 3", "friends: a map belongs here" },
        { "friends: { 'a b': {} }", "'a b' is no name" },
        { "friends: { ada: 3 }", "friends.ada: a map belongs here" },
        { "friends: { ada: { tmeout: 1s } }", "did you mean `timeout`?" },
        { "friends: { ada: { rate: 1 } }", "did you mean `breaker.rate`?" },
        { "friends: { ada: { timeout: 2m } }", "it goes from 1ms to 1m; 0 = ever" },
        { "friends: { ada: { breaker: { rate: 1.5 } } }", "it goes from 0 to 1" },
        { "friends: { ada: { breaker: { size: 3 MBit } } }", "'3 MBit' is no size" },
        { "friends: { ada: { on: yes } }", "write true or false" },
        { "friends: { ada: { word: hi } }", "it is one of low, high" },
        { "friends: { ada: { count: 1.5 } }", "'1.5' is no whole number" },
        { "friends: { ada: { headers: [a] } }", "write a map: { Name: text }" },
        { "friends: { ada: { endpoint: \"a\\u0001b\" } }", "a control character (0x01)" },
    };
    struct world *world = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sk_diagnostics_release(&world->diagnostics);
        sk_diagnostics_init(&world->diagnostics);
        read_yaml(world, rows[i].yaml);
        assert_int_equal(world->diagnostics.errors_count, 1);
        if (strstr(said(world), rows[i].expected) == NULL)
            fail_msg("%s: %s", rows[i].yaml, said(world));
    }
}

static void test_back_into_text(void **state)
{
    static const char *const expected[] = { "\"http://me:***@a/x\"",
                                            "\"***\"",
                                            "0s",
                                            "64000",
                                            "0.25",
                                            "false",
                                            "low",
                                            "7",
                                            "{\"Cookie\": \"***\", \"X-A\": \"1\"}",
                                            "[\"x\"]" };
    struct world *world = *state;
    struct sk_setting_pair pairs[] = { { "Cookie", "c" }, { "X-A", "1" } };
    const char *names[] = { "x" };
    const struct friend_settings ada = { .endpoint = "http://me:pw@a/x",
                                         .password = "pw",
                                         .timeout_ms = -1,
                                         .size = 64000,
                                         .rate = 0.25,
                                         .count = 7,
                                         .headers = { pairs, 2 },
                                         .names = { names, 1 } };
    for (size_t i = 0; i < friend_table.rows_count; i++) {
        sk_buf_clear(&world->said);
        sk_setting_format(&friend_rows[i], (const char *)&ada, &world->said);
        assert_string_equal(sk_buf_text(&world->said), expected[i]);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t size; /* -1 = no size */
    } rows[] = { { "0", 0 },
                 { "17", 17 },
                 { "1KiB", 1024 },
                 { "3 MiB", 3 << 20 },
                 { "2GiB", (int64_t)2 << 30 },
                 { "5kB", 5000 },
                 { "5MB", 5000000 },
                 { "9B", 9 },
                 { "", -1 },
                 { "5K", -1 },
                 { "MiB", -1 },
                 { "-1", -1 },
                 { "9999999999GiB", -1 },
                 { "1.5MiB", -1 } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t size = -1;
        assert_int_equal(sk_size_parse(sk_str_of(rows[i].text), &size), rows[i].size >= 0);
        assert_int_equal(size, rows[i].size);
    }
}

static void test_the_table_itself(void **state)
{
    (void)state;
    struct sk_settings settings;
    assert_int_equal(sk_settings_init(&settings), SKALD_OK); /* every default fits its own row */
    for (size_t i = 0; i < sk_settings_table.rows_count; i++) {
        const struct sk_setting *row = &sk_settings_table.rows[i];
        assert_ptr_equal(sk_setting_named(sk_str_of(row->name)), row);
        bool is_integer = row->type == SK_SETTING_INT || row->type == SK_SETTING_SIZE;
        if (is_integer) assert_true(row->size == 4 || row->size == 8);
        if (row->type == SK_SETTING_DURATION) assert_int_equal(row->size, 8);
        if (row->type == SK_SETTING_WORD) assert_int_equal(row->size, 4);
        if (row->type == SK_SETTING_MAP) assert_non_null(row->table);
    }
    sk_settings_release(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_type_has_its_default, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_maps_are_merged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_secrets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_back_into_text, set_up, tear_down),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_the_table_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

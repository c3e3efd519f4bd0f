/*
 * test_json_differential.c: the span scanner against jansson, on generated and damaged texts of a
 * fixed seed. Both must accept the same texts, and what jansson understood must equal what we walk.
 *
 * Known and accepted differences: jansson refuses numbers beyond its types and NUL in a name, and
 * takes a NUL behind the value for the end (test_json_check.c has those texts).
 */
#include "base/json.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <jansson.h>
#include <cmocka.h>

enum { TEXTS_COUNT = 20000 };

struct generator {
    uint64_t seed, index;
    struct sk_buf out;
};

static uint64_t draw(struct generator *g, uint64_t below)
{
    return sk_mix(g->seed, g->index++) % below;
}

static void append(struct generator *g, const char *text)
{
    sk_buf_append_text(&g->out, text);
}

static void generate_string(struct generator *g)
{
    static const char *const pieces[] = {
        "a",
        "bc",
        " ",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\b",
        "\\t",
        "\\u0041",
        "\\u00e4",
        "\\u20ac",
        "\\ud83d\\ude00",
        "\xc3\xa4",
        "\xe2\x82\xac",
        "\xf0\x9f\x98\x80",
        "\x7f",
        "{",
        "]",
        "key",
    };
    append(g, "\"");
    for (uint64_t i = draw(g, 5); i > 0; i--) {
        append(g, pieces[draw(g, sizeof pieces / sizeof pieces[0])]);
    }
    append(g, "\"");
}

static void generate_blanks(struct generator *g)
{
    static const char *const blanks[] = { "", "", "", " ", "\n", "\t ", "\r\n" };
    append(g, blanks[draw(g, 7)]);
}

static void generate_scalar(struct generator *g)
{
    static const char *const scalars[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1",
        "12",
        "1.5",
        "-0.25e2",
        "1e3",
        "1E-3",
        "2e+2",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "0.1",
    };
    uint64_t kind = draw(g, sizeof scalars / sizeof scalars[0] + 6);
    if (kind < sizeof scalars / sizeof scalars[0]) {
        append(g, scalars[kind]);
    } else {
        generate_string(g);
    }
}

static void generate_value(struct generator *g, int depth)
{
    uint64_t kind = depth < 5 ? draw(g, 4) : 0;
    generate_blanks(g);
    if (kind < 2) {
        generate_scalar(g);
        generate_blanks(g);
        return;
    }
    append(g, kind == 2 ? "[" : "{");
    generate_blanks(g);
    for (uint64_t i = draw(g, 4), n = i; i > 0; i--) {
        append(g, i < n ? "," : "");
        if (kind == 3) {
            generate_blanks(g);
            generate_string(g);
            generate_blanks(g);
            append(g, ":");
        }
        generate_value(g, depth + 1);
    }
    append(g, kind == 2 ? "]" : "}");
    generate_blanks(g);
}

/* Zero to two small injuries. */
static void damage(struct generator *g)
{
    static const char bytes[] = "{}[]\",:\\u0129dDeE+-. \ntfn\x80\xc3\xed\x01";
    for (uint64_t i = draw(g, 3); i > 0 && g->out.size > 0; i--) {
        size_t at = draw(g, g->out.size);
        switch (draw(g, 4)) {
        case 0: g->out.data[at] = bytes[draw(g, sizeof bytes - 1)]; break;
        case 1: /* leave one out */
            memmove(g->out.data + at, g->out.data + at + 1, g->out.size - at - 1);
            g->out.size -= 1;
            break;
        case 2: g->out.size = at; break;
        default: /* twice */
            sk_buf_append_char(&g->out, 'x');
            memmove(g->out.data + at + 1, g->out.data + at, g->out.size - at - 1);
            break;
        }
    }
}

static bool is_known_difference(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key;
}

/* Member by member: jansson's tree against our walk. */
static void compare_values(json_t *tree, struct sk_str span)
{
    size_t index;
    const char *name;
    json_t *child;
    if (json_is_array(tree)) {
        assert_int_equal(sk_json_count(span), json_array_size(tree));
        json_array_foreach(tree, index, child)
        {
            compare_values(child, sk_json_element(span, index));
        }
    } else if (json_is_object(tree)) {
        assert_true(sk_json_count(span) >= json_object_size(tree));
        json_object_foreach(tree, name, child)
        {
            compare_values(child, sk_json_member(span, sk_str_of(name)));
        }
    } else if (json_is_integer(tree)) {
        int64_t value = 0;
        assert_true(sk_json_to_i64(span, &value));
        assert_true(value == json_integer_value(tree));
    } else if (json_is_real(tree)) {
        double value = 0.0;
        assert_true(sk_json_to_double(span, &value));
        assert_true(value == json_real_value(tree));
    } else if (json_is_string(tree)) {
        struct sk_str text = { json_string_value(tree), json_string_length(tree) };
        assert_true(sk_json_string_is(span, text));
    } else {
        char *dump = json_dumps(tree, JSON_ENCODE_ANY);
        assert_true(sk_str_is(sk_json_trim(span), dump));
        free(dump);
    }
}

/* Returns whether both accepted it. */
static bool compare(struct sk_str text)
{
    json_error_t error;
    bool is_ours = sk_json_check(text, NULL) == SKALD_OK;
    json_t *tree = json_loadb(text.data, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (tree == NULL) {
        assert_true(!is_ours || is_known_difference(&error));
        return false;
    }
    assert_true(is_ours);
    compare_values(tree, text);
    struct sk_buf canonical;
    sk_buf_init(&canonical, 0);
    sk_json_canonical(text, &canonical);
    assert_true(sk_json_equal(text, sk_buf_view(&canonical)));
    sk_buf_release(&canonical);
    json_decref(tree);
    return true;
}

static void test_same_as_jansson(void **state)
{
    (void)state;
    struct generator g = { .seed = 20260102 };
    int accepted = 0;
    sk_buf_init(&g.out, 0);
    for (int i = 0; i < TEXTS_COUNT; i++) {
        sk_buf_clear(&g.out);
        generate_value(&g, 0);
        damage(&g);
        if (g.out.size > 0 && compare(sk_buf_view(&g.out))) {
            accepted += 1;
        }
    }
    sk_buf_release(&g.out);
    assert_true(accepted > TEXTS_COUNT / 4); /* both answers were tried */
    assert_true(accepted < TEXTS_COUNT * 3 / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_same_as_jansson) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

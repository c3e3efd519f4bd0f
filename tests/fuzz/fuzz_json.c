/*
 * fuzz_json.c: the span scanner of base/json.h against jansson.
 *
 *   1  Both call the same texts JSON. Known differences, as in test_json_differential.c: jansson
 *      refuses numbers beyond its types and NUL in a name, takes NUL behind the value for the end,
 *      and nests deeper than SK_JSON_DEPTH_MAX.
 *   2  Both read the same values: members, elements, integers, doubles, strings.
 *   3  The canonical form is JSON, equal to the text, and its own canonical form.
 *   4  What is written from a text that was read is read as the same text.
 */
#include "fuzz.h"

#include "base/limits.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static bool is_known_difference(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key;
}

static void compare_string(const json_t *tree, struct sk_str span)
{
    struct sk_str text = { json_string_value(tree), json_string_length(tree) };
    struct sk_buf decoded, quoted;
    sk_buf_init(&decoded, 0);
    sk_buf_init(&quoted, 0);
    FUZZ_CHECK(sk_json_string_is(span, text), "another text: %.*s", SK_STR_ARGS(span));
    sk_json_unescape(span, &decoded);
    FUZZ_CHECK(sk_str_equal(sk_buf_view(&decoded), text), "decoded: %.*s", SK_STR_ARGS(span));
    sk_json_quote(&quoted, text);
    fuzz_check_json(sk_buf_view(&quoted), "a quoted text");
    FUZZ_CHECK(sk_json_string_is(sk_buf_view(&quoted), text), "quoted: %.*s", SK_STR_ARGS(span));
    sk_buf_release(&decoded);
    sk_buf_release(&quoted);
}

static void compare_number(const json_t *tree, struct sk_str span)
{
    int64_t integer = 0;
    double value = 0.0;
    bool is_exact = sk_json_to_i64(span, &integer);
    FUZZ_CHECK(sk_json_to_double(span, &value), "no number: %.*s", SK_STR_ARGS(span));
    if (json_is_integer(tree)) {
        FUZZ_CHECK(is_exact && integer == json_integer_value(tree), "%.*s", SK_STR_ARGS(span));
        return;
    }
    FUZZ_CHECK(value == json_real_value(tree), "%.*s", SK_STR_ARGS(span));
    /* 1e3 and 1.0 are integers too, but only exact ones. */
    if (is_exact) FUZZ_CHECK((double)integer == value, "%.*s", SK_STR_ARGS(span));
    struct sk_buf text;
    double again = 0.0;
    sk_buf_init(&text, 0);
    struct sk_json_writer w = sk_json_writer_of(&text);
    sk_json_put_double(&w, value);
    FUZZ_CHECK(sk_json_to_double(sk_buf_view(&text), &again) && again == value, "written: %.*s",
               SK_STR_ARGS(sk_buf_view(&text)));
    sk_buf_release(&text);
}

static void compare(json_t *tree, struct sk_str span)
{
    size_t index;
    const char *name;
    json_t *child;
    if (json_is_array(tree)) {
        FUZZ_CHECK(sk_json_count(span) == json_array_size(tree), "elements");
        struct sk_json_iter it = sk_json_walk(span);
        json_array_foreach(tree, index, child)
        {
            FUZZ_CHECK(sk_json_next(&it) && it.index == index, "element %zu", index);
            compare(child, it.value);
        }
        FUZZ_CHECK(!sk_json_next(&it), "one element too many");
    } else if (json_is_object(tree)) {
        FUZZ_CHECK(sk_json_count(span) >= json_object_size(tree), "members");
        json_object_foreach(tree, name, child)
        {
            compare(child, sk_json_member(span, sk_str_of(name)));
        }
    } else if (json_is_number(tree)) {
        compare_number(tree, span);
    } else if (json_is_string(tree)) {
        compare_string(tree, span);
    } else {
        char *dump = json_dumps(tree, JSON_ENCODE_ANY);
        FUZZ_CHECK(sk_str_is(sk_json_trim(span), dump), "%.*s", SK_STR_ARGS(span));
        free(dump);
    }
}

static void check_canonical(struct sk_str text)
{
    struct sk_buf once, twice;
    sk_buf_init(&once, 0);
    sk_buf_init(&twice, 0);
    sk_json_canonical(text, &once);
    FUZZ_CHECK(!once.failed, "canonical");
    fuzz_check_json(sk_buf_view(&once), "the canonical form");
    FUZZ_CHECK(sk_json_equal(text, sk_buf_view(&once)), "it is another value");
    sk_json_canonical(sk_buf_view(&once), &twice);
    FUZZ_CHECK(sk_str_equal(sk_buf_view(&once), sk_buf_view(&twice)), "it is not at rest");
    sk_buf_release(&once);
    sk_buf_release(&twice);
}

static int depth_of(struct sk_str text)
{
    int depth = 0, deepest = 0;
    bool is_string = false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (is_string && c == '\\') i += 1;
        if (c == '"') is_string = !is_string;
        if (is_string) continue;
        if (c == '[' || c == '{') depth += 1;
        if (c == ']' || c == '}') depth -= 1;
        if (depth > deepest) deepest = depth;
    }
    return deepest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sk_str text = { (const char *)data, size };
    skald_error problem = { 0 };
    json_error_t error;
    enum skald_status status = sk_json_check(text, &problem);
    json_t *tree = json_loadb(text.data, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (status != SKALD_OK) {
        fuzz_check_error(status, &problem, "check");
        bool is_ours = depth_of(text) > SK_JSON_DEPTH_MAX || memchr(data, 0, size) != NULL;
        FUZZ_CHECK(tree == NULL || is_ours, "jansson reads it: %s", problem.message);
    } else {
        FUZZ_CHECK(tree != NULL || is_known_difference(&error), "jansson: %s", error.text);
        check_canonical(text);
        if (tree != NULL) compare(tree, text);
    }
    json_decref(tree);
    return 0;
}

static const char *const words[] = { "null",
                                     "true",
                                     "0",
                                     "-0",
                                     "1e3",
                                     "-1.5e-7",
                                     "9223372036854775807",
                                     "9223372036854775808",
                                     "1e400",
                                     "4.9e-324",
                                     "\"\"",
                                     "\"\\u0000\"",
                                     "\"\\ud83d\\ude00\"",
                                     "\"\\ud83d\"",
                                     "\"\\/\"",
                                     "\"\xc3\xa4\"",
                                     "[]",
                                     "{}",
                                     "{\"a\":1,\"a\":2}",
                                     "[[[[[[[[]]]]]]]]",
                                     "{\"\":{\"\":{}}}",
                                     NULL };

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    return fuzz_mutate_json(data, size, max_size, seed, words);
}

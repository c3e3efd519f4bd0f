/*
 * fuzz_format.c: the formatter of YAML (dsl/format.h).
 *
 *   1  Z1: the formatted text means the same: it expands to the same bytes, or both are refused.
 *   2  Z2: formatting it again changes nothing.
 *   3  It is text, has LF line ends, no blanks at line ends outside of block texts, and one newline
 *      at its end.
 */
#include "fuzz.h"

#include "dsl/dsl.h"
#include "dsl/format.h"

static bool environment(void *context, struct sk_str name, struct sk_buf *out)
{
    (void)context;
    sk_buf_append_str(out, name);
    return true;
}

static enum skald_status expand(struct sk_str text, struct sk_buf *out)
{
    struct sk_diagnostics diagnostics;
    struct sk_dsl_options options = { .environment = environment };
    sk_diagnostics_init(&diagnostics);
    sk_buf_init(out, 0);
    enum skald_status status = sk_dsl_expand(text, &options, out, &diagnostics);
    sk_diagnostics_release(&diagnostics);
    return status;
}

static void check_meaning(struct sk_str before, struct sk_str after)
{
    struct sk_buf one, two;
    enum skald_status status = expand(before, &one);
    FUZZ_CHECK(expand(after, &two) == status, "%s became another answer",
               skald_status_name(status));
    if (status == SKALD_OK)
        FUZZ_CHECK(sk_str_equal(sk_buf_view(&one), sk_buf_view(&two)), "%.*s\nbecame\n%.*s",
                   SK_STR_ARGS(sk_buf_view(&one)), SK_STR_ARGS(sk_buf_view(&two)));
    sk_buf_release(&one);
    sk_buf_release(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sk_str source = { (const char *)data, size };
    struct sk_buf once, twice;
    skald_error error = { 0 };
    sk_buf_init(&once, 0);
    sk_buf_init(&twice, 0);
    enum skald_status status = sk_dsl_format(source, &once, &error);
    if (status == SKALD_OK) {
        struct sk_str text = sk_buf_view(&once);
        FUZZ_CHECK(sk_utf8_valid(text), "it is no text");
        FUZZ_CHECK(sk_str_find(text, '\r') == text.size, "CR");
        if (text.size > 0) FUZZ_CHECK(text.data[text.size - 1] == '\n', "no newline at the end");
        status = sk_dsl_format(text, &twice, &error);
        FUZZ_CHECK(status == SKALD_OK, "the second time: %s", error.message);
        FUZZ_CHECK(sk_str_equal(text, sk_buf_view(&twice)), "it goes on changing:\n%.*s\n---\n%.*s",
                   SK_STR_ARGS(text), SK_STR_ARGS(sk_buf_view(&twice)));
        check_meaning(source, text);
    } else {
        fuzz_check_error(status, &error, "format");
    }
    sk_buf_release(&once);
    sk_buf_release(&twice);
    return 0;
}

static const char *const fragments[] = { "a:   1   # remark\n",
                                         "  b : [ 1,2 , {c:  d} ]\n",
                                         "- x\n-   y\n",
                                         "-  - nested\n   - again\n",
                                         "- a: 1\n  b: 2\n",
                                         "text: |\n   two\n     lines\n\n",
                                         "text: |+2\n     keep\n\n\n",
                                         "text: >-\n    folded\n    text\n",
                                         "\"quoted: key\" :  'single ''quoted'''\n",
                                         "multi: \"a\n    b\\\n    c\"\n",
                                         "plain: one\n   two\n   three\n",
                                         "&anchor  key:   &other value\n",
                                         "alias:   *other\n",
                                         "? complex key\n:   complex value\n",
                                         "? [a,\n   b]\n: c\n",
                                         "!tag  tagged: !!str  1\n",
                                         "---\n",
                                         "...\n",
                                         "%YAML 1.1\n---\n",
                                         "# a remark\n\n\n\n# another\n",
                                         "empty:\n",
                                         "list:\n- a\n- b\n",
                                         "flow: {a: 1,\n  b: [\n  c ] # in it\n  }\n",
                                         "\t\n",
                                         "key: \xef\xbb\xbf\n",
                                         "dos: 1\r\n",
                                         "env: ${NAME:-x}\n",
                                         NULL };

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    return fuzz_mutate_lines(data, size, max_size, seed, fragments);
}

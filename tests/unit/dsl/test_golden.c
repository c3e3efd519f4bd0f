/*
 * test_golden.c: definitions and what comes of them, from data/ *.txt:
 *
 *     === name of the case [strict]
 *     the definition
 *     +++ path of a file that it includes
 *     its bytes
 *     --- problems        the diagnostics, as printed
 *     --- problems-json   the same as JSON
 *     --- expand          the expanded source
 *     --- plan            the plan (world.h)
 *     --- dot | mermaid | svg | graph-json | tree [states, by step, blanks between]
 *     --- dry-run [input|fail step|fail class], dry-run-json: the same as JSON
 *
 * Whatever compiles is also expanded and compiled again without environment and includes, which
 * must give the same plan (recovery). `SKT_GOLDEN=print` prints the file with what is, for the
 * author's eye.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct run {
    struct skt_world world;
    struct sk_str name, source;
    struct sk_plan *plan;
    struct sk_buf problems, problems_json, json;
    bool is_printing;
    int failures_count, sections_count;
};

/* ---- one case -------------------------------------------------------------------------------- */

static void compile_case(struct run *run)
{
    struct sk_diagnostics diagnostics;
    sk_diagnostics_init(&diagnostics);
    enum skald_status status =
        sk_dsl_compile(run->source, &run->world.options, &run->plan, &run->json, &diagnostics);
    sk_diagnostics_print(&diagnostics, &run->problems);
    sk_diagnostics_json(&diagnostics, &run->problems_json);
    assert_int_equal(status == SKALD_OK, diagnostics.errors_count == 0);
    assert_int_equal(status == SKALD_OK, run->plan != NULL);
    sk_diagnostics_release(&diagnostics);
}

/* What recovery does: only the expanded source is left. */
static void compile_again(struct run *run)
{
    struct sk_dsl_options options = { .file_name = SK_STR("stored") };
    struct sk_diagnostics diagnostics;
    struct sk_plan *again = NULL;
    struct sk_buf json, first, second;
    sk_buf_init(&json, 0);
    sk_buf_init(&first, 0);
    sk_buf_init(&second, 0);
    sk_diagnostics_init(&diagnostics);
    assert_int_equal(sk_dsl_compile(sk_buf_view(&run->json), &options, &again, &json, &diagnostics),
                     SKALD_OK);
    assert_true(sk_str_equal(sk_buf_view(&json), sk_buf_view(&run->json)));
    assert_true(sk_digest_equal(&again->digest, &run->plan->digest));
    skt_dump_plan(run->plan, &first);
    skt_dump_plan(again, &second);
    assert_string_equal(sk_buf_text(&first), sk_buf_text(&second));
    sk_plan_free(again);
    sk_diagnostics_release(&diagnostics);
    sk_buf_release(&json);
    sk_buf_release(&first);
    sk_buf_release(&second);
}

static struct sk_str word(struct sk_str *rest, char separator)
{
    size_t size = sk_str_find(*rest, separator);
    struct sk_str word = sk_str_sub(*rest, 0, size);
    *rest = sk_str_sub(*rest, size + 1, rest->size);
    return word;
}

static void draw(struct run *run, enum sk_graph_format format, struct sk_str states,
                 struct sk_buf *out)
{
    static char texts[16][32];
    const char *list[16] = { NULL };
    for (int i = 0; states.size > 0; i++) {
        struct sk_str state = word(&states, ' ');
        (void)snprintf(texts[i], sizeof texts[i], "%.*s", SK_STR_ARGS(state));
        list[i] = sk_str_is(state, "-") ? NULL : texts[i];
    }
    bool has_states = list[0] != NULL || list[1] != NULL;
    assert_int_equal(sk_dsl_graph(run->plan, format, has_states ? list : NULL, out), SKALD_OK);
}

static void dry_run(struct run *run, struct sk_str words, bool as_json, struct sk_buf *out)
{
    struct sk_dry_run_options options = { .as_json = as_json };
    skald_error error = { .message = "" };
    options.input = word(&words, '|');
    options.fail_step = word(&words, '|');
    options.fail_class = word(&words, '|');
    if (sk_dsl_dry_run(run->plan, &options, out, &error) != SKALD_OK) {
        sk_buf_append_text(out, error.message);
    }
}

static void produce(struct run *run, struct sk_str kind, struct sk_str words, struct sk_buf *out)
{
    if (sk_str_is(kind, "problems")) {
        sk_buf_append_str(out, sk_buf_view(&run->problems));
    } else if (sk_str_is(kind, "problems-json")) {
        sk_buf_append_str(out, sk_buf_view(&run->problems_json));
    } else if (run->plan == NULL) {
        sk_buf_append_text(out, "no plan\n");
    } else if (sk_str_is(kind, "expand")) {
        sk_buf_append_str(out, sk_buf_view(&run->json));
    } else if (sk_str_is(kind, "plan")) {
        skt_dump_plan(run->plan, out);
    } else if (sk_str_is(kind, "dot")) {
        draw(run, SK_GRAPH_DOT, words, out);
    } else if (sk_str_is(kind, "mermaid")) {
        draw(run, SK_GRAPH_MERMAID, words, out);
    } else if (sk_str_is(kind, "svg")) {
        draw(run, SK_GRAPH_SVG, words, out);
    } else if (sk_str_is(kind, "graph-json")) {
        draw(run, SK_GRAPH_JSON, words, out);
    } else if (sk_str_is(kind, "tree")) {
        draw(run, SK_GRAPH_TEXT, words, out);
    } else {
        bool as_json = sk_str_is(kind, "dry-run-json");
        assert_true(as_json || sk_str_is(kind, "dry-run"));
        dry_run(run, words, as_json, out);
    }
    if (out->size > 0 && out->data[out->size - 1] != '\n') sk_buf_append_char(out, '\n');
}

static void check_section(struct run *run, struct sk_str head, struct sk_str expected)
{
    struct sk_buf found;
    sk_buf_init(&found, 0);
    struct sk_str words = head, kind = word(&words, ' ');
    produce(run, kind, words, &found);
    run->sections_count += 1;
    if (run->is_printing) {
        printf("--- %.*s\n%s", SK_STR_ARGS(head), sk_buf_text(&found));
    } else if (!sk_str_equal(sk_buf_view(&found), expected)) {
        print_error("case %.*s, %.*s: expected\n%.*sfound\n%s\n", SK_STR_ARGS(run->name),
                    SK_STR_ARGS(head), SK_STR_ARGS(expected), sk_buf_text(&found));
        run->failures_count += 1;
    }
    sk_buf_release(&found);
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool is_mark(struct sk_str line)
{
    return sk_str_starts(line, SK_STR("=== ")) || sk_str_starts(line, SK_STR("--- ")) ||
           sk_str_starts(line, SK_STR("+++ "));
}

/* Up to the next mark; *out_head is what stands behind the mark. */
static char next_part(struct sk_str *rest, struct sk_str *out_head, struct sk_str *out_body)
{
    if (rest->size == 0) return 0;
    char mark = rest->data[0];
    struct sk_str line = word(rest, '\n');
    *out_head = sk_str_sub(line, 4, line.size);
    *out_body = sk_str_sub(*rest, 0, 0);
    while (rest->size > 0) {
        struct sk_str after = *rest;
        line = word(&after, '\n');
        if (is_mark(line)) break;
        out_body->size += line.size + 1;
        *rest = after;
    }
    return mark;
}

static void end_case(struct run *run)
{
    if (run->name.size == 0) return;
    sk_plan_free(run->plan);
    sk_buf_release(&run->problems);
    sk_buf_release(&run->problems_json);
    sk_buf_release(&run->json);
    run->plan = NULL;
    run->name.size = 0;
}

static void begin_case(struct run *run, struct sk_str head, struct sk_str body)
{
    end_case(run);
    skt_world_init(&run->world);
    run->name = head;
    run->source = body;
    run->world.options.is_strict =
        sk_str_equal(sk_str_sub(head, head.size - 6, 6), SK_STR("strict"));
    sk_buf_init(&run->problems, 0);
    sk_buf_init(&run->problems_json, 0);
    sk_buf_init(&run->json, 0);
}

static void run_file(const char *name)
{
    static char bytes[1024 * 1024];
    char path[512];
    const char *root = getenv("SKALD_SOURCE_DIR");
    (void)snprintf(path, sizeof path, "%s/tests/unit/dsl/data/%s", root == NULL ? "." : root, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct sk_str rest = { bytes, fread(bytes, 1, sizeof bytes, file) };
    (void)fclose(file);
    const char *mode = getenv("SKT_GOLDEN");
    struct run run = { .is_printing = mode != NULL };
    if (run.is_printing) printf("##### %s\n", name);
    struct sk_str head, body;
    bool is_compiled = false;
    for (char mark = next_part(&rest, &head, &body); mark != 0;
         mark = next_part(&rest, &head, &body)) {
        if (mark == '=') {
            begin_case(&run, head, body);
            is_compiled = false;
        } else if (mark == '+') {
            skt_world_file(&run.world, head, body);
        } else if (!is_compiled) {
            compile_case(&run);
            is_compiled = true;
            if (run.plan != NULL) compile_again(&run);
        }
        if (run.is_printing && mark != '-') {
            printf("%c%c%c %.*s\n%.*s", mark, mark, mark, SK_STR_ARGS(head), SK_STR_ARGS(body));
        }
        if (mark == '-') check_section(&run, head, body);
    }
    end_case(&run);
    assert_true(run.sections_count > 0);
    assert_int_equal(run.failures_count, 0);
}

static void test_problems(void **state)
{
    (void)state;
    run_file("problems.txt");
}

static void test_references(void **state)
{
    (void)state;
    run_file("references.txt");
}

static void test_plans(void **state)
{
    (void)state;
    run_file("plans.txt");
}

static void test_sources(void **state)
{
    (void)state;
    run_file("sources.txt");
}

static void test_tools(void **state)
{
    (void)state;
    run_file("tools.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_problems), cmocka_unit_test(test_references),
        cmocka_unit_test(test_plans),    cmocka_unit_test(test_sources),
        cmocka_unit_test(test_tools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

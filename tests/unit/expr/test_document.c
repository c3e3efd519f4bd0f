/*
 * test_document.c: JSON whose strings and names are templates; whatever comes in, JSON comes out.
 */
#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "expr/expr.h"
#include "scope.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void render(struct sk_str json, const struct sk_scope *scope, struct sk_buf *out)
{
    struct sk_arena arena;
    struct sk_arena scratch;
    struct sk_expr_error error;
    const struct sk_document *document = NULL;
    sk_arena_init(&arena);
    sk_arena_init(&scratch);
    assert_int_equal(sk_json_check(json, NULL), SKALD_OK);
    if (sk_document_compile(json, &skt_names, &arena, &document, &error) != SKALD_OK) {
        fail_msg("%.*s: %s", SK_STR_ARGS(json), error.error.message);
    }
    sk_document_render(document, scope, &scratch, out);
    sk_arena_release(&scratch);
    sk_arena_release(&arena);
}

static void test_rendering(void **state)
{
    (void)state;
    static const struct {
        const char *json, *rendered;
    } rows[] = {
        { "null", "null" },
        { " 12 ", "12" },
        { "\"plain\"", "\"plain\"" },
        { "{ \"a\" : [ 1 , {\"b\":\"\\u0041{\"} ] }", "{ \"a\" : [ 1 , {\"b\":\"\\u0041{\"} ] }" },
        { "\"{{ .input.amount }}\"", "1500" },
        { "{\"id\":\"{{ .saga_id }}\",\"n\":3}", "{\"id\":\"s-1\",\"n\":3}" },
        { "[\"{{ .input.gone }}\",\"x{{ .input.gone }}\"]", "[null,\"x\"]" },
        { "{\"a\":{\"b\":[\"{{ .input.list }}\"]},\"c\" : [ ] }",
          "{\"a\":{\"b\":[[1,2,{\"a\":[]}]]},\"c\":[ ]}" },
        { "{\"{{ .saga_id }}\":\"{{ .attempt }}\"}", "{\"s-1\":2}" },
        { "{\"{{ .input.name }}-{{ .input.list }}\":1}",
          "{\"Ada \\\"L\\\"-[1,2,{\\\"a\\\":[]}]\":1}" },
        { "{\"{{ .input.gone }}\":{\"x\":\"{{ .input.name }}\"}}",
          "{\"\":{\"x\":\"Ada \\\"L\\\"\"}}" },
        { "{\"x\\n{{ .attempt }}\":1,\"y\\n\":\"{{.attempt}}\"}", "{\"x\\n2\":1,\"y\\n\":2}" },
        { "\"\\u007b\\u007b .attempt }}\"", "2" },
        { "\"{{ default \\\"y\\\" .input.gone }}\"", "\"y\"" },
        { "\"{{ if .input.yes }}\\\"{{ end }}\"", "\"\\\"\"" },
        { "[\"{{ .step_name }}\",\"{{ .step_name }}!\"]",
          "[\"Check \\u0022stock\\u0022\",\"Check \\\"stock\\\"!\"]" },
        { "[\"${secret:KEY}\",\"${A}{{ .attempt }}\"]", "[\"${secret:KEY}\",\"${A}2\"]" },
    };
    struct sk_buf out;
    sk_buf_init(&out, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sk_buf_clear(&out);
        render(sk_str_of(rows[i].json), &skt_scope, &out);
        assert_string_equal(sk_buf_text(&out), rows[i].rendered);
        assert_int_equal(sk_json_check(sk_buf_view(&out), NULL), SKALD_OK);
    }
    sk_buf_release(&out);
}

static void test_the_source_may_go_away(void **state)
{
    (void)state;
    struct sk_arena arena;
    struct sk_buf out;
    char json[] = "{\"name\":\"{{ .saga_id }}!\",\"raw\":[1],\"{{ 'k' }}\":\"c\"}";
    const struct sk_document *document = NULL;
    sk_arena_init(&arena);
    sk_buf_init(&out, 0);
    assert_int_equal(sk_document_compile(sk_str_of(json), &skt_names, &arena, &document, NULL),
                     SKALD_OK);
    memset(json, 'x', sizeof json);
    sk_document_render(document, &skt_scope, &arena, &out);
    assert_string_equal(sk_buf_text(&out), "{\"name\":\"s-1!\",\"raw\":[1],\"k\":\"c\"}");
    const struct sk_refs *refs = sk_document_refs(document);
    assert_int_equal(refs->roots, SK_ROOT_BIT(SK_ROOT_SAGA_ID));
    assert_int_equal(sk_bitset_count(&refs->steps), 0);
    sk_buf_release(&out);
    sk_arena_release(&arena);
}

static void test_refs_of_all_its_templates(void **state)
{
    (void)state;
    struct sk_arena arena;
    const struct sk_document *document = NULL;
    sk_arena_init(&arena);
    struct sk_str json = SK_STR("{\"{{ .output.3ds_auth }}\":[\"{{ .input }}\","
                                "\"{{ .output.create-order.id }}\"]}");
    assert_int_equal(sk_document_compile(json, &skt_names, &arena, &document, NULL), SKALD_OK);
    const struct sk_refs *refs = sk_document_refs(document);
    assert_int_equal(refs->roots, SK_ROOT_BIT(SK_ROOT_INPUT) | SK_ROOT_BIT(SK_ROOT_OUTPUT));
    assert_int_equal(sk_bitset_count(&refs->steps), 2);
    assert_false(sk_bitset_has(&refs->steps, 1));
    sk_arena_release(&arena);
}

static void test_errors_name_the_member(void **state)
{
    (void)state;
    static const struct {
        const char *json, *message;
        size_t offset;
    } rows[] = {
        { "\"a {{ .imput }}\"", "unknown name 'imput'; did you mean 'input'?", 6 },
        { "{\"body\":{\"items\":[1,2,{\"sku\":\"{{ .imput }}\"}]}}",
          "body.items[2].sku: unknown name 'imput'; did you mean 'input'?", 4 },
        { "[[\"x\",\"{{\"]]", "[0][1]: '{{' is not closed with '}}'", 0 },
        { "{\"a\":{\"b {{ end }}\":1}}", "a.b {{ end }}: {{ end }} without {{ if }}", 8 },
    };
    struct sk_arena arena;
    sk_arena_init(&arena);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_expr_error error = { 0 };
        const struct sk_document *document = NULL;
        struct sk_str json = sk_str_of(rows[i].json);
        assert_int_equal(sk_document_compile(json, &skt_names, &arena, &document, &error),
                         SKALD_E_SYNTAX);
        assert_null(document);
        assert_string_equal(error.error.message, rows[i].message);
        assert_int_equal(error.offset, rows[i].offset);
        assert_int_equal(sk_document_compile(json, &skt_names, &arena, &document, NULL),
                         SKALD_E_SYNTAX);
    }
    sk_arena_release(&arena);
}

static void test_a_long_place_is_cut(void **state)
{
    (void)state;
    struct sk_arena arena;
    struct sk_buf json;
    struct sk_expr_error error;
    const struct sk_document *document = NULL;
    sk_arena_init(&arena);
    sk_buf_init(&json, 0);
    sk_buf_append_text(&json, "{\"");
    for (int i = 0; i < 300; i++) {
        sk_buf_append_char(&json, 'n');
    }
    sk_buf_append_text(&json, "\":\"{{\"}");
    assert_int_equal(sk_document_compile(sk_buf_view(&json), &skt_names, &arena, &document, &error),
                     SKALD_E_SYNTAX);
    assert_string_equal(error.error.message, "…: '{{' is not closed with '}}'");
    sk_buf_release(&json);
    sk_arena_release(&arena);
}

/* ---- depth ----------------------------------------------------------------------------------- */

static struct sk_str deep_value(const void *context, enum sk_root root, uint32_t step_index)
{
    (void)root;
    (void)step_index;
    return *(const struct sk_str *)context;
}

static void nest(struct sk_buf *out, size_t depth, const char *inside)
{
    for (size_t i = 0; i < depth; i++) {
        sk_buf_append_char(out, '[');
    }
    sk_buf_append_text(out, inside);
    for (size_t i = 0; i < depth; i++) {
        sk_buf_append_char(out, ']');
    }
}

static void test_depth_adds_up(void **state)
{
    (void)state;
    for (size_t depth = 63; depth <= 65; depth++) {
        struct sk_buf value;
        struct sk_buf json;
        struct sk_buf out;
        sk_buf_init(&value, 0);
        sk_buf_init(&json, 0);
        sk_buf_init(&out, 0);
        nest(&value, depth, "{\"[\":\"[\\\"[\"},{}");
        nest(&json, SK_JSON_DEPTH_MAX - 65, "\"{{ .input }}\",\"{{ .input.x }}\"");
        struct sk_str view = sk_buf_view(&value);
        const struct sk_scope scope = { &view, deep_value };
        render(sk_buf_view(&json), &scope, &out);
        bool is_valid = sk_json_check(sk_buf_view(&out), NULL) == SKALD_OK;
        assert_int_equal(is_valid, depth + 1 <= 65);
        assert_int_equal(!out.failed, is_valid);
        sk_buf_release(&out);
        sk_buf_release(&json);
        sk_buf_release(&value);
    }
}

/* ---- whatever comes in ----------------------------------------------------------------------- */

/* The value of every root: random text as a JSON string, or a small value of another type. */
static struct sk_str random_value(const void *context, enum sk_root root, uint32_t step_index)
{
    static const char *const values[] = {
        "\"\"",
        "\"a\\\"b\\\\\"",
        "\"\\u0000\\ud83d\\ude00\"",
        "\"}}{{\"",
        "{\"x\":[1,\"]\"]}",
        "[]",
        "-1e5",
        "true",
        "null",
        "",
        "\"\xc3\xa4\xe2\x82\xac\"",
        " [ 1 , 2 ] ",
        "{\"x\":\"2026-01-02T03:04:05Z\"}",
    };
    uint64_t seed = *(const uint64_t *)context;
    uint64_t draw = sk_mix(seed, root * 10 + step_index);
    return sk_str_of(values[draw % (sizeof values / sizeof values[0])]);
}

static void append_random_text(struct sk_buf *text, uint64_t *draws, uint64_t seed)
{
    static const char *const pieces[] = {
        "{{ .input }}",
        "{{ .input.x | upper }}",
        "{{ json .context }}",
        "{{ quote .saga_id }}",
        "{{ .supplier | default \"d\\\"q\" | json | quote }}",
        "{{ len .input.x }}",
        "{{ if .attempt }}{{ .error }}\"{{ else }}\\{{ end }}",
        "\"",
        "\\",
        "\n",
        "\x01",
        "\xff",
        "\xc3",
        "\xc3\xa4",
        "{ ",
        "}}",
        "text",
        "{{ date .input.x }}",
        "{{ trim .timestamp -}} ",
        "{{ \"\\\"\\\\\\n\" }}",
        "{{ .output.check-stock.x[1] }}",
        "{{ and .input .context }}",
    };
    for (uint64_t i = sk_mix(seed, (*draws)++) % 4; i > 0; i--) {
        uint64_t piece = sk_mix(seed, (*draws)++) % (sizeof pieces / sizeof pieces[0]);
        sk_buf_append_text(text, pieces[piece]);
    }
}

static void put_random_value(struct sk_json_writer *w, struct sk_buf *text, uint64_t *draws,
                             uint64_t seed, int depth)
{
    uint64_t kind = sk_mix(seed, (*draws)++) % (depth < 3 ? 5 : 3);
    sk_buf_clear(text);
    if (kind < 3) {
        append_random_text(text, draws, seed);
        sk_json_put_str(w, sk_buf_view(text));
        return;
    }
    bool is_object = kind == 3;
    uint64_t count = sk_mix(seed, (*draws)++) % 4;
    is_object ? sk_json_begin_object(w) : sk_json_begin_array(w);
    for (uint64_t i = 0; i < count; i++) {
        if (is_object) {
            sk_buf_clear(text);
            append_random_text(text, draws, seed);
            sk_json_key_str(w, sk_buf_view(text));
        }
        put_random_value(w, text, draws, seed, depth + 1);
    }
    is_object ? sk_json_end_object(w) : sk_json_end_array(w);
}

static void test_output_is_always_json(void **state)
{
    (void)state;
    struct sk_buf json;
    struct sk_buf text;
    struct sk_buf out;
    sk_buf_init(&json, 0);
    sk_buf_init(&text, 0);
    sk_buf_init(&out, 0);
    for (uint64_t seed = 1; seed <= 5000; seed++) {
        uint64_t draws = 0;
        sk_buf_clear(&json);
        sk_buf_clear(&out);
        struct sk_json_writer w = sk_json_writer_of(&json);
        put_random_value(&w, &text, &draws, seed, 0);
        const struct sk_scope scope = { &seed, random_value };
        render(sk_buf_view(&json), &scope, &out);
        skald_error error = { .message = "" };
        if (out.failed || sk_json_check(sk_buf_view(&out), &error) != SKALD_OK) {
            fail_msg("seed %d: %s: %s", (int)seed, sk_buf_text(&out), error.message);
        }
    }
    sk_buf_release(&out);
    sk_buf_release(&text);
    sk_buf_release(&json);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static const char rich[] =
    "{\"a\":[\"x\\n\",\"{{ .step_name }}\"],\"{{ .saga_id }}\":{\"b\":\"{{ upper "
    ".input.name }}!\"}}";
static size_t filler;

static bool compile_once(void *context)
{
    (void)context;
    struct sk_arena arena;
    struct sk_expr_error error;
    const struct sk_document *document = NULL;
    sk_arena_init(&arena);
    (void)sk_arena_alloc(&arena, filler);
    enum skald_status status =
        sk_document_compile(SK_STR(rich), &skt_names, &arena, &document, &error);
    assert_int_equal(document != NULL, status == SKALD_OK);
    assert_true(status == SKALD_OK || error.error.status == SKALD_E_MEMORY);
    sk_arena_release(&arena);
    return status == SKALD_OK;
}

static void test_compile_without_memory(void **state)
{
    (void)state;
    for (filler = 0; filler <= 1024; filler += 16) {
        assert_true(skt_fail_each(compile_once, NULL) >= 1);
    }
}

static bool render_once(void *context)
{
    struct sk_arena scratch;
    struct sk_buf out;
    sk_arena_init(&scratch);
    sk_buf_init(&out, 0);
    sk_document_render(context, &skt_scope, &scratch, &out);
    bool is_whole = !out.failed;
    sk_buf_release(&out);
    sk_arena_release(&scratch);
    return is_whole;
}

static void test_render_without_memory(void **state)
{
    (void)state;
    struct sk_arena arena;
    const struct sk_document *document = NULL;
    sk_arena_init(&arena);
    assert_int_equal(sk_document_compile(SK_STR(rich), &skt_names, &arena, &document, NULL),
                     SKALD_OK);
    assert_true(skt_fail_each(render_once, (void *)document) >= 4);
    sk_arena_release(&arena);
}

static void test_ceiling_of_the_output(void **state)
{
    (void)state;
    struct sk_buf out;
    sk_buf_init(&out, 10);
    render(SK_STR("[\"{{ .input.name }}{{ .input.name }}\"]"), &skt_scope, &out);
    assert_true(out.failed);
    sk_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rendering),
        cmocka_unit_test(test_the_source_may_go_away),
        cmocka_unit_test(test_refs_of_all_its_templates),
        cmocka_unit_test(test_errors_name_the_member),
        cmocka_unit_test(test_a_long_place_is_cut),
        cmocka_unit_test(test_depth_adds_up),
        cmocka_unit_test(test_output_is_always_json),
        cmocka_unit_test(test_compile_without_memory),
        cmocka_unit_test(test_render_without_memory),
        cmocka_unit_test(test_ceiling_of_the_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

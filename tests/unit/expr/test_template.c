/*
 * test_template.c: texts with {{ }}: what they render to as text and as JSON, and how they are
 * refused.
 */
#include "base/json.h"
#include "expr/expr.h"
#include "scope.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct sk_template *compile(const char *text, struct sk_arena *arena)
{
    struct sk_expr_error error;
    const struct sk_template *template = NULL;
    if (sk_template_compile(sk_str_of(text), &skt_names, arena, &template, &error) != SKALD_OK) {
        fail_msg("%s: at %zu: %s", text, error.offset, error.error.message);
    }
    return template;
}

static void check_row(const char *text, const char *as_text, const char *as_json)
{
    struct sk_arena arena;
    struct sk_arena scratch;
    struct sk_buf out;
    sk_arena_init(&arena);
    sk_arena_init(&scratch);
    sk_buf_init(&out, 0);
    const struct sk_template *template = compile(text, &arena);
    sk_template_render_text(template, &skt_scope, &scratch, &out);
    assert_string_equal(sk_buf_text(&out), as_text);
    sk_buf_clear(&out);
    sk_template_render_json(template, &skt_scope, &scratch, &out);
    assert_string_equal(sk_buf_text(&out), as_json);
    assert_int_equal(sk_json_check(sk_buf_view(&out), NULL), SKALD_OK);
    assert_false(scratch.failed);
    sk_buf_release(&out);
    sk_arena_release(&scratch);
    sk_arena_release(&arena);
}

struct row {
    const char *text, *as_text, *as_json;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_row(rows[i].text, rows[i].as_text, rows[i].as_json);
    }
}
#define CHECK(rows) check(rows, sizeof(rows) / sizeof(rows)[0])

static void test_paths(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{{ .input.amount }}", "1500", "1500" },
        { "{{.input.amount}}", "1500", "1500" },
        { "{{ .input.name }}", "Ada \"L\"", "\"Ada \\\"L\\\"\"" },
        { "{{ .input.yes }}", "true", "true" },
        { "{{ .input.nil }}", "", "null" },
        { "{{ .input.gone }}", "", "null" },
        { "{{ .input.gone.deep[3] }}", "", "null" },
        { "{{ .input.list }}", "[1,2,{\"a\":[]}]", "[1,2,{\"a\":[]}]" },
        { "{{ .input.list[1] }}", "2", "2" },
        { "{{ .input.travelers[0].email }}", "one@x.org", "\"one@x.org\"" },
        { "{{ .input.3d }}", "digit", "\"digit\"" },
        { "{{ .input['a b'] }}", "blank", "\"blank\"" },
        { "{{ .input.user.first-name }}", "Ada", "\"Ada\"" },
        { "{{ .input.user.first-name-}}", "Ada", "\"Ada\"" },
        { "{{ .output.create-order.id }}", "o-1", "\"o-1\"" },
        { "{{ .output.create-order }}", "{\"id\":\"o-1\",\"total\":42.50,\"ok\":true}",
          "{\"id\":\"o-1\",\"total\":42.50,\"ok\":true}" },
        { "{{ .output.3ds_auth }}", "", "null" },
        { "{{ .context.3ds_return_url }}", "https://x.org/r", "\"https://x.org/r\"" },
        { "{{ .error.message }}", "none left", "\"none left\"" },
        { "{{ .timestamp }}", "2026-01-02T03:04:05.678Z", "\"2026-01-02T03:04:05.678Z\"" },
        { "{{ .saga_id }}/{{ .step_id }}/{{ .attempt }}", "s-1/check-stock/2",
          "\"s-1/check-stock/2\"" },
        { "{{ .step_name }}", "Check \"stock\"", "\"Check \\u0022stock\\u0022\"" },
        { "{{ .supplier.id }}", "sup-7", "\"sup-7\"" },
        { "{{ .supplier }}", "{\"id\":\"sup-7\",\"n\":3}", "{\"id\":\"sup-7\",\"n\":3}" },
        { "{{ .variables.limit }}", "1000", "1000" },
        { "{{ .input.inner }}", "{{ .input.amount }}", "\"{{ .input.amount }}\"" }, /* once */
    };
    CHECK(rows);
}

static void test_text_around_is_kept(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "", "", "\"\"" },
        { "plain \"x\"", "plain \"x\"", "\"plain \\\"x\\\"\"" },
        { "${HOME} ${secret:KEY}", "${HOME} ${secret:KEY}", "\"${HOME} ${secret:KEY}\"" },
        { "${X}{{ .attempt }}", "${X}2", "\"${X}2\"" },
        { "a {single} }} b", "a {single} }} b", "\"a {single} }} b\"" },
        { "{", "{", "\"{\"" },
        { "{x{{.attempt}}{", "{x2{", "\"{x2{\"" },
        { "/orders/{{ .output.create-order.id }}?n={{ .input.gone }}",
          "/orders/o-1?n=", "\"/orders/o-1?n=\"" },
        { " {{ .attempt }}", " 2", "\" 2\"" },
        { "{{ .attempt }}{{ .attempt }}", "22", "\"22\"" },
        { "{{ .input.list }}!", "[1,2,{\"a\":[]}]!", "\"[1,2,{\\\"a\\\":[]}]!\"" },
        { "{{{ .attempt }}}", "{2}", "\"{2}\"" },
        { "{{ \"}}\" }}", "}}", "\"}}\"" },
        { "{{ \"{{\" }} x", "{{ x", "\"{{ x\"" },
    };
    CHECK(rows);
}

/* A line of a request: what values bring in breaks no line and asks for no secret. */
static void test_values_in_a_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line;
    } rows[] = {
        { "a {{ \"x\\r\\ny\" }} b", "a x  y b" },
        { "{{ \"${secret:KEY}\" }}", "$(secret:KEY}" },
        { "${{ \"{secret:KEY}\" }}", "$(secret:KEY}" },
        { "{{ \"$\" }}{secret:KEY}", "({secret:KEY}" },
        { "{{ \"$\" }}{{ .input.empty }}{secret:KEY}", "({secret:KEY}" },
        { "{{ \"$\" }}{{ if .input.yes }}{secret:KEY}{{ end }}", "({secret:KEY}" },
        { "{{ \"5$\" }} {secret:KEY}", "5$ {secret:KEY}" },
        { "${secret:KEY}", "${secret:KEY}" }, /* the definition's own */
        { "{{ .attempt }}${secret:KEY}", "2${secret:KEY}" },
    };
    struct sk_arena arena, scratch;
    struct sk_buf out;
    sk_arena_init(&arena);
    sk_arena_init(&scratch);
    sk_buf_init(&out, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sk_buf_clear(&out);
        sk_template_render_line(compile(rows[i].text, &arena), &skt_scope, &scratch, &out);
        assert_string_equal(sk_buf_text(&out), rows[i].line);
    }
    sk_buf_release(&out);
    sk_arena_release(&scratch);
    sk_arena_release(&arena);
}

static void test_trim_markers(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "a \n {{- .attempt -}} \t b", "a2b", "\"a2b\"" },
        { " {{- .attempt -}} ", "2", "2" },
        { "a {{ .attempt -}} b {{- .attempt }} c", "a 2b2 c", "\"a 2b2 c\"" },
        { "{{- -1 -}}", "-1", "-1" },
        { "x {{-1}}", "x -1", "\"x -1\"" },
        { "x {{- \"y\"-}} z", "xyz", "\"xyz\"" },
        { "{{ if .input.yes -}} y {{- else -}} n {{- end -}} ;", "y;", "\"y;\"" },
        { "{{ if .input.no -}} y {{- else -}} n {{- end }} ;", "n ;", "\"n ;\"" },
    };
    CHECK(rows);
}

static void test_literals(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{{ \"lit\" }}", "lit", "\"lit\"" }, { "{{ 'a\\'b' }}", "a'b", "\"a'b\"" },
        { "{{ 1.50 }}", "1.50", "1.50" },      { "{{ -3 }}", "-3", "-3" },
        { "{{ true }}", "true", "true" },      { "{{ false }}", "false", "false" },
        { "{{ null }}", "", "null" },          { "{{ nil }}", "", "null" },
        { "{{ (\"x\") }}", "x", "\"x\"" },
    };
    CHECK(rows);
}

static void test_functions(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{{ .input.name | upper }}", "ADA \"L\"", "\"ADA \\\"L\\\"\"" },
        { "{{ upper .input.name }}", "ADA \"L\"", "\"ADA \\\"L\\\"\"" },
        { "{{ lower \"A\xc3\x84Z@[\" }}", "a\xc3\x84z@[", "\"a\xc3\x84z@[\"" },
        { "{{ upper .input.amount }}", "1500", "\"1500\"" },
        { "{{ upper .input.gone }}", "", "null" },
        { "{{ .input.spaced | trim }}", "x", "\"x\"" },
        { "{{ trim 5 }}", "5", "5" },
        { "{{ .input.gone | default \"y\" | upper }}", "Y", "\"Y\"" },
        { "{{ default \"y\" .input.gone }}", "y", "\"y\"" },
        { "{{ default \"y\" .input.empty }}", "y", "\"y\"" },
        { "{{ default 5 .input.zero }}", "0", "0" },
        { "{{ default true .input.no }}", "false", "false" },
        { "{{ .input.name | default .saga_id | lower }}", "ada \"l\"", "\"ada \\\"l\\\"\"" },
        { "{{ .input.list | json }}", "[1,2,{\"a\":[]}]", "\"[1,2,{\\\"a\\\":[]}]\"" },
        { "{{ .input.name | json }}", "\"Ada \\\"L\\\"\"", "\"\\\"Ada \\\\\\\"L\\\\\\\"\\\"\"" },
        { "{{ json .input.gone }}", "null", "\"null\"" },
        { "{{ quote .input.amount }}", "\"1500\"", "\"\\\"1500\\\"\"" },
        { "{{ quote .input.gone }}", "\"\"", "\"\\\"\\\"\"" },
        { "{{ quote (upper 'a') }}", "\"A\"", "\"\\\"A\\\"\"" },
        { "{{ len .input.list }}", "3", "3" },
        { "{{ .input.uni | len }}", "2", "2" },
        { "{{ len .input.amount }}", "", "null" },
        { "{{ len null }} {{ len true }}", "0 ", "\"0 \"" },
        { "{{ eq .input.amount 1500.0 }}", "true", "true" },
        { "{{ ne .input.amount 1500.0 }}", "false", "false" },
        { "{{ lt 1 2 }}{{ le 2 2 }}{{ gt 1 2 }}{{ ge 2 3 }}", "truetruefalsefalse",
          "\"truetruefalsefalse\"" },
        { "{{ not .input.gone }}", "true", "true" },
        { "{{ or .input.gone .input.empty \"z\" }}", "z", "\"z\"" },
        { "{{ or .input.amount \"z\" }}", "1500", "1500" },
        { "{{ and .input.amount .input.name }}", "Ada \"L\"", "\"Ada \\\"L\\\"\"" },
        { "{{ and .input.gone .input.name }}", "", "null" },
        { "{{ and 1 (eq 1 1) (not false) }}", "true", "true" },
    };
    CHECK(rows);
}

static void test_dates(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{{ date .timestamp }}", "2026-01-02", "\"2026-01-02\"" },
        { "{{ .timestamp | date }}", "2026-01-02", "\"2026-01-02\"" },
        { "{{ date \"2006-01-02\" .timestamp }}", "2026-01-02", "\"2026-01-02\"" },
        { "{{ .timestamp | date \"02.01.2006 15:04:05\" }}", "02.01.2026 03:04:05",
          "\"02.01.2026 03:04:05\"" },
        { "{{ date \"2006-01-02T15:04:05.000Z07:00\" .timestamp }}", "2026-01-02T03:04:05.678Z",
          "\"2026-01-02T03:04:05.678Z\"" },
        { "{{ date '%d/%m/%Y %H:%M:%S 100%%' .timestamp }}", "02/01/2026 03:04:05 100%",
          "\"02/01/2026 03:04:05 100%\"" },
        { "{{ date '%Y' .input.when }}", "2026", "\"2026\"" },
        { "{{ date '%H' .input.when }}", "02", "\"02\"" }, /* in UTC */
        { "{{ date .input.day }}", "2026-03-04", "\"2026-03-04\"" },
        { "{{ date '%d %H' .input.day }}", "04 00", "\"04 00\"" },
        { "{{ date .input.ms }}", "1970-01-02", "\"1970-01-02\"" },
        { "{{ date .input.bad }}", "", "null" },
        { "{{ date .input.small }}", "", "null" },
        { "{{ date .input.list }}", "", "null" },
        { "{{ date .input.gone }}", "", "null" },
        { "{{ date .input.inner .timestamp }}", "{{ .input.amount }}", "\"{{ .input.amount }}\"" },
        { "{{ date (upper '%y%') .timestamp }}", "2026%", "\"2026%\"" },
        { "{{ date (lower '%Q') .timestamp }}", "q", "\"q\"" },
        { "{{ date .input.gone .timestamp }}", "", "\"\"" },
    };
    CHECK(rows);
}

static void test_if(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{{ if gt .input.amount 1000 }}5m{{ else }}2m{{ end }}", "5m", "\"5m\"" },
        { "{{ if lt .input.amount 1000 }}5m{{ else }}2m{{ end }}", "2m", "\"2m\"" },
        { "{{if and (eq .attempt 2) (not .input.gone)}}yes{{end}}", "yes", "\"yes\"" },
        { "{{if .input.gone}}yes{{end}}", "", "\"\"" },
        { "{{if eq .attempt 1}}a{{else if eq .attempt 2}}b{{else}}c{{end}}", "b", "\"b\"" },
        { "{{if eq .attempt 1}}a{{else if eq .attempt 3}}b{{else}}c{{end}}", "c", "\"c\"" },
        { "{{if eq .attempt 1}}a{{else if eq .attempt 3}}b{{end}}!", "!", "\"!\"" },
        { "{{if .input.yes}}{{if .input.no}}a{{else}}b{{end}}{{else}}c{{end}}", "b", "\"b\"" },
        { "[{{if .input.yes}} {{.attempt}} {{end}}]", "[ 2 ]", "\"[ 2 ]\"" },
        { "{{ if .input.name | len | eq 7 }}7{{ end }}", "7", "\"7\"" },
        { "{{ if .input.yes }}{{ .attempt }}{{ end }}", "2", "\"2\"" }, /* not exactly one value */
        { "{{ if .supplier.n }}{{ end }}", "", "\"\"" },
    };
    CHECK(rows);
}

static const struct {
    const char *text;
    size_t offset;
    const char *message;
} errors[] = {
    { "a {{ .input.x", 2, "'{{' is not closed with '}}'" },
    { "a {{", 2, "'{{' is not closed with '}}'" },
    { "a {{ .input.x }", 14, "expected '}}' or '| function'" },
    { "{{ .input.x y }}", 12, "expected '}}' or '| function'" },
    { "{{ upper", 3, "upper takes 1 argument, not 0" },
    { "{{ }}", 3, "something is missing here; write for instance {{ .input.id }}" },
    { "{{ -}}", 3, "something is missing here; write for instance {{ .input.id }}" },
    { "{{ ! }}", 3, "expected a path (.input.x), a string, a number or a function" },
    { "{{ . }}", 4, "a name is missing behind '.'; write for instance .input.id" },
    { "{{ input.x }}", 3, "a path begins with '.': write .input" },
    { "{{ supplier.x }}", 3, "a path begins with '.': write .supplier" },
    { "{{ $input.x }}", 3, "inside {{ }} a path begins with '.', not with '$'" },
    { "{{ .imput.x }}", 4, "unknown name 'imput'; did you mean 'input'?" },
    { "{{ .output.chek-stock.x }}", 11, "unknown step 'chek-stock'; did you mean 'check-stock'?" },
    { "{{ .output['chek-stock'].x }}", 11,
      "unknown step 'chek-stock'; did you mean 'check-stock'?" },
    { "{{ .output }}", 10, ".output needs a step: .output.<step-id>" },
    { "{{ uper .input.x }}", 3, "unknown function 'uper'; did you mean 'upper'?" },
    { "{{ .input.x | uper }}", 14, "unknown function 'uper'; did you mean 'upper'?" },
    { "{{ .input.x | }}", 14,
      "unknown function ''; possible here: upper, lower, trim, default, json, len, date, quote, "
      "eq, ne, lt, le, gt, ge, not, and, or" },
    { "{{ range .input.x }}", 3,
      "unknown function 'range'; possible here: upper, lower, trim, default, json, len, date, "
      "quote, eq, ne, lt, le, gt, ge, not, and, or" },
    { "{{ upper lower }}", 9, "a function as an argument stands in parentheses: (lower …)" },
    { "{{ upper }}", 3, "upper takes 1 argument, not 0" },
    { "{{ upper .input.x .input.y }}", 3, "upper takes 1 argument, not 2" },
    { "{{ .input.x | default }}", 14, "default takes 2 arguments, not 1" },
    { "{{ date 1 2 3 }}", 3, "date takes 1 to 2 arguments, not 3" },
    { "{{ and 1 }}", 3, "and takes at least 2 arguments, not 1" },
    { "{{ date '%Y-%q' .timestamp }}", 3,
      "unknown %q in a date layout; possible: %Y %m %d %H %M %S %%" },
    { "{{ date '%' .timestamp }}", 3,
      "unknown %  in a date layout; possible: %Y %m %d %H %M %S %%" },
    { "{{ (upper 'a' }}", 3, "'(' is not closed with ')'" },
    { "{{ eq 1 (upper }}", 9, "upper takes 1 argument, not 0" },
    { "{{ 'abc }}", 3, "the string is not closed; it needs another '" },
    { "{{ 12x }}", 3, "'12x' is not a number; put text in quotes: '12x'" },
    { "{{ if .input.x }}a", 0, "{{ if }} without {{ end }}" },
    { "{{ if .input.x }}a{{ else }}b", 0, "{{ if }} without {{ end }}" },
    { "{{ if }}a{{ end }}", 6, "something is missing here; write for instance {{ .input.id }}" },
    { "{{ if .input.x", 0, "'{{' is not closed with '}}'" },
    { "{{ if", 5, "the text ends inside '{{'; '}}' is missing" },
    { "{{ if .input.x }}{{ else }}{{ else }}{{ end }}", 34,
      "there is an {{ else }} already; {{ end }} was expected" },
    { "{{ if .input.x }}{{ else foo }}{{ end }}", 25, "expected '}}' or '| function'" },
    { "{{ if .input.x }}{{ end foo }}", 24, "expected '}}' or '| function'" },
    { "{{ end }}", 6, "{{ end }} without {{ if }}" },
    { "{{ else }}", 7, "{{ else }} without {{ if }}" },
    { "{{ if .input.x }}{{ .imput }}{{ end }}", 21, "unknown name 'imput'; did you mean 'input'?" },
};

static void test_errors_name_place_and_remedy(void **state)
{
    (void)state;
    struct sk_arena arena;
    sk_arena_init(&arena);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct sk_expr_error error = { 0 };
        const struct sk_template *template = NULL;
        struct sk_str text = sk_str_of(errors[i].text);
        assert_int_equal(sk_template_compile(text, &skt_names, &arena, &template, &error),
                         SKALD_E_SYNTAX);
        assert_null(template);
        assert_string_equal(error.error.message, errors[i].message);
        if (error.offset != errors[i].offset) {
            fail_msg("%s: offset %zu", errors[i].text, error.offset);
        }
        assert_int_equal(sk_template_compile(text, &skt_names, &arena, &template, NULL),
                         SKALD_E_SYNTAX);
    }
    sk_arena_release(&arena);
}

static void test_constants_and_refs(void **state)
{
    (void)state;
    struct sk_arena arena;
    sk_arena_init(&arena);
    assert_true(sk_template_is_constant(compile("plain { } }}", &arena)));
    assert_true(sk_template_is_constant(compile("", &arena)));
    assert_false(sk_template_is_constant(compile("{{ 1 }}", &arena)));
    assert_int_equal(sk_template_duration_ms(compile(" 1m30s ", &arena)), 90000);
    assert_int_equal(sk_template_duration_ms(compile("soon", &arena)), 0);
    assert_int_equal(sk_template_duration_ms(compile("{{ 1 }}s", &arena)), 0);
    const struct sk_refs *refs = sk_template_refs(
        compile("{{ if .input.x }}{{ .output.3ds_auth }}{{ else if .attempt }}{{ .supplier | "
                "default .context.x }}{{ end }}",
                &arena));
    assert_int_equal(refs->roots, SK_ROOT_BIT(SK_ROOT_INPUT) | SK_ROOT_BIT(SK_ROOT_OUTPUT) |
                                      SK_ROOT_BIT(SK_ROOT_ATTEMPT) | SK_ROOT_BIT(SK_ROOT_ITEM) |
                                      SK_ROOT_BIT(SK_ROOT_CONTEXT));
    assert_int_equal(sk_bitset_count(&refs->steps), 1);
    assert_true(sk_bitset_has(&refs->steps, 2));
    assert_int_equal(sk_template_refs(compile("x", &arena))->roots, 0);
    sk_arena_release(&arena);
}

/* `count` times `open`, the middle, `count` times `close`. */
static enum skald_status compile_nested(size_t count, const char *open, const char *middle,
                                        const char *close)
{
    struct sk_arena arena;
    struct sk_buf text;
    struct sk_buf out;
    const struct sk_template *template = NULL;
    sk_arena_init(&arena);
    sk_buf_init(&text, 0);
    sk_buf_init(&out, 0);
    for (size_t i = 0; i < count; i++) {
        sk_buf_append_text(&text, open);
    }
    sk_buf_append_text(&text, middle);
    for (size_t i = 0; i < count; i++) {
        sk_buf_append_text(&text, close);
    }
    struct sk_str view = sk_buf_view(&text);
    enum skald_status status = sk_template_compile(view, &skt_names, &arena, &template, NULL);
    if (status == SKALD_OK) {
        sk_template_render_text(template, &skt_scope, &arena, &out);
    }
    sk_buf_release(&out);
    sk_buf_release(&text);
    sk_arena_release(&arena);
    return status;
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(compile_nested(64, "{{if 1}}", "x", "{{end}}"), SKALD_OK);
    assert_int_equal(compile_nested(65, "{{if 1}}", "x", "{{end}}"), SKALD_E_SYNTAX);
    assert_int_equal(compile_nested(1, "", "{{ 'x'", " | upper }}"), SKALD_OK);
    assert_int_equal(compile_nested(62, "", "{{ 'x'", " | upper"), SKALD_E_SYNTAX); /* unclosed */
    assert_int_equal(compile_nested(2000, "", "{{ 'x'", " | upper"), SKALD_E_SYNTAX);
    assert_int_equal(compile_nested(60000, "", "{{ ", "("), SKALD_E_SYNTAX);
    assert_int_equal(compile_nested(16000, "", "{{ 1 }}", "abcd"), SKALD_OK);
    assert_int_equal(compile_nested(17000, "", "{{ 1 }}", "abcd"), SKALD_E_SYNTAX);
    assert_int_equal(compile_nested(50000, "", "constant", "abcd"), SKALD_OK);
    for (size_t pipes = 64; pipes <= 65; pipes++) { /* 64 calls around one value */
        struct sk_arena arena;
        struct sk_buf text;
        struct sk_expr_error error;
        const struct sk_template *template = NULL;
        sk_arena_init(&arena);
        sk_buf_init(&text, 0);
        sk_buf_append_text(&text, "{{ 'x'");
        for (size_t i = 0; i < pipes; i++) {
            sk_buf_append_text(&text, "|trim");
        }
        sk_buf_append_text(&text, "}}");
        bool is_compiled = sk_template_compile(sk_buf_view(&text), &skt_names, &arena, &template,
                                               &error) == SKALD_OK;
        assert_int_equal(is_compiled, pipes == 64);
        sk_buf_release(&text);
        sk_arena_release(&arena);
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

static size_t filler;

static bool compile_once(void *context)
{
    struct sk_arena arena;
    const struct sk_template *template = NULL;
    sk_arena_init(&arena);
    (void)sk_arena_alloc(&arena, filler);
    enum skald_status status =
        sk_template_compile(sk_str_of(context), &skt_names, &arena, &template, NULL);
    assert_int_equal(template != NULL, status == SKALD_OK);
    sk_arena_release(&arena);
    return status != SKALD_E_MEMORY;
}

static void test_compile_without_memory(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "constant",
        "a {{ if gt (len .input.x) 3 }}b{{ else if 1 }}{{ .input | json }}{{ end }} c",
        "{{ .imput }}",
        "{{ .output.zzz }}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (filler = 0; filler <= 1024; filler += 16) {
            assert_true(skt_fail_each(compile_once, (char *)texts[i]) >= 1);
        }
    }
}

struct rendering {
    const struct sk_template *template;
    bool as_json;
};

static bool render_once(void *context)
{
    const struct rendering *r = context;
    struct sk_arena scratch;
    struct sk_buf out;
    sk_arena_init(&scratch);
    sk_buf_init(&out, 0);
    if (r->as_json) {
        sk_template_render_json(r->template, &skt_scope, &scratch, &out);
    } else {
        sk_template_render_text(r->template, &skt_scope, &scratch, &out);
    }
    bool is_whole = !out.failed;
    sk_buf_release(&out);
    sk_arena_release(&scratch);
    return is_whole;
}

static void test_render_without_memory(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "plain",
        "{{ .step_name }}",
        "x{{ .step_name }}",
        "{{ upper .input.name }}",
        "{{ json .input.list }}",
        "{{ quote .saga_id }}",
        "{{ len .input.list }}",
        "{{ date .timestamp }}",
        "{{ date '2006' .timestamp }}!",
    };
    struct sk_arena arena;
    sk_arena_init(&arena);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct rendering r = { .template = compile(texts[i], &arena) };
        assert_true(skt_fail_each(render_once, &r) >= 1);
        r.as_json = true;
        assert_true(skt_fail_each(render_once, &r) >= 1);
    }
    sk_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_text_around_is_kept),
        cmocka_unit_test(test_values_in_a_line),
        cmocka_unit_test(test_trim_markers),
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_if),
        cmocka_unit_test(test_errors_name_place_and_remedy),
        cmocka_unit_test(test_constants_and_refs),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_compile_without_memory),
        cmocka_unit_test(test_render_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * fuzz_template.c: templates, as text, as a line of a request, as JSON, and inside documents. The
 * input is the template and, behind a line `---`, the world that it looks at (JSON).
 *
 *   1  What is refused names a place within the text.
 *   2  Rendering looks at nothing that the compiled refs do not name.
 *   3  Rendered JSON is JSON; rendered twice it is the same.
 *   4  No value ends a line or makes a `${secret:` that the template does not hold.
 *   5  What is rendered is bounded: not larger than the template and so many times the world as
 *      there are actions in it.
 */
#include "fuzz.h"
#include "scope.h"

#include "base/limits.h"

typedef void render_fn(const struct sk_template *template, const struct sk_scope *scope,
                       struct sk_arena *scratch, struct sk_buf *out);

enum { GROWTH_MAX = 16 }; /* of a value that is quoted again and again */

static void render(const struct sk_template *template, struct fuzz_scope *scope, render_fn *fn,
                   struct sk_buf *out)
{
    struct sk_arena scratch;
    sk_arena_init(&scratch);
    sk_buf_init(out, 0);
    fn(template, &scope->port, &scratch, out);
    FUZZ_CHECK(!out->failed, "it fails");
    sk_arena_release(&scratch);
}

static void check_line(struct sk_str text, struct sk_str line)
{
    bool has_control = false;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        has_control = has_control || c < 0x20 || c == 0x7f;
    }
    bool has_dollar = sk_str_find(text, '$') < text.size;
    for (size_t i = 0; i < line.size; i++) {
        unsigned char c = (unsigned char)line.data[i];
        if (!has_control) FUZZ_CHECK(c >= 0x20 && c != 0x7f, "a control byte came in");
        bool is_secret = c == '$' && i + 1 < line.size && line.data[i + 1] == '{';
        if (!has_dollar) FUZZ_CHECK(!is_secret, "a secret came in: %.*s", SK_STR_ARGS(line));
    }
}

static void check_renderings(const struct sk_template *template, struct sk_str text,
                             struct fuzz_scope *scope)
{
    struct sk_buf plain, again, line, json;
    scope->refs = sk_template_refs(template);
    render(template, scope, sk_template_render_text, &plain);
    render(template, scope, sk_template_render_text, &again);
    FUZZ_CHECK(sk_str_equal(sk_buf_view(&plain), sk_buf_view(&again)), "twice");
    size_t size_max = text.size + (text.size + 1) * scope->world.size * GROWTH_MAX;
    FUZZ_CHECK(plain.size <= size_max, "%zu bytes", plain.size);
    render(template, scope, sk_template_render_line, &line);
    check_line(text, sk_buf_view(&line));
    render(template, scope, sk_template_render_json, &json);
    fuzz_check_json(sk_buf_view(&json), "rendered");
    if (sk_template_is_constant(template))
        FUZZ_CHECK(sk_str_equal(sk_buf_view(&plain), text), "constant");
    sk_buf_release(&plain);
    sk_buf_release(&again);
    sk_buf_release(&line);
    sk_buf_release(&json);
}

static void check_template(struct sk_str text, struct fuzz_scope *scope)
{
    struct sk_arena arena;
    const struct sk_template *template = NULL;
    struct sk_expr_error error = { 0 };
    sk_arena_init(&arena);
    enum skald_status status = sk_template_compile(text, &fuzz_names, &arena, &template, &error);
    if (status == SKALD_OK)
        check_renderings(template, text, scope);
    else
        fuzz_check_expr_error(status, &error, text.size);
    sk_arena_release(&arena);
}

static void check_document(struct sk_str json, struct fuzz_scope *scope)
{
    struct sk_arena arena, scratch;
    const struct sk_document *document = NULL;
    struct sk_expr_error error = { 0 };
    struct sk_buf out;
    sk_arena_init(&arena);
    sk_arena_init(&scratch);
    sk_buf_init(&out, 0);
    enum skald_status status = sk_document_compile(json, &fuzz_names, &arena, &document, &error);
    if (status == SKALD_OK) {
        scope->refs = sk_document_refs(document);
        sk_document_render(document, &scope->port, &scratch, &out);
        FUZZ_CHECK(!scratch.failed, "memory");
        FUZZ_CHECK(!out.failed || out.is_full, "it fails");
        if (!out.failed) fuzz_check_json(sk_buf_view(&out), "a document");
    } else {
        fuzz_check_error(status, &error.error, "a document");
    }
    sk_buf_release(&out);
    sk_arena_release(&scratch);
    sk_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sk_str whole = { (const char *)data, size }, text, world;
    struct fuzz_scope scope;
    fuzz_split(whole, "---", &text, &world);
    fuzz_scope_init(&scope, world);
    /* Templates come from a definition: they are UTF-8. */
    if (sk_utf8_valid(text)) check_template(text, &scope);
    if (sk_json_check(text, NULL) == SKALD_OK) check_document(text, &scope);
    return 0;
}

/*
 * fuzz_expression.c: conditions. The input is the expression and, behind a line `---`, the world
 * that it looks at (JSON).
 *
 *   1  What is refused names a place within the text.
 *   2  An evaluation looks at nothing that the compiled refs do not name: validation trusts them.
 *   3  The same world gives the same answer, and `!( )` the other one.
 */
#include "fuzz.h"
#include "scope.h"

static bool evaluate(const struct sk_condition *condition, struct fuzz_scope *scope)
{
    struct sk_arena scratch;
    sk_arena_init(&scratch);
    scope->refs = sk_condition_refs(condition);
    bool holds = sk_condition_eval(condition, &scope->port, &scratch);
    FUZZ_CHECK(!scratch.failed, "memory");
    sk_arena_release(&scratch);
    return holds;
}

/* The negation; it may be too long or too deep. */
static void check_negation(struct sk_str text, struct sk_arena *arena, struct fuzz_scope *scope,
                           bool holds)
{
    struct sk_buf negated;
    const struct sk_condition *condition = NULL;
    struct sk_expr_error error = { 0 };
    sk_buf_init(&negated, 0);
    sk_buf_append_text(&negated, "!(");
    sk_buf_append_str(&negated, text);
    sk_buf_append_text(&negated, ")");
    if (sk_condition_compile(sk_buf_view(&negated), &fuzz_names, arena, &condition, &error) ==
        SKALD_OK)
        FUZZ_CHECK(evaluate(condition, scope) == !holds, "%.*s", SK_STR_ARGS(text));
    sk_buf_release(&negated);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sk_str whole = { (const char *)data, size }, text, world;
    struct sk_arena arena;
    struct fuzz_scope scope;
    const struct sk_condition *condition = NULL;
    struct sk_expr_error error = { 0 };
    fuzz_split(whole, "---", &text, &world);
    fuzz_scope_init(&scope, world);
    sk_arena_init(&arena);
    enum skald_status status = sk_condition_compile(text, &fuzz_names, &arena, &condition, &error);
    if (status != SKALD_OK) {
        fuzz_check_expr_error(status, &error, text.size);
    } else {
        bool holds = evaluate(condition, &scope);
        FUZZ_CHECK(evaluate(condition, &scope) == holds, "%.*s", SK_STR_ARGS(text));
        check_negation(text, &arena, &scope, holds);
    }
    sk_arena_release(&arena);
    return 0;
}

/*
 * start_check.c: the input of a start against the schema of its definition.
 *
 *   K1  The loop spends about half a millisecond on it at most: what is larger or costs more is
 *       checked on a helper thread, and there within the whole budget.
 *   K2  While a helper checks, the start waits in engine->starting; the engine may be freed
 *       meanwhile, so the helper works on copies, of the schema too.
 */
#include "dsl/json_schema.h"
#include "engine/starting.h"

enum { INPUT_SIZE_SMALL = 16 * 1024 };

struct checking {
    struct sk_shell *shell;
    struct sk_starting *starting;
    void (*then)(struct sk_starting *starting);
    struct sk_buf schema, input; /* copies, for a helper */
    struct sk_buf violations;
    uint32_t count;
    skald_error first;
    enum skald_status status;
};

static void on_violation(void *context, struct sk_str pointer, struct sk_str message)
{
    struct checking *checking = context;
    struct sk_json_writer w = sk_json_writer_of(&checking->violations);
    if (checking->count == 0) {
        (void)sk_error_set(&checking->first, SKALD_E_INVALID,
                           "the input does not fit the definition's input_schema: %.*s %.*s",
                           SK_STR_ARGS(pointer.size > 0 ? pointer : SK_STR("it")),
                           SK_STR_ARGS(message));
    }
    sk_buf_append_char(&checking->violations, checking->count == 0 ? '[' : ',');
    checking->count += 1;
    sk_json_begin_object(&w);
    sk_json_key(&w, "pointer");
    sk_json_put_str(&w, pointer);
    sk_json_key(&w, "message");
    sk_json_put_str(&w, message);
    sk_json_end_object(&w);
}

static void check(struct checking *checking, const struct sk_json_schema *schema,
                  struct sk_str input, int64_t budget)
{
    checking->status = sk_json_schema_check(schema, input, budget, on_violation, checking);
    if (checking->count > 0) sk_buf_append_char(&checking->violations, ']');
    if (checking->violations.failed) checking->status = SKALD_E_MEMORY;
}

/* With what came of it. */
static void finish(struct checking *checking, struct sk_starting *starting)
{
    struct sk_waiter *waiter = starting->waiter;
    switch ((int)checking->status) {
    case SKALD_OK: checking->then(starting); return;
    case SKALD_E_INVALID:
        if (waiter != NULL) {
            sk_buf_release(&waiter->owned.violations);
            waiter->owned.violations = checking->violations;
            sk_buf_init(&checking->violations, 0);
        }
        sk_starting_fail(starting, SKALD_E_INVALID, checking->first.message);
        return;
    case SKALD_E_LIMIT:
        sk_starting_fail(starting, SKALD_E_TOO_LARGE,
                         "the input is too large or too deep for the definition's input_schema to "
                         "be checked");
        return;
    default: sk_starting_fail(starting, SKALD_E_MEMORY, "out of memory"); return;
    }
}

static void checking_free(struct checking *checking)
{
    sk_buf_release(&checking->schema);
    sk_buf_release(&checking->input);
    sk_buf_release(&checking->violations);
    if (checking->shell != NULL) sk_shell_unref(checking->shell);
    sk_free(checking);
}

/* What is wrong with a schema was told when it was defined. */
static void ignore(void *context, bool is_error, struct sk_str pointer, const char *message,
                   const char *remedy)
{
    (void)context;
    (void)is_error;
    (void)pointer;
    (void)message;
    (void)remedy;
}

static void on_helper(void *context)
{
    struct checking *checking = context;
    const struct sk_json_schema *schema = NULL;
    struct sk_arena arena;
    sk_arena_init(&arena);
    checking->status =
        sk_json_schema_compile(sk_buf_view(&checking->schema), &arena, ignore, NULL, &schema);
    if (checking->status == SKALD_OK) {
        check(checking, schema, sk_buf_view(&checking->input), SK_SCHEMA_BUDGET);
    } else {
        checking->status = SKALD_E_MEMORY; /* it was sound when it was defined */
    }
    sk_arena_release(&arena);
}

static void on_checked(void *context)
{
    struct checking *checking = context;
    struct sk_engine *engine = checking->shell->engine;
    if (engine != NULL) {
        finish(checking, checking->starting);
        sk_engine_turn(engine);
    }
    checking_free(checking);
}

/* On a helper thread; false: it could not be asked. */
static bool hand_over(struct sk_starting *starting, void (*then)(struct sk_starting *starting))
{
    struct sk_runtime *runtime = starting->engine->runtime;
    struct checking *checking = sk_alloc(sizeof *checking);
    if (checking == NULL) return false;
    *checking = (struct checking){ .starting = starting, .then = then };
    sk_buf_init(&checking->schema, 0);
    sk_buf_init(&checking->input, 0);
    sk_buf_init(&checking->violations, 0);
    sk_buf_append_str(&checking->schema, starting->entry->plan->input_schema);
    sk_buf_append_str(&checking->input, starting->start.input);
    checking->shell = sk_shell_ref(starting->engine->shell);
    bool is_asked = !checking->schema.failed && !checking->input.failed &&
                    runtime->ops->offload(runtime, on_helper, on_checked, checking) == SKALD_OK;
    if (!is_asked) checking_free(checking);
    return is_asked;
}

void sk_starting_check(struct sk_starting *starting, void (*then)(struct sk_starting *starting))
{
    struct checking checking = { .starting = starting, .then = then, .status = SKALD_E_LIMIT };
    const struct sk_json_schema *schema = starting->entry->plan->input_check;
    struct sk_str input = starting->start.input;
    if (schema == NULL) {
        then(starting);
        return;
    }
    sk_buf_init(&checking.violations, 0);
    if (input.size <= INPUT_SIZE_SMALL) check(&checking, schema, input, SK_SCHEMA_BUDGET_SMALL);
    if (checking.status != SKALD_E_LIMIT) {
        finish(&checking, starting);
    } else if (!hand_over(starting, then)) {
        sk_starting_fail(starting, SKALD_E_AGAIN, "no helper thread is free to check the input");
    }
    sk_buf_release(&checking.violations);
}

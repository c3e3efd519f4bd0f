/*
 * test_condition.c: conditions: what they mean, what they refer to, and how they are refused.
 */
#include "base/json.h"
#include "expr/expr.h"
#include "scope.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct row {
    const char *text;
    bool is_true;
};

static bool eval(const char *text)
{
    struct sk_arena arena;
    struct sk_arena scratch;
    struct sk_expr_error error;
    const struct sk_condition *condition = NULL;
    sk_arena_init(&arena);
    sk_arena_init(&scratch);
    if (sk_condition_compile(sk_str_of(text), &skt_names, &arena, &condition, &error) != SKALD_OK) {
        fail_msg("%s: at %zu: %s", text, error.offset, error.error.message);
    }
    bool is_true = sk_condition_eval(condition, &skt_scope, &scratch);
    assert_false(scratch.failed);
    sk_arena_release(&scratch);
    sk_arena_release(&arena);
    return is_true;
}

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (eval(rows[i].text) != rows[i].is_true) {
            fail_msg("%s is not %s", rows[i].text, rows[i].is_true ? "true" : "false");
        }
    }
}
#define CHECK(rows) check(rows, sizeof(rows) / sizeof(rows)[0])

static void test_truth_of_values(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "true", true },
        { "false", false },
        { "null", false },
        { "0", false },
        { "0.0", false },
        { "-0", false },
        { "1", true },
        { "-0.5", true },
        { "1e-400", false },
        { "''", false },
        { "\"x\"", true },
        { "$input", true },
        { "$input.amount", true },
        { "$input.zero", false },
        { "$input.empty", false },
        { "$input.no", false },
        { "$input.yes", true },
        { "$input.nil", false },
        { "$input.gone", false },
        { "$input.none", false },
        { "$input.nothing", false },
        { "$input.list", true },
        { "$input.user", true },
        { "$attempt", true },
        { "[]", false },
        { "[0]", true },
        { " \t\n true ", true },
    };
    CHECK(rows);
}

static void test_references(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "$input.list[0] == 1", true },
        { "$input.list[2].a == $input.none", true },
        { "$input.list[9] == null", true },
        { "$input.travelers[1].email == 'two@x.org'", true },
        { "$input.3d == 'digit'", true },
        { "$input['a b'] == \"blank\"", true },
        { "$input[\"user\"]['first-name'] == 'Ada'", true },
        { "$input.user.first-name=='Ada'", true },
        { "$input.amount.deeper == null", true },
        { "$output.create-order.id == 'o-1'", true },
        { "$output['create-order'].id == 'o-1'", true },
        { "$output.check-stock.in_stock[0] == 'sku-1'", true },
        { "$output.3ds_auth == null", true },
        { "$context.3ds_return_url", true },
        { "$variables.limit == 1000", true },
        { "$error.code == 'out_of_stock'", true },
        { "$supplier.id == 'sup-7' && $supplier.n==3", true },
        { "$saga_id == 's-1' && $step_id == 'check-stock' && $attempt == 2", true },
        { "$step_name == 'Check \"stock\"'", true },
        { "$timestamp > '2026'", true },
    };
    CHECK(rows);
}

static void test_comparisons(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "$input.amount > 1000", true },
        { "1000<$input.amount", true },
        { "$input.amount >= 1500.0", true },
        { "$input.amount <= 1499.99", false },
        { "$input.small < 100 && $input.small>99", true },
        { "$input.big == $input.big2", false },
        { "$input.big > $input.big2", true },
        { "$output.create-order.total == 42.5", true },
        { "-1 < 0", true },
        { "1e3 == 1000", true },
        { "'a' < 'b'", true },
        { "'b' <= 'a'", false },
        { "'Z' < 'a'", true },
        { "'10' < '9'", true },
        { "'1' == 1", false },
        { "'1' != 1", true },
        { "'1' < 2", false },
        { "true == 1", false },
        { "true == true", true },
        { "true != false", true },
        { "true > false", false },
        { "null == null", true },
        { "null < 1", false },
        { "null >= null", false },
        { "$input.gone > 5", false },
        { "$input.gone <= 5", false },
        { "$input.gone != 5", true },
        { "$input.list == [1, 2]", false },
        { "$input.none == []", true },
        { "$input.user == $input.user", true },
        { "$input.tags == ['new','vip']", true },
    };
    CHECK(rows);
}

static void test_membership_and_length(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "'vip' in $input.tags", true },
        { "'v' in $input.tags", false },
        { "2 in $input.list", true },
        { "2.0 in $input.list", true },
        { "3 in $input.list", false },
        { "'role' in $input.user", true },
        { "'gone' in $input.user", false },
        { "1 in $input.user", false },
        { "'@' in $input.email", true },
        { "'' in $input.email", true },
        { "'' in ''", true },
        { "'x.orgs' in $input.email", false },
        { "'aab' in 'aaaab'", true },
        { "'abab' in 'abaabaabb'", false },
        { "'ababb' in 'abaabababb'", true },
        { "1 in 'a1'", false },
        { "'a' in null", false },
        { "'a' in 5", false },
        { "$input.user.role in ['admin', \"root\", null, true, false, -1.5]", true },
        { "null in [null]", true },
        { "-1.5 in [ 'x' , -1.5 ]", true },
        { "$input.user.role in []", false },
        { "$input.tags contains 'new'", true },
        { "$input.email contains 'ada'", true },
        { "$input.user contains 'role'", true },
        { "['a'] contains $input.gone", false },
        { "len($input.tags) == 2", true },
        { "len( 'abc' )==3", true },
        { "len($input.uni) == 2", true },
        { "len($input.user) == 2", true },
        { "len($input.gone) == 0", true },
        { "len($input.amount) == null", true },
        { "len(true)", false },
        { "len($input.none) || len($input.list) > 2", true },
    };
    CHECK(rows);
}

static void test_precedence(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "true || false && false", true },
        { "(true || false) && false", false },
        { "false && false || true", true },
        { "!true || true", true },
        { "!(true || true)", false },
        { "!!true", true },
        { "!$input.gone && ! $input.zero", true },
        { "!1 == false", true }, /* the ! goes first */
        { "!(1 == 2)", true },
        { "(1 < 2) == true", true },
        { "(1 && 'x') == true", true }, /* && gives a truth value */
        { "(0 || '') == false", true },
        { "1 == 1 && 2 == 2 && 3 == 3 && 4 == 5", false },
        { "1 == 2 || 2 == 3 || 3 == 3", true },
        { "((((1))))", true },
        { "'a\\'b\\\\c\\n' == \"a'b\\\\c\\n\"", true },
        { "'\\/\\r\\t\\\"' != ''", true },
    };
    CHECK(rows);
}

static const struct {
    const char *text;
    size_t offset;
    const char *message;
} errors[] = {
    { "", 0, "the expression is empty; write for instance $input.amount > 100" },
    { "  ", 0, "the expression is empty; write for instance $input.amount > 100" },
    { "$input.amount = 5", 14, "write == to compare" },
    { "$input.a and $input.b", 9, "write && for and" },
    { "$input.a & $input.b", 9, "write && for and" },
    { "$input.a or $input.b", 9, "write || for or" },
    { "$input.a | $input.b", 9, "write || for or" },
    { "not $input.a", 0, "write ! for not" },
    { "input.amount > 5", 0, "a reference begins with '$': write $input" },
    { "supplier.id == 1", 0, "a reference begins with '$': write $supplier" },
    { "$imput.amount > 5", 1, "unknown name 'imput'; did you mean 'input'?" },
    { "$suplier.id", 1, "unknown name 'suplier'; did you mean 'supplier'?" },
    { "$response.x", 1,
      "there is no value here for 'response'; possible here: input, output, context, variables, "
      "error, timestamp, saga_id, step_id, step_name, attempt, supplier" },
    { "$ > 1", 1, "a name is missing behind '$'; write for instance $input.id" },
    { "$input. > 1", 6, "a name is missing behind '.'" },
    { "$input[x]", 7, "inside [ ] stands a number from 0, or a quoted name" },
    { "$input[-1]", 7, "inside [ ] stands a number from 0, or a quoted name" },
    { "$input[1", 8, "expected ']'" },
    { "$input['a]", 7, "the string is not closed; it needs another '" },
    { "$output.creat-order.id", 8, "unknown step 'creat-order'; did you mean 'create-order'?" },
    { "$output.zzz", 8, "unknown step 'zzz'; possible here: create-order, check-stock, 3ds_auth" },
    { "$output > 1", 7, "$output needs a step: $output.<step-id>" },
    { "$output[0]", 7, "$output needs a step: $output.<step-id>" },
    { "$output.", 7, "a name is missing behind '.'" },
    { "1 < 2 < 3", 6, "comparisons cannot be chained; join them with &&" },
    { "1 == 2 in [2]", 7, "comparisons cannot be chained; join them with &&" },
    { "(1 == 1", 0, "'(' is not closed with ')'" },
    { "(1 1)", 3, "expected ')' or an operator: == != < <= > >= in contains && ||" },
    { "1 == 1)", 6, "expected an operator: == != < <= > >= in contains && ||" },
    { "1 ==", 4, "expected a reference ($input.x), a number, a string or '('" },
    { "&& 1", 0, "expected a reference ($input.x), a number, a string or '('" },
    { "1 &&", 4, "expected a reference ($input.x), a number, a string or '('" },
    { "1 || ", 5, "expected a reference ($input.x), a number, a string or '('" },
    { "!", 1, "expected a reference ($input.x), a number, a string or '('" },
    { "!= 1", 0, "expected a reference ($input.x), a number, a string or '('" },
    { "'abc", 0, "the string is not closed; it needs another '" },
    { "\"abc\\", 4, "unknown escape; possible: \\\\ \\\" \\' \\/ \\n \\r \\t" },
    { "'a\\x'", 2, "unknown escape; possible: \\\\ \\\" \\' \\/ \\n \\r \\t" },
    { "5m > 1", 0, "'5m' is not a number; put text in quotes: '5m'" },
    { "007", 0, "'007' is not a number; put text in quotes: '007'" },
    { "1. == 1", 0, "'1.' is not a number; put text in quotes: '1.'" },
    { "-x", 0, "'-x' is not a number; put text in quotes: '-x'" },
    { "$input.state == ok", 16,
      "text stands in quotes; unknown word 'ok'; possible here: true, false, null, len" },
    { "True", 0, "text stands in quotes; unknown word 'True'; did you mean 'true'?" },
    { "len $input.x", 4, "expected '(': len($input.items)" },
    { "len($input.x", 3, "'(' is not closed with ')'" },
    { "len()", 4, "expected a reference ($input.x), a number, a string or '('" },
    { "[1 2]", 3, "expected ',' or ']'" },
    { "[$input.x]", 1, "inside [ ] stand strings, numbers, true, false and null" },
    { "[1,", 3, "inside [ ] stand strings, numbers, true, false and null" },
    { "['a", 1, "the string is not closed; it needs another '" },
    { "[1m]", 1, "'1m' is not a number; put text in quotes: '1m'" },
};

static void test_errors_name_place_and_remedy(void **state)
{
    (void)state;
    struct sk_arena arena;
    sk_arena_init(&arena);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct sk_expr_error error = { 0 };
        const struct sk_condition *condition = NULL;
        struct sk_str text = sk_str_of(errors[i].text);
        assert_int_equal(sk_condition_compile(text, &skt_names, &arena, &condition, &error),
                         SKALD_E_SYNTAX);
        assert_null(condition);
        assert_int_equal(error.error.status, SKALD_E_SYNTAX);
        assert_string_equal(error.error.message, errors[i].message);
        assert_int_equal(error.offset, errors[i].offset);
        assert_int_equal(sk_condition_compile(text, &skt_names, &arena, &condition, NULL),
                         SKALD_E_SYNTAX);
    }
    sk_arena_release(&arena);
}

static void test_nothing_is_allowed_without_names(void **state)
{
    (void)state;
    struct sk_arena arena;
    struct sk_expr_error error;
    const struct sk_condition *condition = NULL;
    sk_arena_init(&arena);
    assert_int_equal(sk_condition_compile(SK_STR("$input"), &skt_no_names, &arena, &condition,
                                          &error),
                     SKALD_E_SYNTAX);
    assert_string_equal(error.error.message,
                        "there is no value here for 'input'; possible here: nothing");
    sk_arena_release(&arena);
}

static void test_many_steps_are_listed_up_to_a_point(void **state)
{
    (void)state;
    struct sk_str steps[60];
    char names_text[60][8];
    struct sk_arena arena;
    struct sk_expr_error error;
    const struct sk_condition *condition = NULL;
    for (size_t i = 0; i < 60; i++) {
        snprintf(names_text[i], sizeof names_text[i], "s-%02zu", i);
        steps[i] = sk_str_of(names_text[i]);
    }
    const struct sk_names names = { .steps = steps,
                                    .steps_count = 60,
                                    .roots_allowed = SK_ROOT_BIT(SK_ROOT_OUTPUT) };
    sk_arena_init(&arena);
    assert_int_equal(sk_condition_compile(SK_STR("$output.other"), &names, &arena, &condition,
                                          &error),
                     SKALD_E_SYNTAX);
    assert_non_null(strstr(error.error.message, "s-00, s-01, "));
    assert_non_null(strstr(error.error.message, "s-19, …"));
    sk_arena_release(&arena);
}

static void test_refs(void **state)
{
    (void)state;
    struct sk_arena arena;
    const struct sk_condition *condition = NULL;
    sk_arena_init(&arena);
    struct sk_str text = SK_STR("$input.a && ($output.3ds_auth.x || len($output.create-order) > 1)"
                                " && $supplier.id");
    assert_int_equal(sk_condition_compile(text, &skt_names, &arena, &condition, NULL), SKALD_OK);
    const struct sk_refs *refs = sk_condition_refs(condition);
    assert_int_equal(refs->roots, SK_ROOT_BIT(SK_ROOT_INPUT) | SK_ROOT_BIT(SK_ROOT_OUTPUT) |
                                      SK_ROOT_BIT(SK_ROOT_ITEM));
    assert_int_equal(refs->steps.bits_count, 3);
    assert_true(sk_bitset_has(&refs->steps, 0));
    assert_false(sk_bitset_has(&refs->steps, 1));
    assert_true(sk_bitset_has(&refs->steps, 2));
    sk_arena_release(&arena);
}

/* `count` times `open`, "1", `count` times `close`. */
static enum skald_status compile_nested(size_t count, char open, const char *close)
{
    struct sk_arena arena;
    struct sk_arena scratch;
    struct sk_buf text;
    struct sk_expr_error error;
    const struct sk_condition *condition = NULL;
    sk_arena_init(&arena);
    sk_arena_init(&scratch);
    sk_buf_init(&text, 0);
    for (size_t i = 0; i < count; i++) {
        sk_buf_append_char(&text, open);
    }
    sk_buf_append_char(&text, '1');
    for (size_t i = 0; i < count; i++) {
        sk_buf_append_text(&text, close);
    }
    enum skald_status status =
        sk_condition_compile(sk_buf_view(&text), &skt_names, &arena, &condition, &error);
    if (status == SKALD_OK) {
        (void)sk_condition_eval(condition, &skt_scope, &scratch);
    } else {
        assert_string_equal(error.error.message, "nested too deeply (64 levels are allowed)");
    }
    sk_buf_release(&text);
    sk_arena_release(&scratch);
    sk_arena_release(&arena);
    return status;
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(compile_nested(64, '(', ")"), SKALD_OK);
    assert_int_equal(compile_nested(65, '(', ")"), SKALD_E_SYNTAX);
    assert_int_equal(compile_nested(50000, '(', ""), SKALD_E_SYNTAX);
    assert_int_equal(compile_nested(64, '!', ""), SKALD_OK);
    assert_int_equal(compile_nested(65, '!', ""), SKALD_E_SYNTAX);

    struct sk_arena arena;
    struct sk_buf text;
    const struct sk_condition *condition = NULL;
    struct sk_expr_error error;
    sk_arena_init(&arena);
    sk_buf_init(&text, 0);
    sk_buf_append_text(&text, "1");
    while (text.size + 5 <= 64 * 1024) { /* wide is not deep */
        sk_buf_append_text(&text, " && 1");
    }
    assert_int_equal(sk_condition_compile(sk_buf_view(&text), &skt_names, &arena, &condition,
                                          &error),
                     SKALD_OK);
    assert_true(sk_condition_eval(condition, &skt_scope, &arena));
    sk_buf_append_text(&text, "     ");
    assert_int_equal(sk_condition_compile(sk_buf_view(&text), &skt_names, &arena, &condition,
                                          &error),
                     SKALD_E_SYNTAX);
    assert_string_equal(error.error.message, "longer than 65536 bytes");
    sk_buf_release(&text);
    sk_arena_release(&arena);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Blocks grow, so a filler of changing size lets every allocation be the one that needs a block. */
static size_t filler;

static bool compile_once(void *context)
{
    struct sk_arena arena;
    struct sk_expr_error error;
    const struct sk_condition *condition = NULL;
    sk_arena_init(&arena);
    (void)sk_arena_alloc(&arena, filler);
    enum skald_status status =
        sk_condition_compile(sk_str_of(context), &skt_names, &arena, &condition, &error);
    bool is_memory = status == SKALD_E_MEMORY;
    assert_int_equal(condition != NULL, status == SKALD_OK);
    if (is_memory) {
        assert_int_equal(error.error.status, SKALD_E_MEMORY);
    }
    sk_arena_release(&arena);
    return !is_memory;
}

static void test_compile_without_memory(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "!($input.a['b'][0] == 'text' && 1.5 in [1, 'x']) || len($output.create-order.id) > 5",
        "$output.zzz",
        "$zzz",
        "[1, 'some text']",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (filler = 0; filler <= 1024; filler += 16) {
            assert_true(skt_fail_each(compile_once, (char *)texts[i]) >= 1);
        }
    }
}

static void test_eval_without_memory(void **state)
{
    (void)state;
    static const char *const texts[] = { "$step_name == 'x'", "len('abc') == 3", "'ab' in 'cab'" };
    struct sk_arena arena;
    sk_arena_init(&arena);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct sk_condition *condition = NULL;
        struct sk_str text = sk_str_of(texts[i]);
        assert_int_equal(sk_condition_compile(text, &skt_names, &arena, &condition, NULL),
                         SKALD_OK);
        for (int n = 0; n < 2; n++) {
            struct sk_arena scratch;
            sk_arena_init(&scratch);
            skt_alloc_fail_at(n);
            (void)sk_condition_eval(condition, &skt_scope, &scratch);
            assert_int_equal(scratch.failed, skt_alloc_fail_hit());
            skt_alloc_fail_off();
            sk_arena_release(&scratch);
        }
    }
    sk_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truth_of_values),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_membership_and_length),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_errors_name_place_and_remedy),
        cmocka_unit_test(test_nothing_is_allowed_without_names),
        cmocka_unit_test(test_many_steps_are_listed_up_to_a_point),
        cmocka_unit_test(test_refs),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_compile_without_memory),
        cmocka_unit_test(test_eval_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

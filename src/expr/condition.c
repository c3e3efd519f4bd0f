/*
 * condition.c: the grammar of conditions.
 *
 *     or          = and { "||" and }
 *     and         = comparison { "&&" comparison }
 *     comparison  = unary [ operator unary ]      operator: == != <= >= < > in contains
 *     unary       = "!" unary | primary
 *     primary     = "(" or ")" | "len" "(" or ")" | list | string | number | true | false | null
 *                 | "$" path
 *     list        = "[" [ scalar { "," scalar } ] "]"
 */
#include "expr/expr_private.h"

struct sk_condition {
    struct sk_refs refs;
    const struct sk_node *root;
};

static struct sk_node *parse_or(struct sk_scan *scan);

/* Behind the opening parenthesis. */
static struct sk_node *parse_parenthesis(struct sk_scan *scan)
{
    size_t from = scan->at - 1;
    if (!sk_scan_enter(scan)) {
        return NULL;
    }
    struct sk_node *node = parse_or(scan);
    sk_scan_leave(scan);
    if (node == NULL) {
        return NULL;
    }
    sk_scan_blanks(scan);
    if (!sk_scan_take(scan, ")")) {
        sk_scan_fail(scan, sk_scan_is_end(scan) ? from : scan->at,
                     sk_scan_is_end(scan) ? "'(' is not closed with ')'"
                                          : "expected ')' or an operator: == != < <= > >= in "
                                            "contains && ||");
        return NULL;
    }
    return node;
}

static struct sk_node *parse_len(struct sk_scan *scan)
{
    struct sk_node *call = sk_node_call(scan, SK_FN_LEN);
    sk_scan_blanks(scan);
    if (!sk_scan_take(scan, "(")) {
        sk_scan_fail(scan, scan->at, "expected '(': len($input.items)");
        return NULL;
    }
    return sk_node_add(scan, call, parse_parenthesis(scan)) ? call : NULL;
}

/* true, false, null, len(…), or a word that needs a hint. */
static struct sk_node *parse_word(struct sk_scan *scan)
{
    static const char *const possible[] = { "true", "false", "null", "len" };
    size_t from = scan->at;
    struct sk_str word = sk_scan_segment(scan);
    if (sk_str_is(word, "true") || sk_str_is(word, "false")) {
        return sk_node_literal(scan, sk_value_bool(word.data[0] == 't'));
    }
    if (sk_str_is(word, "null")) {
        return sk_node_literal(scan, sk_value_null());
    }
    if (sk_str_is(word, "len")) {
        return parse_len(scan);
    }
    bool is_root = sk_root_named(word) != SK_ROOTS_COUNT ||
                   (word.size > 0 && sk_str_equal(word, scan->names->item_name));
    if (is_root) {
        sk_scan_fail(scan, from, "a reference begins with '$': write $%.*s", SK_STR_ARGS(word));
    } else if (sk_str_is(word, "not")) {
        sk_scan_fail(scan, from, "write ! for not");
    } else {
        sk_scan_fail_unknown(scan, from, "text stands in quotes; unknown word", word, possible, 4);
    }
    return NULL;
}

static bool scan_scalar(struct sk_scan *scan, struct sk_value *out_value)
{
    char c = sk_scan_peek(scan);
    if (c == '\'' || c == '"') {
        return sk_scan_string(scan, out_value);
    }
    if ((c >= '0' && c <= '9') || c == '-') {
        return sk_scan_number(scan, out_value);
    }
    size_t from = scan->at;
    struct sk_str word = sk_scan_segment(scan);
    if (sk_str_is(word, "null")) {
        *out_value = sk_value_null();
        return true;
    }
    *out_value = sk_value_bool(sk_str_is(word, "true"));
    return sk_str_is(word, "true") || sk_str_is(word, "false") ||
           sk_scan_fail(scan, from, "inside [ ] stand strings, numbers, true, false and null");
}

static bool scan_elements(struct sk_scan *scan, struct sk_buf *json)
{
    sk_scan_blanks(scan);
    if (sk_scan_take(scan, "]")) {
        return true;
    }
    for (;;) {
        struct sk_value value;
        sk_scan_blanks(scan);
        if (!scan_scalar(scan, &value)) {
            return false;
        }
        sk_value_append_json(value, json);
        sk_scan_blanks(scan);
        if (sk_scan_take(scan, "]")) {
            return true;
        }
        if (!sk_scan_take(scan, ",")) {
            return sk_scan_fail(scan, scan->at, "expected ',' or ']'");
        }
        sk_buf_append_char(json, ',');
    }
}

/* Behind '[': ends as the literal of a JSON array. */
static struct sk_node *parse_list(struct sk_scan *scan)
{
    struct sk_buf json;
    struct sk_node *node = NULL;
    sk_buf_init(&json, 0);
    sk_buf_append_char(&json, '[');
    if (scan_elements(scan, &json)) {
        sk_buf_append_char(&json, ']');
        struct sk_str text = sk_arena_copy(scan->arena, sk_buf_view(&json));
        if (json.failed || text.data == NULL) {
            sk_scan_fail_memory(scan);
        } else {
            node = sk_node_literal(scan, (struct sk_value){ SK_JSON_ARRAY, text });
        }
    }
    sk_buf_release(&json);
    return node;
}

static struct sk_node *parse_primary(struct sk_scan *scan)
{
    struct sk_value value = sk_value_null();
    char c = sk_scan_peek(scan);
    if (sk_scan_take(scan, "(")) {
        return parse_parenthesis(scan);
    }
    if (sk_scan_take(scan, "[")) {
        return parse_list(scan);
    }
    if (sk_scan_take(scan, "$")) {
        return sk_node_path(scan, '$');
    }
    if (c == '\'' || c == '"') {
        return sk_scan_string(scan, &value) ? sk_node_literal(scan, value) : NULL;
    }
    if ((c >= '0' && c <= '9') || c == '-') {
        return sk_scan_number(scan, &value) ? sk_node_literal(scan, value) : NULL;
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') {
        return parse_word(scan);
    }
    sk_scan_fail(scan, scan->at, "expected a reference ($input.x), a number, a string or '('");
    return NULL;
}

static struct sk_node *parse_unary(struct sk_scan *scan)
{
    sk_scan_blanks(scan);
    if (sk_scan_next_is(scan, "!=") || !sk_scan_take(scan, "!")) {
        return parse_primary(scan);
    }
    struct sk_node *call = sk_node_call(scan, SK_FN_NOT);
    if (call == NULL || !sk_scan_enter(scan)) {
        return NULL;
    }
    bool is_added = sk_node_add(scan, call, parse_unary(scan));
    sk_scan_leave(scan);
    return is_added ? call : NULL;
}

static const struct {
    const char *token;
    enum sk_function function;
} operators[] = {
    { "==", SK_FN_EQ }, { "!=", SK_FN_NE }, { "<=", SK_FN_LE }, { ">=", SK_FN_GE },
    { "<", SK_FN_LT },  { ">", SK_FN_GT },  { "in", SK_FN_IN }, { "contains", SK_FN_CONTAINS },
};

/* SK_FUNCTIONS_COUNT when none is next. A word is one only when it ends there ("in", not
 * "input"). */
static enum sk_function take_operator(struct sk_scan *scan)
{
    size_t from = scan->at;
    struct sk_str word = sk_scan_segment(scan);
    scan->at = from;
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        const char *token = operators[i].token;
        if (word.size > 0 ? sk_str_is(word, token) : sk_scan_next_is(scan, token)) {
            scan->at += strlen(token);
            return operators[i].function;
        }
    }
    return SK_FUNCTIONS_COUNT;
}

static struct sk_node *parse_comparison(struct sk_scan *scan)
{
    struct sk_node *left = parse_unary(scan);
    if (left == NULL) {
        return NULL;
    }
    sk_scan_blanks(scan);
    enum sk_function function = take_operator(scan);
    if (function == SK_FUNCTIONS_COUNT) {
        return left;
    }
    struct sk_node *call = sk_node_call(scan, function);
    if (!sk_node_add(scan, call, left) || !sk_node_add(scan, call, parse_unary(scan))) {
        return NULL;
    }
    sk_scan_blanks(scan);
    size_t from = scan->at;
    if (take_operator(scan) != SK_FUNCTIONS_COUNT) {
        sk_scan_fail(scan, from, "comparisons cannot be chained; join them with &&");
        return NULL;
    }
    return call;
}

/* One operand, or a call with all the operands that `token` joins. */
static struct sk_node *parse_joined(struct sk_scan *scan, const char *token,
                                    enum sk_function function,
                                    struct sk_node *(*parse_operand)(struct sk_scan *scan))
{
    struct sk_node *call = NULL;
    struct sk_node *operand = parse_operand(scan);
    sk_scan_blanks(scan);
    while (operand != NULL && sk_scan_take(scan, token)) {
        if (call == NULL) {
            call = sk_node_call(scan, function);
            operand = sk_node_add(scan, call, operand) ? call : NULL;
        }
        if (!sk_node_add(scan, call, parse_operand(scan))) {
            return NULL;
        }
        sk_scan_blanks(scan);
    }
    return operand;
}

static struct sk_node *parse_and(struct sk_scan *scan)
{
    return parse_joined(scan, "&&", SK_FN_ALL, parse_comparison);
}

static struct sk_node *parse_or(struct sk_scan *scan)
{
    return parse_joined(scan, "||", SK_FN_ANY, parse_and);
}

static struct sk_node *parse_whole(struct sk_scan *scan)
{
    sk_scan_blanks(scan);
    if (sk_scan_is_end(scan)) {
        sk_scan_fail(scan, 0, "the expression is empty; write for instance $input.amount > 100");
        return NULL;
    }
    struct sk_node *root = parse_or(scan);
    if (root == NULL || sk_scan_is_end(scan)) {
        return root;
    }
    if (sk_scan_next_is(scan, "=")) {
        sk_scan_fail(scan, scan->at, "write == to compare");
    } else if (sk_scan_next_is(scan, "&") || sk_scan_next_is(scan, "and")) {
        sk_scan_fail(scan, scan->at, "write && for and");
    } else if (sk_scan_next_is(scan, "|") || sk_scan_next_is(scan, "or")) {
        sk_scan_fail(scan, scan->at, "write || for or");
    } else {
        sk_scan_fail(scan, scan->at, "expected an operator: == != < <= > >= in contains && ||");
    }
    return NULL;
}

enum skald_status sk_condition_compile(struct sk_str text, const struct sk_names *names,
                                       struct sk_arena *arena,
                                       const struct sk_condition **out_condition,
                                       struct sk_expr_error *error)
{
    struct sk_scan scan = { .text = text, .names = names, .arena = arena, .error = error };
    struct sk_condition *condition = sk_scan_alloc(&scan, sizeof *condition);
    if (condition == NULL || !sk_refs_init(&condition->refs, names, arena)) {
        sk_scan_fail_memory(&scan);
        return scan.status;
    }
    scan.refs = &condition->refs;
    condition->root = sk_scan_begin(&scan) ? parse_whole(&scan) : NULL;
    if (condition->root != NULL) {
        *out_condition = condition;
    }
    return scan.status;
}

const struct sk_refs *sk_condition_refs(const struct sk_condition *condition)
{
    return &condition->refs;
}

bool sk_condition_eval(const struct sk_condition *condition, const struct sk_scope *scope,
                       struct sk_arena *scratch)
{
    return sk_value_is_true(sk_node_eval(condition->root, scope, scratch));
}

/*
 * template_parse.c: the grammar of texts with {{ }}.
 *
 *     text      = { plain | action }              plain: everything outside {{ }}, `${…}` too
 *     action    = "{{" ["-"] inside ["-"] "}}"    the hyphens take off the white space beside them
 *     inside    = pipeline | "if" pipeline | "else" ["if" pipeline] | "end"
 *     pipeline  = command { "|" function { operand } }     the value goes in as the last argument
 *     command   = operand | function operand { operand }
 *     operand   = "." path | string | number | true | false | null | "(" pipeline ")"
 */
#include "expr/expr_private.h"

/* What ended a run of parts. */
enum ending { ENDING_FAILED, ENDING_TEXT, ENDING_ELSE, ENDING_END };

struct parts {
    struct sk_part *first, **last;
    bool trims_next; /* the action before ended in -}} */
};

static struct sk_node *parse_pipeline(struct sk_scan *scan);

/* ---- inside {{ }} ---------------------------------------------------------------------------- */

static bool is_action_end(const struct sk_scan *scan)
{
    return sk_scan_next_is(scan, "}}") || sk_scan_next_is(scan, "-}}");
}

/* A word that is neither function nor literal: say what was probably meant. */
static struct sk_node *fail_word(struct sk_scan *scan, size_t from, struct sk_str word)
{
    const char *possible[SK_FUNCTIONS_NAMED];
    bool is_root = sk_root_named(word) != SK_ROOTS_COUNT ||
                   (word.size > 0 && sk_str_equal(word, scan->names->item_name));
    if (is_root) {
        sk_scan_fail(scan, from, "a path begins with '.': write .%.*s", SK_STR_ARGS(word));
        return NULL;
    }
    for (enum sk_function f = SK_FN_UPPER; f < SK_FUNCTIONS_NAMED; f++) {
        possible[f] = sk_function_name(f);
    }
    sk_scan_fail_unknown(scan, from, "unknown function", word, possible, SK_FUNCTIONS_NAMED);
    return NULL;
}

static struct sk_node *parse_parenthesis(struct sk_scan *scan)
{
    size_t from = scan->at - 1;
    if (!sk_scan_enter(scan)) {
        return NULL;
    }
    struct sk_node *node = parse_pipeline(scan);
    sk_scan_leave(scan);
    if (node != NULL && !sk_scan_take(scan, ")")) {
        sk_scan_fail(scan, from, "'(' is not closed with ')'");
        return NULL;
    }
    return node;
}

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_number_start(const struct sk_scan *scan)
{
    char c = sk_scan_peek(scan);
    return (c >= '0' && c <= '9') || (c == '-' && !sk_scan_next_is(scan, "-}}"));
}

static struct sk_node *parse_literal_word(struct sk_scan *scan)
{
    size_t from = scan->at;
    struct sk_str word = sk_scan_segment(scan);
    if (sk_str_is(word, "null") || sk_str_is(word, "nil")) {
        return sk_node_literal(scan, sk_value_null());
    }
    if (sk_str_is(word, "true") || sk_str_is(word, "false")) {
        return sk_node_literal(scan, sk_value_bool(word.data[0] == 't'));
    }
    if (sk_function_named(word) != SK_FUNCTIONS_COUNT) {
        sk_scan_fail(scan, from, "a function as an argument stands in parentheses: (%.*s …)",
                     SK_STR_ARGS(word));
        return NULL;
    }
    return fail_word(scan, from, word);
}

static struct sk_node *parse_operand(struct sk_scan *scan)
{
    struct sk_value value;
    char c = sk_scan_peek(scan);
    if (sk_scan_take(scan, ".")) {
        return sk_node_path(scan, '.');
    }
    if (sk_scan_take(scan, "(")) {
        return parse_parenthesis(scan);
    }
    if (c == '"' || c == '\'') {
        return sk_scan_string(scan, &value) ? sk_node_literal(scan, value) : NULL;
    }
    if (is_number_start(scan)) {
        return sk_scan_number(scan, &value) ? sk_node_literal(scan, value) : NULL;
    }
    if (is_word_start(c)) {
        return parse_literal_word(scan);
    }
    if (c == '$') {
        sk_scan_fail(scan, scan->at, "inside {{ }} a path begins with '.', not with '$'");
        return NULL;
    }
    if (sk_scan_is_end(scan)) {
        sk_scan_fail(scan, scan->at, "the text ends inside '{{'; '}}' is missing");
        return NULL;
    }
    sk_scan_fail(scan, scan->at,
                 is_action_end(scan)
                     ? "something is missing here; write for instance {{ .input.id }}"
                     : "expected a path (.input.x), a string, a number or a function");
    return NULL;
}

static bool check_arity(struct sk_scan *scan, size_t from, const struct sk_node *call)
{
    uint32_t min = 0;
    uint32_t max = 0;
    sk_function_arity(call->function, &min, &max);
    if (call->arguments_count >= min && (max == 0 || call->arguments_count <= max)) {
        return true;
    }
    return sk_scan_fail(scan, from, "%s takes %s%u argument%s, not %u",
                        sk_function_name(call->function),
                        max == 0 ? "at least " : (min < max ? "1 to " : ""), max == 0 ? min : max,
                        max == 1 ? "" : "s", call->arguments_count);
}

/* A fixed layout with a letter that no instant has is an error now, not later. */
static bool check_layout(struct sk_scan *scan, size_t from, const struct sk_node *call)
{
    const struct sk_node *layout = call->arguments;
    bool is_fixed = call->function == SK_FN_DATE && call->arguments_count == 2 &&
                    layout->kind == SK_NODE_LITERAL && layout->literal.type == SK_JSON_STRING;
    char letter = (char)(is_fixed ? sk_date_unknown_letter(layout->literal.text) : '\0');
    return letter == '\0' ||
           sk_scan_fail(scan, from,
                        "unknown %%%c in a date layout; possible: %%Y %%m %%d %%H %%M %%S %%%%",
                        letter);
}

static bool is_arguments_end(const struct sk_scan *scan)
{
    char c = sk_scan_peek(scan);
    return sk_scan_is_end(scan) || c == '|' || c == ')' || is_action_end(scan);
}

/* A function with its arguments; `piped` comes last and may be NULL. */
static struct sk_node *parse_call(struct sk_scan *scan, struct sk_node *piped)
{
    size_t from = scan->at;
    struct sk_str word = sk_scan_segment(scan);
    enum sk_function function = sk_function_named(word);
    if (function == SK_FUNCTIONS_COUNT) {
        return fail_word(scan, from, word);
    }
    struct sk_node *call = sk_node_call(scan, function);
    for (sk_scan_blanks(scan); !is_arguments_end(scan); sk_scan_blanks(scan)) {
        if (!sk_node_add(scan, call, parse_operand(scan))) {
            return NULL;
        }
    }
    if (call == NULL || (piped != NULL && !sk_node_add(scan, call, piped))) {
        return NULL;
    }
    return check_arity(scan, from, call) && check_layout(scan, from, call) ? call : NULL;
}

static struct sk_node *parse_command(struct sk_scan *scan)
{
    size_t from = scan->at;
    bool is_call = sk_function_named(sk_scan_segment(scan)) != SK_FUNCTIONS_COUNT;
    scan->at = from;
    return is_call ? parse_call(scan, NULL) : parse_operand(scan);
}

/* Ends behind the blanks after it: at '}}', '-}}' or ')'. */
static struct sk_node *parse_pipeline(struct sk_scan *scan)
{
    sk_scan_blanks(scan);
    struct sk_node *node = parse_command(scan);
    sk_scan_blanks(scan);
    while (node != NULL && sk_scan_take(scan, "|")) {
        sk_scan_blanks(scan);
        node = parse_call(scan, node);
        sk_scan_blanks(scan);
    }
    return node;
}

/* ---- actions and text ------------------------------------------------------------------------ */

static bool end_action(struct sk_scan *scan, size_t from, struct parts *parts)
{
    sk_scan_blanks(scan);
    parts->trims_next = sk_scan_take(scan, "-}}");
    if (parts->trims_next || sk_scan_take(scan, "}}")) {
        return true;
    }
    if (sk_scan_is_end(scan)) {
        return sk_scan_fail(scan, from, "'{{' is not closed with '}}'");
    }
    return sk_scan_fail(scan, scan->at, "expected '}}' or '| function'");
}

static struct sk_part *add_part(struct sk_scan *scan, struct parts *parts, enum sk_part_kind kind)
{
    struct sk_part *part = sk_scan_alloc(scan, sizeof *part);
    if (part != NULL) {
        part->kind = kind;
        *parts->last = part;
        parts->last = &part->next;
    }
    return part;
}

/* Where the next "{{" is, or the end. Of more than two braces the last two count: "{{{.n}}}" is a
 * value in braces. */
static size_t find_action(const struct sk_scan *scan)
{
    struct sk_str text = scan->text;
    size_t at = scan->at;
    while (at < text.size) {
        at += sk_str_find(sk_str_sub(text, at, text.size), '{');
        struct sk_str rest = sk_str_sub(text, at, 3);
        if (sk_str_starts(rest, SK_STR("{{")) && !sk_str_is(rest, "{{{")) {
            return at;
        }
        at += at < text.size ? 1 : 0;
    }
    return text.size;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* "{{- x": a hyphen that takes off white space has some behind it; "{{-1}}" is a number. */
static bool take_trim(struct sk_scan *scan)
{
    struct sk_str rest = sk_str_sub(scan->text, scan->at, 2);
    bool is_trim = rest.size == 2 && rest.data[0] == '-' && is_space(rest.data[1]);
    scan->at += is_trim ? 1 : 0;
    return is_trim;
}

/* The plain text up to the next action, and the "{{" of it, whose place is told (the end of the
 * text when there is none). False = failed. */
static bool scan_text(struct sk_scan *scan, struct parts *parts, size_t *out_action)
{
    size_t end = find_action(scan);
    struct sk_str text = sk_str_sub(scan->text, scan->at, end - scan->at);
    scan->at = end;
    *out_action = end;
    bool has_trim = sk_scan_take(scan, "{{") && take_trim(scan);
    while (parts->trims_next && text.size > 0 && is_space(text.data[0])) {
        text = sk_str_sub(text, 1, text.size);
    }
    while (has_trim && text.size > 0 && is_space(text.data[text.size - 1])) {
        text.size -= 1;
    }
    parts->trims_next = false;
    if (text.size == 0) {
        return true;
    }
    struct sk_part *part = add_part(scan, parts, SK_PART_TEXT);
    if (part != NULL) {
        part->text = text;
    }
    return part != NULL;
}

/* "if", "else", "end": a word of its own, not the beginning of a longer one. */
static bool take_keyword(struct sk_scan *scan, const char *keyword)
{
    size_t from = scan->at;
    if (sk_str_is(sk_scan_segment(scan), keyword)) {
        return true;
    }
    scan->at = from;
    return false;
}

static enum ending parse_parts(struct sk_scan *scan, struct parts *parts);

/* Behind "if" or "else if" (with a condition) or "else" (without). */
static enum ending parse_branch(struct sk_scan *scan, size_t from, bool has_condition,
                                struct parts *parts, struct sk_branch *branch)
{
    struct parts inner = { .last = &inner.first };
    if (has_condition) {
        branch->condition = parse_pipeline(scan);
        if (branch->condition == NULL) {
            return ENDING_FAILED;
        }
    }
    if (!end_action(scan, from, &inner) || !sk_scan_enter(scan)) {
        return ENDING_FAILED;
    }
    enum ending ending = parse_parts(scan, &inner);
    sk_scan_leave(scan);
    branch->parts = inner.first;
    parts->trims_next = inner.trims_next;
    if (ending == ENDING_TEXT) {
        sk_scan_fail(scan, from, "{{ if }} without {{ end }}");
        return ENDING_FAILED;
    }
    if (ending == ENDING_ELSE && !has_condition) {
        sk_scan_fail(scan, scan->at, "there is an {{ else }} already; {{ end }} was expected");
        return ENDING_FAILED;
    }
    return ending;
}

/* Behind "if", up to and with its {{ end }}. */
static bool parse_if(struct sk_scan *scan, size_t from, struct parts *parts)
{
    struct sk_part *part = add_part(scan, parts, SK_PART_IF);
    struct sk_branch **last = part != NULL ? &part->branches : NULL;
    bool has_condition = true;
    while (last != NULL) {
        struct sk_branch *branch = sk_scan_alloc(scan, sizeof *branch);
        if (branch == NULL) {
            return false;
        }
        *last = branch;
        last = &branch->next;
        enum ending ending = parse_branch(scan, from, has_condition, parts, branch);
        if (ending != ENDING_ELSE) {
            return ending == ENDING_END && end_action(scan, from, parts);
        }
        sk_scan_blanks(scan);
        has_condition = take_keyword(scan, "if");
    }
    return false;
}

/* Behind "{{": the whole action, or "else" or "end" without their "}}". */
static enum ending parse_action(struct sk_scan *scan, size_t from, struct parts *parts)
{
    sk_scan_blanks(scan);
    if (take_keyword(scan, "else")) {
        return ENDING_ELSE;
    }
    if (take_keyword(scan, "end")) {
        return ENDING_END;
    }
    if (take_keyword(scan, "if")) {
        return parse_if(scan, from, parts) ? ENDING_TEXT : ENDING_FAILED;
    }
    if (sk_scan_is_end(scan)) {
        sk_scan_fail(scan, from, "'{{' is not closed with '}}'");
        return ENDING_FAILED;
    }
    struct sk_node *value = parse_pipeline(scan);
    struct sk_part *part = value != NULL ? add_part(scan, parts, SK_PART_VALUE) : NULL;
    if (part == NULL || !end_action(scan, from, parts)) {
        return ENDING_FAILED;
    }
    part->value = value;
    return ENDING_TEXT;
}

/* Up to the end of the text, or behind the word of an "else" or "end" that is not its own. */
static enum ending parse_parts(struct sk_scan *scan, struct parts *parts)
{
    enum ending ending = ENDING_TEXT;
    while (ending == ENDING_TEXT) {
        size_t action = 0;
        if (!scan_text(scan, parts, &action)) {
            return ENDING_FAILED;
        }
        if (action == scan->text.size) {
            break;
        }
        ending = parse_action(scan, action, parts);
    }
    return ending;
}

bool sk_template_scan(struct sk_scan *scan, struct sk_template *template)
{
    struct parts parts = { .last = &parts.first };
    if (!sk_scan_begin(scan)) {
        return false;
    }
    enum ending ending = parse_parts(scan, &parts);
    template->parts = parts.first;
    if (ending == ENDING_ELSE || ending == ENDING_END) {
        return sk_scan_fail(scan, scan->at, "{{ %s }} without {{ if }}",
                            ending == ENDING_END ? "end" : "else");
    }
    return ending == ENDING_TEXT;
}

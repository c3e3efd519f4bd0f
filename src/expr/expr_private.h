/*
 * expr_private.h: what the files of expr/ share.
 *
 *   scan       a text being compiled: position, limits, the first error
 *   path       input.items[0].sku, resolved to a root, a step and segments
 *   value      what an evaluation gives
 *   function   what may be called, by name or by operator
 *   node       the tree both grammars compile to, and its evaluation
 *
 * Everything compiled lives in the arena of the compile call; the text itself may go away after it.
 */
#ifndef SK_EXPR_PRIVATE_H
#define SK_EXPR_PRIVATE_H

#include "base/json.h"
#include "expr/expr.h"

enum {
    SK_EXPR_SIZE_MAX = 64 * 1024, /* bytes of one condition, or of one text with {{ }} in it */
    SK_EXPR_DEPTH_MAX = 64,       /* parentheses, negations, pipes, ifs within each other */
    SK_ARGUMENTS_MAX = 2,         /* of a function that is not `and` or `or` */
};

/* ---- value ----------------------------------------------------------------------------------- */

/* A string holds what it means; everything else holds its JSON text. Never SK_JSON_NONE: a missing
 * value is null. Borrowed from the scope, the compiled text or the scratch arena. */
struct sk_value {
    enum sk_json_type type;
    struct sk_str text;
};

struct sk_value sk_value_null(void);
struct sk_value sk_value_bool(bool is_true);
struct sk_value sk_value_string(struct sk_str text);
struct sk_value sk_value_i64(int64_t number, struct sk_arena *scratch);
/* Of a span of checked JSON; a string with escapes is decoded into `scratch`. */
struct sk_value sk_value_of(struct sk_str span, struct sk_arena *scratch);
/* null, false, 0, "", [] and {} are false. */
bool sk_value_is_true(struct sk_value value);
bool sk_value_equal(struct sk_value a, struct sk_value b);
/* False when the two have no order: different types, or neither numbers nor strings. */
bool sk_value_order(struct sk_value a, struct sk_value b, int *out_order);
/* An element of an array, a member name of an object, a part of a string. */
bool sk_value_contains(struct sk_value container, struct sk_value item, struct sk_arena *scratch);
/* Strings unquoted, null as nothing, everything else as JSON. */
void sk_value_append_text(struct sk_value value, struct sk_buf *out);
void sk_value_append_json(struct sk_value value, struct sk_buf *out);
/* Containers within each other: 0 for a scalar, 1 for [1]. */
int sk_value_depth(struct sk_str span);

/* ---- function -------------------------------------------------------------------------------- */

enum sk_function {
    SK_FN_UPPER,
    SK_FN_LOWER,
    SK_FN_TRIM,
    SK_FN_DEFAULT,
    SK_FN_JSON,
    SK_FN_LEN,
    SK_FN_DATE,
    SK_FN_QUOTE,
    SK_FN_EQ,
    SK_FN_NE,
    SK_FN_LT,
    SK_FN_LE,
    SK_FN_GT,
    SK_FN_GE,
    SK_FN_NOT,
    SK_FN_AND, /* the first argument that is false, else the last */
    SK_FN_OR,  /* the first argument that is true, else the last */
    SK_FUNCTIONS_NAMED,
    SK_FN_ALL = SK_FUNCTIONS_NAMED, /* &&: a truth value */
    SK_FN_ANY,                      /* || */
    SK_FN_IN,
    SK_FN_CONTAINS,
    SK_FUNCTIONS_COUNT
};

/* The function with this name (what a template may call), or SK_FUNCTIONS_COUNT. */
enum sk_function sk_function_named(struct sk_str name);
const char *sk_function_name(enum sk_function function);
/* How many arguments it takes; 0 for `max` = any number. */
void sk_function_arity(enum sk_function function, uint32_t *out_min, uint32_t *out_max);
/* Evaluated arguments; not for AND, OR, ALL and ANY, which look at no more than they need. */
struct sk_value sk_function_call(enum sk_function function, const struct sk_value *arguments,
                                 uint32_t arguments_count, struct sk_arena *scratch);

/* An instant (RFC 3339, a date, or a number of milliseconds) in UTC, by a layout of Go's (2006 01
 * 02
 * 15 04 05) or of strftime's (%Y %m %d %H %M %S %%); null when it is no instant. */
struct sk_value sk_date_format(struct sk_value instant, struct sk_str layout,
                               struct sk_arena *scratch);
/* The first letter behind a % that strftime layouts do not have here, or 0. */
char sk_date_unknown_letter(struct sk_str layout);

/* ---- scan ------------------------------------------------------------------------------------ */

struct sk_scan {
    struct sk_str text;
    size_t at;
    const struct sk_names *names;
    struct sk_arena *arena;
    struct sk_refs *refs;
    struct sk_expr_error *error; /* may be NULL */
    enum skald_status status;    /* the first failure */
    uint32_t depth;
};

/* Refuses a text that is too long. */
bool sk_scan_begin(struct sk_scan *scan);
/* Always false; only the first call counts. */
bool sk_scan_fail(struct sk_scan *scan, size_t offset, const char *format, ...) SK_PRINTF(3, 4);
bool sk_scan_fail_memory(struct sk_scan *scan);
/* "unknown step 'x'; did you mean 'y'?", or with all that is possible when nothing is near. `what`
 * may hold an own remedy. */
bool sk_scan_fail_unknown(struct sk_scan *scan, size_t offset, const char *what, struct sk_str word,
                          const char *const *candidates, size_t candidates_count);
/* Zeroed; NULL and failed when out of memory. */
void *sk_scan_alloc(struct sk_scan *scan, size_t size);
void sk_scan_blanks(struct sk_scan *scan);
bool sk_scan_is_end(const struct sk_scan *scan);
char sk_scan_peek(const struct sk_scan *scan); /* 0 at the end */
bool sk_scan_next_is(const struct sk_scan *scan, const char *token);
bool sk_scan_take(struct sk_scan *scan, const char *token);
/* Letters, digits, '_', bytes of UTF-8, and '-' unless it begins "-}}". May be empty. */
struct sk_str sk_scan_segment(struct sk_scan *scan);
/* At a quote. Escapes: \\ \" \' \/ \n \r \t */
bool sk_scan_string(struct sk_scan *scan, struct sk_value *out_value);
/* At a digit or '-'. */
bool sk_scan_number(struct sk_scan *scan, struct sk_value *out_value);
bool sk_scan_enter(struct sk_scan *scan); /* one level deeper, or fails */
void sk_scan_leave(struct sk_scan *scan);

/* ---- path ------------------------------------------------------------------------------------ */

struct sk_segment {
    struct sk_str name; /* NULL data = an index */
    size_t index;
    struct sk_segment *next;
};

struct sk_path {
    enum sk_root root;
    uint32_t step_index; /* SK_ROOT_OUTPUT only */
    struct sk_segment *segments;
};

/* Behind the '$' or '.': reads, resolves, notes it in scan->refs. `sign` is for messages. */
bool sk_path_scan(struct sk_scan *scan, char sign, struct sk_path *out_path);
/* {NULL,0} when missing. */
struct sk_str sk_path_get(const struct sk_path *path, const struct sk_scope *scope);
/* The root with this name, or SK_ROOTS_COUNT. */
enum sk_root sk_root_named(struct sk_str name);

/* ---- node ------------------------------------------------------------------------------------ */

enum sk_node_kind { SK_NODE_LITERAL, SK_NODE_PATH, SK_NODE_CALL };

struct sk_node {
    enum sk_node_kind kind;
    uint32_t depth; /* of the tree below: bounds the recursion of the evaluation */
    struct sk_value literal;
    struct sk_path path;
    enum sk_function function;
    uint32_t arguments_count;
    struct sk_node *arguments, *arguments_last;
    struct sk_node *next; /* in the arguments of its parent */
};

/* NULL and failed when out of memory. */
struct sk_node *sk_node_literal(struct sk_scan *scan, struct sk_value value);
struct sk_node *sk_node_path(struct sk_scan *scan, char sign);
struct sk_node *sk_node_call(struct sk_scan *scan, enum sk_function function);
/* False and failed when the tree becomes too deep; `argument` NULL = it has failed already. */
bool sk_node_add(struct sk_scan *scan, struct sk_node *call, struct sk_node *argument);
struct sk_value sk_node_eval(const struct sk_node *node, const struct sk_scope *scope,
                             struct sk_arena *scratch);

/* ---- template -------------------------------------------------------------------------------- */

enum sk_part_kind { SK_PART_TEXT, SK_PART_VALUE, SK_PART_IF };

struct sk_part;

struct sk_branch {
    const struct sk_node *condition; /* NULL = else */
    struct sk_part *parts;
    struct sk_branch *next;
};

struct sk_part {
    enum sk_part_kind kind;
    struct sk_str text;
    const struct sk_node *value;
    struct sk_branch *branches;
    struct sk_part *next;
};

struct sk_template {
    struct sk_refs refs;
    struct sk_part *parts;
    bool is_constant;
    int64_t duration_ms; /* of a constant that is one, else 0 */
};

/* The refs of one compiled text: an empty set of all steps. False = out of memory. */
bool sk_refs_init(struct sk_refs *refs, const struct sk_names *names, struct sk_arena *arena);
/* The parts of scan->text, which lives in the arena already. */
bool sk_template_scan(struct sk_scan *scan, struct sk_template *template);
/* Is there a {{ in it? Without one a text is what it is. */
bool sk_template_has_actions(struct sk_str text);
/* A template whose place in `refs` is the caller's; NULL and failed when it cannot be compiled. */
const struct sk_template *sk_template_new(struct sk_scan *scan);

#endif

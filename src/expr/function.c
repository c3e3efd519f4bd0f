/*
 * function.c: the one table of what may be called: by name in templates, by operator in conditions.
 * Functions are total: a value they are not made for gives null or false, never an error.
 */
#include "expr/expr_private.h"

typedef struct sk_value function(const struct sk_value *arguments, uint32_t arguments_count,
                                 struct sk_arena *scratch);

/* A string's text; any other value as it prints. */
static struct sk_str text_of(struct sk_value value)
{
    return value.type == SK_JSON_NULL ? (struct sk_str){ NULL, 0 } : value.text;
}

/* ASCII letters from `first` to `first` + 25 move by `distance`; other letters stay. */
static struct sk_value change_case(struct sk_value value, char first, int distance,
                                   struct sk_arena *scratch)
{
    struct sk_str text = text_of(value);
    char *changed = value.type == SK_JSON_NULL ? NULL : sk_arena_text(scratch, text);
    if (changed == NULL) {
        return sk_value_null();
    }
    for (size_t i = 0; i < text.size; i++) {
        if (changed[i] >= first && changed[i] <= first + 25) {
            changed[i] = (char)(changed[i] + distance);
        }
    }
    return sk_value_string((struct sk_str){ changed, text.size });
}

static struct sk_value upper(const struct sk_value *arguments, uint32_t count,
                             struct sk_arena *scratch)
{
    (void)count;
    return change_case(arguments[0], 'a', 'A' - 'a', scratch);
}

static struct sk_value lower(const struct sk_value *arguments, uint32_t count,
                             struct sk_arena *scratch)
{
    (void)count;
    return change_case(arguments[0], 'A', 'a' - 'A', scratch);
}

static struct sk_value trim(const struct sk_value *arguments, uint32_t count,
                            struct sk_arena *scratch)
{
    (void)count;
    (void)scratch;
    return arguments[0].type == SK_JSON_STRING ? sk_value_string(sk_str_trim(arguments[0].text))
                                               : arguments[0];
}

/* Null and "" give way; false and 0 are values. */
static struct sk_value or_default(const struct sk_value *arguments, uint32_t count,
                                  struct sk_arena *scratch)
{
    (void)count;
    (void)scratch;
    return text_of(arguments[1]).size > 0 ? arguments[1] : arguments[0];
}

static struct sk_value printed(struct sk_value value, bool as_text, struct sk_arena *scratch)
{
    struct sk_buf json;
    sk_buf_init(&json, 0);
    if (as_text) {
        sk_json_quote(&json, text_of(value));
    } else {
        sk_value_append_json(value, &json);
    }
    struct sk_str text = sk_arena_copy(scratch, sk_buf_view(&json));
    scratch->failed = scratch->failed || json.failed;
    sk_buf_release(&json);
    return sk_value_string(text);
}

static struct sk_value to_json(const struct sk_value *arguments, uint32_t count,
                               struct sk_arena *scratch)
{
    (void)count;
    return printed(arguments[0], false, scratch);
}

static struct sk_value quote(const struct sk_value *arguments, uint32_t count,
                             struct sk_arena *scratch)
{
    (void)count;
    return printed(arguments[0], true, scratch);
}

static int64_t characters(struct sk_str text)
{
    int64_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
}

/* Characters, elements or members; 0 for null; null for what has no length. */
static struct sk_value length(const struct sk_value *arguments, uint32_t count,
                              struct sk_arena *scratch)
{
    (void)count;
    switch (arguments[0].type) {
    case SK_JSON_NONE:
    case SK_JSON_NULL: return sk_value_i64(0, scratch);
    case SK_JSON_FALSE:
    case SK_JSON_TRUE:
    case SK_JSON_NUMBER: return sk_value_null();
    case SK_JSON_STRING: return sk_value_i64(characters(arguments[0].text), scratch);
    case SK_JSON_ARRAY:
    case SK_JSON_OBJECT: return sk_value_i64((int64_t)sk_json_count(arguments[0].text), scratch);
    }
    return sk_value_null();
}

static struct sk_value date(const struct sk_value *arguments, uint32_t count,
                            struct sk_arena *scratch)
{
    if (count == 1) {
        return sk_date_format(arguments[0], SK_STR("%Y-%m-%d"), scratch);
    }
    return sk_date_format(arguments[1], text_of(arguments[0]), scratch);
}

static struct sk_value equal(const struct sk_value *arguments, uint32_t count,
                             struct sk_arena *scratch)
{
    (void)count;
    (void)scratch;
    return sk_value_bool(sk_value_equal(arguments[0], arguments[1]));
}

static struct sk_value not_equal(const struct sk_value *arguments, uint32_t count,
                                 struct sk_arena *scratch)
{
    (void)count;
    (void)scratch;
    return sk_value_bool(!sk_value_equal(arguments[0], arguments[1]));
}

/* Is the order of the two one of those from `low` to `high`? */
static struct sk_value ordered(const struct sk_value *arguments, int low, int high)
{
    int order = 0;
    bool has_order = sk_value_order(arguments[0], arguments[1], &order);
    return sk_value_bool(has_order && order >= low && order <= high);
}

static struct sk_value less(const struct sk_value *arguments, uint32_t count,
                            struct sk_arena *scratch)
{
    (void)count;
    (void)scratch;
    return ordered(arguments, -1, -1);
}

static struct sk_value at_most(const struct sk_value *arguments, uint32_t count,
                               struct sk_arena *scratch)
{
    (void)count;
    (void)scratch;
    return ordered(arguments, -1, 0);
}

static struct sk_value greater(const struct sk_value *arguments, uint32_t count,
                               struct sk_arena *scratch)
{
    (void)count;
    (void)scratch;
    return ordered(arguments, 1, 1);
}

static struct sk_value at_least(const struct sk_value *arguments, uint32_t count,
                                struct sk_arena *scratch)
{
    (void)count;
    (void)scratch;
    return ordered(arguments, 0, 1);
}

static struct sk_value negation(const struct sk_value *arguments, uint32_t count,
                                struct sk_arena *scratch)
{
    (void)count;
    (void)scratch;
    return sk_value_bool(!sk_value_is_true(arguments[0]));
}

static struct sk_value is_in(const struct sk_value *arguments, uint32_t count,
                             struct sk_arena *scratch)
{
    (void)count;
    return sk_value_bool(sk_value_contains(arguments[1], arguments[0], scratch));
}

static struct sk_value contains(const struct sk_value *arguments, uint32_t count,
                                struct sk_arena *scratch)
{
    (void)count;
    return sk_value_bool(sk_value_contains(arguments[0], arguments[1], scratch));
}

static const struct {
    const char *name;
    uint32_t arguments_min, arguments_max; /* 0 = any number */
    function *call;                        /* NULL = evaluated by the node itself */
} functions[SK_FUNCTIONS_COUNT] = {
    [SK_FN_UPPER] = { "upper", 1, 1, upper },
    [SK_FN_LOWER] = { "lower", 1, 1, lower },
    [SK_FN_TRIM] = { "trim", 1, 1, trim },
    [SK_FN_DEFAULT] = { "default", 2, 2, or_default },
    [SK_FN_JSON] = { "json", 1, 1, to_json },
    [SK_FN_LEN] = { "len", 1, 1, length },
    [SK_FN_DATE] = { "date", 1, 2, date },
    [SK_FN_QUOTE] = { "quote", 1, 1, quote },
    [SK_FN_EQ] = { "eq", 2, 2, equal },
    [SK_FN_NE] = { "ne", 2, 2, not_equal },
    [SK_FN_LT] = { "lt", 2, 2, less },
    [SK_FN_LE] = { "le", 2, 2, at_most },
    [SK_FN_GT] = { "gt", 2, 2, greater },
    [SK_FN_GE] = { "ge", 2, 2, at_least },
    [SK_FN_NOT] = { "not", 1, 1, negation },
    [SK_FN_AND] = { "and", 2, 0, NULL },
    [SK_FN_OR] = { "or", 2, 0, NULL },
    [SK_FN_ALL] = { "&&", 2, 0, NULL },
    [SK_FN_ANY] = { "||", 2, 0, NULL },
    [SK_FN_IN] = { "in", 2, 2, is_in },
    [SK_FN_CONTAINS] = { "contains", 2, 2, contains },
};

enum sk_function sk_function_named(struct sk_str name)
{
    for (enum sk_function f = SK_FN_UPPER; f < SK_FUNCTIONS_NAMED; f++) {
        if (sk_str_is(name, functions[f].name)) {
            return f;
        }
    }
    return SK_FUNCTIONS_COUNT;
}

const char *sk_function_name(enum sk_function f)
{
    return functions[f].name;
}

void sk_function_arity(enum sk_function f, uint32_t *out_min, uint32_t *out_max)
{
    *out_min = functions[f].arguments_min;
    *out_max = functions[f].arguments_max;
}

struct sk_value sk_function_call(enum sk_function f, const struct sk_value *arguments,
                                 uint32_t arguments_count, struct sk_arena *scratch)
{
    return functions[f].call(arguments, arguments_count, scratch);
}

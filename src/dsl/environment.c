/*
 * environment.c: `${NAME}`, `${NAME:-default}`, `${secret:NAME}` and `$${` in one scalar.
 *
 *   E1  Expansion happens once: what a variable holds is never expanded again.
 *   E2  Written again, every `${` that is text becomes `$${`, so that the expanded source reads as
 *       the same tree with no variable left in it.
 */
#include "dsl/node.h"

struct expansion {
    const struct sk_source *source;
    struct sk_dsl_node *node;
    struct sk_buf text; /* as meant */
    struct sk_buf raw;  /* as written again */
    bool differs;
    bool failed;
};

static void complain(struct expansion *x, enum sk_severity severity, const char *code,
                     const char *remedy, struct sk_str what, const char *problem)
{
    struct sk_diagnostics *diagnostics = x->source->tree->diagnostics;
    struct sk_mark mark = sk_mark_of(x->node, diagnostics);
    sk_diagnose(diagnostics, severity, code, &mark, remedy, "%.*s %s",
                (int)(what.size < 100 ? what.size : 100), what.data, problem);
    if (severity == SK_SEVERITY_ERROR) x->failed = true;
}

/* Text that is meant literally. */
static void put_literal(struct expansion *x, struct sk_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        bool starts =
            text.data[i] == '{' && x->text.size > 0 && x->text.data[x->text.size - 1] == '$';
        if (starts) {
            sk_buf_append_text(&x->raw, "${"); /* after the "$" that is there: "$${" */
            x->differs = true;
        } else {
            sk_buf_append_char(&x->raw, text.data[i]);
        }
        sk_buf_append_char(&x->text, text.data[i]);
    }
}

/* [A-Z_][A-Z0-9_]* */
static size_t name_size(struct sk_str text)
{
    size_t size = 0;
    while (size < text.size) {
        char c = text.data[size];
        bool is_digit = c >= '0' && c <= '9';
        if (!(c == '_' || (c >= 'A' && c <= 'Z') || (is_digit && size > 0))) break;
        size++;
    }
    return size;
}

static bool is_secret_name(struct sk_str name)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && strchr("_-./", c) == NULL) return false;
    }
    return name.size > 0 && name.size <= 200;
}

/* `whole` is "${secret:NAME}". */
static void put_secret(struct expansion *x, struct sk_str whole)
{
    struct sk_str name = sk_str_sub(whole, 9, whole.size - 10);
    if (!is_secret_name(name)) {
        complain(x, SK_SEVERITY_ERROR, "secret_name",
                 "letters, digits and _ - . / make a secret's name", whole,
                 "does not name a secret");
        return;
    }
    if (x->text.size > 0 && x->text.data[x->text.size - 1] == '$') {
        complain(x, SK_SEVERITY_ERROR, "secret_name", "put something between $ and ${secret:…}",
                 whole, "follows a $ sign");
        return;
    }
    x->node->has_secret = true;
    sk_buf_append_str(&x->text, whole);
    sk_buf_append_str(&x->raw, whole);
}

static bool is_clean(struct sk_str value)
{
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) return false;
    }
    return sk_utf8_valid(value);
}

/* `whole` is "${NAME}" or "${NAME:-default}". */
static void put_variable(struct expansion *x, struct sk_str whole, struct sk_str name)
{
    const struct sk_dsl_options *options = x->source->tree->options;
    bool has_default = whole.size > 2 + name.size + 1;
    struct sk_buf value;
    sk_buf_init(&value, SK_YAML_SIZE_MAX);
    bool is_set =
        options->environment != NULL && options->environment(options->context, name, &value);
    if (has_default && (!is_set || value.size == 0)) {
        put_literal(x, sk_str_sub(whole, 2 + name.size + 2, whole.size - name.size - 5));
    } else if (!is_set) {
        complain(x, SK_SEVERITY_ERROR, "variable_unset", "set it, or write ${NAME:-default}", whole,
                 "is not set");
    } else if (!is_clean(sk_buf_view(&value))) {
        complain(x, SK_SEVERITY_ERROR, "variable_value", "give it a value of printable UTF-8",
                 whole, "holds control characters or invalid UTF-8");
    } else {
        put_literal(x, sk_buf_view(&value));
    }
    if (value.failed) x->text.failed = true;
    x->differs = true;
    sk_buf_release(&value);
}

/* At "${": how many bytes were taken. */
static size_t put_reference(struct expansion *x, struct sk_str rest)
{
    size_t end = sk_str_find(rest, '}');
    if (end == rest.size) {
        complain(x, SK_SEVERITY_ERROR, "variable_open",
                 "close it with }, or write $${ for the characters", rest, "has no end");
        return rest.size;
    }
    struct sk_str whole = sk_str_sub(rest, 0, end + 1);
    struct sk_str inside = sk_str_sub(rest, 2, end - 2);
    size_t size = name_size(inside);
    struct sk_str after = sk_str_sub(inside, size, inside.size);
    if (sk_str_starts(inside, SK_STR("secret:"))) {
        put_secret(x, whole);
    } else if (size > 0 && (after.size == 0 || sk_str_starts(after, SK_STR(":-")))) {
        put_variable(x, whole, sk_str_sub(inside, 0, size));
    } else {
        complain(x, SK_SEVERITY_WARNING, "variable_name",
                 "variables are upper case: ${NAME}; write $${ for the characters", whole,
                 "is no variable and stays as it is");
        put_literal(x, whole);
    }
    return whole.size;
}

static void expand(struct expansion *x, struct sk_str written)
{
    size_t at = 0;
    while (at < written.size && !x->failed) {
        struct sk_str rest = sk_str_sub(written, at, written.size);
        if (sk_str_starts(rest, SK_STR("$${"))) {
            put_literal(x, SK_STR("${"));
            at += 3;
        } else if (sk_str_starts(rest, SK_STR("${"))) {
            at += put_reference(x, rest);
        } else {
            put_literal(x, sk_str_sub(rest, 0, 1));
            at += 1;
        }
    }
}

static bool has_reference(struct sk_str text)
{
    for (size_t i = sk_str_find(text, '$'); i + 1 < text.size; i++) {
        if (text.data[i] == '$' && text.data[i + 1] == '{') return true;
    }
    return false;
}

bool sk_environment_expand(const struct sk_source *source, struct sk_dsl_node *node,
                           struct sk_str written, struct sk_str *out_text)
{
    *out_text = written;
    if (!has_reference(written)) return true;
    struct sk_arena *arena = &source->tree->arena;
    struct expansion x = { .source = source, .node = node };
    sk_buf_init(&x.text, SK_YAML_SIZE_MAX);
    sk_buf_init(&x.raw, SK_YAML_SIZE_MAX);
    expand(&x, written);
    bool failed = x.failed || x.text.failed || x.raw.failed;
    bool is_large = x.text.size >= SK_YAML_SIZE_MAX || x.raw.size >= SK_YAML_SIZE_MAX;
    if (!x.failed && is_large) {
        complain(&x, SK_SEVERITY_ERROR, "too_large", "shorten the variable", SK_STR("the text"),
                 "is larger than 10 MB once its variables are expanded");
    } else if (!x.failed && failed) {
        arena->failed = true;
    }
    if (!failed && !arena->failed) {
        *out_text = sk_arena_copy(arena, sk_buf_view(&x.text));
        if (x.differs) {
            struct sk_str *raw = SK_ARENA_NEW(arena, struct sk_str);
            if (raw != NULL) *raw = sk_arena_copy(arena, sk_buf_view(&x.raw));
            node->raw = raw;
        }
        node->text_column = 0; /* bytes and columns no longer agree */
    }
    sk_buf_release(&x.text);
    sk_buf_release(&x.raw);
    return !arena->failed;
}

/*
 * json_yaml.c: see json_yaml.h.
 *
 * Every JSON string is a double-quoted YAML scalar as it stands (YAML 1.2 is a superset), so the
 * only decision is where the quotes may be left out: for a word of letters, digits, - and _ that
 * begins with a letter and is none of the words YAML reads as something else.
 */
#include "skald/json_yaml.h"

enum { INDENT = 2 };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_plain(struct sk_str word)
{
    static const char *const taken[] = { "true", "false", "null", "yes",   "no",   "on",    "off",
                                         "y",    "n",     "True", "False", "Null", "Yes",   "No",
                                         "On",   "Off",   "Y",    "N",     "TRUE", "FALSE", "NULL",
                                         "YES",  "NO",    "ON",   "OFF" };
    if (word.size == 0 || !is_letter(word.data[0])) return false;
    for (size_t i = 0; i < word.size; i++) {
        char c = word.data[i];
        bool is_word = is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!is_word) return false;
    }
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        if (sk_str_is(word, taken[i])) return false;
    }
    return true;
}

static void put_scalar(struct sk_str span, struct sk_buf *out)
{
    struct sk_str text = sk_json_trim(span);
    bool is_string = sk_json_type(text) == SK_JSON_STRING;
    struct sk_str inner = is_string ? sk_str_sub(text, 1, text.size - 2) : text;
    sk_buf_append_str(out, is_string && is_plain(inner) ? inner : text);
}

static void put_name(struct sk_str raw, struct sk_buf *out)
{
    if (is_plain(raw)) {
        sk_buf_append_str(out, raw);
        return;
    }
    sk_buf_append_char(out, '"');
    sk_buf_append_str(out, raw);
    sk_buf_append_char(out, '"');
}

static void put_indent(int depth, struct sk_buf *out)
{
    for (int i = 0; i < depth * INDENT; i++) sk_buf_append_char(out, ' ');
}

static void put_block(struct sk_str json, int depth, bool is_first_indented, struct sk_buf *out);

/* After "name:" or "-". */
static void put_value(struct sk_str value, int depth, bool is_in_list, struct sk_buf *out)
{
    bool is_block = sk_json_count(value) > 0;
    if (!is_block || is_in_list) sk_buf_append_char(out, ' ');
    if (!is_block) {
        put_scalar(value, out); /* [] and {} as they are */
        sk_buf_append_char(out, '\n');
        return;
    }
    if (!is_in_list) sk_buf_append_char(out, '\n');
    put_block(value, depth, is_in_list, out);
}

/* The nesting of checked JSON is bounded (SK_JSON_DEPTH_MAX). */
static void put_block(struct sk_str json, int depth, bool is_first_indented, struct sk_buf *out)
{
    struct sk_json_iter it = sk_json_walk(json);
    for (bool is_first = true; sk_json_next(&it); is_first = false) {
        if (!is_first || !is_first_indented) put_indent(depth, out);
        if (it.is_object) {
            put_name(it.name, out);
            sk_buf_append_char(out, ':');
        } else {
            sk_buf_append_char(out, '-');
        }
        put_value(it.value, depth + 1, !it.is_object, out);
    }
}

void sk_json_yaml(struct sk_str json, struct sk_buf *out)
{
    put_block(json, 0, false, out);
}

/*
 * settings_value.c: one value by its row: from a node of a file, or the text of a variable or flag,
 * into its field, and back into text. What is wrong is said with what would be right.
 */
#include "base/assert.h"
#include "base/time.h"
#include "skald/settings_private.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_SIZE_MAX = 16384, LIST_MAX = 1024 };

#define MASK "***"

/* ---- fields ---------------------------------------------------------------------------------- */

int64_t sk_setting_load(const struct sk_setting *row, const char *base)
{
    if (row->size == sizeof(int64_t)) {
        int64_t value;
        memcpy(&value, base + row->offset, sizeof value);
        return value;
    }
    SK_ASSERT(row->size == sizeof(int32_t));
    int32_t value;
    memcpy(&value, base + row->offset, sizeof value);
    bool is_minus = value < 0 && value == row->zero_as;
    return is_minus ? value : (int64_t)(uint32_t)value;
}

void sk_setting_store(const struct sk_setting *row, char *base, int64_t value)
{
    if (value == 0 && row->zero != NULL) value = row->zero_as;
    if (row->size == sizeof(int64_t)) {
        memcpy(base + row->offset, &value, sizeof value);
        return;
    }
    SK_ASSERT(row->size == sizeof(int32_t));
    uint32_t narrow = (uint32_t)value;
    memcpy(base + row->offset, &narrow, sizeof narrow);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static const struct unit {
    const char *name;
    int64_t bytes;
} units[] = {
    { "GiB", (int64_t)1 << 30 }, { "MiB", 1 << 20 }, { "KiB", 1 << 10 }, { "GB", 1000000000 },
    { "MB", 1000000 },           { "kB", 1000 },     { "B", 1 },
};

bool sk_size_parse(struct sk_str text, int64_t *out_size)
{
    size_t digits = 0;
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') digits++;
    struct sk_str unit = sk_str_trim(sk_str_sub(text, digits, text.size));
    int64_t number, factor = unit.size == 0 ? 1 : 0;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (sk_str_is(unit, units[i].name)) factor = units[i].bytes;
    }
    if (factor == 0 || !sk_str_to_i64(sk_str_sub(text, 0, digits), &number)) return false;
    if (number > INT64_MAX / factor) return false;
    *out_size = number * factor;
    return true;
}

void sk_size_format(int64_t size, struct sk_buf *out)
{
    for (size_t i = 0; i < 3 && size > 0; i++) { /* the binary ones */
        if (size % units[i].bytes != 0) continue;
        sk_buf_printf(out, "%" PRId64 "%s", size / units[i].bytes, units[i].name);
        return;
    }
    sk_buf_append_i64(out, size);
}

/* ---- what a row allows ----------------------------------------------------------------------- */

const char *sk_setting_type_name(enum sk_setting_type type)
{
    switch (type) {
    case SK_SETTING_BOOL: return "true or false";
    case SK_SETTING_INT: return "number";
    case SK_SETTING_DURATION: return "duration";
    case SK_SETTING_SIZE: return "size";
    case SK_SETTING_NUMBER: return "number";
    case SK_SETTING_TEXT: return "text";
    case SK_SETTING_WORD: return "word";
    case SK_SETTING_LIST: return "list";
    case SK_SETTING_PAIRS: return "map of texts";
    case SK_SETTING_MAP: return "map";
    }
    return "";
}

static void put_number(enum sk_setting_type type, int64_t value, struct sk_buf *out)
{
    char text[SK_DURATION_TEXT_SIZE];
    if (type == SK_SETTING_DURATION) {
        sk_duration_format(value, text);
        sk_buf_append_text(out, text);
    } else if (type == SK_SETTING_SIZE) {
        sk_size_format(value, out);
    } else {
        sk_buf_append_i64(out, value);
    }
}

void sk_setting_rule(const struct sk_setting *row, struct sk_buf *out)
{
    if (row->type == SK_SETTING_WORD) {
        for (size_t i = 0; row->words[i] != NULL; i++) {
            sk_buf_printf(out, "%s%s", i == 0 ? "one of " : ", ", row->words[i]);
        }
        return;
    }
    if (row->min == 0 && row->max == 0) return;
    put_number(row->type, row->min, out);
    sk_buf_append_text(out, " to ");
    put_number(row->type, row->max, out);
}

/* ---- scalars --------------------------------------------------------------------------------- */

static bool refuse(struct sk_setting_reader *reader, const struct sk_dsl_node *node,
                   const char *code, const char *remedy, const char *problem)
{
    struct sk_str text = sk_dsl_is_scalar(node) ? node->text : SK_STR("");
    struct sk_str cut = sk_str_sub(text, 0, text.size < 60 ? text.size : 60);
    if (cut.size == 0) {
        sk_setting_complain(reader, SK_SEVERITY_ERROR, code, node, remedy, "%s", problem);
    } else {
        sk_setting_complain(reader, SK_SEVERITY_ERROR, code, node, remedy, "'%.*s' %s",
                            SK_STR_ARGS(cut), problem);
    }
    return false;
}

static const char *example_of(enum sk_setting_type type)
{
    switch (type) {
    case SK_SETTING_BOOL: return "write true or false";
    case SK_SETTING_INT: return "write a whole number, such as 100";
    case SK_SETTING_DURATION: return "write it with its unit: 500ms, 30s, 5m, 1h30m or 2d";
    case SK_SETTING_SIZE: return "write bytes, or a unit: 64KiB, 4MiB, 1GiB";
    case SK_SETTING_NUMBER: return "write a number, such as 1.5";
    case SK_SETTING_TEXT: return "write a text";
    case SK_SETTING_WORD: return "write one of its words";
    case SK_SETTING_LIST: return "write a list: [a, b]";
    case SK_SETTING_PAIRS: return "write a map: { Name: text }";
    case SK_SETTING_MAP: return "write a map: name, and its settings below";
    }
    return NULL;
}

static bool is_in_range(struct sk_setting_reader *reader, const struct sk_setting *row,
                        const struct sk_dsl_node *node, int64_t value)
{
    bool has_range = row->min != 0 || row->max != 0;
    bool is_zero = value == 0 && row->zero != NULL;
    if (is_zero || (value >= row->min && (!has_range || value <= row->max))) return true;
    struct sk_buf remedy = { 0 };
    sk_buf_append_text(&remedy, "it goes from ");
    if (!has_range) sk_buf_append_text(&remedy, "0 on");
    sk_setting_rule(row, &remedy);
    if (row->zero != NULL) sk_buf_printf(&remedy, "; 0 = %s", row->zero);
    (void)refuse(reader, node, "setting_range", sk_buf_text(&remedy), "is out of range");
    sk_buf_release(&remedy);
    return false;
}

static void take_integer(struct sk_setting_reader *reader, const struct sk_setting *row, char *base,
                         const struct sk_dsl_node *node)
{
    int64_t value;
    bool is_good = row->type == SK_SETTING_DURATION ? sk_duration_parse(node->text, &value)
                   : row->type == SK_SETTING_SIZE   ? sk_size_parse(node->text, &value)
                                                    : sk_str_to_i64(node->text, &value);
    if (!is_good) {
        const char *problem = row->type == SK_SETTING_DURATION ? "is no duration"
                              : row->type == SK_SETTING_SIZE   ? "is no size"
                                                               : "is no whole number";
        (void)refuse(reader, node, "setting_type", example_of(row->type), problem);
    } else if (is_in_range(reader, row, node, value)) {
        sk_setting_store(row, base, value);
    }
}

static void take_number(struct sk_setting_reader *reader, const struct sk_setting *row, char *base,
                        const struct sk_dsl_node *node)
{
    double value;
    bool is_number = sk_json_check(node->text, NULL) == SKALD_OK &&
                     sk_json_type(node->text) == SK_JSON_NUMBER &&
                     sk_json_to_double(node->text, &value);
    bool has_range = row->min != 0 || row->max != 0;
    if (!is_number) {
        (void)refuse(reader, node, "setting_type", example_of(row->type), "is no number");
    } else if (value < (double)row->min || (has_range && value > (double)row->max)) {
        struct sk_buf remedy = { 0 };
        sk_buf_append_text(&remedy, "it goes from ");
        if (!has_range) sk_buf_append_text(&remedy, "0 on");
        sk_setting_rule(row, &remedy);
        (void)refuse(reader, node, "setting_range", sk_buf_text(&remedy), "is out of range");
        sk_buf_release(&remedy);
    } else {
        memcpy(base + row->offset, &value, sizeof value);
    }
}

static void take_bool(struct sk_setting_reader *reader, const struct sk_setting *row, char *base,
                      const struct sk_dsl_node *node)
{
    bool value = sk_str_is(node->text, "true");
    if (!value && !sk_str_is(node->text, "false")) {
        (void)refuse(reader, node, "setting_type", example_of(row->type), "is neither");
        return;
    }
    memcpy(base + row->offset, &value, sizeof value);
}

static void take_word(struct sk_setting_reader *reader, const struct sk_setting *row, char *base,
                      const struct sk_dsl_node *node)
{
    for (size_t i = 0; row->words[i] != NULL; i++) {
        if (!sk_str_is(node->text, row->words[i])) continue;
        sk_setting_store(row, base, (int64_t)i);
        return;
    }
    struct sk_buf remedy = { 0 };
    sk_buf_append_text(&remedy, "it is ");
    sk_setting_rule(row, &remedy);
    (void)refuse(reader, node, "setting_word", sk_buf_text(&remedy), "is not known here");
    sk_buf_release(&remedy);
}

/* ---- texts and secrets ----------------------------------------------------------------------- */

static bool has_secret(struct sk_str text)
{
    static const char mark[] = "${secret:";
    for (size_t i = 0; i + sizeof mark - 1 <= text.size; i++) {
        if (memcmp(text.data + i, mark, sizeof mark - 1) == 0) return true;
    }
    return false;
}

/* Authorization, Cookie, X-Api-Key, db_password … */
static bool sounds_secret(const char *name)
{
    static const char *const parts[] = { "authorization", "cookie",    "token",  "secret",
                                         "password",      "passwort",  "apikey", "api-key",
                                         "api_key",       "credential" };
    char lower[128];
    size_t size = 0;
    for (; name[size] != 0 && size + 1 < sizeof lower; size++) {
        lower[size] = (char)tolower((unsigned char)name[size]);
    }
    lower[size] = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strstr(lower, parts[i]) != NULL) return true;
    }
    return false;
}

static bool is_text(struct sk_setting_reader *reader, const struct sk_setting *row,
                    const struct sk_dsl_node *node, bool must_be_secret)
{
    if (!sk_dsl_is_scalar(node) || node->type == SK_JSON_NULL) {
        return refuse(reader, node, "setting_type", "write a text", "no text stands here");
    }
    struct sk_str text = node->text;
    for (size_t i = 0; i < text.size; i++) {
        if ((unsigned char)text.data[i] >= 0x20 && text.data[i] != 0x7f) continue;
        sk_setting_complain(reader, SK_SEVERITY_ERROR, "setting_type", node, "remove it",
                            "a control character (0x%02x)", (unsigned char)text.data[i]);
        return false;
    }
    const char *problem = NULL;
    if (text.size > TEXT_SIZE_MAX) problem = "a text of more than 16 KiB";
    if (!sk_utf8_valid(text)) problem = "no valid UTF-8";
    if (problem != NULL) {
        sk_setting_complain(reader, SK_SEVERITY_ERROR, "setting_type", node, "shorten or mend it",
                            "%s", problem);
        return false;
    }
    bool is_secret = has_secret(text);
    if (is_secret && !row->may_hold_secret && !must_be_secret) {
        sk_setting_complain(reader, SK_SEVERITY_ERROR, "setting_secret", node,
                            "${NAME} stands for a value that is none",
                            "${secret:…} is not resolved here");
        return false;
    }
    if (must_be_secret && !is_secret && text.size > 0) { /* its text is not repeated */
        sk_setting_complain(reader, SK_SEVERITY_ERROR, "setting_secret", node,
                            "write ${secret:NAME}; the value goes into SKALD_SECRET_NAME or a file "
                            "of secrets.folder",
                            "a secret is written out");
        return false;
    }
    return true;
}

static void take_text(struct sk_setting_reader *reader, const struct sk_setting *row, char *base,
                      const struct sk_dsl_node *node)
{
    if (!is_text(reader, row, node, row->must_be_secret)) return;
    const char *copy =
        node->text.size == 0 ? NULL : sk_arena_text(&reader->settings->arena, node->text);
    memcpy(base + row->offset, &copy, sizeof copy);
}

/* ---- lists and pairs ------------------------------------------------------------------------- */

static size_t pieces_count(struct sk_str text)
{
    size_t count = text.size == 0 ? 0 : 1;
    for (size_t i = 0; i < text.size; i++) count += text.data[i] == ',' ? 1 : 0;
    return count;
}

/* "a, b" of a variable or a flag. */
static bool split(struct sk_setting_reader *reader, struct sk_str text, struct sk_setting_list *out)
{
    struct sk_arena *arena = &reader->settings->arena;
    const char **items = SK_ARENA_ARRAY(arena, const char *, pieces_count(text) + 1);
    if (items == NULL) return false;
    while (text.size > 0) {
        size_t size = sk_str_find(text, ',');
        struct sk_str piece = sk_str_trim(sk_str_sub(text, 0, size));
        if (piece.size > 0) items[out->count++] = sk_arena_text(arena, piece);
        text = sk_str_sub(text, size + 1, text.size);
    }
    out->items = items;
    return true;
}

static void take_list(struct sk_setting_reader *reader, const struct sk_setting *row, char *base,
                      const struct sk_dsl_node *node)
{
    struct sk_setting_list list = { 0 };
    if (sk_dsl_is_scalar(node)) {
        if (!is_text(reader, row, node, row->must_be_secret)) return;
        struct sk_str text = node->text;
        if (reader->is_text && !split(reader, text, &list)) return;
        if (!reader->is_text) {
            const char **items = SK_ARENA_NEW(&reader->settings->arena, const char *);
            if (items == NULL) return;
            items[list.count++] = sk_arena_text(&reader->settings->arena, text);
            list.items = items;
        }
    } else if (!sk_dsl_is_list(node) || node->count > LIST_MAX) {
        (void)refuse(reader, node, "setting_type", example_of(row->type),
                     node->count > LIST_MAX ? "more than 1024 items" : "no list");
        return;
    } else {
        const char **items =
            SK_ARENA_ARRAY(&reader->settings->arena, const char *, (size_t)node->count + 1);
        for (const struct sk_dsl_node *item = node->first; item != NULL && items != NULL;
             item = item->next) {
            if (!is_text(reader, row, item, row->must_be_secret)) return;
            items[list.count++] = sk_arena_text(&reader->settings->arena, item->text);
        }
        list.items = items;
    }
    memcpy(base + row->offset, &list, sizeof list);
}

/* Over the pairs of earlier layers: a null takes one away. */
static void take_pairs(struct sk_setting_reader *reader, const struct sk_setting *row, char *base,
                       const struct sk_dsl_node *node)
{
    struct sk_setting_pairs *pairs = (struct sk_setting_pairs *)(void *)(base + row->offset);
    struct sk_arena *arena = &reader->settings->arena;
    if (!sk_dsl_is_map(node) || pairs->count + node->count > LIST_MAX) {
        (void)refuse(reader, node, "setting_type", example_of(row->type),
                     sk_dsl_is_map(node) ? "more than 1024 of them" : "no map");
        return;
    }
    struct sk_setting_pair *items =
        SK_ARENA_ARRAY(arena, struct sk_setting_pair, pairs->count + node->count + 1);
    if (items == NULL) return;
    size_t count = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        bool is_again = false;
        for (const struct sk_dsl_node *item = node->first; item != NULL; item = item->next) {
            is_again = is_again || sk_str_is(item->key, pairs->items[i].name);
        }
        if (!is_again) items[count++] = pairs->items[i];
    }
    for (const struct sk_dsl_node *item = node->first; item != NULL; item = item->next) {
        if (item->type == SK_JSON_NULL) continue;
        const char *name = sk_arena_text(arena, item->key);
        if (name == NULL) return;
        if (!is_text(reader, row, item, row->must_be_secret && sounds_secret(name))) continue;
        items[count++] = (struct sk_setting_pair){ name, sk_arena_text(arena, item->text) };
    }
    *pairs = (struct sk_setting_pairs){ items, count };
}

/* ---- any value ------------------------------------------------------------------------------- */

static void take_standard(struct sk_setting_reader *reader, const struct sk_setting *row,
                          char *base)
{
    memset(base + row->offset, 0, row->size);
    if (row->standard == NULL) return;
    struct sk_str file = SK_STR("default");
    struct sk_dsl_node node = { .type = SK_JSON_STRING,
                                .file = &file,
                                .text = sk_str_of(row->standard) };
    struct sk_setting_reader own = *reader;
    own.is_text = true;
    sk_setting_take(&own, row, base, &node);
}

void sk_setting_take(struct sk_setting_reader *reader, const struct sk_setting *row, char *base,
                     const struct sk_dsl_node *node)
{
    if (node == NULL || node->type == SK_JSON_NULL) {
        take_standard(reader, row, base);
        return;
    }
    bool is_many = row->type == SK_SETTING_LIST || row->type == SK_SETTING_PAIRS;
    if (!is_many && !sk_dsl_is_scalar(node)) {
        (void)refuse(reader, node, "setting_type", example_of(row->type),
                     sk_dsl_is_map(node) ? "no map belongs here" : "no list belongs here");
        return;
    }
    switch (row->type) {
    case SK_SETTING_BOOL: take_bool(reader, row, base, node); return;
    case SK_SETTING_INT:
    case SK_SETTING_DURATION:
    case SK_SETTING_SIZE: take_integer(reader, row, base, node); return;
    case SK_SETTING_NUMBER: take_number(reader, row, base, node); return;
    case SK_SETTING_TEXT: take_text(reader, row, base, node); return;
    case SK_SETTING_WORD: take_word(reader, row, base, node); return;
    case SK_SETTING_LIST: take_list(reader, row, base, node); return;
    case SK_SETTING_PAIRS: take_pairs(reader, row, base, node); return;
    case SK_SETTING_MAP: return; /* settings_read.c walks into it */
    }
}

/* ---- back into text -------------------------------------------------------------------------- */

/* scheme://name:password@host: the password is masked, unless it is a reference. */
static void put_text(struct sk_str text, bool is_masked, struct sk_buf *out)
{
    struct sk_buf shown = { 0 };
    const char *scheme = NULL;
    for (size_t i = 0; i + 3 <= text.size && scheme == NULL; i++) {
        if (memcmp(text.data + i, "://", 3) == 0) scheme = text.data + i + 3;
    }
    size_t from = scheme == NULL ? 0 : (size_t)(scheme - text.data);
    struct sk_str rest = sk_str_sub(text, from, text.size);
    struct sk_str authority = sk_str_sub(rest, 0, sk_str_find(rest, '/'));
    size_t at = authority.size;
    while (at > 0 && authority.data[at - 1] != '@') at--;
    size_t colon = sk_str_find(sk_str_sub(authority, 0, at), ':');
    bool has_password = scheme != NULL && at > 0 && colon < at && !has_secret(authority);
    if (is_masked && !has_secret(text)) {
        sk_buf_append_text(&shown, MASK);
    } else if (has_password) {
        sk_buf_append(&shown, text.data, from + colon + 1);
        sk_buf_append_text(&shown, MASK);
        sk_buf_append_str(&shown, sk_str_sub(rest, at - 1, rest.size));
    } else {
        sk_buf_append_str(&shown, text);
    }
    sk_json_quote(out, sk_buf_view(&shown));
    if (shown.failed) out->failed = true;
    sk_buf_release(&shown);
}

static void put_list(const struct sk_setting_list *list, bool is_masked, struct sk_buf *out)
{
    sk_buf_append_char(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) sk_buf_append_text(out, ", ");
        put_text(sk_str_of(list->items[i]), is_masked, out);
    }
    sk_buf_append_char(out, ']');
}

static void put_pairs(const struct sk_setting_pairs *pairs, struct sk_buf *out)
{
    sk_buf_append_char(out, '{');
    for (size_t i = 0; i < pairs->count; i++) {
        if (i > 0) sk_buf_append_text(out, ", ");
        sk_json_quote(out, sk_str_of(pairs->items[i].name));
        sk_buf_append_text(out, ": ");
        put_text(sk_str_of(pairs->items[i].text), sounds_secret(pairs->items[i].name), out);
    }
    sk_buf_append_char(out, '}');
}

void sk_setting_format(const struct sk_setting *row, const char *base, struct sk_buf *out)
{
    const char *field = base + row->offset;
    switch (row->type) {
    case SK_SETTING_BOOL:
        sk_buf_append_text(out, *(const bool *)(const void *)field ? "true" : "false");
        return;
    case SK_SETTING_INT:
    case SK_SETTING_DURATION:
    case SK_SETTING_SIZE: {
        int64_t value = sk_setting_load(row, base);
        put_number(row->type, row->zero != NULL && value == row->zero_as ? 0 : value, out);
        return;
    }
    case SK_SETTING_NUMBER: {
        struct sk_json_writer w = sk_json_writer_of(out);
        sk_json_put_double(&w, *(const double *)(const void *)field);
        return;
    }
    case SK_SETTING_TEXT: {
        const char *text;
        memcpy(&text, field, sizeof text);
        put_text(sk_str_of(text), row->must_be_secret && text != NULL, out);
        return;
    }
    case SK_SETTING_WORD: sk_buf_append_text(out, row->words[sk_setting_load(row, base)]); return;
    case SK_SETTING_LIST:
        put_list((const struct sk_setting_list *)(const void *)field, row->must_be_secret, out);
        return;
    case SK_SETTING_PAIRS:
        put_pairs((const struct sk_setting_pairs *)(const void *)field, out);
        return;
    case SK_SETTING_MAP: return;
    }
}

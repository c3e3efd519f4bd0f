/* inputs.c: see inputs.h. Every message names the member and what would be right. */
#include "api/inputs.h"

#include "api/api_private.h"
#include "base/id.h"
#include "base/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

/* ---- media types ----------------------------------------------------------------------------- */

static bool type_is(struct sk_str header, const char *type)
{
    struct sk_str bare = sk_str_trim(sk_str_sub(header, 0, sk_str_find(header, ';')));
    return bare.size == strlen(type) && strncasecmp(bare.data, type, bare.size) == 0;
}

bool sk_inputs_check_type(struct sk_exchange *x, const char *const *types)
{
    struct sk_str header = sk_http_request_header(x->http, "Content-Type");
    for (size_t i = 0; types[i] != NULL; i++) {
        if (type_is(header, types[i])) return true;
    }
    /* A missing type is refused too: it is what a foreign web page can send without being asked. */
    struct sk_buf remedy = { 0 };
    sk_buf_append_text(&remedy, "send the header 'Content-Type: ");
    sk_buf_append_text(&remedy, types[0]);
    sk_buf_append_text(&remedy, "'");
    struct sk_str detail = header.size == 0 ? SK_STR("the body has no Content-Type")
                                            : SK_STR("this Content-Type is not taken here");
    struct sk_problem problem = sk_problem_http(415, detail, sk_buf_view(&remedy));
    sk_exchange_problem(x, &problem);
    sk_buf_release(&remedy);
    return false;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static bool has_control(struct sk_str text, bool breaks_allowed)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool is_break = c == '\n' || c == '\r' || c == '\t';
        if ((c < 0x20 && !(breaks_allowed && is_break)) || c == 0x7f) return true;
    }
    return false;
}

static bool check_text(struct sk_exchange *x, const struct sk_input *input, struct sk_str text)
{
    size_t size_max = input->size_max == 0 ? SK_INPUT_TEXT_SIZE_MAX : input->size_max;
    if (text.size > size_max) {
        sk_exchange_refuse(x, "shorten it", "%s is %zu bytes long; %zu at most", input->name,
                           text.size, size_max);
        return false;
    }
    if (has_control(text, input->kind == SK_INPUT_PROSE)) {
        sk_exchange_refuse(x, "leave them out", "%s holds control characters", input->name);
        return false;
    }
    if (input->kind == SK_INPUT_ID && text.size > 0 && !sk_id_is_client(text)) {
        sk_exchange_refuse(x, "an id is 1 to 200 of A-Z a-z 0-9 - _ :", "%s is not an id of a saga",
                           input->name);
        return false;
    }
    if (input->kind == SK_INPUT_NAME && text.size > 0 && !sk_id_is_name(text)) {
        sk_exchange_refuse(x,
                           "it is 1 to 100 of A-Z a-z 0-9 - _ and begins and ends with a letter "
                           "or digit",
                           "%s is not an id of a definition or step", input->name);
        return false;
    }
    return true;
}

static bool set_duration(struct sk_exchange *x, const struct sk_input *input, struct sk_str text,
                         void *field)
{
    int64_t ms;
    if (sk_duration_parse(text, &ms) && ms > 0) {
        *(int64_t *)field = ms;
        return true;
    }
    sk_exchange_refuse(x, "write it like \"500ms\", \"30s\", \"1h30m\" or \"2d\"",
                       "%s is no duration", input->name);
    return false;
}

static bool set_instant(struct sk_exchange *x, const struct sk_input *input, struct sk_str text,
                        void *field)
{
    int64_t at_ms, ago_ms;
    struct sk_runtime *runtime = x->api->options.runtime;
    if (sk_time_parse(text, &at_ms) && at_ms > 0) {
        *(int64_t *)field = at_ms;
        return true;
    }
    int64_t now_ms = runtime->ops->now_ms(runtime);
    if (sk_duration_parse(text, &ago_ms) && ago_ms < now_ms) {
        *(int64_t *)field = now_ms - ago_ms;
        return true;
    }
    sk_exchange_refuse(x, "write it like \"2026-01-02T03:04:05Z\", or \"90m\" for that long ago",
                       "%s is no instant", input->name);
    return false;
}

static bool set_number(struct sk_exchange *x, const struct sk_input *input, bool is_number,
                       int64_t value, void *field)
{
    if (is_number && value >= input->min && value <= input->max) {
        *(int64_t *)field = value;
        return true;
    }
    char remedy[96];
    (void)snprintf(remedy, sizeof remedy, "a whole number from %" PRId64 " to %" PRId64, input->min,
                   input->max);
    sk_exchange_refuse(x, remedy, "%s is not in its range", input->name);
    return false;
}

/* ---- the members of a body ------------------------------------------------------------------- */

static const char *type_name(enum sk_json_type type)
{
    switch (type) {
    case SK_JSON_NONE: return "nothing";
    case SK_JSON_NULL: return "null";
    case SK_JSON_FALSE:
    case SK_JSON_TRUE: return "a truth value";
    case SK_JSON_NUMBER: return "a number";
    case SK_JSON_STRING: return "a text";
    case SK_JSON_ARRAY: return "a list";
    case SK_JSON_OBJECT: return "an object";
    }
    return "";
}

static const char *kind_wants(enum sk_input_kind kind)
{
    switch (kind) {
    case SK_INPUT_TEXT:
    case SK_INPUT_PROSE:
    case SK_INPUT_NAME:
    case SK_INPUT_ID: return "a text";
    case SK_INPUT_JSON: return "any value";
    case SK_INPUT_OBJECT: return "an object";
    case SK_INPUT_SCALARS: return "an object of texts, numbers and truth values";
    case SK_INPUT_TAGS:
    case SK_INPUT_TEXTS: return "a list of texts";
    case SK_INPUT_DURATION: return "a duration as text, like \"30s\"";
    case SK_INPUT_INSTANT: return "an instant as text, like \"2026-01-02T03:04:05Z\"";
    case SK_INPUT_NUMBER: return "a whole number";
    case SK_INPUT_FLAG: return "true or false";
    }
    return "";
}

static bool refuse_type(struct sk_exchange *x, const struct sk_input *input, struct sk_str value)
{
    char remedy[80];
    (void)snprintf(remedy, sizeof remedy, "it is %s", kind_wants(input->kind));
    sk_exchange_refuse(x, remedy, "%s is %s", input->name, type_name(sk_json_type(value)));
    return false;
}

static bool read_texts(struct sk_exchange *x, const struct sk_input *input, struct sk_str list,
                       struct sk_texts *out)
{
    size_t count = sk_json_count(list);
    if (count > SK_INPUT_LIST_MAX) {
        sk_exchange_refuse(x, "name fewer", "%s holds %zu texts; %d at most", input->name, count,
                           SK_INPUT_LIST_MAX);
        return false;
    }
    struct sk_str *items = SK_ARENA_ARRAY(&x->arena, struct sk_str, count + 1);
    struct sk_json_iter it = sk_json_walk(list);
    uint32_t filled = 0;
    while (items != NULL && sk_json_next(&it)) {
        if (sk_json_type(it.value) != SK_JSON_STRING) return refuse_type(x, input, it.value);
        items[filled] = sk_json_string(it.value, &x->arena);
        if (!check_text(x, input, items[filled])) return false;
        if (items[filled].size == 0) {
            sk_exchange_refuse(x, "leave it out, or fill it in", "%s holds an empty text",
                               input->name);
            return false;
        }
        filled += 1;
    }
    *out = (struct sk_texts){ items, filled };
    return true;
}

/* The name and, if it is one, the text of a searchable value. */
static bool check_scalar(struct sk_exchange *x, const struct sk_input *input,
                         const struct sk_json_iter *it)
{
    struct sk_buf text = { 0 };
    struct sk_str name = { it->name.data - 1, it->name.size + 2 }; /* with its quotes */
    bool is_named = it->name.size > 0;
    sk_json_unescape(name, &text);
    if (sk_json_type(it->value) == SK_JSON_STRING) sk_json_unescape(it->value, &text);
    bool is_sound = is_named && !has_control(sk_buf_view(&text), false);
    sk_buf_release(&text);
    if (!is_sound) {
        sk_exchange_refuse(x, "name each value, and leave control characters out", "%s holds %s",
                           input->name, is_named ? "control characters" : "a value without a name");
    }
    return is_sound;
}

static bool check_scalars(struct sk_exchange *x, const struct sk_input *input, struct sk_str object)
{
    struct sk_json_iter it = sk_json_walk(object);
    for (size_t count = 0; sk_json_next(&it); count++) {
        enum sk_json_type type = sk_json_type(it.value);
        if (type == SK_JSON_ARRAY || type == SK_JSON_OBJECT) {
            return refuse_type(x, input, it.value);
        }
        size_t size = it.value.size + it.name.size;
        if (count < SK_INPUT_LIST_MAX && size <= SK_INPUT_TEXT_SIZE_MAX) {
            if (!check_scalar(x, input, &it)) return false;
            continue;
        }
        sk_exchange_refuse(x, "put what is large into input or context",
                           "%s holds more than %d members or one of more than %d bytes",
                           input->name, SK_INPUT_LIST_MAX, SK_INPUT_TEXT_SIZE_MAX);
        return false;
    }
    return true;
}

static bool set_member(struct sk_exchange *x, const struct sk_input *input, struct sk_str value,
                       void *field)
{
    enum sk_json_type type = sk_json_type(value);
    struct sk_texts texts;
    int64_t number = 0;
    bool is_number;
    switch (input->kind) {
    case SK_INPUT_TEXT:
    case SK_INPUT_PROSE:
    case SK_INPUT_NAME:
    case SK_INPUT_ID:
        if (type != SK_JSON_STRING) return refuse_type(x, input, value);
        *(struct sk_str *)field = sk_json_string(value, &x->arena);
        if (input->kind == SK_INPUT_ID && ((struct sk_str *)field)->size == 0) {
            sk_exchange_refuse(x, "leave it out, or fill it in", "%s is empty", input->name);
            return false;
        }
        return check_text(x, input, *(struct sk_str *)field);
    case SK_INPUT_JSON: *(struct sk_str *)field = value; return true;
    case SK_INPUT_OBJECT:
    case SK_INPUT_SCALARS:
        if (type != SK_JSON_OBJECT) return refuse_type(x, input, value);
        *(struct sk_str *)field = value;
        return input->kind == SK_INPUT_OBJECT || check_scalars(x, input, value);
    case SK_INPUT_TAGS:
        if (type != SK_JSON_ARRAY) return refuse_type(x, input, value);
        *(struct sk_str *)field = value;
        return read_texts(x, input, value, &texts);
    case SK_INPUT_TEXTS:
        if (type != SK_JSON_ARRAY) return refuse_type(x, input, value);
        return read_texts(x, input, value, field);
    case SK_INPUT_DURATION:
        if (type != SK_JSON_STRING) return refuse_type(x, input, value);
        return set_duration(x, input, sk_json_string(value, &x->arena), field);
    case SK_INPUT_INSTANT:
        if (type != SK_JSON_STRING) return refuse_type(x, input, value);
        return set_instant(x, input, sk_json_string(value, &x->arena), field);
    case SK_INPUT_NUMBER:
        if (type != SK_JSON_NUMBER) return refuse_type(x, input, value);
        is_number = sk_json_to_i64(value, &number);
        return set_number(x, input, is_number, number, field);
    case SK_INPUT_FLAG:
        if (type != SK_JSON_TRUE && type != SK_JSON_FALSE) return refuse_type(x, input, value);
        *(bool *)field = type == SK_JSON_TRUE;
        return true;
    }
    return false;
}

static const struct sk_input *input_named(const struct sk_input *inputs, struct sk_str name)
{
    for (const struct sk_input *input = inputs; input->name != NULL; input++) {
        if (sk_str_is(name, input->name)) return input;
    }
    return NULL;
}

static void refuse_unknown(struct sk_exchange *x, const struct sk_input *inputs, const char *what,
                           struct sk_str name)
{
    const char *names[40] = { 0 };
    size_t count = 0;
    struct sk_buf remedy = { 0 };
    for (const struct sk_input *input = inputs; input->name != NULL; input++) {
        if (count < sizeof names / sizeof names[0]) names[count++] = input->name;
    }
    int near = sk_str_nearest(name, names, count);
    sk_buf_append_text(&remedy, near >= 0 ? "did you mean '" : "known are: ");
    for (size_t i = 0; near < 0 && i < count; i++) {
        if (i > 0) sk_buf_append_text(&remedy, ", ");
        sk_buf_append_text(&remedy, names[i]);
    }
    if (near >= 0) {
        sk_buf_append_text(&remedy, names[near]);
        sk_buf_append_text(&remedy, "'?");
    }
    name.size = name.size > 100 ? 100 : name.size;
    sk_exchange_refuse(x, sk_buf_text(&remedy), "there is no %s '%.*s'", what, SK_STR_ARGS(name));
    sk_buf_release(&remedy);
}

static bool check_required(struct sk_exchange *x, const struct sk_input *inputs, const char *out)
{
    for (const struct sk_input *input = inputs; input->name != NULL; input++) {
        if (!input->is_required) continue;
        const struct sk_str *text = (const struct sk_str *)(const void *)(out + input->offset);
        if (text->size > 0) continue;
        sk_exchange_refuse(x, input->help, "%s is missing", input->name);
        return false;
    }
    return true;
}

/* The number after `word` in "line 3, column 7: …"; 0 = none. */
static uint32_t number_after(const char *message, const char *word)
{
    const char *at = strstr(message, word);
    uint64_t value = 0;
    if (at == NULL) return 0;
    at += strlen(word);
    struct sk_str digits = { at, strspn(at, "0123456789") };
    return sk_str_to_u64(digits, &value) && value <= UINT32_MAX ? (uint32_t)value : 0;
}

static void refuse_syntax(struct sk_exchange *x, const skald_error *error)
{
    struct sk_problem problem = sk_problem_of(SKALD_E_SYNTAX, error);
    problem.line = number_after(error->message, "line ");
    problem.column = number_after(error->message, "column ");
    problem.title = "the body is not valid JSON";
    sk_exchange_problem(x, &problem);
}

static bool is_blank(struct sk_str text)
{
    return sk_str_trim(text).size == 0;
}

bool sk_inputs_read_object(struct sk_exchange *x, const struct sk_input *inputs,
                           struct sk_str object, void *out)
{
    struct sk_json_iter it = sk_json_walk(object);
    uint32_t seen = 0; /* by index: which of two would count is anybody's guess */
    while (sk_json_next(&it)) {
        const struct sk_input *input = input_named(inputs, it.name);
        if (input == NULL) {
            refuse_unknown(x, inputs, "member", it.name);
            return false;
        }
        uint32_t bit = 1u << (unsigned)(input - inputs);
        if ((seen & bit) != 0) {
            sk_exchange_refuse(x, "keep one of them", "%s stands there twice", input->name);
            return false;
        }
        seen |= bit;
        struct sk_str value = sk_json_trim(it.value);
        if (sk_json_type(value) == SK_JSON_NULL && input->kind != SK_INPUT_JSON) continue;
        if (!set_member(x, input, value, (char *)out + input->offset)) return false;
    }
    return check_required(x, inputs, out);
}

bool sk_inputs_read_body(struct sk_exchange *x, const struct sk_input *inputs, void *out)
{
    static const char *const types[] = { "application/json", NULL };
    struct sk_str body = x->view.body;
    if (is_blank(body)) return check_required(x, inputs, out);
    if (!sk_inputs_check_type(x, types)) return false;
    skald_error error;
    if (sk_json_check(body, &error) != SKALD_OK) {
        refuse_syntax(x, &error);
        return false;
    }
    if (sk_json_type(body) != SK_JSON_OBJECT) {
        sk_exchange_refuse(x, "send an object: {…}", "the body is %s",
                           type_name(sk_json_type(body)));
        return false;
    }
    return sk_inputs_read_object(x, inputs, body, out);
}

/* ---- the parameters of a query --------------------------------------------------------------- */

/* "?residue" alone means yes. */
static bool set_flag(struct sk_exchange *x, const struct sk_input *input, struct sk_str value,
                     bool *field)
{
    *field = value.size == 0 || sk_str_is(value, "true") || sk_str_is(value, "1");
    if (*field || sk_str_is(value, "false") || sk_str_is(value, "0")) return true;
    sk_exchange_refuse(x, "write true or false", "%s is neither", input->name);
    return false;
}

/* A parameter that may come several times. */
static bool add_text(struct sk_exchange *x, const struct sk_input *input, struct sk_str value,
                     struct sk_texts *texts)
{
    if (!check_text(x, input, value)) return false;
    if (value.size == 0 || texts->count >= SK_INPUT_LIST_MAX) {
        sk_exchange_refuse(x, "leave it out, or fill it in", "%s is empty, or comes too often",
                           input->name);
        return false;
    }
    struct sk_str *items = SK_ARENA_ARRAY(&x->arena, struct sk_str, texts->count + 1);
    if (items == NULL) {
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return false;
    }
    if (texts->count > 0) memcpy(items, texts->items, texts->count * sizeof *items);
    items[texts->count] = value;
    *texts = (struct sk_texts){ items, texts->count + 1 };
    return true;
}

static bool set_param(struct sk_exchange *x, const struct sk_input *input, struct sk_str value,
                      void *field)
{
    int64_t number = 0;
    bool is_number = sk_str_to_i64(value, &number);
    switch (input->kind) {
    case SK_INPUT_TEXT:
    case SK_INPUT_PROSE:
    case SK_INPUT_NAME:
    case SK_INPUT_ID: *(struct sk_str *)field = value; return check_text(x, input, value);
    case SK_INPUT_DURATION: return set_duration(x, input, value, field);
    case SK_INPUT_INSTANT: return set_instant(x, input, value, field);
    case SK_INPUT_TEXTS: return add_text(x, input, value, field);
    case SK_INPUT_NUMBER: return set_number(x, input, is_number, number, field);
    case SK_INPUT_FLAG: return set_flag(x, input, value, field);
    case SK_INPUT_JSON:
    case SK_INPUT_OBJECT:
    case SK_INPUT_SCALARS:
    case SK_INPUT_TAGS: break;
    }
    return false;
}

bool sk_inputs_read_query(struct sk_exchange *x, const struct sk_input *inputs, void *out)
{
    struct sk_str rest = x->view.query;
    while (rest.size > 0) {
        size_t end = sk_str_find(rest, '&');
        struct sk_str pair = sk_str_sub(rest, 0, end);
        rest =
            end < rest.size ? sk_str_sub(rest, end + 1, rest.size - end - 1) : (struct sk_str){ 0 };
        if (pair.size == 0) continue;
        size_t equals = sk_str_find(pair, '=');
        struct sk_str name, value = { 0 };
        bool is_sound = sk_percent_decode(sk_str_sub(pair, 0, equals), true, &x->arena, &name);
        if (equals < pair.size) {
            struct sk_str raw = sk_str_sub(pair, equals + 1, pair.size - equals - 1);
            is_sound = is_sound && sk_percent_decode(raw, true, &x->arena, &value);
        }
        if (!is_sound) {
            sk_exchange_refuse(x, "percent-encode UTF-8", "the query is not well encoded");
            return false;
        }
        const struct sk_input *input = input_named(inputs, name);
        if (input == NULL) {
            refuse_unknown(x, inputs, "parameter", name);
            return false;
        }
        if (!set_param(x, input, value, (char *)out + input->offset)) return false;
    }
    return check_required(x, inputs, out);
}

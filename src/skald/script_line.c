/* script_line.c: see script_line.h. */
#include "skald/script_line.h"

#include "base/time.h"

static bool opens_json(char c)
{
    return c == '{' || c == '[' || c == '"';
}

/* The end of the JSON text that begins at `from`; whether it is right is checked elsewhere. */
static size_t json_end(struct sk_str text, size_t from)
{
    int depth = 0;
    bool is_quoted = false;
    for (size_t i = from; i < text.size; i++) {
        char c = text.data[i];
        if (is_quoted && c == '\\') {
            i++;
        } else if (c == '"') {
            is_quoted = !is_quoted;
        } else if (!is_quoted) {
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        }
        if (depth == 0 && !is_quoted) return i + 1;
    }
    return text.size;
}

static size_t word_end(struct sk_str text, size_t from)
{
    if (opens_json(text.data[from])) return json_end(text, from);
    size_t end = from;
    while (end < text.size && text.data[end] != ' ' && text.data[end] != '#') end++;
    return end;
}

void sk_script_line_split(struct sk_str text, struct sk_script_line *out)
{
    *out = (struct sk_script_line){ .count = 0 };
    size_t at = 0;
    while (at < text.size && out->count < SK_SCRIPT_WORDS_MAX) {
        if (text.data[at] == ' ') {
            at++;
            continue;
        }
        if (text.data[at] == '#') return;
        size_t end = word_end(text, at);
        out->words[out->count++] = sk_str_sub(text, at, end - at);
        at = end;
    }
}

struct sk_str sk_script_option(const struct sk_script_line *line, const char *name)
{
    size_t size = strlen(name);
    for (uint32_t i = 1; i < line->count; i++) {
        struct sk_str w = line->words[i];
        if (w.size > size && memcmp(w.data, name, size) == 0 && w.data[size] == '=')
            return sk_str_sub(w, size + 1, w.size - size - 1);
    }
    return (struct sk_str){ NULL, 0 };
}

bool sk_script_has(const struct sk_script_line *line, const char *word)
{
    for (uint32_t i = 1; i < line->count; i++)
        if (sk_str_is(line->words[i], word)) return true;
    return false;
}

struct sk_str sk_script_json(const struct sk_script_line *line)
{
    for (uint32_t i = 1; i < line->count; i++) {
        struct sk_str w = line->words[i];
        int64_t number = 0;
        bool is_scalar = sk_str_is(w, "true") || sk_str_is(w, "false") || sk_str_is(w, "null") ||
                         sk_str_to_i64(w, &number);
        if (opens_json(w.data[0]) || (is_scalar && i > 2)) return w;
    }
    return (struct sk_str){ NULL, 0 };
}

struct sk_str sk_script_next_line(struct sk_str *rest)
{
    size_t end = sk_str_find(*rest, '\n');
    struct sk_str line = sk_str_sub(*rest, 0, end);
    *rest = end < rest->size ? sk_str_sub(*rest, end + 1, rest->size - end - 1)
                             : (struct sk_str){ NULL, 0 };
    return line;
}

/* Cuts ":name" or ".name" off the end of the word if it names an operation. */
static void read_operation(struct sk_script_call *call)
{
    static const struct {
        const char *name;
        enum sk_operation operation;
    } operations[] = {
        { "action", SK_OPERATION_ACTION }, { "compensation", SK_OPERATION_COMPENSATION },
        { "verify", SK_OPERATION_VERIFY }, { "poll", SK_OPERATION_POLL },
        { "hook", SK_OPERATION_HOOK },     { "decision", SK_OPERATION_DECISION }
    };
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        size_t size = strlen(operations[i].name);
        if (call->step.size <= size + 1) continue;
        size_t mark = call->step.size - size - 1;
        bool is_marked = call->step.data[mark] == ':' || call->step.data[mark] == '.';
        if (!is_marked || !sk_str_is(sk_str_sub(call->step, mark + 1, size), operations[i].name))
            continue;
        call->operation = operations[i].operation;
        call->has_operation = true;
        call->step = sk_str_sub(call->step, 0, mark);
        return;
    }
}

struct sk_script_call sk_script_call_of(struct sk_str word)
{
    struct sk_script_call call = { .step = word, .item = -1, .operation = SK_OPERATION_ACTION };
    read_operation(&call);
    size_t dot = sk_str_find(call.step, '.');
    uint64_t item = 0;
    if (dot < call.step.size &&
        sk_str_to_u64(sk_str_sub(call.step, dot + 1, call.step.size), &item) && item <= INT32_MAX) {
        call.item = (int32_t)item;
        call.step = sk_str_sub(call.step, 0, dot);
    }
    return call;
}

bool sk_script_outcome(const struct sk_script_line *line, uint32_t at, struct sk_outcome *out)
{
    static const struct {
        const char *name, *short_name;
    } classes[] = { [SK_OUTCOME_SUCCEEDED] = { "succeeded", "ok" },
                    [SK_OUTCOME_FAILED] = { "failed", "fail" },
                    [SK_OUTCOME_RETRYABLE] = { "retryable", "retry" },
                    [SK_OUTCOME_UNKNOWN] = { "unknown", "unknown" },
                    [SK_OUTCOME_PENDING] = { "pending", "pending" } };
    uint32_t i = 0, count = sizeof classes / sizeof classes[0];
    struct sk_str word = at < line->count ? line->words[at] : (struct sk_str){ NULL, 0 };
    while (i < count && !sk_str_is(word, classes[i].name) &&
           !sk_str_is(word, classes[i].short_name))
        i++;
    if (i == count) return false;
    *out = (struct sk_outcome){ .class_ = (enum sk_outcome_class)i };
    if (i == SK_OUTCOME_SUCCEEDED) out->output = sk_script_json(line);
    bool takes_code = i != SK_OUTCOME_SUCCEEDED && i != SK_OUTCOME_PENDING;
    struct sk_str next = at + 1 < line->count ? line->words[at + 1] : (struct sk_str){ NULL, 0 };
    bool has_code =
        next.size > 0 && sk_str_find(next, '=') == next.size && !opens_json(next.data[0]);
    if (takes_code) out->code = has_code ? next : SK_STR("error");
    uint64_t status = 0;
    if (sk_str_to_u64(sk_script_option(line, "status"), &status) && status <= UINT16_MAX)
        out->status = (uint16_t)status;
    out->has_error_code = sk_script_has(line, "code");
    out->is_answered = i <= SK_OUTCOME_FAILED || sk_script_has(line, "answered");
    (void)sk_duration_parse(sk_script_option(line, "retry_after"), &out->retry_after_ms);
    struct sk_str verdict = sk_script_option(line, "verdict");
    if (sk_str_is(verdict, "again")) out->verdict = SK_VERDICT_AGAIN;
    if (sk_str_is(verdict, "give_up")) out->verdict = SK_VERDICT_GIVE_UP;
    return true;
}

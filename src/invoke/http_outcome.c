/* http_outcome.c: see http_outcome.h. The tables are read from the top; the first row that fits
 * decides. They are the tables of docs/participants.md, row by row. */
#include "invoke/http_outcome.h"

#include "base/json.h"
#include "base/limits.h"

#include <stdio.h>

enum verdict {
    SUCCEEDED, /* the body is the output */
    DONE,      /* succeeded without an output: there was nothing to undo */
    FAILED,
    RETRYABLE,
    UNKNOWN,
    UNEXPECTED,         /* failed, code unexpected_status */
    RETRYABLE_IF_TOLD,  /* with Retry-After; else unknown */
    RETRYABLE_IF_MAYBE, /* "still being worked on"; else failed */
    DONE_IF_MAYBE       /* "never heard of it"; else failed */
};

struct row {
    uint16_t from, to; /* statuses, both inclusive */
    enum verdict verdict;
};

static const struct row action_rows[] = {
    { 200, 299, SUCCEEDED },          { 408, 408, RETRYABLE },
    { 425, 425, RETRYABLE },          { 429, 429, RETRYABLE },
    { 409, 409, RETRYABLE_IF_MAYBE }, { 400, 499, FAILED },
    { 503, 503, RETRYABLE_IF_TOLD },  { 500, 999, UNKNOWN },
    { 0, 399, UNEXPECTED },
};

static const struct row compensation_rows[] = {
    { 200, 299, SUCCEEDED }, { 408, 408, RETRYABLE },
    { 425, 425, RETRYABLE }, { 429, 429, RETRYABLE },
    { 410, 410, DONE },      { 404, 404, DONE_IF_MAYBE },
    { 400, 499, FAILED },    { 503, 503, RETRYABLE_IF_TOLD },
    { 500, 999, UNKNOWN },   { 0, 399, UNEXPECTED },
};

/* Questions that change nothing: verify, hooks, polls. */
static const struct row other_rows[] = {
    { 200, 299, SUCCEEDED }, { 408, 408, RETRYABLE }, { 425, 425, RETRYABLE },
    { 429, 429, RETRYABLE }, { 400, 499, FAILED },    { 503, 503, RETRYABLE_IF_TOLD },
    { 500, 999, UNKNOWN },   { 0, 399, UNEXPECTED },
};

/* What the DSL calls these statuses; every other one is "http_<status>". */
static const struct {
    uint16_t status;
    const char *code;
} status_codes[] = {
    { 400, "validation" },          { 401, "permission_denied" }, { 403, "permission_denied" },
    { 404, "not_found" },           { 422, "validation" },        { 429, "too_many_requests" },
    { 503, "service_unavailable" }, { 504, "gateway_timeout" },
};

static bool has_status(const uint16_t *list, uint32_t count, uint16_t status)
{
    for (uint32_t i = 0; i < count; i++) {
        if (list[i] == status) return true;
    }
    return false;
}

static enum verdict look_up(const struct row *rows, uint16_t status)
{
    while (status < rows->from || status > rows->to) rows += 1;
    return rows->verdict;
}

static enum verdict verdict_of(const struct sk_http_question *question, uint16_t status)
{
    if (has_status(question->success, question->success_count, status)) return SUCCEEDED;
    if (has_status(question->fail, question->fail_count, status)) return FAILED;
    if (has_status(question->retry, question->retry_count, status)) return RETRYABLE;
    if (status > 999) return UNKNOWN;
    switch (question->operation) {
    case SK_OPERATION_ACTION: return look_up(action_rows, status);
    case SK_OPERATION_COMPENSATION: return look_up(compensation_rows, status);
    case SK_OPERATION_VERIFY:
    case SK_OPERATION_HOOK:
    case SK_OPERATION_DECISION:
    case SK_OPERATION_POLL: return look_up(other_rows, status);
    }
    return UNKNOWN;
}

static struct sk_str code_of(enum verdict verdict, uint16_t status, struct sk_arena *arena)
{
    if (verdict == UNEXPECTED) return SK_STR("unexpected_status");
    for (size_t i = 0; i < sizeof status_codes / sizeof status_codes[0]; i++) {
        if (status_codes[i].status == status) return sk_str_of(status_codes[i].code);
    }
    char code[16];
    int size = snprintf(code, sizeof code, "http_%u", status);
    return sk_arena_copy(arena, (struct sk_str){ code, (size_t)size });
}

/* ---- failures of the exchange ------------------------------------------------------------- */

static const char *failure_code(enum sk_http_failure failure)
{
    switch (failure) {
    case SK_HTTP_WHOLE: return "";
    case SK_HTTP_REFUSED: return "connection_refused";
    case SK_HTTP_CONNECT_TIMEOUT: return "connection_timeout";
    case SK_HTTP_NETWORK: return "network";
    case SK_HTTP_TIMEOUT: return "timeout";
    case SK_HTTP_TOO_LARGE: return "body_too_large";
    case SK_HTTP_NO_SECRET: return "secret_unknown";
    case SK_HTTP_BAD_HEADER: return "invalid_header";
    case SK_HTTP_BAD_URL: return "invalid_url";
    case SK_HTTP_BAD_HOST: return "host_not_allowed";
    }
    return "network";
}

static void lost(const struct sk_http_answer *answer, struct sk_outcome *out)
{
    bool is_refused_by_us = answer->failure == SK_HTTP_BAD_HEADER ||
                            answer->failure == SK_HTTP_BAD_URL ||
                            answer->failure == SK_HTTP_BAD_HOST;
    out->class_ = answer->is_sent    ? SK_OUTCOME_UNKNOWN
                  : is_refused_by_us ? SK_OUTCOME_FAILED
                                     : SK_OUTCOME_RETRYABLE;
    out->code = sk_str_of(failure_code(answer->failure));
    out->message = answer->message;
}

/* ---- bodies ------------------------------------------------------------------------------- */

static void unusable(struct sk_outcome *out, const char *code, const char *message)
{
    out->class_ = SK_OUTCOME_UNKNOWN;
    out->output = (struct sk_str){ 0 };
    out->code = sk_str_of(code);
    out->message = sk_str_of(message);
}

/* Other UTF-8 text is the output as a string. */
static void quote_output(struct sk_str text, struct sk_arena *arena, struct sk_outcome *out)
{
    struct sk_buf quoted;
    sk_buf_init(&quoted, SK_PAYLOAD_SIZE_MAX);
    sk_json_quote(&quoted, text);
    if (quoted.failed) {
        unusable(out, "body_too_large", "the body is too large for an output");
    } else {
        out->output = sk_arena_copy(arena, sk_buf_view(&quoted));
    }
    sk_buf_release(&quoted);
}

static void take_output(struct sk_str body, struct sk_arena *arena, struct sk_outcome *out)
{
    out->class_ = SK_OUTCOME_SUCCEEDED;
    struct sk_str text = sk_json_trim(body);
    if (text.size == 0) return;
    if (text.size > SK_PAYLOAD_SIZE_MAX) {
        unusable(out, "body_too_large", "the body is too large for an output");
    } else if (sk_json_check(text, NULL) == SKALD_OK) {
        out->output = text;
    } else if (sk_utf8_valid(body)) {
        quote_output(body, arena, out);
    } else {
        unusable(out, "bad_body", "the body is neither JSON nor UTF-8 text");
    }
}

/* {"happened": true | false | null, "output": …} is passed on as it is. */
static void check_verified(struct sk_outcome *out)
{
    if (out->class_ != SK_OUTCOME_SUCCEEDED) return;
    enum sk_json_type happened = SK_JSON_NONE;
    if (sk_json_type(out->output) == SK_JSON_OBJECT) {
        happened = sk_json_type(sk_json_member(out->output, SK_STR("happened")));
    }
    if (happened == SK_JSON_TRUE || happened == SK_JSON_FALSE || happened == SK_JSON_NULL) return;
    unusable(out, "bad_body", "a verification answers {\"happened\": true, false or null}");
}

/* The largest beginning of at most size_max bytes that does not end inside a UTF-8 sequence. */
static struct sk_str cut(struct sk_str text, size_t size_max)
{
    if (text.size <= size_max) return text;
    size_t size = size_max;
    while (size > 0 && ((unsigned char)text.data[size] & 0xC0u) == 0x80u) size -= 1;
    return sk_str_sub(text, 0, size);
}

static void default_message(const struct sk_http_answer *answer, struct sk_arena *arena,
                            struct sk_outcome *out)
{
    char text[320];
    struct sk_str body = sk_str_trim(answer->body);
    bool is_text = body.size > 0 && sk_utf8_valid(body);
    struct sk_str shown = is_text ? cut(body, 200) : SK_STR("");
    int size = snprintf(text, sizeof text, "the participant answered %u%s%.*s", answer->status,
                        is_text ? ": " : "", SK_STR_ARGS(shown));
    for (int i = 0; i < size; i++) {
        if ((unsigned char)text[i] < 0x20) text[i] = ' ';
    }
    out->message = sk_arena_copy(arena, (struct sk_str){ text, (size_t)size });
}

static void take_code(struct sk_str code, struct sk_arena *arena, struct sk_outcome *out)
{
    struct sk_str text = { 0 };
    if (sk_json_type(code) == SK_JSON_STRING) text = sk_json_string(code, arena);
    if (sk_json_type(code) == SK_JSON_NUMBER) text = sk_json_trim(code);
    if (text.size == 0 || text.size > SK_HTTP_CODE_SIZE_MAX) return;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c == 0x7f) return; /* it is matched, filtered and printed */
    }
    out->code = text;
    out->has_error_code = true;
}

/* O2. */
static void refine(const struct sk_http_answer *answer, struct sk_arena *arena,
                   struct sk_outcome *out)
{
    struct sk_str body = sk_json_trim(answer->body);
    if (body.size == 0 || body.data[0] != '{' || sk_json_check(body, NULL) != SKALD_OK) return;
    struct sk_str error = sk_json_member(body, SK_STR("error"));
    if (sk_json_type(error) == SK_JSON_STRING) {
        out->message = cut(sk_json_string(error, arena), SK_HTTP_MESSAGE_SIZE_MAX);
    }
    if (sk_json_type(error) != SK_JSON_OBJECT) return;
    take_code(sk_json_member(error, SK_STR("code")), arena, out);
    struct sk_str message = sk_json_member(error, SK_STR("message"));
    if (sk_json_type(message) == SK_JSON_STRING) {
        out->message = cut(sk_json_string(message, arena), SK_HTTP_MESSAGE_SIZE_MAX);
    }
    enum sk_json_type retryable = sk_json_type(sk_json_member(error, SK_STR("retryable")));
    if (out->class_ == SK_OUTCOME_FAILED && retryable == SK_JSON_TRUE) {
        out->class_ = SK_OUTCOME_RETRYABLE;
    }
    if (out->class_ == SK_OUTCOME_RETRYABLE && retryable == SK_JSON_FALSE) {
        out->class_ = SK_OUTCOME_FAILED;
    }
}

/* ---- the whole ---------------------------------------------------------------------------- */

static bool is_pending(const struct sk_http_question *question, const struct sk_http_answer *answer)
{
    if (answer->status != 202 || !answer->is_pending) return false;
    if (has_status(question->fail, question->fail_count, 202)) return false;
    if (has_status(question->retry, question->retry_count, 202)) return false;
    return question->operation == SK_OPERATION_ACTION ||
           question->operation == SK_OPERATION_COMPENSATION;
}

static enum sk_outcome_class class_of(enum verdict verdict, bool is_maybe, bool has_retry_after)
{
    switch (verdict) {
    case SUCCEEDED:
    case DONE: return SK_OUTCOME_SUCCEEDED;
    case FAILED:
    case UNEXPECTED: return SK_OUTCOME_FAILED;
    case RETRYABLE: return SK_OUTCOME_RETRYABLE;
    case UNKNOWN: return SK_OUTCOME_UNKNOWN;
    case RETRYABLE_IF_TOLD: return has_retry_after ? SK_OUTCOME_RETRYABLE : SK_OUTCOME_UNKNOWN;
    case RETRYABLE_IF_MAYBE: return is_maybe ? SK_OUTCOME_RETRYABLE : SK_OUTCOME_FAILED;
    case DONE_IF_MAYBE: return is_maybe ? SK_OUTCOME_SUCCEEDED : SK_OUTCOME_FAILED;
    }
    return SK_OUTCOME_UNKNOWN;
}

static void answered(const struct sk_http_question *question, const struct sk_http_answer *answer,
                     struct sk_arena *arena, struct sk_outcome *out)
{
    out->status = answer->status;
    out->is_answered = true;
    out->retry_after_ms = answer->has_retry_after ? answer->retry_after_ms : 0;
    if (is_pending(question, answer)) {
        out->class_ = SK_OUTCOME_PENDING;
        return;
    }
    enum verdict verdict = verdict_of(question, answer->status);
    if (verdict == SUCCEEDED) {
        take_output(answer->body, arena, out);
        if (question->operation == SK_OPERATION_VERIFY) check_verified(out);
        return;
    }
    out->class_ = class_of(verdict, question->is_maybe, answer->has_retry_after);
    if (out->class_ == SK_OUTCOME_SUCCEEDED) return;
    out->code = code_of(verdict, answer->status, arena);
    default_message(answer, arena, out);
    refine(answer, arena, out);
}

void sk_http_outcome(const struct sk_http_question *question, const struct sk_http_answer *answer,
                     struct sk_arena *arena, struct sk_outcome *out)
{
    *out = (struct sk_outcome){ .class_ = SK_OUTCOME_UNKNOWN };
    if (answer->failure == SK_HTTP_WHOLE) {
        answered(question, answer, arena, out);
    } else {
        lost(answer, out);
    }
    if (!arena->failed) return;
    *out =
        (struct sk_outcome){ .class_ = answer->is_sent ? SK_OUTCOME_UNKNOWN : SK_OUTCOME_RETRYABLE,
                             .code = SK_STR("network"),
                             .message = SK_STR("out of memory while reading the answer") };
}

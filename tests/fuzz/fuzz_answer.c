/*
 * fuzz_answer.c: what a participant's HTTP answer means (invoke/http_outcome.h), for any status,
 * headers, body and lists of a definition.
 *
 *   1  O1: where it may have happened, nothing makes "did not happen" of it but a status of the
 *      table of docs/participants.md or of the definition's lists: written down here once more.
 *   2  O3: is_answered exactly when the answer is whole.
 *   3  An output is JSON, codes are short and printable, messages are text within their limit.
 *   4  Retry-After is within its bounds, whatever date or number it holds.
 */
#include "fuzz.h"

#include "base/limits.h"
#include "invoke/http_outcome.h"

enum { LIST_MAX = 4 };

struct input {
    struct sk_http_question question;
    struct sk_http_answer answer;
    uint16_t success[LIST_MAX], fail[LIST_MAX], retry[LIST_MAX];
    struct sk_str retry_after;
};

static uint16_t read_status(struct fuzz_bytes *bytes)
{
    static const uint16_t usual[] = { 200, 201, 202, 204, 301, 400, 401, 403, 404, 408,
                                      409, 410, 422, 425, 429, 500, 503, 504, 100, 999 };
    uint32_t number = fuzz_below(bytes, 40);
    if (number < sizeof usual / sizeof usual[0]) return usual[number];
    return (uint16_t)fuzz_u16(bytes);
}

static void read_list(struct fuzz_bytes *bytes, uint16_t *list, const uint16_t **out_list,
                      uint32_t *out_count)
{
    *out_list = list;
    *out_count = fuzz_below(bytes, LIST_MAX + 1);
    for (uint32_t i = 0; i < *out_count; i++) list[i] = read_status(bytes);
}

static void read_input(struct fuzz_bytes *bytes, struct input *in)
{
    uint8_t flags = fuzz_u8(bytes);
    in->question.operation = (enum sk_operation)fuzz_below(bytes, SK_OPERATION_DECISION + 1);
    in->question.is_maybe = (flags & 1) != 0;
    in->answer.is_pending = (flags & 2) != 0;
    in->answer.is_sent = (flags & 4) != 0;
    if ((flags & 8) != 0)
        in->answer.failure = (enum sk_http_failure)fuzz_below(bytes, SK_HTTP_BAD_HOST + 1);
    /* What the request was refused for before it was made was never sent. */
    if (in->answer.failure == SK_HTTP_WHOLE) in->answer.is_sent = true;
    if (in->answer.failure >= SK_HTTP_NO_SECRET) in->answer.is_sent = false;
    in->answer.status = read_status(bytes);
    if ((flags & 16) != 0) {
        read_list(bytes, in->success, &in->question.success, &in->question.success_count);
        read_list(bytes, in->fail, &in->question.fail, &in->question.fail_count);
        read_list(bytes, in->retry, &in->question.retry, &in->question.retry_count);
    }
    in->retry_after = fuzz_take(bytes, fuzz_below(bytes, 80));
    in->answer.message = SK_STR("what curl says");
    in->answer.body = fuzz_take(bytes, bytes->left);
}

static bool is_in(const uint16_t *list, uint32_t count, uint16_t status)
{
    for (uint32_t i = 0; i < count; i++) {
        if (list[i] == status) return true;
    }
    return false;
}

/* Does the status, by itself, let us say that it happened / that it did not? As in the table. */
static bool may_say_no(const struct input *in)
{
    const struct sk_http_question *q = &in->question;
    uint16_t status = in->answer.status;
    if (is_in(q->success, q->success_count, status)) return false;
    if (is_in(q->fail, q->fail_count, status)) return true;
    if (is_in(q->retry, q->retry_count, status)) return true;
    if (status == 503) return in->answer.has_retry_after;
    return status < 200 || (status >= 300 && status < 500);
}

static bool may_say_yes(const struct input *in)
{
    const struct sk_http_question *q = &in->question;
    uint16_t status = in->answer.status;
    if (is_in(q->success, q->success_count, status)) return true;
    if (is_in(q->fail, q->fail_count, status)) return false;
    if (is_in(q->retry, q->retry_count, status)) return false;
    if (status >= 200 && status < 300) return true;
    if (q->operation != SK_OPERATION_COMPENSATION) return false;
    return status == 410 || (status == 404 && q->is_maybe);
}

static void check_class(const struct input *in, const struct sk_outcome *out)
{
    bool is_whole = in->answer.failure == SK_HTTP_WHOLE;
    FUZZ_CHECK(out->is_answered == is_whole, "answered");
    switch (out->class_) {
    case SK_OUTCOME_SUCCEEDED: FUZZ_CHECK(is_whole && may_say_yes(in), "it succeeded"); break;
    case SK_OUTCOME_FAILED:
    case SK_OUTCOME_RETRYABLE:
        FUZZ_CHECK(is_whole ? may_say_no(in) : !in->answer.is_sent, "it did not happen");
        break;
    case SK_OUTCOME_PENDING:
        FUZZ_CHECK(is_whole && in->answer.status == 202 && in->answer.is_pending &&
                       in->question.operation <= SK_OPERATION_COMPENSATION,
                   "pending");
        break;
    case SK_OUTCOME_UNKNOWN: FUZZ_CHECK(in->answer.is_sent, "nothing was sent"); break;
    }
}

static void check_texts(const struct sk_outcome *out)
{
    FUZZ_CHECK(out->code.size <= SK_HTTP_CODE_SIZE_MAX, "a code of %zu bytes", out->code.size);
    for (size_t i = 0; i < out->code.size; i++)
        FUZZ_CHECK((unsigned char)out->code.data[i] >= 0x20, "a code with control bytes");
    FUZZ_CHECK(sk_utf8_valid(out->code) && sk_utf8_valid(out->message), "it is no text");
    FUZZ_CHECK(out->message.size <= SK_HTTP_MESSAGE_SIZE_MAX, "a message of %zu bytes",
               out->message.size);
    if (out->output.size == 0) return;
    FUZZ_CHECK(out->class_ == SK_OUTCOME_SUCCEEDED, "an output of what did not succeed");
    FUZZ_CHECK(out->output.size <= SK_PAYLOAD_SIZE_MAX, "an output of %zu bytes", out->output.size);
    fuzz_check_json(out->output, "the output");
}

static void read_retry_after(struct input *in)
{
    int64_t now_ms = INT64_C(1767225600000), ms = -1;
    in->answer.has_retry_after = sk_http_retry_after(in->retry_after, now_ms, &ms);
    if (!in->answer.has_retry_after) return;
    FUZZ_CHECK(ms >= 0 && ms <= SK_HTTP_RETRY_AFTER_MS_MAX, "Retry-After: %lld", (long long)ms);
    in->answer.retry_after_ms = ms;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes bytes = { data, size };
    struct input in = { .question = { .is_maybe = false } };
    struct sk_outcome outcome;
    struct sk_arena arena;
    sk_arena_init(&arena);
    read_input(&bytes, &in);
    read_retry_after(&in);
    sk_http_outcome(&in.question, &in.answer, &arena, &outcome);
    check_class(&in, &outcome);
    check_texts(&outcome);
    sk_arena_release(&arena);
    return 0;
}

/*
 * http_outcome.h: what an HTTP answer, or its absence, means for a saga. Pure: no sockets, no
 * clock. The tables stand in http_outcome.c, one per operation.
 *
 *   O1  Nothing turns "may have happened" into "did not happen" but a status that says so by
 *       table or by the definition's own lists. A body never does.
 *   O2  A body {"error":{"code","message","retryable"}} names code and message of every answer
 *       that is not a success; `retryable` moves only between failed and retryable.
 *   O3  is_answered is true exactly when the participant's answer arrived whole.
 */
#ifndef SK_INVOKE_HTTP_OUTCOME_H
#define SK_INVOKE_HTTP_OUTCOME_H

#include "base/arena.h"
#include "core/outcome.h"

enum {
    SK_HTTP_CODE_SIZE_MAX = 200,     /* of error.code; a longer one is not taken as a code */
    SK_HTTP_MESSAGE_SIZE_MAX = 2000, /* of error.message; a longer one is cut */
    SK_HTTP_RETRY_AFTER_MS_MAX = 24 * 60 * 60 * 1000
};

/* How the exchange itself went. */
enum sk_http_failure {
    SK_HTTP_WHOLE,           /* an answer arrived, whole */
    SK_HTTP_REFUSED,         /* connection_refused */
    SK_HTTP_CONNECT_TIMEOUT, /* connection_timeout: no connection in time */
    SK_HTTP_NETWORK,         /* network: DNS, TLS, reset, cut short, not HTTP */
    SK_HTTP_TIMEOUT,         /* timeout */
    SK_HTTP_TOO_LARGE,       /* body_too_large: the body was cut */
    /* Nothing left this process, because the request cannot be made: */
    SK_HTTP_NO_SECRET,  /* secret_unknown: retryable, for secrets come and go */
    SK_HTTP_BAD_HEADER, /* invalid_header: failed */
    SK_HTTP_BAD_URL,    /* invalid_url: failed */
    SK_HTTP_BAD_HOST    /* host_not_allowed: failed */
};

/* What was asked. */
struct sk_http_question {
    enum sk_operation operation;
    bool is_maybe;
    const uint16_t *success, *fail,
        *retry; /* the definition's lists, of the action that was called */
    uint32_t success_count, fail_count, retry_count;
};

/* What came. */
struct sk_http_answer {
    enum sk_http_failure failure;
    bool is_sent;          /* a byte of the request has left */
    struct sk_str message; /* text for people on a failure; may be empty */
    uint16_t status;
    bool is_pending; /* Skald-Pending: true */
    bool has_retry_after;
    int64_t retry_after_ms;
    struct sk_str body;
};

/* Spans of *out live in `arena`, in `answer` or for ever. When the arena fails the outcome is as
 * for an answer that was lost. */
void sk_http_outcome(const struct sk_http_question *question, const struct sk_http_answer *answer,
                     struct sk_arena *arena, struct sk_outcome *out);

/* The value of Retry-After: seconds or an HTTP date; false when it is neither. Never over
 * SK_HTTP_RETRY_AFTER_MS_MAX; 0 for an instant that has passed. */
bool sk_http_retry_after(struct sk_str value, int64_t now_ms, int64_t *out_ms);

#endif

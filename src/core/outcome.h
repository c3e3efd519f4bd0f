/* outcome.h: what came of one invocation, as every invoker reports it and the core judges it. */
#ifndef SK_CORE_OUTCOME_H
#define SK_CORE_OUTCOME_H

#include "base/str.h"

enum sk_operation {
    SK_OPERATION_ACTION,
    SK_OPERATION_COMPENSATION,
    SK_OPERATION_VERIFY,
    SK_OPERATION_HOOK,
    SK_OPERATION_POLL,
    SK_OPERATION_DECISION /* whether to try again: asked by the engine, no work of a saga */
};

enum sk_outcome_class {
    SK_OUTCOME_SUCCEEDED,
    SK_OUTCOME_FAILED,    /* a clear no */
    SK_OUTCOME_RETRYABLE, /* known not to have happened */
    SK_OUTCOME_UNKNOWN,   /* may have happened */
    SK_OUTCOME_PENDING    /* accepted, will be answered later */
};

/* What a policy's own function said of an outcome, before the rules heard of it. */
enum sk_verdict { SK_VERDICT_NONE, SK_VERDICT_AGAIN, SK_VERDICT_GIVE_UP };

/* The result of one invocation. All spans are borrowed for the `done` call. */
struct sk_outcome {
    enum sk_outcome_class class_;
    struct sk_str output;   /* checked JSON; empty = null */
    struct sk_str code;     /* "insufficient_funds", "timeout", "http_500" */
    struct sk_str message;  /* text for people */
    uint16_t status;        /* HTTP status, 0 = none */
    bool has_error_code;    /* the participant's body carried error.code */
    bool is_answered;       /* the participant itself answered this attempt (law 6) */
    int64_t retry_after_ms; /* 0 = none */
    enum sk_verdict verdict;
};

#endif

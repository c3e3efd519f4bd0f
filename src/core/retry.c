/* retry.c: pauses between attempts, and which outcomes may be tried again. Lists decide only
 * whether to try again, never whether it may have happened. */
#include "core/retry.h"

#include "base/hash.h"

enum { DELAY_MS_MAX = 366 * 24 * 3600 }; /* seconds in a year; × 1000 below */
static const int64_t delay_max = (int64_t)DELAY_MS_MAX * 1000;

static int64_t plain_delay(const struct sk_retry_policy *policy, uint32_t attempt)
{
    double delay = (double)policy->initial_ms;
    double cap = (double)delay_max;
    switch (policy->type) {
    case SK_RETRY_FIXED:
    case SK_RETRY_NONE: break;
    case SK_RETRY_EXPONENTIAL:
        for (uint32_t n = 2; n < attempt && delay < cap && policy->multiplier > 1.0; n++)
            delay *= policy->multiplier;
        break;
    case SK_RETRY_LINEAR: delay += (double)policy->increment_ms * (double)(attempt - 2u); break;
    }
    return delay >= cap ? delay_max : (int64_t)delay;
}

static int64_t jittered(enum sk_jitter jitter, int64_t delay, uint64_t entropy)
{
    switch (jitter) {
    case SK_JITTER_NONE: return delay;
    case SK_JITTER_QUARTER: {
        int64_t span = delay / 2; /* from 75 % to 125 % */
        return delay - delay / 4 + (span > 0 ? (int64_t)(entropy % (uint64_t)(span + 1)) : 0);
    }
    case SK_JITTER_FULL: return (int64_t)(entropy % (uint64_t)(delay + 1));
    }
    return delay;
}

static int64_t capped(const struct sk_retry_policy *policy, int64_t delay)
{
    return policy->max_ms > 0 && delay > policy->max_ms ? policy->max_ms : delay;
}

int64_t sk_retry_delay(const struct sk_retry_policy *policy, uint32_t attempt, uint64_t entropy,
                       int64_t retry_after_ms)
{
    uint32_t n = attempt < 2u ? 2u : attempt;
    int64_t delay = capped(policy, jittered(policy->jitter, plain_delay(policy, n), entropy));
    return delay < retry_after_ms ? retry_after_ms : delay;
}

int64_t sk_retry_delay_max(const struct sk_retry_policy *policy, uint32_t attempts_max,
                           int64_t retry_after_ms)
{
    uint32_t last = attempts_max < 2u ? 2u : attempts_max;
    int64_t delay = policy->max_ms > 0 ? policy->max_ms : plain_delay(policy, last);
    if (delay == 0) delay = 1000;
    return retry_after_ms > delay ? retry_after_ms : delay;
}

/* The names under which people may list an outcome. */
static bool is_named(struct sk_str listed, const struct sk_outcome *outcome)
{
    if (sk_str_equal(listed, outcome->code)) return true;
    if (sk_str_is(listed, "rate_limit") && sk_str_is(outcome->code, "too_many_requests"))
        return true;
    if (sk_str_is(listed, "too_many_requests") && outcome->status == 429) return true;
    if (sk_str_is(listed, "rate_limit") && outcome->status == 429) return true;
    if (sk_str_is(listed, "service_unavailable") && outcome->status == 503) return true;
    if (sk_str_is(listed, "gateway_timeout") && outcome->status == 504) return true;
    uint64_t status = 0;
    return outcome->status != 0 && sk_str_to_u64(listed, &status) && status == outcome->status;
}

static bool any_named(const struct sk_str *list, uint32_t count, const struct sk_outcome *outcome)
{
    for (uint32_t i = 0; i < count; i++)
        if (is_named(list[i], outcome)) return true;
    return false;
}

static bool is_never_by_default(struct sk_str code)
{
    static const char *const never[] = { "validation", "business", "permission_denied", "not_found",
                                         "duplicate" };
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (sk_str_is(code, never[i])) return true;
    return false;
}

bool sk_retry_allows(const struct sk_retry_policy *policy, const struct sk_outcome *outcome)
{
    if (outcome->verdict != SK_VERDICT_NONE) return outcome->verdict == SK_VERDICT_AGAIN;
    if (any_named(policy->non_retryable, policy->non_retryable_count, outcome)) return false;
    if (policy->has_retryable)
        return any_named(policy->retryable, policy->retryable_count, outcome);
    if (is_never_by_default(outcome->code)) return false;
    return outcome->class_ == SK_OUTCOME_RETRYABLE || outcome->class_ == SK_OUTCOME_UNKNOWN;
}

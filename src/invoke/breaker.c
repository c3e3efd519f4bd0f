/* breaker.c: see breaker.h. */
#include "invoke/breaker.h"

const char *sk_breaker_state_name(enum sk_breaker_state state)
{
    switch (state) {
    case SK_BREAKER_CLOSED: return "closed";
    case SK_BREAKER_OPEN: return "open";
    case SK_BREAKER_HALF_OPEN: return "half_open";
    }
    return "closed";
}

enum sk_lane sk_lane_of(enum sk_operation operation)
{
    switch (operation) {
    case SK_OPERATION_COMPENSATION:
    case SK_OPERATION_VERIFY: return SK_LANE_UNDO;
    case SK_OPERATION_ACTION:
    case SK_OPERATION_HOOK:
    case SK_OPERATION_DECISION:
    case SK_OPERATION_POLL: return SK_LANE_DO;
    }
    return SK_LANE_DO;
}

/* Without a status: those that say something about the participant, not about ourselves. */
static bool is_lost(struct sk_str code)
{
    static const char *const codes[] = { "connection_refused",
                                         "connection_timeout",
                                         "network",
                                         "timeout",
                                         "body_too_large",
                                         "bad_body" };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (sk_str_is(code, codes[i])) return true;
    }
    return false;
}

enum sk_health sk_health_of(const struct sk_outcome *outcome)
{
    if (outcome->status >= 500) return SK_HEALTH_BAD;
    if (outcome->status == 429) return SK_HEALTH_NEUTRAL;
    switch (outcome->class_) {
    case SK_OUTCOME_SUCCEEDED:
    case SK_OUTCOME_PENDING: return SK_HEALTH_GOOD;
    case SK_OUTCOME_FAILED: return outcome->status > 0 ? SK_HEALTH_GOOD : SK_HEALTH_NEUTRAL;
    case SK_OUTCOME_RETRYABLE:
    case SK_OUTCOME_UNKNOWN: break;
    }
    if (outcome->status == 408) return SK_HEALTH_BAD;
    if (outcome->status > 0 && !is_lost(outcome->code)) return SK_HEALTH_GOOD;
    return is_lost(outcome->code) ? SK_HEALTH_BAD : SK_HEALTH_NEUTRAL;
}

/* The one mover. */
static void change(struct sk_breaker *breaker, enum sk_breaker_state state, int64_t now_ms)
{
    breaker->state = state;
    breaker->generation += 1;
    breaker->failures = breaker->successes = 0;
    breaker->probing[SK_LANE_UNDO] = breaker->probing[SK_LANE_DO] = 0;
    breaker->changed_at_ms = now_ms;
}

static void open_it(struct sk_breaker *breaker, const struct sk_limits *limits, int64_t now_ms)
{
    uint32_t failures = breaker->failures;
    change(breaker, SK_BREAKER_OPEN, now_ms);
    breaker->failures = failures;
    breaker->retry_at_ms = now_ms + limits->breaker_timeout_ms;
    breaker->opened_count += 1;
}

bool sk_breaker_tick(struct sk_breaker *breaker, int64_t now_ms)
{
    if (breaker->state != SK_BREAKER_OPEN || now_ms < breaker->retry_at_ms) return false;
    change(breaker, SK_BREAKER_HALF_OPEN, now_ms);
    return true;
}

bool sk_breaker_admits(const struct sk_breaker *breaker, const struct sk_limits *limits,
                       enum sk_lane lane)
{
    switch (breaker->state) {
    case SK_BREAKER_CLOSED: return true;
    case SK_BREAKER_OPEN: return false;
    case SK_BREAKER_HALF_OPEN: return breaker->probing[lane] < limits->breaker_probes;
    }
    return true;
}

void sk_breaker_on_sent(struct sk_breaker *breaker, enum sk_lane lane)
{
    if (breaker->state == SK_BREAKER_HALF_OPEN) breaker->probing[lane] += 1;
}

bool sk_breaker_on_end(struct sk_breaker *breaker, const struct sk_limits *limits,
                       enum sk_lane lane, uint32_t generation, enum sk_health health,
                       int64_t now_ms)
{
    if (generation != breaker->generation) return false; /* B1 */
    if (breaker->state == SK_BREAKER_HALF_OPEN && breaker->probing[lane] > 0) {
        breaker->probing[lane] -= 1;
    }
    if (health == SK_HEALTH_NEUTRAL) return false;
    if (health == SK_HEALTH_BAD) {
        breaker->failures += 1;
        bool is_enough = breaker->state == SK_BREAKER_HALF_OPEN ||
                         breaker->failures >= limits->breaker_threshold;
        if (is_enough) open_it(breaker, limits, now_ms);
        return is_enough;
    }
    breaker->failures = 0;
    if (breaker->state != SK_BREAKER_HALF_OPEN) return false;
    breaker->successes += 1;
    if (breaker->successes < limits->breaker_probes) return false;
    change(breaker, SK_BREAKER_CLOSED, now_ms);
    return true;
}

bool sk_breaker_reset(struct sk_breaker *breaker, int64_t now_ms)
{
    if (breaker->state == SK_BREAKER_CLOSED) {
        breaker->failures = 0;
        return false;
    }
    change(breaker, SK_BREAKER_CLOSED, now_ms);
    return true;
}

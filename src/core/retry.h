/* retry.h: the arithmetic of retry policies. */
#ifndef SK_CORE_RETRY_H
#define SK_CORE_RETRY_H

#include "core/outcome.h"
#include "core/plan.h"

/* The pause before attempt n (n >= 2). Without jitter: fixed d; exponential min(d·m^(n-2), max);
 * linear min(d + i·(n-2), max). Jitter first, then the cap. `retry_after_ms` is a lower bound that
 * beats the cap. */
int64_t sk_retry_delay(const struct sk_retry_policy *policy, uint32_t attempt, uint64_t entropy,
                       int64_t retry_after_ms);
/* What must-succeed work pauses once its `attempts_max` (a start may have narrowed them) are used
 * up: max_delay, or the last regular pause of so many. `retry_after_ms` as above. */
int64_t sk_retry_delay_max(const struct sk_retry_policy *policy, uint32_t attempts_max,
                           int64_t retry_after_ms);
/* Does the verdict, or do the lists, let this outcome be tried again? Says nothing about attempts
 * left. */
bool sk_retry_allows(const struct sk_retry_policy *policy, const struct sk_outcome *outcome);

#endif

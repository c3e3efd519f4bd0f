/*
 * log_lines.h: the history as log lines: one line for each durable event that says something to
 * people. Payloads never reach the log: they may hold what is nobody's business.
 */
#ifndef SK_OBSERVE_LOG_LINES_H
#define SK_OBSERVE_LOG_LINES_H

#include "core/saga.h"
#include "runtime/runtime.h"

/* Writes the line of `event`; `saga` is its state at that event or later. */
void sk_log_event(struct sk_runtime *runtime, const struct sk_saga *saga,
                  const struct sk_event *event);

#endif

/*
 * breaker.h: the circuit breaker of one participant. Pure: time is an input.
 *
 *             threshold failures in a row             timeout has passed
 *    CLOSED ────────────────────────────► OPEN ────────────────────────────► HALF_OPEN
 *      ▲                                   ▲                                  │  │
 *      │                                   └─────────── one failure ──────────┘  │
 *      └───────────────── `probes` successes, or a reset by hand ────────────────┘
 *
 *   B1  Only what was sent in the present state counts: every change of state starts a new
 *       generation, and an answer to an earlier one changes nothing.
 *   B2  While half open, at most `probes` actions and as many undoings are on the wire: what is
 *       tried out anew never keeps an undoing from being tried.
 */
#ifndef SK_INVOKE_BREAKER_H
#define SK_INVOKE_BREAKER_H

#include "core/outcome.h"
#include "core/plan.h"

enum { SK_BREAKER_THRESHOLD = 5, SK_BREAKER_TIMEOUT_MS = 30000, SK_BREAKER_PROBES = 3 };

enum sk_breaker_state { SK_BREAKER_CLOSED, SK_BREAKER_OPEN, SK_BREAKER_HALF_OPEN };

/* Undoing goes before doing: compensations, and verifications, which decide about undoing. */
enum sk_lane { SK_LANE_UNDO, SK_LANE_DO, SK_LANES_COUNT };

/* What an outcome says about the participant's health. */
enum sk_health { SK_HEALTH_GOOD, SK_HEALTH_BAD, SK_HEALTH_NEUTRAL };

struct sk_breaker {
    enum sk_breaker_state state;
    uint32_t generation;
    uint32_t failures;  /* in a row, while closed */
    uint32_t successes; /* while half open */
    uint32_t probing[SK_LANES_COUNT];
    int64_t changed_at_ms;
    int64_t retry_at_ms; /* OPEN: when it becomes half open */
    uint64_t opened_count;
};

const char *sk_breaker_state_name(enum sk_breaker_state state);
enum sk_lane sk_lane_of(enum sk_operation operation);
/* A participant that answers, even "no", is well; 5xx, time-outs and lost or refused connections
 * are not; what never left for a reason of our own, and 429, say nothing. */
enum sk_health sk_health_of(const struct sk_outcome *outcome);

/* OPEN → HALF_OPEN once its time has come; true when it changed. */
bool sk_breaker_tick(struct sk_breaker *breaker, int64_t now_ms);
bool sk_breaker_admits(const struct sk_breaker *breaker, const struct sk_limits *limits,
                       enum sk_lane lane);
void sk_breaker_on_sent(struct sk_breaker *breaker, enum sk_lane lane);
/* The end of what was sent in `generation`; NEUTRAL also for what was given up. True when the state
 * changed. */
bool sk_breaker_on_end(struct sk_breaker *breaker, const struct sk_limits *limits,
                       enum sk_lane lane, uint32_t generation, enum sk_health health,
                       int64_t now_ms);
/* → CLOSED; true when it was not. */
bool sk_breaker_reset(struct sk_breaker *breaker, int64_t now_ms);

#endif

/*
 * ring.h: what this node observed and belongs to no saga (store.degraded, recovery.progress,
 * circuit.opened …), and alerts of sagas: the last ones, in memory. An observation is gone when
 * newer ones need its place, or with the process; what matters for ever stands in the history of a
 * saga, the log or a metric.
 *
 * The APIs of several loops have one ring in common, under a lock held for a copy: its numbers mean
 * the same on each of them.
 */
#ifndef SK_API_RING_H
#define SK_API_RING_H

#include "api/api_private.h"
#include "core/saga.h"

struct sk_observation {
    uint64_t number; /* from 1, in this process */
    int64_t at_ms;
    enum sk_log_level level;
    struct sk_str type, saga, message, data; /* data: JSON; empty = none */
};

/* What goes into a ring, and as what; NULL = nothing of that kind. */
struct sk_ring_source {
    void (*on_event)(struct sk_ring *ring, const struct sk_saga *saga,
                     const struct sk_event *event);
    void (*on_notice)(struct sk_ring *ring, const struct sk_log_line *line);
};
/* The observations; rte_events.c has its own. */
extern const struct sk_ring_source sk_ring_observations;
enum skald_status sk_ring_new(struct sk_api *api, const struct sk_ring_source *source,
                              struct sk_ring **out_ring);
void sk_ring_add(struct sk_ring *ring, const struct sk_log_line *line);
void sk_ring_free(struct sk_ring *ring); /* NULL is fine */
/* The first with a number above `after`; false = none, or no memory. Its texts are copied into
 * `text`, which is the caller's to release. */
bool sk_ring_next(const struct sk_ring *ring, uint64_t after, struct sk_observation *out,
                  struct sk_buf *text);
/* The number of the newest; 0 = none. */
uint64_t sk_ring_last(const struct sk_ring *ring);
/* Tells this process's numbers from another's. */
int64_t sk_ring_born_ms(const struct sk_ring *ring);

#endif

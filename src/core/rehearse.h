/*
 * rehearse.h: what would happen: a copy of a saga, driven on by the same rules as the saga itself.
 * explain.c and preview.c ask it, so that what they promise can never differ from what decide does.
 * Nothing of a rehearsal is stored or sent. Shared by the files of core/ only.
 *
 *   H1  The saga that is rehearsed is not touched.
 *   H2  `decision` holds the events of the last command alone.
 */
#ifndef SK_CORE_REHEARSE_H
#define SK_CORE_REHEARSE_H

#include "core/core_private.h"

struct sk_rehearsal {
    struct sk_saga saga;
    struct sk_rules rules;
    struct sk_decision decision;
    int64_t now_ms;
    skald_error error;
};

/* False: out of memory. Release it in any case. */
bool sk_rehearsal_init(struct sk_rehearsal *rehearsal, const struct sk_saga *saga, int64_t now_ms,
                       const struct sk_rules *rules) SK_MUST_CHECK;
void sk_rehearsal_release(struct sk_rehearsal *rehearsal);
/* As sk_saga_decide, at rehearsal->now_ms. */
enum skald_status sk_rehearse(struct sk_rehearsal *rehearsal,
                              const struct sk_command *command) SK_MUST_CHECK;
/* Time is this late (never earlier than it was), and what is due then happens. */
enum skald_status sk_rehearse_until(struct sk_rehearsal *rehearsal, int64_t at_ms) SK_MUST_CHECK;
/* The call that is on the wire there gets this answer. */
enum skald_status sk_rehearse_answer(struct sk_rehearsal *rehearsal, uint32_t step, int32_t item,
                                     enum sk_operation operation,
                                     const struct sk_outcome *outcome) SK_MUST_CHECK;
/* The child saga of this unit ends so; both for its action and for its undo. */
enum skald_status sk_rehearse_child(struct sk_rehearsal *rehearsal, uint32_t step, int32_t item,
                                    enum sk_saga_state state) SK_MUST_CHECK;

#endif

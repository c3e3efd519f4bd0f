/*
 * check_explain.c: whoever asks what a saga waits for is told something, and something that can be:
 * an active saga waits for something (law 11), what has ended has ended, and a cancel that would be
 * accepted comes to an end. Asking changes nothing.
 */
#include "check.h"

#include "core/explain.h"
#include "core/preview.h"

enum { EVERY = 16 }; /* of those that are shown: each answer is rehearsed on copies */

static const struct sk_rules rules = { .takeups_max = 3,
                                       .takeup_pause_ms = 30000,
                                       .verify_timeout_ms = 10000,
                                       .attempt_timeout_ms = 10000 };

static void judge_explanation(struct sim_world *world, const struct sk_saga *saga)
{
    struct sk_explanation e;
    bool is_made = sk_saga_explain(saga, saga->at_ms, &rules, &e);
    bool has_ended = sk_saga_state_is_end(saga->state);
    bool says_ended = e.kind == SK_EXPLAIN_ENDED;
    /* a node that stops starts nothing; but then something must be due */
    bool is_stuck = is_made && e.kind == SK_EXPLAIN_NOTHING && e.entries[e.main].then.size == 0;
    if (!is_made || e.sentence.size == 0 || is_stuck || (says_ended && !has_ended)) {
        sim_fail(world, "explained", saga->start.id, "after event %llu: %.*s",
                 (unsigned long long)saga->seq, SK_STR_ARGS(e.sentence));
    }
    sk_explanation_release(&e);
}

static void judge_preview(struct sim_world *world, const struct sk_saga *saga)
{
    struct sk_preview preview;
    bool is_made = sk_saga_preview(saga, SK_COMMAND_CANCEL, false, saga->at_ms, &rules, &preview);
    bool is_driven = preview.status == SKALD_OK && !preview.is_pending && !preview.is_cut;
    if (!is_made || (is_driven && preview.end == 0)) {
        sim_fail(world, "explained", saga->start.id,
                 "after event %llu: the preview of a cancel does not come to an end",
                 (unsigned long long)saga->seq);
    }
    sk_preview_release(&preview);
}

void sim_check_explained(struct sim_world *world, const struct sk_saga *saga)
{
    uint64_t seq = saga->seq;
    if (world->checks->judged[SIM_CHECK_WRITE_AHEAD] % EVERY != 0) return;
    world->checks->judged[SIM_CHECK_EXPLAIN] += 1;
    judge_explanation(world, saga);
    judge_preview(world, saga);
    if (saga->seq != seq) sim_fail(world, "explained", saga->start.id, "asking changed it");
}

/*
 * check_liveness.c: law 11. Once faults have ceased and somebody looks after what waits for a
 * human, every saga ends, with nothing left open, and within a bound of virtual time that follows
 * from its own definition: the attempts, pauses and time-outs of its steps and of their undoing,
 * the people's rounds, its children, and, where it stands in a queue for a slot or for a key, those
 * who stand there with it.
 */
#include "check.h"

#include "base/limits.h"

enum {
    ATTEMPT_MS = 30000,        /* the longest attempt or answer that no definition says */
    ROUND_MS = 90000,          /* between two looks of a person (humans.c) */
    LOOKS = 4,                 /* so often one looks before a thing is given up */
    ATTEMPTS_WITHOUT_END = 31, /* of a pivot, before a person gives it up */
    TAKEUP_MS = 60000,  /* the first pause before an undo is taken up again: 1 + 2 + 4 of them */
    SETTLING_MS = 60000 /* nodes come back, shards are taken */
};

static int64_t pause_ms(const struct sk_retry_policy *policy)
{
    int64_t pause = policy->initial_ms + policy->increment_ms * (int64_t)policy->max_attempts;
    double factor = policy->type == SK_RETRY_EXPONENTIAL ? policy->multiplier : 1;
    for (uint32_t i = 0; i < policy->max_attempts && pause < 3600000; i++)
        pause = (int64_t)((double)pause * factor);
    if (policy->max_ms > 0 && pause > policy->max_ms) pause = policy->max_ms;
    return pause;
}

static int64_t attempts_ms(const struct sk_retry_policy *policy, int64_t least)
{
    int64_t most = policy->type == SK_RETRY_NONE ? 1 : policy->max_attempts;
    if (most < least) most = least;
    return most * (ATTEMPT_MS + pause_ms(policy));
}

static int64_t forward_ms(const struct sk_plan *plan, const struct sk_step *step)
{
    bool must_succeed = plan->is_forward || step->is_pivot || step->is_after_pivot;
    int64_t bound = attempts_ms(&step->retry, must_succeed ? ATTEMPTS_WITHOUT_END : 1);
    bound += step->wait.timeout_ms + step->wait.interval_ms * ATTEMPTS_WITHOUT_END;
    bound += step->pending_timeout_ms;
    if (step->verify != NULL) bound += attempts_ms(&step->retry, LOOKS);
    return bound + (int64_t)LOOKS * ROUND_MS;
}

static int64_t undo_ms(const struct sk_step *step)
{
    const struct sk_compensation *compensation = &step->compensation;
    int64_t bound = attempts_ms(&compensation->retry, 1) + 7 * (int64_t)TAKEUP_MS;
    if (compensation->on_failure == SK_ON_FAILURE_RETRY)
        bound += attempts_ms(&compensation->on_failure_retry, 1);
    return bound + ATTEMPT_MS + SK_SKEW_ALLOWANCE_MS;
}

/* Of a saga by itself. One that failed is retried by a person, some times. */
static int64_t own_bound_ms(const struct sk_saga *saga)
{
    int64_t forward = 0, undo = 0;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        const struct sk_step *step = &saga->plan->steps[s];
        int64_t units = saga->steps[s].units_count;
        if (step->items != NULL && step->parallel > 1)
            units = (units + step->parallel - 1) / step->parallel;
        forward += units * forward_ms(saga->plan, step);
        undo += units * undo_ms(step);
    }
    return forward + undo + (int64_t)LOOKS * (undo + ROUND_MS);
}

static int64_t bound_ms(struct sim_world *world, const struct sim_row *row,
                        const struct sk_saga *saga)
{
    int64_t bound = own_bound_ms(saga);
    for (const struct sim_row *child = world->store->first;
         saga->plan->has_children && child != NULL; child = child->next) {
        if (child->is_removed || !sk_str_equal(child->head.parent, row->head.id)) continue;
        struct sk_saga of_child;
        sim_fold(world, child, &of_child);
        bound += bound_ms(world, child, &of_child);
        sk_saga_release(&of_child);
    }
    return bound;
}

/* A child may be asked to undo what it did at the end of all that its parent does. */
static int64_t family_bound_ms(struct sim_world *world, const struct sim_row *row,
                               const struct sk_saga *saga)
{
    const struct sim_row *parent =
        row->head.parent.size == 0 ? NULL : sim_store_row(world->store, row->head.parent);
    if (parent == NULL) return bound_ms(world, row, saga);
    struct sk_saga of_parent;
    sim_fold(world, parent, &of_parent);
    int64_t bound = family_bound_ms(world, parent, &of_parent);
    sk_saga_release(&of_parent);
    return bound;
}

/* As many as stand in the queues with it. */
static int64_t queue_of(const struct sim_world *world, const struct sk_saga *saga)
{
    bool may_wait = world->profile.slots_max > 0 || world->profile.faults[SIM_FAULT_SETTINGS] > 0 ||
                    saga->locks_count > 0 || saga->plan->has_children;
    return may_wait ? 1 + world->checks->active_at_calm : 1;
}

void sim_check_liveness_begins(struct sim_world *world)
{
    for (const struct sim_row *row = world->store->first; row != NULL; row = row->next) {
        bool is_active = !row->is_removed && !row->head.is_lock &&
                         !sk_saga_state_is_end((enum sk_saga_state)row->head.state);
        if (is_active) world->checks->active_at_calm += 1;
    }
}

static void judge_bound(struct sim_world *world, const struct sim_row *row,
                        const struct sk_saga *saga)
{
    int64_t from_ms = SIM_EPOCH_MS + world->profile.chaos_us / SIM_MS;
    if (row->stored_at_ms > from_ms) from_ms = row->stored_at_ms;
    int64_t took_ms = SIM_EPOCH_MS + row->ended_at_us / SIM_MS - from_ms - SETTLING_MS;
    if (took_ms <= 0) return;
    int64_t most_ms = family_bound_ms(world, row, saga) * queue_of(world, saga);
    most_ms += world->profile.longest_us / SIM_MS; /* it may have seen a time that was to come */
    if (took_ms <= most_ms) return;
    sim_fail(world, "every saga ends", row->head.id,
             "it took %lld s of calm; by its definition it may take %lld s",
             (long long)(took_ms / 1000), (long long)(most_ms / 1000));
}

void sim_check_liveness(struct sim_world *world, const struct sim_row *row,
                        const struct sk_saga *saga)
{
    world->checks->judged[SIM_CHECK_LIVENESS] += 1;
    if (saga->is_suspended || !sk_saga_state_is_end(saga->state)) {
        sim_fail(world, "every saga ends", row->head.id, "it is %s after %lld s of calm",
                 sk_saga_state_name(sk_saga_shown_state(saga)),
                 (long long)((world->now_us - world->profile.chaos_us) / SIM_S));
    }
    judge_bound(world, row, saga);
    /* A failed saga lists what is open; a human has tried. */
    if (saga->state == SK_SAGA_FAILED || sk_saga_open(saga) == 0) return;
    sim_fail(world, "every saga ends", row->head.id, "it ended %s with %u open",
             sk_saga_state_name(saga->state), sk_saga_open(saga));
}

/*
 * check_liveness.c: law 11. Once faults have ceased and somebody looks after what waits for a
 * human, every saga ends within the calm phase, with nothing left open.
 */
#include "check.h"

void sim_check_liveness(struct sim_world *world, const struct sim_row *row,
                        const struct sk_saga *saga)
{
    world->checks->judged[SIM_CHECK_LIVENESS] += 1;
    if (saga->is_suspended || !sk_saga_state_is_end(saga->state)) {
        sim_fail(world, "every saga ends", row->head.id, "it is %s after %lld s of calm",
                 sk_saga_state_name(sk_saga_shown_state(saga)),
                 (long long)((world->now_us - world->profile.chaos_us) / SIM_S));
    }
    /* A failed saga lists what is open; a human has tried. */
    if (saga->state == SK_SAGA_FAILED || sk_saga_open(saga) == 0) return;
    sim_fail(world, "every saga ends", row->head.id, "it ended %s with %u open",
             sk_saga_state_name(saga->state), sk_saga_open(saga));
}

/*
 * check_replay.c: law 3. Folding the stored events gives the live saga, byte for byte. Judged
 * whenever a live saga is shown whose last event is durable: at its end always, otherwise one time
 * in sixteen.
 */
#include "check.h"

void sim_check_live(struct sim_world *world, const struct sk_saga *saga)
{
    struct sim_checks *checks = world->checks;
    bool is_end = sk_saga_state_is_end(saga->state);
    struct sim_row *row = sim_store_row(world->store, saga->start.id);
    if (row->judged_seq == saga->seq) return;
    if (checks->replay_clock++ % (is_end ? 3 : 24) != 0) return;
    row->judged_seq = saga->seq;
    struct sk_saga folded;
    sim_fold(world, row, &folded);
    sk_buf_clear(&checks->live);
    sk_buf_clear(&checks->folded);
    sk_saga_encode(saga, &checks->live);
    sk_saga_encode(&folded, &checks->folded);
    checks->judged[SIM_CHECK_REPLAY] += 1;
    if (!sk_str_equal(sk_buf_view(&checks->live), sk_buf_view(&checks->folded))) {
        size_t at = 0, least = checks->live.size < checks->folded.size ? checks->live.size
                                                                       : checks->folded.size;
        while (at < least && checks->live.data[at] == checks->folded.data[at]) at++;
        sim_fail(world, "replay = live", saga->start.id,
                 "at event %llu the states differ from byte %zu on (%zu, %zu bytes)",
                 (unsigned long long)saga->seq, at, checks->live.size, checks->folded.size);
    }
    sk_saga_release(&folded);
}

/*
 * check_rows.c: at the end, the rows beside the histories agree with them: tallies count exactly
 * the sagas there are, every message was delivered and forgotten on both sides.
 */
#include "check.h"

static int64_t count_sagas(const struct sim_shard *shard, const struct sk_tally_row *tally)
{
    int64_t n = 0;
    for (uint32_t i = 0; i < shard->rows_count; i++) {
        const struct sk_head *head = &shard->rows[i]->head;
        bool is_one = !shard->rows[i]->is_removed && !head->is_lock && head->state == tally->state;
        if (is_one && sk_digest_equal(&head->definition, &tally->definition)) n += 1;
    }
    return n;
}

static bool has_tally(const struct sim_shard *shard, const struct sk_head *head)
{
    for (uint32_t i = 0; i < shard->tallies_count; i++) {
        const struct sk_tally_row *tally = &shard->tallies[i];
        if (tally->state == head->state && sk_digest_equal(&tally->definition, &head->definition))
            return true;
    }
    return false;
}

void sim_check_rows(struct sim_world *world)
{
    for (uint32_t s = 0; s < world->store->meta.shards_count; s++) {
        const struct sim_shard *shard = &world->store->shards[s];
        world->checks->judged[SIM_CHECK_ROWS] += 1;
        for (uint32_t i = 0; i < shard->tallies_count; i++) {
            int64_t n = count_sagas(shard, &shard->tallies[i]);
            if (n == shard->tallies[i].n) continue;
            sim_fail(world, "rows agree", (struct sk_str){ 0 },
                     "shard %u tallies %lld sagas in state %u; there are %lld", s,
                     (long long)shard->tallies[i].n, shard->tallies[i].state, (long long)n);
        }
        for (uint32_t i = 0; i < shard->rows_count; i++) {
            const struct sim_row *row = shard->rows[i];
            if (row->is_removed || row->head.is_lock || has_tally(shard, &row->head)) continue;
            sim_fail(world, "rows agree", row->head.id, "its state has no tally");
        }
        if (shard->messages_count > 0) {
            sim_fail(world, "rows agree", shard->messages[0].target,
                     "message %.*s was never delivered", SK_STR_ARGS(shard->messages[0].id));
        }
        if (shard->consumed_count > 0) {
            sim_fail(world, "rows agree", (struct sk_str){ 0 },
                     "the consumed message %.*s was never forgotten",
                     SK_STR_ARGS(shard->consumed[0].id));
        }
    }
}

/*
 * batch.c: when a batch is cut and how it goes to the store: pipelined group commit.
 *
 *      turn ends --> schedule --> cut --> submitted --> on_done --> results --> cut --> answers
 *                       ^___ while one is submitted, commands collect for the next ___/
 *
 *   B1  One batch is submitted at a time; the next is cut when it returns, never delayed to grow.
 *   B2  A shard whose work has not been done gives no new one: its pieces go in order.
 *   B3  A work with which the handle broke again and again goes alone, so that one sees who it is.
 *   B4  The batch holds all the store reads until `done`, whatever becomes of the engine.
 */
#include "engine/engine_private.h"

static void on_turn(struct sk_engine *engine, void *context)
{
    (void)context;
    engine->is_turn_posted = false;
    if (engine->flush == NULL) sk_batch_cut(engine);
    struct sk_shell *shell = sk_shell_ref(engine->shell);
    sk_waiters_flush(engine);
    if (shell->engine != NULL && engine->phase == SK_PHASE_STOPPING) sk_stop_check(engine);
    sk_shell_unref(shell);
}

static void on_cut_alarm(struct sk_engine *engine, struct sk_alarm *alarm)
{
    (void)alarm;
    engine->is_turn_posted = false;
    sk_batch_schedule(engine);
}

void sk_batch_schedule(struct sk_engine *engine)
{
    if (engine->is_turn_posted) return;
    engine->is_turn_posted = true;
    if (sk_engine_defer(engine, on_turn, NULL) == SKALD_OK) return;
    engine->cut_alarm.fn = on_cut_alarm;
    sk_alarm_set(engine, &engine->cut_alarm, sk_engine_now(engine) + SK_PAUSE_MS);
}

/* ---- cutting --------------------------------------------------------------------------------- */

/* The work of this shard that may go now; NULL when there is none or no memory. */
static struct sk_work *next_work(struct sk_shard *shard, uint32_t events_max, bool *out_no_memory)
{
    struct sk_engine *engine = shard->engine;
    if (!sk_shard_is_held(shard) || shard->is_verifying) return NULL;
    if (!sk_list_is_empty(&shard->works)) {
        struct sk_work *work = sk_container_of(shard->works.next, struct sk_work, node);
        bool is_due = work->state == SK_WORK_WAITING && shard->retry_at_ms <= sk_engine_now(engine);
        if (is_due && !sk_work_make_part(work)) {
            *out_no_memory = true;
            return NULL;
        }
        return is_due ? work : NULL;
    }
    struct sk_work *work = sk_work_new(shard);
    if (work == NULL) {
        *out_no_memory = true;
        return NULL;
    }
    if (!sk_work_fill(work, events_max)) {
        *out_no_memory = work->arena.failed;
        sk_work_give_back(work);
        return NULL;
    }
    sk_list_push(&shard->works, &work->node);
    if (!sk_work_make_part(work)) {
        *out_no_memory = true; /* it waits in shard->works and is tried again */
        return NULL;
    }
    return work;
}

bool sk_shard_has_more(const struct sk_shard *shard)
{
    return !sk_list_is_empty(&shard->dirty) || !sk_list_is_empty(&shard->removals) ||
           !sk_list_is_empty(&shard->gone) || !sk_list_is_empty(&shard->forget) ||
           !sk_list_is_empty(&shard->consumed_only) || !sk_list_is_empty(&shard->discards) ||
           !sk_list_is_empty(&shard->records);
}

static void on_batch(void *context, struct sk_batch *batch);

static void submit(struct sk_engine *engine, struct sk_flush *flush)
{
    for (uint32_t i = 0; i < flush->batch.parts_count; i++) {
        flush->works[i]->state = SK_WORK_SUBMITTED;
        flush->batch.parts[i] = flush->works[i]->part;
    }
    flush->shell = sk_shell_ref(engine->shell);
    engine->flush = flush;
    engine->stats.batches += 1;
    engine->busy_since_us = sk_engine_now_us(engine);
    engine->store->ops->submit(engine->store, &flush->batch, on_batch, flush);
}

static struct sk_flush *flush_new(uint32_t parts_max)
{
    struct sk_flush *flush = sk_alloc(sizeof *flush);
    if (flush == NULL) return NULL;
    sk_arena_init(&flush->arena);
    flush->works = SK_ARENA_ARRAY(&flush->arena, struct sk_work *, parts_max);
    flush->batch.parts = SK_ARENA_ARRAY(&flush->arena, struct sk_part, parts_max);
    if (!flush->arena.failed) return flush;
    sk_arena_release(&flush->arena);
    sk_free(flush);
    return NULL;
}

void sk_batch_cut(struct sk_engine *engine)
{
    if (engine->flush != NULL || engine->is_reopening || engine->phase == SK_PHASE_BROKEN) return;
    sk_slots_admit(engine);
    if (sk_list_is_empty(&engine->dirty_shards)) return;
    uint32_t shards_count = 0, events = 0;
    for (struct sk_list *at = engine->dirty_shards.next; at != &engine->dirty_shards;
         at = at->next) {
        shards_count += 1;
    }
    struct sk_flush *flush = flush_new(shards_count);
    bool no_memory = flush == NULL;
    while (shards_count > 0 && flush != NULL && !no_memory &&
           events < engine->options.batch_events_max) {
        shards_count -= 1;
        struct sk_shard *shard =
            sk_container_of(engine->dirty_shards.next, struct sk_shard, in_dirty);
        struct sk_work *work =
            next_work(shard, engine->options.batch_events_max - events, &no_memory);
        if (no_memory) break;
        sk_list_remove(&shard->in_dirty);
        if (work == NULL) continue;
        bool goes_alone = work->breaks >= SK_BREAKS_SHARED; /* B3 */
        if (goes_alone && flush->batch.parts_count > 0) {
            sk_list_push_front(&engine->dirty_shards, &shard->in_dirty); /* the next batch */
            break;
        }
        if (sk_shard_has_more(shard)) sk_list_push(&engine->dirty_shards, &shard->in_dirty);
        flush->works[flush->batch.parts_count++] = work;
        events += sk_work_events(work);
        if (goes_alone) break;
    }
    if (no_memory) {
        engine->cut_alarm.fn = on_cut_alarm;
        sk_alarm_set(engine, &engine->cut_alarm, sk_engine_now(engine) + SK_PAUSE_MS);
    }
    if (flush == NULL) return;
    if (flush->batch.parts_count > 0) {
        submit(engine, flush);
    } else {
        sk_arena_release(&flush->arena);
        sk_free(flush);
    }
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void free_flush(struct sk_flush *flush)
{
    sk_shell_unref(flush->shell);
    sk_arena_release(&flush->arena);
    sk_free(flush);
}

static void on_batch(void *context, struct sk_batch *batch)
{
    struct sk_flush *flush = context;
    struct sk_engine *engine = flush->shell->engine;
    if (engine == NULL) {
        for (uint32_t i = 0; i < batch->parts_count; i++) sk_work_free(flush->works[i]);
        free_flush(flush);
        return;
    }
    engine->flush = NULL;
    engine->busy_us += sk_engine_now_us(engine) - engine->busy_since_us;
    for (uint32_t i = 0; i < batch->parts_count; i++) {
        struct sk_work *work = flush->works[i];
        work->state = SK_WORK_WAITING;
        work->part.result = batch->parts[i].result;
        memcpy(work->part.message, batch->parts[i].message, sizeof work->part.message);
        work->part.message[sizeof work->part.message - 1] = '\0';
        sk_result_apply(work);
    }
    struct sk_shell *shell = sk_shell_ref(engine->shell);
    free_flush(flush);
    sk_batch_cut(engine);
    sk_waiters_flush(engine);
    if (shell->engine != NULL) sk_engine_turn(engine);
    sk_shell_unref(shell);
}

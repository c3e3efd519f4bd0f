/*
 * stop.c: a graceful end: nothing new starts, what flies is awaited, what is decided becomes
 * durable, the shards are given back.
 *
 *      STOPPING --no flights, or grace over--> cancel the rest --nothing dirty, no batch out-->
 *      give back
 *               --given back--> STOPPED, done
 *
 *   U1  From the stop on the rules start nothing: what arrives is recorded, and whoever opens next
 *       goes on from there. What was due before is sent, until the grace is over.
 *   U2  What cannot become durable within SK_STOP_EXTRA_MS after the grace was never acknowledged;
 *       `done` then says SKALD_E_AGAIN.
 */
#include "engine/engine_private.h"

static bool has_undurable(const struct sk_engine *engine)
{
    if (engine->flush != NULL || !sk_list_is_empty(&engine->dirty_shards)) return true;
    for (uint32_t i = 0; i < engine->shards_count; i++) {
        const struct sk_shard *shard = &engine->shards[i];
        if (!sk_list_is_empty(&shard->works) || !sk_list_is_empty(&shard->dirty)) return true;
    }
    return false;
}

static void cancel_flights(struct sk_engine *engine)
{
    struct sk_machine *machine, *next;
    HASH_ITER(hh, engine->machines, machine, next) sk_flights_cancel(machine);
}

static void tell_stopped(struct sk_engine *engine, void *context)
{
    (void)context;
    sk_engine_opened *stopped = engine->stopped;
    engine->stopped = NULL;
    skald_error error;
    if (stopped == NULL) return;
    if (engine->has_lost_at_stop) {
        (void)sk_error_set(&error, SKALD_E_AGAIN,
                           "not everything became durable; it was never acknowledged");
    }
    stopped(engine->stopped_context, engine->has_lost_at_stop ? SKALD_E_AGAIN : SKALD_OK,
            engine->has_lost_at_stop ? &error : NULL); /* last: it may free the engine */
}

static void finish(struct sk_engine *engine)
{
    engine->phase = SK_PHASE_STOPPED;
    sk_alarm_clear(engine, &engine->stop_alarm);
    sk_alarm_clear(engine, &engine->sweep_alarm);
    if (sk_engine_defer(engine, tell_stopped, NULL) != SKALD_OK) tell_stopped(engine, NULL);
}

static void fail_who_waits(struct sk_engine *engine)
{
    struct sk_machine *machine, *next;
    HASH_ITER(hh, engine->machines, machine, next)
    {
        sk_jobs_fail_waiters(machine, SKALD_E_CLOSED, "the engine has stopped");
        sk_waiters_fail_all(machine, SKALD_E_CLOSED, "the engine has stopped", true);
    }
    sk_waiters_flush(engine);
}

static void give_all_back(struct sk_engine *engine)
{
    engine->is_giving_back = true;
    fail_who_waits(engine);
    for (uint32_t i = 0; i < engine->shards_count; i++) {
        struct sk_shard *shard = &engine->shards[i];
        shard->is_wanted = false;
        if (sk_shard_is_held(shard)) sk_shard_give_back(shard);
    }
}

void sk_stop_check(struct sk_engine *engine)
{
    if (engine->phase != SK_PHASE_STOPPING) return;
    int64_t now_ms = sk_engine_now(engine);
    if (!engine->is_giving_back) {
        bool is_grace_over = now_ms >= engine->stop_at_ms;
        if (!is_grace_over && (engine->flights.count > 0 || has_undurable(engine))) return;
        cancel_flights(engine);
        bool is_late = now_ms >= engine->stop_at_ms + SK_STOP_EXTRA_MS;
        if (has_undurable(engine) && !is_late) return;
        engine->has_lost_at_stop = has_undurable(engine);
        if (engine->flush != NULL) return; /* the store still holds our memory */
        give_all_back(engine);
    }
    if (engine->giving_back == 0 || now_ms >= engine->stop_at_ms + SK_STOP_EXTRA_MS) finish(engine);
}

static void on_stop_alarm(struct sk_engine *engine, struct sk_alarm *alarm)
{
    sk_stop_check(engine);
    if (engine->phase == SK_PHASE_STOPPING)
        sk_alarm_set(engine, alarm, sk_engine_now(engine) + SK_PAUSE_MS);
}

void sk_engine_stop(struct sk_engine *engine, int64_t grace_ms, sk_engine_opened *done,
                    void *context)
{
    engine->stopped = done;
    engine->stopped_context = context;
    if (engine->phase == SK_PHASE_STOPPED || engine->phase == SK_PHASE_NEW ||
        engine->phase == SK_PHASE_BROKEN) {
        cancel_flights(engine);
        finish(engine);
        return;
    }
    engine->phase = SK_PHASE_STOPPING;
    engine->options.rules.starts_nothing = true;
    sk_polls_stop(engine);
    engine->stop_at_ms = sk_engine_now(engine) + (grace_ms > 0 ? grace_ms : 0);
    engine->stop_alarm.fn = on_stop_alarm;
    sk_alarm_set(engine, &engine->stop_alarm, engine->stop_at_ms);
    sk_batch_schedule(engine);
}

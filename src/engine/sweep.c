/*
 * sweep.c: every sweep_interval: what should move and does not is found, repaired, counted and
 * raised.
 *
 *   W11  Law 11: an active saga with nothing in flight, no timer and nothing awaited is a bug. It
 *        gets SK_COMMAND_SWEEP; one whose attempts are due but on no wire gets SK_COMMAND_RECOVER.
 *   Locks that nobody has wanted for a whole interval lose their rows.
 *   Also: undelivered messages are sent again, sagas without a new event for stuck_after and not
 *   waiting for anything are counted.
 */
#include "engine/engine_private.h"

static bool call_awaits(const struct sk_call *call)
{
    return call->state == SK_CALL_PENDING || call->state == SK_CALL_PARKED ||
           call->state == SK_CALL_PAUSED;
}

static bool awaits_anything(const struct sk_saga *saga)
{
    for (uint32_t i = 0; i < saga->locks_count; i++) {
        if (saga->locks[i].state == SK_LOCK_ASKED) return true;
    }
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++) {
            const struct sk_unit *unit = &saga->steps[s].units[i];
            if (call_awaits(&unit->action) || call_awaits(&unit->verify) ||
                call_awaits(&unit->undo))
                return true;
        }
    }
    return false;
}

static bool is_at_rest(const struct sk_machine *machine)
{
    return sk_machine_is_clean(machine) && machine->decision == NULL && machine->work == NULL &&
           machine->jobs_count == 0 && sk_list_is_empty(&machine->unsent);
}

static void repair(struct sk_machine *machine, enum sk_command_kind kind)
{
    struct sk_engine *engine = machine->engine;
    sk_engine_notice(engine, SK_LOG_ERROR, "saga.stalled", machine->id,
                     "nothing in flight and nothing awaited: repaired", SK_STR(""));
    struct sk_command command = {
        .kind = kind, .step = SK_STEP_NONE, .item = -1, .entropy = sk_engine_entropy(engine)
    };
    uint64_t before = sk_machine_seq(machine);
    sk_command_give(machine, &command, NULL);
    if (sk_machine_seq(machine) != before) {
        engine->stats.sweep_processed += 1;
    } else {
        engine->stats.sweep_failed += 1;
    }
}

/* A lock that was idle at two sweeps with nothing between them: its rows go. */
static void look_at_lock(struct sk_machine *machine)
{
    bool is_idle = sk_lock_is_idle(&machine->as.lock) && is_at_rest(machine);
    uint64_t seq = sk_machine_seq(machine);
    if (!is_idle || seq == 0 || machine->rested_seq != seq) {
        machine->rested_seq = is_idle ? seq : 0;
        return;
    }
    if (machine->is_removing || !sk_list_is_empty(&machine->removal)) return;
    sk_list_push(&machine->shard->removals, &machine->removal);
    sk_shard_mark_dirty(machine->shard);
}

static bool is_stuck(const struct sk_machine *machine, int64_t now_ms)
{
    const struct sk_saga *saga = &machine->as.saga;
    return !saga->is_suspended && !sk_saga_is_over(saga) && sk_saga_is_flying(saga) &&
           now_ms - saga->at_ms > machine->engine->options.stuck_after_ms;
}

static void look_at(struct sk_machine *machine, int64_t now_ms)
{
    struct sk_engine *engine = machine->engine;
    if (machine->state != SK_MACHINE_READY) return;
    if (!sk_shard_is_held(machine->shard)) return; /* given back: what flew was cancelled */
    if (machine->is_lock) {
        look_at_lock(machine);
        return;
    }
    const struct sk_saga *saga = &machine->as.saga;
    if (sk_saga_is_over(saga)) return;
    engine->stats.sweep_scanned += 1;
    sk_machine_settle(machine);
    if (saga->is_suspended || !is_at_rest(machine)) return;
    bool is_flying = sk_saga_is_flying(saga);
    if (is_stuck(machine, now_ms)) engine->stats.stuck += 1;
    if (is_flying && machine->flights_count == 0) {
        repair(machine, SK_COMMAND_RECOVER);
        return;
    }
    bool waits_for_slot = saga->state == SK_SAGA_PENDING && machine->admission.place != 0;
    if (is_flying || waits_for_slot || sk_saga_wake_at(saga) != INT64_MAX || awaits_anything(saga))
        return;
    repair(machine, SK_COMMAND_SWEEP);
}

static void on_definitions(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)context;
    /* A failure costs time only: what is not known is looked for when it is named. */
    if (rows->status == SKALD_OK) (void)!sk_plans_load(engine, rows);
}

/* Another node may have defined a newer version: `latest` is at most a sweep behind. */
static void reread_definitions(struct sk_engine *engine)
{
    struct sk_read read = { .kind = SK_READ_DEFINITIONS, .limit = UINT32_MAX };
    sk_engine_store_read(engine, &read, on_definitions, NULL);
}

static void look_at_all(struct sk_engine *engine)
{
    int64_t now_ms = sk_engine_now(engine);
    if (engine->phase != SK_PHASE_OPEN && engine->phase != SK_PHASE_OPENING) return;
    engine->stats.stuck = 0;
    engine->stats.sweep_at_ms = now_ms;
    struct sk_machine *machine, *next;
    HASH_ITER(hh, engine->machines, machine, next) look_at(machine, now_ms);
    for (uint32_t i = 0; i < engine->shards_count; i++) sk_shard_send_unsent(&engine->shards[i]);
    sk_siblings_sweep(engine, true);
    sk_messages_sweep(engine);
    sk_interests_sweep(engine);
    if (engine->store->is_shared) reread_definitions(engine);
}

static void sweep(struct sk_engine *engine, struct sk_alarm *alarm)
{
    sk_alarm_set(engine, alarm, sk_engine_now(engine) + engine->options.sweep_interval_ms);
    look_at_all(engine);
}

void sk_engine_sweep(struct sk_engine *engine)
{
    look_at_all(engine);
    sk_engine_turn(engine);
}

void sk_engine_each_stuck(struct sk_engine *engine,
                          void (*fn)(void *context, const struct sk_saga *saga), void *context)
{
    int64_t now_ms = sk_engine_now(engine);
    struct sk_machine *machine, *next;
    HASH_ITER(hh, engine->machines, machine, next)
    {
        if (machine->state != SK_MACHINE_READY || machine->is_lock || !sk_machine_is_clean(machine))
            continue;
        if (is_stuck(machine, now_ms)) fn(context, &machine->as.saga);
    }
}

void sk_sweep_init(struct sk_engine *engine)
{
    engine->sweep_alarm.fn = sweep;
    sk_alarm_set(engine, &engine->sweep_alarm,
                 sk_engine_now(engine) + engine->options.sweep_interval_ms);
}

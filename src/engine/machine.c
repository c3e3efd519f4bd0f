/*
 * machine.c: the machines (sagas and locks) in memory: found by id, given up, dropped.
 *
 *              get: not in memory                 new id drawn
 *                     |                                |
 *                     v            nothing stored      v
 *                  LOADING --------------------------> ABSENT --START, message--> READY
 *                   ^   \-------- folded ----------------------------------------^  |
 *                   |                                                              |
 *                 STALE <---- reset: no memory, refused, or its load failed --------+
 *
 *   M1  The state in memory of a machine that is not READY means nothing.
 *   M2  reset gives up what was decided and is not durable: nobody was told of it (law 2). Attempts
 *       on the wire are cancelled here and redriven after the fold.
 *   M3  A machine leaves memory only when nothing points to it, everything it decided is durable
 *       and its time to wake stands in the shard's heap of parked sagas (parked.c).
 */
#include "engine/engine_private.h"

#include "base/spare.h"

static bool is_lock_id(struct sk_str id)
{
    return sk_str_starts(id, SK_STR("@lock/"));
}

bool sk_machine_is_saga(const struct sk_machine *machine)
{
    return !machine->is_lock;
}

uint64_t sk_machine_seq(const struct sk_machine *machine)
{
    if (machine->state != SK_MACHINE_READY) return machine->durable_seq;
    return machine->is_lock ? machine->as.lock.seq : machine->as.saga.seq;
}

bool sk_machine_is_clean(const struct sk_machine *machine)
{
    return machine->state == SK_MACHINE_READY && sk_machine_seq(machine) == machine->durable_seq;
}

struct sk_machine *sk_machine_find_at(struct sk_engine *engine, struct sk_str id, uint64_t hash)
{
    struct sk_machine *machine = NULL;
    SK_TABLE_FIND_AT(engine->machines, id, hash, machine);
    return machine;
}

struct sk_machine *sk_machine_find(struct sk_engine *engine, struct sk_str id)
{
    return sk_machine_find_at(engine, id, sk_hash_id(id));
}

static void on_wake(struct sk_engine *engine, struct sk_alarm *alarm)
{
    struct sk_machine *machine = sk_container_of(alarm, struct sk_machine, wake);
    switch (machine->state) {
    case SK_MACHINE_LOADING: return;
    case SK_MACHINE_ABSENT: sk_jobs_run(machine); return;
    case SK_MACHINE_STALE:
        if (machine->work == NULL) sk_load_start(machine, NULL);
        return;
    case SK_MACHINE_READY: break;
    }
    int64_t now_ms = sk_engine_now(engine);
    if (!sk_command_can_run(machine)) {
        sk_alarm_set(engine, alarm, now_ms + SK_PAUSE_MS);
        return;
    }
    uint64_t before = sk_machine_seq(machine);
    struct sk_command command = { .kind = SK_COMMAND_WAKE,
                                  .step = SK_STEP_NONE,
                                  .item = -1,
                                  .entropy = sk_engine_entropy(engine) };
    machine->wake_floor_ms = now_ms + SK_PAUSE_MS;
    if (!sk_command_decide(machine, &command, NULL)) return;
    if (sk_machine_seq(machine) != before) {
        machine->wake_floor_ms = 0;
        sk_machine_settle(machine);
    }
}

/* Ids of this size fit into any machine, so that it can be used again. */
enum { ID_SIZE_USUAL = 63, MACHINE_SIZE_USUAL = sizeof(struct sk_machine) + ID_SIZE_USUAL + 1 };

static struct sk_machine *take_spare(struct sk_engine *engine)
{
    struct sk_machine *machine = sk_spare_take(&engine->machines_spare, MACHINE_SIZE_USUAL,
                                               offsetof(struct sk_machine, in_shard));
    if (machine != NULL) engine->machines_spare_count -= 1;
    return machine;
}

static struct sk_machine *take_machine(struct sk_engine *engine, size_t id_size)
{
    if (id_size > ID_SIZE_USUAL) return sk_alloc(sizeof(struct sk_machine) + id_size + 1);
    struct sk_machine *machine = take_spare(engine);
    if (machine == NULL) return sk_alloc(MACHINE_SIZE_USUAL);
    struct sk_arena memory = machine->memory;
    memset(machine, 0, sizeof *machine);
    machine->memory = memory;
    return machine;
}

static void give_back(struct sk_engine *engine, struct sk_machine *machine)
{
    if (machine->id.size > ID_SIZE_USUAL || engine->machines_spare_count == SK_MACHINES_SPARE_MAX) {
        sk_arena_release(&machine->memory);
        sk_free(machine);
        return;
    }
    sk_spare_put(&engine->machines_spare, machine, MACHINE_SIZE_USUAL, &machine->in_shard);
    engine->machines_spare_count += 1;
}

void sk_machines_release_spare(struct sk_engine *engine)
{
    struct sk_machine *machine;
    while ((machine = take_spare(engine)) != NULL) {
        sk_arena_release(&machine->memory);
        sk_free(machine);
    }
}

struct sk_machine *sk_machine_new_at(struct sk_engine *engine, struct sk_shard *shard,
                                     struct sk_str id, uint64_t hash)
{
    struct sk_machine *machine = take_machine(engine, id.size);
    if (machine == NULL) return NULL;
    memcpy(machine->id_text, id.data, id.size);
    machine->id_text[id.size] = '\0';
    machine->id = (struct sk_str){ machine->id_text, id.size };
    machine->engine = engine;
    machine->shard = shard;
    machine->state = SK_MACHINE_ABSENT;
    machine->is_lock = is_lock_id(id);
    machine->order = ++engine->next_order;
    machine->wake.fn = on_wake;
    struct sk_list *lists[] = { &machine->in_shard, &machine->dirty,   &machine->unsent,
                                &machine->lru,      &machine->jobs,    &machine->waiters,
                                &machine->watchers, &machine->flights, &machine->arrivals,
                                &machine->load,     &machine->removal };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) sk_list_init(lists[i]);
    bool is_added = false;
    SK_TABLE_ADD_AT(engine->machines, machine, machine->id, hash, is_added);
    if (!is_added) {
        give_back(engine, machine);
        return NULL;
    }
    sk_list_push(&shard->machines, &machine->in_shard);
    return machine;
}

struct sk_machine *sk_machine_new(struct sk_engine *engine, struct sk_shard *shard,
                                  struct sk_str id)
{
    return sk_machine_new_at(engine, shard, id, sk_hash_id(id));
}

struct sk_machine *sk_machine_get_at(struct sk_engine *engine, struct sk_str id, uint64_t hash)
{
    struct sk_machine *machine = sk_machine_find_at(engine, id, hash);
    if (machine != NULL) return machine;
    machine = sk_machine_new_at(engine, sk_shard_at(engine, hash), id, hash);
    if (machine != NULL) sk_load_start(machine, NULL);
    return machine;
}

struct sk_machine *sk_machine_get(struct sk_engine *engine, struct sk_str id)
{
    return sk_machine_get_at(engine, id, sk_hash_id(id));
}

/* The state is the fold of its events (C6 of saga.h), so it says the same until the next one. */
const struct sk_outlook *sk_machine_outlook(struct sk_machine *machine)
{
    const struct sk_saga *saga = &machine->as.saga;
    struct sk_outlook *outlook = &machine->outlook;
    if (outlook->seq == saga->seq && saga->seq != 0) return outlook;
    *outlook = (struct sk_outlook){ .seq = saga->seq,
                                    .wake_at_ms = sk_saga_wake_at(saga),
                                    .is_over = sk_saga_is_over(saga),
                                    .is_working = sk_saga_is_working(saga) };
    outlook->is_flying = outlook->is_working || sk_saga_is_flying(saga);
    return outlook;
}

/* ---- leaving memory -------------------------------------------------------------------------- */

static void leave_lru(struct sk_machine *machine)
{
    if (sk_list_is_empty(&machine->lru)) return;
    sk_list_remove(&machine->lru);
    machine->engine->idle_count -= 1;
}

bool sk_machine_is_idle(struct sk_machine *machine)
{
    if (machine->state == SK_MACHINE_LOADING || machine->state == SK_MACHINE_STALE) return false;
    if (machine->state == SK_MACHINE_READY && !sk_machine_is_clean(machine)) return false;
    if (machine->work != NULL || machine->decision != NULL || machine->resolving != NULL)
        return false;
    if (!sk_list_is_empty(&machine->dirty) || !sk_list_is_empty(&machine->unsent)) return false;
    if (machine->jobs_count > 0 || machine->flights_count > 0 || machine->ready_count > 0)
        return false;
    if (!sk_list_is_empty(&machine->waiters) || !sk_list_is_empty(&machine->watchers)) return false;
    if (machine->is_removing || !sk_list_is_empty(&machine->removal)) return false;
    if (!sk_list_is_empty(&machine->arrivals) || machine->admission.place != 0) return false;
    if (machine->state == SK_MACHINE_ABSENT || machine->is_lock) return true;
    const struct sk_outlook *outlook = sk_machine_outlook(machine);
    return outlook->is_over || !outlook->is_flying;
}

static void settle_wake(struct sk_machine *machine)
{
    if (machine->state != SK_MACHINE_READY || machine->is_lock) return;
    int64_t wake_at_ms = sk_machine_outlook(machine)->wake_at_ms;
    if (machine->engine->options.rules.starts_nothing) wake_at_ms = INT64_MAX;
    if (wake_at_ms == INT64_MAX) {
        sk_alarm_clear(machine->engine, &machine->wake);
        return;
    }
    if (wake_at_ms < machine->wake_floor_ms) wake_at_ms = machine->wake_floor_ms;
    sk_alarm_set(machine->engine, &machine->wake, wake_at_ms);
}

/* What its state asks for has been done since it moved last: its alarm, its slot, its tasks. */
static bool is_settled(const struct sk_machine *machine)
{
    const struct sk_saga *saga = &machine->as.saga;
    return machine->state == SK_MACHINE_READY && !machine->is_lock && machine->is_admitted &&
           machine->settled_seq != 0 && machine->settled_seq == saga->seq &&
           !machine->engine->options.rules.starts_nothing &&
           (machine->outlook.wake_at_ms == INT64_MAX || sk_alarm_is_set(&machine->wake));
}

static void settle_state(struct sk_machine *machine)
{
    settle_wake(machine);
    sk_slot_settle(machine);
    sk_tasks_settle(machine);
    machine->settled_seq = 0;
    if (machine->state != SK_MACHINE_READY || machine->is_lock || machine->wake_floor_ms != 0)
        return;
    bool has_tasks = (machine->as.saga.plan->kinds >> SK_KIND_TASK & 1u) != 0u;
    if (!has_tasks) machine->settled_seq = machine->as.saga.seq;
}

void sk_machine_settle(struct sk_machine *machine)
{
    if (!is_settled(machine)) settle_state(machine);
    leave_lru(machine);
    if (sk_machine_is_idle(machine)) {
        sk_list_push(&machine->engine->idle, &machine->lru);
        machine->engine->idle_count += 1;
    }
}

void sk_machine_unfold(struct sk_machine *machine)
{
    if (machine->is_folded && machine->is_lock) sk_lock_release(&machine->as.lock);
    if (machine->is_folded && !machine->is_lock)
        sk_saga_give_back(&machine->as.saga, &machine->memory);
    machine->is_folded = false;
    memset(&machine->as, 0, sizeof machine->as);
    machine->outlook = (struct sk_outlook){ 0 };
    machine->settled_seq = 0;
    if (machine->entry != NULL) machine->entry->plan->refs -= 1;
    machine->entry = NULL;
    machine->has_tally = false;
    machine->is_held = false;
    machine->is_admitted = false;
    machine->state = SK_MACHINE_ABSENT;
}

static void give_up_decided(struct sk_machine *machine)
{
    sk_removal_forget(machine);
    if (machine->decision != NULL) sk_decision_give_back(machine->engine, machine->decision);
    machine->decision = NULL;
    sk_list_remove(&machine->dirty);
    sk_list_remove(&machine->unsent);
    sk_list_remove(&machine->removal);
    machine->is_removing = false;
    while (!sk_list_is_empty(&machine->arrivals)) {
        struct sk_incoming *incoming =
            sk_container_of(machine->arrivals.next, struct sk_incoming, node);
        sk_list_remove(&incoming->node);
        sk_inbox_lost(machine->shard, incoming);
    }
}

void sk_machine_reset(struct sk_machine *machine, enum skald_status status, const char *why)
{
    struct sk_engine *engine = machine->engine;
    sk_flights_cancel(machine);
    sk_slot_leave(machine);
    leave_lru(machine);
    give_up_decided(machine);
    sk_waiters_fail_all(machine, status, why, false);
    sk_machine_unfold(machine);
    machine->needs_recover = true;
    bool is_stored = machine->durable_seq > 0 || machine->work != NULL;
    machine->state = is_stored ? SK_MACHINE_STALE : SK_MACHINE_ABSENT;
    sk_alarm_set(engine, &machine->wake, sk_engine_now(engine) + SK_PAUSE_MS);
}

void sk_machine_set_aside(struct sk_machine *machine, enum skald_status status, const char *why)
{
    struct sk_engine *engine = machine->engine;
    sk_machine_reset(machine, status, why);
    sk_jobs_fail_waiters(machine, status, why);
    if (machine->state != SK_MACHINE_STALE) return; /* an import: nothing of it is stored */
    machine->unreadable = status;
    sk_alarm_set(engine, &machine->wake, sk_engine_now(engine) + engine->options.sweep_interval_ms);
}

void sk_machine_break(struct sk_machine *machine, struct sk_waiter *waiter, const char *why)
{
    sk_engine_notice(machine->engine, SK_LOG_ERROR, "saga.broken", machine->id, why, SK_STR(""));
    if (waiter != NULL) sk_waiter_fail(waiter, SKALD_E_CORRUPT, why);
    sk_machine_set_aside(machine, SKALD_E_CORRUPT, why);
}

void sk_machine_after_work(struct sk_machine *machine)
{
    if (machine->state != SK_MACHINE_STALE) return;
    if (machine->durable_seq == 0) machine->state = SK_MACHINE_ABSENT;
    sk_alarm_set(machine->engine, &machine->wake, sk_engine_now(machine->engine));
}

static void forget_in_work(struct sk_machine *machine)
{
    if (machine->work == NULL) return;
    for (uint32_t i = 0; i < machine->work->items_count; i++) {
        if (machine->work->items[i].machine == machine) machine->work->items[i].machine = NULL;
    }
}

static void free_machine(struct sk_machine *machine)
{
    struct sk_engine *engine = machine->engine;
    sk_load_forget(machine);
    sk_start_forget(machine);
    sk_start_key_end(machine);
    leave_lru(machine);
    forget_in_work(machine);
    sk_machine_unfold(machine);
    sk_alarm_clear(engine, &machine->wake);
    sk_list_remove(&machine->in_shard);
    SK_TABLE_REMOVE(engine->machines, machine);
    give_back(engine, machine);
}

void sk_machine_discard(struct sk_machine *machine)
{
    bool is_stub = machine->state == SK_MACHINE_LOADING && machine->reading == NULL;
    if (is_stub) machine->state = SK_MACHINE_ABSENT;
    if (sk_machine_is_idle(machine)) {
        free_machine(machine);
    } else {
        sk_machine_settle(machine);
    }
}

void sk_machine_drop(struct sk_machine *machine, enum skald_status status, const char *why)
{
    sk_flights_cancel(machine);
    sk_slot_leave(machine);
    give_up_decided(machine);
    sk_jobs_fail_waiters(machine, status, why);
    sk_jobs_release(machine);
    sk_waiters_fail_all(machine, status, why, true);
    sk_waiters_detach(machine);
    free_machine(machine);
}

void sk_machine_free_all(struct sk_engine *engine)
{
    struct sk_machine *machine, *next;
    HASH_ITER(hh, engine->machines, machine, next)
    {
        sk_flights_cancel(machine);
        sk_slot_leave(machine);
        if (machine->decision != NULL) sk_decision_give_back(engine, machine->decision);
        machine->decision = NULL;
        sk_jobs_release(machine);
        free_machine(machine);
    }
}

/* M3: out of memory only with its time to wake written down. */
static bool may_leave(const struct sk_machine *machine)
{
    if (machine->state != SK_MACHINE_READY || machine->is_lock) return true;
    const struct sk_saga *saga = &machine->as.saga;
    int64_t wake_at_ms = sk_saga_is_over(saga) ? INT64_MAX : sk_saga_wake_at(saga);
    return sk_parked_add(machine->shard, machine->no, wake_at_ms);
}

void sk_machines_shrink(struct sk_engine *engine)
{
    uint32_t tries = 16;
    while (engine->idle_count > engine->options.cache_sagas_max && tries > 0) {
        struct sk_machine *machine = sk_container_of(engine->idle.next, struct sk_machine, lru);
        if (sk_machine_is_idle(machine) && may_leave(machine)) {
            free_machine(machine);
            continue;
        }
        tries -= 1;
        sk_list_remove(&machine->lru);
        sk_list_push(&engine->idle, &machine->lru);
    }
}

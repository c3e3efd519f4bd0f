/*
 * read.c: get and wait: a saga as of its durable state.
 *
 *   R1  What is handed out is the machine in memory, at a moment when it equals what is durable
 *       (W1).
 *   R2  A saga out of memory is loaded; asking changes nothing in it.
 */
#include "engine/engine_private.h"

static void on_wait_timeout(struct sk_engine *engine, struct sk_alarm *alarm)
{
    (void)engine;
    struct sk_waiter *waiter = sk_container_of(alarm, struct sk_waiter, alarm);
    waiter->is_watch = false;
    if (waiter->machine != NULL) {
        sk_waiter_attach(waiter, waiter->machine, sk_machine_seq(waiter->machine));
    }
}

void sk_read_machine(struct sk_machine *machine, struct sk_waiter *waiter)
{
    waiter->machine = machine;
    if (!waiter->is_watch) {
        sk_waiter_attach(waiter, machine, sk_machine_seq(machine));
        return;
    }
    sk_list_remove(&waiter->node);
    sk_list_push(&machine->watchers, &waiter->node);
    sk_waiters_check(machine);
}

static void read_any(struct sk_engine *engine, struct sk_str saga_id, struct sk_waiter *waiter)
{
    waiter->is_read = true;
    uint64_t hash = sk_hash_id(saga_id);
    if (engine->shards_count == 0 || !sk_shard_is_held(sk_shard_at(engine, hash))) {
        sk_waiter_fail(waiter, SKALD_E_AGAIN, "the saga's shard is not served by this node now");
        return;
    }
    struct sk_machine *machine = sk_machine_get_at(engine, saga_id, hash);
    if (machine == NULL) {
        sk_waiter_fail(waiter, SKALD_E_MEMORY, "out of memory");
        return;
    }
    /* One that is being removed may be gone before the answer leaves. */
    if (machine->state == SK_MACHINE_READY && !machine->is_removing) {
        sk_read_machine(machine, waiter);
        return;
    }
    struct sk_job *job = sk_job_new(SK_JOB_READ, &(struct sk_command){ 0 }, SK_STR(""), waiter);
    if (job == NULL) {
        sk_waiter_fail(waiter, SKALD_E_MEMORY, "out of memory");
        return;
    }
    sk_job_push(machine, job);
    sk_jobs_run(machine); /* known to be absent: answered now */
}

static void read_saga(struct sk_engine *engine, struct sk_str saga_id, struct sk_waiter *waiter)
{
    if (sk_id_is_saga(saga_id)) {
        read_any(engine, saga_id, waiter);
    } else {
        sk_waiter_fail(waiter, SKALD_E_NOT_FOUND, "no such saga");
    }
}

void sk_engine_get_lock(struct sk_engine *engine, struct sk_str lock_id, sk_engine_done *done,
                        void *context)
{
    struct sk_waiter *waiter = sk_waiter_new(engine, done, context);
    if (waiter == NULL) return;
    if (sk_str_starts(lock_id, SK_STR("@lock/"))) {
        read_any(engine, lock_id, waiter);
    } else {
        sk_waiter_fail(waiter, SKALD_E_NOT_FOUND, "no such lock");
    }
    sk_engine_turn(engine);
}

void sk_engine_get(struct sk_engine *engine, struct sk_str saga_id, sk_engine_done *done,
                   void *context)
{
    struct sk_waiter *waiter = sk_waiter_new(engine, done, context);
    if (waiter == NULL) return;
    read_saga(engine, saga_id, waiter);
    sk_engine_turn(engine);
}

void sk_engine_wait(struct sk_engine *engine, struct sk_str saga_id, int64_t timeout_ms,
                    sk_engine_done *done, void *context)
{
    struct sk_waiter *waiter = sk_waiter_new(engine, done, context);
    if (waiter == NULL) return;
    waiter->is_watch = timeout_ms > 0;
    waiter->alarm.fn = on_wait_timeout;
    if (timeout_ms > 0) {
        int64_t now_ms = sk_engine_now(engine);
        sk_alarm_set(engine, &waiter->alarm,
                     timeout_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + timeout_ms);
    }
    read_saga(engine, saga_id, waiter);
    sk_engine_turn(engine);
}

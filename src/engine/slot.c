/*
 * slot.c: max_concurrent_sagas: who may leave `pending`, in order of priority and then of age.
 *
 *   L1  A slot is used by a saga that is running, not suspended, and has work in flight. Parked and
 *       suspended sagas use none; undoing is never held back.
 *   L2  slots_used is the number of machines with in_slot.
 *   L3  A saga is admitted once; waiting for locks afterwards uses no slot.
 */
#include "engine/engine_private.h"

static bool uses_slot(struct sk_machine *machine)
{
    if (machine->state != SK_MACHINE_READY || machine->is_lock) return false;
    const struct sk_saga *saga = &machine->as.saga;
    return saga->state == SK_SAGA_RUNNING && !saga->is_suspended &&
           sk_machine_outlook(machine)->is_working;
}

static bool wants_slot(const struct sk_machine *machine)
{
    if (machine->state != SK_MACHINE_READY || machine->is_lock || machine->is_admitted)
        return false;
    const struct sk_saga *saga = &machine->as.saga;
    return saga->state == SK_SAGA_PENDING && !saga->is_suspended;
}

void sk_slot_settle(struct sk_machine *machine)
{
    struct sk_engine *engine = machine->engine;
    bool uses = uses_slot(machine);
    if (uses && !machine->in_slot) engine->slots_used += 1;
    if (!uses && machine->in_slot) engine->slots_used -= 1;
    machine->in_slot = uses;
    bool wants = wants_slot(machine);
    if (!wants && machine->admission.place != 0)
        sk_heap_remove(&engine->admissions, &machine->admission);
    if (wants && machine->admission.place == 0) {
        /* Out of memory: the sweep settles it again. */
        (void)!sk_heap_put(&engine->admissions, &machine->admission,
                           -(int64_t)machine->as.saga.start.priority, machine->order);
    }
    if (engine->admissions.count > 0 && sk_slot_is_free(engine)) sk_batch_schedule(engine);
}

void sk_slot_leave(struct sk_machine *machine)
{
    if (machine->in_slot) machine->engine->slots_used -= 1;
    machine->in_slot = false;
    sk_heap_remove(&machine->engine->admissions, &machine->admission);
}

bool sk_slot_is_free(const struct sk_engine *engine)
{
    return engine->slots_used < engine->options.sagas_max;
}

void sk_slots_admit(struct sk_engine *engine)
{
    while (sk_slot_is_free(engine) && !engine->options.rules.starts_nothing) {
        struct sk_heap_node *node = sk_heap_first(&engine->admissions);
        if (node == NULL) return;
        struct sk_machine *machine = sk_container_of(node, struct sk_machine, admission);
        sk_heap_remove(&engine->admissions, node);
        machine->is_admitted = true;
        struct sk_command command = { .kind = SK_COMMAND_ADMIT,
                                      .step = SK_STEP_NONE,
                                      .item = -1,
                                      .entropy = sk_engine_entropy(engine) };
        sk_command_give(machine, &command, NULL);
    }
}

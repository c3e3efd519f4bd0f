/*
 * command.c: a command meets its machine: decided at once on the loop's turn, or queued.
 *
 *   K1  Commands of one machine run in the order in which they came.
 *   K2  What is decided is collected in machine->decision until the shard's next part is cut.
 *   K3  Out of memory poisons the fold: the machine is reset, and nothing that was acknowledged is
 *       lost, for nothing is acknowledged before it is durable.
 *   K4  While the shard is degraded results, timers and operators' commands are still decided; new
 *       starts and signals are refused with SKALD_E_AGAIN.
 */
#include "engine/engine_private.h"

#include "base/spare.h"

struct spare {
    struct sk_list node;
    struct sk_decision decision;
};

/* ---- decisions ------------------------------------------------------------------------------- */

static struct sk_decision *take_decision(struct sk_engine *engine)
{
    struct spare *spare = SK_SPARE_TAKE(&engine->decisions_spare, struct spare, node);
    if (spare != NULL) return &spare->decision;
    spare = sk_alloc(sizeof *spare);
    if (spare == NULL) return NULL;
    sk_list_init(&spare->node);
    sk_decision_init(&spare->decision);
    spare->decision.scratch = &engine->scratch;
    return &spare->decision;
}

void sk_decision_give_back(struct sk_engine *engine, struct sk_decision *decision)
{
    struct spare *spare = sk_container_of(decision, struct spare, decision);
    if (engine == NULL || decision->data.capacity > 64u * 1024u || decision->failed) {
        sk_decision_release(decision);
        sk_free(spare);
        return;
    }
    sk_decision_clear(decision);
    SK_SPARE_PUT(&engine->decisions_spare, spare, node);
}

void sk_decisions_release(struct sk_engine *engine)
{
    struct spare *spare;
    while ((spare = SK_SPARE_TAKE(&engine->decisions_spare, struct spare, node)) != NULL) {
        sk_decision_release(&spare->decision);
        sk_free(spare);
    }
}

void sk_shard_mark_dirty(struct sk_shard *shard)
{
    if (sk_list_is_empty(&shard->in_dirty)) {
        sk_list_push(&shard->engine->dirty_shards, &shard->in_dirty);
    }
    sk_batch_schedule(shard->engine);
}

void sk_machine_mark_dirty(struct sk_machine *machine)
{
    if (sk_list_is_empty(&machine->dirty)) sk_list_push(&machine->shard->dirty, &machine->dirty);
    sk_shard_mark_dirty(machine->shard);
}

struct sk_decision *sk_machine_decision(struct sk_machine *machine)
{
    if (machine->decision == NULL) {
        machine->decision = take_decision(machine->engine);
        machine->decided_us = sk_engine_now_us(machine->engine);
        machine->decided_busy_us = machine->engine->busy_us;
        if (machine->engine->flush != NULL) {
            machine->decided_busy_us += machine->decided_us - machine->engine->busy_since_us;
        }
    }
    return machine->decision;
}

/* ---- deciding -------------------------------------------------------------------------------- */

bool sk_command_can_run(const struct sk_machine *machine)
{
    return machine->state == SK_MACHINE_READY && !machine->is_held && !machine->is_removing &&
           machine->resolving == NULL && machine->reading == NULL && machine->ready_count == 0 &&
           sk_shard_is_held(machine->shard);
}

/* Has it had its effect before, so that an OK that changes nothing means "again"? */
static bool was_seen(const struct sk_saga *saga, const struct sk_command *command)
{
    if (command->kind == SK_COMMAND_COMPLETE) return true;
    if (command->id.size == 0) return false;
    if (command->kind == SK_COMMAND_SIGNAL) return sk_saga_signal(saga, command->id) != NULL;
    for (uint32_t i = 0; i < saga->command_ids_count; i++) {
        if (sk_str_equal(saga->command_ids[i], command->id)) return true;
    }
    return false;
}

bool sk_command_decide(struct sk_machine *machine, const struct sk_command *command,
                       struct sk_waiter *waiter)
{
    struct sk_engine *engine = machine->engine;
    struct sk_saga *saga = &machine->as.saga;
    struct sk_decision *decision = sk_machine_decision(machine);
    skald_error error;
    sk_error_begin(&error, SKALD_E_MEMORY);
    enum skald_status status = SKALD_E_MEMORY;
    bool is_seen = was_seen(saga, command);
    uint64_t before = saga->seq;
    if (decision != NULL) {
        status = sk_saga_decide(saga, command, sk_engine_now(engine), &engine->options.rules,
                                decision, &error);
    }
    if (decision != NULL && decision->is_corrupt) {
        sk_machine_break(machine, waiter, error.message);
        return false;
    }
    if (decision == NULL || status == SKALD_E_MEMORY || decision->failed) {
        if (waiter != NULL) sk_waiter_fail(waiter, SKALD_E_MEMORY, "out of memory");
        sk_machine_reset(machine, SKALD_E_MEMORY, "out of memory");
        return false;
    }
    if (status != SKALD_OK && saga->seq == 0) { /* a start that was refused */
        if (waiter != NULL) sk_waiter_fail_error(waiter, status, &error);
        sk_decision_give_back(engine, decision);
        machine->decision = NULL;
        sk_machine_unfold(machine);
        return false;
    }
    /* Suspended before its turn came: it asks again when it is resumed. */
    if (command->kind == SK_COMMAND_ADMIT && saga->is_suspended) machine->is_admitted = false;
    if (decision->events_count == 0 && decision->messages_count == 0) {
        sk_decision_give_back(engine, decision);
        machine->decision = NULL;
    } else {
        sk_machine_mark_dirty(machine);
    }
    if (waiter != NULL) {
        waiter->is_replayed = status == SKALD_OK && is_seen && saga->seq == before;
        waiter->is_pending_direction = status == SKALD_OK && command->kind == SK_COMMAND_CANCEL &&
                                       saga->wish == SK_REASON_CANCEL;
        if (status != SKALD_OK) {
            if (error.status != status)
                (void)sk_error_set(&error, status, "%s", skald_status_text(status));
            waiter->has_failed = true;
            waiter->error = error;
            if (status == SKALD_E_LIMIT) waiter->retry_after_ms = SK_RETRY_AFTER_MS;
        }
        sk_waiter_attach(waiter, machine, saga->seq);
    }
    /* Who starts and is admitted goes on with ADMIT at once: sk_starting_run. */
    bool goes_on = command->kind == SK_COMMAND_START && machine->is_admitted;
    if (!goes_on) sk_machine_settle(machine);
    return true;
}

void sk_command_give(struct sk_machine *machine, const struct sk_command *command,
                     struct sk_waiter *waiter)
{
    if (sk_list_is_empty(&machine->jobs) && sk_command_can_run(machine)) {
        (void)sk_command_decide(machine, command, waiter);
        return;
    }
    struct sk_job *job = sk_job_new(SK_JOB_COMMAND, command, SK_STR(""), waiter);
    if (job != NULL) {
        sk_job_push(machine, job);
        return;
    }
    if (waiter != NULL) {
        sk_waiter_fail(waiter, SKALD_E_MEMORY, "out of memory");
    } else if (machine->state == SK_MACHINE_READY) {
        /* A result must not be lost: as after a crash, its attempt is redriven. */
        sk_machine_reset(machine, SKALD_E_MEMORY, "out of memory");
    }
}

/* ---- asked from outside ---------------------------------------------------------------------- */

static bool is_operators(enum sk_command_kind kind)
{
    switch (kind) {
    case SK_COMMAND_SIGNAL:
    case SK_COMMAND_CANCEL:
    case SK_COMMAND_FORCE_CANCEL:
    case SK_COMMAND_FORCE_COMPLETE:
    case SK_COMMAND_RETRY:
    case SK_COMMAND_SKIP_STEP:
    case SK_COMMAND_SUSPEND:
    case SK_COMMAND_RESUME: return true;
    case SK_COMMAND_START:
    case SK_COMMAND_ADMIT:
    case SK_COMMAND_RECOVER:
    case SK_COMMAND_WAKE:
    case SK_COMMAND_OUTCOME:
    case SK_COMMAND_COMPLETE:
    case SK_COMMAND_MESSAGE:
    case SK_COMMAND_SWEEP:
    case SK_COMMAND_TAKE:
    case SK_COMMAND_HEARTBEAT:
    case SK_COMMANDS_COUNT: break;
    }
    return false;
}

struct sk_machine *sk_command_addressee(struct sk_engine *engine, struct sk_str saga_id,
                                        bool needs_store, struct sk_waiter *waiter)
{
    if (!sk_id_is_saga(saga_id)) {
        sk_waiter_fail(waiter, SKALD_E_NOT_FOUND, "no such saga");
        return NULL;
    }
    if (engine->phase == SK_PHASE_STOPPED || engine->phase == SK_PHASE_BROKEN) {
        sk_waiter_fail(waiter, SKALD_E_CLOSED, "the engine has stopped");
        return NULL;
    }
    uint64_t hash = sk_hash_id(saga_id);
    struct sk_shard *shard = engine->shards_count == 0 ? NULL : sk_shard_at(engine, hash);
    if (shard == NULL || !sk_shard_is_held(shard)) {
        sk_waiter_fail(waiter, SKALD_E_AGAIN, "the saga's shard is not served by this node now");
        return NULL;
    }
    if (needs_store && shard->state == SK_SHARD_DEGRADED) {
        sk_waiter_fail(waiter, SKALD_E_AGAIN, "the store is away; try again later");
        return NULL;
    }
    struct sk_machine *machine = sk_machine_get_at(engine, saga_id, hash);
    if (machine == NULL) sk_waiter_fail(waiter, SKALD_E_MEMORY, "out of memory");
    return machine;
}

static void give_named(struct sk_machine *machine, const struct sk_command *command,
                       struct sk_str step_name, struct sk_waiter *waiter)
{
    struct sk_job *job = sk_job_new(SK_JOB_COMMAND, command, step_name, waiter);
    if (job == NULL) {
        sk_waiter_fail(waiter, SKALD_E_MEMORY, "out of memory");
        return;
    }
    job->command.entropy = sk_engine_entropy(machine->engine);
    sk_job_push(machine, job);
    sk_jobs_run(machine);
}

static void address(struct sk_engine *engine, struct sk_str saga_id,
                    const struct sk_command *command, struct sk_str step_name, bool needs_store,
                    struct sk_waiter *waiter)
{
    if (sk_errand_is_due(engine, saga_id)) {
        sk_errand_command(engine, saga_id, command, step_name, needs_store, waiter);
        return;
    }
    struct sk_machine *machine = sk_command_addressee(engine, saga_id, needs_store, waiter);
    if (machine != NULL) give_named(machine, command, step_name, waiter);
}

void sk_command_ask_for(struct sk_engine *engine, struct sk_str saga_id,
                        const struct sk_command *command, struct sk_str step_name, bool needs_store,
                        sk_engine_done *done, void *context)
{
    struct sk_waiter *waiter = sk_waiter_new(engine, done, context);
    if (waiter != NULL) address(engine, saga_id, command, step_name, needs_store, waiter);
    sk_engine_turn(engine);
}

void sk_engine_command(struct sk_engine *engine, struct sk_str saga_id,
                       const struct sk_command *command, struct sk_str step_name,
                       sk_engine_done *done, void *context)
{
    struct sk_waiter *waiter = sk_waiter_new(engine, done, context);
    if (waiter == NULL) return;
    bool is_json = command->body.size == 0 || sk_json_check(command->body, NULL) == SKALD_OK;
    if (!is_operators(command->kind) || !is_json) {
        sk_waiter_fail(waiter, SKALD_E_ARGUMENT,
                       is_json ? "not a command for operators" : "the body is not JSON");
    } else if (command->body.size > engine->options.input_size_max) {
        sk_waiter_fail(waiter, SKALD_E_TOO_LARGE, "the body is larger than limits.input_max");
    } else {
        bool is_signal = command->kind == SK_COMMAND_SIGNAL;
        address(engine, saga_id, command, step_name, is_signal, waiter);
    }
    sk_engine_turn(engine);
}

void sk_engine_complete(struct sk_engine *engine, struct sk_str saga_id, struct sk_str step_name,
                        struct sk_str token, const struct sk_outcome *outcome, sk_engine_done *done,
                        void *context)
{
    struct sk_waiter *waiter = sk_waiter_new(engine, done, context);
    if (waiter == NULL) return;
    struct sk_effect effect = { 0 };
    bool is_class = outcome->class_ == SK_OUTCOME_SUCCEEDED ||
                    outcome->class_ == SK_OUTCOME_FAILED || outcome->class_ == SK_OUTCOME_RETRYABLE;
    if (!sk_token_check(engine->options.token_key, token, saga_id, &effect)) {
        sk_waiter_fail(waiter, SKALD_E_ARGUMENT, "the token is not valid for this saga");
    } else if (!is_class ||
               (outcome->output.size > 0 && sk_json_check(outcome->output, NULL) != SKALD_OK)) {
        sk_waiter_fail(waiter, SKALD_E_ARGUMENT,
                       "the outcome must be succeeded, failed or retryable, with JSON");
    } else if (outcome->output.size > engine->options.output_size_max) {
        sk_waiter_fail(waiter, SKALD_E_TOO_LARGE, "the output is larger than limits.output_max");
    } else {
        struct sk_outcome answered = *outcome;
        answered.is_answered = true;
        struct sk_command command = { .kind = SK_COMMAND_COMPLETE,
                                      .step = effect.step,
                                      .item = effect.item,
                                      .operation = effect.operation,
                                      .attempt = effect.attempt,
                                      .round = effect.round,
                                      .outcome = &answered };
        address(engine, saga_id, &command, step_name, false, waiter);
    }
    sk_engine_turn(engine);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

void sk_command_ask(struct sk_engine *engine, struct sk_str saga_id,
                    const struct sk_command *command, sk_engine_done *done, void *context)
{
    struct sk_waiter *waiter = sk_waiter_new(engine, done, context);
    if (waiter == NULL) return;
    bool begins = command->kind == SK_COMMAND_TAKE;
    address(engine, saga_id, command, SK_STR(""), begins, waiter);
    sk_engine_turn(engine);
}

void sk_engine_heartbeat(struct sk_engine *engine, struct sk_str saga_id, struct sk_str token,
                         int64_t lease_ms, sk_engine_done *done, void *context)
{
    struct sk_effect effect = { 0 };
    if (lease_ms == 0) lease_ms = SK_TASK_LEASE_MS;
    if (lease_ms < SK_TASK_LEASE_MS_MIN) lease_ms = SK_TASK_LEASE_MS_MIN;
    if (lease_ms > SK_TASK_LEASE_MS_MAX) lease_ms = SK_TASK_LEASE_MS_MAX;
    if (!sk_token_check(engine->options.token_key, token, saga_id, &effect)) {
        struct sk_waiter *waiter = sk_waiter_new(engine, done, context);
        if (waiter != NULL)
            sk_waiter_fail(waiter, SKALD_E_ARGUMENT, "the token is not valid for this saga");
        return;
    }
    struct sk_command command = { .kind = SK_COMMAND_HEARTBEAT,
                                  .step = effect.step,
                                  .item = effect.item,
                                  .operation = effect.operation,
                                  .attempt = effect.attempt,
                                  .round = effect.round,
                                  .lease_ms = lease_ms };
    sk_command_ask(engine, saga_id, &command, done, context);
}

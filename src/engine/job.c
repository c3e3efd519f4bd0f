/*
 * job.c: commands that wait for their machine: it is being loaded, held for readers, or its child's
 * start waits for a plan. First come, first served, so messages of one sender keep their order.
 */
#include "engine/engine_private.h"

static void copy_command(struct sk_job *job, const struct sk_command *command)
{
    struct sk_arena *arena = &job->arena;
    job->command = *command;
    struct sk_str *texts[] = { &job->command.id, &job->command.name, &job->command.who,
                               &job->command.why, &job->command.body };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = sk_arena_copy(arena, *texts[i]);
    if (command->outcome != NULL) {
        job->outcome = *command->outcome;
        job->outcome.output = sk_arena_copy(arena, job->outcome.output);
        job->outcome.code = sk_arena_copy(arena, job->outcome.code);
        job->outcome.message = sk_arena_copy(arena, job->outcome.message);
        job->command.outcome = &job->outcome;
    }
    if (command->message != NULL) {
        job->message = *command->message;
        job->message.id = sk_arena_copy(arena, job->message.id);
        job->message.from = sk_arena_copy(arena, job->message.from);
        job->message.to = sk_arena_copy(arena, job->message.to);
        job->message.body = sk_arena_copy(arena, job->message.body);
        job->command.message = &job->message;
    }
}

struct sk_job *sk_job_new(enum sk_job_kind kind, const struct sk_command *command,
                          struct sk_str step_name, struct sk_waiter *waiter)
{
    struct sk_job *job = sk_alloc(sizeof *job);
    if (job == NULL) return NULL;
    sk_list_init(&job->node);
    sk_arena_init(&job->arena);
    job->kind = kind;
    copy_command(job, command);
    job->step_name = sk_arena_copy(&job->arena, step_name);
    job->needs_step = step_name.size > 0;
    job->waiter = waiter;
    if (job->arena.failed) {
        sk_arena_release(&job->arena);
        sk_free(job);
        return NULL;
    }
    return job;
}

void sk_job_free(struct sk_job *job)
{
    sk_importing_free(job->importing);
    sk_arena_release(&job->arena);
    sk_free(job);
}

static uint32_t room_for(const struct sk_machine *machine, const struct sk_job *job)
{
    bool is_operators = job->kind == SK_JOB_COMMAND && job->command.kind >= SK_COMMAND_CANCEL;
    return machine->engine->options.jobs_max + (is_operators ? SK_JOBS_RESERVE : 0u);
}

static void refuse(struct sk_job *job, enum skald_status status, const char *message)
{
    sk_waiter_fail(job->waiter, status, message);
    if (job->starting != NULL) sk_starting_free(job->starting);
    sk_job_free(job);
}

void sk_job_push(struct sk_machine *machine, struct sk_job *job)
{
    if (job->waiter != NULL && machine->unreadable != SKALD_OK) {
        refuse(job, machine->unreadable, "it cannot be read, or not be written; the log says why");
        return;
    }
    if (job->waiter != NULL && machine->jobs_count >= room_for(machine, job)) {
        refuse(job, SKALD_E_AGAIN, "too many commands wait for this saga");
        return;
    }
    sk_list_push(&machine->jobs, &job->node);
    machine->jobs_count += 1;
}

void sk_job_put_back(struct sk_machine *machine, struct sk_job *job)
{
    sk_list_push_front(&machine->jobs, &job->node);
    machine->jobs_count += 1;
}

static struct sk_job *pop(struct sk_machine *machine)
{
    struct sk_job *job = sk_container_of(machine->jobs.next, struct sk_job, node);
    sk_list_remove(&job->node);
    machine->jobs_count -= 1;
    return job;
}

/* Who edits an input has seen *** where it is masked: there it stays as it was. */
static void fill_masked(struct sk_machine *machine, struct sk_command *command, struct sk_buf *out)
{
    const struct sk_mask *mask = &machine->engine->options.mask;
    const struct sk_saga *saga = &machine->as.saga;
    if (mask->names_count == 0 || command->body.size == 0 || machine->is_lock) return;
    if (saga->plan == NULL || command->step >= saga->plan->steps_count) return;
    const struct sk_step_run *run = &saga->steps[command->step];
    uint32_t index = command->item < 0 ? 0 : (uint32_t)command->item;
    if (index >= run->units_count) return;
    const struct sk_unit *unit = &run->units[index];
    bool is_undo = saga->state == SK_SAGA_COMPENSATING && unit->undo.body.size > 0;
    sk_json_unmask(mask, command->body, is_undo ? unit->undo.body : unit->action.body, out);
    command->body = sk_buf_view(out);
}

/* False: the job is kept, until a function has said what it thinks of the outcome. */
static bool run_command(struct sk_machine *machine, struct sk_job *job)
{
    if (machine->state == SK_MACHINE_ABSENT) {
        if (job->waiter != NULL) sk_waiter_not_there(job->waiter, machine->shard);
        return true;
    }
    if (job->needs_step) {
        uint32_t step = sk_plan_step(machine->as.saga.plan, job->step_name);
        bool is_token = job->command.kind == SK_COMMAND_COMPLETE;
        if (step == SK_STEP_NONE || (is_token && step != job->command.step)) {
            sk_waiter_fail(job->waiter, is_token ? SKALD_E_ARGUMENT : SKALD_E_NOT_FOUND,
                           is_token ? "the token is not of this step"
                                    : "the saga has no such step");
            return true;
        }
        job->command.step = step;
    }
    if (sk_verdict_hold(machine, job)) return false;
    struct sk_buf whole = { 0 };
    if (job->command.kind == SK_COMMAND_RETRY) fill_masked(machine, &job->command, &whole);
    if (whole.failed) {
        sk_waiter_fail(job->waiter, SKALD_E_MEMORY, "out of memory");
    } else {
        (void)sk_command_decide(machine, &job->command, job->waiter);
    }
    sk_buf_release(&whole);
    return true;
}

static void run(struct sk_machine *machine, struct sk_job *job)
{
    switch (job->kind) {
    case SK_JOB_COMMAND:
        if (!run_command(machine, job)) return;
        break;
    case SK_JOB_START: sk_start_run(machine, job); break;
    case SK_JOB_IMPORT: sk_import_run(machine, job); break;
    case SK_JOB_MESSAGE: sk_message_run(machine, job); return; /* it may keep the job */
    case SK_JOB_REMOVE: sk_removal_run(machine, job->waiter); break;
    case SK_JOB_READ:
        if (machine->state == SK_MACHINE_ABSENT) {
            sk_waiter_not_there(job->waiter, machine->shard);
        } else {
            sk_read_machine(machine, job->waiter);
        }
        break;
    }
    sk_job_free(job);
}

void sk_jobs_run(struct sk_machine *machine)
{
    while (!sk_list_is_empty(&machine->jobs)) {
        bool is_absent = machine->state == SK_MACHINE_ABSENT && machine->resolving == NULL &&
                         sk_shard_is_held(machine->shard);
        if (!is_absent && !sk_command_can_run(machine)) return;
        const struct sk_job *first = sk_container_of(machine->jobs.next, struct sk_job, node);
        if (first->kind == SK_JOB_REMOVE && !sk_removal_can_run(machine)) return;
        run(machine, pop(machine));
    }
}

void sk_jobs_fail_waiters(struct sk_machine *machine, enum skald_status status, const char *message)
{
    struct sk_list *next = NULL;
    for (struct sk_list *at = machine->jobs.next; at != &machine->jobs; at = next) {
        next = at->next;
        struct sk_job *job = sk_container_of(at, struct sk_job, node);
        if (job->waiter == NULL) continue;
        sk_list_remove(at);
        machine->jobs_count -= 1;
        sk_waiter_fail(job->waiter, status, message);
        if (job->starting != NULL) sk_starting_free(job->starting);
        sk_job_free(job);
    }
}

void sk_jobs_release(struct sk_machine *machine)
{
    while (!sk_list_is_empty(&machine->jobs)) {
        struct sk_job *job = pop(machine);
        if (job->waiter != NULL) sk_alarm_clear(machine->engine, &job->waiter->alarm);
        sk_waiter_free(job->waiter);
        if (job->starting != NULL) sk_starting_free(job->starting);
        sk_job_free(job);
    }
}

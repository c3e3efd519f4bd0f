/*
 * start.c: a start, from the request to SK_COMMAND_START: definition, children, keys, place,
 * idempotency.
 *
 *      request --> definition and plan --> children's digests --> place --> machine --> START,
 *      ADMIT
 *                                                                   |
 *              id given: its shard, it is its own key --------------+
 *              key given: the hash of (namespace, key) chooses the shard; looked up there; ids are
 *              drawn until one falls into it, so that the key's row lies in the part of
 *              saga.accepted neither: drawn into a shard this node serves
 *
 *   S1  The answer comes when saga.accepted is durable (law 10), never before.
 *   S2  While the key of a start is being looked up or its start is not durable yet, other starts
 *       with the same key wait for it and then meet its saga: one key, one saga.
 *   S3  The same request again is answered with the saga as it is; another one is SKALD_E_CONFLICT.
 *   S4  A child's start that can never succeed is answered to the parent as a child that ended
 *       cancelled.
 *   S5  A key whose saga was removed while it was looked up begins no other saga under that id:
 *       participants know its keys.
 */
#include "base/spare.h"
#include "engine/starting.h"

enum { SPARE_SIZE_MAX = 16 * 1024 };

/* ---- life ------------------------------------------------------------------------------------ */

struct sk_starting *sk_starting_new(struct sk_engine *engine, struct sk_waiter *waiter)
{
    struct sk_starting *starting = SK_SPARE_TAKE(&engine->starting_spare, struct sk_starting, node);
    struct sk_arena arena;
    sk_arena_init(&arena);
    if (starting != NULL) arena = starting->arena;
    if (starting == NULL) starting = sk_realloc(NULL, sizeof *starting);
    if (starting == NULL) return NULL;
    memset(starting, 0, sizeof *starting);
    starting->arena = arena;
    sk_list_init(&starting->node);
    starting->engine = engine;
    starting->waiter = waiter;
    return starting;
}

/* Its waiter is the caller's business. */
void sk_starting_free(struct sk_starting *starting)
{
    if (starting->machine != NULL) starting->machine->resolving = NULL;
    if (starting->job != NULL) sk_job_free(starting->job);
    sk_list_remove(&starting->node);
    struct sk_list *spare = &starting->engine->starting_spare;
    if (sk_list_is_empty(spare) && starting->arena.bytes <= SPARE_SIZE_MAX) {
        sk_arena_clear(&starting->arena);
        SK_SPARE_PUT(spare, starting, node); /* most starts are done before the next */
        return;
    }
    sk_arena_release(&starting->arena);
    sk_free(starting);
}

void sk_starting_release(struct sk_engine *engine)
{
    while (!sk_list_is_empty(&engine->starting)) {
        struct sk_starting *starting =
            sk_container_of(engine->starting.next, struct sk_starting, node);
        if (starting->waiter != NULL) sk_waiter_free(starting->waiter);
        sk_starting_free(starting);
    }
    struct sk_start_key *key, *next;
    HASH_ITER(hh, engine->start_keys, key, next)
    {
        while (!sk_list_is_empty(&key->followers)) {
            struct sk_starting *starting =
                sk_container_of(key->followers.next, struct sk_starting, node);
            if (starting->waiter != NULL) sk_waiter_free(starting->waiter);
            sk_starting_free(starting);
        }
        if (key->machine != NULL) key->machine->start_key = NULL;
        HASH_DELETE(hh, engine->start_keys, key);
        sk_free(key);
    }
}

void sk_starting_release_spare(struct sk_engine *engine)
{
    struct sk_starting *starting = SK_SPARE_TAKE(&engine->starting_spare, struct sk_starting, node);
    if (starting != NULL) sk_arena_release(&starting->arena);
    sk_free(starting);
}

void sk_starting_fail(struct sk_starting *starting, enum skald_status status, const char *message)
{
    struct sk_machine *machine = starting->machine;
    if (starting->waiter != NULL) {
        sk_waiter_fail(starting->waiter, status, message);
    } else if (machine != NULL) {
        const struct sk_start *start = &starting->start;
        struct sk_incoming *incoming = starting->job->incoming;
        machine->resolving = NULL;
        starting->machine = NULL;
        bool may_pass = skald_status_class(status) == SKALD_CLASS_RETRY;
        bool is_done = !may_pass && sk_inbox_reply_ended(machine, start->parent, start->parent_step,
                                                         start->parent_item, start->parent_round,
                                                         "child_not_started", message);
        if (is_done) {
            sk_inbox_consume(machine, incoming);
        } else {
            sk_inbox_lost(machine->shard, incoming);
        }
        sk_starting_free(starting);
        sk_jobs_run(machine);
        sk_machine_settle(machine);
        return;
    }
    sk_starting_free(starting);
}

/* ---- plan and children ----------------------------------------------------------------------- */

static void resolve_children(struct sk_starting *starting);

static void on_child(void *context, enum skald_status status, struct sk_plan_entry *entry,
                     const skald_error *error)
{
    struct sk_starting *starting = context;
    if (status != SKALD_OK) {
        sk_starting_fail(starting, status, error->message);
        return;
    }
    starting->children[starting->next_step] = entry->digest;
    starting->next_step += 1;
    resolve_children(starting);
}

static void resolve_children(struct sk_starting *starting)
{
    const struct sk_plan *plan = starting->entry->plan;
    while (starting->next_step < plan->steps_count) {
        const struct sk_step *step = &plan->steps[starting->next_step];
        if (step->kind == SK_KIND_SAGA && step->action != NULL) {
            sk_plans_by_name(starting->engine, step->action->definition, step->action->version,
                             on_child, starting);
            return;
        }
        starting->next_step += 1;
    }
    sk_list_remove(&starting->node);
    if (starting->machine == NULL && starting->waiter == NULL) {
        sk_starting_free(starting); /* a child whose shard was lost meanwhile */
        return;
    }
    skald_error error;
    sk_error_begin(&error, SKALD_OK);
    enum skald_status status = sk_starting_complete(starting, &error);
    struct sk_machine *machine = starting->machine;
    if (status != SKALD_OK) {
        sk_starting_fail(starting, status, error.message);
    } else if (machine == NULL) {
        sk_starting_place(starting);
    } else {
        starting->machine = NULL;
        machine->resolving = NULL;
        sk_starting_run(machine, starting);
        sk_jobs_run(machine);
        sk_machine_settle(machine);
    }
}

static void on_plan(void *context, enum skald_status status, struct sk_plan_entry *entry,
                    const skald_error *error)
{
    struct sk_starting *starting = context;
    if (status != SKALD_OK) {
        sk_starting_fail(starting, status, error->message);
        return;
    }
    starting->entry = entry;
    starting->start.definition = entry->digest;
    starting->children =
        SK_ARENA_ARRAY(&starting->arena, struct sk_digest, entry->plan->steps_count);
    if (starting->children == NULL) {
        sk_starting_fail(starting, SKALD_E_MEMORY, "out of memory");
        return;
    }
    sk_starting_check(starting, resolve_children);
}

static void on_definition(void *context, enum skald_status status, struct sk_plan_entry *entry,
                          const skald_error *error)
{
    struct sk_starting *starting = context;
    if (status != SKALD_OK) {
        sk_starting_fail(starting, status, error->message);
        return;
    }
    sk_plans_compiled(starting->engine, entry, on_plan, starting);
}

/* ---- deciding -------------------------------------------------------------------------------- */

static void meet_existing(struct sk_machine *machine, struct sk_starting *starting)
{
    struct sk_waiter *waiter = starting->waiter;
    const struct sk_saga *saga = &machine->as.saga;
    if (waiter != NULL) {
        waiter->is_replayed =
            sk_digest_equal(&saga->start.request_digest, &starting->start.request_digest);
        if (!waiter->is_replayed) {
            waiter->has_failed = true;
            (void)sk_error_set(&waiter->error, SKALD_E_CONFLICT,
                               "%.*s was started before with another request",
                               SK_STR_ARGS(machine->id));
        }
        sk_waiter_attach(waiter, machine, saga->seq);
    } else {
        sk_inbox_consume(machine,
                         starting->job->incoming); /* a child started twice is started once */
    }
    sk_starting_free(starting);
}

const char *sk_start_refusal(const struct sk_engine *engine, const struct sk_shard *shard,
                             enum skald_status *out_status)
{
    *out_status = SKALD_E_AGAIN;
    if (engine->phase != SK_PHASE_OPEN && engine->phase != SK_PHASE_OPENING) {
        *out_status = SKALD_E_CLOSED;
        return "the engine is stopping";
    }
    if (!sk_shard_is_serving(shard)) return "the saga's shard is not served by this node now";
    if (shard->state == SK_SHARD_DEGRADED) return "the store is away; try again later";
    if (!sk_slot_is_free(engine) && engine->admissions.count >= engine->options.pending_max) {
        return "as many sagas wait for a slot as limits.pending_max allows";
    }
    return NULL;
}

bool sk_start_fold_nothing(struct sk_machine *machine, struct sk_plan_entry *entry)
{
    if (!sk_saga_init_in(&machine->as.saga, entry->plan, &machine->memory)) {
        sk_saga_release(&machine->as.saga);
        return false;
    }
    machine->is_folded = true;
    machine->state = SK_MACHINE_READY;
    machine->entry = entry;
    entry->plan->refs += 1;
    return true;
}

static void admit(struct sk_machine *machine)
{
    struct sk_command command = { .kind = SK_COMMAND_ADMIT,
                                  .step = SK_STEP_NONE,
                                  .item = -1,
                                  .entropy = sk_engine_entropy(machine->engine) };
    (void)sk_command_decide(machine, &command, NULL);
}

void sk_starting_run(struct sk_machine *machine, struct sk_starting *starting)
{
    struct sk_engine *engine = machine->engine;
    if (machine->state == SK_MACHINE_READY) {
        meet_existing(machine, starting);
        return;
    }
    enum skald_status status = SKALD_OK;
    const char *why =
        starting->waiter != NULL ? sk_start_refusal(engine, machine->shard, &status) : NULL;
    if (why == NULL && starting->is_of_key) { /* S5 */
        status = SKALD_E_AGAIN;
        why = "the saga that had this key was removed meanwhile: ask again";
    }
    if (why != NULL || !sk_start_fold_nothing(machine, starting->entry)) {
        bool is_child = starting->job != NULL;
        starting->machine = is_child ? machine : NULL;
        sk_starting_fail(starting, why != NULL ? status : SKALD_E_MEMORY,
                         why != NULL ? why : "out of memory");
        if (!is_child) sk_machine_settle(machine); /* made for this start: it may leave memory */
        return;
    }
    /* Who comes first is admitted at once; nobody overtakes those who wait. */
    machine->is_admitted = sk_slot_is_free(engine) && engine->admissions.count == 0;
    struct sk_command command = { .kind = SK_COMMAND_START,
                                  .step = SK_STEP_NONE,
                                  .item = -1,
                                  .entropy = sk_engine_entropy(engine),
                                  .start = &starting->start };
    machine->needs_recover = false;
    bool is_decided = sk_command_decide(machine, &command, starting->waiter);
    starting->waiter = NULL;
    if (is_decided && starting->job != NULL) sk_inbox_consume(machine, starting->job->incoming);
    if (is_decided && machine->is_admitted) admit(machine);
    if (!is_decided && starting->job != NULL) {
        starting->machine = machine;
        /* A reset (no memory) sets needs_recover: then the message comes again. */
        sk_starting_fail(starting, machine->needs_recover ? SKALD_E_MEMORY : SKALD_E_INVALID,
                         "the child's start was refused");
        return;
    }
    sk_starting_free(starting);
}

void sk_start_run(struct sk_machine *machine, struct sk_job *job)
{
    struct sk_starting *starting = job->starting;
    job->starting = NULL;
    sk_starting_run(machine, starting);
}

void sk_start_child(struct sk_machine *machine, struct sk_job *job)
{
    struct sk_engine *engine = machine->engine;
    struct sk_starting *starting = sk_starting_new(engine, NULL);
    if (starting == NULL) {
        sk_inbox_lost(machine->shard, job->incoming);
        sk_job_free(job);
        return;
    }
    starting->job = job;
    starting->machine = machine;
    machine->resolving = starting;
    skald_error error = { .status = SKALD_OK };
    enum skald_status status = sk_starting_fill_child(starting, job->message.body, &error);
    if (status != SKALD_OK) {
        sk_starting_fail(starting, status, error.message);
        return;
    }
    sk_list_push(&engine->starting, &starting->node);
    sk_plans_by_digest(engine, &starting->start.definition, on_plan, starting);
}

void sk_start_forget(struct sk_machine *machine)
{
    if (machine->resolving == NULL) return;
    machine->resolving->machine = NULL; /* it ends by itself when its plan is there */
    machine->resolving = NULL;
}

/* ---- asked from outside ---------------------------------------------------------------------- */

/* What chooses the shard: the id, or else the key; empty: any shard that is served here. */
static struct sk_str place_of(const struct sk_starting *starting)
{
    return starting->start.id.size > 0 ? starting->start.id : starting->key;
}

static bool is_elsewhere(const struct sk_starting *starting)
{
    struct sk_str place = place_of(starting);
    return place.size > 0 && sk_errand_is_due(starting->engine, place);
}

void sk_engine_start(struct sk_engine *engine, const struct sk_start_request *request,
                     sk_engine_done *done, void *context)
{
    struct sk_waiter *waiter = sk_waiter_new(engine, done, context);
    if (waiter == NULL) return;
    struct sk_starting *starting = sk_starting_new(engine, waiter);
    skald_error error;
    sk_error_begin(&error, SKALD_OK);
    enum skald_status status = SKALD_OK;
    if (starting == NULL) {
        sk_waiter_fail(waiter, SKALD_E_MEMORY, "out of memory");
    } else if (engine->phase != SK_PHASE_OPEN && engine->phase != SK_PHASE_OPENING) {
        sk_starting_fail(starting, SKALD_E_CLOSED, "the engine is not open");
    } else if (engine->shards == NULL) {
        sk_starting_fail(starting, SKALD_E_AGAIN, "the store has not been read yet");
    } else if ((status = sk_starting_fill(starting, request, &error)) != SKALD_OK) {
        sk_starting_fail(starting, status, error.message);
    } else if (is_elsewhere(starting)) {
        sk_errand_start(engine, place_of(starting), request, waiter);
        sk_starting_free(starting);
    } else {
        sk_list_push(&engine->starting, &starting->node);
        sk_plans_by_name(engine, starting->definition, starting->version, on_definition, starting);
    }
    sk_engine_turn(engine);
}

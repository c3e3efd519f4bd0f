/*
 * waiter.c: who is owed an answer, and the one place from which users' callbacks run.
 *
 *   W1  An answer that tells of a saga is given at a moment when the saga in memory is exactly what
 *       is durable (law 2). If the saga has moved on by then, it is held: it takes no further
 *       command until its next part is durable, so a reader waits for two parts at most. Between
 *       being ready and being answered it takes none either (sk_command_can_run).
 *   W2  Every waiter is answered exactly once, and freed then.
 *   W3  A refusal ("not possible now") depends on events too, so it waits for them like a success.
 *   W4  While its shard is degraded nobody waits longer than SK_PATIENCE_MS: the answer is then
 *       that nothing is known yet. A watcher is not in a hurry.
 *   W5  An answer that no commit of this node stands behind (a read, a repetition, a refusal)
 *       leaves only within the lease, like an effect: after it somebody else may know better.
 *
 *       created --attach--> machine->waiters --durable and clean--> engine->ready --flush-->
 *       answered
 *          \--watch--> machine->watchers --ended or timed out--^
 *           \--fail---------------------------------------------------^
 */
#include "engine/engine_private.h"

#include "base/spare.h"

/* What a waiter owns beside itself comes and goes here alone, whether it is freed or kept for the
 * next: a new field of struct sk_waiter_owned does not build until it is looked after. */
static_assert(sizeof(struct sk_waiter_owned) == 2 * sizeof(struct sk_buf),
              "init_owned and release_owned know all fields");

static void init_owned(struct sk_waiter_owned *owned)
{
    sk_buf_init(&owned->violations, 0);
    sk_buf_init(&owned->saga_id, 0);
}

static void release_owned(struct sk_waiter_owned *owned)
{
    sk_buf_release(&owned->violations);
    sk_buf_release(&owned->saga_id);
}

static struct sk_waiter *take_waiter(struct sk_engine *engine)
{
    struct sk_waiter *waiter = SK_SPARE_TAKE(&engine->waiters_spare, struct sk_waiter, node);
    if (waiter == NULL) return sk_alloc(sizeof *waiter);
    engine->waiters_spare_count -= 1;
    memset(waiter, 0, offsetof(struct sk_waiter, error));
    waiter->error.status = SKALD_OK;
    return waiter;
}

struct sk_waiter *sk_waiter_new(struct sk_engine *engine, sk_engine_done *done, void *context)
{
    struct sk_waiter *waiter = take_waiter(engine);
    if (waiter == NULL) {
        /* The one answer that comes from inside a call: there is nothing to remember it with. */
        skald_error error;
        (void)sk_error_set(&error, SKALD_E_MEMORY, "out of memory");
        done(context, &(struct sk_reply){ .status = SKALD_E_MEMORY, .error = &error });
        return NULL;
    }
    sk_list_init(&waiter->node);
    waiter->engine = engine;
    waiter->done = done;
    waiter->context = context;
    waiter->order = ++engine->next_order;
    waiter->asked_at_ms = sk_engine_now(engine);
    init_owned(&waiter->owned);
    return waiter;
}

void sk_waiter_free(struct sk_waiter *waiter)
{
    if (waiter == NULL) return;
    release_owned(&waiter->owned);
    sk_free(waiter);
}

/* One that has been answered. */
static void give_back(struct sk_waiter *waiter)
{
    struct sk_engine *engine = waiter->engine;
    if (engine->waiters_spare_count >= SK_WAITERS_SPARE_MAX) {
        sk_waiter_free(waiter);
        return;
    }
    release_owned(&waiter->owned);
    SK_SPARE_PUT(&engine->waiters_spare, waiter, node);
    engine->waiters_spare_count += 1;
}

static void make_ready(struct sk_waiter *waiter)
{
    sk_alarm_clear(waiter->engine, &waiter->alarm);
    sk_list_remove(&waiter->node);
    sk_list_push(&waiter->engine->ready, &waiter->node);
    if (waiter->machine != NULL) waiter->machine->ready_count += 1;
}

void sk_waiter_fail_error(struct sk_waiter *waiter, enum skald_status status,
                          const skald_error *error)
{
    if (error != NULL && error->status == status) {
        waiter->error = *error;
    } else {
        (void)sk_error_set(&waiter->error, status, "%s", skald_status_text(status));
    }
    waiter->has_failed = true;
    if (waiter->retry_after_ms == 0 && (status == SKALD_E_AGAIN || status == SKALD_E_LIMIT)) {
        waiter->retry_after_ms = SK_RETRY_AFTER_MS;
    }
    waiter->machine = NULL;
    make_ready(waiter);
    sk_batch_schedule(waiter->engine);
}

void sk_waiter_fail(struct sk_waiter *waiter, enum skald_status status, const char *message)
{
    skald_error error;
    (void)sk_error_set(&error, status, "%s", message);
    sk_waiter_fail_error(waiter, status, &error);
}

void sk_waiter_not_there(struct sk_waiter *waiter, const struct sk_shard *shard)
{
    sk_waiter_fail(waiter, SKALD_E_NOT_FOUND, "no such saga");
    waiter->trusted = shard;
}

void sk_waiter_succeed(struct sk_waiter *waiter)
{
    waiter->machine = NULL;
    make_ready(waiter);
    sk_batch_schedule(waiter->engine);
}

void sk_waiter_attach(struct sk_waiter *waiter, struct sk_machine *machine, uint64_t need_seq)
{
    waiter->machine = machine;
    waiter->need_seq = need_seq;
    waiter->trusted = need_seq <= machine->durable_seq ? machine->shard : NULL;
    sk_list_remove(&waiter->node);
    sk_list_push(&machine->waiters, &waiter->node);
    sk_waiters_check(machine);
}

/* Watchers of a saga that has ended become waiters for its last event. */
static void check_watchers(struct sk_machine *machine)
{
    if (!sk_machine_is_saga(machine) || machine->state != SK_MACHINE_READY) return;
    const struct sk_saga *saga = &machine->as.saga;
    if (!sk_saga_state_is_end(saga->state)) return;
    while (!sk_list_is_empty(&machine->watchers)) {
        struct sk_waiter *waiter = sk_container_of(machine->watchers.next, struct sk_waiter, node);
        sk_alarm_clear(machine->engine, &waiter->alarm);
        sk_list_remove(&waiter->node);
        waiter->need_seq = saga->seq;
        waiter->trusted = saga->seq <= machine->durable_seq ? machine->shard : NULL;
        sk_list_push(&machine->waiters, &waiter->node);
    }
}

void sk_waiters_check(struct sk_machine *machine)
{
    check_watchers(machine);
    if (sk_list_is_empty(&machine->waiters)) {
        machine->is_held = false;
        return;
    }
    bool is_clean = sk_machine_is_clean(machine);
    bool is_passed_over = false;
    struct sk_list *next = NULL;
    for (struct sk_list *at = machine->waiters.next; at != &machine->waiters; at = next) {
        next = at->next;
        struct sk_waiter *waiter = sk_container_of(at, struct sk_waiter, node);
        if (waiter->need_seq > machine->durable_seq) continue;
        if (is_clean) {
            make_ready(waiter);
            sk_batch_schedule(machine->engine);
        } else {
            is_passed_over = true;
        }
    }
    machine->is_held = is_passed_over && machine->state == SK_MACHINE_READY;
}

void sk_waiters_fail_all(struct sk_machine *machine, enum skald_status status, const char *message,
                         bool also_durable)
{
    struct sk_list *lists[] = { &machine->waiters, &machine->watchers };
    for (size_t i = 0; i < 2; i++) {
        struct sk_list *next = NULL;
        for (struct sk_list *at = lists[i]->next; at != lists[i]; at = next) {
            next = at->next;
            struct sk_waiter *waiter = sk_container_of(at, struct sk_waiter, node);
            bool is_safe = waiter->is_read || waiter->is_watch ||
                           waiter->need_seq <= machine->durable_seq ||
                           (machine->work != NULL && waiter->need_seq <= machine->work_seq);
            if (is_safe && !also_durable) continue;
            sk_waiter_fail(waiter, status, message);
        }
    }
}

static void lose_patience(struct sk_machine *machine, int64_t asked_before_ms)
{
    struct sk_list *next = NULL;
    for (struct sk_list *at = machine->waiters.next; at != &machine->waiters; at = next) {
        next = at->next;
        struct sk_waiter *waiter = sk_container_of(at, struct sk_waiter, node);
        if (waiter->asked_at_ms > asked_before_ms) continue;
        sk_waiter_fail(waiter, SKALD_E_AGAIN,
                       "the store takes nothing at present; what was asked for may still become "
                       "durable: ask again with the same id or key");
    }
    sk_waiters_check(machine);
}

void sk_waiters_lose_patience(struct sk_shard *shard)
{
    int64_t asked_before_ms = sk_engine_now(shard->engine) - SK_PATIENCE_MS;
    for (struct sk_list *at = shard->machines.next; at != &shard->machines; at = at->next) {
        struct sk_machine *machine = sk_container_of(at, struct sk_machine, in_shard);
        if (!sk_list_is_empty(&machine->waiters)) lose_patience(machine, asked_before_ms);
    }
    sk_discards_lose_patience(shard, asked_before_ms);
}

/* W5 */
static void check_lease(struct sk_waiter *waiter)
{
    if (waiter->trusted == NULL || sk_shard_may_send(waiter->trusted)) return;
    bool has_passed =
        waiter->has_failed && skald_status_class(waiter->error.status) == SKALD_CLASS_RETRY;
    if (has_passed) return;
    (void)sk_error_set(&waiter->error, SKALD_E_AGAIN,
                       "this node's lease of the saga's shard is over: ask again");
    waiter->has_failed = true;
    waiter->is_replayed = waiter->is_pending_direction = false;
    waiter->retry_after_ms = SK_RETRY_AFTER_MS;
    waiter->machine = NULL;
}

static void answer(struct sk_waiter *waiter, const struct sk_shell *shell)
{
    check_lease(waiter);
    struct sk_machine *machine = waiter->machine;
    struct sk_reply reply = { .status = waiter->has_failed ? waiter->error.status : SKALD_OK,
                              .is_replayed = waiter->is_replayed,
                              .is_pending_direction = waiter->is_pending_direction,
                              .retry_after_ms = waiter->retry_after_ms,
                              .saga_id = machine == NULL ? sk_buf_view(&waiter->owned.saga_id)
                                                         : machine->id };
    if (waiter->has_failed) reply.error = &waiter->error;
    if (waiter->has_failed) reply.violations = sk_buf_view(&waiter->owned.violations);
    if (machine != NULL && sk_machine_is_saga(machine)) reply.saga = &machine->as.saga;
    if (machine != NULL && machine->is_lock) reply.lock = &machine->as.lock;
    waiter->done(waiter->context, &reply);
    if (shell->engine != NULL) {
        give_back(waiter);
    } else {
        sk_waiter_free(waiter);
    }
}

void sk_waiters_flush(struct sk_engine *engine)
{
    if (engine->is_flushing) return;
    engine->is_flushing = true;
    struct sk_shell *shell = sk_shell_ref(engine->shell);
    while (shell->engine != NULL && !sk_list_is_empty(&engine->ready)) {
        struct sk_waiter *waiter = sk_container_of(engine->ready.next, struct sk_waiter, node);
        sk_list_remove(&waiter->node);
        struct sk_machine *machine = waiter->machine;
        if (machine != NULL) machine->ready_count -= 1;
        answer(waiter, shell);
        if (shell->engine == NULL || machine == NULL || machine->ready_count > 0) continue;
        sk_machine_settle(machine);
        sk_jobs_run(machine);
    }
    if (shell->engine != NULL) {
        engine->is_flushing = false;
        sk_machines_shrink(engine); /* who has been answered may leave memory */
    }
    sk_shell_unref(shell);
}

void sk_waiters_detach(struct sk_machine *machine)
{
    struct sk_engine *engine = machine->engine;
    for (struct sk_list *at = engine->ready.next; at != &engine->ready; at = at->next) {
        struct sk_waiter *waiter = sk_container_of(at, struct sk_waiter, node);
        if (waiter->machine != machine) continue;
        waiter->machine = NULL;
        waiter->has_failed = true;
        (void)sk_error_set(&waiter->error, SKALD_E_AGAIN,
                           "the saga's shard has just left this node");
    }
    machine->ready_count = 0;
}

static void free_list(struct sk_list *list)
{
    while (!sk_list_is_empty(list)) {
        struct sk_waiter *waiter = sk_container_of(list->next, struct sk_waiter, node);
        sk_list_remove(&waiter->node);
        sk_alarm_clear(waiter->engine, &waiter->alarm);
        sk_waiter_free(waiter);
    }
}

void sk_waiters_release_spare(struct sk_engine *engine)
{
    struct sk_waiter *waiter;
    while ((waiter = SK_SPARE_TAKE(&engine->waiters_spare, struct sk_waiter, node)) != NULL)
        sk_free(waiter); /* it owns nothing any more */
}

void sk_waiters_release(struct sk_engine *engine)
{
    free_list(&engine->ready);
    struct sk_machine *machine, *next;
    HASH_ITER(hh, engine->machines, machine, next)
    {
        free_list(&machine->waiters);
        free_list(&machine->watchers);
    }
}

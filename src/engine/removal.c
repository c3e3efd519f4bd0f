/*
 * removal.c: a finished saga leaves the store, with all its rows: because somebody asked, or its
 * time is over (retention.c).
 *
 *      asked:  loaded, in its turn --.                                        .--> gone: ABSENT
 *                                    +--> held --> cursors --> ancestors --> part
 *      old:    in memory and idle ---|                          |             `--> lost: as it was
 *              or a stub: head ------'                          `--> refused: let go
 *
 *   X1  A saga may go when it has ended with nothing open, holds no lock keys, stands behind every
 *       cursor of its shard, and each of its ancestors is gone or has ended, not failed, with
 *       nothing open: an ancestor may still speak to what is below it. By age, only a saga that did
 *       not fail, and the ancestors must be as old.
 *   X2  From the moment it is looked at until it is decided the machine takes nothing
 *       (is_removing): who asks for it waits and finds it gone, or as it was.
 *   X3  A saga that is not in memory is not folded: its machine is a stub (LOADING, not read) that
 *       keeps its place. Its head is read after the stub stands, so nobody can have changed it.
 *   X4  Messages that it sent or was sent stay: they are about to be delivered, to nobody.
 */
#include "engine/engine_private.h"

struct sk_removal {
    struct sk_owned owned;
    struct sk_engine *engine;
    struct sk_machine *machine; /* NULL: it went away meanwhile */
    struct sk_waiter *waiter;   /* who asked; NULL: by age */
    bool is_stub, is_reading;
    int64_t ended_before_ms; /* 0 = any */
    struct sk_digest definition;
    uint8_t state;
    int64_t ended_at_ms;
    uint64_t seq;
    uint64_t cursor_min; /* position of the furthest behind; UINT64_MAX = no cursor */
    uint32_t depth;
    struct sk_arena arena; /* the next ancestor's id */
    struct sk_str ancestor;
    sk_removed_fn *done;
    void *context;
};

static void free_removal(struct sk_owned *owned)
{
    struct sk_removal *removal = sk_container_of(owned, struct sk_removal, owned);
    sk_arena_release(&removal->arena);
    sk_waiter_free(removal->waiter);
    sk_free(removal);
}

static void release(struct sk_removal *removal)
{
    removal->waiter = NULL; /* answered */
    sk_disown(&removal->owned);
    free_removal(&removal->owned);
}

/* Tells whoever wants to know; the removal is over unless a read of it is still out. */
static void tell(struct sk_removal *removal, enum skald_status status, const char *why)
{
    sk_removed_fn *done = removal->done;
    void *context = removal->context;
    struct sk_engine *engine = removal->engine;
    if (removal->waiter != NULL && status == SKALD_OK) sk_waiter_succeed(removal->waiter);
    if (removal->waiter != NULL && status != SKALD_OK) {
        sk_waiter_fail(removal->waiter, status, why);
    }
    removal->waiter = NULL;
    removal->done = NULL;
    if (!removal->is_reading) release(removal);
    if (done != NULL) done(engine, context, status == SKALD_OK);
}

void sk_removal_forget(struct sk_machine *machine)
{
    struct sk_removal *removal = machine->leaving;
    if (removal == NULL) return;
    machine->leaving = NULL;
    machine->is_removing = false;
    removal->machine = NULL;
    tell(removal, SKALD_E_AGAIN, "the saga's shard has just left this node");
}

void sk_removal_done(struct sk_machine *machine)
{
    struct sk_removal *removal = machine->leaving;
    if (removal == NULL) return; /* a lock */
    machine->leaving = NULL;
    machine->engine->stats.removed += 1;
    removal->machine = NULL;
    tell(removal, SKALD_OK, "");
}

/* It stays: the machine goes on. */
static void refuse(struct sk_removal *removal, enum skald_status status, const char *why)
{
    struct sk_machine *machine = removal->machine;
    bool is_stub = removal->is_stub;
    if (machine == NULL) {
        tell(removal, status, why);
        return;
    }
    machine->leaving = NULL;
    machine->is_removing = false;
    removal->machine = NULL;
    tell(removal, status, why);
    if (!is_stub) {
        sk_machine_settle(machine);
        sk_jobs_run(machine);
    } else if (machine->jobs_count > 0) {
        sk_load_start(machine, NULL);
    } else {
        sk_machine_discard(machine);
    }
}

/* ---- the part -------------------------------------------------------------------------------- */

void sk_removal_describe(const struct sk_machine *machine, struct sk_item *item)
{
    const struct sk_removal *removal = machine->leaving;
    if (removal == NULL) return; /* a lock counts nowhere */
    item->head.definition = removal->definition;
    item->had_tally = true;
    item->tally_before = removal->state;
}

static void go(struct sk_removal *removal)
{
    struct sk_machine *machine = removal->machine;
    sk_list_push(&machine->shard->removals, &machine->removal);
    sk_shard_mark_dirty(machine->shard);
    sk_engine_turn(removal->engine);
}

/* ---- may it? --------------------------------------------------------------------------------- */

typedef void step_fn(struct sk_removal *removal, struct sk_rows *rows);

static void read_then(struct sk_removal *removal, const struct sk_read *read, sk_engine_rows *then)
{
    removal->is_reading = true;
    sk_engine_store_read(removal->engine, read, then, removal);
}

/* False: over, one way or another. */
static bool go_on(struct sk_removal *removal, const struct sk_rows *rows)
{
    removal->is_reading = false;
    if (removal->machine == NULL) {
        release(removal); /* told before */
        return false;
    }
    if (rows->status != SKALD_OK) {
        refuse(removal, SKALD_E_AGAIN, rows->error.message);
        return false;
    }
    return true;
}

static void on_ancestor(struct sk_engine *engine, void *context, struct sk_rows *rows);

static void ask_ancestor(struct sk_removal *removal)
{
    struct sk_read read = { .kind = SK_READ_HEAD, .id = removal->ancestor };
    if (removal->ancestor.size == 0) {
        go(removal);
        return;
    }
    removal->depth += 1;
    read_then(removal, &read, on_ancestor);
}

static bool is_closed(const struct sk_head *head)
{
    return sk_saga_state_is_end((enum sk_saga_state)head->state) && head->open == 0;
}

static void on_ancestor(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct sk_removal *removal = context;
    if (!go_on(removal, rows)) return;
    if (rows->heads_count == 0) {
        go(removal);
        return;
    }
    const struct sk_head *head = &rows->heads[0];
    bool is_old = removal->ended_before_ms == 0 || head->ended_at_ms < removal->ended_before_ms;
    if (!is_closed(head) || head->state == SK_SAGA_FAILED || !is_old ||
        removal->depth > SK_CHILD_DEPTH_MAX) {
        refuse(removal, SKALD_E_STATE,
               "a saga above it has not ended, or has failed: it may still speak to this one");
        return;
    }
    sk_arena_clear(&removal->arena);
    removal->ancestor = sk_arena_copy(&removal->arena, head->parent);
    if (removal->arena.failed) {
        refuse(removal, SKALD_E_MEMORY, "out of memory");
        return;
    }
    ask_ancestor(removal);
}

static void on_last_event(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct sk_removal *removal = context;
    if (!go_on(removal, rows)) return;
    if (rows->events_count > 0 && rows->events[0].position > removal->cursor_min) {
        refuse(removal, SKALD_E_STATE, "its events have not all been passed on yet");
        return;
    }
    ask_ancestor(removal);
}

static void on_cursors(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct sk_removal *removal = context;
    if (!go_on(removal, rows)) return;
    for (uint32_t i = 0; i < rows->cursors_count; i++) {
        if (rows->cursors[i].position < removal->cursor_min)
            removal->cursor_min = rows->cursors[i].position;
    }
    if (removal->cursor_min == UINT64_MAX) {
        ask_ancestor(removal);
        return;
    }
    struct sk_read read = { .kind = SK_READ_EVENTS,
                            .shard = removal->machine->shard->index,
                            .no = removal->machine->no,
                            .after = removal->seq - 1,
                            .limit = 1 };
    read_then(removal, &read, on_last_event);
}

static void ask_cursors(struct sk_removal *removal)
{
    struct sk_read read = { .kind = SK_READ_CURSOR, .shard = removal->machine->shard->index };
    read_then(removal, &read, on_cursors);
}

/* ---- asked for ------------------------------------------------------------------------------- */

static struct sk_removal *removal_new(struct sk_machine *machine)
{
    struct sk_removal *removal = sk_alloc(sizeof *removal);
    if (removal == NULL) return NULL;
    sk_arena_init(&removal->arena);
    removal->engine = machine->engine;
    removal->machine = machine;
    removal->cursor_min = UINT64_MAX;
    sk_own(machine->engine, &removal->owned, free_removal);
    machine->leaving = removal;
    machine->is_removing = true;
    return removal;
}

static bool holds_keys(const struct sk_saga *saga)
{
    for (uint32_t i = 0; i < saga->locks_count; i++) {
        if (saga->locks[i].state == SK_LOCK_HELD || saga->locks[i].state == SK_LOCK_ASKED)
            return true;
    }
    return false;
}

/* Of a machine in memory whose saga is over and durable; false: out of memory. */
static bool take_folded(struct sk_removal *removal)
{
    const struct sk_saga *saga = &removal->machine->as.saga;
    removal->definition = saga->start.definition;
    removal->state = removal->machine->tally_state;
    removal->ended_at_ms = saga->ended_at_ms;
    removal->seq = saga->seq;
    removal->ancestor = sk_arena_copy(&removal->arena, saga->start.parent);
    return !removal->arena.failed;
}

bool sk_removal_can_run(const struct sk_machine *machine)
{
    return machine->state == SK_MACHINE_ABSENT ||
           (sk_machine_is_clean(machine) && machine->work == NULL && machine->decision == NULL &&
            sk_list_is_empty(&machine->waiters));
}

void sk_removal_run(struct sk_machine *machine, struct sk_waiter *waiter)
{
    if (machine->state == SK_MACHINE_ABSENT) {
        sk_waiter_not_there(waiter, machine->shard);
        return;
    }
    const struct sk_saga *saga = &machine->as.saga;
    if (!sk_saga_is_over(saga) || holds_keys(saga)) {
        sk_waiter_fail(waiter, SKALD_E_STATE,
                       !sk_saga_state_is_end(saga->state) ? "the saga has not ended"
                       : !sk_saga_is_over(saga) ? "the saga has ended with work still open"
                                                : "the saga still holds lock keys");
        return;
    }
    struct sk_removal *removal = removal_new(machine);
    if (removal == NULL) {
        sk_waiter_fail(waiter, SKALD_E_MEMORY, "out of memory");
        return;
    }
    removal->waiter = waiter;
    if (!take_folded(removal)) {
        refuse(removal, SKALD_E_MEMORY, "out of memory");
        return;
    }
    ask_cursors(removal);
}

void sk_engine_remove(struct sk_engine *engine, struct sk_str saga_id, sk_engine_done *done,
                      void *context)
{
    struct sk_waiter *waiter = sk_waiter_new(engine, done, context);
    if (waiter == NULL) return;
    if (sk_errand_is_due(engine, saga_id)) {
        sk_errand_remove(engine, saga_id, waiter);
        return;
    }
    struct sk_machine *machine = sk_command_addressee(engine, saga_id, true, waiter);
    struct sk_job *job = NULL;
    if (machine != NULL) {
        job = sk_job_new(SK_JOB_REMOVE, &(struct sk_command){ 0 }, SK_STR(""), waiter);
        if (job == NULL) sk_waiter_fail(waiter, SKALD_E_MEMORY, "out of memory");
    }
    if (job != NULL) {
        sk_job_push(machine, job);
        sk_jobs_run(machine);
    }
    sk_engine_turn(engine);
}

/* ---- by age ---------------------------------------------------------------------------------- */

static void on_stub_head(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct sk_removal *removal = context;
    if (!go_on(removal, rows)) return;
    struct sk_machine *machine = removal->machine;
    const struct sk_head *head = rows->heads_count == 0 ? NULL : &rows->heads[0];
    if (head == NULL || !is_closed(head) || head->state == SK_SAGA_FAILED ||
        head->ended_at_ms >= removal->ended_before_ms) {
        refuse(removal, SKALD_E_STATE, "it is not what it was");
        return;
    }
    machine->no = head->no;
    machine->durable_seq = machine->sent_seq = head->seq;
    removal->definition = head->definition;
    removal->state = head->state;
    removal->seq = head->seq;
    removal->ancestor = sk_arena_copy(&removal->arena, head->parent);
    if (removal->arena.failed) {
        refuse(removal, SKALD_E_MEMORY, "out of memory");
        return;
    }
    ask_cursors(removal);
}

static bool may_begin(struct sk_machine *machine, int64_t ended_before_ms)
{
    if (machine->state != SK_MACHINE_READY || machine->is_removing) return false;
    const struct sk_saga *saga = &machine->as.saga;
    return sk_machine_is_idle(machine) && sk_saga_is_over(saga) && !holds_keys(saga) &&
           saga->state != SK_SAGA_FAILED && saga->ended_at_ms < ended_before_ms;
}

bool sk_removal_begin(struct sk_engine *engine, const struct sk_head *head, int64_t ended_before_ms,
                      sk_removed_fn *done, void *context)
{
    struct sk_shard *shard = &engine->shards[head->shard];
    if (shard->state != SK_SHARD_SERVING) return false;
    struct sk_machine *machine = sk_machine_find(engine, head->id);
    bool is_stub = machine == NULL;
    if (!is_stub && !may_begin(machine, ended_before_ms)) return false;
    if (is_stub) machine = sk_machine_new(engine, shard, head->id);
    if (machine == NULL) return false;
    struct sk_removal *removal = removal_new(machine);
    if (removal == NULL) {
        if (is_stub) sk_machine_discard(machine);
        return false;
    }
    removal->is_stub = is_stub;
    removal->ended_before_ms = ended_before_ms;
    if (is_stub) machine->state = SK_MACHINE_LOADING;
    if (!is_stub && !take_folded(removal)) {
        refuse(removal, SKALD_E_MEMORY, "out of memory");
        return false;
    }
    removal->done = done;
    removal->context = context;
    if (is_stub) {
        struct sk_read read = { .kind = SK_READ_HEAD, .shard = shard->index, .id = machine->id };
        read_then(removal, &read, on_stub_head);
    } else {
        ask_cursors(removal);
    }
    return true;
}

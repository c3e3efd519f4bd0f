/*
 * load.c: brings machines from the store into memory: head, plan, events, fold.
 *
 *      queued --> HEAD (by id, unless known) --> PLAN --> EVENTS (pages) --> READY | ABSENT
 *                   \-- a read failed: STALE, again after a pause
 *
 *   D1  At most SK_LOADS_MAX machines are being read; the others wait in order.
 *   D2  One machine is read once at a time; who asks meanwhile waits in its jobs.
 *   D3  What is folded is durable (S3), so durable_seq and sent_seq are the last seq read. Attempts
 *       that are without outcome then are the business of SK_COMMAND_RECOVER.
 *   D4  A history that ends before its head says so has lost its end: it is not gone on with, for
 *       what happened then would be done again under new decisions.
 */
#include "engine/engine_private.h"

struct sk_load {
    struct sk_owned owned;
    struct sk_machine *machine; /* NULL: it went away meanwhile */
    struct sk_engine *engine;
    struct sk_digest digest;
    bool has_head;
    uint64_t head_seq, after_seq;
};

static void read_events(struct sk_load *load);

static void free_load(struct sk_owned *owned)
{
    sk_free(sk_container_of(owned, struct sk_load, owned));
}

static void end_load(struct sk_load *load)
{
    struct sk_engine *engine = load->engine;
    if (load->machine != NULL) load->machine->reading = NULL;
    sk_disown(&load->owned);
    sk_free(load);
    engine->reading_count -= 1;
    sk_loads_continue(engine);
}

static void count_recovered(struct sk_machine *machine)
{
    if (!machine->is_recovering) return;
    machine->is_recovering = false;
    machine->shard->loading_count -= 1;
    machine->engine->recovered += 1;
    sk_recovery_check(machine->shard);
}

static void fail_load(struct sk_load *load, enum skald_status status, const char *message)
{
    struct sk_machine *machine = load->machine;
    if (machine != NULL) {
        struct sk_engine *engine = machine->engine;
        bool may_pass = skald_status_class(status) == SKALD_CLASS_RETRY || status == SKALD_E_IO;
        sk_machine_unfold(machine);
        machine->state = SK_MACHINE_STALE;
        machine->load_failures += 1;
        machine->unreadable = may_pass ? SKALD_OK : status;
        machine->is_held = false;
        sk_engine_notice(engine, may_pass ? SK_LOG_WARN : SK_LOG_ERROR, "saga.unreadable",
                         machine->id, message, SK_STR(""));
        sk_jobs_fail_waiters(machine, may_pass ? SKALD_E_AGAIN : status, message);
        sk_waiters_fail_all(machine, may_pass ? SKALD_E_AGAIN : status, message, true);
        /* A saga that can never be read must not keep its shard from serving the others. */
        if (!may_pass) count_recovered(machine);
        int64_t pause_ms =
            may_pass ? SK_PAUSE_MS << (machine->load_failures < 6 ? machine->load_failures : 6)
                     : engine->options.sweep_interval_ms;
        sk_alarm_set(engine, &machine->wake, sk_engine_now(engine) + pause_ms);
    }
    end_load(load);
}

static void give_first_commands(struct sk_machine *machine)
{
    struct sk_engine *engine = machine->engine;
    bool is_active = !machine->is_lock && !sk_saga_is_over(&machine->as.saga);
    if (machine->is_culprit && is_active) {
        machine->is_culprit = false;
        struct sk_command suspend = { .kind = SK_COMMAND_SUSPEND,
                                      .step = SK_STEP_NONE,
                                      .item = -1,
                                      .who = SK_STR("engine"),
                                      .why = SK_STR("the store refused what this saga wrote"),
                                      .entropy = sk_engine_entropy(engine) };
        if (!sk_command_decide(machine, &suspend, NULL)) return;
    }
    if (!is_active) return;
    uint64_t before = sk_machine_seq(machine);
    struct sk_command recover = { .kind = SK_COMMAND_RECOVER,
                                  .step = SK_STEP_NONE,
                                  .item = -1,
                                  .entropy = sk_engine_entropy(engine) };
    if (!sk_command_decide(machine, &recover, NULL)) return;
    engine->stats.redriven += sk_machine_seq(machine) - before;
}

static void finish_load(struct sk_load *load, enum sk_machine_state state)
{
    struct sk_machine *machine = load->machine;
    machine->load_failures = 0;
    machine->unreadable = SKALD_OK;
    machine->needs_recover = false;
    machine->durable_seq = 0;
    machine->state = state;
    if (state == SK_MACHINE_READY) {
        machine->durable_seq = machine->is_lock ? machine->as.lock.seq : machine->as.saga.seq;
        machine->sent_seq = machine->durable_seq;
        if (!machine->is_lock) {
            machine->has_tally = true;
            machine->tally_state = (uint8_t)sk_saga_shown_state(&machine->as.saga);
            machine->is_admitted = false;
        }
    }
    sk_alarm_clear(machine->engine, &machine->wake);
    machine->reading = NULL;
    if (state == SK_MACHINE_READY) give_first_commands(machine);
    sk_waiters_check(machine);
    sk_jobs_run(machine);
    sk_machine_settle(machine);
    count_recovered(machine);
    end_load(load);
}

/* The machine for which the rows have come; NULL: it is gone, or they have not, and the load has
 * ended. */
static struct sk_machine *answered(struct sk_load *load, const struct sk_rows *rows)
{
    if (load->machine == NULL) {
        end_load(load);
        return NULL;
    }
    if (rows->status != SKALD_OK) {
        fail_load(load, rows->status, rows->error.message);
        return NULL;
    }
    return load->machine;
}

/* ---- events ---------------------------------------------------------------------------------- */

static enum skald_status fold_row(struct sk_machine *machine, const struct sk_event_row *row)
{
    struct sk_event event = { .seq = row->seq,
                              .at_ms = row->at_ms,
                              .type = (enum sk_event_type)row->type,
                              .step = row->step,
                              .item = row->item,
                              .attempt = row->attempt,
                              .round = row->round };
    if (!machine->is_lock) return sk_saga_restore(&machine->as.saga, &event, row->data);
    if (!sk_event_type_known(row->type)) return SKALD_E_VERSION;
    return sk_event_read(row->data, &event) ? sk_lock_evolve(&machine->as.lock, &event)
                                            : SKALD_E_CORRUPT;
}

static void on_head_again(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct sk_load *load = context;
    struct sk_machine *machine = answered(load, rows);
    if (machine == NULL) return;
    if (rows->heads_count == 0) {
        sk_machine_unfold(machine);
        finish_load(load, SK_MACHINE_ABSENT);
    } else {
        fail_load(load, SKALD_E_CORRUPT,
                  load->after_seq == 0 ? "it has a head and no events"
                                       : "its last events are missing");
    }
}

/* D4, unless it was removed between the two reads: by whoever has taken the shard over. */
static void look_again(struct sk_load *load)
{
    struct sk_read read = { .kind = SK_READ_HEAD,
                            .shard = load->machine->shard->index,
                            .id = load->machine->id };
    sk_engine_store_read(load->engine, &read, on_head_again, load);
}

static void on_events(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct sk_load *load = context;
    struct sk_machine *machine = answered(load, rows);
    if (machine == NULL) return;
    for (uint32_t i = 0; i < rows->events_count; i++) {
        enum skald_status status = fold_row(machine, &rows->events[i]);
        if (status != SKALD_OK) {
            fail_load(load, status, "its events cannot be folded");
            return;
        }
        load->after_seq = rows->events[i].seq;
    }
    if (rows->has_more && rows->events_count > 0) {
        read_events(load);
    } else if (load->after_seq == 0 || load->after_seq < load->head_seq) {
        look_again(load);
    } else {
        finish_load(load, SK_MACHINE_READY);
    }
}

static void read_events(struct sk_load *load)
{
    struct sk_read read = { .kind = SK_READ_EVENTS,
                            .shard = load->machine->shard->index,
                            .no = load->machine->no,
                            .after = load->after_seq };
    sk_engine_store_read(load->engine, &read, on_events, load);
}

static void on_plan(void *context, enum skald_status status, struct sk_plan_entry *entry,
                    const skald_error *error)
{
    struct sk_load *load = context;
    struct sk_machine *machine = load->machine;
    if (machine == NULL) {
        end_load(load);
        return;
    }
    if (status != SKALD_OK) {
        fail_load(load, status, error->message);
        return;
    }
    if (!sk_saga_init_in(&machine->as.saga, entry->plan, &machine->memory)) {
        sk_saga_release(&machine->as.saga);
        fail_load(load, SKALD_E_MEMORY, "out of memory");
        return;
    }
    machine->is_folded = true;
    machine->entry = entry;
    entry->plan->refs += 1;
    read_events(load);
}

static void fold_from_start(struct sk_load *load)
{
    struct sk_machine *machine = load->machine;
    if (!machine->is_lock) {
        sk_plans_by_digest(load->engine, &load->digest, on_plan, load);
    } else if (!sk_lock_init(&machine->as.lock, machine->id)) {
        fail_load(load, SKALD_E_MEMORY, "out of memory");
    } else {
        machine->is_folded = true;
        read_events(load);
    }
}

/* ---- head ------------------------------------------------------------------------------------ */

static void on_head(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct sk_load *load = context;
    struct sk_machine *machine = answered(load, rows);
    if (machine == NULL) return;
    if (rows->heads_count == 0) {
        finish_load(load, SK_MACHINE_ABSENT);
    } else {
        machine->no = rows->heads[0].no;
        load->digest = rows->heads[0].definition;
        load->head_seq = rows->heads[0].seq;
        fold_from_start(load);
    }
}

static void begin(struct sk_machine *machine, struct sk_load *load)
{
    struct sk_read read = { .kind = SK_READ_HEAD,
                            .shard = machine->shard->index,
                            .id = machine->id };
    if (load->has_head) {
        fold_from_start(load);
    } else {
        sk_engine_store_read(machine->engine, &read, on_head, load);
    }
}

void sk_load_start(struct sk_machine *machine, const struct sk_head *head)
{
    struct sk_engine *engine = machine->engine;
    sk_machine_unfold(machine);
    machine->state = SK_MACHINE_LOADING;
    sk_alarm_clear(engine, &machine->wake);
    struct sk_load *load = sk_alloc(sizeof *load);
    if (load == NULL) {
        machine->state = SK_MACHINE_STALE;
        sk_alarm_set(engine, &machine->wake, sk_engine_now(engine) + SK_PAUSE_MS);
        return;
    }
    load->machine = machine;
    load->engine = engine;
    sk_own(engine, &load->owned, free_load);
    if (head != NULL) {
        load->has_head = true;
        load->digest = head->definition;
        load->head_seq = head->seq;
        machine->no = head->no;
    }
    machine->reading = load;
    sk_list_push(&engine->loads, &machine->load);
    sk_loads_continue(engine);
}

void sk_loads_continue(struct sk_engine *engine)
{
    while (engine->reading_count < SK_LOADS_MAX && !sk_list_is_empty(&engine->loads)) {
        struct sk_machine *machine = sk_container_of(engine->loads.next, struct sk_machine, load);
        sk_list_remove(&machine->load);
        engine->reading_count += 1;
        begin(machine, machine->reading);
    }
}

void sk_load_forget(struct sk_machine *machine)
{
    if (machine->reading == NULL) return;
    if (!sk_list_is_empty(&machine->load)) {
        sk_list_remove(&machine->load); /* its turn had not come */
        sk_disown(&machine->reading->owned);
        sk_free(machine->reading);
    } else {
        machine->reading->machine = NULL;
    }
    machine->reading = NULL;
}

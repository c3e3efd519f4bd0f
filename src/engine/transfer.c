/*
 * transfer.c: one saga out of this store as a file, and into it from one.
 *
 *      export: head --> plan --> definition's row --> events, page by page --> text
 *      import: text --helper thread: read, compile, fold--> can it live alone? --> define -->
 *              machine --> its events, suspended if it has not ended --> the ordinary part
 *
 *   X1  An import writes through the same part, head, tags and tally as a start: no second way in.
 *   X2  Nothing is stored of a file that does not fold to what its head says (transfer_file.h, T1).
 *   X3  Two servers never run one saga: what has not ended arrives suspended (`imported`), its
 *       attempts without outcome count as found after a crash, and a person must resume it.
 *   X4  What a saga shares with others cannot move with it alone: held lock keys, a parent that
 *       waits, child sagas, work that outlives the end. Such a saga is refused until it is free of
 *       them.
 *   X5  Its start key stays behind: idempotency of starts is a promise of the store that gave it.
 */
#include "engine/engine_private.h"

#include "engine/transfer_file.h"

enum { EXPORT_SIZE_MAX = 256 * 1024 * 1024 };

/* ---- export ---------------------------------------------------------------------------------- */

struct exporting {
    struct sk_owned owned;
    struct sk_engine *engine;
    sk_export_done *done;
    void *context;
    struct sk_arena arena;
    struct sk_str id;
    struct sk_head head;
    struct sk_definition_row definition;
    const struct sk_plan *plan;
    struct sk_event_row *events;
    uint32_t events_count, events_capacity;
    size_t size;
};

static void free_exporting(struct sk_owned *owned)
{
    struct exporting *exporting = sk_container_of(owned, struct exporting, owned);
    sk_arena_release(&exporting->arena);
    sk_free(exporting->events);
    sk_free(exporting);
}

static void end_export(struct exporting *exporting, enum skald_status status, struct sk_str text,
                       const skald_error *error)
{
    sk_export_done *done = exporting->done;
    void *context = exporting->context;
    skald_error told = { .status = SKALD_OK };
    if (error != NULL) told = *error;
    sk_disown(&exporting->owned);
    free_exporting(&exporting->owned);
    done(context, status, text, &told);
}

static void fail_export(struct exporting *exporting, enum skald_status status, const char *message)
{
    skald_error error;
    (void)sk_error_set(&error, status, "%s", message);
    end_export(exporting, status, SK_STR(""), &error);
}

static void write_export(struct exporting *exporting)
{
    struct sk_transfer_source source = { .head = &exporting->head,
                                         .definition = &exporting->definition,
                                         .events = exporting->events,
                                         .events_count = exporting->events_count,
                                         .plan = exporting->plan,
                                         .mask = &exporting->engine->options.mask,
                                         .now_ms = sk_engine_now(exporting->engine) };
    struct sk_buf text;
    sk_buf_init(&text, 0);
    sk_transfer_write(&source, &text);
    if (text.failed)
        fail_export(exporting, SKALD_E_MEMORY, "out of memory");
    else
        end_export(exporting, SKALD_OK, sk_buf_view(&text), NULL);
    sk_buf_release(&text);
}

static bool keep_event(struct exporting *exporting, const struct sk_event_row *row)
{
    if (exporting->events_count == exporting->events_capacity) {
        uint32_t capacity = exporting->events_capacity == 0 ? 64 : exporting->events_capacity * 2;
        struct sk_event_row *events =
            sk_realloc(exporting->events, capacity * sizeof *exporting->events);
        if (events == NULL) return false;
        exporting->events = events;
        exporting->events_capacity = capacity;
    }
    exporting->events[exporting->events_count] = *row;
    exporting->events[exporting->events_count].data = sk_arena_copy(&exporting->arena, row->data);
    exporting->events_count += 1;
    exporting->size += row->data.size;
    return !exporting->arena.failed;
}

/* Something is missing. It may have been removed since its head was read. */
static void on_head_again(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct exporting *exporting = context;
    if (rows->status != SKALD_OK)
        end_export(exporting, rows->status, SK_STR(""), &rows->error);
    else if (rows->heads_count == 0)
        fail_export(exporting, SKALD_E_NOT_FOUND, "no such saga");
    else
        fail_export(exporting, SKALD_E_CORRUPT,
                    "its history in the store is not whole: `skald store check` tells more");
}

static void read_head(struct exporting *exporting, sk_engine_rows *done)
{
    struct sk_read read = { .kind = SK_READ_HEAD,
                            .shard = sk_engine_shard_of(exporting->engine, exporting->id),
                            .id = exporting->id };
    sk_engine_store_read(exporting->engine, &read, done, exporting);
}

static bool is_whole(const struct exporting *exporting)
{
    for (uint32_t i = 0; i < exporting->events_count; i++) {
        const struct sk_event_row *row = &exporting->events[i];
        struct sk_event event = { .seq = row->seq };
        bool is_sound = row->seq == i + 1u && sk_event_type_known(row->type) &&
                        sk_event_decode(row->data, &event);
        if (!is_sound) return false;
    }
    return exporting->events_count == exporting->head.seq;
}

static void read_events(struct exporting *exporting);

static void on_events(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct exporting *exporting = context;
    bool is_kept = true;
    if (rows->status != SKALD_OK) {
        end_export(exporting, rows->status, SK_STR(""), &rows->error);
        return;
    }
    /* What happened after the head was read is not part of this export. */
    for (uint32_t i = 0; is_kept && i < rows->events_count; i++)
        if (rows->events[i].seq <= exporting->head.seq)
            is_kept = keep_event(exporting, &rows->events[i]);
    bool has_more = rows->has_more && rows->events_count > 0 &&
                    rows->events[rows->events_count - 1].seq < exporting->head.seq;
    if (!is_kept)
        fail_export(exporting, SKALD_E_MEMORY, "out of memory");
    else if (exporting->size > EXPORT_SIZE_MAX)
        fail_export(exporting, SKALD_E_TOO_LARGE,
                    "the history is larger than 256 MiB: copy the whole store instead");
    else if (has_more)
        read_events(exporting);
    else if (is_whole(exporting))
        write_export(exporting);
    else
        read_head(exporting, on_head_again);
}

static void read_events(struct exporting *exporting)
{
    uint32_t count = exporting->events_count;
    struct sk_read read = { .kind = SK_READ_EVENTS,
                            .shard = exporting->head.shard,
                            .no = exporting->head.no,
                            .after = count == 0 ? 0 : exporting->events[count - 1].seq };
    sk_engine_store_read(exporting->engine, &read, on_events, exporting);
}

static void on_definition(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct exporting *exporting = context;
    if (rows->status != SKALD_OK) {
        end_export(exporting, rows->status, SK_STR(""), &rows->error);
    } else if (rows->definitions_count == 0) {
        fail_export(exporting, SKALD_E_CORRUPT, "its definition is missing in the store");
    } else {
        struct sk_definition_row *row = &exporting->definition;
        *row = rows->definitions[0];
        row->id = sk_arena_copy(&exporting->arena, row->id);
        row->version = sk_arena_copy(&exporting->arena, row->version);
        row->source = sk_arena_copy(&exporting->arena, row->source);
        read_events(exporting);
    }
}

static void on_export_plan(void *context, enum skald_status status, struct sk_plan_entry *entry,
                           const skald_error *error)
{
    struct exporting *exporting = context;
    if (status != SKALD_OK) {
        end_export(exporting, status, SK_STR(""), error);
        return;
    }
    exporting->plan = entry->plan;
    struct sk_read read = { .kind = SK_READ_DEFINITIONS, .digest = &entry->digest };
    sk_engine_store_read(exporting->engine, &read, on_definition, exporting);
}

static void on_head(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    struct exporting *exporting = context;
    if (rows->status != SKALD_OK) {
        end_export(exporting, rows->status, SK_STR(""), &rows->error);
    } else if (rows->heads_count == 0 || rows->heads[0].is_lock) {
        fail_export(exporting, SKALD_E_NOT_FOUND, "no such saga");
    } else {
        struct sk_head *head = &exporting->head;
        *head = rows->heads[0];
        head->id = sk_arena_copy(&exporting->arena, head->id);
        head->space = sk_arena_copy(&exporting->arena, head->space);
        head->business_key = head->parent = (struct sk_str){ NULL, 0 };
        sk_plans_by_digest(engine, &head->definition, on_export_plan, exporting);
    }
}

void sk_engine_export(struct sk_engine *engine, struct sk_str saga_id, sk_export_done *done,
                      void *context)
{
    skald_error error;
    struct exporting *exporting = sk_alloc(sizeof *exporting);
    if (exporting == NULL) {
        (void)sk_error_set(&error, SKALD_E_MEMORY, "out of memory");
        done(context, SKALD_E_MEMORY, SK_STR(""), &error);
        return;
    }
    sk_arena_init(&exporting->arena);
    exporting->engine = engine;
    exporting->done = done;
    exporting->context = context;
    exporting->id = sk_arena_copy(&exporting->arena, saga_id);
    sk_own(engine, &exporting->owned, free_exporting);
    read_head(exporting, on_head);
}

/* ---- import: what it is ---------------------------------------------------------------------- */

struct sk_importing {
    struct sk_owned owned; /* until it is a job's */
    struct sk_shell *shell;
    struct sk_waiter *waiter; /* until it is a job's */
    struct sk_buf text, who;
    struct sk_dsl_options options;
    struct sk_transfer transfer;
    struct sk_plan_entry *entry; /* of this engine */
    enum skald_status status;
    skald_error error;
};

void sk_importing_free(struct sk_importing *importing)
{
    if (importing == NULL) return;
    sk_buf_release(&importing->text);
    sk_buf_release(&importing->who);
    sk_transfer_release(&importing->transfer);
    sk_shell_unref(importing->shell);
    sk_free(importing);
}

static void free_importing(struct sk_owned *owned)
{
    struct sk_importing *importing = sk_container_of(owned, struct sk_importing, owned);
    sk_waiter_free(importing->waiter);
    sk_importing_free(importing);
}

static void fail_import(struct sk_importing *importing, enum skald_status status,
                        const skald_error *error)
{
    sk_waiter_fail_error(importing->waiter, status, error);
    sk_disown(&importing->owned);
    sk_importing_free(importing);
}

/* X4; NULL: nothing ties it to others. */
static const char *tie_of(const struct sk_saga *saga)
{
    bool has_ended = sk_saga_state_is_end(saga->state);
    for (uint32_t i = 0; i < saga->locks_count; i++) {
        enum sk_lock_state state = saga->locks[i].state;
        bool is_bound = state == SK_LOCK_HELD || state == SK_LOCK_ASKED ||
                        (!has_ended && state == SK_LOCK_INHERITED);
        if (is_bound) return "it holds or waits for lock keys there";
    }
    if (sk_saga_open(saga) > 0 && has_ended) return "work of it is still open there";
    if (has_ended) return NULL;
    if (saga->start.parent.size > 0) return "its parent saga waits for it there";
    return saga->plan->has_children ? "it starts child sagas, which stay there" : NULL;
}

static void do_read(void *context)
{
    struct sk_importing *importing = context;
    struct sk_saga saga = { .seq = 0 };
    skald_error *error = &importing->error;
    importing->status = sk_transfer_read(sk_buf_view(&importing->text), &importing->options,
                                         &importing->transfer, error);
    if (importing->status == SKALD_OK) {
        importing->status = sk_transfer_fold(&importing->transfer, 0, &saga, error);
        const char *tie = importing->status == SKALD_OK ? tie_of(&saga) : NULL;
        if (tie != NULL) {
            importing->status =
                sk_error_set(error, SKALD_E_STATE,
                             "the saga cannot leave its store: %s; let it end there, then export "
                             "it again",
                             tie);
        }
        sk_saga_release(&saga);
    }
    sk_buf_clear(&importing->text);
}

/* ---- import: making it ----------------------------------------------------------------------- */

/* The history as it was; false: memory is out or (a bug, for it was folded before) it cannot
 * follow. */
static bool adopt(struct sk_machine *machine, const struct sk_importing *importing)
{
    struct sk_decision *decision = sk_machine_decision(machine);
    const struct sk_transfer *transfer = &importing->transfer;
    bool is_adopted = decision != NULL;
    for (uint32_t i = 0; is_adopted && i < transfer->events_count; i++) {
        struct sk_event event;
        is_adopted = sk_transfer_event(&transfer->events[i], &event) &&
                     sk_saga_adopt(&machine->as.saga, &event, decision) == SKALD_OK;
    }
    return is_adopted;
}

/* X3 */
static bool hold_back(struct sk_machine *machine, const struct sk_importing *importing)
{
    struct sk_command suspend = { .kind = SK_COMMAND_SUSPEND,
                                  .step = SK_STEP_NONE,
                                  .item = -1,
                                  .name = SK_STR("imported"),
                                  .who = sk_buf_view(&importing->who),
                                  .why = SK_STR("imported; resume it once no other server runs it"),
                                  .entropy = sk_engine_entropy(machine->engine) };
    struct sk_command recover = { .kind = SK_COMMAND_RECOVER,
                                  .step = SK_STEP_NONE,
                                  .item = -1,
                                  .entropy = sk_engine_entropy(machine->engine) };
    if (sk_saga_state_is_end(machine->as.saga.state)) return true;
    return sk_command_decide(machine, &suspend, NULL) && sk_command_decide(machine, &recover, NULL);
}

void sk_import_run(struct sk_machine *machine, struct sk_job *job)
{
    const struct sk_importing *importing = job->importing;
    enum skald_status status = SKALD_OK;
    if (machine->state == SK_MACHINE_READY) {
        sk_waiter_fail(job->waiter, SKALD_E_CONFLICT, "a saga of this id is here already");
        return;
    }
    const char *why = sk_start_refusal(machine->engine, machine->shard, &status);
    if (why != NULL) {
        sk_waiter_fail(job->waiter, status, why);
        return;
    }
    if (!sk_start_fold_nothing(machine, importing->entry)) {
        sk_waiter_fail(job->waiter, SKALD_E_MEMORY, "out of memory");
        return;
    }
    machine->needs_recover = false;
    machine->is_imported = true;
    if (!adopt(machine, importing)) {
        sk_waiter_fail(job->waiter, SKALD_E_MEMORY, "out of memory");
        sk_machine_reset(machine, SKALD_E_MEMORY, "out of memory");
        return;
    }
    machine->sent_seq = machine->as.saga.seq; /* its attempts are not ours to send */
    sk_machine_mark_dirty(machine);
    if (!hold_back(machine, importing)) {
        sk_waiter_fail(job->waiter, SKALD_E_MEMORY, "out of memory");
        return;
    }
    sk_waiter_attach(job->waiter, machine, machine->as.saga.seq);
    sk_machine_settle(machine);
}

static void place(struct sk_importing *importing)
{
    struct sk_engine *engine = importing->shell->engine;
    struct sk_shard *shard = sk_shard_of(engine, importing->transfer.id);
    enum skald_status status = SKALD_OK;
    skald_error error;
    const char *why = sk_start_refusal(engine, shard, &status);
    if (why != NULL) {
        (void)sk_error_set(&error, status, "%s", why);
        fail_import(importing, status, &error);
        return;
    }
    struct sk_machine *machine = sk_machine_get(engine, importing->transfer.id);
    struct sk_job *job = machine == NULL ? NULL
                                         : sk_job_new(SK_JOB_IMPORT, &(struct sk_command){ 0 },
                                                      SK_STR(""), importing->waiter);
    if (job == NULL) {
        (void)sk_error_set(&error, SKALD_E_MEMORY, "out of memory");
        fail_import(importing, SKALD_E_MEMORY, &error);
        return;
    }
    importing->waiter = NULL;
    sk_disown(&importing->owned);
    job->importing = importing;
    sk_job_push(machine, job);
    sk_jobs_run(machine);
    sk_machine_settle(machine);
    sk_batch_schedule(engine);
}

static void on_import_plan(void *context, enum skald_status status, struct sk_plan_entry *entry,
                           const skald_error *error)
{
    struct sk_importing *importing = context;
    if (status != SKALD_OK) {
        fail_import(importing, status, error);
        return;
    }
    importing->entry = entry;
    place(importing);
}

static void on_defined(void *context, const struct sk_define_reply *reply)
{
    struct sk_importing *importing = context;
    struct sk_engine *engine = importing->shell->engine;
    if (reply->status != SKALD_OK) {
        skald_error error;
        (void)sk_error_set(&error, reply->status, "%s",
                           reply->error == NULL ? "refused" : reply->error->message);
        (void)sk_error_wrap(&error, "its definition %.*s",
                            SK_STR_ARGS(importing->transfer.plan->id));
        fail_import(importing, reply->status, &error);
        return;
    }
    sk_plans_by_digest(engine, &importing->transfer.plan->digest, on_import_plan, importing);
}

static void on_read(void *context)
{
    struct sk_importing *importing = context;
    struct sk_engine *engine = importing->shell->engine;
    if (engine == NULL) {
        sk_waiter_free(importing->waiter);
        sk_importing_free(importing);
        return;
    }
    sk_own(engine, &importing->owned, free_importing);
    if (importing->status != SKALD_OK) {
        fail_import(importing, importing->status, &importing->error);
        return;
    }
    sk_define(engine, importing->transfer.source, SK_STR("imported definition"), true, on_defined,
              importing);
}

void sk_engine_import(struct sk_engine *engine, struct sk_str text, struct sk_str who,
                      sk_engine_done *done, void *context)
{
    struct sk_waiter *waiter = sk_waiter_new(engine, done, context);
    if (waiter == NULL) return;
    if (engine->phase != SK_PHASE_OPEN || engine->shards == NULL) {
        sk_waiter_fail(waiter, SKALD_E_CLOSED, "the engine is not open");
        return;
    }
    struct sk_importing *importing = sk_alloc(sizeof *importing);
    enum skald_status status = SKALD_E_MEMORY;
    if (importing != NULL) {
        sk_list_init(&importing->owned.node);
        importing->shell = sk_shell_ref(engine->shell);
        importing->waiter = waiter;
        importing->options = engine->options.dsl;
        sk_arena_init(&importing->transfer.arena);
        sk_buf_init(&importing->text, 0);
        sk_buf_init(&importing->who, 0);
        sk_buf_append_str(&importing->text, text);
        sk_buf_append_str(&importing->who, who);
        if (!importing->text.failed && !importing->who.failed)
            status = engine->runtime->ops->offload(engine->runtime, do_read, on_read, importing);
    }
    if (status == SKALD_OK) return;
    sk_waiter_fail(waiter, SKALD_E_MEMORY, "out of memory");
    sk_importing_free(importing);
}

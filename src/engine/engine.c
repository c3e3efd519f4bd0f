/*
 * engine.c: the engine as an object: options, life, and what every file needs of the runtime and
 * the store. Opening is recovery.c's, stopping stop.c's.
 *
 *   E1  A store or a helper that calls back after sk_engine_free finds the shell empty and touches
 *       nothing else.
 *   E2  Nothing here looks at a clock or at chance but through options.runtime.
 *
 * Not here: what a batch, a machine, a message is.
 */
#include "engine/engine_private.h"

#include "engine/group.h"

struct deferred {
    struct sk_shell *shell;
    sk_engine_fn *fn;
    void *context;
};

struct pending_read {
    struct sk_shell *shell;
    sk_engine_rows *done;
    void *context;
};

int64_t sk_engine_now(const struct sk_engine *engine)
{
    return engine->runtime->ops->now_ms(engine->runtime);
}

const struct sk_rules *sk_engine_rules(const struct sk_engine *engine)
{
    return &engine->options.rules;
}

int64_t sk_engine_now_us(const struct sk_engine *engine)
{
    return engine->runtime->ops->monotonic_us(engine->runtime);
}

uint64_t sk_engine_entropy(struct sk_engine *engine)
{
    uint64_t bits = 0;
    engine->runtime->ops->random(engine->runtime, &bits, sizeof bits);
    return bits;
}

struct sk_shell *sk_shell_ref(struct sk_shell *shell)
{
    shell->refs += 1;
    return shell;
}

void sk_shell_unref(struct sk_shell *shell)
{
    SK_ASSERT(shell->refs > 0);
    shell->refs -= 1;
    if (shell->refs == 0) sk_free(shell);
}

void sk_engine_notice(struct sk_engine *engine, enum sk_log_level level, const char *what,
                      struct sk_str saga_id, const char *message, struct sk_str json)
{
    struct sk_log_line line = { .level = level,
                                .event = sk_str_of(what),
                                .saga_id = saga_id,
                                .duration_ms = -1,
                                .message = sk_str_of(message),
                                .data = json };
    engine->runtime->ops->log(engine->runtime, &line);
    if (engine->options.on_notice != NULL) {
        engine->options.on_notice(engine->options.observer_context, sk_str_of(what), json);
    }
    sk_observers_notice(engine, &line);
}

static void run_deferred(void *context)
{
    struct deferred *deferred = context;
    struct sk_engine *engine = deferred->shell->engine;
    if (engine != NULL) deferred->fn(engine, deferred->context);
    sk_shell_unref(deferred->shell);
    sk_free(deferred);
}

enum skald_status sk_engine_defer(struct sk_engine *engine, sk_engine_fn *fn, void *context)
{
    struct deferred *deferred = sk_alloc(sizeof *deferred);
    if (deferred == NULL) return SKALD_E_MEMORY;
    *deferred = (struct deferred){ sk_shell_ref(engine->shell), fn, context };
    enum skald_status status = engine->runtime->ops->post(engine->runtime, run_deferred, deferred);
    if (status != SKALD_OK) {
        sk_shell_unref(deferred->shell);
        sk_free(deferred);
    }
    return status;
}

void sk_own(struct sk_engine *engine, struct sk_owned *owned, void (*free)(struct sk_owned *owned))
{
    owned->free = free;
    sk_list_init(&owned->node);
    sk_list_push(&engine->owned, &owned->node);
}

void sk_disown(struct sk_owned *owned)
{
    sk_list_remove(&owned->node);
}

static void on_rows(void *context, struct sk_rows *rows)
{
    struct pending_read *pending = context;
    struct sk_engine *engine = pending->shell->engine;
    bool is_broken = rows->status == SKALD_E_IO;
    /* While it opens too, once shards are taken: nobody else would, and they would wait for
     * ever. */
    bool is_ours =
        engine != NULL && (engine->phase == SK_PHASE_OPEN ||
                           (engine->phase == SK_PHASE_OPENING && engine->shards != NULL));
    if (is_ours && is_broken) sk_result_reopen(engine);
    /* It is being reopened, or what is out will see to that: for whoever asks a matter of time. */
    if (is_broken && engine != NULL && engine->phase == SK_PHASE_OPEN)
        rows->status = rows->error.status = SKALD_E_AGAIN;
    if (engine != NULL) pending->done(engine, pending->context, rows);
    if (pending->shell->engine != NULL) {
        sk_machines_shrink(engine); /* what is read is kept, also where nothing is ever written */
        sk_engine_turn(engine);
    }
    sk_shell_unref(pending->shell);
    sk_free(pending);
}

void sk_engine_store_read(struct sk_engine *engine, const struct sk_read *read,
                          sk_engine_rows *done, void *context)
{
    struct pending_read *pending = sk_alloc(sizeof *pending);
    if (pending == NULL) {
        struct sk_rows rows = { .status = SKALD_E_MEMORY };
        (void)sk_error_set(&rows.error, SKALD_E_MEMORY, "read from the store");
        sk_arena_init(&rows.arena);
        done(engine, context, &rows);
        sk_arena_release(&rows.arena);
        return;
    }
    *pending = (struct pending_read){ sk_shell_ref(engine->shell), done, context };
    engine->store->ops->read(engine->store, read, on_rows, pending);
}

/* ---- options --------------------------------------------------------------------------------- */

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value != 0 ? value : fallback;
}

static uint32_t or_default_u32(uint32_t value, uint32_t fallback)
{
    return value != 0 ? value : fallback;
}

static size_t size_or_most(size_t value, size_t most)
{
    return value == 0 || value > most ? most : value;
}

static void set_defaults(struct sk_engine_options *options)
{
    struct sk_rules *rules = &options->rules;
    rules->takeups_max = or_default_u32(rules->takeups_max, 3);
    rules->takeup_pause_ms = or_default(rules->takeup_pause_ms, 30000);
    rules->verify_timeout_ms = or_default(rules->verify_timeout_ms, 10000);
    rules->attempt_timeout_ms = or_default(rules->attempt_timeout_ms, 10000);
    options->acquire_timeout_ms = or_default(options->acquire_timeout_ms, 30000);
    options->sweep_interval_ms = or_default(options->sweep_interval_ms, 30000);
    options->stuck_after_ms = or_default(options->stuck_after_ms, 300000);
    options->idempotency_window_ms = or_default(options->idempotency_window_ms, 86400000);
    options->retention_interval_ms = or_default(options->retention_interval_ms, 60000);
    options->lease_ms = or_default(options->lease_ms, 15000);
    options->lease_margin_ms = or_default(options->lease_margin_ms, 3000);
    options->sagas_max = or_default_u32(options->sagas_max, 100000);
    options->pending_max = or_default_u32(options->pending_max, 100000);
    options->batch_events_max = or_default_u32(options->batch_events_max, 8192);
    options->jobs_max = or_default_u32(options->jobs_max, SK_JOBS_MAX);
    options->input_size_max = size_or_most(options->input_size_max, SK_PAYLOAD_SIZE_MAX);
    options->output_size_max = size_or_most(options->output_size_max, SK_PAYLOAD_SIZE_MAX);
    options->definition_size_max = size_or_most(options->definition_size_max, SK_YAML_SIZE_MAX);
    options->cache_sagas_max = or_default_u32(options->cache_sagas_max, 10000);
}

static void init_lists(struct sk_engine *engine)
{
    sk_list_init(&engine->dirty_shards);
    sk_list_init(&engine->works_spare);
    sk_list_init(&engine->decisions_spare);
    sk_list_init(&engine->machines_spare);
    sk_list_init(&engine->flights_spare);
    sk_list_init(&engine->waiters_spare);
    sk_list_init(&engine->ready);
    sk_list_init(&engine->loads);
    sk_list_init(&engine->idle);
    sk_list_init(&engine->starting);
    sk_list_init(&engine->starting_spare);
    sk_list_init(&engine->owned);
    sk_list_init(&engine->bulks);
    sk_list_init(&engine->polls);
    sk_list_init(&engine->polls_ended);
    sk_list_init(&engine->schedules);
    sk_list_init(&engine->observers);
}

enum skald_status sk_engine_new(const struct sk_engine_options *options,
                                struct sk_engine **out_engine, skald_error *error)
{
    if (options->runtime == NULL || options->store == NULL) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "an engine needs a runtime and a store");
    }
    if (options->lease_margin_ms > or_default(options->lease_ms, 15000)) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "lease_margin is longer than the lease");
    }
    struct sk_engine *engine = sk_alloc(sizeof *engine);
    struct sk_shell *shell = sk_alloc(sizeof *shell);
    struct sk_str node = options->node.size > 0 ? options->node : SK_STR("local");
    char *node_text = sk_alloc(node.size + 1);
    if (engine == NULL || shell == NULL || node_text == NULL) goto no_memory;
    memcpy(node_text, node.data, node.size);
    *shell = (struct sk_shell){ engine, 1 };
    engine->options = *options;
    set_defaults(&engine->options);
    engine->options.node = (struct sk_str){ node_text, node.size };
    engine->node_text = node_text;
    engine->runtime = options->runtime;
    engine->store = options->store;
    engine->shell = shell;
    init_lists(engine);
    sk_scratch_init(&engine->scratch);
    if (sk_alarms_init(engine) != SKALD_OK) goto no_memory;
    if (options->group != NULL) sk_group_set_engine(options->group, options->group_member, engine);
    *out_engine = engine;
    return SKALD_OK;

no_memory:
    sk_free(node_text);
    sk_free(shell);
    sk_free(engine);
    return sk_error_set(error, SKALD_E_MEMORY, "new engine");
}

void sk_engine_free(struct sk_engine *engine)
{
    if (engine == NULL) return;
    engine->shell->engine = NULL;
    if (engine->options.group != NULL)
        sk_group_set_engine(engine->options.group, engine->options.group_member, NULL);
    sk_observers_release(engine);
    sk_polls_release(engine);
    sk_waiters_release(engine);
    sk_starting_release(engine);
    sk_machine_free_all(engine);
    sk_tasks_forget(engine, NULL);
    for (uint32_t i = 0; i < engine->shards_count; i++) {
        struct sk_shard *shard = &engine->shards[i];
        while (!sk_list_is_empty(&shard->works)) {
            struct sk_work *work = sk_container_of(shard->works.next, struct sk_work, node);
            sk_list_remove(&work->node);
            /* A submitted one belongs to the flush until the store has answered. */
            if (work->state == SK_WORK_WAITING) sk_work_free(work);
        }
        sk_discards_release(&shard->discards);
        sk_records_end(NULL, &shard->records, SKALD_E_CLOSED);
        sk_messages_release(shard);
        sk_parked_release(shard);
    }
    sk_alarms_release(engine); /* before those whose alarms stand in it */
    while (!sk_list_is_empty(&engine->owned)) {
        struct sk_owned *owned = sk_container_of(engine->owned.next, struct sk_owned, node);
        sk_list_remove(&owned->node);
        owned->free(owned);
    }
    sk_works_release_spare(engine);
    sk_machines_release_spare(engine);
    sk_starting_release_spare(engine);
    sk_flights_release(engine);
    sk_waiters_release_spare(engine);
    sk_decisions_release(engine);
    sk_scratch_release(&engine->scratch);
    sk_plans_release(engine);
    sk_heap_release(&engine->admissions);
    sk_free(engine->shards);
    sk_free(engine->servings);
    sk_free(engine->node_text);
    sk_shell_unref(engine->shell);
    sk_free(engine);
}

/* ---- asked from outside ---------------------------------------------------------------------- */

const struct sk_mask *sk_engine_mask(const struct sk_engine *engine)
{
    return &engine->options.mask;
}

bool sk_engine_is_ready(const struct sk_engine *engine)
{
    return engine->phase == SK_PHASE_OPEN;
}

struct sk_str sk_engine_node(const struct sk_engine *engine)
{
    return engine->options.node;
}

uint32_t sk_engine_shard_of(const struct sk_engine *engine, struct sk_str saga_id)
{
    return engine->shards_count == 0 ? 0 : (uint32_t)(sk_hash_id(saga_id) % engine->shards_count);
}

struct sk_meta sk_engine_meta(const struct sk_engine *engine)
{
    return engine->meta;
}

void sk_engine_turn(struct sk_engine *engine)
{
    if (!sk_list_is_empty(&engine->dirty_shards) || !sk_list_is_empty(&engine->ready)) {
        sk_batch_schedule(engine);
    }
    if (engine->phase == SK_PHASE_STOPPING && !engine->is_finishing) sk_stop_check(engine);
}

void sk_engine_stats(const struct sk_engine *engine, struct sk_engine_stats *out_stats)
{
    *out_stats = engine->stats;
    struct sk_machine *machine, *next;
    HASH_ITER(hh, engine->machines, machine, next)
    {
        if (machine->state != SK_MACHINE_READY || machine->is_lock) continue;
        const struct sk_saga *saga = &machine->as.saga;
        if (sk_saga_is_over(saga)) {
            out_stats->sagas_cached += 1;
        } else {
            out_stats->sagas_active += 1;
            if (saga->state == SK_SAGA_PENDING) out_stats->sagas_pending += 1;
            if (!sk_saga_is_flying(saga)) out_stats->sagas_parked += 1;
        }
    }
    for (uint32_t i = 0; i < engine->shards_count; i++) {
        const struct sk_shard *shard = &engine->shards[i];
        if (sk_shard_is_held(shard)) out_stats->shards_owned += 1;
        if (shard->state == SK_SHARD_DEGRADED) out_stats->shards_degraded += 1;
    }
    sk_histogram_tell(&engine->histogram, out_stats);
}

/* ---- reads that go straight to the store ----------------------------------------------------- */

struct outside_read {
    struct sk_owned owned;
    sk_read_done *done;
    void *context;
};

static void free_outside(struct sk_owned *owned)
{
    sk_free(sk_container_of(owned, struct outside_read, owned));
}

static void pass_rows(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct outside_read *read = context;
    sk_read_done *done = read->done;
    void *done_context = read->context;
    sk_disown(&read->owned);
    sk_free(read);
    done(done_context, rows);
}

void sk_engine_read(struct sk_engine *engine, const struct sk_read *read, sk_read_done *done,
                    void *context)
{
    struct outside_read *outside = sk_alloc(sizeof *outside);
    if (outside == NULL) {
        struct sk_rows rows = { .status = SKALD_E_MEMORY };
        (void)sk_error_set(&rows.error, SKALD_E_MEMORY, "read");
        done(context, &rows);
        return;
    }
    outside->done = done;
    outside->context = context;
    sk_own(engine, &outside->owned, free_outside);
    sk_engine_store_read(engine, read, pass_rows, outside);
}

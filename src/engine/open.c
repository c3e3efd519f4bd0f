/*
 * open.c: opening: meta, definitions, shards; done when sagas are served.
 */
#include "engine/engine_private.h"

#include "engine/group.h"

enum { FAILURES_MAX = 5, PROGRESS_EVERY_MS = 1000 };

static void tell_opened(struct sk_engine *engine, enum skald_status status,
                        const skald_error *error)
{
    sk_engine_opened *opened = engine->opened;
    engine->opened = NULL;
    sk_alarm_clear(engine, &engine->progress_alarm);
    if (opened != NULL)
        opened(engine->opened_context, status, error); /* last: it may free the engine */
}

static uint32_t count_serving(const struct sk_engine *engine, uint32_t *out_wanted)
{
    uint32_t serving = 0;
    *out_wanted = 0;
    for (uint32_t i = 0; i < engine->shards_count; i++) {
        if (!engine->shards[i].is_wanted) continue;
        *out_wanted += 1;
        serving += sk_shard_is_serving(&engine->shards[i]) ? 1 : 0;
    }
    return serving;
}

static void progress(struct sk_engine *engine, struct sk_alarm *alarm)
{
    uint32_t wanted = 0;
    uint32_t serving = count_serving(engine, &wanted);
    struct sk_buf json;
    sk_buf_init(&json, 0);
    sk_buf_printf(&json, "{\"shards\":%u,\"serving\":%u,\"sagas\":%llu}", wanted, serving,
                  (unsigned long long)engine->recovered);
    sk_engine_notice(engine, SK_LOG_INFO, "recovery.progress", SK_STR(""), "", sk_buf_view(&json));
    sk_buf_release(&json);
    if (engine->phase == SK_PHASE_OPENING)
        sk_alarm_set(engine, alarm, sk_engine_now(engine) + PROGRESS_EVERY_MS);
}

static void finish_open(struct sk_engine *engine, void *context)
{
    (void)context;
    if (engine->phase != SK_PHASE_OPEN || engine->opened == NULL) return;
    tell_opened(engine, SKALD_OK, NULL);
}

static void fail_deferred(struct sk_engine *engine, void *context)
{
    (void)context;
    skald_error error = engine->open_error;
    if (error.status == SKALD_OK)
        (void)sk_error_set(&error, SKALD_E_IO, "the store is broken and could not be reopened");
    tell_opened(engine, (enum skald_status)error.status, &error);
}

bool sk_open_damaged(struct sk_engine *engine, const skald_error *error)
{
    if (engine->phase != SK_PHASE_OPENING || engine->opened == NULL) return false;
    engine->phase = SK_PHASE_BROKEN;
    engine->open_error = *error;
    return sk_engine_defer(engine, fail_deferred, NULL) == SKALD_OK;
}

/* Only shards whose lease another node holds may be missing then. */
void sk_open_check(struct sk_engine *engine)
{
    if (engine->phase == SK_PHASE_BROKEN && engine->opened != NULL) {
        (void)!sk_engine_defer(engine, fail_deferred, NULL);
        return;
    }
    if (engine->phase != SK_PHASE_OPENING || engine->shards == NULL) return;
    for (uint32_t i = 0; i < engine->shards_count; i++) {
        const struct sk_shard *shard = &engine->shards[i];
        bool is_elsewhere =
            engine->store->is_shared && shard->state == SK_SHARD_NOT_OWNED && shard->term > 0;
        if (shard->is_wanted && !sk_shard_is_serving(shard) && !is_elsewhere) return;
    }
    engine->phase = SK_PHASE_OPEN;
    progress(engine, &engine->progress_alarm);
    if (sk_engine_defer(engine, finish_open, NULL) != SKALD_OK) finish_open(engine, NULL);
}

static void fail_open(struct sk_engine *engine, enum skald_status status, const skald_error *error)
{
    engine->phase = SK_PHASE_NEW;
    tell_opened(engine, status, error);
}

static void begin(struct sk_engine *engine, struct sk_alarm *alarm);

/* True: tried again. */
static bool try_again(struct sk_engine *engine, enum skald_status status)
{
    if (skald_status_class(status) != SKALD_CLASS_RETRY || engine->open_failures >= FAILURES_MAX)
        return false;
    engine->open_failures += 1;
    engine->open_alarm.fn = begin;
    sk_alarm_set(engine, &engine->open_alarm,
                 sk_engine_now(engine) + (SK_PAUSE_MS << engine->open_failures));
    return true;
}

/* Of the engines of a group each takes its own. */
static bool is_ours(const struct sk_engine *engine, uint32_t shard)
{
    const struct sk_engine_options *options = &engine->options;
    return options->group == NULL ||
           sk_group_member_of(options->group, shard) == options->group_member;
}

static void on_definitions(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)context;
    enum skald_status status = rows->status;
    if (status == SKALD_OK) {
        status = sk_plans_load(engine, rows);
        if (status != SKALD_OK) (void)sk_error_set(&rows->error, status, "definitions");
    }
    if (status != SKALD_OK) {
        if (!try_again(engine, status)) fail_open(engine, status, &rows->error);
        return;
    }
    sk_alarm_set(engine, &engine->progress_alarm, sk_engine_now(engine) + PROGRESS_EVERY_MS);
    sk_sweep_init(engine);
    sk_retention_init(engine);
    for (uint32_t i = 0; i < engine->shards_count; i++) {
        struct sk_shard *shard = &engine->shards[i];
        if (!engine->options.no_take) shard->is_wanted = is_ours(engine, i);
        if (shard->is_wanted) sk_shard_take(shard);
    }
    sk_open_check(engine);
}

static enum skald_status set_meta(struct sk_engine *engine, const struct sk_meta *meta,
                                  skald_error *error)
{
    if (strcmp(meta->hash, "siphash24") != 0) {
        return sk_error_set(error, SKALD_E_VERSION,
                            "the store's hash is %.15s, this build knows siphash24", meta->hash);
    }
    if (meta->shards_count == 0 || meta->shards_count > SK_SHARDS_MAX) {
        return sk_error_set(error, SKALD_E_CORRUPT, "the store says it has %u shards",
                            meta->shards_count);
    }
    if (engine->shards != NULL) return SKALD_OK;
    engine->shards = sk_alloc(meta->shards_count * sizeof *engine->shards);
    bool has_siblings = engine->options.group != NULL && sk_group_count(engine->options.group) > 1;
    if (has_siblings) engine->servings = sk_alloc(meta->shards_count * sizeof *engine->servings);
    if (engine->shards == NULL || (has_siblings && engine->servings == NULL)) {
        sk_free(engine->shards);
        sk_free(engine->servings);
        engine->shards = NULL;
        engine->servings = NULL;
        return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    }
    engine->meta = *meta;
    engine->shards_count = meta->shards_count;
    for (uint32_t i = 0; i < meta->shards_count; i++) sk_shard_init(&engine->shards[i], engine, i);
    return SKALD_OK;
}

static void on_meta(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)context;
    enum skald_status status = rows->status;
    if (status == SKALD_OK) status = set_meta(engine, &rows->meta, &rows->error);
    if (status != SKALD_OK) {
        if (!try_again(engine, status)) fail_open(engine, status, &rows->error);
        return;
    }
    struct sk_read read = { .kind = SK_READ_DEFINITIONS, .limit = UINT32_MAX };
    sk_engine_store_read(engine, &read, on_definitions, NULL);
}

static void begin(struct sk_engine *engine, struct sk_alarm *alarm)
{
    (void)alarm;
    struct sk_read read = { .kind = SK_READ_META };
    sk_engine_store_read(engine, &read, on_meta, NULL);
}

void sk_engine_open(struct sk_engine *engine, sk_engine_opened *done, void *context)
{
    SK_ASSERT(engine->phase == SK_PHASE_NEW);
    engine->phase = SK_PHASE_OPENING;
    engine->opened = done;
    engine->opened_context = context;
    engine->opened_at_ms = sk_engine_now(engine);
    engine->progress_alarm.fn = progress;
    begin(engine, NULL);
}

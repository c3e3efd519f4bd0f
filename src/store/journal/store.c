/*
 * store.c: opening and closing, the port's calls, and what the apply thread wants of the index. All
 * of it runs on the loop.
 */
#include "store/journal/parts.h"
#include "store/patience.h"
#include "store/threads.h"

#include <stdio.h>
#include <string.h>

static struct sk_journal *journal_of(struct sk_store *store)
{
    return sk_container_of(store, struct sk_journal, base);
}

/* ---- requests -------------------------------------------------------------------------------- */

static struct sk_store_request *request_new(struct sk_journal *journal, enum sk_store_call call,
                                            void *context)
{
    struct sk_store_request *request =
        sk_alloc_patiently(sizeof *request, "out of memory: a request to the store");
    sk_store_request_init(request, call, context, journal->runtime);
    request->store = journal;
    return request;
}

static void enqueue(struct sk_journal *journal, struct sk_store_request *request)
{
    if (request->arena.failed) {
        sk_store_request_refuse(request, journal->delivery);
        return;
    }
    pthread_mutex_lock(&journal->lock);
    sk_list_push(&journal->writes, &request->item.node);
    bool is_ours = journal_take_single(journal);
    if (!is_ours) pthread_cond_signal(&journal->has_writes);
    pthread_mutex_unlock(&journal->lock);
    if (is_ours) journal_commit_single(journal);
}

static void store_submit(struct sk_store *base, struct sk_batch *batch, sk_batch_done *done,
                         void *context)
{
    struct sk_store_request *request = request_new(journal_of(base), SK_STORE_SUBMIT, context);
    request->done.batch = done;
    request->batch = batch;
    enqueue(journal_of(base), request);
}

static void store_take(struct sk_store *base, uint32_t shard, uint64_t epoch, struct sk_str owner,
                       int64_t expires_at_ms, sk_take_done *done, void *context)
{
    struct sk_store_request *request = request_new(journal_of(base), SK_STORE_TAKE, context);
    request->done.take = done;
    request->shard = shard;
    request->epoch = epoch;
    request->owner = sk_arena_copy(&request->arena, owner);
    request->expires_at_ms = expires_at_ms;
    enqueue(journal_of(base), request);
}

static void store_renew(struct sk_store *base, uint32_t shard, uint64_t epoch,
                        int64_t expires_at_ms, sk_take_done *done, void *context)
{
    struct sk_store_request *request = request_new(journal_of(base), SK_STORE_RENEW, context);
    request->done.take = done;
    request->shard = shard;
    request->epoch = epoch;
    request->expires_at_ms = expires_at_ms;
    enqueue(journal_of(base), request);
}

/* ---- what the index answers first ------------------------------------------------------------ */

/* It knows whether a definition fits; then the log makes that durable. */
static void on_index_answer(void *context, enum skald_status status, const skald_error *error)
{
    struct sk_store_request *request = context;
    sk_list_remove(&request->item.node);
    if (status == SKALD_OK) {
        enqueue(request->store, request);
        return;
    }
    request->done.define(request->context, status, error);
    sk_store_request_free(request);
}

static void store_define(struct sk_store *base, const struct sk_definition_row *row,
                         bool keep_latest, sk_define_done *done, void *context)
{
    struct sk_journal *journal = journal_of(base);
    struct sk_store_request *request = request_new(journal, SK_STORE_DEFINE, context);
    request->done.define = done;
    sk_definition_row_copy(&request->arena, row, &request->definition);
    request->keep_latest = keep_latest;
    if (request->arena.failed) {
        sk_store_request_refuse(request, journal->delivery);
        return;
    }
    sk_list_push(&journal->asked, &request->item.node);
    journal->index.store->ops->define(journal->index.store, &request->definition, keep_latest,
                                      on_index_answer, request);
}

/* Either may be what broke, and a definition may have met an index of which nobody else knows. */
static void store_reopen(struct sk_store *base, sk_define_done *done, void *context)
{
    struct sk_journal *journal = journal_of(base);
    struct sk_store_request *request = request_new(journal, SK_STORE_REOPEN, context);
    request->done.define = done;
    sk_list_push(&journal->asked, &request->item.node);
    journal->index.store->ops->reopen(journal->index.store, on_index_answer, request);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void wait_read(struct sk_journal *journal, uint64_t need, const struct sk_read *read,
                      sk_read_done *done, void *context)
{
    struct journal_read *waiting =
        sk_alloc_patiently(sizeof *waiting, "out of memory: a request to the store");
    sk_arena_init(&waiting->arena);
    sk_read_copy(&waiting->arena, read, &waiting->read);
    if (waiting->arena.failed) {
        struct sk_store_request *request = request_new(journal, SK_STORE_READ, context);
        request->done.rows = done;
        sk_store_request_refuse(request, journal->delivery);
        sk_arena_release(&waiting->arena);
        sk_free(waiting);
        return;
    }
    waiting->need = need;
    waiting->done = done;
    waiting->context = context;
    sk_list_push(&journal->waiting, &waiting->node);
}

static void store_read(struct sk_store *base, const struct sk_read *read, sk_read_done *done,
                       void *context)
{
    struct sk_journal *journal = journal_of(base);
    if (read->kind == SK_READ_SHARDS) {
        struct sk_store_request *request = request_new(journal, SK_STORE_READ, context);
        request->done.rows = done;
        enqueue(journal, request);
        return;
    }
    pthread_mutex_lock(&journal->lock);
    uint64_t need = journal->durable;
    bool is_behind = journal->applied < need && !journal->is_stuck;
    bool is_old = journal->applied < journal->recovered;
    pthread_mutex_unlock(&journal->lock);
    bool waits =
        is_behind && read->kind != SK_READ_META && (is_old || touched_by(journal->touched, read));
    if (!waits) {
        journal->index.store->ops->read(journal->index.store, read, done, context);
        return;
    }
    wait_read(journal, need, read, done, context);
    pthread_mutex_lock(&journal->lock);
    if (journal->demanded < need) journal->demanded = need;
    pthread_cond_signal(&journal->has_records);
    pthread_mutex_unlock(&journal->lock);
}

static void free_read(struct journal_read *waiting)
{
    sk_list_remove(&waiting->node);
    sk_arena_release(&waiting->arena);
    sk_free(waiting);
}

/* Those whose time has come; when the index is lost, all: they get what it has, and an engine that
 * cannot commit tells nobody. */
static void run_reads(struct sk_journal *journal, uint64_t applied, bool is_stuck)
{
    struct sk_store *index = journal->index.store;
    struct sk_list *next = NULL;
    for (struct sk_list *at = journal->waiting.next; at != &journal->waiting; at = next) {
        next = at->next;
        struct journal_read *waiting = sk_container_of(at, struct journal_read, node);
        if (waiting->need > applied && !is_stuck) continue;
        index->ops->read(index, &waiting->read, waiting->done, waiting->context);
        free_read(waiting);
    }
}

/* ---- errands --------------------------------------------------------------------------------- */

static void answer(struct sk_journal *journal, enum skald_status status, const skald_error *error)
{
    pthread_mutex_lock(&journal->lock);
    journal->errand.status = status;
    if (error != NULL) journal->errand.error = *error;
    journal->errand.is_done = true;
    pthread_cond_signal(&journal->has_answer);
    pthread_mutex_unlock(&journal->lock);
}

static void on_submitted(void *context, struct sk_batch *batch)
{
    (void)batch;
    answer(context, SKALD_OK, NULL);
}

static void on_taken(void *context, enum skald_status status, const struct sk_shard_row *row,
                     const skald_error *error)
{
    struct sk_journal *journal = context;
    if (row->shard < journal->index.shards_count) journal->indexed[row->shard].epoch = row->epoch;
    answer(journal, status, status == SKALD_OK ? NULL : error);
}

static void on_defined(void *context, enum skald_status status, const skald_error *error)
{
    answer(context, status, status == SKALD_OK ? NULL : error);
}

static void on_shards(void *context, struct sk_rows *rows)
{
    struct sk_journal *journal = context;
    for (uint32_t i = 0; i < rows->shards_count; i++) {
        const struct sk_shard_row *row = &rows->shards[i];
        if (row->shard >= journal->index.shards_count) continue;
        journal->indexed[row->shard].epoch = row->epoch;
        journal->indexed[row->shard].position = row->position;
    }
    answer(journal, rows->status, &rows->error);
}

static void run_errand(struct sk_journal *journal, enum errand_kind kind, struct errand *errand)
{
    struct sk_store *index = journal->index.store;
    switch (kind) {
    case ERRAND_NONE: break;
    case ERRAND_SUBMIT: index->ops->submit(index, errand->batch, on_submitted, journal); break;
    case ERRAND_TAKE: /* nobody else has it: no lease */
        index->ops->take(index, errand->shard, journal->indexed[errand->shard].epoch,
                         SK_STR("journal"), 0, on_taken, journal);
        break;
    case ERRAND_DEFINE:
        index->ops->define(index, &errand->definition, errand->keep_latest, on_defined, journal);
        break;
    case ERRAND_SHARDS:
        index->ops->read(index, &(struct sk_read){ .kind = SK_READ_SHARDS }, on_shards, journal);
        break;
    case ERRAND_REOPEN: index->ops->reopen(index, on_defined, journal); break;
    }
}

void journal_on_messenger(struct sk_delivery_item *item)
{
    struct sk_journal *journal = sk_container_of(item, struct sk_journal, messenger);
    pthread_mutex_lock(&journal->lock);
    journal->is_messenger_out = false;
    enum errand_kind kind = journal->errand.kind; /* the rest is the thread's, unless it waits */
    uint64_t applied = journal->applied;
    bool is_stuck = journal->is_stuck, is_closing = journal->is_closing;
    journal->errand.kind = ERRAND_NONE; /* it is under way */
    pthread_mutex_unlock(&journal->lock);
    if (is_closing) return;
    run_errand(journal, kind, &journal->errand);
    run_reads(journal, applied, is_stuck);
}

static void drop_messenger(struct sk_delivery_item *item)
{
    (void)item; /* part of the store */
}

void journal_send_messenger(struct sk_journal *journal)
{
    if (journal->is_messenger_out || journal->is_closing) return;
    journal->is_messenger_out = true;
    sk_delivery_put(journal->delivery, &journal->messenger);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void stop_threads(struct sk_journal *journal)
{
    pthread_mutex_lock(&journal->lock);
    journal->is_closing = true;
    pthread_cond_broadcast(&journal->has_writes);
    pthread_cond_broadcast(&journal->has_records);
    pthread_cond_broadcast(&journal->has_answer);
    pthread_cond_broadcast(&journal->has_room);
    pthread_mutex_unlock(&journal->lock);
    if (journal->is_commit_started) pthread_join(journal->commit_thread, NULL);
    if (journal->is_apply_started) pthread_join(journal->apply_thread, NULL);
}

static void store_free(struct sk_store *base)
{
    if (base == NULL) return;
    struct sk_journal *journal = journal_of(base);
    stop_threads(journal);
    if (journal->index.store != NULL) journal->index.store->ops->free(journal->index.store);
    sk_store_requests_drop(&journal->asked);
    while (!sk_list_is_empty(&journal->waiting))
        free_read(sk_container_of(journal->waiting.next, struct journal_read, node));
    if (journal->delivery != NULL) sk_delivery_close(journal->delivery);
    sk_merge_free(journal->merge);
    sk_arena_release(&journal->unpacked);
    sk_arena_release(&journal->group.arena);
    sk_log_reader_free(journal->reader);
    sk_log_free(journal->log);
    if (journal->disk != NULL) journal->disk->ops->free(journal->disk);
    touched_free(journal->touched);
    for (uint32_t i = 0; journal->shards != NULL && i < journal->index.shards_count; i++)
        sk_free(journal->shards[i].owner);
    sk_free(journal->shards);
    sk_free(journal->indexed);
    pthread_mutex_destroy(&journal->lock);
    pthread_cond_destroy(&journal->has_writes);
    pthread_cond_destroy(&journal->has_records);
    pthread_cond_destroy(&journal->has_answer);
    pthread_cond_destroy(&journal->has_room);
    sk_free(journal);
}

static const struct sk_store_ops journal_ops = {
    .submit = store_submit,
    .read = store_read,
    .take = store_take,
    .renew = store_renew,
    .define = store_define,
    .reopen = store_reopen,
    .free = store_free,
};

/* ---- the beginning --------------------------------------------------------------------------- */

static void init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* NULL: out of memory; disk and index are freed. */
static struct sk_journal *journal_new(const struct sk_journal_options *options)
{
    struct sk_journal *journal = sk_alloc(sizeof *journal);
    if (journal == NULL) {
        options->index.store->ops->free(options->index.store);
        options->disk->ops->free(options->disk);
        return NULL;
    }
    journal->base = (struct sk_store){ .ops = &journal_ops, .name = "journal" };
    journal->runtime = options->runtime;
    journal->disk = options->disk;
    journal->index = options->index;
    journal->apply_rows = options->apply_rows > 0 ? options->apply_rows : SK_JOURNAL_APPLY_ROWS;
    journal->apply_delay_ms =
        options->apply_delay_ms > 0 ? options->apply_delay_ms : SK_JOURNAL_APPLY_DELAY_MS;
    journal->quick_us = options->quick_us > 0 ? options->quick_us : SK_JOURNAL_QUICK_US;
    journal->lag_max = options->lag_max > 0 ? options->lag_max : SK_JOURNAL_LAG_MAX;
    journal->messenger =
        (struct sk_delivery_item){ .run = journal_on_messenger, .drop = drop_messenger };
    sk_list_init(&journal->messenger.node);
    sk_list_init(&journal->writes);
    sk_list_init(&journal->group.requests);
    sk_arena_init(&journal->group.arena);
    sk_list_init(&journal->waiting);
    sk_list_init(&journal->asked);
    pthread_mutex_init(&journal->lock, NULL);
    init_cond(&journal->has_writes);
    init_cond(&journal->has_records);
    init_cond(&journal->has_answer);
    init_cond(&journal->has_room);
    uint32_t count = options->index.shards_count;
    journal->delivery = sk_delivery_new(options->runtime);
    journal->touched = touched_new();
    journal->merge = sk_merge_new(count);
    journal->shards = sk_alloc(count * sizeof *journal->shards);
    journal->indexed = sk_alloc(count * sizeof *journal->indexed);
    bool is_whole = journal->delivery != NULL && journal->touched != NULL &&
                    journal->merge != NULL && journal->shards != NULL && journal->indexed != NULL;
    if (is_whole) return journal;
    store_free(&journal->base);
    return NULL;
}

static void read_index(struct sk_journal *journal)
{
    for (uint32_t i = 0; i < journal->index.shards_count; i++) {
        struct sk_shard_row row = { 0 };
        journal->index.shard(journal->index.store, i, &row);
        struct journal_shard *shard = &journal->shards[i];
        shard->epoch = row.epoch;
        shard->position = row.position;
        memcpy(shard->batch_id, row.batch_id, SK_BATCH_ID_SIZE);
        journal->indexed[i] = *shard;
    }
}

static enum skald_status hole(const struct sk_record *record, uint64_t shard, skald_error *error)
{
    return sk_error_set(
        error, SKALD_E_CORRUPT,
        "record %llu of the journal (shard %llu) does not follow what is stored: "
        "records before it are missing, or the index is not its own; restore a copy",
        (unsigned long long)record->number, (unsigned long long)shard);
}

/* S1 again: what the log makes of the shards, from where the index is. */
static enum skald_status on_record(void *context, const struct sk_record *record,
                                   skald_error *error)
{
    struct sk_journal *journal = context;
    struct sk_reader reader = sk_reader_of(record->payload);
    uint64_t index = sk_get_u64(&reader), epoch = sk_get_u64(&reader);
    if (record->type == SK_RECORD_DEFINE || record->type == SK_RECORD_RENEW) return SKALD_OK;
    if (index >= journal->index.shards_count) return hole(record, index, error);
    struct journal_shard *shard = &journal->shards[index];
    if (record->type == SK_RECORD_TAKE) {
        if (epoch > shard->epoch + 1) return hole(record, index, error);
        if (epoch == shard->epoch + 1) shard->epoch = epoch;
        return SKALD_OK;
    }
    struct sk_part part;
    sk_arena_clear(&journal->scratch);
    if (!sk_record_get_part(record->payload, &journal->scratch, &part))
        return sk_error_set(error, SKALD_E_CORRUPT, "record %llu holds no part",
                            (unsigned long long)record->number);
    uint64_t end = part.first_position + sk_part_width(&part);
    if (end <= shard->position) return SKALD_OK;
    if (part.first_position != shard->position || part.epoch != shard->epoch)
        return hole(record, index, error);
    shard->position = end;
    memcpy(shard->batch_id, part.batch_id, SK_BATCH_ID_SIZE);
    return SKALD_OK;
}

static bool start_threads(struct sk_journal *journal)
{
    journal->is_commit_started =
        sk_thread_start(&journal->commit_thread, journal_commit_main, journal) == 0;
    journal->is_apply_started =
        sk_thread_start(&journal->apply_thread, journal_apply_main, journal) == 0;
    return journal->is_commit_started && journal->is_apply_started;
}

static enum skald_status open_log(struct sk_journal *journal, uint64_t segment_size,
                                  skald_error *error)
{
    struct sk_log_options options = { .disk = journal->disk,
                                      .incarnation = journal->index.incarnation,
                                      .segment_size = segment_size };
    read_index(journal);
    sk_arena_init(&journal->scratch);
    enum skald_status status = sk_log_open(&options, on_record, journal, &journal->log, error);
    sk_arena_release(&journal->scratch);
    if (status != SKALD_OK) return status;
    journal->reader = sk_log_reader_new(journal->log);
    if (journal->reader == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    journal->durable = journal->recovered = sk_log_durable(journal->log);
    journal->read_number = journal->applied = sk_log_first(journal->log) - 1;
    journal->durable_bytes = journal->written_bytes = sk_log_bytes(journal->log);
    if (start_threads(journal)) return SKALD_OK;
    return sk_error_set(error, SKALD_E_MEMORY, "no threads could be started");
}

enum skald_status sk_journal_store_open(const struct sk_journal_options *options,
                                        struct sk_store **out_store, skald_error *error)
{
    struct sk_journal *journal = journal_new(options);
    if (journal == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    enum skald_status status = open_log(journal, options->segment_size, error);
    if (status != SKALD_OK) {
        store_free(&journal->base);
        return status;
    }
    *out_store = &journal->base;
    return SKALD_OK;
}

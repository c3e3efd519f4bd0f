/*
 * store.c: opening and closing, and the port's calls: each makes a request, puts it into a queue
 * and returns. Runs on the loop; the queues are shared with the threads under `lock`.
 */
#include "store/sqlite/parts.h"

#include "store/patience.h"
#include "store/threads.h"

#include "base/assert.h"
#include "base/limits.h"

/* ---- requests -------------------------------------------------------------------------------- */

static struct sk_sqlite_store *store_of(struct sk_store *store)
{
    return sk_container_of(store, struct sk_sqlite_store, base);
}

static struct sk_store_request *take_spare(struct sk_sqlite_store *store, enum sk_store_call call)
{
    uint32_t kept = call == SK_STORE_READ ? SK_SQLITE_SPARE_FOR_WRITES : 0;
    if (store->spare_count <= kept) return NULL;
    struct sk_store_request *request = sk_store_requests_first(&store->spare);
    sk_list_remove(&request->item.node);
    store->spare_count -= 1;
    return request;
}

/* Not by those that come back: their `done` may have freed the store. */
static bool keep_spare(struct sk_sqlite_store *store)
{
    while (store->spare_count < SK_SQLITE_SPARE) {
        struct sk_store_request *request = sk_alloc(sizeof *request);
        if (request == NULL) return false;
        sk_list_push(&store->spare, &request->item.node);
        store->spare_count += 1;
    }
    return true;
}

static void free_spare(struct sk_sqlite_store *store)
{
    struct sk_store_request *request;
    while ((request = take_spare(store, SK_STORE_SUBMIT)) != NULL) sk_free(request);
}

/* When even what is kept is used up: waits for memory, then gives up loudly. Nothing acknowledged
 * is lost by that. */
static struct sk_store_request *find_memory(struct sk_sqlite_store *store, enum sk_store_call call)
{
    for (int tries = 0;; tries++) {
        (void)keep_spare(store);
        struct sk_store_request *request = sk_alloc(sizeof *request);
        if (request == NULL) request = take_spare(store, call);
        if (request != NULL) return request;
        sk_be_patient(tries, "out of memory: a request to the store");
    }
}

static struct sk_store_request *request_new(struct sk_sqlite_store *store, enum sk_store_call call,
                                            void *context)
{
    struct sk_store_request *request = find_memory(store, call);
    sk_store_request_init(request, call, context, store->runtime);
    return request;
}

static void enqueue(struct sk_sqlite_store *store, struct sk_store_request *request)
{
    if (request->arena.failed) {
        sk_store_request_refuse(request, store->delivery); /* Q7 */
        return;
    }
    bool is_read = request->call == SK_STORE_READ;
    pthread_mutex_lock(&store->lock);
    sk_list_push(is_read ? &store->reads : &store->writes, &request->item.node);
    pthread_cond_signal(is_read ? &store->has_reads : &store->has_writes);
    pthread_mutex_unlock(&store->lock);
}

/* ---- the port -------------------------------------------------------------------------------- */

static void store_submit(struct sk_store *base, struct sk_batch *batch, sk_batch_done *done,
                         void *context)
{
    struct sk_store_request *request = request_new(store_of(base), SK_STORE_SUBMIT, context);
    request->done.batch = done;
    request->batch = batch;
    enqueue(store_of(base), request);
}

static void store_read(struct sk_store *base, const struct sk_read *read, sk_read_done *done,
                       void *context)
{
    struct sk_store_request *request = request_new(store_of(base), SK_STORE_READ, context);
    request->done.rows = done;
    sk_read_copy(&request->arena, read, &request->read);
    enqueue(store_of(base), request);
}

static void store_take(struct sk_store *base, uint32_t shard, uint64_t epoch, struct sk_str owner,
                       int64_t expires_at_ms, sk_take_done *done, void *context)
{
    struct sk_store_request *request = request_new(store_of(base), SK_STORE_TAKE, context);
    request->done.take = done;
    request->shard = shard;
    request->epoch = epoch;
    request->owner = sk_arena_copy(&request->arena, owner);
    request->expires_at_ms = expires_at_ms;
    enqueue(store_of(base), request);
}

static void store_renew(struct sk_store *base, uint32_t shard, uint64_t epoch,
                        int64_t expires_at_ms, sk_take_done *done, void *context)
{
    struct sk_store_request *request = request_new(store_of(base), SK_STORE_RENEW, context);
    request->done.take = done;
    request->shard = shard;
    request->epoch = epoch;
    request->expires_at_ms = expires_at_ms;
    enqueue(store_of(base), request);
}

static void store_define(struct sk_store *base, const struct sk_definition_row *row,
                         bool keep_latest, sk_define_done *done, void *context)
{
    struct sk_store_request *request = request_new(store_of(base), SK_STORE_DEFINE, context);
    request->done.define = done;
    sk_definition_row_copy(&request->arena, row, &request->definition);
    request->keep_latest = keep_latest;
    enqueue(store_of(base), request);
}

static void store_reopen(struct sk_store *base, sk_define_done *done, void *context)
{
    struct sk_store_request *request = request_new(store_of(base), SK_STORE_REOPEN, context);
    request->done.define = done;
    enqueue(store_of(base), request);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* The commit thread ends when its queue is empty; readers stop at once. */
static void stop_threads(struct sk_sqlite_store *store)
{
    pthread_mutex_lock(&store->lock);
    atomic_store(&store->is_closing, true);
    pthread_cond_broadcast(&store->has_writes);
    pthread_cond_broadcast(&store->has_reads);
    pthread_cond_broadcast(&store->has_pages);
    pthread_mutex_unlock(&store->lock);
    if (store->is_commit_started) pthread_join(store->commit_thread, NULL);
    if (store->is_checkpoint_started) pthread_join(store->checkpoint_thread, NULL);
    for (uint32_t i = 0; i < SK_SQLITE_READERS_MAX; i++)
        if (store->readers[i].is_started) pthread_join(store->readers[i].thread, NULL);
}

static void store_free(struct sk_store *base)
{
    if (base == NULL) return;
    struct sk_sqlite_store *store = store_of(base);
    stop_threads(store);
    sk_store_requests_drop(&store->reads);
    free_spare(store);
    sk_sqlite_disconnect(store);
    sk_sqlite_file_release(&store->file);
    if (store->delivery != NULL) sk_delivery_close(store->delivery);
    pthread_rwlock_destroy(&store->open);
    pthread_mutex_destroy(&store->door);
    pthread_mutex_destroy(&store->gate);
    pthread_mutex_destroy(&store->lock);
    pthread_cond_destroy(&store->has_writes);
    pthread_cond_destroy(&store->has_reads);
    pthread_cond_destroy(&store->has_pages);
    sk_free(store->known);
    sk_free(store);
}

static const struct sk_store_ops sqlite_ops = {
    .submit = store_submit,
    .read = store_read,
    .take = store_take,
    .renew = store_renew,
    .define = store_define,
    .reopen = store_reopen,
    .free = store_free,
};

/* ---- the beginning --------------------------------------------------------------------------- */

static uint32_t or_default(uint32_t value, uint32_t initial)
{
    return value == 0 ? initial : value;
}

static void init_locks(struct sk_sqlite_store *store)
{
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    /* Readers come one after the other without end: a waiting reopen must get its turn. */
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&store->open, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    pthread_mutex_init(&store->door, NULL);
    pthread_mutex_init(&store->gate, NULL);
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->has_writes, NULL);
    pthread_cond_init(&store->has_reads, NULL);
    pthread_cond_init(&store->has_pages, NULL);
    sk_list_init(&store->spare);
    sk_list_init(&store->writes);
    sk_list_init(&store->reads);
}

static struct sk_sqlite_store *store_new(const struct sk_sqlite_options *options)
{
    struct sk_sqlite_store *store = sk_alloc(sizeof *store);
    if (store == NULL) return NULL;
    store->base = (struct sk_store){ .ops = &sqlite_ops, .name = "sqlite" };
    store->runtime = options->runtime;
    store->options = *options;
    struct sk_sqlite_options *o = &store->options;
    o->shards_count = or_default(o->shards_count, SK_SHARDS_DEFAULT);
    o->checkpoint_pages = or_default(o->checkpoint_pages, SK_SQLITE_CHECKPOINT_PAGES);
    o->readers_count = or_default(o->readers_count, SK_SQLITE_READERS);
    o->read_ms_max = or_default(o->read_ms_max, SK_SQLITE_READ_MS_MAX);
    o->cache_kib = or_default(o->cache_kib, SK_SQLITE_CACHE_KIB);
    o->path = NULL; /* the caller's; file.path is ours */
    store->file.lock_fd = -1;
    init_locks(store);
    store->delivery = sk_delivery_new(options->runtime);
    if (store->delivery != NULL && keep_spare(store)) return store;
    store_free(&store->base);
    return NULL;
}

static enum skald_status check_options(const struct sk_sqlite_options *options, skald_error *error)
{
    if (sqlite3_threadsafe() == 0)
        return sk_error_set(error, SKALD_E_UNSUPPORTED, "this SQLite was built without threads");
    if (options->path == NULL || options->path[0] == '\0')
        return sk_error_set(error, SKALD_E_ARGUMENT, "no file is named");
    if (options->shards_count > SK_SHARDS_MAX)
        return sk_error_set(error, SKALD_E_ARGUMENT, "at most %d shards", SK_SHARDS_MAX);
    if (options->readers_count > SK_SQLITE_READERS_MAX)
        return sk_error_set(error, SKALD_E_ARGUMENT, "at most %d reader threads",
                            SK_SQLITE_READERS_MAX);
    return SKALD_OK;
}

static bool start_threads(struct sk_sqlite_store *store)
{
    store->is_commit_started =
        sk_thread_start(&store->commit_thread, sk_sqlite_commit_main, store) == 0;
    store->is_checkpoint_started =
        sk_thread_start(&store->checkpoint_thread, sk_sqlite_checkpoint_main, store) == 0;
    bool is_started = store->is_commit_started && store->is_checkpoint_started;
    for (uint32_t i = 0; i < store->options.readers_count && is_started; i++) {
        struct sk_sqlite_reader *reader = &store->readers[i];
        reader->is_started = sk_thread_start(&reader->thread, sk_sqlite_read_main, reader) == 0;
        is_started = reader->is_started;
    }
    return is_started;
}

static enum skald_status open_file(struct sk_sqlite_store *store, const char *path,
                                   skald_error *error)
{
    enum skald_status status =
        sk_sqlite_file_claim(path, store->options.is_private, &store->file, error);
    if (status != SKALD_OK) return status;
    uint64_t incarnation = 0;
    store->runtime->ops->random(store->runtime, &incarnation, sizeof incarnation);
    incarnation >>= 1; /* SQL's integers are signed */
    status = sk_sqlite_file_create(&store->file, store->options.shards_count, incarnation, error);
    if (status == SKALD_OK) status = sk_sqlite_file_check(&store->file, error);
    if (status == SKALD_OK) status = sk_sqlite_connect(store, error);
    if (status == SKALD_OK) status = sk_sqlite_void_leases(store, error);
    if (status == SKALD_OK && !start_threads(store))
        status = sk_error_set(error, SKALD_E_MEMORY, "no threads could be started");
    return status;
}

enum skald_status sk_sqlite_store_open(const struct sk_sqlite_options *options,
                                       struct sk_store **out_store, skald_error *error)
{
    enum skald_status status = check_options(options, error);
    if (status != SKALD_OK) return status;
    struct sk_sqlite_store *store = store_new(options);
    if (store == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    status = open_file(store, options->path, error);
    if (status != SKALD_OK) {
        sk_error_wrap(error, "open store: %s", options->path);
        store_free(&store->base);
        return status;
    }
    *out_store = &store->base;
    return SKALD_OK;
}

/* ---- for a journal --------------------------------------------------------------------------- */

void sk_sqlite_store_shard(struct sk_store *store, uint32_t shard, struct sk_shard_row *out_row)
{
    const struct shard_known *known = &store_of(store)->known[shard];
    *out_row =
        (struct sk_shard_row){ .shard = shard, .epoch = known->epoch, .position = known->position };
    memcpy(out_row->batch_id, known->batch_id, SK_BATCH_ID_SIZE);
}

uint64_t sk_sqlite_store_commits(struct sk_store *store)
{
    return atomic_load(&store_of(store)->commits);
}

uint64_t sk_sqlite_store_safe_commits(struct sk_store *store)
{
    return atomic_load(&store_of(store)->safe_commits);
}

uint32_t sk_sqlite_store_shards_count(struct sk_store *store)
{
    return store_of(store)->shards_count;
}

uint64_t sk_sqlite_store_incarnation(struct sk_store *store)
{
    return store_of(store)->incarnation;
}

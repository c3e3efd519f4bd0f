/* memory.c: the port's calls over the tables of memory_data.h. */
#include "store/memory.h"

#include "store/delivery.h"
#include "store/memory_data.h"

#include "base/limits.h"

struct memory_store {
    struct sk_store base;
    struct sk_runtime *runtime;
    struct sk_delivery *delivery;
    struct memory_data data;
};

enum answer_kind { ANSWER_BATCH, ANSWER_ROWS, ANSWER_TAKE, ANSWER_STATUS };

struct answer {
    struct sk_delivery_item item;
    enum answer_kind kind;
    void *context;
    union {
        sk_batch_done *batch;
        sk_read_done *rows;
        sk_take_done *take;
        sk_define_done *status;
    } done;
    struct sk_batch *batch;
    struct sk_rows rows;
    struct sk_shard_row shard; /* owner in rows.arena */
    enum skald_status status;
    skald_error error;
};

static struct memory_store *store_of(struct sk_store *store)
{
    return sk_container_of(store, struct memory_store, base);
}

static void answer_drop(struct sk_delivery_item *item)
{
    struct answer *answer = sk_container_of(item, struct answer, item);
    sk_arena_release(&answer->rows.arena);
    sk_free(answer);
}

static void answer_run(struct sk_delivery_item *item)
{
    struct answer *answer = sk_container_of(item, struct answer, item);
    switch (answer->kind) {
    case ANSWER_BATCH: answer->done.batch(answer->context, answer->batch); break;
    case ANSWER_ROWS: answer->done.rows(answer->context, &answer->rows); break;
    case ANSWER_TAKE:
        answer->done.take(answer->context, answer->status, &answer->shard, &answer->error);
        break;
    case ANSWER_STATUS: answer->done.status(answer->context, answer->status, &answer->error); break;
    }
    answer_drop(item);
}

static struct answer *answer_new(enum answer_kind kind, void *context)
{
    struct answer *answer = sk_memory_must(sk_alloc(sizeof *answer));
    answer->item.run = answer_run;
    answer->item.drop = answer_drop;
    sk_list_init(&answer->item.node);
    answer->kind = kind;
    answer->context = context;
    sk_arena_init(&answer->rows.arena);
    return answer;
}

static void store_submit(struct sk_store *base, struct sk_batch *batch, sk_batch_done *done,
                         void *context)
{
    struct memory_store *store = store_of(base);
    int64_t now_ms = store->runtime->ops->now_ms(store->runtime);
    for (uint32_t i = 0; i < batch->parts_count; i++)
        sk_memory_apply(&store->data, &batch->parts[i], now_ms);
    struct answer *answer = answer_new(ANSWER_BATCH, context);
    answer->done.batch = done;
    answer->batch = batch;
    sk_delivery_put(store->delivery, &answer->item);
}

static void store_read(struct sk_store *base, const struct sk_read *read, sk_read_done *done,
                       void *context)
{
    struct memory_store *store = store_of(base);
    struct answer *answer = answer_new(ANSWER_ROWS, context);
    answer->done.rows = done;
    sk_memory_read(&store->data, read, &answer->rows);
    sk_delivery_put(store->delivery, &answer->item);
}

static void answer_shard(struct memory_store *store, struct answer *answer, uint32_t index)
{
    const struct memory_shard *shard = &store->data.shards[index];
    struct sk_shard_row row = { .shard = index,
                                .epoch = shard->epoch,
                                .position = shard->position,
                                .owner = { shard->owner, shard->owner_size },
                                .expires_at_ms = shard->expires_at_ms };
    memcpy(row.batch_id, shard->batch_id, SK_BATCH_ID_SIZE);
    sk_shard_row_copy(&answer->rows.arena, &row, &answer->shard);
}

static void set_owner(struct memory_shard *shard, struct sk_str owner, int64_t expires_at_ms)
{
    sk_free(shard->owner);
    shard->owner = sk_memory_must(sk_alloc(owner.size));
    if (owner.size > 0) memcpy(shard->owner, owner.data, owner.size);
    shard->owner_size = owner.size;
    shard->expires_at_ms = expires_at_ms;
}

static enum skald_status take_shard(struct memory_store *store, uint32_t index, uint64_t epoch,
                                    struct sk_str owner, int64_t expires_at_ms, skald_error *error)
{
    if (index >= store->data.shards_count)
        return sk_error_set(error, SKALD_E_ARGUMENT, "no shard %u", index);
    struct memory_shard *shard = &store->data.shards[index];
    const struct sk_shard_row row = { .shard = index,
                                      .epoch = shard->epoch,
                                      .owner = { shard->owner, shard->owner_size },
                                      .expires_at_ms = shard->expires_at_ms };
    int64_t now_ms = store->runtime->ops->now_ms(store->runtime);
    enum skald_status status = sk_lease_may_take(&row, epoch, owner, now_ms, error);
    if (status != SKALD_OK) return status;
    set_owner(shard, owner, expires_at_ms);
    shard->epoch += 1;
    return SKALD_OK;
}

static void store_take(struct sk_store *base, uint32_t shard, uint64_t epoch, struct sk_str owner,
                       int64_t expires_at_ms, sk_take_done *done, void *context)
{
    struct memory_store *store = store_of(base);
    struct answer *answer = answer_new(ANSWER_TAKE, context);
    answer->done.take = done;
    answer->status = take_shard(store, shard, epoch, owner, expires_at_ms, &answer->error);
    if (shard < store->data.shards_count) answer_shard(store, answer, shard);
    sk_delivery_put(store->delivery, &answer->item);
}

static enum skald_status renew_shard(struct memory_store *store, uint32_t index, uint64_t epoch,
                                     int64_t expires_at_ms, skald_error *error)
{
    if (index >= store->data.shards_count)
        return sk_error_set(error, SKALD_E_ARGUMENT, "no shard %u", index);
    struct memory_shard *shard = &store->data.shards[index];
    const struct sk_shard_row row = { .shard = index, .epoch = shard->epoch };
    enum skald_status status = sk_lease_may_renew(&row, epoch, error);
    if (status != SKALD_OK) return status;
    shard->expires_at_ms = expires_at_ms;
    if (expires_at_ms == 0) set_owner(shard, (struct sk_str){ 0 }, 0);
    return SKALD_OK;
}

static void store_renew(struct sk_store *base, uint32_t shard, uint64_t epoch,
                        int64_t expires_at_ms, sk_take_done *done, void *context)
{
    struct memory_store *store = store_of(base);
    struct answer *answer = answer_new(ANSWER_TAKE, context);
    answer->done.take = done;
    answer->status = renew_shard(store, shard, epoch, expires_at_ms, &answer->error);
    if (shard < store->data.shards_count) answer_shard(store, answer, shard);
    sk_delivery_put(store->delivery, &answer->item);
}

static void store_define(struct sk_store *base, const struct sk_definition_row *row,
                         bool keep_latest, sk_define_done *done, void *context)
{
    struct memory_store *store = store_of(base);
    struct answer *answer = answer_new(ANSWER_STATUS, context);
    answer->done.status = done;
    answer->status = sk_memory_define(&store->data, row, keep_latest, &answer->error);
    sk_delivery_put(store->delivery, &answer->item);
}

static void store_reopen(struct sk_store *base, sk_define_done *done, void *context)
{
    struct answer *answer = answer_new(ANSWER_STATUS, context);
    answer->done.status = done;
    sk_delivery_put(store_of(base)->delivery, &answer->item);
}

static void store_free(struct sk_store *base)
{
    if (base == NULL) return;
    struct memory_store *store = store_of(base);
    sk_delivery_close(store->delivery);
    sk_memory_data_release(&store->data);
    sk_free(store);
}

static const struct sk_store_ops memory_ops = {
    .submit = store_submit,
    .read = store_read,
    .take = store_take,
    .renew = store_renew,
    .define = store_define,
    .reopen = store_reopen,
    .free = store_free,
};

static struct memory_definition *find_latest(struct memory_data *data, struct sk_str id)
{
    struct memory_definition *definition = data->definitions;
    for (; definition != NULL; definition = definition->hh.next)
        if (definition->row.is_latest && sk_str_equal(definition->row.id, id)) return definition;
    return NULL;
}

enum skald_status sk_memory_define(struct memory_data *data, const struct sk_definition_row *row,
                                   bool keep_latest, skald_error *error)
{
    struct memory_definition *definition = data->definitions;
    for (; definition != NULL; definition = definition->hh.next) {
        bool is_name = sk_str_equal(definition->row.id, row->id) &&
                       sk_str_equal(definition->row.version, row->version);
        bool is_digest = sk_digest_equal(&definition->row.digest, &row->digest);
        if (is_name && is_digest) break;
        if (is_name || is_digest)
            return sk_error_set(error, SKALD_E_CONFLICT,
                                "definition %.*s version %.*s is there already with other content",
                                SK_STR_ARGS(row->id), SK_STR_ARGS(row->version));
    }
    if (definition == NULL) {
        definition = sk_memory_must(sk_alloc(sizeof *definition));
        sk_definition_row_copy(&data->arena, row, &definition->row);
        SK_ASSERT(!data->arena.failed);
        definition->row.is_latest = false;
        HASH_ADD(hh, data->definitions, row.digest, sizeof definition->row.digest, definition);
    }
    struct memory_definition *latest = find_latest(data, row->id);
    if (latest != NULL && keep_latest) return SKALD_OK;
    if (latest != NULL) latest->row.is_latest = false;
    definition->row.is_latest = true;
    return SKALD_OK;
}

enum skald_status sk_memory_store_new(struct sk_runtime *runtime, uint32_t shards_count,
                                      struct sk_store **out_store, skald_error *error)
{
    if (shards_count == 0) shards_count = SK_SHARDS_DEFAULT;
    if (shards_count > SK_SHARDS_MAX)
        return sk_error_set(error, SKALD_E_ARGUMENT, "at most %d shards", SK_SHARDS_MAX);
    struct memory_store *store = sk_alloc(sizeof *store);
    struct memory_shard *shards = sk_alloc(shards_count * sizeof *shards);
    struct sk_delivery *delivery = sk_delivery_new(runtime);
    if (store == NULL || shards == NULL || delivery == NULL) {
        sk_free(store);
        sk_free(shards);
        if (delivery != NULL) sk_delivery_close(delivery);
        return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    }
    store->base = (struct sk_store){ .ops = &memory_ops, .name = "memory" };
    store->runtime = runtime;
    store->delivery = delivery;
    store->data.shards = shards;
    store->data.shards_count = shards_count;
    for (uint32_t i = 0; i < shards_count; i++) shards[i].position = 1; /* R1 */
    sk_arena_init(&store->data.arena);
    runtime->ops->random(runtime, &store->data.incarnation, sizeof store->data.incarnation);
    store->data.incarnation >>= 1; /* SQL's integers are signed */
    *out_store = &store->base;
    return SKALD_OK;
}

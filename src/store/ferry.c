/*
 * ferry.c: see ferry.h.
 *
 *   port's loop ──out──► home ──the store's own call──► (AT_STORE) ──done──► home ──back──► port's
 *   loop
 */
#include "store/ferry.h"

#include "store/delivery.h"
#include "store/patience.h"
#include "store/rows.h"

enum passage_kind {
    PASSAGE_SUBMIT,
    PASSAGE_READ,
    PASSAGE_TAKE,
    PASSAGE_RENEW,
    PASSAGE_DEFINE,
    PASSAGE_REOPEN
};

struct port {
    struct sk_store base; /* first */
    struct sk_ferry *ferry;
    struct sk_delivery *back;
};

struct sk_ferry {
    struct sk_store *store;
    struct sk_delivery *out;
    struct sk_list at_store; /* passages; home's loop */
    uint32_t ports_count;
    struct port ports[];
};

struct passage {
    struct sk_delivery_item item;
    struct sk_list at_store;
    struct port *port;
    enum passage_kind kind;
    struct sk_arena arena; /* of what is asked, and of the row that is answered */
    void *context;
    union sk_store_done done;
    /* asked */
    struct sk_batch *batch;
    struct sk_read read;
    uint32_t shard;
    struct sk_str owner;
    uint64_t epoch;
    int64_t expires_at_ms;
    struct sk_definition_row definition;
    bool keep_latest;
    /* answered */
    struct sk_rows rows;
    struct sk_shard_row row;
    enum skald_status status;
    skald_error error;
};

static struct port *port_of(struct sk_store *store)
{
    return sk_container_of(store, struct port, base);
}

static struct passage *passage_of(struct sk_delivery_item *item)
{
    return sk_container_of(item, struct passage, item);
}

static void drop(struct sk_delivery_item *item)
{
    struct passage *passage = passage_of(item);
    sk_arena_release(&passage->rows.arena);
    sk_arena_release(&passage->arena);
    sk_free(passage);
}

/* ---- back ------------------------------------------------------------------------------------ */

static void land(struct sk_delivery_item *item)
{
    struct passage *passage = passage_of(item);
    const skald_error *error = passage->status == SKALD_OK ? NULL : &passage->error;
    switch (passage->kind) {
    case PASSAGE_SUBMIT: passage->done.batch(passage->context, passage->batch); break;
    case PASSAGE_READ: passage->done.rows(passage->context, &passage->rows); break;
    case PASSAGE_TAKE:
    case PASSAGE_RENEW:
        passage->done.take(passage->context, passage->status, &passage->row, &passage->error);
        break;
    case PASSAGE_DEFINE:
    case PASSAGE_REOPEN: passage->done.define(passage->context, passage->status, error); break;
    }
    drop(item);
}

static void go_back(struct passage *passage)
{
    sk_list_remove(&passage->at_store);
    passage->item.run = land;
    sk_delivery_put(passage->port->back, &passage->item);
}

static void on_batch(void *context, struct sk_batch *batch)
{
    (void)batch;
    go_back(context);
}

static void on_rows(void *context, struct sk_rows *rows)
{
    struct passage *passage = context;
    passage->rows = *rows;
    sk_arena_init(&rows->arena); /* it goes with us */
    go_back(passage);
}

static void on_lease(void *context, enum skald_status status, const struct sk_shard_row *row,
                     const skald_error *error)
{
    struct passage *passage = context;
    passage->status = status;
    if (error != NULL) passage->error = *error;
    if (row != NULL) {
        passage->row = *row;
        passage->row.owner = sk_arena_copy(&passage->arena, row->owner);
    }
    go_back(passage);
}

static void on_status(void *context, enum skald_status status, const skald_error *error)
{
    struct passage *passage = context;
    passage->status = status;
    if (error != NULL) passage->error = *error;
    go_back(passage);
}

/* ---- out ------------------------------------------------------------------------------------- */

static void arrive(struct sk_delivery_item *item)
{
    struct passage *p = passage_of(item);
    struct sk_ferry *ferry = p->port->ferry;
    struct sk_store *store = ferry->store;
    sk_list_push(&ferry->at_store, &p->at_store);
    switch (p->kind) {
    case PASSAGE_SUBMIT: store->ops->submit(store, p->batch, on_batch, p); break;
    case PASSAGE_READ: store->ops->read(store, &p->read, on_rows, p); break;
    case PASSAGE_TAKE:
        store->ops->take(store, p->shard, p->epoch, p->owner, p->expires_at_ms, on_lease, p);
        break;
    case PASSAGE_RENEW:
        store->ops->renew(store, p->shard, p->epoch, p->expires_at_ms, on_lease, p);
        break;
    case PASSAGE_DEFINE:
        store->ops->define(store, &p->definition, p->keep_latest, on_status, p);
        break;
    case PASSAGE_REOPEN: store->ops->reopen(store, on_status, p); break;
    }
}

static struct passage *passage_new(struct sk_store *store, enum passage_kind kind, void *context)
{
    struct passage *passage =
        sk_alloc_patiently(sizeof *passage, "out of memory: a request to the store");
    passage->item.run = arrive;
    passage->item.drop = drop;
    sk_list_init(&passage->item.node);
    sk_list_init(&passage->at_store);
    passage->port = port_of(store);
    passage->kind = kind;
    passage->context = context;
    sk_arena_init(&passage->arena);
    sk_arena_init(&passage->rows.arena);
    return passage;
}

/* What was to be asked could not be copied: the answer is that. */
static void leave(struct passage *passage)
{
    if (!passage->arena.failed) {
        sk_delivery_put(passage->port->ferry->out, &passage->item);
        return;
    }
    passage->status = passage->rows.status =
        sk_error_set(&passage->error, SKALD_E_MEMORY, "no memory to ask the store");
    passage->rows.error = passage->error;
    passage->item.run = land;
    sk_delivery_put(passage->port->back, &passage->item);
}

static void port_submit(struct sk_store *store, struct sk_batch *batch, sk_batch_done *done,
                        void *context)
{
    struct passage *passage = passage_new(store, PASSAGE_SUBMIT, context);
    passage->done.batch = done;
    passage->batch = batch;
    leave(passage);
}

static void port_read(struct sk_store *store, const struct sk_read *read, sk_read_done *done,
                      void *context)
{
    struct passage *passage = passage_new(store, PASSAGE_READ, context);
    passage->done.rows = done;
    sk_read_copy(&passage->arena, read, &passage->read);
    leave(passage);
}

static void port_take(struct sk_store *store, uint32_t shard, uint64_t epoch, struct sk_str owner,
                      int64_t expires_at_ms, sk_take_done *done, void *context)
{
    struct passage *passage = passage_new(store, PASSAGE_TAKE, context);
    passage->done.take = done;
    passage->shard = shard;
    passage->epoch = epoch;
    passage->owner = sk_arena_copy(&passage->arena, owner);
    passage->expires_at_ms = expires_at_ms;
    leave(passage);
}

static void port_renew(struct sk_store *store, uint32_t shard, uint64_t epoch,
                       int64_t expires_at_ms, sk_take_done *done, void *context)
{
    struct passage *passage = passage_new(store, PASSAGE_RENEW, context);
    passage->done.take = done;
    passage->shard = shard;
    passage->epoch = epoch;
    passage->expires_at_ms = expires_at_ms;
    leave(passage);
}

static void port_define(struct sk_store *store, const struct sk_definition_row *row,
                        bool keep_latest, sk_define_done *done, void *context)
{
    struct passage *passage = passage_new(store, PASSAGE_DEFINE, context);
    passage->done.define = done;
    sk_definition_row_copy(&passage->arena, row, &passage->definition);
    passage->keep_latest = keep_latest;
    leave(passage);
}

static void port_reopen(struct sk_store *store, sk_define_done *done, void *context)
{
    struct passage *passage = passage_new(store, PASSAGE_REOPEN, context);
    passage->done.define = done;
    leave(passage);
}

static void port_free(struct sk_store *store)
{
    (void)store; /* the ferry's */
}

static const struct sk_store_ops port_ops = {
    .submit = port_submit,
    .read = port_read,
    .take = port_take,
    .renew = port_renew,
    .define = port_define,
    .reopen = port_reopen,
    .free = port_free,
};

/* ---- the ferry ------------------------------------------------------------------------------- */

/* All but the store. */
static void take_apart(struct sk_ferry *ferry)
{
    if (ferry->out != NULL) sk_delivery_close(ferry->out);
    while (!sk_list_is_empty(&ferry->at_store)) {
        struct passage *passage = sk_container_of(ferry->at_store.next, struct passage, at_store);
        sk_list_remove(&passage->at_store);
        drop(&passage->item);
    }
    for (uint32_t i = 0; i < ferry->ports_count; i++) {
        if (ferry->ports[i].back != NULL) sk_delivery_close(ferry->ports[i].back);
    }
    sk_free(ferry);
}

enum skald_status sk_ferry_new(struct sk_store *store, struct sk_runtime *home,
                               struct sk_runtime *const *loops, uint32_t loops_count,
                               struct sk_ferry **out_ferry, skald_error *error)
{
    struct sk_ferry *ferry = sk_alloc(sizeof *ferry + loops_count * sizeof ferry->ports[0]);
    if (ferry == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    sk_list_init(&ferry->at_store);
    ferry->store = store;
    ferry->ports_count = loops_count;
    ferry->out = sk_delivery_new(home);
    bool is_made = ferry->out != NULL;
    for (uint32_t i = 0; i < loops_count; i++) {
        struct port *port = &ferry->ports[i];
        port->base = *store;
        port->base.ops = &port_ops;
        port->ferry = ferry;
        port->back = sk_delivery_new(loops[i]);
        is_made = is_made && port->back != NULL;
    }
    if (!is_made) {
        take_apart(ferry);
        return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    }
    *out_ferry = ferry;
    return SKALD_OK;
}

struct sk_store *sk_ferry_port(struct sk_ferry *ferry, uint32_t index)
{
    return &ferry->ports[index].base;
}

void sk_ferry_free(struct sk_ferry *ferry)
{
    if (ferry == NULL) return;
    sk_delivery_flush(ferry->out); /* what is submitted is waited for */
    ferry->store->ops->free(ferry->store);
    take_apart(ferry);
}

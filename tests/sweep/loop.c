/* loop.c: see loop.h. */
#include "loop.h"

#include "fault.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/list.h"
#include "runtime/virtual_runtime.h"
#include "store/rows.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { MAIL_MAX = 1024, SETTLE_MAX = 1000000 };

struct mail {
    sk_runtime_fn *fn;
    void *context;
};

enum asked_kind { ASKED_SUBMIT, ASKED_READ, ASKED_TAKE, ASKED_RENEW, ASKED_DEFINE, ASKED_REOPEN };

/* What waits for its turn at the store. Made and freed while faults are held. */
struct asked {
    struct sk_list node;
    struct store_wrapper *wrapper;
    enum asked_kind kind;
    struct sk_arena arena;
    struct sk_batch *batch;
    struct sk_read read;
    struct sk_definition_row definition;
    struct sk_str owner;
    uint32_t shard;
    uint64_t epoch;
    int64_t expires_at_ms;
    bool keep_latest;
    union {
        sk_batch_done *batch;
        sk_read_done *read;
        sk_take_done *take;
        sk_define_done *define;
    } done;
    void *context;
};

struct store_wrapper {
    struct sk_store base;
    struct loop *loop;
    struct sk_store *inner;
    struct sk_list waiting;
    struct asked *present; /* the store is at it */
};

struct loop {
    struct sk_runtime port;
    struct sk_virtual_runtime *inner;
    pthread_t thread;
    struct store_wrapper *store;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t has_mail;
    struct mail mail[MAIL_MAX];
    size_t first, count;
};

/* ---- the runtime ----------------------------------------------------------------------------- */

static struct loop *loop_of(struct sk_runtime *port)
{
    return sk_container_of(port, struct loop, port);
}

static struct sk_runtime *inner_of(struct sk_runtime *port)
{
    return sk_virtual_runtime_port(loop_of(port)->inner);
}

static int64_t now_ms(struct sk_runtime *port)
{
    return sk_virtual_runtime_now(loop_of(port)->inner);
}

static int64_t monotonic_us(struct sk_runtime *port)
{
    return inner_of(port)->ops->monotonic_us(inner_of(port));
}

static void draw(struct sk_runtime *port, void *out, size_t size)
{
    inner_of(port)->ops->random(inner_of(port), out, size);
}

static struct sk_runtime_timer *timer_new(struct sk_runtime *port, sk_runtime_fn *fn, void *context)
{
    return inner_of(port)->ops->timer_new(inner_of(port), fn, context);
}

/* From another thread: into the mailbox; that it can be full of memory trouble is part of the
 * sweep. */
static enum skald_status post(struct sk_runtime *port, sk_runtime_fn *fn, void *context)
{
    struct loop *loop = loop_of(port);
    if (pthread_equal(pthread_self(), loop->thread) != 0)
        return inner_of(port)->ops->post(inner_of(port), fn, context);
    void *memory = sk_alloc(sizeof(struct mail));
    if (memory == NULL) return SKALD_E_MEMORY;
    sk_free(memory);
    pthread_mutex_lock(&loop->lock);
    SK_ASSERT(loop->count < MAIL_MAX);
    loop->mail[(loop->first + loop->count) % MAIL_MAX] = (struct mail){ fn, context };
    loop->count += 1;
    pthread_cond_signal(&loop->has_mail);
    pthread_mutex_unlock(&loop->lock);
    return SKALD_OK;
}

static enum skald_status offload(struct sk_runtime *port, sk_runtime_fn *work, sk_runtime_fn *done,
                                 void *context)
{
    return inner_of(port)->ops->offload(inner_of(port), work, done, context);
}

static void log_line(struct sk_runtime *port, const struct sk_log_line *line)
{
    inner_of(port)->ops->log(inner_of(port), line);
}

struct loop *loop_new(int64_t begin_ms, void (*log)(void *context, const struct sk_log_line *line),
                      void *context)
{
    static struct sk_runtime_ops ops;
    fault_hold();
    struct loop *loop = calloc(1, sizeof *loop);
    struct sk_virtual_options options = {
        .now_ms = begin_ms, .seed = 7, .log = log, .log_context = context
    };
    loop->inner = sk_virtual_runtime_new(&options);
    SK_ASSERT(loop->inner != NULL);
    fault_release();
    const struct sk_runtime_ops *below = sk_virtual_runtime_port(loop->inner)->ops;
    ops = (struct sk_runtime_ops){ .now_ms = now_ms,
                                   .monotonic_us = monotonic_us,
                                   .random = draw,
                                   .timer_new = timer_new,
                                   .timer_arm = below->timer_arm,
                                   .timer_disarm = below->timer_disarm,
                                   .timer_free = below->timer_free,
                                   .post = post,
                                   .offload = offload,
                                   .log = log_line };
    loop->port.ops = &ops;
    loop->thread = pthread_self();
    pthread_mutex_init(&loop->lock, NULL);
    pthread_cond_init(&loop->has_mail, NULL);
    return loop;
}

struct sk_runtime *loop_port(struct loop *loop)
{
    return &loop->port;
}

int64_t loop_now(const struct loop *loop)
{
    return sk_virtual_runtime_now(loop->inner);
}

/* ---- the store ------------------------------------------------------------------------------- */

static struct store_wrapper *wrapper_of(struct sk_store *store)
{
    return sk_container_of(store, struct store_wrapper, base);
}

static struct asked *ask(struct sk_store *store, enum asked_kind kind, void *context)
{
    struct asked *asked = sk_alloc(sizeof *asked);
    SK_ASSERT(asked != NULL);
    asked->wrapper = wrapper_of(store);
    asked->kind = kind;
    asked->context = context;
    sk_arena_init(&asked->arena);
    sk_list_push(&asked->wrapper->waiting, &asked->node);
    return asked;
}

static void free_asked(struct asked *asked)
{
    fault_hold();
    sk_arena_release(&asked->arena);
    sk_free(asked);
    fault_release();
}

static void store_submit(struct sk_store *store, struct sk_batch *batch, sk_batch_done *done,
                         void *context)
{
    fault_hold();
    struct asked *asked = ask(store, ASKED_SUBMIT, context);
    asked->batch = batch;
    asked->done.batch = done;
    fault_release();
}

static void store_read(struct sk_store *store, const struct sk_read *read, sk_read_done *done,
                       void *context)
{
    fault_hold();
    struct asked *asked = ask(store, ASKED_READ, context);
    sk_read_copy(&asked->arena, read, &asked->read);
    asked->done.read = done;
    fault_release();
}

static void store_take(struct sk_store *store, uint32_t shard, uint64_t epoch, struct sk_str owner,
                       int64_t expires_at_ms, sk_take_done *done, void *context)
{
    fault_hold();
    struct asked *asked = ask(store, ASKED_TAKE, context);
    asked->shard = shard;
    asked->epoch = epoch;
    asked->owner = sk_arena_copy(&asked->arena, owner);
    asked->expires_at_ms = expires_at_ms;
    asked->done.take = done;
    fault_release();
}

static void store_renew(struct sk_store *store, uint32_t shard, uint64_t epoch,
                        int64_t expires_at_ms, sk_take_done *done, void *context)
{
    fault_hold();
    struct asked *asked = ask(store, ASKED_RENEW, context);
    asked->shard = shard;
    asked->epoch = epoch;
    asked->expires_at_ms = expires_at_ms;
    asked->done.take = done;
    fault_release();
}

static void store_define(struct sk_store *store, const struct sk_definition_row *row,
                         bool keep_latest, sk_define_done *done, void *context)
{
    fault_hold();
    struct asked *asked = ask(store, ASKED_DEFINE, context);
    sk_definition_row_copy(&asked->arena, row, &asked->definition);
    asked->keep_latest = keep_latest;
    asked->done.define = done;
    fault_release();
}

static void store_reopen(struct sk_store *store, sk_define_done *done, void *context)
{
    fault_hold();
    ask(store, ASKED_REOPEN, context)->done.define = done;
    fault_release();
}

static void store_free(struct sk_store *store)
{
    struct store_wrapper *wrapper = wrapper_of(store);
    while (!sk_list_is_empty(&wrapper->waiting)) {
        struct asked *asked = sk_container_of(wrapper->waiting.next, struct asked, node);
        sk_list_remove(&asked->node);
        free_asked(asked);
    }
    wrapper->inner->ops->free(wrapper->inner);
    wrapper->loop->store = NULL;
    if (wrapper->present != NULL) free_asked(wrapper->present);
    fault_hold();
    free(wrapper);
    fault_release();
}

/* Each answer ends its asking first: what follows may ask again. */
static struct asked end_asked(void *context)
{
    struct asked *asked = context;
    struct asked copy = *asked;
    asked->wrapper->present = NULL;
    asked->arena = (struct sk_arena){ 0 };
    free_asked(asked);
    return copy;
}

static void drop_copy(struct asked *copy)
{
    fault_hold();
    sk_arena_release(&copy->arena);
    fault_release();
}

static void on_batch(void *context, struct sk_batch *batch)
{
    struct asked asked = end_asked(context);
    asked.done.batch(asked.context, batch);
    drop_copy(&asked);
}

static void on_rows(void *context, struct sk_rows *rows)
{
    struct asked asked = end_asked(context);
    asked.done.read(asked.context, rows);
    drop_copy(&asked);
}

static void on_shard(void *context, enum skald_status status, const struct sk_shard_row *row,
                     const skald_error *error)
{
    struct asked asked = end_asked(context);
    asked.done.take(asked.context, status, row, error);
    drop_copy(&asked);
}

static void on_done(void *context, enum skald_status status, const skald_error *error)
{
    struct asked asked = end_asked(context);
    asked.done.define(asked.context, status, error);
    drop_copy(&asked);
}

static void hand_on(struct asked *asked)
{
    struct sk_store *store = asked->wrapper->inner;
    const struct sk_store_ops *ops = store->ops;
    switch (asked->kind) {
    case ASKED_SUBMIT: ops->submit(store, asked->batch, on_batch, asked); break;
    case ASKED_READ: ops->read(store, &asked->read, on_rows, asked); break;
    case ASKED_TAKE:
        ops->take(store, asked->shard, asked->epoch, asked->owner, asked->expires_at_ms, on_shard,
                  asked);
        break;
    case ASKED_RENEW:
        ops->renew(store, asked->shard, asked->epoch, asked->expires_at_ms, on_shard, asked);
        break;
    case ASKED_DEFINE:
        ops->define(store, &asked->definition, asked->keep_latest, on_done, asked);
        break;
    case ASKED_REOPEN: ops->reopen(store, on_done, asked); break;
    }
}

struct sk_store *loop_wrap_store(struct loop *loop, struct sk_store *store)
{
    static const struct sk_store_ops ops = { .submit = store_submit,
                                             .read = store_read,
                                             .take = store_take,
                                             .renew = store_renew,
                                             .define = store_define,
                                             .reopen = store_reopen,
                                             .free = store_free };
    fault_hold();
    struct store_wrapper *wrapper = calloc(1, sizeof *wrapper);
    fault_release();
    wrapper->base = (struct sk_store){ &ops, store->name, store->is_shared };
    wrapper->loop = loop;
    wrapper->inner = store;
    sk_list_init(&wrapper->waiting);
    loop->store = wrapper;
    return &wrapper->base;
}

/* ---- turns ----------------------------------------------------------------------------------- */

/* false: there is none; waits for one while the store is at something. */
static bool take_mail(struct loop *loop, bool waits, struct mail *out_mail)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LOOP_PATIENCE_S;
    pthread_mutex_lock(&loop->lock);
    int rc = 0;
    while (waits && loop->count == 0 && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&loop->has_mail, &loop->lock, &until);
    bool has_mail = loop->count > 0;
    if (has_mail) {
        *out_mail = loop->mail[loop->first];
        loop->first = (loop->first + 1) % MAIL_MAX;
        loop->count -= 1;
    }
    pthread_mutex_unlock(&loop->lock);
    if (waits && !has_mail) sk_panic("the store does not answer", __FILE__, __LINE__);
    return has_mail;
}

static bool settle_once(struct loop *loop)
{
    bool is_settled = sk_virtual_runtime_settle(loop->inner);
    SK_ASSERT(is_settled);
    struct store_wrapper *store = loop->store;
    if (store != NULL && store->present == NULL && !sk_list_is_empty(&store->waiting)) {
        store->present = sk_container_of(store->waiting.next, struct asked, node);
        sk_list_remove(&store->present->node);
        hand_on(store->present);
        return true; /* it may have answered already, by a post of this thread */
    }
    struct mail mail;
    if (!take_mail(loop, store != NULL && store->present != NULL, &mail)) return false;
    mail.fn(mail.context);
    return true;
}

void loop_settle(struct loop *loop)
{
    for (int i = 0; settle_once(loop); i++)
        if (i > SETTLE_MAX) sk_panic("the loop never comes to rest", __FILE__, __LINE__);
}

bool loop_step(struct loop *loop, int64_t until_ms)
{
    loop_settle(loop);
    bool has_moved = sk_virtual_runtime_step(loop->inner, until_ms);
    loop_settle(loop);
    return has_moved;
}

void loop_free(struct loop *loop)
{
    loop_settle(loop);
    fault_hold();
    sk_virtual_runtime_free(loop->inner);
    fault_release();
    pthread_mutex_destroy(&loop->lock);
    pthread_cond_destroy(&loop->has_mail);
    free(loop);
}

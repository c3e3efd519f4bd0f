/*
 * bulk.c: see bulk.h.
 *
 *      start --record durable--> RUNNING: page --> each saga told (TOLD_MAX at once) --> all
 *      answered --> record --> the next page ... --> FINISHED | CANCELLED --record--> kept a while
 *
 *   B1  The command of a saga has the id `<batch>/<saga>`, so a page that is told again after a
 *       crash changes nothing: what counted twice is only the figures of that page.
 *   B2  Pages go by (created_at, id) upwards and end at the moment of the start: sagas that come
 *       later are not meant, and what a command changes moves nobody to another page.
 *   B3  A saga that cannot be told now (its shard is away) is told again TRIES_MAX times, then it
 *       counts as failed.
 *   B4  That it is over is shown once that is durable (law 2); until then it runs. Its figures may
 *       be ahead: each of them is durable by itself.
 */
#include "engine/bulk_private.h"

enum { TOLD_MAX = 32, TRIES_MAX = 5, TRY_AGAIN_MS = 1000 };

struct pending_bulk { /* who waits for the record */
    struct sk_owned owned;
    struct sk_bulk *bulk;
    sk_bulk_done *done;
    void *context;
    bool is_cancel;
};

/* ---- life ------------------------------------------------------------------------------------ */

static void free_bulk(struct sk_owned *owned)
{
    struct sk_bulk *bulk = sk_container_of(owned, struct sk_bulk, owned);
    if (bulk->has_page) sk_arena_release(&bulk->page.arena);
    sk_arena_release(&bulk->arena);
    sk_buf_release(&bulk->cursor_id);
    sk_free(bulk);
}

static void on_alarm(struct sk_engine *engine, struct sk_alarm *alarm);

static struct sk_bulk *bulk_new(struct sk_engine *engine, struct sk_str id)
{
    struct sk_bulk *bulk = sk_alloc(sizeof *bulk);
    if (bulk == NULL) return NULL;
    bulk->engine = engine;
    bulk->shard = sk_shard_of(engine, id);
    sk_arena_init(&bulk->arena);
    bulk->request.id = sk_arena_copy(&bulk->arena, id);
    sk_buf_init(&bulk->cursor_id, 0);
    bulk->alarm.fn = on_alarm;
    sk_list_init(&bulk->node);
    sk_own(engine, &bulk->owned, free_bulk);
    return bulk;
}

static void bulk_free(struct sk_bulk *bulk)
{
    sk_list_remove(&bulk->node);
    sk_alarm_clear(bulk->engine, &bulk->alarm);
    sk_disown(&bulk->owned);
    free_bulk(&bulk->owned);
}

/* Out of sight; out of memory once nothing comes back to it. */
static void drop(struct sk_bulk *bulk)
{
    sk_list_remove(&bulk->node);
    sk_alarm_clear(bulk->engine, &bulk->alarm);
    bulk->shard = NULL;
    if (bulk->calls == 0) bulk_free(bulk);
}

static struct sk_bulk *find(struct sk_engine *engine, struct sk_str id)
{
    for (struct sk_list *at = engine->bulks.next; at != &engine->bulks; at = at->next) {
        struct sk_bulk *bulk = sk_container_of(at, struct sk_bulk, node);
        if (sk_str_equal(bulk->request.id, id)) return bulk;
    }
    return NULL;
}

/* The newest first, also after a restart. */
static void enlist(struct sk_bulk *bulk)
{
    struct sk_list *at = bulk->engine->bulks.next;
    while (at != &bulk->engine->bulks &&
           sk_container_of(at, struct sk_bulk, node)->figures.created_at_ms >
               bulk->figures.created_at_ms) {
        at = at->next;
    }
    sk_list_push(at, &bulk->node); /* before `at` */
}

/* The oldest finished ones go when there are too many. */
static void shrink(struct sk_engine *engine)
{
    uint32_t count = 0;
    for (struct sk_list *at = engine->bulks.next; at != &engine->bulks; at = at->next) count += 1;
    struct sk_list *previous = NULL;
    for (struct sk_list *at = engine->bulks.prev; at != &engine->bulks && count > SK_BULKS_KEPT_MAX;
         at = previous) {
        previous = at->prev;
        struct sk_bulk *bulk = sk_container_of(at, struct sk_bulk, node);
        if (!bulk->is_end_known || bulk->calls > 0) continue;
        bulk->is_gone = true;
        sk_bulk_write(bulk, NULL, NULL);
        drop(bulk);
        count -= 1;
    }
}

/* ---- telling --------------------------------------------------------------------------------- */

static void go_on(struct sk_bulk *bulk);

static void on_end_recorded(struct sk_engine *engine, void *context, enum skald_status status)
{
    struct sk_bulk *bulk = context;
    bulk->calls -= 1;
    if (bulk->shard == NULL) {
        if (bulk->calls == 0) bulk_free(bulk);
    } else if (status == SKALD_OK) {
        bulk->is_end_known = true;
    } else {
        sk_alarm_set(engine, &bulk->alarm, sk_engine_now(engine) + TRY_AGAIN_MS);
    }
}

/* B4 */
static void record_end(struct sk_bulk *bulk)
{
    bulk->calls += 1;
    sk_bulk_write(bulk, on_end_recorded, bulk);
}

static void finish(struct sk_bulk *bulk, enum sk_bulk_state state)
{
    bulk->figures.state = state;
    bulk->figures.finished_at_ms = sk_engine_now(bulk->engine);
    sk_alarm_clear(bulk->engine, &bulk->alarm);
    record_end(bulk);
}

static enum sk_bulk_refusal refusal_of(enum skald_status status)
{
    switch (status) {
    case SKALD_E_STATE:
    case SKALD_E_CONFLICT: return SK_BULK_WRONG_STATE;
    case SKALD_E_NOT_FOUND: return SK_BULK_NOT_FOUND;
    case SKALD_E_LIMIT: return SK_BULK_LIMIT;
    default: return SK_BULK_OTHER;
    }
}

struct telling {
    struct sk_owned owned;
    struct sk_bulk *bulk;
    struct sk_engine *engine;
    uint32_t row, tries;
    struct sk_alarm again;
};

static void free_telling(struct sk_owned *owned)
{
    sk_free(sk_container_of(owned, struct telling, owned));
}

static void end_telling(struct telling *telling)
{
    struct sk_bulk *bulk = telling->bulk;
    sk_disown(&telling->owned);
    sk_free(telling);
    bulk->calls -= 1;
    if (bulk->shard == NULL) {
        if (bulk->calls == 0) bulk_free(bulk);
        return;
    }
    if (!bulk->is_telling) go_on(bulk);
}

static void on_told(void *context, const struct sk_reply *reply)
{
    struct telling *telling = context;
    struct sk_bulk *bulk = telling->bulk;
    bool may_pass =
        skald_status_class(reply->status) == SKALD_CLASS_RETRY && reply->status != SKALD_E_LIMIT;
    if (may_pass && ++telling->tries < TRIES_MAX && bulk->shard != NULL) {
        sk_alarm_set(telling->engine, &telling->again,
                     sk_engine_now(telling->engine) + TRY_AGAIN_MS);
        return;
    }
    if (reply->status == SKALD_OK) {
        bulk->figures.done += 1;
    } else {
        if (may_pass || reply->status == SKALD_E_INTERNAL || reply->status == SKALD_E_IO) {
            bulk->figures.failed += 1;
        } else {
            bulk->figures.refused[refusal_of(reply->status)] += 1;
        }
        if (reply->error != NULL)
            sk_bulk_set_text(bulk->error_text, sizeof bulk->error_text,
                             sk_str_of(reply->error->message));
    }
    end_telling(telling);
}

static void send(struct telling *telling)
{
    struct sk_bulk *bulk = telling->bulk;
    const struct sk_bulk_request *r = &bulk->request;
    struct sk_str saga_id = bulk->page.heads[telling->row].id;
    if (r->kind == SK_BULK_DELETE) {
        sk_engine_remove(bulk->engine, saga_id, on_told, telling);
        return;
    }
    struct sk_buf id;
    sk_buf_init(&id, 0);
    sk_buf_printf(&id, "%.*s/%.*s", SK_STR_ARGS(r->id), SK_STR_ARGS(saga_id));
    struct sk_command command = { .kind = r->kind,
                                  .id = sk_buf_view(&id),
                                  .who = r->by,
                                  .why = r->reason,
                                  .step = SK_STEP_NONE,
                                  .item = -1,
                                  .is_past_pivot_allowed = r->past_pivot };
    sk_engine_command(bulk->engine, saga_id, &command, SK_STR(""), on_told, telling);
    sk_buf_release(&id);
}

static void on_again(struct sk_engine *engine, struct sk_alarm *alarm)
{
    (void)engine;
    struct telling *telling = sk_container_of(alarm, struct telling, again);
    if (telling->bulk->shard == NULL) {
        end_telling(telling);
    } else {
        send(telling);
    }
}

/* False: out of memory. */
static bool tell(struct sk_bulk *bulk, uint32_t row)
{
    struct telling *telling = sk_alloc(sizeof *telling);
    if (telling == NULL) return false;
    telling->bulk = bulk;
    telling->engine = bulk->engine;
    telling->row = row;
    telling->again.fn = on_again;
    sk_own(bulk->engine, &telling->owned, free_telling);
    bulk->calls += 1;
    bulk->figures.seen += 1;
    send(telling);
    return true;
}

static void page_told(struct sk_bulk *bulk)
{
    const struct sk_head *last = &bulk->page.heads[bulk->page.heads_count - 1];
    bulk->cursor_ms = last->created_at_ms;
    sk_buf_clear(&bulk->cursor_id);
    sk_buf_append_str(&bulk->cursor_id, last->id);
    bulk->is_last = !bulk->page.has_more;
    sk_arena_release(&bulk->page.arena);
    bulk->has_page = false;
    if (bulk->is_last) {
        finish(bulk, SK_BULK_FINISHED);
        return;
    }
    sk_bulk_write(bulk, NULL, NULL);
    sk_alarm_set(bulk->engine, &bulk->alarm, sk_engine_now(bulk->engine));
}

/* More of the page, or its end. */
static void go_on(struct sk_bulk *bulk)
{
    if (!bulk->has_page || bulk->figures.state != SK_BULK_RUNNING) return;
    bulk->is_telling = true; /* answers may come from inside the call, when memory is out */
    while (bulk->next < bulk->page.heads_count && bulk->calls < TOLD_MAX) {
        if (!tell(bulk, bulk->next)) break;
        bulk->next += 1;
    }
    bulk->is_telling = false;
    if (bulk->calls > 0) return;
    if (bulk->next == bulk->page.heads_count) {
        page_told(bulk);
    } else { /* no memory: later */
        sk_alarm_set(bulk->engine, &bulk->alarm, sk_engine_now(bulk->engine) + TRY_AGAIN_MS);
    }
}

/* ---- pages ----------------------------------------------------------------------------------- */

static void on_page(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    struct sk_bulk *bulk = context;
    bulk->calls -= 1;
    if (bulk->shard == NULL) {
        if (bulk->calls == 0) bulk_free(bulk);
        return;
    }
    if (bulk->figures.state != SK_BULK_RUNNING) return;
    if (rows->status != SKALD_OK) {
        sk_bulk_set_text(bulk->error_text, sizeof bulk->error_text, sk_str_of(rows->error.message));
        sk_alarm_set(engine, &bulk->alarm, sk_engine_now(engine) + TRY_AGAIN_MS);
        return;
    }
    if (rows->heads_count == 0) {
        finish(bulk, SK_BULK_FINISHED);
        return;
    }
    bulk->page = *rows;
    sk_arena_init(&rows->arena); /* its rows are ours now */
    bulk->has_page = true;
    bulk->next = 0;
    go_on(bulk);
}

static void on_count(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct sk_bulk *bulk = context;
    bulk->calls -= 1;
    if (bulk->shard == NULL && bulk->calls == 0) {
        bulk_free(bulk);
        return;
    }
    bulk->figures.has_matched = rows->status == SKALD_OK;
    bulk->figures.matched = rows->total;
    if (bulk->shard != NULL) sk_alarm_set(bulk->engine, &bulk->alarm, sk_engine_now(bulk->engine));
}

static void read_page(struct sk_bulk *bulk)
{
    struct sk_read read = { .kind = SK_READ_LIST, .filter = bulk->request.filter, .limit = 256 };
    int64_t until_ms = bulk->figures.created_at_ms + 1; /* B2 */
    struct sk_list_filter *f = &read.filter;
    if (f->created_to_ms == 0 || f->created_to_ms > until_ms) f->created_to_ms = until_ms;
    f->sort = SK_SORT_CREATED;
    f->is_ascending = true;
    f->cursor_created_at_ms = bulk->cursor_ms;
    f->cursor_id = sk_buf_view(&bulk->cursor_id);
    bulk->calls += 1;
    bool is_counted = bulk->figures.has_matched || bulk->figures.seen > 0 || bulk->cursor_ms > 0;
    if (is_counted || bulk->is_last) {
        sk_engine_store_read(bulk->engine, &read, on_page, bulk);
        return;
    }
    read.kind = SK_READ_COUNT;
    bulk->is_last = true; /* asked for once, whatever comes */
    sk_engine_store_read(bulk->engine, &read, on_count, bulk);
}

static void on_alarm(struct sk_engine *engine, struct sk_alarm *alarm)
{
    (void)engine;
    struct sk_bulk *bulk = sk_container_of(alarm, struct sk_bulk, alarm);
    if (bulk->figures.state != SK_BULK_RUNNING) {
        if (!bulk->is_end_known && bulk->calls == 0) record_end(bulk);
        return;
    }
    if (bulk->has_page) {
        go_on(bulk);
    } else if (bulk->calls == 0) {
        read_page(bulk);
    }
}

/* ---- asked from outside ---------------------------------------------------------------------- */

static void tell_done(sk_bulk_done *done, void *context, enum skald_status status,
                      const char *message)
{
    skald_error error;
    (void)sk_error_set(&error, status, "%s", message);
    done(context, status, &error, NULL, false);
}

struct answer {
    sk_bulk_done *done;
    void *context;
    enum skald_status status;
    char message[120];
    char id[SK_ID_SIZE_MAX + 1];
    bool is_replayed;
};

/* On the loop's next turn: a `done` never comes from inside the call. */
static void give_answer(struct sk_engine *engine, void *context)
{
    struct answer *answer = context;
    struct sk_bulk *bulk = find(engine, sk_str_of(answer->id));
    struct sk_bulk_view view;
    if (answer->status == SKALD_OK && bulk != NULL) {
        sk_bulk_view_of(bulk, &view);
        answer->done(answer->context, SKALD_OK, NULL, &view, answer->is_replayed);
    } else {
        tell_done(answer->done, answer->context,
                  answer->status == SKALD_OK ? SKALD_E_AGAIN : answer->status, answer->message);
    }
    sk_free(answer);
}

static void answer_later(struct sk_engine *engine, sk_bulk_done *done, void *context,
                         enum skald_status status, struct sk_str id, const char *message)
{
    struct answer *answer = sk_alloc(sizeof *answer);
    if (answer != NULL) {
        *answer = (struct answer){
            .done = done, .context = context, .status = status, .is_replayed = status == SKALD_OK
        };
        sk_bulk_set_text(answer->message, sizeof answer->message, sk_str_of(message));
        sk_bulk_set_text(answer->id, sizeof answer->id, id);
        if (sk_engine_defer(engine, give_answer, answer) == SKALD_OK) return;
        sk_free(answer);
    }
    tell_done(done, context, SKALD_E_MEMORY, "out of memory");
}

static void free_pending(struct sk_owned *owned)
{
    sk_free(sk_container_of(owned, struct pending_bulk, owned));
}

static void on_recorded(struct sk_engine *engine, void *context, enum skald_status status)
{
    struct pending_bulk *pending = context;
    struct sk_bulk *bulk = pending->bulk;
    struct sk_bulk_view view;
    sk_bulk_done *done = pending->done;
    void *done_context = pending->context;
    bool is_cancel = pending->is_cancel;
    sk_disown(&pending->owned);
    sk_free(pending);
    bulk->calls -= 1;
    if (status != SKALD_OK) {
        tell_done(done, done_context, status, "the batch's shard is not served by this node now");
        if (!is_cancel || bulk->shard == NULL)
            drop(bulk);
        else /* it tells nobody any more all the same */
            sk_alarm_set(engine, &bulk->alarm, sk_engine_now(engine) + TRY_AGAIN_MS);
        return;
    }
    bulk->is_known = true;
    bulk->is_end_known = bulk->is_end_known || is_cancel;
    sk_bulk_view_of(bulk, &view);
    done(done_context, SKALD_OK, NULL, &view, false);
    if (bulk->shard == NULL) {
        drop(bulk);
    } else if (!is_cancel) {
        sk_alarm_set(engine, &bulk->alarm, sk_engine_now(engine));
        shrink(engine);
    }
}

static void record_then(struct sk_bulk *bulk, sk_bulk_done *done, void *context, bool is_cancel)
{
    struct pending_bulk *pending = sk_alloc(sizeof *pending);
    if (pending == NULL) {
        answer_later(bulk->engine, done, context, SKALD_E_MEMORY, bulk->request.id,
                     "out of memory");
        if (!is_cancel) drop(bulk);
        return;
    }
    pending->bulk = bulk;
    pending->done = done;
    pending->context = context;
    pending->is_cancel = is_cancel;
    sk_own(bulk->engine, &pending->owned, free_pending);
    bulk->calls += 1;
    sk_bulk_write(bulk, on_recorded, pending);
}

static uint32_t count_running(const struct sk_engine *engine)
{
    uint32_t count = 0;
    for (const struct sk_list *at = engine->bulks.next; at != &engine->bulks; at = at->next) {
        count += sk_container_of(at, struct sk_bulk, node)->figures.state == SK_BULK_RUNNING;
    }
    return count;
}

void sk_engine_bulk_start(struct sk_engine *engine, const struct sk_bulk_request *request,
                          sk_bulk_done *done, void *context)
{
    struct sk_digest digest;
    struct sk_bulk *bulk = find(engine, request->id);
    struct sk_shard *shard = engine->shards_count == 0 ? NULL : sk_shard_of(engine, request->id);
    enum skald_status status = SKALD_OK;
    const char *message = "";
    if (bulk != NULL) {
        bool is_same =
            sk_bulk_digest_of(request, &digest) && sk_digest_equal(&digest, &bulk->digest);
        status = is_same ? SKALD_OK : SKALD_E_CONFLICT;
        message = "this id stands for a batch with another request";
        if (is_same && !bulk->is_known) {
            status = SKALD_E_AGAIN;
            message = "the batch is being recorded: ask again";
        }
    } else if (engine->phase != SK_PHASE_OPEN || shard == NULL ||
               shard->state != SK_SHARD_SERVING) {
        status = SKALD_E_AGAIN;
        message = "the batch's shard is not served by this node now";
    } else if (count_running(engine) >= SK_BULKS_RUNNING_MAX) {
        status = SKALD_E_LIMIT;
        message = "so many batches run already; wait until one has finished, or cancel one";
    } else {
        bulk = bulk_new(engine, request->id);
        if (bulk != NULL && sk_bulk_copy_request(bulk, request)) {
            bulk->figures.created_at_ms = sk_engine_now(engine);
            enlist(bulk);
            record_then(bulk, done, context, false);
            sk_engine_turn(engine);
            return;
        }
        if (bulk != NULL) bulk_free(bulk);
        status = SKALD_E_MEMORY;
        message = "out of memory";
    }
    answer_later(engine, done, context, status, request->id, message);
}

void sk_engine_bulk_cancel(struct sk_engine *engine, struct sk_str id, sk_bulk_done *done,
                           void *context)
{
    struct sk_bulk *bulk = find(engine, id);
    if (bulk == NULL) {
        answer_later(engine, done, context, SKALD_E_NOT_FOUND, id, "no such batch");
        return;
    }
    if (bulk->is_end_known) {
        answer_later(engine, done, context, SKALD_OK, id, "");
        return;
    }
    if (bulk->figures.state == SK_BULK_RUNNING) {
        bulk->figures.state = SK_BULK_CANCELLED;
        bulk->figures.finished_at_ms = sk_engine_now(engine);
        sk_alarm_clear(engine, &bulk->alarm);
    }
    record_then(bulk, done, context, true);
    sk_engine_turn(engine);
}

bool sk_engine_bulk_get(struct sk_engine *engine, struct sk_str id, struct sk_bulk_view *out_view)
{
    const struct sk_bulk *bulk = find(engine, id);
    bool is_known = bulk != NULL && bulk->is_known;
    if (is_known) sk_bulk_view_of(bulk, out_view);
    return is_known;
}

void sk_engine_bulk_each(struct sk_engine *engine,
                         bool (*fn)(void *context, const struct sk_bulk_view *view), void *context)
{
    for (struct sk_list *at = engine->bulks.next; at != &engine->bulks; at = at->next) {
        const struct sk_bulk *bulk = sk_container_of(at, struct sk_bulk, node);
        struct sk_bulk_view view;
        if (!bulk->is_known) continue;
        sk_bulk_view_of(bulk, &view);
        if (!fn(context, &view)) return;
    }
}

/* ---- take-over ------------------------------------------------------------------------------- */

bool sk_bulk_load(struct sk_shard *shard, const struct sk_record_row *row)
{
    struct sk_engine *engine = shard->engine;
    if (find(engine, row->id) != NULL) return true;
    struct sk_bulk *bulk = bulk_new(engine, row->id);
    if (bulk == NULL) return false;
    struct sk_reader reader = sk_reader_of(sk_arena_copy(&bulk->arena, row->body));
    bool is_read = sk_bulk_get_request(&reader, &bulk->arena, &bulk->request) &&
                   sk_bulk_get_figures(&reader, bulk) &&
                   sk_bulk_digest_of(&bulk->request, &bulk->digest);
    if (!is_read) {
        bulk_free(bulk);
        return false;
    }
    bulk->is_known = true;
    bulk->is_end_known = bulk->figures.state != SK_BULK_RUNNING;
    enlist(bulk);
    if (bulk->figures.state == SK_BULK_RUNNING)
        sk_alarm_set(engine, &bulk->alarm, sk_engine_now(engine) + TRY_AGAIN_MS);
    return true;
}

void sk_bulks_forget(struct sk_shard *shard)
{
    struct sk_engine *engine = shard->engine;
    struct sk_list *next = NULL;
    for (struct sk_list *at = engine->bulks.next; at != &engine->bulks; at = next) {
        next = at->next;
        struct sk_bulk *bulk = sk_container_of(at, struct sk_bulk, node);
        if (bulk->shard == shard) drop(bulk);
    }
}

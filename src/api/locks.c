/*
 * locks.c: who holds which key, and who waits for it, in order: the machines of locks that are not
 * idle, one by one as the engine that has them shows them. A cursor is "<created_at ms>_<id>" of
 * the last one seen.
 */
#include "api/routes.h"

#include "api/gathered.h"
#include "api/shapes.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 500, WAITERS_SHOWN_MAX = 1000 };

struct locks {
    int64_t limit;
    struct sk_str cursor, key; /* as asked */
};

const struct sk_input sk_locks_query[] = {
    { "limit", SK_INPUT_NUMBER, offsetof(struct locks, limit), "rows of a page", 1, LIMIT_MAX, 0,
      false },
    { "cursor", SK_INPUT_TEXT, offsetof(struct locks, cursor), "`next` of the page before", 0, 0, 0,
      false },
    { "key", SK_INPUT_TEXT, offsetof(struct locks, key), "only this key", 0, 0, 255, false },
    { 0 },
};

static void shape(struct sk_json_writer *w, const struct sk_lock *lock)
{
    size_t prefix = sizeof "@lock/" - 1;
    uint32_t shown = 0;
    sk_json_begin_object(w);
    sk_shape_text(w, "key", sk_str_sub(lock->id, prefix, lock->id.size - prefix));
    sk_shape_text(w, "holder", lock->holder);
    sk_shape_time(w, "since", lock->holder.size > 0 ? lock->since_ms : 0);
    sk_shape_count(w, "waiters_total", lock->waiters_count);
    sk_json_key(w, "waiters");
    sk_json_begin_array(w);
    for (const struct sk_lock_waiter *waiter = lock->first;
         waiter != NULL && shown < WAITERS_SHOWN_MAX; waiter = waiter->next, shown++) {
        sk_json_begin_object(w);
        sk_shape_text(w, "saga", waiter->saga);
        sk_shape_time(w, "since", waiter->since_ms);
        sk_json_end_object(w);
    }
    sk_json_end_array(w);
    sk_json_end_object(w);
}

static bool put_held(struct sk_json_writer *w, const struct sk_reply *reply)
{
    if (reply->lock == NULL || sk_lock_is_idle(reply->lock)) return false;
    shape(w, reply->lock);
    return true;
}

/* On the loop that has them. */
static void look(struct sk_gather_part *part)
{
    static const struct sk_gathered_walk walk = { sk_engine_get_lock, put_held };
    sk_gathered_walk(part, &walk);
}

/* ---- the page -------------------------------------------------------------------------------- */

static void put_next(struct sk_exchange *x, struct sk_json_writer *w)
{
    const struct sk_rows *rows = &x->rows;
    sk_json_key(w, "next");
    if (!rows->has_more || rows->heads_count == 0) {
        sk_json_put_null(w);
        return;
    }
    const struct sk_head *last = &rows->heads[rows->heads_count - 1];
    struct sk_buf cursor = { 0 };
    sk_buf_append_i64(&cursor, last->created_at_ms);
    sk_buf_append_char(&cursor, '_');
    sk_buf_append_str(&cursor, last->id);
    sk_json_put_str(w, sk_buf_view(&cursor));
    sk_buf_release(&cursor);
}

static void on_locks(void *context, enum skald_status status, const skald_error *error,
                     struct sk_gather_part *const *parts, uint32_t count)
{
    struct sk_exchange *x = context;
    struct sk_gathered_list all;
    if (!sk_gathered_list(x, status, error, parts, count, &all)) return;
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    (void)sk_gathered_put(&w, "items", &all, UINT64_MAX);
    put_next(x, &w);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

static void on_heads(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct sk_buf ids = { 0 };
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    sk_exchange_keep_rows(x, rows);
    for (uint32_t i = 0; i < x->rows.heads_count; i++) sk_put_str(&ids, x->rows.heads[i].id);
    sk_gathered_ask(x, &ids, look, on_locks);
}

static void read_one(struct sk_exchange *x, struct sk_str key)
{
    struct sk_buf id = { 0 }, ids = { 0 };
    sk_buf_append_text(&id, "@lock/");
    sk_buf_append_str(&id, key);
    sk_put_str(&ids, sk_buf_view(&id));
    if (id.failed) ids.failed = true;
    sk_buf_release(&id);
    sk_gathered_ask(x, &ids, look, on_locks);
}

void sk_handle_locks(struct sk_exchange *x)
{
    struct locks *locks = SK_EXCHANGE_STATE(x, struct locks);
    if (locks == NULL) return;
    locks->limit = LIMIT_DEFAULT;
    if (!sk_inputs_read_query(x, sk_locks_query, locks)) return;
    if (locks->key.size > 0) {
        read_one(x, locks->key);
        return;
    }
    struct sk_read read = { .kind = SK_READ_LIST,
                            .filter = { .only_locks = true,
                                        .states = UINT32_C(1) << SK_SAGA_RUNNING },
                            .limit = (uint32_t)locks->limit };
    size_t bar = sk_str_find(locks->cursor, '_');
    read.filter.cursor_id = sk_str_sub(locks->cursor, bar + 1, locks->cursor.size);
    bool is_sound =
        sk_str_to_i64(sk_str_sub(locks->cursor, 0, bar), &read.filter.cursor_created_at_ms);
    if (locks->cursor.size > 0 && (!is_sound || read.filter.cursor_id.size == 0)) {
        sk_exchange_refuse(x, "pass what `next` of the page before said",
                           "the cursor is not one of ours");
        return;
    }
    sk_engine_read(sk_engine_of(x), &read, on_heads, x);
}

/*
 * saga_list.c: the list of sagas by filters, page by page. A cursor is
 * "<sort><order><ms>_<id>" of the last row seen: pages stay in step while sagas come and go. Who
 * counts pages instead (page, page_size) is told the total, from an exact count.
 */
#include "api/routes.h"
#include "api/saga_filter.h"

#include "api/shapes.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 1000, PAGE_MAX = 100000 };

struct list {
    struct sk_saga_filter filter;
    struct sk_str cursor, sort, order;
    int64_t limit, page, page_size;
    bool wants_total;
    struct sk_read read;
    uint32_t named_count; /* of the page's rows */
    bool is_counted;
    uint64_t total;
};

#define ROW(name, kind, field, help)                                   \
    {                                                                  \
        name, kind, offsetof(struct list, field), help, 0, 0, 0, false \
    }

const struct sk_input sk_sagas_query[] = {
    { "limit", SK_INPUT_NUMBER, offsetof(struct list, limit), "rows of a page", 1, LIMIT_MAX, 0,
      false },
    ROW("cursor", SK_INPUT_TEXT, cursor, "`next` of the page before"),
    ROW("sort", SK_INPUT_TEXT, sort, "created, updated or ended (only those that have ended)"),
    ROW("order", SK_INPUT_TEXT, order, "desc (the newest first) or asc"),
    { "page", SK_INPUT_NUMBER, offsetof(struct list, page), "which page, from 1, with a total", 1,
      PAGE_MAX, 0, false },
    { "page_size", SK_INPUT_NUMBER, offsetof(struct list, page_size), "rows of such a page", 1,
      LIMIT_MAX, 0, false },
    ROW("total", SK_INPUT_FLAG, wants_total, "count them all; null if that takes too long"),
    SK_SAGA_FILTER_ROWS(struct list),
    { 0 },
};

/* ---- reading the query ----------------------------------------------------------------------- */

static bool read_order(struct sk_exchange *x, const struct list *list,
                       struct sk_list_filter *filter)
{
    if (sk_str_is(list->sort, "updated")) filter->sort = SK_SORT_UPDATED;
    if (sk_str_is(list->sort, "ended")) filter->sort = SK_SORT_ENDED;
    filter->is_ascending = sk_str_is(list->order, "asc");
    if (list->sort.size > 0 && filter->sort == SK_SORT_CREATED &&
        !sk_str_is(list->sort, "created")) {
        sk_exchange_refuse(x, "it is created, updated or ended", "sort is none of these");
        return false;
    }
    if (list->order.size > 0 && !filter->is_ascending && !sk_str_is(list->order, "desc")) {
        sk_exchange_refuse(x, "it is asc or desc", "order is neither");
        return false;
    }
    return true;
}

static void cursor_prefix(const struct sk_list_filter *filter, char out[2])
{
    out[0] = "cue"[filter->sort];
    out[1] = filter->is_ascending ? 'a' : 'd';
}

static bool read_cursor(struct sk_exchange *x, struct sk_str cursor, struct sk_list_filter *filter)
{
    if (cursor.size == 0) return true;
    char prefix[2];
    cursor_prefix(filter, prefix);
    struct sk_str rest = sk_str_sub(cursor, 2, cursor.size);
    size_t bar = sk_str_find(rest, '_');
    struct sk_str id = sk_str_sub(rest, bar + 1, rest.size);
    bool is_ours = cursor.size > 2 && id.size > 0 &&
                   sk_str_to_i64(sk_str_sub(rest, 0, bar), &filter->cursor_created_at_ms);
    if (is_ours && memcmp(cursor.data, prefix, sizeof prefix) == 0) {
        filter->cursor_id = id;
        return true;
    }
    sk_exchange_refuse(x, "pass what `next` of the page before said, with the same sort and order",
                       is_ours ? "the cursor is of another order"
                               : "the cursor is not one of ours");
    return false;
}

static bool read_page(struct sk_exchange *x, struct list *list, struct sk_list_filter *filter)
{
    bool has_page = list->page > 0 || list->page_size > 0;
    if (!has_page) return true;
    if (list->cursor.size > 0) {
        sk_exchange_refuse(x, "go on by cursor or by page", "cursor and page stand together");
        return false;
    }
    if (list->page == 0) list->page = 1;
    if (list->page_size == 0) list->page_size = list->limit;
    list->limit = list->page_size;
    list->wants_total = true;
    filter->offset = (uint32_t)((list->page - 1) * list->page_size);
    return true;
}

/* ---- the reply ------------------------------------------------------------------------------- */

static void put_next(struct sk_json_writer *w, const struct list *list, const struct sk_rows *rows)
{
    sk_json_key(w, "next");
    if (!rows->has_more || rows->heads_count == 0) {
        sk_json_put_null(w);
        return;
    }
    const struct sk_head *last = &rows->heads[rows->heads_count - 1];
    const struct sk_list_filter *filter = &list->read.filter;
    int64_t at_ms = filter->sort == SK_SORT_CREATED   ? last->created_at_ms
                    : filter->sort == SK_SORT_UPDATED ? last->updated_at_ms
                                                      : last->ended_at_ms;
    char prefix[2];
    struct sk_buf cursor = { 0 };
    cursor_prefix(filter, prefix);
    sk_buf_append_str(&cursor, (struct sk_str){ prefix, sizeof prefix });
    sk_buf_append_i64(&cursor, at_ms);
    sk_buf_append_char(&cursor, '_');
    sk_buf_append_str(&cursor, last->id);
    sk_json_put_str(w, sk_buf_view(&cursor));
    sk_buf_release(&cursor);
}

static void put_total(struct sk_json_writer *w, const struct list *list)
{
    if (!list->wants_total) return;
    sk_json_key(w, "total");
    if (list->is_counted) {
        sk_json_put_u64(w, list->total);
    } else {
        sk_json_put_null(w);
    }
    if (list->page == 0) return;
    sk_shape_number(w, "page", list->page);
    sk_shape_number(w, "page_size", list->page_size);
}

static void reply(struct sk_exchange *x)
{
    const struct sk_head *heads = x->rows.heads;
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_json_key(&w, "items");
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < x->rows.heads_count; i++) {
        const struct sk_definition_name *name = sk_name_find(x->api, &heads[i].definition);
        struct sk_str none = { 0 };
        sk_shape_head(&w, &heads[i], name == NULL ? none : name->id,
                      name == NULL ? none : name->version);
    }
    sk_json_end_array(&w);
    put_next(&w, x->state, &x->rows);
    put_total(&w, x->state);
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

/* Until the names of all definitions on the page are known. */
static void name_next(struct sk_exchange *x)
{
    struct list *list = x->state;
    for (; list->named_count < x->rows.heads_count; list->named_count++) {
        const struct sk_digest *digest = &x->rows.heads[list->named_count].definition;
        if (sk_name_find(x->api, digest) != NULL) continue;
        sk_name_learn(x, digest, name_next);
        return;
    }
    reply(x);
}

/* A count that takes longer than a read may is no failure of the list. */
static void on_count(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct list *list = x->state;
    list->is_counted = rows->status == SKALD_OK;
    list->total = rows->total;
    if (rows->status != SKALD_OK && rows->status != SKALD_E_TIMEOUT) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    name_next(x);
}

static void on_heads(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct list *list = x->state;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    sk_exchange_keep_rows(x, rows);
    if (!list->wants_total) {
        name_next(x);
        return;
    }
    list->read.kind = SK_READ_COUNT;
    sk_engine_read(sk_engine_of(x), &list->read, on_count, x);
}

void sk_handle_sagas(struct sk_exchange *x)
{
    struct list *list = SK_EXCHANGE_STATE(x, struct list);
    if (list == NULL) return;
    list->limit = LIMIT_DEFAULT;
    struct sk_list_filter *filter = &list->read.filter;
    if (!sk_inputs_read_query(x, sk_sagas_query, list)) return;
    if (!sk_saga_filter_read(x, &list->filter, filter)) return;
    if (!read_order(x, list, filter)) return;
    if (!read_cursor(x, list->cursor, filter)) return;
    if (!read_page(x, list, filter)) return;
    list->read.kind = SK_READ_LIST;
    list->read.limit = (uint32_t)list->limit;
    sk_engine_read(sk_engine_of(x), &list->read, on_heads, x);
}

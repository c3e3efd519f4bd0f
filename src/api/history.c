/* history.c: the events of a saga. Head (where it lies), events, plan (names): one by one. */
#include "api/routes.h"

#include "api/shapes.h"
#include "api/stream.h"

enum { LIMIT_DEFAULT = 200, LIMIT_MAX = 1000, PAGE_BYTES_MAX = 32 * 1024 * 1024 };

struct history {
    int64_t after, limit;
    uint32_t shard;
    uint64_t no;
    struct sk_digest definition;
};

const struct sk_input sk_events_query[] = {
    { "after", SK_INPUT_NUMBER, offsetof(struct history, after),
      "only events with a higher seq; `next` of the page before", 0, INT64_MAX, 0, false },
    { "limit", SK_INPUT_NUMBER, offsetof(struct history, limit), "events of a page", 1, LIMIT_MAX,
      0, false },
    { 0 },
};

static void reply(struct sk_exchange *x, const struct sk_plan *plan)
{
    const struct sk_event_row *rows = x->rows.events;
    uint32_t count = x->rows.events_count;
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_json_key(&w, "items");
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < count; i++) sk_shape_event(&w, plan, &rows[i]);
    sk_json_end_array(&w);
    sk_json_key(&w, "next");
    if (x->rows.has_more && count > 0) {
        sk_json_put_u64(&w, rows[count - 1].seq);
    } else {
        sk_json_put_null(&w);
    }
    sk_json_end_object(&w);
    sk_exchange_reply(x, 200);
}

/* A plan that cannot be had (a step type that is not in this build) costs the names only. */
static void on_plan(void *context, enum skald_status status, const struct sk_plan *plan,
                    const skald_error *error)
{
    (void)error;
    reply(context, status == SKALD_OK ? plan : NULL);
}

static void on_events(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct history *history = x->state;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    sk_exchange_keep_rows(x, rows);
    sk_engine_plan(sk_engine_of(x), &history->definition, (struct sk_str){ 0 },
                   (struct sk_str){ 0 }, on_plan, x);
}

static void on_head(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct history *history = x->state;
    const struct sk_head *head = sk_exchange_head(x, rows);
    if (head == NULL) return;
    history->definition = head->definition;
    struct sk_read read = { .kind = SK_READ_EVENTS,
                            .shard = head->shard,
                            .no = head->no,
                            .after = (uint64_t)history->after,
                            .limit = (uint32_t)history->limit,
                            .bytes_max = PAGE_BYTES_MAX };
    sk_engine_read(sk_engine_of(x), &read, on_events, x);
}

void sk_handle_events(struct sk_exchange *x)
{
    struct history *history = SK_EXCHANGE_STATE(x, struct history);
    if (history == NULL) return;
    history->limit = LIMIT_DEFAULT;
    if (!sk_inputs_read_query(x, sk_events_query, history)) return;
    if (sk_stream_is_wanted(x)) {
        sk_saga_stream(x, (uint64_t)history->after);
        return;
    }
    sk_exchange_read_head(x, x->params[0], on_head);
}

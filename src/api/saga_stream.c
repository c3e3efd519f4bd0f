/*
 * saga_stream.c: the events of one saga as a stream: its history, then what comes, until it has
 * ended and nothing of it is open. The id of an event is its seq.
 */
#include "api/routes.h"

#include "api/shapes.h"
#include "api/stream.h"

struct saga_stream {
    uint64_t after;
    uint32_t shard;
    uint64_t no;
    struct sk_digest definition;
    bool is_over; /* when its head was read last */
    bool has_begun;
};

static void read_head(struct sk_exchange *x);

static bool concerns(struct sk_exchange *x, const struct sk_stream_news *news)
{
    const struct saga_stream *stream = x->state;
    return stream->shard == news->shard &&
           (news->saga.size == 0 || sk_str_equal(news->saga, x->params[0]));
}

static const struct sk_stream_source source = { .read = read_head, .concerns = concerns };

static void put_events(struct sk_exchange *x)
{
    struct saga_stream *stream = x->state;
    const struct sk_definition_name *name = sk_name_find(x->api, &stream->definition);
    struct sk_buf json = { 0 }, id = { 0 };
    for (uint32_t i = 0; i < x->rows.events_count; i++) {
        const struct sk_event_row *row = &x->rows.events[i];
        struct sk_event_names names = { .saga = x->params[0] };
        if (name != NULL) {
            names.definition = name->id;
            names.version = name->version;
            if (row->step < name->steps_count) names.step = name->steps[row->step];
        }
        sk_buf_clear(&json);
        sk_buf_clear(&id);
        struct sk_json_writer w = sk_exchange_writer_on(x, &json);
        sk_shape_feed_event(&w, &names, row);
        sk_buf_append_u64(&id, row->seq);
        sk_stream_put(x, sk_buf_view(&id), sk_buf_view(&json));
        if (json.failed || id.failed) x->out.failed = true;
        stream->after = row->seq;
    }
    sk_buf_release(&json);
    sk_buf_release(&id);
    if (!x->rows.has_more && stream->is_over) {
        sk_stream_finish(x, "the saga has ended");
    } else {
        sk_stream_page(x, x->rows.has_more);
    }
}

static void on_events(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct saga_stream *stream = x->state;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    sk_exchange_keep_rows(x, rows);
    const struct sk_definition_name *name = sk_name_find(x->api, &stream->definition);
    if (name != NULL && name->has_steps) {
        put_events(x);
    } else {
        sk_name_learn_steps(x, &stream->definition, put_events);
    }
}

static void read_events(struct sk_exchange *x)
{
    const struct saga_stream *stream = x->state;
    struct sk_read read = { .kind = SK_READ_EVENTS,
                            .shard = stream->shard,
                            .no = stream->no,
                            .after = stream->after,
                            .limit = SK_STREAM_PAGE_ROWS,
                            .bytes_max = SK_STREAM_PAGE_BYTES };
    sk_engine_read(sk_engine_of(x), &read, on_events, x);
}

/* Nothing will come: 204 tells a client that it need not come again. */
static void refuse_or_begin(struct sk_exchange *x, const struct sk_head *head)
{
    struct saga_stream *stream = x->state;
    stream->has_begun = true;
    if (!stream->is_over || stream->after < head->seq) {
        sk_stream_begin(x, &source);
        return;
    }
    sk_buf_clear(&x->out);
    sk_exchange_reply(x, 204);
}

static void on_head(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct saga_stream *stream = x->state;
    const struct sk_head *head = sk_exchange_head(x, rows);
    if (head == NULL) return;
    enum sk_saga_state state = (enum sk_saga_state)head->state;
    stream->definition = head->definition;
    stream->shard = head->shard;
    stream->no = head->no;
    stream->is_over = sk_saga_state_is_end(state) && head->open == 0;
    if (stream->has_begun) {
        read_events(x);
    } else {
        refuse_or_begin(x, head);
    }
}

static void read_head(struct sk_exchange *x)
{
    sk_exchange_read_head(x, x->params[0], on_head);
}

void sk_saga_stream(struct sk_exchange *x, uint64_t after)
{
    struct saga_stream *stream = SK_EXCHANGE_STATE(x, struct saga_stream);
    if (stream == NULL) return;
    struct sk_str last_id = sk_stream_last_id(x);
    stream->after = after;
    if (last_id.size > 0 && !sk_str_to_u64(last_id, &stream->after)) {
        sk_exchange_refuse(x, "send the id of the last event that came, or leave it out",
                           "Last-Event-ID is not one of ours");
        return;
    }
    read_head(x);
}

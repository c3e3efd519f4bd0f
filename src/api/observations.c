/* observations.c: what stands in the ring of this node, as a page or a stream. */
#include "api/ring.h"
#include "api/routes.h"
#include "api/shapes.h"
#include "api/stream.h"

#include <stdio.h>

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };

struct observations {
    int64_t limit;
    struct sk_str cursor, type;
    uint64_t after;
};

const struct sk_input sk_observations_query[] = {
    { "limit", SK_INPUT_NUMBER, offsetof(struct observations, limit), "observations of a page", 1,
      LIMIT_MAX, 0, false },
    { "cursor", SK_INPUT_TEXT, offsetof(struct observations, cursor),
      "`next` or `cursor` of the page before, or the id of an event of the stream", 0, 0, 0,
      false },
    { "type", SK_INPUT_TEXT, offsetof(struct observations, type),
      "only of this type, or of this beginning: store.*", 0, 0, 0, false },
    { 0 },
};

/* "<start of this process>-<number>" */
static void put_cursor(struct sk_exchange *x, uint64_t number, struct sk_buf *out)
{
    sk_buf_append_i64(out, sk_ring_born_ms(x->api->ring));
    sk_buf_append_char(out, '-');
    sk_buf_append_u64(out, number);
}

/* One from before the last start stands for the beginning of this one. */
static bool read_cursor(struct sk_exchange *x, struct sk_str text, uint64_t *out_after)
{
    int64_t born_ms = 0;
    uint64_t number = 0;
    size_t dash = sk_str_find(text, '-');
    if (text.size == 0) return true;
    if (!sk_str_to_i64(sk_str_sub(text, 0, dash), &born_ms) ||
        !sk_str_to_u64(sk_str_sub(text, dash + 1, text.size), &number)) {
        sk_exchange_refuse(x, "pass what `next`, `cursor` or the id of an event said",
                           "the cursor is not one of ours");
        return false;
    }
    *out_after = born_ms == sk_ring_born_ms(x->api->ring) ? number : 0;
    return true;
}

static bool is_wanted(const struct observations *asked, const struct sk_observation *o)
{
    struct sk_str type = asked->type;
    if (type.size == 0 || sk_str_equal(type, o->type)) return true;
    bool has_star = type.data[type.size - 1] == '*';
    return has_star && sk_str_starts(o->type, sk_str_sub(type, 0, type.size - 1));
}

static const char *level_name(enum sk_log_level level)
{
    switch (level) {
    case SK_LOG_DEBUG: return "debug";
    case SK_LOG_INFO: return "info";
    case SK_LOG_WARN: return "warning";
    case SK_LOG_ERROR: return "error";
    }
    return "";
}

static void shape(struct sk_json_writer *w, const struct sk_observation *o)
{
    sk_json_begin_object(w);
    sk_shape_count(w, "number", o->number);
    sk_shape_time(w, "at", o->at_ms);
    sk_shape_text(w, "type", o->type);
    sk_shape_text(w, "level", sk_str_of(level_name(o->level)));
    sk_shape_text(w, "saga", o->saga);
    sk_shape_text(w, "message", o->message);
    sk_shape_raw(w, "data", o->data);
    sk_json_end_object(w);
}

static void reply_page(struct sk_exchange *x, struct observations *asked)
{
    struct sk_observation o;
    struct sk_buf cursor = { 0 }, text = { 0 };
    bool is_there = sk_ring_next(x->api->ring, asked->after, &o, &text);
    struct sk_json_writer w = sk_exchange_writer(x);
    sk_json_begin_object(&w);
    sk_json_key(&w, "items");
    sk_json_begin_array(&w);
    for (int64_t count = 0; is_there && count < asked->limit;) {
        if (is_wanted(asked, &o)) {
            shape(&w, &o);
            count += 1;
        }
        asked->after = o.number;
        is_there = sk_ring_next(x->api->ring, asked->after, &o, &text);
    }
    if (text.failed) x->out.failed = true;
    sk_json_end_array(&w);
    put_cursor(x, asked->after, &cursor);
    sk_buf_release(&text);
    sk_exchange_end_page(x, &w, &cursor, is_there);
    sk_buf_release(&cursor);
}

static void read_ring(struct sk_exchange *x)
{
    struct observations *asked = x->state;
    struct sk_buf id = { 0 }, json = { 0 }, text = { 0 };
    struct sk_observation o;
    bool is_there = sk_ring_next(x->api->ring, asked->after, &o, &text);
    for (int sent = 0; is_there && sent < SK_STREAM_PAGE_ROWS;
         is_there = sk_ring_next(x->api->ring, asked->after, &o, &text)) {
        asked->after = o.number;
        if (!is_wanted(asked, &o)) continue;
        sk_buf_clear(&id);
        sk_buf_clear(&json);
        struct sk_json_writer w = sk_exchange_writer_on(x, &json);
        shape(&w, &o);
        put_cursor(x, o.number, &id);
        sk_stream_put(x, sk_buf_view(&id), sk_buf_view(&json));
        if (id.failed || json.failed) x->out.failed = true;
        sent += 1;
    }
    if (text.failed) x->out.failed = true;
    sk_buf_release(&id);
    sk_buf_release(&json);
    sk_buf_release(&text);
    sk_stream_page(x, is_there);
}

static const struct sk_stream_source source = { .read = read_ring };

void sk_handle_observations(struct sk_exchange *x)
{
    struct observations *asked = SK_EXCHANGE_STATE(x, struct observations);
    if (asked == NULL) return;
    asked->limit = LIMIT_DEFAULT;
    if (!sk_inputs_read_query(x, sk_observations_query, asked)) return;
    if (!sk_stream_is_wanted(x)) {
        if (read_cursor(x, asked->cursor, &asked->after)) reply_page(x, asked);
        return;
    }
    struct sk_str last_id = sk_stream_last_id(x);
    bool is_resumed = last_id.size > 0 || asked->cursor.size > 0;
    asked->after = is_resumed ? 0 : sk_ring_last(x->api->ring);
    if (!read_cursor(x, last_id.size > 0 ? last_id : asked->cursor, &asked->after)) return;
    sk_stream_begin(x, &source);
}

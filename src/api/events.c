/*
 * events.c: the events of all sagas, by filters: pages of JSON, or a stream that goes on. In order
 * for each saga; between sagas only roughly (a page is sorted by time). Reads shard by shard.
 *
 *   E1  A page looks at SCAN_MAX events at most, however few of them fit: it may be empty and still
 *       have a `next`.
 */
#include "api/events.h"

#include "api/shapes.h"
#include "api/stream.h"

#include <stdlib.h>

enum {
    LIMIT_DEFAULT = 100,
    LIMIT_MAX = 1000,
    SCAN_MAX = 20000,
    SCAN_PAGE = 500,
    PAGE_BYTES_MAX = 16 * 1024 * 1024
};

const struct sk_input sk_feed_query[] = {
    { "limit", SK_INPUT_NUMBER, offsetof(struct sk_events, limit), "events of a page, at most", 1,
      LIMIT_MAX, 0, false },
    { "cursor", SK_INPUT_TEXT, offsetof(struct sk_events, cursor),
      "`next` or `cursor` of the page before, or the id of an event of the stream; \"start\" = "
      "from the oldest, \"now\" = only what comes. A list begins at the start, a stream now",
      0, 0, SK_CURSOR_SIZE_MAX, false },
    { "type", SK_INPUT_TEXT, offsetof(struct sk_events, types),
      "one or several, with commas: step.failed, saga.*", 0, 0, 0, false },
    { "saga", SK_INPUT_TEXT, offsetof(struct sk_events, saga), "only of this saga", 0, 0, 0,
      false },
    { "definition", SK_INPUT_NAME, offsetof(struct sk_events, definition),
      "only of sagas of this definition, in any version", 0, 0, 0, false },
    { "from", SK_INPUT_TEXT, offsetof(struct sk_events, from),
      "only from this instant on (RFC 3339)", 0, 0, 40, false },
    { "to", SK_INPUT_TEXT, offsetof(struct sk_events, to), "only before this instant (RFC 3339)", 0,
      0, 40, false },
    { 0 },
};

/* ---- what was asked -------------------------------------------------------------------------- */

static bool type_fits(const char *name, struct sk_str wanted)
{
    size_t star = wanted.size > 1 ? wanted.size - 1 : 0;
    if (star > 0 && wanted.data[star] == '*') {
        return sk_str_starts(sk_str_of(name), sk_str_sub(wanted, 0, star));
    }
    return sk_str_is(wanted, name);
}

static bool read_types(struct sk_exchange *x, struct sk_events *events)
{
    struct sk_str rest = events->types;
    events->has_types = rest.size > 0;
    while (rest.size > 0) {
        size_t end = sk_str_find(rest, ',');
        struct sk_str wanted = sk_str_trim(sk_str_sub(rest, 0, end));
        rest = sk_str_sub(rest, end + 1, rest.size);
        bool is_known = false;
        for (uint32_t i = 0; i < SK_EVENT_TYPES_MAX; i++) {
            if (!sk_event_type_known(i)) continue;
            if (!type_fits(sk_event_type_name((enum sk_event_type)i), wanted)) continue;
            is_known = events->is_wanted[i] = true;
        }
        if (is_known) continue;
        wanted.size = wanted.size > 100 ? 100 : wanted.size;
        sk_exchange_refuse(x, "/openapi.json lists the types; saga.* stands for all of a kind",
                           "there is no type '%.*s'", SK_STR_ARGS(wanted));
        return false;
    }
    return true;
}

static bool read_time(struct sk_exchange *x, const char *name, struct sk_str text, int64_t *out_ms)
{
    if (text.size == 0 || sk_time_parse(text, out_ms)) return true;
    sk_exchange_refuse(x, "write it like 2026-01-31T12:00:00Z", "%s is no instant", name);
    return false;
}

static bool read_cursor(struct sk_exchange *x, struct sk_events *events, bool is_stream)
{
    struct sk_str cursor = events->cursor;
    struct sk_str last_id = is_stream ? sk_stream_last_id(x) : (struct sk_str){ 0 };
    if (last_id.size > 0) cursor = last_id;
    events->is_from_now = sk_str_is(cursor, "now") || (is_stream && cursor.size == 0);
    if (cursor.size == 0 || sk_str_is(cursor, "now") || sk_str_is(cursor, "start")) return true;
    switch (sk_feed_read(&events->feed, cursor)) {
    case SK_FEED_OK: return true;
    case SK_FEED_BAD:
        sk_exchange_refuse(x, "pass what `next`, `cursor` or the id of an event said",
                           "the cursor is not one of ours");
        return false;
    case SK_FEED_FOREIGN: break;
    }
    struct sk_problem problem = sk_problem_http(
        410, SK_STR("the cursor is of another store, or from before this one was restored"),
        SK_STR("begin anew with cursor=start or cursor=now"));
    sk_exchange_problem(x, &problem);
    return false;
}

/* Only the shard of the saga that was asked for has anything to tell. */
static void keep_shard_of_saga(struct sk_exchange *x, struct sk_events *events)
{
    if (events->saga.size == 0) return;
    uint32_t shard = sk_engine_shard_of(sk_engine_of(x), events->saga);
    for (uint32_t i = 0; i < events->feed.shards_count; i++) {
        events->feed.has_news[i] = i == shard;
    }
}

static struct sk_events *read_request(struct sk_exchange *x, bool is_stream)
{
    struct sk_meta meta = sk_engine_meta(sk_engine_of(x));
    struct sk_events *events = SK_EXCHANGE_STATE(x, struct sk_events);
    if (events == NULL) return NULL;
    if (!sk_feed_init(&events->feed, &x->arena, meta.incarnation, meta.shards_count)) {
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return NULL;
    }
    events->limit = LIMIT_DEFAULT;
    events->to_ms = INT64_MAX;
    if (!sk_inputs_read_query(x, sk_feed_query, events)) return NULL;
    if (!read_types(x, events) || !read_time(x, "from", events->from, &events->from_ms) ||
        !read_time(x, "to", events->to, &events->to_ms) || !read_cursor(x, events, is_stream)) {
        return NULL;
    }
    keep_shard_of_saga(x, events);
    return events;
}

static bool is_wanted(const struct sk_exchange *x, const struct sk_events *events,
                      const struct sk_event_row *row)
{
    if (row->is_lock) return false;
    if (events->has_types && (row->type >= SK_EVENT_TYPES_MAX || !events->is_wanted[row->type])) {
        return false;
    }
    if (events->saga.size > 0 && !sk_str_equal(events->saga, row->saga_id)) return false;
    if (row->at_ms < events->from_ms || row->at_ms >= events->to_ms) return false;
    if (events->definition.size == 0) return true;
    const struct sk_definition_name *name = sk_name_find(x->api, &row->definition);
    return name != NULL && sk_str_equal(name->id, events->definition);
}

static void shape(const struct sk_exchange *x, const struct sk_event_row *row, struct sk_buf *out)
{
    const struct sk_definition_name *name = sk_name_find(x->api, &row->definition);
    struct sk_event_names names = { .saga = row->saga_id };
    if (name != NULL) {
        names.definition = name->id;
        names.version = name->version;
        if (row->step < name->steps_count) names.step = name->steps[row->step];
    }
    struct sk_json_writer w = sk_exchange_writer_on(x, out);
    sk_shape_feed_event(&w, &names, row);
}

/* ---- the next rows --------------------------------------------------------------------------- */

/* Until the definitions of all rows are known. */
static void name_next(struct sk_exchange *x)
{
    struct sk_events *events = x->state;
    for (; events->named_count < x->rows.events_count; events->named_count++) {
        const struct sk_event_row *row = &x->rows.events[events->named_count];
        if (row->is_lock || row->saga_id.size == 0) continue;
        const struct sk_definition_name *name = sk_name_find(x->api, &row->definition);
        if (name != NULL && name->has_steps) continue;
        sk_name_learn_steps(x, &row->definition, name_next);
        return;
    }
    events->on_rows(x);
}

static void on_rows(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct sk_events *events = x->state;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    sk_exchange_keep_rows(x, rows);
    events->named_count = 0;
    name_next(x);
}

static void read_shard(struct sk_exchange *x, uint32_t limit, size_t bytes_max)
{
    const struct sk_events *events = x->state;
    struct sk_read read = { .kind = SK_READ_POSITIONS,
                            .shard = events->feed.at,
                            .after = events->feed.after[events->feed.at],
                            .limit = limit,
                            .bytes_max = bytes_max };
    sk_engine_read(sk_engine_of(x), &read, on_rows, x);
}

/* The row has been looked at. */
static void pass(struct sk_events *events, const struct sk_event_row *row)
{
    events->feed.after[events->feed.at] = row->position;
}

static void on_shards(void *context, struct sk_rows *rows)
{
    struct sk_exchange *x = context;
    struct sk_events *events = x->state;
    if (rows->status != SKALD_OK) {
        sk_exchange_fail(x, rows->status, &rows->error);
        return;
    }
    for (uint32_t i = 0; i < rows->shards_count; i++) {
        const struct sk_shard_row *row = &rows->shards[i];
        if (row->shard < events->feed.shards_count && row->position > 0) {
            events->feed.after[row->shard] = row->position - 1;
        }
    }
    events->begin(x);
}

static void start(struct sk_exchange *x, void (*begin)(struct sk_exchange *x))
{
    struct sk_events *events = x->state;
    events->begin = begin;
    if (!events->is_from_now) {
        begin(x);
        return;
    }
    struct sk_read read = { .kind = SK_READ_SHARDS };
    sk_engine_read(sk_engine_of(x), &read, on_shards, x);
}

/* ---- a page ---------------------------------------------------------------------------------- */

static int compare_items(const void *a, const void *b)
{
    const struct sk_event_item *x = a, *y = b;
    if (x->at_ms != y->at_ms) return x->at_ms < y->at_ms ? -1 : 1;
    if (x->shard != y->shard) return x->shard < y->shard ? -1 : 1;
    return x->position < y->position ? -1 : 1;
}

static void reply_page(struct sk_exchange *x, bool has_more)
{
    struct sk_events *events = x->state;
    struct sk_buf cursor = { 0 };
    sk_feed_write(&events->feed, &cursor);
    if (events->items_count > 1) {
        qsort(events->items, events->items_count, sizeof *events->items, compare_items);
    }
    struct sk_json_writer w = sk_exchange_writer(x);
    w.mask = NULL; /* the items are masked already */
    sk_json_begin_object(&w);
    sk_json_key(&w, "items");
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < events->items_count; i++) sk_json_put_raw(&w, events->items[i].json);
    sk_json_end_array(&w);
    sk_exchange_end_page(x, &w, &cursor, has_more);
    sk_buf_release(&cursor);
}

static void read_on(struct sk_exchange *x)
{
    struct sk_events *events = x->state;
    bool is_full = events->items_count >= events->limit || events->scanned >= SCAN_MAX ||
                   x->arena.bytes > PAGE_BYTES_MAX || x->arena.failed;
    bool has_more = sk_feed_turn(&events->feed);
    if (is_full || !has_more) {
        reply_page(x, has_more);
        return;
    }
    /* Every shard gives a little, so that a page holds what happened at about the same time. */
    bool is_filtered = events->has_types || events->saga.size > 0 || events->definition.size > 0 ||
                       events->from_ms > 0 || events->to_ms < INT64_MAX;
    uint32_t share = (uint32_t)events->limit / events->feed.shards_count + 1;
    read_shard(x, is_filtered ? SCAN_PAGE : share, PAGE_BYTES_MAX / 4);
}

static void keep(struct sk_exchange *x, const struct sk_event_row *row)
{
    struct sk_events *events = x->state;
    struct sk_buf json = { 0 };
    shape(x, row, &json);
    events->items[events->items_count++] =
        (struct sk_event_item){ .at_ms = row->at_ms,
                                .shard = events->feed.at,
                                .position = row->position,
                                .json = sk_arena_copy(&x->arena, sk_buf_view(&json)) };
    if (json.failed) x->arena.failed = true;
    sk_buf_release(&json);
}

static void collect_rows(struct sk_exchange *x)
{
    struct sk_events *events = x->state;
    bool is_cut = false;
    for (uint32_t i = 0; i < x->rows.events_count && !is_cut; i++) {
        const struct sk_event_row *row = &x->rows.events[i];
        if (is_wanted(x, events, row)) keep(x, row);
        pass(events, row);
        events->scanned += 1;
        is_cut = events->items_count >= events->limit && i + 1 < x->rows.events_count;
    }
    events->feed.has_news[events->feed.at] = is_cut || x->rows.has_more;
    events->feed.at = (events->feed.at + 1) % events->feed.shards_count;
    read_on(x);
}

/* ---- a stream -------------------------------------------------------------------------------- */

static void send_rows(struct sk_exchange *x)
{
    struct sk_events *events = x->state;
    struct sk_buf json = { 0 }, id = { 0 };
    for (uint32_t i = 0; i < x->rows.events_count; i++) {
        const struct sk_event_row *row = &x->rows.events[i];
        pass(events, row);
        if (!is_wanted(x, events, row)) continue;
        sk_buf_clear(&json);
        sk_buf_clear(&id);
        shape(x, row, &json);
        sk_feed_write(&events->feed, &id);
        sk_stream_put(x, sk_buf_view(&id), sk_buf_view(&json));
        if (json.failed || id.failed) x->out.failed = true;
    }
    sk_buf_release(&json);
    sk_buf_release(&id);
    if (x->rows.has_more) events->feed.has_news[events->feed.at] = true;
    events->feed.at = (events->feed.at + 1) % events->feed.shards_count;
    sk_stream_page(x, sk_feed_turn(&events->feed));
}

static void read_stream(struct sk_exchange *x)
{
    struct sk_events *events = x->state;
    if (!sk_feed_turn(&events->feed)) {
        sk_stream_page(x, false);
        return;
    }
    events->feed.has_news[events->feed.at] = false; /* what comes meanwhile is news again */
    read_shard(x, SK_STREAM_PAGE_ROWS, SK_STREAM_PAGE_BYTES);
}

static bool concerns(struct sk_exchange *x, const struct sk_stream_news *news)
{
    struct sk_events *events = x->state;
    bool is_known = news->saga.size > 0;
    if (news->shard >= events->feed.shards_count) return false;
    if (events->saga.size > 0) {
        bool is_its = is_known ? sk_str_equal(events->saga, news->saga)
                               : sk_engine_shard_of(sk_engine_of(x), events->saga) == news->shard;
        if (!is_its) return false;
    }
    if (is_known && events->definition.size > 0 &&
        !sk_str_equal(events->definition, news->definition)) {
        return false;
    }
    events->feed.has_news[news->shard] = true;
    return true;
}

static void put_cursor(struct sk_exchange *x, struct sk_buf *out)
{
    const struct sk_events *events = x->state;
    sk_feed_write(&events->feed, out);
}

static const struct sk_stream_source source = { .read = read_stream,
                                                .concerns = concerns,
                                                .cursor = put_cursor };

static void begin_stream(struct sk_exchange *x)
{
    sk_stream_begin(x, &source);
}

/* ---- the door -------------------------------------------------------------------------------- */

void sk_handle_feed(struct sk_exchange *x)
{
    bool is_stream = sk_stream_is_wanted(x);
    struct sk_events *events = read_request(x, is_stream);
    if (events == NULL) return;
    if (is_stream) {
        events->on_rows = send_rows;
        start(x, begin_stream);
        return;
    }
    events->on_rows = collect_rows;
    events->items = SK_ARENA_ARRAY(&x->arena, struct sk_event_item, (size_t)events->limit + 1);
    if (events->items == NULL) {
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return;
    }
    start(x, read_on);
}

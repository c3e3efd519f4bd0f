/* stream.c: see stream.h. */
#include "api/stream.h"

#include "api/forward.h"
#include "api/http_stream.h"
#include "api/stream_peers.h"
#include "core/saga.h"

#include <event2/event.h>
#include <stdatomic.h>
#include <stdio.h>
#include <strings.h>

enum { STALL_MS = 60 * 1000 };

struct sk_stream {
    struct sk_list node; /* among all */
    struct sk_exchange *x;
    const struct sk_stream_source *source;
    struct sk_http_stream *http;
    bool is_gone, is_reading, has_news, is_over;
    int64_t wrote_at_ms;
};

struct sk_streams {
    struct sk_api *api;
    struct sk_observer observer;
    struct sk_list all;
    uint32_t count;
    struct event *wake, *beat;
    bool is_woken, is_stopping;
    struct sk_stream_peers *peers; /* NULL: no siblings */
};

static int64_t now_ms(const struct sk_api *api)
{
    return api->options.runtime->ops->now_ms(api->options.runtime);
}

/* The figure of all loops together. */
static void count_out(struct sk_api *api)
{
    struct sk_peers *peers = api->options.peers;
    api->streams->count -= 1;
    if (peers != NULL) (void)atomic_fetch_sub(sk_peers_streams(peers), 1);
}

/* T3. False: so many are there already. */
static bool count_in(struct sk_api *api)
{
    struct sk_peers *peers = api->options.peers;
    unsigned before =
        peers == NULL ? api->streams->count : atomic_fetch_add(sk_peers_streams(peers), 1);
    api->streams->count += 1;
    if (before < api->options.streams_max) return true;
    count_out(api);
    return false;
}

/* ---- one ------------------------------------------------------------------------------------- */

/* The exchange goes, unless a read of it is still under way: then with its `done`. */
static void drop(struct sk_stream *stream)
{
    stream->is_over = true;
    if (!stream->is_reading) sk_exchange_free(stream->x);
}

static void pump(struct sk_stream *stream)
{
    if (stream->is_gone) {
        drop(stream);
        return;
    }
    if (stream->is_reading || !stream->has_news || sk_http_stream_pending(stream->http) > 0) return;
    stream->has_news = false;
    stream->is_reading = true;
    stream->source->read(stream->x);
}

static void on_drained(void *context)
{
    pump(context);
}

static void on_gone(void *context)
{
    struct sk_stream *stream = context;
    stream->is_gone = true;
    drop(stream);
}

static void write_out(struct sk_stream *stream)
{
    struct sk_exchange *x = stream->x;
    if (x->out.size == 0) return;
    stream->wrote_at_ms = now_ms(x->api);
    sk_http_stream_write(stream->http, sk_buf_view(&x->out));
    sk_buf_clear(&x->out);
}

void sk_stream_release(struct sk_exchange *x)
{
    struct sk_stream *stream = x->stream;
    if (stream == NULL) return;
    x->stream = NULL;
    sk_list_remove(&stream->node);
    count_out(x->api);
    sk_http_stream_end(stream->http);
    sk_free(stream);
}

bool sk_stream_is_wanted(struct sk_exchange *x)
{
    if (x->view.method != SK_HTTP_GET || x->api->server == NULL) return false;
    struct sk_str rest = sk_http_request_header(x->http, "Accept");
    const char *type = "text/event-stream";
    while (rest.size > 0) {
        size_t end = sk_str_find(rest, ',');
        struct sk_str one = sk_str_sub(rest, 0, end);
        one = sk_str_trim(sk_str_sub(one, 0, sk_str_find(one, ';')));
        rest = sk_str_sub(rest, end + 1, rest.size);
        if (one.size == strlen(type) && strncasecmp(one.data, type, one.size) == 0) return true;
    }
    return false;
}

struct sk_str sk_stream_last_id(struct sk_exchange *x)
{
    return sk_str_trim(sk_http_request_header(x->http, "Last-Event-ID"));
}

static void refuse_too_many(struct sk_exchange *x)
{
    char detail[96];
    (void)snprintf(detail, sizeof detail, "%u streams are open already",
                   (unsigned)x->api->options.streams_max);
    struct sk_problem problem = sk_problem_http(
        429, sk_str_of(detail),
        SK_STR("close one, or ask for pages of JSON instead; server.streams_max sets the limit"));
    problem.retry_after_ms = 5000;
    sk_exchange_problem(x, &problem);
}

void sk_stream_begin(struct sk_exchange *x, const struct sk_stream_source *source)
{
    struct sk_streams *all = x->api->streams;
    if (all->is_stopping) {
        sk_exchange_fail(x, SKALD_E_CLOSED, NULL);
        return;
    }
    if (!count_in(x->api)) {
        refuse_too_many(x);
        return;
    }
    struct sk_stream *stream = sk_alloc(sizeof *stream);
    if (stream == NULL) {
        count_out(x->api);
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return;
    }
    struct sk_http_stream_options options = { .type = "text/event-stream; charset=utf-8",
                                              .stall_ms = STALL_MS,
                                              .on_drained = on_drained,
                                              .on_gone = on_gone,
                                              .context = stream };
    *stream = (struct sk_stream){ .x = x, .source = source, .has_news = true };
    stream->http = sk_http_stream_begin(x->api->server, x->http, &options);
    if (stream->http == NULL) {
        sk_free(stream);
        count_out(x->api);
        sk_exchange_fail(x, SKALD_E_MEMORY, NULL);
        return;
    }
    x->http = NULL;
    x->stream = stream;
    sk_list_push(&all->all, &stream->node);
    if (all->peers != NULL) sk_stream_peers_listen(all->peers, true);
    /* The client learns at once that it is connected, and when to come again. */
    sk_buf_clear(&x->out);
    sk_buf_append_text(&x->out, "retry: 1000\n\n");
    write_out(stream);
    pump(stream);
}

static void put_lines(struct sk_buf *out, struct sk_str text)
{
    while (text.size > 0) {
        size_t end = 0;
        while (end < text.size && text.data[end] != '\n' && text.data[end] != '\r') end += 1;
        sk_buf_append_text(out, "data: ");
        sk_buf_append_str(out, sk_str_sub(text, 0, end));
        sk_buf_append_char(out, '\n');
        text = sk_str_sub(text, end + 1, text.size);
    }
}

void sk_stream_put(struct sk_exchange *x, struct sk_str id, struct sk_str json)
{
    sk_buf_append_text(&x->out, "id: ");
    sk_buf_append_str(&x->out, id);
    sk_buf_append_char(&x->out, '\n');
    put_lines(&x->out, json);
    sk_buf_append_char(&x->out, '\n');
}

void sk_stream_page(struct sk_exchange *x, bool has_more)
{
    struct sk_stream *stream = x->stream;
    stream->is_reading = false;
    if (stream->is_over) {
        sk_exchange_free(x);
        return;
    }
    if (x->out.failed || x->arena.failed) { /* the client resumes, when there is memory again */
        sk_exchange_free(x);
        return;
    }
    write_out(stream);
    stream->has_news = stream->has_news || has_more;
    pump(stream);
}

static void end_with(struct sk_exchange *x, const char *event, struct sk_str json)
{
    struct sk_stream *stream = x->stream;
    stream->is_reading = false;
    if (!stream->is_over) {
        sk_buf_append_text(&x->out, "event: ");
        sk_buf_append_text(&x->out, event);
        sk_buf_append_char(&x->out, '\n');
        put_lines(&x->out, json);
        sk_buf_append_char(&x->out, '\n');
        if (!x->out.failed) write_out(stream);
    }
    sk_exchange_free(x);
}

void sk_stream_finish(struct sk_exchange *x, const char *reason)
{
    struct sk_buf json = { 0 };
    struct sk_json_writer w = sk_json_writer_of(&json);
    sk_json_begin_object(&w);
    sk_json_key(&w, "reason");
    sk_json_put_text(&w, reason);
    sk_json_end_object(&w);
    end_with(x, "end", sk_buf_view(&json));
    sk_buf_release(&json);
}

void sk_stream_fail(struct sk_exchange *x, struct sk_str problem)
{
    struct sk_buf json = { 0 }; /* it may lie in the buffer that is sent */
    sk_buf_append_str(&json, problem);
    sk_buf_clear(&x->out);
    end_with(x, "error", sk_buf_view(&json));
    sk_buf_release(&json);
}

/* ---- all ------------------------------------------------------------------------------------- */

/* A callback of the engine may not call it: the loop comes round first. */
static void wake_soon(struct sk_streams *all)
{
    if (all->is_woken) return;
    all->is_woken = true;
    event_active(all->wake, 0, 0);
}

static void wake(struct sk_streams *all, struct sk_stream *stream)
{
    stream->has_news = true;
    wake_soon(all);
}

static void on_wake(evutil_socket_t unused, short what, void *context)
{
    (void)unused;
    (void)what;
    struct sk_streams *all = context;
    all->is_woken = false;
    if (all->peers != NULL) sk_stream_peers_tell(all->peers);
    for (struct sk_list *at = all->all.next, *next; at != &all->all; at = next) {
        next = at->next;
        pump(sk_container_of(at, struct sk_stream, node));
    }
}

static void on_event(struct sk_observer *observer, const struct sk_saga *saga,
                     const struct sk_event *event)
{
    struct sk_streams *all = sk_container_of(observer, struct sk_streams, observer);
    (void)event;
    if (all->count == 0 && all->peers == NULL) return;
    struct sk_stream_news news = { .shard =
                                       sk_engine_shard_of(all->api->options.engine, saga->start.id),
                                   .saga = saga->start.id,
                                   .definition = saga->plan->id };
    sk_streams_hear(all->api, &news);
    if (all->peers != NULL && sk_stream_peers_note(all->peers, &news)) wake_soon(all);
}

struct sk_stream_peers *sk_streams_peers(const struct sk_api *api)
{
    return api->streams == NULL ? NULL : api->streams->peers;
}

void sk_streams_hear(struct sk_api *api, const struct sk_stream_news *news)
{
    struct sk_streams *all = api->streams;
    for (struct sk_list *at = all->all.next; at != &all->all; at = at->next) {
        struct sk_stream *stream = sk_container_of(at, struct sk_stream, node);
        if (stream->source->concerns == NULL) continue;
        if (stream->source->concerns(stream->x, news)) wake(all, stream);
    }
}

void sk_streams_hear_anything(struct sk_api *api)
{
    uint32_t count = sk_engine_meta(api->options.engine).shards_count;
    for (uint32_t i = 0; i < count; i++)
        sk_streams_hear(api, &(struct sk_stream_news){ .shard = i });
    sk_streams_hear_observations(api);
}

void sk_streams_wake_observers(struct sk_api *api)
{
    struct sk_streams *all = api->streams;
    if (all == NULL) return;
    sk_streams_hear_observations(api);
    if (all->peers != NULL && sk_stream_peers_note_observation(all->peers)) wake_soon(all);
}

void sk_streams_hear_observations(struct sk_api *api)
{
    struct sk_streams *all = api->streams;
    for (struct sk_list *at = all->all.next; at != &all->all; at = at->next) {
        struct sk_stream *stream = sk_container_of(at, struct sk_stream, node);
        if (stream->source->concerns == NULL) wake(all, stream);
    }
}

static void beat(struct sk_stream *stream)
{
    struct sk_exchange *x = stream->x;
    if (stream->is_reading || sk_http_stream_pending(stream->http) > 0) return;
    if (now_ms(x->api) - stream->wrote_at_ms < x->api->options.heartbeat_ms) return;
    sk_buf_clear(&x->out);
    if (stream->source->cursor != NULL) {
        sk_buf_append_text(&x->out, "id: ");
        stream->source->cursor(x, &x->out);
        sk_buf_append_char(&x->out, '\n');
    }
    sk_buf_append_text(&x->out, ":\n\n");
    if (!x->out.failed) write_out(stream);
    sk_buf_clear(&x->out);
}

static void on_beat(evutil_socket_t unused, short what, void *context)
{
    (void)unused;
    (void)what;
    struct sk_streams *all = context;
    if (all->peers != NULL) {
        sk_stream_peers_listen(all->peers, all->count > 0);
        sk_stream_peers_tell(all->peers);
    }
    for (struct sk_list *at = all->all.next, *next; at != &all->all; at = next) {
        next = at->next;
        beat(sk_container_of(at, struct sk_stream, node));
    }
}

enum skald_status sk_streams_new(struct sk_api *api, struct sk_streams **out_streams)
{
    struct sk_streams *all = sk_alloc(sizeof *all);
    if (all == NULL) return SKALD_E_MEMORY;
    *all = (struct sk_streams){ .api = api, .observer = { .on_event = on_event } };
    sk_list_init(&all->all);
    sk_list_init(&all->observer.node);
    int64_t every_ms = api->options.heartbeat_ms / 3 + 1;
    struct timeval every = { .tv_sec = every_ms / 1000, .tv_usec = every_ms % 1000 * 1000 };
    all->wake = event_new(api->options.base, -1, 0, on_wake, all);
    all->beat = event_new(api->options.base, -1, EV_PERSIST, on_beat, all);
    bool has_peers = api->options.peers != NULL;
    if (has_peers) all->peers = sk_stream_peers_new(api);
    if (all->wake == NULL || all->beat == NULL || (has_peers && all->peers == NULL) ||
        event_add(all->beat, &every) != 0) {
        sk_streams_free(all);
        return SKALD_E_MEMORY;
    }
    sk_engine_observe(api->options.engine, &all->observer);
    *out_streams = all;
    return SKALD_OK;
}

uint32_t sk_streams_count(const struct sk_api *api)
{
    struct sk_peers *peers = api->options.peers;
    return peers == NULL ? api->streams->count : atomic_load(sk_peers_streams(peers));
}

void sk_streams_stop(struct sk_api *api)
{
    struct sk_streams *all = api->streams;
    all->is_stopping = true;
    for (struct sk_list *at = all->all.next, *next; at != &all->all; at = next) {
        next = at->next;
        struct sk_stream *stream = sk_container_of(at, struct sk_stream, node);
        if (stream->is_over) continue;
        sk_http_stream_end(stream->http);
        stream->http = NULL;
        stream->is_gone = true;
        drop(stream);
    }
}

void sk_streams_free(struct sk_streams *all)
{
    if (all == NULL) return;
    sk_engine_unobserve(&all->observer);
    if (all->wake != NULL) event_free(all->wake);
    if (all->beat != NULL) event_free(all->beat);
    sk_stream_peers_free(all->peers);
    sk_free(all);
}

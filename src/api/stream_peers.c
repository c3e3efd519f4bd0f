/* stream_peers.c: see stream_peers.h. */
#include "api/stream_peers.h"

#include "api/forward.h"

enum { NEWS_MAX = 256, NEWS_BYTES_MAX = 64 * 1024 };

struct peer {
    bool has_heard;  /* that there are streams here */
    bool is_wanting; /* it has streams */
    bool is_unsure;  /* something was not told: anything may have happened */
    bool is_untold;  /* it has not been told that there are no streams any more */
};

struct sk_stream_peers {
    struct sk_api *api;
    bool has_streams;
    uint32_t wanting_count;
    struct sk_buf news; /* of this turn: shard, saga, definition */
    uint32_t news_count;
    bool is_too_much, has_observations;
    uint32_t count;
    struct peer peers[];
};

struct note {
    struct sk_peers *peers;
    uint32_t from;
    bool is_wanting;  /* "tell me", or "no more" */
    bool is_anything; /* news: in place of any */
    bool has_observations;
    size_t size;
    char text[];
};

struct sk_stream_peers *sk_stream_peers_new(struct sk_api *api)
{
    uint32_t count = sk_peers_count(api->options.peers);
    struct sk_stream_peers *sp = sk_alloc(sizeof *sp + count * sizeof sp->peers[0]);
    if (sp == NULL) return NULL;
    sp->api = api;
    sp->count = count;
    sk_buf_init(&sp->news, 0);
    return sp;
}

void sk_stream_peers_free(struct sk_stream_peers *sp)
{
    if (sp == NULL) return;
    sk_buf_release(&sp->news);
    sk_free(sp);
}

/* False: out of memory. */
static bool send(struct sk_stream_peers *sp, uint32_t member, sk_peer_fn *fn,
                 const struct note *what, struct sk_str text)
{
    struct note *note = sk_alloc(sizeof *note + text.size + 1);
    if (note == NULL) return false;
    *note = *what;
    note->peers = sp->api->options.peers;
    note->from = sp->api->options.member;
    note->size = text.size;
    if (text.size > 0) memcpy(note->text, text.data, text.size);
    if (sk_peers_post(note->peers, member, fn, note) == SKALD_OK) return true;
    sk_free(note);
    return false;
}

static struct sk_stream_peers *peers_of(struct sk_api *api)
{
    return api == NULL ? NULL : sk_streams_peers(api);
}

/* ---- news ------------------------------------------------------------------------------------ */

static void on_news(struct sk_api *api, void *context)
{
    struct note *note = context;
    if (peers_of(api) != NULL && note->has_observations) sk_streams_hear_observations(api);
    if (peers_of(api) != NULL && note->is_anything) {
        sk_streams_hear_anything(api);
    } else if (peers_of(api) != NULL) {
        struct sk_reader reader = sk_reader_of((struct sk_str){ note->text, note->size });
        while (reader.at < reader.end && !reader.bad) {
            struct sk_stream_news news = { .shard = (uint32_t)sk_get_u64(&reader) };
            news.saga = sk_get_str(&reader);
            news.definition = sk_get_str(&reader);
            if (!reader.bad) sk_streams_hear(api, &news);
        }
    }
    sk_free(note);
}

bool sk_stream_peers_note(struct sk_stream_peers *sp, const struct sk_stream_news *news)
{
    if (sp->wanting_count == 0) return false;
    bool is_full = sp->news_count >= NEWS_MAX || sp->news.size >= NEWS_BYTES_MAX;
    if (is_full || sp->is_too_much) {
        sp->is_too_much = true;
        return true;
    }
    sk_put_u64(&sp->news, news->shard);
    sk_put_str(&sp->news, news->saga);
    sk_put_str(&sp->news, news->definition);
    sp->news_count += 1;
    if (sp->news.failed) sp->is_too_much = true;
    return true;
}

bool sk_stream_peers_note_observation(struct sk_stream_peers *sp)
{
    sp->has_observations = sp->wanting_count > 0;
    return sp->has_observations;
}

void sk_stream_peers_tell(struct sk_stream_peers *sp)
{
    bool has_news = sp->news_count > 0 || sp->is_too_much || sp->has_observations;
    for (uint32_t i = 0; i < sp->count; i++) {
        struct peer *peer = &sp->peers[i];
        if (!peer->is_wanting || (!has_news && !peer->is_unsure)) continue;
        struct note note = { .is_anything = sp->is_too_much || peer->is_unsure,
                             .has_observations = sp->has_observations };
        struct sk_str text = note.is_anything ? (struct sk_str){ 0 } : sk_buf_view(&sp->news);
        peer->is_unsure = !send(sp, i, on_news, &note, text); /* V1 */
    }
    if (sp->is_too_much) {
        sk_buf_release(&sp->news);
        sk_buf_init(&sp->news, 0);
    }
    sk_buf_clear(&sp->news);
    sp->news_count = 0;
    sp->is_too_much = sp->has_observations = false;
}

/* ---- who wants them -------------------------------------------------------------------------- */

static void on_heard(struct sk_api *api, void *context)
{
    struct note *note = context;
    struct sk_stream_peers *sp = peers_of(api);
    if (sp != NULL) {
        sp->peers[note->from].has_heard = true;
        sk_streams_hear_anything(api); /* what came before it had heard */
    }
    sk_free(note);
}

static void on_listening(struct sk_api *api, void *context)
{
    struct note *note = context;
    struct sk_stream_peers *sp = peers_of(api);
    if (sp != NULL) {
        struct peer *peer = &sp->peers[note->from];
        if (note->is_wanting && !peer->is_wanting) sp->wanting_count += 1;
        if (!note->is_wanting && peer->is_wanting) sp->wanting_count -= 1;
        peer->is_wanting = note->is_wanting;
        peer->is_unsure = false;
        struct note heard = { 0 };
        /* Not heard for want of memory: it asks again with its next beat. */
        if (note->is_wanting) (void)send(sp, note->from, on_heard, &heard, (struct sk_str){ 0 });
    }
    sk_free(note);
}

void sk_stream_peers_listen(struct sk_stream_peers *sp, bool has_streams)
{
    struct note note = { .is_wanting = has_streams };
    bool is_change = sp->has_streams != has_streams;
    sp->has_streams = has_streams;
    for (uint32_t i = 0; i < sp->count; i++) {
        struct peer *peer = &sp->peers[i];
        if (i == sp->api->options.member) continue;
        if (is_change) peer->has_heard = false;
        bool is_due = has_streams ? !peer->has_heard : is_change || peer->is_untold;
        if (is_due) peer->is_untold = !send(sp, i, on_listening, &note, (struct sk_str){ 0 });
    }
}

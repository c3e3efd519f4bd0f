/*
 * stream.h: Server-Sent Events: a reply that goes on, as far as its client takes it.
 *
 *       begin ─► READING ─► SENDING ──all has left──► READING …      while there is more
 *                  │ nothing new                            │
 *                  └────────────► WAITING ──it concerns us──┘
 *
 *   T1  What is sent was read back from where it is kept; an event in memory only wakes. So a slow
 *       client costs nothing but its place, and nothing is lost, sent twice or sent too early.
 *   T2  At most one read and one page of a stream are in memory (PAGE_* in stream.c).
 *   T3  At most streams_max streams; the next is answered 429.
 *   T4  A client that has gone is noticed at once, or when it takes nothing for a minute.
 *   T5  A stream that cannot go on says why (event: error) and ends; its client resumes.
 *   T6  Events of all loops wake the streams of each (stream_peers.h).
 */
#ifndef SK_API_STREAM_H
#define SK_API_STREAM_H

#include "api/api_private.h"

/* A durable event, of whichever loop. */
struct sk_stream_news {
    uint32_t shard;
    struct sk_str saga, definition; /* the definition's id; no saga: anything of this shard */
};

struct sk_stream_source {
    /* Reads what comes next, puts it and calls sk_stream_page or sk_stream_finish; or fails the
     * exchange. Never called while a read is under way. */
    void (*read)(struct sk_exchange *x);
    /* This event has become durable: is there something to read? NULL = never. */
    bool (*concerns)(struct sk_exchange *x, const struct sk_stream_news *news);
    /* Appends where the stream stands, for the heartbeat; NULL = left out. */
    void (*cursor)(struct sk_exchange *x, struct sk_buf *out);
};

enum { SK_STREAM_PAGE_ROWS = 100, SK_STREAM_PAGE_BYTES = 256 * 1024 };

/* The client asks for a stream. */
bool sk_stream_is_wanted(struct sk_exchange *x);
/* Its Last-Event-ID; empty = none. */
struct sk_str sk_stream_last_id(struct sk_exchange *x);
/* Begins and reads; if there is no place or memory, the exchange is answered. */
void sk_stream_begin(struct sk_exchange *x, const struct sk_stream_source *source);
/* Appends one event to the page. `json` may span lines. */
void sk_stream_put(struct sk_exchange *x, struct sk_str id, struct sk_str json);
/* Sends the page. has_more: it reads again as soon as that has left; else when it is woken. */
void sk_stream_page(struct sk_exchange *x, bool has_more);
/* Sends the page and `event: end`, and ends. */
void sk_stream_finish(struct sk_exchange *x, const char *reason);
/* Sends `event: error` with a problem, and ends. */
void sk_stream_fail(struct sk_exchange *x, struct sk_str problem);
/* exchange.c: what the exchange holds of it. */
void sk_stream_release(struct sk_exchange *x);

/* All streams of the API. */
enum skald_status sk_streams_new(struct sk_api *api, struct sk_streams **out_streams);
/* stream_peers.c: what siblings have told; NULL: there are no siblings. */
struct sk_stream_peers *sk_streams_peers(const struct sk_api *api);
void sk_streams_hear(struct sk_api *api, const struct sk_stream_news *news);
void sk_streams_hear_observations(struct sk_api *api);
void sk_streams_hear_anything(struct sk_api *api);
/* A new observation stands in the ring. */
void sk_streams_wake_observers(struct sk_api *api);
uint32_t sk_streams_count(const struct sk_api *api);
/* No new ones; those that are there end, and their clients resume elsewhere. */
void sk_streams_stop(struct sk_api *api);
/* NULL is fine; the exchanges are freed already. */
void sk_streams_free(struct sk_streams *all);

#endif

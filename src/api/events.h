/* events.h: what a request for the events of all sagas holds; events.c only. */
#ifndef SK_API_EVENTS_H
#define SK_API_EVENTS_H

#include "api/feed.h"
#include "api/routes.h"
#include "base/time.h"
#include "core/event.h"

enum { SK_CURSOR_SIZE_MAX = 100000 };

struct sk_event_item {
    int64_t at_ms;
    uint32_t shard;
    uint64_t position;
    struct sk_str json;
};

struct sk_events {
    /* as asked */
    int64_t limit;
    struct sk_str cursor, types, saga, definition, from, to;
    /* as understood */
    bool has_types, is_from_now;
    bool is_wanted[SK_EVENT_TYPES_MAX]; /* by type, if has_types */
    int64_t from_ms, to_ms;
    struct sk_feed feed;
    /* under way */
    void (*begin)(struct sk_exchange *x);   /* once the cursor is known */
    void (*on_rows)(struct sk_exchange *x); /* x->rows are there, and their names known */
    uint32_t named_count;
    struct sk_event_item *items; /* of a page */
    uint32_t items_count, scanned;
};

#endif

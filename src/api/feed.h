/*
 * feed.h: how far somebody has read in the events of all shards. A cursor is that, as text that
 * only we understand: the store's incarnation and one position for each shard. Events that
 * retention removed are holes that nobody notices.
 */
#ifndef SK_API_FEED_H
#define SK_API_FEED_H

#include "base/arena.h"
#include "base/buf.h"

struct sk_feed {
    uint64_t incarnation;
    uint32_t shards_count;
    uint64_t *after; /* by shard: the position of the last event read */
    bool *has_news;  /* by shard: there may be more */
    uint32_t at;     /* the shard that is read next */
};

enum sk_feed_cursor {
    SK_FEED_OK,
    SK_FEED_BAD,    /* not one of ours */
    SK_FEED_FOREIGN /* of another store, or from before it was restored */
};

/* At the beginning of everything; false: out of memory. */
bool sk_feed_init(struct sk_feed *feed, struct sk_arena *arena, uint64_t incarnation,
                  uint32_t shards_count);
/* Appends the cursor: A-Z a-z 0-9 - _ */
void sk_feed_write(const struct sk_feed *feed, struct sk_buf *out);
enum sk_feed_cursor sk_feed_read(struct sk_feed *feed, struct sk_str cursor);
/* The next shard with news, from `at` on; false: none. */
bool sk_feed_turn(struct sk_feed *feed);

#endif

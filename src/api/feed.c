/* feed.c: see feed.h. The text is base64url of: version, incarnation, number of shards,
 * positions. */
#include "api/feed.h"

enum { VERSION = 1, SHARDS_MAX = 1 << 16 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void put_base64(struct sk_str bytes, struct sk_buf *out)
{
    uint32_t bits = 0, bits_count = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        bits = bits << 8 | (unsigned char)bytes.data[i];
        for (bits_count += 8; bits_count >= 6; bits_count -= 6) {
            sk_buf_append_char(out, alphabet[bits >> (bits_count - 6) & 63]);
        }
    }
    if (bits_count > 0) sk_buf_append_char(out, alphabet[bits << (6 - bits_count) & 63]);
}

static bool get_base64(struct sk_str text, struct sk_buf *out)
{
    uint32_t bits = 0, bits_count = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char *found = memchr(alphabet, text.data[i], sizeof alphabet - 1);
        if (found == NULL) return false;
        bits = bits << 6 | (uint32_t)(found - alphabet);
        bits_count += 6;
        if (bits_count < 8) continue;
        bits_count -= 8;
        sk_buf_append_char(out, (char)(bits >> bits_count & 255));
    }
    return !out->failed;
}

bool sk_feed_init(struct sk_feed *feed, struct sk_arena *arena, uint64_t incarnation,
                  uint32_t shards_count)
{
    *feed = (struct sk_feed){ .incarnation = incarnation,
                              .shards_count = shards_count,
                              .after = SK_ARENA_ARRAY(arena, uint64_t, shards_count + 1),
                              .has_news = SK_ARENA_ARRAY(arena, bool, shards_count + 1) };
    if (feed->after == NULL || feed->has_news == NULL) return false;
    for (uint32_t i = 0; i < shards_count; i++) feed->has_news[i] = true;
    return true;
}

void sk_feed_write(const struct sk_feed *feed, struct sk_buf *out)
{
    struct sk_buf bytes = { 0 };
    sk_put_u64(&bytes, VERSION);
    sk_put_u64(&bytes, feed->incarnation);
    sk_put_u64(&bytes, feed->shards_count);
    for (uint32_t i = 0; i < feed->shards_count; i++) sk_put_u64(&bytes, feed->after[i]);
    put_base64(sk_buf_view(&bytes), out);
    if (bytes.failed) out->failed = true;
    sk_buf_release(&bytes);
}

static enum sk_feed_cursor read_bytes(struct sk_feed *feed, struct sk_str bytes)
{
    struct sk_reader reader = sk_reader_of(bytes);
    if (sk_get_u64(&reader) != VERSION) return SK_FEED_BAD;
    uint64_t incarnation = sk_get_u64(&reader), count = sk_get_u64(&reader);
    if (reader.bad || count > SHARDS_MAX) return SK_FEED_BAD;
    if (incarnation != feed->incarnation || count != feed->shards_count) return SK_FEED_FOREIGN;
    for (uint32_t i = 0; i < count; i++) feed->after[i] = sk_get_u64(&reader);
    return reader.bad || reader.at != reader.end ? SK_FEED_BAD : SK_FEED_OK;
}

enum sk_feed_cursor sk_feed_read(struct sk_feed *feed, struct sk_str cursor)
{
    struct sk_buf bytes = { 0 };
    bool is_text = get_base64(cursor, &bytes);
    enum sk_feed_cursor result = is_text ? read_bytes(feed, sk_buf_view(&bytes)) : SK_FEED_BAD;
    sk_buf_release(&bytes);
    return result;
}

bool sk_feed_turn(struct sk_feed *feed)
{
    for (uint32_t i = 0; i < feed->shards_count; i++) {
        uint32_t shard = (feed->at + i) % feed->shards_count;
        if (!feed->has_news[shard]) continue;
        feed->at = shard;
        return true;
    }
    return false;
}

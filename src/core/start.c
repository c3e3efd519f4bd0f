/* start.c: the stored form of a start record: what saga.accepted fixes for ever. The input is not
 * in it: it is the event's body. Version byte first, so that fields can follow. */
#include "core/saga.h"

#include "base/limits.h"

enum { START_VERSION = 1 };

static void put_digest(struct sk_buf *out, const struct sk_digest *digest)
{
    sk_buf_append(out, digest->bytes, sizeof digest->bytes);
}

static void put_list(struct sk_buf *out, const struct sk_str *items, uint32_t count)
{
    sk_put_u64(out, count);
    for (uint32_t i = 0; i < count; i++) sk_put_str(out, items[i]);
}

static bool is_zero(const struct sk_digest *digest)
{
    static const struct sk_digest zero;
    return sk_digest_equal(digest, &zero);
}

static void put_children(struct sk_buf *out, const struct sk_start *start)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < start->children_count; i++) used += !is_zero(&start->children[i]);
    sk_put_u64(out, used == 0 ? 0 : start->children_count);
    sk_put_u64(out, used);
    for (uint32_t i = 0; i < start->children_count; i++) {
        if (is_zero(&start->children[i])) continue;
        sk_put_u64(out, i);
        put_digest(out, &start->children[i]);
    }
}

void sk_start_encode(const struct sk_start *start, struct sk_buf *out)
{
    sk_buf_append_char(out, START_VERSION);
    sk_put_str(out, start->id);
    sk_put_str(out, start->space);
    sk_put_str(out, start->context);
    sk_put_str(out, start->business_key);
    sk_put_str(out, start->attributes);
    sk_put_str(out, start->tags);
    sk_put_str(out, start->start_key);
    put_digest(out, &start->definition);
    put_digest(out, &start->request_digest);
    sk_put_i64(out, start->timeout_ms);
    sk_put_i64(out, start->acquire_timeout_ms);
    sk_put_u64(out, start->max_attempts);
    sk_put_i64(out, start->priority);
    put_list(out, start->lock_keys, start->lock_keys_count);
    put_list(out, start->inherited_keys, start->inherited_keys_count);
    sk_put_str(out, start->parent);
    sk_put_u64(out, start->parent_step);
    sk_put_i64(out, start->parent_item);
    sk_put_u64(out, start->parent_round);
    sk_put_u64(out, start->depth);
    put_children(out, start);
}

static void get_digest(struct sk_reader *reader, struct sk_digest *out)
{
    if ((size_t)(reader->end - reader->at) < sizeof out->bytes) {
        reader->bad = true;
        return;
    }
    memcpy(out->bytes, reader->at, sizeof out->bytes);
    reader->at += sizeof out->bytes;
}

static uint32_t get_list(struct sk_reader *reader, struct sk_arena *arena,
                         const struct sk_str **out_items)
{
    uint64_t count = sk_get_u64(reader);
    if (count > SK_LOCK_KEYS_MAX * SK_CHILD_DEPTH_MAX) reader->bad = true;
    if (reader->bad || count == 0) return 0;
    struct sk_str *items = SK_ARENA_ARRAY(arena, struct sk_str, count);
    for (uint64_t i = 0; items != NULL && i < count; i++) items[i] = sk_get_str(reader);
    *out_items = items;
    return items == NULL ? 0 : (uint32_t)count;
}

static void get_children(struct sk_reader *reader, struct sk_arena *arena, struct sk_start *start)
{
    uint64_t count = sk_get_u64(reader);
    uint64_t used = sk_get_u64(reader);
    if (count > SK_STEPS_MAX || used > count) reader->bad = true;
    if (reader->bad || count == 0) return;
    struct sk_digest *children = SK_ARENA_ARRAY(arena, struct sk_digest, count);
    for (uint64_t i = 0; children != NULL && i < used; i++) {
        uint64_t step = sk_get_u64(reader);
        struct sk_digest digest = { { 0 } };
        get_digest(reader, &digest);
        if (step >= count) reader->bad = true;
        if (reader->bad) return;
        children[step] = digest;
    }
    start->children = children;
    start->children_count = children == NULL ? 0 : (uint32_t)count;
}

bool sk_start_decode(struct sk_str bytes, struct sk_arena *arena, struct sk_start *out_start)
{
    if (bytes.size == 0 || bytes.data[0] != START_VERSION) return false;
    struct sk_reader reader = sk_reader_of(sk_str_sub(bytes, 1, bytes.size - 1));
    struct sk_start start = { 0 };
    start.id = sk_get_str(&reader);
    start.space = sk_get_str(&reader);
    start.context = sk_get_str(&reader);
    start.business_key = sk_get_str(&reader);
    start.attributes = sk_get_str(&reader);
    start.tags = sk_get_str(&reader);
    start.start_key = sk_get_str(&reader);
    get_digest(&reader, &start.definition);
    get_digest(&reader, &start.request_digest);
    start.timeout_ms = sk_get_i64(&reader);
    start.acquire_timeout_ms = sk_get_i64(&reader);
    start.max_attempts = (uint32_t)sk_get_u64(&reader);
    start.priority = (int32_t)sk_get_i64(&reader);
    start.lock_keys_count = get_list(&reader, arena, &start.lock_keys);
    start.inherited_keys_count = get_list(&reader, arena, &start.inherited_keys);
    start.parent = sk_get_str(&reader);
    start.parent_step = (uint32_t)sk_get_u64(&reader);
    start.parent_item = (int32_t)sk_get_i64(&reader);
    start.parent_round = (uint32_t)sk_get_u64(&reader);
    start.depth = (uint32_t)sk_get_u64(&reader);
    get_children(&reader, arena, &start);
    if (reader.bad || reader.at != reader.end || arena->failed) return false;
    *out_start = start;
    return true;
}

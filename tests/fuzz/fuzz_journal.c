/*
 * fuzz_journal.c: the bytes of the store's journal (store/journal/record.h). The first byte says
 * what follows: a segment's header, records one behind the other, or the payload of a part, a lease
 * or a definition.
 *
 *   1  Bytes are what they should be, or are not taken; never more than there are.
 *   2  What was read is written as bytes that are read as the same, and written again alike.
 *   3  A payload that is made a record comes back as it was; with a bit turned it does not.
 */
#include "fuzz.h"

#ifdef SK_WITH_JOURNAL
#include "store/journal/record.h"

typedef bool again_fn(struct sk_str payload, struct sk_arena *arena, struct sk_buf *out);

static bool part_again(struct sk_str payload, struct sk_arena *arena, struct sk_buf *out)
{
    struct sk_part part = { .shard = 0 };
    if (!sk_record_get_part(payload, arena, &part)) return false;
    sk_record_put_part(out, &part);
    return true;
}

static bool lease_again(struct sk_str payload, struct sk_arena *arena, struct sk_buf *out)
{
    struct sk_shard_row row = { .shard = 0 };
    (void)arena;
    if (!sk_record_get_lease(payload, &row)) return false;
    sk_record_put_lease(out, &row);
    return true;
}

static bool definition_again(struct sk_str payload, struct sk_arena *arena, struct sk_buf *out)
{
    struct sk_definition_row row = { .is_latest = false };
    bool keeps_latest = false;
    (void)arena;
    if (!sk_record_get_definition(payload, &row, &keeps_latest)) return false;
    sk_record_put_definition(out, &row, keeps_latest);
    return true;
}

static void check_record(struct sk_str payload, enum sk_record_type type)
{
    struct sk_buf bytes;
    struct sk_record record;
    size_t needed = 0;
    sk_buf_init(&bytes, 0);
    size_t begin = sk_record_begin(&bytes);
    sk_buf_append_str(&bytes, payload);
    uint64_t hash = sk_record_end(&bytes, begin, type, 7, 5, 3);
    FUZZ_CHECK(bytes.size == sk_record_size(payload.size), "%zu bytes", bytes.size);
    enum sk_record_end end = sk_record_get(sk_buf_view(&bytes), &record, &needed);
    FUZZ_CHECK(end == SK_RECORD_WHOLE && record.type == type && record.number == 7 &&
                   record.group == 5 && record.prev == 3 && record.hash == hash &&
                   sk_str_equal(record.payload, payload),
               "another record");
    if (payload.size > 0) {
        bytes.data[SK_RECORD_HEADER_SIZE + payload.size / 2] ^= 16;
        end = sk_record_get(sk_buf_view(&bytes), &record, &needed);
        FUZZ_CHECK(end == SK_RECORD_NONE, "a bit was turned");
    }
    sk_buf_release(&bytes);
}

static void check_payload(struct sk_str payload, enum sk_record_type type, again_fn *again)
{
    struct sk_arena arena;
    struct sk_buf once, twice;
    sk_arena_init(&arena);
    sk_buf_init(&once, 0);
    sk_buf_init(&twice, 0);
    check_record(payload, type);
    if (again(payload, &arena, &once)) {
        FUZZ_CHECK(again(sk_buf_view(&once), &arena, &twice), "its own bytes");
        FUZZ_CHECK(sk_str_equal(sk_buf_view(&once), sk_buf_view(&twice)), "other bytes");
    }
    FUZZ_CHECK(!arena.failed && !once.failed && !twice.failed, "memory");
    sk_buf_release(&once);
    sk_buf_release(&twice);
    sk_arena_release(&arena);
}

static void check_segment(struct sk_str bytes)
{
    struct sk_segment_header header;
    uint8_t raw[SK_SEGMENT_HEADER_SIZE] = { 0 }, again[SK_SEGMENT_HEADER_SIZE];
    skald_error error = { 0 };
    size_t size = bytes.size < sizeof raw ? bytes.size : sizeof raw;
    if (size > 0) memcpy(raw, bytes.data, size);
    enum skald_status status = sk_segment_header_get(raw, &header, &error);
    if (status != SKALD_OK) return;
    sk_segment_header_put(&header, again);
    FUZZ_CHECK(memcmp(raw, again, sizeof raw) == 0, "another header");
}

static void check_records(struct sk_str bytes)
{
    struct sk_record record;
    size_t needed = 0;
    while (bytes.size > 0) {
        enum sk_record_end end = sk_record_get(bytes, &record, &needed);
        if (end == SK_RECORD_SHORT) FUZZ_CHECK(needed > bytes.size, "%zu are there", bytes.size);
        if (end != SK_RECORD_WHOLE) return;
        size_t size = sk_record_size(record.payload.size);
        FUZZ_CHECK(size <= bytes.size, "%zu of %zu bytes", size, bytes.size);
        bytes = sk_str_sub(bytes, size, bytes.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes bytes = { data, size };
    uint32_t kind = fuzz_below(&bytes, 5);
    struct sk_str rest = fuzz_take(&bytes, bytes.left);
    switch (kind) {
    case 0: check_segment(rest); break;
    case 1: check_records(rest); break;
    case 2: check_payload(rest, SK_RECORD_PART, part_again); break;
    case 3: check_payload(rest, SK_RECORD_TAKE, lease_again); break;
    default: check_payload(rest, SK_RECORD_DEFINE, definition_again); break;
    }
    return 0;
}
#else
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
    return 0; /* there is no journal in this build */
}
#endif

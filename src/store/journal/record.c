/* record.c: headers of segments and records (see record.h; payloads are in payload.c). */
#include "store/journal/record.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

static const char magic[8] = { 'S', 'K', 'L', 'D', 'L', 'O', 'G', '\n' };

/* Where the fields stand. */
enum { HASH = 0, SIZE = 8, TYPE = 12, NUMBER = 16, GROUP = 24, PREV = 32 };
enum { VERSION = 8, INCARNATION = 16, FIRST = 24, BEFORE = 32, HEADER_HASH = 56 };

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static void put_u64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *at)
{
    uint32_t value = 0;
    for (int i = 3; i >= 0; i--) value = value << 8 | at[i];
    return value;
}

static uint64_t get_u64(const uint8_t *at)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) value = value << 8 | at[i];
    return value;
}

/* ---- segments -------------------------------------------------------------------------------- */

void sk_segment_header_put(const struct sk_segment_header *header,
                           uint8_t out[SK_SEGMENT_HEADER_SIZE])
{
    memset(out, 0, SK_SEGMENT_HEADER_SIZE);
    memcpy(out, magic, sizeof magic);
    put_u32(out + VERSION, SK_JOURNAL_VERSION);
    put_u64(out + INCARNATION, header->incarnation);
    put_u64(out + FIRST, header->first);
    put_u64(out + BEFORE, header->prev);
    put_u64(out + HEADER_HASH, XXH3_64bits(out, HEADER_HASH));
}

enum skald_status sk_segment_header_get(const uint8_t bytes[SK_SEGMENT_HEADER_SIZE],
                                        struct sk_segment_header *out_header, skald_error *error)
{
    if (memcmp(bytes, magic, sizeof magic) != 0)
        return sk_error_set(error, SKALD_E_CORRUPT, "is no segment of a journal");
    if (get_u64(bytes + HEADER_HASH) != XXH3_64bits(bytes, HEADER_HASH))
        return sk_error_set(error, SKALD_E_CORRUPT, "its header is damaged");
    uint32_t version = get_u32(bytes + VERSION);
    if (version > SK_JOURNAL_VERSION)
        return sk_error_set(error, SKALD_E_VERSION,
                            "written with version %u of the journal; this build knows up to %d",
                            version, SK_JOURNAL_VERSION);
    out_header->incarnation = get_u64(bytes + INCARNATION);
    out_header->first = get_u64(bytes + FIRST);
    out_header->prev = get_u64(bytes + BEFORE);
    return SKALD_OK;
}

/* ---- records --------------------------------------------------------------------------------- */

size_t sk_record_size(size_t payload_size)
{
    return (SK_RECORD_HEADER_SIZE + payload_size + 7) / 8 * 8;
}

size_t sk_record_begin(struct sk_buf *buf)
{
    static const uint8_t nothing[SK_RECORD_HEADER_SIZE] = { 0 };
    size_t begin = buf->size;
    sk_buf_append(buf, nothing, sizeof nothing);
    return begin;
}

uint64_t sk_record_end(struct sk_buf *buf, size_t begin, enum sk_record_type type, uint64_t number,
                       uint64_t group, uint64_t prev)
{
    static const uint8_t zeros[8] = { 0 };
    if (buf->failed) return 0;
    size_t size = buf->size - begin - SK_RECORD_HEADER_SIZE;
    sk_buf_append(buf, zeros, sk_record_size(size) - SK_RECORD_HEADER_SIZE - size);
    if (buf->failed) return 0;
    uint8_t *header = (uint8_t *)buf->data + begin;
    put_u32(header + SIZE, (uint32_t)size);
    put_u32(header + TYPE, (uint32_t)type);
    put_u64(header + NUMBER, number);
    put_u64(header + GROUP, group);
    put_u64(header + PREV, prev);
    uint64_t hash = XXH3_64bits(header + SIZE, SK_RECORD_HEADER_SIZE - SIZE + size);
    put_u64(header + HASH, hash);
    return hash;
}

enum sk_record_end sk_record_get(struct sk_str bytes, struct sk_record *out_record,
                                 size_t *out_needed)
{
    *out_needed = SK_RECORD_HEADER_SIZE;
    if (bytes.size < SK_RECORD_HEADER_SIZE) return SK_RECORD_SHORT;
    const uint8_t *header = (const uint8_t *)bytes.data;
    uint32_t size = get_u32(header + SIZE), type = get_u32(header + TYPE);
    if (size > SK_RECORD_SIZE_MAX || type < SK_RECORD_PART || type > SK_RECORD_DEFINE)
        return SK_RECORD_NONE;
    *out_needed = sk_record_size(size);
    if (bytes.size < *out_needed) return SK_RECORD_SHORT;
    out_record->hash = get_u64(header + HASH);
    if (out_record->hash != XXH3_64bits(header + SIZE, SK_RECORD_HEADER_SIZE - SIZE + size))
        return SK_RECORD_NONE;
    out_record->type = (enum sk_record_type)type;
    out_record->number = get_u64(header + NUMBER);
    out_record->group = get_u64(header + GROUP);
    out_record->prev = get_u64(header + PREV);
    out_record->payload = (struct sk_str){ bytes.data + SK_RECORD_HEADER_SIZE, size };
    return SK_RECORD_WHOLE;
}

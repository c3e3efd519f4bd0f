/*
 * log_scan.c: reads a whole log and judges where it ends: at a write that a crash cut, or at damage
 * (J3).
 */
#include "store/journal/log_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sk_segment_name(uint64_t first, char out[SEGMENT_NAME_SIZE])
{
    (void)snprintf(out, SEGMENT_NAME_SIZE, "%016" PRIx64 ".log", first);
}

/* ---- which segments there are ---------------------------------------------------------------- */

static bool read_name(const char *name, uint64_t *out_first)
{
    char again[SEGMENT_NAME_SIZE];
    char *end = NULL;
    *out_first = strtoull(name, &end, 16);
    sk_segment_name(*out_first, again);
    return strcmp(name, again) == 0;
}

static int compare_segments(const void *a, const void *b)
{
    const struct segment *left = a, *right = b;
    return (left->first > right->first) - (left->first < right->first);
}

enum skald_status sk_log_find_segments(struct scan *scan, skald_error *error)
{
    const char *const *names = NULL;
    uint32_t count = 0;
    enum skald_status status =
        scan->disk->ops->list(scan->disk, &scan->arena, &names, &count, error);
    if (status != SKALD_OK) return status;
    scan->segments = SK_ARENA_ARRAY(&scan->arena, struct segment, count + 1);
    if (scan->segments == NULL) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    for (uint32_t i = 0; i < count; i++) {
        uint64_t first = 0;
        if (strcmp(names[i], SPARE_NAME) == 0) scan->has_spare = true;
        if (read_name(names[i], &first)) scan->segments[scan->segments_count++].first = first;
    }
    if (scan->segments_count > 0)
        qsort(scan->segments, scan->segments_count, sizeof *scan->segments, compare_segments);
    return SKALD_OK;
}

static enum skald_status load(struct scan *scan, const char *name, struct sk_buf *out,
                              skald_error *error)
{
    struct sk_disk *disk = scan->disk;
    int file = -1;
    uint64_t size = 0;
    enum skald_status status = disk->ops->open(disk, name, false, &file, error);
    if (status != SKALD_OK) return status;
    sk_buf_clear(out);
    status = disk->ops->size(disk, file, &size, error);
    char *room = status == SKALD_OK && size > 0 ? sk_buf_reserve(out, size) : NULL;
    if (status == SKALD_OK && size > 0 && room == NULL)
        status = sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    size_t got = 0;
    if (room != NULL) status = disk->ops->read(disk, file, 0, room, size, &got, error);
    disk->ops->close(disk, file);
    out->size += got;
    return status;
}

/* ---- one segment ----------------------------------------------------------------------------- */

/* A whole record that was written when number `number` was durable already. */
static bool is_followed(struct sk_str bytes, size_t from, uint64_t number)
{
    struct sk_record record;
    size_t needed = 0;
    for (size_t at = from; at + SK_RECORD_HEADER_SIZE <= bytes.size; at += 8) {
        struct sk_str rest = { bytes.data + at, bytes.size - at };
        if (sk_record_get(rest, &record, &needed) != SK_RECORD_WHOLE) continue;
        if (record.number > number && record.group > number) return true;
    }
    return false;
}

/* `limit` as in read_records. */
static enum skald_status damage(const char *name, uint64_t number, size_t offset, uint64_t limit,
                                skald_error *error)
{
    char next[SEGMENT_NAME_SIZE];
    if (limit == UINT64_MAX)
        return sk_error_set(error, SKALD_E_CORRUPT,
                            "record %" PRIu64 " in segment %s at byte %zu is damaged; restore a "
                            "copy",
                            number, name, offset);
    sk_segment_name(limit, next);
    return sk_error_set(error, SKALD_E_CORRUPT,
                        "record %" PRIu64 " in segment %s at byte %zu is damaged, or a segment is "
                        "missing between it and %s; restore a copy",
                        number, name, offset, next);
}

/* The records below `limit`, which is the first of the next segment (UINT64_MAX: there is none). */
static enum skald_status read_records(struct scan *scan, const char *name, struct sk_str bytes,
                                      uint64_t limit, uint64_t *out_bytes, skald_error *error)
{
    size_t at = SK_SEGMENT_HEADER_SIZE;
    *out_bytes = at;
    while (scan->next < limit) {
        struct sk_record record;
        size_t needed = 0;
        struct sk_str rest = { bytes.data + at, bytes.size - at };
        bool is_next = sk_record_get(rest, &record, &needed) == SK_RECORD_WHOLE &&
                       record.number == scan->next && record.prev == scan->prev;
        if (!is_next) {
            bool is_cut = limit == UINT64_MAX && !is_followed(bytes, at, scan->next);
            return is_cut ? SKALD_OK : damage(name, scan->next, at, limit, error);
        }
        enum skald_status status =
            scan->fn == NULL ? SKALD_OK : scan->fn(scan->context, &record, error);
        if (status != SKALD_OK) return status;
        scan->next = record.number + 1;
        scan->prev = record.hash;
        at += needed;
        *out_bytes = at;
    }
    return SKALD_OK;
}

static enum skald_status read_header(struct scan *scan, uint32_t index, struct sk_str bytes,
                                     skald_error *error)
{
    struct sk_segment_header header;
    if (bytes.size < SK_SEGMENT_HEADER_SIZE)
        return sk_error_set(error, SKALD_E_CORRUPT, "is cut off; restore a copy");
    enum skald_status status = sk_segment_header_get((const uint8_t *)bytes.data, &header, error);
    if (status != SKALD_OK) return status;
    if (scan->incarnation == 0) scan->incarnation = header.incarnation;
    if (header.incarnation != scan->incarnation)
        return sk_error_set(error, SKALD_E_CORRUPT, "belongs to another store");
    if (header.first != scan->segments[index].first)
        return sk_error_set(error, SKALD_E_CORRUPT,
                            "begins with record %" PRIu64 ": it has been renamed", header.first);
    if (index == 0) {
        scan->next = header.first;
        scan->prev = header.prev;
    }
    if (header.first != scan->next)
        return sk_error_set(error, SKALD_E_CORRUPT,
                            "begins with record %" PRIu64 ", but record %" PRIu64 " comes next: a "
                            "segment is missing; restore a copy",
                            header.first, scan->next);
    if (header.prev != scan->prev)
        return sk_error_set(error, SKALD_E_CORRUPT,
                            "does not follow the segment before it; restore a copy");
    return SKALD_OK;
}

enum skald_status sk_log_scan_segment(struct scan *scan, uint32_t index, struct sk_buf *bytes,
                                      skald_error *error)
{
    char name[SEGMENT_NAME_SIZE];
    struct segment *segment = &scan->segments[index];
    bool is_last = index + 1 == scan->segments_count;
    uint64_t limit = is_last ? UINT64_MAX : scan->segments[index + 1].first;
    sk_segment_name(segment->first, name);
    enum skald_status status = load(scan, name, bytes, error);
    if (status == SKALD_OK) status = read_header(scan, index, sk_buf_view(bytes), error);
    if (status == SKALD_E_CORRUPT || status == SKALD_E_VERSION)
        sk_error_wrap(error, "segment %s", name);
    if (status == SKALD_OK)
        status = read_records(scan, name, sk_buf_view(bytes), limit, &segment->bytes, error);
    segment->end = scan->next;
    return status;
}

enum skald_status sk_log_scan(struct scan *scan, skald_error *error)
{
    struct sk_buf bytes = { 0 };
    enum skald_status status = sk_log_find_segments(scan, error);
    for (uint32_t i = 0; i < scan->segments_count && status == SKALD_OK; i++)
        status = sk_log_scan_segment(scan, i, &bytes, error);
    sk_buf_release(&bytes);
    return status;
}

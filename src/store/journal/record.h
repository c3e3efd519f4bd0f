/*
 * record.h: the bytes of the journal, and nothing but bytes. docs/internals/journal.md describes
 * them one by one; tests/store/test_journal_format.c holds golden files. Little-endian throughout.
 *
 *   segment = header (64 bytes), records one behind the other, anything
 *   record  = header (40 bytes), payload, zeros up to a multiple of 8
 *
 *   J1  A record's hash is XXH3-64 over all its bytes behind the hash. They hold `prev`, the hash
 *       of the record before it: what a record follows is part of what it is.
 *   J2  Numbers count up by one over all segments. `group` is the number of the first record that
 *       was written together with this one: when it was written all below `group` was durable.
 *   J3  The log ends before the first record that is not there, is not whole, has another number or
 *       follows another record than the one before it. If a whole record of a later group stands
 *       behind that place, something durable was damaged (J2); else it is a write that a crash cut.
 */
#ifndef SK_STORE_JOURNAL_RECORD_H
#define SK_STORE_JOURNAL_RECORD_H

#include "base/buf.h"
#include "store/store.h"

enum {
    SK_JOURNAL_VERSION = 1,
    SK_SEGMENT_HEADER_SIZE = 64,
    SK_RECORD_HEADER_SIZE = 40,
    SK_RECORD_SIZE_MAX = 1 << 30,
};

struct sk_segment_header {
    uint64_t incarnation; /* of the store: segments of another one are recognised */
    uint64_t first;       /* number of its first record */
    uint64_t prev;        /* hash of the record before that; 0 = none */
};

void sk_segment_header_put(const struct sk_segment_header *header,
                           uint8_t out[SK_SEGMENT_HEADER_SIZE]);
/* CORRUPT, or VERSION for one of a newer build. */
enum skald_status sk_segment_header_get(const uint8_t bytes[SK_SEGMENT_HEADER_SIZE],
                                        struct sk_segment_header *out_header, skald_error *error);

enum sk_record_type {
    SK_RECORD_PART = 1,
    SK_RECORD_TAKE = 2,   /* shard, epoch, owner, expires_at */
    SK_RECORD_RENEW = 3,  /* the same; epoch as it was */
    SK_RECORD_DEFINE = 4, /* keep_latest, the definition's row */
};

struct sk_record {
    enum sk_record_type type;
    uint64_t number, group, prev, hash;
    struct sk_str payload;
};

/* The size of a record with such a payload, padding included. */
size_t sk_record_size(size_t payload_size);
/* Begins a record behind what `buf` holds; the payload is appended next, then end. Returns where it
 * begins. */
size_t sk_record_begin(struct sk_buf *buf);
/* Fills the header in and pads; returns the record's hash (0 when the buffer failed). */
uint64_t sk_record_end(struct sk_buf *buf, size_t begin, enum sk_record_type type, uint64_t number,
                       uint64_t group, uint64_t prev);

enum sk_record_end {
    SK_RECORD_WHOLE,
    SK_RECORD_SHORT, /* the bytes end too early: `needed` says how many there must be */
    SK_RECORD_NONE   /* no record: zeros, or damage */
};
/* Reads the record that begins at `bytes`; spans are borrowed. */
enum sk_record_end sk_record_get(struct sk_str bytes, struct sk_record *out_record,
                                 size_t *out_needed);

/* ---- payloads -------------------------------------------------------------------------------- */

void sk_record_put_part(struct sk_buf *buf, const struct sk_part *part);
/* Arrays in `arena`, texts borrowed from the payload. False: not a part's payload, or no memory
 * (arena->failed). */
bool sk_record_get_part(struct sk_str payload, struct sk_arena *arena, struct sk_part *out_part);
void sk_record_put_lease(struct sk_buf *buf, const struct sk_shard_row *row);
bool sk_record_get_lease(struct sk_str payload, struct sk_shard_row *out_row);
void sk_record_put_definition(struct sk_buf *buf, const struct sk_definition_row *row,
                              bool keep_latest);
bool sk_record_get_definition(struct sk_str payload, struct sk_definition_row *out_row,
                              bool *out_keep_latest);

#endif

/*
 * payload.c: rows as bytes. A row's fields stand in the order of store.h; a list is its count and
 * its rows. What a part needs not is not there: result, message, the shard of its heads, positions.
 */
#include "store/journal/record.h"

#include <string.h>

/* ---- writing --------------------------------------------------------------------------------- */

static void put_event(struct sk_buf *buf, const void *any)
{
    const struct sk_event_row *row = any;
    sk_put_u64(buf, row->no);
    sk_put_u64(buf, row->seq);
    sk_put_i64(buf, row->at_ms);
    sk_put_u64(buf, row->type);
    sk_put_u64(buf, row->step);
    sk_put_i64(buf, row->item);
    sk_put_u64(buf, row->attempt);
    sk_put_u64(buf, row->round);
    sk_put_str(buf, row->data);
}

static void put_head(struct sk_buf *buf, const void *any)
{
    const struct sk_head *head = any;
    uint64_t flags = (head->has_residue ? 1u : 0u) | (head->is_lock ? 2u : 0u);
    sk_put_u64(buf, head->no);
    sk_put_str(buf, head->id);
    sk_put_str(buf, head->space);
    sk_buf_append(buf, head->definition.bytes, SK_DIGEST_SIZE);
    sk_put_u64(buf, head->state);
    sk_put_u64(buf, head->reason);
    sk_put_u64(buf, flags);
    sk_put_u64(buf, head->open);
    sk_put_i64(buf, head->priority);
    sk_put_i64(buf, head->wake_at_ms);
    sk_put_i64(buf, head->deadline_ms);
    sk_put_str(buf, head->business_key);
    sk_put_str(buf, head->parent);
    sk_put_u64(buf, head->seq);
    sk_put_i64(buf, head->created_at_ms);
    sk_put_i64(buf, head->updated_at_ms);
    sk_put_i64(buf, head->ended_at_ms);
}

static void put_key(struct sk_buf *buf, const void *any)
{
    const struct sk_start_key_row *row = any;
    sk_put_str(buf, row->key);
    sk_put_str(buf, row->saga_id);
    sk_buf_append(buf, row->digest.bytes, SK_DIGEST_SIZE);
    sk_put_i64(buf, row->expires_at_ms);
}

static void put_tag(struct sk_buf *buf, const void *any)
{
    const struct sk_tag_row *row = any;
    sk_put_str(buf, row->key);
    sk_put_str(buf, row->value);
    sk_put_u64(buf, row->no);
}

static void put_tally(struct sk_buf *buf, const void *any)
{
    const struct sk_tally_row *row = any;
    sk_buf_append(buf, row->definition.bytes, SK_DIGEST_SIZE);
    sk_put_u64(buf, row->state);
    sk_put_i64(buf, row->n);
}

static void put_message(struct sk_buf *buf, const void *any)
{
    const struct sk_message_row *row = any;
    sk_put_str(buf, row->id);
    sk_put_u64(buf, row->to_shard);
    sk_put_u64(buf, row->kind);
    sk_put_str(buf, row->target);
    sk_put_str(buf, row->body);
}

static void put_consumed(struct sk_buf *buf, const void *any)
{
    const struct sk_consumed_row *row = any;
    sk_put_str(buf, row->id);
    sk_put_u64(buf, row->from_shard);
}

static void put_letter(struct sk_buf *buf, const void *any)
{
    const struct sk_dead_letter_row *row = any;
    sk_put_str(buf, row->id);
    sk_put_u64(buf, row->no);
    sk_put_u64(buf, row->seq);
    sk_put_i64(buf, row->at_ms);
    sk_put_str(buf, row->body);
}

static void put_cursor(struct sk_buf *buf, const void *any)
{
    const struct sk_cursor_row *row = any;
    sk_put_str(buf, row->name);
    sk_put_u64(buf, row->position);
}

static void put_record(struct sk_buf *buf, const void *any)
{
    const struct sk_record_row *row = any;
    sk_put_u64(buf, (uint64_t)row->kind);
    sk_put_str(buf, row->id);
    sk_put_str(buf, row->body);
    sk_put_u64(buf, row->is_gone ? 1 : 0);
}

static void put_trim(struct sk_buf *buf, const void *any)
{
    const struct sk_trim_row *row = any;
    sk_put_u64(buf, row->no);
    sk_put_u64(buf, row->below_seq);
}

static void put_name(struct sk_buf *buf, const void *any)
{
    const struct sk_str *name = any;
    sk_put_str(buf, *name);
}

static void put_no(struct sk_buf *buf, const void *any)
{
    const uint64_t *no = any;
    sk_put_u64(buf, *no);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void get_bytes(struct sk_reader *r, void *out, size_t size)
{
    if (r->bad || (size_t)(r->end - r->at) < size) {
        r->bad = true;
        return;
    }
    memcpy(out, r->at, size);
    r->at += size;
}

static void get_event(struct sk_reader *r, void *any)
{
    struct sk_event_row *row = any;
    row->no = sk_get_u64(r);
    row->seq = sk_get_u64(r);
    row->at_ms = sk_get_i64(r);
    row->type = (uint32_t)sk_get_u64(r);
    row->step = (uint32_t)sk_get_u64(r);
    row->item = (int32_t)sk_get_i64(r);
    row->attempt = (uint32_t)sk_get_u64(r);
    row->round = (uint32_t)sk_get_u64(r);
    row->data = sk_get_str(r);
}

static void get_head(struct sk_reader *r, void *any)
{
    struct sk_head *head = any;
    head->no = sk_get_u64(r);
    head->id = sk_get_str(r);
    head->space = sk_get_str(r);
    get_bytes(r, head->definition.bytes, SK_DIGEST_SIZE);
    head->state = (uint8_t)sk_get_u64(r);
    head->reason = (uint8_t)sk_get_u64(r);
    uint64_t flags = sk_get_u64(r);
    head->has_residue = (flags & 1u) != 0;
    head->is_lock = (flags & 2u) != 0;
    head->open = (uint32_t)sk_get_u64(r);
    head->priority = (int32_t)sk_get_i64(r);
    head->wake_at_ms = sk_get_i64(r);
    head->deadline_ms = sk_get_i64(r);
    head->business_key = sk_get_str(r);
    head->parent = sk_get_str(r);
    head->seq = sk_get_u64(r);
    head->created_at_ms = sk_get_i64(r);
    head->updated_at_ms = sk_get_i64(r);
    head->ended_at_ms = sk_get_i64(r);
}

static void get_key(struct sk_reader *r, void *any)
{
    struct sk_start_key_row *row = any;
    row->key = sk_get_str(r);
    row->saga_id = sk_get_str(r);
    get_bytes(r, row->digest.bytes, SK_DIGEST_SIZE);
    row->expires_at_ms = sk_get_i64(r);
}

static void get_tag(struct sk_reader *r, void *any)
{
    struct sk_tag_row *row = any;
    row->key = sk_get_str(r);
    row->value = sk_get_str(r);
    row->no = sk_get_u64(r);
}

static void get_tally(struct sk_reader *r, void *any)
{
    struct sk_tally_row *row = any;
    get_bytes(r, row->definition.bytes, SK_DIGEST_SIZE);
    row->state = (uint8_t)sk_get_u64(r);
    row->n = sk_get_i64(r);
}

static void get_message(struct sk_reader *r, void *any)
{
    struct sk_message_row *row = any;
    row->id = sk_get_str(r);
    row->to_shard = (uint32_t)sk_get_u64(r);
    row->kind = (uint8_t)sk_get_u64(r);
    row->target = sk_get_str(r);
    row->body = sk_get_str(r);
}

static void get_consumed(struct sk_reader *r, void *any)
{
    struct sk_consumed_row *row = any;
    row->id = sk_get_str(r);
    row->from_shard = (uint32_t)sk_get_u64(r);
}

static void get_letter(struct sk_reader *r, void *any)
{
    struct sk_dead_letter_row *row = any;
    row->id = sk_get_str(r);
    row->no = sk_get_u64(r);
    row->seq = sk_get_u64(r);
    row->at_ms = sk_get_i64(r);
    row->body = sk_get_str(r);
}

static void get_cursor(struct sk_reader *r, void *any)
{
    struct sk_cursor_row *row = any;
    row->name = sk_get_str(r);
    row->position = sk_get_u64(r);
}

static void get_record(struct sk_reader *r, void *any)
{
    struct sk_record_row *row = any;
    row->kind = (enum sk_record_kind)sk_get_u64(r);
    row->id = sk_get_str(r);
    row->body = sk_get_str(r);
    row->is_gone = sk_get_u64(r) != 0;
}

static void get_trim(struct sk_reader *r, void *any)
{
    struct sk_trim_row *row = any;
    row->no = sk_get_u64(r);
    row->below_seq = sk_get_u64(r);
}

static void get_name(struct sk_reader *r, void *any)
{
    struct sk_str *name = any;
    *name = sk_get_str(r);
}

static void get_no(struct sk_reader *r, void *any)
{
    uint64_t *no = any;
    *no = sk_get_u64(r);
}

/* ---- parts ----------------------------------------------------------------------------------- */

#define LIST(list, put, get)                                                    \
    {                                                                           \
        offsetof(struct sk_part, list), offsetof(struct sk_part, list##_count), \
            sizeof *((struct sk_part *)NULL)->list, (put), (get)                \
    }

static const struct {
    size_t rows_at, count_at, row_size;
    void (*put)(struct sk_buf *buf, const void *row);
    void (*get)(struct sk_reader *r, void *row);
} lists[] = {
    LIST(events, put_event, get_event),
    LIST(heads, put_head, get_head),
    LIST(keys, put_key, get_key),
    LIST(tags, put_tag, get_tag),
    LIST(tallies, put_tally, get_tally),
    LIST(messages, put_message, get_message),
    LIST(messages_gone, put_name, get_name),
    LIST(consumed, put_consumed, get_consumed),
    LIST(consumed_gone, put_name, get_name),
    LIST(letters, put_letter, get_letter),
    LIST(letters_gone, put_name, get_name),
    LIST(cursors, put_cursor, get_cursor),
    LIST(records, put_record, get_record),
    LIST(trims, put_trim, get_trim),
    LIST(removed, put_no, get_no),
};

enum { LISTS_COUNT = sizeof lists / sizeof lists[0] };

void sk_record_put_part(struct sk_buf *buf, const struct sk_part *part)
{
    sk_put_u64(buf, part->shard);
    sk_put_u64(buf, part->epoch);
    sk_put_u64(buf, part->first_position);
    sk_buf_append(buf, part->batch_id, SK_BATCH_ID_SIZE);
    for (size_t i = 0; i < LISTS_COUNT; i++) {
        uint32_t count = 0;
        const char *rows = NULL;
        memcpy(&count, (const char *)part + lists[i].count_at, sizeof count);
        memcpy(&rows, (const char *)part + lists[i].rows_at, sizeof rows);
        sk_put_u64(buf, count);
        for (uint32_t k = 0; k < count; k++) lists[i].put(buf, rows + k * lists[i].row_size);
    }
}

/* Each row takes a byte at least: a count that the bytes cannot hold is damage. */
static bool get_list(struct sk_reader *r, size_t i, struct sk_arena *arena, struct sk_part *part)
{
    uint64_t count = sk_get_u64(r);
    if (r->bad || count > (uint64_t)(r->end - r->at) || count > UINT32_MAX) return false;
    if (count == 0) return true;
    char *rows = sk_arena_alloc(arena, (size_t)count * lists[i].row_size);
    if (rows == NULL) return false;
    uint32_t short_count = (uint32_t)count;
    for (uint32_t k = 0; k < short_count && !r->bad; k++)
        lists[i].get(r, rows + k * lists[i].row_size);
    memcpy((char *)part + lists[i].count_at, &short_count, sizeof short_count);
    memcpy((char *)part + lists[i].rows_at, &rows, sizeof rows);
    return !r->bad;
}

bool sk_record_get_part(struct sk_str payload, struct sk_arena *arena, struct sk_part *out_part)
{
    struct sk_reader r = sk_reader_of(payload);
    memset(out_part, 0, sizeof *out_part);
    out_part->shard = (uint32_t)sk_get_u64(&r);
    out_part->epoch = sk_get_u64(&r);
    out_part->first_position = sk_get_u64(&r);
    get_bytes(&r, out_part->batch_id, SK_BATCH_ID_SIZE);
    for (size_t i = 0; i < LISTS_COUNT; i++)
        if (!get_list(&r, i, arena, out_part)) return false;
    for (uint32_t i = 0; i < out_part->heads_count; i++)
        ((struct sk_head *)out_part->heads)[i].shard = out_part->shard;
    return !r.bad && r.at == r.end;
}

/* ---- leases and definitions ------------------------------------------------------------------ */

void sk_record_put_lease(struct sk_buf *buf, const struct sk_shard_row *row)
{
    sk_put_u64(buf, row->shard);
    sk_put_u64(buf, row->epoch);
    sk_put_str(buf, row->owner);
    sk_put_i64(buf, row->expires_at_ms);
}

bool sk_record_get_lease(struct sk_str payload, struct sk_shard_row *out_row)
{
    struct sk_reader r = sk_reader_of(payload);
    memset(out_row, 0, sizeof *out_row);
    out_row->shard = (uint32_t)sk_get_u64(&r);
    out_row->epoch = sk_get_u64(&r);
    out_row->owner = sk_get_str(&r);
    out_row->expires_at_ms = sk_get_i64(&r);
    return !r.bad && r.at == r.end;
}

void sk_record_put_definition(struct sk_buf *buf, const struct sk_definition_row *row,
                              bool keep_latest)
{
    sk_buf_append(buf, row->digest.bytes, SK_DIGEST_SIZE);
    sk_put_str(buf, row->id);
    sk_put_str(buf, row->version);
    sk_put_str(buf, row->source);
    sk_put_i64(buf, row->created_at_ms);
    sk_put_u64(buf, keep_latest ? 1 : 0);
}

bool sk_record_get_definition(struct sk_str payload, struct sk_definition_row *out_row,
                              bool *out_keep_latest)
{
    struct sk_reader r = sk_reader_of(payload);
    memset(out_row, 0, sizeof *out_row);
    get_bytes(&r, out_row->digest.bytes, SK_DIGEST_SIZE);
    out_row->id = sk_get_str(&r);
    out_row->version = sk_get_str(&r);
    out_row->source = sk_get_str(&r);
    out_row->created_at_ms = sk_get_i64(&r);
    *out_keep_latest = sk_get_u64(&r) != 0;
    return !r.bad && r.at == r.end;
}

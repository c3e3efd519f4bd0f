/* rows.c: see rows.h. */
#include "store/rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS_FIRST = 8 }; /* a power of two */

uint32_t sk_read_limit(const struct sk_read *read)
{
    return read->limit == 0 ? SK_READ_LIMIT_DEFAULT : read->limit;
}

bool sk_rows_is_full(const struct sk_rows *rows, uint32_t count, const struct sk_read *read,
                     uint32_t limit)
{
    size_t asked = read->bytes_max;
    size_t bytes_max = asked == 0 || asked > SK_READ_BYTES_MAX ? SK_READ_BYTES_MAX : asked;
    return count >= limit || (count > 0 && rows->arena.bytes >= bytes_max);
}

void *sk_rows_add(struct sk_arena *arena, void **array, uint32_t *count, size_t size)
{
    uint32_t have = *count;
    bool is_full = have == 0 || (have >= ROWS_FIRST && (have & (have - 1)) == 0);
    if (is_full) {
        size_t capacity = have == 0 ? ROWS_FIRST : (size_t)have * 2;
        void *grown = sk_arena_array(arena, capacity, size);
        if (grown == NULL) return NULL;
        if (have > 0) memcpy(grown, *array, have * size);
        *array = grown;
    }
    *count = have + 1;
    return (char *)*array + have * size;
}

static void copy_filter(struct sk_arena *arena, const struct sk_list_filter *from,
                        struct sk_list_filter *to)
{
    to->space = sk_arena_copy(arena, from->space);
    to->business_key = sk_arena_copy(arena, from->business_key);
    to->parent = sk_arena_copy(arena, from->parent);
    to->definition_id = sk_arena_copy(arena, from->definition_id);
    to->definition_version = sk_arena_copy(arena, from->definition_version);
    to->cursor_id = sk_arena_copy(arena, from->cursor_id);
    if (from->tags_count == 0) return;
    struct sk_list_tag *tags = SK_ARENA_ARRAY(arena, struct sk_list_tag, from->tags_count);
    for (uint32_t i = 0; tags != NULL && i < from->tags_count; i++) {
        tags[i].key = sk_arena_copy(arena, from->tags[i].key);
        tags[i].value = sk_arena_copy(arena, from->tags[i].value);
    }
    to->tags = tags;
}

void sk_read_copy(struct sk_arena *arena, const struct sk_read *from, struct sk_read *to)
{
    *to = *from;
    to->id = sk_arena_copy(arena, from->id);
    to->version = sk_arena_copy(arena, from->version);
    to->key = sk_arena_copy(arena, from->key);
    if (from->digest != NULL) {
        struct sk_digest *digest = SK_ARENA_NEW(arena, struct sk_digest);
        if (digest != NULL) *digest = *from->digest;
        to->digest = digest;
    }
    copy_filter(arena, &from->filter, &to->filter);
}

void sk_definition_row_copy(struct sk_arena *arena, const struct sk_definition_row *from,
                            struct sk_definition_row *to)
{
    *to = *from;
    to->id = sk_arena_copy(arena, from->id);
    to->version = sk_arena_copy(arena, from->version);
    to->source = sk_arena_copy(arena, from->source);
}

void sk_head_copy(struct sk_arena *arena, const struct sk_head *from, struct sk_head *to)
{
    *to = *from;
    to->id = sk_arena_copy(arena, from->id);
    to->space = sk_arena_copy(arena, from->space);
    to->business_key = sk_arena_copy(arena, from->business_key);
    to->parent = sk_arena_copy(arena, from->parent);
}

void sk_shard_row_copy(struct sk_arena *arena, const struct sk_shard_row *from,
                       struct sk_shard_row *to)
{
    *to = *from;
    to->owner = sk_arena_copy(arena, from->owner);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static int order_of(int64_t at_a, struct sk_str id_a, int64_t at_b, struct sk_str id_b)
{
    if (at_a != at_b) return at_a < at_b ? -1 : 1;
    return sk_str_compare(id_a, id_b);
}

int sk_list_compare(const struct sk_list_filter *filter, const struct sk_head *a,
                    const struct sk_head *b)
{
    int order = order_of(sk_list_time(filter, a), a->id, sk_list_time(filter, b), b->id);
    return filter->is_ascending ? order : -order;
}

static bool is_within(int64_t at_ms, int64_t from_ms, int64_t to_ms)
{
    return (from_ms == 0 || at_ms >= from_ms) && (to_ms == 0 || at_ms < to_ms);
}

static bool is_or_any(struct sk_str wanted, struct sk_str have)
{
    return wanted.size == 0 || sk_str_equal(wanted, have);
}

bool sk_list_matches(const struct sk_list_filter *f, const struct sk_head *head, bool seen)
{
    if (head->is_lock != f->only_locks) return false;
    if (f->states != 0 && (f->states >> head->state & 1u) == 0) return false;
    if (f->reasons != 0 && (f->reasons >> head->reason & 1u) == 0) return false;
    if (f->only_residue && !head->has_residue) return false;
    if (f->only_closed && sk_head_is_active(head)) return false;
    bool needs_end = f->sort == SK_SORT_ENDED || f->ended_from_ms != 0 || f->ended_to_ms != 0;
    if (needs_end && head->ended_at_ms == 0) return false;
    if (!is_within(head->created_at_ms, f->created_from_ms, f->created_to_ms) ||
        !is_within(head->updated_at_ms, f->updated_from_ms, f->updated_to_ms) ||
        !is_within(head->ended_at_ms, f->ended_from_ms, f->ended_to_ms)) {
        return false;
    }
    if (seen && f->cursor_created_at_ms != 0) {
        int order =
            order_of(sk_list_time(f, head), head->id, f->cursor_created_at_ms, f->cursor_id);
        if (f->is_ascending ? order <= 0 : order >= 0) return false;
    }
    return is_or_any(f->space, head->space) && is_or_any(f->business_key, head->business_key) &&
           is_or_any(f->parent, head->parent);
}

void sk_part_end(struct sk_part *part, enum sk_part_result result, const char *format, ...)
{
    part->result = result;
    va_list args;
    va_start(args, format);
    vsnprintf(part->message, sizeof part->message, format, args);
    va_end(args);
}

bool sk_part_is_next(struct sk_part *part, uint64_t epoch, uint64_t position)
{
    if (part->epoch != epoch || part->first_position != position) {
        sk_part_end(part, SK_PART_FENCED, "shard %u is at epoch %llu, position %llu", part->shard,
                    (unsigned long long)epoch, (unsigned long long)position);
        return false;
    }
    if (part->first_position + sk_part_width(part) > SK_POSITION_MAX) {
        sk_part_end(part, SK_PART_REFUSED, "shard %u is full", part->shard);
        return false;
    }
    return true;
}

/* ---- twins ----------------------------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b)
{
    return sk_str_compare(*(const struct sk_str *)a, *(const struct sk_str *)b);
}

/* Sorts; the first text that is there twice, or NULL. */
static const struct sk_str *find_twin(struct sk_str *texts, size_t count)
{
    if (count < 2) return NULL;
    qsort(texts, count, sizeof *texts, compare_texts);
    for (size_t i = 1; i < count; i++)
        if (sk_str_equal(texts[i - 1], texts[i])) return &texts[i];
    return NULL;
}

static int compare_rows(const struct sk_event_row *x, const struct sk_event_row *y)
{
    if (x->no != y->no) return x->no < y->no ? -1 : 1;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

static int compare_events(const void *a, const void *b)
{
    return compare_rows(*(const struct sk_event_row *const *)a,
                        *(const struct sk_event_row *const *)b);
}

static bool refuse_twin(struct sk_part *part, const char *what, const struct sk_str *name)
{
    if (name == NULL) return true;
    sk_part_end(part, SK_PART_REFUSED, "%s is there already: %.*s", what, SK_STR_ARGS(*name));
    return false;
}

/* Sorting is for what does not come in order: the events of a saga do. */
static bool check_events(struct sk_part *part, const struct sk_event_row **sorted)
{
    size_t count = part->events_count, in_order = 1;
    while (in_order < count &&
           compare_rows(&part->events[in_order - 1], &part->events[in_order]) < 0)
        in_order += 1;
    if (in_order >= count) return true;
    for (size_t i = 0; i < count; i++) sorted[i] = &part->events[i];
    qsort(sorted, count, sizeof *sorted, compare_events);
    for (size_t i = 1; i < count; i++) {
        if (compare_events(&sorted[i - 1], &sorted[i]) != 0) continue;
        sk_part_end(part, SK_PART_REFUSED, "event is there already: saga %llu, seq %llu",
                    (unsigned long long)sorted[i]->no, (unsigned long long)sorted[i]->seq);
        return false;
    }
    return true;
}

static int compare_heads(const void *a, const void *b)
{
    const struct sk_head *x = *(const struct sk_head *const *)a;
    const struct sk_head *y = *(const struct sk_head *const *)b;
    return sk_str_compare(x->id, y->id);
}

static bool check_heads(struct sk_part *part, const struct sk_head **sorted)
{
    size_t count = part->heads_count;
    for (size_t i = 0; i < count; i++) sorted[i] = &part->heads[i];
    if (count > 1) qsort(sorted, count, sizeof *sorted, compare_heads);
    for (size_t i = 1; i < count; i++)
        if (sk_str_equal(sorted[i - 1]->id, sorted[i]->id) && sorted[i - 1]->no != sorted[i]->no)
            return refuse_twin(part, "saga id", &sorted[i]->id);
    return true;
}

static bool look_for_twins(struct sk_part *part, struct sk_arena *scratch)
{
    const struct sk_event_row **events =
        SK_ARENA_ARRAY(scratch, const struct sk_event_row *, part->events_count);
    const struct sk_head **heads =
        SK_ARENA_ARRAY(scratch, const struct sk_head *, part->heads_count);
    struct sk_str *keys = SK_ARENA_ARRAY(scratch, struct sk_str, part->keys_count);
    struct sk_str *messages = SK_ARENA_ARRAY(scratch, struct sk_str, part->messages_count);
    struct sk_str *consumed = SK_ARENA_ARRAY(scratch, struct sk_str, part->consumed_count);
    if (scratch->failed) {
        sk_part_end(part, SK_PART_PASSING, "out of memory");
        return false;
    }
    for (uint32_t i = 0; i < part->keys_count; i++) keys[i] = part->keys[i].key;
    for (uint32_t i = 0; i < part->messages_count; i++) messages[i] = part->messages[i].id;
    for (uint32_t i = 0; i < part->consumed_count; i++) consumed[i] = part->consumed[i].id;
    return check_events(part, events) && check_heads(part, heads) &&
           refuse_twin(part, "start key", find_twin(keys, part->keys_count)) &&
           refuse_twin(part, "message", find_twin(messages, part->messages_count)) &&
           refuse_twin(part, "consumed message", find_twin(consumed, part->consumed_count));
}

bool sk_part_has_no_twins(struct sk_part *part)
{
    struct sk_arena scratch;
    sk_arena_init(&scratch);
    bool is_fine = look_for_twins(part, &scratch);
    sk_arena_release(&scratch);
    return is_fine;
}

/* ---- leases ---------------------------------------------------------------------------------- */

enum skald_status sk_lease_may_renew(const struct sk_shard_row *row, uint64_t epoch,
                                     skald_error *error)
{
    if (row->epoch == epoch) return SKALD_OK;
    return sk_error_set(error, SKALD_E_FENCED, "shard %u is at epoch %llu", row->shard,
                        (unsigned long long)row->epoch);
}

enum skald_status sk_lease_may_take(const struct sk_shard_row *row, uint64_t epoch,
                                    struct sk_str owner, int64_t now_ms, skald_error *error)
{
    bool is_held =
        row->owner.size > 0 && !sk_str_equal(row->owner, owner) && row->expires_at_ms > now_ms;
    if (!is_held) return sk_lease_may_renew(row, epoch, error);
    return sk_error_set(error, SKALD_E_BUSY, "shard %u is held by %.*s", row->shard,
                        SK_STR_ARGS(row->owner));
}

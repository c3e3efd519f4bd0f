/* rows.c: see rows.h. */
#include "store/rows.h"

#include <stdarg.h>
#include <stdio.h>

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
    const struct sk_list_filter *f = &from->filter;
    to->filter.space = sk_arena_copy(arena, f->space);
    to->filter.business_key = sk_arena_copy(arena, f->business_key);
    to->filter.parent = sk_arena_copy(arena, f->parent);
    to->filter.definition_id = sk_arena_copy(arena, f->definition_id);
    to->filter.tag_key = sk_arena_copy(arena, f->tag_key);
    to->filter.tag_value = sk_arena_copy(arena, f->tag_value);
    to->filter.cursor_id = sk_arena_copy(arena, f->cursor_id);
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

void sk_part_end(struct sk_part *part, enum sk_part_result result, const char *format, ...)
{
    part->result = result;
    va_list args;
    va_start(args, format);
    vsnprintf(part->message, sizeof part->message, format, args);
    va_end(args);
}

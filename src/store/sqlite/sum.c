/* sum.c: see sum.h. Part of the format: a change of what goes in is a new schema. */
#include "store/sqlite/sum.h"

#include "base/hash.h"

enum { WORDS_COUNT = 10, WORD_SIZE = 8 };

int64_t sk_sqlite_sum(int64_t key, int64_t saga, const struct sk_event_row *row)
{
    const uint64_t words[WORDS_COUNT] = {
        (uint64_t)key,         (uint64_t)saga, row->seq,
        (uint64_t)row->at_ms,  row->type,      (uint32_t)row->step,
        (uint32_t)row->item,   row->attempt,   row->round,
        sk_hash_id(row->data),
    };
    char bytes[WORDS_COUNT * WORD_SIZE]; /* little-endian: the file may move to another machine */
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(words[i / WORD_SIZE] >> (i % WORD_SIZE * 8) & 0xffu);
    return (int64_t)(sk_hash_id((struct sk_str){ bytes, sizeof bytes }) & UINT32_MAX);
}

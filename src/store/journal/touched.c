/*
 * touched.c: the sagas and keys of records that the index has not got, as a set of hashes in two
 * halves: new ones go into `young`; when all of `old` is applied, the halves change places. A hash
 * that stays too long or is shared costs a read some waiting and nothing else.
 */
#include "store/journal/parts.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { CAPACITY_FIRST = 1024 };

struct half {
    uint64_t *hashes; /* 0 = free; linear probing, at most half full */
    size_t count, capacity;
    uint64_t last; /* the highest record number it stands for */
    bool is_all;   /* a saga was removed, or there was no memory: every read waits */
};

struct touched {
    pthread_mutex_t lock;
    struct half young, old;
};

/* ---- hashes ---------------------------------------------------------------------------------- */

enum { SEED_ID = 1, SEED_NUMBER, SEED_KEY };

static uint64_t not_zero(uint64_t hash)
{
    return hash == 0 ? 1 : hash;
}

static uint64_t hash_of_id(struct sk_str id)
{
    return not_zero(XXH3_64bits_withSeed(id.data, id.size, SEED_ID));
}

static uint64_t hash_of_number(uint32_t shard, uint64_t no)
{
    uint64_t key = (uint64_t)shard << SK_POSITION_BITS | no;
    return not_zero(XXH3_64bits_withSeed(&key, sizeof key, SEED_NUMBER));
}

static uint64_t hash_of_key(uint32_t shard, struct sk_str key)
{
    return not_zero(XXH3_64bits_withSeed(key.data, key.size, SEED_KEY + (uint64_t)shard));
}

/* ---- halves ---------------------------------------------------------------------------------- */

static bool has(const struct half *half, uint64_t hash)
{
    if (half->is_all) return true;
    if (half->count == 0) return false;
    size_t at = hash & (half->capacity - 1);
    for (; half->hashes[at] != 0; at = (at + 1) & (half->capacity - 1))
        if (half->hashes[at] == hash) return true;
    return false;
}

static void insert(uint64_t *hashes, size_t capacity, uint64_t hash, size_t *count)
{
    size_t at = hash & (capacity - 1);
    for (; hashes[at] != 0; at = (at + 1) & (capacity - 1))
        if (hashes[at] == hash) return;
    hashes[at] = hash;
    *count += 1;
}

static void grow(struct half *half)
{
    size_t capacity = half->capacity == 0 ? CAPACITY_FIRST : 2 * half->capacity, count = 0;
    uint64_t *hashes = sk_alloc(capacity * sizeof *hashes);
    if (hashes == NULL) {
        half->is_all = true;
        return;
    }
    for (size_t i = 0; i < half->capacity; i++)
        if (half->hashes[i] != 0) insert(hashes, capacity, half->hashes[i], &count);
    sk_free(half->hashes);
    half->hashes = hashes;
    half->capacity = capacity;
}

static void add(struct half *half, uint64_t hash)
{
    if (half->is_all) return;
    if (2 * (half->count + 1) > half->capacity) grow(half);
    if (!half->is_all) insert(half->hashes, half->capacity, hash, &half->count);
}

static void clear(struct half *half)
{
    if (half->count > 0) memset(half->hashes, 0, half->capacity * sizeof *half->hashes);
    half->count = 0;
    half->is_all = false;
    half->last = 0;
}

/* ---- the set --------------------------------------------------------------------------------- */

struct touched *touched_new(void)
{
    struct touched *touched = sk_alloc(sizeof *touched);
    if (touched != NULL) pthread_mutex_init(&touched->lock, NULL);
    return touched;
}

void touched_free(struct touched *touched)
{
    if (touched == NULL) return;
    sk_free(touched->young.hashes);
    sk_free(touched->old.hashes);
    pthread_mutex_destroy(&touched->lock);
    sk_free(touched);
}

void touched_add(struct touched *touched, const struct sk_part *part, uint64_t number)
{
    pthread_mutex_lock(&touched->lock);
    struct half *half = &touched->young;
    for (uint32_t i = 0; i < part->heads_count; i++) {
        add(half, hash_of_id(part->heads[i].id));
        add(half, hash_of_number(part->shard, part->heads[i].no));
    }
    uint64_t last = 0;
    uint32_t head = 0; /* heads stand in the order of their events: those are known by now */
    for (uint32_t i = 0; i < part->events_count; i++) {
        uint64_t no = part->events[i].no;
        if (no == last) continue;
        last = no;
        bool has_head = head < part->heads_count && part->heads[head].no == no;
        if (has_head) head += 1;
        if (!has_head) add(half, hash_of_number(part->shard, no));
    }
    for (uint32_t i = 0; i < part->trims_count; i++)
        add(half, hash_of_number(part->shard, part->trims[i].no));
    for (uint32_t i = 0; i < part->keys_count; i++)
        add(half, hash_of_key(part->shard, part->keys[i].key));
    if (part->removed_count > 0) half->is_all = true;
    half->last = number;
    pthread_mutex_unlock(&touched->lock);
}

void touched_forget(struct touched *touched, uint64_t number)
{
    pthread_mutex_lock(&touched->lock);
    for (int i = 0; i < 2 && touched->old.last <= number; i++) {
        struct half empty = touched->old;
        clear(&empty);
        touched->old = touched->young;
        touched->young = empty;
    }
    pthread_mutex_unlock(&touched->lock);
}

bool touched_by(struct touched *touched, const struct sk_read *read)
{
    uint64_t hash = 0;
    switch (read->kind) {
    case SK_READ_META: return false;
    case SK_READ_HEAD: hash = hash_of_id(read->id); break;
    case SK_READ_EVENTS: hash = hash_of_number(read->shard, read->no); break;
    case SK_READ_START_KEY: hash = hash_of_key(read->shard, read->key); break;
    default: return true; /* it may be about anything */
    }
    pthread_mutex_lock(&touched->lock);
    bool is_touched = has(&touched->young, hash) || has(&touched->old, hash);
    pthread_mutex_unlock(&touched->lock);
    return is_touched;
}

/* merge.c: see merge.h. */
#include "store/journal/merge.h"

#include "store/rows.h"

#include <string.h>

#define uthash_malloc(size) sk_alloc(size)
#define uthash_free(pointer, size) sk_free(pointer)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Where the row of a key stands in its list. Entries and keys lie in the arena. */
struct entry {
    UT_hash_handle hh;
    uint32_t at;
};

enum table { HEADS, TALLIES, MESSAGES_GONE, CONSUMED_GONE, LETTERS_GONE, TABLES_COUNT };

/* The part of a shard that is still open. */
struct shard_merge {
    struct entry *tables[TABLES_COUNT];
    uint32_t part; /* its place in the batch */
    bool is_open;
};

struct tally_key {
    struct sk_digest definition;
    uint8_t state;
};

struct sk_merge {
    struct sk_arena arena;
    uint32_t shards_count, rows;
    struct shard_merge *shards;
    struct sk_part *parts;
    uint32_t parts_count;
    struct sk_batch batch;
};

/* ---- places ---------------------------------------------------------------------------------- */

static struct entry *find(struct shard_merge *shard, enum table table, const void *key, size_t size)
{
    struct entry *entry = NULL;
    HASH_FIND(hh, shard->tables[table], key, size, entry);
    return entry;
}

/* The key must live as long as the merge. */
static void remember(struct sk_merge *merge, struct shard_merge *shard, enum table table,
                     const void *key, size_t size, uint32_t at)
{
    struct entry *entry = SK_ARENA_NEW(&merge->arena, struct entry);
    if (entry == NULL) return;
    entry->at = at;
    HASH_ADD_KEYPTR(hh, shard->tables[table], key, size, entry);
    if (entry->hh.tbl == NULL) merge->arena.failed = true;
}

static void close_part(struct shard_merge *shard)
{
    for (int table = 0; table < TABLES_COUNT; table++) HASH_CLEAR(hh, shard->tables[table]);
    shard->is_open = false;
}

/* ---- does it fit? ---------------------------------------------------------------------------- */

static bool has_name(struct shard_merge *shard, enum table table, struct sk_str name)
{
    return find(shard, table, name.data, name.size) != NULL;
}

/* M1 */
static bool fits(struct shard_merge *shard, const struct sk_part *merged,
                 const struct sk_part *part)
{
    if (part->events_count == 0 || merged->epoch != part->epoch ||
        merged->first_position + merged->events_count != part->first_position)
        return false;
    for (uint32_t i = 0; i < part->removed_count; i++)
        if (find(shard, HEADS, &part->removed[i], sizeof part->removed[i]) != NULL) return false;
    for (uint32_t i = 0; i < part->messages_count; i++)
        if (has_name(shard, MESSAGES_GONE, part->messages[i].id)) return false;
    for (uint32_t i = 0; i < part->consumed_count; i++)
        if (has_name(shard, CONSUMED_GONE, part->consumed[i].id)) return false;
    for (uint32_t i = 0; i < part->letters_count; i++)
        if (has_name(shard, LETTERS_GONE, part->letters[i].id)) return false;
    return true;
}

/* ---- adding ---------------------------------------------------------------------------------- */

#define APPEND(merge, to, from, list)                                                           \
    for (uint32_t i = 0; i < (from)->list##_count; i++) {                                       \
        __typeof__((to)->list[0]) *row_ = sk_rows_add(&(merge)->arena, (void **)&(to)->list,    \
                                                      &(to)->list##_count, sizeof *(to)->list); \
        if (row_ == NULL) return;                                                               \
        memcpy((void *)row_, &(from)->list[i], sizeof *(to)->list);                             \
    }

static void add_head(struct sk_merge *merge, struct shard_merge *shard, struct sk_part *to,
                     const struct sk_head *head)
{
    struct entry *entry = find(shard, HEADS, &head->no, sizeof head->no);
    if (entry != NULL && entry->at != UINT32_MAX) { /* R3 */
        struct sk_head *have = (struct sk_head *)&to->heads[entry->at], first = *have;
        *have = *head;
        have->id = first.id;
        have->space = first.space;
        have->definition = first.definition;
        have->is_lock = first.is_lock;
        have->business_key = first.business_key;
        have->parent = first.parent;
        have->created_at_ms = first.created_at_ms;
        return;
    }
    uint32_t at = to->heads_count;
    struct sk_head *row =
        sk_rows_add(&merge->arena, (void **)&to->heads, &to->heads_count, sizeof *row);
    if (row == NULL) return;
    *row = *head;
    if (entry != NULL) {
        entry->at = at;
    } else {
        remember(merge, shard, HEADS, &head->no, sizeof head->no, at);
    }
}

static void add_tally(struct sk_merge *merge, struct shard_merge *shard, struct sk_part *to,
                      const struct sk_tally_row *tally)
{
    struct tally_key *key = SK_ARENA_NEW(&merge->arena, struct tally_key);
    if (key == NULL) return;
    *key = (struct tally_key){ tally->definition, tally->state };
    struct entry *entry = find(shard, TALLIES, key, sizeof *key);
    if (entry != NULL) {
        ((struct sk_tally_row *)to->tallies)[entry->at].n += tally->n;
        return;
    }
    uint32_t at = to->tallies_count;
    struct sk_tally_row *row =
        sk_rows_add(&merge->arena, (void **)&to->tallies, &to->tallies_count, sizeof *row);
    if (row == NULL) return;
    *row = *tally;
    remember(merge, shard, TALLIES, key, sizeof *key, at);
}

/* Events without a head in their part count as writing, too. */
static void note_sagas(struct sk_merge *merge, struct shard_merge *shard,
                       const struct sk_part *part)
{
    uint64_t last = 0;
    for (uint32_t i = 0; i < part->events_count; i++) {
        const uint64_t *no = &part->events[i].no;
        if (*no != last && find(shard, HEADS, no, sizeof *no) == NULL)
            remember(merge, shard, HEADS, no, sizeof *no, UINT32_MAX);
        last = *no;
    }
}

static void note_gone(struct sk_merge *merge, struct shard_merge *shard, enum table table,
                      const struct sk_str *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!has_name(shard, table, names[i]))
            remember(merge, shard, table, names[i].data, names[i].size, 0);
}

static void append_lists(struct sk_merge *merge, struct sk_part *to, const struct sk_part *part)
{
    APPEND(merge, to, part, events)
    APPEND(merge, to, part, keys)
    APPEND(merge, to, part, tags)
    APPEND(merge, to, part, messages)
    APPEND(merge, to, part, messages_gone)
    APPEND(merge, to, part, consumed)
    APPEND(merge, to, part, consumed_gone)
    APPEND(merge, to, part, letters)
    APPEND(merge, to, part, letters_gone)
    APPEND(merge, to, part, cursors)
    APPEND(merge, to, part, records)
    APPEND(merge, to, part, trims)
    APPEND(merge, to, part, removed)
}

static struct sk_part *open_part(struct sk_merge *merge, struct shard_merge *shard,
                                 const struct sk_part *part)
{
    close_part(shard);
    shard->part = merge->parts_count;
    struct sk_part *to =
        sk_rows_add(&merge->arena, (void **)&merge->parts, &merge->parts_count, sizeof *to);
    if (to == NULL) return NULL;
    to->shard = part->shard;
    to->epoch = part->epoch;
    to->first_position = part->first_position;
    shard->is_open = part->events_count > 0;
    return to;
}

bool sk_merge_add(struct sk_merge *merge, const struct sk_part *part)
{
    struct shard_merge *shard = &merge->shards[part->shard % merge->shards_count];
    struct sk_part *to = shard->is_open ? &merge->parts[shard->part] : NULL;
    if (to == NULL || !fits(shard, to, part)) to = open_part(merge, shard, part);
    if (to == NULL) return false;
    memcpy(to->batch_id, part->batch_id, sizeof to->batch_id);
    for (uint32_t i = 0; i < part->heads_count; i++) add_head(merge, shard, to, &part->heads[i]);
    for (uint32_t i = 0; i < part->tallies_count; i++)
        add_tally(merge, shard, to, &part->tallies[i]);
    append_lists(merge, to, part);
    note_sagas(merge, shard, part);
    note_gone(merge, shard, MESSAGES_GONE, part->messages_gone, part->messages_gone_count);
    note_gone(merge, shard, CONSUMED_GONE, part->consumed_gone, part->consumed_gone_count);
    note_gone(merge, shard, LETTERS_GONE, part->letters_gone, part->letters_gone_count);
    merge->rows += part->events_count + part->heads_count + 1;
    return !merge->arena.failed;
}

/* ---- the whole ------------------------------------------------------------------------------- */

struct sk_merge *sk_merge_new(uint32_t shards_count)
{
    struct sk_merge *merge = sk_alloc(sizeof *merge);
    if (merge == NULL) return NULL;
    sk_arena_init(&merge->arena);
    merge->shards_count = shards_count;
    merge->shards = sk_alloc(shards_count * sizeof *merge->shards);
    if (merge->shards != NULL) return merge;
    sk_free(merge);
    return NULL;
}

void sk_merge_clear(struct sk_merge *merge)
{
    for (uint32_t i = 0; i < merge->shards_count; i++) close_part(&merge->shards[i]);
    sk_arena_release(&merge->arena);
    sk_arena_init(&merge->arena);
    merge->parts = NULL;
    merge->parts_count = merge->rows = 0;
}

void sk_merge_free(struct sk_merge *merge)
{
    if (merge == NULL) return;
    sk_merge_clear(merge);
    sk_free(merge->shards);
    sk_free(merge);
}

struct sk_arena *sk_merge_arena(struct sk_merge *merge)
{
    return &merge->arena;
}

uint32_t sk_merge_rows(const struct sk_merge *merge)
{
    return merge->rows;
}

struct sk_batch *sk_merge_batch(struct sk_merge *merge)
{
    merge->batch = (struct sk_batch){ merge->parts, merge->parts_count };
    return &merge->batch;
}

/* merge.c: see merge.h. */
#include "store/journal/merge.h"

#include "store/rows.h"

#include <string.h>

#define uthash_malloc(size) sk_alloc(size)
#define uthash_free(pointer, size) sk_free(pointer)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Where the row of a key stands in its list. Entries lie in the arena, keys in them (`no`), in the
 * payloads or in the arena. */
struct entry {
    UT_hash_handle hh;
    uint64_t no;
    uint32_t at;
};

enum { ROOM_FIRST = 16 };

enum table { HEADS, TALLIES, MESSAGES_GONE, CONSUMED_GONE, LETTERS_GONE, TABLES_COUNT };

/* The part of a shard that is still open. Its events and heads lie in arrays that stay with the
 * shard, for they are most of what is merged. */
struct shard_merge {
    struct entry *tables[TABLES_COUNT];
    struct sk_event_row *events;
    struct sk_head *heads;
    uint32_t events_capacity, heads_capacity;
    uint32_t part; /* its place in the batch */
    bool is_open;
    bool is_lent; /* a part of the batch has the arrays */
};

/* Arrays of a part that is not the last of its shard in the batch. */
struct retired {
    struct retired *next;
    void *array;
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
    struct retired *retired;
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

static void remember_saga(struct sk_merge *merge, struct shard_merge *shard, uint64_t no,
                          uint32_t at)
{
    struct entry *entry = SK_ARENA_NEW(&merge->arena, struct entry);
    if (entry == NULL) return;
    entry->at = at;
    entry->no = no;
    HASH_ADD(hh, shard->tables[HEADS], no, sizeof entry->no, entry);
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

/* Room for `count` more rows in an array of the shard; false: out of memory. */
static bool make_room(struct sk_merge *merge, void **array, uint32_t *capacity, uint32_t have,
                      uint32_t count, size_t size)
{
    uint32_t wanted = *capacity == 0 ? ROOM_FIRST : *capacity;
    while (wanted - have < count) wanted *= 2;
    if (wanted == *capacity) return true;
    void *grown = sk_realloc(*array, wanted * size);
    if (grown == NULL) {
        merge->arena.failed = true;
        return false;
    }
    *array = grown;
    *capacity = wanted;
    return true;
}

static void add_events(struct sk_merge *merge, struct shard_merge *shard, struct sk_part *to,
                       const struct sk_part *part)
{
    if (part->events_count == 0 ||
        !make_room(merge, (void **)&shard->events, &shard->events_capacity, to->events_count,
                   part->events_count, sizeof *shard->events))
        return;
    memcpy(shard->events + to->events_count, part->events,
           part->events_count * sizeof *part->events);
    to->events = shard->events;
    to->events_count += part->events_count;
}

static void add_head(struct sk_merge *merge, struct shard_merge *shard, struct sk_part *to,
                     const struct sk_head *head)
{
    struct entry *entry = find(shard, HEADS, &head->no, sizeof head->no);
    if (entry != NULL && entry->at != UINT32_MAX) { /* R3 */
        struct sk_head *have = &shard->heads[entry->at], first = *have;
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
    if (!make_room(merge, (void **)&shard->heads, &shard->heads_capacity, to->heads_count, 1,
                   sizeof *shard->heads))
        return;
    uint32_t at = to->heads_count++;
    shard->heads[at] = *head;
    to->heads = shard->heads;
    if (entry != NULL) {
        entry->at = at;
    } else {
        remember_saga(merge, shard, head->no, at);
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
            remember_saga(merge, shard, *no, UINT32_MAX);
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

/* The arrays stay with the part that has them; the shard gets others. */
static void retire(struct sk_merge *merge, void *array)
{
    struct retired *retired = array == NULL ? NULL : sk_alloc(sizeof *retired);
    if (retired == NULL) { /* the batch is given up, and the part with it */
        merge->arena.failed = merge->arena.failed || array != NULL;
        sk_free(array);
        return;
    }
    *retired = (struct retired){ merge->retired, array };
    merge->retired = retired;
}

static void lend_arrays(struct sk_merge *merge, struct shard_merge *shard)
{
    if (shard->is_lent) {
        retire(merge, shard->events);
        retire(merge, shard->heads);
        shard->events = NULL;
        shard->heads = NULL;
        shard->events_capacity = shard->heads_capacity = 0;
    }
    shard->is_lent = true;
}

static struct sk_part *open_part(struct sk_merge *merge, struct shard_merge *shard,
                                 const struct sk_part *part)
{
    close_part(shard);
    lend_arrays(merge, shard);
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
    if (to == NULL || merge->arena.failed) return false;
    memcpy(to->batch_id, part->batch_id, sizeof to->batch_id);
    for (uint32_t i = 0; i < part->heads_count; i++) add_head(merge, shard, to, &part->heads[i]);
    for (uint32_t i = 0; i < part->tallies_count; i++)
        add_tally(merge, shard, to, &part->tallies[i]);
    add_events(merge, shard, to, part);
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
    for (uint32_t i = 0; i < merge->shards_count; i++) {
        close_part(&merge->shards[i]);
        merge->shards[i].is_lent = false;
    }
    while (merge->retired != NULL) {
        struct retired *retired = merge->retired;
        merge->retired = retired->next;
        sk_free(retired->array);
        sk_free(retired);
    }
    sk_arena_release(&merge->arena);
    sk_arena_init(&merge->arena);
    merge->parts = NULL;
    merge->parts_count = merge->rows = 0;
}

void sk_merge_free(struct sk_merge *merge)
{
    if (merge == NULL) return;
    sk_merge_clear(merge);
    for (uint32_t i = 0; i < merge->shards_count; i++) {
        sk_free(merge->shards[i].events);
        sk_free(merge->shards[i].heads);
    }
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

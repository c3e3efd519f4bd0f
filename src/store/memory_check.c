/*
 * memory_check.c: the compare of S1 and what SQL back-ends get from unique keys (rows.h R4).
 *
 * Twins inside the part are found by sorting; twins with what is stored by looking up.
 */
#include "store/memory_check.h"

#include <stdlib.h>

static bool refuse(struct sk_part *part, const char *what, struct sk_str name)
{
    sk_part_end(part, SK_PART_REFUSED, "%s is there already: %.*s", what, SK_STR_ARGS(name));
    return false;
}

static bool is_among(const uint64_t *numbers, uint32_t count, uint64_t number)
{
    for (uint32_t i = 0; i < count; i++)
        if (numbers[i] == number) return true;
    return false;
}

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

static int compare_events(const void *a, const void *b)
{
    const struct sk_event_row *x = *(const struct sk_event_row *const *)a;
    const struct sk_event_row *y = *(const struct sk_event_row *const *)b;
    if (x->no != y->no) return x->no < y->no ? -1 : 1;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

static bool is_stored_event(const struct memory_shard *shard, const struct sk_part *part,
                            const struct sk_event_row *row)
{
    const struct memory_saga *saga = sk_memory_saga(shard, row->no, NULL);
    if (saga == NULL || is_among(part->removed, part->removed_count, row->no)) return false;
    size_t index = sk_memory_event(saga, row->seq);
    return index < saga->events_count && saga->events[index]->row.seq == row->seq;
}

static bool check_events(const struct memory_shard *shard, struct sk_part *part,
                         struct sk_arena *scratch)
{
    size_t count = part->events_count;
    const struct sk_event_row **sorted =
        SK_ARENA_ARRAY(scratch, const struct sk_event_row *, count);
    SK_ASSERT(sorted != NULL || count == 0);
    for (size_t i = 0; i < count; i++) sorted[i] = &part->events[i];
    if (count > 1) qsort(sorted, count, sizeof *sorted, compare_events);
    for (size_t i = 0; i < count; i++) {
        bool is_twin = i > 0 && compare_events(&sorted[i - 1], &sorted[i]) == 0;
        if (is_twin || is_stored_event(shard, part, sorted[i])) {
            sk_part_end(part, SK_PART_REFUSED, "event is there already: saga %llu, seq %llu",
                        (unsigned long long)sorted[i]->no, (unsigned long long)sorted[i]->seq);
            return false;
        }
    }
    return true;
}

static bool check_head(const struct memory_data *data, const struct sk_part *part,
                       const struct sk_head *head)
{
    struct memory_saga *saga = NULL;
    HASH_FIND(by_id, data->by_id, head->id.data, head->id.size, saga);
    if (saga == NULL) return true;
    if (saga->head.shard != part->shard) return false;
    return saga->no == head->no || is_among(part->removed, part->removed_count, saga->no);
}

static int compare_heads(const void *a, const void *b)
{
    const struct sk_head *x = *(const struct sk_head *const *)a;
    const struct sk_head *y = *(const struct sk_head *const *)b;
    return sk_str_compare(x->id, y->id);
}

static bool check_heads(const struct memory_data *data, struct sk_part *part,
                        struct sk_arena *scratch)
{
    size_t count = part->heads_count;
    const struct sk_head **sorted = SK_ARENA_ARRAY(scratch, const struct sk_head *, count);
    SK_ASSERT(sorted != NULL || count == 0);
    for (size_t i = 0; i < count; i++) sorted[i] = &part->heads[i];
    if (count > 1) qsort(sorted, count, sizeof *sorted, compare_heads);
    for (size_t i = 0; i < count; i++) {
        bool is_twin = i > 0 && sk_str_equal(sorted[i - 1]->id, sorted[i]->id) &&
                       sorted[i - 1]->no != sorted[i]->no;
        if (is_twin || !check_head(data, part, sorted[i]))
            return refuse(part, "saga id", sorted[i]->id);
    }
    return true;
}

static bool check_keys(const struct memory_shard *shard, struct sk_part *part, int64_t now_ms,
                       struct sk_arena *scratch)
{
    struct sk_str *names = SK_ARENA_ARRAY(scratch, struct sk_str, part->keys_count);
    for (uint32_t i = 0; i < part->keys_count; i++) {
        const struct sk_start_key_row *key = &part->keys[i];
        const struct memory_row *row = sk_memory_row(shard->keys, key->key);
        bool is_running = row != NULL && row->at_ms > now_ms; /* R5 */
        if (is_running && !sk_str_equal(row->target, key->saga_id))
            return refuse(part, "start key", key->key);
        names[i] = key->key;
    }
    const struct sk_str *twin = find_twin(names, part->keys_count);
    return twin == NULL || refuse(part, "start key", *twin);
}

static bool check_messages(const struct memory_shard *shard, struct sk_part *part,
                           struct sk_arena *scratch)
{
    struct sk_str *names = SK_ARENA_ARRAY(scratch, struct sk_str, part->messages_count);
    for (uint32_t i = 0; i < part->messages_count; i++) {
        names[i] = part->messages[i].id;
        if (sk_memory_row(shard->messages, names[i]) != NULL)
            return refuse(part, "message", names[i]);
    }
    const struct sk_str *twin = find_twin(names, part->messages_count);
    return twin == NULL || refuse(part, "message", *twin);
}

static bool check_consumed(const struct memory_shard *shard, struct sk_part *part,
                           struct sk_arena *scratch)
{
    struct sk_str *names = SK_ARENA_ARRAY(scratch, struct sk_str, part->consumed_count);
    for (uint32_t i = 0; i < part->consumed_count; i++) {
        names[i] = part->consumed[i].id;
        if (sk_memory_row(shard->consumed, names[i]) != NULL)
            return refuse(part, "consumed message", names[i]);
    }
    const struct sk_str *twin = find_twin(names, part->consumed_count);
    return twin == NULL || refuse(part, "consumed message", *twin);
}

static bool check_place(const struct memory_data *data, struct sk_part *part)
{
    if (part->shard >= data->shards_count) {
        sk_part_end(part, SK_PART_REFUSED, "no shard %u", part->shard);
        return false;
    }
    const struct memory_shard *shard = &data->shards[part->shard];
    if (part->epoch != shard->epoch || part->first_position != shard->position) {
        sk_part_end(part, SK_PART_FENCED, "shard %u is at epoch %llu, position %llu", part->shard,
                    (unsigned long long)shard->epoch, (unsigned long long)shard->position);
        return false;
    }
    if (part->first_position + sk_part_width(part) > SK_POSITION_MAX) {
        sk_part_end(part, SK_PART_REFUSED, "shard %u is full", part->shard);
        return false;
    }
    return true;
}

bool sk_memory_check(const struct memory_data *data, struct sk_part *part, int64_t now_ms)
{
    if (!check_place(data, part)) return false;
    const struct memory_shard *shard = &data->shards[part->shard];
    struct sk_arena scratch;
    sk_arena_init(&scratch);
    bool is_fine = check_events(shard, part, &scratch) && check_heads(data, part, &scratch) &&
                   check_keys(shard, part, now_ms, &scratch) &&
                   check_messages(shard, part, &scratch) && check_consumed(shard, part, &scratch);
    sk_arena_release(&scratch);
    return is_fine;
}

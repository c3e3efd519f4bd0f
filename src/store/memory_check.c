/*
 * memory_check.c: the compare of S1 and what SQL back-ends get from unique keys (rows.h R4).
 *
 * Twins inside the part are found by rows.c; twins with what is stored here, by looking up.
 */
#include "store/memory_check.h"

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

static bool is_stored_event(const struct memory_shard *shard, const struct sk_part *part,
                            const struct sk_event_row *row)
{
    const struct memory_saga *saga = sk_memory_saga(shard, row->no, NULL);
    if (saga == NULL || is_among(part->removed, part->removed_count, row->no)) return false;
    size_t index = sk_memory_event(saga, row->seq);
    return index < saga->events_count && saga->events[index]->row.seq == row->seq;
}

static bool check_events(const struct memory_shard *shard, struct sk_part *part)
{
    for (uint32_t i = 0; i < part->events_count; i++) {
        const struct sk_event_row *row = &part->events[i];
        if (!is_stored_event(shard, part, row)) continue;
        sk_part_end(part, SK_PART_REFUSED, "event is there already: saga %llu, seq %llu",
                    (unsigned long long)row->no, (unsigned long long)row->seq);
        return false;
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

static bool check_heads(const struct memory_data *data, struct sk_part *part)
{
    for (uint32_t i = 0; i < part->heads_count; i++)
        if (!check_head(data, part, &part->heads[i]))
            return refuse(part, "saga id", part->heads[i].id);
    return true;
}

static bool check_keys(const struct memory_shard *shard, struct sk_part *part, int64_t now_ms)
{
    for (uint32_t i = 0; i < part->keys_count; i++) {
        const struct sk_start_key_row *key = &part->keys[i];
        const struct memory_row *row = sk_memory_row(shard->keys, key->key);
        bool is_running = row != NULL && row->at_ms > now_ms; /* R5 */
        if (is_running && !sk_str_equal(row->target, key->saga_id))
            return refuse(part, "start key", key->key);
    }
    return true;
}

static bool check_messages(const struct memory_shard *shard, struct sk_part *part)
{
    for (uint32_t i = 0; i < part->messages_count; i++)
        if (sk_memory_row(shard->messages, part->messages[i].id) != NULL)
            return refuse(part, "message", part->messages[i].id);
    return true;
}

static bool check_consumed(const struct memory_shard *shard, struct sk_part *part)
{
    for (uint32_t i = 0; i < part->consumed_count; i++)
        if (sk_memory_row(shard->consumed, part->consumed[i].id) != NULL)
            return refuse(part, "consumed message", part->consumed[i].id);
    return true;
}

static bool check_place(const struct memory_data *data, struct sk_part *part)
{
    if (part->shard >= data->shards_count) {
        sk_part_end(part, SK_PART_REFUSED, "no shard %u", part->shard);
        return false;
    }
    const struct memory_shard *shard = &data->shards[part->shard];
    return sk_part_is_next(part, shard->epoch, shard->position);
}

bool sk_memory_check(const struct memory_data *data, struct sk_part *part, int64_t now_ms)
{
    if (!check_place(data, part)) return false;
    const struct memory_shard *shard = &data->shards[part->shard];
    return sk_part_has_no_twins(part) && check_events(shard, part) && check_heads(data, part) &&
           check_keys(shard, part, now_ms) && check_messages(shard, part) &&
           check_consumed(shard, part);
}

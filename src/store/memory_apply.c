/*
 * memory_apply.c: what a part does to the tables, after memory_check.c let it pass.
 */
#include "store/memory_check.h"
#include "store/memory_data.h"

#include <stdlib.h>

enum { CAPACITY_FIRST = 4 };

/* ---- finding --------------------------------------------------------------------------------- */

struct memory_saga *sk_memory_saga(const struct memory_shard *shard, uint64_t no, size_t *out_index)
{
    size_t low = 0, high = shard->sagas_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (shard->sagas[middle]->no < no) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (out_index != NULL) *out_index = low;
    bool is_there = low < shard->sagas_count && shard->sagas[low]->no == no;
    return is_there ? shard->sagas[low] : NULL;
}

struct memory_row *sk_memory_row(struct memory_row *table, struct sk_str name)
{
    struct memory_row *row = NULL;
    HASH_FIND(hh, table, name.data, name.size, row);
    return row;
}

size_t sk_memory_place(const struct memory_shard *shard, uint64_t position)
{
    size_t low = 0, high = shard->events_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (shard->events[middle].position < position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t sk_memory_event(const struct memory_saga *saga, uint64_t seq)
{
    size_t low = 0, high = saga->events_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (saga->events[middle]->row.seq < seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Room for one more element of `size`. */
static void grow(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) return;
    size_t wanted = *capacity == 0 ? CAPACITY_FIRST : *capacity * 2;
    void **place = array;
    *place = sk_memory_must(sk_realloc(*place, wanted * size));
    *capacity = wanted;
}

/* Copies `s` to *at and moves *at on. */
static struct sk_str put_text(char **at, struct sk_str s)
{
    struct sk_str copy = { *at, s.size };
    if (s.size > 0) memcpy(*at, s.data, s.size);
    *at += s.size;
    return copy;
}

static struct memory_row *row_new(struct sk_str name, struct sk_str target, struct sk_str body)
{
    size_t size = sizeof(struct memory_row) + name.size + target.size + body.size;
    struct memory_row *row = sk_memory_must(sk_alloc(size));
    char *at = (char *)(row + 1);
    row->name = put_text(&at, name);
    row->target = put_text(&at, target);
    row->body = put_text(&at, body);
    return row;
}

static void row_remove(struct memory_row **table, struct sk_str name)
{
    struct memory_row *row = sk_memory_row(*table, name);
    if (row == NULL) return;
    HASH_DEL(*table, row);
    sk_free(row);
}

static void row_put(struct memory_row **table, struct memory_row *row)
{
    row_remove(table, row->name);
    HASH_ADD_KEYPTR(hh, *table, row->name.data, row->name.size, row);
}

/* ---- sagas and events ------------------------------------------------------------------------ */

static struct memory_saga *saga_ensure(struct memory_shard *shard, uint64_t no)
{
    size_t index = 0;
    struct memory_saga *saga = sk_memory_saga(shard, no, &index);
    if (saga != NULL) return saga;
    saga = sk_memory_must(sk_alloc(sizeof *saga));
    saga->no = no;
    grow(&shard->sagas, shard->sagas_count, &shard->sagas_capacity, sizeof *shard->sagas);
    memmove(&shard->sagas[index + 1], &shard->sagas[index],
            (shard->sagas_count - index) * sizeof *shard->sagas);
    shard->sagas[index] = saga;
    shard->sagas_count += 1;
    return saga;
}

static void event_insert(struct memory_shard *shard, const struct sk_event_row *row,
                         uint64_t position)
{
    struct memory_event *event = sk_memory_must(sk_alloc(sizeof *event + row->data.size));
    event->row = *row;
    char *at = (char *)(event + 1);
    event->row.data = put_text(&at, row->data);
    event->row.position = position;

    struct memory_saga *saga = saga_ensure(shard, row->no);
    size_t index = sk_memory_event(saga, row->seq);
    grow(&saga->events, saga->events_count, &saga->events_capacity, sizeof *saga->events);
    memmove(&saga->events[index + 1], &saga->events[index],
            (saga->events_count - index) * sizeof *saga->events);
    saga->events[index] = event;
    saga->events_count += 1;

    grow(&shard->events, shard->events_count, &shard->events_capacity, sizeof *shard->events);
    shard->events[shard->events_count++] = (struct memory_place){ position, event };
}

static void events_compact(struct memory_shard *shard)
{
    if (shard->events_dead * 2 <= shard->events_count) return;
    size_t kept = 0;
    for (size_t i = 0; i < shard->events_count; i++)
        if (shard->events[i].event != NULL) shard->events[kept++] = shard->events[i];
    shard->events_count = kept;
    shard->events_dead = 0;
}

/* Removes the saga's first `count` events. */
static void events_drop(struct memory_shard *shard, struct memory_saga *saga, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t place = sk_memory_place(shard, saga->events[i]->row.position);
        SK_ASSERT(shard->events[place].event == saga->events[i]); /* M2 */
        shard->events[place].event = NULL;
        shard->events_dead += 1;
        sk_free(saga->events[i]);
    }
    if (count > 0)
        memmove(saga->events, saga->events + count,
                (saga->events_count - count) * sizeof *saga->events);
    saga->events_count -= count;
    events_compact(shard);
}

static void saga_free(struct memory_data *data, struct memory_saga *saga)
{
    if (saga->texts != NULL) HASH_DELETE(by_id, data->by_id, saga);
    while (saga->tags != NULL) {
        struct memory_tag *next = saga->tags->next;
        sk_free(saga->tags);
        saga->tags = next;
    }
    sk_free(saga->events);
    sk_free(saga->texts);
    sk_free(saga);
}

static void saga_remove(struct memory_data *data, struct memory_shard *shard, uint64_t no)
{
    size_t index = 0;
    struct memory_saga *saga = sk_memory_saga(shard, no, &index);
    if (saga == NULL) return;
    struct memory_row *row, *next;
    HASH_ITER(hh, shard->keys, row, next)
    {
        if (saga->texts != NULL && sk_str_equal(row->target, saga->head.id))
            row_remove(&shard->keys, row->name);
    }
    HASH_ITER(hh, shard->letters, row, next)
    {
        if (row->no == no) row_remove(&shard->letters, row->name);
    }
    events_drop(shard, saga, saga->events_count);
    memmove(&shard->sagas[index], &shard->sagas[index + 1],
            (shard->sagas_count - index - 1) * sizeof *shard->sagas);
    shard->sagas_count -= 1;
    saga_free(data, saga);
}

/* R3: after the first writing only what a saga's life changes. */
static void head_update(struct sk_head *head, const struct sk_head *from)
{
    head->state = from->state;
    head->reason = from->reason;
    head->has_residue = from->has_residue;
    head->open = from->open;
    head->priority = from->priority;
    head->wake_at_ms = from->wake_at_ms;
    head->deadline_ms = from->deadline_ms;
    head->seq = from->seq;
    head->updated_at_ms = from->updated_at_ms;
    head->ended_at_ms = from->ended_at_ms;
}

static void head_put(struct memory_data *data, uint32_t shard, const struct sk_head *head)
{
    struct memory_saga *saga = saga_ensure(&data->shards[shard], head->no);
    if (saga->texts != NULL) {
        head_update(&saga->head, head);
        return;
    }
    size_t size = head->id.size + head->space.size + head->business_key.size + head->parent.size;
    saga->texts = sk_memory_must(sk_alloc(size));
    saga->head = *head;
    saga->head.shard = shard;
    char *at = saga->texts;
    saga->head.id = put_text(&at, head->id);
    saga->head.space = put_text(&at, head->space);
    saga->head.business_key = put_text(&at, head->business_key);
    saga->head.parent = put_text(&at, head->parent);
    HASH_ADD_KEYPTR(by_id, data->by_id, saga->head.id.data, saga->head.id.size, saga);
}

static void tag_put(struct memory_shard *shard, const struct sk_tag_row *row)
{
    struct memory_saga *saga = saga_ensure(shard, row->no);
    for (const struct memory_tag *tag = saga->tags; tag != NULL; tag = tag->next)
        if (sk_str_equal(tag->key, row->key) && sk_str_equal(tag->value, row->value)) return;
    struct memory_tag *tag =
        sk_memory_must(sk_alloc(sizeof *tag + row->key.size + row->value.size));
    char *at = (char *)(tag + 1);
    tag->key = put_text(&at, row->key);
    tag->value = put_text(&at, row->value);
    tag->next = saga->tags;
    saga->tags = tag;
}

static void tally_add(struct memory_shard *shard, const struct sk_tally_row *row)
{
    struct memory_tally *tally = NULL;
    struct memory_tally wanted = { .key = { row->definition, row->state } };
    HASH_FIND(hh, shard->tallies, &wanted.key, sizeof wanted.key, tally);
    if (tally == NULL) {
        tally = sk_memory_must(sk_alloc(sizeof *tally));
        tally->key = wanted.key;
        tally->row = *row;
        tally->row.n = 0;
        HASH_ADD(hh, shard->tallies, key, sizeof tally->key, tally);
    }
    tally->row.n += row->n;
}

/* ---- the part -------------------------------------------------------------------------------- */

static void insert_named_rows(struct memory_shard *shard, const struct sk_part *part)
{
    for (uint32_t i = 0; i < part->keys_count; i++) {
        const struct sk_start_key_row *key = &part->keys[i];
        struct memory_row *row = row_new(key->key, key->saga_id, (struct sk_str){ 0 });
        row->digest = key->digest;
        row->at_ms = key->expires_at_ms;
        row_put(&shard->keys, row);
    }
    for (uint32_t i = 0; i < part->messages_count; i++) {
        const struct sk_message_row *message = &part->messages[i];
        struct memory_row *row = row_new(message->id, message->target, message->body);
        row->shard = message->to_shard;
        row->kind = message->kind;
        row_put(&shard->messages, row);
    }
    for (uint32_t i = 0; i < part->consumed_count; i++) {
        struct memory_row *row =
            row_new(part->consumed[i].id, (struct sk_str){ 0 }, (struct sk_str){ 0 });
        row->shard = part->consumed[i].from_shard;
        row_put(&shard->consumed, row);
    }
    for (uint32_t i = 0; i < part->letters_count; i++) {
        const struct sk_dead_letter_row *letter = &part->letters[i];
        struct memory_row *row = row_new(letter->id, (struct sk_str){ 0 }, letter->body);
        row->no = letter->no;
        row->seq = letter->seq;
        row->at_ms = letter->at_ms;
        row_put(&shard->letters, row);
    }
    for (uint32_t i = 0; i < part->cursors_count; i++) {
        struct memory_row *row =
            row_new(part->cursors[i].name, (struct sk_str){ 0 }, (struct sk_str){ 0 });
        row->seq = part->cursors[i].position;
        row_put(&shard->cursors, row);
    }
}

static void remove_named_rows(struct memory_shard *shard, const struct sk_part *part)
{
    for (uint32_t i = 0; i < part->messages_gone_count; i++)
        row_remove(&shard->messages, part->messages_gone[i]);
    for (uint32_t i = 0; i < part->consumed_gone_count; i++)
        row_remove(&shard->consumed, part->consumed_gone[i]);
    for (uint32_t i = 0; i < part->letters_gone_count; i++)
        row_remove(&shard->letters, part->letters_gone[i]);
    for (uint32_t i = 0; i < part->trims_count; i++) {
        struct memory_saga *saga = sk_memory_saga(shard, part->trims[i].no, NULL);
        if (saga != NULL) events_drop(shard, saga, sk_memory_event(saga, part->trims[i].below_seq));
    }
}

struct sk_str sk_memory_record_name(const struct sk_record_row *row, struct sk_arena *arena)
{
    char *name = sk_memory_must(sk_arena_alloc(arena, row->id.size + 1));
    name[0] = (char)row->kind;
    if (row->id.size > 0) memcpy(name + 1, row->id.data, row->id.size);
    return (struct sk_str){ name, row->id.size + 1 };
}

static void put_records(struct memory_shard *shard, const struct sk_part *part)
{
    struct sk_arena scratch;
    sk_arena_init(&scratch);
    for (uint32_t i = 0; i < part->records_count; i++) {
        const struct sk_record_row *record = &part->records[i];
        struct sk_str name = sk_memory_record_name(record, &scratch);
        if (record->is_gone) {
            row_remove(&shard->records, name);
        } else {
            row_put(&shard->records, row_new(name, (struct sk_str){ 0 }, record->body));
        }
    }
    sk_arena_release(&scratch);
}

void sk_memory_apply(struct memory_data *data, struct sk_part *part, int64_t now_ms)
{
    if (!sk_memory_check(data, part, now_ms)) return;
    struct memory_shard *shard = &data->shards[part->shard];
    for (uint32_t i = 0; i < part->removed_count; i++) saga_remove(data, shard, part->removed[i]);
    for (uint32_t i = 0; i < part->heads_count; i++) head_put(data, part->shard, &part->heads[i]);
    for (uint32_t i = 0; i < part->events_count; i++)
        event_insert(shard, &part->events[i], part->first_position + i);
    for (uint32_t i = 0; i < part->tags_count; i++) tag_put(shard, &part->tags[i]);
    for (uint32_t i = 0; i < part->tallies_count; i++) tally_add(shard, &part->tallies[i]);
    insert_named_rows(shard, part);
    remove_named_rows(shard, part);
    put_records(shard, part);
    shard->position += sk_part_width(part);
    memcpy(shard->batch_id, part->batch_id, SK_BATCH_ID_SIZE);
    part->result = SK_PART_DONE;
    part->message[0] = '\0';
}

/* ---- the end --------------------------------------------------------------------------------- */

static void rows_free(struct memory_row **table)
{
    struct memory_row *row, *next;
    HASH_ITER(hh, *table, row, next)
    {
        HASH_DEL(*table, row);
        sk_free(row);
    }
}

static void shard_release(struct memory_data *data, struct memory_shard *shard)
{
    for (size_t i = 0; i < shard->sagas_count; i++) saga_free(data, shard->sagas[i]);
    for (size_t i = 0; i < shard->events_count; i++) sk_free(shard->events[i].event);
    rows_free(&shard->keys);
    rows_free(&shard->messages);
    rows_free(&shard->consumed);
    rows_free(&shard->letters);
    rows_free(&shard->cursors);
    rows_free(&shard->records);
    struct memory_tally *tally, *next;
    HASH_ITER(hh, shard->tallies, tally, next)
    {
        HASH_DEL(shard->tallies, tally);
        sk_free(tally);
    }
    sk_free(shard->sagas);
    sk_free(shard->events);
    sk_free(shard->owner);
}

void sk_memory_data_release(struct memory_data *data)
{
    for (uint32_t i = 0; i < data->shards_count; i++) shard_release(data, &data->shards[i]);
    struct memory_definition *definition, *next;
    HASH_ITER(hh, data->definitions, definition, next)
    {
        HASH_DEL(data->definitions, definition);
        sk_free(definition);
    }
    sk_free(data->shards);
    sk_arena_release(&data->arena);
}

/* memory_read.c: the answers of the memory store; orders and cuts are those of rows.h R7, R8. */
#include "store/memory_data.h"

#include <stdlib.h>

typedef void read_kind(const struct memory_data *data, const struct sk_read *read,
                       struct sk_rows *rows);

/* ---- collecting and sorting pointers --------------------------------------------------------- */

struct found {
    const void **items;
    size_t count, capacity;
};

static void found_add(struct found *found, const void *item)
{
    if (found->count == found->capacity) {
        found->capacity = found->capacity == 0 ? 64 : found->capacity * 2;
        found->items =
            sk_memory_must(sk_realloc(found->items, found->capacity * sizeof *found->items));
    }
    found->items[found->count++] = item;
}

static void found_sort(struct found *found, int (*compare)(const void *, const void *))
{
    if (found->count > 1) qsort(found->items, found->count, sizeof *found->items, compare);
}

/* ---- heads ----------------------------------------------------------------------------------- */

static void add_head(struct sk_rows *rows, const struct sk_head *head)
{
    struct sk_head *row = SK_ROWS_ADD(rows, heads);
    if (row != NULL) sk_head_copy(&rows->arena, head, row);
}

static void read_head(const struct memory_data *data, const struct sk_read *read,
                      struct sk_rows *rows)
{
    struct memory_saga *saga = NULL;
    HASH_FIND(by_id, data->by_id, read->id.data, read->id.size, saga);
    if (saga != NULL) add_head(rows, &saga->head);
}

static void read_active(const struct memory_data *data, const struct sk_read *read,
                        struct sk_rows *rows)
{
    if (read->shard >= data->shards_count || read->after == UINT64_MAX) return;
    const struct memory_shard *shard = &data->shards[read->shard];
    size_t i = 0;
    sk_memory_saga(shard, read->after + 1, &i);
    for (; i < shard->sagas_count && !rows->has_more; i++) {
        const struct memory_saga *saga = shard->sagas[i];
        if (saga->texts == NULL || !sk_head_is_active(&saga->head)) continue;
        if (read->only_due && saga->head.wake_at_ms > read->due_at_ms) continue;
        rows->has_more = sk_rows_is_full(rows, rows->heads_count, read, sk_read_limit(read));
        if (!rows->has_more) add_head(rows, &saga->head);
    }
}

static bool has_tag(const struct memory_saga *saga, struct sk_str key, struct sk_str value)
{
    for (const struct memory_tag *tag = saga->tags; tag != NULL; tag = tag->next)
        if (sk_str_equal(tag->key, key) && sk_str_equal(tag->value, value)) return true;
    return false;
}

static bool is_or_any(struct sk_str wanted, struct sk_str have)
{
    return wanted.size == 0 || sk_str_equal(wanted, have);
}

static bool is_of_definition(const struct memory_data *data, const struct sk_digest *digest,
                             const struct sk_list_filter *f)
{
    if (f->definition_id.size == 0) return true;
    struct memory_definition *definition = NULL;
    HASH_FIND(hh, data->definitions, digest, sizeof *digest, definition);
    return definition != NULL && sk_str_equal(definition->row.id, f->definition_id) &&
           is_or_any(f->definition_version, definition->row.version);
}

static bool is_listed(const struct memory_data *data, const struct sk_list_filter *f,
                      const struct memory_saga *saga, bool seen)
{
    if (saga->texts == NULL || !sk_list_matches(f, &saga->head, seen)) return false;
    for (uint32_t i = 0; i < f->tags_count; i++)
        if (!has_tag(saga, f->tags[i].key, f->tags[i].value)) return false;
    return is_of_definition(data, &saga->head.definition, f);
}

static int compare_heads(const void *a, const void *b, void *context)
{
    return sk_list_compare(context, *(const struct sk_head *const *)a,
                           *(const struct sk_head *const *)b);
}

static void find_listed(const struct memory_data *data, const struct sk_list_filter *filter,
                        bool seen, struct found *found)
{
    for (uint32_t s = 0; s < data->shards_count; s++) {
        const struct memory_shard *shard = &data->shards[s];
        for (size_t i = 0; i < shard->sagas_count; i++)
            if (is_listed(data, filter, shard->sagas[i], seen))
                found_add(found, &shard->sagas[i]->head);
    }
}

static void read_list(const struct memory_data *data, const struct sk_read *read,
                      struct sk_rows *rows)
{
    struct found found = { 0 };
    struct sk_list_filter filter = read->filter;
    find_listed(data, &filter, true, &found);
    if (found.count > 1)
        qsort_r(found.items, found.count, sizeof *found.items, compare_heads, &filter);
    for (size_t i = filter.offset; i < found.count && !rows->has_more; i++) {
        rows->has_more = sk_rows_is_full(rows, rows->heads_count, read, sk_read_limit(read));
        if (!rows->has_more) add_head(rows, found.items[i]);
    }
    sk_free(found.items);
}

static void read_count(const struct memory_data *data, const struct sk_read *read,
                       struct sk_rows *rows)
{
    struct found found = { 0 };
    find_listed(data, &read->filter, false, &found);
    rows->total = found.count;
    sk_free(found.items);
}

/* ---- events ---------------------------------------------------------------------------------- */

/* false when the answer is full. */
static bool add_event(const struct sk_read *read, struct sk_rows *rows,
                      const struct sk_event_row *event)
{
    rows->has_more = sk_rows_is_full(rows, rows->events_count, read, sk_read_limit(read));
    if (rows->has_more) return false;
    struct sk_event_row *row = SK_ROWS_ADD(rows, events);
    if (row == NULL) return false;
    *row = *event;
    row->data = sk_arena_copy(&rows->arena, event->data);
    return true;
}

static void read_events(const struct memory_data *data, const struct sk_read *read,
                        struct sk_rows *rows)
{
    if (read->shard >= data->shards_count || read->after == UINT64_MAX) return;
    const struct memory_saga *saga = sk_memory_saga(&data->shards[read->shard], read->no, NULL);
    if (saga == NULL) return;
    for (size_t i = sk_memory_event(saga, read->after + 1); i < saga->events_count; i++)
        if (!add_event(read, rows, &saga->events[i]->row)) return;
}

static void read_positions(const struct memory_data *data, const struct sk_read *read,
                           struct sk_rows *rows)
{
    if (read->shard >= data->shards_count || read->after == UINT64_MAX) return;
    const struct memory_shard *shard = &data->shards[read->shard];
    for (size_t i = sk_memory_place(shard, read->after + 1); i < shard->events_count; i++) {
        const struct memory_event *event = shard->events[i].event;
        if (event == NULL) continue;
        if (!add_event(read, rows, &event->row)) return;
        const struct memory_saga *saga = sk_memory_saga(shard, event->row.no, NULL);
        if (saga == NULL || saga->texts == NULL) continue;
        struct sk_event_row *row = &rows->events[rows->events_count - 1];
        row->saga_id = sk_arena_copy(&rows->arena, saga->head.id);
        row->definition = saga->head.definition;
        row->is_lock = saga->head.is_lock;
    }
}

/* ---- rows found by a text -------------------------------------------------------------------- */

static int compare_rows_by_name(const void *a, const void *b)
{
    const struct memory_row *x = *(const struct memory_row *const *)a;
    const struct memory_row *y = *(const struct memory_row *const *)b;
    return sk_str_compare(x->name, y->name);
}

static void read_messages(const struct memory_data *data, const struct sk_read *read,
                          struct sk_rows *rows)
{
    if (read->shard >= data->shards_count) return;
    const struct memory_row *row = data->shards[read->shard].messages; /* in order of writing */
    const struct memory_row *last = sk_memory_row(data->shards[read->shard].messages, read->id);
    if (last != NULL) row = last->hh.next;
    for (; row != NULL; row = row->hh.next) {
        rows->has_more = sk_rows_is_full(rows, rows->messages_count, read, sk_read_limit(read));
        if (rows->has_more) return;
        struct sk_message_row *out = SK_ROWS_ADD(rows, messages);
        if (out == NULL) return;
        out->id = sk_arena_copy(&rows->arena, row->name);
        out->to_shard = row->shard;
        out->kind = row->kind;
        out->target = sk_arena_copy(&rows->arena, row->target);
        out->body = sk_arena_copy(&rows->arena, row->body);
    }
}

static void read_consumed(const struct memory_data *data, const struct sk_read *read,
                          struct sk_rows *rows)
{
    if (read->shard >= data->shards_count) return;
    struct found found = { 0 };
    const struct memory_row *row = data->shards[read->shard].consumed;
    for (; row != NULL; row = row->hh.next)
        if (sk_str_compare(row->name, read->id) > 0) found_add(&found, row);
    found_sort(&found, compare_rows_by_name);
    for (size_t i = 0; i < found.count && !rows->has_more; i++) {
        rows->has_more = sk_rows_is_full(rows, rows->consumed_count, read, sk_read_limit(read));
        struct sk_consumed_row *out = rows->has_more ? NULL : SK_ROWS_ADD(rows, consumed);
        if (out == NULL) break;
        row = found.items[i];
        out->id = sk_arena_copy(&rows->arena, row->name);
        out->from_shard = row->shard;
    }
    sk_free(found.items);
}

static void read_cursor(const struct memory_data *data, const struct sk_read *read,
                        struct sk_rows *rows)
{
    if (read->shard >= data->shards_count) return;
    struct found found = { 0 };
    const struct memory_row *row = data->shards[read->shard].cursors;
    for (; row != NULL; row = row->hh.next)
        if (is_or_any(read->key, row->name)) found_add(&found, row);
    found_sort(&found, compare_rows_by_name);
    for (size_t i = 0; i < found.count && !rows->has_more; i++) {
        rows->has_more = sk_rows_is_full(rows, rows->cursors_count, read, sk_read_limit(read));
        struct sk_cursor_row *out = rows->has_more ? NULL : SK_ROWS_ADD(rows, cursors);
        if (out == NULL) break;
        row = found.items[i];
        out->name = sk_arena_copy(&rows->arena, row->name);
        out->position = row->seq;
    }
    sk_free(found.items);
}

static void find_records(const struct memory_shard *shard, const struct sk_read *read,
                         struct found *found)
{
    for (const struct memory_row *row = shard->records; row != NULL; row = row->hh.next) {
        struct sk_str id = sk_str_sub(row->name, 1, row->name.size);
        bool is_kind = read->record_kind == 0 || row->name.data[0] == (char)read->record_kind;
        if (!is_kind) continue;
        if (!is_or_any(read->key, id) || sk_str_compare(id, read->id) <= 0) continue;
        found_add(found, row);
    }
}

static uint32_t shard_of_row(const struct memory_data *data, const struct memory_row *row)
{
    uint32_t s = 0;
    while (sk_memory_row(data->shards[s].records, row->name) != row) s += 1;
    return s;
}

static void read_records(const struct memory_data *data, const struct sk_read *read,
                         struct sk_rows *rows)
{
    struct found found = { 0 };
    for (uint32_t s = 0; s < data->shards_count; s++)
        if (read->shard == SK_SHARD_ALL || read->shard == s)
            find_records(&data->shards[s], read, &found);
    found_sort(&found, compare_rows_by_name);
    for (size_t i = 0; i < found.count && !rows->has_more; i++) {
        rows->has_more = sk_rows_is_full(rows, rows->records_count, read, sk_read_limit(read));
        struct sk_record_row *out = rows->has_more ? NULL : SK_ROWS_ADD(rows, records);
        if (out == NULL) break;
        const struct memory_row *row = found.items[i];
        out->kind = (enum sk_record_kind)row->name.data[0];
        out->id = sk_arena_copy(&rows->arena, sk_str_sub(row->name, 1, row->name.size));
        out->body = sk_arena_copy(&rows->arena, row->body);
        out->shard = shard_of_row(data, row);
    }
    sk_free(found.items);
}

static void read_start_key(const struct memory_data *data, const struct sk_read *read,
                           struct sk_rows *rows)
{
    if (read->shard >= data->shards_count) return;
    const struct memory_row *row = sk_memory_row(data->shards[read->shard].keys, read->key);
    if (row == NULL || row->at_ms <= read->due_at_ms) return; /* R5 */
    struct sk_start_key_row *out = SK_ROWS_ADD(rows, keys);
    if (out == NULL) return;
    out->key = sk_arena_copy(&rows->arena, row->name);
    out->saga_id = sk_arena_copy(&rows->arena, row->target);
    out->digest = row->digest;
    out->expires_at_ms = row->at_ms;
}

static int compare_letters_newest(const void *a, const void *b)
{
    const struct memory_row *x = *(const struct memory_row *const *)a;
    const struct memory_row *y = *(const struct memory_row *const *)b;
    if (x->at_ms != y->at_ms) return x->at_ms > y->at_ms ? -1 : 1;
    return sk_str_compare(y->name, x->name);
}

static bool is_before_cursor(const struct sk_list_filter *filter, int64_t at_ms, struct sk_str id)
{
    if (filter->cursor_created_at_ms == 0) return true;
    if (at_ms != filter->cursor_created_at_ms) return at_ms < filter->cursor_created_at_ms;
    return sk_str_compare(id, filter->cursor_id) < 0;
}

static void read_letters(const struct memory_data *data, const struct sk_read *read,
                         struct sk_rows *rows)
{
    struct found found = { 0 };
    for (uint32_t s = 0; s < data->shards_count; s++) {
        if (read->shard != SK_SHARD_ALL && read->shard != s) continue;
        const struct memory_row *row = data->shards[s].letters;
        for (; row != NULL; row = row->hh.next)
            if (is_or_any(read->id, row->name) &&
                is_before_cursor(&read->filter, row->at_ms, row->name))
                found_add(&found, row);
    }
    found_sort(&found, compare_letters_newest);
    for (size_t i = 0; i < found.count && !rows->has_more; i++) {
        rows->has_more = sk_rows_is_full(rows, rows->letters_count, read, sk_read_limit(read));
        struct sk_dead_letter_row *out = rows->has_more ? NULL : SK_ROWS_ADD(rows, letters);
        if (out == NULL) break;
        const struct memory_row *row = found.items[i];
        out->id = sk_arena_copy(&rows->arena, row->name);
        out->no = row->no;
        out->seq = row->seq;
        out->at_ms = row->at_ms;
        out->body = sk_arena_copy(&rows->arena, row->body);
    }
    sk_free(found.items);
}

/* ---- definitions, tallies, shards ------------------------------------------------------------ */

static int compare_definitions(const void *a, const void *b)
{
    const struct sk_definition_row *x = *(const struct sk_definition_row *const *)a;
    const struct sk_definition_row *y = *(const struct sk_definition_row *const *)b;
    int order = sk_str_compare(x->id, y->id);
    return order != 0 ? order : sk_str_compare(x->version, y->version);
}

static bool is_wanted_definition(const struct sk_read *read, const struct sk_definition_row *row)
{
    if (read->digest != NULL) return sk_digest_equal(read->digest, &row->digest);
    if (read->id.size > 0 && !sk_str_equal(read->id, row->id)) return false;
    if (read->id.size > 0)
        return read->version.size == 0 ? row->is_latest : sk_str_equal(read->version, row->version);
    if (read->key.size == 0) return true;
    int order = sk_str_compare(row->id, read->key);
    return order > 0 || (order == 0 && sk_str_compare(row->version, read->version) > 0);
}

static void read_definitions(const struct memory_data *data, const struct sk_read *read,
                             struct sk_rows *rows)
{
    struct found found = { 0 };
    const struct memory_definition *definition = data->definitions;
    for (; definition != NULL; definition = definition->hh.next)
        if (is_wanted_definition(read, &definition->row)) found_add(&found, &definition->row);
    found_sort(&found, compare_definitions);
    for (size_t i = 0; i < found.count && !rows->has_more; i++) {
        rows->has_more = sk_rows_is_full(rows, rows->definitions_count, read, sk_read_limit(read));
        struct sk_definition_row *out = rows->has_more ? NULL : SK_ROWS_ADD(rows, definitions);
        if (out == NULL) break;
        sk_definition_row_copy(&rows->arena, found.items[i], out);
    }
    sk_free(found.items);
}

static int compare_tallies(const void *a, const void *b)
{
    const struct sk_tally_row *x = a;
    const struct sk_tally_row *y = b;
    int order = memcmp(x->definition.bytes, y->definition.bytes, SK_DIGEST_SIZE);
    return order != 0 ? order : (x->state > y->state) - (x->state < y->state);
}

/* Adds rows of the same key together and drops zeros. */
static void sum_tallies(struct sk_rows *rows)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < rows->tallies_count; i++) {
        struct sk_tally_row row = rows->tallies[i];
        while (i + 1 < rows->tallies_count && compare_tallies(&row, &rows->tallies[i + 1]) == 0)
            row.n += rows->tallies[++i].n;
        if (row.n != 0) rows->tallies[kept++] = row;
    }
    rows->tallies_count = kept;
}

static void read_tallies(const struct memory_data *data, const struct sk_read *read,
                         struct sk_rows *rows)
{
    (void)read;
    for (uint32_t s = 0; s < data->shards_count; s++) {
        const struct memory_tally *tally = data->shards[s].tallies;
        for (; tally != NULL; tally = tally->hh.next) {
            struct sk_tally_row *out = SK_ROWS_ADD(rows, tallies);
            if (out != NULL) *out = tally->row;
        }
    }
    if (rows->tallies_count > 1)
        qsort(rows->tallies, rows->tallies_count, sizeof *rows->tallies, compare_tallies);
    sum_tallies(rows);
}

static void read_shards(const struct memory_data *data, const struct sk_read *read,
                        struct sk_rows *rows)
{
    (void)read;
    for (uint32_t s = 0; s < data->shards_count; s++) {
        const struct memory_shard *shard = &data->shards[s];
        struct sk_shard_row *out = SK_ROWS_ADD(rows, shards);
        if (out == NULL) return;
        out->shard = s;
        out->epoch = shard->epoch;
        out->position = shard->position;
        memcpy(out->batch_id, shard->batch_id, SK_BATCH_ID_SIZE);
        out->owner =
            sk_arena_copy(&rows->arena, (struct sk_str){ shard->owner, shard->owner_size });
        out->expires_at_ms = shard->expires_at_ms;
    }
}

static void read_meta(const struct memory_data *data, const struct sk_read *read,
                      struct sk_rows *rows)
{
    (void)read;
    rows->meta = (struct sk_meta){ "siphash24", data->shards_count, 4, data->incarnation };
}

static read_kind *const kinds[] = {
    [SK_READ_META] = read_meta,
    [SK_READ_SHARDS] = read_shards,
    [SK_READ_HEAD] = read_head,
    [SK_READ_EVENTS] = read_events,
    [SK_READ_ACTIVE] = read_active,
    [SK_READ_LIST] = read_list,
    [SK_READ_COUNT] = read_count,
    [SK_READ_POSITIONS] = read_positions,
    [SK_READ_MESSAGES] = read_messages,
    [SK_READ_CONSUMED] = read_consumed,
    [SK_READ_DEFINITIONS] = read_definitions,
    [SK_READ_TALLIES] = read_tallies,
    [SK_READ_START_KEY] = read_start_key,
    [SK_READ_DEAD_LETTERS] = read_letters,
    [SK_READ_CURSOR] = read_cursor,
    [SK_READ_RECORDS] = read_records,
};

void sk_memory_read(const struct memory_data *data, const struct sk_read *read,
                    struct sk_rows *rows)
{
    SK_ASSERT((size_t)read->kind < sizeof kinds / sizeof kinds[0]);
    kinds[read->kind](data, read, rows);
    if (rows->arena.failed)
        rows->status = sk_error_set(&rows->error, SKALD_E_MEMORY, "out of memory while reading");
}

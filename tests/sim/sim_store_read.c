/*
 * sim_store_read.c: answers of the simulated store. A read sees the durable state at one instant
 * between the call and its answer (S3). Texts are the world's and stay; arrays are the answer's.
 */
#include "node.h"
#include "reached.h"
#include "sim_store.h"

#include "core/saga.h"

#include <stdlib.h>

enum { LIMIT_DEFAULT = 1000, SHARD_ALL = -1 };

struct reading {
    struct sim_handle *handle;
    struct sk_read read;
    struct sk_digest digest;
    sk_read_done *done;
    void *context;
    struct sk_rows rows;
};

static void *add(struct sk_rows *rows, void *array, uint32_t *count, size_t size)
{
    void *old = *(void **)array;
    if ((*count & (*count - 1)) == 0) { /* full at 0, 1, 2, 4, 8 … */
        void *grown = sk_arena_array(&rows->arena, *count == 0 ? 1 : (size_t)*count * 2, size);
        if (*count > 0) memcpy(grown, old, *count * size);
        *(void **)array = grown;
        old = grown;
    }
    return (char *)old + (size_t)(*count)++ * size;
}
#define ADD(rows, member) \
    add((rows), &(rows)->member, &(rows)->member##_count, sizeof *(rows)->member)

static bool is_full(struct sk_rows *rows, uint32_t count, const struct sk_read *read)
{
    uint32_t limit = read->limit == 0 ? LIMIT_DEFAULT : read->limit;
    if (count >= limit) rows->has_more = true;
    return rows->has_more;
}

static bool is_active(const struct sk_head *head)
{
    return !sk_saga_state_is_end((enum sk_saga_state)head->state) || head->open > 0;
}

static void read_active(const struct sim_shard *shard, const struct sk_read *read,
                        struct sk_rows *rows)
{
    for (uint32_t i = 0; i < shard->rows_count; i++) {
        const struct sim_row *row = shard->rows[i];
        if (row->is_removed || row->head.no <= read->after || !is_active(&row->head)) continue;
        if (read->only_due && row->head.wake_at_ms > read->due_at_ms) continue;
        if (is_full(rows, rows->heads_count, read)) return;
        *(struct sk_head *)ADD(rows, heads) = row->head;
    }
}

/* What a medium that went bad gives back: an error, or rows that cannot be a history. */
static void damage_events(const struct sim_row *row, struct sk_rows *rows)
{
    uint32_t at = rows->events_count == 0 ? 0 : row->damaged_at % rows->events_count;
    struct sk_event_row *event = &rows->events[at];
    switch ((enum sim_damage)row->damage) {
    case SIM_DAMAGE_NONE: break;
    case SIM_DAMAGE_ERROR:
        rows->events_count = 0;
        rows->has_more = false;
        rows->status = sk_error_set(&rows->error, SKALD_E_CORRUPT, "its pages are damaged");
        break;
    case SIM_DAMAGE_CUT:
        if (rows->events_count > 0 && event->data.size > 0) event->data.size -= 1;
        break;
    case SIM_DAMAGE_TYPE:
        if (rows->events_count > 0) event->type = SK_EVENT_TYPES_MAX - 1;
        break;
    case SIM_DAMAGE_LOST: /* one of them, or the last */
        if (rows->events_count == 0) break;
        rows->events_count -= 1;
        memmove(event, event + 1, (rows->events_count - at) * sizeof *event);
        break;
    case SIM_DAMAGE_ALL: rows->events_count = 0; break;
    }
}

static void read_events(struct sim_world *world, const struct sim_shard *shard,
                        const struct sk_read *read, struct sk_rows *rows)
{
    struct sim_row *row = sim_shard_row(shard, read->no);
    for (uint32_t i = row == NULL ? 0 : row->events_from; row != NULL && i < row->events_count;
         i++) {
        if (row->events[i].seq <= read->after) continue;
        if (is_full(rows, rows->events_count, read)) break;
        *(struct sk_event_row *)ADD(rows, events) = row->events[i];
    }
    if (row != NULL && sim_row_damage(world, row)) damage_events(row, rows);
}

static int by_position(const void *a, const void *b)
{
    const struct sk_event_row *x = a, *y = b;
    return (x->position > y->position) - (x->position < y->position);
}

static void read_positions(const struct sim_shard *shard, const struct sk_read *read,
                           struct sk_rows *rows)
{
    for (uint32_t i = 0; i < shard->rows_count; i++) {
        const struct sim_row *row = shard->rows[i];
        for (uint32_t k = row->events_from; !row->is_removed && k < row->events_count; k++) {
            if (row->events[k].position <= read->after) continue;
            struct sk_event_row *event = ADD(rows, events);
            *event = row->events[k];
            event->saga_id = row->head.id;
            event->definition = row->head.definition;
            event->is_lock = row->head.is_lock;
        }
    }
    if (rows->events_count > 1)
        qsort(rows->events, rows->events_count, sizeof *rows->events, by_position);
    uint32_t limit = read->limit == 0 ? LIMIT_DEFAULT : read->limit;
    if (rows->events_count <= limit) return;
    rows->events_count = limit;
    rows->has_more = true;
}

static void read_messages(const struct sim_shard *shard, const struct sk_read *read,
                          struct sk_rows *rows)
{
    uint32_t from = 0;
    for (uint32_t i = 0; i < shard->messages_count; i++) {
        if (read->id.size > 0 && sk_str_equal(shard->messages[i].id, read->id)) from = i + 1;
    }
    for (uint32_t i = from; i < shard->messages_count; i++) {
        if (is_full(rows, rows->messages_count, read)) return;
        *(struct sk_message_row *)ADD(rows, messages) = shard->messages[i];
    }
}

static int by_id(const void *a, const void *b)
{
    const struct sk_consumed_row *x = a, *y = b;
    return sk_str_compare(x->id, y->id);
}

static void read_consumed(const struct sim_shard *shard, const struct sk_read *read,
                          struct sk_rows *rows)
{
    for (uint32_t i = 0; i < shard->consumed_count; i++) {
        if (sk_str_compare(shard->consumed[i].id, read->id) <= 0 && read->id.size > 0) continue;
        *(struct sk_consumed_row *)ADD(rows, consumed) = shard->consumed[i];
    }
    if (rows->consumed_count > 1)
        qsort(rows->consumed, rows->consumed_count, sizeof *rows->consumed, by_id);
    uint32_t limit = read->limit == 0 ? LIMIT_DEFAULT : read->limit;
    if (rows->consumed_count <= limit) return;
    rows->consumed_count = limit;
    rows->has_more = true;
}

static void read_definitions(const struct sim_store *store, const struct sk_read *read,
                             struct sk_rows *rows)
{
    for (uint32_t i = 0; i < store->definitions_count; i++) {
        const struct sk_definition_row *row = &store->definitions[i].row;
        bool is_wanted = true;
        if (read->digest != NULL) {
            is_wanted = sk_digest_equal(read->digest, &row->digest);
        } else if (read->id.size > 0) {
            is_wanted = sk_str_equal(read->id, row->id) &&
                        (read->version.size == 0 ? row->is_latest
                                                 : sk_str_equal(read->version, row->version));
        }
        if (is_wanted) *(struct sk_definition_row *)ADD(rows, definitions) = *row;
    }
}

/* ---- lists: as retention, batches and people ask --------------------------------------------- */

static bool is_of(const struct sim_store *store, const struct sk_digest *digest, struct sk_str id)
{
    for (uint32_t i = 0; i < store->definitions_count; i++) {
        const struct sk_definition_row *row = &store->definitions[i].row;
        if (sk_digest_equal(digest, &row->digest)) return sk_str_equal(row->id, id);
    }
    return false;
}

static int64_t list_time(const struct sk_list_filter *f, const struct sk_head *head)
{
    return f->sort == SK_SORT_ENDED ? head->ended_at_ms : head->created_at_ms;
}

static int head_order(const struct sk_list_filter *f, const struct sk_head *head, int64_t at_ms,
                      struct sk_str id)
{
    if (list_time(f, head) != at_ms) return list_time(f, head) < at_ms ? -1 : 1;
    return sk_str_compare(head->id, id);
}

/* from <= time < to; 0 = open */
static bool is_within(int64_t at_ms, int64_t from_ms, int64_t to_ms)
{
    return at_ms >= from_ms && (to_ms == 0 || at_ms < to_ms);
}

static bool is_any_or(struct sk_str wanted, struct sk_str is)
{
    return wanted.size == 0 || sk_str_equal(wanted, is);
}

static bool is_listed(const struct sim_store *store, const struct sk_list_filter *f,
                      const struct sim_row *row)
{
    const struct sk_head *head = &row->head;
    if (row->is_removed || head->is_lock != f->only_locks) return false;
    if (f->states != 0 && (f->states >> head->state & 1u) == 0) return false;
    if (f->reasons != 0 && (f->reasons >> head->reason & 1u) == 0) return false;
    if (f->only_closed && is_active(head)) return false;
    if (f->only_residue && !head->has_residue) return false;
    bool is_timely = is_within(head->created_at_ms, f->created_from_ms, f->created_to_ms) &&
                     is_within(head->updated_at_ms, f->updated_from_ms, f->updated_to_ms);
    bool must_have_ended = f->ended_from_ms != 0 || f->ended_to_ms != 0;
    if (must_have_ended &&
        (head->ended_at_ms == 0 || !is_within(head->ended_at_ms, f->ended_from_ms, f->ended_to_ms)))
        return false;
    if (!is_timely || !is_any_or(f->space, head->space) || !is_any_or(f->parent, head->parent) ||
        !is_any_or(f->business_key, head->business_key))
        return false;
    if (f->cursor_created_at_ms != 0 &&
        head_order(f, head, f->cursor_created_at_ms, f->cursor_id) <= 0)
        return false;
    return f->definition_id.size == 0 || is_of(store, &head->definition, f->definition_id);
}

static void count_list(const struct sim_store *store, const struct sk_read *read,
                       struct sk_rows *rows)
{
    for (const struct sim_row *row = store->first; row != NULL; row = row->next)
        rows->total += is_listed(store, &read->filter, row) ? 1 : 0;
}

static void read_list(const struct sim_store *store, const struct sk_read *read,
                      struct sk_rows *rows)
{
    const struct sk_list_filter *f = &read->filter;
    uint32_t limit = read->limit == 0 ? LIMIT_DEFAULT : read->limit;
    for (const struct sim_row *row = store->first; row != NULL; row = row->next) {
        if (!is_listed(store, f, row)) continue;
        *(struct sk_head *)ADD(rows, heads) = row->head;
        uint32_t i = rows->heads_count - 1; /* to its place */
        for (; i > 0 && head_order(f, &row->head, list_time(f, &rows->heads[i - 1]),
                                   rows->heads[i - 1].id) < 0;
             i--) {
            rows->heads[i] = rows->heads[i - 1];
        }
        rows->heads[i] = row->head;
        rows->has_more = rows->has_more || rows->heads_count > limit;
        if (rows->heads_count > limit) rows->heads_count = limit;
    }
}

static void read_tallies(const struct sim_store *store, struct sk_rows *rows)
{
    for (uint32_t s = 0; s < store->meta.shards_count; s++) {
        for (uint32_t i = 0; i < store->shards[s].tallies_count; i++) {
            const struct sk_tally_row *row = &store->shards[s].tallies[i];
            uint32_t k = 0;
            while (k < rows->tallies_count &&
                   (rows->tallies[k].state != row->state ||
                    !sk_digest_equal(&rows->tallies[k].definition, &row->definition)))
                k += 1;
            if (k < rows->tallies_count) {
                rows->tallies[k].n += row->n;
            } else {
                *(struct sk_tally_row *)ADD(rows, tallies) = *row;
            }
        }
    }
}

static int by_record_id(const void *a, const void *b)
{
    const struct sk_record_row *x = a, *y = b;
    return sk_str_compare(x->id, y->id);
}

static void read_records(const struct sim_store *store, const struct sk_read *read,
                         struct sk_rows *rows)
{
    for (uint32_t s = 0; s < store->meta.shards_count; s++) {
        const struct sim_shard *shard = &store->shards[s];
        for (uint32_t i = 0; i < shard->records_count; i++) {
            const struct sk_record_row *row = &shard->records[i];
            if (read->shard != UINT32_MAX && read->shard != s) continue;
            if (read->record_kind != 0 && row->kind != read->record_kind) continue;
            if (read->key.size > 0 && !sk_str_equal(read->key, row->id)) continue;
            if (sk_str_compare(row->id, read->id) <= 0) continue;
            *(struct sk_record_row *)ADD(rows, records) = *row;
        }
    }
    if (rows->records_count > 1)
        qsort(rows->records, rows->records_count, sizeof *rows->records, by_record_id);
    uint32_t limit = read->limit == 0 ? LIMIT_DEFAULT : read->limit;
    if (rows->records_count <= limit) return;
    rows->records_count = limit;
    rows->has_more = true;
}

static void read_small(const struct sim_store *store, const struct sim_shard *shard,
                       const struct sk_read *read, struct sk_rows *rows)
{
    if (read->kind == SK_READ_META) rows->meta = store->meta;
    for (uint32_t i = 0; read->kind == SK_READ_SHARDS && i < store->meta.shards_count; i++) {
        *(struct sk_shard_row *)ADD(rows, shards) = store->shards[i].row;
    }
    for (uint32_t i = 0; read->kind == SK_READ_START_KEY && i < shard->keys_count; i++) {
        if (!sk_str_equal(shard->keys[i].key, read->key) ||
            shard->keys[i].expires_at_ms <= read->due_at_ms)
            continue;
        *(struct sk_start_key_row *)ADD(rows, keys) = shard->keys[i];
    }
    for (uint32_t i = 0; read->kind == SK_READ_CURSOR && i < shard->cursors_count; i++) {
        if (read->key.size > 0 && !sk_str_equal(shard->cursors[i].name, read->key)) continue;
        *(struct sk_cursor_row *)ADD(rows, cursors) = shard->cursors[i];
    }
    for (uint32_t i = 0; read->kind == SK_READ_DEAD_LETTERS && i < shard->letters_count; i++) {
        *(struct sk_dead_letter_row *)ADD(rows, letters) = shard->letters[i];
    }
}

static void answer(const struct sim_store *store, const struct sk_read *read, struct sk_rows *rows)
{
    const struct sim_shard *shard =
        &store->shards[read->shard < store->meta.shards_count ? read->shard : 0];
    const struct sim_row *row;
    switch (read->kind) {
    case SK_READ_HEAD:
        row = sim_store_row(store, read->id);
        if (row != NULL) *(struct sk_head *)ADD(rows, heads) = row->head;
        break;
    case SK_READ_EVENTS: read_events(store->world, shard, read, rows); break;
    case SK_READ_ACTIVE: read_active(shard, read, rows); break;
    case SK_READ_POSITIONS: read_positions(shard, read, rows); break;
    case SK_READ_MESSAGES: read_messages(shard, read, rows); break;
    case SK_READ_CONSUMED: read_consumed(shard, read, rows); break;
    case SK_READ_DEFINITIONS: read_definitions(store, read, rows); break;
    case SK_READ_RECORDS: read_records(store, read, rows); break;
    case SK_READ_META:
    case SK_READ_SHARDS:
    case SK_READ_START_KEY:
    case SK_READ_DEAD_LETTERS:
    case SK_READ_CURSOR: read_small(store, shard, read, rows); break;
    case SK_READ_LIST: read_list(store, read, rows); break;
    case SK_READ_TALLIES: read_tallies(store, rows); break;
    case SK_READ_COUNT: count_list(store, read, rows); break;
    }
}

static void on_answer(void *context)
{
    struct reading *reading = context;
    reading->done(reading->context, &reading->rows);
    sk_arena_release(&reading->rows.arena);
}

static void on_read(void *context)
{
    struct reading *reading = context;
    struct sim_handle *handle = reading->handle;
    struct sim_world *world = handle->store->world;
    sk_arena_init(&reading->rows.arena);
    if (sim_strikes(world, SIM_FAULT_READ_BROKEN)) handle->is_broken = true;
    if (handle->is_broken) {
        reading->rows.status =
            sk_error_set(&reading->rows.error, SKALD_E_IO, "the handle is broken");
    } else if (!sim_handle_can_read(handle)) {
        reading->rows.status = sk_error_set(&reading->rows.error, SKALD_E_AGAIN, "not reached");
    } else if (!handle->store->is_honest &&
               sim_chance(&world->faults, world->profile.store_passing / 2)) {
        sim_reached(world, SIM_REACHED_FAULT_READ_FAILS);
        reading->rows.status =
            sk_error_set(&reading->rows.error, SKALD_E_AGAIN, "the store is away");
    } else {
        answer(handle->store, &reading->read, &reading->rows);
    }
    on_answer(reading);
}

static struct sk_str keep(struct sim_world *world, struct sk_str s)
{
    return s.size == 0 ? (struct sk_str){ NULL, 0 } : sk_arena_copy(&world->arena, s);
}

void sim_store_read(struct sk_store *port, const struct sk_read *read, sk_read_done *done,
                    void *context)
{
    struct sim_handle *handle = sk_container_of(port, struct sim_handle, port);
    struct sim_world *world = handle->store->world;
    struct reading *reading = SK_ARENA_NEW(&world->arena, struct reading);
    *reading =
        (struct reading){ .handle = handle, .read = *read, .done = done, .context = context };
    reading->read.id = keep(world, read->id);
    reading->read.version = keep(world, read->version);
    reading->read.key = keep(world, read->key);
    reading->read.filter.definition_id = keep(world, read->filter.definition_id);
    reading->read.filter.cursor_id = keep(world, read->filter.cursor_id);
    if (read->digest != NULL) {
        reading->digest = *read->digest;
        reading->read.digest = &reading->digest;
    }
    int64_t delay_us = sim_latency(&world->faults, 300);
    if (sim_strikes(world, SIM_FAULT_READ_SLOW))
        delay_us += sim_between(sim_dice(world, SIM_FAULT_READ_SLOW), 100 * SIM_MS, 6 * SIM_S);
    sim_answer_at(handle->node, delay_us, on_read, reading);
}

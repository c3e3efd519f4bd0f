/*
 * sim_store_apply.c: commits one part to the durable state, wholly, and is strict about what a part
 * may hold: what a real back-end's keys and constraints would refuse is a failure of the engine
 * here.
 */
#include "check.h"
#include "node.h"
#include "sim_store.h"

#include "core/saga.h"

void *sim_room(struct sim_world *world, void *array, uint32_t count, uint32_t *capacity,
               size_t size)
{
    if (count < *capacity) return array;
    uint32_t more = *capacity == 0 ? 8 : *capacity * 2;
    void *grown = sk_arena_array(&world->arena, more, size);
    if (count > 0) memcpy(grown, array, count * size);
    *capacity = more;
    return grown;
}

static struct sk_str keep(struct sim_world *world, struct sk_str s)
{
    return s.size == 0 ? (struct sk_str){ NULL, 0 } : sk_arena_copy(&world->arena, s);
}

bool sim_store_matches(const struct sim_store *store, const struct sk_part *part)
{
    if (part->shard >= store->meta.shards_count) return false;
    const struct sk_shard_row *row = &store->shards[part->shard].row;
    return row->epoch == part->epoch && row->position == part->first_position;
}

/* ---- heads and events ------------------------------------------------------------------------ */

static struct sim_row *add_row(struct sim_store *store, struct sim_shard *shard,
                               const struct sk_head *head)
{
    struct sim_world *world = store->world;
    if (shard->rows_count > 0 && shard->rows[shard->rows_count - 1]->head.no >= head->no) {
        sim_fail(world, "store", head->id, "number %llu is not above the shard's last",
                 (unsigned long long)head->no);
    }
    const struct sim_row *old = sim_map_get(&store->by_id, head->id);
    if (old != NULL && !old->is_removed) {
        sim_fail(world, "store", head->id, "a second saga with this id");
    }
    struct sim_row *row = SK_ARENA_NEW(&world->arena, struct sim_row);
    row->stored_at_ms = sim_now_ms(world);
    *SIM_PUSH(world, shard->rows, shard->rows_count, shard->rows_capacity) = row;
    sim_map_put(&store->by_id, head->id, row);
    if (store->first == NULL) store->first = row;
    if (store->last != NULL) store->last->next = row;
    store->last = row;
    return row;
}

static struct sk_str same_or_kept(struct sim_world *world, struct sk_str old, struct sk_str new)
{
    return sk_str_equal(old, new) ? old : keep(world, new);
}

static void put_head(struct sim_store *store, struct sim_shard *shard, const struct sk_head *head)
{
    struct sim_world *world = store->world;
    if (head->shard != shard->row.shard)
        sim_fail(world, "store", head->id, "a head of another shard");
    struct sim_row *row = sim_shard_row(shard, head->no);
    if (row == NULL) row = add_row(store, shard, head);
    struct sk_head old = row->head;
    if (old.id.size > 0 && (!sk_str_equal(old.id, head->id) || head->seq < old.seq)) {
        sim_fail(world, "store", head->id, "its head went from seq %llu to %llu",
                 (unsigned long long)old.seq, (unsigned long long)head->seq);
    }
    row->head = *head;
    row->head.id = same_or_kept(world, old.id, head->id);
    row->head.space = same_or_kept(world, old.space, head->space);
    row->head.business_key = same_or_kept(world, old.business_key, head->business_key);
    row->head.parent = same_or_kept(world, old.parent, head->parent);
}

static void put_event(struct sim_store *store, struct sim_shard *shard,
                      const struct sk_event_row *event, uint64_t position)
{
    struct sim_world *world = store->world;
    struct sim_row *row = sim_shard_row(shard, event->no);
    if (row == NULL) {
        sim_fail(world, "store", (struct sk_str){ 0 }, "an event of saga %llu, which has no head",
                 (unsigned long long)event->no);
    }
    uint64_t want = row->events_count == 0 ? 1 : sim_row_last(row)->seq + 1;
    if (event->seq != want || (want == 1 && position != event->no)) {
        sim_fail(world, "one owner", row->head.id, "event %llu at position %llu follows event %llu",
                 (unsigned long long)event->seq, (unsigned long long)position,
                 (unsigned long long)(want - 1));
    }
    struct sk_event_row *kept =
        SIM_PUSH(world, row->events, row->events_count, row->events_capacity);
    *kept = *event;
    kept->data = keep(world, event->data);
    kept->position = position;
    sim_check_event(world, row, kept);
}

static void check_heads(struct sim_store *store, const struct sim_shard *shard,
                        const struct sk_part *part)
{
    for (uint32_t i = 0; i < part->heads_count; i++) {
        const struct sim_row *row = sim_shard_row(shard, part->heads[i].no);
        if (row->events_count == 0 || row->head.seq == sim_row_last(row)->seq) continue;
        sim_fail(store->world, "store", row->head.id,
                 "its head says seq %llu, its last event is %llu",
                 (unsigned long long)row->head.seq, (unsigned long long)sim_row_last(row)->seq);
    }
}

/* ---- the other rows -------------------------------------------------------------------------- */

static void put_keys(struct sim_store *store, struct sim_shard *shard, const struct sk_part *part)
{
    struct sim_world *world = store->world;
    /* By the clock of a node, which may be ahead. */
    int64_t latest_ms = sim_now_ms(world) + world->profile.clock_offset_ms;
    for (uint32_t i = 0; i < part->keys_count; i++) {
        const struct sk_start_key_row *key = &part->keys[i];
        for (uint32_t k = 0; k < shard->keys_count; k++) {
            if (!sk_str_equal(shard->keys[k].key, key->key)) continue;
            if (shard->keys[k].expires_at_ms <= latest_ms) continue;
            if (sk_str_equal(shard->keys[k].saga_id, key->saga_id)) continue;
            sim_fail(world, "store", key->saga_id, "its start key is taken by %.*s",
                     SK_STR_ARGS(shard->keys[k].saga_id));
        }
        struct sk_start_key_row *kept =
            SIM_PUSH(world, shard->keys, shard->keys_count, shard->keys_capacity);
        *kept = *key;
        kept->key = keep(world, key->key);
        kept->saga_id = keep(world, key->saga_id);
    }
}

static void put_tallies(struct sim_store *store, struct sim_shard *shard,
                        const struct sk_part *part)
{
    for (uint32_t i = 0; i < part->tallies_count; i++) {
        const struct sk_tally_row *change = &part->tallies[i];
        struct sk_tally_row *row = NULL;
        for (uint32_t k = 0; k < shard->tallies_count && row == NULL; k++) {
            if (shard->tallies[k].state != change->state) continue;
            if (sk_digest_equal(&shard->tallies[k].definition, &change->definition))
                row = &shard->tallies[k];
        }
        if (row == NULL) {
            row = SIM_PUSH(store->world, shard->tallies, shard->tallies_count,
                           shard->tallies_capacity);
            *row = (struct sk_tally_row){ change->definition, change->state, 0 };
        }
        row->n += change->n;
    }
}

static void put_messages(struct sim_store *store, struct sim_shard *shard,
                         const struct sk_part *part)
{
    struct sim_world *world = store->world;
    for (uint32_t i = 0; i < part->messages_count; i++) {
        const struct sk_message_row *message = &part->messages[i];
        for (uint32_t k = 0; k < shard->messages_count; k++) {
            if (!sk_str_equal(shard->messages[k].id, message->id)) continue;
            sim_fail(world, "store", message->target, "message %.*s twice",
                     SK_STR_ARGS(message->id));
        }
        struct sk_message_row *kept =
            SIM_PUSH(world, shard->messages, shard->messages_count, shard->messages_capacity);
        *kept = *message;
        kept->id = keep(world, message->id);
        kept->target = keep(world, message->target);
        kept->body = keep(world, message->body);
    }
    for (uint32_t i = 0; i < part->messages_gone_count; i++) {
        for (uint32_t k = 0; k < shard->messages_count; k++) {
            if (!sk_str_equal(shard->messages[k].id, part->messages_gone[i])) continue;
            memmove(&shard->messages[k], &shard->messages[k + 1],
                    (shard->messages_count - k - 1) * sizeof shard->messages[0]);
            shard->messages_count -= 1;
            break;
        }
    }
}

static void put_consumed(struct sim_store *store, struct sim_shard *shard,
                         const struct sk_part *part)
{
    struct sim_world *world = store->world;
    for (uint32_t i = 0; i < part->consumed_count; i++) {
        const struct sk_consumed_row *consumed = &part->consumed[i];
        for (uint32_t k = 0; k < shard->consumed_count; k++) {
            if (!sk_str_equal(shard->consumed[k].id, consumed->id)) continue;
            sim_fail(world, "store", (struct sk_str){ 0 }, "message %.*s consumed twice",
                     SK_STR_ARGS(consumed->id));
        }
        struct sk_consumed_row *kept =
            SIM_PUSH(world, shard->consumed, shard->consumed_count, shard->consumed_capacity);
        *kept = *consumed;
        kept->id = keep(world, consumed->id);
    }
    for (uint32_t i = 0; i < part->consumed_gone_count; i++) {
        for (uint32_t k = 0; k < shard->consumed_count; k++) {
            if (!sk_str_equal(shard->consumed[k].id, part->consumed_gone[i])) continue;
            shard->consumed[k] = shard->consumed[--shard->consumed_count];
            break;
        }
    }
}

static void put_letters(struct sim_store *store, struct sim_shard *shard,
                        const struct sk_part *part)
{
    struct sim_world *world = store->world;
    for (uint32_t i = 0; i < part->letters_count; i++) {
        struct sk_dead_letter_row *kept =
            SIM_PUSH(world, shard->letters, shard->letters_count, shard->letters_capacity);
        *kept = part->letters[i];
        kept->id = keep(world, kept->id);
        kept->body = keep(world, kept->body);
    }
    for (uint32_t i = 0; i < part->letters_gone_count; i++) {
        for (uint32_t k = 0; k < shard->letters_count; k++) {
            if (!sk_str_equal(shard->letters[k].id, part->letters_gone[i])) continue;
            shard->letters[k] = shard->letters[--shard->letters_count];
            break;
        }
    }
}

static void put_cursors(struct sim_store *store, struct sim_shard *shard,
                        const struct sk_part *part)
{
    for (uint32_t i = 0; i < part->cursors_count; i++) {
        struct sk_cursor_row *row = NULL;
        for (uint32_t k = 0; k < shard->cursors_count && row == NULL; k++) {
            if (sk_str_equal(shard->cursors[k].name, part->cursors[i].name))
                row = &shard->cursors[k];
        }
        if (row == NULL) {
            row = SIM_PUSH(store->world, shard->cursors, shard->cursors_count,
                           shard->cursors_capacity);
            row->name = keep(store->world, part->cursors[i].name);
        }
        row->position = part->cursors[i].position;
    }
}

static void put_record(struct sim_world *world, struct sim_shard *shard,
                       const struct sk_record_row *record)
{
    uint32_t i = 0;
    while (i < shard->records_count && (shard->records[i].kind != record->kind ||
                                        !sk_str_equal(shard->records[i].id, record->id))) {
        i += 1;
    }
    bool is_there = i < shard->records_count;
    if (record->is_gone) {
        if (is_there) shard->records[i] = shard->records[--shard->records_count];
        return;
    }
    struct sk_record_row *kept =
        is_there ? &shard->records[i]
                 : SIM_PUSH(world, shard->records, shard->records_count, shard->records_capacity);
    *kept = *record;
    kept->id = keep(world, record->id);
    kept->body = keep(world, record->body);
    kept->shard = shard->row.shard;
}

static void remove_rows(struct sim_store *store, struct sim_shard *shard,
                        const struct sk_part *part)
{
    for (uint32_t i = 0; i < part->removed_count; i++) {
        struct sim_row *row = sim_shard_row(shard, part->removed[i]);
        if (row == NULL) {
            sim_fail(store->world, "store", (struct sk_str){ 0 }, "saga %llu is removed twice",
                     (unsigned long long)part->removed[i]);
        }
        sim_check_removed(store->world, row);
        row->is_removed = true;
        row->removed_at_ms = sim_now_ms(store->world);
        for (uint32_t k = shard->keys_count; k > 0; k--) {
            if (sk_str_equal(shard->keys[k - 1].saga_id, row->head.id))
                shard->keys[k - 1] = shard->keys[--shard->keys_count];
        }
        for (uint32_t k = shard->letters_count; k > 0; k--) {
            if (shard->letters[k - 1].no == row->head.no)
                shard->letters[k - 1] = shard->letters[--shard->letters_count];
        }
    }
}

static void trim(struct sim_shard *shard, const struct sk_part *part)
{
    for (uint32_t i = 0; i < part->trims_count; i++) {
        struct sim_row *row = sim_shard_row(shard, part->trims[i].no);
        while (row != NULL && row->events_from < row->events_count &&
               row->events[row->events_from].seq < part->trims[i].below_seq) {
            row->events_from += 1;
        }
    }
}

void sim_store_apply(struct sim_store *store, struct sim_node *node, uint64_t life,
                     const struct sk_part *part)
{
    struct sim_shard *shard = &store->shards[part->shard];
    sim_check_owner(store->world, shard, node, life, part);
    remove_rows(store, shard, part);
    for (uint32_t i = 0; i < part->heads_count; i++) put_head(store, shard, &part->heads[i]);
    for (uint32_t i = 0; i < part->events_count; i++) {
        put_event(store, shard, &part->events[i], part->first_position + i);
    }
    check_heads(store, shard, part);
    sim_check_model_part(store->world, shard, node, life, part);
    put_keys(store, shard, part);
    put_tallies(store, shard, part);
    put_messages(store, shard, part);
    put_consumed(store, shard, part);
    put_letters(store, shard, part);
    put_cursors(store, shard, part);
    trim(shard, part);
    for (uint32_t i = 0; i < part->records_count; i++) {
        put_record(store->world, shard, &part->records[i]);
    }
    shard->row.position = part->first_position + (part->events_count > 0 ? part->events_count : 1);
    memcpy(shard->row.batch_id, part->batch_id, SK_BATCH_ID_SIZE);
    store->counts.parts += 1;
    store->counts.events += part->events_count;
    sim_note(store->world, "commit", part->shard, shard->row.position, (struct sk_str){ 0 });
}

/*
 * work.c: the part of one shard, from what its machines decided to the rows of the store port.
 *
 *   P1  A work holds all it points to but the decisions' bytes, which it owns: it may outlive
 *       machines, shard and engine (the store may still be writing).
 *   P2  Its rows are made when it is cut, for the position the shard then has; a retry of the same
 *       part makes the same rows and keeps its batch id.
 *   P3  Items stand in the order in which their machines decided first.
 */
#include "engine/engine_private.h"

#include "base/spare.h"

struct sk_work *sk_work_new(struct sk_shard *shard)
{
    struct sk_engine *engine = shard->engine;
    struct sk_work *work = SK_SPARE_TAKE(&engine->works_spare, struct sk_work, node);
    if (work == NULL) {
        work = sk_alloc(sizeof *work);
        if (work == NULL) return NULL;
        sk_arena_init(&work->arena);
        sk_arena_init(&work->rows);
        sk_list_init(&work->node);
        sk_list_init(&work->gone);
        sk_list_init(&work->forget);
        sk_list_init(&work->consumed_only);
        sk_list_init(&work->discards);
        sk_list_init(&work->records);
    }
    work->shard = shard;
    work->state = SK_WORK_WAITING;
    work->items = NULL;
    work->items_count = work->items_capacity = 0;
    work->breaks = work->proofs = 0;
    work->has_broken = work->has_probe = false;
    work->part = (struct sk_part){ .shard = shard->index };
    engine->runtime->ops->random(engine->runtime, work->part.batch_id, sizeof work->part.batch_id);
    return work;
}

static void release_items(struct sk_work *work, struct sk_engine *engine)
{
    for (uint32_t i = 0; i < work->items_count; i++) {
        if (work->items[i].decision != NULL) sk_decision_give_back(engine, work->items[i].decision);
        work->items[i].decision = NULL;
    }
    work->items_count = 0;
}

void sk_work_free(struct sk_work *work)
{
    release_items(work, NULL);
    sk_discards_release(&work->discards);
    sk_records_end(NULL, &work->records, SKALD_E_CLOSED);
    sk_arena_release(&work->arena);
    sk_arena_release(&work->rows);
    sk_free(work);
}

void sk_work_give_back(struct sk_work *work)
{
    struct sk_engine *engine = work->shard->engine;
    release_items(work, engine);
    sk_discards_end(&work->discards, SKALD_E_AGAIN);
    sk_records_end(engine, &work->records, SKALD_E_AGAIN); /* not done: the shard was lost */
    sk_arena_clear(&work->arena);
    sk_arena_clear(&work->rows);
    sk_list_init(&work->gone);
    sk_list_init(&work->forget);
    sk_list_init(&work->consumed_only);
    sk_list_remove(&work->node);
    SK_SPARE_PUT(&engine->works_spare, work, node);
}

void sk_works_release_spare(struct sk_engine *engine)
{
    struct sk_work *work;
    while ((work = SK_SPARE_TAKE(&engine->works_spare, struct sk_work, node)) != NULL)
        sk_work_free(work);
}

uint32_t sk_work_events(const struct sk_work *work)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < work->items_count; i++) {
        if (work->items[i].decision != NULL) count += work->items[i].decision->events_count;
    }
    return count;
}

/* ---- filling --------------------------------------------------------------------------------- */

static bool add_item(struct sk_work *work, struct sk_machine *machine)
{
    struct sk_item *item = &work->items[work->items_count];
    *item = (struct sk_item){ .machine = machine };
    sk_list_init(&item->arrivals);
    if (!sk_item_describe(item, &work->arena)) return false;
    item->decision = machine->decision;
    item->decided_us = machine->decided_us;
    item->decided_busy_us = machine->decided_busy_us;
    machine->decision = NULL;
    sk_list_move(&item->arrivals, &machine->arrivals);
    sk_list_remove(&machine->dirty);
    machine->work = work;
    machine->work_seq = item->upto_seq;
    if (item->has_tally) {
        machine->has_tally = true;
        machine->tally_state = item->tally_state;
    }
    work->items_count += 1;
    return true;
}

static uint32_t length(const struct sk_list *list)
{
    uint32_t count = 0;
    for (const struct sk_list *at = list->next; at != list; at = at->next) count += 1;
    return count;
}

/* A lock that nobody holds or awaits: its rows go, unless something has come for it meanwhile. */
static bool lock_may_go(const struct sk_machine *machine)
{
    return machine->state == SK_MACHINE_READY && sk_machine_is_clean(machine) &&
           sk_lock_is_idle(&machine->as.lock) && machine->jobs_count == 0;
}

static void add_removal(struct sk_work *work, struct sk_machine *machine)
{
    sk_list_remove(&machine->removal);
    bool may_go = machine->leaving != NULL || lock_may_go(machine);
    may_go = may_go && machine->work == NULL && sk_list_is_empty(&machine->dirty);
    if (!may_go) return;
    struct sk_item *item = &work->items[work->items_count++];
    *item = (struct sk_item){ .machine = machine, .no = machine->no, .is_removal = true };
    sk_list_init(&item->arrivals);
    sk_removal_describe(machine, item);
    machine->is_removing = true;
    machine->work = work;
    machine->work_seq = machine->durable_seq;
}

bool sk_work_fill(struct sk_work *work, uint32_t events_max)
{
    struct sk_shard *shard = work->shard;
    uint32_t count = 0, events = 0;
    for (struct sk_list *at = shard->dirty.next; at != &shard->dirty && events < events_max;
         at = at->next) {
        const struct sk_machine *machine = sk_container_of(at, struct sk_machine, dirty);
        events += machine->decision != NULL ? machine->decision->events_count : 0;
        count += 1;
    }
    uint32_t removals = length(&shard->removals);
    work->items = SK_ARENA_ROOM(&work->arena, struct sk_item, count + removals + 1);
    if (work->items == NULL) return false;
    work->items_capacity = count + removals;
    for (uint32_t i = 0; i < count; i++) {
        struct sk_machine *machine = sk_container_of(shard->dirty.next, struct sk_machine, dirty);
        if (!add_item(work, machine)) break;
    }
    if (count > 0 && work->items_count == 0) return false;
    while (!sk_list_is_empty(&shard->removals)) {
        add_removal(work, sk_container_of(shard->removals.next, struct sk_machine, removal));
    }
    sk_list_move(&work->gone, &shard->gone);
    sk_list_move(&work->forget, &shard->forget);
    sk_list_move(&work->consumed_only, &shard->consumed_only);
    sk_list_move(&work->discards, &shard->discards);
    sk_list_move(&work->records, &shard->records);
    return work->items_count > 0 || !sk_list_is_empty(&work->gone) ||
           !sk_list_is_empty(&work->forget) || !sk_list_is_empty(&work->consumed_only) ||
           !sk_list_is_empty(&work->discards) || !sk_list_is_empty(&work->records);
}

/* ---- rows ------------------------------------------------------------------------------------ */

struct totals {
    uint32_t events, messages, letters, tags, keys, heads, consumed, gone, forget, removed,
        discards, records;
};

static struct totals count_rows(const struct sk_work *work)
{
    struct totals n = { .gone = length(&work->gone),
                        .forget = length(&work->forget),
                        .consumed = length(&work->consumed_only),
                        .discards = length(&work->discards),
                        .records = length(&work->records) };
    for (uint32_t i = 0; i < work->items_count; i++) {
        const struct sk_item *item = &work->items[i];
        n.heads += item->has_head ? 1 : 0;
        n.removed += item->is_removal ? 1 : 0;
        n.keys += item->key != NULL ? 1 : 0;
        n.tags += item->tags_count;
        n.consumed += length(&item->arrivals);
        if (item->decision == NULL) continue;
        n.events += item->decision->events_count;
        n.messages += item->decision->messages_count;
        n.letters += item->decision->letters_count;
        n.discards += item->decision->closed_count;
    }
    return n;
}

/* Rows being written: the part's fields are const for everybody else. */
struct rows {
    struct sk_event_row *events;
    struct sk_head *heads;
    struct sk_start_key_row *keys;
    struct sk_tag_row *tags;
    struct sk_tally_row *tallies;
    struct sk_message_row *messages;
    struct sk_dead_letter_row *letters;
    struct sk_consumed_row *consumed;
    struct sk_str *gone, *forget, *letters_gone;
    uint64_t *removed;
    struct sk_record_row *records;
};

static void count_state(struct sk_part *part, struct sk_tally_row *tallies,
                        const struct sk_digest *definition, uint8_t state, int64_t change)
{
    for (uint32_t i = 0; i < part->tallies_count; i++) {
        if (tallies[i].state == state && sk_digest_equal(&tallies[i].definition, definition)) {
            tallies[i].n += change;
            return;
        }
    }
    tallies[part->tallies_count++] =
        (struct sk_tally_row){ .definition = *definition, .state = state, .n = change };
}

static void put_events(struct sk_work *work, struct sk_item *item, struct rows *rows)
{
    struct sk_part *part = &work->part;
    const struct sk_decision *decision = item->decision;
    if (decision == NULL) return;
    if (item->is_first) item->no = part->first_position + part->events_count;
    for (uint32_t i = 0; i < decision->events_count; i++) {
        const struct sk_decided *decided = &decision->events[i];
        const struct sk_event *event = &decided->event;
        rows->events[part->events_count++] =
            (struct sk_event_row){ .no = item->no,
                                   .seq = event->seq,
                                   .at_ms = event->at_ms,
                                   .type = (uint32_t)event->type,
                                   .step = event->step,
                                   .item = event->item,
                                   .attempt = event->attempt,
                                   .round = event->round,
                                   .data = { decision->data.data + decided->data_offset,
                                             decided->data_size } };
    }
    for (uint32_t i = 0; i < decision->messages_count; i++) {
        const struct sk_message *message = &decision->messages[i];
        uint64_t order = part->first_position << 20 | part->messages_count;
        sk_outbox_row(message, item->no, order,
                      sk_engine_shard_of(work->shard->engine, message->to), &work->rows,
                      &rows->messages[part->messages_count]);
        part->messages_count += 1;
    }
}

/* Each letter has an event of its own, so the number is always the same. */
static struct sk_str letter_id(struct sk_work *work, const struct sk_item *item,
                               const struct sk_letter *letter)
{
    struct sk_buf text;
    sk_buf_init(&text, 0);
    sk_buf_printf(&text, "%.*s/%llu/0", SK_STR_ARGS(item->id), (unsigned long long)letter->seq);
    struct sk_str id = sk_arena_copy(&work->rows, sk_buf_view(&text));
    if (text.failed) work->rows.failed = true;
    sk_buf_release(&text);
    return id;
}

static void put_closed(struct sk_work *work, const struct sk_item *item, struct rows *rows)
{
    for (uint32_t i = 0; item->decision != NULL && i < item->decision->closed_count; i++) {
        rows->letters_gone[work->part.letters_gone_count++] =
            letter_id(work, item, &item->decision->closed[i]);
    }
}

static void put_letters(struct sk_work *work, const struct sk_item *item, struct rows *rows)
{
    for (uint32_t i = 0; item->decision != NULL && i < item->decision->letters_count; i++) {
        const struct sk_letter *letter = &item->decision->letters[i];
        struct sk_str id = letter_id(work, item, letter);
        struct sk_buf text;
        sk_buf_init(&text, 0);
        struct sk_json_writer w = sk_json_writer_of(&text);
        sk_json_begin_object(&w);
        sk_json_key(&w, "saga");
        sk_json_put_str(&w, item->id);
        sk_json_key(&w, "step");
        sk_json_put_u64(&w, letter->step);
        sk_json_key(&w, "item");
        sk_json_put_i64(&w, letter->item);
        sk_json_key(&w, "why");
        sk_json_put_text(&w, letter->why);
        sk_json_end_object(&w);
        rows->letters[work->part.letters_count++] =
            (struct sk_dead_letter_row){ .id = id,
                                         .no = item->no,
                                         .seq = letter->seq,
                                         .at_ms = item->head.updated_at_ms,
                                         .body = sk_arena_copy(&work->rows, sk_buf_view(&text)) };
        if (text.failed) work->rows.failed = true;
        sk_buf_release(&text);
    }
}

static void put_consumed(struct sk_part *part, const struct sk_list *list, struct rows *rows)
{
    for (const struct sk_list *at = list->next; at != list; at = at->next) {
        const struct sk_incoming *incoming = sk_container_of(at, struct sk_incoming, node);
        rows->consumed[part->consumed_count++] =
            (struct sk_consumed_row){ .id = incoming->id, .from_shard = incoming->from_shard };
    }
}

static void put_item(struct sk_work *work, struct sk_item *item, struct rows *rows)
{
    struct sk_part *part = &work->part;
    put_events(work, item, rows);
    if (item->is_removal) rows->removed[part->removed_count++] = item->no;
    if (item->has_head) {
        item->head.no = item->no;
        rows->heads[part->heads_count++] = item->head;
    }
    for (uint32_t i = 0; i < item->tags_count; i++) {
        rows->tags[part->tags_count] = item->tags[i];
        rows->tags[part->tags_count++].no = item->no;
    }
    if (item->key != NULL) rows->keys[part->keys_count++] = *item->key;
    if (item->had_tally) {
        count_state(part, rows->tallies, &item->head.definition, item->tally_before, -1);
    }
    if (item->has_tally)
        count_state(part, rows->tallies, &item->head.definition, item->tally_state, 1);
    put_letters(work, item, rows);
    put_closed(work, item, rows);
    put_consumed(part, &item->arrivals, rows);
}

/* Ids of messages are copied: their owners may be dropped while the store writes. */
static void put_own_rows(struct sk_work *work, struct rows *rows)
{
    struct sk_part *part = &work->part;
    for (struct sk_list *at = work->gone.next; at != &work->gone; at = at->next) {
        const struct sk_outgoing *outgoing = sk_container_of(at, struct sk_outgoing, gone);
        rows->gone[part->messages_gone_count++] = outgoing->message.id;
    }
    for (struct sk_list *at = work->forget.next; at != &work->forget; at = at->next) {
        rows->forget[part->consumed_gone_count++] =
            sk_container_of(at, struct sk_incoming, node)->id;
    }
    for (struct sk_list *at = work->discards.next; at != &work->discards; at = at->next) {
        const struct sk_discard *discard = sk_container_of(at, struct sk_discard, node);
        rows->letters_gone[part->letters_gone_count++] = sk_arena_copy(&work->rows, discard->id);
    }
    part->records_count = sk_records_fill(&work->records, rows->records);
    put_consumed(part, &work->consumed_only, rows);
    for (uint32_t i = 0; i < part->messages_gone_count; i++) {
        rows->gone[i] = sk_arena_copy(&work->rows, rows->gone[i]);
    }
    for (uint32_t i = 0; i < part->consumed_gone_count; i++) {
        rows->forget[i] = sk_arena_copy(&work->rows, rows->forget[i]);
    }
    for (uint32_t i = 0; i < part->consumed_count; i++) {
        rows->consumed[i].id = sk_arena_copy(&work->rows, rows->consumed[i].id);
    }
}

bool sk_work_make_part(struct sk_work *work)
{
    struct sk_arena *arena = &work->rows;
    sk_arena_clear(arena);
    struct totals n = count_rows(work);
    struct rows rows = { .events = SK_ARENA_ROOM(arena, struct sk_event_row, n.events),
                         .heads = SK_ARENA_ROOM(arena, struct sk_head, n.heads),
                         .keys = SK_ARENA_ROOM(arena, struct sk_start_key_row, n.keys),
                         .tags = SK_ARENA_ROOM(arena, struct sk_tag_row, n.tags),
                         .tallies = SK_ARENA_ROOM(arena, struct sk_tally_row,
                                                  2 * ((size_t)n.heads + n.removed)),
                         .messages = SK_ARENA_ROOM(arena, struct sk_message_row, n.messages),
                         .letters = SK_ARENA_ROOM(arena, struct sk_dead_letter_row, n.letters),
                         .consumed = SK_ARENA_ROOM(arena, struct sk_consumed_row, n.consumed),
                         .gone = SK_ARENA_ROOM(arena, struct sk_str, n.gone),
                         .forget = SK_ARENA_ROOM(arena, struct sk_str, n.forget),
                         .letters_gone = SK_ARENA_ROOM(arena, struct sk_str, n.discards),
                         .removed = SK_ARENA_ROOM(arena, uint64_t, n.removed),
                         .records = SK_ARENA_ROOM(arena, struct sk_record_row, n.records) };
    if (arena->failed) return false;
    struct sk_part *part = &work->part;
    struct sk_part fresh = { .shard = part->shard,
                             .epoch = work->shard->epoch,
                             .first_position = work->shard->position };
    memcpy(fresh.batch_id, part->batch_id, sizeof fresh.batch_id);
    *part = fresh;
    for (uint32_t i = 0; i < work->items_count; i++) put_item(work, &work->items[i], &rows);
    put_own_rows(work, &rows);
    part->events = rows.events;
    part->heads = rows.heads;
    part->keys = rows.keys;
    part->tags = rows.tags;
    part->tallies = rows.tallies;
    part->messages = rows.messages;
    part->letters = rows.letters;
    part->consumed = rows.consumed;
    part->messages_gone = rows.gone;
    part->consumed_gone = rows.forget;
    part->letters_gone = rows.letters_gone;
    part->removed = rows.removed;
    part->records = rows.records;
    return !arena->failed;
}

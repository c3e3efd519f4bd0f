/*
 * item.c: what one machine gives to a part: its head, its tags, its start key, its tally.
 *
 *   I1  An item holds everything it needs: the machine may be dropped while the store still writes.
 *   I2  Head and tally are those of the moment when the item was made, which is after all its
 *       events.
 */
#include "engine/engine_private.h"

static int64_t wake_at(const struct sk_machine *machine)
{
    const struct sk_saga *saga = &machine->as.saga;
    if (sk_saga_is_over(saga)) return INT64_MAX;
    bool waits_for_slot =
        saga->state == SK_SAGA_PENDING && !saga->is_suspended && !machine->is_admitted;
    /* Closing: what was held back is looked at as soon as somebody opens again. */
    if (machine->engine->options.rules.starts_nothing) return 0;
    /* A task on offer stands in an index that is made from the sagas: they are read back. */
    bool is_due = sk_saga_is_flying(saga) || waits_for_slot || sk_saga_has_offers(saga);
    return is_due ? 0 : sk_saga_wake_at(saga);
}

static void describe_saga(struct sk_item *item, const struct sk_machine *machine,
                          struct sk_arena *arena)
{
    const struct sk_saga *saga = &machine->as.saga;
    item->head = (struct sk_head){ .shard = machine->shard->index,
                                   .id = item->id,
                                   .space = sk_arena_copy(arena, saga->start.space),
                                   .definition = saga->start.definition,
                                   .state = (uint8_t)sk_saga_shown_state(saga),
                                   .reason = (uint8_t)saga->reason,
                                   .has_residue = saga->residue_count > 0,
                                   .open = sk_saga_open(saga),
                                   .priority = saga->start.priority,
                                   .wake_at_ms = wake_at(machine),
                                   .deadline_ms = saga->deadline_ms,
                                   .business_key = sk_arena_copy(arena, saga->start.business_key),
                                   .parent = sk_arena_copy(arena, saga->start.parent),
                                   .seq = saga->seq,
                                   .created_at_ms = saga->created_at_ms,
                                   .updated_at_ms = saga->at_ms,
                                   .ended_at_ms = saga->ended_at_ms };
    item->has_tally = true;
    item->tally_state = item->head.state;
    item->had_tally = machine->has_tally;
    item->tally_before = machine->tally_state;
}

/* A lock is listed nowhere; "ended" while idle, so that recovery passes it by. */
static void describe_lock(struct sk_item *item, const struct sk_machine *machine)
{
    const struct sk_lock *lock = &machine->as.lock;
    int64_t now_ms = sk_engine_now(machine->engine);
    item->head =
        (struct sk_head){ .shard = machine->shard->index,
                          .id = item->id,
                          .is_lock = true,
                          .state = sk_lock_is_idle(lock) ? SK_SAGA_COMPLETED : SK_SAGA_RUNNING,
                          .wake_at_ms = INT64_MAX,
                          .seq = lock->seq,
                          .created_at_ms = now_ms,
                          .updated_at_ms = now_ms,
                          .ended_at_ms = sk_lock_is_idle(lock) ? now_ms : 0 };
}

static void put_tag(struct sk_item *item, struct sk_arena *arena, struct sk_str key,
                    struct sk_str span)
{
    bool is_text = sk_json_type(span) == SK_JSON_STRING;
    struct sk_str value = is_text ? sk_json_string(span, arena) : span;
    item->tags[item->tags_count++] = (struct sk_tag_row){ .key = sk_arena_copy(arena, key),
                                                          .value = sk_arena_copy(arena, value) };
}

static void describe_tags(struct sk_item *item, const struct sk_start *start,
                          struct sk_arena *arena)
{
    size_t count = (start->tags.size > 0 ? sk_json_count(start->tags) : 0) +
                   (start->attributes.size > 0 ? sk_json_count(start->attributes) : 0);
    if (count == 0) return;
    item->tags = SK_ARENA_ARRAY(arena, struct sk_tag_row, count);
    if (item->tags == NULL) return;
    struct sk_json_iter it = sk_json_walk(start->tags);
    while (start->tags.size > 0 && sk_json_next(&it)) put_tag(item, arena, SK_STR("tag"), it.value);
    it = sk_json_walk(start->attributes);
    while (start->attributes.size > 0 && sk_json_next(&it)) put_tag(item, arena, it.name, it.value);
}

static void describe_key(struct sk_item *item, const struct sk_machine *machine,
                         struct sk_arena *arena)
{
    const struct sk_saga *saga = &machine->as.saga;
    if (saga->start.start_key.size == 0 || machine->is_imported) return;
    item->key = SK_ARENA_NEW(arena, struct sk_start_key_row);
    if (item->key == NULL) return;
    *item->key = (struct sk_start_key_row){
        .key = sk_arena_copy(arena, saga->start.start_key),
        .saga_id = item->id,
        .digest = saga->start.request_digest,
        .expires_at_ms = saga->created_at_ms + machine->engine->options.idempotency_window_ms
    };
}

bool sk_item_describe(struct sk_item *item, struct sk_arena *arena)
{
    const struct sk_machine *machine = item->machine;
    item->id = sk_arena_copy(arena, machine->id);
    item->no = machine->no;
    item->from_seq = machine->durable_seq;
    item->upto_seq = sk_machine_seq(machine);
    item->has_head = item->upto_seq > item->from_seq;
    item->is_first = item->has_head && item->from_seq == 0;
    if (item->has_head && machine->is_lock) describe_lock(item, machine);
    if (item->has_head && !machine->is_lock) describe_saga(item, machine, arena);
    if (item->is_first && !machine->is_lock) {
        describe_tags(item, &machine->as.saga.start, arena);
        describe_key(item, machine, arena);
    }
    return !arena->failed;
}

bool sk_item_move(struct sk_item *to, struct sk_item *from, struct sk_arena *arena)
{
    struct sk_item copy = *from;
    struct sk_str *texts[] = { &copy.id, &copy.head.id, &copy.head.space, &copy.head.business_key,
                               &copy.head.parent };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = sk_arena_copy(arena, *texts[i]);
    if (from->key != NULL) {
        copy.key = SK_ARENA_NEW(arena, struct sk_start_key_row);
        if (copy.key != NULL) {
            *copy.key = *from->key;
            copy.key->key = sk_arena_copy(arena, from->key->key);
            copy.key->saga_id = copy.id;
        }
    }
    if (from->tags_count > 0) {
        copy.tags = SK_ARENA_ARRAY(arena, struct sk_tag_row, from->tags_count);
        for (uint32_t i = 0; copy.tags != NULL && i < from->tags_count; i++) {
            copy.tags[i].key = sk_arena_copy(arena, from->tags[i].key);
            copy.tags[i].value = sk_arena_copy(arena, from->tags[i].value);
        }
    }
    if (arena->failed) return false;
    *to = copy;
    sk_list_init(&to->arrivals);
    while (!sk_list_is_empty(&from->arrivals)) {
        struct sk_list *node = from->arrivals.next;
        sk_list_remove(node);
        sk_list_push(&to->arrivals, node);
    }
    from->decision = NULL;
    from->machine = NULL;
    return true;
}

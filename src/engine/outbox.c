/*
 * outbox.c: messages from a shard's machines to machines of any shard.
 *
 *   WAITING --handed to the target's shard--> HANDED --consumed, durably--> GONE --row deleted-->
 *   (freed)
 *      ^------------- the target forgot (dropped, out of memory) ---'
 *
 *   O1  A message is durable with the events that caused it, before anybody hears of it.
 *   O2  Its row is deleted only after the target consumed it durably; the target forgets the id
 *       only after the row's deletion is durable. So nothing is lost and nothing is taken twice.
 *   O3  WAITING messages are handed over in the order of their events (`order` is stored with the
 *       body, so the order survives a take-over): a child's start is never behind its cancel.
 *   O4  An id ends with the number of its sender's row: a lock or a saga that was removed and has
 *       begun anew counts its events from 1 again, while a message of its former life may still be
 *       on its way, or be remembered by its target.
 */
#include "engine/engine_private.h"

/* ---- rows ------------------------------------------------------------------------------------ */

/* O4. Zero: nothing is stored of the sender, and the id differs by itself. */
static void put_id(const struct sk_message *message, uint64_t no, struct sk_buf *out)
{
    sk_buf_append_str(out, message->id);
    if (no == 0) return;
    sk_buf_append_char(out, '/');
    sk_buf_append_u64(out, no);
}

/* The body is stored with what the row's columns lack: the order and the sender. */
void sk_outbox_row(const struct sk_message *message, uint64_t no, uint64_t order, uint32_t to_shard,
                   struct sk_arena *arena, struct sk_message_row *out_row)
{
    struct sk_buf id, body;
    sk_buf_init(&id, 0);
    put_id(message, no, &id);
    sk_buf_init(&body, 0);
    sk_put_u64(&body, order);
    sk_put_str(&body, message->from);
    sk_put_str(&body, message->body);
    *out_row = (struct sk_message_row){ .id = sk_arena_copy(arena, sk_buf_view(&id)),
                                        .to_shard = to_shard,
                                        .kind = (uint8_t)message->kind,
                                        .target = message->to,
                                        .body = sk_arena_copy(arena, sk_buf_view(&body)) };
    if (id.failed || body.failed) arena->failed = true;
    sk_buf_release(&body);
    sk_buf_release(&id);
}

static struct sk_str append_text(char **at, struct sk_str text)
{
    struct sk_str copy = { *at, text.size };
    if (text.size > 0) memcpy(*at, text.data, text.size);
    *at += text.size;
    return copy;
}

/* Behind the last one that is not younger. */
static void wait_in_order(struct sk_shard *shard, struct sk_outgoing *outgoing)
{
    struct sk_list *at = shard->waiting.prev;
    while (at != &shard->waiting &&
           sk_container_of(at, struct sk_outgoing, gone)->order > outgoing->order) {
        at = at->prev;
    }
    sk_list_push_front(at, &outgoing->gone);
    outgoing->state = SK_OUTGOING_WAITING;
}

static struct sk_outgoing *find(struct sk_shard *shard, struct sk_str id)
{
    struct sk_outgoing *outgoing = NULL;
    SK_TABLE_FIND(shard->outbox, id, outgoing);
    return outgoing;
}

void sk_outbox_add(struct sk_shard *shard, const struct sk_message *message, uint64_t order)
{
    if (find(shard, message->id) != NULL) return;
    size_t size = message->id.size + message->from.size + message->to.size + message->body.size;
    struct sk_outgoing *outgoing = sk_alloc(sizeof *outgoing + size + 1);
    bool is_added = false;
    if (outgoing != NULL) {
        char *at = outgoing->text;
        outgoing->message.kind = message->kind;
        outgoing->message.id = append_text(&at, message->id);
        outgoing->message.from = append_text(&at, message->from);
        outgoing->message.to = append_text(&at, message->to);
        outgoing->message.body = append_text(&at, message->body);
        outgoing->order = order;
        outgoing->to_shard = sk_engine_shard_of(shard->engine, message->to);
        sk_list_init(&outgoing->node);
        sk_list_init(&outgoing->gone);
        SK_TABLE_ADD(shard->outbox, outgoing, outgoing->message.id, is_added);
    }
    if (!is_added) {
        sk_free(outgoing);
        shard->is_outbox_incomplete = true; /* its row is durable: it is read again */
        sk_messages_again_soon(shard->engine);
        return;
    }
    sk_list_push(&shard->outgoing, &outgoing->node);
    wait_in_order(shard, outgoing);
}

void sk_outbox_load(struct sk_shard *shard, const struct sk_rows *rows)
{
    for (uint32_t i = 0; i < rows->messages_count; i++) {
        const struct sk_message_row *row = &rows->messages[i];
        struct sk_reader reader = sk_reader_of(row->body);
        uint64_t order = sk_get_u64(&reader);
        struct sk_message message = { .kind = (enum sk_message_kind)row->kind,
                                      .id = row->id,
                                      .to = row->target };
        message.from = sk_get_str(&reader);
        message.body = sk_get_str(&reader);
        if (reader.bad) {
            sk_engine_notice(shard->engine, SK_LOG_ERROR, "message.damaged", row->target,
                             "a message row cannot be read", SK_STR(""));
            continue;
        }
        sk_outbox_add(shard, &message, order);
    }
}

/* ---- handing over ---------------------------------------------------------------------------- */

static void mark_gone(struct sk_shard *shard, struct sk_outgoing *outgoing)
{
    if (outgoing->state == SK_OUTGOING_GONE) return;
    outgoing->state = SK_OUTGOING_GONE;
    sk_list_remove(&outgoing->gone);
    sk_list_push(&shard->gone, &outgoing->gone);
    sk_shard_mark_dirty(shard);
}

static enum sk_carriage carriage_of(const struct sk_shard *from, const struct sk_outgoing *outgoing)
{
    const struct sk_engine_options *options = &from->engine->options;
    if (options->carry == NULL) return SK_CARRY_NOW;
    return options->carry(options->observer_context, from->index, outgoing->to_shard,
                          outgoing->message.id);
}

/* After a failure nothing goes to siblings in this pass: what comes behind must not overtake. */
static bool hand_to_sibling(struct sk_shard *from, struct sk_outgoing *outgoing, bool *is_blocked)
{
    if (*is_blocked) return false;
    enum sk_carriage carriage = carriage_of(from, outgoing);
    bool is_sent =
        carriage != SK_CARRY_LATER && sk_sibling_hand(from, outgoing->to_shard, &outgoing->message);
    if (is_sent && carriage == SK_CARRY_TWICE)
        (void)sk_sibling_hand(from, outgoing->to_shard, &outgoing->message);
    if (is_sent) outgoing->state = SK_OUTGOING_HANDED;
    if (!is_sent) sk_messages_again_soon(from->engine);
    *is_blocked = !is_sent && carriage != SK_CARRY_LATER;
    return is_sent;
}

/* It is in no list. False: not now. */
static bool hand_over(struct sk_shard *from, struct sk_outgoing *outgoing, bool *is_blocked)
{
    if (sk_sibling_serving(from->engine, outgoing->to_shard) != NULL)
        return hand_to_sibling(from, outgoing, is_blocked);
    struct sk_shard *to = &from->engine->shards[outgoing->to_shard];
    uint32_t here = from->engine->options.group_member;
    if (!sk_shard_is_serving(to)) return false;
    enum sk_incoming_state state = SK_INCOMING_QUEUED;
    enum sk_carriage carriage = carriage_of(from, outgoing);
    if (carriage == SK_CARRY_LATER) {
        sk_messages_again_soon(from->engine);
        return false;
    }
    outgoing->state = SK_OUTGOING_HANDED; /* before: the target may lose it at once */
    bool is_taken = sk_inbox_receive(to, from->index, here, &outgoing->message, &state);
    if (is_taken && carriage == SK_CARRY_TWICE)
        is_taken = sk_inbox_receive(to, from->index, here, &outgoing->message, &state);
    if (!is_taken) {
        sk_messages_again_soon(from->engine);
        return false;
    }
    if (state == SK_INCOMING_DURABLE) mark_gone(from, outgoing);
    return true;
}

void sk_outbox_deliver(struct sk_shard *shard)
{
    if (!sk_shard_is_serving(shard)) return; /* its own rows may not have been read yet */
    bool is_blocked = false;
    struct sk_list batch;
    sk_list_init(&batch);
    while (!sk_list_is_empty(&shard->waiting)) {
        struct sk_list *node = shard->waiting.next;
        sk_list_remove(node);
        sk_list_push(&batch, node);
    }
    while (!sk_list_is_empty(&batch)) {
        struct sk_outgoing *outgoing = sk_container_of(batch.next, struct sk_outgoing, gone);
        sk_list_remove(&outgoing->gone);
        if (!hand_over(shard, outgoing, &is_blocked)) wait_in_order(shard, outgoing);
    }
}

bool sk_outbox_consumed(struct sk_shard *shard, struct sk_str id)
{
    struct sk_outgoing *outgoing = find(shard, id);
    if (outgoing == NULL) return !shard->is_outbox_incomplete && sk_shard_is_serving(shard);
    mark_gone(shard, outgoing);
    return false;
}

void sk_outbox_again(struct sk_shard *shard, struct sk_str id)
{
    struct sk_outgoing *outgoing = find(shard, id);
    if (outgoing == NULL || outgoing->state != SK_OUTGOING_HANDED) return;
    wait_in_order(shard, outgoing);
    sk_messages_again_soon(shard->engine);
}

void sk_outbox_remove(struct sk_shard *shard, struct sk_outgoing *outgoing)
{
    struct sk_engine *engine = shard->engine;
    struct sk_shard *to = &engine->shards[outgoing->to_shard];
    const struct sk_serving *serving = sk_sibling_serving(engine, to->index);
    if (sk_shard_is_held(to)) sk_inbox_forget(to, outgoing->message.id);
    if (serving != NULL) sk_sibling_forget(shard, to->index, serving->member, outgoing->message.id);
    sk_list_remove(&outgoing->node);
    SK_TABLE_REMOVE(shard->outbox, outgoing);
    sk_free(outgoing);
}

void sk_messages_for(struct sk_shard *to)
{
    struct sk_engine *engine = to->engine;
    for (uint32_t i = 0; i < engine->shards_count; i++) sk_outbox_deliver(&engine->shards[i]);
}

void sk_messages_unhand(struct sk_shard *to)
{
    struct sk_engine *engine = to->engine;
    for (uint32_t i = 0; i < engine->shards_count; i++) {
        struct sk_shard *shard = &engine->shards[i];
        if (shard == to || !sk_shard_is_held(shard)) continue;
        for (struct sk_list *at = shard->outgoing.next; at != &shard->outgoing; at = at->next) {
            struct sk_outgoing *outgoing = sk_container_of(at, struct sk_outgoing, node);
            if (outgoing->to_shard == to->index && outgoing->state == SK_OUTGOING_HANDED) {
                wait_in_order(shard, outgoing);
            }
        }
    }
}

/* ---- the sweep ------------------------------------------------------------------------------- */

static void on_rows(struct sk_engine *engine, void *context, struct sk_rows *rows)
{
    (void)engine;
    struct sk_shard *shard = context;
    shard->is_reading_outbox = false;
    if (!sk_shard_is_serving(shard)) return;
    /* A row that was deleted meanwhile must not come back (O2). */
    bool is_stale = shard->outbox_position != shard->position || !sk_list_is_empty(&shard->works);
    if (rows->status != SKALD_OK || is_stale) {
        sk_messages_again_soon(shard->engine);
        return;
    }
    shard->is_outbox_incomplete = false;
    sk_outbox_load(shard, rows);
    sk_outbox_deliver(shard);
}

static void reread(struct sk_shard *shard)
{
    if (!shard->is_outbox_incomplete || shard->is_reading_outbox) return;
    if (!sk_list_is_empty(&shard->works)) {
        sk_messages_again_soon(shard->engine); /* its rows are about to change */
        return;
    }
    shard->is_reading_outbox = true;
    shard->outbox_position = shard->position;
    struct sk_read read = { .kind = SK_READ_MESSAGES, .shard = shard->index, .limit = UINT32_MAX };
    sk_engine_store_read(shard->engine, &read, on_rows, shard);
}

void sk_messages_sweep(struct sk_engine *engine)
{
    sk_siblings_sweep(engine, false);
    for (uint32_t i = 0; i < engine->shards_count; i++) {
        struct sk_shard *shard = &engine->shards[i];
        if (!sk_shard_is_serving(shard)) continue;
        reread(shard);
        sk_outbox_deliver(shard);
        sk_inbox_sweep(shard);
    }
}

static void on_again(struct sk_engine *engine, struct sk_alarm *alarm)
{
    (void)alarm;
    sk_messages_sweep(engine);
}

void sk_messages_again_soon(struct sk_engine *engine)
{
    engine->message_alarm.fn = on_again;
    if (sk_alarm_is_set(&engine->message_alarm)) return;
    sk_alarm_set(engine, &engine->message_alarm, sk_engine_now(engine) + SK_RETRY_AFTER_MS);
}

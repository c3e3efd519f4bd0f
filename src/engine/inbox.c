/*
 * inbox.c: messages that arrived in a shard, each consumed exactly once.
 *
 *   QUEUED --decided by its machine--> DECIDED --part durable--> DURABLE --sender's row gone-->
 *   FORGET --> (freed)
 *
 *   Q1  An id is in the inbox from its arrival until the shard has durably forgotten it; who sends
 *       it again meanwhile is told, or will be.
 *   Q2  A message is consumed in the same part as the events it causes.
 *   Q3  A message to a saga that does not exist: a child's start creates it; a parent's cancel or
 *       compensate is answered as by a child that was cancelled with nothing done (it can only be
 *       that its start was refused); anything else is consumed and means nothing. Nothing is
 *       remembered of sagas that are not there.
 */
#include "engine/engine_private.h"

static struct sk_incoming *find(struct sk_shard *shard, struct sk_str id)
{
    struct sk_incoming *incoming = NULL;
    SK_TABLE_FIND(shard->inbox, id, incoming);
    return incoming;
}

static struct sk_incoming *add(struct sk_shard *shard, struct sk_str id, uint32_t from_shard,
                               uint32_t from_member)
{
    struct sk_incoming *incoming = sk_alloc(sizeof *incoming + id.size + 1);
    if (incoming == NULL) return NULL;
    memcpy(incoming->text, id.data, id.size);
    incoming->id = (struct sk_str){ incoming->text, id.size };
    incoming->from_shard = from_shard;
    incoming->from_member = from_member;
    sk_list_init(&incoming->node);
    bool is_added = false;
    SK_TABLE_ADD(shard->inbox, incoming, incoming->id, is_added);
    if (is_added) return incoming;
    sk_free(incoming);
    return NULL;
}

void sk_inbox_remove(struct sk_shard *shard, struct sk_incoming *incoming)
{
    sk_list_remove(&incoming->node);
    SK_TABLE_REMOVE(shard->inbox, incoming);
    sk_free(incoming);
}

static struct sk_shard *sender_of(struct sk_shard *shard, const struct sk_incoming *incoming)
{
    struct sk_engine *engine = shard->engine;
    if (incoming->from_shard >= engine->shards_count) return NULL;
    struct sk_shard *from = &engine->shards[incoming->from_shard];
    if (!sk_shard_is_held(from)) return NULL;
    if (engine->servings == NULL) return from;
    /* It may have been lost to a sibling, of whose rows nothing is known here (B3 of sibling.c). */
    bool is_lost = sk_sibling_serving(engine, from->index) != NULL;
    return is_lost || !sk_shard_may_send(from) ? NULL : from;
}

bool sk_inbox_receive(struct sk_shard *shard, uint32_t from_shard, uint32_t from_member,
                      const struct sk_message *message, enum sk_incoming_state *out_state)
{
    struct sk_incoming *incoming = find(shard, message->id);
    if (incoming != NULL) {
        bool is_durable =
            incoming->state == SK_INCOMING_DURABLE || incoming->state == SK_INCOMING_FORGET;
        *out_state = is_durable ? SK_INCOMING_DURABLE : SK_INCOMING_QUEUED;
        return true;
    }
    struct sk_machine *machine = sk_machine_get(shard->engine, message->to);
    struct sk_command command = {
        .kind = SK_COMMAND_MESSAGE, .step = SK_STEP_NONE, .item = -1, .message = message
    };
    struct sk_job *job =
        machine == NULL ? NULL : sk_job_new(SK_JOB_MESSAGE, &command, SK_STR(""), NULL);
    if (job == NULL) return false;
    incoming = add(shard, message->id, from_shard, from_member);
    if (incoming == NULL) {
        sk_job_free(job);
        return false;
    }
    job->command.entropy = sk_engine_entropy(shard->engine);
    job->incoming = incoming;
    sk_job_push(machine, job);
    *out_state = SK_INCOMING_QUEUED;
    sk_jobs_run(machine);
    sk_machine_settle(machine);
    return true;
}

/* ---- consuming ------------------------------------------------------------------------------- */

void sk_inbox_consume(struct sk_machine *machine, struct sk_incoming *incoming)
{
    incoming->state = SK_INCOMING_DECIDED;
    sk_list_push(&machine->arrivals, &incoming->node);
    sk_machine_mark_dirty(machine);
}

void sk_inbox_lost(struct sk_shard *shard, struct sk_incoming *incoming)
{
    uint32_t member = incoming->from_member;
    if (member != shard->engine->options.group_member) {
        sk_sibling_lost(shard, incoming->from_shard, member, incoming->id);
    } else {
        /* Handed over from here: it waits there again, also where its lease is too short to ask. */
        struct sk_shard *from = &shard->engine->shards[incoming->from_shard];
        if (sk_shard_is_held(from)) sk_outbox_again(from, incoming->id);
    }
    sk_inbox_remove(shard, incoming);
}

/* A message of the engine's own in the machine's next part; false: out of memory. */
static bool reply(struct sk_machine *machine, enum sk_message_kind kind, const char *what,
                  struct sk_str to, struct sk_str body)
{
    struct sk_decision *decision = sk_machine_decision(machine);
    if (decision == NULL) return false;
    if (decision->messages_count == decision->messages_capacity) {
        uint32_t capacity = decision->messages_capacity + 8;
        struct sk_message *messages = sk_realloc(decision->messages, capacity * sizeof *messages);
        if (messages == NULL) return false;
        decision->messages = messages;
        decision->messages_capacity = capacity;
    }
    struct sk_buf id;
    sk_buf_init(&id, 0);
    sk_buf_printf(&id, "%.*s/0/%s/%llu", SK_STR_ARGS(machine->id), what,
                  (unsigned long long)sk_engine_entropy(machine->engine));
    struct sk_message message = { .kind = kind,
                                  .id = sk_arena_copy(&decision->arena, sk_buf_view(&id)),
                                  .from = sk_arena_copy(&decision->arena, machine->id),
                                  .to = sk_arena_copy(&decision->arena, to),
                                  .body = sk_arena_copy(&decision->arena, body) };
    bool is_made = !id.failed && !decision->arena.failed;
    if (is_made) decision->messages[decision->messages_count++] = message;
    sk_buf_release(&id);
    return is_made;
}

bool sk_inbox_reply_ended(struct sk_machine *machine, struct sk_str parent, uint32_t step,
                          int32_t item, uint32_t round, const char *code, const char *why)
{
    struct sk_buf body;
    sk_buf_init(&body, 0);
    sk_put_u64(&body, SK_SAGA_CANCELLED);
    sk_put_u64(&body, step);
    sk_put_i64(&body, item);
    sk_put_u64(&body, round);
    sk_put_str(&body, SK_STR(""));
    sk_put_str(&body, sk_str_of(code));
    sk_put_str(&body, sk_str_of(why));
    bool is_made =
        !body.failed && reply(machine, SK_MESSAGE_CHILD_ENDED, "ended", parent, sk_buf_view(&body));
    sk_buf_release(&body);
    return is_made;
}

static void run_absent(struct sk_machine *machine, struct sk_job *job)
{
    const struct sk_message *message = &job->message;
    bool is_done = true;
    if (message->kind == SK_MESSAGE_CHILD_CANCEL || message->kind == SK_MESSAGE_CHILD_COMPENSATE) {
        struct sk_reader reader = sk_reader_of(message->body);
        uint32_t step = (uint32_t)sk_get_u64(&reader);
        int32_t item = (int32_t)sk_get_i64(&reader);
        uint32_t round = (uint32_t)sk_get_u64(&reader);
        is_done = sk_inbox_reply_ended(machine, message->from, step, item, round, "child_not_found",
                                       "the child saga does not exist");
    }
    if (is_done) {
        sk_inbox_consume(machine, job->incoming);
    } else {
        sk_inbox_lost(machine->shard, job->incoming);
    }
    sk_job_free(job);
}

static void run_lock(struct sk_machine *machine, struct sk_job *job)
{
    struct sk_engine *engine = machine->engine;
    if (machine->state == SK_MACHINE_ABSENT) {
        if (!sk_lock_init(&machine->as.lock, machine->id)) {
            sk_inbox_lost(machine->shard, job->incoming);
            sk_job_free(job);
            return;
        }
        machine->is_folded = true;
        machine->state = SK_MACHINE_READY;
    }
    struct sk_decision *decision = sk_machine_decision(machine);
    enum skald_status status = SKALD_E_MEMORY;
    if (decision != NULL) {
        status = sk_lock_decide(&machine->as.lock, &job->message, sk_engine_now(engine), decision);
    }
    if (decision == NULL || decision->failed || status == SKALD_E_MEMORY) {
        sk_inbox_lost(machine->shard, job->incoming);
        sk_machine_reset(machine, SKALD_E_MEMORY, "out of memory");
    } else {
        sk_inbox_consume(machine, job->incoming);
        sk_machine_settle(machine);
    }
    sk_job_free(job);
}

void sk_message_run(struct sk_machine *machine, struct sk_job *job)
{
    if (machine->is_lock) {
        if (machine->state == SK_MACHINE_ABSENT && job->message.kind != SK_MESSAGE_LOCK_REQUEST) {
            run_absent(machine, job);
        } else {
            run_lock(machine, job);
        }
        return;
    }
    if (machine->state == SK_MACHINE_ABSENT) {
        if (job->message.kind == SK_MESSAGE_CHILD_START) {
            sk_start_child(machine, job);
        } else {
            run_absent(machine, job);
        }
        return;
    }
    if (sk_command_decide(machine, &job->command, NULL)) {
        sk_inbox_consume(machine, job->incoming);
    } else {
        sk_inbox_lost(machine->shard, job->incoming);
    }
    sk_job_free(job);
}

/* ---- consumed -------------------------------------------------------------------------------- */

static void forget(struct sk_shard *shard, struct sk_incoming *incoming)
{
    if (incoming->state != SK_INCOMING_DURABLE) return;
    incoming->state = SK_INCOMING_FORGET;
    sk_list_remove(&incoming->node);
    sk_list_push(&shard->forget, &incoming->node);
    sk_shard_mark_dirty(shard);
}

/* The sender hears of it, here or at a sibling. */
static void tell_consumed(struct sk_shard *shard, struct sk_incoming *incoming)
{
    const struct sk_engine *engine = shard->engine;
    struct sk_shard *from = sender_of(shard, incoming);
    if (from != NULL) {
        if (sk_outbox_consumed(from, incoming->id)) forget(shard, incoming);
        return;
    }
    if (incoming->from_shard >= engine->shards_count) return;
    const struct sk_serving *serving = sk_sibling_serving(engine, incoming->from_shard);
    uint32_t member = serving == NULL ? incoming->from_member : serving->member;
    if (member != engine->options.group_member)
        sk_sibling_consumed(shard, incoming->from_shard, member, incoming->id);
}

void sk_inbox_durable(struct sk_shard *shard, struct sk_incoming *incoming)
{
    incoming->state = SK_INCOMING_DURABLE;
    tell_consumed(shard, incoming);
}

void sk_inbox_forget(struct sk_shard *shard, struct sk_str id)
{
    struct sk_incoming *incoming = find(shard, id);
    if (incoming != NULL) forget(shard, incoming);
}

bool sk_inbox_load(struct sk_shard *shard, const struct sk_rows *rows)
{
    for (uint32_t i = 0; i < rows->consumed_count; i++) {
        if (find(shard, rows->consumed[i].id) != NULL) continue;
        struct sk_incoming *incoming =
            add(shard, rows->consumed[i].id, rows->consumed[i].from_shard,
                shard->engine->options.group_member);
        if (incoming != NULL) incoming->state = SK_INCOMING_DURABLE;
        if (incoming == NULL) return false;
    }
    return true;
}

void sk_inbox_sweep(struct sk_shard *shard)
{
    struct sk_incoming *incoming, *next;
    HASH_ITER(hh, shard->inbox, incoming, next)
    {
        if (incoming->state != SK_INCOMING_DURABLE) continue;
        tell_consumed(shard, incoming);
    }
}

void sk_messages_release(struct sk_shard *shard)
{
    struct sk_incoming *incoming, *next_in;
    HASH_ITER(hh, shard->inbox, incoming, next_in)
    {
        HASH_DELETE(hh, shard->inbox, incoming);
        sk_free(incoming);
    }
    struct sk_outgoing *outgoing, *next_out;
    HASH_ITER(hh, shard->outbox, outgoing, next_out)
    {
        HASH_DELETE(hh, shard->outbox, outgoing);
        sk_free(outgoing);
    }
    sk_list_init(&shard->outgoing);
    sk_list_init(&shard->waiting);
    sk_list_init(&shard->gone);
    sk_list_init(&shard->forget);
    sk_list_init(&shard->consumed_only);
    shard->is_outbox_incomplete = false;
}

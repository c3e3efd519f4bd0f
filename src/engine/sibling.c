/*
 * sibling.c: messages to shards that another engine of the group serves (group.h). The states are
 * those of outbox.c and inbox.c; what is a call there is a post here.
 *
 *       sender's engine                                   target's engine
 *          WAITING ◄──────── "I serve shard t" ───────────  begins to serve t
 *             │ message, for this serving of t ──────────►  QUEUED, or dropped: another serving
 *          HANDED  ◄──────── "lost" or "consumed" ────────  LOST or DURABLE
 *          GONE, row deleted ── "forget" ────────────────►  FORGET
 *
 *   B1  A message is handed over for one serving of the target's shard, named by its epoch and its
 *       link (raised when the target had to drop one). Messages for another serving are dropped by
 *       the target: it has told, or will tell, of the present one, and the sender then hands over
 *       all again, in their order. So order is kept (O3) and nothing is lost for good.
 *   B2  Everything may be said twice, and each word but a message may be lost for want of memory:
 *       who serves is told again with each sweep, what was consumed is told again with each sweep.
 *   B3  "There is no such row any more" is said only while the lease of the sender's shard is known
 *       to run: who has lost the shard without knowing it does not know the rows of its successor.
 *   B4  Who is told of a later epoch than its own has lost the shard, and does not wait until the
 *       store says so: it would ask its successor about sagas that it takes for its own.
 *   B5  What the target has forgotten must not come again by a late word of an earlier owner of the
 *       sender's shard. So a message names the epoch of its sender's shard and is dropped if a
 *       later one is known here, and "forget" counts only from the owner that is known here.
 */
#include "engine/engine_private.h"

#include "engine/group.h"

/* One word to a sibling. */
struct note {
    uint32_t from_member;
    uint32_t from_shard, to_shard; /* of the message */
    uint64_t from_epoch;           /* of from_shard, as who sends the message owns it */
    struct sk_serving serving;     /* of to_shard */
    bool asks;                     /* tell me what you serve */
    struct sk_message message;     /* id alone, but where it is handed over */
    char text[];
};

static struct sk_str append_text(char **at, struct sk_str text)
{
    struct sk_str copy = { *at, text.size };
    if (text.size > 0) memcpy(*at, text.data, text.size);
    *at += text.size;
    return copy;
}

static struct note *note_new(const struct sk_engine *engine, const struct sk_message *message)
{
    size_t size = message->id.size + message->from.size + message->to.size + message->body.size;
    struct note *note = sk_alloc(sizeof *note + size + 1);
    if (note == NULL) return NULL;
    char *at = note->text;
    *note = (struct note){ .from_member = engine->options.group_member };
    note->message.kind = message->kind;
    note->message.id = append_text(&at, message->id);
    note->message.from = append_text(&at, message->from);
    note->message.to = append_text(&at, message->to);
    note->message.body = append_text(&at, message->body);
    return note;
}

/* False: out of memory. */
static bool send(struct sk_engine *engine, uint32_t member, sk_group_fn *fn, struct note *note)
{
    if (sk_group_post(engine->options.group, member, fn, note) == SKALD_OK) return true;
    sk_free(note);
    return false;
}

/* The shard of a note that has come, if it is served here. */
static struct sk_shard *served(struct sk_engine *engine, uint32_t index)
{
    if (engine == NULL || index >= engine->shards_count) return NULL;
    struct sk_shard *shard = &engine->shards[index];
    return sk_shard_is_serving(shard) ? shard : NULL;
}

/* ---- who serves what ------------------------------------------------------------------------- */

const struct sk_serving *sk_sibling_serving(const struct sk_engine *engine, uint32_t index)
{
    if (engine->servings == NULL) return NULL;
    const struct sk_serving *serving = &engine->servings[index];
    const struct sk_shard *here = &engine->shards[index];
    if (serving->epoch == 0) return NULL;
    return sk_shard_is_held(here) && here->epoch >= serving->epoch ? NULL : serving;
}

/* The latest one that was heard of. */
static uint64_t known_epoch(const struct sk_engine *engine, uint32_t index)
{
    uint64_t here = engine->shards[index].epoch, there = engine->servings[index].epoch;
    return here > there ? here : there;
}

static void announce(struct sk_shard *shard, uint32_t member, bool asks);

static void tell_all_to(struct sk_engine *engine, uint32_t member)
{
    for (uint32_t i = 0; i < engine->shards_count; i++) {
        if (sk_shard_is_serving(&engine->shards[i])) announce(&engine->shards[i], member, false);
    }
}

static void on_serving(struct sk_engine *engine, void *context)
{
    struct note *note = context;
    if (engine != NULL && engine->servings != NULL) {
        struct sk_serving *known = &engine->servings[note->to_shard];
        const struct sk_serving *told = &note->serving;
        bool is_new =
            told->epoch > known->epoch || (told->epoch == known->epoch && told->link > known->link);
        struct sk_shard *here = &engine->shards[note->to_shard];
        if (is_new) {
            *known = *told;
            sk_messages_unhand(here);
        }
        if (told->epoch > here->epoch) sk_shard_fence(here, "a sibling serves it"); /* B4 */
        sk_messages_for(here);
        if (note->asks) {
            tell_all_to(engine, note->from_member);
            sk_interest_tell_again(engine, note->from_member);
        }
        sk_engine_turn(engine);
    }
    sk_free(note);
}

static void announce(struct sk_shard *shard, uint32_t member, bool asks)
{
    struct sk_engine *engine = shard->engine;
    struct note *note = note_new(engine, &(struct sk_message){ 0 });
    if (note != NULL) {
        note->to_shard = shard->index;
        note->serving =
            (struct sk_serving){ engine->options.group_member, shard->epoch, shard->link };
        note->asks = asks;
    }
    if (note != NULL && send(engine, member, on_serving, note)) return;
    shard->is_link_untold = true;
    sk_messages_again_soon(engine);
}

void sk_sibling_announce(struct sk_shard *shard)
{
    struct sk_engine *engine = shard->engine;
    if (engine->servings == NULL || !sk_shard_is_serving(shard)) return;
    shard->is_link_untold = false;
    for (uint32_t i = 0; i < sk_group_count(engine->options.group); i++) {
        if (i != engine->options.group_member) announce(shard, i, !engine->has_asked_siblings);
    }
    engine->has_asked_siblings = true;
}

void sk_siblings_sweep(struct sk_engine *engine, bool is_all)
{
    for (uint32_t i = 0; engine->servings != NULL && i < engine->shards_count; i++) {
        struct sk_shard *shard = &engine->shards[i];
        if (is_all || shard->is_link_untold) sk_sibling_announce(shard);
    }
}

/* A message of the link had to be dropped: all that is on its way is dropped, too (B1). */
static void break_link(struct sk_shard *shard)
{
    shard->link += 1;
    shard->is_link_untold = true;
    sk_messages_again_soon(shard->engine);
}

/* ---- the target's side ----------------------------------------------------------------------- */

static void on_consumed(struct sk_engine *engine, void *context);
static void on_lost(struct sk_engine *engine, void *context);

static void on_message(struct sk_engine *engine, void *context)
{
    struct note *note = context;
    struct sk_shard *shard = served(engine, note->to_shard);
    bool is_meant = shard != NULL && shard->epoch == note->serving.epoch &&
                    shard->link == note->serving.link &&
                    note->from_epoch >= known_epoch(engine, note->from_shard); /* B5 */
    enum sk_incoming_state state = SK_INCOMING_QUEUED;
    if (is_meant) {
        if (!sk_inbox_receive(shard, note->from_shard, note->from_member, &note->message, &state)) {
            break_link(shard);
        } else if (state == SK_INCOMING_DURABLE) {
            sk_sibling_consumed(shard, note->from_shard, note->from_member, note->message.id);
        }
        sk_engine_turn(engine);
    }
    sk_free(note);
}

void sk_sibling_consumed(struct sk_shard *shard, uint32_t from_shard, uint32_t member,
                         struct sk_str id)
{
    struct note *note = note_new(shard->engine, &(struct sk_message){ .id = id });
    if (note == NULL) return; /* the sweep tells it again */
    note->from_shard = from_shard;
    note->to_shard = shard->index;
    (void)send(shard->engine, member, on_consumed, note);
}

void sk_sibling_lost(struct sk_shard *shard, uint32_t from_shard, uint32_t member, struct sk_str id)
{
    struct note *note = note_new(shard->engine, &(struct sk_message){ .id = id });
    if (note != NULL) note->from_shard = from_shard;
    if (note == NULL || !send(shard->engine, member, on_lost, note)) break_link(shard);
}

static void on_forget(struct sk_engine *engine, void *context)
{
    struct note *note = context;
    bool is_known = engine != NULL && note->to_shard < engine->shards_count;
    struct sk_shard *shard = is_known ? &engine->shards[note->to_shard] : NULL;
    bool is_meant = shard != NULL && sk_shard_is_held(shard) &&
                    note->from_epoch == known_epoch(engine, note->from_shard); /* B5 */
    if (is_meant) {
        sk_inbox_forget(shard, note->message.id);
        sk_engine_turn(engine);
    }
    sk_free(note);
}

/* ---- the sender's side ----------------------------------------------------------------------- */

bool sk_sibling_hand(struct sk_shard *from, uint32_t to_shard, const struct sk_message *message)
{
    const struct sk_serving *serving = sk_sibling_serving(from->engine, to_shard);
    struct note *note = note_new(from->engine, message);
    if (note == NULL) return false;
    note->from_shard = from->index;
    note->from_epoch = from->epoch;
    note->to_shard = to_shard;
    note->serving = *serving;
    return send(from->engine, serving->member, on_message, note);
}

void sk_sibling_forget(struct sk_shard *from, uint32_t to_shard, uint32_t member, struct sk_str id)
{
    struct note *note = note_new(from->engine, &(struct sk_message){ .id = id });
    if (note == NULL) return; /* the target asks again with its sweep */
    note->from_shard = from->index;
    note->from_epoch = from->epoch;
    note->to_shard = to_shard;
    (void)send(from->engine, member, on_forget, note);
}

static void on_consumed(struct sk_engine *engine, void *context)
{
    struct note *note = context;
    struct sk_shard *shard = served(engine, note->from_shard);
    if (shard != NULL) {
        bool is_gone = sk_outbox_consumed(shard, note->message.id);
        if (is_gone && sk_shard_may_send(shard)) /* B3 */
            sk_sibling_forget(shard, note->to_shard, note->from_member, note->message.id);
        sk_engine_turn(engine);
    }
    sk_free(note);
}

static void on_lost(struct sk_engine *engine, void *context)
{
    struct note *note = context;
    struct sk_shard *shard = served(engine, note->from_shard);
    if (shard != NULL) {
        sk_outbox_again(shard, note->message.id);
        sk_engine_turn(engine);
    }
    sk_free(note);
}

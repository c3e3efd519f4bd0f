/*
 * letter.c: dead letters that somebody has seen to are deleted, in the next part of their shard.
 * That they are written: work.c; that they are read: straight from the store.
 */
#include "engine/engine_private.h"

void sk_discards_end(struct sk_list *discards, enum skald_status status)
{
    while (!sk_list_is_empty(discards)) {
        struct sk_discard *discard = sk_container_of(discards->next, struct sk_discard, node);
        sk_list_remove(&discard->node);
        if (status == SKALD_OK) {
            sk_waiter_succeed(discard->waiter);
        } else {
            sk_waiter_fail(discard->waiter, status,
                           "the shard could not write at present; ask again");
        }
        sk_free(discard);
    }
}

void sk_discards_lose_patience(struct sk_shard *shard, int64_t asked_before_ms)
{
    struct sk_list late;
    sk_list_init(&late);
    for (struct sk_list *at = shard->discards.next, *next; at != &shard->discards; at = next) {
        next = at->next;
        struct sk_discard *discard = sk_container_of(at, struct sk_discard, node);
        if (discard->asked_at_ms > asked_before_ms) continue;
        sk_list_remove(at);
        sk_list_push(&late, at);
    }
    sk_discards_end(&late, SKALD_E_AGAIN);
}

void sk_discards_release(struct sk_list *discards)
{
    while (!sk_list_is_empty(discards)) {
        struct sk_discard *discard = sk_container_of(discards->next, struct sk_discard, node);
        sk_list_remove(&discard->node);
        sk_waiter_free(discard->waiter);
        sk_free(discard);
    }
}

static void tell(struct sk_engine *engine, struct sk_str saga_id, struct sk_str letter_id,
                 struct sk_str who, struct sk_str why)
{
    struct sk_buf json = { 0 };
    struct sk_json_writer w = sk_json_writer_of(&json);
    sk_json_begin_object(&w);
    sk_json_key(&w, "letter");
    sk_json_put_str(&w, letter_id);
    sk_json_key(&w, "by");
    sk_json_put_str(&w, who);
    sk_json_key(&w, "reason");
    sk_json_put_str(&w, why);
    sk_json_end_object(&w);
    sk_engine_notice(engine, SK_LOG_INFO, "letter.discarded", saga_id, "a dead letter is deleted",
                     json.failed ? SK_STR("") : sk_buf_view(&json));
    sk_buf_release(&json);
}

static void add(struct sk_shard *shard, struct sk_str letter_id, struct sk_waiter *waiter)
{
    struct sk_discard *discard = sk_alloc(sizeof *discard + letter_id.size + 1);
    if (discard == NULL) {
        sk_waiter_fail(waiter, SKALD_E_MEMORY, "out of memory");
        return;
    }
    sk_list_init(&discard->node);
    discard->waiter = waiter;
    discard->asked_at_ms = waiter->asked_at_ms;
    if (letter_id.size > 0) memcpy(discard->text, letter_id.data, letter_id.size);
    discard->id = (struct sk_str){ discard->text, letter_id.size };
    sk_list_push(&shard->discards, &discard->node);
    sk_shard_mark_dirty(shard);
}

void sk_engine_discard_letter(struct sk_engine *engine, struct sk_str saga_id,
                              struct sk_str letter_id, struct sk_str who, struct sk_str why,
                              sk_engine_done *done, void *context)
{
    struct sk_waiter *waiter = sk_waiter_new(engine, done, context);
    if (waiter == NULL) return;
    struct sk_shard *shard =
        engine->shards_count == 0 || !sk_id_is_saga(saga_id) ? NULL : sk_shard_of(engine, saga_id);
    if (shard == NULL || !sk_shard_is_held(shard)) {
        sk_waiter_fail(waiter, SKALD_E_AGAIN, "the saga's shard is not served by this node now");
    } else if (shard->state == SK_SHARD_DEGRADED || engine->phase == SK_PHASE_BROKEN) {
        sk_waiter_fail(waiter, SKALD_E_AGAIN, "the store is away; try again later");
    } else {
        tell(engine, saga_id, letter_id, who, why);
        add(shard, letter_id, waiter);
    }
    sk_engine_turn(engine);
}

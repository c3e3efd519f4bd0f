/* turn.c: one decide call: emitting events (each folded at once), messages, letters and alerts. */
#include "core/core_private.h"

void sk_decision_init(struct sk_decision *decision)
{
    *decision = (struct sk_decision){ 0 };
    sk_arena_init(&decision->arena);
    sk_buf_init(&decision->data, 0);
}

void sk_decision_release(struct sk_decision *decision)
{
    sk_free(decision->events);
    sk_free(decision->messages);
    sk_free(decision->letters);
    sk_free(decision->closed);
    sk_buf_release(&decision->data);
    sk_arena_release(&decision->arena);
    *decision = (struct sk_decision){ 0 };
}

void sk_decision_clear(struct sk_decision *decision)
{
    decision->events_count = decision->messages_count = 0;
    decision->letters_count = decision->closed_count = 0;
    decision->failed = decision->is_corrupt = false;
    sk_buf_clear(&decision->data);
    sk_arena_clear(&decision->arena);
}

/* Room for one more element; NULL and failed when out of memory. */
static void *grown(struct sk_decision *decision, void *items, uint32_t count, uint32_t *capacity,
                   size_t size)
{
    if (count < *capacity) return items;
    uint32_t wanted = *capacity == 0 ? 8u : *capacity * 2u;
    void *bigger = sk_realloc(items, wanted * size);
    if (bigger == NULL) {
        decision->failed = true;
        return NULL;
    }
    *capacity = wanted;
    return bigger;
}

struct sk_event sk_turn_event(const struct sk_turn *turn, enum sk_event_type type, uint32_t step,
                              int32_t item)
{
    struct sk_event event = { .type = type, .step = step, .item = item };
    if (step == SK_STEP_NONE) return event;
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    if (unit == NULL) return event;
    const struct sk_call *call = &unit->action;
    if (type >= SK_EVENT_VERIFY_STARTED && type <= SK_EVENT_VERIFY_FAILED) call = &unit->verify;
    if (type >= SK_EVENT_COMPENSATION_STARTED && type <= SK_EVENT_COMPENSATION_WAITING)
        call = &unit->undo;
    event.attempt = call->attempt;
    event.round = call->round;
    return event;
}

bool sk_decision_keep(struct sk_decision *decision, const struct sk_event *event)
{
    if (decision->failed) return false;
    struct sk_decided *events = grown(decision, decision->events, decision->events_count,
                                      &decision->events_capacity, sizeof *events);
    if (events == NULL) return false;
    decision->events = events;
    struct sk_decided decided = { .event = *event, .data_offset = decision->data.size };
    sk_event_encode(event, &decision->data);
    decided.data_size = decision->data.size - decided.data_offset;
    decision->failed = decision->data.failed;
    if (!decision->failed) decision->events[decision->events_count++] = decided;
    return !decision->failed;
}

void sk_decision_check(struct sk_decision *decision, enum skald_status status, bool is_restored)
{
    /* What decide emits must be able to follow, unless what it follows was not decided here. */
    SK_ASSERT(status != SKALD_E_CORRUPT || is_restored);
    if (status == SKALD_OK) return;
    decision->events_count--;
    decision->failed = true;
    decision->is_corrupt = status == SKALD_E_CORRUPT;
}

enum skald_status sk_saga_adopt(struct sk_saga *saga, const struct sk_event *event,
                                struct sk_decision *decision)
{
    if (!sk_decision_keep(decision, event)) return SKALD_E_MEMORY;
    saga->is_restored = true;
    enum skald_status status = sk_saga_evolve(saga, event);
    if (status == SKALD_E_MEMORY) decision->failed = true;
    if (status != SKALD_OK) decision->events_count--;
    return status;
}

void sk_turn_emit(struct sk_turn *turn, struct sk_event *event)
{
    struct sk_decision *decision = turn->decision;
    event->seq = turn->saga->seq + 1;
    event->at_ms = turn->now_ms;
    if (turn->saga->letters_count > 0) sk_letters_close(turn, event);
    if (!turn->failed && sk_decision_keep(decision, event))
        sk_decision_check(decision, sk_saga_evolve(turn->saga, event), turn->saga->is_restored);
    turn->failed = turn->failed || decision->failed;
}

void sk_turn_message(struct sk_turn *turn, enum sk_message_kind kind, struct sk_str to,
                     struct sk_str body, uint32_t n)
{
    struct sk_decision *decision = turn->decision;
    if (turn->failed) return;
    struct sk_message *messages = grown(decision, decision->messages, decision->messages_count,
                                        &decision->messages_capacity, sizeof *messages);
    if (messages == NULL) {
        turn->failed = true;
        return;
    }
    decision->messages = messages;
    struct sk_buf id;
    sk_buf_init(&id, 0);
    sk_buf_append_str(&id, turn->saga->start.id);
    sk_buf_append_char(&id, '/');
    sk_buf_append_u64(&id, turn->saga->seq);
    sk_buf_append_char(&id, '/');
    sk_buf_append_u64(&id, (uint64_t)kind);
    sk_buf_append_char(&id, '/');
    sk_buf_append_u64(&id, n);
    struct sk_message message = {
        .kind = kind,
        .id = sk_arena_copy(&decision->arena, sk_buf_view(&id)),
        .from = sk_arena_copy(&decision->arena, turn->saga->start.id),
        .to = sk_arena_copy(&decision->arena, to),
        .body = sk_arena_copy(&decision->arena, body),
    };
    if (id.failed || decision->arena.failed)
        turn->failed = decision->failed = true;
    else
        decision->messages[decision->messages_count++] = message;
    sk_buf_release(&id);
}

void sk_turn_letter(struct sk_turn *turn, uint32_t step, int32_t item, const char *why)
{
    struct sk_decision *decision = turn->decision;
    if (turn->failed) return;
    struct sk_letter *letters = grown(decision, decision->letters, decision->letters_count,
                                      &decision->letters_capacity, sizeof *letters);
    if (letters == NULL) {
        turn->failed = true;
        return;
    }
    decision->letters = letters;
    decision->letters[decision->letters_count++] =
        (struct sk_letter){ turn->saga->seq, step, item, why };
}

/* One that stands in the same decision is taken back: nobody has seen it. */
void sk_turn_close_letter(struct sk_turn *turn, uint32_t step, int32_t item, uint64_t seq)
{
    struct sk_decision *decision = turn->decision;
    if (turn->failed) return;
    for (uint32_t i = 0; i < decision->letters_count; i++) {
        if (decision->letters[i].seq != seq) continue;
        decision->letters_count -= 1;
        for (; i < decision->letters_count; i++) decision->letters[i] = decision->letters[i + 1];
        return;
    }
    struct sk_letter *closed = grown(decision, decision->closed, decision->closed_count,
                                     &decision->closed_capacity, sizeof *closed);
    if (closed == NULL) {
        turn->failed = true;
        return;
    }
    decision->closed = closed;
    decision->closed[decision->closed_count++] = (struct sk_letter){ seq, step, item, NULL };
}

void sk_turn_alert(struct sk_turn *turn, uint32_t step, int32_t item, uint32_t severity,
                   uint32_t flags, const char *code, struct sk_str message)
{
    struct sk_event event = sk_turn_event(turn, SK_EVENT_SAGA_ALERTED, step, item);
    event.kind = severity;
    event.flags = flags;
    event.text = sk_str_of(code);
    event.note = message;
    sk_turn_emit(turn, &event);
}

bool sk_turn_is_too_large(struct sk_turn *turn)
{
    bool was = turn->is_too_large;
    turn->is_too_large = false;
    return was;
}

uint64_t sk_turn_entropy(struct sk_turn *turn)
{
    return sk_mix(turn->entropy, turn->entropy_used++);
}

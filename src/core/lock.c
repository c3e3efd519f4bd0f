/*
 * lock.c: the machine of one lock key, at home in one shard. First come, first served; no
 * time-to-live: a holder gives it back at its end. Requests and releases are idempotent, in any
 * order.
 */
#include "core/core_private.h"

bool sk_lock_init(struct sk_lock *lock, struct sk_str id)
{
    *lock = (struct sk_lock){ 0 };
    sk_arena_init(&lock->arena);
    lock->id = sk_arena_copy(&lock->arena, id);
    return !lock->arena.failed;
}

void sk_lock_release(struct sk_lock *lock)
{
    sk_arena_release(&lock->arena);
    *lock = (struct sk_lock){ 0 };
}

bool sk_lock_is_idle(const struct sk_lock *lock)
{
    return lock->holder.size == 0 && lock->first == NULL;
}

static bool is_waiting(const struct sk_lock *lock, struct sk_str saga)
{
    for (const struct sk_lock_waiter *w = lock->first; w != NULL; w = w->next)
        if (sk_str_equal(w->saga, saga)) return true;
    return false;
}

static void add_waiter(struct sk_lock *lock, struct sk_str saga, int64_t at_ms)
{
    struct sk_lock_waiter *waiter = SK_ARENA_NEW(&lock->arena, struct sk_lock_waiter);
    if (waiter == NULL) return;
    waiter->saga = sk_arena_copy(&lock->arena, saga);
    waiter->since_ms = at_ms;
    if (lock->last != NULL)
        lock->last->next = waiter;
    else
        lock->first = waiter;
    lock->last = waiter;
    lock->waiters_count++;
}

static void drop_waiter(struct sk_lock *lock, struct sk_str saga)
{
    struct sk_lock_waiter *before = NULL;
    for (struct sk_lock_waiter *w = lock->first; w != NULL; before = w, w = w->next) {
        if (!sk_str_equal(w->saga, saga)) continue;
        if (before != NULL)
            before->next = w->next;
        else
            lock->first = w->next;
        if (lock->last == w) lock->last = before;
        lock->waiters_count--;
        return;
    }
}

enum skald_status sk_lock_evolve(struct sk_lock *lock, const struct sk_event *event)
{
    if (event->seq != lock->seq + 1) return SKALD_E_CORRUPT;
    switch (event->type) {
    case SK_EVENT_LOCK_REQUESTED: add_waiter(lock, event->text, event->at_ms); break;
    case SK_EVENT_LOCK_GRANTED:
        drop_waiter(lock, event->text);
        lock->holder = sk_arena_copy(&lock->arena, event->text);
        lock->since_ms = event->at_ms;
        break;
    case SK_EVENT_LOCK_RELEASED:
        if (sk_str_equal(lock->holder, event->text))
            lock->holder = (struct sk_str){ NULL, 0 };
        else
            drop_waiter(lock, event->text);
        break;
    default: return SKALD_E_CORRUPT;
    }
    if (lock->arena.failed) return SKALD_E_MEMORY;
    lock->seq = event->seq;
    return SKALD_OK;
}

/* A stand-in saga lends its id and seq to the shared emitter of messages. */
static void emit(struct sk_lock *lock, struct sk_turn *turn, enum sk_event_type type,
                 struct sk_str saga_id)
{
    struct sk_decision *decision = turn->decision;
    if (turn->failed) return;
    struct sk_event event = { .type = type,
                              .seq = lock->seq + 1,
                              .at_ms = turn->now_ms,
                              .step = SK_STEP_NONE,
                              .item = -1,
                              .text = saga_id };
    if (sk_decision_keep(decision, &event))
        sk_decision_check(decision, sk_lock_evolve(lock, &event), false);
    turn->failed = decision->failed;
    turn->saga->seq = lock->seq;
}

static void grant_next(struct sk_lock *lock, struct sk_turn *turn)
{
    if (turn->failed || lock->holder.size > 0 || lock->first == NULL) return;
    struct sk_str saga_id = lock->first->saga;
    emit(lock, turn, SK_EVENT_LOCK_GRANTED, saga_id);
    struct sk_str key =
        sk_str_sub(lock->id, sizeof "@lock/" - 1, lock->id.size - (sizeof "@lock/" - 1));
    sk_turn_message(turn, SK_MESSAGE_LOCK_GRANTED, saga_id, key, 0);
}

enum skald_status sk_lock_decide(struct sk_lock *lock, const struct sk_message *message,
                                 int64_t now_ms, struct sk_decision *decision)
{
    struct sk_saga lender = { .seq = lock->seq };
    lender.start.id = lock->id;
    struct sk_turn turn = { .saga = &lender, .decision = decision, .now_ms = now_ms };
    bool holds = sk_str_equal(lock->holder, message->from);
    bool waits = is_waiting(lock, message->from);
    if (message->kind == SK_MESSAGE_LOCK_REQUEST && !holds && !waits) {
        emit(lock, &turn, SK_EVENT_LOCK_REQUESTED, message->from);
        grant_next(lock, &turn);
    } else if (message->kind == SK_MESSAGE_LOCK_RELEASE && (holds || waits)) {
        emit(lock, &turn, SK_EVENT_LOCK_RELEASED, message->from);
        grant_next(lock, &turn);
    }
    return turn.failed ? SKALD_E_MEMORY : SKALD_OK;
}

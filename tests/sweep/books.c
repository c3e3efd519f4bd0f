/* books.c: see books.h. */
#include "books.h"

#include <stdio.h>
#include <string.h>

enum { CALLS_MAX = 256, PENDING_MAX = 32 };

struct call {
    bool is_used;
    uint64_t ticket;
    sk_invoke_done *done;
    void *context;
    struct sk_outcome outcome;
};

static struct {
    struct effect effects[BOOKS_EFFECTS_MAX];
    uint32_t effects_count;
    struct call calls[CALLS_MAX];
    uint32_t first, count; /* a ring: answers come in the order of the calls */
    struct pending_answer pending[PENDING_MAX];
    uint32_t pending_count;
} books;

void books_clear(void)
{
    memset(&books, 0, sizeof books);
}

void books_forget_calls(void)
{
    books.first = books.count = 0;
    memset(books.calls, 0, sizeof books.calls);
}

/* ---- the books ------------------------------------------------------------------------------- */

static struct effect *find(const char *key, size_t size)
{
    for (uint32_t i = 0; i < books.effects_count; i++) {
        struct effect *effect = &books.effects[i];
        if (strlen(effect->key) == size && memcmp(effect->key, key, size) == 0) return effect;
    }
    return NULL;
}

const struct effect *books_find(const char *key)
{
    return find(key, strlen(key));
}

uint32_t books_count(void)
{
    return books.effects_count;
}

const struct effect *books_at(uint32_t index)
{
    return &books.effects[index];
}

/* Without "/action", "/compensation", "/verify". */
static struct effect *effect_of(const char *key, size_t size)
{
    while (size > 0 && key[size - 1] != '/') size -= 1;
    if (size > 0) size -= 1;
    struct effect *effect = find(key, size);
    if (effect != NULL || books.effects_count == BOOKS_EFFECTS_MAX) return effect;
    effect = &books.effects[books.effects_count++];
    snprintf(effect->key, sizeof effect->key, "%.*s", (int)size, key);
    return effect;
}

/* false: it was undone, so it is refused. */
static bool act(struct effect *effect)
{
    effect->actions += 1;
    if (effect->is_undone) return false;
    effect->is_done = true;
    return true;
}

static void undo(struct effect *effect)
{
    effect->compensations += 1;
    effect->is_undone = true;
}

void books_task(const char *key, bool is_compensation)
{
    struct effect *effect = effect_of(key, strlen(key));
    if (is_compensation)
        undo(effect);
    else
        (void)act(effect);
}

/* ---- what is said ---------------------------------------------------------------------------- */

static bool begins(struct sk_str text, const char *prefix)
{
    size_t size = strlen(prefix);
    return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

static bool is_second(struct sk_str saga)
{
    return saga.size >= 2 && memcmp(saga.data + saga.size - 2, "-2", 2) == 0;
}

static struct sk_outcome say(enum sk_outcome_class class_, const char *code)
{
    return (struct sk_outcome){ .class_ = class_,
                                .output = SK_STR("{\"id\":\"x-17\",\"total\":42}"),
                                .code = sk_str_of(code),
                                .message = sk_str_of(code),
                                .has_error_code = code[0] != 0,
                                .is_answered = true };
}

static void keep_pending(const struct sk_invocation *invocation)
{
    if (books.pending_count == PENDING_MAX) return;
    struct pending_answer *pending = &books.pending[books.pending_count++];
    pending->is_open = true;
    snprintf(pending->saga, sizeof pending->saga, "%.*s", SK_STR_ARGS(invocation->saga_id));
    snprintf(pending->step, sizeof pending->step, "%.*s", SK_STR_ARGS(invocation->step_id));
    snprintf(pending->token, sizeof pending->token, "%.*s", SK_STR_ARGS(invocation->token));
}

static struct sk_outcome act_and_say(const struct sk_invocation *invocation, struct effect *effect)
{
    bool is_first = invocation->attempt == 1;
    if (begins(invocation->step_id, "refuse") && is_second(invocation->saga_id)) {
        effect->actions += 1;
        return say(SK_OUTCOME_FAILED, "sold_out");
    }
    if (begins(invocation->step_id, "busy") && is_first && !effect->is_done)
        return say(SK_OUTCOME_RETRYABLE, "busy");
    if (!act(effect)) return say(SK_OUTCOME_FAILED, "was_undone");
    if (begins(invocation->step_id, "lose") && is_first) {
        struct sk_outcome lost = say(SK_OUTCOME_UNKNOWN, "lost");
        lost.is_answered = false;
        return lost;
    }
    if (begins(invocation->step_id, "pend")) {
        keep_pending(invocation);
        return say(SK_OUTCOME_PENDING, "");
    }
    return say(SK_OUTCOME_SUCCEEDED, "");
}

static struct sk_outcome answer(const struct sk_invocation *invocation)
{
    struct effect *effect = effect_of(invocation->key.data, invocation->key.size);
    struct sk_outcome verdict = say(SK_OUTCOME_SUCCEEDED, "");
    switch (invocation->operation) {
    case SK_OPERATION_ACTION: return act_and_say(invocation, effect);
    case SK_OPERATION_COMPENSATION: undo(effect); return verdict;
    case SK_OPERATION_VERIFY:
        verdict.output = effect->is_done && !effect->is_undone
                             ? SK_STR("{\"happened\":true,\"output\":{\"id\":\"x-17\"}}")
                             : SK_STR("{\"happened\":false}");
        return verdict;
    case SK_OPERATION_HOOK:
    case SK_OPERATION_POLL:
    case SK_OPERATION_DECISION: (void)act(effect); return verdict;
    }
    return verdict;
}

/* ---- the port -------------------------------------------------------------------------------- */

static enum skald_status start(struct sk_invoker *invoker, const struct sk_invocation *invocation,
                               sk_invoke_done *done, void *context)
{
    (void)invoker;
    if (books.count == CALLS_MAX) return SKALD_E_LIMIT;
    struct call *call = &books.calls[(books.first + books.count) % CALLS_MAX];
    books.count += 1;
    *call = (struct call){ .is_used = true,
                           .ticket = invocation->ticket,
                           .done = done,
                           .context = context,
                           .outcome = answer(invocation) };
    return SKALD_OK;
}

static void cancel(struct sk_invoker *invoker, uint64_t ticket)
{
    (void)invoker;
    for (uint32_t i = 0; i < CALLS_MAX; i++)
        if (books.calls[i].ticket == ticket) books.calls[i].is_used = false;
}

static void free_invoker(struct sk_invoker *invoker)
{
    (void)invoker;
}

struct sk_invoker *books_invoker(void)
{
    static const struct sk_invoker_ops ops = { start, cancel, free_invoker };
    static struct sk_invoker invoker = { &ops };
    return &invoker;
}

bool books_answer(void)
{
    uint32_t due = books.count;
    for (uint32_t i = 0; i < due; i++) {
        struct call call = books.calls[books.first];
        books.calls[books.first].is_used = false;
        books.first = (books.first + 1) % CALLS_MAX;
        books.count -= 1;
        if (call.is_used) call.done(call.context, call.ticket, &call.outcome);
    }
    return due > 0;
}

struct pending_answer *books_pending(uint32_t index)
{
    for (uint32_t i = 0; i < books.pending_count; i++) {
        if (!books.pending[i].is_open) continue;
        if (index-- == 0) return &books.pending[i];
    }
    return NULL;
}

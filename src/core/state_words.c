/* state_words.c: see state_words.h. */
#include "core/state_words.h"

const struct sk_state_word sk_state_words[] = {
    { "skald", "pending", SK_SAGA_PENDING, "" },
    { "skald", "running", SK_SAGA_RUNNING, "" },
    { "skald", "completed", SK_SAGA_COMPLETED, "" },
    { "skald", "compensating", SK_SAGA_COMPENSATING, "" },
    { "skald", "compensated", SK_SAGA_COMPENSATED, "" },
    { "skald", "failed", SK_SAGA_FAILED, "an undo failed: a person must look" },
    { "skald", "cancelled", SK_SAGA_CANCELLED, "" },
    { "skald", "timed_out", SK_SAGA_TIMED_OUT, "" },
    { "skald", "suspended", SK_SAGA_SUSPENDED, "" },

    { "swit", "Pending", SK_SAGA_PENDING, "" },
    { "swit", "Running", SK_SAGA_RUNNING, "" },
    { "swit", "StepCompleted", SK_SAGA_RUNNING, "between two steps" },
    { "swit", "Completed", SK_SAGA_COMPLETED, "" },
    { "swit", "Compensating", SK_SAGA_COMPENSATING, "" },
    { "swit", "Compensated", SK_SAGA_COMPENSATED, "" },
    { "swit", "Failed", SK_SAGA_FAILED, "" },
    { "swit", "Cancelled", SK_SAGA_CANCELLED, "" },
    { "swit", "TimedOut", SK_SAGA_TIMED_OUT, "" },

    { "rte", "CREATED", SK_SAGA_PENDING, "waits for a slot or its locks" },
    { "rte", "LOCKED", SK_SAGA_RUNNING, "has its locks" },
    { "rte", "EXECUTING", SK_SAGA_RUNNING, "" },
    { "rte", "CONFIRMING", SK_SAGA_RUNNING, "the last step is being settled" },
    { "rte", "COMPLETED", SK_SAGA_COMPLETED, "" },
    { "rte", "FAILED", SK_SAGA_COMPENSATING, "a step failed and undoing begins" },
    { "rte", "COMPENSATING", SK_SAGA_COMPENSATING, "" },
    { "rte", "COMPENSATED", SK_SAGA_COMPENSATED, "" },
    { "rte", "COMPENSATION_FAILED", SK_SAGA_FAILED, "" },
    { "rte", "TIMEOUT", SK_SAGA_TIMED_OUT, "" },
    { "rte", "CANCELLED", SK_SAGA_CANCELLED, "" },

    { "pattern", "pending", SK_SAGA_PENDING, "" },
    { "pattern", "running", SK_SAGA_RUNNING, "" },
    { "pattern", "executing", SK_SAGA_RUNNING, "" },
    { "pattern", "completed", SK_SAGA_COMPLETED, "" },
    { "pattern", "failed", SK_SAGA_FAILED, "" },
    { "pattern", "compensating", SK_SAGA_COMPENSATING, "" },
    { "pattern", "compensated", SK_SAGA_COMPENSATED, "" },
    { "pattern", "timeout", SK_SAGA_TIMED_OUT, "" },
    { "pattern", "cancelled", SK_SAGA_CANCELLED, "" },
};
const uint32_t sk_state_words_count = sizeof sk_state_words / sizeof sk_state_words[0];

const char *sk_state_word_rte(enum sk_saga_state state, bool is_locked)
{
    static const char *const words[SK_SAGA_STATES_COUNT] = {
        [SK_SAGA_PENDING] = "CREATED",         [SK_SAGA_RUNNING] = "EXECUTING",
        [SK_SAGA_COMPLETED] = "COMPLETED",     [SK_SAGA_COMPENSATING] = "COMPENSATING",
        [SK_SAGA_COMPENSATED] = "COMPENSATED", [SK_SAGA_FAILED] = "COMPENSATION_FAILED",
        [SK_SAGA_CANCELLED] = "CANCELLED",     [SK_SAGA_TIMED_OUT] = "TIMEOUT",
        [SK_SAGA_SUSPENDED] = "EXECUTING",
    };
    if (state == SK_SAGA_RUNNING && is_locked) return "LOCKED";
    return words[state];
}

/* The next letter that counts, in lower case; 0 at the end. */
static char next_letter(struct sk_str text, size_t *at)
{
    while (*at < text.size && (text.data[*at] == '_' || text.data[*at] == '-')) *at += 1;
    if (*at == text.size) return 0;
    char c = text.data[(*at)++];
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_same(struct sk_str a, struct sk_str b)
{
    size_t at_a = 0, at_b = 0;
    for (;;) {
        char c = next_letter(a, &at_a);
        if (c != next_letter(b, &at_b)) return false;
        if (c == 0) return true;
    }
}

uint32_t sk_state_word_find(struct sk_str word)
{
    size_t colon = sk_str_find(word, ':');
    bool has_source = colon < word.size;
    struct sk_str source = has_source ? sk_str_sub(word, 0, colon) : (struct sk_str){ 0 };
    struct sk_str name = has_source ? sk_str_sub(word, colon + 1, word.size) : word;
    for (uint32_t i = 0; i < sk_state_words_count; i++) {
        const struct sk_state_word *row = &sk_state_words[i];
        if (has_source && !is_same(source, sk_str_of(row->source))) continue;
        if (is_same(name, sk_str_of(row->word))) return UINT32_C(1) << row->state;
    }
    return 0;
}

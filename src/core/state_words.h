/*
 * state_words.h: the states of a saga by all their names: ours, and those of the documents that
 * people come from. One table, for filters and for the docs.
 *
 *   swit     the nine states of Swit's coordinator
 *   rte      the eleven of the RTE engine
 *   pattern  those of the saga pattern guide
 *
 * Case, '_' and '-' do not count, so StepCompleted, STEP_COMPLETED and step_completed are one word.
 * A word may carry its source, as in `rte:FAILED`; without one, ours goes before the others.
 */
#ifndef SK_CORE_STATE_WORDS_H
#define SK_CORE_STATE_WORDS_H

#include "core/saga.h"

struct sk_state_word {
    const char *source, *word; /* "rte", "FAILED" */
    enum sk_saga_state state;
    const char *meaning; /* where it is not plain */
};
extern const struct sk_state_word sk_state_words[];
extern const uint32_t sk_state_words_count;

/* The word by which the RTE engine's clients know a state. `is_locked`: the saga has its locks and
 * has not begun; a suspended saga is shown as what it was. */
const char *sk_state_word_rte(enum sk_saga_state state, bool is_locked);

/* A bit for each state the word means; 0: no such word. */
uint32_t sk_state_word_find(struct sk_str word);

#endif

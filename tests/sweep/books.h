/*
 * books.h: the participants of a sweep: one invoker for every kind of action, and the books of what
 * they did. Everything lies in fixed arrays: participants are other machines, so their memory,
 * files and stores are sound.
 *
 * A participant keeps its promise: the same key twice is once and gets the same answer; what was
 * undone is not done any more. What it says is written in its step's name:
 *
 *   refuse…  a clear no for sagas whose id ends in "-2", else done
 *   lose…    the first attempt is done and its answer lost (unknown); `verify` tells
 *   busy…    the first attempt is not done (retryable)
 *   pend…    accepted; answered later by token: books_pending
 *   (other)  done
 */
#ifndef SWEEP_BOOKS_H
#define SWEEP_BOOKS_H

#include "invoke/invoke.h"

enum { BOOKS_EFFECTS_MAX = 256, BOOKS_TEXT_SIZE = 256 };

/* One thing that a participant may do, by its key without the operation. */
struct effect {
    char key[BOOKS_TEXT_SIZE]; /* "order-1/reserve", "order-1/line/0" */
    bool is_done, is_undone;
    bool was_done_after_undo; /* never: the promise above */
    uint32_t actions, compensations;
};

struct pending_answer {
    char saga[BOOKS_TEXT_SIZE], step[BOOKS_TEXT_SIZE], token[BOOKS_TEXT_SIZE];
    bool is_open;
};

void books_clear(void);
/* The engine that had these calls is gone; nobody is answered any more. */
void books_forget_calls(void);
struct sk_invoker *books_invoker(void);
/* Gives the answers that are due, on the loop; false: there were none. */
bool books_answer(void);
/* A task was worked on. The operation as the API names it. */
void books_task(const char *key, bool is_compensation);

const struct effect *books_find(const char *key); /* NULL: there was never a call */
uint32_t books_count(void);
const struct effect *books_at(uint32_t index);
/* An accepted call whose answer is still to come, the index-th; NULL: no more. */
struct pending_answer *books_pending(uint32_t index);

#endif

/*
 * participants.h: the services that carry out steps, and their books: what was really done.
 *
 *   B1  The books say the truth; only verify reads them out, and the checkers.
 *   B2  A clear "no" and a `retryable` mean that this request did nothing. Unclear answers mean
 *       nothing.
 *       (but for a participant that contradicts itself: it says no, has done it, and says so
 *       later, or never: then the books are excused.)
 *   B3  A guarded participant does no action after its deadline (by its own clock) and none after a
 *       compensation of the same saga, step and item (law 6). An unguarded one does what it is
 *       told.
 *   B4  An idempotent participant gives a key that it has decided its first answer again, without a
 *       second effect. Another one does it again.
 */
#ifndef SIM_PARTICIPANTS_H
#define SIM_PARTICIPANTS_H

#include "answers.h"
#include "core/plan.h"
#include "world.h"

enum { SIM_PARTICIPANTS = 8 };

struct sim_participant {
    uint32_t index;
    bool is_guarded, is_idempotent;
    int64_t clock_offset_ms;
    uint32_t temper;       /* permille of its faults that stay: 0 = a kind one */
    int64_t down_until_us; /* nobody answers there */
    int64_t usual_us;
};

enum sim_decided { SIM_UNDECIDED, SIM_APPLIED, SIM_REFUSED, SIM_ACCEPTED /* pending */ };

struct sim_key_book {
    struct sk_str key;
    enum sim_decided decided;
    int64_t acted_us; /* when an action with it arrived last */
    bool is_lost;     /* that was in a time that a restore took back */
    struct sim_key_book *next;
};

/* What was done for one saga, step and item. */
struct sim_unit_book {
    struct sk_str saga_id, step_id;
    int32_t item;
    struct sim_participant *participant;
    uint32_t applied_count, undone_count;
    uint64_t applied_order, undone_order; /* of the last one; the books' own count, 0 = never */
    bool has_tombstone;
    bool is_restored;      /* something was sent in the time that a restore took back, … */
    bool has_contradicted; /* it has said no, and then that it happened */
    bool is_denied;        /* verify has said that it did not happen */
    bool is_heard_again;   /* … and the action again since */
    uint32_t owed;         /* completions that no node has taken yet */
    bool is_excused;       /* acted where no engine could have known: see apply() */
    uint32_t nulls;        /* verify will say so often that it does not know */
    struct sk_str token;   /* of the first attempt that arrived, … */
    uint32_t token_attempt, token_round;
    struct sim_key_book *keys;
    struct sim_visit *visits, *visits_last;
    struct sim_unit_book *next; /* of the saga */
};

/* One request as it arrived, for the report. */
struct sim_visit {
    int64_t at_us;
    enum sk_operation operation;
    uint32_t attempt, round;
    const char *what;
    struct sim_visit *next;
};

struct sim_saga_book {
    struct sim_unit_book *units;
};

struct completion;
struct sim_books {
    struct sim_world *world;
    struct sim_participant participants[SIM_PARTICIPANTS];
    struct sim_map units; /* "saga/step/item" */
    struct sim_map hooks; /* by key: anything = it arrived */
    struct sim_map sagas; /* id → struct sim_saga_book * */
    uint64_t order;
    uint64_t visits, applied, undone;
    struct completion *completions; /* sim_invoker.c */
    uint32_t owed;                  /* completions that no node has taken yet */
    struct sk_str huge; /* a body that is larger than an output may be; made when first needed */
};

struct sim_statuses {
    const uint16_t *items;
    uint32_t count;
};

/* A request on its way; lives in the world's arena. */
struct sim_request {
    struct sim_node *node;
    enum sk_operation operation;
    struct sk_str saga_id, step_id, key, token, service;
    int32_t item;
    uint32_t attempt, round;
    int64_t deadline_ms, sent_us;
    bool is_maybe;
    uint32_t deliveries;             /* arrived so often before */
    struct sim_unit_book *unit;      /* once it has arrived */
    struct sim_statuses statuses[3]; /* success, fail, retry: what the action says of them */
};

void sim_books_init(struct sim_books *books, struct sim_world *world);
struct sim_participant *sim_participant_of(struct sim_books *books, struct sk_str service);
/* The request arrives: the participant does what it does, and answers. */
void sim_participant_visit(struct sim_books *books, struct sim_request *request,
                           struct sim_answer *out);
/* tempers.c: how participants that are not like the book answer; NULL: this one is, now. What they
 * did stands in the books. */
const char *sim_temper_act(struct sim_books *books, struct sim_unit_book *unit,
                           struct sim_key_book *key, const struct sim_request *request,
                           struct sim_answer *out);
const char *sim_temper_undo(struct sim_books *books, struct sim_unit_book *unit,
                            struct sim_answer *out);
const char *sim_temper_verify(struct sim_books *books, struct sim_unit_book *unit,
                              struct sim_answer *out);
/* What stands between the node and the participant answers in its place; false: it lets it pass. */
bool sim_temper_line(struct sim_books *books, const struct sim_request *request,
                     struct sim_answer *out);
/* How much later than usual the answer comes. */
int64_t sim_temper_delay(struct sim_world *world);
/* What befalls participants for a while, or once: they are down, they lose their books. */
void sim_tempers_init(struct sim_books *books);
void sim_books_apply(struct sim_books *books, struct sim_unit_book *unit,
                     const struct sim_request *request);
void sim_books_undo(struct sim_books *books, struct sim_unit_book *unit);

/* The store went back to how it was then. */
void sim_books_restored(struct sim_books *books, int64_t from_us);
void sim_books_excuse(struct sim_books *books, const struct sim_request *request);
struct sim_saga_book *sim_books_saga(const struct sim_books *books,
                                     struct sk_str saga_id); /* NULL: none */

/* sim_invoker.c: completes a pending answer through some node, until one takes it. */
void sim_complete_later(struct sim_world *world, const struct sim_request *request, bool succeeds);
void sim_completions_restored(struct sim_world *world, int64_t from_us);

#endif

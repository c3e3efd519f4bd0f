/*
 * gather.h: one question to every engine of the process, each asked on its own loop, and all that
 * they tell together on the asker's loop.
 *
 *   asker's loop ──question, copied──► every member's loop: look, tell ──► asker's loop: done
 *
 *   H1  A look touches its own engine and its part, and nothing else. What it tells lies in the
 *       part's arena, which goes to the asker with it.
 *   H2  `done` comes once: when all have told, or SK_GATHER_WAIT_MS after the question, so that a
 *       member that is gone or does not answer is not waited for. It has OK only when all have
 *       told; else there is nothing to show, for half of a list is no list.
 *   H3  When the asker's engine goes first, `done` does not come; what is told then is dropped.
 *   H4  An engine without siblings is looked at at once, and `done` comes from inside the call.
 *
 * Not here: what concerns one saga (errand.c, api/forward.h).
 */
#ifndef SK_ENGINE_GATHER_H
#define SK_ENGINE_GATHER_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct sk_engine;

enum { SK_GATHER_WAIT_MS = 5000 };

struct sk_gather_question { /* copied; what it means is between the asker and its look */
    int64_t number;
    struct sk_str text;
};

/* What one member is asked, and what it tells. */
struct sk_gather_part {
    struct sk_engine *engine; /* the member's; for the look only */
    uint32_t member;          /* of the group; 0 without one */
    struct sk_gather_question question;
    struct sk_arena arena; /* of what it tells; one that has failed makes the whole fail */
    void *told;            /* in the arena */
};

/* Ends with sk_gather_tell, now or later on the same loop. */
typedef void sk_gather_look(struct sk_gather_part *part);
/* The part is not the look's any more. */
void sk_gather_tell(struct sk_gather_part *view);

/* The shard of this id is one of the member's: each id is of one of them. */
bool sk_gather_has(const struct sk_gather_part *part, struct sk_str id);

/* `parts`: of all members in their order, borrowed for the call; NULL unless status is OK.
 * SKALD_E_AGAIN: not all have told; SKALD_E_MEMORY. */
typedef void sk_gather_done(void *context, enum skald_status status, const skald_error *error,
                            struct sk_gather_part *const *parts, uint32_t count);
void sk_engine_gather(struct sk_engine *engine, sk_gather_look *look,
                      const struct sk_gather_question *question, sk_gather_done *done,
                      void *context);

#endif

/*
 * gathered.h: lists of what the engines of the process have in memory. Each engine shapes its own
 * rows on its own loop (engine/gather.h); here they become one list in its order, so a page is the
 * same whichever loop was asked.
 */
#ifndef SK_API_GATHERED_H
#define SK_API_GATHERED_H

#include "base/json.h"
#include "engine/engine.h"
#include "engine/gather.h"

struct sk_exchange;

struct sk_gathered_row {
    struct sk_gathered_row *next;
    int64_t order;
    struct sk_str id, json;
};

struct sk_gathered { /* a part's `told` */
    struct sk_gather_part *part;
    struct sk_gathered_row *last;
    uint32_t count;
    uint64_t total; /* the look's own: how many there are, shown or not */
    enum skald_status status;
    skald_error error;
};

/* In a look. NULL: no memory; the part says so itself. */
struct sk_gathered *sk_gathered_new(struct sk_gather_part *part);
/* A writer of one row, on `json`; what is sensitive is masked. */
struct sk_json_writer sk_gathered_writer(const struct sk_gathered *rows, struct sk_buf *json);
/* Takes what was written, and releases it. The list is by order, then by id. */
void sk_gathered_add(struct sk_gathered *rows, int64_t order, struct sk_str id,
                     struct sk_buf *json);
/* There will be no list, but this answer. */
void sk_gathered_fail(struct sk_gathered *rows, enum skald_status status, const skald_error *error);

/* A look at the ids of the question's text (sk_put_str each) that are the member's, one after the
 * other: what `ask` asks of the engine is shaped by `put`, which returns false to leave it out. The
 * rows come in the order of the ids. What is not found is left out, another failure is the
 * list's. */
struct sk_gathered_walk {
    void (*ask)(struct sk_engine *engine, struct sk_str id, sk_engine_done *done, void *context);
    bool (*put)(struct sk_json_writer *w, const struct sk_reply *reply);
};
void sk_gathered_walk(struct sk_gather_part *part, const struct sk_gathered_walk *walk);
/* Asks for such a look; takes the ids. */
void sk_gathered_ask(struct sk_exchange *x, struct sk_buf *ids, sk_gather_look *look,
                     sk_gather_done *done);

/* By the asker, in its `done` and with what that was told: all rows in their order; they and their
 * texts are borrowed for that call. False: the exchange has been answered. */
struct sk_gathered_list {
    const struct sk_gathered_row **rows;
    uint32_t count;
    uint64_t total;
};
bool sk_gathered_list(struct sk_exchange *x, enum skald_status status, const skald_error *error,
                      struct sk_gather_part *const *parts, uint32_t count,
                      struct sk_gathered_list *out_list);
/* Writes a member with at most `limit` rows; the last one written, NULL = none. */
const struct sk_gathered_row *sk_gathered_put(struct sk_json_writer *w, const char *name,
                                              const struct sk_gathered_list *list, uint64_t limit);

#endif

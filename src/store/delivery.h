/*
 * delivery.h: brings answers of a store to the loop, in order, one post for many.
 *
 * An item is embedded in the back-end's request; `run` is called on the loop exactly once, or
 * `drop` (on the loop too, inside close) if the store is freed first: so no `done` comes after
 * free.
 *
 *   D1  A post is outstanding exactly while the list is not empty or is being run.
 *   D2  The object outlives the store by the posts that are outstanding: it is counted.
 *   D3  `run` may free the store.
 *
 * Threads: put from any, new and close on the loop.
 */
#ifndef SK_STORE_DELIVERY_H
#define SK_STORE_DELIVERY_H

#include "base/list.h"
#include "runtime/runtime.h"
#include "store/store.h"

struct sk_delivery;

/* Whom to answer: which one says the request's kind. */
union sk_store_done {
    sk_batch_done *batch;
    sk_read_done *rows;
    sk_take_done *take;
    sk_define_done *define;
};

struct sk_delivery_item {
    struct sk_list node;
    void (*run)(struct sk_delivery_item *item);  /* calls done and frees the request */
    void (*drop)(struct sk_delivery_item *item); /* frees the request */
};

struct sk_delivery *sk_delivery_new(struct sk_runtime *runtime); /* NULL: out of memory */
void sk_delivery_put(struct sk_delivery *delivery, struct sk_delivery_item *item);
/* Nothing is on its way to the loop. */
bool sk_delivery_is_empty(struct sk_delivery *delivery);
/* Runs now what would run in the next turn; on the loop, or while it does not run. */
void sk_delivery_flush(struct sk_delivery *delivery);
/* Drops what is not delivered and gives the object up. */
void sk_delivery_close(struct sk_delivery *delivery);

#endif

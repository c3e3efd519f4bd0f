/*
 * request.h: one call of the port on its way through a store that has threads of its own: made on
 * the loop, put into a queue, done by a thread, answered on the loop (delivery.h). Not here: where
 * its memory comes from, and the locks of the queues.
 *
 * A queue of requests is a list of their items' nodes. Writes are done in the order of submission,
 * by one thread: everything that waits is one group, but a reopen is a group of its own.
 */
#ifndef SK_STORE_REQUEST_H
#define SK_STORE_REQUEST_H

#include "runtime/runtime.h"
#include "store/delivery.h"
#include "store/rows.h"

enum sk_store_call {
    SK_STORE_SUBMIT,
    SK_STORE_READ,
    SK_STORE_TAKE,
    SK_STORE_RENEW,
    SK_STORE_DEFINE,
    SK_STORE_REOPEN
};

struct sk_store_request {
    struct sk_delivery_item item; /* its node is in a queue, then in the delivery */
    enum sk_store_call call;
    void *context;
    union sk_store_done done;
    int64_t now_ms;        /* when it was submitted */
    struct sk_arena arena; /* copies of what came, and the owner's name that goes back */
    struct sk_batch *batch;
    uint32_t shard;
    uint64_t epoch;
    struct sk_str owner;
    int64_t expires_at_ms;
    struct sk_definition_row definition;
    bool keep_latest;
    struct sk_read read;
    /* the answer */
    struct sk_rows rows;
    struct sk_shard_row row;
    enum skald_status status;
    skald_error error;
    /* the store's own */
    void *store;
    uint64_t number;
};

/* Memory from sk_alloc becomes the request's, whatever is in it. */
void sk_store_request_init(struct sk_store_request *request, enum sk_store_call call, void *context,
                           struct sk_runtime *runtime);
void sk_store_request_free(struct sk_store_request *request);
/* What was to be asked could not be copied: the answer says so. */
void sk_store_request_refuse(struct sk_store_request *request, struct sk_delivery *delivery);

/* The queue's first. */
struct sk_store_request *sk_store_requests_first(const struct sk_list *queue);
/* The one of a node that is walked over. */
struct sk_store_request *sk_store_request_of(struct sk_list *node);
/* Moves the next group out of the queue: a reopen alone, or all up to the next reopen. */
void sk_store_requests_take_group(struct sk_list *queue, struct sk_list *group);
/* Each to its asker. */
void sk_store_requests_deliver(struct sk_list *group, struct sk_delivery *delivery);
/* Frees them; nobody is told. */
void sk_store_requests_drop(struct sk_list *queue);

#endif

/* request.c: see request.h. */
#include "store/request.h"

enum { GROUP_REQUESTS_MAX = 1024 };

static struct sk_store_request *of_item(struct sk_delivery_item *item)
{
    return sk_container_of(item, struct sk_store_request, item);
}

struct sk_store_request *sk_store_request_of(struct sk_list *node)
{
    return of_item(sk_container_of(node, struct sk_delivery_item, node));
}

struct sk_store_request *sk_store_requests_first(const struct sk_list *queue)
{
    return sk_store_request_of(queue->next);
}

/* ---- one ------------------------------------------------------------------------------------- */

void sk_store_request_free(struct sk_store_request *request)
{
    sk_arena_release(&request->arena);
    sk_arena_release(&request->rows.arena);
    sk_free(request);
}

static void drop(struct sk_delivery_item *item)
{
    sk_store_request_free(of_item(item));
}

static void run(struct sk_delivery_item *item)
{
    struct sk_store_request *request = of_item(item);
    switch (request->call) {
    case SK_STORE_SUBMIT: request->done.batch(request->context, request->batch); break;
    case SK_STORE_READ: request->done.rows(request->context, &request->rows); break;
    case SK_STORE_TAKE:
    case SK_STORE_RENEW:
        request->done.take(request->context, request->status, &request->row, &request->error);
        break;
    case SK_STORE_DEFINE:
    case SK_STORE_REOPEN:
        request->done.define(request->context, request->status, &request->error);
        break;
    }
    sk_store_request_free(request);
}

void sk_store_request_init(struct sk_store_request *request, enum sk_store_call call, void *context,
                           struct sk_runtime *runtime)
{
    *request = (struct sk_store_request){ .item = { .run = run, .drop = drop },
                                          .call = call,
                                          .context = context };
    sk_list_init(&request->item.node);
    request->now_ms = runtime->ops->now_ms(runtime);
    sk_arena_init(&request->arena);
    sk_arena_init(&request->rows.arena);
}

void sk_store_request_refuse(struct sk_store_request *request, struct sk_delivery *delivery)
{
    request->status = request->rows.status =
        sk_error_set(&request->error, SKALD_E_MEMORY, "no memory to ask the store");
    request->rows.error = request->error;
    sk_delivery_put(delivery, &request->item);
}

/* ---- many ------------------------------------------------------------------------------------ */

void sk_store_requests_take_group(struct sk_list *queue, struct sk_list *group)
{
    for (int i = 0; i < GROUP_REQUESTS_MAX && !sk_list_is_empty(queue); i++) {
        struct sk_store_request *request = sk_store_requests_first(queue);
        if (request->call == SK_STORE_REOPEN && i > 0) return;
        sk_list_remove(&request->item.node);
        sk_list_push(group, &request->item.node);
        if (request->call == SK_STORE_REOPEN) return;
    }
}

void sk_store_requests_deliver(struct sk_list *group, struct sk_delivery *delivery)
{
    while (!sk_list_is_empty(group)) {
        struct sk_store_request *request = sk_store_requests_first(group);
        sk_list_remove(&request->item.node);
        sk_delivery_put(delivery, &request->item);
    }
}

void sk_store_requests_drop(struct sk_list *queue)
{
    while (!sk_list_is_empty(queue)) {
        struct sk_store_request *request = sk_store_requests_first(queue);
        sk_list_remove(&request->item.node);
        sk_store_request_free(request);
    }
}

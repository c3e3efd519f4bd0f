/* delivery.c: see delivery.h. */
#include "store/delivery.h"

#include "base/arena.h"
#include "base/assert.h"

#include <pthread.h>
#include <time.h>

enum { POST_TRIES_MAX = 10000, POST_PAUSE_NS = 1000000 };

struct sk_delivery {
    struct sk_runtime *runtime;
    pthread_mutex_t lock;
    struct sk_list items;   /* guarded by lock, as what follows */
    struct sk_list running; /* of the present turn */
    bool is_posted;
    bool is_closed;
};

struct sk_delivery *sk_delivery_new(struct sk_runtime *runtime)
{
    struct sk_delivery *delivery = sk_alloc(sizeof *delivery);
    if (delivery == NULL) return NULL;
    delivery->runtime = runtime;
    pthread_mutex_init(&delivery->lock, NULL);
    sk_list_init(&delivery->items);
    sk_list_init(&delivery->running);
    return delivery;
}

static void delivery_free(struct sk_delivery *delivery)
{
    pthread_mutex_destroy(&delivery->lock);
    sk_free(delivery);
}

/* The next item of the present turn; NULL when there is none. */
static struct sk_delivery_item *take_first(struct sk_delivery *delivery)
{
    struct sk_delivery_item *item = NULL;
    pthread_mutex_lock(&delivery->lock);
    if (!sk_list_is_empty(&delivery->running)) {
        item = sk_container_of(delivery->running.next, struct sk_delivery_item, node);
        sk_list_remove(&item->node);
    }
    pthread_mutex_unlock(&delivery->lock);
    return item;
}

static void move_all(struct sk_list *from, struct sk_list *to)
{
    while (!sk_list_is_empty(from)) {
        struct sk_list *node = from->next;
        sk_list_remove(node);
        sk_list_push(to, node);
    }
}

static void run_items(void *context);

/* An answer that is lost would hang its shard for ever: wait for memory, then give up loudly. */
static void post_run(struct sk_delivery *delivery)
{
    struct sk_runtime *runtime = delivery->runtime;
    for (int i = 0; i < POST_TRIES_MAX; i++) {
        if (runtime->ops->post(runtime, run_items, delivery) == SKALD_OK) return;
        nanosleep(&(struct timespec){ .tv_nsec = POST_PAUSE_NS }, NULL);
    }
    sk_panic("out of memory: the loop takes no posts", __FILE__, __LINE__);
}

/* What was there when it began. */
static void run_turn(struct sk_delivery *delivery)
{
    pthread_mutex_lock(&delivery->lock);
    move_all(&delivery->items, &delivery->running);
    pthread_mutex_unlock(&delivery->lock);

    struct sk_delivery_item *item;
    while ((item = take_first(delivery)) != NULL) item->run(item);
}

/* One turn. What `run` adds waits for the next one, so that a `done` that submits again does not
 * starve the loop. */
static void run_items(void *context)
{
    struct sk_delivery *delivery = context;
    run_turn(delivery);
    pthread_mutex_lock(&delivery->lock);
    bool is_closed = delivery->is_closed;
    bool has_more = !sk_list_is_empty(&delivery->items);
    delivery->is_posted = has_more;
    pthread_mutex_unlock(&delivery->lock);
    if (is_closed) {
        delivery_free(delivery); /* nothing is put after close */
    } else if (has_more) {
        post_run(delivery);
    }
}

void sk_delivery_put(struct sk_delivery *delivery, struct sk_delivery_item *item)
{
    pthread_mutex_lock(&delivery->lock);
    SK_ASSERT(!delivery->is_closed);
    sk_list_push(&delivery->items, &item->node);
    bool need_post = !delivery->is_posted;
    delivery->is_posted = true;
    pthread_mutex_unlock(&delivery->lock);
    if (need_post) post_run(delivery);
}

bool sk_delivery_is_empty(struct sk_delivery *delivery)
{
    pthread_mutex_lock(&delivery->lock);
    bool is_empty = sk_list_is_empty(&delivery->items) && sk_list_is_empty(&delivery->running);
    pthread_mutex_unlock(&delivery->lock);
    return is_empty;
}

void sk_delivery_flush(struct sk_delivery *delivery)
{
    run_turn(delivery);
}

void sk_delivery_close(struct sk_delivery *delivery)
{
    pthread_mutex_lock(&delivery->lock);
    delivery->is_closed = true;
    bool is_posted = delivery->is_posted;
    struct sk_list left;
    sk_list_init(&left);
    move_all(&delivery->running, &left);
    move_all(&delivery->items, &left);
    pthread_mutex_unlock(&delivery->lock);

    while (!sk_list_is_empty(&left)) {
        struct sk_delivery_item *item = sk_container_of(left.next, struct sk_delivery_item, node);
        sk_list_remove(&item->node);
        item->drop(item);
    }
    if (!is_posted) delivery_free(delivery);
}

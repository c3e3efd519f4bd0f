/*
 * timers.c: one-shot timers on engine time.
 *
 *   T1  Every timer is in the heap from _new to _free; a disarmed one at the end of time. So arming
 *       moves a node and cannot fail.
 *   T2  The libevent timer fires no later than the first of ours. It may fire too early (a timer
 *       was moved later; engine time was bent): then nothing is due and it is set again.
 *   T3  One pass fires only what was armed before it began, so a timer that arms itself for "now"
 *       does not starve the loop.
 *   T4  libevent may need memory to set its timer again: it is waited for, since nobody could be
 *       told. When none comes the process ends, and says why.
 */
#include "runtime/libevent_parts.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/list.h"

#include <time.h>

enum { ADD_TRIES_MAX = 10000, ADD_PAUSE_NS = 1000000 };

struct sk_runtime_timer {
    struct sk_heap_node node;
    struct sk_timers *timers;
    sk_runtime_fn *fn;
    void *context;
};

static void move_timer(struct sk_runtime_timer *timer, int64_t when_ms)
{
    struct sk_timers *timers = timer->timers;
    timers->order += 1;
    enum skald_status status = sk_heap_put(&timers->heap, &timer->node, when_ms, timers->order);
    SK_ASSERT(status == SKALD_OK);
}

static void schedule(struct sk_timers *timers)
{
    const struct sk_heap_node *first = sk_heap_first(&timers->heap);
    if (timers->is_firing || first == NULL || first->when >= timers->scheduled_ms) return;
    int64_t now_us = sk_libevent_now_us(timers->runtime);
    int64_t delay_us = first->when > now_us / 1000 ? first->when * 1000 - now_us : 0;
    struct timeval delay = { .tv_sec = (time_t)(delay_us / 1000000),
                             .tv_usec = (suseconds_t)(delay_us % 1000000) };
    for (int tries = 0; evtimer_add(timers->event, &delay) != 0; tries++) { /* T4 */
        if (tries == ADD_TRIES_MAX)
            sk_panic("out of memory: the loop takes no timer", __FILE__, __LINE__);
        (void)nanosleep(&(struct timespec){ .tv_nsec = ADD_PAUSE_NS }, NULL);
    }
    timers->scheduled_ms = first->when;
}

static void on_due(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct sk_timers *timers = context;
    timers->scheduled_ms = INT64_MAX;
    timers->is_firing = true;
    uint64_t order_max = timers->order;
    int64_t now_ms = sk_libevent_now_us(timers->runtime) / 1000;
    for (;;) {
        struct sk_heap_node *first = sk_heap_first(&timers->heap);
        if (first == NULL || first->when > now_ms || first->order > order_max) break;
        struct sk_runtime_timer *timer = sk_container_of(first, struct sk_runtime_timer, node);
        move_timer(timer, INT64_MAX);
        timer->fn(timer->context); /* may free the timer */
    }
    timers->is_firing = false;
    schedule(timers);
}

enum skald_status sk_timers_init(struct sk_timers *timers, struct sk_libevent_runtime *runtime)
{
    *timers = (struct sk_timers){ .runtime = runtime, .scheduled_ms = INT64_MAX };
    timers->event = evtimer_new(runtime->base, on_due, timers);
    return timers->event != NULL ? SKALD_OK : SKALD_E_MEMORY;
}

void sk_timers_release(struct sk_timers *timers)
{
    SK_ASSERT(timers->heap.count == 0); /* every timer was freed by its owner */
    if (timers->event != NULL) event_free(timers->event);
    sk_heap_release(&timers->heap);
}

struct sk_runtime_timer *sk_timers_new(struct sk_runtime *runtime, sk_runtime_fn *fn, void *context)
{
    struct sk_libevent_runtime *whole = sk_container_of(runtime, struct sk_libevent_runtime, port);
    struct sk_runtime_timer *timer = sk_alloc(sizeof *timer);
    if (timer == NULL) return NULL;
    timer->timers = &whole->timers;
    timer->fn = fn;
    timer->context = context;
    whole->timers.order += 1;
    if (sk_heap_put(&whole->timers.heap, &timer->node, INT64_MAX, whole->timers.order) !=
        SKALD_OK) {
        sk_free(timer);
        return NULL;
    }
    return timer;
}

/* The largest instant that microseconds can express. */
static const int64_t at_ms_max = INT64_MAX / 1000;

void sk_timers_arm(struct sk_runtime_timer *timer, int64_t at_ms)
{
    move_timer(timer, at_ms < 0 ? 0 : at_ms < at_ms_max ? at_ms : at_ms_max);
    schedule(timer->timers);
}

void sk_timers_disarm(struct sk_runtime_timer *timer)
{
    if (timer->node.when != INT64_MAX) move_timer(timer, INT64_MAX);
}

void sk_timers_free(struct sk_runtime_timer *timer)
{
    if (timer == NULL) return;
    sk_heap_remove(&timer->timers->heap, &timer->node);
    sk_free(timer);
}

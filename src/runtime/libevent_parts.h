/* libevent_parts.h: what the files of the libevent runtime share among themselves. */
#ifndef SK_RUNTIME_LIBEVENT_PARTS_H
#define SK_RUNTIME_LIBEVENT_PARTS_H

#include "base/heap.h"
#include "runtime/clock.h"
#include "runtime/libevent_runtime.h"

#include <event2/event.h>
#include <pthread.h>

/* One function to be called on the loop. Always the first member of its allocation: whoever takes
 * it out of the mailbox frees it. */
struct sk_mail {
    struct sk_mail *next;
    sk_runtime_fn *fn;
    void *context;
};

/* mailbox.c: calls from any thread to the loop. Putting never fails; many puts wake it once. */
struct sk_mailbox {
    pthread_mutex_t lock;
    struct sk_mail *first, *last;
    bool is_awake;
    int wake_fd; /* eventfd */
};
enum skald_status sk_mailbox_init(struct sk_mailbox *mailbox) SK_MUST_CHECK;
void sk_mailbox_release(struct sk_mailbox *mailbox);
void sk_mailbox_put(struct sk_mailbox *mailbox, struct sk_mail *mail);
void sk_mailbox_wake(struct sk_mailbox *mailbox);
/* Calls what was in it at the time of the call; how many. */
size_t sk_mailbox_deliver(struct sk_mailbox *mailbox);

/* helpers.c: a bounded pool of threads; each job ends as mail. */
struct sk_helper_job {
    struct sk_mail mail; /* `done`, once the work is over */
    struct sk_helper_job *next;
    sk_runtime_fn *work;
};
struct sk_helpers {
    struct sk_mailbox *mailbox;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct sk_helper_job *first, *last;
    uint32_t waiting_count, waiting_max; /* jobs */
    uint32_t idle_count, threads_count, threads_max;
    bool is_closing;
    pthread_t threads[SK_HELPERS_MAX];
};
void sk_helpers_init(struct sk_helpers *helpers, struct sk_mailbox *mailbox, uint32_t threads_max,
                     uint32_t waiting_max);
/* Finishes every job that was accepted, then joins the threads. */
void sk_helpers_release(struct sk_helpers *helpers);
enum skald_status sk_helpers_run(struct sk_helpers *helpers, sk_runtime_fn *work,
                                 sk_runtime_fn *done, void *context) SK_MUST_CHECK;

/* timers.c: one libevent timer drives all of ours. */
struct sk_timers {
    struct sk_libevent_runtime *runtime;
    struct sk_heap heap;
    uint64_t order; /* of the latest arming */
    struct event *event;
    int64_t scheduled_ms; /* when `event` fires; INT64_MAX = not set */
    bool is_firing;
};
enum skald_status sk_timers_init(struct sk_timers *timers,
                                 struct sk_libevent_runtime *runtime) SK_MUST_CHECK;
void sk_timers_release(struct sk_timers *timers);
struct sk_runtime_timer *sk_timers_new(struct sk_runtime *runtime, sk_runtime_fn *fn,
                                       void *context);
void sk_timers_arm(struct sk_runtime_timer *timer, int64_t at_ms);
void sk_timers_disarm(struct sk_runtime_timer *timer);
void sk_timers_free(struct sk_runtime_timer *timer);

enum { SK_RANDOM_POOL_SIZE = 4096 };

struct sk_libevent_runtime {
    struct sk_runtime port; /* first */
    struct event_base *base;
    struct sk_mailbox mailbox;
    struct event *wake_event, *signal_events[2];
    struct sk_helpers helpers;
    struct sk_timers timers;
    struct sk_clock clock;
    struct sk_log_sink *log;
    bool owns_log;
    bool is_stopping; /* atomic */
    sk_on_signal *on_signal;
    void *signal_context;
    uint8_t random_pool[SK_RANDOM_POOL_SIZE];
    size_t random_left; /* unused bytes at the end of the pool */
};
/* Engine time in microseconds; re-aligns the clock when it is due. */
int64_t sk_libevent_now_us(struct sk_libevent_runtime *runtime);

#endif

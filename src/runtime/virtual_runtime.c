/* virtual_runtime.c: see virtual_runtime.h. */
#include "runtime/virtual_runtime.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/list.h"

static const int64_t default_now_ms = INT64_C(1767225600000);
static const int64_t at_ms_max = INT64_MAX / 1000; /* what microseconds can express */

struct virtual_post {
    struct sk_list node;
    sk_runtime_fn *work; /* offload: before fn; else NULL */
    sk_runtime_fn *fn;
    void *context;
};

struct sk_runtime_timer {
    struct sk_heap_node node; /* in the heap from _new to _free, disarmed at the end of time */
    struct sk_virtual_runtime *runtime;
    sk_runtime_fn *fn;
    void *context;
};

struct sk_virtual_runtime {
    struct sk_runtime port; /* first */
    struct sk_virtual_options options;
    int64_t now_ms;
    uint64_t drawn, order;
    struct sk_list posts;
    struct sk_heap timers;
};

static struct sk_virtual_runtime *whole(struct sk_runtime *port)
{
    return sk_container_of(port, struct sk_virtual_runtime, port);
}

/* ---- the port -------------------------------------------------------------------------------- */

static int64_t now_ms(struct sk_runtime *port)
{
    return whole(port)->now_ms;
}

static int64_t monotonic_us(struct sk_runtime *port)
{
    return whole(port)->now_ms * 1000;
}

static void draw_random(struct sk_runtime *port, void *out, size_t size)
{
    struct sk_virtual_runtime *runtime = whole(port);
    unsigned char *bytes = out;
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        uint64_t bits = sk_mix(runtime->options.seed, ++runtime->drawn);
        size_t left = size - i;
        memcpy(bytes + i, &bits, left < sizeof bits ? left : sizeof bits);
    }
}

static void move_timer(struct sk_runtime_timer *timer, int64_t when_ms)
{
    struct sk_virtual_runtime *runtime = timer->runtime;
    enum skald_status status =
        sk_heap_put(&runtime->timers, &timer->node, when_ms, ++runtime->order);
    SK_ASSERT(status == SKALD_OK); /* it is in the heap already */
}

static struct sk_runtime_timer *timer_new(struct sk_runtime *port, sk_runtime_fn *fn, void *context)
{
    struct sk_virtual_runtime *runtime = whole(port);
    struct sk_runtime_timer *timer = sk_alloc(sizeof *timer);
    if (timer == NULL) return NULL;
    *timer = (struct sk_runtime_timer){ .runtime = runtime, .fn = fn, .context = context };
    if (sk_heap_put(&runtime->timers, &timer->node, INT64_MAX, ++runtime->order) != SKALD_OK) {
        sk_free(timer);
        return NULL;
    }
    return timer;
}

static void timer_arm(struct sk_runtime_timer *timer, int64_t at_ms)
{
    move_timer(timer, at_ms < at_ms_max ? at_ms : at_ms_max);
}

static void timer_disarm(struct sk_runtime_timer *timer)
{
    if (timer->node.when != INT64_MAX) move_timer(timer, INT64_MAX);
}

static void timer_free(struct sk_runtime_timer *timer)
{
    if (timer == NULL) return;
    sk_heap_remove(&timer->runtime->timers, &timer->node);
    sk_free(timer);
}

static enum skald_status put_post(struct sk_runtime *port, sk_runtime_fn *work, sk_runtime_fn *fn,
                                  void *context)
{
    struct virtual_post *post = sk_alloc(sizeof *post);
    if (post == NULL) return SKALD_E_MEMORY;
    *post = (struct virtual_post){ .work = work, .fn = fn, .context = context };
    sk_list_push(&whole(port)->posts, &post->node);
    return SKALD_OK;
}

static enum skald_status post_call(struct sk_runtime *port, sk_runtime_fn *fn, void *context)
{
    return put_post(port, NULL, fn, context);
}

static enum skald_status offload(struct sk_runtime *port, sk_runtime_fn *work, sk_runtime_fn *done,
                                 void *context)
{
    return put_post(port, work, done, context);
}

static void log_line(struct sk_runtime *port, const struct sk_log_line *line)
{
    const struct sk_virtual_options *options = &whole(port)->options;
    if (options->log != NULL) options->log(options->log_context, line);
}

static const struct sk_runtime_ops ops = {
    .now_ms = now_ms,
    .monotonic_us = monotonic_us,
    .random = draw_random,
    .timer_new = timer_new,
    .timer_arm = timer_arm,
    .timer_disarm = timer_disarm,
    .timer_free = timer_free,
    .post = post_call,
    .offload = offload,
    .log = log_line,
};

/* ---- its owner's side ------------------------------------------------------------------------ */

struct sk_virtual_runtime *sk_virtual_runtime_new(const struct sk_virtual_options *options)
{
    struct sk_virtual_runtime *runtime = sk_alloc(sizeof *runtime);
    if (runtime == NULL) return NULL;
    *runtime = (struct sk_virtual_runtime){
        .port.ops = &ops,
        .options = *options,
        .now_ms = options->now_ms > 0 ? options->now_ms : default_now_ms,
    };
    sk_list_init(&runtime->posts);
    return runtime;
}

void sk_virtual_runtime_free(struct sk_virtual_runtime *runtime)
{
    if (runtime == NULL) return;
    bool is_settled = sk_virtual_runtime_settle(runtime);
    SK_ASSERT(is_settled);
    SK_ASSERT(runtime->timers.count == 0);
    sk_heap_release(&runtime->timers);
    sk_free(runtime);
}

struct sk_runtime *sk_virtual_runtime_port(struct sk_virtual_runtime *runtime)
{
    return &runtime->port;
}

int64_t sk_virtual_runtime_now(const struct sk_virtual_runtime *runtime)
{
    return runtime->now_ms;
}

bool sk_virtual_runtime_settle(struct sk_virtual_runtime *runtime)
{
    for (uint32_t i = 0; !sk_list_is_empty(&runtime->posts); i++) {
        if (i >= SK_VIRTUAL_POSTS_MAX) return false;
        struct virtual_post *post = sk_container_of(runtime->posts.next, struct virtual_post, node);
        sk_list_remove(&post->node);
        if (post->work != NULL) post->work(post->context);
        post->fn(post->context);
        sk_free(post);
    }
    return true;
}

bool sk_virtual_runtime_step(struct sk_virtual_runtime *runtime, int64_t until_ms)
{
    bool is_settled = sk_virtual_runtime_settle(runtime);
    SK_ASSERT(is_settled);
    struct sk_heap_node *first = sk_heap_first(&runtime->timers);
    if (first == NULL || first->when > until_ms) {
        if (until_ms > runtime->now_ms) runtime->now_ms = until_ms;
        return false;
    }
    struct sk_runtime_timer *timer = sk_container_of(first, struct sk_runtime_timer, node);
    if (first->when > runtime->now_ms) runtime->now_ms = first->when;
    move_timer(timer, INT64_MAX);
    timer->fn(timer->context); /* may free the timer */
    is_settled = sk_virtual_runtime_settle(runtime);
    SK_ASSERT(is_settled);
    return true;
}

void sk_virtual_runtime_run(struct sk_virtual_runtime *runtime, int64_t until_ms)
{
    while (sk_virtual_runtime_step(runtime, until_ms)) {}
}

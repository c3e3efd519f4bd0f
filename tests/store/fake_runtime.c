/* fake_runtime.c: see fake_runtime.h. */
#include "fake_runtime.h"

#include "base/arena.h"
#include "base/list.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum { WAIT_S = 60 };

struct posted {
    struct sk_list node;
    sk_runtime_fn *fn;
    void *context;
};

struct fake_runtime {
    struct sk_runtime port;
    int64_t now_ms;
    pthread_mutex_t lock;
    pthread_cond_t has_posts;
    struct sk_list posts;
};

static struct fake_runtime *of(struct sk_runtime *runtime)
{
    return sk_container_of(runtime, struct fake_runtime, port);
}

static int64_t port_now_ms(struct sk_runtime *runtime)
{
    return of(runtime)->now_ms;
}

static void port_random(struct sk_runtime *runtime, void *out, size_t size)
{
    (void)runtime;
    if (getrandom(out, size, 0) != (ssize_t)size) abort();
}

static enum skald_status port_post(struct sk_runtime *port, sk_runtime_fn *fn, void *context)
{
    struct fake_runtime *runtime = of(port);
    struct posted *posted = sk_alloc(sizeof *posted);
    if (posted == NULL) return SKALD_E_MEMORY;
    posted->fn = fn;
    posted->context = context;
    pthread_mutex_lock(&runtime->lock);
    sk_list_push(&runtime->posts, &posted->node);
    pthread_cond_signal(&runtime->has_posts);
    pthread_mutex_unlock(&runtime->lock);
    return SKALD_OK;
}

/* Timers, offload and log are not for stores: calling them is a crash, as it should be. */
static const struct sk_runtime_ops ops = {
    .now_ms = port_now_ms,
    .random = port_random,
    .post = port_post,
};

struct fake_runtime *fake_runtime_new(void)
{
    struct fake_runtime *runtime = sk_alloc(sizeof *runtime);
    if (runtime == NULL) abort();
    runtime->port.ops = &ops;
    runtime->now_ms = 1000000;
    pthread_mutex_init(&runtime->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&runtime->has_posts, &attributes);
    pthread_condattr_destroy(&attributes);
    sk_list_init(&runtime->posts);
    return runtime;
}

struct sk_runtime *fake_runtime_port(struct fake_runtime *runtime)
{
    return &runtime->port;
}

void fake_runtime_set_now(struct fake_runtime *runtime, int64_t now_ms)
{
    runtime->now_ms = now_ms;
}

/* The first post, or NULL; waits for one until `deadline` if that is not NULL. */
static struct posted *take(struct fake_runtime *runtime, const struct timespec *deadline)
{
    struct posted *posted = NULL;
    int error = 0;
    pthread_mutex_lock(&runtime->lock);
    while (sk_list_is_empty(&runtime->posts) && deadline != NULL && error != ETIMEDOUT)
        error = pthread_cond_timedwait(&runtime->has_posts, &runtime->lock, deadline);
    if (!sk_list_is_empty(&runtime->posts)) {
        posted = sk_container_of(runtime->posts.next, struct posted, node);
        sk_list_remove(&posted->node);
    }
    pthread_mutex_unlock(&runtime->lock);
    return posted;
}

static void run(struct posted *posted)
{
    posted->fn(posted->context);
    sk_free(posted);
}

bool fake_runtime_run_until(struct fake_runtime *runtime, const bool *flag)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += WAIT_S;
    while (!*flag) {
        struct posted *posted = take(runtime, &deadline);
        if (posted == NULL) return false;
        run(posted);
    }
    return true;
}

size_t fake_runtime_run_posted(struct fake_runtime *runtime)
{
    size_t count = 0;
    struct posted *posted;
    while ((posted = take(runtime, NULL)) != NULL) {
        run(posted);
        count += 1;
    }
    return count;
}

void fake_runtime_free(struct fake_runtime *runtime)
{
    if (runtime == NULL) return;
    fake_runtime_run_posted(runtime);
    pthread_mutex_destroy(&runtime->lock);
    pthread_cond_destroy(&runtime->has_posts);
    sk_free(runtime);
}

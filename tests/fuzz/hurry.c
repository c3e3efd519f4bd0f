/* hurry.c: see hurry.h. */
#include "hurry.h"

#include "fuzz.h"

#include <stdlib.h>

struct hurry_timer {
    struct hurry *hurry;
    struct sk_runtime_timer *under;
};

static struct hurry *hurry_of(struct sk_runtime *runtime)
{
    return (struct hurry *)runtime; /* its first member */
}

static struct hurry_timer *timer_of(struct sk_runtime_timer *timer)
{
    return (struct hurry_timer *)timer;
}

static int64_t now_ms(struct sk_runtime *runtime)
{
    const struct hurry *hurry = hurry_of(runtime);
    int64_t passed = hurry->under->ops->now_ms(hurry->under) - hurry->began_ms;
    return hurry->began_ms + passed * HURRY_TIMES;
}

static int64_t monotonic_us(struct sk_runtime *runtime)
{
    const struct hurry *hurry = hurry_of(runtime);
    int64_t passed = hurry->under->ops->monotonic_us(hurry->under) - hurry->began_us;
    return hurry->began_us + passed * HURRY_TIMES;
}

static void draw(struct sk_runtime *runtime, void *out, size_t size)
{
    struct sk_runtime *under = hurry_of(runtime)->under;
    under->ops->random(under, out, size);
}

static struct sk_runtime_timer *timer_new(struct sk_runtime *runtime, sk_runtime_fn *fn,
                                          void *context)
{
    struct hurry *hurry = hurry_of(runtime);
    struct hurry_timer *timer = malloc(sizeof *timer);
    FUZZ_CHECK(timer != NULL, "memory");
    timer->hurry = hurry;
    timer->under = hurry->under->ops->timer_new(hurry->under, fn, context);
    FUZZ_CHECK(timer->under != NULL, "memory");
    return (struct sk_runtime_timer *)timer;
}

/* Never before it is due: what is left of a division counts as one. */
static void timer_arm(struct sk_runtime_timer *port, int64_t at_ms)
{
    struct hurry_timer *timer = timer_of(port);
    const struct hurry *hurry = timer->hurry;
    int64_t ahead = at_ms > hurry->began_ms ? at_ms - hurry->began_ms : 0;
    int64_t under_ms = ahead / HURRY_TIMES + (ahead % HURRY_TIMES > 0 ? 1 : 0);
    hurry->under->ops->timer_arm(timer->under, hurry->began_ms + under_ms);
}

static void timer_disarm(struct sk_runtime_timer *port)
{
    struct hurry_timer *timer = timer_of(port);
    timer->hurry->under->ops->timer_disarm(timer->under);
}

static void timer_free(struct sk_runtime_timer *port)
{
    if (port == NULL) return;
    struct hurry_timer *timer = timer_of(port);
    timer->hurry->under->ops->timer_free(timer->under);
    free(timer);
}

static enum skald_status post(struct sk_runtime *runtime, sk_runtime_fn *fn, void *context)
{
    struct sk_runtime *under = hurry_of(runtime)->under;
    return under->ops->post(under, fn, context);
}

static enum skald_status offload(struct sk_runtime *runtime, sk_runtime_fn *work,
                                 sk_runtime_fn *done, void *context)
{
    struct sk_runtime *under = hurry_of(runtime)->under;
    return under->ops->offload(under, work, done, context);
}

static void write_log(struct sk_runtime *runtime, const struct sk_log_line *line)
{
    struct sk_runtime *under = hurry_of(runtime)->under;
    under->ops->log(under, line);
}

static bool logs(struct sk_runtime *runtime, enum sk_log_level level)
{
    struct sk_runtime *under = hurry_of(runtime)->under;
    return under->ops->logs == NULL || under->ops->logs(under, level);
}

static const struct sk_runtime_ops ops = { .now_ms = now_ms,
                                           .monotonic_us = monotonic_us,
                                           .random = draw,
                                           .timer_new = timer_new,
                                           .timer_arm = timer_arm,
                                           .timer_disarm = timer_disarm,
                                           .timer_free = timer_free,
                                           .post = post,
                                           .offload = offload,
                                           .log = write_log,
                                           .logs = logs };

void hurry_init(struct hurry *hurry, struct sk_runtime *under)
{
    hurry->port.ops = &ops;
    hurry->under = under;
    hurry->began_ms = under->ops->now_ms(under);
    hurry->began_us = under->ops->monotonic_us(under);
}

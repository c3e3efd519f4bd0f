/*
 * sim_runtime.c: the runtime port on virtual time. Nothing here waits: a timer, a posted call and a
 * helper's work are events of the world's queue that belong to the node's present life.
 *
 * The node's wall clock is true time plus its offset, which faults move; its monotonic clock runs a
 * little fast or slow. Engine time is made of the two by the product's own clock
 * (runtime/clock.h): within a life it follows the wall clock slowly, a new life believes it.
 */
#include "engine/group.h"
#include "faults.h"
#include "node.h"
#include "sim_store.h"

struct sk_runtime_timer {
    struct sim_event event; /* first */
    struct sim_node *node;
    sk_runtime_fn *fn;
    void *context;
    struct sk_runtime_timer *next_free;
};

static struct sim_node *node_of(struct sk_runtime *port)
{
    return sk_container_of(port, struct sim_runtime, port)->node;
}

static int64_t read_monotonic_us(const struct sim_node *node)
{
    int64_t now_us = node->world->now_us;
    return now_us + now_us / 1000000 * node->drift_ppm;
}

static int64_t read_wall_us(const struct sim_node *node)
{
    return SIM_EPOCH_MS * SIM_MS + node->world->now_us + node->clock_offset_ms * SIM_MS;
}

static int64_t engine_us(struct sim_node *node)
{
    struct sk_clock *clock = &node->runtime.clock;
    int64_t mono_us = read_monotonic_us(node);
    if (sk_clock_is_due(clock, mono_us)) (void)sk_clock_align(clock, mono_us, read_wall_us(node));
    return sk_clock_now_us(clock, mono_us);
}

int64_t sim_node_now_ms(struct sim_node *node)
{
    return engine_us(node) / SIM_MS;
}

static int64_t now_ms(struct sk_runtime *port)
{
    return sim_node_now_ms(node_of(port));
}

static int64_t monotonic_us(struct sk_runtime *port)
{
    return read_monotonic_us(node_of(port));
}

static void draw_random(struct sk_runtime *port, void *out, size_t size)
{
    struct sim_runtime *runtime = sk_container_of(port, struct sim_runtime, port);
    sim_rng_fill(&runtime->rng, out, size);
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void on_timer(void *context)
{
    struct sk_runtime_timer *timer = context;
    timer->fn(timer->context);
}

static struct sk_runtime_timer *timer_new(struct sk_runtime *port, sk_runtime_fn *fn, void *context)
{
    struct sim_runtime *runtime = sk_container_of(port, struct sim_runtime, port);
    struct sk_runtime_timer *timer = runtime->free_timers;
    if (timer != NULL) {
        runtime->free_timers = timer->next_free;
    } else {
        timer = SK_ARENA_NEW(&runtime->node->world->arena, struct sk_runtime_timer);
    }
    *timer = (struct sk_runtime_timer){
        .event = { .fn = on_timer,
                   .context = timer,
                   .node = runtime->node,
                   .life = runtime->node->life,
                   .is_timer = true },
        .node = runtime->node,
        .fn = fn,
        .context = context,
    };
    runtime->timers_count += 1;
    return timer;
}

static void timer_arm(struct sk_runtime_timer *timer, int64_t at_ms)
{
    struct sim_node *node = timer->node;
    int64_t end_ms = INT64_C(1) << 50;
    if (at_ms > end_ms) at_ms = end_ms;
    /* It may fire a little early, as the real ones do: who armed it looks at the clock. */
    int64_t delay_us = at_ms * SIM_MS - engine_us(node);
    sim_schedule(node->world, &timer->event, node->world->now_us + (delay_us > 0 ? delay_us : 0));
}

static void timer_disarm(struct sk_runtime_timer *timer)
{
    sk_heap_remove(&timer->node->world->queue, &timer->event.place);
}

static void timer_free(struct sk_runtime_timer *timer)
{
    if (timer == NULL) return;
    timer_disarm(timer);
    struct sim_runtime *runtime = &timer->node->runtime;
    timer->next_free = runtime->free_timers;
    runtime->free_timers = timer;
    runtime->timers_count -= 1;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static enum skald_status post(struct sk_runtime *port, sk_runtime_fn *fn, void *context)
{
    sim_answer_at(node_of(port), 0, fn, context);
    return SKALD_OK;
}

struct letter {
    struct sim_node *node;
    sk_runtime_fn *fn;
    void *context;
    uint32_t restores; /* of the store, when it was posted */
};

/* Letters live in one process, and nobody puts an older store under a process: those of before find
 * no engine, as if they had been lost with theirs. */
static void open_letter(void *context)
{
    const struct letter *letter = context;
    struct sim_node *node = letter->node;
    struct sk_group *group = node->world->group;
    uint32_t member = node->index;
    bool is_lost = letter->restores != node->world->store->restores && node->engine != NULL;
    if (is_lost) sk_group_set_engine(group, member, NULL);
    letter->fn(letter->context);
    if (is_lost) sk_group_set_engine(group, member, node->engine);
}

/* What siblings post. In the product one queue holds that and what the node's own store answers, so
 * a letter is late only where its sender is; here it is late by itself, with all that come behind
 * it: the siblings' protocol does not rely on more than their order. */
static enum skald_status post_letter(struct sk_runtime *port, sk_runtime_fn *fn, void *context)
{
    struct sim_runtime *runtime = sk_container_of(port, struct sim_runtime, letters);
    struct sim_world *world = runtime->node->world;
    if (runtime->letters_at_us < world->now_us) runtime->letters_at_us = world->now_us;
    if (sim_strikes(world, SIM_FAULT_LETTER_LATE)) {
        struct sim_rng *dice = sim_dice(world, SIM_FAULT_LETTER_LATE);
        int64_t at_us = world->now_us + sim_between(dice, SIM_MS, 10 * SIM_S);
        if (runtime->letters_at_us < at_us) runtime->letters_at_us = at_us;
    }
    struct letter *letter = SK_ARENA_NEW(&world->arena, struct letter);
    *letter = (struct letter){ runtime->node, fn, context, world->store->restores };
    sim_answer_at(runtime->node, runtime->letters_at_us - world->now_us, open_letter, letter);
    return SKALD_OK;
}

struct offloaded {
    sk_runtime_fn *work, *done;
    void *context;
};

/* A helper's work is invisible until its done, so both happen in one event. */
static void on_offloaded(void *context)
{
    struct offloaded *job = context;
    job->work(job->context);
    job->done(job->context);
}

static enum skald_status offload(struct sk_runtime *port, sk_runtime_fn *work, sk_runtime_fn *done,
                                 void *context)
{
    struct sim_node *node = node_of(port);
    struct offloaded *job = SK_ARENA_NEW(&node->world->arena, struct offloaded);
    *job = (struct offloaded){ work, done, context };
    sim_answer_at(node, sim_latency(&node->world->faults, 300), on_offloaded, job);
    return SKALD_OK;
}

/* What the engine itself calls an error is one, but for what this world does to it. */
static void judge_line(struct sim_node *node, const struct sk_log_line *line)
{
    if (line->level != SK_LOG_ERROR || sk_str_is(line->event, "saga.refused")) return;
    if (sk_str_is(line->event, "store.broken")) return;
    if (sk_str_is(line->event, "saga.unreadable") &&
        sim_row_was_damaged(node->world, line->saga_id))
        return;
    sim_fail(node->world, "every saga ends", line->saga_id, "node %u says %.*s: %.*s", node->index,
             SK_STR_ARGS(line->event), SK_STR_ARGS(line->message));
}

static void write_log(struct sk_runtime *port, const struct sk_log_line *line)
{
    struct sim_node *node = node_of(port);
    char text[SIM_NOTE_TEXT];
    struct sk_str event = line->event.size < 40 ? line->event : sk_str_sub(line->event, 0, 40);
    size_t size = event.size;
    memcpy(text, event.data, size);
    text[size++] = ' ';
    size_t room = sizeof text - size;
    struct sk_str rest = line->saga_id.size > 0 ? line->saga_id : line->message;
    size_t part = rest.size < room ? rest.size : room;
    if (part > 0) memcpy(text + size, rest.data, part);
    sim_note(node->world, "log", node->index, (uint64_t)line->level,
             (struct sk_str){ text, size + part });
    judge_line(node, line);
}

static const struct sk_runtime_ops ops = {
    .now_ms = now_ms,
    .monotonic_us = monotonic_us,
    .random = draw_random,
    .timer_new = timer_new,
    .timer_arm = timer_arm,
    .timer_disarm = timer_disarm,
    .timer_free = timer_free,
    .post = post,
    .offload = offload,
    .log = write_log,
};

static const struct sk_runtime_ops letters_ops = { .post = post_letter };

void sim_runtime_init(struct sim_runtime *runtime, struct sim_node *node)
{
    *runtime = (struct sim_runtime){ .port = { &ops }, .letters = { &letters_ops }, .node = node };
    sim_rng_init(&runtime->rng, node->world->seed, 100 + node->index);
}

void sim_runtime_start(struct sim_runtime *runtime)
{
    const struct sim_node *node = runtime->node;
    sk_clock_init(&runtime->clock, read_monotonic_us(node), read_wall_us(node));
}

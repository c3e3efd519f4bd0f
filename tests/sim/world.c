/*
 * world.c: virtual time, the queue, the trace. What kind of world a seed makes is in profile.c.
 */
#include "world.h"

#include "cut.h"
#include "node.h"
#include "profile.h"
#include "reached.h"

#include <inttypes.h>
#include <stdio.h>

enum { SPIN_MAX = 2000000 };

struct sim_world *sim_current;

void sim_world_init(struct sim_world *world, uint64_t seed, const struct sim_cut *cut)
{
    memset(world, 0, offsetof(struct sim_world, notes));
    memset((char *)world + offsetof(struct sim_world, notes_count), 0,
           sizeof *world - offsetof(struct sim_world, notes_count));
    world->seed = seed;
    world->cut = cut;
    world->hash = seed;
    sk_arena_init(&world->arena);
    world->reached = SK_ARENA_NEW(&world->arena, struct sim_reached);
    sim_rng_init(&world->faults, seed, 1);
    sim_rng_init(&world->work, seed, 2);
    sim_rng_init(&world->humans, seed, 3);
    sim_profile_draw(&world->profile, seed);
    sim_cut_profile(cut, &world->profile);
    sim_faults_init(world);
}

void sim_world_draw_luck(struct sim_world *world)
{
    uint64_t luck = world->cut->luck;
    if (luck == 0) return;
    sim_rng_init(&world->faults, world->seed, 1 + (luck << 16));
    sim_rng_init(&world->work, world->seed, 2 + (luck << 16));
    sim_rng_init(&world->humans, world->seed, 3 + (luck << 16));
}

void sim_world_release(struct sim_world *world)
{
    struct sk_heap_node *first;
    while ((first = sk_heap_first(&world->queue)) != NULL) sk_heap_remove(&world->queue, first);
    sk_heap_release(&world->queue);
    sk_arena_release(&world->arena);
}

/* ---- the queue ------------------------------------------------------------------------------- */

void sim_schedule(struct sim_world *world, struct sim_event *event, int64_t at_us)
{
    if (at_us < world->now_us) at_us = world->now_us;
    if (sk_heap_put(&world->queue, &event->place, at_us, world->order++) != SKALD_OK) {
        sim_fail(world, "simulator", (struct sk_str){ 0 }, "out of memory");
    }
}

static struct sim_event *add(struct sim_world *world, struct sim_node *node, int64_t delay_us,
                             sim_fn *fn, void *context)
{
    struct sim_event *event = world->free_events;
    if (event != NULL) {
        world->free_events = event->next_free;
    } else {
        event = SK_ARENA_NEW(&world->arena, struct sim_event);
    }
    *event = (struct sim_event){ .fn = fn, .context = context, .node = node };
    if (node != NULL) event->life = node->life;
    sim_schedule(world, event, world->now_us + delay_us);
    return event;
}

void sim_after(struct sim_world *world, int64_t delay_us, sim_fn *fn, void *context)
{
    (void)add(world, NULL, delay_us, fn, context);
}

void sim_after_at(struct sim_node *node, int64_t delay_us, sim_fn *fn, void *context)
{
    (void)add(node->world, node, delay_us, fn, context);
}

void sim_answer_at(struct sim_node *node, int64_t delay_us, sim_fn *fn, void *context)
{
    add(node->world, node, delay_us, fn, context)->is_answer = true;
}

static void guard_against_spin(struct sim_world *world)
{
    if (world->now_us != world->instant_us) {
        world->instant_us = world->now_us;
        world->instant_events = 0;
    }
    if (++world->instant_events > SPIN_MAX) {
        sim_fail(world, "liveness", (struct sk_str){ 0 }, "%d events and no time has passed",
                 SPIN_MAX);
    }
}

static void fire(struct sim_world *world, struct sim_event *event)
{
    sim_fn *fn = event->fn;
    void *context = event->context;
    world->acting = event->node;
    if (!event->is_timer) {
        event->next_free = world->free_events;
        world->free_events = event;
    }
    world->events_fired += 1;
    fn(context);
    world->acting = NULL;
}

void sim_world_run(struct sim_world *world, int64_t until_us)
{
    struct sk_heap_node *first;
    while (!world->is_over && (first = sk_heap_first(&world->queue)) != NULL &&
           first->when <= until_us) {
        struct sim_event *event = sk_container_of(first, struct sim_event, place);
        struct sim_node *node = event->node;
        sk_heap_remove(&world->queue, first);
        world->now_us = first->when;
        guard_against_spin(world);
        if (node != NULL && node->paused_until_us > world->now_us && node->life == event->life) {
            sim_schedule(world, event, node->paused_until_us); /* W3 */
        } else if (node != NULL && node->life != event->life && !event->is_answer) {
            if (event->is_timer) continue;
            event->next_free = world->free_events;
            world->free_events = event;
        } else {
            fire(world, event);
        }
    }
    if (!world->is_over && world->now_us < until_us) world->now_us = until_us;
}

void sim_world_drain(struct sim_world *world)
{
    struct sk_heap_node *first;
    while ((first = sk_heap_first(&world->queue)) != NULL) {
        struct sim_event *event = sk_container_of(first, struct sim_event, place);
        sk_heap_remove(&world->queue, first);
        if (event->is_answer) fire(world, event);
    }
}

int64_t sim_latency(struct sim_rng *rng, int64_t usual_us)
{
    int64_t latency = sim_between(rng, usual_us / 2 + 1, usual_us * 3 / 2 + 1);
    return sim_chance(rng, 30) ? latency * 10 : latency;
}

/* ---- the trace ------------------------------------------------------------------------------- */

static void print_note(const struct sim_note *note)
{
    printf("%12.6f  %-18s %" PRIu64 " %" PRIu64 "  %s\n", (double)note->at_us / 1e6, note->what,
           note->a, note->b, note->text);
}

void sim_note(struct sim_world *world, const char *what, uint64_t a, uint64_t b, struct sk_str text)
{
    struct sim_note *note = &world->notes[world->notes_count++ % SIM_NOTES_KEPT];
    size_t size = text.size < SIM_NOTE_TEXT - 1 ? text.size : SIM_NOTE_TEXT - 1;
    note->at_us = world->now_us;
    note->what = what;
    note->a = a;
    note->b = b;
    if (size > 0) memcpy(note->text, text.data, size);
    note->text[size] = '\0';
    const uint64_t numbers[4] = { (uint64_t)world->now_us, (uint64_t)(uint8_t)what[0], a, b };
    world->hash = sim_hash(world->hash, numbers, sizeof numbers);
    if (text.size > 0) world->hash = sim_hash(world->hash, text.data, text.size);
    if (world->is_tracing) print_note(note);
}

void sim_print_notes(const struct sim_world *world, uint64_t last)
{
    uint64_t kept = world->notes_count < SIM_NOTES_KEPT ? world->notes_count : SIM_NOTES_KEPT;
    if (last > kept) last = kept;
    for (uint64_t i = world->notes_count - last; i < world->notes_count; i++) {
        print_note(&world->notes[i % SIM_NOTES_KEPT]);
    }
}

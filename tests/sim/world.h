/*
 * world.h: one simulated world: virtual time, one queue of events, one seed.
 *
 *   W1  Everything that happens is an event of the queue, ordered by (time, order of scheduling).
 *   W2  Chance comes from the seed's streams alone; nothing reads a clock, an address or the
 *       machine.
 *   W3  What happens at a node belongs to one of its lives: a crash ends the life and what was
 *       meant for it is dropped; while a node is paused its events wait. Answers of the runtime and
 *       of the store come even to a dead engine, which must take no notice (engine.c, E1).
 *   W4  Same seed, same trace, byte for byte: every note enters the running hash.
 *
 * Memory of the world (rows, books, contexts) lives in its arena until the world ends.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/heap.h"
#include "faults.h"
#include "map.h"
#include "rng.h"

struct sim_books;
struct sim_checks;
struct sim_cut;
struct sim_event;
struct sim_links;
struct sim_load;
struct sim_node;
struct sim_reached;
struct sk_group;
struct sim_store;

enum { SIM_NODES_MAX = 3, SIM_SHARDS_MAX = 8, SIM_NOTES_KEPT = 4096, SIM_NOTE_TEXT = 56 };
#define SIM_EPOCH_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z: virtual time 0 */
#define SIM_MS INT64_C(1000)                /* virtual time is in microseconds */
#define SIM_S INT64_C(1000000)

typedef void sim_fn(void *context);

/* What kind of world this is; drawn from the seed (world.c) and then constant. Rates are
 * permille. */
struct sim_profile {
    uint32_t nodes_count, shards_count, sagas_count, definitions_count;
    bool is_shared;  /* one store for several nodes; else one process a store */
    bool is_split;   /* shards of one store at different nodes: then no sagas that send messages,
                        since those go through one engine's memory … */
    bool is_grouped; /* … unless the nodes' engines are siblings (engine/group.h) */
    int64_t chaos_us, calm_us; /* length of the first phase; bound of the second */
    int64_t rate_gap_us;       /* mean time between starts */
    uint32_t store_passing, store_not_known, store_broken, store_slow;
    int64_t commit_us; /* usual time of a commit */
    uint32_t request_lost, request_late, request_twice, reply_lost;
    uint32_t refuses, fails, unclear, unclear_applied, retryable, pending, undo_refuses;
    uint32_t contradicts; /* says no, has done it, and says so later */
    int64_t crash_gap_us, stop_gap_us, pause_gap_us, move_gap_us; /* mean time between; 0 = never */
    int64_t clock_offset_ms; /* nodes' and participants' clocks are off by at most this */
    bool clock_drifts;       /* … slewed, and their monotonic ones run fast or slow */
    int64_t longest_us;      /* the calm lasts so much longer: a clock was so far ahead */
    uint32_t commands;       /* sagas that get operators' commands */
    uint32_t duplicates;     /* starts sent again after their answer */
    uint32_t long_lists;     /* starts with a list long enough for snapshots */
    bool has_poison;         /* one content that the store refuses */
    uint32_t batches_count, schedules_count;
    bool has_onlookers;
    int64_t retention_ms;   /* finished sagas go so long after their end; 0 = never … */
    uint32_t retention_max; /* … or if there are more than so many; 0 = by age */
    /* the engines' settings; 0 = their defaults */
    uint32_t cache_sagas_max, slots_max, batch_events_max, history_max;
    int64_t acquire_timeout_ms;
    uint32_t faults[SIM_FAULTS_COUNT]; /* the rates of faults.h; 0 = never */
};
#define SIM_RETENTION_CHAOS_US \
    (120 * SIM_S) /* so much longer chaos lasts where sagas are removed */

struct sim_note {
    int64_t at_us;
    const char *what; /* static */
    uint64_t a, b;
    char text[SIM_NOTE_TEXT];
};

struct sim_world {
    uint64_t seed;
    const struct sim_cut *cut; /* never NULL */
    struct sim_profile profile;
    struct sim_rng faults, work, humans; /* streams */
    struct sim_rng dice[SIM_FAULTS_COUNT];
    struct sk_arena arena;
    struct sk_heap queue;
    struct sim_event *free_events;
    uint64_t order, events_fired;
    struct sim_node *acting; /* whose event fires just now; NULL = the world's own */
    int64_t now_us;
    bool is_calm;       /* no new faults */
    int64_t calm_at_us; /* since then */
    bool is_over;       /* the run may stop early */
    bool is_tracing;
    uint64_t hash; /* of all notes: W4 */
    struct sim_note notes[SIM_NOTES_KEPT];
    uint64_t notes_count;
    uint64_t instant_events; /* fired without time passing: a spin is a bug */
    int64_t instant_us;

    struct sim_node *nodes[SIM_NODES_MAX];
    struct sim_store *store;
    struct sim_books *books;
    struct sim_load *load;
    struct sim_checks *checks;
    struct sim_links *links;     /* links.c; made when first needed */
    struct sk_group *group;      /* of all nodes; NULL: they know nothing of each other */
    struct sim_reached *reached; /* counters: reached.h */
};

/* An event of the queue. Owned by the queue unless it is embedded in a timer. */
struct sim_event {
    struct sk_heap_node place;
    sim_fn *fn;
    void *context;
    struct sim_node *node; /* NULL = the world's own */
    uint64_t life;
    bool is_timer;
    bool is_answer; /* comes also after its life has ended */
    struct sim_event *next_free;
};

/* The cut is borrowed. */
void sim_world_init(struct sim_world *world, uint64_t seed, const struct sim_cut *cut);
/* The chances of the running world, where its cut asks for others. */
void sim_world_draw_luck(struct sim_world *world);
void sim_world_release(struct sim_world *world);
/* Runs until the queue is empty, `until_us` has been reached or the world is over. */
void sim_world_run(struct sim_world *world, int64_t until_us);

void sim_after(struct sim_world *world, int64_t delay_us, sim_fn *fn, void *context);
/* At a node, in its present life. */
void sim_after_at(struct sim_node *node, int64_t delay_us, sim_fn *fn, void *context);
void sim_answer_at(struct sim_node *node, int64_t delay_us, sim_fn *fn, void *context);
/* What is still on its way to engines that are gone. */
void sim_world_drain(struct sim_world *world);
void sim_schedule(struct sim_world *world, struct sim_event *event, int64_t at_us);

/* Tells the trace. `what` is a literal. */
void sim_note(struct sim_world *world, const char *what, uint64_t a, uint64_t b,
              struct sk_str text);
void sim_print_notes(const struct sim_world *world, uint64_t last);

/* True time as milliseconds since 1970. */
static inline int64_t sim_now_ms(const struct sim_world *world)
{
    return SIM_EPOCH_MS + world->now_us / SIM_MS;
}
/* A usual delay with a tail: around `usual_us`, now and then ten times that. */
int64_t sim_latency(struct sim_rng *rng, int64_t usual_us);

/* The verdict: prints what is wrong, the saga's history, the way to replay, and ends the
 * process. */
_Noreturn void sim_fail(struct sim_world *world, const char *checker, struct sk_str saga_id,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The world that runs in this process: for sk_panic, which is given nothing. */
extern struct sim_world *sim_current;

#endif

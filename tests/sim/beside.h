/*
 * beside.h: what goes on beside the clients' sagas: batches (clerks.c), schedules (timetable.c),
 * and people who look, move, remove (onlookers.c). Each has a stream of chance of its own, and is
 * off where the profile says 0.
 */
#ifndef SIM_BESIDE_H
#define SIM_BESIDE_H

#include "map.h"
#include "rng.h"
#include "world.h"

enum { SIM_STREAM_CLERKS = 8, SIM_STREAM_TIMETABLE = 9, SIM_STREAM_ONLOOKERS = 10 };

struct sim_row;

struct sim_beside {
    struct sim_rng clerks_rng, timetable_rng, onlookers_rng;
    struct sim_batch *batches;
    struct sim_entry *entries; /* of the timetable */
    uint32_t batches_count, entries_count;
    struct sim_map imported; /* ids: their histories come again, all at once */
    struct sim_map seen_to;  /* ids: some of their dead letters were discarded */
    uint32_t moves_open;     /* sagas on their way out of the store and into it again */
};

void sim_beside_init(struct sim_world *world);
/* Nothing of it is under way: the calm may end. */
bool sim_beside_is_done(const struct sim_world *world);
/* This row is what an import made, not the saga that a restore brought back. */
bool sim_is_imported(const struct sim_world *world, const struct sim_row *row);
/* The node that serves this id's shard, or NULL. */
struct sim_node *sim_node_of(struct sim_world *world, struct sk_str id);

void sim_clerks_init(struct sim_world *world);
void sim_clerks_restored(struct sim_world *world);
bool sim_clerks_are_done(const struct sim_world *world);
void sim_timetable_init(struct sim_world *world);
bool sim_timetable_is_done(const struct sim_world *world);
void sim_onlookers_init(struct sim_world *world);

/* Judges, at the end. */
void sim_check_batches(struct sim_world *world);
void sim_check_schedules(struct sim_world *world);
/* May this saga go although its time is not over? Somebody asked for it. */
bool sim_is_on_timetable(const struct sim_world *world, struct sk_str business_key);
/* The store may be set back to an older state: then what was acknowledged since is lost. */
static inline bool sim_is_set_back(const struct sim_world *world)
{
    return world->profile.faults[SIM_FAULT_RESTORE] > 0;
}
/* No clock is set by more than people would notice: times of different nodes can be compared. */
static inline bool sim_clocks_agree(const struct sim_world *world)
{
    return world->profile.faults[SIM_FAULT_CLOCK_JUMP] == 0;
}
#define SIM_TIMETABLE_KEY "timetable"

#endif

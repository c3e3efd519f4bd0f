/* faults.c: F1–F3 of faults.h. */
#include "faults.h"

#include "cut.h"
#include "reached.h"

enum { STREAM_RATES = 10, STREAM_FIRST = 1000 };

const char *sim_fault_text(enum sim_fault fault)
{
    static const char *const names[] = {
#define X(name, group, text, worlds, most) [SIM_FAULT_##name] = (text),
        SIM_FAULTS(X)
#undef X
    };
    return names[fault];
}

void sim_faults_draw(uint32_t faults[SIM_FAULTS_COUNT], uint64_t seed)
{
    static const struct {
        uint32_t worlds, most;
    } kinds[] = {
#define X(name, group, text, worlds, most) [SIM_FAULT_##name] = { (worlds), (most) },
        SIM_FAULTS(X)
#undef X
    };
    struct sim_rng rng;
    sim_rng_init(&rng, seed, STREAM_RATES);
    for (uint32_t i = 0; i < SIM_FAULTS_COUNT; i++) {
        uint32_t rate = 1 + sim_below(&rng, kinds[i].most);
        faults[i] = sim_chance(&rng, kinds[i].worlds) ? rate : 0;
    }
}

void sim_faults_init(struct sim_world *world)
{
    for (uint32_t i = 0; i < SIM_FAULTS_COUNT; i++)
        sim_rng_init(&world->dice[i], world->seed, (STREAM_FIRST + i) + (world->cut->luck << 16));
}

bool sim_strikes(struct sim_world *world, enum sim_fault fault)
{
    if (world->is_calm || !sim_chance(&world->dice[fault], world->profile.faults[fault]))
        return false;
    static const enum sim_reached_row rows[] = {
#define X(name, group, text, worlds, most) [SIM_FAULT_##name] = SIM_REACHED_FAULT_##name,
        SIM_FAULTS(X)
#undef X
    };
    sim_reached(world, rows[fault]);
    sim_note(world, sim_fault_text(fault), fault, 0, (struct sk_str){ 0 });
    return true;
}

struct sim_rng *sim_dice(struct sim_world *world, enum sim_fault fault)
{
    return &world->dice[fault];
}

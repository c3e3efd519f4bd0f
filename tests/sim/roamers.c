/*
 * roamers.c: operators who do not ask whether it makes sense. They look for a saga in a state drawn
 * evenly from all of them, rare ones too, and tell it something drawn evenly from all commands: of
 * this step or that, or of none that there is; with an input, an output; twice; signals of names
 * that nobody awaits, too many of them, the same with other data.
 *
 *   M1  What is refused by the page's table is refused, what acts is in the history (operators.c,
 *       reached_moves.c).
 */
#include "check.h"
#include "cut.h"
#include "node.h"
#include "reached.h"
#include "workload.h"

#include <stdio.h>

struct roamer {
    struct sim_world *world;
    struct sim_rng rng;
    uint32_t orders;
};

static enum sk_saga_state draw_state(struct sim_rng *rng)
{
    static const enum sk_saga_state states[] = {
        SK_SAGA_PENDING,      SK_SAGA_RUNNING,      SK_SAGA_RUNNING,     SK_SAGA_COMPLETED,
        SK_SAGA_COMPENSATING, SK_SAGA_COMPENSATING, SK_SAGA_COMPENSATED, SK_SAGA_FAILED,
        SK_SAGA_FAILED,       SK_SAGA_FAILED,       SK_SAGA_CANCELLED,   SK_SAGA_TIMED_OUT,
        SK_SAGA_SUSPENDED
    };
    return states[sim_below(rng, sizeof states / sizeof states[0])];
}

/* One of them, each as likely. */
static const struct sim_row *find(struct roamer *roamer, enum sk_saga_state state)
{
    const struct sim_row *found = NULL;
    uint32_t among = 0;
    for (const struct sim_row *row = roamer->world->store->first; row != NULL; row = row->next) {
        bool fits = !row->is_removed && !row->head.is_lock && row->head.state == state;
        if (fits && sim_below(&roamer->rng, ++among) == 0) found = row;
    }
    return found;
}

/* What acts on a saga that goes forward changes it for good: less often. */
static enum sk_command_kind draw_kind(struct sim_rng *rng, enum sk_saga_state state)
{
    static const enum sk_command_kind kinds[] = {
        SK_COMMAND_SIGNAL,    SK_COMMAND_SUSPEND, SK_COMMAND_RESUME,       SK_COMMAND_RETRY,
        SK_COMMAND_SKIP_STEP, SK_COMMAND_CANCEL,  SK_COMMAND_FORCE_CANCEL, SK_COMMAND_FORCE_COMPLETE
    };
    bool is_forward = state == SK_SAGA_RUNNING || state == SK_SAGA_PENDING;
    return kinds[sim_below(rng, is_forward && sim_chance(rng, 600) ? 5 : 8)];
}

static void draw_signal(struct roamer *roamer, struct sim_order *order, char *id, size_t size)
{
    static const char *const names[] = { "go", "ok", "nobody-waits", "go" };
    struct sim_rng *rng = &roamer->rng;
    order->name = sk_str_of(names[sim_below(rng, 4)]);
    order->body = sim_chance(rng, 500) ? SK_STR("{\"n\":1}") : SK_STR("null");
    if (!sim_chance(rng, 400)) return;
    int length = snprintf(id, size, "s-%u", sim_below(rng, 3)); /* may have come before */
    order->id = (struct sk_str){ id, (size_t)length };
}

/* Some step of it, most often one that waits, or of which nobody knows. */
static void draw_step(struct roamer *roamer, const struct sim_row *row, struct sim_order *order)
{
    struct sim_rng *rng = &roamer->rng;
    struct sk_saga saga;
    uint32_t among = 0;
    sim_fold(roamer->world, row, &saga);
    order->step = sim_below(rng, saga.plan->steps_count + 1); /* the last is none */
    order->item = sim_chance(rng, 700) ? -1 : (int32_t)sim_below(rng, 3);
    bool looks = sim_chance(rng, 800);
    for (uint32_t s = 0; looks && s < saga.plan->steps_count; s++) {
        for (uint32_t i = 0; i < saga.steps[s].units_count; i++) {
            const struct sk_unit *unit = &saga.steps[s].units[i];
            bool fits = unit->maybe || unit->state == SK_STEP_WAITING ||
                        unit->undo.state == SK_CALL_PAUSED || unit->undo.state == SK_CALL_PARKED;
            if (!fits || sim_below(rng, ++among) != 0) continue;
            order->step = s;
            order->item = saga.plan->steps[s].items == NULL ? -1 : (int32_t)i;
        }
    }
    sk_saga_release(&saga);
}

static void tell(struct roamer *roamer, const struct sim_row *row)
{
    struct sim_rng *rng = &roamer->rng;
    struct sim_world *world = roamer->world;
    char id[24];
    struct sim_order order = { .step = SK_STEP_NONE, .item = -1 };
    order.kind = draw_kind(rng, (enum sk_saga_state)row->head.state);
    if (order.kind == SK_COMMAND_SIGNAL) {
        uint32_t times = sim_chance(rng, 100) ? 8 : 1;
        for (uint32_t i = 0; i < times; i++) {
            order.id = (struct sk_str){ 0 };
            draw_signal(roamer, &order, id, sizeof id);
            (void)sim_order(world, row->head.id, &order);
        }
        return;
    }
    bool names_step = order.kind == SK_COMMAND_SKIP_STEP ||
                      (order.kind == SK_COMMAND_RETRY && sim_chance(rng, 500));
    if (names_step) draw_step(roamer, row, &order);
    if (order.kind == SK_COMMAND_RETRY && sim_chance(rng, 300))
        order.body = SK_STR("{\"edited\":[1,2]}");
    if (order.kind == SK_COMMAND_SKIP_STEP && sim_chance(rng, 300))
        order.body = SK_STR("{\"skipped\":true,\"n\":7}");
    if (order.kind == SK_COMMAND_SUSPEND && sim_chance(rng, 300)) order.name = SK_STR("audit");
    order.is_past_pivot_allowed = order.kind == SK_COMMAND_FORCE_CANCEL && sim_chance(rng, 500);
    if (sim_chance(rng, 300)) {
        int length = snprintf(id, sizeof id, "r-%u", roamer->orders);
        order.id = (struct sk_str){ id, (size_t)length };
    }
    (void)sim_order(world, row->head.id, &order);
    if (order.id.size > 0) (void)sim_order(world, row->head.id, &order); /* twice */
    /* What was skipped in doubt is settled when it is undone. */
    if (order.kind != SK_COMMAND_SKIP_STEP || !sim_chance(rng, 300)) return;
    struct sim_order cancel = { .kind = SK_COMMAND_CANCEL, .step = SK_STEP_NONE, .item = -1 };
    (void)sim_order(world, row->head.id, &cancel);
}

static void on_roam(void *context)
{
    struct roamer *roamer = context;
    struct sim_world *world = roamer->world;
    if (world->is_calm) return;
    const struct sim_row *row = find(roamer, draw_state(&roamer->rng));
    roamer->orders += 1;
    if (row != NULL) tell(roamer, row);
    sim_after(world, sim_between(&roamer->rng, 100 * SIM_MS, 1500 * SIM_MS), on_roam, roamer);
}

void sim_roamers_init(struct sim_world *world)
{
    if (world->profile.commands == 0) return;
    struct roamer *roamer = SK_ARENA_NEW(&world->arena, struct roamer);
    roamer->world = world;
    sim_rng_init(&roamer->rng, world->seed, 11 + (world->cut->luck << 16));
    sim_after(world, 2 * SIM_S, on_roam, roamer);
}

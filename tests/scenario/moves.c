/* moves.c: see moves.h. */
#include "moves.h"

#include <stdio.h>

/* SK_STEP_STATES_COUNT = the event is of no such thing. */
struct place {
    enum sk_step_state unit, list;
};

static struct place look(const struct sk_saga *saga, const struct sk_event *event)
{
    struct place place = { SK_STEP_STATES_COUNT, SK_STEP_STATES_COUNT };
    if (saga->seq == 0 || event->step >= saga->plan->steps_count) return place;
    const struct sk_step_run *run = &saga->steps[event->step];
    bool has_items = saga->plan->steps[event->step].items != NULL;
    uint32_t index = event->item < 0 ? 0 : (uint32_t)event->item;
    bool is_unit = (!has_items || event->item >= 0) && index < run->units_count;
    if (is_unit) place.unit = run->units[index].state;
    if (has_items) place.list = run->state;
    return place;
}

static void note(bool seen[][SK_STEP_STATES_COUNT], enum sk_step_state from, enum sk_step_state to)
{
    if (from != SK_STEP_STATES_COUNT && to != SK_STEP_STATES_COUNT) seen[from][to] = true;
}

void moves_add(struct moves *moves, const struct world_saga *saga)
{
    struct sk_saga folded;
    if (!sk_saga_init(&folded, saga->saga.plan)) return;
    for (const struct world_event *e = saga->first; e != NULL; e = e->next) {
        struct place before = look(&folded, &e->event);
        if (sk_saga_evolve(&folded, &e->event) != SKALD_OK) break;
        struct place after = look(&folded, &e->event);
        note(moves->units, before.unit, after.unit);
        note(moves->lists, before.list, after.list);
    }
    sk_saga_release(&folded);
}

void moves_print(const struct moves *moves)
{
    for (int from = 0; from < SK_STEP_STATES_COUNT; from++) {
        for (int to = 0; to < SK_STEP_STATES_COUNT; to++) {
            const char *a = sk_step_state_name((enum sk_step_state)from);
            const char *b = sk_step_state_name((enum sk_step_state)to);
            if (from != to && moves->units[from][to]) printf("unit %s %s\n", a, b);
            if (from != to && moves->lists[from][to]) printf("list %s %s\n", a, b);
        }
    }
}

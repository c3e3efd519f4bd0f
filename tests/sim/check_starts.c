/* check_starts.c: law 10. A start that was acknowledged is in the store then and at the end, under
 * the id it was told, unless retention took it (check_removed.c). */
#include "check.h"
#include "workload.h"

void sim_check_started(struct sim_world *world, struct sk_str saga_id)
{
    const struct sim_row *row = sim_map_get(&world->store->by_id, saga_id); /* also removed */
    world->checks->judged[SIM_CHECK_STARTS] += 1;
    if (row != NULL && row->events_count > 0 && row->events[0].type == SK_EVENT_SAGA_ACCEPTED)
        return;
    sim_fail(world, "acknowledged starts", saga_id, "acknowledged and not in the store");
}

void sim_check_starts_end(struct sim_world *world)
{
    const struct sim_load *load = world->load;
    for (uint32_t i = 0; i < load->starts_count; i++) {
        const struct sim_start *start = &load->starts[i];
        if (start->is_acknowledged) sim_check_started(world, start->saga_id);
        if (!start->is_acknowledged && !start->is_given_up) {
            sim_fail(world, "every saga ends", start->id, "start %u was never acknowledged",
                     start->index);
        }
    }
}

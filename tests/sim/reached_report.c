/* reached_report.c: the table at the end of a run: of each group how much was reached, what came
 * rarest, and what never came. */
#include "reached.h"

#include <inttypes.h>
#include <stdio.h>

enum { RAREST = 3, NAME_SIZE = 96 };

struct item {
    uint64_t count;
    char name[NAME_SIZE];
};

struct group {
    const char *name;
    uint32_t rows, reached;
    struct item rarest[RAREST]; /* ascending; count 0 = none */
    enum sim_reached_show show;
    uint32_t rare; /* that came not, and need not come in every run */
};

static void keep_rarest(struct group *group, uint64_t count, const char *name)
{
    for (uint32_t i = 0; i < RAREST; i++) {
        if (group->rarest[i].count != 0 && group->rarest[i].count <= count) continue;
        for (uint32_t k = RAREST - 1; k > i; k--) group->rarest[k] = group->rarest[k - 1];
        group->rarest[i].count = count;
        snprintf(group->rarest[i].name, NAME_SIZE, "%s", name);
        return;
    }
}

static void add_row(struct group *group, uint64_t count, const char *name, bool is_rare)
{
    group->rows += 1;
    if (count > 0) {
        group->reached += 1;
        keep_rarest(group, count, name);
        return;
    }
    if (is_rare) group->rare += 1;
    if (group->show == SIM_REACHED_NAMES)
        printf("%s: %s: %s\n", is_rare ? "rare, not reached" : "unreached", group->name, name);
}

static void add(struct group *group, uint64_t count, const char *name)
{
    add_row(group, count, name, false);
}

/* How many were not reached. */
static uint32_t close_group(const struct group *group)
{
    uint32_t missing = group->rows - group->reached - group->rare;
    if (group->show == SIM_REACHED_SILENT) return missing;
    printf("reached %-12s %3u of %3u;", group->name, group->reached, group->rows);
    for (uint32_t i = 0; i < RAREST && group->rarest[i].count > 0; i++) {
        printf("%s %s %" PRIu64, i == 0 ? " rarest" : ",", group->rarest[i].name,
               group->rarest[i].count);
    }
    printf("\n");
    return missing;
}

static const struct {
    const char *group, *text;
} rows[] = {
#define X(name, group, text) [SIM_REACHED_##name] = { (group), (text) },
    SIM_REACHED_MAP(X)
#undef X
};

void sim_reached_visit(struct sim_world *world, const char *what)
{
    for (uint32_t i = SIM_REACHED_VISIT_ACT; i < SIM_REACHED_COUNT; i++) {
        if (strcmp(rows[i].text, what) != 0) continue;
        world->reached->rows[i] += 1;
        return;
    }
    sim_fail(world, "simulator", (struct sk_str){ 0 }, "no row of reached.h for \"%s\"", what);
}

static uint32_t print_rows(const struct sim_reached *reached, enum sim_reached_show show)
{
    uint32_t missing = 0;
    struct group group = { .name = rows[0].group, .show = show };
    for (uint32_t i = 0; i < SIM_REACHED_COUNT; i++) {
        if (strcmp(rows[i].group, group.name) != 0) {
            missing += close_group(&group);
            group = (struct group){ .name = rows[i].group, .show = show };
        }
        add(&group, reached->rows[i], rows[i].text);
    }
    return missing + close_group(&group);
}

static uint32_t print_events(const struct sim_reached *reached, enum sim_reached_show show)
{
    struct group group = { .name = "event", .show = show };
    for (uint32_t type = 0; type < SK_EVENT_TYPES_MAX; type++) {
        if (sk_event_type_known(type))
            add(&group, reached->events[type], sk_event_type_name((enum sk_event_type)type));
    }
    return close_group(&group);
}

static uint32_t print_saga_moves(const struct sim_reached *reached, enum sim_reached_show show)
{
    struct group group = { .name = "saga", .show = show };
    for (uint32_t from = 0; from < SK_SAGA_STATES_COUNT; from++) {
        for (uint32_t to = 1; to < SK_SAGA_STATES_COUNT; to++) {
            char name[NAME_SIZE];
            if (!sim_saga_may_move((enum sk_saga_state)from, (enum sk_saga_state)to)) continue;
            snprintf(name, sizeof name, "%s→%s",
                     from == 0 ? "" : sk_saga_state_name((enum sk_saga_state)from),
                     sk_saga_state_name((enum sk_saga_state)to));
            add(&group, reached->saga_moves[from][to], name);
        }
    }
    return close_group(&group);
}

static uint32_t print_step_moves(const struct sim_reached *reached, bool is_list,
                                 enum sim_reached_show show)
{
    struct group group = { .name = is_list ? "foreach" : "step", .show = show };
    for (uint32_t i = 0; i < SK_STEP_STATES_COUNT * SK_STEP_STATES_COUNT; i++) {
        enum sk_step_state from = (enum sk_step_state)(i / SK_STEP_STATES_COUNT),
                           to = (enum sk_step_state)(i % SK_STEP_STATES_COUNT);
        char name[NAME_SIZE];
        if (is_list ? !sim_list_may_move(from, to) : !sim_unit_may_move(from, to)) continue;
        snprintf(name, sizeof name, "%s→%s", sk_step_state_name(from), sk_step_state_name(to));
        add_row(&group, is_list ? reached->list_moves[from][to] : reached->unit_moves[from][to],
                name, sim_move_is_rare(is_list, from, to));
    }
    return close_group(&group);
}

static uint32_t print_commands(const struct sim_reached *reached, bool is_accepted,
                               enum sim_reached_show show)
{
    struct group group = { .name = is_accepted ? "accepted" : "refused", .show = show };
    for (uint32_t i = 0; i < SK_COMMANDS_COUNT * SIM_COLUMNS_COUNT; i++) {
        enum sk_command_kind kind = (enum sk_command_kind)(i / SIM_COLUMNS_COUNT);
        enum sim_column column = (enum sim_column)(i % SIM_COLUMNS_COUNT);
        char name[NAME_SIZE];
        if (!sim_command_may(kind, column, is_accepted)) continue;
        snprintf(name, sizeof name, "%s when %s", sk_command_name(kind), sim_column_name(column));
        add(&group, is_accepted ? reached->accepted[kind][column] : reached->refused[kind][column],
            name);
    }
    return close_group(&group);
}

static uint32_t print_fields(const struct sim_reached *reached, enum sim_reached_show show)
{
    struct group group = { .name = "key", .show = show };
    for (uint32_t i = 0; i < sim_fields_count(); i++) {
        if (sim_field_name(i) != NULL) add(&group, reached->fields[i], sim_field_name(i));
    }
    return close_group(&group);
}

static uint32_t print_defects(const struct sim_reached *reached, enum sim_reached_show show)
{
    struct group group = { .name = "defect", .show = show };
    for (uint32_t i = 0; sim_defect_name(i) != NULL; i++)
        add(&group, reached->defects[i], sim_defect_name(i));
    return close_group(&group);
}

uint32_t sim_reached_print(const struct sim_reached *reached, enum sim_reached_show show)
{
    uint32_t missing = print_events(reached, show);
    missing += print_saga_moves(reached, show);
    missing += print_step_moves(reached, false, show);
    missing += print_step_moves(reached, true, show);
    missing += print_fields(reached, show);
    missing += print_defects(reached, show);
    missing += print_commands(reached, true, show);
    missing += print_commands(reached, false, show);
    return missing + print_rows(reached, show);
}

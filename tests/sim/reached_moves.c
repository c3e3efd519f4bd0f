/*
 * reached_moves.c: which state may follow on which, and which command may do what in which state:
 * docs/internals/semantics.md as tables, written from the page. What is not in them ends the run;
 * what is in them must be reached by a run of enough worlds (R3).
 *
 *   M1  A saga's states are those that people see: `suspended` hides what it was.
 *   M2  A unit is a step, or an item of a foreach; a list is a foreach as a whole.
 */
#include "check.h"
#include "reached.h"

#define TO(state) (1u << SK_SAGA_##state)
static const uint32_t saga_next[SK_SAGA_STATES_COUNT] = {
    [SK_SAGA_PENDING] = TO(RUNNING) | TO(CANCELLED) | TO(TIMED_OUT) | TO(SUSPENDED),
    [SK_SAGA_RUNNING] = TO(COMPLETED) | TO(COMPENSATING) | TO(SUSPENDED),
    [SK_SAGA_COMPENSATING] = TO(COMPENSATED) | TO(CANCELLED) | TO(TIMED_OUT) | TO(FAILED) |
                             TO(COMPLETED) /* by force */ | TO(SUSPENDED),
    [SK_SAGA_COMPLETED] = TO(COMPENSATING),   /* the parent's command */
    [SK_SAGA_COMPENSATED] = TO(COMPENSATING), /* a late success */
    [SK_SAGA_CANCELLED] = TO(COMPENSATING),   /* a late success */
    [SK_SAGA_TIMED_OUT] = TO(COMPENSATING),   /* a late success */
    [SK_SAGA_FAILED] = TO(COMPENSATING) | TO(COMPLETED) /* by force */,
    [SK_SAGA_SUSPENDED] = TO(PENDING) | TO(RUNNING) | TO(COMPENSATING),
};
#undef TO

#define TO(state) (1u << SK_STEP_##state)
static const uint32_t unit_next[SK_STEP_STATES_COUNT] = {
    [SK_STEP_PENDING] = TO(RUNNING) | TO(WAITING) | TO(SKIPPED) | TO(FAILED),
    [SK_STEP_RUNNING] = TO(WAITING) | TO(COMPLETED) | TO(FAILED) | TO(SKIPPED),
    [SK_STEP_WAITING] = TO(RUNNING) | TO(COMPLETED) | TO(FAILED) | TO(SKIPPED),
    [SK_STEP_COMPLETED] = TO(COMPENSATING) | TO(COMPENSATION_FAILED),
    [SK_STEP_FAILED] = TO(COMPLETED) /* verify, while undoing */ | TO(COMPENSATING) /* maybe */ |
                       TO(COMPENSATED) /* a repaired child */ | TO(COMPENSATION_FAILED),
    [SK_STEP_SKIPPED] = TO(COMPLETED) | TO(COMPENSATING) | TO(COMPENSATION_FAILED), /* maybe */
    [SK_STEP_COMPENSATING] = TO(COMPENSATED) | TO(COMPENSATION_FAILED),
    [SK_STEP_COMPENSATED] = 0,
    [SK_STEP_COMPENSATION_FAILED] = TO(COMPENSATING) | TO(COMPENSATED) /* a repaired child */ |
                                    TO(COMPLETED) | TO(FAILED) /* its verify, asked again */,
};

static const uint32_t list_next[SK_STEP_STATES_COUNT] = {
    [SK_STEP_PENDING] = TO(RUNNING) | TO(SKIPPED) | TO(FAILED) /* its items are no list */,
    /* Undone at its end: its children needed repair, or were repaired, while others went on. */
    [SK_STEP_RUNNING] = TO(COMPLETED) | TO(FAILED) | TO(SKIPPED) | TO(COMPENSATING) |
                        TO(COMPENSATED) | TO(COMPENSATION_FAILED),
    /* Skipped by force, with items that were done; then its saga's parent has all of it undone. */
    [SK_STEP_SKIPPED] = TO(COMPENSATING) | TO(COMPENSATED) | TO(COMPENSATION_FAILED),
    /* At once, where an item could not be settled, or where one is a child that failed, which its
     * list lets pass, and was repaired when the undoing began. */
    [SK_STEP_COMPLETED] = TO(COMPENSATING) | TO(COMPENSATED) | TO(COMPENSATION_FAILED),
    [SK_STEP_FAILED] = TO(COMPENSATING) | TO(COMPENSATED) | TO(COMPENSATION_FAILED),
    [SK_STEP_COMPENSATING] = TO(COMPENSATED) | TO(COMPENSATION_FAILED),
    /* An item's late success; nobody may know of it, either. */
    [SK_STEP_COMPENSATED] = TO(COMPENSATING) | TO(COMPENSATION_FAILED),
    [SK_STEP_COMPENSATION_FAILED] = TO(COMPENSATING) | TO(COMPENSATED),
};

/* What needs several unlikely things at once: a child repaired between two undos of its parent, a
 * verify that is asked again after a skip or a retry, all items of a list without anything to undo.
 * Scenarios keep them. */
static const uint32_t unit_rare[SK_STEP_STATES_COUNT] = {
    [SK_STEP_COMPLETED] = TO(COMPENSATION_FAILED),
    [SK_STEP_FAILED] = TO(COMPENSATED),
    [SK_STEP_SKIPPED] = TO(COMPLETED) | TO(COMPENSATION_FAILED),
    [SK_STEP_COMPENSATION_FAILED] = TO(COMPLETED) | TO(FAILED),
};
static const uint32_t list_rare[SK_STEP_STATES_COUNT] = {
    [SK_STEP_RUNNING] = TO(COMPENSATED) | TO(COMPENSATION_FAILED),
    [SK_STEP_COMPLETED] = TO(COMPENSATED) | TO(COMPENSATION_FAILED),
    [SK_STEP_FAILED] = TO(COMPENSATED),
    [SK_STEP_SKIPPED] = TO(COMPENSATING) | TO(COMPENSATED) | TO(COMPENSATION_FAILED),
    [SK_STEP_COMPENSATED] = TO(COMPENSATION_FAILED),
    [SK_STEP_COMPENSATION_FAILED] = TO(COMPENSATED),
};
#undef TO

bool sim_move_is_rare(bool is_list, enum sk_step_state from, enum sk_step_state to)
{
    return ((is_list ? list_rare : unit_rare)[from] >> (unsigned)to & 1u) != 0;
}

bool sim_saga_may_move(enum sk_saga_state from, enum sk_saga_state to)
{
    return from == 0 ? to == SK_SAGA_PENDING : (saga_next[from] >> (unsigned)to & 1u) != 0;
}

bool sim_unit_may_move(enum sk_step_state from, enum sk_step_state to)
{
    return ((unit_next[from] | unit_rare[from]) >> (unsigned)to & 1u) != 0;
}

bool sim_list_may_move(enum sk_step_state from, enum sk_step_state to)
{
    return ((list_next[from] | list_rare[from]) >> (unsigned)to & 1u) != 0;
}

/* ---- commands -------------------------------------------------------------------------------- */

/* A = acts (or changes nothing, where the page says so), R = refused, B = either, by what there is
 * to do. Columns: pending, running, past the pivot, compensating, completed, failed, undone,
 * suspended. */
static const char *const commands[SK_COMMANDS_COUNT] = {
    [SK_COMMAND_SIGNAL] = "AAARRRRB",       [SK_COMMAND_CANCEL] = "AARARRRB",
    [SK_COMMAND_FORCE_CANCEL] = "ABBARBRB", [SK_COMMAND_FORCE_COMPLETE] = "RAAARARB",
    [SK_COMMAND_RETRY] = "RBBBRBRR",        [SK_COMMAND_SKIP_STEP] = "RBBBRRRB",
    [SK_COMMAND_SUSPEND] = "AAAARRRA",      [SK_COMMAND_RESUME] = "AAAARRRA",
};

bool sim_command_may(enum sk_command_kind kind, enum sim_column column, bool is_accepted)
{
    if (commands[kind] == NULL) return false;
    char cell = commands[kind][column];
    return cell == 'B' || cell == (is_accepted ? 'A' : 'R');
}

const char *sim_column_name(enum sim_column column)
{
    static const char *const names[] = {
#define X(name, text) [SIM_COLUMN_##name] = (text),
        SIM_COLUMNS(X)
#undef X
    };
    return names[column];
}

enum sim_column sim_column_of(const struct sk_saga *saga)
{
    if (saga->is_suspended) return SIM_COLUMN_SUSPENDED;
    switch (saga->state) {
    case SK_SAGA_PENDING: return SIM_COLUMN_PENDING;
    case SK_SAGA_RUNNING:
        return saga->is_past_pivot || saga->plan->is_forward ? SIM_COLUMN_PAST : SIM_COLUMN_RUNNING;
    case SK_SAGA_COMPENSATING: return SIM_COLUMN_UNDOING;
    case SK_SAGA_COMPLETED: return SIM_COLUMN_COMPLETED;
    case SK_SAGA_FAILED: return SIM_COLUMN_FAILED;
    case SK_SAGA_COMPENSATED:
    case SK_SAGA_CANCELLED:
    case SK_SAGA_TIMED_OUT:
    case SK_SAGA_SUSPENDED:
    case SK_SAGA_STATES_COUNT: break;
    }
    return SIM_COLUMN_UNDONE;
}

/* As the saga stood when the event of this command was decided; false: it made none. */
static bool column_before(struct sim_world *world, const struct sim_row *row,
                          struct sk_str command_id, enum sim_column *out)
{
    struct sk_saga saga;
    const struct sk_plan *plan = sim_store_plan(world->store, &row->head.definition);
    bool is_found = false;
    if (plan == NULL || !sk_saga_init(&saga, plan)) return false;
    for (uint32_t i = 0; i < row->events_count && !is_found; i++) {
        struct sk_event event = sim_event_of(&row->events[i]);
        bool has_id =
            event.type == SK_EVENT_SIGNAL_RECEIVED || event.type >= SK_EVENT_OPERATOR_CANCEL;
        is_found = has_id && sk_str_equal(event.extra, command_id);
        if (is_found) *out = sim_column_of(&saga);
        if (sk_saga_evolve(&saga, &event) != SKALD_OK) break;
    }
    sk_saga_release(&saga);
    return is_found;
}

void sim_reached_command(struct sim_world *world, const struct sim_row *row,
                         enum sk_command_kind kind, struct sk_str command_id, bool is_accepted,
                         const struct sk_saga *seen)
{
    enum sim_column column = SIM_COLUMNS_COUNT;
    bool is_exact = is_accepted && row != NULL && column_before(world, row, command_id, &column);
    /* No event: by how it stood when it was answered, when it may just have moved on. */
    if (!is_exact && seen == NULL) return;
    if (!is_exact) column = sim_column_of(seen);
    if (is_exact && !sim_command_may(kind, column, true)) {
        sim_fail(world, "moves", row->head.id, "%s was accepted by a saga that is %s",
                 sk_command_name(kind), sim_column_name(column));
    }
    uint64_t(*counts)[SIM_COLUMNS_COUNT] =
        is_accepted ? world->reached->accepted : world->reached->refused;
    counts[kind][column] += 1;
}

/* ---- moves ----------------------------------------------------------------------------------- */

static const struct sk_unit *unit_of(const struct sk_saga *saga, const struct sk_event *event)
{
    if (event->step >= saga->plan->steps_count) return NULL;
    const struct sk_step_run *run = &saga->steps[event->step];
    uint32_t index = event->item < 0 ? 0 : (uint32_t)event->item;
    bool is_list = saga->plan->steps[event->step].items != NULL;
    if (is_list && event->item < 0) return NULL;
    return index < run->units_count ? &run->units[index] : NULL;
}

static const struct sk_step_run *list_of(const struct sk_saga *saga, const struct sk_event *event)
{
    if (event->step >= saga->plan->steps_count) return NULL;
    return saga->plan->steps[event->step].items != NULL ? &saga->steps[event->step] : NULL;
}

void sim_moves_before(struct sim_moves *moves, const struct sk_saga *saga,
                      const struct sk_event *event)
{
    const struct sk_unit *unit = unit_of(saga, event);
    const struct sk_step_run *list = list_of(saga, event);
    moves->saga = saga->seq == 0 ? 0 : sk_saga_shown_state(saga);
    moves->unit = unit != NULL ? unit->state : SK_STEP_STATES_COUNT;
    moves->list = list != NULL ? list->state : SK_STEP_STATES_COUNT;
}

_Noreturn static void bark(const struct sim_moves *moves, const struct sk_saga *saga,
                           const struct sk_event *event, const char *who, const char *from,
                           const char *to)
{
    sim_fail(moves->world, "moves", saga->start.id, "event %llu, %s, moves %s from %s to %s",
             (unsigned long long)event->seq, sk_event_type_name(event->type), who, from, to);
}

static void note_unit(const struct sim_moves *moves, const struct sk_saga *saga,
                      const struct sk_event *event, bool is_list, enum sk_step_state to)
{
    enum sk_step_state from = is_list ? moves->list : moves->unit;
    struct sim_reached *reached = moves->world->reached;
    if (from == to || from == SK_STEP_STATES_COUNT) return;
    if (is_list ? !sim_list_may_move(from, to) : !sim_unit_may_move(from, to)) {
        bark(moves, saga, event, is_list ? "a foreach" : "a step", sk_step_state_name(from),
             sk_step_state_name(to));
    }
    if (is_list)
        reached->list_moves[from][to] += 1;
    else
        reached->unit_moves[from][to] += 1;
}

void sim_moves_after(struct sim_moves *moves, const struct sk_saga *saga,
                     const struct sk_event *event)
{
    const struct sk_unit *unit = unit_of(saga, event);
    const struct sk_step_run *list = list_of(saga, event);
    enum sk_saga_state to = sk_saga_shown_state(saga);
    moves->world->reached->events[event->type] += 1;
    if (moves->saga != to) {
        if (!sim_saga_may_move(moves->saga, to)) {
            bark(moves, saga, event, "the saga",
                 moves->saga == 0 ? "nothing" : sk_saga_state_name(moves->saga),
                 sk_saga_state_name(to));
        }
        moves->world->reached->saga_moves[moves->saga][to] += 1;
    }
    if (unit != NULL) note_unit(moves, saga, event, false, unit->state);
    if (list != NULL) note_unit(moves, saga, event, true, list->state);
}

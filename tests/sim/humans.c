/*
 * humans.c: the calm phase. Somebody looks at everything that waits for a person and does the
 * usual: resumes what is suspended, retries what is parked or failed, gives the signals that are
 * awaited. The round ends when every saga is over, all messages are delivered and all clients have
 * their answers.
 */
#include "base/limits.h"
#include "check.h"
#include "core/core_private.h"
#include "node.h"
#include "participants.h"
#include "workload.h"

#include <stdio.h>

enum {
    RETRIES_OF_FAILED = 3,
    RETRIES_OF_PARKED = 3,
    ATTEMPTS_SEEN = 30,
    PAUSE_MS_MAX = 3600 * 1000,
    ROUNDS_PATIENT = 10
};

struct humans {
    struct sim_world *world;
    uint32_t rounds, quiet_rounds;
    struct sim_map retried; /* saga id, or saga#step#item → number of retries */
};

/* Retried a few times; then it stays failed, unless it holds keys that others wait for. */
static bool retry_failed(struct humans *humans, const struct sim_row *row)
{
    struct sim_world *world = humans->world;
    const struct sk_plan *plan = sim_store_plan(world->store, &row->head.definition);
    uintptr_t count = (uintptr_t)sim_map_get(&humans->retried, row->head.id);
    /* Where many wait in line for its keys there is no time for more. */
    bool is_in_the_way = plan->holds_locks_on_failed && humans->rounds >= ROUNDS_PATIENT;
    bool is_last = count == RETRIES_OF_FAILED || (is_in_the_way && count < RETRIES_OF_FAILED);
    if (is_in_the_way && count < RETRIES_OF_FAILED) count = RETRIES_OF_FAILED;
    if (count > RETRIES_OF_FAILED || (is_last && !plan->holds_locks_on_failed)) return false;
    uint32_t kind = is_last ? SK_COMMAND_FORCE_COMPLETE : SK_COMMAND_RETRY;
    if (sim_operate(world, row->head.id, kind, SK_STEP_NONE, -1)) {
        sim_map_put(&humans->retried, row->head.id, (void *)(count + 1));
    }
    return true;
}

/* A no that stays a no is not retried for ever: after a few times the step is skipped. */
static uint32_t repair_command(struct humans *humans, const struct sim_row *row, uint32_t step,
                               int32_t item)
{
    char text[SK_ID_SIZE_MAX * 2 + 32];
    int size = snprintf(text, sizeof text, "%.*s#%u#%d", SK_STR_ARGS(row->head.id), step, item);
    struct sk_str key = { text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1 };
    uintptr_t count = (uintptr_t)sim_map_get(&humans->retried, key);
    sim_map_put(&humans->retried, key, (void *)(count + 1));
    bool is_patient = count < RETRIES_OF_PARKED && humans->rounds < ROUNDS_PATIENT;
    return is_patient ? SK_COMMAND_RETRY : SK_COMMAND_SKIP_STEP;
}

static void repair_unit(struct humans *humans, const struct sim_row *row,
                        const struct sk_saga *saga, uint32_t step, uint32_t index)
{
    struct sim_world *world = humans->world;
    const struct sk_unit *unit = &saga->steps[step].units[index];
    int32_t item = saga->plan->steps[step].items != NULL ? (int32_t)index : -1;
    if (unit->action.state == SK_CALL_PARKED && unit->action.what == SK_FOR_HUMAN) {
        (void)sim_operate(world, row->head.id, repair_command(humans, row, step, item), step, item);
        world->load->counts.repairs += 1;
    } else if (unit->action.state == SK_CALL_PENDING && unit->action.what == SK_FOR_SIGNAL) {
        (void)sim_signal(world, row->head.id);
    }
}

/* A pivot refused for ever: nobody but a person can say that it is not to be. */
static void give_up_unit(struct humans *humans, const struct sim_row *row,
                         const struct sk_saga *saga, uint32_t step, uint32_t index)
{
    const struct sk_unit *unit = &saga->steps[step].units[index];
    int32_t item = saga->plan->steps[step].items != NULL ? (int32_t)index : -1;
    if (unit->action.state != SK_CALL_PAUSED || !unit->has_warned) return;
    /* Pauses that grow without a limit are years after a few attempts. */
    bool is_hopeless =
        unit->action.attempt > ATTEMPTS_SEEN || unit->action.due_at_ms - saga->at_ms > PAUSE_MS_MAX;
    if (is_hopeless)
        (void)sim_operate(humans->world, row->head.id, SK_COMMAND_SKIP_STEP, step, item);
}

/* A list that is none and never will be: its step is left out. */
static void skip_bad_lists(struct humans *humans, const struct sim_row *row,
                           const struct sk_saga *saga)
{
    if (!sk_str_is(saga->suspend_reason, "bad_items")) return;
    for (uint32_t i = 0; i < saga->plan->steps_count; i++) {
        bool is_bad = saga->plan->steps[i].items != NULL && saga->steps[i].units == NULL &&
                      saga->steps[i].state == SK_STEP_PENDING;
        if (is_bad) (void)sim_operate(humans->world, row->head.id, SK_COMMAND_SKIP_STEP, i, -1);
    }
}

/* An active saga: is there something that only a human can do? */
static void repair(struct humans *humans, const struct sim_row *row)
{
    struct sk_saga saga;
    sim_fold(humans->world, row, &saga);
    /* Before a resume: that lets the next attempt go, and what flies is not skipped. */
    for (uint32_t i = 0; i < saga.plan->steps_count; i++) {
        for (uint32_t k = 0; k < saga.steps[i].units_count; k++) {
            give_up_unit(humans, row, &saga, i, k);
        }
    }
    if (saga.is_suspended) {
        skip_bad_lists(humans, row, &saga);
        (void)sim_operate(humans->world, row->head.id, SK_COMMAND_RESUME, SK_STEP_NONE, -1);
        humans->world->load->counts.repairs += 1;
    }
    for (uint32_t i = 0; i < saga.plan->steps_count; i++) {
        for (uint32_t k = 0; k < saga.steps[i].units_count; k++) {
            repair_unit(humans, row, &saga, i, k);
        }
        if (saga.plan->steps[i].wait.kind == SK_WAIT_SIGNAL &&
            saga.steps[i].state == SK_STEP_WAITING) {
            (void)sim_signal(humans->world, row->head.id);
        }
    }
    sk_saga_release(&saga);
}

/* They go on after the end; where a clock was set back, for as long as it takes to come up
 * again. */
static bool has_open_hooks(struct sim_world *world, const struct sim_row *row)
{
    if (row->head.open == 0) return false;
    struct sk_saga saga;
    sim_fold(world, row, &saga);
    bool has_some = sk_hooks_open(&saga) > 0;
    sk_saga_release(&saga);
    return has_some;
}

static bool are_clients_done(const struct sim_load *load)
{
    for (uint32_t i = 0; i < load->starts_count; i++) {
        if (!load->starts[i].is_acknowledged && !load->starts[i].is_given_up) return false;
    }
    return true;
}

static bool are_messages_delivered(const struct sim_store *store)
{
    for (uint32_t i = 0; i < store->meta.shards_count; i++) {
        if (store->shards[i].messages_count > 0) return false;
    }
    return true;
}

static void on_round(void *context)
{
    struct humans *humans = context;
    struct sim_world *world = humans->world;
    uint32_t waiting = 0;
    for (struct sim_row *row = world->store->first; row != NULL; row = row->next) {
        if (row->is_removed || row->head.is_lock) continue;
        bool is_over =
            sk_saga_state_is_end((enum sk_saga_state)row->head.state) && row->head.open == 0;
        if (row->head.state == SK_SAGA_FAILED) {
            if (retry_failed(humans, row) || has_open_hooks(world, row)) waiting += 1;
        } else if (!is_over) {
            waiting += 1;
            repair(humans, row);
        }
    }
    /* What may be removed goes before the end. */
    int64_t keep_us =
        world->profile.retention_ms > 0
            ? world->profile.chaos_us + world->profile.retention_ms * SIM_MS + 240 * SIM_S
            : 0;
    bool is_quiet = world->now_us > keep_us && waiting == 0 && are_clients_done(world->load) &&
                    are_messages_delivered(world->store) && world->books->owed == 0 &&
                    sim_beside_is_done(world);
    humans->quiet_rounds = is_quiet ? humans->quiet_rounds + 1 : 0;
    humans->rounds += 1;
    if (humans->quiet_rounds >= 3) {
        world->is_over = true;
        return;
    }
    sim_after(world, humans->rounds < 10 ? 15 * SIM_S : 90 * SIM_S, on_round, humans);
}

void sim_humans_begin(struct sim_world *world)
{
    struct humans *humans = SK_ARENA_NEW(&world->arena, struct humans);
    humans->world = world;
    sim_map_init(&humans->retried, &world->arena);
    /* The clocks are put right too: one that is off by more than an attempt's limit would let its
     * participant's guard refuse for ever. */
    for (uint32_t i = 0; i < SIM_PARTICIPANTS; i++)
        world->books->participants[i].clock_offset_ms = 0;
    sim_after(world, 15 * SIM_S, on_round, humans);
}

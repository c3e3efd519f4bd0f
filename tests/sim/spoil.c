/* spoil.c: what is spoilt beside the histories, and the run over all rows. */
#include "spoil.h"

#include "check_memory.h"
#include "node.h"
#include "participants.h"
#include "past.h"
#include "supervise.h"
#include "verdict.h"
#include "workload.h"

#include <stdio.h>
#include <unistd.h>

enum { WORLDS_MAX = 600, SECONDS_MAX = 120, SILENT_MAX = 5 };

static struct sim_row *row_of_state(struct sim_world *world, enum sk_saga_state state)
{
    struct sim_row *row = world->store->first;
    while (row != NULL &&
           (row->head.is_lock || row->is_removed || row->head.state != (uint8_t)state))
        row = row->next;
    return row;
}

/* ---- law 2, 3, 4, 9, 10 ---------------------------------------------------------------------- */

static bool shown_too_early(struct sim_world *world)
{
    struct sim_row *row = row_of_state(world, SK_SAGA_COMPLETED);
    struct sk_saga saga;
    if (row == NULL) return false;
    sim_fold(world, row, &saga);
    row->events_count -= 1;
    sim_check_seen(world, &saga);
    return true;
}

static bool start_lost(struct sim_world *world)
{
    struct sim_row *row = row_of_state(world, SK_SAGA_COMPLETED);
    if (row == NULL) return false;
    row->events_count = 0;
    sim_check_started(world, row->head.id);
    return true;
}

static bool other_request(struct sim_world *world)
{
    struct sk_invocation invocation = { .saga_id = SK_STR("spoilt"),
                                        .step_id = SK_STR("s0"),
                                        .item = -1,
                                        .key = SK_STR("spoilt/s0/action"),
                                        .body = SK_STR("{\"n\":1}") };
    sim_check_request(world, &invocation);
    invocation.body = SK_STR("{\"n\":2}");
    sim_check_request(world, &invocation);
    return true;
}

static bool other_state(struct sim_world *world)
{
    struct sim_row *row = row_of_state(world, SK_SAGA_COMPLETED);
    struct sk_saga saga;
    if (row == NULL) return false;
    sim_fold(world, row, &saga);
    saga.retries_count += 1;
    row->judged_seq = 0;
    world->checks->replay_clock = 0;
    sim_check_live(world, &saga);
    return true;
}

/* Core and model see the saga differently. */
static bool other_opinion(struct sim_world *world)
{
    struct sim_row *row = row_of_state(world, SK_SAGA_COMPLETED);
    struct sk_saga saga;
    if (row == NULL) return false;
    sim_fold(world, row, &saga);
    saga.state = SK_SAGA_COMPENSATED;
    sim_check_model_saga(world, &saga);
    return true;
}

static bool wrong_epoch(struct sim_world *world)
{
    const struct sim_shard *shard = &world->store->shards[0];
    struct sk_part part = { .epoch = shard->row.epoch + 1, .first_position = shard->row.position };
    sim_check_owner(world, shard, world->nodes[0], world->nodes[0]->life, &part);
    return true;
}

/* ---- laws 1, 5, 11 --------------------------------------------------------------------------- */

static bool undecided(struct sim_world *world)
{
    enum { DECISIONS = 200 };
    static const struct sk_rules rules = { .takeups_max = 3 };
    struct sim_row *row = row_of_state(world, SK_SAGA_COMPLETED);
    struct sk_command sweep = { .kind = SK_COMMAND_SWEEP, .step = SK_STEP_NONE, .item = -1 };
    if (row == NULL) return false;
    world->checks->spoils_twins = true;
    for (uint32_t i = 0; i < DECISIONS; i++) {
        struct sk_saga saga;
        struct sk_decision decision;
        skald_error error = { 0 };
        sim_fold(world, row, &saga);
        sk_decision_init(&decision);
        (void)!sk_saga_decide(&saga, &sweep, saga.at_ms, &rules, &decision, &error);
        sk_decision_release(&decision);
        sk_saga_release(&saga);
    }
    return true;
}

/* The participant knows nothing of an undo that the saga counts as done. */
static bool book_without_undo(struct sim_world *world)
{
    for (struct sim_row *row = world->store->first; row != NULL; row = row->next) {
        struct sim_saga_book *book =
            row->is_removed ? NULL : sim_books_saga(world->books, row->head.id);
        struct sim_unit_book *unit = book == NULL ? NULL : book->units;
        while (unit != NULL && unit->undone_count == 0) unit = unit->next;
        if (unit == NULL || row->head.state != SK_SAGA_COMPENSATED) continue;
        struct sk_saga saga;
        sim_fold(world, row, &saga);
        unit->undone_count = 0;
        unit->undone_order = 0;
        unit->is_excused = false;
        sim_check_undo(world, row, &saga);
        sk_saga_release(&saga);
    }
    return false; /* of all undone ones none was promised: a task, or nothing was standing */
}

static bool never_ended(struct sim_world *world)
{
    struct sim_row *row = row_of_state(world, SK_SAGA_COMPLETED);
    struct sk_saga saga;
    if (row == NULL) return false;
    sim_fold(world, row, &saga);
    saga.state = SK_SAGA_RUNNING;
    sim_check_liveness(world, row, &saga);
    return true;
}

static bool ended_late(struct sim_world *world)
{
    struct sim_row *row = row_of_state(world, SK_SAGA_COMPLETED);
    struct sk_saga saga;
    if (row == NULL) return false;
    sim_fold(world, row, &saga);
    row->ended_at_us += 24 * 3600 * SIM_S;
    sim_check_liveness(world, row, &saga);
    return true;
}

static bool waits_for_nothing(struct sim_world *world)
{
    struct sim_row *row = row_of_state(world, SK_SAGA_COMPLETED);
    struct sk_saga saga;
    if (row == NULL) return false;
    sim_fold(world, row, &saga);
    world->checks->judged[SIM_CHECK_WRITE_AHEAD] = 0;       /* a sample */
    for (uint32_t s = 0; s < saga.plan->steps_count; s++) { /* under way, and nothing is out */
        saga.steps[s].is_settled = false;
        saga.steps[s].state = SK_STEP_RUNNING;
        for (uint32_t i = 0; i < saga.steps[s].units_count; i++)
            saga.steps[s].units[i].state = SK_STEP_RUNNING;
    }
    saga.state = SK_SAGA_RUNNING;
    sim_check_explained(world, &saga);
    return true;
}

/* ---- locks, letters, rows, retention, memory, bounds ----------------------------------------- */

static bool two_holders(struct sim_world *world)
{
    struct sim_row *first = row_of_state(world, SK_SAGA_COMPLETED);
    struct sim_row *second = first == NULL ? NULL : first->next;
    struct sk_event granted = { .type = SK_EVENT_LOCK_GRANTED, .text = SK_STR("spoilt") };
    if (second == NULL) return false;
    sim_check_lock_event(world, first, &granted);
    sim_check_lock_event(world, second, &granted);
    return true;
}

static bool jumps_queue(struct sim_world *world)
{
    struct sim_row row = { .head = { .id = SK_STR("@lock/spoilt"), .is_lock = true } };
    struct sk_event event = { .type = SK_EVENT_LOCK_REQUESTED, .text = SK_STR("first") };
    sim_check_lock_queue(world, &row, &event);
    event.text = SK_STR("second");
    sim_check_lock_queue(world, &row, &event);
    event.type = SK_EVENT_LOCK_GRANTED;
    sim_check_lock_queue(world, &row, &event);
    return true;
}

/* Of a saga whose letters nobody has touched. */
static bool letter_lost(struct sim_world *world)
{
    const struct sim_beside *beside = &world->load->beside;
    for (uint32_t s = 0; s < world->store->meta.shards_count; s++) {
        struct sim_shard *shard = &world->store->shards[s];
        for (uint32_t i = 0; i < shard->letters_count; i++) {
            struct sim_row *row = sim_shard_row(shard, shard->letters[i].no);
            if (sim_map_get(&beside->seen_to, row->head.id) != NULL || sim_is_imported(world, row))
                continue;
            shard->letters_count = 0;
            sim_check_letters(world, row);
            return true;
        }
    }
    return false;
}

static bool letter_for_nothing(struct sim_world *world)
{
    struct sim_row *row = row_of_state(world, SK_SAGA_COMPLETED);
    if (row == NULL) return false;
    struct sim_shard *shard = &world->store->shards[row->head.shard];
    *SIM_PUSH(world, shard->letters, shard->letters_count, shard->letters_capacity) =
        (struct sk_dead_letter_row){ .id = SK_STR("spoilt"), .no = row->head.no, .seq = 1 };
    sim_check_letters_end(world);
    return true;
}

static bool miscounted(struct sim_world *world)
{
    for (uint32_t s = 0; s < world->store->meta.shards_count; s++) {
        struct sim_shard *shard = &world->store->shards[s];
        if (shard->tallies_count == 0) continue;
        shard->tallies[0].n += 1;
        sim_check_rows(world);
        return true;
    }
    return false;
}

static bool removed_too_early(struct sim_world *world)
{
    struct sim_row *row = row_of_state(world, SK_SAGA_COMPLETED);
    if (row == NULL) return false;
    world->profile.retention_ms = INT64_C(1) << 40;
    sim_check_removed(world, row);
    return true;
}

static bool leaks(struct sim_world *world)
{
    uint64_t before = sim_memory_blocks();
    void *block = sk_alloc(1);
    world->is_over = block != NULL;
    sim_check_memory(world, before);
    return true;
}

static bool second_batch(struct sim_world *world)
{
    struct sim_handle *handle = &world->nodes[0]->handle;
    struct sk_batch batch = { 0 };
    handle->queue = (struct sim_submission *)(void *)&batch; /* anything: it is not looked into */
    sim_check_submitted(world, handle, &batch);
    return true;
}

/* ---- all ------------------------------------------------------------------------------------- */

const struct sim_spoil sim_spoils[] = {
    { "shown-too-early", SIM_CHECK_WRITE_AHEAD, shown_too_early },
    { "start-lost", SIM_CHECK_STARTS, start_lost },
    { "book-without-undo", SIM_CHECK_UNDO, book_without_undo },
    { "undo-order", SIM_CHECK_ORDER, sim_spoil_order },
    { "other-request", SIM_CHECK_REQUESTS, other_request },
    { "other-state", SIM_CHECK_REPLAY, other_state },
    { "other-opinion", SIM_CHECK_MODEL, other_opinion },
    { "wrong-epoch", SIM_CHECK_OWNER, wrong_epoch },
    { "never-ended", SIM_CHECK_LIVENESS, never_ended },
    { "ended-late", SIM_CHECK_LIVENESS, ended_late },
    { "undone-past-pivot", SIM_CHECK_PIVOT, sim_spoil_pivot },
    { "two-holders", SIM_CHECK_LOCKS, two_holders },
    { "time-goes-back", SIM_CHECK_POLICY, sim_spoil_policy },
    { "hook-for-nothing", SIM_CHECK_HOOKS, sim_spoil_hooks },
    { "task-not-offered", SIM_CHECK_TASKS, sim_spoil_tasks },
    { "miscounted", SIM_CHECK_ROWS, miscounted },
    { "removed-too-early", SIM_CHECK_RETENTION, removed_too_early },
    { "waits-for-nothing", SIM_CHECK_EXPLAIN, waits_for_nothing },
    { "undone-and-not-done", SIM_CHECK_ONCE, sim_spoil_once },
    { "undone-twice", SIM_CHECK_ONCE, sim_spoil_twice },
    { "undo-forgotten", SIM_CHECK_ONCE, sim_spoil_forgotten },
    { "undo-stopped", SIM_CHECK_GOES_ON, sim_spoil_goes_on },
    { "undo-too-early", SIM_CHECK_LAW6, sim_spoil_law6 },
    { "late-means-other", SIM_CHECK_LATE, sim_spoil_late },
    { "pause-cut-short", SIM_CHECK_TIMERS, sim_spoil_timer },
    { "attempt-too-many", SIM_CHECK_ATTEMPTS, sim_spoil_attempts },
    { "decides-otherwise", SIM_CHECK_PURE, undecided },
    { "leaks", SIM_CHECK_MEMORY, leaks },
    { "letter-lost", SIM_CHECK_LETTERS, letter_lost },
    { "letter-for-nothing", SIM_CHECK_LETTERS, letter_for_nothing },
    { "jumps-queue", SIM_CHECK_FAIR, jumps_queue },
    { "second-batch", SIM_CHECK_BOUNDS, second_batch },
    { "told-twice", SIM_CHECK_BATCHES, sim_spoil_batch },
    { "two-of-an-instant", SIM_CHECK_SCHEDULES, sim_spoil_schedule },
    { NULL, SIM_CHECKERS_COUNT, NULL },
};

struct spoilt_run {
    struct sim_run_options options;
};

/* A judge may have a reason to say nothing, but not again and again. */
static sim_spoil_fn *spoil_now;
static uint32_t silent_worlds;

static bool spoil_world(struct sim_world *world)
{
    if (!spoil_now(world)) return false;
    silent_worlds += 1;
    if (silent_worlds < SILENT_MAX) return true;
    sim_verdict_note(NULL, "nobody", (struct sk_str){ 0 }, "no judge complained");
    _exit(1);
}

/* World after world, until one has been spoilt and judged. */
static void run_worlds(void *context)
{
    const struct spoilt_run *run = context;
    struct sim_totals totals = { 0 };
    for (uint64_t seed = 1; seed <= WORLDS_MAX; seed++) {
        sim_verdict->seed = seed;
        sim_run(seed, &run->options, &totals);
    }
}

/* 0: the judge complained. */
static int run_one(const struct sim_spoil *spoil, struct sim_verdict *verdict)
{
    struct spoilt_run run = { .options = { .runs_once = true, .spoil = spoil_world } };
    const char *judge = sim_checker_name(spoil->checker);
    spoil_now = spoil->fn;
    bool is_broken = sim_run_apart(verdict, true, SECONDS_MAX, run_worlds, &run);
    if (is_broken && strcmp(verdict->checker, judge) == 0) {
        printf("%-22s world %-4llu %s: %.90s\n", spoil->name, (unsigned long long)verdict->seed,
               judge, verdict->sentence);
        return 0;
    }
    printf("FAIL %s: the judge \"%s\" said nothing; %s%s%s\n", spoil->name, judge,
           is_broken ? verdict->checker : "no world could be spoilt so", is_broken ? ": " : "",
           is_broken ? verdict->sentence : "");
    return 1;
}

static int check_all_have_one(void)
{
    int status = 0;
    for (uint32_t c = 0; c < SIM_CHECKERS_COUNT; c++) {
        const struct sim_spoil *spoil = sim_spoils;
        while (spoil->name != NULL && (uint32_t)spoil->checker != c) spoil++;
        if (spoil->name != NULL) continue;
        printf("FAIL nothing is spoilt for the judge \"%s\": spoil.c\n",
               sim_checker_name((enum sim_checker)c));
        status = 1;
    }
    return status;
}

int sim_run_spoils(const struct sim_arguments *a)
{
    struct sim_verdict *verdict = sim_verdict_new();
    bool is_list = strcmp(a->broken, "list") == 0, is_all = strcmp(a->broken, "all") == 0;
    int status = verdict == NULL ? 1 : 0;
    uint32_t count = 0;
    for (const struct sim_spoil *spoil = sim_spoils; status < 2 && spoil->name != NULL; spoil++) {
        if (is_list) printf("%s\n", spoil->name);
        if (is_list || (!is_all && strcmp(a->broken, spoil->name) != 0)) continue;
        count += 1;
        if (verdict != NULL && run_one(spoil, verdict) != 0) status = 1;
    }
    if (is_all && check_all_have_one() != 0) status = 1;
    if (!is_list && count == 0) printf("no such row: %s; --break list names them\n", a->broken);
    if (!is_list)
        printf("%s: %u spoilt worlds, each shown to its judge\n", status == 0 ? "clean" : "FAILED",
               count);
    sim_verdict_free(verdict);
    return !is_list && count == 0 ? 2 : status;
}

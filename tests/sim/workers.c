/*
 * workers.c: workers that fetch tasks, by polls, from whichever node answers. What they do is done
 * at the participants (the queue's name says at which), in the books; then they tell it, soon,
 * late, twice, or never: workers crash before and after the act, let leases run out, hold on by
 * heartbeats, and are fenced by nobody but their leases.
 *
 *   W1  What a poll gives is judged like a request that leaves: durable, same key, same bytes.
 *   W2  In the calm they do what they are given, in time.
 */
#include "check.h"
#include "node.h"
#include "participants.h"
#include "reached.h"
#include "workload.h"

#include <stdio.h>

enum { WORKERS = 4, TELL_TRIES = 200, SET_BACK_TRIES = 40 };

struct worker {
    struct sim_world *world;
    uint32_t index;
    struct sim_node *node; /* of the poll that is out; NULL = none */
    uint64_t life;
};

/* One task in a worker's hands. */
struct job {
    struct sim_request request;
    struct sk_outcome outcome;
    struct sim_node *node;
    bool is_told, is_again;
    uint32_t tries, calm_tries;
};

static struct sim_node *node_of(struct sim_world *world, struct sk_str saga_id)
{
    return sim_node_for(world, (uint32_t)(sk_hash_id(saga_id) % world->profile.shards_count));
}

/* ---- telling --------------------------------------------------------------------------------- */

static void tell(void *context);

static void on_told(void *context, const struct sk_reply *reply)
{
    struct job *job = context;
    struct sim_world *world = job->request.node->world;
    enum skald_class remedy = skald_status_class(reply->status);
    if (remedy == SKALD_CLASS_RETRY || remedy == SKALD_CLASS_FATAL) return; /* again by the clock */
    if (reply->saga != NULL) sim_check_seen(world, reply->saga);
    sim_note(world, "task-told", (uint64_t)(int64_t)reply->status, job->tries, job->request.key);
    if (reply->status == SKALD_E_ARGUMENT)
        sim_fail(world, "key and request", job->request.saga_id, "its token was refused: %s",
                 reply->error != NULL ? reply->error->message : "");
    /* In a time that was taken back he got the task of an attempt that another one has now. */
    if (sim_store_lost(world->store, job->request.sent_us))
        sim_books_excuse(world->books, &job->request);
    if (!job->is_told) world->books->owed -= 1;
    job->is_told = true;
    if (job->is_again || !sim_chance(&world->faults, 200)) return;
    job->is_again = true; /* says it twice */
    job->is_told = false;
    world->books->owed += 1;
    sim_after(world, 100 * SIM_MS, tell, job);
}

static void tell(void *context)
{
    struct job *job = context;
    struct sim_world *world = job->request.node->world;
    if (job->is_told || job->tries++ > TELL_TRIES) return;
    /* The attempt may not come again; before the calm it is the store, or the node, that is
     * away. */
    bool was_set_back = world->store->restores > 0 && world->is_calm;
    if (was_set_back && ++job->calm_tries > SET_BACK_TRIES) {
        sim_books_excuse(world->books, &job->request);
        world->books->owed -= 1;
        job->is_told = true;
        return;
    }
    struct sim_node *node = node_of(world, job->request.saga_id);
    sim_after(world, 3 * SIM_S, tell, job);
    if (node == NULL) return;
    sk_engine_complete(node->engine, job->request.saga_id, job->request.step_id, job->request.token,
                       &job->outcome, on_told, job);
}

/* ---- doing ----------------------------------------------------------------------------------- */

static void act(void *context)
{
    struct job *job = context;
    struct sim_world *world = job->request.node->world;
    struct sim_answer answer;
    if (!world->is_calm && sim_chance(&world->faults, 60)) return; /* dies before it acts */
    sim_participant_visit(world->books, &job->request, &answer);
    if (!world->is_calm && sim_chance(&world->faults, 60)) return; /* dies before it tells */
    job->outcome = answer.outcome;
    job->outcome.status = 0;
    /* Who does not know says nothing; what is accepted is told by whoever does it later. */
    bool knows =
        job->outcome.class_ != SK_OUTCOME_UNKNOWN && job->outcome.class_ != SK_OUTCOME_PENDING;
    if (!knows) return;
    world->books->owed += 1;
    int64_t most_us =
        !world->is_calm && sim_chance(&world->faults, 100) ? 15 * SIM_S : 200 * SIM_MS;
    sim_after(world, sim_between(&world->faults, SIM_MS, most_us), tell, job);
}

static void on_beat(void *context, const struct sk_reply *reply)
{
    struct job *job = context;
    struct sim_node *node = job->node;
    struct sk_lease_view lease;
    if (reply->saga == NULL || reply->status != SKALD_OK) return;
    sim_check_seen(node->world, reply->saga);
    if (!sk_engine_lease(node->engine, reply->saga, job->request.token, &lease)) return;
    job->request.deadline_ms = lease.deadline_ms;
    job->request.sent_us = node->world->now_us; /* a restore may take the longer lease back */
}

static void beat(void *context)
{
    struct job *job = context;
    struct sim_world *world = job->request.node->world;
    job->node = node_of(world, job->request.saga_id);
    if (job->node == NULL || job->is_told) return;
    sk_engine_heartbeat(job->node->engine, job->request.saga_id, job->request.token,
                        sim_between(&world->faults, 1000, 8000), on_beat, job);
}

/* ---- fetching -------------------------------------------------------------------------------- */

/* W1. */
static void judge(struct sim_node *node, const struct sk_task_given *given)
{
    struct sim_world *world = node->world;
    const struct sim_row *row = sim_store_row(world->store, given->saga_id);
    if (row == NULL)
        sim_fail(world, "write ahead", given->saga_id, "a task of it was given out; it is unknown");
    struct sk_invocation invocation = {
        .operation = given->operation,
        .plan = sim_store_plan(world->store, &row->head.definition),
        .saga_id = given->saga_id,
        .step_id = given->step_id,
        .item = given->item,
        .attempt = given->attempt,
        .round = given->round,
        .key = given->key,
        .deadline_ms = given->deadline_ms,
        .target = given->queue,
        .body = given->input,
    };
    sim_check_invocation(world, &invocation);
    sim_check_request(world, &invocation);
}

static void begin(struct worker *worker, struct sim_node *node, const struct sk_task_given *given)
{
    struct sim_world *world = worker->world;
    struct sk_arena *arena = &world->arena;
    struct job *job = SK_ARENA_NEW(arena, struct job);
    judge(node, given);
    uint32_t shard = (uint32_t)(sk_hash_id(given->saga_id) % world->profile.shards_count);
    if (sim_node_is_elsewhere(node, shard)) sim_reached(world, SIM_REACHED_TASK_OF_SIBLING);
    sim_note(world, "task-taken", given->attempt, worker->index, given->key);
    job->request = (struct sim_request){
        .node = node,
        .operation = given->operation,
        .saga_id = sk_arena_copy(arena, given->saga_id),
        .step_id = sk_arena_copy(arena, given->step_id),
        .key = sk_arena_copy(arena, given->key),
        .token = sk_arena_copy(arena, given->token),
        .service = sk_arena_copy(arena, given->queue),
        .item = given->item,
        .attempt = given->attempt,
        .round = given->round,
        .deadline_ms = given->deadline_ms,
        .sent_us = world->now_us,
    };
    int64_t left_us = (given->deadline_ms - sim_now_ms(world)) * SIM_MS;
    if (left_us > 20 * SIM_S) left_us = 20 * SIM_S; /* by a node whose clock is ahead */
    bool is_slow = !world->is_calm && sim_chance(&world->faults, 80);
    int64_t most_us = is_slow ? 12 * SIM_S : left_us / 2;
    if (most_us < SIM_MS) most_us = SIM_MS;
    int64_t delay_us = sim_between(&world->faults, SIM_MS / 2, most_us);
    if (sim_chance(&world->faults, 300)) sim_after(world, delay_us / 2, beat, job);
    sim_after(world, delay_us, act, job);
}

static void on_polled(void *context, enum skald_status status, const skald_error *error,
                      const struct sk_task_given *tasks, uint32_t count)
{
    (void)status;
    (void)error;
    struct worker *worker = context;
    struct sim_node *node = worker->node;
    struct sim_world *world = worker->world;
    worker->node = NULL;
    sim_note(world, "polled", worker->index, count, (struct sk_str){ 0 });
    /* The answer itself may be lost on its way. */
    if (!world->is_calm && sim_chance(&world->faults, world->profile.reply_lost)) return;
    for (uint32_t i = 0; i < count; i++) begin(worker, node, &tasks[i]);
}

static bool is_gone(void *context)
{
    struct worker *worker = context;
    return !worker->world->is_calm && sim_chance(&worker->world->faults, 30);
}

static void fetch(struct worker *worker)
{
    struct sim_world *world = worker->world;
    uint32_t n = sim_below(&world->faults, world->profile.nodes_count);
    struct sim_node *node = world->nodes[n];
    if (!sim_node_answers(node)) return;
    char queue[8], name[8];
    (void)snprintf(queue, sizeof queue, "q%u", sim_below(&world->faults, SIM_PARTICIPANTS));
    (void)snprintf(name, sizeof name, "w%u", worker->index);
    struct sk_poll_request request = {
        .queue = sk_str_of(queue),
        .worker = sk_str_of(name),
        .max = 1 + sim_below(&world->faults, 5),
        .wait_ms = sim_chance(&world->faults, 500) ? 0 : sim_between(&world->faults, 1, 1000),
        .lease_ms = sim_between(&world->faults, 1000, 8000),
        .is_gone = is_gone,
    };
    worker->node = node;
    worker->life = node->life;
    sim_note(world, "poll", worker->index, request.max, request.queue);
    uint64_t poll = sk_engine_poll(node->engine, &request, on_polled, worker);
    bool gives_up = !world->is_calm && sim_chance(&world->faults, 30);
    if (gives_up) sk_engine_poll_cancel(node->engine, poll);
}

static void tick(void *context)
{
    struct worker *worker = context;
    struct sim_world *world = worker->world;
    sim_after(world, sim_between(&world->faults, 50 * SIM_MS, 600 * SIM_MS), tick, worker);
    bool is_waiting = worker->node != NULL && worker->node->life == worker->life;
    if (!is_waiting) fetch(worker);
}

void sim_workers_init(struct sim_world *world)
{
    if (!world->load->generated.has_tasks) return;
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct worker *worker = SK_ARENA_NEW(&world->arena, struct worker);
        *worker = (struct worker){ .world = world, .index = i };
        sim_after(world, SIM_S, tick, worker);
    }
}

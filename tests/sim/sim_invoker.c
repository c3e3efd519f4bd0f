/*
 * sim_invoker.c: the invoke port over a bad network. A request may be lost, come late (even after
 * its deadline or its compensation) or twice, whatever becomes of the node that sent it; the answer
 * may be lost. An invocation ends once: with the answer, or with its time-out as `unknown`.
 *
 * Completions of pending answers travel here too: through any node that serves the saga, until one
 * has taken them.
 */
#include "check.h"
#include "node.h"
#include "participants.h"
#include "reached.h"

struct sim_call {
    struct sim_request request;
    struct sim_event timeout; /* embedded: removed when the answer is there */
    uint64_t life, ticket;
    sk_invoke_done *done;
    void *context;
    bool is_over;
    struct sim_answer answer;
    struct sim_call *prev, *next;
};

static void end(struct sim_call *call)
{
    struct sim_node *node = call->request.node;
    call->is_over = true;
    sk_heap_remove(&node->world->queue, &call->timeout.place);
    if (call->prev != NULL)
        call->prev->next = call->next;
    else
        node->invoker.calls = call->next;
    if (call->next != NULL) call->next->prev = call->prev;
}

static void on_timeout(void *context)
{
    struct sim_call *call = context;
    if (call->is_over) return;
    end(call);
    struct sk_outcome outcome = { .class_ = SK_OUTCOME_UNKNOWN,
                                  .code = SK_STR("timeout"),
                                  .message = SK_STR("no answer") };
    sim_note(call->request.node->world, "no-answer", call->ticket, 0, call->request.key);
    call->done(call->context, call->ticket, &outcome);
}

static void on_answer(void *context)
{
    struct sim_call *call = context;
    if (call->is_over) return;
    end(call);
    call->done(call->context, call->ticket, &call->answer.outcome);
}

/* At the participant; what happens here is the world's, not the node's. */
static void on_arrival(void *context)
{
    struct sim_call *call = context;
    struct sim_node *node = call->request.node;
    struct sim_world *world = node->world;
    struct sim_answer answer;
    sim_participant_visit(world->books, &call->request, &answer);
    /* What the network repeats is answered to nobody. */
    bool is_first = call->request.deliveries == 1;
    bool is_heard = is_first && !call->is_over && call->life == node->life;
    if (!is_heard) return;
    if (!world->is_calm && sim_chance(&world->faults, world->profile.reply_lost)) {
        sim_reached(world, SIM_REACHED_FAULT_REPLY_LOST);
        return;
    }
    call->answer = answer;
    int64_t usual_us = sim_participant_of(world->books, call->request.service)->usual_us;
    int64_t delay_us = sim_latency(&world->faults, usual_us) + sim_temper_delay(world);
    sim_after_at(node, delay_us, on_answer, call);
}

/* Before the first byte has left. */
static void refuse_connection(struct sim_call *call)
{
    struct sim_world *world = call->request.node->world;
    sim_answer_nothing(&call->answer, SK_HTTP_REFUSED, false);
    sim_answer_conclude(world, &call->request, &call->answer);
    sim_after_at(call->request.node, sim_latency(&world->faults, SIM_MS), on_answer, call);
}

/* Half of what is late still comes before a usual deadline. */
static int64_t lateness(struct sim_world *world)
{
    int64_t most_us = sim_chance(&world->faults, 500) ? 3 * SIM_S : 30 * SIM_S;
    return sim_between(&world->faults, 200 * SIM_MS, most_us);
}

static void send(struct sim_call *call)
{
    struct sim_world *world = call->request.node->world;
    const struct sim_profile *p = &world->profile;
    int64_t delay_us = sim_latency(&world->faults, 2 * SIM_MS);
    bool is_work = call->request.operation != SK_OPERATION_HOOK &&
                   call->request.operation != SK_OPERATION_DECISION;
    if (is_work && sim_temper_line(world->books, &call->request, &call->answer)) {
        sim_after_at(call->request.node, delay_us, on_answer, call);
        return;
    }
    if (!world->is_calm) {
        if (sim_chance(&world->faults, p->retryable / 4)) {
            sim_reached(world, SIM_REACHED_FAULT_CONNECTION_REFUSED);
            refuse_connection(call);
            return;
        }
        if (sim_chance(&world->faults, p->request_twice)) {
            sim_reached(world, SIM_REACHED_FAULT_REQUEST_TWICE);
            sim_after(world, delay_us + sim_between(&world->faults, SIM_MS, 20 * SIM_S), on_arrival,
                      call);
        }
        if (sim_chance(&world->faults, p->request_lost)) {
            sim_reached(world, SIM_REACHED_FAULT_REQUEST_LOST);
            return;
        }
        if (sim_chance(&world->faults, p->request_late)) {
            sim_reached(world, SIM_REACHED_FAULT_REQUEST_LATE);
            delay_us += lateness(world);
        }
    }
    sim_after(world, delay_us, on_arrival, call);
}

/* A notification goes to the channel of its type, a question to the function it names. */
static struct sk_str service_of(const struct sk_invocation *invocation)
{
    if (invocation->operation == SK_OPERATION_DECISION) return invocation->target;
    return invocation->action == NULL ? invocation->method : invocation->action->service;
}

static void copy_statuses(struct sim_call *call, const struct sk_action *action)
{
    const uint16_t *lists[] = { action->success, action->fail, action->retry };
    const uint32_t counts[] = { action->success_count, action->fail_count, action->retry_count };
    struct sk_arena *arena = &call->request.node->world->arena;
    for (uint32_t i = 0; i < 3; i++) {
        uint16_t *copy = SK_ARENA_ARRAY(arena, uint16_t, counts[i]);
        if (counts[i] > 0) memcpy(copy, lists[i], counts[i] * sizeof *copy);
        call->request.statuses[i] = (struct sim_statuses){ copy, counts[i] };
    }
}

static enum skald_status start(struct sk_invoker *port, const struct sk_invocation *invocation,
                               sk_invoke_done *done, void *context)
{
    struct sim_invoker *invoker = sk_container_of(port, struct sim_invoker, port);
    struct sim_world *world = invoker->node->world;
    sim_note(world, "send", (uint64_t)invocation->operation, invocation->attempt, invocation->key);
    /* Who is asked for a decision looks and answers; what follows from it is fenced. */
    if (invocation->operation != SK_OPERATION_DECISION)
        sim_check_sender(world, invoker->node, invocation);
    sim_check_invocation(world, invocation);
    sim_check_request(world, invocation);
    struct sk_arena *arena = &world->arena;
    struct sim_call *call = SK_ARENA_NEW(arena, struct sim_call);
    call->request = (struct sim_request){
        .node = invoker->node,
        .operation = invocation->operation,
        .saga_id = sk_arena_copy(arena, invocation->saga_id),
        .step_id = sk_arena_copy(arena, invocation->step_id),
        .key = sk_arena_copy(arena, invocation->key),
        .token = sk_arena_copy(arena, invocation->token),
        .service = sk_arena_copy(arena, service_of(invocation)),
        .item = invocation->item,
        .attempt = invocation->attempt,
        .round = invocation->round,
        .deadline_ms = invocation->deadline_ms,
        .sent_us = world->now_us,
        .is_maybe = invocation->is_maybe,
    };
    if (invocation->action != NULL) copy_statuses(call, invocation->action);
    call->ticket = invocation->ticket;
    call->done = done;
    call->context = context;
    call->life = invoker->node->life;
    call->next = invoker->calls;
    if (call->next != NULL) call->next->prev = call;
    invoker->calls = call;
    call->timeout = (struct sim_event){
        .fn = on_timeout,
        .context = call,
        .node = invoker->node,
        .life = call->life,
        .is_timer = true,
    };
    int64_t timeout_ms = invocation->timeout_ms < 1 ? 1 : invocation->timeout_ms;
    sim_schedule(world, &call->timeout, world->now_us + timeout_ms * SIM_MS);
    send(call);
    return SKALD_OK;
}

static void cancel(struct sk_invoker *port, uint64_t ticket)
{
    struct sim_invoker *invoker = sk_container_of(port, struct sim_invoker, port);
    for (struct sim_call *call = invoker->calls; call != NULL; call = call->next) {
        if (call->ticket != ticket) continue;
        end(call);
        return;
    }
}

static void free_invoker(struct sk_invoker *port)
{
    (void)port;
}

static const struct sk_invoker_ops ops = { .start = start, .cancel = cancel, .free = free_invoker };

void sim_invoker_init(struct sim_invoker *invoker, struct sim_node *node)
{
    *invoker = (struct sim_invoker){ .port = { &ops }, .node = node };
}

/* ---- completions ----------------------------------------------------------------------------- */

enum { COMPLETE_TRIES = 200, SET_BACK_TRIES = 40 };

struct completion {
    struct sim_world *world;
    struct sim_request request;
    bool succeeds, is_over, is_again;
    uint32_t tries, calm_tries;
    int64_t told_us;         /* when it was acknowledged */
    struct completion *next; /* of all */
};

/* What must not be taken: a forged token; a no to a step that stood as completed before and stands
 * so after. (A yes after a no is a late answer.) */
struct impostor {
    struct sim_world *world;
    struct sk_str saga_id, step_id;
    int32_t item;
    bool is_forged, succeeds, has_stood;
};

static void try_completion(void *context);

static const struct sk_outcome yes = { .class_ = SK_OUTCOME_SUCCEEDED,
                                       .output = { "{\"ok\":true,\"later\":1}", 21 },
                                       .status = 200,
                                       .is_answered = true };
static const struct sk_outcome no = { .class_ = SK_OUTCOME_FAILED,
                                      .code = { "refused_later", 13 },
                                      .message = { "refused", 7 },
                                      .status = 422,
                                      .has_error_code = true,
                                      .is_answered = true };

static bool stands(const struct sk_saga *saga, struct sk_str step_id, int32_t item)
{
    uint32_t step = saga == NULL ? SK_STEP_NONE : sk_plan_step(saga->plan, step_id);
    if (step == SK_STEP_NONE) return false;
    return saga->steps[step].units[item < 0 ? 0 : (uint32_t)item].state == SK_STEP_COMPLETED;
}

static void on_impostor(void *context, const struct sk_reply *reply)
{
    struct impostor *impostor = context;
    sim_note(impostor->world, "impostor", (uint64_t)(int64_t)reply->status, 0, impostor->saga_id);
    if (reply->status != SKALD_OK) return;
    if (impostor->is_forged)
        sim_fail(impostor->world, "key and request", impostor->saga_id, "a forged token was taken");
    if (impostor->succeeds || !impostor->has_stood) return;
    if (stands(reply->saga, impostor->step_id, impostor->item))
        sim_fail(impostor->world, "key and request", impostor->saga_id,
                 "%.*s is completed, and a no was taken", SK_STR_ARGS(impostor->step_id));
}

static void impose(struct completion *completion, struct sim_node *node, struct sk_str token,
                   const struct impostor *what)
{
    const struct sim_request *request = &completion->request;
    struct impostor *impostor = SK_ARENA_NEW(&completion->world->arena, struct impostor);
    *impostor = *what;
    impostor->world = completion->world;
    impostor->saga_id = request->saga_id;
    impostor->step_id = request->step_id;
    impostor->item = request->item;
    sk_engine_complete(node->engine, request->saga_id, request->step_id, token,
                       impostor->succeeds ? &yes : &no, on_impostor, impostor);
}

static void forge(struct completion *completion, struct sim_node *node)
{
    struct sim_world *world = completion->world;
    if (!sim_strikes(world, SIM_FAULT_TOKEN_FORGED)) return;
    struct sk_str token = sk_arena_copy(&world->arena, completion->request.token);
    uint32_t at = sim_below(sim_dice(world, SIM_FAULT_TOKEN_FORGED), (uint32_t)token.size);
    char *text = (char *)(uintptr_t)token.data; /* our own copy */
    text[at] = text[at] == '0' ? '1' : '0';
    const struct impostor forger = { .is_forged = true, .succeeds = completion->succeeds };
    impose(completion, node, token, &forger);
}

static struct sim_node *node_of(const struct completion *completion)
{
    uint32_t shards_count = completion->world->profile.shards_count;
    uint32_t shard = (uint32_t)(sk_hash_id(completion->request.saga_id) % shards_count);
    return sim_node_for(completion->world, shard);
}

static void owe(const struct completion *completion, bool is_owed)
{
    struct sim_unit_book *unit = completion->request.unit;
    completion->world->books->owed += is_owed ? 1u : UINT32_MAX;
    if (unit != NULL) unit->owed += is_owed ? 1u : UINT32_MAX;
}

static void on_completed(void *context, const struct sk_reply *reply)
{
    struct completion *completion = context;
    struct sim_world *world = completion->world;
    enum skald_class remedy = skald_status_class(reply->status);
    if (remedy == SKALD_CLASS_RETRY || remedy == SKALD_CLASS_FATAL)
        return; /* not taken: tried again by the clock */
    if (reply->saga != NULL) sim_check_seen(world, reply->saga);
    sim_note(world, "completed", (uint64_t)(int64_t)reply->status, completion->tries,
             completion->request.key);
    if (reply->status == SKALD_E_ARGUMENT) {
        sim_fail(world, "key and request", completion->request.saga_id, "its token was refused: %s",
                 reply->error != NULL ? reply->error->message : "");
    }
    /* The saga was removed, or moved, before it could hear of it. */
    if (reply->status == SKALD_E_NOT_FOUND) sim_books_excuse(world->books, &completion->request);
    /* The no of an attempt of a time that was taken back, under whose number another one is out. */
    if (!completion->succeeds && sim_store_lost(world->store, completion->request.sent_us))
        sim_books_excuse(world->books, &completion->request);
    if (!completion->is_over) owe(completion, false);
    completion->is_over = true;
    completion->told_us = world->now_us;
    struct sim_node *node = node_of(completion);
    /* Not the other way round: nobody says that something was done which was not. */
    bool may_take_back = node != NULL && reply->status == SKALD_OK && completion->succeeds;
    if (may_take_back && sim_strikes(world, SIM_FAULT_TOKEN_AGAIN)) {
        const struct sim_request *request = &completion->request;
        const struct impostor denier = { .has_stood =
                                             stands(reply->saga, request->step_id, request->item) };
        impose(completion, node, request->token, &denier);
    }
    if (completion->is_again || !sim_chance(&world->faults, 200)) return;
    completion->is_again = true; /* a participant that says it twice */
    owe(completion, true);
    completion->is_over = false;
    sim_after(world, 100 * SIM_MS, try_completion, completion);
}

static void try_completion(void *context)
{
    struct completion *completion = context;
    struct sim_world *world = completion->world;
    if (completion->is_over || completion->tries++ > COMPLETE_TRIES) return;
    /* The attempt may not come again; before the calm it is the store, or the node, that is
     * away. */
    bool was_set_back = world->store->restores > 0 && world->is_calm;
    if (was_set_back && ++completion->calm_tries > SET_BACK_TRIES) {
        sim_books_excuse(world->books, &completion->request);
        owe(completion, false);
        completion->is_over = true;
        return;
    }
    struct sim_node *node = node_of(completion);
    sim_after(world, 3 * SIM_S, try_completion, completion);
    if (node == NULL) return;
    forge(completion, node);
    sk_engine_complete(node->engine, completion->request.saga_id, completion->request.step_id,
                       completion->request.token, completion->succeeds ? &yes : &no, on_completed,
                       completion);
}

void sim_complete_later(struct sim_world *world, const struct sim_request *request, bool succeeds)
{
    struct completion *completion = SK_ARENA_NEW(&world->arena, struct completion);
    *completion = (struct completion){
        .world = world, .request = *request, .succeeds = succeeds, .next = world->books->completions
    };
    world->books->completions = completion;
    owe(completion, true);
    int64_t delay_us = sim_between(&world->faults, 50 * SIM_MS, 15 * SIM_S);
    bool is_forgotten =
        !world->is_calm && sim_chance(&world->faults, 200); /* until the world is calm */
    /* What comes after retention finds nobody: who keeps sagas so short is not answered so late. */
    if (world->profile.retention_ms > 0) is_forgotten = false;
    if (is_forgotten) delay_us += world->profile.chaos_us - world->now_us;
    sim_after(world, delay_us, try_completion, completion);
}

/* Participants are told of the restore, and tell again what had been taken since the copy. */
void sim_completions_restored(struct sim_world *world, int64_t from_us)
{
    struct completion *completion = world->books->completions;
    for (; completion != NULL; completion = completion->next) {
        if (!completion->is_over || completion->told_us <= from_us) continue;
        completion->is_over = false;
        completion->tries = 0;
        owe(completion, true);
        int64_t delay_us = sim_between(sim_dice(world, SIM_FAULT_RESTORE), SIM_S, 30 * SIM_S);
        sim_after(world, delay_us, try_completion, completion);
    }
}

/*
 * poll.c: workers that wait for tasks, and how a task gets into their hands.
 *
 *   sk_engine_poll ──► WAITING (in its queue's line) ──► TAKING ──► answered
 *                          │ time-out: with nothing          │ none was there any more
 *                          ▼                                 └──► WAITING again, at the front
 *
 *   P1  Workers of a queue are served in the order in which they came, each with as much as there
 *       is, up to what it asked for.
 *   P2  A task is told to a worker when the event that gives it is durable (law 2). What became
 *       durable while nobody listened any more is given back: the attempt ends `retryable`.
 *   P3  Where the engine has siblings, their tasks are given out, too: poll_sibling.c.
 *   P4  Polls are bounded (SK_TASK_POLLS_MAX), and so is each answer.
 *   P5  A poll is told that there is nothing only behind a look at all sources in which none had
 *       anything: not while something of which it could be given is known, nor because what one
 *       source was believed to have has gone to another worker.
 */
#include "engine/engine_private.h"

enum { GIVEN_SIZE_MAX = 64 * 1024 * 1024 };

/* One task on its way to a worker. */
struct taking {
    struct sk_owned owned;
    struct sk_engine *engine;
    struct sk_poll *poll; /* NULL: given up */
    struct sk_list node;  /* poll->takings */
    struct sk_task_name name;
    struct sk_arena arena; /* the name's texts */
};

struct sk_poll {
    struct sk_list node; /* queue->polls, or engine->polls_ended */
    struct sk_list all;  /* engine->polls */
    struct sk_engine *engine;
    struct sk_task_queue *queue; /* while it is in its line */
    uint64_t number;
    uint32_t max;
    int64_t lease_ms;
    bool is_late, has_trouble, is_given_up;
    bool is_claim; /* for a sibling: only of what is here now */
    struct sk_list takings;
    uint32_t takings_count;
    sk_poll_done *done;
    bool (*is_gone)(void *context);
    void *context;
    struct sk_alarm alarm;
    struct sk_arena arena; /* queue name, worker, what was given */
    struct sk_str queue_name, worker;
    struct sk_task_given *given;
    uint32_t given_count;
    int64_t given_at_ms; /* when the first of them was taken */
    skald_error error;   /* status OK = none */
};

static void match(struct sk_engine *engine, struct sk_alarm *alarm);

void sk_polls_match_soon(struct sk_engine *engine)
{
    engine->match_alarm.fn = match;
    sk_alarm_set(engine, &engine->match_alarm, sk_engine_now(engine));
}

/* ---- answering ------------------------------------------------------------------------------- */

static void free_poll(struct sk_poll *poll)
{
    struct sk_engine *engine = poll->engine;
    sk_alarm_clear(engine, &poll->alarm);
    sk_list_remove(&poll->node);
    sk_list_remove(&poll->all);
    engine->polls_count -= 1;
    if (poll->queue != NULL) sk_task_queue_let_go(engine, poll->queue);
    while (!sk_list_is_empty(&poll->takings)) {
        struct taking *taking = sk_container_of(poll->takings.next, struct taking, node);
        sk_list_remove(&taking->node);
        taking->poll = NULL;
    }
    sk_arena_release(&poll->arena);
    sk_free(poll);
}

static void leave_line(struct sk_poll *poll)
{
    struct sk_task_queue *queue = poll->queue;
    sk_list_remove(&poll->node);
    poll->queue = NULL;
    if (queue != NULL) sk_task_queue_let_go(poll->engine, queue);
}

/* While the answer waited for what else was taken with it, a lease may have run out or the attempt
 * may have been settled otherwise: then nobody is to begin it any more. Of what has left memory
 * meanwhile nobody can tell, nor of what another node may have taken over (H3 of shard.c): its
 * lease runs out. */
static bool is_still_given(const struct sk_poll *poll, const struct sk_task_given *given)
{
    struct sk_engine *engine = poll->engine;
    struct sk_lease_view lease;
    int64_t now_ms = sk_engine_now(engine);
    struct sk_machine *machine = sk_machine_find(engine, given->saga_id);
    if (given->deadline_ms <= now_ms) return false;
    if (sk_errand_is_due(engine, given->saga_id)) return true; /* its sibling has looked */
    const struct sk_shard *shard = sk_shard_of(engine, given->saga_id);
    if (!sk_shard_is_held(shard) || !sk_shard_may_send(shard)) return false;
    if (machine == NULL || machine->is_lock || !machine->is_folded)
        return now_ms == poll->given_at_ms;
    return sk_engine_lease(engine, &machine->as.saga, given->token, &lease);
}

static void drop_dead_leases(struct sk_poll *poll)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < poll->given_count; i++)
        if (is_still_given(poll, &poll->given[i])) poll->given[kept++] = poll->given[i];
    poll->given_count = kept;
}

/* Every answer comes from the loop's own turn, by way of this list. */
static void answer_ended(struct sk_engine *engine, struct sk_alarm *alarm)
{
    (void)alarm;
    struct sk_shell *shell = sk_shell_ref(engine->shell);
    while (shell->engine != NULL && !sk_list_is_empty(&engine->polls_ended)) {
        struct sk_poll *poll = sk_container_of(engine->polls_ended.next, struct sk_poll, node);
        sk_list_remove(&poll->node);
        drop_dead_leases(poll);
        sk_poll_done *done = poll->done;
        bool is_bad = poll->error.status != SKALD_OK && poll->given_count == 0;
        done(poll->context, is_bad ? poll->error.status : SKALD_OK, is_bad ? &poll->error : NULL,
             poll->given, poll->given_count);
        if (shell->engine != NULL) free_poll(poll);
    }
    sk_shell_unref(shell);
}

static void end_poll(struct sk_poll *poll)
{
    struct sk_engine *engine = poll->engine;
    leave_line(poll);
    sk_alarm_clear(engine, &poll->alarm);
    sk_list_push(&engine->polls_ended, &poll->node);
    engine->ended_alarm.fn = answer_ended;
    sk_alarm_set(engine, &engine->ended_alarm, sk_engine_now(engine));
}

static void fail_poll(struct sk_poll *poll, enum skald_status status, const char *message)
{
    (void)sk_error_set(&poll->error, status, "%s", message);
    end_poll(poll);
}

/* Only what looks at all that there is (match) may say that there is nothing (P5). */
static void on_late(struct sk_engine *engine, struct sk_alarm *alarm)
{
    struct sk_poll *poll = sk_container_of(alarm, struct sk_poll, alarm);
    poll->is_late = true;
    if (poll->queue != NULL) sk_polls_match_soon(engine);
}

static void end_late(struct sk_engine *engine, struct sk_task_queue *queue)
{
    if (sk_interest_is_unheard(engine, queue)) return; /* they say it in a moment */
    for (struct sk_list *at = queue->polls.next, *next; at != &queue->polls; at = next) {
        next = at->next;
        struct sk_poll *poll = sk_container_of(at, struct sk_poll, node);
        if (poll->is_late) end_poll(poll);
    }
}

/* ---- taking ---------------------------------------------------------------------------------- */

static void free_taking(struct sk_owned *owned)
{
    struct taking *taking = sk_container_of(owned, struct taking, owned);
    sk_arena_release(&taking->arena);
    sk_free(taking);
}

static void end_taking(struct taking *taking)
{
    if (taking->poll != NULL) taking->poll->takings_count -= 1;
    sk_list_remove(&taking->node);
    sk_disown(&taking->owned);
    free_taking(&taking->owned);
}

/* P2: nobody was told. */
static void give_back(struct sk_engine *engine, struct sk_str saga_id,
                      const struct sk_effect *effect)
{
    struct sk_machine *machine = sk_machine_find(engine, saga_id);
    if (machine == NULL) return; /* its lease runs out */
    struct sk_outcome outcome = { .class_ = SK_OUTCOME_RETRYABLE,
                                  .code = SK_STR("not_delivered"),
                                  .message = SK_STR("the worker was gone before it was told"),
                                  .is_answered = true };
    struct sk_command command = { .kind = SK_COMMAND_COMPLETE,
                                  .entropy = sk_engine_entropy(engine),
                                  .step = effect->step,
                                  .item = effect->item,
                                  .operation = effect->operation,
                                  .attempt = effect->attempt,
                                  .round = effect->round,
                                  .outcome = &outcome };
    struct sk_job *job = sk_job_new(SK_JOB_COMMAND, &command, SK_STR(""), NULL);
    if (job == NULL) return;
    sk_job_push(machine, job);
    sk_jobs_run(machine);
}

void sk_poll_give_back(struct sk_engine *engine, const struct sk_task_given *given)
{
    struct sk_effect effect = { .operation = given->operation };
    if (sk_token_check(engine->options.token_key, given->token, given->saga_id, &effect))
        give_back(engine, given->saga_id, &effect);
}

static bool keep_given(struct sk_poll *poll, const struct sk_saga *saga,
                       const struct sk_effect *effect)
{
    struct sk_arena *arena = &poll->arena;
    struct sk_buf key, token;
    sk_buf_init(&key, 0);
    sk_buf_init(&token, 0);
    struct sk_request request = sk_saga_request(saga, effect, &key);
    sk_token_make(poll->engine->options.token_key, saga->start.id, effect, &token);
    struct sk_task_given *given = &poll->given[poll->given_count];
    *given = (struct sk_task_given){
        .saga_id = sk_arena_copy(arena, saga->start.id),
        .definition = sk_arena_copy(arena, saga->plan->id),
        .space = sk_arena_copy(arena, saga->start.space),
        .business_key = sk_arena_copy(arena, saga->start.business_key),
        .step_id = sk_arena_copy(arena, saga->plan->steps[effect->step].id),
        .queue = poll->queue_name,
        .key = sk_arena_copy(arena, sk_buf_view(&key)),
        .token = sk_arena_copy(arena, sk_buf_view(&token)),
        .input = sk_arena_copy(arena, request.body),
        .item = effect->item,
        .operation = effect->operation,
        .attempt = effect->attempt,
        .round = effect->round,
        .priority = saga->start.priority,
        .deadline_ms = effect->deadline_ms,
    };
    bool is_kept = !key.failed && !token.failed && !arena->failed;
    sk_buf_release(&key);
    sk_buf_release(&token);
    if (poll->given_count == 0) poll->given_at_ms = sk_engine_now(poll->engine);
    if (is_kept) poll->given_count += 1;
    return is_kept;
}

struct looking {
    const struct sk_task_name *name;
    struct sk_effect effect;
    bool is_found;
};

static void look_at(void *context, const struct sk_task_view *view)
{
    struct looking *looking = context;
    const struct sk_task_name *name = looking->name;
    if (!view->is_leased || view->step != name->step || view->item != name->item ||
        view->operation != name->operation)
        return;
    looking->is_found = true;
    looking->effect = (struct sk_effect){ .step = view->step,
                                          .item = view->item,
                                          .operation = view->operation,
                                          .attempt = view->attempt,
                                          .round = view->round,
                                          .deadline_ms = view->deadline_ms };
}

static void after_taking(struct sk_poll *poll)
{
    struct sk_engine *engine = poll->engine;
    if (poll->takings_count > 0) return;
    bool is_over = poll->given_count > 0 || poll->is_given_up || poll->has_trouble ||
                   engine->options.rules.starts_nothing;
    if (is_over) {
        end_poll(poll);
        return;
    }
    poll->queue = sk_task_queue_get(engine, poll->queue_name);
    if (poll->queue == NULL) {
        fail_poll(poll, SKALD_E_MEMORY, "out of memory");
        return;
    }
    sk_list_push_front(&poll->queue->polls, &poll->node);
    sk_polls_match_soon(engine);
}

static void on_taken(void *context, const struct sk_reply *reply)
{
    struct taking *taking = context;
    struct sk_engine *engine = taking->engine;
    struct sk_poll *poll = taking->poll;
    struct looking looking = { .name = &taking->name };
    /* What is leased there was leased by this taking: no other begins before it is told. */
    if (reply->status == SKALD_OK && reply->saga != NULL)
        sk_saga_tasks(reply->saga, look_at, &looking);
    bool is_wanted = poll != NULL && !poll->is_given_up;
    if (looking.is_found && (!is_wanted || !keep_given(poll, reply->saga, &looking.effect)))
        give_back(engine, taking->name.saga_id, &looking.effect);
    if (poll != NULL && reply->status != SKALD_OK && reply->status != SKALD_E_STATE)
        poll->has_trouble = true;
    sk_task_taken(engine, &taking->name);
    end_taking(taking);
    if (poll != NULL) after_taking(poll);
}

static void take(struct sk_poll *poll, const struct sk_task_name *name)
{
    struct sk_engine *engine = poll->engine;
    struct taking *taking = sk_alloc(sizeof *taking);
    if (taking == NULL) {
        sk_task_taken(engine, name);
        poll->has_trouble = true;
        return;
    }
    *taking = (struct taking){ .engine = engine, .poll = poll, .name = *name };
    sk_arena_init(&taking->arena);
    sk_list_init(&taking->node);
    sk_own(engine, &taking->owned, free_taking);
    taking->name.saga_id = sk_arena_copy(&taking->arena, name->saga_id);
    sk_list_push(&poll->takings, &taking->node);
    poll->takings_count += 1;
    struct sk_command command = { .kind = SK_COMMAND_TAKE,
                                  .step = name->step,
                                  .item = name->item,
                                  .operation = name->operation,
                                  .who = poll->worker,
                                  .lease_ms = poll->lease_ms };
    if (taking->arena.failed) {
        poll->has_trouble = true;
        sk_task_taken(engine, name);
        end_taking(taking);
        return;
    }
    sk_command_ask(engine, taking->name.saga_id, &command, on_taken, taking);
}

bool sk_poll_claimed(struct sk_poll *poll, const struct sk_task_given *given, uint32_t count)
{
    bool is_wanted = !poll->is_given_up;
    uint32_t before = poll->given_count;
    for (uint32_t i = 0; is_wanted && i < count; i++)
        is_wanted = sk_task_given_copy(&poll->arena, &poll->given[before + i], &given[i]);
    if (is_wanted)
        poll->given_count += count;
    else
        poll->has_trouble = true;
    if (is_wanted && before == 0) poll->given_at_ms = sk_engine_now(poll->engine);
    poll->takings_count -= 1;
    after_taking(poll);
    return is_wanted;
}

static bool serve_far(struct sk_task_queue *queue, struct sk_poll *poll, uint32_t member,
                      uint32_t max)
{
    struct sk_poll_request request = {
        .queue = poll->queue_name, .worker = poll->worker, .max = max, .lease_ms = poll->lease_ms
    };
    bool is_begun = sk_claim_begin(poll->engine, queue, member, &request, poll);
    if (is_begun) poll->takings_count += 1;
    return is_begun;
}

/* From each that has some, in turns, up to what it asked for. */
static void serve_one(struct sk_task_queue *queue, struct sk_poll *poll)
{
    struct sk_engine *engine = poll->engine;
    uint32_t left = poll->max;
    struct sk_task_name name;
    sk_list_remove(&poll->node);
    poll->queue = NULL; /* what it is given from keeps the queue */
    /* Held by one of its own, so that no answer comes before all are asked for. */
    poll->takings_count += 1;
    while (left > 0) {
        uint32_t source = sk_interest_source(engine, queue, poll->is_claim);
        if (source == SK_SOURCE_NONE) break;
        if (source == SK_SOURCE_OWN) {
            queue->next_source = engine->options.group_member + 1;
            for (; left > 0 && sk_task_pop(queue, &name); left--) take(poll, &name);
        } else {
            uint32_t credit = queue->far[source].credit, most = credit < left ? credit : left;
            bool is_asked = serve_far(queue, poll, source, most);
            if (!is_asked) poll->has_trouble = true;
            left = is_asked ? left - most : 0;
        }
    }
    poll->takings_count -= 1;
    after_taking(poll);
}

static void serve(struct sk_engine *engine, struct sk_task_queue *queue)
{
    while (!sk_list_is_empty(&queue->polls)) {
        struct sk_poll *poll = sk_container_of(queue->polls.next, struct sk_poll, node);
        bool has_any = sk_interest_source(engine, queue, poll->is_claim) != SK_SOURCE_NONE;
        if (!has_any && !poll->is_claim) return;
        if (sk_interest_is_unheard(engine, queue) && !poll->is_claim) return;
        bool is_gone = poll->is_gone != NULL && poll->is_gone(poll->context);
        if (poll->given == NULL && !is_gone && has_any)
            poll->given = SK_ARENA_ARRAY(&poll->arena, struct sk_task_given, poll->max);
        if (is_gone || !has_any) {
            end_poll(poll);
        } else if (poll->given == NULL) {
            fail_poll(poll, SKALD_E_MEMORY, "out of memory");
        } else {
            serve_one(queue, poll);
        }
    }
}

static void match(struct sk_engine *engine, struct sk_alarm *alarm)
{
    (void)alarm;
    if (engine->options.rules.starts_nothing) return;
    struct sk_task_queue *next = NULL;
    int64_t until_ms = INT64_MAX;
    for (struct sk_task_queue *queue = engine->task_queues; queue != NULL; queue = next) {
        /* Held: what a saga decides when it gives a task ends queues, this one and others. So which
         * is the next one is asked afterwards. */
        queue->claims_count += 1;
        if (!sk_list_is_empty(&queue->polls)) serve(engine, queue);
        bool is_hearing = sk_interest_is_unheard(engine, queue);
        if (!sk_list_is_empty(&queue->polls) && is_hearing && queue->hear_until_ms < until_ms)
            until_ms = queue->hear_until_ms;
        if (sk_interest_is_untold(queue)) sk_interest_offer(engine, queue);
        end_late(engine, queue);
        next = queue->hh.next;
        queue->claims_count -= 1;
        sk_task_queue_let_go(engine, queue);
    }
    if (until_ms < INT64_MAX && !sk_alarm_is_set(&engine->match_alarm))
        sk_alarm_set(engine, &engine->match_alarm, until_ms);
    sk_engine_turn(engine);
}

/* ---- asked from outside ---------------------------------------------------------------------- */

static int64_t within(int64_t value, int64_t fallback, int64_t min, int64_t max)
{
    if (value == 0) value = fallback;
    if (value < min) return min;
    return value > max ? max : value;
}

uint64_t sk_engine_poll(struct sk_engine *engine, const struct sk_poll_request *request,
                        sk_poll_done *done, void *context)
{
    struct sk_poll *poll = sk_alloc(sizeof *poll);
    if (poll == NULL) {
        skald_error error; /* the one answer from inside the call: as with all waiters */
        (void)sk_error_set(&error, SKALD_E_MEMORY, "out of memory");
        done(context, SKALD_E_MEMORY, &error, NULL, 0);
        return 0;
    }
    *poll = (struct sk_poll){ .engine = engine,
                              .number = ++engine->next_order,
                              .max = (uint32_t)within(request->max, 1, 1, SK_TASK_BATCH_MAX),
                              .lease_ms = within(request->lease_ms, SK_TASK_LEASE_MS,
                                                 SK_TASK_LEASE_MS_MIN, SK_TASK_LEASE_MS_MAX),
                              .done = done,
                              .is_gone = request->is_gone,
                              .is_claim = engine->is_on_errand,
                              .context = context };
    sk_arena_init(&poll->arena);
    sk_list_init(&poll->node);
    sk_list_init(&poll->takings);
    sk_list_push(&engine->polls, &poll->all);
    engine->polls_count += 1;
    poll->alarm.fn = on_late;
    poll->queue_name = sk_arena_copy(&poll->arena, request->queue);
    poll->worker = sk_arena_copy(&poll->arena, request->worker);
    bool is_closed = engine->phase != SK_PHASE_OPEN || engine->options.rules.starts_nothing;
    if (is_closed) {
        fail_poll(poll, SKALD_E_AGAIN, "tasks are not given out now");
    } else if (engine->polls_count > SK_TASK_POLLS_MAX) {
        fail_poll(poll, SKALD_E_LIMIT, "too many workers are waiting");
    } else if (!poll->arena.failed) {
        poll->queue = sk_task_queue_get(engine, poll->queue_name);
    }
    if (poll->error.status != SKALD_OK) return poll->number;
    if (poll->queue == NULL) {
        fail_poll(poll, SKALD_E_MEMORY, "out of memory");
        return poll->number;
    }
    sk_list_push(&poll->queue->polls, &poll->node);
    if (!poll->is_claim) sk_interest_tell(engine, poll->queue);
    int64_t wait_ms = within(request->wait_ms, 0, 0, SK_TASK_WAIT_MS_MAX);
    sk_polls_match_soon(engine); /* armed first: at the same instant it comes before on_late */
    sk_alarm_set(engine, &poll->alarm, sk_engine_now(engine) + (wait_ms > 0 ? wait_ms : 1));
    return poll->number;
}

static void ignore(void *context, const struct sk_reply *reply)
{
    (void)context, (void)reply;
}

static void give_back_anywhere(const struct sk_poll *poll, const struct sk_task_given *given)
{
    struct sk_engine *engine = poll->engine;
    struct sk_outcome outcome = { .class_ = SK_OUTCOME_RETRYABLE,
                                  .code = SK_STR("not_delivered"),
                                  .message = SK_STR("the worker was gone before it was told") };
    if (sk_errand_is_due(engine, given->saga_id))
        sk_engine_complete(engine, given->saga_id, SK_STR(""), given->token, &outcome, ignore,
                           NULL);
    else
        sk_poll_give_back(engine, given);
}

static struct sk_poll *find_poll(struct sk_engine *engine, uint64_t number)
{
    for (struct sk_list *at = engine->polls.next; at != &engine->polls; at = at->next) {
        struct sk_poll *poll = sk_container_of(at, struct sk_poll, all);
        if (poll->number == number) return poll;
    }
    return NULL;
}

void sk_engine_poll_cancel(struct sk_engine *engine, uint64_t number)
{
    struct sk_poll *poll = find_poll(engine, number);
    if (poll == NULL || poll->is_given_up) return;
    poll->is_given_up = true;
    for (uint32_t i = 0; i < poll->given_count; i++) give_back_anywhere(poll, &poll->given[i]);
    poll->given_count = 0;
    if (poll->queue != NULL) end_poll(poll);
    sk_engine_turn(engine);
}

void sk_polls_stop(struct sk_engine *engine)
{
    for (struct sk_list *at = engine->polls.next; at != &engine->polls; at = at->next) {
        struct sk_poll *poll = sk_container_of(at, struct sk_poll, all);
        if (poll->queue != NULL) end_poll(poll);
    }
}

void sk_polls_release(struct sk_engine *engine)
{
    while (!sk_list_is_empty(&engine->polls))
        free_poll(sk_container_of(engine->polls.next, struct sk_poll, all));
    sk_interests_release(engine);
}

/* ---- what a worker may still count on -------------------------------------------------------- */

struct leasing {
    const struct sk_effect *effect;
    struct sk_lease_view *out;
    bool is_found;
};

static void find_lease(void *context, const struct sk_task_view *view)
{
    struct leasing *leasing = context;
    const struct sk_effect *effect = leasing->effect;
    bool is_same = view->is_leased && view->step == effect->step && view->item == effect->item &&
                   view->operation == effect->operation && view->attempt == effect->attempt &&
                   view->round == effect->round;
    if (!is_same) return;
    leasing->is_found = true;
    leasing->out->deadline_ms = view->deadline_ms;
}

bool sk_engine_lease(const struct sk_engine *engine, const struct sk_saga *saga,
                     struct sk_str token, struct sk_lease_view *out)
{
    struct sk_effect effect = { 0 };
    *out = (struct sk_lease_view){ 0 };
    if (!sk_token_check(engine->options.token_key, token, saga->start.id, &effect)) return false;
    out->is_unwanted =
        saga->state == SK_SAGA_COMPENSATING && effect.operation == SK_OPERATION_ACTION;
    struct leasing leasing = { .effect = &effect, .out = out };
    sk_saga_tasks(saga, find_lease, &leasing);
    return leasing.is_found;
}

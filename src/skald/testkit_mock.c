/*
 * testkit_mock.c: participants that do as they are told. One invoker for every kind of action: what
 * a definition's action is called through does not matter to what the saga does.
 *
 *   P1  An answer never comes from inside `start`: even one without delay is a later turn.
 *   P2  A call ends once: answered, timed out at its own limit (unknown, as a network would), or
 *       lost with the engine that waited for it.
 */
#include "skald/testkit_private.h"

#include "base/assert.h"
#include "invoke/function.h"

static struct mock *mock_of(struct sk_invoker *invoker)
{
    return sk_container_of(invoker, struct mock, port);
}

static struct sk_runtime *runtime_of(struct mock_call *call)
{
    return sk_virtual_runtime_port(call->kit->runtime);
}

/* ---- which reply ----------------------------------------------------------------------------- */

static bool fits(const struct sk_testkit_reply *rule, const struct sk_testkit_call *call)
{
    bool is_saga = rule->saga.size == 0 || sk_str_equal(rule->saga, call->saga);
    bool is_step = rule->step.size == 0 || sk_str_equal(rule->step, call->step);
    bool is_item = rule->item < 0 || rule->item == call->item;
    return rule->times > 0 && is_saga && is_step && is_item && rule->operation == call->operation;
}

static int nearness(const struct sk_testkit_reply *rule)
{
    return (rule->saga.size > 0) + 2 * (rule->item >= 0) + 4 * (rule->step.size > 0);
}

/* A function of this process comes before what was told for every step. */
static struct sk_testkit_reply *find_reply(struct mock *mock, const struct mock_call *waiting)
{
    const struct sk_testkit_call *call = &waiting->seen;
    struct sk_testkit_reply *standing = NULL;
    for (uint32_t i = 0; i < mock->replies_count; i++) {
        struct sk_testkit_reply *rule = &mock->replies[i].rule;
        if (!fits(rule, call)) continue;
        if (rule->step.size == 0 && waiting->has_function) continue;
        if (rule->times != SK_REPLY_ALWAYS) return rule;
        if (standing == NULL || nearness(rule) >= nearness(standing)) standing = rule;
    }
    return standing;
}

/* U4: what the same attempt was told before. */
static const struct mock_call *find_before(const struct mock *mock, const struct mock_call *call)
{
    const struct sk_testkit_call *c = &call->seen;
    for (uint32_t i = mock->lost_count; i > 0; i--) {
        const struct mock_call *before = mock->calls[i - 1];
        if (before == call || !before->seen.has_reply || before->is_function) continue;
        if (before->seen.operation == c->operation && before->seen.attempt == c->attempt &&
            before->seen.round == c->round && sk_str_equal(before->seen.key, c->key))
            return before;
    }
    return NULL;
}

/* ---- the end of a call ----------------------------------------------------------------------- */

static void end_call(struct mock_call *call, enum sk_testkit_call_state state)
{
    runtime_of(call)->ops->timer_free(call->timer);
    call->timer = NULL;
    sk_list_remove(&call->open);
    call->seen.state = state;
}

static void ignore(void *context, const struct sk_reply *reply)
{
    (void)context;
    (void)reply;
}

/* What a worker cannot say with a token it does not say: its lease passes. */
static void answer_task(struct mock_call *call)
{
    bool can_say = call->seen.outcome.class_ <= SK_OUTCOME_RETRYABLE;
    bool is_late = call->is_late;
    end_call(call, is_late ? SK_TESTKIT_TIMED_OUT : SK_TESTKIT_ANSWERED);
    if (is_late || !can_say || call->kit->engine == NULL) return;
    sk_engine_complete(call->kit->engine, call->seen.saga, call->seen.step, call->seen.token,
                       &call->seen.outcome, ignore, NULL);
}

static void on_time(void *context)
{
    struct mock_call *call = context;
    if (call->is_task) {
        answer_task(call);
        return;
    }
    struct sk_outcome late = { .class_ = SK_OUTCOME_UNKNOWN,
                               .code = SK_STR("timeout"),
                               .message = SK_STR("no answer in time") };
    const struct sk_outcome *outcome = call->is_late ? &late : &call->seen.outcome;
    end_call(call, call->is_late ? SK_TESTKIT_TIMED_OUT : SK_TESTKIT_ANSWERED);
    call->done(call->done_context, call->ticket, outcome);
}

static void arm(struct mock_call *call)
{
    struct sk_runtime *runtime = runtime_of(call);
    int64_t now_ms = runtime->ops->now_ms(runtime);
    bool has_answer = call->seen.has_reply && !call->is_silent;
    int64_t answer_ms = has_answer ? now_ms + call->after_ms : INT64_MAX;
    call->is_late = call->seen.deadline_ms > 0 && answer_ms >= call->seen.deadline_ms;
    if (call->is_late) answer_ms = call->seen.deadline_ms;
    if (answer_ms == INT64_MAX) return;
    runtime->ops->timer_arm(call->timer, answer_ms);
}

static void take_reply(struct mock_call *call, const struct sk_testkit_reply *rule)
{
    call->seen.has_reply = true;
    call->seen.outcome = rule->outcome;
    call->after_ms = rule->after_ms;
    call->is_silent = rule->is_silent;
}

/* False: no reply fits. */
static bool choose(struct mock *mock, struct mock_call *call)
{
    struct sk_testkit_reply *rule = find_reply(mock, call);
    if (rule == NULL) return false;
    take_reply(call, rule);
    if (rule->times != SK_REPLY_ALWAYS) rule->times -= 1;
    return true;
}

static void on_function(void *context, uint64_t ticket, const struct sk_outcome *outcome)
{
    struct mock_call *call = context;
    struct sk_testkit *kit = call->kit;
    (void)ticket;
    call->seen.outcome = *outcome;
    call->seen.outcome.output = sk_testkit_copy(kit, outcome->output);
    call->seen.outcome.code = sk_testkit_copy(kit, outcome->code);
    call->seen.outcome.message = sk_testkit_copy(kit, outcome->message);
    end_call(call, SK_TESTKIT_ANSWERED);
    call->done(call->done_context, call->ticket, &call->seen.outcome);
}

/* What answers where no reply was told: the function of this name; a hook is answered anyway, for
 * nobody waits for it. */
static void fall_back(struct mock_call *call, const struct sk_invocation *invocation)
{
    struct sk_invoker *functions = call->kit->functions;
    if (call->has_function &&
        functions->ops->start(functions, invocation, on_function, call) == SKALD_OK) {
        call->is_function = true;
        call->seen.has_reply = true;
    } else if (invocation->operation == SK_OPERATION_HOOK) {
        call->seen.has_reply = true;
        call->seen.outcome =
            (struct sk_outcome){ .class_ = SK_OUTCOME_SUCCEEDED, .is_answered = true };
    }
}

/* ---- the port -------------------------------------------------------------------------------- */

static void note_call(struct mock_call *call, const struct sk_invocation *invocation)
{
    struct sk_testkit *kit = call->kit;
    struct sk_runtime *runtime = runtime_of(call);
    int64_t now_ms = runtime->ops->now_ms(runtime);
    call->seen = (struct sk_testkit_call){
        .saga = sk_testkit_copy(kit, invocation->saga_id),
        .step = sk_testkit_copy(kit, invocation->step_id),
        .key = sk_testkit_copy(kit, invocation->key),
        .token = sk_testkit_copy(kit, invocation->token),
        .target = sk_testkit_copy(kit, invocation->target),
        .method = sk_testkit_copy(kit, invocation->method),
        .headers = sk_testkit_copy(kit, invocation->headers),
        .body = sk_testkit_copy(kit, invocation->body),
        .service = invocation->action == NULL ? (struct sk_str){ NULL, 0 }
                                              : sk_testkit_copy(kit, invocation->action->service),
        .item = invocation->item,
        .operation = invocation->operation,
        .attempt = invocation->attempt,
        .round = invocation->round,
        .at_ms = now_ms,
        .deadline_ms = now_ms + invocation->timeout_ms,
        .state = SK_TESTKIT_ON_WIRE,
    };
}

static enum skald_status mock_start(struct sk_invoker *invoker,
                                    const struct sk_invocation *invocation, sk_invoke_done *done,
                                    void *context)
{
    struct mock *mock = mock_of(invoker);
    struct mock_call *call = sk_arena_alloc(&mock->kit->arena, sizeof *call);
    if (call == NULL) return SKALD_E_MEMORY;
    *call = (struct mock_call){
        .kit = mock->kit, .ticket = invocation->ticket, .done = done, .done_context = context
    };
    call->timer = runtime_of(call)->ops->timer_new(runtime_of(call), on_time, call);
    if (call->timer == NULL) return SKALD_E_MEMORY;
    note_call(call, invocation);
    call->has_function = invocation->action != NULL &&
                         invocation->action->kind == SK_KIND_FUNCTION &&
                         sk_function_is_known(mock->kit->functions, invocation->target);
    const struct mock_call *before = find_before(mock, call);
    mock->calls = sk_testkit_grow(mock->calls, mock->calls_count, &mock->calls_capacity,
                                  sizeof(struct mock_call *));
    mock->calls[mock->calls_count++] = call;
    sk_list_push(&mock->open, &call->open);
    if (before != NULL) {
        call->seen.has_reply = true;
        call->seen.outcome = before->seen.outcome;
        call->after_ms = before->after_ms;
        call->is_silent = before->is_silent;
    } else if (!choose(mock, call)) {
        fall_back(call, invocation);
    }
    if (!call->is_function) arm(call);
    return SKALD_OK;
}

/* Its ticket is none of the engine's, so that no cancel means it. */
void sk_mock_take(struct mock *mock, const struct sk_task_given *task)
{
    struct sk_testkit *kit = mock->kit;
    struct mock_call *call = sk_arena_alloc(&kit->arena, sizeof *call);
    if (call == NULL) return; /* the lease passes */
    *call = (struct mock_call){ .kit = kit, .is_task = true };
    call->timer = runtime_of(call)->ops->timer_new(runtime_of(call), on_time, call);
    if (call->timer == NULL) return;
    call->seen = (struct sk_testkit_call){
        .saga = sk_testkit_copy(kit, task->saga_id),
        .step = sk_testkit_copy(kit, task->step_id),
        .key = sk_testkit_copy(kit, task->key),
        .token = sk_testkit_copy(kit, task->token),
        .target = sk_testkit_copy(kit, task->queue),
        .body = sk_testkit_copy(kit, task->input),
        .item = task->item,
        .operation = task->operation,
        .attempt = task->attempt,
        .round = task->round,
        .at_ms = sk_testkit_now(kit),
        .deadline_ms = task->deadline_ms,
        .state = SK_TESTKIT_ON_WIRE,
    };
    mock->calls = sk_testkit_grow(mock->calls, mock->calls_count, &mock->calls_capacity,
                                  sizeof(struct mock_call *));
    mock->calls[mock->calls_count++] = call;
    sk_list_push(&mock->open, &call->open);
    (void)choose(mock, call);
    arm(call);
}

static void mock_cancel(struct sk_invoker *invoker, uint64_t ticket)
{
    struct mock *mock = mock_of(invoker);
    for (struct sk_list *node = mock->open.next; node != &mock->open; node = node->next) {
        struct mock_call *call = sk_container_of(node, struct mock_call, open);
        if (call->ticket != ticket) continue;
        if (call->is_function) call->kit->functions->ops->cancel(call->kit->functions, ticket);
        end_call(call, SK_TESTKIT_LOST);
        return;
    }
}

/* The mock belongs to the kit, not to the engine. */
static void mock_free(struct sk_invoker *invoker)
{
    (void)invoker;
}

static const struct sk_invoker_ops ops = { mock_start, mock_cancel, mock_free };

void sk_mock_init(struct mock *mock, struct sk_testkit *kit)
{
    *mock = (struct mock){ .port.ops = &ops, .kit = kit };
    sk_list_init(&mock->open);
}

void sk_mock_release(struct mock *mock)
{
    while (!sk_list_is_empty(&mock->open))
        end_call(sk_container_of(mock->open.next, struct mock_call, open), SK_TESTKIT_LOST);
    sk_free(mock->calls);
    sk_free(mock->replies);
}

void sk_mock_crashed(struct mock *mock)
{
    mock->lost_count = mock->calls_count;
}

/* ---- telling --------------------------------------------------------------------------------- */

void sk_testkit_reply(struct sk_testkit *kit, const struct sk_testkit_reply *reply)
{
    struct mock *mock = &kit->mock;
    mock->replies = sk_testkit_grow(mock->replies, mock->replies_count, &mock->replies_capacity,
                                    sizeof *mock->replies);
    struct sk_testkit_reply *rule = &mock->replies[mock->replies_count++].rule;
    *rule = *reply;
    if (rule->times == 0) rule->times = 1;
    rule->saga = sk_testkit_copy(kit, reply->saga);
    rule->step = sk_testkit_copy(kit, reply->step);
    rule->outcome.output = sk_testkit_copy(kit, reply->outcome.output);
    rule->outcome.code = sk_testkit_copy(kit, reply->outcome.code);
    rule->outcome.message = sk_testkit_copy(kit, reply->outcome.message);
    for (struct sk_list *node = mock->open.next; node != &mock->open; node = node->next) {
        struct mock_call *call = sk_container_of(node, struct mock_call, open);
        if (call->seen.has_reply || !fits(rule, &call->seen)) continue;
        if (choose(mock, call)) arm(call);
    }
    sk_testkit_settle(kit);
}

uint32_t sk_testkit_calls_count(const struct sk_testkit *kit)
{
    return kit->mock.calls_count;
}

const struct sk_testkit_call *sk_testkit_call_at(const struct sk_testkit *kit, uint32_t index)
{
    return &kit->mock.calls[index]->seen;
}

const struct sk_testkit_call *sk_testkit_unanswered(const struct sk_testkit *kit)
{
    const struct sk_list *open = &kit->mock.open;
    for (const struct sk_list *node = open->next; node != open; node = node->next) {
        const struct mock_call *call =
            (const struct mock_call *)((const char *)node - offsetof(struct mock_call, open));
        if (!call->seen.has_reply) return &call->seen;
    }
    return NULL;
}

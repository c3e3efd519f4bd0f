/*
 * function.c: see function.h.
 *
 *                  ┌── a helper or the loop takes it ──► RUNNING ──► ANSWERED ──► done
 *   start ──► QUEUED                                        │ time-out, cancel
 *                  └── time-out, cancel ──► ABANDONED ◄─────┘ (done with `timeout`, or never)
 *
 *   F1  The place of a call is changed by compare-and-set: helper and loop agree who was first.
 *       A call that was abandoned while queued is never carried out.
 *   F2  The loop reads the answer only after the function has returned; until then it is the
 *       helper's.
 *   F3  A call lives until both its `done` is settled and its function has returned; that may be
 *       after the invoker has been freed, so a call keeps nothing of the invoker but the
 *       pointer, which is NULL once the engine does not wait any more.
 *   F4  Calls that do not block wait in a queue for the loop's next round and run there: one piece
 *       of mail for CALLS_PER_ROUND of them. Between two rounds the engine cuts a batch, so the
 *       store writes what some have answered while the loop carries out the others. The queue
 *       outlives the invoker while its mail is on the way.
 */
#include "invoke/function.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/spare.h"
#include "base/tickets.h"

#include <stdatomic.h>
#include <stdio.h>

/* Out of memory is an answer, not the end of the process: hh.tbl is then NULL after HASH_ADD. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum call_place { QUEUED, RUNNING, ANSWERED, ABANDONED };

struct entry {
    UT_hash_handle hh;
    struct sk_function_handlers handlers;
    size_t name_size;
    char name[];
};

enum {
    CALLS_PER_ROUND = 512,
    TEXTS_SIZE_USUAL = 1000, /* fits into any call that is used again */
    OUTPUT_SIZE_USUAL = 1024,
    SPARES_MAX = 4096,
};

struct round {
    struct sk_runtime *runtime;
    struct sk_list calls;  /* struct sk_function_call, in order */
    struct sk_list spares; /* struct sk_function_call: to be used again */
    uint32_t spares_count;
    bool is_posted;
    bool is_orphan; /* the invoker is gone: freed by the mail */
};

struct function_invoker {
    struct sk_invoker port; /* first */
    struct sk_runtime *runtime;
    struct entry *entries;   /* by name */
    struct sk_tickets calls; /* those whose `done` will come */
    struct round *round;
};

struct sk_function_call {
    struct sk_ticket ticket;
    struct sk_list node;              /* round->calls, round->spares */
    bool is_usual;                    /* `texts` has TEXTS_SIZE_USUAL bytes */
    struct function_invoker *invoker; /* NULL: nobody waits any more */
    uint64_t number;                  /* the ticket's, also once it is out of the table */
    sk_invoke_done *done;
    void *done_context;
    atomic_int place;
    sk_function *function; /* NULL: there is none; `message` says what is missing */
    void *context;
    struct sk_runtime_timer *timer;     /* blocking only */
    struct sk_function_request request; /* its texts are `texts` */

    /* The answer. */
    enum sk_outcome_class class_;
    bool has_answer;
    int64_t retry_after_ms;
    struct sk_buf output, code, message;
    char texts[];
};

static struct function_invoker *whole_of(struct sk_invoker *port)
{
    return sk_container_of(port, struct function_invoker, port);
}

/* ---- the function's side ------------------------------------------------------------------ */

const struct sk_function_request *sk_function_request_of(const struct sk_function_call *call)
{
    return &call->request;
}

static void answer(struct sk_function_call *call, enum sk_outcome_class class_,
                   struct sk_str output, struct sk_str code, struct sk_str message)
{
    call->has_answer = true;
    call->class_ = class_;
    call->retry_after_ms = 0;
    sk_buf_clear(&call->output);
    sk_buf_clear(&call->code);
    sk_buf_clear(&call->message);
    call->output.failed = call->code.failed = call->message.failed = false;
    sk_buf_append_str(&call->output, output);
    sk_buf_append_str(&call->code, code);
    sk_buf_append_str(&call->message, message);
}

static const struct sk_str nothing = { NULL, 0 };

void sk_function_succeed(struct sk_function_call *call, struct sk_str output)
{
    answer(call, SK_OUTCOME_SUCCEEDED, output, nothing, nothing);
}

void sk_function_fail(struct sk_function_call *call, struct sk_str code, struct sk_str message)
{
    answer(call, SK_OUTCOME_FAILED, nothing, code, message);
}

void sk_function_retry(struct sk_function_call *call, struct sk_str code, struct sk_str message,
                       int64_t retry_after_ms)
{
    answer(call, SK_OUTCOME_RETRYABLE, nothing, code, message);
    call->retry_after_ms = retry_after_ms > 0 ? retry_after_ms : 0;
}

void sk_function_unknown(struct sk_function_call *call, struct sk_str code, struct sk_str message)
{
    answer(call, SK_OUTCOME_UNKNOWN, nothing, code, message);
}

void sk_function_pend(struct sk_function_call *call)
{
    answer(call, SK_OUTCOME_PENDING, nothing, nothing, nothing);
}

/* ---- outcomes ----------------------------------------------------------------------------- */

static struct sk_outcome unknown(const char *code, const char *message)
{
    return (struct sk_outcome){ .class_ = SK_OUTCOME_UNKNOWN,
                                .code = sk_str_of(code),
                                .message = sk_str_of(message) };
}

static bool is_happened(struct sk_str output)
{
    if (sk_json_type(output) != SK_JSON_OBJECT) return false;
    enum sk_json_type type = sk_json_type(sk_json_member(output, SK_STR("happened")));
    return type == SK_JSON_TRUE || type == SK_JSON_FALSE || type == SK_JSON_NULL;
}

static struct sk_outcome success_of(const struct sk_function_call *call)
{
    struct sk_str output = sk_str_trim(sk_buf_view(&call->output));
    if (output.size > SK_PAYLOAD_SIZE_MAX) {
        return unknown("body_too_large", "the output is too large");
    }
    if (output.size > 0 && sk_json_check(output, NULL) != SKALD_OK) {
        return unknown("bad_body", "the output is not JSON");
    }
    if (call->request.operation == SK_OPERATION_VERIFY && !is_happened(output)) {
        return unknown("bad_body", "a verification answers {\"happened\": true, false or null}");
    }
    return (
        struct sk_outcome){ .class_ = SK_OUTCOME_SUCCEEDED, .output = output, .is_answered = true };
}

static struct sk_outcome outcome_of(const struct sk_function_call *call)
{
    if (call->function == NULL) {
        return (struct sk_outcome){ .class_ = SK_OUTCOME_RETRYABLE,
                                    .code = SK_STR("function_unknown"),
                                    .message = sk_buf_view(&call->message) };
    }
    if (!call->has_answer) return unknown("no_reply", "the function returned without an answer");
    if (call->output.failed || call->code.failed || call->message.failed) {
        return unknown("no_reply", "out of memory while copying the answer");
    }
    if (call->class_ == SK_OUTCOME_SUCCEEDED) return success_of(call);
    struct sk_outcome outcome = { .class_ = call->class_,
                                  .code = sk_buf_view(&call->code),
                                  .message = sk_buf_view(&call->message),
                                  .has_error_code = call->code.size > 0,
                                  .is_answered = true,
                                  .retry_after_ms = call->retry_after_ms };
    if (outcome.code.size == 0 && call->class_ != SK_OUTCOME_PENDING) {
        outcome.code = SK_STR("function_error");
    }
    return outcome;
}

/* ---- the life of a call ------------------------------------------------------------------- */

static void call_free(struct sk_function_call *call)
{
    sk_buf_release(&call->output);
    sk_buf_release(&call->code);
    sk_buf_release(&call->message);
    sk_free(call);
}

enum { CALL_SIZE_USUAL = sizeof(struct sk_function_call) + TEXTS_SIZE_USUAL };

static struct sk_function_call *call_take(struct round *round, size_t texts_size)
{
    bool is_usual = texts_size <= TEXTS_SIZE_USUAL;
    struct sk_function_call *call = NULL;
    struct sk_buf output;
    /* Room for more than fits, so that too much is told from too little memory. */
    sk_buf_init(&output, 2 * (size_t)SK_PAYLOAD_SIZE_MAX);
    if (is_usual)
        call =
            sk_spare_take(&round->spares, CALL_SIZE_USUAL, offsetof(struct sk_function_call, node));
    if (call != NULL) {
        round->spares_count -= 1;
        output = call->output;
        sk_unpoison(output.data, output.capacity);
    } else {
        call = sk_realloc(NULL, is_usual ? CALL_SIZE_USUAL : sizeof *call + texts_size);
        if (call == NULL) return NULL;
    }
    memset(call, 0, sizeof *call);
    call->output = output;
    call->is_usual = is_usual;
    sk_list_init(&call->node);
    sk_buf_init(&call->code, SK_PAYLOAD_SIZE_MAX);
    sk_buf_init(&call->message, SK_PAYLOAD_SIZE_MAX);
    return call;
}

static void call_give_back(struct round *round, struct sk_function_call *call)
{
    bool is_kept = call->is_usual && call->output.capacity <= OUTPUT_SIZE_USUAL &&
                   round->spares_count < SPARES_MAX;
    if (!is_kept) {
        call_free(call);
        return;
    }
    sk_buf_release(&call->code);
    sk_buf_release(&call->message);
    sk_buf_clear(&call->output);
    sk_poison(call->output.data, call->output.capacity);
    sk_spare_put(&round->spares, call, CALL_SIZE_USUAL, &call->node);
    round->spares_count += 1;
}

static void round_free(struct round *round)
{
    struct sk_function_call *call;
    while ((call = sk_spare_take(&round->spares, CALL_SIZE_USUAL,
                                 offsetof(struct sk_function_call, node))) != NULL) {
        sk_unpoison(call->output.data, call->output.capacity);
        call_free(call);
    }
    sk_free(round);
}

/* From here on nobody waits for it. */
static void detach(struct sk_function_call *call)
{
    struct function_invoker *invoker = call->invoker;
    sk_tickets_remove(&invoker->calls, &call->ticket);
    invoker->runtime->ops->timer_free(call->timer);
    call->timer = NULL;
    call->invoker = NULL;
}

static bool move(struct sk_function_call *call, int from, int to)
{
    return atomic_compare_exchange_strong(&call->place, &from, to);
}

/* On a helper thread, or on the loop for a function that does not block. */
static void work(void *context)
{
    struct sk_function_call *call = context;
    if (!move(call, QUEUED, RUNNING)) return;
    if (call->function != NULL) call->function(call, call->context);
    (void)move(call, RUNNING, ANSWERED);
}

static void tell(struct sk_function_call *call)
{
    if (call->invoker == NULL) return;
    detach(call);
    struct sk_outcome outcome = outcome_of(call);
    call->done(call->done_context, call->number, &outcome);
}

/* On the loop, after the work of a helper: the last use of the call. */
static void finish(void *context)
{
    tell(context);
    call_free(context);
}

/* The invoker may go while they run. Without memory for another piece of mail it goes on. */
static void run_round(void *context)
{
    struct round *round = context;
    for (int count = 0; !sk_list_is_empty(&round->calls); count++) {
        bool is_enough = count > 0 && count % CALLS_PER_ROUND == 0 && !round->is_orphan;
        if (is_enough && round->runtime->ops->post(round->runtime, run_round, round) == SKALD_OK)
            return;
        struct sk_function_call *call =
            sk_container_of(round->calls.next, struct sk_function_call, node);
        sk_list_remove(&call->node);
        work(call);
        tell(call);
        call_give_back(round, call);
    }
    round->is_posted = false;
    if (round->is_orphan) round_free(round);
}

static enum skald_status join_round(struct sk_function_call *call)
{
    struct round *round = call->invoker->round;
    struct sk_runtime *runtime = call->invoker->runtime;
    if (!round->is_posted) {
        enum skald_status status = runtime->ops->post(runtime, run_round, round);
        if (status != SKALD_OK) return status;
        round->is_posted = true;
    }
    sk_list_push(&round->calls, &call->node);
    return SKALD_OK;
}

static void on_time_out(void *context)
{
    struct sk_function_call *call = context;
    int place = atomic_load(&call->place);
    if (place == ANSWERED) return; /* `finish` is on its way */
    bool was_queued = move(call, QUEUED, ABANDONED);
    if (!was_queued && !move(call, RUNNING, ABANDONED)) return;
    struct sk_outcome outcome = unknown("timeout", "the function did not return in time");
    if (was_queued) {
        outcome.class_ = SK_OUTCOME_RETRYABLE;
        outcome.message = SK_STR("no helper thread was free in time");
    }
    detach(call);
    call->done(call->done_context, call->number, &outcome);
}

/* ---- the port ----------------------------------------------------------------------------- */

static struct entry *find(const struct function_invoker *invoker, struct sk_str name)
{
    struct entry *entry = NULL;
    if (name.size > 0) HASH_FIND(hh, invoker->entries, name.data, name.size, entry);
    return entry;
}

static bool is_action_of_its_step(const struct sk_invocation *invocation)
{
    if (invocation->action != NULL && invocation->action->is_automatic) return true;
    if (invocation->plan == NULL) return false;
    uint32_t index = sk_plan_step(invocation->plan, invocation->step_id);
    if (index == SK_STEP_NONE) return false;
    const struct sk_action *action = invocation->plan->steps[index].action;
    return action != NULL && sk_str_equal(action->service, invocation->target);
}

/* A definition may name another function's action for a role; the step's own would act again. */
static sk_function *function_for(const struct entry *entry, const struct sk_invocation *invocation)
{
    const struct sk_function_handlers *handlers = &entry->handlers;
    sk_function *special = NULL;
    switch (invocation->operation) {
    case SK_OPERATION_ACTION:
    case SK_OPERATION_HOOK:
    case SK_OPERATION_DECISION:
    case SK_OPERATION_POLL: return handlers->action;
    case SK_OPERATION_COMPENSATION: special = handlers->compensation; break;
    case SK_OPERATION_VERIFY: special = handlers->verify; break;
    }
    if (special != NULL) return special;
    return is_action_of_its_step(invocation) ? NULL : handlers->action;
}

static void choose_function(struct sk_function_call *call, const struct entry *entry,
                            const struct sk_invocation *invocation)
{
    struct sk_str name = call->request.name;
    if (entry != NULL) {
        call->function = function_for(entry, invocation);
        call->context = entry->handlers.context;
    }
    if (call->function != NULL) return;
    const char *what = entry == NULL                                        ? ""
                       : invocation->operation == SK_OPERATION_COMPENSATION ? " for compensations"
                       : invocation->operation == SK_OPERATION_VERIFY       ? " for verifications"
                                                                            : " for actions";
    sk_buf_printf(&call->message, "no function is registered as \"%.*s\"%s", SK_STR_ARGS(name),
                  what);
}

static struct sk_str put_text(char **at, struct sk_str text)
{
    struct sk_str copy = { *at, text.size };
    if (text.size > 0) memcpy(*at, text.data, text.size);
    (*at)[text.size] = '\0';
    *at += text.size + 1;
    return copy;
}

static void copy_request(struct sk_function_call *call, const struct sk_invocation *invocation)
{
    char *at = call->texts;
    call->request = (struct sk_function_request){
        .operation = invocation->operation,
        .name = put_text(&at, invocation->target),
        .saga_id = put_text(&at, invocation->saga_id),
        .step_id = put_text(&at, invocation->step_id),
        .key = put_text(&at, invocation->key),
        .token = put_text(&at, invocation->token),
        .input = put_text(&at, invocation->body),
        .saga_input = put_text(&at, invocation->input),
        .outputs = put_text(&at, invocation->outputs),
        .value = put_text(&at, invocation->value),
        .item = invocation->item,
        .attempt = invocation->attempt,
        .round = invocation->round,
        .deadline_ms = invocation->deadline_ms,
        .is_maybe = invocation->is_maybe,
    };
}

static size_t texts_size(const struct sk_invocation *invocation)
{
    const struct sk_str *texts[] = { &invocation->target,  &invocation->saga_id,
                                     &invocation->step_id, &invocation->key,
                                     &invocation->token,   &invocation->body,
                                     &invocation->input,   &invocation->outputs,
                                     &invocation->value };
    size_t size = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) size += texts[i]->size + 1;
    return size;
}

static struct sk_function_call *call_new(struct function_invoker *invoker,
                                         const struct sk_invocation *invocation,
                                         sk_invoke_done *done, void *context)
{
    struct sk_function_call *call = call_take(invoker->round, texts_size(invocation));
    if (call == NULL) return NULL;
    call->invoker = invoker;
    call->number = invocation->ticket;
    call->done = done;
    call->done_context = context;
    atomic_init(&call->place, QUEUED);
    copy_request(call, invocation);
    return call;
}

static enum skald_status launch(struct sk_function_call *call, bool is_blocking, int64_t timeout_ms)
{
    struct sk_runtime *runtime = call->invoker->runtime;
    if (!is_blocking) return join_round(call);
    call->timer = runtime->ops->timer_new(runtime, on_time_out, call);
    if (call->timer == NULL) return SKALD_E_MEMORY;
    enum skald_status status = runtime->ops->offload(runtime, work, finish, call);
    if (status == SKALD_OK) {
        int64_t now_ms = runtime->ops->now_ms(runtime);
        runtime->ops->timer_arm(call->timer, now_ms + (timeout_ms > 0 ? timeout_ms : 1));
    }
    return status;
}

static enum skald_status start(struct sk_invoker *port, const struct sk_invocation *invocation,
                               sk_invoke_done *done, void *context)
{
    struct function_invoker *invoker = whole_of(port);
    struct sk_function_call *call = call_new(invoker, invocation, done, context);
    if (call == NULL) return SKALD_E_MEMORY;
    const struct entry *entry = find(invoker, invocation->target);
    choose_function(call, entry, invocation);
    if (sk_tickets_put(&invoker->calls, &call->ticket, call->number) != SKALD_OK) {
        call_free(call);
        return SKALD_E_MEMORY;
    }
    bool is_blocking = entry != NULL && call->function != NULL && entry->handlers.is_blocking;
    enum skald_status status = launch(call, is_blocking, invocation->timeout_ms);
    if (status == SKALD_OK) return SKALD_OK;
    detach(call);
    call_free(call);
    return status;
}

static void abandon(struct sk_function_call *call)
{
    (void)move(call, QUEUED, ABANDONED);
    detach(call); /* `finish` frees it */
}

static void cancel(struct sk_invoker *port, uint64_t ticket)
{
    struct function_invoker *invoker = whole_of(port);
    struct sk_ticket *found = sk_tickets_find(&invoker->calls, ticket);
    if (found != NULL) abandon(sk_container_of(found, struct sk_function_call, ticket));
}

static void invoker_free(struct sk_invoker *port)
{
    if (port == NULL) return;
    struct function_invoker *invoker = whole_of(port);
    size_t at = 0;
    for (struct sk_ticket *call; (call = sk_tickets_from(&invoker->calls, &at)) != NULL;)
        abandon(sk_container_of(call, struct sk_function_call, ticket));
    sk_tickets_release(&invoker->calls);
    if (invoker->round->is_posted) invoker->round->is_orphan = true;
    if (!invoker->round->is_posted) round_free(invoker->round);
    struct entry *entry, *next_entry;
    HASH_ITER(hh, invoker->entries, entry, next_entry)
    {
        HASH_DEL(invoker->entries, entry);
        sk_free(entry);
    }
    sk_free(invoker);
}

static const struct sk_invoker_ops function_ops = { .start = start,
                                                    .cancel = cancel,
                                                    .free = invoker_free };

enum skald_status sk_function_invoker_new(struct sk_runtime *runtime, struct sk_invoker **out,
                                          skald_error *error)
{
    *out = NULL;
    struct function_invoker *invoker = sk_alloc(sizeof *invoker);
    struct round *round = sk_alloc(sizeof *round);
    if (invoker == NULL || round == NULL) {
        sk_free(invoker);
        sk_free(round);
        return sk_error_set(error, SKALD_E_MEMORY, "function invoker: out of memory");
    }
    sk_list_init(&round->calls);
    sk_list_init(&round->spares);
    round->runtime = runtime;
    invoker->round = round;
    invoker->port.ops = &function_ops;
    invoker->runtime = runtime;
    *out = &invoker->port;
    return SKALD_OK;
}

enum skald_status sk_function_register(struct sk_invoker *invoker, struct sk_str name,
                                       const struct sk_function_handlers *handlers,
                                       skald_error *error)
{
    struct function_invoker *self = whole_of(invoker);
    bool has_any =
        handlers->action != NULL || handlers->compensation != NULL || handlers->verify != NULL;
    if (name.size == 0 || !has_any) {
        return sk_error_set(error, SKALD_E_ARGUMENT, "register: a name and a function, please");
    }
    if (find(self, name) != NULL) {
        return sk_error_set(error, SKALD_E_CONFLICT, "register: \"%.*s\" is registered already",
                            SK_STR_ARGS(name));
    }
    struct entry *entry = sk_alloc(sizeof *entry + name.size);
    if (entry != NULL) {
        entry->handlers = *handlers;
        entry->name_size = name.size;
        memcpy(entry->name, name.data, name.size);
        HASH_ADD(hh, self->entries, name, name.size, entry);
    }
    if (entry != NULL && entry->hh.tbl != NULL) return SKALD_OK;
    sk_free(entry);
    return sk_error_set(error, SKALD_E_MEMORY, "register: out of memory");
}

bool sk_function_is_known(const struct sk_invoker *invoker, struct sk_str name)
{
    const struct function_invoker *whole =
        (const struct function_invoker *)(const void *)invoker; /* port is its first member */
    return find(whole, name) != NULL;
}

/*
 * verdict.c: a retry policy may leave it to a function of the program whether an attempt is
 * followed by another (`decide`). That is asked here, between the participant's outcome and the
 * rules: what they get is an outcome with a verdict, and so the answer stands in the event that
 * follows, and nobody asks again when the history is replayed.
 *
 *   attempt ─► outcome ─► decide(attempt, code, …) ─► outcome + verdict ─► the rules
 *
 *   D1  To the rules the attempt is still in flight: a crash repeats it like any other.
 *   D2  Who is asked has DECIDE_TIMEOUT_MS. No answer, or one that is none, is no verdict: the
 *       policy's own lists decide.
 *   D3  A verdict never exceeds max_attempts, and never says whether something happened.
 *   D4  An answer that comes by token is a command with somebody waiting for its reply: its job is
 *       held until the verdict is there. Whatever ends the question gives the job back first.
 */
#include "engine/engine_private.h"

enum { DECIDE_TIMEOUT_MS = 5000, AFTER_MS_MAX = 366 * 24 * 3600 };

struct sk_asked {
    struct sk_arena arena;
    struct sk_job *job;        /* D4; else NULL */
    struct sk_outcome outcome; /* in the arena */
    struct sk_str name;        /* who is asked */
};

void sk_asked_free(struct sk_machine *machine, struct sk_asked *asked)
{
    if (asked == NULL) return;
    if (asked->job != NULL) sk_job_put_back(machine, asked->job);
    sk_arena_release(&asked->arena);
    sk_free(asked);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static const struct sk_retry_policy *policy_of(const struct sk_saga *saga,
                                               const struct sk_effect *effect)
{
    if (effect->step >= saga->plan->steps_count) return NULL;
    const struct sk_step *step = &saga->plan->steps[effect->step];
    if (effect->operation == SK_OPERATION_ACTION) return &step->retry;
    return effect->operation == SK_OPERATION_COMPENSATION ? &step->compensation.retry : NULL;
}

static bool is_askable(const struct sk_retry_policy *policy, const struct sk_effect *effect,
                       const struct sk_outcome *outcome)
{
    bool is_bad = outcome->class_ == SK_OUTCOME_RETRYABLE ||
                  outcome->class_ == SK_OUTCOME_UNKNOWN || outcome->class_ == SK_OUTCOME_FAILED;
    return is_bad && policy != NULL && policy->decide.size > 0 &&
           effect->attempt < policy->max_attempts;
}

static struct sk_asked *asked_new(const struct sk_outcome *outcome, struct sk_str name)
{
    struct sk_asked *asked = sk_alloc(sizeof *asked);
    if (asked == NULL) return NULL;
    sk_arena_init(&asked->arena);
    asked->job = NULL;
    asked->outcome = *outcome;
    asked->outcome.output = (struct sk_str){ 0 }; /* of a success only */
    asked->outcome.code = sk_arena_copy(&asked->arena, outcome->code);
    asked->outcome.message = sk_arena_copy(&asked->arena, outcome->message);
    asked->name = sk_arena_copy(&asked->arena, name);
    if (!asked->arena.failed) return asked;
    sk_asked_free(NULL, asked);
    return NULL;
}

static void write_question(const struct sk_effect *effect, const struct sk_outcome *outcome,
                           struct sk_buf *out)
{
    const char *class_ = outcome->class_ == SK_OUTCOME_FAILED      ? "failed"
                         : outcome->class_ == SK_OUTCOME_RETRYABLE ? "retryable"
                                                                   : "unknown";
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    sk_json_key(&w, "operation");
    sk_json_put_text(&w, effect->operation == SK_OPERATION_ACTION ? "action" : "compensation");
    sk_json_key(&w, "attempt");
    sk_json_put_u64(&w, effect->attempt);
    sk_json_key(&w, "outcome");
    sk_json_put_text(&w, class_);
    sk_json_key(&w, "code");
    sk_json_put_str(&w, outcome->code);
    sk_json_key(&w, "message");
    sk_json_put_str(&w, outcome->message);
    sk_json_key(&w, "status");
    sk_json_put_u64(&w, outcome->status);
    sk_json_end_object(&w);
}

static void on_verdict(void *context, uint64_t ticket, const struct sk_outcome *answer);

static enum skald_status send(struct sk_engine *engine, const struct sk_flight *flight,
                              const struct sk_asked *asked)
{
    const struct sk_effect *effect = &flight->effect;
    const struct sk_saga *saga = &flight->machine->as.saga;
    struct sk_buf key = { 0 }, body = { 0 }, outputs = { 0 };
    sk_saga_key(saga, effect->step, effect->item, effect->operation, effect->round, &key);
    sk_buf_append_text(&key, "/decide/");
    sk_buf_append_u64(&key, effect->attempt);
    write_question(effect, &asked->outcome, &body);
    sk_saga_upstream(saga, effect, &outputs);
    struct sk_invocation invocation = {
        .ticket = flight->ticket.number,
        .operation = SK_OPERATION_DECISION,
        .plan = saga->plan,
        .saga_id = flight->machine->id,
        .step_id = saga->plan->steps[effect->step].id,
        .item = effect->item,
        .attempt = effect->attempt,
        .round = effect->round,
        .key = sk_buf_view(&key),
        .deadline_ms = sk_engine_now(engine) + DECIDE_TIMEOUT_MS,
        .timeout_ms = DECIDE_TIMEOUT_MS,
        .target = asked->name,
        .body = sk_buf_view(&body),
        .input = saga->start.input,
        .outputs = sk_buf_view(&outputs),
    };
    bool is_whole = !key.failed && !body.failed && !outputs.failed;
    enum skald_status status =
        is_whole ? flight->invoker->ops->start(flight->invoker, &invocation, on_verdict, engine)
                 : SKALD_E_MEMORY;
    sk_buf_release(&key);
    sk_buf_release(&body);
    sk_buf_release(&outputs);
    return status;
}

/* NULL: nobody is asked. */
static struct sk_flight *ask(struct sk_machine *machine, const struct sk_effect *effect,
                             const struct sk_outcome *outcome)
{
    struct sk_engine *engine = machine->engine;
    const struct sk_retry_policy *policy = policy_of(&machine->as.saga, effect);
    struct sk_invoker *functions = engine->options.invokers[SK_KIND_FUNCTION];
    if (functions == NULL || !is_askable(policy, effect, outcome)) return NULL;
    struct sk_flight *question = sk_flight_add(machine, effect, functions);
    if (question == NULL) return NULL;
    question->asked = asked_new(outcome, policy->decide);
    if (question->asked != NULL && send(engine, question, question->asked) == SKALD_OK)
        return question;
    sk_flight_forget(engine, question);
    return NULL;
}

bool sk_verdict_ask(struct sk_engine *engine, struct sk_flight *flight,
                    const struct sk_outcome *outcome)
{
    if (ask(flight->machine, &flight->effect, outcome) == NULL) return false;
    sk_flight_forget(engine, flight);
    return true;
}

/* Is the answer that of an attempt that the rules still wait for? */
static bool is_awaited(const struct sk_saga *saga, const struct sk_command *command)
{
    if (command->step >= saga->plan->steps_count) return false;
    const struct sk_step_run *run = &saga->steps[command->step];
    uint32_t index = command->item < 0 ? 0 : (uint32_t)command->item;
    if (index >= run->units_count) return false;
    const struct sk_unit *unit = &run->units[index];
    const struct sk_call *call =
        command->operation == SK_OPERATION_COMPENSATION ? &unit->undo : &unit->action;
    return call->state != SK_CALL_IDLE && call->round == command->round &&
           call->attempt >= command->attempt;
}

bool sk_verdict_hold(struct sk_machine *machine, struct sk_job *job)
{
    const struct sk_command *command = &job->command;
    if (command->kind != SK_COMMAND_COMPLETE || job->is_asked ||
        !is_awaited(&machine->as.saga, command))
        return false;
    struct sk_effect effect = { .step = command->step,
                                .item = command->item,
                                .operation = command->operation,
                                .attempt = command->attempt,
                                .round = command->round };
    struct sk_flight *question = ask(machine, &effect, &job->outcome);
    if (question == NULL) return false;
    question->asked->job = job;
    return true;
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* true, false, or {"retry": true | false, "after_ms": n} */
static enum sk_verdict read_verdict(const struct sk_outcome *answer, int64_t *out_after_ms)
{
    if (answer->class_ != SK_OUTCOME_SUCCEEDED || answer->output.size == 0) return SK_VERDICT_NONE;
    struct sk_str said = answer->output;
    if (sk_json_type(said) == SK_JSON_OBJECT) {
        int64_t after_ms = 0;
        struct sk_str after = sk_json_member(said, SK_STR("after_ms"));
        bool has_after = sk_json_type(after) == SK_JSON_NUMBER && sk_json_to_i64(after, &after_ms);
        if (has_after && after_ms > 0) {
            int64_t max = (int64_t)AFTER_MS_MAX * 1000;
            *out_after_ms = after_ms < max ? after_ms : max;
        }
        said = sk_json_member(said, SK_STR("retry"));
    }
    enum sk_json_type type = sk_json_type(said);
    if (type == SK_JSON_TRUE) return SK_VERDICT_AGAIN;
    return type == SK_JSON_FALSE ? SK_VERDICT_GIVE_UP : SK_VERDICT_NONE;
}

/* People find in the history who decided what. */
static struct sk_str told(struct sk_asked *asked, enum sk_verdict verdict)
{
    struct sk_buf text = { 0 };
    sk_buf_append_str(&text, asked->outcome.message);
    if (text.size > 0) sk_buf_append_text(&text, "; ");
    sk_buf_append_str(&text, asked->name);
    sk_buf_append_text(&text, verdict == SK_VERDICT_AGAIN     ? ": once more"
                              : verdict == SK_VERDICT_GIVE_UP ? ": no further attempt"
                                                              : ": no verdict");
    struct sk_str message = sk_arena_copy(&asked->arena, sk_buf_view(&text));
    bool is_whole = !text.failed && !asked->arena.failed;
    sk_buf_release(&text);
    return is_whole ? message : asked->outcome.message;
}

/* The command that was held is decided now. */
static void go_on(struct sk_flight *flight)
{
    struct sk_machine *machine = flight->machine;
    struct sk_engine *engine = machine->engine;
    struct sk_job *job = flight->asked->job;
    job->outcome.verdict = flight->asked->outcome.verdict;
    job->outcome.retry_after_ms = flight->asked->outcome.retry_after_ms;
    struct sk_str message = sk_arena_copy(&job->arena, flight->asked->outcome.message);
    if (!job->arena.failed) job->outcome.message = message;
    job->is_asked = true;
    sk_flight_forget(engine, flight); /* which gives the job back */
    sk_jobs_run(machine);
    sk_machine_settle(machine);
    sk_engine_turn(engine);
}

static void on_verdict(void *context, uint64_t ticket, const struct sk_outcome *answer)
{
    struct sk_engine *engine = context;
    struct sk_flight *flight = sk_flight_find(engine, ticket);
    if (flight == NULL) return;
    struct sk_asked *asked = flight->asked;
    int64_t after_ms = 0;
    enum sk_verdict verdict = read_verdict(answer, &after_ms);
    asked->outcome.verdict = verdict;
    asked->outcome.message = told(asked, verdict);
    if (asked->outcome.retry_after_ms < after_ms) asked->outcome.retry_after_ms = after_ms;
    if (asked->job != NULL) {
        go_on(flight);
    } else {
        sk_flight_end(engine, flight, &asked->outcome);
    }
}

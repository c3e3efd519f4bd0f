/*
 * hook.c: hooks and notifications: what a definition wants done once a step, a saga or a
 * compensation has come to its end. The fold notes which are wanted (fold_hook.c); here they are
 * started, judged and tried again.
 *
 *   H1  A hook changes nothing but its own run: no step, no direction, no end, no lock, no slot.
 *   H2  Its key is "<saga>/hook/<seq of the event that called for it>/<place in its list>": the
 *       same for every attempt of this run, another one for every other run.
 *   H3  A run ends: after hooks_attempts_max attempts, at a clear no, or at the sixth crash.
 *   H4  A suspended saga starts none and tries none again; what arrives is recorded.
 */
#include "core/core_private.h"

enum {
    ATTEMPTS_DEFAULT = 5,
    PAUSE_MS_DEFAULT = 1000,
    PAUSE_MS_MAX = 60 * 1000,
};

/* ---- looking --------------------------------------------------------------------------------- */

const struct sk_hooks *sk_hooks_at(const struct sk_plan *plan, enum sk_hook_on on, uint32_t step)
{
    bool is_step = step != SK_STEP_NONE;
    if (is_step && step >= plan->steps_count) return NULL;
    switch (on) {
    case SK_HOOK_ON_SUCCESS: return is_step ? &plan->steps[step].on_success : &plan->on_success;
    case SK_HOOK_ON_FAILURE: return is_step ? &plan->steps[step].on_failure : &plan->on_failure;
    case SK_HOOK_ON_COMPENSATION_FAILURE:
        return is_step ? &plan->steps[step].on_compensation_failure : NULL;
    case SK_HOOK_ONS_COUNT: break;
    }
    return NULL;
}

static const struct sk_hook *hook_of(const struct sk_saga *saga, const struct sk_hook_run *run)
{
    const struct sk_hooks *hooks = sk_hooks_at(saga->plan, run->on, run->step);
    return hooks == NULL || run->index >= hooks->count ? NULL : &hooks->items[run->index];
}

static const struct sk_hook_run *flying_run(const struct sk_saga *saga, uint64_t start_seq)
{
    for (const struct sk_hook_run *r = saga->hooks; r != NULL; r = r->next)
        if (r->call.state == SK_CALL_FLYING && r->call.start_seq == start_seq) return r;
    return NULL;
}

uint32_t sk_hooks_open(const struct sk_saga *saga)
{
    uint32_t open = 0;
    for (const struct sk_hook_run *r = saga->hooks; r != NULL; r = r->next) open++;
    return open;
}

bool sk_hooks_are_flying(const struct sk_saga *saga)
{
    for (const struct sk_hook_run *r = saga->hooks; r != NULL; r = r->next)
        if (r->call.state == SK_CALL_FLYING) return true;
    return false;
}

int64_t sk_hooks_wake_at(const struct sk_saga *saga)
{
    int64_t at = INT64_MAX;
    for (const struct sk_hook_run *r = saga->hooks; r != NULL; r = r->next) {
        int64_t due = r->call.state == SK_CALL_IDLE ? 1 : r->call.due_at_ms;
        if (r->call.state != SK_CALL_FLYING && due < at) at = due;
    }
    return at;
}

void sk_hooks_react(const struct sk_saga *saga, uint64_t after_seq, uint64_t upto_seq,
                    sk_effect_fn *fn, void *context)
{
    for (const struct sk_hook_run *r = saga->hooks; r != NULL; r = r->next) {
        const struct sk_call *call = &r->call;
        if (call->state != SK_CALL_FLYING || call->start_seq <= after_seq ||
            call->start_seq > upto_seq)
            continue;
        struct sk_effect effect = { .step = r->step,
                                    .item = r->item,
                                    .operation = SK_OPERATION_HOOK,
                                    .attempt = call->attempt,
                                    .start_seq = call->start_seq,
                                    .deadline_ms = call->deadline_ms };
        fn(context, &effect);
    }
}

const struct sk_call *sk_hook_call(const struct sk_saga *saga, uint64_t start_seq,
                                   const struct sk_hook **out_hook, struct sk_buf *key)
{
    const struct sk_hook_run *run = flying_run(saga, start_seq);
    SK_ASSERT(run != NULL); /* react has just reported it */
    *out_hook = hook_of(saga, run);
    sk_buf_append_str(key, saga->start.id);
    sk_buf_append_text(key, "/hook/");
    sk_buf_append_u64(key, run->cause_seq);
    sk_buf_append_char(key, '/');
    sk_buf_append_u64(key, run->index);
    return &run->call;
}

/* ---- events ---------------------------------------------------------------------------------- */

static struct sk_event hook_event(const struct sk_hook_run *run, enum sk_event_type type)
{
    return (struct sk_event){ .type = type,
                              .step = run->step,
                              .item = run->item,
                              .attempt = run->call.attempt,
                              .kind = (uint32_t)run->on,
                              .flags = run->index,
                              .number = run->cause_seq };
}

/* when_ms 0: for good. The run is gone then. */
static void fail(struct sk_turn *turn, const struct sk_hook_run *run, int64_t when_ms,
                 struct sk_str code, struct sk_str message)
{
    struct sk_event event = hook_event(run, SK_EVENT_HOOK_FAILED);
    event.when_ms = when_ms;
    event.text = code.size > 0 ? code : SK_STR("failed");
    event.note = message;
    sk_turn_emit(turn, &event);
}

/* ---- what it is told ------------------------------------------------------------------------- */

/* The first unit of the run's step that failed, in whatever way. */
static const struct sk_unit *failed_unit(const struct sk_saga *saga, const struct sk_hook_run *run)
{
    if (run->step == SK_STEP_NONE) return NULL;
    const struct sk_step_run *step = &saga->steps[run->step];
    for (uint32_t i = 0; i < step->units_count; i++) {
        const struct sk_unit *unit = &step->units[i];
        bool is_meant = run->item < 0 || (uint32_t)run->item == i;
        if (is_meant && unit->error_code.size > 0) return unit;
    }
    return NULL;
}

static void resolve(struct sk_turn *turn, const struct sk_hook_run *run, struct sk_event *event)
{
    const struct sk_hook *hook = hook_of(turn->saga, run);
    const struct sk_unit *unit = failed_unit(turn->saga, run);
    if (unit != NULL)
        turn->error_seen = sk_error_json(turn, run->step, unit->error_code, unit->error_message);
    if (hook->kind == SK_HOOK_NOTIFICATION)
        sk_request_notification(turn, hook, event);
    else
        sk_request_resolve(turn, hook->action, SK_OPERATION_HOOK, event);
    turn->error_seen = (struct sk_str){ NULL, 0 };
}

static void start(struct sk_turn *turn, const struct sk_hook_run *run)
{
    const struct sk_hook *hook = hook_of(turn->saga, run);
    struct sk_event event = hook_event(run, SK_EVENT_HOOK_STARTED);
    event.attempt = run->call.attempt + 1u;
    event.when_ms = sk_hook_deadline(turn, hook->action, &event);
    bool is_first = run->call.line.size == 0;
    (void)sk_turn_is_too_large(turn);
    if (is_first) resolve(turn, run, &event);
    if (turn->failed) return;
    if (is_first && sk_turn_is_too_large(turn))
        fail(turn, run, 0, SK_STR("too_large"), SK_TOO_LARGE);
    else
        sk_turn_emit(turn, &event);
}

void sk_hooks_advance(struct sk_turn *turn)
{
    const struct sk_hook_run *next = NULL;
    if (turn->saga->is_suspended || turn->rules->starts_nothing) return;
    for (const struct sk_hook_run *r = turn->saga->hooks; !turn->failed && r != NULL; r = next) {
        next = r->next; /* a run that ends leaves the list */
        bool is_due = r->call.state == SK_CALL_IDLE ||
                      (r->call.state == SK_CALL_PAUSED && r->call.due_at_ms <= turn->now_ms);
        if (is_due) start(turn, r);
    }
}

/* ---- outcomes -------------------------------------------------------------------------------- */

static struct sk_retry_policy policy_of(const struct sk_rules *rules)
{
    return (struct sk_retry_policy){
        .type = SK_RETRY_EXPONENTIAL,
        .max_attempts = rules->hook_attempts_max > 0 ? rules->hook_attempts_max : ATTEMPTS_DEFAULT,
        .initial_ms = rules->hook_pause_ms > 0 ? rules->hook_pause_ms : PAUSE_MS_DEFAULT,
        .max_ms = PAUSE_MS_MAX,
        .multiplier = 2.0,
        .jitter = SK_JITTER_QUARTER,
    };
}

void sk_hook_outcome(struct sk_turn *turn, uint64_t start_seq, const struct sk_outcome *outcome)
{
    const struct sk_hook_run *run = flying_run(turn->saga, start_seq);
    if (run == NULL) return; /* late: nobody waits for it, and it changes nothing */
    bool is_taken =
        outcome->class_ == SK_OUTCOME_SUCCEEDED || outcome->class_ == SK_OUTCOME_PENDING;
    if (is_taken) {
        struct sk_event event = hook_event(run, SK_EVENT_HOOK_COMPLETED);
        sk_turn_emit(turn, &event);
        return;
    }
    struct sk_retry_policy policy = policy_of(turn->rules);
    bool again = run->call.attempt < policy.max_attempts && sk_retry_allows(&policy, outcome);
    int64_t pause = sk_retry_delay(&policy, run->call.attempt + 1u, sk_turn_entropy(turn),
                                   outcome->retry_after_ms);
    fail(turn, run, again ? turn->now_ms + pause : 0, outcome->code, outcome->message);
}

/* ---- after a crash --------------------------------------------------------------------------- */

void sk_hooks_recover(struct sk_turn *turn)
{
    const struct sk_hook_run *next = NULL;
    for (const struct sk_hook_run *r = turn->saga->hooks; !turn->failed && r != NULL; r = next) {
        next = r->next;
        if (r->call.state != SK_CALL_FLYING) continue;
        if (r->call.redrives >= SK_REDRIVES_MAX) {
            fail(turn, r, 0, SK_STR("redriven_too_often"),
                 SK_STR("found without outcome after more than 5 crashes"));
        } else if (turn->saga->is_suspended) {
            /* Nothing starts now; the next attempt, if there is one, begins on resume. */
            bool again = r->call.attempt < policy_of(turn->rules).max_attempts;
            fail(turn, r, again ? turn->now_ms : 0, SK_STR("crashed"),
                 SK_STR("found without outcome after a restart"));
        } else {
            struct sk_event event = hook_event(r, SK_EVENT_HOOK_STARTED); /* the same attempt */
            event.when_ms = sk_hook_deadline(turn, hook_of(turn->saga, r)->action, &event);
            sk_turn_emit(turn, &event);
        }
    }
}

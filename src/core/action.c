/*
 * action.c: the attempts of a unit's action: first start, retries, what an outcome means, when to
 * give up.
 *
 *   outcome     happened?           what follows
 *   succeeded   yes                 step.completed
 *   pending     yes, will be told   step.waiting (answer)
 *   failed      no (unless maybe)   a list names it: step.waiting (backoff); must succeed: a human
 *                                   looks; else step.failed
 *   retryable   no (unless maybe)   step.waiting (backoff); used up: given up
 *   unknown     maybe               step.unknown, then as retryable; given up: verify, else
 *                                   step.failed, still maybe
 */
#include "core/core_private.h"

#include "base/time.h"

uint32_t sk_attempts_max(const struct sk_saga *saga, const struct sk_retry_policy *policy)
{
    uint32_t narrowed = saga->start.max_attempts;
    uint32_t max = policy->type == SK_RETRY_NONE ? 1u : policy->max_attempts;
    return narrowed > 0 && narrowed < max ? narrowed : max;
}

/* ---- starting -------------------------------------------------------------------------------- */

static void start_timer(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_wait *wait = &sk_step_of(turn->saga, step)->wait;
    struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_STARTED, step, item);
    struct sk_str text = sk_str_trim(sk_render_text(turn, wait->time, step, item));
    int64_t ms = 0;
    bool ok = wait->kind == SK_WAIT_FOR ? sk_duration_parse(text, &ms) : sk_time_parse(text, &ms);
    event.attempt = 1;
    event.kind = SK_FOR_TIMER;
    event.when2_ms = wait->kind == SK_WAIT_FOR ? turn->now_ms + ms : ms;
    if (!ok || event.when2_ms <= turn->now_ms) event.when2_ms = turn->now_ms;
    sk_turn_emit(turn, &event);
    if (!ok) sk_action_refuse(turn, step, item, SK_STR("bad_time"), text);
}

/* The oldest stored signal of this name, or NULL. */
static const struct sk_signal *stored_signal(const struct sk_saga *saga, struct sk_str name)
{
    for (const struct sk_signal *s = saga->signals; s != NULL; s = s->next)
        if (!s->is_consumed && sk_str_equal(s->name, name)) return s;
    return NULL;
}

static void start_wait(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_wait *wait = &sk_step_of(turn->saga, step)->wait;
    if (wait->kind == SK_WAIT_FOR || wait->kind == SK_WAIT_UNTIL) {
        start_timer(turn, step, item);
        return;
    }
    struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_STARTED, step, item);
    int64_t until = wait->timeout_ms > 0 ? turn->now_ms + wait->timeout_ms : 0;
    event.when_ms = until;
    event.kind = wait->kind == SK_WAIT_SIGNAL ? SK_FOR_SIGNAL : SK_FOR_POLL;
    event.when2_ms = wait->kind == SK_WAIT_SIGNAL ? until : turn->now_ms;
    event.attempt = wait->kind == SK_WAIT_SIGNAL ? 1 : 0;
    if (wait->kind == SK_WAIT_POLL) sk_request_resolve(turn, wait->poll, SK_OPERATION_POLL, &event);
    if (wait->kind == SK_WAIT_POLL && sk_turn_is_too_large(turn)) {
        sk_action_refuse(turn, step, item, SK_STR("too_large"), SK_TOO_LARGE);
        return;
    }
    sk_turn_emit(turn, &event);
    if (turn->failed) return;
    if (wait->kind == SK_WAIT_POLL) {
        sk_action_again(turn, step, item);
        return;
    }
    const struct sk_signal *signal = stored_signal(turn->saga, wait->signal);
    if (signal != NULL) sk_action_complete(turn, step, item, signal->data, signal->id);
}

static void start_child(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_action *action = sk_step_of(turn->saga, step)->action;
    struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_STARTED, step, item);
    event.attempt = 1;
    event.kind = SK_FOR_CHILD;
    (void)sk_turn_is_too_large(turn);
    if (action->body != NULL) event.body = sk_render_document(turn, action->body, step, item);
    if (sk_turn_is_too_large(turn)) {
        sk_action_refuse(turn, step, item, SK_STR("too_large"), SK_TOO_LARGE);
        return;
    }
    event.extra = SK_STR(" child\n");
    sk_turn_emit(turn, &event);
    if (!turn->failed) sk_child_start(turn, step, item, event.body);
}

void sk_action_start(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    if (s->kind == SK_KIND_WAIT) {
        start_wait(turn, step, item);
        return;
    }
    if (s->kind == SK_KIND_SAGA) {
        start_child(turn, step, item);
        return;
    }
    if (s->kind == SK_KIND_TASK) {
        sk_task_offer(turn, step, item, SK_OPERATION_ACTION);
        return;
    }
    struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_STARTED, step, item);
    event.attempt = 1;
    event.when_ms = sk_deadline_of(turn, &event, SK_OPERATION_ACTION);
    sk_request_resolve(turn, s->action, SK_OPERATION_ACTION, &event);
    if (sk_turn_is_too_large(turn))
        sk_action_refuse(turn, step, item, SK_STR("too_large"), SK_TOO_LARGE);
    else
        sk_turn_emit(turn, &event);
}

void sk_action_again(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    const struct sk_call *call = &sk_saga_unit(turn->saga, step, item)->action;
    bool is_redrive = call->what == SK_FOR_REDRIVE;
    if (s->kind == SK_KIND_TASK) {
        sk_task_offer(turn, step, item, SK_OPERATION_ACTION);
        return;
    }
    bool is_poll = s->kind == SK_KIND_WAIT;
    struct sk_event event =
        sk_turn_event(turn, is_redrive ? SK_EVENT_STEP_REDRIVEN : SK_EVENT_STEP_RETRYING, step,
                      item);
    event.attempt = is_redrive ? call->attempt : call->attempt + 1;
    event.when_ms = sk_deadline_of(turn, &event, is_poll ? SK_OPERATION_POLL : SK_OPERATION_ACTION);
    if (is_redrive && !is_poll) event.when2_ms = call->deadline_ms;
    sk_turn_emit(turn, &event);
}

/* ---- ending ---------------------------------------------------------------------------------- */

void sk_action_complete(struct sk_turn *turn, uint32_t step, int32_t item, struct sk_str output,
                        struct sk_str signal)
{
    struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_COMPLETED, step, item);
    event.body = output;
    event.text = signal;
    sk_turn_emit(turn, &event);
}

void sk_action_fail(struct sk_turn *turn, uint32_t step, int32_t item, uint32_t class_,
                    uint32_t marks, struct sk_str code, struct sk_str message)
{
    struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_FAILED, step, item);
    event.kind = class_;
    event.flags = marks;
    event.text = code.size > 0 ? code : SK_STR("failed");
    event.note = message;
    sk_turn_emit(turn, &event);
    if (turn->failed || !sk_step_of(turn->saga, step)->is_detached) return;
    sk_turn_alert(turn, step, item, SK_ALERT_WARNING, 0, "async_step_failed", message);
}

/* Does this clear no also say that no earlier attempt of the same key had an effect? */
static bool clears_maybe(const struct sk_step *step, const struct sk_outcome *outcome)
{
    if (!step->is_idempotent || outcome->class_ != SK_OUTCOME_FAILED || !outcome->is_answered)
        return false;
    switch (outcome->status) {
    case 400:
    case 402:
    case 410:
    case 412:
    case 422: return true;
    default: return outcome->has_error_code && outcome->status >= 400 && outcome->status < 500;
    }
}

static uint32_t marks_of(const struct sk_step *step, const struct sk_unit *unit,
                         const struct sk_outcome *outcome)
{
    uint32_t marks = outcome->class_ == SK_OUTCOME_FAILED ? SK_MARK_CLEAR_NO : 0u;
    bool is_same_key = !unit->maybe_before;
    if (unit->maybe && is_same_key && clears_maybe(step, outcome)) marks |= SK_MARK_MAYBE_CLEARED;
    return marks;
}

static void wait_for(struct sk_turn *turn, uint32_t step, int32_t item, enum sk_wait_for what,
                     int64_t when_ms, uint32_t marks, const struct sk_outcome *outcome)
{
    struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_WAITING, step, item);
    event.kind = (uint32_t)what;
    event.when_ms = when_ms;
    event.flags = marks;
    event.text = outcome->code;
    event.note = outcome->message;
    sk_turn_emit(turn, &event);
}

static void warn_once(struct sk_turn *turn, uint32_t step, int32_t item,
                      const struct sk_outcome *outcome)
{
    if (turn->failed || sk_saga_unit(turn->saga, step, item)->has_warned) return;
    sk_turn_alert(turn, step, item, SK_ALERT_WARNING, 0, "retrying_past_max_attempts",
                  outcome->message);
}

static void back_off(struct sk_turn *turn, uint32_t step, int32_t item, uint32_t marks,
                     const struct sk_outcome *outcome)
{
    const struct sk_retry_policy *policy = &sk_step_of(turn->saga, step)->retry;
    const struct sk_call *call = &sk_saga_unit(turn->saga, step, item)->action;
    uint32_t max = sk_attempts_max(turn->saga, policy);
    bool used_up = call->attempt >= max;
    int64_t pause = used_up ? sk_retry_delay_max(policy, max, outcome->retry_after_ms)
                            : sk_retry_delay(policy, call->attempt + 1, sk_turn_entropy(turn),
                                             outcome->retry_after_ms);
    wait_for(turn, step, item, SK_FOR_BACKOFF, turn->now_ms + pause, marks, outcome);
    if (used_up) warn_once(turn, step, item, outcome);
}

static bool is_pivot_open(const struct sk_saga *saga, uint32_t step)
{
    return sk_step_of(saga, step)->is_pivot && saga->state == SK_SAGA_RUNNING &&
           !saga->is_past_pivot;
}

void sk_action_give_up(struct sk_turn *turn, uint32_t step, int32_t item,
                       const struct sk_outcome *outcome)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    uint32_t marks = marks_of(s, unit, outcome);
    bool maybe = unit->maybe && (marks & SK_MARK_MAYBE_CLEARED) == 0u;
    bool goes_on = turn->saga->state != SK_SAGA_COMPENSATING;
    if (goes_on && maybe && s->verify != NULL && !unit->verify_gave_up) {
        if (!sk_call_is_busy(&unit->action)) return; /* verify is wanted: derived from the state */
        struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_UNKNOWN, step, item);
        event.text = outcome->code;
        event.note = outcome->message;
        sk_turn_emit(turn, &event);
        return;
    }
    bool must = sk_step_must_succeed(turn->saga, step);
    if (must && outcome->class_ == SK_OUTCOME_FAILED) {
        wait_for(turn, step, item, SK_FOR_HUMAN, 0, marks, outcome);
        sk_turn_alert(turn, step, item, SK_ALERT_CRITICAL, 0, "step_refused", outcome->message);
        sk_turn_letter(turn, step, item, "step_refused");
    } else if (must || (is_pivot_open(turn->saga, step) && maybe)) {
        back_off(turn, step, item, marks, outcome);
    } else {
        sk_action_fail(turn, step, item, (uint32_t)outcome->class_, marks, outcome->code,
                       outcome->message);
    }
}

void sk_action_refuse(struct sk_turn *turn, uint32_t step, int32_t item, struct sk_str code,
                      struct sk_str message)
{
    struct sk_outcome outcome = {
        .class_ = SK_OUTCOME_FAILED, .code = code, .message = message, .is_answered = true
    };
    if (!turn->failed) sk_action_give_up(turn, step, item, &outcome);
}

static bool step_time_is_up(const struct sk_turn *turn, uint32_t step, const struct sk_unit *unit)
{
    int64_t limit = sk_step_of(turn->saga, step)->step_timeout_ms;
    return limit > 0 && unit->first_start_at_ms + limit <= turn->now_ms;
}

static bool may_try_again(const struct sk_turn *turn, uint32_t step, const struct sk_unit *unit,
                          const struct sk_outcome *outcome)
{
    const struct sk_retry_policy *policy = &sk_step_of(turn->saga, step)->retry;
    if (turn->saga->state == SK_SAGA_COMPENSATING) return false;
    if (step_time_is_up(turn, step, unit)) return false;
    return unit->action.attempt < sk_attempts_max(turn->saga, policy) &&
           sk_retry_allows(policy, outcome);
}

static void note_unknown(struct sk_turn *turn, uint32_t step, int32_t item,
                         const struct sk_outcome *outcome)
{
    struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_UNKNOWN, step, item);
    event.when_ms = sk_saga_unit(turn->saga, step, item)->action.deadline_ms;
    event.text = outcome->code;
    event.note = outcome->message;
    sk_turn_emit(turn, &event);
}

void sk_action_outcome(struct sk_turn *turn, uint32_t step, int32_t item,
                       const struct sk_outcome *outcome)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    switch (outcome->class_) {
    case SK_OUTCOME_SUCCEEDED:
        sk_action_complete(turn, step, item, outcome->output, (struct sk_str){ NULL, 0 });
        return;
    case SK_OUTCOME_PENDING: {
        struct sk_outcome plain = { .class_ = SK_OUTCOME_PENDING };
        int64_t until = s->pending_timeout_ms > 0 ? turn->now_ms + s->pending_timeout_ms : 0;
        wait_for(turn, step, item, SK_FOR_ANSWER, until, 0, &plain);
        /* Undoing awaits no answer that comes later: maybe at once. */
        if (turn->saga->state == SK_SAGA_COMPENSATING) sk_undo_stop_unit(turn, step, item, false);
        return;
    }
    case SK_OUTCOME_UNKNOWN: note_unknown(turn, step, item, outcome); break;
    case SK_OUTCOME_FAILED:
    case SK_OUTCOME_RETRYABLE: break;
    }
    if (turn->failed) return;
    if (may_try_again(turn, step, unit, outcome))
        back_off(turn, step, item, marks_of(s, unit, outcome), outcome);
    else
        sk_action_give_up(turn, step, item, outcome);
}

/* ---- polls ----------------------------------------------------------------------------------- */

void sk_poll_outcome(struct sk_turn *turn, uint32_t step, int32_t item,
                     const struct sk_outcome *outcome)
{
    const struct sk_wait *wait = &sk_step_of(turn->saga, step)->wait;
    struct sk_outcome noted = { .class_ = outcome->class_ };
    if (outcome->class_ == SK_OUTCOME_SUCCEEDED) {
        if (wait->fail_if != NULL &&
            sk_condition_holds(turn, wait->fail_if, step, item, outcome->output)) {
            sk_action_refuse(turn, step, item, SK_STR("poll_failed"), SK_STR("fail_if holds"));
            return;
        }
        if (wait->until == NULL ||
            sk_condition_holds(turn, wait->until, step, item, outcome->output)) {
            sk_action_complete(turn, step, item, outcome->output, (struct sk_str){ NULL, 0 });
            return;
        }
    } else {
        noted.code = outcome->code;
        noted.message = outcome->message;
    }
    int64_t interval = wait->interval_ms > 0 ? wait->interval_ms : 1000;
    wait_for(turn, step, item, SK_FOR_POLL, turn->now_ms + interval, 0, &noted);
}

/*
 * undo.c: compensation: who is due, in which order, and what an undo's outcome means.
 *
 *   U1  No step starts. What flies is awaited to its deadline; what pauses ends; a pending answer
 *       is maybe at once.
 *   U2  Sequential: the unsettled step that started last is undone first, one at a time. Parallel:
 *       a step is undone when all its dependants are settled. An exhausted undo (PARKED) counts as
 *       settled.
 *   U3  An undo starts only when law 6 allows it: also that of a completed unit, while an earlier
 *       attempt without answer could still arrive in time.
 *   U4  A failing undo does not stop the others.
 */
#include "core/core_private.h"

/* ---- beginning ------------------------------------------------------------------------------- */

static void unknown_then_failed(struct sk_turn *turn, uint32_t step, int32_t item,
                                int64_t unanswered_until_ms)
{
    struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_UNKNOWN, step, item);
    event.when_ms = unanswered_until_ms;
    event.text = SK_STR("abandoned");
    event.note = SK_STR("the saga is being undone");
    sk_turn_emit(turn, &event);
    sk_action_fail(turn, step, item, SK_OUTCOME_UNKNOWN, 0, SK_STR("abandoned"),
                   SK_STR("the saga is being undone"));
}

static void end_paused(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    sk_action_fail(turn, step, item, unit->maybe ? SK_OUTCOME_UNKNOWN : SK_OUTCOME_RETRYABLE, 0,
                   unit->error_code.size > 0 ? unit->error_code : SK_STR("abandoned"),
                   unit->error_message);
}

void sk_undo_stop_unit(struct sk_turn *turn, uint32_t step, int32_t item, bool is_forced)
{
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    const struct sk_call *action = &unit->action;
    if (turn->failed || !sk_unit_is_busy(unit)) return;
    if (sk_step_of(turn->saga, step)->kind == SK_KIND_WAIT) {
        struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_SKIPPED, step, item);
        event.kind = SK_SKIP_UNDO;
        sk_turn_emit(turn, &event);
    } else if (action->state == SK_CALL_PENDING && action->what == SK_FOR_CHILD) {
        sk_child_tell(turn, step, item, SK_MESSAGE_CHILD_CANCEL);
    } else if (sk_call_is_leased(action)) {
        if (is_forced) unknown_then_failed(turn, step, item, action->deadline_ms);
    } else if (action->state == SK_CALL_PENDING) {
        unknown_then_failed(turn, step, item,
                            0); /* the participant knows the key: answered, for law 6 */
    } else if (action->state == SK_CALL_FLYING) {
        if (is_forced) unknown_then_failed(turn, step, item, action->deadline_ms);
    } else if (sk_call_is_busy(action)) {
        end_paused(turn, step, item);
    } else if (unit->verify.state != SK_CALL_FLYING || is_forced) {
        end_paused(turn, step, item);
    }
}

void sk_undo_begin(struct sk_turn *turn, enum sk_reason reason, struct sk_str code,
                   struct sk_str message, bool is_forced)
{
    struct sk_event event = sk_turn_event(turn, SK_EVENT_SAGA_COMPENSATING, SK_STEP_NONE, -1);
    event.kind = (uint32_t)reason;
    event.flags = is_forced ? 1u : 0u;
    event.text = code;
    event.note = message;
    sk_turn_emit(turn, &event);
    for (uint32_t s = 0; !turn->failed && s < turn->saga->plan->steps_count; s++)
        for (uint32_t i = 0; i < turn->saga->steps[s].units_count; i++)
            sk_undo_stop_unit(turn, s, sk_item_of(sk_step_of(turn->saga, s), i), is_forced);
}

/* ---- starting one ---------------------------------------------------------------------------- */

/* A clear no to every attempt of this round raises the round; a maybe one keeps key and request. */
static bool raises_round(const struct sk_call *call)
{
    return call->attempt > 0 && call->last_was_no && !call->had_unknown;
}

static bool leaves_residue(const struct sk_compensation *compensation)
{
    switch (compensation->on_failure) {
    case SK_ON_FAILURE_FAIL:
    case SK_ON_FAILURE_RETRY: return compensation->is_best_effort;
    case SK_ON_FAILURE_ALERT:
    case SK_ON_FAILURE_IGNORE:
    case SK_ON_FAILURE_LOG: return true;
    }
    return false;
}

static void fail_undo(struct sk_turn *turn, uint32_t step, int32_t item, bool is_residue,
                      uint32_t marks, struct sk_str code, struct sk_str message)
{
    struct sk_event event = sk_turn_event(turn, SK_EVENT_COMPENSATION_FAILED, step, item);
    event.kind = is_residue ? 1u : 0u;
    event.flags = marks;
    event.text = code;
    event.note = message;
    sk_turn_emit(turn, &event);
    if (is_residue) return;
    sk_turn_alert(turn, step, item, SK_ALERT_CRITICAL, 0, "compensation_failed", message);
    sk_turn_letter(turn, step, item, "compensation_failed");
}

/* An attempt begins: its request is resolved where it is the first of its round. */
static void begin_attempt(struct sk_turn *turn, struct sk_event *event, bool is_new_round)
{
    const struct sk_compensation *compensation = &sk_step_of(turn->saga, event->step)->compensation;
    const struct sk_call *undo = &sk_saga_unit(turn->saga, event->step, event->item)->undo;
    bool is_new = undo->line.size == 0 || is_new_round;
    if (is_new) sk_request_resolve(turn, compensation->action, SK_OPERATION_COMPENSATION, event);
    if (is_new && sk_turn_is_too_large(turn))
        fail_undo(turn, event->step, event->item, leaves_residue(compensation), 0,
                  SK_STR("too_large"), SK_TOO_LARGE);
    else
        sk_turn_emit(turn, event);
}

void sk_undo_start(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    const struct sk_call *undo = &sk_saga_unit(turn->saga, step, item)->undo;
    struct sk_event event = sk_turn_event(turn, SK_EVENT_COMPENSATION_STARTED, step, item);
    bool is_new_round = raises_round(undo);
    event.round = undo->round + (is_new_round ? 1u : 0u);
    event.attempt = is_new_round ? 1u : undo->attempt + 1u;
    if (sk_is_task(s->compensation.action)) {
        sk_task_offer(turn, step, item, SK_OPERATION_COMPENSATION);
        return;
    }
    if (sk_undoes_child(s)) {
        event.kind = SK_FOR_CHILD;
        event.extra = SK_STR(" child\n");
        sk_turn_emit(turn, &event);
        sk_child_tell(turn, step, item, SK_MESSAGE_CHILD_COMPENSATE);
        return;
    }
    event.when_ms = sk_deadline_of(turn, &event, SK_OPERATION_COMPENSATION);
    begin_attempt(turn, &event, is_new_round);
}

void sk_undo_take(struct sk_turn *turn, const struct sk_command *command, int64_t deadline_ms)
{
    const struct sk_call *undo = &sk_saga_unit(turn->saga, command->step, command->item)->undo;
    bool is_new_round = raises_round(undo);
    bool is_first = undo->attempt == 0 || is_new_round;
    struct sk_event event =
        sk_turn_event(turn,
                      is_first ? SK_EVENT_COMPENSATION_STARTED : SK_EVENT_COMPENSATION_RETRYING,
                      command->step, command->item);
    event.round = undo->round + (is_new_round ? 1u : 0u);
    event.attempt = is_first ? 1u : undo->attempt + 1u;
    event.kind = SK_FOR_LEASE;
    event.text = command->who;
    event.when_ms = deadline_ms;
    begin_attempt(turn, &event, is_new_round);
}

void sk_undo_again(struct sk_turn *turn, uint32_t step, int32_t item, bool is_redrive)
{
    const struct sk_call *undo = &sk_saga_unit(turn->saga, step, item)->undo;
    if (sk_call_is_offered(undo)) return;
    if (sk_is_task(sk_step_of(turn->saga, step)->compensation.action)) {
        sk_task_offer(turn, step, item, SK_OPERATION_COMPENSATION);
        return;
    }
    struct sk_event event = sk_turn_event(turn, SK_EVENT_COMPENSATION_RETRYING, step, item);
    event.attempt = undo->attempt + (is_redrive ? 0u : 1u);
    event.flags = is_redrive ? 1u : 0u;
    event.when_ms = sk_deadline_of(turn, &event, SK_OPERATION_COMPENSATION);
    sk_turn_emit(turn, &event);
}

void sk_undo_skip(struct sk_turn *turn, uint32_t step, int32_t item, enum sk_undo_skip_cause cause)
{
    struct sk_event event = sk_turn_event(turn, SK_EVENT_COMPENSATION_SKIPPED, step, item);
    event.kind = (uint32_t)cause;
    sk_turn_emit(turn, &event);
}

/* Nothing is declared: a completed step counts as skipped, a maybe one is settled by verify or
 * named. */
static void settle_undeclared(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    if (!unit->maybe) {
        sk_undo_skip(turn, step, item, SK_UNDO_SKIP_NOT_DECLARED);
        return;
    }
    if (unit->verify.state != SK_CALL_IDLE || sk_verify_is_wanted(turn->saga, step, unit))
        return; /* sk_tick asks */
    sk_undo_skip(turn, step, item, SK_UNDO_SKIP_UNSETTLED);
    sk_turn_alert(turn, step, item, SK_ALERT_CRITICAL, 0, "maybe_not_settled",
                  SK_STR("nobody knows whether it happened"));
    sk_turn_letter(turn, step, item, "maybe_not_settled");
}

/* The unit's turn has come. */
static void undo_unit(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    if (sk_call_is_busy(&unit->undo)) return;
    if (unit->child_failed) {
        fail_undo(turn, step, item, false, 0, SK_STR("child_failed"),
                  SK_STR("the child saga needs repair"));
        return;
    }
    if (s->compensation.type == SK_UNDO_NONE && !sk_undoes_child(s)) {
        settle_undeclared(turn, step, item);
    } else if (s->compensation.only_completed && unit->maybe) {
        sk_undo_skip(turn, step, item, SK_UNDO_SKIP_ONLY_COMPLETED);
    } else if (turn->now_ms >= sk_unit_law6_at(unit)) {
        sk_undo_start(turn, step, item);
    }
}

/* ---- order ----------------------------------------------------------------------------------- */

static bool is_being_undone(const struct sk_step_run *run)
{
    for (uint32_t i = 0; i < run->units_count; i++)
        if (sk_call_is_busy(&run->units[i].undo) && run->units[i].undo.state != SK_CALL_PARKED)
            return true;
    return false;
}

/* Sequential: the unsettled step that started last, unless (after a late success) an earlier one is
 * being undone already; SK_STEP_NONE = none. */
static uint32_t last_started(const struct sk_saga *saga)
{
    uint32_t last = SK_STEP_NONE;
    bool is_last_begun = false;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        const struct sk_step_run *run = &saga->steps[s];
        if (run->first_start_seq == 0 || sk_step_undo_is_settled(saga, s)) continue;
        bool is_begun = is_being_undone(run);
        bool is_later =
            last == SK_STEP_NONE || (is_begun && !is_last_begun) ||
            (is_begun == is_last_begun && run->first_start_seq > saga->steps[last].first_start_seq);
        if (!is_later) continue;
        last = s;
        is_last_begun = is_begun;
    }
    return last;
}

/* Everything that was built on the step, however far: a step between that has nothing to undo (an
 * empty foreach, a skipped one) holds nothing back by itself. */
static bool dependants_are_settled(const struct sk_saga *saga, uint32_t step)
{
    for (uint32_t d = 0; d < saga->plan->steps_count; d++) {
        if (!sk_bitset_has(&sk_step_of(saga, d)->ancestors, step)) continue;
        if (saga->steps[d].first_start_seq != 0 && !sk_step_undo_is_settled(saga, d)) return false;
    }
    return true;
}

static bool has_turn(const struct sk_saga *saga, uint32_t step, uint32_t sequential_step)
{
    if (saga->steps[step].first_start_seq == 0 || sk_step_undo_is_settled(saga, step)) return false;
    if (saga->plan->strategy != SK_STRATEGY_PARALLEL) return step == sequential_step;
    return dependants_are_settled(saga, step);
}

/* The undo of a unit is under way: it is finished first, also when a late success adds one that
 * should have gone before it. */
static bool is_under_way(const struct sk_saga *saga, uint32_t step, const struct sk_unit *unit)
{
    return sk_call_is_busy(&unit->undo) && !sk_unit_undo_is_settled(saga, step, unit);
}

/* Sequential: a late success has added one that started later. What is under way is finished;
 * nothing more of this step begins before that one is settled. Nor does it while another one is
 * under way, which began when this one was settled for the order alone, and is taken up again. */
static bool is_overtaken(const struct sk_saga *saga, uint32_t step)
{
    if (saga->plan->strategy == SK_STRATEGY_PARALLEL) return false;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        bool is_later = saga->steps[s].first_start_seq > saga->steps[step].first_start_seq;
        if (s == step || sk_step_undo_is_settled(saga, s)) continue;
        if (is_later || is_being_undone(&saga->steps[s])) return true;
    }
    return false;
}

/* Calls fn for the units of a step whose turn it is: descending items, `parallel` at a time. */
static void each_unit_in_turn(const struct sk_saga *saga, uint32_t step, sk_undo_unit_fn *fn,
                              void *context)
{
    const struct sk_step *s = sk_step_of(saga, step);
    const struct sk_step_run *run = &saga->steps[step];
    uint32_t room = sk_step_is_foreach(s) && s->parallel > 0 ? s->parallel : 1u;
    if (is_overtaken(saga, step)) room = 0;
    for (uint32_t i = 0; i < run->units_count && room > 0; i++)
        if (is_under_way(saga, step, &run->units[i])) room--;
    for (uint32_t i = run->units_count; i > 0; i--) {
        const struct sk_unit *unit = &run->units[i - 1];
        if (sk_unit_undo_is_settled(saga, step, unit)) continue;
        if (!is_under_way(saga, step, unit)) {
            if (room == 0) continue;
            room--;
            if (sk_unit_is_busy(unit)) continue; /* awaited first; takes a place */
        }
        fn(context, step, sk_item_of(s, i - 1));
    }
}

static void undo_in_turn(void *context, uint32_t step, int32_t item)
{
    struct sk_turn *turn = context;
    if (!turn->failed) undo_unit(turn, step, item);
}

/* A foreach that stopped half way gets its own end, so that no step stays `running`. */
static void close_foreach(struct sk_turn *turn, uint32_t step)
{
    struct sk_step_run *run = &turn->saga->steps[step];
    if (!sk_step_is_foreach(sk_step_of(turn->saga, step)) || run->state != SK_STEP_RUNNING) return;
    for (uint32_t i = 0; i < run->units_count; i++)
        if (sk_unit_is_busy(&run->units[i])) return;
    bool is_whole = run->units_done == run->units_count && !run->is_failing;
    struct sk_event event =
        sk_turn_event(turn, is_whole ? SK_EVENT_STEP_COMPLETED : SK_EVENT_STEP_FAILED, step, -1);
    if (!is_whole) event.text = SK_STR("abandoned");
    sk_turn_emit(turn, &event);
}

void sk_undo_advance(struct sk_turn *turn)
{
    struct sk_saga *saga = turn->saga;
    for (uint32_t s = 0; !turn->failed && s < saga->plan->steps_count; s++) close_foreach(turn, s);
    uint64_t seq = 0;
    while (!turn->failed && seq != saga->seq) {
        seq = saga->seq;
        uint32_t last = last_started(saga);
        for (uint32_t s = 0; !turn->failed && s < saga->plan->steps_count; s++)
            if (has_turn(saga, s, last)) each_unit_in_turn(saga, s, undo_in_turn, turn);
    }
}

struct wake {
    const struct sk_saga *saga;
    int64_t at_ms;
};

static void law6_wake(void *context, uint32_t step, int32_t item)
{
    struct wake *wake = context;
    const struct sk_unit *unit = sk_saga_unit(wake->saga, step, item);
    int64_t at_ms = sk_unit_law6_at(unit);
    if (sk_step_of(wake->saga, step)->compensation.type == SK_UNDO_NONE)
        return; /* its verify wakes by itself */
    if (sk_call_is_busy(&unit->undo) || at_ms == 0) return;
    if (at_ms < wake->at_ms) wake->at_ms = at_ms;
}

void sk_undo_each_in_turn(const struct sk_saga *saga, sk_undo_unit_fn *fn, void *context)
{
    uint32_t last = last_started(saga);
    for (uint32_t s = 0; s < saga->plan->steps_count; s++)
        if (has_turn(saga, s, last)) each_unit_in_turn(saga, s, fn, context);
}

int64_t sk_undo_wake_at(const struct sk_saga *saga)
{
    struct wake wake = { saga, INT64_MAX };
    sk_undo_each_in_turn(saga, law6_wake, &wake);
    return wake.at_ms;
}

/* ---- outcomes -------------------------------------------------------------------------------- */

static const struct sk_retry_policy *policy_of(const struct sk_step *step,
                                               const struct sk_unit *unit)
{
    return unit->undo_second_policy ? &step->compensation.on_failure_retry
                                    : &step->compensation.retry;
}

static void undo_waits(struct sk_turn *turn, uint32_t step, int32_t item, enum sk_wait_for what,
                       int64_t when_ms, uint32_t marks, const struct sk_outcome *outcome)
{
    struct sk_event event = sk_turn_event(turn, SK_EVENT_COMPENSATION_WAITING, step, item);
    event.kind = (uint32_t)what;
    event.when_ms = when_ms;
    event.flags = marks;
    event.text = outcome->code;
    event.note = outcome->message;
    sk_turn_emit(turn, &event);
}

/* The policy is used up, or the participant clearly said no. */
static void undo_gives_up(struct sk_turn *turn, uint32_t step, int32_t item,
                          const struct sk_outcome *outcome)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    bool is_no = outcome->class_ == SK_OUTCOME_FAILED;
    if (s->compensation.on_failure == SK_ON_FAILURE_RETRY && !unit->undo_second_policy) {
        int64_t pause = sk_retry_delay(&s->compensation.on_failure_retry, 2, sk_turn_entropy(turn),
                                       outcome->retry_after_ms);
        undo_waits(turn, step, item, SK_FOR_BACKOFF, turn->now_ms + pause, SK_MARK_SECOND_POLICY,
                   outcome);
        return;
    }
    if (leaves_residue(&s->compensation)) {
        fail_undo(turn, step, item, true, is_no ? SK_MARK_CLEAR_NO : 0u, outcome->code,
                  outcome->message);
        if (s->compensation.on_failure == SK_ON_FAILURE_ALERT)
            sk_turn_alert(turn, step, item, SK_ALERT_WARNING, 0, "residue", outcome->message);
        return;
    }
    if (!is_no && unit->takeups < turn->rules->takeups_max) {
        int64_t pause = turn->rules->takeup_pause_ms << unit->takeups;
        undo_waits(turn, step, item, SK_FOR_SWEEP, turn->now_ms + pause, 0, outcome);
        return;
    }
    fail_undo(turn, step, item, false, is_no ? SK_MARK_CLEAR_NO : 0u, outcome->code,
              outcome->message);
}

void sk_undo_outcome(struct sk_turn *turn, uint32_t step, int32_t item,
                     const struct sk_outcome *outcome)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    if (outcome->class_ == SK_OUTCOME_SUCCEEDED) {
        struct sk_event event = sk_turn_event(turn, SK_EVENT_COMPENSATION_COMPLETED, step, item);
        event.body = outcome->output;
        sk_turn_emit(turn, &event);
        return;
    }
    if (outcome->class_ == SK_OUTCOME_PENDING) {
        struct sk_outcome plain = { .class_ = SK_OUTCOME_PENDING };
        int64_t until = s->pending_timeout_ms > 0 ? turn->now_ms + s->pending_timeout_ms : 0;
        undo_waits(turn, step, item, SK_FOR_ANSWER, until, 0, &plain);
        return;
    }
    const struct sk_retry_policy *policy = policy_of(s, unit);
    bool has_left =
        unit->undo.attempt < (policy->type == SK_RETRY_NONE ? 1u : policy->max_attempts);
    bool again = has_left && sk_retry_allows(policy, outcome);
    if (outcome->class_ == SK_OUTCOME_UNKNOWN) {
        struct sk_event event = sk_turn_event(turn, SK_EVENT_COMPENSATION_UNKNOWN, step, item);
        event.text = outcome->code;
        event.note = outcome->message;
        sk_turn_emit(turn, &event);
    }
    if (turn->failed) return;
    if (!again) {
        undo_gives_up(turn, step, item, outcome);
        return;
    }
    int64_t pause = sk_retry_delay(policy, unit->undo.attempt + 1, sk_turn_entropy(turn),
                                   outcome->retry_after_ms);
    undo_waits(turn, step, item, SK_FOR_BACKOFF, turn->now_ms + pause, 0, outcome);
}

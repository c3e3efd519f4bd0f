/*
 * advance.c: what follows from the state as it stands: timers that are due, steps that may start,
 * direction, end. Runs after every command, to a fixed point; each round must emit an event or be
 * the last.
 */
#include "core/core_private.h"

/* ---- timers ---------------------------------------------------------------------------------- */

static bool is_due(int64_t due_at_ms, int64_t now_ms)
{
    return due_at_ms != 0 && due_at_ms <= now_ms;
}

static void action_times_out(struct sk_turn *turn, uint32_t step, int32_t item, const char *code,
                             const char *message)
{
    struct sk_outcome outcome = { .class_ = SK_OUTCOME_RETRYABLE,
                                  .code = sk_str_of(code),
                                  .message = sk_str_of(message),
                                  .is_answered = true };
    sk_action_give_up(turn, step, item, &outcome);
}

/* Tried until it is settled, whatever its step_timeout says: what must succeed, and a pivot of
 * which nobody knows. */
bool sk_unit_is_never_given_up(const struct sk_saga *saga, uint32_t step,
                               const struct sk_unit *unit)
{
    bool is_open_pivot =
        sk_step_of(saga, step)->is_pivot && saga->state == SK_SAGA_RUNNING && !saga->is_past_pivot;
    return sk_step_must_succeed(saga, step) || (is_open_pivot && unit->maybe);
}

static void tick_paused(struct sk_turn *turn, uint32_t step, int32_t item,
                        const struct sk_unit *unit)
{
    const struct sk_call *action = &unit->action;
    int64_t step_limit = sk_step_of(turn->saga, step)->step_timeout_ms;
    bool is_over = step_limit > 0 && unit->first_start_at_ms + step_limit <= turn->now_ms;
    bool is_offered = sk_call_is_offered(action);
    if (is_offered && unit->first_start_at_ms == 0)
        is_over = is_due(action->due_at_ms, turn->now_ms);
    bool retries = is_offered || action->what == SK_FOR_BACKOFF || action->what == SK_FOR_REDRIVE;
    if (retries && is_over && !sk_unit_is_never_given_up(turn->saga, step, unit)) {
        action_times_out(turn, step, item, "step_timeout",
                         "all attempts and pauses took longer than step_timeout");
    } else if (action->what == SK_FOR_POLL && is_due(action->wait_until_ms, turn->now_ms)) {
        sk_action_refuse(turn, step, item, SK_STR("timeout"), SK_STR("the poll's time-out passed"));
    } else if (is_offered || !is_due(action->due_at_ms, turn->now_ms)) {
        return;
    } else if (action->what == SK_FOR_TIMER) {
        sk_action_complete(turn, step, item, (struct sk_str){ NULL, 0 },
                           (struct sk_str){ NULL, 0 });
    } else {
        sk_action_again(turn, step, item);
    }
}

static void lease_passed(struct sk_turn *turn, uint32_t step, int32_t item)
{
    struct sk_outcome outcome = { .class_ = SK_OUTCOME_UNKNOWN,
                                  .code = SK_STR("lease_expired"),
                                  .message = SK_STR("the worker said nothing until its lease "
                                                    "was over") };
    sk_action_outcome(turn, step, item, &outcome);
}

static void tick_pending(struct sk_turn *turn, uint32_t step, int32_t item,
                         const struct sk_unit *unit)
{
    if (!is_due(unit->action.due_at_ms, turn->now_ms)) return;
    if (unit->action.what == SK_FOR_SIGNAL) {
        sk_action_refuse(turn, step, item, SK_STR("timeout"),
                         SK_STR("the signal did not come in time"));
        return;
    }
    if (unit->action.what == SK_FOR_LEASE) {
        lease_passed(turn, step, item);
        return;
    }
    if (unit->action.what != SK_FOR_ANSWER) return;
    struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_UNKNOWN, step, item);
    event.text = SK_STR("pending_timeout");
    event.note = SK_STR("the pending answer did not come in time");
    sk_turn_emit(turn, &event);
    struct sk_outcome outcome = { .class_ = SK_OUTCOME_UNKNOWN,
                                  .code = SK_STR("pending_timeout"),
                                  .message = event.note,
                                  .is_answered = true };
    if (turn->failed) return;
    const struct sk_retry_policy *policy = &sk_step_of(turn->saga, step)->retry;
    bool again = turn->saga->state != SK_SAGA_COMPENSATING && sk_retry_allows(policy, &outcome) &&
                 unit->action.attempt < sk_attempts_max(turn->saga, policy);
    if (!again) {
        sk_action_give_up(turn, step, item, &outcome);
        return;
    }
    event = sk_turn_event(turn, SK_EVENT_STEP_WAITING, step, item);
    event.kind = SK_FOR_BACKOFF;
    event.when_ms =
        turn->now_ms + sk_retry_delay(policy, unit->action.attempt + 1, sk_turn_entropy(turn), 0);
    sk_turn_emit(turn, &event);
}

static void tick_undo(struct sk_turn *turn, uint32_t step, int32_t item, const struct sk_unit *unit)
{
    if (!is_due(unit->undo.due_at_ms, turn->now_ms)) return;
    if (unit->undo.state == SK_CALL_PENDING) {
        struct sk_outcome outcome = { .class_ = SK_OUTCOME_UNKNOWN,
                                      .code = sk_call_is_leased(&unit->undo)
                                                  ? SK_STR("lease_expired")
                                                  : SK_STR("pending_timeout") };
        sk_undo_outcome(turn, step, item, &outcome);
        return;
    }
    sk_undo_again(turn, step, item, unit->undo.what == SK_FOR_REDRIVE);
}

static void tick_unit(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    if (sk_unit_is_busy(unit)) {
        if (unit->action.state == SK_CALL_PAUSED)
            tick_paused(turn, step, item, unit);
        else if (unit->action.state == SK_CALL_PENDING)
            tick_pending(turn, step, item, unit);
    }
    if (turn->failed) return;
    if (sk_verify_is_wanted(turn->saga, step, unit) && unit->verify.due_at_ms <= turn->now_ms)
        sk_verify_start(turn, step, item);
    else if (unit->undo.state != SK_CALL_IDLE && unit->undo.state != SK_CALL_FLYING)
        tick_undo(turn, step, item, unit);
}

static bool has_timer(const struct sk_call *call)
{
    static_assert(SK_CALL_IDLE < SK_CALL_FLYING && SK_CALL_FLYING < SK_CALL_PENDING, "in order");
    return call->state > SK_CALL_FLYING;
}

/* Most units at most times: nothing of it pauses or waits, and there is nothing to verify. */
static bool is_timeless(const struct sk_unit *unit)
{
    return !unit->maybe && !has_timer(&unit->action) && !has_timer(&unit->undo);
}

void sk_tick(struct sk_turn *turn)
{
    const struct sk_saga *saga = turn->saga;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++)
        for (uint32_t i = 0; !turn->failed && i < saga->steps[s].units_count; i++)
            if (!is_timeless(&saga->steps[s].units[i]))
                tick_unit(turn, s, sk_item_of(sk_step_of(saga, s), i));
}

static int64_t least(int64_t a, int64_t b)
{
    return b != 0 && b < a ? b : a;
}

int64_t sk_unit_wake_at(const struct sk_saga *saga, uint32_t step, const struct sk_unit *unit)
{
    int64_t at = INT64_MAX;
    if (is_timeless(unit)) return at;
    const struct sk_call *action = &unit->action;
    if (sk_unit_is_busy(unit) &&
        (action->state == SK_CALL_PAUSED || action->state == SK_CALL_PENDING)) {
        at = least(at, action->due_at_ms);
        if (action->what == SK_FOR_POLL) at = least(at, action->wait_until_ms);
        int64_t limit = sk_step_of(saga, step)->step_timeout_ms;
        bool is_offered = sk_call_is_offered(action) && unit->first_start_at_ms != 0;
        bool retries =
            is_offered || action->what == SK_FOR_BACKOFF || action->what == SK_FOR_REDRIVE;
        if (retries && limit > 0 && !sk_unit_is_never_given_up(saga, step, unit))
            at = least(at, unit->first_start_at_ms + limit);
    }
    if (sk_verify_is_wanted(saga, step, unit)) {
        int64_t law6 = sk_unit_law6_at(unit);
        at = least(at,
                   unit->verify.due_at_ms > law6 ? unit->verify.due_at_ms : (law6 == 0 ? 1 : law6));
    }
    bool undo_waits = unit->undo.state == SK_CALL_PAUSED || unit->undo.state == SK_CALL_PENDING ||
                      unit->undo.state == SK_CALL_PARKED;
    return undo_waits ? least(at, unit->undo.due_at_ms) : at;
}

int64_t sk_saga_wake_at(const struct sk_saga *saga)
{
    int64_t at = INT64_MAX;
    if (saga->is_suspended || saga->seq == 0) return at;
    at = least(at, sk_hooks_wake_at(saga));
    for (uint32_t s = 0; s < saga->plan->steps_count; s++)
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++)
            at = least(at, sk_unit_wake_at(saga, s, &saga->steps[s].units[i]));
    switch (saga->state) {
    case SK_SAGA_PENDING:
        return least(at,
                     sk_locks_are_asked(saga) ? saga->lock_deadline_ms : saga->acquire_deadline_ms);
    case SK_SAGA_COMPENSATING: at = least(at, sk_undo_wake_at(saga)); break;
    case SK_SAGA_RUNNING: break;
    case SK_SAGA_COMPLETED:
    case SK_SAGA_COMPENSATED:
    case SK_SAGA_FAILED:
    case SK_SAGA_CANCELLED:
    case SK_SAGA_TIMED_OUT:
    case SK_SAGA_SUSPENDED:
    case SK_SAGA_STATES_COUNT: return at;
    }
    bool has_seen = saga->timeout_alerted || saga->wish != SK_REASON_NONE;
    return has_seen ? at : least(at, saga->deadline_ms);
}

/* ---- going forward --------------------------------------------------------------------------- */

/* All ancestors, not only the nearest: a step that an operator skipped early hides those before
 * it. */
static bool dependencies_are_settled(const struct sk_saga *saga, const struct sk_step *step)
{
    for (uint32_t d = 0; d < step->dependencies_count; d++)
        if (!saga->steps[step->dependencies[d]].is_settled) return false;
    const struct sk_bitset *all = &step->ancestors;
    for (uint32_t a = sk_bitset_next(all, 0); a < all->bits_count; a = sk_bitset_next(all, a + 1))
        if (!saga->steps[a].is_settled) return false;
    return true;
}

static void suspend_for(struct sk_turn *turn, const char *code, struct sk_str message)
{
    struct sk_event event = sk_turn_event(turn, SK_EVENT_SAGA_SUSPENDED, SK_STEP_NONE, -1);
    event.text = sk_str_of(code);
    event.note = message;
    sk_turn_emit(turn, &event);
}

/* Before it began: a foreach has no unit yet that could wait for a human. */
static void refuse_step(struct sk_turn *turn, uint32_t step, const char *code, const char *message)
{
    if (!sk_step_is_foreach(sk_step_of(turn->saga, step)))
        sk_action_refuse(turn, step, -1, sk_str_of(code), sk_str_of(message));
    else if (sk_step_must_succeed(turn->saga, step))
        suspend_for(turn, code, sk_str_of(message));
    else
        sk_action_fail(turn, step, -1, SK_OUTCOME_FAILED, SK_MARK_CLEAR_NO, sk_str_of(code),
                       sk_str_of(message));
}

/* Evaluates the items once; the list is stored in the event. */
static void open_foreach(struct sk_turn *turn, uint32_t step)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    struct sk_scope_context context = { .turn = turn, .step = step, .item = -1 };
    struct sk_scope scope = sk_scope_of(&context);
    struct sk_buf items;
    sk_buf_init(&items, SK_PAYLOAD_SIZE_MAX);
    sk_template_render_json(s->items, &scope, &turn->scratch->arena, &items);
    struct sk_str list = sk_buf_view(&items);
    size_t count = sk_json_type(list) == SK_JSON_ARRAY ? sk_json_count(list) : SK_ITEMS_MAX + 1u;
    if (sk_json_type(list) == SK_JSON_NULL) {
        list = SK_STR("[]");
        count = 0;
    }
    if (items.failed && !items.is_full) {
        turn->failed = true;
    } else if (count > SK_ITEMS_MAX || items.is_full) {
        refuse_step(turn, step, "bad_items", "foreach.items is not a list of at most 10000");
    } else {
        struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_STARTED, step, -1);
        event.body = list;
        event.number = count;
        sk_turn_emit(turn, &event);
    }
    sk_buf_release(&items);
}

static void start_step(struct sk_turn *turn, uint32_t step)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    int32_t item = -1;
    (void)sk_turn_is_too_large(turn);
    bool is_met = s->condition == NULL ||
                  sk_condition_holds(turn, s->condition, step, item, (struct sk_str){ NULL, 0 });
    if (sk_turn_is_too_large(turn)) {
        refuse_step(turn, step, "too_large", "the variables of its condition are too large");
    } else if (!is_met) {
        struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_SKIPPED, step, item);
        event.kind = SK_SKIP_CONDITION;
        sk_turn_emit(turn, &event);
    } else if (sk_step_is_foreach(s)) {
        open_foreach(turn, step);
    } else {
        sk_action_start(turn, step, item);
    }
}

static uint32_t busy_items(const struct sk_step_run *run)
{
    uint32_t busy = 0;
    for (uint32_t i = 0; i < run->units_next; i++) busy += sk_unit_is_busy(&run->units[i]);
    return busy;
}

static void end_foreach(struct sk_turn *turn, uint32_t step)
{
    struct sk_step_run *run = &turn->saga->steps[step];
    struct sk_event event =
        sk_turn_event(turn, run->is_failing ? SK_EVENT_STEP_FAILED : SK_EVENT_STEP_COMPLETED, step,
                      -1);
    for (uint32_t i = 0; run->is_failing && i < run->units_count && event.text.size == 0; i++) {
        if (run->units[i].state != SK_STEP_FAILED) continue;
        event.text = run->units[i].error_code;
        event.note = run->units[i].error_message;
    }
    sk_turn_emit(turn, &event);
}

static void advance_foreach(struct sk_turn *turn, uint32_t step, bool may_start)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    struct sk_step_run *run = &turn->saga->steps[step];
    uint32_t busy = busy_items(run);
    while (!turn->failed && may_start && !run->is_failing && busy < s->parallel &&
           run->units_next < run->units_count) {
        uint32_t next = run->units_next;
        while (next < run->units_count && run->units[next].state != SK_STEP_PENDING) next++;
        if (next == run->units_count) break;
        sk_action_start(turn, step, (int32_t)next);
        busy = busy_items(run);
    }
    if (turn->failed || run->state != SK_STEP_RUNNING) return;
    if (run->units_done == run->units_count || (run->is_failing && busy == 0))
        end_foreach(turn, step);
}

static void start_ready_steps(struct sk_turn *turn)
{
    struct sk_saga *saga = turn->saga;
    for (uint32_t s = 0; !turn->failed && s < saga->plan->steps_count; s++) {
        const struct sk_step *step = sk_step_of(saga, s);
        struct sk_step_run *run = &saga->steps[s];
        if (saga->is_suspended) return;
        if (run->state == SK_STEP_PENDING && dependencies_are_settled(saga, step))
            start_step(turn, s);
        if (!turn->failed && sk_step_is_foreach(step) && run->state == SK_STEP_RUNNING)
            advance_foreach(turn, s, true);
    }
}

/* The step whose failure ends the forward direction, or SK_STEP_NONE. */
static uint32_t failed_step(const struct sk_saga *saga)
{
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        const struct sk_step *step = sk_step_of(saga, s);
        if (saga->steps[s].state == SK_STEP_FAILED && !step->may_fail && !step->is_detached)
            return s;
    }
    return SK_STEP_NONE;
}

static void check_deadline(struct sk_turn *turn)
{
    struct sk_saga *saga = turn->saga;
    if (saga->deadline_ms == 0 || turn->now_ms < saga->deadline_ms || saga->timeout_alerted) return;
    if (saga->wish != SK_REASON_NONE) return;
    struct sk_str message = SK_STR("the saga's time-out passed");
    bool forward = saga->is_past_pivot || saga->plan->is_forward;
    if (saga->state == SK_SAGA_COMPENSATING || forward) {
        sk_turn_alert(turn, SK_STEP_NONE, -1, SK_ALERT_WARNING, SK_ALERT_TIMEOUT_SEEN,
                      "saga_timeout", message);
    } else if (sk_saga_is_frozen(saga)) {
        sk_turn_alert(turn, SK_STEP_NONE, -1, SK_ALERT_WARNING,
                      SK_ALERT_TIMEOUT_SEEN | SK_ALERT_WISH_TIMEOUT, "saga_timeout_waits_for_pivot",
                      message);
    } else {
        sk_undo_begin(turn, SK_REASON_TIMEOUT, SK_STR("timeout"), message, false);
    }
}

static bool all_settled(const struct sk_saga *saga)
{
    for (uint32_t s = 0; s < saga->plan->steps_count; s++)
        if (!saga->steps[s].is_settled) return false;
    return true;
}

static void advance_running(struct sk_turn *turn)
{
    struct sk_saga *saga = turn->saga;
    uint32_t failed = failed_step(saga);
    if (failed != SK_STEP_NONE) {
        enum sk_reason reason = saga->wish != SK_REASON_NONE ? saga->wish : SK_REASON_STEP;
        sk_undo_begin(turn, reason, saga->error_code, saga->error_message, false);
        return;
    }
    if (saga->wish != SK_REASON_NONE && !saga->is_past_pivot && !sk_saga_is_frozen(saga)) {
        sk_undo_begin(turn, saga->wish, sk_str_of(sk_reason_name(saga->wish)),
                      SK_STR("recorded while the pivot was open"), false);
        return;
    }
    if (!turn->rules->starts_nothing) check_deadline(turn);
    if (turn->failed || saga->state != SK_SAGA_RUNNING) return;
    if (!turn->rules->starts_nothing) start_ready_steps(turn);
    if (!turn->failed && !saga->is_suspended && all_settled(saga) &&
        failed_step(saga) == SK_STEP_NONE)
        sk_saga_finish(turn, SK_EVENT_SAGA_COMPLETED, SK_REASON_NONE, SK_STR(""));
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void map_of_outputs(const struct sk_saga *saga, struct sk_buf *out)
{
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        bool was_given = saga->steps[s].state == SK_STEP_SKIPPED && saga->steps[s].output.size > 0;
        if (saga->steps[s].state != SK_STEP_COMPLETED && !was_given) continue;
        sk_json_key_str(&w, sk_step_of(saga, s)->id);
        sk_json_put_raw(&w, saga->steps[s].output);
    }
    sk_json_end_object(&w);
}

void sk_saga_finish(struct sk_turn *turn, enum sk_event_type type, enum sk_reason reason,
                    struct sk_str left)
{
    struct sk_saga *saga = turn->saga;
    struct sk_event event = sk_turn_event(turn, type, SK_STEP_NONE, -1);
    bool is_left_undone = type == SK_EVENT_SAGA_COMPLETED && saga->state == SK_SAGA_COMPENSATING &&
                          saga->reason == SK_REASON_PARENT;
    struct sk_buf *output = sk_scratch_take(turn->scratch, 2 * SK_PAYLOAD_SIZE_MAX);
    event.kind = (uint32_t)reason;
    event.extra = left;
    if (type == SK_EVENT_SAGA_COMPLETED && saga->plan->output != NULL) {
        (void)sk_turn_is_too_large(turn);
        event.body = sk_render_document(turn, saga->plan->output, SK_STEP_NONE, -1);
    } else if (type == SK_EVENT_SAGA_COMPLETED) {
        map_of_outputs(saga, output);
        event.body = sk_buf_view(output);
    }
    if (type == SK_EVENT_SAGA_FAILED) {
        event.text = saga->error_code;
        event.note = saga->error_message;
    }
    if (output->failed && !output->is_full) turn->failed = true;
    bool is_too_deep = !output->failed && sk_json_is_too_deep(sk_buf_view(output));
    if (output->is_full || is_too_deep || sk_turn_is_too_large(turn)) {
        event.body = (struct sk_str){ NULL, 0 };
        sk_turn_alert(turn, SK_STEP_NONE, -1, SK_ALERT_WARNING, 0, "output_too_large",
                      SK_STR("the saga's output is larger than its limit and left out"));
    }
    sk_turn_emit(turn, &event);
    sk_scratch_give_back(turn->scratch, output);
    if (turn->failed) return;
    sk_locks_give_back(turn);
    sk_parent_tell(turn, is_left_undone);
}

static enum sk_event_type end_of(const struct sk_saga *saga)
{
    switch (saga->reason) {
    case SK_REASON_CANCEL: return SK_EVENT_SAGA_CANCELLED;
    case SK_REASON_TIMEOUT: return SK_EVENT_SAGA_TIMED_OUT;
    case SK_REASON_NONE:
    case SK_REASON_STEP:
    case SK_REASON_PARENT:
    case SK_REASON_FORCED:
    case SK_REASON_ACQUIRE_TIMEOUT:
    case SK_REASON_LOCK_TIMEOUT:
    case SK_REASONS_COUNT: break;
    }
    return SK_EVENT_SAGA_COMPENSATED;
}

static void advance_compensating(struct sk_turn *turn)
{
    struct sk_saga *saga = turn->saga;
    if (turn->rules->starts_nothing) return;
    check_deadline(turn);
    sk_undo_advance(turn);
    if (turn->failed) return;
    bool has_failed = false;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        const struct sk_step_run *run = &saga->steps[s];
        if (!sk_step_undo_is_settled(saga, s)) return;
        for (uint32_t i = 0; i < run->units_count; i++) {
            if (run->units[i].undo.state == SK_CALL_PARKED) return; /* taken up again later */
            has_failed = has_failed || run->units[i].undo_state == SK_UNDO_FAILED;
        }
    }
    sk_saga_finish(turn, has_failed ? SK_EVENT_SAGA_FAILED : end_of(saga), SK_REASON_NONE,
                   SK_STR(""));
}

static void advance_pending(struct sk_turn *turn)
{
    struct sk_saga *saga = turn->saga;
    if (sk_locks_are_asked(saga)) {
        if (is_due(saga->lock_deadline_ms, turn->now_ms))
            sk_saga_finish(turn, SK_EVENT_SAGA_TIMED_OUT, SK_REASON_LOCK_TIMEOUT, SK_STR(""));
    } else if (is_due(saga->acquire_deadline_ms, turn->now_ms)) {
        sk_saga_finish(turn, SK_EVENT_SAGA_TIMED_OUT, SK_REASON_ACQUIRE_TIMEOUT, SK_STR(""));
    }
}

static void advance_once(struct sk_turn *turn)
{
    struct sk_saga *saga = turn->saga;
    if (!turn->rules->starts_nothing) sk_tick(turn);
    if (turn->failed) return;
    switch (saga->state) {
    case SK_SAGA_PENDING: advance_pending(turn); break;
    case SK_SAGA_RUNNING: advance_running(turn); break;
    case SK_SAGA_COMPENSATING: advance_compensating(turn); break;
    case SK_SAGA_COMPLETED:
    case SK_SAGA_COMPENSATED:
    case SK_SAGA_FAILED:
    case SK_SAGA_CANCELLED:
    case SK_SAGA_TIMED_OUT:
        for (uint32_t s = 0; s < saga->plan->steps_count; s++)
            if (sk_step_is_foreach(sk_step_of(saga, s)) && saga->steps[s].state == SK_STEP_RUNNING)
                advance_foreach(turn, s,
                                saga->state == SK_SAGA_COMPLETED && !turn->rules->starts_nothing);
        break;
    case SK_SAGA_SUSPENDED:
    case SK_SAGA_STATES_COUNT: break;
    }
}

void sk_suspend_when_long(struct sk_turn *turn)
{
    const struct sk_saga *saga = turn->saga;
    uint64_t max = turn->rules->history_max;
    bool is_forward = saga->state == SK_SAGA_PENDING || saga->state == SK_SAGA_RUNNING;
    if (turn->failed || max == 0 || !is_forward || saga->is_suspended) return;
    if (saga->seq / max == turn->seq_before / max) return;
    turn->seq_before = saga->seq; /* once a turn */
    struct sk_str message = SK_STR("the saga's history has reached limits.history_max: cancel it, "
                                   "or resume it for as many events again");
    sk_turn_alert(turn, SK_STEP_NONE, -1, SK_ALERT_CRITICAL, 0, "history_limit", message);
    suspend_for(turn, "history_limit", message);
}

void sk_advance(struct sk_turn *turn)
{
    uint64_t seq = 0;
    while (!turn->failed && !turn->saga->is_suspended && seq != turn->saga->seq) {
        seq = turn->saga->seq;
        advance_once(turn);
        sk_suspend_when_long(turn);
    }
}

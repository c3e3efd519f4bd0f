/*
 * decide.c: the door of the core: one command in, events out. Each command's own rule runs first,
 * then what follows from the new state (advance.c), then, every SK_SNAPSHOT_EVERY events, a
 * snapshot.
 */
#include "core/core_private.h"

/* ---- start and admission --------------------------------------------------------------------- */

static enum skald_status start(struct sk_turn *turn, const struct sk_start *start)
{
    if (turn->saga->seq != 0) return SKALD_OK;
    struct sk_buf *record = sk_scratch_take(turn->scratch, SK_EVENT_SIZE_MAX / 2);
    sk_start_encode(start, record);
    struct sk_event event = { .type = SK_EVENT_SAGA_ACCEPTED, .step = SK_STEP_NONE, .item = -1 };
    event.body = start->input;
    event.extra = sk_buf_view(record);
    if (start->acquire_timeout_ms > 0) event.when_ms = turn->now_ms + start->acquire_timeout_ms;
    if (record->failed) turn->failed = true;
    sk_turn_emit(turn, &event);
    sk_scratch_give_back(turn->scratch, record);
    return SKALD_OK;
}

static void begin_running(struct sk_turn *turn)
{
    const struct sk_saga *saga = turn->saga;
    struct sk_event event = sk_turn_event(turn, SK_EVENT_SAGA_STARTED, SK_STEP_NONE, -1);
    int64_t timeout = saga->plan->timeout_ms;
    if (saga->start.timeout_ms > 0 && (timeout == 0 || saga->start.timeout_ms < timeout))
        timeout = saga->start.timeout_ms;
    if (timeout > 0) event.when_ms = turn->now_ms + timeout;
    sk_turn_emit(turn, &event);
}

static void admit(struct sk_turn *turn)
{
    if (turn->saga->state != SK_SAGA_PENDING || turn->saga->is_suspended) return;
    if (turn->rules->starts_nothing) return;
    if (sk_locks_all_held(turn->saga))
        begin_running(turn);
    else
        sk_locks_ask_next(turn);
}

/* Locks were granted by a message, or a hold was let go: what waited for them goes on. */
static void go_on_with_locks(struct sk_turn *turn)
{
    struct sk_saga *saga = turn->saga;
    if (turn->failed || saga->locks_count == 0 || saga->is_suspended || !sk_locks_all_held(saga))
        return;
    if (saga->state == SK_SAGA_PENDING && sk_locks_are_asked(saga)) {
        begin_running(turn);
    } else if (saga->state == SK_SAGA_FAILED && saga->retry_after_locks) {
        struct sk_command command = { .kind = SK_COMMAND_RETRY, .step = SK_STEP_NONE, .item = -1 };
        command.who = SK_STR("engine");
        command.why = SK_STR("the lock keys are granted");
        sk_saga_reopen(turn, &command);
    }
}

/* ---- outcomes -------------------------------------------------------------------------------- */

static void dispatch_outcome(struct sk_turn *turn, const struct sk_command *command,
                             enum sk_operation operation)
{
    switch (operation) {
    case SK_OPERATION_ACTION:
        sk_action_outcome(turn, command->step, command->item, command->outcome);
        break;
    case SK_OPERATION_POLL:
        sk_poll_outcome(turn, command->step, command->item, command->outcome);
        break;
    case SK_OPERATION_COMPENSATION:
        sk_undo_outcome(turn, command->step, command->item, command->outcome);
        break;
    case SK_OPERATION_VERIFY:
        sk_verify_outcome(turn, command->step, command->item, command->outcome);
        break;
    case SK_OPERATION_HOOK:
    case SK_OPERATION_DECISION: break;
    }
}

static enum skald_status outcome(struct sk_turn *turn, const struct sk_command *command)
{
    if (command->operation == SK_OPERATION_HOOK) {
        sk_hook_outcome(turn, command->start_seq, command->outcome);
        return SKALD_OK;
    }
    struct sk_unit *unit = sk_saga_unit(turn->saga, command->step, command->item);
    if (unit == NULL)
        return sk_error_set(turn->error, SKALD_E_NOT_FOUND, "the saga has no such step or item");
    const struct sk_call *call = sk_unit_call(unit, command->operation);
    bool is_awaited =
        call != NULL && call->state == SK_CALL_FLYING && call->start_seq == command->start_seq;
    bool is_action = command->operation == SK_OPERATION_ACTION;
    if (is_action && !sk_unit_is_busy(unit)) is_awaited = false;
    if (is_awaited)
        dispatch_outcome(turn, command, command->operation);
    else if (is_action)
        sk_late_answer(turn, command->step, command->item, command->attempt, command->round,
                       command->outcome);
    return SKALD_OK;
}

/* The same answer again is fine; another one is a conflict. */
static enum skald_status completed_before(struct sk_turn *turn, const struct sk_command *command,
                                          const struct sk_unit *unit)
{
    bool is_success = command->outcome->class_ == SK_OUTCOME_SUCCEEDED;
    if (unit->state == SK_STEP_COMPLETED) {
        if (is_success && sk_json_equal(unit->output, command->outcome->output)) return SKALD_OK;
        return sk_error_set(turn->error, SKALD_E_CONFLICT,
                            "the step has been completed before with another answer");
    }
    bool is_same_no = unit->state == SK_STEP_FAILED && !is_success &&
                      sk_str_equal(unit->error_code, command->outcome->code);
    if (is_same_no) return SKALD_OK;
    sk_late_answer(turn, command->step, command->item, command->attempt, command->round,
                   command->outcome);
    return SKALD_OK;
}

/* The answer is that of an earlier attempt, or of the first copy of a redriven one: the one on the
 * wire is not answered by it, and may still arrive (law 6). */
static void leave_flying(struct sk_turn *turn, const struct sk_command *command,
                         const struct sk_call *call)
{
    bool is_other = command->attempt < call->attempt || call->redrives > 0;
    bool is_out = call->state == SK_CALL_FLYING || sk_call_is_leased(call);
    if (command->operation != SK_OPERATION_ACTION || !is_out || !is_other) return;
    struct sk_event event =
        sk_turn_event(turn, SK_EVENT_STEP_UNKNOWN, command->step, command->item);
    event.when_ms = call->deadline_ms;
    event.text = SK_STR("superseded");
    event.note = SK_STR("an earlier attempt was answered while this one was on the wire");
    sk_turn_emit(turn, &event);
}

/* No attempt is open, and the answer brings nothing new: it is said twice, or an attempt that was
 * given up as unknown did nothing. To act on it would begin the pause anew, or use up a taking up.
 */
static bool is_nothing_new(const struct sk_unit *unit, const struct sk_call *call,
                           const struct sk_outcome *outcome)
{
    bool is_open = call->state == SK_CALL_FLYING || call->state == SK_CALL_PENDING;
    if (is_open || outcome->class_ == SK_OUTCOME_SUCCEEDED) return false;
    return outcome->class_ != SK_OUTCOME_FAILED || sk_str_equal(unit->error_code, outcome->code);
}

/* A token is given out when its attempt is durable. Where this history does not have it, it is not
 * the newest: somebody else serves the saga by now, or the store was put back. To say that nothing
 * changes would lose the answer. */
static bool is_unheard_of(const struct sk_command *command, const struct sk_call *call)
{
    if (command->round != call->round) return command->round > call->round;
    return command->attempt > call->attempt;
}

static enum skald_status refuse_unheard_of(struct sk_turn *turn)
{
    return sk_error_set(turn->error, SKALD_E_AGAIN,
                        "this history does not have the attempt that the token names: ask again");
}

/* A pending answer: its token names step, item, operation, round and attempt. */
static enum skald_status complete(struct sk_turn *turn, const struct sk_command *command)
{
    struct sk_unit *unit = sk_saga_unit(turn->saga, command->step, command->item);
    if (command->step >= turn->saga->plan->steps_count)
        return sk_error_set(turn->error, SKALD_E_NOT_FOUND, "the saga has no such step");
    if (unit == NULL) return refuse_unheard_of(turn);
    const struct sk_call *call = sk_unit_call(unit, command->operation);
    if (call == NULL || command->operation == SK_OPERATION_VERIFY ||
        command->operation == SK_OPERATION_POLL)
        return sk_error_set(turn->error, SKALD_E_ARGUMENT,
                            "the token is not one of an action or a compensation");
    bool is_undo = command->operation == SK_OPERATION_COMPENSATION;
    if (!is_undo && is_unheard_of(command, call)) return refuse_unheard_of(turn);
    bool is_open = is_undo ? sk_call_is_busy(call) : sk_unit_is_busy(unit);
    bool fits = command->round == call->round && command->attempt <= call->attempt;
    if (is_open && fits && is_nothing_new(unit, call, command->outcome)) return SKALD_OK;
    if (is_open && fits) {
        leave_flying(turn, command, call);
        if (turn->failed) return SKALD_OK;
        dispatch_outcome(turn, command, command->operation);
        return SKALD_OK;
    }
    if (is_undo) {
        bool was_undone =
            unit->undo_state == SK_UNDO_DONE && command->outcome->class_ == SK_OUTCOME_SUCCEEDED;
        return was_undone ? SKALD_OK
                          : sk_error_set(turn->error, SKALD_E_CONFLICT,
                                         "the compensation is not waiting for an answer");
    }
    return completed_before(turn, command, unit);
}

/* ---- signals --------------------------------------------------------------------------------- */

const struct sk_signal *sk_saga_signal(const struct sk_saga *saga, struct sk_str id)
{
    const struct sk_signal *signal = saga->signals;
    while (signal != NULL && !sk_str_equal(signal->id, id)) signal = signal->next;
    return signal;
}

/* No data is null. */
static bool is_same_data(struct sk_str a, struct sk_str b)
{
    return sk_json_equal(a.size == 0 ? SK_STR("null") : a, b.size == 0 ? SK_STR("null") : b);
}

static enum skald_status receive_again(struct sk_turn *turn, const struct sk_signal *signal,
                                       const struct sk_command *command)
{
    if (sk_str_equal(signal->name, command->name) && is_same_data(signal->data, command->body))
        return SKALD_OK;
    return sk_error_set(turn->error, SKALD_E_CONFLICT,
                        "a signal with this id has come before, with another name or other data");
}

/* The first unit that waits for this signal takes the oldest of its name. */
static void consume_signals(struct sk_turn *turn)
{
    const struct sk_saga *saga = turn->saga;
    for (uint32_t s = 0; !saga->is_suspended && s < saga->plan->steps_count; s++) {
        const struct sk_step *step = sk_step_of(saga, s);
        if (step->wait.kind != SK_WAIT_SIGNAL) continue;
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++) {
            const struct sk_unit *unit = &saga->steps[s].units[i];
            if (!sk_unit_is_busy(unit) || unit->action.what != SK_FOR_SIGNAL) continue;
            const struct sk_signal *signal = saga->signals;
            while (signal != NULL &&
                   (signal->is_consumed || !sk_str_equal(signal->name, step->wait.signal)))
                signal = signal->next;
            if (signal != NULL)
                sk_action_complete(turn, s, sk_item_of(step, i), signal->data, signal->id);
            if (turn->failed) return;
        }
    }
}

/* It is taken at once and need not be stored. */
static bool is_waited_for(const struct sk_saga *saga, struct sk_str name)
{
    for (uint32_t s = 0; !saga->is_suspended && s < saga->plan->steps_count; s++) {
        const struct sk_step *step = sk_step_of(saga, s);
        bool is_of_name =
            step->wait.kind == SK_WAIT_SIGNAL && sk_str_equal(step->wait.signal, name);
        for (uint32_t i = 0; is_of_name && i < saga->steps[s].units_count; i++) {
            const struct sk_unit *unit = &saga->steps[s].units[i];
            if (sk_unit_is_busy(unit) && unit->action.what == SK_FOR_SIGNAL) return true;
        }
    }
    return false;
}

static enum skald_status receive_signal(struct sk_turn *turn, const struct sk_command *command)
{
    const struct sk_saga *saga = turn->saga;
    if (command->id.size == 0 || command->name.size == 0)
        return sk_error_set(turn->error, SKALD_E_ARGUMENT, "a signal needs a name and an id");
    const struct sk_signal *before = sk_saga_signal(saga, command->id);
    if (before != NULL) return receive_again(turn, before, command);
    if (saga->state != SK_SAGA_PENDING && saga->state != SK_SAGA_RUNNING)
        return sk_error_set(turn->error, SKALD_E_STATE,
                            "the saga is %s and takes no signals any more",
                            sk_saga_state_name(saga->state));
    uint32_t max = turn->rules->signals_max > 0 ? turn->rules->signals_max : SK_SIGNALS_MAX;
    if (saga->signals_stored >= max && !is_waited_for(saga, command->name))
        return sk_error_set(turn->error, SKALD_E_LIMIT,
                            "%u signals of this saga are waiting already", max);
    struct sk_event event = sk_turn_event(turn, SK_EVENT_SIGNAL_RECEIVED, SK_STEP_NONE, -1);
    event.text = command->name;
    event.extra = command->id;
    event.body = command->body;
    sk_turn_emit(turn, &event);
    return SKALD_OK;
}

/* ---- the door -------------------------------------------------------------------------------- */

static enum skald_status run(struct sk_turn *turn, const struct sk_command *command)
{
    switch (command->kind) {
    case SK_COMMAND_START: return start(turn, command->start);
    case SK_COMMAND_ADMIT: admit(turn); return SKALD_OK;
    case SK_COMMAND_RECOVER: sk_recover(turn); return SKALD_OK;
    case SK_COMMAND_WAKE:
    case SK_COMMAND_SWEEP: return SKALD_OK;
    case SK_COMMAND_OUTCOME: return outcome(turn, command);
    case SK_COMMAND_COMPLETE: return complete(turn, command);
    case SK_COMMAND_MESSAGE: return sk_message_receive(turn, command->message);
    case SK_COMMAND_SIGNAL: return receive_signal(turn, command);
    case SK_COMMAND_TAKE: return sk_task_take(turn, command);
    case SK_COMMAND_HEARTBEAT: return sk_task_heartbeat(turn, command);
    case SK_COMMAND_CANCEL:
    case SK_COMMAND_FORCE_CANCEL:
    case SK_COMMAND_FORCE_COMPLETE:
    case SK_COMMAND_RETRY:
    case SK_COMMAND_SKIP_STEP:
    case SK_COMMAND_SUSPEND:
    case SK_COMMAND_RESUME: return sk_operate(turn, command);
    case SK_COMMANDS_COUNT: break;
    }
    return sk_error_set(turn->error, SKALD_E_ARGUMENT, "no such command");
}

static void snapshot_when_due(struct sk_turn *turn)
{
    const struct sk_saga *saga = turn->saga;
    if (turn->failed || saga->seq - saga->snapshot_seq < SK_SNAPSHOT_EVERY || sk_saga_is_over(saga))
        return;
    struct sk_buf state;
    sk_buf_init(&state, SK_EVENT_SIZE_MAX / 2);
    sk_saga_encode(saga, &state);
    struct sk_event event = sk_turn_event(turn, SK_EVENT_SAGA_SNAPSHOT, SK_STEP_NONE, -1);
    event.extra = sk_buf_view(&state);
    if (!state.failed)
        sk_turn_emit(turn, &event); /* a state too large for one event simply stays without */
    sk_buf_release(&state);
}

enum skald_status sk_saga_decide(struct sk_saga *saga, const struct sk_command *command,
                                 int64_t now_ms, const struct sk_rules *rules,
                                 struct sk_decision *decision, skald_error *error)
{
    struct sk_turn turn = { .saga = saga,
                            .rules = rules,
                            .decision = decision,
                            .error = error,
                            .now_ms = now_ms > saga->at_ms ? now_ms : saga->at_ms,
                            .entropy = command->entropy,
                            .seq_before = saga->seq };
    if (saga->seq == 0 && command->kind != SK_COMMAND_START)
        return sk_error_set(error, SKALD_E_NOT_FOUND, "no such saga");
    struct sk_scratch own;
    if (decision->scratch == NULL) sk_scratch_init(&own);
    turn.scratch = decision->scratch != NULL ? decision->scratch : &own;
    enum skald_status status = run(&turn, command);
    if (status == SKALD_OK) {
        go_on_with_locks(&turn);
        consume_signals(&turn);
        sk_advance(&turn);
        if (!turn.failed) sk_hooks_advance(&turn);
        snapshot_when_due(&turn);
        sk_suspend_when_long(&turn);
    }
    turn.failed = turn.failed || turn.scratch->arena.failed;
    if (decision->scratch == NULL) sk_scratch_release(&own);
    if (decision->scratch != NULL) sk_scratch_clear(decision->scratch);
    if (!turn.failed) return status;
    decision->failed = true;
    if (decision->is_corrupt)
        return sk_error_set(error, SKALD_E_CORRUPT, "its history is not one that can go on");
    return sk_error_set(error, SKALD_E_MEMORY, "out of memory while deciding");
}

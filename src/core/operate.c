/*
 * operate.c: the operators' commands, by state: the table of docs/internals/semantics.md, cell by
 * cell. A command that cannot act answers SKALD_E_STATE with one sentence that says why and, where
 * there is one, what to do instead; it changes nothing.
 */
#include "core/core_private.h"

#define UNDO_KEEPS_INPUT "what undoes a step keeps its input: retry it without another one"

static enum skald_status refuse(struct sk_turn *turn, const char *sentence)
{
    return sk_error_set(turn->error, SKALD_E_STATE, "%s", sentence);
}

static bool was_seen(const struct sk_saga *saga, struct sk_str id)
{
    for (uint32_t i = 0; id.size > 0 && i < saga->command_ids_count; i++)
        if (sk_str_equal(saga->command_ids[i], id)) return true;
    return false;
}

static void note(struct sk_turn *turn, const struct sk_command *command, enum sk_event_type type,
                 uint32_t step, int32_t item, uint32_t kind)
{
    struct sk_event event = sk_turn_event(turn, type, step, item);
    event.text = command->who;
    event.note = command->why;
    event.extra = command->id;
    event.kind = kind;
    if (command->kind == SK_COMMAND_RETRY || command->kind == SK_COMMAND_SKIP_STEP)
        event.body = command->body;
    sk_turn_emit(turn, &event);
}

static void lift_suspension(struct sk_turn *turn, const char *by)
{
    if (!turn->saga->is_suspended || turn->failed) return;
    struct sk_event event = sk_turn_event(turn, SK_EVENT_SAGA_RESUMED, SK_STEP_NONE, -1);
    event.text = sk_str_of(by);
    sk_turn_emit(turn, &event);
}

/* ---- cancel ---------------------------------------------------------------------------------- */

static enum skald_status cancel(struct sk_turn *turn, const struct sk_command *command)
{
    struct sk_saga *saga = turn->saga;
    if (sk_saga_state_is_end(saga->state)) return refuse(turn, "the saga has ended");
    if (saga->state == SK_SAGA_RUNNING && saga->is_past_pivot)
        return refuse(turn, "the saga is past its pivot and only goes forward; force-cancel with "
                            "--past-pivot undoes it all the same");
    if (saga->state == SK_SAGA_RUNNING && saga->plan->is_forward)
        return refuse(turn, "the definition says recovery: forward; force-cancel with --past-pivot "
                            "undoes it all the same");
    bool frozen = saga->state == SK_SAGA_RUNNING && sk_saga_is_frozen(saga);
    note(turn, command, SK_EVENT_OPERATOR_CANCEL, SK_STEP_NONE, -1, frozen ? 1u : 0u);
    lift_suspension(turn, "cancel");
    if (turn->failed || frozen) return SKALD_OK;
    if (saga->state == SK_SAGA_PENDING)
        sk_saga_finish(turn, SK_EVENT_SAGA_CANCELLED, SK_REASON_CANCEL, SK_STR(""));
    else if (saga->state == SK_SAGA_RUNNING)
        sk_undo_begin(turn, SK_REASON_CANCEL, SK_STR("cancelled"), command->why, false);
    return SKALD_OK;
}

/* ---- taking up a failed saga ----------------------------------------------------------------- */

static bool is_repairable(const struct sk_unit *unit)
{
    return unit->undo_state == SK_UNDO_FAILED && !unit->child_failed;
}

static uint32_t count_open(const struct sk_saga *saga)
{
    uint32_t open = 0;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++)
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++)
            open += is_repairable(&saga->steps[s].units[i]);
    return open;
}

/* Exactly the compensations that are open. */
void sk_saga_reopen(struct sk_turn *turn, const struct sk_command *command)
{
    struct sk_saga *saga = turn->saga;
    struct sk_command plain = *command;
    plain.id = (struct sk_str){ NULL, 0 };
    for (uint32_t s = 0; !turn->failed && s < saga->plan->steps_count; s++)
        for (uint32_t i = 0; !turn->failed && i < saga->steps[s].units_count; i++)
            if (is_repairable(&saga->steps[s].units[i]))
                note(turn, &plain, SK_EVENT_OPERATOR_RETRY, s, sk_item_of(sk_step_of(saga, s), i),
                     SK_OPERATION_COMPENSATION);
    sk_undo_begin(turn, saga->reason == SK_REASON_NONE ? SK_REASON_STEP : saga->reason,
                  SK_STR("retry"), command->why, false);
}

static enum skald_status retry_failed(struct sk_turn *turn, const struct sk_command *command,
                                      enum sk_event_type type)
{
    struct sk_saga *saga = turn->saga;
    if (count_open(saga) == 0)
        return refuse(
            turn,
            "no compensation of this saga is open; repair the child saga that its error names");
    if (saga->retry_after_locks)
        return refuse(turn, "a retry is already waiting for the saga's lock keys");
    bool needs_locks = false;
    for (uint32_t i = 0; i < saga->locks_count; i++)
        needs_locks = needs_locks || saga->locks[i].state == SK_LOCK_RELEASED;
    note(turn, command, type, SK_STEP_NONE, -1, 0);
    if (turn->failed) return SKALD_OK;
    if (needs_locks && type == SK_EVENT_OPERATOR_RETRY)
        sk_locks_ask_next(turn); /* goes on when all are granted */
    else
        sk_saga_reopen(turn, command);
    return SKALD_OK;
}

/* ---- force-cancel ---------------------------------------------------------------------------- */

static void drop_pauses(struct sk_turn *turn)
{
    struct sk_saga *saga = turn->saga;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        for (uint32_t i = 0; !turn->failed && i < saga->steps[s].units_count; i++) {
            int32_t item = sk_item_of(sk_step_of(saga, s), i);
            const struct sk_unit *unit = &saga->steps[s].units[i];
            bool pauses = unit->undo.state == SK_CALL_PAUSED || unit->undo.state == SK_CALL_PARKED;
            bool is_asked = !sk_unit_is_busy(unit) && sk_verify_is_wanted(saga, s, unit) &&
                            unit->verify.state == SK_CALL_PAUSED;
            if (pauses)
                sk_undo_again(turn, s, item, false);
            else if (is_asked)
                sk_verify_start(turn, s, item);
            else
                sk_undo_stop_unit(turn, s, item, true);
        }
    }
}

static enum skald_status force_cancel(struct sk_turn *turn, const struct sk_command *command)
{
    struct sk_saga *saga = turn->saga;
    if (saga->state == SK_SAGA_FAILED)
        return retry_failed(turn, command, SK_EVENT_OPERATOR_FORCE_CANCEL);
    if (sk_saga_state_is_end(saga->state)) return refuse(turn, "the saga has ended");
    bool past = saga->state == SK_SAGA_RUNNING &&
                (saga->is_past_pivot || saga->plan->is_forward || sk_saga_is_frozen(saga));
    if (past && !command->is_past_pivot_allowed)
        return refuse(turn,
                      "the saga is at or past its pivot, or recovers forward; say --past-pivot "
                      "to undo it all the same");
    note(turn, command, SK_EVENT_OPERATOR_FORCE_CANCEL, SK_STEP_NONE, -1, 0);
    lift_suspension(turn, "force-cancel");
    if (turn->failed) return SKALD_OK;
    if (saga->state == SK_SAGA_PENDING)
        sk_saga_finish(turn, SK_EVENT_SAGA_CANCELLED, SK_REASON_CANCEL, SK_STR(""));
    else if (saga->state == SK_SAGA_RUNNING)
        sk_undo_begin(turn, SK_REASON_CANCEL, SK_STR("cancelled"), command->why, true);
    else
        drop_pauses(turn);
    return SKALD_OK;
}

/* ---- force-complete -------------------------------------------------------------------------- */

static void skip_by_operator(struct sk_turn *turn, uint32_t step, int32_t item,
                             struct sk_str output)
{
    struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_SKIPPED, step, item);
    event.kind = SK_SKIP_OPERATOR;
    event.body = output;
    sk_turn_emit(turn, &event);
}

/* Its parent may still have it undone: then what is in flight now may have happened. */
static void leave_unknown(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_call *action = &sk_saga_unit(turn->saga, step, item)->action;
    bool is_child = action->what == SK_FOR_CHILD;
    bool is_out = action->state == SK_CALL_FLYING || sk_call_is_leased(action) ||
                  (action->state == SK_CALL_PENDING && action->what == SK_FOR_ANSWER);
    bool is_wait = sk_step_of(turn->saga, step)->kind == SK_KIND_WAIT;
    if (turn->saga->start.parent.size == 0 || !is_out || is_child || is_wait) return;
    struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_UNKNOWN, step, item);
    event.attempt = action->attempt;
    event.round = action->round;
    event.when_ms = action->what == SK_FOR_ANSWER ? 0 : action->deadline_ms;
    event.text = SK_STR("abandoned");
    sk_turn_emit(turn, &event);
}

static void force_unit(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    if (sk_unit_is_busy(unit)) {
        leave_unknown(turn, step, item);
        if (turn->failed) return;
        skip_by_operator(turn, step, item, (struct sk_str){ NULL, 0 });
    } else if (sk_call_is_busy(&unit->undo)) {
        sk_undo_skip(turn, step, item, SK_UNDO_SKIP_OPERATOR);
    }
}

static bool is_left_done(const struct sk_unit *unit)
{
    return unit->state == SK_STEP_COMPLETED || unit->state == SK_STEP_COMPENSATION_FAILED;
}

static bool is_left_maybe(const struct sk_unit *unit)
{
    return unit->maybe;
}

/* On the wire, accepted, or with a child: its effect may still come. */
static bool is_left_in_flight(const struct sk_unit *unit)
{
    bool is_called = unit->action.state == SK_CALL_FLYING || sk_call_is_leased(&unit->action) ||
                     unit->action.what == SK_FOR_ANSWER || unit->action.what == SK_FOR_CHILD ||
                     unit->action.what == SK_FOR_REDRIVE;
    bool is_undone = unit->undo.state == SK_CALL_FLYING || unit->undo.state == SK_CALL_PENDING;
    return (sk_unit_is_busy(unit) && is_called) || is_undone;
}

static void list_left(struct sk_json_writer *w, const struct sk_saga *saga, const char *name,
                      bool (*is_meant)(const struct sk_unit *unit))
{
    sk_json_key(w, name);
    sk_json_begin_array(w);
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        const struct sk_step_run *run = &saga->steps[s];
        uint32_t i = 0;
        while (i < run->units_count && !is_meant(&run->units[i])) i++;
        if (i < run->units_count) sk_json_put_str(w, sk_step_of(saga, s)->id);
    }
    sk_json_end_array(w);
}

/* What the world holds of this saga when a person declares it complete: step ids, of a foreach for
 * any of its items. */
static void write_left(const struct sk_saga *saga, struct sk_buf *out)
{
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    list_left(&w, saga, "done", is_left_done);
    list_left(&w, saga, "maybe", is_left_maybe);
    list_left(&w, saga, "in_flight", is_left_in_flight);
    sk_json_end_object(&w);
}

static void force_end(struct sk_turn *turn, struct sk_str left)
{
    struct sk_saga *saga = turn->saga;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        for (uint32_t i = 0; !turn->failed && i < saga->steps[s].units_count; i++)
            force_unit(turn, s, sk_item_of(sk_step_of(saga, s), i));
        bool is_open_foreach =
            sk_step_is_foreach(sk_step_of(saga, s)) && saga->steps[s].state == SK_STEP_RUNNING;
        if (is_open_foreach) /* its further items are not to start */
            skip_by_operator(turn, s, -1, (struct sk_str){ NULL, 0 });
    }
    if (!turn->failed) sk_saga_finish(turn, SK_EVENT_SAGA_COMPLETED, SK_REASON_FORCED, left);
}

static enum skald_status force_complete(struct sk_turn *turn, const struct sk_command *command)
{
    struct sk_saga *saga = turn->saga;
    if (saga->state == SK_SAGA_PENDING)
        return refuse(turn, "the saga has not started: cancel it instead");
    if (sk_saga_state_is_end(saga->state) && saga->state != SK_SAGA_FAILED)
        return refuse(turn, "the saga has ended");
    struct sk_buf left;
    sk_buf_init(&left, 0);
    write_left(saga, &left);
    if (left.failed) turn->failed = true;
    note(turn, command, SK_EVENT_OPERATOR_FORCE_COMPLETE, SK_STEP_NONE, -1, 0);
    lift_suspension(turn, "force-complete");
    force_end(turn, sk_buf_view(&left));
    sk_buf_release(&left);
    return SKALD_OK;
}

/* ---- retry ----------------------------------------------------------------------------------- */

static enum skald_status retry_parked(struct sk_turn *turn, const struct sk_command *command,
                                      uint32_t step, int32_t item)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    bool is_new_round = unit->action.last_was_no && !unit->action.had_unknown && !unit->maybe;
    if (command->body.size > 0 && !is_new_round)
        return refuse(turn, "the step may have happened: it keeps its key and its input");
    if (command->body.size > 0 && s->kind == SK_KIND_WAIT)
        return refuse(turn, "a wait has no input");
    note(turn, command, SK_EVENT_OPERATOR_RETRY, step, item, SK_OPERATION_ACTION);
    if (turn->failed) return SKALD_OK;
    if (s->kind == SK_KIND_WAIT) {
        sk_action_start(turn, step, item); /* waits anew */
        return SKALD_OK;
    }
    bool is_child = s->kind == SK_KIND_SAGA, is_task = s->kind == SK_KIND_TASK;
    if (is_task && !is_new_round) {
        sk_task_offer(turn, step, item, SK_OPERATION_ACTION);
        return SKALD_OK;
    }
    struct sk_event event =
        sk_turn_event(turn, is_child ? SK_EVENT_STEP_STARTED : SK_EVENT_STEP_RETRYING, step, item);
    event.round = unit->action.round + (is_new_round ? 1u : 0u);
    event.attempt = is_new_round ? 1u : unit->action.attempt + 1u;
    if (is_child) {
        event.kind = SK_FOR_CHILD;
        event.extra = SK_STR(" child\n");
        event.body = command->body.size > 0 ? command->body : unit->action.body;
        sk_turn_emit(turn, &event);
        if (!turn->failed) sk_child_start(turn, step, item, event.body);
        return SKALD_OK;
    }
    if (is_task) { /* offered anew, under another key */
        event.kind = SK_FOR_WORKER;
        event.attempt = 0;
    } else {
        event.when_ms = sk_deadline_of(turn, &event, SK_OPERATION_ACTION);
    }
    if (is_new_round) {
        sk_request_resolve(turn, s->action, SK_OPERATION_ACTION, &event);
        bool is_too_large = sk_turn_is_too_large(turn);
        if (command->body.size > 0) event.body = command->body;
        if (is_too_large && (command->body.size == 0 || event.extra.size == 0)) {
            sk_action_refuse(turn, step, item, SK_STR("too_large"), SK_TOO_LARGE);
            return SKALD_OK;
        }
    }
    sk_turn_emit(turn, &event);
    return SKALD_OK;
}

static bool is_meant(const struct sk_command *command, uint32_t step, int32_t item)
{
    if (command->step == SK_STEP_NONE) return true;
    return command->step == step && (command->item == -1 || command->item == item);
}

static enum skald_status retry_unit(struct sk_turn *turn, const struct sk_command *command,
                                    uint32_t step, int32_t item, bool *out_acted)
{
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    bool undo_waits = unit->undo.state == SK_CALL_PAUSED || unit->undo.state == SK_CALL_PARKED;
    if (undo_waits && !sk_call_is_offered(&unit->undo)) {
        if (command->body.size > 0) return refuse(turn, UNDO_KEEPS_INPUT);
        note(turn, command, SK_EVENT_OPERATOR_RETRY, step, item, SK_OPERATION_COMPENSATION);
        if (!turn->failed) sk_undo_again(turn, step, item, false);
    } else if (!sk_unit_is_busy(unit)) {
        return SKALD_OK;
    } else if (unit->action.state == SK_CALL_PARKED) {
        enum skald_status status = retry_parked(turn, command, step, item);
        if (status != SKALD_OK) return status;
    } else if (sk_call_is_offered(&unit->action)) {
        return SKALD_OK; /* the next worker takes it */
    } else if (unit->action.state == SK_CALL_PAUSED && unit->action.what != SK_FOR_TIMER) {
        if (command->body.size > 0)
            return refuse(turn,
                          "only a step that waits for a human can be retried with another input");
        note(turn, command, SK_EVENT_OPERATOR_RETRY, step, item, SK_OPERATION_ACTION);
        if (!turn->failed) sk_action_again(turn, step, item);
    } else {
        return SKALD_OK;
    }
    *out_acted = true;
    return SKALD_OK;
}

static bool names_one_unit(const struct sk_saga *saga, const struct sk_command *command)
{
    return sk_saga_unit(saga, command->step, command->item) != NULL;
}

static enum skald_status retry(struct sk_turn *turn, const struct sk_command *command)
{
    struct sk_saga *saga = turn->saga;
    if (saga->is_suspended) return refuse(turn, "the saga is suspended: resume it first");
    if (saga->state == SK_SAGA_FAILED && command->body.size > 0)
        return refuse(turn, UNDO_KEEPS_INPUT);
    if (saga->state == SK_SAGA_FAILED) return retry_failed(turn, command, SK_EVENT_OPERATOR_RETRY);
    if (saga->state == SK_SAGA_PENDING) return refuse(turn, "the saga has not started yet");
    if (sk_saga_state_is_end(saga->state)) return refuse(turn, "the saga has ended: start it anew");
    if (command->body.size > 0 && !names_one_unit(saga, command))
        return refuse(turn, "name the step, and of a foreach the item, whose input is edited");
    bool acted = false;
    struct sk_command once = *command;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        for (uint32_t i = 0; !turn->failed && i < saga->steps[s].units_count; i++) {
            int32_t item = sk_item_of(sk_step_of(saga, s), i);
            if (!is_meant(command, s, item)) continue;
            enum skald_status status = retry_unit(turn, &once, s, item, &acted);
            if (status != SKALD_OK) return status;
            if (acted) once.id = (struct sk_str){ NULL, 0 };
        }
    }
    return acted ? SKALD_OK : refuse(turn, "nothing here waits for a retry");
}

/* ---- skip-step ------------------------------------------------------------------------------- */

static enum skald_status skip_undo(struct sk_turn *turn, const struct sk_command *command)
{
    const struct sk_unit *unit = sk_saga_unit(turn->saga, command->step, command->item);
    if (unit == NULL)
        return refuse(turn, "name the item: its compensations are skipped one by one");
    if (sk_unit_is_busy(unit) || unit->undo.state == SK_CALL_FLYING ||
        sk_call_is_leased(&unit->undo))
        return refuse(turn, "the step is in flight: wait for its answer");
    bool owes = sk_unit_may_have_happened(unit) && unit->undo_state == SK_UNDO_OPEN;
    if (!owes) return refuse(turn, "this step has nothing left to undo");
    note(turn, command, SK_EVENT_OPERATOR_SKIP_STEP, command->step, command->item,
         SK_OPERATION_COMPENSATION);
    if (!turn->failed) sk_undo_skip(turn, command->step, command->item, SK_UNDO_SKIP_OPERATOR);
    return SKALD_OK;
}

/* Some answer of this unit is on its way. */
static bool is_in_flight(const struct sk_unit *unit)
{
    return sk_unit_is_busy(unit) &&
           (unit->action.state == SK_CALL_FLYING || sk_call_is_leased(&unit->action) ||
            unit->verify.state == SK_CALL_FLYING);
}

static enum skald_status skip_step(struct sk_turn *turn, const struct sk_command *command)
{
    struct sk_saga *saga = turn->saga;
    if (command->step >= saga->plan->steps_count)
        return sk_error_set(turn->error, SKALD_E_NOT_FOUND, "the saga has no such step");
    if (saga->state == SK_SAGA_PENDING) return refuse(turn, "the saga has not started yet");
    if (sk_saga_state_is_end(saga->state)) return refuse(turn, "the saga has ended");
    if (saga->state == SK_SAGA_COMPENSATING) return skip_undo(turn, command);
    const struct sk_step_run *run = &saga->steps[command->step];
    const struct sk_unit *unit = sk_saga_unit(saga, command->step, command->item);
    bool is_whole = sk_step_is_foreach(sk_step_of(saga, command->step)) && command->item == -1;
    if (is_whole && run->state != SK_STEP_PENDING)
        return refuse(turn, "the step has started: skip its items one by one");
    if (!is_whole && unit == NULL)
        return sk_error_set(turn->error, SKALD_E_NOT_FOUND, "the step has no such item");
    if (!is_whole && is_in_flight(unit))
        return refuse(turn, "the step is in flight: wait for its answer");
    if (!is_whole && unit->state != SK_STEP_PENDING && !sk_unit_is_busy(unit))
        return refuse(turn, "the step has already ended");
    bool child_or_answer =
        !is_whole && (unit->action.what == SK_FOR_CHILD || unit->action.what == SK_FOR_ANSWER);
    if (child_or_answer)
        return refuse(turn, "the step waits for an answer: complete it, or cancel the saga");
    note(turn, command, SK_EVENT_OPERATOR_SKIP_STEP, command->step, command->item,
         SK_OPERATION_ACTION);
    skip_by_operator(turn, command->step, command->item, command->body);
    return SKALD_OK;
}

/* ---- suspend, resume ------------------------------------------------------------------------- */

static enum skald_status suspend(struct sk_turn *turn, const struct sk_command *command)
{
    struct sk_saga *saga = turn->saga;
    if (sk_saga_state_is_end(saga->state)) return refuse(turn, "the saga has ended");
    struct sk_str code = command->name.size > 0 ? command->name : SK_STR("operator");
    bool is_named_anew = command->name.size > 0 && !sk_str_equal(code, saga->suspend_reason);
    if (saga->is_suspended && !is_named_anew) return SKALD_OK;
    note(turn, command, SK_EVENT_OPERATOR_SUSPEND, SK_STEP_NONE, -1, 0);
    struct sk_event event = sk_turn_event(turn, SK_EVENT_SAGA_SUSPENDED, SK_STEP_NONE, -1);
    event.text = code;
    event.note = command->why;
    sk_turn_emit(turn, &event);
    return SKALD_OK;
}

static enum skald_status resume(struct sk_turn *turn, const struct sk_command *command)
{
    struct sk_saga *saga = turn->saga;
    if (sk_saga_state_is_end(saga->state)) return refuse(turn, "the saga has ended");
    if (!saga->is_suspended) return SKALD_OK;
    note(turn, command, SK_EVENT_OPERATOR_RESUME, SK_STEP_NONE, -1, 0);
    lift_suspension(turn, "resume");
    return SKALD_OK;
}

enum skald_status sk_operate(struct sk_turn *turn, const struct sk_command *command)
{
    if (was_seen(turn->saga, command->id)) return SKALD_OK;
    switch (command->kind) {
    case SK_COMMAND_CANCEL: return cancel(turn, command);
    case SK_COMMAND_FORCE_CANCEL: return force_cancel(turn, command);
    case SK_COMMAND_FORCE_COMPLETE: return force_complete(turn, command);
    case SK_COMMAND_RETRY: return retry(turn, command);
    case SK_COMMAND_SKIP_STEP: return skip_step(turn, command);
    case SK_COMMAND_SUSPEND: return suspend(turn, command);
    case SK_COMMAND_RESUME: return resume(turn, command);
    case SK_COMMAND_START:
    case SK_COMMAND_ADMIT:
    case SK_COMMAND_RECOVER:
    case SK_COMMAND_WAKE:
    case SK_COMMAND_OUTCOME:
    case SK_COMMAND_COMPLETE:
    case SK_COMMAND_MESSAGE:
    case SK_COMMAND_SIGNAL:
    case SK_COMMAND_SWEEP:
    case SK_COMMAND_TAKE:
    case SK_COMMAND_HEARTBEAT:
    case SK_COMMANDS_COUNT: break;
    }
    return sk_error_set(turn->error, SKALD_E_ARGUMENT, "not an operator's command");
}

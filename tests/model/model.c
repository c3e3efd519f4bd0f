/* model.c: the machine as a whole: takes in one event after the other, and tells what is true. */
#include "model_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool model_no(struct model *model, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(model->problem, sizeof model->problem, format, arguments);
    va_end(arguments);
    return false;
}

bool model_text_is(struct model_text text, const char *literal)
{
    size_t size = strlen(literal);
    return text.size == size && (size == 0 || memcmp(text.data, literal, size) == 0);
}

/* ---- life ------------------------------------------------------------------------------------ */

static char *copy(struct model_text text)
{
    char *kept = malloc(text.size + 1);
    if (text.size > 0) memcpy(kept, text.data, text.size);
    kept[text.size] = '\0';
    return kept;
}

static void take_locks(struct model *model, const struct model_start *start)
{
    model->locks = calloc(start->lock_keys_count + 1u, sizeof *model->locks);
    for (unsigned i = 0; i < start->lock_keys_count; i++) {
        struct lock *lock = &model->locks[model->locks_count++];
        lock->key = copy(start->lock_keys[i]);
        for (unsigned k = 0; k < start->inherited_keys_count; k++)
            if (model_text_is(start->inherited_keys[k], lock->key)) lock->is_inherited = true;
    }
}

struct model *model_new(const struct model_definition *definition, const struct model_start *start,
                        const struct model_rules *rules)
{
    struct model *model = calloc(1, sizeof *model);
    model->definition = definition;
    model->rules = *rules;
    if (model->rules.takeups_max == 0) model->rules.takeups_max = 3;
    if (model->rules.takeup_pause_ms == 0) model->rules.takeup_pause_ms = 30000;
    if (model->rules.verify_timeout_ms == 0) model->rules.verify_timeout_ms = 10000;
    if (model->rules.hook_attempts_max == 0) model->rules.hook_attempts_max = 5;
    bool is_narrowed = start->timeout_ms > 0 &&
                       (definition->timeout_ms == 0 || start->timeout_ms < definition->timeout_ms);
    model->timeout_ms = is_narrowed ? start->timeout_ms : definition->timeout_ms;
    model->attempts_max = start->max_attempts;
    model->has_parent = start->has_parent;
    take_locks(model, start);
    model->steps_count = definition->steps_count;
    model->steps = calloc(model->steps_count + 1u, sizeof *model->steps);
    for (unsigned i = 0; i < model->steps_count; i++) {
        struct step *step = &model->steps[i];
        step->definition = &definition->steps[i];
        if (!step->definition->is_foreach) room_for_units(model, step, 1);
    }
    return model;
}

bool room_for_units(struct model *model, struct step *step, unsigned count)
{
    (void)model;
    free(step->units);
    step->units = calloc(count + 1u, sizeof *step->units);
    step->units_count = count;
    return true;
}

void model_free(struct model *model)
{
    if (model == NULL) return;
    for (unsigned i = 0; i < model->steps_count; i++) free(model->steps[i].units);
    for (unsigned i = 0; i < model->locks_count; i++) free(model->locks[i].key);
    for (unsigned i = 0; i < model->signals_count; i++) {
        free(model->signals[i].name);
        free(model->signals[i].id);
    }
    free(model->steps);
    free(model->locks);
    free(model->signals);
    free(model->hooks);
    free(model);
}

/* ---- events ---------------------------------------------------------------------------------- */

static const struct {
    const char *type;
    take_in *take;
} types[] = {
    { "saga.accepted", on_saga_accepted },
    { "saga.started", on_saga_started },
    { "saga.completed", on_saga_completed },
    { "saga.compensating", on_saga_compensating },
    { "saga.compensated", on_saga_compensated },
    { "saga.failed", on_saga_failed },
    { "saga.cancelled", on_saga_cancelled },
    { "saga.timed_out", on_saga_timed_out },
    { "saga.suspended", on_saga_suspended },
    { "saga.resumed", on_saga_resumed },
    { "saga.alerted", on_saga_alerted },
    { "saga.snapshot", on_saga_snapshot },
    { "step.started", on_step_started },
    { "step.completed", on_step_completed },
    { "step.failed", on_step_failed },
    { "step.unknown", on_step_unknown },
    { "step.retrying", on_step_retrying },
    { "step.redriven", on_step_redriven },
    { "step.waiting", on_step_waiting },
    { "step.skipped", on_step_skipped },
    { "step.late", on_step_late },
    { "verify.started", on_verify_started },
    { "verify.completed", on_verify_completed },
    { "verify.failed", on_verify_failed },
    { "compensation.started", on_compensation_started },
    { "compensation.completed", on_compensation_completed },
    { "compensation.failed", on_compensation_failed },
    { "compensation.unknown", on_compensation_unknown },
    { "compensation.retrying", on_compensation_retrying },
    { "compensation.skipped", on_compensation_skipped },
    { "compensation.waiting", on_compensation_waiting },
    { "lock.requested", on_lock_requested },
    { "lock.granted", on_lock_granted },
    { "lock.released", on_lock_released },
    { "hook.started", on_hook_started },
    { "hook.completed", on_hook_completed },
    { "hook.failed", on_hook_failed },
    { "signal.received", on_signal_received },
    { "operator.cancel", on_operator_cancel },
    { "operator.force_cancel", on_operator_force_cancel },
    { "operator.force_complete", on_operator_force_complete },
    { "operator.retry", on_operator_retry },
    { "operator.skip_step", on_operator_skip_step },
    { "operator.suspend", on_operator_suspend },
    { "operator.resume", on_operator_resume },
};

static bool is_about_a_step(const char *type)
{
    return strncmp(type, "step.", 5) == 0 || strncmp(type, "verify.", 7) == 0 ||
           strncmp(type, "compensation.", 13) == 0;
}

/* Finds what the event is about. A foreach as a whole has no unit. */
static bool resolve(struct model *model, const struct model_event *event, struct fact *fact)
{
    *fact = (struct fact){ .event = event, .place_of_step = NO_STEP };
    if (event->step.data == NULL) {
        if (is_about_a_step(event->type)) return model_no(model, "it names no step");
        return true;
    }
    fact->place_of_step = model_definition_step(model->definition, event->step);
    if (fact->place_of_step < 0) return model_no(model, "there is no such step");
    fact->step = &model->steps[fact->place_of_step];
    if (!fact->step->definition->is_foreach) {
        if (event->item >= 0) return model_no(model, "the step has no items");
        fact->unit = &fact->step->units[0];
        return true;
    }
    if (event->item < 0) return true;
    if ((unsigned)event->item >= fact->step->units_count)
        return model_no(model, "there is no such item");
    fact->unit = &fact->step->units[event->item];
    return true;
}

static bool take(struct model *model, const struct model_event *event)
{
    struct fact fact;
    bool is_first = strcmp(event->type, "saga.accepted") == 0;
    if (event->seq != model->seq + 1) return model_no(model, "it is not the next one");
    if (event->at_ms < model->at_ms) return model_no(model, "time went back");
    if (is_first != (event->seq == 1)) return model_no(model, "a history begins by saga.accepted");
    if (!resolve(model, event, &fact)) return false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].type, event->type) != 0) continue;
        if (!types[i].take(model, &fact)) return false;
        model->seq = event->seq;
        model->at_ms = event->at_ms;
        return true;
    }
    return model_no(model, "an event of unknown type");
}

const char *model_event(struct model *model, const struct model_event *event)
{
    char why[sizeof model->problem];
    if (take(model, event)) return NULL;
    memcpy(why, model->problem, sizeof why);
    char item[16] = "";
    if (event->item >= 0) snprintf(item, sizeof item, "[%d]", event->item);
    model_no(model, "event %llu, %s %.*s%s (attempt %u, round %u): %.300s",
             (unsigned long long)event->seq, event->type, (int)event->step.size,
             event->step.data == NULL ? "" : event->step.data, item, event->attempt, event->round,
             why);
    return model->problem;
}

/* ---- what is true now ------------------------------------------------------------------------ */

static const char *const reason_names[] = { "",       "step",   "cancel",          "timeout",
                                            "parent", "forced", "acquire_timeout", "lock_timeout" };
static const char *const state_names[] = { "pending",     "running", "completed", "compensating",
                                           "compensated", "failed",  "cancelled", "timed_out" };

static unsigned open_of(const struct step *step)
{
    unsigned open = 0;
    for (unsigned i = 0; i < step->units_count; i++) open += is_active(&step->units[i]);
    return open;
}

static unsigned count_open(const struct model *model)
{
    unsigned open = open_hooks(model);
    for (unsigned i = 0; i < model->steps_count; i++) open += open_of(&model->steps[i]);
    return open + (model->waits_for_locks ? 1 : 0);
}

void model_saga(const struct model *model, struct model_saga_view *out)
{
    unsigned stored = 0;
    for (unsigned i = 0; i < model->signals_count; i++) stored += !model->signals[i].is_taken;
    *out = (struct model_saga_view){
        .seq = model->seq,
        .state = state_names[model->state],
        .reason = reason_names[model->reason],
        .wish = reason_names[model->wish],
        .is_suspended = model->is_suspended,
        .is_past_pivot = model->is_past_pivot,
        .is_forced = model->is_forced,
        .open = is_end(model->state) ? count_open(model) : 0,
        .residue = model->residue,
        .late_count = model->late_count,
        .signals_stored = stored,
    };
}

static const char *action_state(const struct unit *unit)
{
    if (unit->result == DONE) return "completed";
    if (unit->result == GAVE_UP) return "failed";
    if (unit->result == SKIPPED) return "skipped";
    switch (unit->action.stage) {
    case NOT_BEGUN:
    case SETTLED: return "pending";
    case OUT:
    case LEASED:
    case BETWEEN: return "running";
    case ACCEPTED:
    case OFFERED:
    case PAUSED:
    case WAITING:
    case HUMAN:
    case REDRIVE:
    case SWEEP: return "waiting";
    }
    return "";
}

static const char *unit_state(const struct unit *unit)
{
    if (unit->undone == UNDONE) return "compensated";
    if (unit->undone == UNDO_FAILED) return "compensation_failed";
    if (unit->undone == UNDO_RESIDUE && unit->undo.stage != NOT_BEGUN) return "compensation_failed";
    if (unit->undone == UNDO_OPEN && unit->undo.stage != NOT_BEGUN) return "compensating";
    if (unit->had_undo_failed) return "compensation_failed";
    return action_state(unit);
}

void model_unit(const struct model *model, unsigned step, unsigned place,
                struct model_unit_view *out)
{
    const struct unit *unit = &model->steps[step].units[place];
    *out = (struct model_unit_view){
        .state = unit_state(unit),
        .maybe = unit->maybe,
        .attempt = unit->action.attempt,
        .round = unit->action.round,
        .undo_attempt = unit->undo.attempt,
        .undo_round = unit->undo.round,
        .is_flying = unit->action.stage == OUT,
        .is_undo_flying = unit->undo.stage == OUT && unit->undone == UNDO_OPEN,
        .is_verify_flying = unit->verify.stage == OUT,
        .loose_until_ms = unit->loose_until_ms,
    };
}

unsigned model_steps_count(const struct model *model)
{
    return model->steps_count;
}

const char *model_step_id(const struct model *model, unsigned step)
{
    return model->steps[step].definition->id;
}

unsigned model_units_count(const struct model *model, unsigned step)
{
    return model->steps[step].units_count;
}

/* A foreach as a whole: undone from its first item's undo on until the last one is settled. One
 * that is to be tried again has failed until that has begun. NULL: nothing was undone. */
static const char *foreach_undo_state(const struct model *model, const struct step *step)
{
    bool is_begun = false, is_open = false, is_failed = false, is_opened_again = false;
    bool is_any_going = false, is_undone = false;
    for (const struct unit *unit = step->units; unit < step->units + step->units_count; unit++) {
        bool is_going = strcmp(unit_state(unit), "compensating") == 0;
        is_any_going = is_any_going || is_going;
        is_begun = is_begun || unit->is_undo_begun;
        is_undone = is_undone || unit->undone == UNDONE; /* a child may be, of its own accord */
        is_open = is_open || is_going || is_to_undo(model, step, unit) || is_active(unit);
        is_failed = is_failed || strcmp(unit_state(unit), "compensation_failed") == 0;
        is_opened_again = is_opened_again || unit->had_undo_failed;
    }
    if (is_opened_again && !is_any_going) return "compensation_failed";
    if (is_open) return is_begun ? "compensating" : NULL;
    if (step->result == OPEN && !is_begun) return NULL; /* its own end comes first */
    if (is_failed) return "compensation_failed";
    return is_begun || is_undone ? "compensated" : NULL;
}

const char *model_step_state(const struct model *model, unsigned step)
{
    const struct step *run = &model->steps[step];
    if (!run->definition->is_foreach) return unit_state(&run->units[0]);
    const char *undo = foreach_undo_state(model, run);
    if (undo != NULL) return undo;
    if (run->result == DONE) return "completed";
    if (run->result == GAVE_UP) return "failed";
    if (run->result == SKIPPED) return "skipped";
    return run->is_list_known ? "running" : "pending";
}

/* ---- what may leave -------------------------------------------------------------------------- */

static const struct call *call_of(const struct unit *unit, const char *operation)
{
    if (strcmp(operation, "compensation") == 0) return &unit->undo;
    return strcmp(operation, "verify") == 0 ? &unit->verify : &unit->action;
}

const char *model_may_send(struct model *model, const struct model_sending *sending)
{
    int place = model_definition_step(model->definition, sending->step);
    if (strcmp(sending->operation, "hook") == 0) {
        for (unsigned i = 0; i < model->hooks_count; i++) {
            const struct hook *hook = &model->hooks[i];
            if (hook->step == place && hook->item == sending->item && hook->stage == OUT &&
                hook->attempt == sending->attempt && hook->deadline_ms == sending->deadline_ms)
                return NULL;
        }
        return "a hook is sent that is not due";
    }
    if (place < 0) return "it is sent for a step that there is not";
    const struct step *step = &model->steps[place];
    unsigned item = sending->item < 0 ? 0 : (unsigned)sending->item;
    if (item >= step->units_count || step->definition->is_foreach != (sending->item >= 0))
        return "it is sent for an item that there is not";
    const struct unit *unit = &step->units[item];
    const struct call *call = call_of(unit, sending->operation);
    bool is_undo = call == &unit->undo;
    if (call->stage != OUT && call->stage != LEASED) return "it is sent and not due";
    if (call->attempt != sending->attempt || call->round != sending->round)
        return "another attempt is due than the one that is sent";
    if (call->deadline_ms != sending->deadline_ms) return "its deadline is not the recorded one";
    if (is_undo && model->state != COMPENSATING)
        return "an undo is sent of a saga that is not undone";
    if (!is_undo && unit->undone == UNDONE) return "an action is sent after its undo (law 6)";
    return NULL;
}

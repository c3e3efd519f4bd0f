/*
 * task.c: steps and compensations that workers fetch: offered in a queue, taken under a lease,
 * given back or lost.
 *
 *   PENDING --offered--> WAITING (worker) --taken--> RUNNING (lease) --answer--> settled
 *                           ^                          |  ^
 *                           +-- back-off, fail --------+  +-- heartbeat
 *                                                      +-- lease passed: unknown
 *
 *   T1  Before it is taken nothing has happened: no attempt, no first start; it can be withdrawn.
 *   T2  The lease is the attempt's deadline. It is fixed in the event of the taking, and moved by
 *       an event only, before anybody is told (law 6 goes by it).
 *   T3  A lease never reaches beyond step_timeout and, going forward, the saga's time-out.
 *   T4  A lease that has passed makes the attempt unknown; its answer may still come.
 */
#include "core/core_private.h"

bool sk_is_task(const struct sk_action *action)
{
    return action != NULL && action->kind == SK_KIND_TASK;
}

bool sk_call_is_offered(const struct sk_call *call)
{
    return call->state == SK_CALL_PAUSED && call->what == SK_FOR_WORKER;
}

bool sk_call_is_leased(const struct sk_call *call)
{
    return call->state == SK_CALL_PENDING && call->what == SK_FOR_LEASE;
}

/* ---- offering -------------------------------------------------------------------------------- */

void sk_task_offer(struct sk_turn *turn, uint32_t step, int32_t item, enum sk_operation operation)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    bool is_undo = operation == SK_OPERATION_COMPENSATION;
    struct sk_event event =
        sk_turn_event(turn, is_undo ? SK_EVENT_COMPENSATION_WAITING : SK_EVENT_STEP_WAITING, step,
                      item);
    event.kind = SK_FOR_WORKER;
    /* Later offers are bounded by the first start: see tick_paused. */
    bool is_first = sk_saga_unit(turn->saga, step, item)->first_start_at_ms == 0;
    bool is_bounded =
        !is_undo && is_first && s->step_timeout_ms > 0 && !sk_step_must_succeed(turn->saga, step);
    if (is_bounded) event.when_ms = turn->now_ms + s->step_timeout_ms;
    sk_turn_emit(turn, &event);
}

/* ---- leases ---------------------------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b)
{
    return b < a ? b : a;
}

/* T3. */
static int64_t lease_until(const struct sk_turn *turn, uint32_t step, int32_t item,
                           enum sk_operation operation, int64_t lease_ms)
{
    const struct sk_saga *saga = turn->saga;
    const struct sk_step *s = sk_step_of(saga, step);
    int64_t until = turn->now_ms + lease_ms;
    if (operation == SK_OPERATION_COMPENSATION) return until;
    int64_t from = sk_saga_unit(saga, step, item)->first_start_at_ms;
    if (from == 0) from = turn->now_ms;
    bool is_free = sk_step_must_succeed(saga, step); /* tried until it is done */
    if (s->step_timeout_ms > 0 && !is_free) until = least(until, from + s->step_timeout_ms);
    bool is_bounded = saga->state == SK_SAGA_RUNNING && !saga->is_past_pivot &&
                      !saga->plan->is_forward && !s->is_detached;
    if (is_bounded && saga->deadline_ms > 0) until = least(until, saga->deadline_ms);
    return until <= turn->now_ms ? turn->now_ms + 1 : until;
}

static void take_action(struct sk_turn *turn, const struct sk_command *command)
{
    const struct sk_step *s = sk_step_of(turn->saga, command->step);
    const struct sk_unit *unit = sk_saga_unit(turn->saga, command->step, command->item);
    bool is_first = unit->first_start_seq == 0;
    struct sk_event event =
        sk_turn_event(turn, is_first ? SK_EVENT_STEP_STARTED : SK_EVENT_STEP_RETRYING,
                      command->step, command->item);
    event.attempt += 1u;
    event.kind = SK_FOR_LEASE;
    event.text = command->who;
    event.when_ms =
        lease_until(turn, command->step, command->item, SK_OPERATION_ACTION, command->lease_ms);
    (void)sk_turn_is_too_large(turn);
    if (unit->action.line.size == 0)
        sk_request_resolve(turn, s->action, SK_OPERATION_ACTION, &event);
    if (sk_turn_is_too_large(turn))
        sk_action_refuse(turn, command->step, command->item, SK_STR("too_large"), SK_TOO_LARGE);
    else
        sk_turn_emit(turn, &event);
}

static const struct sk_call *call_of(const struct sk_turn *turn, const struct sk_command *command)
{
    struct sk_unit *unit = sk_saga_unit(turn->saga, command->step, command->item);
    bool is_undo = command->operation == SK_OPERATION_COMPENSATION;
    bool is_known = unit != NULL && (is_undo || command->operation == SK_OPERATION_ACTION);
    return is_known ? sk_unit_call(unit, command->operation) : NULL;
}

enum skald_status sk_task_take(struct sk_turn *turn, const struct sk_command *command)
{
    const struct sk_call *call = call_of(turn, command);
    bool may_start = !turn->saga->is_suspended && !turn->rules->starts_nothing;
    if (call == NULL || !sk_call_is_offered(call) || !may_start)
        return sk_error_set(turn->error, SKALD_E_STATE, "the task is not there to be taken");
    if (command->operation == SK_OPERATION_ACTION) {
        take_action(turn, command);
        return SKALD_OK;
    }
    sk_undo_take(turn, command,
                 lease_until(turn, command->step, command->item, command->operation,
                             command->lease_ms));
    return SKALD_OK;
}

/* T2: an event only when less than half of what is asked for is left, so that a worker may say
 * often that it lives. While the saga is undone an action's lease is left to run out. */
enum skald_status sk_task_heartbeat(struct sk_turn *turn, const struct sk_command *command)
{
    const struct sk_call *call = call_of(turn, command);
    bool is_held = call != NULL && sk_call_is_leased(call) && call->attempt == command->attempt &&
                   call->round == command->round;
    if (!is_held)
        return sk_error_set(turn->error, SKALD_E_STATE,
                            "the lease of this attempt is over: its outcome may still be told");
    bool is_undo = command->operation == SK_OPERATION_COMPENSATION;
    bool is_awaited_only = !is_undo && turn->saga->state == SK_SAGA_COMPENSATING;
    if (is_awaited_only || call->deadline_ms - turn->now_ms >= command->lease_ms / 2)
        return SKALD_OK;
    int64_t until =
        lease_until(turn, command->step, command->item, command->operation, command->lease_ms);
    if (until <= call->deadline_ms) return SKALD_OK;
    struct sk_event event =
        sk_turn_event(turn, is_undo ? SK_EVENT_COMPENSATION_WAITING : SK_EVENT_STEP_WAITING,
                      command->step, command->item);
    event.kind = SK_FOR_LEASE;
    event.when_ms = until;
    sk_turn_emit(turn, &event);
    return SKALD_OK;
}

/* ---- looking --------------------------------------------------------------------------------- */

static void report(const struct sk_call *call, const struct sk_action *action,
                   struct sk_task_view *view, sk_task_fn *fn, void *context)
{
    if (!sk_call_is_offered(call) && !sk_call_is_leased(call)) return;
    view->queue = action->queue;
    view->attempt = call->attempt;
    view->round = call->round;
    view->is_leased = sk_call_is_leased(call);
    view->deadline_ms = view->is_leased ? call->deadline_ms : 0;
    fn(context, view);
}

void sk_saga_tasks(const struct sk_saga *saga, sk_task_fn *fn, void *context)
{
    if ((saga->plan->kinds >> SK_KIND_TASK & 1u) == 0u) return;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        const struct sk_step *step = sk_step_of(saga, s);
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++) {
            const struct sk_unit *unit = &saga->steps[s].units[i];
            struct sk_task_view view = { .step = s, .item = sk_item_of(step, i) };
            view.operation = SK_OPERATION_ACTION;
            if (sk_unit_is_busy(unit) && sk_is_task(step->action))
                report(&unit->action, step->action, &view, fn, context);
            view.operation = SK_OPERATION_COMPENSATION;
            if (sk_is_task(step->compensation.action))
                report(&unit->undo, step->compensation.action, &view, fn, context);
        }
    }
}

static void note_offer(void *context, const struct sk_task_view *view)
{
    bool *has_offers = context;
    if (!view->is_leased) *has_offers = true;
}

bool sk_saga_has_offers(const struct sk_saga *saga)
{
    bool has_offers = false;
    if (!saga->is_suspended) sk_saga_tasks(saga, note_offer, &has_offers);
    return has_offers;
}

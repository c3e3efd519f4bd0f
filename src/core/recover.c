/*
 * recover.c: after a crash or take-over: attempts without outcome are maybe. Going forward they are
 * repeated under the same key and number, unless they must not be (no_retry); undoing, they are
 * left to law 6. Compensations and verifies are always repeated. More than SK_REDRIVES_MAX of one
 * attempt suspend the saga: a step that kills its process must not do so for ever.
 */
#include "core/core_private.h"

static bool is_killer(struct sk_turn *turn, const struct sk_call *call)
{
    if (call->redrives < SK_REDRIVES_MAX) return false;
    if (turn->saga->is_suspended) return true;
    struct sk_event event = sk_turn_event(turn, SK_EVENT_SAGA_SUSPENDED, SK_STEP_NONE, -1);
    event.text = SK_STR("redriven_too_often");
    event.note = SK_STR("an attempt was found without outcome after more than 5 crashes; resume "
                        "the saga when it is safe");
    sk_turn_emit(turn, &event);
    return true;
}

static void wait_for_redrive(struct sk_turn *turn, enum sk_event_type type, uint32_t step,
                             int32_t item)
{
    struct sk_event event = sk_turn_event(turn, type, step, item);
    event.kind = SK_FOR_REDRIVE;
    event.when_ms = turn->now_ms;
    sk_turn_emit(turn, &event);
}

/* The outcome is not known and will not be: what an answer `unknown` would mean. */
static void lose_answer(struct sk_turn *turn, uint32_t step, int32_t item)
{
    struct sk_outcome outcome = { .class_ = SK_OUTCOME_UNKNOWN,
                                  .code = SK_STR("crashed"),
                                  .message = SK_STR("found without outcome after a restart") };
    sk_action_outcome(turn, step, item, &outcome);
}

static void redrive_action(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    bool is_poll = s->kind == SK_KIND_WAIT;
    if (turn->saga->state == SK_SAGA_COMPENSATING || (!is_poll && s->retry.type == SK_RETRY_NONE)) {
        lose_answer(turn, step, item);
        return;
    }
    if (sk_saga_state_is_end(turn->saga->state) && unit->action.redrives >= SK_REDRIVES_MAX) {
        lose_answer(turn, step, item); /* async: what has ended cannot be suspended */
        return;
    }
    bool killer = is_killer(turn, &unit->action);
    if (turn->failed) return;
    if (killer || turn->saga->is_suspended) {
        wait_for_redrive(turn, SK_EVENT_STEP_WAITING, step, item);
        return;
    }
    struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_REDRIVEN, step, item);
    event.when_ms = sk_deadline_of(turn, &event, is_poll ? SK_OPERATION_POLL : SK_OPERATION_ACTION);
    if (!is_poll) event.when2_ms = unit->action.deadline_ms;
    sk_turn_emit(turn, &event);
}

static void redrive_undo(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    bool killer = is_killer(turn, &unit->undo);
    if (turn->failed) return;
    if (killer || turn->saga->is_suspended)
        wait_for_redrive(turn, SK_EVENT_COMPENSATION_WAITING, step, item);
    else
        sk_undo_again(turn, step, item, true);
}

static void redrive_verify(struct sk_turn *turn, uint32_t step, int32_t item)
{
    struct sk_outcome outcome = { .class_ = SK_OUTCOME_UNKNOWN, .code = SK_STR("crashed") };
    sk_verify_outcome(turn, step, item, &outcome);
}

static void recover_unit(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    if (sk_unit_is_busy(unit) && unit->action.state == SK_CALL_FLYING)
        redrive_action(turn, step, item);
    if (turn->failed) return;
    if (unit->verify.state == SK_CALL_FLYING) redrive_verify(turn, step, item);
    if (turn->failed) return;
    if (unit->undo.state == SK_CALL_FLYING) redrive_undo(turn, step, item);
}

void sk_recover(struct sk_turn *turn)
{
    const struct sk_saga *saga = turn->saga;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++)
        for (uint32_t i = 0; !turn->failed && i < saga->steps[s].units_count; i++)
            recover_unit(turn, s, sk_item_of(sk_step_of(saga, s), i));
    if (!turn->failed) sk_hooks_recover(turn);
}

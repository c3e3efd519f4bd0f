/* verify.c: asking the participant whether a maybe action happened. Asked only when law 6 would
 * allow the compensation; read-only, never compensated. */
#include "core/core_private.h"

bool sk_verify_is_wanted(const struct sk_saga *saga, uint32_t step, const struct sk_unit *unit)
{
    const struct sk_step *s = sk_step_of(saga, step);
    if (s->verify == NULL || !unit->maybe || unit->verify_gave_up) return false;
    if (unit->verify.state == SK_CALL_FLYING || unit->verify.state == SK_CALL_PENDING) return false;
    if (sk_unit_is_busy(unit)) return !sk_call_is_busy(&unit->action);
    return saga->state == SK_SAGA_COMPENSATING && s->compensation.type == SK_UNDO_NONE &&
           unit->undo_state == SK_UNDO_OPEN;
}

/* The question cannot be put at all. */
static void give_up_asking(struct sk_turn *turn, uint32_t step, int32_t item)
{
    struct sk_event event = sk_turn_event(turn, SK_EVENT_VERIFY_FAILED, step, item);
    event.text = SK_STR("too_large");
    event.note = SK_TOO_LARGE;
    sk_turn_emit(turn, &event);
    struct sk_outcome outcome = { .class_ = SK_OUTCOME_UNKNOWN,
                                  .code = event.text,
                                  .message = event.note };
    if (!turn->failed && sk_unit_is_busy(sk_saga_unit(turn->saga, step, item)))
        sk_action_give_up(turn, step, item, &outcome);
}

void sk_verify_start(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    if (turn->now_ms < sk_unit_law6_at(unit)) return;
    struct sk_event event = sk_turn_event(turn, SK_EVENT_VERIFY_STARTED, step, item);
    event.attempt = unit->verify.attempt + 1;
    event.when_ms = sk_deadline_of(turn, &event, SK_OPERATION_VERIFY);
    bool is_first = unit->verify.line.size == 0;
    if (is_first) sk_request_resolve(turn, s->verify, SK_OPERATION_VERIFY, &event);
    if (is_first && sk_turn_is_too_large(turn))
        give_up_asking(turn, step, item);
    else
        sk_turn_emit(turn, &event);
}

/* {"happened": true | false | null, "output": …}; anything else is "still unknown". */
static enum sk_json_type happened(const struct sk_outcome *outcome)
{
    if (outcome->class_ != SK_OUTCOME_SUCCEEDED) return SK_JSON_NULL;
    enum sk_json_type type = sk_json_type(sk_json_member(outcome->output, SK_STR("happened")));
    return type == SK_JSON_TRUE || type == SK_JSON_FALSE ? type : SK_JSON_NULL;
}

static void settled(struct sk_turn *turn, uint32_t step, int32_t item, uint32_t kind,
                    struct sk_str output)
{
    struct sk_event event = sk_turn_event(turn, SK_EVENT_VERIFY_COMPLETED, step, item);
    event.kind = kind;
    event.body = output;
    sk_turn_emit(turn, &event);
}

/* It did not happen: another attempt under the same key if there is one left, else the step failed
 * cleanly. */
static void did_not_happen(struct sk_turn *turn, uint32_t step, int32_t item)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    settled(turn, step, item, SK_NOT_HAPPENED, (struct sk_str){ NULL, 0 });
    if (turn->failed) return;
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    if (!sk_unit_is_busy(unit)) return;
    bool goes_on = turn->saga->state != SK_SAGA_COMPENSATING;
    uint32_t max = sk_attempts_max(turn->saga, &s->retry);
    bool has_left = unit->action.attempt < max;
    if (goes_on && (has_left || sk_step_must_succeed(turn->saga, step))) {
        struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_WAITING, step, item);
        event.kind = SK_FOR_BACKOFF;
        event.when_ms =
            turn->now_ms + (has_left ? sk_retry_delay(&s->retry, unit->action.attempt + 1,
                                                      sk_turn_entropy(turn), 0)
                                     : sk_retry_delay_max(&s->retry, max, 0));
        sk_turn_emit(turn, &event);
        return;
    }
    sk_action_fail(turn, step, item, SK_OUTCOME_RETRYABLE, 0, unit->error_code,
                   unit->error_message);
}

static bool goes_on_for_ever(const struct sk_turn *turn, uint32_t step)
{
    const struct sk_saga *saga = turn->saga;
    bool is_pivot =
        sk_step_of(saga, step)->is_pivot && saga->state == SK_SAGA_RUNNING && !saga->is_past_pivot;
    return is_pivot || sk_step_must_succeed(saga, step);
}

static void still_unknown(struct sk_turn *turn, uint32_t step, int32_t item,
                          const struct sk_outcome *outcome)
{
    const struct sk_step *s = sk_step_of(turn->saga, step);
    const struct sk_unit *unit = sk_saga_unit(turn->saga, step, item);
    struct sk_event event = sk_turn_event(turn, SK_EVENT_VERIFY_FAILED, step, item);
    event.text = outcome->code.size > 0 ? outcome->code : SK_STR("not_known");
    event.note = outcome->message;
    bool for_ever = goes_on_for_ever(turn, step);
    bool undoing = turn->saga->state == SK_SAGA_COMPENSATING;
    bool asks_again = !undoing || s->compensation.type == SK_UNDO_NONE;
    uint32_t max = s->retry.type == SK_RETRY_NONE ? 3u : s->retry.max_attempts;
    if (for_ever && unit->verify.attempt >= max)
        event.when_ms = turn->now_ms + sk_retry_delay_max(&s->retry, max, outcome->retry_after_ms);
    else if (asks_again && (for_ever || unit->verify.attempt < max))
        event.when_ms =
            turn->now_ms + sk_retry_delay(&s->retry, unit->verify.attempt + 1,
                                          sk_turn_entropy(turn), outcome->retry_after_ms);
    if (event.when_ms == turn->now_ms) event.when_ms++;
    sk_turn_emit(turn, &event);
    if (turn->failed || event.when_ms != 0 || !sk_unit_is_busy(unit)) return;
    sk_action_fail(turn, step, item, SK_OUTCOME_UNKNOWN, 0, unit->error_code, unit->error_message);
}

void sk_verify_outcome(struct sk_turn *turn, uint32_t step, int32_t item,
                       const struct sk_outcome *outcome)
{
    enum sk_json_type answer = happened(outcome);
    if (answer == SK_JSON_FALSE) {
        did_not_happen(turn, step, item);
    } else if (answer == SK_JSON_TRUE) {
        struct sk_str output = sk_json_member(outcome->output, SK_STR("output"));
        settled(turn, step, item, SK_HAPPENED, (struct sk_str){ NULL, 0 });
        if (!turn->failed) sk_action_complete(turn, step, item, output, (struct sk_str){ NULL, 0 });
    } else {
        still_unknown(turn, step, item, outcome);
    }
}

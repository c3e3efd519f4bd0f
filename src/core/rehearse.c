/* rehearse.c: see rehearse.h. */
#include "core/rehearse.h"

bool sk_rehearsal_init(struct sk_rehearsal *rehearsal, const struct sk_saga *saga, int64_t now_ms,
                       const struct sk_rules *rules)
{
    struct sk_buf state;
    *rehearsal = (struct sk_rehearsal){ .rules = *rules, .now_ms = now_ms };
    rehearsal->rules.starts_nothing = false; /* a server that closes opens again */
    sk_decision_init(&rehearsal->decision);
    sk_buf_init(&state, 0);
    sk_saga_encode(saga, &state);
    bool is_made = sk_saga_init(&rehearsal->saga, saga->plan) && !state.failed &&
                   sk_saga_decode(&rehearsal->saga, sk_buf_view(&state)) == SKALD_OK;
    rehearsal->saga.is_restored = saga->is_restored;
    sk_buf_release(&state);
    return is_made;
}

void sk_rehearsal_release(struct sk_rehearsal *rehearsal)
{
    sk_decision_release(&rehearsal->decision);
    sk_saga_release(&rehearsal->saga);
}

enum skald_status sk_rehearse(struct sk_rehearsal *rehearsal, const struct sk_command *command)
{
    sk_decision_clear(&rehearsal->decision);
    return sk_saga_decide(&rehearsal->saga, command, rehearsal->now_ms, &rehearsal->rules,
                          &rehearsal->decision, &rehearsal->error);
}

enum skald_status sk_rehearse_until(struct sk_rehearsal *rehearsal, int64_t at_ms)
{
    struct sk_command wake = { .kind = SK_COMMAND_WAKE, .step = SK_STEP_NONE, .item = -1 };
    if (at_ms > rehearsal->now_ms) rehearsal->now_ms = at_ms;
    return sk_rehearse(rehearsal, &wake);
}

enum skald_status sk_rehearse_answer(struct sk_rehearsal *rehearsal, uint32_t step, int32_t item,
                                     enum sk_operation operation, const struct sk_outcome *outcome)
{
    struct sk_unit *unit = sk_saga_unit(&rehearsal->saga, step, item);
    const struct sk_call *call = unit == NULL ? NULL : sk_unit_call(unit, operation);
    if (call == NULL) return SKALD_E_NOT_FOUND;
    bool is_pending = call->state == SK_CALL_PENDING;
    struct sk_command command = { .kind = is_pending ? SK_COMMAND_COMPLETE : SK_COMMAND_OUTCOME,
                                  .step = step,
                                  .item = item,
                                  .operation = operation,
                                  .attempt = call->attempt,
                                  .round = call->round,
                                  .start_seq = call->start_seq,
                                  .outcome = outcome };
    return sk_rehearse(rehearsal, &command);
}

enum skald_status sk_rehearse_child(struct sk_rehearsal *rehearsal, uint32_t step, int32_t item,
                                    enum sk_saga_state state)
{
    const struct sk_unit *unit = sk_saga_unit(&rehearsal->saga, step, item);
    struct sk_buf body;
    if (unit == NULL) return SKALD_E_NOT_FOUND;
    sk_buf_init(&body, 0);
    sk_child_end_encode(state, step, item, unit->action.round, &body);
    struct sk_message message = { .kind = SK_MESSAGE_CHILD_ENDED, .body = sk_buf_view(&body) };
    struct sk_command command = {
        .kind = SK_COMMAND_MESSAGE, .step = SK_STEP_NONE, .item = -1, .message = &message
    };
    enum skald_status status = body.failed ? SKALD_E_MEMORY : sk_rehearse(rehearsal, &command);
    sk_buf_release(&body);
    return status;
}

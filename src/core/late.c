/* late.c: answers to attempts that are not waited for any more. The first per attempt is recorded;
 * a late success of a step that was settled as not-happened makes its undo due (law 12); one of a
 * step that is still tried, by a round in which the answer was no, makes it maybe. */
#include "core/core_private.h"

static bool was_settled_as_not_happened(const struct sk_unit *unit)
{
    return (unit->state == SK_STEP_FAILED || unit->state == SK_STEP_SKIPPED) && !unit->maybe &&
           !unit->child_failed && unit->undo_state == SK_UNDO_OPEN;
}

/* Of a step that is still tried. */
static enum sk_late_meaning meaning_meanwhile(const struct sk_saga *saga,
                                              const struct sk_step *step,
                                              const struct sk_unit *unit)
{
    if (unit->maybe || step->kind == SK_KIND_SAGA) return SK_LATE_RECORDED;
    if (saga->state == SK_SAGA_RUNNING) return SK_LATE_MAYBE_AGAIN;
    return saga->state == SK_SAGA_COMPENSATING ? SK_LATE_UNDO_DUE : SK_LATE_RECORDED;
}

static enum sk_late_meaning meaning_of(const struct sk_saga *saga, const struct sk_step *step,
                                       const struct sk_unit *unit, const struct sk_outcome *outcome)
{
    if (outcome->class_ == SK_OUTCOME_SUCCEEDED && sk_unit_is_busy(unit))
        return meaning_meanwhile(saga, step, unit);
    if (outcome->class_ != SK_OUTCOME_SUCCEEDED || !was_settled_as_not_happened(unit))
        return SK_LATE_RECORDED;
    switch (saga->state) {
    case SK_SAGA_PENDING: return SK_LATE_RECORDED;
    case SK_SAGA_RUNNING: return saga->is_past_pivot ? SK_LATE_RESIDUE : SK_LATE_MAYBE_AGAIN;
    case SK_SAGA_COMPENSATING: return SK_LATE_UNDO_DUE;
    case SK_SAGA_COMPLETED: return SK_LATE_RESIDUE;
    case SK_SAGA_COMPENSATED:
    case SK_SAGA_FAILED:
    case SK_SAGA_CANCELLED:
    case SK_SAGA_TIMED_OUT: return saga->is_past_pivot ? SK_LATE_RESIDUE : SK_LATE_REOPENS;
    case SK_SAGA_SUSPENDED:
    case SK_SAGA_STATES_COUNT: break;
    }
    return SK_LATE_RECORDED;
}

static bool is_recorded(const struct sk_unit *unit, uint32_t attempt, uint32_t round)
{
    struct sk_reader reader = sk_reader_of(unit->lates);
    while (reader.at != reader.end && !reader.bad) {
        uint64_t recorded = sk_get_u64(&reader);
        if (sk_get_u64(&reader) == round && recorded == attempt) return true;
    }
    return false;
}

void sk_late_answer(struct sk_turn *turn, uint32_t step, int32_t item, uint32_t attempt,
                    uint32_t round, const struct sk_outcome *outcome)
{
    struct sk_saga *saga = turn->saga;
    const struct sk_unit *unit = sk_saga_unit(saga, step, item);
    if (unit->first_start_seq == 0 || sk_step_of(saga, step)->kind == SK_KIND_WAIT) return;
    if (is_recorded(unit, attempt, round)) return;
    if (saga->late_count >= SK_LATE_EVENTS_MAX) return;
    enum sk_late_meaning meaning = meaning_of(saga, sk_step_of(saga, step), unit, outcome);
    struct sk_event event = sk_turn_event(turn, SK_EVENT_STEP_LATE, step, item);
    event.attempt = attempt;
    event.round = round;
    event.kind = (uint32_t)meaning;
    event.flags = (uint32_t)outcome->class_;
    event.text = outcome->code;
    event.note = outcome->message;
    event.body = outcome->output;
    sk_turn_emit(turn, &event);
    if (turn->failed) return;
    if (meaning == SK_LATE_RESIDUE)
        sk_turn_alert(turn, step, item, SK_ALERT_WARNING, 0, "late_success",
                      SK_STR("a step that had been given up has happened after all"));
    if (meaning == SK_LATE_REOPENS)
        sk_undo_begin(turn, saga->reason, SK_STR("late_success"),
                      SK_STR("a step that had been given up has happened after all"), false);
}

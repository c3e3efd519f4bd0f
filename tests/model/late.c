/* late.c: answers that nobody waits for any more. They change nothing, except a late success of
 * what was settled as not-happened. */
#include "model_private.h"

enum meaning { RECORDED, MAYBE_AGAIN, UNDO_DUE, REOPENS, STANDS };

static enum meaning meaning_of(const struct model *model)
{
    switch (model->state) {
    case RUNNING: return model->is_past_pivot ? STANDS : MAYBE_AGAIN;
    case COMPENSATING: return UNDO_DUE;
    case COMPLETED: return STANDS;
    case COMPENSATED:
    case CANCELLED:
    case TIMED_OUT:
    case FAILED: return model->is_past_pivot ? STANDS : REOPENS;
    case PENDING: break;
    }
    return RECORDED;
}

/* It was given up, nothing of it was undone, and until now it was not even maybe. */
static bool was_settled_as_not_happened(const struct unit *unit)
{
    return (unit->result == GAVE_UP || unit->result == SKIPPED) && !unit->maybe &&
           !unit->child_failed && unit->undone == UNDO_OPEN;
}

/* It is still tried, and what was no in an earlier round is yes. */
static enum meaning meaning_meanwhile(const struct model *model, const struct fact *fact)
{
    if (fact->unit->maybe || fact->step->definition->way == BY_CHILD) return RECORDED;
    if (model->state == RUNNING) return MAYBE_AGAIN;
    return model->state == COMPENSATING ? UNDO_DUE : RECORDED;
}

bool on_step_late(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    const struct model_event *event = fact->event;
    if (unit == NULL) return model_no(model, "a foreach as a whole is not answered");
    if (unit->first_start == 0) return model_no(model, "it was never started");
    if (++model->late_count > LATE_MAX)
        return model_no(model, "more than %d late answers", LATE_MAX);
    bool is_success = event->flags == 0;
    enum meaning meaning = RECORDED;
    if (is_success && is_active(unit)) {
        meaning = meaning_meanwhile(model, fact);
        if (event->round < unit->action.round) unit->maybe_by_other_key = true;
    } else if (is_success && was_settled_as_not_happened(unit)) {
        meaning = meaning_of(model);
    }
    if (event->kind != (uint32_t)meaning)
        return model_no(model, "it means %u, by the rules %d", event->kind, (int)meaning);
    if (meaning == MAYBE_AGAIN || meaning == UNDO_DUE || meaning == REOPENS) unit->maybe = true;
    if (meaning == STANDS) { /* once, however many of its attempts succeed late */
        model->residue += 1;
        unit->undone = UNDO_RESIDUE;
    }
    model->asked.late_reopens = meaning == REOPENS;
    return true;
}

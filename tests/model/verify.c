/* verify.c: asking whether a maybe step happened. */
#include "model_private.h"

static bool may_ask(struct model *model, const struct fact *fact)
{
    const struct unit *unit = fact->unit;
    const struct model_event *event = fact->event;
    if (!fact->step->definition->has_verify) return model_no(model, "the step has no verify");
    if (!unit->maybe) return model_no(model, "it is asked about a step that is not maybe");
    if (unit->result == DONE) return model_no(model, "it is asked about a step that completed");
    if (model->is_suspended) return model_no(model, "it is asked while the saga is suspended");
    if (is_loose(unit, event->at_ms))
        return model_no(model, "it is asked while an attempt may still arrive (law 6)");
    if (model->state != COMPENSATING && !may_work(model, fact->step))
        return model_no(model, "it is asked for a saga that does not run");
    if (unit->action.stage == OUT || unit->action.stage == LEASED)
        return model_no(model, "it is asked while an attempt is out");
    return true;
}

bool on_verify_started(struct model *model, const struct fact *fact)
{
    const struct model_event *event = fact->event;
    if (fact->unit == NULL) return model_no(model, "a foreach as a whole is not asked about");
    struct call *verify = &fact->unit->verify;
    if (!may_ask(model, fact)) return false;
    if (verify->stage == PAUSED && event->at_ms < verify->until_ms && !verify->is_granted)
        return model_no(model, "it is asked again before its pause is over");
    int64_t limit_ms = fact->step->definition->verify_timeout_ms;
    if (limit_ms == 0) limit_ms = model->rules.is_varying ? -1 : model->rules.verify_timeout_ms;
    if (limit_ms > 0 && event->when_ms != event->at_ms + limit_ms)
        return model_no(model, "its deadline is not its time-out away");
    verify->stage = OUT;
    verify->attempt = event->attempt;
    verify->round = event->round;
    verify->deadline_ms = event->when_ms;
    verify->is_granted = fact->unit->undo.is_granted = false;
    return true;
}

bool on_verify_completed(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    if (unit == NULL || unit->verify.stage != OUT) return model_no(model, "it was not asked");
    unit->verify.stage = BETWEEN;
    unit->loose_until_ms = 0;
    if (fact->event->kind != 2) return true; /* step.completed follows */
    unit->verify.stage = SETTLED;
    /* It was named as one of which nobody knows; now it is known not to have happened. */
    if (unit->had_undo_failed && unit->result == SKIPPED) unit->result = GAVE_UP;
    unit->maybe = unit->maybe_by_other_key = unit->had_undo_failed = false;
    unit->was_verified_no = true;
    return true;
}

/* A question that would be too large is given up unasked. */
static bool is_never_put(const struct fact *fact)
{
    return fact->unit->verify.stage != OUT && fact->event->when_ms == 0 &&
           model_text_is(fact->event->text, "too_large");
}

bool on_verify_failed(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    if (unit == NULL) return model_no(model, "a foreach as a whole is not asked about");
    if (is_never_put(fact) && !may_ask(model, fact)) return false;
    if (!is_never_put(fact) && unit->verify.stage != OUT)
        return model_no(model, "it was not asked");
    unit->verify.until_ms = fact->event->when_ms;
    unit->verify.stage = fact->event->when_ms != 0 ? PAUSED : SETTLED;
    unit->verify_gave_up = fact->event->when_ms == 0;
    return true;
}

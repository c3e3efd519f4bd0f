/* undo.c: compensations: when one may begin, its attempts, and what becomes of it. */
#include "model_private.h"

/* ---- beginning ------------------------------------------------------------------------------- */

static bool may_undo(struct model *model, const struct fact *fact)
{
    const struct unit *unit = fact->unit;
    if (unit == NULL) return model_no(model, "a foreach is undone item by item");
    if (model->state != COMPENSATING) return model_no(model, "the saga is not undone");
    if (model->is_suspended) return model_no(model, "an undo begins while the saga is suspended");
    if (unit->result != DONE && !unit->maybe)
        return model_no(model, "an undo of what surely did not happen (law 5)");
    if (unit->undone != UNDO_OPEN) return model_no(model, "it was undone already");
    if (fact->step->definition->undo.how == UNDO_NOTHING)
        return model_no(model, "nothing of it is to be undone");
    return true;
}

static bool check_turn(struct model *model, const struct fact *fact)
{
    if (is_loose(fact->unit, fact->event->at_ms))
        return model_no(model, "its undo begins while an attempt may still arrive (law 6)");
    if (!is_undo_turn(model, fact->step, fact->unit))
        return model_no(model, "its undo begins before its turn (law 7)");
    return true;
}

static bool check_undo_deadline(struct model *model, const struct fact *fact)
{
    const struct model_event *event = fact->event;
    int64_t limit_ms = fact->step->definition->undo.timeout_ms;
    if (fact->step->definition->undo.how != UNDO_CALL || limit_ms < 0) return true;
    if (event->when_ms == event->at_ms + limit_ms) return true;
    return model_no(model, "its deadline is %lld ms away, %lld ms by the definition",
                    (long long)(event->when_ms - event->at_ms), (long long)limit_ms);
}

static void fly(struct call *call, const struct model_event *event)
{
    call->stage = event->kind == 11 ? LEASED : event->kind == 6 ? WAITING : OUT;
    call->deadline_ms = event->when_ms;
    call->attempt = event->attempt;
    call->round = event->round;
    call->redrives = 0;
    call->is_granted = false;
}

static bool begin_undo(struct model *model, const struct fact *fact)
{
    const struct compensation *undo = &fact->step->definition->undo;
    if (undo->how == UNDO_UNSAID) return model_no(model, "no compensation is declared");
    if (fact->unit->result != DONE && undo->only_completed)
        return model_no(model, "only a completed step of this kind is undone");
    return check_turn(model, fact);
}

static bool begin_round(struct model *model, const struct fact *fact)
{
    const struct model_event *event = fact->event;
    struct call *call = &fact->unit->undo;
    bool is_round = call->is_granted && call->last_was_no && !call->had_loose;
    if (event->round != call->round + is_round)
        return model_no(model, "a round is raised by an operator after a clear no, and only so");
    if (is_round) call->had_loose = call->last_was_no = false;
    return true;
}

bool on_compensation_started(struct model *model, const struct fact *fact)
{
    if (!may_undo(model, fact)) return false;
    struct call *call = &fact->unit->undo;
    enum undoing how = fact->step->definition->undo.how;
    if (call->stage == OFFERED) {
        if (fact->event->kind != 11) return model_no(model, "an offered task is taken otherwise");
    } else {
        if (call->stage != NOT_BEGUN) return model_no(model, "its undo begins a second time");
        if (!begin_undo(model, fact)) return false;
        if (how == UNDO_TASK) return model_no(model, "a task that nobody has offered");
    }
    if ((how == UNDO_CHILD) != (fact->event->kind == 6))
        return model_no(model, "a child is undone by itself, and nothing else is");
    if (!check_undo_deadline(model, fact) || !begin_round(model, fact)) return false;
    fact->unit->had_undo_failed = false;
    fact->unit->is_undo_begun = true;
    fly(call, fact->event);
    return true;
}

/* ---- more attempts --------------------------------------------------------------------------- */

static const struct policy *policy_of_undo(const struct fact *fact)
{
    const struct compensation *undo = &fact->step->definition->undo;
    return fact->unit->undo_second_policy ? &undo->second_policy : &undo->policy;
}

static bool redrive_undo(struct model *model, const struct fact *fact)
{
    struct call *call = &fact->unit->undo;
    bool is_resumed = call->stage == REDRIVE;
    if (call->stage != OUT && !is_resumed) return model_no(model, "repeated while it is not out");
    if (fact->event->attempt != call->attempt || fact->event->round != call->round)
        return model_no(model, "a redrive has its attempt's own number");
    if (!is_resumed && call->redrives >= REDRIVES_MAX)
        return model_no(model, "repeated more than %d times", REDRIVES_MAX);
    if (!check_undo_deadline(model, fact)) return false;
    unsigned redrives = is_resumed ? 0 : call->redrives + 1;
    call->had_loose = true;
    fly(call, fact->event);
    call->redrives = redrives;
    return true;
}

bool on_compensation_retrying(struct model *model, const struct fact *fact)
{
    if (!may_undo(model, fact)) return false;
    const struct model_event *event = fact->event;
    struct call *call = &fact->unit->undo;
    if (event->flags != 0) return redrive_undo(model, fact);
    bool is_taken = call->stage == OFFERED && event->kind == 11;
    bool is_forced = call->stage == REDRIVE && call->is_granted;
    if (call->stage != PAUSED && call->stage != SWEEP && !is_taken && !is_forced)
        return model_no(model, "tried again while it does not pause");
    if (!is_taken && event->at_ms < call->until_ms && !call->is_granted)
        return model_no(model, "tried again before its pause is over");
    if (event->round != call->round) return model_no(model, "no round begins so");
    if (event->attempt <= call->attempt && call->stage != SWEEP)
        return model_no(model, "not the next attempt");
    if (!check_undo_deadline(model, fact)) return false;
    fly(call, event);
    return true;
}

static bool is_under_way(const struct call *call)
{
    return call->stage == OUT || call->stage == ACCEPTED || call->stage == LEASED;
}

static bool pause_undo(struct model *model, const struct fact *fact)
{
    struct call *call = &fact->unit->undo;
    const struct model_event *event = fact->event;
    bool is_second = (event->flags & 4u) != 0;
    /* The no of an earlier attempt, or of one that is held, by its token. */
    bool is_told = (is_second || policy_of_undo(fact)->has_opinions) &&
                   (call->stage == PAUSED || call->stage == OFFERED || call->stage == SWEEP ||
                    call->stage == REDRIVE);
    if (!is_under_way(call) && call->stage != BETWEEN && !is_told)
        return model_no(model, "its undo pauses, and no attempt of it has ended");
    if (is_second && !fact->step->definition->undo.tries_again)
        return model_no(model, "there is no second policy");
    if (is_second && fact->unit->undo_second_policy)
        return model_no(model, "its second policy had begun");
    fact->unit->undo_second_policy |= is_second;
    if (is_second) call->attempt = 0; /* it counts its own */
    const struct policy *policy = policy_of_undo(fact);
    if (event->when_ms - event->at_ms < least_pause_ms(policy, call->attempt + 1))
        return model_no(model, "its pause is shorter than its policy says");
    if (call->stage == OFFERED) call->is_granted = false; /* what an operator asked for was done */
    call->stage = PAUSED;
    call->until_ms = event->when_ms;
    call->last_was_no = false;
    return true;
}

/* Used up: taken up again so many times, after longer and longer pauses. */
static bool leave_to_sweep(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    struct call *call = &unit->undo;
    const struct model_event *event = fact->event;
    const struct compensation *undo = &fact->step->definition->undo;
    if (!is_under_way(call) && call->stage != BETWEEN)
        return model_no(model, "its undo is used up, and no attempt of it has ended");
    if (undo->stands) return model_no(model, "what may stand is not taken up again");
    if (undo->tries_again && !unit->undo_second_policy)
        return model_no(model, "its second policy comes first");
    if (unit->takeups >= model->rules.takeups_max)
        return model_no(model, "taken up more than %u times", model->rules.takeups_max);
    int64_t pause_ms = model->rules.takeup_pause_ms << unit->takeups;
    if (event->when_ms != event->at_ms + pause_ms && !model->rules.is_varying)
        return model_no(model, "taken up after %lld ms, by the rules %lld",
                        (long long)(event->when_ms - event->at_ms), (long long)pause_ms);
    unit->takeups += 1;
    call->stage = SWEEP;
    call->until_ms = event->when_ms;
    return true;
}

static bool offer_undo(struct model *model, const struct fact *fact)
{
    struct call *call = &fact->unit->undo;
    if (fact->step->definition->undo.how != UNDO_TASK) return model_no(model, "it is no task");
    if (!may_undo(model, fact)) return false;
    if (call->stage == NOT_BEGUN) {
        if (!begin_undo(model, fact)) return false;
    } else {
        if (call->stage != PAUSED && call->stage != SWEEP)
            return model_no(model, "offered while it is not to be offered");
        if (fact->event->at_ms < call->until_ms && !call->is_granted)
            return model_no(model, "offered again before its pause is over");
    }
    call->stage = OFFERED;
    fact->unit->had_undo_failed = false;
    fact->unit->is_undo_begun = true;
    return true;
}

bool on_compensation_waiting(struct model *model, const struct fact *fact)
{
    if (fact->unit == NULL) return model_no(model, "a foreach is undone item by item");
    struct call *call = &fact->unit->undo;
    if (fact->unit->undone != UNDO_OPEN) return model_no(model, "it was undone already");
    switch (fact->event->kind) {
    case 1: return pause_undo(model, fact);
    case 2:
        if (call->stage != OUT && call->stage != LEASED)
            return model_no(model, "accepted, and not out");
        call->stage = ACCEPTED;
        return true;
    case 8: return leave_to_sweep(model, fact);
    case 9:
        if (call->stage != OUT || !model->is_suspended)
            return model_no(model, "held while it is not out, or the saga not suspended");
        call->stage = REDRIVE;
        call->had_loose = true;
        return true;
    case 10: return offer_undo(model, fact);
    case 11:
        if (call->stage != LEASED || fact->event->when_ms <= call->deadline_ms)
            return model_no(model, "a lease that nobody has, or that goes back");
        call->deadline_ms = fact->event->when_ms;
        return true;
    default: return model_no(model, "it waits for what there is not");
    }
}

/* ---- ends ------------------------------------------------------------------------------------ */

bool on_compensation_unknown(struct model *model, const struct fact *fact)
{
    if (fact->unit == NULL || !is_under_way(&fact->unit->undo))
        return model_no(model, "no attempt of its undo is open");
    if (model_text_is(fact->event->text, "lease_expired") &&
        fact->event->at_ms < fact->unit->undo.deadline_ms)
        return model_no(model, "its lease was not over");
    fact->unit->undo.had_loose = true;
    fact->unit->undo.stage = BETWEEN;
    return true;
}

static void settle_undo(struct unit *unit, enum undone undone)
{
    unit->had_undo_failed = false;
    unit->undone = undone;
    unit->undo.stage = SETTLED;
    unit->undo.is_granted = false;
}

bool on_compensation_completed(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    if (unit == NULL) return model_no(model, "a foreach is undone item by item");
    /* A child that was repaired, also before its parent came to say that it is not undone. */
    bool is_repaired = fact->step->definition->way == BY_CHILD &&
                       (unit->undone == UNDO_FAILED || unit->child_failed);
    if (model->state != COMPENSATING) return model_no(model, "the saga is not undone");
    bool is_open = unit->undone == UNDO_OPEN || (unit->undone == UNDO_FAILED && is_repaired);
    if (!is_open) return model_no(model, "its undo was settled");
    if (unit->undo.stage == NOT_BEGUN && !is_repaired)
        return model_no(model, "it is undone and its undo had not begun");
    settle_undo(unit, UNDONE);
    unit->maybe = false;
    unit->child_failed = false;
    return true;
}

bool on_compensation_failed(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    if (unit == NULL) return model_no(model, "a foreach is undone item by item");
    const struct compensation *undo = &fact->step->definition->undo;
    if (model->state != COMPENSATING) return model_no(model, "the saga is not undone");
    if (unit->undone != UNDO_OPEN) return model_no(model, "its undo was settled");
    if (unit->undo.stage == NOT_BEGUN && !unit->child_failed &&
        !is_undo_turn(model, fact->step, unit))
        return model_no(model, "its undo fails and had not begun");
    bool stands = fact->event->kind != 0;
    if (stands != undo->stands && !unit->child_failed)
        return model_no(model, stands ? "it counts as residue, and nothing lets it stand"
                                      : "it fails, and might have stood as residue");
    if (unit->undo.stage == BETWEEN && !stands && unit->takeups < model->rules.takeups_max)
        return model_no(model, "it fails without a clear no before it was taken up %u times",
                        model->rules.takeups_max);
    if (undo->tries_again && !unit->undo_second_policy && unit->undo.stage == BETWEEN)
        return model_no(model, "its second policy was not tried");
    unit->undo.last_was_no = (fact->event->flags & 8u) != 0;
    settle_undo(unit, stands ? UNDO_RESIDUE : UNDO_FAILED);
    if (stands) model->residue += 1;
    return call_for_hooks(model, fact, ON_UNDO_FAILURE, undo->hooks);
}

static bool may_leave(struct model *model, const struct fact *fact)
{
    const struct unit *unit = fact->unit;
    const struct step_definition *definition = fact->step->definition;
    switch (fact->event->kind) {
    case 1:
        if (unit->result != DONE || definition->undo.how != UNDO_UNSAID)
            return model_no(model, "its undo is declared, or it never completed");
        return true;
    case 2:
        if (unit->result == DONE || !unit->maybe || !definition->undo.only_completed)
            return model_no(model, "only a maybe step with `when: completed` is left so");
        return true;
    case 3:
        if (!unit->is_skip_granted && !fact->step->is_skip_granted && !model->asked.force_complete)
            return model_no(model, "no operator asked for it");
        return true;
    case 4:
        if (!unit->maybe || definition->undo.how != UNDO_UNSAID)
            return model_no(model, "only a maybe step without compensation stays unsettled");
        if (definition->has_verify && !unit->verify_gave_up)
            return model_no(model, "its verify was not asked to the end");
        return true;
    default: return model_no(model, "it is left for no reason");
    }
}

bool on_compensation_skipped(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    if (unit == NULL) return model_no(model, "a foreach is undone item by item");
    bool is_forced = model->asked.force_complete;
    if (unit->undone != UNDO_OPEN && !(is_forced && unit->undone == UNDO_FAILED))
        return model_no(model, "its undo was settled");
    if (model->state != COMPENSATING && !is_forced)
        return model_no(model, "the saga is not undone");
    if (!may_leave(model, fact)) return false;
    uint32_t kind = fact->event->kind;
    bool was_begun = unit->undo.stage != NOT_BEGUN, had_failed = unit->had_undo_failed;
    settle_undo(unit, kind == 1 ? UNDO_LEFT : kind == 4 ? UNDO_FAILED : UNDO_RESIDUE);
    if (!was_begun) unit->undo.stage = NOT_BEGUN;
    if (kind == 3) unit->had_undo_failed = had_failed; /* it stays what it was */
    if (kind == 3) end_verify(unit);
    if (kind == 2 || kind == 3) model->residue += 1;
    unit->is_skip_granted = false;
    return true;
}

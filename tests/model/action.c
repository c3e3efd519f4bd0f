/* action.c: going forward: the attempts of an action, and what they come to. */
#include "model_private.h"

#include <string.h>

/* ---- when an attempt may begin, and how long it may last ------------------------------------- */

/* Nothing begins while the saga is held, undone, or over. */
static bool may_begin(struct model *model, const struct step *step)
{
    if (model->is_suspended) return model_no(model, "work begins while the saga is suspended");
    if (model->state == COMPENSATING)
        return model_no(model, "work begins while the saga is undone");
    if (!may_work(model, step)) return model_no(model, "work begins in a saga that does not run");
    return true;
}

static bool may_begin_step(struct model *model, const struct step *step)
{
    if (!may_begin(model, step)) return false;
    if (model->state != RUNNING) return model_no(model, "a step begins after the saga's end");
    if (!are_dependencies_settled(model, step))
        return model_no(model, "a step begins before what it depends on is settled (law 7)");
    return true;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The least of what bounds an attempt; INT64_MIN: a template, which the model does not read. */
static int64_t limit_of(const struct model *model, const struct step *step, const struct unit *unit,
                        int64_t at_ms)
{
    const struct step_definition *definition = step->definition;
    int64_t until_ms = at_ms + definition->timeout_ms;
    int64_t from_ms = unit->first_start_ms == 0 ? at_ms : unit->first_start_ms;
    if (definition->timeout_ms < 0) return INT64_MIN;
    int64_t step_ms = from_ms + definition->step_timeout_ms;
    /* Where it goes on although that time is over, it is no bound any more. */
    if (definition->step_timeout_ms > 0 && step_ms > at_ms) until_ms = least(until_ms, step_ms);
    bool is_bound = model->state == RUNNING && !model->is_past_pivot && !definition->is_async &&
                    !model->definition->is_forward && model->deadline_ms > at_ms;
    return is_bound ? least(until_ms, model->deadline_ms) : until_ms;
}

static bool check_deadline(struct model *model, const struct fact *fact)
{
    const struct model_event *event = fact->event;
    int64_t limit_ms = limit_of(model, fact->step, fact->unit, event->at_ms);
    if (fact->step->definition->way == BY_TASK || limit_ms == INT64_MIN) return true;
    if (event->when_ms == limit_ms) return true;
    return model_no(model, "its deadline is %lld ms away, %lld ms by the definition",
                    (long long)(event->when_ms - event->at_ms),
                    (long long)(limit_ms - event->at_ms));
}

static void begin(struct model *model, struct fact const *fact)
{
    struct unit *unit = fact->unit;
    fact->step->is_begun = true;
    if (fact->step->first_start == 0) fact->step->first_start = fact->event->seq;
    if (unit->first_start == 0) {
        unit->first_start = fact->event->seq;
        unit->first_start_ms = fact->event->at_ms;
    }
    (void)model;
}

static void fly(struct unit *unit, const struct model_event *event)
{
    unit->action.stage = OUT;
    unit->action.deadline_ms = event->when_ms;
    unit->action.redrives = 0;
    unit->action.is_granted = false;
    unit->was_verified_no = false;
}

/* ---- foreach --------------------------------------------------------------------------------- */

/* Items begin in order, so many at a time, and none after one that failed for good. */
static bool may_begin_item(struct model *model, const struct fact *fact)
{
    const struct step *step = fact->step;
    unsigned busy = 0;
    if (!step->definition->is_foreach) return true;
    if (!step->is_list_known) return model_no(model, "an item begins before its list is known");
    if (step->is_failing) return model_no(model, "an item begins after another one has failed");
    for (const struct unit *other = step->units; other < step->units + step->units_count; other++) {
        bool is_skipped = other < fact->unit && !is_active(other) && other->result == OPEN;
        if (is_skipped) return model_no(model, "an item begins before the one above it");
        if (other != fact->unit && is_active(other)) busy += 1;
    }
    if (busy >= step->definition->parallel)
        return model_no(model, "more items at once than the definition allows");
    return true;
}

static bool on_list(struct model *model, const struct fact *fact)
{
    struct step *step = fact->step;
    if (step->is_list_known) return model_no(model, "its list was known already");
    if (!may_begin_step(model, step)) return false;
    if (fact->event->number > 10000) return model_no(model, "more than 10,000 items");
    room_for_units(model, step, (unsigned)fact->event->number);
    step->is_begun = step->is_list_known = true;
    step->first_start = fact->event->seq;
    return true;
}

static unsigned count_active(const struct step *step)
{
    unsigned count = 0;
    for (unsigned i = 0; i < step->units_count; i++) count += is_active(&step->units[i]);
    return count;
}

/* The whole is over when its items are. */
static bool on_whole_ended(struct model *model, const struct fact *fact, enum result result)
{
    struct step *step = fact->step;
    if (step->result != OPEN) return model_no(model, "it had ended");
    if (count_active(step) > 0) return model_no(model, "an item of it is still under way");
    for (unsigned i = 0; i < step->units_count && result == DONE; i++)
        if (step->units[i].result == OPEN) return model_no(model, "an item of it was never tried");
    if (result == DONE && step->is_failing)
        return model_no(model, "it completes though an item failed that may not");
    if (result == GAVE_UP && step->is_list_known && !step->is_failing &&
        model->state != COMPENSATING)
        return model_no(model, "it fails and no item of it did");
    step->result = result;
    step->is_begun = true;
    if (result == DONE && step->definition->is_pivot && model->state == RUNNING)
        model->is_past_pivot = true;
    return true;
}

/* ---- step.started ---------------------------------------------------------------------------- */

static bool start_wait(struct model *model, const struct fact *fact)
{
    const struct model_event *event = fact->event;
    const struct step_definition *definition = fact->step->definition;
    struct call *call = &fact->unit->action;
    if (event->kind != (uint32_t)definition->waiting)
        return model_no(model, "it waits for something else than its definition says");
    int64_t until_ms = definition->wait_timeout_ms;
    if (until_ms > 0) until_ms += event->at_ms;
    if (definition->waiting != WAITS_TIME && event->when_ms != until_ms)
        return model_no(model, "its time-out is not that of its definition");
    *call = (struct call){ .stage = WAITING,
                           .until_ms = event->when2_ms,
                           .deadline_ms = event->when_ms,
                           .attempt = event->attempt,
                           .round = call->round };
    return true;
}

static bool start_child(struct model *model, const struct fact *fact)
{
    struct call *call = &fact->unit->action;
    if (fact->event->kind != WAITS_CHILD) return model_no(model, "a child starts otherwise");
    uint32_t round = call->is_granted ? call->round + 1 : 0;
    if (fact->event->round != round) return model_no(model, "the round of its child is %u", round);
    *call = (struct call){ .stage = WAITING, .attempt = 1, .round = round };
    return true;
}

static bool start_task(struct model *model, const struct fact *fact)
{
    const struct model_event *event = fact->event;
    struct call *call = &fact->unit->action;
    if (call->stage != OFFERED) return model_no(model, "a task is taken that is not on offer");
    if (event->when_ms <= event->at_ms) return model_no(model, "a lease that is over");
    if (event->attempt != 1) return model_no(model, "a first attempt has number 1");
    fly(fact->unit, event);
    call->stage = LEASED;
    call->attempt = 1;
    return true;
}

static bool start_call(struct model *model, const struct fact *fact)
{
    const struct model_event *event = fact->event;
    if (event->attempt != 1 || event->round != 0)
        return model_no(model, "a first attempt has number 1 and no round");
    if (!check_deadline(model, fact)) return false;
    fly(fact->unit, event);
    fact->unit->action.attempt = 1;
    return true;
}

static bool may_start(struct model *model, const struct fact *fact)
{
    const struct unit *unit = fact->unit;
    enum way way = fact->step->definition->way;
    if (unit->result != OPEN) return model_no(model, "it starts and was settled");
    bool is_anew = unit->action.stage == HUMAN && unit->action.is_granted &&
                   (way == BY_WAIT || way == BY_CHILD);
    bool is_taken = unit->action.stage == OFFERED && way == BY_TASK;
    if (unit->action.stage != NOT_BEGUN && !is_anew && !is_taken)
        return model_no(model, "it starts a second time");
    if (is_anew || is_taken) return may_begin(model, fact->step);
    if (!fact->step->definition->is_foreach) return may_begin_step(model, fact->step);
    return may_begin(model, fact->step) && may_begin_item(model, fact);
}

bool on_step_started(struct model *model, const struct fact *fact)
{
    if (fact->unit == NULL) return on_list(model, fact);
    if (!may_start(model, fact)) return false;
    bool is_fine = false;
    switch (fact->step->definition->way) {
    case BY_WAIT: is_fine = start_wait(model, fact); break;
    case BY_CHILD: is_fine = start_child(model, fact); break;
    case BY_TASK: is_fine = start_task(model, fact); break;
    case BY_CALL: is_fine = start_call(model, fact); break;
    }
    if (is_fine) begin(model, fact);
    return is_fine;
}

/* ---- more attempts --------------------------------------------------------------------------- */

/* Another attempt is the policy's to give, or goes without limit, or an operator's. */
static bool has_another(struct model *model, const struct fact *fact, uint32_t next)
{
    const struct step *step = fact->step;
    bool is_pivot = step->definition->is_pivot && fact->unit->maybe;
    if (must_succeed(model, step) || is_pivot || fact->unit->action.is_granted) return true;
    if (next <= attempts_max(model, &step->definition->policy)) return true;
    return model_no(model, "an attempt beyond the policy");
}

static bool is_poll(const struct step *step)
{
    return step->definition->way == BY_WAIT && step->definition->waiting == WAITS_POLL;
}

static bool retry_poll(struct model *model, const struct fact *fact)
{
    struct call *call = &fact->unit->action;
    if (call->stage != WAITING) return model_no(model, "a poll asks that does not wait");
    if (fact->event->at_ms < call->until_ms && !call->is_granted)
        return model_no(model, "a poll asks before its time");
    fly(fact->unit, fact->event);
    call->attempt = fact->event->attempt;
    call->round = fact->event->round;
    return true;
}

/* A person has it tried again after a clear no, all of whose round's attempts were answered,
 * and no earlier round has happened after all. */
static bool begins_round(const struct unit *unit)
{
    const struct call *call = &unit->action;
    return call->stage == HUMAN && call->is_granted && call->last_was_no && !call->had_loose &&
           !unit->maybe;
}

static bool check_number(struct model *model, const struct fact *fact)
{
    const struct call *call = &fact->unit->action;
    const struct model_event *event = fact->event;
    bool is_taken = fact->step->definition->way == BY_TASK;
    if (begins_round(fact->unit)) {
        uint32_t first = is_taken ? 0 : 1;
        if (event->round == call->round + 1 && event->attempt == first) return true;
        return model_no(model, "an operator's retry after a clear no is a round of its own");
    }
    if (event->round != call->round)
        return model_no(model, "a round is raised only by an operator, after a clear no");
    if (event->attempt != call->attempt + 1) return model_no(model, "not the next attempt");
    return true;
}

static bool take_task(struct model *model, const struct fact *fact)
{
    struct call *call = &fact->unit->action;
    if (call->stage != OFFERED) return model_no(model, "a task is taken that is not on offer");
    if (!check_number(model, fact) || !has_another(model, fact, fact->event->attempt)) return false;
    if (fact->event->when_ms <= fact->event->at_ms) return model_no(model, "a lease that is over");
    fly(fact->unit, fact->event);
    call->stage = LEASED;
    call->attempt = fact->event->attempt;
    return true;
}

static void begin_round(struct call *call, const struct model_event *event)
{
    if (event->round == call->round) return;
    call->had_loose = call->last_was_no = false;
    call->round = event->round;
}

/* A task in a new round is offered anew. */
static bool offer_round(struct model *model, const struct fact *fact)
{
    struct call *call = &fact->unit->action;
    if (!begins_round(fact->unit)) return model_no(model, "a round that no operator began");
    if (!check_number(model, fact)) return false;
    begin_round(call, fact->event);
    call->stage = OFFERED;
    call->attempt = 0;
    call->is_granted = false;
    return true;
}

bool on_step_retrying(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    const struct model_event *event = fact->event;
    if (unit == NULL || unit->result != OPEN) return model_no(model, "it was settled");
    struct call *call = &unit->action;
    if (!may_begin(model, fact->step)) return false;
    if (is_poll(fact->step)) return retry_poll(model, fact);
    if (fact->step->definition->way == BY_TASK)
        return event->kind == 10 ? offer_round(model, fact) : take_task(model, fact);
    if (call->stage != PAUSED && call->stage != HUMAN)
        return model_no(model, "tried again while it does not pause");
    if (call->stage == HUMAN && !call->is_granted)
        return model_no(model, "tried again while it waits for a human");
    if (event->at_ms < call->until_ms && !call->is_granted)
        return model_no(model, "tried again before its pause is over");
    if (!check_number(model, fact) || !has_another(model, fact, event->attempt)) return false;
    if (!check_deadline(model, fact)) return false;
    begin_round(call, event);
    fly(unit, event);
    call->attempt = event->attempt;
    return true;
}

static void loosen(struct unit *unit)
{
    unit->action.had_loose = true;
    if (unit->action.deadline_ms > unit->loose_until_ms)
        unit->loose_until_ms = unit->action.deadline_ms;
}

bool on_step_redriven(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    const struct model_event *event = fact->event;
    if (unit == NULL || unit->result != OPEN) return model_no(model, "it was settled");
    struct call *call = &unit->action;
    bool is_resumed = call->stage == REDRIVE;
    if (!may_begin(model, fact->step)) return false;
    if (call->stage != OUT && !is_resumed) return model_no(model, "repeated while it is not out");
    if (event->attempt != call->attempt || event->round != call->round)
        return model_no(model, "a redrive has its attempt's own number");
    bool is_never_again = fact->step->definition->policy.growth == NEVER_AGAIN;
    if (is_never_again && !is_poll(fact->step) && !must_succeed(model, fact->step) && !is_resumed)
        return model_no(model, "no_retry is not repeated");
    if (!is_resumed && call->redrives >= REDRIVES_MAX)
        return model_no(model, "repeated more than %d times", REDRIVES_MAX);
    if (!is_poll(fact->step)) {
        unit->maybe = true;
        loosen(unit);
        if (!check_deadline(model, fact)) return false;
    }
    unsigned redrives = is_resumed ? 0 : call->redrives + 1;
    fly(unit, event);
    call->redrives = redrives;
    return true;
}

/* ---- step.waiting ---------------------------------------------------------------------------- */

void end_verify(struct unit *unit)
{
    if (unit->verify.stage != NOT_BEGUN) unit->verify.stage = SETTLED;
}

static bool accept_answer(struct model *model, const struct fact *fact)
{
    struct call *call = &fact->unit->action;
    const struct step_definition *definition = fact->step->definition;
    if (call->stage != OUT && call->stage != LEASED)
        return model_no(model, "accepted, and not out");
    bool has_end = definition->pending_timeout_ms > 0 || definition->step_timeout_ms > 0;
    if (!has_end && fact->event->when_ms != 0)
        return model_no(model, "a pending answer ends, and nothing says when");
    call->stage = ACCEPTED;
    call->until_ms = fact->event->when_ms;
    return true;
}

static bool pause(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    struct call *call = &unit->action;
    const struct model_event *event = fact->event;
    const struct policy *policy = &fact->step->definition->policy;
    bool is_ended = call->stage == OUT || call->stage == LEASED || call->stage == ACCEPTED ||
                    call->stage == BETWEEN;
    /* The no of an earlier attempt, or of one that is held, by its token. */
    bool is_told = (event->flags & 8u) != 0 && (call->stage == PAUSED || call->stage == OFFERED ||
                                                call->stage == HUMAN || call->stage == REDRIVE);
    is_ended = is_ended || is_told;
    if (!is_ended) return model_no(model, "it pauses, and no attempt of it has ended");
    if (model->state == COMPENSATING) return model_no(model, "it pauses in a saga that is undone");
    if (!has_another(model, fact, call->attempt + 1)) return false;
    /* Beyond its last attempt the pauses do not grow any more. */
    uint32_t next = call->attempt + 1, most = attempts_max(model, policy);
    if (next > most) next = most;
    if (event->when_ms - event->at_ms < least_pause_ms(policy, next))
        return model_no(model, "it pauses for %lld ms, the policy says at least %lld",
                        (long long)(event->when_ms - event->at_ms),
                        (long long)least_pause_ms(policy, next));
    if ((event->flags & 1u) != 0) unit->maybe = call->had_loose = false;
    call->last_was_no = (event->flags & 8u) != 0;
    end_verify(unit);
    call->stage = PAUSED;
    call->until_ms = event->when_ms;
    return true;
}

static bool wait_for_human(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    struct call *call = &unit->action;
    /* What is too large to be sent at all waits without having begun. */
    bool is_too_large = unit->result == OPEN && model_text_is(fact->event->text, "too_large");
    if (!is_active(unit) && !is_too_large)
        return model_no(model, "it waits for a human and had not begun");
    if (is_too_large) fact->step->is_begun = true;
    if (!must_succeed(model, fact->step))
        return model_no(model, "it waits for a human where it may simply fail");
    if ((fact->event->flags & 1u) != 0) unit->maybe = call->had_loose = false;
    call->last_was_no = (fact->event->flags & 8u) != 0;
    end_verify(unit);
    call->stage = HUMAN;
    call->is_granted = false;
    return true;
}

static bool offer(struct model *model, const struct fact *fact)
{
    struct call *call = &fact->unit->action;
    const struct model_event *event = fact->event;
    if (fact->step->definition->way != BY_TASK) return model_no(model, "it is no task");
    if (call->stage == NOT_BEGUN) {
        bool may = fact->step->definition->is_foreach
                       ? may_begin(model, fact->step) && may_begin_item(model, fact)
                       : may_begin_step(model, fact->step);
        if (!may) return false;
        fact->step->is_begun = true;
    } else {
        if (!may_begin(model, fact->step)) return false;
        bool is_again = call->stage == PAUSED || (call->stage == HUMAN && call->is_granted);
        if (!is_again) return model_no(model, "offered while it is not to be offered");
        if (event->at_ms < call->until_ms && !call->is_granted)
            return model_no(model, "offered again before its pause is over");
        call->is_granted = false;
    }
    call->stage = OFFERED;
    call->until_ms = event->when_ms;
    return true;
}

static bool extend_lease(struct model *model, const struct fact *fact)
{
    struct call *call = &fact->unit->action;
    if (call->stage != LEASED) return model_no(model, "a lease is extended that nobody has");
    if (model->state == COMPENSATING)
        return model_no(model, "a lease is extended in a saga that is undone");
    if (fact->event->when_ms <= call->deadline_ms) return model_no(model, "a lease goes back");
    call->deadline_ms = fact->event->when_ms;
    return true;
}

/* Found without outcome while the saga is held. */
static bool hold_redrive(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    if (unit->action.stage != OUT) return model_no(model, "found without outcome, and not out");
    if (!model->is_suspended) return model_no(model, "held while the saga is not suspended");
    unit->action.stage = REDRIVE;
    if (is_poll(fact->step)) return true;
    unit->maybe = true;
    loosen(unit);
    return true;
}

bool on_step_waiting(struct model *model, const struct fact *fact)
{
    if (fact->unit == NULL) return model_no(model, "a foreach as a whole does not wait");
    if (fact->unit->result != OPEN) return model_no(model, "it was settled");
    switch (fact->event->kind) {
    case 1: return pause(model, fact);
    case 2: return accept_answer(model, fact);
    case 5:
        if (!is_poll(fact->step) || fact->unit->action.stage != OUT)
            return model_no(model, "it does not ask");
        fact->unit->action.stage = WAITING;
        fact->unit->action.until_ms = fact->event->when_ms;
        return true;
    case 7: return wait_for_human(model, fact);
    case 9: return hold_redrive(model, fact);
    case 10: return offer(model, fact);
    case 11: return extend_lease(model, fact);
    default: return model_no(model, "it waits for what there is not");
    }
}

/* ---- the ends of an attempt ------------------------------------------------------------------ */

bool on_step_unknown(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    const struct model_event *event = fact->event;
    if (unit == NULL || unit->result != OPEN) return model_no(model, "it was settled");
    struct call *call = &unit->action;
    enum way way = fact->step->definition->way;
    if (way == BY_WAIT || way == BY_CHILD)
        return model_no(model, "waits and children are never maybe");
    bool is_open = call->stage == OUT || call->stage == ACCEPTED || call->stage == LEASED;
    /* Its time is up and it may have happened: that goes to its verify. */
    bool is_doubt =
        unit->maybe && (call->stage == PAUSED || call->stage == OFFERED || call->stage == REDRIVE);
    if (!is_open && !is_doubt) return model_no(model, "no attempt of it is open");
    if (is_doubt && event->when_ms != 0) return model_no(model, "no attempt of it is unanswered");
    if (event->when_ms != 0 && event->when_ms != call->deadline_ms)
        return model_no(model, "unanswered until another time than its deadline");
    bool is_timeout = model_text_is(event->text, "pending_timeout");
    if (call->stage == ACCEPTED && is_timeout && event->at_ms < call->until_ms)
        return model_no(model, "its answer was awaited until later");
    if (model_text_is(event->text, "lease_expired") && event->at_ms < call->deadline_ms)
        return model_no(model, "its lease was not over");
    unit->maybe = call->had_loose = true;
    if (event->when_ms != 0) loosen(unit);
    call->stage = BETWEEN;
    call->last_was_no = false;
    return true;
}

static void settle(struct model *model, const struct fact *fact, enum result result)
{
    struct unit *unit = fact->unit;
    unit->result = result;
    unit->action.stage = SETTLED;
    unit->action.is_granted = unit->is_skip_granted = false;
    end_verify(unit);
    fact->step->is_begun = true;
    if (!fact->step->definition->is_foreach) fact->step->result = result;
    bool is_pivot = fact->step->definition->is_pivot && !fact->step->definition->is_foreach;
    if (result == DONE && is_pivot && model->state == RUNNING) model->is_past_pivot = true;
    bool is_lost = result == GAVE_UP && !fact->step->definition->may_fail;
    if (fact->step->definition->is_foreach && is_lost) fact->step->is_failing = true;
}

static bool check_signal(struct model *model, const struct fact *fact)
{
    for (unsigned i = 0; i < model->signals_count; i++) {
        struct signal *signal = &model->signals[i];
        if (signal->is_taken || strcmp(signal->name, fact->step->definition->signal) != 0) continue;
        if (!model_text_is(fact->event->text, signal->id))
            return model_no(model, "a wait takes the oldest signal of its name");
        signal->is_taken = true;
        return true;
    }
    return model_no(model, "a wait ends for a signal that never came");
}

static bool may_end_wait(struct model *model, const struct fact *fact)
{
    const struct call *call = &fact->unit->action;
    if (is_poll(fact->step)) {
        if (call->stage != OUT) return model_no(model, "a poll is answered that did not ask");
        return true;
    }
    if (call->stage != WAITING) return model_no(model, "it does not wait");
    if (model->is_suspended) return model_no(model, "a wait ends while the saga is suspended");
    if (fact->step->definition->waiting == WAITS_SIGNAL) return check_signal(model, fact);
    if (fact->event->at_ms < call->until_ms) return model_no(model, "a wait ends before its time");
    return true;
}

/* Is it open to an answer? To the attempt that is out, or by a token to an earlier one of the
 * round. */
static bool may_be_answered(const struct unit *unit)
{
    switch (unit->action.stage) {
    case OUT:
    case ACCEPTED:
    case LEASED:
    case WAITING: return true;
    case BETWEEN:
    case PAUSED:
    case OFFERED:
    case HUMAN:
    case REDRIVE: return true;
    case NOT_BEGUN:
    case SWEEP:
    case SETTLED: return false;
    }
    return false;
}

bool on_step_completed(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    if (unit == NULL) {
        if (!on_whole_ended(model, fact, DONE)) return false;
        return call_for_hooks(model, fact, ON_SUCCESS, fact->step->definition->hooks_success);
    }
    /* Undoing has it settled by its verify: also one that was skipped while it was maybe. */
    bool is_late_verdict = unit->verify.stage == BETWEEN && unit->result != DONE;
    if (unit->result != OPEN && !is_late_verdict) return model_no(model, "it was settled");
    bool is_wait = fact->step->definition->way == BY_WAIT;
    if (is_wait && !may_end_wait(model, fact)) return false;
    if (!is_late_verdict && !may_be_answered(unit))
        return model_no(model, "it completes and was never tried");
    unit->maybe = unit->maybe_by_other_key = unit->had_undo_failed = false;
    settle(model, fact, DONE);
    if (fact->step->definition->is_foreach) return true;
    return call_for_hooks(model, fact, ON_SUCCESS, fact->step->definition->hooks_success);
}

/* Named classes that are not tried again unless a list says so. */
static bool is_hopeless(struct model_text code)
{
    return model_text_is(code, "validation") || model_text_is(code, "business") ||
           model_text_is(code, "permission_denied") || model_text_is(code, "not_found") ||
           model_text_is(code, "duplicate");
}

static bool may_give_up(struct model *model, const struct fact *fact)
{
    const struct unit *unit = fact->unit;
    const struct step_definition *definition = fact->step->definition;
    const struct model_event *event = fact->event;
    bool is_clear = event->kind == 1;
    if (must_succeed(model, fact->step))
        return model_no(model, "a step is given up that must succeed");
    bool is_cleared = (event->flags & 1u) != 0;
    if (definition->is_pivot && unit->maybe && !is_cleared && !model->definition->is_forward)
        return model_no(model, "a pivot is given up that may have happened");
    if (unit->maybe && !is_cleared && definition->has_verify && !unit->verify_gave_up)
        return model_no(model, "a maybe step is given up and its verify was not asked");
    if (is_clear || definition->way == BY_WAIT || definition->policy.has_opinions) return true;
    if (is_hopeless(event->text) || model_text_is(event->text, "step_timeout")) return true;
    if (definition->step_timeout_ms > 0 && unit->first_start_ms > 0 &&
        event->at_ms >= unit->first_start_ms + definition->step_timeout_ms)
        return true;
    if (unit->verify_gave_up) return true; /* what was not tried again went to it */
    bool is_lost = unit->action.redrives >= REDRIVES_MAX;
    if (unit->action.attempt >= attempts_max(model, &definition->policy) || is_lost) return true;
    return model_no(model, "it is given up after attempt %u, its policy has %u",
                    unit->action.attempt, attempts_max(model, &definition->policy));
}

static bool check_class(struct model *model, const struct fact *fact)
{
    const struct model_event *event = fact->event;
    const struct unit *unit = fact->unit;
    bool is_cleared = (event->flags & 1u) != 0;
    if (event->kind == 3 && !unit->maybe)
        return model_no(model, "nobody knows whether it happened, and it is not maybe");
    if (is_cleared && (event->kind != 1 || !fact->step->definition->is_idempotent))
        return model_no(model, "only the clear no of an idempotent participant clears the mark");
    if (is_cleared && unit->maybe_by_other_key)
        return model_no(model, "a clear no says nothing of what happened under another key");
    if ((event->flags & 2u) != 0 && fact->step->definition->way != BY_CHILD)
        return model_no(model, "it has no child");
    return true;
}

bool on_step_failed(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    const struct model_event *event = fact->event;
    unsigned hooks = fact->step->definition->hooks_failure;
    if (unit == NULL) {
        if (!fact->step->is_list_known && !may_begin_step(model, fact->step)) return false;
        return on_whole_ended(model, fact, GAVE_UP) &&
               call_for_hooks(model, fact, ON_FAILURE, hooks);
    }
    if (unit->result != OPEN) return model_no(model, "it was settled");
    if (!check_class(model, fact)) return false;
    bool is_untried = unit->action.stage == NOT_BEGUN;
    if (is_untried && !may_begin(model, fact->step)) return false;
    if (is_untried && !are_dependencies_settled(model, fact->step))
        return model_no(model, "it fails before what it depends on is settled");
    if (model->state != COMPENSATING && !may_give_up(model, fact)) return false;
    if ((event->flags & 1u) != 0) unit->maybe = false;
    unit->child_failed = (event->flags & 2u) != 0;
    unit->failed_with_class_no = event->kind == 1;
    settle(model, fact, GAVE_UP);
    if (fact->step->definition->is_foreach) return true;
    return call_for_hooks(model, fact, ON_FAILURE, hooks);
}

/* ---- skipped --------------------------------------------------------------------------------- */

static bool may_skip(struct model *model, const struct fact *fact)
{
    const struct unit *unit = fact->unit;
    const struct step *step = fact->step;
    bool is_begun = unit != NULL ? unit->action.stage != NOT_BEGUN : step->is_list_known;
    bool is_asked = model->asked.force_complete || step->is_skip_granted ||
                    (unit != NULL && unit->is_skip_granted);
    switch (fact->event->kind) {
    case 1:
        if (!step->definition->has_condition) return model_no(model, "it has no condition");
        if (is_begun) return model_no(model, "its condition was evaluated before");
        return may_begin_step(model, step);
    case 2:
        if (model->state != COMPENSATING) return model_no(model, "the saga is not undone");
        if (step->definition->way != BY_WAIT) return model_no(model, "only a wait ends skipped");
        return true;
    case 3:
        if (!is_asked) return model_no(model, "no operator asked for it");
        return true;
    default: return model_no(model, "it is skipped for no reason");
    }
}

bool on_step_skipped(struct model *model, const struct fact *fact)
{
    struct unit *unit = fact->unit;
    struct step *step = fact->step;
    if (unit != NULL ? unit->result != OPEN : step->result != OPEN)
        return model_no(model, "it was settled");
    if (!may_skip(model, fact)) return false;
    step->is_skip_granted = false;
    if (unit == NULL) {
        step->result = SKIPPED;
        step->is_begun = true;
        return true;
    }
    if (fact->event->when_ms != 0) loosen(unit);
    settle(model, fact, SKIPPED);
    return true;
}

/*
 * stored.c: events that come from a store or a file. Decide makes by construction what is checked
 * here, so its own events are not checked again; a damaged or hostile history ends here, as an
 * error, and does not reach the rules.
 *
 * What is checked beside the fold's own refusals: spans that are JSON are JSON, instants are ones
 * that can be reckoned with, a start record fits its definition, and what a unit does after the
 * event is something that a step of its kind can do. A history can still be one that no rules would
 * have made; then the first decision that does not fit it ends with SKALD_E_CORRUPT (is_restored).
 */
#include "core/core_private.h"

#include "base/id.h"

/* Half of what fits: sums of an instant and a duration do not overflow. */
#define INSTANT_MAX (INT64_C(1) << 53)

static bool is_instant(int64_t ms)
{
    return ms >= 0 && ms <= INSTANT_MAX;
}

static bool is_json(struct sk_str text)
{
    return text.size == 0 || sk_json_check(text, NULL) == SKALD_OK;
}

/* ---- one event ------------------------------------------------------------------------------- */

bool sk_event_read(struct sk_str data, struct sk_event *event)
{
    if (!sk_event_type_known((uint32_t)event->type) || !sk_event_decode(data, event)) return false;
    if (!is_instant(event->at_ms) || !is_instant(event->when_ms) || !is_instant(event->when2_ms))
        return false;
    if (!is_json(event->body)) return false;
    return event->type != SK_EVENT_SAGA_COMPLETED || is_json(event->extra); /* what it left */
}

static bool is_list_of(struct sk_str items, uint64_t count)
{
    return sk_json_type(items) == SK_JSON_ARRAY && sk_json_count(items) == count;
}

/* Of a foreach step that begins: its items are in it. */
static bool has_its_items(const struct sk_saga *saga, const struct sk_event *event)
{
    bool is_begin = event->type == SK_EVENT_STEP_STARTED && event->item == -1 &&
                    event->step < saga->plan->steps_count &&
                    sk_step_is_foreach(sk_step_of(saga, event->step));
    return !is_begin || is_list_of(event->body, event->number);
}

/* ---- the start ------------------------------------------------------------------------------- */

static bool is_duration(int64_t ms)
{
    return ms >= -INSTANT_MAX && ms <= INSTANT_MAX;
}

static bool start_is_sound(const struct sk_saga *saga)
{
    const struct sk_start *start = &saga->start;
    bool has_children =
        start->children_count == 0 || start->children_count == saga->plan->steps_count;
    bool has_parent = start->parent.size == 0 || sk_id_is_saga(start->parent);
    return sk_id_is_saga(start->id) && has_parent && has_children && is_json(start->context) &&
           is_json(start->attributes) && is_json(start->tags) && is_duration(start->timeout_ms) &&
           is_duration(start->acquire_timeout_ms) && start->depth <= SK_CHILD_DEPTH_MAX &&
           start->lock_keys_count <= SK_LOCK_KEYS_MAX;
}

/* ---- a unit ---------------------------------------------------------------------------------- */

static bool waits_may_be_for(const struct sk_step *step, const struct sk_call *call)
{
    enum sk_wait_kind kind = step->wait.kind;
    switch (call->what) {
    case SK_FOR_TIMER:
        return call->state == SK_CALL_PAUSED && (kind == SK_WAIT_FOR || kind == SK_WAIT_UNTIL);
    case SK_FOR_SIGNAL: return call->state == SK_CALL_PENDING && kind == SK_WAIT_SIGNAL;
    case SK_FOR_POLL:
    case SK_FOR_REDRIVE: return call->state == SK_CALL_PAUSED && kind == SK_WAIT_POLL;
    case SK_FOR_HUMAN: return call->state == SK_CALL_PARKED;
    case SK_FOR_NOTHING: return call->state == SK_CALL_FLYING && kind == SK_WAIT_POLL;
    case SK_FOR_BACKOFF:
    case SK_FOR_ANSWER:
    case SK_FOR_CHILD:
    case SK_FOR_SWEEP:
    case SK_FOR_WORKER:
    case SK_FOR_LEASE:
    case SK_FOR_COUNT: break;
    }
    return false;
}

static bool action_is_sound(const struct sk_step *step, const struct sk_call *call)
{
    bool is_task = sk_is_task(step->action);
    if (call->state == SK_CALL_IDLE) return true;
    if (step->kind == SK_KIND_WAIT) return waits_may_be_for(step, call);
    if (step->action == NULL) return false;
    switch (call->what) {
    case SK_FOR_NOTHING:
        return call->state == SK_CALL_FLYING && !is_task && step->kind != SK_KIND_SAGA;
    case SK_FOR_CHILD: return call->state == SK_CALL_PENDING && step->kind == SK_KIND_SAGA;
    case SK_FOR_WORKER: return call->state == SK_CALL_PAUSED && is_task;
    case SK_FOR_LEASE: return call->state == SK_CALL_PENDING && is_task;
    case SK_FOR_ANSWER: return call->state == SK_CALL_PENDING && step->kind != SK_KIND_SAGA;
    case SK_FOR_BACKOFF:
    case SK_FOR_REDRIVE: return call->state == SK_CALL_PAUSED && step->kind != SK_KIND_SAGA;
    case SK_FOR_HUMAN: return call->state == SK_CALL_PARKED;
    case SK_FOR_TIMER:
    case SK_FOR_SIGNAL:
    case SK_FOR_POLL:
    case SK_FOR_SWEEP:
    case SK_FOR_COUNT: break;
    }
    return false;
}

static bool verify_is_sound(const struct sk_step *step, const struct sk_call *call)
{
    if (call->state == SK_CALL_IDLE) return true;
    return step->verify != NULL && (call->state == SK_CALL_FLYING || call->state == SK_CALL_PAUSED);
}

static bool undo_is_sound(const struct sk_step *step, const struct sk_call *call)
{
    bool is_task = sk_is_task(step->compensation.action);
    if (call->state == SK_CALL_IDLE) return true;
    if (call->what == SK_FOR_CHILD) return call->state == SK_CALL_PENDING && sk_undoes_child(step);
    if (step->compensation.action == NULL) return false;
    switch (call->what) {
    case SK_FOR_NOTHING: return call->state == SK_CALL_FLYING && !is_task;
    case SK_FOR_WORKER: return call->state == SK_CALL_PAUSED && is_task;
    case SK_FOR_LEASE: return call->state == SK_CALL_PENDING && is_task;
    case SK_FOR_ANSWER: return call->state == SK_CALL_PENDING;
    case SK_FOR_BACKOFF:
    case SK_FOR_REDRIVE: return call->state == SK_CALL_PAUSED;
    case SK_FOR_SWEEP: return call->state == SK_CALL_PARKED;
    case SK_FOR_TIMER:
    case SK_FOR_SIGNAL:
    case SK_FOR_POLL:
    case SK_FOR_CHILD:
    case SK_FOR_HUMAN:
    case SK_FOR_COUNT: break;
    }
    return false;
}

/* What is on its way to a participant, or with a worker, can be sent again. */
static bool is_whole(const struct sk_call *call)
{
    bool is_out = call->state == SK_CALL_FLYING || sk_call_is_leased(call);
    return !is_out || sk_line_is_whole(call->line);
}

static bool run_is_sound(const struct sk_saga *saga, const struct sk_event *event)
{
    if (event->step == SK_STEP_NONE) return true;
    const struct sk_step *step = sk_step_of(saga, event->step);
    const struct sk_step_run *run = &saga->steps[event->step];
    const struct sk_unit *unit = sk_saga_unit(saga, event->step, event->item);
    if (run->units_next > run->units_count || run->units_done > run->units_count) return false;
    if (unit == NULL) return true;
    bool is_asleep = unit->action.state == SK_CALL_IDLE || sk_unit_is_busy(unit);
    bool is_undoing = unit->undo.state == SK_CALL_IDLE || unit->state == SK_STEP_COMPENSATING;
    bool are_whole = is_whole(&unit->action) && is_whole(&unit->verify) && is_whole(&unit->undo);
    return is_asleep && is_undoing && are_whole && action_is_sound(step, &unit->action) &&
           verify_is_sound(step, &unit->verify) && undo_is_sound(step, &unit->undo);
}

/* ---- all ------------------------------------------------------------------------------------- */

enum skald_status sk_saga_restore(struct sk_saga *saga, struct sk_event *event, struct sk_str data)
{
    if (!sk_event_type_known((uint32_t)event->type)) return SKALD_E_VERSION;
    if (!sk_event_read(data, event) || event->at_ms < saga->at_ms) return SKALD_E_CORRUPT;
    if (!has_its_items(saga, event)) return SKALD_E_CORRUPT;
    saga->is_restored = true;
    enum skald_status status = sk_saga_evolve(saga, event);
    if (status != SKALD_OK) return status;
    if (event->type == SK_EVENT_SAGA_ACCEPTED && !start_is_sound(saga)) return SKALD_E_CORRUPT;
    return run_is_sound(saga, event) ? SKALD_OK : SKALD_E_CORRUPT;
}

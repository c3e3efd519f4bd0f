/*
 * evolve.c: the fold. It and its parts (fold*.c) are all that writes a saga's state; one case
 * per event type.
 *
 * Events come from our own decide (then a refusal here is a broken invariant, asserted by the
 * caller) or from a store (then it is damage, SKALD_E_CORRUPT).
 */
#include "core/fold.h"

/* ---- saga ------------------------------------------------------------------------------------ */

#define FROM(state) (1u << SK_SAGA_##state)
/* The states which an event may find: the diagram of saga.h. */
static uint32_t sources_of(enum sk_event_type type)
{
    switch (type) {
    case SK_EVENT_SAGA_STARTED: return FROM(PENDING);
    case SK_EVENT_SAGA_COMPLETED: /* the latter two forced */
        return FROM(RUNNING) | FROM(COMPENSATING) | FROM(FAILED);
    case SK_EVENT_SAGA_COMPENSATING:
        return FROM(RUNNING) | FROM(COMPLETED) | FROM(COMPENSATED) | FROM(FAILED) |
               FROM(CANCELLED) | FROM(TIMED_OUT);
    case SK_EVENT_SAGA_COMPENSATED:
    case SK_EVENT_SAGA_FAILED: return FROM(COMPENSATING);
    case SK_EVENT_SAGA_CANCELLED:
    case SK_EVENT_SAGA_TIMED_OUT: return FROM(PENDING) | FROM(COMPENSATING);
    case SK_EVENT_SAGA_SUSPENDED: return FROM(PENDING) | FROM(RUNNING) | FROM(COMPENSATING);
    default: return UINT32_MAX;
    }
}

static void fold_accepted(struct fold *f)
{
    struct sk_saga *saga = f->saga;
    struct sk_str bytes = sk_arena_copy(&saga->arena, f->event->extra);
    if (saga->arena.failed) return;
    if (!sk_start_decode(bytes, &saga->arena, &saga->start)) {
        f->bad = true;
        return;
    }
    saga->start.input = sk_fold_keep(f, f->event->body);
    saga->created_at_ms = f->event->at_ms;
    saga->acquire_deadline_ms = f->event->when_ms;
    saga->locks_count = saga->start.lock_keys_count;
    saga->locks = SK_ARENA_ARRAY(&saga->arena, struct sk_lock_wish, saga->locks_count);
    if (saga->locks == NULL) return;
    for (uint32_t i = 0; i < saga->locks_count; i++) {
        saga->locks[i].key = saga->start.lock_keys[i];
        for (uint32_t k = 0; k < saga->start.inherited_keys_count; k++)
            if (sk_str_equal(saga->start.inherited_keys[k], saga->locks[i].key))
                saga->locks[i].state = SK_LOCK_INHERITED;
    }
}

static void fold_compensating(struct fold *f)
{
    struct sk_saga *saga = f->saga;
    saga->state = SK_SAGA_COMPENSATING;
    saga->reason = (enum sk_reason)f->event->kind;
    saga->wish = SK_REASON_NONE;
    saga->ended_at_ms = 0;
    saga->retry_after_locks = false;
}

/* Forced in the midst of undoing: of no list anything more is undone. */
static void settle_lists(struct sk_saga *saga)
{
    for (uint32_t s = 0; s < saga->plan->steps_count; s++)
        if (sk_step_is_foreach(sk_step_of(saga, s))) sk_fold_conclude_list(&saga->steps[s]);
}

/* Nobody waits any more for what a question on the wire is answered. */
static void drop_questions(struct sk_saga *saga)
{
    for (uint32_t s = 0; s < saga->plan->steps_count; s++)
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++)
            sk_fold_land(&saga->steps[s].units[i].verify);
}

static void fold_end(struct fold *f, enum sk_saga_state state)
{
    struct sk_saga *saga = f->saga;
    saga->state = state;
    saga->ended_at_ms = f->event->at_ms;
    saga->is_suspended = false;
    saga->retry_after_locks = false;
    bool is_overtaken = state == SK_SAGA_COMPLETED && saga->is_past_pivot;
    if (!is_overtaken) saga->wish = SK_REASON_NONE; /* else people are told so for good */
    if (state == SK_SAGA_COMPLETED) settle_lists(saga);
    if (state == SK_SAGA_COMPLETED) saga->output = sk_fold_keep(f, f->event->body);
    if (state == SK_SAGA_COMPLETED && f->event->kind == SK_REASON_FORCED) {
        saga->is_forced = true;
        drop_questions(saga);
    }
    if (f->event->kind != SK_REASON_NONE) saga->reason = (enum sk_reason)f->event->kind;
    if (state == SK_SAGA_COMPLETED) saga->left = sk_fold_keep(f, f->event->extra);
    sk_fold_want_hooks(f, state == SK_SAGA_COMPLETED ? SK_HOOK_ON_SUCCESS : SK_HOOK_ON_FAILURE);
}

static void fold_alerted(struct fold *f)
{
    if ((f->event->flags & SK_ALERT_WISH_TIMEOUT) != 0u) f->saga->wish = SK_REASON_TIMEOUT;
    if ((f->event->flags & SK_ALERT_TIMEOUT_SEEN) != 0u) f->saga->timeout_alerted = true;
    if (f->unit == NULL) return;
    f->unit->has_warned = true;
    if (f->event->kind != SK_ALERT_CRITICAL) return;
    f->unit->letter_seq = f->event->seq; /* what stood there was forgotten before */
    f->saga->letters_count += 1;
}

static void fold_lock(struct fold *f, enum sk_lock_state to)
{
    struct sk_saga *saga = f->saga;
    for (uint32_t i = 0; i < saga->locks_count; i++) {
        if (!sk_str_equal(saga->locks[i].key, f->event->text)) continue;
        saga->locks[i].state = to;
        if (to == SK_LOCK_ASKED && f->event->when_ms != 0)
            saga->lock_deadline_ms = f->event->when_ms;
        return;
    }
    f->bad = true;
}

static void fold_signal(struct fold *f)
{
    struct sk_saga *saga = f->saga;
    struct sk_signal *signal = SK_ARENA_NEW(&saga->arena, struct sk_signal);
    if (signal == NULL) return;
    signal->name = sk_fold_keep(f, f->event->text);
    signal->id = sk_fold_keep(f, f->event->extra);
    signal->data = sk_fold_keep(f, f->event->body);
    struct sk_signal **at = &saga->signals;
    while (*at != NULL) at = &(*at)->next;
    *at = signal;
    saga->signals_stored++;
}

static void fold_command(struct fold *f)
{
    struct sk_saga *saga = f->saga;
    if (f->event->extra.size == 0) return;
    if (saga->command_ids == NULL)
        saga->command_ids = SK_ARENA_ARRAY(&saga->arena, struct sk_str, SK_COMMAND_IDS_MAX);
    if (saga->command_ids == NULL) return;
    if (saga->command_ids_count == SK_COMMAND_IDS_MAX) {
        memmove(saga->command_ids, saga->command_ids + 1,
                (SK_COMMAND_IDS_MAX - 1) * sizeof *saga->command_ids);
        saga->command_ids_count--;
    }
    saga->command_ids[saga->command_ids_count++] = sk_fold_keep(f, f->event->extra);
}

/* An operator takes up a failed compensation again: see operate.c. */
static void fold_retry(struct fold *f)
{
    fold_command(f);
    if (f->saga->state == SK_SAGA_FAILED && f->unit == NULL) f->saga->retry_after_locks = true;
    if (f->unit == NULL) return;
    if (f->unit->undo_state == SK_UNDO_FAILED) {
        f->unit->undo_state = SK_UNDO_OPEN;
        f->unit->takeups = 0;
        f->unit->undo_second_policy = false;
        f->unit->verify_gave_up = false;
    }
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static void fold_saga_event(struct fold *f)
{
    struct sk_saga *saga = f->saga;
    switch (f->event->type) {
    case SK_EVENT_SAGA_ACCEPTED: fold_accepted(f); break;
    case SK_EVENT_SAGA_STARTED:
        saga->state = SK_SAGA_RUNNING;
        saga->started_at_ms = f->event->at_ms;
        saga->deadline_ms = f->event->when_ms;
        break;
    case SK_EVENT_SAGA_COMPLETED: fold_end(f, SK_SAGA_COMPLETED); break;
    case SK_EVENT_SAGA_COMPENSATING: fold_compensating(f); break;
    case SK_EVENT_SAGA_COMPENSATED: fold_end(f, SK_SAGA_COMPENSATED); break;
    case SK_EVENT_SAGA_FAILED: fold_end(f, SK_SAGA_FAILED); break;
    case SK_EVENT_SAGA_CANCELLED: fold_end(f, SK_SAGA_CANCELLED); break;
    case SK_EVENT_SAGA_TIMED_OUT: fold_end(f, SK_SAGA_TIMED_OUT); break;
    case SK_EVENT_SAGA_SUSPENDED:
        saga->is_suspended = true;
        saga->suspend_reason = sk_fold_keep(f, f->event->text);
        break;
    case SK_EVENT_SAGA_RESUMED: saga->is_suspended = false; break;
    case SK_EVENT_SAGA_ALERTED: fold_alerted(f); break;
    case SK_EVENT_SAGA_SNAPSHOT: saga->snapshot_seq = f->event->seq; break;
    case SK_EVENT_LOCK_REQUESTED: fold_lock(f, SK_LOCK_ASKED); break;
    case SK_EVENT_LOCK_GRANTED: fold_lock(f, SK_LOCK_HELD); break;
    case SK_EVENT_LOCK_RELEASED: fold_lock(f, SK_LOCK_RELEASED); break;
    case SK_EVENT_SIGNAL_RECEIVED: fold_signal(f); break;
    case SK_EVENT_OPERATOR_CANCEL:
        fold_command(f);
        if (f->event->kind != 0u && saga->wish == SK_REASON_NONE) saga->wish = SK_REASON_CANCEL;
        break;
    case SK_EVENT_OPERATOR_RETRY: fold_retry(f); break;
    default: fold_command(f); break; /* the other operators' commands only leave their id */
    }
}

static void fold_step_event(struct fold *f)
{
    switch (f->event->type) {
    case SK_EVENT_STEP_STARTED: sk_fold_step_started(f); break;
    case SK_EVENT_STEP_COMPLETED: sk_fold_completed(f); break;
    case SK_EVENT_STEP_FAILED: sk_fold_failed(f); break;
    case SK_EVENT_STEP_UNKNOWN: sk_fold_unknown(f); break;
    case SK_EVENT_STEP_RETRYING: sk_fold_retrying(f); break;
    case SK_EVENT_STEP_REDRIVEN: sk_fold_redriven(f); break;
    case SK_EVENT_STEP_WAITING: sk_fold_waiting(f); break;
    case SK_EVENT_STEP_SKIPPED: sk_fold_skipped(f); break;
    case SK_EVENT_STEP_LATE: sk_fold_late(f); break;
    case SK_EVENT_VERIFY_STARTED:
    case SK_EVENT_VERIFY_COMPLETED:
    case SK_EVENT_VERIFY_FAILED: sk_fold_verify(f); break;
    case SK_EVENT_COMPENSATION_STARTED: sk_fold_undo_started(f); break;
    case SK_EVENT_COMPENSATION_COMPLETED: sk_fold_undo_completed(f); break;
    case SK_EVENT_COMPENSATION_FAILED: sk_fold_undo_failed(f); break;
    case SK_EVENT_COMPENSATION_UNKNOWN: sk_fold_undo_unknown(f); break;
    case SK_EVENT_COMPENSATION_RETRYING: sk_fold_undo_retrying(f); break;
    case SK_EVENT_COMPENSATION_SKIPPED: sk_fold_undo_skipped(f); break;
    case SK_EVENT_COMPENSATION_WAITING: sk_fold_undo_waiting(f); break;
    case SK_EVENT_HOOK_STARTED:
    case SK_EVENT_HOOK_COMPLETED:
    case SK_EVENT_HOOK_FAILED: sk_fold_hook(f); break;
    default: break;
    }
}

/* Stored numbers that become an enumeration must lie in it. */
static uint32_t kinds_of(enum sk_event_type type)
{
    switch (type) {
    case SK_EVENT_SAGA_COMPLETED:
    case SK_EVENT_SAGA_COMPENSATING:
    case SK_EVENT_SAGA_COMPENSATED:
    case SK_EVENT_SAGA_FAILED:
    case SK_EVENT_SAGA_CANCELLED:
    case SK_EVENT_SAGA_TIMED_OUT: return SK_REASONS_COUNT;
    case SK_EVENT_STEP_STARTED:
    case SK_EVENT_STEP_WAITING:
    case SK_EVENT_STEP_RETRYING:
    case SK_EVENT_COMPENSATION_STARTED:
    case SK_EVENT_COMPENSATION_RETRYING:
    case SK_EVENT_COMPENSATION_WAITING: return SK_FOR_COUNT;
    case SK_EVENT_STEP_LATE: return SK_LATE_RESIDUE + 1u;
    case SK_EVENT_HOOK_STARTED:
    case SK_EVENT_HOOK_COMPLETED:
    case SK_EVENT_HOOK_FAILED: return SK_HOOK_ONS_COUNT;
    case SK_EVENT_COMPENSATION_SKIPPED: return SK_UNDO_SKIP_UNSETTLED + 1u;
    default: return UINT32_MAX;
    }
}

static bool is_step_event(enum sk_event_type type)
{
    return type >= SK_EVENT_STEP_STARTED && type <= SK_EVENT_COMPENSATION_WAITING;
}

enum skald_status sk_saga_evolve(struct sk_saga *saga, const struct sk_event *event)
{
    if (event->seq != saga->seq + 1) return SKALD_E_CORRUPT;
    if ((event->seq == 1) != (event->type == SK_EVENT_SAGA_ACCEPTED)) return SKALD_E_CORRUPT;
    if (event->kind >= kinds_of(event->type)) return SKALD_E_CORRUPT;
    if ((sources_of(event->type) >> saga->state & 1u) == 0u) return SKALD_E_CORRUPT;
    struct fold f = { .saga = saga, .event = event };
    if (event->step != SK_STEP_NONE) {
        if (event->step >= saga->plan->steps_count) return SKALD_E_CORRUPT;
        f.step = &saga->plan->steps[event->step];
        f.run = &saga->steps[event->step];
        f.unit = sk_saga_unit(saga, event->step, event->item);
    }
    bool is_step = is_step_event(event->type);
    if (is_step && f.step == NULL) return SKALD_E_CORRUPT;
    if (saga->letters_count > 0) sk_letters_forget(saga, event);
    bool is_hook = event->type >= SK_EVENT_HOOK_STARTED && event->type <= SK_EVENT_HOOK_FAILED;
    if (is_step || is_hook)
        fold_step_event(&f);
    else
        fold_saga_event(&f);
    if (f.bad) return SKALD_E_CORRUPT;
    if (is_step) sk_fold_settle_undo(&f);
    if (saga->arena.failed) return SKALD_E_MEMORY;
    saga->seq = event->seq;
    saga->at_ms = event->at_ms;
    return SKALD_OK;
}

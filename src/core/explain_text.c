/* explain_text.c: what is awaited, in words. Names of steps and codes of participants are shown as
 * they are. */
#include "core/explain_private.h"

void sk_explain_unit(const struct sk_saga *saga, uint32_t step, int32_t item, struct sk_buf *out)
{
    if (item >= 0) {
        sk_buf_append_text(out, "item ");
        sk_buf_append_i64(out, item);
        sk_buf_append_text(out, " of ");
    }
    sk_buf_append_text(out, "step ");
    sk_buf_append_str(out, sk_step_of(saga, step)->id);
}

/* ---- parts of sentences ---------------------------------------------------------------------- */

static void put_what(const struct sk_saga *saga, const struct sk_explain_entry *entry,
                     struct sk_buf *out)
{
    if (entry->operation == SK_OPERATION_COMPENSATION) sk_buf_append_text(out, "undoing ");
    sk_explain_unit(saga, entry->step, entry->item, out);
}

/* " (insufficient_funds)" */
static void put_code(const struct sk_unit *unit, struct sk_buf *out)
{
    if (unit->error_code.size == 0) return;
    sk_buf_append_text(out, " (");
    sk_buf_append_str(out, unit->error_code);
    sk_buf_append_char(out, ')');
}

/* "attempt 2 of 4" */
static void put_attempt(const struct sk_explain_entry *entry, struct sk_buf *out)
{
    sk_buf_append_text(out, "attempt ");
    sk_buf_append_u64(out, entry->attempt);
    if (entry->attempts_max == 0) return;
    sk_buf_append_text(out, " of ");
    sk_buf_append_u64(out, entry->attempts_max);
}

static void put_reply(const struct sk_saga *saga, const struct sk_explain_entry *entry,
                      const struct sk_unit *unit, struct sk_buf *out)
{
    if (entry->operation == SK_OPERATION_VERIFY) {
        sk_buf_append_text(out, "the participant is asked whether ");
        sk_explain_unit(saga, entry->step, entry->item, out);
        sk_buf_append_text(out, " happened");
        return;
    }
    if (entry->operation == SK_OPERATION_POLL) {
        sk_buf_append_text(out, "a poll of ");
        sk_explain_unit(saga, entry->step, entry->item, out);
        sk_buf_append_text(out, " is on the wire");
        return;
    }
    put_attempt(entry, out);
    sk_buf_append_text(out, " of ");
    put_what(saga, entry, out);
    sk_buf_append_text(out, " is on the wire");
    if (entry->operation == SK_OPERATION_ACTION && unit->maybe)
        sk_buf_append_text(out, " (an earlier one may have happened)");
}

static void put_backoff(const struct sk_saga *saga, const struct sk_explain_entry *entry,
                        const struct sk_unit *unit, struct sk_buf *out)
{
    if (entry->operation == SK_OPERATION_VERIFY) {
        sk_buf_append_text(out, "whether ");
        sk_explain_unit(saga, entry->step, entry->item, out);
        sk_buf_append_text(out, " happened is not known");
        put_code(unit, out);
        sk_buf_append_text(out, "; its participant is left unasked");
        return;
    }
    bool is_endless = entry->operation == SK_OPERATION_ACTION &&
                      sk_unit_is_never_given_up(saga, entry->step, unit);
    put_what(saga, entry, out);
    if (is_endless) sk_buf_append_text(out, ", which is tried until it is settled,");
    sk_buf_append_text(out, " pauses after ");
    put_attempt(entry, out);
    put_code(unit, out);
}

static void put_child(const struct sk_saga *saga, const struct sk_explain_entry *entry,
                      const struct sk_unit *unit, struct sk_buf *out)
{
    put_what(saga, entry, out);
    sk_buf_append_text(out, " waits for the end of its child saga ");
    sk_child_id(saga, entry->step, entry->item, unit->action.round, out);
}

static void put_task(const struct sk_saga *saga, const struct sk_explain_entry *entry,
                     const struct sk_step *step, struct sk_buf *out)
{
    bool is_undo = entry->operation == SK_OPERATION_COMPENSATION;
    put_what(saga, entry, out);
    sk_buf_append_text(out, entry->kind == SK_EXPLAIN_LEASE
                                ? " is in the hands of a worker of the queue "
                                : " waits for a worker of the queue ");
    sk_buf_append_str(out, is_undo ? step->compensation.action->queue : step->action->queue);
}

static void put_human(const struct sk_saga *saga, const struct sk_explain_entry *entry,
                      const struct sk_unit *unit, struct sk_buf *out)
{
    put_what(saga, entry, out);
    sk_buf_append_text(out, " must succeed and was refused");
    put_code(unit, out);
    bool keeps_input = unit->maybe || unit->action.had_unknown;
    sk_buf_append_text(out, keeps_input
                                ? ": a person must retry it (it may have happened, so it keeps its "
                                  "input) or skip it"
                                : ": a person must retry it, with another input if need be, or "
                                  "skip it");
}

static void put_unanswered(const struct sk_saga *saga, const struct sk_explain_entry *entry,
                           struct sk_buf *out)
{
    sk_buf_append_text(out, "an attempt of ");
    sk_explain_unit(saga, entry->step, entry->item, out);
    sk_buf_append_text(out, entry->operation == SK_OPERATION_VERIFY
                                ? " is unanswered and may still arrive, so its participant is "
                                  "left unasked"
                                : " is unanswered and may still arrive, so it is left as it is");
}

static void put_unit(const struct sk_saga *saga, const struct sk_explain_entry *entry,
                     struct sk_buf *out)
{
    const struct sk_unit *unit = sk_saga_unit(saga, entry->step, entry->item);
    const struct sk_step *step = sk_step_of(saga, entry->step);
    switch (entry->kind) {
    case SK_EXPLAIN_REPLY: put_reply(saga, entry, unit, out); break;
    case SK_EXPLAIN_BACKOFF: put_backoff(saga, entry, unit, out); break;
    case SK_EXPLAIN_ANSWER:
        put_what(saga, entry, out);
        sk_buf_append_text(out, " was accepted by its participant, whose answer is awaited");
        break;
    case SK_EXPLAIN_TIMER:
        put_what(saga, entry, out);
        sk_buf_append_text(out, " waits for its time");
        break;
    case SK_EXPLAIN_SIGNAL:
        put_what(saga, entry, out);
        sk_buf_append_text(out, " waits for the signal ");
        sk_buf_append_str(out, step->wait.signal);
        break;
    case SK_EXPLAIN_POLL:
        put_what(saga, entry, out);
        sk_buf_append_text(out, " pauses between two polls");
        put_code(unit, out);
        break;
    case SK_EXPLAIN_CHILD: put_child(saga, entry, unit, out); break;
    case SK_EXPLAIN_HUMAN: put_human(saga, entry, unit, out); break;
    case SK_EXPLAIN_SWEEP:
        put_what(saga, entry, out);
        sk_buf_append_text(out, " has used up its attempts");
        put_code(unit, out);
        sk_buf_append_text(out, " and waits for the recovery sweep");
        break;
    case SK_EXPLAIN_REDRIVE:
        put_attempt(entry, out);
        sk_buf_append_text(out, " of ");
        put_what(saga, entry, out);
        sk_buf_append_text(out, " was found without an answer after a crash and is repeated");
        break;
    case SK_EXPLAIN_WORKER:
    case SK_EXPLAIN_LEASE: put_task(saga, entry, step, out); break;
    case SK_EXPLAIN_UNANSWERED: put_unanswered(saga, entry, out); break;
    case SK_EXPLAIN_NOTHING:
    case SK_EXPLAIN_ENDED:
    case SK_EXPLAIN_SLOT:
    case SK_EXPLAIN_LOCK:
    case SK_EXPLAIN_SUSPENDED:
    case SK_EXPLAIN_KINDS_COUNT: break;
    }
}

/* ---- the saga as a whole --------------------------------------------------------------------- */

static void put_lock(const struct sk_saga *saga, struct sk_buf *out)
{
    sk_buf_append_text(out, saga->retry_after_locks ? "an operator's retry waits for the lock key "
                                                    : "the saga waits for the lock key ");
    for (uint32_t i = 0; i < saga->locks_count; i++) {
        if (saga->locks[i].state == SK_LOCK_HELD || saga->locks[i].state == SK_LOCK_INHERITED)
            continue;
        sk_buf_append_str(out, saga->locks[i].key);
        return;
    }
}

/* "; it left done: a, b" */
static void put_steps(const struct sk_saga *saga, const char *before,
                      bool (*is_meant)(const struct sk_unit *unit), struct sk_buf *out)
{
    bool is_first = true;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        bool any = false;
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++)
            any = any || is_meant(&saga->steps[s].units[i]);
        if (!any) continue;
        sk_buf_append_text(out, is_first ? before : ", ");
        sk_buf_append_str(out, sk_step_of(saga, s)->id);
        is_first = false;
    }
}

static bool is_residue(const struct sk_unit *unit)
{
    return unit->undo_state == SK_UNDO_RESIDUE;
}

static bool is_undo_failed(const struct sk_unit *unit)
{
    return unit->undo_state == SK_UNDO_FAILED && !unit->child_failed;
}

static bool is_child_failed(const struct sk_unit *unit)
{
    return unit->child_failed;
}

/* "step pay failed (declined)" */
static void put_reason(const struct sk_saga *saga, struct sk_buf *out)
{
    switch (saga->reason) {
    case SK_REASON_CANCEL: sk_buf_append_text(out, "it was cancelled"); return;
    case SK_REASON_TIMEOUT: sk_buf_append_text(out, "its time-out passed"); return;
    case SK_REASON_PARENT: sk_buf_append_text(out, "its parent asked for it"); return;
    case SK_REASON_ACQUIRE_TIMEOUT: sk_buf_append_text(out, "no slot became free in time"); return;
    case SK_REASON_LOCK_TIMEOUT:
        sk_buf_append_text(out, "its lock keys were not granted in time");
        return;
    case SK_REASON_FORCED: sk_buf_append_text(out, "an operator forced it"); return;
    case SK_REASON_NONE:
    case SK_REASON_STEP:
    case SK_REASONS_COUNT: break;
    }
    if (saga->error_step < saga->plan->steps_count) {
        sk_buf_append_text(out, "step ");
        sk_buf_append_str(out, sk_step_of(saga, saga->error_step)->id);
        sk_buf_append_text(out, " failed");
    } else {
        sk_buf_append_text(out, "a step failed");
    }
    if (saga->error_code.size == 0) return;
    sk_buf_append_text(out, " (");
    sk_buf_append_str(out, saga->error_code);
    sk_buf_append_char(out, ')');
}

static void put_failed(const struct sk_saga *saga, struct sk_buf *out)
{
    put_steps(saga, "; undoing failed for: ", is_undo_failed, out);
    put_steps(saga, "; child sagas to be repaired first are those of: ", is_child_failed, out);
    sk_buf_append_text(out, "; a person must retry it or complete it by force");
}

/* What a force-complete left, from the event that said so. */
static void put_left(const struct sk_saga *saga, const char *before, const char *name,
                     struct sk_buf *out)
{
    struct sk_json_iter it = sk_json_walk(sk_json_member(saga->left, sk_str_of(name)));
    bool is_first = true;
    while (sk_json_next(&it)) {
        sk_buf_append_text(out, is_first ? before : ", ");
        sk_json_unescape(it.value, out);
        is_first = false;
    }
}

static void put_completed(const struct sk_saga *saga, struct sk_buf *out)
{
    sk_buf_append_text(out, saga->is_forced ? "the saga was completed by force"
                                            : "the saga has completed");
    if (saga->left.size == 0 || sk_json_check(saga->left, NULL) != SKALD_OK) return;
    put_left(saga, "; done: ", "done", out);
    put_left(saga, "; may have happened: ", "maybe", out);
    put_left(saga, "; still in flight then: ", "in_flight", out);
}

static void put_ended(const struct sk_saga *saga, struct sk_buf *out)
{
    const char *undone = saga->started_at_ms != 0 ? "; what was to be undone is undone"
                                                  : ", before anything was done";
    switch (saga->state) {
    case SK_SAGA_COMPLETED: put_completed(saga, out); break;
    case SK_SAGA_CANCELLED:
        sk_buf_append_text(out, "the saga was cancelled");
        sk_buf_append_text(out, undone);
        break;
    case SK_SAGA_COMPENSATED:
    case SK_SAGA_TIMED_OUT:
        sk_buf_append_text(out, "the saga ended ");
        sk_buf_append_text(out, sk_saga_state_name(saga->state));
        sk_buf_append_text(out, " because ");
        put_reason(saga, out);
        sk_buf_append_text(out, undone);
        break;
    case SK_SAGA_FAILED:
        sk_buf_append_text(out, "the saga ended failed while it was undone because ");
        put_reason(saga, out);
        put_failed(saga, out);
        break;
    case SK_SAGA_PENDING:
    case SK_SAGA_RUNNING:
    case SK_SAGA_COMPENSATING:
    case SK_SAGA_SUSPENDED:
    case SK_SAGA_STATES_COUNT: break;
    }
    put_steps(saga, "; left standing: ", is_residue, out);
    uint32_t hooks = sk_hooks_open(saga);
    if (hooks == 0) return;
    sk_buf_append_text(out, "; hooks that have not ended: ");
    sk_buf_append_u64(out, hooks);
}

void sk_explain_suspended(const struct sk_saga *saga, struct sk_buf *out)
{
    sk_buf_append_text(out, "the saga is suspended");
    if (saga->suspend_reason.size == 0) return;
    sk_buf_append_text(out, " (");
    sk_buf_append_str(out, saga->suspend_reason);
    sk_buf_append_char(out, ')');
}

static void put_suspended(const struct sk_saga *saga, struct sk_buf *out)
{
    sk_explain_suspended(saga, out);
    sk_buf_append_text(out, " while ");
    sk_buf_append_text(out, sk_saga_state_name(saga->state));
    sk_buf_append_text(out, ": nothing new starts until a person resumes it");
}

void sk_explain_waits(const struct sk_saga *saga, const struct sk_explain_entry *entry,
                      struct sk_buf *out)
{
    switch (entry->kind) {
    case SK_EXPLAIN_NOTHING:
        sk_buf_append_text(out, "the saga waits for nothing but its server, which is stopping or "
                                "starting");
        return;
    case SK_EXPLAIN_ENDED: put_ended(saga, out); return;
    case SK_EXPLAIN_SLOT:
        sk_buf_append_text(out, "the saga is accepted and waits for a free slot");
        return;
    case SK_EXPLAIN_LOCK: put_lock(saga, out); return;
    case SK_EXPLAIN_SUSPENDED: put_suspended(saga, out); return;
    case SK_EXPLAIN_TIMER:
    case SK_EXPLAIN_SIGNAL:
    case SK_EXPLAIN_POLL:
    case SK_EXPLAIN_CHILD:
    case SK_EXPLAIN_REPLY:
    case SK_EXPLAIN_ANSWER:
    case SK_EXPLAIN_BACKOFF:
    case SK_EXPLAIN_UNANSWERED:
    case SK_EXPLAIN_REDRIVE:
    case SK_EXPLAIN_SWEEP:
    case SK_EXPLAIN_WORKER:
    case SK_EXPLAIN_LEASE:
    case SK_EXPLAIN_HUMAN: put_unit(saga, entry, out); return;
    case SK_EXPLAIN_KINDS_COUNT: break;
    }
}

/* ---- the sentence ---------------------------------------------------------------------------- */

/* What is true of the saga whatever is awaited. */
static void put_direction(const struct sk_saga *saga, enum sk_explain_kind kind, struct sk_buf *out)
{
    if (sk_saga_state_is_end(saga->state) && kind != SK_EXPLAIN_ENDED) {
        put_ended(saga, out);
        sk_buf_append_text(out, "; still open: ");
    }
    const char *wish = saga->wish == SK_REASON_TIMEOUT ? "the time-out" : "the cancel";
    if (saga->wish != SK_REASON_NONE && saga->is_past_pivot) {
        sk_buf_append_text(out, wish);
        sk_buf_append_text(out, " was overtaken by the pivot, which succeeded; ");
    } else if (saga->wish != SK_REASON_NONE) {
        sk_buf_append_text(out, wish);
        sk_buf_append_text(out, " is recorded and decided once the pivot is settled; ");
    }
    if (saga->state != SK_SAGA_COMPENSATING || saga->is_suspended) return;
    sk_buf_append_text(out, "the saga is being undone because ");
    put_reason(saga, out);
    sk_buf_append_text(out, "; ");
}

/* "until T (in 5s)" */
static void put_until(int64_t until_ms, int64_t now_ms, struct sk_buf *out)
{
    char at[SK_TIME_TEXT_SIZE], in[SK_DURATION_TEXT_SIZE];
    sk_time_format(until_ms, at);
    sk_duration_format(until_ms > now_ms ? until_ms - now_ms : 0, in);
    sk_buf_append_text(out, at);
    sk_buf_append_text(out, " (in ");
    sk_buf_append_text(out, in);
    sk_buf_append_char(out, ')');
}

/* How the time limit of what somebody else must bring is introduced; NULL: it is a time of our
 * own. */
static const char *limit_of(enum sk_explain_kind kind)
{
    switch (kind) {
    case SK_EXPLAIN_REPLY:
    case SK_EXPLAIN_ANSWER: return "; if no answer has come by ";
    case SK_EXPLAIN_LEASE: return "; if it has said nothing by ";
    case SK_EXPLAIN_WORKER: return "; if none has taken it by ";
    case SK_EXPLAIN_SIGNAL: return "; if it has not come by ";
    case SK_EXPLAIN_CHILD: return "; if it has not ended by ";
    case SK_EXPLAIN_LOCK: return "; if it is not granted by ";
    case SK_EXPLAIN_SLOT: return "; if none is free by ";
    case SK_EXPLAIN_NOTHING:
    case SK_EXPLAIN_ENDED:
    case SK_EXPLAIN_TIMER:
    case SK_EXPLAIN_POLL:
    case SK_EXPLAIN_BACKOFF:
    case SK_EXPLAIN_UNANSWERED:
    case SK_EXPLAIN_REDRIVE:
    case SK_EXPLAIN_SWEEP:
    case SK_EXPLAIN_HUMAN:
    case SK_EXPLAIN_SUSPENDED:
    case SK_EXPLAIN_KINDS_COUNT: break;
    }
    return NULL;
}

static void put_time(const struct sk_explain_entry *entry, int64_t now_ms, struct sk_buf *out)
{
    const char *limit = limit_of(entry->kind);
    if (entry->until_ms == 0) {
        bool may_last = limit != NULL && entry->kind != SK_EXPLAIN_CHILD;
        if (may_last) sk_buf_append_text(out, ", without a time limit");
        bool is_due = entry->kind == SK_EXPLAIN_NOTHING;
        if (entry->then.size > 0) sk_buf_append_text(out, is_due ? "; then " : "; ");
    } else if (entry->is_saga_timeout) {
        sk_buf_append_text(out, "; the saga's time-out is ");
        put_until(entry->until_ms, now_ms, out);
        if (entry->then.size > 0) sk_buf_append_text(out, ": then ");
    } else if (limit != NULL) {
        sk_buf_append_text(out, limit);
        put_until(entry->until_ms, now_ms, out);
        if (entry->then.size > 0) sk_buf_append_text(out, ", ");
    } else {
        sk_buf_append_text(out, " until ");
        put_until(entry->until_ms, now_ms, out);
        if (entry->then.size > 0) sk_buf_append_text(out, "; then ");
    }
    sk_buf_append_str(out, entry->then);
}

void sk_explain_sentence(const struct sk_saga *saga, int64_t now_ms,
                         const struct sk_explanation *explanation, struct sk_buf *out)
{
    const struct sk_explain_entry *main = &explanation->entries[explanation->main];
    put_direction(saga, main->kind, out);
    sk_buf_append_str(out, main->waits);
    put_time(main, now_ms, out);
    uint32_t others = explanation->entries_total - 1u;
    bool is_whole = main->kind == SK_EXPLAIN_SUSPENDED;
    if (others > 0) {
        sk_buf_append_text(out, is_whole ? "; beneath it " : "; beside it ");
        sk_buf_append_u64(out, others);
        sk_buf_append_text(out,
                           others == 1 ? " thing more is awaited" : " things more are awaited");
    }
    sk_buf_append_char(out, '.');
    if (out->failed || out->size == 0) return;
    char first = out->data[0];
    if (first >= 'a' && first <= 'z') out->data[0] = (char)(first - 'a' + 'A');
}

/*
 * explain_then.c: what happens next, by rehearsal: the time-out of what is awaited is let happen to
 * a copy, and the events that the rules decide upon are put into words. What is told of other units
 * is only what changes the direction of the saga.
 */
#include "core/explain_private.h"

enum { NAMES_MAX = 3 };

struct telling {
    const struct sk_rehearsal *r;
    const struct sk_explain_entry *entry;
    struct sk_buf *out;
    bool has_own;   /* something of the unit itself has been told */
    bool has_first; /* which unit is undone first */
};

static void begin_clause(struct telling *t)
{
    if (t->out->size > 0) sk_buf_append_text(t->out, " and ");
}

static void tell(struct telling *t, const char *text)
{
    begin_clause(t);
    sk_buf_append_text(t->out, text);
}

static void tell_attempt(struct telling *t, const char *before, uint32_t attempt, const char *after)
{
    begin_clause(t);
    sk_buf_append_text(t->out, before);
    sk_buf_append_u64(t->out, attempt);
    sk_buf_append_text(t->out, after);
}

/* ---- the unit's own events ------------------------------------------------------------------- */

static bool is_own(const struct telling *t, const struct sk_event *event)
{
    return event->step == t->entry->step && event->item == t->entry->item &&
           t->entry->step != SK_STEP_NONE;
}

static void tell_waiting(struct telling *t, const struct sk_event *event)
{
    switch ((enum sk_wait_for)event->kind) {
    case SK_FOR_BACKOFF:
        tell_attempt(t, "attempt ", event->attempt + 1u, " follows after a pause");
        break;
    case SK_FOR_POLL: tell(t, "it is polled again after the interval"); break;
    case SK_FOR_HUMAN: tell(t, "a person must retry or skip the step"); break;
    case SK_FOR_SWEEP: tell(t, "the recovery sweep takes the undo up again later"); break;
    case SK_FOR_WORKER: tell(t, "it waits for a worker again"); break;
    case SK_FOR_REDRIVE:
    case SK_FOR_LEASE:
    case SK_FOR_ANSWER:
    case SK_FOR_TIMER:
    case SK_FOR_SIGNAL:
    case SK_FOR_CHILD:
    case SK_FOR_NOTHING:
    case SK_FOR_COUNT: break;
    }
}

static void tell_undo_waiting(struct telling *t, const struct sk_event *event)
{
    if ((event->flags & SK_MARK_SECOND_POLICY) != 0u)
        tell(t, "the undo is tried once more by its second policy");
    else
        tell_waiting(t, event);
}

static void tell_retrying(struct telling *t, const struct sk_event *event)
{
    if (t->entry->operation == SK_OPERATION_POLL)
        tell(t, "it is polled again");
    else
        tell_attempt(t, "attempt ", event->attempt, " starts");
}

static void tell_skipped(struct telling *t, const struct sk_event *event)
{
    switch ((enum sk_undo_skip_cause)event->kind) {
    case SK_UNDO_SKIP_NOT_DECLARED: tell(t, "there is nothing to undo"); break;
    case SK_UNDO_SKIP_ONLY_COMPLETED:
    case SK_UNDO_SKIP_OPERATOR: tell(t, "it is left standing as residue"); break;
    case SK_UNDO_SKIP_UNSETTLED: tell(t, "nobody knows whether it happened"); break;
    }
}

static void tell_own(struct telling *t, const struct sk_event *event)
{
    size_t before = t->out->size;
    switch (event->type) {
    case SK_EVENT_STEP_WAITING: tell_waiting(t, event); break;
    case SK_EVENT_STEP_RETRYING: tell_retrying(t, event); break;
    case SK_EVENT_STEP_REDRIVEN: tell(t, "the same attempt is repeated"); break;
    case SK_EVENT_STEP_COMPLETED: tell(t, "the step is done"); break;
    case SK_EVENT_STEP_FAILED:
        tell(t, sk_saga_unit(&t->r->saga, event->step, event->item)->maybe
                    ? "the step fails as one that may have happened"
                    : "the step fails");
        break;
    case SK_EVENT_STEP_SKIPPED: tell(t, "the step is skipped"); break;
    case SK_EVENT_VERIFY_STARTED: tell(t, "the participant is asked whether it happened"); break;
    case SK_EVENT_VERIFY_FAILED:
        if (event->when_ms != 0) tell(t, "the participant is asked again after a pause");
        break;
    case SK_EVENT_COMPENSATION_STARTED: tell(t, "it is undone"); break;
    case SK_EVENT_COMPENSATION_RETRYING:
        tell_attempt(t, "attempt ", event->attempt, " of the undo starts");
        break;
    case SK_EVENT_COMPENSATION_WAITING: tell_undo_waiting(t, event); break;
    case SK_EVENT_COMPENSATION_FAILED:
        tell(t, event->kind != 0u ? "its effect is left standing as residue"
                                  : "its undo has failed and a person must look");
        break;
    case SK_EVENT_COMPENSATION_SKIPPED: tell_skipped(t, event); break;
    default: break;
    }
    t->has_own = t->has_own || t->out->size > before;
}

/* ---- the saga's ------------------------------------------------------------------------------ */

static const struct sk_event *find(const struct telling *t, enum sk_event_type type, bool others)
{
    for (uint32_t i = 0; i < t->r->decision.events_count; i++) {
        const struct sk_event *event = &t->r->decision.events[i].event;
        if (event->type == type && !(others && is_own(t, event))) return event;
    }
    return NULL;
}

/* The first of another unit that is put into a queue. */
static const struct sk_event *find_for_worker(const struct telling *t, enum sk_event_type type)
{
    for (uint32_t i = 0; i < t->r->decision.events_count; i++) {
        const struct sk_event *event = &t->r->decision.events[i].event;
        bool is_so = event->type == type && event->kind == SK_FOR_WORKER;
        if (is_so && !is_own(t, event)) return event;
    }
    return NULL;
}

/* "step b and step c start" */
static void tell_started(struct telling *t)
{
    uint32_t told = 0;
    bool is_one = true;
    for (uint32_t i = 0; i < t->r->decision.events_count && told < NAMES_MAX; i++) {
        const struct sk_event *event = &t->r->decision.events[i].event;
        if (event->type != SK_EVENT_STEP_STARTED || is_own(t, event)) continue;
        if (told > 0) is_one = false;
        begin_clause(t);
        sk_explain_unit(&t->r->saga, event->step, event->item, t->out);
        told++;
    }
    if (told > 0) sk_buf_append_text(t->out, is_one ? " starts" : " start");
}

/* The first whose turn it is, also while law 6 still holds it back. */
static void tell_first(void *context, uint32_t step, int32_t item)
{
    struct telling *t = context;
    if (t->has_first) return;
    t->has_first = true;
    sk_buf_append_text(t->out, ", ");
    sk_explain_unit(&t->r->saga, step, item, t->out);
    sk_buf_append_text(t->out, " first");
}

static void tell_undone(struct telling *t)
{
    tell(t, "the saga is undone");
    sk_undo_each_in_turn(&t->r->saga, tell_first, t);
}

static void tell_end(struct telling *t)
{
    enum sk_saga_state state = t->r->saga.state;
    bool has_undone_nothing = find(t, SK_EVENT_SAGA_COMPENSATING, false) != NULL;
    begin_clause(t);
    sk_buf_append_text(t->out, has_undone_nothing ? "the saga, with nothing to undo, ends "
                                                  : "the saga ends ");
    sk_buf_append_text(t->out, sk_saga_state_name(state));
    if (state == SK_SAGA_FAILED) sk_buf_append_text(t->out, ": a person must look");
}

static void tell_suspended(struct telling *t)
{
    if (find(t, SK_EVENT_SAGA_SUSPENDED, false) == NULL) return;
    begin_clause(t);
    sk_explain_suspended(&t->r->saga, t->out);
}

/* Nothing else is due: law 6 holds the next one back. */
static void tell_nothing_undone(struct telling *t)
{
    const struct sk_event *skipped = find(t, SK_EVENT_COMPENSATION_SKIPPED, true);
    if (skipped == NULL || t->out->size > 0) return;
    sk_explain_unit(&t->r->saga, skipped->step, skipped->item, t->out);
    sk_buf_append_text(t->out, " is passed over");
}

static void tell_saga(struct telling *t, bool was_ended)
{
    const struct sk_event *undo = find(t, SK_EVENT_COMPENSATION_STARTED, true);
    if (undo == NULL) undo = find_for_worker(t, SK_EVENT_COMPENSATION_WAITING);
    const struct sk_event *task = find_for_worker(t, SK_EVENT_STEP_WAITING);
    bool has_ended = !was_ended && sk_saga_state_is_end(t->r->saga.state);
    bool has_turned = find(t, SK_EVENT_SAGA_COMPENSATING, false) != NULL;
    if (has_ended) {
        tell_end(t);
    } else if (has_turned) {
        tell_undone(t);
    } else if (undo != NULL) {
        begin_clause(t);
        sk_explain_unit(&t->r->saga, undo->step, undo->item, t->out);
        sk_buf_append_text(t->out, undo->type == SK_EVENT_COMPENSATION_STARTED
                                       ? " is undone"
                                       : " waits for a worker to undo it");
    } else {
        tell_started(t);
        if (task != NULL) {
            begin_clause(t);
            sk_explain_unit(&t->r->saga, task->step, task->item, t->out);
            sk_buf_append_text(t->out, " waits for a worker");
        }
    }
    tell_suspended(t);
    tell_nothing_undone(t);
    const struct sk_event *alert = find(t, SK_EVENT_SAGA_ALERTED, false);
    if (alert == NULL || has_ended || has_turned) return;
    if ((alert->flags & SK_ALERT_WISH_TIMEOUT) != 0u)
        tell(t, "it is recorded and decided once the pivot is settled");
    else if ((alert->flags & SK_ALERT_TIMEOUT_SEEN) != 0u)
        tell(t, "a warning is raised, nothing else");
}

static void tell_all(struct telling *t, bool was_ended)
{
    bool has_turned = find(t, SK_EVENT_SAGA_COMPENSATING, false) != NULL;
    for (uint32_t i = 0; i < t->r->decision.events_count; i++) {
        const struct sk_event *event = &t->r->decision.events[i].event;
        bool is_of_turn = event->type == SK_EVENT_COMPENSATION_STARTED || t->entry->is_saga_timeout;
        if (is_own(t, event) && !(has_turned && is_of_turn)) tell_own(t, event);
    }
    bool is_verified =
        t->entry->step != SK_STEP_NONE && !t->has_own &&
        sk_verify_is_wanted(&t->r->saga, t->entry->step,
                            sk_saga_unit(&t->r->saga, t->entry->step, t->entry->item));
    if (is_verified) tell(t, "the participant is asked whether it happened");
    tell_saga(t, was_ended);
}

/* ---- rehearsing ------------------------------------------------------------------------------ */

static enum skald_status let_time_pass(struct sk_rehearsal *r, const struct sk_explain_entry *entry)
{
    if (entry->kind != SK_EXPLAIN_REPLY || entry->is_saga_timeout)
        return sk_rehearse_until(r, entry->until_ms);
    struct sk_outcome lost = { .class_ = SK_OUTCOME_UNKNOWN, .code = SK_STR("timeout") };
    if (entry->until_ms > r->now_ms) r->now_ms = entry->until_ms;
    return sk_rehearse_answer(r, entry->step, entry->item, entry->operation, &lost);
}

/* "; once it is undone, step a is undone" */
static bool tell_next_undo(const struct sk_saga *saga, int64_t now_ms, const struct sk_rules *rules,
                           const struct sk_explain_entry *entry, struct sk_buf *out)
{
    struct sk_rehearsal r;
    struct sk_buf text;
    struct sk_outcome done = { .class_ = SK_OUTCOME_SUCCEEDED, .is_answered = true };
    bool is_made = sk_rehearsal_init(&r, saga, now_ms, rules);
    sk_buf_init(&text, 0);
    enum skald_status status = SKALD_E_MEMORY;
    if (is_made && entry->kind == SK_EXPLAIN_CHILD)
        status = sk_rehearse_child(&r, entry->step, entry->item, SK_SAGA_COMPENSATED);
    else if (is_made)
        status = sk_rehearse_answer(&r, entry->step, entry->item, entry->operation, &done);
    if (status == SKALD_OK) {
        struct telling t = { .r = &r, .entry = entry, .out = &text };
        tell_saga(&t, false);
        if (text.size > 0 && out->size > 0) sk_buf_append_text(out, "; ");
        if (text.size > 0) sk_buf_append_text(out, "once it is undone, ");
        sk_buf_append_str(out, sk_buf_view(&text));
    }
    bool is_whole = is_made && status != SKALD_E_MEMORY && !text.failed;
    sk_buf_release(&text);
    sk_rehearsal_release(&r);
    return is_whole;
}

/* A policy's own function is asked before the rules hear of the outcome: nobody knows what it will
 * say. */
static bool tell_decision(const struct sk_saga *saga, const struct sk_explain_entry *entry,
                          struct sk_buf *out)
{
    if (entry->kind != SK_EXPLAIN_REPLY || entry->is_saga_timeout) return false;
    bool is_undo = entry->operation == SK_OPERATION_COMPENSATION;
    if (!is_undo && entry->operation != SK_OPERATION_ACTION) return false;
    const struct sk_step *step = sk_step_of(saga, entry->step);
    const struct sk_unit *unit = sk_saga_unit(saga, entry->step, entry->item);
    struct sk_str name = is_undo ? step->compensation.retry.decide : step->retry.decide;
    if (is_undo && unit->undo_second_policy) name = step->compensation.on_failure_retry.decide;
    bool is_last = entry->attempts_max > 0 && entry->attempt >= entry->attempts_max;
    bool may_stop = is_undo || (saga->state == SK_SAGA_RUNNING &&
                                !sk_unit_is_never_given_up(saga, entry->step, unit));
    if (name.size == 0 || is_last || !may_stop) return false;
    sk_buf_append_text(out, "the function ");
    sk_buf_append_str(out, name);
    sk_buf_append_text(out, " decides whether attempt ");
    sk_buf_append_u64(out, entry->attempt + 1u);
    sk_buf_append_text(out, " follows");
    return true;
}

bool sk_explain_then(const struct sk_saga *saga, int64_t now_ms, const struct sk_rules *rules,
                     const struct sk_explain_entry *entry, struct sk_buf *out)
{
    bool is_whole = true;
    bool is_due = entry->kind == SK_EXPLAIN_NOTHING && !saga->is_suspended;
    if (is_due || (entry->until_ms > 0 && !tell_decision(saga, entry, out))) {
        struct sk_rehearsal r;
        is_whole = sk_rehearsal_init(&r, saga, now_ms, rules) &&
                   let_time_pass(&r, entry) != SKALD_E_MEMORY;
        struct telling t = { .r = &r, .entry = entry, .out = out };
        if (is_whole) tell_all(&t, sk_saga_state_is_end(saga->state));
        sk_rehearsal_release(&r);
    }
    bool is_undo = entry->step != SK_STEP_NONE && entry->operation == SK_OPERATION_COMPENSATION;
    bool is_called = entry->kind == SK_EXPLAIN_REPLY || entry->kind == SK_EXPLAIN_ANSWER ||
                     entry->kind == SK_EXPLAIN_CHILD;
    if (is_whole && is_undo && is_called && !saga->is_suspended)
        is_whole = tell_next_undo(saga, now_ms, rules, entry, out);
    return is_whole;
}

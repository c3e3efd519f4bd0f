/*
 * explain.c: collects what is awaited, a unit at a time, and makes the sentence. The words for one
 * entry stand in explain_text.c, what happens then in explain_then.c.
 */
#include "core/explain_private.h"

const char *sk_explain_kind_name(enum sk_explain_kind kind)
{
    static const char *const names[] = {
#define X(name, text) text,
        SK_EXPLAIN_MAP(X)
#undef X
    };
    return names[kind];
}

/* ---- collecting ------------------------------------------------------------------------------ */

struct collecting {
    const struct sk_saga *saga;
    struct sk_explanation *out;
};

/* Entries beyond the list's end are only counted, unless one is more telling than all before: it
 * takes the last place. */
static void add(struct collecting *c, struct sk_explain_entry entry)
{
    struct sk_explanation *out = c->out;
    uint32_t index = out->entries_count;
    out->entries_total++;
    bool is_full = index == SK_EXPLAIN_ENTRIES_MAX;
    bool is_better = out->entries_total == 1 || entry.kind > out->entries[out->main].kind;
    if (is_full && !is_better) return;
    if (is_full) index--;
    out->entries[index] = entry;
    if (!is_full) out->entries_count++;
    if (is_better) out->main = index;
}

static enum sk_explain_kind kind_of(const struct sk_call *call)
{
    switch (call->what) {
    case SK_FOR_BACKOFF: return SK_EXPLAIN_BACKOFF;
    case SK_FOR_ANSWER: return SK_EXPLAIN_ANSWER;
    case SK_FOR_TIMER: return SK_EXPLAIN_TIMER;
    case SK_FOR_SIGNAL: return SK_EXPLAIN_SIGNAL;
    case SK_FOR_POLL: return SK_EXPLAIN_POLL;
    case SK_FOR_CHILD: return SK_EXPLAIN_CHILD;
    case SK_FOR_HUMAN: return SK_EXPLAIN_HUMAN;
    case SK_FOR_SWEEP: return SK_EXPLAIN_SWEEP;
    case SK_FOR_REDRIVE: return SK_EXPLAIN_REDRIVE;
    case SK_FOR_WORKER: return SK_EXPLAIN_WORKER;
    case SK_FOR_LEASE: return SK_EXPLAIN_LEASE;
    case SK_FOR_NOTHING:
    case SK_FOR_COUNT: break;
    }
    return SK_EXPLAIN_REPLY;
}

static struct sk_explain_entry entry_of(const struct sk_call *call, uint32_t step, int32_t item,
                                        enum sk_operation operation)
{
    bool is_flying = call->state == SK_CALL_FLYING;
    return (struct sk_explain_entry){ .kind = is_flying ? SK_EXPLAIN_REPLY : kind_of(call),
                                      .step = step,
                                      .item = item,
                                      .operation = operation,
                                      .attempt = call->attempt,
                                      .until_ms = is_flying ? call->deadline_ms : call->due_at_ms };
}

/* A verify that has to wait: for its pause, or for law 6. */
static struct sk_explain_entry verify_entry(const struct sk_unit *unit, uint32_t step, int32_t item)
{
    struct sk_explain_entry entry = entry_of(&unit->verify, step, item, SK_OPERATION_VERIFY);
    int64_t law6_ms = sk_unit_law6_at(unit);
    bool is_law6 = law6_ms > unit->verify.due_at_ms;
    entry.kind = is_law6 ? SK_EXPLAIN_UNANSWERED : SK_EXPLAIN_BACKOFF;
    entry.until_ms = is_law6 ? law6_ms : unit->verify.due_at_ms;
    return entry;
}

static uint32_t attempts_max(const struct sk_saga *saga, const struct sk_unit *unit,
                             const struct sk_explain_entry *entry)
{
    const struct sk_step *step = sk_step_of(saga, entry->step);
    const struct sk_retry_policy *policy = &step->retry;
    switch (entry->operation) {
    case SK_OPERATION_ACTION: break;
    case SK_OPERATION_COMPENSATION:
        if (sk_undoes_child(step)) return 0;
        policy = unit->undo_second_policy ? &step->compensation.on_failure_retry
                                          : &step->compensation.retry;
        return policy->type == SK_RETRY_NONE ? 1 : policy->max_attempts;
    case SK_OPERATION_VERIFY:
    case SK_OPERATION_HOOK:
    case SK_OPERATION_DECISION:
    case SK_OPERATION_POLL: return 0;
    }
    uint32_t max = sk_attempts_max(saga, policy);
    bool is_other = step->kind == SK_KIND_WAIT || step->kind == SK_KIND_SAGA;
    return is_other || entry->attempt > max || sk_unit_is_never_given_up(saga, entry->step, unit)
               ? 0
               : max;
}

static void collect_unit(struct collecting *c, uint32_t step, uint32_t index)
{
    const struct sk_saga *saga = c->saga;
    const struct sk_unit *unit = &saga->steps[step].units[index];
    int32_t item = sk_item_of(sk_step_of(saga, step), index);
    struct sk_explain_entry entry;
    if (sk_unit_is_busy(unit) && sk_call_is_busy(&unit->action)) {
        bool is_wait = sk_step_of(saga, step)->kind == SK_KIND_WAIT;
        entry =
            entry_of(&unit->action, step, item, is_wait ? SK_OPERATION_POLL : SK_OPERATION_ACTION);
        entry.attempts_max = attempts_max(saga, unit, &entry);
        add(c, entry);
    }
    if (unit->verify.state == SK_CALL_FLYING)
        add(c, entry_of(&unit->verify, step, item, SK_OPERATION_VERIFY));
    else if (sk_verify_is_wanted(saga, step, unit))
        add(c, verify_entry(unit, step, item));
    if (!sk_call_is_busy(&unit->undo)) return;
    entry = entry_of(&unit->undo, step, item, SK_OPERATION_COMPENSATION);
    entry.attempts_max = attempts_max(saga, unit, &entry);
    add(c, entry);
}

/* Law 6 holds back the undo of a unit whose turn it is. */
static void collect_held_back(void *context, uint32_t step, int32_t item)
{
    struct collecting *c = context;
    const struct sk_unit *unit = sk_saga_unit(c->saga, step, item);
    const struct sk_step *s = sk_step_of(c->saga, step);
    bool asks = s->compensation.type == SK_UNDO_NONE && !sk_undoes_child(s);
    if (asks || sk_call_is_busy(&unit->undo) || sk_unit_law6_at(unit) == 0) return;
    add(c, (struct sk_explain_entry){ .kind = SK_EXPLAIN_UNANSWERED,
                                      .step = step,
                                      .item = item,
                                      .operation = SK_OPERATION_COMPENSATION,
                                      .until_ms = sk_unit_law6_at(unit) });
}

static void collect_saga(struct collecting *c)
{
    const struct sk_saga *saga = c->saga;
    struct sk_explain_entry entry = { .step = SK_STEP_NONE, .item = -1 };
    bool is_pending = saga->state == SK_SAGA_PENDING;
    if (saga->is_suspended) {
        entry.kind = SK_EXPLAIN_SUSPENDED;
        add(c, entry);
    }
    if (saga->retry_after_locks || (is_pending && sk_locks_are_asked(saga))) {
        entry.kind = SK_EXPLAIN_LOCK;
        entry.until_ms = is_pending ? saga->lock_deadline_ms : 0;
        add(c, entry);
    } else if (is_pending) {
        entry.kind = SK_EXPLAIN_SLOT;
        entry.until_ms = saga->acquire_deadline_ms;
        add(c, entry);
    }
}

static void collect(struct collecting *c)
{
    const struct sk_saga *saga = c->saga;
    collect_saga(c);
    for (uint32_t s = 0; s < saga->plan->steps_count; s++)
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++) collect_unit(c, s, i);
    if (saga->state == SK_SAGA_COMPENSATING) sk_undo_each_in_turn(saga, collect_held_back, c);
    if (c->out->entries_total > 0) return;
    bool has_ended = sk_saga_state_is_end(saga->state);
    add(c, (struct sk_explain_entry){ .kind = has_ended ? SK_EXPLAIN_ENDED : SK_EXPLAIN_NOTHING,
                                      .step = SK_STEP_NONE,
                                      .item = -1 });
}

/* ---- until when ------------------------------------------------------------------------------ */

/* A timer of the unit or of the saga that fires before what is awaited. While the saga is suspended
 * no timer fires at all. */
static void settle_until(const struct sk_saga *saga, struct sk_explain_entry *entry)
{
    if (entry->kind == SK_EXPLAIN_NOTHING) return; /* what is due comes first */
    if (saga->is_suspended) {
        bool is_call = entry->kind == SK_EXPLAIN_REPLY;
        if (!is_call) entry->until_ms = 0;
        return;
    }
    const struct sk_unit *unit =
        entry->step == SK_STEP_NONE ? NULL : sk_saga_unit(saga, entry->step, entry->item);
    bool is_paused = unit != NULL && entry->operation != SK_OPERATION_VERIFY &&
                     entry->kind != SK_EXPLAIN_REPLY && entry->kind != SK_EXPLAIN_UNANSWERED;
    if (is_paused) {
        int64_t at_ms = sk_unit_wake_at(saga, entry->step, unit);
        if (at_ms != INT64_MAX) entry->until_ms = at_ms;
    }
    bool may_time_out = saga->state == SK_SAGA_RUNNING && saga->deadline_ms > 0 &&
                        !saga->timeout_alerted && saga->wish == SK_REASON_NONE;
    if (may_time_out && (entry->until_ms == 0 || saga->deadline_ms < entry->until_ms)) {
        entry->until_ms = saga->deadline_ms;
        entry->is_saga_timeout = true;
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void put_entry(struct sk_explanation *out, const struct sk_saga *saga, int64_t now_ms,
                      const struct sk_rules *rules, uint32_t index)
{
    struct sk_explain_entry *entry = &out->entries[index];
    struct sk_buf text;
    settle_until(saga, entry);
    sk_buf_init(&text, 0);
    sk_explain_waits(saga, entry, &text);
    entry->waits = sk_arena_copy(&out->arena, sk_buf_view(&text));
    if (text.failed) out->arena.failed = true;
    sk_buf_clear(&text);
    bool is_short = out->entries_total <= SK_EXPLAIN_ENTRIES_MAX; /* each asks a copy of it all */
    bool is_asked = (is_short && index < SK_EXPLAIN_THEN_MAX) || index == out->main;
    if (is_asked && !sk_explain_then(saga, now_ms, rules, entry, &text)) out->arena.failed = true;
    entry->then = sk_arena_copy(&out->arena, sk_buf_view(&text));
    if (text.failed) out->arena.failed = true;
    sk_buf_release(&text);
}

bool sk_saga_explain(const struct sk_saga *saga, int64_t now_ms, const struct sk_rules *rules,
                     struct sk_explanation *out)
{
    struct sk_buf text;
    *out = (struct sk_explanation){ .entries_count = 0 };
    sk_arena_init(&out->arena);
    out->entries = SK_ARENA_ARRAY(&out->arena, struct sk_explain_entry, SK_EXPLAIN_ENTRIES_MAX);
    if (out->entries == NULL) return false;
    struct collecting collecting = { .saga = saga, .out = out };
    collect(&collecting);
    for (uint32_t i = 0; i < out->entries_count; i++) put_entry(out, saga, now_ms, rules, i);
    const struct sk_explain_entry *main = &out->entries[out->main];
    out->kind = main->kind;
    out->until_ms = main->until_ms;
    sk_buf_init(&text, 0);
    sk_explain_sentence(saga, now_ms, out, &text);
    out->sentence = sk_arena_copy(&out->arena, sk_buf_view(&text));
    bool is_made = !text.failed && !out->arena.failed;
    sk_buf_release(&text);
    return is_made;
}

void sk_explanation_release(struct sk_explanation *explanation)
{
    sk_arena_release(&explanation->arena);
    *explanation = (struct sk_explanation){ .entries_count = 0 };
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static void json_text(struct sk_json_writer *w, const char *name, struct sk_str text)
{
    sk_json_key(w, name);
    if (text.size == 0)
        sk_json_put_null(w);
    else
        sk_json_put_str(w, text);
}

static void json_number(struct sk_json_writer *w, const char *name, int64_t value, bool is_there)
{
    sk_json_key(w, name);
    if (is_there)
        sk_json_put_i64(w, value);
    else
        sk_json_put_null(w);
}

static const char *operation_name(const struct sk_explain_entry *entry)
{
    if (entry->step == SK_STEP_NONE) return NULL;
    switch (entry->operation) {
    case SK_OPERATION_ACTION: return "action";
    case SK_OPERATION_COMPENSATION: return "compensation";
    case SK_OPERATION_VERIFY: return "verify";
    case SK_OPERATION_HOOK: return "hook";
    case SK_OPERATION_DECISION:
    case SK_OPERATION_POLL: break;
    }
    return entry->kind == SK_EXPLAIN_POLL || entry->kind == SK_EXPLAIN_REPLY ? "poll" : "wait";
}

static void json_entry(struct sk_json_writer *w, const struct sk_explain_entry *entry,
                       const struct sk_plan *plan)
{
    char at[SK_TIME_TEXT_SIZE] = "";
    bool has_step = entry->step != SK_STEP_NONE;
    if (entry->until_ms > 0) sk_time_format(entry->until_ms, at);
    json_text(w, "waits_for", sk_str_of(sk_explain_kind_name(entry->kind)));
    json_text(w, "step", has_step ? plan->steps[entry->step].id : (struct sk_str){ NULL, 0 });
    json_number(w, "item", entry->item, entry->item >= 0);
    json_text(w, "operation", sk_str_of(operation_name(entry)));
    json_number(w, "attempt", entry->attempt, entry->attempt > 0);
    json_number(w, "max_attempts", entry->attempts_max, entry->attempts_max > 0);
    json_text(w, "until", sk_str_of(at));
    json_text(w, "waits", entry->waits);
    json_text(w, "then", entry->then);
}

void sk_explanation_json(const struct sk_explanation *explanation, const struct sk_plan *plan,
                         struct sk_buf *out)
{
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    json_text(&w, "sentence", explanation->sentence);
    json_entry(&w, &explanation->entries[explanation->main], plan);
    sk_json_key(&w, "waiting");
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < explanation->entries_count; i++) {
        if (explanation->entries[i].kind == SK_EXPLAIN_ENDED) continue;
        sk_json_begin_object(&w);
        json_entry(&w, &explanation->entries[i], plan);
        sk_json_end_object(&w);
    }
    sk_json_end_array(&w);
    bool has_ended = explanation->kind == SK_EXPLAIN_ENDED;
    json_number(&w, "waiting_total", has_ended ? 0 : explanation->entries_total, true);
    sk_json_end_object(&w);
}

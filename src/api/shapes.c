/* shapes.c: see shapes.h. */
#include "api/shapes.h"

#include "base/mask.h"
#include "base/time.h"

#include <stdio.h>

/* ---- helpers --------------------------------------------------------------------------------- */

void sk_shape_time(struct sk_json_writer *w, const char *name, int64_t at_ms)
{
    sk_json_key(w, name);
    if (at_ms <= 0 || at_ms == INT64_MAX) {
        sk_json_put_null(w);
        return;
    }
    char text[SK_TIME_TEXT_SIZE];
    sk_time_format(at_ms, text);
    sk_json_put_text(w, text);
}

void sk_shape_text(struct sk_json_writer *w, const char *name, struct sk_str text)
{
    sk_json_key(w, name);
    if (text.size == 0) {
        sk_json_put_null(w);
    } else {
        sk_json_put_str(w, text);
    }
}

void sk_shape_raw(struct sk_json_writer *w, const char *name, struct sk_str json)
{
    sk_json_key(w, name);
    sk_json_put_raw(w, json);
}

/* As sk_shape_raw, but what is missing is an empty list or object. */
static void put_raw_or(struct sk_json_writer *w, const char *name, struct sk_str json,
                       const char *empty)
{
    sk_shape_raw(w, name, json.size == 0 ? sk_str_of(empty) : json);
}

void sk_shape_count(struct sk_json_writer *w, const char *name, uint64_t count)
{
    sk_json_key(w, name);
    sk_json_put_u64(w, count);
}

void sk_shape_number(struct sk_json_writer *w, const char *name, int64_t number)
{
    sk_json_key(w, name);
    sk_json_put_i64(w, number);
}

void sk_shape_flag(struct sk_json_writer *w, const char *name, bool is_so)
{
    sk_json_key(w, name);
    sk_json_put_bool(w, is_so);
}

static void put_error(struct sk_json_writer *w, struct sk_str code, struct sk_str message)
{
    sk_json_key(w, "error");
    if (code.size == 0 && message.size == 0) {
        sk_json_put_null(w);
        return;
    }
    sk_json_begin_object(w);
    sk_shape_text(w, "code", code);
    sk_shape_text(w, "message", message);
    sk_json_end_object(w);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static const char *undo_name(enum sk_undo_state state)
{
    switch (state) {
    case SK_UNDO_OPEN: return "open";
    case SK_UNDO_DONE: return "done";
    case SK_UNDO_SKIPPED: return "skipped";
    case SK_UNDO_FAILED: return "failed";
    case SK_UNDO_RESIDUE: return "residue";
    }
    return "";
}

static void put_wait(struct sk_json_writer *w, const struct sk_call *call)
{
    bool is_waiting = call->state == SK_CALL_PAUSED || call->state == SK_CALL_PENDING ||
                      call->state == SK_CALL_PARKED;
    sk_shape_text(w, "waits_for", sk_str_of(is_waiting ? sk_wait_for_name(call->what) : NULL));
    sk_shape_time(w, "due_at", is_waiting ? call->due_at_ms : 0);
    sk_shape_time(w, "deadline", call->state == SK_CALL_FLYING ? call->deadline_ms : 0);
}

static void put_undo(struct sk_json_writer *w, const struct sk_unit *unit)
{
    sk_json_key(w, "compensation");
    if (unit->undo_state == SK_UNDO_OPEN && unit->undo.attempt == 0) {
        sk_json_put_null(w);
        return;
    }
    sk_json_begin_object(w);
    sk_json_key(w, "state");
    sk_json_put_text(w, undo_name(unit->undo_state));
    sk_shape_count(w, "attempts", unit->undo.attempt);
    sk_shape_count(w, "round", unit->undo.round);
    put_wait(w, &unit->undo);
    sk_json_end_object(w);
}

/* What a step without foreach and an item of one have in common. */
static void put_unit(struct sk_json_writer *w, const struct sk_unit *unit)
{
    sk_shape_flag(w, "maybe", unit->maybe);
    sk_shape_count(w, "attempts", unit->action.attempt);
    sk_shape_count(w, "round", unit->action.round);
    put_wait(w, &unit->action);
    sk_shape_time(w, "started_at", unit->first_start_at_ms);
    sk_shape_raw(w, "output", unit->output);
    put_error(w, unit->error_code, unit->error_message);
    put_undo(w, unit);
}

/* What the items of a foreach come to together. */
static void put_items_total(struct sk_json_writer *w, const struct sk_step_run *run)
{
    bool maybe = false;
    uint64_t attempts = 0;
    struct sk_str code = { 0 }, message = { 0 };
    for (uint32_t i = 0; i < run->units_count; i++) {
        const struct sk_unit *unit = &run->units[i];
        maybe = maybe || unit->maybe;
        attempts += unit->action.attempt;
        if (code.size > 0) continue;
        code = unit->error_code;
        message = unit->error_message;
    }
    sk_shape_flag(w, "maybe", maybe);
    sk_shape_count(w, "attempts", attempts);
    sk_shape_time(w, "started_at", run->first_start_at_ms);
    sk_shape_raw(w, "output", run->output);
    put_error(w, code, message);
    sk_shape_count(w, "items_total", run->units_count);
    sk_shape_count(w, "items_settled", run->units_done);
}

static void put_items(struct sk_json_writer *w, const struct sk_step_run *run)
{
    sk_json_key(w, "items");
    sk_json_begin_array(w);
    for (uint32_t i = 0; i < run->units_count; i++) {
        sk_json_begin_object(w);
        sk_shape_count(w, "item", i);
        sk_json_key(w, "state");
        sk_json_put_text(w, sk_step_state_name(run->units[i].state));
        sk_shape_raw(w, "value", run->units[i].item);
        put_unit(w, &run->units[i]);
        sk_json_end_object(w);
    }
    sk_json_end_array(w);
}

void sk_shape_step(struct sk_json_writer *w, const struct sk_saga *saga, uint32_t step,
                   bool with_items)
{
    const struct sk_step *plan = &saga->plan->steps[step];
    const struct sk_step_run *run = &saga->steps[step];
    sk_json_begin_object(w);
    sk_shape_text(w, "id", plan->id);
    sk_shape_text(w, "name", plan->name);
    sk_shape_count(w, "index", step);
    sk_json_key(w, "type");
    sk_json_put_text(w, sk_step_kind_name(plan->kind));
    sk_json_key(w, "state");
    sk_json_put_text(w, sk_step_state_name(run->state));
    bool is_foreach = plan->items != NULL;
    if (is_foreach) {
        put_items_total(w, run);
        if (with_items) put_items(w, run);
    } else if (run->units_count > 0) {
        put_unit(w, &run->units[0]);
    }
    sk_json_end_object(w);
}

/* ---- sagas ----------------------------------------------------------------------------------- */

static bool has_residue(const struct sk_step_run *run)
{
    for (uint32_t i = 0; i < run->units_count; i++) {
        if (run->units[i].undo_state == SK_UNDO_RESIDUE) return true;
    }
    return false;
}

static void put_residue(struct sk_json_writer *w, const struct sk_saga *saga)
{
    sk_json_key(w, "residue");
    sk_json_begin_array(w);
    for (uint32_t i = 0; i < saga->plan->steps_count; i++) {
        if (has_residue(&saga->steps[i])) sk_json_put_str(w, saga->plan->steps[i].id);
    }
    sk_json_end_array(w);
}

static void put_saga_error(struct sk_json_writer *w, const struct sk_saga *saga)
{
    sk_json_key(w, "error");
    if (saga->error_code.size == 0 && saga->error_message.size == 0) {
        sk_json_put_null(w);
        return;
    }
    sk_json_begin_object(w);
    bool has_step = saga->error_step < saga->plan->steps_count;
    sk_shape_text(w, "step",
                  has_step ? saga->plan->steps[saga->error_step].id : (struct sk_str){ 0 });
    sk_shape_text(w, "code", saga->error_code);
    sk_shape_text(w, "message", saga->error_message);
    sk_json_end_object(w);
}

static uint32_t steps_in(const struct sk_saga *saga, enum sk_step_state state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < saga->plan->steps_count; i++) {
        if (saga->steps[i].state == state) count += 1;
    }
    return count;
}

static void put_state(struct sk_json_writer *w, const struct sk_saga *saga)
{
    enum sk_saga_state shown = sk_saga_shown_state(saga);
    sk_json_key(w, "state");
    sk_json_put_text(w, sk_saga_state_name(shown));
    if (shown == SK_SAGA_SUSPENDED) {
        sk_shape_text(w, "suspended_in", sk_str_of(sk_saga_state_name(saga->state)));
        sk_shape_text(w, "suspend_reason", saga->suspend_reason);
    }
    sk_shape_text(w, "reason", sk_str_of(sk_reason_name(saga->reason)));
    if (saga->wish != SK_REASON_NONE) {
        sk_shape_text(w, "requested", sk_str_of(sk_reason_name(saga->wish)));
    }
    put_residue(w, saga);
    if (saga->left.size > 0) sk_shape_raw(w, "left", saga->left); /* by a force-complete */
    sk_shape_count(w, "open", sk_saga_open(saga));
}

static void put_figures(struct sk_json_writer *w, const struct sk_saga *saga)
{
    sk_shape_count(w, "steps_total", saga->plan->steps_count);
    sk_shape_count(w, "steps_completed", steps_in(saga, SK_STEP_COMPLETED));
    sk_shape_count(w, "steps_failed",
                   steps_in(saga, SK_STEP_FAILED) + steps_in(saga, SK_STEP_COMPENSATION_FAILED));
    sk_shape_count(w, "retries", saga->retries_count);
    sk_shape_count(w, "seq", saga->seq);
    sk_shape_time(w, "created_at", saga->created_at_ms);
    sk_shape_time(w, "started_at", saga->started_at_ms);
    sk_shape_time(w, "updated_at", saga->at_ms);
    sk_shape_time(w, "ended_at", saga->ended_at_ms);
    sk_shape_time(w, "deadline", saga->deadline_ms);
}

void sk_shape_saga(struct sk_json_writer *w, const struct sk_saga *saga)
{
    const struct sk_start *start = &saga->start;
    sk_json_begin_object(w);
    sk_shape_text(w, "id", start->id);
    sk_shape_text(w, "definition", saga->plan->id);
    sk_shape_text(w, "version", saga->plan->version);
    sk_shape_text(w, "namespace", start->space);
    put_state(w, saga);
    sk_shape_text(w, "business_key", start->business_key);
    put_raw_or(w, "tags", start->tags, "[]");
    put_raw_or(w, "attributes", start->attributes, "{}");
    sk_shape_raw(w, "input", start->input);
    sk_shape_raw(w, "context", start->context);
    sk_shape_raw(w, "output", saga->output);
    put_saga_error(w, saga);
    put_figures(w, saga);
    sk_shape_text(w, "parent", start->parent);
    sk_json_key(w, "steps");
    sk_json_begin_array(w);
    for (uint32_t i = 0; i < saga->plan->steps_count; i++) sk_shape_step(w, saga, i, false);
    sk_json_end_array(w);
    sk_json_end_object(w);
}

void sk_shape_head(struct sk_json_writer *w, const struct sk_head *head, struct sk_str definition,
                   struct sk_str version)
{
    sk_json_begin_object(w);
    sk_shape_text(w, "id", head->id);
    sk_shape_text(w, "definition", definition);
    sk_shape_text(w, "version", version);
    sk_shape_text(w, "namespace", head->space);
    sk_shape_text(w, "state", sk_str_of(sk_saga_state_name((enum sk_saga_state)head->state)));
    sk_shape_text(w, "reason", sk_str_of(sk_reason_name((enum sk_reason)head->reason)));
    sk_shape_flag(w, "has_residue", head->has_residue);
    sk_shape_count(w, "open", head->open);
    sk_shape_text(w, "business_key", head->business_key);
    sk_shape_number(w, "priority", head->priority);
    sk_shape_count(w, "seq", head->seq);
    sk_shape_time(w, "created_at", head->created_at_ms);
    sk_shape_time(w, "updated_at", head->updated_at_ms);
    sk_shape_time(w, "ended_at", head->ended_at_ms);
    sk_shape_time(w, "deadline", head->deadline_ms);
    sk_shape_text(w, "parent", head->parent);
    sk_json_end_object(w);
}

/* ---- events ---------------------------------------------------------------------------------- */

/* The request's line and headers are text, not JSON. */
static void mask_request(const struct sk_mask *mask, struct sk_event *event, struct sk_buf *held)
{
    const char *name = sk_event_field_name(event->type, SK_FIELD_EXTRA);
    if (name == NULL || strcmp(name, "request") != 0) return;
    sk_mask_request(mask, event->extra, held);
    event->extra = sk_buf_view(held);
}

static void put_event(struct sk_json_writer *w, struct sk_str step, const struct sk_event_row *row)
{
    struct sk_event event = { .seq = row->seq,
                              .at_ms = row->at_ms,
                              .type = (enum sk_event_type)row->type };
    bool is_known = sk_event_type_known(row->type);
    bool is_sound = sk_event_read(row->data, &event);
    sk_shape_count(w, "seq", row->seq);
    sk_shape_time(w, "at", row->at_ms);
    sk_shape_text(w, "type", sk_str_of(is_known ? sk_event_type_name(event.type) : "unknown"));
    sk_shape_text(w, "step", step);
    sk_json_key(w, "item");
    if (row->item >= 0) {
        sk_json_put_i64(w, row->item);
    } else {
        sk_json_put_null(w);
    }
    sk_shape_count(w, "attempt", row->attempt);
    sk_shape_count(w, "round", row->round);
    sk_json_key(w, "data");
    struct sk_buf data = { 0 };
    struct sk_buf request = { 0 };
    if (is_sound && w->mask != NULL) mask_request(w->mask, &event, &request);
    if (is_sound) sk_event_json(&event, &data);
    sk_json_put_raw(w, sk_buf_view(&data));
    if (data.failed || request.failed) w->out->failed = true;
    sk_buf_release(&data);
    sk_buf_release(&request);
}

void sk_shape_event(struct sk_json_writer *w, const struct sk_plan *plan,
                    const struct sk_event_row *row)
{
    bool has_step = plan != NULL && row->step < plan->steps_count;
    sk_json_begin_object(w);
    put_event(w, has_step ? plan->steps[row->step].id : (struct sk_str){ 0 }, row);
    sk_json_end_object(w);
}

void sk_shape_feed_event(struct sk_json_writer *w, const struct sk_event_names *names,
                         const struct sk_event_row *row)
{
    sk_json_begin_object(w);
    sk_shape_text(w, "saga", names->saga);
    sk_shape_text(w, "definition", names->definition);
    sk_shape_text(w, "version", names->version);
    put_event(w, names->step, row);
    sk_json_end_object(w);
}

/* ---- definitions, figures -------------------------------------------------------------------- */

void sk_shape_definition(struct sk_json_writer *w, const struct sk_definition_row *row,
                         const struct sk_str *graph)
{
    char digest[2 * SK_DIGEST_SIZE + 1];
    sk_digest_hex(&row->digest, SK_DIGEST_SIZE, digest);
    sk_json_begin_object(w);
    sk_shape_text(w, "id", row->id);
    sk_shape_text(w, "version", row->version);
    sk_json_key(w, "digest");
    sk_json_put_text(w, digest);
    sk_shape_time(w, "created_at", row->created_at_ms);
    sk_shape_flag(w, "is_latest", row->is_latest);
    if (graph != NULL) {
        bool is_json = sk_json_check(row->source, NULL) == SKALD_OK;
        sk_json_key(w, "source");
        if (is_json) {
            sk_json_put_raw(w, row->source);
        } else {
            sk_json_put_str(w, row->source);
        }
        sk_shape_raw(w, "graph", *graph);
    }
    sk_json_end_object(w);
}

void sk_shape_stats(struct sk_json_writer *w, const struct sk_engine_stats *s)
{
    sk_json_begin_object(w);
    sk_shape_count(w, "sagas_active", s->sagas_active);
    sk_shape_count(w, "sagas_parked", s->sagas_parked);
    sk_shape_count(w, "sagas_pending", s->sagas_pending);
    sk_shape_count(w, "sagas_cached", s->sagas_cached);
    sk_shape_count(w, "stuck", s->stuck);
    sk_shape_count(w, "started", s->started);
    sk_shape_count(w, "ended", s->ended);
    sk_shape_count(w, "compensating", s->compensating);
    sk_shape_count(w, "events", s->events);
    sk_shape_count(w, "batches", s->batches);
    sk_shape_count(w, "invocations", s->invocations);
    sk_shape_count(w, "redriven", s->redriven);
    sk_shape_count(w, "hooks_started", s->hooks_started);
    sk_shape_count(w, "hooks_completed", s->hooks_completed);
    sk_shape_count(w, "hooks_failed", s->hooks_failed);
    sk_shape_count(w, "hooks_retried", s->hooks_retried);
    sk_shape_count(w, "shards_owned", s->shards_owned);
    sk_shape_count(w, "shards_degraded", s->shards_degraded);
    sk_shape_count(w, "removed", s->removed);
    sk_shape_count(w, "retention_removed", s->retention_removed);
    sk_shape_time(w, "retention_at", s->retention_at_ms);
    sk_shape_count(w, "sweep_scanned", s->sweep_scanned);
    sk_shape_count(w, "sweep_processed", s->sweep_processed);
    sk_shape_count(w, "sweep_failed", s->sweep_failed);
    sk_shape_time(w, "sweep_at", s->sweep_at_ms);
    sk_shape_count(w, "own_us_p50", s->own_us_p50);
    sk_shape_count(w, "own_us_p99", s->own_us_p99);
    sk_shape_count(w, "own_us_max", s->own_us_max);
    sk_json_end_object(w);
}

void sk_count_states(const struct sk_tally_row *rows, uint32_t count,
                     int64_t out_counts[SK_SAGA_STATES_COUNT])
{
    memset(out_counts, 0, SK_SAGA_STATES_COUNT * sizeof *out_counts);
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i].state < SK_SAGA_STATES_COUNT) out_counts[rows[i].state] += rows[i].n;
    }
}

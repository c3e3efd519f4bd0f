/*
 * snapshot.c: the whole state of a saga as bytes and back. Equal states give equal bytes, so the
 * same form serves snapshots and the check "replay = live". Version byte first; fields in the order
 * of saga.h.
 *
 * One table-like pair of functions a struct: put_x and get_x stand side by side and must list the
 * same fields.
 */
#include "core/core_private.h"

enum { SNAPSHOT_VERSION = 3 };

/* ---- calls and units ------------------------------------------------------------------------- */

static void put_call(struct sk_buf *out, const struct sk_call *call)
{
    sk_put_u64(out, (uint64_t)call->state);
    sk_put_u64(out, (uint64_t)call->what);
    sk_put_u64(out, call->attempt);
    sk_put_u64(out, call->round);
    sk_put_u64(out, call->redrives);
    sk_put_u64(out, call->start_seq);
    sk_put_i64(out, call->deadline_ms);
    sk_put_i64(out, call->due_at_ms);
    sk_put_i64(out, call->wait_until_ms);
    sk_put_u64(out, (call->had_unknown ? 1u : 0u) | (call->last_was_no ? 2u : 0u));
    sk_put_str(out, call->line);
    sk_put_str(out, call->body);
}

static uint32_t get_enum(struct sk_reader *reader, uint32_t count)
{
    uint64_t value = sk_get_u64(reader);
    if (value >= count) reader->bad = true;
    return reader->bad ? 0u : (uint32_t)value;
}

static void get_call(struct sk_reader *reader, struct sk_call *call)
{
    call->state = (enum sk_call_state)get_enum(reader, SK_CALL_PARKED + 1u);
    call->what = (enum sk_wait_for)get_enum(reader, SK_FOR_COUNT);
    call->attempt = (uint32_t)sk_get_u64(reader);
    call->round = (uint32_t)sk_get_u64(reader);
    call->redrives = (uint32_t)sk_get_u64(reader);
    call->start_seq = sk_get_u64(reader);
    call->deadline_ms = sk_get_i64(reader);
    call->due_at_ms = sk_get_i64(reader);
    call->wait_until_ms = sk_get_i64(reader);
    uint64_t bits = sk_get_u64(reader);
    call->had_unknown = (bits & 1u) != 0u;
    call->last_was_no = (bits & 2u) != 0u;
    call->line = sk_get_str(reader);
    call->body = sk_get_str(reader);
    if (call->what == SK_FOR_LEASE && !sk_line_is_whole(call->line)) reader->bad = true;
    if (call->state == SK_CALL_FLYING && !sk_line_is_whole(call->line)) reader->bad = true;
}

static bool was_touched(const struct sk_call *call)
{
    return call->attempt != 0 || call->start_seq != 0 || call->state != SK_CALL_IDLE ||
           call->line.size != 0 || call->had_unknown || call->last_was_no || call->round != 0 ||
           call->redrives != 0 || call->deadline_ms != 0 || call->wait_until_ms != 0;
}

enum unit_bit {
    UNIT_MAYBE = 1,
    UNIT_SECOND_POLICY = 4,
    UNIT_GAVE_UP = 8,
    UNIT_CHILD_FAILED = 16,
    UNIT_WARNED = 32,
    UNIT_ACTION = 64,
    UNIT_VERIFY = 128,
    UNIT_UNDO = 256,
    UNIT_MAYBE_BEFORE = 512,
    UNIT_LETTER = 1024
};

static uint32_t unit_bits(const struct sk_unit *unit)
{
    uint32_t bits = 0;
    if (unit->maybe) bits |= UNIT_MAYBE;
    if (unit->undo_second_policy) bits |= UNIT_SECOND_POLICY;
    if (unit->verify_gave_up) bits |= UNIT_GAVE_UP;
    if (unit->child_failed) bits |= UNIT_CHILD_FAILED;
    if (unit->has_warned) bits |= UNIT_WARNED;
    if (unit->maybe_before) bits |= UNIT_MAYBE_BEFORE;
    if (was_touched(&unit->action)) bits |= UNIT_ACTION;
    if (was_touched(&unit->verify)) bits |= UNIT_VERIFY;
    if (was_touched(&unit->undo)) bits |= UNIT_UNDO;
    if (unit->letter_seq != 0) bits |= UNIT_LETTER;
    return bits;
}

static void put_unit(struct sk_buf *out, const struct sk_unit *unit)
{
    uint32_t bits = unit_bits(unit);
    sk_put_u64(out, (uint64_t)unit->state);
    sk_put_u64(out, bits);
    sk_put_u64(out, (uint64_t)unit->undo_state);
    if ((bits & UNIT_ACTION) != 0u) put_call(out, &unit->action);
    if ((bits & UNIT_VERIFY) != 0u) put_call(out, &unit->verify);
    if ((bits & UNIT_UNDO) != 0u) put_call(out, &unit->undo);
    sk_put_u64(out, unit->takeups);
    sk_put_i64(out, unit->unanswered_until_ms);
    sk_put_u64(out, unit->first_start_seq);
    sk_put_i64(out, unit->first_start_at_ms);
    sk_put_str(out, unit->item);
    sk_put_str(out, unit->output);
    sk_put_str(out, unit->error_code);
    sk_put_str(out, unit->error_message);
    sk_put_str(out, unit->lates);
    if ((bits & UNIT_LETTER) != 0u) sk_put_u64(out, unit->letter_seq);
}

static void get_unit(struct sk_reader *reader, struct sk_unit *unit)
{
    unit->state = (enum sk_step_state)get_enum(reader, SK_STEP_STATES_COUNT);
    uint64_t bits = sk_get_u64(reader);
    unit->maybe = (bits & UNIT_MAYBE) != 0u;
    unit->undo_second_policy = (bits & UNIT_SECOND_POLICY) != 0u;
    unit->verify_gave_up = (bits & UNIT_GAVE_UP) != 0u;
    unit->child_failed = (bits & UNIT_CHILD_FAILED) != 0u;
    unit->has_warned = (bits & UNIT_WARNED) != 0u;
    unit->maybe_before = (bits & UNIT_MAYBE_BEFORE) != 0u;
    unit->undo_state = (enum sk_undo_state)get_enum(reader, SK_UNDO_RESIDUE + 1u);
    if ((bits & UNIT_ACTION) != 0u) get_call(reader, &unit->action);
    if ((bits & UNIT_VERIFY) != 0u) get_call(reader, &unit->verify);
    if ((bits & UNIT_UNDO) != 0u) get_call(reader, &unit->undo);
    unit->takeups = (uint32_t)sk_get_u64(reader);
    unit->unanswered_until_ms = sk_get_i64(reader);
    unit->first_start_seq = sk_get_u64(reader);
    unit->first_start_at_ms = sk_get_i64(reader);
    unit->item = sk_get_str(reader);
    unit->output = sk_get_str(reader);
    unit->error_code = sk_get_str(reader);
    unit->error_message = sk_get_str(reader);
    unit->lates = sk_get_str(reader);
    if ((bits & UNIT_LETTER) != 0u) unit->letter_seq = sk_get_u64(reader);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void put_step(struct sk_buf *out, const struct sk_step_run *run)
{
    sk_put_u64(out, (uint64_t)run->state);
    sk_put_u64(out, (run->is_settled ? 1u : 0u) | (run->is_failing ? 2u : 0u));
    sk_put_u64(out, run->first_start_seq);
    sk_put_i64(out, run->first_start_at_ms);
    sk_put_u64(out, run->units_next);
    sk_put_u64(out, run->units_done);
    sk_put_str(out, run->items);
    sk_put_str(out, run->output);
    sk_put_u64(out, run->units_count);
    for (uint32_t i = 0; i < run->units_count; i++) put_unit(out, &run->units[i]);
}

static void get_step(struct sk_reader *reader, struct sk_saga *saga, uint32_t step)
{
    struct sk_step_run *run = &saga->steps[step];
    run->state = (enum sk_step_state)get_enum(reader, SK_STEP_STATES_COUNT);
    uint64_t bits = sk_get_u64(reader);
    run->is_settled = (bits & 1u) != 0u;
    run->is_failing = (bits & 2u) != 0u;
    run->first_start_seq = sk_get_u64(reader);
    run->first_start_at_ms = sk_get_i64(reader);
    run->units_next = (uint32_t)sk_get_u64(reader);
    run->units_done = (uint32_t)sk_get_u64(reader);
    run->items = sk_get_str(reader);
    run->output = sk_get_str(reader);
    uint64_t count = sk_get_u64(reader);
    bool is_foreach = sk_step_is_foreach(sk_step_of(saga, step));
    if (count > SK_ITEMS_MAX || (!is_foreach && count != 1)) reader->bad = true;
    if (is_foreach && (run->units_next > count || run->units_done > count)) reader->bad = true;
    if (reader->bad) return;
    if (is_foreach && run->first_start_seq != 0)
        run->units = SK_ARENA_ARRAY(&saga->arena, struct sk_unit, count);
    run->units_count = run->units == NULL ? 0 : (uint32_t)count;
    for (uint32_t i = 0; i < run->units_count; i++) get_unit(reader, &run->units[i]);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void put_locks(struct sk_buf *out, const struct sk_saga *saga)
{
    sk_put_u64(out, saga->locks_count);
    for (uint32_t i = 0; i < saga->locks_count; i++) {
        sk_put_str(out, saga->locks[i].key);
        sk_put_u64(out, (uint64_t)saga->locks[i].state);
    }
}

static void get_locks(struct sk_reader *reader, struct sk_saga *saga)
{
    uint64_t count = sk_get_u64(reader);
    if (count > SK_LOCK_KEYS_MAX) reader->bad = true;
    if (reader->bad) return;
    saga->locks = SK_ARENA_ARRAY(&saga->arena, struct sk_lock_wish, count);
    saga->locks_count = saga->locks == NULL ? 0 : (uint32_t)count;
    for (uint32_t i = 0; i < saga->locks_count; i++) {
        saga->locks[i].key = sk_get_str(reader);
        saga->locks[i].state = (enum sk_lock_state)get_enum(reader, SK_LOCK_INHERITED + 1u);
    }
}

static void put_signals(struct sk_buf *out, const struct sk_saga *saga)
{
    for (const struct sk_signal *s = saga->signals; s != NULL; s = s->next) {
        sk_put_u64(out, s->is_consumed ? 2u : 1u);
        sk_put_str(out, s->id);
        sk_put_str(out, s->name);
        sk_put_str(out, s->data);
    }
    sk_put_u64(out, 0);
}

static void get_signals(struct sk_reader *reader, struct sk_saga *saga)
{
    struct sk_signal **at = &saga->signals;
    uint64_t kind = sk_get_u64(reader);
    while (!reader->bad && kind != 0) {
        struct sk_signal *signal = SK_ARENA_NEW(&saga->arena, struct sk_signal);
        if (signal == NULL) return;
        signal->is_consumed = kind == 2u;
        signal->id = sk_get_str(reader);
        signal->name = sk_get_str(reader);
        signal->data = sk_get_str(reader);
        if (!signal->is_consumed) saga->signals_stored++;
        *at = signal;
        at = &signal->next;
        kind = sk_get_u64(reader);
    }
}

static void put_command_ids(struct sk_buf *out, const struct sk_saga *saga)
{
    sk_put_u64(out, saga->command_ids_count);
    for (uint32_t i = 0; i < saga->command_ids_count; i++) sk_put_str(out, saga->command_ids[i]);
}

static void get_command_ids(struct sk_reader *reader, struct sk_saga *saga)
{
    uint64_t count = sk_get_u64(reader);
    if (count > SK_COMMAND_IDS_MAX) reader->bad = true;
    if (reader->bad || count == 0) return;
    saga->command_ids = SK_ARENA_ARRAY(&saga->arena, struct sk_str, SK_COMMAND_IDS_MAX);
    saga->command_ids_count = saga->command_ids == NULL ? 0 : (uint32_t)count;
    for (uint32_t i = 0; i < saga->command_ids_count; i++)
        saga->command_ids[i] = sk_get_str(reader);
}

/* Ends with a run of no list. */
static void put_hooks(struct sk_buf *out, const struct sk_saga *saga)
{
    for (const struct sk_hook_run *run = saga->hooks; run != NULL; run = run->next) {
        sk_put_u64(out, (uint64_t)run->on);
        sk_put_u64(out, run->cause_seq);
        sk_put_u64(out, run->step);
        sk_put_i64(out, run->item);
        sk_put_u64(out, run->index);
        put_call(out, &run->call);
    }
    sk_put_u64(out, 0);
}

static void get_hooks(struct sk_reader *reader, struct sk_saga *saga)
{
    struct sk_hook_run **at = &saga->hooks;
    uint32_t on = get_enum(reader, SK_HOOK_ONS_COUNT);
    while (!reader->bad && on != 0) {
        struct sk_hook_run *run = SK_ARENA_NEW(&saga->arena, struct sk_hook_run);
        if (run == NULL) return;
        run->on = (enum sk_hook_on)on;
        run->cause_seq = sk_get_u64(reader);
        run->step = (uint32_t)sk_get_u64(reader);
        run->item = (int32_t)sk_get_i64(reader);
        run->index = (uint32_t)sk_get_u64(reader);
        get_call(reader, &run->call);
        const struct sk_hooks *hooks = sk_hooks_at(saga->plan, run->on, run->step);
        if (hooks == NULL || run->index >= hooks->count) reader->bad = true;
        *at = run;
        at = &run->next;
        on = get_enum(reader, SK_HOOK_ONS_COUNT);
    }
}

static uint32_t saga_bits(const struct sk_saga *saga)
{
    return (saga->is_suspended ? 1u : 0u) | (saga->is_past_pivot ? 2u : 0u) |
           (saga->is_forced ? 4u : 0u) | (saga->timeout_alerted ? 8u : 0u) |
           (saga->retry_after_locks ? 16u : 0u);
}

void sk_saga_encode(const struct sk_saga *saga, struct sk_buf *out)
{
    struct sk_buf record;
    sk_buf_init(&record, 0);
    sk_start_encode(&saga->start, &record);
    sk_buf_append_char(out, SNAPSHOT_VERSION);
    sk_put_str(out, sk_buf_view(&record));
    if (record.failed) out->failed = true;
    sk_buf_release(&record);
    sk_put_str(out, saga->start.input);
    sk_put_u64(out, (uint64_t)saga->state);
    sk_put_u64(out, saga_bits(saga));
    sk_put_str(out, saga->suspend_reason);
    sk_put_u64(out, (uint64_t)saga->reason);
    sk_put_u64(out, (uint64_t)saga->wish);
    sk_put_u64(out, saga->seq);
    sk_put_u64(out, saga->snapshot_seq);
    sk_put_i64(out, saga->at_ms);
    sk_put_i64(out, saga->created_at_ms);
    sk_put_i64(out, saga->started_at_ms);
    sk_put_i64(out, saga->ended_at_ms);
    sk_put_i64(out, saga->deadline_ms);
    sk_put_i64(out, saga->acquire_deadline_ms);
    sk_put_i64(out, saga->lock_deadline_ms);
    sk_put_u64(out, saga->late_count);
    sk_put_u64(out, saga->retries_count);
    sk_put_u64(out, saga->residue_count);
    sk_put_u64(out, saga->error_step);
    sk_put_str(out, saga->error_code);
    sk_put_str(out, saga->error_message);
    sk_put_str(out, saga->output);
    sk_put_str(out, saga->left);
    put_locks(out, saga);
    put_signals(out, saga);
    put_command_ids(out, saga);
    put_hooks(out, saga);
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) put_step(out, &saga->steps[s]);
}

static void get_saga(struct sk_reader *reader, struct sk_saga *saga)
{
    saga->state = (enum sk_saga_state)get_enum(reader, SK_SAGA_SUSPENDED);
    uint64_t bits = sk_get_u64(reader);
    saga->is_suspended = (bits & 1u) != 0u;
    saga->is_past_pivot = (bits & 2u) != 0u;
    saga->is_forced = (bits & 4u) != 0u;
    saga->timeout_alerted = (bits & 8u) != 0u;
    saga->retry_after_locks = (bits & 16u) != 0u;
    saga->suspend_reason = sk_get_str(reader);
    saga->reason = (enum sk_reason)get_enum(reader, SK_REASONS_COUNT);
    saga->wish = (enum sk_reason)get_enum(reader, SK_REASONS_COUNT);
    saga->seq = sk_get_u64(reader);
    saga->snapshot_seq = sk_get_u64(reader);
    saga->at_ms = sk_get_i64(reader);
    saga->created_at_ms = sk_get_i64(reader);
    saga->started_at_ms = sk_get_i64(reader);
    saga->ended_at_ms = sk_get_i64(reader);
    saga->deadline_ms = sk_get_i64(reader);
    saga->acquire_deadline_ms = sk_get_i64(reader);
    saga->lock_deadline_ms = sk_get_i64(reader);
    saga->late_count = (uint32_t)sk_get_u64(reader);
    saga->retries_count = (uint32_t)sk_get_u64(reader);
    saga->residue_count = (uint32_t)sk_get_u64(reader);
    saga->error_step = (uint32_t)sk_get_u64(reader);
    if (saga->error_step != SK_STEP_NONE && saga->error_step >= saga->plan->steps_count)
        reader->bad = true;
    saga->error_code = sk_get_str(reader);
    saga->error_message = sk_get_str(reader);
    saga->output = sk_get_str(reader);
    saga->left = sk_get_str(reader);
    get_locks(reader, saga);
    get_signals(reader, saga);
    get_command_ids(reader, saga);
    get_hooks(reader, saga);
    for (uint32_t s = 0; !reader->bad && s < saga->plan->steps_count; s++)
        get_step(reader, saga, s);
}

enum skald_status sk_saga_decode(struct sk_saga *saga, struct sk_str bytes)
{
    struct sk_str kept = sk_arena_copy(&saga->arena, bytes);
    if (saga->arena.failed) return SKALD_E_MEMORY;
    if (saga->seq != 0 || kept.size == 0 || kept.data[0] != SNAPSHOT_VERSION)
        return SKALD_E_CORRUPT;
    struct sk_reader reader = sk_reader_of(sk_str_sub(kept, 1, kept.size - 1));
    struct sk_str record = sk_get_str(&reader);
    struct sk_str input = sk_get_str(&reader);
    bool ok = !reader.bad && sk_start_decode(record, &saga->arena, &saga->start);
    saga->start.input = input;
    if (ok) get_saga(&reader, saga);
    if (saga->arena.failed) return SKALD_E_MEMORY;
    if (!ok || reader.bad || reader.at != reader.end) return SKALD_E_CORRUPT;
    sk_letters_count(saga);
    return SKALD_OK;
}

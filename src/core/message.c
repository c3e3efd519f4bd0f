/*
 * message.c: what sagas tell each other and the locks, and what a saga does when told. Every
 * message is durable with the event before it; receiving one twice is prevented by the engine, so
 * ids must differ: <saga>/<seq>/<kind>/<n>, to which the engine adds what tells one life of an id
 * from the next (O4 of outbox.c).
 */
#include "core/core_private.h"

/* ---- children -------------------------------------------------------------------------------- */

void sk_child_id(const struct sk_saga *saga, uint32_t step, int32_t item, uint32_t round,
                 struct sk_buf *out)
{
    sk_buf_append_str(out, saga->start.id);
    sk_buf_append_char(out, '.');
    sk_buf_append_str(out, sk_step_of(saga, step)->id);
    if (item >= 0) {
        sk_buf_append_char(out, '.');
        sk_buf_append_u64(out, (uint64_t)item);
    }
    if (round == 0) return;
    sk_buf_append_text(out, "~r");
    sk_buf_append_u64(out, round);
}

/* The keys a child may use at once: what this saga or an ancestor of it holds. */
static uint32_t held_keys(struct sk_turn *turn, const struct sk_str **out_keys)
{
    const struct sk_saga *saga = turn->saga;
    uint32_t count = 0;
    struct sk_str *keys = SK_ARENA_ARRAY(&turn->scratch->arena, struct sk_str,
                                         saga->locks_count + saga->start.inherited_keys_count + 1u);
    if (keys == NULL) {
        turn->failed = true;
        return 0;
    }
    for (uint32_t i = 0; i < saga->locks_count; i++)
        if (saga->locks[i].state == SK_LOCK_HELD) keys[count++] = saga->locks[i].key;
    for (uint32_t i = 0; i < saga->start.inherited_keys_count; i++)
        keys[count++] = saga->start.inherited_keys[i];
    *out_keys = keys;
    return count;
}

void sk_child_start(struct sk_turn *turn, uint32_t step, int32_t item, struct sk_str input)
{
    const struct sk_saga *saga = turn->saga;
    uint32_t round = sk_saga_unit(saga, step, item)->action.round;
    struct sk_buf id, body, record;
    sk_buf_init(&id, 0);
    sk_buf_init(&body, 0);
    sk_buf_init(&record, 0);
    sk_child_id(saga, step, item, round, &id);
    struct sk_start start = { .id = sk_buf_view(&id),
                              .space = saga->start.space,
                              .context = saga->start.context,
                              .priority = saga->start.priority,
                              .acquire_timeout_ms = saga->start.acquire_timeout_ms,
                              .parent = saga->start.id,
                              .parent_step = step,
                              .parent_item = item,
                              .parent_round = round,
                              .depth = saga->start.depth + 1u };
    if (step < saga->start.children_count) start.definition = saga->start.children[step];
    start.inherited_keys_count = held_keys(turn, &start.inherited_keys);
    sk_start_encode(&start, &record);
    sk_put_str(&body, sk_buf_view(&record));
    sk_put_str(&body, input);
    if (id.failed || body.failed || record.failed)
        turn->failed = true;
    else
        sk_turn_message(turn, SK_MESSAGE_CHILD_START, sk_buf_view(&id), sk_buf_view(&body), 0);
    sk_buf_release(&record);
    sk_buf_release(&body);
    sk_buf_release(&id);
}

void sk_child_tell(struct sk_turn *turn, uint32_t step, int32_t item, enum sk_message_kind kind)
{
    struct sk_buf id, body;
    uint32_t round = sk_saga_unit(turn->saga, step, item)->action.round;
    sk_buf_init(&id, 0);
    sk_buf_init(&body, 0);
    sk_child_id(turn->saga, step, item, round, &id);
    sk_put_u64(&body, step);
    sk_put_i64(&body, item);
    sk_put_u64(&body, round);
    uint32_t n = step * (SK_ITEMS_MAX + 1u) +
                 (uint32_t)(item + 1); /* several children may be told after one event */
    if (id.failed || body.failed)
        turn->failed = true;
    else
        sk_turn_message(turn, kind, sk_buf_view(&id), sk_buf_view(&body), n);
    sk_buf_release(&body);
    sk_buf_release(&id);
}

/* The end of a child that is only imagined (rehearse.c): as sk_parent_tell, without output and
 * error. */
void sk_child_end_encode(enum sk_saga_state state, uint32_t step, int32_t item, uint32_t round,
                         struct sk_buf *out)
{
    static const struct sk_str none = { NULL, 0 };
    sk_put_u64(out, (uint64_t)state);
    sk_put_u64(out, step);
    sk_put_i64(out, item);
    sk_put_u64(out, round);
    for (int i = 0; i < 3; i++) sk_put_str(out, none);
}

/* It ended `completed` by force while its parent had it undone: not its first end, told again. */
enum { END_LEFT_UNDONE = 1 };

static void tell_parent(struct sk_turn *turn, uint64_t flags)
{
    const struct sk_saga *saga = turn->saga;
    if (saga->start.parent.size == 0) return;
    struct sk_buf body;
    sk_buf_init(&body, 0);
    sk_put_u64(&body, (uint64_t)saga->state);
    sk_put_u64(&body, saga->start.parent_step);
    sk_put_i64(&body, saga->start.parent_item);
    sk_put_u64(&body, saga->start.parent_round);
    sk_put_str(&body, saga->output);
    sk_put_str(&body, saga->error_code);
    sk_put_str(&body, saga->error_message);
    if (flags != 0) sk_put_u64(&body, flags);
    if (body.failed)
        turn->failed = true;
    else
        sk_turn_message(turn, SK_MESSAGE_CHILD_ENDED, saga->start.parent, sk_buf_view(&body), 0);
    sk_buf_release(&body);
}

void sk_parent_tell(struct sk_turn *turn, bool is_left_undone)
{
    tell_parent(turn, is_left_undone ? END_LEFT_UNDONE : 0u);
}

/* ---- a child has ended ----------------------------------------------------------------------- */

struct child_end {
    enum sk_saga_state state;
    uint32_t step, round;
    int32_t item;
    struct sk_str output, code, message;
    bool is_left_undone;
};

static bool read_child_end(struct sk_str bytes, struct child_end *out)
{
    struct sk_reader reader = sk_reader_of(bytes);
    uint64_t state = sk_get_u64(&reader);
    out->step = (uint32_t)sk_get_u64(&reader);
    out->item = (int32_t)sk_get_i64(&reader);
    out->round = (uint32_t)sk_get_u64(&reader);
    out->output = sk_get_str(&reader);
    out->code = sk_get_str(&reader);
    out->message = sk_get_str(&reader);
    uint64_t flags = reader.at < reader.end ? sk_get_u64(&reader) : 0;
    out->is_left_undone = (flags & END_LEFT_UNDONE) != 0;
    if (reader.bad || state >= SK_SAGA_STATES_COUNT) return false;
    out->state = (enum sk_saga_state)state;
    return sk_saga_state_is_end(out->state);
}

/* The step waits for its child's first end. A child that was undone is a clear no, never maybe. */
static void child_answers(struct sk_turn *turn, const struct child_end *end)
{
    if (end->state == SK_SAGA_COMPLETED) {
        sk_action_complete(turn, end->step, end->item, end->output, (struct sk_str){ NULL, 0 });
        return;
    }
    if (end->state == SK_SAGA_FAILED && !sk_step_must_succeed(turn->saga, end->step)) {
        sk_action_fail(turn, end->step, end->item, SK_OUTCOME_FAILED,
                       SK_MARK_CHILD_FAILED | SK_MARK_CLEAR_NO, SK_STR("child_failed"),
                       end->message);
        return;
    }
    struct sk_str code = end->code;
    if (end->state == SK_SAGA_FAILED) code = SK_STR("child_failed");
    if (code.size == 0) code = sk_str_of(sk_saga_state_name(end->state));
    sk_action_refuse(turn, end->step, end->item, code, end->message);
}

static void child_was_undone(struct sk_turn *turn, const struct child_end *end)
{
    if (end->state == SK_SAGA_FAILED || end->is_left_undone) {
        struct sk_event event =
            sk_turn_event(turn, SK_EVENT_COMPENSATION_FAILED, end->step, end->item);
        event.text = end->is_left_undone ? SK_STR("child_forced") : SK_STR("child_failed");
        event.note = end->is_left_undone
                         ? SK_STR("the child saga was completed by force while it was undone")
                         : end->message;
        sk_turn_emit(turn, &event);
        sk_turn_alert(turn, end->step, end->item, SK_ALERT_CRITICAL, 0, "compensation_failed",
                      event.note);
        sk_turn_letter(turn, end->step, end->item, "compensation_failed");
        return;
    }
    if (end->state == SK_SAGA_COMPLETED) return; /* its first end, told again */
    struct sk_event event =
        sk_turn_event(turn, SK_EVENT_COMPENSATION_COMPLETED, end->step, end->item);
    sk_turn_emit(turn, &event);
}

/* A repaired child settles its own compensation, for which a parent that ended `failed` is
 * re-opened. */
static void child_was_repaired(struct sk_turn *turn, const struct child_end *end)
{
    if (end->state == SK_SAGA_COMPLETED || end->state == SK_SAGA_FAILED) return;
    if (turn->saga->state == SK_SAGA_FAILED)
        sk_undo_begin(turn, turn->saga->reason, SK_STR("child_repaired"), end->message, false);
    if (turn->failed) return;
    struct sk_event event =
        sk_turn_event(turn, SK_EVENT_COMPENSATION_COMPLETED, end->step, end->item);
    sk_turn_emit(turn, &event);
}

/* Its parent was completed by force while it worked. */
static void child_is_late(struct sk_turn *turn, const struct child_end *end)
{
    bool is_done = end->state == SK_SAGA_COMPLETED;
    struct sk_outcome outcome = { .class_ = is_done ? SK_OUTCOME_SUCCEEDED : SK_OUTCOME_FAILED,
                                  .output = is_done ? end->output : (struct sk_str){ NULL, 0 },
                                  .code = end->code,
                                  .message = end->message };
    sk_late_answer(turn, end->step, end->item, 1, end->round, &outcome);
}

/* Its undo is missing because of its child; an operator who skipped it has settled it. */
static bool is_open_by_child(const struct sk_saga *saga, uint32_t step, const struct sk_unit *unit)
{
    if (unit->undo_state == SK_UNDO_FAILED)
        return unit->child_failed || sk_undoes_child(sk_step_of(saga, step));
    return unit->undo_state == SK_UNDO_OPEN && unit->child_failed;
}

static void receive_child_end(struct sk_turn *turn, struct sk_str body)
{
    struct child_end end = { 0 };
    if (!read_child_end(body, &end)) return;
    const struct sk_unit *unit = sk_saga_unit(turn->saga, end.step, end.item);
    if (unit == NULL || unit->action.round != end.round) return;
    bool failed_before = is_open_by_child(turn->saga, end.step, unit);
    bool is_undoing =
        turn->saga->state == SK_SAGA_FAILED || turn->saga->state == SK_SAGA_COMPENSATING;
    if (unit->action.state == SK_CALL_PENDING && unit->action.what == SK_FOR_CHILD)
        child_answers(turn, &end);
    else if (unit->undo.state == SK_CALL_PENDING && unit->undo.what == SK_FOR_CHILD)
        child_was_undone(turn, &end);
    else if (is_undoing && failed_before)
        child_was_repaired(turn, &end);
    else if (turn->saga->is_forced)
        child_is_late(turn, &end);
}

/* ---- the parent commands --------------------------------------------------------------------- */

static void receive_cancel(struct sk_turn *turn)
{
    struct sk_saga *saga = turn->saga;
    if (sk_saga_state_is_end(saga->state) || saga->state == SK_SAGA_COMPENSATING) return;
    if (saga->is_past_pivot || saga->plan->is_forward)
        return; /* goes forward; the parent awaits its end */
    if (saga->is_suspended) {
        struct sk_event event = sk_turn_event(turn, SK_EVENT_SAGA_RESUMED, SK_STEP_NONE, -1);
        event.text = SK_STR("parent");
        sk_turn_emit(turn, &event);
    }
    struct sk_event event = sk_turn_event(turn, SK_EVENT_OPERATOR_CANCEL, SK_STEP_NONE, -1);
    event.text = SK_STR("parent");
    event.kind = sk_saga_is_frozen(saga) ? 1u : 0u;
    sk_turn_emit(turn, &event);
    if (turn->failed || event.kind != 0u) return;
    if (saga->state == SK_SAGA_PENDING)
        sk_saga_finish(turn, SK_EVENT_SAGA_CANCELLED, SK_REASON_CANCEL, SK_STR(""));
    else
        sk_undo_begin(turn, SK_REASON_CANCEL, SK_STR("cancelled"), SK_STR("by its parent"), false);
}

/* Also past its own pivot: only a parent that is undone past its pivot by force asks for that. */
static void receive_compensate(struct sk_turn *turn)
{
    struct sk_saga *saga = turn->saga;
    if (saga->state == SK_SAGA_COMPLETED) {
        sk_undo_begin(turn, SK_REASON_PARENT, SK_STR("compensate"), SK_STR("by its parent"), false);
    } else if (sk_saga_state_is_end(saga->state) && saga->state != SK_SAGA_COMPLETED) {
        /* told already, or it ended otherwise: say so again, under an event of its own */
        struct sk_event event = sk_turn_event(turn, SK_EVENT_OPERATOR_CANCEL, SK_STEP_NONE, -1);
        event.text = SK_STR("parent");
        sk_turn_emit(turn, &event);
        if (!turn->failed) sk_parent_tell(turn, false);
    }
}

/* ---- locks ----------------------------------------------------------------------------------- */

static void tell_lock(struct sk_turn *turn, enum sk_message_kind kind, struct sk_str key,
                      uint32_t n)
{
    struct sk_buf id;
    sk_buf_init(&id, 0);
    sk_buf_append_text(&id, "@lock/");
    sk_buf_append_str(&id, key);
    if (id.failed)
        turn->failed = true;
    else
        sk_turn_message(turn, kind, sk_buf_view(&id), (struct sk_str){ NULL, 0 }, n);
    sk_buf_release(&id);
}

bool sk_locks_all_held(const struct sk_saga *saga)
{
    for (uint32_t i = 0; i < saga->locks_count; i++)
        if (saga->locks[i].state != SK_LOCK_HELD && saga->locks[i].state != SK_LOCK_INHERITED)
            return false;
    return true;
}

bool sk_locks_are_asked(const struct sk_saga *saga)
{
    for (uint32_t i = 0; i < saga->locks_count; i++)
        if (saga->locks[i].state == SK_LOCK_ASKED || saga->locks[i].state == SK_LOCK_HELD)
            return true;
    return false;
}

/* One at a time, in the stored order: ascending by (home shard, key), so that two sagas never wait
 * in a ring. */
void sk_locks_ask_next(struct sk_turn *turn)
{
    struct sk_saga *saga = turn->saga;
    for (uint32_t i = 0; i < saga->locks_count; i++) {
        enum sk_lock_state state = saga->locks[i].state;
        if (state == SK_LOCK_ASKED) return;
        if (state == SK_LOCK_HELD || state == SK_LOCK_INHERITED) continue;
        struct sk_event event = sk_turn_event(turn, SK_EVENT_LOCK_REQUESTED, SK_STEP_NONE, -1);
        event.text = saga->locks[i].key;
        if (saga->lock_deadline_ms == 0 && saga->plan->lock_timeout_ms > 0)
            event.when_ms = turn->now_ms + saga->plan->lock_timeout_ms;
        sk_turn_emit(turn, &event);
        if (!turn->failed) tell_lock(turn, SK_MESSAGE_LOCK_REQUEST, saga->locks[i].key, i);
        return;
    }
}

static void give_back_one(struct sk_turn *turn, uint32_t i)
{
    struct sk_event event = sk_turn_event(turn, SK_EVENT_LOCK_RELEASED, SK_STEP_NONE, -1);
    event.text = turn->saga->locks[i].key;
    sk_turn_emit(turn, &event);
    if (!turn->failed) tell_lock(turn, SK_MESSAGE_LOCK_RELEASE, turn->saga->locks[i].key, i);
}

void sk_locks_give_back(struct sk_turn *turn)
{
    struct sk_saga *saga = turn->saga;
    if (saga->state == SK_SAGA_FAILED && saga->plan->holds_locks_on_failed) return;
    for (uint32_t i = 0; !turn->failed && i < saga->locks_count; i++)
        if (saga->locks[i].state == SK_LOCK_HELD || saga->locks[i].state == SK_LOCK_ASKED)
            give_back_one(turn, i);
}

static void receive_grant(struct sk_turn *turn, struct sk_str key)
{
    struct sk_saga *saga = turn->saga;
    uint32_t i = 0;
    while (i < saga->locks_count && !sk_str_equal(saga->locks[i].key, key)) i++;
    if (i == saga->locks_count || saga->locks[i].state == SK_LOCK_HELD) return;
    if (saga->locks[i].state != SK_LOCK_ASKED) {
        give_back_one(turn, i); /* granted after it had been given up: give it back once more */
        return;
    }
    struct sk_event event = sk_turn_event(turn, SK_EVENT_LOCK_GRANTED, SK_STEP_NONE, -1);
    event.text = key;
    sk_turn_emit(turn, &event);
    if (turn->failed) return;
    sk_locks_ask_next(turn);
}

enum skald_status sk_message_receive(struct sk_turn *turn, const struct sk_message *message)
{
    switch (message->kind) {
    case SK_MESSAGE_CHILD_ENDED: receive_child_end(turn, message->body); return SKALD_OK;
    case SK_MESSAGE_CHILD_CANCEL: receive_cancel(turn); return SKALD_OK;
    case SK_MESSAGE_CHILD_COMPENSATE: receive_compensate(turn); return SKALD_OK;
    case SK_MESSAGE_LOCK_GRANTED: receive_grant(turn, message->body); return SKALD_OK;
    case SK_MESSAGE_CHILD_START: /* the saga is there: starting it twice is starting it once */
    case SK_MESSAGE_LOCK_REQUEST:
    case SK_MESSAGE_LOCK_RELEASE: return SKALD_OK;
    }
    return SKALD_OK;
}

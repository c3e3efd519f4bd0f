/*
 * preview.c: see preview.h. The copy is cancelled and then driven to its end:
 *
 *      cancel --> awaited attempts succeed --> [ every undo on the wire succeeds --> what is held
 *      back by time gets its time ] … until the saga has ended
 *
 *   V1  A turn is what is on the wire at once; its undos are answered together.
 *   V2  A rehearsal that stops moving, or has gone on for too long, ends with what it has: then
 *       nothing is said of the end.
 */
#include "core/preview.h"

#include "base/time.h"
#include "core/rehearse.h"

/* What one preview may cost: commands that are decided, and commands times units (each looks at all
 * of them), which is a tenth of a second. */
enum { COMMANDS_MAX = 4 * SK_PREVIEW_ROWS_MAX, WORK_MAX = 4 * 1000 * 1000 };

const char *sk_preview_what_name(enum sk_preview_what what)
{
    static const char *const names[] = {
#define X(name, text) text,
        SK_PREVIEW_MAP(X)
#undef X
    };
    return names[what];
}

struct previewing {
    struct sk_rehearsal r;
    struct sk_preview *out;
    uint32_t turn;
    uint32_t commands_left;
    bool is_full; /* no more rows, or commands */
    bool failed;
};

/* ---- rows ------------------------------------------------------------------------------------ */

static struct sk_preview_row *find(struct sk_preview_row *rows, uint32_t count, uint32_t step,
                                   int32_t item)
{
    for (uint32_t i = 0; i < count; i++)
        if (rows[i].step == step && rows[i].item == item) return &rows[i];
    return NULL;
}

static bool is_awaited(const struct sk_preview *out, uint32_t step, int32_t item)
{
    return find(out->awaited, out->awaited_count, step, item) != NULL;
}

static void add_row(struct previewing *p, const struct sk_event *event, enum sk_preview_what what,
                    bool is_maybe)
{
    struct sk_preview *out = p->out;
    struct sk_preview_row *row = find(out->rows, out->rows_count, event->step, event->item);
    if (row != NULL) {
        if (row->what == SK_PREVIEW_ASK && what == SK_PREVIEW_UNSETTLED) row->what = what;
        return;
    }
    if (out->rows_count == SK_PREVIEW_ROWS_MAX) {
        p->is_full = true;
        return;
    }
    out->rows[out->rows_count++] =
        (struct sk_preview_row){ .step = event->step,
                                 .item = event->item,
                                 .what = what,
                                 .is_maybe = is_maybe,
                                 .is_in_flight = is_awaited(out, event->step, event->item),
                                 .turn = p->turn };
}

static enum sk_preview_what what_of_skip(const struct sk_event *event)
{
    switch ((enum sk_undo_skip_cause)event->kind) {
    case SK_UNDO_SKIP_NOT_DECLARED: return SK_PREVIEW_NOTHING;
    case SK_UNDO_SKIP_ONLY_COMPLETED:
    case SK_UNDO_SKIP_OPERATOR: return SK_PREVIEW_RESIDUE;
    case SK_UNDO_SKIP_UNSETTLED: break;
    }
    return SK_PREVIEW_UNSETTLED;
}

/* What the last command decided about undoing. */
static void note_events(struct previewing *p)
{
    for (uint32_t i = 0; i < p->r.decision.events_count; i++) {
        const struct sk_event *event = &p->r.decision.events[i].event;
        if (event->step == SK_STEP_NONE) continue;
        const struct sk_unit *unit = sk_saga_unit(&p->r.saga, event->step, event->item);
        bool is_maybe = unit != NULL && unit->maybe;
        if (event->type == SK_EVENT_COMPENSATION_STARTED)
            add_row(p, event, event->kind == SK_FOR_CHILD ? SK_PREVIEW_CHILD : SK_PREVIEW_UNDO,
                    is_maybe);
        else if (event->type == SK_EVENT_COMPENSATION_RETRYING)
            add_row(p, event, SK_PREVIEW_UNDO, is_maybe);
        else if (event->type == SK_EVENT_COMPENSATION_SKIPPED)
            add_row(p, event, what_of_skip(event), is_maybe);
        else if (event->type == SK_EVENT_COMPENSATION_FAILED)
            add_row(p, event, SK_PREVIEW_REPAIR, is_maybe);
        else if (event->type == SK_EVENT_VERIFY_STARTED && p->r.saga.state == SK_SAGA_COMPENSATING)
            add_row(p, event, SK_PREVIEW_ASK, true);
    }
}

/* ---- what is awaited ------------------------------------------------------------------------- */

static void list_awaited(struct previewing *p)
{
    const struct sk_saga *saga = &p->r.saga;
    struct sk_preview *out = p->out;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++) {
            const struct sk_unit *unit = &saga->steps[s].units[i];
            if (!sk_unit_is_busy(unit)) continue;
            if (out->awaited_count == SK_PREVIEW_ROWS_MAX) {
                out->is_cut = true;
                return;
            }
            bool is_flying =
                unit->action.state == SK_CALL_FLYING || sk_call_is_leased(&unit->action);
            int64_t until_ms = is_flying ? unit->action.deadline_ms : unit->verify.deadline_ms;
            bool is_child = unit->action.what == SK_FOR_CHILD;
            out->awaited[out->awaited_count++] =
                (struct sk_preview_row){ .step = s,
                                         .item = sk_item_of(sk_step_of(saga, s), i),
                                         .is_maybe = unit->maybe,
                                         .is_in_flight = true,
                                         .until_ms = is_child ? 0 : until_ms };
        }
    }
}

/* ---- driving it on --------------------------------------------------------------------------- */

static void check(struct previewing *p, enum skald_status status)
{
    if (p->commands_left == 0 || --p->commands_left == 0) p->is_full = true;
    if (status == SKALD_E_MEMORY) p->failed = true;
}

struct flying {
    struct sk_effect *effects;
    uint32_t count;
};

static void keep_effect(void *context, const struct sk_effect *effect)
{
    struct flying *flying = context;
    if (effect->operation == SK_OPERATION_HOOK) return; /* nothing waits for one */
    if (flying->count < SK_PREVIEW_ROWS_MAX) flying->effects[flying->count++] = *effect;
}

static void answer(struct previewing *p, uint32_t step, int32_t item, enum sk_operation operation)
{
    struct sk_outcome done = { .class_ = SK_OUTCOME_SUCCEEDED, .is_answered = true };
    if (operation == SK_OPERATION_VERIFY) done.output = SK_STR("{\"happened\":true}");
    check(p, sk_rehearse_answer(&p->r, step, item, operation, &done));
    note_events(p);
}

/* Calls that wait for a child or for a pending answer. */
static bool settle_pending(struct previewing *p, uint32_t step, uint32_t index)
{
    const struct sk_unit *unit = &p->r.saga.steps[step].units[index];
    int32_t item = sk_item_of(sk_step_of(&p->r.saga, step), index);
    uint64_t seq = p->r.saga.seq;
    if (sk_call_is_offered(&unit->undo)) { /* a worker takes it, and does it */
        struct sk_command take = { .kind = SK_COMMAND_TAKE,
                                   .step = step,
                                   .item = item,
                                   .operation = SK_OPERATION_COMPENSATION,
                                   .lease_ms = 1000 };
        check(p, sk_rehearse(&p->r, &take));
        note_events(p);
    }
    bool is_action = sk_unit_is_busy(unit) && unit->action.state == SK_CALL_PENDING;
    bool is_undo = unit->undo.state == SK_CALL_PENDING;
    if (!is_action && !is_undo) return p->r.saga.seq != seq; /* what cannot be asked for fails */
    const struct sk_call *call = is_undo ? &unit->undo : &unit->action;
    if (call->what == SK_FOR_CHILD) {
        /* A child that is cancelled has nothing left; one that is undone, neither. */
        check(p, sk_rehearse_child(&p->r, step, item,
                                   is_undo ? SK_SAGA_COMPENSATED : SK_SAGA_CANCELLED));
        note_events(p);
    } else {
        answer(p, step, item, is_undo ? SK_OPERATION_COMPENSATION : SK_OPERATION_ACTION);
    }
    return true;
}

static bool settle_all_pending(struct previewing *p)
{
    bool any = false;
    for (uint32_t s = 0; s < p->r.saga.plan->steps_count; s++)
        for (uint32_t i = 0; !p->failed && !p->is_full && i < p->r.saga.steps[s].units_count; i++)
            any = settle_pending(p, s, i) || any;
    return any;
}

/* Everything on the wire is answered, then what is pending, then time passes. False: nothing moves
 * any more. */
static bool take_turn(struct previewing *p, struct flying *flying)
{
    flying->count = 0;
    sk_saga_react(&p->r.saga, 0, UINT64_MAX, keep_effect, flying);
    p->turn++;
    for (uint32_t i = 0; !p->failed && !p->is_full && i < flying->count; i++)
        answer(p, flying->effects[i].step, flying->effects[i].item, flying->effects[i].operation);
    if (flying->count > 0 || settle_all_pending(p)) return !p->failed;
    int64_t wake_ms = sk_saga_wake_at(&p->r.saga);
    uint64_t seq = p->r.saga.seq;
    if (wake_ms == INT64_MAX || p->failed) return false;
    p->turn--;
    check(p, sk_rehearse_until(&p->r, wake_ms));
    note_events(p);
    return p->r.saga.seq != seq && !p->failed;
}

/* `type: skip` written out leaves no event. */
static void list_skipped(struct previewing *p)
{
    const struct sk_saga *saga = &p->r.saga;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        if (sk_step_of(saga, s)->compensation.type != SK_UNDO_SKIP) continue;
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++) {
            const struct sk_unit *unit = &saga->steps[s].units[i];
            struct sk_event event = { .step = s, .item = sk_item_of(sk_step_of(saga, s), i) };
            if (sk_unit_may_have_happened(unit))
                add_row(p, &event, SK_PREVIEW_NOTHING, unit->maybe);
        }
    }
}

/* Turns in which nothing began do not count. */
static void number_turns(struct sk_preview *out)
{
    uint32_t number = 0, last = 0;
    for (uint32_t i = 0; i < out->rows_count; i++) {
        if (i == 0 || out->rows[i].turn != last) number++;
        last = out->rows[i].turn;
        out->rows[i].turn = number;
    }
}

static void drive(struct previewing *p)
{
    struct flying flying = { .effects = SK_ARENA_ARRAY(&p->out->arena, struct sk_effect,
                                                       SK_PREVIEW_ROWS_MAX) };
    if (flying.effects == NULL) p->failed = true;
    while (!p->failed && !p->is_full && !sk_saga_state_is_end(p->r.saga.state) &&
           take_turn(p, &flying)) {}
    if (p->is_full) p->out->is_cut = true;
    if (sk_saga_state_is_end(p->r.saga.state)) p->out->end = p->r.saga.state;
    p->turn++;
    list_skipped(p);
    number_turns(p->out);
}

static uint32_t commands_of(const struct sk_saga *saga)
{
    uint32_t units = 1;
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) units += saga->steps[s].units_count;
    return WORK_MAX / units < COMMANDS_MAX ? WORK_MAX / units : COMMANDS_MAX;
}

bool sk_saga_preview(const struct sk_saga *saga, enum sk_command_kind kind,
                     bool is_past_pivot_allowed, int64_t now_ms, const struct sk_rules *rules,
                     struct sk_preview *out)
{
    struct previewing p = { .out = out, .turn = 1, .commands_left = commands_of(saga) };
    struct sk_command command = { .kind = kind,
                                  .step = SK_STEP_NONE,
                                  .item = -1,
                                  .who = SK_STR("preview"),
                                  .is_past_pivot_allowed = is_past_pivot_allowed };
    *out = (struct sk_preview){ .status = SKALD_OK };
    sk_arena_init(&out->arena);
    out->rows = SK_ARENA_ARRAY(&out->arena, struct sk_preview_row, SK_PREVIEW_ROWS_MAX);
    out->awaited = SK_ARENA_ARRAY(&out->arena, struct sk_preview_row, SK_PREVIEW_ROWS_MAX);
    bool is_made = sk_rehearsal_init(&p.r, saga, now_ms, rules) && !out->arena.failed;
    if (is_made) out->status = sk_rehearse(&p.r, &command);
    check(&p, is_made ? out->status : SKALD_E_MEMORY);
    if (is_made && out->status != SKALD_OK) out->error = p.r.error;
    if (!p.failed && out->status == SKALD_OK) {
        out->is_pending = p.r.saga.wish != SK_REASON_NONE;
        note_events(&p);
        if (!sk_saga_state_is_end(p.r.saga.state)) list_awaited(&p);
        if (!out->is_pending) drive(&p);
    }
    sk_rehearsal_release(&p.r);
    return !p.failed && !out->arena.failed;
}

void sk_preview_release(struct sk_preview *preview)
{
    sk_arena_release(&preview->arena);
    *preview = (struct sk_preview){ .status = SKALD_OK };
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static void json_row(struct sk_json_writer *w, const struct sk_preview_row *row,
                     const struct sk_plan *plan)
{
    sk_json_key(w, "step");
    sk_json_put_str(w, plan->steps[row->step].id);
    sk_json_key(w, "item");
    if (row->item >= 0)
        sk_json_put_i64(w, row->item);
    else
        sk_json_put_null(w);
    sk_json_key(w, "maybe");
    sk_json_put_bool(w, row->is_maybe);
}

static void json_awaited(struct sk_json_writer *w, const struct sk_preview *preview,
                         const struct sk_plan *plan)
{
    sk_json_key(w, "awaited");
    sk_json_begin_array(w);
    for (uint32_t i = 0; i < preview->awaited_count; i++) {
        char at[SK_TIME_TEXT_SIZE];
        sk_json_begin_object(w);
        json_row(w, &preview->awaited[i], plan);
        sk_json_key(w, "until");
        sk_time_format(preview->awaited[i].until_ms, at);
        if (preview->awaited[i].until_ms > 0)
            sk_json_put_text(w, at);
        else
            sk_json_put_null(w);
        sk_json_end_object(w);
    }
    sk_json_end_array(w);
}

static void json_undone(struct sk_json_writer *w, const struct sk_preview *preview,
                        const struct sk_plan *plan)
{
    sk_json_key(w, "undone");
    sk_json_begin_array(w);
    for (uint32_t i = 0; i < preview->rows_count; i++) {
        const struct sk_preview_row *row = &preview->rows[i];
        sk_json_begin_object(w);
        json_row(w, row, plan);
        sk_json_key(w, "in_flight");
        sk_json_put_bool(w, row->is_in_flight);
        sk_json_key(w, "what");
        sk_json_put_text(w, sk_preview_what_name(row->what));
        sk_json_key(w, "turn");
        sk_json_put_u64(w, row->turn);
        sk_json_end_object(w);
    }
    sk_json_end_array(w);
}

void sk_preview_json(const struct sk_preview *preview, const struct sk_plan *plan,
                     struct sk_buf *out)
{
    struct sk_json_writer w = sk_json_writer_of(out);
    bool is_accepted = preview->status == SKALD_OK;
    sk_json_begin_object(&w);
    sk_json_key(&w, "accepted");
    sk_json_put_bool(&w, is_accepted);
    sk_json_key(&w, "detail");
    if (is_accepted)
        sk_json_put_null(&w);
    else
        sk_json_put_text(&w, preview->error.message);
    sk_json_key(&w, "pending");
    sk_json_put_bool(&w, preview->is_pending);
    sk_json_key(&w, "ends");
    if (is_accepted && !preview->is_pending && preview->end != 0)
        sk_json_put_text(&w, sk_saga_state_name(preview->end));
    else
        sk_json_put_null(&w);
    json_awaited(&w, preview, plan);
    json_undone(&w, preview, plan);
    sk_json_key(&w, "truncated");
    sk_json_put_bool(&w, preview->is_cut);
    sk_json_end_object(&w);
}

/* react.c: which invocations the state makes due, and the keys they travel under. */
#include "core/core_private.h"

static bool is_in(uint64_t seq, uint64_t after_seq, uint64_t upto_seq)
{
    return seq > after_seq && seq <= upto_seq;
}

static void report(const struct sk_call *call, enum sk_operation operation, uint32_t step,
                   int32_t item, uint64_t after_seq, uint64_t upto_seq, sk_effect_fn *fn,
                   void *context)
{
    if (call->state != SK_CALL_FLYING || !is_in(call->start_seq, after_seq, upto_seq)) return;
    struct sk_effect effect = { .step = step,
                                .item = item,
                                .operation = operation,
                                .attempt = call->attempt,
                                .round = call->round,
                                .start_seq = call->start_seq,
                                .deadline_ms = call->deadline_ms };
    fn(context, &effect);
}

void sk_saga_react(const struct sk_saga *saga, uint64_t after_seq, uint64_t upto_seq,
                   sk_effect_fn *fn, void *context)
{
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        const struct sk_step *step = sk_step_of(saga, s);
        enum sk_operation forward =
            step->kind == SK_KIND_WAIT ? SK_OPERATION_POLL : SK_OPERATION_ACTION;
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++) {
            const struct sk_unit *unit = &saga->steps[s].units[i];
            int32_t item = sk_item_of(step, i);
            report(&unit->action, forward, s, item, after_seq, upto_seq, fn, context);
            report(&unit->verify, SK_OPERATION_VERIFY, s, item, after_seq, upto_seq, fn, context);
            report(&unit->undo, SK_OPERATION_COMPENSATION, s, item, after_seq, upto_seq, fn,
                   context);
        }
    }
    sk_hooks_react(saga, after_seq, upto_seq, fn, context);
}

bool sk_saga_is_flying(const struct sk_saga *saga)
{
    return sk_hooks_are_flying(saga) || sk_saga_is_working(saga);
}

bool sk_saga_is_working(const struct sk_saga *saga)
{
    for (uint32_t s = 0; s < saga->plan->steps_count; s++) {
        for (uint32_t i = 0; i < saga->steps[s].units_count; i++) {
            const struct sk_unit *unit = &saga->steps[s].units[i];
            if (unit->action.state == SK_CALL_FLYING || unit->verify.state == SK_CALL_FLYING ||
                unit->undo.state == SK_CALL_FLYING)
                return true;
        }
    }
    return false;
}

static void append_round(struct sk_buf *out, uint32_t round)
{
    if (round == 0) return;
    sk_buf_append_text(out, "/r");
    sk_buf_append_u64(out, round + 1u);
}

/* The step's own template, rendered over the saga as it is: only input, context and outputs of
 * ancestors. */
static void append_base(const struct sk_saga *saga, uint32_t step, int32_t item, struct sk_buf *out)
{
    const struct sk_step *s = sk_step_of(saga, step);
    if (s->idempotency_key != NULL) {
        struct sk_scratch scratch;
        struct sk_turn turn = { .saga = (struct sk_saga *)(uintptr_t)saga,
                                .now_ms = saga->at_ms,
                                .scratch = &scratch };
        sk_scratch_init(&scratch);
        sk_buf_append_str(out, sk_render_text(&turn, s->idempotency_key, step, item));
        if (turn.failed) out->failed = true;
        sk_scratch_release(&scratch);
        if (!turn.is_too_large) return;
    }
    sk_buf_append_str(out, saga->start.id);
    sk_buf_append_char(out, '/');
    sk_buf_append_str(out, s->id);
}

void sk_saga_key(const struct sk_saga *saga, uint32_t step, int32_t item,
                 enum sk_operation operation, uint32_t round, struct sk_buf *out)
{
    append_base(saga, step, item, out);
    if (item >= 0) {
        sk_buf_append_char(out, '/');
        sk_buf_append_u64(out, (uint64_t)item);
    }
    sk_buf_append_text(out, operation == SK_OPERATION_COMPENSATION ? "/compensation" : "/action");
    append_round(out, round);
}

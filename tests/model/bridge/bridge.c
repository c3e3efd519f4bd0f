/* bridge.c: see bridge.h. */
#include "model/bridge/bridge.h"

#include <stdarg.h>
#include <stdio.h>

static struct model_text text_of(struct sk_str s)
{
    return (struct model_text){ s.data, s.size };
}

static bool differ(char problem[BRIDGE_PROBLEM_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool differ(char problem[BRIDGE_PROBLEM_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem, BRIDGE_PROBLEM_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

static const struct model_text *texts_of(struct sk_arena *arena, const struct sk_str *keys,
                                         uint32_t count)
{
    struct model_text *texts = SK_ARENA_ARRAY(arena, struct model_text, count + 1u);
    for (uint32_t i = 0; i < count; i++) texts[i] = text_of(keys[i]);
    return texts;
}

struct model *bridge_accept(const struct model_definition *definition, const struct sk_plan *plan,
                            const struct sk_event *accepted, const struct sk_rules *rules,
                            char problem[BRIDGE_PROBLEM_SIZE])
{
    struct sk_arena arena;
    struct sk_start start;
    struct model *model = NULL;
    sk_arena_init(&arena);
    if (!sk_start_decode(accepted->extra, &arena, &start)) {
        differ(problem, "its start record cannot be read");
    } else {
        struct model_start given = {
            .timeout_ms = start.timeout_ms,
            .max_attempts = start.max_attempts,
            .lock_keys = texts_of(&arena, start.lock_keys, start.lock_keys_count),
            .lock_keys_count = start.lock_keys_count,
            .inherited_keys = texts_of(&arena, start.inherited_keys, start.inherited_keys_count),
            .inherited_keys_count = start.inherited_keys_count,
            .has_parent = start.parent.size > 0,
        };
        struct model_rules settings = { .is_varying = rules == NULL };
        if (rules != NULL) {
            settings.takeups_max = rules->takeups_max;
            settings.takeup_pause_ms = rules->takeup_pause_ms;
            settings.verify_timeout_ms = rules->verify_timeout_ms;
            settings.hook_attempts_max = rules->hook_attempts_max;
        }
        model = model_new(definition, &given, &settings);
        const char *broken = bridge_event(model, plan, accepted);
        if (broken != NULL) {
            differ(problem, "%s", broken);
            model_free(model);
            model = NULL;
        }
    }
    sk_arena_release(&arena);
    return model;
}

static struct model_text step_id(const struct sk_plan *plan, uint32_t step)
{
    return step < plan->steps_count ? text_of(plan->steps[step].id) : (struct model_text){ 0 };
}

const char *bridge_event(struct model *model, const struct sk_plan *plan,
                         const struct sk_event *event)
{
    struct model_event shown = {
        .seq = event->seq,
        .at_ms = event->at_ms,
        .type = sk_event_type_name(event->type),
        .step = step_id(plan, event->step),
        .item = event->item,
        .attempt = event->attempt,
        .round = event->round,
        .when_ms = event->when_ms,
        .when2_ms = event->when2_ms,
        .kind = event->kind,
        .flags = event->flags,
        .number = event->number,
        .text = text_of(event->text),
        .extra = text_of(event->extra),
    };
    return model_event(model, &shown);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool compare_saga(const struct model *model, const struct sk_saga *saga, char *problem)
{
    struct model_saga_view view;
    model_saga(model, &view);
    if (view.seq != saga->seq)
        return differ(problem, "the model is at event %llu, the core at %llu",
                      (unsigned long long)view.seq, (unsigned long long)saga->seq);
    if (strcmp(view.state, sk_saga_state_name(saga->state)) != 0)
        return differ(problem, "the saga is %s, the core says %s", view.state,
                      sk_saga_state_name(saga->state));
    if (strcmp(view.reason, sk_reason_name(saga->reason)) != 0)
        return differ(problem, "its reason is `%s`, the core says `%s`", view.reason,
                      sk_reason_name(saga->reason));
    if (strcmp(view.wish, sk_reason_name(saga->wish)) != 0)
        return differ(problem, "its wish is `%s`, the core says `%s`", view.wish,
                      sk_reason_name(saga->wish));
    if (view.is_suspended != saga->is_suspended || view.is_past_pivot != saga->is_past_pivot ||
        view.is_forced != saga->is_forced)
        return differ(problem,
                      "suspended, past the pivot, forced: %d %d %d, the core says %d %d %d",
                      view.is_suspended, view.is_past_pivot, view.is_forced, saga->is_suspended,
                      saga->is_past_pivot, saga->is_forced);
    if (sk_saga_state_is_end(saga->state) && view.open != sk_saga_open(saga))
        return differ(problem, "%u are open, the core says %u", view.open, sk_saga_open(saga));
    if (view.residue != saga->residue_count || view.late_count != saga->late_count ||
        view.signals_stored != saga->signals_stored)
        return differ(problem, "residue, late, signals: %u %u %u, the core says %u %u %u",
                      view.residue, view.late_count, view.signals_stored, saga->residue_count,
                      saga->late_count, saga->signals_stored);
    return true;
}

static bool compare_unit(const struct model *model, const struct sk_saga *saga, unsigned step,
                         unsigned place, char *problem)
{
    const struct sk_unit *unit = &saga->steps[step].units[place];
    const char *id = model_step_id(model, step);
    struct model_unit_view view;
    model_unit(model, step, place, &view);
    if (strcmp(view.state, sk_step_state_name(unit->state)) != 0)
        return differ(problem, "%s[%u] is %s, the core says %s", id, place, view.state,
                      sk_step_state_name(unit->state));
    if (view.maybe != unit->maybe)
        return differ(problem, "%s[%u]: maybe is %d, the core says %d", id, place, view.maybe,
                      unit->maybe);
    if (view.attempt != unit->action.attempt || view.round != unit->action.round)
        return differ(problem, "%s[%u]: attempt %u of round %u, the core says %u of %u", id, place,
                      view.attempt, view.round, unit->action.attempt, unit->action.round);
    if (view.undo_attempt != unit->undo.attempt || view.undo_round != unit->undo.round)
        return differ(problem, "%s[%u]: undo attempt %u of round %u, the core says %u of %u", id,
                      place, view.undo_attempt, view.undo_round, unit->undo.attempt,
                      unit->undo.round);
    bool is_flying = unit->action.state == SK_CALL_FLYING;
    bool is_undo_flying = unit->undo.state == SK_CALL_FLYING;
    bool is_verify_flying = unit->verify.state == SK_CALL_FLYING;
    if (view.is_flying != is_flying || view.is_undo_flying != is_undo_flying ||
        view.is_verify_flying != is_verify_flying)
        return differ(problem,
                      "%s[%u]: action, undo, verify in flight: %d %d %d, the core says %d %d %d",
                      id, place, view.is_flying, view.is_undo_flying, view.is_verify_flying,
                      is_flying, is_undo_flying, is_verify_flying);
    if (view.loose_until_ms != unit->unanswered_until_ms)
        return differ(problem, "%s[%u]: unanswered until %lld, the core says %lld", id, place,
                      (long long)view.loose_until_ms, (long long)unit->unanswered_until_ms);
    return true;
}

/* What the whole of a list is called once an item was taken up again (a late success, a retry)
 * follows its items from the next event of its undo on; the items are compared as ever. */
static bool may_be_called_otherwise(const struct sk_saga *saga, uint32_t step)
{
    enum sk_step_state state = saga->steps[step].state;
    bool is_past = state == SK_STEP_FAILED || state >= SK_STEP_COMPENSATING;
    bool is_taken_up = saga->late_count > 0 || saga->command_ids_count > 0;
    return saga->plan->steps[step].items != NULL && is_past && is_taken_up;
}

bool bridge_compare(const struct model *model, const struct sk_saga *saga,
                    char problem[BRIDGE_PROBLEM_SIZE])
{
    if (!compare_saga(model, saga, problem)) return false;
    if (model_steps_count(model) != saga->plan->steps_count)
        return differ(problem, "%u steps, the core says %u", model_steps_count(model),
                      saga->plan->steps_count);
    for (unsigned i = 0; i < saga->plan->steps_count; i++) {
        const struct sk_step_run *run = &saga->steps[i];
        const char *state = model_step_state(model, i);
        bool is_called_so = strcmp(state, sk_step_state_name(run->state)) == 0;
        if (!is_called_so && !may_be_called_otherwise(saga, i))
            return differ(problem, "step %s is %s, the core says %s", model_step_id(model, i),
                          state, sk_step_state_name(run->state));
        bool is_same = model_units_count(model, i) == run->units_count;
        if (!is_same)
            return differ(problem, "step %s has %u items, the core says %u",
                          model_step_id(model, i), model_units_count(model, i), run->units_count);
        for (unsigned k = 0; k < run->units_count; k++)
            if (!compare_unit(model, saga, i, k, problem)) return false;
    }
    return true;
}

/* ---- effects --------------------------------------------------------------------------------- */

const char *bridge_operation_name(enum sk_operation operation)
{
    switch (operation) {
    case SK_OPERATION_ACTION: return "action";
    case SK_OPERATION_COMPENSATION: return "compensation";
    case SK_OPERATION_VERIFY: return "verify";
    case SK_OPERATION_HOOK: return "hook";
    case SK_OPERATION_POLL: return "poll";
    case SK_OPERATION_DECISION: break;
    }
    return "decision";
}

const char *bridge_effect(struct model *model, const struct sk_plan *plan,
                          const struct sk_effect *effect)
{
    struct model_sending sending = {
        .operation = bridge_operation_name(effect->operation),
        .step = step_id(plan, effect->step),
        .item = effect->item,
        .attempt = effect->attempt,
        .round = effect->round,
        .deadline_ms = effect->deadline_ms,
        .started_by = effect->start_seq,
    };
    return model_may_send(model, &sending);
}

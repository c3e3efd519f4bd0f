/*
 * plan.c: what is derived from a definition: dependants, ancestors, levels, the pivot, and which
 * adapters the plan needs.
 *
 *   P1  Dependencies form no cycle; every index is below steps_count.
 *   P2  ancestors(s) is the union over its dependencies d of {d} and ancestors(d); level(s) is one
 *       more than the greatest level of its dependencies.
 *   P3  There is at most one pivot and it is a cut: every other step is its ancestor, its
 *       descendant, async or continue_on_error.
 *
 * Not here: anything read from a file (dsl/), anything that happens to a saga (the rest of core/).
 */
#include "core/plan.h"

#include "base/limits.h"

struct sk_plan *sk_plan_new(void)
{
    struct sk_plan *plan = sk_alloc(sizeof *plan);
    if (plan == NULL) return NULL;
    *plan = (struct sk_plan){ .pivot = SK_STEP_NONE };
    sk_arena_init(&plan->arena);
    return plan;
}

void sk_plan_free(struct sk_plan *plan)
{
    if (plan == NULL) return;
    sk_arena_release(&plan->arena);
    sk_free(plan);
}

const char *sk_step_kind_name(enum sk_step_kind kind)
{
    switch (kind) {
    case SK_KIND_HTTP: return "http";
    case SK_KIND_GRPC: return "grpc";
    case SK_KIND_FUNCTION: return "function";
    case SK_KIND_MESSAGE: return "message";
    case SK_KIND_CUSTOM: return "custom";
    case SK_KIND_SAGA: return "saga";
    case SK_KIND_WAIT: return "wait";
    case SK_KIND_TASK: return "task";
    case SK_KIND_EVENT: return "event";
    case SK_KINDS_COUNT: break;
    }
    return "unknown";
}

uint32_t sk_plan_step(const struct sk_plan *plan, struct sk_str id)
{
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        if (sk_str_equal(plan->steps[i].id, id)) return i;
    }
    return SK_STEP_NONE;
}

/* ---- the graph ------------------------------------------------------------------------------- */

static enum skald_status check_indices(const struct sk_plan *plan, skald_error *error)
{
    if (plan->steps_count > SK_STEPS_MAX) {
        return sk_error_set(error, SKALD_E_INVALID, "%u steps; the limit is %d", plan->steps_count,
                            SK_STEPS_MAX);
    }
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        const struct sk_step *step = &plan->steps[i];
        for (uint32_t k = 0; k < step->dependencies_count; k++) {
            if (step->dependencies[k] < plan->steps_count) continue;
            return sk_error_set(error, SKALD_E_INVALID,
                                "step %.*s depends on a step that is not there",
                                SK_STR_ARGS(step->id));
        }
    }
    return SKALD_OK;
}

/* A name in the middle of a cycle's text; long cycles are cut by the error's size. */
static void name_cycle(const struct sk_plan *plan, const uint32_t *waiting, skald_error *error)
{
    uint32_t at = 0;
    while (waiting[at] == 0) at++;
    /* From any step that still waits, its first waiting dependency leads into a cycle. */
    uint32_t seen[SK_STEPS_MAX] = { 0 };
    uint32_t path[SK_STEPS_MAX + 1], length = 0;
    while (seen[at] == 0) {
        path[length++] = at;
        seen[at] = length;
        const struct sk_step *step = &plan->steps[at];
        uint32_t k = 0;
        while (waiting[step->dependencies[k]] == 0) k++;
        at = step->dependencies[k];
    }
    struct sk_buf text;
    sk_buf_init(&text, 400);
    for (uint32_t i = seen[at] - 1; i < length; i++) {
        sk_buf_append_str(&text, plan->steps[path[i]].id);
        sk_buf_append_text(&text, " → ");
    }
    sk_buf_append_str(&text, plan->steps[at].id);
    (void)sk_error_set(error, SKALD_E_INVALID, "dependency cycle: %s",
                       text.failed ? "too long to print" : sk_buf_text(&text));
    sk_buf_release(&text);
}

/* Counts of dependants, then their lists, in step order. */
static void fill_dependants(struct sk_plan *plan)
{
    for (uint32_t i = 0; i < plan->steps_count; i++) plan->steps[i].dependants_count = 0;
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        const struct sk_step *step = &plan->steps[i];
        for (uint32_t k = 0; k < step->dependencies_count; k++) {
            plan->steps[step->dependencies[k]].dependants_count += 1;
        }
    }
    uint32_t *lists[SK_STEPS_MAX];
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        struct sk_step *step = &plan->steps[i];
        lists[i] = SK_ARENA_ARRAY(&plan->arena, uint32_t, step->dependants_count);
        step->dependants = lists[i];
        step->dependants_count = 0;
    }
    if (plan->arena.failed) return;
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        const struct sk_step *step = &plan->steps[i];
        for (uint32_t k = 0; k < step->dependencies_count; k++) {
            uint32_t from = step->dependencies[k];
            lists[from][plan->steps[from].dependants_count++] = i;
        }
    }
}

/* P1, P2: in topological order. */
static enum skald_status fill_ancestors(struct sk_plan *plan, skald_error *error)
{
    uint32_t waiting[SK_STEPS_MAX] = { 0 }, order[SK_STEPS_MAX] = { 0 }, ready = 0;
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        struct sk_step *step = &plan->steps[i];
        step->ancestors = sk_bitset_new(&plan->arena, plan->steps_count);
        step->level = 0;
        waiting[i] = step->dependencies_count;
        if (waiting[i] == 0) order[ready++] = i;
    }
    if (plan->arena.failed) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    for (uint32_t done = 0; done < ready; done++) {
        struct sk_step *step = &plan->steps[order[done]];
        for (uint32_t k = 0; k < step->dependencies_count; k++) {
            const struct sk_step *before = &plan->steps[step->dependencies[k]];
            sk_bitset_add(&step->ancestors, step->dependencies[k]);
            sk_bitset_add_all(&step->ancestors, &before->ancestors);
            if (step->level < before->level + 1) step->level = before->level + 1;
        }
        for (uint32_t k = 0; k < step->dependants_count; k++) {
            waiting[step->dependants[k]] -= 1;
            if (waiting[step->dependants[k]] == 0) order[ready++] = step->dependants[k];
        }
    }
    if (ready == plan->steps_count) return SKALD_OK;
    name_cycle(plan, waiting, error);
    return SKALD_E_INVALID;
}

/* ---- the pivot ------------------------------------------------------------------------------- */

static bool may_be_beside(const struct sk_plan *plan, uint32_t step, uint32_t pivot)
{
    const struct sk_step *s = &plan->steps[step];
    return step == pivot || s->is_detached || s->may_fail || sk_bitset_has(&s->ancestors, pivot) ||
           sk_bitset_has(&plan->steps[pivot].ancestors, step);
}

/* P3. */
static enum skald_status fill_pivot(struct sk_plan *plan, skald_error *error)
{
    plan->pivot = SK_STEP_NONE;
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        const struct sk_step *step = &plan->steps[i];
        if (!step->is_pivot) continue;
        if (plan->pivot != SK_STEP_NONE) {
            return sk_error_set(error, SKALD_E_INVALID, "steps %.*s and %.*s are both pivots",
                                SK_STR_ARGS(plan->steps[plan->pivot].id), SK_STR_ARGS(step->id));
        }
        if (step->is_detached || step->may_fail) {
            return sk_error_set(error, SKALD_E_INVALID,
                                "the pivot %.*s cannot be async or continue_on_error",
                                SK_STR_ARGS(step->id));
        }
        plan->pivot = i;
    }
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        struct sk_step *step = &plan->steps[i];
        step->is_after_pivot =
            plan->pivot != SK_STEP_NONE && sk_bitset_has(&step->ancestors, plan->pivot);
        if (plan->pivot == SK_STEP_NONE || may_be_beside(plan, i, plan->pivot)) continue;
        return sk_error_set(error, SKALD_E_INVALID,
                            "step %.*s is neither before nor after the pivot %.*s",
                            SK_STR_ARGS(step->id), SK_STR_ARGS(plan->steps[plan->pivot].id));
    }
    return SKALD_OK;
}

/* ---- what the build must have ---------------------------------------------------------------- */

/* Distinct brokers are few; beyond these the count no longer matters, only that it is not zero. */
enum { BROKERS_SEEN_MAX = 16 };

struct needs {
    struct sk_plan *plan;
    struct sk_str brokers[BROKERS_SEEN_MAX];
};

static void need_action(struct needs *needs, const struct sk_action *action)
{
    if (action == NULL) return;
    struct sk_plan *plan = needs->plan;
    plan->kinds |= UINT32_C(1) << action->kind;
    if (action->kind == SK_KIND_SAGA) plan->has_children = true;
    if (action->kind != SK_KIND_MESSAGE) return;
    for (uint32_t i = 0; i < plan->brokers_count; i++) {
        if (sk_str_equal(needs->brokers[i], action->broker)) return;
    }
    if (plan->brokers_count == BROKERS_SEEN_MAX) return;
    needs->brokers[plan->brokers_count++] = action->broker;
}

static void need_hooks(struct needs *needs, const struct sk_hooks *hooks)
{
    for (uint32_t i = 0; i < hooks->count; i++) need_action(needs, hooks->items[i].action);
}

static void fill_needs(struct sk_plan *plan)
{
    struct needs needs = { .plan = plan };
    plan->kinds = 0;
    plan->brokers_count = 0;
    plan->has_children = false;
    need_hooks(&needs, &plan->on_success);
    need_hooks(&needs, &plan->on_failure);
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        const struct sk_step *step = &plan->steps[i];
        plan->kinds |= UINT32_C(1) << step->kind;
        need_action(&needs, step->action);
        need_action(&needs, step->verify);
        need_action(&needs, step->wait.poll);
        need_action(&needs, step->compensation.action);
        need_hooks(&needs, &step->on_success);
        need_hooks(&needs, &step->on_failure);
        need_hooks(&needs, &step->on_compensation_failure);
    }
}

enum skald_status sk_plan_finish(struct sk_plan *plan, skald_error *error)
{
    enum skald_status status = check_indices(plan, error);
    if (status != SKALD_OK) return status;
    struct sk_str *ids = SK_ARENA_ARRAY(&plan->arena, struct sk_str, plan->steps_count);
    for (uint32_t i = 0; ids != NULL && i < plan->steps_count; i++) ids[i] = plan->steps[i].id;
    plan->step_ids = ids;
    fill_dependants(plan);
    if (plan->arena.failed) return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    status = fill_ancestors(plan, error);
    if (status == SKALD_OK) status = fill_pivot(plan, error);
    if (status == SKALD_OK) fill_needs(plan);
    return status;
}

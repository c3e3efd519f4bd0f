/*
 * worst_case.c: how long a saga can take at most: every attempt runs into its time-out, every pause
 * is the longest its jitter allows, then everything is undone the same way. What has no bound is
 * named.
 */
#include "base/time.h"
#include "core/retry.h"
#include "dsl/dry_run.h"

static const int64_t ms_max = INT64_MAX / 4096; /* sums of steps stay far from overflow */

static int64_t plus(int64_t a, int64_t b)
{
    return a > ms_max - b ? ms_max : a + b;
}

static int64_t times(int64_t a, int64_t n)
{
    return a > 0 && n > ms_max / a ? ms_max : a * n;
}

static int64_t longest_pause(const struct sk_retry_policy *policy, uint32_t attempt)
{
    struct sk_retry_policy plain = *policy;
    plain.jitter = SK_JITTER_NONE;
    plain.max_ms = 0;
    int64_t delay = sk_retry_delay(&plain, attempt, 0, 0);
    if (policy->jitter == SK_JITTER_QUARTER) delay += delay / 4;
    return policy->max_ms > 0 && delay > policy->max_ms ? policy->max_ms : delay;
}

static int64_t pauses(const struct sk_retry_policy *policy)
{
    enum { EXACT_MAX = 1000 };
    int64_t sum = 0;
    uint32_t exact = policy->max_attempts < EXACT_MAX ? policy->max_attempts : EXACT_MAX;
    for (uint32_t attempt = 2; attempt <= exact; attempt++)
        sum = plus(sum, longest_pause(policy, attempt));
    if (policy->max_attempts > exact) {
        sum = plus(sum, times(longest_pause(policy, policy->max_attempts),
                              policy->max_attempts - exact));
    }
    return sum;
}

static int64_t attempts_of(int64_t timeout_ms, const struct sk_retry_policy *policy)
{
    return plus(times(timeout_ms, policy->max_attempts), pauses(policy));
}

/* ---- time-outs ------------------------------------------------------------------------------- */

static struct sk_str get_input(const void *context, enum sk_root root, uint32_t step_index)
{
    (void)step_index;
    const struct sk_dry_run *run = context;
    if (root == SK_ROOT_ATTEMPT) return SK_STR("1");
    return root == SK_ROOT_INPUT ? run->input : (struct sk_str){ 0 };
}

/* What a time-out's template yields from the input; -1 when that is no duration. */
static int64_t render_ms(struct sk_dry_run *run, const struct sk_template *template)
{
    struct sk_buf text;
    int64_t ms = -1;
    struct sk_scope scope = { run, get_input };
    sk_buf_init(&text, 0);
    sk_template_render_text(template, &scope, &run->arena, &text);
    if (text.failed) run->arena.failed = true;
    if (text.failed || !sk_duration_parse(sk_str_trim(sk_buf_view(&text)), &ms)) ms = -1;
    sk_buf_release(&text);
    return ms;
}

static int64_t attempt_ms(struct sk_dry_run *run, const struct sk_step *step)
{
    int64_t ms = render_ms(run, step->timeout);
    if (ms < 0) {
        sk_dry_warn(run, "%.*s: its time-out is not known in a dry run; 10s is assumed",
                    SK_STR_ARGS(step->id));
        ms = 10000;
    }
    if (step->action == NULL || step->action->timeout == NULL) return ms;
    int64_t own = render_ms(run, step->action->timeout);
    return own > 0 && own < ms ? own : ms;
}

static int64_t bounded_wait(struct sk_dry_run *run, const struct sk_step *step, int64_t ms,
                            const char *what)
{
    if (ms > 0) return ms;
    sk_dry_warn(run, "%.*s: %s has no known bound; not counted", SK_STR_ARGS(step->id), what);
    return 0;
}

static int64_t wait_ms(struct sk_dry_run *run, const struct sk_step *step)
{
    switch (step->wait.kind) {
    case SK_WAIT_NONE: break;
    case SK_WAIT_FOR: {
        int64_t ms = render_ms(run, step->wait.time);
        return bounded_wait(run, step, ms, "a pause that depends on outputs");
    }
    case SK_WAIT_UNTIL: return bounded_wait(run, step, 0, "a wait until an instant");
    case SK_WAIT_SIGNAL:
        return bounded_wait(run, step, step->wait.timeout_ms, "a signal without a time-out");
    case SK_WAIT_POLL:
        return bounded_wait(run, step, step->wait.timeout_ms, "a poll without a time-out");
    }
    return bounded_wait(run, step, step->pending_timeout_ms, "an event without a deadline");
}

static int64_t action_ms(struct sk_dry_run *run, const struct sk_step *step)
{
    if (step->action == NULL) return wait_ms(run, step);
    int64_t each = attempt_ms(run, step);
    bool is_pending = step->kind == SK_KIND_TASK || step->kind == SK_KIND_SAGA;
    if (step->action->reply_topic.size > 0) {
        each = plus(each, bounded_wait(run, step, step->action->reply_timeout_ms,
                                       "a reply without a time-out"));
    } else if (is_pending) {
        each = bounded_wait(run, step, step->pending_timeout_ms,
                            step->kind == SK_KIND_TASK ? "a task without a pending_timeout"
                                                       : "a child without a pending_timeout");
    } else if (step->pending_timeout_ms > each) {
        each = step->pending_timeout_ms;
    }
    return attempts_of(each, &step->retry);
}

/* `parallel` items at a time. */
static int64_t of_items(const struct sk_step *step, const struct sk_dry_step *dry, int64_t ms)
{
    uint32_t parallel = step->parallel > 0 ? step->parallel : 1;
    return step->items == NULL ? ms
                               : times(ms, ((int64_t)dry->items_count + parallel - 1) / parallel);
}

static int64_t step_ms(struct sk_dry_run *run, uint32_t index)
{
    const struct sk_step *step = &run->plan->steps[index];
    const struct sk_dry_step *dry = &run->steps[index];
    if (dry->is_skipped) return 0;
    int64_t ms = of_items(step, dry, action_ms(run, step));
    bool has_limit = step->step_timeout_ms > 0 && step->step_timeout_ms < ms;
    bool must_succeed = run->plan->is_forward || step->is_pivot || step->is_after_pivot;
    if (must_succeed && step->action != NULL && !step->may_fail) {
        sk_dry_warn(
            run, "%.*s: goes forward, so it is tried without limit; its attempts are counted once",
            SK_STR_ARGS(step->id));
    }
    return has_limit ? step->step_timeout_ms : ms;
}

static int64_t undo_of(struct sk_dry_run *run, uint32_t index)
{
    const struct sk_step *step = &run->plan->steps[index];
    const struct sk_compensation *undo = &step->compensation;
    int64_t each = undo->timeout_ms;
    if (each == 0) each = render_ms(run, step->timeout);
    if (each < 0) each = 10000;
    int64_t ms = attempts_of(each, &undo->retry);
    if (undo->on_failure == SK_ON_FAILURE_RETRY)
        ms = plus(ms, attempts_of(each, &undo->on_failure_retry));
    return of_items(step, &run->steps[index], ms);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* When the last step that somebody waits for ends, each starting when its dependencies are
 * settled. */
static int64_t longest_path(struct sk_dry_run *run, int64_t *ends)
{
    const struct sk_plan *plan = run->plan;
    int64_t last = 0;
    uint32_t levels_count = 0;
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        if (plan->steps[i].level >= levels_count) levels_count = plan->steps[i].level + 1;
    }
    for (uint32_t level = 0; level < levels_count; level++) {
        for (uint32_t i = 0; i < plan->steps_count; i++) {
            const struct sk_step *step = &plan->steps[i];
            if (step->level != level) continue;
            int64_t start = 0;
            for (uint32_t k = 0; k < step->dependencies_count; k++) {
                if (ends[step->dependencies[k]] > start) start = ends[step->dependencies[k]];
            }
            ends[i] = step->is_detached ? start : plus(start, run->steps[i].worst_ms);
            if (ends[i] > last) last = ends[i];
        }
    }
    return last;
}

static int64_t undo_ms(struct sk_dry_run *run)
{
    bool is_parallel = run->plan->strategy == SK_STRATEGY_PARALLEL;
    int64_t sum = 0, level_ms = 0;
    uint32_t level = 0;
    for (uint32_t i = 0; i < run->compensation_count; i++) {
        uint32_t index = run->compensation[i];
        int64_t ms = undo_of(run, index);
        if (!is_parallel || run->plan->steps[index].level != level) { /* a level at a time */
            sum = plus(sum, level_ms);
            level_ms = 0;
        }
        level = run->plan->steps[index].level;
        level_ms = is_parallel && level_ms > ms ? level_ms : ms;
    }
    return plus(sum, level_ms);
}

void sk_dry_measure(struct sk_dry_run *run)
{
    const struct sk_plan *plan = run->plan;
    int64_t *ends = SK_ARENA_ARRAY(&run->arena, int64_t, plan->steps_count);
    if (run->arena.failed) return;
    for (uint32_t i = 0; i < plan->steps_count; i++) run->steps[i].worst_ms = step_ms(run, i);
    run->forward_ms = longest_path(run, ends);
    bool is_bounded = plan->timeout_ms > 0 && !plan->is_forward && plan->pivot == SK_STEP_NONE;
    if (is_bounded && run->forward_ms > plan->timeout_ms) run->forward_ms = plan->timeout_ms;
    run->undo_ms = undo_ms(run);
}

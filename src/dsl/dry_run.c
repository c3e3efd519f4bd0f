/*
 * dry_run.c: what would happen, without asking anybody: levels, the order of execution, the order
 * of undoing (of the named failure, or of a failure at the very end), and how it is printed.
 */
#include "dsl/dry_run.h"

#include "base/time.h"
#include "dsl/graph.h"
#include "dsl/json_schema.h"

#include <stdarg.h>
#include <stdio.h>

void sk_dry_warn(struct sk_dry_run *run, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sk_buf_append_text(&run->warnings, text);
    sk_buf_append_char(&run->warnings, '\n');
}

/* ---- options --------------------------------------------------------------------------------- */

static enum skald_status read_failure(struct sk_dry_run *run,
                                      const struct sk_dry_run_options *options, skald_error *error)
{
    run->fail_step = SK_STEP_NONE;
    struct sk_str class_ = options->fail_class;
    bool is_known = class_.size == 0 || sk_str_is(class_, "failed") ||
                    sk_str_is(class_, "retryable") || sk_str_is(class_, "unknown");
    if (!is_known) {
        return sk_error_set(error, SKALD_E_ARGUMENT,
                            "no outcome %.*s: use failed, retryable or unknown",
                            SK_STR_ARGS(class_));
    }
    run->is_fail_maybe = sk_str_is(class_, "unknown");
    if (options->fail_step.size == 0) return SKALD_OK;
    run->fail_step = sk_plan_step(run->plan, options->fail_step);
    if (run->fail_step != SK_STEP_NONE) return SKALD_OK;
    return sk_error_set(error, SKALD_E_NOT_FOUND, "there is no step %.*s",
                        SK_STR_ARGS(options->fail_step));
}

/* ---- orders ---------------------------------------------------------------------------------- */

static bool ends_in_failure(const struct sk_dry_run *run)
{
    if (run->fail_step == SK_STEP_NONE || run->steps[run->fail_step].is_skipped) return false;
    const struct sk_step *step = &run->plan->steps[run->fail_step];
    return !step->is_detached && !step->may_fail;
}

static void order_execution(struct sk_dry_run *run)
{
    const struct sk_plan *plan = run->plan;
    uint32_t levels_count = sk_graph_levels(plan);
    bool is_failing = ends_in_failure(run);
    if (is_failing) levels_count = plan->steps[run->fail_step].level + 1;
    for (uint32_t level = 0; level < levels_count; level++) {
        for (uint32_t i = 0; i < plan->steps_count; i++) {
            bool is_now = plan->steps[i].level == level && !run->steps[i].is_skipped;
            if (is_now) run->execution[run->execution_count++] = i;
        }
    }
}

static bool is_undone(const struct sk_dry_run *run, uint32_t index)
{
    const struct sk_step *step = &run->plan->steps[index];
    if (step->is_pivot || step->is_after_pivot) return false;
    if (index == run->fail_step && (!run->is_fail_maybe || step->compensation.only_completed))
        return false;
    return step->compensation.type == SK_UNDO_CUSTOM ||
           step->compensation.type == SK_UNDO_AUTOMATIC;
}

static void order_compensation(struct sk_dry_run *run)
{
    const struct sk_plan *plan = run->plan;
    bool is_failing = ends_in_failure(run);
    if (plan->is_forward) return;
    if (run->fail_step != SK_STEP_NONE && !is_failing) {
        bool is_skipped = run->steps[run->fail_step].is_skipped;
        sk_dry_warn(run,
                    is_skipped ? "%.*s: is skipped, so it cannot fail"
                               : "%.*s: its failure does not fail the saga",
                    SK_STR_ARGS(plan->steps[run->fail_step].id));
        return;
    }
    if (is_failing) {
        const struct sk_step *step = &plan->steps[run->fail_step];
        if (step->is_after_pivot) {
            sk_dry_warn(run,
                        "%.*s: stands after the pivot, so nothing is undone: "
                        "it is tried again or waits for a human",
                        SK_STR_ARGS(step->id));
            return;
        }
    }
    for (uint32_t i = run->execution_count; i > 0; i--) {
        uint32_t index = run->execution[i - 1];
        if (is_undone(run, index)) run->compensation[run->compensation_count++] = index;
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_ids(struct sk_json_writer *w, const struct sk_plan *plan, const char *name,
                    const uint32_t *list, uint32_t count)
{
    sk_json_key(w, name);
    sk_json_begin_array(w);
    for (uint32_t i = 0; i < count; i++) sk_json_put_str(w, plan->steps[list[i]].id);
    sk_json_end_array(w);
}

static void put_levels(struct sk_json_writer *w, const struct sk_plan *plan)
{
    uint32_t levels_count = sk_graph_levels(plan);
    sk_json_key(w, "levels");
    sk_json_begin_array(w);
    for (uint32_t level = 0; level < levels_count; level++) {
        sk_json_begin_array(w);
        for (uint32_t i = 0; i < plan->steps_count; i++) {
            if (plan->steps[i].level == level) sk_json_put_str(w, plan->steps[i].id);
        }
        sk_json_end_array(w);
    }
    sk_json_end_array(w);
}

void sk_dry_print_json(struct sk_dry_run *run, struct sk_buf *out)
{
    const struct sk_plan *plan = run->plan;
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    put_levels(&w, plan);
    put_ids(&w, plan, "execution_order", run->execution, run->execution_count);
    put_ids(&w, plan, "compensation_order", run->compensation, run->compensation_count);
    sk_json_key(&w, "steps");
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        sk_json_begin_object(&w);
        sk_json_key(&w, "id");
        sk_json_put_str(&w, plan->steps[i].id);
        sk_json_key(&w, "skipped");
        sk_json_put_bool(&w, run->steps[i].is_skipped);
        sk_json_key(&w, "request");
        sk_json_put_raw(&w, run->steps[i].request);
        sk_json_end_object(&w);
    }
    sk_json_end_array(&w);
    sk_json_key(&w, "worst_case_ms");
    sk_json_put_i64(&w, run->forward_ms + run->undo_ms);
    sk_json_key(&w, "warnings");
    sk_json_begin_array(&w);
    struct sk_str rest = sk_buf_view(&run->warnings);
    while (rest.size > 0) {
        size_t size = sk_str_find(rest, '\n');
        sk_json_put_str(&w, sk_str_sub(rest, 0, size));
        rest = sk_str_sub(rest, size + 1, rest.size);
    }
    sk_json_end_array(&w);
    sk_json_end_object(&w);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void put_list(struct sk_buf *out, const char *label, const struct sk_plan *plan,
                     const uint32_t *list, uint32_t count)
{
    sk_buf_append_text(out, label);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) sk_buf_append_text(out, " → ");
        sk_buf_append_str(out, plan->steps[list[i]].id);
    }
    sk_buf_append_text(out, count == 0 ? "nothing\n" : "\n");
}

static void put_level_line(struct sk_buf *out, const struct sk_plan *plan)
{
    uint32_t levels_count = sk_graph_levels(plan);
    for (uint32_t level = 0; level < levels_count; level++) {
        sk_buf_printf(out, "%slevel %u: ", level > 0 ? " | " : "", level);
        bool is_first = true;
        for (uint32_t i = 0; i < plan->steps_count; i++) {
            if (plan->steps[i].level != level) continue;
            if (!is_first) sk_buf_append_text(out, ", ");
            sk_buf_append_str(out, plan->steps[i].id);
            is_first = false;
        }
    }
    sk_buf_append_char(out, '\n');
}

void sk_dry_print_text(struct sk_dry_run *run, struct sk_buf *out)
{
    const struct sk_plan *plan = run->plan;
    char forward[SK_DURATION_TEXT_SIZE], undo[SK_DURATION_TEXT_SIZE], sum[SK_DURATION_TEXT_SIZE];
    sk_buf_printf(out, "%.*s %.*s\n", SK_STR_ARGS(plan->id), SK_STR_ARGS(plan->version));
    put_level_line(out, plan);
    put_list(out, "execution:    ", plan, run->execution, run->execution_count);
    put_list(out, "compensation: ", plan, run->compensation, run->compensation_count);
    sk_duration_format(run->forward_ms, forward);
    sk_duration_format(run->undo_ms, undo);
    sk_duration_format(run->forward_ms + run->undo_ms, sum);
    sk_buf_printf(out, "worst case:   %s (%s forward, %s undoing)\n", sum, forward, undo);
    sk_buf_append_text(out, "\nrequests\n");
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        const struct sk_dry_step *dry = &run->steps[i];
        sk_buf_append_text(out, "  ");
        sk_buf_append_str(out, plan->steps[i].id);
        sk_buf_append_text(out, ": ");
        if (dry->is_skipped) sk_buf_append_text(out, "skipped, its condition is false");
        if (!dry->is_skipped && dry->request.size == 0) sk_buf_append_text(out, "none");
        sk_buf_append_str(out, dry->request);
        sk_buf_append_char(out, '\n');
    }
    if (run->warnings.size > 0) sk_buf_append_text(out, "\nwarnings\n");
    struct sk_str rest = sk_buf_view(&run->warnings);
    while (rest.size > 0) {
        size_t size = sk_str_find(rest, '\n');
        sk_buf_append_text(out, "  ");
        sk_buf_append_str(out, sk_str_sub(rest, 0, size));
        sk_buf_append_char(out, '\n');
        rest = sk_str_sub(rest, size + 1, rest.size);
    }
}

/* ---- the input ------------------------------------------------------------------------------- */

static void on_violation(void *context, struct sk_str pointer, struct sk_str message)
{
    struct sk_buf *text = context;
    sk_buf_printf(text, "%s%.*s %.*s", text->size > 0 ? "; " : "",
                  SK_STR_ARGS(pointer.size > 0 ? pointer : SK_STR("it")), SK_STR_ARGS(message));
}

/* As a start would check it. */
static enum skald_status check_input(const struct sk_dry_run *run, skald_error *error)
{
    struct sk_buf text;
    if (run->plan->input_check == NULL) return SKALD_OK;
    sk_buf_init(&text, 0);
    enum skald_status status = sk_json_schema_check(run->plan->input_check, run->input,
                                                    SK_SCHEMA_BUDGET, on_violation, &text);
    if (status == SKALD_E_INVALID) {
        (void)sk_error_set(error, status, "the input does not fit input_schema: %s",
                           sk_buf_text(&text));
    } else if (status != SKALD_OK) {
        (void)sk_error_set(error, status, "the input cannot be checked against input_schema: %s",
                           skald_status_text(status));
    }
    sk_buf_release(&text);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum skald_status carry_out(struct sk_dry_run *run, const struct sk_dry_run_options *options,
                                   struct sk_buf *out, skald_error *error)
{
    const struct sk_plan *plan = run->plan;
    run->input = options->input.size > 0 ? options->input : SK_STR("{}");
    enum skald_status status = read_failure(run, options, error);
    if (status == SKALD_OK && options->input.size > 0) status = check_input(run, error);
    if (status != SKALD_OK) return status;
    run->steps = SK_ARENA_ARRAY(&run->arena, struct sk_dry_step, plan->steps_count);
    run->execution = SK_ARENA_ARRAY(&run->arena, uint32_t, plan->steps_count);
    run->compensation = SK_ARENA_ARRAY(&run->arena, uint32_t, plan->steps_count);
    if (!run->arena.failed) sk_dry_resolve(run);
    if (!run->arena.failed) {
        order_execution(run);
        order_compensation(run);
        sk_dry_measure(run);
    }
    if (run->arena.failed || run->warnings.failed)
        return sk_error_set(error, SKALD_E_MEMORY, "out of memory");
    if (options->as_json) {
        sk_dry_print_json(run, out);
    } else {
        sk_dry_print_text(run, out);
    }
    return out->failed ? sk_error_set(error, SKALD_E_MEMORY, "out of memory") : SKALD_OK;
}

enum skald_status sk_dsl_dry_run(const struct sk_plan *plan,
                                 const struct sk_dry_run_options *options, struct sk_buf *out,
                                 skald_error *error)
{
    struct sk_dry_run run = { .plan = plan };
    sk_arena_init(&run.arena);
    sk_buf_init(&run.warnings, 0);
    enum skald_status status = carry_out(&run, options, out, error);
    sk_buf_release(&run.warnings);
    sk_arena_release(&run.arena);
    return status;
}

/*
 * generate_step.c: one step: a call (once, or for each item of a list), a wait, a child.
 *
 * Its own rules, besides those of the language: an async wait for a signal has a time-out, since an
 * ended saga takes no signals; a saga says a time-out that no attempt of its steps exceeds.
 */
#include "generate_private.h"

/* At or after the pivot, or with recovery: forward. */
bool sim_must_succeed(const struct shape *s, uint32_t step)
{
    bool is_after = s->pivot < s->steps_count && (s->ancestors[step] >> s->pivot & 1u) != 0;
    return s->is_forward || step == s->pivot || is_after;
}

bool sim_is_undone(const struct shape *s, uint32_t step)
{
    return !sim_must_succeed(s, step);
}

static void put_times(struct shape *s)
{
    if (coin(s, 60)) {
        /* the server's */
    } else if (coin(s, 100)) {
        text(s, ",\"timeout\":\"{{ if gt .attempt 1 }}2s{{ else }}1s{{ end }}\"");
        feature(s, SIM_REACHED_MADE_TIMEOUT_TEMPLATE);
    } else if (coin(s, 60)) {
        text(s, ",\"timeout\":\"{{ .input.pause }}\""); /* is one, or is none */
    } else {
        static const char *const units[] = { "1s", "2s", "2.5s", "3000ms", "4s", "0.05m" };
        /* no longer than the shortest time-out of a saga */
        sk_buf_printf(s->out, ",\"timeout\":\"%s\"", units[pick(s, 6)]);
    }
    if (coin(s, 100)) text(s, ",\"step_timeout\":\"15s\"");
    if (coin(s, 200)) sk_buf_printf(s->out, ",\"pending_timeout\":\"%us\"", 5 + pick(s, 20));
}

static const char *list_of(struct shape *s)
{
    uint32_t source = sim_pick_source(s);
    if (source < s->steps_count && coin(s, 50)) return NULL; /* of a step: no list at all */
    static const char *const lists[] = { "{{ .input.list }}", "{{ .input.list }}",
                                         "{{ .input.few }}", "{{ .input.none }}",
                                         "{{ .input.odd }}" };
    return lists[pick(s, coin(s, 30) ? 5 : 4)];
}

static void put_foreach(struct shape *s, uint32_t participant, enum way way)
{
    const char *list = list_of(s);
    uint32_t source = list == NULL ? sim_pick_source(s) : 0;
    feature(s, SIM_REACHED_MADE_FOREACH);
    if (list != NULL)
        sk_buf_printf(s->out, ",\"foreach\":{\"items\":\"%s\"", list);
    else
        sk_buf_printf(s->out, ",\"foreach\":{\"items\":\"{{ .output.s%u%s.ok }}\"", source,
                      s->suffix);
    text(s, ",\"var\":\"it\",\"action\":");
    s->is_item = true;
    sim_put_action(s, participant, way, "item", PLACE_REQUEST);
    if (coin(s, 500)) {
        sk_buf_printf(s->out, ",\"parallel\":%u", 1 + pick(s, 3));
        feature(s, SIM_REACHED_MADE_FOREACH_PARALLEL);
    }
    sim_put_compensation(s, participant, way, s->is_undo_required && sim_is_undone(s, s->step));
    text(s, "}");
}

static void put_verify(struct shape *s, uint32_t participant, enum way way)
{
    text(s, ",\"verify\":");
    sim_put_action(s, participant, way == WAY_FUNCTION ? WAY_FUNCTION : WAY_HTTP, "verify",
                   PLACE_REQUEST);
    if (way == WAY_TASK) feature(s, SIM_REACHED_MADE_TASK_VERIFY);
}

static void put_call(struct shape *s, uint32_t step)
{
    uint32_t participant = pick(s, SIM_PARTICIPANTS);
    enum way way = coin(s, 200) ? WAY_FUNCTION : WAY_HTTP;
    bool has_verify = coin(s, 250), is_pivot = step == s->pivot;
    if (coin(s, 120)) way = WAY_TASK;
    if (way == WAY_TASK) s->known->has_tasks = true;
    bool is_foreach = coin(s, is_pivot ? 60 : 120);
    const char *types[] = { coin(s, 300) ? "service" : "http", "function", "task" };
    sk_buf_printf(s->out, "\"type\":\"%s\"", types[way]);
    if (is_pivot && is_foreach) feature(s, SIM_REACHED_MADE_PIVOT_FOREACH);
    if (is_pivot && way == WAY_TASK) feature(s, SIM_REACHED_MADE_PIVOT_TASK);
    /* What the policy would be must be known: no_retry where it must succeed needs a verify. */
    bool has_own = coin(s, 500), may_be_none = !sim_must_succeed(s, step);
    if (s->is_global_none && !has_own && !may_be_none) has_verify = true;
    if (is_foreach) {
        put_foreach(s, participant, way);
    } else {
        text(s, ",\"action\":");
        sim_put_action(s, participant, way, "do", PLACE_REQUEST);
        sim_put_compensation(s, participant, way, s->is_undo_required && sim_is_undone(s, step));
    }
    if (has_verify) put_verify(s, participant, way);
    s->is_item = false;
    if ((participant & 2u) == 0 && coin(s, 800))
        text(s, ",\"idempotent\":true");
    else if (coin(s, 50))
        text(s, ",\"idempotent\":false");
    if (coin(s, 60))
        text(s, coin(s, 500) ? ",\"idempotency_key\":\"{{ .saga_id }}-{{ .step_id }}\""
                             : ",\"idempotency_key\":\"{{ .input.user | upper }}/{{ .saga_id }}/"
                               "{{ .step_id }}\"");
    put_times(s);
    if (has_own) sim_put_retry(s, "retry_policy", has_verify || may_be_none);
    if (coin(s, 100)) sim_put_hooks(s, "on_failure", true);
    if (coin(s, 60)) sim_put_hooks(s, "on_success", true);
}

/* ---- waits ----------------------------------------------------------------------------------- */

static void put_poll(struct shape *s)
{
    text(s, "\"poll\":{\"action\":");
    sim_put_action(s, pick(s, SIM_PARTICIPANTS), coin(s, 250) ? WAY_FUNCTION : WAY_HTTP, "poll",
                   PLACE_REQUEST);
    text(s, coin(s, 700) ? ",\"interval\":\"1s\"" : ",\"interval\":\"300ms\"");
    text(s, coin(s, 700) ? ",\"until\":\"$response.ready == true\""
                         : ",\"until\":\"$response.ready && $input.n != 99\"");
    if (coin(s, 400)) {
        text(s, ",\"fail_if\":\"$response.lost == true\"");
        feature(s, SIM_REACHED_MADE_POLL_FAIL_IF);
    }
    if (coin(s, 500)) text(s, ",\"timeout\":\"20s\"");
    text(s, "}");
}

static void put_wait(struct shape *s, bool is_async)
{
    text(s, "\"type\":\"wait\",\"wait\":{");
    switch (pick(s, is_async ? 6 : 9)) {
    case 0:
    case 1: sk_buf_printf(s->out, "\"for\":\"%ums\"", 100 + pick(s, 8000)); break;
    case 2: text(s, "\"for\":\"{{ .input.pause }}\""); break;
    case 3: text(s, "\"signal\":\"go\",\"timeout\":\"25s\""); break;
    case 4: text(s, "\"signal\":{\"name\":\"ok\",\"timeout\":\"12s\"}"); break;
    case 5:
        text(s, coin(s, 500) ? "\"until\":\"2026-01-01T00:00:30Z\""
                             : "\"until\":\"{{ .input.when }}\"");
        break;
    case 6: text(s, coin(s, 700) ? "\"signal\":\"go\"" : "\"signal\":{\"name\":\"go\"}"); break;
    default: put_poll(s);
    }
    text(s, "}");
    if (s->is_undo_required && coin(s, 100)) text(s, ",\"compensation\":{\"type\":\"skip\"}");
    if (coin(s, 60)) sim_put_hooks(s, "on_failure", true);
}

/* ---- children -------------------------------------------------------------------------------- */

static bool may_be_child(const struct shape *s, uint32_t child)
{
    return s->known->depth[child] < 4 && !s->known->is_no_child[child];
}

/* A definition that may be a child here, or SIM_DEFINITIONS_MAX. */
static uint32_t draw_child(struct shape *s)
{
    if (s->known->count == 0 || s->known->has_no_messages) return SIM_DEFINITIONS_MAX;
    uint32_t child = pick(s, s->known->count);
    return may_be_child(s, child) ? child : SIM_DEFINITIONS_MAX;
}

static void put_child_input(struct shape *s, bool is_again)
{
    sk_buf_printf(s->out,
                  ",\"input\":{\"n\":\"{{ .input.n }}\",\"list\":[1,2],\"few\":[1,2],\"none\":[],"
                  "\"user\":\"child\",\"pause\":\"1s\",\"lock\":\"{{ .input.lock }}\","
                  "\"when\":\"2026-01-01T00:00:10Z\",\"again\":%s}",
                  is_again ? "true" : "false");
}

static void put_child(struct shape *s, uint32_t step, uint32_t child)
{
    bool is_foreach = coin(s, 200), has_pivot = s->known->has_pivot[child];
    bool is_item_of_pivot = is_foreach && step == s->pivot;
    bool needs_undo =
        has_pivot && (!sim_must_succeed(s, step) || (is_item_of_pivot && !s->is_forward));
    text(s, "\"type\":\"saga\",");
    if (has_pivot) feature(s, SIM_REACHED_MADE_CHILD_WITH_PIVOT);
    if (is_foreach) {
        text(s, "\"foreach\":{\"items\":\"{{ .input.few }}\",\"var\":\"it\",\"parallel\":2,");
        feature(s, SIM_REACHED_MADE_CHILD_FOREACH);
    }
    sk_buf_printf(s->out, "\"action\":{\"saga\":{\"definition\":\"d%u\"", child);
    if (coin(s, 300)) text(s, ",\"version\":\"1\"");
    if (coin(s, 970)) put_child_input(s, false);
    text(s, "}}");
    if (needs_undo || coin(s, 60)) {
        if (coin(s, 300)) {
            text(s, ",\"compensation\":{\"type\":\"skip\"}");
        } else {
            text(s, ",\"compensation\":{\"type\":\"custom\",\"action\":");
            s->is_item = is_foreach;
            sim_put_action(s, pick(s, SIM_PARTICIPANTS), WAY_HTTP, "undo", PLACE_UNDO);
            s->is_item = false;
            text(s, "}");
        }
        feature(s, SIM_REACHED_MADE_CHILD_OWN_UNDO);
    } else if (s->is_undo_required || coin(s, 300)) {
        text(s, ",\"compensation\":{\"type\":\"automatic\"}");
    }
    if (is_foreach) text(s, "}");
    if (s->depth <= s->known->depth[child]) s->depth = s->known->depth[child] + 1;
    if (s->depth >= 3) feature(s, SIM_REACHED_MADE_DEPTH_3);
}

/* Itself, once: its child's input says no more. */
static void put_itself(struct shape *s)
{
    sk_buf_printf(s->out, "\"type\":\"saga\",\"action\":{\"saga\":{\"definition\":\"d%u\"",
                  s->number);
    put_child_input(s, false);
    text(s, "}},\"condition\":{\"expression\":\"$input.again == true\"}");
    if (s->is_undo_required) text(s, ",\"compensation\":{\"type\":\"automatic\"}");
    if (s->depth == 0) s->depth = 1;
    feature(s, SIM_REACHED_MADE_CHILD_OF_ITSELF);
}

/* ---- the step -------------------------------------------------------------------------------- */

static void put_dependencies(struct shape *s, uint32_t step)
{
    if (!s->names_dependencies[step]) return;
    const char *before = "";
    text(s, ",\"dependencies\":[");
    for (uint32_t i = 0; i < step; i++) {
        if ((s->dependencies[step] >> i & 1u) == 0) continue;
        sk_buf_printf(s->out, "%s\"s%u%s\"", before, i, s->suffix);
        before = ",";
    }
    text(s, "]");
}

/* The step that asks is neither optional nor has it a verify: so it stands before or after the
 * pivot, and its policy tries again. */
static bool may_ask(const struct shape *s, uint32_t step, bool has_policy)
{
    if (has_policy || s->is_global_none) return false;
    if (s->pivot == s->steps_count || step == s->pivot) return true;
    return (s->ancestors[step] >> s->pivot & 1u) != 0 || (s->ancestors[s->pivot] >> step & 1u) != 0;
}

static void put_condition(struct shape *s, uint32_t step, bool may_use_function)
{
    (void)step;
    if (may_use_function && coin(s, 300)) {
        sk_buf_printf(s->out, ",\"condition\":{\"function\":\"c%u\"", pick(s, SIM_PARTICIPANTS));
        if (coin(s, 500)) text(s, ",\"variables\":{\"who\":\"{{ .input.user }}\"}");
        text(s, "}");
        feature(s, SIM_REACHED_MADE_CONDITION_FUNCTION);
        return;
    }
    if (coin(s, 300)) {
        text(s, ",\"condition\":{\"expression\":\"$variables.n > 4 || $variables.who == 'u1'\","
                "\"variables\":{\"n\":\"{{ .input.n }}\",\"who\":\"{{ .input.user }}\"}}");
        return;
    }
    text(s, ",\"condition\":{\"expression\":");
    sim_put_expression(s);
    text(s, "}");
}

static void put_kind(struct shape *s, uint32_t step, bool *out_is_call, bool *out_is_itself)
{
    uint32_t kind = pick(s, 100), child = kind >= 90 ? draw_child(s) : SIM_DEFINITIONS_MAX;
    bool may_be_itself = kind == 99 && !s->known->has_no_messages && step != s->pivot &&
                         s->pivot == s->steps_count && !s->has_locks;
    *out_is_call = *out_is_itself = false;
    if (may_be_itself) {
        *out_is_itself = true;
        put_itself(s);
    } else if (step == s->pivot && child < SIM_DEFINITIONS_MAX && coin(s, 500)) {
        put_child(s, step, child);
        feature(s, SIM_REACHED_MADE_PIVOT_CHILD);
    } else if (step == s->pivot || kind < 82 || (kind >= 90 && child == SIM_DEFINITIONS_MAX)) {
        *out_is_call = true;
        put_call(s, step);
    } else if (kind < 90) {
        put_wait(s, s->is_async[step]);
    } else {
        put_child(s, step, child);
    }
}

void sim_put_step(struct shape *s, uint32_t step)
{
    bool is_call = false, is_itself = false;
    s->step = step;
    sk_buf_printf(s->out, "%s{\"id\":\"s%u%s\",\"name\":\"Step %u\",", step > 0 ? "," : "", step,
                  s->suffix, step);
    size_t before = s->out->size;
    put_kind(s, step, &is_call, &is_itself);
    struct sk_str written = { s->out->data + before, s->out->size - before };
    bool has_policy = memmem(written.data, written.size, ",\"retry_policy\"", 15) != NULL;
    put_dependencies(s, step);
    if (s->is_async[step]) text(s, ",\"async\":true");
    if (s->may_fail[step]) text(s, ",\"continue_on_error\":true");
    if (step == s->pivot) text(s, ",\"pivot\":true");
    if (!is_itself && coin(s, 100)) {
        if (step == s->pivot) feature(s, SIM_REACHED_MADE_PIVOT_CONDITION);
        put_condition(s, step, is_call && may_ask(s, step, has_policy));
    }
    if (coin(s, 40)) text(s, ",\"description\":\"Says what it does.\"");
    if (coin(s, 40)) {
        text(s, ",\"metadata\":");
        sim_generate_json(s->rng, 2, false, s->out);
    }
    text(s, "}");
}

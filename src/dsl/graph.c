/* graph.c: a plan's graph as dot, mermaid, JSON and text. The picture is in graph_svg.c. */
#include "dsl/graph.h"

#include "base/json.h"

/* ---- shared ---------------------------------------------------------------------------------- */

static const struct {
    const char *state;
    struct sk_paint paint;
} state_paints[] = {
    { "pending", { "#f1f5f9", "#94a3b8" } },
    { "running", { "#dbeafe", "#2563eb" } },
    { "waiting", { "#fef3c7", "#d97706" } },
    { "completed", { "#dcfce7", "#16a34a" } },
    { "failed", { "#fee2e2", "#dc2626" } },
    { "skipped", { "#f8fafc", "#cbd5e1" } },
    { "compensating", { "#ffedd5", "#ea580c" } },
    { "compensated", { "#ede9fe", "#7c3aed" } },
    { "compensation_failed", { "#fecaca", "#7f1d1d" } },
};

static struct sk_paint paint_of_kind(enum sk_step_kind kind)
{
    switch (kind) {
    case SK_KIND_HTTP:
    case SK_KIND_GRPC: return (struct sk_paint){ "#eff6ff", "#3b82f6" };
    case SK_KIND_FUNCTION:
    case SK_KIND_CUSTOM: return (struct sk_paint){ "#f0fdf4", "#22c55e" };
    case SK_KIND_MESSAGE:
    case SK_KIND_EVENT: return (struct sk_paint){ "#faf5ff", "#a855f7" };
    case SK_KIND_SAGA: return (struct sk_paint){ "#f0fdfa", "#14b8a6" };
    case SK_KIND_WAIT:
    case SK_KIND_TASK: return (struct sk_paint){ "#fffbeb", "#f59e0b" };
    case SK_KINDS_COUNT: break;
    }
    return (struct sk_paint){ "#f8fafc", "#64748b" };
}

struct sk_paint sk_graph_paint(const struct sk_step *step, const char *state)
{
    for (size_t i = 0; state != NULL && i < sizeof state_paints / sizeof state_paints[0]; i++) {
        if (strcmp(state_paints[i].state, state) == 0) return state_paints[i].paint;
    }
    return paint_of_kind(step->kind);
}

void sk_graph_remark(const struct sk_step *step, struct sk_buf *out)
{
    sk_buf_append_text(out, sk_step_kind_name(step->kind));
    if (step->is_pivot) sk_buf_append_text(out, " · pivot");
    if (step->is_detached) sk_buf_append_text(out, " · async");
    if (step->items != NULL) sk_buf_append_text(out, " · foreach");
    if (step->condition != NULL) sk_buf_append_text(out, " · if");
    if (step->may_fail) sk_buf_append_text(out, " · may fail");
    switch (step->compensation.type) {
    case SK_UNDO_NONE: break;
    case SK_UNDO_SKIP: sk_buf_append_text(out, " · nothing to undo"); break;
    case SK_UNDO_CUSTOM:
    case SK_UNDO_AUTOMATIC: sk_buf_append_text(out, " · undo"); break;
    }
}

void sk_graph_escape(struct sk_buf *out, struct sk_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        switch (text.data[i]) {
        case '<': sk_buf_append_text(out, "&lt;"); break;
        case '>': sk_buf_append_text(out, "&gt;"); break;
        case '&': sk_buf_append_text(out, "&amp;"); break;
        case '"': sk_buf_append_text(out, "&quot;"); break;
        default:
            sk_buf_append_char(out, (unsigned char)text.data[i] < 0x20 ? ' ' : text.data[i]);
            break;
        }
    }
}

uint32_t sk_graph_levels(const struct sk_plan *plan)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        if (plan->steps[i].level >= count) count = plan->steps[i].level + 1;
    }
    return count;
}

static const char *state_of(const char *const *states, uint32_t step)
{
    return states == NULL ? NULL : states[step];
}

/* ---- dot ------------------------------------------------------------------------------------- */

static void put_dot_step(const struct sk_plan *plan, uint32_t index, const char *state,
                         struct sk_buf *out)
{
    const struct sk_step *step = &plan->steps[index];
    struct sk_paint paint = sk_graph_paint(step, state);
    sk_buf_printf(out, "  s%u [label=<<b>", index);
    sk_graph_escape(out, step->name);
    sk_buf_append_text(out, "</b><br/>");
    sk_graph_escape(out, step->id);
    sk_buf_append_text(out, "<br/><font point-size=\"10\">");
    sk_graph_remark(step, out);
    if (state != NULL) {
        sk_buf_append_text(out, " · ");
        sk_graph_escape(out, sk_str_of(state));
    }
    sk_buf_printf(out, "</font>> fillcolor=\"%s\" color=\"%s\"%s];\n", paint.fill, paint.line,
                  step->is_pivot ? " penwidth=2.5" : "");
}

static void put_dot(const struct sk_plan *plan, const char *const *states, struct sk_buf *out)
{
    sk_buf_append_text(out, "digraph saga {\n  label=<");
    sk_graph_escape(out, plan->name);
    sk_buf_append_text(out,
                       ">; labelloc=t; rankdir=TB;\n  node [shape=box style=\"rounded,filled\" "
                       "fontname=\"sans-serif\"];\n  edge [color=\"#64748b\"];\n");
    for (uint32_t i = 0; i < plan->steps_count; i++)
        put_dot_step(plan, i, state_of(states, i), out);
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        const struct sk_step *step = &plan->steps[i];
        for (uint32_t k = 0; k < step->dependencies_count; k++) {
            bool is_loose = plan->steps[step->dependencies[k]].is_detached;
            sk_buf_printf(out, "  s%u -> s%u%s;\n", step->dependencies[k], i,
                          is_loose ? " [style=dashed]" : "");
        }
    }
    sk_buf_append_text(out, "}\n");
}

/* ---- mermaid --------------------------------------------------------------------------------- */

/* Entities with # keep quotes, brackets and markdown out of mermaid's grammar. */
static void put_mermaid_text(struct sk_buf *out, struct sk_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool is_special = strchr("\"'`<>[](){}|#;&\\", c) != NULL && c != 0;
        if (c < 0x20) {
            sk_buf_append_char(out, ' ');
        } else if (is_special) {
            sk_buf_printf(out, "#%u;", c);
        } else {
            sk_buf_append_char(out, (char)c);
        }
    }
}

static void put_mermaid(const struct sk_plan *plan, const char *const *states, struct sk_buf *out)
{
    sk_buf_append_text(out, "flowchart TD\n");
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        const struct sk_step *step = &plan->steps[i];
        struct sk_paint paint = sk_graph_paint(step, state_of(states, i));
        sk_buf_printf(out, "  s%u%s\"", i, step->is_pivot ? "{{" : "(");
        put_mermaid_text(out, step->name);
        sk_buf_append_text(out, "<br/>");
        sk_graph_remark(step, out);
        sk_buf_printf(out, "\"%s\n  style s%u fill:%s,stroke:%s,color:#0f172a\n",
                      step->is_pivot ? "}}" : ")", i, paint.fill, paint.line);
    }
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        const struct sk_step *step = &plan->steps[i];
        for (uint32_t k = 0; k < step->dependencies_count; k++) {
            bool is_loose = plan->steps[step->dependencies[k]].is_detached;
            sk_buf_printf(out, "  s%u %s s%u\n", step->dependencies[k], is_loose ? "-.->" : "-->",
                          i);
        }
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static const char *undo_name(enum sk_compensation_type type)
{
    switch (type) {
    case SK_UNDO_NONE: return "none";
    case SK_UNDO_CUSTOM: return "custom";
    case SK_UNDO_SKIP: return "skip";
    case SK_UNDO_AUTOMATIC: return "automatic";
    }
    return "none";
}

static void put_flag(struct sk_json_writer *w, const char *name, bool value)
{
    sk_json_key(w, name);
    sk_json_put_bool(w, value);
}

static void put_json_step(struct sk_json_writer *w, const struct sk_plan *plan, uint32_t index,
                          const char *state)
{
    const struct sk_step *step = &plan->steps[index];
    sk_json_begin_object(w);
    sk_json_key(w, "id");
    sk_json_put_str(w, step->id);
    sk_json_key(w, "name");
    sk_json_put_str(w, step->name);
    sk_json_key(w, "kind");
    sk_json_put_text(w, sk_step_kind_name(step->kind));
    sk_json_key(w, "level");
    sk_json_put_u64(w, step->level);
    sk_json_key(w, "compensation");
    sk_json_put_text(w, undo_name(step->compensation.type));
    put_flag(w, "pivot", step->is_pivot);
    put_flag(w, "async", step->is_detached);
    put_flag(w, "foreach", step->items != NULL);
    put_flag(w, "conditional", step->condition != NULL);
    put_flag(w, "continue_on_error", step->may_fail);
    if (state != NULL) {
        sk_json_key(w, "state");
        sk_json_put_text(w, state);
    }
    sk_json_key(w, "dependencies");
    sk_json_begin_array(w);
    for (uint32_t k = 0; k < step->dependencies_count; k++) {
        sk_json_put_str(w, plan->steps[step->dependencies[k]].id);
    }
    sk_json_end_array(w);
    sk_json_end_object(w);
}

static void put_json(const struct sk_plan *plan, const char *const *states, struct sk_buf *out)
{
    struct sk_json_writer w = sk_json_writer_of(out);
    sk_json_begin_object(&w);
    sk_json_key(&w, "id");
    sk_json_put_str(&w, plan->id);
    sk_json_key(&w, "name");
    sk_json_put_str(&w, plan->name);
    sk_json_key(&w, "version");
    sk_json_put_str(&w, plan->version);
    sk_json_key(&w, "levels_count");
    sk_json_put_u64(&w, sk_graph_levels(plan));
    sk_json_key(&w, "steps");
    sk_json_begin_array(&w);
    for (uint32_t i = 0; i < plan->steps_count; i++)
        put_json_step(&w, plan, i, state_of(states, i));
    sk_json_end_array(&w);
    sk_json_end_object(&w);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void put_text_step(const struct sk_plan *plan, const struct sk_step *step, bool is_last,
                          const char *state, struct sk_buf *out)
{
    sk_buf_append_text(out, is_last ? "  └─ " : "  ├─ ");
    sk_buf_append_str(out, step->id);
    sk_buf_append_text(out, "  (");
    sk_graph_remark(step, out);
    sk_buf_append_char(out, ')');
    if (state != NULL) sk_buf_printf(out, "  [%s]", state);
    for (uint32_t k = 0; k < step->dependencies_count; k++) {
        sk_buf_append_text(out, k == 0 ? "  ← " : ", ");
        sk_buf_append_str(out, plan->steps[step->dependencies[k]].id);
    }
    sk_buf_append_char(out, '\n');
}

static void put_text(const struct sk_plan *plan, const char *const *states, struct sk_buf *out)
{
    sk_buf_append_str(out, plan->id);
    sk_buf_append_char(out, ' ');
    sk_buf_append_str(out, plan->version);
    sk_buf_append_char(out, '\n');
    uint32_t levels = sk_graph_levels(plan);
    for (uint32_t level = 0; level < levels; level++) {
        sk_buf_printf(out, "level %u\n", level);
        uint32_t last = 0;
        for (uint32_t i = 0; i < plan->steps_count; i++) {
            if (plan->steps[i].level == level) last = i;
        }
        for (uint32_t i = 0; i <= last; i++) {
            const struct sk_step *step = &plan->steps[i];
            if (step->level == level)
                put_text_step(plan, step, i == last, state_of(states, i), out);
        }
    }
}

enum skald_status sk_dsl_graph(const struct sk_plan *plan, enum sk_graph_format format,
                               const char *const *states, struct sk_buf *out)
{
    switch (format) {
    case SK_GRAPH_DOT: put_dot(plan, states, out); break;
    case SK_GRAPH_MERMAID: put_mermaid(plan, states, out); break;
    case SK_GRAPH_SVG: return sk_graph_svg(plan, states, out);
    case SK_GRAPH_JSON: put_json(plan, states, out); break;
    case SK_GRAPH_TEXT: put_text(plan, states, out); break;
    }
    return out->failed ? SKALD_E_MEMORY : SKALD_OK;
}

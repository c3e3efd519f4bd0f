/*
 * generate.c: random definitions: the graph and the saga itself. They keep the rules of the
 * definition language by construction (so a refusal is a finding), and use every feature that the
 * simulated world can carry out.
 *
 * Not here: kinds whose adapter this build has none of (grpc, message, custom, choreography); they
 * stand in generate_defect.c, since they must be refused.
 */
#include "generate_private.h"

/* ---- the graph ------------------------------------------------------------------------------- */

static bool is_cut(const struct shape *s, uint32_t step)
{
    for (uint32_t i = 0; i < s->steps_count; i++) {
        bool is_related =
            i == step || (s->ancestors[step] >> i & 1u) != 0 || (s->ancestors[i] >> step & 1u) != 0;
        if (!is_related && !s->is_async[i] && !s->may_fail[i]) return false;
    }
    return true;
}

static void depend(struct shape *s, uint32_t step, uint32_t before)
{
    s->dependencies[step] |= 1u << before;
    s->ancestors[step] |= 1u << before | s->ancestors[before];
}

static void draw_dependencies(struct shape *s, uint32_t step, uint32_t most)
{
    uint32_t wanted = most == 1 ? 1 : pick(s, most + 1);
    for (uint32_t k = 0; k < wanted; k++) depend(s, step, most == 1 ? step - 1 : pick(s, step));
    s->names_dependencies[step] = wanted > 0 || coin(s, 100);
    if (!s->is_sequential) return;
    /* The one above it, unless it says otherwise. */
    if (s->dependencies[step] == 1u << (step - 1)) s->names_dependencies[step] = coin(s, 300);
    if (!s->names_dependencies[step]) depend(s, step, step - 1);
}

static uint32_t draw_size(struct shape *s)
{
    uint32_t size = pick(s, 1000);
    if (size < 860) return 1 + pick(s, 5);
    if (size < 985) return 1 + pick(s, 10);
    return size < 994 ? 1 + pick(s, SIM_GENERATED_STEPS_MAX) : SIM_GENERATED_STEPS_MAX;
}

static void draw_graph(struct shape *s)
{
    s->steps_count = draw_size(s);
    uint32_t most = coin(s, 400) ? 1 : 3; /* chains, or wider graphs */
    s->is_sequential = coin(s, 150);
    for (uint32_t i = 0; i < s->steps_count; i++) {
        if (i > 0) draw_dependencies(s, i, most);
        s->is_async[i] = coin(s, 70);
        s->may_fail[i] = !s->is_async[i] ? coin(s, 120) : coin(s, 40);
    }
    s->pivot = s->steps_count;
    if (!coin(s, 250)) return;
    uint32_t from = pick(s, s->steps_count);
    for (uint32_t i = 0; i < s->steps_count && s->pivot == s->steps_count; i++) {
        uint32_t step = (from + i) % s->steps_count;
        if (!s->is_async[step] && !s->may_fail[step] && is_cut(s, step)) s->pivot = step;
    }
}

/* ---- the saga -------------------------------------------------------------------------------- */

static void put_locks(struct shape *s)
{
    static const char *const keys[] = { "[\"k-{{ .input.lock }}\"]",
                                        "[\"k-1\",\"k-{{ .input.lock }}\"]",
                                        "[\"k-{{ .input.lock }}\",\"k-0\",\"k-1\",\"k-2\"]",
                                        "[\"{{ .context.request }}\",\"k-3\"]", "[]" };
    if (!s->has_locks) return;
    sk_buf_printf(s->out, ",\"lock_keys\":%s", keys[pick(s, 5)]);
    if (coin(s, 500)) {
        bool waits = coin(s, 150);
        sk_buf_printf(s->out, ",\"lock_timeout\":\"%s\"", waits ? "0s" : "8s");
        /* A child that holds on to nothing but waits for ever could close a ring with its
         * parent. */
        if (waits) s->known->is_no_child[s->number] = true;
        if (waits) feature(s, SIM_REACHED_MADE_LOCK_FOR_EVER);
    }
    if (coin(s, 250))
        sk_buf_printf(s->out, ",\"lock_on_failed\":\"%s\"", coin(s, 800) ? "hold" : "release");
}

static void put_words(struct shape *s)
{
    if (coin(s, 100)) text(s, ",\"description\":\"Was für die Erzeugung nötig ist.\"");
    if (coin(s, 100)) text(s, ",\"mode\":\"orchestration\"");
    if (s->is_sequential || coin(s, 50))
        sk_buf_printf(s->out, ",\"order\":\"%s\"", s->is_sequential ? "sequential" : "graph");
    if (s->is_forward || coin(s, 50))
        sk_buf_printf(s->out, ",\"recovery\":\"%s\"", s->is_forward ? "forward" : "backward");
    if (coin(s, 80)) text(s, coin(s, 500) ? ",\"tags\":[\"a\",\"b ü\"]" : ",\"tags\":\"one\"");
    if (coin(s, 60)) {
        text(s, ",\"metadata\":");
        sim_generate_json(s->rng, 3, false, s->out);
    }
}

/* What fits every input but SIM_INPUT_MISFIT, and those that parents give. */
static void put_input_schema(struct shape *s)
{
    if (!coin(s, 150)) return;
    text(s, ",\"input_schema\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":[\"number\","
            "\"string\",\"null\"],\"maximum\":1000},\"user\":{\"type\":\"string\",\"pattern\":"
            "\"^.*$\"}},"
            "\"additionalProperties\":true}");
    feature(s, SIM_REACHED_MADE_INPUT_SCHEMA);
}

static void put_output(struct shape *s)
{
    if (!coin(s, 250)) return;
    uint32_t source = pick(s, s->steps_count);
    feature(s, SIM_REACHED_MADE_OUTPUT);
    if (s->is_async[source] || coin(s, 300)) {
        text(s, ",\"output\":{\"n\":\"{{ .input.n }}\",\"at\":\"{{ .timestamp }}\",\"id\":"
                "\"{{ .saga_id }}\"}");
    } else if (coin(s, 500)) {
        sk_buf_printf(s->out, ",\"output\":\"{{ .output.s%u%s }}\"", source, s->suffix);
    } else {
        sk_buf_printf(s->out, ",\"output\":{\"it\":\"{{ .output.s%u%s.n }}\",\"is\":[\"fixed\",1]}",
                      source, s->suffix);
    }
}

static void put_saga(struct shape *s)
{
    sk_buf_printf(s->out, "\"saga\":{\"id\":\"d%u\",\"name\":\"Definition %u\"", s->number,
                  s->number);
    text(s, ",\"version\":\"1\"");
    if (s->timeout_s > 0) sk_buf_printf(s->out, ",\"timeout\":\"%us\"", s->timeout_s);
    put_words(s);
    put_locks(s);
    put_input_schema(s);
    put_output(s);
    s->step = s->steps_count;
    if (coin(s, 80)) sim_put_hooks(s, "on_failure", !s->known->has_no_messages);
    if (coin(s, 40)) sim_put_hooks(s, "on_success", coin(s, 500));
    text(s, "}");
}

static void put_defaults(struct shape *s, bool has_retry, bool has_undo)
{
    static const char *const strategies[] = { "sequential", "parallel", "best_effort" };
    if (has_retry) {
        size_t before = s->out->size;
        sim_put_retry(s, "global_retry_policy", s->is_global_none);
        struct sk_str written = { s->out->data + before, s->out->size - before };
        s->is_global_none = memmem(written.data, written.size, "no_retry", 8) != NULL;
    }
    if (has_undo) {
        sk_buf_printf(s->out, ",\"global_compensation\":{\"strategy\":\"%s\"",
                      strategies[s->strategy]);
        if (coin(s, 200)) text(s, ",\"timeout\":\"3s\"");
        if (coin(s, 200)) text(s, ",\"max_attempts\":3");
        if (s->is_undo_required || coin(s, 50))
            sk_buf_printf(s->out, ",\"compensation\":\"%s\"",
                          s->is_undo_required ? "required" : "optional");
        text(s, "}");
    }
    if (s->has_services) sim_put_services(s);
}

static void note_features(struct shape *s)
{
    static const enum sim_reached_row strategies[] = { SIM_REACHED_MADE_SEQUENTIAL,
                                                       SIM_REACHED_MADE_PARALLEL,
                                                       SIM_REACHED_MADE_BEST_EFFORT };
    feature(s, strategies[s->strategy]);
    if (s->steps_count == SIM_GENERATED_STEPS_MAX) feature(s, SIM_REACHED_MADE_30_STEPS);
    if (s->pivot < s->steps_count) feature(s, SIM_REACHED_MADE_PIVOT);
    if (s->is_forward) feature(s, SIM_REACHED_MADE_FORWARD);
    if (s->is_undo_required) feature(s, SIM_REACHED_MADE_UNDO_REQUIRED);
    if (s->has_locks) feature(s, SIM_REACHED_MADE_LOCKS);
    for (uint32_t i = 0; i < s->steps_count; i++) {
        if (s->is_async[i]) feature(s, SIM_REACHED_MADE_ASYNC);
        if (s->may_fail[i]) feature(s, SIM_REACHED_MADE_MAY_FAIL);
    }
}

void sim_generate_definition(struct sim_generated *known, struct sim_rng *rng, struct sk_buf *out)
{
    static const char *const suffixes[] = { "", "", "", "", "-x", "_Y", "-a_B-9" };
    struct shape shape = { .rng = rng, .known = known, .out = out, .number = known->count };
    struct shape *s = &shape;
    draw_graph(s);
    s->suffix = suffixes[pick(s, 7)];
    s->is_forward = coin(s, 80);
    s->has_services = coin(s, 250);
    bool has_retry = coin(s, 500), has_undo = coin(s, 500);
    s->is_global_none = coin(s, 100) && !s->is_forward && s->pivot == s->steps_count;
    s->strategy = has_undo ? pick(s, 5) * 2 / 4 : 0;
    s->is_undo_required = has_undo && coin(s, 150);
    s->timeout_s = coin(s, 350) ? 5 + pick(s, 40) : 0;
    s->has_locks = coin(s, 150) && !known->has_no_messages;
    text(s, "{");
    put_saga(s);
    if (!has_retry) s->is_global_none = false;
    put_defaults(s, has_retry, has_undo);
    text(s, ",\"steps\":[");
    for (uint32_t i = 0; i < s->steps_count; i++) sim_put_step(s, i);
    text(s, "]}");
    note_features(s);
    known->has_pivot[known->count] = s->pivot < s->steps_count;
    known->depth[known->count] = s->depth;
    known->count += 1;
}

/*
 * generate.c: random definitions. They keep the rules of the definition language by construction
 * (so a refusal is a finding), and use every feature that the simulated world can carry out.
 *
 * Not here: kinds whose adapter the simulator has none of (grpc, message, task, choreography).
 */
#include "generate.h"

#include "participants.h"

struct shape {
    struct sim_rng *rng;
    struct sim_generated *known;
    struct sk_buf *out;
    uint32_t steps_count;
    uint32_t dependencies[SIM_GENERATED_STEPS_MAX]; /* bits */
    uint32_t ancestors[SIM_GENERATED_STEPS_MAX];
    bool is_async[SIM_GENERATED_STEPS_MAX], may_fail[SIM_GENERATED_STEPS_MAX];
    uint32_t pivot; /* steps_count = none */
    bool is_forward, has_own_timeout, is_parallel;
    uint32_t depth;
    uint32_t step; /* the one being written */
    bool is_item;  /* inside its foreach */
};

static bool coin(struct shape *s, uint32_t permille)
{
    return sim_chance(s->rng, permille);
}

static uint32_t pick(struct shape *s, uint32_t n)
{
    return sim_below(s->rng, n);
}

static void text(struct shape *s, const char *literal)
{
    sk_buf_append_text(s->out, literal);
}

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

static void draw_graph(struct shape *s)
{
    uint32_t size = pick(s, 100);
    s->steps_count = 1 + pick(s, size < 88 ? 5 : size < 99 ? 10 : SIM_GENERATED_STEPS_MAX);
    uint32_t most = coin(s, 400) ? 1 : 3; /* chains, or wider graphs */
    for (uint32_t i = 0; i < s->steps_count; i++) {
        uint32_t wanted = i == 0 ? 0 : most == 1 ? 1 : pick(s, most + 1);
        for (uint32_t k = 0; k < wanted; k++) {
            uint32_t before = most == 1 ? i - 1 : pick(s, i);
            s->dependencies[i] |= 1u << before;
            s->ancestors[i] |= 1u << before | s->ancestors[before];
        }
        s->is_async[i] = coin(s, 60);
        s->may_fail[i] = !s->is_async[i] && coin(s, 80);
    }
    s->pivot = s->steps_count;
    if (!coin(s, 250)) return;
    uint32_t from = pick(s, s->steps_count);
    for (uint32_t i = 0; i < s->steps_count && s->pivot == s->steps_count; i++) {
        uint32_t step = (from + i) % s->steps_count;
        if (!s->is_async[step] && !s->may_fail[step] && is_cut(s, step)) s->pivot = step;
    }
}

static bool must_succeed(const struct shape *s, uint32_t step)
{
    bool is_after = s->pivot < s->steps_count && (s->ancestors[step] >> s->pivot & 1u) != 0;
    return s->is_forward || step == s->pivot || is_after;
}

/* ---- pieces of a step ------------------------------------------------------------------------ */

static void put_retry(struct shape *s, const char *name, bool may_be_none)
{
    static const char *const types[] = { "fixed_delay", "exponential_backoff", "linear_backoff",
                                         "no_retry" };
    uint32_t type = pick(s, may_be_none ? 4 : 3);
    sk_buf_printf(s->out, ",\"%s\":{\"type\":\"%s\"", name, types[type]);
    if (type < 3) {
        sk_buf_printf(s->out,
                      ",\"max_attempts\":%u,\"initial_delay\":\"%ums\",\"max_delay\":\"%us\"",
                      1 + pick(s, 4), 100 * pick(s, 20), 2 + pick(s, 6));
        if (type == 2) text(s, ",\"increment\":\"500ms\"");
        if (coin(s, 300))
            text(s, ",\"jitter\":true");
        else if (coin(s, 200))
            text(s, ",\"jitter\":\"full\"");
        if (coin(s, 100)) text(s, ",\"retryable_errors\":[\"timeout\",\"service_unavailable\"]");
        if (coin(s, 60)) text(s, ",\"non_retryable_errors\":[\"http_500\"]");
    }
    text(s, "}");
}

/* A step before this one whose output may be read; steps_count = none. */
static uint32_t pick_source(struct shape *s)
{
    uint32_t from = pick(s, s->steps_count);
    for (uint32_t i = 0; i < s->steps_count; i++) {
        uint32_t before = (from + i) % s->steps_count;
        if ((s->ancestors[s->step] >> before & 1u) != 0 && !s->is_async[before]) return before;
    }
    return s->steps_count;
}

static void put_body(struct shape *s, const char *name)
{
    uint32_t source = pick_source(s);
    sk_buf_printf(s->out, ",\"%s\":{\"n\":\"{{ .input.n }}\"", name);
    if (coin(s, 500)) text(s, ",\"at\":\"{{ .timestamp }}\",\"saga\":\"{{ .saga_id }}\"");
    if (source < s->steps_count && coin(s, 500))
        sk_buf_printf(s->out, ",\"before\":\"{{ .output.s%u }}\"", source);
    if (s->is_item) text(s, ",\"it\":\"{{ .it }}\",\"text\":\"item {{ .it }} of {{ .step_id }}\"");
    text(s, "}");
}

static void put_service(struct shape *s, uint32_t participant, const char *path)
{
    sk_buf_printf(s->out,
                  "{\"service\":{\"name\":\"p%u\",\"endpoint\":\"http://p%u\",\"path\":\"/%s\"",
                  participant, participant, path);
    if (coin(s, 700)) put_body(s, "body");
    if (coin(s, 100)) text(s, ",\"headers\":{\"x-user\":\"{{ .input.user }}\"}");
    text(s, "}}");
}

enum way { WAY_HTTP, WAY_FUNCTION, WAY_TASK };

static void put_action(struct shape *s, uint32_t participant, enum way way, const char *path)
{
    if (way == WAY_HTTP) {
        put_service(s, participant, path);
        return;
    }
    if (way == WAY_TASK) {
        sk_buf_printf(s->out, "{\"task\":{\"queue\":\"q%u\"", participant);
        if (coin(s, 700)) put_body(s, "input");
        text(s, "}}");
        return;
    }
    sk_buf_printf(s->out, "{\"function\":{\"name\":\"f%u\"", participant);
    if (coin(s, 700)) put_body(s, "parameters");
    text(s, "}}");
}

static void put_notification(struct shape *s)
{
    text(s, "{\"type\":\"slack\",\"target\":\"#c{{ .input.n }}\"");
    if (coin(s, 500)) text(s, ",\"message\":\"{{ .error.code }} of {{ .saga_id }}\"");
    if (coin(s, 300)) text(s, ",\"metadata\":{\"user\":\"{{ .input.user }}\"}");
    text(s, "}");
}

/* One to three of them; behind a comma. */
static void put_hooks(struct shape *s, const char *name, bool has_actions)
{
    bool has_notifications = !has_actions || coin(s, 500);
    has_actions = has_actions && (!has_notifications || coin(s, 500));
    sk_buf_printf(s->out, ",\"%s\":{", name);
    if (has_actions) {
        text(s, "\"actions\":[");
        put_action(s, pick(s, SIM_PARTICIPANTS), coin(s, 300) ? WAY_FUNCTION : WAY_HTTP, "hook");
        text(s, has_notifications ? "]," : "]");
    }
    if (has_notifications) {
        text(s, "\"notifications\":[");
        put_notification(s);
        if (coin(s, 300)) {
            text(s, ",");
            put_notification(s);
        }
        text(s, "]");
    }
    text(s, "}");
}

static void put_compensation(struct shape *s, uint32_t participant, enum way way)
{
    static const char *const answers[] = { "fail", "retry", "alert", "ignore", "log" };
    uint32_t type = pick(s, 20);
    if (type == 0) return; /* none at all */
    if (type == 1) {
        text(s, ",\"compensation\":{\"type\":\"skip\"}");
        return;
    }
    text(s, ",\"compensation\":{\"type\":");
    if (type < 6) {
        text(s, "\"automatic\"");
    } else {
        text(s, "\"custom\",\"action\":");
        put_action(s, participant, way, "undo");
    }
    if (coin(s, 80)) text(s, ",\"when\":\"completed\"");
    if (coin(s, 80)) text(s, ",\"strategy\":\"best_effort\"");
    if (coin(s, 400)) sk_buf_printf(s->out, ",\"timeout\":\"%us\"", 1 + pick(s, 5));
    if (coin(s, 300))
        put_retry(s, "retry_policy", false);
    else if (coin(s, 300))
        sk_buf_printf(s->out, ",\"max_attempts\":%u", 1 + pick(s, 4));
    if (coin(s, 200)) {
        uint32_t answer = pick(s, 5);
        sk_buf_printf(s->out, ",\"on_failure\":{\"action\":\"%s\"", answers[answer]);
        if (answer == 1) put_retry(s, "retry_policy", false);
        if (coin(s, 300)) {
            text(s, ",\"notifications\":[");
            put_notification(s);
            text(s, "]");
        }
        text(s, "}");
    }
    text(s, "}");
}

static void put_call(struct shape *s, uint32_t step)
{
    uint32_t participant = pick(s, SIM_PARTICIPANTS);
    enum way way = coin(s, 200) ? WAY_FUNCTION : WAY_HTTP;
    bool has_verify = coin(s, 250);
    if (coin(s, 120)) way = WAY_TASK;
    if (way == WAY_TASK) s->known->has_tasks = true;
    bool is_foreach = coin(s, 100) && step != s->pivot;
    static const char *const types[] = { "http", "function", "task" };
    sk_buf_printf(s->out, "\"type\":\"%s\"", types[way]);
    if (is_foreach) {
        text(s, ",\"foreach\":{\"items\":\"{{ .input.list }}\",\"var\":\"it\",\"action\":");
        s->is_item = true;
        put_action(s, participant, way, "item");
        if (coin(s, 500)) sk_buf_printf(s->out, ",\"parallel\":%u", 1 + pick(s, 3));
        put_compensation(s, participant, way);
        text(s, "}");
    } else {
        text(s, ",\"action\":");
        put_action(s, participant, way, "do");
        put_compensation(s, participant, way);
    }
    s->is_item = false;
    if ((participant & 2u) == 0 && coin(s, 800)) text(s, ",\"idempotent\":true");
    if (has_verify) {
        text(s, ",\"verify\":");
        put_action(s, participant, way == WAY_FUNCTION ? WAY_FUNCTION : WAY_HTTP, "verify");
    }
    if (coin(s, 60)) text(s, ",\"idempotency_key\":\"{{ .saga_id }}-{{ .step_id }}\"");
    if (coin(s, 100))
        text(s, ",\"timeout\":\"{{ if gt .attempt 1 }}2s{{ else }}1s{{ end }}\"");
    else
        sk_buf_printf(s->out, ",\"timeout\":\"%us\"", 1 + pick(s, 4));
    if (coin(s, 100)) text(s, ",\"step_timeout\":\"15s\"");
    if (coin(s, 200)) sk_buf_printf(s->out, ",\"pending_timeout\":\"%us\"", 5 + pick(s, 20));
    if (coin(s, 500)) put_retry(s, "retry_policy", has_verify || !must_succeed(s, step));
    if (coin(s, 100)) put_hooks(s, "on_failure", true);
    if (coin(s, 60)) put_hooks(s, "on_success", true);
}

/* An async wait for a signal needs a time-out: an ended saga takes no signals. */
static void put_wait(struct shape *s, bool is_async)
{
    text(s, "\"type\":\"wait\",\"wait\":{");
    switch (pick(s, is_async ? 3 : 5)) {
    case 0: sk_buf_printf(s->out, "\"for\":\"%ums\"", 100 + pick(s, 8000)); break;
    case 1: text(s, "\"signal\":\"go\",\"timeout\":\"25s\""); break;
    case 2: text(s, "\"until\":\"2026-01-01T00:00:30Z\""); break;
    case 3: text(s, "\"signal\":\"go\""); break;
    default:
        text(s, "\"poll\":{\"action\":");
        put_service(s, pick(s, SIM_PARTICIPANTS), "poll");
        text(s, ",\"interval\":\"1s\",\"until\":\"$response.ready == true\"");
        if (coin(s, 500)) text(s, ",\"timeout\":\"20s\"");
        text(s, "}");
    }
    text(s, "}");
}

static void put_child(struct shape *s, uint32_t child)
{
    bool is_foreach = coin(s, 200);
    text(s, "\"type\":\"saga\",");
    if (is_foreach)
        text(s, "\"foreach\":{\"items\":\"{{ .input.few }}\",\"var\":\"it\",\"parallel\":2,");
    sk_buf_printf(s->out, "\"action\":{\"saga\":{\"definition\":\"d%u\"", child);
    text(s, ",\"input\":{\"n\":\"{{ .input.n }}\",\"list\":[1,2],\"few\":[1,2],"
            "\"user\":\"child\",\"lock\":\"{{ .input.lock }}\"}}}");
    if (is_foreach)
        text(s, "}");
    else if (coin(s, 300))
        text(s, ",\"compensation\":{\"type\":\"automatic\"}");
    if (s->depth <= s->known->depth[child]) s->depth = s->known->depth[child] + 1;
}

/* A definition that may be a child here, or SIM_DEFINITIONS_MAX. */
static uint32_t draw_child(struct shape *s)
{
    if (s->known->count == 0 || s->known->has_no_messages) return SIM_DEFINITIONS_MAX;
    uint32_t child = pick(s, s->known->count);
    bool fits = !s->known->has_pivot[child] && s->known->depth[child] < 2;
    return fits ? child : SIM_DEFINITIONS_MAX;
}

static void put_dependencies(struct shape *s, uint32_t step)
{
    const char *before = ",\"dependencies\":[";
    for (uint32_t i = 0; i < step; i++) {
        if ((s->dependencies[step] >> i & 1u) == 0) continue;
        sk_buf_printf(s->out, "%s\"s%u\"", before, i);
        before = ",";
    }
    if (s->dependencies[step] != 0) text(s, "]");
}

static void put_condition(struct shape *s)
{
    uint32_t source = pick_source(s);
    if (source < s->steps_count && coin(s, 500))
        sk_buf_printf(s->out,
                      ",\"condition\":{\"expression\":\"$output.s%u.n == 7 || $input.n < 3\"}",
                      source);
    else
        text(s, ",\"condition\":{\"expression\":\"$variables.n > 4\","
                "\"variables\":{\"n\":\"{{ .input.n }}\"}}");
}

static void put_step(struct shape *s, uint32_t step)
{
    s->step = step;
    sk_buf_printf(s->out, "%s{\"id\":\"s%u\",\"name\":\"Step %u\",", step > 0 ? "," : "", step,
                  step);
    uint32_t kind = pick(s, 100), child = kind >= 93 ? draw_child(s) : SIM_DEFINITIONS_MAX;
    if (step == s->pivot || kind < 85 || (kind >= 93 && child == SIM_DEFINITIONS_MAX)) {
        put_call(s, step);
    } else if (kind < 93) {
        put_wait(s, s->is_async[step]);
    } else {
        put_child(s, child);
    }
    put_dependencies(s, step);
    if (s->is_async[step]) text(s, ",\"async\":true");
    if (s->may_fail[step]) text(s, ",\"continue_on_error\":true");
    if (step == s->pivot) text(s, ",\"pivot\":true");
    if (step != s->pivot && coin(s, 80)) put_condition(s);
    text(s, "}");
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void put_saga(struct shape *s)
{
    sk_buf_printf(s->out, "\"saga\":{\"id\":\"d%u\",\"name\":\"Definition %u\",\"version\":\"1\"",
                  s->known->count, s->known->count);
    if (coin(s, 300)) sk_buf_printf(s->out, ",\"timeout\":\"%us\"", 10 + pick(s, 50));
    if (s->is_forward) text(s, ",\"recovery\":\"forward\"");
    if (coin(s, 150) && !s->known->has_no_messages) {
        text(s, coin(s, 500) ? ",\"lock_keys\":[\"k-{{ .input.lock }}\"]"
                             : ",\"lock_keys\":[\"k-1\",\"k-{{ .input.lock }}\"]");
        if (coin(s, 500)) text(s, ",\"lock_timeout\":\"8s\"");
        if (coin(s, 200)) text(s, ",\"lock_on_failed\":\"hold\"");
    }
    if (coin(s, 80)) put_hooks(s, "on_failure", !s->known->has_no_messages);
    if (coin(s, 40)) put_hooks(s, "on_success", false);
    text(s, "}");
    if (coin(s, 500)) put_retry(s, "global_retry_policy", false);
    if (coin(s, 500)) {
        static const char *const strategies[] = { "sequential", "parallel", "best_effort" };
        sk_buf_printf(s->out, ",\"global_compensation\":{\"strategy\":\"%s\"}",
                      strategies[pick(s, 5) * 2 / 4]);
    }
}

void sim_generate_definition(struct sim_generated *known, struct sim_rng *rng, struct sk_buf *out)
{
    struct shape shape = { .rng = rng, .known = known, .out = out };
    draw_graph(&shape);
    shape.is_forward = sim_chance(rng, 80);
    text(&shape, "{");
    put_saga(&shape);
    text(&shape, ",\"steps\":[");
    for (uint32_t i = 0; i < shape.steps_count; i++) put_step(&shape, i);
    text(&shape, "]}");
    known->has_pivot[known->count] = shape.pivot < shape.steps_count;
    known->depth[known->count] = shape.depth;
    known->count += 1;
}

void sim_generate_input(struct sim_rng *rng, uint32_t long_lists, struct sk_buf *out)
{
    static const char *const lists[] = { "[]", "[1]", "[1,\"two\"]", "[1,2,3]",
                                         "[{\"a\":1},2,3,4]" };
    sk_buf_printf(out, "{\"n\":%u,\"few\":[1,2],\"user\":\"u%u\",\"lock\":%u,\"list\":",
                  sim_below(rng, 10), sim_below(rng, 100), sim_below(rng, 4));
    if (sim_chance(rng, long_lists)) {
        uint32_t count = 100 + sim_below(rng, 100);
        for (uint32_t i = 0; i < count; i++) sk_buf_printf(out, "%c%u", i == 0 ? '[' : ',', i);
        sk_buf_append_text(out, "]}");
    } else {
        sk_buf_printf(out, "%s}", lists[sim_below(rng, 5)]);
    }
}

/* generate_parts.c: the pieces of a step: policies, actions, compensations, hooks, services. */
#include "generate_private.h"

/* ---- retry policies -------------------------------------------------------------------------- */

static void put_error_lists(struct shape *s)
{
    static const char *const lists[] = {
        "[\"timeout\",\"service_unavailable\"]", "\"service_unavailable\"",
        "[\"503\",\"500\",\"timeout\"]",         "[\"insufficient_funds\",\"service_unavailable\"]",
        "[\"rate_limit\",\"network\"]",          "[]",
    };
    if (coin(s, 120)) {
        sk_buf_printf(s->out, ",\"retryable_errors\":%s", lists[pick(s, 6)]);
        feature(s, SIM_REACHED_MADE_RETRYABLE_LIST);
    }
    if (coin(s, 80)) sk_buf_printf(s->out, ",\"non_retryable_errors\":%s", lists[pick(s, 6)]);
}

static void put_jitter(struct shape *s)
{
    static const char *const jitters[] = { "true", "false", "\"full\"", "\"none\"", "\"quarter\"" };
    if (coin(s, 400)) sk_buf_printf(s->out, ",\"jitter\":%s", jitters[pick(s, 5)]);
}

/* Behind a comma. A policy that says nothing but its type is one as well. */
void sim_put_retry(struct shape *s, const char *name, bool may_be_none)
{
    static const char *const types[] = { "fixed_delay", "exponential_backoff", "linear_backoff",
                                         "no_retry" };
    uint32_t type = pick(s, may_be_none ? 4 : 3);
    sk_buf_printf(s->out, ",\"%s\":{\"type\":\"%s\"", name, types[type]);
    if (type == 3) {
        feature(s, SIM_REACHED_MADE_NO_RETRY);
        text(s, "}");
        return;
    }
    uint32_t attempts = 0;
    if (coin(s, 850)) {
        attempts = 1 + pick(s, coin(s, 900) ? 4 : 9);
        sk_buf_printf(s->out, ",\"max_attempts\":%u", attempts);
    }
    uint32_t initial_ms = 100 * pick(s, 20);
    if (coin(s, 900)) sk_buf_printf(s->out, ",\"initial_delay\":\"%ums\"", initial_ms);
    if (coin(s, 850)) sk_buf_printf(s->out, ",\"max_delay\":\"%us\"", 2 + pick(s, 6));
    if (type == 1 && coin(s, 400)) {
        static const char *const factors[] = { "1", "1.5", "3", "10" };
        uint32_t factor = pick(s, 4);
        if (factor == 3 && attempts > 4)
            factor = 2; /* its last pauses would be longer than a day */
        sk_buf_printf(s->out, ",\"multiplier\":%s", factors[factor]);
    }
    if (type == 2 && coin(s, 700)) text(s, ",\"increment\":\"500ms\"");
    put_jitter(s);
    put_error_lists(s);
    if (coin(s, 60)) {
        sk_buf_printf(s->out, ",\"decide\":\"v%u\"", pick(s, SIM_PARTICIPANTS));
        feature(s, SIM_REACHED_MADE_DECIDE);
    }
    text(s, "}");
}

/* ---- documents ------------------------------------------------------------------------------- */

/* Free data goes as it is: what begins a template in it would be one. */
static void put_any(struct shape *s)
{
    sim_generate_json(s->rng, 3, false, s->out);
}

void sim_put_document(struct shape *s, const char *name, enum place place)
{
    uint32_t kind = pick(s, 10);
    sk_buf_printf(s->out, ",\"%s\":", name);
    if (kind == 0) {
        put_any(s);
        return;
    }
    if (kind == 1) {
        sim_put_template(s, place);
        return;
    }
    text(s, "{\"n\":\"{{ .input.n }}\"");
    if (coin(s, 500)) text(s, ",\"saga\":\"{{ .saga_id }}\"");
    if (coin(s, 300) && s->step < s->steps_count) text(s, ",\"at\":\"{{ .timestamp }}\"");
    for (uint32_t i = 0; i < 3 && coin(s, 500); i++) {
        sk_buf_printf(s->out, ",\"t%u\":", i);
        sim_put_template(s, place);
    }
    if (coin(s, 150)) {
        text(s, ",\"list\":[1,");
        sim_put_template(s, place);
        text(s, ",{\"deep\":");
        sim_put_template(s, place);
        text(s, "}]");
    }
    if (s->is_item) text(s, ",\"it\":\"{{ .it }}\",\"text\":\"item {{ .it }} of {{ .step_id }}\"");
    text(s, "}");
}

/* ---- actions --------------------------------------------------------------------------------- */

/* Lists that say of an answer what it means. They tell the truth about these participants: a 503
 * and a 422 both did nothing. */
static void put_statuses(struct shape *s)
{
    if (!coin(s, 100)) return;
    feature(s, SIM_REACHED_MADE_STATUSES);
    if (coin(s, 300)) text(s, ",\"success\":[200,201]");
    if (coin(s, 400)) text(s, ",\"fail\":[503,451]");
    if (coin(s, 400)) text(s, ",\"retry\":[422]");
}

static void put_service(struct shape *s, uint32_t participant, const char *path, enum place place)
{
    static const char *const verbs[] = { "POST", "PUT", "PATCH", "post", "DELETE" };
    bool is_question = strcmp(path, "verify") == 0 || strcmp(path, "poll") == 0;
    sk_buf_printf(s->out, "{\"service\":{\"name\":\"p%u\"", participant);
    if (!s->has_services || coin(s, 200))
        sk_buf_printf(s->out, ",\"endpoint\":\"http://p%u\"", participant);
    if (coin(s, 900)) sk_buf_printf(s->out, ",\"path\":\"/%s\"", path);
    if (is_question ? coin(s, 500) : coin(s, 150))
        sk_buf_printf(s->out, ",\"method\":\"%s\"", is_question ? "GET" : verbs[pick(s, 5)]);
    if (coin(s, 700)) sim_put_document(s, "body", place);
    if (coin(s, 100)) text(s, ",\"headers\":{\"x-user\":\"{{ .input.user }}\",\"x-one\":\"1\"}");
    if (coin(s, 80)) {
        text(s, ",\"query\":{\"page\":\"1\",\"of\":");
        sim_put_template(s, place);
        text(s, "}");
    }
    if (coin(s, 60)) text(s, ",\"timeout\":\"800ms\"");
    put_statuses(s);
    text(s, "}}");
}

void sim_put_action(struct shape *s, uint32_t participant, enum way way, const char *path,
                    enum place place)
{
    if (way == WAY_HTTP) {
        put_service(s, participant, path, place);
        return;
    }
    if (way == WAY_TASK) {
        bool is_text = coin(s, 200);
        sk_buf_printf(s->out, is_text ? "{\"task\":\"q%u\"" : "{\"task\":{\"queue\":\"q%u\"",
                      participant);
        if (!is_text && coin(s, 700)) sim_put_document(s, "input", place);
        text(s, is_text ? "}" : "}}");
        return;
    }
    sk_buf_printf(s->out, "{\"function\":{\"name\":\"f%u\"", participant);
    if (coin(s, 200)) sk_buf_printf(s->out, ",\"handler\":\"h%u\"", participant);
    if (coin(s, 700)) sim_put_document(s, "parameters", place);
    if (coin(s, 60)) text(s, ",\"timeout\":\"700ms\"");
    text(s, "}}");
}

/* ---- hooks ----------------------------------------------------------------------------------- */

static void put_notification(struct shape *s)
{
    static const char *const types[] = { "email", "slack", "webhook", "sms", "pagerduty" };
    sk_buf_printf(s->out, "{\"type\":\"%s\",\"target\":\"#c{{ .input.n }}\"", types[pick(s, 5)]);
    if (coin(s, 500)) text(s, ",\"message\":\"{{ .error.code }} of {{ .saga_id }}\"");
    if (coin(s, 300)) text(s, ",\"metadata\":{\"user\":\"{{ .input.user }}\"}");
    text(s, "}");
}

void sim_put_notifications(struct shape *s)
{
    text(s, "\"notifications\":[");
    put_notification(s);
    for (uint32_t i = 0; i < 3 && coin(s, 250); i++) {
        text(s, ",");
        put_notification(s);
    }
    text(s, "]");
}

/* Behind a comma. */
void sim_put_hooks(struct shape *s, const char *name, bool has_actions)
{
    bool has_notifications = !has_actions || coin(s, 500);
    has_actions = has_actions && (!has_notifications || coin(s, 500));
    sk_buf_printf(s->out, ",\"%s\":{", name);
    if (has_actions) {
        text(s, "\"actions\":[");
        sim_put_action(s, pick(s, SIM_PARTICIPANTS), coin(s, 300) ? WAY_FUNCTION : WAY_HTTP, "hook",
                       PLACE_HOOK);
        text(s, has_notifications ? "]," : "]");
    }
    if (has_notifications) sim_put_notifications(s);
    text(s, "}");
}

/* ---- compensations --------------------------------------------------------------------------- */

static void put_undo_failure(struct shape *s)
{
    static const char *const answers[] = { "fail", "retry", "alert", "ignore", "log" };
    uint32_t answer = pick(s, 5);
    text(s, ",\"on_failure\":{");
    const char *comma = "";
    if (coin(s, 950)) {
        sk_buf_printf(s->out, "\"action\":\"%s\"", answers[answer]);
        comma = ",";
        if (answer == 1 && coin(s, 800)) sim_put_retry(s, "retry_policy", false);
    }
    if (coin(s, 300)) {
        text(s, comma);
        sim_put_notifications(s);
    }
    text(s, "}");
}

static void put_undo_policy(struct shape *s)
{
    static const char *const strategies[] = { "sequential", "parallel", "best_effort" };
    if (coin(s, 120))
        sk_buf_printf(s->out, ",\"when\":\"%s\"", coin(s, 700) ? "completed" : "possible");
    if (coin(s, 120)) {
        uint32_t strategy = coin(s, 600) ? 2 : s->strategy;
        sk_buf_printf(s->out, ",\"strategy\":\"%s\"", strategies[strategy]);
    }
    if (coin(s, 400)) sk_buf_printf(s->out, ",\"timeout\":\"%us\"", 1 + pick(s, 5));
    if (coin(s, 300))
        sim_put_retry(s, "retry_policy", coin(s, 300));
    else if (coin(s, 300))
        sk_buf_printf(s->out, ",\"max_attempts\":%u", 1 + pick(s, 4));
    if (coin(s, 250)) put_undo_failure(s);
}

void sim_put_compensation(struct shape *s, uint32_t participant, enum way way, bool is_needed)
{
    uint32_t type = pick(s, 20);
    if (type < (s->is_item ? 4u : 2u) && coin(s, 600) && !is_needed) {
        feature(s, SIM_REACHED_MADE_NO_UNDO);
        return;
    }
    if (type <= 1) {
        text(s, ",\"compensation\":{\"type\":\"skip\"}");
        return;
    }
    text(s, ",\"compensation\":{\"type\":");
    if (type < 6) {
        text(s, "\"automatic\"");
        if (way == WAY_TASK) feature(s, SIM_REACHED_MADE_AUTOMATIC_TASK);
    } else {
        /* Not always whom the action asked in the same way. */
        if (coin(s, 80)) way = way == WAY_HTTP ? WAY_FUNCTION : WAY_HTTP;
        if (way == WAY_TASK) feature(s, SIM_REACHED_MADE_UNDO_TASK);
        text(s, "\"custom\",\"action\":");
        sim_put_action(s, participant, way, "undo", PLACE_UNDO);
    }
    put_undo_policy(s);
    text(s, "}");
}

/* ---- services -------------------------------------------------------------------------------- */

static void put_limits(struct shape *s)
{
    static const char *const rates[] = { "\"600/m\"", "100",
                                         "{\"requests\":50,\"per\":\"1s\",\"burst\":10}" };
    static const char *const breakers[] = {
        "false", "{\"enabled\":true,\"threshold\":3,\"timeout\":\"5s\",\"half_open_requests\":2}"
    };
    if (coin(s, 300)) text(s, ",\"max_in_flight\":20");
    if (coin(s, 300)) sk_buf_printf(s->out, ",\"rate_limit\":%s", rates[pick(s, 3)]);
    if (coin(s, 300)) sk_buf_printf(s->out, ",\"circuit_breaker\":%s", breakers[pick(s, 2)]);
}

/* All of them, so that no action needs an endpoint. Limits are the invokers' own: no engine reads
 * them. */
void sim_put_services(struct shape *s)
{
    text(s, ",\"services\":{");
    for (uint32_t i = 0; i < SIM_PARTICIPANTS; i++) {
        sk_buf_printf(s->out, "%s\"p%u\":{\"endpoint\":\"http://p%u\"", i > 0 ? "," : "", i, i);
        if (coin(s, 200)) text(s, ",\"headers\":{\"x-from\":\"{{ .saga_id }}\",\"X-One\":\"0\"}");
        if (coin(s, 150)) text(s, ",\"timeout\":\"900ms\"");
        put_limits(s);
        text(s, "}");
    }
    text(s, "}");
}

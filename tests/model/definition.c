/* definition.c: reads a definition in its JSON form. Only what the model needs; it trusts the text
 * to be valid, for the product's own reader has passed it. */
#include "model_private.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words and durations --------------------------------------------------------------------- */

static const char *word(const json_t *map, const char *key)
{
    const char *text = json_string_value(json_object_get(map, key));
    return text == NULL ? "" : text;
}

static bool is_word(const json_t *map, const char *key, const char *wanted)
{
    return strcmp(word(map, key), wanted) == 0;
}

static bool flag(const json_t *map, const char *key)
{
    return json_is_true(json_object_get(map, key));
}

static double unit_ms(const char **text)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = { { "ns", 1e-6 }, { "us", 1e-3 }, { "ms", 1 },    { "s", 1e3 },
                  { "m", 6e4 },   { "h", 3.6e6 }, { "d", 8.64e7 } };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t size = strlen(units[i].name);
        if (strncmp(*text, units[i].name, size) != 0) continue;
        *text += size;
        return units[i].ms;
    }
    return -1;
}

/* Milliseconds; -1: a template. */
static int64_t duration_of(const json_t *value)
{
    const char *text = json_string_value(value);
    double ms = 0;
    if (text == NULL) return json_is_number(value) && json_number_value(value) != 0 ? -1 : 0;
    if (strstr(text, "{{") != NULL) return -1;
    while (*text != '\0') {
        char *end;
        double number = strtod(text, &end);
        if (end == text) return -1;
        text = end;
        if (*text == '\0') return number == 0 ? (int64_t)ms : -1;
        double factor = unit_ms(&text);
        if (factor < 0) return -1;
        ms += number * factor;
    }
    return (int64_t)(ms + 0.5);
}

static int64_t duration(const json_t *map, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(map, key);
    return value == NULL ? otherwise : duration_of(value);
}

static unsigned count(const json_t *map, const char *key, unsigned otherwise)
{
    const json_t *value = json_object_get(map, key);
    return json_is_number(value) ? (unsigned)json_number_value(value) : otherwise;
}

/* ---- retry policies -------------------------------------------------------------------------- */

static const struct policy usual = { .growth = GROWS_NOT, .attempts_max = 4, .initial_ms = 5000 };
static const struct policy usual_undo = { .growth = GROWS_BY_FACTOR,
                                          .attempts_max = 5,
                                          .initial_ms = 1000,
                                          .max_ms = 60000,
                                          .multiplier = 2 };

static enum growth growth_of(const json_t *map)
{
    if (is_word(map, "type", "exponential_backoff")) return GROWS_BY_FACTOR;
    if (is_word(map, "type", "linear_backoff")) return GROWS_BY_SUM;
    if (is_word(map, "type", "no_retry")) return NEVER_AGAIN;
    return GROWS_NOT;
}

static enum jitter jitter_of(const json_t *map)
{
    if (json_is_true(json_object_get(map, "jitter")) || is_word(map, "jitter", "quarter"))
        return JITTER_QUARTER;
    return is_word(map, "jitter", "full") ? JITTER_FULL : JITTER_NONE;
}

static struct policy policy_of(const json_t *map, const struct policy *otherwise)
{
    struct policy policy = *otherwise;
    if (!json_is_object(map)) return policy;
    policy.growth = growth_of(map);
    policy.attempts_max = count(map, "max_attempts", otherwise->attempts_max);
    policy.max_ms = duration(map, "max_delay", 0);
    int64_t initial_ms = policy.growth == GROWS_NOT ? 5000 : 1000;
    if (policy.max_ms > 0 && initial_ms > policy.max_ms) initial_ms = policy.max_ms;
    policy.initial_ms = duration(map, "initial_delay", initial_ms);
    policy.increment_ms = duration(map, "increment", policy.initial_ms);
    const json_t *multiplier = json_object_get(map, "multiplier");
    policy.multiplier = json_is_number(multiplier) ? json_number_value(multiplier) : 2;
    policy.jitter = jitter_of(map);
    policy.has_opinions = json_object_get(map, "retryable_errors") != NULL ||
                          json_object_get(map, "non_retryable_errors") != NULL ||
                          json_object_get(map, "decide") != NULL;
    if (policy.growth == NEVER_AGAIN) policy.attempts_max = 1;
    return policy;
}

/* ---- actions --------------------------------------------------------------------------------- */

/* The time-out that the action itself says; 0 = none. */
static int64_t action_timeout(const json_t *action)
{
    static const char *const keys[] = { "service", "function", "message" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int64_t ms = duration(json_object_get(action, keys[i]), "timeout", 0);
        if (ms != 0) return ms;
    }
    return 0;
}

/* What a service says for all who call it. */
static bool has_service_timeout(const json_t *root, const json_t *action)
{
    const char *name = word(json_object_get(action, "service"), "name");
    const json_t *service = json_object_get(json_object_get(root, "services"), name);
    return json_object_get(service, "timeout") != NULL;
}

/* ---- compensation ---------------------------------------------------------------------------- */

static bool is_task_action(const json_t *action)
{
    return json_object_get(action, "task") != NULL;
}

static enum undoing undoing_of(const json_t *map, const struct step_definition *step)
{
    if (step->way == BY_CHILD && !is_word(map, "type", "custom") && !is_word(map, "type", "skip"))
        return UNDO_CHILD;
    if (is_word(map, "type", "skip")) return UNDO_NOTHING;
    if (is_word(map, "type", "automatic")) return step->way == BY_TASK ? UNDO_TASK : UNDO_CALL;
    if (is_word(map, "type", "custom"))
        return is_task_action(json_object_get(map, "action")) ? UNDO_TASK : UNDO_CALL;
    return UNDO_UNSAID;
}

/* `own` is the action that is to be undone. */
static struct compensation compensation_of(const json_t *map, const json_t *root, const json_t *own,
                                           int64_t step_ms, const struct step_definition *step)
{
    const json_t *global = json_object_get(root, "global_compensation");
    struct compensation undo = { .how = undoing_of(map, step), .policy = usual_undo };
    undo.policy.attempts_max = count(global, "max_attempts", usual_undo.attempts_max);
    undo.policy.attempts_max = count(map, "max_attempts", undo.policy.attempts_max);
    undo.policy = policy_of(json_object_get(map, "retry_policy"), &undo.policy);
    undo.only_completed = is_word(map, "when", "completed");
    undo.timeout_ms = duration(map, "timeout", duration(global, "timeout", 0));
    const json_t *action = is_word(map, "type", "custom") ? json_object_get(map, "action") : own;
    if (undo.timeout_ms == 0) undo.timeout_ms = step_ms == 0 ? 10000 : step_ms;
    if (action_timeout(action) != 0 || has_service_timeout(root, action)) undo.timeout_ms = -1;
    const json_t *failure = json_object_get(map, "on_failure");
    undo.tries_again = is_word(failure, "action", "retry");
    undo.stands = is_word(failure, "action", "alert") || is_word(failure, "action", "ignore") ||
                  is_word(failure, "action", "log") || is_word(map, "strategy", "best_effort") ||
                  is_word(global, "strategy", "best_effort");
    /* A child that failed needs a human, whatever may stand otherwise. */
    if (undo.how == UNDO_CHILD) undo.stands = false;
    undo.second_policy = policy_of(json_object_get(failure, "retry_policy"), &undo.policy);
    undo.hooks = (unsigned)json_array_size(json_object_get(failure, "notifications"));
    return undo;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static unsigned hooks_of(const json_t *map, const char *key)
{
    const json_t *hooks = json_object_get(map, key);
    return (unsigned)(json_array_size(json_object_get(hooks, "actions")) +
                      json_array_size(json_object_get(hooks, "notifications")));
}

static const json_t *action_of(const json_t *map)
{
    const json_t *foreach = json_object_get(map, "foreach");
    return json_object_get(foreach != NULL ? foreach : map, "action");
}

static int64_t least_timeout(const json_t *root, const json_t *map, const json_t *action)
{
    int64_t step_ms = duration(map, "timeout", 0), own_ms = action_timeout(action);
    if (step_ms < 0 || own_ms < 0 || has_service_timeout(root, action)) return -1;
    if (step_ms == 0 && own_ms == 0) return 10000;
    if (step_ms == 0) return own_ms < 10000 ? own_ms : -1;
    return own_ms > 0 && own_ms < step_ms ? own_ms : step_ms;
}

static void read_wait(struct step_definition *step, const json_t *wait)
{
    const json_t *signal = json_object_get(wait, "signal");
    const json_t *poll = json_object_get(wait, "poll");
    step->waiting = signal != NULL ? WAITS_SIGNAL : poll != NULL ? WAITS_POLL : WAITS_TIME;
    const char *name = json_is_string(signal) ? json_string_value(signal) : word(signal, "name");
    step->signal = strdup(name);
    step->wait_timeout_ms = duration(wait, "timeout", 0);
    step->wait_timeout_ms = duration(signal, "timeout", step->wait_timeout_ms);
    step->wait_timeout_ms = duration(poll, "timeout", step->wait_timeout_ms);
    step->interval_ms = duration(poll, "interval", 0);
}

static enum way way_of(const json_t *map, const json_t *action)
{
    if (json_object_get(map, "wait") != NULL) return BY_WAIT;
    if (json_object_get(action, "saga") != NULL) return BY_CHILD;
    return is_task_action(action) ? BY_TASK : BY_CALL;
}

static void read_step(struct step_definition *step, const json_t *root, const json_t *map)
{
    const json_t *foreach = json_object_get(map, "foreach");
    const json_t *action = action_of(map);
    const json_t *verify = json_object_get(map, "verify");
    step->id = strdup(word(map, "id"));
    step->way = way_of(map, action);
    if (step->way == BY_WAIT) read_wait(step, json_object_get(map, "wait"));
    step->is_async = flag(map, "async");
    step->may_fail = flag(map, "continue_on_error");
    step->is_pivot = flag(map, "pivot");
    step->is_idempotent = flag(map, "idempotent");
    step->has_verify = verify != NULL;
    step->has_condition = json_object_get(map, "condition") != NULL;
    step->is_foreach = foreach != NULL;
    step->parallel = count(foreach, "parallel", 1);
    step->timeout_ms = least_timeout(root, map, action);
    step->verify_timeout_ms = has_service_timeout(root, verify) ? -1 : action_timeout(verify);
    step->step_timeout_ms = duration(map, "step_timeout", 0);
    step->pending_timeout_ms = duration(map, "pending_timeout", step->step_timeout_ms);
    struct policy policy = policy_of(json_object_get(root, "global_retry_policy"), &usual);
    step->policy = policy_of(json_object_get(map, "retry_policy"), &policy);
    const json_t *undo = json_object_get(foreach, "compensation");
    if (undo == NULL) undo = json_object_get(map, "compensation");
    step->undo = compensation_of(undo, root, action, duration(map, "timeout", 0), step);
    step->hooks_success = hooks_of(map, "on_success");
    step->hooks_failure = hooks_of(map, "on_failure");
}

/* A condition that is a function is asked by a step of its own, right before. */
static bool is_asked(const json_t *map)
{
    return json_object_get(json_object_get(map, "condition"), "function") != NULL;
}

static void read_question(struct step_definition *step, const json_t *root, const json_t *map)
{
    const char *id = word(map, "id");
    size_t size = strlen(id) + sizeof "-condition";
    step->id = malloc(size);
    snprintf(step->id, size, "%s-condition", id);
    step->way = BY_CALL;
    step->timeout_ms = least_timeout(root, map, NULL);
    step->step_timeout_ms = step->pending_timeout_ms = 0;
    step->parallel = 1;
    struct policy policy = policy_of(json_object_get(root, "global_retry_policy"), &usual);
    step->policy = policy_of(json_object_get(map, "retry_policy"), &policy);
    step->undo.how = UNDO_NOTHING;
}

int model_definition_step(const struct model_definition *definition, struct model_text id)
{
    for (unsigned i = 0; i < definition->steps_count; i++)
        if (model_text_is(id, definition->steps[i].id)) return (int)i;
    return NO_STEP;
}

static void add_dependency(struct step_definition *step, int before)
{
    size_t room = (step->dependencies_count + 1u) * sizeof *step->dependencies;
    step->dependencies = realloc(step->dependencies, room);
    step->dependencies[step->dependencies_count++] = before;
}

static void read_dependencies(struct model_definition *definition, unsigned place,
                              const json_t *map, bool is_sequential, int above)
{
    struct step_definition *step = &definition->steps[place];
    const json_t *list = json_object_get(map, "dependencies");
    size_t i;
    json_t *name;
    json_array_foreach(list, i, name)
    {
        struct model_text id = { json_string_value(name), json_string_length(name) };
        int before = model_definition_step(definition, id);
        if (before >= 0) add_dependency(step, before);
    }
    if (list == NULL && is_sequential && above >= 0) add_dependency(step, above);
}

/* Until nothing changes: slow and plain. */
static void find_ancestors(struct model_definition *definition)
{
    unsigned n = definition->steps_count;
    for (bool is_changing = true; is_changing;) {
        is_changing = false;
        for (unsigned i = 0; i < n; i++) {
            struct step_definition *step = &definition->steps[i];
            for (unsigned k = 0; k < step->dependencies_count; k++) {
                unsigned before = (unsigned)step->dependencies[k];
                for (unsigned a = 0; a < n; a++) {
                    bool is_one = a == before || definition->steps[before].is_ancestor[a];
                    if (!is_one || step->is_ancestor[a]) continue;
                    step->is_ancestor[a] = is_changing = true;
                }
            }
        }
    }
    for (unsigned i = 0; i < n && definition->pivot >= 0; i++)
        definition->steps[i].is_after_pivot = definition->steps[i].is_ancestor[definition->pivot];
}

static void read_steps(struct model_definition *definition, const json_t *root)
{
    const json_t *steps = json_object_get(root, "steps");
    bool is_sequential = is_word(json_object_get(root, "saga"), "order", "sequential");
    size_t most = 2 * json_array_size(steps) + 1, i;
    json_t *map;
    definition->steps = calloc(most, sizeof *definition->steps);
    json_array_foreach(steps, i, map)
    {
        if (is_asked(map)) read_question(&definition->steps[definition->steps_count++], root, map);
        read_step(&definition->steps[definition->steps_count++], root, map);
    }
    unsigned place = 0;
    int above = NO_STEP;
    json_array_foreach(steps, i, map)
    {
        if (is_asked(map)) {
            read_dependencies(definition, place, map, is_sequential, above);
            add_dependency(&definition->steps[place + 1], (int)place);
            place += 1;
        }
        read_dependencies(definition, place, map, is_sequential, above);
        if (definition->steps[place].is_pivot) definition->pivot = (int)place;
        above = (int)place++;
    }
    for (unsigned k = 0; k < definition->steps_count; k++)
        definition->steps[k].is_ancestor = calloc(definition->steps_count, sizeof(bool));
    find_ancestors(definition);
}

/* Something waits for the outside: no time-out by default. */
static bool waits_outside(const json_t *root)
{
    size_t i;
    json_t *map;
    json_array_foreach(json_object_get(root, "steps"), i, map)
    {
        const json_t *action = action_of(map);
        if (json_object_get(map, "wait") != NULL || json_object_get(map, "on") != NULL ||
            json_object_get(map, "pending_timeout") != NULL ||
            json_object_get(action, "saga") != NULL || is_task_action(action) ||
            json_object_get(json_object_get(action, "message"), "reply") != NULL)
            return true;
    }
    return false;
}

struct model_definition *model_definition_new(const char *json, size_t size)
{
    json_t *root = json_loadb(json, size, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    const json_t *saga = json_object_get(root, "saga");
    if (!json_is_object(saga) || !json_is_array(json_object_get(root, "steps"))) {
        json_decref(root);
        return NULL;
    }
    struct model_definition *definition = calloc(1, sizeof *definition);
    definition->pivot = NO_STEP;
    definition->is_forward = is_word(saga, "recovery", "forward");
    definition->timeout_ms = duration(saga, "timeout", waits_outside(root) ? 0 : 300000);
    definition->lock_timeout_ms = duration(saga, "lock_timeout", 30000);
    definition->holds_locks = is_word(saga, "lock_on_failed", "hold");
    definition->hooks_success = hooks_of(saga, "on_success");
    definition->hooks_failure = hooks_of(saga, "on_failure");
    const json_t *undo = json_object_get(root, "global_compensation");
    definition->is_parallel_undo = is_word(undo, "strategy", "parallel");
    read_steps(definition, root);
    json_decref(root);
    return definition;
}

void model_definition_free(struct model_definition *definition)
{
    if (definition == NULL) return;
    for (unsigned i = 0; i < definition->steps_count; i++) {
        free(definition->steps[i].id);
        free(definition->steps[i].dependencies);
        free(definition->steps[i].is_ancestor);
        free(definition->steps[i].signal);
    }
    free(definition->steps);
    free(definition);
}

/* keys.c: the rows of keys.h, innermost maps first. */
#include "dsl/keys.h"

#include "core/plan.h"

#define HOUR INT64_C(3600000)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
/* NOLINTNEXTLINE(bugprone-macro-parentheses): an initializer takes none around an array */
#define MAP_OF(label, rows, open)         \
    {                                     \
        label, rows, COUNT_OF(rows), open \
    }
enum { BIG = 1000000 };
#define DURATION_MAX (INT64_C(87600) * HOUR) /* ten years */

const char *const sk_words_mode[] = { "orchestration", "choreography", "hybrid", NULL };
const char *const sk_words_order[] = { "graph", "sequential", NULL };
const char *const sk_words_recovery[] = { "backward", "forward", NULL };
const char *const sk_words_strategy[] = { "sequential", "parallel", "best_effort", NULL };
const char *const sk_words_retry[] = { "fixed_delay", "exponential_backoff", "linear_backoff",
                                       "no_retry", NULL };
const char *const sk_words_jitter[] = { "none", "quarter", "full", NULL };
const char *const sk_words_undo[] = { "custom", "skip", "automatic", NULL };
const char *const sk_words_on_failure[] = { "fail", "retry", "alert", "ignore", "log", NULL };
const char *const sk_words_step_type[] = { "service", "http", "grpc", "function", "message",
                                           "custom",  "saga", "wait", "task",     NULL };
const char *const sk_words_lock[] = { "release", "hold", NULL };
const char *const sk_words_when[] = { "possible", "completed", NULL };
const char *const sk_words_required[] = { "optional", "required", NULL };
static const char *const words_notification[] = { "email", "slack",     "webhook",
                                                  "sms",   "pagerduty", NULL };

/* ---- retries, notifications ------------------------------------------------------------------ */

static const struct sk_key retry_keys[] = {
    { "type", SK_KEY_WORD, .is_required = true, .names = sk_words_retry,
      .help = "how the delay grows" },
    { "max_attempts", SK_KEY_COUNT, .min = 1, .max = BIG,
      .help = "attempts in all, the first counted" },
    { "initial_delay", SK_KEY_DURATION, .max = DURATION_MAX, .help = "before the second attempt" },
    { "max_delay", SK_KEY_DURATION, .max = DURATION_MAX, .help = "the longest delay; 0 = none" },
    { "multiplier", SK_KEY_FACTOR, .min = 1, .max = 10,
      .help = "exponential_backoff: growth per attempt, 2" },
    { "increment", SK_KEY_DURATION, .max = DURATION_MAX,
      .help = "linear_backoff: growth per attempt" },
    { "jitter", SK_KEY_JITTER, .names = sk_words_jitter,
      .help = "true = ±25 %, full = 0 … delay, none" },
    { "retryable_errors", SK_KEY_TEXTS, .help = "if given, only these are tried again" },
    { "non_retryable_errors", SK_KEY_TEXTS, .help = "never tried again; wins" },
    { "decide", SK_KEY_TEXT, .max = 200, .help = "a function that is asked instead of the lists" },
};
static const struct sk_key_map retry_map = MAP_OF("retry policy", retry_keys, false);

static const struct sk_key notification_keys[] = {
    { "type", SK_KEY_WORD, .is_required = true, .names = words_notification,
      .help = "the channel" },
    { "target", SK_KEY_TEMPLATE, .is_required = true, .help = "address, channel name or URL" },
    { "message", SK_KEY_TEMPLATE, .help = "the text" },
    { "metadata", SK_KEY_ANY, .help = "sent along" },
};
static const struct sk_key_map notification_map = MAP_OF("notification", notification_keys, false);

/* ---- actions --------------------------------------------------------------------------------- */

static const struct sk_key service_keys[] = {
    { "name", SK_KEY_SERVICE, .is_required = true, .help = "the participant" },
    { "endpoint", SK_KEY_TEMPLATE, .may_hold_secret = true, .help = "URL, or host:port for grpc" },
    { "method", SK_KEY_TEXT, .max = 200, .help = "HTTP verb (POST), or the RPC's name" },
    { "path", SK_KEY_TEMPLATE, .help = "appended to the endpoint" },
    { "headers", SK_KEY_PAIRS, .may_hold_secret = true, .help = "request headers" },
    { "query", SK_KEY_PAIRS, .may_hold_secret = true, .help = "query parameters" },
    { "body", SK_KEY_ANY, .help = "the request's JSON" },
    { "timeout", SK_KEY_TIMEOUT, .min = 100, .max = DURATION_MAX,
      .help = "one attempt; at most the step's" },
    { "success", SK_KEY_STATUSES, .help = "statuses that mean done" },
    { "fail", SK_KEY_STATUSES, .help = "statuses that mean no" },
    { "retry", SK_KEY_STATUSES, .help = "statuses that mean not now" },
};
static const struct sk_key_map service_map = MAP_OF("service action", service_keys, false);

static const struct sk_key function_keys[] = {
    { "name", SK_KEY_TEXT, .is_required = true, .max = 200, .help = "the function" },
    { "handler", SK_KEY_TEXT, .max = 200, .help = "the registered handler; the name when absent" },
    { "parameters", SK_KEY_ANY, .help = "what it is called with" },
    { "timeout", SK_KEY_TIMEOUT, .min = 1, .max = DURATION_MAX,
      .help = "one attempt; at most the step's" },
};
static const struct sk_key_map function_map = MAP_OF("function action", function_keys, false);

static const struct sk_key reply_keys[] = {
    { "topic", SK_KEY_TEXT, .is_required = true, .max = 500, .help = "where the answer arrives" },
    { "timeout", SK_KEY_DURATION, .min = 1, .max = DURATION_MAX,
      .help = "the longest wait for it" },
};
static const struct sk_key_map reply_map = MAP_OF("reply", reply_keys, false);

static const struct sk_key message_keys[] = {
    { "topic", SK_KEY_TEMPLATE, .is_required = true, .help = "topic, subject or exchange" },
    { "broker", SK_KEY_TEXT, .max = 100, .help = "a configured broker; default" },
    { "payload", SK_KEY_ANY, .help = "the message's JSON" },
    { "headers", SK_KEY_PAIRS, .may_hold_secret = true, .help = "message headers" },
    { "routing_key", SK_KEY_TEMPLATE, .help = "key or routing key" },
    { "reply", SK_KEY_MAP, .map = &reply_map,
      .help = "the step completes when the answer arrives" },
    { "timeout", SK_KEY_TIMEOUT, .min = 1, .max = DURATION_MAX,
      .help = "one attempt; at most the step's" },
};
static const struct sk_key_map message_map = MAP_OF("message action", message_keys, false);

static const struct sk_key custom_keys[] = {
    { "type", SK_KEY_TEXT, .is_required = true, .max = 200, .help = "the registered handler" },
};
static const struct sk_key_map custom_map = MAP_OF("custom action", custom_keys, true);

static const struct sk_key child_keys[] = {
    { "definition", SK_KEY_NAME, .is_required = true, .help = "the child's definition" },
    { "version", SK_KEY_TEXT, .max = 100, .help = "absent = the latest when the parent starts" },
    { "input", SK_KEY_ANY, .help = "the child's input" },
};
static const struct sk_key_map child_map = MAP_OF("saga action", child_keys, false);

static const struct sk_key task_keys[] = {
    { "queue", SK_KEY_TEXT, .is_required = true, .max = 200,
      .help = "the queue that workers poll" },
    { "input", SK_KEY_ANY, .help = "what the worker gets" },
};
static const struct sk_key_map task_map = MAP_OF("task action", task_keys, false);

static const struct sk_key action_keys[] = {
    { "service", SK_KEY_MAP, .map = &service_map, .help = "types service, http, grpc" },
    { "function", SK_KEY_MAP, .map = &function_map, .help = "type function" },
    { "message", SK_KEY_MAP, .map = &message_map, .help = "type message" },
    { "custom", SK_KEY_MAP, .map = &custom_map, .help = "type custom" },
    { "saga", SK_KEY_MAP, .map = &child_map, .help = "type saga: a child" },
    { "task", SK_KEY_TEXT_MAP, .map = &task_map, .max = 200, .help = "type task: a queue" },
};
static const struct sk_key_map action_map = MAP_OF("action", action_keys, false);

static const struct sk_key hooks_keys[] = {
    { "actions", SK_KEY_LIST, .map = &action_map,
      .help = "fire and forget, with their own retries" },
    { "notifications", SK_KEY_LIST, .map = &notification_map, .help = "messages to people" },
};
static const struct sk_key_map hooks_map = MAP_OF("hooks", hooks_keys, false);

/* ---- compensation ---------------------------------------------------------------------------- */

static const struct sk_key on_failure_keys[] = {
    { "action", SK_KEY_WORD, .names = sk_words_on_failure, .help = "fail" },
    { "retry_policy", SK_KEY_MAP, .map = &retry_map, .help = "of `action: retry`" },
    { "notifications", SK_KEY_LIST, .map = &notification_map, .help = "messages to people" },
};
static const struct sk_key_map on_failure_map =
    MAP_OF("compensation failure", on_failure_keys, false);

static const struct sk_key compensation_keys[] = {
    { "type", SK_KEY_WORD, .is_required = true, .names = sk_words_undo,
      .help = "how the step is undone" },
    { "when", SK_KEY_WORD, .names = sk_words_when,
      .help = "possible: also when it only may have happened" },
    { "action", SK_KEY_MAP, .map = &action_map, .help = "of type custom" },
    { "strategy", SK_KEY_WORD, .names = sk_words_strategy,
      .help = "best_effort, or the global one" },
    { "timeout", SK_KEY_DURATION, .min = 1, .max = DURATION_MAX,
      .help = "one attempt; the step's when absent" },
    { "max_attempts", SK_KEY_COUNT, .min = 1, .max = BIG, .help = "attempts in all" },
    { "retry_policy", SK_KEY_MAP, .map = &retry_map, .help = "replaces max_attempts" },
    { "on_failure", SK_KEY_MAP, .map = &on_failure_map, .help = "when its attempts are used up" },
};
static const struct sk_key_map compensation_map = MAP_OF("compensation", compensation_keys, false);

/* ---- waits, foreach, conditions -------------------------------------------------------------- */

static const struct sk_key signal_keys[] = {
    { "name", SK_KEY_TEXT, .is_required = true, .max = 200, .help = "the signal's name" },
    { "timeout", SK_KEY_DURATION, .min = 1, .max = DURATION_MAX, .help = "the longest wait" },
};
static const struct sk_key_map signal_map = MAP_OF("signal", signal_keys, false);

static const struct sk_key poll_keys[] = {
    { "action", SK_KEY_MAP, .is_required = true, .map = &action_map,
      .help = "a read-only question" },
    { "interval", SK_KEY_DURATION, .is_required = true, .min = 100, .max = DURATION_MAX,
      .help = "between questions" },
    { "until", SK_KEY_CONDITION, .is_required = true, .help = "over $response" },
    { "fail_if", SK_KEY_CONDITION, .help = "over $response" },
    { "timeout", SK_KEY_DURATION, .min = 1, .max = DURATION_MAX, .help = "the longest wait" },
};
static const struct sk_key_map poll_map = MAP_OF("poll", poll_keys, false);

static const struct sk_key wait_keys[] = {
    { "for", SK_KEY_TIMEOUT, .max = DURATION_MAX, .help = "a duration" },
    { "until", SK_KEY_TEMPLATE, .help = "an instant, RFC 3339" },
    { "signal", SK_KEY_TEXT_MAP, .map = &signal_map, .max = 200, .help = "a signal's name" },
    { "poll", SK_KEY_MAP, .map = &poll_map, .help = "ask until the answer is there" },
    { "timeout", SK_KEY_DURATION, .min = 1, .max = DURATION_MAX,
      .help = "of a signal: the longest wait" },
};
static const struct sk_key_map wait_map = MAP_OF("wait", wait_keys, false);

static const struct sk_key foreach_keys[] = {
    { "items", SK_KEY_TEMPLATE, .is_required = true, .help = "a template that yields a list" },
    { "var", SK_KEY_VARIABLE, .is_required = true, .help = "the item's name in templates" },
    { "action", SK_KEY_MAP, .is_required = true, .map = &action_map, .help = "once for each item" },
    { "parallel", SK_KEY_COUNT, .min = 1, .max = SK_ITEMS_MAX, .help = "items at once, 1" },
    { "compensation", SK_KEY_MAP, .map = &compensation_map, .help = "once for each item" },
};
static const struct sk_key_map foreach_map = MAP_OF("foreach", foreach_keys, false);

static const struct sk_key condition_keys[] = {
    { "expression", SK_KEY_CONDITION, .help = "false: the step is skipped" },
    { "function", SK_KEY_TEXT, .max = 200,
      .help = "in its place: a function that says true or false" },
    { "variables", SK_KEY_OBJECT, .help = "named values for the expression or the function" },
};
static const struct sk_key_map condition_map = MAP_OF("condition", condition_keys, false);

/* ---- steps ----------------------------------------------------------------------------------- */

static const struct sk_key step_keys[] = {
    { "id", SK_KEY_NAME, .is_required = true, .help = "unique in the definition" },
    { "name", SK_KEY_TEXT, .is_required = true, .max = 200, .help = "a text for people" },
    { "description", SK_KEY_TEXT, .max = BIG, .help = "a text for people" },
    { "metadata", SK_KEY_ANY, .help = "free" },
    { "type", SK_KEY_WORD, .names = sk_words_step_type, .help = "who carries it out" },
    { "action", SK_KEY_MAP, .map = &action_map, .help = "what is done" },
    { "wait", SK_KEY_MAP, .map = &wait_map, .help = "type wait" },
    { "idempotency_key", SK_KEY_TEMPLATE,
      .help = "replaces <saga>/<step> in the key that is sent" },
    { "idempotent", SK_KEY_BOOL, .help = "a repeat under the same key gets the first answer" },
    { "compensation", SK_KEY_MAP, .map = &compensation_map, .help = "how it is undone" },
    { "retry_policy", SK_KEY_MAP, .map = &retry_map, .help = "replaces the global one" },
    { "timeout", SK_KEY_TIMEOUT, .min = 1, .max = DURATION_MAX, .help = "one attempt" },
    { "step_timeout", SK_KEY_DURATION, .min = 1, .max = DURATION_MAX,
      .help = "all attempts and pauses" },
    { "pending_timeout", SK_KEY_DURATION, .min = 1, .max = DURATION_MAX,
      .help = "a pending answer" },
    { "condition", SK_KEY_MAP, .map = &condition_map, .help = "whether the step runs" },
    { "dependencies", SK_KEY_NAMES, .help = "steps that must be settled before" },
    { "async", SK_KEY_BOOL, .help = "nobody waits for it" },
    { "foreach", SK_KEY_MAP, .map = &foreach_map, .help = "once for each item of a list" },
    { "continue_on_error", SK_KEY_BOOL, .help = "a failure counts as done" },
    { "pivot", SK_KEY_BOOL, .help = "once it completed, the saga only goes forward" },
    { "verify", SK_KEY_MAP, .map = &action_map, .help = "asks whether it happened" },
    { "on_success", SK_KEY_MAP, .map = &hooks_map, .help = "after it completed" },
    { "on_failure", SK_KEY_MAP, .map = &hooks_map, .help = "after it failed" },
    { "on", SK_KEY_TEXTS, .help = "choreography: event types that start it" },
    { "publish", SK_KEY_TEXT, .max = 500, .help = "choreography: event on success" },
    { "compensate_on", SK_KEY_TEXTS, .help = "choreography: event types that undo it" },
    { "publish_on_compensation", SK_KEY_TEXT, .max = 500,
      .help = "choreography: event after the undo" },
    { "correlation", SK_KEY_TEXT, .max = 500,
      .help = "choreography: path to the saga id in the payload" },
    { "deadline", SK_KEY_DURATION, .min = 1, .max = DURATION_MAX,
      .help = "choreography: the longest wait" },
};
static const struct sk_key_map step_map = MAP_OF("step", step_keys, false);

/* ---- the document ---------------------------------------------------------------------------- */

static const struct sk_key saga_keys[] = {
    { "id", SK_KEY_NAME, .is_required = true, .help = "the definition's id" },
    { "name", SK_KEY_TEXT, .is_required = true, .max = 200, .help = "a text for people" },
    { "description", SK_KEY_TEXT, .max = BIG, .help = "a text for people" },
    { "version", SK_KEY_TEXT, .max = 100, .help = "absent = sha-<digest>" },
    { "timeout", SK_KEY_DURATION, .min = 1000, .max = 8760 * HOUR,
      .help = "then it is compensated" },
    { "mode", SK_KEY_WORD, .names = sk_words_mode, .help = "orchestration" },
    { "order", SK_KEY_WORD, .names = sk_words_order,
      .help = "graph; sequential: each step after the one above" },
    { "recovery", SK_KEY_WORD, .names = sk_words_recovery,
      .help = "backward; forward: retry until it succeeds" },
    { "lock_keys", SK_KEY_TEMPLATES, .help = "resources held from start to end" },
    { "lock_timeout", SK_KEY_DURATION, .min = 0, .max = DURATION_MAX, .help = "30s" },
    { "lock_on_failed", SK_KEY_WORD, .names = sk_words_lock, .help = "release" },
    { "output", SK_KEY_ANY, .help = "the saga's result; all step outputs when absent" },
    { "input_schema", SK_KEY_OBJECT, .help = "JSON Schema, checked at start" },
    { "tags", SK_KEY_TEXTS, .help = "searchable" },
    { "metadata", SK_KEY_ANY, .help = "free" },
    { "on_success", SK_KEY_MAP, .map = &hooks_map, .help = "after it completed" },
    { "on_failure", SK_KEY_MAP, .map = &hooks_map, .help = "after it ended in anything else" },
};
static const struct sk_key_map saga_map = MAP_OF("saga", saga_keys, false);

static const struct sk_key global_compensation_keys[] = {
    { "strategy", SK_KEY_WORD, .is_required = true, .names = sk_words_strategy,
      .help = "order of undoing" },
    { "timeout", SK_KEY_DURATION, .min = 1, .max = DURATION_MAX, .help = "one attempt" },
    { "max_attempts", SK_KEY_COUNT, .min = 1, .max = BIG, .help = "attempts in all" },
    { "compensation", SK_KEY_WORD, .names = sk_words_required,
      .help = "required: every step must have one" },
};
static const struct sk_key_map global_compensation_map =
    MAP_OF("global compensation", global_compensation_keys, false);

static const struct sk_key rate_keys[] = {
    { "requests", SK_KEY_COUNT, .is_required = true, .min = 1, .max = BIG,
      .help = "so many requests" },
    { "per", SK_KEY_DURATION, .min = 1, .max = 24 * HOUR, .help = "in this time, 1s" },
    { "burst", SK_KEY_COUNT, .min = 1, .max = BIG, .help = "at once after a pause" },
};
static const struct sk_key_map rate_map = MAP_OF("rate limit", rate_keys, false);

static const struct sk_key breaker_keys[] = {
    { "enabled", SK_KEY_BOOL, .help = "false: never opens" },
    { "threshold", SK_KEY_COUNT, .min = 1, .max = BIG,
      .help = "failures in a row that open it, 5" },
    { "timeout", SK_KEY_DURATION, .min = 1, .max = 24 * HOUR, .help = "open for so long, 30s" },
    { "half_open_requests", SK_KEY_COUNT, .min = 1, .max = 1000,
      .help = "probes at once, and successes that close it, 3" },
};
static const struct sk_key_map breaker_map = MAP_OF("circuit breaker", breaker_keys, false);

static const struct sk_key participant_keys[] = {
    { "endpoint", SK_KEY_TEMPLATE, .may_hold_secret = true, .help = "URL, or host:port for grpc" },
    { "headers", SK_KEY_PAIRS, .may_hold_secret = true, .help = "sent with every request" },
    { "timeout", SK_KEY_TIMEOUT, .min = 100, .max = DURATION_MAX, .help = "one attempt" },
    { "max_in_flight", SK_KEY_COUNT, .min = 1, .max = BIG, .help = "requests at once" },
    { "rate_limit", SK_KEY_TEXT_MAP, .map = &rate_map, .max = 40,
      .help = "requests a second, or as in 600/m" },
    { "circuit_breaker", SK_KEY_TEXT_MAP, .map = &breaker_map, .max = 40,
      .help = "when to stop asking; false = never" },
};
static const struct sk_key_map participant_map = MAP_OF("service", participant_keys, false);

static const struct sk_key document_keys[] = {
    { "saga", SK_KEY_MAP, .is_required = true, .map = &saga_map, .help = "the definition itself" },
    { "steps", SK_KEY_LIST, .is_required = true, .min = 1, .max = SK_STEPS_MAX, .map = &step_map,
      .help = "its steps" },
    { "global_retry_policy", SK_KEY_MAP, .map = &retry_map, .help = "for steps without their own" },
    { "global_compensation", SK_KEY_MAP, .map = &global_compensation_map,
      .help = "defaults of undoing" },
    { "services", SK_KEY_MAPS, .map = &participant_map, .help = "participants by name" },
};
const struct sk_key_map sk_keys_document = MAP_OF("document", document_keys, false);

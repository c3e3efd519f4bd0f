/*
 * plan.h: a definition, compiled. Steps are indices, dependencies are bit sets, texts are compiled
 * templates. A plan is immutable once finished, lives in its own arena and is shared by all sagas
 * of its definition through reference counts held by the engine.
 *
 * dsl/ fills the fields marked "given" from YAML; sk_plan_finish computes those marked "derived".
 * The many knobs of the DSL end here: the core looks at nothing else.
 *
 * All durations are milliseconds; 0 means "none" unless said otherwise.
 */
#ifndef SK_CORE_PLAN_H
#define SK_CORE_PLAN_H

#include "base/hash.h"
#include "expr/expr.h"

enum sk_step_kind {
    SK_KIND_HTTP, /* types service, http */
    SK_KIND_GRPC,
    SK_KIND_FUNCTION,
    SK_KIND_MESSAGE,
    SK_KIND_CUSTOM,
    SK_KIND_SAGA, /* child */
    SK_KIND_WAIT,
    SK_KIND_TASK,
    SK_KIND_EVENT, /* choreography: a step with `on` and no action of ours */
    SK_KINDS_COUNT
};

enum sk_retry_type { SK_RETRY_FIXED, SK_RETRY_EXPONENTIAL, SK_RETRY_LINEAR, SK_RETRY_NONE };
enum sk_jitter { SK_JITTER_NONE, SK_JITTER_QUARTER /* ±25 % */, SK_JITTER_FULL /* 0 … delay */ };

struct sk_retry_policy {
    enum sk_retry_type type;
    uint32_t max_attempts; /* ≥ 1, counts the first; 1 for SK_RETRY_NONE */
    int64_t initial_ms;
    int64_t max_ms; /* 0 = no cap */
    int64_t increment_ms;
    double multiplier; /* 1 … 10 */
    enum sk_jitter jitter;
    const struct sk_str *retryable; /* codes, classes, "503" */
    uint32_t retryable_count;       /* 0 and !has_retryable = every retryable or unknown outcome */
    bool has_retryable;
    const struct sk_str *non_retryable;
    uint32_t non_retryable_count;
    struct sk_str decide; /* a function that is asked instead of the lists; empty = none */
};

struct sk_pair {
    struct sk_str name;
    const struct sk_template *value;
};

struct sk_action {
    enum sk_step_kind kind;
    struct sk_str service; /* service or handler name: http, grpc, function, custom(type) */
    const struct sk_template
        *endpoint;                /* http, grpc; NULL = from the configuration, by service name */
    struct sk_str fixed_endpoint; /* its text, where it is a constant: every target begins so */
    /* It was not written by the action itself but comes from elsewhere in the definition: the
     * configuration may put its own in its place. */
    bool is_endpoint_shared;
    struct sk_str method;           /* http verb, upper case; grpc method */
    const struct sk_template *path; /* http; NULL = "" */
    const struct sk_pair *headers;
    uint32_t headers_count;
    const struct sk_pair *query;
    uint32_t query_count;
    /* body, parameters, payload, the custom map or the child's input; NULL = none */
    const struct sk_document *body;
    const struct sk_template *timeout;      /* NULL = the step's; renders to a duration */
    const uint16_t *success, *fail, *retry; /* HTTP statuses that redefine the classes */
    uint32_t success_count, fail_count, retry_count;
    /* message */
    struct sk_str broker;
    const struct sk_template *topic, *routing_key;
    struct sk_str reply_topic;
    int64_t reply_timeout_ms;
    /* child */
    struct sk_str definition, version; /* version empty = latest at the parent's start */
    /* task */
    struct sk_str queue;
    bool
        /* compensation `automatic`: same target, operation `compensation`, body = input and
         * output */
        is_automatic;
};

enum sk_wait_kind { SK_WAIT_NONE, SK_WAIT_FOR, SK_WAIT_UNTIL, SK_WAIT_SIGNAL, SK_WAIT_POLL };

struct sk_wait {
    enum sk_wait_kind kind;
    const struct sk_template *time; /* for: a duration; until: an RFC 3339 instant */
    struct sk_str signal;
    int64_t timeout_ms; /* signal, poll */
    const struct sk_action *poll;
    int64_t interval_ms;
    const struct sk_condition *until;   /* over $response */
    const struct sk_condition *fail_if; /* NULL = never */
};

enum sk_compensation_type {
    SK_UNDO_NONE /* not declared */,
    SK_UNDO_CUSTOM,
    SK_UNDO_SKIP,
    SK_UNDO_AUTOMATIC
};
enum sk_strategy { SK_STRATEGY_SEQUENTIAL, SK_STRATEGY_PARALLEL, SK_STRATEGY_BEST_EFFORT };
enum sk_on_failure {
    SK_ON_FAILURE_FAIL,
    SK_ON_FAILURE_RETRY,
    SK_ON_FAILURE_ALERT,
    SK_ON_FAILURE_IGNORE,
    SK_ON_FAILURE_LOG
};

struct sk_compensation {
    enum sk_compensation_type type;
    bool only_completed;            /* when: completed */
    bool is_best_effort;            /* its own or the global strategy */
    const struct sk_action *action; /* custom and automatic */
    int64_t timeout_ms;             /* 0 = the step's attempt limit */
    struct sk_retry_policy retry;
    enum sk_on_failure on_failure;
    struct sk_retry_policy on_failure_retry; /* SK_ON_FAILURE_RETRY */
};

enum sk_hook_kind { SK_HOOK_ACTION, SK_HOOK_NOTIFICATION };
struct sk_hook {
    enum sk_hook_kind kind;
    const struct sk_action *action; /* SK_HOOK_ACTION */
    struct sk_str type;             /* notification: email, slack, webhook, sms, pagerduty */
    const struct sk_template *target, *message;
    const struct sk_document *metadata;
};
struct sk_hooks {
    const struct sk_hook *items;
    uint32_t count;
};

struct sk_step {
    /* given */
    struct sk_str id, name, description;
    enum sk_step_kind kind;
    const struct sk_action *action; /* NULL only for SK_KIND_WAIT and SK_KIND_EVENT */
    const struct sk_action *verify; /* NULL = none */
    struct sk_wait wait;
    struct sk_compensation compensation;
    struct sk_retry_policy retry;
    const struct sk_template *timeout; /* one attempt; never NULL: the default is put in */
    int64_t step_timeout_ms;
    int64_t pending_timeout_ms; /* 0 = none (step_timeout was already put in) */
    const struct sk_condition *condition;
    const struct sk_document *variables;       /* an object; NULL = none */
    const struct sk_template *idempotency_key; /* NULL = "<saga>/<step>" */
    const uint32_t *dependencies;
    uint32_t dependencies_count;
    const struct sk_template *items; /* foreach; NULL = not one */
    struct sk_str item_name;
    uint32_t parallel; /* foreach: items at once, ≥ 1 */
    struct sk_hooks on_success, on_failure, on_compensation_failure;
    bool is_idempotent;
    bool is_detached; /* async */
    bool may_fail;    /* continue_on_error */
    bool is_pivot;
    struct sk_str metadata; /* JSON, empty = none */

    /* derived */
    const uint32_t *dependants;
    uint32_t dependants_count;
    struct sk_bitset ancestors; /* transitively */
    bool is_after_pivot;        /* a descendant of the pivot */
    uint32_t level;             /* 0 = no dependencies */
};

/* How hard a participant may be driven. 0 = not said; the server's own settings win over what a
 * definition says. Read by the invokers, never by the core. */
enum sk_breaker_wish { SK_BREAKER_UNSAID, SK_BREAKER_ON, SK_BREAKER_OFF };
struct sk_limits {
    uint32_t in_flight_max; /* requests at once */
    double rate_per_s;      /* requests a second, on the long run */
    uint32_t burst;         /* of them at once after a pause */
    enum sk_breaker_wish breaker;
    uint32_t breaker_threshold; /* failures in a row that open it */
    int64_t breaker_timeout_ms; /* open for so long, then half open */
    uint32_t breaker_probes;    /* requests at once while half open, and successes that close it */
};
struct sk_service {
    struct sk_str name;
    struct sk_limits limits;
};

enum sk_mode { SK_MODE_ORCHESTRATION, SK_MODE_CHOREOGRAPHY, SK_MODE_HYBRID };
enum { SK_STEP_NONE = 0x7fffffff };

struct sk_json_schema;

struct sk_plan {
    struct sk_arena arena; /* holds everything below */
    uint32_t refs;         /* the engine's */
    /* given */
    struct sk_digest digest; /* of the source after includes and environment */
    struct sk_str id, name, description, version;
    enum sk_mode mode;
    int64_t timeout_ms;        /* 0 = none */
    bool is_forward;           /* recovery: forward */
    enum sk_strategy strategy; /* global_compensation.strategy; SEQUENTIAL by default */
    const struct sk_template *const *lock_keys;
    uint32_t lock_keys_count;
    int64_t lock_timeout_ms;
    bool holds_locks_on_failed;
    const struct sk_document *output;           /* NULL = the map of step outputs */
    struct sk_str input_schema, tags, metadata; /* JSON, empty = none; tags an array of strings */
    const struct sk_json_schema *input_check;   /* input_schema, compiled; dsl/json_schema.h */
    struct sk_hooks on_success, on_failure;
    const struct sk_service *services; /* those of which the definition says limits */
    uint32_t services_count;
    struct sk_step *steps;
    uint32_t steps_count;

    /* derived */
    const struct sk_str *step_ids;
    uint32_t pivot;         /* step index, or SK_STEP_NONE */
    uint32_t kinds;         /* bit per sk_step_kind used anywhere: what the build must have */
    uint32_t brokers_count; /* > 0: needs a bus */
    bool has_children;
};

/* A fresh plan with an empty arena; NULL when out of memory. */
struct sk_plan *sk_plan_new(void);
void sk_plan_free(struct sk_plan *plan); /* NULL is fine */

/* Computes what is derived. SKALD_E_INVALID with the cycle named ("a → b") or the pivot rule
 * that is broken; dsl reports most of this earlier with marks, and calls this last. */
enum skald_status sk_plan_finish(struct sk_plan *plan, skald_error *error) SK_MUST_CHECK;

/* The index of the step with this id, or SK_STEP_NONE. */
uint32_t sk_plan_step(const struct sk_plan *plan, struct sk_str id);
const char *sk_step_kind_name(enum sk_step_kind kind);

#endif

/* plans.c: see plans.h. */
#include "plans.h"

#include "dsl/dsl.h"
#include "fuzz.h"

#define SHOP(path) "action: {service: {name: shop, path: \"" path "\"}}"
#define HEAD(id, more)                                        \
    "saga: {id: " id ", name: N, version: \"1\", " more "}\n" \
    "services: {shop: {endpoint: \"http://shop\"}}\n"         \
    "global_retry_policy: {type: exponential_backoff, "       \
    "max_attempts: 3, initial_delay: 1s, max_delay: 5s}\n"    \
    "steps:\n"

/* Steps one after the other with hooks, verify, a wait for a signal, a task, a pivot. */
static const char line_source[] = HEAD(
    "line",
    "order: sequential, timeout: 1h, on_failure: {notifications: [{type: slack, "
    "target: ops, message: \"{{ .saga_id }}\"}]}") "  - {id: a, name: A, type: service, " SHOP("/a") ", verify: {service: {name: shop, path: "
                                                                                                     "/verify}}, compensation: {type: automatic}, on_success: {actions: [{function: {name: h}}]}}\n"
                                                                                                     "  - {id: w, name: W, type: wait, wait: {signal: go, timeout: 10m}}\n"
                                                                                                     "  - {id: t, name: T, type: task, action: {task: packers}, compensation: {type: custom, "
                                                                                                     "action: {function: {name: undo}}, on_failure: {action: retry, retry_policy: {type: "
                                                                                                     "fixed_delay, initial_delay: 1s, max_attempts: 2}}}}\n"
                                                                                                     "  - {id: p, name: P, type: function, pivot: true, action: {function: {name: p}}, "
                                                                                                     "compensation: {type: skip}}\n"
                                                                                                     "  - {id: z, name: Z, type: function, async: true, action: {function: {name: z}}}\n";

/* A graph with items, a condition, a poll, locks, a child saga. */
static const char graph_source[] = HEAD(
    "graph",
    "lock_keys: [\"account-{{ .input.name }}\", b], lock_timeout: 5s, output: {n: "
    "\"{{ .output.e }}\"}") "  - {id: a, name: A, type: service, " SHOP("/a") ", idempotent: true, compensation: {type: "
                                                                              "automatic, when: completed}}\n"
                                                                              "  - {id: e, name: E, type: service, dependencies: [a], foreach: {items: \"{{ .input.list "
                                                                              "}}\", var: it, parallel: 2, " SHOP(
                                                                                  "/{{ .it }}") ", compensation: {type: automatic}}}\n"
                                                                                                "  - {id: c, name: C, type: saga, dependencies: [a], action: {saga: {definition: line}}}\n"
                                                                                                "  - {id: q, name: Q, type: wait, dependencies: [e], wait: {poll: {action: {service: {name: "
                                                                                                "shop, method: GET}}, interval: 1s, until: \"$response.ok == true\", timeout: 1m}}}\n"
                                                                                                "  - {id: d, name: D, type: function, dependencies: [e, c], continue_on_error: true, "
                                                                                                "condition: {expression: \"$input.amount > 1\"}, action: {function: {name: d}}, compensation: "
                                                                                                "{type: skip}}\n";

/* Always forward, with functions that are asked. */
static const char forward_source[] = HEAD(
    "forward",
    "recovery: forward") "  - {id: a, name: A, type: function, action: {function: {name: a}}, retry_policy: {type: "
                         "fixed_delay, max_attempts: 2, initial_delay: 1s, decide: again}, compensation: {type: "
                         "automatic}}\n"
                         "  - {id: b, name: B, type: function, dependencies: [a], condition: {function: is-rich}, "
                         "action: {function: {name: b}}, compensation: {type: automatic}}\n";

const char *fuzz_plan_source(uint32_t index)
{
    static const char *const sources[FUZZ_PLANS_COUNT] = { line_source, graph_source,
                                                           forward_source };
    return sources[index];
}

const struct sk_plan *fuzz_plan(uint32_t index)
{
    static struct sk_plan *plans[FUZZ_PLANS_COUNT];
    if (plans[index] != NULL) return plans[index];
    struct sk_diagnostics diagnostics;
    struct sk_dsl_options options = { .file_name = SK_STR("plan.yaml") };
    struct sk_buf text;
    sk_buf_init(&text, 0);
    sk_diagnostics_init(&diagnostics);
    enum skald_status status = sk_dsl_compile(sk_str_of(fuzz_plan_source(index)), &options,
                                              &plans[index], NULL, &diagnostics);
    sk_diagnostics_print(&diagnostics, &text);
    FUZZ_CHECK(status == SKALD_OK, "%s", sk_buf_text(&text));
    sk_diagnostics_release(&diagnostics);
    sk_buf_release(&text);
    return plans[index];
}

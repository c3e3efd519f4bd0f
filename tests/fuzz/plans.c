/* plans.c: see plans.h. */
#include "plans.h"

#include "dsl/dsl.h"
#include "fuzz.h"

/* The service that they share, and how often it is asked. */
#define SHOP                                              \
    "services: { shop: { endpoint: \"http://shop\" } }\n" \
    "global_retry_policy:\n"                              \
    "  type: exponential_backoff\n"                       \
    "  max_attempts: 3\n"                                 \
    "  initial_delay: 1s\n"                               \
    "  max_delay: 5s\n"

/* Steps one after the other with hooks, verify, a wait for a signal, a task, a pivot. */
static const char line_source[] =
    "saga:\n"
    "  id: line\n"
    "  name: N\n"
    "  version: \"1\"\n"
    "  order: sequential\n"
    "  timeout: 1h\n"
    "  on_failure:\n"
    "    notifications: [{ type: slack, target: ops, message: \"{{ .saga_id }}\" }]\n" SHOP
    "steps:\n"
    "  - id: a\n"
    "    name: N-a\n"
    "    type: service\n"
    "    action: { service: { name: shop, path: \"/a\" } }\n"
    "    verify: { service: { name: shop, path: /verify } }\n"
    "    compensation: { type: automatic }\n"
    "    on_success: { actions: [{ function: { name: h } }] }\n"
    "  - id: w\n"
    "    name: N-w\n"
    "    type: wait\n"
    "    wait: { signal: go, timeout: 10m }\n"
    "  - id: t\n"
    "    name: N-t\n"
    "    type: task\n"
    "    action: { task: packers }\n"
    "    compensation:\n"
    "      type: custom\n"
    "      action: { function: { name: undo } }\n"
    "      on_failure:\n"
    "        action: retry\n"
    "        retry_policy: { type: fixed_delay, initial_delay: 1s, max_attempts: 2 }\n"
    "  - id: p\n"
    "    name: N-p\n"
    "    type: function\n"
    "    pivot: true\n"
    "    action: { function: { name: p } }\n"
    "    compensation: { type: skip }\n"
    "  - id: z\n"
    "    name: N-z\n"
    "    type: function\n"
    "    async: true\n"
    "    action: { function: { name: z } }\n";

/* A graph with items, a condition, a poll, locks, a child saga. */
static const char graph_source[] =
    "saga:\n"
    "  id: graph\n"
    "  name: N\n"
    "  version: \"1\"\n"
    "  lock_keys: [\"account-{{ .input.name }}\", b]\n"
    "  lock_timeout: 5s\n"
    "  output: { n: \"{{ .output.e }}\" }\n" SHOP "steps:\n"
    "  - id: a\n"
    "    name: N-a\n"
    "    type: service\n"
    "    action: { service: { name: shop, path: \"/a\" } }\n"
    "    idempotent: true\n"
    "    compensation: { type: automatic, when: completed }\n"
    "  - id: e\n"
    "    name: N-e\n"
    "    type: service\n"
    "    dependencies: [a]\n"
    "    foreach:\n"
    "      items: \"{{ .input.list }}\"\n"
    "      var: it\n"
    "      parallel: 2\n"
    "      action: { service: { name: shop, path: \"/{{ .it }}\" } }\n"
    "      compensation: { type: automatic }\n"
    "  - id: c\n"
    "    name: N-c\n"
    "    type: saga\n"
    "    dependencies: [a]\n"
    "    action: { saga: { definition: child } }\n"
    "  - id: q\n"
    "    name: N-q\n"
    "    type: wait\n"
    "    dependencies: [e]\n"
    "    wait:\n"
    "      poll:\n"
    "        action: { service: { name: shop, method: GET } }\n"
    "        interval: 1s\n"
    "        until: \"$response.ok == true\"\n"
    "        timeout: 1m\n"
    "  - id: d\n"
    "    name: N-d\n"
    "    type: function\n"
    "    dependencies: [e, c]\n"
    "    continue_on_error: true\n"
    "    condition: { expression: \"$input.amount > 1\" }\n"
    "    action: { function: { name: d } }\n"
    "    compensation: { type: skip }\n";

/* What the graph starts. */
static const char child_source[] = "saga: { id: child, name: N, version: \"1\" }\n"
                                   "steps:\n"
                                   "  - id: a\n"
                                   "    name: N-a\n"
                                   "    type: function\n"
                                   "    action: { function: { name: a } }\n"
                                   "    compensation: { type: automatic }\n";

/* Always forward, with functions that are asked. */
static const char forward_source[] =
    "saga:\n"
    "  id: forward\n"
    "  name: N\n"
    "  version: \"1\"\n"
    "  recovery: forward\n" SHOP "steps:\n"
    "  - id: a\n"
    "    name: N-a\n"
    "    type: function\n"
    "    action: { function: { name: a } }\n"
    "    retry_policy: { type: fixed_delay, max_attempts: 2, initial_delay: 1s, decide: again }\n"
    "    compensation: { type: automatic }\n"
    "  - id: b\n"
    "    name: N-b\n"
    "    type: function\n"
    "    dependencies: [a]\n"
    "    condition: { function: is-rich }\n"
    "    action: { function: { name: b } }\n"
    "    compensation: { type: automatic }\n";

const char *fuzz_plan_source(uint32_t index)
{
    static const char *const sources[FUZZ_PLANS_COUNT] = { line_source, child_source, graph_source,
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

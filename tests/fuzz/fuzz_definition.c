/*
 * fuzz_definition.c: the whole reader of definitions: bytes (YAML or JSON) to plan.
 *
 *   1  A text is accepted, or refused with at least one diagnostic that has a place and words; the
 *      diagnostics are JSON, and text.
 *   2  What is accepted is kept as JSON that is read as the same definition: same bytes, same
 *      digest, no error. This is what recovery relies on.
 *   3  All five pictures of an accepted plan, and its dry run, are made; the JSON ones are JSON.
 *   4  A saga of it can be driven (drive.h): what was accepted does not break at run time.
 */
#include "drive.h"
#include "dsl/dsl.h"

enum { TURNS = 24 };

/* Files that may be included, one of which includes. */
static enum skald_status include(void *context, struct sk_str path, struct sk_buf *out,
                                 skald_error *error)
{
    static const struct {
        const char *path, *text;
    } files[] = {
        { "retry.yaml", "type: fixed_delay\nmax_attempts: 2\ninitial_delay: 1s\n" },
        { "steps.yaml", "- {id: x, name: X, type: wait, wait: {for: 1s}}\n" },
        { "more/again.yaml", "!include ../retry.yaml\n" },
        { "loop.yaml", "a: !include loop.yaml\n" },
        { "bad.yaml", "a: [1\n" },
    };
    (void)context;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (!sk_str_is(path, files[i].path)) continue;
        sk_buf_append_text(out, files[i].text);
        return SKALD_OK;
    }
    return sk_error_set(error, SKALD_E_NOT_FOUND, "no such file");
}

static bool environment(void *context, struct sk_str name, struct sk_buf *out)
{
    (void)context;
    if (name.size % 2 == 0) return false;
    sk_buf_append_text(out, name.size == 3 ? "http://shop:80/\"{{" : "5s");
    return true;
}

static void check_diagnostics(const struct sk_diagnostics *diagnostics, enum skald_status status)
{
    struct sk_buf text;
    uint32_t errors_count = 0;
    for (uint32_t i = 0; i < diagnostics->count; i++) {
        const struct sk_diagnostic *d = &diagnostics->items[i];
        errors_count += d->severity == SK_SEVERITY_ERROR ? 1 : 0;
        FUZZ_CHECK(d->code.size > 0 && d->message.size > 0, "diagnostic %u says nothing", i);
        FUZZ_CHECK((d->line == 0) == (d->column == 0), "%u:%u", d->line, d->column);
    }
    FUZZ_CHECK((errors_count > 0) == (status == SKALD_E_INVALID), "%u errors and %s", errors_count,
               skald_status_name(status));
    sk_buf_init(&text, 0);
    sk_diagnostics_json(diagnostics, &text);
    fuzz_check_json(sk_buf_view(&text), "the diagnostics");
    sk_buf_clear(&text);
    sk_diagnostics_print(diagnostics, &text);
    FUZZ_CHECK(sk_utf8_valid(sk_buf_view(&text)), "the diagnostics are no text");
    sk_buf_release(&text);
}

static struct sk_plan *compile(struct sk_str source, const struct sk_dsl_options *options,
                               struct sk_buf *json)
{
    struct sk_diagnostics diagnostics;
    struct sk_plan *plan = NULL;
    sk_diagnostics_init(&diagnostics);
    enum skald_status status = sk_dsl_compile(source, options, &plan, json, &diagnostics);
    FUZZ_CHECK(status == SKALD_OK || status == SKALD_E_INVALID, "%s", skald_status_name(status));
    FUZZ_CHECK((plan != NULL) == (status == SKALD_OK), "%s", skald_status_name(status));
    check_diagnostics(&diagnostics, status);
    sk_diagnostics_release(&diagnostics);
    return plan;
}

static void check_kept(const struct sk_plan *plan, struct sk_str json,
                       const struct sk_dsl_options *options)
{
    struct sk_buf again;
    sk_buf_init(&again, 0);
    fuzz_check_json(json, "the expanded definition");
    struct sk_dsl_options bare = *options; /* as at recovery: no files, no environment */
    bare.include = NULL;
    bare.environment = NULL;
    struct sk_plan *other = compile(json, &bare, &again);
    FUZZ_CHECK(other != NULL, "what is kept is refused: %.*s", SK_STR_ARGS(json));
    FUZZ_CHECK(sk_str_equal(json, sk_buf_view(&again)), "it is kept otherwise the second time");
    FUZZ_CHECK(sk_digest_equal(&plan->digest, &other->digest), "another digest");
    sk_plan_free(other);
    sk_buf_release(&again);
}

static void check_tools(const struct sk_plan *plan)
{
    struct sk_buf out;
    skald_error error = { 0 };
    sk_buf_init(&out, 0);
    for (int format = SK_GRAPH_DOT; format <= SK_GRAPH_TEXT; format++) {
        sk_buf_clear(&out);
        enum skald_status status = sk_dsl_graph(plan, (enum sk_graph_format)format, NULL, &out);
        FUZZ_CHECK(status == SKALD_OK && out.size > 0, "graph %d", format);
        FUZZ_CHECK(sk_utf8_valid(sk_buf_view(&out)), "graph %d is no text", format);
        if (format == SK_GRAPH_JSON) fuzz_check_json(sk_buf_view(&out), "the graph");
    }
    for (uint32_t i = 0; i < 4; i++) {
        struct sk_dry_run_options options = { .as_json = i % 2 == 0,
                                              .input = SK_STR("{\"amount\":5,\"list\":[1,2]}") };
        if (i >= 2) options.fail_step = plan->steps[plan->steps_count - 1].id;
        if (i == 3) options.fail_class = SK_STR("unknown");
        sk_buf_clear(&out);
        enum skald_status status = sk_dsl_dry_run(plan, &options, &out, &error);
        if (status == SKALD_E_INVALID && plan->input_check != NULL) continue; /* of the input */
        FUZZ_CHECK(status == SKALD_OK, "dry run: %s", error.message);
        if (options.as_json) fuzz_check_json(sk_buf_view(&out), "the dry run");
    }
    sk_buf_release(&out);
}

static void drive(const struct sk_plan *plan, struct sk_str json)
{
    struct sk_saga saga;
    struct fuzz_drive driven;
    uint64_t chance = json.size;
    for (size_t i = 0; i < json.size; i++) chance = chance * 31 + (unsigned char)json.data[i];
    FUZZ_CHECK(sk_saga_init(&saga, plan), "memory");
    fuzz_drive_init(&driven, &saga, chance);
    if (fuzz_drive_start(&driven, SK_STR("{\"amount\":5,\"list\":[1,2],\"name\":\"a\"}")) ==
        SKALD_OK)
        fuzz_drive_run(&driven, TURNS);
    fuzz_drive_release(&driven);
    sk_saga_release(&saga);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sk_str source = { (const char *)data, size };
    struct sk_dsl_options options = { .file_name = SK_STR("order.yaml"),
                                      .is_strict = size % 2 == 1,
                                      .include = include,
                                      .environment = environment };
    struct sk_buf json;
    sk_buf_init(&json, 0);
    struct sk_plan *plan = compile(source, &options, &json);
    if (plan != NULL) {
        check_kept(plan, sk_buf_view(&json), &options);
        check_tools(plan);
        drive(plan, sk_buf_view(&json));
    }
    sk_plan_free(plan);
    sk_buf_release(&json);
    return 0;
}

static const char *const fragments[] = {
    "- id: b\n  name: B\n  type: service\n  action: {service: {name: shop, path: /b}}\n",
    "- {id: w, name: W, type: wait, wait: {for: 2s}}\n",
    "- {id: g, name: G, type: wait, wait: {signal: go, timeout: 1h}}\n",
    "- {id: t, name: T, type: task, action: {task: packers}, compensation: {type: automatic}}\n",
    "- {id: c, name: C, type: saga, action: {saga: {definition: child, input: {a: 1}}}}\n",
    "- {id: f, name: F, type: function, action: {function: {name: f, parameters: {n: 1}}}}\n",
    "foreach: {items: \"{{ .input.list }}\", var: it, parallel: 2, action: {service: {name: shop, "
    "path: \"/{{ .it }}\"}}, compensation: {type: automatic}}\n",
    "wait: {poll: {action: {service: {name: shop, method: GET}}, interval: 1s, until: "
    "\"$response.ok == true\", fail_if: \"$response.n > 3\", timeout: 1m}}\n",
    "compensation: {type: automatic, when: completed, max_attempts: 2}\n",
    "compensation: {type: custom, action: {service: {name: shop, path: /undo}}, on_failure: "
    "{action: retry, retry_policy: {type: linear_backoff, increment: 1s, max_attempts: 3}}}\n",
    "compensation: {type: skip}\n",
    "retry_policy: {type: exponential_backoff, max_attempts: 5, initial_delay: 100ms, max_delay: "
    "10s, multiplier: 2.5, jitter: full, retryable_errors: [timeout, 503]}\n",
    "retry_policy: !include retry.yaml\n",
    "retry_policy: {type: no_retry}\n",
    "condition: {expression: \"$input.amount > 3 && $variables.x == 1\", variables: {x: 1}}\n",
    "condition: {function: is-rich}\n",
    "dependencies: [a]\n",
    "dependencies: [a, b]\n",
    "verify: {service: {name: shop, method: GET, path: /verify}}\n",
    "on_success: {actions: [{function: {name: h}}], notifications: [{type: slack, target: ops, "
    "message: \"{{ .saga_id }}\"}]}\n",
    "on_failure: {notifications: [{type: email, target: a@b.c}]}\n",
    "async: true\n",
    "pivot: true\n",
    "idempotent: true\n",
    "continue_on_error: true\n",
    "timeout: 5s\n",
    "timeout: \"{{ .input.timeout }}\"\n",
    "step_timeout: 1h\n",
    "pending_timeout: 2d\n",
    "idempotency_key: \"k-{{ .input.name }}\"\n",
    "metadata: {a: [1, 2.5, null, ~, yes, 0x1F, 1e3, 'q', \"d\\u00e4\"]}\n",
    "lock_keys: [\"account-{{ .input.name }}\", b]\n",
    "lock_timeout: 5s\n",
    "lock_on_failed: hold\n",
    "order: sequential\n",
    "recovery: forward\n",
    "mode: choreography\n",
    "version: \"2\"\n",
    "output: {id: \"{{ .output.a.id }}\", all: \"{{ .output }}\"}\n",
    "input_schema: {type: object, required: [amount], properties: {amount: {type: integer}}}\n",
    "tags: [x, y]\n",
    "global_compensation: {strategy: parallel, max_attempts: 3, compensation: required}\n",
    "global_retry_policy: {type: fixed_delay, max_attempts: 3, initial_delay: 1s}\n",
    "services: {shop: {endpoint: \"http://shop\", headers: {X-A: \"${secret:KEY}\"}, timeout: 2s, "
    "max_in_flight: 3, rate_limit: 600/m, circuit_breaker: {threshold: 3, timeout: 5s}}}\n",
    "name: &n ${ABC}\n",
    "description: *n\n",
    "<<: *n\n",
    "text: |\n  two\n  lines\n",
    "text: >-\n  folded\n",
    "? complex\n: value\n",
    "# a remark\n",
    "--- \n",
    "...\n",
    "%YAML 1.1\n",
    "!!binary aGVsbG8=\n",
    NULL
};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    return fuzz_mutate_lines(data, size, max_size, seed, fragments);
}

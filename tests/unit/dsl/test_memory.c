/* test_memory.c: every allocation fails once: nothing is swallowed, nothing leaks. */
#include "support/alloc_fail.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char source[] =
    "x: &x {retry_policy: {type: exponential_backoff, retryable_errors: [rate_limit]}}\n"
    "saga: {id: s, name: \"${HOST} $${x} ${secret_}\", lock_keys: [\"{{.input.id}}\"], tags: [a],\n"
    "       output: \"{{.output.a}}\", metadata: {a: +5}, order: sequential}\n"
    "services: {svc: {endpoint: \"http://svc\", headers: {A: b}}}\n"
    "global_compensation: {strategy: parallel}\n"
    "steps:\n"
    "  - {<<: *x, id: a, name: A, type: http, dependencies: [], metadata: [1],\n"
    "     action: {service: {name: svc, path: \"/x\", query: {a: \"{{.input.x}}\"},\n"
    "       body: {z: [1]}, success: [200]}}, compensation: {type: automatic},\n"
    "     condition: {expression: \"$input.x > 1\",\n"
    "       variables: {a: 1}}, on_success: {notifications: [{type: email, target: t}]}}\n"
    "  - {id: b, name: B, type: function, dependencies: [a], idempotency_key: k,\n"
    "     foreach: {items: \"{{.input.l}}\", var: it, action: {function: {name: f}}},\n"
    "     compensation: {type: custom, action: {function: {name: g, parameters: \"{{.it}}\"}}}}\n"
    "  - !include part.yaml\n";
static const char part[] = "{id: c, name: C, type: wait, wait: {signal: {name: go, timeout: 1h}}}";

static void set_up(struct skt_world *world)
{
    skt_world_init(world);
    skt_world_file(world, SK_STR("part.yaml"), sk_str_of(part));
}

static bool compile_once(void *context)
{
    struct skt_world *world = context;
    struct sk_diagnostics diagnostics;
    struct sk_plan *plan = NULL;
    struct sk_buf json;
    sk_diagnostics_init(&diagnostics);
    sk_buf_init(&json, 0);
    enum skald_status status =
        sk_dsl_compile(sk_str_of(source), &world->options, &plan, &json, &diagnostics);
    assert_true(status == SKALD_OK || status == SKALD_E_MEMORY);
    assert_int_equal(status == SKALD_OK, plan != NULL);
    sk_plan_free(plan);
    sk_buf_release(&json);
    sk_diagnostics_release(&diagnostics);
    return status == SKALD_OK;
}

static bool expand_once(void *context)
{
    struct skt_world *world = context;
    struct sk_diagnostics diagnostics;
    struct sk_buf json;
    sk_diagnostics_init(&diagnostics);
    sk_buf_init(&json, 0);
    enum skald_status status =
        sk_dsl_expand(sk_str_of(source), &world->options, &json, &diagnostics);
    assert_true(status == SKALD_OK || status == SKALD_E_MEMORY);
    sk_buf_release(&json);
    sk_diagnostics_release(&diagnostics);
    return status == SKALD_OK;
}

/* JSON, with problems: what cannot be reported is not lost either. */
static bool complain_once(void *context)
{
    struct skt_world *world = context;
    struct sk_diagnostics diagnostics;
    struct sk_plan *plan = NULL;
    sk_diagnostics_init(&diagnostics);
    enum skald_status status = sk_dsl_compile(
        SK_STR("{\"saga\": {\"id\": \"a\\u00e4\", \"name\": \"\"}, \"steps\": [{\"id\": \"a\", "
               "\"dependencies\": [\"b\"]}, {\"id\": \"c\"}], \"d\": 1}"),
        &world->options, &plan, NULL, &diagnostics);
    assert_true(status == SKALD_E_INVALID || status == SKALD_E_MEMORY);
    assert_null(plan);
    sk_diagnostics_release(&diagnostics);
    return status == SKALD_E_INVALID;
}

struct tool {
    const struct sk_plan *plan;
    enum sk_graph_format format;
    bool as_json;
};

static bool draw_once(void *context)
{
    const struct tool *tool = context;
    struct sk_buf out;
    sk_buf_init(&out, 0);
    static const char *const states[] = { "completed", NULL, "waiting" };
    enum skald_status status = sk_dsl_graph(tool->plan, tool->format, states, &out);
    sk_buf_release(&out);
    return status == SKALD_OK;
}

static bool dry_run_once(void *context)
{
    const struct tool *tool = context;
    struct sk_dry_run_options options = { .input = SK_STR("{\"x\":2,\"l\":[1,2]}"),
                                          .as_json = tool->as_json };
    struct sk_buf out;
    skald_error error;
    sk_buf_init(&out, 0);
    enum skald_status status = sk_dsl_dry_run(tool->plan, &options, &out, &error);
    sk_buf_release(&out);
    return status == SKALD_OK;
}

static void test_reading(void **state)
{
    (void)state;
    struct skt_world world;
    set_up(&world);
    assert_true(skt_fail_each(compile_once, &world) > 10);
    assert_true(skt_fail_each(expand_once, &world) > 10);
    assert_true(skt_fail_each(complain_once, &world) > 5);
}

static void test_tools(void **state)
{
    (void)state;
    struct skt_world world;
    struct sk_buf text;
    set_up(&world);
    sk_buf_init(&text, 0);
    struct tool tool = { .plan = skt_compile(&world, sk_str_of(source), &text) };
    struct sk_plan *plan = (struct sk_plan *)tool.plan;
    assert_non_null(plan);
    for (int format = SK_GRAPH_DOT; format <= SK_GRAPH_TEXT; format++) {
        tool.format = (enum sk_graph_format)format;
        assert_true(skt_fail_each(draw_once, &tool) > 0);
    }
    assert_true(skt_fail_each(dry_run_once, &tool) > 3);
    tool.as_json = true;
    assert_true(skt_fail_each(dry_run_once, &tool) > 3);
    sk_plan_free(plan);
    sk_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_tools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

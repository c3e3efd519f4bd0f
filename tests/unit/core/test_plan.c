/* test_plan.c: what is derived from a plan, and which plans are refused. */
#include "base/limits.h"
#include "core/plan.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Steps a, b, c …: for each the letters of its dependencies, then flags: P pivot, A async, F may
 * fail. */
static struct sk_plan *make(const char *const *steps, uint32_t count)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    struct sk_plan *plan = sk_plan_new();
    if (plan == NULL) return NULL;
    plan->steps = SK_ARENA_ARRAY(&plan->arena, struct sk_step, count);
    plan->steps_count = count;
    for (uint32_t i = 0; plan->steps != NULL && i < count; i++) {
        struct sk_step *step = &plan->steps[i];
        step->id = (struct sk_str){ letters + i, 1 };
        uint32_t *dependencies = SK_ARENA_ARRAY(&plan->arena, uint32_t, 8);
        for (const char *at = steps[i]; dependencies != NULL && *at != '\0'; at++) {
            if (*at == 'P') step->is_pivot = true;
            if (*at == 'A') step->is_detached = true;
            if (*at == 'F') step->may_fail = true;
            if (*at == '?') dependencies[step->dependencies_count++] = count;
            if (*at >= 'a') dependencies[step->dependencies_count++] = (uint32_t)(*at - 'a');
        }
        step->dependencies = dependencies;
    }
    return plan;
}

static void test_what_is_derived(void **state)
{
    (void)state;
    static const char *const steps[] = { "", "a", "a", "bcP", "d", "A", "F" };
    struct sk_plan *plan = make(steps, 7);
    skald_error error = { .message = "" };
    assert_int_equal(sk_plan_finish(plan, &error), SKALD_OK);
    static const uint32_t levels[] = { 0, 1, 1, 2, 3, 0, 0 };
    static const uint32_t dependants[] = { 2, 1, 1, 1, 0, 0, 0 };
    static const uint32_t ancestors[] = { 0, 1, 1, 3, 4, 0, 0 };
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(plan->steps[i].level, levels[i]);
        assert_int_equal(plan->steps[i].dependants_count, dependants[i]);
        assert_int_equal(sk_bitset_count(&plan->steps[i].ancestors), ancestors[i]);
        assert_int_equal(plan->steps[i].is_after_pivot, i == 4);
        assert_true(sk_str_equal(plan->step_ids[i], plan->steps[i].id));
        assert_int_equal(sk_plan_step(plan, plan->steps[i].id), i);
    }
    assert_int_equal(plan->steps[0].dependants[0], 1);
    assert_int_equal(plan->steps[0].dependants[1], 2);
    assert_int_equal(plan->pivot, 3);
    assert_int_equal(sk_plan_step(plan, SK_STR("nobody")), SK_STEP_NONE);
    sk_plan_free(plan);
    sk_plan_free(NULL);
}

static void test_an_empty_plan(void **state)
{
    (void)state;
    struct sk_plan *plan = make(NULL, 0);
    assert_int_equal(sk_plan_finish(plan, NULL), SKALD_OK);
    assert_int_equal(plan->pivot, SK_STEP_NONE);
    assert_int_equal(plan->kinds, 0);
    sk_plan_free(plan);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *steps[5];
        uint32_t count;
        const char *expected;
    } rows[] = {
        { { "b", "a" }, 2, "dependency cycle: a → b → a" },
        { { "a" }, 1, "dependency cycle: a → a" },
        { { "", "d", "b", "c" }, 4, "dependency cycle: b → d → c → b" },
        { { "", "ac", "b", "c" }, 4, "dependency cycle: b → c → b" },
        { { "?" }, 1, "step a depends on a step that is not there" },
        { { "P", "aP" }, 2, "steps a and b are both pivots" },
        { { "PA" }, 1, "the pivot a cannot be async or continue_on_error" },
        { { "PF" }, 1, "the pivot a cannot be async or continue_on_error" },
        { { "", "aP", "a" }, 3, "step c is neither before nor after the pivot b" },
        { { "", "aP", "aA", "aF" }, 4, NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_plan *plan = make(rows[i].steps, rows[i].count);
        skald_error error = { .message = "" };
        enum skald_status expected = rows[i].expected == NULL ? SKALD_OK : SKALD_E_INVALID;
        assert_int_equal(sk_plan_finish(plan, &error), expected);
        assert_string_equal(error.message, rows[i].expected == NULL ? "" : rows[i].expected);
        sk_plan_free(plan);
    }
}

static void test_big_plans(void **state)
{
    (void)state;
    struct sk_plan *plan = sk_plan_new();
    char ids[SK_STEPS_MAX + 1][16];
    plan->steps_count = SK_STEPS_MAX + 1;
    plan->steps = SK_ARENA_ARRAY(&plan->arena, struct sk_step, plan->steps_count);
    uint32_t *next = SK_ARENA_ARRAY(&plan->arena, uint32_t, plan->steps_count);
    for (uint32_t i = 0; i < plan->steps_count; i++) {
        next[i] = (i + 1) % SK_STEPS_MAX;
        plan->steps[i].id = (struct sk_str){ ids[i], (size_t)snprintf(ids[i], 16, "step-%u", i) };
        plan->steps[i].dependencies = &next[i];
        plan->steps[i].dependencies_count = 1;
    }
    skald_error error;
    assert_int_equal(sk_plan_finish(plan, &error), SKALD_E_INVALID);
    assert_string_equal(error.message, "1001 steps; the limit is 1000");
    plan->steps_count = SK_STEPS_MAX; /* one ring of 1000 */
    assert_int_equal(sk_plan_finish(plan, &error), SKALD_E_INVALID);
    assert_string_equal(error.message, "dependency cycle: too long to print");
    plan->steps[SK_STEPS_MAX - 1].dependencies_count = 0;
    assert_int_equal(sk_plan_finish(plan, &error), SKALD_OK);
    assert_int_equal(plan->steps[0].level, SK_STEPS_MAX - 1);
    sk_plan_free(plan);
}

static void test_what_a_build_must_have(void **state)
{
    (void)state;
    static const char *const steps[] = { "", "a" };
    struct sk_plan *plan = make(steps, 2);
    struct sk_action actions[20];
    struct sk_hook hooks[20];
    char brokers[20];
    for (int i = 0; i < 20; i++) {
        brokers[i] = (char)('a' + i);
        actions[i] = (struct sk_action){ .kind = SK_KIND_MESSAGE, .broker = { &brokers[i], 1 } };
        hooks[i] = (struct sk_hook){ .kind = SK_HOOK_ACTION, .action = &actions[i] };
    }
    struct sk_action child = { .kind = SK_KIND_SAGA }, undo = { .kind = SK_KIND_FUNCTION };
    plan->steps[0].kind = SK_KIND_TASK;
    plan->steps[0].action = &child;
    plan->steps[1].kind = SK_KIND_WAIT;
    plan->steps[1].compensation.action = &undo;
    plan->steps[1].wait.poll = &actions[0];
    plan->steps[1].verify = &actions[0];
    plan->steps[1].on_failure = (struct sk_hooks){ hooks, 2 };
    assert_int_equal(sk_plan_finish(plan, NULL), SKALD_OK);
    assert_int_equal(plan->brokers_count, 2);
    assert_true(plan->has_children);
    uint32_t kinds = 1u << SK_KIND_TASK | 1u << SK_KIND_WAIT | 1u << SK_KIND_SAGA |
                     1u << SK_KIND_FUNCTION | 1u << SK_KIND_MESSAGE;
    assert_int_equal(plan->kinds, kinds);
    plan->on_success = (struct sk_hooks){ hooks, 20 };
    assert_int_equal(sk_plan_finish(plan, NULL), SKALD_OK);
    assert_int_equal(plan->brokers_count, 16);
    sk_plan_free(plan);
}

static void test_names_of_kinds(void **state)
{
    (void)state;
    static const char *const names[] = { "http", "grpc", "function", "message", "custom",
                                         "saga", "wait", "task",     "event",   "unknown" };
    for (int i = 0; i <= SK_KINDS_COUNT; i++) {
        assert_string_equal(sk_step_kind_name((enum sk_step_kind)i), names[i]);
    }
}

/* `context` is how many steps; their ids make the cycle's text. */
static bool finish_once(void *context)
{
    static const char *const steps[] = { "", "a", "b" };
    (void)context;
    struct sk_plan *plan = make(steps, 3);
    if (plan == NULL) return false;
    skald_error error;
    enum skald_status status = plan->arena.failed ? SKALD_E_MEMORY : sk_plan_finish(plan, &error);
    sk_plan_free(plan);
    return status == SKALD_OK;
}

static void test_without_memory(void **state)
{
    (void)state;
    assert_true(skt_fail_each(finish_once, NULL) >= 2);
    /* The second block of the arena, at each place where it can be needed. */
    static const char *const steps[] = { "", "a", "b" };
    for (size_t spare = 0; spare < 1200; spare += 16) {
        struct sk_plan *plan = make(steps, 3);
        skald_error error;
        if (spare > 0) (void)sk_arena_alloc(&plan->arena, spare);
        skt_alloc_fail_from(0);
        enum skald_status status = sk_plan_finish(plan, &error);
        assert_true(status == SKALD_OK || status == SKALD_E_MEMORY);
        skt_alloc_fail_off();
        sk_plan_free(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_derived),        cmocka_unit_test(test_an_empty_plan),
        cmocka_unit_test(test_what_is_refused),        cmocka_unit_test(test_big_plans),
        cmocka_unit_test(test_what_a_build_must_have), cmocka_unit_test(test_names_of_kinds),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

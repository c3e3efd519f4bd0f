/* Definitions built in C when the n-th allocation fails: an error or NULL, and never half a
 * text. */
#include <skald/skald.h>

#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static enum skald_status build(skald_definition *d, skald_error *error)
{
    skald_retry_policy policy = skald_retry_fixed(2, 100);
    skald_definition_options saga = SKALD_OPTIONS(skald_definition_options, .description = "a",
                                                  .output_json = "1", .more_json = "{\"x\": []}");
    skald_step_options step =
        SKALD_OPTIONS(skald_step_options, .function = "f", .parameters_json = "{\"a\": {\"b\": 1}}",
                      .retry = policy, .undo = SKALD_UNDO_SKIP);
    skald_definition_set_retry(d, &policy);
    enum skald_status status = skald_definition_set(d, &saga, error);
    for (int i = 0; status == SKALD_OK && i < 20; i++) {
        status = skald_definition_add_step(d, "step", &step, error);
    }
    return status;
}

static bool build_whole(void *context)
{
    (void)context;
    skald_error error = { .status = SKALD_OK };
    skald_definition *d = skald_definition_new("id", "Name", "1");
    bool is_whole = d != NULL && build(d, &error) == SKALD_OK && skald_definition_yaml(d) != NULL;
    skald_definition_free(d);
    return is_whole;
}

static void test_short_of_memory(void **state)
{
    (void)state;
    assert_true(skt_fail_each(build_whole, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_short_of_memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

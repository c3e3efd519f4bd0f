/*
 * test_testkit.c: how a user tests sagas and step functions in C: nothing but the public headers
 * and cmocka.
 */
#include <skald/skald.h>
#include <skald/test.h>

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- what is tested: a shop's two functions -------------------------------------------------- */

struct shop {
    int stock, taken, released;
    char last_key[128];
};

static void take(skald_call *call, void *user)
{
    struct shop *shop = user;
    int64_t pieces = 0;
    (void)snprintf(shop->last_key, sizeof shop->last_key, "%s", skald_call_key(call));
    if (!skald_parameter_integer(call, "of.pieces", &pieces)) {
        skald_fail(call, "no_pieces", "how many?");
    } else if (pieces > shop->stock) {
        skald_fail(call, "sold_out", "none left");
    } else {
        shop->stock -= (int)pieces;
        shop->taken++;
        skald_succeed(call, "{\"shelf\": 7}");
    }
}

static void give_back(skald_call *call, void *user)
{
    struct shop *shop = user;
    int64_t pieces = 0;
    (void)skald_input_integer(call, "pieces", &pieces);
    shop->stock += (int)pieces;
    shop->released++;
    skald_succeed(call, NULL);
}

/* ---- a world for each test ------------------------------------------------------------------- */

struct world {
    skald_test *test;
    struct shop shop;
};

static void must(enum skald_status status, const skald_error *error)
{
    if (status != SKALD_OK) fail_msg("%s", error->message);
}

static void play(skald_test *test, const char *lines)
{
    if (skald_test_play(test, lines, NULL) != SKALD_OK) fail_msg("%s", skald_test_report(test));
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    skald_error error;
    skald_test_options options = SKALD_OPTIONS(skald_test_options, .seed = 7);
    world->shop.stock = 10;
    must(skald_test_new(&options, &world->test, &error), &error);
    must(skald_test_define_text(world->test, skald_test_fixture("sequence"), &error), &error);
    must(skald_test_register(world->test, "first", take, give_back, &world->shop, &error), &error);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    skald_test_free(world->test);
    free(world);
    return 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_my_function_takes_and_its_undo_gives_back(void **state)
{
    struct world *world = *state;
    play(world->test, "reply second fail too_far\n"
                      "start s1 with {\"pieces\": 3}\n"
                      "expect saga s1 compensated error=too_far\n"
                      "expect step first output {\"shelf\": 7}\n"
                      "expect compensations first\n");
    assert_int_equal(world->shop.taken, 1);
    assert_int_equal(world->shop.released, 1);
    assert_int_equal(world->shop.stock, 10);
}

static void test_a_clear_no_of_my_function_ends_the_saga(void **state)
{
    struct world *world = *state;
    play(world->test, "start s1 with {\"pieces\": 11}\n"
                      "expect saga s1 compensated error=sold_out\n"
                      "expect calls first\nexpect compensations none\n");
    assert_int_equal(world->shop.stock, 10);
}

/* A told reply comes before the function: how a test makes it misbehave. */
static void test_after_a_fault_the_function_is_called_with_the_same_key(void **state)
{
    struct world *world = *state;
    play(world->test, "reply first first retry busy\nreply second ok\nreply third ok\n"
                      "start s1 with {\"pieces\": 1}\nexpect saga s1 completed\n"
                      "expect step first attempts 2\n");
    assert_string_equal(world->shop.last_key, "s1/first/action");
    assert_int_equal(world->shop.taken, 1);
}

static void test_calls_are_remembered(void **state)
{
    struct world *world = *state;
    skald_test_call call;
    skald_test_call_init(&call);
    skald_error error;
    play(world->test, "reply second pending\nreply third fail no\nreply second.compensation ok\n");
    must(skald_test_start(world->test, "sequence", "s1", "{\"pieces\": 2}", &error), &error);
    assert_int_equal(skald_test_state(world->test, "s1"), SKALD_STATE_RUNNING);
    assert_int_equal(skald_test_calls_count(world->test), 2);
    assert_true(skald_test_call_at(world->test, 1, &call));
    assert_string_equal(call.step, "second");
    assert_string_equal(call.saga, "s1");
    assert_string_equal(call.target, "second");
    assert_string_equal(call.body, "{\"of\":{\"pieces\": 2}}");
    assert_true(call.token[0] != 0);
    assert_true(call.is_answered);
    assert_int_equal(call.operation, SKALD_OPERATION_ACTION);
    assert_int_equal(call.attempt, 1);
    assert_false(skald_test_call_at(world->test, 2, &call));
    play(world->test, "complete second ok {\"x\": 1}\nexpect saga compensated\n"
                      "expect compensations second, first\n");
    assert_int_equal(world->shop.stock, 10);
}

static void test_a_crash_loses_nothing(void **state)
{
    struct world *world = *state;
    skald_error error;
    play(world->test, "reply second ok after 5s\nreply third ok\n");
    must(skald_test_start(world->test, "sequence", "s1", "{\"pieces\": 2}", &error), &error);
    int64_t before_ms = skald_test_now_ms(world->test);
    skald_test_advance(world->test, 2000);
    assert_int_equal(skald_test_now_ms(world->test), before_ms + 2000);
    must(skald_test_crash(world->test, &error), &error);
    assert_int_equal(skald_test_state(world->test, "s1"), SKALD_STATE_RUNNING);
    skald_test_run(world->test);
    assert_int_equal(skald_test_state(world->test, "s1"), SKALD_STATE_COMPLETED);
    assert_int_equal(world->shop.taken, 1);
    play(world->test, "expect event step.redriven second\n");
}

static void test_the_api_is_there(void **state)
{
    struct world *world = *state;
    skald_reply *reply;
    skald_error error;
    play(world->test, "reply * always ok\n");
    must(skald_test_request(
             world->test, "POST", "/api/v1/sagas",
             "{\"definition\": \"sequence\", \"id\": \"s1\", \"input\": {\"pieces\": 1}}", &reply,
             &error),
         &error);
    assert_int_equal(skald_reply_status(reply), 201);
    skald_reply_free(reply);
    must(skald_test_request(world->test, "GET", "/api/v1/sagas/s1?wait=5s", NULL, &reply, &error),
         &error);
    assert_int_equal(skald_reply_state(reply), SKALD_STATE_COMPLETED);
    assert_string_equal(skald_reply_text(reply, "steps[0].output.shelf"), "7");
    skald_reply_free(reply);
    assert_int_equal(skald_test_request(world->test, "GET", "/api/v1/sagas/none", NULL, NULL,
                                        &error),
                     SKALD_E_NOT_FOUND);
    assert_int_equal(skald_test_request(world->test, "BREW", "/", NULL, NULL, &error),
                     SKALD_E_ARGUMENT);
    assert_int_equal(skald_test_state(world->test, "none"), SKALD_STATE_NONE);
}

static void test_what_fails_is_told(void **state)
{
    struct world *world = *state;
    skald_error error;
    assert_int_equal(skald_test_play(world->test,
                                     "reply second fail no\nstart s1 with {\"pieces\": 1}\n"
                                     "expect saga s1 completed\n",
                                     &error),
                     SKALD_E_FAILED);
    assert_non_null(strstr(error.message, "line 3: expect saga s1 completed"));
    const char *report = skald_test_report(world->test);
    assert_non_null(strstr(report, "expected completed"));
    assert_non_null(strstr(report, "happened compensated (reason: step), error no of step second"));
    assert_non_null(strstr(report, "step.failed second: no"));
    play(world->test, "expect saga s1 compensated\n"); /* one goes on after a failure */
    assert_string_equal(skald_test_report(world->test), "");
    assert_int_equal(skald_test_play(world->test, "rply second ok\n", &error), SKALD_E_SYNTAX);
    assert_non_null(strstr(error.message, "did you mean `reply`"));
    assert_int_equal(skald_test_define_text(world->test, "saga: {}\n", &error), SKALD_E_INVALID);
    assert_int_equal(skald_test_define_file(world->test, "/no/such.yaml", &error), SKALD_E_INVALID);
    assert_int_equal(skald_test_register(world->test, "first", take, NULL, NULL, &error),
                     SKALD_E_CONFLICT);
    assert_int_equal(skald_test_start(world->test, "other", "s2", NULL, &error), SKALD_E_NOT_FOUND);
    assert_int_equal(skald_test_start(world->test, "sequence", "s2", "{", &error), SKALD_E_SYNTAX);
    skald_test_options wrong = { 0 };
    skald_test *none;
    assert_int_equal(skald_test_new(&wrong, &none, &error), SKALD_E_ARGUMENT);
    assert_null(none);
    skald_test_free(NULL);
}

static void test_every_fixture_runs(void **state)
{
    (void)state;
    static const char *const names[] = { "sequence", "parallel", "signal", "foreach", "pivot" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        skald_test *test;
        skald_error error;
        must(skald_test_new(NULL, &test, &error), &error);
        must(skald_test_define_text(test, skald_test_fixture(names[i]), &error), &error);
        play(test, "reply * always ok\nstart s1 with {\"items\": [1, 2]}\n");
        if (strcmp(names[i], "signal") == 0) play(test, "signal go\n");
        play(test, "expect saga s1 completed\n");
        skald_test_free(test);
    }
    assert_null(skald_test_fixture("none"));
    assert_null(skald_test_fixture(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_my_function_takes_and_its_undo_gives_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_clear_no_of_my_function_ends_the_saga, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_after_a_fault_the_function_is_called_with_the_same_key,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_calls_are_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_crash_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_api_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_fails_is_told, set_up, tear_down),
        cmocka_unit_test(test_every_fixture_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

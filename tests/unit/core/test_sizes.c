/*
 * test_sizes.c: what is larger than its limit is refused where it would be sent, with a code that
 * says so; the saga never waits for memory that no machine would give it (law 11).
 */
#include "play.h"

enum { MEGABYTE = 1024 * 1024 };

/* A JSON text of so many megabytes. */
static char *big(size_t megabytes)
{
    size_t size = megabytes * MEGABYTE;
    char *text = malloc(size + 3);
    assert_non_null(text);
    memset(text, 'x', size + 2);
    text[0] = text[size + 1] = '"';
    text[size + 2] = '\0';
    return text;
}

static void succeed(struct skt_play *play, uint32_t step, const char *output)
{
    skt_reply(play, step, -1, SK_OPERATION_ACTION, SK_OUTCOME_SUCCEEDED, "", output);
}

/* Two steps with outputs of 3 MB each, then the step to be judged. */
static struct skt_play *play_of(const char *saga_keys, const char *step)
{
    char steps[2000];
    snprintf(steps, sizeof steps, "%s%s%s", SKT_STEP("a", ", compensation: { type: skip }"),
             SKT_STEP("b", ", compensation: { type: skip }"), step);
    struct skt_play *play = skt_play_new(skt_plan_of(saga_keys, steps), NULL);
    char *output = big(3);
    succeed(play, 0, output);
    succeed(play, 1, output);
    free(output);
    return play;
}

static bool is_code(const struct sk_unit *unit, const char *code)
{
    return sk_str_is(unit->error_code, code);
}

#define BOTH "\"{{ .output.a }}{{ .output.b }}\""

static void test_what_a_step_sends(void **state)
{
    (void)state;
    static const char *const steps[] = {
        /* body, headers, query, path */
        "  - { id: c, name: C, type: service, action: { service: { name: shop, path: /c, body: "
        "{ x: " BOTH " } } }, compensation: { type: skip } }\n",
        "  - { id: c, name: C, type: service, action: { service: { name: shop, path: /c, headers: "
        "{ X: " BOTH " } } }, compensation: { type: skip } }\n",
        "  - { id: c, name: C, type: service, action: { service: { name: shop, path: /c, query: "
        "{ x: " BOTH " } } }, compensation: { type: skip } }\n",
        "  - { id: c, name: C, type: service, action: { service: { name: shop, path: " BOTH " } }, "
        "compensation: { type: skip } }\n",
        "  - { id: c, name: C, type: saga, action: { saga: { definition: leaf, input: { x: " BOTH
        " } } } }\n",
        "  - { id: c, name: C, type: wait, wait: { poll: { action: { service: { name: shop, path: "
        "/c, body: { x: " BOTH " } } }, interval: 1s, until: \"$response.ready\" } } }\n",
        "  - { id: c, name: C, type: service, condition: { expression: \"$variables.x\", "
        "variables: { x: " BOTH " } }, action: { service: { name: shop, path: /c } }, "
        "compensation: { type: skip } }\n",
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct skt_play *play = play_of("", steps[i]);
        assert_int_equal(skt_unit(play, 2)->state, SK_STEP_FAILED);
        assert_true(is_code(skt_unit(play, 2), "too_large"));
        assert_int_equal(play->saga.state, SK_SAGA_COMPENSATED);
        assert_true(sk_str_is(play->saga.error_code, "too_large"));
        skt_play_free(play);
        /* where it must succeed it waits for a human */
        play = play_of(", recovery: forward", steps[i]);
        assert_int_equal(skt_unit(play, 2)->state, SK_STEP_WAITING);
        assert_int_equal(skt_unit(play, 2)->action.state, SK_CALL_PARKED);
        assert_true(is_code(skt_unit(play, 2), "too_large"));
        skt_play_free(play);
    }
}

static void test_an_edited_input_helps(void **state)
{
    (void)state;
    struct skt_play *play =
        play_of(", recovery: forward", "  - { id: c, name: C, type: service, action: { service: { "
                                       "name: shop, path: /c, body: { x: " BOTH " } } } }\n");
    struct sk_command command = skt_command(SK_COMMAND_RETRY);
    command.step = 2;
    assert_int_equal(skt_do(play, command), SKALD_OK);
    assert_int_equal(skt_unit(play, 2)->action.state, SK_CALL_PARKED);
    command.body = SK_STR("{\"x\":1}");
    assert_int_equal(skt_do(play, command), SKALD_OK);
    assert_int_equal(skt_unit(play, 2)->action.state, SK_CALL_FLYING);
    assert_true(skt_unit(play, 2)->first_start_seq > 0);
    struct sk_saga again;
    skt_refold(play, &again);
    sk_saga_release(&again);
    succeed(play, 2, "1");
    assert_int_equal(play->saga.state, SK_SAGA_COMPLETED);
    skt_play_free(play);
}

static void test_items(void **state)
{
    (void)state;
    /* the list itself, and one of the requests */
    static const char list[] = "  - { id: c, name: C, type: service, foreach: { items: " BOTH
                               ", var: it, action: { service: { name: shop, path: /c } } }, "
                               "compensation: { type: skip } }\n";
    struct skt_play *play = play_of("", list);
    assert_int_equal(play->saga.steps[2].state, SK_STEP_FAILED);
    assert_true(sk_str_is(play->saga.error_code, "bad_items"));
    skt_play_free(play);
    play = play_of(", recovery: forward", list);
    assert_true(play->saga.is_suspended);
    assert_true(sk_str_is(play->saga.suspend_reason, "bad_items"));
    struct sk_command command = skt_command(SK_COMMAND_SKIP_STEP);
    command.step = 2;
    assert_int_equal(skt_do(play, command), SKALD_OK);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_RESUME)), SKALD_OK);
    assert_int_equal(play->saga.state, SK_SAGA_COMPLETED);
    skt_play_free(play);
    play = play_of("", "  - { id: c, name: C, type: service, continue_on_error: true, foreach: { "
                       "items: \"{{ .input }}\", var: it, action: { service: { name: shop, path: "
                       "/c } } }, compensation: { type: skip } }\n");
    assert_int_equal(play->saga.state,
                     SK_SAGA_COMPLETED); /* an object is no list: failed, goes on */
    skt_play_free(play);
}

static void test_every_item_may_be_too_large(void **state)
{
    (void)state;
    static const char each[] =
        "  - { id: c, name: C, type: service, continue_on_error: true, foreach: { items: \"{{ "
        ".input.list }}\", var: it, action: { service: { name: shop, path: /c, body: { x: \"{{ .it "
        "}}{{ .input.big }}{{ .input.big }}\" } } }, compensation: { type: automatic } } }\n";
    char *text = big(2), *input = malloc(3 * MEGABYTE);
    assert_non_null(input);
    snprintf(input, 3 * MEGABYTE, "{\"list\":[1,2,3],\"big\":%s}", text);
    struct sk_start start = { .id = SK_STR("s"), .input = sk_str_of(input) };
    struct skt_play *play = skt_play_new(skt_plan_of("", each), &start);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    assert_int_equal(play->saga.state, SK_SAGA_COMPLETED);
    assert_int_equal(play->saga.steps[0].units_done, 3);
    assert_true(is_code(&play->saga.steps[0].units[2], "too_large"));
    struct sk_saga again;
    skt_refold(play, &again);
    sk_saga_release(&again);
    skt_play_free(play);
    free(input);
    free(text);
}

/* Input and output of the largest size, together: an automatic compensation always fits. */
static void test_automatic_compensation(void **state)
{
    (void)state;
    static const char steps[] =
        "  - { id: a, name: A, type: service, action: { service: { name: shop, path: /a, body: "
        "\"{{ .input }}\" } }, compensation: { type: automatic } }\n" SKT_STEP("z", "");
    char *text = big(4);
    text[SK_PAYLOAD_SIZE_MAX - 1] = '"';
    text[SK_PAYLOAD_SIZE_MAX] = '\0';
    struct sk_start start = { .id = SK_STR("s"), .input = sk_str_of(text) };
    struct skt_play *play = skt_play_new(skt_plan_of("", steps), &start);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    succeed(play, 0, text);
    skt_answer(play, 1, SK_OUTCOME_FAILED);
    assert_int_equal(skt_unit(play, 0)->undo.state, SK_CALL_FLYING);
    assert_true(skt_unit(play, 0)->undo.body.size > 2 * (SK_PAYLOAD_SIZE_MAX - 1));
    assert_true(play->decision.data.size < SK_EVENT_SIZE_MAX);
    free(text);
    skt_play_free(play);
}

static void test_a_compensation_that_cannot_be_sent(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        enum sk_saga_state end;
        uint32_t residue;
    } rows[] = { { "", SK_SAGA_FAILED, 0 }, { ", strategy: best_effort", SK_SAGA_COMPENSATED, 1 } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char step[600];
        snprintf(step, sizeof step,
                 "  - { id: c, name: C, type: service, action: { service: { name: shop, path: /c "
                 "} }, compensation: { type: custom%s, action: { service: { name: shop, path: /u, "
                 "body: { x: " BOTH " } } } } }\n" SKT_STEP("z", ""),
                 rows[i].more);
        struct skt_play *play = play_of("", step);
        succeed(play, 2, "1");
        skt_answer(play, 3, SK_OUTCOME_FAILED);
        assert_int_equal(play->saga.state, rows[i].end);
        assert_int_equal(play->saga.residue_count, rows[i].residue);
        assert_int_equal(skt_unit(play, 2)->state, SK_STEP_COMPENSATION_FAILED);
        assert_true(is_code(skt_unit(play, 2), "too_large"));
        skt_play_free(play);
    }
}

static void test_a_question_that_cannot_be_asked(void **state)
{
    (void)state;
    static const char step[] =
        "  - { id: c, name: C, type: service, timeout: 1s, retry_policy: { type: no_retry }, "
        "action: { service: { name: shop, path: /c } }, verify: { service: { name: shop, path: /v, "
        "body: { x: " BOTH " } } }, compensation: { type: automatic } }\n";
    struct skt_play *play = play_of("", step);
    skt_answer(play, 2, SK_OUTCOME_UNKNOWN);
    skt_advance(play, 4000);
    assert_int_equal(play->saga.state, SK_SAGA_COMPENSATING);
    assert_int_equal(skt_unit(play, 2)->undo.state, SK_CALL_FLYING); /* undone instead */
    skt_play_free(play);
    play = play_of(", recovery: forward", step);
    skt_answer(play, 2, SK_OUTCOME_UNKNOWN);
    skt_advance(play, 4000);
    assert_int_equal(play->saga.state, SK_SAGA_RUNNING); /* tried again instead */
    assert_int_equal(skt_unit(play, 2)->action.what, SK_FOR_BACKOFF);
    skt_play_free(play);
}

static void test_the_output_of_the_saga(void **state)
{
    (void)state;
    static const char *const keys[] = { "", ", output: { x: " BOTH " }" };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct skt_play *play = play_of(keys[i], SKT_STEP("z", ", compensation: { type: skip }"));
        char *output = big(3);
        succeed(play, 2, output);
        assert_int_equal(play->saga.state, SK_SAGA_COMPLETED);
        assert_int_equal(play->saga.output.size, 0);
        const struct sk_event *alert = &play->events[play->events_count - 2];
        assert_int_equal(alert->type, SK_EVENT_SAGA_ALERTED);
        assert_true(sk_str_is(alert->text, "output_too_large"));
        free(output);
        skt_play_free(play);
    }
}

/* Nesting has a limit too: a value of the deepest kind, put one level deeper. */
static void test_depth(void **state)
{
    (void)state;
    char input[2 * SK_JSON_DEPTH_MAX + 1];
    memset(input, '[', SK_JSON_DEPTH_MAX);
    memset(input + SK_JSON_DEPTH_MAX, ']', SK_JSON_DEPTH_MAX);
    input[2 * SK_JSON_DEPTH_MAX] = '\0';
    struct sk_start start = { .id = SK_STR("s"), .input = sk_str_of(input) };
    struct skt_play *play = skt_play_new(
        skt_plan_of("", "  - { id: c, name: C, type: service, action: { service: { name: shop, "
                        "path: /c, body: { x: \"{{ .input }}\" } } }, compensation: { type: skip } "
                        "}\n"),
        &start);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    assert_int_equal(play->saga.state, SK_SAGA_COMPENSATED);
    assert_true(is_code(skt_unit(play, 0), "too_large"));
    skt_play_free(play);
}

/* A key of megabytes falls back on the usual one. */
static void test_keys(void **state)
{
    (void)state;
    struct skt_play *play =
        play_of("", "  - { id: c, name: C, type: service, idempotency_key: " BOTH
                    ", action: { service: { name: shop, path: /c } }, "
                    "compensation: { type: skip } }\n");
    struct sk_buf key;
    sk_buf_init(&key, 0);
    sk_saga_key(&play->saga, 2, -1, SK_OPERATION_ACTION, 0, &key);
    assert_string_equal(sk_buf_text(&key), "s/c/action");
    sk_buf_release(&key);
    skt_play_free(play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_step_sends),
        cmocka_unit_test(test_an_edited_input_helps),
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_every_item_may_be_too_large),
        cmocka_unit_test(test_automatic_compensation),
        cmocka_unit_test(test_a_compensation_that_cannot_be_sent),
        cmocka_unit_test(test_a_question_that_cannot_be_asked),
        cmocka_unit_test(test_the_output_of_the_saga),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_request.c: from a step's templates to the request that is sent: lines, escaping, bodies,
 * what templates may read, keys, and the attempt limit.
 */
#include "play.h"

/* ---- what flies ------------------------------------------------------------------------------ */

struct search {
    struct sk_effect effect;
    uint32_t step;
    enum sk_operation operation;
    bool found;
};

static void look(void *context, const struct sk_effect *effect)
{
    struct search *s = context;
    if (effect->step != s->step || effect->operation != s->operation) return;
    s->effect = *effect;
    s->found = true;
}

static struct sk_effect flying(const struct skt_play *play, uint32_t step,
                               enum sk_operation operation)
{
    struct search s = { .step = step, .operation = operation };
    sk_saga_react(&play->saga, 0, UINT64_MAX, look, &s);
    assert_true(s.found);
    return s.effect;
}

static void expect_request(const struct skt_play *play, uint32_t step, enum sk_operation operation,
                           const char *method, const char *target, const char *headers,
                           const char *body, const char *key)
{
    struct sk_effect effect = flying(play, step, operation);
    struct sk_buf text;
    sk_buf_init(&text, 0);
    struct sk_request request = sk_saga_request(&play->saga, &effect, &text);
    const struct sk_str got[] = { request.method, request.target, request.headers, request.body,
                                  sk_buf_view(&text) };
    const char *const wanted[] = { method, target, headers, body, key };
    for (int i = 0; i < 5; i++)
        if (!sk_str_is(got[i], wanted[i]))
            fail_msg("got [%.*s], expected [%s]", SK_STR_ARGS(got[i]), wanted[i]);
    assert_non_null(request.action);
    sk_buf_release(&text);
}

/* A task's request is not on the wire: it is the taking worker's. */
static void take_and_complete(struct skt_play *play, uint32_t step, const char *queue,
                              const char *key)
{
    struct sk_command command = skt_command(SK_COMMAND_TAKE);
    command.step = step;
    command.lease_ms = 1000;
    assert_int_equal(skt_do(play, command), SKALD_OK);
    struct sk_effect effect = { .step = step, .item = -1, .attempt = 1 };
    struct sk_buf text;
    sk_buf_init(&text, 0);
    struct sk_request request = sk_saga_request(&play->saga, &effect, &text);
    assert_true(sk_str_is(request.target, queue));
    assert_true(sk_str_is(sk_buf_view(&text), key));
    sk_buf_release(&text);
    struct sk_outcome done = { .class_ = SK_OUTCOME_SUCCEEDED, .is_answered = true };
    command.kind = SK_COMMAND_COMPLETE;
    command.attempt = 1;
    command.outcome = &done;
    assert_int_equal(skt_do(play, command), SKALD_OK);
}

static struct skt_play *play_of(const char *steps, const char *input)
{
    struct sk_start start = { .id = SK_STR("s-1"),
                              .input = sk_str_of(input),
                              .context = SK_STR("{\"who\":\"ann\"}") };
    struct skt_play *play = skt_play_new(skt_plan_of("", steps), &start);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    return play;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void test_target_and_headers(void **state)
{
    (void)state;
    static const char steps[] =
        "  - id: a\n    name: A\n    type: service\n"
        "    action:\n      service:\n        name: shop\n        method: PUT\n"
        "        path: \"/x/{{ .input.id }}\"\n"
        "        query: { q: \"{{ .input.q }}\", \"a b\": \"{{ .input.missing }}\", key: "
        "\"${secret:KEY}\" }\n"
        "        headers: { X-Text: \"{{ .input.line }}\", Authorization: \"Bearer "
        "${secret:TOKEN}\", X-Who: \"{{ .context.who }}\" }\n"
        "        body: { q: \"{{ .input.q }}\", whole: \"{{ .input }}\", text: \"<{{ .input.id "
        "}}>\" }\n"
        "    compensation: { type: skip }\n";
    struct skt_play *play =
        play_of(steps, "{\"id\":7,\"q\":\"a/b c&d=\xc3\xa9~\",\"line\":\"one\\ntwo\\u0000\"}");
    expect_request(play, 0, SK_OPERATION_ACTION, "PUT",
                   "http://shop/x/7?q=a%2Fb%20c%26d%3D%C3%A9~&a%20b=&key=${secret:KEY}",
                   "X-Text: one two \nAuthorization: Bearer ${secret:TOKEN}\nX-Who: ann\n",
                   "{\"q\":\"a/b c&d=\xc3\xa9~\",\"whole\":{\"id\":7,\"q\":\"a/b "
                   "c&d=\xc3\xa9~\",\"line\":\"one\\ntwo\\u0000\"},\"text\":\"<7>\"}",
                   "s-1/a/action");
    skt_play_free(play);
}

static void test_kinds(void **state)
{
    (void)state;
    static const char steps[] =
        "  - { id: f, name: F, type: function, action: { function: { name: fn, handler: h } }, "
        "compensation: { type: automatic } }\n"
        "  - { id: g, name: G, type: function, action: { function: { name: fn, parameters: { k: "
        "\"{{ .output.f }}\" } } }, compensation: { type: automatic } }\n"
        "  - { id: t, name: T, type: task, action: { task: { queue: packing } }, compensation: { "
        "type: skip } }\n"
        "  - { id: m, name: M, type: message, action: { message: { topic: \"orders.{{ .input.n "
        "}}\", payload: { n: 1 } } }, compensation: { type: skip } }\n";
    struct skt_play *play = play_of(steps, "{\"n\":3}");
    /* a function without parameters takes the saga's input */
    expect_request(play, 0, SK_OPERATION_ACTION, "", "h", "", "{\"n\":3}", "s-1/f/action");
    skt_answer(play, 0, SK_OUTCOME_SUCCEEDED);
    expect_request(play, 1, SK_OPERATION_ACTION, "", "fn", "", "{\"k\":{\"ok\":true}}",
                   "s-1/g/action");
    skt_answer(play, 1, SK_OUTCOME_SUCCEEDED);
    take_and_complete(play, 2, "packing", "s-1/t/action");
    expect_request(play, 3, SK_OPERATION_ACTION, "", "orders.3", "", "{\"n\":1}", "s-1/m/action");
    skt_answer(play, 3, SK_OUTCOME_FAILED);
    expect_request(play, 1, SK_OPERATION_COMPENSATION, "", "fn", "",
                   "{\"input\":{\"k\":{\"ok\":true}},\"output\":{\"ok\":true}}",
                   "s-1/g/compensation");
    skt_play_free(play);
}

/* ---- what templates may read ----------------------------------------------------------------- */

static void test_scope(void **state)
{
    (void)state;
    static const char steps[] =
        "  - { id: a, name: The A, type: service, retry_policy: { type: fixed_delay, max_attempts: "
        "3, initial_delay: 1s }, timeout: \"{{ .attempt }}s\", action: { service: { name: shop, "
        "path: /a, body: { at: \"{{ .timestamp }}\", saga: \"{{ .saga_id }}\", step: \"{{ .step_id "
        "}}\", name: \"{{ .step_name }}\" } } }, compensation: { type: custom, action: { service: "
        "{ name: shop, path: \"/undo/{{ .output.a.id }}\", body: { why: \"{{ .error.code }}\", of: "
        "\"{{ .error.step }}\", text: \"{{ .error.message }}\", own: \"{{ .output.a }}\" } } } } "
        "}\n" SKT_STEP("z", "");
    struct skt_play *play = play_of(steps, "{}");
    const char *body = "{\"at\":\"2026-01-01T00:00:00.000Z\",\"saga\":\"s-1\",\"step\":\"a\","
                       "\"name\":\"The A\"}";
    expect_request(play, 0, SK_OPERATION_ACTION, "POST", "http://shop/a", "", body, "s-1/a/action");
    assert_int_equal(flying(play, 0, SK_OPERATION_ACTION).deadline_ms, play->now_ms + 1000);
    skt_answer(play, 0, SK_OUTCOME_RETRYABLE);
    skt_advance(play, 1000);
    /* the same request and key; the limit of the second attempt */
    expect_request(play, 0, SK_OPERATION_ACTION, "POST", "http://shop/a", "", body, "s-1/a/action");
    assert_int_equal(flying(play, 0, SK_OPERATION_ACTION).deadline_ms, play->now_ms + 2000);
    skt_reply(play, 0, -1, SK_OPERATION_ACTION, SK_OUTCOME_SUCCEEDED, "", "{\"id\":\"x\"}");
    skt_reply(play, 1, -1, SK_OPERATION_ACTION, SK_OUTCOME_FAILED, "declined", "");
    expect_request(play, 0, SK_OPERATION_COMPENSATION, "POST", "http://shop/undo/x", "",
                   "{\"why\":\"declined\",\"of\":\"z\",\"text\":\"\",\"own\":{\"id\":\"x\"}}",
                   "s-1/a/compensation");
    skt_play_free(play);
}

/* `.attempt` in a limit is the number of the attempt: a redrive has its attempt's, a new round
 * begins at 1. */
static void test_attempt_in_a_limit(void **state)
{
    (void)state;
    static const char steps[] =
        "  - { id: a, name: A, type: service, retry_policy: { type: fixed_delay, max_attempts: 9, "
        "initial_delay: 1s }, timeout: \"{{ .attempt }}s\", action: { service: { name: shop, path: "
        "/a } } }\n";
    struct skt_play *play = skt_play_new(skt_plan_of(", recovery: forward", steps), NULL);
    assert_int_equal(flying(play, 0, SK_OPERATION_ACTION).deadline_ms, play->now_ms + 1000);
    skt_answer(play, 0, SK_OUTCOME_RETRYABLE);
    skt_advance(play, 1000);
    assert_int_equal(flying(play, 0, SK_OPERATION_ACTION).deadline_ms, play->now_ms + 2000);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_RECOVER)), SKALD_OK);
    assert_int_equal(flying(play, 0, SK_OPERATION_ACTION).deadline_ms, play->now_ms + 2000);
    skt_answer(play, 0, SK_OUTCOME_SUCCEEDED);
    skt_play_free(play);

    play = skt_play_new(skt_plan_of(", recovery: forward", steps), NULL);
    skt_answer(play, 0, SK_OUTCOME_RETRYABLE);
    skt_advance(play, 1000);
    skt_answer(play, 0, SK_OUTCOME_FAILED);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_RETRY)), SKALD_OK);
    assert_int_equal(flying(play, 0, SK_OPERATION_ACTION).deadline_ms, play->now_ms + 1000);
    skt_play_free(play);
}

static void test_the_saga_has_no_step(void **state)
{
    (void)state;
    static const char output[] =
        ", output: { id: \"{{ .saga_id }}\", a: \"{{ .output.a.ok }}\", at: \"{{ .timestamp }}\" }";
    struct skt_play *play = skt_play_new(skt_plan_of(output, SKT_STEP("a", SKT_UNDO)), NULL);
    play->now_ms += 1500;
    skt_answer(play, 0, SK_OUTCOME_SUCCEEDED);
    assert_int_equal(play->saga.state, SK_SAGA_COMPLETED);
    if (!sk_str_is(play->saga.output,
                   "{\"id\":\"s\",\"a\":true,\"at\":\"2026-01-01T00:00:01.500Z\"}"))
        fail_msg("%.*s", SK_STR_ARGS(play->saga.output));
    skt_play_free(play);
}

static void test_variables_of_a_condition(void **state)
{
    (void)state;
    static const char steps[] =
        "  - { id: a, name: A, type: service, condition: { expression: \"$variables.limit < "
        "$input.n\", variables: { limit: \"{{ .input.limit }}\" } }, action: { service: { name: "
        "shop, path: /a } }, compensation: { type: skip } }\n";
    struct skt_play *play = play_of(steps, "{\"n\":5,\"limit\":4}");
    assert_int_equal(play->saga.steps[0].state, SK_STEP_RUNNING);
    skt_play_free(play);
    play = play_of(steps, "{\"n\":5,\"limit\":5}");
    assert_int_equal(play->saga.steps[0].state, SK_STEP_SKIPPED);
    skt_play_free(play);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void test_keys(void **state)
{
    (void)state;
    static const char steps[] =
        SKT_STEP("a",
                 SKT_UNDO) "  - { id: k, name: K, type: service, idempotency_key: "
                           "\"inv-{{ .input.n }}\", action: { "
                           "service: { name: shop, path: /k } }, compensation: { type: skip } }\n"
                           "  - { id: e, name: E, type: service, foreach: { items: "
                           "\"{{ .input.list }}\", var: it, "
                           "action: { service: { name: shop, path: /e } } }, "
                           "compensation: { type: skip } }\n";
    struct skt_play *play = play_of(steps, "{\"n\":8,\"list\":[1,2,3]}");
    static const struct {
        uint32_t step;
        int32_t item;
        enum sk_operation operation;
        uint32_t round;
        const char *key;
    } rows[] = {
        { 0, -1, SK_OPERATION_ACTION, 0, "s-1/a/action" },
        { 0, -1, SK_OPERATION_ACTION, 1, "s-1/a/action/r2" },
        { 0, -1, SK_OPERATION_VERIFY, 1, "s-1/a/action/r2" }, /* of what it asks about */
        { 0, -1, SK_OPERATION_COMPENSATION, 0, "s-1/a/compensation" },
        { 0, -1, SK_OPERATION_COMPENSATION, 9, "s-1/a/compensation/r10" },
        { 1, -1, SK_OPERATION_ACTION, 0, "inv-8/action" },
        { 1, -1, SK_OPERATION_ACTION, 1, "inv-8/action/r2" },
        { 2, 0, SK_OPERATION_ACTION, 0, "s-1/e/0/action" },
        { 2, 2, SK_OPERATION_COMPENSATION, 2, "s-1/e/2/compensation/r3" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_buf key;
        sk_buf_init(&key, 0);
        sk_saga_key(&play->saga, rows[i].step, rows[i].item, rows[i].operation, rows[i].round,
                    &key);
        assert_string_equal(sk_buf_text(&key), rows[i].key);
        sk_buf_release(&key);
    }
    skt_play_free(play);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void test_deadlines(void **state)
{
    (void)state;
    static const struct {
        const char *saga, *step, *action;
        int64_t limit_ms;
    } rows[] = {
        { "", "", "", 10000 }, /* the default */
        { "", ", timeout: 4s", "", 4000 },
        { "", ", timeout: 4s", ", timeout: 3s", 3000 },
        { "", ", timeout: \"{{ .input.t }}\", step_timeout: 3s", "", 3000 },
        { ", timeout: 2s", ", timeout: \"{{ .input.t }}\"", "", 2000 }, /* the saga's time */
        { ", timeout: 5s, recovery: forward", ", timeout: \"{{ .input.t }}\"", "", 7000 },
        { ", timeout: 5s", ", async: true, timeout: \"{{ .input.t }}\"", "", 7000 },
        { "", ", timeout: \"{{ .input.none }}\"", "", 10000 }, /* no duration: the engine's */
        { "", ", timeout: \"{{ .input.word }}\"", "", 10000 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char step[400];
        snprintf(step, sizeof step,
                 "  - { id: a, name: A, type: service%s, action: { service: { name: shop, path: "
                 "/a%s } }, compensation: { type: skip } }\n",
                 rows[i].step, rows[i].action);
        struct sk_start start = { .id = SK_STR("s"),
                                  .input = SK_STR("{\"t\":\"7s\",\"word\":\"x\"}") };
        struct skt_play *play = skt_play_new(skt_plan_of(rows[i].saga, step), &start);
        assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
        int64_t limit = flying(play, 0, SK_OPERATION_ACTION).deadline_ms - play->now_ms;
        if (limit != rows[i].limit_ms) fail_msg("row %zu: %d ms", i, (int)limit);
        skt_play_free(play);
    }
}

static void test_deadlines_of_the_others(void **state)
{
    (void)state;
    static const char steps[] =
        "  - { id: a, name: A, type: service, timeout: 4s, action: { service: { name: shop, path: "
        "/a } }, compensation: { type: automatic, timeout: 9s } }\n"
        "  - { id: b, name: B, type: service, timeout: 4s, action: { service: { name: shop, path: "
        "/b } }, compensation: { type: automatic } }\n"
        "  - { id: c, name: C, type: service, retry_policy: { type: no_retry }, timeout: 4s, "
        "action: { service: { name: shop, path: /c } }, verify: { service: { name: shop, path: /v "
        "} }, compensation: { type: automatic } }\n";
    struct skt_play *play = play_of(steps, "{}");
    skt_answer(play, 0, SK_OUTCOME_SUCCEEDED);
    skt_answer(play, 1, SK_OUTCOME_SUCCEEDED);
    skt_answer(play, 2, SK_OUTCOME_UNKNOWN);
    skt_advance(play, 6000);
    assert_int_equal(flying(play, 2, SK_OPERATION_VERIFY).deadline_ms, play->now_ms + 10000);
    expect_request(play, 2, SK_OPERATION_VERIFY, "POST", "http://shop/v", "", "", "s-1/c/action");
    skt_reply(play, 2, -1, SK_OPERATION_VERIFY, SK_OUTCOME_SUCCEEDED, "", "{\"happened\":false}");
    assert_int_equal(flying(play, 1, SK_OPERATION_COMPENSATION).deadline_ms, play->now_ms + 4000);
    skt_reply(play, 1, -1, SK_OPERATION_COMPENSATION, SK_OUTCOME_SUCCEEDED, "", "");
    assert_int_equal(flying(play, 0, SK_OPERATION_COMPENSATION).deadline_ms, play->now_ms + 9000);
    skt_play_free(play);
}

/* ---- react ----------------------------------------------------------------------------------- */

static void count(void *context, const struct sk_effect *effect)
{
    (void)effect;
    *(int *)context += 1;
}

static void test_react_takes_a_window(void **state)
{
    (void)state;
    struct skt_play *play = play_of(SKT_STEP("a", SKT_UNDO), "{}");
    uint64_t seq = flying(play, 0, SK_OPERATION_ACTION).start_seq;
    int calls = 0;
    sk_saga_react(&play->saga, seq - 1, seq, count, &calls);
    assert_int_equal(calls, 1);
    sk_saga_react(&play->saga, seq, UINT64_MAX, count, &calls); /* sent already */
    assert_int_equal(calls, 1);
    sk_saga_react(&play->saga, 0, seq - 1, count, &calls); /* not durable yet */
    assert_int_equal(calls, 1);
    assert_true(sk_saga_is_flying(&play->saga));
    skt_answer(play, 0, SK_OUTCOME_SUCCEEDED);
    sk_saga_react(&play->saga, 0, UINT64_MAX, count, &calls);
    assert_int_equal(calls, 1);
    assert_false(sk_saga_is_flying(&play->saga));
    skt_play_free(play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_target_and_headers),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_scope),
        cmocka_unit_test(test_attempt_in_a_limit),
        cmocka_unit_test(test_the_saga_has_no_step),
        cmocka_unit_test(test_variables_of_a_condition),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_deadlines_of_the_others),
        cmocka_unit_test(test_react_takes_a_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_alloc.c: memory runs out: the n-th allocation of every decide, evolve, encode and decode of
 * a long life fails. Each time the caller is told, nothing leaks, and folding the stored events
 * anew gives a saga that goes on as if nothing had been.
 */
#include "play.h"

#include "support/alloc_fail.h"

/* ---- every command of a life ----------------------------------------------------------------- */

static void refold(const struct skt_play *play, struct sk_saga *out)
{
    assert_true(sk_saga_init(out, play->plan));
    for (uint32_t i = 0; i < play->events_count; i++)
        assert_int_equal(sk_saga_evolve(out, &play->events[i]), SKALD_OK);
}

/* Decides `command` on a saga folded anew, while the n-th allocation fails. */
static bool fails_at(const struct skt_play *play, const struct sk_command *command, int n)
{
    struct sk_saga saga;
    struct sk_decision decision;
    skald_error error;
    refold(play, &saga);
    sk_decision_init(&decision);
    skt_alloc_fail_at(n);
    enum skald_status status =
        sk_saga_decide(&saga, command, play->now_ms, &play->rules, &decision, &error);
    skt_alloc_fail_off();
    bool hit = skt_alloc_fail_hit();
    if (hit && (status != SKALD_E_MEMORY || !decision.failed))
        fail_msg("%s, allocation %d: %s", sk_command_name(command->kind), n,
                 skald_status_name(status));
    if (!hit) assert_int_not_equal(status, SKALD_E_MEMORY);
    sk_decision_release(&decision);
    sk_saga_release(&saga);
    return hit;
}

static void sweep(struct skt_play *play, const struct sk_command *command)
{
    int n = 0;
    while (fails_at(play, command, n)) n++;
    play->probes_count += (uint64_t)n;
    /* the live saga is replaced by the folded one: it goes on from what was stored */
    struct sk_saga again;
    refold(play, &again);
    sk_saga_release(&play->saga);
    play->saga = again;
}

static const char steps[] =
    "  - { id: a, name: A, type: service, timeout: 5s, retry_policy: { type: fixed_delay, "
    "max_attempts: 2, initial_delay: 1s, jitter: full }, condition: { expression: \"$variables.x "
    "== 5\", variables: { x: \"{{ .input.n }}\" } }, action: { service: { name: shop, path: "
    "\"/a/{{ .input.n }}\", query: { q: \"{{ .timestamp }}\" }, headers: { H: \"{{ .saga_id }}\" "
    "}, body: { n: \"{{ .input.n }}\", s: \"{{ .step_name }} {{ .step_id }}\" } } }, verify: { "
    "service: { name: shop, path: /v } }, compensation: { type: custom, action: { service: { name: "
    "shop, path: /u, body: { why: \"{{ .error.code }}\" } } } } }\n"
    "  - { id: e, name: E, type: service, continue_on_error: true, foreach: { items: \"{{ "
    ".input.list }}\", var: it, parallel: 4, action: { service: { name: shop, path: /e, body: { "
    "it: \"{{ .it }}\" } } }, compensation: { type: automatic } } }\n"
    "  - { id: b, name: B, type: service, continue_on_error: true, action: { "
    "service: { name: shop, "
    "path: /b } }, compensation: { type: automatic } }\n"
    "  - { id: w, name: W, type: wait, wait: { signal: go, timeout: 1h } }\n"
    "  - { id: p, name: P, type: wait, wait: { poll: { action: { service: { name: shop, path: /p } "
    "}, interval: 1s, until: \"$response.ready\", timeout: 1h } } }\n"
    "  - { id: c, name: C, type: saga, action: { saga: { definition: leaf, input: { n: 1 } } } }\n"
    "  - { id: z, name: Z, type: service, action: { service: { name: shop, path: /z } } }\n";
enum { A, E, B, W, P, C, Z };

static void signal(struct skt_play *play, const char *name, const char *id)
{
    struct sk_command command = skt_command(SK_COMMAND_SIGNAL);
    command.name = sk_str_of(name);
    command.id = sk_str_of(id);
    command.body = SK_STR("[1]");
    assert_int_equal(skt_do(play, command), SKALD_OK);
}

static void tell(struct skt_play *play, enum sk_message_kind kind, struct sk_str body)
{
    struct sk_message message = {
        .kind = kind, .id = SK_STR("m/1"), .from = SK_STR("x"), .to = SK_STR("s"), .body = body
    };
    struct sk_command command = skt_command(SK_COMMAND_MESSAGE);
    command.message = &message;
    assert_int_equal(skt_do(play, command), SKALD_OK);
}

static void child_ended(struct skt_play *play, enum sk_saga_state state)
{
    struct sk_buf body;
    sk_buf_init(&body, 0);
    sk_put_u64(&body, (uint64_t)state);
    sk_put_u64(&body, C);
    sk_put_i64(&body, -1);
    sk_put_u64(&body, 0);
    sk_put_str(&body, SK_STR("5"));
    sk_put_str(&body, SK_STR(""));
    sk_put_str(&body, SK_STR(""));
    tell(play, SK_MESSAGE_CHILD_ENDED, sk_buf_view(&body));
    sk_buf_release(&body);
}

static struct skt_play *begin(void)
{
    static const struct sk_str keys[] = { { "k1", 2 }, { "k2", 2 } };
    static const struct sk_str inherited[] = { { "k2", 2 } };
    static char input[2000];
    size_t at = (size_t)snprintf(input, sizeof input, "{\"n\":5,\"list\":[0");
    for (int i = 1; i < 200; i++) at += (size_t)snprintf(input + at, sizeof input - at, ",%d", i);
    snprintf(input + at, sizeof input - at, "]}");
    struct sk_start start = { .id = SK_STR("s"),
                              .input = sk_str_of(input),
                              .parent = SK_STR("up"),
                              .parent_item = -1,
                              .lock_keys = keys,
                              .lock_keys_count = 2,
                              .inherited_keys = inherited,
                              .inherited_keys_count = 1 };
    return skt_play_new(skt_plan_of("", steps), &start);
}

static void forward(struct skt_play *play)
{
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    tell(play, SK_MESSAGE_LOCK_GRANTED, SK_STR("k1"));
    skt_answer(play, A, SK_OUTCOME_UNKNOWN);
    skt_advance(play, 1000);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_RECOVER)), SKALD_OK);
    skt_answer(play, A, SK_OUTCOME_UNKNOWN);
    skt_advance(play, 60000);
    skt_reply(play, A, -1, SK_OPERATION_VERIFY, SK_OUTCOME_SUCCEEDED, "", "{\"happened\":true}");
    skt_reply(play, E, 0, SK_OPERATION_ACTION, SK_OUTCOME_FAILED, "no", "");
    skt_reply(play, E, 1, SK_OPERATION_ACTION, SK_OUTCOME_SUCCEEDED, "", "[1,2]");
    struct sk_command command = skt_command(SK_COMMAND_SKIP_STEP);
    command.step = E;
    command.id = SK_STR("c1");
    play->probe = NULL; /* 190 times the same */
    for (int32_t i = 6; i < 200; i++) {
        command.item = i;
        command.id = (struct sk_str){ NULL, 0 };
        assert_int_equal(skt_do(play, command), SKALD_OK);
    }
    play->probe = sweep;
    for (int32_t i = 2; i < 6; i++)
        skt_reply(play, E, i, SK_OPERATION_ACTION, SK_OUTCOME_SUCCEEDED, "", "1");
    skt_answer(play, B, SK_OUTCOME_FAILED);
    signal(play, "other", "s0");
    signal(play, "go", "s1");
    skt_reply(play, P, -1, SK_OPERATION_POLL, SK_OUTCOME_SUCCEEDED, "", "{}");
    skt_advance(play, 1000);
    skt_reply(play, P, -1, SK_OPERATION_POLL, SK_OUTCOME_SUCCEEDED, "", "{\"ready\":true}");
    child_ended(play, SK_SAGA_COMPLETED);
    assert_int_equal(play->saga.steps[Z].state, SK_STEP_RUNNING);
}

static void test_a_life_that_completes(void **state)
{
    (void)state;
    struct skt_play *play = begin();
    play->probe = sweep;
    forward(play);
    struct sk_command command = skt_command(SK_COMMAND_SUSPEND);
    command.id = SK_STR("c2");
    assert_int_equal(skt_do(play, command), SKALD_OK);
    command = skt_command(SK_COMMAND_RESUME);
    assert_int_equal(skt_do(play, command), SKALD_OK);
    skt_answer(play, Z, SK_OUTCOME_SUCCEEDED);
    assert_int_equal(play->saga.state, SK_SAGA_COMPLETED);
    assert_in_range(play->probes_count, 100, 100000);
    skt_play_free(play);
}

static void test_a_life_that_is_undone(void **state)
{
    (void)state;
    struct skt_play *play = begin();
    play->probe = sweep;
    forward(play);
    skt_answer(play, Z, SK_OUTCOME_FAILED);
    child_ended(play, SK_SAGA_COMPENSATED);
    for (int32_t i = 5; i > 1; i--)
        skt_reply(play, E, i, SK_OPERATION_COMPENSATION, SK_OUTCOME_SUCCEEDED, "", "");
    skt_reply(play, E, 1, SK_OPERATION_COMPENSATION, SK_OUTCOME_FAILED, "no", "");
    skt_reply(play, A, -1, SK_OPERATION_COMPENSATION, SK_OUTCOME_RETRYABLE, "busy", "");
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_RETRY)), SKALD_OK);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_RECOVER)), SKALD_OK);
    skt_reply(play, A, -1, SK_OPERATION_COMPENSATION, SK_OUTCOME_SUCCEEDED, "", "");
    assert_int_equal(play->saga.state, SK_SAGA_FAILED);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_RETRY)), SKALD_OK); /* its keys first */
    tell(play, SK_MESSAGE_LOCK_GRANTED, SK_STR("k1"));
    assert_int_equal(play->saga.state, SK_SAGA_COMPENSATING);
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_FORCE_COMPLETE)), SKALD_OK);
    assert_int_equal(play->saga.state, SK_SAGA_COMPLETED);
    skt_play_free(play);
}

static void test_other_ends(void **state)
{
    (void)state;
    static const enum sk_command_kind kinds[] = { SK_COMMAND_CANCEL, SK_COMMAND_FORCE_CANCEL,
                                                  SK_COMMAND_FORCE_COMPLETE };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct skt_play *play = begin();
        play->probe = sweep;
        assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
        tell(play, SK_MESSAGE_LOCK_GRANTED, SK_STR("k1"));
        skt_answer(play, A, SK_OUTCOME_PENDING);
        struct sk_command command = skt_command(kinds[i]);
        command.id = SK_STR("c1");
        assert_int_equal(skt_do(play, command), SKALD_OK);
        skt_play_free(play);
    }
}

static void test_the_start(void **state)
{
    (void)state;
    struct sk_plan *plan = skt_plan_of("", SKT_STEP("a", SKT_UNDO));
    struct sk_start start = { .id = SK_STR("s"), .input = SK_STR("{}") };
    struct sk_command command = skt_command(SK_COMMAND_START);
    struct sk_rules rules = { .takeups_max = 3 };
    command.start = &start;
    int n = 0;
    for (bool hit = true; hit; n++) {
        struct sk_saga saga;
        struct sk_decision decision;
        sk_decision_init(&decision);
        skt_alloc_fail_at(n);
        bool ok = sk_saga_init(&saga, plan);
        enum skald_status status =
            ok ? sk_saga_decide(&saga, &command, 5, &rules, &decision, NULL) : SKALD_E_MEMORY;
        skt_alloc_fail_off();
        hit = skt_alloc_fail_hit();
        assert_int_equal(status, hit ? SKALD_E_MEMORY : SKALD_OK);
        sk_decision_release(&decision);
        sk_saga_release(&saga);
    }
    assert_true(n > 3);
    sk_plan_free(plan);
}

/* ---- the other doors ------------------------------------------------------------------------- */

static bool folds(void *context)
{
    const struct skt_play *play = context;
    struct sk_saga saga;
    enum skald_status status = sk_saga_init(&saga, play->plan) ? SKALD_OK : SKALD_E_MEMORY;
    for (uint32_t i = 0; status == SKALD_OK && i < play->events_count; i++)
        status = sk_saga_evolve(&saga, &play->events[i]);
    assert_true(status == SKALD_OK || status == SKALD_E_MEMORY);
    sk_saga_release(&saga);
    return status == SKALD_OK;
}

static bool encodes(void *context)
{
    const struct skt_play *play = context;
    struct sk_buf bytes;
    sk_buf_init(&bytes, 0);
    sk_saga_encode(&play->saga, &bytes);
    bool ok = !bytes.failed;
    sk_buf_release(&bytes);
    return ok;
}

struct restore {
    const struct sk_plan *plan;
    struct sk_str bytes;
};

static bool decodes(void *context)
{
    const struct restore *restore = context;
    struct sk_saga saga;
    enum skald_status status = sk_saga_init(&saga, restore->plan) ? SKALD_OK : SKALD_E_MEMORY;
    if (status == SKALD_OK) status = sk_saga_decode(&saga, restore->bytes);
    assert_true(status == SKALD_OK || status == SKALD_E_MEMORY);
    sk_saga_release(&saga);
    return status == SKALD_OK;
}

static bool writes_json(void *context)
{
    const struct skt_play *play = context;
    struct sk_buf text;
    sk_buf_init(&text, 0);
    for (uint32_t i = 0; i < play->events_count; i++) sk_event_json(&play->events[i], &text);
    bool ok = !text.failed;
    sk_buf_release(&text);
    return ok;
}

static void test_fold_encode_decode(void **state)
{
    (void)state;
    struct skt_play *play = begin();
    play->probe = NULL;
    forward(play);
    assert_true(skt_fail_each(folds, play) > 3);
    assert_true(skt_fail_each(encodes, play) > 3);
    assert_true(skt_fail_each(writes_json, play) > 3);
    struct sk_buf bytes;
    sk_buf_init(&bytes, 0);
    sk_saga_encode(&play->saga, &bytes);
    struct restore restore = { play->plan, sk_buf_view(&bytes) };
    assert_true(skt_fail_each(decodes, &restore) > 1);
    sk_buf_release(&bytes);
    skt_play_free(play);
}

/* A key that cannot be rendered is not sent: its buffer has failed. */
static bool makes_key(void *context)
{
    const struct skt_play *play = context;
    struct sk_buf key;
    sk_buf_init(&key, 0);
    sk_saga_key(&play->saga, 0, -1, SK_OPERATION_ACTION, 1, &key);
    bool ok = !key.failed;
    if (ok) assert_string_equal(sk_buf_text(&key), "inv-1-s/action/r2");
    sk_buf_release(&key);
    return ok;
}

static void test_keys(void **state)
{
    (void)state;
    static const char keyed[] =
        "  - { id: k, name: K, type: service, idempotency_key: \"inv-{{ .input.n }}-{{ .saga_id "
        "}}\", action: { service: { name: shop, path: /k } }, compensation: { type: skip } }\n";
    struct skt_play *play = skt_play_new(skt_plan_of("", keyed), NULL);
    assert_true(skt_fail_each(makes_key, play) > 1);
    skt_play_free(play);
}

static bool locks(void *context)
{
    (void)context;
    struct sk_lock lock;
    struct sk_decision decision;
    sk_decision_init(&decision);
    bool ok = sk_lock_init(&lock, SK_STR("@lock/k"));
    char name[16];
    for (int i = 0; ok && i < 40; i++) {
        snprintf(name, sizeof name, "saga-%d", i % 20);
        struct sk_message message = { .kind = i < 20 ? SK_MESSAGE_LOCK_REQUEST
                                                     : SK_MESSAGE_LOCK_RELEASE,
                                      .from = sk_str_of(name) };
        enum skald_status status = sk_lock_decide(&lock, &message, 5, &decision);
        ok = status == SKALD_OK;
        assert_true(ok || (status == SKALD_E_MEMORY && decision.failed));
    }
    if (ok) assert_true(sk_lock_is_idle(&lock));
    sk_decision_release(&decision);
    sk_lock_release(&lock);
    return ok;
}

static void test_locks(void **state)
{
    (void)state;
    assert_true(skt_fail_each(locks, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_life_that_completes),
        cmocka_unit_test(test_a_life_that_is_undone),
        cmocka_unit_test(test_other_ends),
        cmocka_unit_test(test_the_start),
        cmocka_unit_test(test_fold_encode_decode),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_locks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

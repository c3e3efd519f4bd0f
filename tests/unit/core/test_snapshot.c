/*
 * test_snapshot.c: the whole state as bytes: decode gives what was encoded, in every shape a saga
 * can have; damage is refused or gives a state that can be looked at.
 */
#include "play.h"

static const char steps[] =
    "  - { id: a, name: A, type: service, timeout: 5s, retry_policy: { type: fixed_delay, "
    "max_attempts: 2, initial_delay: 1s }, action: { service: { name: shop, path: /a, body: { n: "
    "\"{{ .input.n }}\" } } }, verify: { service: { name: shop, path: /v } }, compensation: { "
    "type: automatic } }\n"
    "  - { id: e, name: E, type: service, foreach: { items: \"{{ .input.list }}\", var: it, "
    "parallel: 2, action: { service: { name: shop, path: /e } }, compensation: { type: automatic } "
    "} }\n"
    "  - { id: w, name: W, type: wait, wait: { signal: go, timeout: 1h } }\n"
    "  - { id: z, name: Z, type: service, action: { service: { name: shop, path: /z } } }\n";
enum { A, E, W, Z };

static const struct sk_str lock_keys[] = { { "k1", 2 }, { "k2", 2 } };
static const struct sk_str inherited[] = { { "k2", 2 } };

static void grant(struct skt_play *play, const char *key)
{
    struct sk_message message = { .kind = SK_MESSAGE_LOCK_GRANTED,
                                  .id = SK_STR("m"),
                                  .from = SK_STR("@lock/k1"),
                                  .to = SK_STR("s"),
                                  .body = sk_str_of(key) };
    struct sk_command command = skt_command(SK_COMMAND_MESSAGE);
    command.message = &message;
    assert_int_equal(skt_do(play, command), SKALD_OK);
}

static void signal(struct skt_play *play, const char *name, const char *id)
{
    struct sk_command command = skt_command(SK_COMMAND_SIGNAL);
    command.name = sk_str_of(name);
    command.id = sk_str_of(id);
    command.body = SK_STR("[1]");
    assert_int_equal(skt_do(play, command), SKALD_OK);
}

/* Encode, decode, encode: the same bytes; and the copy knows the same. */
static void judge(const struct skt_play *play)
{
    struct sk_buf first, second;
    struct sk_saga copy;
    sk_buf_init(&first, 0);
    sk_buf_init(&second, 0);
    sk_saga_encode(&play->saga, &first);
    assert_true(sk_saga_init(&copy, play->plan));
    assert_int_equal(sk_saga_decode(&copy, sk_buf_view(&first)), SKALD_OK);
    sk_saga_encode(&copy, &second);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    assert_int_equal(copy.signals_stored, play->saga.signals_stored);
    assert_true(sk_saga_wake_at(&copy) == sk_saga_wake_at(&play->saga));
    assert_int_equal(sk_saga_open(&copy), sk_saga_open(&play->saga));
    assert_int_equal(sk_saga_is_flying(&copy), sk_saga_is_flying(&play->saga));
    assert_int_equal(sk_saga_shown_state(&copy), sk_saga_shown_state(&play->saga));
    assert_int_equal(sk_saga_decode(&copy, sk_buf_view(&first)), SKALD_E_CORRUPT); /* not empty */
    sk_saga_release(&copy);
    sk_buf_release(&first);
    sk_buf_release(&second);
}

static struct skt_play *begin(void)
{
    struct sk_start start = { .id = SK_STR("s"),
                              .input = SK_STR("{\"n\":5,\"list\":[1,2,3]}"),
                              .context = SK_STR("{}"),
                              .lock_keys = lock_keys,
                              .lock_keys_count = 2,
                              .inherited_keys = inherited,
                              .inherited_keys_count = 1 };
    return skt_play_new(skt_plan_of("", steps), &start);
}

/* A whole life, judged after every step of it. */
static struct skt_play *live(bool is_judged)
{
    struct skt_play *play = begin();
    if (is_judged) judge(play);
    signal(play, "other", "s1");
    assert_int_equal(skt_do(play, skt_command(SK_COMMAND_ADMIT)), SKALD_OK);
    if (is_judged) judge(play);
    grant(play, "k1");
    assert_int_equal(play->saga.state, SK_SAGA_RUNNING);
    if (is_judged) judge(play);
    skt_answer(play, A, SK_OUTCOME_UNKNOWN);
    if (is_judged) judge(play);
    skt_advance(play, 1000);
    skt_answer(play, A, SK_OUTCOME_UNKNOWN);
    skt_advance(play, 60000);
    if (is_judged) judge(play); /* the verify flies */
    skt_reply(play, A, -1, SK_OPERATION_VERIFY, SK_OUTCOME_SUCCEEDED, "",
              "{\"happened\":true,\"output\":[7]}");
    skt_reply(play, E, 0, SK_OPERATION_ACTION, SK_OUTCOME_SUCCEEDED, "", "1");
    if (is_judged) judge(play);
    struct sk_command command = skt_command(SK_COMMAND_SUSPEND);
    command.id = SK_STR("c1");
    assert_int_equal(skt_do(play, command), SKALD_OK);
    if (is_judged) judge(play);
    command.kind = SK_COMMAND_RESUME;
    command.id = SK_STR("c2");
    assert_int_equal(skt_do(play, command), SKALD_OK);
    skt_reply(play, E, 1, SK_OPERATION_ACTION, SK_OUTCOME_SUCCEEDED, "", "2");
    skt_reply(play, E, 2, SK_OPERATION_ACTION, SK_OUTCOME_SUCCEEDED, "", "3");
    if (is_judged) judge(play);
    signal(play, "go", "s2");
    skt_answer(play, Z, SK_OUTCOME_FAILED);
    if (is_judged) judge(play); /* undoing: two items fly */
    skt_reply(play, E, 2, SK_OPERATION_COMPENSATION, SK_OUTCOME_FAILED, "no", "");
    skt_reply(play, E, 1, SK_OPERATION_COMPENSATION, SK_OUTCOME_RETRYABLE, "busy", "");
    if (is_judged) judge(play);
    return play;
}

static void test_round_trips(void **state)
{
    (void)state;
    struct skt_play *play = live(true);
    while (play->saga.state == SK_SAGA_COMPENSATING) {
        const struct sk_unit *units = play->saga.steps[E].units;
        for (int32_t i = 2; i >= 0; i--)
            if (units[i].undo.state == SK_CALL_FLYING)
                skt_reply(play, E, i, SK_OPERATION_COMPENSATION, SK_OUTCOME_SUCCEEDED, "", "");
        if (skt_unit(play, A)->undo.state == SK_CALL_FLYING)
            skt_reply(play, A, -1, SK_OPERATION_COMPENSATION, SK_OUTCOME_UNKNOWN, "lost", "");
        judge(play);
        skt_advance(play, 3600000);
    }
    assert_int_equal(play->saga.state, SK_SAGA_FAILED);
    judge(play);
    skt_play_free(play);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void look(void *context, const struct sk_effect *effect)
{
    const struct sk_saga *saga = context;
    struct sk_buf key;
    sk_buf_init(&key, 0);
    struct sk_request request = sk_saga_request(saga, effect, &key);
    assert_true(request.method.size < 1000);
    sk_buf_release(&key);
}

/* Whatever is accepted can be looked at from all sides. */
static bool decodes(const struct sk_plan *plan, const char *bytes, size_t size)
{
    struct sk_saga saga;
    assert_true(sk_saga_init(&saga, plan));
    char *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    if (size > 0) memcpy(copy, bytes, size);
    enum skald_status status = sk_saga_decode(&saga, (struct sk_str){ copy, size });
    free(copy); /* decode keeps nothing of it */
    if (status == SKALD_OK) {
        struct sk_buf again;
        sk_buf_init(&again, 0);
        sk_saga_encode(&saga, &again);
        sk_buf_release(&again);
        (void)sk_saga_wake_at(&saga);
        (void)sk_saga_open(&saga);
        (void)sk_saga_is_flying(&saga);
        (void)sk_saga_state_name(sk_saga_shown_state(&saga));
        sk_saga_react(&saga, 0, UINT64_MAX, look, &saga);
    } else {
        assert_int_equal(status, SKALD_E_CORRUPT);
    }
    sk_saga_release(&saga);
    return status == SKALD_OK;
}

static void test_damage(void **state)
{
    (void)state;
    struct skt_play *play = live(false);
    struct sk_buf bytes;
    sk_buf_init(&bytes, 0);
    sk_saga_encode(&play->saga, &bytes);
    assert_true(decodes(play->plan, bytes.data, bytes.size));
    for (size_t size = 0; size < bytes.size; size++)
        assert_false(decodes(play->plan, bytes.data, size));
    uint32_t refused = 0;
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
        refused += !decodes(play->plan, bytes.data, bytes.size);
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_true(refused > 100);
    sk_buf_append_char(&bytes, 0);
    assert_false(decodes(play->plan, bytes.data, bytes.size));
    sk_buf_release(&bytes);
    skt_play_free(play);
}

/* The snapshot of another definition does not fit. */
static void test_another_plan(void **state)
{
    (void)state;
    struct skt_play *play = live(false);
    struct sk_plan *other = skt_plan_of("", SKT_STEP("a", SKT_UNDO));
    struct sk_buf bytes;
    sk_buf_init(&bytes, 0);
    sk_saga_encode(&play->saga, &bytes);
    assert_false(decodes(other, bytes.data, bytes.size));
    sk_buf_release(&bytes);
    sk_plan_free(other);
    skt_play_free(play);
}

/* A no that came before anything was sent: the step's request could not be made. */
static void test_a_no_without_an_attempt(void **state)
{
    (void)state;
    struct skt_play *play = skt_play_new(skt_plan_of("", steps), NULL);
    struct sk_unit *unit = sk_saga_unit(&play->saga, Z, -1);
    struct sk_buf before, after;
    sk_buf_init(&before, 0);
    sk_buf_init(&after, 0);
    sk_saga_encode(&play->saga, &before);
    unit->action.last_was_no = true;
    sk_saga_encode(&play->saga, &after);
    assert_true(before.size != after.size);
    judge(play);
    unit->action.last_was_no = false;
    sk_buf_release(&before);
    sk_buf_release(&after);
    skt_play_free(play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_no_without_an_attempt),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_another_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

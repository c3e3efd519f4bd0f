/* test_names.c: the names of states, reasons, waits, kinds and commands, as people see them. */
#include "play.h"

#include "core/state_words.h"

#include <stdio.h>

static void test_saga_states(void **state)
{
    (void)state;
    static const struct {
        enum sk_saga_state state;
        const char *name;
        bool is_end;
    } rows[] = {
        { SK_SAGA_PENDING, "pending", false },
        { SK_SAGA_RUNNING, "running", false },
        { SK_SAGA_COMPLETED, "completed", true },
        { SK_SAGA_COMPENSATING, "compensating", false },
        { SK_SAGA_COMPENSATED, "compensated", true },
        { SK_SAGA_FAILED, "failed", true },
        { SK_SAGA_CANCELLED, "cancelled", true },
        { SK_SAGA_TIMED_OUT, "timed_out", true },
        { SK_SAGA_SUSPENDED, "suspended", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(rows[i].state, i + 1); /* the numbers are stored */
        assert_string_equal(sk_saga_state_name(rows[i].state), rows[i].name);
        assert_int_equal(sk_saga_state_of(sk_str_of(rows[i].name)), rows[i].state);
        assert_int_equal(sk_saga_state_is_end(rows[i].state), rows[i].is_end);
    }
    assert_false(sk_saga_state_is_end(SK_SAGA_STATES_COUNT));
    assert_string_equal(sk_saga_state_name((enum sk_saga_state)0), "unknown");
    assert_string_equal(sk_saga_state_name((enum sk_saga_state)99), "unknown");
    assert_string_equal(sk_reason_name((enum sk_reason)99), "unknown");
    assert_int_equal(sk_saga_state_of(SK_STR("")), 0);
    assert_int_equal(sk_saga_state_of(SK_STR("Running")), 0);
}

static void expect_word(const char *word, enum sk_saga_state state)
{
    uint32_t wanted = state == (enum sk_saga_state)0 ? 0 : UINT32_C(1) << state;
    assert_int_equal(sk_state_word_find(sk_str_of(word)), wanted);
}

/* Nine of Swit, eleven of RTE, ours, the guide's: each means one state, with and without source. */
static void test_words_of_other_systems(void **state)
{
    (void)state;
    uint32_t swit = 0, rte = 0;
    for (uint32_t i = 0; i < sk_state_words_count; i++) {
        const struct sk_state_word *row = &sk_state_words[i];
        char word[64];
        snprintf(word, sizeof word, "%s:%s", row->source, row->word);
        expect_word(word, row->state);
        assert_int_not_equal(sk_state_word_find(sk_str_of(row->word)), 0);
        swit += strcmp(row->source, "swit") == 0 ? 1 : 0;
        rte += strcmp(row->source, "rte") == 0 ? 1 : 0;
    }
    assert_int_equal(swit, 9);
    assert_int_equal(rte, 11);
    expect_word("FAILED", SK_SAGA_FAILED);
    expect_word("rte:failed", SK_SAGA_COMPENSATING);
    expect_word("swit:step-completed", SK_SAGA_RUNNING);
    expect_word("TimedOut", SK_SAGA_TIMED_OUT);
    expect_word("TIMEOUT", SK_SAGA_TIMED_OUT);
    expect_word("skald:timed_out", SK_SAGA_TIMED_OUT);
    expect_word("swit:LOCKED", (enum sk_saga_state)0);
    expect_word("other:failed", (enum sk_saga_state)0);
    expect_word("fail", (enum sk_saga_state)0);
    expect_word("", (enum sk_saga_state)0);
    expect_word("rte:", (enum sk_saga_state)0);
}

static void assert_names(const char *(*name)(int), int count, const char *const *wanted)
{
    for (int i = 0; i < count; i++) assert_string_equal(name(i), wanted[i]);
}

static const char *reason(int i)
{
    return sk_reason_name((enum sk_reason)i);
}
static const char *step_state(int i)
{
    return sk_step_state_name((enum sk_step_state)i);
}
static const char *wait_for(int i)
{
    return sk_wait_for_name((enum sk_wait_for)i);
}
static const char *kind(int i)
{
    return sk_step_kind_name((enum sk_step_kind)i);
}
static const char *command(int i)
{
    return sk_command_name((enum sk_command_kind)i);
}

static void test_other_names(void **state)
{
    (void)state;
    static const char *const reasons[] = { "",       "step",   "cancel",          "timeout",
                                           "parent", "forced", "acquire_timeout", "lock_timeout" };
    static const char *const steps[] = { "pending",      "running",     "waiting",
                                         "completed",    "failed",      "skipped",
                                         "compensating", "compensated", "compensation_failed" };
    static const char *const waits[] = {
        "",      "backoff", "answer", "timer",   "signal", "poll",
        "child", "human",   "sweep",  "redrive", "worker", "lease"
    };
    static const char *const kinds[] = { "http", "grpc", "function", "message", "custom",
                                         "saga", "wait", "task",     "event",   "unknown" };
    static const char *const commands[] = {
        "start",        "admit",          "recover", "wake",      "outcome",   "complete",
        "message",      "signal",         "sweep",   "take",      "heartbeat", "cancel",
        "force-cancel", "force-complete", "retry",   "skip-step", "suspend",   "resume"
    };
    assert_int_equal(sizeof reasons / sizeof reasons[0], SK_REASONS_COUNT);
    assert_int_equal(sizeof steps / sizeof steps[0], SK_STEP_STATES_COUNT);
    assert_int_equal(sizeof waits / sizeof waits[0], SK_FOR_COUNT);
    assert_int_equal(sizeof kinds / sizeof kinds[0], SK_KINDS_COUNT + 1);
    assert_int_equal(sizeof commands / sizeof commands[0], SK_COMMANDS_COUNT);
    assert_names(reason, SK_REASONS_COUNT, reasons);
    assert_names(step_state, SK_STEP_STATES_COUNT, steps);
    assert_names(wait_for, SK_FOR_COUNT, waits);
    assert_names(kind, SK_KINDS_COUNT + 1, kinds);
    assert_names(command, SK_COMMANDS_COUNT, commands);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saga_states),
        cmocka_unit_test(test_words_of_other_systems),
        cmocka_unit_test(test_other_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

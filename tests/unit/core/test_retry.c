/* test_retry.c: pauses between attempts, and which outcomes may be tried again. */
#include "play.h"

#define EXPONENTIAL(d, m, x)                                                               \
    {                                                                                      \
        .type = SK_RETRY_EXPONENTIAL, .max_attempts = 9, .initial_ms = d, .multiplier = m, \
        .max_ms = x                                                                        \
    }
#define LINEAR(d, i, x)                                                                 \
    {                                                                                   \
        .type = SK_RETRY_LINEAR, .max_attempts = 9, .initial_ms = d, .increment_ms = i, \
        .max_ms = x                                                                     \
    }
#define FIXED(d, x)                                                             \
    {                                                                           \
        .type = SK_RETRY_FIXED, .max_attempts = 4, .initial_ms = d, .max_ms = x \
    }

static void test_pauses(void **state)
{
    (void)state;
    static const int64_t year = INT64_C(366) * 24 * 3600 * 1000;
    static const struct {
        struct sk_retry_policy policy;
        uint32_t attempt;
        int64_t retry_after_ms, expected_ms;
    } rows[] = {
        { FIXED(5000, 0), 2, 0, 5000 },
        { FIXED(5000, 0), 9, 0, 5000 },
        { FIXED(5000, 3000), 2, 0, 3000 },
        { FIXED(0, 0), 2, 0, 0 },
        { FIXED(5000, 0), 0, 0, 5000 }, /* attempts below 2 count as 2 */
        { FIXED(5000, 0), 1, 0, 5000 },
        { { .type = SK_RETRY_NONE, .max_attempts = 1, .initial_ms = 0 }, 2, 0, 0 },
        { EXPONENTIAL(1000, 2.0, 0), 2, 0, 1000 },
        { EXPONENTIAL(1000, 2.0, 0), 3, 0, 2000 },
        { EXPONENTIAL(1000, 2.0, 0), 6, 0, 16000 },
        { EXPONENTIAL(1000, 2.0, 10000), 6, 0, 10000 },
        { EXPONENTIAL(1000, 1.5, 0), 4, 0, 2250 },
        { EXPONENTIAL(1000, 1.0, 0), 1000000, 0, 1000 },
        { EXPONENTIAL(1000, 10.0, 0), 4000000000u, 0, year },
        { LINEAR(1000, 500, 0), 2, 0, 1000 },
        { LINEAR(1000, 500, 0), 3, 0, 1500 },
        { LINEAR(1000, 500, 0), 10, 0, 5000 },
        { LINEAR(1000, 500, 1200), 10, 0, 1200 },
        { LINEAR(1000, 1000000000, 0), 4000000000u, 0, year },
        /* the participant's wish is a lower bound that beats the cap */
        { FIXED(5000, 3000), 2, 7000, 7000 },
        { FIXED(5000, 0), 2, 4999, 5000 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (uint64_t entropy = 0; entropy < 3; entropy++)
            assert_int_equal(sk_retry_delay(&rows[i].policy, rows[i].attempt, entropy * 77777,
                                            rows[i].retry_after_ms),
                             rows[i].expected_ms);
}

static void bounds_of(struct sk_retry_policy policy, int64_t *out_least, int64_t *out_most)
{
    *out_least = INT64_MAX;
    *out_most = INT64_MIN;
    for (uint64_t n = 0; n < 100000; n++) {
        int64_t ms = sk_retry_delay(&policy, 2, n, 0);
        if (ms < *out_least) *out_least = ms;
        if (ms > *out_most) *out_most = ms;
    }
}

static void test_jitter(void **state)
{
    (void)state;
    static const struct {
        enum sk_jitter jitter;
        int64_t initial_ms, max_ms, least, most;
    } rows[] = {
        { SK_JITTER_NONE, 1000, 0, 1000, 1000 },
        { SK_JITTER_QUARTER, 1000, 0, 750, 1250 },
        { SK_JITTER_QUARTER, 1000, 1100, 750, 1100 }, /* jitter first, then the cap */
        { SK_JITTER_QUARTER, 1, 0, 1, 1 },
        { SK_JITTER_QUARTER, 0, 0, 0, 0 },
        { SK_JITTER_FULL, 1000, 0, 0, 1000 },
        { SK_JITTER_FULL, 1000, 300, 0, 300 },
        { SK_JITTER_FULL, 0, 0, 0, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t least = 0, most = 0;
        bounds_of((struct sk_retry_policy){ .type = SK_RETRY_FIXED,
                                            .initial_ms = rows[i].initial_ms,
                                            .max_ms = rows[i].max_ms,
                                            .jitter = rows[i].jitter },
                  &least, &most);
        assert_int_equal(least, rows[i].least);
        assert_int_equal(most, rows[i].most);
    }
}

static void test_pause_of_what_must_succeed(void **state)
{
    (void)state;
    static const struct {
        struct sk_retry_policy policy;
        int64_t expected_ms;
    } rows[] = {
        { FIXED(5000, 0), 5000 },
        { FIXED(0, 0), 1000 }, /* never a busy loop */
        { FIXED(5000, 8000), 8000 },
        { EXPONENTIAL(1000, 2.0, 0), 128000 },
        { EXPONENTIAL(1000, 2.0, 60000), 60000 },
        { LINEAR(1000, 1000, 0), 8000 },
        { { .type = SK_RETRY_NONE, .max_attempts = 1 }, 1000 },
        { { .type = SK_RETRY_LINEAR, .max_attempts = 1, .initial_ms = 200, .increment_ms = 500 },
          200 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t attempts = rows[i].policy.max_attempts;
        assert_int_equal(sk_retry_delay_max(&rows[i].policy, attempts, 0), rows[i].expected_ms);
    }
    struct sk_retry_policy steep = EXPONENTIAL(900, 10.0, 0);
    assert_int_equal(sk_retry_delay_max(&steep, 1, 0), 900); /* as many as the start leaves */
    assert_int_equal(sk_retry_delay_max(&steep, 3, 0), 9000);
    struct sk_retry_policy level = FIXED(5000, 8000);
    assert_int_equal(sk_retry_delay_max(&level, 4, 20000), 20000); /* Retry-After beats the cap */
    assert_int_equal(sk_retry_delay_max(&level, 4, 7000), 8000);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static const struct sk_str listed[] = {
    { "busy", 4 }, { "503", 3 }, { "rate_limit", 10 }, { "gateway_timeout", 15 }
};
static const struct sk_str wide[] = { { "too_many_requests", 17 }, { "service_unavailable", 19 } };
enum { LISTED = 4, WIDE = 2 };

static void test_lists(void **state)
{
    (void)state;
    struct sk_retry_policy none = { .type = SK_RETRY_FIXED };
    struct sk_retry_policy only = none, never = none, both = none, empty = none;
    only.retryable = listed;
    only.retryable_count = LISTED;
    only.has_retryable = true;
    never.non_retryable = listed;
    never.non_retryable_count = LISTED;
    both = only;
    both.non_retryable = wide;
    both.non_retryable_count = WIDE;
    empty.has_retryable = true;
    const struct {
        const struct sk_retry_policy *policy;
        enum sk_outcome_class class_;
        const char *code;
        uint16_t status;
        bool expected;
    } rows[] = {
        { &none, SK_OUTCOME_RETRYABLE, "busy", 0, true },
        { &none, SK_OUTCOME_UNKNOWN, "timeout", 0, true },
        { &none, SK_OUTCOME_FAILED, "busy", 0, false },
        { &none, SK_OUTCOME_RETRYABLE, "validation", 0, false },
        { &none, SK_OUTCOME_RETRYABLE, "business", 0, false },
        { &none, SK_OUTCOME_RETRYABLE, "permission_denied", 0, false },
        { &none, SK_OUTCOME_UNKNOWN, "not_found", 0, false },
        { &none, SK_OUTCOME_RETRYABLE, "duplicate", 0, false },
        { &only, SK_OUTCOME_RETRYABLE, "busy", 0, true },
        { &only, SK_OUTCOME_FAILED, "busy", 0, true }, /* a clear no that is named */
        { &only, SK_OUTCOME_RETRYABLE, "other", 0, false },
        { &only, SK_OUTCOME_UNKNOWN, "timeout", 0, false },
        { &only, SK_OUTCOME_RETRYABLE, "http_503", 503, true },
        { &only, SK_OUTCOME_RETRYABLE, "http_502", 502, false },
        { &only, SK_OUTCOME_RETRYABLE, "x", 429, true },
        { &only, SK_OUTCOME_RETRYABLE, "too_many_requests", 0, true },
        { &only, SK_OUTCOME_UNKNOWN, "x", 504, true },
        { &never, SK_OUTCOME_RETRYABLE, "busy", 0, false },
        { &never, SK_OUTCOME_RETRYABLE, "x", 503, false },
        { &never, SK_OUTCOME_RETRYABLE, "x", 500, true },
        { &both, SK_OUTCOME_RETRYABLE, "busy", 503, false }, /* non_retryable wins */
        { &both, SK_OUTCOME_RETRYABLE, "busy", 429, false },
        { &both, SK_OUTCOME_RETRYABLE, "busy", 500, true },
        { &empty, SK_OUTCOME_RETRYABLE, "busy", 0, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sk_outcome outcome = { .class_ = rows[i].class_,
                                      .code = sk_str_of(rows[i].code),
                                      .status = rows[i].status };
        if (sk_retry_allows(rows[i].policy, &outcome) != rows[i].expected)
            fail_msg("row %zu: %s %u", i, rows[i].code, rows[i].status);
    }
}

/* ---- through decide -------------------------------------------------------------------------- */

static void test_policies_through_decide(void **state)
{
    (void)state;
    static const struct {
        const char *policy;
        int64_t pauses_ms[5]; /* -1 = given up */
    } rows[] = {
        { "{ type: fixed_delay, max_attempts: 3, initial_delay: 2s }", { 2000, 2000, -1 } },
        { "{ type: exponential_backoff, max_attempts: 4, initial_delay: 1s, multiplier: 3, "
          "max_delay: 5s }",
          { 1000, 3000, 5000, -1 } },
        { "{ type: linear_backoff, max_attempts: 4, initial_delay: 1s, increment: 2s }",
          { 1000, 3000, 5000, -1 } },
        { "{ type: no_retry }", { -1 } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char step[400];
        snprintf(step, sizeof step,
                 "  - { id: a, name: A, type: service, retry_policy: %s, action: { service: { "
                 "name: shop, path: /a } }, compensation: { type: automatic } }\n",
                 rows[i].policy);
        struct skt_play *play = skt_play_new(skt_plan_of("", step), NULL);
        for (size_t n = 0; rows[i].pauses_ms[n] >= 0; n++) {
            skt_answer(play, 0, SK_OUTCOME_RETRYABLE);
            assert_int_equal(sk_saga_wake_at(&play->saga), play->now_ms + rows[i].pauses_ms[n]);
            skt_advance(play, rows[i].pauses_ms[n]);
            assert_int_equal(skt_unit(play, 0)->action.attempt, n + 2);
        }
        skt_answer(play, 0, SK_OUTCOME_RETRYABLE);
        assert_int_equal(play->saga.state, SK_SAGA_COMPENSATED);
        skt_play_free(play);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pauses),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_pause_of_what_must_succeed),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_policies_through_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

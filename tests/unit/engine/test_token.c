/* Tokens of pending answers: every field counts, every bit counts. */
#include "engine/engine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t key[32] = { 1, 2, 3 };

static void round_trip(void **state)
{
    (void)state;
    struct sk_effect effect = {
        .step = 7, .item = -1, .operation = SK_OPERATION_COMPENSATION, .attempt = 3, .round = 2
    };
    struct sk_effect seen = { 0 };
    struct sk_buf text;
    sk_buf_init(&text, 0);
    sk_token_make(key, SK_STR("o-1"), &effect, &text);
    assert_true(text.size < 100);
    assert_true(sk_token_check(key, sk_buf_view(&text), SK_STR("o-1"), &seen));
    assert_int_equal(7, seen.step);
    assert_int_equal(-1, seen.item);
    assert_int_equal(SK_OPERATION_COMPENSATION, seen.operation);
    assert_int_equal(3, seen.attempt);
    assert_int_equal(2, seen.round);
    assert_false(sk_token_check(key, sk_buf_view(&text), SK_STR("o-2"), &seen));
    const uint8_t other[32] = { 1, 2, 4 };
    assert_false(sk_token_check(other, sk_buf_view(&text), SK_STR("o-1"), &seen));
    for (size_t i = 0; i < text.size; i++) {
        char kept = text.data[i];
        text.data[i] = kept == '0' ? '1' : '0';
        assert_false(sk_token_check(key, sk_buf_view(&text), SK_STR("o-1"), &seen));
        text.data[i] = kept;
        struct sk_str shorter = { text.data, i };
        assert_false(sk_token_check(key, shorter, SK_STR("o-1"), &seen));
    }
    sk_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(round_trip) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

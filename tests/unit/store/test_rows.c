/* test_rows.c: a part that is judged without memory is not refused, and ends no process. */
#include "store/rows.h"

#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_no_memory_is_passing(void **state)
{
    (void)state;
    struct sk_event_row events[] = { { .no = 1, .seq = 1 }, { .no = 2, .seq = 1 } };
    struct sk_head heads[] = { { .no = 1, .id = SK_STR("a") }, { .no = 2, .id = SK_STR("b") } };
    struct sk_start_key_row keys[] = { { .key = SK_STR("k") } };
    int n = 0;
    for (;; n++) {
        struct sk_part part = { .events = events,
                                .events_count = 2,
                                .heads = heads,
                                .heads_count = 2,
                                .keys = keys,
                                .keys_count = 1,
                                .result = SK_PART_DONE };
        skt_alloc_fail_at(n);
        bool is_fine = sk_part_has_no_twins(&part);
        if (!skt_alloc_fail_hit()) {
            assert_true(is_fine);
            break;
        }
        assert_false(is_fine);
        assert_int_equal(SK_PART_PASSING, part.result);
        assert_string_equal("out of memory", part.message);
    }
    skt_alloc_fail_off();
    assert_true(n > 0);
}

static void test_twins_are_refused(void **state)
{
    (void)state;
    struct sk_event_row events[] = { { .no = 1, .seq = 2 },
                                     { .no = 2, .seq = 1 },
                                     { .no = 1, .seq = 2 } };
    struct sk_part part = { .events = events, .events_count = 3 };
    assert_false(sk_part_has_no_twins(&part));
    assert_int_equal(SK_PART_REFUSED, part.result);
    struct sk_head heads[] = { { .no = 1, .id = SK_STR("a") }, { .no = 2, .id = SK_STR("a") } };
    part = (struct sk_part){ .heads = heads, .heads_count = 2 };
    assert_false(sk_part_has_no_twins(&part));
    assert_int_equal(SK_PART_REFUSED, part.result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_memory_is_passing),
        cmocka_unit_test(test_twins_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

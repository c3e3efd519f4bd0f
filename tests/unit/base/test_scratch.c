/* test_scratch.c: buffers are kept from one piece of work to the next, but no large ones. */
#include "base/scratch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_buffers_are_a_stack(void **state)
{
    (void)state;
    struct sk_scratch scratch;
    sk_scratch_init(&scratch);
    struct sk_buf *a = sk_scratch_take(&scratch, 0);
    sk_buf_append_text(a, "kept");
    struct sk_buf *b = sk_scratch_take(&scratch, 3);
    sk_buf_append_text(b, "too much");
    assert_true(b->failed && b->is_full);
    sk_scratch_give_back(&scratch, b);
    assert_string_equal(sk_buf_text(a), "kept");
    b = sk_scratch_take(&scratch, 0);
    assert_true(!b->failed && !b->is_full && b->size == 0);
    sk_scratch_give_back(&scratch, b);
    sk_scratch_give_back(&scratch, a);
    a = sk_scratch_take(&scratch, 0);
    assert_true(a->size == 0 && a->capacity > 0);
    sk_scratch_give_back(&scratch, a);
    sk_scratch_release(&scratch);
}

static void test_a_ceiling_holds_for_what_was_kept(void **state)
{
    (void)state;
    struct sk_scratch scratch;
    sk_scratch_init(&scratch);
    struct sk_buf *buf = sk_scratch_take(&scratch, 0);
    assert_non_null(sk_buf_reserve(buf, 1000));
    sk_scratch_give_back(&scratch, buf);
    buf = sk_scratch_take(&scratch, 100);
    for (int i = 0; i < 101; i++) sk_buf_append_char(buf, 'x');
    assert_true(buf->is_full && buf->size == 100);
    sk_scratch_give_back(&scratch, buf);
    sk_scratch_release(&scratch);
}

static void test_what_is_kept_is_bounded(void **state)
{
    (void)state;
    struct sk_scratch scratch;
    sk_scratch_init(&scratch);
    struct sk_buf *buf = sk_scratch_take(&scratch, 0);
    assert_non_null(sk_buf_reserve(buf, 2 * SK_SCRATCH_KEPT_MAX));
    assert_non_null(sk_arena_alloc(&scratch.arena, 2 * SK_SCRATCH_KEPT_MAX));
    sk_scratch_give_back(&scratch, buf);
    sk_scratch_clear(&scratch);
    assert_true(buf->capacity == 0 && scratch.arena.bytes == 0);
    assert_non_null(sk_arena_alloc(&scratch.arena, 10));
    sk_scratch_clear(&scratch);
    assert_true(scratch.arena.bytes > 0 && scratch.arena.used == 0);
    sk_scratch_release(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buffers_are_a_stack),
        cmocka_unit_test(test_a_ceiling_holds_for_what_was_kept),
        cmocka_unit_test(test_what_is_kept_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

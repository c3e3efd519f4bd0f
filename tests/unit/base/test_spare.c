/* test_spare.c: what is given back comes again, and is out of bounds meanwhile. */
#include "base/arena.h"
#include "base/scratch.h"
#include "base/spare.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct thing {
    int number;
    struct sk_list node;
    char name[100];
};

static bool is_out_of_bounds(const void *byte)
{
#ifdef SK_HAS_POISON
    return __asan_address_is_poisoned(byte) != 0;
#else
    (void)byte;
    return true; /* nothing to be seen in this build */
#endif
}

static bool is_within_bounds(const void *byte)
{
#ifdef SK_HAS_POISON
    return __asan_address_is_poisoned(byte) == 0;
#else
    (void)byte;
    return true;
#endif
}

static void test_given_back_and_taken(void **state)
{
    (void)state;
    struct sk_list spares;
    sk_list_init(&spares);
    assert_null(SK_SPARE_TAKE(&spares, struct thing, node));
    struct thing a = { .number = 1 }, b = { .number = 2 };
    struct thing *given[] = { &a, &b };
    for (size_t i = 0; i < 2; i++) {
        sk_list_init(&given[i]->node);
        SK_SPARE_PUT(&spares, given[i], node);
        assert_true(is_out_of_bounds(&given[i]->number));
        assert_true(is_out_of_bounds(given[i]->name) && is_out_of_bounds(&given[i]->name[99]));
        assert_true(is_within_bounds(&given[i]->node));
    }
    int sum = 0;
    for (struct thing *thing; (thing = SK_SPARE_TAKE(&spares, struct thing, node)) != NULL;) {
        assert_true(is_within_bounds(&thing->number) && is_within_bounds(&thing->name[99]));
        sum += thing->number; /* what it held it holds */
    }
    assert_int_equal(3, sum);
    assert_true(sk_list_is_empty(&spares));
}

static void test_an_arena_hands_out_what_was_asked_for(void **state)
{
    (void)state;
    struct sk_arena arena;
    sk_arena_init(&arena);
    char *text = sk_arena_alloc(&arena, 24);
    assert_non_null(text);
    assert_true(is_within_bounds(text) && is_within_bounds(text + 23));
    assert_true(is_out_of_bounds(text + 24));
    char *next = sk_arena_alloc(&arena, 8);
    assert_true(is_within_bounds(next + 7) && is_out_of_bounds(next + 8));
    sk_arena_clear(&arena);
    assert_true(is_out_of_bounds(text) && is_out_of_bounds(next));
    assert_ptr_equal(text, sk_arena_alloc(&arena, 1));
    assert_true(is_within_bounds(text) && is_out_of_bounds(text + 8));
    sk_arena_release(&arena);
}

static void test_a_scratch_takes_its_buffers_back(void **state)
{
    (void)state;
    struct sk_scratch scratch;
    sk_scratch_init(&scratch);
    struct sk_buf *buf = sk_scratch_take(&scratch, 0);
    sk_buf_append_text(buf, "text");
    const char *text = buf->data;
    sk_scratch_give_back(&scratch, buf);
    assert_true(is_out_of_bounds(text));
    buf = sk_scratch_take(&scratch, 0);
    assert_ptr_equal(text, buf->data);
    assert_true(is_within_bounds(text));
    sk_scratch_give_back(&scratch, buf);
    sk_scratch_release(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given_back_and_taken),
        cmocka_unit_test(test_an_arena_hands_out_what_was_asked_for),
        cmocka_unit_test(test_a_scratch_takes_its_buffers_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

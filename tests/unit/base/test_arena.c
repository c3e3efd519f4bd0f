/*
 * test_arena.c: memory by lifetime, and the bit sets that live in it.
 */
#include "base/arena.h"

#include "base/bitset.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>

#include <cmocka.h>

static bool is_zero(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static void test_zeroed_and_aligned_also_after_clear(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 3, 16, 100, 999, 1025, 5000, 70000, 200000, 7 };
    struct sk_arena arena;
    sk_arena_init(&arena);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 100; i++) {
            size_t size = sizes[i % (sizeof sizes / sizeof sizes[0])];
            char *memory = sk_arena_alloc(&arena, size);
            assert_non_null(memory);
            assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
            assert_true(is_zero(memory, size));
            memset(memory, 0xff, size);
        }
        size_t bytes = arena.bytes;
        assert_true(bytes >= 200000);
        sk_arena_clear(&arena);
        assert_true(arena.bytes < bytes);
        assert_int_equal(arena.used, 0);
    }
    sk_arena_release(&arena);
    assert_int_equal(arena.bytes, 0);
    sk_arena_clear(&arena);
    sk_arena_release(&arena);
}

static void test_a_small_arena_is_small(void **state)
{
    (void)state;
    struct sk_arena arena;
    sk_arena_init(&arena);
    for (int i = 0; i < 20; i++) {
        assert_non_null(SK_ARENA_NEW(&arena, uint64_t));
    }
    assert_true(arena.bytes < 2048);
    sk_arena_release(&arena);
}

static void test_copies_end_in_nul(void **state)
{
    (void)state;
    struct sk_arena arena;
    sk_arena_init(&arena);
    struct sk_str copy = sk_arena_copy(&arena, (struct sk_str){ "abcdef", 3 });
    assert_string_equal(copy.data, "abc");
    assert_int_equal(copy.size, 3);
    assert_string_equal(sk_arena_text(&arena, sk_str_of(NULL)), "");
    assert_non_null(SK_ARENA_ARRAY(&arena, uint32_t, 10));
    sk_arena_release(&arena);
}

static void test_overflow_fails(void **state)
{
    (void)state;
    struct sk_arena arena;
    sk_arena_init(&arena);
    assert_null(sk_arena_array(&arena, SIZE_MAX / 2, 3));
    assert_true(arena.failed);
    assert_null(sk_arena_alloc(&arena, 1));
    sk_arena_clear(&arena);
    assert_null(sk_arena_room(&arena, SIZE_MAX / 2, 3));
    assert_true(arena.failed);
    sk_arena_clear(&arena);
    assert_non_null(SK_ARENA_ROOM(&arena, uint32_t, 10));
    assert_null(sk_arena_alloc(&arena, SIZE_MAX));
    sk_arena_clear(&arena);
    assert_null(sk_arena_alloc(&arena, SIZE_MAX - 16));
    sk_arena_clear(&arena);
    assert_non_null(sk_arena_alloc(&arena, 1));
    assert_null(sk_arena_text(&arena, (struct sk_str){ "", SIZE_MAX }));
    sk_arena_release(&arena);
}

static bool fill(void *context)
{
    (void)context;
    struct sk_arena arena;
    sk_arena_init(&arena);
    for (size_t i = 0; i < 50; i++) {
        (void)sk_arena_alloc(&arena, 10 * i);
        (void)sk_arena_copy(&arena, SK_STR("text"));
    }
    bool is_whole = !arena.failed;
    assert_int_equal(is_whole, sk_arena_copy(&arena, SK_STR("last")).data != NULL);
    sk_arena_release(&arena);
    return is_whole;
}

static void test_memory_failure_is_sticky(void **state)
{
    (void)state;
    assert_true(skt_fail_each(fill, NULL) >= 3);
}

static void test_failure_can_last(void **state)
{
    (void)state;
    struct sk_arena arena;
    sk_arena_init(&arena);
    skt_alloc_fail_from(1);
    assert_non_null(sk_arena_alloc(&arena, 10));
    assert_null(sk_arena_alloc(&arena, 5000));
    sk_arena_clear(&arena);
    assert_null(sk_arena_alloc(&arena, 5000));
    assert_true(skt_alloc_fail_hit());
    skt_alloc_fail_off();
    sk_arena_clear(&arena);
    assert_non_null(sk_arena_alloc(&arena, 5000));
    sk_arena_release(&arena);
}

/* ---- bit sets -------------------------------------------------------------------------------- */

static void test_bitset_for_many_sizes(void **state)
{
    (void)state;
    struct sk_arena arena;
    sk_arena_init(&arena);
    static const uint32_t sizes[] = { 1, 63, 64, 65, 128, 1000 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t n = sizes[i];
        struct sk_bitset odd = sk_bitset_new(&arena, n);
        struct sk_bitset all = sk_bitset_new(&arena, n);
        struct sk_bitset none = sk_bitset_new(&arena, n);
        for (uint32_t bit = 0; bit < n; bit++) {
            sk_bitset_add(&all, bit);
            if (bit % 2 == 1) {
                sk_bitset_add(&odd, bit);
            }
        }
        assert_int_equal(sk_bitset_count(&all), n);
        assert_int_equal(sk_bitset_count(&odd), n / 2);
        assert_true(sk_bitset_is_subset(&odd, &all));
        assert_false(sk_bitset_is_subset(&all, &odd));
        assert_true(sk_bitset_is_subset(&none, &odd));
        assert_int_equal(sk_bitset_intersects(&odd, &all), n > 1);
        assert_false(sk_bitset_intersects(&none, &all));
        uint32_t seen = 0;
        for (uint32_t bit = sk_bitset_next(&odd, 0); bit < n; bit = sk_bitset_next(&odd, bit + 1)) {
            assert_int_equal(bit % 2, 1);
            assert_true(sk_bitset_has(&odd, bit));
            seen += 1;
        }
        assert_int_equal(seen, n / 2);
        assert_int_equal(sk_bitset_next(&all, n), n);
        assert_int_equal(sk_bitset_next(&none, 0), n);
        sk_bitset_add_all(&none, &odd);
        assert_true(sk_bitset_is_subset(&odd, &none));
        sk_bitset_drop(&all, n - 1);
        assert_false(sk_bitset_has(&all, n - 1));
        assert_int_equal(sk_bitset_count(&all), n - 1);
    }
    sk_arena_release(&arena);
}

static void test_bitset_without_memory(void **state)
{
    (void)state;
    struct sk_arena arena;
    sk_arena_init(&arena);
    assert_non_null(sk_bitset_new(&arena, 0).words);
    arena.failed = true;
    assert_null(sk_bitset_new(&arena, 10).words);
    sk_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed_and_aligned_also_after_clear),
        cmocka_unit_test(test_a_small_arena_is_small),
        cmocka_unit_test(test_copies_end_in_nul),
        cmocka_unit_test(test_overflow_fails),
        cmocka_unit_test(test_memory_failure_is_sticky),
        cmocka_unit_test(test_failure_can_last),
        cmocka_unit_test(test_bitset_for_many_sizes),
        cmocka_unit_test(test_bitset_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

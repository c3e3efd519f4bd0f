/* test_feed.c: cursors over all shards: what is written is read, and nothing else is taken for
 * one. */
#include "api/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SHARDS = 64 };

static void fill(struct sk_feed *feed, struct sk_arena *arena, uint64_t step)
{
    sk_arena_init(arena);
    assert_true(sk_feed_init(feed, arena, 7, SHARDS));
    for (uint32_t i = 0; i < SHARDS; i++) feed->after[i] = i * step;
}

static void cursors_round_trip(void **state)
{
    (void)state;
    static const uint64_t steps[] = { 0, 1, 127, 1000003, UINT64_C(1) << 40 };
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        struct sk_arena a, b;
        struct sk_feed from, to;
        struct sk_buf text = { 0 };
        fill(&from, &a, steps[s]);
        fill(&to, &b, 3);
        sk_feed_write(&from, &text);
        assert_int_equal(sk_feed_read(&to, sk_buf_view(&text)), SK_FEED_OK);
        assert_memory_equal(from.after, to.after, SHARDS * sizeof *from.after);
        sk_buf_release(&text);
        sk_arena_release(&a);
        sk_arena_release(&b);
    }
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { "", "A", "!", "AAAA", "AQ", "AQdA", "start", "=====" };
    struct sk_arena arena;
    struct sk_feed feed;
    struct sk_buf text = { 0 };
    fill(&feed, &arena, 5);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_not_equal(sk_feed_read(&feed, sk_str_of(wrong[i])), SK_FEED_OK);
    }
    sk_feed_write(&feed, &text);
    struct sk_str whole = sk_buf_view(&text);
    for (size_t size = 0; size < whole.size; size++) { /* cut anywhere */
        assert_int_not_equal(sk_feed_read(&feed, sk_str_sub(whole, 0, size)), SK_FEED_OK);
    }
    feed.incarnation = 8;
    assert_int_equal(sk_feed_read(&feed, whole), SK_FEED_FOREIGN);
    feed.incarnation = 7;
    feed.shards_count = SHARDS - 1;
    assert_int_equal(sk_feed_read(&feed, whole), SK_FEED_FOREIGN);
    sk_buf_release(&text);
    sk_arena_release(&arena);
}

static void every_shard_has_its_turn(void **state)
{
    (void)state;
    struct sk_arena arena;
    struct sk_feed feed;
    fill(&feed, &arena, 0);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < SHARDS; i++) {
        assert_true(sk_feed_turn(&feed));
        seen |= UINT64_C(1) << feed.at;
        feed.has_news[feed.at] = false;
        feed.at = (feed.at + 1) % SHARDS;
    }
    assert_int_equal(seen, UINT64_MAX);
    assert_false(sk_feed_turn(&feed));
    feed.has_news[3] = true;
    assert_true(sk_feed_turn(&feed));
    assert_int_equal(feed.at, 3);
    sk_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursors_round_trip),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(every_shard_has_its_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_start.c: the start record: round trip, damage, limits. */
#include "play.h"

static const struct sk_str keys[] = { { "a", 1 }, { "b", 1 }, { "", 0 } };
static const struct sk_str inherited[] = { { "k", 1 } };

static void fill_digest(struct sk_digest *digest, int from)
{
    for (size_t i = 0; i < sizeof digest->bytes; i++)
        digest->bytes[i] = (unsigned char)((size_t)from + i);
}

static struct sk_start full(struct sk_digest *children, uint32_t children_count)
{
    struct sk_start start = { .id = SK_STR("order-42"),
                              .space = SK_STR("shop"),
                              .context = SK_STR("{\"request\":1}"),
                              .business_key = SK_STR("b-7"),
                              .attributes = SK_STR("{\"vip\":true}"),
                              .tags = SK_STR("[\"x\"]"),
                              .start_key = SK_STR("key"),
                              .timeout_ms = 5000,
                              .acquire_timeout_ms = -1,
                              .max_attempts = 3,
                              .priority = -7,
                              .lock_keys = keys,
                              .lock_keys_count = 3,
                              .inherited_keys = inherited,
                              .inherited_keys_count = 1,
                              .parent = SK_STR("p"),
                              .parent_step = 9,
                              .parent_item = -1,
                              .parent_round = 2,
                              .depth = 4,
                              .children = children,
                              .children_count = children_count };
    fill_digest(&start.definition, 1);
    fill_digest(&start.request_digest, 100);
    return start;
}

static void assert_lists_equal(const struct sk_str *a, const struct sk_str *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) assert_true(sk_str_equal(a[i], b[i]));
}

static void test_round_trip(void **state)
{
    (void)state;
    struct sk_digest children[4];
    memset(children, 0, sizeof children);
    fill_digest(&children[1], 50);
    fill_digest(&children[3], 60);
    struct sk_start start = full(children, 4), back;
    struct sk_buf bytes;
    struct sk_arena arena;
    sk_buf_init(&bytes, 0);
    sk_arena_init(&arena);
    sk_start_encode(&start, &bytes);
    assert_true(sk_start_decode(sk_buf_view(&bytes), &arena, &back));
    assert_true(sk_str_equal(back.id, start.id));
    assert_true(sk_str_equal(back.space, start.space));
    assert_true(sk_str_equal(back.context, start.context));
    assert_true(sk_str_equal(back.business_key, start.business_key));
    assert_true(sk_str_equal(back.attributes, start.attributes));
    assert_true(sk_str_equal(back.tags, start.tags));
    assert_true(sk_str_equal(back.start_key, start.start_key));
    assert_true(sk_digest_equal(&back.definition, &start.definition));
    assert_true(sk_digest_equal(&back.request_digest, &start.request_digest));
    assert_int_equal(back.timeout_ms, start.timeout_ms);
    assert_int_equal(back.acquire_timeout_ms, -1);
    assert_int_equal(back.max_attempts, 3);
    assert_int_equal(back.priority, -7);
    assert_int_equal(back.lock_keys_count, 3);
    assert_lists_equal(back.lock_keys, keys, 3);
    assert_int_equal(back.inherited_keys_count, 1);
    assert_lists_equal(back.inherited_keys, inherited, 1);
    assert_true(sk_str_equal(back.parent, start.parent));
    assert_int_equal(back.parent_step, 9);
    assert_int_equal(back.parent_item, -1);
    assert_int_equal(back.parent_round, 2);
    assert_int_equal(back.depth, 4);
    assert_int_equal(back.children_count, 4);
    for (int i = 0; i < 4; i++) assert_true(sk_digest_equal(&back.children[i], &children[i]));
    assert_int_equal(back.input.size, 0); /* the event's body, not of the record */
    sk_arena_release(&arena);
    sk_buf_release(&bytes);
}

static void test_children_of_none_take_no_room(void **state)
{
    (void)state;
    struct sk_digest children[4];
    memset(children, 0, sizeof children);
    struct sk_start with = full(children, 4), without = full(NULL, 0), back;
    struct sk_buf a, b;
    struct sk_arena arena;
    sk_buf_init(&a, 0);
    sk_buf_init(&b, 0);
    sk_arena_init(&arena);
    sk_start_encode(&with, &a);
    sk_start_encode(&without, &b);
    assert_true(sk_str_equal(sk_buf_view(&a), sk_buf_view(&b)));
    assert_true(sk_start_decode(sk_buf_view(&a), &arena, &back));
    assert_int_equal(back.children_count, 0);
    sk_arena_release(&arena);
    sk_buf_release(&a);
    sk_buf_release(&b);
}

/* The record in a block of exactly its size: reading past the end is seen by a sanitizer. */
static bool decodes(const char *bytes, size_t size)
{
    struct sk_arena arena;
    struct sk_start start;
    sk_arena_init(&arena);
    char *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    if (size > 0) memcpy(copy, bytes, size);
    bool ok = sk_start_decode((struct sk_str){ copy, size }, &arena, &start);
    if (ok) {
        struct sk_buf again;
        sk_buf_init(&again, 0);
        sk_start_encode(&start, &again); /* every span can be read */
        sk_buf_release(&again);
    }
    free(copy);
    sk_arena_release(&arena);
    return ok;
}

static void test_damage(void **state)
{
    (void)state;
    struct sk_digest children[4];
    memset(children, 0, sizeof children);
    fill_digest(&children[2], 60);
    struct sk_start start = full(children, 4);
    struct sk_buf bytes;
    sk_buf_init(&bytes, 0);
    sk_start_encode(&start, &bytes);
    assert_true(decodes(bytes.data, bytes.size));
    for (size_t size = 0; size < bytes.size; size++) assert_false(decodes(bytes.data, size));
    uint32_t refused = 0;
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
        refused += !decodes(bytes.data, bytes.size);
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_true(refused > 0);
    sk_buf_append_char(&bytes, 0); /* something behind it */
    assert_false(decodes(bytes.data, bytes.size));
    bytes.data[0] = 9; /* a version that is not known */
    assert_false(decodes(bytes.data, bytes.size));
    sk_buf_release(&bytes);
}

static void test_limits(void **state)
{
    (void)state;
    enum { TOO_MANY = SK_LOCK_KEYS_MAX * SK_CHILD_DEPTH_MAX + 1 };
    static struct sk_str many[TOO_MANY];
    struct sk_start start = { .id = SK_STR("s"), .lock_keys = many, .lock_keys_count = TOO_MANY };
    struct sk_buf bytes;
    sk_buf_init(&bytes, 0);
    sk_start_encode(&start, &bytes);
    assert_false(decodes(bytes.data, bytes.size));
    sk_buf_clear(&bytes);
    start.lock_keys_count = TOO_MANY - 1;
    sk_start_encode(&start, &bytes);
    assert_true(decodes(bytes.data, bytes.size));
    sk_buf_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_children_of_none_take_no_room),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_heap.c: timers come out in order, whatever was put, moved and removed; against a plain scan.
 */
#include "base/heap.h"

#include "base/hash.h"
#include "base/list.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { NODES_COUNT = 64 };

static struct sk_heap_node *scan_first(struct sk_heap_node *nodes)
{
    struct sk_heap_node *first = NULL;
    for (size_t i = 0; i < NODES_COUNT; i++) {
        struct sk_heap_node *n = &nodes[i];
        bool is_before = first == NULL || n->when < first->when ||
                         (n->when == first->when && n->order < first->order);
        if (n->place != 0 && is_before) {
            first = n;
        }
    }
    return first;
}

static void test_random_operations_against_a_scan(void **state)
{
    (void)state;
    struct sk_heap_node nodes[NODES_COUNT] = { 0 };
    struct sk_heap heap = { 0 };
    assert_null(sk_heap_first(&heap));
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t r = sk_mix(42, i);
        struct sk_heap_node *node = &nodes[r % NODES_COUNT];
        if ((r >> 20) % 3 == 0) {
            sk_heap_remove(&heap, node);
            assert_int_equal(node->place, 0);
        } else {
            int64_t when = (int64_t)((r >> 24) % 50) - 25;
            assert_int_equal(sk_heap_put(&heap, node, when, r % NODES_COUNT), SKALD_OK);
        }
        assert_ptr_equal(sk_heap_first(&heap), scan_first(nodes));
    }
    int64_t last = INT64_MIN;
    while (heap.count > 0) {
        struct sk_heap_node *first = sk_heap_first(&heap);
        assert_true(first->when >= last);
        last = first->when;
        sk_heap_remove(&heap, first);
    }
    sk_heap_release(&heap);
}

static void test_release_lets_nodes_go(void **state)
{
    (void)state;
    struct sk_heap_node node = { 0 };
    struct sk_heap heap = { 0 };
    assert_int_equal(sk_heap_put(&heap, &node, 1, 1), SKALD_OK);
    sk_heap_release(&heap);
    assert_int_equal(node.place, 0);
}

static bool put_many(void *context)
{
    (void)context;
    struct sk_heap_node nodes[40] = { 0 };
    struct sk_heap heap = { 0 };
    enum skald_status status = SKALD_OK;
    for (size_t i = 0; i < 40 && status == SKALD_OK; i++) {
        status = sk_heap_put(&heap, &nodes[i], 40 - (int64_t)i, i);
        assert_int_equal(nodes[i].place == 0, status != SKALD_OK);
    }
    sk_heap_release(&heap);
    assert_true(status == SKALD_OK || status == SKALD_E_MEMORY);
    return status == SKALD_OK;
}

static void test_memory_failure_adds_nothing(void **state)
{
    (void)state;
    assert_int_equal(skt_fail_each(put_many, NULL), 3);
}

struct item {
    int number;
    struct sk_list link;
};

static void test_list(void **state)
{
    (void)state;
    struct sk_list head;
    struct item items[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };
    sk_list_init(&head);
    assert_true(sk_list_is_empty(&head));
    sk_list_push(&head, &items[1].link);
    sk_list_push(&head, &items[2].link);
    sk_list_push_front(&head, &items[0].link);
    int number = 0;
    for (struct sk_list *at = head.next; at != &head; at = at->next) {
        assert_int_equal(sk_container_of(at, struct item, link)->number, number);
        number += 1;
    }
    assert_int_equal(number, 3);
    sk_list_remove(&items[1].link);
    sk_list_remove(&items[1].link);
    assert_ptr_equal(head.next->next, &items[2].link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations_against_a_scan),
        cmocka_unit_test(test_release_lets_nodes_go),
        cmocka_unit_test(test_memory_failure_adds_nothing),
        cmocka_unit_test(test_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

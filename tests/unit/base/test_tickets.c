/* test_tickets.c: every number is found, whatever else is there; without memory chains grow. */
#include "base/tickets.h"

#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { COUNT = 500, STRIDE = 64 };

static void test_each_is_found(void **state)
{
    (void)state;
    struct sk_tickets tickets = { 0 };
    static struct sk_ticket items[COUNT];
    assert_null(sk_tickets_find(&tickets, 1));
    for (uint64_t i = 0; i < COUNT; i++) /* half of them in one bucket of a small table */
        assert_int_equal(sk_tickets_put(&tickets, &items[i], i % 2 == 0 ? i + 1 : i * STRIDE), 0);
    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t number = i % 2 == 0 ? i + 1 : i * STRIDE;
        assert_ptr_equal(sk_tickets_find(&tickets, number), &items[i]);
    }
    assert_null(sk_tickets_find(&tickets, COUNT * STRIDE));
    for (size_t i = 0; i < COUNT; i += 3) sk_tickets_remove(&tickets, &items[i]);
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t number = i % 2 == 0 ? i + 1 : i * STRIDE;
        assert_true((sk_tickets_find(&tickets, number) != NULL) == (i % 3 != 0));
    }
    size_t at = 0, left = tickets.count;
    for (struct sk_ticket *ticket; (ticket = sk_tickets_from(&tickets, &at)) != NULL; left--)
        sk_tickets_remove(&tickets, ticket);
    assert_int_equal(left, 0);
    assert_int_equal(tickets.count, 0);
    sk_tickets_release(&tickets);
}

static void test_without_memory(void **state)
{
    (void)state;
    struct sk_tickets tickets = { 0 };
    static struct sk_ticket items[2 * STRIDE];
    skt_alloc_fail_from(0);
    assert_int_equal(sk_tickets_put(&tickets, &items[0], 1), SKALD_E_MEMORY);
    skt_alloc_fail_off();
    assert_int_equal(sk_tickets_put(&tickets, &items[0], 1), SKALD_OK);
    skt_alloc_fail_from(0);
    for (uint64_t i = 1; i < 2 * STRIDE; i++)
        assert_int_equal(sk_tickets_put(&tickets, &items[i], i + 1), SKALD_OK);
    for (uint64_t i = 0; i < 2 * STRIDE; i++)
        assert_ptr_equal(sk_tickets_find(&tickets, i + 1), &items[i]);
    skt_alloc_fail_off();
    sk_tickets_release(&tickets);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_is_found),
                                        cmocka_unit_test(test_without_memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

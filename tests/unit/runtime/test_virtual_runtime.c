/* test_virtual_runtime.c: time moves from timer to timer, and the order is always the same. */
#include "runtime/virtual_runtime.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct world {
    struct sk_virtual_runtime *runtime;
    struct sk_runtime *port;
    struct sk_buf seen;
    struct sk_runtime_timer *timer;
    int again;
};

struct mark {
    struct world *world;
    const char *name;
};

static void note(void *context)
{
    struct mark *mark = context;
    sk_buf_printf(&mark->world->seen, "%s@%lld ", mark->name,
                  (long long)sk_virtual_runtime_now(mark->world->runtime));
}

static int set_up(void **state)
{
    static struct world world;
    world = (struct world){ .runtime = sk_virtual_runtime_new(
                                &(struct sk_virtual_options){ .now_ms = 1000, .seed = 7 }) };
    world.port = sk_virtual_runtime_port(world.runtime);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    sk_virtual_runtime_free(world->runtime);
    sk_buf_release(&world->seen);
    return 0;
}

static void test_timers_fire_at_their_moment_in_order(void **state)
{
    struct world *world = *state;
    struct mark marks[] = { { world, "a" }, { world, "b" }, { world, "c" }, { world, "never" } };
    struct sk_runtime_timer *timers[4];
    for (int i = 0; i < 4; i++)
        timers[i] = world->port->ops->timer_new(world->port, note, &marks[i]);
    world->port->ops->timer_arm(timers[0], 1500);
    world->port->ops->timer_arm(timers[1], 1200);
    world->port->ops->timer_arm(timers[2], 1500);
    world->port->ops->timer_arm(timers[3], 1300);
    world->port->ops->timer_disarm(timers[3]);
    sk_virtual_runtime_run(world->runtime, 1499);
    assert_string_equal(sk_buf_text(&world->seen), "b@1200 ");
    assert_int_equal(sk_virtual_runtime_now(world->runtime), 1499);
    sk_virtual_runtime_run(world->runtime, 5000);
    assert_string_equal(sk_buf_text(&world->seen), "b@1200 a@1500 c@1500 ");
    world->port->ops->timer_arm(timers[1], 4000); /* overdue: fires now, time never goes back */
    assert_true(sk_virtual_runtime_step(world->runtime, 5000));
    assert_false(sk_virtual_runtime_step(world->runtime, 5000));
    assert_string_equal(sk_buf_text(&world->seen), "b@1200 a@1500 c@1500 b@5000 ");
    for (int i = 0; i < 4; i++) world->port->ops->timer_free(timers[i]);
    world->port->ops->timer_free(NULL);
}

static void test_posts_come_before_timers_and_work_before_done(void **state)
{
    struct world *world = *state;
    struct mark timer_mark = { world, "timer" }, post = { world, "post" }, job = { world, "job" };
    struct sk_runtime_timer *timer = world->port->ops->timer_new(world->port, note, &timer_mark);
    world->port->ops->timer_arm(timer, 0);
    assert_int_equal(world->port->ops->post(world->port, note, &post), SKALD_OK);
    assert_int_equal(world->port->ops->offload(world->port, note, note, &job), SKALD_OK);
    assert_int_equal(world->seen.size, 0); /* nothing runs inside the call */
    assert_true(sk_virtual_runtime_settle(world->runtime));
    assert_string_equal(sk_buf_text(&world->seen), "post@1000 job@1000 job@1000 ");
    sk_virtual_runtime_run(world->runtime, 1000);
    assert_string_equal(sk_buf_text(&world->seen), "post@1000 job@1000 job@1000 timer@1000 ");
    world->port->ops->timer_free(timer);
}

static void rearm(void *context)
{
    struct world *world = context;
    sk_buf_printf(&world->seen, "%lld ", (long long)sk_virtual_runtime_now(world->runtime));
    if (--world->again == 0) {
        world->port->ops->timer_free(world->timer); /* from inside */
    } else {
        world->port->ops->timer_arm(world->timer, sk_virtual_runtime_now(world->runtime) + 100);
    }
}

static void test_a_timer_may_arm_and_free_itself(void **state)
{
    struct world *world = *state;
    world->again = 3;
    world->timer = world->port->ops->timer_new(world->port, rearm, world);
    world->port->ops->timer_arm(world->timer, 1100);
    sk_virtual_runtime_run(world->runtime, 9000);
    assert_string_equal(sk_buf_text(&world->seen), "1100 1200 1300 ");
    assert_int_equal(world->port->ops->monotonic_us(world->port), 9000000);
}

static void test_chance_is_the_seeds(void **state)
{
    struct world *world = *state;
    struct sk_virtual_options options = { .seed = 7 };
    struct sk_virtual_runtime *other = sk_virtual_runtime_new(&options);
    struct sk_runtime *port = sk_virtual_runtime_port(other);
    unsigned char a[13] = { 0 }, b[13] = { 0 }, c[13] = { 0 };
    world->port->ops->random(world->port, a, sizeof a);
    port->ops->random(port, b, sizeof b);
    port->ops->random(port, c, sizeof c);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(b, c, sizeof b);
    sk_virtual_runtime_free(other);
}

static void count_line(void *context, const struct sk_log_line *line)
{
    int *count = context;
    *count += line->event.size > 0;
}

static void test_the_log_goes_to_its_owner(void **state)
{
    (void)state;
    int count = 0;
    struct sk_virtual_options options = { .log = count_line, .log_context = &count };
    struct sk_virtual_runtime *runtime = sk_virtual_runtime_new(&options);
    struct sk_runtime *port = sk_virtual_runtime_port(runtime);
    port->ops->log(port, &(struct sk_log_line){ .event = SK_STR("step.completed") });
    assert_int_equal(count, 1);
    sk_virtual_runtime_free(runtime);
    sk_virtual_runtime_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_timers_fire_at_their_moment_in_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_posts_come_before_timers_and_work_before_done, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_timer_may_arm_and_free_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_chance_is_the_seeds, set_up, tear_down),
        cmocka_unit_test(test_the_log_goes_to_its_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_limits.c: the limiter around an invoker that only remembers what it was given, on a clock
 * that the test moves: who is sent, in which order, who is refused and why.
 */
#include "base/buf.h"
#include "base/list.h"
#include "invoke/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

/* ---- a runtime whose time stands still ------------------------------------------------------- */

struct sk_runtime_timer {
    struct sk_list node;
    int64_t at_ms; /* INT64_MAX: not armed */
    sk_runtime_fn *fn;
    void *context;
};

enum { POSTS_MAX = 64 };

struct clock {
    struct sk_runtime port;
    struct {
        sk_runtime_fn *fn;
        void *context;
    } posts[POSTS_MAX];
    uint32_t posts_count;
    int64_t now_ms;
    struct sk_list timers;
};
static struct clock world;

static int64_t now_ms(struct sk_runtime *runtime)
{
    (void)runtime;
    return world.now_ms;
}

static int64_t monotonic_us(struct sk_runtime *runtime)
{
    (void)runtime;
    return world.now_ms * 1000;
}

static struct sk_runtime_timer *timer_new(struct sk_runtime *runtime, sk_runtime_fn *fn,
                                          void *context)
{
    (void)runtime;
    struct sk_runtime_timer *timer = sk_alloc(sizeof *timer);
    *timer = (struct sk_runtime_timer){ .at_ms = INT64_MAX, .fn = fn, .context = context };
    sk_list_push(&world.timers, &timer->node);
    return timer;
}

static void timer_arm(struct sk_runtime_timer *timer, int64_t at_ms)
{
    timer->at_ms = at_ms;
}

static void timer_disarm(struct sk_runtime_timer *timer)
{
    timer->at_ms = INT64_MAX;
}

static void timer_free(struct sk_runtime_timer *timer)
{
    if (timer == NULL) return;
    sk_list_remove(&timer->node);
    sk_free(timer);
}

static enum skald_status post(struct sk_runtime *runtime, sk_runtime_fn *fn, void *context)
{
    (void)runtime;
    assert_true(world.posts_count < POSTS_MAX);
    world.posts[world.posts_count].fn = fn;
    world.posts[world.posts_count++].context = context;
    return SKALD_OK;
}

static void run_posts(void)
{
    for (uint32_t i = 0; i < world.posts_count; i++) world.posts[i].fn(world.posts[i].context);
    world.posts_count = 0;
}

static const struct sk_runtime_ops runtime_ops = { .post = post,
                                                   .now_ms = now_ms,
                                                   .monotonic_us = monotonic_us,
                                                   .timer_new = timer_new,
                                                   .timer_arm = timer_arm,
                                                   .timer_disarm = timer_disarm,
                                                   .timer_free = timer_free };

static struct sk_runtime_timer *first_due(int64_t until_ms)
{
    struct sk_runtime_timer *first = NULL;
    for (struct sk_list *at = world.timers.next; at != &world.timers; at = at->next) {
        struct sk_runtime_timer *timer = sk_container_of(at, struct sk_runtime_timer, node);
        if (timer->at_ms <= until_ms && (first == NULL || timer->at_ms < first->at_ms)) {
            first = timer;
        }
    }
    return first;
}

static void advance(int64_t ms)
{
    int64_t until_ms = world.now_ms + ms;
    for (struct sk_runtime_timer *timer; (timer = first_due(until_ms)) != NULL;) {
        if (timer->at_ms > world.now_ms) world.now_ms = timer->at_ms;
        timer->at_ms = INT64_MAX;
        timer->fn(timer->context);
    }
    world.now_ms = until_ms;
}

/* ---- an invoker that remembers --------------------------------------------------------------- */

struct flight {
    uint64_t ticket;
    sk_invoke_done *done;
    void *context;
    int64_t timeout_ms;
    bool is_over;
};

static struct sk_invoker inner;
static struct flight flights[256];
static size_t flights_count;
static enum skald_status inner_status;
static struct sk_buf said; /* "1 2 3:circuit_open/30000 " — sent, or ended:code/retry_after */
static struct sk_buf told; /* notices */

static enum skald_status inner_start(struct sk_invoker *port,
                                     const struct sk_invocation *invocation, sk_invoke_done *done,
                                     void *context)
{
    (void)port;
    if (inner_status != SKALD_OK) return inner_status;
    flights[flights_count++] =
        (struct flight){ invocation->ticket, done, context, invocation->timeout_ms, false };
    sk_buf_printf(&said, "%d ", (int)invocation->ticket);
    return SKALD_OK;
}

static struct flight *flight_of(uint64_t ticket)
{
    for (size_t i = 0; i < flights_count; i++) {
        if (flights[i].ticket == ticket && !flights[i].is_over) return &flights[i];
    }
    fail_msg("%d is not on the wire", (int)ticket);
    return NULL;
}

static void inner_cancel(struct sk_invoker *port, uint64_t ticket)
{
    (void)port;
    flight_of(ticket)->is_over = true;
}

static void inner_free(struct sk_invoker *port)
{
    (void)port;
}

static const struct sk_invoker_ops inner_ops = { inner_start, inner_cancel, inner_free };

static void on_end(void *context, uint64_t ticket, const struct sk_outcome *outcome)
{
    (void)context;
    if (outcome->status > 0) return; /* the participant's own answers are not of interest */
    assert_int_equal(outcome->class_, SK_OUTCOME_RETRYABLE);
    assert_true(outcome->is_answered); /* nothing has left: law 6 need not wait for it */
    assert_true(outcome->message.size > 0);
    sk_buf_printf(&said, "%d:%.*s", (int)ticket, SK_STR_ARGS(outcome->code));
    if (outcome->retry_after_ms > 0) sk_buf_printf(&said, "/%d", (int)outcome->retry_after_ms);
    sk_buf_append_char(&said, ' ');
}

static void answer(uint64_t ticket, uint16_t status)
{
    struct flight *flight = flight_of(ticket);
    flight->is_over = true;
    struct sk_outcome outcome = {
        .class_ = status >= 500 ? SK_OUTCOME_UNKNOWN : SK_OUTCOME_SUCCEEDED,
        .status = status,
        .is_answered = true,
    };
    flight->done(flight->context, ticket, &outcome);
}

static void expect_in(struct sk_buf *buf, const char *text, int line)
{
    if (strcmp(sk_buf_text(buf), text) != 0) {
        fail_msg("line %d: \"%s\", expected \"%s\"", line, sk_buf_text(buf), text);
    }
    sk_buf_clear(buf);
}
#define EXPECT(text) expect_in(&said, text, __LINE__)
#define EXPECT_TOLD(text) expect_in(&told, text, __LINE__)

/* ---- the limiter ----------------------------------------------------------------------------- */

static struct sk_limiter *limiter, *other_limiter;
static struct sk_invoker *invoker, *other_invoker; /* the other: of another loop */
static struct sk_limits_share *share;
static struct sk_services *services;
static const struct sk_action action = { .kind = SK_KIND_HTTP, .service = { "shop", 4 } };

static void on_notice(void *context, struct sk_str what, struct sk_str json)
{
    (void)context;
    sk_buf_printf(&told, "%.*s %.*s\n", SK_STR_ARGS(what), SK_STR_ARGS(json));
}

static void open_with(struct sk_limits defaults, uint32_t queue_max)
{
    skald_error error = { .message = "" };
    world = (struct clock){ .port = { &runtime_ops }, .now_ms = 1000000000 };
    sk_list_init(&world.timers);
    inner.ops = &inner_ops;
    inner_status = SKALD_OK;
    flights_count = 0;
    sk_buf_init(&said, 0);
    sk_buf_init(&told, 0);
    struct sk_limiter_options options = { .runtime = &world.port,
                                          .services = services,
                                          .defaults = defaults,
                                          .queue_max = queue_max,
                                          .on_notice = on_notice,
                                          .share = share };
    assert_int_equal(sk_limiter_new(&options, &limiter, &error), SKALD_OK);
    assert_int_equal(sk_limiter_wrap(limiter, &inner, &invoker), SKALD_OK);
    if (share == NULL) return;
    options.member = 1;
    assert_int_equal(sk_limiter_new(&options, &other_limiter, &error), SKALD_OK);
    assert_int_equal(sk_limiter_wrap(other_limiter, &inner, &other_invoker), SKALD_OK);
}

static bool is_inside;

static void enter(void *context)
{
    bool *inside = context;
    assert_false(*inside);
    *inside = true;
}

static void leave(void *context)
{
    bool *inside = context;
    assert_true(*inside);
    *inside = false;
}

/* Two limiters, of two loops. */
static void open_shared(struct sk_limits defaults)
{
    static const struct sk_limits_lock lock = { enter, leave, &is_inside };
    share = sk_limits_share_new(&lock);
    assert_non_null(share);
    open_with(defaults, 0);
}

static void close_all(void)
{
    invoker->ops->free(invoker);
    sk_limiter_free(limiter);
    if (share != NULL) {
        other_invoker->ops->free(other_invoker);
        sk_limiter_free(other_limiter);
    }
    run_posts(); /* what comes too late finds nobody */
    sk_limits_share_free(share);
    share = NULL;
    sk_services_free(services);
    services = NULL;
    assert_true(sk_list_is_empty(&world.timers)); /* none is left behind */
    sk_buf_release(&said);
    sk_buf_release(&told);
}

static struct sk_invocation call_of(uint64_t ticket, const char *saga, enum sk_operation operation)
{
    return (struct sk_invocation){ .ticket = ticket,
                                   .operation = operation,
                                   .action = &action,
                                   .saga_id = sk_str_of(saga),
                                   .timeout_ms = 10000 };
}

static void ask(uint64_t ticket, const char *saga, enum sk_operation operation)
{
    struct sk_invocation invocation = call_of(ticket, saga, operation);
    assert_int_equal(invoker->ops->start(invoker, &invocation, on_end, NULL), SKALD_OK);
}

static void act(uint64_t ticket, const char *saga)
{
    ask(ticket, saga, SK_OPERATION_ACTION);
}

/* On the other loop. */
static void act_there(uint64_t ticket, const char *saga)
{
    struct sk_invocation invocation = call_of(ticket, saga, SK_OPERATION_ACTION);
    assert_int_equal(other_invoker->ops->start(other_invoker, &invocation, on_end, NULL), SKALD_OK);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_sagas_take_turns(void **state)
{
    (void)state;
    open_with((struct sk_limits){ .in_flight_max = 1 }, 0);
    act(1, "a");
    act(2, "a");
    act(3, "a");
    act(4, "a");
    act(5, "b");
    act(6, "c");
    EXPECT("1 ");
    answer(1, 200);
    answer(2, 200);
    answer(5, 200);
    answer(6, 200);
    answer(3, 200);
    answer(4, 200);
    EXPECT("2 5 6 3 4 ");
    act(7, "a"); /* nobody waits any more */
    EXPECT("7 ");
    close_all();
}

static void test_undoing_goes_before_doing(void **state)
{
    (void)state;
    open_with((struct sk_limits){ .in_flight_max = 1 }, 2);
    act(1, "a");
    act(2, "b");
    act(3, "b");
    ask(4, "c", SK_OPERATION_COMPENSATION);
    ask(5, "d", SK_OPERATION_VERIFY);
    act(6, "e"); /* the lane of doing is full, that of undoing has its own room */
    ask(7, "f", SK_OPERATION_COMPENSATION);
    advance(0);
    EXPECT("1 6:queue_full/1000 7:queue_full/1000 ");
    answer(1, 200);
    answer(4, 200);
    answer(5, 200);
    answer(2, 200);
    EXPECT("4 5 2 3 ");
    close_all();
}

static void test_nobody_waits_beyond_half_of_its_time(void **state)
{
    (void)state;
    open_with((struct sk_limits){ .in_flight_max = 1 }, 0);
    act(1, "a");
    act(2, "b");
    advance(3000);
    act(3, "c");
    advance(2000); /* 2 has waited for 5 s of its 10 */
    EXPECT("1 2:queue_timeout ");
    answer(1, 200);
    EXPECT("3 ");
    assert_int_equal(flight_of(3)->timeout_ms, 8000); /* the rest of its time */
    close_all();
}

static void test_not_sent_after_the_lease(void **state)
{
    (void)state;
    open_with((struct sk_limits){ .in_flight_max = 1 }, 0);
    act(1, "a");
    struct sk_invocation leased = call_of(2, "b", SK_OPERATION_ACTION);
    leased.send_until_us = world.now_ms * 1000 + 1000000;
    assert_int_equal(invoker->ops->start(invoker, &leased, on_end, NULL), SKALD_OK);
    advance(1000);
    answer(1, 200);
    advance(0);
    EXPECT("1 2:queue_timeout ");
    close_all();
}

static void test_rate(void **state)
{
    (void)state;
    open_with((struct sk_limits){ .rate_per_s = 2, .burst = 3 }, 0);
    for (uint64_t ticket = 1; ticket <= 5; ticket++) act(ticket, "a");
    EXPECT("1 2 3 ");
    advance(499);
    EXPECT("");
    advance(2);
    EXPECT("4 ");
    advance(500);
    EXPECT("5 ");
    /* 5 s of patience are worth ten tokens; the eleventh would come too late */
    for (uint64_t ticket = 10; ticket <= 21; ticket++) act(ticket, "a");
    advance(0);
    EXPECT("20:rate_limited/5500 21:rate_limited/5500 ");
    advance(3600000); /* an hour of rest is worth the burst, no more */
    sk_buf_clear(&said);
    for (uint64_t ticket = 30; ticket <= 33; ticket++) act(ticket, "a");
    EXPECT("30 31 32 ");
    close_all();
}

static void fail_so_often(uint64_t first, uint32_t count)
{
    for (uint64_t ticket = first; ticket < first + count; ticket++) {
        act(ticket, "x");
        answer(ticket, 500);
    }
}

static void test_breaker(void **state)
{
    (void)state;
    open_with((struct sk_limits){ .in_flight_max = 6 }, 0);
    fail_so_often(1, 4);
    act(5, "x");
    answer(5, 200); /* in a row, or not at all */
    fail_so_often(6, 4);
    for (uint64_t ticket = 10; ticket <= 16; ticket++) act(ticket, "x");
    EXPECT("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 ");
    answer(10, 503);
    EXPECT_TOLD("circuit.opened {\"service\":\"shop\",\"failures\":5,"
                "\"retry_at\":\"1970-01-12T13:47:10.000Z\"}\n");
    answer(11, 200); /* sent before it opened: says nothing any more */
    act(17, "y");
    ask(18, "y", SK_OPERATION_COMPENSATION);
    advance(10000);
    EXPECT("16:circuit_open/30000 17:circuit_open/30000 18:circuit_open/30000 ");
    act(19, "y");
    advance(0);
    EXPECT("19:circuit_open/20000 ");
    for (uint64_t ticket = 12; ticket <= 15; ticket++) answer(ticket, 500);
    advance(20000);
    EXPECT_TOLD("circuit.half_open {\"service\":\"shop\"}\n");
    for (uint64_t ticket = 20; ticket <= 24; ticket++) act(ticket, "y");
    ask(25, "y", SK_OPERATION_COMPENSATION); /* probes of actions do not keep it out */
    EXPECT("20 21 22 25 ");
    answer(20, 200);
    answer(21, 429); /* says nothing */
    answer(22, 404);
    EXPECT("23 24 ");
    answer(25, 200);
    EXPECT_TOLD("circuit.closed {\"service\":\"shop\"}\n");
    answer(23, 500);
    fail_so_often(30, 4);
    EXPECT("30 31 32 33 ");
    EXPECT_TOLD(""); /* 23 was sent while half open */
    close_all();
}

static void test_half_open_fails(void **state)
{
    (void)state;
    open_with((struct sk_limits){ .breaker_threshold = 2, .breaker_timeout_ms = 100 }, 0);
    fail_so_often(1, 2);
    advance(100);
    sk_buf_clear(&said);
    sk_buf_clear(&told);
    for (uint64_t ticket = 10; ticket <= 14; ticket++) act(ticket, "a");
    answer(11, 200);
    answer(10, 502);
    advance(0);
    EXPECT("10 11 12 13 14:circuit_open/100 ");
    advance(100);
    act(20, "a");
    EXPECT("20 ");
    struct sk_limiter_view view;
    assert_true(sk_limiter_find(limiter, SK_STR("shop"), &view));
    assert_int_equal(view.breaker.state, SK_BREAKER_HALF_OPEN);
    assert_int_equal(view.breaker.opened_count, 2);
    close_all();
}

static void test_reset_by_hand(void **state)
{
    (void)state;
    open_with((struct sk_limits){ .breaker_threshold = 1 }, 0);
    assert_false(sk_limiter_reset(limiter, SK_STR("shop"), SK_STR("me"), SK_STR("why")));
    fail_so_often(1, 1);
    sk_buf_clear(&told);
    assert_true(sk_limiter_reset(limiter, SK_STR("shop"), SK_STR("me"), SK_STR("it is up")));
    EXPECT_TOLD("circuit.closed {\"service\":\"shop\",\"by\":\"me\",\"reason\":\"it is up\"}\n");
    act(2, "a");
    EXPECT("1 2 ");
    assert_true(sk_limiter_reset(limiter, SK_STR("shop"), SK_STR("me"), SK_STR("again")));
    EXPECT_TOLD(""); /* it was closed */
    close_all();
}

static void test_breaker_off(void **state)
{
    (void)state;
    open_with((struct sk_limits){ .breaker = SK_BREAKER_OFF }, 0);
    fail_so_often(1, 100);
    EXPECT_TOLD("");
    close_all();
}

static void test_cancel(void **state)
{
    (void)state;
    open_with((struct sk_limits){ .in_flight_max = 1, .breaker_threshold = 1 }, 0);
    act(1, "a");
    act(2, "b");
    act(3, "c");
    invoker->ops->cancel(invoker, 2);
    invoker->ops->cancel(invoker, 1); /* sends nothing from inside */
    invoker->ops->cancel(invoker, 77);
    EXPECT("1 ");
    advance(0);
    EXPECT("3 ");
    answer(3, 500);
    act(4, "d");
    act(5, "d");
    invoker->ops->cancel(invoker, 4); /* refused, but not told yet */
    advance(0);
    EXPECT("5:circuit_open/30000 ");
    act(6, "e"); /* freed with it in hand */
    close_all();
}

static void test_inner_refuses(void **state)
{
    (void)state;
    open_with((struct sk_limits){ .in_flight_max = 1 }, 0);
    struct sk_invocation invocation = call_of(1, "a", SK_OPERATION_ACTION);
    inner_status = SKALD_E_LIMIT;
    assert_int_equal(invoker->ops->start(invoker, &invocation, on_end, NULL), SKALD_E_LIMIT);
    inner_status = SKALD_OK;
    act(2, "a");
    act(3, "a");
    inner_status = SKALD_E_MEMORY;
    answer(2, 200);
    advance(0);
    EXPECT("2 3:SKALD_E_MEMORY ");
    inner_status = SKALD_OK;
    act(4, "a");
    EXPECT("4 ");
    close_all();
}

static struct sk_plan plan_of(const struct sk_service *said_services, uint8_t name)
{
    struct sk_plan plan = { .services = said_services, .services_count = 1 };
    plan.digest.bytes[0] = name;
    return plan;
}

static void test_whose_limits_apply(void **state)
{
    (void)state;
    skald_error error = { .message = "" };
    static const struct sk_service by_definition = {
        { "shop", 4 }, { .in_flight_max = 9, .rate_per_s = 5, .breaker = SK_BREAKER_OFF }
    };
    struct sk_service_options configured = { .name = "shop", .limits = { .in_flight_max = 2 } };
    struct sk_plan plan = plan_of(&by_definition, 1);
    struct sk_plan silent = { .digest = { .bytes = { 2 } } };
    services = sk_services_new();
    assert_int_equal(sk_services_add(services, &configured, &error), SKALD_OK);
    open_with((struct sk_limits){ .in_flight_max = 7, .breaker_threshold = 3 }, 0);
    struct sk_invocation invocation = call_of(1, "a", SK_OPERATION_ACTION);
    invocation.plan = &plan;
    assert_int_equal(invoker->ops->start(invoker, &invocation, on_end, NULL), SKALD_OK);
    invocation.plan = &silent; /* leaves standing what the other one said */
    invocation.ticket = 2;
    assert_int_equal(invoker->ops->start(invoker, &invocation, on_end, NULL), SKALD_OK);
    struct sk_limiter_view view;
    assert_true(sk_limiter_find(limiter, SK_STR("shop"), &view));
    assert_int_equal(view.limits.in_flight_max, 2);   /* the configuration */
    assert_int_equal((int)view.limits.rate_per_s, 5); /* the definition */
    assert_int_equal(view.limits.burst, 5);           /* a second's worth */
    assert_int_equal(view.limits.breaker, SK_BREAKER_OFF);
    assert_int_equal(view.limits.breaker_threshold, 3); /* the server's default */
    assert_int_equal(view.in_flight, 2);
    close_all();
}

static void test_target_without_a_service(void **state)
{
    (void)state;
    open_with((struct sk_limits){ .in_flight_max = 1 }, 0);
    struct sk_invocation invocation = call_of(1, "a", SK_OPERATION_ACTION);
    invocation.action = NULL;
    invocation.target = SK_STR("https://one.example:8443/path?x");
    assert_int_equal(invoker->ops->start(invoker, &invocation, on_end, NULL), SKALD_OK);
    invocation.ticket = 2;
    invocation.target = SK_STR("https://two.example?x");
    assert_int_equal(invoker->ops->start(invoker, &invocation, on_end, NULL), SKALD_OK);
    invocation.ticket = 3;
    assert_int_equal(invoker->ops->start(invoker, &invocation, on_end, NULL), SKALD_OK);
    EXPECT("1 2 ");
    struct sk_limiter_view view;
    assert_true(sk_limiter_find(limiter, SK_STR("https://one.example:8443"), &view));
    assert_true(sk_limiter_find(limiter, SK_STR("https://two.example"), &view));
    assert_int_equal(view.waiting[SK_LANE_DO], 1);
    close_all();
}

/* Names are the definitions' business, so their number has no end: those at rest are forgotten. */
static void test_many_services(void **state)
{
    (void)state;
    open_with((struct sk_limits){ .in_flight_max = 1 }, 0);
    struct sk_invocation invocation = call_of(1, "a", SK_OPERATION_ACTION);
    invocation.action = NULL;
    for (int i = 0; i < SK_LIMITS_SERVICES_MAX + 100; i++) {
        char target[32];
        (void)snprintf(target, sizeof target, "http://h%d/", i);
        invocation.ticket = (uint64_t)i + 1;
        invocation.target = sk_str_of(target);
        flights_count = 0;
        assert_int_equal(invoker->ops->start(invoker, &invocation, on_end, NULL), SKALD_OK);
        answer(invocation.ticket, 200);
    }
    struct sk_limiter_view view;
    assert_false(sk_limiter_find(limiter, SK_STR("http://h0"), &view));
    assert_true(sk_limiter_find(limiter, SK_STR("http://h4000"), &view));
    close_all();
}

static const struct {
    enum sk_outcome_class class_;
    uint16_t status;
    const char *code;
    enum sk_health health;
} healths[] = {
    { SK_OUTCOME_SUCCEEDED, 200, "", SK_HEALTH_GOOD },
    { SK_OUTCOME_PENDING, 202, "", SK_HEALTH_GOOD },
    { SK_OUTCOME_FAILED, 422, "declined", SK_HEALTH_GOOD },
    { SK_OUTCOME_RETRYABLE, 425, "http_425", SK_HEALTH_GOOD },
    { SK_OUTCOME_RETRYABLE, 429, "too_many_requests", SK_HEALTH_NEUTRAL },
    { SK_OUTCOME_RETRYABLE, 408, "http_408", SK_HEALTH_BAD },
    { SK_OUTCOME_RETRYABLE, 503, "service_unavailable", SK_HEALTH_BAD },
    { SK_OUTCOME_UNKNOWN, 500, "http_500", SK_HEALTH_BAD },
    { SK_OUTCOME_UNKNOWN, 200, "bad_body", SK_HEALTH_BAD },
    { SK_OUTCOME_UNKNOWN, 0, "timeout", SK_HEALTH_BAD },
    { SK_OUTCOME_RETRYABLE, 0, "connection_refused", SK_HEALTH_BAD },
    { SK_OUTCOME_RETRYABLE, 0, "network", SK_HEALTH_BAD },
    { SK_OUTCOME_RETRYABLE, 0, "secret_unknown", SK_HEALTH_NEUTRAL },
    { SK_OUTCOME_FAILED, 0, "invalid_url", SK_HEALTH_NEUTRAL },
    { SK_OUTCOME_FAILED, 0, "host_not_allowed", SK_HEALTH_NEUTRAL },
};

static void test_what_an_outcome_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof healths / sizeof healths[0]; i++) {
        struct sk_outcome outcome = { .class_ = healths[i].class_,
                                      .status = healths[i].status,
                                      .code = sk_str_of(healths[i].code) };
        if (sk_health_of(&outcome) != healths[i].health) fail_msg("row %zu", i);
    }
}

static const struct {
    struct sk_service_options options;
    const char *words;
} bad_services[] = {
    { { .name = "Shop" }, "lower-case letters" },
    { { .name = "" }, "lower-case letters" },
    { { .name = "-a" }, "lower-case letters" },
    { { .name = "a", .endpoint = "ftp://x" }, "no endpoint" },
    { { .name = "a", .endpoint = "http://x y" }, "no endpoint" },
    { { .name = "a", .headers_count = 1, .headers = &(const char *){ "no colon" } },
      "Name: value" },
    { { .name = "a", .headers_count = 1, .headers = &(const char *){ "X: a\nB: c" } },
      "Name: value" },
    { { .name = "a", .tls = { .key_file = "k.pem" } }, "no cert_file" },
    { { .name = "known" }, "twice" },
};

static void test_bad_services(void **state)
{
    (void)state;
    struct sk_services *made = sk_services_new();
    skald_error error = { .message = "" };
    struct sk_service_options known = { .name = "known", .endpoint = "https://known.example" };
    assert_int_equal(sk_services_add(made, &known, &error), SKALD_OK);
    for (size_t i = 0; i < sizeof bad_services / sizeof bad_services[0]; i++) {
        assert_int_equal(sk_services_add(made, &bad_services[i].options, &error), SKALD_E_ARGUMENT);
        if (strstr(error.message, bad_services[i].words) == NULL) fail_msg("%s", error.message);
    }
    assert_string_equal(sk_services_find(made, SK_STR("known"))->endpoint, "https://known.example");
    assert_null(sk_services_find(made, SK_STR("a")));
    sk_services_free(made);
}

/* ---- several loops --------------------------------------------------------------------------- */

static struct sk_limiter_view view_of(struct sk_limiter *of)
{
    struct sk_limiter_view view = { .in_flight = UINT32_MAX };
    assert_true(sk_limiter_find(of, SK_STR("shop"), &view));
    return view;
}

static void test_one_limit_for_two_loops(void **state)
{
    (void)state;
    open_shared((struct sk_limits){ .in_flight_max = 2 });
    act(1, "a");
    act_there(2, "b");
    act(3, "a");
    act_there(4, "b");
    act_there(5, "b");
    EXPECT("1 2 ");
    assert_int_equal(view_of(limiter).in_flight, 2);
    assert_int_equal(view_of(other_limiter).waiting[SK_LANE_DO], 3);
    answer(1, 200); /* its own line comes first, the other loop hears of it */
    EXPECT("3 ");
    run_posts();
    EXPECT("");
    answer(3, 200); /* nobody waits here any more: the other loop's turn */
    EXPECT("");
    run_posts();
    EXPECT("4 ");
    answer(2, 200);
    EXPECT("5 ");
    answer(4, 200);
    answer(5, 200);
    assert_int_equal(view_of(limiter).in_flight, 0);
    assert_int_equal(view_of(limiter).sent, 5);
    close_all();
}

static void test_one_rate_for_two_loops(void **state)
{
    (void)state;
    open_shared((struct sk_limits){ .rate_per_s = 1, .burst = 1 });
    act(1, "a");
    act_there(2, "b");
    act(3, "a");
    EXPECT("1 ");
    advance(1001);
    advance(1001);
    sk_buf_clear(&said);
    assert_int_equal(view_of(limiter).sent, 3);
    assert_int_equal(view_of(limiter).waiting[SK_LANE_DO], 0);
    close_all();
}

static void test_one_breaker_for_two_loops(void **state)
{
    (void)state;
    open_shared((struct sk_limits){
        .in_flight_max = 2, .breaker_threshold = 2, .breaker_timeout_ms = 5000 });
    act(1, "a");
    act_there(2, "b");
    act_there(3, "b"); /* in line */
    answer(1, 500);
    run_posts();
    EXPECT("1 2 3 ");
    act(4, "a");
    act_there(5, "b");
    EXPECT("");
    answer(2, 500); /* the second in a row, whoever saw them */
    advance(0);
    EXPECT("5:circuit_open/5000 ");
    run_posts();
    advance(0);
    EXPECT("4:circuit_open/5000 ");
    act(6, "a");
    advance(0);
    EXPECT("6:circuit_open/5000 ");
    assert_int_equal(view_of(limiter).breaker.state, SK_BREAKER_OPEN);
    assert_true(sk_limiter_reset(limiter, SK_STR("shop"), SK_STR("ada"), SK_STR("it is well")));
    act_there(7, "b");
    EXPECT("7 ");
    answer(3, 200);
    answer(7, 200);
    sk_buf_clear(&told);
    close_all();
}

static void test_a_loop_that_has_called_nobody_can_reset(void **state)
{
    (void)state;
    open_shared((struct sk_limits){ .breaker_threshold = 1 });
    act_there(1, "b");
    answer(1, 500);
    assert_int_equal(view_of(limiter).breaker.state, SK_BREAKER_OPEN);
    assert_false(sk_limiter_reset(limiter, SK_STR("none"), SK_STR("ada"), SK_STR("x")));
    assert_true(sk_limiter_reset(limiter, SK_STR("shop"), SK_STR("ada"), SK_STR("x")));
    assert_int_equal(view_of(other_limiter).breaker.state, SK_BREAKER_CLOSED);
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sagas_take_turns),
        cmocka_unit_test(test_undoing_goes_before_doing),
        cmocka_unit_test(test_nobody_waits_beyond_half_of_its_time),
        cmocka_unit_test(test_not_sent_after_the_lease),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_breaker),
        cmocka_unit_test(test_half_open_fails),
        cmocka_unit_test(test_reset_by_hand),
        cmocka_unit_test(test_breaker_off),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_inner_refuses),
        cmocka_unit_test(test_whose_limits_apply),
        cmocka_unit_test(test_target_without_a_service),
        cmocka_unit_test(test_many_services),
        cmocka_unit_test(test_what_an_outcome_says),
        cmocka_unit_test(test_bad_services),
        cmocka_unit_test(test_one_limit_for_two_loops),
        cmocka_unit_test(test_one_rate_for_two_loops),
        cmocka_unit_test(test_one_breaker_for_two_loops),
        cmocka_unit_test(test_a_loop_that_has_called_nobody_can_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

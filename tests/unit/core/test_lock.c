/* test_lock.c: the machine of one lock key: first come, first served, idempotent in any order. */
#include "play.h"

struct world {
    struct sk_lock lock;
    struct sk_decision decision;
    struct sk_event events[64];
    uint32_t events_count;
};

static void world_init(struct world *world)
{
    *world = (struct world){ .events_count = 0 };
    assert_true(sk_lock_init(&world->lock, SK_STR("@lock/account:7")));
    sk_decision_init(&world->decision);
}

static void world_release(struct world *world)
{
    for (uint32_t i = 0; i < world->events_count; i++)
        free((void *)(uintptr_t)world->events[i].text.data);
    sk_decision_release(&world->decision);
    sk_lock_release(&world->lock);
}

static void tell(struct world *world, enum sk_message_kind kind, const char *from)
{
    struct sk_message message = { .kind = kind, .from = sk_str_of(from), .to = world->lock.id };
    sk_decision_clear(&world->decision);
    assert_int_equal(sk_lock_decide(&world->lock, &message, 1000, &world->decision), SKALD_OK);
    for (uint32_t i = 0; i < world->decision.events_count; i++) {
        const struct sk_decided *decided = &world->decision.events[i];
        struct sk_event event = decided->event;
        struct sk_str data = sk_str_sub(sk_buf_view(&world->decision.data), decided->data_offset,
                                        decided->data_size);
        assert_true(sk_event_decode(data, &event));
        char *text = malloc(event.text.size + 1);
        assert_non_null(text);
        memcpy(text, event.text.data, event.text.size);
        event.text.data = text;
        world->events[world->events_count++] = event;
    }
}

/* What the last message did: events as letters (q requested, g granted, r released), whom the
 * grant was sent to, who holds it, how many wait. */
static void expect(const struct world *world, const char *events, const char *granted,
                   const char *holder, uint32_t waiters)
{
    char letters[8] = "";
    for (uint32_t i = 0; i < world->decision.events_count; i++) {
        enum sk_event_type type = world->decision.events[i].event.type;
        letters[i] = type == SK_EVENT_LOCK_REQUESTED ? 'q'
                     : type == SK_EVENT_LOCK_GRANTED ? 'g'
                                                     : 'r';
    }
    assert_string_equal(letters, events);
    assert_int_equal(world->decision.messages_count, granted[0] == '\0' ? 0 : 1);
    if (granted[0] != '\0') {
        const struct sk_message *message = &world->decision.messages[0];
        assert_int_equal(message->kind, SK_MESSAGE_LOCK_GRANTED);
        assert_true(sk_str_is(message->to, granted));
        assert_true(sk_str_is(message->from, "@lock/account:7"));
        assert_true(sk_str_is(message->body, "account:7"));
    }
    assert_true(sk_str_is(world->lock.holder, holder));
    assert_int_equal(world->lock.waiters_count, waiters);
    assert_int_equal(sk_lock_is_idle(&world->lock), holder[0] == '\0' && waiters == 0);
}

static void test_queue(void **state)
{
    (void)state;
    static const struct {
        enum sk_message_kind kind;
        const char *from, *events, *granted, *holder;
        uint32_t waiters;
    } rows[] = {
        { SK_MESSAGE_LOCK_RELEASE, "a", "", "", "", 0 }, /* before its request */
        { SK_MESSAGE_LOCK_REQUEST, "a", "qg", "a", "a", 0 },
        { SK_MESSAGE_LOCK_REQUEST, "a", "", "", "a", 0 }, /* again */
        { SK_MESSAGE_LOCK_REQUEST, "b", "q", "", "a", 1 },
        { SK_MESSAGE_LOCK_REQUEST, "b", "", "", "a", 1 },
        { SK_MESSAGE_LOCK_REQUEST, "c", "q", "", "a", 2 },
        { SK_MESSAGE_LOCK_REQUEST, "d", "q", "", "a", 3 },
        { SK_MESSAGE_LOCK_RELEASE, "c", "r", "", "a", 2 }, /* gives up waiting, in the middle */
        { SK_MESSAGE_LOCK_RELEASE, "c", "", "", "a", 2 },
        { SK_MESSAGE_LOCK_REQUEST, "c", "q", "", "a", 3 }, /* at the end again */
        { SK_MESSAGE_LOCK_RELEASE, "a", "rg", "b", "b", 2 },
        { SK_MESSAGE_LOCK_RELEASE, "a", "", "", "b", 2 },
        { SK_MESSAGE_LOCK_RELEASE, "c", "r", "", "b", 1 }, /* the last one goes */
        { SK_MESSAGE_LOCK_REQUEST, "e", "q", "", "b", 2 },
        { SK_MESSAGE_LOCK_RELEASE, "d", "r", "", "b", 1 }, /* the first one goes */
        { SK_MESSAGE_LOCK_RELEASE, "b", "rg", "e", "e", 0 },
        { SK_MESSAGE_LOCK_RELEASE, "e", "r", "", "", 0 },
        { SK_MESSAGE_CHILD_CANCEL, "a", "", "", "", 0 }, /* not for locks */
    };
    struct world world;
    world_init(&world);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tell(&world, rows[i].kind, rows[i].from);
        expect(&world, rows[i].events, rows[i].granted, rows[i].holder, rows[i].waiters);
        /* law 3: the stored events give the same machine */
        struct sk_lock again;
        assert_true(sk_lock_init(&again, world.lock.id));
        for (uint32_t e = 0; e < world.events_count; e++)
            assert_int_equal(sk_lock_evolve(&again, &world.events[e]), SKALD_OK);
        assert_true(sk_str_equal(again.holder, world.lock.holder));
        assert_int_equal(again.waiters_count, world.lock.waiters_count);
        assert_true(again.seq == world.lock.seq);
        sk_lock_release(&again);
    }
    world_release(&world);
}

static void test_many_at_once(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    char name[8];
    for (int i = 0; i < 20; i++) { /* more events than a decision has room for at first */
        snprintf(name, sizeof name, "s%d", i);
        struct sk_message message = { .kind = SK_MESSAGE_LOCK_REQUEST, .from = sk_str_of(name) };
        assert_int_equal(sk_lock_decide(&world.lock, &message, 5, &world.decision), SKALD_OK);
    }
    assert_int_equal(world.decision.events_count, 21);
    assert_int_equal(world.lock.waiters_count, 19);
    world_release(&world);
}

static void test_events_that_cannot_be(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct sk_event event = { .seq = 1, .type = SK_EVENT_SAGA_STARTED, .text = SK_STR("a") };
    assert_int_equal(sk_lock_evolve(&world.lock, &event), SKALD_E_CORRUPT);
    event.type = SK_EVENT_LOCK_REQUESTED;
    event.seq = 2;
    assert_int_equal(sk_lock_evolve(&world.lock, &event), SKALD_E_CORRUPT);
    event.seq = 1;
    assert_int_equal(sk_lock_evolve(&world.lock, &event), SKALD_OK);
    assert_int_equal(sk_lock_evolve(&world.lock, &event), SKALD_E_CORRUPT);
    world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_events_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

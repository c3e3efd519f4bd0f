/* testkit_private.h: what the files of the test kit share. */
#ifndef SK_SKALD_TESTKIT_PRIVATE_H
#define SK_SKALD_TESTKIT_PRIVATE_H

#include "base/list.h"
#include "runtime/virtual_runtime.h"
#include "skald/testkit.h"

struct mock_call {
    struct sk_testkit_call seen; /* first */
    struct sk_list open;         /* mock->open, while it is on the wire */
    struct sk_testkit *kit;
    uint64_t ticket; /* of the present engine */
    sk_invoke_done *done;
    void *done_context;
    int64_t after_ms;
    bool is_silent;
    struct sk_runtime_timer *timer; /* while on the wire */
    bool is_late;                   /* the timer means: nobody answered */
    bool is_task;                   /* taken from a queue: answered by its token */
    bool has_function;              /* of this process */
    bool is_function;               /* it works on the call */
};

struct mock_reply {
    struct sk_testkit_reply rule; /* times: what is left */
};

struct mock {
    struct sk_invoker port; /* first */
    struct sk_testkit *kit;
    struct mock_call **calls;
    uint32_t calls_count, calls_capacity;
    uint32_t lost_count; /* calls made before the engine died last: only they come again */
    struct sk_list open; /* in the order of their departure */
    struct mock_reply *replies;
    uint32_t replies_count, replies_capacity;
};

struct sk_testkit {
    struct sk_testkit_options options;
    struct sk_virtual_runtime *runtime;
    struct sk_store *store;
    struct sk_engine *engine;
    struct sk_api *api; /* the local door to the engine */
    struct sk_invoker *functions;
    struct sk_arena arena; /* what was seen */
    struct mock mock;
    struct sk_testkit_event *events;
    uint32_t events_count, events_capacity;
    struct sk_str *sagas; /* all that were accepted */
    uint32_t sagas_count, sagas_capacity;
};

void sk_mock_init(struct mock *mock, struct sk_testkit *kit);
void sk_mock_release(struct mock *mock);
/* The engine has died. */
void sk_mock_crashed(struct mock *mock);

/* A worker has taken it. */
void sk_mock_take(struct mock *mock, const struct sk_task_given *task);
/* True: some were taken, and others may be offered now. */
bool sk_testkit_take_tasks(struct sk_testkit *kit);

/* Out of memory ends the process. */
void sk_testkit_settle(struct sk_testkit *kit);
struct sk_str sk_testkit_copy(struct sk_testkit *kit, struct sk_str text);
void *sk_testkit_grow(void *items, uint32_t count, uint32_t *capacity, size_t size);

#endif

/* loops.c: see node.h. */
#include "skald/node.h"

#include "base/assert.h"
#include "invoke/function.h"
#include "runtime/thread.h"
#include "store/patience.h"

#include <stdio.h>

/* ---- notices --------------------------------------------------------------------------------- */

struct notice {
    struct sk_node *node;
    struct sk_str what, json;
    char text[];
};

static void tell_notice(void *context)
{
    struct notice *notice = context;
    struct sk_node *node = notice->node;
    if (!node->is_closed) node->on_notice(node->notice_context, notice->what, notice->json);
    sk_free(notice);
}

void sk_loop_notice(struct sk_loop *loop, struct sk_str what, struct sk_str json)
{
    struct sk_node *node = loop->node;
    if (node->on_notice == NULL) return;
    if (loop->index == 0) {
        node->on_notice(node->notice_context, what, json);
        return;
    }
    struct notice *notice = sk_alloc(sizeof *notice + what.size + json.size + 1);
    if (notice == NULL) return; /* the log has it */
    notice->node = node;
    memcpy(notice->text, what.data, what.size);
    if (json.size > 0) memcpy(notice->text + what.size, json.data, json.size);
    notice->what = (struct sk_str){ notice->text, what.size };
    notice->json = (struct sk_str){ notice->text + what.size, json.size };
    struct sk_runtime *home = sk_libevent_runtime_port(node->loops[0].runtime);
    if (home->ops->post(home, tell_notice, notice) != SKALD_OK) sk_free(notice);
}

/* ---- asking all engines ---------------------------------------------------------------------- */

struct asked_one {
    struct sk_asked_all *all;
    struct sk_loop *loop;
    enum skald_status status;
    skald_error error;
};

struct sk_asked_all {
    struct sk_asked_all *next; /* node->asked: freed with the node */
    struct sk_node *node;
    sk_engine_opened *done;
    void *context;
    int64_t grace_ms; /* < 0: open */
    uint32_t left;
    struct asked_one ones[];
};

static void count_answer(void *context)
{
    struct asked_one *one = context;
    struct sk_asked_all *all = one->all;
    all->left -= 1;
    if (all->left > 0 || all->node->is_closed) return;
    const struct asked_one *answer = &all->ones[0];
    for (uint32_t i = 0; i < all->node->loops_count; i++) {
        if (answer->status == SKALD_OK) answer = &all->ones[i];
    }
    if (all->grace_ms < 0) all->node->is_open = answer->status == SKALD_OK;
    all->done(all->context, answer->status, answer->status == SKALD_OK ? NULL : &answer->error);
}

static struct sk_runtime *home_of(const struct sk_node *node)
{
    return sk_libevent_runtime_port(node->loops[0].runtime);
}

/* Waits for memory: without the answer nobody would ever go on. */
static void post_patiently(struct sk_runtime *runtime, sk_runtime_fn *fn, void *context)
{
    for (int tries = 0; runtime->ops->post(runtime, fn, context) != SKALD_OK; tries++)
        sk_be_patient(tries, "out of memory: the loop takes no posts");
}

static void on_answer(void *context, enum skald_status status, const skald_error *error)
{
    struct asked_one *one = context;
    one->status = status;
    if (status != SKALD_OK) {
        (void)sk_error_set(&one->error, status, "%s",
                           error == NULL ? skald_status_text(status) : error->message);
    }
    if (one->loop->index == 0) {
        count_answer(one);
    } else {
        post_patiently(home_of(one->loop->node), count_answer, one);
    }
}

static void ask_engine(void *context)
{
    struct asked_one *one = context;
    struct sk_engine *engine = one->loop->engine;
    if (engine == NULL) return; /* closed meanwhile */
    if (one->all->grace_ms < 0) {
        sk_engine_open(engine, on_answer, one);
    } else {
        sk_engine_stop(engine, one->all->grace_ms, on_answer, one);
    }
}

static void ask_all(struct sk_node *node, int64_t grace_ms, sk_engine_opened *done, void *context)
{
    struct sk_asked_all *all =
        sk_alloc_patiently(sizeof *all + node->loops_count * sizeof all->ones[0],
                           "out of memory: to open or stop");
    all->node = node;
    all->done = done;
    all->context = context;
    all->grace_ms = grace_ms;
    all->left = 1;
    all->next = node->asked;
    node->asked = all;
    for (uint32_t i = 0; i < node->loops_count; i++)
        all->ones[i] = (struct asked_one){ .all = all, .loop = &node->loops[i] };
    for (uint32_t i = 1; i < node->loops_count; i++) {
        struct sk_loop *loop = &node->loops[i];
        if (!loop->has_thread) continue; /* never opened: there is nothing to stop */
        all->left += 1;
        post_patiently(sk_libevent_runtime_port(loop->runtime), ask_engine, &all->ones[i]);
    }
    ask_engine(&all->ones[0]);
}

/* ---- limits of participants ------------------------------------------------------------------ */

static void enter(void *lock)
{
    (void)pthread_mutex_lock(lock);
}

static void leave(void *lock)
{
    (void)pthread_mutex_unlock(lock);
}

struct sk_limits_share *sk_loops_share_limits(struct sk_node *node)
{
    struct sk_limits_lock lock = { enter, leave, &node->limits_lock };
    (void)pthread_mutex_init(&node->limits_lock, NULL);
    return sk_limits_share_new(&lock);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void *loop_main(void *context)
{
    struct sk_loop *loop = context;
    char name[16];
    skald_error error = { .message = "" };
    loop->self = pthread_self();
    (void)snprintf(name, sizeof name, "skald-loop-%u", loop->index);
    sk_thread_name(name);
    if (sk_libevent_runtime_run(loop->runtime, &error) != SKALD_OK)
        sk_panic("an event loop has failed", __FILE__, __LINE__);
    return NULL;
}

static enum skald_status start_threads(struct sk_node *node, skald_error *error)
{
    enum skald_status status = SKALD_OK;
    for (uint32_t i = 1; i < node->loops_count && status == SKALD_OK; i++) {
        struct sk_loop *loop = &node->loops[i];
        loop->has_thread = sk_thread_start(&loop->thread, loop_main, loop) == 0;
        if (!loop->has_thread)
            status = sk_error_set(error, SKALD_E_AGAIN, "the system gives no further thread");
    }
    return status;
}

void sk_loops_join(struct sk_node *node)
{
    for (uint32_t i = 1; i < node->loops_count; i++) {
        struct sk_loop *loop = &node->loops[i];
        if (!loop->has_thread) continue;
        sk_libevent_runtime_stop(loop->runtime);
        (void)pthread_join(loop->thread, NULL);
        loop->has_thread = false;
    }
}

void sk_loops_settle(struct sk_node *node)
{
    bool is_still = node->loops_count == 1; /* its own mail is let go with it */
    while (!is_still) {
        is_still = true;
        for (uint32_t i = 0; i < node->loops_count; i++) {
            struct sk_libevent_runtime *runtime = node->loops[i].runtime;
            if (runtime != NULL && sk_libevent_runtime_deliver(runtime) > 0) is_still = false;
        }
    }
}

void sk_loops_forget(struct sk_node *node)
{
    while (node->asked != NULL) {
        struct sk_asked_all *all = node->asked;
        node->asked = all->next;
        sk_free(all);
    }
}

/* ---- functions in C -------------------------------------------------------------------------- */

struct registration {
    struct sk_loop *loop;
    struct sk_function_handlers handlers;
    size_t name_size;
    char name[];
};

/* The first loop has found nothing wrong with it, so memory is all that can be missing. */
static void register_here(void *context)
{
    struct registration *r = context;
    struct sk_invoker *invoker = r->loop->invokers[SK_KIND_FUNCTION];
    struct sk_str name = { r->name, r->name_size };
    skald_error error;
    int tries = 0;
    while (invoker != NULL && sk_function_register(invoker, name, &r->handlers, &error) != SKALD_OK)
        sk_be_patient(tries++, "out of memory: for a function on all loops");
    sk_free(r);
}

enum skald_status sk_node_register(struct sk_node *node, struct sk_str name,
                                   const struct sk_function_handlers *handlers, skald_error *error)
{
    enum skald_status status =
        sk_function_register(node->loops[0].invokers[SK_KIND_FUNCTION], name, handlers, error);
    for (uint32_t i = 1; i < node->loops_count && status == SKALD_OK; i++) {
        struct registration *r =
            sk_alloc_patiently(sizeof *r + name.size, "out of memory: for a function");
        *r = (struct registration){ &node->loops[i], *handlers, name.size };
        memcpy(r->name, name.data, name.size);
        post_patiently(sk_libevent_runtime_port(node->loops[i].runtime), register_here, r);
    }
    return status;
}

bool sk_node_is_on_loop(const struct sk_node *node)
{
    for (uint32_t i = 1; i < node->loops_count; i++) {
        if (pthread_equal(pthread_self(), node->loops[i].self) != 0) return true;
    }
    return false;
}

bool sk_node_is_open(const struct sk_node *node)
{
    return node->is_open;
}

/* ---- the node's life ------------------------------------------------------------------------- */

void sk_node_open(struct sk_node *node, sk_engine_opened *done, void *context)
{
    skald_error error = { .message = "" };
    enum skald_status status = start_threads(node, &error);
    if (status == SKALD_OK) {
        ask_all(node, -1, done, context);
    } else {
        done(context, status, &error);
    }
}

void sk_node_stop(struct sk_node *node, int64_t grace_ms, sk_engine_opened *done, void *context)
{
    node->is_open = false;
    ask_all(node, grace_ms < 0 ? 0 : grace_ms, done, context);
}

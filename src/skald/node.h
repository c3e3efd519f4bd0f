/*
 * node.h: a node as the files that put it together see it.
 *
 *   assemble.c   what a node is made of
 *   loops.c      its loops: threads, opening and stopping all their engines, notices
 *
 *   N1  The first loop is the caller's: it runs where sk_libevent_runtime_run is called. Each other
 *       one has a thread from sk_node_open to sk_node_close.
 *   N2  What belongs to a loop is touched on its thread only, or while no loop runs.
 *   N3  Whoever asks the node is answered on the first loop.
 */
#ifndef SK_SKALD_NODE_H
#define SK_SKALD_NODE_H

#include "skald/assemble.h"
#include "skald/token_key.h"

#include <pthread.h>
#include <stdatomic.h>

struct sk_ferry;
struct sk_group;

enum { SK_NODE_NAME_SIZE_MAX = 128 };

struct sk_loop {
    struct sk_node *node;
    uint32_t index;
    struct sk_libevent_runtime *runtime;
    struct sk_store *store;                      /* as this loop sees it */
    struct sk_invoker *invokers[SK_KINDS_COUNT]; /* by kind; owned */
    struct sk_limiter *limiter;
    const struct sk_invoker *http; /* without the limiter around it */
    struct sk_invoker *notifier;   /* uses the HTTP invoker */
    struct sk_engine *engine;
    pthread_t thread;
    bool has_thread;
    _Atomic pthread_t self; /* 0: it has not begun; looked at by any thread */
};

struct sk_node {
    char name[SK_NODE_NAME_SIZE_MAX];
    const struct sk_node_options *options; /* while it is made */
    struct sk_store *store;
    struct sk_ferry *ferry; /* NULL: one loop; else it owns the store */
    struct sk_group *group; /* NULL: one loop */
    pthread_mutex_t limits_lock;
    struct sk_limits_share *limits; /* NULL: one loop */
    struct sk_services *services;
    _Atomic uint32_t channels_told;
    uint8_t token_key[SK_TOKEN_KEY_SIZE];
    const char *secrets_folder;
    void (*on_notice)(void *context, struct sk_str what, struct sk_str json);
    void *notice_context;
    struct sk_asked_all *asked; /* loops.c: opening and stopping; the first loop's */
    bool is_closed;             /* what comes to the first loop now comes too late */
    atomic_bool is_open;        /* all engines serve; looked at by any loop */
    uint32_t loops_count;
    struct sk_loop loops[];
};

/* To whoever made the node, on the first loop. */
void sk_loop_notice(struct sk_loop *loop, struct sk_str what, struct sk_str json);
/* With the lock of the node; NULL: out of memory. */
struct sk_limits_share *sk_loops_share_limits(struct sk_node *node);
/* Ends the threads; the first loop does not run. */
void sk_loops_join(struct sk_node *node);
/* The engines and the store are freed and no loop runs: what the loops still have for each other
 * arrives now, while there are still APIs that can tell their clients. */
void sk_loops_settle(struct sk_node *node);
/* Nothing is on its way between the loops any more. */
void sk_loops_forget(struct sk_node *node);

#endif

/*
 * forward.h: the APIs of one node, one on each of its loops (engine/group.h), and exchanges that
 * concern a saga of another loop: the request is carried there, is one of that API's own, and its
 * reply is carried back and written by the loop of the connection.
 *
 *       connection's loop                          saga's loop
 *       sk_forward: copied ──────── post ────────► sk_api_take … the handler …
 *       reply, headers and all ◄─── post ───────── reply
 *
 *   F1  Whose shard a request belongs to is said by its route (`place` in routes.h), from the
 *       request alone: both sides find the same loop, so nothing is carried twice.
 *   F2  An exchange has at most one request under way at a sibling, and no call to its own engine
 *       meanwhile (A2). Who goes away first is not waited for: the answer is then dropped.
 *   F3  Every request that left is answered while the loops run: by the handler, or with 503 when
 *       the sibling has gone down. An answer that finds no memory waits for some.
 *   F4  Streams are not carried: they read from the store, which every loop can, and are written by
 *       the loop of the connection.
 *
 * Everything on the loop of the API it is called with; sk_peers_new and _free while no loop runs.
 */
#ifndef SK_API_FORWARD_H
#define SK_API_FORWARD_H

#include "api/exchange.h"

struct sk_group;
struct sk_peers;

/* Held for a copy of what the loops have in common. */
struct sk_peers_lock {
    void (*enter)(void *context);
    void (*leave)(void *context);
    void *context;
};

/* NULL: out of memory. The group and the lock's context outlive it. */
struct sk_peers *sk_peers_new(struct sk_group *group, const struct sk_peers_lock *lock);
/* After all its APIs, and when nothing is on its way between the loops. NULL is fine. */
void sk_peers_free(struct sk_peers *peers);
uint32_t sk_peers_count(const struct sk_peers *peers);

/* What the loops have in common. The streams that are open on any; the rings (ring.c), of
 * observations and rte_events.c's: NULL until the first of them is made. */
_Atomic(unsigned) *sk_peers_streams(struct sk_peers *peers);
void sk_peers_enter(struct sk_peers *peers);
void sk_peers_leave(struct sk_peers *peers);
struct sk_ring_store **sk_peers_ring(struct sk_peers *peers, bool is_rte);

/* `api` NULL: it is gone, or not there yet: free the context, and answer without it. */
typedef void sk_peer_fn(struct sk_api *api, void *context);
/* Runs fn on the loop of a member, with its API; in the order of the posts. SKALD_E_MEMORY: not
 * posted. */
enum skald_status sk_peers_post(struct sk_peers *peers, uint32_t member, sk_peer_fn *fn,
                                void *context) SK_MUST_CHECK;

/* The member whose engine serves the shard of this id; that of the exchange when it is alone. */
uint32_t sk_forward_member(const struct sk_exchange *x, struct sk_str id);
/* Carried, if it belongs elsewhere: the exchange is answered by and by. False: it belongs here. */
bool sk_forward(struct sk_exchange *x) SK_MUST_CHECK;

/* A request of our own to a sibling, for a part of what the exchange was asked. */
struct sk_forward_ask {
    enum sk_http_method method;
    struct sk_str path, body; /* copied */
};
/* status 0: nobody is there any more. `body` is borrowed for the call. */
typedef void sk_forward_done(struct sk_exchange *x, int status, struct sk_str body);
/* `done` comes once, never from inside the call; not at all when the exchange has gone. False: out
 * of memory, and it does not come. */
bool sk_forward_to(struct sk_exchange *x, uint32_t member, const struct sk_forward_ask *ask,
                   sk_forward_done *done) SK_MUST_CHECK;

/* api.c, exchange.c: the life of the API and of an exchange. */
enum skald_status sk_forwards_init(struct sk_api *api) SK_MUST_CHECK;
void sk_forwards_release(struct sk_api *api);
void sk_forward_forget(struct sk_exchange *x);

#endif
